"""How much waits, whether the disk still takes what it is given, and whether the file is whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import exists, func, select, text

from adapter.records import Unusable
from adapter.store import tables as t
from adapter.store.codec import stamp
from adapter.store.governance import Governance
from adapter.store.sqlite_file import damaged

_AS_DELIVERIES_ARE = "LOCK TABLE deliveries, arrivals, tickets IN ROW EXCLUSIVE MODE NOWAIT"
"""What storing one needs first; fails at once where somebody has locked a table."""


class Load(Governance):
    """See `adapter.pressure.Waiting` for what each method promises."""

    def waiting(self, now: datetime, most: int) -> int:
        """Return how many tickets have unread deliveries and are due; it counts up to `most` and no further."""
        unread = exists().where(t.arrivals.c.ref == t.tickets.c.ref, t.arrivals.c.read == text("false"))
        due = select(t.tickets.c.ref).where(t.tickets.c.due_at <= stamp(now), unread).limit(most).subquery()
        with self.database.read() as connection:
            self.database.hurriedly(connection)
            return int(connection.execute(select(func.count()).select_from(due)).scalar_one())

    def prove(self) -> None:
        """Write something that changes nothing, and see that deliveries could be stored. Raises Unusable."""
        with self.database.write() as connection:
            if not self.database.sqlite:
                connection.exec_driver_sql(_AS_DELIVERIES_ARE)
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    def damage(self, most: int) -> Unusable | None:
        """Read the whole file and return what is wrong with it; a file of more than `most` bytes is not read.

        PostgreSQL looks after its own files.
        """
        file = Path(self.database.url.database or "")
        if not self.database.sqlite or not file.is_file() or file.stat().st_size > most:
            return None
        try:
            with self.database.read() as connection:
                said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
        except Unusable as error:
            return error
        return None if said == "ok" else damaged(said, file)
