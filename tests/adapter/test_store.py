"""What the tables promise: once in, never lost; one thought whole or not at all; and nothing kept that must not be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import func, inspect, select
from sqlalchemy.event import listens_for

from adapter.records import CallState, Commit, Committed, Look, StoredCall, Unusable, Work
from adapter.store import migrations
from adapter.store import tables as t
from adapter.store.connection import Database
from adapter.store.sql import READ_AT_ONCE, SqlStore
from connectors.contract import Call, Delivery
from policies.case import Case, Decision, Facts, Hold
from policies.commands import Mode
from policies.model import Event, Kind, TicketRef
from tests.postgres import ON_POSTGRES

ONLY_SQLITE = pytest.mark.skipif(ON_POSTGRES, reason="it asks the file; test_postgresql.py has its sibling")
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REF = TicketRef(vendor="desk", site="acme", id="7")
OTHER = TicketRef(vendor="desk", site="acme", id="8")


def delivered(body: bytes = b"{}", at: datetime = NOW, site: str = "acme") -> Delivery:
    return Delivery(vendor="desk", site=site, body=body, received_at=at, headers={"x-id": "1"}, query="a=b")


def receive(store: SqlStore, vendor_id: str | None = None, refs: Sequence[TicketRef] = (REF,), **more: Any) -> int:
    return store.receive(delivered(**more), vendor_id, refs, None).row


def thought(work: Work, **more: Any) -> Commit:
    """Make a commit that follows from what was read."""
    given: dict[str, Any] = {"now": NOW, "due_at": None, "case": Case.fresh(work.ref, NOW), **more}
    given.setdefault("read", [delivery.row for delivery in work.deliveries])
    return Commit(ref=work.ref, revision=work.revision, marks=work.marks, **given)


def event(name: str) -> Event:
    return Event(id=name, kind=Kind.NOTED, at=NOW, received_at=NOW)


def call(number: int = 1, state: CallState = CallState.PLANNED, operation: str = "op") -> StoredCall:
    return StoredCall(call=Call(operation=operation, number=number, verb="set"), state=state, created_at=NOW)


def row(store: SqlStore, number: int) -> Any:
    with store.database.read() as connection:
        return connection.execute(select(t.deliveries).where(t.deliveries.c.row == number)).one()


def count(store: SqlStore, table: Any) -> int:
    with store.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def due_at(store: SqlStore, ref: TicketRef = REF) -> datetime | None:
    with store.database.read() as connection:
        at = connection.execute(select(t.tickets.c.due_at).where(t.tickets.c.ref == str(ref))).scalar_one()
    return None if at is None else datetime.fromtimestamp(at, UTC)


# --- in -----------------------------------------------------------------------------------------------------
def test_a_delivery_is_kept_with_its_bytes_and_its_tickets_are_due(store: SqlStore) -> None:
    number = receive(store, "a", [REF, OTHER], body=b"\x00raw")
    assert row(store, number).body == b"\x00raw"
    assert set(store.due(NOW, 10)) == {REF, OTHER}
    (found,) = store.open(REF, NOW).deliveries
    assert (found.body, found.headers, found.query, found.row) == (b"\x00raw", {"x-id": "1"}, "a=b", number)


def test_the_same_vendor_id_is_kept_once(store: SqlStore) -> None:
    first = store.receive(delivered(), "a", [REF], None)
    second = store.receive(delivered(b"other"), "a", [REF], None)
    assert (first.new, second.new, second.row) == (True, False, first.row)
    assert store.open(REF, NOW).marks == 1


def test_at_another_site_it_is_another(store: SqlStore) -> None:
    assert store.receive(delivered(), "a", (), None).new
    assert store.receive(delivered(site="zweite"), "a", (), None).new


def test_without_a_vendor_id_everything_is_kept(store: SqlStore) -> None:
    assert len({receive(store, None) for _ in range(3)}) == 3
    assert len(store.open(REF, NOW).deliveries) == 3


def test_a_dead_letter_keeps_its_bytes_and_concerns_no_ticket(store: SqlStore) -> None:
    number = store.receive(delivered(b"<html>"), "a", (), "not JSON").row
    assert (row(store, number).body, row(store, number).problem) == (b"<html>", "not JSON")
    assert store.due(NOW, 10) == []


def test_what_is_due_is_found_longest_waiting_first(store: SqlStore) -> None:
    receive(store, refs=[OTHER], at=NOW + MINUTE)
    receive(store, refs=[REF])
    assert list(store.due(NOW + MINUTE, 10)) == [REF, OTHER]
    assert list(store.due(NOW + MINUTE, 1)) == [REF]
    assert list(store.due(NOW, 10)) == [REF]
    assert store.next_due(NOW) == NOW + MINUTE
    assert store.next_due(NOW + MINUTE) is None


def test_marking_makes_it_sooner_and_never_later(store: SqlStore) -> None:
    store.mark_due(REF, NOW)
    store.mark_due(REF, NOW + MINUTE)
    assert due_at(store) == NOW
    store.mark_due(REF, NOW - MINUTE)
    assert due_at(store) == NOW - MINUTE


def test_a_ticket_that_was_not_due_at_all_can_be_marked(store: SqlStore) -> None:
    receive(store)
    store.commit(thought(store.open(REF, NOW)))
    assert due_at(store) is None
    store.mark_due(REF, NOW + MINUTE)
    assert due_at(store) == NOW + MINUTE


# --- one look -----------------------------------------------------------------------------------------------
def test_a_thought_is_stored_whole(store: SqlStore) -> None:
    receive(store)
    case = replace(Case.fresh(REF, NOW), level=2)
    look = Look(
        at=NOW, policy="p1", facts=Facts(), decision=Decision(case=case, events=(event("a"),)), case_before=case
    )
    commit = thought(
        store.open(REF, NOW), case=case, events=[event("a")], calls=[call()], look=look, due_at=NOW + MINUTE
    )
    assert store.commit(commit) is Committed.DONE
    work = store.open(REF, NOW)
    assert (work.case, work.revision, work.deliveries) == (case, 1, ())
    assert work.calls == (call(),)
    assert list(store.history(REF)) == [event("a")]
    assert store.heard(REF, ["a", "b"]) == {"a"}
    assert store.heard(OTHER, ["a"]) == frozenset()
    assert due_at(store) == NOW + MINUTE
    assert count(store, t.looks) == 1


def test_who_lost_its_turn_stores_nothing(store: SqlStore) -> None:
    receive(store)
    mine, theirs = store.open(REF, NOW), store.open(REF, NOW)
    assert store.commit(thought(theirs)) is Committed.DONE
    late = thought(mine, events=[event("a")], calls=[call()], due_at=NOW)
    assert store.commit(late) is Committed.FENCED
    assert (store.history(REF), store.open(REF, NOW).calls, due_at(store)) == ([], (), None)


def test_what_arrived_meanwhile_makes_it_due_now(store: SqlStore) -> None:
    receive(store, "a")
    work = store.open(REF, NOW)
    late = receive(store, "b", at=NOW)
    store.commit(thought(work, due_at=NOW + 60 * MINUTE))
    assert due_at(store) == NOW
    assert [delivery.row for delivery in store.open(REF, NOW).deliveries] == [late]


def test_what_arrived_meanwhile_is_not_postponed(store: SqlStore) -> None:
    receive(store)
    work = store.open(REF, NOW)
    receive(store)
    store.postpone(work, NOW + MINUTE)
    assert due_at(store) == NOW
    store.postpone(store.open(REF, NOW), NOW + MINUTE)
    assert due_at(store) == NOW + MINUTE


def test_who_lost_its_turn_neither_postpones_nor_counts_a_fault(store: SqlStore) -> None:
    receive(store)
    mine = store.open(REF, NOW)
    store.commit(thought(mine, due_at=NOW + MINUTE))
    store.postpone(mine, NOW + 60 * MINUTE)
    store.failed(mine, "a bug", NOW + 60 * MINUTE)
    store.failed(replace(mine, failures=5), "a bug", None)
    assert (due_at(store), store.open(REF, NOW).failures, store.stuck()) == (NOW + MINUTE, 0, [])
    store.failed(store.open(REF, NOW), "a bug", None)
    assert (due_at(store), store.open(REF, NOW).failures, store.stuck()) == (None, 1, [(REF, "a bug")])


def test_a_fault_is_counted_and_what_arrived_meanwhile_is_due_all_the_same(store: SqlStore) -> None:
    receive(store)
    work = store.open(REF, NOW)
    receive(store)
    store.failed(work, "a bug", None)
    assert (due_at(store), store.open(REF, NOW).failures) == (NOW, 1)


def test_who_resumes_writes_only_moves_that_count_for_the_brake(store: SqlStore) -> None:
    written: list[int] = []

    @listens_for(store.database.engine, "after_cursor_execute")
    def seen(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("UPDATE moves"):
            written.append(cursor.rowcount)

    for number in range(3):
        receive(store, f"m{number}")
        store.commit(thought(store.open(REF, NOW), moved_to=2))
        store.resume("all", NOW)
    assert written == [1, 1, 1]


def test_the_same_event_is_stored_once(store: SqlStore) -> None:
    receive(store)
    store.commit(thought(store.open(REF, NOW), events=[event("a")]))
    store.commit(thought(store.open(REF, NOW), events=[event("a"), event("b")]))
    assert [e.id for e in store.history(REF)] == ["a", "b"]


def test_more_than_one_look_can_read_is_left_for_the_next(store: SqlStore) -> None:
    for _ in range(READ_AT_ONCE + 20):
        receive(store)
    work = store.open(REF, NOW)
    assert (len(work.deliveries), work.more) == (READ_AT_ONCE, True)
    store.commit(thought(work))
    work = store.open(REF, NOW)
    assert (len(work.deliveries), work.more) == (20, False)


def test_calls_are_handed_out_until_they_end(store: SqlStore) -> None:
    receive(store)
    store.commit(thought(store.open(REF, NOW), calls=[call(1), call(2)]))
    begun = replace(call(1), state=CallState.SENDING, attempted_at=NOW, attempts=1)
    store.commit(thought(store.open(REF, NOW), calls=[begun]))
    assert store.open(REF, NOW).calls == (begun, call(2))
    for end in (CallState.WRITTEN, CallState.SUPERSEDED, CallState.WITHDRAWN, CallState.REFUSED):
        store.commit(thought(store.open(REF, NOW), calls=[call(1, CallState.PLANNED), call(2, end)]))
        assert store.open(REF, NOW).calls == (call(1),)


def test_a_letter_that_turns_out_dead_keeps_its_bytes(store: SqlStore) -> None:
    number = receive(store, body=b"??")
    store.commit(thought(store.open(REF, NOW), read=[], dead={number: "what is this?"}))
    assert (row(store, number).body, row(store, number).problem) == (b"??", "what is this?")
    assert store.open(REF, NOW).deliveries == ()


# --- what the policy does not name --------------------------------------------------------------------------
def forget(store: SqlStore, ref: TicketRef) -> None:
    case = replace(Case.fresh(ref, NOW), outside=True)
    store.commit(thought(store.open(ref, NOW), case=case, forget=True))


def test_of_a_ticket_outside_only_the_id_is_kept(store: SqlStore) -> None:
    number = receive(store, "a", body=b"the customer's words")
    forget(store, REF)
    found = row(store, number)
    assert (found.body, found.headers, found.query, found.vendor_id) == (None, b"{}", "", "a")
    assert not store.receive(delivered(), "a", [REF], None).new


def test_what_another_ticket_has_not_read_yet_is_not_forgotten(store: SqlStore) -> None:
    number = receive(store, refs=[REF, OTHER], body=b"both")
    forget(store, REF)
    assert [delivery.body for delivery in store.open(OTHER, NOW).deliveries] == [b"both"]
    store.commit(thought(store.open(OTHER, NOW)))
    assert row(store, number).body == b"both"


def test_what_concerns_only_tickets_outside_is_forgotten_with_the_last(store: SqlStore) -> None:
    number = receive(store, refs=[REF, OTHER], body=b"both")
    forget(store, REF)
    forget(store, OTHER)
    assert row(store, number).body is None


# --- what governs -------------------------------------------------------------------------------------------
def move(store: SqlStore, limit: int | None, at: datetime = NOW) -> Committed:
    receive(store)
    return store.commit(thought(store.open(REF, at), now=at, moved_to=2, adoptive_limit=limit, events=[event("m")]))


def test_a_budget_is_reserved_in_the_same_commit(store: SqlStore) -> None:
    assert [move(store, 2) for _ in range(3)] == [Committed.DONE, Committed.DONE, Committed.OVER_BUDGET]
    assert store.open(REF, NOW).adoptive_used == 2


def test_what_is_over_budget_stores_nothing(store: SqlStore) -> None:
    assert move(store, 0) is Committed.OVER_BUDGET
    assert store.history(REF) == []
    assert store.open(REF, NOW).revision == 0


def test_a_budget_is_free_again_after_an_hour(store: SqlStore) -> None:
    move(store, 1)
    assert move(store, 1, NOW + 59 * MINUTE) is Committed.OVER_BUDGET
    assert move(store, 1, NOW + 61 * MINUTE) is Committed.DONE


def test_moves_count_for_ten_minutes_or_until_somebody_resumes(store: SqlStore) -> None:
    for _ in range(3):
        move(store, None)
    assert store.open(REF, NOW).moves_lately == 3
    assert store.open(REF, NOW + 11 * MINUTE).moves_lately == 0
    store.resume("all", NOW)
    assert store.open(REF, NOW).moves_lately == 0


def test_moves_of_another_site_do_not_count(store: SqlStore) -> None:
    move(store, None)
    assert store.open(TicketRef(vendor="desk", site="other", id="1"), NOW).moves_lately == 0


def test_the_active_policy_is_the_last_one_activated(store: SqlStore) -> None:
    assert store.active_policy() is None
    store.activate("r1", "One", "text 1", NOW)
    store.activate("r2", "Two", "text 2", NOW)
    assert (store.active_policy(), store.policy_text("r1")) == ("r2", "text 1")
    store.activate("r1", "One", "text 1", NOW)
    assert store.active_policy() == "r1"


def test_a_new_policy_makes_the_tickets_it_may_concern_due(store: SqlStore) -> None:
    store.activate("r1", "One", "text", NOW)
    for ref in (REF, OTHER):
        receive(store, refs=[ref])
    store.commit(thought(store.open(REF, NOW), due_at=NOW + 60 * MINUTE))
    forget(store, OTHER)
    store.activate("r1", "One", "text", NOW + MINUTE)
    assert store.due(NOW + MINUTE, 10) == []
    store.activate("r2", "Two", "text", NOW + MINUTE)
    assert store.due(NOW + MINUTE, 10) == [REF]


def test_since_when_a_mode_holds_is_remembered(store: SqlStore) -> None:
    store.set_mode("desk/acme", Mode.OBSERVE, NOW)
    store.set_mode("desk/acme", Mode.OBSERVE, NOW + MINUTE)
    assert store.open(REF, NOW).mode_since == NOW
    store.set_mode("desk/acme", Mode.ACT, NOW + MINUTE)
    assert store.open(REF, NOW).mode_since == NOW + MINUTE


def test_a_new_mode_makes_the_sites_tickets_due_and_no_others(store: SqlStore) -> None:
    elsewhere = TicketRef(vendor="desk", site="acmeX", id="9")
    for site in ("desk/acme", "desk/acmeX"):
        store.set_mode(site, Mode.OBSERVE, NOW)
    for ref in (REF, elsewhere):
        receive(store, refs=[ref])
        store.commit(thought(store.open(ref, NOW)))
    store.set_mode("desk/acme", Mode.ACT, NOW)
    assert store.due(NOW, 10) == [REF]


def test_a_pause_has_a_reason_and_an_end(store: SqlStore) -> None:
    store.pause("all", "a drill", NOW)
    store.pause("rule:urgent", "too eager", NOW)
    assert store.switches() == {"all": "a drill", "rule:urgent": "too eager"}
    assert store.open(REF, NOW).switches == store.switches()
    assert store.resume("all", NOW)
    assert not store.resume("all", NOW)
    assert store.switches() == {"rule:urgent": "too eager"}


@pytest.mark.parametrize("why", ["a call is open", "a move is held"])
def test_resuming_makes_due_what_was_held(store: SqlStore, why: str) -> None:
    for ref in (REF, OTHER):
        receive(store, refs=[ref])
    held = replace(Case.fresh(REF, NOW), held=(Hold(rule="r", level=2, reason="paused"),))
    more: dict[str, Any] = {"calls": [call()]} if why == "a call is open" else {"case": held}
    store.commit(thought(store.open(REF, NOW), **more))
    store.commit(thought(store.open(OTHER, NOW), calls=[call(state=CallState.WRITTEN, operation="other")]))
    assert store.due(NOW, 10) == []
    store.resume("all", NOW)
    assert store.due(NOW, 10) == [REF]


def test_what_fails_half_way_leaves_nothing_and_the_next_begins_anew(store: SqlStore) -> None:
    def half(then: Callable[[Any], object]) -> None:
        with store.database.write() as connection:
            connection.execute(t.tickets.insert().values(ref=str(REF), due_at=NOW.timestamp()))
            then(connection)

    with pytest.raises(Unusable):
        half(lambda connection: connection.exec_driver_sql("SELECT * FROM nowhere"))
    with pytest.raises(ZeroDivisionError):
        half(lambda connection: 1 / 0)
    assert store.due(NOW, 10) == []
    half(lambda connection: None)
    assert store.due(NOW, 10) == [REF]


@ONLY_SQLITE
def test_another_process_that_wrote_is_noticed(store: SqlStore) -> None:
    before = store.changed()
    assert store.changed() == before
    beside = SqlStore(Database(str(store.database.engine.url)))
    beside.pause("all", "by hand", NOW)
    assert store.changed() != before
    beside.close()


# --- the schema ---------------------------------------------------------------------------------------------
def test_bringing_it_up_to_date_twice_does_nothing(store: SqlStore) -> None:
    receive(store)
    store.database.migrate()
    assert store.due(NOW, 10) == [REF]


def test_the_tables_of_the_first_version_are_brought_forward_with_what_is_in_them(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        row = {"site": "desk/acme", "at": NOW.timestamp(), "adoptive": True, "braking": True, "ref": str(REF)}
        connection.exec_driver_sql(
            "INSERT INTO moves (site, at, adoptive, braking, ref) VALUES (:site, :at, :adoptive, :braking, :ref)", row
        )
        connection.exec_driver_sql("INSERT INTO tickets (ref, due_at) VALUES (?, ?)", (str(REF), NOW.timestamp()))
    database.migrate()
    store = SqlStore(database)
    assert (store.turns("desk/acme"), store.due(NOW, 10), store.due_notice(NOW)) == ({}, [REF], None)
    assert store.open(REF, NOW + MINUTE).adoptive_used == 1
    store.close()


@ONLY_SQLITE
def test_migrations_make_exactly_the_tables_of_tables_py(store: SqlStore, tmp_path: Path) -> None:
    with store.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), t.metadata) == []
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    with fresh.write() as connection:
        t.metadata.create_all(connection)
    assert shape(store.database) == shape(fresh)
    fresh.close()


def shape(database: Database) -> dict[str, Any]:
    """Return what a database says of itself: columns, keys, and indexes with their conditions."""
    found: dict[str, Any] = {}
    with database.engine.connect() as connection:
        seen = inspect(connection)
        for name in set(seen.get_table_names()) - {"alembic_version"}:
            columns = {c["name"]: (str(c["type"]), c["nullable"], bare(c["default"])) for c in seen.get_columns(name)}
            found[name] = (columns, seen.get_pk_constraint(name), seen.get_foreign_keys(name))
            found[f"{name}: unique"] = seen.get_unique_constraints(name)
        indexes = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'").all()
    return found | {name: " ".join(sql.split()) if sql else None for name, sql in indexes if "alembic" not in name}


def bare(default: str | None) -> str | None:
    return default.strip("()'") if default else None


@ONLY_SQLITE
def test_what_a_2xx_promises_is_on_the_disk(store: SqlStore) -> None:
    with store.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
