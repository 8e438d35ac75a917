"""The pretend Jira's issues over its API, as plain functions: what was asked → status and body. No web framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.jira.pretend_asking import ISSUE, Answer, Asked, Routes, V
from connectors.jira.pretend_links import LINK_TYPES, No
from connectors.jira.pretend_writes import assign, edit, move, must_be_open, open_by_api

_PARTS = {"fields", "update", "properties", "historyMetadata", "transition"}
_LONGEST_PROPERTY = 32_768


def show_issue(asked: Asked) -> Answer:
    """Show the issue, or some of its fields; Data Center shows its history only here."""
    issue = asked.issue
    return 200, _shown(asked, issue)


def _shown(asked: Asked, issue: Mapping[str, Any]) -> dict[str, Any]:
    shown = asked.site.show(issue, comments=True)
    fields = shown["fields"]
    if asked.rich:
        fields["description"] = asked.shown(fields["description"])
        fields["comment"]["comments"] = [said | {"body": asked.shown(said["body"])} for said in _listed(fields)]
    wanted = set(",".join(asked.lists("fields")).split(",")) - {""}
    if wanted and not wanted & {"*all", "*navigable"}:
        shown["fields"] = {key: value for key, value in fields.items() if key in wanted}
    expand = asked.query.get("expand", "")
    if "changelog" in expand:
        entries = [_entry(asked, entry) for entry in issue["history"]]
        shown["changelog"] = {"startAt": 0, "maxResults": len(entries), "total": len(entries), "histories": entries}
    if "editmeta" in expand:
        shown["editmeta"] = {"fields": asked.site.screen(issue["project"])}
    if names := asked.query.get("properties"):
        kept = issue["properties"]
        shown["properties"] = {key: kept[key] for key in kept if names == "*all" or key in names.split(",")}
    return shown


def _listed(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(fields["comment"]["comments"])


def edit_issue(asked: Asked) -> Answer:
    """Apply an edit as a whole, or refuse it as a whole."""
    strangers = set(asked.json or {"": 0}) - _PARTS
    if strangers:
        raise No(400, f"Unexpected: {sorted(strangers)}")
    issue, body = asked.issue, dict(asked.json)
    if asked.query.get("notifyUsers") == "false" and not asked.site.cloud and not _quiet(asked, issue):
        raise No(403, "To discard the user notification either admin or project admin permissions are required.")
    if asked.rich:
        added = [{"add": said | {"body": asked.text(said.get("body"))}} for said in _added(body)]
        body["update"] = {**(body.get("update") or {}), **({"comment": added} if added else {})}
    items, comments = edit(asked.site, issue, body, asked.who)
    issue["edits"] += 1
    asked.herald.changed(issue, asked.who, items)
    for comment in comments:
        asked.herald.spoke(issue, comment)
    if asked.site.cloud and asked.query.get("returnIssue") == "true":
        return 200, _shown(asked, issue)
    return 204, None


def _quiet(asked: Asked, issue: Mapping[str, Any]) -> bool:
    return asked.may("ADMINISTER") or asked.may("ADMINISTER_PROJECTS", issue["project"])


def _added(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [operation["add"] for operation in (body.get("update") or {}).get("comment", ())]


def edit_meta(asked: Asked) -> Answer:
    """Say what can be edited, and to which values; nothing, for whoever may not."""
    issue = asked.issue
    may = asked.may("EDIT_ISSUES", issue["project"]) and not issue["archived"]
    return 200, {"fields": asked.site.screen(issue["project"]) if may else {}}


def assign_issue(asked: Asked) -> Answer:
    """Give the issue to somebody."""
    issue = asked.issue
    items = assign(asked.site, issue, asked.body, asked.who)
    issue["edits"] += 1
    asked.herald.changed(issue, asked.who, items, "issue_assigned")
    return 204, None


def open_issue(asked: Asked) -> Answer:
    """Open an issue in our name; Cloud's search learns of it a moment later."""
    fields = dict(asked.json.get("fields") or {})
    if asked.rich and fields.get("description") is not None:
        fields["description"] = asked.text(fields["description"])
    issue = open_by_api(asked.site, fields, asked.who)
    if asked.site.index_lags:
        asked.site.unindexed.add(issue["id"])
    asked.herald.opened(issue, asked.who)
    return 201, {"id": issue["id"], "key": issue["key"], "self": f"{asked.site.url}/rest/api/2/issue/{issue['id']}"}


