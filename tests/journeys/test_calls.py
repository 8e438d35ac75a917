"""What a delivery costs: counted at the vendor's own door, and the same numbers in our tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from connectors.zendesk.sandbox import sign

House = Any
FIELDS_ONLY = """
version: 1
name: Fields only
applies_to: {zendesk: {groups: [Support]}, jira: {projects: [ITSM]}}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
"""
"""A policy that asks nothing about messages."""


def cost(house: House, ticket: str) -> int:
    """Return how many requests the vendor saw about a ticket, after proving that we have counted as many."""
    seen = len(house.asked(ticket))
    assert house.adapter.store.calls_of(house.ref(ticket))[1] == seen
    return seen


WRITES = {
    "zendesk": ["PUT /api/v2/tickets/{}"],
    "jira": ["PUT /rest/api/2/issue/{}", "POST /rest/servicedeskapi/request/{}/comment"],
}
QUESTION = {"zendesk": "GET /api/v2/tickets/{}", "jira": "GET /rest/api/2/issue/{}"}


def test_a_delivery_that_cannot_escalate_costs_no_call(house: House) -> None:
    ticket = house.opened(priority="normal")
    house.desk.customer_says(ticket, "Any news?")
    house.desk.agent_says(ticket, "I look into it.")
    house.desk.agent_says(ticket, "Looks like the gateway.", public=False)
    house.desk.agent_changes(ticket, priority="high")
    house.quiet()
    assert house.asked(ticket) == []
    assert house.adapter.store.calls_of(house.ref(ticket))[1] == 0


def test_what_the_policy_does_not_name_costs_no_call(house: House) -> None:
    ticket = house.opened(priority="urgent", **house.ways.outside)
    house.desk.customer_says(ticket, "Any news?")
    house.quiet()
    assert house.asked(ticket) == []


def test_an_escalation_that_a_webhook_tells_costs_its_writes_and_at_most_one_question(house: House) -> None:
    for about_fields in ({"zendesk": 0, "jira": 1}[house.vendor], 0):  # the second time they are known
        ticket = house.opened(priority="urgent")
        house.stands(ticket, 2)
        asked = house.asked(ticket)
        assert [line for line in asked if not line.startswith("GET")] == [
            w.format(ticket) for w in WRITES[house.vendor]
        ]
        assert len([line for line in asked if line.endswith("/editmeta")]) == about_fields
        question = QUESTION[house.vendor].format(ticket)  # who reads the note, if no webhook of this look told it
        assert asked.count(question) <= 1
        assert cost(house, ticket) == house.ways.edits[2] + about_fields + asked.count(question)


def test_an_escalation_by_time_asks_once_how_the_ticket_stands_now(house: House) -> None:
    ticket = house.opened(priority="normal")
    house.later(hours=2)
    house.stands(ticket, 2)
    assert house.asked(ticket)[0] == QUESTION[house.vendor].format(ticket)
    questions = [line for line in house.asked(ticket) if line.startswith("GET") and not line.endswith("/editmeta")]
    assert len(questions) == 1
    cost(house, ticket)


def test_calls_and_deliveries_of_a_day_are_those_that_were_made(house: House) -> None:
    examined = len(house.desk.requests)
    house.opened(priority="urgent")
    house.opened(priority="normal")
    house.later(hours=2)
    day = house.adapter.store.day(f"{house.vendor}/acme", house.clock().date())
    assert day.deliveries == len(house.said("delivery.kept"))
    assert day.calls == len(house.desk.requests) - examined


@pytest.mark.parametrize("silence", ["hang_after", "cut", "cut_after"])
def test_a_request_without_an_answer_counts_too(house: House, silence: str) -> None:
    before = len(house.desk.requests)
    house.wrong(silence, seconds=1.0)
    house.stands(house.opened(priority="urgent"), 2)
    house.later(minutes=2)
    site, day = f"{house.vendor}/acme", house.clock().date()
    house.until(lambda: house.adapter.store.day(site, day).calls == len(house.desk.requests) - before)


def test_a_triggers_body_costs_one_call(build_house: Any) -> None:
    house = build_house("zendesk", policy=FIELDS_ONLY)
    ticket = house.opened(priority="normal")
    (envelope, *_) = house.held(lambda: house.desk.agent_says(ticket, "I look into it."))
    text = json.dumps({"ticket_id": ticket}).encode()
    signed = sign(text, house.desk.secrets(), house.clock())
    answer = requests.post(envelope.url, data=text, headers={"Content-Type": "application/json", **signed}, timeout=5)
    assert answer.status_code == 202
    house.quiet()
    assert house.asked(ticket) == [f"GET /api/v2/tickets/{ticket}"]


def test_a_comment_at_a_data_center_costs_one_call(build_house: Any) -> None:
    house = build_house("jira", policy=FIELDS_ONLY, deployment="datacenter")
    ticket = house.opened(priority="normal")
    asked = len(house.asked(ticket))
    house.desk.agent_says(ticket, "I look into it.", public=False)
    house.quiet()
    assert len(house.asked(ticket)) - asked == 1
