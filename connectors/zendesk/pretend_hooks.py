"""The pretend Zendesk's webhooks: who is told of what, signed with each webhook's own secret. It decides no event."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.postman import CUT, SILENCE, Attempt, Breaker, Envelope, Manners
from connectors.zendesk.records import ACCOUNT_ID, BEGINNING

BY_TRIGGER = "conditional_ticket_events"
FIRST = "01HAN96XNH1J7DY8D7RZSANDBX"
TEST_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105  published, for webhooks not yet made
_CHANGED = (
    *("agent_assignment", "brand", "custom_field", "custom_status", "description", "email_ccs", "external_id"),
    *("followers", "form", "group_assignment", "next_sla_breach", "ola_policy", "organization", "priority"),
    *("problem_link", "requester", "schedule", "sla_policy", "status", "subject", "submitter", "tags"),
    *("task_due_at", "type"),
)
_OTHERS = (
    *("attachment_linked_to_comment", "attachment_redacted_from_comment", "comment_added", "comment_made_private"),
    *("comment_redacted", "created", "csat_received", "csat_requested", "marked_as_spam", "merged"),
    *("permanently_deleted", "soft_deleted", "undeleted"),
)
EVERYTHING = sorted(f"zen:event-type:ticket.{word}" for word in (*(f"{one}_changed" for one in _CHANGED), *_OTHERS))
"""Every event of a ticket that a webhook may be subscribed to."""

MANNERS = Manners(
    retries={409: 3, 429: 3, 503: 3, SILENCE: 5, CUT: 5},
    waits=(30.0, 60.0, 90.0, 120.0, 150.0),
    heeds=frozenset({429, 503}),
    breaker=Breaker(share=0.7, most=1000, within=300.0, rest=5.0),
)
"""Zendesk's: at most three retries, a 429 or 503 only with a Retry-After below a minute, silence up to five times.

What it does while the breaker is open, and when nobody can be reached, is not published: here the first is lost, and
the second is silence. https://developer.zendesk.com/api-reference/webhooks/introduction/
"""
_WORDS = {None: "circuit broken", SILENCE: "timeout", CUT: "failed"}


def signed(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """Return the two headers that prove a delivery."""
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }


def new_secret() -> str:
    """Return a secret as Zendesk makes them."""
    return base64.b64encode(random.token_bytes(32)).decode()


class Webhooks:
    """The account's webhooks by id, and the way out for what they say."""

    def __init__(
        self,
        post: Callable[[Envelope], None],
        clock: Callable[[], datetime],
        attempts: Callable[[], list[Attempt]] = list,
    ) -> None:
        self._post, self._clock = post, clock
        self.attempts = attempts  # what the postman has tried
        self.made: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self.verify: str | bool = True  # how the receiver's certificate is judged

    def add(self, values: Mapping[str, Any], secret: str | None = None, number: str | None = None) -> dict[str, Any]:
        """Make a webhook."""
        number = number or f"01SANDBOX{random.token_hex(8).upper()}"
        shown = {
            "id": number, "name": "", "description": "", "status": "active", "endpoint": "", "http_method": "POST",
            "request_format": "json", "subscriptions": [], "created_at": BEGINNING, "created_by": "7100",
            "updated_at": BEGINNING, "updated_by": "7100", "custom_headers": None, **values,
        }  # fmt: skip
        self.made[number], self.secrets[number] = shown, secret or new_secret()
        return shown

    def event(self, envelope: Mapping[str, Any]) -> None:
        """Send an event to every webhook that wants it."""
        for number, hook in list(self.made.items()):
            if hook["status"] == "active" and envelope["type"] in hook["subscriptions"]:
                self._send(number, json.dumps(envelope).encode())

    def by_rule(self, number: str, body: str) -> None:
        """Send what a trigger or an automation says."""
        hook = self.made.get(number)
        if hook is not None and hook["status"] == "active" and BY_TRIGGER in hook["subscriptions"]:
            self._send(number, b"" if hook["http_method"] == "GET" else body.encode())

    def _send(self, number: str, body: bytes) -> None:
        self._post(self._envelope(number, body))

    def _envelope(self, number: str, body: bytes) -> Envelope:
        hook, name = self.made[number], f"01SANDBOX{random.token_hex(8).upper()}"
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Zendesk Webhook",
            "X-Zendesk-Account-Id": str(ACCOUNT_ID),
            "X-Zendesk-Webhook-Id": number,
            "X-Zendesk-Webhook-Invocation-Id": name,
            **(hook["custom_headers"] or {}),
        }
        return Envelope(
            body=body,
            headers=headers,
            sign=lambda: signed(body, self.secrets[number], self._clock()),  # each attempt is signed anew
            url=hook["endpoint"],
            verify=self.verify,
            method=hook["http_method"],
            webhook=number,
            name=name,
        )


def invocations(attempts: list[Attempt], number: str, now: str) -> list[dict[str, Any]]:
    """List a webhook's deliveries with how each ended, the newest first."""
    last = {one.envelope.name: one for one in attempts if one.envelope.webhook == number}
    return [
        {"id": name, "latest_completed_at": now, "status": word(one), "status_code": max(one.status or 0, 0) or None}
        for name, one in reversed(last.items())
    ]


def attempts_of(attempts: list[Attempt], number: str, name: str, now: str) -> list[dict[str, Any]]:
    """List the attempts of one delivery, with what was sent; their id is the webhook's, as recorded."""
    found = [one for one in attempts if (one.envelope.webhook, one.envelope.name) == (number, name)]
    return [
        {
            "id": number, "invocation_id": name, "status": word(one), "status_code": max(one.status or 0, 0) or None,
            "completed_at": now, "request": {
                "headers": [{"key": key, "value": value} for key, value in one.headers.items()],
                "payload": one.envelope.body.decode(errors="replace"),
            },
        }
        for one in found
    ]  # fmt: skip


def word(attempt: Attempt) -> str:
    """Return Zendesk's word for how an attempt ended."""
    if attempt.status in _WORDS:
        return _WORDS[attempt.status]
    status = attempt.status or 0
    if status in (429, 503) and attempt.again:
        return "throttled"
    return "success" if 200 <= status < 300 else "terminated" if status < 500 else "server error"
