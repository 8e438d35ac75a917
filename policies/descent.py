"""Coming down again when the reason is gone: later than it came up, and giving back only what nobody changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from policies.case import Before, Case
from policies.commands import Mode, Take, Target
from policies.conditions import Finding, Moment, leaves
from policies.holds import turns_at, unknown
from policies.ladder import OTHER_NAMES
from policies.levels import Level
from policies.model import Priority, Ticket
from policies.policy import ComeDown, Policy
from policies.shifts import comparable, field_of, words_of

_PLACES = ("group", "assignee")
_OF_ANSWERS = frozenset({"answered", "unanswered_for"})


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
        needs |= unknown(way.when, moment)
        turns = turns_at(way.when, moment)
        looks += [turns] if turns is not None else []
        if not found.value:
            continue
        name = calm_name(way, case)
        calm[name] = since = case.calm.get(name, moment.now)
        ends = moment.clock_for(way.lasting).deadline(since, way.lasting.length, moment.now)
        if ends is not None and ends <= moment.now:
            due = due or (way, found, since)
        elif ends is not None:
            looks.append(ends)
    if due is None:
        return Descent(calm=calm, next_look=min(looks, default=None), needs=needs)
    return Descent(calm=calm, due=due[0], finding=due[1], since=due[2], next_look=min(looks, default=None), needs=needs)


def calm_name(way: ComeDown, case: Case) -> str:
    """Return by what a reason is remembered: one about answers begins anew with every new wait, however short."""
    about_answers = any(leaf.name in _OF_ANSWERS for leaf in leaves(way.when))
    return f"{way.name} #{case.story.waits}" if about_answers else way.name


# --- what it was before -------------------------------------------------------------------------------------
def remembered(case: Case, level: Level, level_before: int, target: Target, mode: Mode) -> tuple[Before, ...]:
    """Return what to give back one day: the known values of the fields that a move to this level writes."""
    names = {"priority"} if level.priority is not None else set[str]()
    names |= set(_written(target)) if level.take is Take.OWNERSHIP else set()
    told = {name: words_of(case.ticket, field_of(name)) for name in sorted(names) if case.ticket.knows(field_of(name))}
    values = {name: words.get(name) for name, words in told.items() if name in words}
    kept = tuple(before for before in case.before if before.level < level.number)
    return (*kept, Before(level=level.number, level_before=level_before, values=values, mode=mode))


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


def was_at(case: Case, level: int) -> bool:
    """Say whether the ticket stood at a level before we brought it to where it is."""
    return any(before.level_before == level for before in case.before)


def given_back(case: Case, go_to: int) -> Before:
    """Return what the moves above a level changed, as it was before the first of them."""
    above = [before for before in case.before if before.level > go_to]
    values = {name: word for before in reversed(above) for name, word in before.values.items()}
    modes = Mode.least(*(before.mode for before in above))
    return Before(level=go_to, level_before=min(b.level_before for b in above), values=values, mode=modes)


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
