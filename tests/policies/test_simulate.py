"""Playing a policy's own tests: exact instants, what is written, and failures that explain themselves."""

import pytest

from policies.document import parse
from policies.policy import Policy
from policies.simulate import ExampleResult, play, run_examples

POLICY = """\
version: 1
name: Played
applies_to: {desk: {groups: [Support, Experts], tags: {none_of: [spam]}}, board: all}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
defaults: {pause_while: [pending]}
customers:
  tiers:
    - {tier: gold, organizations: [Globex]}
    - {tier: vip, tags: [vip]}
    - {tier: loyal, field_values: [loyal]}
    - {tier: other}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [major, critical]}}
levels:
  - {level: 1, name: One, targets: {desk: {group: Support}, board: {field: {Team: First}}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}, board: {field: {Team: Second}}}, priority: {at_least: high}}
  - {level: 3, name: Three, take: oversight, targets: {desk: {follower: lead}, board: {watcher: lead}}}
rules:
  - {name: waits, when: {unanswered_for: 1h}, go_to: 2}
  - {name: gold waits, when: {tier: [gold, loyal], unresolved_for: 90s clock}, go_to: 2}
  - {name: nobody takes it, when: {not_taken_for: 2h, level: 2}, go_to: 3}
  - {name: came back, when: {reopens: {at_least: 2}}, go_to: next_level}
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: outage, when: {tags: outage}, go_to: 3}
  - {name: in production, when: {custom: {environment: production}}, go_to: 2}
  - {name: critical, when: {severity: critical}, go_to: 3}
tests:
"""


def played(example: str) -> ExampleResult:
    return run_examples(load(example))[0]


def load(example: str) -> Policy:
    return parse(POLICY + f"  - {{name: a test, {example}}}\n")


MONDAY = 'created: "2027-03-01 10:00"'
LINE = POLICY.count("\n") + 1

PASSING = [
    (
        f"ticket: {{site: desk, {MONDAY}}}",
        '{at: "10:59:59", level: 1}, {at: "11:00", level: 2, rule: waits, priority: high}',
    ),
    (
        f"ticket: {{site: desk, tier: gold, {MONDAY}}}",
        '{at: "10:01:29", level: 1}, {at: "10:01:30", level: 2, rule: gold waits}',
    ),
    (f"ticket: {{site: desk, tier: loyal, {MONDAY}}}", '{at: "10:02", level: 2}'),
    (f"ticket: {{site: desk, tier: vip, {MONDAY}}}", '{at: "10:02", level: 1}'),
    (f"ticket: {{site: desk, tier: other, {MONDAY}}}", '{at: "10:02", level: 1}'),
    # times: an offset, the next day, outside opening hours
    (
        'ticket: {site: board, created: "2027-03-01 10:00Z"}',
        '{at: "2027-03-01 12:00+01:00", level: 2}, {at: "11:59", level: 1}',
    ),
    (
        'ticket: {site: board, created: "2027-03-05 16:30"}',
        '{at: "2027-03-08 09:29", level: 1}, {at: "2027-03-08 09:30", level: 2}',
    ),
    # looks in between happen, in order, even if nothing is expected then
    (
        f"ticket: {{site: desk, {MONDAY}}}",
        '{at: "12:59", level: 2}, {at: "13:00", level: 3, rule: nobody takes it, target: lead}',
    ),
    (f"ticket: {{site: desk, {MONDAY}}}", '{at: "2027-04-01 10:00", level: 3}'),
    # steps
    (f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", agent_says: Hi}}]', '{at: "16:00", level: 1}'),
    (f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", note: Hm}}]', '{at: "11:00", level: 2}'),
    (
        f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", agent_says: Hi}}, '
        '{at: "11:30", customer_says: No}]',
        '{at: "12:29", level: 1}, {at: "12:30", level: 2}',
    ),
    (
        f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", set: {{status: pending}}}}, '
        '{at: "14:30", set: {status: open}}]',
        '{at: "14:59", level: 1}, {at: "15:00", level: 2}',
    ),
    (
        f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", set: {{tags: [vip, outage]}}}}]',
        '{at: "10:30", level: 3, rule: outage}',
    ),
    (
        f'ticket: {{site: board, {MONDAY}}}, steps: [{{at: "10:30", set: {{custom: {{environment: production}}}}}}]',
        '{at: "10:30", level: 2, rule: in production, target: {field: {Team: Second}}}',
    ),
    (f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", request: 3}}]', '{at: "10:30", level: 3, rule: asked}'),
    (
        f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", request: true}}]',
        '{at: "10:30", level: 2, rule: asked}',
    ),
    (f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "11:30", take: true}}]', '{at: "2027-03-02 16:00", level: 2}'),
    (f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", solve: true}}]', '{at: "2027-03-02 16:00", level: 1}'),
    (
        f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:30", solve: true}}, {{at: "12:30", reopen: true}}]',
        '{at: "12:59", level: 1}, {at: "13:00", level: 2}',
    ),
    # what a ticket may be from the start
    (f"ticket: {{site: desk, reopens: 1, {MONDAY}}}", '{at: "10:01", level: 1}'),
    (f"ticket: {{site: desk, reopens: 2, {MONDAY}}}", '{at: "10:01", level: 2, rule: came back}'),
    (f'ticket: {{site: desk, reopens: 2, {MONDAY}, taken: "10:20"}}', '{at: "2027-03-01 16:00", level: 2}'),
    (f"ticket: {{site: desk, impact: High, urgency: high, {MONDAY}}}", '{at: "10:00", level: 3, rule: critical}'),
    (f"ticket: {{site: desk, priority: urgent, {MONDAY}}}", '{at: "11:00", level: 2, priority: urgent}'),
    # out of scope, or moved by a person
    (f"ticket: {{site: desk, group: Kitchen, {MONDAY}}}", '{at: "2027-03-02 16:00", level: 1}'),
    (f"ticket: {{site: desk, tags: [spam], {MONDAY}}}", '{at: "2027-03-02 16:00", level: 1}'),
    (f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "10:10", set: {{group: Experts}}}}]', '{at: "10:10", level: 2}'),
]


