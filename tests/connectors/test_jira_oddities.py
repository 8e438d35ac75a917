"""Bodies as Jira sends them, or as anybody might: read, or kept as a dead letter; no crash, and no other ticket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import BadSignature, Delivery, TryLater, Unreadable
from connectors.jira import webhook
from connectors.jira.settings import JiraSettings
from connectors.site import Site
from policies.model import Change, Event, Kind, Role

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
RECORDED = Path(__file__).parents[3] / "shared/vendors/samples/jira"
SETTINGS = JiraSettings(
    url="https://acme.example.com",
    email="bot@example.com",
    token="t",
    account="712020:us",
    fields={"team": "customfield_2", "participants": "customfield_3", "approvals": "customfield_4"},
    webhook_secrets=("s",),
)
SITE = Site(name="here", settings=SETTINGS, account="712020:us")
ANN = {"accountId": "712020:ann", "displayName": "Ann", "accountType": "atlassian"}


def delivery(body: object, **more: Any) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(vendor="jira", site="here", body=raw, received_at=NOW, **more)


def read(body: object, site: Site = SITE) -> list[Event]:
    sent = delivery(body)
    return [event for ref in webhook.tickets(sent, site) for event in webhook.read(sent, site, ref)]


def updated(*items: object, issue: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    shown = {"id": "10001", "key": "ITSM-1", "fields": {}} if issue is None else issue
    body = {"timestamp": 1772445605600, "webhookEvent": "jira:issue_updated", "user": ANN, "issue": shown}
    return {**body, "changelog": {"id": "5", "items": list(items)}, **more}


# --- which ticket -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"issue": {"id": 10001}}, ["10001"]),
        ({"issue": {"id": "12345678901234567890123456"}}, ["12345678901234567890123456"]),
        ({"issue": {"id": "  10001 "}}, ["10001"]),
        ({"issue": {"id": "0010001"}}, ["10001"]),
        ({"issue": {"id": "ITSM-1"}}, []),  # a key is no id: it would be another ticket
        ({"issue": {"id": "{{issue.id}}"}}, []),  # a smart value that was not filled in
        ({"issue": {"id": 10001.0}}, []),
        ({"issue": {"id": True}}, []),
        ({"issue": {"id": -5}}, []),
        ({"issue": {"id": 0}}, []),
        ({"issue": {"id": "٣"}}, []),
        ({"issue": {"id": None}}, []),
        ({"issue": None}, []),
        ({"issue": [1]}, []),
        ({"webhookEvent": "jira:issue_updated"}, []),
        ({"webhookEvent": "jira:issue_updated", "id": 7, "fields": {}}, []),
        ({"id": 11111, "key": "A-1", "fields": {}}, ["11111"]),
        ({"comment": {"self": "https://x/jira/rest/api/2/issue/9/comment/1"}}, ["9"]),  # a context path
        ({"comment": {"self": "https://api.atlassian.com/ex/jira/0a-1/rest/api/2/issue/9/comment/1"}}, ["9"]),
        ({"comment": {"self": "https://x/rest/api/2/issue/ITSM-1/comment/1"}}, []),
        ({"comment": {"self": 9}}, []),
        ({"issueLink": {"sourceIssueId": 1, "destinationIssueId": "2"}}, ["1", "2"]),
        ({"issueLink": {"sourceIssueId": None, "destinationIssueId": "x"}}, []),
        ({"eventType": "avi:jira:updated:issue", "issue": {"id": "4"}, "changelog": [{"field": "x"}]}, ["4"]),
    ],
)
def test_a_ticket_is_named_by_a_number_or_not_at_all(body: object, ids: list[str]) -> None:
    assert [ref.id for ref in webhook.tickets(delivery(body), SITE)] == ids


# --- what it says -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("item", "fields", "field"),
    [
        ({"field": "Статус", "fieldtype": "jira"}, {"status": {"id": "9", "name": "Готово"}}, "status"),
        ({"field": "Priorität", "fieldtype": "jira"}, {"priority": {"id": "9", "name": "Готово"}}, "priority"),
        ({"field": "Статус", "fieldId": "status"}, {}, "status"),
        ({"field": "Status", "fieldtype": "jira"}, {}, "status"),
        ({"field": "Key", "fieldtype": "jira"}, {}, "key"),
        ({"field": "Статус", "fieldtype": "jira"}, {"status": {"id": "8", "name": "Готово"}}, "Статус"),
        ({"field": "Статус", "fieldtype": "custom"}, {"status": {"id": "9", "name": "Готово"}}, "Статус"),
        ({"field": "Команда", "fieldtype": "custom"}, {}, "group"),
        ({"field": "Twice", "fieldtype": "custom"}, {}, "Twice"),
        ({"field": None}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_a_field_without_an_id_is_told_by_value_or_by_name_and_never_guessed(
    item: Mapping[str, Any], fields: Mapping[str, Any], field: str
) -> None:
    names = {"field:customfield_2": "КОМАНДА", "field:c8": "Twice", "field:c9": "twice"}
    body = updated({**item, "from": "1", "to": "9", "toString": "Готово"}, issue={"id": 1, "fields": fields})
    (event,) = read(body, Site(name="here", settings=SETTINGS, account="712020:us", names=names))
    assert [change.field for change in event.changes] == [field]


def test_custom_fields_may_carry_their_values_in_words_only() -> None:
    item = {"field": "Team", "fieldId": "customfield_2", "from": None, "fromString": "A", "to": None, "toString": "B"}
    (event,) = read(updated(item))
    assert event.changes == (Change(field="group", before="A", after="B", after_name="B"),)


@pytest.mark.parametrize("changelog", [None, [], {}, {"items": None}, {"items": []}, {"items": [None, 3, "x"]}, 7])
def test_an_empty_changelog_changes_nothing(changelog: object) -> None:
    (event,) = read(updated(changelog=changelog))
    assert (event.kind, event.changes) == (Kind.CHANGED, ())


def test_a_changelog_may_be_a_bare_list() -> None:
    items = [{"field": "priority", "fieldId": "priority", "from": "3", "to": "1", "toString": "Highest"}]
    (event,) = read(updated(changelog=items))
    assert [(change.field, change.after) for change in event.changes] == [("priority", "urgent")]


def test_how_requests_were_approved_is_told_by_the_picture() -> None:
    item = {"field": "Approvals", "fieldId": "customfield_4", "fromString": "x", "toString": "y"}
    for decisions, stand in (
        (["approved", "PENDING"], "pending"),
        (["approved", "declined"], "declined"),
        ([], None),
    ):
        told = [{"id": "1", "finalDecision": word} for word in decisions]
        (event,) = read(updated(item, issue={"id": 1, "fields": {"customfield_4": told}}))
        assert event.ticket is not None
        assert (event.changes, event.ticket.custom["approvals"]) == ((), stand)


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (1772445605600, datetime(2026, 3, 2, 10, 0, 5, 600_000, tzinfo=UTC)),
        ("6/13/2019, 12:51:58 PM,687", None),
        ("2018-12-20 15:45:59,695", None),
        ("2026-03-02T11:00:05.600+0100", datetime(2026, 3, 2, 10, 0, 5, 600_000, tzinfo=UTC)),
        (10**30, None),
        (-1, None),
        (None, None),
        ([], None),
    ],
)
def test_a_time_for_people_is_no_time_and_the_issues_own_counts(stamp: object, at: datetime | None) -> None:
    issue = {"id": 1, "fields": {"updated": "2026-03-02T12:00:00.000+0200"}}
    (event,) = read(updated(timestamp=stamp, issue=issue))
    assert event.at == (at or datetime(2026, 3, 2, 10, 0, tzinfo=UTC))


def test_a_misspelt_account_is_the_account_and_texts_in_place_of_switches_do_no_harm() -> None:
    user = {"accoundId": "712020:us", "active": "true", "displayName": "Stepladder"}
    (event,) = read(updated(user=user))
    assert event.actor is not None
    assert event.actor.role is Role.OURS


# --- what was recorded --------------------------------------------------------------------------------------
@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded payloads are not part of this repository")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("001-mm-cloud-comment-created-mention-user", ["10040 commented"]),
        ("004-mm-cloud-comment-updated", ["10040 commented"]),
        ("005-mm-cloud-issue-created-many-fields", ["10509 created", "10509 commented"]),
        ("007-mm-issue-assigned-empty-changelog", ["10001 changed"]),
        ("014-mm-issue-deleted", ["10303 deleted"]),
        ("015-mm-issue-updated-assigned-nobody", ["10040 changed assignee"]),
        ("016-mm-issue-updated-assigned-on-server", ["10226 changed assignee"]),
        ("024-mm-issue-updated-lowered-priority", ["10040 changed priority"]),
        ("036-mm-server-comment-created", ["10013 touched"]),
        ("041-mm-server-issue-updated-comment-edited", ["10013 touched"]),
        ("046-mm-server-issue-updated-in-progress", ["10300 changed status"]),
        ("050-mm-server-old-issue-updated-no-event-type-assigned", ["10040 changed assignee"]),
        ("066-mobitel-issue-updated-move-issue", ["12490 changed kind project status workflow key"]),
        ("069-mobitel-issuelink-created", ["11442 noted", "11961 touched"]),
        ("076-skyhook-jira-custom-no-event", []),
        ("086-atlassian-automation-send-web-request-automation-format", ["11111 changed"]),
    ],
)
def test_every_recorded_payload_is_read(name: str, told: list[str]) -> None:
    sent = delivery((RECORDED / f"{name}.json").read_bytes())
    found = [
        " ".join([ref.id, event.kind.value, *(change.field for change in event.changes)])
        for ref in webhook.tickets(sent, SITE)
        for event in webhook.read(sent, SITE, ref)
    ]
    assert found == told


# --- anything at all ----------------------------------------------------------------------------------------
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["1", "10001", "2026-03-02T10:00:00.000+0000", "9999-12-31T23:59:59.999+0000", "\x00", "\ud800"])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "key", "name", "value", "items", "fields", "content", "text", "accountId", "self"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PARTS = ("timestamp", "webhookEvent", "user", "issue", "changelog", "comment", "issueLink", "worklog", "fields", "id")
FIELDS = {"status", "priority", "project", "reporter", "assignee", "labels", "created", "updated", "description"}
FIELDS |= {"issuelinks", "duedate", "issuetype", "summary", "creator", *SETTINGS.fields.values()}
NAMES = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_deleted")


@given(body=st.dictionaries(st.sampled_from(PARTS), ODD))
def test_no_body_is_an_accident(body: dict[str, Any]) -> None:
    _sound(body)


@given(
    name=st.sampled_from(NAMES),
    fields=st.dictionaries(st.sampled_from(sorted(FIELDS)), ODD),
    more=st.dictionaries(st.sampled_from(["user", "comment", "changelog", "timestamp"]), ODD),
)
def test_no_issue_is_an_accident(name: str, fields: dict[str, Any], more: dict[str, Any]) -> None:
    _sound({"webhookEvent": name, "issue": {"id": "10001", "key": "ITSM-1", "fields": fields}, **more})


def _sound(body: object) -> None:
    sent = delivery(json.dumps(body).encode())
    try:
        refs = webhook.tickets(sent, SITE)
    except Unreadable:
        return
    for ref in refs:
        assert ref.id.isdecimal()
        for event in webhook.read(sent, SITE, ref):
            assert event.id
            assert event.at.utcoffset() == timedelta(0)
        assert webhook.read(sent, SITE, ref) == webhook.read(sent, SITE, ref)


@given(
    raw=st.binary(max_size=60),
    query=st.text(max_size=40),
    headers=st.dictionaries(
        st.sampled_from(["x-hub-signature", "authorization", "x-stepladder-token", "x-atlassian-webhook-identifier"]),
        st.text(max_size=40),
    ),
)
def test_no_bytes_and_no_headers_are_an_accident(raw: bytes, query: str, headers: dict[str, str]) -> None:
    sent = Delivery(vendor="jira", site="here", body=raw, headers=headers, query=query, received_at=NOW)
    with pytest.raises((BadSignature, TryLater)):
        webhook.verify(sent, SETTINGS, NOW)
    assert webhook.delivery_id(sent) != ""
    try:
        for ref in webhook.tickets(sent, SITE):
            webhook.read(sent, SITE, ref)
    except Unreadable:
        assert raw.strip()
