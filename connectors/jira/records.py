"""The pretend Jira's people, projects and fields, in the shapes that Jira writes them. It keeps no issue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OURS, REQUESTER, AGENT = "stepladder", "carla", "ann"
CUSTOMERS = (REQUESTER, "cora")
PEOPLE = {
    OURS: "Stepladder",
    REQUESTER: "Carla Customer",
    AGENT: "Ann Agent",
    "ben": "Ben Billing",
    "eva": "Eva Lead",
    "dan": "Dan Developer",
    "cora": "Cora Customer",
}
TEAMS = ("Support", "Technical Support", "Engineering", "Billing", "Management")
FIELDS = {
    "product": "customfield_10101",
    "impact": "customfield_10102",
    "urgency": "customfield_10103",
    "tier": "customfield_10105",
    "team": "customfield_10100",
    "organization": "customfield_10002",
    "request_type": "customfield_10010",
    "sla": "customfield_10030",
}
LEVEL_FIELD = "customfield_10104"
PRIORITIES = {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
STATUSES = {
    "10000": ("To Do", "new"),
    "10100": ("Waiting for support", "indeterminate"),
    "3": ("In Progress", "indeterminate"),
    "10101": ("Waiting for customer", "indeterminate"),
    "10102": ("On hold", "indeterminate"),
    "10103": ("Escalated", "indeterminate"),
    "5": ("Resolved", "done"),
    "6": ("Closed", "done"),
}
PROJECTS = {"ITSM": ("10001", "IT Support", "service_desk"), "DEV": ("10002", "Development", "software")}
TYPES = {"ITSM": ("Service Request", "Incident"), "DEV": ("Bug", "Task")}
_AT_WORK, _DONE = ("10100", "3", "10101", "10102", "10103"), ("5", "6")
TRANSITIONS: Mapping[str, tuple[tuple[str, str, tuple[str, ...], str], ...]] = {  # id, name, from where, to
    "ITSM": (
        ("11", "Start work", ("10100", "10103"), "3"),
        ("21", "Respond to customer", ("10100", "3", "10103"), "10101"),
        ("31", "Respond to support", ("10101", "10102"), "10100"),
        ("41", "Pause", ("10100", "3", "10103"), "10102"),
        ("51", "Escalate this issue", ("10100", "3", "10101", "10102"), "10103"),
        ("61", "Resolve this issue", _AT_WORK, "5"),
        ("71", "Close", ("5",), "6"),
        ("81", "Back to support", _DONE, "10100"),
    ),
    "DEV": (  # every status is reached from every other, and from itself, as in a new team-managed project
        ("11", "To Do", tuple(STATUSES), "10000"),
        ("21", "In Progress", tuple(STATUSES), "3"),
        ("31", "Done", tuple(STATUSES), "5"),
    ),
}


class Shapes:
    """How one site writes things down: Cloud and Data Center spell people and comments differently."""

    def __init__(self, deployment: str) -> None:
        self.cloud = deployment == "cloud"
        self.url = ""
        self.inline_comments = 50
        self.off_screen: set[str] = set()
        self.may_transition = True
        self.inactive: set[str] = set()

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
        told = {
            "self": f"{self.url}/rest/api/2/user",
            "displayName": PEOPLE[who],
            "active": who not in self.inactive,
            "timeZone": "Etc/UTC",
        }
        if self.cloud:
            kind = "customer" if who in CUSTOMERS else "atlassian"
            return told | {"accountId": self.user_id(who), "accountType": kind}
        return told | {"name": who, "key": self.user_key(who), "emailAddress": f"{who}@example.com"}

    def user_key(self, who: str | None) -> str | None:
        """Return the key that changelogs use: the account id on Cloud, the immutable key on Data Center."""
        if who is None:
            return None
        return self.user_id(who) if self.cloud else f"JIRAUSER{10_100 + list(PEOPLE).index(who)}"

    def status(self, number: str) -> dict[str, Any]:
        """Return a status as Jira shows it."""
        name, category = STATUSES[number]
        return {"id": number, "name": name, "statusCategory": {"key": category, "name": category}}

    def transitions(self, issue: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what can be done with the issue where it stands; nothing, without the permission."""
        offered = [
            {"id": number, "name": name, "to": self.status(to)}
            for number, name, stations, to in TRANSITIONS[issue["project"]]
            if self.may_transition and issue["status"] in stations
        ]
        flags = {"hasScreen": False, "isGlobal": False, "isInitial": False, "isAvailable": True, "isConditional": False}
        return [told | flags for told in offered] if self.cloud else offered

    def is_desk(self, issue: Mapping[str, Any]) -> bool:
        """Say whether customers see it in a portal."""
        return PROJECTS[issue["project"]][2] == "service_desk"

    def comment(self, issue: Mapping[str, Any], said: Mapping[str, Any], *, properties: bool = False) -> dict[str, Any]:
        """Return a comment as the platform shows it; only Cloud says `jsdPublic`."""
        shown = {key: said[key] for key in ("id", "body", "created", "updated")}
        shown |= {"self": f"{self.url}/rest/api/2/issue/{issue['id']}/comment/{said['id']}"}
        shown |= {"author": self.user(said["who"]), "updateAuthor": self.user(said["who"])}
        if self.cloud:
            shown["jsdPublic"] = said["public"]
        if properties and not said["public"]:
            shown["properties"] = [{"key": "sd.public.comment", "value": {"internal": True}}]
        return shown

    def request_comment(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return a comment as the service desk API shows it."""
        when = {"jira": said["created"], "iso8601": said["created"]}
        shown = {"id": said["id"], "body": said["body"], "public": said["public"]}
        return shown | {"author": self.user(said["who"]), "created": when}

    def show(self, issue: Mapping[str, Any], *, brief: bool = False, comments: bool = False) -> dict[str, Any]:
        """Return the issue as Jira shows it; `brief` is what Cloud puts into comment events."""
        number, name, kind = PROJECTS[issue["project"]]
        fields: dict[str, Any] = {
            "summary": issue["summary"],
            "issuetype": {"id": "10005", "name": issue["type"]},
            "project": {"id": number, "key": issue["project"], "name": name, "projectTypeKey": kind},
            "assignee": self.user(issue["assignee"]),
            "priority": {"id": issue["priority"], "name": PRIORITIES[issue["priority"]]},
            "status": self.status(issue["status"]),
        }
        if not brief:
            keys = ("description", "labels", "created", "updated", "resolution", "duedate")
            fields |= {key: issue[key] for key in keys}
            fields |= {"reporter": self.user(issue["reporter"]), "creator": self.user(issue["reporter"])}
            fields |= dict.fromkeys((*FIELDS.values(), LEVEL_FIELD))
            fields |= {field_id: self._shown(field_id, value) for field_id, value in issue["custom"].items()}
        if comments:
            listed = [self.comment(issue, said) for said in issue["comments"][: self.inline_comments]]
            fields["comment"] = {"comments": listed, "total": len(issue["comments"]), "startAt": 0}
        own = f"{self.url}/rest/api/2/issue/{issue['id']}"
        return {"id": issue["id"], "key": issue["key"], "self": own, "fields": fields}

    def screen(self) -> dict[str, Any]:
        """Return what `editmeta` says can be edited, and to which values."""
        texts = {FIELDS[name]: name.title() for name in ("product", "impact", "urgency", "tier")}
        teams = [{"id": str(10_200 + n), "value": name} for n, name in enumerate(TEAMS)]
        priorities = [{"id": number, "name": name} for number, name in PRIORITIES.items()]
        people = {"assignee": {"name": "Assignee", "schema": {"type": "user"}}}
        fields = people | {
            "summary": {"name": "Summary", "schema": {"type": "string"}},
            "labels": {"name": "Labels", "schema": {"type": "array", "items": "string"}},
            "priority": {"name": "Priority", "schema": {"type": "priority"}, "allowedValues": priorities},
            FIELDS["team"]: {"name": "Team", "schema": {"type": "option"}, "allowedValues": teams},
            LEVEL_FIELD: {"name": "Escalation level", "schema": {"type": "number"}},
            **{key: {"name": name, "schema": {"type": "string"}} for key, name in texts.items()},
        }
        return {key: meta for key, meta in fields.items() if key not in self.off_screen}

    def _shown(self, key: str, value: Any) -> Any:
        if value is None:
            return None
        if key == FIELDS["team"]:
            return {"id": str(10_200 + TEAMS.index(value)), "value": value}
        if key == FIELDS["organization"]:
            return [{"id": "31", "name": value}]
        return {"requestType": {"id": "7", "name": value}} if key == FIELDS["request_type"] else value

    def said(self, key: str, value: Any) -> tuple[str | None, str | None]:
        """Return the id and the name that a changelog gives for a value."""
        if value is None:
            return None, None
        if key == "assignee":
            return self.user_key(value), PEOPLE[value]
        if key == "labels":
            return None, " ".join(value)
        if isinstance(value, dict):
            return value["id"], value["name"]
        if key in ("status", "priority"):
            return value, STATUSES[value][0] if key == "status" else PRIORITIES[value]
        return (str(10_200 + TEAMS.index(value)) if key == FIELDS["team"] else None), str(value)
