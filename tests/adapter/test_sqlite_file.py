"""The file under the tables is damaged, locked, read-only or replaced: a sentence with its name and what to do."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.records import Unusable
from adapter.store import connection
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from adapter.store.sqlite_file import complaint

MONDAY = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def opened(file: Path) -> SqlStore:
    store = SqlStore(Database(f"sqlite:///{file}"))
    store.database.migrate()
    return store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with two hundred tickets, closed."""
    store = opened(tmp_path / "a.db")
    with store.database.write() as connection:
        for number in range(200):
            connection.exec_driver_sql(
                "INSERT INTO tickets (ref, due_at, marks) VALUES (?, 1, 1)", (f"desk/acme/{number}" + "x" * 200,)
            )
    store.close()
    return tmp_path / "a.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    store = opened(file)
    yield store
    with contextlib.suppress(Unusable):
        store.close()


def test_what_another_program_has_locked_is_waited_for_and_then_said(file: Path, store: SqlStore) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        with store.database.write() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=50")  # instead of four seconds
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unusable, match=rf"{file} is busy or locked by another process .* goes on by itself"):
            store.prove()
        other.execute("ROLLBACK")
        store.prove()


def test_who_waits_for_what_we_write_ourselves_blames_nobody_else(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_PATIENCE", 0.05)  # instead of four seconds
    with (
        store.database.write(),
        ThreadPoolExecutor(1) as other,
        pytest.raises(Unusable, match="is busy: what this process itself writes takes so long"),
    ):
        other.submit(store.prove).result()


def garbled(file: Path, start: int, length: int) -> None:
    with file.open("r+b") as handle:
        handle.seek(start)
        handle.write(b"\xa5" * length)


def test_a_damaged_page_is_found_when_it_is_read(file: Path) -> None:
    size = file.stat().st_size
    found = opened(file)
    garbled(file, size // 2, size // 2)
    with pytest.raises(Unusable, match=r"a\.db is damaged \(SQLITE_CORRUPT.*\); stop .* put the last backup"):
        found.due(MONDAY, 1000)
    found.close()


def test_damage_is_found_at_the_start_unless_the_file_is_too_big_to_be_read_then(file: Path, store: SqlStore) -> None:
    assert store.damage(1 << 30) is None
    garbled(file, file.stat().st_size // 2, 8192)
    again = SqlStore(Database(f"sqlite:///{file}"))
    assert "a.db is damaged" in str(again.damage(1 << 30))
    assert again.damage(1000) is None
    again.close()


def test_what_is_replaced_under_us_is_never_written_to(file: Path, store: SqlStore) -> None:
    store.prove()
    other = file.with_name("b.db")
    opened(other).close()
    other.rename(file)
    for _ in range(2):
        with pytest.raises(Unusable, match=r"a\.db was replaced while .* start Stepladder anew"):
            store.prove()
    store.close()
    again = opened(file)
    again.prove()
    again.close()


def test_a_log_that_is_moved_away_is_not_written_to_and_may_come_back(file: Path, store: SqlStore) -> None:
    store.prove()
    log = Path(f"{file}-wal")
    log.rename(file.parent / "elsewhere")
    with pytest.raises(Unusable, match=r"a\.db-wal was removed while .* put the same file back"):
        store.prove()
    (file.parent / "elsewhere").rename(log)
    store.prove()


def test_what_is_removed_under_us_is_not_made_anew(file: Path, store: SqlStore) -> None:
    store.prove()
    file.unlink()
    with pytest.raises(Unusable, match="was removed while"):
        store.prove()
    store.close()
    with pytest.raises(Unusable, match="was removed while"):
        store.prove()
    assert not file.exists()


def test_a_disk_that_is_read_only_is_said(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path / "disk")]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"a disk of our own needs the right to mount one: {made.stderr.strip()}")
    try:
        opened(tmp_path / "disk" / "a.db").close()
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        store = SqlStore(Database(f"sqlite:///{tmp_path / 'disk' / 'a.db'}"))
        with pytest.raises(Unusable, match=r"a\.db (may not be written|cannot be opened); l.* this user .*write"):
            store.database.migrate()
        with pytest.raises(Unusable, match=r"a\.db (may not be written|cannot be opened)"):
            store.settle_erasure()
        subprocess.run(["mount", "-o", "remount,rw", str(tmp_path / "disk")], check=True)
        store.database.migrate()
        store.prove()
        store.close()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path / "disk")], check=True)


def test_whatever_else_sqlite_says_is_told_with_the_file() -> None:
    said = complaint(sqlite3.OperationalError("no such table: tickets"), "/data/a.db")
    assert str(said).startswith("the database /data/a.db cannot be used: no such table: tickets; ")
