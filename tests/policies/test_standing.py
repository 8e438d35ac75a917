"""What an explanation says besides the rules: holds, orders, guards, hours, reminders, ways down, whose calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from policies.case import Case, Decision, Facts, Used
from policies.commands import Mode
from policies.decide import decide
from policies.document import parse
from policies.examples import instant, story
from policies.explain import Explanation, explain
from policies.policy import Example, Policy
from policies.simulate import lived
from policies.source import read
from policies.standing import Kind

TEXT = """\
version: 1
name: Standing
applies_to: {desk: {groups: [Support]}}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
  round: {timezone: UTC, hours: {daily: "00:00-24:00"}}
defaults: {calendar: {from: hours, else: office}, pause_while: [pending], pause_while_blocked: {at_most: 2h}}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [minor, critical]}}
roles:
  escalation_manager: {people: [Ada Berg, "77"], tell: [ada@acme.example]}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - level: 2
    name: Specialist
    targets: {desk: {group: Support}}
    taken_within: 30m
    if_not_taken: {remind_every: 15m, at_most: 2, then: next_level}
    tell: [experts@acme.example]
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    tell: [lead@acme.example]
    out_of_hours: {hold_until: office, unless: {severity: critical}}
    review_every: 2h clock
    calendar: round
  - level: 4
    name: Executive
    path: hierarchical
    take: oversight
    tell: [coo@acme.example]
    needs_confirmation: [escalation_manager]
rules:
  - {name: waits, when: {unanswered_for: 30m clock, level: 1}, go_to: 2}
  - {name: managers, when: {tags: manager}, go_to: 3}
  - {name: executives, when: {tags: executive}, go_to: 4}
  - {name: complaint, when: {kind: complaint}, tell: [lead@acme.example]}
come_down:
  - {name: calm, from: 3, when: {answered: true}, for: 2h, go_to: 1}
guards:
  never: {tags: [spam]}
  min_time_between: 20m
  per_ticket: {at_most: 2, per: 1d}
  level_budget: [{level: 2, at_most: 25, per: 1h, then: hold}, {level: 3, at_most: 5, per: 1d}]
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse(TEXT)


def invented(policy: Policy, *steps: str, **ticket: str) -> Example:
    fields = "".join(f', "{name}": {value}' for name, value in ticket.items())
    more = f', "steps": [{",".join(steps)}]' if steps else ""
    root, _ = read(f'{{"ticket": {{"site": "desk", "created": "2027-03-01 09:00"{fields}}}{more}}}')
    return story(policy)(root)


def asked(policy: Policy, at: str, *steps: str, facts: Facts | None = None, **ticket: str) -> Explanation:
    moment = when(policy, at)
    case, events, known = lived(policy, invented(policy, *steps, **ticket), moment)
    return explain(policy, case, facts or known, moment, events)


def when(policy: Policy, at: str) -> datetime:
    return instant(at, policy, datetime(2027, 3, 1).date())  # noqa: DTZ001 - only its day


def said(found: Explanation, kind: Kind) -> list[tuple[str, datetime | None]]:
    return [(one.words, one.until) for one in found.remarks if one.kind is kind]


SNOOZE = '{"at": "09:10", "note": "/snooze 4h", "by": "Ada Berg"}'
STAMP = '{"at": "09:10", "set": {"tags": ["executive"]}}'
MANAGE = '{"at": "09:10", "set": {"tags": ["manager"]}}'
NIGHT = '{"at": "17:10", "set": {"tags": ["manager"]}}'
ANSWER = '{"at": "10:00", "agent_says": "Here you are"}'


# --- what people said ---------------------------------------------------------------------------------------------
def test_a_snooze_says_by_whom_and_until_when(policy: Policy) -> None:
    found = asked(policy, "09:20", SNOOZE)
    assert ("snoozed by Ada Berg", when(policy, "13:10")) in said(found, Kind.HELD)
    assert found.coming is not None
    assert (found.coming.at, found.coming.level) == (when(policy, "13:10"), 2)


def test_a_move_that_waits_for_a_word_says_whose(policy: Policy) -> None:
    found = asked(policy, "09:20", STAMP)
    [(words, until)] = [one for one in said(found, Kind.HELD) if "executives" in one[0]]
    assert words.startswith("a move to level 4 by executives is held: waits until somebody confirms it with /confirm")
    assert words.endswith("(Ada Berg or 77)")
    assert until is None


