"""Who outside can read an internal comment of Jira: told by every fetch, guessed by none (decision 19)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Delivery
from connectors.faults import Fault
from connectors.jira import CONNECTOR
from connectors.jira.onlookers import PERHAPS, READER
from connectors.sandboxing import Authority
from tests.connectors.jira_bench import NOW, Bench, made


@pytest.mark.parametrize(
    ("project", "reporter", "exposed"),
    [
        ("ITSM", "carla", None),  # a customer reads in the portal only
        ("ITSM", "dan", READER),  # has a seat, and can have issues of this project
        ("ITSM", "stepladder", None),  # we are not outside
        ("DEV", "dan", None),  # no portal: whoever sees the issue reads every comment of it
    ],
)
def test_a_fetch_says_who_outside_reads_internal_comments(
    bench: Bench, project: str, reporter: str, exposed: str | None
) -> None:
    ticket, _ = bench.open(project=project, reporter=reporter)
    assert ticket.knows("exposed")
    assert ticket.exposed == exposed


def test_in_an_open_team_managed_desk_whoever_has_a_seat_reads_them(cloud: Bench) -> None:
    cloud.desk.site.inactive.add("dan")  # who cannot have an issue any more still had the seat to open it
    ticket, _ = cloud.open(project="HELP", reporter="dan")
    assert ticket.exposed == READER
    assert cloud.open(project="HELP")[0].exposed is None  # carla has none


def test_a_reporter_with_a_seat_who_cannot_enter_the_project_reads_nothing(bench: Bench) -> None:
    bench.desk.site.inactive.add("dan")
    assert bench.open(reporter="dan")[0].exposed is None


def test_where_jira_does_not_tell_it_is_as_careful_as_if_they_could(bench: Bench) -> None:
    bench.desk.site.inactive |= {"dan", "stepladder"}  # not even we are found, so not being found means nothing
    assert bench.open(reporter="dan")[0].exposed == PERHAPS


@pytest.mark.parametrize("do", ["403", "503"])
def test_a_question_that_fails_makes_it_careful_too(bench: Bench, do: str) -> None:
    ref = bench.opened(reporter="dan")
    bench.desk.faults.add(Fault(do=do, match="assignable"))
    assert bench.ticket(ref).exposed == PERHAPS


def test_an_issue_without_a_reporter_shows_nobody(bench: Bench) -> None:
    ref = bench.opened()
    bench.desk.site.find(ref.id)["reporter"] = None
    assert bench.ticket(ref).exposed is None


def test_it_is_asked_once_for_each_person(bench: Bench) -> None:
    for _ in range(3):
        bench.open(reporter="dan")
    assert len([r for r in bench.desk.requests if "assignable" in r.path]) == 1


def test_what_was_found_out_about_a_reporter_serves_the_webhooks_too(authority: Authority) -> None:
    for center in made(authority, "datacenter"):
        center.open()
        fields = center.desk.site.show(center.desk.site.find(center.opened().id))["fields"]
        body = {"webhookEvent": "jira:issue_updated", "issue": {"id": "7", "key": "ITSM-9", "fields": fields}}
        told = Delivery(vendor="jira", site="here", body=json.dumps(body).encode(), received_at=NOW)
        for names, known in (({}, False), (center.client.names(), True)):
            site = replace(center.site, names=names)
            (event,) = CONNECTOR.read(told, site, CONNECTOR.tickets(told, site)[0])
            assert event.ticket is not None
            assert (event.ticket.knows("exposed"), event.ticket.exposed) == (known, None)


@pytest.mark.parametrize(
    ("kind", "reporter", "known"),
    [
        ("service_desk", {"accountId": "a", "accountType": "customer"}, True),
        ("service_desk", {"accountId": "a", "accountType": "atlassian"}, False),
        ("service_desk", None, False),
        ("software", {"accountId": "a", "accountType": "atlassian"}, True),
    ],
)
def test_a_webhook_tells_it_where_it_says_enough(
    cloud: Bench, kind: str, reporter: Mapping[str, Any] | None, known: bool
) -> None:
    fields = {"project": {"id": "1", "key": "X", "projectTypeKey": kind}, "reporter": reporter}
    body = {"webhookEvent": "jira:issue_updated", "issue": {"id": "7", "key": "X-1", "fields": fields}}
    delivery = Delivery(vendor="jira", site="here", body=json.dumps(body).encode(), received_at=NOW)
    (ref,) = CONNECTOR.tickets(delivery, cloud.site)
    (event,) = CONNECTOR.read(delivery, cloud.site, ref)
    assert event.ticket is not None
    assert (event.ticket.knows("exposed"), event.ticket.exposed) == (known, None)
