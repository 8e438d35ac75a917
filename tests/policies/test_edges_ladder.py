"""More edges that a small change of the code would cross: scope, standing, causes, holds, and what a trace says."""

from __future__ import annotations

from typing import Any

import pytest

from policies.case import Facts
from policies.document import parse
from policies.model import Kind

HEAD = "version: 1\nname: Edges\napplies_to: {PLACE: {groups: [Support]}}\n"
FIRST = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
SECOND = "  - {level: 2, name: Two, targets: {desk: {group: Experts}}}\n"
ASKED = "  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}"
WAITS = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"


def ask(say: Any, tested: Any, when: float, level: int) -> Any:
    return tested.look(when, say.said(f"asks{when}", when, say.tom, f"/escalate {level}", public=False))


# --- scope and standing -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", ["desk", "desk/acme"])
@pytest.mark.parametrize("target", ["{group: Experts}", "{field: {team: Experts}}"], ids=["a group", "a team's field"])
def test_the_groups_to_which_levels_lead_are_in_scope_and_a_ticket_there_stands_there(
    say: Any, target: str, place: str
) -> None:
    levels = FIRST + f"  - {{level: 2, name: Two, targets: {{desk: {target}}}}}\n"
    tested = say.desk(parse(f"{HEAD.replace('PLACE', place)}levels:\n{levels}rules:\n{WAITS}\n"))
    tested.look(0, say.born())
    tested.look(5, say.changed("moved", 5, group=("11", "12")))
    assert (tested.case.outside, tested.level) == (False, 2)
    tested.look(6, say.changed("away", 6, group=("12", "19")))
    assert tested.case.outside


def test_a_policy_for_another_site_is_none_for_this_one(say: Any) -> None:
    tested = say.desk(parse(f"{HEAD.replace('PLACE', 'desk/other')}levels:\n{FIRST}{SECOND}rules:\n{WAITS}\n"))
    tested.look(0, say.born())
    assert tested.case.outside


REGION = FIRST + "  - {level: 2, name: Two, targets: {desk: {field: {region: EMEA, desk: night}}}}\n"


@pytest.mark.parametrize(
    ("custom", "level"),
    [({"region": "emea", "desk": "night"}, 2), ({"region": "emea"}, 1), ({"region": "apac", "desk": "night"}, 1)],
    ids=["both, in small letters", "one of them", "another value"],
)
def test_a_ticket_stands_where_all_the_fields_of_a_target_say(say: Any, custom: dict[str, str], level: int) -> None:
    tested = say.desk(say.ladder(WAITS, REGION))
    tested.look(0, say.born(group="19", custom={"region": "none", "desk": "none"}))
    changes = {f"custom__{name}": ("none", value) for name, value in custom.items()}
    tested.look(5, say.changed("moved", 5, **changes))
    assert tested.level == level


WATCHED = (
    FIRST
    + SECOND
    + "  - {level: 3, name: Three, take: oversight, targets: {desk: {followers: [coo]}}}\n"
    + "  - {level: 4, name: Four, targets: {desk: {group: Leads}}}\n"
)


@pytest.mark.parametrize(("group", "level"), [("12", 3), ("13", 3), ("11", 1)], ids=["to experts", "to leads", "back"])
def test_while_a_level_watches_the_owners_hand_it_around_and_the_way_back_ends_the_watch(
    say: Any, group: str, level: int
) -> None:
    tested = say.desk(say.ladder(ASKED, WATCHED))
    tested.look(0, say.born(group="19"))
    ask(say, tested, 1, 3)
    tested.written(1)
    tested.look(5, say.changed("moved", 5, group=("19", group)))
    assert tested.level == level


@pytest.mark.parametrize(("told", "level"), [(2, 2), (4, 4), (5, 1)], ids=["in between", "the highest", "none of ours"])
def test_a_ticket_met_in_mid_life_stands_at_the_level_its_field_says(say: Any, told: int, level: int) -> None:
    tested = say.desk(say.ladder(ASKED, WATCHED))
    tested.look(500, say.event("f", 500, ticket=say.full(say.at(0), level=told)))
    assert tested.level == level


