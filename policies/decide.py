"""decide(policy, case, events, facts, now): the one place where a ticket's level is decided, and when to look again.

Pure: the worker, the simulator, the back-test and `why?` all call exactly this. It never asks the vendor; what it must
know and does not, it names in `Needs`, and is called again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from policies.case import CONVERSATION, HISTORY, Case, Decision, End, Facts, Hold, Needs, Pending, RuleTrace
from policies.commands import Command, Mode
from policies.conditions import Finding
from policies.echoes import by_its_requester, judged, recognised
from policies.handoff import Handoff, explained, write_note
from policies.ladder import adopted, followed, ground, has_ended, in_scope
from policies.model import Event, Kind, Role, Ticket
from policies.moments import Clocks
from policies.policy import Policy
from policies.shifts import Shift, field_of, words_of
from policies.story import Story
from policies.telling import Telling, tell
from policies.values import spoken
from policies.verdicts import Verdict, after_firing, asks_for_messages, next_look, traced, verdicts_of

SIBLINGS_WAIT = timedelta(milliseconds=300)
"""How long a move waits, once, for other facts of the save that caused it (decision 3)."""

SIBLINGS = "for other facts of the same save may still come"


def decide(
    policy: Policy,
    case: Case,
    events: Sequence[Event],
    facts: Facts,
    now: datetime,
    history: Sequence[Event] | None = None,
) -> Decision | Needs:
    """Fold the events into the case and decide once. `history`, if given, is every event stored before."""
    judged_ones = {event.id: by_its_requester(judged(event, case.wrote), case.ticket) for event in events}
    known = {event.id for event in history or ()}
    unheard = (event for event in judged_ones.values() if event.id not in known)
    fresh = tuple(sorted(unheard, key=lambda event: event.sort_key))
    kinds = {event.kind for event in fresh}
    if Kind.TOUCHED in kinds and Kind.FETCHED not in kinds:
        return _touched(policy, case, now)
    heard = folded(case, fresh, history)
    if heard is None:
        return Needs(fields=frozenset({HISTORY}))
    case, shifts = heard
    inside = in_scope(policy, case.ticket)
    if isinstance(inside, str):
        if inside not in facts.fetched:
            return Needs(fields=frozenset({inside}))
        inside = False
    if not inside:
        return _outside(case, now)
    case = recognised(case, shifts)
    case = adopted(policy, replace(case, outside=False), fresh, facts, now)
    case, given_up = followed(policy, case, shifts, facts, now)
    return _decided(policy, case, fresh, facts, now, given_up)


def _touched(policy: Policy, case: Case, now: datetime) -> Decision | Needs:
    """Ask for a ticket of which only the id was told; for its messages only if the policy is known to apply to it."""
    inside = in_scope(policy, case.ticket)
    if inside is False and not case.ticket.known:  # nothing at this site is named
        return _outside(case, now)
    messages = {CONVERSATION} if inside is True and asks_for_messages(policy) else set()
    return Needs(fields=frozenset({"ticket", *messages}))


def _outside(case: Case, now: datetime) -> Decision:
    """Keep nothing but the id of a ticket that the policy does not name."""
    given_up = {pending.operation: End.WITHDRAWN for pending in case.pending}
    bare = replace(Case.fresh(case.ref, now), outside=True)
    return Decision(case=bare, why="the policy does not apply to this ticket", given_up=given_up)


def folded(case: Case, fresh: Sequence[Event], history: Sequence[Event] | None) -> tuple[Case, list[Shift]] | None:
    """Return the case after these events, in order, and what they changed.

    None if one comes late and the whole history is needed: then everything is told again from the beginning, and of
    the late events only those count as changes that alter how the ticket stands now.
    """
    if not fresh:
        return case, []
    newest = max(fresh[-1].sort_key, case.told or fresh[-1].sort_key)
    if case.told is None or fresh[0].sort_key > case.told:
        ticket, story, shifts = tell(case.ticket, case.story, fresh)
        return replace(case, ticket=ticket, story=story, told=newest), list(shifts)
    if history is None:
        return None
    whole = {event.id: event for event in (*fresh, *history)}
    telling, late, new = Telling(Ticket(ref=case.ref), Story()), list[Shift](), {event.id for event in fresh}
    for event in sorted(whole.values(), key=lambda event: event.sort_key):
        before = len(telling.shifts)
        telling.hear(event)
        if event.id in new:
            late += telling.shifts[before:]
    ticket, story, _ = telling.done()
    shifts = tuple(s for s in late if s.at > case.told[0] or _word(ticket, s) != _word(case.ticket, s))
    return replace(case, ticket=ticket, story=story, told=newest), list(shifts)


def _word(ticket: Ticket, shift: Shift) -> str | None:
    return words_of(ticket, field_of(shift.field)).get(shift.field)


def _decided(
    policy: Policy, case: Case, fresh: tuple[Event, ...], facts: Facts, now: datetime, given_up: dict[str, End]
) -> Decision | Needs:
    if has_ended(case):
        why = f"the ticket is {case.story.ended or case.ticket.status}"
        case = replace(case, held=(), waiting_since=None)
        return Decision(case=case, events=fresh, why=why, given_up=given_up)
    verdicts = verdicts_of(policy, case, facts, now)
    best = max((v.to for v in verdicts if v.new and v.paused is None), default=case.level)
    needs = {n for v in verdicts if v.finding.value is None and v.to > max(best, case.level) for n in v.finding.needs}
    if needs - facts.fetched:
        return Needs(fields=frozenset(needs))
    active = [v for v in verdicts if v.paused is None]
    winner = next((v for v in active if v.new and v.to == best and best > case.level), None)
    trace = tuple(traced(v, winner) for v in verdicts)
    paused = tuple(
        Hold(rule=v.rule.name, level=v.to, reason=f"paused: {v.paused}")
        for v in verdicts
        if v.paused is not None and v.new and v.to > max(best, case.level)
    )
    if winner is None:
        case = replace(after_firing(case, active, now), held=paused, waiting_since=None)
        why = _why_not(verdicts, case.level) if not paused else f"{paused[0].rule}: held, {paused[0].reason}"
        look = next_look(case, verdicts, now)
        return Decision(case=case, events=fresh, next_look=look, why=why, trace=trace, given_up=given_up)
    hold = _hold(case, winner, fresh, facts, now)
    if hold is not None:
        first = hold.until - SIBLINGS_WAIT if hold.reason == SIBLINGS and hold.until else case.waiting_since
        held = replace(case, held=(hold, *paused), waiting_since=first)
        looks = (hold.until, next_look(held, verdicts, now))
        return Decision(
            case=held, events=fresh, next_look=min((at for at in looks if at is not None and at > now), default=None),
            why=f"{winner.rule.name}: held, {hold.reason}", trace=trace, given_up=given_up,
        )  # fmt: skip
    case = replace(case, held=paused)
    return _moved(policy, case, active, winner, fresh, facts, now, trace, given_up)


# --- what keeps it where it is ------------------------------------------------------------------------------
def _why_not(verdicts: Sequence[Verdict], level: int) -> str:
    true = [v for v in verdicts if v.finding.value]
    if not true:
        return f"stays at level {level}: no rule says otherwise"
    said = "; ".join(f"{v.rule.name} ({v.outcome})" for v in true[:3])
    return f"stays at level {level}: {said}"


def _hold(case: Case, winner: Verdict, fresh: Sequence[Event], facts: Facts, now: datetime) -> Hold | None:
    """Say why a wanted move is not made now, if so."""
    name, to = winner.rule.name, winner.to
    if _adoptive(case) and facts.adoptive_left <= 0 and facts.mode is not Mode.OBSERVE:
        reason = "enough tickets that existed before were escalated this hour"
        return Hold(rule=name, level=to, reason=reason, until=facts.adoptive_again)
    if (waiting := _still_worked_on(case, winner, now)) is not None:
        return waiting
    arrived = [e.received_at for e in fresh if e.siblings and e.actor and e.actor.role is not Role.OURS]
    first = case.waiting_since or max(arrived, default=None)
    if first is None or first + SIBLINGS_WAIT <= now:
        return None
    return Hold(rule=name, level=to, reason=SIBLINGS, until=first + SIBLINGS_WAIT)


def _still_worked_on(case: Case, winner: Verdict, now: datetime) -> Hold | None:
    """Leave the ticket in the hands of somebody who is at it just now, but not for ever (decision 9)."""
    wait, active = winner.rule.wait_if, case.story.human_at
    if wait is None or active is None:
        return None
    before = next((h for h in case.held if h.rule == winner.rule.name and h.since is not None), None)
    since = before.since if before is not None and before.since is not None else now
    ends = (
        winner.moment.clock_for(length).deadline(start, length.length, now)
        for start, length in ((active, wait.human_active_within), (since, wait.at_most))
    )
    until = min((at for at in ends if at is not None), default=None)
    if until is None or until <= now:
        return None
    reason = f"somebody worked on it {spoken(now - active)} ago"
    return Hold(rule=winner.rule.name, level=winner.to, reason=reason, until=until, since=since)


def _adoptive(case: Case) -> bool:
    """Say whether this would be the first escalation of a ticket that existed before."""
    return not case.newborn and case.moves == 0


# --- the move ---------------------------------------------------------------------------------------------
def _moved(
    policy: Policy,
    case: Case,
    verdicts: Sequence[Verdict],
    winner: Verdict,
    fresh: tuple[Event, ...],
    facts: Facts,
    now: datetime,
    trace: tuple[RuleTrace, ...],
    given_up: dict[str, End],
) -> Decision:
    before, since = ground(case)
    finding = explained(Clocks(policy, case), winner.rule, winner.finding, now)
    command, why = _command(policy, case, before, winner, finding, facts, now)
    observed = command.mode is Mode.OBSERVE
    pending = Pending(
        operation=command.operation,
        rule=winner.rule.name,
        level=command.level,
        level_before=before,
        since_before=since,
        at=now,
        causes=winner.causes,
    )
    moved = replace(
        after_firing(case, verdicts, now),
        level=command.level,
        level_since=now,
        pinned=policy.revision,
        pending=() if observed else (pending,),
        left_by=case.ticket.assignee.id if case.ticket.assignee else None,
        moves=case.moves + 1,
        waiting_since=None,
    )
    return Decision(
        case=moved,
        events=fresh,
        command=None if observed else command,
        observed=command if observed else None,
        next_look=next_look(moved, verdicts_of(policy, moved, facts, now), now, moved=True),
        fired=(winner.rule.name, *(v.rule.name for v in verdicts if v.new and v is not winner)),
        why=why,
        trace=tuple(replace(t, answers=finding.answers) if t.rule == winner.rule.name else t for t in trace),
        given_up={**given_up, **{p.operation: End.SUPERSEDED for p in case.pending}},
        adoptive=_adoptive(case) and not observed,
    )


def _command(
    policy: Policy, case: Case, before: int, winner: Verdict, finding: Finding, facts: Facts, now: datetime
) -> tuple[Command, str]:
    """Return what to do at the vendor, and the reason in words."""
    level, rule, operation = policy.level(winner.to), winner.rule, _operation_id(case, winner)
    mode = Mode.least(facts.mode, level.mode, rule.mode)
    shown = replace(case, level=before)
    handoff = Handoff(
        policy=policy, case=shown, rule=rule, finding=finding, level=level, operation=operation, now=now, mode=mode
    )
    command = Command(
        operation=operation,
        level=level.number,
        level_before=before,
        level_name=level.name,
        take=level.take,
        target=level.target(case.ref.vendor, case.ref.site),
        priority=level.priority.applied(case.ticket.priority) if level.priority else None,
        note=write_note(handoff),
        mode=mode,
    )
    return command, handoff.reason


def _operation_id(case: Case, winner: Verdict) -> str:
    causes = "|".join(cause.id for cause in winner.causes)
    text = f"{case.ref}|{case.adopted_at}|{case.moves}|{winner.to}|{winner.rule.name}|{causes}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
