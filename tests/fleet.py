"""Real processes of Stepladder over one PostgreSQL, and a pretend vendor that sends to all of them."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.cli.tools import secrets_toml
from connectors.sandboxing import Authority
from tests.postgres import Server

ROOT = Path(__file__).parents[1]
STARTING = 30.0
"""Seconds that a process may take to start on a busy machine."""


def until(so: Callable[[], object], what: str, seconds: float = STARTING) -> float:
    """Wait until something is so; return how long that took."""
    began, moment = time.monotonic(), threading.Event()
    while not so():
        if time.monotonic() > began + seconds:
            pytest.fail(f"waited in vain for {what}")
        moment.wait(0.02)
    return time.monotonic() - began


class Process:
    """One process; its log is a file."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        self.log = folder / f"{name}.log"
        self.words = words
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("STEPLADDER")}
        command = [sys.executable, "app.py", *self.words, "--config", str(self._folder / "stepladder.toml")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env={**environ, "PYTHONUNBUFFERED": "1"}
            )

    def said(self, words: str) -> bool:
        """Say whether it has told this; fail if it has ended by itself."""
        text = self.log.read_text()
        assert self._process is not None
        assert self._process.poll() is None, text[-3000:]
        return words in text

    def send(self, how: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(how)

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """End it; return its exit code and how long that took."""
        assert self._process is not None
        began = time.monotonic()
        self.send(how)
        return self._process.wait(20), time.monotonic() - began

    def kill(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(20)


class Web(Process):
    """`stepladder serve` on a port that stays the same; it also works if it is to."""

    def __init__(self, folder: Path, name: str, *, works: bool) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        role = "--worker" if works else "--no-worker"
        super().__init__(folder, name, "serve", role, "--port", str(self.port))

    def ready(self) -> bool:
        """Say whether it takes deliveries."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False


class Fleet:
    """Web processes, workers, a vendor's desk and the database that they share."""

    def __init__(
        self, server: Server, folder: Path, vendor: str, authority: Authority, policy: str, more: str = ""
    ) -> None:
        self.server, self.folder, self.vendor = server, folder, vendor
        self.name = server.migrated()
        self.desk: Any = importlib.import_module(f"connectors.{vendor}.sandbox").Sandbox(authority)
        self.processes: list[Process] = []
        site = self.desk.site_toml("acme", "act").replace("mode =", "read_timeout = 4\nmode =", 1)
        (folder / "policy.yaml").write_text(policy)
        settings = f'policy = "policy.yaml"\ndatabase = "{server.url(self.name)}"\n{more}\n[missed]\nevery = 0\n{site}'
        (folder / "stepladder.toml").write_text(settings)
        secrets = folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(secrets_toml({"acme": json.loads(json.dumps(self.desk.secrets()))}))

    def web(self, *, works: bool = False) -> Web:
        """Start a process that receives, and perhaps works."""
        one = Web(self.folder, f"web-{len(self.processes)}", works=works)
        self.processes.append(one)
        one.start()
        return one

    def worker(self) -> Process:
        """Start a process that only works."""
        one = Process(self.folder, f"worker-{len(self.processes)}", "worker", "--log", "DEBUG")
        self.processes.append(one)
        one.start()
        return one

    def begin(self, *workers: Process) -> None:
        """Wait until workers work and the site is examined, so that it acts; then a vendor's second passes."""
        for one in workers:
            until(lambda one=one: one.said("examination.done"), "the examination")  # type: ignore[misc]
        began = int(time.time())
        until(lambda: time.time() > began + 1, "the next second, for a vendor's seconds are round")

    def subscribe(self, web: Web) -> None:
        """Let the vendor send to a process."""
        self.desk.subscribe(f"{web.url}/webhooks/{self.vendor}/acme")

    def run(self, *words: str) -> str:
        """Run a command beside the processes, as a person does; return what it says."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("STEPLADDER")}
        command = [sys.executable, "app.py", *words, "--config", str(self.folder / "stepladder.toml")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environ, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, query: Any) -> list[Any]:
        """Ask the database."""
        return self.server.run(query, name=self.name)

    def unfinished(self) -> int:
        """Return how many deliveries are unread and how many calls open."""
        query = "SELECT (SELECT count(*) FROM arrivals WHERE NOT read) + (SELECT count(*) FROM calls WHERE open)"
        return int(self.rows(query)[0][0])

    def close(self) -> None:
        """End everything."""
        for one in self.processes:
            one.kill()
        self.desk.stop()
        self.server.drop(self.name)


@contextmanager
def fleet_of(
    server: Server, folder: Path, vendor: str, authority: Authority, policy: str, more: str = ""
) -> Iterator[Fleet]:
    """Make a fleet and end it."""
    fleet = Fleet(server, folder, vendor, authority, policy, more)
    try:
        yield fleet
    finally:
        fleet.close()
