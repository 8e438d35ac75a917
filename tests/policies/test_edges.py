"""Edges that a small change of the code would cross: each of these was once noticed by no test."""

from __future__ import annotations

from typing import Any

import pytest

from policies.calendars import Clock
from policies.case import Facts
from policies.conditions import leaves
from policies.echoes import promised

WAITS = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
FIRST = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
LAST = "  - {level: 3, name: Three, targets: {desk: {group: Leads}}}\n"
EVENING = 420
"""Minutes from Monday 9:00 UTC to 16:00, when the office in Berlin closes."""


def at_level_2(say: Any, level: str, born: float = 0, **more: Any) -> Any:
    """A ticket that came to level 2, of which `level` says more, half an hour after its birth."""
    told = f"  - {{level: 2, name: Two, targets: {{desk: {{group: Experts}}}}, tell: lead@acme.example, {level}}}\n"
    tested = say.desk(say.ladder(WAITS, FIRST + told + LAST), **more)
    tested.look(born, say.born(born))
    tested.look(born + 30)
    tested.written(born + 30)
    assert tested.level == 2
    return tested


# --- reminders ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("taken", "climbs"),
    [("20m clock", 30 + 40), ("20m", 30 + 20 + 16 * 60 + 20)],
    ids=["every minute counts", "the level's calendar counts"],
)
def test_what_nobody_took_climbs_on_the_clock_that_its_level_names(say: Any, taken: str, climbs: float) -> None:
    every = taken.replace("20m", "10m")
    reminders = f"if_not_taken: {{remind_every: {every}, at_most: 2, then: next_level}}"
    level = f"calendar: office, taken_within: {taken}, {reminders}"
    tested = at_level_2(say, level, born=EVENING - 50)  # it comes there twenty minutes before the office closes
    start = EVENING - 50
    assert tested.look(start + climbs - 1).case.level == 2
    assert tested.look(start + climbs).case.level == 3


@pytest.mark.parametrize(
    ("taken", "every", "limit"),
    [
        ("90s", "20s", "130s"),
        ("30m", "20m", "70m"),
        ("1h", "30m", "2h"),
        ("12h", "6h", "1d"),
        ("1h clock", "1h clock", "3h clock"),
    ],
)
def test_the_time_after_which_it_climbs_is_said_in_its_largest_unit(
    say: Any, taken: str, every: str, limit: str
) -> None:
    level = f"taken_within: {taken}, if_not_taken: {{remind_every: {every}, at_most: 2, then: next_level}}"
    rule = at_level_2(say, level).policy.rules[-1]
    assert rule.implied
    assert [str(question.value) for question in leaves(rule.when)] == ["2", limit]


def test_reminders_that_were_due_before_stepladder_acted_do_not_come_later(say: Any) -> None:
    more = "taken_within: 20m, if_not_taken: {remind_every: 30m, at_most: 4}, tell: lead@acme.example"
    first = FIRST.replace("targets:", f"{more}, targets:")
    tested = say.desk(
        say.ladder(WAITS.replace("30m", "9h"), first + LAST.replace("3", "2")), Facts(mode_since=say.at(60))
    )
    tested.look(61, say.born())  # reminders would have been due at 20 and 50 minutes
    told = [(when, notice.occasion.value) for when in (62, 79, 80, 81) for notice in tested.look(when).notices]
    assert told == [(80, "not_taken")]


def test_after_the_last_review_nothing_is_due(say: Any) -> None:
    tested = at_level_2(say, "review_every: 1h")
    dues = [tested.look(30 + 60 * number).next_look for number in range(1, 13)]
    assert dues == [say.at(30 + 60 * number) for number in range(2, 13)] + [None]


# --- the way down ------------------------------------------------------------------------------------------------
TWO_WAYS = """\
come_down:
  - {name: first, from: 2, when: WHEN 1, for: FOR 1, go_to: 1}
  - {name: second, from: 2, when: WHEN 2, for: FOR 2, go_to: 1}
"""
QUIET = ("{no_human_activity_for: 2h}", "{no_human_activity_for: 5h}")


def came_up(say: Any, more: str, target: str = "{group: Experts}", **told: Any) -> Any:
    levels = FIRST + f"  - {{level: 2, name: Two, targets: {{desk: {target}}}}}\n" + LAST
    tested = say.desk(say.ladder(WAITS, levels, more))
    tested.look(0, say.born(**told))
    tested.look(30)
    tested.written(30)
    assert tested.level == 2
    return tested


