"""One look in progress: the site, the work, the policy, the requests made so far, and which calls may go out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapter.outbox import in_order
from adapter.records import CallState, Store, StoredCall, Work
from adapter.sites import Post
from connectors.site import Site
from policies.case import Case, Decision, Facts
from policies.commands import Mode
from policies.policy import Policy

FRESH = timedelta(milliseconds=250)
"""How long a look trusts what it knows of pauses; one that is made stops every write within a second (decision 21)."""
LEASE = timedelta(seconds=8)
"""How long after its commit a look may send: a silent worker's tickets are handed out after ten seconds or more."""


class Meter:
    """Counts the requests that this thread sends to a site. Each is handed out once."""

    def __init__(self, asked: Callable[[], int]) -> None:
        self._asked = asked
        self._counted = asked()

    def take(self) -> int:
        """Return the requests since the last time."""
        before, self._counted = self._counted, self._asked()
        return max(0, self._counted - before)

    def give_back(self, calls: int) -> None:
        """Hand requests out again: what they were taken for was not stored."""
        self._counted -= calls


class Lease:
    """How long a look may send. Seconds that never go back count, for a clock that is set back lengthens nothing.

    The clock counts as well, because those seconds stand still while a machine sleeps.
    """

    def __init__(self, clock: Callable[[], datetime], ticking: Callable[[], float]) -> None:
        self._clock, self._ticking = clock, ticking
        self._since, self._ticks = clock(), ticking()

    def ended(self) -> bool:
        """Say whether another worker may have taken the ticket over."""
        return self._ticking() - self._ticks >= LEASE.total_seconds() or self._clock() - self._since >= LEASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What stays the same while a ticket is looked at. `site` is as the vendor shows it now.

    `waits`: when to look again because of an order that must wait.
    """

    post: Post
    site: Site
    work: Work
    policy: Policy
    meter: Meter
    now: datetime
    waits: datetime | None = None


def climbs_to(decision: Decision) -> int | None:
    """Return the level that a ticket is moved up to; a ticket that comes down is nobody's new work."""
    command = decision.command
    return command.level if command is not None and command.level > command.level_before else None


def sendable(
    visit: Visit, case: Case, calls: Sequence[StoredCall], facts: Facts
) -> tuple[list[StoredCall], datetime | None]:
    """Return the calls that may go out now, in order, and when to come back if some must wait."""
    paused = {p.operation for p in case.pending if facts.paused or p.rule in facts.paused_rules}
    waiting = {c.call.operation for c in calls if c.state is CallState.SENDING}
    blocked = paused | waiting
    ready = [c for c in calls if c.state is CallState.PLANNED and c.call.operation not in blocked]
    if not ready or facts.mode is Mode.OBSERVE:
        return [], None
    wait = visit.post.brake.wait_until(visit.now)
    return ([], wait) if wait is not None else (sorted(ready, key=in_order), None)


def halted(store: Store, visit: Visit, case: Case, clock: Callable[[], datetime]) -> Callable[[str], bool]:
    """Return what tells whether an operation is paused now, for a look can take a while."""
    rules = {pending.operation: f"rule:{pending.rule}" for pending in case.pending}
    everything, paused, known_at = {"all", f"site:{visit.post.scope}"}, visit.work.switches, visit.now

    def is_paused(operation: str) -> bool:
        nonlocal paused, known_at
        now = clock()
        if not timedelta(0) <= now - known_at < FRESH:
            paused, known_at = store.switches(), now
        return bool(paused.keys() & {*everything, rules.get(operation, "all")})

    return is_paused
