"""One webhook body about one issue → its events. Pure; an unknown event name is noted, never an error.

Shapes: https://developer.atlassian.com/cloud/jira/platform/webhooks/ and recorded deliveries of Cloud and Server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import Delivery, Site
from connectors.jira.changelog import changes_of
from connectors.jira.picture import actor, comment, picture, project_in
from connectors.jira.promises import held_up, is_blocking
from connectors.jira.settings import in_project
from connectors.jira.values import identity, mapping, moment, plain
from policies.model import Actor, Event, Kind, Role, Ticket, TicketRef

_KINDS = {"jira:issue_created": Kind.CREATED, "jira:issue_deleted": Kind.DELETED}
_SAID = frozenset({"comment_created", "comment_updated"})
_INSTANT = timedelta(milliseconds=1)


def read_event(delivery: Delivery, body: Mapping[str, Any], site: Site, ref: TicketRef) -> tuple[Event, ...]:
    """Read one body about this ticket: usually one event, two if a save carried a comment."""
    return _Reading(delivery, body, site, ref).events()


def issue_in(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the issue: wrapped, or bare as in Automation's own format."""
    wrapped = mapping(body.get("issue"))
    bare = body if not body.get("webhookEvent") and ("fields" in body or "key" in body) else {}
    return wrapped or bare


def waiting(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the issues that wait for another whose status this body changes, or which a link says they wait for."""
    link = mapping(body.get("issueLink"))
    if is_blocking(mapping(link.get("issueLinkType"))):
        listed: Iterable[str | None] = (identity(link.get("destinationIssueId")),)
    elif body.get("webhookEvent") == "jira:issue_deleted" or _status_changed(body):
        listed = held_up(mapping(issue_in(body).get("fields")))
    else:
        return ()
    own = identity(issue_in(body).get("id"))
    return tuple(number for number in listed if number not in (None, own))


def said(raw: Mapping[str, Any], site: Site, fields: Mapping[str, Any], received_at: datetime) -> Event | None:
    """Return a comment as an event, with the same id whether a webhook or an answer carried it."""
    found = comment(raw, fields)
    if found is None:
        return None
    created, updated = moment(raw.get("created")), moment(raw.get("updated"))
    at = updated or created or received_at
    edited = created is not None and updated is not None and updated > created
    who = raw.get("updateAuthor") if edited else raw.get("author")
    return Event(
        id=f"comment:{found.id}:{(updated or created or received_at).isoformat()}",
        kind=Kind.COMMENTED,
        at=at,
        received_at=received_at,
        actor=actor(who or raw.get("author"), site, fields),
        comment=found,
    )


def _status_changed(body: Mapping[str, Any]) -> bool:
    items = mapping(body.get("changelog")).get("items")
    told = map(mapping, items if isinstance(items, list) else ())
    return any("status" in (item.get("fieldId"), item.get("field")) for item in told)


class _Reading:
    """One body being read; holds what every kind of event needs."""

    def __init__(self, delivery: Delivery, body: Mapping[str, Any], site: Site, ref: TicketRef) -> None:
        self.delivery, self.body, self.ref = delivery, body, ref
        self.name = plain(body.get("webhookEvent")) or ""
        self.issue = issue_in(body)
        self.site = in_project(site, project_in(self.issue))
        self.fields = mapping(self.issue.get("fields"))
        self.comment = mapping(body.get("comment"))
        times = (body.get("timestamp"), self.fields.get("updated"), self.comment.get("updated"))
        self.at = next(filter(None, map(moment, times)), delivery.received_at)
        self.waits = ref.id in waiting(body)  # it tells of another issue, and of this one nothing
        self.ticket = None if self.waits else self._picture()

    def events(self) -> tuple[Event, ...]:
        if self.waits:
            return (self._make(Kind.TOUCHED, self._blocker(), who=Actor(id="", role=Role.UNKNOWN)),)
        if self.name in _SAID:
            return (self._commented(),)
        if self.name in _KINDS:
            fact = f"created:{self.ref.id}" if self.name == "jira:issue_created" else ""
            return (self._make(_KINDS[self.name], fact, who=self._actor()),)
        if self.name == "jira:issue_updated":
            return self._updated()
        if not self.name:
            return (self._make(Kind.CHANGED if self.ticket else Kind.TOUCHED),)
        return (self._make(Kind.NOTED, self._noted()),)

    def _updated(self) -> tuple[Event, ...]:
        changelog = mapping(self.body.get("changelog"))
        spoken = self._said() if self.comment else None
        if spoken and not changelog.get("items"):
            return (spoken,)
        number = identity(changelog.get("id"))
        changed = self._make(
            Kind.CHANGED,
            f"changelog:{number}" if number else "",
            who=self._actor(),
            changes=changes_of(changelog, self.fields, self.site),
        )
        return (changed, spoken) if spoken else (changed,)

    def _commented(self) -> Event:
        spoken = self._said()
        if spoken is None:
            return self._make(Kind.NOTED)
        if not self.fields:
            # Data Center names neither the issue nor its reporter, nor says who can read it: only a fetch tells
            return self._make(Kind.TOUCHED, f"touched:{spoken.id}", who=spoken.actor)
        return spoken

    def _said(self) -> Event | None:
        spoken = said(self.comment, self.site, self.fields, self.delivery.received_at)
        if spoken is None:
            return None
        return replace(spoken, ticket=self.ticket, delivery=self.delivery.row)

    def _actor(self) -> Actor:
        return actor(self.body.get("user"), self.site, self.fields)

    def _noted(self) -> str:
        number = identity(self.comment.get("id"))
        return f"{self.name}:{number}" if number else ""

    def _blocker(self) -> str:
        number = identity(mapping(self.body.get("changelog")).get("id"))
        return f"blocker:{number}" if number else ""

    def _picture(self) -> Ticket | None:
        if not self.fields:
            return None
        # comment events carry six fields and no `updated`; they were drawn when the event happened
        # of the same instant, what a change says is newer than what a comment shows beside it
        drawn_at = self.at - _INSTANT if self.name in _SAID else self.at
        return picture(self.issue, self.ref, self.site, as_of=drawn_at if self.name else None)

    def _make(self, kind: Kind, fact: str = "", who: Actor | None = None, **more: Any) -> Event:
        if not fact:
            seed = json.dumps([self.name, self.ref.id, self.at.isoformat()])
            fact = hashlib.sha256(seed.encode()).hexdigest()[:32]
        return Event(
            id=fact,
            kind=kind,
            at=self.at,
            received_at=self.delivery.received_at,
            actor=who or (self._actor() if self.body.get("user") else Actor(id="", role=Role.UNKNOWN)),
            ticket=self.ticket,
            delivery=self.delivery.row,
            **more,
        )
