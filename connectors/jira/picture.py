"""Jira's JSON in our words: ids, times, words, people, and the ticket as a picture. Pure; it never asks anybody.

Cloud and Data Center spell people differently (accountId; name and key), Automation writes ids as numbers; all are read
here, so that a ticket looks the same wherever it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.jira.promises import promises
from connectors.jira.settings import SLA, settings_of
from connectors.jira.values import field_named, field_text, identity, mapping, moment, plain
from connectors.site import Site
from policies.model import (
    ASKED_APART,
    TICKET_FIELDS,
    Actor,
    Comment,
    Named,
    Priority,
    Role,
    Status,
    Ticket,
    TicketRef,
    ticket_from,
)

ATTRIBUTES = frozenset({"product", "impact", "urgency", "tier", "language"})
NAMED = {"form": "form", "request_type": "form", "organization": "organization", "group": "group", "team": "group"}
"""Names in `[sites.x.fields]` that fill a Ticket attribute which has an id and a name."""
PARTICIPANTS = "participants"
"""The name in `[sites.x.fields]` of the JSM request participants: it tells who asks, and is no field of a ticket."""

APPROVALS = "approvals"
"""The name of the JSM approvals: `custom.approvals` is `pending`, `approved` or `declined`, as the last one stands."""

_NO_FIELDS = (PARTICIPANTS, SLA)
PRIORITIES = {Priority.LOW: "Low", Priority.NORMAL: "Medium", Priority.HIGH: "High", Priority.URGENT: "Highest"}
_STANDARD = {"lowest": Priority.LOW} | {name.casefold(): priority for priority, name in PRIORITIES.items()}
_BY_CATEGORY = {"new": Status.OPEN, "indeterminate": Status.OPEN, "done": Status.SOLVED}
_LEVEL_LABEL = re.compile(r"stepladder-level-(\d{1,2})")
_LEVEL_AT_END = re.compile(r"(\d{1,2})(?:\.0+)?\s*$")


def status_word(site: Site, number: object, name: object, category: object = None) -> str | None:
    """Return our word for a status by the site's map, else by its category; None if neither tells."""
    mapped = {key.casefold(): word for key, word in site.settings.statuses.items()}
    for spelling in (identity(number), plain(name)):
        if spelling and spelling.casefold() in mapped:
            return mapped[spelling.casefold()]
    known = plain(category) or site.names.get(f"status_category:{identity(number)}") or ""
    status = _BY_CATEGORY.get(known)
    return status.value if status else None


def priority_word(site: Site, number: object, name: object) -> Priority | None:
    """Return our priority by the site's map, else by Jira's usual names; None if neither tells."""
    mapped = {theirs.casefold(): ours for ours, theirs in site.settings.priorities.items()}
    for spelling in (identity(number), plain(name)):
        if spelling and spelling.casefold() in mapped:
            return Priority[mapped[spelling.casefold()].upper()]
    return _STANDARD.get((plain(name) or "").casefold())


def level_tag(level: int) -> str:
    """Return the label that shows a level."""
    return f"stepladder-level-{level}"


def level_in(value: object) -> int | None:
    """Return the level that a label shows, if it shows one."""
    found = _LEVEL_LABEL.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def level_of_field(value: object) -> int | None:
    """Return the level in a level field's value: a number, or an option or text that ends with one."""
    found = _LEVEL_AT_END.search(field_text(value) or "")
    return int(found[1]) if found else None


def project_in(issue: Mapping[str, Any]) -> str | None:
    """Return the key of a told issue's project; without the project, the issue's own key says it."""
    told = mapping(mapping(issue.get("fields")).get("project"))
    return plain(told.get("key")) or _project_of_key(plain(issue.get("key")))


def project_of(ticket: Ticket) -> str | None:
    """Return the key of a ticket's project, as far as that is known."""
    told = ticket.project.id if ticket.project else ""
    return told if told and not told.isdecimal() else _project_of_key(ticket.key)


