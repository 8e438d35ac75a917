"""One policy, two vendors, one decision: the same story told at each of them ends in the same moves at the same times.

Each story is lived in a whole house (webhooks over HTTP, the vendor's real client over TLS, SQLite), with a clock that
only moves when the story moves it, so that times can be compared to the second. What may differ is named in `WAYS`
and `plain`: keys, addresses, ids and names of people, and the words in which a vendor says where a level lives.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from adapter.assembly import build, make_app
from adapter.cli.tools import secrets_toml
from adapter.settings import load
from adapter.store import tables as t
from adapter.store.codec import moment
from connectors import discover
from connectors.sandboxing import Authority, Served
from policies.case import Decision, End
from policies.commands import Note
from policies.model import TicketRef

MONDAY = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
OPENING, UNASKED = "Nobody gets in.", "It says 503."
PROMISE = "near"
"""The rule about the vendor's own promise, which no webhook tells: where it changes nothing, nobody is asked for it."""

POLICY = """
version: 1
name: Two vendors
applies_to: {zendesk: {groups: [Support, Technical Support]}, jira: {projects: [ITSM]}}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}, closed: [2027-03-02]}
defaults:
  calendar: always
  pause_while: [pending]
  pause_while_blocked: {at_most: 3h clock}
roles:
  escalation_manager: {people: [Robin Reyes, Ann Agent], tell: manager@acme.example}
customers: {tiers: [{tier: vip, tags: [vip]}, {tier: standard}]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [major, critical]}}
frustration: {phrases: {en: {strong: [unacceptable], mild: [third time]}}}
levels:
  - level: 1
    name: Frontline
    targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}
  - level: 2
    name: Specialist
    role: Knows how it works.
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
    priority: {at_least: high}
    expected_resolution: 4h
    taken_within: 30m
    if_not_taken: {remind_every: 15m, at_most: 2, then: next_level}
    tell: [specialists@acme.example]
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    targets: {zendesk: {followers: [mara@example.com]}, jira: {watchers: ["712020:5f0c-0004"]}}
    priority: {set: urgent}
    review_every: 4h
    tell: [lead@acme.example]
  - level: 4
    name: Executive
    path: hierarchical
    take: oversight
    targets: {zendesk: {followers: [mara@example.com]}, jira: {watchers: ["712020:5f0c-0004"]}}
    needs_confirmation: [escalation_manager]
    out_of_hours: {hold_until: office}
    tell: [coo@acme.example]
rules:
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: VIP, when: {level: 1, tier: vip, unresolved_for: 30m}, go_to: 2}
  - {name: no answer, when: {level: 1, unanswered_for: 4h}, go_to: 2, calendar: office}
  - {name: came back, when: {reopens: {at_least: 2}}, go_to: 3}
  - {name: passed on, when: {hand_overs: {at_least: 2}}, go_to: 2}
  - {name: frustrated, when: {frustration: {at_least: mild}, unanswered_for: 1h}, go_to: 3}
  - {name: critical, when: {severity: critical, unresolved_for: 20m}, go_to: 4}
  - {name: outage, when: {level: 1, matches: {subject: "server (is )?down"}}, go_to: 2}
  - {name: near, when: {level: 1, until_sla_breach: 30m}, go_to: 2}
  - {name: rated badly, when: {tags: csat_bad}, tell: [quality@acme.example]}
come_down:
  - {name: answered, from: 2, when: {answered: true, not: {tier: vip}}, for: 2h, go_to: 1}
guards:
  never: {tags: parked}
  min_time_between: 25m
  evidence: {for: hierarchical, need: [steps_tried], at_most: 90m clock}
  never_hold: {tier: vip}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How one vendor calls its people, and what people do there for the same purpose."""

    agent: str
    colleagues: tuple[str, str]
    customer: str
    opening: dict[str, Any]  # what makes a new ticket the frontline's
    blocks: Callable[[Any, str, str], None]
    frees: Callable[[Any, str, str], None]
    promises: Callable[[Any, str, datetime], None]


WAYS = {
    "zendesk": Ways(
        agent="Robin Reyes",
        colleagues=("Tariq Lang", "Noor Haddad"),
        customer="Casey Customer",
        opening={"group_id": 360},
        blocks=lambda desk, ticket, other: desk.agent_changes(ticket, problem=other),
        frees=lambda desk, ticket, other: desk.agent_changes(ticket, problem=None),
        promises=lambda desk, ticket, at: desk.promises(ticket, first_reply_time=f"{at:%Y-%m-%dT%H:%M:%SZ}"),
    ),
    "jira": Ways(
        agent="Ann Agent",
        colleagues=("Eva Lead", "Dan Developer"),
        customer="Carla Customer",
        opening={"group": "Support"},
        blocks=lambda desk, ticket, other: desk.agent_blocks(ticket, by=other),
        frees=lambda desk, ticket, other: desk.agent_unblocks(ticket),
        promises=lambda desk, ticket, at: desk.sla_runs(ticket, at),
    ),
}


