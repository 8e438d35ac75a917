"""Errands that one process at a time runs, of all that work on one database; the others stand by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

Leading = Callable[[str], AbstractContextManager[bool]]
"""Says whether this process leads an errand, by its name."""
STAND_BY = timedelta(seconds=2)
"""How often a process that does not lead sees whether it is to."""


def led(
    name: str, leading: Leading, run: Callable[[bool], datetime | None], now: Callable[[], datetime]
) -> Callable[[], datetime | None]:
    """Let an errand know whether this process leads it, and come back soon where it does not."""

    def turn() -> datetime | None:
        with leading(name) as mine:
            again = run(mine)
        return again if mine else min(again or now() + STAND_BY, now() + STAND_BY)

    return turn


def alone(run: Callable[[], datetime | None]) -> Callable[[bool], datetime | None]:
    """Make of an errand one that does nothing where another process leads it."""
    return lambda mine: run() if mine else None
