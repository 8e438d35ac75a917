"""The pretend Jira's API as plain functions: what was asked → status and body. No web framework, no sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.jira.pretend import PretendSite
from connectors.jira.pretend_links import LINK_TYPES, No
from connectors.jira.records import OURS, PROJECTS, STATUSES


class Herald(Protocol):
    """Tells the world what our account did through the API."""

    def saved(self, issue: dict[str, Any], items: list[dict[str, Any]], kind: str = "issue_updated") -> None:
        """Fields were changed."""

    def spoke(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """A comment was written."""

    def withdrew(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """A comment was deleted."""

    def opened(self, issue: dict[str, Any]) -> None:
        """An issue was opened."""

    def linked(self, link: dict[str, str]) -> None:
        """Two issues were linked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: the parts of its address, its query and its JSON."""

    site: PretendSite
    herald: Herald
    found: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def issue(self) -> dict[str, Any]:
        """The issue that the address names; 404 if there is none."""
        return self.site.find(self.found["issue"])

    @property
    def comment(self) -> dict[str, Any]:
        """The comment that the address names; 404 if there is none."""
        number = self.found["comment"]
        said = next((said for said in self.issue["comments"] if said["id"] == number), None)
        if said is None:
            raise No(404, f"Can not find a comment for the id: {number}.")
        return dict(said)


Answer = tuple[int, Any]


def myself(asked: Asked) -> Answer:
    """Say who asks."""
    return 200, asked.site.user(OURS)


def statuses(asked: Asked) -> Answer:
    """List every status."""
    return 200, [asked.site.status(number) for number in STATUSES]


def show_issue(asked: Asked) -> Answer:
    """Show the issue, or some of its fields."""
    shown = asked.site.show(asked.issue, comments=True)
    wanted = asked.query.get("fields", "*all").split(",")
    if "*all" not in wanted:
        shown["fields"] = {key: value for key, value in shown["fields"].items() if key in wanted}
    return 200, shown


def edit_issue(asked: Asked) -> Answer:
    """Apply an edit as a whole, or refuse it as a whole."""
    strangers = set(asked.body or {"": 0}) - {"fields", "update", "properties", "historyMetadata", "transition"}
    if strangers:
        raise No(400, f"Unexpected: {sorted(strangers)}")
    issue = asked.issue
    items, said = asked.site.edit(issue, asked.body)
    issue["edits"] += 1
    if items:
        asked.herald.saved(issue, items)
    for comment in said:
        asked.herald.spoke(issue, comment)
    return 204, None


def edit_meta(asked: Asked) -> Answer:
    """Say what can be edited, and to which values."""
    return 200, {"fields": asked.site.screen()} if asked.issue else {}


def show_property(asked: Asked) -> Answer:
    """Show one issue property."""
    key = asked.found["key"]
    if key not in asked.issue["properties"]:
        raise No(404, f"The property {key} does not exist.")
    return 200, {"key": key, "value": asked.issue["properties"][key]}


def list_comments(asked: Asked) -> Answer:
    """List comments, oldest first unless asked otherwise."""
    issue, most = asked.issue, int(asked.query.get("maxResults", "50"))
    listed = issue["comments"][::-1] if asked.query.get("orderBy") == "-created" else issue["comments"]
    properties = "properties" in asked.query.get("expand", "")
    shown = [asked.site.comment(issue, said, properties=properties) for said in listed[:most]]
    return 200, {"startAt": 0, "maxResults": most, "total": len(issue["comments"]), "comments": shown}


def show_comment(asked: Asked) -> Answer:
    """Show one comment."""
    properties = "properties" in asked.query.get("expand", "")
    return 200, asked.site.comment(asked.issue, asked.comment, properties=properties)


def add_comment(asked: Asked) -> Answer:
    """Write a comment on the platform; a property makes it internal where there is a portal."""
    issue, internal = asked.issue, False
    for item in asked.body.get("properties", ()):
        internal = internal or (item["key"] == "sd.public.comment" and item["value"].get("internal") is True)
    internal = internal and asked.site.is_desk(issue) and not asked.site.internal_turns_public
    said = asked.site.say(issue, OURS, asked.body["body"], public=not internal)
    issue["edits"] += 1
    asked.herald.spoke(issue, said)
    return 201, asked.site.comment(issue, said, properties="properties" in asked.query.get("expand", ""))


def remove_comment(asked: Asked) -> Answer:
    """Delete a comment."""
    issue, said = asked.issue, asked.comment
    issue["comments"] = [kept for kept in issue["comments"] if kept["id"] != said["id"]]
    asked.herald.withdrew(issue, said)
    return 204, None


def add_request_comment(asked: Asked) -> Answer:
    """Write a comment on a customer request; an issue that is none is not found."""
    issue = asked.issue
    if not asked.site.is_desk(issue) or issue["custom"].get("customfield_10010") is None:
        return 404, {"errorMessage": "The customer request does not exist.", "i18nErrorMessage": {}}
    if not isinstance(asked.body.get("public"), bool):
        return 400, {"errorMessage": "public is required", "i18nErrorMessage": {}}
    public = asked.body["public"] or asked.site.internal_turns_public
    said = asked.site.say(issue, OURS, asked.body["body"], public=public)
    issue["edits"] += 1
    asked.herald.spoke(issue, said)
    return 201, asked.site.request_comment(said)


def list_transitions(asked: Asked) -> Answer:
    """List what our account can do with the issue where it stands."""
    return 200, {"expand": "transitions", "transitions": asked.site.transitions(asked.issue)}


def transition_issue(asked: Asked) -> Answer:
    """Carry out a transition, if it is possible where the issue stands."""
    issue, named = asked.issue, (asked.body or {}).get("transition")
    if not isinstance(named, dict) or "id" not in named:
        raise No(400, "Missing 'transition' identifier")
    items = asked.site.move(issue, named["id"])
    issue["edits"] += 1
    asked.herald.saved(issue, items, "issue_generic")
    return 204, None


def list_watchers(asked: Asked) -> Answer:
    """List who watches."""
    watchers = asked.issue["watchers"]
    return 200, {"watchCount": len(watchers), "watchers": [asked.site.user(who) for who in watchers]}


def add_watcher(asked: Asked) -> Answer:
    """Add a watcher, named by a bare JSON string."""
    issue, site = asked.issue, asked.site
    who = site.who(asked.body) if isinstance(asked.body, str) else None
    if who is None or site.user_id(who) != asked.body:
        raise No(404 if site.cloud else 400, f"The user {asked.body!r} does not exist.")
    if who not in issue["watchers"]:
        issue["watchers"].append(who)
    issue["edits"] += 1
    return 204, None


def open_issue(asked: Asked) -> Answer:
    """Open an issue in our name; Cloud's search learns of it a moment later."""
    issue = asked.site.open_by_api((asked.body or {}).get("fields", {}))
    if asked.site.index_lags:
        asked.site.unindexed.add(issue["id"])
    asked.herald.opened(issue)
    return 201, {"id": issue["id"], "key": issue["key"], "self": f"{asked.site.url}/rest/api/2/issue/{issue['id']}"}


