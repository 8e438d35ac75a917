"""Zendesk's JSON in our words: ids, times, words, people, and the ticket as a picture. Pure; it never asks anybody.

Webhooks spell ids as strings and enums in capitals, the API numbers and small letters; both are read here, so that a
ticket looks the same wherever it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.site import Site
from connectors.zendesk.onlookers import exposed
from policies.model import (
    ASKED_APART,
    TICKET_FIELDS,
    Actor,
    Named,
    Priority,
    Role,
    Status,
    Ticket,
    TicketRef,
    ticket_from,
)

SYSTEM = "-1"  # Zendesk's own hand: triggers, automations, merges
_ORGANIZATION = "organization."
ATTRIBUTES = frozenset({"product", "impact", "urgency", "tier", "language"})

_NAMED = {
    "group": ("group", ("group_id",)),
    "assignee": ("user", ("assignee_id",)),
    "requester": ("user", ("requester_id",)),
    "organization": ("organization", ("organization_id",)),
    "brand": ("brand", ("brand_id",)),
    "form": ("form", ("form_id", "ticket_form_id")),
}
STATUSES = {
    "new": Status.NEW,
    "open": Status.OPEN,
    "pending": Status.PENDING,
    "hold": Status.ON_HOLD,
    "solved": Status.SOLVED,
    "closed": Status.CLOSED,
    "archived": Status.CLOSED,
}
_FIELD_ID = re.compile(r"[0-9]+|organization\.[A-Za-z0-9_-]+")
_LEVEL_TAG = re.compile(r"stepladder_level_([1-9][0-9]?)")
_ID = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_TICKET_ID = re.compile(r"[1-9][0-9]{0,25}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def plain(value: object) -> str | None:
    """Return the text without what no database stores (NUL, lone surrogates); None if it is no text."""
    return _UNSTORABLE.sub("�", value) if isinstance(value, str) else None


def identity(value: object) -> str | None:
    """Return an id as text, whichever way it was written; "", "0" and 0 mean that there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or value in ("", "0"):
        return None
    return value if _ID.fullmatch(value) else None


def ticket_id(value: object) -> str | None:
    """Return a ticket's id as text; it becomes part of an address, so nothing else may be in it."""
    found = identity(value.strip() if isinstance(value, str) else value)
    return found if found and _TICKET_ID.fullmatch(found) else None


def mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key, or an empty one."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def objects(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list under a key; whatever else is there is left out."""
    listed = parent.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def moment(value: object) -> datetime | None:
    """Read an RFC 3339 time with up to nine digits of fraction; no zone means UTC."""
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def status_word(value: object) -> str | None:
    """Return our word for a status: HOLD → on_hold."""
    status = STATUSES.get(value.lower()) if isinstance(value, str) else None
    return status.value if status else plain(value)


def lower_word(value: object) -> str | None:
    """Return a word in small letters: URGENT → urgent."""
    word = plain(value)
    return word.lower() if word else None


def field_text(value: object) -> str | None:
    """Return a custom field's value as text: a drop-down's tag, a number, yes and no, several joined by commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return ", ".join(filter(None, (field_text(item) for item in value if not isinstance(item, list)))) or None
    return plain(value) or None


def is_field_id(field_id: str) -> bool:
    """Say whether this is a ticket field's number or an organization's field key, and not an unresolved title."""
    return _FIELD_ID.fullmatch(field_id) is not None


def asks_organization(site: Site) -> bool:
    """Say whether the settings name a field of the ticket's organization, such as `organization.support_hours`."""
    return any(field_id.startswith(_ORGANIZATION) for field_id in site.settings.fields.values())


def level_tag(level: int) -> str:
    """Return the tag, and drop-down value, that shows a level."""
    return f"stepladder_level_{level}"


def level_in(value: object) -> int | None:
    """Return the level that a tag or a drop-down value shows, if it shows one."""
    found = _LEVEL_TAG.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def people_and_groups(answer: Mapping[str, Any]) -> dict[str, str]:
    """Collect names by `kind:id` from the lists that an answer carries beside the ticket."""
    names = {}
    for kind in ("user", "group", "organization"):
        for item in objects(answer, f"{kind}s"):
            if (key := identity(item.get("id"))) and (name := plain(item.get("name"))):
                names[f"{kind}:{key}"] = name
    return names


def actor(user: object, site: Site, requester: str | None, *, staff: object = None, name: object = None) -> Actor:
    """Say who this user is to us (decision 5)."""
    who = identity(user)
    named = plain(name) or site.names.get(f"user:{who}")
    if who is None:
        return Actor(id="", role=Role.UNKNOWN, name=plain(name))
    if who == (site.account or site.settings.account):
        return Actor(id=who, role=Role.OURS, name=named)
    if who == SYSTEM:
        return Actor(id=who, role=Role.APP, name=named)
    return Actor(id=who, role=_role(who, requester, staff, site), name=named)


def _role(who: str, requester: str | None, staff: object, site: Site) -> Role:
    """Tell staff from customers: by what the webhook says, else by the list of agents; who is on neither is nobody."""
    if who == requester or staff is False or str(staff).casefold() == "false":
        return Role.REQUESTER
    agents_known = any(key.startswith("user:") for key in site.names)
    return Role.AGENT if staff is True or f"user:{who}" in site.names or not agents_known else Role.UNKNOWN


