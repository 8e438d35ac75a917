"""The policies that come with Stepladder: they load, they warn of nothing, and their own tests pass and bite."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import discover
from policies.branches import duration_in
from policies.conditions import leaves
from policies.document import ALWAYS, dump, parse
from policies.lint import lint
from policies.policy import Guards, Policy
from policies.policy import Path as Way
from policies.simulate import run_examples

LIBRARY = sorted((Path(__file__).parents[2] / "policies" / "library").glob("*.yaml"))


@pytest.fixture(params=LIBRARY, ids=lambda path: path.name)
def policy(request: pytest.FixtureRequest) -> Policy:
    return parse(request.param.read_text("utf-8"), source=request.param.name)


def test_a_library_policy_passes_at_least_ten_tests_of_its_own(policy: Policy) -> None:
    results = run_examples(policy)
    assert [failure for result in results for failure in result.failures] == []
    assert len(results) >= 10


def test_every_rule_of_a_library_policy_is_shown_by_a_test(policy: Policy) -> None:
    expectations = [expectation for example in policy.examples for expectation in example.expect]
    shown = {expectation.get("rule") for expectation in expectations}
    told = {who for expectation in expectations for who in expectation.get("told", ())}
    moving = [*(rule for rule in policy.rules if rule.go_to is not None), *policy.come_down]
    assert {one.name for one in moving} <= shown
    for rule in policy.rules:
        assert rule.go_to is not None or {who.address or who.on_call for who in rule.tell} <= told, rule.name


def test_everybody_whom_a_library_policy_tells_is_told_in_a_test(policy: Policy) -> None:
    told = {who for example in policy.examples for one in example.expect for who in one.get("told", ())}
    for level in policy.levels:
        if level.mode is None:
            assert {who.address or who.on_call for who in level.tell} <= told, level.name


def test_everything_that_can_hold_a_ticket_of_a_library_policy_is_shown_by_a_test(policy: Policy) -> None:
    held = {str(one["held"]) for example in policy.examples for one in example.expect if one.get("held", False)}
    assert ("never escalates" in held) is (policy.guards.never is not None)
    assert ("out of hours" in held) is any(one.out_of_hours.hold for one in policy.levels if one.out_of_hours)
    assert ("confirms it" in held) is any(level.needs_confirmation for level in policy.levels)


def test_a_library_policy_survives_being_stored(policy: Policy) -> None:
    assert parse(dump(policy)).revision == policy.revision


def test_the_linter_finds_nothing_in_a_library_policy(policy: Policy) -> None:
    assert [str(finding) for finding in lint(policy)] == []


def test_every_level_of_a_library_policy_has_a_target_that_each_vendor_understands(policy: Policy) -> None:
    vendors = discover()
    assert set(policy.applies_to) == set(vendors)
    for level in policy.levels:
        assert level.role
        assert {name: vendors[name].check_target(level.target(name, "")) for name in vendors} == dict.fromkeys(
            vendors, ()
        )


def test_a_library_policy_is_played_at_every_vendor(policy: Policy) -> None:
    assert {example.ticket["site"] for example in policy.examples} == set(policy.applies_to)


def test_a_library_policy_has_an_owner_and_a_day_of_review(policy: Policy) -> None:
    assert policy.owner
    assert policy.review_by is not None


def text_of(name: str) -> str:
    return (LIBRARY[0].parent / name).read_text("utf-8")


def failures_after(name: str, old: str, new: str) -> list[str]:
    """Change a policy's text and play its own tests."""
    text = text_of(name)
    assert old in text
    return [failure for result in run_examples(parse(text.replace(old, new, 1))) for failure in result.failures]


# --- support ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def support() -> str:
    return text_of("support.yaml")


def test_support_has_the_four_levels_by_name(support: str) -> None:
    levels = parse(support).levels
    assert [level.name for level in levels] == ["Frontline", "Specialist", "Management", "Executive"]
    assert [level.path for level in levels[1:]] == [Way.FUNCTIONAL, Way.HIERARCHICAL, Way.HIERARCHICAL]


