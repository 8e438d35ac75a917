"""What all rules of a policy find at a look, and when to look again. Most rules are left with a glance.

Only rules that say yes, or do not know, are asked in full. Those that say no and that time alone may change sleep: each
is known by the earliest instant at which it could turn, and calendars are asked only about what may come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count

from policies.asking import TimeQuestion
from policies.case import Case, Facts, RuleTrace
from policies.conditions import Moment
from policies.moments import Clocks, leads_up, moment_of
from policies.policy import Policy, Rule
from policies.sieve import Candidate, Sieve, Wait, sieve_of
from policies.verdicts import Verdict, again, found_out, is_new, traced, verdict_of

Sleeper = tuple[Candidate, Moment, Wait | None]
"""A rule that says no, the moment it was asked at, and the question it waits for, if that is known."""

_Turn = tuple[datetime, int, bool, Rule, Moment, TimeQuestion | None, Candidate | None]
"""When a rule may turn, exactly then or not before, by which question, and what else it may wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What all rules found: the verdicts of those that say yes or do not know, in order, and who sleeps."""

    verdicts: tuple[Verdict, ...]
    asleep: tuple[Sleeper, ...]
    sieve: Sieve

    def traces(self, winner: Verdict | None) -> tuple[RuleTrace, ...]:
        """Say what came of every rule. The winner may have been explained since it was found."""
        traces = list(self.sieve.traces)
        for verdict in self.verdicts:
            shown = winner if winner is not None and verdict.rule is winner.rule else verdict
            traces[self.sieve.numbers[verdict.rule.name]] = traced(shown, winner)
        return tuple(traces)

    def next_look(self, case: Case, now: datetime, *, moved: bool = False) -> datetime | None:
        """Return the first instant at which a rule may have a new cause, for a case at the level it was asked at."""
        return next_look(case, self.verdicts, now, asleep=self.asleep, moved=moved)


def survey(policy: Policy, case: Case, facts: Facts, now: datetime, clocks: Clocks) -> Survey:
    """Glance at every rule, and ask in full those that do not say no. `clocks` are those of the case."""
    sieve = sieve_of(policy.rules)
    first = moment_of(policy, clocks.on(clocks.calendar), case, facts, now)
    moments = {None: first, clocks.calendar: first}
    verdicts: list[Verdict] = []
    asleep: list[Sleeper] = []
    for candidate, unsure in sieve.sifted(first):
        rule = candidate.rule
        if (moment := moments.get(rule.calendar)) is None:
            calendar = rule.calendar or clocks.calendar
            moments[calendar] = moment = moment_of(policy, clocks.on(calendar), case, facts, now)
        value, wait = candidate.glance(moment, unsure)
        if value is not False:
            verdicts.append(verdict_of(rule, moment, policy, case, facts))
        elif candidate.waiting and leads_up(rule, case, policy):
            asleep.append((candidate, moment, wait))
    return Survey(verdicts=tuple(verdicts), asleep=tuple(asleep), sieve=sieve)


# --- when to look again -----------------------------------------------------------------------------------
def next_look(
    case: Case, verdicts: Sequence[Verdict], now: datetime, *, asleep: Sequence[Sleeper] = (), moved: bool = False
) -> datetime | None:
    """Return the first instant at which a rule may have a new cause, if nothing else happens before.

    `verdicts` and `asleep` are what rules find now, at the level the case has. One look makes one transition: if a move
    has just given another rule its cause, the next look is now.
    """
    higher = [v for v in verdicts if v.to > case.level or v.rule.go_to is None]
    if moved and any((v.new and v.paused is None) or _unknown(v) for v in higher):
        return now
    numbers, turns = count(), list[_Turn]()
    for verdict in higher:
        rule, moment = verdict.rule, verdict.moment
        for at in (*(answer.due for answer in verdict.finding.answers), again(rule, case, moment)):
            if at is not None:
                turns.append((at, next(numbers), True, rule, moment, None, None))
    for candidate, moment, wait in asleep:
        if wait is None:
            turns += _any_of(candidate, moment, case, numbers)
        elif wait[0] is not None:
            turns.append((wait[0], next(numbers), False, candidate.rule, moment, wait[1], candidate))
    heapify(turns)
    return _first(turns, case, now, numbers)


def _unknown(verdict: Verdict) -> bool:
    return verdict.finding.value is None and bool(verdict.finding.needs - verdict.moment.fetched)


def _any_of(candidate: Candidate, moment: Moment, case: Case, numbers: Iterator[int]) -> Iterator[_Turn]:
    """Yield every instant at which a rule may turn that does not wait for one question alone."""
    for question in candidate.waiting:
        if (at := question.earliest(moment)) is not None:
            yield at, next(numbers), False, candidate.rule, moment, question, None
    if (at := again(candidate.rule, case, moment)) is not None:
        yield at, next(numbers), True, candidate.rule, moment, None, None


def _first(turns: list[_Turn], case: Case, now: datetime, numbers: Iterator[int]) -> datetime | None:
    """Return the first instant to come at which a rule gets a new cause, or depends on what is not known."""
    while turns:
        at, number, exact, rule, moment, question, candidate = heappop(turns)
        if not exact and question is not None:  # now its calendar is worth asking
            if (due := question.due(moment)) is not None and due > now:
                heappush(turns, (due, number, True, rule, moment, question if candidate else None, candidate))
            continue
        if at <= now:
            continue
        so = rule.when.glance(moment, at)
        if so is None or (so and _fires(rule, case, moment, at, question)):
            return at
        if candidate is not None:  # it waits for more than this one question
            for turn in _any_of(candidate, moment, case, numbers):
                heappush(turns, turn)
    return None


def _fires(rule: Rule, case: Case, moment: Moment, at: datetime, question: TimeQuestion | None) -> bool:
    """Say whether a rule that is so at this time has a new cause then."""
    # of a question without which the rule cannot say yes, the cause is among the rule's: it need not be asked in full
    if question is not None and is_new(rule, case, question.cause(moment)):
        return True
    later = moment.later(at)
    return found_out(rule, case, rule.when.ask(later), later)[1]
