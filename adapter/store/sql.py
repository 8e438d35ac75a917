"""The store on SQLAlchemy Core: one set of statements for every database. Each public method is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update

from adapter.records import Commit, Committed, Look, StoredCall, Work
from adapter.store import statements as st
from adapter.store import tables as t
from adapter.store.codec import moment, pack, pack_numbered, stamp, stored_call, unpack_case, unpack_dict, unpack_event
from adapter.store.copying import Copying
from adapter.store.erasing import Erasing
from adapter.store.gauges import Gauges
from adapter.store.governance import switches_in
from adapter.store.inspection import Inspecting
from adapter.store.leading import Leading
from adapter.store.load import Load
from adapter.store.receiving import Receiving
from adapter.store.retention import Letting
from adapter.store.statements import READ_AT_ONCE
from adapter.store.troubles import Interrupted, once_more
from adapter.store.turn import Turn
from adapter.store.watching import Watching, open_gaps
from connectors.contract import Delivery
from policies.ladder import has_ended
from policies.model import Event, TicketRef


class SqlStore(Turn, Receiving, Leading, Gauges, Load, Erasing, Watching, Letting, Inspecting, Copying):
    """See `adapter.records.Store` for what each method promises."""

    # --- whose turn ---------------------------------------------------------------------------------------
    @once_more
    def mark_due(self, ref: TicketRef, now: datetime) -> None:
        """Make a ticket due now."""
        with self.database.write() as connection:
            connection.execute(self._inserts.mark, {"ref": str(ref), "due_at": stamp(now), "marks": 1})

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        """Return tickets that are due, the longest waiting first."""
        with self.database.read() as connection:
            found = st.DUE.rows(connection, {"now": stamp(now), "most": limit})
        return [TicketRef.parse(row.ref) for row in found]

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next ticket falls due after an instant."""
        with self.database.read() as connection:
            at = st.NEXT_DUE.scalar(connection, {"after": stamp(after)})
        return moment(at) if at is not None else None

    @once_more
    def postpone(self, work: Work, until: datetime) -> None:
        """Look again later, unless somebody else has looked since. A delivery that arrived meanwhile makes it now."""
        with self.database.write() as connection:
            st.POSTPONED.change(connection, _seen(work, until))

    def failed(self, work: Work, problem: str, until: datetime | None) -> None:
        """Count a look that ended in a fault of ours; without `until` only a delivery or a replay makes it due.

        Nothing changes if somebody else has looked since.
        """
        told = {"failures": work.failures + 1, "trouble": None if until else problem}
        with self.database.write() as connection:
            st.POSTPONED.change(connection, {**_seen(work, until), **told})

    # --- one look -----------------------------------------------------------------------------------------
    def open(self, ref: TicketRef, now: datetime) -> Work:
        """Read all that a look starts from."""
        name, site = str(ref), f"{ref.vendor}/{ref.site}"
        with self.database.read() as connection:
            row = next(iter(st.TICKET.rows(connection, {"this_ref": name})), None)
            found = st.UNREAD.rows(connection, {"this_ref": name})
            calls = st.OPEN_CALLS.rows(connection, {"this_ref": name})
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
        """Store one thought, unless the fence or a budget says no.

        If the server was lost while committing, it is made once more; the fence then says no if it stands already, and
        the server is asked whether it was ours.
        """
        numbers: list[str] = []
        try:
            return self._commit(commit, numbers)
        except Interrupted:
            before = numbers[:]
            outcome = self._commit(commit, numbers)
            stands = outcome is Committed.FENCED and any(map(self._stood, before))
            return Committed.DONE if stands else outcome

    def _commit(self, commit: Commit, numbers: list[str]) -> Committed:
        """Store it; `numbers` gets what the server knows the transaction by."""
        try:
            with self.database.write() as connection:
                self._write(connection, commit, numbers)
        except _Undone as undone:
            return undone.outcome
        return Committed.DONE

    def _stood(self, number: str) -> bool:
        with self.database.glance() as connection:
            return bool(connection.execute(st.STOOD, {"number": number}).scalar())

    def _thought(self, connection: Connection, values: Mapping[str, Any], numbers: list[str]) -> bool:
        """Move a ticket's revision on; False if somebody else has."""
        if self.database.sqlite:
            return st.THOUGHT.change(connection, values) == 1
        number = st.THOUGHT_ON_A_SERVER.scalar(connection, values)
        numbers += [number] if number is not None else []
        return number is not None

    def _write(self, connection: Connection, commit: Commit, numbers: list[str]) -> None:
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
            "ended": commit.case is not None and has_ended(commit.case),
        }
        if not commit.goes_on:  # a ticket whose writes fail has failed, whatever was decided
            values |= {"failures": 0, "trouble": None}
        if not self._thought(connection, values, numbers):
            raise _Undone(Committed.FENCED)
        if commit.notices or commit.outdated:
            self._tell(connection, commit)
        if commit.events:
            rows = [{"ref": ref, "event": e.id, "at": stamp(e.at), "body": pack(e)} for e in commit.events]
            self._inserts.event.change_each(connection, rows)
        self._deliveries_done(connection, commit)
        for stored in commit.calls:
            self._keep_call(connection, ref, stored)
        self._keep_gaps(connection, commit)
        if commit.look is not None:
            _keep_look(connection, ref, commit.look, commit.asked)
        if commit.moved_to is not None and not self._move(connection, site, commit):  # late: others wait for its end
            raise _Undone(Committed.OVER_BUDGET)
        self._count_asked(connection, commit)
        self._forget_texts(connection, commit)

    def _deliveries_done(self, connection: Connection, commit: Commit) -> None:
        numbers = [*commit.read, *commit.dead]
        if numbers:
            ref = str(commit.ref)
            st.READ.change_each(connection, [{"this_ref": ref, "this_delivery": number} for number in numbers])
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
        self._inserts.call.change(connection, row)


def _keep_look(connection: Connection, ref: str, look: Look, asked: int) -> None:
    row: dict[str, Any] = {"ref": ref, "at": stamp(look.at), "policy": look.policy, "calls": asked}
    told = [event.id for event in look.decision.events]
    decision = replace(look.decision, events=())  # the events have rows of their own
    row |= {"case_before": pack(look.case_before), "events": pack(told)}
    row |= {"facts": pack_numbered(look.facts), "decision": pack(decision)}
    st.LOOK.change(connection, row)


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


def _seen(work: Work, until: datetime | None) -> dict[str, Any]:
    """Return what a look that stores no thought has seen, and when to look again."""
    next_look = stamp(until) if until is not None else None
    return {"this_ref": str(work.ref), "seen_revision": work.revision, "seen_marks": work.marks, "next_look": next_look}


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
