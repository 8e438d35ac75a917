"""What a decision must know beyond its ticket: modes, pauses, budgets, turns. Read fresh for each decision."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapter.records import Store, Work
from policies.case import Facts
from policies.commands import Mode
from policies.levels import Level
from policies.policy import Policy

_ADOPTIVE_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above these Stepladder stops by itself (decision 21)."""

    moves_in_10_minutes: int
    adoptive_per_hour: int


class FactFinder:
    """Gathers facts from the store; it writes nothing and asks no vendor."""

    def __init__(self, store: Store, limits: Limits, program: str) -> None:
        self._store = store
        self._limits = limits
        self._program = program
        self._taking_turns: dict[str, bool] = {}

    @property
    def adoptive_limit(self) -> int:
        """How many tickets that existed before may be escalated in an hour."""
        return self._limits.adoptive_per_hour

    def too_many(self, work: Work) -> str | None:
        """Say that so many tickets of a site were moved lately that nobody can have meant it."""
        if work.moves_lately < self._limits.moves_in_10_minutes:
            return None
        return f"{work.moves_lately} escalations in 10 minutes; look into it first"

    def facts(self, work: Work, policy: Policy, mode: Mode, now: datetime) -> Facts:
        """Return the facts for one decision about a ticket; `mode` is its site's."""
        site, paused = f"{work.ref.vendor}/{work.ref.site}", _paused(work, self.too_many(work))
        budgets = policy.guards.level_budgets
        return Facts(
            mode=mode,
            mode_since=work.mode_since if work.mode_since and work.mode_since <= now else None,  # a clock was ahead
            paused=paused,
            paused_rules={s.removeprefix("rule:"): why for s, why in work.switches.items() if s.startswith("rule:")},
            adoptive_left=max(self._limits.adoptive_per_hour - work.adoptive_used, 0),
            adoptive_again=now + _ADOPTIVE_AGAIN,
            program=self._program,
            used=self._store.used(budgets, now) if budgets else {},
            turns=self._store.turns(site) if self._takes_turns(policy) else {},
        )

    def _takes_turns(self, policy: Policy) -> bool:
        if policy.revision not in self._taking_turns:
            self._taking_turns[policy.revision] = any(map(_takes_turns, policy.levels))
        return self._taking_turns[policy.revision]


def ended_by(switch: str) -> str:
    """Return what a person does to end a pause."""
    kind, _, name = switch.partition(":")
    scope = {"all": "", "site": f" {name.rpartition('/')[2]}"}.get(kind, f" {shlex.quote(switch)}")
    return f"`stepladder resume{scope}` ends it"


def _paused(work: Work, too_many: str | None) -> str | None:
    """Say why nothing is written to a ticket, and what ends that."""
    site = f"site:{work.ref.vendor}/{work.ref.site}"
    for switch in ("all", site):
        if switch in work.switches:
            return f"{work.switches[switch]}; {ended_by(switch)}"
    return f"{too_many}; {ended_by(site)}" if too_many else None


def _takes_turns(level: Level) -> bool:
    """Say whether a level chooses among people; counting moves for other levels would be for nothing."""
    targets = [target for places in level.arrangements for place in places.values() for target in place.every()]
    return any("assign" in target for target in (*targets, *(t for some in level.fallbacks.values() for t in some)))
