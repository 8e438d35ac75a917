"""A pretend Jira with the real client before it, for the connector's tests. Time and naps are given; nothing waits."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.contract import Call
from connectors.jira.client import JiraClient, connect
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings
from connectors.jira.writeback import plan
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.commands import Command, Line, Note, Span, Take
from policies.model import Priority, Ticket, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
NOTHING = frozenset[str]()


@dataclass
class Bench:
    """A pretend site and the way to it. `time` is the client's clock; a nap moves it."""

    desk: Sandbox
    site: Site
    client: JiraClient
    time: list[float]
    naps: list[float] = field(default_factory=list)

    def opened(self, **fields: Any) -> TicketRef:
        return TicketRef(vendor="jira", site="here", id=self.desk.open_ticket("Printer", "It burns", **fields))

    def open(self, **fields: Any) -> tuple[Ticket, TicketRef]:
        ref = self.opened(**fields)
        return self.ticket(ref), ref

    def ticket(self, ref: TicketRef) -> Ticket:
        ticket = self.client.fetch(ref, NOTHING, NOW)[0].ticket
        assert ticket is not None
        return ticket

    def plan(self, ticket: Ticket, **more: Any) -> tuple[Call, ...]:
        operation = more.get("operation", "op77")
        why, last = Line(label="Why", spans=(Span(text="{it} *burns*"),)), Line(spans=(Span(text=f"op {operation}"),))
        usual: dict[str, Any] = {
            "operation": "op77",
            "level": 2,
            "level_before": 1,
            "level_name": "L2",
            "take": Take.OWNERSHIP,
            "target": {"assignee": self.desk.person("ben")},
            "priority": Priority.URGENT,
            "note": Note(lines=(why, last)),
        }
        return plan(Command(**{**usual, **more}), ticket, self.site)

    def sent(self) -> list[str]:
        return [f"{r.method} {r.path.removeprefix('/rest/')} {r.status}" for r in self.desk.requests]


def made(authority: Authority, deployment: Literal["cloud", "datacenter"] = "cloud", **more: Any) -> Iterator[Bench]:
    """Start a pretend Jira and a client that has asked already what there is; stop both at the end."""
    desk = build(authority, deployment=deployment)
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    settings = JiraSettings(**{**section, **desk.secrets(), "read_timeout": 1.0, **more})
    site = Site(name="here", settings=settings, account=settings.account)
    time, naps = [0.0], list[float]()

    def nap(seconds: float) -> None:
        naps.append(seconds)
        time[0] += seconds

    client = connect(site, Pocket(), clock=lambda: time[0], sleep=nap)
    client.settings()
    desk.requests.clear()
    yield Bench(desk=desk, site=site, client=client, time=time, naps=naps)
    client.close()
    desk.stop()
