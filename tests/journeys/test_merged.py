"""An agent pours one ticket into another: the first is over, the second goes on by its own story and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

House = Any
Builder = Callable[..., Any]


@pytest.fixture
def house(build_house: Builder) -> House:
    """A house at Zendesk, which alone merges tickets."""
    return build_house("zendesk")


def story(house: House, ticket: str) -> Any:
    """Return what is remembered of a ticket."""
    case, _ = house.adapter.store.case_at(house.ref(ticket), house.clock())
    assert case is not None
    return case


def test_an_escalated_ticket_that_is_merged_is_over_and_the_other_inherits_no_level(house: House) -> None:
    first, other = house.opened(priority="urgent"), house.opened(priority="normal")
    house.stands(first, 2)
    house.desk.agent_merges(first, other)
    house.quiet()
    assert story(house, first).story.ended == "merged"
    assert story(house, other).level == 1
    before = house.writes()
    house.later(minutes=50)
    assert house.writes() == before
    house.stands(other, 1, moves=0)


def test_the_other_ticket_climbs_by_its_own_reasons_and_nothing_more_is_written_to_the_first(house: House) -> None:
    first, other = house.opened(priority="urgent"), house.opened(priority="normal")
    house.desk.agent_merges(first, other)
    house.quiet()
    before = house.asked(first)
    house.later(hours=3)
    house.desk.agent_changes(other, priority="urgent")
    house.quiet()
    assert house.view(other).level == 2
    assert len(house.notes(other)) == 1
    assert house.asked(first) == before


def test_a_ticket_nobody_told_us_of_is_looked_at_when_another_is_merged_into_it(house: House) -> None:
    first = house.opened(priority="normal")
    unheard: list[str] = []
    house.held(lambda: unheard.append(house.desk.open_ticket("VPN down", "I again.", priority="urgent")))
    house.quiet()
    assert house.asked(unheard[0]) == []
    house.desk.agent_merges(first, unheard[0])
    house.quiet()
    assert story(house, unheard[0]).level == 1  # it was urgent before anybody told us: that alone is no reason
    house.later(hours=1, minutes=5)  # but it is not answered
    assert house.view(unheard[0]).level == 2
    assert len(house.notes(unheard[0])) == 1
    assert house.notes(first) == []


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_a_merge_is_told_it_ends_the_same(house: House, seed: int) -> None:
    first, other = house.opened(priority="urgent"), house.opened(priority="normal")
    told = house.held(lambda: house.desk.agent_merges(first, other))
    assert len(told) > 2
    random.Random(seed).shuffle(told)
    for envelope in [*told, told[0]]:
        assert house.deliver(envelope).ok
        house.wake_what_is_held()
    house.quiet()
    house.later(minutes=40)
    assert story(house, first).story.ended == "merged"
    assert len(house.notes(first)) == 1
    assert house.notes(other) == []


def test_a_write_that_waits_while_its_ticket_is_merged_is_given_up_and_not_moved_to_the_other(house: House) -> None:
    first, other = house.opened(priority="normal"), house.opened(priority="normal")
    house.wrong("503", match=f"PUT .*/tickets/{first}", retry_after="20")
    house.desk.agent_changes(first, priority="urgent")
    house.until(lambda: house.said("writeback.later"))
    house.desk.agent_merges(first, other)
    house.later(minutes=30)
    assert house.notes(first) == []
    assert house.notes(other) == []
    assert story(house, first).story.ended is not None
