"""Who outside may read a note is known before it is written, though Zendesk tells nobody of it; and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

House = Any
Builder = Callable[..., Any]
GLOBEX = 41


@pytest.fixture
def house(build_house: Builder) -> House:
    """A house at Zendesk."""
    return build_house("zendesk")


def shared(house: House, ticket: str) -> None:
    """An agent shares a ticket with another company, of which no webhook tells."""
    house.desk.account.agreements[GLOBEX] = "Globex"
    house.desk.account.tickets[int(ticket)].sharing_agreement_ids.append(GLOBEX)


def note(house: House, ticket: str) -> str:
    """Return our last note."""
    return str(house.notes(ticket)[-1])


def reads(house: House, ticket: str) -> int:
    """Return how many questions were asked about a ticket."""
    return len([line for line in house.asked(ticket) if line.startswith("GET")])


def test_where_nobody_shares_tickets_an_escalation_by_a_webhook_asks_nothing_of_the_ticket(house: House) -> None:
    house.opened(priority="urgent")  # agents and agreements are known from now on
    opened: list[str] = []
    of_its_birth, *_ = house.held(
        lambda: opened.append(house.desk.open_ticket("VPN down", "Nobody gets in.", priority="urgent"))
    )
    house.deliver(of_its_birth)
    house.quiet()
    (ticket,) = opened
    house.stands(ticket, 2)
    assert len(note(house, ticket).splitlines()) > 3
    assert reads(house, ticket) == 0


def test_an_escalation_by_time_asks_once(house: House) -> None:
    ticket = house.opened(priority="normal")
    house.desk.agent_says(ticket, "We look.", public=False)
    house.quiet()
    before = reads(house, ticket)
    house.later(hours=1, minutes=5)
    house.stands(ticket, 2)
    assert reads(house, ticket) - before == 1  # who reads it; and its conversation, which the rule asks about


def test_a_ticket_that_is_shared_between_two_moves_gets_a_short_second_note(house: House) -> None:
    ticket = house.opened(priority="urgent")
    assert "Globex" not in note(house, ticket)
    house.later(minutes=30)
    shared(house, ticket)
    house.desk.agent_says(ticket, "/escalate 3", public=False)
    house.quiet()
    house.later(minutes=1)
    assert house.view(ticket).level == 3
    assert "Globex, who shares the ticket" in note(house, ticket)
    assert "Nobody gets in" not in note(house, ticket)


def test_a_ticket_that_is_shared_while_nothing_happens_gets_a_short_note_when_time_is_up(house: House) -> None:
    ticket = house.opened(priority="normal")
    house.later(minutes=30)
    shared(house, ticket)
    house.later(hours=1)
    assert house.view(ticket).level == 2
    assert "Globex, who shares the ticket" in note(house, ticket)
    assert "Nobody gets in" not in note(house, ticket)


def test_a_requester_who_becomes_an_agent_reads_a_short_note(house: House) -> None:
    ticket = house.opened(priority="normal")
    house.desk.account.people[8001].role = "agent"
    house.later(hours=1, minutes=5)
    assert house.view(ticket).level == 2
    assert "This note is short, because the requester, who is an agent" in note(house, ticket)
    assert "Nobody gets in" not in note(house, ticket)
