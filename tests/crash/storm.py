"""One seed: both vendors on a bad day, people who do not wait, and processes that are killed at random moments.

The pretend vendors live in this process, so that they survive. The seed draws who does what and when, what dies when
and what goes wrong; in what order the machine's threads meet it is the machine's.
"""

from __future__ import annotations

import heapq
import importlib
import itertools
import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter.assembly import build
from adapter.cli.tools import secrets_toml
from adapter.house import House
from adapter.settings import load
from connectors import discover
from connectors.sandboxing import Authority
from tests.crash.installations import KINDS, Installation, until
from tests.crash.proofs import STORIES, TWICE, Told, everything_ended, settled, wrongs
from tests.crash.weather import Post, TooLate, Weather

POLICY = """
version: 1
name: Storms
applies_to:
  zendesk: {groups: [Support, Technical Support]}
  jira: {projects: [ITSM]}
customers: {tiers: [{tier: vip, tags: [vip]}, {tier: standard}]}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
    priority: {at_least: high}
  - level: 3
    name: Management
    take: oversight
    targets: {zendesk: {followers: [mara@example.com]}, jira: {watchers: ["712020:5f0c-0004"]}}
    priority: {set: urgent}
rules:
  - {name: staff asked for it, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: VIP unresolved for 5 seconds, when: {tier: vip, unresolved_for: 5s clock}, go_to: 2}
"""
SETTINGS = """
policy = "policy.yaml"
database = "{database}"
[server]
threads = 4
[worker]
threads = 8
settle = {settle}
[missed]
every = 0
[guards]
escalations_in_10_minutes = 100000
adoptive_per_hour = 100000
"""


SETTLE = 4.0
"""Seconds; nothing is carried out later than this, unless the machine is too busy to be in time."""

TOO_BUSY = "but this machine was so busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long people are busy, how many tickets they open at each vendor, how often something dies. Seconds."""

    busy: float
    tickets: int
    kills: int
    outage: float


LONG = Size(busy=16.0, tickets=18, kills=6, outage=8.0)
TROUBLES = ("429", "503", "500", "500 but done", "cut_after", "cut_late")
CALM = Size(busy=2.0, tickets=10, kills=0, outage=0.0)
SHORT = Size(busy=4.0, tickets=7, kills=2, outage=2.0)


@dataclass(slots=True)
class Outcome:
    """What a seed led to: what is wrong, and figures."""

    kind: str
    seed: int
    wrong: list[str] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    folder: Path | None = None  # kept, with the logs and the database, if something is wrong