def _project_of_key(key: str | None) -> str | None:
    return (key or "").rpartition("-")[0] or None


def person(user: object) -> Named | None:
    """Return a user: the accountId on Cloud, the user name on Data Center."""
    spellings = list(person_ids(user))
    return Named(id=spellings[0], name=plain(mapping(user).get("displayName"))) if spellings else None


def person_ids(user: object) -> Iterator[str]:
    """Yield every id a user has, the one we use first: transitional payloads carry all three, one is misspelt."""
    for key in ("accountId", "accoundId", "name", "key"):
        if spelling := plain(mapping(user).get(key)):
            yield spelling


def actor(user: object, site: Site, fields: Mapping[str, Any]) -> Actor:
    """Say who this user is to us (decision 5), seen from a ticket's fields as far as they are told.

    Data Center does not say who is a customer; `site.names` holds those of whom it was found out (`customer_key`).
    """
    who = person(user)
    if who is None:
        return Actor(id="", role=Role.UNKNOWN)
    spellings, kind = set(person_ids(user)), mapping(user).get("accountType")
    ours = site.account or site.settings.account
    askers = [fields.get("reporter")]
    participants = fields.get(site.settings.fields.get(PARTICIPANTS, ""))
    askers += participants if isinstance(participants, list) else []
    if ours in spellings:
        role = Role.OURS
    elif kind == "app":
        role = Role.APP
    elif (
        kind == "customer"
        or customer_key(who.id, fields) in site.names
        or any(spellings & set(person_ids(asker)) for asker in askers)
    ):
        role = Role.REQUESTER
    else:  # Cloud says of every account what it is; one of which it does not is not taken for staff
        unclear = settings_of(site).cloud and "accountType" in mapping(user) and kind != "atlassian"
        role = Role.UNKNOWN if unclear else Role.AGENT
    return Actor(id=who.id, role=role, name=who.name)


def customer_key(who: str, fields: Mapping[str, Any]) -> str:
    """Return the name in `site.names` that says that this person is a customer of the ticket's project."""
    return f"customer:{plain(mapping(fields.get('project')).get('key'))}:{who}"


def comment(raw: Mapping[str, Any], fields: Mapping[str, Any], *, asked: bool = False) -> Comment | None:
    """Return a comment, with whether the requester can read it as far as Jira says; None if it has no id.

    `asked`: the comments' properties were asked for, and what has none is public.
    """
    number, public = identity(raw.get("id")), _public(raw, fields)
    public = True if public is None and asked else public
    among_staff = is_portal(fields) is False
    text = plain(raw.get("body")) or ""
    return Comment(id=number, text=text, public=public, among_staff=among_staff) if number else None


