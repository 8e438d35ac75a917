"""What the house shows at this moment: gauges from its tables, sites, clock and auditor. It changes nothing.

What stands in the tables is asked at most every five seconds, however often somebody looks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from prometheus_client.core import GaugeMetricFamily

from adapter import VERSION
from adapter.brakes import Resting
from adapter.gaps import Watch
from adapter.records import Unusable
from adapter.sites import Post, Sites
from adapter.vitals import Gauges, Vitals
from policies.commands import Mode

KEPT = 5.0
"""Seconds for which an answer of the tables is shown again."""


class Modes(Protocol):
    """Who says how far sites may go."""

    @property
    def governs(self) -> bool:
        """Say whether this process finds that out."""

    def mode(self, post: Post) -> Mode:
        """Return how far a site may go now. Raises Resting while that is not known."""


class Dials:
    """Gauges by name. `modes`: how far a site may go now; `alarms`: which alarms are on, by name and site."""

    def __init__(
        self,
        store: Gauges,
        sites: Sites,
        modes: Modes,
        clock: Callable[[], datetime],
        pulse: Callable[[], float],
        refusing: Callable[[], str | None],
        alarms: Callable[[], Sequence[tuple[str, str]]],
        free: Callable[[], float | None],
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sites = sites
        self._modes = modes
        self._clock = clock
        self._pulse = pulse
        self._refusing = refusing
        self._alarms = alarms
        self._free = free
        self._ticking = ticking
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._known: tuple[Vitals, Sequence[Watch]] | None = None

    def __call__(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge. While the tables cannot be read, theirs are left out and `database_up` says 0."""
        yield _gauge("build_info", "This program's version", {(VERSION,): 1}, "version")
        yield _single("clock_pulse_seconds", "Seconds since the scheduler's clock last turned", self._pulse())
        refused = self._refusing()
        yield _gauge("refusing", "1 while deliveries are answered 503", {(refused or "",): int(bool(refused))}, "why")
        known = self._asked()
        yield from self._of_sites(readable=known is not None)
        yield _gauge("alarm", "1 while the auditor sounds an alarm", dict.fromkeys(self._alarms(), 1), "alarm", "site")
        free = self._free()
        known_free = {(): free} if free is not None else {}
        yield _gauge("disk_free_ratio", "The part of the database's disk that is free", known_free)
        yield _single("database_up", "1 if the tables can be read", int(known is not None))
        if known is not None:
            yield from _of_tables(*known, self._clock())

    def _of_sites(self, *, readable: bool) -> Iterator[GaugeMetricFamily]:
        yield _gauge("brake_closed", "1 while a site is given a rest", self._closed() if readable else {}, "site")
        modes = {(post.scope, mode): 1 for post in self._sites if (mode := self._mode_of(post)) is not None}
        yield _gauge("site_mode", "How far a site may go now; resting: it is not examined yet", modes, "site", "mode")

    def _closed(self) -> dict[tuple[str], int]:
        try:  # processes that share a server keep there what their brakes know
            return {(post.scope,): int(post.brake.closed) for post in self._sites}
        except Unusable:
            return {}

    def _mode_of(self, post: Post) -> str | None:
        """Return a site's mode; a process that only receives examines none, so it cannot say that one rests."""
        try:
            return self._modes.mode(post).value
        except Resting:
            return "resting" if self._modes.governs else None

    def _asked(self) -> tuple[Vitals, Sequence[Watch]] | None:
        with self._lock:  # of many who look at once, one asks
            if self._asked_at is None or self._ticking() - self._asked_at >= KEPT:
                try:
                    self._known = self._store.vitals(self._clock()), self._store.watches()
                except Unusable:
                    self._known = None
                self._asked_at = self._ticking()
            return self._known


def _of_tables(found: Vitals, watches: Iterable[Watch], now: datetime) -> Iterator[GaugeMetricFamily]:
    yield _single("tickets_due", "Tickets whose look is due", found.due)
    yield _single("lag_seconds", "How long the oldest due ticket has waited", _age(found.due_since, now))
    yield _single("calls_open", "Vendor calls that have not ended", found.calls)
    yield _single(
        "oldest_open_call_seconds", "How long ago the oldest of them was planned", _age(found.call_since, now)
    )
    yield _single("messages_open", "Messages to people that have not ended", found.letters)
    yield _single("message_lag_seconds", "How long the oldest due message has waited", _age(found.letter_since, now))
    yield _single("dead_letters", "Deliveries that nobody could read", found.dead)
    yield _single("tickets_left", "Tickets that are left to a person", found.left)
    yield _single("database_bytes", "The size of the database", found.bytes)
    paused = {(scope,): 1 for scope in found.switches}
    yield _gauge("paused", "1 for everything that is paused", paused, "scope")
    if found.audited_at is not None:
        audited = found.audited_at.timestamp()
        yield _single("audit_timestamp_seconds", "When an auditor last went round, in any process", audited)
    compared = {(watch.site,): watch.watermark.timestamp() for watch in watches}
    yield _gauge("compared_timestamp_seconds", "Up to when a site's changes were compared", compared, "site")


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0


def _single(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"stepladder_{name}", says, value=value)


def _gauge(name: str, says: str, values: Mapping[Any, float], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"stepladder_{name}", says, labels=labels)
    for named, value in values.items():
        family.add_metric(named, value)
    return family
