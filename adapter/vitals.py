"""The numbers that say how the house is, as values, and where they are asked: a protocol that names no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from adapter.gaps import Day, Watch
from policies.model import TicketRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What waits in the tables: how much of it, and since when the oldest.

    `due`: tickets whose look is due; `calls`: vendor calls that have not ended; `letters`: messages to people; `dead`:
    deliveries that nobody could read; `left`: tickets that are left to a person. `bytes`: the size of the database.
    """

    due: int
    due_since: datetime | None
    calls: int
    call_since: datetime | None
    letters: int
    letter_since: datetime | None
    dead: int
    dead_at: datetime | None
    left: int
    bytes: int
    switches: Mapping[str, str]
    audited_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """How many tickets have waited too long for a look, and which the longest."""

    count: int
    ref: TicketRef
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A call that has not ended: the rule that wanted it, if that is known, and what was said when it was tried."""

    ref: TicketRef
    key: str
    since: datetime
    rule: str | None
    said: str


class Gauges(Protocol):
    """The store, as those use it who watch. Every method is one short transaction, however many tickets there are."""

    def vitals(self, now: datetime) -> Vitals:
        """Return the numbers of this moment."""

    def late(self, before: datetime, apart_from: Sequence[str]) -> Late | None:
        """Return which tickets were due before a moment, leaving out some sites (`vendor/site`)."""

    def unended(self, before: datetime, apart_from: Sequence[str], most: int = 50) -> Sequence[Waiting]:
        """Return calls that were planned before a moment and have not ended, the oldest first."""

    def watches(self) -> Sequence[Watch]:
        """Return how far each site was compared with what we heard."""

    def counted(self, since: date) -> Sequence[tuple[str, Day]]:
        """Return what was counted on each day, by site; deliveries are not counted here."""

    def pulse(self, name: str, now: datetime) -> None:
        """Write down that something is alive, which also proves that the database takes a write."""
