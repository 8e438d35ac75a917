"""A move up, once it is decided: the command, the note, what is remembered, and who is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from policies.case import Case, Decision, End, Facts, Pending
from policies.commands import Command, Mode, Notice, Occasion, Take
from policies.conditions import Moment
from policies.descent import remembered
from policies.handoff import Handoff, write_note
from policies.holds import adoptive, level_budget, never_held
from policies.ladder import at_level, ground
from policies.levels import Level
from policies.model import Event
from policies.moments import Clocks, moment_of
from policies.notices import Message, notice
from policies.placing import Placement
from policies.policy import LevelBudget, Policy
from policies.verdicts import Verdict, after_firing

MOST_REMEMBERED = 50
"""How many moves of one ticket are remembered for the guards."""


class Scene(NamedTuple):
    """What every part of one look starts from."""

    policy: Policy
    case: Case
    fresh: tuple[Event, ...]
    facts: Facts
    now: datetime
    clocks: Clocks
    given_up: Mapping[str, End]

    def moment(self, case: Case) -> Moment:
        """Return what questions may look at that belong to no rule."""
        return moment_of(
            self.policy, lambda length: self.clocks.for_level(case.level, length), case, self.facts, self.now
        )


def climbed(scene: Scene, verdicts: Sequence[Verdict], winner: Verdict, place: Placement) -> Decision:
    """Return the decision that moves the ticket up. `verdicts` are those whose causes the move deals with."""
    policy, case, now = scene.policy, scene.case, scene.now
    level, rule = policy.level(winner.to), winner.rule
    before, _ = ground(case)
    mode = Mode.least(scene.facts.mode, level.mode, rule.mode)
    operation = operation_id(case, winner.to, rule.name, "|".join(cause.id for cause in winner.causes))
    handoff = Handoff(
        policy=policy, case=replace(case, level=before), rule=rule, finding=winner.finding, level=level,
        operation=operation, now=now, mode=mode, target=place.target, promised=promised_by(scene, level),
    )  # fmt: skip
    command = Command(
        operation=operation,
        level=level.number,
        level_before=before,
        level_name=level.name,
        take=level.take,
        target=place.target,
        priority=level.priority.applied(case.ticket.priority) if level.priority else None,
        note=write_note(handoff),
        mode=mode,
        fallbacks=place.fallbacks,
        turn=scene.facts.turns.get(level.number, 0),
    )
    moved = after_firing(case, verdicts, now)
    if mode is scene.facts.mode:  # what is only on trial moves nothing
        there = moved_case(scene, moved, command, rule.name, winner)
        moved = replace(there, before=remembered(case, level, before, place.target, mode), promised=handoff.promised)
    budget, warnings = _budget(scene, winner)
    return Decision(
        case=moved,
        events=scene.fresh,
        command=None if mode is Mode.OBSERVE else command,
        observed=command if mode is Mode.OBSERVE else None,
        fired=(rule.name, *(v.rule.name for v in verdicts if v.new and v.rule is not rule)),
        why=handoff.reason,
        given_up={**scene.given_up, **{p.operation: End.SUPERSEDED for p in case.pending if p not in moved.pending}},
        adoptive=adoptive(case) and mode is not Mode.OBSERVE,
        notices=tuple(_notices(scene, winner, place, handoff, moved, warnings)) if mode is Mode.ACT else (),
        warnings=warnings,
        reserves=budget if mode is Mode.ACT else None,
    )


def moved_case(scene: Scene, case: Case, command: Command, rule: str, winner: Verdict | None) -> Case:
    """Return the case at its new level, waiting for its writes."""
    before, since = ground(scene.case)
    pending = Pending(
        operation=command.operation,
        rule=rule,
        level=command.level,
        level_before=before,
        since_before=since,
        at=scene.now,
        causes=winner.causes if winner is not None else (),
    )
    assignee = scene.case.ticket.assignee
    return replace(
        at_level(case, command.level, scene.now),
        pinned=scene.policy.revision if command.level > 1 else None,
        pending=() if command.mode is Mode.OBSERVE else (pending,),
        left_by=assignee.id if assignee else None,
        moves=case.moves + 1,
        moved_at=(*case.moved_at, scene.now)[-MOST_REMEMBERED:],
        waiting_since=None,
    )


def promised_by(scene: Scene, level: Level) -> datetime | None:
    """Return by when a ticket that comes to a level now is expected to be resolved, if the level says so."""
    length = level.expected_resolution
    if length is None:
        return None
    return scene.clocks.for_level(level.number, length).deadline(scene.now, length.length, scene.now)


def _budget(scene: Scene, winner: Verdict) -> tuple[LevelBudget | None, tuple[str, ...]]:
    """Return the budget a move must be checked against when it is stored, and what is to be warned of."""
    budget = level_budget(scene.policy, winner.to)
    if budget is None:
        return None, ()
    if budget.hold:
        return (None if never_held(scene.policy.guards, winner.moment) else budget), ()
    used = scene.facts.used.get(winner.to)
    if used is None or used.count < budget.at_most:
        return None, ()
    return None, (f"level {winner.to} gets ticket {used.count + 1} in {budget.per.text} (budget {budget.at_most})",)


def _notices(
    scene: Scene, winner: Verdict, place: Placement, handoff: Handoff, moved: Case, warnings: Sequence[str]
) -> Iterator[Notice]:
    level, used = handoff.level, scene.facts.used.get(handoff.level.number)
    doing = "please watch over this" if level.take is Take.OVERSIGHT else "please take it"
    occasions = [(Occasion.ESCALATED, (*place.tell, *winner.rule.tell), doing, f"{handoff.reason}.")]
    budget = level_budget(scene.policy, level.number)
    crossing = budget is not None and used is not None and used.count == budget.at_most  # said once, not each time
    if warnings and crossing:
        occasions.append((Occasion.BUDGET, place.tell, "more tickets come than planned", f"{warnings[0]}."))
    for occasion, to, asks, why in occasions:
        message = Message(
            policy=scene.policy, case=moved, level=level, occasion=occasion, rule=winner.rule.name, to=to, asks=asks,
            why=why, now=scene.now, marks=(handoff.operation,),
        )  # fmt: skip
        if (written := notice(message)) is not None:
            yield written


def operation_id(case: Case, to: int, name: str, causes: str) -> str:
    """Return what makes the same decision recognisable, however often it is made."""
    text = f"{case.ref}|{case.adopted_at}|{case.moves}|{to}|{name}|{causes}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
