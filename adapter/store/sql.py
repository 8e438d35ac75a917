"""The store on SQLAlchemy Core: one set of statements for every database. Each public method is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, or_, select, update

from adapter.records import CallState, Commit, Committed, Look, Receipt, StoredCall, Work
from adapter.store import statements as st
from adapter.store import tables as t
from adapter.store.codec import moment, pack, pack_numbered, stamp, unpack_call, unpack_case, unpack_dict, unpack_event
from adapter.store.governance import switches_in
from adapter.store.statements import READ_AT_ONCE
from adapter.store.watching import Watching, open_gaps
from connectors.contract import Delivery
from policies.model import Event, TicketRef


class SqlStore(Watching):
    """See `adapter.records.Store` for what each method promises."""

    # --- in -----------------------------------------------------------------------------------------------
    def receive(
        self, delivery: Delivery, vendor_id: str | None, refs: Sequence[TicketRef], problem: str | None
    ) -> Receipt:
        """Keep a delivery once and mark its tickets due; committed when it returns."""
        row = {
            "vendor": delivery.vendor,
            "site": delivery.site,
            "vendor_id": vendor_id,
            "received_at": stamp(delivery.received_at),
            "headers": pack(delivery.headers),
            "query": delivery.query,
            "body": delivery.body,
            "problem": problem,
        }
        with self.database.write() as connection:
            number = connection.execute(self._inserts.delivery, row).scalar()
            if number is None:
                known = select(t.deliveries.c.row).where(
                    t.deliveries.c.vendor == delivery.vendor,
                    t.deliveries.c.site == delivery.site,
                    t.deliveries.c.vendor_id == vendor_id,
                )
                return Receipt(row=connection.execute(known).scalar_one(), new=False)
            if refs:
                connection.execute(st.ARRIVAL, [{"delivery": number, "ref": str(ref)} for ref in refs])
                at = stamp(delivery.received_at)
                marks = [{"ref": str(ref), "due_at": at, "heard_at": at, "marks": 1} for ref in refs]
                connection.execute(self._inserts.arrived, marks)
        return Receipt(row=number, new=True)

    # --- whose turn ---------------------------------------------------------------------------------------
    def mark_due(self, ref: TicketRef, now: datetime) -> None:
        """Make a ticket due now."""
        with self.database.write() as connection:
            connection.execute(self._inserts.mark, {"ref": str(ref), "due_at": stamp(now), "marks": 1})

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        """Return tickets that are due, the longest waiting first."""
        found = select(t.tickets.c.ref).where(t.tickets.c.due_at <= stamp(now)).order_by(t.tickets.c.due_at)
        with self.database.read() as connection:
            return [TicketRef.parse(ref) for ref in connection.execute(found.limit(limit)).scalars()]

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next ticket falls due after an instant."""
        found = select(func.min(t.tickets.c.due_at)).where(t.tickets.c.due_at > stamp(after))
        with self.database.read() as connection:
            at = connection.execute(found).scalar()
        return moment(at) if at is not None else None

    def postpone(self, ref: TicketRef, marks: int, until: datetime) -> None:
        """Look again later; nothing else changes. A delivery that arrived meanwhile makes it now."""
        later = update(t.tickets).where(t.tickets.c.ref == str(ref), t.tickets.c.marks == marks)
        with self.database.write() as connection:
            connection.execute(later.values(due_at=stamp(until)))

    def failed(self, work: Work, problem: str, until: datetime | None) -> None:
        """Count a look that ended in a fault of ours; without `until` only a delivery or a replay makes it due."""
        this = (t.tickets.c.ref == str(work.ref)) & (t.tickets.c.marks == work.marks)
        values = {"failures": work.failures + 1, "trouble": None if until else problem}
        with self.database.write() as connection:
            connection.execute(update(t.tickets).where(t.tickets.c.ref == str(work.ref)).values(values))
            due_at = stamp(until) if until else None
            connection.execute(update(t.tickets).where(this).values(due_at=due_at))

    # --- one look -----------------------------------------------------------------------------------------
    def open(self, ref: TicketRef, now: datetime) -> Work:
        """Read all that a look starts from."""
        name, site = str(ref), f"{ref.vendor}/{ref.site}"
        with self.database.read() as connection:
            row = connection.execute(st.TICKET, {"this_ref": name}).one_or_none()
            found = connection.execute(st.UNREAD, {"this_ref": name}).all()
            calls = connection.execute(st.OPEN_CALLS, {"this_ref": name}).all()
            gaps = open_gaps(connection, name)
            switches, governed = switches_in(connection), self._governed(connection, site, now)
        data = row.case if row else None
        return Work(
            ref=ref,
            revision=row.revision if row else 0,
            marks=row.marks if row else 0,
            case=unpack_case(data) if data else None,
            deliveries=tuple(_delivery(ref, d) for d in found[:READ_AT_ONCE]),
            more=len(found) > READ_AT_ONCE,
            calls=tuple(stored_call(c) for c in calls),
            switches=switches,
            active_policy=governed.active,
            mode_since=moment(governed.mode_since) if governed.mode_since else None,
            adoptive_used=governed.adoptive,
            moves_lately=governed.lately,
            gaps=gaps,
            failures=row.failures if row else 0,
        )

    def history(self, ref: TicketRef) -> Sequence[Event]:
        """Return every stored event of a ticket."""
        found = select(t.events.c.body).where(t.events.c.ref == str(ref))
        with self.database.read() as connection:
            return [unpack_event(body) for body in connection.execute(found).scalars()]

    def heard(self, ref: TicketRef, events: Sequence[str]) -> frozenset[str]:
        """Return which of these events are stored already."""
        found = select(t.events.c.event).where(t.events.c.ref == str(ref), t.events.c.event.in_(events))
        with self.database.read() as connection:
            return frozenset(connection.execute(found).scalars())

    def commit(self, commit: Commit) -> Committed:
        """Store one thought, unless the fence or a budget says no."""
        try:
            with self.database.write() as connection:
                self._write(connection, commit)
        except _Undone as undone:
            return undone.outcome
        return Committed.DONE

    def _write(self, connection: Connection, commit: Commit) -> None:
        ref, site = str(commit.ref), f"{commit.ref.vendor}/{commit.ref.site}"
        values = {
            "this_ref": ref,
            "seen_revision": commit.revision,
            "seen_marks": commit.marks,
            "now": stamp(commit.now),
            "next_look": stamp(commit.due_at) if commit.due_at else None,
            "case": pack(commit.case) if commit.case is not None else None,
            "held": bool(commit.case and commit.case.held),
            "outside": bool(commit.case and commit.case.outside),
        }
        if not commit.goes_on:  # a ticket whose writes fail has failed, whatever was decided
            values |= {"failures": 0, "trouble": None}
        if connection.execute(st.THOUGHT, values).rowcount != 1:
            raise _Undone(Committed.FENCED)
        if commit.moved_to is not None and not self._move(connection, site, commit):
            raise _Undone(Committed.OVER_BUDGET)
        if commit.notices or commit.outdated:
            self._tell(connection, commit)
        if commit.events:
            rows = [{"ref": ref, "event": e.id, "at": stamp(e.at), "body": pack(e)} for e in commit.events]
            connection.execute(self._inserts.event, rows)
        self._deliveries_done(connection, commit)
        for stored in commit.calls:
            self._keep_call(connection, ref, stored)
        self._keep_gaps(connection, commit)
        look = _keep_look(connection, ref, commit.look) if commit.look is not None else None
        self._count_asked(connection, commit, look)

    def _deliveries_done(self, connection: Connection, commit: Commit) -> None:
        numbers = [*commit.read, *commit.dead]
        if numbers:
            ref = str(commit.ref)
            connection.execute(st.READ, [{"this_ref": ref, "this_delivery": number} for number in numbers])
        for number, problem in commit.dead.items():
            connection.execute(update(t.deliveries).where(t.deliveries.c.row == number).values(problem=problem))
        if commit.forget and numbers:
            ours = and_(t.deliveries.c.row.in_(numbers), ~_wanted_by_another(str(commit.ref)))
            connection.execute(update(t.deliveries).where(ours).values(body=None, headers=pack({}), query=""))

    def _keep_call(self, connection: Connection, ref: str, stored: StoredCall) -> None:
        row = {
            "key": stored.call.key,
            "ref": ref,
            "created_at": stamp(stored.created_at),
            "state": stored.state.value,
            "open": not stored.state.ended,
            "attempted_at": stamp(stored.attempted_at) if stored.attempted_at else None,
            "attempts": stored.attempts,
            "outcome": stored.outcome,
            "body": pack(stored.call),
        }
        connection.execute(self._inserts.call, row)


