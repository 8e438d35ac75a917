"""Looks up the people that the policy names: are they there, active, licensed, assignable? It only asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.jira.discovery import Project
from connectors.jira.enquiry import Enquiry
from connectors.jira.picture import person_ids
from connectors.jira.values import mapping, plain
from connectors.upkeep import Finding, Grade, Uses
from policies.commands import Take

_AGENTS = "jira-servicedesk"


@dataclass(slots=True, kw_only=True)
class _Wanted:
    """What the policy wants of one person: at which levels, and whether issues are given to them."""

    levels: set[int] = field(default_factory=set)
    assigned: bool = False


def findings(enquiry: Enquiry, uses: Uses, found: tuple[Project, ...]) -> Iterator[Finding]:
    """Yield who of the people named is not what the policy takes them for."""
    wrong = 0
    wanted = _wanted(uses)
    for who, how in wanted.items():
        for finding in _person(enquiry, who, how, found):
            wrong += 1
            yield finding
    if wanted and not wrong:
        says = f"All {len(wanted)} people that the policy names are there, active and able to be given issues."
        yield Finding(name="names:people", check="names", grade=Grade.FINE, says=says)


def _wanted(uses: Uses) -> dict[str, _Wanted]:
    people: dict[str, _Wanted] = {}
    for placed in uses.targets:
        owns = placed.take is Take.OWNERSHIP
        pool, watchers = placed.target.get("from"), placed.target.get("watchers")
        given = [placed.target.get("assignee"), *(pool if isinstance(pool, list | tuple) else ())]
        watching = list(watchers) if isinstance(watchers, list | tuple) else []
        for who, assigned in [*((who, owns) for who in given), *((who, False) for who in watching)]:
            if who is not None:
                known = people.setdefault(str(who), _Wanted())
                known.levels.add(placed.level)
                known.assigned |= assigned
    return people


def _person(enquiry: Enquiry, who: str, how: _Wanted, found: tuple[Project, ...]) -> Iterator[Finding]:
    levels = " and ".join(map(str, sorted(how.levels)))
    reply = enquiry.ask("user", {_key(enquiry): who, "expand": "applicationRoles"})
    user = mapping(reply.told)
    if reply.silent:
        return  # that it was not answered is a finding of its own
    if reply.forbidden:
        says = (
            f"Whether {who} (level {levels}) is there cannot be asked: our account lacks the permission Browse users."
        )
        yield _finding(who, Grade.UNKNOWN, says, "⚙ → System → Global permissions → Browse users and groups.")
    elif not reply.yes:
        spelling = "account id" if enquiry.cloud else "user name"
        says = f"Jira knows nobody with the {spelling} {who!r}, whom level {levels} names."
        yield _finding(who, Grade.PROBLEM, says, f"Correct it in the policy: a person's {spelling} is needed.")
    elif user.get("active") is False:
        says = f"{_called(user, who)} (level {levels}) is not active, so Jira refuses to assign issues to them."
        yield _finding(who, Grade.PROBLEM, says, "Name somebody else in the policy, or a second target as a fallback.")
    elif how.assigned:
        yield from _assignable(enquiry, who, user, levels, found)


def _assignable(
    enquiry: Enquiry, who: str, user: Mapping[str, Any], levels: str, found: tuple[Project, ...]
) -> Iterator[Finding]:
    name = _called(user, who)
    items = mapping(user.get("applicationRoles")).get("items")
    roles = [plain(mapping(role).get("key")) for role in (items if isinstance(items, list) else ())]
    for place in found:
        if place.desk and roles and _AGENTS not in roles:
            says = f"{name} (level {levels}) has no agent's licence, so no request of {place.key} can be given to them."
            cure = "Give them one (Service Desk Team), or let the level use a field or a linked issue."
            yield _finding(f"{who}:{place.key}", Grade.PROBLEM, says, cure)
            continue
        reply = enquiry.ask("user/assignable/search", {"project": place.key, _key(enquiry): who, "maxResults": "50"})
        listed = reply.told if isinstance(reply.told, list) else []
        if reply.yes and not any(who in person_ids(known) for known in listed):
            says = f"{name} (level {levels}) cannot be assigned issues in {place.key}."
            cure = f"{place.key}: Project settings → Permissions → Assignable user, or name somebody else."
            yield _finding(f"{who}:{place.key}", Grade.PROBLEM, says, cure)


def _key(enquiry: Enquiry) -> str:
    return "accountId" if enquiry.cloud else "username"


def _called(user: Mapping[str, Any], who: str) -> str:
    return plain(user.get("displayName")) or who


def _finding(word: str, grade: Grade, says: str, cure: str) -> Finding:
    return Finding(name=f"names:person:{word}", check="names", grade=grade, says=says, cure=cure)
