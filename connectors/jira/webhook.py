"""What a Jira webhook proves and says. Pure: bytes in, values out; it never asks Jira and trusts no address in a body.

Three kinds arrive: webhooks with an event name (https://developer.atlassian.com/cloud/jira/platform/webhooks/), web
requests of Automation rules, which carry a bare issue and are proved by a shared word only, and Data Center's webhooks
without a body, whose address names an issue: it is read anew, and nothing else in an address is believed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from pydantic import SecretStr

from connectors.contract import BadSignature, Delivery, json_object
from connectors.jira.bearer import is_app_token, proves
from connectors.jira.events import issue_in, read_event, touched, waiting
from connectors.jira.settings import JiraSettings
from connectors.jira.values import issue_id, mapping, plain
from connectors.signatures import knows_secret, signed_hex
from connectors.site import Site, SiteSettings
from policies.model import Event, TicketRef

TOKEN_HEADER = "x-stepladder-token"  # noqa: S105 - a header's name

_COMMENT_ADDRESS = re.compile(r"/issue/([0-9]{1,64})/comment/")
_IN_ADDRESS = ("issue_id", "issueId")
"""What the address may call `${issue.id}`; https://confluence.atlassian.com/adminjiraserver/managing-webhooks-938846912.html"""


def verify(delivery: Delivery, settings: SiteSettings, now: datetime) -> None:
    """Raise BadSignature unless the body is signed, or the sender logs in, knows a shared word or shows an app's token.

    The first proof offered decides. Jira's signature has no time in it, so `now` cannot be held against it.
    """
    if not isinstance(settings, JiraSettings):
        raise BadSignature("the site is not configured as a Jira site")
    words, login, app = settings.automation_tokens, _basic(settings), settings.app_secret
    if not settings.can_verify:
        raise BadSignature("no secret is configured: fill webhook_secrets, automation_tokens or webhook_passwords")
    headers = delivery.headers
    if "x-hub-signature" in headers:
        _signed(headers["x-hub-signature"], delivery.body, settings.webhook_secrets)
    elif TOKEN_HEADER in headers:
        if not knows_secret(headers[TOKEN_HEADER], words):
            raise BadSignature("X-Stepladder-Token is no word in automation_tokens")
    elif app is not None and is_app_token(headers.get("authorization", "")):
        proves(headers["authorization"], app, delivery, now)
    elif "authorization" in headers:
        bearers = tuple(SecretStr(f"Bearer {word.get_secret_value()}") for word in words)
        if not knows_secret(headers["authorization"], login + bearers):
            raise BadSignature("Authorization is neither a log-in of webhook_user nor a word in automation_tokens")
    else:
        raise BadSignature("expected X-Hub-Signature, X-Stepladder-Token or Authorization, got none of them")


def delivery_id(delivery: Delivery) -> str | None:
    """Return Atlassian's webhook identifier, which survives retries; Data Center sends none."""
    return (plain(delivery.headers.get("x-atlassian-webhook-identifier")) or "").strip()[:255] or None


def tickets(delivery: Delivery, site: Site) -> tuple[TicketRef, ...]:
    """Name the tickets it concerns: usually one, two for a link, none for events about projects or boards.

    What happens to an issue that blocks others concerns those too.
    """
    ids = _concerned(json_object(delivery)) if delivery.body.strip() else _in_address(delivery.query)
    return tuple(TicketRef(vendor=site.vendor, site=site.name, id=i) for i in dict.fromkeys(filter(None, ids)))


def read(delivery: Delivery, site: Site, ref: TicketRef) -> tuple[Event, ...]:
    """Return what the delivery says about this ticket: usually one event, two if it carries what somebody wrote."""
    if not delivery.body.strip():
        return (touched(delivery, ref),) if ref.id in _in_address(delivery.query) else ()
    body = json_object(delivery)
    return read_event(delivery, body, site, ref) if ref.id in _concerned(body) else ()


def _concerned(body: Mapping[str, Any]) -> tuple[str | None, ...]:
    if found := issue_id(issue_in(body).get("id")):
        return (found, *waiting(body))
    if link := mapping(body.get("issueLink")):
        return (issue_id(link.get("sourceIssueId")), issue_id(link.get("destinationIssueId")))
    # Data Center's comment events carry no issue; its id stands in the comment's own address
    address = _COMMENT_ADDRESS.search(plain(mapping(body.get("comment")).get("self")) or "")
    return (issue_id(address[1] if address else mapping(body.get("worklog")).get("issueId")),)


def _in_address(query: str) -> tuple[str | None, ...]:
    try:
        told = parse_qs(query, max_num_fields=20)
    except ValueError:
        return ()
    return tuple(issue_id(value) for name in _IN_ADDRESS for value in told.get(name, ())[:1])


def _signed(claim: str, body: bytes, secrets: tuple[SecretStr, ...]) -> None:
    method, _, claimed = claim.partition("=")
    if method.strip().lower() != "sha256":
        raise BadSignature("expected X-Hub-Signature: sha256=…, got another method")
    if not signed_hex(claimed.strip(), body, secrets):
        raise BadSignature("X-Hub-Signature was not made with any secret in webhook_secrets")


def _basic(settings: JiraSettings) -> tuple[SecretStr, ...]:
    pairs = (f"{settings.webhook_user}:{word.get_secret_value()}" for word in settings.webhook_passwords)
    return tuple(SecretStr(f"Basic {base64.b64encode(pair.encode()).decode()}") for pair in pairs)
