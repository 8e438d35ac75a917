"""Explaining a ticket: the numbers are the decision's own, the proofs sum up, and what is foretold happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from policies.case import Decision, Facts
from policies.commands import Mode
from policies.decide import decide
from policies.document import parse
from policies.examples import instant, story
from policies.explain import Explanation, explain
from policies.model import Status
from policies.policy import Example, Policy
from policies.simulate import Stuck, lived
from policies.source import Fault, read
from policies.values import spoken

LIBRARY = Path(__file__).parents[2] / "policies" / "library"

TEXT = """\
version: 1
name: Explained
applies_to: {desk: {groups: [Support]}}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: ["09:00-12:00", "13:00-17:00"]}}}
defaults: {pause_while: [pending]}
levels:
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, take: oversight, targets: {desk: {followers: [lead]}}}
  - {level: 3, name: Three, take: oversight, targets: {desk: {followers: [boss]}}}
rules:
  - {name: waits, when: {unanswered_for: 2h, not: {priority: low}}, go_to: 2}
  - {name: old, when: {any: [{unresolved_for: 8h}, {no_human_activity_for: 8h}]}, go_to: 3, again: after 1d clock}
  - {name: asked, when: {requested_by_staff: true}, go_to: next_level}
  - {name: lies about, when: {at_level_for: 12h clock, status: [new, open]}, go_to: 2}
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse(TEXT)


def invented(policy: Policy, *steps: str, **ticket: str) -> Example:
    fields = "".join(f', "{name}": "{value}"' for name, value in ticket.items())
    root, _ = read(
        f'{{"ticket": {{"site": "desk", "created": "2027-03-01 10:00"{fields}}}, "steps": [{",".join(steps)}]}}'
    )
    if not steps:
        root, _ = read(f'{{"ticket": {{"site": "desk", "created": "2027-03-01 10:00"{fields}}}}}')
    return story(policy)(root)


def asked(policy: Policy, example: Example, said: str, facts: Facts | None = None) -> Explanation:
    at = instant(said, policy)
    case, events, known = lived(policy, example, at)
    return explain(policy, case, facts or known, at, events)


PENDING = '{"at": "10:30", "set": {"status": "pending"}}'
OPEN = '{"at": "11:15", "set": {"status": "open"}}'
REPLY = '{"at": "10:30", "agent_says": "Hello"}'


# --- numbers ------------------------------------------------------------------------------------------------
def moments(policy: Policy, example: Example) -> list[datetime]:
    """Return the times that a test is about, and some around them."""
    created = instant(example.ticket["created"], policy)
    day = created.date()
    said = [instant(str(each["at"]), policy, day) for each in (*example.steps, *example.expect)]
    return sorted({at + timedelta(minutes=m) for at in (created, *said) for m in (0, 7) if at >= created})


CASES = [
    pytest.param(policy, example, id=f"{file.stem}: {example.name}")
    for file in sorted(LIBRARY.glob("*.yaml"))
    for policy in [parse(file.read_text("utf-8"), source=file.name)]
    for example in policy.examples
]


@pytest.mark.parametrize(("policy", "example"), CASES)
def test_every_number_is_the_decisions_own(policy: Policy, example: Example) -> None:
    for at in moments(policy, example):
        case, events, facts = lived(policy, example, at)
        decision = decide(policy, case, events, facts, at)
        assert isinstance(decision, Decision)
        found = explain(policy, case, facts, at, events)
        assert found.decision == decision
        assert [(a.rule.name, a.so, a.outcome) for a in found.rules] == [
            (t.rule, t.value, t.outcome) for t in decision.trace
        ]
        said = [(one.words, one.until) for one in found.remarks]
        for hold in decision.case.held:
            assert any(hold.reason in words and until == hold.until for words, until in said)
        for one, trace in zip(found.rules, decision.trace, strict=True):
            answers = [question.answer for question in one.questions if question.answer is not None]
            # what did not count is written behind a winner's answers for its note; the proofs have it all
            assert {replace(answer, uncounted="") for answer in trace.answers} <= set(answers)


@pytest.mark.parametrize(("policy", "example"), CASES)
def test_every_time_proof_sums_up_to_what_was_compared(policy: Policy, example: Example) -> None:
    for at in moments(policy, example):
        for one in asked(policy, example, at.isoformat().replace("+00:00", "Z")).rules:
            for question in one.questions:
                answer, proof = question.answer, question.proof
                if answer is None or answer.start is None or proof is None:
                    assert proof is None
                    continue
                assert spoken(proof.counted) == answer.found
                assert proof.counted + proof.uncounted == at - answer.start
                assert answer.value is (proof.left == timedelta(0))
                edges = [answer.start, *(stretch.end for stretch in proof.stretches)]
                assert [stretch.start for stretch in proof.stretches] == edges[:-1], "no gaps"
                assert edges[-1] == at or not proof.stretches


