"""The thirty rules of `deciding.py` in other rule engines: only yes or no for each rule, and the same for every ticket.

    python tests/bench/engines.py

The others get a flat record of each ticket, with how long everything has lasted already counted; ours reads the ticket
and counts by the calendar within the time that is measured. None of them is among Stepladder's libraries: what is not
installed is skipped and named. Prints a table; writes nothing; the exit code is 1 if two engines differ.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from deciding import NOW, RUNS, TICKETS, another, settled, thirty_rules  # which also finds the rooms

from policies.asking import TimeQuestion
from policies.case import Case, Facts
from policies.conditions import AllOf, Leaf, Moment, Node, Not
from policies.durations import Duration
from policies.model import Named
from policies.moments import Clocks, moment_of
from policies.policy import Policy
from policies.questions import tier_of
from policies.sieve import sieve_of

Tree = tuple[Any, ...]
"""`("and", …)`, `("or", …)`, `("not", tree)`, `("in", field, words)`, `("holds", field, word)`; else a sign such as
`">="`, a field and a number."""
Record = Mapping[str, Any]
Answers = list[bool]

SIGNS = {"at_least": ">=", "at_most": "<=", "more_than": ">", "less_than": "<"}
RANKS = {"priority": ("low", "normal", "high", "urgent"), "severity": ("minor", "major", "critical")}


# --- our rules and tickets, for others ------------------------------------------------------------------------------
def tree(node: Node) -> Tree:
    """Return a rule's condition in the few words that every engine knows."""
    if isinstance(node, Leaf):
        return _question(node.name, node.value)
    if isinstance(node, Not):
        return ("not", tree(node.part))
    return ("and" if isinstance(node, AllOf) else "or", *(tree(part) for part in node.parts))  # type: ignore[attr-defined]


def _question(name: str, value: Any) -> Tree:
    if name.endswith("_for"):
        length = Duration.parse(value)
        return (">=", f"{name}_clock" if length.clock else name, length.length.total_seconds())
    if name == "custom":
        return ("and", *(_question(f"custom_{field}", words) for field, words in value.items()))
    if isinstance(value, Mapping):
        [(order, limit)] = value.items()
        return (SIGNS[order], f"{name}_rank" if name in RANKS else name, _rank(name, limit))
    if isinstance(value, bool | int):
        return ("==", name, int(value))
    words = value if isinstance(value, list) else [value]
    if name == "tags":
        return ("or", *(("holds", name, word) for word in words))
    return ("in", name, words)


def _rank(name: str, word: Any) -> int:
    return RANKS[name].index(word) if name in RANKS else int(word)


def record(policy: Policy, case: Case) -> Record:
    """Return a ticket as others want it: flat, in small letters, with everything counted."""
    ticket, moment, found = case.ticket, _moment(policy, case), dict[str, Any]()
    severity = policy.severity.of(ticket.impact, ticket.urgency) if policy.severity else None
    for name in ("status", "product", "kind", "group", "organization", "language", "channel"):
        value = getattr(ticket, name)
        found[name] = "" if value is None else value.name if isinstance(value, Named) else str(value)
    found |= {"tags": list(ticket.tags), "level": case.level, "reopens": case.story.reopens}
    found |= {"priority": ticket.priority.word if ticket.priority else "", "severity": severity or ""}
    found |= {f"{name}_rank": ranks.index(found[name]) if found[name] else -1 for name, ranks in RANKS.items()}
    found |= {"tier": tier_of(policy, ticket)[0] or "", "custom_environment": ticket.custom.get("environment") or ""}
    found |= {"answered": int(case.story.waiting_since is None), "requested_by_staff": int(bool(case.story.requests))}
    for rule in policy.rules:
        for question in _time_questions(rule.when):
            start = moment.read(question.anchor).at
            clock = moment.clock_for(question.limit)
            lasted = -1.0 if start is None else clock.elapsed(start, NOW).total_seconds()
            found[f"{question.name}_clock" if question.limit.clock else question.name] = lasted
    return found


def _time_questions(node: Node) -> Iterable[TimeQuestion]:
    parts = (node.part,) if isinstance(node, Not) else getattr(node, "parts", ())
    if isinstance(node, Leaf) and isinstance(node.question, TimeQuestion):
        yield node.question
    for part in parts:
        yield from _time_questions(part)


def _moment(policy: Policy, case: Case, now: datetime = NOW) -> Moment:
    clocks = Clocks(policy, case)
    return moment_of(policy, clocks.on(clocks.calendar), case, Facts(), now)


# --- ours -----------------------------------------------------------------------------------------------------------
def sieved(policy: Policy, case: Case) -> Answers:
    """As a look does it: what is plainly not so is left aside."""
    moment, sieve = _moment(policy, case), sieve_of(policy.rules)
    found = [False] * len(policy.rules)
    for candidate, unsure in sieve.sifted(moment).left:
        found[sieve.numbers[candidate.rule.name]] = candidate.glance(moment, unsure) is True
    return found


def glanced(policy: Policy, case: Case) -> Answers:
    """Rule by rule, without words."""
    moment = _moment(policy, case)
    return [rule.when.glance(moment, NOW) is True for rule in policy.rules]