@pytest.mark.parametrize(("story", "expect"), PASSING)
def test_a_test_that_should_pass_passes(story: str, expect: str) -> None:
    assert played(f"{story}, expect: [{expect}]").failures == ()


def test_a_failure_says_what_was_expected_what_was_found_and_why() -> None:
    early = played(f'ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "11:30", level: 1}}]')
    [failure] = early.failures
    assert failure.startswith(
        f"line {LINE}: at 2027-03-01 11:30 expected level 1; found level 2 "
        "(since 2027-03-01 11:00, waits: unanswered for 1 h"
    )
    late = played(f'ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "10:30", level: 2, rule: waits}}]')
    assert late.failures == (
        f'line {LINE}: at 2027-03-01 10:30 expected level 2, rule "waits"; found level 1, no rule '
        "(stays at level 1: no rule says otherwise)",
    )
    assert late.where == f"policy.yaml:{LINE}"
    assert not late.passed


def test_a_wrong_priority_or_target_is_a_failure() -> None:
    result = played(
        f'ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "11:00", level: 2, priority: low, target: Support}}]'
    )
    assert result.failures == (
        f"line {LINE}: at 2027-03-01 11:00 expected priority low, it to go to Support; "
        "found priority high, it went to group Experts",
    )


def test_a_place_that_is_nowhere_or_a_mapping_is_said_in_words() -> None:
    nowhere = played(f'ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "10:30", level: 1, target: {{group: X}}}}]')
    assert nowhere.failures == (
        f"line {LINE}: at 2027-03-01 10:30 expected it to go to group X; found it went nowhere",
    )


def test_a_rule_that_is_not_the_expected_one_is_explained_by_how_the_ticket_got_there() -> None:
    result = played(f'ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "11:30", level: 2, rule: outage}}]')
    assert 'expected rule "outage"; found rule "waits" (since 2027-03-01 11:00, waits: ' in result.failures[0]


def test_a_time_in_a_test_needs_no_zero_before_it() -> None:
    text = f'ticket: {{site: desk, {MONDAY.replace("10:00", "9:00")}}}, expect: [{{at: "9:59", level: 1}}]'
    assert played(text).failures == ()


def test_a_step_before_the_ticket_exists_is_a_failure() -> None:
    result = played(
        f'ticket: {{site: desk, {MONDAY}}}, steps: [{{at: "09:59", solve: true}}], expect: [{{at: "11:00", level: 1}}]'
    )
    assert result.failures == ("09:59 is before the ticket is created",)


def test_every_test_is_played_even_if_one_fails() -> None:
    text = POLICY + "".join(
        f'  - {{name: {name}, ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "11:00", level: {level}}}]}}\n'
        for name, level in (("good", 2), ("bad", 1), ("as good", 2))
    )
    assert [result.passed for result in run_examples(parse(text))] == [True, False, True]


def test_playing_twice_gives_the_same() -> None:
    policy = load(f'ticket: {{site: desk, {MONDAY}}}, expect: [{{at: "11:30", level: 1}}]')
    assert play(policy, policy.examples[0]) == play(policy, policy.examples[0])
