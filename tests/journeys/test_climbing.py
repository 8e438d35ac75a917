"""What people do at the help desk, and where the ticket stands afterwards, whatever the vendor."""

from __future__ import annotations

from typing import Any

import pytest

House = Any


def test_a_vip_climbs_at_thirty_minutes_and_not_before(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.later(minutes=29)
    house.stands(ticket, 1, moves=0)
    house.later(minutes=1.1)
    view = house.stands(ticket, 2)
    assert (view.group, view.priority, view.assignee) == ("Technical Support", "high", None)
    assert "VIP unresolved for 30 minutes" in house.notes(ticket)[0]


def test_nothing_more_is_written_afterwards(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.later(days=3)
    house.stands(ticket, 2)


def test_others_do_not(house: House) -> None:
    ticket = house.opened()
    house.later(minutes=45)
    house.stands(ticket, 1, moves=0)
    assert house.writes() == []


def test_a_raised_priority_escalates_at_once(house: House) -> None:
    ticket = house.opened(priority="normal")
    house.desk.agent_changes(ticket, priority="urgent")
    house.quiet()
    view = house.stands(ticket, 2)
    assert (view.group, view.priority) == ("Technical Support", "urgent")


def test_a_ticket_that_comes_back_escalates(house: House) -> None:
    ticket = house.opened()
    house.desk.agent_says(ticket, "Solved, please try again.")
    house.quiet()
    house.desk.agent_changes(ticket, status="solved")
    house.quiet()
    house.stands(ticket, 1, moves=0)
    house.desk.customer_says(ticket, "It is broken again.")
    house.quiet()
    house.stands(ticket, 2)


def test_a_reply_and_the_solution_in_the_same_instant_are_no_return(house: House) -> None:
    ticket = house.opened()
    with house.clock.still():
        house.desk.agent_says(ticket, "Solved, please try again.")
        house.clock.tick(house.ways.apart)
        house.desk.agent_changes(ticket, status="solved")
    house.quiet()
    house.stands(ticket, 1, moves=0)


def test_staff_may_ask_for_a_level_and_oversight_keeps_the_team(house: House) -> None:
    ticket = house.opened()
    before = house.view(ticket)
    house.desk.agent_says(ticket, "/escalate 3", public=False)
    house.quiet()
    view = house.stands(ticket, 3)
    assert (view.group, view.assignee) == (before.group, before.assignee)
    assert view.priority == "urgent"
    assert len(view.followers) == 1


def test_a_customer_may_not(house: House) -> None:
    ticket = house.opened()
    house.desk.customer_says(ticket, "/escalate 3")
    house.quiet()
    house.stands(ticket, 1, moves=0)


def test_an_agents_reply_answers(house: House) -> None:
    ticket = house.opened()
    house.later(minutes=40)
    house.desk.agent_says(ticket, "We are looking into it.")
    house.later(hours=3)
    house.stands(ticket, 1, moves=0)


def test_an_internal_note_does_not(house: House) -> None:
    ticket = house.opened()
    house.later(minutes=40)
    house.desk.agent_says(ticket, "Has anybody seen this?", public=False)
    house.later(minutes=21)
    house.stands(ticket, 2)


def test_a_solved_ticket_stays(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.later(minutes=20)
    house.desk.agent_changes(ticket, status="solved")
    house.later(hours=5)
    house.stands(ticket, 1, moves=0)


def test_a_persons_undo_is_not_rewritten(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.later(minutes=31)
    house.stands(ticket, 2)
    house.desk.agent_says(ticket, "We are looking into it.")
    house.desk.agent_changes(ticket, group="Support")
    house.later(days=2)
    view = house.view(ticket)
    assert view.group == "Support"
    assert len(house.notes(ticket)) == 1
    assert view.edits == house.ways.edits[2]


def test_after_an_undo_a_new_cause_counts(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.later(minutes=31)
    house.desk.agent_changes(ticket, group="Support")
    house.quiet()
    house.desk.agent_says(ticket, "/escalate 2", public=False)
    house.quiet()
    assert house.view(ticket).group == "Technical Support"
    assert len(house.notes(ticket)) == 2


def test_a_climb_after_a_climb(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.later(minutes=31)
    house.desk.agent_says(ticket, "/escalate", public=False)
    house.quiet()
    view = house.view(ticket)
    assert (view.level, view.group, view.priority) == (3, "Technical Support", "urgent")
    assert len(house.notes(ticket)) == 2
    assert view.edits == house.ways.edits[2] + house.ways.edits[3]


def test_many_tickets_at_once(house: House) -> None:
    tickets = [house.desk.open_ticket(f"Ticket {n}", "Help!", tags=["vip"]) for n in range(12)]
    house.quiet()
    house.later(minutes=31)
    for ticket in tickets:
        house.stands(ticket, 2)


def test_what_the_policy_does_not_name_is_neither_fetched_nor_written(house: House) -> None:
    ticket = house.opened(tags=["vip"], priority="urgent", **house.ways.outside)
    house.desk.agent_says(ticket, "/escalate 3", public=False)
    house.later(days=1)
    assert house.asked(ticket) == []
    assert len(house.view(ticket).notes) == 1  # the agent's
    assert house.adapter.store.history(house.ref(ticket)) == []


# --- how far it may go --------------------------------------------------------------------------------------
def test_observing_decides_and_writes_nothing(build_house: Any, vendor: str) -> None:
    house = build_house(vendor, mode="observe")
    ticket = house.opened(tags=["vip"])
    house.later(minutes=31)
    assert house.writes() == []
    assert [told["level"] for told in house.said("ticket.decided") if told["observed"]] == [2]
    house.stands(ticket, 1, moves=0)


def test_noting_writes_the_note_only(build_house: Any, vendor: str) -> None:
    house = build_house(vendor, mode="note")
    ticket = house.opened(tags=["vip"])
    before = house.view(ticket)
    house.later(minutes=31)
    view = house.view(ticket)
    assert (view.group, view.priority, view.level or 1) == (before.group, before.priority, 1)
    assert len(house.notes(ticket)) == 1
    house.later(days=1)
    assert len(house.notes(ticket)) == 1


def test_from_observing_to_acting_only_what_arises_afterwards_counts(build_house: Any, vendor: str) -> None:
    house = build_house(vendor, mode="observe")
    old = house.opened(tags=["vip"])
    house.later(minutes=45)
    young = house.opened(tags=["vip"])
    house.close()
    config = house.folder / "stepladder.toml"
    config.write_text(config.read_text().replace('mode = "observe"', 'mode = "act"'))
    house.open()
    house.later(minutes=10)
    assert house.writes() == []
    house.later(minutes=25)  # the hour without an answer, and the thirty minutes of the younger, end only now
    house.stands(old, 2)
    house.stands(young, 2)


def test_pausing_stops_writes_and_resuming_goes_on(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.adapter.store.pause("all", "a drill", house.clock())
    house.later(hours=2)
    assert house.writes() == []
    house.stands(ticket, 1, moves=0)
    house.adapter.store.resume("all", house.clock())
    house.quiet()
    house.stands(ticket, 2)


@pytest.mark.parametrize("scope", ["site:{vendor}/acme", "rule:VIP unresolved for 30 minutes"])
def test_one_site_or_one_rule_can_be_paused(house: House, scope: str) -> None:
    ticket = house.opened(tags=["vip"])
    where = scope.format(vendor=house.vendor)
    house.adapter.store.pause(where, "a drill", house.clock())
    house.later(minutes=50)
    house.stands(ticket, 1, moves=0)
    house.adapter.store.resume(where, house.clock())
    house.quiet()
    house.stands(ticket, 2)


def test_a_pause_of_another_rule_holds_nothing(house: House) -> None:
    ticket = house.opened(tags=["vip"])
    house.adapter.store.pause("rule:urgent", "a drill", house.clock())
    house.later(minutes=31)
    house.stands(ticket, 2)


def test_too_many_escalations_stop_themselves(build_house: Any, vendor: str) -> None:
    house = build_house(vendor, more="[guards]\nescalations_in_10_minutes = 3\n[worker]\nthreads = 1")
    tickets = [house.opened(priority="urgent") for _ in range(6)]
    assert [len(house.notes(ticket)) for ticket in tickets] == [1, 1, 1, 0, 0, 0]
    assert len(house.said("brake.alarm")) == 1
    house.adapter.store.resume(f"site:{vendor}/acme", house.clock())
    house.quiet()
    assert sum(len(house.notes(ticket)) for ticket in tickets) == 6
