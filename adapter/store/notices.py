"""Messages to people: stored with the decision that gives them, handed out one by one, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, update

from adapter.records import CallState, Commit, StoredNotice
from adapter.store import statements as st
from adapter.store import tables as t
from adapter.store.codec import moment, pack, stamp, unpack_dict, unpack_notice
from adapter.store.governance import Governance
from policies.model import TicketRef

_ONE = update(t.notices).where(t.notices.c.key == bindparam("this_key"))


class Notices(Governance):
    """See `adapter.records.Store` for what each method promises."""

    def due_notice(self, now: datetime) -> StoredNotice | None:
        """Return the message that has been due longest and is not paused."""
        with self.database.read() as connection:
            row = connection.execute(st.DUE_NOTICE, {"now": stamp(now)}).one_or_none()
        return _stored(row) if row is not None else None

    def next_notice(self) -> datetime | None:
        """Return when the next message that is not paused falls due."""
        with self.database.read() as connection:
            at = connection.execute(st.NEXT_NOTICE).scalar()
        return moment(at) if at is not None else None

    def begin_notice(self, stored: StoredNotice) -> bool:
        """Store that a message is being sent; False if it was given up meanwhile, or somebody else began it."""
        ours = t.notices.c.open & (t.notices.c.attempts == stored.attempts - 1)
        with self.database.write() as connection:
            return connection.execute(_ONE.where(ours), _changing(stored)).rowcount == 1

    def end_notice(self, stored: StoredNotice) -> None:
        """Store what became of a message."""
        with self.database.write() as connection:
            connection.execute(_ONE, _changing(stored))

    def _tell(self, connection: Connection, commit: Commit) -> None:
        """Keep a decision's messages, each once, and give up those that it makes pointless."""
        ref, at = str(commit.ref), stamp(commit.now)
        if commit.outdated:
            outdated = t.notices.c.occasion.in_([occasion.value for occasion in commit.outdated])
            planned = (t.notices.c.ref == ref) & (t.notices.c.state == CallState.PLANNED.value)
            gone = {"state": CallState.WITHDRAWN.value, "open": False}
            connection.execute(update(t.notices).where(planned, outdated).values(gone))
        for notice in commit.notices:
            row: dict[str, Any] = {"key": notice.operation, "rule": notice.rule, "occasion": notice.occasion.value}
            row |= {"ref": ref, "site": f"{commit.ref.vendor}/{commit.ref.site}", "body": pack(notice)}
            state: dict[str, Any] = {"state": CallState.PLANNED.value, "open": True, "attempts": 0, "unanswered": 0}
            state |= {"settled": pack({}), "outcome": ""}
            connection.execute(self._inserts.notice, {**row, **state, "created_at": at, "due_at": at})


def _changing(stored: StoredNotice) -> dict[str, Any]:
    return {
        "this_key": stored.notice.operation,
        "state": stored.state.value,
        "open": not stored.state.ended,
        "due_at": stamp(stored.due_at),
        "attempted_at": stamp(stored.attempted_at) if stored.attempted_at else None,
        "attempts": stored.attempts,
        "unanswered": stored.unanswered,
        "settled": pack(stored.settled),
        "outcome": stored.outcome,
    }


def _stored(row: Row[Any]) -> StoredNotice:
    return StoredNotice(
        ref=TicketRef.parse(row.ref),
        notice=unpack_notice(row.body),
        state=CallState(row.state),
        created_at=moment(row.created_at),
        due_at=moment(row.due_at),
        attempted_at=moment(row.attempted_at) if row.attempted_at else None,
        attempts=row.attempts,
        unanswered=row.unanswered,
        settled=unpack_dict(row.settled),
        outcome=row.outcome,
    )
