"""Who is a customer and what customers can read at Data Center, which says neither; as far as it can be found out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Delivery
from connectors.faults import Fault
from connectors.jira import CONNECTOR
from connectors.jira.client import JiraClient, connect
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.model import Event, Kind, Role, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TALK = frozenset({"ticket", "conversation"})
ASKED = "/rest/api/2/user/assignable/search"


@dataclass(kw_only=True)
class Bench:
    """A pretend Data Center and the real client."""

    desk: Sandbox
    site: Site
    client: JiraClient
    time: list[float]

    def opened(self, project: str = "ITSM") -> TicketRef:
        number = self.desk.open_ticket("Printer on fire", "It burns", project=project)
        return TicketRef(vendor="jira", site="here", id=number)

    def heard(self, ref: TicketRef) -> dict[str, tuple[Role, bool | None]]:
        """Return who said what, and whether customers can read it."""
        told = self.client.fetch(ref, TALK, NOW)
        return {e.comment.text: (e.actor.role, e.comment.public) for e in told if e.comment and e.actor}

    def questions(self) -> list[str]:
        """Return about whom it was asked if they can have an issue."""
        return [r.query.partition("username=")[2].partition("&")[0] for r in self.desk.requests if r.path == ASKED]


@pytest.fixture
def center(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    desk = build(Authority(tmp_path_factory.mktemp("ca")), deployment="datacenter")
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    settings, time = JiraSettings(**{**section, **desk.secrets(), "read_timeout": 0.5}), [0.0]
    site = Site(name="here", settings=settings, account=settings.account)
    client = connect(site, Pocket(), clock=lambda: time[0])
    yield Bench(desk=desk, site=site, client=client, time=time)
    client.close()
    desk.stop()


def conversation(bench: Bench, project: str = "ITSM") -> TicketRef:
    ref = bench.opened(project)
    bench.desk.customer_says(ref.id, "mine too", who="cora")
    bench.desk.agent_says(ref.id, "we look", who="ben")
    bench.desk.agent_says(ref.id, "/escalate", public=False, who="eva")
    return ref


def test_another_customer_is_told_from_an_agent(center: Bench) -> None:
    heard = center.heard(conversation(center))
    assert heard["mine too"] == (Role.REQUESTER, True)
    assert heard["we look"] == (Role.AGENT, True)
    assert heard["/escalate"] == (Role.AGENT, False)


def test_it_is_asked_once_in_ten_minutes_and_not_about_who_writes_internally(center: Bench) -> None:
    ref = conversation(center)
    center.heard(ref)
    assert sorted(center.questions()) == ["ben", "carla", "cora", "stepladder"]
    center.time[0] = 599.0
    center.heard(conversation(center))
    assert len(center.questions()) == 4
    center.time[0] = 601.0
    assert center.heard(ref)["mine too"] == (Role.REQUESTER, True)
    assert len(center.questions()) == 8


def test_a_webhook_knows_the_customers_that_were_found_out(center: Bench) -> None:
    center.heard(conversation(center))
    known = {name for name in center.client.names() if name.startswith("customer:")}
    assert known == {"customer:ITSM:carla", "customer:ITSM:cora"}


def test_where_our_own_account_is_not_found_nobody_is_taken_for_a_customer(center: Bench) -> None:
    center.desk.site.inactive.add("stepladder")
    assert center.heard(conversation(center))["mine too"] == (Role.AGENT, True)
    assert "customer:ITSM:cora" not in center.client.names()


@pytest.mark.parametrize("do", ["401", "403", "503", "html"])
def test_where_it_cannot_be_asked_the_conversation_is_told_all_the_same(center: Bench, do: str) -> None:
    ref = conversation(center)
    for _ in range(4):
        center.desk.faults.add(Fault(do=do, match="assignable"))
    assert center.heard(ref)["mine too"] == (Role.AGENT, True)


def test_in_a_plain_project_everybody_who_is_not_the_requester_is_staff(center: Bench) -> None:
    heard = center.heard(conversation(center, "DEV"))
    assert {role for text, (role, _) in heard.items() if text != "It burns"} == {Role.AGENT}
    assert center.questions() == []


# --- webhooks -----------------------------------------------------------------------------------------------
def updated(bench: Bench, project: str, **comment: Any) -> tuple[Event, ...]:
    """Read Data Center's second event about a comment: it carries the issue, and not who can read the comment."""
    ref = bench.opened(project)
    issue = bench.desk.site.find(ref.id)
    said = bench.desk.site.say(issue, "ben", "/escalate", public=True)
    shown = {**bench.desk.site.comment(issue, said), **comment}
    body = {"webhookEvent": "jira:issue_updated", "user": bench.desk.site.user("ben"), "comment": shown}
    body |= {"timestamp": 1772445605600, "issue": bench.desk.site.show(issue)}
    delivery = Delivery(vendor="jira", site="here", body=json.dumps(body).encode(), received_at=NOW)
    return CONNECTOR.read(delivery, bench.site, ref)


def test_a_webhook_that_does_not_say_who_can_read_a_comment_asks_for_a_fetch(center: Bench) -> None:
    (event,) = updated(center, "ITSM")
    assert (event.kind, event.comment) == (Kind.TOUCHED, None)
    assert event.ticket is not None


def test_what_the_requester_writes_is_told_at_once(center: Bench) -> None:
    (event,) = updated(center, "ITSM", author=center.desk.site.user("carla"), updateAuthor=None)
    assert event.actor is not None
    assert (event.kind, event.actor.role) == (Kind.COMMENTED, Role.REQUESTER)


def test_one_for_a_role_only_is_internal(center: Bench) -> None:
    (event,) = updated(center, "ITSM", visibility={"type": "role", "value": "Service Desk Team"})
    assert event.comment is not None
    assert (event.comment.public, event.comment.among_staff) == (False, False)


def test_in_a_plain_project_all_who_read_are_staff(center: Bench) -> None:
    (event,) = updated(center, "DEV")
    assert event.comment is not None
    assert (event.comment.public, event.comment.among_staff) == (True, True)
