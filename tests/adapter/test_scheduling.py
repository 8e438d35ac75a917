"""Who looks at which ticket, when: one thread a ticket, nothing lost when woken meanwhile, one process a file."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.journal import Journal
from adapter.scheduling.embedded import Embedded
from adapter.scheduling.errand import Errand
from adapter.scheduling.lock import AlreadyWorking, WorkerLock
from policies.model import TicketRef

Until = Callable[[Callable[[], object]], None]


def ref(number: int = 1) -> TicketRef:
    return TicketRef(vendor="desk", site="acme", id=str(number))


class Table:
    """The part of a store that says what is due."""

    def __init__(self) -> None:
        self.rows: dict[TicketRef, datetime] = {}
        self.version = 0
        self.asked = 0
        self.broken = 0

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        self.asked += 1
        if self.broken:
            self.broken -= 1
            raise OSError("the disk is full")
        found = sorted((at, ref) for ref, at in self.rows.items() if at <= now)
        return [ref for _, ref in found[:limit]]

    def next_due(self, after: datetime) -> datetime | None:
        return min((at for at in self.rows.values() if at > after), default=None)

    def changed(self) -> int:
        return self.version


@pytest.fixture
def table() -> Table:
    return Table()


Starter = Callable[..., Embedded]


@pytest.fixture
def start(table: Table, clock: Any) -> Iterator[Starter]:
    """Starts an engine whose looks are what a test says."""
    engines: list[Embedded] = []

    def begun(look: Callable[[TicketRef], datetime | None], threads: int = 4) -> Embedded:
        engine = Embedded(table, look, Journal(), clock, threads)  # type: ignore[arg-type]
        engines.append(engine)
        engine.start()
        return engine

    yield begun
    for engine in engines:
        engine.stop(5)


def test_what_is_due_at_the_start_is_looked_at(table: Table, clock: Any, start: Starter, until: Until) -> None:
    table.rows = {ref(n): clock() for n in range(3)} | {ref(9): clock() + timedelta(days=1)}
    seen: set[TicketRef] = set()

    def look(ticket: TicketRef) -> None:
        table.rows.pop(ticket)
        seen.add(ticket)

    start(look)
    until(lambda: seen == {ref(0), ref(1), ref(2)})


def test_a_ticket_is_looked_at_by_one_thread_at_a_time(start: Starter, until: Until) -> None:
    running: Counter[TicketRef] = Counter()
    most: list[int] = []
    lock, pause, looks = threading.Lock(), threading.Event(), Counter[TicketRef]()

    def look(ticket: TicketRef) -> None:
        with lock:
            running[ticket] += 1
            most.append(running[ticket])
        pause.wait(0.001)
        with lock:
            running[ticket] -= 1
            looks[ticket] += 1

    engine = start(look, threads=8)
    chance = random.Random(3)
    for _ in range(300):
        engine.wake(ref(chance.randrange(3)))
    until(engine.idle)
    assert max(most) == 1
    assert set(looks) == {ref(0), ref(1), ref(2)}


def test_tickets_are_looked_at_in_parallel(start: Starter, until: Until) -> None:
    together = threading.Barrier(4)

    def look(_: TicketRef) -> None:
        together.wait(5)

    engine = start(look, threads=4)
    for n in range(4):
        engine.wake(ref(n))
    until(engine.idle)
    assert not together.broken


def test_who_is_woken_while_running_is_looked_at_again(start: Starter, until: Until) -> None:
    inside, go_on, looks = threading.Event(), threading.Event(), []

    def look(ticket: TicketRef) -> None:
        looks.append(ticket)
        inside.set()
        go_on.wait(5)

    engine = start(look)
    engine.wake(ref())
    inside.wait(5)
    for _ in range(3):
        engine.wake(ref())
    go_on.set()
    until(engine.idle)
    assert len(looks) == 2, "three wake-ups while running are one more look"


def test_nothing_is_lost_whenever_it_is_woken(start: Starter, until: Until) -> None:
    written: Counter[int] = Counter()
    read: Counter[int] = Counter()

    def look(ticket: TicketRef) -> None:
        number = int(ticket.id)
        read[number] = written[number]

    engine = start(look)
    chance = random.Random(5)

    def write() -> None:
        for _ in range(500):
            number = chance.randrange(5)
            written[number] += 1
            engine.wake(ref(number))

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    until(engine.idle)
    assert read == written


def test_what_says_now_is_looked_at_again_at_once(clock: Any, start: Starter, until: Until) -> None:
    answers: list[datetime | None] = [clock(), clock(), None]
    engine = start(lambda _: answers.pop(0))
    engine.wake(ref())
    until(lambda: not answers and engine.idle())


def test_what_falls_due_later_is_looked_at_then(table: Table, clock: Any, start: Starter, until: Until) -> None:
    at = clock() + timedelta(hours=1)
    looked: list[datetime] = []

    def look(ticket: TicketRef) -> datetime | None:
        looked.append(clock())
        if clock() >= at:
            table.rows.pop(ticket, None)
            return None
        table.rows[ticket] = at
        return at

    engine = start(look)
    engine.wake(ref())
    until(lambda: looked and engine.idle())
    clock.advance(minutes=59)
    engine.rescan()
    until(lambda: table.asked >= 2)
    assert len(looked) == 1
    clock.advance(minutes=1)
    until(lambda: len(looked) == 2)  # nobody says that time has moved: the clock sees it within half a second
    assert looked[1] == at


def test_a_sooner_time_wakes_the_clock_from_a_longer_sleep(
    table: Table, clock: Any, start: Starter, until: Until
) -> None:
    soon = clock() + timedelta(seconds=1)
    table.rows[ref(1)] = clock() + timedelta(days=1)
    looked: list[TicketRef] = []

    def look(ticket: TicketRef) -> datetime | None:
        looked.append(ticket)
        if clock() >= soon:
            table.rows.pop(ticket)
            return None
        table.rows[ticket] = soon
        return soon

    engine = start(look)
    engine.wake(ref(2))
    until(lambda: looked == [ref(2)] and engine.idle())
    clock.now = soon
    until(lambda: looked == [ref(2), ref(2)])


def test_what_another_process_wrote_is_seen(table: Table, clock: Any, start: Starter, until: Until) -> None:
    looked: list[TicketRef] = []

    def look(ticket: TicketRef) -> None:
        table.rows.pop(ticket)
        looked.append(ticket)

    start(look)
    until(lambda: table.asked >= 1)
    table.rows[ref()] = clock()
    table.version += 1
    until(lambda: looked == [ref()])


def test_more_than_a_batch_is_looked_at(table: Table, clock: Any, start: Starter, until: Until) -> None:
    table.rows = {ref(n): clock() for n in range(1200)}
    engine = start(lambda ticket: table.rows.pop(ticket, None) and None)
    until(lambda: not table.rows and engine.idle())


def test_a_backlog_does_not_make_the_clock_spin(table: Table, clock: Any, start: Starter, until: Until) -> None:
    table.rows = {ref(n): clock() for n in range(1200)}
    gate = threading.Event()

    def look(ticket: TicketRef) -> None:
        gate.wait(5)
        table.rows.pop(ticket, None)

    engine = start(look)
    until(lambda: table.asked > 2)
    before = table.asked
    gate.wait(0.3)
    assert table.asked - before < 12
    gate.set()
    until(lambda: not table.rows and engine.idle())


def test_a_look_that_fails_is_done_again_but_not_at_once(
    table: Table, clock: Any, start: Starter, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    table.rows[ref()] = clock()
    looks: list[datetime] = []

    def look(ticket: TicketRef) -> None:
        looks.append(clock())
        if len(looks) == 1:
            raise OSError("the disk is full")
        table.rows.pop(ticket)

    engine = start(look)
    until(lambda: looks and engine.idle())
    assert len(looks) == 1
    clock.advance(seconds=1)
    engine.rescan()
    until(lambda: len(looks) == 2)


def test_a_clock_that_cannot_ask_asks_again(
    table: Table, clock: Any, start: Starter, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    table.broken = 1
    table.rows[ref()] = clock()
    engine = start(lambda ticket: table.rows.pop(ticket, None) and None)
    until(lambda: table.asked >= 1)
    engine.rescan()
    until(lambda: not table.rows)


def test_stopping_finishes_what_is_under_way_and_begins_nothing(start: Starter, until: Until) -> None:
    inside, go_on, looks = threading.Event(), threading.Event(), []

    def look(ticket: TicketRef) -> None:
        inside.set()
        go_on.wait(5)
        looks.append(ticket)

    engine = start(look, threads=1)
    engine.wake(ref(1))
    engine.wake(ref(2))
    inside.wait(5)
    ended: list[bool] = []
    stopper = threading.Thread(target=lambda: ended.append(engine.stop(5)))
    stopper.start()
    until(lambda: engine._stopping)
    go_on.set()
    stopper.join(5)
    assert (ended, looks) == ([True], [ref(1)])


def test_stopping_has_an_end_even_if_looks_have_none(start: Starter) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def look(_: TicketRef) -> None:
        inside.release()
        go_on.wait(5)

    engine = start(look, threads=3)
    for n in range(3):
        engine.wake(ref(n))
    for _ in range(3):
        assert inside.acquire(timeout=5)
    try:
        assert engine.stop(0.05) is False
    finally:
        go_on.set()


def test_what_was_never_started_can_be_stopped(table: Table, clock: Any) -> None:
    assert Embedded(table, lambda _: None, Journal(), clock).stop()  # type: ignore[arg-type]


# --- one worker a file --------------------------------------------------------------------------------------
def test_a_second_worker_is_refused_with_a_sentence(tmp_path: Path) -> None:
    first, second = WorkerLock(tmp_path / "a.db"), WorkerLock(tmp_path / "a.db")
    first.take()
    with pytest.raises(AlreadyWorking, match=r"Another Stepladder \(process \d+\) already works on a\.db: .*"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_a_file_with_a_second_hard_name_is_refused_because_it_would_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    (tmp_path / "b.db").hardlink_to(tmp_path / "a.db")
    with pytest.raises(OSError, match=r"a\.db has 2 names \(hard links\)"):
        WorkerLock(tmp_path / "a.db").take()


def test_by_any_way_that_leads_to_its_folder_it_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "real", target_is_directory=True)
    first = WorkerLock(tmp_path / "real" / "a.db")
    first.take()
    with pytest.raises(AlreadyWorking):
        WorkerLock(tmp_path / "other" / ".." / "real" / "a.db").take()
    with pytest.raises(AlreadyWorking):
        WorkerLock(tmp_path / "other" / "a.db").take()
    first.release()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.db.lock").mkdir()
    with pytest.raises(OSError, match=r"a\.db\.lock cannot be written \(Is a directory\); let this user"):
        WorkerLock(tmp_path / "a.db").take()


def test_another_file_has_another_worker(tmp_path: Path) -> None:
    locks = [WorkerLock(tmp_path / "a.db"), WorkerLock(tmp_path / "b.db")]
    for lock in locks:
        lock.take()
    for lock in locks:
        lock.release()


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from adapter.scheduling.lock import WorkerLock\n"
        "lock = WorkerLock(Path(sys.argv[1])); lock.take(); print('held', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", script, str(tmp_path / "a.db")]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(AlreadyWorking, match=str(process.pid)):
            WorkerLock(tmp_path / "a.db").take()
        process.kill()
    lock = WorkerLock(tmp_path / "a.db")
    lock.take()
    lock.release()


# --- errands ------------------------------------------------------------------------------------------------
Errands = Callable[[Callable[[], datetime | None]], Errand]


@pytest.fixture
def errand(clock: Any) -> Iterator[Errands]:
    """Starts an errand that a test says."""
    begun: list[Errand] = []

    def start(run: Callable[[], datetime | None]) -> Errand:
        begun.append(Errand("errand", run, Journal(), clock))
        begun[-1].start()
        return begun[-1]

    yield start
    for one in begun:
        assert one.stop(5)


def test_an_errand_runs_at_the_start_and_whenever_it_is_woken(errand: Errands, until: Until) -> None:
    runs: list[int] = []
    one = errand(lambda: runs.append(1))
    until(lambda: len(runs) == 1)
    for count in (2, 3):
        one.wake()
        until(lambda count=count: len(runs) == count)  # type: ignore[misc]


def test_an_errand_runs_when_the_time_has_come_that_it_named(errand: Errands, until: Until, clock: Any) -> None:
    runs: list[int] = []

    def run() -> datetime | None:
        runs.append(1)
        return clock() + timedelta(milliseconds=20) if len(runs) == 1 else clock() if len(runs) < 4 else None

    one = errand(run)
    until(lambda: len(runs) == 1)
    clock.advance(seconds=1)
    one.wake()
    until(lambda: len(runs) == 4)


def test_an_errand_whose_clock_was_set_back_runs_at_once_and_says_anew_when_it_is_due(
    errand: Errands, until: Until, clock: Any
) -> None:
    runs: list[int] = []

    def run() -> datetime | None:
        runs.append(1)
        due: datetime = clock() + timedelta(hours=1)
        if len(runs) == 1:
            clock.advance(hours=-5)
        return due

    errand(run)
    until(lambda: len(runs) == 2)


def test_what_wakes_an_errand_while_it_runs_is_not_lost(errand: Errands, until: Until) -> None:
    gate, runs = threading.Event(), []

    def run() -> None:
        runs.append(1)
        gate.wait(5)

    one = errand(run)
    until(lambda: len(runs) == 1)
    one.wake()
    gate.set()
    until(lambda: len(runs) == 2)


def test_an_errand_that_fails_is_tried_again(
    errand: Errands, until: Until, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    runs: list[int] = []

    def run() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise OSError("the disk is full")

    one = errand(run)
    until(lambda: len(runs) == 1)
    clock.advance(minutes=1)
    one.wake()
    until(lambda: len(runs) == 2)


def test_an_errand_that_does_not_end_in_time_is_said_not_to_have_ended(clock: Any, until: Until) -> None:
    gate, runs = threading.Event(), []

    def run() -> None:
        runs.append(1)
        gate.wait(5)

    one = Errand("errand", run, Journal(), clock)
    one.start()
    until(lambda: runs)
    assert not one.stop(0)
    gate.set()
    assert one.stop(5)
    assert len(runs) == 1


def test_an_errand_that_never_began_ends_at_once(clock: Any) -> None:
    assert Errand("errand", lambda: None, Journal(), clock).stop(0)


def test_another_process_that_wrote_wakes_who_asked_for_it(table: Table, clock: Any, until: Until) -> None:
    woken: list[int] = []
    engine = Embedded(table, lambda ref: None, Journal(), clock, 1, lambda: woken.append(1))  # type: ignore[arg-type]
    engine.start()
    until(lambda: len(woken) == 1)
    table.version += 1
    engine.rescan()
    until(lambda: len(woken) == 2)
    assert engine.stop(5)
