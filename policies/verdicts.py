"""What each rule finds at a look: its answer, whether a new cause is behind it, and when that may change by itself.

A rule fires once per cause and never because it is still true (decision 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from policies.case import Case, Facts, RuleTrace
from policies.conditions import Cause, Finding, Moment, leaves
from policies.ladder import consumed
from policies.moments import Clocks, destination, moment_of
from policies.policy import Policy, Rule

CIRCUMSTANCES = frozenset({"status"})
"""Questions that are a cause only where a rule asks nothing else: a ticket passes through its statuses all the time."""

_OF_MESSAGES = frozenset({"unanswered_for", "answered", "replies", "frustration"})


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
    """Ask every rule."""
    clocks = Clocks(policy, case)
    moments: dict[str, Moment] = {}  # one for each calendar, so that what is asked twice is found once
    verdicts = []
    for rule in policy.rules:
        calendar = rule.calendar or clocks.calendar
        if (moment := moments.get(calendar)) is None:
            moments[calendar] = moment = moment_of(policy, clocks.of(rule), case, facts, now)
        finding = rule.when.ask(moment)
        causes, new, outcome = _cause(rule, case, finding, moment)
        paused = facts.paused or facts.paused_rules.get(rule.name)
        verdicts.append(Verdict(rule, moment, finding, destination(rule, case, policy), new, outcome, causes, paused))
    return verdicts


def asks_for_messages(policy: Policy) -> bool:
    """Say whether any rule asks who wrote, or what."""
    return any(leaf.name in _OF_MESSAGES for rule in policy.rules for leaf in leaves(rule.when))


_NOT_SO = (), False, "not so"
_NOT_KNOWN = (), False, "not known yet"


def _cause(rule: Rule, case: Case, finding: Finding, moment: Moment) -> tuple[tuple[Cause, ...], bool, str]:
    """Say which causes carry a yes, whether one of them is new, and in a word what came of it."""
    if not finding.value:
        return _NOT_SO if finding.value is False else _NOT_KNOWN
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
    return case if fired == case.fired else replace(case, fired=fired)


def traced(verdict: Verdict, winner: Verdict | None) -> RuleTrace:
    """Say what came of a rule, for the trace."""
    if verdict.finding.value is False:
        return _not_so(verdict.rule.name)
    outcome = verdict.outcome
    if verdict.new and verdict.paused is not None:
        outcome = f"paused: {verdict.paused}"
    elif verdict.new and verdict is not winner:
        outcome = "fires, but no higher than another rule or the level it has"
    return RuleTrace(
        rule=verdict.rule.name, value=verdict.finding.value, new=verdict.new, outcome=outcome,
        answers=verdict.finding.answers,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _not_so(rule: str) -> RuleTrace:
    return RuleTrace(rule=rule, value=False, new=False, outcome="not so")


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
    turning = [answer.due for answer in verdict.finding.answers if answer.due is not None]
    if verdict.rule.again is not None and (again := _again(verdict.rule, case, verdict.moment)) is not None:
        turning.append(again)
    if not turning:
        return None
    for at in sorted({at for at in turning if at > now and (before is None or at < before)}):
        moment = verdict.moment.later(at)
        then = verdict.rule.when.ask(moment)
        if then.value is None or _cause(verdict.rule, case, then, moment)[1]:
            return at
    return None
