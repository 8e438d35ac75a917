"""What comes together is stored together: one transaction, nobody waits for company, one's fault harms no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapter.records import Unusable
from adapter.store.together import Together

Bench = Any
Until = Callable[[Callable[[], object]], None]


class Disk:
    """Doubles numbers, slowly while a test holds it; refuses odd ones, and everything when it is broken."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()
        self.broken = False
        self.together = Together(self.store)

    def store(self, wishes: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(wishes))
        self.go_on.wait(10)
        if self.broken:
            raise Unusable("the disk is full")
        if any(wish % 2 for wish in wishes):
            raise ValueError("odd")
        return [2 * wish for wish in wishes]

    def all_at_once(self, wishes: Sequence[int], until: Until) -> list[object]:
        """Let the first be stored until all others wait; return each one's answer or error."""

        def one(wish: int) -> object:
            try:
                return self.together(wish)
            except (ValueError, Unusable) as error:
                return str(error)

        with ThreadPoolExecutor(len(wishes)) as pool:
            first = pool.submit(one, wishes[0])
            until(lambda: self.batches)
            others = [pool.submit(one, wish) for wish in wishes[1:]]
            until(lambda: len(self.together._waiting) == len(others))
            self.go_on.set()
            return [done.result(10) for done in (first, *others)]


def test_who_comes_while_another_is_stored_shares_the_next_transaction(until: Until) -> None:
    disk = Disk()
    assert disk.all_at_once(range(0, 20, 2), until) == list(range(0, 40, 4))
    assert [len(batch) for batch in disk.batches] == [1, 9]
    assert disk.together(50) == 100, "and who comes alone is stored alone"
    assert disk.batches[-1] == [50]


def test_a_transaction_stays_short_however_many_come(until: Until) -> None:
    disk = Disk()
    assert disk.all_at_once([0] * 100, until) == [0] * 100
    assert [len(batch) for batch in disk.batches] == [1, 64, 35]


def test_what_one_does_wrong_costs_no_other_his_place(until: Until) -> None:
    disk = Disk()
    assert disk.all_at_once([2, 4, 5, 6], until) == [4, 8, "odd", 12]


def test_a_broken_disk_is_tried_once_for_all(until: Until) -> None:
    disk = Disk()
    disk.broken = True
    assert disk.all_at_once([2, 4, 6], until) == ["the disk is full"] * 3
    assert [len(batch) for batch in disk.batches] == [1, 2]


@pytest.mark.parametrize("same", [True, False], ids=["one delivery eight times", "eight deliveries"])
def test_deliveries_that_come_together_are_each_kept_once(bench: Bench, same: bool) -> None:
    together = threading.Barrier(8)

    def deliver(number: int) -> bool:
        delivery = bench.delivery(tickets=(str(number % 4),))
        together.wait(5)
        new: bool = bench.store.receive(delivery, "a" if same else str(number), [bench.ref(str(number % 4))], None).new
        return new

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, range(8))) == (1 if same else 8)
    with bench.store.database.read() as connection:
        found = connection.exec_driver_sql("SELECT (SELECT count(*) FROM deliveries), (SELECT sum(marks) FROM tickets)")
        assert tuple(found.one()) == ((1, 1) if same else (8, 8))
