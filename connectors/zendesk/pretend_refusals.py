"""How the pretend Zendesk refuses: statuses, codes and sentences as published or recorded. It saves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.faults import Fault
from connectors.zendesk.records import GROUPS, LEVEL_FIELD, Person, PretendTicket

if TYPE_CHECKING:
    from connectors.zendesk.pretend import Account

Refusal = tuple[int, dict[str, Any]]

_GERMAN = {
    "Status: closed prevents ticket update": "Status: geschlossen verhindert die Aktualisierung des Tickets",
    "Assignee: is invalid": "Mitarbeiter: ist ungültig",
    "Assignee: is not a member of the group": "Mitarbeiter: ist kein Mitglied der Gruppe",
    "Group: is invalid": "Gruppe: ist ungültig",
    "Priority: is invalid": "Priorität: ist ungültig",
    "Comment: too many comments": "Kommentar: zu viele Kommentare",
}


def invalid(details: Mapping[str, Any]) -> Refusal:
    """Refuse values: what is wrong, by field."""
    return 422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details}


def _wrong(sentence: str, error: str | None = "InvalidValue") -> dict[str, Any]:
    return {"description": sentence} | ({"error": error} if error else {})


NOT_FOUND: Refusal = 404, {"error": "RecordNotFound", "description": "Not found"}
FORBIDDEN: Refusal = (
    403,
    {
        "error": "Forbidden",
        "description": "You do not have access to this page. Please contact the account owner of this help desk.",
    },
)
UPDATE_CONFLICT: Refusal = (
    409,
    {
        "error": "UpdateConflict",
        "description": "Safe Update prevented the update due to outdated ticket data.",
    },
)
CLOSED = invalid({"status": [_wrong("Status: closed prevents ticket update", None)]})
NOT_A_MEMBER = invalid(
    {"assignee": [_wrong("Assignee: is invalid"), _wrong("Assignee: is not a member of the group", None)]}
)
CANNOT_BE_ASSIGNED = invalid({"assignee": [_wrong("Assignee: is invalid")]})
NO_SUCH_GROUP = invalid({"group": [_wrong("Group: is invalid")]})
NO_SUCH_PRIORITY = invalid({"priority": [_wrong("Priority: is invalid")]})
TOO_MANY_COMMENTS = invalid({"base": [_wrong("Comment: too many comments", None)]})

SAID: Mapping[str, Refusal] = {
    "UpdateConflict": UPDATE_CONFLICT,
    "DatabaseConflict": (409, {"error": "DatabaseConflict", "description": "Database collision"}),
    "closed": CLOSED,
    "closed by its code": invalid({"base": [_wrong("Ticket is closed", "ClosedTicket")]}),
    "not a member": NOT_A_MEMBER,
    "cannot be assigned": CANNOT_BE_ASSIGNED,
    "no such group": NO_SUCH_GROUP,
    "no such priority": NO_SUCH_PRIORITY,
    "too many comments": TOO_MANY_COMMENTS,
    "requester suspended": invalid({"requester": [_wrong("Requester: Casey Customer is suspended.", "UserSuspended")]}),
    "not found": NOT_FOUND,
    "forbidden": FORBIDDEN,
    "no scope": (403, {"error": "Forbidden", "description": "Missing the following required scopes: write"}),
    "too many values": (400, {"error": "TooManyValues", "description": "ids exceeds maximum size of 100"}),
    "rate limit": (429, {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests exceeded"}),
}
"""Refusals by name: status and body."""


def fault(said: str, **more: Any) -> Fault:
    """Return the fault that refuses in these words, a name of `SAID`; `more` are other fields of the fault."""
    status, body = SAID[said]
    return Fault(do=str(status), body=body, **more)


def no_scope(scope: str) -> Refusal:
    """Refuse a token that lacks a scope."""
    return 403, {"error": "Forbidden", "description": f"Missing the following required scopes: {scope}"}


def outdated(ticket: PretendTicket, values: Mapping[str, Any]) -> bool:
    """Say whether a save that must not overwrite anything comes too late; seconds are all that it can tell apart.

    Zendesk's own table says that `safe_update: false` means the same as true; only leaving it out forces a save.
    """
    return "safe_update" in values and values.get("updated_stamp") != ticket.updated_at


def refusal(account: Account, ticket: PretendTicket, values: Mapping[str, Any], person: Person) -> Refusal | None:
    """Return how Zendesk refuses this person's save, if it does."""
    found = _refusal(account, ticket, values, person)
    if found is not None and account.language == "de":
        return found[0], _translated(found[1])
    return found


def _refusal(account: Account, ticket: PretendTicket, values: Mapping[str, Any], person: Person) -> Refusal | None:
    if ticket.status == "closed":
        return CLOSED
    if outdated(ticket, values):
        return UPDATE_CONFLICT
    if person.light and set(values) - {"comment", "safe_update", "updated_stamp", "metadata"}:
        return FORBIDDEN
    if values.get("comment") and len(ticket.comments) >= account.comment_limit:
        return TOO_MANY_COMMENTS
    if values.get("priority") not in (None, *account.priorities):
        return NO_SUCH_PRIORITY
    return _level_refusal(account, values) or _place_refusal(account, ticket, values)


def _level_refusal(account: Account, values: Mapping[str, Any]) -> Refusal | None:
    for item in values.get("custom_fields") or ():
        number, value = int(item["id"]), item.get("value")
        options = account.options(number)
        if value and options and value not in options:
            title = account.fields[number]["title"]
            wrong = {**_wrong(f"{title}: {value} is not a valid value"), "ticket_field_id": number}
            return invalid({"base" if number == LEVEL_FIELD else str(number): [wrong]})
    return None


def _place_refusal(account: Account, ticket: PretendTicket, values: Mapping[str, Any]) -> Refusal | None:
    group, who = values.get("group_id", ticket.group_id), values.get("assignee_id")
    if group is not None and group not in GROUPS:
        return NO_SUCH_GROUP
    if not who:
        return None
    assignee = account.people.get(who)
    if assignee is None or assignee.suspended or assignee.light or assignee.role == "end-user":
        return CANNOT_BE_ASSIGNED
    return NOT_A_MEMBER if group is not None and group not in assignee.groups else None


def _translated(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _translated(value) for key, value in body.items()}
    if isinstance(body, list):
        return [_translated(item) for item in body]
    return _GERMAN.get(body, body) if isinstance(body, str) else body
