"""What can be looked up at the pretend Jira: people, projects, statuses, priorities, permissions, searches. No web."""

from __future__ import annotations

from typing import Any

from connectors.jira.pretend_asking import Answer, Asked, Routes, V
from connectors.jira.pretend_links import No
from connectors.jira.pretend_rights import NAMES, PROJECT
from connectors.jira.records import (
    ADMIN,
    CUSTOMERS,
    HELP_STATUSES,
    PEOPLE,
    PRIORITIES,
    PROJECTS,
    ROBOT,
    STATUSES,
    TRANSITIONS,
    TYPES,
)

_NOBODY = "Specified user does not exist or you do not have required permissions"


def myself(asked: Asked) -> Answer:
    """Say who asks."""
    return 200, _whole(asked, asked.who)


def show_user(asked: Asked) -> Answer:
    """Show a person, by account id or user name."""
    wanted = asked.query.get("accountId" if asked.site.cloud else "username") or ""
    who = next((who for who in PEOPLE if asked.site.user_id(who) == wanted), None)
    if who is None:
        raise No(404, _NOBODY if asked.site.cloud else f"The user named '{wanted}' does not exist")
    return 200, _whole(asked, who)


def _whole(asked: Asked, who: str) -> dict[str, Any]:
    told = dict(asked.site.user(who) or {})
    if "applicationRoles" not in asked.query.get("expand", ""):
        return told
    staff = who not in CUSTOMERS and who != ROBOT
    roles = [{"key": "jira-software", "name": "Jira"}] if staff else []
    if staff and who != ADMIN and who not in asked.site.unlicensed:
        roles.append({"key": "jira-servicedesk", "name": "Jira Service Management"})
    return told | {"expand": "groups,applicationRoles", "applicationRoles": {"size": len(roles), "items": roles}}


def find_users(asked: Asked) -> Answer:
    """Find people by the beginning of their names; nobody, for whoever may not browse people."""
    wanted = asked.query.get("query" if asked.site.cloud else "username") or ""
    if not wanted and not asked.query.get("accountId"):
        raise No(400, "The username query parameter was not provided")
    words = wanted.lower()
    found = [who for who in PEOPLE if asked.may("USER_PICKER") and _begins(asked, who, words)]
    return 200, [asked.site.user(who) for who in found]


def _begins(asked: Asked, who: str, words: str) -> bool:
    if account := asked.query.get("accountId"):
        return asked.site.user_id(who) == account
    hidden = asked.site.cloud  # who is looked for by e-mail is found only where profiles show it
    spellings = (who, *PEOPLE[who].lower().split()) + (() if hidden else (f"{who}@example.com",))
    return any(spelling.startswith(words) for spelling in (*spellings, PEOPLE[who].lower()))


def assignable(asked: Asked) -> Answer:
    """List who can have the issue, or issues of a project, of those who are asked about."""
    wanted = asked.query.get("accountId" if asked.site.cloud else "username")
    if wanted is None and (wanted := asked.query.get("query")) is None:
        raise No(400, "The accountId or query is missing." if asked.site.cloud else "The username is missing.")
    if project := asked.query.get("project"):
        return 200, asked.site.assignable({"project": _key(asked, project)}, wanted)
    return 200, asked.site.assignable(asked.site.find(asked.query.get("issueKey", ""), asked.who), wanted)


# --- projects -------------------------------------------------------------------------------------------------
def _key(asked: Asked, word: str) -> str:
    key = next((key for key, (number, *_) in PROJECTS.items() if word in (key, number)), None)
    if key is None or not asked.may("BROWSE_PROJECTS", key):
        raise No(404, f"No project could be found with key '{word}'.")
    return key


def _project(asked: Asked, key: str) -> dict[str, Any]:
    told = asked.site.project(key) | {"description": "", "assigneeType": "UNASSIGNED", "archived": False}
    types = [_type(name) for name in TYPES[key]]
    told |= {"issueTypes": types, "lead": asked.site.user(ADMIN), "components": [], "versions": [], "roles": {}}
    if asked.site.cloud:
        told |= {"style": "next-gen" if key == "HELP" else "classic", "isPrivate": False, "properties": {}}
    return told


def show_project(asked: Asked) -> Answer:
    """Show a project."""
    return 200, _project(asked, _key(asked, asked.found["project"]))


def find_projects(asked: Asked) -> Answer:
    """List the projects that the visitor sees, by id or key if asked; Cloud's pages."""
    asked.only_cloud()
    wanted = set(asked.lists("id")) | set(asked.lists("keys"))
    seen = [key for key in PROJECTS if asked.may("BROWSE_PROJECTS", key)]
    listed = [_project(asked, key) for key in seen if not wanted or {key, PROJECTS[key][0]} & wanted]
    part, which = asked.page(listed)
    return 200, {"self": "", **which, "isLast": which["startAt"] + len(part) >= len(listed), "values": part}


