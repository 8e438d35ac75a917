"""What an administrator takes back: our moves of a ticket down to a level, as if a person had put it there.

What had led it up has counted and does not lead it up again; a new cause does. What a person has done since stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from policies.case import Case, Decision, Facts
from policies.commands import Mode, Take
from policies.consent import kept_by_order
from policies.descent import given_back, was_at
from policies.ladder import dealt_with, has_ended
from policies.lowering import Down, descended
from policies.model import Actor, Change, Event, Kind, Role
from policies.moving import Scene
from policies.placing import Placement
from policies.policy import Policy
from policies.shifts import field_of, words_of

_FIELD = "undo"
"""The name under which an order's event says the level; no ticket has such a field."""


def order_event(key: str, at: datetime, level: int, said_by: str, why: str) -> Event:
    """Return an administrator's order as an event of the ticket; the same order is the same event."""
    return Event(
        id=f"{_FIELD}:{key}",
        kind=Kind.ORDERED,
        at=at,
        received_at=at,
        actor=Actor(id="administrator", role=Role.APP, name=said_by),
        changes=(Change(field=_FIELD, after=str(level)),),
        reason=why,
    )


def ordered(fresh: Sequence[Event]) -> Event | None:
    """Return the latest order among the events that have just come."""
    orders = [event for event in fresh if event.kind is Kind.ORDERED]
    return orders[-1] if orders else None


def taken_back(scene: Scene, order: Event) -> Decision | None:
    """Return the decision that takes our moves back; None if that is not possible any more."""
    level = int(order.changes[0].after or 1)
    if refusal(scene.policy, scene.case, scene.facts, level, scene.now) is not None:
        return None
    case = dealt_with(scene.policy, scene.case, scene.facts, scene.now)
    why = f"taken back by {order.actor.name if order.actor else 'an administrator'}: {order.reason}"
    down = Down(name=_FIELD, go_to=level, why=why, says="the escalation was taken back")
    return descended(scene._replace(case=replace(case, held=(), wanted={}, asked=())), down, Placement())


def refusal(policy: Policy, case: Case, facts: Facts, level: int, now: datetime) -> str | None:
    """Say why our moves of a ticket cannot be taken back to a level, if so."""
    if case.outside:
        return "the policy does not apply to it any more"
    if has_ended(case):
        return f"it is {case.story.ended or case.ticket.status}"
    if case.level <= level:
        return f"it is back at level {case.level} already"
    if not case.before or case.before[-1].level != case.level or not was_at(case, level):
        return f"a person brought it to level {case.level}, not Stepladder"
    if case.pending:
        return "its last move is still being written"
    if facts.mode is Mode.OBSERVE:
        return "its site is only observed, so nothing is written"
    kept = kept_by_order(policy, case, now)
    if kept is not None and kept[0].verb == "hold":
        return f"{kept[0].by or kept[0].by_id} holds it where it is"
    return None


def stays(policy: Policy, case: Case, level: int) -> Iterator[str]:
    """Yield what does not become as it was, and why; asked of the case before it is taken back."""
    before, ours = given_back(case, level), case.story.ours
    if before.mode is Mode.NOTE:
        yield "only a note was written, so only a note is written now"
    other = [name for name, word in before.values.items() if _is_now(case, name) != word]
    if (moved := [name for name in other if name != "priority"]) and not all(name in ours for name in moved):
        yield f"{' and '.join(moved)}: somebody has changed that since, so it stays where it is"
    if "priority" in other and "priority" not in ours:
        yield f"priority: somebody has changed it since, so it stays {_is_now(case, 'priority') or 'empty'}"
    elif "priority" in other and before.values["priority"] is None:
        yield f"priority: it had none, which cannot be given back, so it stays {_is_now(case, 'priority')}"
    if any(policy.level(one.level).take is Take.OVERSIGHT for one in case.before if one.level > level):
        yield "those who follow or watch it go on doing so"


def _is_now(case: Case, name: str) -> str | None:
    return words_of(case.ticket, field_of(name)).get(name)


def restored(decision: Decision) -> tuple[str, ...]:
    """Say what a decision that takes moves back gives back, field by field."""
    command = decision.command
    if command is None:
        return ()
    case = decision.case
    said = [f"level {command.level_before} → {command.level}"]
    if command.mode is not Mode.ACT:
        return tuple(said)
    for name, word in command.restore.items():
        said.append(f"{name} {_is_now(case, name) or 'nobody'} → {word or 'nobody'}")
    if command.priority is not None:
        said.append(f"priority {_is_now(case, 'priority') or 'none'} → {command.priority.word}")
    return tuple(said)
