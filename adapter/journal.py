"""What happens, as named events with fields: for the log, and for anyone who watches (the demo's live lines).

Never a secret, never a body, never a requester's text.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

Watcher = Callable[[str, dict[str, object]], None]
_logger = logging.getLogger("stepladder")
_LOUD = {
    **dict.fromkeys(("alarm", "failed"), logging.ERROR),
    **dict.fromkeys(("refused", "dead", "gone", "unreadable", "deaf", "differs", "ending"), logging.WARNING),
}


class Journal:
    """Tells an event to the log and to the watchers."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def tell(self, event: str, **fields: object) -> None:
        """Say that something happened: `tell("writeback.refused", ticket=…, reason=…)`."""
        level = _LOUD.get(event.rpartition(".")[2], logging.INFO)
        if event == "ticket.decided" and not any(fields.get(news) for news in ("moved", "held", "told", "warnings")):
            level = logging.DEBUG  # nearly every delivery changes nothing, and that is no news
        if _logger.isEnabledFor(level):
            told = {name: value for name, value in fields.items() if value not in (None, [], {})}
            _logger.log(level, "%s %s", event, json.dumps(told, default=str, ensure_ascii=False))
        for watch in self._watchers:
            watch(event, fields)

    def trouble(self, event: str, error: BaseException, **fields: object) -> None:
        """Say that something failed that should not have; the trace goes to the log only."""
        _logger.error("%s %s", event, json.dumps(fields, default=str), exc_info=error)
        for watch in self._watchers:
            watch(event, {**fields, "error": type(error).__name__})
