"""A Jira changelog in our words. Pure; it reads the items of one save and guesses nothing that they do not say.

`field` is a display name in the author's language; `fieldId` says what it is, but old servers leave it out. Custom
fields carry their values in `fromString` and `toString`, often with nothing in `from` and `to`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.jira.picture import (
    APPROVALS,
    ATTRIBUTES,
    NAMED,
    level_in,
    level_of_field,
    person,
    person_ids,
    priority_word,
    status_word,
)
from connectors.jira.values import field_text, mapping, plain
from connectors.site import Site
from policies.model import Change

_OURS = {"assignee": "assignee", "reporter": "requester", "issuetype": "kind", "key": "key"}
_LINKS = frozenset({"link", "issuelinks"})  # the picture beside them says what they mean; a link of ours is no news
_LONG_TEXTS = frozenset({"description", "environment", "comment"})  # the customer's words; they stay where they are


def changelog_in(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a body's changelog; some senders give its items as a bare list."""
    told = body.get("changelog")
    return {"items": told} if isinstance(told, list) else mapping(told)


def changes_of(changelog: Mapping[str, Any], fields: Mapping[str, Any], site: Site) -> tuple[Change, ...]:
    """Return what one save changed; `fields` is the issue as it stood afterwards, as far as it is told."""
    items = changelog.get("items")
    told: list[Change] = []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            told += (change for change in _changes(item, fields, site) if change not in told)
    return tuple(told)


def _changes(item: Mapping[str, Any], fields: Mapping[str, Any], site: Site) -> Iterable[Change]:
    theirs = plain(item.get("fieldId")) or _by_value(item, fields) or _by_display_name(item, site)
    before, after = (_first(item, *keys) for keys in (("from", "fromString"), ("to", "toString")))
    before_name, after_name = field_text(item.get("fromString")), field_text(item.get("toString"))
    if theirs == site.settings.level_field:
        return (_level_change(level_of_field(before_name), level_of_field(after_name)),)
    if theirs == "labels":
        return _labels(before_name, after_name)
    if theirs == "status":
        return (_status(item, fields, site),)
    if theirs == "priority":
        return (_priority(item, site),)
    if theirs in ("assignee", "reporter"):
        return (_person(theirs, item, fields),)
    if theirs == "project":
        return (_project(item, fields),)
    if ours := next((name for name, field_id in site.settings.fields.items() if field_id == theirs), None):
        if ours == APPROVALS:
            return ()  # who answered how; the picture beside it says how they stand
        if ours in NAMED:
            return (Change(field=NAMED[ours], before=before, after=after, after_name=after_name),)
        name = ours if ours in ATTRIBUTES else f"custom.{ours}"
        return (Change(field=name, before=before_name or before, after=after_name or after),)
    if theirs in _LINKS:
        return ()
    if theirs in _LONG_TEXTS:
        return (Change(field=theirs),)
    return (Change(field=_OURS.get(theirs, theirs), before=before_name or before, after=after_name or after),)


def _by_display_name(item: Mapping[str, Any], site: Site) -> str:
    name = plain(item.get("field")) or ""
    if name in site.settings.fields.values():
        return name
    kind = "field:"
    ids = [key[len(kind) :] for key, known in site.names.items() if key.startswith(kind) and _same(known, name)]
    if len(ids) == 1:
        return ids[0]
    return name.casefold() if name.isascii() and item.get("fieldtype") != "custom" else name


def _by_value(item: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:
    """Tell by its value what an old server names in the language of whoever did it: `Статус` is what is so now."""
    number, name = field_text(item.get("to")), field_text(item.get("toString"))
    if item.get("fieldtype") != "jira" or not number or not name:
        return None
    here = ((key, mapping(fields.get(key))) for key in ("status", "priority", "issuetype"))
    found = [key for key, told in here if (field_text(told.get("id")), plain(told.get("name"))) == (number, name)]
    return found[0] if len(found) == 1 else None


def _same(known: str, name: str) -> bool:
    return known.casefold() == name.casefold()


def _first(item: Mapping[str, Any], *keys: str) -> str | None:
    return next((text for key in keys if (text := field_text(item.get(key)))), None)


def _labels(before: str | None, after: str | None) -> Iterable[Change]:
    old, new = (before or "").split(), (after or "").split()
    yield from (Change(field="tag", after=label) for label in new if label not in old and level_in(label) is None)
    yield from (Change(field="tag", before=label) for label in old if label not in new and level_in(label) is None)
    was, now = (max((level for label in side if (level := level_in(label))), default=None) for side in (old, new))
    if was != now:
        yield _level_change(was, now)


def _level_change(before: int | None, after: int | None) -> Change:
    return Change(field="level", before=str(before or 1), after=str(after or 1))


def _status(item: Mapping[str, Any], fields: Mapping[str, Any], site: Site) -> Change:
    here = mapping(fields.get("status"))
    same = field_text(here.get("id")) == field_text(item.get("to"))
    category = mapping(here.get("statusCategory")).get("key") if same else None
    return Change(
        field="status",
        before=status_word(site, item.get("from"), item.get("fromString")),
        after=status_word(site, item.get("to"), item.get("toString"), category),
        after_name=field_text(item.get("toString")),
    )


def _priority(item: Mapping[str, Any], site: Site) -> Change:
    before = priority_word(site, item.get("from"), item.get("fromString"))
    after = priority_word(site, item.get("to"), item.get("toString"))
    return Change(
        field="priority",
        before=before.word if before else field_text(item.get("fromString")),
        after=after.word if after else field_text(item.get("toString")),
        after_name=field_text(item.get("toString")),
    )


def _person(theirs: str, item: Mapping[str, Any], fields: Mapping[str, Any]) -> Change:
    after = _first(item, "tmpToAccountId", "to")
    here = person(fields.get(theirs))
    if here and after and after in person_ids(fields.get(theirs)):
        after = here.id  # Data Center names the user's key; we go by user names
    before = _first(item, "tmpFromAccountId", "from")
    return Change(field=_OURS[theirs], before=before, after=after, after_name=field_text(item.get("toString")))


def _project(item: Mapping[str, Any], fields: Mapping[str, Any]) -> Change:
    here = mapping(fields.get("project"))
    after = field_text(item.get("to"))
    if after and field_text(here.get("id")) == after:
        after = field_text(here.get("key")) or after
    return Change(
        field="project", before=_first(item, "from"), after=after, after_name=field_text(item.get("toString"))
    )
