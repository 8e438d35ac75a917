"""Notices that the machine's clock was set, or that the machine slept. It changes nothing: looks go by the tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

_WORTH_TELLING = 5.0
"""Seconds; clocks that are kept right by the network go in smaller steps."""


class Jumps:
    """Compares a clock with seconds that never go back (`ticking`)."""

    def __init__(self, now: Callable[[], datetime], ticking: Callable[[], float]) -> None:
        self._now = now
        self._ticking = ticking
        self._apart = self._difference()

    def seen(self) -> str | None:
        """Return what happened since the last time, as a sentence, if the clock jumped."""
        apart = self._difference()
        jump, self._apart = apart - self._apart, apart
        if abs(jump) < _WORTH_TELLING:
            return None
        if jump > 0:
            return (
                f"the clock went forward by {jump:.0f} s: it was set, or the machine slept; what fell due is looked at "
                "now, one step for each ticket"
            )
        return (
            f"the clock was set back by {-jump:.0f} s; what was due by the old time waits for the new one; if this one "
            "is wrong, set it right: signed deliveries from vendors whose clocks differ are answered 503"
        )

    def _difference(self) -> float:
        return self._now().timestamp() - self._ticking()
