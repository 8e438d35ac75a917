"""What may happen only so often: a level's budget over the whole house, and whose turn it is in a pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, update

from adapter.records import Commit, Committed
from adapter.store import tables as t
from adapter.store.sql import SqlStore
from policies.case import Case, Used
from policies.durations import Duration
from policies.model import TicketRef
from policies.policy import LevelBudget

Bench = Any
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
BUDGET = LevelBudget(level=2, at_most=2, per=Duration.parse("1h"), hold=True)
POLICY = """
version: 1
name: Budgeted
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts, assign: round_robin}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
guards:
  level_budget: {level: 2, at_most: 2, per: 1h, then: hold}
"""


def move(store: SqlStore, ticket: str, site: str = "acme", at: datetime = NOW, **more: Any) -> Committed:
    """Store a move to level 2."""
    ref = TicketRef(vendor="desk", site=site, id=ticket)
    store.mark_due(ref, at)
    work = store.open(ref, at)
    case = Case.fresh(ref, at)
    return store.commit(
        Commit(ref=ref, revision=work.revision, marks=work.marks, now=at, due_at=None, case=case, moved_to=2, **more)
    )


# --- counting -----------------------------------------------------------------------------------------------
def test_every_sites_moves_count_until_they_leave_the_stretch_of_time(store: SqlStore) -> None:
    move(store, "1")
    move(store, "2", site="other", at=NOW + timedelta(minutes=10))
    found = store.used([BUDGET], NOW + timedelta(minutes=20))
    assert found == {2: Used(count=2, free_at=NOW + timedelta(hours=1))}
    assert store.used([BUDGET], NOW + timedelta(hours=1))[2].count == 1
    assert store.used([replace(BUDGET, level=3)], NOW)[3].count == 0


def test_turns_are_counted_for_each_site_and_level(store: SqlStore) -> None:
    for ticket in "123":
        move(store, ticket)
    move(store, "4", site="other")
    assert (store.turns("desk/acme"), store.turns("desk/other"), store.turns("desk/none")) == ({2: 3}, {2: 1}, {})


def test_moves_of_an_older_version_count_for_no_level(store: SqlStore) -> None:
    move(store, "1")
    with store.database.write() as connection:
        connection.execute(update(t.moves).values(level=None))
    assert store.used([BUDGET], NOW)[2].count == 0


# --- reserving ----------------------------------------------------------------------------------------------
def test_a_move_over_the_budget_is_not_stored(store: SqlStore) -> None:
    assert [move(store, n, reserves=BUDGET) for n in "123"] == [Committed.DONE, Committed.DONE, Committed.OVER_BUDGET]
    assert store.turns("desk/acme") == {2: 2}
    assert move(store, "3") is Committed.DONE, "without a reservation it is only counted"


def test_a_turn_is_had_once(store: SqlStore) -> None:
    assert move(store, "1", turn=0) is Committed.DONE
    assert move(store, "2", turn=0) is Committed.OVER_BUDGET
    assert move(store, "2", turn=1) is Committed.DONE
    assert store.turns("desk/acme") == {2: 2}, "a turn that was not had is not counted"


def test_turns_are_told_without_counting_the_moves(store: SqlStore) -> None:
    for turn in range(3):
        move(store, str(turn))
    with store.database.write() as connection:
        connection.execute(delete(t.moves))
    assert store.turns("desk/acme") == {2: 3}
    assert move(store, "4", turn=3) is Committed.DONE


def test_of_threads_that_want_the_same_turn_one_gets_it(store: SqlStore) -> None:
    for turn in range(8):
        found = list[Committed]()

        def act(ticket: str, turn: int = turn, found: list[Committed] = found) -> None:
            found.append(move(store, ticket, turn=turn))

        at_once(*(partial(act, ticket) for ticket in "abc"))
        assert sorted(found) == [Committed.DONE, Committed.OVER_BUDGET, Committed.OVER_BUDGET]
    assert store.turns("desk/acme") == {2: 8}


def at_once(*acts: Callable[[], object]) -> None:
    """Do all this in threads that begin together."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_of_two_threads_that_want_the_last_place_one_gets_it(store: SqlStore) -> None:
    for hours in range(0, 20, 2):
        at, found = NOW + timedelta(hours=hours), list[Committed]()
        move(store, f"first {hours}", at=at)

        def act(ticket: str, at: datetime = at, found: list[Committed] = found) -> None:
            found.append(move(store, ticket, at=at, reserves=BUDGET))

        at_once(partial(act, "a"), partial(act, "b"))
        assert sorted(found) == [Committed.DONE, Committed.OVER_BUDGET]


