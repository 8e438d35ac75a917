"""A vendor's client that tells how long each answer took. It changes no question and no answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from adapter.journal import Journal
from connectors.contract import Call, Changed, Client, Outcome, Refused, TryLater
from connectors.limits import Pace
from connectors.site import SiteSettings
from policies.model import Event, Ticket, TicketRef


class Timed:
    """The client of one site (`vendor/site`); what it takes is told as `vendor.answered`."""

    def __init__(self, client: Client, scope: str, journal: Journal) -> None:
        self._client = client
        self._scope = scope
        self._journal = journal

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        began, outcome = time.perf_counter(), "ok"
        try:
            yield
        except (TryLater, Refused) as answer:
            outcome = "later" if isinstance(answer, TryLater) else "refused"
            raise
        finally:
            seconds = round(time.perf_counter() - began, 6)
            self._journal.tell("vendor.answered", site=self._scope, kind=kind, outcome=outcome, seconds=seconds)

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the ticket."""
        with self._timed("fetch"):
            return self._client.fetch(ref, fields, now)

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Is this call's effect there already?"""
        with self._timed("look"):
            return self._client.look(call, ref)

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call."""
        with self._timed("write"):
            return self._client.carry_out(call, ticket)

    # --- what is nearly always free, or takes as long as whoever reads it -------------------------------------
    @property
    def pace(self) -> Pace:
        """Our own count of writes."""
        return self._client.pace

    def account(self) -> str:
        """Return the id of the account we act as."""
        return self._client.account()

    def names(self) -> Mapping[str, str]:
        """Return names by `kind:id`."""
        return self._client.names()

    def settings(self) -> SiteSettings:
        """Return the site's settings with names turned into ids."""
        return self._client.settings()

    def asked(self) -> int:
        """Return how many requests this thread has sent so far."""
        return self._client.asked()

    def changed_since(self, since: datetime, before_page: Callable[[], None] = lambda: None) -> Iterator[Changed]:
        """Yield the tickets changed at or after a moment."""
        return self._client.changed_since(since, before_page)

    def cannot_see(self) -> tuple[str, ...]:
        """Return which changes `changed_since` does not show."""
        return self._client.cannot_see()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
