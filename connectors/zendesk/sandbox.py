"""The pretend Zendesk: the documented API over TLS, signed webhooks for every change, and faults on request.

The only file here that imports Flask. It stands in for an account in the demo and in tests; it claims to behave as the
published documents and recorded samples say, and beyond them only where the README says that nothing is published.
"""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.http import http_date

from connectors.faults import Faults, befall
from connectors.postman import Postman
from connectors.sandboxing import Authority, Recorded, Served
from connectors.zendesk.pretend import Account
from connectors.zendesk.pretend_access import CLIENT, Access, Token, refused
from connectors.zendesk.pretend_admin import ADMIN
from connectors.zendesk.pretend_api import READS, Asked, Route
from connectors.zendesk.pretend_exports import EXPORTS
from connectors.zendesk.pretend_hooks import EVERYTHING, FIRST, MANNERS, Webhooks, new_secret, signed
from connectors.zendesk.pretend_limits import Limits
from connectors.zendesk.pretend_people import People
from connectors.zendesk.pretend_refusals import FORBIDDEN, NOT_FOUND, SAID
from connectors.zendesk.pretend_writes import WRITES, strange_keys
from connectors.zendesk.records import FIELDS, LEVEL_FIELD, ORGANIZATION_FIELDS, OURS, Person