def link_issues(asked: Asked) -> Answer:
    """Link two issues: the inward one blocks the outward one. The same link twice is one."""
    body, site = asked.body or {}, asked.site
    if not site.linking:
        raise No(404, "Issue linking is currently disabled.")
    kind = body.get("type", {}).get("name")
    if kind not in LINK_TYPES:
        raise No(404, f"No issue link type with name '{kind}' found.")
    sides = (body.get(side, {}) for side in ("inwardIssue", "outwardIssue"))
    source, destination = (site.find(str(side.get("key") or side.get("id"))) for side in sides)
    if link := site.link(kind, source, destination):
        asked.herald.linked(link)
    return 201, None


def link_types(asked: Asked) -> Answer:
    """List the types of links, unless an administrator has switched links off."""
    if not asked.site.linking:
        raise No(404, "Issue linking is currently disabled.")
    told = [{"id": n, "name": k, "inward": i, "outward": o} for k, (n, i, o) in LINK_TYPES.items()]
    return 200, {"issueLinkTypes": told}


def search(asked: Asked) -> Answer:
    """Search as Data Center does, with a total; Cloud has taken this away."""
    if asked.site.cloud:
        raise No(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
    found, most = asked.site.search(asked.query["jql"]), int(asked.query.get("maxResults", "50"))
    listed = [{"id": issue["id"], "key": issue["key"], "fields": {}} for issue in found[:most]]
    return 200, {"startAt": 0, "maxResults": most, "total": len(found), "issues": listed}


def search_jql(asked: Asked) -> Answer:
    """Search as Cloud does: pages without a total."""
    if not asked.site.cloud:
        raise No(404)
    found, most = asked.site.search(asked.query["jql"]), int(asked.query.get("maxResults", "50"))
    keyed = "key" in asked.query.get("fields", "id").split(",")
    listed = [{"id": issue["id"], **({"key": issue["key"]} if keyed else {})} for issue in found[:most]]
    return 200, {"issues": listed, "isLast": len(found) <= most}


def count(asked: Asked) -> Answer:
    """Estimate how many issues a question finds; only Cloud can."""
    if not asked.site.cloud:
        raise No(404)
    return 200, {"count": len(asked.site.search((asked.body or {}).get("jql", "")))}


def assignable(asked: Asked) -> Answer:
    """List who can have the issue, of those who are asked about."""
    issue = asked.site.find(asked.query.get("issueKey", ""))
    wanted = asked.query.get("accountId" if asked.site.cloud else "username")
    if wanted is None:
        raise No(400, "The accountId or query is missing." if asked.site.cloud else "The username is missing.")
    return 200, asked.site.assignable(issue, wanted)


def show_project(asked: Asked) -> Answer:
    """Show a project."""
    key = asked.found["project"]
    if key not in PROJECTS:
        raise No(404, f"No project could be found with key '{key}'.")
    number, name, kind = PROJECTS[key]
    return 200, {"id": number, "key": key, "name": name, "projectTypeKey": kind}


_ISSUE = "/rest/api/2/issue/<issue>"
ROUTES: tuple[tuple[str, str, Callable[[Asked], Answer]], ...] = (
    ("GET", "/rest/api/2/myself", myself),
    ("GET", "/rest/api/2/status", statuses),
    ("GET", "/rest/api/2/project/<project>", show_project),
    ("GET", "/rest/api/2/search", search),
    ("GET", "/rest/api/2/search/jql", search_jql),
    ("POST", "/rest/api/3/search/approximate-count", count),
    ("GET", "/rest/api/2/user/assignable/search", assignable),
    ("POST", "/rest/api/2/issue", open_issue),
    ("POST", "/rest/api/2/issueLink", link_issues),
    ("GET", "/rest/api/2/issueLinkType", link_types),
    ("GET", _ISSUE, show_issue),
    ("PUT", _ISSUE, edit_issue),
    ("GET", f"{_ISSUE}/editmeta", edit_meta),
    ("GET", f"{_ISSUE}/properties/<key>", show_property),
    ("GET", f"{_ISSUE}/comment", list_comments),
    ("POST", f"{_ISSUE}/comment", add_comment),
    ("GET", f"{_ISSUE}/comment/<comment>", show_comment),
    ("DELETE", f"{_ISSUE}/comment/<comment>", remove_comment),
    ("GET", f"{_ISSUE}/transitions", list_transitions),
    ("POST", f"{_ISSUE}/transitions", transition_issue),
    ("GET", f"{_ISSUE}/watchers", list_watchers),
    ("POST", f"{_ISSUE}/watchers", add_watcher),
    ("POST", "/rest/servicedeskapi/request/<issue>/comment", add_request_comment),
)
