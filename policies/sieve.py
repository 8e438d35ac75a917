"""Which rules a look can leave aside: those that say no because of something that is plainly not so.

Rules ask about the same few subjects: the priority, the tier, the level. Each subject is read once; a table, filled as
tickets come, then tells all the rules that the value found rules out. What remains is asked rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from typing import Any

from policies.asking import FactQuestion, Reading, TimeQuestion, Unknown
from policies.case import RuleTrace
from policies.conditions import AllOf, Leaf, Moment, Node, Not, leaves
from policies.policy import Rule

_MOST_VALUES = 1024  # of one subject, such as combinations of tags; then its table begins anew
_MOST_SIEVES = 64  # of which policies the tables are kept

Rules = int
"""A set of rules: bit n stands for the n-th."""


Wait = tuple[datetime | None, TimeQuestion]
"""Before when a question cannot turn true, at the earliest; None: not by time alone."""


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

    def glance(self, moment: Moment, unsure: bool) -> tuple[bool | None, Wait | None]:
        """Say what the rule says, given that the tables found no plain no, and for what it waits if that is a no."""
        if unsure:
            return self.rule.when.glance(moment, moment.now), None
        value: bool | None = True
        for question in self.musts:
            earliest = question.earliest(moment)
            if earliest is not None and earliest > moment.now:  # whatever the calendar says
                return False, (earliest, question)
            so = question.glance(moment, moment.now)
            if so is False or (so is not True and so.needs in moment.fetched):
                return False, (earliest, question)
            value = value and (so is True or None)
        for part in self._rest:
            one = part.glance(moment, moment.now)
            if one is False:
                return False, None
            value = value and one
        return value, None


def _times(leaf: Leaf) -> tuple[TimeQuestion, ...]:
    return (leaf.question,) if isinstance(leaf.question, TimeQuestion) else ()


class _Subject:
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


class Sieve:
    """The rules of one policy, arranged by what they ask; `traces` are theirs if none is so."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.traces = tuple(RuleTrace(rule=rule.name, value=False, new=False, outcome="not so") for rule in rules)
        self.numbers = {rule.name: number for number, rule in enumerate(rules)}
        self._candidates = tuple(Candidate(rule) for rule in rules)
        subjects: dict[Reading, _Subject] = {}
        for number, rule in enumerate(rules):
            for part in _parts(rule.when):
                if (plain := _plain(part)) is not None:
                    question, wanted = plain
                    subjects.setdefault(question.read, _Subject(question.read)).add(number, question, wanted)
        # what many rules ask rules many out; what is left to nobody need not even be read
        self._subjects = tuple(sorted(subjects.values(), key=lambda subject: -subject.rules.bit_count()))

    def sifted(self, moment: Moment) -> Iterator[tuple[Candidate, bool]]:
        """Yield the rules that are not plainly ruled out, in order, and whether something unknown may still do so."""
        left, unsure, readings = (1 << len(self.rules)) - 1, 0, moment.readings
        for subject in self._subjects:
            if left & subject.rules:
                read = subject.read
                found = readings[read] = read(moment)
                out, open_still = subject.met.get(found) or subject.meet(found)
                left &= ~out
                unsure |= open_still
        while left:
            lowest = left & -left
            left ^= lowest
            yield self._candidates[lowest.bit_length() - 1], bool(unsure & lowest)


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