def test_a_move_that_was_declined_says_by_whom(policy: Policy) -> None:
    found = asked(policy, "09:20", STAMP, '{"at": "09:15", "note": "/decline", "by": "Ada Berg"}')
    assert ("a move to level 4 by executives was declined by Ada Berg", None) in said(found, Kind.HELD)


# --- guards -------------------------------------------------------------------------------------------------------
def test_the_guards_numbers_are_said_before_anything_is_held(policy: Policy) -> None:
    used = {2: Used(count=25, free_at=when(policy, "10:40")), 3: Used(count=3, free_at=when(policy, "12:00"))}
    found = asked(policy, "09:35", facts=Facts(used=used))
    assert said(found, Kind.GUARD) == [
        ("its last move was less than 20 minutes ago", when(policy, "09:50")),
        ("it was moved 1 of at most 2 times in 24 hours", None),
        ("level 3 got 3 of at most 5 tickets in 24 hours", None),
    ]
    before = said(asked(policy, "09:10", facts=Facts(used=used)), Kind.GUARD)
    assert ("level 2 got 25 of at most 25 tickets in 1 hour", when(policy, "10:40")) in before


def test_a_budget_that_is_used_up_holds_the_move_until_there_is_room(policy: Policy) -> None:
    used = {2: Used(count=25, free_at=when(policy, "10:40"))}
    moment = when(policy, "09:30")
    case, events, known = lived(policy, invented(policy), moment)
    found = explain(policy, case, replace(known, used=used), moment, events)
    assert found.immediate is None
    assert ("a move to level 2 by waits is held: level 2 got 25 tickets in 1h (at most 25)", when(policy, "10:40")) in (
        said(found, Kind.HELD)
    )
    assert found.coming is not None
    assert (found.coming.at, found.coming.level) == (when(policy, "10:40"), 2)


def test_a_ticket_that_was_moved_often_enough_says_until_when(policy: Policy) -> None:
    found = asked(policy, "10:40")
    assert found.case.level == 3, "reminders helped nothing"
    assert ("it was moved 2 of at most 2 times in 24 hours", when(policy, "2027-03-02 09:30")) in said(
        found, Kind.GUARD
    )


def test_a_ticket_that_is_never_moved_says_why(policy: Policy) -> None:
    found = asked(policy, "10:00", tags='["spam"]')
    assert ("no move up, because it is tagged spam", None) in said(found, Kind.GUARD)
    assert any("the policy never escalates while" in words for words, _ in said(found, Kind.HELD))


def test_a_ticket_that_guards_do_not_keep_says_why(policy: Policy) -> None:
    found = asked(policy, "09:10", impact='"high"', urgency='"high"')
    spared = "spared the guards that only make a move wait, because the severity is critical"
    assert (spared, None) in said(found, Kind.GUARD)


# --- time ---------------------------------------------------------------------------------------------------------
def test_a_level_that_is_out_of_hours_says_until_when(policy: Policy) -> None:
    found = asked(policy, "17:10", ANSWER, NIGHT)
    opens = when(policy, "2027-03-02 09:00")
    assert ("level 3 Management is out of hours (office): moves to it wait", opens) in said(found, Kind.TIME)
    assert ("a move to level 3 by managers is held: level 3 is out of hours (office)", opens) in said(found, Kind.HELD)
    assert found.coming is not None
    assert (found.coming.at, found.coming.level) == (opens, 3)


def test_a_blocked_ticket_says_by_what_and_how_long_at_most(policy: Policy) -> None:
    found = asked(policy, "09:20", '{"at": "09:10", "set": {"blocked_by": ["DEV-1"]}}')
    assert ("no time counts while it is blocked by a linked ticket (DEV-1)", when(policy, "11:10")) in (
        said(found, Kind.HELD)
    )
    assert not any("blocked" in words for words, _ in said(asked(policy, "11:10"), Kind.HELD))


@pytest.mark.parametrize(
    ("ticket", "level", "words"),
    [
        ({}, 1, "durations count the calendar office: the customer names none"),
        ({"custom": '{"hours": "Round"}'}, 1, "durations count the calendar round: the customer's hours says Round"),
        ({"tags": '["manager"]'}, 3, "durations count the calendar round: as level 3 Management says"),
    ],
)
def test_whose_calendar_counts_is_said(policy: Policy, ticket: dict[str, str], level: int, words: str) -> None:
    found = asked(policy, "09:20", **ticket)
    assert found.case.level == level
    assert (words, None) in said(found, Kind.TIME)


