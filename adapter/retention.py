"""How long things are kept, and the errand that lets go of what is older, a few rows at a time. What an open case needs
is never taken: its events and its last look stay, whatever their age.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from adapter.journal import Journal

At = TypeVar("At", int, str)

EVERY = timedelta(hours=1)
"""How long after one round the next begins."""
BREATH = timedelta(milliseconds=50)
"""How long deliveries and looks have the database for themselves between two steps."""
_UNTOUCHED_STEPS = 20
"""How many steps that only read are made in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long each kind is kept; None: for ever (`[retention]` in stepladder.toml, where the numbers are days)."""

    bodies: timedelta | None
    deliveries: timedelta | None
    dead_letters: timedelta | None
    tickets: timedelta | None
    looks: timedelta | None
    counts: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """From when on each kind is kept: what is older may go. None: nothing does. `now`: what is later cannot be true."""

    now: datetime
    bodies: datetime | None
    deliveries: datetime | None
    dead_letters: datetime | None

    @property
    def latest(self) -> datetime | None:
        """The moment after which nothing of a delivery can be old."""
        return max((at for at in (self.bodies, self.deliveries, self.dead_letters) if at is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[At]):
    """What one short transaction let go, by kind, and where the next begins; None: this was the end."""

    gone: Counter[str]
    after: At | None = None


class Purged(Protocol):
    """What letting go needs of the store. Each method is one step: few rows, one short transaction."""

    def purge_deliveries(self, after: int, old: Old) -> Step[int]:
        """Clear the bytes of old deliveries and delete those that are older still, except what is unread."""

    def purge_looks(self, after: int, before: datetime) -> Step[int]:
        """Delete old looks, except each ticket's last."""

    def purge_tickets(self, after: str, before: datetime, now: datetime) -> Step[str]:
        """Delete tickets that have ended and been quiet since, with everything that was kept of them."""

    def purge_counts(self, before: datetime) -> Step[int]:
        """Delete old counts: moves, days, and gaps that are closed."""

    def settle_erasure(self) -> bool:
        """Leave no remnant of what was deleted beside the database's file; False if that must wait."""


class Purge:
    """Runs on one thread as an errand: one step at a time, with a breath after each, every hour from the beginning."""

    def __init__(self, store: Purged, keep: Keep, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._keep = keep
        self._journal = journal
        self._clock = clock
        self._round: Iterator[Counter[str]] | None = None
        self._gone: Counter[str] = Counter()

    def run(self) -> datetime:
        """Make the next step of a round; return when to make the one after it."""
        now = self._clock()
        self._round = self._round or self._steps(now)
        for _ in range(_UNTOUCHED_STEPS):
            gone = next(self._round, None)
            if gone is None:
                return self._ended(now)
            self._gone += gone
            if gone:
                break
        return now + BREATH

    def whole(self) -> Counter[str]:
        """Make a whole round at once, without a breath; return how many rows of each kind have gone."""
        gone: Counter[str] = Counter()
        for step in self._steps(self._clock()):
            gone += step
        return gone

    def _ended(self, now: datetime) -> datetime:
        for kind, rows in sorted(self._gone.items()):
            self._journal.tell("purge.done", kind=kind, rows=rows)
        if self._gone:
            self._store.settle_erasure()
        self._round, self._gone = None, Counter()
        return now + EVERY

    def _steps(self, now: datetime) -> Iterator[Counter[str]]:
        keep, store = self._keep, self._store
        old = Old(
            now=now,
            bodies=_before(now, keep.bodies),
            deliveries=_before(now, keep.deliveries),
            dead_letters=_before(now, keep.dead_letters),
        )
        tickets, looks, counts = (_before(now, length) for length in (keep.tickets, keep.looks, keep.counts))
        if old.latest is not None:
            yield from _walked(0, lambda after: store.purge_deliveries(after, old))
        if tickets is not None:
            yield from _walked("", lambda after: store.purge_tickets(after, tickets, now))
        if looks is not None:
            yield from _walked(0, lambda after: store.purge_looks(after, looks))
        if counts is not None:
            yield from _walked(0, lambda _: store.purge_counts(counts))


def _before(now: datetime, length: timedelta | None) -> datetime | None:
    return now - length if length is not None else None


def _walked(start: At, step: Callable[[At], Step[At]]) -> Iterator[Counter[str]]:
    """Yield what each step let go, from the first to the last."""
    after: At | None = start
    while after is not None:
        made = step(after)
        yield made.gone
        after = made.after
