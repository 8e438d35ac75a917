"""What happened to a ticket, folded from its events: who waits since when, who took it, how often it came back.

Folding the same events gives the same story in whatever order they arrived: events are told in the vendor's order, and
one that comes late makes the whole story be told again from the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from policies.model import TICKET_FIELDS, Actor, Change, Comment, Event, Kind, Role, Status, Ticket
from policies.shifts import Shift, field_name, shift_name, with_change, words_of

_REQUEST_TAG = re.compile(r"escalate(?:[_-]?(?:to[_-]?)?(?:level[_-]?)?(\d))?", re.IGNORECASE)
_REQUEST_LINE = re.compile(r"^\s*/escalate\b\s*(?:to\s+)?(?:level\s+)?(\d)?", re.IGNORECASE | re.MULTILINE)
_TAKE_LINE = re.compile(r"^\s*/ack\b", re.IGNORECASE | re.MULTILINE)
_TRIED_LINE = re.compile(r"^\s*(tried|asked)\s*:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_QUOTE_LENGTH = 280
_REMEMBERED = 6
_RESOLVED = tuple(status for status in Status if status.resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something somebody said, cut to a length that a note can quote."""

    at: datetime
    text: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Staff asked for an escalation, to a level if they named one."""

    id: str
    at: datetime
    by: str | None
    level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """From when on something was so."""

    at: datetime
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The facts that rules ask about.

    `waiting_since`: the requester's first message that nobody has answered publicly. `conversation`: whether every
    message is known, from creation on or by a fetch. `since`: when a field took its present value; `ours`: fields whose
    present value Stepladder wrote, which is never a cause; `implied`: fields whose present value only a picture told,
    so that nobody yet knows who set it.
    """

    created_at: datetime | None = None
    statuses: tuple[Since, ...] = ()
    reopens: int = 0
    reopened_at: datetime | None = None
    conversation: bool = False
    waiting_since: datetime | None = None
    last_customer: Said | None = None
    last_reply: Said | None = None
    replies: int = 0
    hand_overs: int = 0
    taken_at: datetime | None = None
    taken_by: str | None = None
    human_at: datetime | None = None
    spoke: Mapping[str, datetime] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    tried: tuple[Said, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    implied: frozenset[str] = frozenset()
    ended: str | None = None

    def took(self, name: str) -> datetime | None:
        """When the field took its present value."""
        return self.since.get(name)


class Telling:
    """One folding in progress; used by `tell` only, so that the frozen story is rebuilt once and not per field."""

    def __init__(self, ticket: Ticket, story: Story) -> None:
        self.ticket = ticket
        self.story = story
        self.since = dict(story.since)
        self.ours = set(story.ours)
        self.implied = set(story.implied)
        self.shifts: list[Shift] = []

    def done(self) -> tuple[Ticket, Story, tuple[Shift, ...]]:
        """Return what has become of ticket and story, and every value that changed on the way."""
        ours, implied = frozenset(self.ours), frozenset(self.implied)
        return self.ticket, replace(self.story, since=self.since, ours=ours, implied=implied), tuple(self.shifts)

    def hear(self, event: Event) -> None:
        """Fold one event."""
        explicit = {shift_name(change) for change in event.changes}
        if event.ticket is not None:
            self._picture(event, event.ticket, explicit)
        for change in event.changes:
            self._change(event, change)
        if event.kind is Kind.CREATED:
            self._born(event)
        elif event.kind in (Kind.DELETED, Kind.MERGED):
            self.story = replace(self.story, ended=event.kind.value)
        elif event.kind is Kind.RESTORED:
            self.story = replace(self.story, ended=None)
        if event.comment is not None:
            self._comment(event, event.comment)
        if _role(event) is Role.AGENT and event.kind in (Kind.CHANGED, Kind.COMMENTED):
            self.story = replace(self.story, human_at=max(event.at, self.story.human_at or event.at))

    # --- fields -------------------------------------------------------------------------------------------
    def _picture(self, event: Event, picture: Ticket, explicit: set[str]) -> None:
        before = self.ticket
        as_of = picture.as_of or event.at
        if before.as_of is not None and as_of < before.as_of:  # an old picture only fills gaps
            gaps = replace(picture, known=picture.known - before.known, as_of=before.as_of)
            self.ticket = before.learn(gaps)
            return
        whole = TICKET_FIELDS | picture.known if event.kind is Kind.FETCHED else picture.known
        self.ticket = before.learn(replace(picture, known=whole, as_of=as_of))
        if "conversation" in picture.known:
            self.story = replace(self.story, conversation=True)
        if self.story.created_at is None and self.ticket.created_at is not None:
            self.story = replace(self.story, created_at=self.ticket.created_at)
        # what an existing ticket's first picture shows was so before; only a birth makes it news
        first_seen = as_of if event.kind is Kind.CREATED else as_of - timedelta(microseconds=1)
        for name in sorted(picture.known):
            self._compare(event, before, name, first_seen, explicit)

    def _compare(self, event: Event, before: Ticket, name: str, first_seen: datetime, explicit: set[str]) -> None:
        new = words_of(self.ticket, name)
        old = words_of(before, name) if before.knows(name) else None
        if old is None:
            for key, value in new.items():
                self.since.setdefault(key, first_seen)
                if key == "status" and value and not self.story.statuses:
                    start = Since(at=self.story.created_at or first_seen, value=value)
                    self.story = replace(self.story, statuses=(start,))
            return
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                role = _role(event) if key in explicit else Role.UNKNOWN
                (self.implied.discard if key in explicit else self.implied.add)(key)
                self._shift(event, Shift(field=key, before=old.get(key), after=new.get(key), at=event.at, role=role))

    def _change(self, event: Event, change: Change) -> None:
        name = shift_name(change)
        shift = Shift(field=name, before=change.before, after=change.after, at=event.at, role=_role(event))
        if any(told.field == name and told.at == event.at for told in self.shifts):
            return
        pictured = event.ticket is not None and event.ticket.knows(field_name(change))
        current = words_of(self.ticket, field_name(change)).get(name)
        saved = event.ticket.as_of if event.ticket and event.ticket.as_of else event.at
        if current == change.after and name in self.since and self.since[name] >= saved:
            if name in self.implied:  # a sibling's picture told of it first; now we know who did it
                self.implied.discard(name)
                self._claim(event, shift)
            return
        if not pictured:
            self.ticket = with_change(self.ticket, change)
        self._shift(event, shift)

    def _shift(self, event: Event, shift: Shift) -> None:
        self.since[shift.field] = shift.at
        if shift.field == "status" and shift.after:
            self._status(shift)
        elif shift.field == "assignee" and shift.before and shift.after and shift.role is not Role.OURS:
            self.story = replace(self.story, hand_overs=self.story.hand_overs + 1)
        self._claim(event, shift)

    def _claim(self, event: Event, shift: Shift) -> None:
        self.shifts.append(shift)
        (self.ours.add if shift.role is Role.OURS else self.ours.discard)(shift.field)
        if shift.role is not Role.AGENT or not shift.after:
            return
        if shift.field == "assignee":
            name = self.ticket.assignee.name if self.ticket.assignee else None
            self.story = replace(self.story, taken_at=shift.at, taken_by=name or shift.after)
        elif shift.field.startswith("tag:") and (asked := _REQUEST_TAG.fullmatch(shift.after)):
            self._ask(f"{shift.field}@{shift.at.isoformat()}", event, asked.group(1))

    def _status(self, shift: Shift) -> None:
        spans = (*self.story.statuses, Since(at=shift.at, value=str(shift.after)))
        self.story = replace(self.story, statuses=spans)
        if shift.before in _RESOLVED and shift.after not in _RESOLVED:
            self.story = replace(self.story, reopens=self.story.reopens + 1, reopened_at=shift.at)

    # --- people -------------------------------------------------------------------------------------------
    def _born(self, event: Event) -> None:
        made = self.ticket.created_at or event.at
        story = replace(self.story, created_at=made, conversation=True)
        staff = event.actor is not None and event.actor.role in (Role.AGENT, Role.OURS)
        if not staff and story.waiting_since is None and story.last_reply is None:
            story = replace(story, waiting_since=made)
        if self.ticket.assignee is not None and story.taken_at is None and staff:
            story = replace(story, taken_at=made, taken_by=str(self.ticket.assignee))
        self.story = story

    def _comment(self, event: Event, comment: Comment) -> None:
        role = _role(event)
        said = Said(at=event.at, text=comment.text[:_QUOTE_LENGTH], by=event.actor.name if event.actor else None)
        if role is Role.REQUESTER:
            story = replace(self.story, last_customer=said)
            self.story = replace(story, waiting_since=story.waiting_since or event.at)
        elif role is Role.AGENT and event.actor is not None:
            self._staff_says(event, event.actor, comment, said)

    def _staff_says(self, event: Event, actor: Actor, comment: Comment, said: Said) -> None:
        story = replace(self.story, spoke={**self.story.spoke, actor.id: event.at})
        if comment.public is not False:
            story = replace(story, waiting_since=None, last_reply=said, replies=story.replies + 1)
        if _TAKE_LINE.search(comment.text):
            story = replace(story, taken_at=event.at, taken_by=actor.name or actor.id)
        lines = (match.group(0).strip()[:_QUOTE_LENGTH] for match in _TRIED_LINE.finditer(comment.text))
        tried = (Said(at=event.at, text=line, by=actor.name) for line in lines)
        self.story = replace(story, tried=(*story.tried, *tried)[-_REMEMBERED:])
        asked = _REQUEST_LINE.search(comment.text)
        if asked:
            self._ask(event.id, event, asked.group(1))

    def _ask(self, request_id: str, event: Event, level: str | None) -> None:
        by = (event.actor.name or event.actor.id) if event.actor else None
        request = Request(id=request_id, at=event.at, by=by, level=int(level) if level else None)
        self.story = replace(self.story, requests=(*self.story.requests, request)[-_REMEMBERED:])


def tell(ticket: Ticket, story: Story, events: Iterable[Event]) -> tuple[Ticket, Story, tuple[Shift, ...]]:
    """Fold events, which must be in the vendor's order (`Event.sort_key`), into ticket and story."""
    telling = Telling(ticket, story)
    for event in events:
        telling.hear(event)
    return telling.done()


def _role(event: Event) -> Role:
    return event.actor.role if event.actor else Role.UNKNOWN
