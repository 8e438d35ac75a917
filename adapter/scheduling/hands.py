"""Threads that look at tickets for an event loop. They are daemons: a look without end keeps no process alive."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue

from policies.model import TicketRef

_Task = tuple[TicketRef, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Hands:
    """So many threads; each does one ticket at a time."""

    def __init__(self, look: Callable[[TicketRef], None], count: int) -> None:
        self._look = look
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._count = count
        self._busy: set[TicketRef] = set()
        self._held: Counter[TicketRef] = Counter()

    def start(self) -> None:
        """Begin to wait for tickets."""
        for number in range(self._count):
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True).start()

    def stop(self) -> None:
        """End each thread after the look it is at."""
        for _ in range(self._count):
            self._tasks.put(None)

    def busy(self) -> bool:
        """Say whether a look is under way."""
        return bool(self._busy)

    async def look(self, ref: TicketRef) -> None:
        """Look at a ticket in one of the threads, and return when that is done."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._held[ref] += 1
        self._tasks.put((ref, loop, done))
        try:
            await done
        finally:
            self._held[ref] -= 1
            if not self._held[ref]:
                del self._held[ref]

    def holds(self, ref: TicketRef) -> bool:
        """Say whether a ticket waits for one of the threads or is being looked at. Asked in the event loop."""
        return ref in self._held

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            ref, loop, done = task
            self._busy.add(ref)
            try:
                self._look(ref)
            finally:
                self._busy.discard(ref)
                with contextlib.suppress(RuntimeError):  # nobody waits any more: the loop has ended
                    loop.call_soon_threadsafe(_tell, done)


def _tell(done: asyncio.Future[None]) -> None:
    if not done.done():  # it may have been given up
        done.set_result(None)
