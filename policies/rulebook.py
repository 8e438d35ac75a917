"""The `rules` section: reasons to escalate, made of the registry's conditions, referring only to what is defined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from policies import conditions
from policies.commands import Mode
from policies.durations import Duration
from policies.levels import Step
from policies.phrases import DEGREES
from policies.policy import Rule, WaitIf
from policies.shapes import (
    Gather,
    Shape,
    doubles,
    either,
    expected,
    length,
    many,
    named,
    record,
    shape,
    text,
    unknown,
    word,
)
from policies.source import Fault, Node
from policies.values import ordered, words

WHEN = "#/$defs/when"
"""Where `schema.py` describes conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What rules may refer to; None where that part of the document could not be read, so that it is not judged.

    `moods`: the degrees of frustration and the ratings that have a sign, by section; those known.
    """

    top: int | None
    severities: tuple[str, ...] | None
    tiers: tuple[str, ...] | None
    calendars: tuple[str, ...] | None
    moods: Mapping[str, Collection[str]] = field(default_factory=dict)


def rules(names: Names) -> Shape[tuple[Rule, ...]]:
    """Return the reader of the rules, given the names they may refer to."""
    needs: dict[str, Shape[Any]] = {
        "name": text.meaning("What notes and `stepladder pause rule:<name>` call it."),
        "when": _reason(names),
        "go_to": _go_to(names.top),
    }
    may: dict[str, Shape[Any]] = {
        "again": _again,
        "calendar": named("calendar", names.calendars).meaning("The calendar that this rule's durations count."),
        "wait_if": record(WaitIf, {"human_active_within": length, "at_most": length}, {}).meaning(
            "Leave the ticket with somebody who worked on it just now, but no longer than `at_most`."
        ),
        "mode": word(Mode, "mode").meaning(
            "How far this rule may go; the most careful of site, level and rule counts."
        ),
    }
    several = many(record(Rule, needs, may), "a list of rules")

    def read(node: Node) -> tuple[Rule, ...]:
        gather = Gather(doubles(node, "name", "rule"))
        found = gather.read(several, node)
        gather.settle()
        return found or ()

    return Shape(read, several.schema)


def _reason(names: Names) -> Shape[conditions.Node]:
    asked = when(names)

    def read(node: Node) -> conditions.Node:
        found = asked(node)
        if _only_frustration(found):
            what = "frustration alone is no reason to escalate: anger is easily misread; add what happened or did not"
            raise Fault(node.problem(f"{what}, such as unanswered_for: 1h"))
        return found

    return Shape(read, asked.schema)


_WHERE = frozenset({"level", "status"})


def _only_frustration(node: conditions.Node, holds: bool = True) -> bool:
    """Say whether frustration can make a condition so by itself; where the ticket stands is no reason."""
    if isinstance(node, conditions.Leaf):
        return node.name == "frustration"
    if isinstance(node, conditions.Not):
        return _only_frustration(node.part, not holds)
    parts: tuple[conditions.Node, ...] = getattr(node, "parts", ())
    if isinstance(node, conditions.AllOf) is not holds:
        return any(_only_frustration(part, holds) for part in parts)
    asked = [part for part in parts if {leaf.name for leaf in conditions.leaves(part)} - _WHERE]
    return bool(asked) and all(_only_frustration(part, holds) for part in asked)


def when(names: Names) -> Shape[conditions.Node]:
    """Return the reader of a rule's questions: all keys of a section must hold, and all entries of a list."""

    def section(node: Node) -> conditions.Node:
        if node.items is not None:
            return conditions.AllOf(parts=many(parts)(node))
        if node.pairs is None:
            raise expected(node, "conditions, such as {unresolved_for: 4h}")
        if not node.pairs:
            raise Fault(node.problem("this condition is empty: it would match every ticket"))
        gather = Gather()
        read = [gather.read(partial(part, key), value) for key, value in node.pairs]
        gather.settle()
        found = tuple(node for node in read if node is not None)
        return found[0] if len(found) == 1 else conditions.AllOf(parts=found)

    def part(key: Node, value: Node) -> conditions.Node:
        if key.text == "all":
            return conditions.AllOf(parts=many(parts)(value))
        if key.text == "any":
            return conditions.AnyOf(parts=many(parts)(value))
        if key.text == "not":
            return conditions.Not(part=section(value))
        if key.text not in conditions.REGISTRY:
            raise Fault(unknown(key, "condition", ("all", "any", "not", *conditions.REGISTRY)))
        return _question(key, value, names)

    parts = Shape(section, {"$ref": WHEN})
    return parts


