"""The sites that are configured, each with its connector, its way out and its brake."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from adapter.brakes import Brake, Resting
from adapter.journal import Journal
from adapter.stopwatch import Timed
from connectors.contract import Client, Connector, Keeper, TryLater
from connectors.limits import Tally
from connectors.site import Site, SiteSettings
from policies.commands import Mode
from policies.model import TicketRef


class Post:
    """One site as the rooms use it."""

    def __init__(
        self,
        name: str,
        connector: Connector,
        settings: SiteSettings,
        keeper: Keeper,
        journal: Journal | None = None,
        brake: Brake | None = None,
        tally: Tally | None = None,
        *,
        ticking: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._journal = journal or Journal()
        self._keeper = keeper
        self._tally = tally
        self._ticking = ticking
        self._now = now
        self.connector = connector
        self.site = Site(name=name, settings=settings, account=settings.account)
        self.brake = brake or Brake()
        self._account = settings.account
        self._client: Client | None = None
        self._seen: Site | None = None
        self._lock = threading.Lock()

    @property
    def scope(self) -> str:
        """The site as switches and modes name it: `vendor/site`."""
        return f"{self.site.vendor}/{self.site.name}"

    def client(self) -> Client:
        """Return the way out, opened at first use."""
        with self._lock:
            if self._client is None:
                client = self.connector.connect(self.site, self._keeper, self._ticking, now=self._now)
                if self._tally is not None:
                    client.pace.share(self._tally)
                self._client = Timed(client, self.scope, self._journal)
            return self._client

    def asked(self) -> int:
        """Return how many requests this thread has sent to the site so far."""
        return self._client.asked() if self._client is not None else 0

    def close(self) -> None:
        """Close the way out, if it was opened."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def view(self, now: datetime) -> Site:
        """Return the site with names turned into ids, our account's id and the names of things.

        The vendor is asked only if nothing is cached, and not while it is given a rest: then what was seen last is
        shown. A site that only observes is read as it is configured rather than not at all. Raises Resting.
        """
        if self._seen is not None and self.brake.closed:
            return self._seen
        try:
            return self._ask(now)
        except Resting:
            if self.site.settings.mode is Mode.OBSERVE:
                return self._seen or self.site
            raise

    def _ask(self, now: datetime) -> Site:
        """Ask as one of many, or as the only one while the site is given a rest. Raises Resting with when to return."""
        wait = self.brake.wait_until(now) if self.brake.closed else None
        if wait is None:
            try:
                return self._learn()
            except TryLater as later:
                wait = self.brake.failed(later, now)
                self._journal.tell("site.alarm", site=self.scope, reason=str(later), again=wait)
        raise Resting((wait - now).total_seconds())

    def _learn(self) -> Site:
        client = self.client()
        before = client.asked()
        settings = client.settings()
        self._account = self._account or client.account()
        if client.asked() > before:
            self.brake.succeeded()
        else:
            self.brake.unused()
        self._seen = replace(self.site, settings=settings, account=self._account, names=client.names())
        return self._seen


def as_configured(post: Post) -> Mode:
    """Return how far a site may go by its settings alone."""
    return post.site.settings.mode


class Sites:
    """All posts, found by vendor and name."""

    def __init__(self, posts: Iterable[Post]) -> None:
        self._posts: Mapping[str, Post] = {post.scope: post for post in posts}

    def find(self, vendor: str, name: str) -> Post | None:
        """Return the post of a configured site."""
        return self._posts.get(f"{vendor}/{name}")

    def of(self, ref: TicketRef) -> Post | None:
        """Return the post of a ticket's site, if it is still configured."""
        return self.find(ref.vendor, ref.site)

    def close(self) -> None:
        """Close every way out."""
        for post in self:
            post.close()

    def __iter__(self) -> Iterator[Post]:
        return iter(self._posts.values())
