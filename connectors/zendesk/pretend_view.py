"""The pretend account in our own words, for tests, tables and the page: tickets as they stand, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.sandboxing import Happened, View
from connectors.zendesk.pretend import Account, level_of
from connectors.zendesk.records import GROUPS, PretendTicket

_STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
_PRIORITIES = ("low", "normal", "high", "urgent")
_WORDS = {"group_id": "group", "assignee_id": "assignee", "custom_status_id": "status"}


def view(account: Account, kept: PretendTicket) -> View:
    """Show a ticket as it stands."""
    people = account.people
    return View(
        id=str(kept.id),
        key=f"#{kept.id}",
        status="on_hold" if kept.status == "hold" else kept.status,
        priority=kept.priority,
        group=GROUPS.get(kept.group_id or 0),
        assignee=people[kept.assignee_id].name if kept.assignee_id else None,
        level=level_of(kept),
        followers=tuple(people[who].email for who in kept.follower_ids),
        notes=tuple(c["body"] for c in kept.comments if not c["public"]),
        replies=tuple(c["body"] for c in kept.comments if c["public"]),
        tags=tuple(kept.tags),
        edits=kept.edits,
        subject=kept.subject,
    )


def history(account: Account, kept: PretendTicket) -> list[Happened]:
    """Tell what was said and changed on a ticket, the oldest first."""
    return [
        Happened(
            at=datetime.fromisoformat(made["created_at"]),
            who=_name(account, event.get("author_id") or made["author_id"]),
            says=event["body"] if event["type"] == "Comment" else _change(account, event),
            public=_public(kept, event) if event["type"] == "Comment" else None,
        )
        for made in kept.audits
        for event in made["events"]
    ]


def choices(account: Account) -> Mapping[str, Sequence[str]]:
    """Return what an agent may choose."""
    able = [p.name for p in account.people.values() if p.role != "end-user" and not p.suspended and not p.light]
    return {"status": _STATUSES, "priority": _PRIORITIES, "group": list(GROUPS.values()), "assignee": able}


def _public(kept: PretendTicket, event: Mapping[str, Any]) -> bool:
    """Say whether the requester reads a comment now; it may have been made private since."""
    return next((bool(one["public"]) for one in kept.comments if one["id"] == event["id"]), bool(event["public"]))


def _change(account: Account, event: Mapping[str, Any]) -> str:
    if event["type"] == "Notification":
        return f"mail to {', '.join(_name(account, who) for who in event['recipients'])}: {event['subject']}"
    name = str(event["field_name"])
    before, after = (_said(account, name, event[key]) for key in ("previous_value", "value"))
    title = account.fields[int(name)]["title"] if name.isdecimal() and int(name) in account.fields else None
    return f"{title or _WORDS.get(name, name)}: {before} → {after}"


def _said(account: Account, name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if name == "group_id" and value:
        return GROUPS.get(int(value), str(value))
    return (_name(account, int(value)) if name == "assignee_id" and value else str(value or "")) or "none"


def _name(account: Account, number: int) -> str:
    return account.people[number].name if number in account.people else "Zendesk"
