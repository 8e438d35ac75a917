"""What the pretend Zendesk keeps: people and tickets, and how the API and the webhooks show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT_ID = 22000001
OURS, ROBIN = 9000, 7001
GROUPS = {360: "Support", 361: "Technical Support", 362: "Engineering", 363: "Billing", 364: "Management"}
FIELDS = {"product": 360001, "impact": 360002, "urgency": 360003}
ORGANIZATION_FIELDS = {"support_hours": "organization.support_hours"}
LEVEL_FIELD = 360010


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with a Zendesk account."""

    id: int
    name: str
    role: str = "agent"
    groups: tuple[int, ...] = ()
    suspended: bool = False
    light: bool = False  # a light agent comments internally, and can be assigned nothing

    @property
    def email(self) -> str:
        """Their address."""
        return f"{self.name.split()[0].lower()}@example.com"

    def shown(self) -> dict[str, Any]:
        """Show them as the API does."""
        first = self.groups[0] if self.groups else None
        return {
            "id": self.id, "name": self.name, "email": self.email, "role": self.role,
            "suspended": self.suspended, "role_type": 1 if self.light else None,
            "active": True, "locale": "en-US", "default_group_id": first, "only_private_comments": False,
        }  # fmt: skip


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
    channel: str = "web"
    tags: list[str] = field(default_factory=list)
    custom: dict[int, Any] = field(default_factory=dict)
    follower_ids: list[int] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    promises: list[dict[str, Any]] = field(default_factory=list)  # the SLA's, as the `slas` sideload shows them
    edits: int = 0

    def shown(self) -> dict[str, Any]:
        """Show it as the API does."""
        custom = [{"id": key, "value": self.custom.get(key)} for key in (*FIELDS.values(), LEVEL_FIELD)]
        return {
            "id": self.id, "subject": self.subject, "raw_subject": self.subject, "description": self.description,
            "status": self.status, "priority": self.priority, "type": self.type, "group_id": self.group_id,
            "assignee_id": self.assignee_id, "requester_id": self.requester_id, "submitter_id": self.requester_id,
            "organization_id": self.organization_id, "brand_id": 500, "ticket_form_id": 600, "custom_status_id": None,
            "tags": list(self.tags), "custom_fields": custom, "fields": custom, "follower_ids": list(self.follower_ids),
            "created_at": self.created_at, "updated_at": self.updated_at, "is_public": True, "external_id": None,
            "due_at": self.due_at, "problem_id": self.problem_id, "has_incidents": False,
            "via": {"channel": self.channel, "source": {"from": {}, "to": {}, "rel": None}},
        }  # fmt: skip

    def detail(self, actor: int) -> dict[str, Any]:
        """Show it as an event's `detail` does: ids as text, words in capitals."""
        return {
            "id": str(self.id), "actor_id": str(actor), "subject": self.subject, "description": self.description,
            "status": self.status.upper(), "priority": capital(self.priority), "type": capital(self.type),
            "group_id": as_text(self.group_id), "assignee_id": as_text(self.assignee_id),
            "requester_id": str(self.requester_id), "submitter_id": str(self.requester_id),
            "organization_id": as_text(self.organization_id), "brand_id": "500", "form_id": "600",
            "custom_status": None, "external_id": None, "is_public": True, "tags": list(self.tags) or None,
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
