"""One brake per site: the first failure closes it to all but one probe, and recovery spreads out (decision 16)."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.contract import TryLater

_LONGEST = 60.0
_PROBE = timedelta(seconds=10)


class Resting(TryLater):
    """The site is given a rest: nothing was asked, so this says nothing about the site."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the site is given a rest", after=seconds, site_wide=False)


class Brake:
    """Open until a failure that concerns the whole site; then closed, for longer each time, until a probe succeeds."""

    def __init__(self, spread: Callable[[float, float], float] = random.uniform) -> None:
        self._lock = threading.Lock()
        self._spread = spread
        self._failures = 0
        self._until: datetime | None = None
        self._probe_until: datetime | None = None
        self._closed_at: datetime | None = None
        self._rest = 0.0

    @property
    def closed(self) -> bool:
        """Say whether the site is given a rest; unlike `wait_until` this lets nobody go ahead."""
        return self._until is not None

    def wait_until(self, now: datetime) -> datetime | None:
        """Return None if the caller may go ahead (perhaps as the probe), else when to come back."""
        with self._lock:
            if self._until is None:
                return None
            if self._closed_at is not None and now < self._closed_at:  # the clock was set back: the rest is not longer
                self._until -= self._closed_at - now
                self._closed_at = now
            free = self._probe_until is None or self._probe_until <= now
            if now >= self._until and free:
                self._probe_until = now + _PROBE
                return None
            return max(self._until, now) + timedelta(seconds=self._spread(0.05, max(1.0, self._rest / 10)))

    def failed(self, error: TryLater, now: datetime) -> datetime:
        """Close the site if it is the site's fault; return when this caller should come back."""
        with self._lock:
            wait = error.after
            if error.paced:
                self._pace(error, now)
            elif error.site_wide:
                wait = self._close(wait or 0.0, now)
            elif not isinstance(error, Resting):
                self._open()  # it answered, if only that this one ticket must wait
            return now + timedelta(seconds=(wait if wait is not None else 1.0) + self._spread(0.0, 0.2))

    def succeeded(self) -> None:
        """Open the site again."""
        if self._until is None:
            return
        with self._lock:
            self._open()

    def unused(self) -> None:
        """Let somebody else be the probe: who went ahead has asked nothing."""
        with self._lock:
            self._probe_until = None

    def _pace(self, error: TryLater, now: datetime) -> None:
        """Rest as long as a limit of ours says: the vendor was not asked, so this is no failure and no success."""
        self._probe_until = None
        if error.site_wide and error.after:
            until = now + timedelta(seconds=error.after)
            self._until, self._closed_at = max(self._until or until, until), now

    def _close(self, asked: float, now: datetime) -> float:
        if self._until is None or now >= self._until:  # those that were under way when it closed are no news
            self._failures += 1
        wait = max(asked, min(_LONGEST, 0.5 * 2.0 ** min(self._failures, 7)))
        self._until = max(self._until or now, now + timedelta(seconds=wait))
        self._probe_until, self._closed_at, self._rest = None, now, min(wait, _LONGEST)
        return wait

    def _open(self) -> None:
        self._failures, self._until, self._probe_until = 0, None, None
