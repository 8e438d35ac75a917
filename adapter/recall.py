"""The errand that goes on with recalls: what an activation, another mode or a resumption is to be looked at again.

It never lets much of that wait at once, so that what vendors tell meanwhile does not stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from policies.model import TicketRef

BREATH = timedelta(milliseconds=100)
"""How long deliveries and looks have the database for themselves between two steps."""
GLANCE = timedelta(seconds=1)
"""How often it is seen whether some process has begun one."""
_WAITING = 300
"""While so many tickets are due, no more are made so."""


class Recalled(Protocol):
    """What a recall needs of the store."""

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        """Return tickets that are due, the longest waiting first."""

    def recall(self, now: datetime) -> bool:
        """Make the next few tickets of a recall due; False if there was none."""


class Recall:
    """`run` is made for an errand."""

    def __init__(self, store: Recalled, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def run(self) -> datetime:
        """Make one step, if there is room for it; return when to come again."""
        now = self._clock()
        has_room = len(self._store.due(now, _WAITING)) < _WAITING
        return now + (GLANCE if has_room and not self._store.recall(now) else BREATH)
