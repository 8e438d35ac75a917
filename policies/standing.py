"""What keeps a ticket where it is, and what counts for it: holds, orders, guards, opening hours, calendars, reminders.

For people; nothing is decided here. Every number is asked of what decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from policies import sentences as say
from policies.case import Case, Decision, Facts, Hold, Needs
from policies.commands import Mode
from policies.conditions import Moment
from policies.consent import Wanted, declined, kept_by_order, waits_for_confirmation
from policies.holds import never_held, too_soon
from policies.ladder import has_ended
from policies.levels import Level
from policies.moments import Clocks, customers_calendar, moment_of, pauses_of
from policies.placing import opening, out_of_hours
from policies.policy import Policy
from policies.reminders import not_taken, review
from policies.verdicts import Verdict
from policies.wording import amount, plain, times


class Kind(StrEnum):
    """What a remark is about."""

    HELD = "held"
    GUARD = "guard"
    TOLD = "told"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something about the ticket or its clocks: since when it is so, and until when, or when it comes next."""

    kind: Kind
    words: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A ticket at one moment, with what the rules found and what was decided."""

    policy: Policy
    case: Case
    facts: Facts
    now: datetime
    verdicts: Sequence[Verdict]
    decision: Decision | Needs

    @property
    def level(self) -> Level:
        """The level it stands at."""
        return self.policy.level(min(self.case.level, self.policy.top))

    def moment(self) -> Moment:
        """Return what questions may look at that belong to no rule."""
        clocks = Clocks(self.policy, self.case)
        counts = self.level.number
        return moment_of(self.policy, lambda length: clocks.for_level(counts, length), self.case, self.facts, self.now)


def remarks(ticket: Standing) -> tuple[Remark, ...]:
    """Say what keeps the ticket and what counts for it."""
    ended = has_ended(ticket.case)
    if ended or ticket.case.outside:
        return tuple(_ended(ticket)) if ended else ()
    parts = (_switched, _ordered, _held, _writing, _guarded, _hours, _attended, _paused, _calendar)
    return tuple(remark for part in parts for remark in part(ticket))


def _ended(ticket: Standing) -> Iterator[Remark]:
    words = f"the ticket is {ticket.case.story.ended or ticket.case.ticket.status}: no rule is asked"
    yield Remark(kind=Kind.HELD, words=words)


# --- what keeps it ------------------------------------------------------------------------------------------------
def _switched(ticket: Standing) -> Iterator[Remark]:
    facts = ticket.facts
    if facts.paused:
        yield Remark(kind=Kind.HELD, words=f"writes are paused: {facts.paused}")
    for rule, why in facts.paused_rules.items():
        yield Remark(kind=Kind.HELD, words=f"the rule {rule} is paused: {why}")
    if facts.mode is not Mode.ACT:
        yield Remark(kind=Kind.HELD, words=f"the site's mode is {facts.mode.value}: Stepladder {say.mode(facts.mode)}")


def _ordered(ticket: Standing) -> Iterator[Remark]:
    """Say what people ordered: to let it rest, to hold it, and not to move it."""
    found = kept_by_order(ticket.policy, ticket.case, ticket.now)
    if found is not None:
        order, until = found
        what = "snoozed" if order.verb == "snooze" else "held here"
        yield Remark(kind=Kind.HELD, words=f"{what} by {order.by or order.by_id}", since=order.at, until=until)
    for verdict in ticket.verdicts:
        level = ticket.policy.level(verdict.to) if verdict.causes and verdict.to > ticket.case.level else None
        if level is not None and level.needs_confirmation and (word := declined(_wanted(ticket, verdict))) is not None:
            words = f"a move to level {verdict.to} by {verdict.rule.name} was declined by {word.by or word.by_id}"
            yield Remark(kind=Kind.HELD, words=words, since=word.at)


def _wanted(ticket: Standing, verdict: Verdict) -> Wanted:
    """Return the move as it was wanted before somebody's word on it was used up."""
    fired = {name: one for name, one in ticket.case.fired.items() if name != verdict.rule.name}
    case = replace(ticket.case, fired=fired)
    return Wanted(policy=ticket.policy, case=case, verdict=verdict, fresh=(), facts=ticket.facts, now=ticket.now)


def _held(ticket: Standing) -> Iterator[Remark]:
    holds = ticket.decision.case.held if isinstance(ticket.decision, Decision) else ticket.case.held
    for hold in holds:
        move = "a move" if hold.level > ticket.case.level else "coming down"
        words = f"{move} to level {hold.level} by {hold.rule} is held: {hold.reason}{_who(ticket.policy, hold)}"
        yield Remark(kind=Kind.HELD, words=words, since=hold.since, until=hold.until)


def _who(policy: Policy, hold: Hold) -> str:
    """Name the people for whose word a move waits."""
    roles = policy.level(hold.level).needs_confirmation if waits_for_confirmation(hold) else ()
    people = dict.fromkeys(name for role in roles if role in policy.roles for name in policy.roles[role].people)
    return f" ({say.listed(people)})" if people else ""


