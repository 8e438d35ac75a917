"""What we know that we were not told: changes nobody delivered, and tickets that must be read before they are decided.

Plain values; nothing is asked or stored here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from policies.model import Event, Kind, TicketRef


class Why(StrEnum):
    """Why there is a gap. The first three are changes at the vendor that no delivery told."""

    MISSED = "missed"
    OURS = "ours"  # our own write, whose echo did not come: counted, and nothing to decide upon
    OUTSIDE = "outside"  # of a ticket that the policy does not name: counted, and never fetched
    MERGED = "merged"  # another ticket was poured into it
    RESTORED = "restored"  # it comes from a backup, and more may have happened since
    ORDERED = "ordered"  # an administrator takes our moves back, and it is read before that
    STALE = "stale"  # the vendor refused a write because somebody had changed the ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One ticket at one moment of the vendor's. An open one makes the next look fetch the ticket."""

    ref: TicketRef
    at: datetime
    why: Why

    def event(self, now: datetime) -> Event:
        """Return it as an event: something happened, and only the vendor can say what."""
        name, before = f"{self.why.value}:{self.at.isoformat()}", now - timedelta(microseconds=1)  # before the fetch
        return Event(id=name, kind=Kind.TOUCHED, at=min(self.at, before), received_at=now)


def poured(ref: TicketRef, events: Iterable[Event]) -> list[Gap]:
    """Return the tickets that this one was merged into: what was asked here is to be seen there."""
    into = [(event.merged_into, event.at) for event in events if event.merged_into is not None]
    return [Gap(ref=replace(ref, id=ticket), at=at, why=Why.MERGED) for ticket, at in into if ticket != ref.id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An administrator takes back our moves of a ticket, down to a level. `key` is the same for all of one command."""

    key: str
    ref: TicketRef
    at: datetime
    level: int
    said_by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How far a site (`vendor/site`) was compared with what we heard.

    `since`: when Stepladder first knew it; nothing before counts. `watermark`: every change up to it was compared.
    `ask_from`: where the next question begins. `asked_at`: the last time all was answered; `problem`: why not since.
    """

    site: str
    since: datetime
    watermark: datetime
    ask_from: datetime
    asked_at: datetime | None = None
    problem: str | None = None

    def possible(self, now: datetime, wait: timedelta) -> Watch:
        """Return itself; or, if it was kept while our clock was ahead, what can be true of it: nothing in the future.

        When it was compared last is not known then, so the day before is asked about again.
        """
        latest = max(self.since, self.watermark, self.ask_from, self.asked_at or self.since)
        if latest <= now:
            return self
        since = min(self.since, now)
        problem = f"our clock was ahead, at {latest:%d %b %H:%M} UTC; what changed while it was may not be found"
        return replace(
            self,
            since=since,
            watermark=max(since, min(self.watermark, now - wait)),
            ask_from=max(since, min(self.ask_from, now - wait - _BACK)),
            asked_at=None,
            problem=problem,
        )


_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How often each site is asked, and how old a change must be: until then its webhook may still come."""

    every: timedelta
    wait: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One site's day in UTC: what came, what was asked, and what was compared, by the vendor's time of the change."""

    day: date
    deliveries: int = 0
    calls: int = 0
    changed: int = 0
    missed: int = 0
    ours: int = 0
    outside: int = 0
