"""The only place that builds: settings → connectors, store, engine, policy, app."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Blueprint, Flask

from adapter import VERSION
from adapter.brakes import Brake
from adapter.databases import is_server
from adapter.expiry import Expiry
from adapter.facts import FactFinder, Limits
from adapter.gate import Gate
from adapter.house import Clock, House
from adapter.intake import Intake
from adapter.journal import Journal, Watcher
from adapter.keepsakes import Keepsakes
from adapter.logs import log_to_stderr
from adapter.lookout import Lookout, Watched
from adapter.mail import SmtpPostbox
from adapter.messenger import Messenger
from adapter.metrics import Metrics
from adapter.missed import Missed
from adapter.on_call import schedules
from adapter.outbox import Outbox
from adapter.pressure import Pressure
from adapter.recall import Recall
from adapter.reconcile import Reconciler
from adapter.records import Store
from adapter.retention import Purge
from adapter.scheduling.embedded import Embedded
from adapter.scheduling.engine import Engine
from adapter.scheduling.errand import Errand
from adapter.scheduling.leader import alone, led
from adapter.scheduling.lock import WorkerLock
from adapter.settings import Settings, load
from adapter.shelf import Shelf
from adapter.sites import Post, Sites
from adapter.store.braking import StoredRest
from adapter.store.connection import Database
from adapter.store.keeping import StoredKeepsakes
from adapter.store.pacing import StoredTally
from adapter.store.sql import SqlStore
from adapter.web.health import health
from adapter.web.hooks import hooks
from adapter.web.metrics import numbers, timed
from adapter.web.monitor import Window
from connectors import discover
from connectors.contract import Keeper
from connectors.limits import Tally


def system_clock() -> datetime:
    """Return the machine's time, in UTC. Every other room is handed a clock."""
    return datetime.now(UTC)


def read_settings(path: Path | None = None) -> Settings:
    """Read stepladder.toml: the given file, else $STEPLADDER_CONFIG, else the one in this folder."""
    file = path or Path(os.environ.get("STEPLADDER_CONFIG", "stepladder.toml"))
    return load(file, os.environ, {name: connector.settings for name, connector in discover().items()})


def build(
    settings: Settings,
    *watchers: Watcher,
    clock: Clock = system_clock,
    ticking: Callable[[], float] = time.monotonic,
) -> House:
    """Build the house; nothing runs and nothing is asked until `start`. `ticking`: seconds that never go back."""
    metrics, started, running = Metrics(), threading.Event(), list[Errand]()
    journal = Journal(metrics.watch, *watchers)
    store = store_of(settings, settings.server.threads + settings.worker.threads + 4)
    vendors, keeper = discover(), keeper_of(settings, store.database)
    sites = Sites(
        Post(name, vendors[site.vendor], site, keeper, journal, *shared(store, name, clock), ticking=ticking, now=clock)
        for name, site in settings.sites.items()
    )
    shelf, outbox = Shelf(store.policy_text), Outbox(journal, timedelta(seconds=settings.worker.settle))
    postbox, finder = SmtpPostbox(settings.mail) if settings.mail else None, finder_of(settings, store)
    gate = Gate(store, sites, keeper, shelf.get, journal, settings.server.public_url)
    messenger = Messenger(store, sites, postbox, schedules(settings.on_call), journal, clock, gate.mode)

    def errand(name: str, run: Callable[[bool], datetime | None]) -> Errand:
        return Errand(name, led(name, store.leading, run, clock), journal, clock)

    letters = errand("letters", alone(messenger.deliver))
    reconciler = Reconciler(store, sites, shelf, outbox, journal, finder, clock, letters.wake, gate.mode, ticking)
    engine = engine_of(store, reconciler, journal, clock, ticking, settings.worker.threads, letters.wake)
    missed = Missed(store, sites, journal, clock, engine.wake, settings.rounds)
    pressure = Pressure(store, journal, clock, settings.server.backlog, settings.server.threads, ticking)
    watched = Watched(store, sites, gate, engine.pulse, pressure, running, started.is_set, clock, ticking)
    lookout = Lookout(watched, settings, keeper, postbox, journal, metrics)
    errands = {
        "missed": alone(missed.run),
        "recall": alone(Recall(store, clock).run),
        "examination": lambda mine: gate.run(clock(), examines=mine),
        "credentials": alone(Expiry(sites, keeper, journal, clock).run),
        "erasure": alone(lambda: store.tidy(clock())),
        "purge": alone(Purge(store, settings.retention.keep, journal, clock).run),
        "audit": alone(lookout.auditor.run),
    }
    running += [letters, *(errand(name, run) for name, run in errands.items())]
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
        errands=running,
        shelf=shelf,
        intake=Intake(store, journal, engine.wake, pressure),
        pressure=pressure,
        lookout=lookout,
        monitor=Window(settings.monitor, *routes_of(lookout)),
        clock=clock,
        lock=WorkerLock(Path(settings.database.removeprefix("sqlite:///"))) if store.database.sqlite else None,
        _started=started,
    )


