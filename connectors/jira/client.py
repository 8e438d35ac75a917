"""The only file that opens Jira's SDK, jira. It says how each call is carried out, and how to tell that it was.

A write is one request, and nothing is retried silently; `line.py` has the reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.calls import CREDENTIALS_PATIENCE
from connectors.contract import Call, Keeper, Outcome, Refused, Site, TryLater
from connectors.jira.answers import conversation, fetched, inline_comments, people_of, public_authors
from connectors.jira.comments import Comments
from connectors.jira.customers import Customers
from connectors.jira.directory import Directory
from connectors.jira.line import Line, done, issue_path, json_in, object_in
from connectors.jira.linked import Links
from connectors.jira.picture import person, person_ids, project_in, project_of
from connectors.jira.pools import Pools
from connectors.jira.settings import JiraSettings, in_project, settings_of
from connectors.jira.transitions import Workflow
from connectors.jira.values import mapping, plain
from connectors.jira.writeback import COMMENT, MARKER, TRANSITION, WATCH, edit_body
from policies.model import JSON, Event, Ticket, TicketRef

if TYPE_CHECKING:
    from jira import JIRA

_LINKED = "linked_issue"


def connect(
    site: Site,
    keeper: Keeper,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> JiraClient:
    """Open the way to one Jira site; nothing is asked yet."""
    return JiraClient(site, keeper, clock, sleep)


class JiraClient:
    """One Jira site, safe to use from several threads."""

    def __init__(self, site: Site, keeper: Keeper, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._site = site
        self._account = site.account or site.settings.account
        self._line = line = Line(site, lambda: _dial(settings_of(site)), sleep)
        self._directory = Directory(site, line.ask, clock)
        self._workflow = Workflow(self._ask, self._move)
        self._pools, self._comments = Pools(line), Comments(line)
        self._links, self._customers = Links(line, self._directory), Customers(line, clock)

    def account(self) -> str:
        """Return the id of the account we act as (asked once, then remembered)."""
        if self._account is None:
            who = person(json_in(self._line.send("GET", "myself")))
            if who is None:
                raise TryLater("Jira does not know us: check the credentials", after=CREDENTIALS_PATIENCE)
            self._account = who.id
        return self._account

    def names(self) -> Mapping[str, str]:
        """Return the names of statuses and of people seen so far by `kind:id`, cached."""
        return {**self._directory.names(), **self._customers.known()}

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the issue; more only if `conversation` is wanted and Jira left out some of it, or who is who."""
        issue = object_in(self._line.send("GET", issue_path(ref), params={"fields": "*all"}))
        told = mapping(issue.get("fields"))
        self._directory.learn(*people_of(told))
        site = in_project(replace(self._site, account=self._account), project_in(issue))
        events = [fetched(issue, ref, site, fields, now)]
        if "conversation" in fields:
            listed = inline_comments(told)
            if listed is None:
                newest = self._comments.newest(ref).get("comments")
                listed = newest if isinstance(newest, list) else []
            if not self._line.cloud:
                authors = public_authors(listed, told, site)
                site = replace(site, names=self._customers.among(authors, ref, told, self._account))
            events += conversation(listed, told, ref, site, now)
        return events

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Look for the call's marker or effect: issue property, note's last line, status, watcher, linked issue."""
        before = self._line.asked
        found = self._found(call, ref)
        return replace(found, requests=self._line.asked - before) if found else None

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call, most often in one request; names, a transition, a pool and a linked issue need questions."""
        before = self._line.asked
        ways = {TRANSITION: self._workflow.carry_out, WATCH: self._watch, COMMENT: self._comment}
        way = ways.get(call.verb, self._edit)  # a linked issue too: where it is refused, an edit may take its place
        return replace(way(call, ticket), requests=self._line.asked - before)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._line.close()

    # --- writes -----------------------------------------------------------------------------------------
    def _edit(self, call: Call, ticket: Ticket) -> Outcome:
        if _LINKED not in call.parts:
            return self._put(call, ticket)
        linked = self._links.carry_out(call, ticket)
        rest = {part: value for part, value in call.parts.items() if part != _LINKED}
        if not rest:
            return linked
        put = self._put(replace(call, parts=rest), ticket)
        return Outcome(resolved={**linked.resolved, **put.resolved})

    def _put(self, call: Call, ticket: Ticket) -> Outcome:
        values = self._directory.values(call.parts, ticket)
        if "pool" in call.parts:
            who: JSON = self._put_to_one_of(call, ticket, values)
        else:
            who = call.parts.get("assignee")
            self._send_edit(call, ticket, values)
        fields = in_project(self._site, project_of(ticket)).settings.fields
        ids = {"priority": values["priority"]} if "priority" in values else {}
        ids |= {part: values[fields[part[6:]]] for part in call.parts if part.startswith("field:")}
        resolved = {part: str(mapping(value).get("id")) for part, value in ids.items() if mapping(value).get("id")}
        return Outcome(resolved=resolved | ({"assignee": str(who)} if who is not None else {}))

    def _put_to_one_of(self, call: Call, ticket: Ticket, values: Mapping[str, JSON]) -> str:
        """Give it to the first of the pool whom Jira takes; its check beforehand does not know of every licence."""
        said = ""
        for person_id in self._pools.members(call, ticket):
            try:
                self._send_edit(call, ticket, values, person_id)
            except Refused as no:
                if no.parts != {"pool"}:
                    raise
                said = f"; {no}"
            else:
                return person_id
        people = ", ".join(map(str, mapping(call.parts["pool"])["from"]))
        raise Refused(f"nobody of {people} can be assigned this issue{said}", parts=frozenset({"pool"}))

    def _send_edit(self, call: Call, ticket: Ticket, values: Mapping[str, JSON], picked: str | None = None) -> None:
        body = edit_body(self._telling(call), ticket, values, self._site, picked)
        done(self._line.write("PUT", issue_path(ticket.ref), body, call, ticket))

    def _comment(self, call: Call, ticket: Ticket) -> Outcome:
        return self._comments.carry_out(self._telling(call), ticket)

    def _telling(self, call: Call) -> Call:
        """Let a note name the linked issue, if its operation has opened one."""
        return replace(call, told=(*call.told, *self._links.told(call)))

    def _move(self, ticket: Ticket, path: str, body: Any, call: Call) -> None:
        done(self._line.write("POST", f"{issue_path(ticket.ref)}{path}", body, call, ticket))

    def _watch(self, call: Call, ticket: Ticket) -> Outcome:
        people = _people(call)
        for who in people:
            params = None if self._line.cloud else {"userName": who}  # Data Center 10.3 documents both
            self._line.write("POST", f"{issue_path(ticket.ref)}/watchers", who, call, ticket, params)
        return Outcome(resolved={"watchers": ", ".join(people)})

    # --- is it there already? ---------------------------------------------------------------------------
    def _found(self, call: Call, ref: TicketRef) -> Outcome | None:
        if call.verb == COMMENT:
            return self._comments.look(call, ref, self._account)
        ways = {TRANSITION: self._workflow.look, WATCH: self._watches}
        if call.parts.keys() == {_LINKED}:
            return self._links.look(call, ref)
        return ways.get(call.verb, self._edited)(call, ref)

    def _edited(self, call: Call, ref: TicketRef) -> Outcome | None:
        try:
            answer = object_in(self._line.send("GET", f"{issue_path(ref)}/properties/{MARKER}"))
        except Refused as no:
            if no.gone:  # never written; whether the issue itself is there, the write will tell
                return None
            raise
        mark = mapping(answer.get("value"))
        if mark.get("op") != call.key:
            return None
        who = plain(mark.get("assignee"))
        return Outcome(resolved={"assignee": who} if who else {})

    def _watches(self, call: Call, ref: TicketRef) -> Outcome | None:
        listed = object_in(self._line.send("GET", f"{issue_path(ref)}/watchers")).get("watchers")
        watching = {spelling for user in (listed if isinstance(listed, list) else ()) for spelling in person_ids(user)}
        return Outcome() if watching.issuperset(_people(call)) else None

    def _ask(self, ref: TicketRef, path: str, call: Call) -> Mapping[str, Any]:
        told = self._line.ask(f"{issue_path(ref)}{path}", call=call)
        if not isinstance(told, dict):
            raise TryLater("expected a JSON object from Jira, got something else")
        return told


def _people(call: Call) -> list[str]:
    named = call.parts["watchers"]
    return [str(who) for who in named] if isinstance(named, list | tuple) else [str(named)]


def _dial(settings: JiraSettings) -> JIRA:
    from jira import JIRA  # it takes a tenth of a second

    secret = settings.token if settings.cloud else settings.personal_token
    word = secret.get_secret_value() if secret else ""
    jira = JIRA(
        settings.api,
        options={"rest_api_version": "2", "check_update": False},
        basic_auth=(settings.email or "", word) if settings.cloud else None,
        token_auth=None if settings.cloud else word,
        get_server_info=False,
        max_retries=0,
        timeout=(settings.connect_timeout, settings.read_timeout),
        logging=False,
    )
    jira.deploymentType = "Cloud" if settings.cloud else "Server"  # not asked for, so it must be said
    return jira
