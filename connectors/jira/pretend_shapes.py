"""How the pretend Jira writes down people, issues and comments. It keeps no issue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.jira.pretend_fields import Catalogue, meta
from connectors.jira.pretend_rights import Rights
from connectors.jira.records import (
    ADMIN,
    CUSTOMERS,
    FIELDS,
    OURS,
    PEOPLE,
    PRIORITIES,
    PROJECTS,
    ROBOT,
    STATUSES,
    TRANSITIONS,
)

_CATEGORIES = {"new": (2, "blue-gray", "To Do"), "indeterminate": (4, "yellow", "In Progress")}
_DONE = (3, "green", "Done")
_TEXTS = ("description", "labels", "created", "updated", "resolution", "duedate")


class Shapes:
    """How one site writes things down: Cloud and Data Center spell people and comments differently."""

    def __init__(self, deployment: str) -> None:
        self.cloud = deployment == "cloud"
        self.url = ""
        self.version = (1001, 0, 0) if self.cloud else (10, 3, 0)
        self.inline_comments = 50
        self.catalogue = Catalogue()
        self.rights = Rights()
        self.inactive: set[str] = set()

    @property
    def off_screen(self) -> set[str]:
        """Fields that are on no screen."""
        return self.catalogue.off_screen

    @off_screen.setter
    def off_screen(self, fields: set[str]) -> None:
        self.catalogue.off_screen = fields

    @property
    def may_transition(self) -> bool:
        """Whether our account may move issues through the workflow."""
        return self.rights.allows(OURS, "TRANSITION_ISSUES")

    @may_transition.setter
    def may_transition(self, may: bool) -> None:
        (self.rights.give if may else self.rights.take)("TRANSITION_ISSUES")

    # --- people -----------------------------------------------------------------------------------------
    def user_id(self, who: str) -> str:
        """Return what the site calls this person: an account id or a user name."""
        if not self.cloud:
            return who
        prefix = "qm:5b1e" if who in CUSTOMERS else "712020:5f0c"
        return f"{prefix}-{list(PEOPLE).index(who):04d}"

    def who(self, word: str) -> str | None:
        """Find a person by any spelling: our short name, the id, the display name."""
        return next((who for who, name in PEOPLE.items() if word in (who, name, self.user_id(who))), None)

    def user(self, who: str | None) -> dict[str, Any] | None:
        """Return the person as Jira shows people."""
        if who is None:
            return None
        key = f"accountId={self.user_id(who)}" if self.cloud else f"username={who}"
        told = {
            "self": f"{self.url}/rest/api/2/user?{key}",
            "displayName": PEOPLE[who],
            "active": who not in self.inactive,
            "timeZone": "Etc/UTC",
        }
        if self.cloud:
            kind = "customer" if who in CUSTOMERS else "app" if who == ROBOT else "atlassian"
            return told | {"accountId": self.user_id(who), "accountType": kind}
        return told | {"name": who, "key": self.user_key(who), "emailAddress": f"{who}@example.com"}

    def user_key(self, who: str | None) -> str | None:
        """Return the key that changelogs use: the account id on Cloud, the immutable key on Data Center."""
        if who is None:
            return None
        return self.user_id(who) if self.cloud else f"JIRAUSER{10_100 + list(PEOPLE).index(who)}"

    def licensed(self) -> list[str]:
        """Return who works here: neither customers nor machines, nor whoever only administers."""
        return [who for who in PEOPLE if who not in CUSTOMERS and who not in (ADMIN, ROBOT)]

    # --- projects and workflows ---------------------------------------------------------------------------
    def project(self, key: str) -> dict[str, Any]:
        """Return a project as issues show it."""
        number, name, kind = PROJECTS[key]
        told = {"self": f"{self.url}/rest/api/2/project/{number}", "id": number, "key": key, "name": name}
        return told | {"projectTypeKey": kind} | ({"simplified": key == "HELP"} if self.cloud else {})

    def status(self, number: str) -> dict[str, Any]:
        """Return a status as Jira shows it."""
        name, category = STATUSES[number]
        category_id, colour, said = _CATEGORIES.get(category, _DONE)
        own = {"self": f"{self.url}/rest/api/2/status/{number}", "description": "", "id": number, "name": name}
        told = {"self": f"{self.url}/rest/api/2/statuscategory/{category_id}", "id": category_id, "key": category}
        return own | {"statusCategory": told | {"colorName": colour, "name": said}}

    def transitions(self, issue: Mapping[str, Any], who: str = OURS) -> list[dict[str, Any]]:
        """Return what this person can do with the issue where it stands; nothing, without the permission."""
        may = self.rights.allows(who, "TRANSITION_ISSUES", issue["project"])
        offered = [
            {"id": number, "name": name, "to": self.status(to)}
            for number, name, stations, to in TRANSITIONS[issue["project"]]
            if may and issue["status"] in stations
        ]
        flags = {"hasScreen": False, "isGlobal": False, "isInitial": False, "isAvailable": True, "isConditional": False}
        return [told | flags for told in offered] if self.cloud else offered

    def is_desk(self, issue: Mapping[str, Any]) -> bool:
        """Say whether customers see it in a portal."""
        return PROJECTS[issue["project"]][2] == "service_desk"

    def priority(self, number: str) -> dict[str, Any]:
        """Return a priority as Jira shows it."""
        name = PRIORITIES[number]
        icon = f"{self.url}/images/icons/priorities/{name.lower()}.svg"
        return {"self": f"{self.url}/rest/api/2/priority/{number}", "iconUrl": icon, "name": name, "id": number}

    # --- comments and issues ------------------------------------------------------------------------------
    def comment(self, issue: Mapping[str, Any], said: Mapping[str, Any], *, properties: bool = False) -> dict[str, Any]:
        """Return a comment as the platform shows it; only Cloud says `jsdPublic`."""
        shown = {key: said[key] for key in ("id", "body", "created", "updated")}
        shown |= {"self": f"{self.url}/rest/api/2/issue/{issue['id']}/comment/{said['id']}"}
        shown |= {"author": self.user(said["who"]), "updateAuthor": self.user(said["who"])}
        if self.cloud:
            shown["jsdPublic"] = said["public"] or not self.is_desk(issue)  # documented: true where no portal shows it
        if said.get("visibility"):
            shown["visibility"] = said["visibility"]
        if properties:
            internal = {"key": "sd.public.comment", "value": {"internal": True}}
            kept = [] if said["public"] else [internal]
            shown["properties"] = [*kept, *said.get("properties", ())]
        return shown

    def show(self, issue: Mapping[str, Any], *, brief: bool = False, comments: bool = False) -> dict[str, Any]:
        """Return the issue as Jira shows it; `brief` is what Cloud puts into comment events."""
        hidden = self.catalogue.hidden
        kind = {"self": f"{self.url}/rest/api/2/issuetype/10005", "id": "10005", "name": issue["type"]}
        fields: dict[str, Any] = {
            "summary": issue["summary"],
            "issuetype": kind | {"description": "", "subtask": False},
            "project": self.project(issue["project"]),
            "assignee": self.user(issue["assignee"]),
            "priority": None if "priority" in hidden else self.priority(issue["priority"]),
            "status": self.status(issue["status"]),
        }
        if not brief:
            fields |= {key: issue[key] for key in _TEXTS if key not in hidden}
            fields |= {"reporter": self.user(issue["reporter"]), "creator": self.user(issue["creator"])}
            fields |= {known.id: None for known in self.catalogue.here(issue["project"]) if known.custom}
            fields |= {number: self._shown(issue, number, value) for number, value in issue["custom"].items()}
        if comments:
            listed = [self.comment(issue, said) for said in issue["comments"][: self.inline_comments]]
            page = {"total": len(issue["comments"]), "maxResults": len(listed), "startAt": 0}
            fields["comment"] = {"comments": listed, **page}
        own = f"{self.url}/rest/api/2/issue/{issue['id']}"
        return {"id": issue["id"], "key": issue["key"], "self": own, "fields": fields}

    def screen(self, project: str) -> dict[str, Any]:
        """Return what `editmeta` says can be edited, and to which values."""
        return {known.id: meta(known, PRIORITIES) for known in self.catalogue.editable(project)}

    def _shown(self, issue: Mapping[str, Any], number: str, value: Any) -> Any:
        if value is None or number in self.catalogue.hidden:
            return None
        if number == FIELDS["organization"]:
            return [{"id": "31", "name": value}]
        if number == FIELDS["request_type"]:
            return self._request(issue, str(value))
        return self.catalogue.shown(number, value)

    def _request(self, issue: Mapping[str, Any], name: str) -> dict[str, Any]:
        status = {"status": STATUSES[issue["status"]][0], "statusCategory": STATUSES[issue["status"]][1].upper()}
        web = f"{self.url}/servicedesk/customer/portal/1/{issue['key']}"
        links = {"jiraRest": f"{self.url}/rest/api/2/issue/{issue['id']}", "web": web}
        links["self"] = f"{self.url}/rest/servicedeskapi/request/{issue['id']}"
        return {"_links": links, "requestType": {"id": "7", "name": name}, "currentStatus": status}

    def said(self, key: str, value: Any) -> tuple[str | None, str | None]:
        """Return the id and the name that a changelog gives for a value."""
        if value is None:
            return None, None
        if key in ("assignee", "reporter"):
            return self.user_key(value), PEOPLE[value]
        if key == "labels":
            return None, " ".join(value)
        if isinstance(value, dict):
            return value["id"], value["name"]
        if key in ("status", "priority"):
            return value, STATUSES[value][0] if key == "status" else PRIORITIES[value]
        known = self.catalogue.all.get(key)
        return (known.number_of(value) if known is not None and known.kind == "option" else None), str(value)