def routes_of(lookout: Lookout) -> tuple[Blueprint, Blueprint]:
    """Make what an address of its own tells: health and numbers."""
    return health(lookout.unwell, lookout.unready, VERSION), numbers(lookout.metrics.text)


def store_of(settings: Settings, connections: int = 16) -> SqlStore:
    """Return the tables; nothing is opened before their first use."""
    return SqlStore(database_of(settings, connections))


def database_of(settings: Settings, connections: int = 16) -> Database:
    """Return the database; nothing is opened before its first use."""
    password = settings.database_password
    return Database(settings.database, connections, password.get_secret_value() if password is not None else None)


def engine_of(
    store: SqlStore,
    reconciler: Reconciler,
    journal: Journal,
    clock: Clock,
    ticking: Callable[[], float],
    threads: int,
    changed: Callable[[], None],
) -> Engine:
    """Return what brings tickets to a look: in this process, or in as many as there are on one PostgreSQL."""
    if store.database.sqlite:
        return Embedded(store, reconciler.look, journal, clock, threads, changed, ticking)
    from adapter.scheduling.distributed import Distributed  # here: only the `scale` extra has what it needs
    from adapter.scheduling.queue import Queue

    return Distributed(store, Queue(store.database.engine), reconciler.look, journal, clock, threads, changed)


def keeper_of(settings: Settings, database: Database | None = None) -> Keeper:
    """Return what keeps the tokens that vendors renew: a file of our own, or the server that all share."""
    if not is_server(settings.database):
        return Keepsakes(settings.state / "keepsakes.json")
    if database is not None:
        return StoredKeepsakes(lambda: nullcontext(database))
    return StoredKeepsakes(lambda: closing(database_of(settings)))


def shared(store: SqlStore, name: str, clock: Clock) -> tuple[Brake, Tally | None]:
    """Return a site's brake, and who counts its writes: on a server all processes share both."""
    if store.database.sqlite:
        return Brake(), None
    return Brake(knowledge=StoredRest(store.database, f"site {name}")), StoredTally(store.database, name, clock)


def finder_of(settings: Settings, store: Store) -> FactFinder:
    """Return what knows the facts beyond a ticket, and above which numbers Stepladder stops by itself."""
    guards = settings.guards
    limits = Limits(moves_in_10_minutes=guards.escalations_in_10_minutes, adoptive_per_hour=guards.adoptive_per_hour)
    return FactFinder(store, limits, VERSION)


def make_app(house: House) -> Flask:
    """Make the WSGI application of a house."""
    app = Flask("stepladder", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = house.settings.server.body_limit
    app.extensions["stepladder"] = house
    app.register_blueprint(hooks(house.intake, house.sites, house.journal, house.clock, house.ready))
    app.register_blueprint(health(house.lookout.unwell, house.lookout.unready, VERSION))
    timed(app, house.lookout.metrics.took)
    return app


def create_app(settings: Settings | None = None, *, worker: bool | None = None) -> Flask:
    """Make and start the application for any WSGI server: one process, several threads.

    `worker`: whether it also decides and writes back (None: yes, unless $STEPLADDER_WORKER is `off`). A second working
    process on the same SQLite file is refused with adapter.scheduling.lock.AlreadyWorking.
    """
    works = os.environ.get("STEPLADDER_WORKER", "on") != "off" if worker is None else worker
    settings = settings or read_settings()
    log_to_stderr(settings.log, os.environ.get("STEPLADDER_LOG"))
    house = build(settings)
    house.start(worker=works)
    return make_app(house)