def picture(
    raw: Mapping[str, Any],
    ref: TicketRef,
    site: Site,
    names: Mapping[str, str],
    organization: Mapping[str, Any] | None = None,
    *,
    whole: bool = False,
) -> Ticket:
    """Build the ticket from a webhook's `detail` or the API. `whole`: what is not in `raw` is empty, not unknown.

    `organization`: the fields of the ticket's organization, if they were told.
    """
    told: dict[str, object] = {
        "key": f"#{ref.id}",
        "url": f"{site.settings.url}/agent/tickets/{ref.id}",
        "portal": True,  # a requester reads every public comment, by mail at least
    }
    told |= _words(raw, site) | _named(raw, names) | _tags(raw) | _custom(raw, site, organization)
    told |= _promised(raw) | _blocked(raw, site)
    told |= exposed(raw, identity(raw.get("requester_id")), site.names, whole=whole)
    if whole:
        empty = Ticket(ref=ref, level=1)
        unclear = {name for name, field_id in site.settings.fields.items() if not is_field_id(field_id)}
        told = {name: getattr(empty, name) for name in TICKET_FIELDS - ASKED_APART - unclear} | told
    return ticket_from(ref, moment(raw.get("updated_at")), told)


def _words(raw: Mapping[str, Any], site: Site) -> dict[str, object]:
    told: dict[str, object] = {}
    if (status := _status(raw, site)) is not None:
        told["status"] = status
    if "priority" in raw and raw["priority"] is None:
        told["priority"] = None
    elif (word := lower_word(raw.get("priority"))) in {p.word for p in Priority} and word:
        told["priority"] = Priority[word.upper()]
    for ours, theirs, read in (("subject", "subject", plain), ("kind", "type", lower_word)):
        if theirs in raw:
            told[ours] = read(raw[theirs])
    if "channel" in (via := mapping(raw, "via")):
        told["channel"] = field_text(via["channel"])
    if created := moment(raw.get("created_at")):
        told["created_at"] = created
    return told


def _status(raw: Mapping[str, Any], site: Site) -> Status | None:
    custom = identity(raw.get("custom_status") or raw.get("custom_status_id"))
    word = lower_word(raw.get("status"))
    mapped = {name.lower(): value for name, value in site.settings.statuses.items()}
    ours = mapped.get(custom or "") or mapped.get(word or "")
    if ours in set(Status):
        return Status(ours)
    return STATUSES.get(word or "")


def _named(raw: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, object]:
    told: dict[str, object] = {}
    for ours, (kind, keys) in _NAMED.items():
        for key in keys:
            if key in raw:
                who = identity(raw[key])
                told[ours] = Named(id=who, name=names.get(f"{kind}:{who}")) if who else None
    return told


def _tags(raw: Mapping[str, Any]) -> dict[str, object]:
    listed = raw.get("tags", ())
    if "tags" not in raw or not (listed is None or isinstance(listed, list)):
        return {}
    tags = [tag for item in listed or () if (tag := plain(item))]
    levels = [level for tag in tags if (level := level_in(tag)) is not None]
    return {"tags": tuple(tag for tag in tags if level_in(tag) is None), "level": max(levels, default=1)}


def _custom(raw: Mapping[str, Any], site: Site, organization: Mapping[str, Any] | None) -> dict[str, object]:
    """Read the fields that the settings name, as far as they were told."""
    values: dict[str, Any] | None = None
    if isinstance(raw.get("custom_fields"), list):
        values = {str(identity(item.get("id"))): item.get("value") for item in objects(raw, "custom_fields")}
    told: dict[str, object] = {}
    custom: dict[str, str | None] = {}
    for name, field_id in site.settings.fields.items():
        if not is_field_id(field_id):  # a title that fits no field, or several: unknown, never a wrong field
            continue
        source = organization if field_id.startswith(_ORGANIZATION) else values
        if source is None:
            continue
        value = field_text(source.get(field_id.removeprefix(_ORGANIZATION)))
        if name == "form":
            told[name] = Named(id=value, name=value) if value else None
        elif name in ATTRIBUTES:
            told[name] = value
        else:
            custom[name] = value
    if values is None:
        return told | ({"custom": custom} if custom else {})
    level = level_in(values.get(site.settings.level_field or ""))
    return told | {"custom": custom} | ({"level": level} if level is not None else {})


def _promised(raw: Mapping[str, Any]) -> dict[str, object]:
    """Read a task's due date, and when the next of the SLA's running promises breaks, or broke."""
    told: dict[str, object] = {}
    due = raw.get("due_at")
    if "due_at" in raw and (due is None or moment(due)):
        told["due_at"] = moment(due)
    slas = mapping(raw, "slas")
    if isinstance(slas.get("policy_metrics"), list):
        active = [item for item in objects(slas, "policy_metrics") if item.get("stage") == "active"]
        told["sla_breach_at"] = min((at for item in active if (at := moment(item.get("breach_at")))), default=None)
    return told


def _blocked(raw: Mapping[str, Any], site: Site) -> dict[str, object]:
    """Let an incident wait for its problem while it is unsolved itself: Zendesk solves both together."""
    linked = raw.get("problem_id")
    problem, status = ticket_id(linked), _status(raw, site)
    if "problem_id" not in raw or (linked is not None and problem is None):
        return {}
    waits = problem is not None and not (status is not None and status.resolved)
    return {"blocked_by": (f"#{problem}",) if waits else ()}
