"""What a program may change at the pretend account's tickets: the update, their tags, and a comment made private."""

from __future__ import annotations

from typing import Any

from connectors.zendesk.pretend_api import Answer, Asked, Route
from connectors.zendesk.pretend_refusals import NOT_FOUND, UPDATE_CONFLICT, outdated, refusal
from connectors.zendesk.pretend_saves import as_sent

_PACED = ("tickets-update", "per-ticket")


def update(asked: Asked) -> Answer:
    """Save a ticket; a body without `ticket` is answered 200 and changes nothing."""
    ticket, values = asked.ticket, asked.body.get("ticket")
    if not isinstance(values, dict):
        return 200, {"ticket": ticket.shown(), "audit": {"id": 0, "ticket_id": ticket.id, "events": []}}
    if refused := refusal(asked.account, ticket, values, asked.person):
        return refused
    if isinstance(values.get("comment"), dict):
        values = {**values, "comment": as_sent(values["comment"])}
    made = asked.account.change(ticket, asked.person.id, values)
    ticket.edits += 1
    return 200, {"ticket": ticket.shown(), "audit": made}


def strange_keys(asked: Asked) -> list[str]:
    """Return what an update names and Zendesk does not know; its answer's header is the only sign."""
    values = asked.body.get("ticket")
    return sorted(f"ticket.{key}" for key in set(values) - asked.account.writable) if isinstance(values, dict) else []


def make_private(asked: Asked) -> Answer:
    """Hide a comment from the requester."""
    for said in asked.ticket.comments:
        if said["id"] == asked.number("comment"):
            said["public"] = False
            told = {"comment": {"id": str(said["id"])}}
            asked.account.tell(asked.ticket, asked.person.id, "comment_made_private", told)
            return 200, {}
    return NOT_FOUND


def _tagging(asked: Asked, status: int, tags: list[str]) -> Answer:
    if asked.ticket.status == "closed":
        return refusal(asked.account, asked.ticket, {}, asked.person) or NOT_FOUND
    if outdated(asked.ticket, asked.body):
        return UPDATE_CONFLICT
    asked.account.change(asked.ticket, asked.person.id, {"tags": list(dict.fromkeys(tags))})
    asked.ticket.edits += 1
    return status, {"tags": list(asked.ticket.tags)}


def _given(asked: Asked) -> list[str]:
    given: Any = asked.body.get("tags")
    return [str(tag) for tag in given] if isinstance(given, list) else str(given or "").split()


def add_tags(asked: Asked) -> Answer:
    """Add tags to those that are there."""
    return _tagging(asked, 200, [*asked.ticket.tags, *_given(asked)])


def set_tags(asked: Asked) -> Answer:
    """Put tags in place of those that are there."""
    return _tagging(asked, 201, _given(asked))


def remove_tags(asked: Asked) -> Answer:
    """Take tags away; the answer is empty."""
    status, body = _tagging(asked, 204, [tag for tag in asked.ticket.tags if tag not in _given(asked)])
    return status, body if status != 204 else None


WRITES = (
    Route(method="PUT", path="tickets/<int:ticket>", view=update, limits=_PACED),
    Route(method="PUT", path="tickets/<int:ticket>/tags", view=add_tags, limits=_PACED),
    Route(method="POST", path="tickets/<int:ticket>/tags", view=set_tags, limits=_PACED),
    Route(method="DELETE", path="tickets/<int:ticket>/tags", view=remove_tags, limits=_PACED),
    Route(
        method="PUT",
        path="tickets/<int:ticket>/comments/<int:comment>/make_private",
        view=make_private,
        limits=_PACED,
    ),
)
