"""A vendor that exists in memory only and does exactly what a test's script says, and a desk to work at."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import SMTP
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from adapter.facts import FactFinder, Limits
from adapter.gaps import Rounds
from adapter.intake import Intake
from adapter.journal import Journal
from adapter.mail import Postbox, SmtpPostbox
from adapter.messenger import Messenger
from adapter.missed import Missed
from adapter.on_call import Schedule
from adapter.outbox import Outbox
from adapter.pressure import Pressure
from adapter.reconcile import Reconciler
from adapter.sections import Mail
from adapter.shelf import Shelf
from adapter.sites import Post, Sites
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors.contract import (
    Alternative,
    BadSignature,
    Call,
    Changed,
    Connector,
    Delivery,
    Outcome,
    Refused,
    TryLater,
    Unreadable,
)
from connectors.sandboxing import Pocket
from connectors.site import Site, SiteSettings
from policies.commands import Command, Mode
from policies.document import dump, parse
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

ROUNDS = Rounds(every=timedelta(minutes=15), wait=timedelta(minutes=20))
MONDAY = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)

POLICY = """
version: 1
name: Scripted
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}, priority: {at_least: high}}
  - {level: 3, name: Management, take: oversight, targets: {desk: {followers: [mara]}}, priority: {set: urgent}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: unanswered, when: {unanswered_for: 30m clock}, go_to: 2}
"""


class Clock:
    """A time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**length)
        return self.now


# --- the vendor ---------------------------------------------------------------------------------------------
def verify(delivery: Delivery, settings: SiteSettings, now: datetime) -> None:
    proof = delivery.headers.get("x-proof-token")
    if proof == "another time":
        raise TryLater("signed 900 s away from our clock: check the clock")
    if proof not in [secret.get_secret_value() for secret in settings.webhook_secrets]:
        raise BadSignature("expected X-Proof-Token, got none that is ours")


def delivery_id(delivery: Delivery) -> str | None:
    return delivery.headers.get("x-id")


def tickets(delivery: Delivery, site: Site) -> tuple[TicketRef, ...]:
    named = json.loads(delivery.body)["tickets"]
    return tuple(TicketRef(vendor=site.vendor, site=site.name, id=ticket) for ticket in named)


def read(delivery: Delivery, site: Site, ref: TicketRef) -> tuple[Event, ...]:
    told = json.loads(delivery.body)
    if told.get("wrong") == "unreadable":
        raise Unreadable("expected an event, got nothing we can read")
    if told.get("wrong") == "bug":
        raise ZeroDivisionError("a bug of ours")
    return tuple(_event(item, ref, site) for item in told["events"])


def _event(told: Mapping[str, Any], ref: TicketRef, site: Site) -> Event:
    at = datetime.fromisoformat(told["at"])
    role = Role(told.get("by", "requester"))
    person = {Role.OURS: site.account or "us", Role.AGENT: "robin"}.get(role, "casey")
    said = told.get("says")
    return Event(
        id=told["id"],
        kind=Kind(told["kind"]),
        at=at,
        received_at=at,
        actor=Actor(id=person, role=role),
        changes=tuple(Change(field=f, before=b, after=a) for f, b, a in told.get("changes", ())),
        comment=Comment(id=told["id"], text=said, public=told.get("public", True)) if said else None,
        ticket=_picture(told["ticket"], ref, at) if "ticket" in told else None,
        siblings=told.get("siblings", False),
        merged_into=told.get("into"),
        erases=told.get("erases"),
    )


def _picture(told: Mapping[str, Any], ref: TicketRef, at: datetime) -> Ticket:
    shapes: dict[str, Callable[[Any], object]] = {
        "priority": lambda word: Priority[word.upper()] if word else None,
        "status": Status,
        "group": lambda name: Named(id=name, name=name),
        "assignee": lambda name: Named(id=name, name=name) if name else None,
        "created_at": datetime.fromisoformat,
        "tags": tuple,
    }
    return ticket_from(ref, at, {name: shapes.get(name, lambda v: v)(value) for name, value in told.items()})


