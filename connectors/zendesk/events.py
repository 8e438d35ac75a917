"""One envelope of an event subscription → one Event. Pure; an unknown type is noted, never an error.

Shapes: https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/ and recorded deliveries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.contract import Delivery
from connectors.site import Site
from connectors.zendesk.picture import (
    ATTRIBUTES,
    actor,
    field_text,
    identity,
    level_in,
    lower_word,
    mapping,
    moment,
    picture,
    plain,
    status_word,
    ticket_id,
)
from policies.model import WHOLE_TICKET, Actor, Change, Comment, Event, Kind, Role, Ticket, TicketRef

Read = Callable[[object], str | None]
_CUSTOM_STATUS = "custom_status_changed"
_FIELDS: Mapping[str, tuple[str, str, Read]] = {
    "status_changed": ("status", "", status_word),
    "priority_changed": ("priority", "", lower_word),
    "type_changed": ("kind", "", lower_word),
    "subject_changed": ("subject", "", plain),
    "group_assignment_changed": ("group", "group", identity),
    "agent_assignment_changed": ("assignee", "user", identity),
    "requester_changed": ("requester", "user", identity),
    "organization_changed": ("organization", "organization", identity),
    "brand_changed": ("brand", "brand", identity),
    "form_changed": ("form", "form", identity),
    "submitter_changed": ("submitter", "user", identity),
    _CUSTOM_STATUS: ("custom_status", "custom_status", identity),
    "external_id_changed": ("external_id", "", plain),
    "problem_link_changed": ("problem", "", identity),
    "task_due_at_changed": ("due_at", "", plain),
    "description_changed": ("description", "", lambda _: None),  # the text itself is the customer's
}
_NOT_SHOWN = {"task_due_at_changed": "due_at", "problem_link_changed": "problem_id"}
"""Changes of fields that a webhook's picture of the ticket leaves out, and what the API calls these."""
_GONE = frozenset({"soft_deleted", "permanently_deleted", "marked_as_spam"})
_ABOUT_PROMISES = frozenset({"next_sla_breach_changed", "sla_policy_changed"})
_REDACTED = frozenset({"comment_redacted", "attachment_redacted_from_comment"})
_ABOUT_A_COMMENT = _REDACTED | {"comment_made_private"}


def read_envelope(delivery: Delivery, body: Mapping[str, Any], kind: str, site: Site, ref: TicketRef) -> Event:
    """Read one envelope of the type `kind` (such as `ticket.created`) about this ticket."""
    return _Reading(delivery, body, kind, site, ref).event()


def touched(delivery: Delivery, fact: str, at: datetime) -> Event:
    """Say only that something happened: a fetch must show what."""
    return _event(delivery, fact, Kind.TOUCHED, at)


def merged_into(body: Mapping[str, Any]) -> str | None:
    """Return the ticket that a merged one was poured into."""
    return ticket_id(mapping(body, "event").get("target_ticket_id"))


def fact_id(delivery: Delivery, body: Mapping[str, Any]) -> str:
    """Return what identifies the fact: the envelope's id, the invocation's, or at last this very delivery."""
    return identity(body.get("id")) or invocation(delivery) or f"delivery:{delivery.row or delivery.received_at}"


def invocation(delivery: Delivery) -> str | None:
    """Return the invocation's id; all attempts of one delivery share it."""
    return identity(delivery.headers.get("x-zendesk-webhook-invocation-id"))


def happened_at(delivery: Delivery, body: Mapping[str, Any]) -> datetime:
    """Return Zendesk's time of the event, as precise as it is told."""
    return moment(body.get("time")) or moment(mapping(body, "detail").get("updated_at")) or delivery.received_at


