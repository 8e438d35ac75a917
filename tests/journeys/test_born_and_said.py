"""A ticket and its first comment, in one instant or one long after the other, whichever of them is heard of first."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.postman import Envelope


@pytest.mark.parametrize(("first", "apart"), [("created", 0), ("said", 0), ("together", 0), ("said", 40)])
def test_an_urgent_ticket_goes_up_whatever_was_heard_first(
    build_house: Any, vendor: str, first: str, apart: int
) -> None:
    house, tickets = build_house(vendor), list[str]()

    def opens() -> None:
        tickets.append(house.desk.open_ticket("VPN down", "Nobody gets in.", priority="urgent"))

    def heard(envelopes: list[Envelope]) -> None:
        assert {house.deliver(envelope).status_code for envelope in envelopes} == {202}

    with house.clock.still():
        created = house.held(opens)
        house.clock.tick(house.ways.apart)
        if not apart:
            said = house.held(lambda: house.desk.customer_says(tickets[0], "Is anybody there?"))
    if apart:
        house.later(seconds=apart)
        said = house.held(lambda: house.desk.customer_says(tickets[0], "Is anybody there?"))
    for envelopes in {"created": (created, said), "said": (said, created), "together": ([*said, *created],)}[first]:
        heard(envelopes)
        house.later(seconds=30)
    house.stands(tickets[0], level=2)
    story = house.adapter.store.open(house.ref(tickets[0]), house.clock()).case.story
    assert story.last_customer.text == "Is anybody there?"
