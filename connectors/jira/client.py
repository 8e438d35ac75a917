"""The only file that talks to Jira, through jira. One JIRA per thread, one request per write, no silent retry.

Writes use the client's own session: the package has no call that edits, labels, marks and comments in one request, its
`Issue.update` asks again after a successful write, and its `assign_issue` may pick somebody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, harden, patiently
from connectors.contract import Call, Outcome, Refused, Site, TryLater
from connectors.jira.answers import (
    comment_id,
    conversation,
    failure,
    fetched,
    inline_comments,
    people_of,
    with_operation,
)
from connectors.jira.directory import Directory
from connectors.jira.notes import render
from connectors.jira.picture import comment, is_portal, mapping, person, person_ids, project_in, project_of
from connectors.jira.settings import in_project, settings_of
from connectors.jira.transitions import Workflow
from connectors.jira.writeback import COMMENT, EDIT, MARKER, TRANSITION, WATCH, edit_body
from policies.model import Event, Ticket, TicketRef

if TYPE_CHECKING:
    from jira import JIRA

_PAGE = 100
_INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}
_NOTE = frozenset({"note"})
_NO_BODY: Any = object()


def connect(
    site: Site, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> JiraClient:
    """Open the way to one Jira site; nothing is asked yet."""
    return JiraClient(site, clock, sleep)


class JiraClient:
    """One Jira site, safe to use from several threads."""

    def __init__(self, site: Site, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._site = site
        self._settings = settings_of(site)
        self._sleep = sleep
        self._directory = Directory(site, lambda path: self._json(self._send("GET", path)), clock)
        self._account = site.account or site.settings.account
        self._mine = threading.local()
        self._workflow = Workflow(self._ask, self._move)
        self._sessions: list[requests.Session] = []

    def account(self) -> str:
        """Return the id of the account we act as (asked once, then remembered)."""
        if self._account is None:
            who = person(self._json(self._send("GET", "myself")))
            if who is None:
                raise TryLater("Jira does not know us: check the credentials", after=CREDENTIALS_PATIENCE)
            self._account = who.id
        return self._account

    def names(self) -> Mapping[str, str]:
        """Return the names of statuses and of people seen so far by `kind:id`, cached."""
        return self._directory.names()

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the issue; ask once more only if `conversation` is wanted and the issue carries too little of it."""
        issue = self._object(self._send("GET", _issue(ref), params={"fields": "*all"}))
        told = mapping(issue.get("fields"))
        self._directory.learn(*people_of(told))
        site = in_project(replace(self._site, account=self._account), project_in(issue))
        events = [fetched(issue, ref, site, now)]
        if "conversation" in fields:
            listed = inline_comments(told)
            if listed is None:
                listed = self._newest_comments(ref).get("comments")
            events += conversation(listed if isinstance(listed, list) else [], told, site, now)
        return events

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Look for the call's marker or effect: issue property, note's last line, status, watcher."""
        before = self._asked
        try:
            ways = {EDIT: self._edited, TRANSITION: self._workflow.look, WATCH: self._watches, COMMENT: self._commented}
            found = ways[call.verb](call, ref)
        except _NotThere:
            return None
        return replace(found, requests=self._asked - before) if found else None

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call in one request (names may need another per ten minutes, project and type; a transition two)."""
        before = self._asked
        ways = {EDIT: self._edit, TRANSITION: self._workflow.carry_out, WATCH: self._watch, COMMENT: self._comment}
        return replace(ways[call.verb](call, ticket), requests=self._asked - before)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._sessions:
            self._sessions.pop().close()

    # --- writes -----------------------------------------------------------------------------------------
    def _edit(self, call: Call, ticket: Ticket) -> Outcome:
        values = self._directory.values(call.parts, ticket)
        body = edit_body(call, ticket, values, self._site)
        self._done(self._write("PUT", _issue(ticket.ref), body, call, ticket))
        fields = in_project(self._site, project_of(ticket)).settings.fields
        ids = {"priority": values["priority"]} if "priority" in values else {}
        ids |= {part: values[fields[part[6:]]] for part in call.parts if part.startswith("field:")}
        resolved = {part: str(mapping(value).get("id")) for part, value in ids.items() if mapping(value).get("id")}
        if "assignee" in call.parts:
            resolved["assignee"] = str(call.parts["assignee"])
        return Outcome(resolved=resolved)

    def _move(self, ticket: Ticket, path: str, body: Any, call: Call) -> None:
        self._done(self._write("POST", f"{_issue(ticket.ref)}{path}", body, call, ticket))

    def _comment(self, call: Call, ticket: Ticket) -> Outcome:
        text = render(call.note, call.told) if call.note else ""
        path = f"/rest/servicedeskapi/request/{quote(ticket.ref.id, safe='')}/comment"
        try:
            made = self._object(self._write("POST", path, {"body": text, "public": False}, call, ticket))
        except Refused as no:
            if not no.gone:
                raise
            return self._comment_without_request(call, text, ticket)
        self._must_be_internal(made, ticket.ref)
        return Outcome(vendor_id=comment_id(made))

    def _comment_without_request(self, call: Call, text: str, ticket: Ticket) -> Outcome:
        """Comment on an issue that is no request: in a plain project, or one without a request type."""
        desk = self._is_desk(ticket.ref)
        properties = [{"key": MARKER, "value": {"op": call.key}}, *([_INTERNAL] if desk else [])]
        body = {"body": text, "properties": properties}
        path = f"{_issue(ticket.ref)}/comment?expand=properties"
        made = self._object(self._write("POST", path, body, call, ticket))
        if desk:
            self._must_be_internal(made, ticket.ref)
        return Outcome(vendor_id=comment_id(made))

    def _watch(self, call: Call, ticket: Ticket) -> Outcome:
        who = str(call.parts["watchers"])
        params = None if self._settings.cloud else {"userName": who}  # Data Center 10.3 documents both
        self._write("POST", f"{_issue(ticket.ref)}/watchers", who, call, ticket, params)
        return Outcome(resolved={"watchers": who})

    def _must_be_internal(self, made: Mapping[str, Any], ref: TicketRef) -> None:
        """Take a note back that Jira, against our request, shows to the customer, and raise the alarm."""
        path = f"{_issue(ref)}/comment/{comment_id(made)}"
        try:
            said = comment(made, {})
            if said is None or said.public is None:
                said = comment(self._object(self._send("GET", f"{path}?expand=properties")), {})
            if said is not None and said.public is False:
                return
            self._send("DELETE", path)
        except TryLater as later:  # the note is there, so look again before writing another
            raise TryLater(str(later), after=later.after, sent=True) from later
        except Refused as no:
            what = f"ALARM: Jira made the internal note public and keeps it: {no}"
            raise Refused(what, parts=_NOTE, applied=True) from no
        raise Refused("ALARM: Jira made the internal note public; it was deleted at once", parts=_NOTE, applied=True)

    # --- is it there already? ---------------------------------------------------------------------------
    def _edited(self, call: Call, ref: TicketRef) -> Outcome | None:
        answer = self._object(self._send("GET", f"{_issue(ref)}/properties/{MARKER}"))
        return Outcome() if mapping(answer.get("value")).get("op") == call.key else None

    def _commented(self, call: Call, ref: TicketRef) -> Outcome | None:
        found = with_operation(self._newest_comments(ref), call.operation, self._account)
        if found is None:
            return None
        if getattr(comment(found, {}), "public", None) is not False and self._is_desk(ref):
            self._must_be_internal(found, ref)
        return Outcome(vendor_id=comment_id(found))

    def _watches(self, call: Call, ref: TicketRef) -> Outcome | None:
        listed = self._object(self._send("GET", f"{_issue(ref)}/watchers")).get("watchers")
        watching = (set(person_ids(user)) for user in (listed if isinstance(listed, list) else ()))
        return Outcome() if any(str(call.parts["watchers"]) in spellings for spellings in watching) else None

    def _newest_comments(self, ref: TicketRef) -> Mapping[str, Any]:
        params = {"orderBy": "-created", "maxResults": str(_PAGE), "expand": "properties"}
        return self._object(self._send("GET", f"{_issue(ref)}/comment", params=params))

    def _is_desk(self, ref: TicketRef) -> bool:
        issue = self._object(self._send("GET", _issue(ref), params={"fields": "project"}))
        return is_portal(mapping(issue.get("fields"))) is not False

    # --- asking -----------------------------------------------------------------------------------------
    @property
    def _asked(self) -> int:
        return getattr(self._mine, "asked", 0)

    def _ask(self, ref: TicketRef, path: str, call: Call) -> Mapping[str, Any]:
        try:
            return self._object(self._send("GET", f"{_issue(ref)}{path}", call=call))
        except TryLater as later:  # whatever became of the question, nothing was written
            raise TryLater(str(later), after=later.after, site_wide=later.site_wide) from later

    def _write(
        self, method: str, path: str, body: Any, call: Call, ticket: Ticket, params: Mapping[str, str] | None = None
    ) -> requests.Response:
        site = in_project(self._site, project_of(ticket))
        return patiently(lambda: self._send(method, path, body=body, params=params, call=call, site=site), self._sleep)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Any = _NO_BODY,
        params: Mapping[str, str] | None = None,
        call: Call | None = None,
        site: Site | None = None,
    ) -> requests.Response:
        jira = self._jira()
        address = f"{self._settings.api}{path}" if path.startswith("/") else jira._get_url(path)
        self._mine.asked = self._asked + 1
        more = {} if body is _NO_BODY else {"json": body}
        try:
            return jira._session.request(method, address, params=params, **more)
        except (VendorAnswer, requests.RequestException) as error:
            if method == "GET" and path.endswith(MARKER) and getattr(error, "status", 0) == 404:
                raise _NotThere from None
            raise failure(error, call, site or self._site) from error

    def _done(self, answer: requests.Response) -> None:
        if answer.status_code != 204:
            self._object(answer)

    def _json(self, answer: requests.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise TryLater(
                f"expected JSON from Jira, got a page of type {answer.headers.get('Content-Type')}", sent=True
            ) from None

    def _object(self, answer: requests.Response) -> Mapping[str, Any]:
        told = self._json(answer)
        if not isinstance(told, dict):
            raise TryLater("expected a JSON object from Jira, got something else", sent=True)
        return told

    def _jira(self) -> JIRA:
        mine: JIRA | None = getattr(self._mine, "jira", None)
        if mine is not None:
            return mine
        from jira import JIRA  # it takes a tenth of a second

        settings = self._settings
        secret = settings.token if settings.cloud else settings.personal_token
        word = secret.get_secret_value() if secret else ""
        mine = JIRA(
            settings.api,
            options={"rest_api_version": "2", "check_update": False},
            basic_auth=(settings.email or "", word) if settings.cloud else None,
            token_auth=None if settings.cloud else word,
            get_server_info=False,
            max_retries=0,
            timeout=(settings.connect_timeout, settings.read_timeout),
            logging=False,
        )
        mine.deploymentType = "Cloud" if settings.cloud else "Server"  # not asked for, so it must be said
        harden(mine._session, settings)
        self._mine.jira = mine
        self._sessions.append(mine._session)
        return mine


class _NotThere(Exception):
    """The marker has never been written; whether the issue is there, the write itself will tell."""


def _issue(ref: TicketRef) -> str:
    return f"issue/{quote(ref.id, safe='')}"
