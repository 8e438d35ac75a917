"""The pretend Jira's issues as a whole: how they are linked, who can have them, and what a search finds. No web."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.jira.pretend_clocks import Clocks
from connectors.jira.pretend_jql import Misread, Question, Words
from connectors.jira.pretend_shapes import Shapes
from connectors.jira.records import OURS, PEOPLE, PRIORITIES, PROJECTS, STATUSES

LINK_TYPES = {"Blocks": ("10000", "is blocked by", "blocks"), "Relates": ("10003", "relates to", "relates to")}
_NOBODY_SEES = "Issue does not exist or you do not have permission to see it."


class No(Exception):
    """What Jira would answer instead: a status and a body."""

    def __init__(self, status: int, message: str = "", **errors: str) -> None:
        super().__init__(status)
        self.status = status
        self.body: dict[str, Any] = {"errorMessages": [message] if message else [], "errors": errors}


class Network(Shapes):
    """A site's issues beside each other.

    `unindexed` are ids that search does not know yet, which new ones are while `index_lags`. `unlicensed` people cannot
    have a request, and the list of assignable people does not tell. An issue's `indexed` is the change that search
    knows. An administrator can switch `linking` off. `moved` are keys that issues had before.
    """

    def __init__(self, deployment: str, clock: Callable[[], datetime]) -> None:
        super().__init__(deployment)
        self.clock = clock
        self.clocks = Clocks()
        self.issues: dict[str, dict[str, Any]] = {}
        self.links: list[dict[str, str]] = []
        self.moved: dict[str, str] = {}
        self.unindexed: set[str] = set()
        self.unlicensed: set[str] = set()
        self.index_lags = False
        self.linking = True
        self._link_ids = itertools.count(10_600)

    def find(self, word: str, who: str | None = None) -> dict[str, Any]:
        """Return the issue by id or key, also by one that it had before; None of it to whom may not see it."""
        number = self.moved.get(word, word)
        issue = self.issues.get(number) or next((i for i in self.issues.values() if i["key"] == number), None)
        if issue is None or (who and not self.sees(who, issue)):
            raise No(404, _NOBODY_SEES)
        return issue

    def sees(self, who: str, issue: Mapping[str, Any]) -> bool:
        """Say whether this person sees the issue."""
        return self.rights.allows(who, "BROWSE_PROJECTS", issue["project"])

    def link(self, kind: str, source: Mapping[str, Any], destination: Mapping[str, Any]) -> dict[str, str] | None:
        """Let one issue block another, or relate to it; None if it does already."""
        link = {"type": kind, "source": source["id"], "destination": destination["id"]}
        if any(link.items() <= known.items() for known in self.links):
            return None
        self.links.append({"id": str(next(self._link_ids)), **link})
        return self.links[-1]

    def show(self, issue: Mapping[str, Any], *, brief: bool = False, comments: bool = False) -> dict[str, Any]:
        """Return the issue as Jira shows it, with its links and where its clocks stand."""
        shown = super().show(issue, brief=brief, comments=comments)
        if not brief:
            shown["fields"]["issuelinks"] = list(self._links_of(issue["id"]))
            shown["fields"] |= self.clocks.fields(issue, self.clock())
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
        may = self.rights.allows(who, "ASSIGNABLE_USER", issue["project"])
        return who in self.licensed() and who not in self.inactive and may

    def assignable(self, issue: Mapping[str, Any], wanted: str) -> list[Any]:
        """List who can have the issue: on Cloud this account, on Data Center whose name begins so."""
        people = [who for who in PEOPLE if self.can_have(who, issue)]
        if self.cloud:
            return [self.user(who) for who in people if self.user_id(who) == wanted]
        return [self.user(who) for who in people if who.startswith(wanted) or PEOPLE[who].lower().startswith(wanted)]

    def search(self, jql: str, who: str = OURS) -> list[dict[str, Any]]:
        """Find what this person sees; archived issues and what the index does not know yet are not found."""
        question = self.question(jql)
        if not self.cloud and (nobody := [word for word in question.values("assignee") if self.who(word) is None]):
            raise No(400, f"The value '{nobody[0]}' does not exist for the field 'assignee'.")
        if self.cloud and not question.bounded:
            raise No(400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
        listed = [issue for number, issue in self.issues.items() if number not in self.unindexed]
        return question.sort([i for i in listed if not i["archived"] and self.sees(who, i) and question.fits(i)])

    def question(self, jql: str) -> Question:
        """Read a question, or refuse it in Jira's words."""
        try:
            return Question(jql, self._words(), self.clock())
        except Misread as error:
            raise No(400, str(error)) from None

    def _words(self) -> Words:
        def person(who: str | None) -> list[str] | None:
            return [self.user_id(who), who, PEOPLE[who]] if who else None

        return {
            "id": lambda issue: [issue["id"], issue["key"]],
            "key": lambda issue: [issue["key"], issue["id"]],
            "project": lambda issue: [issue["project"], *PROJECTS[issue["project"]][:2]],
            "assignee": lambda issue: person(issue["assignee"]),
            "reporter": lambda issue: person(issue["reporter"]),
            "labels": lambda issue: issue["labels"],
            "status": lambda issue: [issue["status"], STATUSES[issue["status"]][0]],
            "statuscategory": lambda issue: [STATUSES[issue["status"]][1]],
            "priority": lambda issue: [issue["priority"], PRIORITIES[issue["priority"]]],
            "issuetype": lambda issue: [issue["type"]],
            "resolution": lambda issue: [issue["resolution"]["name"]] if issue["resolution"] else None,
            "updated": lambda issue: issue.get("indexed", issue["updated"]),
            "created": lambda issue: issue["created"],
        }