class Hand:
    """A clock that somebody moves by hand."""

    def __init__(self) -> None:
        self.at = MONDAY - 60 * MINUTE  # whoever begins to listen in the second of a birth cannot tell what came first

    def __call__(self) -> datetime:
        return self.at


@dataclass(kw_only=True)
class World:
    """One vendor's desk and a house that listens to it; `seen` is what was so after each step of a story."""

    vendor: str
    desk: Any
    clock: Hand
    folder: Path
    seen: list[Any] = field(default_factory=list)
    ticket: str = ""

    def __post_init__(self) -> None:
        site = self.desk.site_toml("acme", "act")
        (self.folder / "policy.yaml").write_text(POLICY)
        (self.folder / "stepladder.toml").write_text(f'policy = "policy.yaml"\n{site}')
        secrets = self.folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(secrets_toml({"acme": json.loads(json.dumps(self.desk.secrets()))}))
        vendors = {name: connector.settings for name, connector in discover().items()}
        examined = threading.Event()

        def tell(event: str, _: Mapping[str, object]) -> None:
            if event == "examination.done":
                examined.set()

        self.house = build(load(self.folder / "stepladder.toml", {}, vendors), tell, clock=self.clock)
        self.house.start()
        assert examined.wait(20), "a site that acts is examined first"
        self.served = Served(make_app(self.house))
        self.desk.subscribe(f"{self.served.url}/webhooks/{self.vendor}/acme")

    def close(self) -> None:
        """Stop the house."""
        assert self.house.stop()
        self.served.stop()

    @property
    def ways(self) -> Ways:
        """How this vendor does things."""
        return WAYS[self.vendor]

    @property
    def ref(self) -> TicketRef:
        """Our name for the ticket of the story."""
        return TicketRef(vendor=self.vendor, site="acme", id=self.ticket)

    # --- time -----------------------------------------------------------------------------------------------
    def rest(self) -> None:
        """Let everything happen that is due at this very moment."""
        ends, pause, answered = time.monotonic() + 20, threading.Event(), -1
        while True:
            self.desk.postman.settle()
            before, answered = answered, len(self.desk.postman.answers)
            if self.house.engine.idle() and before == answered:
                if not self.house.store.due(self.clock(), 1):
                    return
                self.house.engine.rescan()
            assert time.monotonic() < ends, "it does not come to rest"
            pause.wait(0.002)

    def until(self, minute: float) -> None:
        """Let time pass, and everything happen at its time."""
        end = MONDAY + minute * MINUTE
        while (due := self.house.store.next_due(self.clock())) is not None and due <= end:
            self.clock.at = due
            self.rest()
        self.clock.at = end
        self.rest()

    def live(self, story: Story) -> None:
        """Live a story: what people do at which minute, and what is so afterwards."""
        for minute, act in story:
            self.until(minute)
            self.desk.postman.hold()
            act(self)
            self.clock.at += SECOND  # a webhook needs a moment
            self.desk.postman.release()
            self.rest()
            self.until(minute + 0.05)  # other facts of the same save have come
            self.seen.append((minute, self.state()))
        self.until(story[-1][0] + 1)

    # --- what is compared -----------------------------------------------------------------------------------
    def state(self) -> tuple[Any, ...]:
        """Return where the ticket stands, what waits and why, and when it is looked at next."""
        work = self.house.store.open(self.ref, self.clock())
        assert work.case is not None
        held = tuple((h.rule, h.level, h.reason, minutes(h.until)) for h in work.case.held)
        due = self.house.store.next_due(self.clock())
        view = self.desk.view(self.ticket)
        return work.case.level, plain(self, held), minutes(due), view.level or 1, view.priority

    def decisions(self) -> Iterator[tuple[datetime, Decision]]:
        """Yield every look's decision, with its time."""
        with self.house.store.database.read() as connection:
            rows = connection.execute(select(t.looks).where(t.looks.c.ref == str(self.ref)).order_by(t.looks.c.row))
            for row in rows:
                yield moment(row.at), msgspec.json.decode(row.decision, type=Decision)

    def moves(self) -> list[Any]:
        """Return every move: when, by which rule and for which causes, with which note, and every rule's finding."""
        return [
            {
                "at": minutes(at),
                "levels": (decided.command.level_before, decided.command.level),
                "rules": decided.fired,
                "why": plain(self, decided.why),
                "causes": {name: [kind(cause) for cause in done.causes] for name, done in decided.case.fired.items()},
                "priority": decided.command.priority,
                "take": decided.command.take,
                "mode": decided.command.mode,
                "note": told(self, decided.command.note),
                "given up": sorted(end is End.SUPERSEDED for end in decided.given_up.values()),
                "trace": plain(
                    self,
                    [
                        (r.rule, r.value, r.new, r.outcome, asked(r.answers))
                        for r in decided.trace
                        if r.rule != PROMISE or r.new
                    ],
                ),
                "promised": minutes(decided.case.promised),
            }
            for at, decided in self.decisions()
            if decided.command is not None
        ]

    def messages(self) -> list[Any]:
        """Return every message to people."""
        return [
            {
                "at": minutes(at),
                "occasion": notice.occasion,
                "rule": notice.rule,
                "to": [str(who) for who in notice.to],
                "subject": plain(self, notice.subject),
                "text": told(self, notice.note),
            }
            for at, decided in self.decisions()
            for notice in decided.notices
        ]


