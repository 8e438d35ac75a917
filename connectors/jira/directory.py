"""What a write needs of one Jira site: names → ids, remembered for ten minutes. It asks, and changes nothing.

What may be written is a matter of project and issue type (`editmeta`), so that is what is remembered: a priority that
exists on the site may still be refused by the project.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from connectors.contract import Refused
from connectors.jira.picture import PRIORITIES, level_of_field, person, priority_word, project_of
from connectors.jira.settings import in_project, settings_of
from connectors.jira.values import identity, mapping, plain
from connectors.site import Site
from policies.model import JSON, Priority, Ticket

KEEP = 600.0
MOST_PEOPLE = 5_000

Ask = Callable[[str], Any]


class Directory:
    """What this site calls things. Safe to use from several threads; loads one thing at a time."""

    def __init__(
        self,
        site: Site,
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
        maps: Callable[[], Site] | None = None,
    ) -> None:
        """`maps` returns the site with ids in place of names; without it the site's own lines must be ids."""
        self._site, self._ask, self._clock = site, ask, clock
        self._maps = maps or (lambda: site)
        self._lock = threading.Lock()
        self._screens: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._people: dict[str, str] = {}
        self._link_types: tuple[float, list[str]] = (float("-inf"), [])

    def names(self) -> Mapping[str, str]:
        """Return the names of people seen so far by `user:id`; never asks."""
        with self._lock:
            return dict(self._people)

    def learn(self, *users: object) -> None:
        """Remember the names of people that an answer showed anyway."""
        for user in users:
            who = person(user)
            if who and who.name and len(self._people) < MOST_PEOPLE:
                with self._lock:
                    self._people[f"user:{who.id}"] = who.name

    def values(self, parts: Mapping[str, JSON], ticket: Ticket) -> dict[str, JSON]:
        """Return field ids with what Jira wants to be sent; Refused names the part that has no such value there."""
        told: dict[str, JSON] = {}
        refused: list[Refused] = []
        for part, value in parts.items():
            try:
                told |= self._value(part, value, ticket)
            except Refused as no:
                refused.append(no)
        if refused:
            raise Refused(" ".join(map(str, refused)), parts=frozenset().union(*(no.parts for no in refused)))
        return told

    def _value(self, part: str, value: JSON, ticket: Ticket) -> dict[str, JSON]:
        site = in_project(self._maps(), project_of(ticket))
        level_field = site.settings.level_field
        if part == "priority":
            return {"priority": {"id": self.priority(str(value), ticket)}}
        if part == "level" and level_field:
            return {level_field: self._found(ticket, level_field, part, lambda meta: _level(meta, value))}
        if part.startswith("field:"):
            field_id = _field_id(part, site)
            return {field_id: self._found(ticket, field_id, part, lambda meta: self._shape(meta, value))}
        return {}

    def priority(self, word: str, ticket: Ticket) -> str:
        """Return the id of our priority, of those that the ticket's project has; Refused names the nearest."""
        site = in_project(self._maps(), project_of(ticket))
        wanted = site.settings.priorities.get(word, PRIORITIES[Priority[word.upper()]])
        return str(self._found(ticket, "priority", "priority", lambda meta: _priority_id(meta, wanted, word, site)))

    def at_fault(self, parts: Iterable[str], ticket: Ticket) -> frozenset[str]:
        """Return the parts whose field is not on the issue's edit screen as it is now.

        Where nothing can be edited at all (archived, closed for good, no permission), that is all of them but the note.
        """
        site = in_project(self._maps(), project_of(ticket))
        screen, _ = self._screen(ticket, fresh=True)
        return frozenset(part for part in parts if part != "note" and _place(part, site) not in screen)

    def takes_nothing(self, ticket: Ticket) -> bool:
        """Say whether nothing of the issue can be edited, as it is now."""
        return not self._screen(ticket, fresh=True)[0]

    def link_type(self, name: str) -> str:
        """Return a link type as Jira spells it; Refused names the nearest, or says that there are no links here."""
        expires, known = self._link_types
        if self._clock() >= expires:
            answer = self._asked("issueLinkType", "links between issues are switched off")
            listed = answer.get("issueLinkTypes")
            told = (plain(mapping(kind).get("name")) for kind in (listed if isinstance(listed, list) else ()))
            known = [word for word in told if word]
            self._link_types = (self._clock() + KEEP, known)
        for word in known:
            if word.casefold() == name.casefold():
                return word
        raise Refused(f"Jira has no link of type {name!r}{_near(name, known)}.")

    def _asked(self, path: str, otherwise: str) -> Mapping[str, Any]:
        try:
            return mapping(self._ask(path))
        except Refused as no:
            raise Refused(f"{otherwise}, or our account may not see it ({no})") from no

    def _found(self, ticket: Ticket, field_id: str, part: str, find: Callable[[Mapping[str, Any]], JSON]) -> JSON:
        for fresh in (False, True):
            screen, asked = self._screen(ticket, fresh)
            try:
                if field_id not in screen:
                    raise LookupError(f"{field_id} is not on the edit screen of {ticket.key or ticket.ref.id}")
                return find(mapping(screen[field_id]))
            except LookupError as error:
                if asked:
                    raise Refused(f"{error.args[0]}.", parts=frozenset({part})) from None
        raise AssertionError("a fresh screen was asked for")

    def _screen(self, ticket: Ticket, fresh: bool) -> tuple[Mapping[str, Any], bool]:
        place = f"{ticket.project.id}/{ticket.kind}" if ticket.project and ticket.kind else ticket.ref.id
        with self._lock:
            expires, known = self._screens.get(place, (float("-inf"), {}))
            if not fresh and self._clock() < expires:
                return known, False
            answer = self._ask(f"issue/{quote(ticket.ref.id, safe='')}/editmeta")
            known = mapping(mapping(answer).get("fields"))
            self._screens[place] = (self._clock() + KEEP, known)
            return known, True

    def _shape(self, meta: Mapping[str, Any], value: JSON) -> JSON:
        schema = mapping(meta.get("schema"))
        kind, items = plain(schema.get("type")), plain(schema.get("items"))
        if value is None or isinstance(value, Mapping):
            return value
        if kind == "array":
            return [self._one(meta, items, item) for item in _listed(meta, value)]
        return self._one(meta, kind, value)

    def _one(self, meta: Mapping[str, Any], kind: str | None, value: JSON) -> JSON:
        if isinstance(value, Mapping):
            return value
        if _allowed(meta):
            return {"id": _option(meta, str(value)) or _nothing(meta, str(value))}
        if kind == "user":
            return {"accountId" if settings_of(self._site).cloud else "name": str(value)}
        if kind == "group":
            return {"name": str(value)}
        if kind == "number":
            return _number(value)
        return value if isinstance(value, str) else str(value)  # texts, dates, a team's id