def test_on_each_level_reminders_begin_anew_and_the_way_down_remembers_every_step(say: Any) -> None:
    reminders = "taken_within: 10m, if_not_taken: {remind_every: 10m, at_most: 2, then: stay}, tell: lead@acme.example"
    levels = "".join(
        f"  - {{level: {n}, name: L{n}, targets: {{desk: {{group: {group}}}}}, {reminders}}}\n"
        for n, group in ((1, "Support"), (2, "Experts"), (3, "Leads"))
    )
    down = "come_down: [{name: d3, from: 3, when: {answered: true}, for: 1h, go_to: 2}, "
    down += "{name: d2, from: 2, when: {answered: true}, for: 1h, go_to: 1}]"
    tested = say.desk(say.ladder(ASKED, levels, down))
    tested.look(0, say.born())
    told = []
    for when in range(1, 64):
        decision = ask(say, tested, when, 2 + when // 40) if when in (1, 40) else tested.look(when)
        told += [(when, notice.rule) for notice in decision.notices if notice.occasion.value == "not_taken"]
        if decision.command:
            tested.written(when)
    assert told == [
        (11, "not taken at level 2"),
        (21, "not taken at level 2"),
        (50, "not taken at level 3"),
        (60, "not taken at level 3"),
    ]
    tested.look(64, say.said("c", 64, say.tom, "Solved?"))
    restored = []
    for when in (124, 184, 300):
        if (decision := tested.look(when)).command:
            restored.append((decision.command.level, dict(decision.command.restore)))
            tested.written(when)
    assert restored == [(2, {"group": "12"}), (1, {"group": "11"})]


# --- causes -------------------------------------------------------------------------------------------------------
def test_of_two_causes_of_one_rule_neither_counts_twice_when_the_other_goes(say: Any) -> None:
    tested = say.desk(say.policy("when: {any: [{tags: a}, {tags: b}]}, go_to: next_level"))
    tested.look(0, say.born())
    tested.look(1, say.changed("a", 1, tag=(None, "a")))
    tested.look(2, say.changed("b", 2, tag=(None, "b")))
    assert tested.level == 3
    tested.look(3, say.changed("gone", 3, tag=("b", None)))
    assert tested.look(60).case.level == 3


def test_a_cause_that_is_younger_than_a_persons_act_counts_anew(say: Any) -> None:
    tested = say.desk(say.policy("when: {tags: outage}, go_to: 2"))
    tested.look(0, say.born())
    first = tested.look(10, say.changed("t", 10, tag=(None, "outage"))).command  # its writes have not ended
    assert tested.level == 2
    decision = tested.look(12, say.changed("p", 9, group=("11", "19")))  # done before the tag came, told after it
    assert first.operation in decision.given_up
    assert decision.command.level == 2


TRACED = [
    "when: {unanswered_for: 30m}, go_to: 3",
    "when: {unanswered_for: 20m}, go_to: 2",
    "when: {tags: vip}, go_to: 4",
    "when: {product: mail, unanswered_for: 5h}, go_to: 4",
    "when: {kind: bug}, go_to: 2",
    "when: {answered: false}, go_to: 2",
    "when: {tags: old}, go_to: 2",
]


def test_a_trace_says_of_every_rule_what_came_of_it(say: Any) -> None:
    tested = say.desk(say.policy(*TRACED), Facts(paused_rules={"r2": "a drill"}, mode_since=say.at(5)))
    tested.vendor = say.full(product=None)
    tested.look(6, say.born(0, tags=("old",), kind="question"))
    tested.look(7, say.changed("t", 7, tag=(None, "vip")))
    tested.look(20)
    decision = tested.look(30)
    found = {trace.rule: (trace.value, trace.new, trace.outcome) for trace in decision.trace}
    assert found["r0"] == (True, True, "fires")
    assert found["r1"] == (True, False, "fired before, for the same cause")
    assert found["r2"] == (True, True, "paused: a drill")
    assert found["r4"] == (False, False, "not so")
    assert found["r5"] == (True, False, "no cause of its own")
    assert found["r6"] == (True, False, "was so before Stepladder looked")


# --- holds --------------------------------------------------------------------------------------------------------
CONFIRMED = FIRST + "  - {level: 2, name: Two, targets: {desk: {group: Experts}}, needs_confirmation: [ROLES]}\n"
ROLES = "roles: {escalation_manager: {people: [Eva Lang], tell: eva@acme.example}, duty: {people: [Tom Ito]}}"


def confirming(say: Any, roles: str = "escalation_manager") -> Any:
    text = f"version: 1\nname: Edges\napplies_to: {{desk: all}}\n{ROLES}\n"
    tested = say.desk(parse(f"{text}levels:\n{CONFIRMED.replace('ROLES', roles)}rules:\n{WAITS}\n"))
    tested.look(0, say.born())
    return tested


def test_every_role_that_may_confirm_is_named(say: Any) -> None:
    [hold] = confirming(say, "escalation_manager, duty").look(30).case.held
    assert hold.reason == "waits until somebody confirms it with /confirm: escalation manager or duty"


@pytest.mark.parametrize(("words", "level"), [(("confirm", "decline"), 1), (("decline", "confirm"), 2)])
def test_of_two_words_on_a_move_the_last_counts(say: Any, words: tuple[str, str], level: int) -> None:
    tested = confirming(say)
    tested.look(30)
    said = [say.said(f"c{n}", 31 + n, say.eva, f"/{word}", public=False) for n, word in enumerate(words)]
    tested.look(40, *said)
    assert tested.level == level


def test_a_second_wait_for_a_confirmation_is_another_question(say: Any) -> None:
    tested = confirming(say)
    first = tested.look(30).notices
    tested.look(31, say.said("no", 31, say.eva, "/decline", public=False))
    tested.look(32, say.said("reply", 32, say.tom, "Try again"))
    tested.look(40, say.said("again", 40, say.ana, "It is back"))
    second = tested.look(70).notices
    assert (len(first), len(second)) == (1, 1)
    assert first[0].operation != second[0].operation


def test_a_hold_by_a_manager_is_called_a_hold(say: Any) -> None:
    tested = say.desk(say.ladder(WAITS))
    tested.look(0, say.born())
    tested.look(5, say.said("c", 5, say.eva, "/hold", public=False))
    [hold] = tested.look(30).case.held
    assert hold.reason == "held here by Eva Lang"


@pytest.mark.parametrize(("need", "how"), [("steps_tried", "`tried: …`"), ("product", "product")])
def test_what_is_missing_is_said_with_the_way_to_record_it(say: Any, need: str, how: str) -> None:
    tested = say.desk(say.ladder(WAITS, more=f"guards: {{evidence: {{for: functional, need: [{need}]}}}}"))
    tested.look(0, say.born())
    [hold] = tested.look(30).case.held
    assert how in hold.reason
    assert ("tried" in hold.reason) == (need == "steps_tried")


PLAIN = """\
version: 1
name: Edges
applies_to: {desk: all}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
defaults: {calendar: always}
"""
CLOSED = FIRST + (
    "  - level: 2\n    name: Two\n    targets: {desk: {group: Experts}}\n"
    "    out_of_hours: {hold_until: office, unless: {product: mail}}\n"
)


@pytest.mark.parametrize(
    ("levels", "more"),
    [
        (FIRST + SECOND, "guards: {never: {product: mail}}"),
        (
            FIRST + SECOND,
            "guards: {min_time_between: 1h, never_hold: {product: mail}, evidence: {for: functional, need: [form]}}",
        ),
        (CLOSED, ""),
    ],
    ids=["never", "never hold", "unless"],
)
def test_what_a_hold_depends_on_is_asked_of_the_vendor(say: Any, levels: str, more: str) -> None:
    tested = say.desk(parse(f"{PLAIN}{more}\nlevels:\n{levels}rules:\n{WAITS}\n"))
    known = {"status": "new", "group": "11", "level": 1, "created_at": say.at(600), "form": None, "assignee": None}
    tested.vendor = say.part(say.at(600), **known)
    born = say.event("created", 600, kind=Kind.CREATED, who=say.ana, ticket=tested.vendor)
    tested.look(600, born, say.said("c", 600, say.ana, "Help"))
    asked = len(tested.asked)
    tested.look(630)
    assert any("product" in fields for fields in tested.asked[asked:])
