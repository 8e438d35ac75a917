"""Branches say nothing that a ticket could refute: asked at random moments, the conditions agree with them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from policies.branches import Answers, Branch, TooMany, duration_in, open_in_a_week
from policies.calendars import Clock
from policies.conditions import Moment, leaf, parsed
from policies.document import parse
from policies.durations import Duration
from policies.model import TICKET_FIELDS, Named, Priority, Status, TicketRef, ticket_from
from policies.policy import Policy, Rule
from policies.ranges import Among, Called, Lasting
from policies.story import Request, Since, Story, Words

POLICY = parse("""\
version: 1
name: Branched
applies_to: {desk: all}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: ["08:00-12:00", "13:00-17:00"]}}
  night: {timezone: Europe/Berlin, hours: {fri: "22:00-06:00"}}
  round: {timezone: Europe/Berlin, hours: {daily: "00:00-24:00"}}
defaults: {calendar: office}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, major], high: [major, critical]}}
customers: {tiers: [{tier: platinum, organizations: [Globex]}, {tier: vip, tags: [vip]}, {tier: standard}]}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Experts, targets: {desk: {group: Experts}}}
  - {level: 3, name: Management, targets: {desk: {group: Managers}}}
rules:
  - {name: asked, when: {requested_by_staff: true}, go_to: 3}
