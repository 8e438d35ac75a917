"""Where a ticket goes: by product, region, language or type, by the hour, and to whom else if that is refused."""

from __future__ import annotations

from typing import Any

import pytest

RULES = "  - {name: asked, when: {requested_by_staff: true}, go_to: 2}"
HEAD = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n  - level: 2\n    name: Two\n"
BRANCHED = (
    HEAD
    + """\
    targets:
      desk:
        group: Experts
        assign: least_busy
        by_product: {billing: {group: Billing}, Mail: {assignee: max}}
        by_language: {de: {group: Experten}}
        by_region: {emea: {group: Experts EMEA}}
        by_issue_type: {bug: {group: Developers}}
        by_tier: {gold: {group: Gold desk}}
    fallback: [{desk: {group: Leads}}, {desk: {assignee: "7"}}, {desk/other: {group: Elsewhere}}]
"""
)
GOLD = "customers: {tiers: [{tier: gold, tags: [gold]}, {tier: other}]}"


def sent(say: Any, levels: str = BRANCHED, when: float = 10, more: str = GOLD, **told: Any) -> Any:
    """The command that brings a ticket to level 2 because Tom asks for it."""
    tested = say.desk(say.ladder(RULES, levels, more))
    tested.look(when - 1, say.born(when - 1, **{"language": None, "custom": {"region": None}, **told}))
    return tested.look(when, say.said("c1", when, say.tom, "/escalate", public=False)).command


@pytest.mark.parametrize(
    ("told", "target"),
    [
        ({}, {"group": "Experts", "assign": "least_busy"}),
        ({"product": "Billing"}, {"group": "Billing", "assign": "least_busy"}),
        ({"product": "mail"}, {"group": "Experts", "assign": "least_busy", "assignee": "max"}),
        ({"product": "phone", "language": "DE"}, {"group": "Experten", "assign": "least_busy"}),
        ({"custom": {"region": "EMEA"}}, {"group": "Experts EMEA", "assign": "least_busy"}),
        ({"kind": "Bug"}, {"group": "Developers", "assign": "least_busy"}),
        ({"tags": ("gold",)}, {"group": "Gold desk", "assign": "least_busy"}),
        ({"product": "billing", "language": "de"}, {"group": "Billing", "assign": "least_busy"}),
    ],
    ids=["none fits", "product", "merged", "language", "region", "type", "tier", "the first that fits"],
)
def test_a_target_branches_by_what_the_ticket_is(say: Any, told: dict[str, Any], target: dict[str, Any]) -> None:
    assert sent(say, **told).target == target


def test_a_branch_that_cannot_be_told_yet_is_asked_for(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, BRANCHED, GOLD))
    tested.vendor = say.full(language="de", custom={})
    tested.look(9, say.event("created", 9, ticket=say.part(status="new", group="11", level=1, tags=())))
    decision = tested.look(10, say.said("c1", 10, say.tom, "/escalate", public=False))
    assert len(tested.asked) == 1  # once, for all that the branches need
    assert {"product", "language", "custom", "kind"} <= tested.asked[0]
    assert decision.command.target["group"] == "Experten"


def test_fallbacks_come_in_their_order_and_only_those_of_the_site(say: Any) -> None:
    assert sent(say).fallbacks == ({"group": "Leads"}, {"assignee": "7"})


def test_a_ticket_in_a_branchs_group_stands_at_the_level(say: Any) -> None:
    levels = BRANCHED.replace("Billing", "Kitchen")
    tested = say.desk(say.ladder(RULES, levels, GOLD))
    tested.look(0, say.born())
    tested.look(1, say.changed("m", 1, group=("11", "19")))
    assert tested.level == 2


NIGHT = (
    HEAD
    + """\
    targets: {desk: {group: Experts}}
    tell: day@acme.example
    out_of_hours:
      outside: office
      unless: {priority: urgent}
      targets: {desk: {group: Night desk, by_language: {de: {group: Nachtdienst}}}}
      tell: {on_call: Duty, else: duty@acme.example}
"""
)


@pytest.mark.parametrize(
    ("hour", "told", "group"),
    [
        (2, {}, "Experts"),
        (10, {}, "Night desk"),
        (10, {"language": "de"}, "Nachtdienst"),
        (10, {"priority": "urgent"}, "Experts"),
        (5 * 24 + 2, {}, "Night desk"),
    ],
    ids=["open", "evening", "a branch of the night", "excepted", "Saturday"],
)
def test_out_of_hours_others_get_the_ticket(say: Any, hour: int, told: dict[str, Any], group: str) -> None:
    assert sent(say, NIGHT, hour * 60, more="", **told).target == {"group": group}


def test_out_of_hours_others_are_told(say: Any) -> None:
    who = {}
    for hour in (2, 10):
        tested = say.desk(say.ladder(RULES, NIGHT))
        tested.look(hour * 60 - 1, say.born(hour * 60 - 1, language="en"))
        [notice] = tested.look(hour * 60, say.said("c1", hour * 60, say.tom, "/escalate", public=False)).notices
        who[hour] = [str(one) for one in notice.to]
    assert who == {2: ["day@acme.example"], 10: ["Duty (on call)"]}


# --- where a ticket stands --------------------------------------------------------------------------------------
SHARED = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, fallback: [{desk: {group: Leads}}]}
  - {level: 3, name: Three, targets: {desk: {group: Leads}}}
"""


def test_a_group_that_another_level_falls_back_to_is_first_of_all_its_own_levels(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, SHARED))
    tested.look(0, say.born())
    tested.look(1, say.changed("m", 1, group=("11", "13")))
    assert tested.level == 3


def test_a_ticket_that_fell_back_to_another_levels_group_stays_at_its_level(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, SHARED))
    tested.look(0, say.born())
    tested.look(10, say.said("c1", 10, say.tom, "/escalate", public=False))
    fallen = say.changed("echo", 10, say.ours, level=("1", "2"), group=("11", "13"))
    tested.case = say.settled(say.wrote(tested.case, {"level": "2", "group": "13", "tag": "stepladder_level_2"}, 10))
    tested.look(10, fallen)
    assert tested.level == 2
    tested.look(20, say.changed("c", 20, custom__colour=(None, "red")))
    assert tested.level == 2
