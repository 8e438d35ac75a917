"""The pretend Jira's comments and customer requests over both APIs: the platform's and the service desk's. No web."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.jira.pretend_asking import ISSUE, Answer, Asked, Routes
from connectors.jira.pretend_clocks import when
from connectors.jira.pretend_links import No
from connectors.jira.pretend_writes import must_be_open
from connectors.jira.records import CUSTOMERS, FIELDS

_REQUEST = "/rest/servicedeskapi/request/<issue>"


# --- the platform's -------------------------------------------------------------------------------------------
def list_comments(asked: Asked) -> Answer:
    """List comments, oldest first unless asked otherwise."""
    issue = asked.issue
    listed = issue["comments"][::-1] if asked.query.get("orderBy") == "-created" else issue["comments"]
    part, which = asked.page(listed)
    return 200, {**which, "comments": [_shown(asked, issue, said) for said in part]}


def show_comment(asked: Asked) -> Answer:
    """Show one comment."""
    return 200, _shown(asked, asked.issue, asked.comment)


def _shown(asked: Asked, issue: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    shown = asked.site.comment(issue, said, properties="properties" in asked.query.get("expand", ""))
    return shown | {"body": asked.shown(shown["body"])}


def add_comment(asked: Asked) -> Answer:
    """Write a comment on the platform; a property makes it internal where there is a portal."""
    issue, body = asked.issue, asked.json
    text = asked.text(body.get("body"))
    _must_be_allowed(asked, issue)
    internal = _internal(body) and not asked.site.internal_turns_public
    kept = [item for item in body.get("properties", ()) if item["key"] != "sd.public.comment"]
    more = {"properties": kept, "visibility": body.get("visibility")}
    said = asked.site.say(issue, asked.who, text, public=not internal, **more)
    issue["edits"] += 1
    asked.herald.spoke(issue, said)
    return 201, _shown(asked, issue, said)


def rewrite_comment(asked: Asked) -> Answer:
    """Change a comment; who can read it stays as it was unless its properties are sent."""
    issue, said, body = asked.issue, asked.comment, asked.json
    must_be_open(issue)
    said |= {"body": asked.text(body.get("body")), "updated": asked.site.stamp()}
    if "properties" in body:
        said["public"] = not _internal(body) or asked.site.internal_turns_public
    issue["edits"] += 1
    asked.herald.rewrote(issue, said)
    return 200, _shown(asked, issue, said)


def remove_comment(asked: Asked) -> Answer:
    """Delete a comment."""
    issue, said = asked.issue, asked.comment
    must_be_open(issue)
    if said["who"] != asked.who or not asked.may("DELETE_OWN_COMMENTS", issue["project"]):
        raise No(400 if asked.site.cloud else 403, "You do not have permission to delete this comment.")
    asked.herald.withdrew(issue, asked.site.remove(issue, said["id"]))
    return 204, None


def _internal(body: Mapping[str, Any]) -> bool:
    listed = body.get("properties") or ()
    return any(item["key"] == "sd.public.comment" and item["value"].get("internal") is True for item in listed)


def _must_be_allowed(asked: Asked, issue: Mapping[str, Any]) -> None:
    must_be_open(issue)
    if not asked.may("ADD_COMMENTS", issue["project"]):
        raise No(400 if asked.site.cloud else 403, "You do not have the permission to comment on this issue.")
    if len(issue["comments"]) >= asked.site.most_comments:
        raise No(413, f"The issue has too many comments: at most {asked.site.most_comments} are allowed.")


# --- the service desk's ---------------------------------------------------------------------------------------
def _refused(status: int, message: str) -> No:
    no = No(status)
    no.body = {"errorMessage": message, "i18nErrorMessage": {"i18nKey": "sd.error", "parameters": []}}
    return no


def _request(asked: Asked) -> dict[str, Any]:
    """Return the request that the address names; an issue that came by no portal is none."""
    try:
        issue = asked.issue
    except No as no:
        raise _refused(no.status, "The customer request does not exist.") from None
    if not asked.site.is_desk(issue) or issue["custom"].get(FIELDS["request_type"]) is None:
        raise _refused(404, "The customer request does not exist.")
    return issue


def add_request_comment(asked: Asked) -> Answer:
    """Write a comment on a customer request; an issue that is none is not found."""
    issue, public = _request(asked), asked.json.get("public")
    if not isinstance(public, bool):
        raise _refused(400, "public is required")
    agent = asked.may("SERVICEDESK_AGENT", issue["project"]) and asked.who not in asked.site.unlicensed
    if not agent and (asked.site.cloud or public) and not (public and asked.who in CUSTOMERS):
        raise _refused(403, "You do not have permission to comment on this request in this way.")
    try:
        _must_be_allowed(asked, issue)
    except No as no:
        raise _refused(no.status, no.body["errorMessages"][0]) from None
    public = public or asked.site.internal_turns_public
    said = asked.site.say(issue, asked.who, str(asked.json.get("body", "")), public=public)
    issue["edits"] += 1
    asked.herald.spoke(issue, said)
    return 201, _said(asked, issue, said)


def list_request_comments(asked: Asked) -> Answer:
    """List a request's comments; `public` and `internal` choose."""
    issue = _request(asked)
    wanted = {True: asked.query.get("public", "true"), False: asked.query.get("internal", "true")}
    listed = [said for said in issue["comments"] if wanted[said["public"]] == "true"]
    return 200, _page(asked, [_said(asked, issue, said) for said in listed])


