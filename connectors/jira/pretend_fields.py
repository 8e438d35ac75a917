"""The pretend Jira's fields: what each is, where it can be edited, and how its values look. It keeps no issue."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.jira.records import APPROVALS, FIELDS, FIRST_REPLY, HELP_FIELDS, LEVEL_FIELD, PARTICIPANTS, TEAMS

OWN = "com.atlassian.jira.plugin.system.customfieldtypes:"
DESK = "com.atlassian.servicedesk"


@dataclass(slots=True, kw_only=True)
class PretendField:
    """One field. `kind` is the type in its schema; `custom` is who made it; `scope` is the only project that has it."""

    id: str
    name: str
    kind: str = "string"
    custom: str | None = None
    items: str | None = None
    scope: str | None = None
    on_screen: bool = True
    options: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """Return the field's schema."""
        told: dict[str, Any] = {"type": self.kind} | ({"items": self.items} if self.items else {})
        if self.custom:
            return told | {"custom": self.custom, "customId": int(self.id.removeprefix("customfield_"))}
        return told | {"system": self.id}

    def number_of(self, value: str) -> str | None:
        """Return the id of an option."""
        return next((number for number, said in self.options.items() if said == value), None)


def _system(number: str, name: str, kind: str = "string", items: str | None = None, on_screen: bool = False) -> Any:
    return PretendField(id=number, name=name, kind=kind, items=items, on_screen=on_screen)


def _custom(number: str, name: str, custom: str, kind: str = "string", **more: Any) -> PretendField:
    return PretendField(id=number, name=name, custom=custom, kind=kind, **more)


def _all() -> Iterator[PretendField]:
    yield _system("summary", "Summary", on_screen=True)
    yield _system("description", "Description")
    yield _system("assignee", "Assignee", "user", on_screen=True)
    yield _system("reporter", "Reporter", "user")
    yield _system("priority", "Priority", "priority", on_screen=True)
    yield _system("status", "Status", "status")
    yield _system("resolution", "Resolution", "resolution")
    yield _system("labels", "Labels", "array", "string", on_screen=True)
    yield _system("issuetype", "Issue Type", "issuetype")
    yield _system("project", "Project", "project")
    yield _system("created", "Created", "datetime")
    yield _system("updated", "Updated", "datetime")
    yield _system("duedate", "Due date", "date")
    yield _system("issuelinks", "Linked Issues", "array", "issuelinks")
    yield _system("comment", "Comment", "comments-page")
    for name in ("product", "impact", "urgency", "tier"):
        yield _custom(FIELDS[name], name.title(), f"{OWN}textfield")
    teams = {str(10_200 + n): name for n, name in enumerate(TEAMS)}
    yield _custom(FIELDS["team"], "Team", f"{OWN}select", "option", options=teams)
    yield _custom(LEVEL_FIELD, "Escalation level", f"{OWN}float", "number")
    kinds = (
        (FIELDS["organization"], "Organizations", ":sd-customer-organizations", "array", "sd-customerorganization"),
        (FIELDS["request_type"], "Request Type", ":vp-origin", "sd-customerrequesttype", None),
        (FIELDS["sla"], "Time to resolution", ":sd-sla-field", "sd-servicelevelagreement", None),
        (FIRST_REPLY, "Time to first response", ":sd-sla-field", "sd-servicelevelagreement", None),
        (PARTICIPANTS, "Request participants", ":sd-request-participants", "array", "user"),
        (APPROVALS, "Approvals", ".approvals-plugin:sd-approvals", "sd-approvals", None),
    )
    for number, name, custom, kind, items in kinds:
        yield _custom(number, name, f"{DESK}{custom}", kind, items=items, on_screen=False)
    yield _custom(HELP_FIELDS["product"], "Product", f"{OWN}textfield", scope="HELP")
    yield _custom(HELP_FIELDS["level"], "Escalation level", f"{OWN}float", "number", scope="HELP")


class Catalogue:
    """All fields of one site. `off_screen` are on no screen, `hidden` are not even shown."""

    def __init__(self) -> None:
        self.all: dict[str, PretendField] = {known.id: known for known in _all()}
        self.off_screen: set[str] = set()
        self.hidden: set[str] = set()
        self._numbers = itertools.count(10_301)

    def here(self, project: str) -> Iterator[PretendField]:
        """Yield the fields that a project has: everybody's, and a team-managed project's own."""
        for known in self.all.values():
            team_managed = project == "HELP" and known.custom is not None and known.custom.startswith(OWN)
            if known.scope == project or (known.scope is None and not team_managed):
                yield known

    def editable(self, project: str) -> Iterator[PretendField]:
        """Yield the fields on the project's edit screen."""
        gone = self.off_screen | self.hidden
        return (known for known in self.here(project) if known.on_screen and known.id not in gone)

    def create(self, name: str, custom: str) -> PretendField:
        """Make a custom field that is in every project and on no screen yet, with one context and no option."""
        number = next(self._numbers)
        kinds = {"select": ("option", None), "float": ("number", None), "labels": ("array", "string")}
        kind, items = kinds.get(custom.removeprefix(OWN), ("string", None))
        made = _custom(f"customfield_{number}", name, custom, kind, items=items, on_screen=False)
        made.contexts[str(number + 100)] = {"name": f"Default Configuration Scheme for {name}", "isGlobalContext": True}
        self.all[made.id] = made
        return made

    def add_option(self, known: PretendField, value: str) -> str:
        """Give a select list one more option; return its id."""
        number = str(next(self._numbers) + 1_000)
        known.options[number] = value
        return number

    def shown(self, number: str, value: Any) -> Any:
        """Return a kept value as issues show it."""
        known = self.all.get(number)
        if value is None or number in self.hidden:
            return None
        if known is not None and known.kind == "option":
            return {"id": known.number_of(value), "value": value}
        return value


def meta(known: PretendField, priorities: Mapping[str, str]) -> dict[str, Any]:
    """Return what `editmeta` says of a field."""
    told: dict[str, Any] = {"required": known.id == "summary", "schema": known.schema(), "name": known.name}
    told |= {"key": known.id, "operations": ["add", "set", "remove"] if known.kind == "array" else ["set"]}
    if known.id == "priority":
        told["allowedValues"] = [{"id": number, "name": name} for number, name in priorities.items()]
    elif known.kind == "option":
        told["allowedValues"] = [{"id": number, "value": value} for number, value in known.options.items()]
    return told