def _priority_id(meta: Mapping[str, Any], wanted: str, word: str, site: Site) -> JSON:
    if (found := _option(meta, wanted)) is not None:
        return found
    standard = (
        identity(allowed.get("id"))
        for allowed in _allowed(meta)
        if priority_word(site, allowed.get("id"), allowed.get("name")) == Priority[word.upper()]
    )
    return next(standard, None) or _nothing(meta, wanted)


def _field_id(part: str, site: Site) -> str:
    ours, fields = part.removeprefix("field:"), site.settings.fields
    if ours not in fields:
        raise Refused(f"[sites.{site.name}.fields] has no {ours!r}{_near(ours, fields)}.", parts=frozenset({part}))
    if fields[ours] == "labels":
        raise Refused("Labels show the level and cannot be a target.", parts=frozenset({part}))
    return fields[ours]


def _place(part: str, site: Site) -> str:
    places = {"pool": "assignee", "level": "labels"}
    ours = part.removeprefix("field:")
    return site.settings.fields.get(ours, "") if part != ours else places.get(part, part)


def _allowed(meta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = meta.get("allowedValues")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _listed(meta: Mapping[str, Any], value: JSON) -> list[JSON]:
    """Return a field's values one by one; a text is one, unless only its pieces are values of the field."""
    if isinstance(value, list | tuple):
        return list(value)
    pieces = str(value).split(", ")
    whole = len(pieces) == 1 or not _allowed(meta) or _option(meta, str(value)) is not None
    return [value] if whole else [*pieces]


def _spelling(allowed: Mapping[str, Any]) -> str:
    return plain(allowed.get("value")) or plain(allowed.get("name")) or ""


def _option(meta: Mapping[str, Any], wanted: str) -> str | None:
    options = [(identity(item.get("id")), _spelling(item)) for item in _allowed(meta)]
    by_id = (number for number, _ in options if number == wanted)
    by_name = (number for number, name in options if name.casefold() == wanted.casefold())
    return next(by_id, None) or next(by_name, None)


def _nothing(meta: Mapping[str, Any], wanted: str) -> str:
    names = [_spelling(item) for item in _allowed(meta)]
    raise LookupError(f"{plain(meta.get('name')) or 'The field'} has no value {wanted!r}{_near(wanted, names)}")


def _level(meta: Mapping[str, Any], level: JSON) -> JSON:
    if level == 1:
        return None  # the frontline is an empty field
    if allowed := _allowed(meta):
        found = next((identity(item.get("id")) for item in allowed if level_of_field(_spelling(item)) == level), None)
        return {"id": found or _nothing(meta, f"Level {level}")}
    return level if mapping(meta.get("schema")).get("type") == "number" else str(level)


def _number(value: JSON) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise LookupError(f"a number was expected, got {value!r}") from None


def _near(wanted: str, names: Mapping[str, str] | list[str]) -> str:
    near = difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.4)
    return f"; the nearest are {', '.join(near)}" if near else ""
