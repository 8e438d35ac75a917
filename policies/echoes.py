"""Whose change is it? Our own account's is an echo only if it is exactly what we wrote (decision 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from policies.case import ECHO_WINDOW, Case, Wrote
from policies.model import Change, Event, Role, Ticket
from policies.shifts import Shift, shift_name

_LATE = timedelta(days=1)  # how late a delivery may still bring an echo; the window itself is the vendor's time
NOTE = "note"
"""The field name under which a written note is remembered; its value is the operation that the note names."""


def judged(event: Event, wrote: Iterable[Wrote]) -> Event:
    """Return the event with its true author: anything by our account that we did not write is a person's."""
    if event.actor is None or event.actor.role is not Role.OURS or is_echo(event, wrote):
        return event
    return replace(event, actor=replace(event.actor, role=Role.AGENT))


def by_its_requester(event: Event, known: Ticket) -> Event:
    """Return the event as the requester's, if its author is the one who asked for help (decision 5)."""
    told = event.ticket if event.ticket is not None and event.ticket.knows("requester") else known
    actor = event.actor
    if actor is None or actor.role is not Role.AGENT or told.requester is None or told.requester.id != actor.id:
        return event
    return replace(event, actor=replace(actor, role=Role.REQUESTER))


def is_echo(event: Event, wrote: Iterable[Wrote]) -> bool:
    """Say whether every change of this event, and its comment, is one we wrote lately."""
    recent = [w for w in wrote if abs(event.at - w.at) <= ECHO_WINDOW]
    if event.comment is not None:
        operations = {w.operation for w in recent if w.field == NOTE}
        if not any(f"op {operation}" in event.comment.text for operation in operations):
            return False
    return all(_wrote_change(change, recent) for change in event.changes)


def _wrote_change(change: Change, wrote: list[Wrote]) -> bool:
    return any(
        w.field in (change.field, shift_name(change))
        and _same(w.value, change.field, change.before, change.after, change.after_name)
        for w in wrote
    )


def _same(wrote: str | None, field: str, before: str | None, after: str | None, name: str | None) -> bool:
    """Say whether a written value, an id or a name, is what a field became."""
    if after is None:
        return wrote == f"-{before}" if field == "tag" else wrote is None
    return wrote is not None and (wrote == after or (name is not None and wrote.casefold() == name.casefold()))


def ours_all_the_same(shift: Shift, wrote: Iterable[Wrote]) -> bool:
    """Say whether a change whose author is not known is one that we asked for."""
    if shift.role is not Role.UNKNOWN:
        return False
    field = "tag" if shift.field.startswith("tag:") else shift.field
    return any(
        w.field == field
        and abs(shift.at - w.at) <= ECHO_WINDOW
        and _same(w.value, field, shift.before, shift.after, shift.after_name)
        for w in wrote
    )


def recognised(case: Case, shifts: Iterable[Shift]) -> Case:
    """Count what a picture shows of our own unseen writes as ours, so that it is no cause."""
    ours = {s.field for s in shifts if s.field in case.story.implied and ours_all_the_same(s, case.wrote)}
    return replace(case, story=replace(case.story, ours=case.story.ours | ours)) if ours else case


def promised(case: Case, operation: str, expect: Mapping[str, str | None], note: bool, now: datetime) -> Case:
    """Remember what a plan will write, before it is sent, so that its echo is known whatever happens to the answer."""
    new = [Wrote(field=field, value=value, at=now, operation=operation) for field, value in expect.items()]
    if note:
        new.append(Wrote(field=NOTE, value=operation, at=now, operation=operation))
    kept = tuple(w for w in case.wrote if now - w.at <= _LATE)
    return replace(case, wrote=(*kept, *new))
