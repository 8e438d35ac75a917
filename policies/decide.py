"""decide(policy, case, events, facts, now): the one place where a ticket's level is decided, and when to look again.

Pure: the worker, the simulator, the back-test and `why?` all call exactly this. It never asks the vendor; what it must
know and does not, it names in `Needs`, and is called again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from policies.case import HISTORY, Case, Decision, End, Facts, Fired, Hold, Needs, Pending, RuleTrace
from policies.commands import Command, Mode
from policies.conditions import Finding
from policies.echoes import judged
from policies.handoff import Handoff, write_note
from policies.ladder import adopted, followed, in_scope
from policies.model import Event, Kind, Role, Ticket
from policies.moments import clock_for, destination, moment_of
from policies.policy import Policy, Rule
from policies.shifts import Shift
from policies.story import Story, tell

SIBLINGS_WAIT = timedelta(milliseconds=300)
"""How long a move waits, once, for other facts of the save that caused it (DECISIONS 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What one rule found at this look, and whether its yes has a cause that did not count before."""

    rule: Rule
    finding: Finding
    to: int
    new: bool
    outcome: str
    causes: tuple[str, ...]


def decide(
    policy: Policy,
    case: Case,
    events: Sequence[Event],
    facts: Facts,
    now: datetime,
    history: Sequence[Event] | None = None,
) -> Decision | Needs:
    """Fold the events into the case and decide once. `history`, if given, is every event stored before."""
    fresh = tuple(sorted((judged(event, case.wrote) for event in events), key=lambda event: event.sort_key))
    kinds = {event.kind for event in fresh}
    if Kind.TOUCHED in kinds and Kind.FETCHED not in kinds:
        return Needs(fields=frozenset({"ticket"}))
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
        return Decision(case=replace(case, outside=True), why="the policy does not apply to this ticket")
    case = adopted(policy, replace(case, outside=False), fresh, facts, now)
    case, given_up = followed(policy, case, shifts, facts, now)
    return _decided(policy, case, fresh, facts, now, given_up)


def folded(case: Case, fresh: Sequence[Event], history: Sequence[Event] | None) -> tuple[Case, list[Shift]] | None:
    """Return the case after these events, in order; None if one comes late and the whole history is needed."""
    if not fresh:
        return case, []
    newest = max(fresh[-1].sort_key, case.told or fresh[-1].sort_key)
    if case.told is None or fresh[0].sort_key > case.told:
        ticket, story, shifts = tell(case.ticket, case.story, fresh)
        return replace(case, ticket=ticket, story=story, told=newest), list(shifts)
    if history is None:
        return None
    whole = {event.id: event for event in (*history, *fresh)}
    in_order = sorted(whole.values(), key=lambda event: event.sort_key)
    ticket, story, shifts = tell(Ticket(ref=case.ref), Story(), in_order)
    moments = {event.at for event in fresh}
    return replace(case, ticket=ticket, story=story, told=newest), [s for s in shifts if s.at in moments]


def _decided(
    policy: Policy, case: Case, fresh: tuple[Event, ...], facts: Facts, now: datetime, given_up: dict[str, End]
) -> Decision | Needs:
    if case.story.ended or (case.ticket.status is not None and case.ticket.status.resolved):
        why = f"the ticket is {case.story.ended or case.ticket.status}"
        return Decision(case=replace(case, held=()), events=fresh, why=why, given_up=given_up)
    verdicts = [_verdict(policy, rule, case, facts, now) for rule in policy.rules]
    best = max((v.to for v in verdicts if v.new), default=case.level)
    needs = {n for v in verdicts if v.finding.value is None and v.to > max(best, case.level) for n in v.finding.needs}
    if needs - facts.fetched:
        return Needs(fields=frozenset(needs))
    winner = next((v for v in verdicts if v.new and v.to == best and best > case.level), None)
    trace = tuple(_traced(v, winner) for v in verdicts)
    if winner is None:
        case = replace(_consumed(case, verdicts, now), held=(), waiting_since=None)
        why = _why_not(verdicts, case.level)
        return Decision(
            case=case, events=fresh, next_look=_next_look(policy, case, facts, now),
            why=why, trace=trace, given_up=given_up,
        )  # fmt: skip
    hold = _hold(case, winner, fresh, facts, now)
    if hold is not None:
        waiting = (case.waiting_since or now) if hold.reason == "siblings" else case.waiting_since
        held = replace(case, held=(hold,), waiting_since=waiting)
        later = _next_look(policy, held, facts, now)
        looks = [at for at in (hold.until, later) if at is not None]
        return Decision(
            case=held, events=fresh, next_look=min(looks, default=None),
            why=f"{winner.rule.name}: held, {hold.reason}", trace=trace, given_up=given_up,
        )  # fmt: skip
    return _moved(policy, case, verdicts, winner, fresh, facts, now, trace, given_up)


# --- the rules --------------------------------------------------------------------------------------------
def _verdict(policy: Policy, rule: Rule, case: Case, facts: Facts, now: datetime) -> _Verdict:
    finding = rule.when.ask(moment_of(policy, rule, case, facts, now))
    causes, new, outcome = _cause(policy, rule, case, finding, now)
    to = destination(rule, case, policy)
    return _Verdict(rule=rule, finding=finding, to=to, new=new, outcome=outcome, causes=causes)


def _cause(
    policy: Policy, rule: Rule, case: Case, finding: Finding, now: datetime
) -> tuple[tuple[str, ...], bool, str]:
    """Say which causes carry a yes, whether one of them is new, and in a word what came of it."""
    if not finding.value:
        return (), False, "not known yet" if finding.value is None else "not so"
    begin = case.adopted_at
    causes = tuple(sorted(a.cause for a in finding.support if a.cause))
    arose = {a.cause for a in finding.support if a.cause and not (begin and a.since and a.since < begin)}
    fired = case.fired.get(rule.name)
    seen = set(fired.causes) if fired else set()
    if arose - seen:
        return causes, True, "fires"
    if not seen:
        return causes, False, "was so before Stepladder looked" if causes else "no cause of its own"
    if rule.again is not None and fired is not None:
        due = clock_for(policy, rule, case.story, rule.again).deadline(fired.at, rule.again.length, now)
        if due is not None and due <= now:
            return causes, True, "fires again"
    return causes, False, "fired before, for the same cause"


def _consumed(case: Case, verdicts: Sequence[_Verdict], now: datetime) -> Case:
    """Remember the causes of every rule that says yes, so that none counts twice."""
    fired = dict(case.fired)
    for verdict in verdicts:
        if verdict.causes:
            before = fired.get(verdict.rule.name)
            kept = set(verdict.causes) | (set(before.causes) if before else set())
            at = now if verdict.new or before is None else before.at
            fired[verdict.rule.name] = Fired(at=at, causes=tuple(sorted(kept)[-20:]))
    return replace(case, fired=fired)


def _traced(verdict: _Verdict, winner: _Verdict | None) -> RuleTrace:
    outcome = verdict.outcome
    if verdict.new and verdict is not winner:
        outcome = "fires, but no higher than another rule or the level it has"
    return RuleTrace(
        rule=verdict.rule.name, value=verdict.finding.value, new=verdict.new, outcome=outcome,
        answers=verdict.finding.answers if verdict.finding.value is not False else (),
    )  # fmt: skip


def _why_not(verdicts: Sequence[_Verdict], level: int) -> str:
    true = [v for v in verdicts if v.finding.value]
    if not true:
        return f"stays at level {level}: no rule says otherwise"
    said = "; ".join(f"{v.rule.name} ({v.outcome})" for v in true[:3])
    return f"stays at level {level}: {said}"


def _hold(case: Case, winner: _Verdict, fresh: Sequence[Event], facts: Facts, now: datetime) -> Hold | None:
    """Say why a wanted move is not made now, if so."""
    name, to = winner.rule.name, winner.to
    paused = facts.paused or facts.paused_rules.get(name)
    if paused is not None:
        return Hold(rule=name, level=to, reason=f"paused: {paused}")
    if not case.newborn and case.moves == 0 and facts.adoptive_left <= 0:
        reason = "enough tickets that existed before were escalated this hour"
        return Hold(rule=name, level=to, reason=reason, until=facts.adoptive_again)
    arrived = [e.received_at for e in fresh if e.siblings and e.actor and e.actor.role is not Role.OURS]
    if case.waiting_since is not None:
        ready = case.waiting_since + SIBLINGS_WAIT
    elif arrived:
        ready = max(arrived) + SIBLINGS_WAIT
    else:
        return None
    return Hold(rule=name, level=to, reason="siblings", until=ready) if ready > now else None


# --- the move ---------------------------------------------------------------------------------------------
def _moved(
    policy: Policy,
    case: Case,
    verdicts: Sequence[_Verdict],
    winner: _Verdict,
    fresh: tuple[Event, ...],
    facts: Facts,
    now: datetime,
    trace: tuple[RuleTrace, ...],
    given_up: dict[str, End],
) -> Decision:
    level = policy.level(winner.to)
    mode = Mode.least(facts.mode, level.mode, winner.rule.mode)
    operation = _operation_id(case, winner)
    handoff = Handoff(
        policy=policy, case=case, rule=winner.rule, finding=winner.finding, level=level, operation=operation, now=now
    )
    command = Command(
        operation=operation,
        level=level.number,
        level_before=case.level,
        level_name=level.name,
        take=level.take,
        target=level.target(case.ref.vendor, case.ref.site),
        priority=level.priority.applied(case.ticket.priority) if level.priority else None,
        note=write_note(handoff),
        mode=mode,
    )
    superseded = {p.operation: End.SUPERSEDED for p in case.pending}
    pending = Pending(
        operation=operation,
        rule=winner.rule.name,
        level=level.number,
        level_before=case.level,
        since_before=case.level_since,
        at=now,
    )
    adoptive = not case.newborn and case.moves == 0
    moved = replace(
        _consumed(case, verdicts, now),
        level=level.number,
        level_since=now,
        pinned=policy.revision if level.number > 1 else None,
        pending=(pending,) if mode is not Mode.OBSERVE else (),
        left_by=case.ticket.assignee.id if case.ticket.assignee else None,
        moves=case.moves + 1,
        held=(),
        waiting_since=None,
    )
    others = [v.rule.name for v in verdicts if v.new and v is not winner]
    return Decision(
        case=moved,
        events=fresh,
        command=command if mode is not Mode.OBSERVE else None,
        observed=command if mode is Mode.OBSERVE else None,
        next_look=_next_look(policy, moved, facts, now),
        fired=(winner.rule.name, *others),
        why=handoff.reason,
        trace=trace,
        given_up={**given_up, **superseded},
        adoptive=adoptive and mode is not Mode.OBSERVE,
    )


def _operation_id(case: Case, winner: _Verdict) -> str:
    text = f"{case.ref}|{case.moves}|{winner.to}|{winner.rule.name}|{'|'.join(winner.causes)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --- when to look again -----------------------------------------------------------------------------------
def _next_look(policy: Policy, case: Case, facts: Facts, now: datetime) -> datetime | None:
    """Return the first instant at which a rule may have a new cause, if nothing else happens before."""
    looks = (_turns(policy, rule, case, facts, now) for rule in policy.rules)
    return min((at for at in looks if at is not None), default=None)


def _turns(policy: Policy, rule: Rule, case: Case, facts: Facts, now: datetime) -> datetime | None:
    if destination(rule, case, policy) <= case.level:
        return None  # it could lead nowhere; a person's move down consumes what became true meanwhile
    moment = moment_of(policy, rule, case, facts, now)
    finding = rule.when.ask(moment)
    turning = {a.due for a in finding.answers if a.due is not None and a.due > now}
    fired = case.fired.get(rule.name)
    if rule.again is not None and fired is not None:
        again = clock_for(policy, rule, case.story, rule.again).deadline(fired.at, rule.again.length, now)
        turning |= {again} if again is not None and again > now else set()
    for at in sorted(turning):
        then = rule.when.ask(replace(moment, now=at))
        if then.value is None or _cause(policy, rule, case, then, at)[1]:
            return at
    return None
