"""Reminders to take a ticket and to review it: capped, to people, never a storm; then the next level."""

from __future__ import annotations

from typing import Any

from policies.case import Facts
from policies.commands import Mode
from policies.reminders import pausable

RULES = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
LEVELS = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - level: 2
    name: Two
    role: Knows it all.
    targets: {desk: {group: Experts}}
    expected_resolution: 4h
    taken_within: 20m
    if_not_taken: {remind_every: 10m, at_most: 3, then: THEN}
    tell: [lead@acme.example, {on_call: Duty, else: duty@acme.example}]
  - {level: 3, name: Three, targets: {desk: {group: Leads}}}
"""
REVIEWED = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, review_every: 1h, tell: lead@acme.example}
"""


def escalated(say: Any, levels: str = LEVELS, then: str = "next_level", **told: Any) -> Any:
    tested = say.desk(say.ladder(RULES, levels.replace("THEN", then)))
    tested.look(0, say.born(**told))
    tested.look(30)
    tested.written(30)
    return tested


def reminders(tested: Any, *times: float) -> list[tuple[float, str]]:
    """At which of these times somebody was told, and why."""
    found = []
    for time in times:
        found += [(time, notice.occasion.value) for notice in tested.look(time).notices]
    return found


def test_people_are_reminded_at_the_promised_times_and_then_it_climbs(say: Any) -> None:
    tested = escalated(say)
    assert tested.decision.next_look == say.at(50)
    assert reminders(tested, 49, 50, 59, 60, 69, 70) == [(50, "not_taken"), (60, "not_taken"), (70, "not_taken")]
    assert tested.decision.next_look == say.at(80)
    decision = tested.look(80)
    assert tested.level == 3
    assert decision.fired[0] == "not taken at level 2"
    assert decision.why == "not taken at level 2: level 2; not taken for 50 min (limit 50m)"


def test_with_stay_the_last_reminder_is_the_last(say: Any) -> None:
    tested = escalated(say, then="stay")
    assert len(reminders(tested, *range(40, 400, 10))) == 3
    assert tested.level == 2


def test_a_day_of_silence_gives_one_reminder_not_all_that_were_missed(say: Any) -> None:
    tested = escalated(say, then="stay")
    assert reminders(tested, 1000, 1001) == [(1000, "not_taken")]


def test_who_has_taken_it_is_not_reminded(say: Any) -> None:
    tested = escalated(say)
    tested.look(40, say.said("c1", 40, say.eva, "/ack", public=False))
    assert reminders(tested, *range(40, 400, 10)) == []
    assert tested.level == 2


def test_the_time_in_which_the_customer_owes_an_answer_does_not_count(say: Any) -> None:
    tested = escalated(say)
    tested.look(35, say.changed("s1", 35, say.bot, status=("open", "pending")))
    tested.look(95, say.changed("s2", 95, say.bot, status=("pending", "open")))
    assert reminders(tested, 109, 110) == [(110, "not_taken")]


def test_while_it_is_snoozed_nobody_is_reminded(say: Any) -> None:
    tested = escalated(say, assignee="eva")  # who had it before does not take it by a comment
    tested.look(40, say.said("c1", 40, say.eva, "/snooze 35m", public=False))
    assert tested.decision.next_look == say.at(75)
    assert reminders(tested, *range(45, 76, 5)) == [(75, "not_taken")]


def test_a_reminder_names_the_issue_the_level_and_the_expected_resolution_time(say: Any) -> None:
    tested = escalated(say)
    [notice] = tested.look(50).notices
    assert [str(who) for who in notice.to] == ["lead@acme.example", "Duty (on call)"]
    assert notice.subject == "#1: level 2 · Two: reminder 1 of 3: please take it"
    lines = dict(line.split(": ", 1) for line in notice.note.text.splitlines() if ": " in line)
    assert lines["Issue"] == "#1 “It does not work”"
    assert lines["Level"] == "2 · Two (Knows it all.)"
    assert lines["Expected resolution"] == "by Mon 01 Mar 13:30 UTC"
    assert lines["Why"] == "nobody has taken it for 20 min."


def test_every_message_has_an_identity_of_its_own_and_keeps_it(say: Any) -> None:
    one, two = escalated(say), escalated(say)
    first = [notice.operation for time in (50, 60, 70) for notice in one.look(time).notices]
    second = [notice.operation for time in (50, 60, 70) for notice in two.look(time).notices]
    assert first == second
    assert len(set(first)) == 3


def test_in_observe_mode_nobody_is_told_anything(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, LEVELS.replace("THEN", "next_level")), Facts(mode=Mode.OBSERVE))
    tested.look(0, say.born())
    tested.look(30)
    assert reminders(tested, *range(31, 200, 5)) == []


def test_before_stepladder_looked_no_reminder_was_missed(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, LEVELS.replace("THEN", "stay")))
    tested.look(500, say.event("f", 500, ticket=say.full(say.at(0), group="12", level=2)))
    assert tested.level == 2
    assert reminders(tested, 501, 519, 520) == [(520, "not_taken")]


# --- reviews --------------------------------------------------------------------------------------------------
def test_a_review_is_asked_for_whenever_nobody_did_anything_for_so_long(say: Any) -> None:
    tested = escalated(say, REVIEWED)
    assert tested.decision.next_look == say.at(90)
    assert reminders(tested, 89, 90) == [(90, "review")]
    tested.look(100, say.said("c1", 100, say.eva, "Looking", public=False))
    assert reminders(tested, 150, 160, 219, 220) == [(160, "review"), (220, "review")]


def test_reviews_end_when_nobody_reacts_to_any_of_them(say: Any) -> None:
    tested = escalated(say, REVIEWED)
    assert len(reminders(tested, *range(60, 6000, 60))) == 12
    assert tested.decision.next_look is None


def test_a_solved_ticket_is_not_reviewed(say: Any) -> None:
    tested = escalated(say, REVIEWED)
    tested.look(40, say.changed("s", 40, say.eva, status=("open", "solved")))
    assert reminders(tested, 100, 200) == []


def test_reminders_and_reviews_can_be_paused_by_the_names_they_go_by(say: Any) -> None:
    more = "come_down: [{name: gone, from: 2, when: {answered: true}, for: 1h, go_to: 1}]"
    levels = LEVELS.replace("THEN", "stay").replace("    tell:", "    review_every: 1h\n    tell:")
    policy = say.ladder(RULES, levels, more)
    assert pausable(policy) == ["waits", "gone", "not taken at level 2", "review at level 2"]
    assert pausable(say.ladder(RULES, LEVELS.replace("THEN", "next_level"))) == ["waits", "not taken at level 2"]
