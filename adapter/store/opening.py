"""How each of the two databases is opened: its driver, and what is said to it at the beginning of a connection."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url

from adapter.store.sqlite_file import Place

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a 2xx is a promise: it is on the disk before it is given
    "PRAGMA busy_timeout=4000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is erased leaves no remnants in the file
)
_KEPT, _MORE = 5, 10
"""Connections to PostgreSQL that one process keeps, and how many it opens beyond that when it is busy."""
_WAIT = 4
"""Seconds to wait for a connection to PostgreSQL or for a lock there; a vendor waits ten for its answer."""
_SESSION = f"""
SELECT set_config('lock_timeout', '{_WAIT}s', false),
       set_config('statement_timeout', '20s', false),
       set_config('idle_in_transaction_session_timeout', '20s', false),
       set_config('timezone', 'UTC', false),
       set_config('tcp_keepalives_idle', '5', false),
       set_config('tcp_keepalives_interval', '3', false),
       set_config('tcp_keepalives_count', '3', false),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
"""What is confirmed is on the disk; what a process of ours held that is no more is free again within 15 seconds."""
DIALLING = {
    "connect_timeout": str(_WAIT),
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "stepladder",
}


def address(url: str, password: str | None = None) -> URL:
    """Return where the database is, with the driver that speaks to it."""
    found = make_url(url)
    if found.get_backend_name() == "postgresql":
        found = found.set(drivername="postgresql+psycopg")
    return found.set(password=password) if password is not None else found


def open_sqlite(url: URL, connections: int, place: Place) -> Engine:
    """Return the engine of a file, which is made for our own eyes only."""
    if url.database:
        _private(Path(url.database))
    # parameters are bodies: no error may show them
    engine = create_engine(url, pool_size=connections, max_overflow=8, hide_parameters=True)
    event.listen(engine, "do_connect", place.before)
    event.listen(engine, "connect", place.opened)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def open_postgresql(url: URL) -> Engine:
    """Return the engine of a server; nothing is connected yet."""
    given = {name: value for name, value in DIALLING.items() if name not in url.query}
    engine = create_engine(
        url,
        pool_size=_KEPT,
        max_overflow=_MORE,
        pool_timeout=_WAIT,
        hide_parameters=True,
        connect_args={**given, "autocommit": True},  # transactions are begun by words, as on SQLite
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def advisory_key(name: str) -> int:
    """Return the number under which PostgreSQL keeps a turn of ours; names differ, and so do their numbers."""
    digest = hashlib.blake2b(f"stepladder {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _private(file: Path) -> None:
    """Make the file before SQLite does, for our own eyes only: it holds customers' words."""
    with contextlib.suppress(OSError):  # whatever is wrong with it is said when it is opened
        file.touch(mode=0o600, exist_ok=True)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by words; a listener for that would burden every one
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _prepare_postgresql(connection: Any, _: object) -> None:
    connection.execute(_SESSION)
