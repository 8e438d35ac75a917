"""What an examination of a site finds, how it is kept, and how far the site may go by it. It lets nobody act itself.

Where people outside would hear of our writes and nobody has accepted that by name, the site is only observed
(decision 21). What was found is kept, for the process that runs, `doctor` and `explain`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.contract import Connector, Keeper
from connectors.site import Site, SiteSettings
from connectors.upkeep import Finding, Grade, Uses
from policies.commands import Mode


class Kept(Protocol):
    """What an examination needs of the store (see `adapter.records.Store`)."""

    def keep_examination(self, site: str, now: datetime, body: str) -> None:
        """Keep what was found, in place of what was found before."""

    def examination(self, site: str) -> tuple[datetime, str] | None:
        """Return when a site was examined last, and what was found."""

    def active_policy(self) -> str | None:
        """Return the active revision."""

    def set_mode(self, site: str, mode: Mode, now: datetime) -> None:
        """Remember since when a site works in this mode."""

    def written(self, site: str, since: datetime) -> int:
        """Return how many calls to a site were carried out since a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination found, when, and under which policy."""

    at: datetime
    policy: str | None
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Say whether every question found an answer, if only that we may not ask it."""
        return not any(finding.name.split(":")[1:2] == ["unanswered"] for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How far a site may go, and the findings because of which it may go no further."""

    mode: Mode
    waits_for: tuple[Finding, ...] = ()

    @property
    def says(self) -> str:
        """Return why it is only observed; empty if it is not."""
        names = ", ".join(finding.name for finding in self.waits_for)
        return f"people outside would hear of our writes, and nobody has accepted that: {names}" if names else ""


def verdict(settings: SiteSettings, findings: Iterable[Finding]) -> Verdict:
    """Judge what was found: a site does not write while a finding that the customer hears is not accepted by name.

    Where it writes only notes, those findings count for which a note is enough.
    """
    if settings.mode is Mode.OBSERVE:
        return Verdict(mode=settings.mode)
    heard = (found for found in findings if found.customer_hears and (_acts(settings) or found.heard_by_notes))
    waits = tuple(found for found in heard if found.name not in settings.accepts)
    return Verdict(mode=Mode.OBSERVE if waits else settings.mode, waits_for=waits)


def _acts(settings: SiteSettings) -> bool:
    return settings.mode is Mode.ACT


def standing(store: Kept, scope: str, settings: SiteSettings) -> Verdict:
    """Return how far a site (`vendor/site`) may go by what was found last; nothing found yet speaks against nothing."""
    examined = last(store, scope)
    return verdict(settings, examined.findings if examined is not None else ())


FOR_ADMINISTRATORS = frozenset({"webhook", "vendor-rules", "customer-hears", "automation-runs", "sharing", "sla"})
"""The checks of which administrators see more than our own account may."""


def together(ours: Sequence[Finding], seen: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return what we found, with what an administrator saw in place of what only they may see."""
    return (
        *(found for found in ours if found.check not in FOR_ADMINISTRATORS),
        *(found for found in seen if found.check in FOR_ADMINISTRATORS),
    )


def remembering(found: Sequence[Finding], before: Examined | None) -> tuple[Finding, ...]:
    """Return what was found, and who hears by rules that were seen before and are not shown this time.

    A rule is one of a kind (`customer-hears:trigger:12`), and a kind that is not shown is told by its name
    (`vendor-rules:trigger`, unknown).
    """
    unseen = {one.name.split(":")[1] for one in found if one.grade is Grade.UNKNOWN}
    names = {one.name for one in found}
    kept = [one for one in (before.findings if before is not None else ()) if one.customer_hears]
    return (*found, *(one for one in kept if one.name.split(":")[1] in unseen and one.name not in names))


def examine(
    name: str,
    connector: Connector,
    settings: SiteSettings,
    keeper: Keeper,
    uses: Uses,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Finding, ...]:
    """Ask the vendor what is wrong at a site. Raises TryLater or Refused if it cannot be asked."""
    if connector.examine is None:
        return ()
    site = Site(name=name, settings=settings, account=settings.account)
    return tuple(connector.examine(site, keeper, uses, now, sleep))


# --- as it is stored ----------------------------------------------------------------------------------------
def keep(store: Kept, scope: str, examined: Examined) -> None:
    """Store what was found at a site (`vendor/site`)."""
    found = [as_json(finding) for finding in examined.findings]
    store.keep_examination(scope, examined.at, json.dumps({"policy": examined.policy, "findings": found}))


def last(store: Kept, scope: str) -> Examined | None:
    """Return what was found at a site last."""
    stored = store.examination(scope)
    if stored is None:
        return None
    at, body = stored
    said = json.loads(body)
    findings = (Finding(**{**one, "grade": Grade(one["grade"])}) for one in said["findings"])
    return Examined(at=at, policy=said["policy"], findings=tuple(findings))


def as_json(finding: Finding) -> dict[str, str | bool]:
    """Return a finding as plain JSON; the names and their order stay from one version to the next."""
    return {
        "name": finding.name,
        "check": finding.check,
        "grade": finding.grade.value,
        "says": finding.says,
        "cure": finding.cure,
        "customer_hears": finding.customer_hears,
        "heard_by_notes": finding.heard_by_notes,
    }
