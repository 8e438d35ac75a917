"""When one ticket is to be looked at, for those who were told its name some time ago."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select

from adapter.store import tables as t
from adapter.store.codec import moment
from adapter.store.governance import Governance
from adapter.store.prepared import Prepared
from adapter.store.troubles import once_more
from policies.model import TicketRef

_DUE_AT = Prepared(select(t.tickets.c.due_at).where(t.tickets.c.ref == bindparam("this_ref")))


class Turn(Governance):
    """See `due_at`."""

    @once_more
    def due_at(self, ref: TicketRef) -> datetime | None:
        """Return when a ticket is to be looked at, None if nothing is to be done about it."""
        with self.database.glance() as connection:
            at = _DUE_AT.scalar(connection, {"this_ref": str(ref)})
        return moment(at) if at is not None else None
