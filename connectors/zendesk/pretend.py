"""The pretend Zendesk account's rules: what a save changes, what it refuses, and which events it causes. No sockets.

Shapes and codes follow the published documents and recorded answers; what Zendesk does with a ticket that nobody
documents (routing, views, mail) is not pretended.
"""

from __future__ import annotations

import html
import itertools
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.zendesk.picture import level_in, level_tag
from connectors.zendesk.records import (
    ACCOUNT_ID,
    GROUPS,
    LEVEL_FIELD,
    OURS,
    ROBIN,
    Organization,
    Person,
    PretendTicket,
    as_text,
    capital,
)

WRITABLE = {
    *("priority", "status", "type", "subject", "group_id", "assignee_id", "tags", "custom_fields", "followers"),
    *("organization_id", "due_at", "problem_id", "comment", "metadata", "safe_update", "updated_stamp"),
}
_EVENTS = {
    "status": "status_changed",
    "priority": "priority_changed",
    "type": "type_changed",
    "subject": "subject_changed",
    "group_id": "group_assignment_changed",
    "assignee_id": "agent_assignment_changed",
    "organization_id": "organization_changed",
    "due_at": "task_due_at_changed",
    "problem_id": "problem_link_changed",
}
_COMMENT_LIMIT = 65_536
_PRIORITIES = (None, "low", "normal", "high", "urgent")


