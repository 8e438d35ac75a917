"""What the section `levels` of a policy document may say: targets, priorities, times, whom to tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from policies.commands import Mode, Recipient, Take, Target
from policies.conditions import Node as Asked
from policies.contacts import role, tell
from policies.durations import Duration
from policies.grammar import bounded, limited, site
from policies.levels import Branch, Level, OutOfHours, Path, Place, Places, PriorityChange, Reminders
from policies.model import Priority
from policies.rulebook import Names, when
from policies.shapes import (
    Gather,
    Shape,
    doubles,
    expected,
    length,
    line,
    many,
    named,
    one_or_many,
    record,
    section,
    shape,
    table,
    text,
    unknown,
    whole,
    word,
)
from policies.source import Fault, Node, Problem, nearest

NOTE_FIELDS = ("level", "level_name", "ticket", "subject", "tier", "priority", "requester", "organization", "rule")
"""What a level's own text may put into a note, as `{field}`."""

LONGEST = timedelta(days=3650)
MOST_LEVELS = 20
_LONGEST_NOTE = 1000
_NOTE_FIELD = re.compile(r"\{([^{}]*)\}")

BRANCHES = {
    "by_product": "product",
    "by_region": "custom.region",
    "by_language": "language",
    "by_issue_type": "kind",
    "by_type": "kind",
    "by_form": "form",
    "by_request_type": "form",
    "by_tier": "tier",
}
"""The words by which a target branches, and the ticket fields they look at."""


@shape({"type": "object", "minProperties": 1})
def _target(node: Node) -> Target:
    if not node.pairs:
        raise expected(node, "the vendor's words for a place, such as {group: Support}")
    target: Target = node.plain
    return target


def place(tiers: Collection[str] | None) -> Shape[Place]:
    """Return the reader of where a level lives at one site: a target, and others by product, region, language, type."""
    keys = {name: named("tier", tiers) if field == "tier" else text for name, field in BRANCHES.items()}
    other = "Other targets by {}; what one does not say, the target around it says."
    branches = {
        name: table(key, lambda _: _target).meaning(other.format(BRANCHES[name].removeprefix("custom.")))
        for name, key in keys.items()
    }

    def read(node: Node) -> Place:
        if not node.pairs:
            raise expected(node, "the vendor's words for a place, such as {group: Support}")
        own = tuple(pair for pair in node.pairs if pair[0].text not in BRANCHES)
        gather = Gather(unknown(key, "branch", BRANCHES) for key, _ in own if key.text.startswith("by_"))
        apart = [(key, gather.read(branches[key.text], value)) for key, value in node.pairs if key.text in BRANCHES]
        gather.settle()
        found = tuple(
            Branch(field=BRANCHES[key.text], targets={word.casefold(): target for word, target in (by or {}).items()})
            for key, by in apart
        )
        return Place(target=replace(node, pairs=own).plain, branches=found)

    return Shape(read, {**_target.schema, "properties": {name: branch.schema for name, branch in branches.items()}})


_raised = section(
    may={
        "at_least": word(Priority, "priority").meaning("It becomes this, unless it is higher."),
        "set": word(Priority, "priority").meaning("It becomes this in any case."),
    }
)


@shape({**_raised.schema, "minProperties": 1, "maxProperties": 1})
def _priority(node: Node) -> PriorityChange:
    if node.pairs is None or len(node.pairs) != 1:
        raise expected(node, "{at_least: high}, which never lowers, or {set: high}")
    found = _raised(node)
    return PriorityChange(to=next(iter(found.values())), raise_only="at_least" in found)


@shape({"type": ["string", "number"], "maxLength": _LONGEST_NOTE})
def _note(node: Node) -> str:
    if len(text(node)) > _LONGEST_NOTE:
        raise Fault(node.problem(f"a level's note has at most {_LONGEST_NOTE} characters; this has {len(node.text)}"))
    if re.search(r"[{}]", _NOTE_FIELD.sub("", node.text)):
        raise Fault(node.problem("a { or } without its partner"))
    for field in _NOTE_FIELD.findall(node.text):
        if field not in NOTE_FIELDS:
            known = f"; known here: {', '.join(NOTE_FIELDS)}"
            near = nearest(field, NOTE_FIELDS)
            raise Fault(node.problem(f"there is no {{{field[:40]}}}{'' if near else known}", near))
    return node.text


