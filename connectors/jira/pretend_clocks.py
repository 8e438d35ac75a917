"""The pretend Jira's SLAs: clocks that run by priority, stand still while a customer is waited for, and break.

Without goals there are no clocks. Jira tells nobody when one breaks; it shows in the issue's fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.jira.records import CUSTOMERS, FIELDS, FIRST_REPLY, STATUSES

RESOLUTION = FIELDS["sla"]
_STANDS = {"10101", "10102"}  # waiting for the customer, on hold
_NAMES = {RESOLUTION: ("1", "Time to resolution"), FIRST_REPLY: ("2", "Time to first response")}
_NEVER = timedelta(days=3650)


class Clocks:
    """How long each promise may take, by the priority's id; an empty one is no promise."""

    def __init__(self) -> None:
        self.resolution: dict[str, timedelta] = {}
        self.first_reply: dict[str, timedelta] = {}

    def fields(self, issue: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the SLA fields of an issue whose value nobody has set by hand."""
        return {number: told for number, told in self.told(issue, now) if not issue["custom"].get(number)}

    def told(self, issue: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each SLA field with where its clock stands."""
        ends = ((RESOLUTION, self.resolution, _resolved(issue)), (FIRST_REPLY, self.first_reply, _replied(issue)))
        for number, goals, ended in ends:
            if goal := goals.get(issue["priority"]):
                yield number, _value(number, issue, goal, ended, now)

    def breached(self, issue: Mapping[str, Any], now: datetime) -> set[str]:
        """Return the SLA fields whose clocks run and have broken their promise."""
        cycles = ((number, told.get("ongoingCycle")) for number, told in self.told(issue, now))
        return {number for number, cycle in cycles if cycle and cycle["breached"]}


def sla(breaks_at: datetime | None, *, paused: bool = False) -> dict[str, Any] | None:
    """Return an SLA field's value: a cycle that runs until then, or one that is over."""
    told: dict[str, Any] = {"id": "1", "name": "Time to resolution", "completedCycles": []}
    if breaks_at is None:
        return told
    return told | {"ongoingCycle": {"breachTime": when(breaks_at), "breached": False, "paused": paused}}


def when(moment: datetime) -> dict[str, Any]:
    """Return a time as the service desk API writes it."""
    at = moment.astimezone(UTC)
    jira = at.isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    told = {"iso8601": at.strftime("%Y-%m-%dT%H:%M:%S+0000"), "jira": jira, "friendly": at.strftime("%d/%b/%y %H:%M")}
    return told | {"epochMillis": int(at.timestamp() * 1000)}


def _value(
    number: str, issue: Mapping[str, Any], goal: timedelta, ended: datetime | None, now: datetime
) -> dict[str, Any]:
    began, at = datetime.fromisoformat(issue["created"]), ended or now
    elapsed, stands = _counted(issue, began, at)
    left = goal - elapsed
    cycle: dict[str, Any] = {"startTime": when(began), "breached": left < timedelta(), "goalDuration": _long(goal)}
    cycle |= {"elapsedTime": _long(elapsed), "remainingTime": _long(left)}
    if not stands:
        cycle["breachTime"] = when(at + max(min(left, _NEVER), -_NEVER))
    own, name = _NAMES[number]
    told: dict[str, Any] = {"id": own, "name": name, "_links": {"self": ""}, "completedCycles": []}
    if ended is not None:
        return told | {"completedCycles": [cycle | {"stopTime": when(ended)}]}
    return told | {"ongoingCycle": cycle | {"paused": stands, "withinCalendarHours": True}}


def _counted(issue: Mapping[str, Any], began: datetime, until: datetime) -> tuple[timedelta, bool]:
    """Return how much time counts up to a moment, and whether the clock stands still then."""
    counted, since, stands = timedelta(), began, False
    for at, status in _stations(issue):
        if at > until:
            break
        counted += timedelta() if stands else at - since
        since, stands = at, status in _STANDS
    return counted + (timedelta() if stands else until - since), stands


def _stations(issue: Mapping[str, Any]) -> Iterator[tuple[datetime, str]]:
    for entry in issue["history"]:
        for item in entry["items"]:
            if item["fieldId"] == "status":
                yield datetime.fromisoformat(entry["created"]), item["to"]


def _resolved(issue: Mapping[str, Any]) -> datetime | None:
    stations = list(_stations(issue))
    ended = bool(stations) and STATUSES[stations[-1][1]][1] == "done"
    return stations[-1][0] if ended else None


def _replied(issue: Mapping[str, Any]) -> datetime | None:
    replies = (said for said in issue["comments"] if said["public"] and said["who"] not in CUSTOMERS)
    return next((datetime.fromisoformat(said["created"]) for said in replies), None)


def _long(span: timedelta) -> dict[str, Any]:
    minutes = int(span.total_seconds() // 60)
    sign, size = ("-", -minutes) if minutes < 0 else ("", minutes)
    return {"millis": int(span.total_seconds() * 1000), "friendly": f"{sign}{size // 60}h {size % 60}m"}
