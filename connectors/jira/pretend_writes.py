"""What the pretend Jira takes from its API: edits, transitions and new issues, as a whole or not at all. No web."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.jira.pretend import DONE, PretendSite
from connectors.jira.pretend_links import No
from connectors.jira.records import FIELDS, PEOPLE, PRIORITIES, PROJECTS, TRANSITIONS, TYPES

_NOT_ON_SCREEN = "Field '{0}' cannot be set. It is not on the appropriate screen, or unknown."
_ARCHIVED = "This issue is archived and cannot be edited."
_NOT_NOW = (
    "It seems that you have tried to perform a workflow operation ({0}) that is not valid for the current state of this"
    " issue {1}. The likely cause is that somebody has changed the issue recently, please look at the issue history for"
    " details."
)
Items = list[dict[str, Any]]


def must_be_open(issue: Mapping[str, Any]) -> None:
    """Refuse to touch an archived issue."""
    if issue["archived"]:
        raise No(400, _ARCHIVED)


def edit(site: PretendSite, issue: dict[str, Any], body: Mapping[str, Any], who: str) -> tuple[Items, Items]:
    """Apply a PUT as a whole; return the changelog's items and the comments it made. Raises No."""
    must_be_open(issue)
    fields, update = body.get("fields") or {}, body.get("update") or {}
    errors = {key: f"Field '{key}' cannot appear in both fields and update." for key in fields.keys() & update.keys()}
    wanted: dict[str, Any] = {}
    for key, value in fields.items():
        try:
            wanted[key] = _accepted(site, issue, key, value, who)
        except ValueError as error:
            errors[key] = str(error)
    errors |= _updates(site, issue, update, wanted, who)
    if any(len(json.dumps(item["value"])) > 32_768 for item in body.get("properties") or ()):
        errors["properties"] = "The property value is too long."
    texts = [op["add"] for op in update.get("comment", ()) if "comment" not in errors]
    if errors and not site.partial_edits:
        raise No(400, **errors)
    if len(issue["comments"]) + len(texts) > site.most_comments:
        raise No(413, f"The issue has too many comments: at most {site.most_comments} are allowed.")
    items = [item for key, value in wanted.items() if (item := site.change(issue, key, value))]
    issue["properties"].update({item["key"]: item["value"] for item in body.get("properties") or ()})
    said = [site.say(issue, who, told["body"], public=True) for told in texts]
    if errors:
        raise No(400, **errors)
    return items, said


def _updates(
    site: PretendSite, issue: Mapping[str, Any], update: Mapping[str, Any], wanted: dict[str, Any], who: str
) -> dict[str, str]:
    """Read the operations on fields: labels, comments, and the setting of anything."""
    errors: dict[str, str] = {}
    screen = site.screen(issue["project"])
    for key, operations in update.items():
        if key == "comment":
            if not site.rights.allows(who, "ADD_COMMENTS", issue["project"]):
                errors[key] = "You do not have the permission to comment on this issue."
        elif key not in screen or not site.rights.allows(who, "EDIT_ISSUES", issue["project"]):
            errors[key] = _NOT_ON_SCREEN.format(key)
        elif key == "labels":
            wanted[key] = _labels(issue["labels"], operations, errors)
        elif all("set" in operation for operation in operations):
            try:
                wanted[key] = _accepted(site, issue, key, operations[-1]["set"], who)
            except ValueError as error:
                errors[key] = str(error)
        else:
            errors[key] = f"Field '{key}' does not support this operation."
    return errors


def move(site: PretendSite, issue: dict[str, Any], number: object, who: str) -> Items:
    """Carry out a transition that is offered now; return the changelog's items. Raises No."""
    must_be_open(issue)
    name = next((name for known, name, *_ in TRANSITIONS[issue["project"]] if known == number), None)
    if name is None:
        raise No(400 if site.cloud else 500, f"Transition id '{number}' is not valid for this issue.")
    to = next((way["to"] for way in site.transitions(issue, who) if way["id"] == number), None)
    if to is None:
        raise No(400, _NOT_NOW.format(name, issue["key"]))
    done = to["statusCategory"]["key"] == "done"
    resolution = (issue["resolution"] or DONE) if done else None
    items = (site.change(issue, *pair) for pair in (("resolution", resolution), ("status", to["id"])))
    return [item for item in items if item]