def _writing(ticket: Standing) -> Iterator[Remark]:
    for pending in ticket.case.pending:
        words = f"the move to level {pending.level} by {pending.rule} is decided, and its writes have not all ended"
        yield Remark(kind=Kind.HELD, words=words, since=pending.at)


# --- guards -------------------------------------------------------------------------------------------------------
def _guarded(ticket: Standing) -> Iterator[Remark]:
    guards, case, now, moment = ticket.policy.guards, ticket.case, ticket.now, ticket.moment()
    calendar = Clocks(ticket.policy, case).calendar
    if guards.never is not None and guards.never.ask(moment).value:
        yield Remark(kind=Kind.GUARD, words=f"no move up, because {say.in_words(guards.never, calendar)}")
    if guards.never_hold is not None and never_held(guards, moment):
        spared = say.in_words(guards.never_hold, calendar)
        yield Remark(kind=Kind.GUARD, words=f"spared the guards that only make a move wait, because {spared}")
    if (until := too_soon(guards, case, now)) is not None and guards.min_time_between is not None:
        words = f"its last move was less than {say.spelled(guards.min_time_between.length)} ago"
        yield Remark(kind=Kind.GUARD, words=words, since=case.moved_at[-1], until=until)
    if (budget := guards.per_ticket) is not None:
        recent = [at for at in case.moved_at if at > now - budget.per.length]
        words = f"it was moved {len(recent)} of at most {budget.at_most} times in {say.spelled(budget.per.length)}"
        full = recent[-budget.at_most] + budget.per.length if len(recent) >= budget.at_most else None
        yield Remark(kind=Kind.GUARD, words=words, until=full)
    for limit in (budget for budget in guards.level_budgets if budget.level > case.level):
        used = ticket.facts.used.get(limit.level)
        got = f"got {used.count if used else 0} of at most {limit.at_most} tickets in {say.spelled(limit.per.length)}"
        full = used.free_at if used is not None and used.count >= limit.at_most else None
        yield Remark(kind=Kind.GUARD, words=f"level {limit.level} {got}", until=full)


# --- people who are told ------------------------------------------------------------------------------------------
def _attended(ticket: Standing) -> Iterator[Remark]:
    """Say how often people were reminded and asked to look, and when they are next."""
    level, case, moment = ticket.level, ticket.case, ticket.moment()
    reminders, every = level.if_not_taken, level.review_every
    if reminders is not None:
        due, coming = not_taken(level, case, moment)
        words = f"{case.reminded} of at most {amount(reminders.at_most, 'reminder')} to take it"
        yield Remark(kind=Kind.TOLD, words=words, until=ticket.now if due is not None else coming)
    if every is not None:
        due, coming = review(level, case, moment)
        words = f"asked to look at it again {times(case.reviewed)}"
        yield Remark(kind=Kind.TOLD, words=words, until=ticket.now if due is not None else coming)


# --- time ---------------------------------------------------------------------------------------------------------
def _hours(ticket: Standing) -> Iterator[Remark]:
    """Say which levels above are out of hours now."""
    moment = ticket.moment()
    for level in ticket.policy.levels[ticket.case.level :]:
        other = level.out_of_hours
        if other is not None and out_of_hours(other, moment):
            what = "moves to it wait" if other.hold else "others get its tickets or are told"
            words = f"level {level.number} {level.name} is out of hours ({other.calendar}): {what}"
            opens = opening(ticket.policy.calendars[other.calendar], ticket.now)
            yield Remark(kind=Kind.TIME, words=words, until=opens)


def _paused(ticket: Standing) -> Iterator[Remark]:
    for pause in pauses_of(ticket.policy, ticket.case.story):
        if pause.start <= ticket.now and (pause.end is None or pause.end > ticket.now):
            blocked = pause.reason.startswith("blocked")
            keys = ", ".join(ticket.case.ticket.blocked_by[:3])
            why = f"{plain(pause.reason)}{f' ({keys})' if blocked and keys else ''}"
            words = f"no time counts while it is {why}" if blocked else f"no time counts while the status is {why}"
            yield Remark(kind=Kind.HELD, words=words, since=pause.start, until=pause.end)


def _calendar(ticket: Standing) -> Iterator[Remark]:
    """Say which calendar counts, where it might be another."""
    policy = ticket.policy
    found, unknown = customers_calendar(policy, ticket.case.ticket, ticket.case.story)
    if ticket.level.calendar is not None:
        why = f"as level {ticket.level.number} {ticket.level.name} says"
    elif policy.calendar_from is not None:
        value = ticket.case.ticket.custom.get(policy.calendar_from)
        named = f"the customer's {say.field(policy.calendar_from)} says {value}" if value else "the customer names none"
        why = "the field that names it is not known yet" if unknown else named
    elif any(tier.calendar for tier in policy.tiers):
        why = "the customer's tier is not known yet" if unknown else "for customers of this tier"
    else:
        return
    calendar = ticket.level.calendar or found
    yield Remark(kind=Kind.TIME, words=f"durations count the calendar {calendar}: {why}")