def test_a_calendar_of_the_customers_tier_is_said() -> None:
    text = TEXT.replace("{calendar: {from: hours, else: office}", "{calendar: office")
    tiers = "customers: {tiers: [{tier: gold, tags: [gold], calendar: round}, {tier: other}]}\nroles:"
    policy = parse(text.replace("roles:", tiers, 1))
    found = asked(policy, "09:20", tags='["gold"]')
    assert ("durations count the calendar round: for customers of this tier", None) in said(found, Kind.TIME)
    assert said(asked(parse(text), "09:20"), Kind.TIME) == [], "there is only one that it can be"


# --- people who are told ------------------------------------------------------------------------------------------
def test_reminders_say_how_many_of_how_many_and_when_the_next_is(policy: Policy) -> None:
    found = asked(policy, "10:01")
    assert found.case.level == 2
    assert ("1 of at most 2 reminders to take it", when(policy, "10:15")) in said(found, Kind.TOLD)
    assert [(letter.at, letter.notice.occasion.value) for letter in found.letters] == [
        (when(policy, "10:15"), "not_taken")
    ]
    assert found.coming is not None
    assert (found.coming.at, found.coming.rule) == (when(policy, "10:30"), "not taken at level 2")


def test_a_review_says_when_the_next_is(policy: Policy) -> None:
    found = asked(policy, "11:15", MANAGE)
    assert ("asked to look at it again once", when(policy, "13:10")) in said(found, Kind.TOLD)


def test_a_message_of_this_very_moment_is_told(policy: Policy) -> None:
    found = asked(policy, "09:10", '{"at": "09:10", "set": {"kind": "complaint"}}')
    assert found.immediate is None
    assert (found.letters[0].at, found.letters[0].notice.rule) == (found.now, "complaint")


# --- coming down --------------------------------------------------------------------------------------------------
def test_a_way_down_says_since_when_for_how_long_and_when(policy: Policy) -> None:
    found = asked(policy, "11:00", MANAGE, ANSWER)
    [down] = found.ways
    assert (down.so, down.applies, down.since, down.due) == (True, True, when(policy, "10:00"), when(policy, "12:00"))
    assert down.proof is not None
    assert (down.proof.counted, down.proof.left) == (timedelta(hours=1), timedelta(hours=1))
    assert [question.so for question in down.questions] == [True]
    assert found.coming is not None
    assert (found.coming.at, found.coming.level, found.coming.down) == (when(policy, "12:00"), 1, True)
    assert "the requester writes again" in found.coming.stops
    assert "an escalation manager writes /hold" in found.coming.stops


def test_a_way_down_that_is_foretold_happens(policy: Policy) -> None:
    for at, level in (("11:59", 3), ("12:00", 3), ("12:01", 1)):
        case, _, _ = lived(policy, invented(policy, MANAGE, ANSWER), when(policy, at))
        assert case.level == level


def test_a_ticket_that_a_person_brought_up_does_not_come_down_by_itself(policy: Policy) -> None:
    moment = when(policy, "11:00")
    case, events, facts = lived(policy, invented(policy, MANAGE, ANSWER), moment)
    found = explain(policy, replace(case, before=()), facts, moment, events)
    assert [(down.so, down.applies, down.due) for down in found.ways] == [(True, False, None)]
    assert found.coming is None or not found.coming.down


# --- only observed ------------------------------------------------------------------------------------------------
def observed(policy: Policy) -> Case:
    moment = when(policy, "09:30")
    case, events, _ = lived(policy, invented(policy), when(policy, "09:20"))
    watched = replace(case, mode=Mode.OBSERVE)
    decision = decide(policy, watched, events, Facts(mode=Mode.OBSERVE), moment)
    assert isinstance(decision, Decision)
    assert decision.observed is not None
    return decision.case


def test_a_level_that_was_only_observed_is_said_to_be(policy: Policy) -> None:
    later, facts = when(policy, "09:40"), Facts(mode=Mode.OBSERVE)
    assert explain(policy, observed(policy), facts, later).observed
    assert not asked(policy, "09:40").observed


def test_a_move_that_would_only_be_observed_is_not_written(policy: Policy) -> None:
    moment = when(policy, "09:30")
    case, events, _ = lived(policy, invented(policy), when(policy, "09:20"))
    found = explain(policy, replace(case, mode=Mode.OBSERVE), Facts(mode=Mode.OBSERVE), moment, events)
    assert found.immediate is not None
    assert not found.immediate.written
    assert found.letters == (), "nobody is told of what is only observed"
