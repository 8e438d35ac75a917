"""What is not known yet: it is asked for when the outcome depends on it, once, and never asked again and again."""

from __future__ import annotations

from typing import Any

import pytest

from policies.case import Case, Decision, Facts, Needs
from policies.decide import decide
from policies.document import parse
from policies.model import Kind, Named

VIP = "  - {name: vip, when: {tags: vip}, go_to: 2}"
ONE = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
TWO = "  - {level: 2, name: Two, targets: {desk: {group: Experts}}}\n"
KNOWN = {"tags": (), "status": "open", "level": 1, "impact": None, "urgency": None}
ASKED_OF = {
    "branch": (", by_region: {emea: {group: Leads}}", "", "custom"),
    "form": (", by_form: {Incident: {group: Leads}}", "", "form"),
    "opening hours": ("", ", out_of_hours: {hold_until: office, unless: {product: mail}}", "product"),
}


def partly(say: Any, rules: str = VIP, levels: str = ONE + TWO, more: str = "", **told: Any) -> Any:
    """A ticket of which little is known; at first its vendor had nothing more to tell."""
    tested = say.desk(say.ladder(rules, levels, more), Facts(fetched=frozenset({"custom"})))
    picture = say.part(say.at(0), **{**KNOWN, "group": "11", **told})
    tested.look(0, say.event("first", 0, ticket=picture))
    return tested


def needs(tested: Any, say: Any, when: float, event: Any, fetched: frozenset[str] = frozenset()) -> frozenset[str]:
    """What a look would have to ask the vendor for, if that was fetched before; nothing if it decides."""
    found = decide(tested.policy, tested.case, [event], Facts(fetched=fetched | {"exposed"}), say.at(when))
    return found.fields if isinstance(found, Needs) else frozenset()


def tagged(say: Any, when: float = 2) -> Any:
    return say.changed("tag", when, tag=(None, "vip"))


def level_with(branch: str, more: str) -> str:
    return ONE + TWO.replace("Experts}}}", f"Experts{branch}}}}}{more}}}")


# --- asked for ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("branch", "more", "field"), ASKED_OF.values(), ids=ASKED_OF)
def test_what_the_place_or_its_hours_depend_on_is_asked_for_before_the_move(
    say: Any, branch: str, more: str, field: str
) -> None:
    tested = partly(say, levels=level_with(branch, more), form=Named(id="5"))
    tested.look(1, say.changed("other", 1, custom__env=(None, "prod")))  # one of the custom fields is known
    when = 600 if field == "product" else 2
    assert field in needs(tested, say, when, tagged(say, when))


@pytest.mark.parametrize(("branch", "more", "field"), ASKED_OF.values(), ids=ASKED_OF)
def test_what_a_vendor_never_tells_is_asked_for_once(say: Any, branch: str, more: str, field: str) -> None:
    tested = partly(say, levels=level_with(branch, more), form=Named(id="5"))
    when = 600 if field == "product" else 2
    assert needs(tested, say, when, tagged(say, when), frozenset({field, "kind"})) == frozenset()


def test_while_it_is_open_nothing_is_asked_for_its_closed_hours(say: Any) -> None:
    tested = partly(say, levels=level_with(*ASKED_OF["opening hours"][:2]))
    assert needs(tested, say, 2, tagged(say)) == frozenset()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("evidence: {for: functional, need: [product]}", "product"),
        ("evidence: {for: functional, need: [custom.version]}", "custom"),
        ("never: {product: mail}", "product"),
        ("min_time_between: 3h, never_hold: {product: mail}", "product"),
    ],
    ids=["evidence", "a field of one's own", "never", "never_hold"],
)
def test_what_a_guard_depends_on_is_asked_for_once(say: Any, more: str, field: str) -> None:
    rules = VIP + "\n  - {name: out, when: {tags: outage}, go_to: 3}"
    levels = ONE + TWO + "  - {level: 3, name: Three, targets: {desk: {group: Leads}}}\n"
    tested = partly(say, rules, levels, f"guards: {{{more}}}")
    if "never_hold" in more:
        tested.look(1, say.changed("vip", 1, tag=(None, "vip")))
        tested.written(1)
    event = say.changed("out", 2, tag=(None, "outage"))
    if "never_hold" not in more:
        event = tagged(say)
    assert needs(tested, say, 2, event) == {field}
    assert needs(tested, say, 2, event, frozenset({field})) == frozenset()


