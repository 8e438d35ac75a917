"""What is wrong with a policy's rules: such as can never fire, fire too often, or leave gaps.

For the linter. Only what follows from the conditions is said; what might be so for some tickets is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from policies.branches import NONE, PRIORITIES, STATES, STATUSES, Answers, Branch
from policies.conditions import leaves
from policies.findings import Finding, Reason, listed, named, said, warning
from policies.levels import Step
from policies.model import Priority
from policies.policy import Policy
from policies.ranges import Among
from policies.rivals import rivals
from policies.sentences import rules_calendar

_MOST_NAMED = 10

_BORN: dict[str, frozenset[Any]] = {
    "level": frozenset({1}),
    "status": frozenset({"new"}),
    "reopens": frozenset({0}),
    "hand_overs": frozenset({0}),
    "replies": frozenset({0}),
    "frustration": frozenset({NONE}),
    "csat": frozenset({NONE}),
    "answered": frozenset({False}),
    "requested_by_staff": frozenset({False}),
}


def compared(policy: Policy, answers: Answers, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Yield what is wrong with the rules."""
    for reason in rules:
        dead = list(_dead(reason, answers))
        yield from dead
        if reason.live:
            yield from _paused(reason, policy)
        if reason.live and reason.moves:
            yield from _stuck(reason)
            yield from _climbing(reason, answers, policy)
            yield from _at_birth(reason, answers)
            yield from _lowering(reason, policy)
    yield from rivals(rules, answers.effort)
    yield from _gaps(policy, answers, rules)
    yield from _unreached(policy, rules)


# --- one rule -----------------------------------------------------------------------------------------------------
def _dead(reason: Reason, answers: Answers) -> Iterator[Finding]:
    """Find conditions, or parts of them, that never make the rule fire."""
    if not reason.branches or len(reason.live) == len(reason.branches):
        return
    alive = {id(question) for branch in reason.live for question, _ in branch.parts}
    written = {id(question) for question in leaves(reason.rule.when)}  # not one of several fields taken apart
    told: set[str] = set()
    for branch in reason.branches:
        lost = [part for part in branch.parts if id(part[0]) in written - alive]
        if branch in reason.live or (reason.live and not lost):
            continue
        sentence = _conflict(reason, branch, answers) if branch.conflict else _without_cause(branch)
        if reason.live:
            sentence = f"a part of its condition, {said(*lost)}, never makes it fire: {sentence}"
        if sentence not in told:
            told.add(sentence)
            yield reason.warning(sentence) if reason.live else reason.error(f"it never fires: {sentence}")


def _conflict(reason: Reason, branch: Branch, answers: Answers) -> str:
    parts = answers.involved(branch, branch.conflict or "", reason.rule)
    if len({id(question) for question, _ in parts}) > 1:
        return f"{said(*parts)} exclude each other"
    question, holds = parts[0]
    if question.name == "status" and holds:
        return f"no ticket that can climb has {said(*parts)}; a status is one of {', '.join(STATUSES)}"
    return f"{said(*parts)} is never so"


def _without_cause(branch: Branch) -> str:
    return (
        f"{said(*branch.parts)} can be so without anything having happened, and a rule fires because something did; "
        "add what happens, such as `unanswered_for: 1h`, or a field that takes a value"
    )


def _stuck(reason: Reason) -> Iterator[Finding]:
    if any(reason.climbs(branch) for branch in reason.live):
        return
    levels = sorted(set().union(*(branch.values("level") or range(1, reason.top + 1) for branch in reason.live)))
    where = f"it is true only at level {listed([str(level) for level in levels], 'or')}"
    if reason.rule.go_to is Step.NEXT_LEVEL or levels[0] >= reason.top:
        yield reason.error(f"it leads nowhere: {where}, and the ladder ends there")
    else:
        yield reason.error(f"it leads nowhere: {where}, and `go_to: {reason.rule.go_to}` is not above that")


def _climbing(reason: Reason, answers: Answers, policy: Policy) -> Iterator[Finding]:
    """Find rules that would climb again and again."""
    for branch in reason.live if reason.rule.go_to is Step.NEXT_LEVEL else ():
        states = [part for part in branch.parts if part[1] and (part[0].name in STATES or part[0].name == "custom")]
        only = all(cause in STATES or cause.startswith("custom.") for cause in branch.causes)
        if only or "status" in branch.causes:
            parts = states if only else [part for part in states if part[0].name == "status"]
            advice = "name the level" if only else "say which statuses do not count: `not: {status: […]}` is no cause"
            yield reason.warning(
                f"it climbs one more level each time {said(*parts, last='or')} comes true again; {advice}"
            )
            break
    again = reason.rule.again
    calendar = rules_calendar(policy, reason.rule)
    for question, length in (wait for branch in reason.live if again for wait in branch.waits):
        same = again is not None and answers.counts(length, calendar) == answers.counts(again, calendar)
        if again is not None and same and again.length < length.length:
            yield reason.warning(
                f"`again: after {again}` is shorter than {said((question, True))}: a ticket that somebody moved down "
                "climbs again before it has waited that long once more"
            )
            break


