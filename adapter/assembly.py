"""The only place that builds: settings → connectors, store, engine, policy, app."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from adapter import VERSION
from adapter.activation import activate, check
from adapter.cli import cli
from adapter.cli.tools import Unavailable
from adapter.expiry import Expiry
from adapter.facts import FactFinder, Limits
from adapter.gate import Gate
from adapter.intake import Intake
from adapter.journal import Journal, Watcher
from adapter.keepsakes import Keepsakes
from adapter.mail import SmtpPostbox
from adapter.messenger import Messenger, unheard
from adapter.missed import Missed
from adapter.on_call import schedules
from adapter.outbox import Outbox
from adapter.reconcile import Reconciler
from adapter.records import Store
from adapter.scheduling.embedded import Embedded
from adapter.scheduling.errand import Errand
from adapter.scheduling.lock import WorkerLock
from adapter.settings import Server, Settings, load
from adapter.shelf import Shelf
from adapter.sites import Post, Sites
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from adapter.texts import text_of
from adapter.web.health import health
from adapter.web.hooks import hooks
from adapter.web.server import WebServer, listen, make_server
from connectors import discover
from policies.document import parse

if TYPE_CHECKING:
    from connectors.sandboxing import Desk

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the machine's time, in UTC. Every other room is handed a clock."""
    return datetime.now(UTC)


def read_settings(path: Path | None = None) -> Settings:
    """Read stepladder.toml: the given file, else $STEPLADDER_CONFIG, else the one in this folder."""
    file = path or Path(os.environ.get("STEPLADDER_CONFIG", "stepladder.toml"))
    return load(file, os.environ, {name: connector.settings for name, connector in discover().items()})


@dataclass(slots=True, kw_only=True)
class House:
    """Everything that was built, for those who start, stop and watch it."""

    settings: Settings
    store: SqlStore
    sites: Sites
    journal: Journal
    reconciler: Reconciler
    engine: Embedded
    letters: Errand
    missed: Missed
    gate: Gate
    errands: Sequence[Errand]
    shelf: Shelf
    intake: Intake
    clock: Clock
    lock: WorkerLock
    _started: threading.Event

    def start(self, *, worker: bool = True) -> None:
        """Take the worker's role, bring the tables up to date and begin. Until then deliveries are answered 503.

        A process that is refused the role, or that only receives, changes nothing that the working one relies on.
        """
        if worker:
            self.lock.take()
        self.store.database.migrate()
        for post in self.sites:
            if not post.site.settings.can_verify:
                self.journal.tell("site.deaf", site=post.scope, reason="no webhook secret: every delivery is refused")
        if worker:
            self._govern(self.clock())
            self.engine.start()
            for errand in self.errands:
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

    def stop(self) -> bool:
        """Take nothing more, finish what is under way; False if something did not end in time."""
        self._started.clear()
        ends = time.monotonic() + self.settings.worker.stop
        self.missed.stop()
        self.gate.stop()
        for errand in self.errands:
            errand.stop(0)  # all are told before one is waited for
        ended = self.engine.stop(self.settings.worker.stop)
        for errand in self.errands:
            ended &= errand.stop(max(0.0, ends - time.monotonic()))
        self.lock.release()
        for post in self.sites:
            post.close()
        self.store.close()
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


def build(
    settings: Settings,
    *watchers: Watcher,
    clock: Clock = system_clock,
    ticking: Callable[[], float] = time.monotonic,
) -> House:
    """Build the house; nothing runs and nothing is asked until `start`. `ticking`: seconds that never go back."""
    journal = Journal(*watchers)
    store = SqlStore(Database(settings.database, settings.server.threads + settings.worker.threads + 4))
    vendors = discover()
    keeper = Toolbox().keeper(settings)
    sites = Sites(
        Post(name, vendors[site.vendor], site, keeper, journal, ticking=ticking, now=clock)
        for name, site in settings.sites.items()
    )
    shelf, outbox = Shelf(store.policy_text), Outbox(journal, timedelta(seconds=settings.worker.settle))
    postbox = SmtpPostbox(settings.mail) if settings.mail else None
    gate = Gate(store, sites, keeper, shelf.get, journal, settings.server.public_url)
    messenger = Messenger(store, sites, postbox, schedules(settings.on_call), journal, clock, gate.mode)
    letters = Errand("letters", messenger.deliver, journal, clock)
    finder = Toolbox().finder(settings, store)
    reconciler = Reconciler(store, sites, shelf, outbox, journal, finder, clock, letters.wake, gate.mode)
    engine = Embedded(store, reconciler.look, journal, clock, settings.worker.threads, letters.wake)
    missed = Missed(store, sites, journal, clock, engine.wake, settings.rounds)
    errands = {
        "missed": missed.run,
        "examination": lambda: gate.run(clock()),
        "credentials": Expiry(sites, keeper, journal, clock).run,
    }
    return House(
        settings=settings,
        store=store,
        sites=sites,
        journal=journal,
        reconciler=reconciler,
        engine=engine,
        letters=letters,
        missed=missed,
        gate=gate,
        errands=[letters, *(Errand(name, run, journal, clock) for name, run in errands.items())],
        shelf=shelf,
        intake=Intake(store, journal, engine.wake),
        clock=clock,
        lock=WorkerLock(Path(settings.database.removeprefix("sqlite:///"))),
        _started=threading.Event(),
    )


