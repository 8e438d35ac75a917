"""What changed at the pretend account: incremental export, search, and the list of the deleted; late as theirs are."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any

from connectors.zendesk.pretend_api import Answer, Asked, Route, offset_page, page
from connectors.zendesk.records import PretendTicket

_HELD_BACK = 60  # seconds
_MOST = 1000
_UPDATED = re.compile(r"updated(>=|>|<=|<|:)([0-9TZ:+-]+)")
_STATUS = re.compile(r"status(<|:)(\w+)")
_ORDER = ("new", "open", "pending", "hold", "solved", "closed")


def cursor(asked: Asked) -> Answer:
    """Export tickets in the order in which they were last written, deleted ones too; the last minute is held back."""
    now = int(asked.account.clock().timestamp())
    start, last = asked.integer("start_time", -1), 0
    if asked.query.get("cursor"):
        start, last = (int(word) for word in base64.b64decode(asked.query["cursor"]).decode().split("|"))
    elif start < 0 or start > now - _HELD_BACK:
        return 400, {"error": "InvalidValue", "description": "start_time must be at least one minute in the past"}
    everything = [*asked.account.tickets.values(), *asked.account.deleted.values()]
    due = sorted((one.generated, one.id) for one in everything if one.generated <= now - _HELD_BACK)
    due = [one for one in due if one > (start, last) or (not last and one[0] >= start)]
    size = min(asked.integer("per_page", _MOST), _MOST)
    shown = [_whole(asked, number) for _, number in due[:size]]
    end = due[: size or None][-1] if due else (start, last)
    after = base64.b64encode(f"{end[0]}|{end[1]}".encode()).decode()
    address = f"{asked.url}/api/v2/incremental/tickets/cursor?cursor={after}"
    return 200, {
        "tickets": shown, "after_cursor": after, "after_url": address, "before_cursor": None, "before_url": None,
        "end_of_stream": len(due) <= size,
    }  # fmt: skip


def search_export(asked: Asked) -> Answer:
    """Find tickets by cursor; ordered by when they were made, without the archived and the deleted."""
    if asked.query.get("filter[type]") != "ticket":
        return 422, {"error": "invalid", "description": "Invalid search: filter[type] is required"}
    return page(asked, "results", _found(asked))


def search(asked: Asked) -> Answer:
    """Find tickets by page; at most a thousand are ever shown."""
    found = _found(asked)
    if asked.integer("page", 1) * asked.integer("per_page", 100) > _MOST:
        return 422, {"error": "invalid", "description": "Invalid search: Requested response size was greater than 1000"}
    status, shown = offset_page(asked, "results", found, "search.json")
    return status, {**(shown or {}), "facets": None}


def deleted(asked: Asked) -> Answer:
    """List the tickets that were deleted in the last thirty days."""
    listed = sorted(asked.account.deleted.values(), key=lambda one: (one.deleted_at or "", one.id))
    if asked.query.get("sort_order") == "desc":
        listed.reverse()
    shown = [
        {
            "id": one.id, "subject": one.subject, "description": one.description, "deleted_at": one.deleted_at,
            "previous_state": one.status, "actor": {"id": 7001, "name": "Robin Reyes"},
        }
        for one in listed
    ]  # fmt: skip
    return offset_page(asked, "deleted_tickets", shown, "deleted_tickets")


def restore(asked: Asked) -> Answer:
    """Bring a deleted ticket back."""
    kept = asked.account.deleted.get(asked.number("deleted"))
    if kept is None:
        return 404, {"error": "RecordNotFound", "description": "Not found"}
    asked.account.restore(kept, asked.person.id)
    return 200, {}


def _whole(asked: Asked, number: int) -> dict[str, Any]:
    kept = asked.account.tickets.get(number) or asked.account.deleted[number]
    return {**kept.shown(), "status": "deleted" if kept.deleted_at else kept.status}


def _found(asked: Asked) -> list[dict[str, Any]]:
    words = asked.query.get("query", "")
    wanted = [(how, datetime.fromisoformat(when)) for how, when in _UPDATED.findall(words)]
    states = _STATUS.findall(words)
    kept = [one for one in asked.account.tickets.values() if not one.archived and asked.person.sees(one)]
    kept = [one for one in kept if all(_in_time(one, how, when) for how, when in wanted)]
    kept = [one for one in kept if all(_in_state(one, how, state) for how, state in states)]
    return [{**one.shown(), "result_type": "ticket"} for one in sorted(kept, key=lambda one: (one.created_at, one.id))]


def _in_time(ticket: PretendTicket, how: str, when: datetime) -> bool:
    at = datetime.fromisoformat(ticket.updated_at)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return {">=": at >= when, ">": at > when, "<=": at <= when, "<": at < when}.get(how, at == when)


def _in_state(ticket: PretendTicket, how: str, state: str) -> bool:
    if state not in _ORDER:
        return False
    return _ORDER.index(ticket.status) < _ORDER.index(state) if how == "<" else ticket.status == state


EXPORTS = (
    Route(
        method="GET",
        path="incremental/tickets/cursor",
        view=cursor,
        admins=True,
        limits=("incremental-exports",),
    ),
    Route(method="GET", path="search/export", view=search_export, limits=("search-export",)),
    Route(method="GET", path="search", view=search),
    Route(method="GET", path="deleted_tickets", view=deleted),
    Route(method="PUT", path="deleted_tickets/<int:deleted>/restore", view=restore),
)