def sign(body: bytes, secrets: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the headers that a genuine delivery of this body carries, its first secret signing at `now`."""
    return signed(body, str(secrets["webhook_secrets"][0]), now)


def build(authority: Authority, port: int = 0) -> Sandbox:
    """Start a pretend Zendesk account on loopback."""
    return Sandbox(authority, port)


class Sandbox(People):
    """A pretend Zendesk account with five groups, agents, an administrator, one customer and our own account."""

    def __init__(
        self, authority: Authority, port: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.faults, self.postman = Faults(), Postman(MANNERS)
        self.requests: list[Recorded] = []
        self.date_shift = timedelta()  # how wrong this Zendesk's clock is
        self._clock, self._bundle = clock, authority.bundle
        self._secrets = {"client_secret": random.token_hex(16), "webhook_secrets": [new_secret()]}
        self.hooks = Webhooks(lambda envelope: self.postman.post(envelope), clock, lambda: self.postman.attempts)
        super().__init__(Account(self.hooks.event, clock, self.hooks.by_rule))
        self.access = Access(self.account.people, clock, str(self._secrets["client_secret"]))
        self.limits = Limits(clock)
        self._served = Served(_without_json(self._app()), authority, port)
        self.url = self._served.url

    # --- for whoever connects to it ---------------------------------------------------------------------
    def site_toml(self, name: str, mode: str) -> str:
        """Return the `[sites.<name>]` section that connects to this sandbox, secrets left out."""
        fields = "\n".join(f'{key} = "{value}"' for key, value in {**FIELDS, **ORGANIZATION_FIELDS}.items())
        return (
            f'[sites.{name}]\nvendor = "zendesk"\nurl = "{self.url}"\nca_bundle = "{self._bundle}"\nmode = "{mode}"\n'
            f'account = "{OURS}"\nclient_id = "{CLIENT}"\nlevel_field = "{LEVEL_FIELD}"\n\n'
            f"[sites.{name}.fields]\n{fields}\n"
        )

    def secrets(self) -> Mapping[str, Any]:
        """Return the site's secrets by setting name, as they would stand in secrets.toml."""
        return self._secrets

    def subscribe(self, url: str, verify: str | bool = True) -> None:
        """Send a signed webhook to this address for every change, including our own."""
        self.hooks.verify = verify
        values = {"name": "Stepladder", "endpoint": url, "subscriptions": EVERYTHING}
        self.hooks.add(values, str(self._secrets["webhook_secrets"][0]), FIRST)

    def admin(self) -> tuple[str | None, str]:
        """Return an administrator's e-mail address and token."""
        return self.admin_email, self.admin_secret

    @property
    def admin_email(self) -> str:
        """The administrator's address, for API tokens."""
        return "admin@example.com"

    @property
    def admin_secret(self) -> str:
        """The administrator's token: an API token with the address, or a bearer token alone."""
        return self.access.admin_secret

    def oauth_app(self) -> Mapping[str, str]:
        """Return the client id and the client secret of the account's OAuth client."""
        return {"client_id": CLIENT, "client_secret": str(self._secrets["client_secret"])}

    def consent(self, scopes: str, redirect_uri: str) -> str:
        """Let our account allow the OAuth client what it asks for; return the code for it."""
        return self.access.consent(scopes, redirect_uri)

    @property
    def life(self) -> int:
        """How many seconds an access token lives."""
        return self.access.life

    @life.setter
    def life(self, seconds: int) -> None:
        self.access.life = seconds

    def forget_tokens(self) -> None:
        """Let every access token die at once, as a revocation does."""
        self.access.forget()

    def stop(self) -> None:
        """Stop the server and the postman."""
        self.faults.stop()
        self.postman.stop()
        self._served.stop()

    # --- the API ----------------------------------------------------------------------------------------
    def _app(self) -> Flask:
        app = Flask("zendesk-sandbox")
        app.add_url_rule("/oauth/tokens", "grant", self._faulty(self._grant), methods=["POST"])
        app.add_url_rule("/oauth/authorizations/new", "agree", self._agree)
        for route in (*READS, *EXPORTS, *WRITES, *ADMIN):
            rule, name = f"/api/v2/{route.path}", f"{route.method} {route.path}"
            app.add_url_rule(rule, name, self._view(route), methods=[route.method])
        app.before_request(self._arrived)
        app.after_request(self._answered)
        return app

    def _faulty(self, apply: Callable[[], Response]) -> Callable[[], Response]:
        return lambda: befall(self.faults, apply)

    def _view(self, route: Route) -> Callable[..., Response]:
        def answer(**found: Any) -> Response:
            claimed = request.headers.get("Authorization", "")
            return befall(
                self.faults, lambda: self._decided(route, claimed, found), lambda: self.access.expire(claimed)
            )

        return answer

    def _decided(self, route: Route, claimed: str, found: Mapping[str, Any]) -> Response:
        with self._lock:
            known = self.access.who(claimed)
            if known is None:
                return _json({"error": "Couldn't authenticate you"}, 401)
            person, token = known
            about = (str(person.id), str(found.get("ticket")))
            keys = {name: about if name == "per-ticket" else () for name in ("all", *route.limits)}
            headers, broken = self.limits.count(keys)
            if broken is not None:
                return _json(SAID["rate limit"][1], 429, headers)
            return self._allowed(route, person, token, found, headers)

    def _allowed(
        self, route: Route, person: Person, token: Token, found: Mapping[str, Any], headers: dict[str, str]
    ) -> Response:
        if no := refused(person, token, route.method, route.resource, admins=route.admins):
            return _json(no[1], no[0], headers)
        if "ticket" in found:
            kept = self.account.tickets.get(found["ticket"])
            if kept is None or not person.sees(kept):
                no = NOT_FOUND if kept is None else FORBIDDEN
                return _json(no[1], no[0], headers)
        body = request.get_json(silent=True)
        asked = Asked(
            account=self.account, access=self.access, hooks=self.hooks, person=person, token=token, url=self.url,
            query=request.args, words=request.args.getlist("role[]"), found=found,
            body=body if isinstance(body, dict) else {},
        )  # fmt: skip
        if route.method == "PUT" and route.path == "tickets/<int:ticket>":
            keys = ", ".join(f'"{key}"' for key in strange_keys(asked))
            headers["x-zendesk-api-warn"] = _WARNING % keys
        status, shown = route.view(asked)
        return _json(shown, status, headers)

    def _grant(self) -> Response:
        with self._lock:
            status, body = self.access.grant(request.get_json(silent=True) or request.form)
            return _json(body, status)

    def _agree(self) -> Response:
        return Response(status=302, headers={"Location": self.access.agreed(request.args)})

    def _arrived(self) -> None:
        # recorded before it is answered, so that whoever sees a cut connection sees the request too
        body = request.get_json(silent=True) if request.method != "GET" else None
        query = request.query_string.decode()
        g.seen = Recorded(method=request.method, path=request.path, query=query, body=body, status=0)
        self.requests.append(g.seen)

    def _answered(self, response: Response) -> Response:
        response.headers.setdefault("Date", http_date(self._clock() + self.date_shift))
        response.headers.setdefault("x-rate-limit", "700")
        answer = b"" if response.is_streamed else response.get_data()
        for place in range(len(self.requests) - 1, -1, -1):
            with suppress(IndexError):  # the list may be cleared at any moment
                if self.requests[place] is g.seen:
                    headers = dict(response.headers)
                    whole = replace(g.seen, status=response.status_code, answer=answer, headers=headers)
                    self.requests[place] = whole
                    break
        return response


_WARNING = (
    '{:allowed_parameters=>{:controller=>"tickets", :action=>"update", :unpermitted_keys=>[%s], :invalid_values=>[]}}'
)


def _without_json(app: Flask) -> Callable[..., Any]:
    def answer(environ: dict[str, Any], start: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].removesuffix(".json")
        return app(environ, start)

    return answer


def _json(body: Mapping[str, Any] | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = None if body is None else json.dumps(body)
    return Response(text, status=status, mimetype="application/json", headers=headers)
