"""The sites that are configured, each with its connector, its way out and its brake."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from adapter.brakes import Brake, Resting
from adapter.journal import Journal
from connectors.contract import Client, Connector, Keeper, Site, SiteSettings, TryLater
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
    ) -> None:
        self._journal = journal or Journal()
        self._keeper = keeper
        self.connector = connector
        self.site = Site(name=name, settings=settings, account=settings.account)
        self.brake = Brake()
        self._account = settings.account
        self._client: Client | None = None
        self._lock = threading.Lock()

    @property
    def scope(self) -> str:
        """The site as switches and modes name it: `vendor/site`."""
        return f"{self.site.vendor}/{self.site.name}"

    def client(self) -> Client:
        """Return the way out, opened at first use."""
        with self._lock:
            if self._client is None:
                self._client = self.connector.connect(self.site, self._keeper)
            return self._client

    def close(self) -> None:
        """Close the way out, if it was opened."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def view(self, now: datetime) -> Site:
        """Return the site with our account's id and the names of things; asks the vendor only if nothing is cached.

        A site that only observes is read without them rather than not at all. Raises Resting where somebody has to
        mend the credentials first: log-ins can be locked out.
        """
        try:
            account = self._account or self._ask_account(now)
        except Resting:
            if self.site.settings.mode is Mode.OBSERVE:
                return self.site
            raise
        return replace(self.site, account=account, names=self.client().names())

    def _ask_account(self, now: datetime) -> str:
        wait = self.brake.wait_until(now)
        if wait is None:
            try:
                self._account = self.client().account()
            except TryLater as later:
                wait = self.brake.failed(later, now)
                self._journal.tell("site.alarm", site=self.scope, reason=str(later), again=wait)
            else:
                self.brake.succeeded()
                return self._account
        raise Resting((wait - now).total_seconds())


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
