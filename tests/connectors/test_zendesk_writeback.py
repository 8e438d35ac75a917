"""Which Zendesk call a command becomes, and which targets Zendesk can take."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Call, Site
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.writeback import check_target, plan, stands_in
from policies.commands import Command, Line, Mode, Note, Span, Take
from policies.model import Named, Priority, Ticket, TicketRef

SITE = Site(name="acme", settings=ZendeskSettings(url="https://acme.zendesk.com", oauth_token="t"))
NOTE = Note(lines=(Line(spans=(Span(text="op-1"),)),))
REF = TicketRef(vendor="zendesk", site="acme", id="5158")


def planned(**more: Any) -> tuple[Call, ...]:
    usual: dict[str, Any] = {
        "operation": "op-1",
        "level": 2,
        "level_before": 1,
        "level_name": "Billing",
        "take": Take.OWNERSHIP,
        "target": {"group": "Billing"},
        "priority": Priority.URGENT,
        "note": NOTE,
    }
    return plan(Command(**{**usual, **more}), Ticket(ref=REF), SITE)


def test_one_put_carries_everything() -> None:
    (call,) = planned(target={"group": "Billing", "assignee": "bea@example.com", "followers": ["7005"]})
    assert call.key == "op-1/1"
    assert call.verb == "update_ticket"
    assert call.note is NOTE
    assert dict(call.parts) == {
        "group": "Billing",
        "assignee": "bea@example.com",
        "priority": "urgent",
        "level": 2,
        "followers": ["7005"],
        "note": True,
    }
    assert not call.repeatable


def test_a_group_alone_expects_that_nobody_is_assigned() -> None:
    (call,) = planned()
    assert dict(call.expect) == {
        "group": "Billing",
        "assignee": None,
        "priority": "urgent",
        "level": "2",
        "tag": "stepladder_level_2",
    }


def test_a_group_with_an_assignee_expects_both() -> None:
    (call,) = planned(target={"group": 360, "assignee": 7}, priority=None)
    assert call.expect["group"] == "360"
    assert call.expect["assignee"] == "7"
    assert "priority" not in call.expect


def test_oversight_leaves_the_ticket_where_it_is_and_lets_people_watch() -> None:
    (call,) = planned(
        take=Take.OVERSIGHT, target={"group": "Management", "assignee": 7005, "followers": ["x@example.com"]}
    )
    assert dict(call.parts) == {"priority": "urgent", "level": 2, "followers": ["x@example.com", 7005], "note": True}
    assert not call.expect.keys() & {"group", "assignee"}


def test_back_to_the_frontline_takes_the_levels_tag_away() -> None:
    (call,) = planned(level=1, level_before=2)
    assert call.expect["level"] == "1"
    assert call.expect["tag"] is None


def test_a_note_only_writes_a_note_only() -> None:
    (call,) = planned(mode=Mode.NOTE)
    assert dict(call.parts) == {"note": True}
    assert dict(call.expect) == {}


def test_observing_writes_nothing() -> None:
    assert planned(mode=Mode.OBSERVE) == ()


@pytest.mark.parametrize(
    "target",
    [{"group": "Billing"}, {"group": 360}, {"assignee": "bea@example.com"}, {"followers": ["a@example.com", 7]}],
)
def test_a_good_target_needs_no_sentence(target: Any) -> None:
    assert check_target(target) == ()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "got nothing"),
        ({"grop": "x"}, "did you mean `group`"),
        ({"project": "OPS"}, "got `project`"),
        ({"watchers": ["x"]}, "`followers`"),
        ({"group": ["a"]}, "`group` expected a name or an id"),
        ({"group": "  "}, "`group` expected"),
        ({"assignee": True}, "`assignee` expected"),
        ({"followers": "bea@example.com"}, "`followers` expected a list"),
        ({"followers": []}, "`followers` expected a list"),
        ({"followers": [None]}, "`followers` expected a list"),
    ],
)
def test_a_wrong_target_is_answered_in_a_sentence(target: Any, said: str) -> None:
    (sentence,) = check_target(target)
    assert said in sentence


GROUP = Named(id="360", name="Billing")


@pytest.mark.parametrize(
    ("group", "assignee", "target", "stands"),
    [
        (GROUP, None, {"group": "billing"}, True),
        (GROUP, None, {"group": 360}, True),
        (GROUP, None, {"group": "Support"}, False),
        (None, None, {"group": "Billing"}, False),
        (Named(id="360"), None, {"group": "Billing"}, None),
        (Named(id="360"), None, {"group": "360"}, True),
        (GROUP, None, {"group": "Billing", "assignee": "Bea"}, False),
        (GROUP, Named(id="7", name="Bea"), {"group": "Billing", "assignee": "Bea"}, True),
        (GROUP, Named(id="7", name="Bea"), {"assignee": "bea@example.com"}, None),
        (GROUP, None, {"followers": ["x"]}, None),
    ],
)
def test_a_ticket_stands_where_its_group_and_assignee_are(
    group: Named | None, assignee: Named | None, target: Any, stands: bool | None
) -> None:
    ticket = Ticket(ref=REF, known=frozenset({"group", "assignee"}), group=group, assignee=assignee)
    assert stands_in(ticket, target) is stands


def test_what_is_unknown_cannot_be_told() -> None:
    assert stands_in(Ticket(ref=REF), {"group": "Billing"}) is None
