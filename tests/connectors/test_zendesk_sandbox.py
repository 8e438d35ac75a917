"""The pretend Zendesk tells of every change, also of ours, in webhooks that the connector believes and reads."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Delivery
from connectors.postman import Envelope
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.zendesk import CONNECTOR
from connectors.zendesk.sandbox import Sandbox, build
from policies.commands import Command, Line, Note, Span, Take
from policies.model import Event, Kind, Priority, Role, Ticket, TicketRef


@pytest.fixture
def desk(tmp_path: Any) -> Iterator[Sandbox]:
    sandbox = build(Authority(tmp_path))
    sandbox.subscribe("https://127.0.0.1:9/never-sent")
    sandbox.postman.hold()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def site(desk: Sandbox) -> Site:
    section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
    settings = CONNECTOR.settings(**section, **desk.secrets())
    return Site(name="acme", settings=settings, account=settings.account)


def told(desk: Sandbox, site: Site) -> list[Event]:
    """Return the events of all webhooks held back so far, verified like any delivery."""
    caught: list[Envelope] = []
    desk.postman.release(lambda held: caught.extend(held) or ())
    desk.postman.hold()
    now, events = datetime.now(UTC), list[Event]()
    for envelope in caught:
        headers = {name.lower(): value for name, value in {**envelope.headers, **envelope.sign()}.items()}
        delivery = Delivery(vendor="zendesk", site="acme", body=envelope.body, headers=headers, received_at=now)
        CONNECTOR.verify(delivery, site.settings, now)
        assert CONNECTOR.delivery_id(delivery)
        events += [event for ref in CONNECTOR.tickets(delivery, site) for event in CONNECTOR.read(delivery, site, ref)]
    return events


def test_a_new_ticket_is_told_with_its_first_comment(desk: Sandbox, site: Site) -> None:
    desk.open_ticket("VPN down", "help", priority="high", tags=["vip"])
    created, comment = told(desk, site)
    assert (created.kind, comment.kind) == (Kind.CREATED, Kind.COMMENTED)
    assert created.ticket
    assert created.ticket.priority is Priority.HIGH
    assert comment.actor
    assert comment.actor.role is Role.REQUESTER
    assert comment.siblings


def test_what_people_do_is_told_as_theirs(desk: Sandbox, site: Site) -> None:
    ticket = desk.open_ticket("VPN down", "help")
    desk.agent_says(ticket, "Looking.")
    desk.agent_changes(ticket, status="on_hold", priority="high", group="Billing", assignee="Bea Moreau", level=2)
    desk.customer_says(ticket, "And now?")
    events = told(desk, site)[2:]
    assert {event.actor.role for event in events if event.actor} == {Role.AGENT, Role.REQUESTER}
    changes = [(c.field, c.after) for event in events for c in event.changes]
    assert changes == [
        ("status", "on_hold"),
        ("priority", "high"),
        ("group", "363"),
        ("assignee", "7004"),
        ("level", "2"),
        ("level", "2"),
        ("status", "open"),
    ]


def test_our_own_write_comes_back_as_an_echo_that_the_call_expects(desk: Sandbox, site: Site) -> None:
    ticket = desk.open_ticket("VPN down", "help", priority="normal")
    desk.agent_changes(ticket, assignee="Robin Reyes")
    told(desk, site)
    ref = TicketRef(vendor="zendesk", site="acme", id=ticket)
    command = Command(
        operation="op-1",
        level=2,
        level_before=1,
        level_name="Technical Support",
        take=Take.OWNERSHIP,
        target={"group": "361", "followers": ["mara@example.com"]},
        priority=Priority.URGENT,
        note=Note(lines=(Line(spans=(Span(text="{{ticket.title}} op-1"),)),)),
    )
    (call,) = CONNECTOR.plan(command, Ticket(ref=ref), site)
    client = CONNECTOR.connect(site, Pocket())
    client.carry_out(call, Ticket(ref=ref))
    client.close()  # type: ignore[attr-defined]
    events = told(desk, site)
    assert {event.actor.role for event in events if event.actor} == {Role.OURS}
    changes = [change for event in events for change in event.changes]
    assert {change.field for change in changes} == {"group", "assignee", "priority", "level"}
    assert all(call.expect[change.field] == change.after for change in changes)
    seen = desk.view(ticket)
    assert seen.followers == ("mara@example.com",)
    assert seen.notes == ("{{ticket.title}} op-1",)


def test_a_merge_and_a_deletion_are_told(desk: Sandbox, site: Site) -> None:
    one, other = desk.open_ticket("a", "x"), desk.open_ticket("b", "x")
    told(desk, site)
    desk.agent_merges(one, other)
    kinds = [(event.kind, event.merged_into) for event in told(desk, site) if event.kind is not Kind.TOUCHED]
    assert kinds == [(Kind.COMMENTED, None), (Kind.CHANGED, None), (Kind.MERGED, other), (Kind.COMMENTED, None)]
    desk.agent_deletes(other)
    assert [event.kind for event in told(desk, site)] == [Kind.DELETED]


def test_a_placeholder_is_filled_in_like_zendesk_does(desk: Sandbox, site: Site) -> None:
    ticket = desk.open_ticket("VPN down", "help")
    desk.agent_says(ticket, "{{ticket.title}}: {{ticket.requester.name}}{{ticket.nonsense}}", public=False)
    assert desk.view(ticket).notes == ("VPN down: Casey Customer",)


def test_nothing_is_built_for_nobody(tmp_path: Any) -> None:
    sandbox = build(Authority(tmp_path))
    sandbox.postman.hold()
    sandbox.open_ticket("VPN down", "help")
    held: list[Envelope] = []
    sandbox.postman.release(lambda kept: held.extend(kept) or ())
    sandbox.stop()
    assert held == []
