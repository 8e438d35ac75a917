"""The linter on ways down, guards, hours, people and sites: each mistake, and a near miss of which it says nothing."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from policies.document import parse
from policies.lint import lint
from policies.simulate import run_examples

HEAD = """\
version: 1
name: Kept
applies_to: {desk: {groups: [Support, Experts]}}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
  never: {timezone: UTC, hours: {mon: "00:00-00:01"}}
defaults: {calendar: office, pause_while: [pending]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, major], high: [major, critical]}}
roles:
  escalation_manager: {people: [Ada Berg], tell: [ada@acme.example]}
levels:
  - level: 1
    name: Frontline
    targets: {desk: {group: Support}}
  - level: 2
    name: Experts
    targets: {desk: {group: Experts}}
    tell: [experts@acme.example]
    taken_within: 1h
    if_not_taken: {remind_every: 30m, at_most: 2, then: next_level}
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    tell: [lead@acme.example]
    out_of_hours: {hold_until: office, unless: {severity: critical}}
  - level: 4
    name: Executive
    path: hierarchical
    take: oversight
    tell: [coo@acme.example]
    needs_confirmation: [escalation_manager]
rules:
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: day, when: {unresolved_for: 24h clock}, go_to: 2}
  - {name: three days, when: {unresolved_for: 72h clock}, go_to: 4}
  - {name: rated, when: {kind: complaint}, tell: [lead@acme.example]}
come_down:
  - {name: calm, from: 3, when: {answered: true, level: 3}, for: 2h, go_to: 1}
guards:
  never: {tags: [spam]}
  min_time_between: 15m clock
  per_ticket: {at_most: 4, per: 1d}
  level_budget: {level: 2, at_most: 25, per: 1h, then: warn}
  evidence: {for: functional, need: [steps_tried]}
"""
TEXT = HEAD.replace('  never: {timezone: UTC, hours: {mon: "00:00-00:01"}}\n', "")


def found(
    *changes: tuple[str, str],
    text: str = TEXT,
    sites: Mapping[str, tuple[str, ...]] | None = None,
    ids: bool = True,
) -> list[str]:
    """Return what the linter says of the policy above with some words changed; `ids`: people go by their ids."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    text = text.replace("[Ada Berg]", '["77"]') if ids else text
    return [f"{f.severity}: {f}" for f in lint(parse(text), sites)]


def only(sentence: str, *changes: tuple[str, str]) -> None:
    """Exactly one finding, which says this."""
    (one,) = found(*changes)
    assert sentence in one


def test_a_policy_that_uses_everything_has_no_findings() -> None:
    assert found() == []


# --- ways down ----------------------------------------------------------------------------------------------------
CALM = "{name: calm, from: 3, when: {answered: true, level: 3}, for: 2h, go_to: 1}"
TOP = CALM.replace("from: 3", "from: 4").replace("level: 3", "level: 4")


def test_a_way_down_from_a_level_to_which_no_rule_leads_is_an_error() -> None:
    findings = found((CALM, TOP), ("go_to: 4", "go_to: 2"), ("go_to: requested_level", "go_to: 2"))
    assert 'error: coming down "calm": no rule brings a ticket to level 4 (Executive), so none ever comes down' in (
        " ".join(findings)
    )


def test_a_way_down_from_a_level_that_is_reached_by_request_only_is_left_alone() -> None:
    assert not [f for f in found((CALM, TOP), ("go_to: 4", "go_to: 3")) if "coming down" in f]


@pytest.mark.parametrize("when", ["{answered: true, level: 2}", "{priority: low, not: {priority: low}}"])
def test_a_way_down_whose_reason_is_never_so_is_an_error(when: str) -> None:
    only("it never happens: ", (CALM, CALM.replace("{answered: true, level: 3}", when)))


STAYS = "{name: stays, when: {level: 2, at_level_for: 3h}, go_to: 3}"


def test_a_way_down_to_a_level_where_it_may_not_stay_bounces() -> None:
    only(
        'it would bounce: at level 2 rule "stays" sends the ticket up again by `at_level_for: 3h`, which begins anew',
        (CALM, CALM.replace("go_to: 1", "go_to: 2")),
        ("{name: asked,", f"{STAYS}\n  - {{name: asked,"),
    )


