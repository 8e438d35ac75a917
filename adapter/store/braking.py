"""What a brake knows, in the database: all processes see it, and it outlives them. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from adapter.brakes import OPEN, Rest
from adapter.store import tables as t
from adapter.store.codec import moment, stamp
from adapter.store.connection import Database
from adapter.store.prepared import Prepared
from adapter.store.troubles import once_more

Answer = TypeVar("Answer")
_ROW = Prepared(select(t.brakes).where(t.brakes.c.name == bindparam("brake")))
_TIMES = ("until", "probe_until", "closed_at")


class StoredRest:
    """Keeps what the brake of this name knows, for all processes."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._seen = OPEN
        put = (sqlite.insert if database.sqlite else postgresql.insert)(t.brakes)
        changing = ("failures", "rest", *_TIMES)
        self._put = put.on_conflict_do_update(
            index_elements=["name"], set_={name: put.excluded[name] for name in changing}
        )

    def seen(self) -> Rest:
        """Return what this process saw or changed last."""
        return self._seen

    @once_more
    def look(self) -> Rest:
        """Return what is known now."""
        with self._database.glance() as connection:
            self._seen = _rest(_ROW.rows(connection, {"brake": self._name}))
        return self._seen

    @once_more
    def change(self, step: Callable[[Rest], tuple[Rest, Answer]]) -> Answer:
        """Take one step while no other process takes one, and keep what is known after it."""
        with self._database.write() as connection:
            self._database.turn_of(connection, f"brake {self._name}")
            before = _rest(_ROW.rows(connection, {"brake": self._name}))
            after, answer = step(before)
            if after != before:
                connection.execute(self._put, {"name": self._name, **_row(after)})
        self._seen = after
        return answer


def _rest(rows: Sequence[Any]) -> Rest:
    if not rows:
        return OPEN
    (row,) = rows
    times = {name: moment(at) for name in _TIMES if (at := getattr(row, name)) is not None}
    return Rest(failures=row.failures, rest=row.rest, **times)


def _row(rest: Rest) -> dict[str, Any]:
    times = {name: _stamped(getattr(rest, name)) for name in _TIMES}
    return {"failures": rest.failures, "rest": rest.rest, **times}


def _stamped(at: datetime | None) -> float | None:
    return stamp(at) if at is not None else None
