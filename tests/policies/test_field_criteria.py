"""What guides to escalation ask of criteria: what a ticket is, how hard it is, how long it took. In their words."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.document import overdue, parse
from policies.examples import instant
from policies.lint import lint
from policies.policy import Example, Policy
from policies.simulate import lived, run_examples

LIBRARY = Path(__file__).parents[2] / "policies" / "library"
HOUR = 60
DAY = 24 * HOUR


def reached(say: Any, rules: str, when: float, *events: Any, more: str = "", **told: Any) -> int:
    """The level of a ticket with these fields and events, looked at whenever something is due, until this time."""
    tested = say.desk(say.ladder(rules, more=more))
    born_at = told.pop("born_at", 0)
    decision = tested.look(born_at, say.born(born_at, **told))
    coming = sorted(events, key=lambda event: event.at)
    while True:
        dues = [event.at for event in coming[:1]] + ([decision.next_look] if decision.next_look else [])
        now = min((due for due in dues if due <= say.at(when)), default=None)
        if now is None:
            return tested.level
        here = [event for event in coming if event.at <= now]
        coming = coming[len(here) :]
        decision = tested.look(now, *here)


def plays(text: str) -> list[str]:
    """What is not as expected in a policy's own tests."""
    results = run_examples(parse(text))
    assert results
    return [failure for result in results for failure in result.failures]


# --- what it is and whom it hurts -------------------------------------------------------------------------------
GRAVE = {"kind": "incident", "impact": "high", "urgency": "high", "custom": {"business": "stopped"}}


@pytest.mark.parametrize(
    ("told", "level"),
    [
        ({}, 2),
        ({"kind": "question"}, 1),
        ({"impact": "low"}, 1),
        ({"urgency": "low"}, 1),
        ({"custom": {"business": "goes on"}}, 1),
    ],
    ids=["all of it", "its nature", "for the customer", "how urgent", "for the business"],
)
def test_a_rule_weighs_nature_impact_and_urgency_together(say: Any, told: dict[str, Any], level: int) -> None:
    """“nature of the issue, its impact on the customer and the business, and the urgency”."""
    when = "kind: incident, severity: critical, custom: {business: stopped}"
    assert reached(say, f"  - {{name: grave, when: {{{when}}}, go_to: 2}}", 0, **{**GRAVE, **told}) == level


@pytest.mark.parametrize(
    ("impact", "urgency", "severity", "level"),
    [
        ("low", "low", "minor", 1),
        ("low", "high", "minor", 1),
        ("high", "low", "major", 2),
        ("high", "high", "critical", 3),
    ],
)
def test_impact_and_urgency_make_the_severity_and_the_severity_chooses_the_level(
    say: Any, impact: str, urgency: str, severity: str, level: int
) -> None:
    """“categorized based on its severity, impact, and urgency”; “identifying, prioritizing, and resolving critical
    issues”."""
    rules = "".join(f"  - {{name: {s}, when: {{severity: {s}}}, go_to: {n}}}\n" for s, n in WORSE)
    tested = say.desk(say.ladder(rules))
    command = tested.look(0, say.born(impact=impact, urgency=urgency, priority="low")).command
    assert tested.level == level
    if command is not None:
        assert f"severity {severity}" in command.note.text
        assert command.priority is None or command.priority.word == "high"  # level 2 raises it


WORSE = (("major", 2), ("critical", 3))


# --- how hard it is ---------------------------------------------------------------------------------------------
def talk(say: Any, times: int, since: float = 1) -> list[Any]:
    """Tom and Ana write to each other."""
    return [say.said(f"c{n}", since + n, (say.tom, say.ana)[n % 2], "Hm") for n in range(times)]


def passed(say: Any, times: int) -> list[Any]:
    """The ticket goes from hand to hand."""
    hands = ["tom", "eva", "mia", "leo", "ada"]
    return [say.changed(f"a{n}", 1 + n, assignee=(hands[n], hands[n + 1])) for n in range(times)]


def returned(say: Any, times: int) -> list[Any]:
    """It is solved and comes back."""
    ways = [("open", "solved"), ("solved", "open")] * times
    return [say.changed(f"s{n}", 1 + n, (say.tom, say.ana)[n % 2], status=way) for n, way in enumerate(ways)]


HARD = {
    "many messages": ("replies: {at_least: 4}", talk, 3, 4),
    "many hand-overs": ("hand_overs: {at_least: 2}", passed, 1, 2),
    "many owners": ("owners: {at_least: 4}", passed, 2, 3),
    "it came back": ("reopens: {at_least: 2}", returned, 1, 2),
}


