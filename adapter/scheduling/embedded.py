"""One process: the intake wakes worker threads directly, and a clock sleeps until the next look. No row is polled.

A ticket is looked at by one thread at a time; what arrives meanwhile makes it due again. A lost wake-up would cost time
only, because what is due stands in the tables and is found at the start.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from adapter.journal import Journal
from adapter.records import Store
from policies.model import TicketRef

GLANCE = timedelta(milliseconds=500)
"""How often the clock checks whether another process (the command line) has written."""
BREATH = timedelta(milliseconds=50)
"""How long the clock waits before it asks for more, when more is due than one answer holds."""
_BATCH = 500


class Embedded:
    """Worker threads and a clock over one store. `look` does one ticket and returns when to look again.

    `changed` is called when the database has changed, perhaps by another process.
    """

    def __init__(
        self,
        store: Store,
        look: Callable[[TicketRef], datetime | None],
        journal: Journal,
        now: Callable[[], datetime],
        threads: int = 4,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._look = look
        self._journal = journal
        self._now = now
        self._changed = changed
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
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(threads)]
        self._threads.append(threading.Thread(target=self._watch, name="clock", daemon=True))

    def start(self) -> None:
        """Find what is due and begin."""
        for thread in self._threads:
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

    # --- threads ------------------------------------------------------------------------------------------
    def _work(self) -> None:
        while (ref := self._take()) is not None:
            try:
                due = self._look(ref)
            except Exception as error:  # the database itself failed: try again, but not at once
                self._journal.trouble("look.failed", error, ticket=str(ref))
                due = self._now() + timedelta(seconds=1)
            self._give_back(ref, due)

    def _take(self) -> TicketRef | None:
        with self._turn:
            while not self._ready:
                if self._stopping:
                    return None
                self._turn.wait()
            if self._stopping:
                return None
            ref = self._ready.popleft()
            self._queued.discard(ref)
            self._running.add(ref)
            return ref

    def _give_back(self, ref: TicketRef, due: datetime | None) -> None:
        now = self._now()
        with self._turn:  # in one go, so that a ticket is never seen neither waiting nor running
            self._running.discard(ref)
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
            try:
                version = self._glance(version)
            except Exception as error:
                self._journal.trouble("clock.failed", error)
            with self._tick:
                if self._stopping or self._rescan:
                    continue
                sleep = BREATH if self._more else GLANCE
                if self._alarm is not None:
                    sleep = min(sleep, max(self._alarm - self._now(), timedelta(0)))
                self._tick.wait(sleep.total_seconds())

    def _glance(self, version: int) -> int:
        """Queue what is due, if anything may be; return the version of the database that was seen."""
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
