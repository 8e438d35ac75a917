"""The pretend Zendesk's own rules and webhooks: triggers, automations, SLA clocks, and who is told of what they do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask, Response, request

from connectors.contract import Delivery
from connectors.postman import Envelope
from connectors.sandboxing import Authority, Served
from connectors.zendesk.pretend_hooks import EVERYTHING
from connectors.zendesk.pretend_rules import Save, applies, visible
from connectors.zendesk.records import LEVEL_FIELD, OURS, PretendTicket
from connectors.zendesk.sandbox import Sandbox
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.webhook import verify
from tests.connectors.zendesk_bench import BEGIN, Clock, made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(authority: Authority, clock: Clock) -> Iterator[Sandbox]:
    yield from made(authority, clock)


class Ear:
    """A receiver of webhooks that answers from a script, then 202."""

    def __init__(self) -> None:
        self.heard: list[Delivery] = []
        self.script: list[Response] = []
        app = Flask("ear")
        app.add_url_rule("/hook", "hook", self._hear, methods=["POST", "GET"])
        self.served = Served(app)
        self.url = f"{self.served.url}/hook"

    def _hear(self) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body, query = request.get_data(), request.query_string.decode()
        self.heard.append(
            Delivery(vendor="zendesk", site="acme", body=body, headers=headers, query=query, received_at=BEGIN)
        )
        return self.script.pop(0) if self.script else Response(status=202)


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.served.stop()


@pytest.fixture
def admin(desk: Sandbox, authority: Authority) -> Iterator[Any]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(authority.bundle)
        session.headers["Authorization"] = f"Bearer {desk.admin_secret}"

        def ask(method: str, path: str, body: Any = None) -> Any:
            answer = session.request(method, f"{desk.url}/api/v2/{path}", json=body, timeout=5)
            return answer.json() if answer.content else answer.status_code

        yield ask


def events(desk: Sandbox) -> list[dict[str, Any]]:
    """Return the events that were held back since the last time."""
    caught: list[Envelope] = []
    desk.postman.release(lambda held: caught.extend(held) or ())
    desk.postman.hold()
    return [json.loads(one.body) for one in caught]


def listen(desk: Sandbox) -> None:
    desk.subscribe("https://127.0.0.1:9/never-sent")
    desk.postman.hold()


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [one["type"].removeprefix("zen:event-type:ticket.") for one in told]


def webhook(ear: Ear, *subscriptions: str, **more: Any) -> dict[str, Any]:
    given = {"name": "Stepladder", "status": "active", "endpoint": ear.url, "http_method": "POST"}
    return {"webhook": {**given, "request_format": "json", "subscriptions": list(subscriptions), **more}}


# --- webhooks ------------------------------------------------------------------------------------------------
def test_a_webhook_made_by_an_administrator_is_told_what_it_wants_signed_with_its_own_secret(
    desk: Sandbox, ear: Ear, admin: Any
) -> None:
    made = admin("POST", "webhooks", webhook(ear, "zen:event-type:ticket.priority_changed"))["webhook"]
    assert "secret" not in json.dumps(made)
    secret = admin("GET", f"webhooks/{made['id']}/signing_secret")["signing_secret"]["secret"]
    ticket = desk.open_ticket("VPN down", "help")
    desk.agent_changes(ticket, priority="high", tags=["a"])
    desk.postman.settle()
    (heard,) = ear.heard
    assert heard.headers["x-zendesk-webhook-id"] == made["id"]
    settings = ZendeskSettings(url="https://acme.zendesk.com", oauth_token="t", webhook_secrets=(secret,))
    verify(heard, settings, BEGIN)
    assert secret not in desk.secrets()["webhook_secrets"]


def test_a_webhook_can_be_listed_changed_renewed_and_removed(desk: Sandbox, ear: Ear, admin: Any) -> None:
    number = admin("POST", "webhooks", webhook(ear, *EVERYTHING))["webhook"]["id"]
    assert [one["id"] for one in admin("GET", "webhooks?filter[name_contains]=ladder")["webhooks"]] == [number]
    assert admin("GET", "webhooks?filter[name_contains]=other")["webhooks"] == []
    before = admin("GET", f"webhooks/{number}/signing_secret")
    assert admin("POST", f"webhooks/{number}/signing_secret") != before
    assert admin("PATCH", f"webhooks/{number}", {"webhook": {"status": "inactive"}}) == 204
    assert admin("GET", f"webhooks/{number}")["webhook"]["status"] == "inactive"
    desk.open_ticket("VPN down", "help")
    desk.postman.settle()
    assert ear.heard == []
    assert admin("DELETE", f"webhooks/{number}") == 204
    assert "errors" in admin("GET", f"webhooks/{number}")
    assert "errors" in admin("POST", "webhooks", {"webhook": {"name": "x"}})


def test_deliveries_can_be_looked_up_with_what_was_sent(desk: Sandbox, ear: Ear, admin: Any) -> None:
    number = admin("POST", "webhooks", webhook(ear, "zen:event-type:ticket.created"))["webhook"]["id"]
    desk.postman.pace = 0.0001
    ear.script = [Response(status=409), Response(status=403)]
    for subject in ("one", "two"):
        desk.open_ticket(subject, "help")
        desk.postman.settle()
    ended, first = admin("GET", f"webhooks/{number}/invocations")["invocations"]
    assert (ended["status"], first["status"], first["status_code"]) == ("success", "terminated", 403)
    assert len(admin("GET", f"webhooks/{number}/invocations?filter[status]=terminated")["invocations"]) == 1
    attempts = admin("GET", f"webhooks/{number}/invocations/{first['id']}/attempts")["attempts"]
    assert [one["status_code"] for one in attempts] == [409, 403]
    assert attempts[0]["id"] == number
    assert json.loads(attempts[0]["request"]["payload"])["detail"]["subject"] == "one"


# --- events --------------------------------------------------------------------------------------------------
CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"status": "pending"}, {"status_changed"}),
    ({"priority": "high"}, {"priority_changed"}),
    ({"type": "incident"}, {"type_changed"}),
    ({"subject": "new"}, {"subject_changed"}),
    ({"group": "Billing"}, {"group_assignment_changed"}),
    ({"assignee": "Robin Reyes"}, {"agent_assignment_changed", "status_changed"}),
    ({"organization": "Globex"}, {"organization_changed"}),
    ({"due_at": "2026-12-01T00:00:00Z"}, {"task_due_at_changed"}),
    ({"external_id": "X-1"}, {"external_id_changed"}),
    ({"requester_id": 7001}, {"requester_changed"}),
    ({"level": 2}, {"custom_field_changed", "tags_changed"}),
    ({"tags": ["a"]}, {"tags_changed"}),
    ({"followers": [{"user_email": "mara@example.com", "action": "put"}]}, {"followers_changed"}),
    ({"email_ccs": [{"user_id": 7002, "action": "put"}]}, {"email_ccs_changed"}),
]


@pytest.mark.parametrize(("fields", "told"), CHANGES, ids=lambda value: min(value))
def test_every_change_is_told_by_its_own_event(desk: Sandbox, fields: dict[str, Any], told: set[str]) -> None:
    listen(desk)
    ticket = desk.open_ticket("VPN down", "help")
    events(desk)
    desk.agent_changes(ticket, **fields)
    heard = events(desk)
    assert set(kinds(heard)) == told
    assert len({one["event"]["meta"]["sequence"]["id"] for one in heard}) == 1
    assert {one["type"] for one in heard} <= set(EVERYTHING)
    desk.agent_changes(ticket, **fields)
    assert events(desk) == []  # what changes nothing is told to nobody


def test_a_custom_status_is_a_kind_of_a_status(desk: Sandbox) -> None:
    desk.account.more_statuses.append(
        {"id": 777, "status_category": "hold", "agent_label": "At the supplier", "active": True, "default": False}
    )
    listen(desk)
    ticket = desk.open_ticket("VPN down", "help")
    events(desk)
    desk.agent_changes(ticket, custom_status_id=777)
    assert desk.view(ticket).status == "on_hold"
    assert kinds(events(desk)) == ["status_changed", "custom_status_changed"]
    desk.agent_changes(ticket, status="open")
    assert desk.account.tickets[int(ticket)].custom_status_id == 402
    assert kinds(events(desk)) == ["status_changed", "custom_status_changed"]


# --- triggers ------------------------------------------------------------------------------------------------
def test_a_trigger_mails_the_customer_when_the_priority_changes(desk: Sandbox) -> None:
    desk.mail_customer_on_priority_change()
    ticket = desk.open_ticket("VPN down", "help", priority="low")
    desk.outbound.clear()
    desk.agent_changes(ticket, tags=["a"])
    assert desk.outbound == []
    desk.agent_changes(ticket, priority="urgent")
    (mail,) = desk.outbound
    assert (mail.to, mail.subject, mail.text) == (
        "casey@example.com",
        f"Your request #{ticket}",
        "Its priority is now Urgent.",
    )
    assert desk.history(ticket)[-1].says.startswith("mail to Casey Customer")


@pytest.mark.parametrize(("said_by", "actor"), [(None, str(OURS)), (-1, "-1")])
def test_a_trigger_undoes_what_our_account_moved_and_nobody_elses(
    desk: Sandbox, said_by: int | None, actor: str
) -> None:
    desk.undo_our_group()
    desk.account.rules_act_as = said_by
    listen(desk)
    ticket = desk.open_ticket("VPN down", "help")
    events(desk)
    desk.account.change(desk.account.tickets[int(ticket)], OURS, {"group_id": 361})
    away, back = events(desk)
    assert (away["detail"]["actor_id"], back["detail"]["actor_id"]) == (str(OURS), actor)
    assert [one["event"]["current"] for one in (away, back)] == ["361", "360"]
    assert away["event"]["meta"]["sequence"]["id"] == back["event"]["meta"]["sequence"]["id"]
    desk.agent_changes(ticket, group="Billing")
    assert desk.view(ticket).group == "Billing"


def test_a_triggers_webhook_says_what_its_administrator_typed(desk: Sandbox, ear: Ear, admin: Any) -> None:
    number = admin("POST", "webhooks", webhook(ear, "conditional_ticket_events"))["webhook"]["id"]
    body = '{"ticket_id": "{{ticket.id}}", "priority": "{{ticket.priority}}"}'
    desk.account.triggers.append(
        {
            "id": 1,
            "title": "Tell",
            "active": True,
            "position": 1,
            "conditions": {"all": [{"field": "status", "operator": "is", "value": "open"}], "any": []},
            "actions": [{"field": "notification_webhook", "value": [number, body]}],
        }
    )
    ticket = desk.open_ticket("VPN down", "help", priority="normal")
    desk.agent_changes(ticket, status="open")
    desk.postman.settle()
    (heard,) = ear.heard
    assert json.loads(heard.body) == {"ticket_id": ticket, "priority": "Normal"}


def test_triggers_run_on_what_other_triggers_did_and_each_once(desk: Sandbox) -> None:
    def rule(number: int, seen: str, given: str) -> dict[str, Any]:
        condition = {"field": "current_tags", "operator": "includes", "value": seen}
        action = {"field": "current_tags", "value": given}
        shown = {"id": number, "title": seen, "active": True, "position": number}
        return {**shown, "conditions": {"all": [condition], "any": []}, "actions": [action]}

    desk.account.triggers += [rule(1, "b", "c"), rule(2, "a", "b"), rule(3, "c", "a")]
    ticket = desk.open_ticket("VPN down", "help", tags=["a"])
    assert set(desk.view(ticket).tags) == {"a", "b", "c"}


CONDITIONS: list[tuple[dict[str, Any], bool]] = [
    ({"field": "status", "operator": "is", "value": "open"}, True),
    ({"field": "status", "operator": "is_not", "value": "open"}, False),
    ({"field": "status", "operator": "less_than", "value": "solved"}, True),
    ({"field": "priority", "operator": "greater_than", "value": "normal"}, True),
    ({"field": "priority", "operator": "changed", "value": ""}, True),
    ({"field": "status", "operator": "changed", "value": ""}, False),
    ({"field": "status", "operator": "not_changed", "value": ""}, True),
    ({"field": "priority", "operator": "value", "value": "high"}, True),
    ({"field": "priority", "operator": "changed_to", "value": "urgent"}, False),
    ({"field": "priority", "operator": "value_previous", "value": "low"}, True),
    ({"field": "priority", "operator": "changed_from", "value": "high"}, False),
    ({"field": "priority", "operator": "not_value", "value": "urgent"}, True),
    ({"field": "priority", "operator": "not_value_previous", "value": "low"}, False),
    ({"field": "group_id", "operator": "is", "value": "360"}, True),
    ({"field": "assignee_id", "operator": "is", "value": ""}, True),
    ({"field": f"custom_fields_{LEVEL_FIELD}", "operator": "is", "value": "stepladder_level_2"}, True),
    ({"field": "current_tags", "operator": "includes", "value": "vip other"}, True),
    ({"field": "current_tags", "operator": "not_includes", "value": "vip"}, False),
    ({"field": "update_type", "operator": "is", "value": "Change"}, True),
    ({"field": "update_type", "operator": "is", "value": "Create"}, False),
    ({"field": "comment_is_public", "operator": "is", "value": "false"}, True),
    ({"field": "comment_is_public", "operator": "is", "value": "true"}, False),
    ({"field": "comment_is_public", "operator": "is", "value": "not_relevant"}, True),
    ({"field": "comment_is_public", "operator": "is", "value": "requester_can_see_comment"}, False),
    ({"field": "role", "operator": "is", "value": "agent"}, True),
    ({"field": "role", "operator": "is", "value": "end_user"}, False),
    ({"field": "role", "operator": "is", "value": "7001"}, True),
    ({"field": "moon_phase", "operator": "is", "value": "full"}, False),
]


@pytest.mark.parametrize(("condition", "true"), CONDITIONS, ids=lambda value: str(value))
def test_a_condition_is_judged_as_published(condition: dict[str, Any], true: bool) -> None:
    ticket = PretendTicket(
        id=1, requester_id=8001, created_at="", updated_at="", subject="", description="", status="open",
        priority="low", tags=["vip"], custom={LEVEL_FIELD: "stepladder_level_2"},
    )  # fmt: skip
    before = visible(ticket)
    ticket.priority = "high"
    save = Save(ticket=ticket, before=before, created=False, public=False, actor=7001)
    assert applies({"conditions": {"all": [condition]}}, save) is true
    assert applies({"conditions": {"any": [condition]}}, save) is true
    assert applies({"active": False, "conditions": {"all": [condition]}}, save) is False


# --- automations and clocks ----------------------------------------------------------------------------------
def test_an_automation_acts_after_whole_hours_when_it_is_run(desk: Sandbox, clock: Clock) -> None:
    waited = {"field": "updated_at", "operator": "greater_than", "value": "4"}
    unsolved = {"field": "status", "operator": "less_than", "value": "solved"}
    actions = [{"field": "priority", "value": "urgent"}, {"field": "comment_value", "value": ["channel:all", "Soon."]}]
    rule = {"id": 1, "title": "Wake", "active": True, "conditions": {"all": [waited, unsolved]}, "actions": actions}
    desk.account.automations.append(rule)
    listen(desk)
    ticket = desk.open_ticket("VPN down", "help")
    events(desk)
    clock.now += timedelta(hours=4, minutes=59)
    assert desk.run_automations() == 0
    clock.now += timedelta(minutes=1)
    assert desk.run_automations() == 1
    assert {one["detail"]["actor_id"] for one in events(desk)} == {"-1"}
    assert (desk.view(ticket).priority, desk.view(ticket).replies[-1]) == ("urgent", "Soon.")


def policy(**targets: int) -> dict[str, Any]:
    metrics = ("first_reply_time", "next_reply_time")
    return {
        "id": 1,
        "title": "Standard",
        "position": 1,
        "filter": {"all": [], "any": []},
        "policy_metrics": [
            {"priority": priority, "metric": metric, "target": minutes, "business_hours": False}
            for metric in metrics
            for priority, minutes in targets.items()
        ],
    }


def next_breach(desk: Sandbox, ticket: str) -> list[tuple[str, str]]:
    return [(one["metric"], one["breach_at"]) for one in desk.account.tickets[int(ticket)].promises]


def test_an_sla_clock_starts_with_a_priority_stops_with_a_reply_and_is_told_of(desk: Sandbox, clock: Clock) -> None:
    desk.account.slas.append(policy(normal=60, urgent=15))
    listen(desk)
    ticket = desk.open_ticket("VPN down", "help")
    assert next_breach(desk, ticket) == []  # without a priority nothing is promised
    desk.agent_changes(ticket, priority="normal")
    assert next_breach(desk, ticket) == [("first_reply_time", "2026-11-22T09:00:00Z")]
    desk.agent_changes(ticket, priority="urgent")
    assert next_breach(desk, ticket) == [("first_reply_time", "2026-11-22T08:15:00Z")]
    desk.agent_says(ticket, "psst", public=False)
    assert next_breach(desk, ticket) == [("first_reply_time", "2026-11-22T08:15:00Z")]
    desk.agent_says(ticket, "We look.")
    assert next_breach(desk, ticket) == []
    clock.now += timedelta(hours=1)
    desk.customer_says(ticket, "And?")
    desk.customer_says(ticket, "Hello?")
    assert next_breach(desk, ticket) == [("next_reply_time", "2026-11-22T09:15:00Z")]
    desk.agent_changes(ticket, status="solved")
    assert next_breach(desk, ticket) == []
    assert kinds(events(desk)).count("next_sla_breach_changed") == 5


def test_a_plan_without_slas_neither_lists_nor_shows_them(desk: Sandbox, admin: Any) -> None:
    desk.account.slas.append(policy(normal=60))
    ticket = desk.open_ticket("VPN down", "help", priority="normal")
    shown = admin("GET", f"tickets/{ticket}?include=slas")["ticket"]["slas"]["policy_metrics"]
    assert shown == [{"metric": "first_reply_time", "stage": "active", "breach_at": "2026-11-22T09:00:00Z"}]
    assert len(admin("GET", "slas/policies")["sla_policies"]) == 1
    desk.account.has_slas = False
    assert "slas" not in admin("GET", f"tickets/{ticket}?include=slas")["ticket"]
    assert admin("GET", "slas/policies")["error"] == "RecordNotFound"


def test_a_field_that_an_administrator_makes_is_on_every_ticket(desk: Sandbox, admin: Any) -> None:
    ticket = desk.open_ticket("VPN down", "help")
    options = [{"name": "Up", "value": "way_up"}]
    wanted = {"type": "tagger", "title": "Way", "custom_field_options": options}
    made = admin("POST", "ticket_fields", {"ticket_field": wanted})["ticket_field"]
    assert made["custom_field_options"][0]["id"]
    assert "already used" in json.dumps(admin("POST", "ticket_fields", {"ticket_field": {**wanted, "title": "Two"}}))
    assert "blank" in json.dumps(admin("POST", "ticket_fields", {"ticket_field": {"type": "text"}}))
    assert made["id"] in [one["id"] for one in admin("GET", f"tickets/{ticket}")["ticket"]["custom_fields"]]
    put = {"ticket": {"custom_fields": [{"id": made["id"], "value": "way_up"}]}}
    assert "way_up" in admin("PUT", f"tickets/{ticket}", put)["ticket"]["tags"]
    off = admin("PUT", f"ticket_fields/{made['id']}", {"ticket_field": {"active": False}})["ticket_field"]
    assert off["active"] is False
    assert made["id"] not in [one["id"] for one in admin("GET", f"tickets/{ticket}")["ticket"]["custom_fields"]]
