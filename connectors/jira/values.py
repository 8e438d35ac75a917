"""Jira's JSON as plain values: texts, ids, times, things with a name. Pure; it knows no ticket and no setting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from policies.model import Named

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,64}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 32_767  # characters that Jira takes in a text field, unless an administrator says otherwise
_LINES = frozenset({"paragraph", "heading", "codeBlock", "hardBreak"})


def plain(value: object) -> str | None:
    """Return the text without what no database stores (NUL, lone surrogates); None if it is no text."""
    return _UNSTORABLE.sub("\ufffd", value) if isinstance(value, str) else None


def written(value: object) -> str:
    """Return what somebody wrote: a text, or the words of an Atlassian document, cut to what a field of Jira holds.

    Nodes: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
    """
    pieces: list[str] = []
    room, ahead = _LONGEST, [value]
    while ahead and room > 0:  # never by recursion: a stranger decides how deep it goes
        node = ahead.pop()
        said = plain(node)
        if said is None:
            shown = mapping(mapping(node).get("attrs"))  # of a mention, an emoji, a card
            told = (mapping(node).get("text"), shown.get("text"), shown.get("url"))
            said = next(filter(None, map(plain, told)), "")
            inside = mapping(node).get("content")
            ahead += ["\n"] if mapping(node).get("type") in _LINES else []
            ahead += reversed(inside) if isinstance(inside, list) else ()
        pieces.append(said[:room])
        room -= len(said)
    return "".join(pieces).strip()


def identity(value: object) -> str | None:
    """Return an id as text, whichever way it was written; None if it is none. It becomes part of an address."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip() if isinstance(value, str) and _ID.fullmatch(value.strip()) else None


def issue_id(value: object) -> str | None:
    """Return an issue's id as text: a number, however it was written. A key is none, for keys change."""
    text = identity(value)
    return str(int(text)) if text and _NUMBER.fullmatch(text) and int(text) else None


def moment(value: object) -> datetime | None:
    """Read Jira's ISO time or its milliseconds; a time without a zone means nothing (old servers send local ones)."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=value) if value > 0 else None
        if isinstance(value, str) and (when := datetime.fromisoformat(value)).tzinfo is not None:
            return when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None


def field_text(value: object) -> str | None:
    """Return a field's value as text: an option's value, a thing's name, a number; several joined by commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, list):
        return ", ".join(filter(None, map(field_text, value))) or None
    if isinstance(value, dict):
        named = (field_text(value.get(key)) for key in ("languageCode", "value", "name", "displayName", "id"))
        text, child = next(filter(None, named), None), field_text(value.get("child"))
        return f"{text} / {child}" if text and child else text
    return plain(value) or None


def field_named(value: object) -> Named | None:
    """Return a field's value as a thing with an id: a team, an organization (the first), a JSM request type."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        inner = value.get("requestType")
        value = inner if isinstance(inner, dict) else value
        key, name = plain(value.get("id")) or identity(value.get("id")), field_text({**value, "id": None})
        return Named(id=key or name or "", name=name) if key or name else None
    text = field_text(value)
    return Named(id=text) if text else None


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
