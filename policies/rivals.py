"""Two rules about the same tickets: one that adds nothing to the other, and two that fire at one moment.

For the linter. Only what follows from the conditions is said, and only as far as the effort goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.branches import STATES, Branch, Part
from policies.commands import Mode
from policies.effort import Effort, TooMany
from policies.findings import Finding, Reason, said
from policies.levels import Step

_OFTEN = frozenset({"reopens", "requested_by_staff"})  # each further time is a cause of its own
_PER_RULE = 10  # steps that two rules take before their conditions are compared

Cell = tuple[Branch, int]
"""A branch as it is at a level from which the rule leads up, and that level."""


def rivals(rules: Sequence[Reason], effort: Effort) -> Iterator[Finding]:
    """Yield rules that add nothing to another one, then those that fire at the same moment as another."""
    adding = []
    try:
        for reason in rules:
            by = _shadow(reason, rules, effort)
            if by is None:
                adding.append(reason)
                continue
            yield reason.warning(
                f"it moves nothing that {by.called} would not: whenever it is true, that one is, no later, and "
                "leads as high; remove one, or let this one lead higher"
            )
        yield from _overlaps(adding, effort)
    except TooMany:
        return


# --- one that adds nothing ----------------------------------------------------------------------------------------
def _shadow(reason: Reason, rules: Sequence[Reason], effort: Effort) -> Reason | None:
    """Return another rule that is true whenever this is, no later, and leads as high; of two equal ones the first."""
    cells = _cells(reason)
    for other in rules:
        if other is not reason and _covers(other, reason, cells, effort):
            if other.index > reason.index and _covers(reason, other, _cells(other), effort):
                continue
            return other
    return None


def _cells(reason: Reason) -> list[Cell]:
    return [(branch.at(level), level) for branch in reason.live for level in reason.climbs(branch)]


def _covers(other: Reason, reason: Reason, cells: Sequence[Cell], effort: Effort) -> bool:
    effort.spend(_PER_RULE)
    comes_back = reason.rule.again is not None and other.rule.again is None
    waits = other.rule.wait_if is not None and other.rule.wait_if != reason.rule.wait_if
    if comes_back or waits or _weaker(other, reason) or _silent(other, reason, effort):
        return False
    return bool(cells) and all(_covers_at(other, reason, here, level, effort) for here, level in cells)


def _weaker(other: Reason, reason: Reason) -> bool:
    """Say whether one rule may do less than the other."""
    if other.rule.mode is reason.rule.mode:
        return False
    modes = list(Mode)
    return modes.index(Mode.least(other.rule.mode)) < modes.index(Mode.least(reason.rule.mode))


def _silent(other: Reason, reason: Reason, effort: Effort) -> bool:
    """Say whether the first of two rules, which is the one that tells, would leave somebody out."""
    if reason.index > other.index or not reason.rule.tell:
        return False
    effort.spend(_PER_RULE * (len(reason.rule.tell) + len(other.rule.tell)))
    return not set(reason.rule.tell) <= set(other.rule.tell)


def _covers_at(other: Reason, reason: Reason, here: Branch, level: int, effort: Effort) -> bool:
    both_asked = other.rule.go_to is Step.REQUESTED_LEVEL and reason.rule.go_to is Step.REQUESTED_LEVEL
    if not both_asked and other.leads(level)[0] < reason.leads(level)[1]:
        return False
    relative = isinstance(other.rule.go_to, Step)
    effort.spend(other.effort(here))
    return any(here.implies(wide) and not (relative and _earlier(wide, here)) for wide in other.live)


def _earlier(wide: Branch, narrow: Branch) -> bool:
    """Say whether the wide branch may have fired, and used up its cause, before the narrow one is true."""
    return any(narrow.ranges.get(cause) != wide.ranges[cause] for cause in wide.causes - _OFTEN)


# --- two at one moment --------------------------------------------------------------------------------------------
def _overlaps(rules: Sequence[Reason], effort: Effort) -> Iterator[Finding]:
    for position, first in enumerate(rules):
        for second in rules[position + 1 :]:
            clash = _clash(first, second, effort)
            if clash is not None:
                level, parts = clash
                low, high = sorted((first, second), key=lambda reason: reason.leads(level))
                yield second.warning(
                    f"by {said(*parts)} it fires at the same moment as {first.called} for a ticket that both "
                    f'are about; "{high.rule.name}" wins, since level {high.leads(level)[1]} is above '
                    f"{low.leads(level)[1]}; if that is not meant, let one exclude the other"
                )


def _clash(first: Reason, second: Reason, effort: Effort) -> tuple[int, list[Part]] | None:
    """Return a level, and the shared causes, at which two rules fire at one moment to different levels.

    That one rule is a special case of the other is how ladders are built, and no mistake.
    """
    effort.spend(_PER_RULE)
    asked = Step.REQUESTED_LEVEL in (first.rule.go_to, second.rule.go_to)
    if first.rule.wait_if != second.rule.wait_if or asked:
        return None
    theirs = [(b, _moments(b)) for b in second.live]
    for a in first.live:
        effort.spend(second.effort(a))
        mine = _moments(a)
        for b, others in theirs:
            shared = _same_moment(a, mine, b, others)
            if not shared or not a.meets(b):
                continue
            for level in set(first.climbs(a)) & set(second.climbs(b)):
                apart = len({*first.leads(level), *second.leads(level)}) == 2
                if apart and not _special(first, a, second, b, level, effort):
                    return level, [part for part in a.parts if part[1] and part[0].name in shared]
    return None


def _special(first: Reason, a: Branch, second: Reason, b: Branch, level: int, effort: Effort) -> bool:
    """Say whether one of two branches is a special case of the other's rule, at one level."""
    effort.spend(second.effort(a) + first.effort(b))
    here, there = a.at(level), b.at(level)
    return any(here.implies(wide) for wide in second.live) or any(there.implies(wide) for wide in first.live)


def _moments(branch: Branch) -> frozenset[str]:
    """Return the causes that come about at a moment of their own, as a length of time does when it is over."""
    return frozenset(cause for cause in branch.causes if cause not in STATES and not cause.startswith("custom."))


def _same_moment(a: Branch, mine: frozenset[str], b: Branch, others: frozenset[str]) -> frozenset[str]:
    """Return the names of the causes that make both branches true at one moment; none if they wait for other things."""
    if mine != others:
        return frozenset()
    shared = mine or a.causes & b.causes
    same = frozenset(cause.split()[0] for cause in shared if a.ranges[cause] == b.ranges[cause])
    return same if len(same) == len(shared) or not mine else frozenset()
