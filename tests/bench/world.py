"""The world that `scale.py` plays: what comes in, what it costs, processes that work it off, a vendor that is silent.

Event by event, from a seed; no network and no clock. Where each number comes from stands in docs/scale.md.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

DAY, HOUR = 86_400.0, 3_600.0
CURVE = (1, 1, 1, 1, 1, 2, 3, 6, 9, 10, 10, 9, 7, 8, 9, 9, 8, 6, 4, 3, 2, 2, 1, 1)
"""How a help desk's day is spread over its hours, all sites in one time zone: the worst case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one delivery takes: milliseconds of one core, transactions, bytes. Sources: docs/scale.md."""

    receive: float = 1.2
    look: float = 2.2
    write: float = 4.4  # on top, for a look that escalates
    postgresql: float = 2.5  # times as much, in our processes, as on SQLite
    server: float = 0.5  # of PostgreSQL's own core, for each transaction
    body: int = 4_100  # a delivery with its bytes
    bare: int = 700  # a delivery without them
    look_bytes: int = 10_000
    event_bytes: int = 1_500
    ticket_bytes: int = 4_100


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What comes in, and how the vendors behave."""

    sites: int = 10_000
    events: int = 5_000_000  # a day, without the echoes of our own writes
    uneven: float = 1.2  # sigma of the sites' sizes, which are log-normal
    escalating: float = 0.02  # of the events
    echoes: int = 3  # webhooks about one write of ours
    tickets: float = 0.15  # new tickets for each event
    vendor: float = 0.3  # seconds that a write takes there
    pace: int = 80  # writes a minute for one account
    surge: float = 1.5  # how much more than usual comes in the worst minutes of the worst hour
    full: float = 0.6  # how busy a process may be in that hour


def peak(world: World) -> float:
    """Return deliveries a second in the busiest hour, echoes included."""
    return world.events * with_echoes(world) * max(CURVE) / sum(CURVE) / HOUR


def with_echoes(world: World) -> float:
    """Return deliveries for each event: webhooks about our own writes come on top."""
    return 1 + world.escalating * world.echoes


def per_event(costs: Costs, world: World, *, postgresql: bool) -> tuple[float, float]:
    """Return milliseconds of a core for an average delivery: to receive it, and to look at its ticket."""
    times = costs.postgresql if postgresql else 1.0
    share = world.escalating / with_echoes(world)
    return costs.receive * times, (costs.look + costs.write * share) * times


def one_machine(costs: Costs, world: World) -> tuple[float, float]:
    """Return deliveries a second that one process on SQLite carries, and events a day with the curve above."""
    rate = 1000 * world.full / sum(per_event(costs, world, postgresql=False))
    return rate, rate / world.surge * HOUR * sum(CURVE) / max(CURVE) / with_echoes(world)


# --- the processes, event by event ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Lags:
    """What became of the simulated minutes: seconds, and how busy the processes were."""

    decided: Sequence[float]
    written: Sequence[float]
    busy_web: float
    busy_workers: float


class Processes:
    """So many processes, one core each; who comes first is served first."""

    def __init__(self, number: int) -> None:
        self._free = [0.0] * number
        self.worked = 0.0

    def serve(self, at: float, seconds: float) -> float:
        """Return when a piece of work is done that arrives at this moment."""
        done = max(at, heapq.heappop(self._free)) + seconds
        heapq.heappush(self._free, done)
        self.worked += seconds
        return done


def minutes(
    costs: Costs, world: World, *, web: int, workers: int, seconds: float, seed: int, postgresql: bool = True
) -> Lags:
    """Play the worst minutes of the worst hour. No web process: one process does everything."""
    chance = random.Random(seed)
    receive, look, write = (
        one * (costs.postgresql if postgresql else 1.0) / 1000 for one in (costs.receive, costs.look, costs.write)
    )
    working = Processes(workers)
    taking = Processes(web) if web else working
    rate = world.events * max(CURVE) / sum(CURVE) / HOUR * world.surge
    number, decided, written = itertools.count(), list[float](), list[float]()
    queue = [(at, next(number), "in", at) for at in _poisson(chance, rate, seconds)]
    heapq.heapify(queue)
    while queue:
        at, _, what, since = heapq.heappop(queue)
        if what in ("in", "echo"):
            taken = taking.serve(at, receive * _some(chance))
            heapq.heappush(queue, (taken, next(number), "look" if what == "in" else "known", since))
        elif what in ("look", "known"):
            done = working.serve(at, look * _some(chance))
            decided.append(done - since)
            if what == "look" and chance.random() < world.escalating:
                heapq.heappush(queue, (done, next(number), "write", since))
        else:
            sent = working.serve(at, write * _some(chance)) + world.vendor * _some(chance)
            written.append(sent - since)
            for _ in range(world.echoes):
                echoed = sent + chance.uniform(0.5, 3.0)
                heapq.heappush(queue, (echoed, next(number), "echo", echoed))
    return Lags(
        decided=decided,
        written=written,
        busy_web=taking.worked / seconds / (web or workers),
        busy_workers=working.worked / seconds / workers,
    )


def _poisson(chance: random.Random, rate: float, seconds: float) -> Iterator[float]:
    at = chance.expovariate(rate)
    while at < seconds:
        yield at
        at += chance.expovariate(rate)


def _some(chance: random.Random) -> float:
    """Return a factor around one: half of the work is always the same, the rest differs."""
    return 0.5 + 0.5 * chance.expovariate(1.0)


# --- an hour without the vendor ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What an hour's outage left behind at its end, and how long it took until nothing waited any more (seconds)."""

    waiting: int
    probes: int
    half: float
    last: float


