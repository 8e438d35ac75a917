"""What Jira's own automation would do after our writes: certain, possible or not; heard outside, or fought with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.jira.foreign import Chance, Ours, Rule, findings, read_rule, runs, starts
from connectors.upkeep import Grade

OURS = Ours(
    account="712020:us",
    fields={
        "priority": "priority",
        "assignee": "assignee",
        "labels": "labels",
        "customfield_1": "team",
        "team": "team",
    },
    projects=frozenset({"10000", "10001"}),
    desks=frozenset({"10000"}),
    outsiders=frozenset({"customfield_9"}),
)
PRIORITY_CHANGES = {"type": "jira.issue.field.changed", "value": {"fields": [{"type": "field", "value": "priority"}]}}
PUBLICLY = {"component": "ACTION", "type": "jira.issue.comment", "value": {"comment": "Hi", "publicComment": True}}
INTERNALLY = {"component": "ACTION", "type": "jira.issue.comment", "value": {"comment": "Hi", "publicComment": False}}
DESK = ["ari:cloud:jira:c-1:project/10000"]


def told(trigger: Any = None, *components: Any, **more: Any) -> dict[str, Any]:
    rule = {"name": "Priority up", "state": "ENABLED", "trigger": trigger or PRIORITY_CHANGES, "ruleScopeARIs": DESK}
    return {"uuid": "0190-a", "rule": {**rule, "components": list(components) or [PUBLICLY], **more}}


def rule(trigger: Any = None, *components: Any, **more: Any) -> Rule:
    found = read_rule(told(trigger, *components, **more))
    assert found is not None
    return found


def event(kind: str) -> dict[str, Any]:
    return {"type": f"jira.issue.event.trigger:{kind}", "value": {}}


def changed(*fields: str) -> dict[str, Any]:
    return {"type": "jira.issue.field.changed", "value": {"fields": [{"type": "ID", "value": f} for f in fields]}}


MOVING, LINKING, WITHOUT = (
    replace(OURS, moves=True),
    replace(OURS, links=True),
    replace(OURS, fields={"labels": "labels"}),
)


@pytest.mark.parametrize(
    ("trigger", "ours", "chance", "reason"),
    [
        (changed("priority"), OURS, Chance.SURELY, "we set it"),
        (changed("Team"), OURS, Chance.SURELY, "we set it, and rules may say the name"),
        (changed("summary"), OURS, Chance.NO, "we never touch it"),
        (changed(), OURS, Chance.SURELY, "every field"),
        (changed("priority"), WITHOUT, Chance.NO, "this policy sets no priority"),
        (event("updated"), OURS, Chance.SURELY, "every write is an update"),
        (event("commented"), OURS, Chance.SURELY, "our note is a comment"),
        (event("assigned"), OURS, Chance.SURELY, "we assign"),
        (event("assigned"), WITHOUT, Chance.NO, "we never assign"),
        (event("transitioned"), OURS, Chance.NO, "we change no status"),
        (event("transitioned"), MOVING, Chance.MAYBE, "it depends on the status"),
        (event("created"), OURS, Chance.NO, "we open nothing"),
        (event("created"), LINKING, Chance.SURELY, "a linked issue"),
        (event("deleted"), OURS, Chance.NO, "we delete nothing"),
        ({"type": "jira.issue.property.updated"}, OURS, Chance.SURELY, "our marker is a property"),
        ({"type": "jira.sla.threshold.trigger"}, OURS, Chance.MAYBE, "another priority, another goal"),
        ({"type": "jira.sla.threshold.trigger"}, WITHOUT, Chance.NO, "the same goal as before"),
        ({"type": "jira.jql.scheduled"}, OURS, Chance.NO, "the clock's"),
        ({"type": "jira.manual.trigger.issue"}, OURS, Chance.NO, "a person's"),
        ({"type": "some.app:issue-thing"}, OURS, Chance.MAYBE, "nobody knows"),
    ],
)
def test_a_rule_is_set_off_by_what_we_change(trigger: Any, ours: Ours, chance: Chance, reason: str) -> None:
    assert starts(rule(trigger), ours) is chance, reason


@pytest.mark.parametrize(
    ("scope", "chance"),
    [
        ({"ruleScopeARIs": ["ari:cloud:jira:c-1:project/10007"]}, Chance.NO),
        ({"ruleScopeARIs": ["ari:cloud:jira::site/c-1"]}, Chance.SURELY),
        ({"ruleScopeARIs": None, "projects": [{"projectId": "10007", "projectTypeKey": None}]}, Chance.NO),
        ({"ruleScopeARIs": None, "projects": [{"projectId": "10001"}]}, Chance.SURELY),
        ({"ruleScopeARIs": None, "projects": []}, Chance.SURELY),
        ({"ruleScopeARIs": None, "ruleScope": {"resources": DESK}}, Chance.SURELY),
    ],
)
def test_a_rule_of_another_project_is_not_ours_to_set_off(scope: dict[str, Any], chance: Chance) -> None:
    assert starts(rule(None, PUBLICLY, **scope), OURS) is chance


def field_is(field: str, value: str, comparison: str = "EQUALS") -> dict[str, Any]:
    about = {"selectedField": {"type": "ID", "value": field}, "comparison": comparison}
    compared = {"type": "ID", "value": value}
    return {"component": "CONDITION", "type": "jira.issue.condition", "value": {**about, "compareValue": compared}}


def initiator(check: str, who: str) -> dict[str, Any]:
    asked = {"field": "initiator", "check": check, "criteria": [{"type": "ID", "value": who}]}
    return {"component": "CONDITION", "type": "jira.user.condition", "value": {"conditions": [asked]}}


@pytest.mark.parametrize(
    ("condition", "chance", "reason"),
    [
        (field_is("priority", "1"), Chance.MAYBE, "we give it to some"),
        (field_is("priority", "3"), Chance.MAYBE, "no level gives it; coming down gives back what there was"),
        (field_is("priority", "3", "NOT_EQUALS"), Chance.MAYBE, "what we give is not that"),
        (field_is("customfield_1", "5"), Chance.MAYBE, "what it holds is not ours to know"),
        (initiator("USER_IS_NOT", "712020:us"), Chance.NO, "the rule leaves us out"),
        (initiator("USER_IS_NOT", "712020:ann"), Chance.MAYBE, "it leaves somebody else out"),
        ({"component": "CONDITION", "type": "jira.jql.condition", "value": "project = ITSM"}, Chance.MAYBE, "JQL"),
        ({"component": "CONDITION", "type": "jira.user.condition", "value": None}, Chance.MAYBE, "unreadable"),
    ],
)
def test_a_condition_makes_it_possible_or_impossible(condition: Any, chance: Chance, reason: str) -> None:
    assert starts(rule(None, condition, PUBLICLY), OURS) is chance, reason


def mail(*to: Any, **more: Any) -> dict[str, Any]:
    return {"component": "ACTION", "type": "jira.issue.outgoing.email", "value": {"to": list(to), **more}}


MOVE = {"component": "ACTION", "type": "jira.issue.transition", "value": {"destinationStatus": {"value": "Closed"}}}


@pytest.mark.parametrize(
    ("action", "heard", "reason"),
    [
        (PUBLICLY, True, "customers read public comments"),
        (INTERNALLY, False, "only agents read it"),
        ({"component": "ACTION", "type": "jira.issue.comment", "value": {"comment": "Hi"}}, True, "not said: careful"),
        (mail({"type": "COPY", "value": "reporter"}), True, "the customer"),
        (mail({"type": "SMART", "value": "{{issue.reporter.emailAddress}}"}), True, "the customer, by a smart value"),
        (mail({"type": "COPY", "value": "assignee"}, cc=[{"type": "FIELD", "value": "customfield_9"}]), True, "cc"),
        (mail({"type": "COPY", "value": "assignee"}), False, "an agent"),
        (mail({"type": "FREE", "value": "duty@example.com"}), False, "a fixed address"),
        (MOVE, True, "the portal shows the status"),
        ({"component": "ACTION", "type": "jira.issue.outgoing.webhook", "value": {}}, False, "a machine"),
    ],
)
def test_who_outside_hears_of_it(action: Any, heard: bool, reason: str) -> None:
    found = [finding for finding in findings([rule(None, action)], OURS) if finding.customer_hears]
    assert bool(found) is heard, reason
    if heard:
        assert found[0].name == "customer-hears:automation:0190-a"
        assert 'accepts = ["customer-hears:automation:0190-a"]' in found[0].cure


@pytest.mark.parametrize(
    ("trigger", "components", "by_notes", "reason"),
    [
        (event("commented"), [PUBLICLY], True, "our note is a comment"),
        (event("updated"), [PUBLICLY], True, "perhaps a comment is an update"),
        ({"type": "some.app:issue-thing"}, [PUBLICLY], True, "nobody knows"),
        (changed("priority"), [PUBLICLY], False, "a note changes no field"),
        (changed(), [PUBLICLY], False, "a note changes no field"),
        ({"type": "jira.issue.property.updated"}, [PUBLICLY], False, "only an edit carries our marker"),
        ({"type": "jira.sla.threshold.trigger"}, [PUBLICLY], False, "a note chooses no goal"),
        (event("assigned"), [PUBLICLY], False, "a note assigns nobody"),
    ],
)
def test_a_site_that_only_writes_notes_is_told_which_rules_they_set_off(
    trigger: Any, components: list[Any], by_notes: bool, reason: str
) -> None:
    (found,) = findings([rule(trigger, *components)], OURS)
    assert (found.customer_hears, found.heard_by_notes) == (True, by_notes), reason


def test_a_rule_that_spares_us_hears_of_no_note_either() -> None:
    assert not list(findings([rule(event("commented"), initiator("USER_IS_NOT", "712020:us"), PUBLICLY)], OURS))


def test_a_public_comment_where_there_is_no_portal_is_heard_by_no_customer() -> None:
    plain = rule(None, PUBLICLY, ruleScopeARIs=["ari:cloud:jira:c-1:project/10001"])
    assert not list(findings([plain], OURS))


def test_an_action_in_a_branch_is_seen_too() -> None:
    branch = {"component": "BRANCH", "type": "jira.issue.related", "children": [PUBLICLY]}
    block = {"component": "CONDITION", "type": "jira.condition.container.block", "children": [branch]}
    (found,) = findings([rule(None, block)], OURS)
    assert found.customer_hears


def edit(field: str) -> dict[str, Any]:
    operation = {"field": {"type": "ID", "value": field}, "type": "SET", "value": {"type": "ID", "value": "3"}}
    return {"component": "ACTION", "type": "jira.issue.edit", "value": {"operations": [operation]}}


def test_a_rule_that_sets_what_we_set_is_a_conflict() -> None:
    (found,) = findings([rule(None, edit("priority"))], OURS)
    assert (found.name, found.grade, found.customer_hears) == ("vendor-rules:automation:0190-a", Grade.PROBLEM, False)
    assert "sets priority" in found.says


def test_a_rule_that_only_may_set_it_is_a_warning() -> None:
    (found,) = findings([rule(None, field_is("priority", "1"), edit("priority"))], OURS)
    assert found.grade is Grade.WARNING


def test_a_rule_that_sets_something_else_is_none_of_our_business() -> None:
    assert not list(findings([rule(None, edit("duedate"))], OURS))


def test_a_rule_that_is_switched_off_is_not_read() -> None:
    assert read_rule(told(None, PUBLICLY, state="DISABLED")) is None


def test_settings_written_as_text_are_read() -> None:
    as_text = {**PRIORITY_CHANGES, "value": json.dumps(PRIORITY_CHANGES["value"])}
    assert starts(rule(as_text), OURS) is Chance.SURELY
    assert starts(rule({**as_text, "value": "{broken"}), OURS) is Chance.SURELY, "unreadable counts as every field"


@pytest.mark.parametrize(
    "junk", [None, 7, "x", [], {}, {"id": 1}, {"trigger": {"type": "x"}}, {"id": 1, "trigger": []}]
)
def test_what_is_no_rule_is_left_out(junk: object) -> None:
    assert read_rule(junk) is None


KEYS = ["rule", "trigger", "components", "children", "component", "type", "value", "fields", "conditions", "operations"]
KEYS += [
    "field",
    "to",
    "state",
    "uuid",
    "id",
    "projects",
    "projectId",
    "ruleScopeARIs",
    "selectedField",
    "compareValue",
]
WORDS = [
    "ACTION",
    "CONDITION",
    "jira.issue.field.changed",
    "jira.issue.comment",
    "jira.issue.edit",
    "ENABLED",
    "priority",
]
WORDS += [
    "jira.issue.outgoing.email",
    "jira.user.condition",
    "jira.issue.condition",
    "jira.issue.event.trigger:updated",
]
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text(max_size=8)
JUNK = st.recursive(
    LEAVES,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inside, max_size=6),
    max_leaves=40,
)


@given(trigger=JUNK, components=JUNK, more=st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=4))
def test_no_rule_however_odd_stops_the_examination(trigger: object, components: object, more: dict[str, Any]) -> None:
    found = read_rule({"uuid": "0190-a", "trigger": trigger, "components": components, **more})
    assert found is None or all(finding.name.endswith(found.id) for finding in findings([found], OURS))


def test_rules_that_our_writes_set_off_are_counted() -> None:
    assert runs([rule(), rule(event("commented")), rule(event("deleted"))], OURS) == 2
