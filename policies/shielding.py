"""What a note may say where somebody outside can read internal notes (decision 19): little, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from policies.case import Decision, Facts, Needs
from policies.commands import Command, Line, Mode, Note, Span, Speech
from policies.model import Event
from policies.policy import ExposedNotes, Policy

EXPOSED = "exposed"
"""The ticket's field that says who outside reads internal notes."""


def shielded(decision: Decision | Needs, policy: Policy, events: Sequence[Event], facts: Facts) -> Decision | Needs:
    """Return the decision with a note that the ticket's readers may see.

    Who they are is asked for, unless an event of this very look told it: a ticket is shared, and a requester becomes an
    agent, without any event that says so.
    """
    if isinstance(decision, Needs) or decision.command is None:
        return decision
    ticket = decision.case.ticket
    if EXPOSED not in facts.fetched and not any(e.ticket is not None and e.ticket.knows(EXPOSED) for e in events):
        return Needs(fields=frozenset({EXPOSED}))
    if ticket.exposed is None:
        return decision
    note = _note(decision.command, policy, ticket.exposed)
    said = f"the note is {'left out' if note is None else 'kept short'}: {ticket.exposed} can read internal notes"
    return replace(decision, command=replace(decision.command, note=note), warnings=(*decision.warnings, said))


def whoever_reads(facts: Facts) -> Facts:
    """Return the facts for those who want to know what would come, and write no note."""
    return replace(facts, fetched=facts.fetched | {EXPOSED})


def _note(command: Command, policy: Policy, readers: str) -> Note | None:
    """Return a note without reasons, names and quotes; none if the policy wants none and fields change all the same."""
    if policy.guards.exposed_notes is ExposedNotes.NONE and command.mode is Mode.ACT:
        return None
    sign = "▲" if command.level > command.level_before else "▼"
    head = Span(text=f"{sign} Level {command.level}.", speech=Speech.STRONG)
    why = Span(text=f" This note is short, because {readers} can read it.")
    last = command.note.lines[-1:] if command.note is not None else ()
    return Note(lines=(Line(spans=(head, why)), *last))