def _keep_look(connection: Connection, ref: str, look: Look) -> int:
    row = {"ref": ref, "at": stamp(look.at), "policy": look.policy, "case_before": pack(look.case_before)}
    told = [event.id for event in look.decision.events]
    decision = replace(look.decision, events=())  # the events have rows of their own
    row |= {"events": pack(told), "facts": pack_numbered(look.facts), "decision": pack(decision)}
    return int(connection.execute(st.LOOK, row).scalar_one())


def _wanted_by_another(ref: str) -> ColumnElement[bool]:
    """Say that a delivery also concerns a ticket that has not read it yet, or that the policy names."""
    other = and_(t.arrivals.c.delivery == t.deliveries.c.row, t.arrivals.c.ref != ref)
    wanted = or_(~t.arrivals.c.read, ~t.tickets.c.outside)
    return exists().where(other, t.tickets.c.ref == t.arrivals.c.ref, wanted)


class _Undone(Exception):
    """Leaves a transaction so that nothing of it stays."""

    def __init__(self, outcome: Committed) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def _delivery(ref: TicketRef, row: Row[Any]) -> Delivery:
    return Delivery(
        vendor=ref.vendor,
        site=ref.site,
        body=row.body or b"",
        received_at=moment(row.received_at),
        headers=unpack_dict(row.headers),
        query=row.query,
        row=row.row,
    )


def stored_call(row: Row[Any]) -> StoredCall:
    """Read a call's row."""
    return StoredCall(
        call=unpack_call(row.body),
        state=CallState(row.state),
        created_at=moment(row.created_at),
        attempted_at=moment(row.attempted_at) if row.attempted_at else None,
        attempts=row.attempts,
        outcome=row.outcome,
    )