def two_ways(first: str, second: str, *lasting: str) -> str:
    text = TWO_WAYS.replace("WHEN 1", first).replace("WHEN 2", second)
    return text.replace("FOR 1", lasting[0]).replace("FOR 2", lasting[1])


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_reasons_that_time_begins_the_earlier_is_looked_at(say: Any, first: int) -> None:
    tested = came_up(say, two_ways(QUIET[first], QUIET[1 - first], "1h", "1h"))
    assert tested.look(40, say.said("c1", 40, say.eva, "Solved?", public=False)).next_look == say.at(160)


@pytest.mark.parametrize("order", [("{tags: other}", "{answered: true}"), ("{answered: true}", "{tags: other}")])
def test_one_reason_is_enough_wherever_it_stands(say: Any, order: tuple[str, str]) -> None:
    tested = came_up(say, two_ways(*order, "1h", "1h"))
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    assert tested.look(99).case.level == 2
    assert tested.look(100).case.level == 1


@pytest.mark.parametrize(
    ("act", "reason"),
    [("/hold", "held here by Eva Lang"), ("all", "paused: a look at it"), ("first", "paused: a look at it")],
)
def test_a_way_down_that_was_kept_is_taken_as_soon_as_nothing_keeps_it(say: Any, act: str, reason: str) -> None:
    tested = came_up(say, two_ways("{answered: true}", "{tags: other}", "1h", "1h"))
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    if act == "/hold":
        tested.look(41, say.said("c2", 41, say.eva, "/hold", public=False))
    tested.facts = {"all": Facts(paused="a look at it"), "first": Facts(paused_rules={"first": "a look at it"})}.get(
        act, Facts()
    )
    assert [hold.reason for hold in tested.look(100).case.held] == [reason]
    tested.look(110)
    tested.facts = Facts()
    released = [say.said("c3", 120, say.eva, "/release", public=False)] if act == "/hold" else []
    assert tested.look(120, *released).case.level == 1


def test_what_keeps_moves_apart_keeps_the_way_down_too(say: Any) -> None:
    more = "guards: {min_time_between: 3h}\n" + two_ways("{answered: true}", "{tags: other}", "1h", "1h")
    tested = came_up(say, more)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    decision = tested.look(100)
    assert [(hold.reason, hold.until) for hold in decision.case.held] == [
        ("it was moved a short time ago", say.at(30 + 180))
    ]
    assert decision.next_look == say.at(210)
    assert tested.look(210).case.level == 1


@pytest.mark.parametrize(
    ("target", "wrote", "back"),
    [
        ("{assign: least_busy, from: [mia]}", {"assignee": ("tom", "mia")}, {"assignee": "tom"}),
        ("{assignee: mia}", {"assignee": ("tom", "mia")}, {"assignee": "tom"}),
        ("{field: {team: Experts}}", {"group": ("11", "12")}, {"group": "11"}),
        ("{field: {region: emea}}", {"custom__region": ("apac", "emea")}, {"custom.region": "apac"}),
        ("{followers: [mia]}", {}, {}),
    ],
    ids=["one of a pool", "a person", "a team's field", "a field of its own", "watchers"],
)
def test_whatever_a_target_wrote_is_given_back(say: Any, target: str, wrote: dict[str, Any], back: Any) -> None:
    levels = FIRST + f"  - {{level: 2, name: Two, targets: {{desk: {target}}}}}\n" + LAST
    tested = say.desk(say.ladder(WAITS, levels, two_ways("{answered: true}", "{tags: other}", "1h", "1h")))
    tested.look(0, say.born(assignee="tom", custom={"region": "apac"}))
    tested.look(30)
    expect = {name.replace("__", "."): after for name, (_, after) in wrote.items()}
    tested.case = promised(say.settled(tested.case), tested.decision.command.operation, expect, True, say.at(30))
    if wrote:
        tested.look(30, say.changed("echo", 30, say.ours, **wrote))
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    assert dict(tested.look(100).command.restore) == back


# --- calendars ---------------------------------------------------------------------------------------------------
def test_the_open_stretches_of_a_proof_are_those_that_counted(say: Any) -> None:
    office = say.ladder(WAITS).calendars["office"]
    proof = Clock(calendar=office).proof(say.at(0), say.at(24 * 60))  # ten in Berlin until ten the next day
    assert [(part.start, part.end) for part in proof if part.counted] == [
        (say.at(0), say.at(7 * 60)),
        (say.at(23 * 60), say.at(24 * 60)),
    ]
