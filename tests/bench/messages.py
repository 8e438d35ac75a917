"""What the bench sends: a ticket's first webhook as Zendesk signs it, 2.2 KB long, as the bytes of one HTTP request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

SECRET = "YmVuY2gtc2VjcmV0LWJlbmNoLXNlY3JldC1iZW5jaC0="
OURS = 9000
"""Stepladder's own account at the pretend vendor."""
PATH = "/webhooks/zendesk/bench"
_SIZE = 2200
_TEXT = (
    "Since this morning the export stops with E-402 after a few seconds. We tried another browser and another desk. "
)


def created(ticket: int, now: datetime, priority: str = "URGENT") -> bytes:
    """Return the body of a `ticket.created` event, as long as a usual one."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = {
        "id": str(ticket), "actor_id": "8001", "subject": f"Export fails ({ticket})", "description": "",
        "status": "NEW", "priority": priority, "type": "INCIDENT", "group_id": "360", "assignee_id": None,
        "requester_id": "8001", "submitter_id": "8001", "organization_id": None, "brand_id": "500", "form_id": "600",
        "custom_status": "610", "external_id": None, "is_public": True, "tags": ["export", "site_linz"],
        "via": {"channel": "email"}, "created_at": stamp, "updated_at": stamp,
    }  # fmt: skip
    envelope = {
        "account_id": 22000001, "id": f"00000000-0000-4000-8000-{ticket:012d}", "subject": f"zen:ticket:{ticket}",
        "type": "zen:event-type:ticket.created", "zendesk_event_version": "2022-11-06",
        "time": now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"), "event": {}, "detail": detail,
    }  # fmt: skip
    missing = _SIZE - len(json.dumps(envelope))
    detail["description"] = (_TEXT * (missing // len(_TEXT) + 1))[:missing]
    return json.dumps(envelope).encode()


def signature(body: bytes, stamp: str) -> str:
    """Return what proves the sender: base64 of HMAC-SHA256 over time stamp and body."""
    return base64.b64encode(hmac.new(SECRET.encode(), stamp.encode() + body, hashlib.sha256).digest()).decode()


def commented(ticket: int, now: datetime, priority: str, number: int) -> bytes:
    """Return the body of one of a ticket's comments, which are a second apart, or of its change to urgent."""
    began = now  # what was before the start is no cause, and what is of the same second is asked for
    envelope = json.loads(created(ticket, began + timedelta(seconds=number), priority))
    envelope["detail"]["created_at"] = began.strftime("%Y-%m-%dT%H:%M:%SZ")
    comment = {"id": str(ticket * 10_000 + number), "body": _TEXT, "html_body": f"<p>{_TEXT}</p>", "is_public": True}
    comment |= {"author": {"id": "8001", "is_staff": False, "name": "Ada"}}
    sequence = {"id": f"{ticket}{number:016d}", "position": 1}
    envelope |= {"type": "zen:event-type:ticket.comment_added", "id": f"00000000-0000-4000-8000-{number:012d}"}
    envelope["event"] = {"comment": comment, "meta": {"sequence": sequence}}
    if priority == "URGENT":
        change = {"current": "URGENT", "previous": "NORMAL", "meta": {"sequence": sequence}}
        envelope |= {"type": "zen:event-type:ticket.priority_changed", "event": change}
    return json.dumps(envelope).encode()


def request(ticket: int, priority: str = "URGENT", number: int = 0) -> bytes:
    """Return one signed delivery as it goes over the wire; with a number, the ticket's word of that number."""
    now = datetime.now(UTC)
    body = commented(ticket, now, priority, number) if number else created(ticket, now, priority)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: stepladder.example.com\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nUser-Agent: Zendesk Webhook\r\nX-Zendesk-Account-Id: 22000001\r\n"
        "X-Zendesk-Webhook-Id: 01HAN96XNH1J7DY8D7RZBENCH0\r\n"
        f"X-Zendesk-Webhook-Invocation-Id: 01BENCH{ticket:012d}{number:07d}\r\n"
        f"X-Zendesk-Webhook-Signature: {signature(body, stamp)}\r\n"
        f"X-Zendesk-Webhook-Signature-Timestamp: {stamp}\r\n\r\n"
    )
    return head.encode() + body
