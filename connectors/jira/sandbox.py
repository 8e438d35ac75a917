"""The pretend Jira, Cloud or Data Center: the documented API over TLS, signed webhooks for every change, and faults.

The only file here that imports Flask. It stands in for a site in the demo and in tests; it claims to behave as the
published documents and recorded samples say, and nothing beyond them. ITSM and HELP are service projects, the second
team-managed; DEV is a plain one.
"""

from __future__ import annotations

import json
import secrets as random
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from flask import Flask, Response, request
from werkzeug.http import http_date

from connectors.faults import Faults, befall
from connectors.jira import pretend_admin, pretend_api, pretend_comments, pretend_lookup, pretend_subscriptions
from connectors.jira.pretend import PretendSite
from connectors.jira.pretend_access import EMAILS, Doors, Visitor, scope_for
from connectors.jira.pretend_asking import NOWHERE, Answer, Asked, View
from connectors.jira.pretend_herald import Herald
from connectors.jira.pretend_hooks import MANNERS, Webhooks, signed
from connectors.jira.pretend_limits import Limits
from connectors.jira.pretend_links import No
from connectors.jira.pretend_people import People
from connectors.jira.pretend_rules import Rules
from connectors.jira.records import ADMIN, FIELDS, OURS
from connectors.postman import Postman
from connectors.sandboxing import Authority, Recorded, Served

Deployment = Literal["cloud", "datacenter"]
ROUTES = (
    *pretend_api.ROUTES,
    *pretend_comments.ROUTES,
    *pretend_lookup.ROUTES,
    *pretend_admin.ROUTES,
    *pretend_subscriptions.ROUTES,
)
_NOBODY = Visitor(who="")
_STATUS_MAP = {"Waiting for customer": "pending", "On hold": "on_hold", "Closed": "closed"}
_PACE = 0.001  # a vendor's five minutes in 0.3 seconds


