"""All that watches a house, in one place: its numbers, its auditor, and whether it is alive and ready."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from adapter.auditor import Auditor
from adapter.dials import Dials, Modes
from adapter.journal import Journal
from adapter.mail import Postbox
from adapter.metrics import Metrics
from adapter.pressure import Pressure, Refusal
from adapter.records import Unusable
from adapter.settings import Settings
from adapter.sites import Sites
from adapter.vitals import Gauges
from adapter.worries import STILL, Worries
from connectors.contract import Keeper

_PROOF = timedelta(seconds=5)
"""How often it is proven, for those who ask whether we are ready, that the database takes a write."""
_NO_WRITE = "the database takes no write; the log says why"


class Alive(Protocol):
    """A thread of the house."""

    @property
    def name(self) -> str:
        """What it does."""

    def ended(self) -> bool:
        """Say whether it ended without being told to."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts of a house that are watched."""

    store: Gauges
    sites: Sites
    modes: Modes
    pulse: Callable[[], float]
    pressure: Pressure
    threads: Sequence[Alive]
    started: Callable[[], bool]
    clock: Callable[[], datetime]
    ticking: Callable[[], float]


class Lookout:
    """Made of the parts of a house; it changes nothing, except that a proof is written."""

    def __init__(
        self,
        parts: Watched,
        settings: Settings,
        keeper: Keeper,
        postbox: Postbox | None,
        journal: Journal,
        metrics: Metrics,
    ) -> None:
        self._parts = parts
        self._journal = journal
        self._lock = threading.Lock()
        self._proven: tuple[datetime, str | None] | None = None
        self._receives = True
        free = free_on(settings.database)
        worries = Worries(
            parts.store, parts.sites, keeper, settings.audit, settings.rounds, parts.modes.mode, parts.pulse, free
        )
        self.auditor = Auditor(worries, parts.store, journal, postbox, settings.audit, parts.clock)
        self.metrics = metrics
        alarms = self.auditor.alarms
        metrics.ask(
            Dials(
                parts.store, parts.sites, parts.modes, parts.clock, parts.pulse, self._why, alarms, free, parts.ticking
            )
        )

    def unwell(self) -> list[str]:
        """Return why this process should be started anew; empty if it is well."""
        still = self._parts.pulse()
        found = [f"the scheduler's clock has stood still for {still:.0f} s"] if still > STILL else []
        return [*found, *(f"the thread {thread.name!r} has ended" for thread in self._parts.threads if thread.ended())]

    def only_works(self) -> None:
        """Know that no delivery comes in here: that much waits is then a reason to work, and none to be unready."""
        self._receives = False

    def unready(self) -> list[str]:
        """Return why this process cannot do its part: take deliveries, or else look at tickets; empty if it can."""
        if not self._parts.started():
            return ["starting or stopping"]
        problem = self._refusal()
        if problem is not None:  # who asks may be a stranger: where the database is, is not their business
            return [problem.says if problem.why != "store" else _NO_WRITE]
        unproven = self._unproven()
        return [*([unproven] if unproven else []), *([] if self._receives else self.unwell())]

    def _refusal(self) -> Refusal | None:
        return self._parts.pressure.problem() if self._receives else None

    def _why(self) -> str | None:
        problem = self._refusal()
        return problem.why if problem is not None else None

    def _unproven(self) -> str | None:
        """Prove that the database takes a write; who asks meanwhile hears what was true last, and waits for nothing."""
        now = self._parts.clock()
        fresh = self._proven is not None and timedelta() <= now - self._proven[0] < _PROOF
        if not fresh and self._lock.acquire(blocking=False):
            try:
                self._prove(now)
            finally:
                self._lock.release()
        return self._proven[1] if self._proven is not None else "it is not known yet whether the database takes a write"

    def _prove(self, now: datetime) -> None:
        ready = self._proven is None or self._proven[1] is None
        try:
            self._parts.store.pulse("ready", now)
        except Unusable as error:
            self._proven = now, _NO_WRITE
            if ready:
                self._journal.tell("ready.alarm", reason=str(error))
        else:
            self._proven = now, None
            if not ready:
                self._journal.tell("ready.open")


def free_on(database: str) -> Callable[[], float | None]:
    """Return what says which part of a database file's disk is free; None where the database is another's."""
    kind, _, file = database.partition(":///")

    def free() -> float | None:
        if kind != "sqlite":
            return None
        disk = shutil.disk_usage(Path(file).parent)
        return disk.free / disk.total

    return free
