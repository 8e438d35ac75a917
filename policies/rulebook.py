"""The `rules` section: reasons to escalate, made of the registry's conditions, referring only to what is defined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from policies import conditions
from policies.commands import Mode
from policies.contacts import tell
from policies.durations import Duration
from policies.grammar import a_level, limited
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
    line,
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

MOST_RULES = 500
MOST_VALUES = 1000

WHEN = "#/$defs/when"
"""Where `schema.py` describes conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What rules may refer to; None where that part of the document could not be read, so that it is not judged.

    `called`: the levels by what people call them. `moods`: the degrees of frustration and the ratings that have a sign,
    by section; those known.
    """

    top: int | None
    severities: tuple[str, ...] | None
    tiers: tuple[str, ...] | None
    calendars: tuple[str, ...] | None
    roles: tuple[str, ...] | None
    called: Mapping[str, int] = field(default_factory=dict)
    moods: Mapping[str, Collection[str]] = field(default_factory=dict)


_wait_if = record(
    WaitIf,
    {
        "human_active_within": length.meaning("How long after an agent did something the move waits."),
        "at_most": length.meaning("How long it waits at most, from when it was first due."),
    },
)


def rules(names: Names) -> Shape[tuple[Rule, ...]]:
    """Return the reader of the rules, given the names they may refer to."""
    needs: dict[str, Shape[Any]] = {
        "name": line.meaning("What notes and `stepladder pause rule:<name>` call it."),
        "when": when(names).meaning("Conditions, which must all hold."),
    }
    may: dict[str, Shape[Any]] = {
        "go_to": _go_to(names),
        "tell": tell.meaning("Whom to send a message; a rule may do only that, and leave the ticket alone."),
        "again": _again,
        "calendar": named("calendar", names.calendars).meaning("The calendar that this rule's durations count."),
        "wait_if": _wait_if.meaning(
            "Leave the ticket with somebody who worked on it just now, but no longer than `at_most`."
        ),
        "mode": word(Mode, "mode").meaning(
            "How far this rule may go; the most careful of site, level and rule counts."
        ),
    }
    one = record(Rule, needs, may)
    either_of = [{"required": ["go_to"]}, {"required": ["tell"]}]
    several = many(Shape(partial(_rule, one), {**one.schema, "anyOf": either_of}), "a list of rules")

    def read(node: Node) -> tuple[Rule, ...]:
        gather = Gather(doubles(node, "name", "rule"))
        found = gather.read(several, node)
        gather.settle()
        return found or ()

    return limited(MOST_RULES, "rules", Shape(read, several.schema))


def _rule(one: Shape[Rule], node: Node) -> Rule:
    """Read a rule, and see that it does something and has a reason for it."""
    rule = one(node)
    gather = Gather()
    if rule.go_to is None and not rule.tell:
        gather.add(node.problem("this rule does nothing: say where it leads (`go_to`) or whom it tells (`tell`)"))
    elif rule.go_to is None and rule.wait_if is not None:
        gather.add(node.follow(["wait_if"]).problem("`wait_if` makes a move wait, and this rule only tells somebody"))
    elif rule.go_to is not None and _only_frustration(rule.when):
        what = "frustration alone is no reason to escalate: anger is easily misread; add what happened or did not"
        gather.add(node.follow(["when"]).problem(f"{what}, such as unanswered_for: 1h"))
    gather.settle()
    return rule


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

    def whole(node: Node) -> conditions.Node:
        count = sum(1 for _ in node.scalars())
        if count > MOST_VALUES:
            words = f"this condition names {count} values, and {MOST_VALUES} is the most"
            raise Fault(node.problem(f"{words}; let a tag, a field or a tier stand for them"))
        return section(node)

    parts = Shape(section, {"$ref": WHEN})
    return Shape(whole, parts.schema)


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


def _go_to(names: Names) -> Shape[int | Step]:
    number = a_level(names.top, least=2)

    def read(node: Node) -> int | Step:
        if isinstance(node.scalar, int) and not isinstance(node.scalar, bool):
            return number(node)
        if (level := names.called.get(text(node).casefold())) is not None:
            raise expected(node, "the number of a level, next_level or requested_level", str(level))
        return word(Step, "destination")(node)

    leads = Shape(read, either(number.schema, word(Step, "destination").schema))
    return leads.meaning("A level from 2 up, next_level, or requested_level: the one that staff asked for.")