def plan(command: Command, ticket: Ticket, site: Site) -> tuple[Call, ...]:
    """Three calls: fields, followers if there are any, and the note."""
    aims = {name: command.target[name] for name in ("group", "assignee") if command.target.get(name)}
    if command.target.get("assign"):
        aims["pool"] = {"pick": command.target["assign"], "turn": command.turn}
    fields: dict[str, Any] = {"level": command.level, **aims}
    if command.priority is not None:
        fields["priority"] = command.priority.word
    parts: list[tuple[str, dict[str, Any]]] = [("set", fields)] if command.mode is Mode.ACT else []
    parts += [("follow", {"followers": who}) for who in command.target.get("followers", ())]  # type: ignore[union-attr]
    parts.append(("say", {"note": True}))
    expect = {name: str(value) for name, value in fields.items() if name != "pool"}
    others = tuple(
        Alternative(parts=dict(target), expect={name: str(value) for name, value in target.items()})
        for target in command.fallbacks
    )
    return tuple(
        Call(
            operation=command.operation,
            number=number,
            verb=verb,
            parts=sets,
            note=command.note if verb == "say" else None,
            expect=expect if verb == "set" else {},
            repeatable=verb != "say" and not site.name.startswith("once"),
            aims=tuple(aims) if verb == "set" else (),
            otherwise=others if verb == "set" else (),
        )
        for number, (verb, sets) in enumerate(parts, 1)
    )


_SHOWN = frozenset({"level", "group", "assignee", "priority"})


class Vendor:
    """The only way out: `script` says what becomes of the next writes, `looks` of the next looks.

    Each is an exception to raise, "lost" (done, but the answer is lost), "done", or something to call first.
    """

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.looks: list[Any] = []
        self.fetches: list[Any] = []
        self.done: list[Call] = []
        self.log: list[str] = []
        self.closed = 0
        self.tickets: dict[str, dict[str, Any]] = {}
        self.site: SiteSettings
        self.changed: Iterable[Any] = []
        self._requests = threading.local()

    def account(self) -> str:
        return "us"

    def names(self) -> Mapping[str, str]:
        return {}

    def settings(self) -> SiteSettings:
        return self.site

    def asked(self) -> int:
        return getattr(self._requests, "sent", 0)

    def changed_since(self, since: datetime, before_page: Callable[[], None] = lambda: None) -> Iterator[Changed]:
        """Whatever `changed` lists, in its order, a hundred in a request; an exception among it is raised.

        What is not a list there is taken as it comes, one in a request.
        """
        self.log.append(f"changed since {since:%H:%M:%S}")
        page, items = (100, list(self.changed)) if isinstance(self.changed, list) else (1, self.changed)
        wanted = (item for item in items if not isinstance(item, Changed) or item.at >= since)
        for number, item in enumerate(wanted):
            if number % page == 0:
                before_page()
                self._requests.sent = self.asked() + 1
            if isinstance(item, Exception):
                raise item
            if item is not None:
                yield item

    def cannot_see(self) -> tuple[str, ...]:
        return ("deleted tickets",)

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        self.log.append(f"fetch {ref.id}")
        self._befall(self.fetches)
        if ref.id not in self.tickets:
            raise Refused("there is no such ticket", gone=True)
        picture = _picture(self.tickets[ref.id], ref, now)
        return [Event(id=f"fetched:{now.isoformat()}", kind=Kind.FETCHED, at=now, received_at=now, ticket=picture)]

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        self.log.append(f"look {call.number}")
        self._befall(self.looks)
        return Outcome(vendor_id="found") if call.key in {done.key for done in self.done} else None

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        self.log.append(f"{call.verb} {call.number}")
        step = self.script[0] if self.script else "done"
        if step == "lost":
            self.done.append(call)
            self.became(ticket.ref.id, {name: call.parts[name] for name in _SHOWN & call.parts.keys()})
        self._befall(self.script)
        self.done.append(call)
        self.became(ticket.ref.id, {name: call.parts[name] for name in _SHOWN & call.parts.keys()})
        return Outcome(vendor_id=f"made {call.key}")

    def became(self, ticket: str, fields: Mapping[str, Any]) -> None:
        """From now on a ticket that is there shows these values."""
        if ticket in self.tickets:
            self.tickets[ticket] = {**self.tickets[ticket], **fields}

    def close(self) -> None:
        self.closed += 1

    def _befall(self, script: list[Any]) -> None:
        self._requests.sent = self.asked() + 1
        step = script.pop(0) if script else "done"
        if step == "lost":
            raise TryLater("the answer did not arrive", sent=True)
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step()


