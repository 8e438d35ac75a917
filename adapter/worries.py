"""What is worth an alarm at this moment, each with its cause and its cure. It asks the tables and the sites, no vendor.

What is held for a reason (a pause, a site that rests, a site that only observes) is no worry, unless a site rests for
long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from adapter.brakes import Resting
from adapter.gaps import Rounds
from adapter.sites import Post, Sites
from adapter.vigilance import Audit
from adapter.vitals import Gauges, Vitals, Waiting
from connectors.contract import Keeper
from connectors.endings import ending
from policies.commands import Mode

STILL = 5.0
"""Seconds after which the scheduler's clock counts as stopped."""
_FRESH = timedelta(days=1)
"""How long a dead letter is news; it stays listed after that."""
_SELDOM = timedelta(minutes=5)
"""How often the counts of each day are read: they change with every question to a site, four times an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worry:
    """Something that a person should know: its name, the site it is about if it is one's, a sentence, and the cure."""

    name: str
    says: str
    todo: str
    about: str = ""


class Worries:
    """Looks for trouble. `pulse`: seconds since the scheduler's clock turned; `free`: which part of the disk is."""

    def __init__(
        self,
        store: Gauges,
        sites: Sites,
        keeper: Keeper,
        settings: Audit,
        rounds: Rounds,
        mode: Callable[[Post], Mode],
        pulse: Callable[[], float],
        free: Callable[[], float | None],
    ) -> None:
        self._store = store
        self._sites = sites
        self._keeper = keeper
        self._settings = settings
        self._rounds = rounds
        self._mode = mode
        self._pulse = pulse
        self._free = free
        self._silence = _Silence()
        self._away: dict[str, datetime] = {}

    def found(self, now: datetime) -> Iterator[Worry]:
        """Yield everything that is wrong. Raises Unusable if the tables cannot be asked."""
        vitals = self._store.vitals(now)
        resting = [post.scope for post in self._sites if post.brake.closed or self._mode_of(post) is None]
        yield from self._long_away(now)
        yield from self._late(now, resting)
        yield from self._stuck(now, vitals, resting)
        yield from self._unread(now, vitals)
        yield from self._letters(now, vitals)
        yield from self._unasked(now, resting)
        yield from self._silent(now)
        yield from self._disk()
        yield from self._credentials(now)

    def _mode_of(self, post: Post) -> Mode | None:
        try:
            return self._mode(post)
        except Resting:
            return None

    # --- tickets and calls --------------------------------------------------------------------------------------
    def _late(self, now: datetime, resting: Sequence[str]) -> Iterator[Worry]:
        found = self._store.late(now - timedelta(minutes=self._settings.late), resting)
        if found is not None:
            still = self._pulse()
            why = f"the scheduler's clock has stood still for {still:.0f} s" if still > STILL else "nothing holds them"
            says = f"tickets that wait for a look: {found.count}, {found.ref} since {_hour(found.since)}; {why}"
            yield Worry(name="late", says=says, todo="is a worker running, and has it enough [worker] threads?")

    def _stuck(self, now: datetime, vitals: Vitals, resting: Sequence[str]) -> Iterator[Worry]:
        """Tell of calls that nothing holds: no pause, no rest, and a site that may write."""
        if "all" in vitals.switches:
            return
        silent = [post.scope for post in self._sites if self._mode_of(post) is Mode.OBSERVE]
        paused = [scope.removeprefix("site:") for scope in vitals.switches if scope.startswith("site:")]
        before = now - timedelta(minutes=self._settings.stuck)
        found = self._store.unended(before, [*resting, *silent, *paused])
        free = sorted((one for one in found if f"rule:{one.rule}" not in vitals.switches), key=_site)
        for site, calls in groupby(free, _site):
            oldest = min(calls, key=lambda one: (one.since, one.key))
            said = f"; last it was said: {oldest.said}" if oldest.said else ""
            since = f"has been open since {_hour(oldest.since)} and nothing holds it"
            says = f"call {oldest.key} of {oldest.ref} {since}{said}"
            yield Worry(name="stuck", about=site, says=says, todo=f"`stepladder calls list --ticket {oldest.ref}`")

    def _unread(self, now: datetime, vitals: Vitals) -> Iterator[Worry]:
        if vitals.dead_at is not None and vitals.dead_at > now - _FRESH:
            says = f"deliveries that could not be read: {vitals.dead}, the newest of {_hour(vitals.dead_at)}"
            yield Worry(name="dead", says=says, todo="`stepladder deliveries list --dead`; after an update replay them")
        if vitals.left:
            says = f"tickets not looked at any more: {vitals.left}; six looks in a row ended in a fault of ours"
            yield Worry(name="left", says=says, todo="`stepladder replay` lists them with the reasons")

    def _letters(self, now: datetime, vitals: Vitals) -> Iterator[Worry]:
        since = vitals.letter_since
        if since is not None and since < now - timedelta(minutes=self._settings.stuck) and not vitals.switches:
            says = f"messages to people that wait: {vitals.letters}, the oldest since {_hour(since)}"
            yield Worry(
                name="letters", says=says, todo="the log's latest notice.later says what the mail server answered"
            )

    # --- sites --------------------------------------------------------------------------------------------------
    def _unasked(self, now: datetime, resting: Collection[str]) -> Iterator[Worry]:
        if not self._rounds.every:
            return
        patience = self._rounds.every * 4 + self._rounds.wait
        ours = {post.scope for post in self._sites} - set(resting)
        for watch in self._store.watches():
            last = watch.asked_at or watch.since
            if watch.site in ours and last < now - patience:
                why = f": {watch.problem}" if watch.problem else ""
                says = f"{watch.site} was not compared with what we heard since {_hour(last)}{why}"
                yield Worry(
                    name="unasked", about=watch.site, says=says, todo=f"`stepladder missed {_name(watch.site)}`"
                )

    def _long_away(self, now: datetime) -> Iterator[Worry]:
        """Tell of sites that have rested for long, as far as this auditor has seen it begin."""
        away = {post.scope: post for post in self._sites if post.brake.failing or self._mode_of(post) is None}
        self._away = {scope: min(self._away.get(scope, now), now) for scope in away}
        for scope, since in self._away.items():
            if now - since >= timedelta(minutes=self._settings.stuck):
                said = away[scope].brake.said or "it could not be examined, the log's examination.later says why"
                says = f"{scope} has been given a rest since {_hour(since)}; last it answered: {said}"
                todo = f"`stepladder doctor {_name(scope)}`: the vendor is away, or does not take our credentials"
                yield Worry(name="away", about=scope, says=says, todo=todo)

    def _silent(self, now: datetime) -> Iterator[Worry]:
        self._silence.read(self._store, now)
        for site, (since, missed) in self._silence.since.items():
            if missed and now - since >= timedelta(minutes=self._settings.silent):
                says = f"{missed} changes at {site} since {_hour(since)}, and no webhook told us of any"
                todo = f"`stepladder doctor {_name(site)}`: the webhook, its last deliveries, and who may reach us"
                yield Worry(name="silent", about=site, says=says, todo=todo)

    def _credentials(self, now: datetime) -> Iterator[Worry]:
        for post in self._sites:
            try:
                kept = self._keeper.load(post.site.name)
            except (OSError, ValueError):  # told once a day, with what to do
                continue
            found = ending(post.site.settings, kept, now)
            if found is not None and found.alarm:
                todo = f"renew them; `stepladder doctor {post.site.name}`"
                yield Worry(name="credentials", about=post.scope, says=f"{post.scope}: {found.says}", todo=todo)

    def _disk(self) -> Iterator[Worry]:
        free = self._free()
        if free is not None and free * 100 < self._settings.disk:
            says = f"{free:.1%} of the disk that the database is on is free; when it is full nothing is taken any more"
            yield Worry(name="disk", says=says, todo="make room, or shorten [retention]")


