"""What a vendor cannot take of a target is said at its place in the policy's text."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from adapter.activation import check
from connectors import discover

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
VENDORS = discover()

POLICY = """\
version: 1
name: Aimed
applies_to: {zendesk: all}
levels:
  - {level: 1, name: One, targets: {zendesk: {group: Support}}}
  - level: 2
    name: Two
    targets:
      zendesk:
        group: Experts
        by_product: {billing: {group: Billing}}
    fallback: [{zendesk: {group: Leads}}]
    out_of_hours: {outside: office, targets: {zendesk: {group: Night}}}
calendars: {office: {timezone: UTC, hours: {mon-fri: "09:00-17:00"}}}
rules:
  - {name: waits, when: {unanswered_for: 1h}, go_to: 2}
"""


def problems(old: str, new: str) -> tuple[str, ...]:
    assert old in POLICY
    return check(POLICY.replace(old, new), "policy.yaml", VENDORS, NOW).problems


def test_targets_that_the_vendor_can_take_are_no_problem() -> None:
    assert problems("name: Aimed", "name: Aimed") == ()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("{group: Support}", "{grup: Support}", 5),
        ("        group: Experts\n", "        grup: Experts\n        assignee: Tom\n", 10),
        ("{billing: {group: Billing}}", "{billing: {grup: Billing}}", 11),
        ("[{zendesk: {group: Leads}}]", "[{zendesk: {group: Leads}}, {zendesk: {grup: Leads}}]", 12),
        ("{zendesk: {group: Night}}", "{zendesk: {grup: Night}}", 13),
    ],
)
def test_a_word_that_the_vendor_does_not_know_is_shown_with_a_caret(old: str, new: str, line: int) -> None:
    found = problems(old, new)
    assert len(found) == 1
    head, shown, caret = found[0].split("\n")
    column = shown.index("grup")
    where = re.match(r"policy\.yaml:(\d+):(\d+): level \d, zendesk: ", head)
    assert where is not None
    assert (int(where[1]), int(where[2])) == (line, column - len("     5 | ") + 1)
    assert caret.index("^") == column
    assert caret.count("^") == len("grup")
    assert "did you mean `group`" in head


def test_a_mistake_that_a_branch_inherits_is_told_once() -> None:
    assert len(problems("        group: Experts\n", "        group: Experts\n        grup: Experts\n")) == 1


def test_a_vendor_that_is_not_there_is_told_with_a_guess() -> None:
    text = POLICY.replace("zendesk", "zendesc")
    found = check(text, "policy.yaml", VENDORS, NOW).problems
    assert 'policy.yaml:3:14: applies_to: there is no vendor "zendesc"' in found[0]
    assert 'did you mean "zendesk"?' in found[0]


def test_of_hundreds_of_wrong_targets_the_first_hundred_are_shown() -> None:
    wrong = ", ".join(f"p{number}: {{grup: Billing}}" for number in range(150))
    found = problems("{billing: {group: Billing}}", f"{{{wrong}}}")
    assert len(found) == 101
    assert found[-1] == "policy.yaml: and 50 more targets are wrong"
