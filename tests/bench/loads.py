"""The loads: how much is taken and written back, on SQLite and on PostgreSQL with one and two workers, and when
everything is about one ticket or about ten thousand.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import ROOT, Failed, Fleet, Running, house
from sqlalchemy import Engine, create_engine, func, select, text
from trials import SLOW, Bench, Figures, Outcome, percentile

from adapter.store import tables as t

sys.path.insert(0, str(ROOT))
from tests.postgres import Missing, Server

CALLERS = (1, 8, 32)
RATES = (1, 20, 100)
ONE_IN = 20
"""Of so many events one escalates, where not all do: 5 %."""
_NEVER = threading.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is sent."""

    accepted: int
    seconds: float  # that each rate is held
    burst: int
    hot: int
    many: int


USUAL = Sizes(accepted=1500, seconds=8, burst=800, hot=1000, many=10_000)
QUICK = Sizes(accepted=100, seconds=0.5, burst=60, hot=60, many=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is measured: the database, and how many processes work on it (0: the one that receives)."""

    says: str
    server: Server | None = None
    workers: int = 0


def setups(say: Callable[[str], None], *, quick: bool) -> Iterator[Setup]:
    """Yield SQLite and, unless it is to be quick, PostgreSQL with fsync on if this machine has it."""
    yield Setup(says="SQLite, one process")
    if quick:
        return
    try:
        server = Server(durable=True)
    except Missing as missing:
        say(f"PostgreSQL is skipped: {missing}")
        return
    server.start()
    try:
        for workers in (1, 2):
            yield Setup(says=f"PostgreSQL, {workers} worker{'s' * (workers > 1)}", server=server, workers=workers)
    finally:
        server.stop()
        server.remove()


def measured(bench: Bench, setup: Setup, sizes: Sizes) -> Figures:
    """Put every load on one set-up."""
    figures: Figures = {}
    with _running(bench, setup, working=False) as (receiver, _):
        bench.receive(receiver, 50, callers=8)
        for callers in CALLERS:
            count = sizes.accepted if callers > 1 else sizes.accepted // 4
            outcome = bench.receive(receiver, count, callers=callers)
            figures |= {f"accepted_{callers}": outcome.accepted(), f"again_{callers}": float(outcome.again)}
            answers = outcome.answered()
            figures |= {f"accepted_{callers}_p{p}": percentile(answers, p) for p in (50, 99)}
    with _running(bench, setup, working=True) as (receiver, rest):
        lost = _written_back(bench, receiver, rest, sizes, figures)
        figures["rss"] = receiver.memory().rss
    return figures | {"lost": lost}


def _written_back(
    bench: Bench, receiver: Running | Fleet, rest: Callable[[], float], sizes: Sizes, figures: Figures
) -> float:
    """Fill in what needs workers; return how many events were lost or doubled."""
    seen = [bench.load(receiver, 4 * bench.worker)]
    for rate in RATES:
        seen.append(bench.load(receiver, max(3, int(rate * sizes.seconds)), rate=rate))
        figures |= {f"write_{rate}_p{p}": percentile(seen[-1].written(), p) for p in (50, 99)}
    for latency in (0.0, SLOW):
        for one_in, name in ((ONE_IN, "few"), (1, "all")):
            few = {"urgent": one_in, "writes": sizes.burst // one_in}
            seen.append(bench.load(receiver, sizes.burst, latency=latency, until_done=rest, **few))
            figures[f"{name}_{1000 * latency:.0f}"] = seen[-1].done()
            figures[f"{name}_{1000 * latency:.0f}_cpu"] = 1000 * seen[-1].cpu[0] / sizes.burst
    seen.append(bench.load(receiver, sizes.hot, same=True, writes=1, until_done=rest))
    figures |= {"hot": seen[-1].done(), "hot_last": max(seen[-1].written(), default=float("nan"))}
    seen.append(bench.load(receiver, sizes.many, urgent=ONE_IN, writes=sizes.many // ONE_IN, until_done=rest))
    figures |= {"many": seen[-1].done(), "again": float(sum(outcome.again for outcome in seen))}
    return float(sum(_wrong(outcome) for outcome in seen))


def _wrong(outcome: Outcome) -> int:
    return outcome.lost() + outcome.doubled()


def bare(bench: Bench, sizes: Sizes) -> Figures:
    """Put the loads on the bare handler that it can be compared in: all escalate, nothing is kept."""
    place, figures = bench.place(), Figures()
    receiver = bench.bare(place)
    try:
        bench.load(receiver, 4 * bench.server)
        for rate in RATES:
            outcome = bench.load(receiver, max(3, int(rate * sizes.seconds)), rate=rate)
            figures |= {f"write_{rate}_p{p}": percentile(outcome.written(), p) for p in (50, 99)}
        for latency in (0.0, SLOW):
            outcome = bench.load(receiver, sizes.burst // (4 if latency else 1), latency=latency)
            count, name = len(outcome.rows), f"all_{1000 * latency:.0f}"
            figures |= {name: outcome.sustained(), f"{name}_cpu": 1000 * outcome.cpu[0] / count}
    finally:
        receiver.stop()
        shutil.rmtree(place)
    return figures


@contextmanager
def _running(bench: Bench, setup: Setup, *, working: bool) -> Iterator[tuple[Running | Fleet, Callable[[], float]]]:
    """Start a set-up in a place and a database of its own; yield it with what waits until nothing is left to do."""
    place = bench.place()
    name = setup.server.migrated() if setup.server else ""
    url = setup.server.url(name) if setup.server else f"sqlite:///{place / 'stepladder.db'}"
    config, port = house(place, bench.vendor, bench.bundle, server=bench.server, worker=bench.worker, database=url)
    alone = working and not setup.workers
    receiver: Running | Fleet = _start(["serve", *(() if alone else ("--no-worker",))], config, port)
    if working and setup.workers:
        receiver = _fleet(receiver, config, setup.workers)
    engine = create_engine(url)
    try:
        yield receiver, lambda: _at_rest(engine)
    finally:
        engine.dispose()
        receiver.stop()
        if setup.server:
            setup.server.drop(name)
        shutil.rmtree(place)


def _start(command: Sequence[str], config: Path, port: int, number: int = 0) -> Running:
    return Running(["app.py", *command, "--config", str(config)], port, config.with_name(f"log-{number}"))


def _fleet(web: Running | Fleet, config: Path, workers: int) -> Fleet:
    assert isinstance(web, Running)
    started: list[Running] = []
    try:
        for number in range(1, workers + 1):
            started += [_start(["worker"], config, 0, number)]
    except Failed:
        Fleet(web, started).stop()
        raise
    return Fleet(web, started)


def _at_rest(engine: Engine) -> float:
    """Wait until every delivery is read and every call has ended; return when that was."""
    unread = select(func.count()).select_from(t.arrivals).where(t.arrivals.c.read == text("false"))
    unended = select(func.count()).select_from(t.calls).where(t.calls.c.open == text("true"))
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with engine.connect() as connection:
            if not connection.execute(unread).scalar() and not connection.execute(unended).scalar():
                return time.monotonic()
        _NEVER.wait(0.02)
    raise Failed("after two minutes some deliveries are still unread, or some calls open")