# --- the desk -----------------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class Bench:
    """Everything between a delivery and a write-back, without threads: a look happens when a test looks."""

    store: SqlStore
    post: Post
    sites: Sites
    vendor: Vendor
    journal: Journal
    intake: Intake
    pressure: Pressure
    reconciler: Reconciler
    clock: Clock
    told: list[tuple[str, dict[str, object]]]
    messenger: Messenger
    finder: FactFinder
    missed: Missed
    rung: list[int] = field(default_factory=list)
    woken: list[TicketRef] = field(default_factory=list)
    count: int = 0

    def ref(self, ticket: str = "7") -> TicketRef:
        return TicketRef(vendor="desk", site=self.post.site.name, id=ticket)

    def delivery(self, *events: Mapping[str, Any], tickets: Sequence[str] = ("7",), **more: Any) -> Delivery:
        """Make a genuine delivery; `events` may leave out id, time and kind."""
        self.count += 1
        whole = [{"id": f"e{self.count}.{n}", "at": self.clock().isoformat(), **e} for n, e in enumerate(events)]
        body = json.dumps({"tickets": list(tickets), "events": whole, **more}).encode()
        return Delivery(
            vendor="desk",
            site=self.post.site.name,
            body=body,
            received_at=self.clock(),
            headers={"x-proof-token": "open sesame", "x-id": f"d{self.count}"},
        )

    def hear(self, *events: Mapping[str, Any], **more: Any) -> int:
        """Take a delivery in, of what has become so at the vendor; return its row."""
        for ticket in more.get("tickets", ("7",)):
            changes = [change for event in events for change in event.get("changes", ())]
            self.vendor.became(ticket, {name: after for name, _, after in changes})
        return self.intake.accept(self.post, self.delivery(*events, **more), self.clock()).row

    def born(self, ticket: str = "7", **fields: Any) -> None:
        """A ticket is opened; everything about it is told."""
        told = {
            "group": "Support",
            "status": "new",
            "priority": None,
            "assignee": None,
            "level": 1,
            "tags": [],
            "exposed": None,
            **fields,
        }
        told.setdefault("created_at", self.clock().isoformat())
        self.vendor.tickets[ticket] = told
        self.hear({"kind": "created", "ticket": told}, tickets=[ticket])

    def look(self, ticket: str = "7") -> datetime | None:
        return self.reconciler.look(self.ref(ticket))

    def looks(self, ticket: str = "7", most: int = 20) -> datetime | None:
        """Look as long as it is due at once."""
        for _ in range(most):
            due = self.look(ticket)
            if due is None or due > self.clock():
                return due
        pytest.fail("it is due at once, again and again")

    def deliver(self, most: int = 50) -> datetime | None:
        """Send messages to people as long as one is due at once."""
        for _ in range(most):
            due = self.messenger.deliver()
            if due is None or due > self.clock():
                return due
        pytest.fail("a message is due at once, again and again")

    def notices(self) -> list[Any]:
        """Return every message ever planned, the oldest first."""
        from adapter.store import tables as t

        with self.store.database.read() as connection:
            return list(connection.execute(t.notices.select().order_by(t.notices.c.created_at)).all())

    def calls(self, ticket: str = "7") -> dict[str, str]:
        """Return every call ever planned: number and verb → state."""
        with self.store.database.read() as connection:
            from adapter.store import tables as t
            from adapter.store.codec import unpack_call

            rows = connection.execute(t.calls.select().where(t.calls.c.ref == str(self.ref(ticket))))
            found = [(unpack_call(row.body), row.state) for row in rows]
        return {f"{call.verb} {call.number}": state for call, state in found}

    def case(self, ticket: str = "7") -> Any:
        return self.store.open(self.ref(ticket), self.clock()).case

    def said(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.told if name == event]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(any_database: str) -> Iterator[SqlStore]:
    store = SqlStore(Database(any_database))
    yield store
    store.close()


@pytest.fixture
def told() -> list[tuple[str, dict[str, object]]]:
    return []


