"""The pretend Jira tells everything that happens, signed, and our connector reads it as it was meant."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import pytest
import requests
from flask import Flask, request

from connectors.contract import Delivery
from connectors.faults import Fault
from connectors.jira import CONNECTOR
from connectors.jira.client import connect
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings
from connectors.sandboxing import Authority, Pocket, Served
from connectors.site import Site
from policies.commands import Command, Line, Note, Span, Take
from policies.model import Change, Event, Kind, Priority, Role, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Ear:
    """A receiver that keeps every delivery, verified."""

    def __init__(self, desk: Sandbox) -> None:
        section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
        settings = JiraSettings(**section, **desk.secrets())
        self.desk = desk
        self.site = Site(name="here", settings=settings, account=settings.account)
        self.heard: list[Delivery] = []
        self.busy = 0
        app = Flask("ear")
        app.post("/hook")(self._hear)
        self.served = Served(app)
        desk.subscribe(f"{self.served.url}/hook")

    def _hear(self) -> tuple[str, int]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body, query = request.get_data(), request.query_string.decode()
        delivery = Delivery(vendor="jira", site="here", body=body, headers=headers, query=query, received_at=NOW)
        CONNECTOR.verify(delivery, self.site.settings, NOW)
        self.heard.append(delivery)
        self.busy -= 1
        return ("", 503) if self.busy >= 0 else ("", 202)

    def events(self) -> list[Event]:
        self.desk.postman.settle()
        pairs = [(one, ref) for one in self.heard for ref in CONNECTOR.tickets(one, self.site)]
        return [event for one, ref in pairs for event in CONNECTOR.read(one, self.site, ref)]


@pytest.fixture(params=["cloud", "datacenter"])
def ear(tmp_path: object, request: pytest.FixtureRequest, authority: Authority) -> Iterator[Ear]:
    desk = build(authority, deployment=request.param)
    ear = Ear(desk)
    yield ear
    desk.stop()
    ear.served.stop()


def test_a_story_is_told_by_webhooks(ear: Ear) -> None:
    desk = ear.desk
    ticket = desk.open_ticket("Printer", "It burns", priority="low", organization="Acme")
    desk.customer_says(ticket, "hello?")
    desk.agent_says(ticket, "on it", public=False)
    desk.agent_changes(ticket, status="solved", priority="high", group="Billing", assignee="ben", level=2)
    desk.customer_says(ticket, "not solved")
    told = [event for event in ear.events() if event.kind is not Kind.TOUCHED]
    spoken = [(e.actor and e.actor.role, e.comment.text) for e in told if e.comment]
    says = [(Role.REQUESTER, "It burns"), (Role.REQUESTER, "hello?")]
    says += [(Role.AGENT, "on it")] if desk.site.cloud else []  # only a fetch tells Data Center's internal comments
    assert spoken == [*says, (Role.REQUESTER, "not solved")]
    changes = [(c.field, c.after) for e in told for c in e.changes]
    assert ("priority", "high") in changes
    assert ("assignee", desk.person("ben")) in changes
    assert ("level", "2") in changes
    assert ("status", "solved") in changes
    assert ("status", "open") in changes
    view = desk.view(ticket)
    assert (view.status, view.priority, view.group, view.level, view.edits) == ("open", "high", "Billing", 2, 0)
    assert (view.replies, view.notes) == (("hello?", "not solved"), ("on it",))


def test_what_the_requester_wrote_first_is_the_same_fact_by_webhook_and_fetch(ear: Ear) -> None:
    ref = TicketRef(vendor="jira", site="here", id=ear.desk.open_ticket("Printer", "It burns"))
    born, first = ear.events()
    client = connect(ear.site, Pocket())
    fetched, told = client.fetch(ref, frozenset({"conversation"}), NOW)
    (alone,) = client.fetch(ref, frozenset(), NOW)
    client.close()
    assert (born.kind, fetched.kind, alone.kind) == (Kind.CREATED, Kind.FETCHED, Kind.FETCHED)
    assert (first.id, first) == (f"description:{ref.id}", told)


def test_our_own_writes_come_back_as_the_echo_that_was_foretold(ear: Ear) -> None:
    desk = ear.desk
    ticket = desk.open_ticket("Printer", "It burns")
    client = connect(ear.site, Pocket())
    ref = TicketRef(vendor="jira", site="here", id=ticket)
    now = client.fetch(ref, frozenset(), NOW)[0].ticket
    assert now is not None
    command = Command(
        operation="op9",
        level=2,
        level_before=1,
        level_name="L2",
        take=Take.OWNERSHIP,
        target={"assignee": desk.person("ben"), "field": {"team": "Billing"}},
        priority=Priority.URGENT,
        note=Note(lines=(Line(spans=(Span(text="op op9"),)),)),
    )
    expected: dict[str, str | None] = {}
    for call in CONNECTOR.plan(command, now, ear.site):
        client.carry_out(call, now)
        expected |= call.expect
    client.close()
    ours = [e for e in ear.events() if e.actor and e.actor.role is Role.OURS and e.kind is Kind.CHANGED]
    changes = [change for event in ours for change in event.changes]
    assert {change.field for change in changes} == {"priority", "group", "assignee", "level"}
    assert all(expected[change.field] in (change.after, change.after_name) for change in changes)


def test_a_busy_receiver_gets_the_same_delivery_again(ear: Ear) -> None:
    ear.busy = 1
    ear.desk.open_ticket("Printer", "It burns")
    ear.desk.postman.settle()
    first, second = ear.heard
    assert first.body == second.body
    assert CONNECTOR.delivery_id(first) == CONNECTOR.delivery_id(second)
    assert (CONNECTOR.delivery_id(first) is None) is (not ear.desk.site.cloud)


def test_deliveries_can_be_held_and_turned_round(ear: Ear) -> None:
    ear.desk.postman.hold()
    for subject in ("one", "two"):
        ear.desk.open_ticket(subject, "x")
    ear.desk.postman.release(lambda held: held[::-1])
    created = [event.ticket for event in ear.events() if event.kind is Kind.CREATED]
    assert [ticket and ticket.subject for ticket in created] == ["two", "one"]


def test_a_stranger_is_not_answered(ear: Ear, authority: Authority) -> None:
    answer = requests.get(f"{ear.desk.url}/rest/api/2/myself", verify=str(authority.bundle), timeout=5)
    assert answer.status_code == 401
    ear.desk.faults.add(Fault(do="503", match="GET", retry_after="3"))
    answer = requests.get(f"{ear.desk.url}/rest/api/2/myself", verify=str(authority.bundle), timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")


def test_it_says_what_it_does_not_know(ear: Ear) -> None:
    ticket = ear.desk.open_ticket("Printer", "It burns")
    with pytest.raises(KeyError, match="Billing"):
        ear.desk.agent_changes(ticket, group="Nowhere")
    with pytest.raises(KeyError, match="carla"):
        ear.desk.agent_changes(ticket, assignee="nobody")


def test_both_deployments_can_be_configured(authority: Authority) -> None:
    deployments: tuple[Literal["cloud", "datacenter"], ...] = ("cloud", "datacenter")
    for deployment in deployments:
        desk = build(authority, deployment=deployment)
        section = tomllib.loads(desk.site_toml("x", "observe"))["sites"]["x"]
        assert JiraSettings(**section, **desk.secrets()).deployment == deployment
        desk.stop()


# --- transitions --------------------------------------------------------------------------------------------
def ask(ear: Ear, ticket: str, body: object = None) -> requests.Response:
    secrets, cloud = ear.desk.secrets(), ear.desk.site.cloud
    return requests.request(
        "GET" if body is None else "POST",
        f"{ear.desk.url}/rest/api/2/issue/{ticket}/transitions",
        auth=("stepladder@example.com", secrets["token"]) if cloud else None,
        headers={} if cloud else {"Authorization": f"Bearer {secrets['personal_token']}"},
        json=body,
        verify=str(ear.site.settings.ca_bundle),
        timeout=5,
    )


def offered(ear: Ear, ticket: str) -> dict[str, str]:
    return {way["name"]: way["id"] for way in ask(ear, ticket).json()["transitions"]}


def test_what_is_offered_depends_on_where_the_issue_stands(ear: Ear) -> None:
    ticket = ear.desk.open_ticket("Printer", "It burns")
    before = offered(ear, ticket)
    assert ask(ear, ticket, {"transition": {"id": before["Escalate this issue"]}}).status_code == 204
    after = offered(ear, ticket)
    assert "Escalate this issue" in before.keys() - after.keys()
    assert "Resolve this issue" in before.keys() & after.keys()


@pytest.mark.parametrize(
    ("body", "cloud", "datacenter", "said"),
    [
        ({}, 400, 400, "Missing 'transition'"),
        ({"transition": "51"}, 400, 400, "Missing 'transition'"),
        ({"transition": {"id": "999"}}, 400, 500, "not valid for this issue"),
        ({"transition": {"id": "71"}}, 400, 400, "not valid for the current state"),
    ],
)
def test_a_wrong_transition_is_refused_in_jiras_words(
    ear: Ear, body: object, cloud: int, datacenter: int, said: str
) -> None:
    ticket = ear.desk.open_ticket("Printer", "It burns")
    answer = ask(ear, ticket, body)
    assert answer.status_code == (cloud if ear.desk.site.cloud else datacenter)
    assert said in answer.json()["errorMessages"][0]
    assert ear.desk.site.find(ticket)["status"] == "10100"


def test_a_transition_is_told_with_status_and_resolution(ear: Ear) -> None:
    ticket = ear.desk.open_ticket("Printer", "It burns")
    ask(ear, ticket, {"transition": {"id": offered(ear, ticket)["Resolve this issue"]}})
    event = ear.events()[-1]
    assert event.actor is not None
    assert event.actor.role is Role.OURS
    assert event.changes == (
        Change(field="resolution", after="Done"),
        Change(field="status", after="solved", after_name="Resolved"),
    )