TO_EXPERTS = (CALM, CALM.replace("go_to: 1", "go_to: 2"))


def test_a_way_down_to_whoever_had_taken_it_is_left_alone() -> None:
    assert found(TO_EXPERTS) == []


def test_a_way_down_of_what_nobody_works_on_bounces_where_it_climbs_if_not_taken() -> None:
    only(
        "it would bounce: at level 2 what follows `if_not_taken` (not taken at level 2) sends a ticket that nobody has "
        "up again by `not_taken_for: 2h`",
        (CALM, CALM.replace("answered: true", "priority: low").replace("go_to: 1", "go_to: 2")),
    )


def test_a_way_down_of_what_somebody_has_taken_is_left_alone() -> None:
    taken = CALM.replace("answered: true, level: 3", "not: {not_taken_for: 1h}").replace("go_to: 1", "go_to: 2")
    assert found((CALM, taken)) == []


AGAIN = "{name: day, when: {unresolved_for: 24h clock}, go_to: 2, again: after 1d clock}"


def test_a_way_down_to_where_a_rule_fires_again_bounces() -> None:
    only(
        'it would bounce: rule "day" fires once more for the same cause (`again: after 1d clock`)',
        ("{name: day, when: {unresolved_for: 24h clock}, go_to: 2}", AGAIN),
    )


@pytest.mark.parametrize(
    "rule",
    [
        AGAIN.replace("{unresolved", "{answered: false, unresolved"),  # it is not so any more
        "{name: day, when: {unresolved_for: 24h clock}, go_to: 2}",  # its cause is used up
        "{name: day, when: {unanswered_for: 24h clock}, go_to: 2, again: after 1d clock}",  # answered: no wait
    ],
)
def test_a_way_down_whose_reason_excludes_the_way_up_is_left_alone(rule: str) -> None:
    assert found(("{name: day, when: {unresolved_for: 24h clock}, go_to: 2}", rule)) == []


def test_a_way_down_for_the_reason_that_leads_up_is_told() -> None:
    only(
        'its reason is one to go up: whenever it is so, rule "low" holds too',
        ("{name: asked,", "{name: low, when: {priority: low}, go_to: 3}\n  - {name: asked,"),
        (CALM, CALM.replace("answered: true", "priority: low")),
    )


BOUNCES = """\
  - {name: quick, when: {unanswered_for: 10m clock}, go_to: 2}
  - {name: stays, when: {level: 2, at_level_for: 2h}, go_to: 3}
come_down:
  - {name: calm, from: 3, when: {answered: true}, for: 2h, go_to: 2}
tests:
  - name: up, down, and up again
    ticket: {site: desk, created: "2027-03-01 09:00"}
    steps: [{at: "11:20", agent_says: "Here you are"}]
    expect: [{at: "11:10", level: 3}, {at: "13:20", level: 2}, {at: "15:19", level: 2}, {at: "15:20", level: 3}]
"""


def test_what_the_linter_calls_bouncing_does_bounce() -> None:
    text = TEXT[: TEXT.index("come_down:")].replace(
        "out_of_hours: {hold_until: office, unless: {severity: critical}}", ""
    )
    policy = parse(text + BOUNCES)
    assert any("it would bounce" in str(finding) for finding in lint(policy))
    assert [failure for result in run_examples(policy) for failure in result.failures] == []


# --- opening hours ------------------------------------------------------------------------------------------------
def test_hours_that_never_close_change_nothing() -> None:
    only(
        "`hold_until: always` changes nothing: that calendar never closes", ("hold_until: office", "hold_until: always")
    )


def never_open(key: str) -> str:
    policy = parse(HEAD.replace("hold_until: office", key))
    shut = replace(policy.calendars["never"], hours=((),) * 7)
    return " ".join(map(str, lint(replace(policy, calendars={**policy.calendars, "never": shut}))))


def test_a_move_that_waits_for_a_calendar_that_never_opens_is_an_error() -> None:
    assert "a move waits for ever: calendar never never opens" in never_open("hold_until: never")


def test_an_arrangement_for_a_calendar_that_never_opens_is_told() -> None:
    assert "it is always out of hours" in never_open("outside: never, tell: [night@acme.example]")


