"""Recalls: many tickets are made due because something changed for all of them, some hundred in each short transaction.

How far a recall has come stands in the tables, so that whoever works next goes on with it. Tickets that have ended are
left alone: nothing is decided about them before a delivery opens them again, and that makes them due.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from adapter.store import tables as t
from adapter.store.codec import stamp
from adapter.store.connection import Database
from adapter.store.troubles import once_more

POLICY, HELD, SITE = "recall policy", "recall held", "recall site "
"""Names of recalls: another policy decides; what was held may go on; a site (`vendor/site`) has another mode."""
STEP = 300
"""How many tickets one transaction makes due."""
_BEGUN = select(t.pulses).where(t.pulses.c.name.startswith("recall ")).order_by(t.pulses.c.name).limit(1)


class Recalling:
    """Begins recalls and goes on with them. `pulses` has a row for each: the ticket up to which it has come."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._insert = sqlite.insert if database.sqlite else postgresql.insert

    @once_more
    def recall(self, now: datetime) -> bool:
        """Make the next few tickets of a recall due; False if there was none."""
        with self.database.read() as connection:
            begun = connection.execute(_BEGUN).one_or_none()
            if begun is None:
                return False
            self.database.patiently(connection)
            concerned = select(t.tickets.c.ref).where(_concerned(begun.name), t.tickets.c.ref > begun.detail)
            refs = connection.execute(concerned.order_by(t.tickets.c.ref).limit(STEP)).scalars().all()
        this = (t.pulses.c.name == begun.name) & (t.pulses.c.at == begun.at) & (t.pulses.c.detail == begun.detail)
        on = update(t.pulses).where(this).values(detail=refs[-1]) if len(refs) == STEP else delete(t.pulses).where(this)
        with self.database.write() as connection:
            if connection.execute(on).rowcount:  # else somebody else went on with it, or it has begun anew
                _make_due(connection, t.tickets.c.ref.in_(refs), now)
        return True

    def _begin_recall(self, connection: Connection, name: str, now: datetime) -> None:
        """Begin with what else is written; one of this name that is not over begins anew."""
        row = {"at": stamp(now), "detail": ""}
        put = self._insert(t.pulses).on_conflict_do_update(index_elements=["name"], set_=row)
        connection.execute(put, {"name": name, **row})


def _concerned(name: str) -> ColumnElement[bool]:
    """Say which tickets a recall is about."""
    if name == HELD:
        return t.tickets.c.held | t.tickets.c.ref.in_(select(t.calls.c.ref).where(t.calls.c.open == text("true")))
    goes_on = ~t.tickets.c.outside & ~t.tickets.c.ended
    if name == POLICY:
        return goes_on
    return t.tickets.c.ref.startswith(f"{name.removeprefix(SITE)}/", autoescape=True) & goes_on


def _make_due(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    in_order = select(t.tickets.c.ref).where(which).order_by(t.tickets.c.ref).with_for_update()
    connection.execute(in_order).all()  # locked in one order, so that no two transactions wait for each other
    connection.execute(update(t.tickets).where(which).values(due_at=stamp(now), marks=t.tickets.c.marks + 1))
