"""Which Zendesk call a command becomes, and which targets Zendesk can take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Alternative, Call
from connectors.site import Site
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.writeback import check_target, plan, stands_in
from policies.commands import Command, Line, Mode, Note, Span, Take
from policies.model import Named, Priority, Status, Ticket, TicketRef

SITE = Site(name="acme", settings=ZendeskSettings(url="https://acme.zendesk.com", oauth_token="t"))
NOTE = Note(lines=(Line(spans=(Span(text="op-1"),)),))
GROUP = Named(id="360", name="Billing")
REF = TicketRef(vendor="zendesk", site="acme", id="5158")


def planned(ticket: Ticket | None = None, **more: Any) -> tuple[Call, ...]:
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
    return plan(Command(**{**usual, **more}), ticket or Ticket(ref=REF), SITE)


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


def test_where_the_note_is_left_out_the_fields_go_alone_and_may_go_twice() -> None:
    (call,) = planned(note=None)
    assert dict(call.parts) == {"group": "Billing", "priority": "urgent", "level": 2}
    assert call.note is None
    assert call.repeatable
    assert planned(note=None, mode=Mode.NOTE) == ()
    (chosen,) = planned(note=None, target={"group": "Billing", "assign": "least_busy"})
    assert not chosen.repeatable  # the second time it might be somebody else


# --- pools --------------------------------------------------------------------------------------------------
LEAST = {"group": "Billing", "assign": "least_busy"}


def test_a_pool_is_named_with_its_turn_and_expects_nobody_yet() -> None:
    (call,) = planned(target={**LEAST, "from": ["Bea", 7]}, turn=5, priority=None)
    assert dict(call.parts) == {
        "group": "Billing",
        "pool": {"pick": "least_busy", "from": ["Bea", 7], "turn": 5},
        "level": 2,
        "note": True,
    }
    assert call.aims == ("group", "pool")
    assert dict(call.expect) == {"group": "Billing", "level": "2", "tag": "stepladder_level_2"}


@pytest.mark.parametrize(
    ("assignee", "named", "chosen", "why"),
    [
        (Named(id="7", name="Bea"), [], False, "somebody of the group has it already"),
        (None, [], True, "it is in the group and nobody has it"),
        (Named(id="7", name="Bea"), ["Ines"], True, "others than the whole group are named"),
    ],
)
def test_a_pool_takes_no_ticket_from_a_colleague(
    assignee: Named | None, named: list[str], chosen: bool, why: str
) -> None:
    ticket = Ticket(ref=REF, known=frozenset({"group", "assignee"}), group=GROUP, assignee=assignee)
    target = {**LEAST, **({"from": named} if named else {})}
    (call,) = planned(ticket, target=target)
    assert ("pool" in call.parts) is chosen, why
    assert bool(call.aims) is chosen


@pytest.mark.parametrize(
    ("target", "opens"),
    [({"group": "Billing"}, False), ({"assignee": "7"}, True), (LEAST, True), ({"followers": ["7"]}, False)],
)
def test_a_new_ticket_that_somebody_gets_is_expected_to_be_opened(target: Any, opens: bool) -> None:
    new = Ticket(ref=REF, known=frozenset({"status"}), status=Status.NEW)
    (call,) = planned(new, target=target)
    assert call.expect.get("status") == ("open" if opens else None)
    (call,) = planned(replace(new, status=Status.PENDING), target=target)
    assert "status" not in call.expect


# --- fallbacks and the way down -----------------------------------------------------------------------------
def test_fallbacks_are_other_places_with_what_then_echoes() -> None:
    fallbacks = ({"group": 361}, LEAST, {"group": "Support", "assignee": "7001"}, {"followers": ["x@example.com"]})
    (call,) = planned(target={"assignee": "bea@example.com"}, fallbacks=fallbacks, turn=2)
    assert call.aims == ("assignee",)
    pool = {"pick": "least_busy", "from": [], "turn": 2}
    assert call.otherwise == (
        Alternative(parts={"group": 361}, expect={"group": "361", "assignee": None}),
        Alternative(parts={"group": "Billing", "pool": pool}, expect={"group": "Billing"}),
        Alternative(parts={"group": "Support", "assignee": "7001"}, expect={"group": "Support", "assignee": "7001"}),
        Alternative(parts={"followers": ["x@example.com"]}),
    )


def test_under_oversight_others_watch_instead_and_the_ticket_stays() -> None:
    fallbacks = ({"followers": ["y@example.com"]}, {"group": "Support"}, {"assignee": 7005})
    (call,) = planned(take=Take.OVERSIGHT, target={"followers": ["x@example.com"]}, fallbacks=fallbacks)
    assert call.aims == ("followers",)
    assert call.otherwise == (
        Alternative(parts={"followers": ["y@example.com"]}),
        Alternative(parts={"followers": [7005]}),
    )


@pytest.mark.parametrize("mode", [Mode.NOTE, Mode.ACT])
def test_where_nothing_is_moved_there_is_nothing_else_to_try(mode: Mode) -> None:
    ticket = Ticket(ref=REF, known=frozenset({"group", "assignee"}), group=GROUP)
    (call,) = planned(ticket, mode=mode, target={"group": "Billing"}, fallbacks=({"group": "Support"},))
    assert (call.aims, call.otherwise) == ((), ())


def down(before: dict[str, str | None], ticket: Ticket | None = None, **more: Any) -> Call:
    given = {"level": 1, "level_before": 2, "target": {}, "priority": None, "restore": before, **more}
    (call,) = planned(ticket, **given)
    return call


@pytest.mark.parametrize(
    ("before", "parts", "why"),
    [
        ({"group": "360", "assignee": "7001"}, {"group": "360", "assignee": "7001"}, "back to whom it was taken from"),
        ({"group": "360", "assignee": None}, {"group": "360", "assignee": None}, "nobody had it"),
        ({"assignee": None}, {"assignee": None}, "only the person is another"),
        ({"group": None, "assignee": None}, {"assignee": None}, "a group cannot be taken away again"),
        ({"custom.x": "1"}, {}, "other fields are not Zendesk's to give back here"),
        ({}, {}, "nothing to give back"),
    ],
)
def test_coming_down_restores_by_ids(before: dict[str, str | None], parts: dict[str, Any], why: str) -> None:
    call = down(before)
    assert dict(call.parts) == {**parts, "level": 1, "note": True}, why
    assert dict(call.expect) == {**parts, "level": "1", "tag": None}
    assert call.aims == tuple(parts)


def test_whoever_has_it_keeps_it_if_only_the_group_is_given_back() -> None:
    ticket = Ticket(ref=REF, known=frozenset({"assignee"}), assignee=Named(id="7001"))
    call = down({"group": "360"}, ticket)
    assert call.parts["assignee"] == "7001"
    assert call.otherwise == (Alternative(parts={"group": "360"}, expect={"group": "360", "assignee": None}),)
    assert down({"group": "360"}).otherwise == ()


def test_a_priority_is_given_back_with_the_rest() -> None:
    call = down({"group": "360"}, level=2, level_before=3, priority=Priority.LOW)
    assert (call.parts["priority"], call.parts["level"], call.expect["tag"]) == ("low", 2, "stepladder_level_2")


# --- targets ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "target",
    [
        {"group": "Billing"},
        {"group": 360},
        {"assignee": "bea@example.com"},
        {"followers": ["a@example.com", 7]},
        {"group": "Billing", "assign": "least_busy"},
        {"assign": "round_robin", "from": ["bea@example.com", 7]},
    ],
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
        ({"group": "a", "assing": "least_busy"}, "did you mean `assign`"),
        ({"group": "a", "assign": "least_bussy"}, "did you mean `least_busy`"),
        ({"group": "a", "assign": ["least_busy"]}, "`assign` expected least_busy or round_robin"),
        ({"assign": "least_busy"}, "a `group` or `from: [people]` to choose from, got neither"),
        ({"group": "a", "from": ["bea"]}, "expected `assign: least_busy` beside it"),
        ({"assign": "least_busy", "from": "bea"}, "`from` expected a list"),
        ({"group": "a", "assignee": "b", "assign": "round_robin"}, "expected one of them, got both"),
    ],
)
def test_a_wrong_target_is_answered_in_a_sentence(target: Any, said: str) -> None:
    (sentence,) = check_target(target)
    assert said in sentence


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
