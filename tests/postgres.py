"""A PostgreSQL server of the tests' own: on loopback, in a folder of its own, never as root, gone with its parent.

`postgres` is a server for the session, `database_url` a fresh database with all tables in it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from adapter.store.connection import Database
from adapter.store.tables import metadata

OWNER = "stepladder"
LOCKED = ("locked", "open sesame")
"""A role that must show its password; everybody else is let in."""
_TEMPLATE = "migrated"
_QUICK = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
_SMALL = ("-c", "shared_buffers=32MB", "-c", "max_connections=200", "-c", "timezone=UTC", "-c", "autovacuum=off")
_MADE = """
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname LIKE 'stepladder%'
UNION ALL SELECT format('ALTER SEQUENCE %I RESTART', relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'S' AND nspname = 'public'
"""
_RULES = f"host all {LOCKED[0]} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"


class Missing(Exception):
    """There is no PostgreSQL on this machine; the text says what to install."""


def programs() -> Path:
    """Return the folder of the newest PostgreSQL from 14 on. Raises Missing."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -_number(folder))
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file() and _version(folder) >= 14:
            return folder
    raise Missing("there is no PostgreSQL 14 or newer here; on Debian and Ubuntu: apt-get install postgresql")


def _number(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _version(folder: Path) -> int:
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    digits = told.split()[2].partition(".")[0]
    return int(digits) if digits.isdigit() else 0


class Server:
    """One server. `durable`: whether what it confirms is on the disk; that is slow, and only crashes need it."""

    def __init__(self, *, durable: bool = False) -> None:
        self._programs = programs()
        for left in Path("/tmp").glob("stepladder-postgres-*"):  # by a run that was killed
            with suppress(FileNotFoundError):  # another run tidies up, too
                if time.time() - left.stat().st_mtime > 86_400:
                    shutil.rmtree(left, ignore_errors=True)
        self._folder = Path(tempfile.mkdtemp(prefix="stepladder-postgres-", dir="/tmp"))
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            user = _somebody()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._options = (*_SMALL, *(() if durable else _QUICK))
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = iter(range(1_000_000))
        self.port = _free_port()
        self._make()

    # --- its life -----------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin, and return when it answers."""
        bound = shutil.which("setpriv")
        with_us = [bound, "--pdeathsig", "QUIT"] if bound else []  # nothing is left behind if we are killed
        here = ["-D", str(self._folder / "data"), "-k", str(self._folder), "-h", "127.0.0.1", "-p", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*with_us, str(self._programs / "postgres"), *here, *self._options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self._folder,
                **self._as,
            )
        ends = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > ends or self._process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()[-2000:]}")
            threading.Event().wait(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT cuts every connection and tidies up; SIGQUIT leaves it to the next start to tidy up."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """End it and leave nothing."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        """The process that all its others belong to."""
        return self._process.pid if self._process is not None else None

    # --- its databases ------------------------------------------------------------------------------------
    def url(self, name: str = "postgres", user: str = OWNER) -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def database(self, template: str = "template1") -> str:
        """Make a database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def migrated(self) -> str:
        """Make a database with all tables in it and return its name."""
        known = "SELECT 1 FROM pg_database WHERE datname = %s"
        if not self.run(known, (_TEMPLATE,)):
            self.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
            database = Database(self.url(_TEMPLATE))
            database.migrate()
            database.close()
        return self.database(_TEMPLATE)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def empty(self, name: str) -> None:
        """Remove every row and whatever else was made there; much faster than a new database."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        made = self.run(_MADE, name=name)
        rows = [f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables)]
        self.run("; ".join([*(drop for (drop,) in made), *rows]), name=name)

    def run(self, statement: Any, values: tuple[object, ...] = (), name: str = "postgres") -> list[Any]:
        """Run one statement as the owner and return its rows."""
        with closing(psycopg.connect(self.url(name), autocommit=True)) as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []

    # --- making it ----------------------------------------------------------------------------------------
    def _make(self) -> None:
        how = ["-U", OWNER, "-E", "UTF8", "--locale=C", "--no-sync", "-A", "trust", "-D", str(self._folder / "data")]
        done = subprocess.run(
            [self._programs / "initdb", *how], capture_output=True, text=True, cwd=self._folder, check=False, **self._as
        )
        if done.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise RuntimeError(f"initdb failed: {done.stderr}")
        (self._folder / "data" / "pg_hba.conf").write_text(_RULES)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _somebody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- fixtures: tests/conftest.py takes them in ---------------------------------------------------------------
ON_POSTGRES = os.environ.get("STEPLADDER_TEST_DATABASE", "sqlite") == "postgresql"
"""Whether the tests that run on either database shall run on this one."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of its own for each process that runs tests; skipped where PostgreSQL is not installed."""
    try:
        server = Server()
    except Missing as missing:
        if ON_POSTGRES:
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    try:
        server.start()
        server.run(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(LOCKED[0]), sql.Literal(LOCKED[1]))
        )
        yield server
    finally:
        server.remove()


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """A database with all tables and nothing in them."""
    name = postgres.migrated()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def _shared(postgres: Server) -> str:
    return postgres.migrated()


@pytest.fixture
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database with all tables, for what must hold on either: a file, or a server's."""
    if ON_POSTGRES:
        name = request.getfixturevalue("_shared")
        server: Server = request.getfixturevalue("postgres")
        server.empty(name)
        return server.url(name)
    url = f"sqlite:///{tmp_path / 'stepladder.db'}"
    database = Database(url)
    database.migrate()
    database.close()
    return url
