"""Keeps threads from trying in vain while the database cannot be used: one tries, once a second; the others wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from adapter.journal import Journal

PAUSE = timedelta(seconds=1)
"""How long nobody tries after a failure."""


class Hold:
    """Open, until the database fails. What happens is told once: `<name>.alarm` at its beginning, `<name>.open` after.

    It has no lock of its own: whoever uses it holds one.
    """

    def __init__(self, name: str, journal: Journal, now: Callable[[], datetime]) -> None:
        self._name = name
        self._journal = journal
        self._now = now
        self._failed_at: datetime | None = None
        self._reason = ""

    @property
    def closed(self) -> bool:
        """Say whether the last try failed."""
        return self._failed_at is not None

    def resting(self) -> bool:
        """Say whether it is too early for another try; a clock that was set back does not make it longer."""
        return self._failed_at is not None and self._failed_at <= self._now() < self._failed_at + PAUSE

    def failed(self, reason: str) -> None:
        """A try failed."""
        self._failed_at = self._now()
        if reason != self._reason:
            self._reason = reason
            self._journal.tell(f"{self._name}.alarm", reason=reason)

    def succeeded(self) -> None:
        """A try succeeded."""
        if self._failed_at is not None:
            self._failed_at, self._reason = None, ""
            self._journal.tell(f"{self._name}.open")
