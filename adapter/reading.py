"""Deliveries to events: what the unread ones say about one ticket. What cannot be read is kept as a dead letter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapter.journal import Journal
from adapter.records import Work
from adapter.sites import Post
from connectors.contract import Delivery, Unreadable
from connectors.site import Site
from policies.model import Event

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
"""How far a vendor's clock may be ahead of ours before its times are taken for mistakes."""


@dataclass(slots=True)
class Reading:
    """What the unread deliveries said."""

    events: list[Event] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    dead: dict[int, str] = field(default_factory=dict)


def read(post: Post, site: Site, work: Work, journal: Journal) -> Reading:
    """Read every unread delivery of a ticket, each fact once."""
    reading = Reading()
    for delivery in work.deliveries:
        row = delivery.row or 0
        try:
            events = post.connector.read(delivery, site, work.ref)
        except Unreadable as error:
            reading.dead[row] = str(error)
        except Exception as error:  # kept with its bytes; replay reads it again once the parser is mended
            journal.trouble("delivery.dead", error, ticket=str(work.ref), row=row)
            reading.dead[row] = f"{type(error).__name__}: {error}"[:500]
        else:
            reading.events += [_of(delivery, event) for event in events]
            reading.rows.append(row)
    reading.events = list({event.id: event for event in reading.events}.values())
    return reading


def _of(delivery: Delivery, event: Event) -> Event:
    """Return the event as this delivery's, with times that can be true: none from before the web, none to come."""
    arrived = delivery.received_at

    def possible(moment: datetime | None) -> bool:
        return moment is not None and EARLIEST <= moment <= arrived + AHEAD

    ticket = event.ticket
    if ticket is not None and ticket.as_of is not None and not possible(ticket.as_of):
        ticket = replace(ticket, as_of=arrived)
    if ticket is not None and ticket.created_at is not None and not possible(ticket.created_at):
        ticket = replace(ticket, created_at=None, known=ticket.known - {"created_at"})
    at = event.at if possible(event.at) else arrived
    return replace(event, at=at, ticket=ticket, delivery=delivery.row, received_at=arrived)