class _Silence:
    """Since when nothing was heard from each site, and how many changes there were meanwhile."""

    def __init__(self) -> None:
        self.since: dict[str, tuple[datetime, int]] = {}
        self._seen: dict[tuple[str, date], tuple[int, int]] = {}
        self._read_at: datetime | None = None

    def read(self, store: Gauges, now: datetime) -> None:
        """Read today's and yesterday's counts, if that is worth it: a change may be counted a day later."""
        if self._read_at is not None and timedelta() <= now - self._read_at < _SELDOM:
            return
        first, self._read_at = self._read_at is None, now
        for site, day in store.counted((now - timedelta(days=1)).date()):
            heard = day.changed - day.missed - day.ours - day.outside
            before = (heard, day.missed) if first else self._seen.get((site, day.day), (0, 0))
            self._seen[site, day.day] = heard, day.missed
            since, missed = self.since.get(site, (now, 0))
            more = max(0, day.missed - before[1])
            self.since[site] = (now, 0) if heard > before[0] else (since, missed + more)
        self._seen = {key: seen for key, seen in self._seen.items() if key[1] >= (now - timedelta(days=2)).date()}


def _site(call: Waiting) -> str:
    return f"{call.ref.vendor}/{call.ref.site}"


def _name(scope: str) -> str:
    return scope.rpartition("/")[2]


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
