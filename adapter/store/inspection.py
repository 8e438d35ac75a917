"""What the commands for whoever runs Stepladder read and put right: deliveries, calls, looks, cases, orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select, text, update

from adapter.gaps import Order, Why
from adapter.inspection import KeptCall, KeptCase, KeptDelivery, KeptLook, Sought
from adapter.records import CallState
from adapter.salvage import without
from adapter.store import tables as t
from adapter.store.codec import moment, pack, stamp, stored_call, unpack_call, unpack_dict
from adapter.store.governance import Governance
from connectors.contract import Call, Delivery, Refused
from policies.model import TicketRef

_SHOWN = (
    t.deliveries.c.row,
    t.deliveries.c.vendor,
    t.deliveries.c.site,
    t.deliveries.c.vendor_id,
    t.deliveries.c.received_at,
    t.deliveries.c.problem,
    func.length(t.deliveries.c.body).label("size"),
)
_MOVES = select(t.moves.c.at).order_by(t.moves.c.at.desc())


class Inspecting(Governance):
    """See `adapter.inspection.Inspection` for what each method promises."""

    # --- deliveries -------------------------------------------------------------------------------------------
    def deliveries(self, sought: Sought, *, dead: bool) -> Sequence[KeptDelivery]:
        """Return deliveries, the latest first."""
        found = select(*_SHOWN).where(*_deliveries_sought(sought))
        found = found.where(t.deliveries.c.problem.is_not(None)) if dead else found
        with self.database.read() as connection:
            rows = connection.execute(found.order_by(t.deliveries.c.row.desc()).limit(sought.limit)).all()
            return _with_tickets(connection, rows)

    def delivery(self, row: int) -> tuple[KeptDelivery, Delivery] | None:
        """Return one delivery with its bytes, as far as they are kept."""
        whole = select(*_SHOWN, t.deliveries.c.headers, t.deliveries.c.query, t.deliveries.c.body)
        with self.database.read() as connection:
            found = connection.execute(whole.where(t.deliveries.c.row == row)).one_or_none()
            if found is None:
                return None
            (kept,) = _with_tickets(connection, [found])
        delivery = Delivery(
            vendor=found.vendor,
            site=found.site,
            body=found.body or b"",
            received_at=kept.received_at,
            headers=unpack_dict(found.headers),
            query=found.query,
            row=found.row,
        )
        return kept, delivery

    def read_again(self, row: int, refs: Sequence[TicketRef], problem: str | None, now: datetime) -> bool:
        """Make these tickets read a delivery again, or keep why they cannot; False if its bytes are gone."""
        this = (t.deliveries.c.row == row) & t.deliveries.c.body.is_not(None)
        unread = {"read": False}
        arrival = self._insert(t.arrivals).on_conflict_do_update(index_elements=["delivery", "ref"], set_=unread)
        with self.database.write() as connection:
            if connection.execute(update(t.deliveries).where(this).values(problem=problem)).rowcount != 1:
                return False
            for name in sorted(map(str, refs)):
                connection.execute(arrival, {"delivery": row, "ref": name, **unread})
                connection.execute(self._inserts.mark, {"ref": name, "due_at": stamp(now), "marks": 1})
                mended = update(t.tickets).where(t.tickets.c.ref == name).values(failures=0, trouble=None)
                connection.execute(mended)
        return True

    # --- calls ------------------------------------------------------------------------------------------------
    def calls(self, sought: Sought, *, only_open: bool, only_refused: bool) -> Sequence[KeptCall]:
        """Return calls, the latest first."""
        found = select(t.calls).where(*_of_tickets(t.calls.c.ref, sought))
        found = found.where(t.calls.c.created_at >= stamp(sought.since)) if sought.since is not None else found
        found = found.where(t.calls.c.open == text("true")) if only_open else found
        found = found.where(t.calls.c.state == CallState.REFUSED.value) if only_refused else found
        latest = (t.calls.c.created_at.desc(), t.calls.c.key)
        with self.database.read() as connection:
            rows = connection.execute(found.order_by(*latest).limit(sought.limit))
            return [KeptCall(ref=TicketRef.parse(row.ref), stored=stored_call(row)) for row in rows]

    def call(self, key: str) -> KeptCall | None:
        """Return one call."""
        with self.database.read() as connection:
            row = connection.execute(select(t.calls).where(t.calls.c.key == key)).one_or_none()
        return KeptCall(ref=TicketRef.parse(row.ref), stored=stored_call(row)) if row is not None else None

    def retry_call(self, key: str, now: datetime) -> str | None:
        """Make a refused call wait to be sent once more, or an open one's ticket due; return why not, if not."""
        with self.database.write() as connection:
            row = _held(connection, key)
            if row is None:
                return "there is no such call"
            if not row.open and row.state != CallState.REFUSED.value:
                return f"it has ended: {row.state}; only what was refused, or is open, can be tried again"
            if not row.open:
                if _overtaken(connection, row):
                    return "the ticket was moved again since; to send it now would undo that"
                if (call := _without_its_note(connection, row)) is None:
                    return "its note was written by a later call, and nothing else is left of it"
                again = {"state": CallState.PLANNED.value, "open": True, "attempted_at": None, "body": pack(call)}
                connection.execute(update(t.calls).where(t.calls.c.key == key).values(again))
            self._look_anew(connection, row.ref, now)
        return None

    def drop_call(self, key: str, said: str, now: datetime) -> str | None:
        """End a call that waits to be sent as withdrawn, with who said so; return why not, if not."""
        gone = {"state": CallState.WITHDRAWN.value, "open": False, "outcome": said[:500]}
        with self.database.write() as connection:
            row = _held(connection, key)
            if row is None:
                return "there is no such call"
            if row.state == CallState.SENDING.value:
                return "it is being sent, or its answer was lost and it has perhaps arrived"
            if row.state != CallState.PLANNED.value:
                return f"it has ended: {row.state}"
            connection.execute(update(t.calls).where(t.calls.c.key == key).values(gone))
            self._look_anew(connection, row.ref, now)
        return None

    def _look_anew(self, connection: Connection, ref: str, now: datetime) -> None:
        """Make a ticket due, and a look under way at it write nothing: it has read the calls as they were."""
        connection.execute(self._inserts.mark, {"ref": ref, "due_at": stamp(now), "marks": 1})
        overtaken = update(t.tickets).where(t.tickets.c.ref == ref)
        connection.execute(overtaken.values(revision=t.tickets.c.revision + 1))

    # --- looks and cases --------------------------------------------------------------------------------------
    def looks(self, ref: TicketRef, since: datetime | None, limit: int) -> Sequence[KeptLook]:
        """Return the looks at a ticket, the latest first."""
        found = select(t.looks).where(t.looks.c.ref == str(ref))
        found = found.where(t.looks.c.at >= stamp(since)) if since is not None else found
        with self.database.read() as connection:
            rows = connection.execute(found.order_by(t.looks.c.at.desc(), t.looks.c.row.desc()).limit(limit)).all()
        return [_look(row) for row in rows]

    def cases(self, sought: Sought, *, level: int | None, due: datetime | None) -> Sequence[KeptCase]:
        """Return open cases, those that are due first: of a level, or due by a moment, if one is given."""
        columns = (t.tickets.c.ref, t.tickets.c.due_at, t.tickets.c.case, t.tickets.c.trouble)
        found = select(*columns).where(t.tickets.c.case.is_not(None), t.tickets.c.outside == text("false"))
        found = found.where(*_of_tickets(t.tickets.c.ref, sought))
        found = found.where(t.tickets.c.due_at <= stamp(due)) if due is not None else found
        kept: list[KeptCase] = []
        with self.database.read() as connection:
            for row in connection.execute(found.order_by(t.tickets.c.due_at.is_(None), t.tickets.c.due_at)):
                case = unpack_dict(row.case)
                if not _ended(case) and level in (None, case["level"]):
                    kept.append(_case(row, case))
                if len(kept) == sought.limit:
                    break
        return kept

    # --- orders -----------------------------------------------------------------------------------------------
    def moved(self, site: str | None, since: datetime) -> Sequence[TicketRef]:
        """Return the tickets that we moved up since a moment, each once."""
        found = select(t.moves.c.ref).where(t.moves.c.at >= stamp(since)).distinct().order_by(t.moves.c.ref)
        found = found.where(t.moves.c.site == site) if site is not None else found
        with self.database.read() as connection:
            return [TicketRef.parse(ref) for ref in connection.execute(found).scalars()]

    def moves(self, ref: TicketRef, since: datetime) -> Sequence[datetime]:
        """Return when we moved a ticket up since a moment, the latest first."""
        its = (t.moves.c.ref == str(ref)) & (t.moves.c.at >= stamp(since))
        with self.database.read() as connection:
            return [moment(at) for at in connection.execute(_MOVES.where(its)).scalars()]

    def order(self, orders: Sequence[Order]) -> int:
        """Keep orders, each once, and make their tickets due; return how many were new."""
        new = 0
        put = self._insert(t.orders).on_conflict_do_nothing().returning(t.orders.c.ref)
        gap = self._insert(t.gaps).on_conflict_do_nothing()
        for order in orders:
            at = stamp(order.at)
            row = {"ref": str(order.ref), "key": order.key, "at": at, "level": order.level}
            with self.database.write() as connection:
                if connection.execute(put, {**row, "said_by": order.said_by, "why": order.why}).scalar() is None:
                    continue
                opened = {"ref": str(order.ref), "at": at, "why": Why.ORDERED.value, "open": True, "found_at": at}
                connection.execute(gap, opened)
                connection.execute(self._inserts.mark, {"ref": str(order.ref), "due_at": at, "marks": 1})
                new += 1
        return new

    def orders(self, ref: TicketRef) -> Sequence[Order]:
        """Return the orders that were given about a ticket, the latest last."""
        found = select(t.orders).where(t.orders.c.ref == str(ref)).order_by(t.orders.c.at, t.orders.c.key)
        with self.database.read() as connection:
            return [
                Order(key=row.key, ref=ref, at=moment(row.at), level=row.level, said_by=row.said_by, why=row.why)
                for row in connection.execute(found)
            ]


