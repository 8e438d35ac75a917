"""What each rule finds at a look: its answer, whether a new cause is behind it, and when that may change by itself.

A rule fires once per cause and never because it is still true (DECISIONS 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policies.case import Case, Facts, RuleTrace
from policies.conditions import Cause, Finding, Moment, leaves
from policies.ladder import consumed
from policies.moments import Clocks, destination, moment_of
from policies.policy import Policy, Rule

CIRCUMSTANCES = frozenset({"status"})
"""Questions that are a cause only where a rule asks nothing else: a ticket passes through its statuses all the time."""

_OF_MESSAGES = frozenset({"unanswered_for", "answered", "replies", "frustration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
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
    """Ask every rule."""
    clocks = Clocks(policy, case.story)
    moments: dict[str | None, Moment] = {}  # one for each calendar
    for rule in policy.rules:
        if rule.calendar not in moments:
            moments[rule.calendar] = moment_of(policy, rule, case, facts, now, clocks)
    return [_verdict(policy, rule, case, facts, moments[rule.calendar]) for rule in policy.rules]


def asks_for_messages(policy: Policy) -> bool:
    """Say whether any rule asks who wrote, or what."""
    return any(leaf.name in _OF_MESSAGES for rule in policy.rules for leaf in leaves(rule.when))


def _verdict(policy: Policy, rule: Rule, case: Case, facts: Facts, moment: Moment) -> Verdict:
    finding = rule.when.ask(moment)
    causes, new, outcome = _cause(rule, case, finding, moment)
    return Verdict(
        rule=rule, moment=moment, finding=finding, to=destination(rule, case, policy), new=new, outcome=outcome,
        causes=causes, paused=facts.paused or facts.paused_rules.get(rule.name),
    )  # fmt: skip


def _cause(rule: Rule, case: Case, finding: Finding, moment: Moment) -> tuple[tuple[Cause, ...], bool, str]:
    """Say which causes carry a yes, whether one of them is new, and in a word what came of it."""
    if not finding.value:
        return (), False, "not known yet" if finding.value is None else "not so"
    begin = case.adopted_at
    said = [answer for answer in finding.support if answer.causes]
    firm = [answer for answer in said if answer.name not in CIRCUMSTANCES]
    known = [cause for answer in firm or said for cause in answer.causes]
    causes = tuple(cause for cause in known if begin is None or cause.since >= begin)
    fired = case.fired.get(rule.name)
    if any(fired is None or cause.id not in fired.causes for cause in causes):
        return causes, True, "fires"
    if not causes:
        return causes, False, "was so before Stepladder looked" if known else "no cause of its own"
    again = _again(rule, case, moment)
    if again is not None and again <= moment.now:
        return causes, True, "fires again"
    return causes, False, "fired before, for the same cause"


def _again(rule: Rule, case: Case, moment: Moment) -> datetime | None:
    """Return when a rule that has fired may do so once more for the same cause."""
    fired = case.fired.get(rule.name)
    if rule.again is None or fired is None or fired.at is None:
        return None
    return moment.clock_for(rule.again).deadline(fired.at, rule.again.length, moment.now)


def after_firing(case: Case, verdicts: Sequence[Verdict], now: datetime) -> Case:
    """Remember the causes of every rule that says yes, so that none counts twice."""
    fired = dict(case.fired)
    for verdict in verdicts:
        if verdict.causes:
            before = fired.get(verdict.rule.name)
            at = now if verdict.new else before.at if before else None
            fired[verdict.rule.name] = consumed(before, [cause.id for cause in verdict.causes], at)
    return replace(case, fired=fired)


def traced(verdict: Verdict, winner: Verdict | None) -> RuleTrace:
    """Say what came of a rule, for the trace."""
    outcome = verdict.outcome
    if verdict.new and verdict.paused is not None:
        outcome = f"paused: {verdict.paused}"
    elif verdict.new and verdict is not winner:
        outcome = "fires, but no higher than another rule or the level it has"
    return RuleTrace(
        rule=verdict.rule.name, value=verdict.finding.value, new=verdict.new, outcome=outcome,
        answers=verdict.finding.answers if verdict.finding.value is not False else (),
    )  # fmt: skip


# --- when to look again -----------------------------------------------------------------------------------
def next_look(case: Case, verdicts: Sequence[Verdict], now: datetime, *, moved: bool = False) -> datetime | None:
    """Return the first instant at which a rule may have a new cause, if nothing else happens before.

    `verdicts` are what the rules find now, at the level the case has. One look makes one transition: if a move has just
    given another rule its cause, the next look is now.
    """
    higher = [v for v in verdicts if v.to > case.level]
    if moved and any((v.new and v.paused is None) or _unknown(v) for v in higher):
        return now
    best: datetime | None = None
    for verdict in higher:
        best = _turns(case, verdict, now, best) or best
    return best


def _unknown(verdict: Verdict) -> bool:
    return verdict.finding.value is None and bool(verdict.finding.needs - verdict.moment.fetched)


def _turns(case: Case, verdict: Verdict, now: datetime, before: datetime | None) -> datetime | None:
    """Return when this rule turns, if that is earlier than what is known already."""
    turning = {a.due for a in verdict.finding.answers if a.due is not None and a.due > now}
    again = _again(verdict.rule, case, verdict.moment)
    if again is not None and again > now:
        turning.add(again)
    for at in sorted(at for at in turning if before is None or at < before):
        moment = verdict.moment.later(at)
        then = verdict.rule.when.ask(moment)
        if then.value is None or _cause(verdict.rule, case, then, moment)[1]:
            return at
    return None
