"""A machine that slept a day: every ticket takes one step and no more, and the vendor's limit of updates is kept."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

TICKETS = int(os.environ.get("STEPLADDER_TEST_SILENT", "24"))
A_MINUTE = max(8, TICKETS // 10)
NEARLY_A_MINUTE = timedelta(seconds=50)  # it counts when they are sent, we when they are answered
POLICY = """
version: 1
name: Silence
applies_to: {zendesk: {groups: [Support, Technical Support]}}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}}
    tell: [specialists@acme.example]
    taken_within: 4h clock
    if_not_taken: {remind_every: 1h clock, at_most: 1, then: next_level}
  - {level: 3, name: Management, take: oversight, targets: {zendesk: {followers: [mara@example.com]}}}
rules:
  - {name: no answer for an hour, when: {unanswered_for: 1h clock}, go_to: 2}
"""


class Timed(list[Any]):
    """What was told, and when."""

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self.times: list[tuple[datetime, str]] = []
        self._clock = clock

    def append(self, told: Any) -> None:
        self.times.append((self._clock(), told[0]))
        super().append(told)


def test_after_a_day_of_sleep_each_ticket_takes_one_step_at_the_vendors_pace(build_house: Any) -> None:
    more = f"[worker]\nsettle = 10\n[guards]\nescalations_in_10_minutes = {10 * TICKETS}"
    house = build_house("zendesk", policy=POLICY, more=more)
    house.close()
    settings = house.folder / "stepladder.toml"
    settings.write_text(settings.read_text().replace("mode =", f"updates_per_minute = {A_MINUTE}\nmode =", 1))
    house.told = told = Timed(house.clock)
    house.open()
    tickets = [house.desk.open_ticket(f"Ticket {number}", "Nobody answers.") for number in range(TICKETS)]
    house.quiet()
    assert not house.writes()
    house.clock.jump_to(house.clock() + timedelta(days=1))
    house.later(minutes=2 + TICKETS / A_MINUTE)
    for ticket in tickets:
        house.stands(ticket, 2)
    decided = Counter(str(fields["ticket"]) for fields in house.said("ticket.decided") if fields.get("moved"))
    assert set(decided.values()) == {1}
    written = [at for at, event in told.times if event == "writeback.written"]
    assert len(written) == TICKETS
    for at in written:
        assert sum(at <= other < at + NEARLY_A_MINUTE for other in written) <= A_MINUTE
    house.later(hours=8)
    assert Counter(house.view(ticket).level for ticket in tickets) == {3: TICKETS}, "and the next step has its time"