def _question(key: Node, value: Node, names: Names) -> conditions.Node:
    if value.empty:
        raise Fault()
    try:
        leaf = conditions.leaf(key.text, value.plain)
        if key.text in _REFERENCES:
            _REFERENCES[key.text](key, value, names)
    except ValueError as error:
        raise Fault(value.follow(getattr(error, "at", ())).problem(str(error))) from None
    return leaf


def _severity_exists(key: Node, value: Node, names: Names) -> None:
    if names.severities == ():
        raise Fault(key.problem("this policy has no `severity` table, so this could never be true"))
    if names.severities is not None:
        _all_known("severity", value, names.severities)
        ordered(value.plain, names.severities, "a severity")


def _tier_exists(key: Node, value: Node, names: Names) -> None:
    if names.tiers == ():
        raise Fault(key.problem("this policy has no `customers: {tiers: …}`, so this could never be true"))
    if names.tiers is not None:
        _all_known("tier", value, names.tiers)


def _level_exists(_: Node, value: Node, names: Names) -> None:
    wrong = [n for n in value.scalars() if isinstance(n.scalar, int) and names.top and not 1 <= n.scalar <= names.top]
    if wrong:
        raise Fault(*(n.problem(f"there is no level {n.text}; the levels are 1 to {names.top}") for n in wrong))


def _mood_has_signs(key: Node, value: Node, names: Names) -> None:
    there = names.moods.get(key.text)
    if there is not None and not there:
        raise Fault(key.problem(f"this policy has no `{key.text}` section, so this could never be true"))
    if there is not None:
        asked: Collection[str] = words(value.plain, "a rating") if key.text == "csat" else _degrees(value)
        if not set(asked) & set(there):
            raise Fault(value.problem(f"the `{key.text}` section names no sign for this, only for {', '.join(there)}"))


def _degrees(value: Node) -> list[str]:
    fits = ordered(value.plain, DEGREES, "a degree of frustration")[0]
    return [degree for degree in DEGREES if fits(degree)]


_REFERENCES: dict[str, Callable[[Node, Node, Names], None]] = {
    "frustration": _mood_has_signs,
    "csat": _mood_has_signs,
    "severity": _severity_exists,
    "tier": _tier_exists,
    "level": _level_exists,
}


def _all_known(what: str, value: Node, names: tuple[str, ...]) -> None:
    strangers = [unknown(node, what, names) for node in value.scalars() if node.text not in names]
    if strangers:
        raise Fault(*strangers)


@shape(
    {
        "type": "string",
        "pattern": rf"^after {length.schema['pattern'].removeprefix('^')}",
        "description": "Fires once more for the same cause after this time, if the ticket is below the level again.",
        "examples": ["after 3d"],
    }
)
def _again(node: Node) -> Duration:
    if not text(node).startswith("after "):
        raise expected(node, '"after" and a duration, such as "after 3d"')
    try:
        return Duration.parse(node.text.removeprefix("after "))
    except ValueError as error:
        raise Fault(node.problem(str(error))) from None


def _go_to(top: int | None) -> Shape[int | Step]:
    def read(node: Node) -> int | Step:
        if not isinstance(node.scalar, int) or isinstance(node.scalar, bool):
            return word(Step, "destination")(node)
        if node.scalar == 1:
            raise Fault(node.problem("every ticket starts at level 1; a rule leads to a higher one"))
        if node.scalar < 1 or (top is not None and node.scalar > top):
            raise Fault(node.problem(f"there is no level {node.text}; the levels are 1 to {top or 'more'}"))
        return node.scalar

    number = {"type": "integer", "minimum": 2, **({"maximum": top} if top else {})}
    leads = Shape(read, either(number, word(Step, "destination").schema))
    return leads.meaning("A level from 2 up, next_level, or requested_level: the one that staff asked for.")
