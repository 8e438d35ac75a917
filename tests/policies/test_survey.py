"""A glance says what the full answer says, a survey what all rules say, and the next look is the first that matters.

Any ticket, any story, any rules; what takes the short way is held against asking everything in full.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.case import Case, Facts, Fired
from policies.conditions import Moment, Node, leaf, parsed
from policies.durations import Duration
from policies.levels import Step
from policies.model import TICKET_FIELDS, Kind
from policies.moments import Clocks, leads_up, moment_of
from policies.policy import Policy, Rule
from policies.sieve import sieve_of
from policies.survey import survey
from policies.verdicts import again, found_out, traced, verdicts_of

MORE = """\
frustration: {phrases: {en: {strong: [lawyer], mild: ["still waiting"]}}, tags: {strong: [angry], mild: [cross]}}
csat: {bad: bad_rating, good: good_rating}
"""
FACTS: list[dict[str, Any]] = [
    {"status": ["new", "open"]}, {"status": "pending"}, {"priority": {"at_least": "high"}}, {"priority": ["low"]},
    {"product": "mail"}, {"kind": "incident"}, {"group": ["Support", "12"]}, {"organization": "Globex"},
    {"language": ["de", "en"]}, {"channel": "phone"}, {"tags": ["vip", "outage"]}, {"tags": "angry"}, {"tier": "gold"},
    {"tier": ["vip", "other"]}, {"severity": {"at_least": "major"}}, {"severity": ["minor"]},
    {"custom": {"environment": "production"}}, {"level": 2}, {"level": {"less_than": 3}}, {"reopens": {"at_least": 1}},
    {"requested_by_staff": True}, {"requested_by_staff": False}, {"answered": True}, {"answered": False},
    {"replies": {"more_than": 1}}, {"replies": {"agents": 1}}, {"owners": {"at_least": 2}}, {"hand_overs": 1},
    {"frustration": {"at_least": "mild"}}, {"frustration": "strong"}, {"csat": "bad"}, {"blocked": True},
    {"blocked": False}, {"matches": {"subject": "work"}}, {"matches": {"message": "waiting"}},
]  # fmt: skip
TIMES = (
    "unresolved_for", "unanswered_for", "not_taken_for", "no_human_activity_for", "at_level_for", "until_promise",
    "after_promise", "until_sla_breach", "after_sla_breach",
)  # fmt: skip
LENGTHS = ("20m", "45m clock", "1h", "2h", "3h clock", "8h")
QUESTION = st.sampled_from(FACTS) | st.builds(
    lambda name, length: {name: length}, st.sampled_from(TIMES), st.sampled_from(LENGTHS)
)
WHEN = st.recursive(
    QUESTION,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda p: {"all": p}),
        st.lists(parts, min_size=1, max_size=3).map(lambda p: {"any": p}),
        parts.map(lambda p: {"not": p}),
    ),
    max_leaves=5,
)
RULES = st.lists(
    st.tuples(
        st.lists(WHEN, min_size=1, max_size=3),
        st.sampled_from([2, 3, 4, None, *Step]),
        st.sampled_from([None, None, "30m", "2h clock"]),
        st.sampled_from([None, None, "office"]),
    ),
    min_size=1,
    max_size=6,
)
FIELDS: dict[str, list[Any]] = {
    "status": ["new", "open", "pending"], "priority": [None, "low", "urgent"], "product": [None, "Mail"],
    "kind": [None, "incident"], "group": ["11", "12", None], "organization": [None, "Globex"], "language": ["en", None],
    "channel": ["phone"], "tags": [(), ("vip",), ("angry", "outage"), ("bad_rating", "cross")],
    "impact": ["low", "high"], "urgency": ["high", None], "custom": [{}, {"environment": "production"}],
    "blocked_by": [(), ("ITSM-1",)],
    "subject": ["It does not work", "Hello"],
}  # fmt: skip
PICTURE = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in FIELDS.items()})
ACT = st.sampled_from(
    ["urgent", "tag", "pending", "open", "solved", "take", "pass", "reply", "still waiting", "my lawyer", "/escalate"]
)
STORY = st.tuples(
    st.booleans(), PICTURE, st.lists(st.tuples(st.integers(1, 90), ACT), max_size=6), st.integers(-60, 400),
    st.sampled_from([None, 30, 200]), st.sampled_from([None, 90, 500]),
)  # fmt: skip
KNOWN = st.sampled_from([frozenset[str](), TICKET_FIELDS, frozenset({"due_at", "conversation", "tags"})])


def acted(say: Any, number: int, when: float, act: str) -> Any:
    changes = {
        "urgent": {"priority": ("low", "urgent")}, "tag": {"tag": (None, "outage")},
        "pending": {"status": ("open", "pending")}, "open": {"status": ("pending", "open")},
        "solved": {"status": ("open", "solved")}, "take": {"assignee": (None, "tom")},
        "pass": {"assignee": ("tom", "eva")},
    }  # fmt: skip
    if act in changes:
        return say.changed(f"e{number}", when, say.tom, **changes[act])
    who = say.ana if act.startswith(("still", "my")) else say.tom
    return say.said(f"e{number}", when, who, act, act != "/escalate")


def told(say: Any, story: Any) -> tuple[Case, Any]:
    """A case at some moment of some ticket's life, of which more or less is known; and that moment."""
    whole, picture, acts, silence, promised, due = story
    events = [say.born(**picture) if whole else say.changed("first", 0, None, say.part(**picture))]
    when: float = 0
    for number, (gap, act) in enumerate(acts):
        when += gap
        events.append(acted(say, number, when, act))
    if due is not None:
        dates = {"due_at": say.at(due), "sla_breach_at": say.at(due // 2), "created_at": say.at(0)}
        events.append(say.event("dates", when + 1, Kind.CHANGED, None, ticket=say.part(say.at(when + 1), **dates)))
    _, ticket, past = say.told(events)
    level_since, promise = say.at(when / 2), None if promised is None else say.at(promised)
    case = Case(ref=say.ref, level=2, level_since=level_since, ticket=ticket, story=past, promised=promise)
    return replace(case, adopted_at=say.at(0)), say.at(when + silence)


def policy_with(say: Any, rules: Any) -> Policy:
    base = say.policy("when: {level: 1}, go_to: 2", more=MORE)
    made = [
        Rule(
            name=f"r{number}",
            when=parsed({"all": parts}) if len(parts) > 1 else parsed(parts[0]),
            go_to=go_to,
            again=Duration.parse(length) if length else None,
            calendar=calendar,
        )
        for number, (parts, go_to, length, calendar) in enumerate(rules)
    ]
    return replace(base, rules=tuple(made))


def moment_for(policy: Policy, case: Case, facts: Facts, now: Any, rule: Rule) -> Moment:
    return moment_of(policy, Clocks(policy, case).of(rule), case, facts, now)


def nodes(node: Node) -> list[Node]:
    parts = [node.part] if hasattr(node, "part") else getattr(node, "parts", ())
    return [node, *(below for part in parts for below in nodes(part))]


@settings(max_examples=300)
@given(rules=RULES, story=STORY, fetched=KNOWN, later=st.integers(0, 2000))
def test_a_glance_says_what_the_full_answer_says(say: Any, rules: Any, story: Any, fetched: Any, later: int) -> None:
    policy, (case, now) = policy_with(say, rules), told(say, story)
    facts, then = Facts(fetched=fetched), now + timedelta(minutes=later)
    for rule in policy.rules:
        for node in nodes(rule.when):
            answered = moment_for(policy, case, facts, now, rule)
            now_and_then = node.ask(answered).value, node.ask(answered.later(then)).value
            fresh = moment_for(policy, case, facts, now, rule)
            assert (node.glance(fresh, now), node.glance(fresh, then)) == now_and_then


@settings(max_examples=300)
@given(rules=RULES, story=STORY, fetched=KNOWN)
def test_a_survey_finds_what_asking_every_rule_in_full_finds(say: Any, rules: Any, story: Any, fetched: Any) -> None:
    policy, (case, now) = policy_with(say, rules), told(say, story)
    facts = Facts(fetched=fetched, paused_rules={"r1": "too loud"})
    found, full = survey(policy, case, facts, now, Clocks(policy, case)), verdicts_of(policy, case, facts, now)
    shown = [v._replace(moment=None) for v in full if v.finding.value is not False]  # type: ignore[arg-type]
    assert [v._replace(moment=None) for v in found.verdicts] == shown  # type: ignore[arg-type]
    asked = {v.rule.name: traced(v, None) for v in full if v.finding.value is not False}
    assert [(t.rule, t.value, t.answers) for t in found.traces(None)] == [
        (rule.name, asked[rule.name].value, asked[rule.name].answers) if rule.name in asked else (rule.name, False, ())
        for rule in policy.rules
    ]


def first_turn(policy: Policy, case: Case, facts: Facts, now: Any) -> Any:
    """The next look by brute force: each rule is asked in full at each instant at which a question of it turns."""
    turns = []
    for rule in policy.rules:
        if not leads_up(rule, case, policy):
            continue
        present = moment_for(policy, case, facts, now, rule)
        dues = {answer.due for answer in rule.when.ask(present).answers} | {again(rule, case, present)}
        for at in sorted(due for due in dues if due is not None and due > now):
            moment = present.later(at)
            finding = rule.when.ask(moment)
            if finding.value is None or found_out(rule, case, finding, moment)[1]:
                turns.append(at)
                break
    return min(turns, default=None)


@settings(max_examples=300)
@given(rules=RULES, story=STORY, fetched=KNOWN, gone=st.integers(0, 300), seen=st.sets(st.integers(0, 5)))
def test_the_next_look_is_the_first_turn_found_by_brute_force(
    say: Any, rules: Any, story: Any, fetched: Any, gone: int, seen: set[int]
) -> None:
    policy, (case, now) = policy_with(say, rules), told(say, story)
    facts, fired = Facts(fetched=fetched), {}
    for verdict in verdicts_of(policy, case, facts, now + timedelta(minutes=gone)):
        if int(verdict.rule.name[1:]) in seen and verdict.causes:  # some rules have fired for what they will find
            fired[verdict.rule.name] = Fired(at=now - timedelta(minutes=5), causes=tuple(c.id for c in verdict.causes))
    case = replace(case, fired=fired)
    found = survey(policy, case, facts, now, Clocks(policy, case))
    assert found.next_look(case, now) == first_turn(policy, case, facts, now)


OPENED = (True, {}, [], 10, None, None)
WAITS = [
    ({"unresolved_for": "1h", "at_level_for": "3h"}, 180, "the later of two that it needs"),
    (
        {"at_level_for": "3h", "any": [{"unresolved_for": "1h"}, {"unresolved_for": "2h"}]},
        180,
        "whatever else it needs",
    ),
    ({"any": [{"unresolved_for": "2h"}, {"at_level_for": "1h"}]}, 60, "the earlier of two, one of which is enough"),
    ({"unresolved_for": "1h", "until_promise": "20m"}, 60, "nothing is promised, and that is known only when asked"),
    ({"unresolved_for": "1h", "tags": "vip"}, None, "never by time alone"),
    ({"unanswered_for": "1h", "not": {"unresolved_for": "30m"}}, None, "time has taken it away before"),
]


@pytest.mark.parametrize(("when", "minute", "_reason"), WAITS)
def test_a_rule_wakes_when_all_it_waits_for_has_come(say: Any, when: Any, minute: int | None, _reason: str) -> None:
    policy, (case, now) = policy_with(say, [([when], 3, None, None)]), told(say, OPENED)
    found = survey(policy, case, Facts(), now, Clocks(policy, case))
    assert found.next_look(case, now) == (None if minute is None else say.at(minute))


def test_a_rule_that_has_fired_for_what_comes_wakes_only_for_the_next_cause_or_its_again(say: Any) -> None:
    when = {"any": [{"unresolved_for": "1h"}, {"unresolved_for": "2h"}]}
    rules = [([when], 3, None, None), ([{"unresolved_for": "1h"}], 3, "3h", None)]
    policy, (case, now) = policy_with(say, rules), told(say, OPENED)
    fired = Fired(at=say.at(5), causes=("unresolved_for 1h #0",))
    for names, minute in (({"r0"}, 60), ({"r1"}, 60), ({"r0", "r1"}, 120)):
        known = replace(case, fired=dict.fromkeys(names, fired))
        found = survey(policy, known, Facts(), now, Clocks(policy, known))
        assert found.next_look(known, now) == say.at(minute)
    only_again = replace(policy, rules=policy.rules[1:])
    known = replace(case, fired={"r1": fired})
    assert survey(only_again, known, Facts(), now, Clocks(policy, known)).next_look(known, now) == say.at(185)


def test_a_rule_whose_start_is_not_known_is_not_left_aside(say: Any) -> None:
    policy = policy_with(say, [([{"unanswered_for": "1h"}], 3, None, None)])
    case = Case(ref=say.ref, level_since=say.at(0), ticket=say.part(status="new"))
    [verdict] = survey(policy, case, Facts(), say.at(90), Clocks(policy, case)).verdicts
    assert (verdict.finding.value, verdict.finding.needs) == (None, {"conversation"})


# --- the sieve ----------------------------------------------------------------------------------------------------
def test_a_sieve_is_made_once_for_the_same_rules(say: Any) -> None:
    policy = policy_with(say, [([{"level": 2}], 3, None, None)])
    again_the_same = policy_with(say, [([{"level": 2}], 3, None, None)])
    assert sieve_of(policy.rules) is sieve_of(policy.rules)
    assert sieve_of(policy.rules) is not sieve_of(again_the_same.rules)


def test_what_a_sieve_remembers_of_a_subject_is_bounded(say: Any) -> None:
    policy, tickets = policy_with(say, [([{"tags": "t3"}], 3, None, None)]), 1030
    true = []
    for number in [*range(tickets), 3]:
        case = Case(ref=say.ref, level_since=say.at(0), ticket=say.full(tags=(f"t{number}",)))
        true += [number] * len(survey(policy, case, Facts(), say.at(1), Clocks(policy, case)).verdicts)
    assert true == [3, 3]
    [tags] = sieve_of(policy.rules).subjects
    assert len(tags.met) < tickets / 2


def test_a_subject_that_concerns_no_rule_that_is_left_is_not_read(say: Any) -> None:
    when = {"level": 4, "matches": {"subject": "work"}}
    policy = policy_with(say, [([when], 3, None, None), ([{"level": 4}], 3, None, None)])
    case = Case(ref=say.ref, level=2, level_since=say.at(0), ticket=say.full())
    moment = moment_for(policy, case, Facts(), say.at(1), policy.rules[0])
    assert sieve_of(policy.rules).sifted(moment).left == []
    assert list(moment.readings.values()) == [2]


def test_a_question_is_shared_by_all_who_ask_it() -> None:
    assert leaf("tier", ["vip"]).question is leaf("tier", ["vip"]).question