def assign(site: PretendSite, issue: dict[str, Any], body: object, who: str) -> Items:
    """Give the issue to somebody; this needs no right to edit it. Raises No."""
    must_be_open(issue)
    if not site.rights.allows(who, "ASSIGN_ISSUES", issue["project"]):
        raise No(403 if site.cloud else 401, "You do not have permission to assign this issue.")
    try:
        item = site.change(issue, "assignee", _assignee(site, issue, body, who))
    except ValueError as error:
        raise No(400, assignee=str(error)) from None
    return [item] if item else []


def open_by_api(site: PretendSite, fields: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Open an issue in this account's own name, or refuse it as a whole."""
    project = fields.get("project", {}).get("key") or ""
    if project not in PROJECTS or not site.rights.allows(who, "BROWSE_PROJECTS", project):
        raise No(400, project="valid project is required")
    if not site.rights.allows(who, "CREATE_ISSUES", project):
        raise No(403 if site.cloud else 400, "You do not have permission to create issues in this project.")
    errors = {} if fields.get("summary") else {"summary": "You must specify a summary of the issue."}
    if fields.get("issuetype", {}).get("name") not in TYPES[project]:
        errors["issuetype"] = "Specify a valid issue type"
    known = {"project", "issuetype", "summary", "description", "labels"} - site.off_screen
    errors |= {key: _NOT_ON_SCREEN.format(key) for key in fields if key not in known}
    if errors:
        raise No(400, **errors)
    theirs = {"reporter": who, "type": fields["issuetype"]["name"], "labels": list(fields.get("labels", ()))}
    issue = site.create(project, fields["summary"], fields.get("description") or "", theirs)
    issue["custom"][FIELDS["request_type"]] = None  # it came by no portal
    return issue


def _accepted(site: PretendSite, issue: Mapping[str, Any], key: str, value: Any, who: str) -> Any:
    meta = site.screen(issue["project"]).get(key)
    if meta is None or not site.rights.allows(who, "EDIT_ISSUES", issue["project"]):
        raise ValueError(_NOT_ON_SCREEN.format(key))
    if key == "assignee":
        if not site.rights.allows(who, "ASSIGN_ISSUES", issue["project"]):
            raise ValueError(_NOT_ON_SCREEN.format(key))
        return _assignee(site, issue, value, who)
    if key == "priority":
        found = [number for number, name in PRIORITIES.items() if value in ({"id": number}, {"name": name})]
        if not found:
            raise ValueError("The priority selected is invalid.")
        return found[0]
    if value is None:
        return None
    if "allowedValues" in meta:
        allowed = meta["allowedValues"]
        chosen = [item["value"] for item in allowed if value in ({"id": item["id"]}, {"value": item["value"]})]
        if not chosen:
            raise ValueError(f"Option value '{value}' is not valid")
        return chosen[0]
    kinds: Any = {"number": (int, float), "string": str, "array": list}[meta["schema"]["type"]]
    if not isinstance(value, kinds):
        raise ValueError(f"Operation value must be a {meta['schema']['type']}")
    return value


def _assignee(site: PretendSite, issue: Mapping[str, Any], value: Any, who: str) -> str | None:
    key = "accountId" if site.cloud else "name"
    if not isinstance(value, dict) or key not in value:
        raise ValueError(f"expected '{key}' property to be set")
    if value[key] is None:
        if site.must_be_assigned:
            raise ValueError("Issues must be assigned.")
        return None
    person = next((known for known in PEOPLE if site.user_id(known) == value[key]), None)
    if person is None:
        raise ValueError(f"User '{value[key]}' does not exist.")
    if not site.can_have(person, issue) or (site.is_desk(issue) and person in site.unlicensed):
        raise ValueError(f"User '{value[key]}' cannot be assigned issues.")
    return person


def _labels(before: list[str], operations: list[Mapping[str, Any]], errors: dict[str, str]) -> list[str]:
    after = list(before)
    for operation in operations:
        told = next(iter(operation.values()))
        if "set" in operation:
            after = list(told)
            continue
        if " " in told:
            errors["labels"] = f"The label '{told}' contains spaces which is invalid."
        if "add" in operation and told not in after:
            after.append(told)
        if "remove" in operation and told in after:
            after.remove(told)
    return after
