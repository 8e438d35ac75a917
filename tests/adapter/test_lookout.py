"""Alive, ready, and the gauges: each thing that can break is broken, and is seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import event

from adapter.brakes import Brake, Resting
from adapter.gaps import Rounds
from adapter.journal import Journal
from adapter.lookout import Lookout, Watched, free_on
from adapter.metrics import Metrics
from adapter.pressure import Pressure
from adapter.scheduling.embedded import Embedded
from adapter.scheduling.errand import Errand
from adapter.sites import as_configured
from adapter.store.braking import StoredRest
from adapter.store.sql import SqlStore
from adapter.vigilance import Audit, Monitor
from adapter.web.health import health
from adapter.web.metrics import numbers
from adapter.web.monitor import Window
from connectors.contract import TryLater
from connectors.sandboxing import Pocket
from policies.commands import Mode
from tests.postgres import ON_POSTGRES

Bench = Any
on_a_file = pytest.mark.skipif(ON_POSTGRES, reason="it is about SQLite's file")
Until = Callable[..., None]


class Settings:
    """What a lookout reads of the settings."""

    def __init__(self, database: str, audit: Audit) -> None:
        self.database, self.audit = database, audit
        self.rounds = Rounds(every=timedelta(minutes=15), wait=timedelta(minutes=20))


class Rooms:
    """A lookout beside a bench, and everything in it that can break."""

    def __init__(self, bench: Bench, folder: Path, **audit: float) -> None:
        self.bench, self.still, self.started, self.seconds = bench, 0.0, True, 0.0
        self.threads: list[Any] = []
        self.governs, self.mode = True, as_configured
        self.metrics = Metrics()
        pressure = Pressure(bench.store, bench.journal, bench.clock, 2, 8, lambda: self.seconds)
        parts = Watched(
            bench.store, bench.sites, self, lambda: self.still, pressure, self.threads,
            lambda: self.started, bench.clock, lambda: self.seconds,
        )  # fmt: skip
        settings: Any = Settings(f"sqlite:///{folder / 'stepladder.db'}", Audit(**audit))
        self.lookout = Lookout(parts, settings, Pocket(), None, bench.journal, self.metrics)

    def number(self, name: str, **labels: str) -> float | None:
        value: float | None = self.metrics.registry.get_sample_value(f"stepladder_{name}", labels)
        return value

    def later(self) -> None:
        """Let so much time pass that nothing is remembered."""
        self.seconds += 10
        self.bench.clock.advance(seconds=10)


@pytest.fixture
def rooms(bench: Bench, tmp_path: Path) -> Rooms:
    return Rooms(bench, tmp_path)


# --- alive --------------------------------------------------------------------------------------------------
def test_a_clock_that_stands_still_is_not_alive(rooms: Rooms) -> None:
    rooms.still = 4.9
    assert rooms.lookout.unwell() == []
    rooms.still = 5.1
    assert rooms.lookout.unwell() == ["the scheduler's clock has stood still for 5 s"]


def test_a_scheduler_whose_table_never_answers_is_seen_by_its_pulse(rooms: Rooms, until: Until, bench: Bench) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Hanging:
        def changed(self) -> int:
            asked.set()
            answer.wait(10)
            return 0

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.store, name)

    hanging: Any = Hanging()
    engine = Embedded(hanging, lambda ref: None, Journal(), bench.clock, threads=1, ticking=lambda: rooms.seconds)
    assert engine.pulse() == 0.0
    engine.start()
    assert asked.wait(5)
    rooms.seconds += 30
    rooms.still = engine.pulse()
    assert rooms.lookout.unwell() == ["the scheduler's clock has stood still for 30 s"]
    answer.set()
    until(lambda: engine.pulse() < 1)
    assert engine.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_is_not_alive(rooms: Rooms, until: Until, bench: Bench) -> None:
    def leave() -> datetime:
        raise SystemExit

    errand = Errand("letters", leave, Journal(), bench.clock)
    rooms.threads.append(errand)
    assert rooms.lookout.unwell() == []
    errand.start()
    until(errand.ended)
    assert rooms.lookout.unwell() == ["the thread 'letters' has ended"]


# --- ready --------------------------------------------------------------------------------------------------
def test_not_ready_while_starting_or_stopping(rooms: Rooms) -> None:
    assert rooms.lookout.unready() == []
    rooms.started = False
    assert rooms.lookout.unready() == ["starting or stopping"]


def test_not_ready_while_too_much_waits(rooms: Rooms, bench: Bench) -> None:
    assert rooms.lookout.unready() == []
    for ticket in ("1", "2", "3"):
        bench.born(ticket)
    rooms.later()
    (reason,) = rooms.lookout.unready()
    assert "2" in reason
    assert rooms.number("refusing", why="backlog") == 1


def test_who_only_works_is_ready_however_much_waits_as_long_as_it_can_work(rooms: Rooms, bench: Bench) -> None:
    for ticket in ("1", "2", "3"):
        bench.born(ticket)
    rooms.lookout.only_works()
    rooms.later()
    assert rooms.lookout.unready() == []
    assert rooms.number("refusing", why="") == 0
    rooms.still = 60.0
    assert rooms.lookout.unready() == ["the scheduler's clock has stood still for 60 s"]


@on_a_file
def test_not_ready_while_the_database_takes_no_write_and_where_it_is_is_told_to_the_log_once(
    rooms: Rooms, bench: Bench, tmp_path: Path
) -> None:
    assert rooms.lookout.unready() == []
    (tmp_path / "stepladder.db").rename(tmp_path / "elsewhere.db")
    rooms.later()
    assert rooms.lookout.unready() == rooms.lookout.unready() == ["the database takes no write; the log says why"]
    rooms.later()
    assert rooms.lookout.unready() != []
    assert [name for name, _ in bench.told if name.startswith("ready.")] == ["ready.alarm"]
    (tmp_path / "elsewhere.db").rename(tmp_path / "stepladder.db")
    rooms.later()
    assert rooms.lookout.unready() == []
    assert [name for name, _ in bench.told if name.startswith("ready.")] == ["ready.alarm", "ready.open"]


def test_who_asks_while_the_database_hangs_waits_for_nothing(rooms: Rooms, bench: Bench) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(*_: Any) -> None:
        asked.set()
        answer.wait(10)

    assert rooms.lookout.unready() == []
    rooms.later()
    event.listen(bench.store.database.engine, "before_cursor_execute", hang)
    first = threading.Thread(target=rooms.lookout._unproven)
    first.start()
    assert asked.wait(5)
    assert rooms.lookout._unproven() is None
    answer.set()
    first.join()


def test_whoever_asks_often_makes_few_writes(rooms: Rooms, bench: Bench) -> None:
    statements: list[str] = []
    event.listen(bench.store.database.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    for _ in range(50):
        rooms.lookout.unready()
    assert len([said for said in statements if said.startswith("INSERT")]) == 1


# --- by HTTP ------------------------------------------------------------------------------------------------
@pytest.fixture
def window(rooms: Rooms) -> Iterator[Window]:
    routes = health(rooms.lookout.unwell, rooms.lookout.unready, "1.2.3"), numbers(rooms.metrics.text)
    window = Window(Monitor(port=0), *routes)
    window.start()
    yield window
    window.stop()


def test_what_is_broken_is_a_503_with_its_reason(rooms: Rooms, window: Window) -> None:
    url = f"http://127.0.0.1:{window.port}"
    assert requests.get(f"{url}/healthz", timeout=5).json() == {"status": "ok", "version": "1.2.3", "reasons": []}
    rooms.still, rooms.started = 60.0, False
    for path, reason in (
        ("/healthz", "the scheduler's clock has stood still for 60 s"), ("/readyz", "starting or stopping")
    ):  # fmt: skip
        answer = requests.get(url + path, timeout=5)
        assert answer.status_code == 503
        assert answer.json()["reasons"] == [reason]
    assert requests.get(f"{url}/metrics", timeout=5).headers["Content-Type"].startswith("text/plain; version=")


def test_without_a_port_nothing_listens_and_a_port_that_is_taken_is_a_sentence(window: Window) -> None:
    quiet = Window(Monitor())
    quiet.start()
    assert quiet.port is None
    quiet.stop()
    with pytest.raises(OSError, match=r"\[monitor\] cannot listen on 127.0.0.1:\d+: .*--monitor-port"):
        Window(Monitor(port=window.port)).start()


def test_it_is_served_before_the_tables_are_there_and_until_the_end(rooms: Rooms) -> None:
    app = Flask(__name__)
    app.register_blueprint(health(rooms.lookout.unwell, rooms.lookout.unready, "1.2.3"))
    rooms.started = False
    assert app.test_client().get("/healthz").status_code == 200
    assert app.test_client().get("/readyz").status_code == 503


# --- gauges -------------------------------------------------------------------------------------------------
def test_brakes_pauses_modes_and_alarms_are_shown(bench: Bench, tmp_path: Path) -> None:
    rooms = Rooms(bench, tmp_path, disk=100)
    assert rooms.number("brake_closed", site="desk/acme") == 0
    assert rooms.number("site_mode", site="desk/acme", mode="act") == 1
    bench.post.brake.failed(TryLater("down"), bench.clock())
    bench.store.pause("rule:urgent", "too eager", bench.clock())
    rooms.lookout.auditor.run()

    def resting(_: Any) -> Mode:
        raise Resting(3)

    rooms.mode = resting
    rooms.later()
    assert rooms.number("brake_closed", site="desk/acme") == 1
    assert rooms.number("site_mode", site="desk/acme", mode="resting") == 1
    assert rooms.number("paused", scope="rule:urgent") == 1
    assert rooms.number("alarm", alarm="disk", site="") == 1
    assert rooms.number("audit_timestamp_seconds") == (bench.clock() - timedelta(seconds=10)).timestamp()
    rooms.governs = False
    assert rooms.number("site_mode", site="desk/acme", mode="resting") is None, "a receiver examines no site"


def test_what_waits_is_counted_with_its_age_and_asked_every_five_seconds(rooms: Rooms, bench: Bench) -> None:
    bench.born()
    bench.clock.advance(seconds=90)
    assert rooms.number("tickets_due") == 1
    assert rooms.number("lag_seconds") == 90
    bench.looks()
    assert rooms.number("tickets_due") == 1
    rooms.later()
    assert rooms.number("tickets_due") == 0
    assert rooms.number("lag_seconds") == 0


@on_a_file
def test_without_its_tables_it_still_shows_the_rest(rooms: Rooms, tmp_path: Path) -> None:
    assert rooms.number("database_up") == 1
    (tmp_path / "stepladder.db").rename(tmp_path / "elsewhere.db")
    rooms.bench.store.close()
    rooms.later()
    assert rooms.number("database_up") == 0
    assert rooms.number("tickets_due") is None
    assert rooms.number("clock_pulse_seconds") == 0


@on_a_file
@pytest.mark.parametrize("seconds", [0, 10], ids=["what the tables said is remembered", "they are asked again"])
def test_a_brake_that_is_kept_in_the_database_is_left_out_without_it(
    rooms: Rooms, bench: Bench, tmp_path: Path, seconds: float
) -> None:
    bench.post.brake = Brake(knowledge=StoredRest(bench.store.database, "site acme"))
    assert rooms.number("brake_closed", site="desk/acme") == 0
    (tmp_path / "stepladder.db").rename(tmp_path / "elsewhere.db")
    bench.store.close()
    rooms.seconds += seconds
    assert rooms.number("brake_closed", site="desk/acme") is None
    assert rooms.number("database_up") == (0 if seconds else 1)


@on_a_file
def test_a_scrape_reads_no_table_from_end_to_end(store: SqlStore, clock: Any) -> None:
    plans: list[str] = []

    def explain(connection: Any, _: Any, said: str, given: Any, *__: Any) -> None:
        if said.startswith("SELECT") and "pragma" not in said:
            cursor = connection.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {said}", given)
            plans.extend(row[3] for row in cursor)

    event.listen(store.database.engine, "before_cursor_execute", explain)
    store.vitals(clock())
    store.late(clock(), ["desk/acme"])
    store.unended(clock(), [])
    event.remove(store.database.engine, "before_cursor_execute", explain)
    large = {"tickets", "deliveries", "calls", "notices", "events", "looks", "arrivals"}
    read = [plan for plan in plans if plan.split()[1] in large]
    assert len(read) > 8
    assert [plan for plan in read if "INDEX" not in plan] == []


def test_the_free_part_of_a_disk_is_known_where_the_file_is_ours(tmp_path: Path) -> None:
    free = free_on(f"sqlite:///{tmp_path / 'stepladder.db'}")()
    assert free is not None
    assert 0 < free < 1
    assert free_on("postgresql://db.example/stepladder")() is None


def test_each_house_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.watch("delivery.kept", {"site": "desk/acme"})
    found = [
        m.registry.get_sample_value("stepladder_deliveries_total", {"site": "desk/acme", "outcome": "kept"})
        for m in (one, other)
    ]
    assert found == [1, None]