class Account:
    """All that one pretend Zendesk knows. The caller holds the lock that keeps two changes apart."""

    def __init__(self, emit: Callable[[Mapping[str, Any]], None], clock: Callable[[], datetime]) -> None:
        self._emit = emit
        self._clock = clock
        self._ids = itertools.count(70_000_000_001)
        self._numbers = itertools.count(35_001)
        self.tickets: dict[int, PretendTicket] = {}
        self.organizations: dict[int, Organization] = {}
        people = (
            Person(id=OURS, name="Stepladder", groups=tuple(GROUPS)),
            Person(id=ROBIN, name="Robin Reyes", groups=(360,)),
            Person(id=7002, name="Tariq Lang", groups=(361,)),
            Person(id=7003, name="Ella Novak", groups=(362,)),
            Person(id=7004, name="Bea Moreau", groups=(363,)),
            Person(id=7005, name="Mara Okafor", role="admin", groups=(364,)),
            Person(id=7006, name="Noor Haddad", groups=(361,)),
            Person(id=7007, name="Jonas Weber", groups=(361, 362)),
            Person(id=8001, name="Casey Customer", role="end-user"),
        )
        self.people = {person.id: person for person in people}
        self.writable = set(WRITABLE)  # less than that where a feature, such as followers, is switched off
        self.has_slas = True  # a plan without SLAs leaves the sideload out
        self.shows_organization_fields = True  # beside a ticket; else its organization must be asked for
        self.shows_open_tickets = True  # the count beside people; else it must be searched for
        self.index: Mapping[int, int] | None = None  # what counts say that lag behind, by agent
        self.leaky = False  # a Zendesk that makes private comments public, which the real one must never do

    def open(self, subject: str, text: str, organization: str | None = None, **values: Any) -> PretendTicket:
        """Open a ticket for the customer."""
        now = self._clock()
        ticket = PretendTicket(
            id=next(self._numbers),
            requester_id=8001,
            created_at=_seconds(now),
            updated_at=_seconds(now),
            subject=subject,
            description=text,
            organization_id=self.organization(organization).id if organization else None,
            **values,
        )
        self.tickets[ticket.id] = ticket
        audit = self._audit(ticket, 8001, now, {})
        comment = self._comment(ticket, 8001, {"body": text, "public": True}, audit)
        self._tell(ticket, 8001, now, [("created", {}), comment])
        return ticket

    def change(self, ticket: PretendTicket, actor: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one save, as a person's or an API client's; return its audit. Several events share its sequence."""
        now = self._clock()
        values = {key: value for key, value in values.items() if key in self.writable}  # others are dropped silently
        if values.get("assignee_id") and ticket.status == "new":
            values.setdefault("status", "open")  # whoever gets a new ticket opens it
        audit = self._audit(ticket, actor, now, values.get("metadata") or {})
        told: list[tuple[str, dict[str, Any]]] = []
        if comment := values.get("comment"):
            told.append(self._comment(ticket, actor, comment, audit))
        for name, event in _EVENTS.items():
            if name in values and values[name] != (before := getattr(ticket, name)):
                setattr(ticket, name, values[name])
                self._note_change(audit, name, before, values[name])
                told.append((event, {"current": _word(name, values[name]), "previous": _word(name, before)}))
        told += self._fields_and_tags(ticket, values, audit) + self._followers(ticket, values)
        if told:
            ticket.updated_at = _seconds(now)
        self._tell(ticket, actor, now, told)
        if ticket.type == "problem" and values.get("status") == "solved":
            self._solve_incidents(ticket, actor)
        return audit

    def _solve_incidents(self, problem: PretendTicket, actor: int) -> None:
        for ticket in list(self.tickets.values()):
            if ticket.problem_id == problem.id and ticket.status not in ("solved", "closed"):
                self.change(ticket, actor, {"status": "solved"})

    def remove(self, ticket: PretendTicket, actor: int) -> None:
        """Delete a ticket; the API answers 404 for it from now on."""
        del self.tickets[ticket.id]
        self._tell(ticket, actor, self._clock(), [("soft_deleted", {})])

    def merge(self, ticket: PretendTicket, into: PretendTicket, actor: int) -> None:
        """Pour one ticket into another; the first is closed."""
        self.change(ticket, actor, {"status": "closed"})
        self._tell(ticket, actor, self._clock(), [("merged", {"target_ticket_id": str(into.id)})])

    def values_for(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Turn an agent's words (group, assignee, level, …; names or ids) into what a save takes."""
        people = {person.id: person.name for person in self.people.values()}
        values: dict[str, Any] = {}
        for name, value in fields.items():
            if name in ("group", "assignee"):
                known = GROUPS if name == "group" else people
                values[f"{name}_id"] = next((i for i, called in known.items() if str(value) in (str(i), called)), None)
            elif name == "problem":
                values |= {"problem_id": int(value), "type": "incident"} if value else {"problem_id": None}
            elif name == "organization":
                values["organization_id"] = self.organization(value).id if value else None
            elif name == "level":
                values["custom_fields"] = [{"id": LEVEL_FIELD, "value": level_tag(value) if value > 1 else None}]
            else:
                values[name] = "hold" if value == "on_hold" else value
        return values

    def refusal(self, ticket: PretendTicket, values: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """Return the status and body with which Zendesk refuses this save, if it does."""
        if ticket.status == "closed":
            return _invalid({"status": [{"description": "Status: closed prevents ticket update"}]})
        if values.get("safe_update") and values.get("updated_stamp") != ticket.updated_at:
            sentence = "Safe Update prevented the update due to outdated ticket data."
            return 409, {"error": "UpdateConflict", "description": sentence}
        if values.get("priority") not in _PRIORITIES:
            return _invalid({"priority": [{"description": "Priority: is invalid", "error": "InvalidValue"}]})
        group = values.get("group_id", ticket.group_id)
        if group is not None and group not in GROUPS:
            return _invalid({"group": [{"description": "Group: is invalid", "error": "InvalidValue"}]})
        assignee = self.people.get(values.get("assignee_id") or 0)
        first = {"description": "Assignee: is invalid", "error": "InvalidValue"}
        if assignee is not None and (assignee.suspended or assignee.light):
            return _invalid({"assignee": [first]})
        if values.get("assignee_id") and (assignee is None or group not in assignee.groups):
            return _invalid({"assignee": [first, {"description": "Assignee: is not a member of the group"}]})
        return None

    def _fields_and_tags(
        self, ticket: PretendTicket, values: Mapping[str, Any], audit: dict[str, Any]
    ) -> list[tuple[str, dict[str, Any]]]:
        told: list[tuple[str, dict[str, Any]]] = []
        tags = list(dict.fromkeys(values.get("tags", ticket.tags)))
        for item in values.get("custom_fields") or ():
            number, value = int(item["id"]), item.get("value")
            before = ticket.custom.get(number)
            if value == before:
                continue
            ticket.custom[number] = value
            self._note_change(audit, str(number), before, value)
            kind = {"id": str(number), "title": f"Field {number}", "type": "text"}
            if number == LEVEL_FIELD:  # a drop-down's option is a tag
                tags = [tag for tag in tags if tag != before] + ([value] if value else [])
            told.append(
                (
                    "custom_field_changed",
                    {"custom_field": kind, "current": {"value": value}, "previous": {"value": before}},
                )
            )
        if set(tags) != set(ticket.tags):
            added, removed = [t for t in tags if t not in ticket.tags], [t for t in ticket.tags if t not in tags]
            self._note_change(audit, "tags", ticket.tags, tags)
            ticket.tags = tags
            told.append(("tags_changed", {"tags_added": added, "tags_removed": removed}))
        return told

    def _followers(self, ticket: PretendTicket, values: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        before = list(ticket.follower_ids)
        for item in values.get("followers") or ():
            who = int(item["user_id"])
            if item.get("action") == "delete":
                ticket.follower_ids = [f for f in ticket.follower_ids if f != who]
            elif who in self.people and who not in ticket.follower_ids:
                ticket.follower_ids.append(who)
        added = [str(who) for who in ticket.follower_ids if who not in before]
        removed = [str(who) for who in before if who not in ticket.follower_ids]
        return [("followers_changed", {"users_added": added, "users_removed": removed})] if added or removed else []

    def _audit(self, ticket: PretendTicket, actor: int, now: datetime, custom: Mapping[str, Any]) -> dict[str, Any]:
        audit = {
            "id": next(self._ids), "ticket_id": ticket.id, "created_at": _seconds(now), "author_id": actor,
            "metadata": {"system": {"client": "sandbox"}, "custom": dict(custom)}, "events": [],
            "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
        }  # fmt: skip
        ticket.audits.append(audit)
        return audit

    def _comment(
        self, ticket: PretendTicket, actor: int, said: Mapping[str, Any], audit: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        markup = said.get("html_body") or html.escape(str(said.get("body", "")))
        if "{{" in markup:  # Zendesk fills placeholders in, and strips those that it does not know
            markup = markup.replace("{{ticket.id}}", str(ticket.id)).replace("{{ticket.title}}", ticket.subject)
            markup = re.sub(r"\{\{.*?\}\}", "", markup)
        markup = markup.encode()[:_COMMENT_LIMIT].decode(errors="ignore")  # silently cut, as documented
        text = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<br>|</p>", "\n", markup))).strip()
        public = bool(said.get("public", True)) or (self.leaky and actor == OURS)
        number = next(self._ids)
        shared = {
            "id": number,
            "type": "Comment",
            "author_id": actor,
            "body": text,
            "html_body": markup,
            "public": public,
        }
        audit["events"].append(shared)
        ticket.comments.append(
            {**shared, "plain_body": text, "created_at": audit["created_at"], "audit_id": audit["id"]}
        )
        person = self.people[actor]
        author = {"id": str(actor), "is_staff": person.role != "end-user", "name": person.name}
        return "comment_added", {
            "comment": {"id": str(number), "body": text, "html_body": markup, "is_public": public, "author": author}
        }

    def _note_change(self, audit: dict[str, Any], name: str, before: object, after: object) -> None:
        event = {"id": next(self._ids), "type": "Change", "field_name": name, "value": after, "previous_value": before}
        audit["events"].append(event)

    def organization(self, name: str) -> Organization:
        """Return the organization of this name; it is founded when it is first named."""
        known = next((o for o in self.organizations.values() if o.name == name), None)
        found = known or Organization(id=900 + len(self.organizations), name=name)
        return self.organizations.setdefault(found.id, found)

    def _tell(self, ticket: PretendTicket, actor: int, now: datetime, told: list[tuple[str, dict[str, Any]]]) -> None:
        sequence = str(uuid.uuid4().int)[:26].zfill(26)
        for position, (what, event) in enumerate(told, 1):
            envelope = {
                "account_id": ACCOUNT_ID, "id": str(uuid.uuid4()), "subject": f"zen:ticket:{ticket.id}",
                "type": f"zen:event-type:ticket.{what}", "zendesk_event_version": "2022-11-06",
                "time": now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"), "detail": ticket.detail(actor),
                "event": {**event, "meta": {"sequence": {"id": sequence, "position": position}}},
            }  # fmt: skip
            self._emit(envelope)


def level_of(ticket: PretendTicket) -> int | None:
    """Return the level that the ticket's tags show."""
    return max((level for tag in ticket.tags if (level := level_in(tag))), default=None)


def _seconds(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _invalid(details: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    return 422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details}


def _word(name: str, value: Any) -> str | None:
    return as_text(value) if name.endswith("_id") else value if name in ("subject", "due_at") else capital(value)
