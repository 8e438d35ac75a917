"""One look in progress: the site, the work, the policy, the requests made so far, and which calls may go out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.outbox import in_order
from adapter.records import CallState, Store, StoredCall, Work
from adapter.sites import Post
from connectors.site import Site
from policies.case import Case, Facts
from policies.commands import Mode
from policies.policy import Policy


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What stays the same while a ticket is looked at. `site` is as the vendor shows it now."""

    post: Post
    site: Site
    work: Work
    policy: Policy
    meter: Meter
    now: datetime


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


def halted(store: Store, post: Post, case: Case) -> Callable[[str], bool]:
    """Return what tells whether an operation is paused at this very moment, for a look can take a while."""
    rules = {pending.operation: f"rule:{pending.rule}" for pending in case.pending}

    def is_paused(operation: str) -> bool:
        paused = store.switches().keys()
        return bool(paused & {"all", f"site:{post.scope}", rules.get(operation, "all")})

    return is_paused
