"""Coming down again when the reason is gone: later than it came up, and giving back only what nobody changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from policies.case import Before, Case
from policies.commands import Take, Target
from policies.conditions import Finding, Moment
from policies.ladder import OTHER_NAMES
from policies.levels import Level
from policies.model import Priority, Ticket
from policies.policy import ComeDown, Policy
from policies.shifts import comparable, field_of, words_of

_PLACES = ("group", "assignee")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """What the reasons to come down found: since when each has been so, the one that is due, and the next look.

    `needs`: what must be known before it can be told.
    """

    calm: Mapping[str, datetime] = field(default_factory=dict)
    due: ComeDown | None = None
    finding: Finding | None = None
    since: datetime | None = None
    next_look: datetime | None = None
    needs: frozenset[str] = frozenset()


NO_DESCENT = Descent()
"""What is found where nothing leads down."""


def descent(policy: Policy, case: Case, moment: Moment) -> Descent:
    """Ask the reasons to come down from where the ticket stands, if it was we who brought it there."""
    ways = [way for way in policy.come_down if way.start == case.level]
    if not ways or not case.before or case.before[-1].level != case.level:
        return NO_DESCENT
    calm: dict[str, datetime] = {}
    looks: list[datetime] = []
    due: tuple[ComeDown, Finding, datetime] | None = None
    needs = frozenset[str]()
    for way in ways:
        found = way.when.ask(moment)
        if found.value is None:
            needs |= found.needs - moment.fetched
        turns = _turns(way, found, moment)
        looks += [turns] if turns is not None else []
        if not found.value:
            continue
        calm[way.name] = since = case.calm.get(way.name, moment.now)
        ends = moment.clock_for(way.lasting).deadline(since, way.lasting.length, moment.now)
        if ends is not None and ends <= moment.now:
            due = due or (way, found, since)
        elif ends is not None:
            looks.append(ends)
    if due is None:
        return Descent(calm=calm, next_look=min(looks, default=None), needs=needs)
    return Descent(calm=calm, due=due[0], finding=due[1], since=due[2], next_look=min(looks, default=None), needs=needs)


def _turns(way: ComeDown, found: Finding, moment: Moment) -> datetime | None:
    """Return when time alone turns a reason, so that it is looked at then."""
    dues = sorted({a.due for a in found.answers if a.due is not None and a.due > moment.now})
    return next((at for at in dues if way.when.ask(moment.later(at)).value is not found.value), None)


# --- what it was before -------------------------------------------------------------------------------------
def remembered(case: Case, level: Level, level_before: int, target: Target) -> tuple[Before, ...]:
    """Return what to give back one day: the values of the fields that a move to this level writes."""
    names = {"priority"} if level.priority is not None else set[str]()
    names |= set(_written(target)) if level.take is Take.OWNERSHIP else set()
    values = {name: words_of(case.ticket, field_of(name)).get(name) for name in sorted(names)}
    kept = tuple(before for before in case.before if before.level < level.number)
    return (*kept, Before(level=level.number, level_before=level_before, values=values))


def _written(target: Target) -> Iterator[str]:
    """Yield the ticket's fields that a target sets, for the words that every vendor's targets share."""
    if target.get("group") is not None:
        yield from _PLACES
    if target.get("assignee") is not None or target.get("assign") is not None:
        yield "assignee"
    fields = target.get("field")
    for name in fields if isinstance(fields, Mapping) else ():
        known = OTHER_NAMES.get(name, name)
        yield known if comparable(known) else f"custom.{known}"


def given_back(case: Case, go_to: int) -> Before | None:
    """Return what the ticket was when it last stood at that level, if it did."""
    return next((before for before in case.before if before.level_before == go_to), None)


def unchanged(case: Case, before: Before) -> dict[str, str | None]:
    """Return where to put the ticket back: nothing if a person has put it somewhere since."""
    places = {name: word for name, word in before.values.items() if name in _PLACES or name.startswith("custom.")}
    away = {name: word for name, word in places.items() if not _as_before(case.ticket, name, word)}
    return away if all(name in case.story.ours for name in away) else {}


def _as_before(ticket: Ticket, name: str, word: str | None) -> bool:
    return words_of(ticket, field_of(name)).get(name) == word


def priority_before(case: Case, before: Before) -> Priority | None:
    """Return the priority to give back; None if it had none, has it, or somebody changed it since."""
    word = before.values.get("priority")
    if word is None or "priority" not in case.story.ours or case.ticket.priority is Priority[word.upper()]:
        return None
    return Priority[word.upper()]
