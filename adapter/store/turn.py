"""When one ticket is to be looked at, for those who were told its name some time ago."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select

from adapter.store import tables as t
from adapter.store.codec import moment
from adapter.store.governance import Governance
from policies.model import TicketRef

_DUE_AT = select(t.tickets.c.due_at).where(t.tickets.c.ref == bindparam("this_ref"))


class Turn(Governance):
    """See `due_at`."""

    def due_at(self, ref: TicketRef) -> datetime | None:
        """Return when a ticket is to be looked at, None if nothing is to be done about it."""
        with self.database.read() as connection:
            at = connection.execute(_DUE_AT, {"this_ref": str(ref)}).scalar()
        return moment(at) if at is not None else None
