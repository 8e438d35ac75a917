"""What a Zendesk webhook proves and says. Pure: bytes in, values out; it never asks Zendesk nor trusts a template.

Two kinds arrive: event subscriptions (a fixed envelope, see events.py), and trigger or automation bodies, which an
administrator typed (see triggers.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.contract import BadSignature, Delivery, TryLater, Unreadable, json_object
from connectors.signatures import signed_base64
from connectors.site import Site, SiteSettings
from connectors.zendesk.events import fact_id, happened_at, invocation, merged_into, read_envelope, touched
from connectors.zendesk.picture import asks_organization, identity, mapping, moment, plain, ticket_id
from connectors.zendesk.triggers import named_ticket
from policies.model import Event, TicketRef

WINDOW = 300  # seconds; Zendesk publishes no tolerance, receivers commonly use five minutes
TEST_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105  published by Zendesk, so it proves nothing

_EVENT = "zen:event-type:"
_SUBJECT = "zen:ticket:"
_TAME = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,60}")
_MERGED = "ticket.merged"
_OTHER_ORGANIZATION = "ticket.organization_changed"


def verify(delivery: Delivery, settings: SiteSettings, now: datetime) -> None:
    """Raise BadSignature unless one of our secrets signed these bytes; TryLater if it did at another time than ours.

    https://developer.zendesk.com/documentation/webhooks/verifying/: base64(HMAC-SHA256(secret, timestamp + body)).
    """
    live = [s for s in settings.webhook_secrets if s.get_secret_value() != TEST_SECRET]
    secrets = settings.webhook_secrets if getattr(settings, "sandbox", False) else live
    if not secrets:
        raise BadSignature(
            "no signing secret is configured: fill webhook_secrets (Zendesk's test secret proves nothing)"
        )
    claimed = delivery.headers.get("x-zendesk-webhook-signature", "")
    stamp = delivery.headers.get("x-zendesk-webhook-signature-timestamp", "")
    if not claimed or not stamp:
        raise BadSignature("expected X-Zendesk-Webhook-Signature and -Timestamp, got a request without them")
    if not signed_base64(claimed, stamp.encode() + delivery.body, secrets):
        raise BadSignature("X-Zendesk-Webhook-Signature was not made with any secret in webhook_secrets")
    when = moment(stamp)
    if when is None:
        raise BadSignature("X-Zendesk-Webhook-Signature-Timestamp expected a time such as 2026-11-22T08:00:00Z")
    apart = (now.astimezone(UTC) - when).total_seconds()
    if abs(apart) > WINDOW:
        raise TryLater(f"signed {apart:.0f} s away from our clock, at most {WINDOW} s are believed: check the clock")


def delivery_id(delivery: Delivery) -> str | None:
    """Return the envelope's id, else the invocation's: both survive Zendesk's retries."""
    try:
        body = json_object(delivery)
        kind = _event_type(body)
    except Unreadable:
        body, kind = {}, None
    return (identity(body.get("id")) if kind else None) or invocation(delivery)


def tickets(delivery: Delivery, site: Site) -> tuple[TicketRef, ...]:
    """Name the tickets it concerns: usually one, two for a merge, none for events about people or organizations."""
    body = _envelope(delivery)
    kind = _event_type(body)
    if kind is None:
        ids: list[str | None] = [named_ticket(delivery)]
    elif kind.startswith(("ticket.", "messaging_ticket.")):
        ids = [_subject_ticket(body), merged_into(body) if kind == _MERGED else None]
        if ids[0] is None:
            told = kind if _TAME.fullmatch(kind) else "an event about a ticket"  # else it may be anybody's words
            raise Unreadable(f"expected {told} to name its ticket in detail.id or subject, got neither")
    else:
        ids = []
    return tuple(TicketRef(vendor=site.vendor, site=site.name, id=i) for i in dict.fromkeys(filter(None, ids)))


def read(delivery: Delivery, site: Site, ref: TicketRef) -> tuple[Event, ...]:
    """Return what the delivery says about this ticket: one event, or two if it leaves out what the settings name."""
    body = _envelope(delivery)
    kind = _event_type(body)
    if kind is None:
        named = named_ticket(delivery) == ref.id
        return (touched(delivery, fact_id(delivery, {}), delivery.received_at),) if named else ()
    if _subject_ticket(body) == ref.id:
        event = read_envelope(delivery, body, kind, site, ref)
        if kind == _OTHER_ORGANIZATION and asks_organization(site):  # a fetch only shows its fields
            return (event, touched(delivery, f"{event.id}:fields", event.at))
        return (event,)
    if kind == _MERGED and merged_into(body) == ref.id:  # the other one was poured into this ticket
        return (touched(delivery, fact_id(delivery, body), happened_at(delivery, body)),)
    return ()


def _envelope(delivery: Delivery) -> Mapping[str, Any]:
    """Return the body if it can be an event's; whatever an administrator typed is triggers.py's matter."""
    try:
        return json_object(delivery)
    except Unreadable:
        return {}


def _event_type(body: Mapping[str, Any]) -> str | None:
    """Return what kind of event it is, None for a trigger's body. Raises Unreadable for an envelope without a type."""
    kind = body.get("type")
    if isinstance(kind, str) and kind.startswith(_EVENT):
        return kind.removeprefix(_EVENT)
    if "zendesk_event_version" in body:  # no administrator types that, and no customer's words become a key
        raise Unreadable(f"expected an event's type to begin with {_EVENT}, got another or none")
    return None


def _subject_ticket(body: Mapping[str, Any]) -> str | None:
    """Return the ticket that an event is about. Raises Unreadable where its two names for it disagree."""
    subject = plain(body.get("subject")) or ""
    named = ticket_id(subject.removeprefix(_SUBJECT)) if subject.startswith(_SUBJECT) else None
    told = ticket_id(mapping(body, "detail").get("id"))
    if named and told and named != told:
        raise Unreadable(f"expected one ticket, got {told} in detail.id and {named} in subject")
    return told or named
