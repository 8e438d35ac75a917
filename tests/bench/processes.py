"""The processes that are measured and those that measure: started, asked, weighed with /proc, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import messages

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
_TICKS = os.sysconf("SC_CLK_TCK")
_NEVER = threading.Event()

POLICY = """\
version: 1
name: Everything urgent escalates at once
applies_to: {zendesk: all}
customers: {tiers: [{tier: standard}]}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}}}
  - level: 2
    name: Specialist
    path: functional
    targets: {zendesk: {group: Technical Support}}
    priority: {at_least: high}
    expected_resolution: 4h clock
rules:
  - {name: urgent goes to the specialists, when: {priority: urgent, level: 1}, go_to: 2}
"""
_SETTINGS = """\
policy = "policy.yaml"
database = "{database}"
[server]
port = {port}
threads = {server}
[worker]
threads = {worker}
[guards]
escalations_in_10_minutes = 1000000
adoptive_per_hour = 1000000
[sites.bench]
vendor = "zendesk"
url = "{vendor}"
ca_bundle = "{bundle}"
mode = "act"
account = "{ours}"
client_id = "bench"
level_field = "360010"
updates_per_minute = 100000
"""


class Failed(Exception):
    """A process did not do what the bench needs; the text says which, and ends with its log."""


class Running:
    """A process under test. Its output goes to a file on the disk, as a service's does. No port: it only works."""

    def __init__(self, arguments: list[str], port: int, log: Path, environ: Mapping[str, str] = {}) -> None:
        self.address = ("127.0.0.1", port)
        self._log = log
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("STEPLADDER_")}
        begin = time.monotonic()
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                env={**inherited, "PYTHONPATH": str(ROOT), **environ},
                start_new_session=True,
            )
        try:
            self.ready = self._await_ready(begin)
        except Failed:
            self.stop()
            raise

    def _await_ready(self, begin: float) -> float:
        """Return the seconds from the start of the process to its first `ready`."""
        while time.monotonic() - begin < 30:
            if self._process.poll() is not None:
                raise Failed(f"ended at once: {self._tail()}")
            if self._asked("/readyz") == 200 if self.address[1] else "Stepladder works" in self._tail():
                return time.monotonic() - begin
            _NEVER.wait(0.005)
        raise Failed(f"not ready after 30 s: {self._tail()}")

    def _asked(self, path: str) -> int:
        from wire import dial, status_of

        try:
            connection = dial(self.address, timeout=5)
            connection.send(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            head, _ = connection.receive()
            connection.close()
        except OSError:
            return 0
        return status_of(head)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-1500:]

    def memory(self) -> Memory:
        """Weigh the process and its children."""
        weighed = [_memory(pid) for pid in _family(self._process.pid)]
        return Memory(
            rss=sum(m.rss for m in weighed), pss=sum(m.pss for m in weighed), peak=sum(m.peak for m in weighed)
        )

    def cpu(self) -> float:
        """Return the seconds of processor time it has used."""
        return sum(cpu_of(pid) for pid in _family(self._process.pid))

    def kill(self) -> None:
        """End it as a power cut does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """End it as a service manager does."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9


class Tool:
    """A process that measures: one line of JSON in, one out."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid

    def heard(self) -> dict[str, Any]:
        """Return its next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"a tool of the bench ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, **said: Any) -> dict[str, Any]:
        """Ask and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()
        return self.heard()

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes resident, the same with shared pages divided among their users, and the most there ever was."""

    rss: float
    pss: float
    peak: float


class Fleet:
    """A process that receives and others that work, over one database: weighed and ended as one."""

    def __init__(self, web: Running, workers: Sequence[Running]) -> None:
        self.address, self.ready = web.address, web.ready
        self._all = (*workers, web)

    def memory(self) -> Memory:
        """Weigh all processes."""
        found = [one.memory() for one in self._all]
        return Memory(rss=sum(m.rss for m in found), pss=sum(m.pss for m in found), peak=sum(m.peak for m in found))

    def cpu(self) -> float:
        """Return the seconds of processor time they have used."""
        return sum(one.cpu() for one in self._all)

    def stop(self) -> int:
        """End them as a service manager does; return the worst exit code."""
        return max((one.stop() for one in self._all), key=abs)


def house(
    folder: Path, vendor: str, bundle: Path, *, server: int, worker: int, database: str = "sqlite:///stepladder.db"
) -> tuple[Path, int]:
    """Write what an admin would write; return the settings' file and the port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "policy.yaml").write_text(POLICY)
    settings = {"port": port, "server": server, "worker": worker, "vendor": vendor, "bundle": bundle}
    settings |= {"database": database}
    config = folder / "stepladder.toml"
    config.write_text(_SETTINGS.format(**settings, ours=messages.OURS))
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(f'[sites.bench]\nclient_secret = "bench"\nwebhook_secrets = ["{messages.SECRET}"]\n')
    return config, port


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port: int = opened.getsockname()[1]
        return port


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def machine_busy() -> float:
    """Return the seconds of processor time that the whole machine has used, stolen time included."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _memory(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text() + Path(f"/proc/{pid}/status").read_text()
    found = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if line.rstrip().endswith("kB")}
    return Memory(rss=int(found["Rss"]) / 1024, pss=int(found["Pss"]) / 1024, peak=int(found["VmHWM"]) / 1024)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]
