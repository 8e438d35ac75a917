"""Which of several processes runs an errand: the one that holds its lock, until it ends or its connection is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from adapter.store.connection import Database
from adapter.store.governance import Governance
from adapter.store.opening import advisory_key
from adapter.store.troubles import explained

_TRY = text("SELECT pg_try_advisory_lock(:key)")


class Leading(Governance):
    """See `leading`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._leadership = Leadership(database)

    @contextmanager
    def leading(self, name: str) -> Iterator[bool]:
        """Yield whether this process leads an errand. Who leads once goes on leading; on SQLite the worker always does.

        Of several processes one leads; when it ends, is killed or is cut off, another one does from its next try on.
        """
        yield self.database.sqlite or self._leadership.has(name)

    def close(self) -> None:
        """Close every connection; others may lead."""
        self._leadership.end()
        super().close()


class Leadership:
    """One connection that holds the locks of all errands this process leads; the server lets go when it ends."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._mine: set[str] = set()

    def has(self, name: str) -> bool:
        """Say whether this process leads now, and try to. Raises Unusable."""
        with self._lock, explained(self._database.url):
            try:
                return self._ask(name)
            except DBAPIError:
                self._drop()
            return self._ask(name)  # the connection was lost, and everything with it: begin anew

    def end(self) -> None:
        """Let others lead, at once."""
        with self._lock:
            if self._connection is not None:
                with suppress(DBAPIError), self._connection.begin():
                    self._connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            self._drop()

    def _ask(self, name: str) -> bool:
        if self._connection is None:
            self._connection = self._database.engine.connect()
        with self._connection.begin():
            if name in self._mine:
                self._connection.exec_driver_sql("SELECT 1")  # as long as it answers the lock is ours
            elif self._connection.execute(_TRY, {"key": advisory_key(f"errand {name}")}).scalar():
                self._mine.add(name)
        return name in self._mine

    def _drop(self) -> None:
        self._mine.clear()
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
