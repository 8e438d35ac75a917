"""Whether a site may act: it is examined first, again once a day, and whenever another policy decides.

Until the first examination has ended the site's tickets rest. Where people outside would hear of our writes and nobody
has accepted that by name, the site is only observed (decision 21). What was found is kept, for `doctor` and `explain`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from adapter.brakes import Resting
from adapter.journal import Journal
from adapter.sites import Post
from adapter.uses import uses_of
from connectors.contract import Connector, Keeper, Refused, TryLater
from connectors.site import Site, SiteSettings
from connectors.upkeep import Finding, Grade, Uses
from policies.commands import Mode
from policies.policy import Policy

EVERY = timedelta(days=1)
_GLANCE = timedelta(seconds=60)
"""How often it is looked whether another policy decides."""
_REST = 3.0
_FIRST_TRY_AGAIN, _LONGEST = timedelta(seconds=5), timedelta(minutes=5)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination found, when, and under which policy."""

    at: datetime
    policy: str | None
    findings: tuple[Finding, ...]


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
    """Judge what was found: a site does not act while a finding that the customer hears is not accepted by name."""
    if settings.mode is not Mode.ACT:
        return Verdict(mode=settings.mode)
    waits = tuple(found for found in findings if found.customer_hears and found.name not in settings.accepts)
    return Verdict(mode=Mode.OBSERVE if waits else Mode.ACT, waits_for=waits)


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
    }


# --- while it runs ------------------------------------------------------------------------------------------
class _Stopped(Exception):
    """The process ends: what was found so far says nothing."""


class Gate:
    """Lets a site act, observe or rest, by what its examinations found; `run` is made for an errand."""

    def __init__(
        self,
        store: Kept,
        posts: Iterable[Post],
        keeper: Keeper,
        policy: Callable[[str], Policy],
        journal: Journal,
        public_url: str | None = None,
    ) -> None:
        self._store = store
        self._posts: Sequence[Post] = tuple(posts)
        self._keeper = keeper
        self._policy = policy
        self._journal = journal
        self._public_url = public_url
        self._known: dict[str, Verdict] = {}
        self._examined: dict[str, Examined] = {}
        self._tries: dict[str, tuple[int, datetime]] = {}
        self._stopping = threading.Event()
        self._began: datetime | None = None

    def mode(self, post: Post) -> Mode:
        """Return how far a site may go now. Raises Resting while that is not known."""
        if not _is_gated(post):
            return post.site.settings.mode
        known = self._known.get(post.scope)
        if known is None:
            raise Resting(_REST)
        return known.mode

    def govern(self, now: datetime) -> None:
        """Say in which mode each site works, as far as that is known without asking anybody.

        A site that is examined first acts, once it may, on whatever has happened from this moment on.
        """
        self._began = now
        for post in self._posts:
            if not _is_gated(post):
                self._store.set_mode(post.scope, post.site.settings.mode, now.replace(microsecond=0))
            elif (examined := last(self._store, post.scope)) is not None and self._is_fresh(examined, now):
                self._judge(post, examined, now)

    def run(self, now: datetime) -> datetime | None:
        """Examine the sites whose turn it is; return when to come again, None if no site wants to act."""
        gated = [post for post in self._posts if _is_gated(post)]
        for post in gated:
            examined, (tries, again) = self._examined.get(post.scope), self._tries.get(post.scope, (0, now))
            if (examined is None or not self._is_fresh(examined, now)) and again <= now:
                self._examine(post, tries, now)
        waiting = [again for _, again in self._tries.values()]
        return min([*waiting, now + _GLANCE]) if gated else None

    def stop(self) -> None:
        """Leave an examination that is under way instead of waiting for the vendor; it only reads."""
        self._stopping.set()

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def _examine(self, post: Post, tries: int, now: datetime) -> None:
        revision = self._store.active_policy()
        site = post.site
        uses = uses_of(self._policy(revision) if revision else None, site.vendor, site.name, self._public_url)
        try:
            found = examine(site.name, post.connector, site.settings, self._keeper, uses, now, self._wait)
        except _Stopped:
            return
        except (TryLater, Refused) as error:
            self._failed(post, str(error), tries, now)
            return
        except Exception as error:  # a fault of ours must not stop the examination of other sites
            self._journal.trouble("examination.failed", error, site=post.scope)
            self._failed(post, f"a fault of ours ({type(error).__name__})", tries, now)
            return
        self._tries.pop(post.scope, None)
        examined = Examined(at=now, policy=revision, findings=remembering(found, last(self._store, post.scope)))
        keep(self._store, post.scope, examined)
        self._judge(post, examined, now)

    def _failed(self, post: Post, reason: str, tries: int, now: datetime) -> None:
        """Try again, later each time; what was found before counts meanwhile, and without it the site rests on."""
        again = now + min(_LONGEST, _FIRST_TRY_AGAIN * 2 ** min(tries, 10))
        self._tries[post.scope] = tries + 1, again
        before = last(self._store, post.scope)
        if before is not None and post.scope not in self._known:
            self._judge(post, before, now)
        rests = post.scope not in self._known
        self._journal.tell("examination.later", site=post.scope, reason=reason, again=again, rests=rests)

    def _judge(self, post: Post, examined: Examined, now: datetime) -> None:
        before, found = self._known.get(post.scope), verdict(post.site.settings, examined.findings)
        self._examined[post.scope] = examined
        since = now if before is not None else self._began or now  # what came while it rested is no old matter
        self._store.set_mode(post.scope, found.mode, since.replace(microsecond=0))  # vendors tell whole seconds
        self._known[post.scope] = found
        wrong = [one.name for one in examined.findings if one.grade is Grade.PROBLEM]
        if before is None or before.mode is not found.mode or examined.at == now:
            self._journal.tell("examination.done", site=post.scope, mode=found.mode.value, problems=wrong)
        if found.waits_for and found != before:
            todo = f"run `stepladder doctor {post.site.name}`: it names the cures, and how to accept them"
            self._journal.tell("examination.alarm", site=post.scope, reason=found.says, todo=todo)

    def _is_fresh(self, examined: Examined, now: datetime) -> bool:
        return timedelta() <= now - examined.at < EVERY and examined.policy == self._store.active_policy()


def _is_gated(post: Post) -> bool:
    return post.site.settings.mode is Mode.ACT and post.connector.examine is not None
