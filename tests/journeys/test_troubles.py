"""What goes wrong on the wire, at the vendor and on the way back; in the end everything is written exactly once."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from connectors.postman import Envelope

House = Any
SECOND = timedelta(seconds=1)


# --- webhooks -----------------------------------------------------------------------------------------------
def test_a_delivery_that_comes_twice_counts_once(house: House) -> None:
    opened: list[str] = []
    kept = house.held(lambda: opened.append(house.desk.open_ticket("VPN down", "Help!", priority="urgent")))
    answers = [house.deliver(envelope).status_code for envelope in (*kept, *kept)]
    assert answers == [202] * len(kept) + [200] * len(kept)
    house.quiet()
    house.stands(opened[0], 2)


def test_a_forged_delivery_is_refused_and_nothing_of_it_is_kept(house: House) -> None:
    kept = house.held(lambda: house.desk.open_ticket("VPN down", "Help!", priority="urgent"))
    answer = house.deliver(kept[0], data=kept[0].body.replace(b"VPN", b"DNS"))
    assert answer.status_code == 401
    house.quiet()
    assert house.said("delivery.kept") == []
    assert house.writes() == []
    assert len(house.said("delivery.forged")) == 1


def test_an_unsigned_delivery_is_refused(house: House) -> None:
    kept = house.held(lambda: house.desk.open_ticket("VPN down", "Help!"))
    assert house.deliver(kept[0], headers={"Content-Type": "application/json"}).status_code == 401


def backwards(envelopes: list[Envelope]) -> list[Envelope]:
    return envelopes[::-1]


def doubled(envelopes: list[Envelope]) -> list[Envelope]:
    return [envelope for envelope in envelopes for _ in range(2)]


def shuffled(envelopes: list[Envelope]) -> list[Envelope]:
    return random.Random(7).sample([*envelopes, *envelopes], 2 * len(envelopes))


@pytest.mark.parametrize("arrange", [list, backwards, doubled, shuffled])
def test_in_whatever_order_webhooks_come_the_end_is_the_same(house: House, arrange: Any) -> None:
    desk = house.desk
    desk.postman.hold()
    urgent = desk.open_ticket("VPN down", "Help!", priority="normal")
    answered = desk.open_ticket("Printer", "No paper.", tags=["vip"])
    house.clock.jump_to(house.clock() + 2 * SECOND)
    desk.agent_changes(urgent, priority="urgent")
    desk.agent_says(answered, "There is some in the cellar.")
    house.clock.jump_to(house.clock() + 2 * SECOND)
    desk.agent_changes(answered, status="solved")
    desk.customer_says(urgent, "Hurry, please!")
    house.clock.jump_to(house.clock() + 2 * SECOND)
    desk.customer_says(answered, "The cellar is locked.")
    desk.postman.release(arrange)
    house.quiet()
    assert house.stands(urgent, 2).group == "Technical Support"
    house.stands(answered, 2)  # it came back


def test_a_delivery_during_the_start_is_sent_again(house: House) -> None:
    house.adapter._started.clear()
    ticket = house.desk.open_ticket("VPN down", "Help!", priority="urgent")
    house.until(lambda: house.said("delivery.kept") == [] and house.desk.postman.busy)
    house.adapter._started.set()
    house.quiet()
    house.stands(ticket, 2)


# --- the vendor fails ---------------------------------------------------------------------------------------
def urgent(house: House) -> str:
    """Open a ticket that has to climb at once."""
    ticket: str = house.opened(priority="urgent")
    return ticket


@pytest.mark.parametrize("retry_after", ["7", "0.1", None])
def test_too_many_requests_are_waited_for(house: House, retry_after: str | None) -> None:
    house.wrong("429", retry_after=retry_after)
    house.stands(urgent(house), 2)
    assert len([w for w in house.writes() if w.startswith("PUT")]) == 2


def test_a_long_wait_that_the_vendor_asks_for_is_kept(house: House) -> None:
    house.wrong("429", retry_after="3000")
    ticket = urgent(house)
    house.later(minutes=49)
    house.stands(ticket, 1, moves=0)
    house.later(minutes=2)
    house.stands(ticket, 2)


def test_an_outage_is_outlived(house: House) -> None:
    house.wrong("503", match="GET|PUT|POST", times=100_000)
    tickets = [house.desk.open_ticket("VPN down", "Help!", priority="urgent") for _ in range(5)]
    house.later(minutes=20)
    assert all(house.view(ticket).edits == 0 for ticket in tickets)
    tried = len(house.desk.requests)
    assert tried < 60, "one probe at a time, and ever more seldom"
    house.desk.faults.clear()
    house.later(minutes=5)
    for ticket in tickets:
        house.stands(ticket, 2)


@pytest.mark.parametrize("do", ["cut", "500", "502", "503", "504", "302", "html", "hang"])
def test_a_write_that_failed_is_done_later(house: House, do: str) -> None:
    house.wrong(do, seconds=0.6)
    ticket = urgent(house)
    house.later(minutes=8)
    house.stands(ticket, 2)


@pytest.mark.parametrize("do", ["cut", "500", "504"])
def test_a_note_that_failed_is_written_later(house: House, do: str) -> None:
    house.wrong(do, match=house.ways.note)
    ticket = urgent(house)
    house.later(minutes=3)
    house.stands(ticket, 2)


def until_lost_and_applied(house: House, ticket: str, edits: int) -> None:
    """Wait until we gave up on an answer, and the vendor has done it all the same."""
    house.until(lambda: house.said("writeback.later") or house.wake_what_is_held())
    house.until(lambda: house.view(ticket).edits == edits)


@pytest.mark.parametrize("do", ["cut_after", "slow"])
def test_a_write_whose_answer_is_lost_is_found_and_not_doubled(house: House, do: str) -> None:
    house.wrong(do, seconds=0.6)
    ticket = house.desk.open_ticket("VPN down", "Help!", priority="urgent")
    until_lost_and_applied(house, ticket, edits=1)
    house.later(minutes=3)
    house.stands(ticket, 2)
    assert len(house.said("writeback.found")) == 1


@pytest.mark.parametrize("do", ["cut_after", "slow"])
def test_a_note_whose_answer_is_lost_is_found_and_not_doubled(house: House, do: str) -> None:
    house.wrong(do, match=house.ways.note, seconds=0.6)
    ticket = house.desk.open_ticket("VPN down", "Help!", priority="urgent")
    until_lost_and_applied(house, ticket, edits=house.ways.edits[2])
    house.later(minutes=3)
    house.stands(ticket, 2)
    assert len(house.said("writeback.found")) == 1


def test_a_vendor_that_fails_all_day_gets_each_write_once(house: House) -> None:
    chance = random.Random(11)
    for _ in range(12):
        house.wrong(
            chance.choice(["cut", "cut_after", "500", "503"]), match="PUT|POST .*comment", skip=chance.randrange(3)
        )
    tickets = [house.desk.open_ticket("VPN down", "Help!", priority="urgent") for _ in range(6)]
    house.later(minutes=30)
    for ticket in tickets:
        house.stands(ticket, 2)


# --- the vendor refuses -------------------------------------------------------------------------------------
def test_a_closed_ticket_is_left_alone(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.held(lambda: house.desk.agent_changes(ticket, status="closed"))  # and we are not told
    house.later(minutes=35)
    if not house.ways.refuses_closed:
        return
    house.later(hours=3)
    assert house.view(ticket).edits == 0
    assert [w for w in house.writes() if ticket in w] == []  # who reads the note was asked, and so it was seen


def test_a_ticket_that_is_gone_is_left_alone(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.held(lambda: house.desk.agent_deletes(ticket))
    house.later(hours=5)
    assert len(house.said("writeback.refused")) <= 2
    assert len(house.asked(ticket)) <= 4
    assert house.said("ticket.failed") == []


def test_a_part_that_is_refused_costs_neither_the_rest_nor_the_note(
    build_house: Any, vendor: str, policy: str, ways: Any
) -> None:
    nobody = ways.nobody
    text = policy.replace("{group: Technical Support}", f"{{group: Technical Support, assignee: '{nobody}'}}")
    text = text.replace(
        "jira: {field: {team: Technical Support}}",
        f"jira: {{assignee: '{nobody}', field: {{team: Technical Support}}}}",
    )
    house = build_house(vendor, policy=text)
    ticket = urgent(house)
    view = house.view(ticket)
    assert (view.level, view.group, view.assignee) == (2, "Technical Support", None)
    (note,) = house.notes(ticket)
    assert "Not set: assignee" in note
    assert view.edits == house.ways.edits[2]


def test_a_person_who_acts_while_a_write_is_open_wins(house: House) -> None:
    house.wrong("503", match="PUT|POST", times=3)
    ticket = house.opened(tags=["vip"])
    house.desk.agent_says(ticket, "We are looking into it.")
    house.adapter.store.pause("all", "a drill", house.clock())
    house.later(minutes=31)
    house.adapter.store.resume("all", house.clock())
    house.until(lambda: house.said("writeback.later"))
    house.desk.agent_changes(ticket, status="solved")
    house.later(minutes=30)
    assert house.view(ticket).edits == 0
    assert house.notes(ticket) == []


# --- it is stopped and started ------------------------------------------------------------------------------
def test_what_fell_due_while_it_was_down_is_done_at_the_start(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.close()
    house.clock.jump_to(house.clock() + 7200 * SECOND)
    house.open()
    house.quiet()
    house.stands(ticket, 2)


def test_what_was_received_and_not_read_is_read_at_the_start(house: House) -> None:
    house.adapter.engine.stop(1)
    ticket = house.desk.open_ticket("VPN down", "Help!", priority="urgent")
    house.desk.postman.settle()
    house.close()
    house.open()
    house.quiet()
    house.stands(ticket, 2)
