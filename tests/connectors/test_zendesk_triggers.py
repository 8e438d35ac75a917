"""Bodies that administrators type into triggers, and anything at all that arrives: one ticket, none, or kept unread."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.contract import BadSignature, Delivery, TryLater, Unreadable
from connectors.site import Site
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.webhook import delivery_id, read, tickets, verify
from policies.model import Kind, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = TicketRef(vendor="zendesk", site="acme", id="5158")
SETTINGS = ZendeskSettings(url="https://acme.zendesk.com", oauth_token="t", webhook_secrets=["a-secret"])
SITE = Site(name="acme", settings=SETTINGS, account="9000", names={"user:7": "Ann"})
FORM, XML = "application/x-www-form-urlencoded; charset=utf-8", "application/xml"


def delivery(body: str | bytes, kind: str = "application/json", query: str = "", **headers: str) -> Delivery:
    raw = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    return Delivery(
        vendor="zendesk",
        site="acme",
        body=raw,
        headers={"content-type": kind, **headers},
        query=query,
        received_at=NOW,
    )


def named(request: Delivery) -> list[str]:
    return [ref.id for ref in tickets(request, SITE)]


# --- one ticket ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "kind", "query", "why"),
    [
        ('{"ticket_id": "5158", "status": "Offen", "created": "2. März 2026"}', "application/json", "", "localised"),
        ('{"ticketID": " 5158 "}', "", "", "no type and other letters"),
        ('{"ticket": {"id": 5158, "title": "x"}}', "application/json", "", "nested"),
        ('{"ticket_id": 5158, "ticket": {"id": "5158"}}', "application/json", "", "twice the same"),
        ('{"ticket_id": 5158, "linked": {"ticket_id": 9}}', "application/json", "", "another one further inside"),
        ('{"ticket_id": 5158, "subject": "zen:ticket:9"}', "application/json", "", "a customer's subject"),
        ('{"subject": "Hello"}', "application/json", "ticket_id=5158", "the body names none, the address does"),
        ("ticket_id=5158&title=Etikett+druckt+nicht", FORM, "", "a form"),
        ("ticket%5Fid=5158&a=%26ticket_id%3D9", FORM, "", "an encoded sign adds no variable"),
        ("ticket_id=5158", "", "", "a form that does not say so"),
        ("<data><ticket_id>5158</ticket_id></data>", XML, "", "XML"),
        ("<?xml version='1.0'?><d><ticket_id type='n'><![CDATA[5158]]></ticket_id></d>", XML, "", "guarded XML"),
        ("<ticket>\n <id type='integer'>5158</id>\n</ticket>", XML, "", "XML of tickets"),
        ("", "", "ticket_id=5158&x=1", "no body, as a GET has none"),
        ("  \n", "", "TICKET_ID=5158", "nearly no body"),
    ],
)
def test_a_triggers_body_names_its_ticket_and_is_a_reason_to_ask(body: str, kind: str, query: str, why: str) -> None:
    request = delivery(body, kind, query)
    assert named(request) == ["5158"], why
    (event,) = read(request, SITE, REF)
    assert (event.kind, event.ticket, event.changes, event.actor) == (Kind.TOUCHED, None, (), None)


# --- no ticket, or not one ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "kind", "query", "said"),
    [
        ('{"ticket_id": "5158", "title": "The "new" printer"}', "application/json", "", "expected JSON"),
        ('{"ticket_id": "5158", "title": "x","ticket_id":"999"}', "application/json", "", "2 that disagree"),
        ('{"ticket_id": 5158, "ticket": {"id": 9}}', "application/json", "", "2 that disagree"),
        ('{"ticket_id": 5158}', "application/json", "ticket_id=9", "2 that disagree"),
        ("ticket_id=5158&title=x&ticket_id=999", FORM, "", "2 that disagree"),
        ("<d><ticket_id>5158</ticket_id><t>x</t><ticket_id>999</ticket_id></d>", XML, "", "2 that disagree"),
        ("<d><t>half", XML, "", "expected XML"),
        ("", "", "", "got neither"),
        ("", "", "ticket_id=../users", "something else"),
        ("[5158]", "application/json", "", "got list"),
        ('"5158"', "application/json", "", "got str"),
    ],
)
def test_a_broken_or_doubled_body_is_kept_for_a_person(body: str, kind: str, query: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        named(delivery(body, kind, query))


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"ticket_id": null}',
        '{"ticket_id": "0"}',
        '{"ticket_id": 0}',
        '{"ticket_id": -5}',
        '{"ticket_id": 5158.0}',
        '{"ticket_id": true}',
        '{"ticket_id": "5158 or 1=1"}',
        '{"ticket_id": ["5158"]}',
        '{"ticket": {"id": null}}',
        "{{ticket.id}}=1",
        "ticket_id=",
        "<d/>",
    ],
)
def test_a_trigger_that_names_no_ticket_is_kept_for_a_person_who_may_find_what_was_typed_wrong(body: str) -> None:
    with pytest.raises(Unreadable, match="expected"):
        named(delivery(body, ""))


def test_what_was_typed_wrong_is_said_and_nothing_of_what_was_sent() -> None:
    body = '{"ticket_id": "{{tiket.id}}", "title": "Zwergkanarienvogel"}'
    with pytest.raises(Unreadable, match=r"spelt") as found:
        named(delivery(body))
    assert "tiket" not in str(found.value)
    with pytest.raises(Unreadable, match="name `ticket_id`"):
        named(delivery('{"id_of_ticket": "5158"}'))


def test_a_number_of_twenty_six_digits_is_a_ticket_and_one_more_is_none() -> None:
    assert named(delivery(json.dumps({"ticket_id": 10**25}))) == [str(10**25)]
    with pytest.raises(Unreadable, match="something else"):
        named(delivery(json.dumps({"ticket_id": 10**26})))


# --- events -------------------------------------------------------------------------------------------------
def event(**more: Any) -> Delivery:
    whole = {
        "type": "zen:event-type:ticket.created",
        "zendesk_event_version": "2022-11-06",
        "id": "e-1",
        "time": "2026-11-22T07:59:00Z",
        "subject": "zen:ticket:5158",
        "detail": {"id": "5158"},
        "event": {},
    }
    return delivery(json.dumps({**whole, **more}))


@pytest.mark.parametrize(
    ("detail", "subject"),
    [({"id": "5158"}, "zen:ticket:9"), ({"id": 9}, "zen:ticket:5158"), ({"id": 10**25}, "zen:ticket:1")],
)
def test_two_names_that_disagree_are_never_the_wrong_ticket(detail: Any, subject: str) -> None:
    with pytest.raises(Unreadable, match=r"got \d+ in detail.id and \d+ in subject"):
        tickets(event(detail=detail, subject=subject), SITE)


@pytest.mark.parametrize(
    ("detail", "subject"),
    [
        (None, "zen:ticket:5158"),
        ({"id": None}, "zen:ticket:5158"),
        ({"id": 5158}, None),
        ({"id": "5158"}, "zen:user:1"),
        ([], "zen:ticket:5158"),
    ],
)
def test_either_name_is_enough(detail: Any, subject: Any) -> None:
    assert named(event(detail=detail, subject=subject)) == ["5158"]


@pytest.mark.parametrize("kind", [None, 7, "", "ticket.created", "zen:ticket.created"])
def test_an_event_whose_type_cannot_be_read_is_kept_for_a_person(kind: Any) -> None:
    with pytest.raises(Unreadable, match="type"):
        tickets(event(type=kind), SITE)


@pytest.mark.parametrize("name", ["updated", "assignee_changed", "deleted", "sla_breach", "sparkled.twice", ""])
def test_an_invented_event_of_a_ticket_is_noted(name: str) -> None:
    request = event(type=f"zen:event-type:ticket.{name}")
    assert [e.kind for e in read(request, SITE, REF)] == [Kind.NOTED]


@pytest.mark.parametrize("kind", ["user.created", "organization.deleted", "agent.state_changed", "ticketing.x"])
def test_an_event_about_something_else_concerns_no_ticket(kind: str) -> None:
    assert tickets(event(type=f"zen:event-type:{kind}", subject="zen:user:1"), SITE) == ()


@pytest.mark.parametrize("kind", ["ticket.\x1b[2J mail me", "ticket." + "z" * 99, "ticket.Zwergkanarienvogel"])
def test_what_stands_where_a_kind_should_is_not_repeated(kind: str) -> None:
    with pytest.raises(Unreadable, match="expected an event about a ticket to name") as found:
        tickets(event(type=f"zen:event-type:{kind}", detail={}, subject=None), SITE)
    assert kind not in str(found.value)


# --- proof --------------------------------------------------------------------------------------------------
def test_the_variables_of_an_address_are_not_signed_and_an_empty_body_is() -> None:
    stamp = "2026-11-22T08:00:00Z"
    digest = base64.b64encode(hmac.new(b"a-secret", stamp.encode(), hashlib.sha256).digest()).decode()
    proofs = {"x-zendesk-webhook-signature": digest, "x-zendesk-webhook-signature-timestamp": stamp}
    request = delivery("", "", "ticket_id=5158", **proofs)
    verify(request, SETTINGS, NOW)
    (only,) = read(request, SITE, REF)
    assert only.kind is Kind.TOUCHED  # whoever writes the address can make us read a ticket, and nothing else
    with pytest.raises(BadSignature):
        verify(delivery("{}", "", "ticket_id=5158", **proofs), SETTINGS, NOW)


# --- anything at all ----------------------------------------------------------------------------------------
words = st.text(max_size=30)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.sampled_from([0, "0", 10**25, "5158", -1])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))
keys = st.sampled_from(
    ["type", "id", "subject", "detail", "event", "time", "ticket_id", "ticketId", "ticket", "zendesk_event_version"]
)
types = st.sampled_from(
    [
        *("ticket.created", "ticket.merged", "ticket.tags_changed", "ticket.comment_added", "ticket.updated"),
        *("ticket.custom_field_changed", "messaging_ticket.message_added", "user.created", "ticket.", "x"),
    ]
).map("zen:event-type:{}".format)
insides = st.dictionaries(
    st.sampled_from(
        [
            *("id", "current", "previous", "comment", "meta", "sequence", "tags_added", "target_ticket_id", "actor"),
            *("message", "custom_field", "actor_id", "requester_id", "tags", "updated_at", "priority", "via", "status"),
        ]
    ),
    values,
    max_size=6,
)
envelopes = st.fixed_dictionaries(
    {"type": types | values, "subject": st.just("zen:ticket:5158") | values, "detail": insides | values},
    optional={"event": insides | values, "id": values, "time": values | st.just("2026-11-22T07:59:00.123456789Z")},
)
bodies = (
    st.binary(max_size=200)
    | (envelopes | st.dictionaries(keys | words, values, max_size=6)).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(keys, words, max_size=3).map(lambda value: urlencode(value, errors="replace").encode())
    | words.map(lambda text: f"<ticket_id>{text}</ticket_id>".encode(errors="surrogatepass"))
)
headers = st.dictionaries(
    st.sampled_from(
        [
            *("content-type", "x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"),
            "x-zendesk-webhook-invocation-id",
        ]
    ),
    words | st.sampled_from([FORM, XML, "2026-11-22T08:00:00Z", "9999-12-31T23:59:59-23:59"]),
)


@given(body=bodies, head=headers, query=words)
@example(body=b"[" * 100_000, head={}, query="")
@example(body=b'{"a":' * 100_000, head={}, query="")
@example(body=b"1" * 5000, head={}, query="")
@example(body=b"<ticket_id>" + b" " * 50_000, head={}, query="")
@example(body=b"", head={}, query="&".join("a=1" for _ in range(500)))
def test_whatever_arrives_is_read_or_kept_for_a_person(body: bytes, head: dict[str, str], query: str) -> None:
    request = Delivery(vendor="zendesk", site="acme", body=body, headers=head, query=query, received_at=NOW, row=3)
    known = delivery_id(request)
    assert known is None or known
    try:
        refs = tickets(request, SITE)
        events = [event for ref in refs for event in read(request, SITE, ref)]
    except Unreadable:
        return
    assert len(events) >= len(refs)  # whatever concerns a ticket says something about it
    assert all(event.at.tzinfo and event.id for event in events)


@given(body=st.binary(max_size=50), head=headers)
def test_no_claimed_proof_breaks_the_check(body: bytes, head: dict[str, str]) -> None:
    request = Delivery(vendor="zendesk", site="acme", body=body, headers=head, received_at=NOW)
    with pytest.raises(BadSignature):
        verify(request, SETTINGS, NOW)


@given(stamp=words | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "2026-W47-7"]))
def test_a_genuine_signature_over_any_time_is_judged(stamp: str) -> None:
    try:
        digest = hmac.new(b"a-secret", stamp.encode() + b"{}", hashlib.sha256).digest()
    except UnicodeEncodeError:
        return
    head = {
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": stamp,
    }
    with pytest.raises((BadSignature, TryLater)):
        verify(delivery("{}", **head), SETTINGS, NOW)
