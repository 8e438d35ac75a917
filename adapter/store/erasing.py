"""Erased for good: every row of a ticket is written anew without the words that are gone at the vendor, and its raw
bytes are cleared. Rows, ids, times and numbers stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, func, select, update

from adapter.erasure import (
    ERASED,
    forgotten_call,
    forgotten_case,
    forgotten_decision,
    forgotten_event,
    forgotten_notice,
    said_at,
)
from adapter.records import Commit
from adapter.store import tables as t
from adapter.store.codec import moment, pack, stamp, unpack_call, unpack_case, unpack_dict, unpack_event, unpack_notice
from adapter.store.governance import Governance
from adapter.store.troubles import explained
from policies.case import Case, Decision
from policies.model import WHOLE_TICKET, TicketRef

_AGAIN = timedelta(minutes=1)
_decisions = msgspec.json.Decoder(Decision)


class Erasing(Governance):
    """What a commit forgets, and what a person asks to be forgotten."""

    def erase(self, ref: TicketRef, now: datetime) -> bool:
        """Erase every text of a ticket, as if the vendor had deleted it; False if there is nothing of it.

        A look that is under way at this moment stores nothing, and is made again.
        """
        name = str(ref)
        with self.database.write() as connection:
            held = select(t.tickets.c.case).where(t.tickets.c.ref == name).with_for_update()  # looks wait, and see it
            row = connection.execute(held).one_or_none()
            if row is None:
                return False
            before = unpack_case(row.case) if row.case else Case.fresh(ref, now)
            newest = connection.execute(select(func.max(t.events.c.at)).where(t.events.c.ref == name)).scalar()
            upto = max(now, moment(newest)) if newest is not None else now  # a vendor's clock may be ahead of ours
            erased = {**before.erased, WHOLE_TICKET: upto}
            after = replace(forgotten_case(before, erased, ()), adopted_at=upto)
            counted = {"revision": t.tickets.c.revision + 1, "marks": t.tickets.c.marks + 1}
            anew = update(t.tickets).where(t.tickets.c.ref == name)
            connection.execute(anew.values(case=pack(after), due_at=stamp(now), **counted))
            self._rewrite(connection, name, erased)
            self._clear_bodies(connection, name, now)
        return True

    def tickets_of(self, site: str, requester: str) -> Sequence[TicketRef]:
        """Return the tickets of a site (`vendor/site`) that this person asked for, as far as is remembered."""
        ours = t.tickets.c.ref.startswith(f"{site}/", autoescape=True) & t.tickets.c.case.is_not(None)
        with self.database.read() as connection:
            rows = connection.execute(select(t.tickets.c.ref, t.tickets.c.case).where(ours).order_by(t.tickets.c.ref))
            asked = ((row.ref, unpack_dict(row.case)["ticket"].get("requester") or {}) for row in rows)
            return [TicketRef.parse(ref) for ref, person in asked if person.get("id") == requester]

    def tidy(self, now: datetime) -> datetime:
        """Take what was erased lately, here or by a command, out of the write-ahead log too; return when next."""
        self.settle_erasure()
        return now + _AGAIN

    def settle_erasure(self) -> bool:
        """Empty SQLite's write-ahead log into the file; False while somebody reads what stands in it.

        The file itself keeps no remnants (`secure_delete`). PostgreSQL clears dead rows when it vacuums.
        """
        if not self.database.sqlite:
            return True
        url = self.database.engine.url
        with explained(url), self.database.engine.connect() as connection:
            connection.detach()  # a patience of its own, and closed at the end
            connection.exec_driver_sql("PRAGMA busy_timeout=250")
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy

    # --- within a transaction -------------------------------------------------------------------------------
    def _forget_texts(self, connection: Connection, commit: Commit) -> None:
        """Forget what a look has heard to be erased; of such a ticket no raw bytes are kept any more."""
        erased = commit.case.erased if commit.case is not None else {}
        if erased and commit.erases:
            self._rewrite(connection, str(commit.ref), erased)
        if erased:
            self._clear_bodies(connection, str(commit.ref), commit.now)

    def _rewrite(self, connection: Connection, ref: str, erased: Mapping[str, datetime]) -> None:
        whole = WHOLE_TICKET in erased
        told = [(row, unpack_event(row.body)) for row in _rows(connection, t.events, ref)]
        times = said_at(erased, [event for _, event in told])
        for row, event in told:
            this = (t.events.c.ref == ref) & (t.events.c.event == row.event)
            _put(connection, t.events, this, row, body=pack(forgotten_event(event, erased)))
        for row in _rows(connection, t.looks, ref):
            decision = forgotten_decision(_decisions.decode(row.decision), erased, times)
            before = forgotten_case(unpack_case(row.case_before), erased, times) if row.case_before else None
            told_by_it = {"decision": pack(decision), "case_before": pack(before) if before is not None else None}
            _put(connection, t.looks, t.looks.c.row == row.row, row, **told_by_it)
        for row in _rows(connection, t.calls, ref):
            texts: dict[str, Any] = {"body": pack(forgotten_call(unpack_call(row.body), whole=whole))}
            if whole and not row.outcome.isdecimal():  # what a vendor said may repeat what it was given
                texts["outcome"] = ERASED if row.outcome else ""
            _put(connection, t.calls, t.calls.c.key == row.key, row, **texts)
        for row in _rows(connection, t.notices, ref):
            body = pack(forgotten_notice(unpack_notice(row.body), whole=whole))
            _put(connection, t.notices, t.notices.c.key == row.key, row, body=body)
        in_trouble = (t.tickets.c.ref == ref) & t.tickets.c.trouble.is_not(None)
        connection.execute(update(t.tickets).where(in_trouble).values(trouble=ERASED))

    def _clear_bodies(self, connection: Connection, ref: str, now: datetime) -> None:
        """Clear the bytes of deliveries that were read; what another ticket must still read comes a minute later."""
        d, a = t.deliveries.c, t.arrivals.c
        other = t.arrivals.alias()
        unread = exists().where(other.c.delivery == d.row, ~other.c.read)
        told = d.row.in_(select(a.delivery).where(a.ref == ref, a.read)) & d.body.is_not(None)
        problem = case((d.problem.is_not(None), ERASED), else_=None)
        gone = {"body": None, "headers": pack({}), "query": "", "problem": problem}
        connection.execute(update(t.deliveries).where(and_(told, ~unread)).values(gone))
        if connection.execute(select(func.count()).select_from(t.deliveries).where(told)).scalar_one():
            at = stamp(now + _AGAIN)
            later = (t.tickets.c.ref == ref) & (t.tickets.c.due_at.is_(None) | (t.tickets.c.due_at > at))
            connection.execute(update(t.tickets).where(later).values(due_at=at))


def _rows(connection: Connection, table: Table, ref: str) -> Iterator[Any]:
    return iter(connection.execute(select(table).where(table.c.ref == ref)).all())


def _put(connection: Connection, table: Table, this: ColumnElement[bool], row: Any, **values: Any) -> None:
    """Write a row anew, if that changes anything."""
    if any(getattr(row, name) != value for name, value in values.items()):
        connection.execute(update(table).where(this).values(values))
