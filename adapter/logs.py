"""Where the log goes, and how much of it: one event a line."""

from __future__ import annotations

import logging


def log_to_stderr(level: str) -> None:
    """Send the log to standard error, one event a line; libraries may only warn, for some print bodies."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    known = logging.getLevelNamesMapping()
    logging.getLogger("stepladder").setLevel(known.get(level.upper(), logging.INFO))
