"""What one save does to a pretend ticket: comments, fields, tags, followers; as audit events and as webhook events."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connectors.zendesk.pretend_rules import placeholders
from connectors.zendesk.records import CUSTOM_STATUSES, LEVEL_FIELD, OURS, PretendTicket, as_text, capital

if TYPE_CHECKING:
    from connectors.zendesk.pretend import Account

Told = tuple[str, dict[str, Any]]

EVENTS = {
    "status": "status_changed",
    "priority": "priority_changed",
    "type": "type_changed",
    "subject": "subject_changed",
    "group_id": "group_assignment_changed",
    "assignee_id": "agent_assignment_changed",
    "organization_id": "organization_changed",
    "requester_id": "requester_changed",
    "brand_id": "brand_changed",
    "ticket_form_id": "form_changed",
    "external_id": "external_id_changed",
    "due_at": "task_due_at_changed",
    "problem_id": "problem_link_changed",
}
_COMMENT_LIMIT = 65_536
_AS_TYPED = ("subject", "due_at", "external_id")


def seconds(when: datetime) -> str:
    """Return a time as the API writes it; Zendesk tells no parts of a second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_sent(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comment as the API takes it: plain `body` loses doubled spaces and empty lines."""
    if "html_body" in said or "body" not in said:
        return dict(said)
    return {**said, "body": re.sub(r"\n{2,}", "\n", re.sub(r" {2,}", " ", str(said["body"])))}


def audit(account: Account, ticket: PretendTicket, actor: int, custom: Mapping[str, Any]) -> dict[str, Any]:
    """Begin the record of a save."""
    made = {
        "id": account.number(), "ticket_id": ticket.id, "created_at": seconds(account.clock()), "author_id": actor,
        "metadata": {"system": {"client": "sandbox"}, "custom": dict(custom)}, "events": [],
        "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
    }  # fmt: skip
    ticket.audits.append(made)
    return made


def fields(account: Account, ticket: PretendTicket, values: Mapping[str, Any], made: dict[str, Any]) -> list[Told]:
    """Set what changes of the ticket's own fields, custom ones, tags and followers."""
    told: list[Told] = []
    for name, event in EVENTS.items():
        if name in values and values[name] != (before := getattr(ticket, name)):
            setattr(ticket, name, values[name])
            _note(account, made, name, before, values[name])
            told.append((event, {"current": _word(name, values[name]), "previous": _word(name, before)}))
    told += _custom_status(account, ticket, values, made)
    return told + _custom(account, ticket, values, made) + _followers(account, ticket, values)


def comment(account: Account, ticket: PretendTicket, actor: int, said: Mapping[str, Any], made: dict[str, Any]) -> Told:
    """Add a comment; placeholders are filled in, and what is too long is cut without a word."""
    author = int(said.get("author_id") or actor)
    markup = str(said.get("html_body") or html.escape(str(said.get("body", ""))))
    markup = filled(account, ticket, markup).encode()[:_COMMENT_LIMIT].decode(errors="ignore")
    text = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<br>|</p>", "\n", markup))).strip()
    person = account.people.get(author)
    public = said.get("public", True) is not False and not (person is not None and person.light)
    public = public or (account.leaky and actor == OURS)
    number = account.number()
    shared = {
        "id": number, "type": "Comment", "author_id": author, "body": text, "html_body": markup, "plain_body": text,
        "public": public, "attachments": [], "audit_id": made["id"],
    }  # fmt: skip
    made["events"].append(dict(shared))
    via = {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}}
    ticket.comments.append({**shared, "created_at": made["created_at"], "via": via, "metadata": made["metadata"]})
    staff = person is None or person.role != "end-user"
    author_told = {"id": str(author), "is_staff": staff, "name": person.name if person else "Zendesk"}
    shown = {"id": str(number), "body": text, "html_body": markup, "is_public": public, "author": author_told}
    return "comment_added", {"comment": shown}


