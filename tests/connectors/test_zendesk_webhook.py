"""What Zendesk's deliveries prove and say, beyond the samples and the contract."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import BadSignature, Delivery, TryLater, Unreadable
from connectors.site import Site
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.webhook import TEST_SECRET, delivery_id, read, tickets, verify
from policies.model import Change, Event, Kind, Role, Status, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = TicketRef(vendor="zendesk", site="acme", id="5158")


def settings(**more: Any) -> ZendeskSettings:
    usual = {"url": "https://acme.zendesk.com", "oauth_token": "t", "webhook_secrets": ["a-secret"]}
    return ZendeskSettings(**{**usual, **more})


def site(**more: Any) -> Site:
    return Site(name="acme", settings=settings(**more), account="9000", names={"group:360": "Support", "user:7": "Ann"})


def delivery(body: Any, **headers: str) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(vendor="zendesk", site="acme", body=raw, headers=lower, received_at=NOW)


def signed(body: bytes, secret: str, stamp: str) -> Delivery:
    digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return delivery(
        body,
        x_zendesk_webhook_signature=base64.b64encode(digest).decode(),
        x_zendesk_webhook_signature_timestamp=stamp,
    )


def envelope(kind: str, event: Any, **detail: Any) -> dict[str, Any]:
    usual = {"id": "5158", "actor_id": "7", "requester_id": "8", "updated_at": "2026-11-22T07:59:00Z"}
    return {
        "type": f"zen:event-type:{kind}",
        "id": "e-1",
        "time": "2026-11-22T07:59:00.123456789Z",
        "subject": "zen:ticket:5158",
        "detail": {**usual, **detail},
        "event": event,
    }


def one(body: Any, of: Site | None = None) -> Event:
    (event,) = read(delivery(body), of or site(), REF)
    return event


# --- proof --------------------------------------------------------------------------------------------------
def test_a_published_signature_vector_is_believed() -> None:
    # after aaronellington/zendesk-go's webhook test: the secret's text is the key, and nothing joins stamp and body
    body = (
        b'{\n\t"type": "End User Comment",\n\t"ticketID": "12345",\n\t"priority": "Normal",\n\t"tags": "new",\n'
        b'\t"groupID": "9000",\n\t"assigneeID": "9001",\n\t"assigneeEmail": "kren@example.com"\n}\n'
    )
    claimed = "PlxjkFT3fSnU9NWSRjLHP86izLX68auazS1Xo8ZfiZE="
    request = delivery(body, x_zendesk_webhook_signature=claimed, x_zendesk_webhook_signature_timestamp="1234")
    # the vector's timestamp is no time, which is said only of a genuine signature
    with pytest.raises(BadSignature, match="expected a time"):
        verify(request, settings(webhook_secrets=[TEST_SECRET], sandbox=True), NOW)


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_a_stamp_within_five_minutes_is_believed(seconds: int) -> None:
    stamp = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    verify(signed(b"{}", "a-secret", stamp), settings(), NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_genuine_stamp_outside_the_window_blames_the_clock(seconds: int) -> None:
    stamp = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(TryLater, match="clock"):
        verify(signed(b"{}", "a-secret", stamp), settings(), NOW)


def test_the_published_test_secret_proves_nothing() -> None:
    request = signed(b"{}", TEST_SECRET, "2026-11-22T08:00:00Z")
    with pytest.raises(BadSignature, match="webhook_secrets"):
        verify(request, settings(webhook_secrets=[TEST_SECRET]), NOW)
    with pytest.raises(BadSignature):
        verify(request, settings(webhook_secrets=[TEST_SECRET, "a-secret"]), NOW)
    verify(request, settings(webhook_secrets=[TEST_SECRET], sandbox=True), NOW)


def test_the_stamp_is_signed_too() -> None:
    request = signed(b"{}", "a-secret", "2026-11-22T08:00:00Z")
    moved = {**request.headers, "x-zendesk-webhook-signature-timestamp": "2026-11-22T08:00:01Z"}
    with pytest.raises(BadSignature):
        verify(Delivery(vendor="zendesk", site="acme", body=b"{}", headers=moved, received_at=NOW), settings(), NOW)


def test_the_reason_names_no_secret() -> None:
    with pytest.raises(BadSignature) as caught:
        verify(signed(b"{}", "another", "2026-11-22T08:00:00Z"), settings(), NOW)
    assert "a-secret" not in str(caught.value)


# --- which ticket -------------------------------------------------------------------------------------------
def test_a_delivery_is_known_by_its_envelope_and_a_trigger_by_its_invocation() -> None:
    assert delivery_id(delivery(envelope("ticket.created", {}), x_zendesk_webhook_invocation_id="01J")) == "e-1"
    assert delivery_id(delivery({"ticket_id": 1, "id": "x"}, x_zendesk_webhook_invocation_id="01J")) == "01J"
    assert delivery_id(delivery(b"no json", x_zendesk_webhook_invocation_id="01J")) == "01J"
    assert delivery_id(delivery({"ticket_id": 1})) is None


@pytest.mark.parametrize(
    "body",
    [
        {"ticket_id": "5158"},
        {"ticket_id": 5158, "status": "Offen"},
        {"ticketID": " 5158 "},
        {"ticket": {"id": 5158}},
        {"type": "End User Comment", "ticketID": "5158"},
    ],
)
def test_a_triggers_ticket_is_found_and_nothing_else_believed(body: Any) -> None:
    assert tickets(delivery(body), site()) == (REF,)
    event = one(body)
    assert (event.kind, event.ticket, event.changes, event.actor) == (Kind.TOUCHED, None, (), None)


@pytest.mark.parametrize(
    "body", [{}, {"ticket_id": None}, {"ticket_id": True}, {"ticket_id": "../users"}, {"ticket_id": "0"}]
)
def test_a_body_without_a_tickets_id_is_kept_for_a_person(body: Any) -> None:
    with pytest.raises(Unreadable, match="ticket_id"):
        tickets(delivery(body), site())


def test_an_event_about_a_ticket_that_it_does_not_name_is_unreadable() -> None:
    body = {"type": "zen:event-type:ticket.created", "detail": {}, "event": {}}
    with pytest.raises(Unreadable, match="name its ticket"):
        tickets(delivery(body), site())


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_object_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        tickets(delivery(raw), site())


def test_another_tickets_delivery_says_nothing_about_this_one() -> None:
    other = TicketRef(vendor="zendesk", site="acme", id="1")
    assert read(delivery(envelope("ticket.created", {})), site(), other) == ()
    assert read(delivery({"ticket_id": 5158}), site(), other) == ()


# --- what happened ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["soft_deleted", "permanently_deleted", "marked_as_spam"])
def test_a_ticket_that_is_gone_is_deleted(kind: str) -> None:
    assert one(envelope(f"ticket.{kind}", {})).kind is Kind.DELETED


def test_a_ticket_can_come_back() -> None:
    assert one(envelope("ticket.undeleted", {})).kind is Kind.RESTORED


def test_an_unheard_of_event_is_noted_with_its_picture() -> None:
    event = one(envelope("ticket.sparkled", {"x": 1}, status="PENDING"))
    assert event.kind is Kind.NOTED
    assert event.ticket
    assert event.ticket.status is Status.PENDING


def test_a_change_that_does_not_say_what_changed_is_a_reason_to_ask() -> None:
    assert one(envelope("ticket.priority_changed", {})).kind is Kind.TOUCHED


def test_siblings_of_one_save_are_announced_and_sorted() -> None:
    event = one(
        envelope("ticket.status_changed", {"current": "OPEN", "meta": {"sequence": {"id": 10**26, "position": 12}}})
    )
    assert event.siblings
    assert event.order == "000012"
    assert not one(envelope("ticket.status_changed", {"current": "OPEN"})).siblings


def test_a_name_that_is_known_stands_beside_the_id() -> None:
    event = one(envelope("ticket.group_assignment_changed", {"current": "360", "previous": "0"}, group_id="360"))
    assert event.changes == (Change(field="group", before=None, after="360", after_name="Support"),)
    assert event.ticket
    assert event.ticket.group
    assert event.ticket.group.name == "Support"


@pytest.mark.parametrize(
    ("actor", "role"),
    [
        ("9000", Role.OURS),
        ("8", Role.REQUESTER),
        ("7", Role.AGENT),
        ("-1", Role.APP),
        ("66", Role.UNKNOWN),  # on neither list: not taken for staff
        (None, Role.UNKNOWN),
        ("", Role.UNKNOWN),
    ],
)
def test_everyone_has_a_role(actor: Any, role: Role) -> None:
    event = one(envelope("ticket.created", {}, actor_id=actor))
    assert event.actor
    assert event.actor.role is role


@pytest.mark.parametrize(
    ("author", "role"),
    [
        ({"id": "55", "is_staff": False}, Role.REQUESTER),
        ({"id": "55", "is_staff": "false"}, Role.REQUESTER),
        ({"id": "55", "is_staff": None}, Role.UNKNOWN),
        ({"id": "55"}, Role.UNKNOWN),
        ({"id": "55", "is_staff": True}, Role.AGENT),
        ({"id": "7"}, Role.AGENT),
    ],
)
def test_who_writes_is_staff_only_if_zendesk_says_so(author: Any, role: Role) -> None:
    said = {"id": "1", "body": "+1", "is_public": True, "author": author}
    event = one(envelope("ticket.comment_added", {"comment": said}))
    assert event.actor
    assert event.actor.role is role


def test_a_comment_that_does_not_say_who_reads_it_is_neither_public_nor_internal() -> None:
    event = one(envelope("ticket.comment_added", {"comment": {"id": 10**25, "body": "x"}}))
    assert event.id == f"comment:{10**25}"
    assert event.comment
    assert event.comment.public is None


@pytest.mark.parametrize(
    ("changed", "field"), [("1", "product"), ("2", "custom.cost"), ("3", "level"), ("4", "custom_field:4")]
)
def test_a_custom_field_has_the_name_that_the_settings_give_it(changed: str, field: str) -> None:
    of = site(fields={"product": "1", "cost": "2"}, level_field="3")
    said = {"custom_field": {"id": changed}, "current": {"value": "stepladder_level_2"}, "previous": None}
    (change,) = one(envelope("ticket.custom_field_changed", said), of).changes
    assert change.field == field
    assert change.after == ("2" if field == "level" else "stepladder_level_2")
    assert change.before == ("1" if field == "level" else None)


def test_a_redaction_says_which_comment() -> None:
    event = one(envelope("ticket.comment_redacted", {"comment": {"id": "44"}}))
    assert event.changes == (Change(field="comment_redacted", after="44"),)


def test_a_mapped_custom_status_wins_over_its_category() -> None:
    of = site(statuses={"610": "on_hold"})
    event = one(envelope("ticket.created", {}, status="OPEN", custom_status="610"), of)
    assert event.ticket
    assert event.ticket.status is Status.ON_HOLD


@pytest.mark.parametrize(
    ("kind", "statuses", "changes"),
    [
        ("custom_status_changed", {}, [("custom_status", "402", "610")]),
        ("custom_status_changed", {"610": "on_hold"}, [("custom_status", "402", "610"), ("status", None, "on_hold")]),
        (
            "custom_status_changed",
            {"402": "pending", "610": "on_hold"},
            [("custom_status", "402", "610"), ("status", "pending", "on_hold")],
        ),
        ("custom_status_changed", {"402": "pending"}, [("custom_status", "402", "610"), ("status", "pending", "open")]),
    ],
)
def test_a_custom_status_that_counts_as_another_is_a_change_of_the_status(
    kind: str, statuses: dict[str, str], changes: list[Any]
) -> None:
    said = envelope(f"ticket.{kind}", {"current": "610", "previous": "402"}, status="OPEN", custom_status="610")
    found = one(said, site(statuses=statuses)).changes
    assert [(change.field, change.before, change.after) for change in found] == changes


def test_the_status_and_the_custom_status_of_one_save_say_the_same() -> None:
    of = site(statuses={"610": "on_hold"})
    status = envelope("ticket.status_changed", {"current": "PENDING", "previous": "OPEN"}, status="PENDING")
    status["detail"]["custom_status"] = "610"
    (change,) = one(status, of).changes
    assert (change.field, change.before, change.after) == ("status", "open", "on_hold")


def test_the_custom_status_that_comes_with_our_own_write_is_no_persons_change() -> None:
    event = one(envelope("ticket.custom_status_changed", {"current": "402", "previous": "401"}, actor_id="9000"))
    assert (event.kind, event.changes) == (Kind.NOTED, ())
    assert one(envelope("ticket.custom_status_changed", {"current": "402", "previous": "401"})).kind is Kind.CHANGED


def test_what_a_database_cannot_store_is_replaced() -> None:
    event = one(envelope("ticket.created", {}, subject="a\x00b\ud800c"))
    assert event.ticket
    assert event.ticket.subject == "a�b�c"


# --- anything at all ----------------------------------------------------------------------------------------
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = [
    "created",
    "comment_added",
    "tags_changed",
    "custom_field_changed",
    "merged",
    "status_changed",
    "comment_redacted",
]


@given(kind=st.sampled_from(KINDS), event=json_values, detail=json_values, rest=json_values)
def test_any_json_is_read_or_unreadable(kind: str, event: Any, detail: Any, rest: Any) -> None:
    body = {"type": f"zen:event-type:ticket.{kind}", "subject": "zen:ticket:5158", "id": rest, "time": rest}
    request = delivery({**body, "event": event, "detail": detail})
    try:
        for ref in tickets(request, site()):
            read(request, site(), ref)
    except Unreadable:
        pass


NAMES = ["comment", "id", "author", "meta", "sequence", "position", "current", "value", "custom_field", "tags_added"]


@given(
    kind=st.sampled_from(KINDS),
    event=st.dictionaries(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(NAMES), json_values) | json_values),
    tags=json_values,
    via=json_values,
)
def test_any_value_under_a_known_name_is_read(kind: str, event: Any, tags: Any, via: Any) -> None:
    body = envelope(f"ticket.{kind}", event, tags=tags, via=via, status=tags, priority=via, group_id=tags)
    assert len(read(delivery(body), site(), REF)) == 1
