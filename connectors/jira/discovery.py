"""What a Jira site calls its fields, priorities, statuses and projects, so that settings may use names. It only asks.

Remembered for a quarter of an hour. A team-managed project has fields of its own, which carry its id as their scope
(https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-fields/); of several fields of one name the
project's own is meant, else the only one that all projects share. Where two are left, none is taken.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from connectors.contract import Refused, TryLater
from connectors.jira.resolving import Listed, listed_fields, matters, resolved, unnamed
from connectors.jira.settings import JiraSettings, settings_of
from connectors.jira.values import identity, mapping, plain
from connectors.site import Site

KEEP = 900.0
"""Seconds that what was asked counts."""
_MOST_PROJECTS = 50
"""As many as one question of `project/search` may name."""

Ask = Callable[[str], Any]

_log = logging.getLogger("stepladder.jira")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project. `desk`: customers see it in a portal. `open`: whoever has a seat at the site can enter it."""

    id: str
    key: str
    desk: bool
    team_managed: bool = False
    open: bool = False
    archived: bool = False


class Discovery:
    """One site's settings with ids in place of names, and its projects. Safe to use from several threads."""

    def __init__(
        self, site: Site, ask: Ask, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False
    ) -> None:
        """`quiet`: names that mean nothing are for `unresolved` only, not for the log."""
        self._given, self._ask, self._clock, self._quiet = site, ask, clock, quiet
        self._lock = threading.Lock()
        self._site, self._names = site, dict[str, str]()
        self._expires, self._failed = float("-inf"), False
        self._projects: dict[str, tuple[float, Project]] = {}
        self._told: tuple[str, ...] = ()

    def site(self) -> Site:
        """Return the site with ids as far as they are known; an old picture is better than none; it never raises."""
        with self._lock:
            if self._clock() >= self._expires:
                try:
                    self._load()
                except TryLater:
                    self._failed = self._site is self._given and unnamed(settings_of(self._given))
                    self._expires = self._clock() + KEEP / 10
            return self._site

    def surely(self) -> Site:
        """Return the site with ids. Raises TryLater if names stand in the settings and Jira never told their ids."""
        site = self.site()
        if self._failed:
            raise TryLater("Jira did not say which fields it has, and stepladder.toml names some", after=KEEP / 10)
        return site

    def names(self) -> Mapping[str, str]:
        """Return names by `field:id`, `status:id` and `status_category:id`."""
        self.site()
        return self._names

    def unresolved(self) -> tuple[str, ...]:
        """Return a sentence for each name in the settings that means no field here, or several."""
        self.site()
        return self._told

    def project(self, key: str) -> Project:
        """Return a project by key or id. Raises Refused where it is not there, or not visible to us."""
        expires, known = self._projects.get(key, (float("-inf"), None))
        if known is not None and self._clock() < expires:
            return known
        try:
            answer = mapping(self._ask(f"project/{quote(key, safe='')}"))
        except Refused as no:
            raise Refused(f"there is no project {key!r}, or our account may not see it ({no})") from no
        return self._remember(key, read_project(answer, key))

    def is_portal(self, key: str) -> bool:
        """Say whether customers can read in this project; as careful as if they could, where Jira does not say."""
        return self.project(key).desk

    def _remember(self, key: str, project: Project) -> Project:
        self._projects[key] = (self._clock() + KEEP, project)
        return project

    def _load(self) -> None:
        settings = settings_of(self._given)
        fields = listed_fields(self._list("field"))
        statuses = self._list("status")
        priorities = self._list("priority") if _names_priorities(settings) else []
        keys = self._keys_of({known.project for known in fields if known.project and matters(known, settings)})
        found, told = resolved(settings, Listed(fields=fields, statuses=statuses, priorities=priorities, projects=keys))
        self._names = dict(_names(fields, statuses)) or self._names
        for sentence in told:
            if sentence not in self._told and not self._quiet:
                said = {"site": f"{self._given.vendor}/{self._given.name}", "reason": sentence}
                _log.warning("jira.name_unknown %s", json.dumps(said, ensure_ascii=False))
        self._site, self._told = replace(self._given, settings=found), told
        self._expires, self._failed = self._clock() + KEEP, False

    def _list(self, path: str) -> list[Any]:
        """Ask for a list; where our account may not, nothing is known of it."""
        try:
            answer = self._ask(path)
        except Refused:
            return []
        return answer if isinstance(answer, list) else []

    def _keys_of(self, ids: set[str]) -> Mapping[str, str]:
        """Return the keys of the projects that have fields of their own, by id."""
        found: dict[str, str] = {}
        numbers = sorted(ids)
        for start in range(0, len(numbers), _MOST_PROJECTS):
            named = "&".join(f"id={number}" for number in numbers[start : start + _MOST_PROJECTS])
            try:
                answer = mapping(self._ask(f"project/search?{named}&maxResults={_MOST_PROJECTS}"))
            except Refused:
                return found
            listed = answer.get("values")
            for told in map(mapping, listed if isinstance(listed, list) else ()):
                number, key = identity(told.get("id")), plain(told.get("key"))
                if number and key:
                    found[number] = key
                    self._remember(key, read_project(told, key))
        return found


def read_project(told: Mapping[str, Any], key: str) -> Project:
    """Read a project as Jira tells it; one of which it says no kind counts as one with a portal."""
    kind = told.get("projectTypeKey")
    team_managed = told.get("simplified") is True or told.get("style") == "next-gen"
    return Project(
        id=identity(told.get("id")) or key,
        key=plain(told.get("key")) or key,
        desk=kind == "service_desk" if isinstance(kind, str) else True,
        team_managed=team_managed,
        open=team_managed and told.get("isPrivate") is False,
        archived=told.get("archived") is True,
    )


def _names_priorities(settings: JiraSettings) -> bool:
    maps = (settings.priorities, *(project.priorities for project in settings.projects.values()))
    return any(not theirs.isdecimal() for known in maps for theirs in known.values())


def _names(fields: tuple[Any, ...], statuses: list[Any]) -> Iterator[tuple[str, str]]:
    yield from ((f"field:{field.id}", field.name) for field in fields)
    for status in map(mapping, statuses):
        number, name = identity(status.get("id")), plain(status.get("name"))
        category = plain(mapping(status.get("statusCategory")).get("key"))
        if number and name:
            yield f"status:{number}", name
        if number and category:
            yield f"status_category:{number}", category
