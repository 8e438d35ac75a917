"""Which moves an undo means, to which level, what it leaves alone and why; and that an order waits for open writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapter.gaps import Order, Why
from adapter.shelf import Shelf
from adapter.undoing import Undo, Undoing
from connectors.contract import TryLater
from policies.commands import Mode

HOUR = timedelta(hours=1)


def found(bench: Any, rule: str | None = None, mode: Mode = Mode.ACT) -> Undo | None:
    """Return what an undo of the last hour would do with ticket 7."""
    undoing = Undoing(bench.store, Shelf(bench.store.policy_text), bench.finder, bench.clock())
    return undoing.found(bench.ref(), mode, bench.clock() - HOUR, rule)


def order(bench: Any, level: int = 1, key: str = "k") -> int:
    at = bench.clock()
    one = Order(key=key, ref=bench.ref(), at=at, level=level, said_by="ada", why="a mistake")
    return int(bench.store.order([one]))


@pytest.fixture
def climbed(build_bench: Any, clock: Any) -> Any:
    """A bench whose ticket 7 went to level 2 by one rule, and to level 3 by another."""
    bench = build_bench()
    bench.born(priority="urgent")
    bench.looks()
    clock.advance(minutes=1)
    bench.hear({"kind": "commented", "by": "agent", "says": "/escalate to level 3", "public": False})
    bench.looks()
    clock.advance(minutes=1)
    assert bench.case().level == 3
    return bench


@pytest.mark.parametrize(
    ("rule", "level", "rules"),
    [(None, 1, ("urgent", "asked")), ("asked", 2, ("asked",))],
    ids=["all moves that follow each other", "only the last, which was this rule's"],
)
def test_it_goes_back_to_before(rule: str | None, level: int, rules: tuple[str, ...], climbed: Any) -> None:
    undo = found(climbed, rule)
    assert undo is not None
    assert (undo.level, undo.rules, undo.refused) == (level, rules, None)
    assert f"level 3 → {level}" in undo.restores
    assert "those who follow or watch it go on doing so" in undo.stays
    order(climbed, level)
    climbed.looks()
    assert climbed.case().level == level


def test_a_rule_whose_move_another_has_gone_on_from_is_left_alone(climbed: Any) -> None:
    undo = found(climbed, "urgent")
    assert undo is not None
    assert undo.refused == "the rule 'asked' has moved it on since"
    assert found(climbed, "unanswered") is None


def test_what_is_solved_or_only_observed_is_left_alone(climbed: Any) -> None:
    observed = found(climbed, mode=Mode.OBSERVE)
    assert observed is not None
    assert observed.refused == "its site is only observed, so nothing is written"
    climbed.hear({"kind": "changed", "by": "agent", "changes": [["status", "new", "solved"]]})
    climbed.looks()
    solved = found(climbed)
    assert solved is not None
    assert solved.refused == "it is solved"
    order(climbed)
    climbed.looks()
    assert climbed.case().level == 3


def let_go(bench: Any, moment: Any) -> None:
    """Let the looks before a moment go, as the purge does after `[retention] looks`."""
    bench.hear({"kind": "commented", "by": "agent", "says": "on it", "public": False})
    bench.looks()
    assert bench.store.purge_looks(0, moment).gone["looks"]


def test_a_move_whose_look_was_let_go_is_told_and_stays(climbed: Any) -> None:
    since, both = climbed.clock() - HOUR, climbed.store.moves(climbed.ref(), climbed.clock() - HOUR)
    undoing = Undoing(
        climbed.store, Shelf(climbed.store.policy_text), climbed.finder, climbed.clock(), timedelta(days=30)
    )
    assert len(both) == 2
    let_go(climbed, both[0])
    later = undoing.found(climbed.ref(), Mode.ACT, since, None)
    assert later is not None
    assert (later.level, later.rules, later.refused) == (2, ("asked",), None)
    assert f"its move of {both[1]:%Y-%m-%d %H:%M} stays, because the look was let go after 30 days" in later.stays
    for rule in (None, "urgent"):
        let_go(climbed, both[0] + timedelta(microseconds=1)) if rule is None else None
        gone = undoing.found(climbed.ref(), Mode.ACT, since, rule)
        assert gone is not None
        assert gone.refused == (
            f"of its move of {both[1]:%Y-%m-%d %H:%M} and {both[0]:%Y-%m-%d %H:%M} the look was let go after 30 days"
        )
        assert gone.rules == ()


def test_an_order_counts_once_and_waits_until_the_last_move_is_written(build_bench: Any, clock: Any) -> None:
    bench = build_bench()
    bench.vendor.script = [TryLater("busy", after=200)]
    bench.born(priority="urgent")
    bench.looks()
    assert bench.calls() == {"set 1": "planned", "say 2": "planned"}
    assert (order(bench), order(bench)) == (1, 0)
    assert bench.looks() == clock() + timedelta(minutes=1)
    assert bench.case().level == 2
    clock.advance(seconds=300)
    bench.looks()  # what was open goes out
    clock.advance(minutes=1)
    bench.looks()
    assert set(bench.calls().values()) == {"written"}
    assert (bench.case().level, bench.vendor.tickets["7"]["level"]) == (1, 1)
    assert not [gap for gap in bench.store.open(bench.ref(), clock()).gaps if gap.why is Why.ORDERED]
    bench.looks()
    assert bench.case().level == 1  # the same cause does not move it again
    clock.advance(hours=1)
    bench.looks()
    assert bench.case().level == 2  # nobody answered for half an hour: another cause
