"""Questions about what happened, and for how long: levels, returns, requests by staff, waiting.

Time questions answer with the very numbers they compared, and with the instant at which they turn, so that nothing
has to poll.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from policies.conditions import TIMED, Answer, Cause, Moment, Question, condition, saying
from policies.durations import Duration
from policies.values import counted, duration_of, spoken, yes_or_no


@condition("level", example="level: {less_than: 3}")
def level(value: Any) -> Question:
    """The ticket stands at this level, or compares so."""
    compare, wanted = counted(value)
    say = saying("level", wanted)
    return lambda moment: say(compare(moment.level), str(moment.level))


@condition("reopens", example="reopens: {at_least: 2}")
def reopens(value: Any) -> Question:
    """How often it came back after it was solved; each further time is a cause of its own."""
    compare, wanted = counted(value)

    def question(moment: Moment) -> Answer:
        count, since = moment.story.reopens, moment.story.reopened_at
        causes = (Cause(id=f"reopens={count}", since=since),) if since else ()
        return Answer(name="reopens", value=compare(count), found=str(count), wanted=wanted, causes=causes)

    return question


@condition("requested_by_staff", example="requested_by_staff: true")
def requested_by_staff(value: Any) -> Question:
    """An agent asked for it: the tag or label `escalate` (or `escalate_3`), or `/escalate` in a comment."""
    wanted = yes_or_no(value)

    def question(moment: Moment) -> Answer:
        last = moment.story.requests[-1] if moment.story.requests else None
        found = f"by {last.by or 'staff'}" if last else "no"
        causes = (Cause(id=f"request={last.id}", since=last.at),) if last else ()
        return Answer(
            name="requested_by_staff", value=(last is not None) == wanted, found=found,
            wanted="yes" if wanted else "no", causes=causes,
        )  # fmt: skip

    return question


@condition("answered", example="answered: true")
def answered(value: Any) -> Question:
    """Whether the requester's last message has a public answer."""
    wanted = yes_or_no(value)
    say = saying("answered", "yes" if wanted else "no")

    def question(moment: Moment) -> Answer:
        if not moment.story.conversation:
            return say(None, "unknown", "conversation")
        found = moment.story.waiting_since is None
        return say(found == wanted, "yes" if found else "no")

    return question


Anchor = Callable[[Moment], tuple[datetime | None, str, str | None]]
"""Where a time question starts counting: the instant (None: it does not count), why not, and what to fetch."""


def _register_time(name: str, sentence: str, anchor: Anchor) -> None:
    def build(value: Any) -> Question:
        limit = duration_of(value)
        return lambda moment: _timed(name, moment, limit, anchor(moment))

    build.__doc__ = sentence
    TIMED.add(name)
    condition(name, example=f"{name}: 30m")(build)


def _timed(name: str, moment: Moment, limit: Duration, start: tuple[datetime | None, str, str | None]) -> Answer:
    since, reason, needs = start
    if since is None:
        return Answer(name=name, value=None if needs else False, found=reason, wanted=limit.text, needs=needs)
    clock, lasting = moment.clock_for(limit), (limit.clock, since)
    if lasting not in moment.lasted:
        moment.lasted[lasting] = spoken(clock.elapsed(since, moment.now))
    due = clock.deadline(since, limit.length, moment.now)
    return Answer(
        name=name,
        value=due is not None and due <= moment.now,
        found=moment.lasted[lasting],
        wanted=limit.text,
        causes=(Cause(id=f"{name} {limit.text} {_of(name, moment, since)}", since=due),) if due is not None else (),
        due=due,
        start=since,
        on_clock=limit.clock,
    )


def _of(name: str, moment: Moment, since: datetime) -> str:
    """Say which stretch of time this is, in a way that an earlier event told late does not change."""
    if name == "unanswered_for":
        return f"#{moment.story.waits}"
    if name == "unresolved_for":
        return f"#{moment.story.reopens if moment.policy.restart_after_reopening else 0}"
    return f"since {since.isoformat()}"


def _unresolved(moment: Moment) -> tuple[datetime | None, str, str | None]:
    if moment.ticket.status is not None and moment.ticket.status.resolved:
        return None, "resolved", None
    if moment.policy.restart_after_reopening and moment.story.reopened_at:
        return moment.story.reopened_at, "", None
    return moment.story.created_at, "unknown", "created_at"


def _unanswered(moment: Moment) -> tuple[datetime | None, str, str | None]:
    if not moment.story.conversation:
        return None, "unknown", "conversation"
    return moment.story.waiting_since, "answered", None


def _not_taken(moment: Moment) -> tuple[datetime | None, str, str | None]:
    story, since = moment.story, moment.level_since
    spoken_since = any(at >= since for who, at in story.spoke.items() if who != moment.left_by)
    if spoken_since or (story.taken_at is not None and story.taken_at >= since):
        return None, f"taken by {story.taken_by or 'an agent'}", None
    return since, "", None


def _no_human_activity(moment: Moment) -> tuple[datetime | None, str, str | None]:
    return moment.story.human_at or moment.story.created_at, "unknown", "created_at"


_register_time("unresolved_for", "The ticket has been unresolved for this long, pauses left out.", _unresolved)
_register_time("unanswered_for", "The requester has been waiting for a public reply for this long.", _unanswered)
_register_time("not_taken_for", "Nobody at the present level has taken the ticket for this long.", _not_taken)
_register_time("no_human_activity_for", "No agent has changed or commented for this long.", _no_human_activity)
_register_time("at_level_for", "The ticket has stood at its level for this long.", lambda m: (m.level_since, "", None))
