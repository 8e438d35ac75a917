"""Ticket fields as words that can be compared, so that a change is told once however many deliveries spoke of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from policies.model import Change, Event, Kind, Named, Priority, Role, Status, Ticket
from policies.openings import utc
from policies.story import BLOCKED, FREE

_SIMPLE = ("kind", "product", "impact", "urgency", "tier", "language", "channel", "subject")
_NAMED = ("group", "assignee", "organization", "requester", "brand", "project", "form")
_TIMES = ("due_at", "sla_breach_at")
_COMPARABLE = frozenset((*_SIMPLE, *_NAMED, *_TIMES, "status", "priority", "level", "tags", "custom", "blocked_by"))
ALL_AT_ONCE = frozenset({"blocked_by"})
"""Fields that only a picture tells: a change speaks of one of several things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A field that took another value, told once however many deliveries spoke of it."""

    field: str
    before: str | None
    after: str | None
    at: datetime
    role: Role
    after_name: str | None = None


def words_of(ticket: Ticket, name: str) -> dict[str, str | None]:
    """Return a ticket field as comparable words by shift name (`tag:vip` for each tag); empty if rules never ask it."""
    value = getattr(ticket, name, None)
    if name == "tags":
        return {f"tag:{tag}": tag for tag in ticket.tags}
    if name == "custom":
        return {f"custom.{key}": text for key, text in ticket.custom.items()}
    if name == "blocked_by":
        return {name: BLOCKED if ticket.blocked_by else FREE}
    if name in _NAMED:
        return {name: value.id if isinstance(value, Named) else None}
    if isinstance(value, Priority):
        return {name: value.word}
    if isinstance(value, datetime) and name in _TIMES:
        return {name: utc(value).isoformat()}
    if comparable(name):
        return {name: None if value is None else str(value)}
    return {}


def comparable(name: str) -> bool:
    """Say whether rules, or the ladder, ever ask for this ticket field."""
    return name in _COMPARABLE


def with_change(ticket: Ticket, change: Change) -> Ticket:
    """Return the ticket after one change that came without a picture of the whole; unknown words make it unknown."""
    name, after = change.field, change.after
    if name == "tag":
        tags = tuple(t for t in ticket.tags if t not in (change.before, after)) + ((after,) if after else ())
        return replace(ticket, tags=tags) if ticket.knows("tags") else ticket
    if name.startswith("custom."):
        custom = {**ticket.custom, name.removeprefix("custom."): after}
        return replace(ticket, custom=custom, known=ticket.known | {"custom"})
    if name not in _COMPARABLE and name != "key":
        return ticket
    try:
        told = {name: _value(ticket, name, change)}
    except (KeyError, ValueError, TypeError, OverflowError):
        return ticket.doubt(frozenset({name}))
    return replace(ticket, **told, known=ticket.known | {name})  # type: ignore[arg-type]


def _value(ticket: Ticket, name: str, change: Change) -> object:
    after = change.after
    if name == "status":
        return Status(after or "")
    if not after:
        return None
    if name in _TIMES:
        return utc(datetime.fromisoformat(after))
    if name in _NAMED:
        known = getattr(ticket, name)
        same = known is not None and known.id == after
        return Named(id=after, name=change.after_name or (known.name if same else None))
    if name == "priority":
        return Priority[after.upper()]
    return int(after) if name == "level" else after


def named_again(before: Ticket, after: Ticket, kind: Kind) -> Ticket:
    """Keep a name that a later picture leaves out. What has none even when the vendor was asked goes by its id."""
    found: dict[str, Named] = {}
    for name in _NAMED:
        old, new = getattr(before, name), getattr(after, name)
        if new is None or new.name is not None:
            continue
        if old is not None and old.id == new.id and old.name is not None:
            found[name] = old
        elif kind is Kind.FETCHED:
            found[name] = Named(id=new.id, name=new.id)
    return replace(after, **found) if found else after  # type: ignore[arg-type]


def differs(before: Ticket, after: Ticket, key: str, old: str | None, new: str | None) -> bool:
    """Say whether a word is another one; a thing that we wrote by its name is the same once its id is known."""
    was, thing = getattr(before, key, None), getattr(after, key, None)
    if isinstance(was, Named) and isinstance(thing, Named) and was.id == was.name and thing.goes_by(was.id):
        return False
    return old != new


def shift_name(change: Change) -> str:
    """Name what a change shifts: each tag is a thing of its own."""
    return f"tag:{change.after or change.before}" if change.field == "tag" else change.field


def in_one_zone(event: Event) -> Event:
    """Return an event whose changes say times as `words_of` does; a time that cannot be read stays as it is."""
    if not any(change.field in _TIMES for change in event.changes):
        return event
    return replace(event, changes=tuple(_in_one_zone(change) for change in event.changes))


def _in_one_zone(change: Change) -> Change:
    if change.field not in _TIMES:
        return change
    return replace(change, before=_plain_time(change.before), after=_plain_time(change.after))


def _plain_time(text: str | None) -> str | None:
    try:
        return utc(datetime.fromisoformat(text)).isoformat() if text else None
    except (ValueError, TypeError, OverflowError):
        return text


def shift_of(event: Event, change: Change, role: Role) -> Shift:
    """Return a change as the shift that it tells of."""
    return Shift(
        field=shift_name(change), before=change.before, after=change.after, at=event.at, role=role,
        after_name=change.after_name,
    )  # fmt: skip


def field_of(shift: str) -> str:
    """Name the ticket field that holds what shifts."""
    return "tags" if shift.startswith("tag:") else shift.partition(".")[0]
