"""The comparison of servers: the real application behind each, the same deliveries, and senders that stop halfway."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from processes import HERE, Failed, Running, house
from trials import RATE, Bench, Figures, percentile

SERVERS = ("waitress", "cheroot", "gunicorn", "werkzeug")
STALLED = 16
"""Senders that stop halfway: twice as many as there are threads."""
_NEVER = threading.Event()


def compared(bench: Bench, *, timed: int, accepted: int, say: Callable[[str], None]) -> dict[str, Figures | None]:
    """Measure every server that is installed; None for the others."""
    found: dict[str, Figures | None] = {}
    for name in SERVERS:
        if find_spec(name) is None:
            say(f"{name} is not installed; skipped")
            found[name] = None
        else:
            say(f"the application behind {name}")
            found[name] = _compared(bench, name, timed, accepted)
    return found


def _compared(bench: Bench, name: str, timed: int, accepted: int) -> Figures:
    place = bench.place()
    receiver = _started(bench, name, place, {})
    try:
        bench.load(receiver, 4 * bench.worker)
        outcome = bench.load(receiver, timed, rate=RATE)
        figures = {"ready": receiver.ready, **outcome.times(""), "lost": float(outcome.lost())}
        figures |= _stalled(bench, receiver)
        figures["rss"] = receiver.memory().rss
    finally:
        receiver.stop()
    receiver = _started(bench, name, place, {"STEPLADDER_WORKER": "off"})
    try:
        bench.receive(receiver, 100, callers=8)
        figures["accepted"] = bench.receive(receiver, accepted, callers=8).accepted()
    finally:
        receiver.stop()
    shutil.rmtree(place)
    return figures


def _stalled(bench: Bench, receiver: Running) -> Figures:
    """Let senders stop halfway, and see what that does to the others."""
    bench.sender.ask(trickle=STALLED, address=receiver.address)
    _NEVER.wait(0.3)
    rows = bench.receive(receiver, 2 * RATE, rate=RATE, timeout=3).rows
    bench.sender.ask(trickle=0, address=receiver.address)
    served = [1000 * (row[3] - row[1]) for row in rows if row[4] in (200, 202)]
    return {"stalled_served": 100 * len(served) / len(rows), "stalled_p50": percentile(served, 50) if served else 0.0}


def _started(bench: Bench, name: str, place: Path, environ: Mapping[str, str]) -> Running:
    config, port = house(place, bench.vendor, bench.bundle, server=bench.server, worker=bench.worker)
    arguments = [str(HERE / "serving.py"), name, str(port), str(bench.server)]
    if name == "gunicorn":
        options = {"worker-class": "gthread", "workers": "1", "threads": str(bench.server), "log-level": "warning"}
        flags = [part for key, value in options.items() for part in (f"--{key}", value)]
        arguments = ["-m", "gunicorn", *flags, "--bind", f"127.0.0.1:{port}", "app:create_app()"]
    try:
        return Running(arguments, port, place / "log", {"STEPLADDER_CONFIG": str(config), **environ})
    except Failed as failed:
        raise Failed(f"{name} on Python {sys.version.split()[0]}: {failed}") from failed
