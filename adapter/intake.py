"""One delivery in: prove the sender, write it down once, mark its tickets due. Reading comes later, so that a parser's
bug is a replay and not a loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from adapter.journal import Journal
from adapter.pressure import Pressure
from adapter.records import Receipt, Store
from adapter.sites import Post
from connectors.contract import Delivery
from policies.model import TicketRef

_PROOFS = ("auth", "cookie", "key", "password", "secret", "signature", "token")


class Intake:
    """Accepts deliveries. `wake` tells the scheduler that a ticket is due now; `pressure`, whether there is room."""

    def __init__(self, store: Store, journal: Journal, wake: Callable[[TicketRef], None], pressure: Pressure) -> None:
        self._store = store
        self._journal = journal
        self._wake = wake
        self._pressure = pressure

    def accept(self, post: Post, delivery: Delivery, now: datetime) -> Receipt:
        """Keep the delivery, on the disk when this returns.

        Raises BadSignature, TryLater if clocks disagree, Refused if there is no room for it now.
        """
        connector = post.connector
        connector.verify(delivery, post.site.settings, now)
        refs, problem = self._sorted(post, delivery)
        headers = {name: value for name, value in delivery.headers.items() if not proves(name)}
        query = [pair for pair in parse_qsl(delivery.query, keep_blank_values=True) if not proves(pair[0])]
        delivery = replace(delivery, headers=headers, query=urlencode(query))
        known_by = connector.delivery_id(delivery)
        with self._pressure.room():
            receipt = self._store.receive(delivery, known_by, refs, problem)
        if not receipt.new:
            self._journal.tell("delivery.seen", site=post.scope, row=receipt.row)
            return receipt
        event = "delivery.dead" if problem else "delivery.kept"
        self._journal.tell(event, site=post.scope, row=receipt.row, tickets=[str(r) for r in refs], problem=problem)
        for ref in refs:
            self._wake(ref)
        return receipt

    def _sorted(self, post: Post, delivery: Delivery) -> tuple[tuple[TicketRef, ...], str | None]:
        try:
            return post.connector.tickets(delivery, post.site), None
        except Exception as error:  # whatever it is, the sender was genuine: keep it for a person (decision 1)
            return (), f"{type(error).__name__}: {error}"[:500]


def proves(name: str) -> bool:
    """Say whether a header, or a part of a query, proves who somebody is, so that it may not be kept."""
    return any(word in name.lower() for word in _PROOFS)