def limits(settings: Settings) -> Limits:
    """Return above which numbers Stepladder stops by itself."""
    return Limits(
        moves_in_10_minutes=settings.guards.escalations_in_10_minutes,
        adoptive_per_hour=settings.guards.adoptive_per_hour,
    )


def make_app(house: House) -> Flask:
    """Make the WSGI application of a house."""
    app = Flask("stepladder", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = house.settings.server.body_limit
    app.extensions["stepladder"] = house
    app.register_blueprint(hooks(house.intake, house.sites, house.journal, house.clock, house.ready))
    app.register_blueprint(health(house.ready, VERSION))
    return app


def create_app(settings: Settings | None = None, *, worker: bool | None = None) -> Flask:
    """Make and start the application for any WSGI server: one process, several threads.

    `worker`: whether it also decides and writes back (None: yes, unless $STEPLADDER_WORKER is `off`). A second working
    process on the same SQLite file is refused with adapter.scheduling.lock.AlreadyWorking.
    """
    works = os.environ.get("STEPLADDER_WORKER", "on") != "off" if worker is None else worker
    Toolbox().log_to_stderr(os.environ.get("STEPLADDER_LOG", "INFO"))
    house = build(settings or read_settings())
    house.start(worker=works)
    return make_app(house)


class Toolbox:
    """What the command line is handed (see adapter.cli.tools.Tools)."""

    read_settings = staticmethod(read_settings)
    build = staticmethod(build)
    listen = staticmethod(listen)
    vendors = staticmethod(discover)
    clock = staticmethod(system_clock)

    def make_server(self, house: House, server: Server, opened: socket.socket) -> WebServer:
        """Put a house's application behind an open socket."""
        return make_server(make_app(house), server, opened)

    def open_store(self, settings: Settings) -> SqlStore:
        """Open the tables, beside a process that works on them."""
        database = Database(settings.database)
        database.migrate()
        return SqlStore(database)

    def keeper(self, settings: Settings) -> Keepsakes:
        """Return what keeps the tokens that vendors renew, beside the settings."""
        return Keepsakes(settings.file.absolute().parent / "keepsakes.json")

    def finder(self, settings: Settings, store: Store) -> FactFinder:
        """Return what knows the facts beyond a ticket."""
        return FactFinder(store, limits(settings), VERSION)

    def pretend(self) -> Callable[[str, int], Desk]:
        """Return what opens a pretend vendor on a port; all share one authority."""
        try:
            from connectors.sandboxing import Authority
        except ImportError:
            raise Unavailable(
                "The pretend vendors come with the `sandbox` extra; in a clone: pip install '.[sandbox]'"
            ) from None
        authority = Authority()

        def open_desk(vendor: str, port: int) -> Desk:
            if vendor not in discover():
                raise Unavailable(f"There is no vendor {vendor!r}; there are {', '.join(discover())}.")
            desk: Desk = importlib.import_module(f"connectors.{vendor}.sandbox").build(authority, port)
            return desk

        return open_desk

    def log_to_stderr(self, level: str) -> None:
        """Send the log to standard error, one event a line; libraries may only warn, for some print bodies."""
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
        known = logging.getLevelNamesMapping()
        logging.getLogger("stepladder").setLevel(known.get(level.upper(), logging.INFO))


def command_line() -> None:
    """Run the `stepladder` command."""
    cli(obj=Toolbox())
