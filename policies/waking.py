"""When a ticket must be looked at again because of its rules, if nothing else happens before.

Exact instants need calendars, which take their time. So each rule that sleeps is first known by an instant before which
it cannot turn, and only what may come first is asked exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count

from policies.asking import TimeQuestion
from policies.case import Case
from policies.conditions import Moment
from policies.policy import Rule
from policies.sieve import Candidate
from policies.verdicts import Verdict, again, found_out, is_new

Chance = tuple[datetime, Rule, Moment, TimeQuestion | None, Candidate | None]
"""Not before when a rule may turn, by which question (None: exactly then), and the rule again if it waits for it."""

_Turn = tuple[datetime, int, bool, Rule, Moment, TimeQuestion | None, Candidate | None, Iterator[Chance] | None]
"""A chance among all others: a number keeps equal instants apart, then whether the instant is exact. The last: more."""


def chances(candidate: Candidate, moment: Moment, case: Case) -> Iterator[Chance]:
    """Yield, in order, every chance of a rule to turn."""
    found = [(question.earliest(moment), question) for question in candidate.waiting]
    turns: list[Chance] = [(at, candidate.rule, moment, question, None) for at, question in found if at is not None]
    if (at := again(candidate.rule, case, moment)) is not None:
        turns.append((at, candidate.rule, moment, None, None))
    return iter(sorted(turns, key=lambda turn: turn[0]))


def next_look(
    case: Case,
    verdicts: Sequence[Verdict],
    now: datetime,
    *,
    asleep: Iterable[Iterator[Chance]] = (),
    moved: bool = False,
) -> datetime | None:
    """Return the first instant at which a rule may have a new cause, if nothing else happens before.

    `verdicts` are what rules find now, at the level the case has; `asleep`: the chances of others, each in order. One
    look makes one transition: if a move has just given another rule its cause, the next look is now.
    """
    higher = [v for v in verdicts if v.to > case.level or v.rule.go_to is None]
    if moved and any((v.new and v.paused is None) or _unknown(v) for v in higher):
        return now
    numbers = count()
    turns: list[_Turn] = []
    for verdict in higher:
        rule, moment = verdict.rule, verdict.moment
        dues = (*[answer.due for answer in verdict.finding.answers], again(rule, case, moment))
        turns += [(at, next(numbers), True, rule, moment, None, None, None) for at in dues if at is not None]
    for source in asleep:
        _one_more(turns, source, numbers)
    heapify(turns)
    return _first(turns, case, now, numbers)


def _unknown(verdict: Verdict) -> bool:
    return verdict.finding.value is None and bool(verdict.finding.needs - verdict.moment.fetched)


def _one_more(turns: list[_Turn], source: Iterator[Chance] | None, numbers: Iterator[int]) -> None:
    if source is not None and (chance := next(source, None)) is not None:
        at, rule, moment, question, candidate = chance
        heappush(turns, (at, next(numbers), question is None, rule, moment, question, candidate, source))


def _first(turns: list[_Turn], case: Case, now: datetime, numbers: Iterator[int]) -> datetime | None:
    """Return the first instant to come at which a rule gets a new cause, or depends on what is not known."""
    while turns:
        at, number, exact, rule, moment, question, candidate, source = heappop(turns)
        _one_more(turns, source, numbers)
        if not exact and question is not None:
            if (due := question.due(moment)) is not None and due > now:
                heappush(turns, (due, number, True, rule, moment, question, candidate, None))
            continue
        if at <= now:
            continue
        so = rule.when.glance(moment, at)
        if so is None or (so and _fires(rule, case, moment, at, question if candidate is not None else None)):
            return at
        if candidate is not None:  # the rule waits for more than this one question
            _one_more(turns, chances(candidate, moment, case), numbers)
    return None


def _fires(rule: Rule, case: Case, moment: Moment, at: datetime, must: TimeQuestion | None) -> bool:
    """Say whether a rule that is so at this time has a new cause then."""
    # a question without which the rule cannot say yes brings its cause: then the rule need not be asked in full
    if must is not None and is_new(rule, case, must.cause(moment)):
        return True
    later = moment.later(at)
    return found_out(rule, case, rule.when.ask(later), later)[1]