@pytest.mark.parametrize(("when", "happens", "few", "enough"), HARD.values(), ids=HARD)
def test_complexity_is_counted_from_what_happened_and_leads_to_more_expertise(
    say: Any, when: str, happens: Any, few: int, enough: int
) -> None:
    """“complexity of the issue, the level of expertise required … decision-making authority required”."""
    rule = f"  - {{name: complex, when: {{{when}}}, go_to: next_level}}"
    assert reached(say, rule, 30, *happens(say, few), assignee="tom") == 1
    assert reached(say, rule, 30, *happens(say, enough), assignee="tom") == 2


STUCK = {
    "handed on and on": ("hand_overs: {at_least: 3}", passed, 3),
    "back again": ("reopens: {at_least: 2}", returned, 2),
}


@pytest.mark.parametrize(("when", "happens", "times"), STUCK.values(), ids=STUCK)
def test_a_ticket_that_goes_round_in_circles_is_seen(say: Any, when: str, happens: Any, times: int) -> None:
    """“when it becomes apparent that the current resources are insufficient”; “not merely about passing the buck”."""
    rule = f"  - {{name: stuck, when: {{{when}}}, go_to: 2}}"
    assert reached(say, rule, 30, *happens(say, times), assignee="tom") == 2
    assert reached(say, rule, 30, assignee="tom") == 1


def test_a_ticket_on_which_nobody_works_is_seen_and_work_on_it_begins_the_time_anew(say: Any) -> None:
    """“when it becomes apparent that the current resources are insufficient”."""
    rule = "  - {name: stuck, when: {no_human_activity_for: 2h}, go_to: 2}"
    note = say.said("c1", 100, say.tom, "Looking", public=False)
    assert reached(say, rule, 119) == 1
    assert reached(say, rule, 120) == 2
    assert reached(say, rule, 219, note) == 1
    assert reached(say, rule, 220, note) == 2


# --- several criteria -------------------------------------------------------------------------------------------
THREE = """\
  - {name: too long, when: {unresolved_for: 2h}, go_to: 2}
  - {name: complex, when: {replies: {at_least: 4}}, go_to: 2}
  - {name: frustrated, when: {frustration: {at_least: mild}, unanswered_for: 10m}, go_to: 2}
  - {name: hurts the business, when: {severity: {at_least: major}}, go_to: 2}
"""
MOOD = "frustration: {phrases: {en: {strong: [unacceptable], mild: [third time]}}, tags: {strong: [very_unhappy]}}"
REASONS = {
    "it takes too long": ("too long", 120, lambda say: [], {}),
    "it is complex": ("complex", 20, lambda say: talk(say, 4), {}),
    "the customer is frustrated": ("frustrated", 20, lambda say: [say.said("c", 5, say.ana, "The third time!")], {}),
    "it hurts the business": ("hurts the business", 0, lambda say: [], {"impact": "high", "urgency": "low"}),
}


@pytest.mark.parametrize(("rule", "when", "happens", "told"), REASONS.values(), ids=REASONS)
def test_each_of_the_usual_criteria_is_a_reason_by_itself(
    say: Any, rule: str, when: float, happens: Any, told: Any
) -> None:
    """“takes too long, is complex, customer is frustrated, etc.”; “predefined criteria, such as time constraints,
    complexity …, or the potential impact on the business”."""
    alone = "\n".join(line for line in THREE.splitlines() if f"name: {rule}," in line)
    others = "\n".join(line for line in THREE.splitlines() if f"name: {rule}," not in line)
    assert reached(say, alone, when, *happens(say), more=MOOD, **told) == 2
    assert reached(say, others, when, *happens(say), more=MOOD, **told) == 1


@pytest.mark.parametrize("part", list(itertools.product([False, True], repeat=3)), ids=str)
def test_time_complexity_and_status_are_joined_by_and_or_as_the_policy_says(say: Any, part: tuple[bool, ...]) -> None:
    """“Combine time (unresolved after 30 minutes, etc.), complexity, and customer status (VIP …)”."""
    late, hard, vip = part
    tier = "customers: {tiers: [{tier: vip, tags: [vip]}, {tier: other}]}"
    told = {"tags": ("vip",) if vip else (), "more": tier}
    events = talk(say, 4) if hard else []
    joined = {
        "tier: vip, unresolved_for: 30m, replies: {at_least: 4}": late and hard and vip,
        "any: [{tier: vip}, {unresolved_for: 30m}, {replies: {at_least: 4}}]": late or hard or vip,
        "unresolved_for: 30m, any: [{tier: vip}, {replies: {at_least: 4}}]": late and (hard or vip),
        "unresolved_for: 30m, not: {tier: vip}": late and not vip,
    }
    found = {
        when: reached(say, f"  - {{name: joined, when: {{{when}}}, go_to: 2}}", 30 if late else 29, *events, **told)
        == 2
        for when in joined
    }
    assert found == joined


