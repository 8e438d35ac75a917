"""What the answers of Zendesk's API mean: a ticket, what was said on it, the audit of a write, or a failure. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now
from connectors.contract import Refused, Site, TryLater
from connectors.zendesk.picture import actor, identity, mapping, moment, people_and_groups, picture, plain
from policies.model import Comment, Event, Kind, TicketRef

_AT_FAULT = {
    "assignee": "assignee",
    "group": "group",
    "priority": "priority",
    "tags": "level",
    "custom_fields": "level",
    "fields": "level",
    "followers": "followers",
    "collaborators": "followers",
    "comment": "note",
    "body": "note",
}
_CONFLICT_PATIENCE = 0.2


def fetched(
    answer: Mapping[str, Any],
    names: Mapping[str, str],
    organization: Mapping[str, Any] | None,
    ref: TicketRef,
    site: Site,
    now: datetime,
) -> Event:
    """Make the FETCHED event with the whole ticket; `organization`: its organization's fields, if they are known."""
    named = {**names, **people_and_groups(answer)}
    ticket = picture(mapping(answer, "ticket"), ref, site, named, organization, whole=True)
    return Event(id=f"fetched:{now.isoformat()}", kind=Kind.FETCHED, at=now, received_at=now, ticket=ticket)


def organization_fields(answer: Mapping[str, Any], organization: str | None) -> Mapping[str, Any] | None:
    """Return the fields of a ticket's organization: empty if it has none, None if the answer leaves them out."""
    if organization is None:
        return {}
    listed = answer.get("organizations")
    for shown in [answer.get("organization"), *(listed if isinstance(listed, list) else ())]:
        if isinstance(shown, dict) and identity(shown.get("id")) == organization:
            found = shown.get("organization_fields")
            return found if isinstance(found, dict) else None
    return None


def conversation(page: Mapping[str, Any], requester: str | None, site: Site, now: datetime) -> list[Event]:
    """Make a COMMENTED event of each comment, oldest first, with the ids that webhooks give them."""
    listed = [item for item in page.get("comments") or () if isinstance(item, dict)]
    users = [item for item in page.get("users") or () if isinstance(item, dict)]
    end_users = {identity(user.get("id")) for user in users if user.get("role") == "end-user"}
    names = people_and_groups(page)
    events = []
    for item in listed:
        number, who, public = identity(item.get("id")), identity(item.get("author_id")), item.get("public")
        if number is None:
            continue
        text = plain(item.get("plain_body")) or plain(item.get("body")) or ""
        events.append(
            Event(
                id=f"comment:{number}",
                kind=Kind.COMMENTED,
                at=moment(item.get("created_at")) or now,
                received_at=now,
                actor=actor(who, site, requester, staff=who not in end_users, name=names.get(f"user:{who}")),
                comment=Comment(id=number, text=text, public=public if isinstance(public, bool) else None),
            )
        )
    return sorted(events, key=lambda event: event.sort_key)


def with_marker(page: Mapping[str, Any], marker: str) -> Mapping[str, Any] | None:
    """Return the audit that carries our marker."""
    for audit in page.get("audits") or ():
        if isinstance(audit, dict) and mapping(mapping(audit, "metadata"), "custom").get("stepladder") == marker:
            return audit
    return None


def placed(audit: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of the group and the person that a write gave the ticket to, as far as it changed them."""
    events = [event for event in audit.get("events") or () if isinstance(event, dict)]
    shown = {event.get("field_name"): identity(event.get("value")) for event in events}
    return {name: key for name in ("group", "assignee") if (key := shown.get(f"{name}_id")) is not None}


def leaked_comment(audit: Mapping[str, Any]) -> str | None:
    """Return the comment of our write if the requester can read it, which must never be."""
    for event in audit.get("events") or ():
        if isinstance(event, dict) and event.get("type") == "Comment" and event.get("public") is not False:
            return identity(event.get("id"))
    return None


def is_closed(raw: Mapping[str, Any]) -> bool:
    """Say whether a ticket takes no more writes."""
    return raw.get("status") in ("closed", "deleted")


def failure(error: VendorAnswer | requests.RequestException, *, about_ticket: bool = True) -> TryLater | Refused:
    """Say which of our two failures this is. Refused without `parts` and not `gone`: only the ticket can tell why."""
    if later := not_now(error):
        return later
    if not isinstance(error, VendorAnswer):
        return Refused(f"the request could not be made ({type(error).__name__})")
    if error.status == 409:  # somebody was faster (UpdateConflict), or Zendesk's database was busy; nothing was written
        return TryLater(str(error), after=_CONFLICT_PATIENCE, site_wide=False)
    said = error.json()
    sentence = _sentence(said) or f"Zendesk gives no reason, only the number {error.status}"
    if error.status == 403 and (not about_ticket or "scope" in sentence):
        return TryLater(f"{sentence}: check our account's role and scopes", after=CREDENTIALS_PATIENCE)
    if error.status in (403, 404, 410):
        return Refused(f"the ticket is not there or not visible to us ({error.status})", gone=about_ticket)
    if error.status == 413:
        return Refused(sentence, parts=frozenset({"note"}))
    details = mapping(said, "details")
    if any(item.get("error") == "ClosedTicket" for item in _items(details)):
        return Refused(sentence, gone=True)
    parts = frozenset(part for key in details if (part := _AT_FAULT.get(key.removesuffix("_id"))))
    return Refused(sentence, parts=parts)


def _items(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lists = [value for value in details.values() if isinstance(value, list)]
    return [item for listed in lists for item in listed if isinstance(item, dict)]


def _sentence(said: Mapping[str, Any]) -> str | None:
    told = [text for item in _items(mapping(said, "details")) if (text := plain(item.get("description")))]
    whole = "; ".join(told) or plain(said.get("description")) or plain(said.get("error"))
    return whole[:300] if whole else None
