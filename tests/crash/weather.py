"""What goes wrong while everything is killed: the vendors' bad day, and a post that is late, doubled, out of order."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from connectors.faults import Fault, Faults
from connectors.postman import CUT, SILENCE, Envelope, Manners, Postman

UNTIRING = Manners(
    retries=dict.fromkeys((429, 502, 503, 504, SILENCE, CUT), 200), server_errors=200, waits=(0.2, 0.4, 0.8, 1.5)
)
"""A vendor that brings a delivery until it is taken; real ones try for minutes or hours."""
LATE = 1.0
"""Seconds that a delivery may be late, so that it overtakes others."""
DOUBLED = 0.15
"""The share of deliveries that come twice."""
AFTER = 7.0
"""Seconds after which a vendor carries a note out too late: more than `settle` in the storm's settings."""
_NOTE = re.compile(r"PUT .*/tickets/\d+|POST .*/comment")
_REST = 8 / 15
"""The share of writes that are neither a third nor a fifth one."""


class Weather(Faults):
    """A vendor in trouble: every third write 429, every fifth 500, one in ten done and cut, some done later.

    Half of the 500 were carried out all the same. In an outage every request is answered 503, reads too.
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._turn = threading.Lock()
        self._fair, self._out, self._writes = True, False, 0
        self.met: Counter[str] = Counter()
        self.latest = 0.0

    def begin(self) -> None:
        """Let things go wrong from now on."""
        self._fair = False

    def outage(self, out: bool) -> None:
        """Begin or end an outage."""
        self._out = out

    @property
    def writes(self) -> int:
        """How many writes came so far, carried out or not."""
        return self._writes

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something after a while, and measure after how many seconds it was done: a busy machine is slow."""
        asked = time.monotonic()

        def do() -> None:
            work()
            self.latest = max(self.latest, time.monotonic() - asked)

        super().later(seconds, do)

    def take(self, line: str) -> Fault | None:
        """Return what befalls this request."""
        if self._fair or "/oauth/" in line:
            return None
        with self._turn:
            fault = Fault(do="503") if self._out else self._trouble(line)
            if fault is not None:
                self.met[fault.do + (" but done" if fault.applied else "")] += 1
            return fault

    def _trouble(self, line: str) -> Fault | None:
        if not line.startswith(("PUT", "POST")) or "search" in line:
            return None
        self._writes += 1
        if self._writes % 3 == 0:
            return Fault(do="429", retry_after="0.3")
        if self._writes % 5 == 0:
            return Fault(do="500", applied=self._chance.random() < 0.5)
        drawn = self._chance.random() * _REST
        if drawn < 0.1:
            return Fault(do="cut_after")
        return Fault(do="cut_late", seconds=self._chance.uniform(0.3, 1.7)) if drawn < 0.15 else None


class TooLate(Weather):
    """A vendor that cuts the line at each ticket's first note and writes it `AFTER` seconds later, after all looks."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self._begun: set[str] = set()

    def outage(self, out: bool) -> None:
        """There is none."""

    def _trouble(self, line: str) -> Fault | None:
        if line in self._begun or not _NOTE.search(line):
            return None
        self._begun.add(line)
        return Fault(do="cut_late", seconds=AFTER)


class Post(Postman):
    """Delivers late, twice and out of order, to each of several doors in turn, until each delivery is taken."""

    def __init__(self, chance: random.Random, doors: Sequence[str]) -> None:
        super().__init__(UNTIRING, pace=1.0)
        self._chance, self._doors = chance, tuple(doors)
        self.shuffle(chance.randrange(1 << 30), within=LATE, doubled=DOUBLED)

    def post(self, envelope: Envelope) -> None:
        """Send it, by whichever door."""
        path = urlsplit(envelope.url).path
        super().post(replace(envelope, url=f"http://{self._chance.choice(self._doors)}{path}"))

    def given_up(self) -> int:
        """Return how many deliveries were brought for the last time and not taken: nobody was ever told of them."""
        return sum(not (one.again or 200 <= (one.status or 0) < 300) for one in self.attempts)

    def taken(self) -> list[Envelope]:
        """Return what was thanked for, each delivery once."""
        thanked = [one.envelope for one in self.attempts if one.status is not None and 200 <= one.status < 300]
        return list({one.body: one for one in thanked}.values())
