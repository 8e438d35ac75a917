"""What says which ticket is looked at, and when: the same few words for one process and for many."""

from __future__ import annotations

from typing import Protocol

from policies.model import TicketRef


class Engine(Protocol):
    """Brings tickets that are due to a look, each to one at a time. What is due stands in the tables, never here."""

    def start(self, *, worker: bool = True) -> None:
        """Begin; without `worker` nothing is looked at here, and wake-ups are passed on to those that look."""

    def stop(self, patience: float = 10.0) -> bool:
        """Finish the looks under way within so many seconds; False if some did not end (they are made again)."""

    def wake(self, ref: TicketRef) -> None:
        """This ticket is due now. Never raises: a lost wake-up costs time, never a ticket."""

    def rescan(self) -> None:
        """Ask the tables again what is due: time has moved, or another process has written."""

    def idle(self) -> bool:
        """Say whether nothing is being looked at or waiting for a thread."""

    def pulse(self) -> float:
        """Return how many seconds ago its clock turned last; 0 before the start."""