def all_projects(asked: Asked) -> Answer:
    """List the projects that the visitor sees."""
    return 200, [_project(asked, key) for key in PROJECTS if asked.may("BROWSE_PROJECTS", key)]


def project_statuses(asked: Asked) -> Answer:
    """List the statuses of each type of issue in a project."""
    key = _key(asked, asked.found["project"])
    numbers = dict.fromkeys(to for _, _, stations, end in TRANSITIONS[key] for to in (*stations, end))
    mine = [number for number in numbers if (number in HELP_STATUSES) is (key == "HELP")]
    told = [asked.site.status(number) for number in mine]
    return 200, [{"self": "", "id": "10005", "name": t, "subtask": False, "statuses": told} for t in TYPES[key]]


def issue_types(asked: Asked) -> Answer:
    """List which types of issue the visitor may open in a project."""
    key = _key(asked, asked.found["project"])
    may = asked.may("CREATE_ISSUES", key)
    told = [_type(name) for name in TYPES[key] if may]
    which = {"startAt": 0, "maxResults": 50, "total": len(told)}
    return 200, which | ({"issueTypes": told} if asked.site.cloud else {"isLast": True, "values": told})


def _type(name: str) -> dict[str, Any]:
    return {"self": "", "id": "10005", "name": name, "subtask": False, "description": ""}


def notifications(asked: Asked) -> Answer:
    """Show whom a project tells by e-mail of what happens to its issues."""
    _key(asked, asked.found["project"])
    people = [{"id": 1, "notificationType": "CurrentAssignee"}, {"id": 2, "notificationType": "Reporter"}]
    people.append({"id": 3, "notificationType": "AllWatchers"})
    named = ((1, "Issue created"), (2, "Issue updated"), (3, "Issue assigned"), (6, "Issue commented"))
    events = [{"event": {"id": n, "name": name, "description": ""}, "notifications": people} for n, name in named]
    told = {"id": 10_000, "name": "Default Notification Scheme", "description": "", "self": ""}
    return 200, {"expand": "notificationSchemeEvents", **told, "notificationSchemeEvents": events}


# --- the site -------------------------------------------------------------------------------------------------
def statuses(asked: Asked) -> Answer:
    """List every status; a team-managed project's own ones say whose they are."""
    scope = {"scope": {"type": "PROJECT", "project": {"id": PROJECTS["HELP"][0]}}} if asked.site.cloud else {}
    return 200, [asked.site.status(n) | (scope if n in HELP_STATUSES else {}) for n in STATUSES]


def priorities(asked: Asked) -> Answer:
    """List every priority of the site; a project may not have all of them."""
    return 200, [_priority(asked, number) for number in PRIORITIES]


def _priority(asked: Asked, number: str) -> dict[str, Any]:
    return asked.site.priority(number) | {"description": "", "statusColor": "#aaaaaa"}


def find_priorities(asked: Asked) -> Answer:
    """List every priority, in pages."""
    asked.only_cloud()
    part, which = asked.page([_priority(asked, number) for number in PRIORITIES])
    return 200, {**which, "isLast": True, "values": part}


def server_info(asked: Asked) -> Answer:
    """Say which Jira this is."""
    site, now = asked.site, asked.site.stamp()
    told: dict[str, Any] = {
        "baseUrl": site.url,
        "version": ".".join(map(str, site.version)),
        "versionNumbers": list(site.version),
    }
    told |= {"deploymentType": "Cloud" if site.cloud else "Server", "buildNumber": 100_300, "buildDate": now}
    return 200, told | {"serverTime": now, "scmInfo": "0", "serverTitle": "Pretend Jira"}


def my_permissions(asked: Asked) -> Answer:
    """Say which permissions the visitor has, in a project or for an issue; Cloud wants to be told which."""
    named = asked.query.get("permissions")
    if asked.site.cloud and not named:
        raise No(400, "The 'permissions' query parameter is required.")
    wanted = named.split(",") if named else list(NAMES)
    strangers = [name for name in wanted if name not in NAMES]
    if strangers:
        raise No(400, f"Unrecognized permission: {strangers[0]}")
    project = asked.query.get("projectKey") or asked.query.get("projectId")
    key = _key(asked, project) if project else None
    if issue := asked.query.get("issueKey") or asked.query.get("issueId"):
        key = str(asked.site.find(issue, asked.who)["project"])
    return 200, {"permissions": {name: _permission(asked, name, key) for name in wanted}}


