"""Scope, adoption and modes: where a ticket stands, whoever moved it, and which causes are too old to count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.case import End, Facts
from policies.commands import Mode
from policies.model import Kind

URGENT = "when: {priority: urgent}, go_to: next_level"
ASKED = "when: {requested_by_staff: true}, go_to: next_level"


def desk_with(say: Any, *rules: str, scope: str = "all", **facts: Any) -> Any:
    return say.desk(say.policy(*rules, scope=scope), facts=Facts(**facts))


# --- scope ------------------------------------------------------------------------------------------------
SCOPES = [
    ("{groups: [Support, Experts]}", {"group": "11"}, False, "named"),
    ("{groups: [Support]}", {"group": "19"}, True, "another group"),
    ("{groups: [Support]}", {"group": None}, True, "no group is none of them"),
    ("{groups: {none_of: [Kitchen]}}", {"group": "11"}, False, "not excluded"),
    ("{groups: {none_of: [Kitchen]}}", {"group": "19"}, True, "excluded"),
    ("{groups: {none_of: [Kitchen]}}", {"group": None}, False, "no group is not excluded"),
    ("{tags: [vip]}", {"tags": ("vip", "x")}, False, "one tag is enough"),
    ("{tags: {none_of: [spam]}}", {"tags": ("vip", "spam")}, True, "one tag is enough to exclude"),
    ("{groups: [Support], tags: {none_of: [spam]}}", {"tags": ("spam",)}, True, "both must allow it"),
]


@pytest.mark.parametrize(("scope", "told", "outside", "_reason"), SCOPES)
def test_the_policy_names_what_it_applies_to(say: Any, scope: str, told: Any, outside: bool, _reason: str) -> None:
    decision = desk_with(say, URGENT, scope=scope).look(0, say.born(priority="urgent", **told))
    assert decision.case.outside is outside
    assert (decision.command is None) is outside


def test_a_field_that_the_scope_needs_is_asked_for_once(say: Any) -> None:
    desk = desk_with(say, URGENT, scope="{groups: [Support]}")
    desk.vendor = say.full(say.at(0))
    picture = say.part(say.at(0), status="new", tags=(), priority=None, created_at=say.at(0))
    desk.look(0, say.event("created", 0, Kind.CREATED, say.ana, ticket=picture))
    assert desk.asked == [frozenset({"group"})]
    assert not desk.case.outside


def test_outside_nothing_is_kept_and_what_was_pending_is_withdrawn(say: Any) -> None:
    desk = desk_with(say, URGENT, scope="{groups: [Support]}")
    first = desk.look(0, say.born(priority="urgent"))
    decision = desk.look(1, say.changed("g", 1, say.tom, group=("11", "19")))
    bare = decision.case
    assert decision.given_up == {first.command.operation: End.WITHDRAWN}
    assert (bare.outside, bare.ticket.known, bare.told, bare.fired, decision.events) == (
        True,
        frozenset(),
        None,
        {},
        (),
    )


def test_coming_into_scope_is_being_adopted(say: Any) -> None:
    desk = desk_with(say, URGENT, ASKED, scope="{groups: [Support, Experts]}")
    desk.look(0, say.born(group="19", priority="urgent"))
    moved = say.full(say.at(5), group="12", priority="urgent")
    desk.look(5, say.changed("g", 5, say.tom, moved, group=("19", "12")))
    assert (desk.level, desk.case.outside, desk.case.newborn) == (2, False, False)
    desk.look(6, say.said("c", 6, say.tom, "/escalate", False))
    assert desk.level == 3


# --- adoption ---------------------------------------------------------------------------------------------
STANDING = [
    ({"group": "11"}, 1, "the first level's group"),
    ({"group": "12"}, 2, "another level's group"),
    ({"group": "19"}, 1, "no level's group"),
    ({"level": 3}, 3, "the level field"),
    ({"level": 3, "group": "12"}, 3, "the field says more than the group"),
    ({"level": 9, "group": "12"}, 2, "a level that there is not"),
]


@pytest.mark.parametrize(("told", "level", "_reason"), STANDING)
def test_a_ticket_first_seen_in_the_middle_of_its_life_stands_where_it_says(
    say: Any, told: Any, level: int, _reason: str
) -> None:
    desk = desk_with(say, URGENT, ASKED)
    picture = say.full(say.at(50), priority="urgent", **told)
    desk.look(60, say.said("c", 60, say.tom, "Hm", False, picture))
    assert (desk.level, desk.case.pinned is not None) == (level, level > 1)
    desk.look(70, say.said("d", 70, say.tom, "/escalate", False))
    assert desk.level == min(level + 1, 4)


def test_a_picture_drawn_after_the_first_event_is_as_old(say: Any) -> None:
    desk = desk_with(say, URGENT)
    desk.look(60, say.said("c", 60, say.tom, "Hm", False, say.full(say.at(60.5), priority="urgent")))
    assert desk.level == 1


def test_the_first_event_itself_may_be_a_cause(say: Any) -> None:
    desk = desk_with(say, URGENT)
    picture = say.full(say.at(60), priority="urgent")
    desk.look(60, say.changed("p", 60, say.tom, picture, priority=("low", "urgent")))
    assert desk.level == 2


def test_a_deadline_that_passed_before_adoption_is_old_and_a_later_one_is_not(say: Any) -> None:
    desk = desk_with(say, "when: {unresolved_for: 1h}, go_to: 2", "when: {unresolved_for: 3h}, go_to: 3")
    first = desk.look(90, say.said("c", 90, say.tom, "Hm", False, say.full(say.at(80))))
    assert (desk.level, first.next_look) == (1, say.at(180))
    assert desk.look(180).case.level == 3


def test_a_birth_told_late_makes_its_causes_count(say: Any) -> None:
    desk = desk_with(say, URGENT)
    desk.look(2, say.said("c", 1, say.ana, "Hm", True, say.full(say.at(1), priority="urgent")))
    assert (desk.level, desk.case.newborn) == (1, False)
    desk.look(3, say.born(priority="urgent"))
    assert (desk.level, desk.case.newborn, desk.case.adopted_at) == (2, True, say.at(0))


@pytest.mark.parametrize("late", [False, True])
def test_a_follow_up_with_an_inherited_level_starts_at_one(say: Any, late: bool) -> None:
    desk = desk_with(say, URGENT)
    events = [say.born(level=3), say.said("c", 1, say.ana, "Hm", True, say.full(say.at(1), level=3))]
    for number, event in enumerate(reversed(events) if late else events):
        desk.look(2 + number, event)
    assert desk.level == 1


def test_an_inherited_level_does_not_count_after_a_change_of_mode_either(say: Any) -> None:
    desk = desk_with(say, URGENT, mode=Mode.OBSERVE)
    desk.look(0, say.born(level=3))
    desk.facts = Facts(mode=Mode.ACT, mode_since=say.at(10))
    desk.look(10)
    assert desk.level == 1


def test_a_level_that_staff_sets_counts(say: Any) -> None:
    desk = desk_with(say, URGENT)
    desk.look(0, say.born())
    desk.look(1, say.changed("l", 1, say.tom, level=("1", "3")))
    assert desk.level == 3
    desk.look(2, say.changed("g", 2, say.bot, group=("11", "12")))
    assert desk.level == 2, "whoever moved it"


# --- modes ------------------------------------------------------------------------------------------------
def test_what_was_only_observed_never_happened(say: Any) -> None:
    desk = desk_with(say, URGENT, ASKED, mode=Mode.OBSERVE, mode_since=say.at(0))
    observed = desk.look(0, say.born(priority="urgent"))
    assert (observed.command, observed.observed.level, desk.case.pending) == (None, 2, ())
    desk.facts = Facts(mode=Mode.ACT, mode_since=say.at(30))
    first = desk.look(30)
    assert (desk.level, first.command, desk.case.newborn, desk.case.level_since) == (1, None, False, say.at(0))
    second = desk.look(31, say.said("c", 31, say.tom, "/escalate", False))
    assert (desk.level, second.adoptive) == (2, True)


def test_a_birth_before_the_change_of_mode_told_after_it_is_old(say: Any) -> None:
    desk = desk_with(say, URGENT, mode=Mode.ACT, mode_since=say.at(10))
    desk.look(11, say.said("c", 5, say.ana, "Hm", True, say.full(say.at(5), priority="urgent")))
    desk.look(12, say.born(priority="urgent"))
    assert (desk.level, desk.case.newborn) == (1, False)


def test_again_does_not_carry_over_from_observing(say: Any) -> None:
    desk = desk_with(say, URGENT + ", again: after 1h", mode=Mode.OBSERVE)
    desk.look(0, say.born(priority="urgent"))
    desk.facts = Facts(mode=Mode.ACT, mode_since=say.at(30))
    desk.look(30)
    assert desk.look(120).case.level == 1


MODES = [
    (Mode.ACT, "", "", Mode.ACT),
    (Mode.ACT, "note", "", Mode.NOTE),
    (Mode.ACT, "", "note", Mode.NOTE),
    (Mode.ACT, "observe", "note", Mode.OBSERVE),
    (Mode.NOTE, "act", "act", Mode.NOTE),
    (Mode.OBSERVE, "act", "act", Mode.OBSERVE),
]


@pytest.mark.parametrize(("site", "level", "rule", "mode"), MODES)
def test_the_most_careful_of_site_level_and_rule_decides(
    say: Any, site: Mode, level: str, rule: str, mode: Mode
) -> None:
    policy = say.policy(URGENT)
    levels = tuple(replace(lv, mode=Mode(level) if level else None) for lv in policy.levels)
    rules = tuple(replace(r, mode=Mode(rule) if rule else None) for r in policy.rules)
    desk = say.desk(replace(policy, levels=levels, rules=rules), facts=Facts(mode=site))
    decision = desk.look(0, say.born(priority="urgent"))
    command = decision.observed if mode is Mode.OBSERVE else decision.command
    assert command.mode is mode
    assert (decision.command is None) is (mode is Mode.OBSERVE)
    on_trial = mode is not site  # by a level or a rule: then the ticket stays where it is, and only a note is written
    assert (desk.case.level, bool(desk.case.pending)) == ((1, False) if on_trial else (2, mode is not Mode.OBSERVE))


# --- the hourly budget for tickets that existed before ------------------------------------------------------
def test_the_budget_holds_with_a_reason_and_a_time(say: Any) -> None:
    desk = desk_with(say, ASKED, adoptive_left=0, adoptive_again=say.at(70))
    decision = desk.look(60, say.said("c", 60, say.tom, "/escalate", False, say.full(say.at(60))))
    (hold,) = desk.case.held
    assert (decision.command, hold.until, decision.next_look) == (None, say.at(70), say.at(70))
    assert "existed before" in hold.reason
    assert desk.case.fired == {}
    desk.facts = Facts(adoptive_left=1)
    moved = desk.look(70)
    assert (moved.case.level, moved.adoptive, moved.case.held) == (2, True, ())


def test_the_budget_is_not_for_tickets_born_under_our_eyes(say: Any) -> None:
    decision = desk_with(say, URGENT, adoptive_left=0).look(0, say.born(priority="urgent"))
    assert (decision.case.level, decision.adoptive) == (2, False)


def test_only_the_first_move_of_an_adopted_ticket_counts(say: Any) -> None:
    desk = desk_with(say, ASKED)
    first = desk.look(60, say.said("c", 60, say.tom, "/escalate", False, say.full(say.at(60))))
    desk.case = replace(desk.case, pending=())
    desk.facts = Facts(adoptive_left=0)
    second = desk.look(61, say.said("d", 61, say.tom, "/escalate", False))
    assert (first.adoptive, second.adoptive, desk.level) == (True, False, 3)
