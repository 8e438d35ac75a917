"""Commands as Jira calls, and what a Jira target may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Call
from connectors.jira.settings import JiraSettings
from connectors.jira.writeback import check_target, edit_body, plan, stands_in
from connectors.site import Site
from policies.commands import Command, Line, Mode, Note, Span, Take
from policies.model import Named, Priority, Ticket, TicketRef, ticket_from

REF = TicketRef(vendor="jira", site="here", id="10001")
NOTE = Note(lines=(Line(spans=(Span(text="op 1"),)),))
TARGET = {"assignee": "ben", "field": {"team": "Billing", "region": "South"}, "watchers": ["eva", "dan", "eva"]}


def site(**more: Any) -> Site:
    usual: dict[str, Any] = {"url": "https://a.example.com", "email": "e", "token": "t"}
    return Site(name="here", settings=JiraSettings(**{**usual, **more}))


def ticket(**told: Any) -> Ticket:
    return ticket_from(REF, None, told)


def command(**more: Any) -> Command:
    usual: dict[str, Any] = {
        "operation": "op1",
        "level": 2,
        "level_before": 1,
        "level_name": "L2",
        "take": Take.OWNERSHIP,
        "target": TARGET,
        "priority": Priority.HIGH,
        "note": NOTE,
    }
    return Command(**{**usual, **more})


def shape(calls: tuple[Call, ...]) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(call.verb, tuple(call.parts), call.repeatable) for call in calls]


@pytest.mark.parametrize("portal", [True, None, False])
def test_fields_come_first_and_the_note_alone_wherever_the_issue_is(portal: bool | None) -> None:
    told = {} if portal is None else {"portal": portal}
    assert shape(plan(command(), ticket(**told), site())) == [
        ("edit_issue", ("level", "priority", "assignee", "field:team", "field:region"), True),
        ("watch", ("watchers",), True),
        ("watch", ("watchers",), True),
        ("internal_comment", ("note",), False),
    ]


def test_oversight_moves_nothing_and_adds_watchers() -> None:
    calls = plan(command(take=Take.OVERSIGHT), ticket(portal=True), site())
    assert shape(calls)[0] == ("edit_issue", ("level", "priority"), True)
    assert [call.parts["watchers"] for call in calls if call.verb == "watch"] == ["eva", "dan", "ben"]


@pytest.mark.parametrize("portal", [True, False])
def test_a_careful_mode_writes_the_note_only(portal: bool) -> None:
    calls = plan(command(mode=Mode.NOTE), ticket(portal=portal), site())
    assert shape(calls) == [("internal_comment", ("note",), False)]
    assert plan(command(mode=Mode.OBSERVE), ticket(portal=portal), site()) == ()


@pytest.mark.parametrize("portal", [True, False])
def test_without_a_note_nothing_is_said_and_the_fields_are_set_all_the_same(portal: bool) -> None:
    calls = plan(command(note=None, target={"assignee": "ben"}), ticket(portal=portal), site())
    assert shape(calls) == [("edit_issue", ("level", "priority", "assignee"), True)]
    assert plan(command(note=None, mode=Mode.NOTE), ticket(portal=portal), site()) == ()


def test_the_echo_is_foretold_in_the_words_of_changes() -> None:
    first = plan(command(), ticket(portal=True), site())[0]
    assert first.expect == {
        "level": "2",
        "tag": "stepladder-level-2",
        "priority": "high",
        "assignee": "ben",
        "group": "Billing",
        "custom.region": "South",
    }
    assert "tag" not in plan(command(level=1), ticket(portal=True), site())[0].expect


@pytest.mark.parametrize(
    ("now", "to", "operations"),
    [
        (1, 2, [{"add": "stepladder-level-2"}]),
        (2, 3, [{"add": "stepladder-level-3"}, {"remove": "stepladder-level-2"}]),
        (2, 2, [{"add": "stepladder-level-2"}]),
        (3, 1, [{"remove": "stepladder-level-3"}]),
    ],
)
def test_the_label_follows_the_level(now: int, to: int, operations: list[dict[str, str]]) -> None:
    call = plan(command(level=to), ticket(portal=True), site())[0]
    assert edit_body(call, ticket(level=now), {}, site())["update"]["labels"] == operations


def test_an_unknown_level_is_cleared_without_asking() -> None:
    call = plan(command(level=2), ticket(portal=True), site())[0]
    operations = edit_body(call, ticket(), {}, site())["update"]["labels"]
    assert operations[0] == {"add": "stepladder-level-2"}
    assert {"remove": "stepladder-level-3"} in operations
    assert {"remove": "stepladder-level-2"} not in operations


def test_one_put_carries_fields_label_and_marker_and_never_a_note() -> None:
    call = replace(plan(command(target={"assignee": "ben"}), ticket(portal=False), site())[0], note=NOTE)
    assert edit_body(call, ticket(level=1), {"priority": {"id": "2"}}, site()) == {
        "fields": {"priority": {"id": "2"}, "assignee": {"accountId": "ben"}},
        "update": {"labels": [{"add": "stepladder-level-2"}]},
        "properties": [{"key": "stepladder", "value": {"op": "op1/1", "level": 2}}],
    }
    server = site(deployment="datacenter", email=None, token=None, personal_token="p")
    assert edit_body(call, ticket(level=1), {}, server)["fields"] == {"assignee": {"name": "ben"}}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "got nothing"),
        ({"project": "DEV"}, "another project is refused"),
        ({"group": "Billing"}, "name a field that holds the team"),
        ({"watcher": ["eva"]}, "did you mean watchers"),
        ({"assignee": ["a"]}, "account id"),
        ({"assignee": " "}, "account id"),
        ({"field": "Billing"}, "team: Billing"),
        ({"field": {"team": None}}, "'team'"),
        ({"watchers": "eva"}, "a list"),
        ({"watchers": [1]}, "a list"),
    ],
)
def test_a_wrong_target_is_explained(target: dict[str, Any], said: str) -> None:
    (sentence,) = check_target(target)
    assert said in sentence


def test_a_right_target_needs_no_words() -> None:
    assert check_target(TARGET) == ()


@pytest.mark.parametrize(
    ("told", "target", "answer"),
    [
        ({"assignee": Named(id="ben")}, {"assignee": "ben"}, True),
        ({"assignee": Named(id="eva", name="Eva")}, {"assignee": "ben"}, False),
        ({"group": Named(id="12", name="Billing")}, {"field": {"team": "billing"}}, True),
        ({"group": Named(id="12", name="Billing")}, {"field": {"team": "12"}}, True),
        ({"group": None}, {"field": {"team": "Billing"}}, False),
        ({"product": "Printer"}, {"field": {"product": "Printer"}}, True),
        ({"custom": {"region": "South"}}, {"field": {"region": "North"}}, False),
        ({"custom": {"region": "South"}}, {"field": {"region": "10041"}}, None),
        ({"custom": {"region": None}}, {"field": {"region": "North"}}, False),
        ({"custom": {}}, {"field": {"region": "North"}}, None),
        ({}, {"assignee": "ben"}, None),
        ({"assignee": None}, {"assignee": "ben", "field": {"region": "x"}}, False),
        ({"assignee": None}, {"watchers": ["eva"]}, None),
    ],
)
def test_where_a_ticket_stands(told: dict[str, Any], target: dict[str, Any], answer: bool | None) -> None:
    assert stands_in(ticket(**told), target) is answer


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": "http://jira.example.com"}, "https://"),
        ({"url": "ftp://x"}, "base address"),
        ({"url": "https://u:p@x.example.com"}, "user name"),
        ({"token": None}, "expected token beside email"),
        ({"personal_token": "p"}, "got a personal token"),
        ({"deployment": "datacenter"}, "got Cloud's log-in"),
        ({"deployment": "datacenter", "email": None, "token": None}, "got none"),
        ({"webhook_user": "u"}, "both or neither"),
        ({"priorities": {"blocker": "1"}}, "low, normal, high, urgent"),
        ({"statuses": {"Done": "finished"}}, "solved"),
        ({"tokn": "x"}, "tokn"),
    ],
)
def test_wrong_settings_are_refused_in_sentences(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        site(**more)
