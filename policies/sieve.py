"""Which rules a look can leave aside: those that say no because of something that is plainly not so.

Rules ask about the same few subjects: the priority, the tier, the level. Each subject is read once; a table, filled as
tickets come, then tells all the rules that the value found rules out. Rules that wait count from the same few starts:
each start is read once, and a search in a sorted list tells all the rules whose time cannot have come. What remains is
asked rule by rule.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from policies.asking import Anchor, FactQuestion, Reading, TimeQuestion, Unknown
from policies.case import RuleTrace
from policies.conditions import AllOf, Leaf, Moment, Node, Not, leaves
from policies.policy import Rule

_MOST_VALUES = 1024  # of one subject, such as combinations of tags; then its table begins anew
_MOST_SIEVES = 64  # of which policies the tables are kept

Rules = int
"""A set of rules: bit n stands for the n-th."""


class Candidate:
    """One rule, with what of it no table answers.

    `musts`: its questions of time without which it cannot say yes. `waiting`: all its questions of time.
    """

    __slots__ = ("_rest", "musts", "rule", "waiting")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        asked = [part for part in _parts(rule.when) if _plain(part) is None]
        self.musts = tuple(question for part in asked if isinstance(part, Leaf) for question in _times(part))
        self._rest = tuple(part for part in asked if not isinstance(part, Leaf))
        self.waiting = tuple(dict.fromkeys(question for leaf in leaves(rule.when) for question in _times(leaf)))

    def glance(self, moment: Moment, unsure: bool) -> bool | None:
        """Say what the rule says, given what the tables and the lists found."""
        if unsure:
            return self.rule.when.glance(moment, moment.now)
        for question in self.musts:
            if question.glance(moment, moment.now) is not True:
                return self.rule.when.glance(moment, moment.now)
        value: bool | None = True
        for part in self._rest:
            one = part.glance(moment, moment.now)
            if one is False:
                return False
            value = value and one
        return value


def _times(leaf: Leaf) -> tuple[TimeQuestion, ...]:
    return (leaf.question,) if isinstance(leaf.question, TimeQuestion) else ()


class Subject:
    """What several rules ask of one thing, and for each value that was met the rules it rules out or leaves open."""

    __slots__ = ("_asked", "met", "read", "rules")

    def __init__(self, read: Reading) -> None:
        self.read = read
        self.rules: Rules = 0
        self.met: dict[Hashable, tuple[Rules, Rules]] = {}
        self._asked: list[tuple[Rules, Callable[[Any], bool | Unknown], bool]] = []

    def add(self, rule: int, question: FactQuestion, wanted: bool) -> None:
        """Add what one rule asks; `wanted` False: it must not be so."""
        self.rules |= 1 << rule
        self._asked.append((1 << rule, question.holds, wanted))

    def meet(self, found: Any) -> tuple[Rules, Rules]:
        """Return the rules that a new value rules out, and those for which it is not enough."""
        if len(self.met) >= _MOST_VALUES:
            self.met.clear()
        out, unsure = 0, self.rules if isinstance(found, Unknown) else 0
        for rule, holds, wanted in self._asked if not unsure else ():
            so = holds(found)
            if isinstance(so, Unknown):
                unsure |= rule
            elif so is not wanted:
                out |= rule
        self.met[found] = out, unsure
        return out, unsure


class Row:
    """The rules that wait, counted from one start, in the order of how long."""

    __slots__ = ("_beyond", "_lengths", "anchor", "asked", "rules")

    def __init__(self, anchor: Anchor, asked: Iterable[tuple[int, TimeQuestion]]) -> None:
        self.anchor = anchor
        self.asked = sorted(asked, key=lambda one: one[1].limit.length)
        self._lengths = [question.limit.length for _, question in self.asked]
        self._beyond = [reduce(or_, (1 << n for n, _ in self.asked[i:]), 0) for i in range(len(self.asked) + 1)]
        self.rules = self._beyond[0]

    def not_yet(self, waited: timedelta) -> tuple[int, Rules]:
        """Return the first for which so much time is too little, whatever the calendar says, and all rules from it."""
        first = bisect_right(self._lengths, waited)
        return first, self._beyond[first]


class Sifted(NamedTuple):
    """What is left of the rules: those to ask, and those that say no and may turn by time alone, row by row.

    `left`: in order, each with whether something unknown may still rule it out. `asleep`: the row, from which of its
    rules on, when they began to wait, and which rules they are.
    """

    left: list[tuple[Candidate, bool]]
    asleep: list[tuple[Row, int, datetime, Rules]]


class Sieve:
    """The rules of one policy, arranged by what they ask; `traces` are theirs if none is so."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.traces = tuple(RuleTrace(rule=rule.name, value=False, new=False, outcome="not so") for rule in rules)
        self.numbers = {rule.name: number for number, rule in enumerate(rules)}
        self.candidates = tuple(Candidate(rule) for rule in rules)
        subjects: dict[Reading, Subject] = {}
        rows: dict[Anchor, list[tuple[int, TimeQuestion]]] = {}
        for number, candidate in enumerate(self.candidates):
            for part in _parts(candidate.rule.when):
                if (plain := _plain(part)) is not None:
                    question, wanted = plain
                    subjects.setdefault(question.read, Subject(question.read)).add(number, question, wanted)
            for must in candidate.musts:
                if not must.backwards:
                    rows.setdefault(must.anchor, []).append((number, must))
        # what many rules ask rules many out; what is left to nobody need not even be read
        self.subjects = tuple(sorted(subjects.values(), key=lambda subject: -subject.rules.bit_count()))
        self._rows = tuple(Row(anchor, asked) for anchor, asked in rows.items())

    def sifted(self, moment: Moment) -> Sifted:
        """Leave aside the rules that are plainly not so, and those that wait for a time that cannot have come."""
        left, unsure, readings = (1 << len(self.rules)) - 1, 0, moment.readings
        for subject in self.subjects:
            if left & subject.rules:
                read = subject.read
                found = readings[read] = read(moment)
                out, open_still = subject.met.get(found) or subject.meet(found)
                left &= ~out
                unsure |= open_still
        asleep = []
        for row in self._rows:
            if left & row.rules:
                start = moment.read(row.anchor)
                if start.at is not None:
                    first, waiting = row.not_yet(moment.now - start.at)
                    if left & waiting:
                        asleep.append((row, first, start.at, left & waiting))
                        left &= ~waiting
                elif start.needs is None:
                    left &= ~row.rules
        return Sifted([(self.candidates[n], bool(unsure >> n & 1)) for n in _members(left)], asleep)


def _members(rules: Rules) -> Iterator[int]:
    while rules:
        lowest = rules & -rules
        rules ^= lowest
        yield lowest.bit_length() - 1


def _parts(node: Node) -> Iterator[Node]:
    """Yield what must all be so."""
    for part in node.parts if isinstance(node, AllOf) else ():
        yield from _parts(part)
    if not isinstance(node, AllOf):
        yield node


def _plain(node: Node) -> tuple[FactQuestion, bool] | None:
    """Return the question that a part is, and whether it must be so; None if it is something else."""
    leaf, wanted = (node.part, False) if isinstance(node, Not) else (node, True)
    if not isinstance(leaf, Leaf) or not isinstance(leaf.question, FactQuestion):
        return None
    return leaf.question, wanted


_SIEVES: dict[int, Sieve] = {}


def sieve_of(rules: tuple[Rule, ...]) -> Sieve:
    """Return the sieve for these very rules, made once: comparing rules would take longer than asking them."""
    sieve = _SIEVES.get(id(rules))
    if sieve is None or sieve.rules is not rules:
        if len(_SIEVES) >= _MOST_SIEVES:
            _SIEVES.clear()
        _SIEVES[id(rules)] = sieve = Sieve(rules)
    return sieve
