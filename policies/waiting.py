"""Questions about what happened, and for how long: levels, returns, requests by staff, waiting.

Time questions answer with the very numbers they compared, and with the instant at which they turn, so that nothing
has to poll.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from policies.asking import Anchor, FactQuestion, Start, TimeQuestion, Unknown
from policies.conditions import Cause, Moment, condition
from policies.story import Request
from policies.values import counted, duration_of, yes_or_no


def _level(moment: Moment) -> int:
    return moment.level


@condition("level", example="level: {less_than: 3}")
def level(value: Any) -> FactQuestion:
    """The ticket stands at this level, or compares so."""
    compare, wanted = counted(value)
    return FactQuestion(name="level", wanted=wanted, read=_level, holds=compare)


def _reopens(moment: Moment) -> int:
    return moment.story.reopens


def _came_back(moment: Moment, count: Any) -> tuple[Cause, ...]:
    since = moment.story.reopened_at
    return (Cause(id=f"reopens={count}", since=since),) if since else ()


@condition("reopens", example="reopens: {at_least: 2}")
def reopens(value: Any) -> FactQuestion:
    """How often it came back after it was solved; each further time is a cause of its own."""
    compare, wanted = counted(value)
    return FactQuestion(
        name="reopens", wanted=wanted, read=_reopens, holds=compare, causes=_came_back, told_always=True
    )


def _request(moment: Moment) -> Request | None:
    return moment.story.requests[-1] if moment.story.requests else None


@condition("requested_by_staff", example="requested_by_staff: true")
def requested_by_staff(value: Any) -> FactQuestion:
    """An agent asked for it: the tag or label `escalate` (or `escalate_3`), or `/escalate` in a comment."""
    wanted = yes_or_no(value)
    return FactQuestion(
        name="requested_by_staff", wanted="yes" if wanted else "no", read=_request,
        holds=lambda last: (last is not None) == wanted,
        show=lambda last: f"by {last.by or 'staff'}" if last else "no",
        causes=lambda _, last: (Cause(id=f"request={last.id}", since=last.at),) if last else (), told_always=True,
    )  # fmt: skip


def _answered(moment: Moment) -> bool | Unknown:
    return moment.story.waiting_since is None if moment.story.conversation else Unknown("conversation")


@condition("answered", example="answered: true")
def answered(value: Any) -> FactQuestion:
    """Whether the requester's last message has a public answer."""
    wanted = yes_or_no(value)
    return FactQuestion(
        name="answered", wanted="yes" if wanted else "no", read=_answered, holds=lambda found: found == wanted,
        show=lambda found: "yes" if found else "no",
    )  # fmt: skip


# --- for how long -------------------------------------------------------------------------------------------
def time_question(
    name: str, sentence: str, anchor: Anchor, stretch: Callable[[Moment, datetime], str],
    kind: type[TimeQuestion] = TimeQuestion,
) -> None:  # fmt: skip
    """Register a question that waits for a length of time; `kind` is how it counts."""

    def build(value: Any) -> TimeQuestion:
        return kind(name=name, limit=duration_of(value), anchor=anchor, stretch=stretch)

    build.__doc__ = sentence
    condition(name, example=f"{name}: 30m")(build)


def _since(_: Moment, start: datetime) -> str:
    return f"since {start.isoformat()}"


def _unresolved(moment: Moment) -> Start:
    if moment.ticket.status is not None and moment.ticket.status.resolved:
        return Start(None, "resolved")
    if moment.policy.restart_after_reopening and moment.story.reopened_at:
        return Start(moment.story.reopened_at)
    return Start(moment.story.created_at, needs="created_at")


def _unanswered(moment: Moment) -> Start:
    if not moment.story.conversation:
        return Start(None, needs="conversation")
    return Start(moment.story.waiting_since, "answered")


def _not_taken(moment: Moment) -> Start:
    story, since = moment.story, moment.level_since
    spoken_since = any(at >= since for who, at in story.spoke.items() if who != moment.left_by)
    if spoken_since or (story.taken_at is not None and story.taken_at >= since):
        return Start(None, f"taken by {story.taken_by or 'an agent'}")
    if moment.returned and moment.ticket.assignee is not None:  # who had it before has it again
        return Start(None, f"taken by {moment.ticket.assignee}")
    return Start(since)


def _no_human_activity(moment: Moment) -> Start:
    return Start(moment.story.human_at or moment.story.created_at, needs="created_at")


def _at_level(moment: Moment) -> Start:
    return Start(moment.level_since)


time_question(
    "unresolved_for", "The ticket has been unresolved for this long, pauses left out.", _unresolved,
    lambda moment, _: f"#{moment.story.reopens if moment.policy.restart_after_reopening else 0}",
)  # fmt: skip
time_question(
    "unanswered_for", "The requester has been waiting for a public reply for this long.", _unanswered,
    lambda moment, _: f"#{moment.story.waits}",
)  # fmt: skip
time_question("not_taken_for", "Nobody at the present level has taken the ticket for this long.", _not_taken, _since)
time_question("no_human_activity_for", "No agent has changed or commented for this long.", _no_human_activity, _since)
time_question("at_level_for", "The ticket has stood at its level for this long.", _at_level, _since)
