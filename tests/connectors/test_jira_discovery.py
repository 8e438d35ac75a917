"""Names in the settings become ids, by what a site says it has; a project's own fields count only there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors.contract import Refused, TryLater
from connectors.faults import Fault
from connectors.jira.client import connect
from connectors.jira.discovery import KEEP, Project
from connectors.jira.pretend_fields import PretendField
from connectors.jira.records import APPROVALS, FIELDS, FIRST_REPLY, HELP_FIELDS, LEVEL_FIELD, PARTICIPANTS
from connectors.jira.resolving import Listed, listed_fields, resolved
from connectors.jira.settings import JiraSettings, in_project
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.model import Priority
from tests.connectors.jira_bench import NOW, Bench, made

NAMED = {"product": "product", "team": "Team", "sla": "Time to resolution, Time to first response"}


@pytest.fixture(params=["cloud", "datacenter"])
def bench(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from made(authority, request.param, fields=NAMED, level_field="Escalation level")


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Bench]:
    yield from made(authority, fields=NAMED, level_field="Escalation level", projects={"DEV": {"level_field": ""}})


# --- names → ids --------------------------------------------------------------------------------------------
def test_names_become_ids_and_the_service_desks_own_fields_need_no_line(bench: Bench) -> None:
    found = bench.client.settings()
    assert found.fields == {
        "product": FIELDS["product"],
        "team": FIELDS["team"],
        "sla": f"{FIELDS['sla']}, {FIRST_REPLY}",
        "request_type": FIELDS["request_type"],
        "organization": FIELDS["organization"],
        "participants": PARTICIPANTS,
        "approvals": APPROVALS,
    }
    assert found.level_field == LEVEL_FIELD
    assert bench.client.names()[f"field:{FIELDS['product']}"] == "Product"


def test_a_team_managed_projects_own_fields_count_there_and_nowhere_else(cloud: Bench) -> None:
    maps = cloud.client.settings().projects
    assert maps.keys() == {"DEV", "HELP"}
    assert maps["DEV"].level_field == ""
    assert (maps["HELP"].fields, maps["HELP"].level_field) == (
        {"product": HELP_FIELDS["product"]},
        HELP_FIELDS["level"],
    )


def test_a_ticket_is_read_and_written_by_the_fields_of_its_project(cloud: Bench) -> None:
    ticket, ref = cloud.open(project="HELP")
    target = {"assignee": cloud.desk.person("ben"), "field": {"product": "Laptop"}}
    cloud.client.carry_out(cloud.plan(ticket, target=target)[0], ticket)
    kept = cloud.desk.site.find(ref.id)["custom"]
    assert (kept[HELP_FIELDS["product"]], kept[HELP_FIELDS["level"]]) == ("Laptop", 2)
    read = cloud.ticket(ref)
    assert (read.product, read.level) == ("Laptop", 2)


def test_what_is_asked_is_asked_once_in_a_quarter_of_an_hour(bench: Bench) -> None:
    for seconds, questions in ((0, []), (KEEP - 1, []), (KEEP, ["field", "status"])):
        bench.time[0] = seconds
        bench.client.settings()
        bench.client.names()
        assert [r.path.rpartition("/")[2] for r in bench.desk.requests][: len(questions)] == questions
    assert len(bench.desk.requests) == (3 if bench.desk.site.cloud else 2)


def test_a_field_that_was_made_since_is_found(bench: Bench) -> None:
    bench.desk.site.catalogue.all["customfield_777"] = PretendField(id="customfield_777", name="Product", custom="x")
    bench.time[0] = KEEP
    assert bench.client.settings().fields["product"] == "product"  # two of one name: none is taken
    del bench.desk.site.catalogue.all[FIELDS["product"]]
    bench.time[0] = 2 * KEEP
    assert bench.client.settings().fields["product"] == "customfield_777"


def test_only_what_is_used_is_asked_of_an_issue(bench: Bench) -> None:
    ref = bench.opened()
    for wanted, there in ((frozenset[str](), False), (frozenset({"conversation"}), True)):
        bench.desk.requests.clear()
        bench.client.fetch(ref, wanted, NOW)
        asked = parse_qs(bench.desk.requests[0].query)["fields"][0].split(",")
        assert {"status", FIELDS["team"], LEVEL_FIELD, PARTICIPANTS} <= set(asked)
        assert ("comment" in asked, "description" in asked) == (there, there)
        assert not {"*all", "Team", "Escalation level"} & set(asked)


def test_a_name_that_fits_nothing_is_told_in_the_log_once(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    for bench in made(authority, fields={"product": "Prodct"}):
        bench.time[0] = KEEP
        bench.client.settings()
        (told,) = [record.getMessage() for record in caplog.records if record.name == "stepladder.jira"]
        event, _, fields = told.partition(" ")
        assert (event, json.loads(fields)["site"]) == ("jira.name_unknown", "jira/here")
        assert json.loads(fields)["reason"].startswith("fields.product: Jira has no field 'Prodct'; the nearest")
        assert bench.open(product="Printer")[0].product is None


# --- what goes wrong ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("do", ["503", "html", "cut", "401"])
def test_an_old_picture_is_better_than_none(bench: Bench, do: str) -> None:
    before = bench.client.settings()
    bench.desk.faults.add(Fault(do=do, match="GET /rest/api/2/field"))
    bench.time[0] = KEEP
    assert bench.client.settings() == before
    ref = bench.opened(product="Printer")
    bench.time[0] = 2 * KEEP
    assert bench.ticket(ref).product == "Printer"


def test_without_any_picture_a_ticket_waits_and_is_not_misread(authority: Authority) -> None:
    for bench in made(authority, fields=NAMED):
        ref = bench.opened(product="Printer")
        other = connect(bench.site, Pocket())
        bench.desk.faults.add(Fault(do="503", match="GET /rest/api/2/field", times=9))
        assert other.settings().fields == NAMED
        with pytest.raises(TryLater, match="which fields it has"):
            other.fetch(ref, frozenset(), NOW)
        other.close()


def test_ids_in_the_settings_are_read_even_if_jira_tells_no_fields(authority: Authority) -> None:
    for bench in made(authority):
        bench.desk.faults.add(Fault(do="503", match="GET /rest/api/2/field", times=9))
        other = connect(bench.site, Pocket())
        ticket = other.fetch(bench.opened(product="Printer"), frozenset(), NOW)[0].ticket
        assert ticket is not None
        assert ticket.product == "Printer"
        other.close()


def test_a_project_is_told_with_who_can_enter_it(cloud: Bench) -> None:
    project = cloud.client._discovery.project
    assert project("HELP") == Project(id="10003", key="HELP", desk=True, team_managed=True, open=True)
    assert project("DEV") == Project(id="10002", key="DEV", desk=False)
    with pytest.raises(Refused, match="no project 'NONE'"):
        project("NONE")


# --- the rules of resolving, without a site ------------------------------------------------------------------
def field(number: str, name: str, project: str | None = None, custom: str = "x") -> dict[str, Any]:
    scope = {"scope": {"type": "PROJECT", "project": {"id": project}}} if project else {}
    return {"id": number, "name": name, "schema": {"type": "string", "custom": custom}, **scope}


def settings(**more: Any) -> JiraSettings:
    return JiraSettings(**{"url": "https://a.example.com", "email": "e", "token": "t", **more})


def told(given: JiraSettings, *fields: Any, **more: Any) -> tuple[JiraSettings, tuple[str, ...]]:
    return resolved(given, Listed(fields=listed_fields(fields), projects={"7": "HELP", "8": "SHOP"}, **more))


@pytest.mark.parametrize(
    ("fields", "id_at_site", "id_in_help", "said"),
    [
        ([field("c1", "Area")], "c1", "c1", ""),
        ([field("c1", "AREA"), field("c2", "Area", "7")], "c1", "c2", ""),
        ([field("c2", "Area", "7")], "Area", "c2", ""),
        ([field("c2", "Area", "7"), field("c3", "Area", "8")], "Area", "c2", ""),
        ([field("c1", "Area"), field("c2", "Area")], "Area", "Area", "2 fields are called 'Area'"),
        ([field("c1", "Area"), field("c2", "Area", "7"), field("c3", "Area", "7")], "c1", "c1", ""),
        ([field("c1", "Areal")], "Area", "Area", "no field 'Area'; the nearest are Areal"),
        ([field("Area", "Something else")], "Area", "Area", ""),
        ([None, {}, {"id": True, "name": 1}, field("c1", "Area")], "c1", "c1", ""),
    ],
)
def test_the_projects_own_field_counts_then_the_only_one_of_all(
    fields: list[Any], id_at_site: str, id_in_help: str, said: str
) -> None:
    found, sentences = told(settings(fields={"product": "Area"}), *fields)
    site = Site(name="here", settings=found)
    assert found.fields["product"] == id_at_site
    assert in_project(site, "HELP").settings.fields["product"] == id_in_help
    assert said in " ".join(sentences)
    assert bool(sentences) is bool(said)


def test_a_projects_own_line_comes_before_the_sites() -> None:
    given = settings(fields={"product": "Area"}, projects={"HELP": {"fields": {"product": "Shelf"}}})
    found, _ = told(given, field("c1", "Area"), field("c2", "Area", "7"), field("c3", "Shelf"))
    assert found.projects["HELP"].fields == {"product": "c3"}


def test_statuses_and_priorities_get_the_ids_of_their_names() -> None:
    given = settings(
        statuses={"Waiting": "pending", "9": "closed"},
        priorities={"urgent": "Blocker", "low": "4"},
        projects={"HELP": {"statuses": {"waiting": "on_hold"}, "priorities": {"high": "blocker"}}},
    )
    statuses = [{"id": "5", "name": "waiting"}, {"id": 9, "name": "Waiting"}, {"id": "10", "name": "Other"}, None]
    found, _ = told(given, field("c1", "x"), statuses=statuses, priorities=[{"id": "1", "name": "BLOCKER"}])
    assert found.statuses == {"Waiting": "pending", "9": "closed", "5": "pending"}
    assert found.priorities == {"urgent": "1", "low": "4"}
    assert found.projects["HELP"].statuses == {"waiting": "on_hold", "5": "on_hold"}
    assert found.projects["HELP"].priorities == {"high": "1"}


def test_a_priority_by_its_name_is_read_by_its_id_in_any_language(authority: Authority) -> None:
    for bench in made(authority, priorities={"urgent": "High", "high": "Medium", "normal": "Low", "low": "Lowest"}):
        assert bench.client.settings().priorities["urgent"] == "2"
        ticket, _ = bench.open(priority="high")
        assert ticket.priority is Priority.URGENT