def test_support_knows_the_holidays_of_its_region(support: str) -> None:
    office = parse(support, years=range(2027, 2028)).calendars["office"]
    assert len(office.holidays) == 12
    assert office.elapsed(datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)) < timedelta(hours=9) * 261


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unresolved_for: 30m clock}", "unresolved_for: 31m clock}"),
        ("unresolved_for: 30m clock}", "unresolved_for: 29m clock}"),
        ("pause_while: [pending, on_hold]", "pause_while: [on_hold]"),
        ("reopens: {at_least: 2}", "reopens: {at_least: 3}"),
        ("hand_overs: {at_least: 3}", "owners: {at_least: 3}"),
        ("replies: {more_than: 12}", "replies: {more_than: 13}"),
        ("frustration: {at_least: mild}, unanswered", "unanswered"),
        ("frustration: {at_least: mild}, unanswered", "frustration: mild, unanswered"),
        ("bad: [csat_bad]", "bad: [rated_badly]"),
        ("{country: DE, region: BY}", "{country: US}"),
        ("kind: [incident, Incident]", "kind: [question]"),
        ("groups: [Support,", "groups: [Facilities, Support,"),
        ("priority: {at_least: high} ", "priority: {set: normal} "),
        ("if_not_taken: {remind_every: 15m, at_most: 2", "if_not_taken: {remind_every: 15m, at_most: 3"),
        ("tell: [specialists.lead@example.com]", "tell: [somebody@example.com]"),
        ("else: support.lead@example.com}", "else: support.lead@example.com}\n    calendar: always"),
        ("out_of_hours: {hold_until: office, unless: {tier: platinum}}", "out_of_hours: {hold_until: office}"),
        ("review_every: 4h", "review_every: 5h"),
        ("needs_confirmation: [escalation_manager]", "calendar: office"),
        ("people: [Ada Berg, Ben Cole]", "people: [Ada Berg]"),
        ("pause_while_blocked: {at_most: 3d clock}", "pause_while_blocked: {at_most: 2d clock}"),
        ("by_product: {billing:", "by_product: {invoices:"),
        ("outage|server (is )?down", "server is down"),
        ("until_sla_breach: 30m clock", "until_sla_breach: 20m clock"),
        ("tell: [quality@example.com]", "tell: [support.lead@example.com]"),
        ("    for: 8h ", "    for: 7h "),
        ("{level: 3, at_most: 10, per: 1h, then: hold}", "{level: 3, at_most: 10, per: 1h, then: warn}"),
        ("never: {tags: [do_not_escalate]}", "never: {tags: [drill]}"),
    ],
)
def test_supports_own_tests_notice_a_change_of_meaning(old: str, new: str) -> None:
    assert failures_after("support.yaml", old, new)


# --- IT service desk ----------------------------------------------------------------------------------------------
def test_the_service_desk_goes_to_expertise_first_and_then_to_authority() -> None:
    levels = parse(text_of("it-service-desk.yaml")).levels
    assert [level.path for level in levels[1:]] == [Way.FUNCTIONAL, Way.HIERARCHICAL, Way.HIERARCHICAL]
    assert [level.take.value for level in levels[1:]] == ["ownership", "oversight", "oversight"]


def test_the_service_desk_reads_p1_to_p4_from_impact_and_urgency() -> None:
    severity = parse(text_of("it-service-desk.yaml")).severity
    assert severity is not None
    assert severity.names == ("P4", "P3", "P2", "P1")
    assert [severity.of("High", "high"), severity.of("low", "high"), severity.of("low", None)] == ["P1", "P3", None]


def test_the_service_desk_works_on_p1_and_p2_round_the_clock_and_on_the_rest_in_office_hours() -> None:
    for rule in parse(text_of("it-service-desk.yaml")).rules:
        asked = leaves(rule.when)
        critical = any(question.name == "severity" and question.value in ("P1", "P2") for question in asked)
        lengths = [length for question in asked if (length := duration_in(question)) is not None]
        assert {length.clock for length in lengths} <= {critical}, rule.name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unresolved_for: 15m clock", "unresolved_for: 16m clock"),
        ("unresolved_for: 15m clock", "not_taken_for: 15m clock"),
        ("level: {less_than: 3}, not_taken_for", "not_taken_for"),
        ("level: {less_than: 3}}", "level: {less_than: 2}}"),
        ("unresolved_for: 8h clock", "unresolved_for: 8h"),
        ("not: {severity: [P1, P2, P4]}, unresolved_for: 10h", "severity: P3, unresolved_for: 10h"),
        ("{country: GB, region: ENG}", "{country: US}"),
        ("high:   [P3, P2, P1]", "high:   [P3, P1, P1]"),
        ("pause_while: [pending, on_hold]", "pause_while: [on_hold]"),
        ("issue_types: {none_of: [Change]}", "issue_types: {none_of: [Problem]}"),
        ("{at_least: normal}", "{set: low}"),
        ("by_product: {network:", "by_product: {printing:"),
        ("if_not_taken: {remind_every: 15m clock, at_most: 2", "if_not_taken: {remind_every: 15m clock, at_most: 1"),
        (
            "out_of_hours: {outside: office, tell: {on_call: Incident manager",
            "out_of_hours: {outside: office, tell: {on_call: X",
        ),
        ("tell: [service.status@example.com]", "go_to: 2"),
        ("severity: {at_most: P2}", "severity: {at_most: P3}"),
        ("    for: 30m clock", "    for: 1h clock"),
        ("at_most: 30m}", "at_most: 45m}"),
        ("need: [steps_tried]", "need: [product]"),
        ("never_hold: {severity: {at_least: P2}}", "never_hold: {severity: {at_least: P4}}"),
        ("never: {tags: [planned-maintenance]}", "never: {tags: [planned]}"),
        ("people: [Ada Berg, Ben Cole]", "people: [Ada Berg]"),
    ],
)
def test_the_service_desks_own_tests_notice_a_change_of_meaning(old: str, new: str) -> None:
    assert failures_after("it-service-desk.yaml", old, new)


