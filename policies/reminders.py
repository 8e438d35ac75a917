"""When people are reminded: a ticket that nobody at its level takes, and a ticket whose review is due.

Reminders are counted, and a silence of a day gives one, not all that were missed. What follows when none of them
helped is a rule like any other, made here from the level's `if_not_taken`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from policies.case import Case
from policies.conditions import AllOf, Moment, leaf
from policies.levels import Level, Step
from policies.policy import Policy, Rule

MOST_REVIEWS = 12
"""How often people are asked to review a ticket on which nobody from support does anything."""


def implied(levels: Iterable[Level]) -> Iterator[Rule]:
    """Yield the rules that levels imply: what nobody took in spite of reminders goes to the next level."""
    for level in levels:
        taken, reminders = level.taken_within, level.if_not_taken
        if taken is None or reminders is None or not reminders.climb:
            continue
        length = taken.length + reminders.every.length * reminders.at_most
        limit = f"{int(length.total_seconds())}s{' clock' if taken.clock else ''}"
        yield Rule(
            name=reminder_name(level),
            when=AllOf(parts=(leaf("level", level.number), leaf("not_taken_for", _spelled(limit)))),
            go_to=Step.NEXT_LEVEL,
            calendar=level.calendar,
            implied=True,
        )


def reminder_name(level: Level) -> str:
    """What reminders to take a ticket, and the climb that follows them, go by."""
    return f"not taken at level {level.number}"


def review_name(level: Level) -> str:
    """What requests to review a ticket go by."""
    return f"review at level {level.number}"


def pausable(policy: Policy) -> list[str]:
    """Return every name that can be paused like a rule: rules, ways down, reminders and reviews."""
    reminding = [reminder_name(level) for level in policy.levels if level.if_not_taken is not None]
    reviewing = [review_name(level) for level in policy.levels if level.review_every is not None]
    rules = [rule.name for rule in policy.rules]
    return [*dict.fromkeys((*rules, *(way.name for way in policy.come_down), *reminding, *reviewing))]


def _spelled(limit: str) -> str:
    """Write a number of seconds in the largest unit that divides it."""
    number, _, clock = limit.partition("s")
    seconds = int(number)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}{clock}"
    return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A reminder that is due now: the `number`-th of its kind, of at most `most`, and since when it is waited."""

    number: int
    most: int
    since: datetime


def not_taken(level: Level, case: Case, moment: Moment) -> tuple[Reminder | None, datetime | None]:
    """Return the reminder to take the ticket that is due now, and when the next one is."""
    taken, reminders = level.taken_within, level.if_not_taken
    if taken is None or reminders is None:
        return None, None
    waits = leaf("not_taken_for", taken.text).ask(moment).answers[0]
    if waits.start is None:
        return None, None
    clock = moment.clock_for(taken)
    dues = [
        clock.deadline(waits.start, taken.length + reminders.every.length * number, moment.now)
        for number in range(reminders.at_most)
    ]
    return _due(dues, case, moment, reminders.at_most, waits.start)


def _due(
    dues: list[datetime | None], case: Case, moment: Moment, most: int, since: datetime
) -> tuple[Reminder | None, datetime | None]:
    passed = sum(1 for at in dues if at is not None and at <= moment.now)
    coming = min((at for at in dues if at is not None and at > moment.now), default=None)
    latest = dues[passed - 1] if passed else None
    seen = case.adopted_at is not None and latest is not None and latest < case.adopted_at
    if passed <= case.reminded or seen:
        return None, coming
    return Reminder(number=passed, most=most, since=since), coming


def review(level: Level, case: Case, moment: Moment) -> tuple[Reminder | None, datetime | None]:
    """Return the request to review the ticket that is due now, and when the next one is.

    It is due when nobody from support has changed or said anything for the level's `review_every`.
    """
    every = level.review_every
    if every is None:
        return None, None
    clock = moment.clock_for(every)
    acted = max(filter(None, (case.level_since, case.story.human_at, case.adopted_at)))
    done = case.reviewed if case.reviewed_at is not None and case.reviewed_at > acted else 0
    if done >= MOST_REVIEWS:
        return None, None
    start = case.reviewed_at if done and case.reviewed_at is not None else acted
    due = clock.deadline(start, every.length, moment.now)
    if due is None or due > moment.now:
        return None, due
    following = clock.deadline(moment.now, every.length, moment.now) if done + 1 < MOST_REVIEWS else None
    return Reminder(number=done + 1, most=MOST_REVIEWS, since=acted), following


def taken_reminded(case: Case, reminder: Reminder) -> Case:
    """Remember that people were reminded to take the ticket."""
    return replace(case, reminded=reminder.number)


def reviewed(case: Case, reminder: Reminder, now: datetime) -> Case:
    """Remember that people were asked to review the ticket."""
    return replace(case, reviewed=reminder.number, reviewed_at=now)
