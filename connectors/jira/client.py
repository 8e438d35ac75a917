"""The only file that opens Jira's SDK, jira. It says how each call is carried out, and how to tell that it was.

A write is one request, and nothing is retried silently; `line.py` has the reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from connectors.calls import CREDENTIALS_PATIENCE
from connectors.contract import Call, Changed, Keeper, Outcome, Refused, TryLater
from connectors.jira.answers import asked_for, conversation, fetched, inline_comments, people_of, public_authors
from connectors.jira.changes import UNSEEN, UNSEEN_ON_CLOUD, Changes
from connectors.jira.comments import Comments
from connectors.jira.customers import Customers
from connectors.jira.directory import Directory
from connectors.jira.discovery import Discovery
from connectors.jira.line import Line, done, issue_path, json_in, object_in
from connectors.jira.linked import Links
from connectors.jira.onlookers import Onlookers
from connectors.jira.picture import person, person_ids, project_in, project_of
from connectors.jira.pools import Pools
from connectors.jira.settings import JiraSettings, in_project, settings_of
from connectors.jira.tokens import Tokens
from connectors.jira.transitions import Workflow
from connectors.jira.values import mapping, plain
from connectors.jira.writeback import COMMENT, MARKER, TRANSITION, WATCH, edit_body
from connectors.site import Site
from policies.model import JSON, Event, Ticket, TicketRef

if TYPE_CHECKING:
    from jira import JIRA

_LINKED, _NOTE = "linked_issue", "note"


def connect(
    site: Site,
    keeper: Keeper,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> JiraClient:
    """Open the way to one Jira site; nothing is asked yet."""
    return JiraClient(site, keeper, clock, sleep, now)


class JiraClient:
    """One Jira site, safe to use from several threads."""

    def __init__(
        self,
        site: Site,
        keeper: Keeper,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._site = site
        self._account = site.account or site.settings.account
        settings = settings_of(site)
        tokens, self.pace = Tokens(site, keeper, clock, now), settings.pace(clock)
        dial = partial(_dial, settings)
        self.line = line = Line(site, tokens, self.pace, dial, sleep, lambda: self._discovery.site())
        self._discovery = Discovery(site, line.ask, clock)
        self._directory = Directory(site, line.ask, clock, self._discovery.surely)
        self._workflow = Workflow(self._ask, self._move)
        self._pools, self._comments, self._changes = Pools(line), Comments(line), Changes(line, now)
        self._links, self._customers = Links(line, self._directory, self._discovery), Customers(line, clock)
        self._onlookers = Onlookers(self._customers, self._discovery, cloud=line.cloud)

    def account(self) -> str:
        """Return the id of the account we act as (asked once, then remembered)."""
        if self._account is None:
            who = person(json_in(self.line.send("GET", "myself")))
            if who is None:
                raise TryLater("Jira does not know us: check the credentials", after=CREDENTIALS_PATIENCE)
            self._account = who.id
        return self._account

    def names(self) -> Mapping[str, str]:
        """Return the names of fields, statuses and people seen so far by `kind:id`, cached."""
        return {**self._directory.names(), **self._discovery.names(), **self._customers.known()}

    def settings(self) -> JiraSettings:
        """Return the site's settings with ids in place of names, as far as Jira has told them; cached."""
        return settings_of(self._discovery.site())

    def asked(self) -> int:
        """Return how many requests this thread has sent so far."""
        return self.line.asked

    def changed_since(self, since: datetime, before_page: Callable[[], None] = lambda: None) -> Iterator[Changed]:
        """Yield the issues changed at or after a moment, the earliest change first; one that changes may come twice."""
        return self._changes.changed_since(since, before_page)

    def cannot_see(self) -> tuple[str, ...]:
        """Return sentences: which changes a search of Jira does not show."""
        return (*UNSEEN, *(UNSEEN_ON_CLOUD if self.line.cloud else ()))

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the issue; more only if `conversation` is wanted and Jira left out some of it, or who is who."""
        maps = self._discovery.surely()
        wanted = asked_for(settings_of(maps), fields)
        issue = object_in(self.line.send("GET", issue_path(ref), params={"fields": ",".join(wanted)}))
        told = mapping(issue.get("fields"))
        self._directory.learn(*people_of(told))
        site = in_project(replace(maps, account=self._account), project_in(issue))
        exposed = self._onlookers.of(ref, told, self._account)
        events = [fetched(issue, ref, site, fields, now, exposed)]
        if "conversation" in fields:
            events += self._conversation(ref, told, site, now)
        return events

    def _conversation(self, ref: TicketRef, told: Mapping[str, Any], site: Site, now: datetime) -> Iterator[Event]:
        listed = inline_comments(told)
        if listed is None:
            newest = self._comments.newest(ref).get("comments")
            listed = newest if isinstance(newest, list) else []
        if not self.line.cloud:
            authors = public_authors(listed, told, site)
            site = replace(site, names=self._customers.among(authors, ref, told, self._account))
        return conversation(listed, told, ref, site, now)

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Look for the call's marker or effect: issue property, note's last line, status, watcher, linked issue."""
        before = self.line.asked
        found = self._found(call, ref)
        return replace(found, requests=self.line.asked - before) if found else None

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call, most often in one request; names, a transition, a pool and a linked issue need questions."""
        before = self.line.asked
        ways = {TRANSITION: self._workflow.carry_out, WATCH: self._watch, COMMENT: self._comment}
        way = ways.get(call.verb, self._edit)  # a linked issue too: where it is refused, an edit may take its place
        return replace(way(call, ticket), requests=self.line.asked - before)

    def close(self) -> None:
        """Close the connections of all threads."""
        self.line.close()

    # --- writes -----------------------------------------------------------------------------------------
    def _edit(self, call: Call, ticket: Ticket) -> Outcome:
        resolved: dict[str, str] = {}
        if _LINKED in call.parts:
            resolved |= self._links.carry_out(call, ticket).resolved
        if rest := {part: value for part, value in call.parts.items() if part not in (_LINKED, _NOTE)}:
            resolved |= self._put(replace(call, parts=rest), ticket)
        said = self._comment(call, ticket) if _NOTE in call.parts else Outcome()  # whoever planned it: never in a PUT
        return replace(said, resolved=resolved)

    def _put(self, call: Call, ticket: Ticket) -> dict[str, str]:
        values = self._directory.values(call.parts, ticket)
        if "pool" in call.parts:
            who: JSON = self._put_to_one_of(call, ticket, values)
        else:
            who = call.parts.get("assignee")
            self._send_edit(call, ticket, values)
        fields = in_project(self._discovery.site(), project_of(ticket)).settings.fields
        ids = {"priority": values["priority"]} if "priority" in values else {}
        ids |= {part: values[fields[part[6:]]] for part in call.parts if part.startswith("field:")}
        resolved = {part: str(mapping(value).get("id")) for part, value in ids.items() if mapping(value).get("id")}
        return resolved | ({"assignee": str(who)} if who is not None else {})

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
        body = edit_body(call, ticket, values, self._site, picked)
        try:
            done(self.line.write("PUT", issue_path(ticket.ref), body, call, ticket))
        except Refused as no:
            if no.gone or no.parts:
                raise
            raise Refused(str(no), parts=self._directory.at_fault(call.parts, ticket)) from no

    def _comment(self, call: Call, ticket: Ticket) -> Outcome:
        try:
            return self._comments.carry_out(self._telling(call), ticket)
        except Refused as no:
            if no.parts or no.gone or no.applied or not self._directory.takes_nothing(ticket):
                raise
            raise Refused(f"the issue takes no more writes; {no}", gone=True) from no  # archived, whatever language

    def _telling(self, call: Call) -> Call:
        """Let a note name the linked issue, if its operation has opened one."""
        return replace(call, told=(*call.told, *self._links.told(call)))

    def _move(self, ticket: Ticket, path: str, body: Any, call: Call) -> None:
        done(self.line.write("POST", f"{issue_path(ticket.ref)}{path}", body, call, ticket))

    def _watch(self, call: Call, ticket: Ticket) -> Outcome:
        people = _people(call)
        for who in people:
            params = None if self.line.cloud else {"userName": who}  # Data Center 10.3 documents both
            self.line.write("POST", f"{issue_path(ticket.ref)}/watchers", who, call, ticket, params)
        return Outcome(resolved={"watchers": ", ".join(people)})

    # --- is it there already? ---------------------------------------------------------------------------
    def _found(self, call: Call, ref: TicketRef) -> Outcome | None:
        if _NOTE in call.parts:  # it is written last: where it is, the rest is, too
            return self._comments.look(call, ref, self._account)
        ways = {TRANSITION: self._workflow.look, WATCH: self._watches}
        if call.parts.keys() == {_LINKED}:
            return self._links.look(call, ref)
        return ways.get(call.verb, self._edited)(call, ref)

    def _edited(self, call: Call, ref: TicketRef) -> Outcome | None:
        try:
            answer = object_in(self.line.send("GET", f"{issue_path(ref)}/properties/{MARKER}"))
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
        listed = object_in(self.line.send("GET", f"{issue_path(ref)}/watchers")).get("watchers")
        watching = {spelling for user in (listed if isinstance(listed, list) else ()) for spelling in person_ids(user)}
        return Outcome() if watching.issuperset(_people(call)) else None

    def _ask(self, ref: TicketRef, path: str, call: Call) -> Mapping[str, Any]:
        told = self.line.ask(f"{issue_path(ref)}{path}", call=call)
        if not isinstance(told, dict):
            raise TryLater("expected a JSON object from Jira, got something else")
        return told


def _people(call: Call) -> list[str]:
    named = call.parts["watchers"]
    return [str(who) for who in named] if isinstance(named, list | tuple) else [str(named)]


def _dial(settings: JiraSettings, api: str) -> JIRA:
    from jira import JIRA  # it takes a tenth of a second

    jira = JIRA(
        api,
        options={"rest_api_version": "2", "check_update": False},
        get_server_info=False,
        max_retries=0,
        timeout=(settings.connect_timeout, settings.read_timeout),
        logging=False,
    )
    jira.deploymentType = "Cloud" if settings.cloud else "Server"  # not asked for, so it must be said
    return jira