# --- people -------------------------------------------------------------------------------------------------------
def test_a_role_that_must_confirm_and_cannot_be_told_is_a_warning() -> None:
    only("nobody tells them: say in `roles` with `tell`", ("[Ada Berg], tell: [ada@acme.example]", "[Ada Berg]"))


def test_a_level_that_watches_and_of_which_nobody_learns_is_a_warning() -> None:
    findings = found(("    tell: [lead@acme.example]\n", ""))
    assert any("nobody learns of a ticket that comes here" in finding for finding in findings)


def test_a_level_that_should_own_and_only_names_who_watches_is_a_warning() -> None:
    only(
        "level 2 (Experts): tickets should move here, but the target for desk only names who watches",
        ("{desk: {group: Experts}}", "{desk: {followers: [lead]}}"),
    )
    watched = ("{desk: {group: Experts}}", "{desk: {group: Experts, followers: [lead]}}")
    assert found(watched) == []


def test_a_level_that_watches_and_is_told_needs_no_target() -> None:
    assert not any("has no target" in finding for finding in found())


def test_a_budget_that_warns_nobody_is_told() -> None:
    text = re.sub(r"    tell: \[experts.*?next_level\}\n", "", TEXT, flags=re.DOTALL)
    (one,) = found(text=text)
    assert "a budget that only warns, and nobody is warned: level 2 (Experts) has no `tell`" in one


def test_a_role_that_nothing_asks_for_is_a_warning_with_a_guess() -> None:
    only(
        "no level's `needs_confirmation` asks for it; the role whose people may snooze and hold is called "
        "`escalation_manager`",
        ("roles:\n", "roles:\n  escalation_managers: {people: [Ben]}\n"),
    )


def test_the_role_that_may_snooze_is_used_without_being_asked_for() -> None:
    assert found(("    needs_confirmation: [escalation_manager]\n", "")) == []


def test_a_calendar_that_nothing_names_is_a_warning() -> None:
    only(
        'calendar "night": nothing names it',
        ("calendars:\n", 'calendars:\n  night: {timezone: UTC, hours: {daily: "22:00-06:00"}}\n'),
    )


def test_a_calendar_that_a_customers_field_may_name_is_left_alone() -> None:
    night = 'calendars:\n  night: {timezone: UTC, hours: {daily: "22:00-06:00"}}\n'
    assert (
        found(("calendars:\n", night), ("{calendar: office, pause", "{calendar: {from: hours, else: office}, pause"))
        == []
    )


# --- confirmation -------------------------------------------------------------------------------------------------
def test_a_confirmed_move_that_waits_on_is_a_warning() -> None:
    wait = "wait_if: {human_active_within: 10m, at_most: 10m}"
    only(
        "even when somebody has confirmed a move to level 4 (Executive), `wait_if`",
        ("go_to: 4}", f"go_to: 4, {wait}}}"),
    )


def test_a_confirmed_move_that_waits_for_the_morning_is_a_warning() -> None:
    only(
        "a move that somebody confirms at night still waits until office opens",
        ("    needs_confirmation", "    out_of_hours: {hold_until: office}\n    needs_confirmation"),
    )


# --- guards -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "never",
    [
        "{status: [new, open, pending, on_hold]}",
        "{level: {at_least: 1}}",
        "{any: [{answered: true}, {answered: false}, {status: [new, open, pending, on_hold]}]}",
    ],
)
def test_a_guard_that_forbids_every_move_is_an_error(never: str) -> None:
    assert "error: guards: `never` forbids every move: no rule leads anywhere any more" in found(
        ("never: {tags: [spam]}", f"never: {never}")
    )


def test_a_guard_that_forbids_all_that_one_rule_does_is_told_of_the_rule() -> None:
    (one,) = found(
        ("{name: asked,", "{name: spam, when: {tags: spam, unanswered_for: 1h}, go_to: 3}\n  - {name: asked,"),
    )
    assert one == 'error: rule "spam": it moves nothing: whenever it is true, the guard `never` forbids the move'


def test_a_guard_for_statuses_in_which_nothing_climbs_keeps_nothing() -> None:
    only(
        "`never` keeps nothing: no ticket that can climb has",
        ("never: {tags: [spam]}", "never: {status: [solved, closed]}"),
    )


