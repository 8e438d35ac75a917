"""Opening the database: pragmas, one writer at a time, and the schema brought up to date."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a 2xx is a promise: it is on the disk before it is given
    "PRAGMA busy_timeout=4000",
    "PRAGMA foreign_keys=ON",
)


_PATIENCE = 4.0
"""Seconds that a write waits for its turn; a vendor waits ten for its answer."""


class Unusable(OSError):
    """The database cannot be used now; the text says why and where to look."""


class Database:
    """An engine with short transactions. On SQLite writers queue in this process instead of polling a file lock."""

    def __init__(self, url: str, connections: int = 16) -> None:
        # parameters are bodies: no error may show them
        self.engine: Engine = create_engine(url, pool_size=connections, max_overflow=8, hide_parameters=True)
        self.sqlite = self.engine.dialect.name == "sqlite"
        if self.sqlite and self.engine.url.database:
            _private(Path(self.engine.url.database))
        self._turn = threading.Lock()
        if self.sqlite:
            event.listen(self.engine, "connect", _prepare)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent picture."""
        with self.engine.connect() as connection, connection.begin():
            if self.sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write all or nothing; on the disk when this ends."""
        with self._my_turn(), self.engine.connect() as connection, connection.begin():
            if self.sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self.sqlite:
            yield
            return
        if not self._turn.acquire(timeout=_PATIENCE):
            raise Unusable("the database is busy; another process may have locked it")
        try:
            yield
        finally:
            self._turn.release()

    def migrate(self) -> None:
        """Bring the schema to this program's version (nothing to do, and nothing imported, if it is there)."""
        from adapter.store.migrations import HEAD

        try:
            found = _revision(self.engine)
            if found is not None and found > HEAD:
                raise Unusable(f"the database is of a newer Stepladder (schema {found}, this one knows {HEAD}); update")
            if found != HEAD:
                _upgrade(self)
        except DBAPIError as error:
            sentence = f"the database cannot be used: {error.orig}; look at its file, its folder and the disk"
            raise Unusable(sentence) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _private(file: Path) -> None:
    """Make the file before SQLite does, for our own eyes only: it holds customers' words."""
    with contextlib.suppress(OSError):  # whatever is wrong with it is said when it is opened
        file.touch(mode=0o600, exist_ok=True)


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun above; a listener for that would burden every statement
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return str(found) if found else None


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