@pytest.mark.parametrize(("kind", "limit"), [("incident", 60), ("question", 240)])
def test_a_rule_says_what_type_of_issue_and_at_what_point_in_time(say: Any, kind: str, limit: int) -> None:
    """“well-defined criteria … what types of issues … and at what point in time”."""
    rules = "".join(
        f"  - {{name: {k} late, when: {{kind: {k}, unresolved_for: {m}m}}, go_to: 2}}\n"
        for k, m in (("incident", 60), ("question", 240))
    )
    assert reached(say, rules, limit - 1, kind=kind) == 1
    assert reached(say, rules, limit, kind=kind) == 2


# --- time -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("limit", "day"),
    [("24h clock", DAY), ("24h", 3 * DAY)],
    ids=["every hour counts", "hours of eight a day count"],
)
def test_after_24_hours_an_unresolved_ticket_goes_to_the_senior_technician(say: Any, limit: str, day: float) -> None:
    """“any unresolved ticket after 24 hours should be escalated to a senior technician”."""
    rule = f"  - {{name: a day, when: {{unresolved_for: {limit}}}, go_to: 2, calendar: office}}"
    assert reached(say, rule, day - 1) == 1  # from Monday ten o'clock in Berlin on
    assert reached(say, rule, day) == 2
    solved = say.changed("done", 300, status=("open", "solved"))
    assert reached(say, rule, day, solved) == 1


def test_the_library_has_that_rule_with_a_test_of_its_own() -> None:
    """“any unresolved ticket after 24 hours should be escalated to a senior technician”."""
    policy = parse((LIBRARY / "support.yaml").read_text("utf-8"))
    assert "unresolved after 24 hours" in {rule.name for rule in policy.rules}
    assert "unresolved after 24 hours" in {e.get("rule") for example in policy.examples for e in example.expect}


def test_the_note_says_how_long_the_customer_has_waited_and_what_did_not_count(say: Any) -> None:
    """“this customer has been waiting 30 minutes”."""
    tested = say.desk(say.ladder("  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"))
    tested.look(0, say.born())
    tested.look(10, say.changed("s1", 10, status=("open", "pending")))
    tested.look(25, say.changed("s2", 25, status=("pending", "open")))
    note = tested.look(45).command.note.text
    assert "Why: waits: unanswered for 30 min (limit 30m); not counted: 15 min" in note
    assert "waiting for an answer 45 min, since 09:00 UTC" in note


@pytest.mark.parametrize(("breach", "moves"), [(90, 60), (45, 15), (20, 0)])
def test_the_promise_of_a_contract_is_a_threshold_before_it_breaks(say: Any, breach: float, moves: float) -> None:
    """“SLA — Contracts that define escalation timeframes”; “proactive communication, regular monitoring …,
    and continuous improvement”."""
    rule = "  - {name: near, when: {until_sla_breach: 30m}, go_to: 2}"
    told = {"sla_breach_at": say.at(breach)}
    assert reached(say, rule, moves, **told) == 2
    if moves:
        assert reached(say, rule, moves - 1, **told) == 1


