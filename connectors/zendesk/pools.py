"""Who of several people gets a ticket: whoever's turn it is, or whoever has the fewest open tickets, as Zendesk counts.

It chooses at the moment of writing and never assigns anything itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.contract import Refused
from connectors.zendesk.directory import Directory
from connectors.zendesk.line import Line
from connectors.zendesk.picture import mapping

_MOST_SHOWN = 100  # people whose tickets are counted in one request
_MOST_COUNTED = 20  # people whose tickets are counted one by one
_COUNTS_LAG = 180.0  # seconds; Zendesk's search may need "up to a few minutes" to know of a ticket
_log = logging.getLogger("stepladder.zendesk")


class Pools:
    """Chooses people for tickets at one account; remembers whom it has just chosen."""

    def __init__(self, directory: Directory, line: Line, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._line = line
        self._clock = clock
        self._chosen: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def choose(self, pool: Mapping[str, Any], group: str | None, ours: str) -> str:
        """Return the id of the one who gets the ticket. Raises Refused if nobody can: the next target is tried."""
        people = self._people(pool.get("from") or (), group, ours)
        first = int(pool.get("turn") or 0) % len(people)
        queue = [*people[first:], *people[:first]]
        if pool.get("pick") == "round_robin":
            return queue[0]
        return self._least_busy(self._open_tickets(queue))

    def _people(self, named: Sequence[object], group: str | None, ours: str) -> list[str]:
        """Return who may be chosen: those named, in that order, or a group's members; each able to take a ticket."""
        members = self._members(group) if group else ()
        people = [who for who in self._resolved(named) if not group or who in members] if named else list(members)
        people = self._directory.at_work([who for who in people if who != ours])
        if not people:
            where = f"group {self._directory.known().get(f'group:{group}', group)}" if group else "the people named"
            raise Refused(
                f"expected somebody in {where} who can be assigned a ticket now, found nobody: "
                "suspended people and our own account do not count",
                parts=frozenset({"assignee", "pool"}),
            )
        return people

    def _members(self, group: str) -> Sequence[str]:
        try:
            return self._directory.members(group)
        except Refused as refused:
            raise Refused(f"Zendesk shows no group {group} to us", parts=frozenset({"group", "pool"})) from refused

    def _resolved(self, named: Sequence[object]) -> list[str]:
        """Return the ids of those that Zendesk knows: one who has left does not stop the others."""
        found = []
        for word in named:
            try:
                found.append(self._directory.person(word, "pool"))
            except Refused as refused:
                _log.warning("zendesk.pool_without reason=%s", refused)
        return found

    def _open_tickets(self, queue: Sequence[str]) -> dict[str, int]:
        """Count everybody's open tickets: in one request if Zendesk shows the count beside people, else one by one."""
        shown = queue[:_MOST_SHOWN]
        answer = self._asked("users/show_many", "users", ids=",".join(shown), include="open_ticket_count")
        beside = mapping(answer, "open_ticket_count")
        if all(isinstance(beside.get(who), int) for who in shown):
            return {who: beside[who] for who in shown}
        return {who: self._counted(who) for who in queue[:_MOST_COUNTED]}

    def _counted(self, who: str) -> int:
        count = self._asked("search/count", "count", query=f"type:ticket status<solved assignee:{who}")["count"]
        return count if isinstance(count, int) else 0  # a count that cannot be read weighs nothing: the turn decides

    def _asked(self, path: str, expected: str, **query: str) -> Mapping[str, Any]:
        return self._line.get(path, expected, about_ticket=False, **query)

    def _least_busy(self, loads: Mapping[str, int]) -> str:
        """Choose; of equals the first in the queue. Whom we chose a moment ago has that ticket, counted or not."""
        with self._lock:
            now = self._clock()
            self._chosen = [(at, who) for at, who in self._chosen if now - at < _COUNTS_LAG]
            lately = [who for _, who in self._chosen]
            chosen = min(loads, key=lambda who: loads[who] + lately.count(who))
            self._chosen.append((now, chosen))
            return chosen
