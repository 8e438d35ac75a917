"""What keeps a wanted move: guards, somebody's word, opening hours. Each says why, and until when if time ends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.case import Facts, Used

WAITS = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
STEPS = "  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}"
CRITICAL = {"impact": "high", "urgency": "high"}


def desk(say: Any, rules: str = WAITS, levels: str | None = None, more: str = "", **facts: Any) -> Any:
    policy = say.ladder(rules, levels, more) if levels is not None else say.ladder(rules, more=more)
    return say.desk(policy, Facts(**facts))


def hold(desk: Any) -> Any:
    [found] = desk.case.held
    return found


# --- guards -------------------------------------------------------------------------------------------------
def test_a_ticket_in_a_state_that_the_policy_never_escalates_stays_until_it_leaves_that_state(say: Any) -> None:
    tested = desk(say, more="guards: {never: {tags: parked}}")
    tested.look(0, say.born(tags=("parked",)))
    tested.look(30)
    assert tested.level == 1
    assert hold(tested).reason == "the policy never escalates while tags is parked"
    assert hold(tested).until is None
    tested.look(45, say.changed("unpark", 45, tag=("parked", None)))
    assert tested.level == 2


def test_a_critical_ticket_is_kept_by_never_but_by_no_other_guard(say: Any) -> None:
    guards = "guards: {never: {tags: parked}, min_time_between: 4h, per_ticket: {at_most: 1, per: 1d}}"
    rules = STEPS + "\n" + WAITS
    tested = desk(say, rules, more=guards)
    tested.look(0, say.born(**CRITICAL))
    tested.look(1, say.said("c1", 1, say.tom, "/escalate 2", public=False))
    tested.written(1)
    tested.look(2, say.said("c2", 2, say.tom, "/escalate 3", public=False))
    assert tested.level == 3
    tested = desk(say, rules, more=guards)
    tested.look(0, say.born(tags=("parked",), **CRITICAL))
    tested.look(1, say.said("c1", 1, say.tom, "/escalate 2", public=False))
    assert tested.level == 1


def test_two_moves_keep_their_distance_and_the_second_comes_at_its_end(say: Any) -> None:
    tested = desk(say, STEPS, more="guards: {min_time_between: 45m}")
    tested.look(0, say.born())
    tested.look(1, say.said("c1", 1, say.tom, "/escalate 2", public=False))
    tested.written(1)
    decision = tested.look(2, say.said("c2", 2, say.tom, "/escalate 3", public=False))
    assert tested.level == 2
    assert hold(tested).reason == "it was moved 1 min ago (at least 45m between moves)"
    assert hold(tested).until == decision.next_look == say.at(46)
    tested.look(46)
    assert tested.level == 3


def test_a_ticket_is_moved_only_so_often_a_day(say: Any) -> None:
    tested = desk(say, STEPS, more="guards: {per_ticket: {at_most: 2, per: 1h}}")
    tested.look(0, say.born())
    for number, level in ((1, 2), (10, 3), (20, 4)):
        tested.look(number, say.said(f"c{number}", number, say.tom, f"/escalate {level}", public=False))
        if tested.decision.command:
            tested.written(number)
    assert tested.level == 3
    assert hold(tested).reason == "it was moved 2 times in 1h (at most 2)"
    assert hold(tested).until == say.at(61)
    tested.look(61)
    assert tested.level == 4


def test_a_level_with_a_full_budget_gets_nothing_until_one_leaves_the_window(say: Any) -> None:
    more = "guards: {level_budget: {level: 2, at_most: 3, per: 1h, then: hold}}"
    tested = desk(say, more=more, used={2: Used(count=3, free_at=say.at(50))})
    tested.look(0, say.born())
    decision = tested.look(30)
    assert tested.level == 1
    assert hold(tested).reason == "level 2 got 3 tickets in 1h (at most 3)"
    assert decision.next_look == hold(tested).until == say.at(50)
    tested.facts = Facts(used={2: Used(count=2, free_at=say.at(55))})
    decision = tested.look(50)
    assert tested.level == 2
    assert decision.reserves is not None
    assert (decision.reserves.level, decision.reserves.at_most) == (2, 3)


def test_a_budget_that_only_warns_lets_the_ticket_through_and_tells_once(say: Any) -> None:
    levels = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, tell: lead@acme.example}
"""
    more = "guards: {level_budget: {level: 2, at_most: 3, per: 1h, then: warn}}"
    kinds = []
    for count in (2, 3, 4):
        tested = desk(say, levels=levels, more=more, used={2: Used(count=count, free_at=say.at(50))})
        tested.look(0, say.born())
        decision = tested.look(30)
        assert tested.level == 2
        assert decision.reserves is None
        kinds.append((bool(decision.warnings), [notice.occasion.value for notice in decision.notices]))
    assert kinds == [(False, ["escalated"]), (True, ["escalated", "budget"]), (True, ["escalated"])]


def test_experts_get_a_ticket_when_what_was_tried_is_recorded_or_after_the_longest_wait(say: Any) -> None:
    more = "guards: {evidence: {for: functional, need: [steps_tried], at_most: 2h clock}}"
    tested = desk(say, more=more)
    tested.look(0, say.born())
    decision = tested.look(30)
    assert tested.level == 1
    assert hold(tested).reason.startswith("this must be recorded first: what was tried, in an internal comment")
    assert hold(tested).until == decision.next_look == say.at(150)
    tested.look(60)
    assert hold(tested).until == say.at(150)  # it is not waited anew with every look
    recorded = replace(tested)
    recorded.look(70, say.said("c1", 70, say.tom, "tried: a restart", public=False))
    assert recorded.level == 2
    tested.look(150)
    assert tested.level == 2


