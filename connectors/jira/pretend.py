"""The pretend Jira's issues and what may be done to them. No web, no sending.

It refuses what Jira refuses, in Jira's words, and applies an edit as a whole or not at all.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.jira.picture import level_in, level_tag
from connectors.jira.pretend_links import Network, No, sla
from connectors.jira.records import (
    FIELDS,
    OURS,
    PEOPLE,
    PRIORITIES,
    PROJECTS,
    REQUESTER,
    STATUSES,
    TEAMS,
    TRANSITIONS,
    TYPES,
)

PRIORITY_WORDS = {"low": "4", "normal": "3", "high": "2", "urgent": "1"}
STATUS_WORDS = {"new": "10100", "open": "3", "pending": "10101", "on_hold": "10102", "solved": "5", "closed": "6"}
DONE = {"id": "10000", "name": "Done"}

_NOT_ON_SCREEN = "Field '{0}' cannot be set. It is not on the appropriate screen, or unknown."
_NOT_NOW = (
    "It seems that you have tried to perform a workflow operation ({0}) that is not valid for the current state of this"
    " issue {1}. The likely cause is that somebody has changed the issue recently, please look at the issue history for"
    " details."
)


class PretendSite(Network):
    """All of one site's state. The caller holds its lock."""

    def __init__(self, deployment: str, clock: Callable[[], datetime]) -> None:
        super().__init__(deployment)
        self._clock = clock
        self.internal_turns_public = False
        self._numbers = itertools.count(10_001)
        self._keys = {name: itertools.count(1) for name in PROJECTS}

    def create(self, project: str, summary: str, text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Open an issue in the requester's name."""
        number = str(next(self._numbers))
        issue: dict[str, Any] = {
            "id": number,
            "key": f"{project}-{next(self._keys[project])}",
            "project": project,
            "summary": summary,
            "description": text,
            "status": "10100" if project == "ITSM" else "10000",
            "type": TYPES[project][0],
            "reporter": REQUESTER,
            "duedate": None,
            "resolution": None,
            "priority": "3",
            "assignee": None,
            "labels": [],
            "custom": {FIELDS["request_type"]: "Get IT help" if project == "ITSM" else None},
            "comments": [],
            "watchers": [],
            "properties": {},
            "created": self._stamp(),
            "updated": self._stamp(),
            "edits": 0,
        }
        issue.update(fields)
        self.issues[number] = issue
        return issue

    def say(self, issue: dict[str, Any], who: str, text: str, public: bool) -> dict[str, Any]:
        """Add a comment."""
        now = self._stamp()
        said = {
            "id": str(next(self._numbers)),
            "who": who,
            "body": text,
            "public": public,
            "created": now,
            "updated": now,
        }
        issue["comments"].append(said)
        issue["updated"] = now
        return said

    def value_for(self, issue: Mapping[str, Any], name: str, value: Any) -> tuple[str, Any]:
        """Turn one of our words and its value into the field and the value that are kept."""
        if name == "level":
            kept = [label for label in issue["labels"] if level_in(label) is None]
            return "labels", kept + ([level_tag(int(value))] if int(value) > 1 else [])
        if name == "group":
            if value is not None and value not in TEAMS:
                raise KeyError(f"The pretend Jira has no team {value!r}; it has {', '.join(TEAMS)}.")
            return FIELDS["team"], value
        if name == "assignee":
            return name, self.known(value) if value else None
        if name == "due_at":
            return "duedate", value.astimezone(UTC).date().isoformat() if value else None
        if name == "sla_breach_at":
            return FIELDS["sla"], sla(value)
        if name == "tags":
            return "labels", list(value)
        if name in ("status", "priority"):
            words, names = (STATUS_WORDS, STATUSES) if name == "status" else (PRIORITY_WORDS, PRIORITIES)
            return name, words.get(value) or next(n for n, said in names.items() if value in (n, said, said[0]))
        return FIELDS.get(name, name), value

    def known(self, word: str) -> str:
        """Return the person, or say whom the site knows."""
        who = self.who(word)
        if who is None:
            raise KeyError(f"The pretend Jira knows nobody called {word!r}; it knows {', '.join(PEOPLE)}.")
        return who

    def edit(self, issue: dict[str, Any], body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Apply a PUT as a whole; return the changelog's items and the comments it made. Raises No."""
        fields, update = body.get("fields", {}), body.get("update", {})
        errors = {
            key: f"Field '{key}' cannot appear in both fields and update." for key in fields.keys() & update.keys()
        }
        wanted: dict[str, Any] = {}
        for key, value in fields.items():
            try:
                wanted[key] = self._accepted(issue, key, value)
            except ValueError as error:
                errors[key] = str(error)
        if "labels" in update:
            wanted["labels"] = _labels(issue["labels"], update["labels"], errors)
        errors |= {
            key: _NOT_ON_SCREEN.format(key)
            for key in update
            if key not in ("labels", "comment") or key in self.off_screen
        }
        if any(len(json.dumps(item["value"])) > 32_768 for item in body.get("properties", ())):
            errors["properties"] = "The property value is too long."
        if errors:
            raise No(400, **errors)
        items = [item for key, value in wanted.items() if (item := self.change(issue, key, value))]
        issue["properties"].update({item["key"]: item["value"] for item in body.get("properties", ())})
        texts = [op["add"]["body"] for op in update.get("comment", ())]
        return items, [self.say(issue, OURS, text, public=True) for text in texts]

    def move(self, issue: dict[str, Any], number: object) -> list[dict[str, Any]]:
        """Carry out a transition that is offered now; return the changelog's items. Raises No."""
        name = next((name for known, name, *_ in TRANSITIONS[issue["project"]] if known == number), None)
        if name is None:
            raise No(400 if self.cloud else 500, f"Transition id '{number}' is not valid for this issue.")
        to = next((way["to"] for way in self.transitions(issue) if way["id"] == number), None)
        if to is None:
            raise No(400, _NOT_NOW.format(name, issue["key"]))
        done = to["statusCategory"]["key"] == "done"
        resolution = (issue["resolution"] or DONE) if done else None
        items = (self.change(issue, *pair) for pair in (("resolution", resolution), ("status", to["id"])))
        return [item for item in items if item]

    def change(self, issue: dict[str, Any], key: str, value: Any) -> dict[str, Any] | None:
        """Set one field; return the changelog item, or None if it had this value already."""
        holder = issue["custom"] if key.startswith("customfield_") else issue
        before = holder.get(key)
        if before == value:
            return None
        holder[key] = value
        issue["updated"] = self._stamp()
        (old, old_name), (new, new_name) = self.said(key, before), self.said(key, value)
        custom = key.startswith("customfield_")
        name = self.screen().get(key, {}).get("name", key) if custom else key
        item = {"field": name, "fieldtype": "custom" if custom else "jira", "fieldId": key}
        return item | {"from": old, "fromString": old_name, "to": new, "toString": new_name}

    def _stamp(self) -> str:
        """Return now as Jira writes times."""
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")

    def open_by_api(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Open an issue in our own name, or refuse it as a whole."""
        project = fields.get("project", {}).get("key")
        if project not in PROJECTS:
            raise No(400, project="valid project is required")
        errors = {} if fields.get("summary") else {"summary": "You must specify a summary of the issue."}
        if fields.get("issuetype", {}).get("name") not in TYPES[project]:
            errors["issuetype"] = "Specify a valid issue type"
        known = {"project", "issuetype", "summary", "description", "labels"} - self.off_screen
        errors |= {key: _NOT_ON_SCREEN.format(key) for key in fields if key not in known}
        if errors:
            raise No(400, **errors)
        ours = {"reporter": OURS, "type": fields["issuetype"]["name"], "labels": list(fields.get("labels", ()))}
        issue = self.create(project, fields["summary"], fields.get("description", ""), ours)
        issue["custom"][FIELDS["request_type"]] = None  # it came by no portal
        return issue

    def _accepted(self, issue: Mapping[str, Any], key: str, value: Any) -> Any:
        meta = self.screen().get(key)
        if meta is None:
            raise ValueError(_NOT_ON_SCREEN.format(key))
        if key == "assignee":
            return self._assignee(issue, value)
        if key == "priority":
            found = [number for number, name in PRIORITIES.items() if value in ({"id": number}, {"name": name})]
            if not found:
                raise ValueError("The priority selected is invalid.")
            return found[0]
        if value is None:
            return None
        if allowed := meta.get("allowedValues"):
            chosen = [item["value"] for item in allowed if value in ({"id": item["id"]}, {"value": item["value"]})]
            if not chosen:
                raise ValueError(f"Option value '{value}' is not valid")
            return chosen[0]
        kinds: Any = {"number": (int, float), "string": str, "array": list}[meta["schema"]["type"]]
        if not isinstance(value, kinds):
            raise ValueError(f"Operation value must be a {meta['schema']['type']}")
        return value

    def _assignee(self, issue: Mapping[str, Any], value: Any) -> str | None:
        key = "accountId" if self.cloud else "name"
        if not isinstance(value, dict) or key not in value:
            raise ValueError(f"expected '{key}' property to be set")
        if value[key] is None:
            return None
        who = next((who for who in PEOPLE if self.user_id(who) == value[key]), None)
        if who is None:
            raise ValueError(f"User '{value[key]}' does not exist.")
        if not self.can_have(who, issue) or (self.is_desk(issue) and who in self.unlicensed):
            raise ValueError(f"User '{value[key]}' cannot be assigned issues.")
        return who


def _labels(before: list[str], operations: list[Mapping[str, str]], errors: dict[str, str]) -> list[str]:
    after = list(before)
    for operation in operations:
        label = next(iter(operation.values()))
        if " " in label:
            errors["labels"] = f"The label '{label}' contains spaces which is invalid."
        if "add" in operation and label not in after:
            after.append(label)
        if "remove" in operation and label in after:
            after.remove(label)
    return after
