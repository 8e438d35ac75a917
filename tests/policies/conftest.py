"""What the tests of the pure core share: one small policy, events told in one line, and a desk that looks at them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.case import HISTORY, Case, Decision, Facts, Needs
from policies.decide import decide
from policies.document import parse
from policies.echoes import judged, promised
from policies.model import (
    Actor,
    Change,
    Comment,
    Event,
    Kind,
    Named,
    Priority,
    Role,
    Status,
    Ticket,
    TicketRef,
    ticket_from,
)
from policies.policy import Policy

START = datetime(2027, 3, 1, 9, tzinfo=UTC)  # a Monday
REF = TicketRef(vendor="desk", site="acme", id="1")
ANA = Actor(id="ana", role=Role.REQUESTER, name="Ana Ruiz")
TOM = Actor(id="tom", role=Role.AGENT, name="Tom Ito")
EVA = Actor(id="eva", role=Role.AGENT, name="Eva Lang")
BOT = Actor(id="bot", role=Role.APP, name="A trigger")
SETTLED = frozenset({"exposed"})
"""What no test here is about but test_shielding: who reads a note is asked before each, and the answer is nobody."""
OURS = Actor(id="stepladder", role=Role.OURS, name="Stepladder")

POLICY = """\
version: 1
name: Tested
applies_to: {desk: SCOPE}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
defaults: {calendar: always, pause_while: [pending]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [major, critical]}}
customers: {tiers: [{tier: gold, organizations: [Globex]}, {tier: vip, tags: [vip]}, {tier: other}]}
levels:
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, priority: {at_least: high}, taken_within: 30m}
  - {level: 3, name: Three, targets: {desk: {group: Leads}}}
  - {level: 4, name: Four, take: oversight, targets: {desk: {followers: [coo]}}}
rules:
"""

BEGIN = """\
version: 1
name: Tested
applies_to: {desk: all}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
defaults: {calendar: always, pause_while: [pending]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [major, critical]}}
roles: {escalation_manager: {people: [Eva Lang], tell: [eva@acme.example]}}
"""
LEVELS = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, priority: {at_least: high}}
  - {level: 3, name: Three, targets: {desk: {group: Leads}}, path: hierarchical}
  - {level: 4, name: Four, take: oversight, path: hierarchical, targets: {desk: {followers: [coo]}}}
"""

_EMPTY: dict[str, Any] = {
    "key": "#1",
    "subject": "It does not work",
    "status": Status.NEW,
    "priority": None,
    "kind": None,
    "group": Named(id="11", name="Support"),
    "assignee": None,
    "requester": Named(id="ana", name="Ana Ruiz"),
    "organization": None,
    "tags": (),
    "level": 1,
    "product": None,
    "impact": None,
    "urgency": None,
    "custom": {},
    "exposed": None,
    "created_at": START,
}
GROUPS = {"11": "Support", "12": "Experts", "13": "Leads", "19": "Kitchen"}


def at(text: str | float) -> datetime:
    """Minutes after the start, or `10:30`."""
    if isinstance(text, str):
        hour, minute = text.split(":")
        return START.replace(hour=int(hour), minute=int(minute))
    return START + timedelta(minutes=text)


@functools.cache
def policy_of(*rules: str, scope: str = "all", more: str = "") -> Policy:
    """A policy with these rules, each a line of YAML without its name, or a whole mapping."""
    lines = [f"  - {{name: r{n}, {rule}}}" for n, rule in enumerate(rules)] or ["  []"]
    return parse(POLICY.replace("SCOPE", scope) + "\n".join(lines) + "\n" + more)


@functools.cache
def ladder(rules: str, levels: str = LEVELS, more: str = "") -> Policy:
    """A policy with these rules, levels and further sections, each as YAML."""
    return parse(f"{BEGIN}{more}\nlevels:\n{levels}\nrules:\n{rules}\n")


@functools.lru_cache(maxsize=256)
def of(text: str) -> Policy:
    """A policy with these sections behind the usual beginning."""
    return parse(BEGIN + text)


def settled(case: Case) -> Case:
    """The case once all its writes have ended."""
    return replace(case, pending=())


def wrote(case: Case, expect: Mapping[str, str | None], when: float) -> Case:
    """The case once it was promised that this is written."""
    return promised(case, "op", expect, True, at(when))


def values(**told: Any) -> dict[str, Any]:
    """Ticket fields from words: `group="12"`, `priority="high"`."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        if name == "group":
            found[name] = Named(id=value, name=GROUPS[value]) if value else None
        elif name in ("assignee", "organization", "form", "project") and isinstance(value, str):
            found[name] = Named(id=value, name=value)
        elif name == "priority" and value:
            found[name] = Priority[value.upper()]
        elif name == "status":
            found[name] = Status(value)
        else:
            found[name] = value
    return found


def full(as_of: datetime = START, **told: Any) -> Ticket:
    """A picture that knows every field that rules ask."""
    return ticket_from(REF, as_of, {**_EMPTY, **values(**told)})


def part(as_of: datetime = START, **told: Any) -> Ticket:
    """A picture that knows only these fields."""
    return ticket_from(REF, as_of, values(**told))


def born(when: float = 0, **told: Any) -> Event:
    """The ticket's creation by its requester."""
    moment = at(when)
    picture = full(moment, **{"created_at": moment, **told})
    return Event(id="created", kind=Kind.CREATED, at=moment, received_at=moment, actor=ANA, ticket=picture)


def event(event_id: str, when: float, kind: Kind = Kind.CHANGED, who: Actor | None = TOM, **more: Any) -> Event:
    moment = at(when)
    return Event(id=event_id, kind=kind, at=moment, received_at=moment, actor=who, **more)