@pytest.fixture
def build_bench(store: SqlStore, clock: Clock, told: list[tuple[str, dict[str, object]]]) -> Callable[..., Bench]:
    """Builds a bench: `mode` and `name` of the site, `policy`, limits, the way to people."""

    def made(
        mode: Mode = Mode.ACT,
        name: str = "acme",
        policy: str = POLICY,
        moves: int = 50,
        adoptive: int = 20,
        postbox: Postbox | None = None,
        schedules: Mapping[str, Schedule] | None = None,
    ) -> Bench:
        vendor, journal = Vendor(), Journal(lambda event, fields: told.append((event, fields)))
        settings = SiteSettings(
            vendor="desk", url="https://desk.example", mode=mode, webhook_secrets=(SecretStr("open sesame"),)
        )
        vendor.site = settings
        connector = Connector(
            vendor="desk",
            title="Desk",
            settings=SiteSettings,
            verify=verify,
            delivery_id=delivery_id,
            tickets=tickets,
            read=read,
            plan=plan,
            check_target=lambda target: (),
            connect=lambda site, *_, **__: vendor,
        )
        post = Post(name, connector, settings, Pocket())
        post.brake._spread = lambda least, most: least
        sites, woken = Sites([post]), list[TicketRef]()
        limits = Limits(moves_in_10_minutes=moves, adoptive_per_hour=adoptive)
        outbox = Outbox(journal, timedelta(seconds=60))
        finder, rung = FactFinder(store, limits, "test"), list[int]()
        messenger = Messenger(store, sites, postbox, schedules or {}, journal, clock)
        messenger.brake._spread = lambda least, most: least
        reconciler = Reconciler(
            store, sites, Shelf(store.policy_text), outbox, journal, finder, clock, lambda: rung.append(1),
            ticking=lambda: clock().timestamp(),
        )  # fmt: skip
        pressure = Pressure(store, journal, clock, 20_000, 8, lambda: clock().timestamp())
        bench = Bench(
            pressure=pressure,
            store=store, post=post, sites=sites, vendor=vendor, journal=journal, clock=clock, told=told, woken=woken,
            intake=Intake(store, journal, woken.append, pressure), reconciler=reconciler, messenger=messenger,
            finder=finder, rung=rung, missed=Missed(store, sites, journal, clock, woken.append, ROUNDS),
        )  # fmt: skip
        parsed = parse(policy)
        store.set_mode(post.scope, mode, clock())
        store.activate(parsed.revision, parsed.name, dump(parsed), clock())
        clock.advance(seconds=1)
        return bench

    return made


@pytest.fixture
def bench(build_bench: Callable[..., Bench]) -> Bench:
    return build_bench()


# --- a mail server ------------------------------------------------------------------------------------------
class _AnyPort(Controller):
    """Takes any free port, and knows which."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class MailServer:
    """A real one, on loopback. `answers`: what it says to an address or to `DATA`, the last of them for good."""

    def __init__(self, **more: Any) -> None:
        self.letters: list[tuple[list[str], Message]] = []
        self.answers: dict[str, list[str]] = {}
        self.before: Callable[[], None] = lambda: None
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=0, ready_timeout=10, **more)
        self._controller.start()
        self.port = self._controller.port

    def _answer(self, to: str) -> str | None:
        said = self.answers.get(to)
        return said.pop(0) if said and len(said) > 1 else said[0] if said else None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        said = self._answer(address) or "250 OK"
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.before()
        said = self._answer("DATA") or "250 OK"
        if said.startswith("250"):
            self.letters.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=SMTP)))
        return said

    @property
    def to(self) -> list[list[str]]:
        """Who got each letter."""
        return [to for to, _ in self.letters]

    @property
    def ids(self) -> list[str]:
        """The letters' Message-IDs."""
        return [str(letter["Message-ID"]) for _, letter in self.letters]

    def stop(self) -> None:
        self._controller.stop()


@pytest.fixture
def run_mail_server() -> Iterator[Callable[..., MailServer]]:
    with ExitStack() as stack:

        def run(**more: Any) -> MailServer:
            server = MailServer(**more)
            stack.callback(server.stop)
            return server

        yield run


@pytest.fixture
def mail_server(run_mail_server: Callable[..., MailServer]) -> MailServer:
    return run_mail_server()


@pytest.fixture
def postbox(mail_server: MailServer) -> SmtpPostbox:
    told = {"host": "127.0.0.1", "port": mail_server.port, "tls": "none", "from": "Stepladder <robot@acme.example>"}
    return SmtpPostbox(Mail.model_validate({**told, "timeout": 2.0}))


Until = Callable[..., None]


@pytest.fixture
def until() -> Until:
    """Waits until something is so, but not for ever."""

    def wait(so: Callable[[], object], seconds: float = 5) -> None:
        ends, moment = time.monotonic() + seconds, threading.Event()
        while not so():
            if time.monotonic() > ends:
                pytest.fail("waited in vain")
            moment.wait(0.002)

    return wait
