"""When the last writes to a site left, of all processes: a vendor counts them together. It sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select

from adapter.store import tables as t
from adapter.store.codec import stamp
from adapter.store.connection import Database
from adapter.store.troubles import once_more
from connectors.limits import SLACK, Window

_GONE = delete(t.paces).where(t.paces.c.site == bindparam("of"), t.paces.c.at < bindparam("before"))
_OF_SITE = select(t.paces.c.at).where(t.paces.c.site == bindparam("of")).order_by(t.paces.c.at.desc()).limit(1)
_OF_TICKET = _OF_SITE.where(t.paces.c.ticket == bindparam("to"))


class StoredTally:
    """Counts the writes to one site in the database. `now`: the time of day, which all machines must agree on."""

    def __init__(self, database: Database, site: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._site = site
        self._now = now

    @once_more
    def take(self, ticket: str, per_ticket: Sequence[Window], per_site: Sequence[Window]) -> tuple[float, float]:
        """Count one more write, or return for how many seconds the site and the ticket must wait."""
        longest = max((window.seconds for window in (*per_ticket, *per_site)), default=0.0) + SLACK
        given = {"of": self._site, "to": ticket}
        with self._database.write() as connection:
            if not self._database.sqlite:  # who crashes and forgets the last moment's writes has written none since
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            self._database.turn_of(connection, f"pace {self._site}")
            now = stamp(self._now())
            connection.execute(_GONE, {"of": self._site, "before": now - longest})
            site = _free(connection, _OF_SITE, given, per_site) - now
            own = _free(connection, _OF_TICKET, given, per_ticket) - now
            if site <= 0 and own <= 0:
                connection.execute(t.paces.insert().values(site=self._site, ticket=ticket, at=now))
        return max(site, 0.0), max(own, 0.0)


def _free(connection: Connection, newest: Select[Any], given: dict[str, str], windows: Sequence[Window]) -> float:
    """Return from when on one more breaks no window."""
    full = [
        at + window.seconds + SLACK
        for window in windows
        if (at := connection.execute(newest.offset(window.most - 1), given).scalar()) is not None
    ]
    return max(full, default=0.0)
