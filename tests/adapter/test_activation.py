"""A policy becomes active only if it loads, its targets make sense and it passes its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.activation import PolicyRefused, activate, check
from adapter.settings import load
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
    with pytest.raises(PolicyRefused, match="expected level 2; found level 1") as refused:
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
    (found,) = [warning for warning in report.warnings if "to be reviewed" in warning]
    line = next(n for n, text in enumerate(GOOD.splitlines(), 1) if text.startswith("review_by"))
    assert found.startswith(f"policy.yaml:{line}:1: Customer support: it was to be reviewed by")


def test_what_the_linter_finds_is_shown_at_its_place_with_a_caret() -> None:
    text = "version: 1\nname: x\napplies_to: {zendesk: all}\nlevels:\n"
    text += "  - {level: 1, name: One, targets: {zendesk: {group: A}}}\n"
    text += "  - {level: 2, name: Two, targets: {zendesk: {group: B}}}\n"
    text += "rules:\n  - {name: answered, when: {answered: true}, go_to: 2}\n"
    report = check(text, "policy.yaml", discover(), NOW)
    head, line, caret = next(p for p in report.problems if "never fires" in p).split("\n")
    assert head.startswith('policy.yaml:8:12: rule "answered": it never fires')
    assert line == "     8 |   - {name: answered, when: {answered: true}, go_to: 2}"
    assert caret.count("^") == len("answered")
    assert caret.index("^") == line.index("answered")


def test_a_field_that_only_some_projects_of_a_site_have_is_no_warning(tmp_path: Path) -> None:
    (tmp_path / "stepladder.toml").write_text(
        '[sites.itsm]\nvendor = "jira"\nurl = "https://acme.atlassian.net"\nemail = "a@b.example"\n'
        '[sites.itsm.projects.DEV.fields]\nimpact = "customfield_1"\n'
    )
    models = {vendor: connector.settings for vendor, connector in discover().items()}
    settings = load(tmp_path / "stepladder.toml", {"STEPLADDER_ITSM_TOKEN": "a-secret-word"}, models)
    warnings = check(GOOD, "policy.yaml", discover(), NOW, settings).warnings
    assert any("asks for the field urgency" in warning for warning in warnings)
    assert not any("asks for the field impact" in warning for warning in warnings)
