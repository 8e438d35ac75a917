"""The pretend Jira's issues as a whole: how they are linked, who can have them, and what a search finds. No web."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.jira.records import CUSTOMERS, PEOPLE, Shapes

LINK_TYPES = {"Blocks": ("10000", "is blocked by", "blocks"), "Relates": ("10003", "relates to", "relates to")}
_CLAUSES = {
    "assignee": re.compile(r'assignee = "((?:[^"\\]|\\.)*)"'),
    "labels": re.compile(r'labels = "((?:[^"\\]|\\.)*)"'),
    "unresolved": re.compile(r"resolution is EMPTY", re.IGNORECASE),
}


class No(Exception):
    """What Jira would answer instead: a status and a body."""

    def __init__(self, status: int, message: str = "", **errors: str) -> None:
        super().__init__(status)
        self.status = status
        self.body = {"errorMessages": [message] if message else [], "errors": errors}


class Network(Shapes):
    """A site's issues beside each other.

    `unindexed` are ids that search does not know yet, which new ones are while `index_lags`. `unlicensed` people cannot
    have a request, and the list of assignable people does not tell. An administrator can switch `linking` off.
    """

    def __init__(self, deployment: str) -> None:
        super().__init__(deployment)
        self.issues: dict[str, dict[str, Any]] = {}
        self.links: list[dict[str, str]] = []
        self.unindexed: set[str] = set()
        self.unlicensed: set[str] = set()
        self.index_lags = False
        self.linking = True
        self._link_ids = itertools.count(10_600)

    def find(self, word: str) -> dict[str, Any]:
        """Return the issue by id or key."""
        issue = self.issues.get(word) or next((i for i in self.issues.values() if i["key"] == word), None)
        if issue is None:
            raise No(404, "Issue does not exist or you do not have permission to see it.")
        return issue

    def link(self, kind: str, source: Mapping[str, Any], destination: Mapping[str, Any]) -> dict[str, str] | None:
        """Let one issue block another, or relate to it; None if it does already."""
        link = {"type": kind, "source": source["id"], "destination": destination["id"]}
        if any(link.items() <= known.items() for known in self.links):
            return None
        self.links.append({"id": str(next(self._link_ids)), **link})
        return self.links[-1]

    def show(self, issue: Mapping[str, Any], *, brief: bool = False, comments: bool = False) -> dict[str, Any]:
        """Return the issue as Jira shows it, with its links."""
        shown = super().show(issue, brief=brief, comments=comments)
        if not brief:
            shown["fields"]["issuelinks"] = list(self._links_of(issue["id"]))
        return shown

    def _links_of(self, number: str) -> Iterator[dict[str, Any]]:
        for link in self.links:
            if number not in (link["source"], link["destination"]):
                continue
            kind, inward, outward = LINK_TYPES[link["type"]]
            side, other = ("outwardIssue", "destination") if number == link["source"] else ("inwardIssue", "source")
            if (there := self.issues.get(link[other])) is None:
                continue  # deleted, and its links with it
            brief = super().show(there, brief=True)
            fields = {key: brief["fields"][key] for key in ("summary", "status", "priority", "issuetype")}
            told = {"id": kind, "name": link["type"], "inward": inward, "outward": outward}
            yield {"id": link["id"], "type": told, side: {**brief, "fields": fields}}

    def can_have(self, who: str, issue: Mapping[str, Any]) -> bool:
        """Say whether the issue can be assigned to this person, as far as permissions tell."""
        return who not in CUSTOMERS and who not in self.inactive

    def assignable(self, issue: Mapping[str, Any], wanted: str) -> list[Any]:
        """List who can have the issue: on Cloud this account, on Data Center whose name begins so."""
        people = [who for who in PEOPLE if self.can_have(who, issue)]
        if self.cloud:
            return [self.user(who) for who in people if self.user_id(who) == wanted]
        return [self.user(who) for who in people if who.startswith(wanted) or PEOPLE[who].lower().startswith(wanted)]

    def search(self, jql: str) -> list[dict[str, Any]]:
        """Find issues, oldest first; only the questions that our connector asks are understood."""
        found = [issue for number, issue in self.issues.items() if number not in self.unindexed]
        clauses = re.sub(r"\s+ORDER BY created ASC$", "", jql).split(" AND ")
        bounded = False
        for clause in clauses:
            name, value = _read(clause)
            bounded = bounded or name != "unresolved"
            if name == "assignee":
                who = next((who for who in PEOPLE if self.user_id(who) == value), None)
                if who is None and not self.cloud:
                    raise No(400, f"The value '{value}' does not exist for the field 'assignee'.")
                found = [issue for issue in found if issue["assignee"] == who and who is not None]
            elif name == "labels":
                found = [issue for issue in found if value in issue["labels"]]
            else:
                found = [issue for issue in found if issue["resolution"] is None]
        if self.cloud and not bounded:
            raise No(400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
        return found


def sla(breaks_at: datetime | None, *, paused: bool = False) -> dict[str, Any] | None:
    """Return an SLA field's value: a cycle that runs until then, or one that is over."""
    told: dict[str, Any] = {"id": "1", "name": "Time to resolution", "completedCycles": []}
    if breaks_at is None:
        return told
    at = breaks_at.astimezone(UTC)
    written = {"iso8601": at.isoformat(timespec="seconds"), "epochMillis": int(at.timestamp() * 1000)}
    return told | {"ongoingCycle": {"breachTime": written, "breached": False, "paused": paused}}


def _read(clause: str) -> tuple[str, str]:
    for name, pattern in _CLAUSES.items():
        if found := pattern.fullmatch(clause.strip()):
            return name, re.sub(r"\\(.)", r"\1", found[1]) if found.groups() else ""
    raise No(400, f"Error in the JQL Query: {clause!r} is not understood.")