def _public(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> bool | None:
    if raw.get("visibility"):
        return False  # only for a role or a group
    for key in ("jsdPublic", "public"):
        if isinstance(raw.get(key), bool):
            return bool(raw[key])
    for item in raw["properties"] if isinstance(raw.get("properties"), list) else ():
        if mapping(item).get("key") == "sd.public.comment":
            return mapping(mapping(item).get("value")).get("internal") not in (True, "true")
    return True if is_portal(fields) is False else None


def is_portal(fields: Mapping[str, Any]) -> bool | None:
    """Say whether the ticket is in a service project, where customers read what is not internal."""
    kind = mapping(fields.get("project")).get("projectTypeKey")
    return kind == "service_desk" if isinstance(kind, str) else None


def _only_asks(fields: Mapping[str, Any], site: Site) -> bool:
    reporter = person(fields.get("reporter"))
    found_out = reporter is not None and customer_key(reporter.id, fields) in site.names
    return found_out or is_customer(fields.get("reporter"))


def is_customer(user: object) -> bool:
    """Say whether Cloud says that this person has only the portal, and so reads no internal comment."""
    return mapping(user).get("accountType") == "customer"


def picture(
    issue: Mapping[str, Any],
    ref: TicketRef,
    site: Site,
    *,
    whole: bool = False,
    asked: frozenset[str] = frozenset(),
    as_of: datetime | None = None,
) -> Ticket:
    """Build the ticket from a webhook's or the API's issue. `whole`: what is not in it is empty, not unknown.

    `asked`: the fields that were asked for; some are told only then.
    """
    fields = mapping(issue.get("fields"))
    told = _words(fields, site) | _people(fields) | _level(fields, site) | _configured(fields, site)
    told |= promises(fields, site, asked)
    if key := plain(issue.get("key")):
        told |= {"key": key, "url": f"{site.settings.url}/browse/{key}"}
    if whole:
        empty = Ticket(ref=ref, level=1)
        told = {name: getattr(empty, name) for name in TICKET_FIELDS - ASKED_APART} | told
    return ticket_from(ref, moment(fields.get("updated")) or as_of, told)


def _words(fields: Mapping[str, Any], site: Site) -> dict[str, object]:
    told: dict[str, object] = {}
    status, priority, project = (mapping(fields.get(key)) for key in ("status", "priority", "project"))
    if status:
        category = mapping(status.get("statusCategory")).get("key")
        word = status_word(site, status.get("id"), status.get("name"), category)
        told |= {"status": Status(word)} if word else {}
    if "priority" in fields:
        told["priority"] = priority_word(site, priority.get("id"), priority.get("name"))
    if "summary" in fields:
        told["subject"] = plain(fields["summary"])
    if "issuetype" in fields:
        told["kind"] = field_text(fields["issuetype"])
    if key := plain(project.get("key")) or identity(project.get("id")):
        told["project"] = Named(id=key, name=plain(project.get("name")))  # people say the key, and so do policies
    if (portal := is_portal(fields)) is not None:
        told["portal"] = portal
    if portal is False or _only_asks(fields, site):
        told["exposed"] = None  # nobody outside reads what is internal; of a reporter with a seat only Jira can tell
    if created := moment(fields.get("created")):
        told["created_at"] = created
    return told


def _people(fields: Mapping[str, Any]) -> dict[str, object]:
    pairs = (("assignee", "assignee"), ("requester", "reporter"))
    return {ours: person(fields[theirs]) for ours, theirs in pairs if theirs in fields}


def _level(fields: Mapping[str, Any], site: Site) -> dict[str, object]:
    told: dict[str, object] = {}
    listed = fields.get("labels")
    if isinstance(listed, list):
        labels = [label for item in listed if (label := plain(item))]
        told["tags"] = tuple(label for label in labels if level_in(label) is None)
        told["level"] = max((level for label in labels if (level := level_in(label))), default=1)
    field_id = site.settings.level_field
    if field_id and field_id in fields:
        level = level_of_field(fields[field_id])
        told["level"] = level or told.get("level", 1)
    return told


def _configured(fields: Mapping[str, Any], site: Site) -> dict[str, object]:
    told: dict[str, object] = {}
    custom: dict[str, str | None] = {}
    for name, theirs in site.settings.fields.items():
        if theirs not in fields or name in _NO_FIELDS:
            continue
        if name in NAMED:
            told[NAMED[name]] = field_named(fields[theirs])
        elif name in ATTRIBUTES:
            told[name] = field_text(fields[theirs])
        elif name == APPROVALS:
            custom[name] = _approved(fields[theirs])
        else:
            custom[name] = field_text(fields[theirs])
    return told | ({"custom": custom} if custom else {})


def _approved(value: object) -> str | None:
    """Return what became of the approvals: `pending` while one is open, else what the last one said."""
    told = [plain(mapping(item).get("finalDecision")) for item in (value if isinstance(value, list) else ())]
    said = [word.casefold() for word in told if word]
    return "pending" if "pending" in said else next(reversed(said), None)