def _at_birth(reason: Reason, answers: Answers) -> Iterator[Finding]:
    if any(1 in reason.climbs(branch) and _holds_at_birth(branch, answers) for branch in reason.live):
        yield reason.warning("it fires at once for every new ticket, so that nothing is ever done at level 1")


def _holds_at_birth(branch: Branch, answers: Answers) -> bool:
    """Say whether every ticket has these answers when it is created."""
    for question, found in branch.ranges.items():
        every = answers.domains.get(question, frozenset({True, False})) - ({NONE} if question != "tier" else set())
        if not isinstance(found, Among) or not found.values >= _BORN.get(question, every):
            return False
    return bool(branch.causes & STATES)


def _paused(reason: Reason, policy: Policy) -> Iterator[Finding]:
    for branch in reason.live:
        statuses = branch.values("status") or frozenset(STATUSES)
        if branch.waits and statuses <= set(policy.pause_while):
            waits = said(*((question, True) for question, _ in branch.waits))
            status = listed(sorted(statuses), "or")
            yield reason.warning(f"no time counts while a ticket is {status} (`pause_while`), so {waits} stands still")
            return


def _lowering(reason: Reason, policy: Policy) -> Iterator[Finding]:
    for branch in reason.live:
        asked = branch.values("priority") or frozenset({NONE})
        least = min((Priority[word.upper()] for word in asked - {NONE}), default=None)
        for level in reason.climbs(branch) if least is not None and NONE not in asked else ():
            to = policy.level(reason.leads(level)[1])
            if to.priority is not None and not to.priority.raise_only and least and to.priority.to < least:
                yield reason.warning(
                    f"{named(to)} sets the priority to {to.priority.to.word}, which lowers that of the tickets this "
                    f"rule is about; `{{at_least: {to.priority.to.word}}}` never lowers"
                )
                return


# --- all rules ----------------------------------------------------------------------------------------------------
def _gaps(policy: Policy, answers: Answers, rules: Sequence[Reason]) -> Iterator[Finding]:
    if any(not reason.branches for reason in rules):
        return
    asked = {question.name for rule in policy.rules if rule.go_to is not None for question in leaves(rule.when)}
    at_first = [branch for reason in rules for branch in reason.live if 1 in reason.climbs(branch)]
    automatic = [branch for branch in at_first if "requested_by_staff" not in branch.causes]
    ways: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
        ("priority", PRIORITIES, lambda w: f"the priority {w}" if w != NONE else "no priority"),
        ("severity", answers.severities, lambda w: f"the severity {w}" if w != NONE else "no impact or no urgency"),
        ("tier", tuple(tier.name for tier in policy.tiers), lambda w: f"the tier {w}" if w != NONE else "no tier"),
    )
    for question, values, words in ways:
        found = {branch.values(question) for branch in automatic}
        there = answers.domains[question] if None in found else frozenset().union(*(said for said in found if said))
        missing = [value for value in (*values, NONE) if value in answers.domains[question] - there]
        if question in asked and missing and automatic:
            more = [f"{len(missing) - _MOST_NAMED} more"] if len(missing) > _MOST_NAMED else []
            what = listed([*(words(v) for v in missing[:_MOST_NAMED]), *more], "or")
            yield warning("rules", f"no rule ever leads a ticket up that has {what}", "rules")


def reached(policy: Policy, rules: Sequence[Reason]) -> frozenset[int]:
    """Return the levels to which rules can bring a ticket."""
    leaving = [(reason, _leaving(reason)) for reason in rules if reason.moves]
    found: set[int] = {1}
    for number in range(1, policy.top):
        for reason, start in leaving if number in found else ():
            if number in start:
                lowest, highest = reason.leads(number)
                found |= set(range(lowest, highest + 1))
    return frozenset(found)


def _leaving(reason: Reason) -> frozenset[int]:
    """Return the levels from which a rule leads up; any, if there is too much to compare."""
    if not reason.branches:
        return frozenset(range(1, reason.top))
    return frozenset(level for branch in reason.live for level in reason.climbs(branch))


def _unreached(policy: Policy, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Find levels to which nothing leads."""
    found = reached(policy, rules)
    for level in policy.levels:
        if level.number not in found:
            yield warning(
                named(level),
                "no rule leads to it, and a ticket comes there only by a person's hand",
                "levels",
                level.number - 1,
            )