class Storm:
    """The life of one seed on one kind of installation."""

    weather: type[Weather] = Weather

    def __init__(self, kind: str, seed: int, size: Size, authority: Authority, folder: Path) -> None:
        self.outcome = Outcome(kind=kind, seed=seed)
        self._size, self._folder = size, folder
        self._chance = random.Random(f"{kind} {seed}")
        self._began = time.monotonic()
        self._moment = threading.Event()
        self._told: list[Told] = []
        self._plan: list[tuple[float, int, str, Callable[[], object]]] = []
        self._order = itertools.count()
        self._installation: Installation = KINDS[kind](folder)
        self._desks = {vendor: self._desk(vendor, authority) for vendor in sorted(discover())}
        self._write_settings()

    def _desk(self, vendor: str, authority: Authority) -> Any:
        desk = importlib.import_module(f"connectors.{vendor}.sandbox").Sandbox(authority)
        desk.faults = self.weather(random.Random(self._chance.randrange(1 << 30)))
        desk.postman = Post(random.Random(self._chance.randrange(1 << 30)), self._installation.doors)
        desk.subscribe(f"http://{self._installation.doors[0]}/webhooks/{vendor}/{vendor}-site")
        return desk

    def _write_settings(self) -> None:
        sites = {f"{vendor}-site": desk for vendor, desk in self._desks.items()}
        tables = [desk.site_toml(name, "act") for name, desk in sites.items()]
        tables = [table.replace("mode =", "read_timeout = 1.0\nmode =") for table in tables]
        text = "\n".join([SETTINGS.format(database=self._installation.database, settle=SETTLE), *tables])
        (self._folder / "stepladder.toml").write_text(text)
        (self._folder / "policy.yaml").write_text(POLICY)
        secrets = self._folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(secrets_toml({name: json.loads(json.dumps(desk.secrets())) for name, desk in sites.items()}))

    # --- what happens ---------------------------------------------------------------------------------------
    def live(self) -> Outcome:
        """Play the seed to its end and say what is wrong."""
        try:
            self._start()
            self._draw()
            self._play()
            self._come_to_rest()
            self._prove()
        except Exception as error:  # whatever it was, it belongs to this seed and is shown with its timeline
            self.outcome.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            self._close()
        self.outcome.seconds = time.monotonic() - self._began
        return self.outcome

    def _tell(self, what: str) -> None:
        self.outcome.timeline.append(f"{time.monotonic() - self._began:7.2f}  {what}")

    def _start(self) -> None:
        for process in self._installation.processes:
            process.start()
            until(process.ready, f"{process.name} to be ready", 90)
        with_house = self._house()
        posts = [post.scope for post in with_house.sites]
        until(lambda: all(with_house.store.examination(scope) for scope in posts), "the sites' examinations", 90)
        with_house.store.close()
        began = time.time()
        until(lambda: time.time() > int(began) + 1, "the next second, for a vendor's seconds are round", 2)
        self._tell("all is ready; the bad day begins")

    def _house(self) -> House:
        """Build the same house without starting it, to look into its tables."""
        vendors = {name: connector.settings for name, connector in discover().items()}
        return build(load(self._folder / "stepladder.toml", {}, vendors))

    def _at(self, when: float, what: str, do: Callable[[], object]) -> None:
        heapq.heappush(self._plan, (when, next(self._order), what, do))

    def _draw(self) -> None:
        """Draw from the seed who does what, what goes wrong and what dies, and when."""
        size, chance = self._size, self._chance
        for vendor, desk in self._desks.items():
            stories = [*STORIES, *chance.choices(list(STORIES), k=max(0, size.tickets - len(STORIES)))]
            for number, story in enumerate(stories):
                self._draw_ticket(vendor, desk, f"{story} {number}", story, chance.uniform(0, size.busy))
            outage = chance.uniform(0.1, 0.4) * size.busy
            for out, when in ((True, outage), (False, outage + size.outage)):
                weather, words = desk.faults, "is out of order" if out else "is back"
                self._at(when, f"{vendor} {words}", lambda weather=weather, out=out: weather.outage(out))  # type: ignore[misc]
            desk.faults.begin()
        kills = sorted(chance.uniform(0.2, size.busy + 2) for _ in range(size.kills))
        for when in kills:
            name = chance.choice(list(self._installation.killable))
            self._at(when, f"kill -9: {name}", self._installation.killable[name])
        self.outcome.figures["kills"] = len(kills)

    def _draw_ticket(self, vendor: str, desk: Any, subject: str, story: str, when: float) -> None:
        told = Told(vendor=vendor, story=story)
        self._told.append(told)
        happens = STORIES[story]

        def opens() -> None:
            told.ticket = desk.open_ticket(subject, "Nobody gets in.", **happens.opened)

        self._at(when, f"{vendor}: opened, {subject}", opens)
        for act in happens.acts:
            when += self._chance.uniform(0.01, self._size.busy / 3)
            self._at(when, f"{vendor}: {act.__name__}, {subject}", lambda act=act: act(desk, told.ticket))  # type: ignore[misc]

    def _play(self) -> None:
        begin = time.monotonic()
        while self._plan:
            when, _, what, do = heapq.heappop(self._plan)
            self._moment.wait(max(0.0, begin + when - time.monotonic()))
            self._tell(what)
            do()

    def _come_to_rest(self) -> None:
        """The bad day goes on until all is read and written; processes that ended by themselves are started again."""
        house = self._house()

        def resting() -> bool:
            for process in self._installation.processes:
                process.revive()
            posted = not any(desk.postman.busy for desk in self._desks.values())
            return posted and settled(house) and not any(desk.postman.busy for desk in self._desks.values())

        try:
            until(resting, "everything to be read and written", 120)
            for desk in self._desks.values():
                desk.faults.settle()
            until(resting, "what vendors did late to be read", 60)
        finally:
            self.outcome.wrong += everything_ended(house)
            house.store.close()
        self._tell("all is read and written")
        for process in self._installation.processes:
            if (code := process.stop()) != 0:
                self.outcome.wrong.append(f"{process.name} ended with {code} when it was told to stop")

    def _prove(self) -> None:
        house = self._house()
        figures = self.outcome.figures
        for desk in self._desks.values():
            figures["deliveries"] += len(desk.postman.taken())
            figures["attempts"] += len(desk.postman.attempts)
            figures["writes"] += desk.faults.writes
            for what, times in desk.faults.met.items():
                figures[what] += times
        figures["tickets"] = len(self._told)
        self.outcome.wrong += wrongs(house, self._desks, self._told, figures)
        if self._size.kills and min(figures["escalations"], sum(figures[what] for what in TROUBLES)) < 10:
            self.outcome.wrong.append("the day was too calm to prove anything: fewer than ten moves or ten troubles")
        if self.outcome.wrong and (lost := sum(desk.postman.given_up() for desk in self._desks.values())):
            self.outcome.wrong.append(f"the vendors gave {lost} deliveries up that nobody had taken")
        latest = max(desk.faults.latest for desk in self._desks.values())
        if self.outcome.wrong and latest > SETTLE:
            says = f"{TOO_BUSY} that a write was carried out {latest:.1f} s late, after settle"
            self.outcome.wrong.append(f"{says} ({SETTLE:.0f} s): notes may be there twice; play the seed again")
        house.store.close()

    def _close(self) -> None:
        self._installation.close()
        for desk in self._desks.values():
            desk.stop()


class Overdue(Storm):
    """The one thing that is not promised: each first note is carried out after `settle`, when nobody looks any more."""

    weather = TooLate

    def _draw_ticket(self, vendor: str, desk: Any, subject: str, story: str, when: float) -> None:
        super()._draw_ticket(vendor, desk, subject, "urgent", when)

    def _prove(self) -> None:
        """Count the notes that are there twice; whatever else is wrong stays wrong."""
        super()._prove()
        known = (*TWICE, TOO_BUSY)
        doubled = [sentence for sentence in self.outcome.wrong if any(words in sentence for words in known)]
        self.outcome.figures["doubled"] = sum(TWICE[0] in sentence for sentence in doubled)
        self.outcome.wrong = [sentence for sentence in self.outcome.wrong if sentence not in doubled]


def lived(kind: str, seed: int, size: Size, authority: Authority, storm: type[Storm] = Storm) -> Outcome:
    """Play one seed; its folder stays only if something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix=f"stepladder-crash-{kind}-{seed}-"))
    outcome = storm(kind, seed, size, authority, folder).live()
    if outcome.wrong:
        outcome.folder = folder
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome
