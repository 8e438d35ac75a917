"""What a rule finds: its answer, whether a new cause is behind it, and what came of it.

A rule fires once per cause and never because it is still true (decision 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from policies.case import Case, Facts, RuleTrace
from policies.conditions import Cause, Finding, Moment, Node, leaves
from policies.ladder import began, consumed
from policies.moments import Clocks, destination, moment_of
from policies.policy import Policy, Rule

CIRCUMSTANCES = frozenset({"status"})
"""Questions that are a cause only where a rule asks nothing else: a ticket passes through its statuses all the time."""

_OF_MESSAGES = frozenset(
    {"unanswered_for", "answered", "replies", "frustration", "matches", "requested_by_staff", "not_taken_for"}
)


class Verdict(NamedTuple):
    """What one rule found at this look, and whether its yes has a cause that did not count before.

    `causes`: those that arose since the ticket was adopted; `paused`: why the rule may not move anything now.
    """

    rule: Rule
    moment: Moment
    finding: Finding
    to: int
    new: bool
    outcome: str
    causes: tuple[Cause, ...]
    paused: str | None = None


def verdicts_of(policy: Policy, case: Case, facts: Facts, now: datetime) -> list[Verdict]:
    """Ask every rule in full, for people: a look that decides makes a `survey`."""
    clocks, moments = Clocks(policy, case), dict[str, Moment]()
    verdicts = []
    for rule in policy.rules:
        calendar = rule.calendar or clocks.calendar
        if (moment := moments.get(calendar)) is None:
            moments[calendar] = moment = moment_of(policy, clocks.on(calendar), case, facts, now)
        verdicts.append(verdict_of(rule, moment, policy, case, facts))
    return verdicts


def verdict_of(rule: Rule, moment: Moment, policy: Policy, case: Case, facts: Facts) -> Verdict:
    """Ask one rule in full."""
    finding = rule.when.ask(moment)
    causes, new, outcome = found_out(rule, case, finding, moment)
    paused = facts.paused or facts.paused_rules.get(rule.name)
    return Verdict(rule, moment, finding, destination(rule, case, policy), new, outcome, causes, paused)


def asks_for_messages(policy: Policy) -> bool:
    """Say whether anything in the policy asks who wrote, or what, or hears orders."""
    return (
        bool(policy.roles)
        or any(level.if_not_taken is not None for level in policy.levels)
        or any(leaf.name in _OF_MESSAGES for node in _conditions(policy) for leaf in leaves(node))
    )


def _conditions(policy: Policy) -> Iterator[Node]:
    """Yield every condition of a policy: of its rules, its ways down, its guards and its opening hours."""
    yield from (rule.when for rule in policy.rules)
    yield from (way.when for way in policy.come_down)
    others = [level.out_of_hours.unless for level in policy.levels if level.out_of_hours is not None]
    yield from (node for node in (policy.guards.never, policy.guards.never_hold, *others) if node is not None)


_NOT_SO = (), False, "not so"
_NOT_KNOWN = (), False, "not known yet"


def found_out(rule: Rule, case: Case, finding: Finding, moment: Moment) -> tuple[tuple[Cause, ...], bool, str]:
    """Say which causes carry a yes, whether one of them is new, and in a word what came of it."""
    if not finding.value:
        return _NOT_SO if finding.value is False else _NOT_KNOWN
    firm: list[Cause] = []
    circumstances: list[Cause] = []
    for answer in finding.support:
        (circumstances if answer.name in CIRCUMSTANCES else firm).extend(answer.causes)
    known, begin, fired = firm or circumstances, case.adopted_at, case.fired.get(rule.name)
    causes = tuple([cause for cause in known if begin is None or cause.since >= begin])
    if causes and (fired is None or any(cause.id not in fired.causes for cause in causes)):
        return causes, True, "fires"
    if not causes:
        return causes, False, f"was so before {began(case)}" if known else "no cause of its own"
    once_more = again(rule, case, moment)
    if once_more is not None and once_more <= moment.now:
        return causes, True, "fires again"
    return causes, False, "fired before, for the same cause"


def again(rule: Rule, case: Case, moment: Moment) -> datetime | None:
    """Return when a rule that has fired may do so once more for the same cause."""
    fired = case.fired.get(rule.name)
    if rule.again is None or fired is None or fired.at is None:
        return None
    return moment.clock_for(rule.again).deadline(fired.at, rule.again.length, moment.now)


def is_new(rule: Rule, case: Case, cause: Cause | None) -> bool:
    """Say whether a cause has not counted yet."""
    if cause is None or (case.adopted_at is not None and cause.since < case.adopted_at):
        return False
    fired = case.fired.get(rule.name)
    return fired is None or cause.id not in fired.causes


def after_firing(case: Case, verdicts: Sequence[Verdict], now: datetime) -> Case:
    """Remember the causes of every rule that says yes, so that none counts twice."""
    fired = dict(case.fired)
    for verdict in verdicts:
        if verdict.causes:
            before, ids = fired.get(verdict.rule.name), sorted({cause.id for cause in verdict.causes})
            if verdict.new or before is None or list(before.causes[-len(ids) :]) != ids:
                at = now if verdict.new else before.at if before else None
                fired[verdict.rule.name] = consumed(before, ids, at)
    return case if fired == case.fired else replace(case, fired=fired)


def traced(verdict: Verdict, winner: Verdict | None) -> RuleTrace:
    """Say what came of a rule that does not say no, for the trace."""
    outcome = verdict.outcome
    if verdict.new and verdict.paused is not None:
        outcome = f"paused: {verdict.paused}"
    elif verdict.new and verdict is not winner:
        outcome = "fires, but no higher than another rule or the level it has"
    return RuleTrace(
        rule=verdict.rule.name, value=verdict.finding.value, new=verdict.new, outcome=outcome,
        answers=verdict.finding.answers,
    )  # fmt: skip
