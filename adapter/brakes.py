"""One brake per site: the first failure closes it to all but one probe, and recovery spreads out (decision 16).

What a brake knows is kept in memory, or where all processes see it; what follows from it is the same.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from connectors.contract import TryLater

Answer = TypeVar("Answer")
_LONGEST = 60.0
_PROBE = timedelta(seconds=10)


class Resting(TryLater):
    """The site is given a rest: nothing was asked, so this says nothing about the site."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the site is given a rest", after=seconds, site_wide=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a brake knows. `until`: when the next probe may go, or None while everybody may; `rest`: seconds of it."""

    failures: int = 0
    until: datetime | None = None
    probe_until: datetime | None = None
    closed_at: datetime | None = None
    rest: float = 0.0


OPEN = Rest()


class Knowledge(Protocol):
    """Where a brake keeps what it knows."""

    def seen(self) -> Rest:
        """Return what was known last; this may be a moment old and costs nothing."""

    def look(self) -> Rest:
        """Return what is known now."""

    def change(self, step: Callable[[Rest], tuple[Rest, Answer]]) -> Answer:
        """Take one step while nobody else takes one, and keep what is known after it."""


class Remembered:
    """Keeps it in memory, for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = OPEN

    def seen(self) -> Rest:
        """Return what is known."""
        return self._known

    look = seen

    def change(self, step: Callable[[Rest], tuple[Rest, Answer]]) -> Answer:
        """Take one step while no other thread takes one."""
        with self._lock:
            self._known, answer = step(self._known)
            return answer


class Brake:
    """Open until a failure that concerns the whole site; then closed, for longer each time, until a probe succeeds."""

    def __init__(
        self, spread: Callable[[float, float], float] = random.uniform, knowledge: Knowledge | None = None
    ) -> None:
        self._spread = spread
        self._knowledge: Knowledge = knowledge or Remembered()
        self.said = ""
        """What the site answered when it last failed, as far as this process was there."""

    @property
    def closed(self) -> bool:
        """Say whether the site is given a rest; unlike `wait_until` this lets nobody go ahead."""
        return self._knowledge.look().until is not None

    @property
    def failing(self) -> bool:
        """Say whether it is closed because the site failed, and not only because of a limit of our own."""
        known = self._knowledge.look()
        return known.until is not None and known.failures > 0

    def wait_until(self, now: datetime) -> datetime | None:
        """Return None if the caller may go ahead (perhaps as the probe), else when to come back."""
        if self._knowledge.look().until is None:
            return None
        return self._knowledge.change(lambda known: self._let_go(known, now))

    def failed(self, error: TryLater, now: datetime) -> datetime:
        """Close the site if it is the site's fault; return when this caller should come back."""
        wait = error.after
        if error.paced:
            self._knowledge.change(lambda known: (_paced(known, error, now), None))
        elif error.site_wide:
            self.said = str(error)
            wait = self._knowledge.change(lambda known: _closed(known, error.after or 0.0, now))
        elif not isinstance(error, Resting):
            self.succeeded()  # it answered, if only that this one ticket must wait
        return now + timedelta(seconds=(wait if wait is not None else 1.0) + self._spread(0.0, 0.2))

    def succeeded(self) -> None:
        """Open the site again."""
        if self._knowledge.seen().until is not None:
            self._knowledge.change(lambda known: (_opened(known), None))

    def unused(self) -> None:
        """Let somebody else be the probe: who went ahead has asked nothing."""
        if self._knowledge.seen().probe_until is not None:
            self._knowledge.change(lambda known: (replace(known, probe_until=None), None))

    def _let_go(self, known: Rest, now: datetime) -> tuple[Rest, datetime | None]:
        """Let one go as the probe when the rest is over; tell all others when to come back."""
        if known.until is None:
            return known, None
        if known.closed_at is not None and now < known.closed_at:  # the clock was set back: the rest is not longer
            known = replace(known, until=known.until - (known.closed_at - now), closed_at=now)
        until = known.until or now
        if now >= until and (known.probe_until is None or known.probe_until <= now):
            return replace(known, probe_until=now + _PROBE), None
        return known, max(until, now) + timedelta(seconds=self._spread(0.05, max(1.0, known.rest / 10)))


def _paced(known: Rest, error: TryLater, now: datetime) -> Rest:
    """Rest as long as a limit of ours says: the vendor was not asked, so this is no failure and no success."""
    known = replace(known, probe_until=None)
    if error.site_wide and error.after:
        until = now + timedelta(seconds=error.after)
        known = replace(known, until=max(known.until or until, until), closed_at=now)
    return known


def _closed(known: Rest, asked: float, now: datetime) -> tuple[Rest, float]:
    failures = known.failures
    if known.until is None or now >= known.until:  # those that were under way when it closed are no news
        failures += 1
    wait = max(asked, min(_LONGEST, 0.5 * 2.0 ** min(failures, 7)))
    until = max(known.until or now, now + timedelta(seconds=wait))
    return Rest(failures=failures, until=until, closed_at=now, rest=min(wait, _LONGEST)), wait


def _opened(known: Rest) -> Rest:
    return replace(known, failures=0, until=None, probe_until=None)