# --- sales --------------------------------------------------------------------------------------------------------
def test_complex_price_negotiations_of_large_customers_go_to_the_sales_director() -> None:
    policy = parse(text_of("sales.yaml"))
    (rule,) = [rule for rule in policy.rules if rule.name == "complex price negotiation with a large customer"]
    assert policy.level(int(rule.go_to)).name == "Sales director"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tier: [strategic, large], custom", "tier: [strategic], custom"),
        ("[10 to 20, over 20]}}", "[over 20]}}"),
        ("pause_while: [pending]", "pause_while: [pending, on_hold]"),
        ("no_human_activity_for: 27h", "unanswered_for: 27h"),
        ("unanswered_for: 2h", "unanswered_for: 2h clock"),
        ("name: Managing director\n", "name: Managing director\n    priority: {set: urgent}\n"),
        ("{country: US}", "{country: CA}"),
        ("level: 3, not_taken_for: 18h", "level: 3, at_level_for: 18h"),
        ("forms: [Offer, Price negotiation]", "forms: [Offer, Complaint]"),
        ("tags: [contract-terms, liability, tender]", "tags: [contract-terms, tender]"),
        ("{from: office_hours, else: selling}", "selling"),
        ("by_language: {de:", "by_language: {it:"),
        ("remind_every: 1h, at_most: 3}", "remind_every: 1h, at_most: 2}"),
        ("remind_every: 1h, at_most: 3}", "remind_every: 1h, at_most: 3, then: next_level}"),
        ("out_of_hours: {hold_until: selling", "out_of_hours: {hold_until: always"),
        ("until_promise: 9h", "until_promise: 8h"),
        ("tell: [key.accounts@example.com]", "tell: [somebody@example.com]"),
        ("    for: 18h ", "    for: 17h "),
        ("never: {tags: [internal-quote]}", "never: {tags: [quote]}"),
    ],
)
def test_sales_own_tests_notice_a_change_of_meaning(old: str, new: str) -> None:
    assert failures_after("sales.yaml", old, new)


# --- the strict protocol ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def strict() -> Policy:
    return parse(text_of("strict.yaml"))


def test_nothing_stops_the_strict_protocols_clock(strict: Policy) -> None:
    assert strict.pause_while == frozenset()
    assert list(strict.calendars) == [ALWAYS.name]
    assert not strict.restart_after_reopening


def test_the_strict_protocols_limits_are_short_and_stay_so_under_a_calendar(strict: Policy) -> None:
    asked = [question for rule in strict.rules for question in leaves(rule.when)]
    lengths = [length for question in asked if (length := duration_in(question)) is not None]
    assert all(length.clock for length in lengths)
    assert min(length.length for length in lengths) == timedelta(minutes=5)
    assert max(length.length for length in lengths) == timedelta(days=1)


def test_nothing_of_the_strict_protocol_is_ever_held_or_only_observed(strict: Policy) -> None:
    assert {part.mode for part in (*strict.rules, *strict.levels)} == {None}
    assert {rule.wait_if for rule in strict.rules} == {None}
    assert not any("status" in (question.name for question in leaves(rule.when)) for rule in strict.rules)
    assert {level.out_of_hours for level in strict.levels} == {None}
    assert {level.needs_confirmation for level in strict.levels} == {()}
    assert (strict.roles, strict.come_down, strict.pause_linked, strict.calendar_from) == ({}, (), None, None)
    assert {tier.calendar for tier in strict.tiers} | {level.calendar for level in strict.levels} == {None}


