"""The only place that builds: settings → connectors, store, engine, policy, app."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from adapter import VERSION
from adapter.expiry import Expiry
from adapter.facts import FactFinder, Limits
from adapter.gate import Gate
from adapter.house import Clock, House
from adapter.intake import Intake
from adapter.journal import Journal, Watcher
from adapter.keepsakes import Keepsakes
from adapter.logs import log_to_stderr
from adapter.mail import SmtpPostbox
from adapter.messenger import Messenger
from adapter.missed import Missed
from adapter.on_call import schedules
from adapter.outbox import Outbox
from adapter.reconcile import Reconciler
from adapter.records import Store
from adapter.scheduling.embedded import Embedded
from adapter.scheduling.errand import Errand
from adapter.scheduling.lock import WorkerLock
from adapter.settings import Settings, load
from adapter.shelf import Shelf
from adapter.sites import Post, Sites
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from adapter.web.health import health
from adapter.web.hooks import hooks
from connectors import discover


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
    journal = Journal(*watchers)
    store = store_of(settings, settings.server.threads + settings.worker.threads + 4)
    vendors = discover()
    keeper = keeper_of(settings)
    sites = Sites(
        Post(name, vendors[site.vendor], site, keeper, journal, ticking=ticking, now=clock)
        for name, site in settings.sites.items()
    )
    shelf, outbox = Shelf(store.policy_text), Outbox(journal, timedelta(seconds=settings.worker.settle))
    postbox = SmtpPostbox(settings.mail) if settings.mail else None
    gate = Gate(store, sites, keeper, shelf.get, journal, settings.server.public_url)
    messenger = Messenger(store, sites, postbox, schedules(settings.on_call), journal, clock, gate.mode)
    letters = Errand("letters", messenger.deliver, journal, clock)
    finder = finder_of(settings, store)
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


def store_of(settings: Settings, connections: int = 16) -> SqlStore:
    """Return the tables; nothing is opened before their first use."""
    return SqlStore(Database(settings.database, connections))


def keeper_of(settings: Settings) -> Keepsakes:
    """Return what keeps the tokens that vendors renew, beside the settings."""
    return Keepsakes(settings.file.absolute().parent / "keepsakes.json")


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
    app.register_blueprint(health(house.ready, VERSION))
    return app


def create_app(settings: Settings | None = None, *, worker: bool | None = None) -> Flask:
    """Make and start the application for any WSGI server: one process, several threads.

    `worker`: whether it also decides and writes back (None: yes, unless $STEPLADDER_WORKER is `off`). A second working
    process on the same SQLite file is refused with adapter.scheduling.lock.AlreadyWorking.
    """
    works = os.environ.get("STEPLADDER_WORKER", "on") != "off" if worker is None else worker
    log_to_stderr(os.environ.get("STEPLADDER_LOG", "INFO"))
    house = build(settings or read_settings())
    house.start(worker=works)
    return make_app(house)