class _Reading:
    """One envelope being read; holds what every kind of event needs."""

    def __init__(self, delivery: Delivery, body: Mapping[str, Any], kind: str, site: Site, ref: TicketRef) -> None:
        self.delivery, self.body, self.site = delivery, body, site
        self.about, _, self.what = kind.partition(".")
        self.detail = mapping(body, "detail")
        self.said = mapping(body, "event")
        self.requester = identity(self.detail.get("requester_id"))
        snapshot = len(self.detail) > 1  # messaging sends nothing but the id
        shown = dict(self.detail)
        if self.what in _NOT_SHOWN and "current" in self.said:
            shown[_NOT_SHOWN[self.what]] = self.said["current"]
        self.ticket: Ticket | None = picture(shown, ref, site, site.names) if snapshot else None

    def event(self) -> Event:
        if self.about == "messaging_ticket":
            return self._message()
        if self.what == "comment_added":
            return self._comment()
        if self.what == "merged":
            return self._make(Kind.MERGED, merged_into=merged_into(self.body))
        if self.what == "tags_changed":
            return self._changed(self._tags())
        if self.what == "custom_field_changed":
            return self._changed(self._custom_field())
        if self.what == _CUSTOM_STATUS:
            return self._custom_status()
        if self.what in _FIELDS:
            return self._changed(self._field())
        if self.what in _ABOUT_A_COMMENT:
            about = identity(mapping(self.said, "comment").get("id"))
            erases = (about or WHOLE_TICKET) if self.what in _REDACTED else None
            return self._make(Kind.NOTED, changes=(Change(field=self.what, after=about),), erases=erases)
        if (
            self.what in _ABOUT_PROMISES
        ):  # nobody documents what they say; that they came makes the old promise doubtful
            return self._make(Kind.NOTED, changes=(Change(field=self.what),))
        if self.what in _GONE:
            return self._make(Kind.DELETED, erases=WHOLE_TICKET)
        return self._make({"created": Kind.CREATED, "undeleted": Kind.RESTORED}.get(self.what, Kind.NOTED))

    def _make(self, kind: Kind, who: Actor | None = None, fact: str = "", **more: Any) -> Event:
        sequence = mapping(mapping(self.said, "meta"), "sequence")
        position = field_text(sequence.get("position")) or ""
        return _event(
            self.delivery,
            fact or fact_id(self.delivery, self.body),
            kind,
            happened_at(self.delivery, self.body),
            actor=who or actor(self.detail.get("actor_id"), self.site, self.requester),
            ticket=self.ticket,
            order=position[:12].zfill(6) if position else "",
            siblings=bool(sequence) and kind in (Kind.CHANGED, Kind.COMMENTED),
            **more,
        )

    def _changed(self, changes: tuple[Change, ...]) -> Event:
        # a change that does not say what changed is a reason to ask
        return self._make(Kind.CHANGED if changes else Kind.TOUCHED, changes=changes)

    def _field(self) -> tuple[Change, ...]:
        if "current" not in self.said and "previous" not in self.said:
            return ()
        name, kind, read_value = _FIELDS[self.what]
        after = read_value(self.said.get("current"))
        before = read_value(self.said.get("previous"))
        if name == "status" and self._counts_as(self.detail.get("custom_status")):
            after = self._status()
        return (Change(field=name, before=before, after=after, after_name=self.site.names.get(f"{kind}:{after}")),)

    def _custom_status(self) -> Event:
        """Read another custom status: a change of the status in our words, where the settings say what it counts as."""
        changes = self._field()
        by = actor(self.detail.get("actor_id"), self.site, self.requester)
        before, after = (self._counts_as(self.said.get(key)) for key in ("previous", "current"))
        if changes and (before or after):
            changes = (*changes, Change(field="status", before=before, after=self._status()))
        elif by.role is Role.OURS:  # we set none: it came with the status of a new ticket that we gave to somebody
            return self._make(Kind.NOTED, by)
        return self._changed(changes)

    def _counts_as(self, custom_status: object) -> str | None:
        return self.site.settings.statuses.get(identity(custom_status) or "")

    def _status(self) -> str | None:
        status = self.ticket.status if self.ticket is not None else None
        return status.value if status is not None else None

    def _tags(self) -> tuple[Change, ...]:
        added, removed = (_texts(self.said.get(key)) for key in ("tags_added", "tags_removed"))
        changes = [Change(field="tag", after=tag) for tag in added if level_in(tag) is None]
        changes += [Change(field="tag", before=tag) for tag in removed if level_in(tag) is None]
        before = max((level for tag in removed if (level := level_in(tag))), default=None)
        after = max((level for tag in added if (level := level_in(tag))), default=None)
        if before is not None or after is not None:
            changes.append(_level_change(before, after))
        return tuple(changes)

    def _custom_field(self) -> tuple[Change, ...]:
        field_id = identity(mapping(self.said, "custom_field").get("id"))
        if field_id is None:
            return ()
        before, after = (_field_value(self.said.get(key)) for key in ("previous", "current"))
        if field_id == self.site.settings.level_field:
            return (_level_change(level_in(before), level_in(after)),)
        name = next((ours for ours, theirs in self.site.settings.fields.items() if theirs == field_id), None)
        if name is not None and name not in ATTRIBUTES | {"form"}:
            name = f"custom.{name}"
        return (Change(field=name or f"custom_field:{field_id}", before=before, after=after),)

    def _comment(self) -> Event:
        said = mapping(self.said, "comment")
        number = identity(said.get("id"))
        if number is None:
            return self._make(Kind.TOUCHED)
        author = mapping(said, "author")
        who = actor(
            author.get("id") or self.detail.get("actor_id"),
            self.site,
            self.requester,
            staff=author.get("is_staff"),
            name=author.get("name"),
        )
        public = said.get("is_public")
        comment = Comment(
            id=number, text=plain(said.get("body")) or "", public=public if isinstance(public, bool) else None
        )
        return self._make(Kind.COMMENTED, who, f"comment:{number}", comment=comment)

    def _message(self) -> Event:
        message = mapping(self.said, "message")
        number = identity(message.get("id"))
        if self.what != "message_added" or number is None:
            return self._make(Kind.NOTED)
        speaker = mapping(self.said, "actor")
        who = actor(speaker.get("id"), self.site, None, name=speaker.get("name"))
        roles = {"end_user": Role.REQUESTER, "agent": Role.AGENT, "system": Role.APP}
        if who.role is not Role.OURS:
            role = roles.get(plain(speaker.get("type")) or "", Role.UNKNOWN)
            who = Actor(id=who.id, role=role, name=who.name)
        comment = Comment(id=number, text=plain(message.get("body")) or "", public=True)
        return self._make(Kind.COMMENTED, who, f"message:{number}", comment=comment)


def _event(delivery: Delivery, fact: str, kind: Kind, at: datetime, **more: Any) -> Event:
    return Event(id=fact, kind=kind, at=at, received_at=delivery.received_at, delivery=delivery.row, **more)


def _level_change(before: int | None, after: int | None) -> Change:
    return Change(field="level", before=str(before or 1), after=str(after or 1))


def _field_value(value: object) -> str | None:
    return field_text(value.get("value") if isinstance(value, dict) else value)


def _texts(value: object) -> list[str]:
    return [text for item in value if (text := plain(item))] if isinstance(value, list) else []
