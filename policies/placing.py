"""Where a ticket goes when it comes to a level: by product, region, language or type, and by the hour.

What the vendor's words in a target mean is the connectors' business; here one target is chosen of those a level names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.calendars import Calendar
from policies.commands import Recipient, Target
from policies.conditions import Moment
from policies.levels import Level, OutOfHours, Places, at_site
from policies.model import Named
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
    target, needs = _chosen(moment, level.places)
    tell = level.tell
    if (other := level.out_of_hours) is not None and not other.hold:
        closed = out_of_hours(other, moment)
        if closed is None:
            needs |= other.unless.ask(moment).needs if other.unless is not None else frozenset()
        elif closed:
            instead, more = _chosen(moment, other.places)
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


def _chosen(moment: Moment, places: Places) -> tuple[Target, frozenset[str]]:
    """Return the target of the first branch that fits, and what must be known before that can be told."""
    ticket = moment.ticket
    place = at_site(places, ticket.ref.vendor, ticket.ref.site)
    if place is None:
        return {}, frozenset()
    unknown = set[str]()
    for branch in place.branches:
        for word, target in branch.targets.items():
            fits = _fits(moment, branch.field, word)
            if fits is True:
                return {**place.target, **target}, frozenset(unknown)
            unknown |= {fits} if isinstance(fits, str) else set()
    return place.target, frozenset(unknown)


def _fits(moment: Moment, name: str, word: str) -> bool | str:
    """Say whether a ticket's field has a value (in small letters), or name the field to fetch."""
    if name == "tier":
        tier, _, needs = tier_of(moment.policy, moment.ticket)
        return needs or (tier or "").casefold() == word
    if not moment.told(name):
        return name.partition(".")[0]
    if name.startswith("custom."):
        return (moment.ticket.custom.get(name.removeprefix("custom.")) or "").casefold() == word
    value = getattr(moment.ticket, name)
    if isinstance(value, Named):
        known = value.goes_by(word)
        return name if known is None else known
    return value is not None and str(value).casefold() == word
