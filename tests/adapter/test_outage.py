"""A vendor that is down is asked rarely, and when it is back nobody rushes in."""

from __future__ import annotations

import heapq
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapter.brakes import Brake
from connectors.contract import TryLater

TICKETS = 60
START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


class Down:
    """What becomes of every request until the vendor is back; the attempts with their times."""

    def __init__(self, bench: Any, back: datetime, failure: TryLater) -> None:
        self.bench, self.back, self.failure = bench, back, failure
        self.attempts: list[datetime] = []

    def __call__(self) -> None:
        self.attempts.append(self.bench.clock())
        if self.bench.clock() < self.back:
            raise self.failure

    def pop(self, _: int) -> Down:
        return self

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, _: int) -> Down:
        return self


def through(bench: Any, down: Down) -> None:
    """Look at whatever is due, as soon as it is, until nothing is."""
    bench.vendor.script = bench.vendor.looks = bench.vendor.fetches = down
    while (due := bench.store.due(bench.clock(), 1)) or bench.store.next_due(bench.clock()):
        if not due:
            bench.clock.now = bench.store.next_due(bench.clock())
            continue
        bench.look(due[0].id)
        if bench.clock() > down.back + timedelta(hours=1):
            return


@pytest.fixture
def busy(build_bench: Any) -> Any:
    """A bench with many tickets that are all to be escalated at once."""
    bench = build_bench(moves=10_000)
    bench.post.brake._spread = random.Random(7).uniform
    for number in range(TICKETS):
        bench.born(str(number), priority="urgent")
    return bench


@pytest.mark.parametrize(
    "failure",
    [
        TryLater("503 Service Unavailable"),
        TryLater("429 Too Many Requests", after=2.5),
        TryLater("429 Too Many Requests", after=0.0),
        TryLater("no answer", sent=True),
    ],
    ids=["down", "told to wait", "told to come at once", "no answer"],
)
def test_an_outage_costs_at_most_a_fifth_more_requests_than_writes_are_wanted_and_doubles_none(
    busy: Any, failure: TryLater
) -> None:
    down = Down(busy, busy.clock() + timedelta(minutes=10), failure)
    through(busy, down)
    done = [call.key for call in busy.vendor.done]
    assert len(done) == len(set(done)) == 2 * TICKETS
    assert len(down.attempts) <= 1.2 * len(done)  # writes, looks and fetches
    assert all(busy.case(str(number)).level == 2 for number in range(TICKETS))


# --- the brake alone: as many tickets as fill a desk, for an hour -----------------------------------------------
def hour(seed: int, failure: TryLater, tickets: int = 200, calls: int = 2) -> tuple[int, list[float]]:
    """Let tickets ask through one brake while the vendor is down for an hour; return attempts, and those after it."""
    brake, lasts = Brake(random.Random(seed).uniform), timedelta(hours=1)
    queue = [(START, number) for number in range(tickets)]
    attempts, after = 0, list[float]()
    while queue:
        now, number = heapq.heappop(queue)
        wait = brake.wait_until(now)
        if wait is not None:
            heapq.heappush(queue, (wait, number))
        elif now < START + lasts:
            attempts += 1
            heapq.heappush(queue, (brake.failed(failure, now), number))
        else:
            attempts += calls
            after.append((now - START - lasts).total_seconds())
            brake.succeeded()
    return attempts, after


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("after", [None, 0.0, 2.5, 30.0])
def test_two_hundred_tickets_in_an_hours_outage_cost_at_most_a_fifth_more(seed: int, after: float | None) -> None:
    attempts, _ = hour(seed, TryLater("down", after=after))
    assert attempts <= 1.2 * 400


@pytest.mark.parametrize("seed", range(5))
def test_when_it_is_back_nobody_rushes_in(seed: int) -> None:
    _, after = hour(seed, TryLater("down"))
    assert max(after) <= 2 * 60
    first = min(after)
    in_a_second = [sum(1 for at in after if first + n <= at < first + n + 1) for n in range(60)]
    assert max(in_a_second) <= 0.35 * len(after)
