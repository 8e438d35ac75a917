"""What all rules of a policy find at a look: most are only glanced at, and few are asked in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from policies.case import Case, Facts, RuleTrace
from policies.conditions import Moment
from policies.moments import Clocks, leads_up, moment_of
from policies.policy import Policy, Rule
from policies.sieve import Candidate, Row, Rules, Sieve, sieve_of
from policies.verdicts import Verdict, traced, verdict_of
from policies.waking import Chance, chances, next_look


class _Moments:
    """The moments of one look, one for each calendar, so that what is asked twice is found once."""

    def __init__(self, policy: Policy, case: Case, facts: Facts, now: datetime, clocks: Clocks) -> None:
        self._about = policy, case, facts, now
        self._clocks = clocks
        self.usual = moment_of(policy, clocks.on(clocks.calendar), case, facts, now)
        self._others: dict[str, Moment] = {}

    def of(self, rule: Rule) -> Moment:
        """Return the moment at which a rule is asked."""
        name = rule.calendar
        if name is None or name == self._clocks.calendar:
            return self.usual
        if name not in self._others:
            policy, case, facts, now = self._about
            self._others[name] = moment_of(policy, self._clocks.on(name), case, facts, now)
        return self._others[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What all rules found: the verdicts of those that say yes or do not know, in order, and who sleeps.

    `rows`: rules that wait for a time that cannot have come. `others`: rules that say no and may turn in another way.
    """

    verdicts: tuple[Verdict, ...]
    rows: list[tuple[Row, int, datetime, Rules]]
    others: list[Candidate]
    sieve: Sieve
    moments: _Moments

    def traces(self, winner: Verdict | None) -> tuple[RuleTrace, ...]:
        """Say what came of every rule. The winner may have been explained since it was found."""
        traces = list(self.sieve.traces)
        for verdict in self.verdicts:
            shown = winner if winner is not None and verdict.rule is winner.rule else verdict
            traces[self.sieve.numbers[verdict.rule.name]] = traced(shown, winner)
        return tuple(traces)

    def next_look(self, case: Case, now: datetime, *, moved: bool = False) -> datetime | None:
        """Return the first instant at which a rule may have a new cause, for a case at the level it was asked at."""
        policy = self.moments.usual.policy
        asleep = [self._chances(policy, case, *row) for row in self.rows]
        asleep += [
            chances(other, self.moments.of(other.rule), case)
            for other in self.others
            if leads_up(other.rule, case, policy)
        ]
        return next_look(case, self.verdicts, now, asleep=asleep, moved=moved)

    def _chances(
        self, policy: Policy, case: Case, row: Row, first: int, start: datetime, rules: Rules
    ) -> Iterator[Chance]:
        """Yield when the rules of a row may turn, in order."""
        for number, question in row.asked[first:]:
            rule = self.sieve.rules[number]
            if rules >> number & 1 and leads_up(rule, case, policy):
                candidate = self.sieve.candidates[number]
                yield start + question.limit.length, rule, self.moments.of(rule), question, candidate


def survey(policy: Policy, case: Case, facts: Facts, now: datetime, clocks: Clocks) -> Survey:
    """Glance at every rule, and ask in full those that do not say no. `clocks` are those of the case."""
    sieve, moments = sieve_of(policy.rules), _Moments(policy, case, facts, now, clocks)
    verdicts: list[Verdict] = []
    others: list[Candidate] = []
    left, rows = sieve.sifted(moments.usual)
    for candidate, unsure in left:
        moment = moments.of(candidate.rule)
        if candidate.glance(moment, unsure) is not False:
            verdicts.append(verdict_of(candidate.rule, moment, policy, case, facts))
        elif candidate.waiting:
            others.append(candidate)
    return Survey(verdicts=tuple(verdicts), rows=rows, others=others, sieve=sieve, moments=moments)
