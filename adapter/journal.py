"""What happens, as named events with fields: for the log, and for anyone who watches (metrics, the demo's live lines).

Never a secret, never a body, never a requester's text. It knows no format: `adapter.logs` says how a line looks.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

Watcher = Callable[[str, dict[str, object]], None]
_logger = logging.getLogger("stepladder")
_LOUD = {
    **dict.fromkeys(("alarm", "failed"), logging.ERROR),
    **dict.fromkeys(("refused", "dead", "gone", "unreadable", "deaf", "differs", "ending", "waits"), logging.WARNING),
    "answered": logging.DEBUG,  # every request to a vendor
}
_MANY = frozenset({"delivery.forged", "delivery.alarm", "delivery.refused", "errand.waits"})
"""What a stranger, or a crowd that waits, can cause any number of times a second, as can every fault."""
_AGAIN = 1.0
_MOST_TROUBLES = 1000


class Told(dict[str, Any]):
    """One event as a record's message: a mapping for our format, a line of text for any other."""

    def __str__(self) -> str:
        fields = {name: value for name, value in self.items() if name != "event"}
        return f"{self['event']} {json.dumps(fields, default=str, ensure_ascii=False)}"


class Journal:
    """Tells an event to the log and to the watchers.

    The same trouble again is written to the log once a second, with how often it came meanwhile (`repeated`); watchers
    hear of each. `ticking`: seconds that never go back.
    """

    def __init__(self, *watchers: Watcher, ticking: Callable[[], float] = time.monotonic) -> None:
        self._watchers = watchers
        self._ticking = ticking
        self._lock = threading.Lock()
        self._troubles: dict[tuple[str, object, str], tuple[float, int]] = {}

    def tell(self, event: str, **fields: object) -> None:
        """Say that something happened: `tell("writeback.refused", ticket=…, reason=…)`."""
        level = _LOUD.get(event.rpartition(".")[2], logging.INFO)
        if event == "ticket.decided" and not any(fields.get(news) for news in ("moved", "held", "told", "warnings")):
            level = logging.DEBUG  # nearly every delivery changes nothing, and that is no news
        if _logger.isEnabledFor(level) and (event not in _MANY or self._is_worth_a_line(event, fields)):
            told = {name: value for name, value in fields.items() if value not in (None, [], {})}
            _logger.log(level, Told(event=event, **told))
        for watch in self._watchers:
            watch(event, fields)

    def trouble(self, event: str, error: BaseException, **fields: object) -> None:
        """Say that something failed that should not have; the trace goes to the log only."""
        wrong = {**fields, "error": type(error).__name__}
        if self._is_worth_a_line(event, wrong):
            _logger.error(Told(event=event, **wrong), exc_info=error)
        for watch in self._watchers:
            watch(event, wrong)

    def _is_worth_a_line(self, event: str, fields: dict[str, object]) -> bool:
        """Say whether this was not told within the last second; add to it how often it came meanwhile."""
        where, now = fields.get("ticket") or fields.get("site"), self._ticking()
        key = event, where, str(fields.get("error", ""))
        with self._lock:
            last, count = self._troubles.get(key, (-math.inf, 0))
            if now - last < _AGAIN:
                self._troubles[key] = last, count + 1
                return False
            if len(self._troubles) >= _MOST_TROUBLES:
                self._troubles.clear()
            self._troubles[key] = now, 0
        if count:
            fields["repeated"] = count
        return True
