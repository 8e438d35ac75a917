"""The linter: each mistake is shown with its sentence, and beside it a near miss of which it must say nothing."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.branches import Answers
from policies.calendars import Calendar
from policies.document import parse
from policies.findings import Reason, reasons
from policies.lint import lint
from policies.policy import Policy
from policies.simulate import run_examples

HEAD = """\
version: 1
name: Linted
applies_to: {desk: {groups: [Support, Experts]}, board: all}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
defaults: {calendar: office, pause_while: [pending, on_hold]}
severity:
  impact: [low, high]
  urgency: [low, high]
  matrix: {low: [minor, major], high: [major, critical]}
customers:
  tiers: [{tier: platinum, organizations: [Globex]}, {tier: vip, tags: [vip]}, {tier: standard}]
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}, board: {field: {team: Desk}}}}
  - {level: 2, name: Experts, targets: {desk: {group: Experts}, board: {field: {team: Net}}}}
  - {level: 3, name: Management, take: oversight, targets: {desk: {followers: [lead]}, board: {watchers: [lead]}}}
  - {level: 4, name: Executive, take: oversight, targets: {desk: {followers: [coo]}, board: {watchers: [coo]}}}
rules:
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: day, when: {unresolved_for: 24h clock}, go_to: 2}
"""


ASKED, DAY = [f"  - {line}\n" for line in (
    "{name: asked, when: {requested_by_staff: true}, go_to: requested_level}",
    "{name: day, when: {unresolved_for: 24h clock}, go_to: 2}",
)]  # fmt: skip
TIERS = "[{tier: platinum, organizations: [Globex]}, {tier: vip, tags: [vip]}, {tier: standard}]"
SHORT = '{mon: "00:00-00:01"}'
WAITING = "{name: a, when: {unanswered_for: 3h}, go_to: 2, wait_if: {human_active_within: 10m, at_most: 10m}}"


def policy(rules: str = "", *, without: str = "", **changed: str) -> Policy:
    """Return the policy above with these rules besides, without one, and with other `tiers` or `hours`."""
    text = HEAD.replace(without, "").replace(TIERS, changed.get("tiers", TIERS))
    text = text.replace('{mon-fri: "09:00-17:00"}', changed.get("hours", '{mon-fri: "09:00-17:00"}'))
    return parse(text + "".join(f"  - {line.strip()}\n" for line in rules.strip().splitlines()))


def found(rules: str = "", **changed: str) -> list[str]:
    return [f"{f.severity}: {f}" for f in lint(policy(rules, **changed))]


def only(sentence: str, rules: str = "", **changed: str) -> None:
    """Exactly one finding, which says this."""
    (one,) = found(rules, **changed)
    assert sentence in one


def test_a_policy_without_mistakes_has_no_findings() -> None:
    assert found() == []


# --- rules that never fire ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("when", "why"),
    [
        (
            "{status: solved, unresolved_for: 3h}",
            "no ticket that can climb has `status: solved`; a status is one of new",
        ),
        ("{status: [solved, closed]}", "no ticket that can climb has `status: [solved, closed]`"),
        ("{answered: true, unanswered_for: 3h}", "`answered: true` and `unanswered_for: 3h` exclude each other"),
        ("{all: [{tier: vip}, {not: {tier: [vip, platinum]}}]}", "`tier: vip` and `not: {tier: [vip, platinum]}` exc"),
        ("{all: [{priority: urgent}, {priority: {at_most: high}}]}", "exclude each other"),
        ("{priority: {more_than: urgent}}", "`priority: {more_than: urgent}` is never so"),
        ("{severity: {less_than: minor}}", "`severity: {less_than: minor}` is never so"),
        ("{level: {more_than: 4}, unresolved_for: 3h}", "`level: {more_than: 4}` is never so"),
        ("{reopens: {less_than: 0}}", "is never so"),
        ("{all: [{reopens: {at_least: 3}}, {reopens: {at_most: 2}}]}", "exclude each other"),
        ("{all: [{product: billing}, {product: Network}]}", "exclude each other"),
        ("{tags: outage, not: {tags: [Outage, drill]}}", "`tags: outage` and `not: {tags: [Outage, drill]}` exclude"),
        ("{custom: {env: prod}, not: {custom: {env: [prod, test]}}}", "exclude each other"),
        ("{unresolved_for: 8h, not: {unresolved_for: 4h}}", "exclude each other"),
        (
            "{unresolved_for: 8h, not: {unresolved_for: 4h clock}}",
            "`unresolved_for: 8h` and `not: {unresolved_for: 4h c",
        ),
        ("{not_taken_for: 8h, not: {at_level_for: 2h}}", "exclude each other"),
        ("{any: [{status: closed}, {all: [{tier: vip}, {tier: standard}]}]}", "exclude each other"),
    ],
)
def test_a_condition_that_can_never_hold_is_an_error(when: str, why: str) -> None:
    lines = found(f"{{name: never, when: {when}, go_to: 3}}")
    assert all(line.startswith('error: rule "never": it never fires: ') for line in lines)
    assert any(why in line for line in lines)


@pytest.mark.parametrize(
    "when",
    [
        "{status: [new, open], unresolved_for: 3h}",
        "{not: {status: solved}, unresolved_for: 3h}",
        "{answered: false, unanswered_for: 3h}",
        "{all: [{tier: [vip, platinum]}, {not: {tier: platinum}}]}",
        "{all: [{priority: {at_least: high}}, {priority: {at_most: high}}]}",
        "{severity: {at_least: critical}}",
        "{level: {more_than: 1}, unresolved_for: 3h}",
        "{all: [{reopens: {at_least: 3}}, {reopens: {at_most: 3}}]}",
        "{all: [{product: [billing, network]}, {product: Network}]}",
        "{all: [{tags: outage}, {tags: drill}]}",  # a ticket has several tags
        "{all: [{group: Support}, {group: 360001}]}",  # a group goes by its name and by its id
        "{tags: [outage, fire], not: {tags: drill}}",
        "{custom: {env: prod, region: emea}, not: {custom: {env: prod, region: apac}}}",
        "{unresolved_for: 4h, not: {unresolved_for: 8h}}",
        "{unresolved_for: 4h clock, not: {unresolved_for: 3h}}",  # four hours at night are no open hours
    ],
)
def test_a_condition_that_can_hold_is_left_alone(when: str) -> None:
    assert found(f"{{name: possible, when: {when}, go_to: 3}}") == []


def test_a_dead_alternative_is_a_warning() -> None:
    only(
        "a part of its condition, `status: solved`, never makes it fire",
        "{name: half, when: {any: [{status: solved}, {unresolved_for: 3h, tier: vip}]}, go_to: 3}",
    )


def test_alternatives_that_exclude_each_other_only_crosswise_are_left_alone() -> None:
    apart = "all: [{any: [{tier: vip}, {priority: urgent}]}, {any: [{not: {tier: vip}}, {unresolved_for: 3h}]}]"
    assert found(f"{{name: crosswise, when: {{{apart}}}, go_to: 3}}") == []


@pytest.mark.parametrize("when", ["{level: 2}", "{answered: false}", "{not: {priority: low}}", "{reopens: 0}"])
def test_what_is_so_without_anything_happening_never_fires(when: str) -> None:
    only("can be so without anything having happened", f"{{name: silent, when: {when}, go_to: 3}}")


@pytest.mark.parametrize("when", ["{level: 2, unresolved_for: 3h}", "{answered: false, tier: vip}", "{reopens: 1}"])
def test_what_is_so_because_something_happened_fires(when: str) -> None:
    assert found(f"{{name: loud, when: {when}, go_to: 3}}") == []


def test_an_unknown_status_is_an_error_with_a_guess() -> None:
    only(
        'there is no status "on hold"; did you mean "on_hold"?',
        "{name: s, when: {status: [open, on hold], unresolved_for: 3h}, go_to: 3}",
    )
    assert found("{name: s, when: {status: [Open, on_hold], unresolved_for: 3h}, go_to: 3}") == []


# --- rules that lead nowhere --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("level", "go_to"),
    [("3", "2"), ("3", "3"), ("{at_least: 2}", "2"), ("4", "next_level"), ("4", "requested_level")],
)
def test_a_rule_that_is_true_only_above_where_it_leads_is_an_error(level: str, go_to: str) -> None:
    only("it leads nowhere", f"{{name: down, when: {{level: {level}, unanswered_for: 3h}}, go_to: {go_to}}}")


@pytest.mark.parametrize(("level", "go_to"), [("2", "3"), ("{at_least: 2}", "3"), ("3", "next_level")])
def test_a_rule_that_leads_up_from_one_of_its_levels_is_left_alone(level: str, go_to: str) -> None:
    assert found(f"{{name: up, when: {{level: {level}, unanswered_for: 3h}}, go_to: {go_to}}}") == []


# --- rules behind others ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "rule",
    [
        "{name: b, when: {tier: vip, unresolved_for: 24h clock}, go_to: 2}",
        "{name: b, when: {unresolved_for: 48h clock}, go_to: 2}",
        "{name: b, when: {unresolved_for: 30h}, go_to: 2}",  # 30 open hours are more than 24
        "{name: b, when: {level: 1, unresolved_for: 24h clock}, go_to: next_level}",
        "{name: b, when: {unresolved_for: 24h clock}, go_to: 2}",
        "{name: b, when: {requested_by_staff: true, tier: vip}, go_to: requested_level}",
        "{name: b, when: {any: [{tier: vip, unresolved_for: 25h clock}, {unresolved_for: 26h clock}]}, go_to: 2}",
    ],
)
def test_a_rule_of_which_another_is_the_wider_one_is_a_warning(rule: str) -> None:
    (one,) = found(rule)
    assert one.startswith('warning: rule "b": it moves nothing that rule "')


@pytest.mark.parametrize(
    "rule",
    [
        "{name: b, when: {tier: vip, unresolved_for: 24h clock}, go_to: 3}",  # leads higher
        "{name: b, when: {tier: vip, unresolved_for: 20h clock}, go_to: 2}",  # is earlier
        "{name: b, when: {unresolved_for: 20h}, go_to: 2}",  # may be earlier: no night in between
        "{name: b, when: {unanswered_for: 24h clock}, go_to: 2}",  # another cause
        "{name: b, when: {unresolved_for: 48h clock}, go_to: 2, again: after 48h clock}",  # comes back
        "{name: b, when: {unresolved_for: 24h clock, tier: vip}, go_to: next_level}",  # from level 2 it leads to 3
    ],
)
def test_a_narrow_rule_with_something_of_its_own_is_left_alone(rule: str) -> None:
    assert found(rule) == []


def test_open_hours_that_depend_on_the_customer_are_not_those_of_one_calendar() -> None:
    rules = "{name: a, when: {no_human_activity_for: 4h}, go_to: 2}\n"
    rules += "{name: b, when: {no_human_activity_for: 8h}, go_to: 2, calendar: office}"
    assert len(found(rules)) == 1
    text = policy(rules).text.replace("{calendar: office, pause", "{calendar: {from: hours, else: office}, pause")
    assert lint(parse(text)) == ()


def test_a_rule_that_only_observes_does_not_make_another_needless() -> None:
    observed = "{name: a, when: {unanswered_for: 3h}, go_to: 2, mode: observe}"
    narrow = "{name: b, when: {tier: vip, unanswered_for: 3h}, go_to: 2}"
    assert found(f"{observed}\n{narrow}") == []
    only('rule "b": it moves nothing', f"{observed.replace('observe', 'act')}\n{narrow}")


def test_a_rule_that_waits_for_people_does_not_make_another_needless() -> None:
    assert found(f"{WAITING}\n{{name: b, when: {{tier: vip, unanswered_for: 3h}}, go_to: 2}}") == []


def test_a_step_that_has_used_up_its_cause_does_not_make_a_later_one_needless() -> None:
    first = "{name: a, when: {unanswered_for: 3h}, go_to: next_level}"
    assert found(f"{first}\n{{name: b, when: {{level: 2, unanswered_for: 6h}}, go_to: 3}}") == []
    only('rule "b": it moves nothing', f"{first}\n{{name: b, when: {{level: 2, unanswered_for: 3h}}, go_to: 3}}")


def test_of_two_rules_of_the_same_meaning_the_second_is_named() -> None:
    (one,) = lint(
        policy(
            "{name: b, when: {all: [{unresolved_for: 1h}]}, go_to: 3}\n{name: c, when: {unresolved_for: 60m}, go_to: 3}"
        )
    )
    assert (one.about, one.line) == ('rule "c"', 22)


# --- two rules at one moment --------------------------------------------------------------------------------------
def test_two_rules_that_fire_together_to_different_levels_are_told_with_the_winner() -> None:
    only(
        'rule "b": by `unanswered_for: 30m` it fires at the same moment as rule "a" for a ticket that both are about; '
        '"b" wins, since level 3 is above 2',
        "{name: a, when: {tier: vip, unanswered_for: 30m}, go_to: 2}\n"
        "{name: b, when: {priority: urgent, unanswered_for: 30m}, go_to: 3}",
    )


def test_two_states_that_come_with_the_same_value_overlap_too() -> None:
    only(
        '"a" wins, since level 3 is above 2',
        "{name: a, when: {kind: bug, tier: vip}, go_to: 3}\n{name: b, when: {kind: bug, product: x}, go_to: 2}",
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{tier: vip, unanswered_for: 30m}, go_to: 2", "{tier: standard, unanswered_for: 30m}, go_to: 3"),  # never both
        ("{tier: vip, unanswered_for: 30m}, go_to: 2", "{priority: urgent, unanswered_for: 40m}, go_to: 3"),  # later
        ("{tier: vip, unanswered_for: 30m}, go_to: 3", "{priority: urgent, unanswered_for: 30m}, go_to: 3"),  # as high
        ("{tier: vip, unanswered_for: 3h}, go_to: 2", "{tier: vip, kind: x, unanswered_for: 3h}, go_to: 3"),  # special
        ("{kind: incident, tier: vip}, go_to: 3", "{kind: incident, unanswered_for: 30m}, go_to: 2"),  # later
        ("{level: 1, tier: vip, unanswered_for: 3h}, go_to: 2", "{level: 2, kind: bug, unanswered_for: 3h}, go_to: 3"),
    ],
)  # fmt: skip
def test_rules_that_do_not_meet_or_refine_each_other_do_not_overlap(first: str, second: str) -> None:
    assert found(f"{{name: a, when: {first}}}\n{{name: b, when: {second}}}") == []


VIPS = "{name: some, when: {tier: vip, unresolved_for: 1h}, go_to: 2}"


# --- gaps ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("when", "missing"),
    [
        ("{priority: {at_least: high}, unresolved_for: 1h}", "the priority low, the priority normal or no priority"),
        ("{severity: [major, critical], unresolved_for: 1h}", "the severity minor or no impact or no urgency"),
        ("{tier: [vip, platinum], unresolved_for: 1h}", "the tier standard"),
        ("{not: {tier: vip}, unresolved_for: 1h}", "the tier vip"),
        ("{any: [{tier: vip}, {level: 2, unresolved_for: 1h}]}", "the tier platinum or the tier standard"),
    ],
)
def test_values_for_which_no_rule_ever_fires_are_named(when: str, missing: str) -> None:
    only(f"no rule ever leads a ticket up that has {missing}", f"{{name: x, when: {when}, go_to: 2}}", without=DAY)


@pytest.mark.parametrize(
    "rules",
    [
        "{name: all, when: {tier: [vip, platinum, standard], unresolved_for: 1h}, go_to: 2}",
        f"{VIPS}\n{{name: rest, when: {{not: {{tier: vip}}, unresolved_for: 9h}}, go_to: 2}}",
        f"{VIPS}\n{{name: rest, when: {{reopens: {{at_least: 2}}}}, go_to: 2}}",
        "{name: some, when: {product: billing, unresolved_for: 1h}, go_to: 2}",  # products are listed nowhere
    ],
)
def test_values_that_are_covered_one_way_or_another_are_no_gap(rules: str) -> None:
    assert found(rules, without=DAY) == []


def test_a_request_by_staff_does_not_fill_a_gap() -> None:
    vips = "{name: vips, when: {tier: [vip, platinum], unresolved_for: 1h}, go_to: 2}"
    assert ASKED in HEAD
    only("the tier standard", vips, without=DAY)


def test_customers_without_a_tier_are_a_gap() -> None:
    only(
        "no rule ever leads a ticket up that has no tier",
        "{name: vips, when: {tier: [vip, platinum], unresolved_for: 1h}, go_to: 2}",
        without=DAY,
        tiers=TIERS.replace(", {tier: standard}", ""),
    )


def test_a_level_to_which_nothing_leads_is_a_warning() -> None:
    lines = found("{name: three, when: {unanswered_for: 3h}, go_to: 3}", without=ASKED)
    assert lines == [
        "warning: level 4 (Executive): no rule leads to it, and a ticket comes there only by a person's hand"
    ]


def test_levels_that_are_reached_step_by_step_or_by_request_are_left_alone() -> None:
    assert found("{name: step, when: {at_level_for: 3h}, go_to: next_level}", without=ASKED) == []


# --- rules that fire too often ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "when", ["{status: open}", "{priority: urgent}", "{tags: outage, tier: vip}", "{custom: {env: prod}}"]
)
def test_a_state_that_leads_to_the_next_level_climbs_again_and_again(when: str) -> None:
    only("it climbs one more level each time `", f"{{name: state, when: {when}, go_to: next_level}}")


def test_a_status_beside_a_time_climbs_again_with_each_reply() -> None:
    lines = found("{name: slow, when: {status: [new, open], unresolved_for: 20h clock}, go_to: next_level}")
    assert len(lines) == 1
    assert "each time `status: [new, open]` comes true again; say which statuses do not count" in lines[0]


@pytest.mark.parametrize(
    "rule",
    [
        "{name: x, when: {status: open, reopens: 3}, go_to: 3}",
        "{name: x, when: {reopens: {at_least: 2}}, go_to: next_level}",
        "{name: x, when: {at_level_for: 20h}, go_to: next_level}",
        "{name: x, when: {priority: urgent, not_taken_for: 15m}, go_to: next_level}",
        "{name: x, when: {not: {status: [pending, on_hold]}, unresolved_for: 20h}, go_to: next_level}",
        "{name: x, when: {status: open, priority: urgent}, go_to: 3}",
    ],
)
def test_a_step_that_counts_or_waits_and_a_named_level_are_left_alone(rule: str) -> None:
    assert found(rule) == []


@pytest.mark.parametrize(("limit", "again"), [("20h clock", "19h clock"), ("6h", "5h"), ("2h", "119m")])
def test_again_that_is_shorter_than_its_own_time_is_a_warning(limit: str, again: str) -> None:
    only(
        f"`again: after {again}` is shorter than `unanswered_for: {limit}`",
        f"{{name: x, when: {{unanswered_for: {limit}}}, go_to: 3, again: after {again}}}",
    )


@pytest.mark.parametrize(("limit", "again"), [("20h clock", "20h clock"), ("6h", "60h clock"), ("20h clock", "8h")])
def test_again_that_is_as_long_or_counts_other_hours_is_left_alone(limit: str, again: str) -> None:
    assert found(f"{{name: x, when: {{unanswered_for: {limit}}}, go_to: 3, again: after {again}}}") == []


@pytest.mark.parametrize(
    "when",
    [
        "{status: [new, open]}",
        "{tier: [standard, vip, platinum]}",
        "{priority: {at_least: low}}",
        "{level: 1, status: new}",
    ],
)
def test_a_rule_for_every_new_ticket_is_a_warning(when: str) -> None:
    only("it fires at once for every new ticket", f"{{name: flood, when: {when}, go_to: 3}}")


@pytest.mark.parametrize(
    "when",
    ["{status: open}", "{tier: [vip, platinum]}", "{status: new, unresolved_for: 5m}", "{status: new, channel: phone}",
     "{reopens: {at_most: 3}}", "{level: 2, status: [new, open]}"],
)  # fmt: skip
def test_a_rule_for_some_new_tickets_or_for_later_is_left_alone(when: str) -> None:
    assert found(f"{{name: few, when: {when}, go_to: 3}}") == []


# --- priorities ---------------------------------------------------------------------------------------------------
def linted_with(second: str, third: str, rules: str = "") -> list[str]:
    text = HEAD.replace("name: Experts,", f"name: Experts, priority: {second},")
    return [
        str(f) for f in lint(parse(text.replace("name: Management,", f"name: Management, priority: {third},") + rules))
    ]


def test_a_level_that_lowers_what_a_lower_one_raised_is_a_warning() -> None:
    (one,) = linted_with("{at_least: high}", "{set: normal}")
    assert one.startswith(
        "level 3 (Management): sets the priority to normal, which lowers what level 2 (Experts) made high"
    )


@pytest.mark.parametrize("third", ["{at_least: normal}", "{set: high}", "{set: urgent}"])
def test_a_level_that_only_raises_is_left_alone(third: str) -> None:
    assert linted_with("{at_least: high}", third) == []


def test_a_level_that_lowers_the_priority_its_rule_asks_for_is_a_warning() -> None:
    urgent = "  - {name: u, when: {priority: urgent, not_taken_for: 15m}, go_to: 2}\n"
    (one,) = linted_with("{set: high}", "{set: urgent}", urgent)
    assert one == (
        'rule "u": level 2 (Experts) sets the priority to high, which lowers that of the tickets this rule is about; '
        "`{at_least: high}` never lowers"
    )
    assert linted_with("{at_least: high}", "{set: urgent}", urgent) == []


# --- time ---------------------------------------------------------------------------------------------------------
def test_a_duration_without_open_hours_is_an_error() -> None:
    never = Calendar(name="office", timezone="UTC", hours=((),) * 7)
    closed = replace(policy("{name: x, when: {unanswered_for: 3h}, go_to: 3}"), calendars={"office": never})
    assert [str(f) for f in lint(closed)] == [
        'rule "x": `unanswered_for: 3h` never passes: calendar office has no open hours'
    ]


def test_a_duration_that_would_take_a_century_of_open_hours_is_an_error() -> None:
    short = '{sun: "09:00-10:00"}'
    only(
        "`unanswered_for: 4000h` never passes: calendar office has 1 open hours a week",
        "{name: x, when: {unanswered_for: 4000h}, go_to: 3}",
        hours=short,
    )
    assert found("{name: x, when: {unanswered_for: 3000h}, go_to: 3}", hours=short) == []
    assert found("{name: x, when: {unanswered_for: 4000h clock}, go_to: 3}", hours=short) == []


def test_days_in_open_hours_are_a_warning_that_says_how_long_they_take() -> None:
    only(
        '`unanswered_for: 3d` is 72 open hours of calendar office, which take about 13 days; write "3d clock"',
        "{name: x, when: {unanswered_for: 3d}, go_to: 3}",
    )
    only("`at_most: 1d` is 24 open hours", WAITING.replace("10m}", "1d}"))
    only("`again: 2d` is 48 open hours", "{name: x, when: {unanswered_for: 3h}, go_to: 3, again: after 2d}")


@pytest.mark.parametrize("limit", ["72h", "3d clock", "3d, calendar: always"])
def test_hours_and_days_on_the_clock_are_left_alone(limit: str) -> None:
    length, _, calendar = limit.partition(", ")
    assert found(f"{{name: x, when: {{unanswered_for: {length}}}, go_to: 3{', ' * bool(calendar)}{calendar}}}") == []


def test_days_in_a_calendar_of_whole_days_are_left_alone() -> None:
    weekdays = '{mon-fri: "00:00-24:00"}'
    assert found("{name: x, when: {unanswered_for: 3d}, go_to: 3}", hours=weekdays) == []


def test_a_time_in_a_status_in_which_no_time_counts_is_a_warning() -> None:
    only(
        "no time counts while a ticket is on_hold or pending (`pause_while`), so `unresolved_for: 72h` stands still",
        "{name: x, when: {status: [pending, on_hold], unresolved_for: 72h}, go_to: 3}",
    )
    assert found("{name: x, when: {status: [pending, open], unresolved_for: 72h}, go_to: 3}") == []


# --- sites and scope ----------------------------------------------------------------------------------------------
def test_a_level_without_a_target_for_a_site_is_a_warning() -> None:
    text = HEAD.replace("{desk: {group: Experts}, board: {field: {team: Net}}}", "{desk: {group: Experts}}")
    (one,) = lint(parse(text))
    assert str(one) == "level 2 (Experts): has no target for board: a ticket there would be moved to nobody"
    assert one.line == 15


def test_a_target_for_one_site_is_none_for_the_others() -> None:
    text = HEAD.replace("board: {field: {team: Net}}", "board/east: {field: {team: Net}}")
    (one,) = lint(parse(text))
    assert "has no target for board, only for board/east" in str(one)


def test_a_vendors_target_serves_its_sites() -> None:
    assert lint(parse(HEAD.replace("board: all", "board/east: all"))) == ()


def test_a_level_that_leads_out_of_the_scope_is_a_warning() -> None:
    (one,) = lint(parse(HEAD.replace("groups: [Support, Experts]", "groups: {none_of: [experts]}")))
    assert str(one).startswith("level 2 (Experts): desk: tickets that come to the group Experts are out of scope there")


@pytest.mark.parametrize("scope", ["{groups: [Support]}", "{groups: {none_of: [Kitchen]}}", "{brands: [acme]}", "all"])
def test_the_groups_of_levels_are_in_scope_without_being_named(scope: str) -> None:
    assert lint(parse(HEAD.replace("{groups: [Support, Experts]}", scope))) == ()


# --- names --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        ("name: day", "name: ASKED", 'rule "ASKED": differs from "asked" only by case, spaces or hyphens'),
        ("name: Executive", "name: front line", 'level "front line": differs from "Frontline"'),
        ("tier: standard", "tier: VIP", 'tier "VIP": differs from "vip"'),
        ("high: [major, critical]", "high: [Major, critical]", 'severity "Major": differs from "major"'),
        ("defaults: {", '  Office: {timezone: UTC, hours: {sun: "09:00-10:00"}}\ndefaults: {', 'calendar "Office"'),
    ],
)
def test_names_that_differ_only_by_case_or_spaces_are_told(old: str, new: str, about: str) -> None:
    lines = [str(f) for f in lint(parse(HEAD.replace(old, new, 1)))]
    assert [line for line in lines if line.startswith(about)] != []


def test_names_that_differ_by_a_word_or_a_sign_are_left_alone() -> None:
    rules = (
        "{name: VIP < 4h, when: {unanswered_for: 3h}, go_to: 3}\n{name: VIP > 4h, when: {unanswered_for: 5h}, go_to: 4}"
    )
    assert found(rules) == []


def test_a_tier_whose_signs_all_belong_to_one_above_it_is_an_error() -> None:
    doubled = "[{tier: platinum, organizations: [Globex], tags: [vip]}, {tier: vip, tags: [VIP]}, {tier: standard}]"
    only('error: tier "vip": is never reached', tiers=doubled)
    assert found(tiers=doubled.replace("tags: [VIP]", "tags: [VIP, gold]")) == []


def test_a_matrix_in_which_more_impact_is_less_severe_is_a_warning() -> None:
    (one,) = lint(parse(HEAD.replace("low: [minor, major]", "low: [minor, critical]")))
    assert "the severity sometimes falls, ranked as first named: minor < critical < major" in str(one)
    assert lint(parse(HEAD.replace("low: [minor, major]", "low: [minor, minor]"))) == ()


# --- what it says is so -------------------------------------------------------------------------------------------
STORY = """\
tests:
  - name: the mistake, lived through
    ticket: {site: board, created: "2027-03-01 10:00"}
    steps: %s
    expect: %s
