"""A ticket in somebody's hands: waiting for them, whose words are whose, and what our own move may not lose."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from policies.case import Facts
from policies.commands import Mode
from policies.levels import Place
from policies.model import Actor, Kind, Named, Role

WAITS = "when: {unresolved_for: 30m}, go_to: 2, wait_if: {human_active_within: 10m, at_most: 15m}"


# --- wait_if ------------------------------------------------------------------------------------------------
def test_a_ticket_is_not_pulled_out_of_busy_hands(say: Any) -> None:
    desk = say.desk(say.policy(WAITS))
    desk.look(0, say.born())
    desk.look(25, say.said("a", 25, say.tom, "I am on it", False))
    held = desk.look(30)
    assert (desk.level, held.next_look) == (1, say.at(35))
    assert "somebody worked on it 5 min ago" in held.why
    desk.look(35)
    assert desk.level == 2


def test_nobody_is_waited_for_longer_than_at_most(say: Any) -> None:
    desk = say.desk(say.policy(WAITS))
    desk.look(0, say.born())
    desk.look(28, say.said("a", 28, say.tom, "I am on it", False))
    desk.look(30)
    for number, minute in enumerate((36, 42)):
        held = desk.look(minute, say.said(f"b{number}", minute, say.tom, "Still on it", False))
    assert (desk.level, held.next_look) == (1, say.at(45))
    desk.look(45)
    assert desk.level == 2


def test_idle_hands_are_not_waited_for(say: Any) -> None:
    desk = say.desk(say.policy(WAITS))
    desk.look(0, say.born())
    desk.look(15, say.said("a", 15, say.tom, "I was on it", False))
    desk.look(30)
    assert desk.level == 2


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("wait_if: {human_active_within: 10m}", "at_most"),
        ("wait_if: {human_active_within: 10, at_most: 10m}", "a unit is missing"),
        ("wait_if: {activ_within: 10m, at_most: 10m}", "activ_within"),
    ],
)
def test_a_wait_that_makes_no_sense_is_an_error(say: Any, line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        say.policy(f"when: {{unresolved_for: 30m}}, go_to: 2, {line}")


# --- who speaks ---------------------------------------------------------------------------------------------
def test_an_employee_who_asks_for_help_is_the_requester(say: Any) -> None:
    desk = say.desk(say.policy("when: {unanswered_for: 30m}, go_to: 2"))
    desk.look(0, say.born(requester=Named(id="eva", name="Eva Lang")))
    desk.look(10, say.said("a", 10, say.eva, "Any news?"))
    desk.look(30)
    assert desk.level == 2


def test_the_requesters_name_is_known_from_their_own_words_and_stays(say: Any) -> None:
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"))
    desk.look(0, say.born(requester=Named(id="ana")))
    desk.look(5, say.said("a", 5, Actor(id="ana", role=Role.REQUESTER, name="Ana Ruiz"), "Hello?"))
    picture = say.full(say.at(6), requester=Named(id="ana"), priority="urgent")
    decision = desk.look(6, say.changed("p", 6, say.tom, picture, priority=(None, "urgent")))
    assert "Customer: Ana Ruiz" in decision.command.note.text


def test_a_touch_makes_the_messages_unknown_only_where_a_rule_asks_for_them(say: Any) -> None:
    for rule, wanted in (
        ("when: {unanswered_for: 30m}, go_to: 2", True),
        ("when: {priority: urgent}, go_to: 2", False),
    ):
        desk = say.desk(say.policy(rule))
        desk.vendor = say.full(say.at(5))
        desk.look(0, say.born())
        desk.look(5, say.event("t", 5, Kind.TOUCHED))
        assert desk.asked[0] == {"ticket", *({"conversation"} if wanted else ())}


# --- status is a circumstance -------------------------------------------------------------------------------
def test_a_ticket_passing_through_its_statuses_is_no_new_cause(say: Any) -> None:
    desk = say.desk(say.policy("when: {status: [new, open], unresolved_for: 1h}, go_to: 2"))
    desk.look(0, say.born())
    desk.look(60)
    desk.written(60)
    desk.look(70, say.changed("back", 70, say.tom, group=("12", "11")))
    desk.look(80, say.changed("s", 80, say.tom, status=("new", "open")))
    assert desk.level == 1


def test_a_status_alone_is_a_cause(say: Any) -> None:
    desk = say.desk(say.policy("when: {status: on_hold}, go_to: 2"))
    desk.look(0, say.born())
    desk.look(10, say.changed("s", 10, say.tom, status=("new", "on_hold")))
    assert desk.level == 2


# --- scope and mode -----------------------------------------------------------------------------------------
def test_our_own_move_does_not_lose_sight_of_the_ticket(say: Any) -> None:
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2", scope="{groups: [Support]}"))
    desk.look(0, say.born(priority="urgent"))
    desk.written(1)
    decision = desk.look(5, say.said("a", 5, say.tom, "Taken", False))
    assert not decision.case.outside
    assert desk.level == 2


def test_a_note_that_changed_nothing_only_suggests(say: Any) -> None:
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"), facts=Facts(mode=Mode.NOTE))
    text = desk.look(0, say.born(priority="urgent")).command.note.text
    assert "Suggested: level 1 → 2" in text
    assert "Changed:" not in text


def test_a_team_that_a_level_names_by_a_field_is_in_scope_too(say: Any) -> None:
    policy = say.policy("when: {priority: urgent}, go_to: 2", scope="{groups: [Support]}")
    levels = [
        dataclasses.replace(level, places={"desk": Place(target={"field": {"team": "Experts"}})})
        for level in policy.levels
    ]
    desk = say.desk(dataclasses.replace(policy, levels=tuple(levels)))
    desk.look(0, say.born())
    assert not desk.look(5, say.changed("g", 5, say.tom, group=("11", "12"))).case.outside


# --- what the vendor would not show, and what it told twice -------------------------------------------------
def test_a_ticket_that_could_not_be_seen_is_not_buried(say: Any) -> None:
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"))
    desk.look(0, say.born())
    assert "gone" in desk.look(5, say.event("x", 5, Kind.GONE, None)).why
    desk.look(10, say.changed("p", 10, say.tom, priority=(None, "urgent")))
    assert desk.level == 2


def test_a_deleted_ticket_is(say: Any) -> None:
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"))
    desk.look(0, say.born())
    desk.look(5, say.event("x", 5, Kind.DELETED, None))
    desk.look(10, say.changed("p", 10, say.tom, priority=(None, "urgent")))
    assert desk.level == 1


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_of_two_changes_at_one_instant_only_a_fetch_tells_which_was_last(say: Any, first: str, second: str) -> None:
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"))
    desk.vendor = say.full(say.at(6), priority="low")
    desk.look(0, say.born(priority="normal"))
    up = say.changed(first, 5, say.tom, priority=("normal", "urgent"))
    down = say.changed(second, 5, say.eva, priority=("urgent", "low"))
    desk.look(5, up, down)
    assert desk.asked == [{"priority"}]
    assert desk.level == 1


def test_a_touch_at_a_site_that_no_policy_names_asks_nothing(say: Any) -> None:
    policy = say.policy("when: {unanswered_for: 30m}, go_to: 2")
    desk = say.desk(dataclasses.replace(policy, applies_to={"elsewhere": ()}))
    assert desk.look(5, say.event("t", 5, Kind.TOUCHED)).case.outside
    assert desk.asked == []


def test_messages_are_not_asked_for_before_the_ticket_is_known_to_be_in_scope(say: Any) -> None:
    desk = say.desk(say.policy("when: {unanswered_for: 30m}, go_to: 2", scope="{groups: [Support]}"))
    desk.vendor = say.full(say.at(5), group="19")
    assert desk.look(5, say.event("t", 5, Kind.TOUCHED)).case.outside
    assert desk.asked == [{"ticket"}]


# --- commands are staff's, and only where the customer cannot have written them -----------------------------
COMMANDS = [
    ("tom", "/escalate 3", False, True, "an internal note that begins with it"),
    ("tom", "/escalate 3", None, False, "a comment of which nobody said who reads it"),
    ("tom", "/escalate 3", True, False, "a public reply"),
    ("tom", "Hello,\n\nFrom: Ana\n/escalate 3", False, False, "a forwarded mail"),
    ("ana", "/escalate 3", False, False, "the customer"),
    ("bot", "/escalate 3", False, False, "an app"),
    ("nobody", "/escalate 3", False, False, "somebody who is on no list of agents"),
]


@pytest.mark.parametrize(("who", "text", "public", "moves", "_reason"), COMMANDS)
def test_who_may_ask_by_a_command(say: Any, who: str, text: str, public: Any, moves: bool, _reason: str) -> None:
    desk = say.desk(say.policy("when: {requested_by_staff: true}, go_to: requested_level"))
    desk.look(0, say.born())
    actor = Actor(id="nobody", role=Role.UNKNOWN) if who == "nobody" else getattr(say, who)
    desk.look(5, say.said("c", 5, actor, text, public))
    assert desk.level == (3 if moves else 1)


def test_a_very_long_comment_is_read_in_no_time(say: Any) -> None:
    text = "x" + "\n" * 64_000 + "y" + "tried" * 9_000
    _, _, story = say.told([say.born(), *(say.said(f"c{n}", n, say.tom, text, False) for n in range(20))])
    assert story.tried == ()


def test_a_request_in_the_same_save_as_a_move_is_heard_in_either_order(say: Any) -> None:
    for first in (0, 1):
        desk = say.desk(say.policy("when: {requested_by_staff: true}, go_to: requested_level"))
        desk.look(0, say.born())
        picture = say.full(say.at(5), group="12")
        moved = say.changed("g", 5, say.tom, picture, group=("11", "12"))
        asked = say.said("c", 5, say.tom, "/escalate 3", False, picture)
        for event in (moved, asked) if first else (asked, moved):
            desk.look(5.1, event)
            desk.look(6)
        assert desk.level == 3


def test_owners_may_hand_a_ticket_around_while_management_watches(say: Any) -> None:
    desk = say.desk(say.policy("when: {requested_by_staff: true}, go_to: 4"))
    desk.look(0, say.born())
    desk.look(5, say.said("c", 5, say.tom, "/escalate", False))
    desk.written(5.1)
    desk.look(10, say.changed("g", 10, say.tom, group=("11", "12")))
    assert desk.level == 4
    desk.look(20, say.changed("h", 20, say.tom, group=("12", "11")))
    assert desk.level == 1


def test_what_waited_too_long_before_act_is_not_moved_by_waiting_on(say: Any) -> None:
    desk = say.desk(say.policy("when: {not_taken_for: 15m clock}, go_to: 2"), facts=Facts(mode_since=say.at(60)))
    desk.look(0, say.born())
    desk.look(61, say.said("c", 61, say.ana, "Hello?"))
    desk.look(90)
    assert desk.level == 1