def asked(policy: Policy, case: Case) -> Answers:
    """Rule by rule, with the words, numbers and causes of every question."""
    moment = _moment(policy, case)
    return [rule.when.ask(moment).value is True for rule in policy.rules]


# --- theirs ---------------------------------------------------------------------------------------------------------
def infix(node: Tree, both: str = "and", either: str = "or", no: str = "not ") -> str:
    """Write a tree as nearly all languages do."""
    sign, *rest = node
    if sign in ("and", "or"):
        joint = both if sign == "and" else either
        return f"({f' {joint} '.join(infix(one, both, either, no) for one in rest)})"
    if sign == "not":
        return f"({no}({infix(rest[0], both, either, no)}))"
    if sign == "holds":
        return f"({json.dumps(rest[1])} in {rest[0]})"
    return f"({rest[0]} {sign} {json.dumps(rest[1])})"


def _zen(trees: Sequence[Tree]) -> Callable[[Record], Answers]:
    zen = import_module("zen")
    ready = [zen.compile_expression(infix(one)) for one in trees]
    return lambda told: [one.evaluate(told) for one in ready]


def _cel(trees: Sequence[Tree]) -> Callable[[Record], Answers]:
    cel = import_module("cel")
    ready = [cel.compile(infix(one, "&&", "||", "!")) for one in trees]

    def answers(told: Record) -> Answers:
        context = cel.Context(told)
        return [one.execute(context) for one in ready]

    return answers


def _rule_engine(trees: Sequence[Tree]) -> Callable[[Record], Answers]:
    engine = import_module("rule_engine")
    ready = [engine.Rule(infix(one)) for one in trees]
    return lambda told: [one.matches(told) for one in ready]


def _simpleeval(trees: Sequence[Tree]) -> Callable[[Record], Answers]:
    evaluator = import_module("simpleeval").EvalWithCompoundTypes()
    ready = [(text, evaluator.parse(text)) for text in map(infix, trees)]

    def answers(told: Record) -> Answers:
        evaluator.names = told
        return [evaluator.eval(text, previously_parsed=parsed) for text, parsed in ready]

    return answers


def _json_logic(trees: Sequence[Tree]) -> Callable[[Record], Answers]:
    apply = import_module("json_logic").jsonLogic

    def logic(node: Tree) -> Any:
        sign, *rest = node
        if sign in ("and", "or"):
            return {sign: [logic(one) for one in rest]}
        if sign == "not":
            return {"!": [logic(rest[0])]}
        if sign == "holds":
            return {"in": [rest[1], {"var": rest[0]}]}
        return {sign: [{"var": rest[0]}, rest[1]]}

    ready = [logic(one) for one in trees]
    return lambda told: [bool(apply(one, told)) for one in ready]


OTHERS: dict[str, Callable[[Sequence[Tree]], Callable[[Record], Answers]]] = {
    "zen-engine": _zen, "common-expression-language": _cel, "rule-engine": _rule_engine, "simpleeval": _simpleeval,
    "panzi-json-logic": _json_logic,
}  # fmt: skip


# --- measuring ------------------------------------------------------------------------------------------------------
def rates(answers: Callable[[Any], Answers], things: Sequence[Any], seconds: float = 1.0) -> float:
    """Return how many policies a second, the median of several runs."""
    found = []
    for _ in range(RUNS):
        done, begin = 0, time.process_time()
        while time.process_time() - begin < seconds:
            answers(things[done % len(things)])
            done += 1
        found.append(done / (time.process_time() - begin))
    return statistics.median(found)


def main() -> int:
    """Measure, compare and print."""
    policy, began = thirty_rules(), time.process_time()
    sieve_of(policy.rules)
    ready = {"Stepladder": 1000 * (time.process_time() - began)}
    cases = [settled(policy, another(number)) for number in range(TICKETS)]
    records = [record(policy, case) for case in cases]
    right = [asked(policy, case) for case in cases]
    rows: list[tuple[str, float, bool]] = []
    for says, ours in (("a look's glance at all rules", sieved), ("rule by rule", glanced), ("in full", asked)):
        same = [ours(policy, case) for case in cases] == right
        rows.append((f"**Stepladder**, {says}", rates(partial(ours, policy), cases), same))
    trees, missing = [tree(rule.when) for rule in policy.rules], []
    for name, prepare in OTHERS.items():
        try:
            says = f"{name} {version(name)}"
        except PackageNotFoundError:
            missing.append(name)
            continue
        began = time.process_time()
        answers = prepare(trees)
        ready[says] = 1000 * (time.process_time() - began)
        same = [answers(told) for told in records] == right
        rows.append((says, rates(answers, records), same))
    print("| engine | 30 rules, times a second | a look's glance is faster by | made ready (ms) | same answers |")
    print("|---|---|---|---|---|")
    for says, rate, same in rows:
        made = f"{ready.get(says, ready['Stepladder']):.1f}"
        print(f"| {says} | {rate:,.0f} | {rows[0][1] / rate:.1f} | {made} | {'yes' if same else '**no**'} |")
    for name in missing:
        print(f"\n{name} is not installed, so it was not measured: python -m pip install {name}")
    return 0 if all(same for _, _, same in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
