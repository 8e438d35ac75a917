"""One consistent copy of everything in a file of its own, made while others read and write. It overwrites no file."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from adapter.gaps import Why
from adapter.records import CallState, Unusable
from adapter.store import tables as t
from adapter.store.codec import moment, stamp
from adapter.store.governance import Governance
from adapter.store.migrations import HEAD

_CUT_SHORT = 3600.0  # seconds without a byte


class Copying(Governance):
    """See `adapter.inspection.Inspection` for what each method promises."""

    def backup(self, file: Path, now: datetime) -> int:
        """Write a consistent copy of everything into a new file, while others read and write; return its bytes.

        It bears its name only when it is whole, on the disk and proven readable. Raises FileExistsError or Unusable.
        """
        if not self.database.sqlite:
            raise Unusable("PostgreSQL makes its own copies: pg_dump --format=custom --file=FILE DATABASE")
        if file.exists():
            raise FileExistsError(f"{file}: there is such a file already; a backup never overwrites one")
        part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _tidy(part, file.name)
            with self.database.engine.connect() as connection:  # outside a transaction, as this statement wants it
                connection.exec_driver_sql("VACUUM INTO ?", (str(part),))
            _mark(part, now)
            _prove(part)
            _settle(part)
            os.link(part, file)
        except (sqlite3.Error, SQLAlchemyError) as error:
            why = getattr(error, "orig", error)
            raise Unusable(f"{file}: the copy could not be made ({why}); nothing was kept of it") from error
        except FileExistsError as error:
            raise FileExistsError(f"{file}: somebody has made such a file meanwhile; it is as they left it") from error
        finally:
            part.unlink(missing_ok=True)
        _settle(file.absolute().parent)
        return file.stat().st_size

    def restored(self) -> tuple[int, datetime] | None:
        """Return how many tickets are to be read because we go on from a copy, and when that was made; else None."""
        with self.database.read() as connection:
            count, made = connection.execute(_RESTORED).one()
        return (count, moment(made)) if count else None


_RESTORED = select(func.count(), func.min(t.gaps.c.found_at)).where(
    t.gaps.c.why == Why.RESTORED.value, t.gaps.c.open == text("true")
)


def _tidy(own: Path, name: str) -> None:
    """Take away what backups left that were cut short. What is younger may be one that is being made."""
    begun = own.stat().st_mtime
    for other in own.parent.iterdir():
        with suppress(FileNotFoundError):
            left = other.name.startswith(f"{name}.") and other.name.endswith(".part")
            if left and begun - other.stat().st_mtime > _CUT_SHORT:
                other.unlink()


_ONCE_RESTORED = (
    "INSERT OR IGNORE INTO gaps (ref, at, why, open, found_at) SELECT ref, :now, :why, true, :now FROM tickets "
    'WHERE "case" IS NOT NULL AND NOT outside '
    """AND json_extract(CAST("case" AS TEXT), '$.story.ended') IS NULL """
    """AND coalesce(json_extract(CAST("case" AS TEXT), '$.ticket.status'), '') NOT IN ('solved', 'closed')""",
    "UPDATE calls SET state = :sending, attempted_at = coalesce(attempted_at, created_at) WHERE state = :planned",
)
"""What makes a copy safe to go on with, because more may have happened since: every open ticket is read before it is
decided upon, and every call that was still to be sent is looked for at the vendor first."""


def _mark(copy: Path, now: datetime) -> None:
    with closing(sqlite3.connect(copy)) as opened, opened:
        values = {
            "now": stamp(now),
            "why": Why.RESTORED.value,
            "sending": CallState.SENDING.value,
            "planned": CallState.PLANNED.value,
        }
        for statement in _ONCE_RESTORED:
            opened.execute(statement, values)


def _prove(copy: Path) -> None:
    """Open a copy, and read all of it. Raises Unusable if anything is wrong with it."""
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as opened:
            (found,) = opened.execute("PRAGMA integrity_check(1)").fetchone()
            (schema,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.DatabaseError, TypeError) as error:
        raise Unusable(f"{copy}: the copy cannot be read ({error}); nothing was kept of it") from error
    if found != "ok" or schema != HEAD:
        raise Unusable(f"{copy}: the copy is not whole ({found}, schema {schema}); nothing was kept of it")


def _settle(path: Path) -> None:
    """Have a file, or what a folder lists, on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
