"""One ticket: read, decide, commit, write back, next look; and whatever fails costs time, never a ticket."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from adapter.reconcile import FORGOTTEN
from adapter.store import tables as t
from adapter.store.sql import READ_AT_ONCE
from connectors.contract import TryLater
from policies.commands import Mode
from policies.model import TicketRef

Bench = Any


@pytest.fixture(autouse=True)
def quietly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_a_ticket_is_read_decided_written_and_looked_at_again_in_time(bench: Bench) -> None:
    bench.born()
    assert bench.looks() == bench.clock() + timedelta(minutes=30)
    bench.clock.advance(minutes=30)
    bench.looks()
    assert bench.case().level == 2
    assert bench.vendor.log == ["fetch 7", "set 1", "say 2"]  # who reads the note is asked before it is written


def test_a_look_without_news_changes_nothing(bench: Bench) -> None:
    bench.born(priority="urgent")
    bench.looks()
    for _ in range(5):
        bench.looks()
    assert bench.vendor.log == ["set 1", "say 2"]


def test_a_fact_that_comes_twice_is_heard_once(bench: Bench) -> None:
    bench.born()
    for _ in range(3):
        bench.hear({"id": "same", "kind": "changed", "by": "agent", "changes": [["priority", None, "urgent"]]})
    bench.looks()
    bench.hear({"id": "same", "kind": "changed", "by": "agent", "changes": [["priority", None, "urgent"]]})
    bench.looks()
    assert bench.vendor.log == ["set 1", "say 2"]


def test_all_of_a_flood_is_read(bench: Bench) -> None:
    bench.born()
    for _ in range(READ_AT_ONCE * 2):
        bench.hear({"kind": "noted"})
    bench.hear({"kind": "changed", "by": "agent", "changes": [["priority", None, "urgent"]]})
    bench.looks()
    work = bench.store.open(bench.ref(), bench.clock())
    assert work.deliveries == ()
    assert bench.case().level == 2


@pytest.mark.parametrize("wrong", ["unreadable", "bug"])
def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_read(bench: Bench, wrong: str) -> None:
    bench.born(priority="urgent")
    row = bench.hear(wrong=wrong)
    bench.looks()
    assert bench.case().level == 2
    with bench.store.database.read() as connection:
        found = connection.execute(select(t.deliveries).where(t.deliveries.c.row == row)).one()
    assert found.problem
    assert found.body
    assert bench.store.open(bench.ref(), bench.clock()).deliveries == ()


def test_a_site_that_is_not_configured_any_more_costs_nothing(bench: Bench) -> None:
    gone = TicketRef(vendor="desk", site="former", id="1")
    bench.store.mark_due(gone, bench.clock())
    assert bench.reconciler.look(gone) == bench.clock() + FORGOTTEN
    assert bench.store.due(bench.clock(), 1) == []


def test_without_a_policy_it_waits(bench: Bench) -> None:
    with bench.store.database.write() as connection:
        connection.execute(t.policies.update().values(active=False))
    bench.born(priority="urgent")
    assert bench.look() == bench.clock() + timedelta(minutes=1)
    assert bench.store.open(bench.ref(), bench.clock()).deliveries


def test_a_bug_costs_this_ticket_time_and_loses_nothing(bench: Bench) -> None:
    bench.born(priority="urgent")
    bench.vendor.script = [ZeroDivisionError("a bug of ours")]
    assert bench.look() == bench.clock() + timedelta(seconds=30)
    assert bench.said("ticket.failed")
    assert bench.store.open(bench.ref(), bench.clock()).failures == 1
    assert bench.store.next_due(bench.clock()) == bench.clock() + timedelta(seconds=30)
    bench.clock.advance(seconds=61)
    bench.looks()
    assert len(bench.vendor.done) == 2


# --- asking the vendor --------------------------------------------------------------------------------------
def told_little(bench: Bench, ticket: str = "7", **fields: Any) -> None:
    """Something happened to a ticket of which nothing is told; the vendor knows more."""
    bench.vendor.tickets[ticket] = {
        "group": "Support", "status": "new", "priority": "urgent", "assignee": None, "level": 1, "tags": [],
        "created_at": bench.clock().isoformat(), **fields,
    }  # fmt: skip
    bench.hear({"kind": "touched", "by": "app"}, tickets=[ticket])


def test_nothing_is_asked_for_twice(bench: Bench) -> None:
    told_little(bench)
    for _ in range(3):
        bench.looks()
    assert [told["needs"] for told in bench.said("ticket.fetched")] == [["ticket"], ["conversation"]]


def test_what_cannot_be_fetched_now_is_fetched_later_and_nothing_is_lost(bench: Bench) -> None:
    told_little(bench)
    bench.vendor.fetches = [TryLater("down"), TryLater("down")]
    bench.clock.now = bench.looks()
    assert bench.store.open(bench.ref(), bench.clock()).deliveries
    bench.clock.now = bench.looks()
    bench.looks()
    assert len(bench.said("ticket.later")) == 2
    assert bench.case().ticket.knows("priority")


def test_while_a_site_rests_nothing_is_fetched(bench: Bench) -> None:
    told_little(bench, "1")
    told_little(bench, "2")
    bench.vendor.fetches = [TryLater("down", after=60)]
    bench.looks("1")
    again = bench.looks("2")
    assert bench.vendor.log == ["fetch 1"]
    assert again is not None
    assert again > bench.clock() + timedelta(seconds=60)


def test_a_ticket_that_is_gone_is_forgotten(bench: Bench) -> None:
    bench.hear({"kind": "touched"})
    assert bench.looks() is None
    assert bench.vendor.log == ["fetch 7"]
    assert bench.store.due(bench.clock(), 1) == []


def test_a_fetch_that_is_refused_shows_that_the_site_lives(bench: Bench) -> None:
    bench.post.brake.failed(TryLater("down"), bench.clock())
    bench.clock.advance(seconds=2)
    bench.hear({"kind": "touched"})
    bench.looks()
    assert bench.post.brake.wait_until(bench.clock()) is None


# --- whose ticket it is -------------------------------------------------------------------------------------
def test_outside_only_the_id_is_kept(bench: Bench) -> None:
    bench.born(group="Facilities", priority="urgent")
    assert bench.looks() is None
    assert bench.vendor.log == []
    case = bench.case()
    assert case.outside
    assert case.ticket.known == frozenset()
    assert bench.store.history(bench.ref()) == []


def test_a_ticket_that_comes_inside_is_taken_in(bench: Bench) -> None:
    bench.born(group="Facilities")
    bench.looks()
    bench.clock.advance(minutes=1)
    at = bench.clock()
    bench.vendor.tickets["7"] = whole = {**bench.vendor.tickets["7"], "group": "Support"}
    bench.hear({"kind": "changed", "by": "agent", "changes": [["group", "Facilities", "Support"]], "ticket": whole})
    bench.looks()
    assert not bench.case().outside
    bench.clock.now = at + timedelta(minutes=1)
    bench.hear({"kind": "changed", "by": "agent", "changes": [["priority", None, "urgent"]]})
    bench.looks()
    assert bench.case().level == 2


def test_somebody_who_was_faster_makes_it_decide_again(bench: Bench) -> None:
    bench.born(priority="urgent")
    commit, raced = bench.store.commit, []

    def race(thought: Any) -> Any:
        if not raced:
            raced.append(commit(replace(thought, calls=(), due_at=None, moved_to=None)))
        return commit(thought)

    bench.store.commit = race
    assert bench.look() == bench.clock(), "at once"
    assert bench.vendor.log == []


def test_who_lost_its_turn_after_writing_finds_its_writes_again(bench: Bench) -> None:
    bench.born(priority="urgent")
    commit, count = bench.store.commit, []

    def race(thought: Any) -> Any:
        count.append(thought)
        if len(count) == 2:  # the end of sending
            work = bench.store.open(bench.ref(), bench.clock())
            commit(replace(thought, revision=work.revision, calls=(), events=(), due_at=bench.clock()))
        return commit(thought)

    bench.store.commit = race
    bench.looks()
    assert bench.vendor.log == ["set 1", "say 2", "look 1", "look 2"]
    assert set(bench.calls().values()) == {"written"}


# --- how far it may go --------------------------------------------------------------------------------------
def test_observing_writes_nothing_and_remembers_what_it_would_have_done(build_bench: Any) -> None:
    bench = build_bench(mode=Mode.OBSERVE)
    bench.born(priority="urgent")
    bench.looks()
    assert bench.vendor.log == []
    assert bench.calls() == {}
    assert [told["observed"] for told in bench.said("ticket.decided")] == [True]


def test_noting_writes_the_note_only(build_bench: Any) -> None:
    bench = build_bench(mode=Mode.NOTE)
    bench.born(priority="urgent")
    bench.looks()
    assert bench.vendor.log == ["say 1"]


def old(bench: Bench, ticket: str) -> None:
    """A ticket that existed before us gets a new cause."""
    told_little(bench, ticket, priority="normal", created_at=(bench.clock() - timedelta(days=9)).isoformat())
    bench.looks(ticket)
    bench.clock.advance(seconds=5)
    bench.hear({"kind": "changed", "by": "agent", "changes": [["priority", "normal", "urgent"]]}, tickets=[ticket])
    bench.looks(ticket)


def test_tickets_that_existed_before_have_an_hourly_budget(build_bench: Any) -> None:
    bench = build_bench(adoptive=2)
    for ticket in "1234":
        old(bench, ticket)
    assert [bench.case(ticket).level for ticket in "1234"] == [2, 2, 1, 1]
    assert bench.case("3").held
    bench.clock.advance(minutes=61)
    for ticket in "34":
        bench.looks(ticket)
    assert [bench.case(ticket).level for ticket in "1234"] == [2, 2, 2, 2]


def test_a_budget_that_somebody_else_used_up_meanwhile_holds_the_move(build_bench: Any) -> None:
    bench = build_bench(adoptive=1)
    commit, raced = bench.store.commit, []

    def race(thought: Any) -> Any:
        if thought.adoptive_limit and thought.ref == bench.ref("2") and not raced:
            raced.append(thought)
            old(bench, "1")
        return commit(thought)

    bench.store.commit = race
    old(bench, "2")
    assert [bench.case(ticket).level for ticket in "12"] == [2, 1]
    assert bench.case("2").held


def test_above_a_number_of_moves_it_pauses_itself(build_bench: Any) -> None:
    bench = build_bench(moves=2)
    for ticket in "1234":
        bench.born(ticket, priority="urgent")
        bench.looks(ticket)
    assert len(bench.vendor.done) == 4, "two moves of two calls"
    assert len(bench.said("brake.alarm")) == 1
    assert "escalations in 10 minutes" in bench.store.switches()["site:desk/acme"]
    bench.clock.advance(hours=1)
    bench.looks("3")
    assert len(bench.vendor.done) == 4, "time alone does not end it"
    bench.store.resume("site:desk/acme", bench.clock())
    for ticket in "34":
        bench.looks(ticket)
    assert len(bench.vendor.done) == 8


def test_what_was_paused_is_decided_anew(bench: Bench) -> None:
    bench.store.pause("rule:urgent", "too eager", bench.clock())
    bench.born(priority="urgent")
    bench.looks()
    assert bench.case().level == 1
    bench.clock.advance(seconds=5)
    bench.hear({"kind": "changed", "by": "agent", "changes": [["priority", "urgent", "low"]]})
    bench.store.resume("rule:urgent", bench.clock())
    bench.looks()
    assert bench.vendor.log == []


# --- the log ------------------------------------------------------------------------------------------------
def test_every_look_is_written_down_with_all_it_was_decided_from(bench: Bench) -> None:
    bench.born(priority="urgent")
    bench.looks()
    with bench.store.database.read() as connection:
        first = connection.execute(select(t.looks).order_by(t.looks.c.row)).first()
    assert first is not None
    assert first.policy == bench.store.active_policy()
    assert b'"program":"test"' in first.facts
    assert b"urgent" in first.decision
    assert first.events == b'["e1.0"]'


def test_a_move_that_is_held_is_news_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stepladder")
    bench.store.pause("rule:urgent", "too eager", bench.clock())
    bench.born(priority="urgent")
    bench.looks()
    bench.hear({"kind": "noted"})
    bench.looks()
    assert [told["held"] for told in bench.said("ticket.decided")] == [["urgent: paused: too eager"], []]
    assert [record.getMessage().split()[0] for record in caplog.records].count("ticket.decided") == 1


def test_what_is_looked_at_stays_with_the_policy_it_was_escalated_under(bench: Bench) -> None:
    bench.born(priority="urgent")
    bench.looks()
    before = bench.store.active_policy()
    bench.store.activate(
        "another", "Other", bench.store.policy_text(before).replace("Scripted", "Other"), bench.clock()
    )
    bench.looks()
    with bench.store.database.read() as connection:
        policies = list(connection.execute(select(t.looks.c.policy).order_by(t.looks.c.row)).scalars())
    assert set(policies) == {before}


# --- clocks -------------------------------------------------------------------------------------------------
def test_a_mode_set_by_a_clock_that_was_ahead_does_not_make_everything_old(bench: Bench) -> None:
    bench.store.set_mode(bench.post.scope, Mode.OBSERVE, bench.clock())
    bench.store.set_mode(bench.post.scope, Mode.ACT, bench.clock() + timedelta(days=1))
    bench.born(priority="urgent")
    bench.looks()
    assert bench.case().newborn
    assert bench.case().level == 2


def test_a_restart_mends_such_a_mode(bench: Bench) -> None:
    bench.store.set_mode(bench.post.scope, Mode.OBSERVE, bench.clock())
    bench.store.set_mode(bench.post.scope, Mode.ACT, bench.clock() + timedelta(days=1))
    bench.store.set_mode(bench.post.scope, Mode.ACT, bench.clock())
    assert bench.store.open(bench.ref(), bench.clock()).mode_since == bench.clock()