# --- when nobody takes it, and out of hours -----------------------------------------------------------------------
_THEN = ("next_level", "stay")


def _reminders(remind_every: Duration, at_most: int, then: str = "stay") -> Reminders:
    return Reminders(every=remind_every, at_most=at_most, climb=then == "next_level")


_if_not_taken = record(
    _reminders,
    {
        "remind_every": length.meaning("From `taken_within` on, how often the people of `tell` are reminded."),
        "at_most": bounded(1, 20).meaning("How many reminders at most."),
    },
    {"then": named("choice", _THEN).meaning("next_level: it climbs after the last; stay (the default): it does not.")},
)


def _out_of_hours(names: Names) -> Shape[OutOfHours]:
    calendar = named("calendar", names.calendars)
    may: dict[str, Shape[Any]] = {
        "hold_until": calendar.meaning("The move waits until this calendar opens."),
        "outside": calendar.meaning("While this calendar is closed, other targets count, or others are told."),
        "targets": _targets(names).meaning("Where tickets go instead."),
        "tell": tell.meaning("Who is told instead."),
        "unless": when(names).meaning("Tickets for which nothing is different, such as {severity: critical}."),
    }
    return record(_otherwise, {}, may)


def _otherwise(
    hold_until: str | None = None,
    outside: str | None = None,
    targets: Places | None = None,
    tell: tuple[Recipient, ...] = (),
    unless: Asked | None = None,
) -> OutOfHours:
    calendar = hold_until or outside
    if calendar is None or (hold_until and outside):
        raise ValueError("say one of the two: `hold_until`, and the move waits, or `outside`, and others get it")
    if hold_until and (targets or tell):
        raise ValueError("what waits goes nowhere else: `targets` and `tell` belong to `outside`, not to `hold_until`")
    if outside and not (targets or tell):
        raise ValueError("say what is different `outside` these hours: `targets`, `tell` or both")
    return OutOfHours(calendar=calendar, hold=bool(hold_until), places=targets or {}, tell=tell, unless=unless)


# --- the ladder ---------------------------------------------------------------------------------------------------
_NEEDED: dict[str, Shape[Any]] = {
    "level": whole.meaning("1 is the frontline, where every ticket starts; then upwards without gaps."),
    "name": line.meaning("How notes and messages call it."),
}
_OPTIONAL: dict[str, Shape[Any]] = {
    "role": text.meaning("What this level is for, in words for people."),
    "path": word(Path, "path").meaning("functional: to more expertise; hierarchical: to more authority."),
    "take": word(Take, "way to take").meaning(
        "ownership: the ticket moves to the target; oversight: it stays, and the people in the target watch it."
    ),
    "priority": _priority.meaning("{at_least: high} raises and never lowers; {set: high} does both."),
    "expected_resolution": length.meaning("The note names the time by which it should be solved."),
    "taken_within": length.meaning("The note asks to take the ticket by then."),
    "if_not_taken": _if_not_taken.meaning("Reminders when nobody has taken it by then, and what follows."),
    "tell": tell.meaning("Whom to send a message when a ticket comes here, and whom to remind."),
    "review_every": length.meaning("Ask the people of `tell` to look at it, when nobody did anything for so long."),
    "note": _note.meaning(f"Your own text in the note; it may use {', '.join(f'{{{f}}}' for f in NOTE_FIELDS)}."),
    "mode": word(Mode, "mode").meaning(
        "How far Stepladder may go here; the most careful of site, level and rule counts."
    ),
}


def _targets(names: Names) -> Shape[dict[str, Place]]:
    return table(site, lambda _: place(names.tiers))


