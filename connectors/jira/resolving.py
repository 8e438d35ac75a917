"""Names in a Jira site's settings → ids, by lists that the site has told. Pure; where a name fits two, none is taken.

The fields of Jira Service Management need no line in the settings: their kind says what they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.jira.picture import APPROVALS, PARTICIPANTS
from connectors.jira.settings import SLA, JiraSettings, ProjectMaps, sla_ids
from connectors.jira.values import identity, mapping, plain

_ID = re.compile(r"customfield_\d+")
_DESK = "com.atlassian.servicedesk"
_KINDS = {
    f"{_DESK}:vp-origin": "request_type",
    f"{_DESK}:sd-customer-organizations": "organization",
    f"{_DESK}:sd-request-participants": PARTICIPANTS,
    f"{_DESK}:sd-sla-field": SLA,
    f"{_DESK}.approvals-plugin:sd-approvals": APPROVALS,
}
"""What the fields of a service project are by their kind (`schema.custom`)."""
_SAME = {"request_type": "form", "form": "request_type"}
_SYSTEM = frozenset({"components", "duedate", "environment", "fixVersions", "labels", "resolution", "versions"})
_PROJECT = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its id, its name, its kind, and the id of the project that has it alone."""

    id: str
    name: str
    kind: str = ""
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a site told: fields, statuses and priorities as Jira writes them, keys of projects by id."""

    fields: tuple[Field, ...] = ()
    statuses: list[Any] = field(default_factory=list)
    priorities: list[Any] = field(default_factory=list)
    projects: Mapping[str, str] = field(default_factory=dict)


def listed_fields(answer: Iterable[Any]) -> tuple[Field, ...]:
    """Read the list of a site's fields; what has no id or no name is no field."""
    found = []
    for told in map(mapping, answer):
        number, name = identity(told.get("id")), plain(told.get("name"))
        scope = mapping(told.get("scope"))
        if number and name:
            project = identity(mapping(scope.get("project")).get("id"))
            kind = plain(mapping(told.get("schema")).get("custom")) or ""
            found.append(Field(id=number, name=name, kind=kind, project=project))
    return tuple(found)


def unnamed(settings: JiraSettings) -> bool:
    """Say whether a field stands in the settings by its name, so that only Jira can say its id."""
    return any(not _is_id(piece) for piece in _given(settings))


def matters(known: Field, settings: JiraSettings) -> bool:
    """Say whether a field is one that the settings name, or one that needs no line there."""
    return known.kind in _KINDS or any(_same(known.name, piece) for piece in _given(settings))


def _given(settings: JiraSettings) -> Iterator[str]:
    maps: tuple[JiraSettings | ProjectMaps, ...] = (settings, *settings.projects.values())
    for known in maps:
        for text in (*known.fields.values(), known.level_field or ""):
            yield from sla_ids(text)


def resolved(settings: JiraSettings, listed: Listed) -> tuple[JiraSettings, tuple[str, ...]]:
    """Return the settings with ids, and a sentence for each name that could not become one."""
    told: list[str] = []
    site = _Resolving(listed, None, told)
    fields, level = site.fields(settings.fields), site.one("level_field", settings.level_field)
    fields = site.by_kind(settings.fields) | fields
    projects = {}
    numbers = {key: number for number, key in listed.projects.items() if _PROJECT.fullmatch(key)}
    for key in sorted(settings.projects.keys() | numbers.keys()):
        own = settings.projects.get(key) or ProjectMaps()
        maps = _Resolving(listed, numbers.get(key, ""), told).project(own, settings)
        if maps != ProjectMaps():
            projects[key] = maps
    statuses = _with_ids(settings.statuses, listed.statuses)
    found: dict[str, Any] = {"fields": fields, "level_field": level, "statuses": statuses, "projects": projects}
    found |= {"priorities": _as_ids(settings.priorities, listed.priorities)}
    given = {name: getattr(settings, name) for name in type(settings).model_fields}
    return type(settings)(**given | found), tuple(dict.fromkeys(told))


