"""Orders in a policy's tests that nobody hears: the test says so, with the reason, instead of being silent."""

import pytest

from policies.document import parse
from policies.hearing import nobody_snoozes
from policies.simulate import ExampleResult, run_examples

POLICY = """\
version: 1
name: Heard
applies_to: {desk: all}
ROLES
levels:
  - {level: 1, name: One, targets: {desk: {group: One}}}
  - {level: 2, name: Two, targets: {desk: {group: Two}}CONFIRM}
rules:
  - {name: waits, when: {unresolved_for: 1h}, go_to: 2}
tests:
  - name: held back
    ticket: {site: desk, created: "2027-03-01 09:00"}
    steps: [{at: "09:30", STEP}]
    expect: [{at: "10:30", level: LEVEL}]
"""
MANAGER = "roles: {escalation_manager: {people: [Ada Berg, Tom]}}"


def played(step: str, roles: str = MANAGER, level: int = 1, confirm: str = "") -> ExampleResult:
    text = POLICY.replace("ROLES", roles).replace("STEP", step).replace("LEVEL", str(level))
    return run_examples(parse(text.replace("CONFIRM", confirm)))[0]


def test_an_order_that_is_heard_needs_no_remark() -> None:
    result = played('note: "/snooze 4h", by: Ada Berg')
    assert (result.failures, result.remarks) == ((), ())


STRANGERS = [
    ("note: /hold, by: Ada", 'by Ada is not heard: there is no such person in escalation_manager; did you mean "Ada'),
    ("note: /hold, by: Zoe", "by Zoe is not heard: there is no such person in escalation_manager"),
    ("note: /release", "`/release` by an agent is not heard: say with `by` who of escalation_manager gave it"),
]


@pytest.mark.parametrize(("step", "why"), STRANGERS)
def test_a_test_that_fails_names_the_order_that_was_not_heard(step: str, why: str) -> None:
    wrong, order = played(step).failures
    assert "expected level 1; found level 2" in wrong
    assert why in order


def test_a_test_that_shows_a_stranger_being_ignored_is_left_in_peace() -> None:
    result = played("note: /hold, by: Zoe", level=2)
    assert (result.failures, result.remarks) == ((), ())


NEVER = [
    ('note: "/snooze 4 Stunden", by: Ada Berg', MANAGER, "how long cannot be read; write it like `/snooze 4h`"),
    ("note: /hold, by: Ada Berg", "", "there is no role escalation_manager in `roles`"),
    ("note: /hold, by: Ada Berg", MANAGER.replace("escalation_manager", "Leitung"), "no role escalation_manager"),
    ("agent_says: /hold, by: Ada Berg", MANAGER, "orders count in internal notes only"),
    ("note: /confirm, by: Ada Berg", MANAGER, "no level needs a confirmation"),
    ("note: /confirm 1, by: Ada Berg", MANAGER, "level 1 needs no confirmation"),
]


@pytest.mark.parametrize(("step", "roles", "why"), NEVER)
def test_an_order_that_nobody_can_give_is_remarked_even_if_the_test_passes(step: str, roles: str, why: str) -> None:
    result = played(step, roles, level=2)
    assert result.failures == ()
    (remark,) = result.remarks
    assert why in remark


def test_people_of_the_level_confirm() -> None:
    asked = ", needs_confirmation: escalation_manager"
    assert played("note: /confirm 2, by: Tom", confirm=asked).remarks == ()
    stranger = played("note: /confirm, by: Zoe", level=2, confirm=asked)
    assert "no such person in escalation_manager" in stranger.failures[1]


def test_an_escalation_is_no_order() -> None:
    assert played("note: /escalate, by: Zoe", level=2).remarks == ()


def test_roles_of_which_none_may_snooze_are_a_warning() -> None:
    text = POLICY.replace("STEP", "take: true").replace("LEVEL", "2").replace("CONFIRM", "")
    (finding,) = nobody_snoozes(parse(text.replace("ROLES", MANAGER.replace("escalation_manager", "Leitung"))))
    assert "none of them is called `escalation_manager`" in str(finding)
    assert not list(nobody_snoozes(parse(text.replace("ROLES", MANAGER))))
    assert not list(nobody_snoozes(parse(text.replace("ROLES\n", ""))))
