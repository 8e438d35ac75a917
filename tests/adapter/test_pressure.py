"""Back-pressure: too much waiting, or a disk that does not keep up, is a 503 at once; and the way back is smooth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapter.journal import Journal
from adapter.pressure import Pressure, Refused
from adapter.records import Unusable

Bench = Any
Until = Callable[[Callable[[], object]], None]
BOUND = 100


class Tables:
    """How much waits, and whether the disk takes anything, as a test says."""

    def __init__(self) -> None:
        self.due = self.asked = self.proved = 0
        self.broken = ""
        self.locked = False

    def waiting(self, now: datetime, most: int) -> int:
        self.asked += 1
        if self.locked:
            raise Unusable(self.broken)
        return min(self.due, most)

    def prove(self) -> None:
        self.proved += 1
        self.store()

    def store(self) -> None:
        if self.broken:
            raise Unusable(self.broken)


@pytest.fixture
def tables() -> Tables:
    return Tables()


@pytest.fixture
def told() -> list[tuple[str, dict[str, object]]]:
    return []


@pytest.fixture
def door(tables: Tables, told: list[Any], clock: Any) -> Pressure:
    journal = Journal(lambda event, fields: told.append((event, fields)))
    return Pressure(tables, journal, clock, BOUND, 4, lambda: clock().timestamp(), patience=0.1)


def why(door: Pressure, tables: Tables) -> str:
    """Store one delivery; return why it was refused, or nothing."""
    try:
        with door.room():
            tables.store()
    except Refused as refused:
        return refused.refusal.why
    return ""


def says(door: Pressure) -> str:
    found = door.problem()
    return found.says if found is not None else ""


def test_above_the_bound_all_are_refused_until_a_fifth_is_dealt_with(
    door: Pressure, tables: Tables, told: list[Any], clock: Any
) -> None:
    seen = []
    for due in (BOUND, BOUND + 1, BOUND, 81, 80, 99, BOUND + 1):
        tables.due = due
        clock.advance(seconds=1)
        seen.append(why(door, tables))
    assert seen == ["", "backlog", "backlog", "backlog", "", "", "backlog"]
    assert [(event, fields.get("refused")) for event, fields in told] == [
        ("intake.alarm", None), ("intake.open", 3), ("intake.alarm", None),
    ]  # fmt: skip
    assert str(told[0][1]["reason"]).startswith("101 tickets or more have deliveries that wait to be read, of 100")


def test_the_tables_are_asked_once_a_second_however_many_come(door: Pressure, tables: Tables) -> None:
    for _ in range(50):
        assert not why(door, tables)
    assert tables.asked == 1


def test_after_a_failure_one_tries_each_second_and_the_others_are_refused_at_once(
    door: Pressure, tables: Tables, told: list[Any], clock: Any
) -> None:
    tables.broken = "the disk of a.db is full; free some space there"
    tries = 0

    def store() -> str:
        nonlocal tries
        try:
            with door.room():
                tries += 1
                tables.store()
        except Refused as refused:
            return str(refused)
        return ""

    for second in range(3):
        assert {store() for _ in range(20)} == {tables.broken}
        assert tries == second + 1
        clock.advance(seconds=1)
    tables.broken = ""
    assert [store() for _ in range(3)] == ["", "", ""]
    clock.advance(seconds=1)
    assert not store()
    assert [event for event, _ in told] == ["intake.alarm", "intake.open"]
    assert told[1][1]["refused"] == 60


def test_what_cannot_even_be_counted_is_refused_without_a_try_and_is_said_once(
    door: Pressure, tables: Tables, told: list[Any], clock: Any
) -> None:
    tables.broken, tables.locked = "the tables are locked", True
    assert [says(door), why(door, tables)] == [tables.broken, "store"]
    for second in range(5):
        clock.advance(seconds=1)
        assert [says(door), why(door, tables)] == [tables.broken, "store"]
        assert (tables.asked, tables.proved) == (1, second + 1), "one try a second, by whoever comes first"
    tables.broken, tables.locked = "", False
    clock.advance(seconds=2)
    assert [says(door), why(door, tables)] == ["", ""]
    clock.advance(seconds=2)
    assert [says(door), why(door, tables)] == ["", ""]
    assert [event for event, _ in told] == ["intake.alarm", "intake.open"]


def test_whoever_asks_whether_it_is_ready_finds_out_that_the_disk_is_well_again(
    door: Pressure, tables: Tables, told: list[Any], clock: Any
) -> None:
    tables.broken = "the disk of a.db is full"
    assert why(door, tables) == "store"
    for _ in range(5):
        assert says(door) == tables.broken
    assert tables.proved == 0
    clock.advance(seconds=1)
    assert door.problem() is not None
    tables.broken = ""
    clock.advance(seconds=1)
    assert door.problem() is None
    assert tables.proved == 2
    clock.advance(seconds=1)
    assert door.problem() is None
    assert [event for event, _ in told] == ["intake.alarm", "intake.open"]


@pytest.fixture
def hanging(door: Pressure) -> Iterator[Callable[[int], None]]:
    """Lets threads hang in the middle of storing."""
    with ExitStack() as stack:
        go_on = threading.Event()

        def hang(count: int) -> None:
            inside = threading.Semaphore(0)

            def store() -> None:
                with door.room():
                    inside.release()
                    go_on.wait(10)

            threads = [threading.Thread(target=store) for _ in range(count)]
            for thread in threads:
                stack.callback(thread.join)
                thread.start()
            for _ in threads:
                assert inside.acquire(timeout=5)

        yield hang
        go_on.set()


def test_a_hanging_disk_holds_no_more_threads_than_it_may(
    door: Pressure, tables: Tables, hanging: Callable[[int], None], clock: Any
) -> None:
    hanging(1)
    assert not why(door, tables), "one that has just begun holds up nobody"
    hanging(1)  # of four threads two are kept for those who cannot be helped
    assert why(door, tables) == "slow"
    clock.advance(seconds=0.2)
    door._places.acquire = pytest.fail  # type: ignore[method-assign]
    assert why(door, tables) == "slow", "and then nobody even waits"
    assert "the disk is slow" in says(door)


def test_what_waits_is_counted_up_to_the_bound(bench: Bench) -> None:
    for number in range(3):
        bench.hear(*[{"kind": "noted"}] * 2, tickets=[str(number), "7"])
    bench.store.mark_due(bench.ref("due, but nothing is unread"), bench.clock())
    assert [bench.store.waiting(bench.clock(), most) for most in (2, 4, 10)] == [2, 4, 4]
    assert bench.store.waiting(bench.clock() - timedelta(seconds=1), 10) == 0, "whose site rests is held for a reason"
    bench.store.prove()
