"""The ticket that a policy's test invents: its first picture, what a step changes, and what a command would echo.

It plays the vendor for `simulate.py`, in the words that every vendor's targets share, and knows no vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from policies.commands import Command, Take
from policies.ladder import OTHER_NAMES
from policies.model import TICKET_FIELDS, Actor, Change, Named, Role, Status, Ticket, TicketRef, ticket_from
from policies.policy import Example, Policy

CUSTOMER = Actor(id="customer", role=Role.REQUESTER, name="A customer")
VENDORS_OWN = frozenset({"sla_breach_at", "blocked_by"})
"""Fields that the vendor changes by itself: nobody works on the ticket when they change."""

NOTHING = "none"
"""The word for a time that is not there."""

_NAMED = ("group", "assignee", "organization", "brand", "project", "form")
_WORDS = ("kind", "product", "impact", "urgency", "tier", "language", "channel")
_TIMES = ("due_at", "sla_breach_at")

Instant = Callable[[str], datetime]
"""What a time in a test means."""


def first_picture(policy: Policy, example: Example, created: datetime, instant: Instant) -> Ticket:
    """Return a ticket of which everything is known: what the test says, else what puts it in scope at level 1."""
    said = example.ticket
    vendor, _, site = said["site"].partition("/")
    told: dict[str, Any] = {**dict.fromkeys(TICKET_FIELDS), "tags": (), "custom": {}, "blocked_by": ()}
    told["status"] = Status.NEW
    for choice in policy.applies_to.get(said["site"], policy.applies_to.get(vendor, ())):
        if choice.only:
            told |= typed({choice.field: choice.only[0] if choice.field != "tags" else choice.only[:1]}, instant)
    told |= {**_placed(policy.level(1).target(vendor, site)), "assignee": None}
    tier = next((tier for tier in policy.tiers if tier.name == said.get("tier")), None)
    if tier is not None and tier.organizations:
        told |= typed({"organization": tier.organizations[0]}, instant)
    elif tier is not None and tier.tags:
        told["tags"] = (*told["tags"], tier.tags[0])
    elif tier is not None and tier.field_values:
        told["tier"] = tier.field_values[0]
    fields = {name: value for name, value in said.items() if name in TICKET_FIELDS - {"tier"}}
    fields["tags"] = (*told["tags"], *said.get("tags", ()))
    fields["custom"] = {**told["custom"], **said.get("custom", {})}
    requester = Named(id=CUSTOMER.id, name=CUSTOMER.name)
    told |= {"key": "#1", "subject": example.name, "requester": requester, "portal": True, "created_at": created}
    told |= typed(fields, instant)
    return ticket_from(TicketRef(vendor=vendor, site=site or "example", id="1"), created, told)


def typed(values: Mapping[str, Any], instant: Instant) -> dict[str, Any]:
    """Return a test's words as the values of ticket fields."""
    return {name: _typed(name, value, instant) for name, value in values.items()}


def _typed(name: str, value: Any, instant: Instant) -> Any:
    if name in _NAMED:
        return _thing(value)
    if name in _TIMES:
        return None if value == NOTHING else instant(value)
    return value


def changed(ticket: Ticket, values: Mapping[str, Any]) -> tuple[Ticket, tuple[Change, ...]]:
    """Return the ticket after some fields took other values, and the changes that a vendor would tell."""
    changes = tuple(change for name, value in values.items() for change in _changes(ticket, name, value))
    if "custom" in values:
        values = {**values, "custom": {**ticket.custom, **values["custom"]}}
    return replace(ticket, **values), changes


def _changes(ticket: Ticket, name: str, value: Any) -> Iterable[Change]:
    old = getattr(ticket, name)
    if name == "tags":
        yield from (Change(field="tag", before=tag) for tag in old if tag not in value)
        yield from (Change(field="tag", after=tag) for tag in value if tag not in old)
    elif name == "custom":
        for key, text in value.items():
            if old.get(key) != text:
                yield Change(field=f"custom.{key}", before=old.get(key), after=text)
    elif old != value:
        name_after = value.name if isinstance(value, Named) else None
        yield Change(field=name, before=_id(old), after=_id(value), after_name=name_after)


def _id(value: Any) -> str | None:
    if isinstance(value, Named):
        return value.id
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return ", ".join(value) or None
    return None if value is None else spelled(value)


def spelled(value: Any) -> str:
    """Return a value as a test would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    return NOTHING if value is None else str(getattr(value, "word", value))


# --- what a command makes of it -----------------------------------------------------------------------------------
def echoed(command: Command) -> dict[str, Any]:
    """Return the fields that a command sets, as if nothing of it were refused."""
    values: dict[str, Any] = {"level": command.level}
    values |= {"priority": command.priority} if command.priority is not None else {}
    values |= _placed(command.target) if command.take is Take.OWNERSHIP else {}
    return values | _restored(command.restore)


def _placed(target: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ticket fields that a target sets; of a pool, the first who is named in it."""
    placed: dict[str, Any] = {}
    if isinstance(target.get("group"), str | int):
        placed |= {"group": _thing(target["group"]), "assignee": None}
    people = target.get("from")
    if target.get("assign") is not None and isinstance(people, list) and people:
        placed["assignee"] = _thing(people[0])
    if isinstance(target.get("assignee"), str | int):
        placed["assignee"] = _thing(target["assignee"])
    fields = target.get("field")
    for name, value in fields.items() if isinstance(fields, Mapping) else ():
        _put(placed, OTHER_NAMES.get(name, str(name)), str(value))
    return placed


def _restored(restore: Mapping[str, str | None]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, word in restore.items():
        _put(values, name.removeprefix("custom."), word)
    return values


def _put(values: dict[str, Any], name: str, word: str | None) -> None:
    """Set a field by its name: one of the ticket's own, else one of the custom ones."""
    if name in _NAMED:
        values[name] = None if word is None else _thing(word)
    elif name in _WORDS:
        values[name] = word
    else:
        values["custom"] = {**values.get("custom", {}), name: word}


def _thing(word: object) -> Named:
    return Named(id=str(word), name=str(word))
