"""A whole house on loopback: a pretend vendor over TLS, the real client, a real SQLite file, a clock that can jump."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.assembly import build, make_app
from adapter.cli.tools import secrets_toml
from adapter.house import House as Adapter
from adapter.settings import load
from connectors import discover
from connectors.faults import Fault
from connectors.postman import Envelope
from connectors.sandboxing import Authority, Served, View
from policies.model import TicketRef

MONDAY = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
"""When every story begins."""
SECOND = timedelta(seconds=1)

POLICY = """
version: 1
name: Journeys
applies_to:
  zendesk: {groups: [Support, Technical Support]}
  jira: {projects: [ITSM]}
customers:
  tiers:
    - {tier: vip, tags: [vip]}
    - {tier: standard}
levels:
  - level: 1
    name: Frontline
    targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}
  - level: 2
    name: Specialist
    path: functional
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
    priority: {at_least: high}
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    targets: {zendesk: {followers: [mara@example.com]}, jira: {watchers: ["712020:5f0c-0004"]}}
    priority: {set: urgent}
rules:
  - name: staff asked for it
    when: {requested_by_staff: true}
    go_to: requested_level
  - name: VIP unresolved for 30 minutes
    when: {tier: vip, unresolved_for: 30m clock}
    go_to: 2
  - name: no answer for an hour
    when: {unanswered_for: 1h clock}
    go_to: 2
  - name: urgent
    when: {priority: urgent}
    go_to: 2
  - name: it came back
    when: {reopens: {at_least: 1}}
    go_to: 2
"""


WORKER = "[worker]\nsettle = 10"


class Clock:
    """Time that passes as it does, from a Monday morning on, and that can jump ahead."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._jumped = timedelta(0)
        self._still: datetime | None = None

    def __call__(self) -> datetime:
        return self._still or MONDAY + timedelta(seconds=time.monotonic() - self._began) + self._jumped

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let no time pass meanwhile."""
        self._still = self()
        yield
        self._still = None

    def tick(self, length: timedelta) -> None:
        """Let a very short time pass for a clock that stands still."""
        if self._still is not None:
            self._still += length

    def jump_to(self, at: datetime) -> None:
        """Let it be this time, unless it is later already."""
        self._jumped += max(at - self(), timedelta(0))


class Patience:
    """Waits for conditions, but not for ever."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._wait = threading.Event()

    def wait(self, what: str) -> None:
        """Wait a moment longer; fail if it has been long enough."""
        if time.monotonic() > self._ends:
            pytest.fail(f"waited in vain for {what}")
        self._wait.wait(0.004)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What differs from vendor to vendor, and a story must not care about."""

    outside: dict[str, Any]
    edits: dict[int, int]  # how many of our requests change a ticket that goes to this level
    note: str = "PUT"  # the request that carries the note
    nobody: str = "nobody@example.com"
    refuses_closed: bool = True
    apart: timedelta = timedelta(0)  # the least time between two saves, as its webhooks tell time


WAYS = {
    "zendesk": Ways(outside={"group_id": 363}, edits={2: 1, 3: 1}, apart=timedelta(microseconds=1)),
    "jira": Ways(
        outside={"project": "DEV"},
        edits={2: 2, 3: 3},
        note="POST .*/comment",
        nobody="712020:5f0c-9999",
        refuses_closed=False,
    ),
}


@dataclass(kw_only=True)
class House:
    """The adapter and one vendor's desk, wired together; `told` is all that the journal said."""

    vendor: str
    clock: Clock
    desk: Any
    ways: Ways
    folder: Path
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    adapter: Adapter = field(init=False)
    served: Served = field(init=False)

    def open(self) -> None:
        """Start the adapter and subscribe it to the vendor's webhooks."""
        vendors = {name: connector.settings for name, connector in discover().items()}
        settings = load(self.folder / "stepladder.toml", {}, vendors)
        told = self.told
        self.adapter = build(
            settings, lambda event, fields: told.append((event, fields)), clock=self.clock, ticking=self.ticking
        )
        self.adapter.start()
        self.served = Served(make_app(self.adapter))
        self.desk.subscribe(f"{self.served.url}/webhooks/{self.vendor}/acme")

    def ticking(self) -> float:
        """Return the clock's seconds, so that what waits by seconds waits by the clock that jumps."""
        return self.clock().timestamp()

    def close(self) -> None:
        """Stop the adapter; the vendor goes on."""
        for event, fields in self.told:  # pytest shows it beside a failure
            print(event, {name: value for name, value in fields.items() if value})
        assert self.adapter.stop()
        self.served.stop()

    # --- time -----------------------------------------------------------------------------------------------
    def quiet(self, patience: float = 40) -> None:
        """Let everything happen that is under way or due within so many seconds."""
        waiting, answered = Patience(20), -1
        while True:
            waiting.wait("the house to become quiet")
            self.desk.postman.settle()
            before, answered = answered, len(self.desk.postman.answers)
            if not self.adapter.engine.idle() or before != answered:
                continue
            now = self.clock()  # for both questions: between two readings something could fall due
            if self.adapter.store.due(now, 1):
                self.adapter.engine.rescan()
                continue
            upcoming = self.adapter.store.next_due(now)
            if upcoming is not None and upcoming <= now + timedelta(seconds=patience):
                self.clock.jump_to(upcoming)
            elif self.adapter.engine.idle():  # nor did a look begin meanwhile, of which these answers know nothing
                return

    def later(self, **length: float) -> None:
        """Let time pass and everything happen that falls due meanwhile."""
        until = self.clock() + timedelta(**length)
        self.quiet()
        while (upcoming := self.adapter.store.next_due(self.clock())) is not None and upcoming <= until:
            self.clock.jump_to(upcoming)
            self.quiet()
        self.clock.jump_to(until)
        self.quiet()

    def wake_what_is_held(self) -> None:
        """Let the moment pass in which other webhooks of the same save could still come."""
        upcoming = self.adapter.store.next_due(self.clock())
        if upcoming is not None and upcoming < self.clock() + SECOND:
            self.clock.jump_to(upcoming)
        self.adapter.engine.rescan()

    # --- what stands at the vendor --------------------------------------------------------------------------
    def opened(self, **fields: Any) -> str:
        """A customer opens a ticket, and the house has dealt with it."""
        ticket: str = self.desk.open_ticket("VPN down", "Nobody gets in.", **fields)
        self.quiet()
        return ticket

    def view(self, ticket: str) -> View:
        """Show a ticket, after proving what must hold of every ticket at every time."""
        view: View = self.desk.view(ticket)
        assert not [reply for reply in view.replies if "Stepladder ·" in reply], "a customer can read a note"
        return view

    def notes(self, ticket: str) -> list[str]:
        """Return the notes that we wrote."""
        return [note for note in self.view(ticket).notes if "Stepladder ·" in note]

    def stands(self, ticket: str, level: int, moves: int = 1, extra: int = 0) -> View:
        """Prove that a ticket stands at a level, written exactly as often as its moves need."""
        view = self.view(ticket)
        assert (view.level or 1) == level
        assert len(self.notes(ticket)) == moves
        assert view.edits == (self.ways.edits[level] * moves + extra if level > 1 else extra)
        return view

    def until(self, so: Callable[[], object]) -> None:
        """Wait until something is so."""
        waiting = Patience(10)
        while not so():
            waiting.wait("a condition")

    def wrong(self, do: str, match: str = "PUT", **more: Any) -> None:
        """Let the vendor fail."""
        self.desk.faults.add(Fault(do=do, match=match, **more))

    def writes(self) -> list[str]:
        """Return the requests that wanted to change something."""
        return [f"{r.method} {r.path}" for r in self.desk.requests if r.method != "GET" and "oauth" not in r.path]

    def asked(self, ticket: str) -> list[str]:
        """Return every request about a ticket."""
        return [f"{r.method} {r.path}" for r in self.desk.requests if f"/{ticket}" in r.path]

    def said(self, event: str) -> list[dict[str, object]]:
        """Return what the journal told by this name."""
        return [fields for name, fields in self.told if name == event]

    def ref(self, ticket: str) -> TicketRef:
        """Return our name for a ticket."""
        return TicketRef(vendor=self.vendor, site="acme", id=ticket)

    def held(self, act: Callable[[], object]) -> list[Envelope]:
        """Let something happen and keep its webhooks from being delivered."""
        kept: list[Envelope] = []
        self.desk.postman.hold()
        act()
        self.desk.postman.release(lambda envelopes: kept.extend(envelopes) or [])
        return kept

    def deliver(self, envelope: Envelope, **other: Any) -> requests.Response:
        """Send one webhook by hand."""
        headers = {**envelope.headers, **envelope.sign()}
        return requests.post(envelope.url, **{"data": envelope.body, "headers": headers, "timeout": 5, **other})


