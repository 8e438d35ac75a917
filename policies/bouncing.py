"""What is wrong with the ways down: such as lead from where nothing stands, or send a ticket down to climb again.

For the linter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from policies.branches import Answers, Branch
from policies.comparing import reached
from policies.effort import Effort, TooMany
from policies.findings import Finding, Reason, error, named, said, warning
from policies.policy import ComeDown, Policy
from policies.sentences import levels_calendar

_FROM_ARRIVAL = "at_level_for"
"""The question that counts from when a ticket came to its level, also when it came down to whoever had it before."""
_UNTIL_TAKEN = "not_taken_for"
"""The one that begins anew only if nobody had it before."""
_PER_RULE = 32  # steps for each rule and way down, with the sentence that may come of it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Down:
    """A way to come down: wherever the ticket stands, and where it has come to. `worked`: somebody is at work then."""

    free: Branch
    here: Branch
    worked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Up:
    """A way to go up from a level. `anew`, `idle`: what it waits for that begins anew there, always or untouched."""

    branch: Branch
    free: Branch
    anew: str
    idle: str


def bouncing(policy: Policy, answers: Answers, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Yield what is wrong with the ways down."""
    found = reached(policy, rules) if policy.come_down else frozenset()
    ups_from = cache(partial(_ups, rules))
    for index, way in enumerate(policy.come_down):
        about, at = f'coming down "{way.name}"', ("come_down", index)
        if way.start not in found:
            sentence = f"no rule brings a ticket to {named(policy.level(way.start))}, so none ever comes down from it"
            yield error(about, sentence, *at)
            continue
        try:
            ways = answers.ways(way.when, levels_calendar(policy, policy.level(way.start)))
        except TooMany:
            continue
        possible = [branch for branch in ways if branch.at(way.start).conflict is None]
        if not possible:
            parts = said(*(part for branch in ways[:1] for part in branch.parts))
            yield error(about, f"it never happens: {parts} is never so at level {way.start}", *at)
            continue
        sentences = _back_up(way, possible, ups_from(way.go_to), answers.effort)
        yield from (warning(about, sentence, *at) for sentence in sentences)


def _ups(rules: Sequence[Reason], level: int) -> list[tuple[Reason, list[_Up]]]:
    """Return the rules that lead up from a level, each with its ways to do so."""
    found = [(reason, [_up(branch) for branch in reason.live if level in reason.climbs(branch)]) for reason in rules]
    return [(reason, ups) for reason, ups in found if ups]


def _up(branch: Branch) -> _Up:
    waits = {wait[0].name: said((wait[0], True)) for wait in reversed(branch.waits)}
    anew, idle = waits.get(_FROM_ARRIVAL, ""), waits.get(_UNTIL_TAKEN, "")
    return _Up(branch=branch, free=_free(branch), anew=anew, idle=idle)


def _back_up(
    way: ComeDown, branches: Sequence[Branch], rules: Sequence[tuple[Reason, Sequence[_Up]]], effort: Effort
) -> Iterator[str]:
    """Say which rules would bring a ticket up again that has just come down; for each at most one sentence."""
    frees = [(free := _free(branch), free.at(way.go_to), _worked_on(branch)) for branch in branches]
    downs = [_Down(free=free, here=here, worked=worked) for free, here, worked in frees]
    for reason, ups in rules:
        try:
            effort.spend(_PER_RULE + sum(reason.effort(branch) for branch in branches))
        except TooMany:
            return
        met = [(up, found) for up in ups if (found := [down for down in downs if down.here.meets(up.branch)])]
        if sentence := _meeting(way, reason, met):
            yield sentence


def _meeting(way: ComeDown, reason: Reason, met: Sequence[tuple[_Up, Sequence[_Down]]]) -> str:
    """Say how a rule brings up what has come down, given what of both may be so at once; empty if it does not."""
    anew = next((up.anew for up, _ in met if up.anew), "")
    idle = next((up.idle for up, downs in met if up.idle and not all(down.worked for down in downs)), "")
    if any(down.free.implies(up.free) for up, downs in met for down in downs):
        return f"its reason is one to go up: whenever it is so, {reason.called} holds too, and leads up from there"
    if anew:
        return (
            f"it would bounce: at level {way.go_to} {reason.called} sends the ticket up again by "
            f"{anew}, which begins anew when it comes down; let one exclude the other, "
            f"or leave level {way.go_to} out there with `level`"
        )
    if idle:
        return (
            f"it would bounce: at level {way.go_to} {reason.called} sends a ticket that nobody has up again by "
            f"{idle}, which begins anew when it comes down; let this reason ask that somebody "
            "works on it, such as `answered: true`"
        )
    if met and reason.rule.again is not None:
        return (
            f"it would bounce: {reason.called} fires once more for the same cause (`again: after "
            f"{reason.rule.again}`) and sends the ticket up; let one exclude the other"
        )
    return ""


def _worked_on(down: Branch) -> bool:
    """Say whether a reason to come down asks that somebody from support is at work."""
    taken = any(question.name == _UNTIL_TAKEN and not holds for question, holds in down.parts)
    return taken or down.values("answered") == frozenset({True})


def _free(branch: Branch) -> Branch:
    """Return the branch wherever the ticket stands."""
    ranges = {question: found for question, found in branch.ranges.items() if question != "level"}
    return branch.having(ranges, branch.conflict)
