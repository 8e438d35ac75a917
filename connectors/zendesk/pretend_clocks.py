"""The pretend account's SLA clocks: which promise of a reply runs, and until when. It looks at one save at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.zendesk.pretend_rules import Save, applies
from connectors.zendesk.records import PretendTicket

_FIRST, _NEXT = "first_reply_time", "next_reply_time"
_STANDS = ("solved", "closed")


def refreshed(policies: Sequence[Mapping[str, Any]], save: Save, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Let a ticket's promises follow a save; return the events that say so. Zendesk publishes no body of theirs."""
    ticket = save.ticket
    before, targets = _next_breach(ticket), _targets(policies, save)
    _wait(ticket, save, now)
    ticket.promises = [
        {
            "metric": metric,
            "stage": "active",
            "breach_at": (datetime.fromisoformat(begun) + targets[metric])
            .astimezone(UTC)
            .strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for metric, begun in ticket.waits.items()
        if metric in targets
    ]
    after = _next_breach(ticket)
    return [("next_sla_breach_changed", {"current": after, "previous": before})] if after != before else []


def _wait(ticket: PretendTicket, save: Save, now: datetime) -> None:
    """Start and stop waiting: a customer's words start it, a public reply or a solution ends it."""
    by_customer = bool(ticket.comments) and ticket.comments[-1]["author_id"] == ticket.requester_id
    if save.created:
        ticket.waits = {_FIRST: now.isoformat()}
    elif save.public is not None and by_customer:
        ticket.waits = ticket.waits or {_NEXT: now.isoformat()}
    elif save.public:
        ticket.waits = {}
    if ticket.status in _STANDS:
        ticket.waits = {}


def _targets(policies: Sequence[Mapping[str, Any]], save: Save) -> dict[str, timedelta]:
    """Return how long each metric may take for this ticket; without a priority nothing is promised."""
    for policy in sorted(policies, key=lambda one: int(one.get("position") or 0)):
        if applies({"conditions": policy.get("filter") or {}}, save):
            return {
                metric["metric"]: timedelta(minutes=metric["target"])
                for metric in policy.get("policy_metrics") or ()
                if metric["priority"] == save.ticket.priority
            }
    return {}


def _next_breach(ticket: PretendTicket) -> str | None:
    return min((one["breach_at"] for one in ticket.promises if one.get("breach_at")), default=None)
