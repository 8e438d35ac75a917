"""Letting go of what is old: each method is one step of a few rows, so that no delivery waits long for its turn.

What is to go is held first, and every condition asked again after that: what came in between is never taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, or_, select, text, update

from adapter.retention import Old, Step
from adapter.store import tables as t
from adapter.store.codec import pack, stamp, unpack_case
from adapter.store.governance import Governance
from policies.case import Case
from policies.ladder import has_ended

ROWS = 100
"""How many rows one transaction touches, about; only what one quiet ticket holds may be a little more."""
_TICKETS = 25
_LATELY = timedelta(hours=1)


class Letting(Governance):
    """See `adapter.retention.Purged` for what each method promises."""

    def purge_deliveries(self, after: int, old: Old) -> Step[int]:
        """Clear the bytes of old deliveries and delete those that are older still, except what is unread."""
        columns = (t.deliveries.c.row, t.deliveries.c.received_at, t.deliveries.c.problem)
        kept = t.deliveries.c.body.is_not(None).label("kept")
        window = select(*columns, kept, _UNREAD.label("unread")).where(t.deliveries.c.row > after)
        with self.database.read() as connection:
            rows = connection.execute(window.order_by(t.deliveries.c.row).limit(ROWS)).all()
        young = _all_young(rows, old)
        gone: Counter[str] = Counter()
        leaving = [row.row for row in rows if not row.unread and _leaves(row, old)]
        cleared = [row.row for row in rows if not row.unread and row.row not in leaving and _is_cleared(row, old)]
        if leaving or cleared:
            with self.database.write() as connection:
                _hold(connection, t.deliveries.c.row, t.deliveries.c.row.in_([*leaving, *cleared]))
                gone["deliveries"] = _removed(connection, t.deliveries, t.deliveries.c.row.in_(leaving) & ~_UNREAD)
                old_bodies = update(t.deliveries).where(t.deliveries.c.row.in_(cleared), ~_UNREAD)
                nothing = {"body": None, "headers": pack({}), "query": ""}
                gone["bodies"] = connection.execute(old_bodies.values(nothing)).rowcount if cleared else 0
        return Step(gone=+gone, after=rows[-1].row if len(rows) == ROWS and not young else None)

    def purge_looks(self, after: int, before: datetime) -> Step[int]:
        """Delete old looks, except each ticket's last."""
        later = t.looks.alias()
        overtaken = exists().where(later.c.ref == t.looks.c.ref, later.c.row > t.looks.c.row)
        window = select(t.looks.c.row, t.looks.c.at, overtaken.label("overtaken")).where(t.looks.c.row > after)
        with self.database.read() as connection:
            rows = connection.execute(window.order_by(t.looks.c.row).limit(ROWS)).all()
        old = [row.row for row in rows if row.overtaken and row.at < stamp(before)]
        gone: Counter[str] = Counter()
        if old:
            with self.database.write() as connection:
                gone["looks"] = _removed(connection, t.looks, t.looks.c.row.in_(old))
        young = all(row.at >= stamp(before) for row in rows)
        return Step(gone=gone, after=rows[-1].row if len(rows) == ROWS and not young else None)

    def purge_tickets(self, after: str, before: datetime, now: datetime) -> Step[str]:
        """Delete tickets that have ended and been quiet since, with everything that was kept of them."""
        columns = (t.tickets.c.ref, t.tickets.c.revision, t.tickets.c.marks, t.tickets.c.case)
        window = select(*columns).where(t.tickets.c.ref > after, _at_rest(before))
        with self.database.read() as connection:
            rows = connection.execute(window.order_by(t.tickets.c.ref).limit(_TICKETS)).all()
        gone: Counter[str] = Counter()
        for row in rows:
            if row.case is None or _quiet(unpack_case(row.case), before):
                more = self._purge_ticket(row, before, now)
                gone += more
                if gone.total() >= ROWS:
                    return Step(gone=gone, after=row.ref)
        return Step(gone=gone, after=rows[-1].ref if len(rows) == _TICKETS else None)

    def _purge_ticket(self, row: Any, before: datetime, now: datetime) -> Counter[str]:
        """Delete one ticket whole; of one with very many looks these go first, a few at a time."""
        this = (t.tickets.c.ref == row.ref) & (t.tickets.c.revision == row.revision)
        still = and_(this, t.tickets.c.marks == row.marks, _at_rest(before), *_nothing_open(now))
        gone: Counter[str] = Counter()
        first = select(t.looks.c.row).where(t.looks.c.ref == row.ref).order_by(t.looks.c.row).limit(ROWS)
        while True:
            with self.database.write() as connection:
                _hold(connection, t.tickets.c.ref, this)
                quiet = connection.execute(select(t.tickets.c.ref).where(still)).one_or_none() is not None
                looks = _removed(connection, t.looks, t.looks.c.row.in_(first)) if quiet else 0
                gone["looks"] += looks
                if looks < ROWS:
                    gone["tickets"] += _removed(connection, t.tickets, still) if quiet else 0
                    if gone["tickets"]:
                        for table in (t.events, t.calls, t.notices, t.gaps, t.orders):
                            gone[table.name] += _removed(connection, table, table.c.ref == row.ref)
                    return +gone

    def purge_counts(self, before: datetime) -> Step[int]:
        """Delete old counts: moves, days, and gaps that are closed."""
        gone: Counter[str] = Counter()
        old_moves = select(t.moves.c.row).where(t.moves.c.at < stamp(before)).order_by(t.moves.c.row).limit(ROWS)
        closed = (t.gaps.c.open == text("false")) & (t.gaps.c.found_at < stamp(before))
        days = t.days.c.day < before.astimezone(UTC).date().isoformat()
        with self.database.write() as connection:
            gone["moves"] = _removed(connection, t.moves, t.moves.c.row.in_(old_moves))
            refs = connection.execute(select(t.gaps.c.ref).where(closed).limit(ROWS)).scalars().all()
            gone["gaps"] = _removed(connection, t.gaps, closed & t.gaps.c.ref.in_(refs)) if refs else 0
            gone["days"] = _removed(connection, t.days, days)
        return Step(gone=+gone, after=1 if gone["moves"] == ROWS or len(refs) == ROWS else None)


