"""A backup is made while Stepladder works; the disk is lost; from the backup it goes on, and nothing is doubled."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from tests.journeys.beside import Beside
from tests.postgres import ON_POSTGRES

House = Any
on_a_file = pytest.mark.skipif(ON_POSTGRES, reason="PostgreSQL makes its own backups")
MORE = "[worker]\nsettle = 10\n[missed]\nevery = 15\nwait = 1"


def backed_up(house: House) -> Any:
    """Make a backup beside the house that works; return what the command said."""
    return Beside(house).run("backup", str(house.folder / "copy.db"))


def restored(house: House) -> None:
    """Lose the database and go on with the copy."""
    house.close()
    for file in house.folder.glob("stepladder.db*"):
        file.unlink()
    (house.folder / "copy.db").rename(house.folder / "stepladder.db")
    house.open()


@on_a_file
def test_from_a_backup_it_goes_on_and_nothing_is_written_twice(build_house: Any, vendor: str) -> None:
    house: House = build_house(vendor, more=MORE)
    moved = house.opened(priority="urgent")
    waits, answered = house.opened(), house.opened()
    house.stands(moved, 2)
    began = house.clock()
    assert "whole" in backed_up(house).output
    house.later(minutes=61)  # what follows is not in the copy
    house.desk.agent_says(answered, "Please try again.")
    late = house.opened(priority="urgent")
    house.stands(waits, 2)
    house.stands(late, 2)
    before = len(house.writes())
    restored(house)
    (told,) = house.said("backup.restored")
    assert told["tickets"] == 3
    assert began <= told["made"] <= began + timedelta(minutes=1)
    house.adapter.missed.run()
    house.later(minutes=40)
    for ticket in (moved, waits, late):
        house.stands(ticket, 2)
    assert len(house.writes()) == before
    house.desk.customer_says(answered, "It is broken again.")
    house.later(minutes=61)
    assert house.view(answered).level == 2


@on_a_file
def test_a_copy_is_for_our_eyes_only_and_overwrites_nothing(build_house: Any) -> None:
    house: House = build_house("zendesk")
    house.opened()
    solved = house.opened()
    house.desk.agent_changes(solved, status="solved")
    house.quiet()
    said = backed_up(house).output
    copy = house.folder / "copy.db"
    assert "secrets.toml" in said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT count(*) FROM deliveries").fetchone() == (len(house.said("delivery.kept")),)
        assert opened.execute("SELECT why FROM gaps").fetchall() == [("restored",)]  # the solved one is left in peace
    again = backed_up(house)
    assert again.exit_code == 2
    assert "never overwrites" in again.stderr
    assert not list(house.folder.glob("*.part"))


@on_a_file
def test_backups_into_one_file_at_once_spoil_nothing_and_the_first_wins(build_house: Any) -> None:
    house: House = build_house("zendesk")
    house.opened()
    parts = {name: house.folder / f"copy.db.{name}.part" for name in ("old", "young")}
    for name, part in parts.items():
        part.touch()
        when = part.stat().st_mtime - (7200 if name == "old" else 60)
        os.utime(part, (when, when))
    with ThreadPoolExecutor(4) as several:
        tries = [several.submit(house.adapter.store.backup, house.folder / "copy.db", house.clock()) for _ in range(4)]
    lost = [str(error) for one in tries if (error := one.exception()) is not None]
    assert ["there is such a file" in why or "meanwhile" in why for why in lost] == [True] * 3
    with closing(sqlite3.connect(house.folder / "copy.db")) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert list(house.folder.glob("*.part")) == [parts["young"]]  # somebody may be at it still


@on_a_file
def test_a_folder_that_cannot_hold_the_copy_is_said_in_a_sentence(build_house: Any) -> None:
    house: House = build_house("zendesk")
    said = Beside(house).run("backup", str(house.folder / "nowhere" / "copy.db"))
    assert (said.exit_code, "nowhere" in said.stderr) == (2, True)


@pytest.mark.skipif(not ON_POSTGRES, reason="it asks for a backup of PostgreSQL")
def test_postgresql_is_backed_up_by_its_own_tool(build_house: Any) -> None:
    said = backed_up(build_house("zendesk"))
    assert (said.exit_code, "pg_dump" in said.stderr) == (2, True)
