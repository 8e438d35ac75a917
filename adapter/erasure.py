"""What is forgotten of a ticket when the vendor has taken a text away, or a person asks for it: pure, values to values.

Numbers, times and ids stay, so that doubles are still recognised and decisions still explain themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.contract import Call
from policies.case import CONVERSATION, Case, Decision, RuleTrace
from policies.commands import Command, Line, Note, Notice, Span, Speech
from policies.conditions import Answer
from policies.model import WHOLE_TICKET, Comment, Event, Role, Ticket
from policies.orders import command_line
from policies.story import Said, Story

ERASED = "text erased"
_MOST = 200
"""Of how many comments of a ticket it is remembered that they were erased; late deliveries come within hours."""
_KEPT = frozenset(
    {
        *("key", "url", "status", "priority", "kind", "level", "group", "assignee", "brand", "project", "form"),
        *("channel", "portal", "created_at", "due_at", "sla_breach_at", "blocked_by"),
    }
)
"""Fields that say how a ticket was handled and nothing of who asked, or for what."""
_TOLD_BY_NUMBERS = frozenset(
    {"priority", "status", "group", "kind", "form", "project", "level", "reopens", "hand_overs", "owners", "replies"}
)
_FROM_MESSAGES = frozenset({"matches", "frustration"})
_QUOTED = re.compile(r"“[^”]*”?")
_COMMAND = re.compile(
    r"/(?:escalate|ack|confirm|decline|snooze|hold|release)\b(?:\s+(?:to|level|for|clock|\d{1,4}\s?[smhd]?)(?!\w))*",
    re.IGNORECASE,
)


def erasures(known: Mapping[str, datetime], events: Iterable[Event]) -> Mapping[str, datetime]:
    """Return what is erased of a ticket (comment or WHOLE_TICKET → up to when) once these events are heard."""
    found = dict(known)
    for event in events:
        if event.erases is not None:
            found[event.erases] = max(event.at, found.get(event.erases, event.at))
    if len(found) <= _MOST:
        return found
    newest = sorted(found, key=lambda name: (name == WHOLE_TICKET, found[name]))[-_MOST:]
    return {name: found[name] for name in newest}


def heeded(case: Case, events: Sequence[Event], history: Callable[[], Sequence[Event]]) -> tuple[Case, Sequence[Event]]:
    """Return the case and the events without what these events erase; `history`: those stored before."""
    erased = erasures(case.erased, events)
    if erased != case.erased:
        whole = erased.get(WHOLE_TICKET)
        news = whole is not None and whole != case.erased.get(WHOLE_TICKET)
        case = forgotten_case(case, erased, said_at(erased, history()))
        if news:  # the causes so far are forgotten with the rest: none of them counts again
            case = replace(case, adopted_at=whole)
    return case, kept(erased, events)


def caught_up(case: Case, events: Sequence[Event], history: Callable[[], Sequence[Event]]) -> Case:
    """Return the case after a decision whose own fetch showed that texts were written over; their new ones stay."""
    erased = erasures(case.erased, events)
    if erased == case.erased:
        return case
    return replace(case, erased=erased, story=_unsaid(case.story, {}, said_at(erased, history())))


def kept(erased: Mapping[str, datetime], events: Sequence[Event]) -> Sequence[Event]:
    """Return events without the texts that must not be kept."""
    return [forgotten_event(event, erased) for event in events] if erased else events


def said_at(erased: Mapping[str, datetime], history: Iterable[Event]) -> frozenset[datetime]:
    """Return when erased comments were said: a story knows its quotes by their times."""
    return frozenset(event.at for event in history if event.comment is not None and _is_erased(event, erased))


# --- what happened ------------------------------------------------------------------------------------------
def forgotten_event(event: Event, erased: Mapping[str, datetime]) -> Event:
    """Return an event without what is erased of it."""
    whole = erased.get(WHOLE_TICKET)
    if whole is not None and event.at <= whole:
        return replace(
            event,
            actor=replace(event.actor, name=None) if event.actor is not None else None,
            changes=tuple(change for change in event.changes if change.field in _KEPT),
            comment=_silent(event.comment) if event.comment is not None else None,
            ticket=_bare(event.ticket) if event.ticket is not None else None,
            reason=None,
        )
    ours = event.actor is not None and event.actor.role is Role.OURS  # a note of ours quotes others
    if event.comment is None or not (ours or _is_erased(event, erased)):
        return event
    return replace(event, comment=_silent(event.comment))


def _is_erased(event: Event, erased: Mapping[str, datetime]) -> bool:
    """Say whether an event carries a text that was taken away after it; a comment written anew keeps its new text."""
    upto = erased.get(event.comment.id) if event.comment is not None else None
    return upto is not None and (event.at < upto or (event.at == upto and event.erases is None))


def _silent(comment: Comment) -> Comment:
    """Leave of a comment only what an agent told Stepladder to do, which is no text of anybody's."""
    order = _COMMAND.match(command_line(comment))
    return replace(comment, text=order[0] if order is not None else "")


def _bare(ticket: Ticket) -> Ticket:
    told = {name: getattr(ticket, name) for name in ticket.known & _KEPT}
    return Ticket(ref=ticket.ref, as_of=ticket.as_of, known=ticket.known & (_KEPT | {CONVERSATION}), **told)


