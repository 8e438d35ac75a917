"""Watches, once a day, for credentials that end soon, and says so. It renews nothing and asks no vendor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from adapter.journal import Journal
from adapter.sites import Sites
from connectors.contract import Keeper
from connectors.endings import ending

_EVERY = timedelta(days=1)


class Expiry:
    """`run` is made for an errand."""

    def __init__(self, sites: Sites, keeper: Keeper, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._sites = sites
        self._keeper = keeper
        self._journal = journal
        self._clock = clock

    def run(self) -> datetime:
        """Say of every site whose credentials end within thirty days when they do; return when to look again."""
        now = self._clock()
        for post in self._sites:
            try:
                kept = self._keeper.load(post.site.name)
            except (OSError, ValueError) as error:  # what the settings say of an end is still worth a word
                self._journal.tell("credentials.unreadable", site=post.scope, reason=str(error))
                kept = {}
            found = ending(post.site.settings, kept, now)
            if found is not None:
                event = "credentials.alarm" if found.alarm else "credentials.ending"
                self._journal.tell(event, site=post.scope, at=found.at, days=found.days, reason=found.says)
        return now + _EVERY
