"""Opening the database: short transactions, on SQLite one writer at a time, and the schema brought up to date."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, RootTransaction, inspect, text
from sqlalchemy.exc import DBAPIError

from adapter.records import Unusable
from adapter.store.opening import address, advisory_key, open_postgresql, open_sqlite
from adapter.store.prepared import Prepared
from adapter.store.sqlite_file import Place, busy
from adapter.store.troubles import explained

_PATIENCE = 4.0
"""Seconds that a write waits for its turn; a vendor waits ten for its answer."""
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_HURRIEDLY = "SELECT set_config('lock_timeout', '500ms', true)"
_PATIENTLY = "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '60s', true)"


class Database:
    """An engine with short transactions. On SQLite writers queue in this process instead of polling a file lock.

    `connections`: how many are kept on SQLite. `password` is not part of the address. Whatever goes wrong with the
    database itself is Unusable.
    """

    def __init__(self, url: str, connections: int = 16, password: str | None = None) -> None:
        self.url = address(url, password)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._place = Place(self.url.database or "")
        self.engine: Engine = (
            open_sqlite(self.url, connections, self._place) if self.sqlite else open_postgresql(self.url)
        )
        self._closed = False
        self._turn = threading.Lock()
        self._writing = False
        # to take a connection from a pool and to tidy it up costs more than most transactions
        self._writers: deque[Connection] = deque()
        self._readers: deque[Connection] = deque()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent picture."""
        with explained(self.url), self._kept(self._readers, "BEGIN") if self.sqlite else self._begun(_READING) as found:
            yield found

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write all or nothing; on the disk when this ends."""
        if not self.sqlite:
            with explained(self.url), self._begun(_WRITING) as connection:
                yield connection
            return
        with self._my_turn(), explained(self.url), self._kept(self._writers, "BEGIN IMMEDIATE") as connection:
            self._writing = True
            yield connection
            self._place.check()

    def turn_of(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction has taken this turn; it ends with ours. SQLite has one writer anyway."""
        if not self.sqlite:
            _TURN.rows(connection, {"key": advisory_key(name)})

    def patiently(self, connection: Connection) -> None:
        """Let this transaction take as long as it needs: it concerns every ticket."""
        if not self.sqlite:
            connection.exec_driver_sql(_PATIENTLY)

    def hurriedly(self, connection: Connection) -> None:
        """Let this transaction wait for no lock: somebody wants to know soon. On SQLite who reads never waits."""
        if not self.sqlite:
            connection.exec_driver_sql(_HURRIEDLY)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Let one process at a time do something that takes several transactions; SQLite has one worker anyway."""
        with self.held(name, wait=True):
            yield

    @contextmanager
    def held(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a turn for any number of transactions and yield whether it is ours; it dies with its process.

        `wait`: until it is ours, for a minute at most. On SQLite it always is.
        """
        if self.sqlite:
            yield True
            return
        key = {"key": advisory_key(name)}
        with explained(self.url):
            connection, transaction = self._opened(_WRITING)
            with self._lent(connection):
                with transaction:
                    if wait:
                        self.patiently(connection)
                    mine = connection.execute(_HOLD if wait else _TRY, key).scalar() is not False
                try:
                    yield mine
                finally:
                    if mine:
                        _let_go(connection, key)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Read by one statement only, which needs no transaction."""
        if self.sqlite:
            with self.read() as connection:
                yield connection
            return
        with explained(self.url), self._lent(self.engine.connect()) as connection:
            yield connection

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_PATIENCE):
            raise busy(self.url.database, by_us=self._writing)
        try:
            yield
        finally:
            self._writing = False
            self._turn.release()

    @contextmanager
    def _kept(self, shelf: deque[Connection], begin: str) -> Iterator[Connection]:
        """Hand out a connection that stays open; one that failed is closed, and the next is a new one."""
        try:
            connection = shelf.pop()
        except IndexError:
            connection = self.engine.connect()
        try:
            with connection.begin():
                connection.exec_driver_sql(begin)
                yield connection
        except DBAPIError:
            connection.invalidate()
            connection.close()
            raise
        except BaseException:  # it was rolled back, and is as good as before
            shelf.append(connection)
            raise
        shelf.append(connection)

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        connection, transaction = self._opened(begin)
        with self._lent(connection), transaction:
            yield connection

    @contextmanager
    def _lent(self, connection: Connection) -> Iterator[Connection]:
        """Give a connection back in the end; once all is closed nobody would close it any more."""
        with connection:
            try:
                yield connection
            finally:
                if self._closed:
                    connection.invalidate()

    def _opened(self, begin: str) -> tuple[Connection, RootTransaction]:
        """Return a connection within a transaction; one that died since its last use is replaced."""
        for last in (False, True):
            connection = self.engine.connect()
            try:
                transaction = connection.begin()
                connection.exec_driver_sql(begin)
            except DBAPIError as error:
                connection.close()
                if last or not error.connection_invalidated:
                    raise
            else:
                break
        return connection, transaction

    # --- the schema ---------------------------------------------------------------------------------------
    def migrate(self) -> None:
        """Bring the schema to this program's version (nothing to do, and nothing imported, if it is there).

        Of several processes that start at once one does it, and the others wait.
        """
        with explained(self.url):
            if self._behind():
                _upgrade(self)

    def _behind(self) -> bool:
        from adapter.store.migrations import HEAD

        found = _revision(self.engine)
        if found is not None and found > HEAD:
            raise Unusable(f"the database is of a newer Stepladder (schema {found}, this one knows {HEAD}); update")
        return found != HEAD

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for shelf in (self._writers, self._readers):
            while shelf:
                shelf.pop().close()
        self.engine.dispose()


_TURN = Prepared(text("SELECT pg_advisory_xact_lock(:key)"))
_TRY, _HOLD = text("SELECT pg_try_advisory_lock(:key)"), text("SELECT pg_advisory_lock(:key)")
_RELEASE = text("SELECT pg_advisory_unlock(:key)")


def _let_go(connection: Connection, key: dict[str, int]) -> None:
    try:
        connection.execute(_RELEASE, key)
    except DBAPIError:
        connection.invalidate()  # the server lets go when the connection ends


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
        database.patiently(connection)
        database.turn_of(connection, "migrations")  # who has waited finds everything done
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