def minutes(at: datetime | None) -> float | None:
    """Return a time as minutes of the story, without the split seconds that siblings of one save are waited for."""
    return None if at is None else round((at - MONDAY) / MINUTE, 1)


def kind(cause: str) -> str:
    """Return a cause without the vendor's own ids, and without split seconds."""
    return re.sub(r"comment:.*", "comment", re.sub(r"\.\d+(?=\+00:00)", "", cause))


def asked(answers: Any) -> list[Any]:
    return [(one.name, one.wanted, one.found, one.value) for one in answers]


def told(world: World, note: Note) -> Any:
    """Return a note's lines with their labels."""
    return plain(world, [("".join(span.text for span in line.spans), line.label) for line in note.lines])


def plain(world: World, found: Any) -> Any:
    """Put our words for what every vendor calls otherwise: the ticket, its address, people, our operations, places."""
    if isinstance(found, str):
        view, ways = world.desk.view(world.ticket), world.ways
        for theirs, ours in (
            (rf"{re.escape(world.desk.url)}\S*", "URL"),
            (re.escape(view.key), "KEY"),
            (ways.agent, "AGENT"),
            (ways.customer, "CUSTOMER"),
            (ways.colleagues[0], "COLLEAGUE 1"),
            (ways.colleagues[1], "COLLEAGUE 2"),
            (r"\bop [0-9a-f]{12}\b", "OP"),
            (rf" · their last words: “{UNASKED}” \([^)]*\)", ""),  # before a fetch, only a Jira webhook tells them
            (r"^(CUSTOMER|name not recorded) · ", ""),  # a Zendesk webhook tells people's ids; names come with a fetch
            (r" \(Technical Support\)(?=: please)", ""),  # a note's first line names the team where a target is one
        ):
            found = re.sub(theirs, ours, found)
        return found
    if isinstance(found, list | tuple):
        return [plain(world, one) for one in found]
    return found


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Yield each place at which two outcomes differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in one:
            yield from differences(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif one != other:
        yield f"{where}: {one} / {other}"


# --- the stories ------------------------------------------------------------------------------------------------
Act = Callable[[World], None]
Story = list[tuple[float, Act]]


def opened(subject: str = "VPN", text: str = OPENING, **fields: Any) -> Act:
    """A customer opens the ticket."""

    def act(world: World) -> None:
        world.ticket = world.desk.open_ticket(subject, text, priority="normal", **world.ways.opening, **fields)

    return act


def customer(text: str) -> Act:
    return lambda world: world.desk.customer_says(world.ticket, text)


def agent(text: str) -> Act:
    return lambda world: world.desk.agent_says(world.ticket, text)


def note(text: str) -> Act:
    return lambda world: world.desk.agent_says(world.ticket, text, public=False)


def change(**fields: Any) -> Act:
    return lambda world: world.desk.agent_changes(world.ticket, **fields)


def nothing(world: World) -> None:
    """Time passes."""


def passed_to(number: int) -> Act:
    return lambda world: world.desk.agent_changes(world.ticket, assignee=world.ways.colleagues[number])


def blocked(world: World) -> None:
    """Another ticket must be solved first."""
    other = world.desk.open_ticket("A problem", "It is broken.", priority="low", **world.ways.opening)
    world.ways.blocks(world.desk, world.ticket, other)


def freed(world: World) -> None:
    world.ways.frees(world.desk, world.ticket, "")


def promised(minute: float, **fields: Any) -> Act:
    """A customer opens a ticket, and the vendor promises an answer."""

    def act(world: World) -> None:
        opened(**fields)(world)
        world.ways.promises(world.desk, world.ticket, MONDAY + minute * MINUTE)

    return act


STORIES: dict[str, Story] = {
    "a VIP climbs at thirty minutes": [(0, opened(tags=["vip"])), (29, nothing), (31, nothing), (40, note("/ack"))],
    "nobody answers over a pause and a holiday": [
        (0, opened()),
        (60, change(status="pending")),
        (180, change(status="open")),
        (3 * 1440, nothing),
    ],
    "solved twice, and twice it came back": [
        (0, opened()),
        (5, agent("Solved.")),
        (6, change(status="solved")),
        (20, customer("No.")),
        (30, agent("Now.")),
        (31, change(status="solved")),
        (50, customer("Not at all.")),
        (60, note("tried: a restart")),
        (61, nothing),
    ],
    "staff ask": [(0, opened()), (7, note("/escalate 2")), (8.5, note("/escalate 3")), (200, nothing)],
    "frustrated and waiting": [
        (0, opened()),
        (10, note("tried: a restart")),
        (12, agent("Please restart.")),
        (20, customer("I write for the third time, this is unacceptable.")),
        (79, nothing),
        (81, nothing),
    ],
    "angry from the first word on": [
        (0, opened(text="/escalate 2\nI write for the third time, this is unacceptable.")),
        (10, note("tried: a restart")),
        (59, nothing),
        (61, nothing),
    ],
    "up and down again": [
        (0, opened()),
        (5, note("/escalate 2")),
        (10, note("/ack")),
        (20, agent("Here is how.")),
        (139, nothing),
        (141, nothing),
        (400, nothing),
    ],
    "nobody takes it": [(0, opened(tags=["vip"])), (60, nothing), (75, nothing), (90, nothing), (400, nothing)],
    "too soon after the last move": [
        (0, opened(tags=["other"])),
        (1, note("tried: a restart")),
        (3, note("/escalate 2")),
        (5, note("/escalate 3")),
        (27, nothing),
        (29, nothing),
    ],
    "nothing was tried": [(0, opened()), (3, note("/escalate 3")), (92, nothing), (94, nothing)],
    "a state in which nothing climbs": [
        (0, opened(tags=["vip", "parked"])),
        (31, nothing),
        (45, change(tags=["vip"])),
    ],
    "snoozed, held and released": [
        (0, opened(tags=["vip"])),
        (10, note("/snooze 1h")),
        (31, nothing),
        (65, note("/hold")),
        (75, nothing),
        (90, note("/release")),
    ],
    "a pattern in the subject": [(0, opened(subject="Mail SERVER down since noon", text=UNASKED)), (2, nothing)],
    "critical, confirmed, and out of hours": [
        (420, opened(impact="high", urgency="high")),
        (425, note("tried: a restart")),
        (441, nothing),
        (450, note("/confirm")),
        (480, nothing),
        (2 * 1440, nothing),
    ],
    "declined": [
        (0, opened(impact="high", urgency="high")),
        (21, nothing),
        (30, note("/decline")),
        (60, nothing),
    ],
    "passed from hand to hand": [
        (0, opened()),
        (5, passed_to(0)),
        (6, passed_to(1)),
        (7, passed_to(0)),
        (9, nothing),
    ],
    "a rule that only tells": [(0, opened()), (5, change(tags=["csat_bad"])), (9, nothing)],
    "something else must be solved first": [
        (0, opened(tags=["vip"])),
        (10, blocked),
        (60, freed),
        (79, nothing),
        (81, nothing),
    ],
    "the vendor's own promise is near": [(0, promised(90)), (59, nothing), (61, nothing)],
    "a person takes it back": [
        (0, opened(tags=["vip"])),
        (35, change(group="Support")),
        (500, nothing),
        (501, note("/escalate 2")),
    ],
}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def lived(authority: Authority, tmp_path: Path) -> Iterator[Callable[[Story], dict[str, World]]]:
    """Lives a story at every vendor."""
    with ExitStack() as stack:

        def live(story: Story) -> dict[str, World]:
            worlds = {}
            for vendor in sorted(discover()):
                clock, folder = Hand(), tmp_path / vendor
                folder.mkdir()
                desk = importlib.import_module(f"connectors.{vendor}.sandbox").Sandbox(authority, clock=clock)
                stack.callback(desk.stop)
                worlds[vendor] = World(vendor=vendor, desk=desk, clock=clock, folder=folder)
                stack.callback(worlds[vendor].close)
                worlds[vendor].live(story)
            return worlds

        yield live


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_one_story_has_one_outcome_whatever_the_vendor(lived: Any, story: Story) -> None:
    """“consistency in how problems are handled”."""
    worlds = lived(story)
    first, *others = [{"seen": w.seen, "moves": w.moves(), "messages": w.messages()} for w in worlds.values()]
    assert first["moves"] or first["messages"] or first["seen"][-1][1][1]
    for other in others:
        found = list(differences(first, other))
        assert not found, "\n".join(found)
