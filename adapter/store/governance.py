"""What governs every look: the active policy, modes, switches, and the count of moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from adapter.records import Commit, StoredPolicy
from adapter.store import statements as st
from adapter.store import tables as t
from adapter.store.codec import moment, stamp, unpack_case, unpack_dict
from adapter.store.connection import Database
from adapter.store.recalling import HELD, POLICY, SITE, Recalling
from adapter.store.troubles import once_more
from policies.case import Case, Used
from policies.commands import Mode
from policies.model import Status, TicketRef
from policies.policy import LevelBudget

ADOPTION_WINDOW = timedelta(hours=1)
BRAKE_WINDOW = timedelta(minutes=10)


class Governance(Recalling):
    """Policies, modes, switches, moves. See `adapter.records.Store` for what each method promises."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._inserts = st.Inserts(self._insert)
        self._watching: Connection | None = None

    # --- policies -----------------------------------------------------------------------------------------
    @once_more
    def activate(self, revision: str, name: str, text: str, now: datetime) -> None:
        """Store a policy, make it the active one, and recall every ticket that it may concern."""
        row = {"name": name, "text": text, "activated_at": stamp(now), "active": True}
        put = self._insert(t.policies).on_conflict_do_update(index_elements=["revision"], set_=row)
        with self.database.write() as connection:
            self.database.patiently(connection)
            self.database.turn_of(connection, "policies")
            before = connection.execute(st.ACTIVE).scalar()
            connection.execute(update(t.policies).values(active=False))
            connection.execute(put, {**row, "revision": revision})
            if before not in (None, revision):  # what was to be looked at when, was said by the one before
                self._begin_recall(connection, POLICY, now)
        self.recall(now)

    def active_policy(self) -> str | None:
        """Return the active revision."""
        with self.database.read() as connection:
            return connection.execute(st.ACTIVE).scalar()

    def policy_text(self, revision: str) -> str:
        """Return the stored text of an activated policy."""
        found = select(t.policies.c.text).where(t.policies.c.revision == revision)
        with self.database.read() as connection:
            return str(connection.execute(found).scalar_one())

    def policies(self) -> Sequence[StoredPolicy]:
        """Return every policy that was activated, the latest first."""
        columns = (t.policies.c.revision, t.policies.c.name, t.policies.c.activated_at, t.policies.c.active)
        with self.database.read() as connection:
            rows = connection.execute(select(*columns).order_by(t.policies.c.activated_at.desc())).all()
            cases = connection.execute(_CASES)
            pinned = Counter(case["pinned"] for _, case in _unpacked(cases) if case["pinned"] and _open(case))
        return [
            StoredPolicy(
                revision=row.revision,
                name=row.name,
                activated_at=moment(row.activated_at),
                active=row.active,
                pinned=pinned[row.revision],
            )
            for row in rows
        ]

    def escalated(self) -> Sequence[tuple[TicketRef, str | None]]:
        """Return the unresolved tickets above level 1, each with the revision it keeps to."""
        with self.database.read() as connection:
            cases = _unpacked(connection.execute(_CASES.order_by(t.tickets.c.ref)))
            return [(TicketRef.parse(ref), case["pinned"]) for ref, case in cases if case["level"] > 1 and _open(case)]

    # --- one ticket ---------------------------------------------------------------------------------------
    def find(self, site: str, name: str) -> TicketRef | None:
        """Return the ticket of a site (`vendor/site`) that goes by this id, or by this key such as `#5158`."""
        ours = t.tickets.c.ref.startswith(f"{site}/", autoescape=True)
        with self.database.read() as connection:
            known = connection.execute(select(t.tickets.c.ref).where(t.tickets.c.ref == f"{site}/{name}")).scalar()
            if known is None:
                cases = connection.execute(_CASES.where(ours))
                goes_by = {name, f"#{name}"}
                known = next((ref for ref, case in _unpacked(cases) if case["ticket"].get("key") in goes_by), None)
        return TicketRef.parse(known) if known is not None else None

    def case_at(self, ref: TicketRef, at: datetime) -> tuple[Case | None, str | None]:
        """Return what was remembered of a ticket at a time, and by which policy it was looked at last."""
        looks = select(t.looks.c.case_before, t.looks.c.policy).where(t.looks.c.ref == str(ref))
        order = (t.looks.c.at, t.looks.c.row)
        now = select(t.tickets.c.case).where(t.tickets.c.ref == str(ref))
        with self.database.read() as connection:
            later = connection.execute(looks.where(t.looks.c.at > stamp(at)).order_by(*order).limit(1)).one_or_none()
            data = later.case_before if later is not None else connection.execute(now).scalar()
            before = looks.where(t.looks.c.at <= stamp(at)).order_by(*(column.desc() for column in order)).limit(1)
            last = connection.execute(before).one_or_none()
        return (unpack_case(data) if data else None), (last.policy if last is not None else None)

    # --- modes and switches -------------------------------------------------------------------------------
    @once_more
    def set_mode(self, site: str, mode: Mode, now: datetime) -> None:
        """Remember since when a site (`vendor/site`) works in this mode; if that is new, its tickets are recalled."""
        row = {"mode": mode.value, "since": stamp(now)}
        put = self._insert(t.modes).on_conflict_do_update(index_elements=["site"], set_=row)
        with self.database.write() as connection:
            self.database.patiently(connection)
            self.database.turn_of(connection, "modes")
            found = connection.execute(select(t.modes).where(t.modes.c.site == site)).one_or_none()
            if found is None or found.mode != mode.value or found.since > stamp(now):  # or the clock was ahead
                connection.execute(put, {**row, "site": site})
            if found is not None and found.mode != mode.value:
                self._begin_recall(connection, f"{SITE}{site}", now)
        self.recall(now)

    def pause(self, scope: str, reason: str, now: datetime) -> None:
        """Stop every write for `all`, `site:<vendor>/<site>` or `rule:<name>`."""
        row = {"reason": reason, "since": stamp(now)}
        put = self._insert(t.switches).on_conflict_do_update(index_elements=["scope"], set_=row)
        with self.database.write() as connection:
            connection.execute(put, {**row, "scope": scope})

    @once_more
    def resume(self, scope: str, now: datetime) -> bool:
        """Allow writes again and recall what was held; False if nothing was paused there."""
        with self.database.write() as connection:
            self.database.patiently(connection)
            seen = update(t.moves).where(t.moves.c.braking)  # who resumes has seen the moves so far
            connection.execute(seen.values(braking=False))
            gone = connection.execute(delete(t.switches).where(t.switches.c.scope == scope)).rowcount
            self._begin_recall(connection, HELD, now)
        self.recall(now)
        return bool(gone)

    def switches(self) -> Mapping[str, str]:
        """Return what is paused, with the reasons."""
        with self.database.read() as connection:
            return switches_in(connection)

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
    def _governed(self, connection: Connection, site: str, now: datetime) -> Any:
        """Return the active policy, since when the site's mode, and its moves (see `statements.GOVERNED`)."""
        since = {"adopted_since": stamp(now - ADOPTION_WINDOW), "braking_since": stamp(now - BRAKE_WINDOW)}
        return st.GOVERNED.rows(connection, {"site": site, **since})[0]

    def _move(self, connection: Connection, site: str, commit: Commit) -> bool:
        """Count a move; False if it would go over a budget, or if somebody else has had the turn."""
        limit, budget, level = commit.adoptive_limit, commit.reserves, commit.moved_to
        if limit is not None or budget is not None:  # counted and then added to: nobody may add in between
            self.database.turn_of(connection, "moves")
        if limit is not None and self._governed(connection, site, commit.now).adoptive >= limit:
            return False
        if budget is not None and _used(connection, budget, commit.now).count >= budget.at_most:
            return False
        if level is not None:
            turn = self._inserts.turn.scalar(connection, {"site": site, "level": level, "taken": 1})
            if commit.turn not in (None, turn - 1):
                return False
        row = {"site": site, "at": stamp(commit.now), "adoptive": limit is not None, "braking": True}
        st.MOVE.change(connection, {**row, "ref": str(commit.ref), "level": level})
        return True

    def used(self, budgets: Sequence[LevelBudget], now: datetime) -> Mapping[int, Used]:
        """Return what of the levels' budgets is used, by level; every site's moves count."""
        with self.database.read() as connection:
            return {budget.level: _used(connection, budget, now) for budget in budgets}

    def turns(self, site: str) -> Mapping[int, int]:
        """Return how many moves each level of a site (`vendor/site`) has got so far."""
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(st.TURNS, {"site": site})}


def _used(connection: Connection, budget: LevelBudget, now: datetime) -> Used:
    since, per = stamp(now - budget.per.length), budget.per.length
    moves = select(func.count(), func.min(t.moves.c.at)).where(t.moves.c.level == budget.level, t.moves.c.at > since)
    count, first = connection.execute(moves).one()
    return Used(count=count, free_at=(moment(first) if first is not None else now) + per)


_CASES = select(t.tickets.c.ref, t.tickets.c.case).where(t.tickets.c.case.is_not(None), ~t.tickets.c.outside)


def _unpacked(cases: Iterable[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((row.ref, unpack_dict(row.case)) for row in cases)


def _open(case: Mapping[str, Any]) -> bool:
    status = case["ticket"].get("status")
    return not case["story"].get("ended") and not (status and Status(status).resolved)


def switches_in(connection: Connection) -> Mapping[str, str]:
    """Return what is paused, with the reasons."""
    return {row.scope: row.reason for row in st.SWITCHES.rows(connection, {})}