def _said(asked: Asked, issue: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    own = f"{asked.site.url}/rest/servicedeskapi/request/{issue['id']}/comment/{said['id']}"
    told = {"_links": {"self": own}, "id": said["id"], "body": said["body"], "public": said["public"]}
    return told | {"author": _person(asked, said["who"]), "created": _when(said["created"])}


def show_request(asked: Asked) -> Answer:
    """Show a customer request."""
    issue = _request(asked)
    own = f"{asked.site.url}/rest/servicedeskapi/request/{issue['id']}"
    told = {"_expands": [], "issueId": issue["id"], "issueKey": issue["key"], "requestTypeId": "7"}
    told |= {"serviceDeskId": "1" if issue["project"] == "ITSM" else "2", "createdDate": _when(issue["created"])}
    name = asked.site.status(issue["status"])["name"]
    category = {"new": "NEW", "indeterminate": "INDETERMINATE", "done": "DONE"}
    status = {"status": name, "statusDate": _when(issue["updated"])}
    status["statusCategory"] = category[asked.site.status(issue["status"])["statusCategory"]["key"]]
    values = [{"fieldId": "summary", "label": "Summary", "value": issue["summary"]}]
    told |= {"reporter": _person(asked, issue["reporter"]), "requestFieldValues": values, "currentStatus": status}
    return 200, told | {"_links": {"self": own, "jiraRest": f"{asked.site.url}/rest/api/2/issue/{issue['id']}"}}


def list_slas(asked: Asked) -> Answer:
    """List where a request's clocks stand; agents only."""
    issue = _request(asked)
    _must_be_agent(asked, issue)
    shown = asked.site.show(issue)["fields"]
    told = [shown[known.id] for known in asked.site.catalogue.all.values() if known.kind == "sd-servicelevelagreement"]
    own = f"{asked.site.url}/rest/servicedeskapi/request/{issue['id']}/sla"
    return 200, _page(asked, [sla | {"_links": {"self": f"{own}/{sla['id']}"}} for sla in told if sla])


def list_approvals(asked: Asked) -> Answer:
    """List who must approve a request."""
    return 200, _page(asked, list(_request(asked).get("approvals", ())))


def list_participants(asked: Asked) -> Answer:
    """List who else takes part in a request."""
    return 200, _page(asked, [_person(asked, who) for who in _request(asked)["participants"]])


def list_organizations(asked: Asked) -> Answer:
    """List organisations; of one customer, if asked."""
    return 200, _page(asked, [{"id": "31", "name": "Acme", "_links": {"self": _at(asked, "organization/31")}}])


def list_desks(asked: Asked) -> Answer:
    """List the service desks that the visitor sees."""
    desks = (("1", "10001", "IT Support", "ITSM"), ("2", "10003", "Help for everybody", "HELP"))
    told = [
        {"id": number, "projectId": project, "projectName": name, "projectKey": key}
        | {"_links": {"self": _at(asked, f"servicedesk/{number}")}}
        for number, project, name, key in desks
        if asked.may("BROWSE_PROJECTS", key)
    ]
    return 200, _page(asked, told)


def info(asked: Asked) -> Answer:
    """Say which service management this is."""
    told = {"version": "10.3.0", "platformVersion": ".".join(map(str, asked.site.version)), "isLicensedForUse": True}
    built = when(asked.site.clock())
    return 200, told | {"buildChangeSet": "0", "buildDate": built, "_links": {"self": _at(asked, "info")}}


def _must_be_agent(asked: Asked, issue: Mapping[str, Any]) -> None:
    if not asked.may("SERVICEDESK_AGENT", issue["project"]) or asked.who in asked.site.unlicensed:
        raise _refused(403, "Only agents can see this.")


def _page(asked: Asked, listed: list[Any]) -> dict[str, Any]:
    start, most = int(asked.query.get("start", "0")), int(asked.query.get("limit", "50"))
    part = listed[start : start + most]
    last = start + len(part) >= len(listed)
    links = {"base": f"{asked.site.url}/rest/servicedeskapi", "context": ""}
    told = {"_expands": [], "size": len(part), "start": start, "limit": most, "isLastPage": last}
    return told | {"_links": links, "values": part}


def _person(asked: Asked, who: str) -> dict[str, Any]:
    told = dict(asked.site.user(who) or {})
    own = told.pop("self")
    told.pop("accountType", None)
    return told | {"_links": {"jiraRest": own, "self": own}}


def _when(stamp: str) -> dict[str, Any]:
    return when(datetime.fromisoformat(stamp))


def _at(asked: Asked, path: str) -> str:
    return f"{asked.site.url}/rest/servicedeskapi/{path}"


ROUTES: Routes = (
    ("GET", f"{ISSUE}/comment", list_comments),
    ("POST", f"{ISSUE}/comment", add_comment),
    ("GET", f"{ISSUE}/comment/<comment>", show_comment),
    ("PUT", f"{ISSUE}/comment/<comment>", rewrite_comment),
    ("DELETE", f"{ISSUE}/comment/<comment>", remove_comment),
    ("GET", _REQUEST, show_request),
    ("GET", f"{_REQUEST}/comment", list_request_comments),
    ("POST", f"{_REQUEST}/comment", add_request_comment),
    ("GET", f"{_REQUEST}/sla", list_slas),
    ("GET", f"{_REQUEST}/approval", list_approvals),
    ("GET", f"{_REQUEST}/participant", list_participants),
    ("GET", "/rest/servicedeskapi/organization", list_organizations),
    ("GET", "/rest/servicedeskapi/servicedesk", list_desks),
    ("GET", "/rest/servicedeskapi/info", info),
)
