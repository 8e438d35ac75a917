"""Houses that live and die one after the other on the same file, in one thread, by the same vendor.

A delivery is taken and a ticket is looked at when a test says so; nothing happens by itself, and no time passes. Death
is an exception that no code catches, at one statement, one commit or one request, and before or after the vendor does
what it was asked; from then on no statement and no request of that house does anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, event

from adapter.assembly import build
from adapter.gaps import Order
from adapter.settings import load
from connectors import discover
from connectors.contract import Delivery
from connectors.faults import Fault, Faults
from connectors.postman import Envelope
from policies.model import TicketRef

House = Any


class Died(BaseException):
    """The process is gone: no code of it may run any more."""


class Death(Faults):
    """Counts statements, commits and requests, and lets the house die at one of them.

    It is the vendor's script of faults too: the dead ask for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.at: int | None = None
        self.after = False
        self.dead = False
        self.counts = False

    @contextmanager
    def watching(self, at: int | None = None, *, after: bool = False) -> Iterator[None]:
        """Count from here on; die at this step, a request's after the vendor has done it if `after`."""
        self.steps, self.at, self.after, self.dead, self.counts = [], at, after, False, True
        yield
        self.counts = False

    def revive(self) -> None:
        """A new process begins; it is not watched."""
        self.dead = self.counts = False

    def watch(self, engine: Any) -> None:
        """Count what an engine does."""
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._commit)

    def take(self, line: str) -> Fault | None:
        """Return what befalls a request."""
        if self.dead:
            return Fault(do="cut")
        fault = super().take(line)
        if not self._step(line):
            return fault
        done = fault is None or fault.applied or fault.do.endswith("_after")
        return Fault(do="cut_after" if self.after and done else "cut")

    def _statement(self, _: Connection, __: Any, statement: str, *___: Any) -> None:
        if self.dead or self._step(" ".join(statement.split()[:4])):
            raise Died

    def _commit(self, _: Connection) -> None:
        if self.dead or self._step("COMMIT"):
            raise Died

    def _step(self, what: str) -> bool:
        if not self.counts:
            return False
        self.steps.append(what)
        self.dead = len(self.steps) - 1 == self.at
        return self.dead


class Lives:
    """One desk and one file, and the house that lives there now. No time passes but what a test lets pass."""

    def __init__(self, house: House) -> None:
        self.house, self.clock, self.desk = house, house.clock, house.desk
        self.death = house.desk.faults = Death()
        self.waiting: list[Envelope] = []
        """Webhooks that nobody has thanked the vendor for."""
        self._time = self.clock.still()
        self._time.__enter__()
        house.close()  # its examination is kept, its policy is active
        self.desk.postman.hold()
        self.adapter = self._born()

    def _born(self) -> Any:
        vendors = {name: connector.settings for name, connector in discover().items()}
        settings = load(self.house.folder / "stepladder.toml", {}, vendors)
        told = self.house.told
        adapter = build(
            settings, lambda name, fields: told.append((name, fields)), clock=self.clock, ticking=self.house.ticking
        )
        adapter.start(worker=False)
        adapter.gate.govern(self.clock())
        self.death.watch(adapter.store.database.engine)
        self.house.adapter = adapter
        return adapter

    def reborn(self) -> None:
        """Drop the house as a power cut does, and open another on the same file."""
        with suppress(Died):
            self.adapter.stop()
        self.death.revive()
        self.adapter = self._born()

    def end(self) -> None:
        """Let time pass again."""
        self.adapter.stop()
        self._time.__exit__(None, None, None)

    # --- what happens -----------------------------------------------------------------------------------------
    def post(self) -> list[Envelope]:
        """Return the webhooks that wait to be brought, with those that the vendor has sent since."""
        self.desk.postman.release(lambda held: self.waiting.extend(held) or [])
        self.desk.postman.hold()
        return self.waiting

    def deliver(self) -> bool:
        """Bring what the vendor has to tell; what was not taken stays with it. Say whether there was anything."""
        waiting = self.post()
        brought = bool(waiting)
        while waiting:
            self._bring(waiting[0])
            del waiting[0]
        return brought

    def _bring(self, envelope: Envelope) -> None:
        post = next(iter(self.adapter.sites))
        headers = {name.lower(): value for name, value in {**envelope.headers, **envelope.sign()}.items()}
        delivery = Delivery(
            vendor=post.site.vendor, site=post.site.name, body=envelope.body, received_at=self.clock(), headers=headers
        )
        self.adapter.intake.accept(post, delivery, self.clock())

    def look(self) -> bool:
        """Look at every ticket that is due; say whether there was one."""
        due: list[TicketRef] = list(self.adapter.store.due(self.clock(), 500))
        for ref in due:
            self.adapter.reconciler.look(ref)
        return bool(due)

    def rest(self, minutes: float = 5) -> None:
        """Take what the vendor brings and look at what is due, until nothing is left to do within some minutes."""
        until = self.clock() + timedelta(minutes=minutes)
        while True:
            if self.deliver() or self.look():
                continue
            upcoming = self.adapter.store.next_due(self.clock())
            if upcoming is None or upcoming > until:
                return
            self.pass_to(upcoming)

    def undo(self, ticket: str) -> None:
        """An administrator orders that our moves of a ticket are taken back."""
        ref, now = self.house.ref(ticket), self.clock()
        order = Order(key=f"{now:%H%M%S%f}", ref=ref, at=now, level=1, said_by="ada", why="a mistake")
        self.adapter.store.order([order])

    def pass_to(self, at: datetime) -> None:
        """Let it be this time, unless it is later already."""
        self.clock.tick(max(at - self.clock(), timedelta(0)))
