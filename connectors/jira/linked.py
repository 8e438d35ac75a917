"""A linked issue: opened once for a ticket and a level, found again by its label, and linked to the ticket.

The label is written with the issue itself, so that an issue whose answer was lost is found. Jira's search learns of a
new issue a moment later, which is why a second one is never opened before the first has had time to show.
"""

from __future__ import annotations

from typing import Any

from connectors.contract import Call, Outcome, Refused, TryLater
from connectors.jira.directory import Directory
from connectors.jira.discovery import Discovery
from connectors.jira.line import Line, done, issue_path, object_in
from connectors.jira.notes import render
from connectors.jira.values import mapping, plain
from policies.commands import Line as NoteLine
from policies.commands import Note, Span
from policies.model import Ticket, TicketRef

_PART = frozenset({"linked_issue"})
_LONGEST_SUMMARY = 255
_MOST_REMEMBERED = 1_000


class Links:
    """Opens and links issues of one site. Safe to use from several threads."""

    def __init__(self, line: Line, directory: Directory, discovery: Discovery) -> None:
        self._line, self._directory, self._discovery = line, directory, discovery
        self._opened: dict[str, str] = {}  # by label: what search may not know yet
        self._keys: dict[str, str] = {}  # by operation: what the note tells

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Link the ticket's issue of this level; open it if there is none yet, and if it can be linked."""
        kind = self._kind(call)
        label = _label(call, ticket.ref)
        key = self._opened.get(label) or self._found(label)
        if key is None:
            key = self._open(call, ticket, label)
            _remember(self._opened, label, key)
        self._link(call, ticket, key, kind)
        self._opened.pop(label, None)
        return self._linked(call, key)

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Is the issue there, and linked?"""
        label = _label(call, ref)
        key = self._opened.get(label) or self._found(label)
        if key is None:
            return None
        issue = object_in(self._line.send("GET", issue_path(ref), params={"fields": "issuelinks"}))
        links = mapping(issue.get("fields")).get("issuelinks")
        sides = (
            mapping(mapping(link).get(side))
            for link in (links if isinstance(links, list) else ())
            for side in ("inwardIssue", "outwardIssue")
        )
        return self._linked(call, key) if any(side.get("key") == key for side in sides) else None

    def told(self, call: Call) -> tuple[str, ...]:
        """Return a sentence for the note about the issue that its operation has linked."""
        key = self._keys.get(call.operation)
        return (f"Linked issue: {key}.",) if key else ()

    def _linked(self, call: Call, key: str) -> Outcome:
        _remember(self._keys, call.operation, key)
        return Outcome(resolved={"linked_issue": key})

    def _kind(self, call: Call) -> str:
        try:
            return self._directory.link_type(str(mapping(call.parts["linked_issue"])["link"]))
        except Refused as no:
            raise Refused(f"no issue can be linked: {no}", parts=_PART) from no

    def _found(self, label: str) -> str | None:
        params = {"jql": f'labels = "{label}" ORDER BY created ASC', "maxResults": "1", "fields": "key"}
        try:
            answer = self._line.ask("search/jql" if self._line.cloud else "search", params=params)
        except Refused as no:
            raise Refused(f"Jira would not search for a linked issue: {no}", parts=_PART) from no
        listed = mapping(answer).get("issues")
        if not isinstance(listed, list):
            raise TryLater("expected a list of issues from Jira, got none")
        return plain(mapping(listed[0]).get("key")) if listed else None

    def _open(self, call: Call, ticket: Ticket, label: str) -> str:
        wanted = mapping(call.parts["linked_issue"])
        try:
            portal = self._discovery.is_portal(str(wanted["project"]))
            fields = _fields(call, ticket, label, portal=portal)
            answer = object_in(self._line.write("POST", "issue", {"fields": fields}, call, ticket))
        except Refused as no:
            what = f"no {wanted['type']} could be opened in {wanted['project']}: {no}"
            raise Refused(what, parts=_PART) from no
        key = plain(answer.get("key"))
        if not key:
            raise TryLater("expected the key of the issue that was opened, got another answer", sent=True)
        return key

    def _link(self, call: Call, ticket: Ticket, key: str, kind: str) -> None:
        """Link the issue as what blocks the ticket, or relates to it; Jira takes the same link twice as one."""
        body = {"type": {"name": kind}, "inwardIssue": {"key": key}, "outwardIssue": {"id": ticket.ref.id}}
        try:
            done(self._line.write("POST", "issueLink", body, call, ticket))
        except TryLater as later:  # the issue is there, so it is looked for before another is opened
            later.sent = True
            raise
        except Refused as no:
            raise Refused(f"{key} was opened and could not be linked: {no}", parts=_PART) from no


def _label(call: Call, ref: TicketRef) -> str:
    return f"stepladder-for-{ref.id}-level-{mapping(call.parts['linked_issue'])['level']}"


def _fields(call: Call, ticket: Ticket, label: str, *, portal: bool) -> dict[str, Any]:
    wanted = mapping(call.parts["linked_issue"])
    project, kind = str(wanted["project"]), str(wanted["type"])
    name = ticket.key or ticket.ref.id
    summary = " ".join(f"{name}: {ticket.subject or 'needs the next level'}".split())
    about = NoteLine(spans=(Span(text=f"Opened for {name}, which came to level {wanted['level']}."),))
    lines = call.note.lines if call.note is not None and not portal else ()  # customers read a portal's descriptions
    return {
        "project": {"key": project},
        "issuetype": {"id": kind} if kind.isdecimal() else {"name": kind},
        "summary": summary[:_LONGEST_SUMMARY],
        "description": render(Note(lines=(about, *lines)), call.told if lines else ()),
        "labels": [label],
    }


def _remember(known: dict[str, str], name: str, key: str) -> None:
    if len(known) >= _MOST_REMEMBERED:
        known.clear()
    known[name] = key
