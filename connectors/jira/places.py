"""The projects that a policy applies to, as set-up and examination see them. It asks, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.jira.discovery import Project, read_project
from connectors.jira.enquiry import Enquiry
from connectors.jira.values import identity, mapping, plain
from connectors.upkeep import Uses

MOST = 20
"""Of more projects only the first are looked at, where `applies_to` names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """A project's newest issue, and the fields on its edit screen as Jira describes them."""

    issue: Mapping[str, Any]
    screen: Mapping[str, Any]


def places(enquiry: Enquiry, uses: Uses) -> tuple[tuple[Project, ...], tuple[str, ...]]:
    """Return the projects that the policy applies to, and those of its names that we cannot see."""
    wanted = uses.scope.get("project", ())
    if not wanted:
        return tuple(_visible(enquiry))[:MOST], ()
    found: dict[str, Project] = {}
    unseen: list[str] = []
    for word in dict.fromkeys(wanted):
        place = _read(enquiry.ask(f"project/{quote(word, safe='')}").told) or _by_name(enquiry, word)
        if place is None:
            unseen.append(word)
        else:
            found[place.id] = place
    return tuple(found.values()), tuple(unseen)


def linked_projects(uses: Uses) -> tuple[str, ...]:
    """Return the projects in which a level opens linked issues."""
    named = (mapping(placed.target.get("linked_issue")).get("project") for placed in uses.targets)
    return tuple(dict.fromkeys(key.strip() for word in named if (key := plain(word))))


def newest(enquiry: Enquiry, place: Project) -> Newest | None:
    """Return the issue of a project that was changed last; None if there is none, or we may not edit it."""
    jql = {"jql": f'project = "{place.id}" ORDER BY updated DESC', "maxResults": "1", "fields": "project,issuetype"}
    listed = mapping(enquiry.ask("search/jql" if enquiry.cloud else "search", jql).told).get("issues")
    issue = mapping(listed[0]) if isinstance(listed, list) and listed else {}
    number = identity(issue.get("id"))
    if number is None:
        return None
    reply = enquiry.ask(f"issue/{number}/editmeta")
    return Newest(issue=issue, screen=mapping(mapping(reply.told).get("fields"))) if reply.yes else None


def _visible(enquiry: Enquiry) -> Iterator[Project]:
    path = "project/search" if enquiry.cloud else "project"
    yield from filter(None, map(_read, enquiry.listed(path)))


def _by_name(enquiry: Enquiry, word: str) -> Project | None:
    path = "project/search" if enquiry.cloud else "project"
    params = {"query": word} if enquiry.cloud else {}
    for raw in enquiry.listed(path, params):
        if (plain(mapping(raw).get("name")) or "").casefold() == word.casefold():
            return _read(raw)
    return None


def _read(told: object) -> Project | None:
    key = plain(mapping(told).get("key"))
    return read_project(mapping(told), key) if key and identity(mapping(told).get("id")) else None
