"""A ticket that was let go, and comes back: it is taken in as it stands, and its old cause does not move it again."""

from __future__ import annotations

from typing import Any

from adapter.journal import Journal
from adapter.retention import Purge

House = Any


def test_a_ticket_that_comes_back_after_a_year_is_taken_in_where_it_stands(house: House) -> None:
    ticket = house.opened(priority="urgent")
    house.stands(ticket, 2)
    house.desk.agent_changes(ticket, status="solved")
    house.later(days=91)
    store = house.adapter.store
    gone = Purge(store, house.adapter.settings.retention.keep, Journal(), house.clock).whole()
    assert gone["tickets"] == 1
    assert store.open(house.ref(ticket), house.clock()).case is None
    house.later(days=270)
    house.desk.agent_changes(ticket, status="open")
    house.desk.customer_says(ticket, "It is broken again.")
    house.quiet()
    case = store.open(house.ref(ticket), house.clock()).case
    assert (case.level, case.moves) == (2, 0)
    house.later(hours=2)
    house.stands(ticket, 2, moves=1, extra=house.view(ticket).edits - house.ways.edits[2])
    house.desk.agent_says(ticket, "/escalate to level 3", public=False)
    house.quiet()
    assert house.view(ticket).level == 3
