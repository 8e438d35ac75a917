"""What happens to a ticket next if nothing else happens: messages to people, then a move up or down, or a question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from policies.case import Case, Decision, Facts, Needs
from policies.commands import Command, Notice
from policies.decide import decide
from policies.moments import Clocks, moment_of
from policies.policy import Policy
from policies.stopping import calm_ends, endings
from policies.verdicts import verdicts_of

_MOST_LOOKS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A move, up or down, or a question to the vendor for `needs`. `written`: the modes allow it to be made."""

    at: datetime
    rule: str = ""
    level: int = 0
    down: bool = False
    why: str = ""
    written: bool = True
    needs: frozenset[str] = frozenset()
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that goes to people."""

    at: datetime
    notice: Notice


def coming(policy: Policy, decision: Decision, facts: Facts, now: datetime) -> tuple[tuple[Letter, ...], Coming | None]:
    """Let time pass from look to look until the ticket moves; return the messages until then, and the move."""
    case, at, letters = decision.case, decision.next_look, list[Letter]()
    for _ in range(_MOST_LOOKS):
        if at is None:
            break
        known = _later(facts, at)
        then = decide(policy, case, (), known, at)
        found = move(policy, case, then, known, at)
        if found is not None or isinstance(then, Needs):
            return tuple(letters), found
        letters += [Letter(at=at, notice=notice) for notice in then.notices]
        if then.next_look is not None and then.next_look <= at:
            break
        case, at = then.case, then.next_look
    return tuple(letters), None


def _later(facts: Facts, at: datetime) -> Facts:
    """Return what is known of now, without what will be free by then."""
    used = {level: one for level, one in facts.used.items() if one.free_at > at}
    again = facts.adoptive_again
    left = max(facts.adoptive_left, 1) if again is not None and again <= at else facts.adoptive_left
    return replace(facts, used=used, adoptive_left=left)


def move(policy: Policy, case: Case, decision: Decision | Needs, facts: Facts, at: datetime) -> Coming | None:
    """Return what a decision does to the ticket; None if it stays."""
    if isinstance(decision, Needs):
        return Coming(at=at, needs=decision.fields)
    command = decision.command or decision.observed
    if command is None:
        return None
    name = decision.fired[0]
    return Coming(
        at=at, rule=name, level=command.level, down=command.level < case.level, why=decision.why,
        written=decision.command is not None, stops=tuple(_stops(policy, case, command, name, facts, at)),
    )  # fmt: skip


def _stops(policy: Policy, case: Case, command: Command, name: str, facts: Facts, at: datetime) -> list[str]:
    clocks = Clocks(policy, case)
    if command.level < case.level:
        way = next(way for way in policy.come_down if way.name == name)
        moment = moment_of(policy, lambda length: clocks.for_level(case.level, length), case, facts, at)
        return calm_ends(way, moment, clocks.at_level(case.level))
    verdict = next(v for v in verdicts_of(policy, case, facts, at) if v.rule.name == name)
    return endings(verdict, verdict.rule.calendar or clocks.calendar)
