"""Ticket fields as words that can be compared, so that a change is told once however many deliveries spoke of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from policies.model import Change, Named, Priority, Role, Status, Ticket

_SIMPLE = ("kind", "product", "impact", "urgency", "tier", "language", "channel", "subject")
_NAMED = ("group", "assignee", "organization", "requester", "brand", "project", "form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A field that took another value, told once however many deliveries spoke of it."""

    field: str
    before: str | None
    after: str | None
    at: datetime
    role: Role


def words_of(ticket: Ticket, name: str) -> dict[str, str | None]:
    """Return a ticket field as comparable words by shift name (`tag:vip` for each tag); empty if rules never ask it."""
    value = getattr(ticket, name, None)
    if name == "tags":
        return {f"tag:{tag}": tag for tag in ticket.tags}
    if name == "custom":
        return {f"custom.{key}": text for key, text in ticket.custom.items()}
    if name in _NAMED:
        return {name: value.id if isinstance(value, Named) else None}
    if isinstance(value, Priority):
        return {name: value.word}
    if name in (*_SIMPLE, "status", "priority", "level"):
        return {name: None if value is None else str(value)}
    return {}


def with_change(ticket: Ticket, change: Change) -> Ticket:
    """Return the ticket after one change that came without a picture of the whole."""
    name, after = change.field, change.after
    told: dict[str, object] = {}
    if name == "tag":
        tags = tuple(t for t in ticket.tags if t not in (change.before, after)) + ((after,) if after else ())
        told = {"tags": tags} if ticket.knows("tags") else {}
    elif name.startswith("custom."):
        told = {"custom": {**ticket.custom, name.removeprefix("custom."): after}}
    elif name in _NAMED:
        told = {name: Named(id=after, name=change.after_name) if after else None}
    elif name == "priority":
        told = {name: Priority[after.upper()] if after else None}
    elif name == "status" and after:
        told = {name: Status(after)}
    elif name == "level":
        told = {name: int(after) if after else None}
    elif name in (*_SIMPLE, "key"):
        told = {name: after}
    return replace(ticket, **told, known=ticket.known | told.keys()) if told else ticket  # type: ignore[arg-type]


def shift_name(change: Change) -> str:
    """Name what a change shifts: each tag is a thing of its own."""
    return f"tag:{change.after or change.before}" if change.field == "tag" else change.field


def field_name(change: Change) -> str:
    """Name the ticket field that holds what a change shifts."""
    return "tags" if change.field == "tag" else change.field.partition(".")[0]
