"""Where a ticket goes when it comes to a level: by product, region, language or type, and by the hour.

What the vendor's words in a target mean is the connectors' business; here one target is chosen of those a level names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.calendars import Calendar
from policies.commands import Recipient, Target
from policies.conditions import Moment
from policies.levels import Branch, Level, OutOfHours, Places, at_site
from policies.model import Named, Ticket
from policies.policy import Policy
from policies.questions import tier_of

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a ticket goes, what is tried if that is refused, and who is told. `needs`: what must be known first."""

    target: Target = field(default_factory=dict)
    fallbacks: tuple[Target, ...] = ()
    tell: tuple[Recipient, ...] = ()
    needs: frozenset[str] = frozenset()


def placement(level: Level, moment: Moment) -> Placement:
    """Choose the target for a ticket that comes to a level at this moment."""
    ticket = moment.ticket
    target, needs = _chosen(moment.policy, level.places, ticket)
    tell = level.tell
    if (other := level.out_of_hours) is not None and not other.hold:
        closed = out_of_hours(other, moment)
        if closed is None:
            needs |= other.unless.ask(moment).needs if other.unless is not None else frozenset()
        elif closed:
            instead, more = _chosen(moment.policy, other.places, ticket)
            target, needs, tell = instead or target, needs | more, other.tell or tell
    return Placement(
        target=target, fallbacks=level.fallback(ticket.ref.vendor, ticket.ref.site), tell=tell,
        needs=needs - moment.fetched,
    )  # fmt: skip


def out_of_hours(other: OutOfHours, moment: Moment) -> bool | None:
    """Say whether a level's other arrangement counts now; None if it depends on what is not known yet."""
    opens = opening(moment.policy.calendars[other.calendar], moment.now)
    if opens == moment.now:
        return False
    if other.unless is None:
        return True
    excepted = other.unless.ask(moment).value
    return None if excepted is None else not excepted


def opening(calendar: Calendar, now: datetime) -> datetime | None:
    """Return when a calendar is open next: now, if it is. None: never again."""
    first = calendar.add(now, _INSTANT)
    return first - _INSTANT if first is not None else None


def _chosen(policy: Policy, places: Places, ticket: Ticket) -> tuple[Target, frozenset[str]]:
    place = at_site(places, ticket.ref.vendor, ticket.ref.site)
    if place is None:
        return {}, frozenset()
    unknown = set[str]()
    for branch in place.branches:
        found, needs = _branch(policy, branch, ticket)
        if found is not None:
            return {**place.target, **found}, frozenset(unknown)
        unknown |= {needs} if needs else set()
    return place.target, frozenset(unknown)


def _branch(policy: Policy, branch: Branch, ticket: Ticket) -> tuple[Target | None, str | None]:
    """Return the target of the branch that a ticket's field leads to, or what must be known first."""
    for word, needs in _words(policy, branch.field, ticket):
        if needs:
            return None, needs
        if word is not None and word.casefold() in branch.targets:
            return branch.targets[word.casefold()], None
    return None, None


def _words(policy: Policy, name: str, ticket: Ticket) -> Iterator[tuple[str | None, str | None]]:
    """Yield the words a field goes by, or the field to fetch."""
    if name == "tier":
        tier, _, needs = tier_of(policy, ticket)
        yield tier, needs
    elif name.startswith("custom."):
        key = name.removeprefix("custom.")
        yield ticket.custom.get(key), None if key in ticket.custom or ticket.knows("custom") else "custom"
    elif not ticket.knows(name):
        yield None, name
    else:
        value = getattr(ticket, name)
        yield from ((word, None) for word in ((value.id, value.name) if isinstance(value, Named) else (value,)))
