"""What is different when many processes share one PostgreSQL: exact under concurrency, alive after a restart, and its
troubles told as sentences.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select

from adapter.brakes import Brake
from adapter.records import CallState, Commit, Committed, StoredNotice, Unusable
from adapter.store import tables as t
from adapter.store.braking import StoredRest
from adapter.store.connection import Database
from adapter.store.keeping import StoredKeepsakes
from adapter.store.pacing import StoredTally
from adapter.store.sql import SqlStore
from connectors.contract import Delivery, TryLater
from connectors.limits import Pace, Window
from policies.case import Case
from policies.commands import Mode, Note, Notice, Occasion, Recipient
from policies.durations import Duration
from policies.model import TicketRef
from policies.policy import LevelBudget
from tests.postgres import LOCKED, Server

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BUDGET = LevelBudget(level=2, at_most=5, per=Duration.parse("1h"), hold=True)
Opener = Callable[[], SqlStore]


def ref(ticket: int | str = 7) -> TicketRef:
    return TicketRef(vendor="desk", site="acme", id=str(ticket))


def delivery(number: int = 1) -> Delivery:
    return Delivery(vendor="desk", site="acme", body=b"{}", received_at=NOW + number * SECOND, headers={}, query="")


@pytest.fixture
def opened(database_url: str) -> Iterator[Opener]:
    """Opens the tables as one more process would."""
    with ExitStack() as stack:

        def another() -> SqlStore:
            store = SqlStore(Database(database_url))
            stack.callback(store.close)
            return store

        yield another


@pytest.fixture
def store(opened: Opener) -> SqlStore:
    return opened()


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Do all of it at the same moment; return what came of each, in order."""
    barrier = threading.Barrier(len(work))

    def begin(one: Callable[[], Any]) -> Any:
        barrier.wait(10)
        return one()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(begin, work))


# --- the schema ---------------------------------------------------------------------------------------------
def test_of_four_that_start_at_once_one_makes_the_tables(postgres: Server) -> None:
    name = postgres.database()
    several = [Database(postgres.url(name)) for _ in range(4)]
    try:
        assert at_once(*(one.migrate for one in several)) == [None] * 4
        with several[0].engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), t.metadata) == []
    finally:
        for one in several:
            one.close()
        postgres.drop(name)


def test_migrations_make_exactly_the_tables_and_indexes_of_tables_py(store: SqlStore, postgres: Server) -> None:
    name = postgres.database()
    fresh = Database(postgres.url(name))
    try:
        with fresh.write() as connection:
            t.metadata.create_all(connection)
        assert shape(store.database) == shape(fresh)
    finally:
        fresh.close()
        postgres.drop(name)


