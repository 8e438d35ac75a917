"""The database fails, a look hangs, the clock is set: nothing wedges, nothing spins, nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapter.journal import Journal
from adapter.records import Unusable
from adapter.scheduling.embedded import Embedded
from policies.model import TicketRef

Until = Callable[[Callable[[], object]], None]
FULL = "the disk of a.db is full; free some space there"


def ref(number: int = 1) -> TicketRef:
    return TicketRef(vendor="desk", site="acme", id=str(number))


class Table:
    """What is due, in a database that can fail."""

    def __init__(self) -> None:
        self.rows: dict[TicketRef, datetime] = {}
        self.broken: Exception | None = None
        self.asked = 0

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        self.asked += 1
        if self.broken:
            raise self.broken
        return sorted((ref for ref, at in self.rows.items() if at <= now), key=str)[:limit]

    def next_due(self, after: datetime) -> datetime | None:
        return min((at for at in self.rows.values() if at > after), default=None)

    def changed(self) -> int:
        return 1


class Ground:
    """An engine, what it works on, and what it told. `ticks` are seconds that never go back."""

    def __init__(self, clock: Any) -> None:
        self.table, self.clock, self.ticks = Table(), clock, 0.0
        self.told: list[tuple[str, dict[str, object]]] = []

    def engine(self, look: Callable[[TicketRef], datetime | None], threads: int = 4) -> Embedded:
        journal = Journal(lambda event, fields: self.told.append((event, fields)))
        store: Any = self.table
        return Embedded(store, look, journal, self.clock, threads, lambda: None, lambda: self.ticks)

    def said(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.told if name == event]


@pytest.fixture
def ground(clock: Any) -> Ground:
    return Ground(clock)


@pytest.fixture
def running(ground: Ground) -> Iterator[Callable[..., Embedded]]:
    with ExitStack() as stack:

        def started(look: Callable[[TicketRef], datetime | None], threads: int = 4) -> Embedded:
            engine = ground.engine(look, threads)
            stack.callback(engine.stop, 5)
            engine.start()
            return engine

        yield started


def test_while_the_database_cannot_be_used_one_look_a_second_tries_it(
    ground: Ground, running: Callable[..., Embedded], until: Until
) -> None:
    tried, done, broken = Counter[TicketRef](), Counter[TicketRef](), [FULL]

    def look(ticket: TicketRef) -> None:
        tried[ticket] += 1
        if broken:
            raise Unusable(broken[0])
        done[ticket] += 1
        ground.table.rows.pop(ticket)

    ground.table.rows = {ref(n): ground.clock() for n in range(40)}
    engine = running(look, 4)
    until(lambda: ground.said("looks.alarm"))
    until(lambda: not engine._running)
    for _ in range(3):
        before = tried.total()
        ground.clock.advance(seconds=1)
        engine.rescan()
        until(lambda before=before: tried.total() > before)  # type: ignore[misc]
        threading.Event().wait(0.05)
        assert tried.total() == before + 1
    assert max(tried.values()) == 1, "it is another ticket's turn each time"
    broken.clear()
    ground.clock.advance(seconds=1)
    engine.rescan()
    until(lambda: not ground.table.rows and engine.idle())
    assert set(done.values()) == {1}
    assert [event for event, _ in ground.told] == ["looks.alarm", "looks.open"]
    assert ground.said("looks.alarm") == [{"reason": FULL}]


@pytest.mark.parametrize("error", [Unusable(FULL), sqlite3.InterfaceError("a bug of ours")], ids=["database", "bug"])
def test_a_clock_that_cannot_ask_does_not_spin_and_forgets_nothing(
    ground: Ground, running: Callable[..., Embedded], until: Until, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    ground.table.broken = error
    ground.table.rows = {ref(): ground.clock() - timedelta(hours=1)}
    engine = running(lambda ticket: ground.table.rows.pop(ticket, None) and None)
    until(lambda: ground.table.asked)
    engine.rescan()
    threading.Event().wait(0.3)
    assert ground.table.asked < 4
    ground.table.broken = None
    until(lambda: not ground.table.rows)
    assert len(ground.said("clock.alarm")) == len(ground.said("clock.open")) == (1 if "full" in str(error) else 0)


def test_a_look_that_hangs_holds_up_one_thread_and_no_other_ticket(
    ground: Ground, running: Callable[..., Embedded], until: Until
) -> None:
    go_on, done = threading.Event(), set()

    def look(ticket: TicketRef) -> None:
        if ticket == ref(0):
            go_on.wait(10)
        done.add(ticket)

    engine = running(look, 2)
    for number in range(20):
        engine.wake(ref(number))
    until(lambda: len(done) == 19)
    assert not engine.idle()
    go_on.set()
    until(engine.idle)


@pytest.mark.parametrize(
    ("hours", "says"), [(24, "went forward by 86400 s: it was set, or the machine slept"), (-1, "set back by 3600 s")]
)
def test_a_clock_that_jumps_is_said_and_looks_go_by_the_tables(
    ground: Ground, running: Callable[..., Embedded], until: Until, hours: int, says: str
) -> None:
    looked = Counter[TicketRef]()

    def look(ticket: TicketRef) -> None:
        looked[ticket] += 1
        ground.table.rows.pop(ticket)

    engine = running(look)
    until(lambda: ground.table.asked)
    ground.table.rows = {ref(1): ground.clock() + timedelta(hours=1), ref(2): ground.clock() + timedelta(days=2)}
    ground.clock.advance(hours=hours)
    engine.rescan()
    until(lambda: ground.said("clock.jumped") and (hours < 0 or looked))
    assert says in str(ground.said("clock.jumped")[0]["reason"])
    assert looked == ({ref(1): 1} if hours > 0 else {})
    engine.wake(ref(2))  # what is told is looked at, whatever the clock says
    until(lambda: looked[ref(2)] == 1)
    ground.clock.advance(hours=2)
    engine.rescan()
    until(lambda: looked[ref(1)] == 1)


def test_its_pulse_tells_when_the_clock_turned_last(
    ground: Ground, running: Callable[..., Embedded], until: Until
) -> None:
    assert ground.engine(lambda _: None).pulse() == 0.0
    inside, go_on = threading.Event(), threading.Event()

    def changed() -> int:
        inside.set()
        go_on.wait(10)
        return 1

    engine = running(lambda _: None)
    until(lambda: ground.table.asked)
    ground.table.changed = changed  # type: ignore[method-assign]
    assert inside.wait(5)
    ground.ticks = 7.0
    assert engine.pulse() == 7.0
    go_on.set()
    until(lambda: engine.pulse() == 0.0)
