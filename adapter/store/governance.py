"""What governs every look: the active policy, modes, switches, and the count of moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from adapter.records import Commit
from adapter.store import tables as t
from adapter.store.codec import moment, stamp
from adapter.store.connection import Database
from policies.commands import Mode

ADOPTION_WINDOW = timedelta(hours=1)
BRAKE_WINDOW = timedelta(minutes=10)


class Governance:
    """Policies, modes, switches, moves. See `adapter.records.Store` for what each method promises."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._insert = sqlite.insert if database.sqlite else postgresql.insert
        self._watching: Connection | None = None

    # --- policies -----------------------------------------------------------------------------------------
    def activate(self, revision: str, name: str, text: str, now: datetime) -> None:
        """Store a policy and make it the active one."""
        row = {"name": name, "text": text, "activated_at": stamp(now), "active": True}
        put = self._insert(t.policies).on_conflict_do_update(index_elements=["revision"], set_=row)
        with self.database.write() as connection:
            connection.execute(update(t.policies).values(active=False))
            connection.execute(put, {**row, "revision": revision})

    def active_policy(self) -> str | None:
        """Return the active revision."""
        with self.database.read() as connection:
            return connection.execute(_ACTIVE).scalar()

    def policy_text(self, revision: str) -> str:
        """Return the stored text of an activated policy."""
        found = select(t.policies.c.text).where(t.policies.c.revision == revision)
        with self.database.read() as connection:
            return str(connection.execute(found).scalar_one())

    # --- modes and switches -------------------------------------------------------------------------------
    def set_mode(self, site: str, mode: Mode, now: datetime) -> None:
        """Remember since when a site (`vendor/site`) works in this mode."""
        row = {"mode": mode.value, "since": stamp(now)}
        put = self._insert(t.modes).on_conflict_do_update(
            index_elements=["site"], set_=row, where=t.modes.c.mode != mode.value
        )
        with self.database.write() as connection:
            connection.execute(put, {**row, "site": site})

    def pause(self, scope: str, reason: str, now: datetime) -> None:
        """Stop every write for `all`, `site:<vendor>/<site>` or `rule:<name>`."""
        row = {"reason": reason, "since": stamp(now)}
        put = self._insert(t.switches).on_conflict_do_update(index_elements=["scope"], set_=row)
        with self.database.write() as connection:
            connection.execute(put, {**row, "scope": scope})

    def resume(self, scope: str, now: datetime) -> bool:
        """Allow writes again and make what was held due; False if nothing was paused there."""
        with self.database.write() as connection:
            connection.execute(update(t.moves).values(braking=False))  # who resumes has seen the moves so far
            gone = connection.execute(delete(t.switches).where(t.switches.c.scope == scope)).rowcount
            waiting = t.tickets.c.ref.in_(select(t.calls.c.ref).where(t.calls.c.open == text("true")))
            held = t.tickets.c.held == text("true")
            connection.execute(
                update(t.tickets).where(waiting | held).values(due_at=stamp(now), marks=t.tickets.c.marks + 1)
            )
        return bool(gone)

    def switches(self) -> Mapping[str, str]:
        """Return what is paused, with the reasons."""
        with self.database.read() as connection:
            return _switches(connection)

    def changed(self) -> int:
        """Return a number that differs when another connection has written."""
        if not self.database.sqlite:
            return 0
        if self._watching is None:  # the number means something only to one and the same connection
            self._watching = self.database.engine.connect()
        with self._watching.begin():
            return int(self._watching.exec_driver_sql("PRAGMA data_version").scalar_one())

    def close(self) -> None:
        """Close every connection."""
        if self._watching is not None:
            self._watching.close()
        self.database.close()

    # --- for a look ---------------------------------------------------------------------------------------
    def _governed(self, connection: Connection, site: str) -> tuple[Mapping[str, str], str | None, datetime | None]:
        since = connection.execute(select(t.modes.c.since).where(t.modes.c.site == site)).scalar()
        return _switches(connection), connection.execute(_ACTIVE).scalar(), moment(since) if since else None

    def _moves(self, connection: Connection, site: str, now: datetime) -> tuple[int, int]:
        """Return how many adopted tickets were moved in the last hour, and how many moves the last ten minutes saw."""
        lately = func.count().filter(t.moves.c.at > stamp(now - BRAKE_WINDOW), t.moves.c.braking)
        adoptive = func.count().filter(t.moves.c.adoptive)
        found = select(adoptive, lately).where(t.moves.c.site == site, t.moves.c.at > stamp(now - ADOPTION_WINDOW))
        used, moved = connection.execute(found).one()
        return int(used), int(moved)

    def _move(self, connection: Connection, site: str, commit: Commit) -> bool:
        """Count a move; False if an adopted ticket's move would go over the budget."""
        adoptive = commit.adoptive_limit is not None
        if commit.adoptive_limit is not None:
            used, _ = self._moves(connection, site, commit.now)
            if used >= commit.adoptive_limit:
                return False
        row = {"site": site, "at": stamp(commit.now), "adoptive": adoptive, "braking": True, "ref": str(commit.ref)}
        connection.execute(t.moves.insert(), row)
        return True


_ACTIVE = select(t.policies.c.revision).where(t.policies.c.active == text("true"))


def _switches(connection: Connection) -> Mapping[str, str]:
    return {row.scope: row.reason for row in connection.execute(select(t.switches.c.scope, t.switches.c.reason))}
