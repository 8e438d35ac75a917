"""Which processes there are, by kind of database: started as an administrator starts them, killed as power cuts do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import requests

from tests.postgres import Server

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """What must hold did not; the text says what."""


def until(so: Callable[[], object], what: str, seconds: float) -> None:
    """Wait until something is so. Raises Failed."""
    ends, moment = time.monotonic() + seconds, threading.Event()
    while not so():
        if time.monotonic() > ends:
            raise Failed(f"waited {seconds:.0f} s in vain for {what}")
        moment.wait(0.05)


class Process:
    """One `python app.py …`, again and again; its output goes to a file of its own."""

    def __init__(self, folder: Path, name: str, *arguments: str, port: int | None = None) -> None:
        self._folder, self.name, self._port = folder, name, port
        ports = ["--port", str(port)] if port is not None else []
        self._command = [sys.executable, "app.py", *arguments, *ports, "--config", str(folder / "stepladder.toml")]
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, whether it is ready or not when this returns."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("STEPLADDER")}
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._running = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log, env=environ)

    def revive(self) -> None:
        """Start it again if it ended by itself, as a service manager does."""
        if self._running is not None and self._running.poll() is not None:
            self.start()

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._running is not None and self._running.poll() is None:
            self._running.kill()
            self._running.wait()

    def stop(self) -> int:
        """End it as a service manager does; return its exit code."""
        if self._running is None:
            return 0
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(20)

    def ready(self) -> bool:
        """Say whether it takes deliveries; without a door it is ready when it runs. Raises Failed if it ended."""
        if self._running is None or self._running.poll() is not None:
            log = (self._folder / f"{self.name}.log").read_text(errors="replace")
            raise Failed(f"{self.name} ended by itself: {log[-800:]}")
        if self._port is None:
            return True
        try:
            return requests.get(f"http://127.0.0.1:{self._port}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False


class Installation(Protocol):
    """Some processes on one database. `killable` are what dies at random moments, by name."""

    database: str
    doors: tuple[str, ...]
    processes: tuple[Process, ...]
    killable: Mapping[str, Callable[[], None]]

    def close(self) -> None:
        """End all of it, whatever state it is in."""


class OneProcess:
    """SQLite: one process receives, decides and writes."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.database = f"sqlite:///{folder / 'stepladder.db'}"
        self.doors = (f"127.0.0.1:{port}",)
        self.processes = (Process(folder, "serve", "serve", port=port),)
        self.killable = {process.name: reborn(process) for process in self.processes}

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()


class Several:
    """PostgreSQL: two processes receive, two decide and write; each of them and the database server may die."""

    def __init__(self, folder: Path) -> None:
        self._server = Server(durable=True)
        self._server.start()
        self.database = self._server.url(self._server.database())
        ports = free_port(), free_port()
        self.doors = tuple(f"127.0.0.1:{port}" for port in ports)
        webs = [Process(folder, f"web-{n}", "serve", "--no-worker", port=port) for n, port in enumerate(ports, 1)]
        self.processes = (*webs, *(Process(folder, f"worker-{number}", "worker") for number in (1, 2)))
        killable = {process.name: reborn(process) for process in self.processes}
        self.killable = {**killable, "database": self._power_cut}

    def _power_cut(self) -> None:
        """Start the server again on what is on the disk."""
        self._kill_server()
        until(self._starts, "the database server to start again", 30)

    def _kill_server(self) -> None:
        """Kill the server and every process of its at once."""
        if (pid := self._server.pid) is not None:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for process in (pid, *map(int, children)):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._server.stop(signal.SIGKILL)

    def _starts(self) -> bool:
        try:
            self._server.start()
        except RuntimeError:  # a process of the dead server has not gone yet
            self._kill_server()
            return False
        return True

    def close(self) -> None:
        """Kill what still runs and remove the server."""
        for process in self.processes:
            process.kill()
        self._kill_server()
        self._server.remove()


KINDS: Mapping[str, Callable[[Path], Installation]] = {"sqlite": OneProcess, "postgresql": Several}


def reborn(process: Process) -> Callable[[], None]:
    """Return what kills a process and starts it again at once."""

    def kill_and_start() -> None:
        process.kill()
        process.start()

    return kill_and_start


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])