class _Resolving:
    """One look at the fields: as all projects share them (`project` None), or as one project sees them."""

    def __init__(self, listed: Listed, project: str | None, told: list[str]) -> None:
        self._listed, self._project, self._told = listed, project, told

    def fields(self, given: Mapping[str, str]) -> dict[str, str]:
        return {ours: self.one(f"fields.{ours}", theirs) or theirs for ours, theirs in given.items()}

    def one(self, setting: str, given: str | None) -> str | None:
        """Return the ids for a field's name; several names have commas between them, as SLAs may."""
        if not given or not self._listed.fields:
            return given
        if self._known(given):
            return given
        pieces = sla_ids(given) if setting == f"fields.{SLA}" else (given,)
        return ", ".join(self._id(setting, piece) for piece in pieces)

    def by_kind(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the service project's fields that the settings do not mention."""
        found: dict[str, str] = {}
        for kind, ours in _KINDS.items():
            if ours in given or _SAME.get(ours, "") in given:
                continue
            ids = [known.id for known in self._seen(own=self._project is not None) if known.kind == kind]
            if ids and (len(ids) == 1 or ours == SLA):
                found[ours] = ", ".join(ids)
        return found

    def project(self, own: ProjectMaps, settings: JiraSettings) -> ProjectMaps:
        """Return a project's maps: its own lines, and what the site's names mean only there."""
        here = {ours: theirs for ours, theirs in settings.fields.items() if ours not in own.fields}
        fields = {ours: found for ours, theirs in here.items() if (found := self._only_here(theirs))}
        fields |= self.by_kind({**settings.fields, **own.fields}) | self.fields(own.fields)
        level = self.one("level_field", own.level_field) if own.level_field else own.level_field
        if level is None and settings.level_field:
            level = self._only_here(settings.level_field)
        statuses = _with_ids(own.statuses, self._listed.statuses, settings.statuses)
        priorities = _as_ids(own.priorities, self._listed.priorities)
        return ProjectMaps(fields=fields, statuses=statuses, priorities=priorities, level_field=level)

    def _only_here(self, name: str) -> str | None:
        ids = [known.id for known in self._seen(own=True) if _same(known.name, name)]
        return ids[0] if len(ids) == 1 and self._project and not self._known(name) else None

    def _known(self, word: str) -> bool:
        return _is_id(word) or any(known.id == word for known in self._listed.fields)

    def _seen(self, *, own: bool) -> Iterator[Field]:
        wanted = self._project if own else None
        yield from (known for known in self._listed.fields if known.project == wanted)

    def _id(self, setting: str, name: str) -> str:
        if self._known(name):
            return name
        nearest = [*self._seen(own=True)] if self._project else []
        for fields in (nearest, [*self._seen(own=False)]):
            found = [known.id for known in fields if _same(known.name, name)]
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(found)
                self._told.append(f"{setting}: {len(found)} fields are called {name!r}, write one's id: {ids}")
                return name
        if not any(_same(known.name, name) for known in self._listed.fields):  # else a project's own, and found there
            self._told.append(f"{setting}: Jira has no field {name!r}{_near(name, self._listed.fields)}")
        return name


def _is_id(word: str) -> bool:
    return bool(_ID.fullmatch(word)) or word in _SYSTEM


def _same(name: str, wanted: str) -> bool:
    return name.casefold() == wanted.casefold()


def _with_ids(given: Mapping[str, str], listed: list[Any], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Add to each status its ids: names are told in the language of whoever looks, ids are not."""
    found = dict(given)
    explicit = {*given, *(before or {})}
    for status in map(mapping, listed):
        number, name = identity(status.get("id")), plain(status.get("name")) or ""
        meant = next((ours for theirs, ours in given.items() if _same(theirs, name)), None)
        if number and meant and number not in explicit:
            found[number] = meant
    return found


def _as_ids(given: Mapping[str, str], listed: list[Any]) -> dict[str, str]:
    ids = {(plain(mapping(told).get("name")) or "").casefold(): identity(mapping(told).get("id")) for told in listed}
    return {ours: ids.get(theirs.casefold()) or theirs for ours, theirs in given.items()}


def _near(name: str, fields: Iterable[Field]) -> str:
    near = difflib.get_close_matches(name, [known.name for known in fields], n=3, cutoff=0.5)
    return f"; the nearest are {', '.join(near)}" if near else ""