"""


@pytest.mark.parametrize(
    ("rule", "steps", "expect"),
    [
        ("{level: 1}, go_to: 3", [], '{at: "10:30", level: 1}'),
        ("{answered: false}, go_to: 3", [], '{at: "10:30", level: 1}'),
        ("{status: solved}, go_to: 3", ['{at: "10:10", solve: true}'], '{at: "10:30", level: 1}'),
        (
            "{status: pending, unresolved_for: 1h}, go_to: 3",
            ['{at: "10:10", set: {status: pending}}'],
            '{at: "16:00", level: 1}',
        ),
        (
            "{unanswered_for: 1d}, go_to: 3",
            [],
            '{at: "2027-03-04 09:59", level: 1}, {at: "2027-03-04 10:00", level: 3, rule: x}',
        ),
        (
            "{status: open}, go_to: next_level",
            [f'{{at: "1{hour}:00", set: {{status: {word}}}}}' for hour, word in enumerate(["open", "pending"] * 2, 1)],
            '{at: "11:00", level: 2}, {at: "12:30", level: 2}, {at: "13:00", level: 3}',
        ),
        (
            "{not: {status: [pending, on_hold]}, unanswered_for: 1h}, go_to: next_level",
            [f'{{at: "1{hour}:30", set: {{status: {word}}}}}' for hour, word in enumerate(["open", "pending"] * 2, 1)],
            '{at: "11:00", level: 2}, {at: "16:30", level: 2}',
        ),
    ],
)  # fmt: skip
def test_what_the_linter_says_happens(rule: str, steps: list[str], expect: str) -> None:
    story = STORY % (f"[{', '.join(steps)}]", f"[{expect}]")
    if not steps:
        story = story.replace("    steps: []\n", "")
    (result,) = run_examples(parse(f"{HEAD.replace(DAY, '')}  - {{name: x, when: {rule}}}\n{story}"))
    assert result.failures == ()


LIBRARY = Path(__file__).parents[2] / "policies" / "library"
WORDS = st.sampled_from(
    ["status: open", "status: [new, open]", "priority: urgent", "priority: {at_least: high}", "tier: vip", "tags: fire",
     "unanswered_for: 3h", "unanswered_for: 3h clock", "unresolved_for: 2h", "not_taken_for: 1h", "at_level_for: 1h",
     "reopens: {at_least: 1}", "reopens: 2", "level: 1", "level: {at_least: 2}", "answered: false"]
)  # fmt: skip


def _rule(name: str, parts: list[str], go_to: str) -> str:
    return f"{{name: {name}, when: {{all: [{', '.join(f'{{{part}}}' for part in parts)}]}}, go_to: {go_to}}}"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(WORDS, min_size=1, max_size=3, unique=True),
    st.lists(WORDS, min_size=1, max_size=3, unique=True),
    st.sampled_from(["2", "3", "next_level"]),
)
def test_a_rule_with_more_conditions_is_covered_by_the_one_with_fewer(
    narrow: list[str], more: list[str], go_to: str
) -> None:
    """Whatever is added to a condition, what is left of it implies what was there before."""
    both = policy(f"{_rule('wide', narrow, go_to)}\n{_rule('narrow', narrow + more, go_to)}")
    _, _, wide, tight = reasons(both, Answers(both))
    for branch in tight.branches:
        assert branch.conflict or any(branch.implies(before) for before in wide.branches)


def test_a_condition_with_too_many_branches_is_not_compared() -> None:
    wide = ", ".join(f"{{any: [{{tags: a{n}}}, {{tags: b{n}}}]}}" for n in range(9))
    big = policy(f"{{name: wide, when: {{all: [{wide}]}}, go_to: 3}}")
    last: Reason = reasons(big, Answers(big))[-1]
    assert last.branches == ()
    assert lint(big) == ()


def test_findings_come_in_the_order_of_the_document_with_their_lines() -> None:
    findings = lint(
        policy("{name: x, when: {status: solved}, go_to: 3}\n{name: y, when: {unanswered_for: 1d}, go_to: 3}")
    )
    assert [(f.severity, f.about, f.line) for f in findings] == [("error", 'rule "x"', 21), ("warning", 'rule "y"', 22)]


def test_a_policy_without_its_text_is_linted_without_lines() -> None:
    bare = replace(policy("{name: x, when: {status: solved}, go_to: 3}"), text="")
    assert [f.line for f in lint(bare)] == [0]


def test_three_hundred_lines_are_linted_in_a_tenth_of_the_time_a_check_may_take() -> None:
    support = parse((LIBRARY / "support.yaml").read_text("utf-8"))
    started = time.perf_counter()
    assert lint(support) == ()
    assert time.perf_counter() - started < 0.1


# --- what was promised --------------------------------------------------------------------------------------------
OVERLAP = """\
{name: r, when: {tags: a, unanswered_for: 3h}, go_to: 2}
{name: s, when: {tags: b, unanswered_for: 3h}, go_to: 3}
"""
PROMISED: list[tuple[str, str, dict[str, str]]] = [
    ("it leads nowhere", "{name: unreachable, when: {level: 4, unanswered_for: 3h}, go_to: 3}", {}),
    ("it moves nothing that rule", "{name: behind another, when: {unresolved_for: 48h clock}, go_to: 2}", {}),
    ("no rule ever leads a ticket up that has", "{name: gap, when: {severity: critical}, go_to: 3}", {"without": DAY}),
    ("it fires at the same moment as rule", OVERLAP, {}),
    ("never passes: calendar office has", "{name: long, when: {unanswered_for: 99h}, go_to: 3}", {"hours": SHORT}),
    ("one more level each time", "{name: again and again, when: {priority: urgent}, go_to: next_level}", {}),
]


@pytest.mark.parametrize(("sentence", "rules", "changed"), PROMISED, ids=[sentence for sentence, _, _ in PROMISED])
def test_what_was_promised_to_be_found_is_found(sentence: str, rules: str, changed: dict[str, str]) -> None:
    assert any(sentence in one for one in found(rules, **changed))


def test_a_level_without_a_target_for_a_configured_site_is_found() -> None:
    text = HEAD.replace("board: {field: {team: Net}}", "board/east: {field: {team: Net}}")
    said = [
        str(one)
        for one in lint(
            parse(text), dict.fromkeys(("desk/acme", "board/east", "board/west"), ("impact", "urgency", "team"))
        )
    ]
    assert said == [
        "level 2 (Experts): has no target for the configured site board/west: a ticket there would be moved to nobody"
    ]