def _deliveries_sought(sought: Sought) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if sought.site is not None:
        vendor, _, site = sought.site.partition("/")
        which += [t.deliveries.c.vendor == vendor, t.deliveries.c.site == site]
    if sought.since is not None:
        which.append(t.deliveries.c.received_at >= stamp(sought.since))
    if sought.before is not None:
        which.append(t.deliveries.c.row < sought.before)
    if sought.ref is not None:
        its = and_(t.arrivals.c.delivery == t.deliveries.c.row, t.arrivals.c.ref == str(sought.ref))
        which.append(exists().where(its))
    return which


def _of_tickets(ref: ColumnElement[Any], sought: Sought) -> list[ColumnElement[bool]]:
    if sought.ref is not None:
        return [ref == str(sought.ref)]
    return [ref.startswith(f"{sought.site}/", autoescape=True)] if sought.site is not None else []


def _with_tickets(connection: Connection, rows: Sequence[Any]) -> list[KeptDelivery]:
    named: dict[int, list[tuple[TicketRef, bool]]] = defaultdict(list)
    its: Select[Any] = select(t.arrivals).where(t.arrivals.c.delivery.in_([row.row for row in rows]))
    for arrival in connection.execute(its.order_by(t.arrivals.c.ref)):
        named[arrival.delivery].append((TicketRef.parse(arrival.ref), arrival.read))
    return [
        KeptDelivery(
            row=row.row,
            site=f"{row.vendor}/{row.site}",
            received_at=moment(row.received_at),
            vendor_id=row.vendor_id,
            tickets=tuple(ref for ref, _ in named[row.row]),
            unread=tuple(ref for ref, read in named[row.row] if not read),
            problem=row.problem,
            size=row.size,
        )
        for row in rows
    ]