Builder = Callable[..., House]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def build_house(authority: Authority, tmp_path: Path, any_database: str) -> Iterator[Builder]:
    """Builds a house: `mode` of the site, `policy` to use, `more` for stepladder.toml, what the desk is like."""
    with ExitStack() as stack:

        def made(vendor: str, mode: str = "act", policy: str = POLICY, more: str = "", **like: Any) -> House:
            clock = Clock()
            desk = importlib.import_module(f"connectors.{vendor}.sandbox").Sandbox(authority, clock=clock, **like)
            stack.callback(desk.stop)
            house = House(vendor=vendor, clock=clock, desk=desk, ways=WAYS[vendor], folder=tmp_path)
            site = desk.site_toml("acme", mode).replace("mode =", "read_timeout = 0.4\nmode =", 1)
            (tmp_path / "policy.yaml").write_text(policy)
            told = (more or WORKER) + ("" if "[missed]" in more else "\n[missed]\nevery = 0")
            (tmp_path / "stepladder.toml").write_text(
                f'policy = "policy.yaml"\ndatabase = "{any_database}"\n{told}\n{site}'
            )
            secrets = tmp_path / "secrets.toml"
            secrets.touch(mode=0o600)
            secrets.write_text(secrets_toml({"acme": json.loads(json.dumps(desk.secrets()))}))
            house.open()
            stack.callback(house.close)
            house.until(lambda: mode == "observe" or house.said("examination.done"))
            clock.jump_to(MONDAY + timedelta(minutes=1))  # a vendor's seconds are round; this is not about the first
            return house

        yield made


@pytest.fixture
def policy() -> str:
    return POLICY


@pytest.fixture
def ways(vendor: str) -> Ways:
    return WAYS[vendor]


@pytest.fixture(params=sorted(discover()))
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(build_house: Builder, vendor: str) -> House:
    """One vendor's house in `act` mode."""
    return build_house(vendor)
