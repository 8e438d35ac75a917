"""What Jira's webhooks prove and say, where the samples do not show it."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import BadSignature, Delivery, Unreadable
from connectors.jira import webhook
from connectors.jira.settings import JiraSettings
from connectors.site import Site
from policies.model import Change, Event, Kind, Role, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLAIN: Mapping[str, Any] = {"url": "https://acme.example.com", "email": "bot@example.com", "token": "t"}
FIELDS = {
    "participants": "customfield_1",
    "team": "customfield_2",
    "region": "customfield_3",
    "language": "customfield_4",
}


def site(names: Mapping[str, str] | None = None, **more: Any) -> Site:
    settings = JiraSettings(**{**PLAIN, "account": "712020:us", **more})
    return Site(name="here", settings=settings, account=settings.account, names=names or {})


def delivery(body: object, **headers: str) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(vendor="jira", site="here", body=raw, headers=named, received_at=NOW)


def updated(*items: Mapping[str, Any], user: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "timestamp": 1772445605600,
        "webhookEvent": "jira:issue_updated",
        "user": user or {"accountId": "712020:ann", "accountType": "atlassian", "displayName": "Ann"},
        "issue": {"id": "10001", "key": "ITSM-1", "fields": {"summary": "x", **fields}},
        "changelog": {"id": "5", "items": list(items)},
    }


def one(body: object, where: Site | None = None) -> Event:
    where = where or site(fields=FIELDS)
    (ref,) = webhook.tickets(delivery(body), where)
    (event,) = webhook.read(delivery(body), where, ref)
    return event


# --- who sent it --------------------------------------------------------------------------------------------
def test_the_published_vector_is_believed() -> None:
    # https://developer.atlassian.com/cloud/jira/platform/webhooks/ (secure admin webhooks)
    digest = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    settings = JiraSettings(**PLAIN, webhook_secrets=("It's a Secret to Everybody",))
    webhook.verify(delivery(b"Hello World!", x_hub_signature=f"sha256={digest}"), settings, NOW)
    for wrong in (f"sha1={digest}", digest, f"sha256={digest[:-1]}0", "sha256=", "ü"):
        with pytest.raises(BadSignature):
            webhook.verify(delivery(b"Hello World!", x_hub_signature=wrong), settings, NOW)


def test_automation_is_believed_by_its_word() -> None:
    settings = JiraSettings(**PLAIN, automation_tokens=("quince", "pear tree"))
    webhook.verify(delivery({}, x_stepladder_token="quince"), settings, NOW)
    webhook.verify(delivery({}, authorization="Bearer quince"), settings, NOW)
    webhook.verify(delivery({}, x_stepladder_token="pear tree"), settings, NOW)  # the next one, during a rotation
    for headers in ({"x_stepladder_token": "pear"}, {"authorization": "quince"}, {}):
        with pytest.raises(BadSignature):
            webhook.verify(delivery({}, **headers), settings, NOW)


def test_data_center_may_log_in_instead_of_signing() -> None:
    settings = JiraSettings(
        url="https://jira.example.com",
        deployment="datacenter",
        personal_token="p",
        webhook_user="hook",
        webhook_passwords=("pass:word", "next"),
    )
    for word in (b"pass:word", b"next"):
        pair = base64.b64encode(b"hook:" + word).decode()
        webhook.verify(delivery({}, authorization=f"Basic {pair}"), settings, NOW)
    with pytest.raises(BadSignature):
        webhook.verify(delivery({}, authorization="Basic aG9vazo="), settings, NOW)


def test_a_wrong_signature_is_not_outweighed_by_another_proof() -> None:
    settings = JiraSettings(**PLAIN, automation_tokens=("quince", "pear tree"), webhook_secrets=("s",))
    with pytest.raises(BadSignature):
        webhook.verify(delivery({}, x_hub_signature="sha256=00", x_stepladder_token="quince"), settings, NOW)


def test_the_identifier_is_kept_and_its_absence_too() -> None:
    assert webhook.delivery_id(delivery({}, x_atlassian_webhook_identifier=" abc ")) == "abc"
    assert webhook.delivery_id(delivery({})) is None


# --- which tickets ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b"", ()),  # Data Center's "exclude body"
        (b"  ", ()),
        ({"timestamp": 1}, ()),
        ({"issue": {"id": 10**25, "fields": {}}}, (str(10**25),)),
        ({"issue": {"id": "10001"}}, ("10001",)),
        ({"issue": {"id": "../../user"}}, (None,)),
        ({"issue": {"key": "ITSM-1"}}, ()),  # a key may move; the id is what stays
        ({"id": 7, "key": "A-7"}, ("7",)),
        ({"id": 7, "name": "a board"}, ()),
        ({"webhookEvent": "worklog_created", "worklog": {"issueId": "88"}}, ("88",)),
        ({"webhookEvent": "comment_created", "comment": {"self": "https://x/rest/api/2/issue/9/comment/1"}}, ("9",)),
        ({"webhookEvent": "issuelink_created", "issueLink": {"sourceIssueId": 1, "destinationIssueId": 1}}, ("1",)),
        ({"webhookEvent": "board_created", "board": {"id": 3}}, ()),
    ],
)
def test_tickets_are_named_by_their_ids(body: object, ids: tuple[str | None, ...]) -> None:
    found = webhook.tickets(delivery(body), site())
    assert [ref.id for ref in found] == [i for i in ids if i]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"id": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_object_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="expected"):
        webhook.tickets(delivery(raw), site())


def test_nothing_is_told_about_another_ticket() -> None:
    other = TicketRef(vendor="jira", site="here", id="2")
    assert webhook.read(delivery(updated()), site(), other) == ()


# --- who did it ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("user", "role"),
    [
        ({"accountId": "712020:us"}, Role.OURS),
        ({"accountId": "557058:x", "accountType": "app"}, Role.APP),
        ({"accountId": "qm:1", "accountType": "customer"}, Role.REQUESTER),
        ({"accountId": "712020:rep", "accountType": "atlassian"}, Role.REQUESTER),
        ({"accountId": "712020:par"}, Role.REQUESTER),
        ({"accountId": "712020:ann"}, Role.AGENT),
        ({"name": "rep-name"}, Role.REQUESTER),
        ({"displayName": "nobody"}, Role.UNKNOWN),
    ],
)
def test_people_have_roles(user: Mapping[str, Any], role: Role) -> None:
    body = updated(
        user=user,
        reporter={"accountId": "712020:rep", "name": "rep-name"},
        customfield_1=[{"accountId": "712020:par"}],
    )
    event = one(body)
    assert event.actor is not None
    assert event.actor.role is role


def test_a_save_with_a_comment_is_two_facts() -> None:
    item = {
        "field": "priority",
        "fieldId": "priority",
        "from": "3",
        "fromString": "Medium",
        "to": "1",
        "toString": "Highest",
    }
    body = updated(item) | {
        "comment": {
            "id": "9",
            "body": "now",
            "author": {"accountId": "a"},
            "created": "2026-03-02T10:00:00.000+0000",
            "jsdPublic": True,
        }
    }
    (ref,) = webhook.tickets(delivery(body), site())
    changed, spoken = webhook.read(delivery(body), site(), ref)
    assert (changed.kind, changed.id) == (Kind.CHANGED, "changelog:5")
    assert (spoken.kind, spoken.id) == (Kind.COMMENTED, "comment:9:2026-03-02T10:00:00+00:00")


# --- what changed -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("item", "change"),
    [
        (
            {"field": "team", "fieldId": "customfield_2", "from": "11", "fromString": "A", "to": "12", "toString": "B"},
            Change(field="group", before="11", after="12", after_name="B"),
        ),
        (
            {"field": "x", "fieldId": "customfield_3", "from": None, "fromString": "North", "to": None, "toString": ""},
            Change(field="custom.region", before="North", after=None),
        ),
        (
            {
                "field": "priority",
                "fieldId": "priority",
                "from": "77",
                "fromString": "P1",
                "to": "3",
                "toString": "Medium",
            },
            Change(field="priority", before="P1", after="normal", after_name="Medium"),
        ),
        (
            {"field": "status", "fieldId": "status", "from": "3", "fromString": "Doing", "to": "5", "toString": "Done"},
            Change(field="status", before="open", after="solved", after_name="Done"),
        ),
        (
            {"field": "Sprint", "fieldtype": "custom", "from": "1", "fromString": "S1", "to": "2", "toString": "S2"},
            Change(field="Sprint", before="S1", after="S2"),
        ),
        (
            {"field": "reporter", "fieldId": "reporter", "from": "a", "to": "b", "toString": "B"},
            Change(field="requester", before="a", after="b", after_name="B"),
        ),
    ],
)
def test_changes_are_told_in_our_words(item: Mapping[str, Any], change: Change) -> None:
    where = site({"status_category:3": "indeterminate", "status_category:5": "done"}, fields=FIELDS)
    assert one(updated(item), where).changes == (change,)


@pytest.mark.parametrize("named", [{"field": "Link"}, {"field": "Verknüpfung", "fieldId": "issuelinks"}])
def test_a_link_in_a_changelog_is_no_change_of_a_field(named: dict[str, str]) -> None:
    item = {**named, "fieldtype": "jira", "from": None, "to": "DEV-1", "toString": "This issue is blocked by DEV-1"}
    event = one(updated(item))
    assert (event.kind, event.changes) == (Kind.CHANGED, ())


def test_the_sites_own_maps_come_first() -> None:
    where = site(
        statuses={"waiting for CUSTOMER": "pending", "10119": "closed"}, priorities={"urgent": "P1", "low": "77"}
    )
    fields = {"status": {"id": "5", "name": "Waiting for customer"}, "priority": {"id": "77", "name": "Anything"}}
    ticket = one(updated(**fields), where).ticket
    assert ticket is not None
    assert (ticket.status, ticket.priority and ticket.priority.word) == ("pending", "low")


def test_a_level_field_is_believed_before_the_labels() -> None:
    where = site(level_field="customfield_9")
    for value, labels, level in (
        ({"value": "Level 3"}, ["stepladder-level-2"], 3),
        (2.0, [], 2),
        (None, ["stepladder-level-4"], 4),
        (None, [], 1),
    ):
        ticket = one(updated(customfield_9=value, labels=labels), where).ticket
        assert ticket is not None
        assert ticket.level == level


def test_an_unheard_of_status_is_unknown_and_not_empty() -> None:
    ticket = one(updated(status={"id": "1", "name": "Odd"})).ticket
    assert ticket is not None
    assert not ticket.knows("status")


def test_a_field_in_any_shape_becomes_text() -> None:
    shapes = [
        ({"value": "A", "child": {"value": "B"}}, "A / B"),
        ([{"name": "x"}, {"name": "y"}], "x, y"),
        (3.0, "3"),
        (True, "true"),
        ([], None),
    ]
    for value, text in shapes:
        ticket = one(updated(customfield_3=value)).ticket
        assert ticket is not None
        assert ticket.custom == {"region": text}
    spoken = one(updated(customfield_4={"languageCode": "pt", "displayName": "Português"})).ticket
    assert spoken is not None
    assert spoken.language == "pt"


# --- anything at all ----------------------------------------------------------------------------------------
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ISSUE_FIELDS = ("status", "priority", "assignee", "labels", "project", "created", "updated", "comment", "customfield_1")


@given(
    name=st.sampled_from(["jira:issue_updated", "jira:issue_created", "comment_created", "worklog_created", "", "new"]),
    fields=st.dictionaries(st.sampled_from(ISSUE_FIELDS), JSON_VALUES),
    rest=st.dictionaries(
        st.sampled_from(["user", "comment", "changelog", "timestamp", "issue_event_type_name"]), JSON_VALUES
    ),
    items=st.lists(
        st.dictionaries(st.sampled_from(["field", "fieldId", "from", "to", "toString"]), JSON_VALUES), max_size=2
    ),
)
def test_no_shape_of_a_body_is_an_accident(name: str, fields: Any, rest: Any, items: Any) -> None:
    where = site(fields=FIELDS, level_field="customfield_9")
    body = {
        "webhookEvent": name,
        "issue": {"id": "1", "fields": fields},
        "changelog": {"id": 1, "items": items},
        **rest,
    }
    sent = delivery(json.dumps(body).encode())
    for ref in webhook.tickets(sent, where):
        for event in webhook.read(sent, where, ref):
            assert event.id
            assert event.at.tzinfo is not None
            assert dataclasses.replace(event).sort_key
