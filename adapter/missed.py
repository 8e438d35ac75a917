"""Asks every site what changed, and compares it with what was heard. What nobody told us is made due, not decided.

Vendors give up webhooks after a while, and some are never sent. A ticket that was changed without our hearing of it is
fetched by its next look, and decided upon like any other.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from adapter.gaps import Rounds, Watch, Why
from adapter.journal import Journal
from adapter.records import Store
from adapter.sites import Post, Sites
from adapter.visit import Meter
from connectors.contract import Changed, Client, Refused, TryLater
from policies.model import TicketRef

OVERLAP = timedelta(minutes=5)
"""How far back each question reaches once more: a vendor's search learns of a change a little later."""
MOST = 2000
"""How many changes one run takes; the next goes on from there, so that no other site waits long."""
MOST_PAGES = 200
MOST_SHOWN = 50_000
"""How much one question may be answered with. A vendor whose list has no end is left, and asked another time."""
_AT_ONCE = 100
_SOON = timedelta(minutes=1)


@dataclass(slots=True)
class _Found:
    """What one run has counted so far."""

    changed: int = 0
    missed: int = 0


class _Stopped(Exception):
    """The process ends; what was compared so far is stored."""


class Missed:
    """Compares, site by site. Runs on one thread; `stop` ends a run after the page or the change it is at."""

    def __init__(
        self,
        store: Store,
        sites: Sites,
        journal: Journal,
        clock: Callable[[], datetime],
        wake: Callable[[TicketRef], None],
        rounds: Rounds,
    ) -> None:
        self._store = store
        self._sites = sites
        self._journal = journal
        self._clock = clock
        self._wake = wake
        self._rounds = rounds
        self._again: dict[str, datetime] = {}
        self._stopping = threading.Event()

    def run(self) -> datetime | None:
        """Compare every site whose time has come; return when the next one's comes."""
        if not self._rounds.every:
            return None
        due = [self._in_turn(post) for post in self._sites if not self._stopping.is_set()]
        return min(due, default=None)

    def stop(self) -> None:
        """Ask for no further page and take no further change; what was compared is stored."""
        self._stopping.set()

    def _in_turn(self, post: Post) -> datetime:
        now = self._clock()
        watch = self._store.watch(post.scope, now)
        due = max(watch.ask_from + self._rounds.wait, (watch.asked_at or watch.since) + self._rounds.every)
        due = max(due, self._again.get(post.scope, due))
        clock_was_ahead = watch.possible(now, self._rounds.wait) is not watch
        if now < due <= now + self._rounds.every + self._rounds.wait and not clock_was_ahead:
            return due
        self._again[post.scope] = self.check(post, watch, now)
        return self._again[post.scope]

    def check(self, post: Post, watch: Watch, now: datetime) -> datetime:
        """Compare one site; return when to do so again. Whatever fails, the next run begins where this one ended."""
        wait = post.brake.wait_until(now)
        if wait is not None:
            return self._put_off(post, "the site is given a rest", wait)
        meter = Meter(post.asked)
        try:
            return self._compared(post, self._believed(post, watch, now), now)
        except TryLater as later:
            return self._put_off(post, str(later), post.brake.failed(later, self._clock()))
        except Refused as refused:
            post.brake.succeeded()
            return self._put_off(post, str(refused), now + self._rounds.every)
        finally:
            if calls := meter.take():
                self._store.count_calls(post.scope, calls, now)

    def _believed(self, post: Post, watch: Watch, now: datetime) -> Watch:
        """Return how far the site was compared, as far as that can be true."""
        believed = watch.possible(now, self._rounds.wait)
        if believed is not watch:
            self._store.compare(believed, (), now)
            self._journal.tell("clock.differs", site=post.scope, reason=believed.problem, asked_from=believed.ask_from)
        return believed

    def _compared(self, post: Post, watch: Watch, now: datetime) -> datetime:
        until, found = now - self._rounds.wait, _Found()
        batch: list[Changed] = []
        try:
            for changed in self._shown(post.client(), watch.ask_from, until):
                if found.changed >= MOST and changed.at > watch.ask_from:
                    raise _Stopped
                batch.append(changed)
                found.changed += 1
                if len(batch) >= _AT_ONCE:
                    watch = _reached(watch, batch)
                    self._keep(watch, batch, found, now)
                    batch = []
        except _Stopped:
            self._keep(_reached(watch, batch), batch, found, now)
            return now + _SOON
        post.brake.succeeded()
        begin = max(watch.since, until - OVERLAP)
        problem = watch.problem if until < watch.since else None
        ended = replace(watch, watermark=max(watch.since, until), ask_from=begin, asked_at=now, problem=problem)
        self._keep(ended, batch, found, now)
        told = {"until": until, "changed": found.changed, "missed": found.missed}
        self._journal.tell("missed.checked", site=post.scope, **told)
        return now + self._rounds.every

    def _shown(self, client: Client, since: datetime, until: datetime) -> Iterator[Changed]:
        """Yield what changed up to a moment. What changed later is left out, wherever in the list it stands."""
        pages = itertools.count(1)

        def before_page() -> None:
            self._goes_on(next(pages), MOST_PAGES, "pages")

        for number, changed in enumerate(client.changed_since(since, before_page), 1):
            self._goes_on(number, MOST_SHOWN, "changes")
            if changed.at <= until:
                yield changed

    def _goes_on(self, number: int, most: int, what: str) -> None:
        """Go on unless the process ends, or the answer does not. Raises TryLater for the latter."""
        if self._stopping.is_set():
            raise _Stopped
        if number > most:
            says = f"its list of what changed has no end: it was left after {most:,} {what}"
            raise TryLater(says, after=self._rounds.every.total_seconds(), site_wide=False)

    def _keep(self, watch: Watch, batch: Sequence[Changed], found: _Found, now: datetime) -> None:
        """Store what was compared, with the moment up to which it was, and wake the tickets that are to be fetched."""
        for gap in self._store.compare(watch, batch, now):
            if gap.why is Why.MISSED:
                found.missed += 1
                self._journal.tell("ticket.missed", ticket=str(gap.ref), changed=gap.at)
                self._wake(gap.ref)

    def _put_off(self, post: Post, reason: str, again: datetime) -> datetime:
        now = self._clock()
        self._store.compare(replace(self._store.watch(post.scope, now), problem=reason), (), now)
        self._journal.tell("missed.later", site=post.scope, reason=reason, again=again)
        return again