# --- what is remembered -------------------------------------------------------------------------------------
def forgotten_case(case: Case, erased: Mapping[str, datetime], times: Collection[datetime]) -> Case:
    """Return a case without what is erased; `times`: when erased comments were said."""
    held = tuple(replace(hold, reason=unquoted(hold.reason)) for hold in case.held)
    whole = erased.get(WHOLE_TICKET)
    if whole is None or case.erased.get(WHOLE_TICKET) == whole:
        return replace(case, erased=erased, story=_unsaid(case.story, erased, times), held=held)
    return replace(
        case,
        erased=erased,
        ticket=_bare(case.ticket),
        story=_numbers_of(case.story),
        fired={},
        held=(),
        pending=tuple(replace(one, causes=()) for one in case.pending),
    )


def _unsaid(story: Story, erased: Mapping[str, datetime], times: Collection[datetime]) -> Story:
    def said(one: Said | None) -> Said | None:
        return replace(one, text="") if one is not None and one.at in times else one

    return replace(
        story,
        last_customer=said(story.last_customer),
        last_reply=said(story.last_reply),
        tried=tuple(one for one in story.tried if one.at not in times),
        words=tuple(replace(one, text="") if one.id in erased else one for one in story.words),
    )


def _numbers_of(story: Story) -> Story:
    """Return a story without a word that anybody wrote, and without names."""
    ends = (story.last_customer, story.last_reply)
    customer, reply = (replace(one, text="", by=None) if one is not None else None for one in ends)
    return replace(
        story,
        whole=False,
        conversation=False,
        last_customer=customer,
        last_reply=reply,
        tried=(),
        words=(),
        taken_by=None,
        requests=tuple(replace(one, by=None) for one in story.requests),
        orders=tuple(replace(one, by=None) for one in story.orders),
        times={},  # they name values
        since={name: at for name, at in story.since.items() if name in _KEPT},
        ours=story.ours & _KEPT,
        implied=story.implied & _KEPT,
    )


# --- what was decided ---------------------------------------------------------------------------------------
def forgotten_decision(decision: Decision, erased: Mapping[str, datetime], times: Collection[datetime]) -> Decision:
    """Return a decision that still says which rule, which numbers and when, and no erased word."""
    whole = WHOLE_TICKET in erased
    hidden = {a.found for rule in decision.trace for a in rule.answers if a.found and _tells(a, whole=whole)}

    def plain(text: str) -> str:
        for words in sorted(hidden, key=len, reverse=True):
            text = text.replace(words, ERASED)
        return unquoted(text)

    return replace(
        decision,
        case=forgotten_case(decision.case, erased, times),
        command=_without_words(decision.command, whole=whole),
        observed=_without_words(decision.observed, whole=whole),
        trace=tuple(_traced(rule, whole=whole) for rule in decision.trace),
        notices=tuple(forgotten_notice(notice, whole=whole) for notice in decision.notices),
        why=plain(decision.why),
        warnings=tuple(plain(text) for text in decision.warnings),
    )


def _traced(rule: RuleTrace, *, whole: bool) -> RuleTrace:
    return replace(rule, outcome=unquoted(rule.outcome), answers=tuple(_answer(a, whole=whole) for a in rule.answers))


def _answer(answer: Answer, *, whole: bool) -> Answer:
    if not _tells(answer, whole=whole):
        return answer
    causes = tuple(replace(cause, id=ERASED) for cause in answer.causes) if whole else answer.causes
    return replace(answer, found=ERASED if answer.found else "", causes=causes)


def _tells(answer: Answer, *, whole: bool) -> bool:
    """Say whether what a question found may be somebody's words; a time that was counted never is."""
    if answer.start is not None:
        return False
    return answer.name not in _TOLD_BY_NUMBERS if whole else answer.name in _FROM_MESSAGES


def _without_words(command: Command | None, *, whole: bool) -> Command | None:
    if command is None or command.note is None:
        return command
    return replace(command, note=forgotten_note(command.note, whole=whole))


# --- what was written, or is to be --------------------------------------------------------------------------
def forgotten_call(call: Call, *, whole: bool) -> Call:
    """Return a call whose note quotes nobody any more."""
    if call.note is None:
        return call
    told = () if whole else tuple(map(unquoted, call.told))
    return replace(call, note=forgotten_note(call.note, whole=whole), told=told)


def forgotten_notice(notice: Notice, *, whole: bool) -> Notice:
    """Return a message that quotes nobody any more."""
    return replace(notice, subject=unquoted(notice.subject), note=forgotten_note(notice.note, whole=whole))


def forgotten_note(note: Note, *, whole: bool) -> Note:
    """Return a note without quotes; of a whole ticket only what was asked and the operation are left."""
    if whole:
        first, last = note.lines[:1], note.lines[-1:]
        return Note(lines=(*first, Line(spans=(Span(text=ERASED),)), *last))
    return Note(lines=tuple(replace(line, spans=tuple(map(_unquoted_span, line.spans))) for line in note.lines))


def _unquoted_span(span: Span) -> Span:
    return replace(span, text=ERASED if span.speech is Speech.QUOTE else unquoted(span.text))


def unquoted(text: str, instead: str = ERASED) -> str:
    """Return a sentence of ours without what it quotes."""
    return _QUOTED.sub(f"“{instead}”", text)
