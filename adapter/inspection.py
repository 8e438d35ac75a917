"""What whoever runs Stepladder may see of the tables, and put right in them, as values and a protocol.

Bodies are only in what was asked for by its row; nothing here reaches a vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapter.gaps import Order
from adapter.records import StoredCall
from connectors.contract import Delivery
from policies.model import TicketRef


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDelivery:
    """A delivery as it is kept. `size`: bytes of its body, None if they were let go; `unread`: tickets yet to read it.

    `problem`: why nobody could read it; such a one is a dead letter.
    """

    row: int
    site: str
    received_at: datetime
    vendor_id: str | None
    tickets: tuple[TicketRef, ...]
    unread: tuple[TicketRef, ...]
    problem: str | None
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCall:
    """A call to a vendor as it is kept, and the ticket it belongs to."""

    ref: TicketRef
    stored: StoredCall


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLook:
    """One look at a ticket, in short: why it ended as it did, and the move it made, if any."""

    at: datetime
    policy: str
    why: str
    rule: str | None
    level_before: int | None
    level: int | None
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCase:
    """A ticket as it is remembered, in short. `waits`: open calls; `trouble`: why nobody looks at it any more."""

    ref: TicketRef
    key: str | None
    level: int
    level_since: datetime
    due_at: datetime | None
    held: str | None
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which rows are wanted: of a site (`vendor/site`), of a ticket, since a moment, and at most how many.

    `before`: only deliveries that were kept before this row.
    """

    site: str | None = None
    ref: TicketRef | None = None
    since: datetime | None = None
    before: int | None = None
    limit: int = 50


class Inspection(Protocol):
    """The tables, as the commands for whoever runs Stepladder use them. Every method is one transaction."""

    def deliveries(self, sought: Sought, *, dead: bool) -> Sequence[KeptDelivery]:
        """Return deliveries, the latest first; `dead`: only those that nobody could read."""

    def delivery(self, row: int) -> tuple[KeptDelivery, Delivery] | None:
        """Return one delivery with its bytes, as far as they are kept."""

    def read_again(self, row: int, refs: Sequence[TicketRef], problem: str | None, now: datetime) -> bool:
        """Make these tickets read a delivery again, or keep why they cannot; False if its bytes are gone."""

    def calls(self, sought: Sought, *, only_open: bool, only_refused: bool) -> Sequence[KeptCall]:
        """Return calls, the latest first."""

    def call(self, key: str) -> KeptCall | None:
        """Return one call."""

    def retry_call(self, key: str, now: datetime) -> str | None:
        """Make a refused call wait to be sent once more, or an open one's ticket due; return why not, if not."""

    def drop_call(self, key: str, said: str, now: datetime) -> str | None:
        """End a call that waits to be sent as withdrawn, with who said so; return why not, if not."""

    def looks(self, ref: TicketRef, since: datetime | None, limit: int) -> Sequence[KeptLook]:
        """Return the looks at a ticket, the latest first."""

    def cases(self, sought: Sought, *, level: int | None, due: datetime | None) -> Sequence[KeptCase]:
        """Return open cases, those that are due first: of a level, or due by a moment, if one is given."""

    def moved(self, site: str | None, since: datetime) -> Sequence[TicketRef]:
        """Return the tickets that we moved up since a moment, each once."""

    def moves(self, ref: TicketRef, since: datetime) -> Sequence[datetime]:
        """Return when we moved a ticket up since a moment, the latest first."""

    def order(self, orders: Sequence[Order]) -> int:
        """Keep orders, each once, and make their tickets due; return how many were new."""

    def orders(self, ref: TicketRef) -> Sequence[Order]:
        """Return the orders that were given about a ticket, the latest last."""

    def backup(self, file: Path, now: datetime) -> int:
        """Write a consistent copy of everything into a new file, while others read and write; return its bytes."""
