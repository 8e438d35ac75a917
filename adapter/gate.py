"""Who may write: a site is examined first, again once a day, and whenever another policy decides.

Until the first examination has ended the site's tickets rest. What `doctor` finds meanwhile, as an administrator
perhaps, counts from the next minute on. It decides nothing about a ticket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from adapter.brakes import Resting
from adapter.examination import Examined, Kept, Verdict, examine, keep, last, remembering, verdict
from adapter.journal import Journal
from adapter.sites import Post
from adapter.uses import MONTH, uses_of
from connectors.contract import Keeper, Refused, TryLater
from connectors.upkeep import Grade
from policies.commands import Mode
from policies.policy import Policy

EVERY = timedelta(days=1)
SOONER = timedelta(hours=1)
"""When a site is examined again of which one question found no answer."""
LONG_REST = timedelta(minutes=15)
"""How long a site rests before somebody is called, and called again."""
_GLANCE = timedelta(seconds=60)
"""How often it is looked whether another policy decides, or `doctor` has found something."""
_REST = 3.0
_FIRST_TRY_AGAIN, _LONGEST = timedelta(seconds=5), timedelta(minutes=5)


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
        self._rests: dict[str, tuple[datetime, str]] = {}
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

    @property
    def governs(self) -> bool:
        """Say whether this process examines sites, or takes up what another finds; one that only receives does not."""
        return self._began is not None

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

    def run(self, now: datetime, *, examines: bool = True) -> datetime | None:
        """Examine the sites whose turn it is; return when to come again, None if no site wants to write.

        Of several processes one examines; the others only take up what it found.
        """
        gated = [post for post in self._posts if _is_gated(post)]
        for post in gated:
            self._take_up(post, now)
            examined, (tries, again) = self._examined.get(post.scope), self._tries.get(post.scope, (0, now))
            if examines and (examined is None or not self._is_fresh(examined, now)) and again <= now:
                self._examine(post, tries, now)
            if post.scope not in self._known:
                self._call_somebody(post, now)
        waiting = [again for _, again in self._tries.values()]
        return min([*waiting, now + _GLANCE]) if gated else None

    def stop(self) -> None:
        """Leave an examination that is under way instead of waiting for the vendor; it only reads."""
        self._stopping.set()

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def _take_up(self, post: Post, now: datetime) -> None:
        """Judge by what another process found since, such as an administrator's `doctor`."""
        found = last(self._store, post.scope)
        if found is not None and found != self._examined.get(post.scope) and self._is_fresh(found, now):
            self._tries.pop(post.scope, None)
            self._judge(post, found, now)

    def _call_somebody(self, post: Post, now: datetime) -> None:
        """Say aloud that a site still rests, once it has for long."""
        called, reason = self._rests.setdefault(post.scope, (now, "its examination has not ended"))
        if now - called >= LONG_REST:
            self._rests[post.scope] = now, reason
            todo = f"run `stepladder doctor {post.site.name}`: it shows what the vendor answers"
            says = f"the site cannot be examined, so nothing is decided or written there: {reason}"
            self._journal.tell("examination.alarm", site=post.scope, reason=says, todo=todo)

    def _examine(self, post: Post, tries: int, now: datetime) -> None:
        revision = self._store.active_policy()
        site = post.site
        policy, wrote = self._policy(revision) if revision else None, self._store.written(post.scope, now - MONTH)
        uses = uses_of(policy, site.vendor, site.name, self._public_url, wrote)
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
        if rests := post.scope not in self._known:
            self._rests[post.scope] = self._rests.get(post.scope, (now, ""))[0], reason
        self._journal.tell("examination.later", site=post.scope, reason=reason, again=again, rests=rests)

    def _judge(self, post: Post, examined: Examined, now: datetime) -> None:
        before, found = self._known.get(post.scope), verdict(post.site.settings, examined.findings)
        self._examined[post.scope] = examined
        since = now if before is not None else self._began or now  # what came while it rested is no old matter
        self._store.set_mode(post.scope, found.mode, since.replace(microsecond=0))  # vendors tell whole seconds
        self._known[post.scope] = found
        self._rests.pop(post.scope, None)
        wrong = [one.name for one in examined.findings if one.grade is Grade.PROBLEM]
        if before is None or before.mode is not found.mode or examined.at == now:
            told = {"mode": found.mode.value, "problems": wrong, "examined": examined.at}
            self._journal.tell("examination.done", site=post.scope, **told)
        if found.waits_for and found != before:
            todo = f"run `stepladder doctor {post.site.name}`: it names the cures, and how to accept them"
            self._journal.tell("examination.alarm", site=post.scope, reason=found.says, todo=todo)

    def _is_fresh(self, examined: Examined, now: datetime) -> bool:
        lasts = EVERY if examined.is_whole else SOONER
        return timedelta() <= now - examined.at < lasts and examined.policy == self._store.active_policy()


def _is_gated(post: Post) -> bool:
    return post.site.settings.mode is not Mode.OBSERVE and post.connector.examine is not None
