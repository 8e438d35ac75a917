"""Webhooks that never come: the vendor is asked, and what nobody told us is found, decided upon and counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.journeys.beside import Beside

House = Any
ROUNDS = "[worker]\nsettle = 10\n[missed]\nevery = 15\nwait = 20"


@pytest.fixture
def house(build_house: Callable[..., House], vendor: str) -> House:
    return build_house(vendor, more=ROUNDS)


def lost(house: House, act: Callable[[], object]) -> None:
    """Let something happen whose webhooks nobody will ever see."""
    assert house.held(act)


def compared(house: House, minutes: float = 45) -> None:
    """Let the time pass after which it is asked what was missed, and everything happen that follows."""
    house.later(minutes=minutes)
    post = next(iter(house.adapter.sites))
    watch = house.adapter.store.watch(post.scope, house.clock())
    house.adapter.missed.check(post, watch, house.clock())
    house.quiet()


def counted(house: House) -> tuple[int, int]:
    day = house.adapter.store.day(f"{house.vendor}/acme", house.clock().date())
    return day.changed, day.missed


def test_where_every_webhook_came_nothing_is_missed_and_nothing_is_fetched(house: House) -> None:
    ticket = house.opened()
    house.desk.agent_says(ticket, "I look into it.")
    house.quiet()
    fetched = len(house.asked(ticket))
    compared(house, minutes=25)
    assert counted(house) == (1, 0)
    assert len(house.asked(ticket)) == fetched


def test_a_priority_that_nobody_told_us_escalates_all_the_same(house: House) -> None:
    ticket = house.opened()
    house.desk.agent_says(ticket, "I look into it.")
    house.quiet()
    house.clock.jump_to(house.clock() + timedelta(minutes=1))
    lost(house, lambda: house.desk.agent_changes(ticket, priority="urgent"))
    compared(house)
    house.stands(ticket, 2, extra=0)
    assert counted(house)[1] == 1


def test_a_ticket_whose_birth_nobody_told_us_is_found_and_decided_upon(house: House) -> None:
    opened: list[str] = []
    house.clock.jump_to(house.clock() + timedelta(minutes=1))
    lost(house, lambda: opened.append(house.desk.open_ticket("VPN down", "Nobody gets in.", priority="urgent")))
    compared(house)
    house.stands(opened[0], 2)
    assert counted(house) == (1, 1)


def test_what_was_found_once_is_not_found_again(house: House) -> None:
    ticket = house.opened()
    house.desk.agent_says(ticket, "I look into it.")
    house.quiet()
    house.clock.jump_to(house.clock() + timedelta(minutes=1))
    lost(house, lambda: house.desk.agent_changes(ticket, priority="urgent"))
    compared(house)
    view = house.stands(ticket, 2)
    for _ in range(2):
        compared(house, minutes=16)
    assert house.view(ticket) == view
    assert counted(house)[1] == 1


UNSEEN = {"zendesk": "Tickets that Zendesk has archived", "jira": "that our account may not browse"}


def test_the_numbers_are_told_with_what_cannot_be_seen(house: House) -> None:
    ticket = house.opened()
    house.desk.agent_says(ticket, "I look into it.")
    house.quiet()
    house.clock.jump_to(house.clock() + timedelta(minutes=1))
    lost(house, lambda: house.desk.agent_changes(ticket, priority="high"))
    compared(house, minutes=25)
    told = Beside(house).run("missed")
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    until = house.clock() - timedelta(minutes=20)
    assert f"1 of 1 changes missed today, compared up to {until:%H:%M} UTC" in said
    assert UNSEEN[house.vendor] in said


def test_a_vendor_that_is_busy_is_asked_the_same_again_later(house: House) -> None:
    ticket = house.opened()
    house.desk.agent_says(ticket, "I look into it.")
    house.quiet()
    house.clock.jump_to(house.clock() + timedelta(minutes=1))
    lost(house, lambda: house.desk.agent_changes(ticket, priority="urgent"))
    house.later(minutes=30)
    house.wrong("503", match="GET .*(search|incremental)", times=1, retry_after="30")
    compared(house, minutes=0)
    assert house.said("missed.later")
    compared(house, minutes=2)
    house.stands(ticket, 2)
