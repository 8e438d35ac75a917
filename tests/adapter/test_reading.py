"""Deliveries to events: times that cannot be true are replaced by the time of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapter.reading import AHEAD, _of
from connectors.contract import Delivery
from policies.model import Event, Kind, TicketRef, ticket_from

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
REF = TicketRef(vendor="desk", site="acme", id="1")
DELIVERY = Delivery(vendor="desk", site="acme", body=b"", received_at=NOW, row=7)
EVENT = Event(id="e", kind=Kind.CHANGED, at=NOW, received_at=NOW, ticket=ticket_from(REF, NOW, {"subject": "x"}))

TIMES = [
    (NOW - timedelta(days=400), True, "an old ticket"),
    (NOW + timedelta(hours=2), True, "a vendor's clock that is ahead"),
    (NOW + AHEAD + timedelta(seconds=1), False, "no clock is that far ahead"),
    (datetime(1, 1, 1, tzinfo=UTC), False, "a default value of some other program"),
    (datetime(2999, 1, 1, tzinfo=UTC), False, "later changes would be ignored for ever"),
]


@pytest.mark.parametrize(("told", "kept", "_reason"), TIMES)
def test_only_times_that_can_be_true_are_kept(told: datetime, kept: bool, _reason: str) -> None:
    assert EVENT.ticket is not None
    event = _of(DELIVERY, replace(EVENT, at=told, ticket=replace(EVENT.ticket, as_of=told)))
    assert event.ticket is not None
    assert (event.at, event.ticket.as_of) == ((told, told) if kept else (NOW, NOW))
    assert event.delivery == 7


def test_a_birth_that_cannot_be_true_is_not_known() -> None:
    made = ticket_from(REF, NOW, {"created_at": datetime(1, 1, 1, tzinfo=UTC), "subject": "x"})
    event = _of(DELIVERY, replace(EVENT, ticket=made))
    assert event.ticket is not None
    assert (event.ticket.created_at, event.ticket.known) == (None, {"subject"})
