"""From a case to the moment a rule is asked at: which clock counts, what paused it, where the rule leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from policies.calendars import Clock, Pause
from policies.case import Case, Facts
from policies.conditions import Moment
from policies.durations import Duration
from policies.levels import Step
from policies.model import Status, Ticket
from policies.policy import Policy, Rule
from policies.questions import tier_of
from policies.story import BLOCKED, Story

_RESOLVED = frozenset(status for status in Status if status.resolved)


def pauses_of(policy: Policy, story: Story) -> tuple[Pause, ...]:
    """Return when the clocks stood still: in the statuses the policy names, while resolved, and while blocked."""
    ends = (*[since.at for since in story.statuses[1:]], None)
    spans = tuple([
        Pause(start=since.at, end=end, reason=since.value)
        for since, end in zip(story.statuses, ends, strict=False)  # no status known, no pause
        if since.value in policy.pause_while or since.value in _RESOLVED
    ])  # fmt: skip
    return spans if policy.pause_linked is None else (*spans, *_blocked(story, policy.pause_linked.length))


def _blocked(story: Story, at_most: timedelta) -> Iterator[Pause]:
    """Yield when open linked tickets blocked it, each time no longer than the policy allows."""
    ends = (*(since.at for since in story.blocked[1:]), None)
    for since, end in zip(story.blocked, ends, strict=False):
        if since.value == BLOCKED:
            latest = since.at + at_most
            yield Pause(start=since.at, end=min(end or latest, latest), reason="blocked by a linked ticket")


def customers_calendar(policy: Policy, ticket: Ticket, story: Story) -> tuple[str, str | None]:
    """Return the calendar of the ticket's customer, else the policy's, and the field to fetch if that is unknown."""
    if policy.calendar_from is not None:
        if policy.calendar_from not in ticket.custom and not (story.whole and ticket.knows("custom")):
            return policy.calendar, "custom"
        named = (ticket.custom.get(policy.calendar_from) or "").casefold()
        return next((name for name in policy.calendars if name.casefold() == named), policy.calendar), None
    if any(tier.calendar for tier in policy.tiers):
        found, _, needs = tier_of(policy, ticket)
        chosen = next((tier.calendar for tier in policy.tiers if tier.name == found), None)
        return chosen or policy.calendar, needs
    return policy.calendar, None


class Clocks:
    """The clocks of one look: what paused the ticket is found out once, not for every question.

    A rule's calendar counts before that of the level the ticket stands at, then the customer's, then the policy's.
    `unknown`: the field to fetch before the customer's calendar, or what blocks the ticket, is known.
    """

    def __init__(self, policy: Policy, case: Case) -> None:
        self._policy = policy
        self._pauses = pauses_of(policy, case.story)
        self._made: dict[str | None, Clock] = {}
        self._customers, self.unknown = customers_calendar(policy, case.ticket, case.story)
        if policy.pause_linked is not None and self.unknown is None and not case.ticket.knows("blocked_by"):
            self.unknown = "blocked_by"
        self.calendar = self.at_level(case.level)

    def at_level(self, level: int) -> str:
        """Return the calendar that counts for a ticket at this level."""
        return self._policy.level(level).calendar or self._customers

    def of(self, rule: Rule) -> Callable[[Duration], Clock]:
        """Return what gives a rule's durations their clock."""
        return self.on(rule.calendar or self.calendar)

    def on(self, name: str) -> Callable[[Duration], Clock]:
        """Return what gives durations their clock, where this calendar counts."""
        return lambda length: self.clock(None if length.clock else name)

    def for_level(self, level: int, length: Duration) -> Clock:
        """Return the clock on which a level's own duration counts."""
        return self.clock(None if length.clock else self.at_level(level))

    def clock(self, name: str | None) -> Clock:
        """Return the clock of a calendar, or the one on which every minute counts."""
        if name not in self._made:
            calendar = None if name is None else self._policy.calendars[name]
            self._made[name] = Clock(calendar=calendar, pauses=self._pauses)
        return self._made[name]


def moment_of(
    policy: Policy, clock_for: Callable[[Duration], Clock], case: Case, facts: Facts, now: datetime
) -> Moment:
    """Put together all that questions may look at; `clock_for` gives a duration its clock."""
    return Moment(
        policy=policy,
        ticket=case.ticket,
        story=case.story,
        level=case.level,
        level_since=case.level_since,
        now=now,
        clock_for=clock_for,
        left_by=case.left_by,
        promised=case.promised,
        returned=case.returned,
        fetched=facts.fetched,
    )


def destination(rule: Rule, case: Case, policy: Policy) -> int:
    """Return the level a rule leads to from here, never above the top; 0 if it only tells."""
    if rule.go_to is None:
        return 0
    if not isinstance(rule.go_to, Step):
        wanted = rule.go_to
    elif rule.go_to is Step.REQUESTED_LEVEL and case.story.requests:
        wanted = case.story.requests[-1].level or case.level + 1
    else:
        wanted = case.level + 1
    return min(wanted, policy.top)


def leads_up(rule: Rule, case: Case, policy: Policy) -> bool:
    """Say whether a rule leads higher than the ticket stands, or tells somebody."""
    if isinstance(rule.go_to, int):  # never above the top, or the policy would not have loaded
        return rule.go_to > case.level
    return rule.go_to is None or destination(rule, case, policy) > case.level