def changed(event_id: str, when: float, who: Actor | None = TOM, ticket: Ticket | None = None, **told: Any) -> Event:
    """A change: `priority=("normal", "high")`, `tag=(None, "vip")`."""
    changes = tuple(
        Change(
            field=name.replace("__", "."),
            before=before,
            after=after,
            after_name=GROUPS.get(after) if name == "group" else None,
        )
        for name, (before, after) in told.items()
    )
    return event(event_id, when, Kind.CHANGED, who, changes=changes, ticket=ticket)


def said(
    event_id: str,
    when: float,
    who: Actor,
    text: str = "Hello",
    public: bool | None = True,
    ticket: Ticket | None = None,
) -> Event:
    comment = Comment(id=event_id, text=text, public=public)
    return event(event_id, when, Kind.COMMENTED, who, comment=comment, ticket=ticket)


@dataclass
class Desk:
    """Looks at one ticket as the adapter does: keeps its events, drops what was heard, answers what is needed."""

    policy: Policy
    facts: Facts = field(default_factory=Facts)
    vendor: Ticket | None = None  # what a fetch answers
    case: Case | None = None
    stored: dict[str, Event] = field(default_factory=dict)
    decision: Decision | None = None
    asked: list[frozenset[str]] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)

    def look(self, when: float | datetime, *events: Event, drop_heard: bool = True) -> Decision:
        now = when if isinstance(when, datetime) else at(when)
        case = self.case or Case.fresh(REF, now)
        heard = [e for e in events if not (drop_heard and e.id in self.stored)]
        facts, history = replace(self.facts, fetched=self.facts.fetched | SETTLED), None
        for _ in range(4):
            decision = decide(self.policy, case, heard, facts, now, history)
            if isinstance(decision, Decision):
                return self._keep(decision, now)
            self.asked.append(decision.fields)
            if HISTORY in decision.fields:
                history = list(self.stored.values())
                continue
            assert isinstance(decision, Needs)
            assert self.vendor is not None, f"needs {sorted(decision.fields)} at {now}"
            known = self.vendor.known | (decision.fields & {"conversation"})
            picture = replace(self.vendor, known=known)
            fetched = Event(id=f"fetch:{now}", kind=Kind.FETCHED, at=now, received_at=now, ticket=picture)
            heard = [*heard, fetched]
            facts = replace(facts, fetched=facts.fetched | decision.fields | frozenset(_EMPTY))
        raise AssertionError(f"asks again and again for {self.asked[-1]}")

    def _keep(self, decision: Decision, now: datetime) -> Decision:
        self.decision, self.case = decision, decision.case
        if decision.case.outside:
            self.stored.clear()
        for one in decision.events:
            self.stored.setdefault(one.id, one)
        self.levels.append(decision.case.level)
        return decision

    def written(self, when: float, echo: bool = True) -> None:
        """Carry the last command out: remember it, forget what is pending, and hear the echo."""
        assert self.case is not None
        assert self.decision is not None
        assert self.decision.command is not None
        self.promise(when)
        self.case = replace(self.case, pending=())
        if echo:
            self.look(when, self.echo(when))

    def promise(self, when: float) -> None:
        """Remember what is about to be written."""
        assert self.case is not None
        assert self.decision is not None
        command = self.decision.command
        assert command is not None
        expect: dict[str, str | None] = {"level": str(command.level), "tag": f"stepladder_level_{command.level}"}
        if "group" in command.target and command.take.value == "ownership":
            expect |= {"group": str(command.target["group"]), "assignee": None}
        expect |= command.restore
        if command.priority is not None:
            expect["priority"] = command.priority.word
        self.case = promised(self.case, command.operation, expect, True, at(when))

    def echo(self, when: float) -> Event:
        """What the vendor tells of our last write."""
        assert self.case is not None
        assert self.decision is not None
        command, ticket = self.decision.command, self.case.ticket
        assert command is not None
        told: dict[str, tuple[str | None, str | None]] = {"level": (str(ticket.level or 1), str(command.level))}
        group = next((i for i, name in GROUPS.items() if name == command.target.get("group")), None)
        if group and command.take.value == "ownership":
            told["group"] = (ticket.group.id if ticket.group else None, group)
            if ticket.assignee:
                told["assignee"] = (ticket.assignee.id, None)
        if command.priority is not None:
            told["priority"] = (ticket.priority.word if ticket.priority else None, command.priority.word)
        for name, value in command.restore.items():
            thing = getattr(ticket, name)
            told[name] = (thing.id if thing else None, value)
        return changed(f"echo:{command.operation}", when, OURS, **told)

    @property
    def level(self) -> int:
        assert self.case is not None
        return self.case.level


def told(events: Iterable[Event]) -> tuple[Sequence[Event], Any, Any]:
    from policies.story import Story
    from policies.telling import tell

    ordered = sorted((judged(e, ()) for e in events), key=lambda e: e.sort_key)
    ticket, story, _ = tell(Ticket(ref=REF), Story(), ordered)
    return ordered, ticket, story


class Words:
    """Everything above under one name, so that tests need no import of a conftest."""

    start, ref = START, REF
    ana, tom, eva, bot, ours = ANA, TOM, EVA, BOT, OURS
    at, policy, values = staticmethod(at), staticmethod(policy_of), staticmethod(values)
    ladder, of, settled, wrote = staticmethod(ladder), staticmethod(of), staticmethod(settled), staticmethod(wrote)
    full, part, born = staticmethod(full), staticmethod(part), staticmethod(born)
    event, changed, said, told = staticmethod(event), staticmethod(changed), staticmethod(said), staticmethod(told)
    desk = Desk


@pytest.fixture(scope="session")
def say() -> type[Words]:
    """The words that tests tell tickets with."""
    return Words
