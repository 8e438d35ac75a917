"""Keeping deliveries: each once, with its tickets marked due; those that come together are stored together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from adapter.records import Receipt
from adapter.store import statements as st
from adapter.store import tables as t
from adapter.store.codec import pack, stamp
from adapter.store.connection import Database
from adapter.store.governance import Governance
from adapter.store.together import Together
from adapter.store.troubles import once_more
from connectors.contract import Delivery
from policies.model import TicketRef


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """A delivery, what it is known by, and the tickets that it names."""

    delivery: Delivery
    vendor_id: str | None
    refs: Sequence[TicketRef]
    problem: str | None


class Receiving(Governance):
    """See `adapter.records.Store` for what each method promises."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._together = Together(self._receive)

    @once_more
    def receive(
        self, delivery: Delivery, vendor_id: str | None, refs: Sequence[TicketRef], problem: str | None
    ) -> Receipt:
        """Keep a delivery once and mark its tickets due; committed when it returns."""
        arrival = _Arrival(delivery=delivery, vendor_id=vendor_id, refs=refs, problem=problem)
        if self.database.sqlite:
            return self._together(arrival)
        return self._receive([arrival])[0]  # PostgreSQL brings together what is committed at the same time by itself

    def _receive(self, arrivals: Sequence[_Arrival]) -> list[Receipt]:
        with self.database.write() as connection:
            return [self._keep(connection, arrival) for arrival in arrivals]

    def _keep(self, connection: Connection, arrival: _Arrival) -> Receipt:
        delivery, at = arrival.delivery, stamp(arrival.delivery.received_at)
        row = {
            "vendor": delivery.vendor,
            "site": delivery.site,
            "vendor_id": arrival.vendor_id,
            "received_at": at,
            "headers": pack(delivery.headers),
            "query": delivery.query,
            "body": delivery.body,
            "problem": arrival.problem,
        }
        number = self._inserts.delivery.scalar(connection, row)
        if number is None:
            known = select(t.deliveries.c.row).where(
                t.deliveries.c.vendor == delivery.vendor,
                t.deliveries.c.site == delivery.site,
                t.deliveries.c.vendor_id == arrival.vendor_id,
            )
            return Receipt(row=connection.execute(known).scalar_one(), new=False)
        if arrival.refs:
            st.ARRIVAL.change_each(connection, [{"delivery": number, "ref": str(ref)} for ref in arrival.refs])
            named = sorted(map(str, arrival.refs))  # everybody in one order, so that no two wait for each other
            marks = [{"ref": ref, "due_at": at, "heard_at": at, "marks": 1} for ref in named]
            self._inserts.arrived.change_each(connection, marks)
        return Receipt(row=number, new=True)
