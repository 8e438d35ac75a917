"""What an activation, a mode or a resumption recalls: few at a time, to the last, and without a delivery refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from adapter.recall import BREATH, GLANCE, Recall
from adapter.store import tables as t
from adapter.store.codec import stamp
from adapter.store.recalling import STEP
from adapter.store.sql import SqlStore
from policies.commands import Mode

Bench = Any
MANY = 1000


@pytest.fixture
def full(bench: Bench) -> Bench:
    """So many open tickets that several steps are needed, and as many that have ended, of two sites."""
    row = {"due_at": None, "marks": 0, "revision": 1, "held": True, "outside": False}
    rows = [
        {**row, "ref": f"desk/{site}/{number}", "ended": ended}
        for (site, ended), number in itertools.product(
            [("acme", False), ("gone", True), ("other", False)], range(MANY // 2)
        )
    ]
    with bench.store.database.write() as connection:
        connection.execute(insert(t.tickets), rows)
    return bench


def due(bench: Bench) -> list[str]:
    """Look at all that is due; return which tickets that was."""
    is_due = t.tickets.c.due_at <= stamp(bench.clock())
    with bench.store.database.write() as connection:
        refs = connection.execute(select(t.tickets.c.ref).where(is_due)).scalars().all()
        connection.execute(update(t.tickets).where(is_due).values(due_at=None))
    return list(refs)


def activates(bench: Bench) -> None:
    bench.store.activate("another", "Another", bench.store.policy_text(bench.store.active_policy()), bench.clock())


def changes_modes(bench: Bench) -> None:
    for site in ("desk/acme", "desk/gone", "desk/other"):
        bench.store.set_mode(site, Mode.OBSERVE, bench.clock())
        bench.store.set_mode(site, Mode.ACT, bench.clock())


def resumes(bench: Bench) -> None:
    bench.store.resume("all", bench.clock())


@pytest.mark.parametrize(
    ("change", "count"),
    [(activates, MANY), (changes_modes, MANY), (resumes, MANY * 3 // 2)],
    ids=["a policy", "a mode", "a resume"],
)
def test_few_are_due_at_a_time_each_once_and_what_has_ended_only_if_it_was_held(
    full: Bench, change: Callable[[Bench], None], count: int
) -> None:
    change(full)
    errand, seen = Recall(full.store, full.clock), list[str]()
    while True:
        found = due(full)
        assert len(found) < 3 * STEP
        seen += found
        full.clock.advance(seconds=1)
        if errand.run() == full.clock() + GLANCE:
            break
    assert len(seen) == len(set(seen)) == count
    assert full.store.waiting(full.clock(), 1) == 0, "what we ourselves made due refuses no delivery"


def test_no_more_are_recalled_while_many_wait(full: Bench) -> None:
    activates(full)
    errand = Recall(full.store, full.clock)
    for _ in range(5):
        assert errand.run() == full.clock() + BREATH
    assert len(due(full)) == STEP
    errand.run()
    assert len(due(full)) == STEP


def test_whoever_comes_next_goes_on_and_a_later_change_begins_anew(full: Bench) -> None:
    activates(full)
    first = due(full)
    again = SqlStore(full.store.database)
    assert again.recall(full.clock())
    assert not set(due(full)) & set(first)
    full.store.activate("a third", "Third", "text", full.clock())
    assert set(due(full)) == set(first), "they were looked at by the policy before"
    for _ in range(MANY // STEP):
        assert again.recall(full.clock())
    assert len(due(full)) == MANY - STEP
    assert not again.recall(full.clock())


def test_a_ticket_that_is_solved_is_not_recalled_and_a_reopened_one_is(bench: Bench) -> None:
    bench.born("1")
    bench.born("2", status="solved")
    for ticket in ("1", "2"):
        bench.look(ticket)
    activates(bench)
    assert bench.store.due(bench.clock(), 10) == [bench.ref("1")]
    bench.hear({"kind": "changed", "changes": [["status", "solved", "open"]]}, tickets=["2"])
    bench.look("2")
    bench.store.activate("a third", "Third", "text", bench.clock())
    assert set(bench.store.due(bench.clock(), 10)) == {bench.ref("1"), bench.ref("2")}