def test_the_strict_protocol_has_no_guard_and_none_would_hold_anything(strict: Policy) -> None:
    never_hold = strict.guards.never_hold
    assert strict.guards == Guards(never_hold=never_hold)
    assert never_hold is not None
    assert [(leaf.name, leaf.value) for leaf in leaves(never_hold)] == [("level", {"at_least": 1})]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 120),
            st.sampled_from(
                ["note: /hold, by: Ann", "note: /snooze 8h, by: Ann", "note: /decline", "note: /confirm", "take: true",
                 "set: {status: pending}", "set: {status: on_hold}", "set: {status: open}", "set: {blocked_by: [X-1]}",
                 "agent_says: Wait.", "customer_says: I cannot breathe.", "set: {tags: [sepsis]}", "request: 3",
                 "set: {impact: high, urgency: high}", "note: we look"]
            ),
        ),
        max_size=8,
    )
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_whatever_happens_the_strict_protocol_holds_nothing(happened: list[tuple[int, str]]) -> None:
    steps = "".join(f'      - {{at: "{9 + at // 60:02}:{at % 60:02}", {what}}}\n' for at, what in happened)
    expect = "".join(
        f'      - {{at: "{9 + at // 60:02}:{at % 60:02}", level: 1, held: false}}\n' for at in range(0, 240, 3)
    )
    test = f"""\
  - name: whatever happens
    ticket: {{site: jira, created: "2027-03-01 09:00"}}
{f"    steps:{chr(10)}{steps}" if steps else ""}    expect:
{expect}"""
    (result,) = run_examples(parse(text_of("strict.yaml").partition("\ntests:\n")[0] + "\ntests:\n" + test))
    assert [failure for failure in result.failures if "held: nothing" in failure] == []
    assert not any("asks to be looked at" in failure for failure in result.failures)


GUARDS_THAT_SOMEBODY_ADDS = """
  min_time_between: 8h
  per_ticket: {at_most: 1, per: 31d}
  level_budget: [{level: 2, at_most: 1, per: 31d, then: hold}, {level: 3, at_most: 1, per: 31d, then: hold}]
  evidence: {for: functional, need: [product], at_most: 24h}
"""


def test_guards_that_somebody_adds_to_the_strict_protocol_hold_nothing_either() -> None:
    text = text_of("strict.yaml").replace("\nguards:\n", f"\nguards:{GUARDS_THAT_SOMEBODY_ADDS}", 1)
    full = text.replace("{site: jira, impact", "{site: jira, others: {2: 9, 3: 9}, impact")
    policy = parse(full)
    assert policy.guards.per_ticket is not None
    assert full.count("others") >= 5
    assert [failure for result in run_examples(policy) for failure in result.failures] == []


def test_the_strict_protocol_leaves_nobody_at_the_desk_for_more_than_a_day(strict: Policy) -> None:
    assert [rule.go_to for rule in strict.rules if rule.name == "not closed in a day"] == [strict.top]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unanswered_for: 10m clock", "unanswered_for: 11m clock"),
        ("after_reopening: continue", "pause_while: [pending]"),
        ("after_reopening: continue", "pause_while: [on_hold]"),
        ("not: {severity: [routine, watch]}, unresolved_for", "severity: {at_least: serious}, unresolved_for"),
        ("level: {at_least: 2}, not_taken_for: 5m clock", "level: 2, not_taken_for: 5m clock"),
        ("reopens: {at_least: 1}", "reopens: {at_least: 2}"),
        ("no_human_activity_for: 1h clock", "no_human_activity_for: 2h clock"),
        ("medium: [routine, watch,   serious]", "medium: [routine, watch,   watch]"),
        ("review_every: 30m clock", "review_every: 35m clock"),
        ("(breathe|move)", "(move)"),
        ("{blocked: true, level: 1}", "{blocked: true, level: 2}"),
        ("on_call: Physician on duty", "on_call: Somebody"),
        ("rules:\n", "roles: {escalation_manager: {people: The director}}\nrules:\n"),
    ],
)
def test_the_strict_protocols_own_tests_notice_a_change_of_meaning(old: str, new: str) -> None:
    assert failures_after("strict.yaml", old, new)
