"""A level whose place the vendor refuses: the ticket goes to the policy's next one, once, and the note says so."""

from __future__ import annotations

from typing import Any

import pytest

House = Any
SECOND = {
    "zendesk": ("{zendesk: {group: No Such Group}", "[{zendesk: {group: Technical Support}}]"),
    "jira": ('{jira: {assignee: "712020:5f0c-9999"}', '[{jira: {assignee: "712020:5f0c-0004"}}]'),
}


@pytest.fixture
def refused(build_house: Any, vendor: str, policy: str) -> House:
    """A house whose policy names a place at level 2 that the vendor does not know, and a second choice."""
    target, fallback = SECOND[vendor]
    before = "targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}"
    assert before in policy
    return build_house(vendor, policy=policy.replace(before, f"targets: {target}}}\n    fallback: {fallback}"))


def test_a_refused_target_is_replaced_by_the_next_and_the_note_says_so(refused: House) -> None:
    ticket = refused.desk.open_ticket("Router down", "Help!", priority="urgent")
    refused.quiet()
    view = refused.desk.view(ticket)
    assert view.level == 2
    assert len(view.notes) == 1
    assert "was refused" in view.notes[0]
    assert "instead" in view.notes[0]
    assert [event for event, _ in refused.told].count("writeback.fallback") == 1


def test_a_refusal_is_told_to_people_in_words_and_to_the_log_with_the_address(refused: House, vendor: str) -> None:
    ticket = refused.desk.open_ticket("Router down", "Help!", priority="urgent")
    refused.quiet()
    (note,) = refused.desk.view(ticket).notes
    assert ("/rest/" in note, "/api/" in note, "answered 4" in note) == (False, False, False)
    (told,) = refused.said("writeback.refused")
    if vendor == "jira":  # Zendesk's was refused by our own list of its groups, before anything was sent
        assert told["answer"] == f"PUT /rest/api/2/issue/{ticket} answered 400"
