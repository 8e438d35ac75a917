"""Moves where several things meet: jumps and ways down, hands in between, rules on trial, guards that wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policies.case import Facts
from policies.commands import Mode
from policies.holds import MOST_MOVES_A_DAY

WAITS = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
OUTAGE = "\n  - {name: outage, when: {tags: outage}, go_to: 3}"
STEPS = "  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}"
DOWN = "come_down:\n  - {name: answered, from: 2, when: {answered: true}, for: 1h, go_to: 1}\n"
ONE = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
TWO = "  - {level: 2, name: Two, targets: {desk: {group: Experts}}}\n"
THREE = "  - {level: 3, name: Three, path: hierarchical, targets: {desk: {group: Leads}}}\n"
WATCHES = "  - {level: 3, name: Three, take: oversight, priority: {set: urgent}, targets: {desk: {followers: [x]}}}\n"


def more_of(level: str, more: str) -> str:
    """A level that says more."""
    return level.replace("}}}\n", f"}}}}, {more}}}\n")


def desk(say: Any, rules: str = WAITS, levels: str = ONE + TWO, more: str = "") -> Any:
    return say.desk(say.ladder(rules, levels, more))


def asks(say: Any, tested: Any, when: float, level: int) -> None:
    """Tom asks for a level, and what follows is written."""
    tested.look(when, say.said(f"ask{when}", when, say.tom, f"/escalate {level}", public=False))
    tested.written(when)


def answered(say: Any, rules: str = WAITS, levels: str = ONE + TWO, more: str = DOWN) -> Any:
    """A ticket that climbed at 30 minutes and was answered at 40."""
    tested = desk(say, rules, levels, more)
    tested.look(0, say.born())
    tested.look(30)
    tested.written(30)
    tested.look(40, say.said("reply", 40, say.eva, "Solved?"))
    return tested


# --- ways down ------------------------------------------------------------------------------------------------
def test_from_a_jump_it_comes_down_step_by_step(say: Any) -> None:
    more = DOWN + "  - {name: calm, from: 3, when: {answered: true}, for: 1h, go_to: 2}\n"
    tested = answered(say, WAITS.replace("go_to: 2", "go_to: 3"), ONE + TWO + THREE, more)
    assert tested.look(100).command.level == 2
    tested.written(100)
    assert tested.look(101).next_look == say.at(160)
    command = tested.look(160).command
    assert (command.level, command.restore) == (1, {"group": "11"})


def test_down_two_levels_at_once_gives_back_what_was_before_the_first(say: Any) -> None:
    more = "come_down: [{name: calm, from: 3, when: {answered: true}, for: 1h, go_to: 1}]"
    tested = desk(say, STEPS, ONE + TWO + WATCHES, more)
    tested.look(0, say.born(priority="low"))
    asks(say, tested, 1, 2)
    asks(say, tested, 2, 3)
    assert tested.case.ticket.priority.word == "urgent"
    tested.look(3, say.said("reply", 3, say.eva, "Solved?"))
    command = tested.look(63).command
    assert (command.level, command.priority.word, command.restore) == (1, "low", {"group": "11"})


def test_an_answer_that_was_asked_again_between_two_looks_begins_anew(say: Any) -> None:
    tested = answered(say)
    tested.look(95, say.said("no", 90, say.ana, "No"), say.said("now", 91, say.eva, "Now?"))
    assert tested.look(100).case.level == 2
    assert tested.look(155).case.level == 1


def test_the_least_time_between_moves_counts_on_the_way_down_too(say: Any) -> None:
    tested = answered(say, more=DOWN + "guards: {min_time_between: 3h}")
    decision = tested.look(100)
    assert (tested.level, decision.next_look) == (2, say.at(210))
    assert tested.look(210).case.level == 1


@pytest.mark.parametrize(("order", "level"), [("/hold", 2), ("/snooze 5h", 1)])
def test_a_hold_keeps_a_ticket_up_and_a_snooze_does_not(say: Any, order: str, level: int) -> None:
    tested = answered(say)
    tested.look(50, say.said("order", 50, say.eva, order, public=False))
    assert tested.look(100).case.level == level


def test_what_waits_for_somebodys_word_does_not_keep_a_ticket_up(say: Any) -> None:
    levels = ONE + TWO + more_of(THREE, "needs_confirmation: [escalation_manager]")
    tested = answered(say, WAITS + OUTAGE, levels)
    tested.look(50, say.changed("tag", 50, tag=(None, "outage")))
    assert [(hold.level, hold.until) for hold in tested.case.held] == [(3, None)]
    assert tested.look(100).case.level == 1


def test_what_will_come_in_its_time_keeps_a_ticket_up(say: Any) -> None:
    more = DOWN + "guards: {evidence: {for: hierarchical, need: [steps_tried], at_most: 2h}}"
    tested = answered(say, WAITS + OUTAGE, ONE + TWO + THREE, more)
    tested.look(50, say.changed("tag", 50, tag=(None, "outage")))
    assert tested.look(100).case.level == 2
    assert tested.look(170).case.level == 3


def test_a_paused_rule_that_leads_higher_does_not_keep_a_ticket_up(say: Any) -> None:
    tested = answered(say, WAITS + OUTAGE, ONE + TWO + THREE)
    tested.facts = Facts(paused_rules={"outage": "a look at it"})
    tested.look(50, say.changed("tag", 50, tag=(None, "outage")))
    assert tested.look(100).case.level == 1


def test_who_never_heard_of_a_level_that_was_jumped_over_is_not_told_that_it_is_over(say: Any) -> None:
    levels = ONE + more_of(TWO, "tell: two@acme.example") + more_of(THREE, "tell: three@acme.example")
    more = "come_down: [{name: calm, from: 3, when: {answered: true}, for: 1h, go_to: 1}]"
    tested = answered(say, WAITS.replace("go_to: 2", "go_to: 3"), levels, more)
    [notice] = tested.look(100).notices
    assert [str(who) for who in notice.to] == ["three@acme.example"]


def test_nobody_is_reminded_to_take_a_ticket_that_came_back_to_whoever_has_it(say: Any) -> None:
    reminding = "taken_within: 30m, if_not_taken: {remind_every: 15m, at_most: 2}, tell: lead@acme.example"
    more = "come_down: [{name: calm, from: 3, when: {answered: true}, for: 1h, go_to: 2}]"
    tested = desk(say, STEPS, ONE + more_of(TWO, reminding) + WATCHES, more)
    tested.look(0, say.born())
    asks(say, tested, 1, 2)
    tested.look(5, say.changed("take", 5, say.eva, assignee=(None, "eva")))
    asks(say, tested, 6, 3)
    tested.look(7, say.said("reply", 7, say.eva, "Solved?"))
    assert tested.look(67).case.level == 2
    tested.written(67)
    assert [notice for when in range(70, 200, 10) for notice in tested.look(when).notices] == []


def test_a_rule_that_fires_again_may_bring_back_what_came_down(say: Any) -> None:
    rule = "  - {name: vip, when: {tags: vip}, go_to: 2, again: after 3h}"
    tested = desk(say, rule, more=DOWN)
    tested.look(0, say.born())
    tested.look(1, say.changed("tag", 1, tag=(None, "vip")))
    tested.written(1)
    tested.look(2, say.said("reply", 2, say.eva, "Solved?"))
    assert tested.look(62).case.level == 1
    tested.written(62)
    assert tested.look(63).next_look == say.at(181)
    assert tested.look(181).case.level == 2


# --- round and round --------------------------------------------------------------------------------------------
def swings(say: Any, tested: Any, times: int, since: int = 10) -> None:
    """The ticket is called hot and calm in turn, and goes up and down by it as long as it is moved at all."""
    for number in range(times):
        when, (before, after) = since + 5 * number, (("hot", "calm") if tested.level == 3 else ("calm", "hot"))
        tested.look(when, say.changed(f"out{when}", when, tag=(before, None)))
        tested.look(when + 1, say.changed(f"in{when}", when + 1, tag=(None, after)))
        decision = tested.decision if tested.decision.command is not None else tested.look(when + 2)
        if decision.command is not None:
            tested.written(when + 2)


@pytest.mark.parametrize(("first", "times", "level"), [("hand", 12, 2), ("rule", 11, 3)], ids=["up", "down"])
def test_twelve_moves_a_day_are_the_most_up_and_down(say: Any, first: str, times: int, level: int) -> None:
    rules = STEPS + "\n  - {name: hot, when: {tags: hot}, go_to: 3}"
    more = "come_down: [{name: calm, from: 3, when: {tags: calm}, for: 1m, go_to: 2}]"
    tested = desk(say, rules, ONE + TWO + THREE, more)
    tested.look(0, say.born())
    if first == "hand":
        tested.look(1, say.changed("move", 1, say.eva, group=("11", "12")))
    else:
        asks(say, tested, 1, 2)
    swings(say, tested, times)
    assert (tested.level, tested.case.moves) == (level, MOST_MOVES_A_DAY)
    first_moved = tested.case.moved_at[0]
    swings(say, tested, 1, since=200)
    [hold] = tested.case.held
    assert hold.until == tested.decision.next_look == first_moved + timedelta(days=1)
    assert tested.look(hold.until).case.level == 5 - level


# --- guards that time ends --------------------------------------------------------------------------------------
LATER = "\n  - {name: later, when: {unanswered_for: 1h}, go_to: 3}"
CLOSED = "out_of_hours: {hold_until: office, unless: {unanswered_for: 2h}}"


@pytest.mark.parametrize(
    ("levels", "more", "begin", "turns", "level"),
    [
        (ONE + TWO, "guards: {never: {not: {unresolved_for: 2h}}}", 0, 120, 2),
        (ONE + more_of(TWO, CLOSED), "", 600, 720, 2),
        (ONE + TWO + THREE, "guards: {min_time_between: 10h, never_hold: {unresolved_for: 2h}}", 0, 120, 3),
    ],
    ids=["never", "unless", "never_hold"],
)
def test_a_guard_whose_condition_waits_for_a_time_is_looked_at_then(
    say: Any, levels: str, more: str, begin: int, turns: int, level: int
) -> None:
    tested = desk(say, WAITS + (LATER if level == 3 else ""), levels, more)
    tested.look(begin, say.born(begin))
    tested.look(begin + 30)
    if level == 3:
        tested.written(begin + 30)
        tested.look(begin + 60)
    assert [hold.level for hold in tested.case.held] == [level]
    assert tested.decision.next_look == say.at(turns)
    assert tested.look(turns).case.level == level


def test_a_move_that_is_no_longer_wanted_after_a_time_is_looked_at_then(say: Any) -> None:
    levels = ONE + more_of(TWO, "needs_confirmation: escalation_manager")
    tested = desk(say, WAITS.replace("30m}", "30m, not: {no_human_activity_for: 1h}}"), levels)
    tested.look(0, say.born())
    assert tested.look(30).next_look == say.at(60)
    assert tested.look(60).case.held == ()


def test_evidence_is_not_waited_for_anew_when_another_hold_came_in_between(say: Any) -> None:
    more = "guards: {never: {status: pending}, evidence: {for: functional, need: [steps_tried], at_most: 1h clock}}"
    tested = desk(say, "  - {name: vip, when: {tags: vip}, go_to: 2}", more=more)
    tested.look(0, say.born())
    tested.look(1, say.changed("tag", 1, tag=(None, "vip")))
    tested.look(50, say.changed("pend", 50, status=("new", "pending")))
    tested.look(55, say.changed("open", 55, status=("pending", "open")))
    assert tested.level == 1
    assert tested.look(61).case.level == 2


def test_what_is_held_for_one_rule_is_forgotten_when_another_moves_it_there(say: Any) -> None:
    rules = WAITS.replace("2}", "2, wait_if: {human_active_within: 10m, at_most: 60m}}")
    tested = desk(say, rules + "\n  - {name: open, when: {unresolved_for: 30m}, go_to: 2}")
    tested.look(0, say.born())
    tested.look(25, say.said("note", 25, say.tom, "hm", public=False))
    assert tested.look(30).command.level == 2
    assert tested.case.held == ()


# --- hands in between -------------------------------------------------------------------------------------------
def test_a_move_that_was_never_written_does_not_count_for_the_guards(say: Any) -> None:
    tested = desk(say, WAITS + "\n" + STEPS, more="guards: {min_time_between: 3h}")
    tested.look(0, say.born())
    assert tested.look(30).case.level == 2
    decision = tested.look(31, say.changed("move", 31, say.eva, group=("11", "19")))
    assert (tested.level, list(decision.given_up.values())) == (1, ["withdrawn"])
    tested.look(40, say.said("ask", 40, say.tom, "/escalate 2", public=False))
    assert tested.level == 2


def test_a_change_of_mode_gives_up_what_was_not_written_yet(say: Any) -> None:
    tested = desk(say)
    tested.look(0, say.born())
    tested.look(30)
    tested.facts = Facts(mode=Mode.OBSERVE, mode_since=say.at(40))
    decision = tested.look(40)
    assert (tested.level, tested.case.pending, list(decision.given_up.values())) == (1, (), ["withdrawn"])


@pytest.mark.parametrize(("level", "by_hand"), [(1, False), (2, True)], ids=["the first level", "by hand"])
def test_a_level_gives_its_own_promise_however_a_ticket_came_to_it(say: Any, level: int, by_hand: bool) -> None:
    levels = [ONE, TWO, THREE]
    levels[level - 1] = more_of(levels[level - 1], "expected_resolution: 1h")
    tested = desk(say, "  - {name: late, when: {after_promise: 1m}, go_to: 3}", "".join(levels))
    tested.vendor = say.full(due_at=None)
    tested.look(0, say.born(due_at=None))
    if by_hand:
        tested.look(5, say.changed("move", 5, say.eva, group=("11", "12")))
    assert tested.level == level
    assert tested.look(70).case.level == 3
