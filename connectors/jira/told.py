"""What Jira answers when asked, as events: the ticket as it stands, and what was said. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import Site
from connectors.jira.events import said
from connectors.jira.picture import comment, is_portal, mapping, picture
from policies.model import Event, Kind, TicketRef


def fetched(issue: Mapping[str, Any], ref: TicketRef, site: Site, now: datetime) -> Event:
    """Return the issue as one FETCHED event with everything Jira can tell."""
    ticket = picture(issue, ref, site, whole=True)
    at = ticket.as_of or now
    return Event(id=f"fetched:{at.isoformat()}", kind=Kind.FETCHED, at=at, received_at=now, ticket=ticket)


def conversation(comments: Sequence[object], fields: Mapping[str, Any], site: Site, now: datetime) -> Iterator[Event]:
    """Return comments as COMMENTED events, with the ids that their webhooks have."""
    events = (said(mapping(raw), site, fields, now) for raw in comments)
    yield from (event for event in events if event is not None)


def inline_comments(fields: Mapping[str, Any]) -> list[object] | None:
    """Return the comments an issue carries, or None if some are missing or it is unsaid who can read them."""
    block = mapping(fields.get("comment"))
    listed, total = block.get("comments"), block.get("total")
    if not isinstance(listed, list) or not isinstance(total, int) or total > len(listed):
        return None
    read = [comment(mapping(raw), fields) for raw in listed]
    unsaid = is_portal(fields) is not False and any(found is not None and found.public is None for found in read)
    return None if unsaid else listed


def people_of(fields: Mapping[str, Any]) -> Iterator[object]:
    """Yield the people an issue shows, for their names."""
    for key in ("assignee", "reporter", "creator"):
        yield fields.get(key)
