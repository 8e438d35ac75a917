"""From a case to the moment a rule is asked at: which clock counts, what paused it, where the rule leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from policies.calendars import Calendar, Clock, Pause
from policies.case import Case, Facts
from policies.conditions import Moment
from policies.model import Status
from policies.policy import Duration, Policy, Rule, Step
from policies.story import Story


def pauses_of(policy: Policy, story: Story) -> tuple[Pause, ...]:
    """Return when the clocks stood still: in the statuses the policy names, and while the ticket was resolved."""
    ends = (*(since.at for since in story.statuses[1:]), None)
    return tuple(
        Pause(start=since.at, end=end, reason=since.value)
        for since, end in zip(story.statuses, ends, strict=False)  # no status known, no pause
        if (status := Status(since.value)).resolved or status in policy.pause_while
    )


def clock_for(policy: Policy, rule: Rule | None, story: Story, length: Duration) -> Clock:
    """Return the clock on which this duration counts."""
    return Clock(calendar=None if length.clock else _calendar(policy, rule), pauses=pauses_of(policy, story))


def _calendar(policy: Policy, rule: Rule | None) -> Calendar:
    return policy.calendars[(rule.calendar if rule else None) or policy.calendar]


class Clocks:
    """The clocks of one look: what paused the ticket is found out once, not for every question."""

    def __init__(self, policy: Policy, story: Story) -> None:
        self._policy = policy
        self._pauses = pauses_of(policy, story)
        self._made: dict[str | None, Clock] = {}

    def of(self, rule: Rule) -> Callable[[Duration], Clock]:
        """Return what gives a rule's durations their clock."""
        name = rule.calendar or self._policy.calendar
        return lambda length: self._clock(None if length.clock else name)

    def _clock(self, name: str | None) -> Clock:
        if name not in self._made:
            calendar = None if name is None else self._policy.calendars[name]
            self._made[name] = Clock(calendar=calendar, pauses=self._pauses)
        return self._made[name]


def moment_of(policy: Policy, rule: Rule, case: Case, facts: Facts, now: datetime, clocks: Clocks) -> Moment:
    """Put together all that a rule's questions may look at."""
    return Moment(
        policy=policy,
        ticket=case.ticket,
        story=case.story,
        level=case.level,
        level_since=case.level_since,
        now=now,
        clock_for=clocks.of(rule),
        left_by=case.left_by,
        fetched=facts.fetched,
    )


def destination(rule: Rule, case: Case, policy: Policy) -> int:
    """Return the level a rule leads to from here, never above the top."""
    if not isinstance(rule.go_to, Step):
        wanted = rule.go_to
    elif rule.go_to is Step.REQUESTED_LEVEL and case.story.requests:
        wanted = case.story.requests[-1].level or case.level + 1
    else:
        wanted = case.level + 1
    return min(wanted, policy.top)
