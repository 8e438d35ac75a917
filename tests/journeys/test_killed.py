"""A real process is killed again and again in the middle of its work: nothing is lost and nothing doubled."""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.cli.tools import secrets_toml
from connectors.faults import Fault
from connectors.postman import CUT, SILENCE, Manners, Postman
from connectors.sandboxing import Authority

ROOT = Path(__file__).parents[2]
KILLS = 3
TICKETS = 24


class Process:
    """`python app.py serve`, again and again on the same port and file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `ready` tells when deliveries are taken."""
        command = [sys.executable, "app.py", "serve", "--port", str(self._port), "--config"]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("STEPLADDER")}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._folder / "stepladder.toml")], cwd=ROOT, stdout=log, stderr=log, env=environ
            )

    def ready(self) -> bool:
        """Say whether deliveries are taken."""
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def end(self, how: signal.Signals) -> int:
        """End it; return its exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(15)


PATIENT = Manners(retries=dict.fromkeys((429, 503, SILENCE, CUT), 60), waits=(20.0, 40.0, 60.0))
"""Tries for as long as a start can take on a busy machine; real vendors try for hours."""


@contextmanager
def running(process: Process) -> Iterator[None]:
    """Start it, and kill it if a test fails."""
    process.start()
    try:
        yield
    finally:
        if process._process is not None and process._process.poll() is None:
            process.end(signal.SIGKILL)


def until(so: Callable[[], object], what: str, seconds: float = 30) -> None:
    ends, moment = time.monotonic() + seconds, threading.Event()
    while not so():
        if time.monotonic() > ends:
            pytest.fail(f"waited in vain for {what}")
        moment.wait(0.02)


def unfinished(database: Path) -> int:
    """Return how many deliveries are unread and how many calls open."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM arrivals WHERE NOT read) + (SELECT count(*) FROM calls WHERE open)"
        )
        return int(found.fetchone()[0])


def rows(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_doubled(
    vendor: str, policy: str, authority: Authority, tmp_path: Path, seed: int
) -> None:
    chance, pause = random.Random(seed), threading.Event()
    desk = importlib.import_module(f"connectors.{vendor}.sandbox").Sandbox(authority)
    desk.postman = Postman(PATIENT)
    site = desk.site_toml("acme", "act").replace("mode =", "read_timeout = 0.5\nmode =", 1)
    (tmp_path / "policy.yaml").write_text(policy)
    (tmp_path / "stepladder.toml").write_text(f'policy = "policy.yaml"\n[worker]\nsettle = 0.6\n{site}')
    (tmp_path / "secrets.toml").touch(mode=0o600)
    (tmp_path / "secrets.toml").write_text(secrets_toml({"acme": json.loads(json.dumps(desk.secrets()))}))
    process = Process(tmp_path)
    desk.subscribe(f"{process.url}/webhooks/{vendor}/acme")
    urgent: list[str] = []
    calm: list[str] = []

    def stream() -> None:
        for number in range(TICKETS):
            urgent.append(desk.open_ticket(f"Ticket {number}", "Help!", priority="urgent"))
            if number % 4 == 0:
                calm.append(desk.open_ticket(f"Question {number}", "How?", priority="low"))
            pause.wait(chance.uniform(0.05, 0.15))

    try:
        with running(process):
            until(process.ready, "the first start")
            began = time.time()
            until(lambda: time.time() > int(began) + 1, "the next second, for a vendor's seconds are round")
            for do in ("cut_after", "500", "cut", "429", "cut_after"):
                desk.faults.add(Fault(do=do, match="PUT|POST .*comment", skip=chance.randrange(3), retry_after="0.3"))
            people = threading.Thread(target=stream)
            people.start()
            for _ in range(KILLS):
                pause.wait(chance.uniform(0.2, 0.7))
                process.end(signal.SIGKILL)
                process.start()
                until(process.ready, "a start after a kill")
            people.join()
            desk.postman.settle()
            until(lambda: all(desk.view(t).notes for t in urgent), "every note")
            until(lambda: not unfinished(tmp_path / "stepladder.db"), "everything to be read and written")
            desk.postman.settle()
            until(lambda: not unfinished(tmp_path / "stepladder.db"), "the echoes to be read")
            assert process.end(signal.SIGTERM) == 0
    finally:
        desk.stop()

    assert set(desk.postman.answers) <= {200, 202}
    for ticket in urgent:
        view = desk.view(ticket)
        assert (view.level, view.group, len(view.notes)) == (2, "Technical Support", 1), ticket
    for ticket in calm:
        assert (desk.view(ticket).edits, desk.view(ticket).notes) == (0, ())
    thanked = [answer for answer in desk.postman.answers if answer == 202]
    kept = rows(tmp_path / "stepladder.db", "SELECT count(*), count(problem) FROM deliveries")
    assert kept[0][0] >= len(thanked)
    assert kept[0][1] == 0
