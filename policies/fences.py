"""What the sections `guards` and `come_down` of a policy document may say: what keeps tickets down, and brings them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from policies.durations import Duration
from policies.grammar import a_level, bounded
from policies.levels import Path
from policies.policy import Budget, ComeDown, Evidence, ExposedNotes, Guards, LevelBudget
from policies.rulebook import Names, when
from policies.shapes import (
    Gather,
    Shape,
    doubles,
    length,
    line,
    many,
    named,
    one_or_many,
    record,
    shape,
    text,
    unknown,
    word,
)
from policies.source import Fault, Node
from policies.values import Wrong

RECORDED = (
    *("priority", "kind", "product", "impact", "urgency", "tier", "language", "channel", "form", "tags"),
    *("group", "assignee", "organization", "brand", "project", "due_at"),
)
"""The ticket fields that may be asked for as evidence: those that somebody fills in."""

STEPS_TRIED = "steps_tried"
_CUSTOM = "custom."
_AT_LEAST, _AT_MOST = timedelta(minutes=1), timedelta(days=31)
_PATIENCE = Duration.parse("4h clock")

_COUNT = bounded(1, 10_000).meaning("How many at most.")


# --- coming down --------------------------------------------------------------------------------------------------
def come_down(names: Names) -> Shape[tuple[ComeDown, ...]]:
    """Return the reader of the reasons to come down again."""
    needs: dict[str, Shape[Any]] = {
        "name": line.meaning("What the note calls it."),
        "from": a_level(names.top).meaning("The level it comes down from."),
        "when": when(names).meaning("Conditions, which must all hold."),
        "for": length.meaning("How long that must have been so without a break."),
        "go_to": a_level(names.top).meaning("The lower level it comes down to."),
    }
    several = many(record(_way, needs), "a list of reasons to come down")

    def read(node: Node) -> tuple[ComeDown, ...]:
        gather = Gather(doubles(node, "name", "reason"))
        found = gather.read(several, node)
        gather.settle()
        return found or ()

    return Shape(read, several.schema).meaning("Reasons to come down again; what we changed is given back.")


def _way(name: str, go_to: int, **rest: Any) -> ComeDown:
    start = rest["from"]
    if start <= go_to:
        raise Wrong(f"coming down from level {start} leads below it, not to level {go_to}", ("go_to",))
    return ComeDown(name=name, start=start, when=rest["when"], lasting=rest["for"], go_to=go_to)


# --- guards -------------------------------------------------------------------------------------------------------
@shape({**length.schema, "description": "The stretch of time, every minute counted: from 1m to 31d."})
def _per(node: Node) -> Duration:
    found = length(node)
    if not _AT_LEAST <= found.length <= _AT_MOST:
        raise Fault(node.problem(f"a budget counts over 1m to 31d; this says {found}"))
    return found


@shape({"type": "string", "examples": [STEPS_TRIED, "product", "custom.environment"]})
def _need(node: Node) -> str:
    said = text(node)
    if said.startswith(_CUSTOM) and len(said) > len(_CUSTOM):
        return said
    if said not in (STEPS_TRIED, *RECORDED):
        raise Fault(unknown(node, "evidence", (STEPS_TRIED, *RECORDED, "custom.<name>")))
    return said


_evidence = record(
    lambda need, at_most=_PATIENCE, **rest: Evidence(path=rest["for"], need=need, at_most=at_most),
    {
        "for": word(Path, "path").meaning("Which levels ask for it: those with this `path`."),
        "need": one_or_many(_need).meaning(
            "What must be recorded: steps_tried (an internal comment `tried: …`), a ticket field, or custom.<name>."
        ),
    },
    {"at_most": length.meaning(f"How long a move waits for it; {_PATIENCE} if nothing is said.")},
).meaning("What must be recorded before a ticket goes to experts.")

_THEN = ("warn", "hold")


def _level_budget(then: str = "warn", **rest: Any) -> LevelBudget:
    return LevelBudget(hold=then == "hold", **rest)


def _level_budgets(top: int | None) -> Shape[tuple[LevelBudget, ...]]:
    needs: dict[str, Shape[Any]] = {
        "level": a_level(top, least=2).meaning("The level that gets the tickets."),
        "at_most": _COUNT,
        "per": _per,
    }
    then = named("choice", _THEN).meaning("hold: more moves wait; warn (the default): they are made, and it is said.")
    one = one_or_many(record(_level_budget, needs, {"then": then}))

    def read(node: Node) -> tuple[LevelBudget, ...]:
        gather = Gather(doubles(node, "level", "a budget for level"))
        found = gather.read(one, node)
        gather.settle()
        return found or ()

    return Shape(read, one.schema).meaning("How many tickets a level gets at most, from all sites together.")


def guards(names: Names) -> Shape[Guards]:
    """Return the reader of what keeps a policy from escalating too much."""
    conditions = when(names)
    may: Mapping[str, Shape[Any]] = {
        "never": conditions.meaning("Tickets that are never moved up."),
        "min_time_between": length.meaning("Between two moves of one ticket, every minute counted."),
        "per_ticket": record(Budget, {"at_most": _COUNT, "per": _per}).meaning(
            "How often one ticket is moved at most."
        ),
        "level_budget": _level_budgets(names.top),
        "evidence": _evidence,
        "never_hold": conditions.meaning(
            "Tickets for which only `never` counts; if nothing is said, those of the highest severity."
        ),
        "exposed_notes": word(ExposedNotes, "choice").meaning(
            "Where people outside read internal notes: short (the default): the level only; none: no note at all."
        ),
    }
    return record(partial(_guards), {}, may).meaning("What keeps the policy from escalating too much.")


def _guards(level_budget: tuple[LevelBudget, ...] = (), **rest: Any) -> Guards:
    return Guards(level_budgets=level_budget, **rest)