# --- from the budget to the ticket --------------------------------------------------------------------------
@pytest.fixture
def budgeted(build_bench: Any) -> Bench:
    return build_bench(policy=POLICY)


def turns(bench: Bench) -> list[int]:
    return sorted(call.parts["pool"]["turn"] for call in bench.vendor.done if "pool" in call.parts)


def test_what_is_over_the_budget_is_held_until_a_place_is_free(budgeted: Bench) -> None:
    began = budgeted.clock()
    for ticket in "123":
        budgeted.born(ticket, priority="urgent")
        budgeted.looks(ticket)
    assert [budgeted.case(ticket).level for ticket in "123"] == [2, 2, 1]
    assert any("at most 2" in str(told["held"]) for told in budgeted.said("ticket.decided"))
    assert budgeted.case("3").held[0].until == began + timedelta(hours=1)
    budgeted.clock.now = began + timedelta(hours=1)
    budgeted.looks("3")
    assert budgeted.case("3").level == 2
    assert turns(budgeted) == [0, 1, 2]


def test_real_threads_keep_the_budget_and_take_turns(budgeted: Bench) -> None:
    for ticket in "12345678":
        budgeted.born(ticket, priority="urgent")
    at_once(*(partial(budgeted.looks, ticket) for ticket in "12345678"))
    levels = [budgeted.case(ticket).level for ticket in "12345678"]
    assert sorted(levels) == [1, 1, 1, 1, 1, 1, 2, 2]
    assert turns(budgeted) == [0, 1]
    assert budgeted.said("ticket.failed") == []


def test_real_threads_never_give_two_tickets_the_same_turn(build_bench: Any) -> None:
    bench = build_bench(policy=POLICY.partition("guards:")[0])
    for ticket in "12345678":
        bench.born(ticket, priority="urgent")
    at_once(*(partial(bench.looks, ticket) for ticket in "12345678"))
    assert turns(bench) == list(range(8))
    assert bench.said("ticket.failed") == []


DOWN = (
    POLICY.replace("assign: round_robin", "assign: least_busy")
    + """
come_down:
  - {name: calm, from: 2, when: {priority: {at_most: normal}}, for: 10m clock, go_to: 1}
"""
)


def test_a_ticket_that_comes_down_is_nobodys_new_work(build_bench: Any) -> None:
    bench = build_bench(policy=DOWN)
    bench.born(priority="urgent")
    bench.looks()
    bench.clock.advance(minutes=1)
    bench.hear({"kind": "changed", "by": "agent", "changes": [["priority", "urgent", "low"]]})
    bench.clock.now = bench.looks()
    bench.looks()
    assert bench.case().level == 1
    assert bench.store.turns(bench.post.scope) == {2: 1}
    assert bench.store.open(bench.ref(), bench.clock()).moves_lately == 0, "ten minutes ago"


def test_a_budget_that_only_warns_is_said_in_the_log(build_bench: Any) -> None:
    bench = build_bench(policy=POLICY.replace("then: hold", "then: warn").replace(", assign: round_robin", ""))
    for ticket in "123":
        bench.born(ticket, priority="urgent")
        bench.looks(ticket)
    warned = [told["warnings"] for told in bench.said("ticket.decided") if told["warnings"]]
    assert len(warned) == 1
    assert "budget 2" in str(warned[0])
    assert bench.case("3").level == 2
