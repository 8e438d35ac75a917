"""What keeps a wanted move from being made now: guards, opening hours, somebody's word. Each says why and until when.

For tickets that a policy never holds, such as critical ones, only a state that forbids every move counts, and what
people said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from policies.case import Case, Hold, Needs
from policies.commands import Mode
from policies.conditions import Moment, Node
from policies.consent import Wanted, said
from policies.durations import Duration
from policies.model import Role
from policies.placing import opening, out_of_hours
from policies.policy import Guards, LevelBudget, Policy
from policies.values import spoken

SIBLINGS_WAIT = timedelta(milliseconds=300)
"""How long a move waits, once, for other facts of the save that caused it (decision 3)."""

SIBLINGS = "for other facts of the same save may still come"
MOST_MOVES_A_DAY = 12
"""How often a ticket is moved within 24 hours, whatever the policy says: more is a rule that goes round in circles."""

OFTEN = f"it was moved {MOST_MOVES_A_DAY} times in a day: do its rules go round in circles?"
_DAY = timedelta(days=1)


def hold_of(wanted: Wanted) -> Hold | Needs | None:
    """Say why a wanted move is not made now, if so. Needs: that depends on what is not known yet."""
    guards, moment = wanted.policy.guards, wanted.verdict.moment
    if needs := unknown(guards.never, moment):
        return Needs(fields=needs)
    if guards.never is not None and (found := guards.never.ask(moment)).value:
        so = "; ".join(f"{answer.name} is {answer.found}" for answer in found.support)
        return wanted.held(f"the policy never escalates while {so or 'this is so'}")
    hold = next(said(wanted), None) or next(_always(wanted), None)
    guarded = next(_guarded(wanted, guards), None) if hold is None else None
    if guarded is not None and (needs := unknown(guards.never_hold, moment)):
        return Needs(fields=needs)
    return hold if guarded is None or never_held(guards, moment) else guarded


def turning(wanted: Wanted) -> datetime | None:
    """Return when time alone changes what keeps a move, or whether it is wanted at all."""
    guards, other = wanted.policy.guards, wanted.level.out_of_hours
    nodes = (guards.never, guards.never_hold, other.unless if other else None, wanted.verdict.rule.when)
    turns = (turns_at(node, wanted.verdict.moment) for node in nodes if node is not None)
    return min((at for at in turns if at is not None), default=None)


def turns_at(node: Node, moment: Moment) -> datetime | None:
    """Return when time alone changes what a condition says."""
    found = node.ask(moment)
    dues = sorted({a.due for a in found.answers if a.due is not None and a.due > moment.now})
    return next((at for at in dues if node.ask(moment.later(at)).value is not found.value), None)


def never_held(guards: Guards, moment: Moment) -> bool:
    """Say whether the policy never holds this ticket's moves."""
    return guards.never_hold is not None and bool(guards.never_hold.ask(moment).value)


def unknown(node: Node | None, moment: Moment) -> frozenset[str]:
    """Return what must be fetched before a condition can be answered."""
    if node is None:
        return frozenset()
    found = node.ask(moment)
    return found.needs - moment.fetched if found.value is None else frozenset()


# --- what always counts -------------------------------------------------------------------------------------
def _always(wanted: Wanted) -> Iterator[Hold]:
    """Yield what keeps a ticket whatever its severity, for a moment or by the hour (decisions 3, 9 and 21)."""
    case, facts = wanted.case, wanted.facts
    if adoptive(case) and facts.adoptive_left <= 0 and facts.mode is not Mode.OBSERVE:
        yield wanted.held("enough tickets that existed before were escalated this hour", facts.adoptive_again)
    if (until := round_and_round(case, wanted.now)) is not None:
        yield wanted.held(OFTEN, until)
    if (waiting := _still_worked_on(wanted)) is not None:
        yield waiting
    arrived = [e.received_at for e in wanted.fresh if e.siblings and e.actor and e.actor.role is not Role.OURS]
    first = case.waiting_since or max(arrived, default=None)
    if first is not None and first + SIBLINGS_WAIT > wanted.now:
        yield wanted.held(SIBLINGS, first + SIBLINGS_WAIT)


def round_and_round(case: Case, now: datetime) -> datetime | None:
    """Return until when a ticket stays because it was moved too often, if so."""
    recent = [at for at in case.moved_at if at > now - _DAY]
    return recent[-MOST_MOVES_A_DAY] + _DAY if len(recent) >= MOST_MOVES_A_DAY else None


def adoptive(case: Case) -> bool:
    """Say whether this would be the first escalation of a ticket that existed before."""
    return not case.newborn and case.moves == 0


