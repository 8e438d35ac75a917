"""Edges that a small change of the code would cross: each of these was once noticed by no test."""

from __future__ import annotations

from typing import Any

import pytest

from policies.case import Facts
from policies.conditions import leaves

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
