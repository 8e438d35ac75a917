"""What is let go, what never is, and that letting go makes nobody wait."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from adapter.gaps import Gap, Why
from adapter.journal import Journal
from adapter.records import CallState, Commit, Look, StoredCall
from adapter.retention import EVERY, Keep, Purge
from adapter.sections import Retention
from adapter.store import tables as t
from adapter.store.codec import stamp
from adapter.store.retention import ROWS
from adapter.store.sql import SqlStore
from connectors.contract import Call, Delivery
from policies.case import Case, Decision, Facts
from policies.model import Event, Kind, Status, Ticket, TicketRef

DAY = timedelta(days=1)
REF = TicketRef(vendor="desk", site="acme", id="7")
DEFAULT = Retention().keep


def purge(store: SqlStore, clock: Any, keep: Keep = DEFAULT, told: list[Any] | None = None) -> Purge:
    """Make the errand; what it tells goes to `told`."""
    heard: list[Any] = [] if told is None else told
    return Purge(store, keep, Journal(lambda event, fields: heard.append((event, fields))), clock)


def receive(store: SqlStore, clock: Any, name: str, *refs: TicketRef, problem: str | None = None) -> int:
    body = Delivery(vendor="desk", site="acme", body=b"{}" * 500, received_at=clock(), headers={"x": "1"})
    return store.receive(body, name, refs, problem).row


def many(store: SqlStore, clock: Any, count: int) -> None:
    """Store many deliveries that concern no ticket."""
    row = {"vendor": "desk", "site": "acme", "received_at": stamp(clock()), "headers": b"{}", "query": ""}
    with store.database.write() as connection:
        connection.execute(t.deliveries.insert(), [{**row, "body": b"{}" * 500}] * count)


def read(store: SqlStore, clock: Any, ref: TicketRef, **more: Any) -> None:
    """Let a look read everything and end."""
    work = store.open(ref, clock())
    case = more.pop("case", None) or Case.fresh(ref, clock())
    look = Look(at=clock(), policy="p1", facts=Facts(), decision=Decision(case=case), case_before=case)
    rows = [delivery.row or 0 for delivery in work.deliveries]
    given = {"revision": work.revision, "marks": work.marks, "now": clock(), "case": case, "due_at": None, **more}
    store.commit(Commit(ref=ref, read=rows, look=look, **given))


def solved(clock: Any, ref: TicketRef = REF) -> Case:
    ticket = Ticket(ref=ref, known=frozenset({"status"}), status=Status.SOLVED)
    return replace(Case.fresh(ref, clock()), ticket=ticket)


def kept(store: SqlStore) -> dict[str, int]:
    """Count every table's rows."""
    with store.database.read() as connection:
        return {
            table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in (t.deliveries, t.arrivals, t.tickets, t.events, t.looks, t.calls, t.gaps)
        }


def bodies(store: SqlStore) -> list[int]:
    with store.database.read() as connection:
        found = select(t.deliveries.c.row).where(t.deliveries.c.body.is_not(None)).order_by(t.deliveries.c.row)
        return list(connection.execute(found).scalars())


# --- deliveries ---------------------------------------------------------------------------------------------
def test_bytes_go_after_14_days_and_the_id_after_30(store: SqlStore, clock: Any) -> None:
    receive(store, clock, "a", REF)
    read(store, clock, REF)
    clock.advance(days=13)
    assert not purge(store, clock).whole()
    clock.advance(days=2)
    assert purge(store, clock).whole() == {"bodies": 1}
    assert bodies(store) == []
    assert not store.receive(Delivery(vendor="desk", site="acme", body=b"{}", received_at=clock()), "a", (), None).new
    clock.advance(days=16)
    assert purge(store, clock).whole() == {"deliveries": 1}
    assert (kept(store)["deliveries"], kept(store)["arrivals"]) == (0, 0)


def test_what_is_unread_stays_however_old_it_is(store: SqlStore, clock: Any) -> None:
    row = receive(store, clock, "a", REF)
    clock.advance(days=400)
    assert not purge(store, clock).whole()
    assert bodies(store) == [row]


def test_a_dead_letter_is_kept_whole_for_30_days(store: SqlStore, clock: Any) -> None:
    row = receive(store, clock, "a", problem="not JSON")
    clock.advance(days=29)
    assert not purge(store, clock).whole()
    assert bodies(store) == [row]
    clock.advance(days=2)
    assert purge(store, clock).whole() == {"deliveries": 1}


def test_what_was_stored_while_the_clock_was_ahead_hides_nothing_behind_it(store: SqlStore, clock: Any) -> None:
    clock.advance(days=3650)
    many(store, clock, ROWS + 1)
    clock.advance(days=-3650)
    receive(store, clock, "a")
    clock.advance(days=40)
    assert purge(store, clock).whole() == {"deliveries": 1}