def _permission(asked: Asked, name: str, project: str | None) -> dict[str, Any]:
    kind = "PROJECT" if name in PROJECT else "GLOBAL"
    told = {"id": str(list(NAMES).index(name)), "key": name, "name": NAMES[name], "type": kind, "description": ""}
    anywhere = project is None and name in PROJECT and any(asked.may(name, key) for key in PROJECTS)
    return told | {"havePermission": anywhere or asked.may(name, project)}


def all_permissions(asked: Asked) -> Answer:
    """List every permission there is."""
    kinds = {name: "PROJECT" if name in PROJECT else "GLOBAL" for name in NAMES}
    told = {k: {"key": k, "name": NAMES[k], "type": kind, "description": ""} for k, kind in kinds.items()}
    return 200, {"permissions": told}


def labels(asked: Asked) -> Answer:
    """List every label that an issue has."""
    asked.only_cloud()
    part, which = asked.page(sorted({label for issue in asked.site.issues.values() for label in issue["labels"]}))
    return 200, {**which, "isLast": which["startAt"] + len(part) >= which["total"], "values": part}


# --- searches -------------------------------------------------------------------------------------------------
def _asked_for(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = dict(asked.json) if asked.body is not None else dict(asked.query)
    fields = told.get("fields", [])
    told["fields"] = fields if isinstance(fields, list) else str(fields).split(",")
    return told


def search(asked: Asked) -> Answer:
    """Search as Data Center does, with a total; Cloud has taken this away."""
    if asked.site.cloud:
        raise No(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
    told = _asked_for(asked)
    found = asked.site.search(told.get("jql", ""), asked.who)
    start, most = int(told.get("startAt", 0)), min(int(told.get("maxResults", 50)), 1_000)
    listed = [_row(asked, issue, told["fields"] or ["*navigable"]) for issue in found[start : start + most]]
    return 200, {"startAt": start, "maxResults": most, "total": len(found), "issues": listed}


def search_jql(asked: Asked) -> Answer:
    """Search as Cloud does: pages without a total, and only ids unless more is asked for."""
    asked.only_cloud()
    told = _asked_for(asked)
    found = asked.site.search(told.get("jql", ""), asked.who)
    start, most = int(told.get("nextPageToken") or 0), min(int(told.get("maxResults", 50)), 100)
    part = found[start : start + most]
    more = start + most < len(found)
    answer = {"issues": [_row(asked, issue, told["fields"]) for issue in part], "isLast": not more}
    return 200, answer | ({"nextPageToken": str(start + most)} if more else {})


def _row(asked: Asked, issue: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    if asked.site.cloud and not set(wanted) - {"id", ""}:
        return {"id": issue["id"]}
    shown = asked.site.show(issue)
    if not set(wanted) & {"*all", "*navigable"}:
        shown["fields"] = {key: value for key, value in shown["fields"].items() if key in wanted}
    if asked.rich and "description" in shown["fields"]:
        shown["fields"]["description"] = asked.shown(shown["fields"]["description"])
    return shown


def count(asked: Asked) -> Answer:
    """Estimate how many issues a question finds; only Cloud can."""
    asked.only_cloud()
    return 200, {"count": len(asked.site.search(asked.json.get("jql", ""), asked.who))}


ROUTES: Routes = (
    ("GET", f"{V}/myself", myself),
    ("GET", f"{V}/user", show_user),
    ("GET", f"{V}/user/search", find_users),
    ("GET", f"{V}/user/assignable/search", assignable),
    ("GET", f"{V}/status", statuses),
    ("GET", f"{V}/priority", priorities),
    ("GET", f"{V}/priority/search", find_priorities),
    ("GET", f"{V}/project", all_projects),
    ("GET", f"{V}/project/search", find_projects),
    ("GET", f"{V}/project/<project>", show_project),
    ("GET", f"{V}/project/<project>/statuses", project_statuses),
    ("GET", f"{V}/project/<project>/notificationscheme", notifications),
    ("GET", f"{V}/issue/createmeta/<project>/issuetypes", issue_types),
    ("GET", f"{V}/serverInfo", server_info),
    ("GET", f"{V}/mypermissions", my_permissions),
    ("GET", f"{V}/permissions", all_permissions),
    ("GET", f"{V}/label", labels),
    ("GET", f"{V}/search", search),
    ("POST", f"{V}/search", search),
    ("GET", f"{V}/search/jql", search_jql),
    ("POST", f"{V}/search/jql", search_jql),
    ("POST", f"{V}/search/approximate-count", count),
)
