"""The pretend Zendesk: the documented API over TLS, signed webhooks for every change, and faults on request.

The only file here that imports Flask. It stands in for an account in the demo and in tests; it claims to behave as the
published documents and recorded samples say, and beyond them only where the README says that nothing is published.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Flask, Response, g, request

from connectors.faults import Faults, befall
from connectors.postman import Envelope, Postman
from connectors.sandboxing import Authority, Recorded, Served, View
from connectors.zendesk.pretend import Account, level_of
from connectors.zendesk.pretend_api import READS, Answer, Asked
from connectors.zendesk.records import (
    ACCOUNT_ID,
    FIELDS,
    GROUPS,
    LEVEL_FIELD,
    ORGANIZATION_FIELDS,
    OURS,
    ROBIN,
    PretendTicket,
)

_WEBHOOK_ID = "01HAN96XNH1J7DY8D7RZSANDBX"


def sign(body: bytes, secrets: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the headers that a genuine delivery of this body carries, its first secret signing at `now`."""
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(str(secrets["webhook_secrets"][0]).encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }


def build(authority: Authority, port: int = 0) -> Sandbox:
    """Start a pretend Zendesk account on loopback."""
    return Sandbox(authority, port)


class Sandbox:
    """A pretend Zendesk account with five groups, seven agents, one customer and our own account."""

    def __init__(
        self, authority: Authority, port: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.faults, self.postman = Faults(), Postman()
        self.requests: list[Recorded] = []
        self.account = Account(self._emit, clock)
        self.life = 1800  # seconds that an access token lives
        self._clock = clock
        self._bundle = authority.bundle
        self._lock = threading.RLock()
        self._tokens: set[str] = set()
        self._subscriber: tuple[str, str | bool] | None = None
        self._secrets = {
            "client_secret": random.token_hex(16),
            "webhook_secrets": [base64.b64encode(random.token_bytes(32)).decode()],
        }
        self._served = Served(_without_json(self._app()), authority, port)
        self.url = self._served.url

    # --- for whoever connects to it ---------------------------------------------------------------------
    def site_toml(self, name: str, mode: str) -> str:
        """Return the `[sites.<name>]` section that connects to this sandbox, secrets left out."""
        fields = "\n".join(f'{key} = "{value}"' for key, value in {**FIELDS, **ORGANIZATION_FIELDS}.items())
        return (
            f'[sites.{name}]\nvendor = "zendesk"\nurl = "{self.url}"\nca_bundle = "{self._bundle}"\nmode = "{mode}"\n'
            f'account = "{OURS}"\nclient_id = "stepladder"\nlevel_field = "{LEVEL_FIELD}"\n\n'
            f"[sites.{name}.fields]\n{fields}\n"
        )

    def secrets(self) -> Mapping[str, Any]:
        """Return the site's secrets by setting name, as they would stand in secrets.toml."""
        return self._secrets

    def subscribe(self, url: str, verify: str | bool = True) -> None:
        """Send a signed webhook to this address for every change, including our own."""
        self._subscriber = (url, verify)

    def forget_tokens(self) -> None:
        """Let every access token die at once, as a revocation does."""
        self._tokens.clear()

    def stop(self) -> None:
        """Stop the server and the postman."""
        self.postman.stop()
        self._served.stop()

    # --- what people do ---------------------------------------------------------------------------------
    def open_ticket(self, subject: str, text: str, **fields: Any) -> str:
        """A customer opens a ticket: fields priority, tags, product, impact, urgency, organization. Return its id."""
        with self._lock:
            custom = {number: fields.pop(name) for name, number in FIELDS.items() if name in fields}
            tags = list(fields.pop("tags", ()))
            return str(self.account.open(subject, text, custom=custom, tags=tags, **fields).id)

    def customer_says(self, ticket: str, text: str) -> None:
        """The requester writes; a pending or solved ticket is reopened."""
        with self._lock:
            kept = self._kept(ticket)
            reopened = {"status": "open"} if kept.status in ("pending", "solved", "hold") else {}
            comment = {"body": text, "public": True}
            self.account.change(kept, kept.requester_id, {"comment": comment, **reopened})

    def agent_says(self, ticket: str, text: str, *, public: bool = True) -> None:
        """An agent writes to the requester, or internally."""
        with self._lock:
            self.account.change(self._kept(ticket), ROBIN, {"comment": {"body": text, "public": public}})

    def agent_changes(self, ticket: str, **fields: Any) -> None:
        """An agent changes fields: status, priority, group, assignee, tags, level, organization (names or ids).

        Also type, due_at, and problem, the id of the ticket that this one is an incident of.
        """
        with self._lock:
            self.account.change(self._kept(ticket), ROBIN, self.account.values_for(fields))

    def describe(self, organization: str, **fields: Any) -> None:
        """An administrator fills in an organization's own fields, such as support_hours."""
        with self._lock:
            self.account.organization(organization).fields |= fields

    def promises(self, ticket: str, **breaking: str | None) -> None:
        """The SLA's running promises, by metric: when each breaks; None: it is paused."""
        with self._lock:
            self._kept(ticket).promises = [
                {"metric": metric, "stage": "active" if at else "paused", "breach_at": at}
                for metric, at in breaking.items()
            ]

    def suspend(self, agent: str) -> None:
        """An administrator suspends an agent."""
        with self._lock:
            next(p for p in self.account.people.values() if p.name == agent).suspended = True

    def agent_deletes(self, ticket: str) -> None:
        """An agent deletes the ticket."""
        with self._lock:
            self.account.remove(self._kept(ticket), ROBIN)

    def agent_merges(self, ticket: str, into: str) -> None:
        """An agent merges the ticket into another one."""
        with self._lock:
            self.account.merge(self._kept(ticket), self._kept(into), ROBIN)

    def view(self, ticket: str) -> View:
        """Show the ticket as it stands."""
        with self._lock:
            kept, people = self._kept(ticket), self.account.people
            return View(
                id=ticket,
                key=f"#{ticket}",
                status="on_hold" if kept.status == "hold" else kept.status,
                priority=kept.priority,
                group=GROUPS.get(kept.group_id or 0),
                assignee=people[kept.assignee_id].name if kept.assignee_id else None,
                level=level_of(kept),
                followers=tuple(people[who].email for who in kept.follower_ids),
                notes=tuple(c["body"] for c in kept.comments if not c["public"]),
                replies=tuple(c["body"] for c in kept.comments if c["public"]),
                tags=tuple(kept.tags),
                edits=kept.edits,
            )

    # --- webhooks ---------------------------------------------------------------------------------------
    def _emit(self, envelope: Mapping[str, Any]) -> None:
        if self._subscriber is None:
            return
        body = json.dumps(envelope).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Zendesk Webhook",
            "X-Zendesk-Account-Id": str(ACCOUNT_ID),
            "X-Zendesk-Webhook-Id": _WEBHOOK_ID,
            "X-Zendesk-Webhook-Invocation-Id": f"01SANDBOX{random.token_hex(8).upper()}",
        }
        url, verify = self._subscriber
        signature = lambda: sign(body, self._secrets, self._clock())  # noqa: E731  Zendesk signs each attempt anew
        self.postman.post(Envelope(body=body, headers=headers, sign=signature, url=url, verify=verify))

    # --- the API ----------------------------------------------------------------------------------------
    def _app(self) -> Flask:
        app = Flask("zendesk-sandbox")
        app.post("/oauth/tokens")(self._token)
        for path, answer in READS.items():
            app.add_url_rule(f"/api/v2/{path}", path, self._guarded(partial(self._read, answer)))
        app.put("/api/v2/tickets/<int:number>")(self._guarded(self._update))
        app.put("/api/v2/tickets/<int:number>/comments/<int:comment>/make_private")(self._guarded(self._make_private))
        app.before_request(self._arrived)
        app.after_request(self._answered)
        return app

    def _guarded(self, view: Callable[..., Response]) -> Callable[..., Response]:
        def answer(**found: int) -> Response:
            def apply() -> Response:
                if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
                    return _json({"error": "Couldn't authenticate you"}, 401)
                with self._lock:
                    if "number" in found and found["number"] not in self.account.tickets:
                        return _json({"error": "RecordNotFound", "description": "Not found"}, 404)
                    return view(**found)

            return befall(self.faults, apply)

        answer.__name__ = getattr(view, "__name__", "view").strip("_")
        return answer

    def _token(self) -> Response:
        said = request.get_json(silent=True) or {}
        if said.get("grant_type") != "client_credentials" or said.get("client_id") != "stepladder":
            return _json({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if said.get("client_secret") != self._secrets["client_secret"]:
            return _json({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        token = random.token_hex(20)
        self._tokens.add(token)
        granted = {"access_token": token, "token_type": "bearer", "scope": said.get("scope"), "expires_in": self.life}
        return _json(granted)

    def _read(self, answer: Callable[[Asked], Answer], **found: int) -> Response:
        asked = Asked(account=self.account, query=request.args, url=self.url, number=sum(found.values()))
        status, body = answer(asked)
        return _json(body, status)

    def _update(self, number: int) -> Response:
        ticket, values = self.account.tickets[number], (request.get_json(silent=True) or {}).get("ticket")
        if not isinstance(values, dict):
            return _json({"ticket": ticket.shown(), "audit": {"id": 0, "events": []}})
        if refused := self.account.refusal(ticket, values):
            return _json(refused[1], refused[0])
        audit = self.account.change(ticket, OURS, values)
        ticket.edits += 1
        strange = sorted(f'"ticket.{key}"' for key in set(values) - self.account.writable)
        warn = '{:allowed_parameters=>{:controller=>"tickets", :action=>"update", :unpermitted_keys=>[%s]}}'
        response = _json({"ticket": ticket.shown(), "audit": audit})
        response.headers["x-zendesk-api-warn"] = warn % ", ".join(strange)
        return response

    def _make_private(self, number: int, comment: int) -> Response:
        for said in self.account.tickets[number].comments:
            if said["id"] == comment:
                said["public"] = False
                return _json({})
        return _json({"error": "RecordNotFound", "description": "Not found"}, 404)

    def _arrived(self) -> None:
        # recorded before it is answered, so that whoever sees a cut connection sees the request too
        body = request.get_json(silent=True) if request.method != "GET" else None
        query = request.query_string.decode()
        g.seen = Recorded(method=request.method, path=request.path, query=query, body=body, status=0)
        self.requests.append(g.seen)

    def _answered(self, response: Response) -> Response:
        for place in range(len(self.requests) - 1, -1, -1):
            with suppress(IndexError):  # the list may be cleared at any moment
                if self.requests[place] is g.seen:
                    self.requests[place] = replace(g.seen, status=response.status_code)
                    break
        response.headers["x-rate-limit"] = "700"
        return response

    def _kept(self, ticket: str) -> PretendTicket:
        return self.account.tickets[int(ticket)]


def _without_json(app: Flask) -> Callable[..., Any]:
    def answer(environ: dict[str, Any], start: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].removesuffix(".json")
        return app(environ, start)

    return answer


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")
