"""The numbers for whoever watches: counted by indexes, so that asking costs little however much is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, not_, select, text

from adapter.gaps import Day, Watch
from adapter.store import tables as t
from adapter.store.codec import moment, stamp, unpack_case
from adapter.store.governance import Governance, switches_in
from adapter.store.watching import watch_in
from adapter.vitals import Late, Vitals, Waiting
from policies.model import TicketRef

AUDIT = "audit"
MOST = 25_000
"""How far is counted; who watches learns no more from a larger number, and a database is asked less."""
_OPEN_CALL, _OPEN_LETTER = t.calls.c.open == text("true"), t.notices.c.open == text("true")
_DEAD, _LEFT = t.deliveries.c.problem.is_not(None), t.tickets.c.trouble.is_not(None)
_NEWEST_DEAD = select(t.deliveries.c.received_at).where(_DEAD).order_by(t.deliveries.c.row.desc()).limit(1)


class Gauges(Governance):
    """See `adapter.vitals.Gauges` for what each method promises."""

    def vitals(self, now: datetime) -> Vitals:
        """Return the numbers of this moment."""
        due = t.tickets.c.due_at <= stamp(now)
        asked = select(
            _number(due, "due"),
            select(func.min(t.tickets.c.due_at)).where(due).scalar_subquery().label("due_since"),
            _number(_OPEN_CALL, "calls"),
            select(func.min(t.calls.c.created_at)).where(_OPEN_CALL).scalar_subquery().label("call_since"),
            _number(_OPEN_LETTER, "letters"),
            select(func.min(t.notices.c.due_at)).where(_OPEN_LETTER).scalar_subquery().label("letter_since"),
            _number(_DEAD, "dead"),
            _NEWEST_DEAD.scalar_subquery().label("dead_at"),
            _number(_LEFT, "left"),
            select(t.pulses.c.at).where(t.pulses.c.name == AUDIT).scalar_subquery().label("audited_at"),
        )
        with self.database.read() as connection:
            row = connection.execute(asked).one()
            switches, size = switches_in(connection), self._bytes(connection)
        return Vitals(
            due=row.due,
            due_since=_moment(row.due_since),
            calls=row.calls,
            call_since=_moment(row.call_since),
            letters=row.letters,
            letter_since=_moment(row.letter_since),
            dead=row.dead,
            dead_at=_moment(row.dead_at),
            left=row.left,
            bytes=size,
            switches=switches,
            audited_at=_moment(row.audited_at),
        )

    def late(self, before: datetime, apart_from: Sequence[str]) -> Late | None:
        """Return which tickets were due before a moment, leaving out some sites."""
        waits = and_(t.tickets.c.due_at < stamp(before), *(not_(_of(t.tickets.c.ref, site)) for site in apart_from))
        oldest = select(t.tickets.c.ref, t.tickets.c.due_at).where(waits).order_by(t.tickets.c.due_at).limit(1)
        with self.database.read() as connection:
            row = connection.execute(oldest).one_or_none()
            count = connection.execute(_counted(waits)).scalar_one() if row is not None else 0
        return Late(count=count, ref=TicketRef.parse(row.ref), since=moment(row.due_at)) if row is not None else None

    def unended(self, before: datetime, apart_from: Sequence[str], most: int = 50) -> Sequence[Waiting]:
        """Return calls that were planned before a moment and have not ended, the oldest first."""
        columns = (t.calls.c.ref, t.calls.c.key, t.calls.c.created_at, t.calls.c.outcome, t.tickets.c.case)
        old = and_(_OPEN_CALL, t.calls.c.created_at < stamp(before))
        found = (
            select(*columns)
            .join(t.tickets, t.tickets.c.ref == t.calls.c.ref)
            .where(old, *(not_(_of(t.calls.c.ref, site)) for site in apart_from))
            .order_by(t.calls.c.created_at, t.calls.c.key)
            .limit(most)
        )
        with self.database.read() as connection:
            rows = connection.execute(found).all()
        return [
            Waiting(
                ref=TicketRef.parse(row.ref),
                key=row.key,
                since=moment(row.created_at),
                rule=_rule(row.case, row.key),
                said=row.outcome,
            )
            for row in rows
        ]

    def watches(self) -> Sequence[Watch]:
        """Return how far each site was compared with what we heard."""
        with self.database.read() as connection:
            return [watch_in(row) for row in connection.execute(select(t.watches).order_by(t.watches.c.site))]

    def counted(self, since: date) -> Sequence[tuple[str, Day]]:
        """Return what was counted on each day, by site; deliveries are not counted here."""
        with self.database.read() as connection:
            rows = connection.execute(select(t.days).where(t.days.c.day >= since.isoformat())).all()
        names = ("calls", "changed", "missed", "ours", "outside")
        return [
            (row.site, Day(day=date.fromisoformat(row.day), **{name: getattr(row, name) for name in names}))
            for row in rows
        ]

    def pulse(self, name: str, now: datetime) -> None:
        """Write down that something is alive, which also proves that the database takes a write."""
        put = self._insert(t.pulses).on_conflict_do_update(index_elements=["name"], set_={"at": stamp(now)})
        with self.database.write() as connection:
            connection.execute(put, {"name": name, "at": stamp(now)})

    def _bytes(self, connection: Connection) -> int:
        asked = "SELECT pg_database_size(current_database())"
        if self.database.sqlite:
            asked = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int(connection.exec_driver_sql(asked).scalar_one())


def _moment(at: float | None) -> datetime | None:
    return moment(at) if at is not None else None


def _number(which: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return _counted(which).scalar_subquery().label(name)


def _counted(which: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(select(literal(1)).where(which).limit(MOST).subquery())


def _of(ref: ColumnElement[str], site: str) -> ColumnElement[bool]:
    return ref.startswith(f"{site}/", autoescape=True)


def _rule(case: bytes | None, key: str) -> str | None:
    """Return by which rule a call's move was wanted."""
    if case is None:
        return None
    operation = key.rpartition("/")[0]
    return next((one.rule for one in unpack_case(case).pending if one.operation == operation), None)
