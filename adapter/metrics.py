"""Numbers for Prometheus: counted while the journal tells, and asked of the house when somebody looks.

Labels are names of the settings and of the policy, never a ticket. Each house has a registry of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_PATIENT = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ENDS = ("written", "found", "refused", "later", "fallback", "alarm")
_Fields = dict[str, Any]


class Metrics:
    """Counts what happens; `watch` is a journal's watcher."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._deliveries = self._counter("deliveries", "Deliveries by what became of them", "site", "outcome")
        self._decisions = self._counter("decisions", "Decisions stored", "site", "rule", "level", "outcome")
        self._calls = self._counter("calls", "What became of attempts at vendor calls", "site", "verb", "outcome")
        self._ended = self._counter("given_up", "Moves given up before they were written", "site", "outcome")
        self._letters = self._counter("messages", "Messages to people by what became of them", "outcome")
        self._changes = self._counter("changes", "Changes that vendors showed when they were asked", "site")
        self._missed = self._counter("missed_changes", "Changes of which no webhook told us", "site")
        self._purged = self._counter("purged_rows", "Rows that were deleted because they were old", "kind")
        self._troubles = self._counter("troubles", "Events of the log that say something is wrong", "event")
        self._intake = self._histogram("intake_seconds", "Time to answer a webhook", _QUICK, "status")
        self._vendor = self._histogram(
            "vendor_seconds", "Time of a vendor's answer", _PATIENT, "site", "kind", "outcome"
        )
        self._hearers: dict[str, Callable[[str, _Fields], None]] = {
            "ticket.decided": self._decided,
            "vendor.answered": self._answered,
            "missed.checked": self._compared,
            "purge.done": lambda _, told: self._purged.labels(told.get("kind", "")).inc(told.get("rows", 0)),
            **{f"writeback.{end}": self._called for end in _ENDS},
        }

    def text(self) -> bytes:
        """Return all numbers in Prometheus' format."""
        return generate_latest(_Asked(self._shown))

    def ask(self, gauges: Callable[[], Iterable[Metric]]) -> None:
        """Show these numbers, too, each time somebody looks."""
        self.registry.register(_Asked(gauges))

    def _shown(self) -> Iterable[Metric]:
        """Leave out when each counter began, which doubles the lines and which nobody asks for."""
        for metric in self.registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric

    def took(self, status: int, seconds: float) -> None:
        """Count a webhook that was answered."""
        self._intake.labels(str(status)).observe(seconds)

    def watch(self, event: str, fields: _Fields) -> None:
        """Count an event of the journal."""
        room, _, what = event.partition(".")
        if (hear := self._hearers.get(event)) is not None:
            hear(what, fields)
        elif room == "delivery":
            self._deliveries.labels(fields.get("site") or _site(fields), what).inc()
        elif room == "notice" and what != "unheard":
            self._letters.labels(what).inc()
        if what in ("failed", "alarm"):
            self._troubles.labels(event).inc()

    # --- what the journal tells -------------------------------------------------------------------------------
    def _decided(self, _: str, told: _Fields) -> None:
        outcome = "observed" if told["observed"] else "moved" if told["moved"] else "held" if told["held"] else "none"
        level = str(told["level"]) if told["moved"] else ""
        self._decisions.labels(_site(told), told.get("rule") or "", level, outcome).inc()
        for end in told["given_up"].values():
            self._ended.labels(_site(told), end).inc()

    def _called(self, what: str, told: _Fields) -> None:
        self._calls.labels(_site(told), told.get("verb") or "", what).inc()

    def _answered(self, _: str, told: _Fields) -> None:
        self._vendor.labels(told["site"], told["kind"], told["outcome"]).observe(told["seconds"])

    def _compared(self, _: str, told: _Fields) -> None:
        self._changes.labels(told["site"]).inc(told["changed"])
        self._missed.labels(told["site"]).inc(told["missed"])

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"stepladder_{name}", says, labels, registry=self.registry)

    def _histogram(self, name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"stepladder_{name}", says, labels, registry=self.registry, buckets=buckets)


class _Asked(Collector):
    """Numbers that are looked up when they are wanted."""

    def __init__(self, gauges: Callable[[], Iterable[Metric]]) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[Metric]:
        """Ask nothing while registering."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Ask."""
        return self._gauges()


def _site(told: _Fields) -> str:
    return str(told.get("ticket", "")).rpartition("/")[0]
