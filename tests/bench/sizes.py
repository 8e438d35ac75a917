"""What a hundred thousand events weigh on the disk: tickets live at a pretend vendor, and the file is weighed.

    python tests/bench/sizes.py [--tickets N]

Every delivery is a real one over a socket, every look is stored as always; one ticket in ten escalates. Then time
passes and what is old is let go, as `[retention]` says by default. Prints; writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import shutil
import sqlite3
import sys
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from adapter.assembly import build, make_app
from adapter.cli.tools import secrets_toml
from adapter.journal import Journal
from adapter.retention import Purge
from adapter.settings import load
from connectors import discover
from connectors.sandboxing import Authority, Served

POLICY = """
version: 1
name: Sizes
applies_to: {zendesk: all, jira: all}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - {level: 2, name: Two, targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: no answer for an hour, when: {unanswered_for: 1h clock}, go_to: 2}
"""
SAID = "The connection breaks off every few minutes since this morning, on two machines. " * 4
IN_ALL = 100_000


class Clock:
    """A Monday that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Life:
    """A house with one pretend vendor, and the lives of its tickets."""

    def __init__(self, vendor: str, folder: Path) -> None:
        self.clock, self.folder = Clock(), folder
        self.desk: Any = importlib.import_module(f"connectors.{vendor}.sandbox").Sandbox(
            Authority(folder), clock=self.clock
        )
        secrets = folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(secrets_toml({"acme": json.loads(json.dumps(self.desk.secrets()))}))
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "stepladder.toml").write_text(f"[missed]\nevery = 0\n{self.desk.site_toml('acme', 'act')}")
        kinds = {name: connector.settings for name, connector in discover().items()}
        self.house = build(load(folder / "stepladder.toml", {}, kinds), clock=self.clock)
        self.house.start()
        self.served = Served(make_app(self.house))
        self.desk.subscribe(f"{self.served.url}/webhooks/{vendor}/acme")

    def ticket(self, number: int) -> None:
        """One ticket: asked, answered, asked again, answered, solved; every tenth is urgent."""
        self.clock.now += timedelta(minutes=1)
        ticket = self.desk.open_ticket("VPN breaks off", SAID, priority="urgent" if number % 10 == 0 else "normal")
        for speaker in ("agent", "customer", "agent"):
            self.clock.now += timedelta(minutes=10)
            (self.desk.agent_says if speaker == "agent" else self.desk.customer_says)(ticket, SAID)
        self.desk.agent_changes(ticket, status="solved")

    def quiet(self) -> None:
        """Wait until everything is delivered and looked at."""
        while True:
            self.desk.postman.settle()
            if self.house.engine.idle() and not self.house.store.due(self.clock(), 1):
                return
            self.house.engine.rescan()
            threading.Event().wait(0.01)

    def purged(self, **later: float) -> None:
        """Let time pass, and let go of what is old then."""
        self.clock.now += timedelta(**later)
        Purge(self.house.store, self.house.settings.retention.keep, Journal(), self.clock).whole()

    def weigh(self) -> tuple[int, dict[str, int]]:
        """Return the bytes that the file's full pages take, and of them each table's with its indexes."""
        with closing(sqlite3.connect(self.folder / "stepladder.db")) as opened:
            (page,), (pages,), (free,) = (
                opened.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "page_count", "freelist_count")
            )
            owners = dict(opened.execute("SELECT name, tbl_name FROM sqlite_master").fetchall())
            sizes: dict[str, int] = {}
            for name, size in opened.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
                table = owners.get(name, "other")
                sizes[table] = sizes.get(table, 0) + size
        return page * (pages - free), sizes

    def close(self) -> None:
        """End."""
        self.house.stop()
        self.served.stop()
        self.desk.stop()


def weighed(vendor: str, tickets: int) -> list[str]:
    """Play, weigh, and return lines to print."""
    folder = Path(tempfile.mkdtemp(prefix="sizes-"))
    life = Life(vendor, folder)
    try:
        for number in range(tickets):
            life.ticket(number)
            if number % 20 == 19:
                life.quiet()
        life.quiet()
        with closing(sqlite3.connect(folder / "stepladder.db")) as opened:
            (events,) = opened.execute("SELECT count(*) FROM deliveries").fetchone()
        ages = {
            "as it came": {},
            "after 15 days": {"days": 15},
            "after 31 days": {"days": 16},
            "after 91 days": {"days": 60},
        }
        lines = [f"{vendor}: {tickets} tickets, {events} deliveries; MB for {IN_ALL:,}:"]
        for age, later in ages.items():
            if later:
                life.purged(**later)
            whole, tables = life.weigh()
            biggest = sorted(tables.items(), key=lambda item: -item[1])[:5]
            parts = ", ".join(f"{name} {_scaled(size, events)}" for name, size in biggest)
            lines.append(f"  {age:<14} {_scaled(whole, events):>6}   {parts}")
        return lines
    finally:
        life.close()
        shutil.rmtree(folder, ignore_errors=True)


def _scaled(size: int, events: int) -> str:
    return f"{size / events * IN_ALL / 1e6:.0f}"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    reading = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reading.add_argument("--tickets", type=int, default=200)
    wanted = reading.parse_args()
    for one in sorted(discover()):
        print("\n".join(weighed(one, wanted.tickets)))
