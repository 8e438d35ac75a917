"""Who is a customer of a service project: Data Center does not say, so it is asked who could have the issue.

Customers cannot, agents can. It changes nothing, and where our account may not ask, nobody is taken for a customer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.contract import TryLater
from connectors.jira.line import Line
from connectors.jira.picture import customer_key
from connectors.jira.pools import can_have
from policies.model import TicketRef

KEEP = 600.0  # seconds
_MOST_REMEMBERED = 5_000


class Customers:
    """The people of one site who only ask. Safe to use from several threads."""

    def __init__(self, line: Line, clock: Callable[[], float]) -> None:
        self._line, self._clock = line, clock
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, bool | None]] = {}  # until when it counts; whether they can have an issue

    def known(self) -> Mapping[str, str]:
        """Return who is a customer where, by `customer_key`; never asks."""
        with self._lock:
            return dict.fromkeys((key for key, (_, can) in self._found.items() if can is False), "customer")

    def among(
        self, people: Iterable[str], ref: TicketRef, fields: Mapping[str, Any], account: str | None
    ) -> Mapping[str, str]:
        """Find out who of these people is a customer, as far as Jira tells; what it said counts for ten minutes."""
        for who in people:
            if self.is_one(who, ref, fields, account) is None:
                self._remember(customer_key(who, fields), can=None)
        return self.known()

    def is_one(self, who: str, ref: TicketRef, fields: Mapping[str, Any], account: str | None) -> bool | None:
        """Say whether this person only asks; None where Jira does not tell."""
        can = self._can_have(who, ref, fields)
        if can is not False:
            return None if can is None else False
        # a no means something only if our own account, which has an agent's licence, is found too
        return True if account is None or self._can_have(account, ref, fields) is not False else None

    def _can_have(self, who: str, ref: TicketRef, fields: Mapping[str, Any]) -> bool | None:
        key = customer_key(who, fields)
        with self._lock:
            expires, can = self._found.get(key, (float("-inf"), None))
        if self._clock() < expires:
            return can
        try:
            return self._remember(key, can=can_have(self._line, who, ref.id))
        except TryLater:
            return None  # asked again with the next message; a ticket does not wait for this

    def _remember(self, key: str, *, can: bool | None) -> bool | None:
        with self._lock:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[key] = (self._clock() + KEEP, can)
        return can
