"""One process: the intake wakes worker threads directly, and a clock sleeps until the next look. No row is polled.

A ticket is looked at by one thread at a time; what arrives meanwhile makes it due again. A lost wake-up would cost time
only, because what is due stands in the tables and is found at the start. While the database cannot be used one look a
second tries it, and the others wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from adapter.journal import Journal
from adapter.records import Store, Unusable
from adapter.scheduling.hold import PAUSE, Hold
from adapter.scheduling.jump import Jumps
from policies.model import TicketRef

GLANCE = timedelta(milliseconds=500)
"""How often the clock checks whether another process (the command line) has written."""
BREATH = timedelta(milliseconds=50)
"""How long the clock waits before it asks for more, when more is due than one answer holds."""
_SHORTEST = timedelta(milliseconds=20)
"""How long the clock sleeps at least, so that many looks that fall due one after the other are asked for together."""
_BATCH = 500


class Embedded:
    """Worker threads and a clock over one store. `look` does one ticket and returns when to look again.

    `changed` is called when the database has changed, perhaps by another process. `ticking`: seconds, never going back.
    """

    def __init__(
        self,
        store: Store,
        look: Callable[[TicketRef], datetime | None],
        journal: Journal,
        now: Callable[[], datetime],
        threads: int = 4,
        changed: Callable[[], None] = lambda: None,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._look = look
        self._journal = journal
        self._now = now
        self._changed = changed
        self._ticking = ticking
        self._jumps = Jumps(now, ticking)
        self._looks, self._asking = Hold("looks", journal, now), Hold("clock", journal, now)
        self._beat: float | None = None
        self._ready: deque[TicketRef] = deque()
        self._queued: set[TicketRef] = set()
        self._running: set[TicketRef] = set()
        self._again: set[TicketRef] = set()
        self._turn = threading.Condition()
        self._tick = threading.Condition()
        self._alarm: datetime | None = None
        self._rescan = False
        self._more = False
        self._stopping = False
        self._receives_only = False
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(threads)]
        self._threads.append(threading.Thread(target=self._watch, name="clock", daemon=True))

    def start(self, *, worker: bool = True) -> None:
        """Find what is due and begin; without `worker` another process does, and sees in the file what has come."""
        self._receives_only = not worker
        self._beat = self._ticking() if worker else None  # a first turn that never ends is to be seen, too
        for thread in self._threads if worker else ():
            thread.start()

    def stop(self, patience: float = 10.0) -> bool:
        """Finish the looks under way and stop; False if some did not end in time (the next start finds them)."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()
        with self._tick:
            self._tick.notify_all()
        ends = time.monotonic() + patience
        for thread in self._threads:
            if thread.ident is not None:  # a start that was refused began none
                thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def wake(self, ref: TicketRef) -> None:
        """This ticket is due now."""
        with self._turn:
            if self._receives_only:
                return
            if ref in self._running:
                self._again.add(ref)
            else:
                self._queue(ref)

    def rescan(self) -> None:
        """Ask the tables again what is due: time has moved, or another process has written."""
        with self._tick:
            self._rescan = True
            self._tick.notify()

    def idle(self) -> bool:
        """Say whether nothing is being looked at or waiting for a thread."""
        with self._turn:
            return not (self._ready or self._running)

    def pulse(self) -> float:
        """Return how many seconds ago the clock turned last; it does so once a second at least. 0 before the start."""
        return self._ticking() - self._beat if self._beat is not None else 0.0

    # --- threads ------------------------------------------------------------------------------------------
    def _work(self) -> None:
        while (ref := self._take()) is not None:
            try:
                due = self._look(ref)
            except Unusable as error:
                self._put_back(ref, str(error))
            except Exception as error:  # a fault that the look itself could not deal with: try again, but not at once
                self._journal.trouble("look.failed", error, ticket=str(ref))
                self._give_back(ref, self._now() + PAUSE)
            else:
                self._give_back(ref, due, done=True)

    def _take(self) -> TicketRef | None:
        with self._turn:
            while not self._stopping:
                if self._ready and self._may_try():
                    ref = self._ready.popleft()
                    self._queued.discard(ref)
                    self._running.add(ref)
                    return ref
                self._turn.wait()
        return None

    def _may_try(self) -> bool:
        return not self._looks.closed or not (self._running or self._looks.resting())

    def _put_back(self, ref: TicketRef, reason: str) -> None:
        """Nothing was stored: this ticket waits behind the others until the database can be used."""
        with self._turn:
            self._running.discard(ref)
            self._again.discard(ref)
            self._looks.failed(reason)
            self._queue(ref)

    def _give_back(self, ref: TicketRef, due: datetime | None, *, done: bool = False) -> None:
        now = self._now()
        with self._turn:  # in one go, so that a ticket is never seen neither waiting nor running
            self._running.discard(ref)
            if done and self._looks.closed:
                self._looks.succeeded()
                self._turn.notify_all()
            if ref in self._again or (due is not None and due <= now):
                self._again.discard(ref)
                self._queue(ref)
                return
        if due is not None:
            self._set_alarm(due)

    def _queue(self, ref: TicketRef) -> None:
        if ref not in self._queued:
            self._queued.add(ref)
            self._ready.append(ref)
            self._turn.notify()

    def _set_alarm(self, at: datetime) -> None:
        with self._tick:
            if self._alarm is None or at < self._alarm:
                self._alarm = at
                self._tick.notify()

    def _watch(self) -> None:
        version = -1
        while not self._stopping:
            asked, self._beat = True, self._ticking()
            try:
                version = self._glance(version)
                self._asking.succeeded()
            except Unusable as error:
                asked = False
                self._asking.failed(str(error))
            except Exception as error:
                asked = False
                self._journal.trouble("clock.failed", error)
            with self._turn:
                if self._looks.closed and not self._looks.resting():
                    self._turn.notify()
            self._beat = self._ticking()
            self._sleep(asked)

    def _sleep(self, asked: bool) -> None:
        with self._tick:
            if self._stopping:
                return
            if not asked:  # what was to be asked is still to be asked, but not in a hurry
                self._rescan = True
                self._tick.wait(PAUSE.total_seconds())
            elif not self._rescan:
                sleep = BREATH if self._more else GLANCE
                if self._alarm is not None:
                    sleep = min(sleep, max(self._alarm - self._now(), _SHORTEST))
                self._tick.wait(sleep.total_seconds())

    def _glance(self, version: int) -> int:
        """Queue what is due, if anything may be; return the version of the database that was seen."""
        if jumped := self._jumps.seen():
            self._journal.tell("clock.jumped", reason=jumped)
        now = self._now()
        found = self._store.changed()
        if found != version:
            self._changed()
        with self._tick:
            asked = self._rescan or self._more or found != version or (self._alarm is not None and self._alarm <= now)
            self._rescan = False
        if asked:
            due = self._store.due(now, _BATCH)
            for ref in due:
                with self._turn:
                    busy = ref in self._running
                if not busy:
                    self.wake(ref)
            upcoming = self._store.next_due(now)
            with self._tick:
                later = [at for at in (upcoming, self._alarm) if at is not None and at > now]
                self._alarm = min(later, default=None)
                self._more = len(due) == _BATCH
        return found
