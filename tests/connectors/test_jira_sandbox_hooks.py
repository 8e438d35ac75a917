"""Webhooks made through the pretend Jira's APIs, and what its own rules do: delivered, signed, retried, recorded."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
from flask import Flask, request

from connectors.jira.records import ADMIN, FIELDS, OURS
from connectors.jira.sandbox import Deployment, Sandbox
from connectors.sandboxing import Authority, Served

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
OLD, NEW = "/rest/webhooks/1.0/webhook", "/rest/jira-webhook/1.0/webhooks"


@dataclass
class Ear:
    """A receiver that keeps everything, and says no as often as it is told to."""

    busy: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        app = Flask("ear")
        app.post("/hook")(self._hear)
        self.served = Served(app)
        self.url = f"{self.served.url}/hook"

    def _hear(self) -> tuple[str, int]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append((headers, request.get_data(), request.query_string.decode()))
        return "", self.busy.pop(0) if self.busy else 202

    def told(self) -> list[str]:
        return [json.loads(body).get("webhookEvent", "") for _, body, _ in self.heard]


@dataclass
class Place:
    """A pretend site with a clock that is set by hand, and an ear."""

    desk: Sandbox
    ear: Ear
    bundle: str
    now: datetime = START

    def ask(self, method: str, path: str, body: Any = None, *, who: str = ADMIN, **more: Any) -> requests.Response:
        if "headers" not in more:
            if self.desk.site.cloud:
                more["auth"] = (f"{who}@example.com", self.desk.doors.word(who))
            else:
                more["headers"] = {"Authorization": f"Bearer {self.desk.doors.word(who)}"}
        url = path if path.startswith("https:") else self.desk.url + path
        return requests.request(method, url, json=body, verify=self.bundle, timeout=5, **more)

    def hook(self, where: str, **more: Any) -> dict[str, Any]:
        told = {"name": "Stepladder", "url": self.ear.url, "events": ["jira:issue_created", "comment_created"]}
        made = self.ask("POST", where, {**told, **more})
        assert made.status_code == 201, made.text
        return dict(made.json())

    def bearer(self) -> dict[str, str]:
        code = self.desk.consent("manage:jira-webhook read:jira-work", "https://stepladder.example/back")
        body = {**self.desk.oauth_app(), "grant_type": "authorization_code", "code": code}
        body["redirect_uri"] = "https://stepladder.example/back"
        token = self.ask("POST", "/oauth/token", body, headers={}).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}


def opened(authority: Authority, deployment: Deployment) -> Iterator[Place]:
    now = [START]
    desk = Sandbox(authority, deployment=deployment, clock=lambda: place.now if now else START)
    place = Place(desk=desk, ear=Ear(), bundle=str(authority.bundle))
    yield place
    desk.stop()
    place.ear.served.stop()


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Place]:
    yield from opened(authority, "cloud")


@pytest.fixture
def center(authority: Authority) -> Iterator[Place]:
    yield from opened(authority, "datacenter")


@pytest.fixture(params=["cloud", "datacenter"])
def place(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Place]:
    yield from opened(authority, request.param)


# --- administrators' webhooks -------------------------------------------------------------------------------
def test_an_administrators_webhook_is_delivered_with_its_own_secret(cloud: Place) -> None:
    jql = {"issue-related-events-section": "project = ITSM"}
    made = cloud.hook(OLD, secret="It's a Secret to Everybody", filters=jql)
    assert (made["isSigned"], made["enabled"], "secret" in made) == (True, True, False)
    cloud.desk.open_ticket("Plan", "x", project="DEV")
    ticket = cloud.desk.open_ticket("Printer", "It burns")
    cloud.desk.agent_changes(ticket, priority="high")
    cloud.desk.postman.settle()
    assert cloud.ear.told() == ["jira:issue_created"]
    headers, body, _ = cloud.ear.heard[0]
    digest = hmac.new(b"It's a Secret to Everybody", body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature"] == f"sha256={digest}"


def test_a_webhook_is_changed_switched_off_and_removed(cloud: Place) -> None:
    own = cloud.hook(OLD)["self"]
    assert cloud.ask("PUT", own, {"enabled": False}).json()["enabled"] is False
    cloud.desk.open_ticket("Printer", "It burns")
    cloud.ask("PUT", own, {"enabled": True, "events": ["jira:issue_deleted"]})
    cloud.desk.open_ticket("Printer", "It burns")
    cloud.desk.postman.settle()
    assert cloud.ear.heard == []
    assert cloud.ask("DELETE", own).status_code == 204
    assert (cloud.ask("GET", own).status_code, cloud.ask("GET", OLD).json()) == (404, [])


@pytest.mark.parametrize(
    ("more", "who", "status"),
    [
        ({}, OURS, 403),
        ({"url": "http://stepladder.example/hook"}, ADMIN, 400),
        ({"events": ["jira:issue_invented"]}, ADMIN, 400),
        ({"filters": {"issue-related-events-section": "nonsense = 1"}}, ADMIN, 400),
        ({"name": ""}, ADMIN, 400),
    ],
)
def test_a_webhook_that_jira_would_not_make_is_not_made(
    cloud: Place, more: dict[str, Any], who: str, status: int
) -> None:
    told = {"name": "x", "url": cloud.ear.url, "events": ["jira:issue_created"], **more}
    assert cloud.ask("POST", OLD, told, who=who).status_code == status
    assert cloud.ask("GET", OLD).json() == []


def test_data_center_has_another_api_from_version_ten_on(center: Place) -> None:
    assert (center.ask("GET", OLD).status_code, center.ask("GET", NEW).status_code) == (404, 200)
    center.desk.site.version = (9, 12, 0)
    assert (center.ask("GET", OLD).status_code, center.ask("GET", NEW).status_code) == (200, 404)


def test_data_center_counts_what_became_of_deliveries(center: Place) -> None:
    number = center.hook(NEW, configuration={"SECRET": "s"})["id"]
    assert center.ask("GET", f"{NEW}/{number}/latest").status_code == 204
    center.ear.busy = [202, 404]
    for _ in range(2):
        center.desk.open_ticket("Printer", "It burns")
    center.desk.postman.settle()
    counts = center.ask("GET", f"{NEW}/{number}/statistics").json()["counts"]
    assert (counts["successes"], counts["failures"], counts["errors"]) == (1, 1, 0)
    assert center.ask("GET", f"{NEW}/{number}/latest").json()["result"]["outcome"] == "FAILURE"
    headers, _, query = center.ear.heard[0]
    assert "x-hub-signature" in headers
    assert not {name for name in headers if name.startswith("x-atlassian")}
    assert query == "user_id=admin&user_key=JIRAUSER10000"


def test_variables_in_an_address_are_filled_and_the_body_may_be_left_out(center: Place) -> None:
    center.hook(NEW, url=center.ear.url + "?issue=${issue.key}&id=${issue.id}", configuration={"EXCLUDE_BODY": "true"})
    ticket = center.desk.open_ticket("Printer", "It burns")
    center.desk.postman.settle()
    ((_, body, query),) = center.ear.heard
    assert (body, query.startswith(f"issue=ITSM-1&id={ticket}&")) == (b"", True)


def test_cloud_tries_again_with_the_same_name_and_counts_the_attempts(cloud: Place) -> None:
    cloud.hook(OLD)
    cloud.ear.busy = [503, 409]
    cloud.desk.open_ticket("Printer", "It burns")
    cloud.desk.postman.settle()
    names = {headers["x-atlassian-webhook-identifier"] for headers, _, _ in cloud.ear.heard}
    retries = [headers.get("x-atlassian-webhook-retry") for headers, _, _ in cloud.ear.heard]
    assert (len(names), retries) == (1, [None, "1", "2"])


def test_cloud_never_tries_again_what_was_refused(cloud: Place) -> None:
    cloud.hook(OLD)
    cloud.ear.busy = [401]
    cloud.desk.open_ticket("Printer", "It burns")
    cloud.desk.postman.settle()
    assert len(cloud.ear.heard) == 1


# --- an app's webhooks --------------------------------------------------------------------------------------
def test_an_apps_webhook_proves_itself_with_a_token_and_lives_thirty_days(cloud: Place) -> None:
    me = {"headers": cloud.bearer()}
    where = f"{cloud.desk.gateway}/rest/api/3/webhook"
    told = [
        {"events": ["jira:issue_updated"], "jqlFilter": "project = ITSM", "fieldIdsFilter": ["priority"]},
        {"events": ["jira:issue_updated"], "jqlFilter": "labels = x"},
    ]
    answer = cloud.ask("POST", where, {"url": cloud.ear.url, "webhooks": told}, **me).json()
    first, second = answer["webhookRegistrationResult"]
    assert second == {"errors": ["The clause labels is unsupported"]}
    ticket = cloud.desk.open_ticket("Printer", "It burns")
    cloud.desk.agent_changes(ticket, priority="high", status="open")
    cloud.desk.postman.settle()
    ((headers, body, _),) = cloud.ear.heard
    assert json.loads(body)["matchedWebhookIds"] == [first["createdWebhookId"]]
    scheme, _, token = headers["authorization"].partition(" ")
    app = cloud.desk.oauth_app()
    claims = jwt.decode(token, app["client_secret"], ["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert (scheme, claims["iss"]) == ("Bearer", app["client_id"])
    assert claims["qsh"] == hashlib.sha256(b"POST&/hook&").hexdigest()
    cloud.now += timedelta(days=31)
    cloud.desk.agent_changes(ticket, priority="low")
    me = {"headers": cloud.bearer()}
    cloud.ask("PUT", f"{where}/refresh", {"webhookIds": [first["createdWebhookId"]]}, **me)
    cloud.desk.agent_changes(ticket, priority="urgent")
    cloud.desk.postman.settle()
    assert len(cloud.ear.heard) == 2


def test_an_app_hears_which_deliveries_were_given_up(cloud: Place) -> None:
    me = {"headers": cloud.bearer()}
    where = f"{cloud.desk.gateway}/rest/api/3/webhook"
    told = [{"events": ["jira:issue_created"], "jqlFilter": "project = ITSM"}]
    cloud.ask("POST", where, {"url": cloud.ear.url, "webhooks": told}, **me)
    cloud.ear.busy = [404]
    cloud.desk.open_ticket("Printer", "It burns")
    cloud.desk.postman.settle()
    (lost,) = cloud.ask("GET", f"{where}/failed", **me).json()["values"]
    assert (lost["url"], lost["body"].encode()) == (cloud.ear.url, cloud.ear.heard[0][1])


def test_nobody_but_an_app_makes_an_apps_webhook(cloud: Place) -> None:
    assert cloud.ask("POST", "/rest/api/3/webhook", {"url": cloud.ear.url, "webhooks": []}).status_code == 403


# --- the site's own rules -------------------------------------------------------------------------------------
def test_a_rule_mails_the_customer_when_our_account_changes_the_priority(place: Place) -> None:
    place.desk.mail_customer_on_priority_change()
    ticket = place.desk.open_ticket("Printer", "It burns")
    body = {"fields": {"priority": {"id": "1"}}}
    assert place.ask("PUT", f"/rest/api/2/issue/{ticket}", body, who=OURS).status_code == 204
    (mail,) = place.desk.outbound
    assert (mail.ticket, mail.to) == (ticket, "carla@example.com")


def test_a_rule_undoes_what_our_account_sets_and_the_webhooks_tell_both(place: Place) -> None:
    place.desk.undo_our_field("team", "Support")
    place.desk.subscribe(place.ear.url)
    ticket = place.desk.open_ticket("Printer", "It burns", group="Support")
    body = {"fields": {FIELDS["team"]: {"value": "Billing"}}}
    assert place.ask("PUT", f"/rest/api/2/issue/{ticket}", body, who=OURS).status_code == 204
    place.desk.postman.settle()
    assert place.desk.view(ticket).group == "Support"
    changes = [json.loads(told) for _, told, _ in place.ear.heard][1:]
    told = [(one["user"]["displayName"], one["changelog"]["items"][0]["toString"]) for one in changes]
    assert told == [("Stepladder", "Billing"), ("Automation for Jira", "Support")]


def test_an_internal_note_mails_nobody_and_a_reply_does(place: Place) -> None:
    place.desk.notify_customers()
    ticket = place.desk.open_ticket("Printer", "It burns")
    path = f"/rest/servicedeskapi/request/{ticket}/comment"
    for public, mails in ((False, 0), (True, 1)):
        assert place.ask("POST", path, {"body": "x", "public": public}, who=OURS).status_code == 201
        assert len(place.desk.outbound) == mails
    place.ask("POST", f"/rest/api/2/issue/{ticket}/transitions", {"transition": {"id": "51"}}, who=OURS)
    assert place.desk.outbound[-1].text == "Escalated"


def test_a_broken_sla_reaches_us_only_by_a_rule_and_once(place: Place) -> None:
    place.desk.sla_goals(normal=timedelta(hours=1))
    place.desk.ask_on_broken_sla(place.ear.url, "word")
    ticket = place.desk.open_ticket("Printer", "It burns")
    for _ in range(3):
        place.desk.clocks_strike()
        place.now += timedelta(minutes=45)
    place.desk.clocks_strike()
    place.desk.postman.settle()
    ((headers, body, _),) = place.ear.heard
    told = json.loads(body)
    assert (headers["x-stepladder-token"], told["id"], "webhookEvent" in told) == ("word", int(ticket), False)
    assert "x-hub-signature" not in headers


def test_administrators_read_the_rules_and_nobody_else_does(place: Place) -> None:
    number = place.desk.mail_customer_on_priority_change()
    if place.desk.site.cloud:
        where = f"/gateway/api/automation/public/jira/{place.desk.cloud_id}/rest/v1/rule"
        (listed,) = place.ask("GET", f"{where}/summary").json()["data"]
        rule = place.ask("GET", f"{where}/{number}").json()["rule"]
        assert (listed["uuid"], "components" in listed) == (number, False)
        assert place.ask("GET", f"{where}/summary", who=OURS).status_code == 403
    else:
        where = "/rest/cb-automation/latest/project/GLOBAL/rule"
        (rule,) = place.ask("GET", where).json()
        assert place.ask("GET", where, who=OURS).status_code == 403
    assert rule["trigger"]["value"]["fields"] == [{"value": "priority", "type": "field"}]
    assert [step["type"] for step in rule["components"]] == ["jira.issue.outgoing.email"]


# --- what people see --------------------------------------------------------------------------------------------
def test_a_page_can_show_tickets_what_happened_and_what_can_be_chosen(place: Place) -> None:
    first, second = (place.desk.open_ticket(subject, "x") for subject in ("one", "two"))
    place.desk.agent_says(first, "secret", public=False)
    place.now += timedelta(minutes=1)
    place.desk.agent_changes(first, priority="high")
    assert [view.id for view in place.desk.tickets()] == [second, first]
    told = [(one.who, one.says, one.public) for one in place.desk.history(first)]
    assert told == [("Ann Agent", "secret", False), ("Ann Agent", "priority: High", None)]
    for name, words in place.desk.choices().items():
        for word in words:
            place.desk.agent_changes(first, **{name: word})
    assert place.desk.view(first).group == "Management"


def test_a_changed_and_a_deleted_comment_are_told_as_each_deployment_does(place: Place) -> None:
    place.desk.subscribe(place.ear.url)
    ticket = place.desk.open_ticket("Printer", "It burns")
    place.desk.agent_says(ticket, "one")
    place.desk.agent_edits_comment(ticket, "two")
    place.desk.agent_deletes_comment(ticket)
    place.desk.postman.settle()
    names = place.ear.told()[1:]
    if place.desk.site.cloud:
        assert names == ["comment_created", "comment_updated", "comment_deleted"]
    else:
        doubled = ["comment_created", "jira:issue_updated", "comment_updated", "jira:issue_updated", "comment_deleted"]
        assert names == doubled
        with_people = ["user" in json.loads(body) for _, body, _ in place.ear.heard[1:]]
        assert with_people == [False, True, True, True, True]