def _held(connection: Connection, key: str) -> Any:
    """Return a call as it is while no look at its ticket can store anything."""
    ours = select(t.calls.c.ref).where(t.calls.c.key == key).scalar_subquery()
    connection.execute(select(t.tickets.c.ref).where(t.tickets.c.ref == ours).with_for_update()).all()
    return connection.execute(select(t.calls).where(t.calls.c.key == key)).one_or_none()


def _overtaken(connection: Connection, row: Any) -> bool:
    """Say whether a later operation has calls for the same ticket."""
    others = t.calls.c.key.not_like(f"{row.key.rpartition('/')[0]}/%")
    later = exists().where(t.calls.c.ref == row.ref, t.calls.c.created_at > row.created_at, others)
    return bool(connection.execute(select(later)).scalar())


def _without_its_note(connection: Connection, row: Any) -> Call | None:
    """Return the call, without the note if another call of its operation has written that, or will."""
    call = unpack_call(row.body)
    gone = (CallState.REFUSED.value, CallState.WITHDRAWN.value, CallState.SUPERSEDED.value)
    its = t.calls.c.key.like(f"{call.operation}/%") & (t.calls.c.key != row.key)
    others = connection.execute(select(t.calls.c.body).where(its, t.calls.c.state.not_in(gone))).scalars()
    if "note" not in call.parts or not any("note" in unpack_call(body).parts for body in others):
        return call
    return without(call, Refused("its note is another call's", parts=frozenset({"note"})), call.number)


def _look(row: Any) -> KeptLook:
    decision = unpack_dict(row.decision)
    command: Mapping[str, Any] = decision.get("command") or {}
    return KeptLook(
        at=moment(row.at),
        policy=row.policy,
        why=decision["why"],
        rule=next(iter(decision["fired"]), None) if command else None,
        level_before=command.get("level_before"),
        level=command.get("level"),
        calls=row.calls,
    )


def _ended(case: Mapping[str, Any]) -> bool:
    return bool(case["story"].get("ended")) or case["ticket"].get("status") in ("solved", "closed")


def _case(row: Any, case: Mapping[str, Any]) -> KeptCase:
    held: Iterable[Mapping[str, Any]] = case.get("held") or ()
    return KeptCase(
        ref=TicketRef.parse(row.ref),
        key=case["ticket"].get("key"),
        level=case["level"],
        level_since=datetime.fromisoformat(case["level_since"]),
        due_at=moment(row.due_at) if row.due_at is not None else None,
        held=next((hold["reason"] for hold in held), None),
        trouble=row.trouble,
    )