frustration: {phrases: {en: {strong: [lawyer], mild: [waiting]}}}
csat: {bad: [drill], good: [outage]}
""")

NOW = datetime(2027, 3, 10, 15, tzinfo=UTC)  # a Wednesday
TIMES = [f"{n}h{clock}" for n in (1, 8, 30) for clock in ("", " clock")]
FORMS: dict[str, list[Any]] = {
    "status": ["open", ["new", "open"], ["pending", "solved"]],
    "priority": ["urgent", {"at_least": "high"}, {"less_than": "high"}],
    "severity": [{"at_least": "major"}, "minor"],
    "tier": ["vip", ["platinum", "standard"]],
    "product": ["billing", ["Billing", "network"]],
    "tags": ["vip", ["outage", "drill"], "drill"],
    "group": ["Support", ["experts", "77"]],
    "custom": [{"env": "prod"}, {"env": ["prod", "test"], "region": "emea"}],
    "level": [1, {"at_least": 2}, {"less_than": 3}],
    "reopens": [0, 2, {"at_least": 1}, {"at_most": 1}],
    "hand_overs": [0, 2, {"at_least": 1}, {"less_than": 3}],
    "owners": [1, {"more_than": 1}],
    "replies": [{"at_least": 2}, {"customer": 1}, {"agents": {"at_most": 1}}],
    "frustration": ["mild", {"at_least": "mild"}, ["strong", "mild"], {"more_than": "mild"}],
    "csat": ["bad", "good", ["bad", "good"]],
    "requested_by_staff": [True, False],
    "answered": [True, False],
    **dict.fromkeys(
        ("unresolved_for", "unanswered_for", "not_taken_for", "at_level_for", "no_human_activity_for"), TIMES
    ),
}
QUESTIONS = st.sampled_from([{name: value} for name, values in FORMS.items() for value in values])
CONDITIONS = st.recursive(
    QUESTIONS,
    lambda below: (
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"all": parts})
        | st.lists(below, min_size=1, max_size=2).map(lambda parts: {"any": parts})
        | below.map(lambda part: {"not": part})
    ),
    max_leaves=5,
)
AGES = st.sampled_from([timedelta(hours=h) for h in (0, 1, 2, 8, 9, 30, 31, 100, 300)])


@st.composite
def moments(draw: st.DrawFn) -> Callable[[Rule], Moment]:
    """What a rule may be asked about, with every field known."""
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    created = NOW - timedelta(hours=300)
    told: dict[str, Any] = {
        **dict.fromkeys(TICKET_FIELDS),
        "status": pick(*(s for s in Status if not s.resolved)),
        "priority": pick(None, *Priority),
        "impact": pick(None, "low", "high"),
        "urgency": pick("low", "high"),
        "organization": pick(None, Named(id="9", name="Globex")),
        "tags": tuple(draw(st.sets(st.sampled_from(["vip", "outage", "Drill", "other"])))),
        "product": pick(None, "billing", "Network", "else"),
        "group": pick(None, Named(id="77", name="Support"), Named(id="5", name="Experts")),
        "custom": {"env": pick(None, "prod", "test", "dev"), "region": pick("emea", "apac")},
        "created_at": created,
    }
    reopens, hand_overs = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    said = tuple(Since(at=NOW, value=str(number)) for number in range(3))
    story = Story(
        created_at=created,
        born=True,
        conversation=True,
        waiting_since=pick(None, NOW - draw(AGES)),
        reopens=reopens,
        reopened_at=NOW - timedelta(hours=5) if reopens else None,
        hand_overs=hand_overs,
        handed_over=(NOW,) * hand_overs,
        owners=said[: draw(st.integers(0, 3))],
        agents_said=said[: draw(st.integers(0, 3))],
        customer_said=said[: draw(st.integers(0, 3))],
        words=tuple(
            Words(id=w, at=NOW, waiting=1, text=f" {w} ") for w in pick((), ("waiting",), ("lawyer", "waiting"))
        ),
        requests=pick((), (Request(id="1", at=NOW, by="ana", level=None),)),
        taken_at=pick(None, NOW),
        human_at=pick(None, NOW - draw(AGES)),
        since=dict.fromkeys(told, created),
    )
    ticket = ticket_from(TicketRef(vendor="desk", site="x", id="1"), NOW, told)
    level, since = draw(st.integers(1, 3)), NOW - draw(AGES)

    def moment(rule: Rule) -> Moment:
        def clock(length: Duration) -> Clock:
            return Clock(calendar=None if length.clock else POLICY.calendars[rule.calendar or POLICY.calendar])

        return Moment(
            policy=POLICY, ticket=ticket, story=story, level=level, level_since=since, now=NOW, clock_for=clock
        )  # fmt: skip

    return moment


def rule(when: dict[str, Any], calendar: str | None = None) -> Rule:
    return Rule(name="r", when=parsed(when), go_to=3, calendar=calendar)


def branches(policy: Policy, *rules: Rule) -> tuple[tuple[Branch, ...], ...]:
    answers = Answers(replace(policy, rules=rules))
    try:
        return tuple(answers.branches(rule) for rule in rules)
    except TooMany:  # a condition of so many branches is not compared, and says so
        reject()


def true(branch: Branch, moment: Moment) -> bool:
    return all(question.ask(moment).value is holds for question, holds in branch.parts)


@settings(max_examples=150, deadline=None)
@given(CONDITIONS, st.sampled_from([None, "night", "round"]), st.lists(moments(), min_size=4, max_size=8))
def test_a_condition_is_true_when_one_of_its_branches_is_and_never_by_one_in_conflict(
    when: dict[str, Any], calendar: str | None, asked: list[Callable[[Rule], Moment]]
) -> None:
    one = rule(when, calendar)
    (found,) = branches(POLICY, one)
    for moment in (ask(one) for ask in asked):
        holding = [branch for branch in found if true(branch, moment)]
        assert bool(holding) is one.when.ask(moment).value
        assert [branch for branch in holding if branch.conflict] == []


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, CONDITIONS, st.lists(moments(), min_size=4, max_size=8))
def test_a_branch_that_implies_another_is_never_true_without_it(
    first: dict[str, Any], second: dict[str, Any], asked: list[Callable[[Rule], Moment]]
) -> None:
    one, other = rule({"all": [first, second]}), rule(second, "night")
    same = rule(second)
    for mine, theirs, others in ((one, same, "its own hours"), (one, other, "other hours")):
        found, wanted = branches(POLICY, mine, theirs)
        for moment, there in ((ask(mine), ask(theirs)) for ask in asked):
            for a in found:
                for b in wanted:
                    both = true(a, moment) and true(b, there)
                    assert not (true(a, moment) and a.implies(b)) or both, others
                    assert a.meets(b) or not both, others


@settings(max_examples=100, deadline=None)
@given(CONDITIONS, st.lists(moments(), min_size=4, max_size=8))
def test_a_branch_without_causes_never_has_one(when: dict[str, Any], asked: list[Callable[[Rule], Moment]]) -> None:
    one = rule(when)
    (found,) = branches(POLICY, one)
    for moment in (ask(one) for ask in asked):
        for branch in found:
            if true(branch, moment) and not branch.causes:
                answers = [question.question.ask(moment) for question, holds in branch.parts if holds]
                assert [answer.causes for answer in answers if answer.causes] == []


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"status": "open"}, {"status": ["new", "open"]}),
        ({"priority": "urgent"}, {"not": {"priority": {"less_than": "high"}}}),
        ({"tags": "drill"}, {"tags": ["outage", "drill"]}),
        ({"not": {"tags": ["outage", "drill"]}}, {"not": {"tags": "drill"}}),
        ({"tags": ["outage", "vip"], "not": {"tags": "vip"}}, {"tags": "outage"}),
        ({"unresolved_for": "9h"}, {"unresolved_for": "8h clock"}),
        ({"not": {"unresolved_for": "4h"}}, {"not": {"unresolved_for": "5h"}}),
        ({"not_taken_for": "2h"}, {"at_level_for": "2h"}),
        ({"unanswered_for": "2h"}, {"answered": False}),
        ({"custom": {"env": "prod", "region": "emea"}}, {"custom": {"region": ["emea", "apac"]}}),
        ({"reopens": 3}, {"reopens": {"more_than": 1}}),
        ({"replies": {"more_than": 12}}, {"replies": {"at_least": 12}}),
        ({"frustration": "strong"}, {"frustration": {"at_least": "mild"}}),
        ({"csat": "bad"}, {"csat": ["bad", "good"]}),
        ({"after_promise": "30m"}, {"after_promise": "10m"}),
        ({"after_promise": "1m"}, {"until_promise": "1h"}),
        ({"until_sla_breach": "30m"}, {"until_sla_breach": "1h"}),
        ({"not": {"until_promise": "1h"}}, {"not": {"after_promise": "1m"}}),
        ({"after_promise": "9h"}, {"after_promise": "8h clock"}),
    ],
)
def test_the_narrow_one_implies_the_wide_one_and_not_the_other_way_round(
    narrow: dict[str, Any], wide: dict[str, Any]
) -> None:
    (mine,), (theirs,) = branches(POLICY, rule(narrow), rule(wide))
    assert mine.implies(theirs)
    assert not theirs.implies(mine)


def test_open_hours_of_a_week_are_counted_once() -> None:
    weekly = {name: open_in_a_week(calendar) / 60 for name, calendar in POLICY.calendars.items()}
    assert weekly == {"always": 168, "office": 40, "night": 8, "round": 168}


def test_every_minute_counts_in_a_calendar_that_never_closes() -> None:
    answers, hour = Answers(POLICY), Duration.parse("1h")
    counted = {name: answers.counts(hour, name) for name in POLICY.calendars}
    assert counted == {"always": "clock", "office": "office", "night": "night", "round": "clock"}


@pytest.mark.parametrize(
    ("name", "value", "text"), [("unresolved_for", "4h", "4h"), ("not_taken_for", "90s clock", "90s clock")]
)
def test_a_question_that_waits_tells_how_long(name: str, value: str, text: str) -> None:
    assert str(duration_in(leaf(name, value))) == text


def test_a_question_that_does_not_wait_has_no_duration() -> None:
    assert duration_in(leaf("status", "open")) is None


def test_ranges_know_what_fits_nothing() -> None:
    hour = timedelta(hours=1)
    assert Among(frozenset()).empty
    assert Called(some=frozenset({frozenset({"a"})})).both(Called(none=frozenset({"a"}))).empty
    assert Lasting(least=hour).both(Lasting(less_than=hour)).empty
    assert not Lasting(least=hour).both(Lasting(less_than=hour * 2)).empty
