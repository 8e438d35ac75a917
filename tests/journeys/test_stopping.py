"""A real process is told to stop while its vendor hangs and tickets wait, and is asked while it starts."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.cli.tools import secrets_toml
from connectors import discover
from connectors.faults import Fault
from connectors.postman import Envelope
from connectors.sandboxing import Authority

ROOT = Path(__file__).parents[2]
VENDOR = sorted(discover())[-1]
THREADS = 24
WAITING = int(os.environ.get("STEPLADDER_TEST_WAITING", "60"))
STOP = 2.5
SETTINGS = f"""
policy = "policy.yaml"
[server]
port = {{port}}
[worker]
threads = {THREADS}
settle = 0.5
stop = {STOP}
[guards]
escalations_in_10_minutes = 10000
[missed]
every = 0
"""


class Place:
    """A folder with settings, a pretend vendor, and `python app.py serve` on the same port again and again."""

    def __init__(self, folder: Path, authority: Authority, policy: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.desk = importlib.import_module(f"connectors.{VENDOR}.sandbox").Sandbox(authority)
        site = self.desk.site_toml("acme", "act").replace("mode =", "read_timeout = 2\nmode =", 1)
        (folder / "policy.yaml").write_text(policy)
        (folder / "stepladder.toml").write_text(SETTINGS.format(port=port) + site)
        (folder / "secrets.toml").touch(mode=0o600)
        (folder / "secrets.toml").write_text(secrets_toml({"acme": json.loads(json.dumps(self.desk.secrets()))}))
        self.desk.subscribe(f"{self.url}/webhooks/{VENDOR}/acme")

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("STEPLADDER")}
        command = [sys.executable, "app.py", "serve", "--config", str(self.folder / "stepladder.toml")]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environ)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def tickets(self, count: int, **fields: Any) -> tuple[list[str], list[Envelope]]:
        """People open tickets; return them, and their webhooks, which are not delivered yet."""
        kept: list[Envelope] = []
        self.desk.postman.hold()
        names = [self.desk.open_ticket("VPN", "Help.", **fields) for _ in range(count)]
        self.desk.postman.release(lambda envelopes: kept.extend(envelopes) or [])
        return names, kept

    def deliver(self, envelope: Envelope) -> int:
        headers = {**envelope.headers, **envelope.sign()}
        return requests.post(envelope.url, data=envelope.body, headers=headers, timeout=10).status_code

    @contextmanager
    def held_up(self) -> Iterator[Callable[[], object]]:
        """Hold up a start by a lock, as a long migration would, until it is told to go on."""
        with closing(sqlite3.connect(self.folder / "stepladder.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield lambda: other.execute("ROLLBACK")

    def count(self, query: str) -> int:
        with closing(sqlite3.connect(self.folder / "stepladder.db", timeout=10)) as connection, connection:
            return int((connection.execute(query).fetchone() or [0])[0])


UNFINISHED = "SELECT (SELECT count(*) FROM arrivals WHERE NOT read) + (SELECT count(*) FROM calls WHERE open)"
DUE = "SELECT count(*) FROM tickets WHERE due_at < unixepoch() + 1"


def knocked(place: Place, envelope: Envelope, answers: Counter[int]) -> bool:
    try:
        answers[place.deliver(envelope)] += 1
    except requests.ConnectionError:
        return False
    return True


def until(so: Callable[[], object], what: str, seconds: float = 30) -> None:
    ends, moment = time.monotonic() + seconds, threading.Event()
    while not so():
        assert time.monotonic() < ends, f"waited in vain for {what}"
        moment.wait(0.02)


@pytest.fixture
def place(tmp_path: Path, authority: Authority, policy: str) -> Iterator[Place]:
    place = Place(tmp_path, authority, policy)
    yield place
    place.desk.stop()


def test_a_signal_that_another_thread_takes_is_heeded_too(place: Place) -> None:
    with place.serving() as process:
        until(place.ready, "the start")
        others = sorted(map(int, os.listdir(f"/proc/{process.pid}/task")))[1:]
        assert ctypes.CDLL(None).tgkill(process.pid, others[len(others) // 2], signal.SIGTERM) == 0
        assert process.wait(15) == 0
    assert "Stopping." in place.log()


def test_told_to_stop_while_the_vendor_hangs_it_ends_in_time_and_the_next_start_finishes_it(place: Place) -> None:
    with place.serving() as process:
        until(place.ready, "the start")
        until(lambda: "examination.done" in place.log(), "the examination")
        began = time.time()
        until(lambda: time.time() > int(began) + 1, "the next second, for a vendor's seconds are round")
        with ThreadPoolExecutor(8) as senders:
            assert set(senders.map(place.deliver, place.tickets(WAITING, priority="low")[1])) == {202}
            until(lambda: place.count(UNFINISHED) == 0, "every question to be read")
            place.desk.faults.add(Fault(do="hang", match="PUT", times=THREADS, seconds=20))
            urgent, envelopes = place.tickets(THREADS + 4, priority="urgent")
            assert set(senders.map(place.deliver, envelopes)) == {202}
            until(lambda: len(place.desk.faults.befallen) == THREADS, "every thread to hang")
        place.count("UPDATE tickets SET due_at = unixepoch()")
        told = time.monotonic()
        assert place.count(DUE) >= WAITING
        process.send_signal(signal.SIGTERM)
        threading.Event().wait(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert time.monotonic() - told < STOP + 4  # a busy machine is not a bug; the vendor hangs for twenty
        assert "Traceback" not in place.log()
        assert place.count(DUE) >= WAITING, "none was begun once it was told to stop"
    with place.held_up() as go_on, place.serving() as process:
        answers = Counter[int]()
        until(lambda: knocked(place, envelopes[0], answers), "an answer")
        assert (answers, place.ready()) == ({503: 1}, False), "who knocks while it starts is told to come again"
        go_on()
        until(place.ready, "the second start")
        until(lambda: place.count(UNFINISHED) + place.count(DUE) == 0, "everything to be looked at and written", 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    for ticket in urgent:
        assert len([note for note in place.desk.view(ticket).notes if "Stepladder ·" in note]) == 1