# --- history and properties -----------------------------------------------------------------------------------
def _entry(asked: Asked, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "author": asked.site.user(entry["who"]),
        "created": entry["created"],
        "items": entry["items"],
    }


def changelog(asked: Asked) -> Answer:
    """Show the history, oldest first; Data Center has no such address."""
    asked.only_cloud()
    issue = asked.issue
    listed, which = asked.page([_entry(asked, entry) for entry in issue["history"]], 100)
    own = f"{asked.site.url}/rest/api/2/issue/{issue['id']}/changelog"
    last = which["startAt"] + len(listed) >= which["total"]
    return 200, {"self": own, **which, "isLast": last, "values": listed}


def list_properties(asked: Asked) -> Answer:
    """List the keys of the issue's properties."""
    own = f"{asked.site.url}/rest/api/2/issue/{asked.issue['id']}/properties"
    return 200, {"keys": [{"self": f"{own}/{key}", "key": key} for key in asked.issue["properties"]]}


def show_property(asked: Asked) -> Answer:
    """Show one issue property."""
    key = asked.found["key"]
    if key not in asked.issue["properties"]:
        raise No(404, f"The property {key} does not exist.")
    return 200, {"key": key, "value": asked.issue["properties"][key]}


def set_property(asked: Asked) -> Answer:
    """Set one issue property: 201 if it is new."""
    issue, key = asked.issue, asked.found["key"]
    must_be_open(issue)
    if not asked.may("EDIT_ISSUES", issue["project"]):
        raise No(403, "You do not have permission to edit the issue.")
    if len(json.dumps(asked.body)) > _LONGEST_PROPERTY or len(key) > 255:
        raise No(400, "The property value is too long.")
    there = key in issue["properties"]
    issue["properties"][key] = asked.body
    return (200, {}) if there else (201, {})


def remove_property(asked: Asked) -> Answer:
    """Take one issue property away."""
    show_property(asked)
    del asked.issue["properties"][asked.found["key"]]
    return 204, None


# --- workflow, watchers, links --------------------------------------------------------------------------------
def list_transitions(asked: Asked) -> Answer:
    """List what our account can do with the issue where it stands."""
    issue = asked.issue
    ways = [] if issue["archived"] else asked.site.transitions(issue, asked.who)
    return 200, {"expand": "transitions", "transitions": ways}


def transition_issue(asked: Asked) -> Answer:
    """Carry out a transition, if it is possible where the issue stands."""
    issue, named = asked.issue, asked.json.get("transition")
    if not isinstance(named, dict) or "id" not in named:
        raise No(400, "Missing 'transition' identifier")
    items = move(asked.site, issue, named["id"], asked.who)
    issue["edits"] += 1
    asked.herald.changed(issue, asked.who, items, "issue_generic")
    return 204, None


def list_watchers(asked: Asked) -> Answer:
    """List who watches."""
    issue = asked.issue
    watchers, own = issue["watchers"], f"{asked.site.url}/rest/api/2/issue/{issue['id']}/watchers"
    told = {"self": own, "isWatching": asked.who in watchers, "watchCount": len(watchers)}
    return 200, told | {"watchers": [asked.site.user(who) for who in watchers]}