def shape(database: Database) -> dict[str, Any]:
    """Return what a database says of itself: columns, keys, and indexes with their conditions."""
    with database.engine.connect() as connection:
        seen = inspect(connection)
        tables = set(seen.get_table_names()) - {"alembic_version"}
        columns = {
            n: {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in seen.get_columns(n)} for n in tables
        }
        keys = {
            n: (seen.get_pk_constraint(n), seen.get_unique_constraints(n), seen.get_foreign_keys(n)) for n in tables
        }
        found = connection.exec_driver_sql(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        indexes = {row.indexname: row.indexdef for row in found}
    return {"columns": columns, "keys": keys, "indexes": indexes}


def test_what_is_confirmed_is_on_the_disk_whatever_the_server_is_set_to(store: SqlStore, database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    with store.database.write() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    store.database.engine.dispose()
    with store.database.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


# --- exact while others write -------------------------------------------------------------------------------
def moved(store: SqlStore, ticket: int, **more: Any) -> Committed:
    store.mark_due(ref(ticket), NOW)
    work = store.open(ref(ticket), NOW)
    commit = Commit(ref=work.ref, revision=work.revision, marks=work.marks, now=NOW, due_at=None)
    return store.commit(replace(commit, case=Case.fresh(work.ref, NOW), moved_to=2, **more))


def test_a_budget_is_exact_however_many_processes_want_the_last_place(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    work = [lambda n=n: moved(stores[n % 4], n, reserves=BUDGET) for n in range(16)]
    done = at_once(*work)
    assert (done.count(Committed.DONE), done.count(Committed.OVER_BUDGET)) == (5, 11)
    assert stores[0].used([BUDGET], NOW)[2].count == 5


def test_existing_tickets_are_moved_so_many_an_hour_and_not_one_more(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    done = at_once(*(lambda n=n: moved(stores[n % 4], n, adoptive_limit=3) for n in range(12)))
    assert done.count(Committed.DONE) == 3


def test_a_turn_is_had_once(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    done = at_once(*(lambda n=n: moved(stores[n % 4], n, turn=0) for n in range(8)))
    assert done.count(Committed.DONE) == 1
    assert stores[0].turns("desk/acme") == {2: 1}


def test_one_look_at_a_time_stores_its_thought(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    stores[0].mark_due(ref(), NOW)
    work = stores[0].open(ref(), NOW)
    commit = Commit(ref=ref(), revision=work.revision, marks=work.marks, now=NOW, due_at=None)
    done = at_once(*(lambda store=store: store.commit(commit) for store in stores))
    assert sorted(done) == [Committed.DONE, *[Committed.FENCED] * 3]


def test_what_arrives_while_a_look_commits_makes_it_due_at_once(opened: Opener) -> None:
    receiving, looking = opened(), opened()
    for number in range(1, 120):
        work = looking.open(ref(), NOW)
        commit = Commit(
            ref=ref(),
            revision=work.revision,
            marks=work.marks,
            now=NOW,
            due_at=None,
            read=[d.row for d in work.deliveries],
        )
        at_once(
            lambda n=number: receiving.receive(delivery(n), f"d{n}", (ref(),), None),
            lambda c=commit, work=work: (
                looking.commit(c) if random.random() < 0.7 else looking.postpone(work, NOW + 9 * SECOND)
            ),
        )
        after = looking.open(ref(), NOW)
        assert after.deliveries, "it was read before it came"
        assert looking.due(NOW + number * SECOND, 1) == [ref()], "a mark was lost"


def test_the_same_delivery_at_two_receivers_is_kept_once(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    receipts = at_once(*(lambda s=s: s.receive(delivery(), "d1", (ref(1), ref(2)), None) for s in stores))
    assert sorted(r.new for r in receipts) == [False, False, False, True]
    assert len({r.row for r in receipts}) == 1
    assert stores[0].open(ref(1), NOW).marks == 1


def test_of_policies_activated_at_once_one_is_active(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    at_once(*(lambda n=n, s=s: s.activate(f"r{n}", "Policy", "text", NOW) for n, s in enumerate(stores)))
    assert stores[0].active_policy() in {"r0", "r1", "r2", "r3"}
    assert [policy.active for policy in stores[0].policies()].count(True) == 1
    at_once(*(lambda s=s: s.set_mode("desk/acme", Mode.ACT, NOW) for s in stores))
    assert stores[0].open(ref(), NOW).mode_since == NOW


def test_two_that_wait_for_each_other_both_arrive(database_url: str, store: SqlStore) -> None:
    store.receive(delivery(), "d1", (ref(1), ref(2)), None)
    name = database_url.rpartition("/")[2]
    with store.database.write() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET deadlock_timeout = '100ms'")
    store.database.engine.dispose()
    touch = "UPDATE tickets SET marks = marks + 1 WHERE ref = %s"
    with psycopg.connect(database_url, options="-c deadlock_timeout=20s") as other:
        other.execute(touch, (str(ref(2)),))
        with ThreadPoolExecutor(1) as threads:
            arriving = threads.submit(store.receive, delivery(2), "d2", (ref(1), ref(2)), None)
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            with psycopg.connect(database_url, autocommit=True) as watching:
                while not watching.execute(waits, (name,)).fetchall():
                    threading.Event().wait(0.005)
            other.execute(touch, (str(ref(1)),))  # it waits for us, and now we for it
            other.commit()
            assert arriving.result(10).new
    assert [store.open(ref(n), NOW).marks for n in (1, 2)] == [3, 3]


def test_a_message_that_two_begin_is_one_ones(opened: Opener) -> None:
    stores = [opened() for _ in range(2)]
    notice = Notice(
        operation="op",
        occasion=Occasion.RULE,
        rule="r",
        to=(Recipient(address="ada@x.example"),),
        subject="s",
        note=Note(lines=()),
    )
    stores[0].mark_due(ref(), NOW)
    stores[0].commit(Commit(ref=ref(), revision=0, marks=1, now=NOW, due_at=None, notices=(notice,)))
    found = [store.due_notice(NOW) for store in stores]
    begun = [
        replace(one, state=CallState.SENDING, attempts=one.attempts + 1)
        for one in found
        if isinstance(one, StoredNotice)
    ]
    assert sorted(at_once(*(lambda s=s, b=b: s.begin_notice(b) for s, b in zip(stores, begun, strict=True)))) == [
        False,
        True,
    ]


# --- troubles -----------------------------------------------------------------------------------------------
def test_while_the_server_is_away_it_is_said_and_afterwards_all_goes_on(postgres: Server, store: SqlStore) -> None:
    store.receive(delivery(1), "d1", (ref(),), None)
    postgres.stop()
    try:
        with pytest.raises(
            Unusable, match=r"PostgreSQL at 127\.0\.0\.1:\d+ (is being shut down|cannot be used|.*lost)"
        ):
            store.receive(delivery(2), "d2", (ref(),), None)
        with pytest.raises(Unusable, match=r"is it running, and is the address in stepladder\.toml right"):
            store.due(NOW, 1)
    finally:
        postgres.start()
    assert store.receive(delivery(2), "d2", (ref(),), None).new


def test_a_restart_that_nobody_noticed_costs_nobody_anything(postgres: Server, store: SqlStore) -> None:
    store.receive(delivery(1), "d1", (ref(),), None)
    store.due(NOW, 1)
    postgres.stop()
    postgres.start()
    assert store.receive(delivery(2), "d2", (ref(),), None).new
    assert len(store.open(ref(), NOW).deliveries) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database": "nowhere"}, "has no such database; make it with `createdb` (database nowhere"),
        ({"username": "nobody"}, "does not let this user in; look at its pg_hba.conf"),
        (
            {"username": LOCKED[0], "password": "wr0ng"},
            "does not accept the password; expected the right one in STEPLADDER",
        ),
        ({"username": LOCKED[0]}, "asks for a password, and none was given"),
        ({"username": LOCKED[0], "password": LOCKED[1]}, "does not allow this user to do that; make it the owner"),
        ({"port": 1}, "is it running, and is the address in stepladder.toml right?"),
    ],
)
def test_what_is_wrong_is_a_sentence_without_the_password(
    database_url: str, change: dict[str, Any], sentence: str
) -> None:
    database = Database(database_url)
    database.close()
    url = database.url.set(**change).render_as_string(hide_password=False)
    other = SqlStore(Database(url))
    with pytest.raises(Unusable) as wrong:
        other.due(NOW, 1)
    other.close()
    assert sentence in str(wrong.value)
    assert "wr0ng" not in str(wrong.value)
    assert LOCKED[1] not in str(wrong.value)


def test_tables_of_a_newer_program_are_left_alone(store: SqlStore) -> None:
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unusable, match="of a newer Stepladder"):
        store.database.migrate()


def test_what_somebody_holds_too_long_is_told_in_time(database_url: str, store: SqlStore) -> None:
    store.mark_due(ref(), NOW)
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "4s"
    locked = select(t.tickets).with_for_update()
    with psycopg.connect(database_url) as other, ExitStack() as stack:
        other.execute("SELECT * FROM tickets FOR UPDATE")
        stack.enter_context(pytest.raises(Unusable, match="busy: somebody else has held what is needed for too long"))
        connection = stack.enter_context(store.database.write())
        connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        connection.execute(locked)


def test_tables_that_somebody_has_locked_are_soon_known_to_take_no_delivery(database_url: str, store: SqlStore) -> None:
    store.mark_due(ref(), NOW)
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE tickets, deliveries IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        for asked in (lambda: store.waiting(NOW, 10), store.prove):
            with pytest.raises(Unusable, match="busy: somebody else has held"):
                asked()
        assert time.monotonic() - began < 2, "half a second for one, nothing for the other"
    assert store.waiting(NOW, 10) == 0
    store.prove()


# --- what several processes know together -------------------------------------------------------------------
def test_one_leads_until_it_ends_or_is_cut_off(opened: Opener, postgres: Server) -> None:
    first, second = opened(), opened()
    assert [leads(first), leads(second), leads(first)] == [True, False, True]
    assert leads(second, "another errand")
    postgres.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
    assert [leads(second), leads(first)] == [True, False]
    second.close()
    assert leads(first)


def leads(store: SqlStore, errand: str = "letters") -> bool:
    with store.leading(errand) as mine:
        return mine


def test_all_see_that_a_site_is_closed_and_one_tries_it(opened: Opener) -> None:
    stores = [opened() for _ in range(4)]
    brakes = [Brake(knowledge=StoredRest(store.database, "site acme")) for store in stores]
    brakes[0].failed(TryLater("down"), NOW)
    assert all(brake.closed for brake in brakes)
    gone = at_once(*(lambda b=b: b.wait_until(NOW + 2 * SECOND) for b in brakes))
    assert [wait is None for wait in gone].count(True) == 1
    brakes[2].wait_until(NOW + 2 * SECOND)
    brakes[2].succeeded()
    assert not any(brake.closed for brake in brakes)


def test_what_was_renewed_is_known_to_all_and_renewed_by_one(opened: Opener) -> None:
    first, second = (keepsakes(opened()) for _ in range(2))
    assert first.load("acme") == {}
    first.save("acme", {"refresh_token": "r1"})
    first.save("acme", {"refresh_token": "r2"})
    assert second.load("acme") == {"refresh_token": "r2"}
    with first.turn("acme"):
        with pytest.raises(BlockingIOError), second.turn("acme"):
            pass
        with second.turn("itsm"):
            pass
    with second.turn("acme"):
        pass


def keepsakes(store: SqlStore) -> StoredKeepsakes:
    return StoredKeepsakes(lambda: nullcontext(store.database))


def test_words_that_are_spoiled_are_not_used(store: SqlStore) -> None:
    with store.database.write() as connection:
        connection.execute(t.keepsakes.insert().values(site="acme", kept=b'{"refresh_token": 7}'))
    with pytest.raises(ValueError, match="something else than words for acme: run `stepladder authorize acme`"):
        keepsakes(store).load("acme")


def test_what_one_does_alone_the_next_begins_afterwards(opened: Opener) -> None:
    told: list[str] = []

    def begin(store: SqlStore) -> None:
        with store.database.alone("start"):
            told.append("in")
            store.switches()
            told.append("out")

    at_once(*(partial(begin, opened()) for _ in range(3)))
    assert told == ["in", "out"] * 3


def test_writes_of_all_processes_keep_within_one_limit(opened: Opener) -> None:
    at = [NOW]
    paces = [
        Pace(lambda: 0.0, per_ticket=[Window(most=2, seconds=30)], per_site=[Window(most=6, seconds=60)])
        for _ in range(3)
    ]
    for pace in paces:
        pace.share(StoredTally(opened().database, "acme", lambda: at[0]))
    assert at_once(*(partial(goes, paces[n % 3], "7") for n in range(6))).count(True) == 2
    assert at_once(*(partial(goes, paces[n % 3], f"{n}") for n in range(10, 22))).count(True) == 4
    at[0] += 59 * SECOND
    assert not goes(paces[0], "8")
    at[0] += 2 * SECOND
    assert [goes(paces[n % 3], f"{n}") for n in range(7)] == [True] * 6 + [False]


def goes(pace: Pace, ticket: str) -> bool:
    try:
        pace.write(ticket)
    except TryLater:
        return False
    return True
