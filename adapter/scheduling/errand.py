"""One thread for work that is not a ticket's: it runs when it is woken, or when the time has come that it named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from adapter.journal import Journal
from adapter.records import Unusable

_AGAIN = timedelta(seconds=5)
"""How long to wait after a failure of our own, such as a database that cannot be read."""
_LONGEST_SLEEP = 30.0
"""Seconds after which the clock is looked at again: it may have been set, or the machine have slept."""


class Errand:
    """Runs `run` again and again; it returns when to run next, or None for not before somebody wakes it."""

    def __init__(
        self, name: str, run: Callable[[], datetime | None], journal: Journal, now: Callable[[], datetime]
    ) -> None:
        self._run = run
        self._journal = journal
        self._now = now
        self._turn = threading.Condition()
        self._woken = True
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin with what is there."""
        self._thread.start()

    def stop(self, patience: float) -> bool:
        """Finish what is under way and stop; False if it did not end in time."""
        with self._turn:
            self._stopping = True
            self._turn.notify()
        if self._thread.ident is not None:
            self._thread.join(patience)
        return not self._thread.is_alive()

    @property
    def name(self) -> str:
        """What it does."""
        return self._thread.name

    def ended(self) -> bool:
        """Say whether it was started and has ended without being told to."""
        return self._thread.ident is not None and not self._stopping and not self._thread.is_alive()

    def wake(self) -> None:
        """There may be something to do."""
        with self._turn:
            self._woken = True
            self._turn.notify()

    def _work(self) -> None:
        due: datetime | None = None
        began = self._now()
        while self._wait(due, began):
            began = self._now()
            try:
                due = self._run()
            except Unusable as error:  # a sentence says it better than a trace
                self._journal.tell("errand.waits", errand=self.name, reason=str(error))
                due = self._now() + _AGAIN
            except Exception as error:
                self._journal.trouble("errand.failed", error, errand=self.name)
                due = self._now() + _AGAIN

    def _wait(self, due: datetime | None, seen: datetime) -> bool:
        """Sleep until it is due or woken, or the clock is set back before a time seen; False if it is to stop."""
        with self._turn:
            while not (self._woken or self._stopping):
                now = self._now()
                left = (due - now).total_seconds() if due is not None else None
                if left is not None and (left <= 0 or now < seen):
                    break
                seen = now
                self._turn.wait(min(left, _LONGEST_SLEEP) if left is not None else None)
            self._woken = False
            return not self._stopping