def add_watcher(asked: Asked) -> Answer:
    """Add a watcher, named by a bare JSON string."""
    issue, site = asked.issue, asked.site
    who = site.who(asked.body) if isinstance(asked.body, str) else None
    if who is None or site.user_id(who) != asked.body:
        raise No(404 if site.cloud else 400, f"The user {asked.body!r} does not exist.")
    if who != asked.who and not asked.may("MANAGE_WATCHERS", issue["project"]):
        raise No(403 if site.cloud else 401, "You do not have permission to manage the watcher list.")
    if who not in issue["watchers"]:
        issue["watchers"].append(who)
    issue["edits"] += 1
    return 204, None


def link_issues(asked: Asked) -> Answer:
    """Link two issues: the inward one blocks the outward one. The same link twice is one."""
    body, site = asked.json, asked.site
    if not site.linking:
        raise No(404, "Issue linking is currently disabled.")
    kind = body.get("type", {}).get("name")
    if kind not in LINK_TYPES:
        raise No(404, f"No issue link type with name '{kind}' found.")
    sides = (body.get(side, {}) for side in ("inwardIssue", "outwardIssue"))
    source, destination = (site.find(str(side.get("key") or side.get("id")), asked.who) for side in sides)
    if not asked.may("LINK_ISSUES", source["project"]):
        raise No(404 if site.cloud else 401, "No Link Issue Permission for issue.")
    if link := site.link(kind, source, destination):
        asked.herald.linked(link)
    return 201, None


def link_types(asked: Asked) -> Answer:
    """List the types of links, unless an administrator has switched links off."""
    if not asked.site.linking:
        raise No(404, "Issue linking is currently disabled.")
    told = [{"id": n, "name": k, "inward": i, "outward": o} for k, (n, i, o) in LINK_TYPES.items()]
    return 200, {"issueLinkTypes": told}


def list_remote_links(asked: Asked) -> Answer:
    """List links to pages elsewhere."""
    return 200, asked.issue["remote_links"]


def add_remote_link(asked: Asked) -> Answer:
    """Link a page elsewhere; one with the same global id is replaced as a whole."""
    issue, body = asked.issue, asked.json
    page = body.get("object") or {}
    if not page.get("title") or not page.get("url"):
        raise No(400, **{key: f"'{key}' is required." for key in ("title", "url") if not page.get(key)})
    kept = issue["remote_links"]
    name = body.get("globalId")
    old = next((link for link in kept if name and link.get("globalId") == name), None)
    number = old["id"] if old else 10_000 + len(kept)
    own = f"{asked.site.url}/rest/api/2/issue/{issue['id']}/remotelink/{number}"
    issue["remote_links"] = [link for link in kept if link is not old] + [{"id": number, "self": own, **body}]
    return (200 if old else 201), {"id": number, "self": own}


ROUTES: Routes = (
    ("POST", f"{V}/issue", open_issue),
    ("POST", f"{V}/issueLink", link_issues),
    ("GET", f"{V}/issueLinkType", link_types),
    ("GET", ISSUE, show_issue),
    ("PUT", ISSUE, edit_issue),
    ("PUT", f"{ISSUE}/assignee", assign_issue),
    ("GET", f"{ISSUE}/editmeta", edit_meta),
    ("GET", f"{ISSUE}/changelog", changelog),
    ("GET", f"{ISSUE}/properties", list_properties),
    ("GET", f"{ISSUE}/properties/<key>", show_property),
    ("PUT", f"{ISSUE}/properties/<key>", set_property),
    ("DELETE", f"{ISSUE}/properties/<key>", remove_property),
    ("GET", f"{ISSUE}/transitions", list_transitions),
    ("POST", f"{ISSUE}/transitions", transition_issue),
    ("GET", f"{ISSUE}/watchers", list_watchers),
    ("POST", f"{ISSUE}/watchers", add_watcher),
    ("GET", f"{ISSUE}/remotelink", list_remote_links),
    ("POST", f"{ISSUE}/remotelink", add_remote_link),
)
