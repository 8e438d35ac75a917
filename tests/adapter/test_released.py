"""Databases as released versions left them, with a story in the middle: they come forward, and the story goes on.

`released/*.sql` were written by those versions: ticket 7 was moved, the answer about ticket 8 was lost, 9 is unread.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapter.cli.policy.chosen import from_store
from adapter.retention import Purge
from adapter.sections import Retention
from adapter.store.connection import Database
from adapter.store.migrations import HEAD
from adapter.store.sql import SqlStore
from tests.postgres import ON_POSTGRES

pytestmark = pytest.mark.skipif(ON_POSTGRES, reason="the released versions knew SQLite only")
RELEASED = sorted(Path(__file__).with_name("released").glob("*.sql"))
DYING = """
import os, signal, sys
from sqlalchemy import event
from adapter.store.connection import Database
database, left = Database(sys.argv[1]), int(sys.argv[2])
@event.listens_for(database.engine, "before_cursor_execute")
def count(connection, cursor, statement, *_):
    global left
    left -= statement.startswith(("CREATE", "ALTER", "UPDATE alembic"))
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
database.migrate()
"""
"""A process that kills itself in the middle of a migration, after so many changes."""


@pytest.fixture(params=RELEASED, ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database that a released version has left."""
    path = tmp_path / "stepladder.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode=WAL")
        old.executescript(request.param.read_text())
    return path


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{file}")
    database.migrate()
    store = SqlStore(database)
    yield store
    store.close()


def test_there_is_one_of_every_schema_that_was_released() -> None:
    assert [file.stem for file in RELEASED] == [f"{number:04}" for number in range(1, int(HEAD))]


def test_it_goes_on_where_the_released_version_stopped(build_bench: Any, store: SqlStore, clock: Any) -> None:
    bench = build_bench()
    clock.advance(minutes=5)
    assert (bench.case("7").level, store.switches()) == (2, {"rule:asked": "a drill"})
    assert [look.rule for look in store.looks(bench.ref("7"), None, 9)] == ["urgent"]
    shown = {"group": "Support", "status": "new", "priority": "urgent", "assignee": None, "level": 1, "tags": []}
    bench.vendor.tickets = {name: {**shown, "exposed": None} for name in "789"}
    bench.looks("8")
    assert set(bench.calls("8").values()) == {"written"}
    assert bench.vendor.log[0] == "look 1"
    bench.looks("9")
    assert bench.case("9").level == 2
    assert set(bench.calls("9").values()) == {"written"}
    bench.count = 3
    bench.hear({"kind": "changed", "by": "agent", "changes": [["status", "open", "solved"]]})
    bench.looks("7")
    clock.advance(days=100)
    gone = Purge(store, Retention().keep, bench.journal, clock).whole()
    assert gone["tickets"] == 1
    assert from_store(store, store.active_policy() or "").name == "Scripted"


@pytest.mark.parametrize("changes", [1, 5])
@pytest.mark.parametrize("file", RELEASED[:1], indirect=True, ids=lambda file: file.stem)
def test_killed_in_the_middle_of_a_migration_it_is_as_it_was_and_comes_forward_at_the_next_start(
    changes: int, file: Path
) -> None:
    url = f"sqlite:///{file}"
    with closing(sqlite3.connect(file)) as before:
        (released,) = before.execute("SELECT version_num FROM alembic_version").fetchone()
    root = Path(__file__).parents[2]
    died = subprocess.run([sys.executable, "-c", DYING, url, str(changes)], cwd=root, capture_output=True, timeout=30)
    assert died.returncode == -9, died.stderr.decode()
    with closing(sqlite3.connect(file)) as after:
        assert after.execute("SELECT version_num FROM alembic_version").fetchone() == (released,)
        assert after.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database = Database(url)
    database.migrate()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
        assert connection.exec_driver_sql("SELECT count(*) FROM tickets").scalar() == 3
    database.close()
