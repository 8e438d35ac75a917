"""What keeps a wanted move from being made now: guards, opening hours, somebody's word. Each says why and until when.

For tickets that a policy never holds, such as critical ones, only a state that forbids every move counts, and what
people said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from policies.case import Case, Facts, Hold, Needs
from policies.commands import Mode
from policies.conditions import Moment, Node
from policies.durations import Duration
from policies.levels import Level
from policies.model import Event, Role
from policies.placing import opening, out_of_hours
from policies.policy import Guards, LevelBudget, Policy
from policies.story import Order
from policies.values import spoken
from policies.verdicts import Verdict

SIBLINGS_WAIT = timedelta(milliseconds=300)
"""How long a move waits, once, for other facts of the save that caused it (decision 3)."""

SIBLINGS = "for other facts of the same save may still come"
MANAGER = "escalation_manager"
"""The role whose people may snooze a ticket and hold it where it is."""

LONGEST_HOLD = timedelta(days=7)
"""How long `/hold` lasts if nobody releases it."""

_CONFIRMS = "waits until somebody confirms it with /confirm: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A move that a rule wants, and all that may keep it."""

    policy: Policy
    case: Case
    verdict: Verdict
    fresh: Sequence[Event]
    facts: Facts
    now: datetime

    @property
    def level(self) -> Level:
        """The level it leads to."""
        return self.policy.level(self.verdict.to)

    def held(self, reason: str, until: datetime | None = None, since: datetime | None = None) -> Hold:
        """Return the hold with a reason."""
        return Hold(rule=self.verdict.rule.name, level=self.verdict.to, reason=reason, until=until, since=since)

    def earlier(self, beginning: str) -> Hold | None:
        """Return the hold of the look before whose reason began so."""
        name, to = self.verdict.rule.name, self.verdict.to
        return next(
            (h for h in self.case.held if (h.rule, h.level) == (name, to) and h.reason.startswith(beginning)), None
        )


def hold_of(wanted: Wanted) -> Hold | Needs | None:
    """Say why a wanted move is not made now, if so. Needs: that depends on what is not known yet."""
    guards, moment = wanted.policy.guards, wanted.verdict.moment
    if needs := _unknown(guards.never, moment):
        return Needs(fields=needs)
    if guards.never is not None and guards.never.ask(moment).value:
        found = "; ".join(f"{a.name} is {a.found}" for a in guards.never.ask(moment).support)
        return wanted.held(f"the policy never escalates while {found or 'this is so'}")
    hold = next(_said(wanted), None) or next(_always(wanted), None)
    other = wanted.level.out_of_hours
    if hold is None and other is not None and other.hold and (needs := _unknown(other.unless, moment)):
        return Needs(fields=needs)
    guarded = next(_guarded(wanted, guards), None) if hold is None else None
    if guarded is not None and (needs := _unknown(guards.never_hold, moment)):
        return Needs(fields=needs)
    return hold if guarded is None or never_held(guards, moment) else guarded


def never_held(guards: Guards, moment: Moment) -> bool:
    """Say whether the policy never holds this ticket's moves."""
    return guards.never_hold is not None and bool(guards.never_hold.ask(moment).value)


def _unknown(node: Node | None, moment: Moment) -> frozenset[str]:
    if node is None:
        return frozenset()
    found = node.ask(moment)
    return found.needs - moment.fetched if found.value is None else frozenset()


# --- what people said ---------------------------------------------------------------------------------------
def _said(wanted: Wanted) -> Iterator[Hold]:
    """Yield what an escalation manager ordered, and a confirmation that is still to come."""
    ordered = kept_by_order(wanted.policy, wanted.case, wanted.now)
    if ordered is not None:
        order, until = ordered
        what = "snoozed" if order.verb == "snooze" else "held here"
        yield wanted.held(f"{what} by {order.by or order.by_id}", until)
    if wanted.level.needs_confirmation and not confirmed(wanted):
        roles = " or ".join(role.replace("_", " ") for role in wanted.level.needs_confirmation)
        before = wanted.earlier(_CONFIRMS)
        yield wanted.held(f"{_CONFIRMS}{roles}", since=before.since if before else wanted.now)


def waits_for_confirmation(hold: Hold) -> bool:
    """Say whether somebody must confirm the held move."""
    return hold.reason.startswith(_CONFIRMS)


def kept_by_order(policy: Policy, case: Case, now: datetime) -> tuple[Order, datetime] | None:
    """Return the order of an escalation manager that keeps the ticket where it is now, and until when."""
    for order in reversed(case.story.orders):
        if order.verb in ("snooze", "hold", "release") and _may(policy, MANAGER, order):
            length = order.length if order.verb == "snooze" else LONGEST_HOLD
            until = order.at + length if length is not None and order.verb != "release" else order.at
            return (order, until) if until > now else None
    return None


