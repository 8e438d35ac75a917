"""The two kinds of question that conditions become: what a ticket is, and for how long something has been so.

Each has two faces, a glance that says only yes or no and an answer with words and causes, made from one definition so
that they cannot disagree. A look glances at everything and asks only what may matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from policies.calendars import Clock
from policies.conditions import Answer, Cause, Moment
from policies.durations import Duration
from policies.openings import EARLIEST
from policies.values import spoken


class Unknown(NamedTuple):
    """Neither yes nor no until `needs` is fetched; `found` is what is known so far, in words."""

    needs: str
    found: str = "unknown"


Reading = Callable[[Moment], Any]
"""Finds what questions of one subject rest on, as a value that can be looked up; Unknown if it must be fetched."""


def _no_causes(_moment: Moment, _found: Any) -> tuple[Cause, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class FactQuestion:
    """Asks what is so, which time alone does not change.

    `holds` says yes, no or Unknown from nothing but what `read` found; all questions of one subject share their `read`.
    `causes` are the facts behind a yes (`told_always`: they are told with a no, too).
    """

    name: str
    wanted: str
    read: Reading
    holds: Callable[[Any], bool | Unknown]
    show: Callable[[Any], str] = str
    causes: Callable[[Moment, Any], tuple[Cause, ...]] = _no_causes
    told_always: bool = False
    timed: ClassVar[bool] = False

    def glance(self, moment: Moment, _at: datetime) -> bool | Unknown:
        """Say only whether it is so."""
        found = moment.read(self.read)
        return found if isinstance(found, Unknown) else self.holds(found)

    def ask(self, moment: Moment) -> Answer:
        """Answer in full."""
        found = moment.read(self.read)
        so = found if isinstance(found, Unknown) else self.holds(found)
        if isinstance(so, Unknown):
            return Answer(name=self.name, value=None, found=so.found, wanted=self.wanted, needs=so.needs)
        causes = self.causes(moment, found) if so or self.told_always else ()
        return Answer(name=self.name, value=so, found=self.show(found), wanted=self.wanted, causes=causes)


class Start(NamedTuple):
    """Where a time question starts counting (None: it does not count), why not, and what to fetch.

    `made`: since when the start itself is known, where that may be later than what it leads to.
    """

    at: datetime | None
    reason: str = "unknown"
    needs: str | None = None
    made: datetime | None = None


Anchor = Callable[[Moment], Start]
"""Finds the start; questions of one name share it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class TimeQuestion:
    """Asks whether something has been so for a length of time, and knows the instant at which that turns true.

    `stretch` names the stretch of time that a cause is about, in a way that an event told late does not change.
    `backwards`: it counts back from its start and may turn at any time before it; others turn the length after it, or
    later.
    """

    name: str
    limit: Duration
    anchor: Anchor
    stretch: Callable[[Moment, datetime], str]
    timed: ClassVar[bool] = True
    backwards: ClassVar[bool] = False

    # --- what another way of counting may do otherwise ---------------------------------------------------------------
    def turns(self, clock: Clock, start: datetime, known_at: datetime) -> datetime | None:
        """Return when it turns, or turned, true; None: not unless something else happens."""
        return clock.deadline(start, self.limit.length, known_at)

    def counted(self, clock: Clock, start: datetime, now: datetime) -> str:
        """Say how long it has been, in words."""
        return spoken(clock.elapsed(start, now))

    def begins(self, start: datetime, _due: datetime | None, _now: datetime) -> datetime | None:
        """Return from when on it counts, for the proof."""
        return start

    # --- the two faces -----------------------------------------------------------------------------------------------
    def earliest(self, moment: Moment) -> datetime | None:
        """Return an instant before which it cannot turn true, found without a calendar; None: it never does."""
        start: Start = moment.read(self.anchor)
        if start.at is None:
            return None
        return EARLIEST if self.backwards else start.at + self.limit.length

    def due(self, moment: Moment) -> datetime | None:
        """Return when it turns, or turned, true as far as is known; found once, for calendars take their time."""
        if self in moment.dues:
            return moment.dues[self]
        start: Start = moment.read(self.anchor)
        known_at = moment.known_at or moment.now
        due = None if start.at is None else self.turns(moment.clock_for(self.limit), start.at, known_at)
        moment.dues[self] = due
        return due

    def glance(self, moment: Moment, at: datetime) -> bool | Unknown:
        """Say only whether it is so, or will be at a later time."""
        start: Start = moment.read(self.anchor)
        if start.at is None:
            return Unknown(start.needs, start.reason) if start.needs else False
        if not self.backwards and start.at + self.limit.length > at:
            return False
        due = self.due(moment)
        return due is not None and due <= at

    def cause(self, moment: Moment) -> Cause | None:
        """Return the fact behind its yes, now or when it turns."""
        start, due = moment.read(self.anchor), self.due(moment)
        if due is None:
            return None
        named = f"{self.name} {self.limit.text} {self.stretch(moment, start.at)}"
        return Cause(id=named, since=max(due, start.made or due))

    def ask(self, moment: Moment) -> Answer:
        """Answer in full, with the very numbers that were compared."""
        start: Start = moment.read(self.anchor)
        if start.at is None:
            value = None if start.needs else False
            return Answer(name=self.name, value=value, found=start.reason, wanted=self.limit.text, needs=start.needs)
        due, cause = self.due(moment), self.cause(moment)
        return Answer(
            name=self.name,
            value=due is not None and due <= moment.now,
            found=self.counted(moment.clock_for(self.limit), start.at, moment.now),
            wanted=self.limit.text,
            causes=() if cause is None else (cause,),
            due=due,
            start=self.begins(start.at, due, moment.now),
            on_clock=self.limit.clock,
        )


Question = FactQuestion | TimeQuestion
"""What a condition's value becomes."""