def _still_worked_on(wanted: Wanted) -> Hold | None:
    """Leave the ticket in the hands of somebody who is at it just now, but not for ever (decision 9)."""
    wait, active = wanted.verdict.rule.wait_if, wanted.case.story.human_at
    if wait is None or active is None:
        return None
    ends = (_ends(wanted, active, wait.human_active_within), _ends(wanted, wanted.since, wait.at_most))
    until = min((at for at in ends if at is not None), default=None)
    if until is None or until <= wanted.now:
        return None
    return wanted.held(f"somebody worked on it {spoken(wanted.now - active)} ago", until)


def _ends(wanted: Wanted, start: datetime, length: Duration) -> datetime | None:
    """Return when a wait is over; no pause makes it longer."""
    clock = replace(wanted.verdict.moment.clock_for(length), pauses=())
    return clock.deadline(start, length.length, wanted.now)


# --- guards -------------------------------------------------------------------------------------------------
def _guarded(wanted: Wanted, guards: Guards) -> Iterator[Hold | Needs]:
    case, now, level = wanted.case, wanted.now, wanted.level
    if (until := too_soon(guards, case, now)) is not None:
        ago, between = spoken(now - case.moved_at[-1]), guards.min_time_between
        yield wanted.held(f"it was moved {ago} ago (at least {between} between moves)", until)
    if (budget := guards.per_ticket) is not None:
        recent = [at for at in case.moved_at if at > now - budget.per.length]
        if len(recent) >= budget.at_most:
            until = recent[-budget.at_most] + budget.per.length
            words = f"it was moved {len(recent)} times in {budget.per.text} (at most {budget.at_most})"
            yield wanted.held(words, until)
    limit = level_budget(wanted.policy, level.number)
    used = wanted.facts.used.get(level.number)
    if limit is not None and limit.hold and used is not None and used.count >= limit.at_most:
        words = f"level {level.number} got {used.count} tickets in {limit.per.text} (at most {limit.at_most})"
        yield wanted.held(words, used.free_at)
    if (missing := _without_evidence(wanted, guards)) is not None:
        yield missing
    other = level.out_of_hours
    closed = out_of_hours(other, wanted.verdict.moment) if other is not None and other.hold else False
    if other is not None and closed is None:
        yield Needs(fields=unknown(other.unless, wanted.verdict.moment))
    elif other is not None and closed:
        opens = opening(wanted.policy.calendars[other.calendar], now)
        yield wanted.held(f"level {level.number} is out of hours ({other.calendar})", opens)


def too_soon(guards: Guards, case: Case, now: datetime) -> datetime | None:
    """Return until when the last move keeps the ticket from another one, if it does; every minute counts."""
    if guards.min_time_between is None or not case.moved_at:
        return None
    until = case.moved_at[-1] + guards.min_time_between.length
    return until if until > now else None


def level_budget(policy: Policy, level: int) -> LevelBudget | None:
    """Return a level's budget, if the policy gives it one."""
    return next((budget for budget in policy.guards.level_budgets if budget.level == level), None)


_EVIDENCE = "this must be recorded first: "
_TRIED = "what was tried, in an internal comment with a line `tried: …`"


def _without_evidence(wanted: Wanted, guards: Guards) -> Hold | Needs | None:
    """Ask for evidence before a ticket goes to experts, but do not wait for it for ever."""
    gate = guards.evidence
    if gate is None or wanted.level.path is not gate.path:
        return None
    missing = [need for need in gate.need if not _recorded(need, wanted.case)]
    if needs := {field for need in missing if (field := _untold(need, wanted))} - wanted.verdict.moment.fetched:
        return Needs(fields=frozenset(needs))
    until = _ends(wanted, wanted.since, gate.at_most)
    if not missing or (until is not None and until <= wanted.now):
        return None
    words = [_TRIED if need == "steps_tried" else f"the field {need.removeprefix('custom.')}" for need in missing]
    return wanted.held(f"{_EVIDENCE}{', '.join(words)}", until)


def _recorded(need: str, case: Case) -> bool:
    if need == "steps_tried":
        return bool(case.story.tried)
    if need.startswith("custom."):
        return bool(case.ticket.custom.get(need.removeprefix("custom.")))
    return bool(getattr(case.ticket, need, None))


def _untold(need: str, wanted: Wanted) -> str | None:
    """Return the field to fetch before it is known whether something is recorded."""
    if need == "steps_tried":
        return None
    if need.startswith("custom."):
        return None if wanted.verdict.moment.told(need) else "custom"
    return None if wanted.verdict.moment.told(need) else need
