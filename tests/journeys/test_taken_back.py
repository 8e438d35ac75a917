"""`undo`: our moves taken back where nobody changed them since, once; and the reason where that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tests.journeys.beside import Beside

House = Any

POLICY = """
version: 1
name: Taken back
applies_to: {zendesk: all, jira: all}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
    priority: {at_least: high}
rules:
  - {name: no answer for an hour, when: {unanswered_for: 1h clock}, go_to: 2}
  - {name: urgent, when: {priority: urgent}, go_to: 2}
"""


@pytest.fixture
def house(build_house: Any, vendor: str) -> House:
    return build_house(vendor, policy=POLICY)


@pytest.fixture
def run(house: House) -> Callable[..., Result]:
    """Runs a command beside the house that works, by the house's clock."""
    return Beside(house).run


def escalated(house: House, ticket: str | None = None) -> str:
    """A ticket nobody has answered for an hour, at level 2 because of it."""
    ticket = ticket or str(house.opened(priority="normal"))
    house.later(minutes=61)
    assert house.view(ticket).level == 2
    return ticket


def told(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_a_move_is_taken_back_once_and_its_cause_does_not_move_the_ticket_again(house: House, run: Any) -> None:
    ticket = house.opened(priority="normal")
    first = house.view(ticket)
    before = house.view(escalated(house, ticket))
    (found,) = told(run("undo", "--since", "2h", "--dry-run", "--json"))
    assert (found["level"], found["refused"], found["rules"]) == (1, None, ["no answer for an hour"])
    assert "level 2 → 1" in found["restores"]
    assert "priority high → normal" in found["restores"]
    assert house.view(ticket) == before
    assert run("undo", "--since", "2h", "--reason", "a wrong rule", "--yes").exit_code == 0
    house.quiet()
    after = house.view(ticket)
    assert (after.level or 1, after.priority, after.group) == (1, "normal", first.group)
    (_, note) = house.notes(ticket)
    assert "taken back" in note
    assert "a wrong rule" in note
    house.later(hours=30)
    assert (house.view(ticket).level or 1, len(house.notes(ticket))) == (1, 2)
    (again,) = told(run("undo", "--since", "3d", "--dry-run", "--json"))
    assert again["refused"] == "it is back at level 1 already"
    house.desk.agent_changes(ticket, priority="urgent")
    house.quiet()
    assert house.view(ticket).level == 2


def test_what_somebody_changed_since_stays(house: House, run: Any) -> None:
    ticket, other = escalated(house), escalated(house)
    house.desk.agent_changes(ticket, priority="urgent")
    house.desk.agent_changes(other, group="Support")
    house.quiet()
    found = {one["ticket"].rpartition("/")[2]: one for one in told(run("undo", "--since", "4h", "--dry-run", "--json"))}
    assert any("somebody has changed it since" in sentence for sentence in found[ticket]["stays"])
    assert found[other]["refused"] == "it is back at level 1 already"
    run("undo", "--since", "4h", "--yes")
    house.quiet()
    assert (house.view(ticket).level or 1, house.view(ticket).priority) == (1, "urgent")
    assert len(house.notes(other)) == 1


def test_while_everything_is_paused_nothing_is_taken_back_and_afterwards_it_is(house: House, run: Any) -> None:
    ticket = escalated(house)
    assert run("pause").exit_code == 0
    assert "Paused" in run("undo", "--since", "2h", "--yes").output
    house.later(minutes=5)
    assert house.view(ticket).level == 2
    run("resume")
    house.later(minutes=2)
    assert (house.view(ticket).level or 1) == 1
    assert len(house.notes(ticket)) == 2


def test_what_was_ordered_while_nothing_runs_is_done_once_at_the_next_start(house: House, run: Any) -> None:
    ticket = escalated(house)
    house.close()
    assert "Ordered for 1 ticket (" in run("undo", "--since", "2h", "--yes").output
    assert house.view(ticket).level == 2
    house.open()
    house.until(lambda: (house.view(ticket).level or 1) == 1)
    house.quiet()
    house.close()
    house.open()
    house.later(minutes=5)
    assert ((house.view(ticket).level or 1), len(house.notes(ticket))) == (1, 2)


def test_nothing_is_ordered_unless_somebody_says_yes(house: House, run: Any) -> None:
    ticket = escalated(house)
    refused = run("undo", "--since", "2h", input="n\n")
    assert refused.exit_code == 2
    assert "Nothing was changed" in refused.output
    assert told(run("undo", "--since", "2h", "--rule", "urgent", "--dry-run", "--json")) == []
    mistyped = run("undo", "--since", "2h", "--rule", "urgnet", "--dry-run")
    assert (mistyped.exit_code, "did you mean 'urgent'?" in mistyped.output) == (2, True)
    house.quiet()
    assert house.view(ticket).level == 2
