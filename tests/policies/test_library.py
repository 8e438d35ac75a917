"""The policies that come with Stepladder: they load, they warn of nothing, and their own tests pass and bite."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from policies.document import dump, parse
from policies.policy import Path as Way
from policies.policy import Policy
from policies.simulate import run_examples

LIBRARY = sorted((Path(__file__).parents[2] / "policies" / "library").glob("*.yaml"))


@pytest.fixture(params=LIBRARY, ids=lambda path: path.name)
def policy(request: pytest.FixtureRequest) -> Policy:
    return parse(request.param.read_text("utf-8"), source=request.param.name)


def test_a_library_policy_warns_of_nothing(policy: Policy) -> None:
    assert policy.warnings == ()


def test_a_library_policy_passes_at_least_ten_tests_of_its_own(policy: Policy) -> None:
    results = run_examples(policy)
    assert [failure for result in results for failure in result.failures] == []
    assert len(results) >= 10


def test_every_rule_of_a_library_policy_is_shown_by_a_test(policy: Policy) -> None:
    shown = {expectation.get("rule") for example in policy.examples for expectation in example.expect}
    assert {rule.name for rule in policy.rules} <= shown


def test_a_library_policy_survives_being_stored(policy: Policy) -> None:
    assert parse(dump(policy)).revision == policy.revision


@pytest.fixture(scope="module")
def support() -> str:
    return (LIBRARY[0].parent / "support.yaml").read_text("utf-8")


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
        ("{country: DE, region: BY}", "{country: US}"),
        ("kind: [incident, Incident]", "kind: [question]"),
        ("groups: [Support,", "groups: [Facilities, Support,"),
        ("priority: {at_least: high} ", "priority: {set: normal} "),
    ],
)
def test_supports_own_tests_notice_a_change_of_meaning(support: str, old: str, new: str) -> None:
    assert old in support
    assert not all(result.passed for result in run_examples(parse(support.replace(old, new, 1))))