# --- places -----------------------------------------------------------------------------------------------------
WORLD = """\
version: 1
name: World
applies_to: {desk: all}
calendars:
  berlin: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}, holidays: {country: DE, region: BY}}
  tokyo: {timezone: Asia/Tokyo, hours: {mon-fri: "09:00-17:00"}, holidays: {country: JP}}
  denver: {timezone: America/Denver, hours: {mon-fri: "09:00-17:00"}}
defaults: {calendar: {from: region, else: berlin}}
levels:
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - level: 2
    name: Two
    targets: {desk: {group: Berlin Experts}}
    out_of_hours: {outside: berlin, targets: {desk: {group: Denver Experts}}}
rules:
  - {name: waits, when: {unanswered_for: 2h}, go_to: 2}
tests:
"""
PLACES = {
    "Berlin": ('created: "2027-03-01T09:00Z"', "2027-03-01T11:00Z", "Berlin Experts"),
    "Berlin at its end of day": ('created: "2027-03-01T15:00Z"', "2027-03-02T09:00Z", "Berlin Experts"),
    "Tokyo, where it is night": (
        'custom: {region: tokyo}, created: "2027-03-01T09:00Z"', "2027-03-02T02:00Z", "Denver Experts"
    ),
    "Tokyo on the Emperor's birthday": (
        'custom: {region: tokyo}, created: "2027-02-23T00:00Z"', "2027-02-24T02:00Z", "Denver Experts"
    ),
    "Denver, after Berlin has closed": (
        'custom: {region: denver}, created: "2027-03-01T16:00Z"', "2027-03-01T18:00Z", "Denver Experts"
    ),
    "Denver has moved its clocks, Berlin has not": (
        'custom: {region: denver}, created: "2027-03-15T15:00Z"', "2027-03-15T17:00Z", "Denver Experts"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ticket", "moves", "team"), PLACES.values(), ids=PLACES)
def test_each_place_has_its_hours_holidays_and_zone_and_the_ticket_follows_the_sun(
    ticket: str, moves: str, team: str
) -> None:
    """“distributed teams … different locations … aligned on escalation protocols”."""
    minute_before = f"{datetime.fromisoformat(moves) - timedelta(minutes=1):%Y-%m-%dT%H:%MZ}"
    example = f"""\
  - name: here
    ticket: {{site: desk, {ticket}}}
    expect: [{{at: "{minute_before}", level: 1}}, {{at: "{moves}", level: 2, target: {team}}}]
"""
    assert plays(WORLD + example) == []


# --- clear criteria ---------------------------------------------------------------------------------------------
UNCLEAR = {
    "overlap": (
        "  - {name: a, when: {kind: bug, unanswered_for: 1h}, go_to: 2}\n"
        "  - {name: b, when: {severity: critical, unanswered_for: 1h}, go_to: 3}",
        '"b" wins, since level 3 is above 2',
    ),
    "lead nowhere": (
        "  - {name: a, when: {level: 3, unresolved_for: 1h}, go_to: 2}\n"
        "  - {name: b, when: {requested_by_staff: true}, go_to: requested_level}",
        "it leads nowhere: it is true only at level 3",
    ),
    "can never be": (
        "  - {name: a, when: {kind: bug, not: {kind: bug}, unresolved_for: 1h}, go_to: 2}",
        "exclude each other",
    ),
    "needless": (
        "  - {name: a, when: {unanswered_for: 1h}, go_to: 2}\n  - {name: b, when: {unanswered_for: 2h}, go_to: 2}",
        'it moves nothing that rule "a" would not',
    ),
    "gap": (
        "  - {name: a, when: {severity: critical}, go_to: 3}",
        "no rule ever leads a ticket up that has the severity minor, the severity major",
    ),
    "no way there": ("  - {name: a, when: {unanswered_for: 1h}, go_to: 2}", "level 4 (Four): no rule leads to it"),
}


@pytest.mark.parametrize(("rules", "said"), UNCLEAR.values(), ids=UNCLEAR)
def test_criteria_that_overlap_contradict_each_other_or_leave_gaps_are_named(say: Any, rules: str, said: str) -> None:
    """“Ambiguous escalation criteria … delays and inconsistency”; “lack of clarity … ambiguity”; “unclear escalation
    paths, insufficient training, and communication breakdowns”."""
    found = [str(finding) for finding in lint(say.ladder(rules))]
    assert any(said in sentence for sentence in found), found


def test_a_policy_has_a_day_of_review_and_says_when_it_has_passed() -> None:
    """“regularly reviewing policies”."""
    policy = parse((LIBRARY / "support.yaml").read_text("utf-8"))
    assert policy.review_by is not None
    due = [text for text in map(str, overdue(policy, date(2027, 12, 1))) if "reviewed" in text]
    assert due == ["Customer support: it was to be reviewed by head.of.support@example.com until 2027-11-30"]
    assert not [text for text in map(str, overdue(policy, policy.review_by)) if "reviewed" in text]


# --- other trades -----------------------------------------------------------------------------------------------
def test_under_the_strict_protocol_no_move_ever_waits() -> None:
    """“healthcare … strict protocols”."""
    policy = parse((LIBRARY / "strict.yaml").read_text("utf-8"))
    assert policy.guards.never is None
    looks = 0
    for example in policy.examples:
        for expectation in example.expect:
            case, *_ = lived(policy, example, instant_of(policy, example, expectation["at"]))
            assert case.held == (), example.name
            looks += 1
    assert looks > 20


def instant_of(policy: Policy, example: Example, said: str) -> datetime:
    """When an expectation is."""
    created = instant(example.ticket["created"], policy)
    return instant(said, policy, created.date())


def test_what_another_program_found_out_is_a_criterion_and_the_rule_cites_it(say: Any) -> None:
    """“AI-driven systems can analyse incoming queries and automatically route them”."""
    tested = say.desk(say.ladder("  - {name: outage, when: {tags: intent__outage}, go_to: 2}"))
    tested.look(0, say.born())
    decision = tested.look(3, say.changed("t", 3, say.bot, tag=(None, "intent__outage")))
    assert tested.level == 2
    assert "outage: tags intent__outage" in decision.why
