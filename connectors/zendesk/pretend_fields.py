"""The pretend account's ticket fields and forms, and what an administrator makes of them. No tickets here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.zendesk.picture import level_tag
from connectors.zendesk.records import BEGINNING, FIELDS, LEVEL_FIELD, LEVEL_TITLE, TITLES

_SYSTEM = {
    "subject": "Subject", "description": "Description", "status": "Status", "tickettype": "Type",
    "priority": "Priority", "group": "Group", "assignee": "Assignee",
}  # fmt: skip
_PRIORITIES = ("low", "normal", "high", "urgent")
_HIGHEST_LEVEL = 9


def field(number: int, kind: str, title: str, **more: Any) -> dict[str, Any]:
    """Return a ticket field as the API shows it."""
    removable = kind not in _SYSTEM
    shown = {
        "url": f"https://sandbox.example/api/v2/ticket_fields/{number}.json", "id": number, "type": kind,
        "title": title, "raw_title": title, "description": "", "raw_description": "", "position": 9999,
        "active": True, "required": False, "collapsed_for_agents": False, "regexp_for_validation": None,
        "title_in_portal": title, "raw_title_in_portal": title, "visible_in_portal": False,
        "editable_in_portal": False, "required_in_portal": False, "agent_can_edit": True, "tag": None,
        "created_at": BEGINNING, "updated_at": BEGINNING, "removable": removable, "key": None,
        "agent_description": "",
    }  # fmt: skip
    return {**shown, **more}


def option(number: int, name: str, value: str) -> dict[str, Any]:
    """Return a drop-down's option as the API shows it."""
    return {"id": number, "name": name, "raw_name": name, "value": value, "default": False}


def first_fields() -> dict[int, dict[str, Any]]:
    """Return the fields that the account begins with: Zendesk's own, three of ours, and the level's drop-down."""
    found = [field(100 + place, kind, title) for place, (kind, title) in enumerate(_SYSTEM.items())]
    for one in found:
        if one["type"] == "priority":
            one |= {
                "sub_type_id": 0,
                "system_field_options": [{"name": word.capitalize(), "value": word} for word in _PRIORITIES],
            }
    found += [field(number, "text", TITLES[name]) for name, number in FIELDS.items()]
    options = [option(4000 + n, f"Level {n}", str(level_tag(n))) for n in range(2, _HIGHEST_LEVEL + 1)]
    found.append(field(LEVEL_FIELD, "tagger", LEVEL_TITLE, custom_field_options=options))
    return {one["id"]: one for one in found}


def with_options(values: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return what was sent for a field, its options with ids."""
    found = dict(values)
    if "custom_field_options" in found:
        found["custom_field_options"] = [
            option(int(one.get("id") or number * 100 + place), str(one["name"]), str(one["value"]))
            for place, one in enumerate(found["custom_field_options"])
        ]
    return found