def outage(rates: Iterable[float], world: World, *, seed: int, lasts: float = HOUR) -> Outage:
    """Let the vendor be silent for so long; `rates` are each site's writes an hour, before, during and after."""
    waiting, probes, late = 0, 0, list[float]()
    for number, rate in enumerate(rates):
        chance = random.Random(f"{seed}/{number}")
        wishes = list(_poisson(chance, rate / HOUR, 2.5 * lasts)) if rate else []
        stuck = sum(at < lasts for at in wishes)
        waiting += stuck
        if not stuck:
            continue
        opened, asked = _opened(chance, wishes[0], lasts)
        probes += asked
        late += _drained(wishes, opened, lasts, world.pace)
    late.sort()
    return Outage(
        waiting=waiting, probes=probes, half=late[len(late) // 2] if late else 0.0, last=late[-1] if late else 0.0
    )


def _opened(chance: random.Random, first: float, ends: float) -> tuple[float, int]:
    """Return when a site's brake opens again, and how many probes it has sent: rests double up to a minute."""
    at, rest, asked = first, 0.5, 0
    while at < ends:
        asked += 1
        rest = min(60.0, rest * 2)
        at += rest + chance.uniform(0.05, max(1.0, rest / 10))
    return at, asked


def _drained(wishes: Sequence[float], opened: float, ends: float, pace: int) -> list[float]:
    """Return, for each write that had to wait, how long after the outage's end it was made; all keep their turn."""
    sent, late = deque[float](maxlen=pace), list[float]()
    for wish in wishes:
        at = max(wish, opened, sent[0] + 60.0 if len(sent) == pace else 0.0)  # so many within any minute
        sent.append(at)
        if at > wish:
            late.append(at - ends)
    return late


def shares(world: World, seed: int) -> list[float]:
    """Return the sites' shares of all events, the largest first."""
    chance = random.Random(seed)
    drawn = sorted((chance.lognormvariate(0.0, world.uneven) for _ in range(world.sites)), reverse=True)
    whole = math.fsum(drawn)
    return [one / whole for one in drawn]
