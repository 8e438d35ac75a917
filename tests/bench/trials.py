"""One trial: a receiver is started, loaded, weighed and stopped, and every write is counted at the vendor's desk."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import sqlite3
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from processes import HERE, Failed, Fleet, Running, Tool, cpu_of, free_port, house

RATE = 20
"""Events a second while answers and write-backs are timed: ten times what a busy help desk with 50 agents sees."""
SLOW = 0.1
"""Seconds that a vendor takes over a write; Zendesk and Jira take 100 to 400 ms."""
_NEVER = threading.Event()
_PROCESSES = ("cpu", "desk_cpu", "sender_cpu")
Figures = dict[str, float]
Row = tuple[int, float, float, float, int]
"""Ticket; when it should have been sent, was sent, was answered; the status (0: no answer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is sent in one trial."""

    timed: int  # events at the fixed rate with a vendor that answers at once
    timed_slow: int  # the same with a vendor that takes its time
    burst: int
    burst_slow: int


class Bench:
    """The tools of the bench, and the places where it works."""

    def __init__(self, folder: Path, *, server: int, worker: int, callers: int = 16) -> None:
        self.folder, self.server, self.worker, self.callers = folder, server, worker, callers
        self.desk = Tool("stub.py", str(folder))
        self.vendor_port = int(self.desk.heard()["port"])
        self.vendor, self.bundle = f"https://127.0.0.1:{self.vendor_port}", folder / "ca.pem"
        self.sender = Tool("sender.py")
        self._tickets = itertools.count(1_000_000, 100_000)
        self._trials = itertools.count(1)

    def close(self) -> None:
        """End the tools."""
        self.sender.stop()
        self.desk.stop()

    def place(self) -> Path:
        """Return a fresh folder for one receiver."""
        place = self.folder / f"trial-{next(self._trials)}"
        place.mkdir()
        return place

    # --- receivers ------------------------------------------------------------------------------------------
    def stepladder(self, place: Path) -> Running:
        """Start the adapter as an admin does; a second start in the same place finds its database."""
        config, port = house(place, self.vendor, self.bundle, server=self.server, worker=self.worker)
        return Running(["app.py", "serve", "--config", str(config)], port, place / "log")

    def bare(self, place: Path) -> Running:
        """Start the in-memory handler."""
        port = free_port()
        arguments = [str(HERE / "bare.py"), str(port), str(self.server), self.vendor, str(self.bundle)]
        return Running(arguments, port, place / "log")

    # --- loads ----------------------------------------------------------------------------------------------
    def load(
        self,
        receiver: Running | Fleet,
        count: int,
        *,
        rate: float = 0,
        latency: float = 0.0,
        callers: int = 0,
        writes: int | None = None,
        until_done: Callable[[], float] = time.monotonic,
        **said: object,
    ) -> Outcome:
        """Send events, and wait until all that escalate (`writes`; all of them) have been written back.

        `until_done` waits until nothing else is to be done for them, and returns when that was.
        """
        writes = count if writes is None else writes
        self.desk.ask(latency=latency, take=True)
        before = receiver.cpu(), cpu_of(self.desk.pid), cpu_of(self.sender.pid)
        rows, again = self._sent(receiver, count, rate=rate, callers=callers or self.callers, **said)
        until = time.monotonic() + 60
        while self.desk.ask()["writes"] < writes and time.monotonic() < until:
            _NEVER.wait(0.02)
        ended = until_done()
        _NEVER.wait(latency + 0.3)  # a second write of the same ticket would come now; and the last commit
        after = receiver.cpu(), cpu_of(self.desk.pid), cpu_of(self.sender.pid)
        seen, sent = self.desk.ask(take=True), {row[0] for row in rows}
        return Outcome(
            rows=rows,
            escalating=writes,
            ended=ended,
            again=again,
            arrivals=[(ticket, at) for ticket, at in seen["arrivals"] if ticket in sent],
            others=seen["others"],
            longest=seen["longest"],
            cpu=tuple(end - begin for begin, end in zip(before, after, strict=True)),
        )

    def receive(
        self, receiver: Running | Fleet, count: int, *, rate: float = 0, callers: int = 16, timeout: float = 30
    ) -> Outcome:
        """Send events that change nothing, and wait for the answers only."""
        rows, again = self._sent(receiver, count, rate=rate, callers=callers, timeout=timeout, urgent=0)
        return Outcome(rows=rows, escalating=0, again=again)

    def _sent(self, receiver: Running | Fleet, count: int, **said: object) -> tuple[list[Row], int]:
        asked = self.sender.ask(address=receiver.address, count=count, first=next(self._tickets), **said)
        return [tuple(row) for row in asked["rows"]], int(asked["again"])

    def trial(self, start: Callable[[Path], Running], size: Size) -> Figures:
        """Do everything with one receiver."""
        place = self.place()
        receiver = start(place)
        try:
            figures = {"ready": receiver.ready}
            figures |= self._loaded(receiver, size)
            ended = receiver.stop()
        finally:
            receiver.stop()
        if start == self.stepladder:
            if ended != 0:
                raise Failed(f"stepladder ended with {ended}")
            again = start(place)
            figures["restart"] = again.ready
            again.stop()
        shutil.rmtree(place)
        return figures

    def _loaded(self, receiver: Running, size: Size) -> Figures:
        _NEVER.wait(0.5)
        idle = receiver.memory()
        first = self.load(receiver, 1)
        self.load(receiver, 4 * max(self.worker, self.server))  # every thread opens its connection
        timed = self.load(receiver, size.timed, rate=RATE)
        slow = self.load(receiver, size.timed_slow, rate=RATE, latency=SLOW)
        burst = self.load(receiver, size.burst)
        burst_slow = self.load(receiver, size.burst_slow, latency=SLOW)
        after = receiver.memory()
        every = (first, timed, slow, burst, burst_slow)
        return {
            "first": first.written()[0],
            **timed.times(""),
            **slow.times("slow_"),
            "late": percentile(timed.late(), 99),
            "burst": burst.sustained(),
            "burst_slow": burst_slow.sustained(),
            **{n: 1000 * used / size.burst for n, used in zip(_PROCESSES, burst.cpu, strict=True)},
            "rss_idle": idle.rss,
            "pss_idle": idle.pss,
            "rss": after.rss,
            "pss": after.pss,
            "peak": after.peak,
            "length": float(burst.longest),
            "asked": float(sum(len(outcome.others) for outcome in every)),
            "lost": float(sum(outcome.lost() for outcome in every)),
            "doubled": float(sum(outcome.doubled() for outcome in every)),
        }

    # --- the bench itself -----------------------------------------------------------------------------------
    def desk_alone(self, count: int) -> Figures:
        """Measure what the vendor's desk could do if nobody stood between the sender and it."""
        self.desk.ask(latency=0.0, take=True)
        ticket = {"priority": "urgent", "group_id": 361, "comment": {"html_body": "x" * 900, "public": False}}
        said = {"bundle": str(self.bundle), "count": count, "callers": 8, "ticket": ticket}
        before = cpu_of(self.desk.pid)
        seconds = self.sender.ask(hammer=self.vendor_port, **said)["seconds"]
        used = cpu_of(self.desk.pid) - before
        self.desk.ask(take=True)
        return {"writes": count / seconds, "cpu": 1000 * used / count}

    def disk(self) -> Figures:
        """Measure what `synchronous=FULL` costs here: milliseconds of an fdatasync, and of a commit of one row."""
        place = self.place()
        with (place / "file").open("wb", buffering=0) as file:
            flushed = [_timed(lambda: _flush(file)) for _ in range(300)]
        with closing(sqlite3.connect(place / "db", isolation_level=None)) as connection:
            connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (body)")
            commits = [
                _timed(lambda: connection.execute("INSERT INTO t VALUES (?)", (b"x" * 2200,))) for _ in range(300)
            ]
        return {"flush": statistics.median(flushed), "commit": statistics.median(commits)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one load."""

    rows: Sequence[Row]
    escalating: int
    ended: float = 0.0  # when nothing was left to do
    again: int = 0  # answers 503, after which it was sent again
    arrivals: Sequence[tuple[int, float]] = ()
    others: Sequence[str] = ()
    longest: int = 0
    cpu: tuple[float, ...] = ()  # seconds of the receiver, the desk, the sender

    def times(self, prefix: str) -> Figures:
        """Return p50 and p99 of answer and write-back in milliseconds."""
        found = {"answer": self.answered(), "write": self.written()}
        return {f"{prefix}{what}_p{p}": percentile(times, p) for what, times in found.items() for p in (50, 99)}

    def answered(self) -> list[float]:
        """Return the milliseconds from when each event should have been sent to its answer."""
        self._all_thanked()
        return [1000 * (answered - due) for _, due, _, answered, _ in self.rows]

    def late(self) -> list[float]:
        """Return the milliseconds that the sender itself was late."""
        return [1000 * (sent - due) for _, due, sent, _, _ in self.rows]

    def written(self) -> list[float]:
        """Return the milliseconds from when each event should have been sent to its write at the desk."""
        first = dict(reversed(self.arrivals))
        return [1000 * (first[ticket] - due) for ticket, due, *_ in self.rows if ticket in first]

    def sustained(self) -> float:
        """Return events a second from the first send to the last write, if all escalate."""
        self._all_thanked()
        begin, end = min(row[2] for row in self.rows), max((at for _, at in self.arrivals), default=self.ended)
        return len(self.rows) / (end - begin) if not self.lost() else 0.0

    def done(self) -> float:
        """Return events a second from the first send until nothing was left to do."""
        self._all_thanked()
        return len(self.rows) / (self.ended - min(row[2] for row in self.rows)) if not self.lost() else 0.0

    def accepted(self) -> float:
        """Return answers a second, from the first send to the last answer."""
        self._all_thanked()
        return len(self.rows) / (max(row[3] for row in self.rows) - min(row[2] for row in self.rows))

    def lost(self) -> int:
        """Count the tickets that were never written and should have been."""
        return self.escalating - len({ticket for ticket, _ in self.arrivals})

    def doubled(self) -> int:
        """Count the writes too many."""
        return sum(count - 1 for count in Counter(ticket for ticket, _ in self.arrivals).values())

    def _all_thanked(self) -> None:
        if strange := Counter(row[4] for row in self.rows if row[4] != 202):
            raise Failed(f"answers other than 202: {dict(strange)}")


def percentile(values: Sequence[float], p: int) -> float:
    """Return the value that p percent are at most (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * p // 100) - 1)]


def medians(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _flush(file: io.FileIO) -> None:
    file.write(b"x" * 4096)
    os.fdatasync(file.fileno())


def _timed(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - begin)