def sign(body: bytes, secrets: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the headers that a genuine Cloud delivery of this body carries. Jira signs no time: `now` is not in it."""
    return signed(body, str(secrets["webhook_secrets"][0]))


def build(authority: Authority, port: int = 0, deployment: Deployment = "cloud") -> Sandbox:
    """Start a pretend Jira on loopback."""
    return Sandbox(authority, port, deployment)


class Sandbox(People):
    """A pretend Jira site with three projects, six people who work there and two customers."""

    def __init__(
        self,
        authority: Authority,
        port: int = 0,
        deployment: Deployment = "cloud",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.faults, self.postman = Faults(), Postman(MANNERS, _PACE)
        self.requests: list[Recorded] = []
        self.site = PretendSite(deployment, clock)
        self.deployment = deployment
        self.doors = Doors(self.site.cloud, clock)
        self.limits = Limits(self.site.cloud, clock)
        self.date_shift = timedelta()  # how wrong this Jira's clock is
        self.cloud_id = self.doors.cloud_id
        self._bundle = authority.bundle
        self._lock = threading.RLock()
        self._secrets = {
            "token" if self.site.cloud else "personal_token": self.doors.word(OURS),
            "webhook_secrets": [random.token_hex(16)],
        }
        hooks = Webhooks(
            self.site,
            lambda envelope: self.postman.post(envelope),  # another postman may have taken over
            lambda: str(self._secrets["webhook_secrets"][0]),
        )
        self.herald = Herald(self.site, hooks, Rules(self.site, hooks.request))
        self._served = Served(_at_the_gateway(self._app()), authority, port)
        self.url = self.site.url = self._served.url
        self.gateway = f"{self.url}/ex/jira/{self.cloud_id}"

    # --- for whoever connects to it ---------------------------------------------------------------------
    def site_toml(self, name: str, mode: str) -> str:
        """Return the `[sites.<name>]` section that connects to this sandbox, secrets left out."""
        fields = "\n".join(f'{ours} = "{theirs}"' for ours, theirs in FIELDS.items())
        statuses = "\n".join(f'"{theirs}" = "{ours}"' for theirs, ours in _STATUS_MAP.items())
        email = f'email = "{EMAILS[OURS]}"\n' if self.site.cloud else ""
        return (
            f'[sites.{name}]\nvendor = "jira"\nurl = "{self.url}"\nca_bundle = "{self._bundle}"\nmode = "{mode}"\n'
            f'deployment = "{self.deployment}"\naccount = "{self.site.user_id(OURS)}"\n{email}\n'
            f"[sites.{name}.fields]\n{fields}\n\n[sites.{name}.statuses]\n{statuses}\n"
        )

    def secrets(self) -> Mapping[str, Any]:
        """Return the site's secrets by setting name, as they would stand in secrets.toml."""
        return self._secrets

    def admin(self) -> tuple[str | None, str]:
        """Return an administrator's e-mail address (Cloud) or nothing, and token."""
        return (EMAILS[ADMIN] if self.site.cloud else None), self.doors.word(ADMIN)

    def scoped_token(self, *scopes: str) -> str:
        """Return an API token of our account that may do only this, and only at the gateway."""
        return self.doors.scoped(frozenset(scopes))

    def oauth_app(self) -> Mapping[str, str]:
        """Return the client id and the client secret of the site's OAuth app."""
        return self.doors.client

    def consent(self, scopes: str, redirect_uri: str) -> str:
        """Let our account allow the OAuth app what it asks for; return the code for it."""
        return self.doors.consent(scopes, redirect_uri)

    def forget_tokens(self) -> None:
        """Let every OAuth access token die at once, as a revocation does."""
        self.doors.forget()

    def subscribe(self, url: str, verify: str | bool = True) -> None:
        """Send a signed webhook to this address for every change, including our own."""
        self.herald.hooks.subscribe(url, verify)

    def person(self, word: str) -> str:
        """Return the id (account id or user name) of ann, ben, eva, dan, carla, cora, ada or stepladder."""
        return self.site.user_id(self.site.known(word))

    def stop(self) -> None:
        """Stop the server and the postman."""
        self.faults.stop()
        self.postman.stop()
        self._served.stop()

    # --- the API ----------------------------------------------------------------------------------------
    def _app(self) -> Flask:
        app = Flask("jira-sandbox")
        for method, rule, view in ROUTES:
            app.add_url_rule(rule, f"{method} {rule}", self._guarded(view), methods=[method])
        for method, rule, view in pretend_admin.OPEN:
            app.add_url_rule(rule, f"{method} {rule}", self._guarded(view, anybody=True), methods=[method])
        app.register_error_handler(404, lambda error: _json(404, NOWHERE))
        app.after_request(self._record)
        return app

    def _guarded(self, view: View, *, anybody: bool = False) -> Callable[..., Response]:
        def answer(**found: str) -> Response:
            claim = request.headers.get("Authorization", "")

            def apply() -> Response:
                visitor = _NOBODY if anybody else self._visitor(claim)
                if visitor is None:
                    return self._stranger(claim)
                if not _scoped(visitor):
                    return _json(401, {"code": 401, "message": "Unauthorized; scope does not match"})
                with self._lock:
                    return self._within_limits(visitor, found, lambda: _answered(view, self._asked(visitor, found)))

            return befall(self.faults, apply, lambda: self.doors.expire(claim))

        return answer

    def _within_limits(self, visitor: Visitor, found: Mapping[str, str], answer: Callable[[], Answer]) -> Response:
        issue = found.get("issue")
        number = self.site.moved.get(issue, issue) if issue else None
        same = next((i["id"] for i in self.site.issues.values() if number in (i["id"], i["key"])), None)
        asks = (request.method, visitor.who)
        refusal = self.limits.judge(*asks, same, visitor.app)
        said = {"errorMessages": ["Rate limit exceeded."], "errors": {}}
        response = _json(429, said) if refusal else self._named(_json(*self._told(*answer())), visitor)
        response.headers.update(self.limits.headers(*asks, visitor.app, refusal))
        return response

    def _told(self, status: int, body: Any) -> Answer:
        """Let addresses name the gateway to whoever came through it."""
        return status, _elsewhere(body, f"{self.url}/rest/", f"{self.gateway}/rest/") if request.script_root else body

    def _visitor(self, claim: str) -> Visitor | None:
        elsewhere = request.path.startswith(("/oauth/", "/automation/"))  # api.atlassian.com's, not the site's own
        at_gateway = bool(request.script_root)
        return self.doors.visitor(claim, at_gateway or elsewhere) or (
            self.doors.visitor(claim, False) if elsewhere else None
        )

    def _asked(self, visitor: Visitor, found: Mapping[str, str]) -> Asked:
        return Asked(
            site=self.site,
            herald=self.herald,
            doors=self.doors,
            visitor=visitor,
            found=found,
            query=request.args,
            lists=request.args.getlist,
            body=request.get_json(silent=True),
            form=request.form,
            bundle=str(self._bundle),
            attempts=lambda: self.postman.attempts,
        )

    def _stranger(self, claim: str) -> Response:
        if request.script_root:
            return _json(401, {"code": 401, "message": "Unauthorized"})
        said = {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}
        response = _json(401, said)
        response.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED" if claim else "OUT"
        return response

    def _named(self, response: Response, visitor: Visitor) -> Response:
        if visitor.who:
            who = self.site.user_id(visitor.who)
            response.headers["X-AACCOUNTID" if self.site.cloud else "X-AUSERNAME"] = who
        return response

    def _record(self, response: Response) -> Response:
        body = request.get_json(silent=True) if request.method != "GET" else None
        response.headers.setdefault("Date", http_date(self.site.clock() + self.date_shift))
        self.requests.append(
            Recorded(
                method=request.method,
                path=request.script_root + request.path,
                query=request.query_string.decode(),
                body=body,
                status=response.status_code,
                answer=b"" if response.is_streamed else response.get_data(),
                headers=dict(response.headers),
            )
        )
        return response


def _answered(view: View, asked: Asked) -> Answer:
    try:
        return view(asked)
    except No as no:
        return no.status, no.body


def _scoped(visitor: Visitor) -> bool:
    if visitor.scopes is None or request.path.startswith(("/oauth/", "/automation/")):
        return True
    return scope_for(request.method, request.path) in visitor.scopes


def _elsewhere(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _elsewhere(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_elsewhere(inner, old, new) for inner in value]
    return new + value.removeprefix(old) if isinstance(value, str) and value.startswith(old) else value


def _json(status: int, body: Any) -> Response:
    if body is None:
        return Response(status=status)
    return Response(json.dumps(body), status=status, mimetype="application/json")


def _at_the_gateway(app: Flask) -> Callable[..., Iterable[bytes]]:
    """Serve the same API below /ex/jira/<cloud id>, as api.atlassian.com does."""

    def serve(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        parts = environ["PATH_INFO"].split("/", 4)
        if parts[1:3] == ["ex", "jira"] and len(parts) == 5:
            environ = {**environ, "SCRIPT_NAME": "/".join(parts[:4]), "PATH_INFO": f"/{parts[4]}"}
        return app(environ, start)

    return serve
