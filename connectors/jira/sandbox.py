"""The pretend Jira, Cloud or Data Center: the documented API over TLS, signed webhooks for every change, and faults.

The only file here that imports Flask. It stands in for a site in the demo and in tests; it claims to behave as the
published documents and recorded samples say, and nothing beyond them. One service project (ITSM), one plain (DEV).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from flask import Flask, Response, request

from connectors.faults import Faults, befall
from connectors.jira.picture import level_in
from connectors.jira.pretend import DONE, PRIORITY_WORDS, STATUS_WORDS, PretendSite
from connectors.jira.pretend_api import ROUTES, Answer, Asked
from connectors.jira.pretend_hooks import Webhooks
from connectors.jira.pretend_links import No, sla
from connectors.jira.records import AGENT, FIELDS, OURS, PEOPLE, REQUESTER, STATUSES
from connectors.postman import Postman
from connectors.sandboxing import Authority, Recorded, Served, View

Deployment = Literal["cloud", "datacenter"]
EMAIL = "stepladder@example.com"

_STATUS_MAP = {"Waiting for customer": "pending", "On hold": "on_hold", "Closed": "closed"}
_OUR_WORDS = {number: word for word, number in STATUS_WORDS.items()} | dict.fromkeys(
    ("10000", "10100", "10103"), "open"
)


def sign(body: bytes, secrets: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the headers that a genuine Cloud delivery of this body carries. Jira signs no time: `now` is not in it."""
    digest = hmac.new(str(secrets["webhook_secrets"][0]).encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature": f"sha256={digest}"}


def build(authority: Authority, port: int = 0, deployment: Deployment = "cloud") -> Sandbox:
    """Start a pretend Jira on loopback."""
    return Sandbox(authority, port, deployment)


class Sandbox:
    """A pretend Jira site with a service project, a plain one, five licensed people and two customers."""

    def __init__(
        self,
        authority: Authority,
        port: int = 0,
        deployment: Deployment = "cloud",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.faults, self.postman = Faults(), Postman()
        self.requests: list[Recorded] = []
        self.site = PretendSite(deployment, clock)
        self.deployment = deployment
        self._bundle = authority.bundle
        self._lock = threading.RLock()
        self._secrets = {
            "token" if self.site.cloud else "personal_token": random.token_hex(16),
            "webhook_secrets": [random.token_hex(16)],
        }
        self._hooks = Webhooks(
            self.site,
            lambda envelope: self.postman.post(envelope),  # another postman may have taken over
            clock,
            lambda body: sign(body, self._secrets, clock()),
        )
        self._served = Served(self._app(), authority, port)
        self.url = self.site.url = self._served.url

    # --- for whoever connects to it ---------------------------------------------------------------------
    def site_toml(self, name: str, mode: str) -> str:
        """Return the `[sites.<name>]` section that connects to this sandbox, secrets left out."""
        fields = "\n".join(f'{ours} = "{theirs}"' for ours, theirs in FIELDS.items())
        statuses = "\n".join(f'"{theirs}" = "{ours}"' for theirs, ours in _STATUS_MAP.items())
        email = f'email = "{EMAIL}"\n' if self.site.cloud else ""
        return (
            f'[sites.{name}]\nvendor = "jira"\nurl = "{self.url}"\nca_bundle = "{self._bundle}"\nmode = "{mode}"\n'
            f'deployment = "{self.deployment}"\naccount = "{self.site.user_id(OURS)}"\n{email}\n'
            f"[sites.{name}.fields]\n{fields}\n\n[sites.{name}.statuses]\n{statuses}\n"
        )

    def secrets(self) -> Mapping[str, Any]:
        """Return the site's secrets by setting name, as they would stand in secrets.toml."""
        return self._secrets

    def subscribe(self, url: str, verify: str | bool = True) -> None:
        """Send a signed webhook to this address for every change, including our own."""
        self._hooks.subscribe(url, verify)

    def person(self, word: str) -> str:
        """Return the id (account id or user name) of ann, ben, eva, dan, carla, cora or stepladder."""
        return self.site.user_id(self.site.known(word))

    def stop(self) -> None:
        """Stop the server and the postman."""
        self.postman.stop()
        self._served.stop()

    # --- what people do ---------------------------------------------------------------------------------
    def open_ticket(self, subject: str, text: str, **fields: Any) -> str:
        """A customer opens a ticket: fields priority, tags, product, impact, urgency, organization. Return its id.

        `project` is ITSM, or DEV for the plain one; `due_at` and `sla_breach_at` are times.
        """
        with self._lock:
            issue = self.site.create(fields.pop("project", "ITSM"), subject, text, {})
            for name, value in fields.items():
                self.site.change(issue, *self.site.value_for(issue, name, value))
            self._hooks.issue("jira:issue_created", "issue_created", issue, REQUESTER)
            return str(issue["id"])

    def customer_says(self, ticket: str, text: str, *, who: str = REQUESTER) -> None:
        """The requester writes, or another customer who sees the ticket; a solved one is reopened."""
        with self._lock:
            issue = self.site.find(ticket)
            self._hooks.comment(issue, self.site.say(issue, who, text, public=True))
            if STATUSES[issue["status"]][1] == "done":
                self._save(issue, REQUESTER, {"status": "10100", "resolution": None})

    def agent_says(self, ticket: str, text: str, *, public: bool = True, who: str = AGENT) -> None:
        """An agent writes to the requester, or internally."""
        with self._lock:
            issue = self.site.find(ticket)
            self._hooks.comment(issue, self.site.say(issue, who, text, public=public))

    def agent_changes(self, ticket: str, **fields: Any) -> None:
        """An agent changes fields: status, priority, group, assignee, tags, level."""
        with self._lock:
            issue = self.site.find(ticket)
            for name, value in fields.items():
                self._save(issue, AGENT, dict([self.site.value_for(issue, name, value)]))

    def agent_blocks(self, ticket: str, *, by: str) -> None:
        """An agent links the ticket to an issue that blocks it."""
        with self._lock:
            if link := self.site.link("Blocks", self.site.find(by), self.site.find(ticket)):
                self._hooks.linked(link)

    def agent_unblocks(self, ticket: str) -> None:
        """An agent takes away the links to what blocks the ticket."""
        with self._lock:
            number = self.site.find(ticket)["id"]
            for link in [known for known in self.site.links if known["destination"] == number]:
                self.site.links.remove(link)
                self._hooks.linked(link, "issuelink_deleted")

    def sla_runs(self, ticket: str, until: datetime | None, *, paused: bool = False) -> None:
        """An SLA runs until then, stands still or is over; Jira sends nobody a word about it."""
        with self._lock:
            self.site.find(ticket)["custom"][FIELDS["sla"]] = sla(until, paused=paused)

    def agent_deletes(self, ticket: str) -> None:
        """An agent deletes the ticket."""
        with self._lock:
            issue = self.site.find(ticket)
            del self.site.issues[issue["id"]]
            self._hooks.issue("jira:issue_deleted", None, issue, AGENT)

    def view(self, ticket: str) -> View:
        """Show the ticket as it stands."""
        with self._lock:
            issue, site = self.site.find(ticket), self.site
            internal = {said["id"] for said in issue["comments"] if not said["public"] or self._is_note(issue, said)}
            levels = [level for label in issue["labels"] if (level := level_in(label))]
            number = issue["priority"]
            return View(
                id=issue["id"],
                key=issue["key"],
                status=_OUR_WORDS[issue["status"]],
                priority=next((word for word, theirs in PRIORITY_WORDS.items() if theirs == number), "low"),
                group=issue["custom"].get(FIELDS["team"]),
                assignee=PEOPLE[issue["assignee"]] if issue["assignee"] else None,
                level=max(levels, default=1),
                followers=tuple(site.user_id(who) for who in issue["watchers"]),
                notes=tuple(said["body"] for said in issue["comments"] if said["id"] in internal),
                replies=tuple(said["body"] for said in issue["comments"] if said["id"] not in internal),
                tags=tuple(issue["labels"]),
                edits=issue["edits"],
            )

    def _is_note(self, issue: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
        return said["who"] == OURS and not self.site.is_desk(issue)  # a plain project has no portal to read it in

    def _save(self, issue: dict[str, Any], who: str, values: Mapping[str, Any]) -> None:
        items = [item for key, value in values.items() if (item := self.site.change(issue, key, value))]
        if values.get("status") in ("5", "6"):
            issue["resolution"] = DONE
        if items:
            self._hooks.issue("jira:issue_updated", "issue_generic", issue, who, items)

    # --- the API ----------------------------------------------------------------------------------------
    def _app(self) -> Flask:
        app = Flask("jira-sandbox")
        for method, rule, view in ROUTES:
            app.add_url_rule(rule, f"{method} {rule}", self._guarded(view), methods=[method])
        app.after_request(self._record)
        return app

    def _guarded(self, view: Callable[[Asked], Answer]) -> Callable[..., Response]:
        def answer(**found: str) -> Response:
            def apply() -> Response:
                if not self._knows_us():
                    said = {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}
                    return _json(401, said)
                body = request.get_json(silent=True)
                asked = Asked(site=self.site, herald=self._hooks, found=found, query=request.args, body=body)
                with self._lock:
                    try:
                        return _json(*view(asked))
                    except No as no:
                        return _json(no.status, no.body)

            return befall(self.faults, apply)

        return answer

    def _knows_us(self) -> bool:
        claimed = request.headers.get("Authorization", "")
        if not self.site.cloud:
            return claimed == f"Bearer {self._secrets['personal_token']}"
        pair = f"{EMAIL}:{self._secrets['token']}"
        return claimed == f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _record(self, response: Response) -> Response:
        body = request.get_json(silent=True) if request.method != "GET" else None
        query, path = request.query_string.decode(), request.path
        seen = Recorded(method=request.method, path=path, query=query, body=body, status=response.status_code)
        self.requests.append(seen)
        return response


def _json(status: int, body: Any) -> Response:
    if body is None:
        return Response(status=status)
    return Response(json.dumps(body), status=status, mimetype="application/json")
