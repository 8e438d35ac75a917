"""Many processes on many machines: procrastinate hands out tickets over PostgreSQL, and a glance finds what is due.

Correctness never hangs on it: what is due stands in the tables, a commit is fenced by the ticket's revision, and a call
whose end nobody saw is looked for. A ticket whose worker fell silent is handed to another within twenty seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from adapter.journal import Journal
from adapter.records import Unusable
from adapter.scheduling.handing import PromptManager
from adapter.scheduling.hands import Hands
from adapter.scheduling.hold import PAUSE, Hold
from adapter.scheduling.queue import NAME, ROOM, Queue, named
from adapter.scheduling.rescue import HEARTBEAT, SILENCE, Rescue
from policies.model import TicketRef

GLANCE = timedelta(milliseconds=250)
"""How often each worker asks what is due; a time that it knows of wakes it sooner."""
BREATH = timedelta(milliseconds=50)
"""How long it waits before it asks again while more is due than the queue has room for."""
_IDLE = 1.0
"""Seconds that a process which only receives sleeps at most; it is woken by what it receives."""
_APART = timedelta(seconds=5)
"""How far the machines' clocks may differ; a ticket that is due later than this was looked at since it was queued."""
_BATCH = 2 * ROOM


class Due(Protocol):
    """What must be known of the tables."""

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        """Return tickets that are due, the longest waiting first."""

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next ticket falls due after an instant."""

    def due_at(self, ref: TicketRef) -> datetime | None:
        """Return when a ticket is to be looked at, None if nothing is to be done about it."""


class Distributed:
    """Looks at tickets if it works, and passes wake-ups on in any case. `look` returns when to look again.

    `changed` is called about once a second, for another process may have left messages to send.
    """

    def __init__(
        self,
        store: Due,
        queue: Queue,
        look: Callable[[TicketRef], datetime | None],
        journal: Journal,
        now: Callable[[], datetime],
        threads: int = 4,
        changed: Callable[[], None] = lambda: None,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._queue = queue
        self._look = look
        self._journal = journal
        self._now = now
        self._threads = threads
        self._changed = changed
        self._ticking = ticking
        self._looks, self._asking = Hold("looks", journal, now), Hold("clock", journal, now)
        self._hands = Hands(self._look_at, threads)
        self._woken: dict[TicketRef, None] = {}
        self._tick = threading.Condition()
        self._alarm: datetime | None = None
        self._rescan = self._more = False
        self._told_at = self._beat = self._glanced_at = ticking()
        self._patience = 10.0
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._clock: threading.Thread | None = None
        self._worker: threading.Thread | None = None

    def start(self, *, worker: bool = True) -> None:
        """Make the queue if it is not there and begin. Raises Unusable if that cannot be."""
        self._queue.open()
        self._clock = threading.Thread(target=self._watch, args=(worker,), name="clock", daemon=True)
        self._clock.start()
        if worker:
            self._hands.start()
            self._worker = threading.Thread(target=lambda: asyncio.run(self._work()), name="worker", daemon=True)
            self._worker.start()

    def stop(self, patience: float = 10.0) -> bool:
        """Take nothing more, finish the looks under way; False if some did not end (others make them again)."""
        self._patience = patience
        self._stopping.set()
        with self._tick:
            self._tick.notify_all()
        if self._loop is not None and self._end is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._end.set)
        ends = time.monotonic() + patience
        begun = [thread for thread in (self._clock, self._worker) if thread is not None]
        for thread in begun:
            thread.join(max(0.0, ends - time.monotonic()))
        self._hands.stop()
        self._queue.close()
        return not self._hands.busy() and not any(thread.is_alive() for thread in begun)

    def wake(self, ref: TicketRef) -> None:
        """This ticket is due now. Never raises: a lost wake-up costs time, never a ticket."""
        with self._tick:
            if len(self._woken) < _BATCH:  # whatever is more than that, a glance finds
                self._woken[ref] = None
            self._tick.notify()

    def rescan(self) -> None:
        """Ask the tables again what is due: time has moved, or another process has written."""
        with self._tick:
            self._rescan = True
            self._tick.notify()

    def idle(self) -> bool:
        """Say whether no ticket waits in the queue or is being looked at, by whichever process."""
        with self._tick:
            waiting = bool(self._woken)
        return not waiting and self._queue.is_empty()

    def pulse(self) -> float:
        """Return how many seconds ago the clock turned last; 0 before the start."""
        return self._ticking() - self._beat if self._clock is not None else 0.0

    # --- what is due --------------------------------------------------------------------------------------
    def _watch(self, works: bool) -> None:
        while not self._stopping.is_set():
            woken, glance = self._wait(works)
            try:
                if woken:
                    self._queue.put(woken)
                if glance:
                    self._glance()
                self._asking.succeeded()
            except Exception as error:
                self._asking.failed(_sentence(error))
                self._stopping.wait(PAUSE.total_seconds())
            self._beat = self._ticking()

    def _wait(self, works: bool) -> tuple[list[TicketRef], bool]:
        """Sleep until somebody is woken or it is time for a glance; return who, and whether it is."""
        with self._tick:
            if not (self._woken or self._rescan or self._stopping.is_set()):
                self._tick.wait(max(0.0, self._left()) if works else _IDLE)
            woken, rescan = list(self._woken), self._rescan
            self._woken.clear()
            self._rescan = False
            return woken, works and (rescan or self._left() <= 0)

    def _left(self) -> float:
        """Return the seconds until the next glance."""
        left = (BREATH if self._more else GLANCE).total_seconds() - (self._ticking() - self._glanced_at)
        return left if self._alarm is None else min(left, (self._alarm - self._now()).total_seconds())

    def _glance(self) -> None:
        """Queue what is due and neither waits in the queue nor is being looked at."""
        now, self._glanced_at = self._now(), self._ticking()
        with self._tick:
            self._alarm = None
        due = self._store.due(now, _BATCH)
        fitted = self._queue.put(due, unless_busy=True) if due else True
        self._more = not fitted or len(due) == _BATCH
        if (upcoming := self._store.next_due(now)) is not None:
            self._look_no_later_than(upcoming)
        if self._ticking() - self._told_at >= 1.0:
            self._told_at = self._ticking()
            self._changed()

    def _look_no_later_than(self, at: datetime) -> None:
        with self._tick:
            if self._alarm is None or at < self._alarm:
                self._alarm = at
                self._tick.notify()

    # --- looking ------------------------------------------------------------------------------------------
    def _look_at(self, ref: TicketRef) -> None:
        try:
            due = self._store.due_at(ref)
            if due is not None and due <= self._now() + _APART:
                due = self._look(ref)
        except Exception as error:  # it stays due; here it is held back for a moment
            self._failed(ref, error)
            self._stopping.wait(PAUSE.total_seconds())
            return
        with self._tick:
            self._looks.succeeded()
        if due is None:
            return
        if due <= self._now():
            self.wake(ref)
        else:
            self._look_no_later_than(due)

    def _failed(self, ref: TicketRef, error: Exception) -> None:
        if not isinstance(error, Unusable):
            self._journal.trouble("look.failed", error, ticket=str(ref))
            return
        with self._tick:
            self._looks.failed(str(error))

    async def _work(self) -> None:
        """Keep a worker running until this is stopped; one whose database went away is followed by another."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(self._in_the_loop)
        while not self._stopping.is_set():
            try:
                await self._serve(self._end)
            except Exception as error:
                with self._tick:
                    self._looks.failed(_sentence(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), PAUSE.total_seconds())

    async def _serve(self, end: asyncio.Event) -> None:
        """Run one worker until it is to end or fails."""
        connector = procrastinate.PsycopgConnector(**self._queue.pool(4))
        app = procrastinate.App(connector=connector)
        app.job_manager = PromptManager(connector)

        @app.task(name=NAME, queue=NAME)
        async def look(**arguments: str) -> None:
            """Look at one ticket."""
            await self._hands.look(named(arguments))

        async with app.open_async():
            worker = Worker(
                app,
                queues=[NAME],
                concurrency=self._threads,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=SILENCE,
                fetch_job_polling_interval=1.0,
            )
            rescue = Rescue(worker, self._hands.holds, self.wake, self._journal)
            running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
            others = [asyncio.create_task(rescue.run()), asyncio.create_task(end.wait())]
            await asyncio.wait([running, *others], return_when=asyncio.FIRST_COMPLETED)
            worker.shutdown_graceful_timeout = max(0.1, self._patience - 0.5)
            worker.stop()  # type: ignore[no-untyped-call]
            for other in others:
                other.cancel()
            for ended in await asyncio.gather(running, *others, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended

    def _in_the_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear what nobody waited for; a look that ended after it had been taken over is no news."""
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, ConnectorException):
            self._journal.trouble("look.failed", error)


def _sentence(error: Exception) -> str:
    """Say what is wrong with the database; procrastinate keeps the reason behind its own error."""
    if isinstance(error, Unusable):
        return str(error)
    return f"the queue cannot be used: {error.__cause__ or error or type(error).__name__}; look at the database"