def test_0_keeps_everything(store: SqlStore, clock: Any) -> None:
    keep = Retention(bodies=0, deliveries=0, dead_letters=0, tickets=0, looks=0, counts=0).keep
    receive(store, clock, "a", REF)
    read(store, clock, REF, case=solved(clock))
    clock.advance(days=4000)
    assert not purge(store, clock, keep).whole()


# --- tickets ------------------------------------------------------------------------------------------------
def test_a_ticket_that_ended_goes_whole_after_90_quiet_days(store: SqlStore, clock: Any) -> None:
    receive(store, clock, "a", REF)
    event = Event(id="e", kind=Kind.NOTED, at=clock(), received_at=clock())
    ended = StoredCall(call=Call(operation="o", number=1, verb="set"), state=CallState.WRITTEN, created_at=clock())
    read(store, clock, REF, case=solved(clock), events=[event], calls=[ended])
    clock.advance(days=89)
    assert "tickets" not in purge(store, clock).whole()
    clock.advance(days=2)
    gone = purge(store, clock).whole()
    assert gone == {"looks": 1, "tickets": 1, "events": 1, "calls": 1}
    assert {name for name, count in kept(store).items() if count} == set()


OPEN = {
    "it is open": {"case": None},
    "it is looked at again one day": {"due_at": timedelta(days=4000)},
    "a call has not ended": {"calls": CallState.PLANNED},
    "it is still to be fetched": {"gaps": Why.MISSED},
}


@pytest.mark.parametrize("why", OPEN)
def test_a_ticket_is_never_let_go_while(why: str, store: SqlStore, clock: Any) -> None:
    more: dict[str, Any] = {"case": solved(clock), **OPEN[why]}
    if "due_at" in more:
        more["due_at"] = clock() + more["due_at"]
    if "calls" in more:
        call = Call(operation="o", number=1, verb="set")
        more["calls"] = [StoredCall(call=call, state=more["calls"], created_at=clock())]
    if "gaps" in more:
        more["gaps"] = [Gap(ref=REF, at=clock(), why=more["gaps"])]
    receive(store, clock, "a", REF)
    read(store, clock, REF, **more)
    clock.advance(days=400)
    assert "tickets" not in purge(store, clock).whole()
    assert (kept(store)["tickets"], kept(store)["looks"]) == (1, 1)


def test_a_delivery_that_comes_between_finding_a_quiet_ticket_and_deleting_it_keeps_it(
    store: SqlStore, clock: Any
) -> None:
    receive(store, clock, "a", REF)
    read(store, clock, REF, case=solved(clock))
    with store.database.read() as connection:
        found = connection.execute(select(t.tickets)).one()
    clock.advance(days=400)
    receive(store, clock, "b", REF)
    assert not store._purge_ticket(found, clock() - 90 * DAY, clock())
    assert store.open(REF, clock()).case is not None


def test_of_an_open_ticket_only_the_last_old_look_stays(store: SqlStore, clock: Any) -> None:
    for number in range(5):
        receive(store, clock, str(number), REF)
        read(store, clock, REF)
        clock.advance(days=1)
    clock.advance(days=100)
    assert purge(store, clock).whole()["looks"] == 4
    assert kept(store)["looks"] == 1
    assert not purge(store, clock).whole()


# --- in small steps -----------------------------------------------------------------------------------------
def test_a_round_takes_small_steps_with_a_breath_after_each_and_tells_what_has_gone(
    store: SqlStore, clock: Any
) -> None:
    many(store, clock, 3 * ROWS)
    clock.advance(days=31)
    told: list[Any] = []
    errand, steps = purge(store, clock, told=told), 0
    before = kept(store)["deliveries"]
    while (again := errand.run()) - clock() < EVERY:
        left = kept(store)["deliveries"]
        assert before - left <= ROWS
        before, steps = left, steps + 1
        clock.now = again
    assert steps >= 3
    assert before == 0
    assert told == [("purge.done", {"kind": "deliveries", "rows": 3 * ROWS})]


def test_deliveries_are_taken_at_once_while_old_ones_are_let_go(store: SqlStore, clock: Any) -> None:
    many(store, clock, 20 * ROWS)
    clock.advance(days=31)
    waits: list[float] = []
    done = threading.Event()

    def hear() -> None:
        while not done.is_set():
            began = time.monotonic()
            receive(store, clock, f"new {len(waits)}", REF)
            waits.append(time.monotonic() - began)
            done.wait(0.002)

    caller = threading.Thread(target=hear)
    caller.start()
    errand = purge(store, clock)
    try:
        while (again := errand.run()) - clock() < EVERY:
            threading.Event().wait(0.001)
            clock.now = again
    finally:
        done.set()
        caller.join()
    assert kept(store)["deliveries"] == len(waits) > 10
    assert max(waits) < 1.0
