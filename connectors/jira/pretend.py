"""The pretend Jira's issues and what may be done to them. No web, no sending.

It refuses what Jira refuses, in Jira's words, and applies an edit as a whole or not at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.jira.picture import level_in, level_tag
from connectors.jira.pretend_clocks import sla
from connectors.jira.pretend_links import Network
from connectors.jira.records import (
    FIELDS,
    FIRST_STATUS,
    HELP_FIELDS,
    PEOPLE,
    PRIORITIES,
    PROJECTS,
    REQUESTER,
    STATUSES,
    TEAMS,
    TYPES,
)

PRIORITY_WORDS = {"low": "4", "normal": "3", "high": "2", "urgent": "1"}
STATUS_WORDS = {"new": "10100", "open": "3", "pending": "10101", "on_hold": "10102", "solved": "5", "closed": "6"}
HELP_STATUS_WORDS = {"new": "20001", "open": "20002", "solved": "20003"}
DONE = {"id": "10000", "name": "Done"}


class PretendSite(Network):
    """All of one site's state. The caller holds its lock.

    Knobs: `internal_turns_public` (notes leak), `must_be_assigned` (nobody may be unassigned), `most_comments` (413
    beyond), `partial_edits` (a bad field does not keep the others of a PUT from being written), `plan` (what is paid).
    """

    def __init__(self, deployment: str, clock: Callable[[], datetime]) -> None:
        super().__init__(deployment, clock)
        self.internal_turns_public = False
        self.must_be_assigned = False
        self.partial_edits = False
        self.plan = "PAID"
        self.most_comments = 5_000
        self._numbers = itertools.count(10_001)
        self._changes = itertools.count(50_001)
        self._keys = {name: itertools.count(1) for name in PROJECTS}

    def create(self, project: str, summary: str, text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Open an issue in the requester's name."""
        number, now = str(next(self._numbers)), self.stamp()
        desk = PROJECTS[project][2] == "service_desk"
        issue: dict[str, Any] = {
            "id": number,
            "key": f"{project}-{next(self._keys[project])}",
            "project": project,
            "summary": summary,
            "description": text,
            "status": FIRST_STATUS[project],
            "type": TYPES[project][0],
            "reporter": REQUESTER,
            "creator": fields.get("reporter", REQUESTER),
            "duedate": None,
            "resolution": None,
            "priority": "3",
            "assignee": None,
            "labels": [],
            "custom": {FIELDS["request_type"]: "Get IT help" if desk else None},
            "comments": [],
            "watchers": [],
            "participants": [],
            "properties": {},
            "remote_links": [],
            "history": [],
            "archived": False,
            "created": now,
            "updated": now,
            "edits": 0,
        }
        issue.update(fields)
        self.issues[number] = issue
        return issue

    def say(self, issue: dict[str, Any], who: str, text: str, public: bool, **more: Any) -> dict[str, Any]:
        """Add a comment."""
        now = self.stamp()
        said = {
            "id": str(next(self._numbers)),
            "who": who,
            "body": text,
            "public": public,
            "created": now,
            "updated": now,
            **more,
        }
        issue["comments"].append(said)
        issue["updated"] = now
        return said

    def remove(self, issue: dict[str, Any], number: str) -> dict[str, Any]:
        """Take a comment away; return it."""
        said = next(said for said in issue["comments"] if said["id"] == number)
        issue["comments"].remove(said)
        issue["updated"] = self.stamp()
        return dict(said)

    def value_for(self, issue: Mapping[str, Any], name: str, value: Any) -> tuple[str, Any]:
        """Turn one of our words and its value into the field and the value that are kept."""
        own = HELP_FIELDS if issue["project"] == "HELP" else {}
        if name in own:
            return own[name], value
        if name == "level":
            kept = [label for label in issue["labels"] if level_in(label) is None]
            return "labels", kept + ([level_tag(int(value))] if int(value) > 1 else [])
        if name == "group":
            if value is not None and value not in TEAMS:
                raise KeyError(f"The pretend Jira has no team {value!r}; it has {', '.join(TEAMS)}.")
            return FIELDS["team"], value
        if name in ("assignee", "reporter"):
            return name, self.known(value) if value else None
        if name == "due_at":
            return "duedate", value.astimezone(UTC).date().isoformat() if value else None
        if name == "sla_breach_at":
            return FIELDS["sla"], sla(value)
        if name == "tags":
            return "labels", list(value)
        if name in ("status", "priority"):
            return name, self._number(issue, name, value)
        return FIELDS.get(name, name), value

    def _number(self, issue: Mapping[str, Any], name: str, value: str) -> str:
        statuses = HELP_STATUS_WORDS if issue["project"] == "HELP" else STATUS_WORDS
        words, names = (statuses, STATUSES) if name == "status" else (PRIORITY_WORDS, PRIORITIES)
        return words.get(value) or next(n for n, said in names.items() if value in (n, said, said[0]))

    def known(self, word: str) -> str:
        """Return the person, or say whom the site knows."""
        who = self.who(word)
        if who is None:
            raise KeyError(f"The pretend Jira knows nobody called {word!r}; it knows {', '.join(PEOPLE)}.")
        return who

    def change(self, issue: dict[str, Any], key: str, value: Any) -> dict[str, Any] | None:
        """Set one field; return the changelog item, or None if it had this value already."""
        custom = key.startswith("customfield_")
        holder = issue["custom"] if custom else issue
        before = holder.get(key)
        if before == value:
            return None
        holder[key] = value
        issue["updated"] = self.stamp()
        (old, old_name), (new, new_name) = self.said(key, before), self.said(key, value)
        name = self.catalogue.all[key].name if key in self.catalogue.all and custom else key
        item = {"field": name, "fieldtype": "custom" if custom else "jira", "fieldId": key}
        return item | {"from": old, "fromString": old_name, "to": new, "toString": new_name}

    def relocate(self, issue: dict[str, Any], project: str) -> list[dict[str, Any]]:
        """Move an issue to another project: it gets a key of its own there, and is found by the old one too."""
        before, old = issue["key"], issue["project"]
        issue |= {"project": project, "key": f"{project}-{next(self._keys[project])}", "updated": self.stamp()}
        issue |= {"status": FIRST_STATUS[project], "type": TYPES[project][0]}
        self.moved[before] = issue["id"]
        told = {"fieldtype": "jira"}
        ends = {"from": PROJECTS[old][0], "fromString": PROJECTS[old][1]}
        ends |= {"to": PROJECTS[project][0], "toString": PROJECTS[project][1]}
        key = {"field": "Key", "fieldId": "", "from": None, "fromString": before, "to": None, "toString": issue["key"]}
        return [told | {"field": "project", "fieldId": "project"} | ends, told | key]

    def record(self, issue: dict[str, Any], who: str, items: list[dict[str, Any]]) -> str:
        """Write changes into the issue's history; return the entry's id."""
        number = str(next(self._changes))
        issue["history"].append({"id": number, "who": who, "created": self.stamp(), "items": items})
        return number

    def stamp(self) -> str:
        """Return now as Jira writes times."""
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
