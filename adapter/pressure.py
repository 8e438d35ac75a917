"""Whether one more delivery can be taken: not too many tickets wait, and the disk keeps up.

Who cannot be helped is told so at once, so that no thread waits behind a slow disk. It never touches what was
acknowledged.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from adapter.journal import Journal
from adapter.records import Unusable

_ENOUGH = 0.8
"""Deliveries are taken again when so much of the bound waits, so that the door does not flutter."""
_AGAIN = 1.0
"""Seconds between two questions to the tables, and between two tries after a failure."""
_PATIENCE = 2.0
"""Seconds that a delivery waits for others to be stored; if one takes longer than that, the disk is slow."""
_SPARE = 2
"""Threads of the web server that never wait for the disk: they answer who cannot be helped, and who asks how it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why nothing is taken now. `why`: backlog, slow or store; `says`: a sentence for whoever runs Stepladder."""

    why: str
    says: str


_SLOWLY = Refusal(why="slow", says="the disk is slow: deliveries wait for others to be stored; what else uses it?")


class Refused(Exception):
    """This delivery is not taken now; the sender is to come again."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.says)
        self.refusal = refusal


class Waiting(Protocol):
    """What must be known of the tables."""

    def waiting(self, now: datetime, most: int) -> int:
        """Return how many tickets have unread deliveries and are due; it counts up to `most` and no further."""

    def prove(self) -> None:
        """Write something that changes nothing, and see that deliveries could be stored. Raises Unusable."""


class Pressure:
    """The intake's door. `backlog`: how many tickets may have unread deliveries; `threads`: of the web server."""

    def __init__(
        self,
        store: Waiting,
        journal: Journal,
        clock: Callable[[], datetime],
        backlog: int,
        threads: int,
        ticking: Callable[[], float] = time.monotonic,
        patience: float = _PATIENCE,
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._backlog = backlog
        self._ticking = ticking
        self._patience = patience
        self._lock, self._asker = threading.Lock(), threading.Lock()
        self._places = threading.BoundedSemaphore(max(1, threads - _SPARE))
        self._storing: dict[int, float] = {}
        self._full: Refusal | None = None
        self._broken: Refusal | None = None
        self._asked_at = self._try_at = -math.inf
        self._told: Refusal | None = None
        self._refused, self._refused_at = 0, -math.inf

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold a place while a delivery is stored. Raises Refused if there is none: at once, or after its patience."""
        self._ask()
        refusal = self._full or self._slow() or self._resting()
        if refusal is None and not self._places.acquire(timeout=self._patience):
            self._try_at = self._ticking() + _AGAIN
            refusal = _SLOWLY
        if refusal is not None:
            raise self._refuse(refusal)
        me = threading.get_ident()
        with self._lock:
            self._storing[me] = self._ticking()
        try:
            with self._attempt():
                yield
        finally:
            with self._lock:
                del self._storing[me]
            self._places.release()

    def problem(self) -> Refusal | None:
        """Return why nothing would be taken now; after a failure this tries, once a second, whether it is over."""
        self._ask()
        refusal = self._full or self._slow() or self._resting()
        if refusal is not None:
            return refusal
        if self._broken is None:
            self._took()
            return None
        try:
            with self._attempt():
                self._store.prove()
        except Refused as refused:
            return refused.refusal
        return None

    # --- what is known ------------------------------------------------------------------------------------
    def _ask(self) -> None:
        """Count what waits, once a second and by one thread; the others go by what was known before.

        What cannot even be counted is not stored either; while that is known, only a try finds out whether it is over.
        """
        fresh = self._ticking() < self._asked_at + _AGAIN
        if fresh or self._broken is not None or not self._asker.acquire(blocking=False):
            return
        try:
            bound = self._backlog if self._full is None else int(self._backlog * _ENOUGH)
            many = self._store.waiting(self._clock(), bound + 1) > bound
            found = f"{bound + 1:,} tickets or more have deliveries that wait to be read, of {self._backlog:,} that may"
            says = f"{found} ([server] backlog); do the workers run?"
            self._full = Refusal(why="backlog", says=says) if many else None
        except Unusable as error:
            self._full, self._broken = None, Refusal(why="store", says=str(error))
            self._try_at = self._ticking() + _AGAIN
        finally:
            self._asked_at = self._ticking()
            self._asker.release()

    def _slow(self) -> Refusal | None:
        with self._lock:
            oldest = min(self._storing.values(), default=math.inf)
        return _SLOWLY if self._ticking() - oldest > self._patience else None

    def _resting(self) -> Refusal | None:
        """After a failure let one through each second: it finds out whether that is over."""
        with self._lock:
            if self._broken is not None and self._ticking() < self._try_at:
                return self._broken
            self._try_at = math.inf  # until this one's end
            return None

    @contextmanager
    def _attempt(self) -> Iterator[None]:
        """Learn from what is stored in here whether the database can be used."""
        try:
            yield
        except Unusable as error:
            self._broken = Refusal(why="store", says=str(error))
            raise self._refuse(self._broken) from error
        else:
            self._broken = None
            self._took()
        finally:
            self._try_at = self._ticking() + _AGAIN

    # --- what is told -------------------------------------------------------------------------------------
    def _refuse(self, refusal: Refusal) -> Refused:
        with self._lock:
            self._refused += 1
            self._refused_at = self._ticking()
            news = self._told is None or self._told.why != refusal.why
            self._told = refusal
        if news:
            self._journal.tell("intake.alarm", why=refusal.why, reason=refusal.says)
        return Refused(refusal)

    def _took(self) -> None:
        """Tell that deliveries are taken again, when none was refused for a second."""
        if self._told is None:
            return
        with self._lock:
            if self._told is None or self._ticking() < self._refused_at + _AGAIN:
                return
            self._told, refused, self._refused = None, self._refused, 0
        self._journal.tell("intake.open", refused=refused)
