"""More tickets wait than may: vendors are told to come again, and everything that was accepted is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors import discover


def test_when_too_much_waits_more_is_refused_until_enough_of_it_is_dealt_with(build_house: Any) -> None:
    house = build_house(sorted(discover())[-1], more="[server]\nbacklog = 3\n[worker]\nsettle = 10\n")
    house.adapter.engine.stop()  # nobody looks at tickets
    tickets: list[str] = []

    def asked() -> int:
        """Somebody opens a ticket; return what its first webhook is answered."""
        house.clock.jump_to(house.clock() + timedelta(seconds=1))
        first, *_ = house.held(lambda: tickets.append(house.desk.open_ticket("VPN", "Help.", priority="urgent")))
        status: int = house.deliver(first).status_code
        return status

    assert [asked() for _ in range(6)] == [202, 202, 202, 202, 503, 503]
    problem = house.adapter.pressure.problem()
    assert problem is not None
    assert "3 tickets or more have deliveries that wait to be read, of 3 that may" in problem.says
    house.close()
    house.open()  # with threads that look
    house.quiet()
    assert asked() == 202
    house.quiet()
    for ticket in (*tickets[:4], tickets[-1]):
        house.stands(ticket, 2)
