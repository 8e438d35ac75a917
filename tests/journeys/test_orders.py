"""What agents tell Stepladder in a comment, at every kind of desk; and that nobody else can tell it anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

House = Any
Desk = tuple[House, Callable[..., str]]

POLICY = """
version: 1
name: Orders
applies_to: {zendesk: all, jira: all}
roles: {escalation_manager: {people: [MANAGER], tell: boss@acme.example}}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
  - level: 3
    name: Management
    needs_confirmation: [escalation_manager]
    targets: {zendesk: {group: Engineering}, jira: {field: {team: Engineering}}}
rules:
  - {name: staff, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: high, when: {priority: high}, go_to: 2}
  - {name: urgent, when: {priority: urgent}, go_to: 3}
  - {name: not taken, when: {not_taken_for: 1h clock}, go_to: 2}
"""
DESKS = {
    "Zendesk": ("zendesk", {}, {}),
    "Jira Cloud, service project": ("jira", {}, {}),
    "Jira Cloud, plain project": ("jira", {}, {"project": "DEV"}),
    "Jira Data Center, service project": ("jira", {"deployment": "datacenter"}, {}),
    "Jira Data Center, plain project": ("jira", {"deployment": "datacenter"}, {"project": "DEV"}),
}
SERVICE = [name for name in DESKS if "service" in name]
PUBLIC = [name for name in DESKS if "plain" not in name]
AGENTS = {"zendesk": "Robin Reyes", "jira": "Ann Agent"}


@pytest.fixture
def desk(request: pytest.FixtureRequest, build_house: Any) -> Desk:
    vendor, like, fields = DESKS[request.param]
    house = build_house(vendor, policy=POLICY.replace("MANAGER", AGENTS[vendor]), **like)

    def opened(**more: Any) -> str:
        ticket: str = house.opened(**fields, **more)
        return ticket

    return house, opened


everywhere = pytest.mark.parametrize("desk", DESKS, indirect=True)


def level(house: House, ticket: str) -> int:
    return house.view(ticket).level or 1


@everywhere
def test_an_agent_asks_for_a_level(desk: Desk) -> None:
    house, opened = desk
    ticket = opened()
    house.desk.agent_says(ticket, "/escalate 2", public=False)
    house.quiet()
    assert level(house, ticket) == 2


@everywhere
def test_an_agent_takes_a_ticket(desk: Desk) -> None:
    house, opened = desk
    taken, left = opened(), opened()
    house.desk.agent_says(taken, "/ack", public=False)
    house.later(hours=2)
    assert (level(house, taken), level(house, left)) == (1, 2)


@everywhere
def test_a_manager_confirms_a_move(desk: Desk) -> None:
    house, opened = desk
    ticket = opened(priority="urgent")
    assert level(house, ticket) == 1
    house.desk.agent_says(ticket, "/confirm", public=False)
    house.quiet()
    assert level(house, ticket) == 3


@everywhere
def test_an_agents_reply_answers_and_is_no_command(desk: Desk) -> None:
    house, opened = desk
    ticket = opened()
    house.desk.agent_says(ticket, "We are looking into it.\n/escalate 2")
    house.quiet()
    case = house.adapter.store.open(house.ref(ticket), house.clock()).case
    assert (case.level, case.story.replies, case.story.waiting_since) == (1, 1, None)


@pytest.mark.parametrize("desk", PUBLIC, indirect=True)
def test_what_customers_can_read_is_no_command_even_of_a_manager(desk: Desk) -> None:
    house, opened = desk
    ticket = opened(priority="urgent")
    house.desk.agent_says(ticket, "/confirm")
    house.quiet()
    assert level(house, ticket) == 1


@everywhere
def test_a_customer_commands_nothing(desk: Desk) -> None:
    house, opened = desk
    ticket = opened(priority="urgent")
    for order in ("/confirm", "/escalate 2", "/ack"):
        house.desk.customer_says(ticket, order)
    house.later(minutes=59)
    assert level(house, ticket) == 1


@pytest.mark.parametrize("desk", SERVICE, indirect=True)
def test_another_customer_commands_nothing_and_answers_nobody(desk: Desk) -> None:
    house, opened = desk
    ticket = opened(priority="urgent")
    for order in ("/confirm", "/escalate 2", "/ack", "I have that too."):
        house.desk.customer_says(ticket, order, who="cora")
    house.quiet()
    case = house.adapter.store.open(house.ref(ticket), house.clock()).case
    assert (case.level, case.story.requests, case.story.orders, case.story.replies) == (1, (), (), 0)
    assert case.story.waiting_since is not None