def test_a_time_between_moves_that_outlasts_a_rule_is_a_warning() -> None:
    only(
        "after a move, `not_taken_for: 2h` may be over before `min_time_between: 3h` is",
        ("min_time_between: 15m clock", "min_time_between: 3h"),
    )


def test_evidence_for_a_path_that_no_level_has_is_a_warning() -> None:
    only(
        "`evidence` asks nobody",
        ("    path: hierarchical\n", ""),
        ("    path: hierarchical\n", ""),
        ("for: functional", "for: hierarchical"),
    )


# --- what reminders lead to ---------------------------------------------------------------------------------------
def test_a_climb_after_reminders_that_another_rule_is_always_ahead_of_is_told_at_its_place() -> None:
    early = "{name: early, when: {level: 2, not_taken_for: 90m}, go_to: 3}\n  - {name: asked,"
    policy = parse(TEXT.replace("{name: asked,", early, 1))
    (one,) = lint(policy)
    assert str(one).startswith(
        'what follows `if_not_taken` (not taken at level 2): it moves nothing that rule "early" would not'
    )
    assert "if_not_taken" in TEXT.splitlines()[one.line - 1]


def test_a_climb_after_reminders_before_another_rule_is_left_alone() -> None:
    late = "{name: late, when: {level: 2, not_taken_for: 4h}, go_to: 4}\n  - {name: asked,"
    assert found(("{name: asked,", late)) == []


# --- rules that only tell -----------------------------------------------------------------------------------------
def test_a_rule_that_only_tells_leads_nowhere_and_is_left_alone() -> None:
    assert found(("when: {kind: complaint}", "when: {level: 4, at_level_for: 4h}")) == []


def test_a_rule_that_only_tells_and_never_fires_is_an_error() -> None:
    only("it never fires", ("when: {kind: complaint}", "when: {answered: true}"))


def test_a_narrow_rule_that_tells_somebody_is_needless_only_behind_the_wide_one() -> None:
    day = "{name: day, when: {unresolved_for: 24h clock}, go_to: 2}"
    vip = "{name: vip, when: {tags: vip, unresolved_for: 24h clock}, go_to: 2, tell: [x@acme.example]}"
    assert found((day, f"{vip}\n  - {day}")) == []
    only('rule "vip": it moves nothing that rule "day" would not', (day, f"{day}\n  - {vip}"))


def test_a_level_to_which_only_a_telling_rule_points_is_not_reached() -> None:
    findings = found(("go_to: requested_level", "go_to: 2"), ("go_to: 4}", "tell: [x@acme.example]}"))
    assert any("level 4 (Executive): no rule leads to it" in finding for finding in findings)


# --- the configured sites -----------------------------------------------------------------------------------------
MADE_OF = ("impact", "urgency")  # what the severity of the policy above is made of


def test_a_level_without_a_target_for_a_configured_site_is_a_warning() -> None:
    (one,) = found(
        ("{desk: {group: Experts}}", "{desk/acme: {group: Experts}}"),
        sites={"desk/acme": MADE_OF, "desk/emea": MADE_OF},
    )
    assert one.startswith("warning: level 2 (Experts): has no target for the configured site desk/emea: a ticket")


def test_a_configured_site_of_which_the_policy_says_nothing_is_a_warning() -> None:
    (one,) = found(sites={"desk/acme": MADE_OF, "board/east": ()})
    assert one == "warning: applies_to: says nothing of board/east, so nothing happens to its tickets"


def test_a_site_that_is_not_configured_is_a_warning_with_a_guess() -> None:
    (one,) = found(
        ("{desk: {groups: [Support, Experts]}}", "{desk: all, desk/acmee: all}"), sites={"desk/acme": MADE_OF}
    )
    assert one == "warning: applies_to: names desk/acmee, and no such site is configured; did you mean desk/acme?"


