"""From a case to the moment a rule is asked at: which clock counts, what paused it, where the rule leads."""

from __future__ import annotations

import functools
from datetime import datetime

from policies.calendars import Clock, Pause
from policies.case import Case, Facts
from policies.conditions import Moment
from policies.model import Status
from policies.policy import Duration, Policy, Rule, Step
from policies.story import Story


def pauses_of(policy: Policy, story: Story) -> tuple[Pause, ...]:
    """Return when the clocks stood still: in the statuses the policy names, and while the ticket was resolved."""
    ends = [since.at for since in story.statuses[1:]]
    spans = zip(story.statuses, [*ends, None], strict=True)
    return tuple(
        Pause(start=since.at, end=end, reason=since.value)
        for since, end in spans
        if (status := Status(since.value)).resolved or status in policy.pause_while
    )


def clock_for(policy: Policy, rule: Rule | None, story: Story, length: Duration) -> Clock:
    """Return the clock on which this duration counts."""
    name = (rule.calendar if rule else None) or policy.calendar
    return Clock(calendar=None if length.clock else policy.calendars[name], pauses=pauses_of(policy, story))


def moment_of(policy: Policy, rule: Rule | None, case: Case, facts: Facts, now: datetime) -> Moment:
    """Put together all that a rule's questions may look at."""
    return Moment(
        policy=policy,
        ticket=case.ticket,
        story=case.story,
        level=case.level,
        level_since=case.level_since,
        now=now,
        clock_for=functools.partial(clock_for, policy, rule, case.story),
        left_by=case.left_by,
        fetched=facts.fetched,
    )


def destination(rule: Rule, case: Case, policy: Policy) -> int:
    """Return the level a rule leads to from here, never above the top."""
    if rule.go_to is Step.NEXT_LEVEL:
        wanted = case.level + 1
    elif rule.go_to is Step.REQUESTED_LEVEL:
        asked = case.story.requests[-1].level if case.story.requests else None
        wanted = asked or case.level + 1
    else:
        wanted = int(rule.go_to)
    return min(wanted, policy.top)
