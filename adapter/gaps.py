"""What we know that we were not told: changes nobody delivered, and tickets that must be read before they are decided.

Plain values; nothing is asked or stored here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from policies.model import Event, Kind, TicketRef


class Why(StrEnum):
    """Why there is a gap. The first three are changes at the vendor that no delivery told."""

    MISSED = "missed"
    OURS = "ours"  # our own write, whose echo did not come: counted, and nothing to decide upon
    OUTSIDE = "outside"  # of a ticket that the policy does not name: counted, and never fetched
    MERGED = "merged"  # another ticket was poured into it
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
