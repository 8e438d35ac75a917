"""The house when it is built: how it starts, what it begins with, how it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.activation import activate, check
from adapter.gate import Gate
from adapter.intake import Intake
from adapter.journal import Journal
from adapter.lookout import Lookout
from adapter.messenger import unheard
from adapter.missed import Missed
from adapter.pressure import Pressure
from adapter.reconcile import Reconciler
from adapter.scheduling.engine import Engine
from adapter.scheduling.errand import Errand
from adapter.scheduling.lock import WorkerLock
from adapter.settings import Settings
from adapter.shelf import Shelf
from adapter.sites import Sites
from adapter.store.sql import SqlStore
from adapter.texts import text_of
from adapter.web.monitor import Window
from connectors import discover
from policies.document import parse

Clock = Callable[[], datetime]
READ_AT_START = 32 * 1024 * 1024
"""Bytes of a database's file that a start reads through to find damage; `stepladder doctor` reads every file."""


@dataclass(slots=True, kw_only=True)
class House:
    """Everything that was built, for those who start, stop and watch it."""

    settings: Settings
    store: SqlStore
    sites: Sites
    journal: Journal
    reconciler: Reconciler
    engine: Engine
    letters: Errand
    missed: Missed
    gate: Gate
    errands: Sequence[Errand]
    shelf: Shelf
    intake: Intake
    pressure: Pressure
    lookout: Lookout
    monitor: Window
    clock: Clock
    lock: WorkerLock | None
    _started: threading.Event

    def start(self, *, worker: bool = True, receives: bool = True) -> None:
        """Take the worker's role, bring the tables up to date and begin. Until then deliveries are answered 503.

        A process that is refused the role, or that only receives, changes nothing that the working one relies on.
        """
        if not receives:
            self.lookout.only_works()
        if worker and self.lock is not None:
            self.lock.take()
        self.monitor.start()
        if self.monitor.port is not None:
            self.journal.tell("monitor.open", host=self.settings.monitor.host, port=self.monitor.port)
        self.store.database.migrate()
        if worker and (damage := self.store.damage(READ_AT_START)):
            raise damage
        for post in self.sites:
            if not post.site.settings.can_verify:
                self.journal.tell("site.deaf", site=post.scope, reason="no webhook secret: every delivery is refused")
        if worker:
            with self.store.database.alone("start"):
                self._govern(self.clock())
            if (found := self.store.restored()) is not None:
                self.journal.tell("backup.restored", made=found[1], tickets=found[0])
        self.engine.start(worker=worker)
        for errand in self.errands if worker else ():
            errand.start()
        self._started.set()

    def _govern(self, now: datetime) -> None:
        self.gate.govern(now)
        self._first_policy(now)
        for sentence in unheard(self.shelf.get(self.store.active_policy() or ""), self.settings):
            self.journal.tell("notice.unheard", reason=sentence)

    def ready(self) -> bool:
        """Say whether deliveries are taken."""
        return self._started.is_set()

    def stop(self, patience: float | None = None) -> bool:
        """Take nothing more, finish what is under way; False if something did not end in time.

        `patience`: seconds, instead of what [worker] stop says.
        """
        self._started.clear()
        ends = time.monotonic() + (self.settings.worker.stop if patience is None else patience)
        self.missed.stop()
        self.gate.stop()
        for errand in self.errands:
            errand.stop(0)  # all are told before one is waited for
        ended = self.engine.stop(max(0.0, ends - time.monotonic()))
        for errand in self.errands:
            ended &= errand.stop(max(0.0, ends - time.monotonic()))
        if not ended:
            self.journal.tell("stop.unfinished", reason="what was not finished is taken up by the next worker or start")
        if self.lock is not None:
            self.lock.release()
        for post in self.sites:
            post.close()
        self.store.close()
        self.monitor.stop()
        return ended

    def _first_policy(self, now: datetime) -> None:
        file, active = self.settings.policy, self.store.active_policy()
        if active is None:
            if not file.is_file():
                raise FileNotFoundError(f"policy: there is no file {file}; copy one from policies/library and fit it")
            report = check(text_of(file, file.name), file.name, discover(), now, self.settings)
            activate(report, self.store, now)
            self.journal.tell("policy.activated", revision=report.policy.revision, name=report.policy.name)
            return
        try:  # the file may be in the middle of an edit: what was activated decides, and a restart must not fail
            found = parse(text_of(file, file.name), source=file.name).revision
        except (OSError, ValueError) as error:
            self.journal.tell("policy.unreadable", file=file.name, active=active, problem=str(error))
        else:
            if found != active:
                todo = f"run `stepladder policy activate {file.name}` if it shall decide"
                self.journal.tell("policy.differs", file=file.name, revision=found, active=active, todo=todo)