@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        ("{unresolved_for: 24h clock}", "{custom: {region: emea}, unresolved_for: 24h clock}", 'rule "day"'),
        ("need: [steps_tried]", "need: [custom.region]", "guards"),
        ("{calendar: office, pause", "{calendar: {from: region, else: office}, pause", "the default calendar"),
        ("{group: Experts}}", "{group: Experts, by_region: {emea: {group: Experts}}}}", "level 2 (Experts)"),
        ("never: {tags: [spam]}", "never: {custom: {region: test}}", "guards"),
        ("unless: {severity: critical}", "unless: {custom: {region: test}}", "level 3 (Management)"),
        ("{answered: true, level: 3}", "{answered: true, custom: {region: test}}", 'coming down "calm"'),
        ("{unresolved_for: 24h clock}", "{matches: {custom.region: x}, unresolved_for: 24h clock}", 'rule "day"'),
    ],
)
def test_a_field_that_a_site_cannot_tell_is_a_warning(old: str, new: str, about: str) -> None:
    (one,) = found((old, new), sites={"desk/acme": (*MADE_OF, "environment")})
    assert one.startswith(f"warning: {about}: asks for the field region, which desk/acme cannot tell")
    assert found((old, new), sites={"desk/acme": (*MADE_OF, "region")}) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{group: Experts}}", "{group: Experts, field: {tema: Experts}}}"),
        ("{group: Experts}}", "{group: Experts, by_product: {x: {field: {tema: X}}}}}"),
        ("{group: Experts}}", "{group: Experts}}\n    fallback: [{desk: {field: {tema: Experts}}}]"),
    ],
)
def test_a_target_that_sets_a_field_the_site_does_not_name_is_a_warning(old: str, new: str) -> None:
    one = next(w for w in found((old, new), sites={"desk/acme": (*MADE_OF, "team")}) if "sets the field" in w)
    assert one.startswith("warning: level 2 (Experts): sets the field tema, which desk/acme does not name")
    assert "did you mean team?" in one
    named_there = found((old, new), sites={"desk/acme": (*MADE_OF, "tema")})
    assert not [w for w in named_there if "sets the field" in w]


def test_a_severity_of_which_a_site_cannot_tell_the_fields_is_a_warning() -> None:
    impact, urgency = found(sites={"desk/acme": ()})
    assert impact.startswith("warning: severity: asks for the field impact, which desk/acme cannot tell")
    assert urgency.startswith("warning: severity: asks for the field urgency, which desk/acme cannot tell")


@pytest.mark.parametrize(
    ("old", "new", "field", "about"),
    [
        ("{unresolved_for: 24h clock}", "{product: billing, unresolved_for: 24h clock}", "product", 'rule "day"'),
        ("{unresolved_for: 24h clock}", "{language: de, unresolved_for: 24h clock}", "language", 'rule "day"'),
        ("need: [steps_tried]", "need: [product]", "product", "guards"),
        ("{group: Experts}}", "{group: Experts, by_product: {x: {group: X}}}}", "product", "level 2 (Experts)"),
        (
            "roles:", "customers: {tiers: [{tier: gold, field_values: [Gold]}, {tier: all}]}\nroles:",
            "tier", 'tier "gold"',
        ),
    ],
)  # fmt: skip
def test_a_ticket_field_that_a_site_does_not_name_is_a_warning(old: str, new: str, field: str, about: str) -> None:
    (one,) = found((old, new), sites={"desk/acme": MADE_OF})
    assert one.startswith(f"warning: {about}: asks for the field {field}, which desk/acme cannot tell")
    assert found((old, new), sites={"desk/acme": (*MADE_OF, field)}) == []


def test_people_of_a_role_who_go_by_a_name_are_a_warning_where_sites_are_known() -> None:
    named = ("[Ada Berg]", '[Ada Berg, "77", Ben Cole]')
    (one,) = found(named, sites={"desk/acme": MADE_OF}, ids=False)
    assert one.startswith('warning: role "escalation_manager": Ada Berg and Ben Cole are known by name only')
    assert found(named, ids=False) == []


def test_a_tier_by_tags_needs_no_field() -> None:
    vip = ("roles:", "customers: {tiers: [{tier: vip, tags: [vip]}, {tier: all}]}\nroles:")
    assert found(vip, sites={"desk/acme": MADE_OF}) == []


def test_a_field_that_several_ask_for_is_told_once() -> None:
    (one,) = found(
        ("{unresolved_for: 24h clock}", "{product: billing, unresolved_for: 24h clock}"),
        ("{unresolved_for: 72h clock}", "{product: billing, unresolved_for: 72h clock}"),
        sites={"desk/acme": MADE_OF},
    )
    assert 'rule "day": asks for the field product (and 1 more does), which desk/acme cannot tell' in one
