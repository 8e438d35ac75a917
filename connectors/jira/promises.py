"""What an issue promises and what it waits for: its due date, the SLAs that run, the issues that block it. Pure.

Jira sends a due date as a day, an SLA as a field of its own, and links with the other issue's status beside them. Jira
works SLAs out after the change that a webhook tells, so only what was asked for is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.jira.settings import SLA, settings_of, sla_ids
from connectors.jira.values import issue_id, mapping, moment, plain
from connectors.site import Site

_DAY = timedelta(days=1)


def promises(fields: Mapping[str, Any], site: Site, asked: frozenset[str] = frozenset()) -> dict[str, object]:
    """Return what is told of due date and blocking issues, and of SLAs if asked; what the payload lacks is not told."""
    told: dict[str, object] = {}
    if "duedate" in fields:
        told["due_at"] = _end_of(fields["duedate"], settings_of(site).timezone)
    if "sla_breach_at" in asked:
        slas = (mapping(fields.get(number)) for number in sla_ids(site.settings.fields.get(SLA, "")))
        told["sla_breach_at"] = min(filter(None, map(_breaks_at, slas)), default=None)
    if isinstance(fields.get("issuelinks"), list):
        blockers = (mapping(link.get("inwardIssue")) for link in _blocking(fields["issuelinks"]))
        told["blocked_by"] = tuple(key for issue in blockers if (key := plain(issue.get("key"))) and not _done(issue))
    return told


def held_up(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of the issues that this one blocks: what becomes of it concerns them."""
    links = fields.get("issuelinks")
    for link in _blocking(links if isinstance(links, list) else []):
        if number := issue_id(mapping(link.get("outwardIssue")).get("id")):
            yield number


def is_blocking(kind: Mapping[str, Any]) -> bool:
    """Say whether a link's type means that one issue blocks the other; webhooks and issues spell it differently."""
    words = {(plain(kind.get(key)) or "").casefold() for key in ("name", "inward", "inwardName")}
    return bool(words & {"blocks", "is blocked by"})


def _blocking(links: list[Any]) -> Iterator[Mapping[str, Any]]:
    yield from (link for link in map(mapping, links) if is_blocking(mapping(link.get("type"))))


def _done(issue: Mapping[str, Any]) -> bool:
    status = mapping(mapping(issue.get("fields")).get("status"))
    return mapping(status.get("statusCategory")).get("key") == "done"


def _end_of(day: object, zone: str | None) -> datetime | None:
    """Return the moment at which a day is over: what is due on it is late from then on."""
    try:
        first = datetime.combine(date.fromisoformat(plain(day) or "") + _DAY, time(), ZoneInfo(zone or "UTC"))
        return first.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _breaks_at(sla: Mapping[str, Any]) -> datetime | None:
    """Return when a running SLA breaks or broke. Without a running cycle nothing is promised; a paused one stands."""
    cycle = mapping(sla.get("ongoingCycle"))
    breach = mapping(cycle.get("breachTime"))
    if cycle.get("paused") is True:
        return None
    return next(filter(None, (moment(breach.get(key)) for key in ("epochMillis", "iso8601", "jira"))), None)