def _reached(watch: Watch, batch: Sequence[Changed]) -> Watch:
    """Return how far a run has come that is not at its end.

    The next one begins with the earliest of the last changes: a vendor's list may be a little out of order.
    """
    times = [changed.at for changed in batch] or [watch.ask_from]
    return replace(watch, ask_from=max(watch.ask_from, min(times)), watermark=max(watch.watermark, *times))


# --- what to tell people ------------------------------------------------------------------------------------
def report(store: Store, site: str, now: datetime, rounds: Rounds) -> tuple[str, ...]:
    """Say in sentences what a site (`vendor/site`) did not tell today, and what was asked of it."""
    day = store.day(site, now.astimezone(UTC).date())
    missed = _missed(store.watch_of(site), day.missed, day.changed, rounds)
    return (*missed, *_beside(day.ours, day.outside), _calls(day.calls, day.deliveries))


def _missed(watch: Watch | None, missed: int, changed: int, rounds: Rounds) -> Iterator[str]:
    if not rounds.every:
        yield "nobody looks for missed events: [missed] every is 0"
        return
    if watch is None or watch.asked_at is None:
        wait = max(rounds.wait, rounds.every).total_seconds() / 60
        yield f"not asked yet what was missed; the first time is about {wait:.0f} minutes after the first start"
    else:
        yield f"{missed:,} of {changed:,} changes missed today, compared up to {watch.watermark:%H:%M} UTC"
    if watch is not None and watch.problem is not None:
        yield f"not asked since {watch.asked_at or watch.since:%d %b %H:%M} UTC: {watch.problem}"


def _beside(ours: int, outside: int) -> Iterator[str]:
    if ours:
        yield f"{ours:,} more were our own writes whose echo did not come"
    if outside:
        yield f"{outside:,} more were tickets that the policy does not name; they are only counted"


def _calls(calls: int, deliveries: int) -> str:
    if not deliveries:
        return f"no deliveries today, {calls:,} calls"
    return f"{calls / deliveries:.2f} calls per delivery today: {calls:,} for {deliveries:,}"
