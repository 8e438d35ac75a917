"""A policy becomes active only if it loads, its targets make sense and it passes its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.activation import PolicyRefused, activate, check
from adapter.shelf import Shelf
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors import discover
from policies.source import PolicyError

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LIBRARY = Path(__file__).parents[2] / "policies" / "library"
GOOD = (LIBRARY / "support.yaml").read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path / 'stepladder.db'}")
    database.migrate()
    store = SqlStore(database)
    yield store
    store.close()


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.yaml")), ids=lambda file: file.name)
def test_every_policy_of_the_library_can_be_activated(file: Path, store: SqlStore) -> None:
    report = check(file.read_text(encoding="utf-8"), file.name, discover(), NOW)
    activate(report, store, NOW)
    assert store.active_policy() == report.policy.revision


def test_what_is_stored_is_the_same_policy_again(store: SqlStore) -> None:
    report = check(GOOD, "policy.yaml", discover(), NOW)
    activate(report, store, NOW)
    again = Shelf(store.policy_text).get(report.policy.revision)
    assert again.revision == report.policy.revision
    assert again.calendars == report.policy.calendars
    assert [rule.name for rule in again.rules] == [rule.name for rule in report.policy.rules]


def test_a_policy_that_fails_its_own_test_is_not_activated(store: SqlStore) -> None:
    report = check(
        GOOD.replace('{at: "09:29", level: 1}', '{at: "09:29", level: 2}', 1), "policy.yaml", discover(), NOW
    )
    assert not report.passed
    with pytest.raises(PolicyRefused, match="expected level 2, found 1") as refused:
        activate(report, store, NOW)
    assert "policy.yaml:" in str(refused.value)
    assert store.active_policy() is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("zendesk: {grup: Support}", "did you mean `group`"),
        ("zendesk: {group: Support, project: X}", "project"),
    ],
)
def test_a_target_that_the_vendor_does_not_know_is_a_sentence(wrong: str, sentence: str, store: SqlStore) -> None:
    report = check(GOOD.replace("zendesk: {group: Support}", wrong, 1), "policy.yaml", discover(), NOW)
    assert any("level 1" in problem and sentence in problem for problem in report.problems)
    with pytest.raises(PolicyRefused):
        activate(report, store, NOW)


def test_a_policy_that_does_not_load_says_where() -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml:\d+:\d+: "):
        check(GOOD.replace("go_to: 2", "go_to: 7", 1), "policy.yaml", discover(), NOW)


def test_a_review_that_is_due_is_only_a_warning() -> None:
    later = datetime(2029, 1, 1, tzinfo=UTC)
    report = check(GOOD, "policy.yaml", discover(), later)
    assert report.passed
    assert any("to be reviewed" in warning for warning in report.warnings)
