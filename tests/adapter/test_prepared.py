"""Statements that the driver runs itself: what SQLAlchemy would say, with its errors, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from adapter.records import Unusable
from adapter.store import tables as t
from adapter.store.connection import Database
from adapter.store.prepared import Prepared

PUT = Prepared(t.modes.insert())
MOVE_ON = Prepared(t.modes.update().where(t.modes.c.site == bindparam("this_site")))
NEWEST = Prepared(select(t.modes).where(t.modes.c.mode == "act").order_by(t.modes.c.since.desc()).limit(2))
ROWS = [{"site": f"desk/{name}", "mode": "act", "since": float(number)} for number, name in enumerate("abc")]


@pytest.fixture
def database(any_database: str) -> Iterator[Database]:
    opened = Database(any_database)
    with opened.write() as connection:
        PUT.change_each(connection, ROWS)
    yield opened
    opened.close()


def test_rows_come_by_name_as_sqlalchemy_gives_them(database: Database) -> None:
    told = select(t.modes).where(t.modes.c.mode == "act").order_by(t.modes.c.since.desc()).limit(2)
    with database.read() as connection:
        found, expected = NEWEST.rows(connection, {}), connection.execute(told).all()
    assert [(row.site, row.mode, row.since) for row in found] == [tuple(row) for row in expected]
    assert [row.site for row in found] == ["desk/c", "desk/b"]


def test_an_update_sets_the_columns_that_are_named_and_says_how_many_rows_it_met(database: Database) -> None:
    with database.write() as connection:
        assert MOVE_ON.change(connection, {"this_site": "desk/a", "since": 7.5}) == 1
        assert MOVE_ON.change(connection, {"this_site": "desk/a", "mode": "note", "since": 8.5}) == 1
        assert MOVE_ON.change(connection, {"this_site": "desk/z", "since": 7.5}) == 0
    with database.read() as connection:
        assert connection.execute(select(t.modes).where(t.modes.c.site == "desk/a")).one() == ("desk/a", "note", 8.5)


def test_a_fault_of_ours_comes_out_as_sqlalchemys_error_shows_no_value_and_leaves_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught, database.write() as connection:  # noqa: PT012
        MOVE_ON.change(connection, {"this_site": "desk/b", "since": 9.0})
        PUT.change(connection, {"site": "desk/a", "mode": "whisper", "since": 0.0})
    assert "whisper" not in str(caught.value)
    with database.read() as connection:
        assert [row.since for row in NEWEST.rows(connection, {})] == [2.0, 1.0]


def test_a_database_that_is_lost_under_a_statement_is_unusable_and_the_next_one_is_served(database: Database) -> None:
    with pytest.raises(Unusable), database.read() as connection:  # noqa: PT012
        if database.sqlite:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA query_only = 1")  # as if the file could not be written any more
        else:
            number = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with database.write() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
        MOVE_ON.change(connection, {"this_site": "desk/a", "since": 7.5})
    with database.read() as connection:
        assert len(NEWEST.rows(connection, {})) == 2
