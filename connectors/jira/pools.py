"""Who of a pool gets an issue: whose turn it is, or who has least to do, and only who can have it at all.

Jira has no groups to assign to and no assignment of its own, so a pool is people whom the policy names. It asks, and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.contract import Call, Refused, TryLater
from connectors.jira.line import Line
from connectors.jira.values import mapping, plain
from policies.model import Ticket

_UNSOLVED = 'assignee = "{0}" AND resolution is EMPTY'


class Pools:
    """Chooses people of one site. Safe to use from several threads: it remembers nothing."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def members(self, call: Call, ticket: Ticket) -> Iterator[str]:
        """Yield who can have the issue, the best first; whoever Jira does not know or would not assign is left out."""
        pool = mapping(call.parts["pool"])
        people = [str(person) for person in pool["from"]]
        first = int(pool["turn"]) % len(people)
        waiting: Sequence[str] = people[first:] + people[:first]
        if pool["pick"] == "least_busy":
            waiting = self._by_load(waiting)
        for person in waiting:
            if can_have(self._line, person, ticket.key or ticket.ref.id):
                yield person

    def _by_load(self, people: Sequence[str]) -> Sequence[str]:
        """Sort by the number of unsolved issues; between equals the turn decides."""
        loads = {person: load for person in people if (load := self._load(person)) is not None}
        return sorted(loads, key=lambda person: loads[person])

    def _load(self, person: str) -> int | None:
        """Count somebody's unsolved issues.

        Cloud has no search that tells a total, only an estimate that may lag by seconds; Data Center's search does
        (https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/).
        """
        jql = _UNSOLVED.format(person.replace("\\", "\\\\").replace('"', '\\"'))
        try:
            if self._line.cloud:
                answer = self._line.ask("/rest/api/3/search/approximate-count", method="POST", body={"jql": jql})
            else:
                answer = self._line.ask("search", params={"jql": jql, "maxResults": "0", "fields": "key"})
        except Refused:
            return None  # nobody of this name, or nobody whom we may ask about
        count = mapping(answer).get("count" if self._line.cloud else "total")
        if not isinstance(count, int):
            raise TryLater("expected a number of issues from Jira, got none")
        return count


def can_have(line: Line, person: str, issue: str) -> bool | None:
    """Ask for this one person among those who can be assigned the issue; None if Jira refuses the question.

    Data Center finds similar names too.
    """
    key = "accountId" if line.cloud else "username"
    try:
        answer = line.ask("user/assignable/search", params={"issueKey": issue, key: person, "maxResults": "100"})
    except Refused:
        return None
    found: list[Any] = answer if isinstance(answer, list) else []
    who = "accountId" if line.cloud else "name"
    return any(plain(mapping(user).get(who)) == person and mapping(user).get("active") is not False for user in found)
