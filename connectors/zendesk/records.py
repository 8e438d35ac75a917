"""What the pretend Zendesk keeps: people and tickets, and how the API and the webhooks show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ACCOUNT_ID = 22000001
OURS, ROBIN, ADMIN = 9000, 7001, 7100
GROUPS = {360: "Support", 361: "Technical Support", 362: "Engineering", 363: "Billing", 364: "Management"}
FIELDS = {"product": 360001, "impact": 360002, "urgency": 360003}
ORGANIZATION_FIELDS = {"support_hours": "organization.support_hours"}
LEVEL_FIELD = 360010
TITLES = {"product": "Product area", "impact": "Impact", "urgency": "Urgency"}
LEVEL_TITLE = "Escalation level"
BRAND, FORM = 500, 600
CUSTOM_STATUSES = {"new": 401, "open": 402, "pending": 403, "hold": 404, "solved": 405}
BEGINNING = "2026-01-05T08:00:00Z"


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with a Zendesk account."""

    id: int
    name: str
    role: str = "agent"
    groups: tuple[int, ...] = ()
    suspended: bool = False
    light: bool = False  # a light agent comments internally, and can be assigned nothing
    ticket_restriction: str | None = None  # "groups", "assigned", "requested": they see only those tickets
    active: bool = True
    seen_at: str | None = BEGINNING  # when they last logged in

    @property
    def email(self) -> str:
        """Their address."""
        return f"{self.name.split()[0].lower()}@example.com"

    def shown(self) -> dict[str, Any]:
        """Show them as the API does."""
        first = self.groups[0] if self.groups else None
        kind = 4 if self.role == "admin" else 1 if self.light else None
        return {
            "id": self.id, "name": self.name, "email": self.email, "role": self.role, "role_type": kind,
            "custom_role_id": None, "suspended": self.suspended, "active": self.active, "locale": "en-US",
            "locale_id": 1, "default_group_id": first, "only_private_comments": self.light, "moderator": False,
            "restricted_agent": self.ticket_restriction is not None, "ticket_restriction": self.ticket_restriction,
            "time_zone": "Berlin", "iana_time_zone": "Europe/Berlin", "created_at": BEGINNING, "updated_at": BEGINNING,
            "last_login_at": self.seen_at, "verified": True, "shared": False, "shared_agent": False, "tags": [],
            "organization_id": None, "external_id": None, "phone": None, "user_fields": {},
        }  # fmt: skip

    def sees(self, ticket: PretendTicket) -> bool:
        """Say whether a ticket is shown to them."""
        if self.ticket_restriction == "groups":
            return ticket.group_id in self.groups
        if self.ticket_restriction == "assigned":
            return ticket.assignee_id == self.id
        return self.ticket_restriction is None or ticket.requester_id == self.id


@dataclass(slots=True, kw_only=True)
class Organization:
    """A company with fields of its own."""

    id: int
    name: str
    fields: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Show it as the API does."""
        return {**self.partly(), "tags": [], "organization_fields": dict(self.fields)}

    def partly(self) -> dict[str, Any]:
        """Show it as it may stand beside something else."""
        return {"id": self.id, "name": self.name}


@dataclass(slots=True, kw_only=True)
class PretendTicket:
    """One ticket, its comments and its audits."""

    id: int
    requester_id: int
    created_at: str
    updated_at: str
    subject: str
    description: str
    status: str = "new"
    priority: str | None = None
    type: str | None = None
    group_id: int | None = 360
    assignee_id: int | None = None
    organization_id: int | None = None
    due_at: str | None = None
    problem_id: int | None = None
    external_id: str | None = None
    brand_id: int = BRAND
    ticket_form_id: int = FORM
    custom_status_id: int = CUSTOM_STATUSES["new"]
    channel: str = "web"
    archived: bool = False  # closed for long: search does not find it any more
    deleted_at: str | None = None
    generated: int = 0  # when Zendesk last wrote its record, in seconds since 1970
    tags: list[str] = field(default_factory=list)
    custom: dict[int, Any] = field(default_factory=dict)
    follower_ids: list[int] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    promises: list[dict[str, Any]] = field(default_factory=list)  # the SLA's, as the `slas` sideload shows them
    waits: dict[str, str] = field(default_factory=dict)  # since when the requester waits, by the SLA's metric
    sharing_agreement_ids: list[int] = field(default_factory=list)
    email_cc_ids: list[int] = field(default_factory=list)
    shows: Sequence[int] = (*FIELDS.values(), LEVEL_FIELD)  # the account's active custom fields
    edits: int = 0

    def shown(self) -> dict[str, Any]:
        """Show it as the API does."""
        custom = [{"id": key, "value": self.custom.get(key)} for key in self.shows]
        return {
            "id": self.id, "subject": self.subject, "raw_subject": self.subject, "description": self.description,
            "status": self.status, "priority": self.priority, "type": self.type, "group_id": self.group_id,
            "assignee_id": self.assignee_id, "requester_id": self.requester_id, "submitter_id": self.requester_id,
            "organization_id": self.organization_id, "brand_id": self.brand_id, "ticket_form_id": self.ticket_form_id,
            "custom_status_id": self.custom_status_id, "tags": list(self.tags), "custom_fields": custom,
            "fields": custom, "follower_ids": list(self.follower_ids), "email_cc_ids": list(self.email_cc_ids),
            "collaborator_ids": [*self.email_cc_ids, *self.follower_ids], "created_at": self.created_at,
            "updated_at": self.updated_at, "generated_timestamp": self.generated, "is_public": True,
            "external_id": self.external_id, "due_at": self.due_at, "problem_id": self.problem_id,
            "has_incidents": False, "sharing_agreement_ids": list(self.sharing_agreement_ids), "followup_ids": [],
            "recipient": None, "forum_topic_id": None, "satisfaction_rating": None, "allow_channelback": False,
            "allow_attachments": True, "from_messaging_channel": False,
            "via": {"channel": self.channel, "source": {"from": {}, "to": {}, "rel": None}},
        }  # fmt: skip

    def detail(self, actor: int) -> dict[str, Any]:
        """Show it as an event's `detail` does: ids as text, words in capitals."""
        return {
            "id": str(self.id), "actor_id": str(actor), "subject": self.subject, "description": self.description,
            "status": "DELETED" if self.deleted_at else self.status.upper(),
            "priority": capital(self.priority), "type": capital(self.type),
            "group_id": as_text(self.group_id), "assignee_id": as_text(self.assignee_id),
            "requester_id": str(self.requester_id), "submitter_id": str(self.requester_id),
            "organization_id": as_text(self.organization_id), "brand_id": str(self.brand_id),
            "form_id": str(self.ticket_form_id), "custom_status": str(self.custom_status_id),
            "external_id": self.external_id, "is_public": True, "tags": list(self.tags) or None,
            "via": {"channel": self.channel}, "created_at": self.created_at, "updated_at": self.updated_at,
        }  # fmt: skip


def capital(word: str | None) -> str | None:
    """Return an enum's word as webhooks write it."""
    return word.upper() if word else None


def as_text(number: int | None) -> str | None:
    """Return an id as webhooks write it."""
    return None if number is None else str(number)


def named(names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return things with an id and a name as the API lists them."""
    return [{"id": number, "name": name, "deleted": False} for number, name in names.items()]