_UNREAD = exists().where(t.arrivals.c.delivery == t.deliveries.c.row, t.arrivals.c.read == text("false"))


def _all_young(rows: Sequence[Any], old: Old) -> bool:
    """Say whether nothing here, and so nothing after it, can be old. Times that are to come say nothing."""
    latest = old.latest
    times = [row.received_at for row in rows if row.received_at <= stamp(old.now)]
    return latest is None or (bool(times) and min(times) >= stamp(latest))


def _leaves(row: Any, old: Old) -> bool:
    """Say whether nothing is to be kept of a delivery any more, not even its id."""
    ids, letters = old.deliveries, old.dead_letters
    if ids is None or row.received_at >= stamp(ids):
        return False
    return row.problem is None or not row.kept or (letters is not None and row.received_at < stamp(letters))


def _is_cleared(row: Any, old: Old) -> bool:
    """Say whether a delivery's bytes are to go while its id stays."""
    age = old.bodies if row.problem is None else old.dead_letters
    return bool(row.kept) and age is not None and row.received_at < stamp(age)


def _at_rest(before: datetime) -> ColumnElement[bool]:
    """Say that nobody looks at a ticket any more, nobody has to, and no delivery came for it."""
    quiet = or_(t.tickets.c.heard_at.is_(None), t.tickets.c.heard_at < stamp(before))
    return and_(t.tickets.c.due_at.is_(None), t.tickets.c.trouble.is_(None), quiet)


def _nothing_open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Say that no write, message, delivery or question about a ticket is under way, and no look was a moment ago."""
    ref = t.tickets.c.ref
    lately = stamp(now - _LATELY)
    return (
        ~exists().where(t.calls.c.ref == ref, t.calls.c.open == text("true")),
        ~exists().where(t.notices.c.ref == ref, t.notices.c.open == text("true")),
        ~exists().where(t.gaps.c.ref == ref, t.gaps.c.open == text("true")),
        ~exists().where(t.arrivals.c.ref == ref, t.arrivals.c.read == text("false")),
        ~exists().where(t.looks.c.ref == ref, t.looks.c.at > lately),
    )


def _quiet(case: Case, before: datetime) -> bool:
    """Say whether a ticket has ended, or is not ours, and nothing happened to it since."""
    told = case.told[0] if case.told is not None else None
    moments = [at for at in (told, case.level_since, case.ticket.as_of) if at is not None]
    return (case.outside or has_ended(case)) and max(moments) < before


def _hold(connection: Connection, key: ColumnElement[Any], which: ColumnElement[bool]) -> None:
    """Let nobody change rows until this transaction ends; statements after this one see what was changed before."""
    connection.execute(select(key).where(which).order_by(key).with_for_update()).all()


def _removed(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(which)).rowcount
