"""What a Zendesk webhook proves and says. Pure: bytes in, values out; it never asks Zendesk nor trusts a template.

Two kinds arrive: event subscriptions (a fixed envelope, see events.py), and trigger or automation bodies, which an
administrator typed and of which only the ticket's id is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.contract import BadSignature, Delivery, Site, SiteSettings, TryLater, Unreadable, json_object
from connectors.signatures import signed_base64
from connectors.zendesk.events import fact_id, happened_at, invocation, merged_into, read_envelope, touched
from connectors.zendesk.picture import asks_organization, identity, mapping, moment, plain, ticket_id
from policies.model import Event, TicketRef

WINDOW = 300  # seconds; Zendesk publishes no tolerance, receivers commonly use five minutes
TEST_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105  published by Zendesk, so it proves nothing

_EVENT = "zen:event-type:"
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
    except Unreadable:
        body = {}
    return (identity(body.get("id")) if _event_type(body) else None) or invocation(delivery)


def tickets(delivery: Delivery, site: Site) -> tuple[TicketRef, ...]:
    """Name the tickets it concerns: usually one, two for a merge, none for events about people or organizations."""
    body = json_object(delivery)
    kind = _event_type(body)
    if kind is None:
        ids = [_trigger_ticket(body)]
    elif kind.startswith(("ticket.", "messaging_ticket.")):
        ids = [_subject_ticket(body), merged_into(body) if kind == _MERGED else None]
        if ids[0] is None:
            raise Unreadable(f"expected {kind} to name its ticket in detail.id or subject, got neither")
    else:
        ids = []
    return tuple(TicketRef(vendor=site.vendor, site=site.name, id=i) for i in dict.fromkeys(filter(None, ids)))


def read(delivery: Delivery, site: Site, ref: TicketRef) -> tuple[Event, ...]:
    """Return what the delivery says about this ticket: one event, or two if it leaves out what the settings name."""
    body = json_object(delivery)
    kind = _event_type(body)
    if kind is None:
        named = _trigger_ticket(body) == ref.id
        return (touched(delivery, fact_id(delivery, {}), delivery.received_at),) if named else ()
    if _subject_ticket(body) == ref.id:
        event = read_envelope(delivery, body, kind, site, ref)
        if kind == _OTHER_ORGANIZATION and asks_organization(site):  # a fetch only shows its fields
            return (event, touched(delivery, f"{event.id}:fields", event.at))
        return (event,)
    if kind == _MERGED and merged_into(body) == ref.id:  # the other one was poured into this ticket
        return (touched(delivery, fact_id(delivery, body), happened_at(delivery, body)),)
    return ()


def _event_type(body: Mapping[str, Any]) -> str | None:
    kind = body.get("type")
    return kind.removeprefix(_EVENT) if isinstance(kind, str) and kind.startswith(_EVENT) else None


def _trigger_ticket(body: Mapping[str, Any]) -> str | None:
    candidates = (body.get("ticket_id"), body.get("ticketID"), body.get("ticketId"), mapping(body, "ticket").get("id"))
    return next((found for value in candidates if (found := ticket_id(value))), None)


def _subject_ticket(body: Mapping[str, Any]) -> str | None:
    subject = plain(body.get("subject")) or ""
    named = subject.removeprefix("zen:ticket:") if subject.startswith("zen:ticket:") else None
    return ticket_id(mapping(body, "detail").get("id")) or ticket_id(named)
