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

from connectors.contract import Delivery
from connectors.jira.changelog import changelog_in, changes_of
from connectors.jira.picture import actor, comment, person_ids, picture, project_in
from connectors.jira.promises import held_up, is_blocking
from connectors.jira.settings import in_project
from connectors.jira.values import identity, issue_id, mapping, moment, plain, written
from connectors.site import Site
from policies.model import WHOLE_TICKET, Actor, Comment, Event, Kind, Role, Ticket, TicketRef, ticket_from

_SAID = frozenset({"comment_created", "comment_updated"})
_INSTANT = timedelta(milliseconds=1)
DESCRIPTION = "description"
"""The id of the requester's first message, which is no comment at Jira."""
_SPOKEN = "1"
"""Of one moment, comments come after the description and after what a change says."""


def read_event(delivery: Delivery, body: Mapping[str, Any], site: Site, ref: TicketRef) -> tuple[Event, ...]:
    """Read one body about this ticket: usually one event, two if it carries what somebody wrote."""
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
        listed: Iterable[str | None] = (issue_id(link.get("destinationIssueId")),)
    elif body.get("webhookEvent") == "jira:issue_deleted" or _status_changed(body):
        listed = held_up(mapping(issue_in(body).get("fields")))
    else:
        return ()
    own = issue_id(issue_in(body).get("id"))
    return tuple(number for number in listed if number not in (None, own))


def touched(delivery: Delivery, ref: TicketRef) -> Event:
    """Return that something happened to this ticket, and nobody says what."""
    seed = json.dumps([ref.id, delivery.query, delivery.received_at.isoformat()])
    return Event(
        id=hashlib.sha256(seed.encode()).hexdigest()[:32],
        kind=Kind.TOUCHED,
        at=delivery.received_at,
        received_at=delivery.received_at,
        actor=Actor(id="", role=Role.UNKNOWN),
        delivery=delivery.row,
    )


def said(
    raw: Mapping[str, Any], site: Site, fields: Mapping[str, Any], received_at: datetime, *, asked: bool = False
) -> Event | None:
    """Return a comment as an event, with the same id whether a webhook or an answer carried it.

    `asked`: it was asked for with its properties, which say who can read it.
    """
    found = comment(raw, fields, asked=asked)
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
        order=_SPOKEN,
        erases=found.id if edited else None,  # Jira knows no redaction: who takes words back writes the comment anew
    )


def opened_with(
    fields: Mapping[str, Any], ref: TicketRef, site: Site, received_at: datetime, creator: object = None
) -> Event | None:
    """Return the description as the requester's first message, with the same id from a webhook and an answer.

    None if somebody else created the issue: what an agent writes on a customer's behalf is not what the customer said.
    `creator`: who created it, if the fields do not say.
    """
    reporter, made, text = fields.get("reporter"), moment(fields.get("created")), written(fields.get("description"))
    who, authors = actor(reporter, site, fields), set(person_ids(fields.get("creator") or creator))
    if made is None or not text or who.role is not Role.REQUESTER or authors.isdisjoint(person_ids(reporter)):
        return None
    return Event(
        id=f"description:{ref.id}",
        kind=Kind.COMMENTED,
        at=made,
        received_at=received_at,
        actor=who,
        comment=Comment(id=DESCRIPTION, text=text, public=True),
        ticket=ticket_from(ref, made, {"created_at": made}),  # heard before all else, it is still no reply
    )


def _status_changed(body: Mapping[str, Any]) -> bool:
    return _changes(changelog_in(body), "status")


def _changes(changelog: Mapping[str, Any], field: str) -> bool:
    items = changelog.get("items")
    told = map(mapping, items if isinstance(items, list) else ())
    return any(field in (item.get("fieldId"), item.get("field")) for item in told)


def _may_command(spoken: Event) -> bool:
    """Say whether an agent wrote this, and it is unsaid if customers can read it: inside a command, outside a reply."""
    by_agent = spoken.actor is not None and spoken.actor.role is Role.AGENT
    return by_agent and spoken.comment is not None and spoken.comment.public is None


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
        if self.name == "jira:issue_created":
            return self._created()
        if self.name == "jira:issue_deleted":
            return (self._make(Kind.DELETED, who=self._actor(), erases=WHOLE_TICKET),)
        if self.name == "jira:issue_updated":
            return self._updated()
        if not self.name:
            return (self._make(Kind.CHANGED if self.ticket else Kind.TOUCHED),)
        withdrawn = identity(self.comment.get("id")) if self.name == "comment_deleted" else None
        return (self._make(Kind.NOTED, self._noted(), erases=withdrawn),)

    def _created(self) -> tuple[Event, ...]:
        born = self._make(Kind.CREATED, f"created:{self.ref.id}", who=self._actor())
        first = opened_with(self.fields, self.ref, self.site, self.delivery.received_at, self.body.get("user"))
        # a webhook is drawn up a moment later; yet nothing that was written comes before the creation
        born = replace(born, at=min(born.at, moment(self.fields.get("created")) or born.at))
        return (born, replace(first, delivery=self.delivery.row)) if first else (born,)

    def _updated(self) -> tuple[Event, ...]:
        changelog = changelog_in(self.body)
        spoken = self._commented() if self.comment else None
        if spoken and not changelog.get("items"):
            return (spoken,)
        number = identity(changelog.get("id"))
        changed = self._make(
            Kind.CHANGED,
            f"changelog:{number}" if number else "",
            who=self._actor(),
            changes=changes_of(changelog, self.fields, self.site),
            erases=DESCRIPTION if _changes(changelog, DESCRIPTION) else None,
        )
        return (changed, spoken) if spoken else (changed,)

    def _commented(self) -> Event:
        spoken = self._said()
        if spoken is None:
            return self._make(Kind.NOTED)
        if not self.fields or _may_command(spoken):
            # Data Center does not say who can read it, and first not even on which issue it is: only a fetch tells
            return self._make(Kind.TOUCHED, f"touched:{spoken.id}", who=spoken.actor, erases=spoken.erases)
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
        number = identity(changelog_in(self.body).get("id"))
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
