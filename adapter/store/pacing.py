"""When the last writes to a site left, of all processes: a vendor counts them together. It sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, delete, select, text

from adapter.store import tables as t
from adapter.store.codec import stamp
from adapter.store.connection import Database
from adapter.store.prepared import Prepared
from adapter.store.troubles import once_more
from connectors.limits import SLACK, Window

_FORGETFUL = Prepared(text("SET LOCAL synchronous_commit = off"))
_GONE = Prepared(delete(t.paces).where(t.paces.c.site == bindparam("of"), t.paces.c.at < bindparam("before")))
_TAKEN = Prepared(t.paces.insert())


def _newest(*more: ColumnElement[bool]) -> Prepared:
    """Return what finds when a write left that has so many newer ones."""
    of_site = select(t.paces.c.at).where(t.paces.c.site == bindparam("of"), *more)
    skipping = bindparam("newer", type_=Integer)
    return Prepared(of_site.order_by(t.paces.c.at.desc()).limit(1).offset(skipping))


_OF_SITE, _OF_TICKET = _newest(), _newest(t.paces.c.ticket == bindparam("to"))


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
        with self._database.write() as connection:
            if not self._database.sqlite:  # who crashes and forgets the last moment's writes has written none since
                _FORGETFUL.change(connection, {})
            self._database.turn_of(connection, f"pace {self._site}")
            now = stamp(self._now())
            _GONE.change(connection, {"of": self._site, "before": now - longest})
            site = _free(connection, _OF_SITE, {"of": self._site}, per_site) - now
            own = _free(connection, _OF_TICKET, {"of": self._site, "to": ticket}, per_ticket) - now
            if site <= 0 and own <= 0:
                _TAKEN.change(connection, {"site": self._site, "ticket": ticket, "at": now})
        return max(site, 0.0), max(own, 0.0)


def _free(connection: Connection, newest: Prepared, given: dict[str, str], windows: Sequence[Window]) -> float:
    """Return from when on one more breaks no window."""
    full = [
        at + window.seconds + SLACK
        for window in windows
        if (at := newest.scalar(connection, {**given, "newer": window.most - 1})) is not None
    ]
    return max(full, default=0.0)