def test_a_rule_that_is_not_known_below_one_that_is_held_is_asked_for(say: Any) -> None:
    three = "  - {level: 3, name: Three, targets: {desk: {group: Leads}}, needs_confirmation: escalation_manager}"
    rules = VIP.replace("2}", "3}") + "\n  - {name: prod, when: {custom: {env: prod}}, go_to: 2}"
    tested = partly(say, rules, ONE + TWO + three)
    assert needs(tested, say, 2, tagged(say)) == {"custom"}


def test_below_a_rule_that_moves_the_ticket_nothing_is_asked_for(say: Any) -> None:
    three = "  - {level: 3, name: Three, targets: {desk: {group: Leads}}}"
    rules = VIP.replace("2}", "3}") + "\n  - {name: prod, when: {custom: {env: prod}}, go_to: 2}"
    assert needs(partly(say, rules, ONE + TWO + three), say, 2, tagged(say)) == frozenset()


# --- clocks and words ---------------------------------------------------------------------------------------------
OWN = """\
version: 1
name: Own
applies_to: {desk: all}
calendars: {office: {timezone: UTC, hours: {mon-fri: "09:00-17:00"}}}
DEFAULTS
levels:
"""


@pytest.mark.parametrize(
    ("defaults", "field"),
    [
        ("defaults: {calendar: {from: support_hours, else: office}}", "custom"),
        ("defaults: {pause_while_blocked: {at_most: 3d clock}}", "blocked_by"),
    ],
    ids=["the customer's calendar", "what blocks it"],
)
def test_what_the_clocks_depend_on_is_asked_for_once(say: Any, defaults: str, field: str) -> None:
    rule = "rules: [{name: late, when: {unresolved_for: 30m}, go_to: 2}]"
    policy = parse(OWN.replace("DEFAULTS", defaults) + ONE + TWO + rule)
    picture = say.part(say.at(0), **KNOWN, group="11", created_at=say.at(0))
    events = [say.event("first", 0, ticket=picture), say.changed("other", 1, custom__env=(None, "prod"))]
    found = decide(policy, Case.fresh(say.ref, say.at(0)), events, Facts(), say.at(1))
    assert isinstance(found, Needs)
    assert found.fields == {field}
    asked = Facts(fetched=frozenset({field}))
    assert isinstance(decide(policy, Case.fresh(say.ref, say.at(0)), events, asked, say.at(1)), Decision)


@pytest.mark.parametrize(
    ("rule", "more", "asked"),
    [
        ("tags: vip", "", False),
        ("matches: {message: outage}", "", True),
        ("tags: vip", "guards: {never: {answered: true}}", True),
        ("tags: vip", "roles: {escalation_manager: {people: [Eva Lang], tell: [eva@acme.example]}}", True),
    ],
    ids=["nothing", "a rule", "a guard", "orders of people"],
)
def test_messages_are_fetched_only_for_a_policy_that_asks_of_them(say: Any, rule: str, more: str, asked: bool) -> None:
    policy = parse(OWN.replace("DEFAULTS", more) + ONE + TWO + f"rules: [{{name: out, when: {{{rule}}}, go_to: 2}}]")
    touched = [say.event("touched", 0, Kind.TOUCHED)]
    found = decide(policy, Case.fresh(say.ref, say.at(0)), touched, Facts(), say.at(0))
    assert isinstance(found, Needs)
    assert found.fields == {"ticket", *(["conversation"] if asked else [])}


# --- what is given back -------------------------------------------------------------------------------------------
def test_a_place_that_was_not_known_is_not_given_back_as_nobodys(say: Any) -> None:
    more = "come_down: [{name: done, from: 2, when: {tags: done}, for: 1h, go_to: 1}]"
    tested = say.desk(say.ladder(VIP, ONE + TWO, more))
    tested.look(0, say.event("first", 0, ticket=say.part(say.at(0), tags=("x",), status="open", level=1)))
    tested.look(1, tagged(say, 1))
    assert tested.level == 2
    tested.written(1)
    tested.look(2, say.changed("done", 2, tag=(None, "done")))
    command = tested.look(62).command
    assert (command.level, command.restore) == (1, {})
