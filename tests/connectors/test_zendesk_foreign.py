"""Zendesk's own rules, asked about our write: what certainly runs, what certainly does not, and what depends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.upkeep import Finding, Grade, Placed, Uses
from connectors.zendesk import rules
from connectors.zendesk.foreign import Write, answer, with_consequences, would_run, writes
from policies.commands import Take
from policies.model import Priority

US = "9000"
IDS = {"Engineering": "362", "Support": "360", "ada@acme.example": "7001"}
LEVEL = "custom_fields_360010"
SETS = frozenset({Priority.URGENT, Priority.HIGH})


def find(kind: str, word: object) -> str | None:
    return IDS.get(str(word))


def move(take: Take = Take.OWNERSHIP, level: int = 2, **target: Any) -> Write:
    wanted = target or {"group": "Engineering"}
    placed = Placed(level=level, name="Engineering", target=wanted, take=take, sets=SETS)
    uses = Uses(targets=(placed,), sets=SETS, levels=3)
    return writes(uses, "360010", US, find)[0]


def condition(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


YES, NO, DEPENDS = True, False, None


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected", "because"),
    [
        ("update_type", "is", "Change", YES, "we never open tickets"),
        ("update_type", "is", "Create", NO, "we never open tickets"),
        ("update_type", "", "Change", YES, "older triggers have no operator there"),
        ("comment_is_public", "is", "true", NO, "our note is private"),
        ("comment_is_public", "is", True, NO, "recorded as a boolean, too"),
        ("comment_is_public", "is", "requester_can_see_comment", NO, "the requester sees no private note"),
        ("comment_is_public", "is", "false", YES, "our note is private"),
        ("comment_is_public", "is", "not_relevant", YES, "there is a comment, public or not"),
        ("comment_is_public", "is_not", "true", YES, "our note is private"),
        ("role", "is", "end_user", NO, "the current user is us"),
        ("role", "is", "agent", YES, "the current user is us"),
        ("role", "is", US, YES, "the current user is us"),
        ("role", "is_not", US, NO, "this is how one leaves us out"),
        ("role", "is", "7001", NO, "that is somebody else"),
        ("current_via_id", "is", "5", YES, "we come through the API"),
        ("current_via_id", "is", "4", NO, "we send no mail"),
        ("group_id", "is", "362", YES, "the ticket is there after our write"),
        ("group_id", "is", "360", NO, "the ticket has left it"),
        ("group_id", "is_not", "362", NO, "the ticket is there after our write"),
        ("group_id", "is", "", NO, "it has a group"),
        ("group_id", "changed", None, DEPENDS, "it may have been there already"),
        ("group_id", "value", "362", DEPENDS, "it may have been there already"),
        ("group_id", "value", "360", NO, "it goes elsewhere"),
        ("group_id", "value_previous", "362", NO, "what becomes 362 did not leave 362"),
        ("group_id", "value_previous", "360", DEPENDS, "nobody knows where it was"),
        ("group_id", "changed_to", "360", NO, "another word for the same"),
        ("assignee_id", "is", "", DEPENDS, "a group alone leaves it unassigned, unless it was there already"),
        ("assignee_id", "is_not", "", DEPENDS, "who has it in that group already keeps it"),
        ("assignee_id", "is", "requester_id", DEPENDS, "who that is, only the ticket says"),
        ("assignee_id", "not_changed", None, DEPENDS, "it may have been unassigned before"),
        ("priority", "is", "urgent", DEPENDS, "one of two, and only sometimes"),
        ("priority", "value", "urgent", DEPENDS, "one of two"),
        ("priority", "value", "low", NO, "we never set that"),
        ("priority", "not_value", "low", YES, "we never set that"),
        ("priority", "changed", None, DEPENDS, "it may have been so already"),
        (LEVEL, "changed", None, YES, "every move changes the level"),
        (LEVEL, "not_changed", None, NO, "every move changes the level"),
        ("ticket_fields_360010", "value", "stepladder_level_2", YES, "the field's other name"),
        (LEVEL, "value", "stepladder_level_3", NO, "another level"),
        (LEVEL, "present", None, YES, "it has a value after our write"),
        (LEVEL, "not_present", None, NO, "it has a value after our write"),
        ("current_tags", "includes", "vip stepladder_level_2", YES, "one of them is ours"),
        ("current_tags", "includes", ["stepladder_level_3"], NO, "a field has one level's tag only"),
        ("current_tags", "includes", "vip", DEPENDS, "the ticket may have it"),
        ("current_tags", "not_includes", "stepladder_level_2", NO, "it is there now"),
        ("status", "is", "open", DEPENDS, "we leave it"),
        ("status", "changed", None, NO, "we leave it"),
        ("status", "value", "solved", NO, "we never solve"),
        ("status", "not_changed", None, YES, "we leave it"),
        ("type", "value_previous", "task", NO, "we leave it"),
        ("brand_id", "is", "500", DEPENDS, "the ticket says"),
        ("something_new", "is", "x", DEPENDS, "what we do not know may be so"),
        ("group_id", "sounds_like", "x", DEPENDS, "what we do not know may be so"),
    ],
)
def test_a_condition_is_answered(field: str, operator: str, value: Any, expected: bool | None, because: str) -> None:
    assert answer(condition(field, operator, value), move()) is expected, because


@pytest.mark.parametrize(
    ("write", "field", "operator", "value", "expected"),
    [
        (move(assignee="ada@acme.example", group="Engineering"), "assignee_id", "is", "7001", YES),
        (move(assign="least_busy", group="Engineering"), "assignee_id", "is", "7001", DEPENDS),
        (move(assign="least_busy", group="Engineering"), "status", "changed", None, DEPENDS),
        (move(assign="least_busy", group="Engineering"), "status", "value", "solved", NO),
        (move(assignee="ada@acme.example"), "status", "is", "open", DEPENDS),
        (move(group="Gone"), "group_id", "is", "362", DEPENDS),
        (move(Take.OVERSIGHT, followers=["ada@acme.example"]), "group_id", "changed", None, NO),
        (move(Take.OVERSIGHT, group="Engineering"), "group_id", "is", "362", DEPENDS),
        (move(level=1, group="Support"), LEVEL, "is", "", YES),
        (move(level=1, group="Support"), "current_tags", "includes", "stepladder_level_2", NO),
    ],
    ids=lambda value: None if isinstance(value, str | bool | None) else value.name,
)
def test_a_write_is_what_the_target_says(
    write: Write, field: str, operator: str, value: Any, expected: bool | None
) -> None:
    assert answer(condition(field, operator, value), write) is expected


def test_an_assignee_who_gets_a_new_ticket_opens_it() -> None:
    assert answer(condition("status", "value", "open"), move(assignee="ada@acme.example")) is DEPENDS
    assert answer(condition("status", "value", "open"), move()) is NO


@pytest.mark.parametrize(
    ("every", "some", "expected"),
    [
        ([YES, YES], [], YES),
        ([YES, NO], [YES], NO),
        ([YES, DEPENDS], [], DEPENDS),
        ([], [NO, YES], YES),
        ([], [NO, NO], NO),
        ([], [NO, DEPENDS], DEPENDS),
        ([YES], [DEPENDS, YES], YES),
        ([], [], YES),
    ],
)
def test_all_of_all_and_one_of_any(every: list[bool | None], some: list[bool | None], expected: bool | None) -> None:
    says = {
        YES: condition("update_type", "is", "Change"),
        NO: condition("update_type", "is", "Create"),
        DEPENDS: condition("brand_id", "is", "5"),
    }
    asked = {"all": [says[one] for one in every], "any": [says[one] for one in some]}
    assert would_run(asked, move()) is expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["status", "group_id", "current_tags", "role", "priority", LEVEL, "x"]) | st.text(max_size=5)
operators = st.sampled_from(
    ["is", "is_not", "changed", "value", "not_value", "value_previous", "less_than", "includes", "present", "", "?"]
)
odd_conditions = st.fixed_dictionaries({}, optional={"field": fields, "operator": operators, "value": json_values})
odd_rules = st.fixed_dictionaries(
    {},
    optional={
        "id": json_values,
        "title": json_values,
        "active": json_values,
        "conditions": st.fixed_dictionaries({}, optional={"all": st.lists(odd_conditions | json_values, max_size=4)})
        | json_values,
        "actions": st.lists(odd_conditions | json_values, max_size=4) | json_values,
        "filter": json_values,
        "policy_metrics": json_values,
    },
)


@given(st.lists(odd_rules, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_rule_is_too_odd(odd: list[dict[str, Any]]) -> None:
    moves = [move(), move(Take.OVERSIGHT, followers=["x"])]
    found = [
        *rules.triggers(odd, moves, "acme", "360010"),
        *rules.automations(odd, moves, "acme", "360010"),
        *rules.promises(odd, moves),
    ]
    assert all(isinstance(one, Finding) for one in found)
    assert isinstance(rules.tells_others(odd, moves, ()), tuple)


def test_the_way_down_and_a_note_alone_are_writes_too() -> None:
    move_up, down, note = every()
    assert [one.name for one in (move_up, down, note)] == [
        "move a ticket to level 2 (Engineering)",
        "bring a ticket back down",
        "write a note alone",
    ]
    assert answer(condition("group_id", "is", "360"), down) is DEPENDS
    assert answer(condition(LEVEL, "changed", None), down) is YES
    assert answer(condition(LEVEL, "not_changed", None), note) is YES
    assert answer(condition("current_tags", "includes", "stepladder_level_2"), down) is DEPENDS
    assert writes(Uses(), "360010", US, find) == ()


# --- findings -----------------------------------------------------------------------------------------------
CHANGED = condition("update_type", "is", "Change")
MAIL = {"field": "notification_user", "value": ["requester_and_ccs", "About your ticket", "{{ticket.comments}}"]}
DEFAULTS = [
    {
        "id": 1,
        "title": "Notify requester and CCs of received request",
        "active": True,
        "conditions": {"all": [condition("update_type", "is", "Create"), condition("status", "is_not", "solved")]},
        "actions": [MAIL],
    },
    {
        "id": 2,
        "title": "Notify requester and CCs of comment update",
        "active": True,
        "conditions": {"all": [CHANGED, condition("comment_is_public", "is", "true")]},
        "actions": [MAIL],
    },
    {
        "id": 3,
        "title": "Notify group of assignment",
        "active": True,
        "conditions": {"all": [condition("group_id", "changed", None), condition("group_id", "is_not", "")]},
        "actions": [{"field": "notification_group", "value": ["group_id", "Assigned", "…"]}],
    },
    {
        "id": 4,
        "title": "Notify assignee of reopened ticket",
        "active": True,
        "conditions": {"all": [condition("status", "value_previous", "solved"), condition("role", "is", "end_user")]},
        "actions": [{"field": "notification_user", "value": ["assignee_id", "Reopened", "…"]}],
    },
]


def every() -> tuple[Write, ...]:
    placed = Placed(level=2, name="Engineering", target={"group": "Engineering"}, take=Take.OWNERSHIP, sets=SETS)
    return writes(Uses(targets=(placed,), sets=SETS), "360010", US, find)


def told(*some: dict[str, Any]) -> list[Finding]:
    return list(rules.triggers(some, every(), "acme", "360010"))


def trigger(*conditions: dict[str, Any], **action: Any) -> dict[str, Any]:
    given = action or MAIL
    actions = [given] if "field" in given else []
    return {"id": 77, "title": "Ours", "active": True, "conditions": {"all": list(conditions)}, "actions": actions}


def test_the_triggers_every_account_begins_with_let_nobody_hear() -> None:
    assert told(*DEFAULTS) == []


@pytest.mark.parametrize(
    ("conditions", "grade"),
    [
        ([CHANGED], Grade.PROBLEM),
        ([condition("priority", "changed", None)], Grade.WARNING),
        ([condition("current_tags", "includes", "stepladder_level_2")], Grade.PROBLEM),
        ([condition(LEVEL, "changed", None)], Grade.PROBLEM),
        ([CHANGED, condition("brand_id", "is", "5")], Grade.WARNING),
    ],
    ids=["every change", "a changed priority", "our tag", "the level field", "one brand's changes"],
)
def test_a_mail_to_the_customer_is_told_with_its_name_and_cure(conditions: Any, grade: Grade) -> None:
    [found] = told(trigger(*conditions))
    assert (found.name, found.check, found.grade) == ("customer-hears:trigger:77", "customer-hears", grade)
    assert found.customer_hears
    assert re.search("mails the requester and CCs (whenever we write|when we move a ticket to level 2)", found.says)
    assert ("depending on the ticket" in found.says) is (grade is Grade.WARNING)
    assert 'Triggers → "Ours"' in found.cure
    assert 'accepts = ["customer-hears:trigger:77"] in [sites.acme]' in found.cure


@pytest.mark.parametrize(
    "rule",
    [
        {**trigger(CHANGED), "active": False},
        trigger(CHANGED, condition("role", "is_not", US)),
        trigger(CHANGED, field="notification_user", value=["assignee_id", "x", "y"]),
        trigger(condition("status", "changed", None)),
    ],
    ids=["inactive", "leaves us out", "tells the assignee", "a status we never change"],
)
def test_what_does_not_reach_the_customer_is_not_told(rule: dict[str, Any]) -> None:
    assert told(rule) == []


@pytest.mark.parametrize(
    "conditions",
    [
        [condition("priority", "value", "low")],
        [condition("group_id", "value", "360")],
        [condition("assignee_id", "value", "7001")],
    ],
    ids=["a priority given back", "the group it came from", "the assignee it had"],
)
def test_what_only_the_way_down_makes_true_is_told_of_the_way_down(conditions: Any) -> None:
    [found] = told(trigger(*conditions))
    assert (found.grade, found.customer_hears, found.heard_by_notes) == (Grade.WARNING, True, False)
    assert "when we bring a ticket back down, depending on the ticket" in found.says


def test_only_levels_that_give_a_priority_are_named_where_one_is_asked_about() -> None:
    plain = Placed(level=2, name="Calm", target={"group": "Support"}, take=Take.OWNERSHIP)
    rush = Placed(level=3, name="Rush", target={"group": "Engineering"}, take=Take.OWNERSHIP, sets=SETS)
    made = writes(Uses(targets=(plain, rush), sets=SETS), "360010", US, find)
    rule = trigger(condition("priority", "changed", None))
    [found] = rules.triggers([rule], made, "acme", "360010")
    assert "when we move a ticket to level 3 (Rush) or bring a ticket back down" in found.says


def test_a_policy_that_only_adds_followers_gives_no_group_and_no_priority_back() -> None:
    placed = Placed(level=2, name="Boss", target={"followers": ["x"]}, take=Take.OVERSIGHT)
    _, down, _ = writes(Uses(targets=(placed,)), "360010", US, find)
    assert set(down.sets) == {LEVEL}


@pytest.mark.parametrize(
    ("conditions", "by_notes"),
    [
        ([CHANGED], True),
        ([condition("comment_is_public", "is", "false")], True),
        ([condition(LEVEL, "changed", None)], False),
    ],
    ids=["every change", "every private comment", "the level"],
)
def test_it_is_said_whether_a_note_alone_makes_a_rule_tell_the_customer(conditions: Any, by_notes: bool) -> None:
    [found] = told(trigger(*conditions))
    assert found.heard_by_notes is by_notes


@pytest.mark.parametrize(
    ("field", "value", "kind", "says"),
    [
        ("group_id", "360", Grade.PROBLEM, "sets the group to 360"),
        ("group_id", "362", Grade.NOTE, "sets the group that the policy sets"),
        ("priority", "low", Grade.PROBLEM, "sets the priority to low"),
        ("priority", "urgent", Grade.NOTE, "sets the priority that the policy sets"),
        ("status", "open", Grade.PROBLEM, "sets the status to open"),
        ("assignee_id", "current_user", Grade.PROBLEM, "which is our own account"),
        ("assignee_id", "7001", Grade.NOTE, "chooses an assignee"),
        ("set_tags", "vip", Grade.PROBLEM, "replaces all tags"),
        ("remove_tags", "a stepladder_level_2", Grade.PROBLEM, "takes the tag stepladder_level_2 away"),
        ("current_tags", "stepladder_level_3", Grade.PROBLEM, "adds the tag of another level"),
        (LEVEL, "", Grade.PROBLEM, "sets the level field to nothing"),
        ("ticket_fields_360010", "stepladder_level_2", Grade.NOTE, "sets the level field that the policy sets"),
    ],
)
def test_what_works_against_the_policy_is_told(field: str, value: str, kind: Grade, says: str) -> None:
    [found] = rules.triggers([trigger(CHANGED, field=field, value=value)], [move()], "acme", "360010")
    assert (found.name, found.grade) == ("vendor-rules:trigger:77", kind)
    assert says in found.says
    assert not found.customer_hears


def test_what_a_trigger_says_of_every_change_works_against_the_way_down() -> None:
    [found] = told(trigger(CHANGED, field="group_id", value="362"))
    assert found.grade is Grade.PROBLEM
    assert "sets the group to 362" in found.says
    assert "bring a ticket back down" in found.says


@pytest.mark.parametrize(
    ("field", "value"), [("current_tags", "seen"), ("brand_id", "5"), ("set_tags", "stepladder_level_2")]
)
def test_what_does_not_touch_the_policys_fields_is_not_told(field: str, value: str) -> None:
    assert told(trigger(CHANGED, field=field, value=value)) == []


def test_a_trigger_that_runs_only_because_of_another_one_is_found() -> None:
    first = {**trigger(CHANGED, field="status", value="pending"), "id": 1, "title": "Wait"}
    second = {**trigger(condition("status", "value", "pending")), "id": 2, "title": "Tell"}
    assert "customer-hears:trigger:2" in {one.name for one in told(first, second)}
    assert told(second) == []


def test_consequences_come_to_an_end() -> None:
    ping = {**trigger(condition("status", "value", "open"), field="status", value="pending"), "id": 1}
    pong = {**trigger(condition("status", "value", "pending"), field="status", value="open"), "id": 2}
    wide = with_consequences(move(assignee="ada@acme.example"), [ping, pong])
    assert wide.sets["status"] == frozenset({"open", "pending"})


def automation(*conditions: dict[str, Any], **action: Any) -> dict[str, Any]:
    return {**trigger(*conditions, **action), "title": "Hourly"}


HOURS = condition("updated_at", "greater_than", "4")


@pytest.mark.parametrize(
    ("conditions", "hears"),
    [
        ([condition("priority", "is", "urgent"), HOURS], True),
        ([condition("assignee_id", "is", ""), HOURS], True),
        ([condition("current_tags", "includes", "stepladder_level_2"), HOURS], True),
        ([condition("status", "is", "solved"), condition("SOLVED", "greater_than", "96")], False),
        ([condition("status", "is", "pending"), condition("PENDING", "is", "24")], False),
        ([condition("priority", "is", "low"), HOURS], True),
        ([condition("brand_id", "is", "5"), HOURS], False),
    ],
    ids=[
        "our priority",
        "nobody's ticket",
        "our tag",
        "solved for long",
        "pending for long",
        "a priority given back",
        "what we leave alone",
    ],
)
def test_an_automation_concerns_us_only_where_our_write_makes_it_apply(conditions: Any, hears: bool) -> None:
    found = list(rules.automations([automation(*conditions)], every(), "acme", "360010"))
    assert [one.name for one in found] == (["customer-hears:automation:77"] if hears else [])
    assert all(one.grade is Grade.WARNING and one.customer_hears for one in found)


def test_an_sla_policy_says_what_our_priority_promises_and_ends() -> None:
    metrics = [
        {"priority": "urgent", "metric": "first_reply_time", "target": 15},
        {"priority": "normal", "metric": "first_reply_time", "target": 240},
    ]
    policy = {"id": 12, "title": "Gold", "filter": {"all": []}, "policy_metrics": metrics}
    [found] = rules.promises([policy], every())
    assert (found.name, found.grade) == ("sla:policy:12", Grade.WARNING)
    assert "promises at priority urgent: first reply time within 15 min" in found.says
    assert "has no target for priority high" in found.says


def test_an_sla_policy_of_a_group_may_begin_to_apply() -> None:
    policy = {"id": 3, "title": "Engineers", "filter": {"all": [condition("group_id", "is", "362")]}}
    elsewhere = {"id": 4, "title": "Others", "filter": {"all": [condition("group_id", "is", "360")]}}
    up, down = rules.promises([policy, elsewhere], every())
    assert (up.name, up.grade) == ("sla:policy:3", Grade.NOTE)
    assert "may begin to apply when we move a ticket to level 2 (Engineering)" in up.says
    assert (down.name, down.grade) == ("sla:policy:4", Grade.NOTE)
    assert "may begin to apply when we bring a ticket back down" in down.says


def test_other_systems_that_are_told_are_named_but_not_our_own() -> None:
    ours = trigger(CHANGED, field="notification_webhook", value=["01OURS", "{}"])
    theirs = {**trigger(CHANGED, field="notification_target", value=["5", "x"]), "title": "To the pager"}
    assert rules.tells_others([ours, theirs], every(), {"01OURS"}) == ("To the pager",)
