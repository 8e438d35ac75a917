"""Folding a ticket's events into its picture and its story.

Folding the same events gives the same story in whatever order they arrived: events are told in the vendor's order, and
one that comes late makes the whole story be told again from the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from policies.echoes import by_its_requester
from policies.masking import masked
from policies.model import ASKED_APART, TICKET_FIELDS, Actor, Change, Comment, Event, Kind, Named, Role, Status, Ticket
from policies.orders import command_line, only_commands, order_in, request_in, takes, to_us
from policies.phrases import own_words
from policies.shifts import (
    ALL_AT_ONCE,
    Shift,
    comparable,
    differs,
    field_of,
    in_one_zone,
    named_again,
    shift_name,
    shift_of,
    with_change,
    words_of,
)
from policies.story import Request, Said, Since, Story

_REQUEST_TAG = re.compile(r"escalate(?:[_-]?(?:to[_-]?)?(?:level[_-]?)?(\d))?", re.IGNORECASE)
_TRIED_LINE = re.compile(r"(?:tried|asked) ?:", re.IGNORECASE)
_LINES_READ = 200
_LONGEST_HEARD = 4000  # of a message, for phrases and patterns; secrets are masked before they are looked for
_NUMBER_AT_END = re.compile(r"[\d\s./_-]+\Z")
_QUOTE_LENGTH = 280
_REMEMBERED = 6
_NEVER_ASKED = frozenset({"assignee", "brand", "due_at", "requester", "sla_breach_at", "subject"})
_RESOLVED = tuple(status for status in Status if status.resolved)


class Telling:
    """One folding in progress: the frozen story is rebuilt once, and `shifts` tells each changed value once."""

    def __init__(self, ticket: Ticket, story: Story) -> None:
        self.ticket = ticket
        self.story = story
        self.since = dict(story.since)
        self.times = dict(story.times)
        self.ours = set(story.ours)
        self.implied = set(story.implied)
        self.shifts: list[Shift] = []
        self._pictured: set[str] = set()

    def done(self) -> tuple[Ticket, Story, tuple[Shift, ...]]:
        """Return what has become of ticket and story, and every value that changed on the way."""
        ours, implied = frozenset(self.ours), frozenset(self.implied)
        story = replace(self.story, since=self.since, times=self.times, ours=ours, implied=implied)
        return self.ticket, story, tuple(self.shifts)

    def hear(self, event: Event) -> None:
        """Fold one event."""
        event = by_its_requester(in_one_zone(event), self.ticket)
        self._pictured = set()
        before, as_of = len(self.shifts), self.ticket.as_of
        if self.story.ended == Kind.GONE and (event.ticket is not None or event.changes or event.comment is not None):
            self.story = replace(self.story, ended=None)
        stale = event.ticket is not None and not self._picture(event, event.ticket)
        for change in event.changes:
            self._change(event, change, stale)
        if event.kind is Kind.CREATED:
            self._born(event)
        elif event.kind in (Kind.DELETED, Kind.MERGED, Kind.GONE):
            self.story = replace(self.story, ended=event.kind.value)
        elif event.kind is Kind.RESTORED:
            self.story = replace(self.story, ended=None)
        elif event.kind is Kind.TOUCHED:
            self.story = replace(self.story, conversation=False)
        if event.comment is not None:
            self._comment(event, event.comment)
        if _role(event) is Role.AGENT and event.kind in (Kind.CHANGED, Kind.COMMENTED) and not only_commands(event):
            self.story = replace(self.story, human_at=max(event.at, self.story.human_at or event.at))
        told = event.ticket.known if event.ticket is not None and not stale else frozenset()
        doubtful = (ASKED_APART & self.ticket.known) - told
        if doubtful and (len(self.shifts) > before or self._went_on(event, as_of)):
            self.ticket = self.ticket.doubt(doubtful)

    def _went_on(self, event: Event, as_of: datetime | None) -> bool:
        """Say whether a person or program did anything since that time, so that the vendor may promise otherwise."""
        if _role(event) is Role.OURS:
            return False
        did = bool(event.changes) or event.comment is not None or event.kind is Kind.TOUCHED
        return (did and (as_of is None or event.at > as_of)) or self.ticket.as_of != as_of

    # --- fields -------------------------------------------------------------------------------------------
    def _picture(self, event: Event, picture: Ticket) -> bool:
        """Take over a picture; False if it is older than what is known, so that it only fills gaps."""
        if "conversation" in picture.known:
            self.story = replace(self.story, conversation=True)
        told = picture.known & TICKET_FIELDS
        before = self.ticket
        as_of = picture.as_of or event.at
        if before.as_of is not None and as_of < before.as_of:
            gaps = told - before.known - ASKED_APART
            self.ticket = before.learn(replace(picture, known=gaps, as_of=before.as_of))
            self._compare(event, before, gaps)
            return False
        if event.kind is Kind.FETCHED:
            self.story, told = replace(self.story, whole=True), told | (TICKET_FIELDS - ASKED_APART)
        self.ticket = named_again(before, before.learn(replace(picture, known=told, as_of=as_of)), event.kind)
        self.story = replace(self.story, created_at=self.story.created_at or self.ticket.created_at)
        self._compare(event, before, told)
        return True

    def _compare(self, event: Event, before: Ticket, told: Iterable[str]) -> None:
        explicit = {shift_name(change): change for change in event.changes}
        for name in sorted(told):
            # what only a fetch by name tells was doubted, not forgotten: another value is news
            new, known = words_of(self.ticket, name), before.knows(name) or (name in ASKED_APART and name in self.since)
            old = words_of(before, name) if known else {}
            for key in sorted(old.keys() | new.keys()):
                change = explicit.get(key)
                if change is not None and change.after != new.get(key):
                    change = None  # the picture was drawn after a later change
                if not known or (name == "custom" and key not in old):
                    self._first_seen(event, key, new[key], change)
                elif differs(before, self.ticket, key, old.get(key), new.get(key)):
                    self._pictured_shift(event, key, old.get(key), change)

    def _first_seen(self, event: Event, key: str, value: str | None, change: Change | None) -> None:
        """Note a value whose field was unknown. Only of a ticket whose birth was told it is known to be news."""
        made = self.story.created_at or self.ticket.created_at
        if event.kind is Kind.CREATED:
            first = max(self.ticket.as_of or event.at, made or event.at)
        elif self.story.born:
            first = made or event.at
        else:
            first = min(made or event.at, self.ticket.as_of or event.at, event.at) - timedelta(microseconds=1)
        if key == "status" and value and not self.story.statuses:
            said = change.before if change is not None and change.before in set(Status) else value
            start = Since(at=min(made or first, event.at), value=str(said))
            self.story = replace(self.story, statuses=(start,))
        if key == "blocked_by" and value:
            self.story = self.story.blocked_from(event.at, value)
        if change is not None:
            self._pictured_shift(event, key, change.before, change)
        else:
            self.since.setdefault(key, first)
            if key == "assignee" and value:
                self.story = self.story.had_by(value, event.at if self.story.owners else first)

    def _pictured_shift(self, event: Event, key: str, before: str | None, change: Change | None) -> None:
        after = words_of(self.ticket, field_of(key)).get(key)
        role = Role.UNKNOWN if change is None else _role(event)
        (self.implied.add if change is None else self.implied.discard)(key)
        self._pictured.add(key)
        thing = getattr(self.ticket, key, None)
        name = thing.name if isinstance(thing, Named) else None
        self._shift(event, Shift(field=key, before=before, after=after, at=event.at, role=role, after_name=name))

    def _change(self, event: Event, change: Change, stale: bool) -> None:
        name, field_name = shift_name(change), field_of(shift_name(change))
        if name in self._pictured:
            return
        pictured = not stale and event.ticket is not None and event.ticket.knows(field_name)
        if field_name in ALL_AT_ONCE:
            self.ticket = self.ticket if pictured or stale else self.ticket.doubt(frozenset({field_name}))
            return
        shift = shift_of(event, change, _role(event))
        if not comparable(field_name):
            self.ticket = self.ticket if pictured or stale else with_change(self.ticket, change)
            return
        current = words_of(self.ticket, field_name).get(name)
        if current == change.after and name in self.implied:  # a sibling's picture told of it first
            self.implied.discard(name)
            self._claim(event, shift, late=True)
            return
        saved = event.ticket.as_of if event.ticket and event.ticket.as_of else event.at
        restated = current == change.after and name in self.since and self.since[name] >= saved
        if restated or stale or (pictured and current != change.after):
            return
        if not pictured:
            self.ticket = with_change(self.ticket, change)
        self._shift(event, shift)

    def _shift(self, event: Event, shift: Shift) -> None:
        if self.since.get(shift.field) == event.at and self._is_tie(shift):
            self.ticket = self.ticket.doubt(frozenset({field_of(shift.field)}))  # only a fetch can tell which was last
        self.since[shift.field] = shift.at
        self.shifts.append(shift)
        if shift.after and shift.field not in _NEVER_ASKED:
            value = f"{shift.field}={shift.after}"
            self.times[value] = self.times.get(value, 0) + 1
        if shift.field == "status" and shift.after in set(Status):
            self._status(shift)
        elif shift.field == "assignee":
            self._handed_over(shift)
        elif shift.field == "blocked_by" and shift.after:
            self.story = self.story.blocked_from(shift.at, shift.after)
        self._claim(event, shift)

    def _is_tie(self, shift: Shift) -> bool:
        """Say whether somebody changed the same field at the same instant before (decision 3)."""
        changed = any(value.startswith(f"{shift.field}=") for value in self.times)
        return changed and shift.role is not Role.OURS and not shift.field.startswith("tag:")

    def _handed_over(self, shift: Shift) -> None:
        if shift.before:
            self.story = self.story.had_by(shift.before, shift.at)
        if shift.after and shift.role is not Role.OURS:
            self.story = self.story.had_by(shift.after, shift.at)
            self.story = self.story.passed_on(shift.at) if shift.before else self.story

    def _claim(self, event: Event, shift: Shift, late: bool = False) -> None:
        """Say whose shift it was; `late` if a picture had told of it before."""
        (self.ours.add if shift.role is Role.OURS else self.ours.discard)(shift.field)
        if late and shift.role is Role.OURS and shift.field == "assignee" and shift.after:
            take_back = self.story.never_passed if shift.before else self.story.never_had_by
            self.story = take_back(shift.after, self.since.get(shift.field, shift.at))
        if shift.role is not Role.AGENT or not shift.after:
            return
        if shift.field == "assignee":
            name = self.ticket.assignee.name if self.ticket.assignee else None
            self.story = replace(self.story, taken_at=shift.at, taken_by=name or shift.after)
        elif shift.field.startswith("tag:") and (asked := _REQUEST_TAG.fullmatch(shift.after)):
            time, actor = self.times.get(f"{shift.field}={shift.after}", 0), event.actor
            level = int(asked.group(1)) if asked.group(1) else None
            by, by_id = (actor.name, actor.id) if actor else (None, "")
            request = Request(id=f"{shift.field}#{time}", at=event.at, by=by, by_id=by_id, level=level)
            self.story = self.story.with_request(request)

    def _status(self, shift: Shift) -> None:
        self.story = replace(self.story, statuses=(*self.story.statuses, Since(at=shift.at, value=str(shift.after))))
        if shift.before in _RESOLVED and shift.after not in _RESOLVED:
            self.story = replace(self.story, reopens=self.story.reopens + 1, reopened_at=shift.at)

    # --- people -------------------------------------------------------------------------------------------
    def _born(self, event: Event) -> None:
        made = self.ticket.created_at or event.at
        story = replace(self.story, created_at=made, conversation=True, born=True)
        if _role(event) not in (Role.AGENT, Role.OURS) and story.waiting_since is None and story.last_reply is None:
            story = replace(story, waiting_since=made, waits=story.waits + 1)
        if self.ticket.assignee is not None and story.taken_at is None and _role(event) is Role.AGENT:
            story = replace(story, taken_at=made, taken_by=str(self.ticket.assignee))
        self.story = story
        self.since = {name: max(at, made) for name, at in self.since.items()}  # our clock may be behind the vendor's

    def _comment(self, event: Event, comment: Comment) -> None:
        role = _role(event)
        said = Said(at=event.at, text=_quotable(comment.text), by=event.actor.name if event.actor else None)
        if role is Role.REQUESTER:
            self._named(event.actor)
            story = replace(self.story, last_customer=said)
            if story.waiting_since is None:
                story = replace(story, waiting_since=event.at, waits=story.waits + 1)
            self.story = story.with_words(comment.id, event.at, own_words(masked(comment.text[:_LONGEST_HEARD])))
        elif role is Role.AGENT and event.actor is not None:
            self._staff_says(event, event.actor, comment, said)

    def _named(self, actor: Actor | None) -> None:
        requester = self.ticket.requester
        if actor is not None and actor.name and requester is not None and requester == Named(id=actor.id):
            self.ticket = replace(self.ticket, requester=replace(requester, name=actor.name))

    def _staff_says(self, event: Event, actor: Actor, comment: Comment, said: Said) -> None:
        command = command_line(comment)
        story = self.story
        if not to_us(command):
            story = replace(story, spoke={**story.spoke, actor.id: event.at})
        if comment.public is not False:
            story = replace(story, waiting_since=None, last_reply=said, replies=story.replies + 1)
            story = story.with_reply(comment.id, event.at)
        said_lines = [line.strip() for line in comment.text[:20_000].split("\n")[:_LINES_READ]]
        if takes(command):
            story = replace(story, taken_at=event.at, taken_by=actor.name or actor.id)
        lines = (_quotable(line) for line in said_lines if _TRIED_LINE.match(line))
        tried = (Said(at=event.at, text=line, by=actor.name) for line in lines)
        story = replace(story, tried=(*story.tried, *tried)[-_REMEMBERED:])
        asked = request_in(command, event, actor, comment)
        story = story.with_request(asked) if asked else story
        self.story = story.with_order(f"comment:{comment.id}", order_in(command, event, actor, comment))


def tell(ticket: Ticket, story: Story, events: Iterable[Event]) -> tuple[Ticket, Story, tuple[Shift, ...]]:
    """Fold events, which must be in the vendor's order (`Event.sort_key`), into ticket and story."""
    telling = Telling(ticket, story)
    for event in events:
        telling.hear(event)
    return telling.done()


def _quotable(text: str) -> str:  # never cut through a number: half a card number would pass as none
    return text if len(text) <= _QUOTE_LENGTH else _NUMBER_AT_END.sub("", text[:_QUOTE_LENGTH])


def _role(event: Event) -> Role:
    return event.actor.role if event.actor else Role.UNKNOWN