def test_management_needs_no_evidence_that_is_asked_for_experts(say: Any) -> None:
    tested = desk(say, STEPS, more="guards: {evidence: {for: functional, need: [steps_tried]}}")
    tested.look(0, say.born())
    tested.look(1, say.said("c1", 1, say.tom, "/escalate 3", public=False))
    assert tested.level == 3


# --- a lower level in the meantime -------------------------------------------------------------------------
def test_while_a_high_level_is_held_a_lower_one_that_another_rule_wants_is_taken(say: Any) -> None:
    rules = WAITS + "\n  - {name: urgent, when: {tags: outage}, go_to: 4}"
    levels = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}}
  - {level: 3, name: Three, targets: {desk: {group: Leads}}}
  - {level: 4, name: Four, targets: {desk: {group: Kitchen}}, needs_confirmation: [escalation_manager]}
"""
    tested = desk(say, rules, levels)
    tested.look(0, say.born(tags=("outage",)))
    tested.look(30)
    assert tested.level == 2
    assert [held.level for held in tested.case.held] == [4]
    tested.written(30)
    tested.look(40, say.said("c1", 40, say.eva, "/confirm", public=False))
    assert tested.level == 4


# --- somebody's word ------------------------------------------------------------------------------------------
CONFIRMED = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, needs_confirmation: [escalation_manager]}
"""


def test_a_level_that_needs_confirmation_waits_for_somebody_of_the_role(say: Any) -> None:
    tested = desk(say, levels=CONFIRMED)
    tested.look(0, say.born())
    decision = tested.look(30)
    [asked] = decision.notices
    assert (asked.occasion.value, [str(who) for who in asked.to]) == ("confirmation", ["eva@acme.example"])
    assert hold(tested).reason == "waits until somebody confirms it with /confirm: escalation manager"
    assert tested.look(31).notices == ()  # asked once
    tested.look(40, say.said("c1", 40, say.tom, "/confirm", public=False))
    assert tested.level == 1  # Tom is none of them
    tested.look(50, say.said("c2", 50, say.eva, "/confirm", public=False))
    assert tested.level == 2


def test_a_confirmation_in_public_or_by_the_requester_is_none(say: Any) -> None:
    tested = desk(say, levels=CONFIRMED)
    tested.look(0, say.born())
    tested.look(30)
    eva_asks = replace(say.ana, name="Eva Lang")
    tested.look(31, say.said("c1", 31, eva_asks, "/confirm", public=False))
    tested.look(32, say.said("c2", 32, say.eva, "/confirm", public=True))
    assert tested.level == 1


def test_what_was_declined_is_not_asked_again_for_the_same_cause(say: Any) -> None:
    tested = desk(say, levels=CONFIRMED)
    tested.look(0, say.born())
    tested.look(30)
    tested.look(40, say.said("c1", 40, say.eva, "/decline", public=False))
    assert tested.case.held == ()
    later = tested.look(300)
    assert (tested.level, later.notices) == (1, ())


def test_who_may_confirm_need_not_confirm_their_own_request(say: Any) -> None:
    tested = desk(say, STEPS, CONFIRMED)
    tested.look(0, say.born())
    tested.look(10, say.said("c1", 10, say.eva, "/escalate 2", public=False))
    assert tested.level == 2


def test_a_snoozed_ticket_does_not_climb_until_the_time_is_over(say: Any) -> None:
    tested = desk(say)
    tested.look(0, say.born(**CRITICAL))
    tested.look(20, say.said("c1", 20, say.eva, "/snooze 2h", public=False))
    decision = tested.look(30)
    assert hold(tested).reason == "snoozed by Eva Lang"
    assert decision.next_look == hold(tested).until == say.at(140)
    tested.look(139)
    assert tested.level == 1
    tested.look(140)
    assert tested.level == 2


def test_only_an_escalation_manager_snoozes(say: Any) -> None:
    tested = desk(say)
    tested.look(0, say.born())
    tested.look(20, say.said("c1", 20, say.tom, "/snooze 2h", public=False))
    tested.look(30)
    assert tested.level == 2


def test_a_ticket_on_hold_stays_until_it_is_released(say: Any) -> None:
    tested = desk(say)
    tested.look(0, say.born())
    tested.look(20, say.said("c1", 20, say.eva, "/hold", public=False))
    tested.look(30)
    assert hold(tested).until == say.at(20 + 7 * 24 * 60)  # nothing is held for ever
    tested.look(90, say.said("c2", 90, say.eva, "/release", public=False))
    assert tested.level == 2


# --- opening hours ----------------------------------------------------------------------------------------------
NIGHT = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - level: 2
    name: Two
    targets: {desk: {group: Experts}}
    out_of_hours: {hold_until: office, unless: {severity: critical}}
"""


@pytest.mark.parametrize(("told", "moves_at"), [({"impact": "low", "urgency": "low"}, 8 * 60), (CRITICAL, 9 * 60 + 30)])
def test_out_of_hours_a_move_waits_until_the_calendar_opens_unless_it_is_critical(
    say: Any, told: dict[str, str], moves_at: int
) -> None:
    tested = desk(say, levels=NIGHT)
    tested.look(9 * 60, say.born(9 * 60, **told))  # 18:00 UTC on a Monday; the office closes at 16:00 UTC
    tested.look(9 * 60 + 30)
    if moves_at == 9 * 60 + 30:
        assert tested.level == 2
        return
    assert hold(tested).reason == "level 2 is out of hours (office)"
    assert hold(tested).until == say.at(23 * 60)  # 9:00 in Berlin
    tested.look(23 * 60)
    assert tested.level == 2
