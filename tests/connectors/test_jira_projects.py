"""Projects that call things otherwise than their site: reading, fetching and writing all go by the ticket's project."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Call, Delivery, Refused
from connectors.jira import CONNECTOR
from connectors.jira.client import JiraClient, connect
from connectors.jira.records import FIELDS, LEVEL_FIELD
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings, in_project
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.commands import Command, Line, Note, Span, Take
from policies.model import Event, Named, Priority, Role, Status, Ticket, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TOML = """
url = "https://acme.example.com"
email = "bot@example.com"
level_field = "customfield_1"
[fields]
product = "customfield_2"
team = "customfield_3"
participants = "customfield_4"
[statuses]
"Waiting for customer" = "pending"
"Parked" = "on_hold"
[priorities]
urgent = "Blocker"
[projects.DEV]
level_field = ""
[projects.DEV.fields]
product = "customfield_20"
region = "customfield_21"
participants = "customfield_22"
[projects.DEV.statuses]
"waiting for CUSTOMER" = "on_hold"
[projects.DEV.priorities]
high = "Blocker"
[projects.OPS]
level_field = "customfield_10"
"""


def site(**more: Any) -> Site:
    settings = JiraSettings(**{**tomllib.loads(TOML), "token": "t", "account": "712020:us", **more})
    return Site(name="here", settings=settings, account=settings.account)


def read(issue: Mapping[str, Any], *items: Mapping[str, Any]) -> Event:
    body = {
        "timestamp": 1772445605600,
        "webhookEvent": "jira:issue_updated",
        "user": {"accountId": "712020:ann", "accountType": "atlassian", "displayName": "Ann"},
        "issue": {"id": "10001", **issue},
        "changelog": {"id": "5", "items": list(items)},
    }
    delivery = Delivery(vendor="jira", site="here", body=json.dumps(body).encode(), received_at=NOW)
    (event,) = CONNECTOR.read(delivery, site(), CONNECTOR.tickets(delivery, site())[0])
    return event


def fields(**more: Any) -> dict[str, Any]:
    told = {"status": {"id": "7", "name": "Waiting for customer"}, "priority": {"id": "1", "name": "Blocker"}}
    by_id = {"customfield_1": 3, "customfield_2": "site's", "customfield_10": 4, "customfield_20": "DEV's"}
    return {**told, **by_id, "labels": ["stepladder-level-2"], **more}


# --- settings -----------------------------------------------------------------------------------------------
def test_a_project_says_only_what_differs() -> None:
    seen = in_project(site(), "DEV").settings
    assert seen.fields == {
        "team": "customfield_3",
        "product": "customfield_20",
        "region": "customfield_21",
        "participants": "customfield_22",
    }
    assert seen.priorities == {"urgent": "Blocker", "high": "Blocker"}
    assert seen.level_field is None
    assert in_project(site(), "OPS").settings == site(level_field="customfield_10", projects={}).settings


@pytest.mark.parametrize("key", [None, "", "HR"])
def test_a_project_without_maps_goes_by_the_sites(key: str | None) -> None:
    whole = site()
    assert in_project(whole, key) is whole


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        ({"itsm": {}}, "a project's key in capitals, such as ITSM, got 'itsm'"),
        ({"IT-7": {}}, "got 'IT-7'"),
        ({"ITSM": {"priorities": {"blocker": "1"}}}, "low, normal, high, urgent"),
        ({"ITSM": {"statuses": {"Done": "finished"}}}, "'Done' to be one of .*solved"),
        ({"ITSM": {"field": {}}}, "projects.ITSM.field"),
        ({"ITSM": {"fields": {"team": 7}}}, "projects.ITSM.fields.team"),
    ],
)
def test_wrong_maps_of_a_project_are_refused_in_sentences(projects: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        site(projects=projects)


# --- reading ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("issue", "told"),
    [
        ({"fields": fields(project={"key": "HR"})}, (Status.PENDING, Priority.URGENT, "site's", 3)),
        ({"fields": fields()}, (Status.PENDING, Priority.URGENT, "site's", 3)),
        ({"fields": fields(project={"key": "DEV"})}, (Status.ON_HOLD, Priority.HIGH, "DEV's", 2)),
        ({"fields": fields(project={"id": "10002"}), "key": "DEV-7"}, (Status.ON_HOLD, Priority.HIGH, "DEV's", 2)),
        ({"fields": fields(), "key": "DEV-7"}, (Status.ON_HOLD, Priority.HIGH, "DEV's", 2)),
        ({"fields": fields(), "key": "OPS-7"}, (Status.PENDING, Priority.URGENT, "site's", 4)),
    ],
    ids=["another", "unknown", "by its key", "by the issue's key", "no project", "level field only"],
)
def test_a_ticket_is_read_by_its_projects_maps(issue: dict[str, Any], told: tuple[object, ...]) -> None:
    ticket = read(issue).ticket
    assert ticket is not None
    assert (ticket.status, ticket.priority, ticket.product, ticket.level) == told


@pytest.mark.parametrize(("key", "words"), [("HR-1", ["pending", "urgent"]), ("DEV-1", ["on_hold", "high"])])
def test_changes_are_read_by_the_projects_maps(key: str, words: list[str]) -> None:
    items = [
        {"field": "status", "fieldId": "status", "from": "3", "fromString": "x", "to": "9", "toString": "Parked"},
        {"field": "status", "fieldId": "status", "to": "7", "toString": "Waiting for customer"},
        {"field": "priority", "fieldId": "priority", "to": "1", "toString": "Blocker"},
    ]
    changes = read({"key": key, "fields": fields()}, *items).changes
    assert [change.after for change in changes] == ["on_hold", *words]


@pytest.mark.parametrize(
    ("key", "names"),
    [("HR-1", ["level", "product", "customfield_20"]), ("DEV-1", ["customfield_1", "customfield_2", "product"])],
)
def test_changed_fields_are_named_as_in_their_project(key: str, names: list[str]) -> None:
    ids = ("customfield_1", "customfield_2", "customfield_20")
    items = [{"field": "x", "fieldId": name, "fieldtype": "custom", "fromString": "1", "toString": "2"} for name in ids]
    assert [change.field for change in read({"key": key, "fields": {}}, *items).changes] == names


@pytest.mark.parametrize(("key", "role"), [("HR-1", Role.AGENT), ("DEV-1", Role.REQUESTER)])
def test_participants_are_those_of_the_project(key: str, role: Role) -> None:
    event = read({"key": key, "fields": fields(customfield_22=[{"accountId": "712020:ann"}])})
    assert event.actor is not None
    assert event.actor.role is role


# --- fetching and writing, against the pretend Jira ----------------------------------------------------------
NOWHERE = "customfield_99999"
MAPS: Mapping[str, Any] = {
    "fields": {"team": FIELDS["team"], "product": FIELDS["product"]},
    "statuses": {"To Do": "new"},
    "priorities": {"urgent": "High", "high": "Medium"},
    "level_field": LEVEL_FIELD,
}


@pytest.fixture
def desk(authority: Authority) -> Iterator[Sandbox]:
    desk = build(authority)
    yield desk
    desk.stop()


@pytest.fixture
def here(desk: Sandbox) -> Site:
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    section["fields"] = {"team": NOWHERE}
    settings = JiraSettings(**section, **desk.secrets(), level_field=NOWHERE, projects={"DEV": MAPS})
    return Site(name="here", settings=settings, account=settings.account)


@pytest.fixture
def client(here: Site) -> Iterator[JiraClient]:
    client = connect(here, Pocket())
    yield client
    client.close()


def opened(desk: Sandbox, client: JiraClient, **more: Any) -> Ticket:
    ref = TicketRef(vendor="jira", site="here", id=desk.open_ticket("Printer", "It burns", **more))
    ticket = client.fetch(ref, frozenset(), NOW)[0].ticket
    assert ticket is not None
    return ticket


def edit(ticket: Ticket, here: Site, **more: Any) -> Call:
    command = Command(
        operation="op5",
        level=3,
        level_before=1,
        level_name="L3",
        take=Take.OWNERSHIP,
        target=more.pop("target", {"field": {"team": "Billing"}}),
        priority=more.pop("priority", Priority.URGENT),
        note=Note(lines=(Line(spans=(Span(text="op op5"),)),)),
    )
    return CONNECTOR.plan(command, ticket, here)[0]


def test_a_fetched_ticket_is_seen_by_its_projects_maps(desk: Sandbox, client: JiraClient) -> None:
    ticket = opened(desk, client, project="DEV", priority="high", product="Printer")
    assert (ticket.status, ticket.priority, ticket.product) == (Status.NEW, Priority.URGENT, "Printer")
    other = opened(desk, client, project="ITSM", priority="high", product="Printer")
    assert (other.status, other.priority, other.product) == (Status.OPEN, Priority.HIGH, None)


def test_a_write_goes_to_the_fields_and_priorities_of_the_project(
    desk: Sandbox, client: JiraClient, here: Site
) -> None:
    ticket = opened(desk, client, project="DEV")
    outcome = client.carry_out(edit(ticket, here), ticket)
    assert outcome.resolved == {"priority": "2", "field:team": "10203"}
    kept = desk.site.find(ticket.ref.id)
    assert (kept["priority"], kept["custom"][FIELDS["team"]], kept["custom"][LEVEL_FIELD]) == ("2", "Billing", 3)


def test_a_ticket_with_only_its_key_is_written_by_its_projects_maps(
    desk: Sandbox, client: JiraClient, here: Site
) -> None:
    ticket = replace(opened(desk, client, project="DEV"), project=None)
    client.carry_out(edit(ticket, here), ticket)
    assert desk.view(ticket.ref.id).group == "Billing"
    numbered = replace(ticket, project=Named(id="10002"))
    client.carry_out(edit(numbered, here, target={"field": {"team": "Support"}}), numbered)
    assert desk.view(ticket.ref.id).group == "Support"


def test_another_projects_ticket_is_written_by_the_sites_maps(desk: Sandbox, client: JiraClient, here: Site) -> None:
    ticket = opened(desk, client)
    with pytest.raises(Refused, match=f"{NOWHERE} is not on the edit screen") as refused:
        client.carry_out(edit(ticket, here), ticket)
    assert refused.value.parts == {"level", "field:team"}


def test_the_vendors_blame_is_read_by_the_projects_maps(desk: Sandbox, client: JiraClient, here: Site) -> None:
    ticket = opened(desk, client, project="DEV")
    client.carry_out(edit(ticket, here), ticket)
    desk.site.off_screen = {FIELDS["team"], LEVEL_FIELD}  # after the screen was remembered
    with pytest.raises(Refused) as refused:
        client.carry_out(edit(ticket, here, target={"field": {"team": "Support"}}), ticket)
    assert refused.value.parts == {"level", "field:team"}
