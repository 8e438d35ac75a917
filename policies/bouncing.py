"""What is wrong with the ways down: such as lead from where nothing stands, or send a ticket down to climb again.

For the linter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.branches import Answers, Branch, TooMany
from policies.comparing import reached
from policies.findings import Finding, Reason, error, named, said, warning
from policies.policy import ComeDown, Policy
from policies.sentences import levels_calendar

_FROM_ARRIVAL = "at_level_for"
"""The question that counts from when a ticket came to its level, also when it came down to whoever had it before."""


def bouncing(policy: Policy, answers: Answers, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Yield what is wrong with the ways down."""
    found = reached(policy, rules) if policy.come_down else frozenset()
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
        yield from (warning(about, sentence, *at) for sentence in _back_up(way, possible, rules))


def _back_up(way: ComeDown, branches: Sequence[Branch], rules: Sequence[Reason]) -> Iterator[str]:
    """Say which rules would bring a ticket up again that has just come down; for each at most one sentence."""
    for reason in rules:
        pairs = [
            (down, up)
            for down in branches
            for up in reason.live
            if way.go_to in reason.climbs(up) and _free(down).at(way.go_to).meets(up)
        ]
        arrival = next((wait for _, up in pairs for wait in up.waits if wait[0].name == _FROM_ARRIVAL), None)
        same = next((up for down, up in pairs if _free(down).implies(_free(up))), None)
        if same is not None:
            yield f"its reason is one to go up: whenever it is so, {reason.called} holds too, and leads up from there"
        elif arrival is not None:
            yield (
                f"it would bounce: at level {way.go_to} {reason.called} sends the ticket up again by "
                f"{said((arrival[0], True))}, which begins anew when it comes down; let one exclude the other, "
                f"or leave level {way.go_to} out there with `level`"
            )
        elif pairs and reason.rule.again is not None:
            yield (
                f"it would bounce: {reason.called} fires once more for the same cause (`again: after "
                f"{reason.rule.again}`) and sends the ticket up; let one exclude the other"
            )


def _free(branch: Branch) -> Branch:
    """Return the branch wherever the ticket stands."""
    ranges = {question: found for question, found in branch.ranges.items() if question != "level"}
    return Branch(parts=branch.parts, ranges=ranges, causes=branch.causes, conflict=branch.conflict)
