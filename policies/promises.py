"""Questions about promised times: the date that a ticket carries or was told, the vendor's own promise, what blocks it.

A promise is one instant. What is left until it, and how long ago it was, counts as other times do: open hours or every
minute, without the pauses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from policies.asking import Anchor, FactQuestion, Start, TimeQuestion
from policies.calendars import Clock
from policies.conditions import Moment, condition
from policies.openings import EARLIEST, LATEST, utc
from policies.questions import held, known
from policies.values import spoken, yes_or_no
from policies.waiting import time_question


def _promised(moment: Moment) -> Start:
    """Return the date that the ticket carries, else the resolution time that its level promised."""
    ticket = moment.ticket
    if not ticket.knows("due_at") and "due_at" not in moment.fetched:
        return Start(None, needs="due_at")
    if ticket.knows("due_at") and ticket.due_at is not None:
        return _within_reach(ticket.due_at, moment.story.took("due_at"))
    return _within_reach(moment.promised or _expected(moment), moment.level_since)


def _expected(moment: Moment) -> datetime | None:
    """Return by when the level expects a resolution, of a ticket that Stepladder did not bring there."""
    length = moment.policy.level(moment.level).expected_resolution
    if length is None:
        return None
    return moment.clock_for(length).deadline(moment.level_since, length.length, moment.known_at or moment.now)


def _sla(moment: Moment) -> Start:
    """Return when the vendor's own promise breaks."""
    ticket = moment.ticket
    if not ticket.knows("sla_breach_at"):
        return Start(None, needs="sla_breach_at")
    return _within_reach(ticket.sla_breach_at, moment.story.took("sla_breach_at"))


def _within_reach(at: datetime | None, made: datetime | None) -> Start:
    """Return a promise. One that was made when little was left is news from then on."""
    if at is None or not EARLIEST <= at < LATEST:  # such as the year 9999: a way to say never
        return Start(None, "nothing is promised")
    return Start(utc(at), made=made)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _After(TimeQuestion):
    """Counts from the promised instant on."""

    def begins(self, start: datetime, _due: datetime | None, now: datetime) -> datetime | None:
        """Nothing counts before the promise is broken."""
        return start if start <= now else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Until(TimeQuestion):
    """Counts what is left until the promised instant. Once it is broken nothing is."""

    backwards: ClassVar[bool] = True

    def turns(self, clock: Clock, start: datetime, known_at: datetime) -> datetime | None:
        """Return when no more than the length is left."""
        return clock.back(start, self.limit.length, known_at) or start

    def counted(self, clock: Clock, start: datetime, now: datetime) -> str:
        """Say how much is left."""
        return "broken" if start <= now else spoken(clock.left(start, now))

    def begins(self, _start: datetime, due: datetime | None, now: datetime) -> datetime | None:
        """The last stretch begins when only that much is left."""
        return due if due is not None and due <= now else None


def _which(_: Moment, promise: datetime) -> str:
    return promise.isoformat()  # the instant itself says which promise it is


def _register(name: str, sentence: str, promise: Anchor, kind: type[TimeQuestion]) -> None:
    time_question(name, sentence, promise, _which, kind)


_register("until_promise", "No more than this long is left until the time that was promised.", _promised, _Until)
_register("after_promise", "The time that was promised passed this long ago.", _promised, _After)
_register("until_sla_breach", "No more than this long is left until the vendor's own promise breaks.", _sla, _Until)
_register("after_sla_breach", "The vendor's own promise broke this long ago.", _sla, _After)

_blockers = known("blocked_by")


@condition("blocked", example="blocked: true")
def blocked(value: Any) -> FactQuestion:
    """Whether open linked tickets or issues must be solved before this one."""
    # that nothing blocks it any more is no reason to escalate, so only a yes has a cause
    wanted = yes_or_no(value)
    return FactQuestion(
        name="blocked", wanted="yes" if wanted else "no", read=_blockers, holds=lambda keys: bool(keys) is wanted,
        show=lambda keys: f"by {', '.join(keys[:3])}" if keys else "no",
        causes=lambda moment, _: held(moment, "blocked_by") if wanted else (),
    )  # fmt: skip
