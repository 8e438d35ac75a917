"""A hundred thousand tickets that wait for their next look: what a start, idling, memory and punctuality cost.

    python tests/bench/timers.py [--tickets 100000] [--database postgresql]

It takes about a minute. The house is the real one, in observe mode, and each look is a whole one: read, decide, commit.
Beside the many tickets it measures a few, so that what grows with their number shows.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from sqlalchemy import insert, select, update  # noqa: E402

from adapter.assembly import build, read_settings  # noqa: E402
from adapter.cli.tools import secrets_toml  # noqa: E402
from adapter.house import House  # noqa: E402
from adapter.store import tables as t  # noqa: E402
from connectors.contract import Delivery  # noqa: E402
from connectors.postman import Envelope  # noqa: E402
from connectors.sandboxing import Authority  # noqa: E402
from connectors.zendesk.sandbox import Sandbox  # noqa: E402

SEED = 11
RATE = 50
"""Looks that fall due in a second."""
SETTINGS = 'policy = "policy.yaml"\ndatabase = "{database}"\n[missed]\nevery = 0\n'


# --- the tables ---------------------------------------------------------------------------------------------
def one_ticket(folder: Path, database: str) -> None:
    """Make settings and tables, and let one ticket come in and be decided upon."""
    desk = Sandbox(Authority(folder))
    try:
        site = desk.site_toml("acme", "observe")
        (folder / "policy.yaml").write_text(
            (ROOT / "policies" / "library" / "support.yaml").read_text("utf-8"), "utf-8"
        )
        (folder / "stepladder.toml").write_text(SETTINGS.format(database=database) + site)
        (folder / "secrets.toml").touch(mode=0o600)
        (folder / "secrets.toml").write_text(secrets_toml({"acme": json.loads(json.dumps(desk.secrets()))}))
        house, kept = build(read_settings(folder / "stepladder.toml")), list[Envelope]()
        desk.postman.hold()
        desk.subscribe("http://127.0.0.1:9/webhooks/zendesk/acme")
        desk.open_ticket("VPN down", "Nobody gets in.")
        desk.postman.release(lambda envelopes: kept.extend(envelopes) or [])
        house.start()
        headers = {name.lower(): value for name, value in {**kept[0].headers, **kept[0].sign()}.items()}
        now = datetime.now(UTC)
        sent = Delivery(vendor="zendesk", site="acme", body=kept[0].body, received_at=now, headers=headers)
        post = house.sites.find("zendesk", "acme")
        assert post is not None
        house.intake.accept(post, sent, now)
        while house.store.next_due(now) is None or not house.engine.idle():
            threading.Event().wait(0.05)
        house.stop()
    finally:
        desk.stop()


def many_tickets(folder: Path, count: int) -> None:
    """Copy the one ticket, with next looks spread over the day after the next hour."""
    chance, start = random.Random(SEED), time.time() + 3600
    house = build(read_settings(folder / "stepladder.toml"))
    with house.store.database.write() as connection:
        one = connection.execute(select(t.tickets)).one()._asdict()
        vendor, site, name = one["ref"].split("/")
        for first in range(0, count, 1000):
            names = [str(10_000_000 + number) for number in range(first, min(count, first + 1000))]
            rows = [
                {
                    **one,
                    "ref": f"{vendor}/{site}/{new}",
                    "case": one["case"].replace(name.encode(), new.encode()),
                    "due_at": start + chance.uniform(0, 86_400),
                }
                for new in names
            ]
            connection.execute(insert(t.tickets), rows)
    house.store.close()


# --- one process --------------------------------------------------------------------------------------------
class Watched:
    """A house that runs here, and when it decided upon which ticket."""

    def __init__(self, folder: Path) -> None:
        self.decided: dict[str, float] = {}
        self.house: House = build(read_settings(folder / "stepladder.toml"), self._hear)

    def _hear(self, event: str, fields: dict[str, object]) -> None:
        if event == "ticket.decided":
            self.decided[str(fields["ticket"])] = time.time()

    def plant(self, count: int, first: float) -> dict[str, float]:
        """Let so many tickets fall due one after the other from a moment on; return when each does."""
        choose = select(t.tickets.c.ref).order_by(t.tickets.c.ref).limit(count)
        with self.house.store.database.write() as connection:
            refs = connection.execute(choose).scalars().all()
            planted = {ref: first + number / RATE for number, ref in enumerate(refs)}
            for ref, at in planted.items():
                connection.execute(update(t.tickets).where(t.tickets.c.ref == ref).values(due_at=at))
        return planted


def measured(folder: Path, seconds: int) -> dict[str, float]:
    """Start, idle, and look at what falls due."""
    watched, pause = Watched(folder), threading.Event()
    (first,) = watched.plant(1, time.time() - 1)
    began = time.monotonic()
    watched.house.start()
    while first not in watched.decided:
        pause.wait(0.005)
    started = time.monotonic() - began
    pause.wait(2)
    used = time.process_time()
    pause.wait(seconds / 2)
    idle = (time.process_time() - used) / (seconds / 2)
    watched.decided.clear()
    planted = watched.plant(RATE * seconds, time.time() + 2)
    while len(watched.decided) < len(planted) and time.time() < max(planted.values()) + 30:
        pause.wait(0.1)
    late = sorted(watched.decided.get(ref, float("inf")) - at for ref, at in planted.items())
    watched.house.stop()
    return {
        "start (s)": started,
        "idle (% of a core)": 100 * idle,
        "memory (MB)": _resident(),
        "late, p50 (ms)": 1000 * late[len(late) // 2],
        "late, p99 (ms)": 1000 * late[len(late) * 99 // 100],
        "late, most (ms)": 1000 * late[-1],
    }


def _resident() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


# --- all of it ----------------------------------------------------------------------------------------------
@contextmanager
def somewhere(kind: str, folder: Path) -> Iterator[str]:
    """Yield the address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'stepladder.db'}"
        return
    from tests.postgres import Server

    server = Server(durable=True)
    server.start()
    try:
        yield server.url(server.migrated())
    finally:
        server.stop()
        server.remove()


def main() -> None:
    """Measure with few and with many tickets, each in a process of its own, and print a table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--tickets", type=int, default=100_000)
    asked.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked.add_argument("--seconds", type=int, default=12, help="how long looks fall due")
    asked.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.folder:
        print(json.dumps(measured(given.folder, given.seconds)))
        return
    found: dict[int, dict[str, Any]] = {}
    few = RATE * given.seconds
    for count in (few, max(few, given.tickets)):
        with tempfile.TemporaryDirectory() as place, somewhere(given.database, Path(place)) as database:
            one_ticket(Path(place), database)
            many_tickets(Path(place), count)
            command = [sys.executable, __file__, "--in", place, "--seconds", str(given.seconds)]
            found[count] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {given.database}, {RATE} looks due a second for {given.seconds} s")
    print("| | " + " | ".join(f"{count:,} tickets wait" for count in found) + " |\n|---|" + "---|" * len(found))
    for name in next(iter(found.values())):
        print(f"| {name} | " + " | ".join(f"{figures[name]:.2f}" for figures in found.values()) + " |")


if __name__ == "__main__":
    main()