def _referring(names: Names) -> dict[str, Shape[Any]]:
    """Return the readers of what refers to other parts of the document."""
    roles = one_or_many(role(names.roles))
    return {
        "targets": _targets(names).meaning("Where the level lives, by vendor or vendor/site."),
        "fallback": many(table(site, lambda _: _target)).meaning("Targets to try in order where one is refused."),
        "out_of_hours": _out_of_hours(names).meaning("What is different while a calendar is closed."),
        "needs_confirmation": roles.meaning("Roles; a person in one of them must agree before a ticket comes here."),
        "calendar": named("calendar", names.calendars).meaning("What durations count while a ticket stands here."),
    }


def _level(
    level: int, targets: Places | None = None, fallback: Sequence[Mapping[str, Target]] = (), **rest: Any
) -> Level:
    """Build a level. Raises ValueError if parts of it make no sense without others."""
    fallbacks: dict[str, tuple[Target, ...]] = {}
    for at, target in (pair for entry in fallback for pair in entry.items()):
        fallbacks[at] = (*fallbacks.get(at, ()), target)
    return Level(number=level, places=targets or {}, fallbacks=fallbacks, **rest)


def levels(names: Names) -> Shape[tuple[Level, ...]]:
    """Return the reader of the ladder, given the names it may refer to."""
    one = record(_level, _NEEDED, {**_OPTIONAL, **_referring(names)})
    several = many(one, "a list of levels")

    def read(node: Node) -> tuple[Level, ...]:
        gather = Gather(doubles(node, "name", "level"))
        found = gather.read(several, node)
        gather.add(*_misnumbered(node))
        for level, item in zip(found or (), node.items or (), strict=False):
            gather.add(*_alone(level, item, top=len(node.items or ())))
        gather.settle()
        return found or ()

    return limited(MOST_LEVELS, "levels", Shape(read, {**several.schema, "minItems": 2}))


def counted(node: Node) -> int | None:
    """Return how many levels there are, if they are numbered as they should be."""
    numbers = [said.scalar if said is not None else None for said in _numbers(node)]
    return len(numbers) if len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1)) else None


def called(node: Node) -> Iterator[tuple[str, int]]:
    """Yield what people may call a level: its name, and `level 3`."""
    for item, number in zip(node.items or (), _numbers(node), strict=True):
        if number is not None and isinstance(number.scalar, int):
            yield f"level {number.scalar}", number.scalar
            if (name := item.get("name")) is not None:
                yield name.text.casefold(), number.scalar


def _numbers(node: Node) -> list[Node | None]:
    return [item.get("level") for item in node.items or ()]


def _misnumbered(node: Node) -> Iterator[Problem]:
    numbers = _numbers(node)
    for wanted, said in enumerate(numbers, 1):
        if said is None or not isinstance(said.scalar, int):  # reported by the level's own reader
            return
        if said.scalar != wanted:
            yield said.problem(f"levels are listed from 1 upwards without gaps; expected {wanted}")
            return
    if len(numbers) == 1:
        yield node.problem("a ladder has at least two levels")


def _alone(level: Level, node: Node, top: int) -> Iterator[Problem]:
    """Yield what a level says that means nothing without something else."""
    if level.number == 1 and level.needs_confirmation:
        yield node.follow(["needs_confirmation"]).problem("every ticket starts at level 1; nobody is asked before")
    if level.review_every is not None and not level.tell:
        yield node.follow(["review_every"]).problem("nobody is asked to look at it: say whom, with `tell`")
    reminders, taken, place = level.if_not_taken, level.taken_within, node.follow(["if_not_taken"])
    if reminders is None:
        return
    if not level.tell:
        yield place.problem("nobody is reminded: say whom, with `tell`")
    if taken is None:
        yield place.problem("say by when a ticket is to be taken, with `taken_within`")
    elif taken.clock is not reminders.every.clock:
        yield place.follow(["remind_every"]).problem(f"write both with `clock` or both without, as in {taken}")
    elif taken.length + reminders.every.length * reminders.at_most > LONGEST:
        yield place.problem("the last reminder is more than 3650d away")
    if reminders.climb and level.number == top:
        yield place.follow(["then"]).problem("there is no level above this one; write `then: stay`")