def confirmed(wanted: Wanted) -> bool:
    """Say whether somebody in the level's roles agreed to the move, or asked for it."""
    return (word := _word(wanted)) is not None and word.verb == "confirm"


def declined(wanted: Wanted) -> Order | None:
    """Return the word of somebody in the level's roles who does not want the move."""
    word = _word(wanted)
    return word if word is not None and word.verb == "decline" else None


def _word(wanted: Wanted) -> Order | None:
    """Return the last word on a move since its cause arose; a request by somebody who may confirm is one."""
    level, story = wanted.level, wanted.case.story
    begin = max((cause.since for cause in wanted.verdict.causes), default=wanted.now)
    orders = [o for o in story.orders if o.verb in ("confirm", "decline") and o.level in (None, level.number)]
    asked = [
        Order(id=r.id, at=r.at, verb="confirm", by_id=r.by_id, by=r.by, level=r.level)
        for r in story.requests
        if r.level == level.number
    ]
    words = [
        order
        for order in (*orders, *asked)
        if order.at >= begin and any(_may(wanted.policy, role, order) for role in level.needs_confirmation)
    ]
    return max(words, key=lambda order: order.at, default=None)


def _may(policy: Policy, role: str, order: Order) -> bool:
    people = {word.casefold() for word in policy.roles[role].people} if role in policy.roles else set()
    return order.by_id.casefold() in people or (order.by or "").casefold() in people


# --- what always counts -------------------------------------------------------------------------------------
def _always(wanted: Wanted) -> Iterator[Hold]:
    """Yield what keeps a ticket whatever its severity, for a moment or by the hour (decisions 3, 9 and 21)."""
    case, facts = wanted.case, wanted.facts
    if adoptive(case) and facts.adoptive_left <= 0 and facts.mode is not Mode.OBSERVE:
        yield wanted.held("enough tickets that existed before were escalated this hour", facts.adoptive_again)
    if (waiting := _still_worked_on(wanted)) is not None:
        yield waiting
    arrived = [e.received_at for e in wanted.fresh if e.siblings and e.actor and e.actor.role is not Role.OURS]
    first = case.waiting_since or max(arrived, default=None)
    if first is not None and first + SIBLINGS_WAIT > wanted.now:
        yield wanted.held(SIBLINGS, first + SIBLINGS_WAIT)


def adoptive(case: Case) -> bool:
    """Say whether this would be the first escalation of a ticket that existed before."""
    return not case.newborn and case.moves == 0


def _still_worked_on(wanted: Wanted) -> Hold | None:
    """Leave the ticket in the hands of somebody who is at it just now, but not for ever (decision 9)."""
    wait, active = wanted.verdict.rule.wait_if, wanted.case.story.human_at
    if wait is None or active is None:
        return None
    worked = "somebody worked on it"
    before = wanted.earlier(worked)
    since = before.since if before is not None and before.since is not None else wanted.now
    ends = (_ends(wanted, active, wait.human_active_within), _ends(wanted, since, wait.at_most))
    until = min((at for at in ends if at is not None), default=None)
    if until is None or until <= wanted.now:
        return None
    return wanted.held(f"{worked} {spoken(wanted.now - active)} ago", until, since)


def _ends(wanted: Wanted, start: datetime, length: Duration) -> datetime | None:
    """Return when a wait is over; no pause makes it longer."""
    clock = replace(wanted.verdict.moment.clock_for(length), pauses=())
    return clock.deadline(start, length.length, wanted.now)


# --- guards -------------------------------------------------------------------------------------------------
def _guarded(wanted: Wanted, guards: Guards) -> Iterator[Hold]:
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
    if other is not None and other.hold and out_of_hours(other, wanted.verdict.moment):
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


def _without_evidence(wanted: Wanted, guards: Guards) -> Hold | None:
    """Ask for evidence before a ticket goes to experts, but do not wait for it for ever."""
    gate = guards.evidence
    if gate is None or wanted.level.path is not gate.path:
        return None
    missing = [need for need in gate.need if not _recorded(need, wanted.case)]
    if not missing:
        return None
    before = wanted.earlier(_EVIDENCE)
    since = before.since if before is not None and before.since is not None else wanted.now
    until = _ends(wanted, since, gate.at_most)
    if until is not None and until <= wanted.now:
        return None
    words = [_TRIED if need == "steps_tried" else f"the field {need.removeprefix('custom.')}" for need in missing]
    return wanted.held(f"{_EVIDENCE}{', '.join(words)}", until, since)


def _recorded(need: str, case: Case) -> bool:
    if need == "steps_tried":
        return bool(case.story.tried)
    if need.startswith("custom."):
        return bool(case.ticket.custom.get(need.removeprefix("custom.")))
    return bool(getattr(case.ticket, need, None))
