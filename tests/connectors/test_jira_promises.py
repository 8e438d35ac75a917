"""What an issue promises and what it waits for: due dates, SLAs and blocking issues."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, request

from connectors.contract import Delivery
from connectors.jira import CONNECTOR
from connectors.jira.client import JiraClient, connect
from connectors.jira.picture import picture
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings
from connectors.sandboxing import Authority, Pocket, Served
from connectors.site import Site
from policies.model import Event, Kind, Role, Ticket, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = TicketRef(vendor="jira", site="here", id="10001")
BREAKS = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SLA = frozenset({"sla_breach_at"})


def site(**more: Any) -> Site:
    fields = {"sla": "customfield_30, customfield_31"}
    usual: dict[str, Any] = {"url": "https://a.example.com", "email": "e", "token": "t", "fields": fields}
    return Site(name="here", settings=JiraSettings(**{**usual, **more}))


def told(fields: Mapping[str, Any], asked: frozenset[str] = frozenset(), **more: Any) -> Ticket:
    return picture({"id": "10001", "fields": fields}, REF, site(**more), asked=asked)


def cycle(at: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "1", "name": "Time to resolution", "ongoingCycle": {"breachTime": at, "paused": False, **more}}


def link(kind: str, side: str, key: str, category: str | None = "new", number: str = "20001") -> dict[str, Any]:
    names = {"Blocks": ("is blocked by", "blocks"), "Relates": ("relates to", "relates to")}
    inward, outward = names.get(kind, ("blockiert durch", "blockiert"))
    status = {"status": {"name": "x", "statusCategory": {"key": category}}} if category else {}
    kind_told = {"name": kind, "inward": inward, "outward": outward}
    return {"id": "1", "type": kind_told, side: {"id": number, "key": key, "fields": status}}


# --- due dates ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("day", "zone", "ends"),
    [
        ("2026-11-25", None, datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-11-25", "Europe/Berlin", datetime(2026, 11, 25, 23, tzinfo=UTC)),
        ("2026-10-25", "Europe/Berlin", datetime(2026, 10, 25, 23, tzinfo=UTC)),  # a day of 25 hours
        ("2026-11-25", "America/New_York", datetime(2026, 11, 26, 5, tzinfo=UTC)),
        (None, "Europe/Berlin", None),
        ("soon", None, None),
        ("9999-12-31", None, None),
        (20261125, None, None),
    ],
)
def test_a_due_date_ends_with_its_day(day: object, zone: str | None, ends: datetime | None) -> None:
    ticket = told({"duedate": day}, timezone=zone)
    assert ticket.knows("due_at")
    assert ticket.due_at == ends


def test_what_a_payload_lacks_is_not_told() -> None:
    assert not told({"summary": "x"}).known & {"due_at", "sla_breach_at", "blocked_by"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"timezone": "Berlin"}, "Europe/Berlin"),
        ({"timezone": "../etc"}, "Europe/Berlin"),
        ({"fields": {"sla": ""}}, "the id or the name of a field"),
        ({"projects": {"DEV": {"fields": {"sla": "Time\nto resolution"}}}}, "the id or the name of a field"),
    ],
)
def test_wrong_settings_are_refused_in_sentences(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        site(**more)


# --- SLAs ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("slas", "breaks"),
    [
        ([cycle({"epochMillis": 1795350600000})], BREAKS),
        ([cycle({"iso8601": "2026-11-22T13:30:00+0100"})], BREAKS),
        ([cycle({"jira": "2026-11-22T13:30:00.000+0100"})], BREAKS),
        ([cycle({"epochMillis": 1795350600000}, paused=True)], None),
        ([cycle({"epochMillis": 1795350600000}, breached=True)], BREAKS),
        ([cycle({"epochMillis": 1795360000000}), cycle({"epochMillis": 1795350600000})], BREAKS),
        ([cycle({"epochMillis": 1795340000000}, paused=True), cycle({"epochMillis": 1795350600000})], BREAKS),
        ([{"id": "1", "name": "Time to resolution", "completedCycles": [{"breachTime": {"epochMillis": 1}}]}], None),
        ([None], None),
        ([cycle({})], None),
    ],
)
def test_the_earliest_sla_that_runs_counts(slas: list[Any], breaks: datetime | None) -> None:
    fields = {f"customfield_{30 + n}": sla for n, sla in enumerate(slas)}
    assert not told(fields).knows("sla_breach_at")
    ticket = told(fields, SLA)
    assert ticket.knows("sla_breach_at")
    assert ticket.sla_breach_at == breaks
    assert not ticket.custom


@pytest.mark.parametrize("fields", [{}, {"sla": "customfield_30"}])
def test_without_an_sla_only_asking_by_name_tells_that_there_is_none(fields: dict[str, str]) -> None:
    for asked, known in ((frozenset[str](), False), (SLA, True)):
        ticket = picture({"id": "10001", "fields": {}}, REF, site(fields=fields), whole=True, asked=asked)
        assert (ticket.knows("sla_breach_at"), ticket.sla_breach_at) == (known, None)
        assert ticket.knows("due_at")


# --- blocking issues ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("links", "keys"),
    [
        ([link("Blocks", "inwardIssue", "DEV-1")], ("DEV-1",)),
        ([link("Blocks", "inwardIssue", "DEV-1", "done")], ()),
        ([link("Blocks", "inwardIssue", "DEV-1", None)], ("DEV-1",)),
        ([link("Blocks", "outwardIssue", "DEV-1")], ()),
        ([link("Relates", "inwardIssue", "DEV-1")], ()),
        ([link("Blockiert", "inwardIssue", "DEV-1")], ()),
        ([link("Blocks", "inwardIssue", "DEV-1"), link("Blocks", "inwardIssue", "DEV-2")], ("DEV-1", "DEV-2")),
        ([], ()),
        (["x", {"type": 1}, {"type": {"name": "Blocks"}, "inwardIssue": {"key": 7}}], ()),
    ],
)
def test_open_issues_block(links: list[Any], keys: tuple[str, ...]) -> None:
    ticket = told({"issuelinks": links})
    assert ticket.knows("blocked_by")
    assert ticket.blocked_by == keys


def read(body: Mapping[str, Any]) -> list[tuple[str, Event]]:
    delivery = Delivery(vendor="jira", site="here", body=json.dumps(body).encode(), received_at=NOW)
    refs = CONNECTOR.tickets(delivery, site())
    return [(ref.id, event) for ref in refs for event in CONNECTOR.read(delivery, site(), ref)]


@pytest.mark.parametrize(
    ("event", "items", "touched"),
    [
        ("jira:issue_updated", [{"field": "status", "fieldId": "status"}], True),
        ("jira:issue_updated", [{"field": "Статус", "fieldId": "status"}], True),
        ("jira:issue_updated", [{"field": "summary", "fieldId": "summary"}], False),
        ("jira:issue_deleted", None, True),
        ("comment_created", None, False),
    ],
)
def test_what_becomes_of_a_blocking_issue_concerns_what_it_blocks(event: str, items: Any, touched: bool) -> None:
    fields = {"summary": "x", "issuelinks": [link("Blocks", "outwardIssue", "ITSM-1", number="10001")]}
    changelog = {"changelog": {"id": "77", "items": items}} if items else {}
    body = {"timestamp": 1772445605600, "webhookEvent": event, "issue": {"id": "20001", "fields": fields}, **changelog}
    heard = dict(read({**body, "comment": {"id": "5", "body": "x"}} if event == "comment_created" else body))
    assert set(heard) == ({"20001", "10001"} if touched else {"20001"})
    assert heard["20001"].kind is not Kind.TOUCHED
    if touched:
        other = heard["10001"]
        assert (other.kind, other.ticket, other.changes) == (Kind.TOUCHED, None, ())
        assert other.actor is not None
        assert other.actor.role is Role.UNKNOWN
        assert other.id != heard["20001"].id


# --- against the pretend Jira -------------------------------------------------------------------------------
@dataclass
class Bench:
    """A pretend site, the way to it, and an ear for its webhooks."""

    desk: Sandbox
    site: Site
    client: JiraClient
    heard: list[Delivery] = field(default_factory=list)

    def ref(self, number: str) -> TicketRef:
        return TicketRef(vendor="jira", site="here", id=number)

    def fetch(self, number: str, asked: frozenset[str] = frozenset()) -> Ticket:
        ticket = self.client.fetch(self.ref(number), asked, NOW)[0].ticket
        assert ticket is not None
        return ticket

    def news(self, number: str) -> list[Event]:
        """Return what came by webhook about a ticket since the last question."""
        self.desk.postman.settle()
        deliveries, self.heard = self.heard, []
        pairs = [(one, ref) for one in deliveries for ref in CONNECTOR.tickets(one, self.site) if ref.id == number]
        return [event for one, ref in pairs for event in CONNECTOR.read(one, self.site, ref)]

    def hear(self) -> tuple[str, int]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(vendor="jira", site="here", body=request.get_data(), headers=headers, received_at=NOW)
        CONNECTOR.verify(delivery, self.site.settings, NOW)
        self.heard.append(delivery)
        return "", 202


@pytest.fixture(params=["cloud", "datacenter"])
def bench(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Bench]:
    desk = build(Authority(tmp_path_factory.mktemp("ca")), deployment=request.param)
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    settings = JiraSettings(**section, **desk.secrets(), timezone="Europe/Berlin")
    site = Site(name="here", settings=settings, account=settings.account)
    bench = Bench(desk=desk, site=site, client=connect(site, Pocket()))
    app = Flask("ear")
    app.post("/hook")(bench.hear)
    served = Served(app)
    desk.subscribe(f"{served.url}/hook")
    yield bench
    bench.client.close()
    desk.stop()
    served.stop()


def test_a_due_date_is_told_by_webhook_and_fetch_and_an_sla_only_by_name(bench: Bench) -> None:
    due = datetime(2026, 11, 25, 9, tzinfo=UTC)
    number = bench.desk.open_ticket("Printer", "It burns", due_at=due, sla_breach_at=BREAKS)
    created, _ = bench.news(number)
    assert created.ticket is not None
    for ticket in (created.ticket, bench.fetch(number), bench.fetch(number, SLA)):
        assert ticket.due_at == datetime(2026, 11, 25, 23, tzinfo=UTC)
        assert "sla" not in ticket.custom
    assert not created.ticket.knows("sla_breach_at")
    assert not bench.fetch(number).knows("sla_breach_at")
    assert bench.fetch(number, SLA).sla_breach_at == BREAKS


def test_an_sla_that_stands_still_or_is_over_promises_nothing(bench: Bench) -> None:
    number = bench.desk.open_ticket("Printer", "It burns")
    for until, paused, breaks in ((BREAKS, False, BREAKS), (BREAKS, True, None), (None, False, None)):
        bench.desk.sla_runs(number, until, paused=paused)
        assert bench.fetch(number, SLA).sla_breach_at == breaks


def test_a_ticket_is_blocked_until_what_blocks_it_is_done_and_hears_of_it(bench: Bench) -> None:
    number = bench.desk.open_ticket("Printer", "It burns")
    blocker = bench.desk.open_ticket("Driver", "It is broken", project="DEV")
    assert [event.kind for event in bench.news(number)] == [Kind.CREATED, Kind.COMMENTED]
    bench.desk.agent_blocks(number, by=blocker)
    assert [event.kind for event in bench.news(number)] == [Kind.TOUCHED]
    assert bench.fetch(number).blocked_by == ("DEV-1",)
    assert bench.fetch(blocker).blocked_by == ()
    bench.desk.agent_changes(blocker, priority="high")
    assert bench.news(number) == []
    bench.desk.agent_changes(blocker, status="solved")
    assert [event.kind for event in bench.news(number)] == [Kind.TOUCHED]
    assert bench.fetch(number).blocked_by == ()


def test_a_link_that_is_taken_away_blocks_no_more(bench: Bench) -> None:
    number = bench.desk.open_ticket("Printer", "It burns")
    bench.desk.agent_blocks(number, by=bench.desk.open_ticket("Driver", "It is broken", project="DEV"))
    bench.news(number)
    bench.desk.agent_unblocks(number)
    assert [event.kind for event in bench.news(number)] == [Kind.TOUCHED]
    assert bench.fetch(number).blocked_by == ()


def test_a_blocking_issue_that_is_deleted_blocks_no_more(bench: Bench) -> None:
    number = bench.desk.open_ticket("Printer", "It burns")
    blocker = bench.desk.open_ticket("Driver", "It is broken", project="DEV")
    bench.desk.agent_blocks(number, by=blocker)
    bench.news(number)
    bench.desk.agent_deletes(blocker)
    assert [event.kind for event in bench.news(number)] == [Kind.TOUCHED]
    assert bench.fetch(number).blocked_by == ()
