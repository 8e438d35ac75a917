"""The pretend Jira's people, projects, fields and workflows: who and what is there at the start. Plain data."""

from __future__ import annotations

from collections.abc import Mapping

OURS, REQUESTER, AGENT, ADMIN, ROBOT = "stepladder", "carla", "ann", "ada", "robot"
CUSTOMERS = (REQUESTER, "cora")
PEOPLE = {
    OURS: "Stepladder",
    REQUESTER: "Carla Customer",
    AGENT: "Ann Agent",
    "ben": "Ben Billing",
    "eva": "Eva Lead",
    "dan": "Dan Developer",
    "cora": "Cora Customer",
    ADMIN: "Ada Admin",
    ROBOT: "Automation for Jira",
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
FIRST_REPLY, PARTICIPANTS, APPROVALS = "customfield_10031", "customfield_10012", "customfield_10011"
HELP_FIELDS = {"product": "customfield_10201", "level": "customfield_10204"}
"""What the team-managed project calls its own fields: the same names as elsewhere, other ids."""
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
    "20001": ("New", "new"),
    "20002": ("Working", "indeterminate"),
    "20003": ("Finished", "done"),
}
HELP_STATUSES = ("20001", "20002", "20003")  # a team-managed project's own
PROJECTS = {
    "ITSM": ("10001", "IT Support", "service_desk"),
    "DEV": ("10002", "Development", "software"),
    "HELP": ("10003", "Help for everybody", "service_desk"),
}
TYPES = {"ITSM": ("Service Request", "Incident"), "DEV": ("Bug", "Task"), "HELP": ("Question",)}
FIRST_STATUS = {"ITSM": "10100", "DEV": "10000", "HELP": "20001"}
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
    "HELP": (
        ("11", "New", HELP_STATUSES, "20001"),
        ("21", "Working", HELP_STATUSES, "20002"),
        ("31", "Finished", HELP_STATUSES, "20003"),
    ),
}
