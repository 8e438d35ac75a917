"""A move down, once it is decided: what is given back, the note, and who is told that it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from policies.case import Case, Decision
from policies.commands import Command, Line, Mode, Note, Occasion, Recipient, Span, Speech, Take
from policies.descent import Descent, given_back, priority_before, unchanged, was_at
from policies.handoff import MARK, in_words
from policies.levels import Level
from policies.model import Priority
from policies.moving import Scene, moved_case, operation_id, promised_by
from policies.notices import Message, notice
from policies.placing import Placement
from policies.policy import ComeDown
from policies.values import spoken


class Down(NamedTuple):
    """A way down that is taken: by which name, to which level, why, and what the note says of it."""

    name: str
    go_to: int
    why: str
    says: str = "the escalation is over"


def reason_gone(scene: Scene, found: Descent, way: ComeDown) -> Down:
    """Return the way down that a policy's reason leads, with what was found for it."""
    answers = found.finding.answers if found.finding is not None else ()
    so = "; ".join(in_words(answer) for answer in answers)
    lasted = spoken(scene.now - (found.since or scene.now))
    return Down(name=way.name, go_to=way.go_to, why=f"{way.name}: {so}, for {lasted} (limit {way.lasting})")


def descended(scene: Scene, way: Down, place: Placement) -> Decision:
    """Return the decision that brings the ticket down again.

    It goes back to where it was at the lower level, if it was there and nobody has moved it since; to a level where it
    never was, it goes by that level's own target (`place`).
    """
    level, why = scene.policy.level(way.go_to), way.why
    command = _command(scene, level, way, place)
    observed = command.mode is Mode.OBSERVE
    over = Message(
        policy=scene.policy, case=scene.case, level=level, occasion=Occasion.CAME_DOWN, rule=way.name,
        to=tuple(_told_before(scene, way)), asks="it came down again, nothing more is asked", why=f"{why}.",
        now=scene.now, marks=(command.operation,),
    )  # fmt: skip
    told = notice(over) if command.mode is Mode.ACT else None
    return Decision(
        case=_case(scene, command, way),
        events=scene.fresh,
        command=None if observed else command,
        observed=command if observed else None,
        fired=(way.name,),
        why=why,
        given_up=scene.given_up,
        notices=(told,) if told is not None else (),
    )


def _case(scene: Scene, command: Command, way: Down) -> Case:
    """Return the case below. From a jump over it, what was before is kept for the rest of the way down."""
    before = given_back(scene.case, way.go_to)
    kept = tuple(one for one in scene.case.before if one.level <= way.go_to)
    jumped = (before,) if before.level_before < way.go_to else ()
    case = moved_case(scene, scene.case, command, way.name, None)
    promised = promised_by(scene, scene.policy.level(way.go_to))
    return replace(case, returned=True, before=(*kept, *jumped), promised=promised)


def _told_before(scene: Scene, way: Down) -> Iterator[Recipient]:
    """Yield whom the levels tell to which we brought the ticket, and which it leaves."""
    for before in scene.case.before:
        if before.level > way.go_to:
            yield from scene.policy.level(before.level).tell


def _command(scene: Scene, level: Level, way: Down, place: Placement) -> Command:
    case = scene.case
    before, been_there = given_back(case, way.go_to), was_at(case, way.go_to)
    restore = unchanged(case, before) if been_there else {}
    moves = not been_there and level.take is Take.OWNERSHIP
    priority = priority_before(case, before) if been_there else None
    mode = Mode.least(scene.facts.mode, level.mode, scene.policy.level(case.level).mode, before.mode)
    operation = operation_id(case, way.go_to, way.name, str(case.level_since))
    return Command(
        operation=operation,
        level=level.number,
        level_before=case.level,
        level_name=level.name,
        take=Take.OWNERSHIP if restore or moves else Take.OVERSIGHT,
        target=place.target if moves else {},
        priority=priority,
        note=_note(scene, level, mode, way, _changed(scene, level, bool(restore), priority), operation),
        mode=mode,
        fallbacks=place.fallbacks if moves else (),
        restore=restore,
    )


def _changed(scene: Scene, level: Level, restored: bool, priority: Priority | None) -> str:
    ticket = scene.case.ticket
    changed = [f"level {scene.case.level} → {level.number}"]
    changed += ["back to where it was before"] if restored else []
    if priority is not None:
        changed.append(f"priority {ticket.priority.word if ticket.priority else 'none'} → {priority.word}")
    return "; ".join(changed)


def _note(scene: Scene, level: Level, mode: Mode, way: Down, changed: str, operation: str) -> Note:
    headline = Span(text=f"▼ Level {level.number} · {level.name}: {way.says}.", speech=Speech.STRONG)
    mark = f"{MARK} · policy {scene.policy.revision} · op {operation}"
    return Note(
        lines=(
            Line(spans=(headline,)),
            Line(label="Why", spans=(Span(text=f"{way.why}."),)),
            Line(label="Changed" if mode is Mode.ACT else "Suggested", spans=(Span(text=changed),)),
            Line(spans=(Span(text=mark),)),
        )
    )