@pytest.mark.parametrize(("policy", "example"), CASES)
def test_what_is_foretold_happens_and_not_a_second_earlier(policy: Policy, example: Example) -> None:
    quiet = replace(
        example, steps=(), ticket={k: v for k, v in example.ticket.items() if k not in ("taken", "reopens")}
    )
    created = instant(quiet.ticket["created"], policy)
    case, events, facts = lived(policy, quiet, created)
    found = explain(policy, case, facts, created, events)
    coming = found.coming
    if coming is None:
        case, _, _ = lived(policy, quiet, created + timedelta(days=30))
        assert case.level == (found.immediate.level if found.immediate else found.case.level)
        return
    case, _, _ = lived(policy, quiet, coming.at)
    assert case.level == (found.immediate.level if found.immediate else found.case.level)
    case, _, _ = lived(policy, quiet, coming.at + timedelta(seconds=1))
    assert case.level == coming.level


# --- what is said -------------------------------------------------------------------------------------------
def test_a_time_proof_names_what_did_not_count(policy: Policy) -> None:
    found = asked(policy, invented(policy, PENDING, OPEN), "2027-03-01 13:30")
    proof = found.rules[0].questions[0].proof
    assert proof is not None
    shown = [(s.length // timedelta(minutes=1), s.counted, s.reason) for s in proof.stretches]
    assert shown == [
        (30, True, "open"),
        (45, False, "pending"),
        (45, True, "open"),
        (60, False, "closed"),
        (30, True, "open"),
    ]
    assert proof.counted == timedelta(minutes=105)
    assert proof.left == timedelta(minutes=15)


def test_what_comes_next_is_said_with_its_rule_and_what_would_stop_it(policy: Policy) -> None:
    coming = asked(policy, invented(policy), "2027-03-01 10:30").coming
    assert coming is not None
    assert (coming.at, coming.rule, coming.level) == (instant("2027-03-01 12:00", policy), "waits", 2)
    assert "an agent answers the requester" in coming.stops
    assert "the priority is low" in coming.stops
    assert "its status becomes pending: the time stands still" in coming.stops


STOPPED = [
    ('{"at": "10:31", "agent_says": "Hello"}', "an agent answers the requester"),
    ('{"at": "10:31", "set": {"priority": "low"}}', "the priority is low"),
    ('{"at": "10:31", "solve": true}', "it is solved"),
    (
        '{"at": "10:31", "set": {"status": "pending"}}',
        "its status becomes pending: the time stands still",
    ),
]


@pytest.mark.parametrize(("step", "stop"), STOPPED)
def test_what_is_said_to_stop_it_stops_it(policy: Policy, step: str, stop: str) -> None:
    coming = asked(policy, invented(policy), "2027-03-01 10:30").coming
    assert coming is not None
    assert stop in coming.stops
    later, _, _ = lived(policy, invented(policy, step), coming.at + timedelta(minutes=1))
    assert later.level == 1


def test_of_several_reasons_all_must_go(policy: Policy) -> None:
    example = invented(policy, REPLY)
    found = asked(policy, example, "2027-03-02 09:00")
    assert found.case.level == 2
    assert found.coming is not None
    assert found.coming.rule == "old"
    assert "it is solved" in found.coming.stops


def test_a_move_of_this_very_moment_is_said(policy: Policy) -> None:
    found = asked(policy, invented(policy), "2027-03-01 12:00")
    assert found.immediate is not None
    assert (found.immediate.rule, found.immediate.level) == ("waits", 2)
    assert found.case.level == 1, "the rules are asked about the ticket as it is before the move"
    [counted] = found.rules[0].causes
    assert (counted.counts, counted.why) == (True, "is new")
    assert counted.cause.since == found.now


def test_a_cause_that_counted_before_does_not_count_again(policy: Policy) -> None:
    found = asked(policy, invented(policy), "2027-03-01 13:30")
    assert found.case.level == 2
    assert [(c.counts, c.why) for c in found.rules[0].causes] == [(False, "counted before")]
    assert found.rules[0].outcome == "fired before, for the same cause"


def test_an_opposite_is_shown_as_one_question(policy: Policy) -> None:
    low = asked(policy, invented(policy, priority="low"), "2027-03-01 10:30").rules[0]
    shown = {question.words: (question.so, question.answer.found) for question in low.questions if question.answer}
    assert shown["the priority is not low"] == (False, "low")


def test_alternatives_stand_below_their_joint(policy: Policy) -> None:
    old = asked(policy, invented(policy), "2027-03-01 10:30").rules[1]
    assert [(question.depth, question.so) for question in old.questions] == [(0, False), (1, False), (1, False)]
    assert old.questions[0].words == "any of these"


def test_a_field_says_since_when_it_is_so(policy: Policy) -> None:
    example = invented(policy, PENDING, OPEN)
    lies = asked(policy, example, "2027-03-01 11:30").rules[3]
    [status] = [question for question in lies.questions if question.answer and question.answer.name == "status"]
    assert status.since == instant("2027-03-01 11:15", policy)


def test_what_is_paused_is_said(policy: Policy) -> None:
    at = "2027-03-01 10:40"
    facts = Facts(mode=Mode.OBSERVE, paused="by hand", paused_rules={"old": "too loud"})
    said = [(one.words, one.since) for one in asked(policy, invented(policy, PENDING), at, facts).remarks]
    assert ("writes are paused: by hand", None) in said
    assert ("the rule old is paused: too loud", None) in said
    assert ("no time counts while the status is pending", instant("2027-03-01 10:30", policy)) in said
    assert any("mode is observe" in words for words, _ in said)


def test_a_move_that_is_held_is_said(policy: Policy) -> None:
    at = instant("2027-03-01 12:00", policy)
    case, events, facts = lived(policy, invented(policy), at)
    found = explain(policy, case, replace(facts, paused_rules={"waits": "too loud"}), at, events)
    assert found.immediate is None
    assert "a move to level 2 by waits is held: paused: too loud" in [one.words for one in found.remarks]
    assert found.rules[0].outcome == "paused: too loud"


def test_nothing_is_asked_about_a_ticket_that_is_solved(policy: Policy) -> None:
    found = asked(policy, invented(policy, '{"at": "10:31", "solve": true}'), "2027-03-01 11:00")
    assert found.rules == ()
    assert found.coming is None
    assert [one.words for one in found.remarks] == [f"the ticket is {Status.SOLVED}: no rule is asked"]


def test_nothing_is_asked_about_a_ticket_that_is_out_of_scope(policy: Policy) -> None:
    found = asked(policy, invented(policy, group="Kitchen"), "2027-03-01 11:00")
    assert found.rules == ()
    assert isinstance(found.decision, Decision)
    assert found.decision.why == "the policy does not apply to this ticket"


def test_what_must_be_asked_of_the_vendor_is_said(policy: Policy) -> None:
    at = instant("2027-03-01 11:00", policy)
    case, events, facts = lived(policy, invented(policy), at)
    unknown = replace(case, ticket=case.ticket.doubt(frozenset({"priority"})))
    late = instant("2027-03-01 12:30", policy)
    found = explain(policy, unknown, replace(facts, fetched=frozenset()), late, events)
    assert found.immediate is not None
    assert found.immediate.needs == {"priority"}
    [priority] = [q for q in found.rules[0].questions if q.answer and q.answer.name == "priority"]
    assert priority.so is None


def test_a_ticket_is_explained_without_being_changed(policy: Policy) -> None:
    at = instant("2027-03-01 12:00", policy)
    case, events, facts = lived(policy, invented(policy), at)
    before = replace(case)
    first, second = (explain(policy, case, facts, at, events) for _ in range(2))
    assert case == before
    assert first == second


# --- the file -----------------------------------------------------------------------------------------------
def test_steps_may_stand_beside_the_tickets_fields(policy: Policy) -> None:
    flat, _ = read(f'{{"site": "desk", "created": "2027-03-01 10:00", "steps": [{REPLY}]}}')
    assert story(policy)(flat) == invented(policy, REPLY)


@pytest.mark.parametrize(
    "text",
    [
        '{"site": "desk"}',
        '{"site": "desk", "created": "10:00"}',
        '{"site": "shop", "created": "2027-03-01 10:00"}',
        '{"ticket": {"site": "desk", "created": "2027-03-01 10:00"}, "step": []}',
        '{"site": "desk", "created": "2027-03-01 10:00", "steps": [{"at": "10:00"}]}',
        '{"site": "desk", "created": "2027-03-01 10:00", "colour": "red"}',
        "[]",
    ],
)
def test_a_mistake_in_the_file_is_a_fault(policy: Policy, text: str) -> None:
    with pytest.raises(Fault) as fault:
        story(policy)(read(text)[0])
    assert fault.value.problems


def test_a_ticket_cannot_be_explained_before_it_exists(policy: Policy) -> None:
    with pytest.raises(Stuck, match="does not exist yet"):
        asked(policy, invented(policy), "2027-03-01 09:59")