def filled(account: Account, ticket: PretendTicket, markup: str) -> str:
    """Fill in placeholders, as Zendesk does in whatever an agent or a program writes; unknown ones are taken out."""
    if "{{" not in markup and "{%" not in markup:
        return markup
    known = dict(placeholders(ticket, account.people[ticket.requester_id], account.people.get(ticket.assignee_id or 0)))
    filled = re.sub(r"(?<!\\)\{\{\s*([\w.]*)[^}]*\}\}", lambda found: known.get(found[1], ""), markup)
    return re.sub(r"\{%.*?%\}", "", filled).replace("\\{{", "{{")


def _custom_status(
    account: Account, ticket: PretendTicket, values: Mapping[str, Any], made: dict[str, Any]
) -> list[Told]:
    """Let the custom status follow the status, or be the one that was chosen."""
    before = ticket.custom_status_id
    if account.category_of(before) != ticket.status:
        ticket.custom_status_id = CUSTOM_STATUSES.get(ticket.status, before)
    chosen = values.get("custom_status_id")
    if chosen is not None and account.category_of(chosen) == ticket.status:
        ticket.custom_status_id = chosen
    if ticket.custom_status_id == before or not account.more_statuses:
        return []  # an account that has not begun to use them tells nothing of them
    _note(account, made, "custom_status_id", before, ticket.custom_status_id)
    return [("custom_status_changed", {"current": str(ticket.custom_status_id), "previous": str(before)})]


def _custom(account: Account, ticket: PretendTicket, values: Mapping[str, Any], made: dict[str, Any]) -> list[Told]:
    told: list[Told] = []
    tags = list(dict.fromkeys(values.get("tags", ticket.tags)))
    for item in values.get("custom_fields") or ():
        number, value = int(item["id"]), item.get("value")
        before, known = ticket.custom.get(number), account.fields.get(number)
        if value == before or (known is not None and not known["active"]):
            continue
        ticket.custom[number] = value
        _note(account, made, str(number), before, value)
        if number == LEVEL_FIELD or account.options(number):  # a drop-down's option is a tag
            tags = [tag for tag in tags if tag != before] + ([value] if value else [])
        title, kind = (known["title"], known["type"]) if known else (f"Field {number}", "text")
        field = {"id": str(number), "title": title, "type": kind}
        change = {"custom_field": field, "current": {"value": value}, "previous": {"value": before}}
        told.append(("custom_field_changed", change))
    if set(tags) != set(ticket.tags):
        added, removed = [t for t in tags if t not in ticket.tags], [t for t in ticket.tags if t not in tags]
        _note(account, made, "tags", ticket.tags, tags)
        ticket.tags = tags
        told.append(("tags_changed", {"tags_added": added, "tags_removed": removed}))
    return told


def _followers(account: Account, ticket: PretendTicket, values: Mapping[str, Any]) -> list[Told]:
    told = []
    for name, event in (("followers", "followers_changed"), ("email_ccs", "email_ccs_changed")):
        kept: list[int] = ticket.follower_ids if name == "followers" else ticket.email_cc_ids
        before = list(kept)
        for item in values.get(name) or ():
            who = account.known(item)
            if who is not None and item.get("action") == "delete":
                kept[:] = [one for one in kept if one != who]
            elif who is not None and who not in kept:
                kept.append(who)
        added, removed = [str(w) for w in kept if w not in before], [str(w) for w in before if w not in kept]
        if added or removed:
            told.append((event, {"users_added": added, "users_removed": removed}))
    return told


def _note(account: Account, made: dict[str, Any], name: str, before: object, after: object) -> None:
    old, new = (str(value) if isinstance(value, int) else value for value in (before, after))
    event = {"id": account.number(), "type": "Change", "field_name": name, "value": new, "previous_value": old}
    made["events"].append(event)


def _word(name: str, value: Any) -> str | None:
    if name in _AS_TYPED:
        return None if value is None else str(value)
    return as_text(value) if name.endswith("_id") else capital(value)
