"""Commands out, each call once: plan, send, settle what is ambiguous, and say what the vendor's answer means.

A call is stored as *sending* before it is sent. Whatever is found in that state later is ambiguous: it is looked for at
the vendor, at once and again after `settle`, and only then sent a second time (decisions 13–15).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from adapter.journal import Journal
from adapter.records import CallState, StoredCall
from adapter.salvage import as_wanted, remedy
from adapter.sites import Post
from connectors.contract import Call, Outcome, Refused, Stale, TryLater
from connectors.site import Site
from policies.case import End
from policies.commands import Command
from policies.model import Actor, Change, Event, Kind, Role, Ticket, TicketRef
from policies.shifts import words_of

_HAVE_IDS = ("group", "assignee")


@dataclass(slots=True)
class Batch:
    """What became of some calls: their rows, what was learned, and when to come back.

    `stale`: the ticket was changed since it was read, so that it is to be read and decided upon again.
    """

    calls: list[StoredCall] = field(default_factory=list)
    learned: list[Event] = field(default_factory=list)
    again: datetime | None = None
    stale: bool = False

    def come_back(self, at: datetime) -> None:
        """Look again no later than this."""
        self.again = at if self.again is None else min(self.again, at)


class Outbox:
    """Sends calls for one ticket at a time."""

    def __init__(self, journal: Journal, settle: timedelta) -> None:
        self._journal = journal
        self._settle = settle

    def plan(self, post: Post, site: Site, command: Command, ticket: Ticket, now: datetime) -> list[StoredCall]:
        """Turn a command into calls that are stored before the first is sent; `site` as the look sees it."""
        calls = post.connector.plan(command, ticket, site)
        return [StoredCall(call=call, state=CallState.PLANNED, created_at=now) for call in calls]

    # --- what was left unfinished -------------------------------------------------------------------------
    def settled(self, post: Post, ref: TicketRef, calls: Sequence[StoredCall], now: datetime) -> Batch:
        """Find out about calls whose end nobody saw. Raises TryLater if the vendor cannot be asked."""
        batch = Batch()
        for stored in calls:
            batch.calls.append(self._settled(post, ref, stored, now, batch) if _ambiguous(stored) else stored)
        return batch

    def _settled(self, post: Post, ref: TicketRef, stored: StoredCall, now: datetime, batch: Batch) -> StoredCall:
        attempted = stored.attempted_at or stored.created_at
        try:
            outcome = post.client().look(stored.call, ref)
        except Refused as refused:
            post.brake.succeeded()
            self._refused(ref, stored, refused)
            return _ended(stored, CallState.REFUSED, str(refused))
        post.brake.succeeded()
        if outcome is not None:
            self._journal.tell("writeback.found", ticket=str(ref), call=stored.call.key)
            batch.learned.append(_wrote(ref, stored.call, outcome, attempted, post))
            return _ended(stored, CallState.WRITTEN, "found at the vendor after an unseen answer")
        if stored.call.repeatable or now >= attempted + self._settle:
            return replace(stored, state=CallState.PLANNED)
        batch.come_back(attempted + self._settle)
        return stored

    def given_up(self, calls: Sequence[StoredCall], ends: Mapping[str, End]) -> list[StoredCall]:
        """End the open calls of operations that a newer decision or a person made pointless."""
        return [
            _ended(stored, CallState(ends[stored.call.operation].value), "")
            if stored.call.operation in ends and not stored.state.ended
            else stored
            for stored in calls
        ]

    # --- sending ------------------------------------------------------------------------------------------
    def begun(self, calls: Sequence[StoredCall], now: datetime) -> list[StoredCall]:
        """Mark every planned call as being sent; this must be stored before `send`."""
        return [
            replace(c, state=CallState.SENDING, attempted_at=now, attempts=c.attempts + 1)
            if c.state is CallState.PLANNED
            else c
            for c in calls
        ]

    def send(
        self,
        post: Post,
        ticket: Ticket,
        calls: Sequence[StoredCall],
        clock: Callable[[], datetime],
        halted: Callable[[str], bool],
        too_late: Callable[[], bool],
    ) -> Batch:
        """Send calls in order until one cannot be sent, or its operation is halted; the rest goes back to planned.

        Once it is too late nothing is sent: another worker may have taken the ticket over.
        """
        batch = Batch()
        for number, stored in enumerate(calls):
            now, late = clock(), too_late()
            if late:
                batch.come_back(now)
            if late or halted(stored.call.operation):
                batch.calls += [_unsent(rest) for rest in calls[number:]]
                return batch
            stored = replace(stored, attempted_at=now)
            try:
                outcome = post.client().carry_out(stored.call, ticket)
            except TryLater as later:
                again = post.brake.failed(later, clock())
                self._tell("later", ticket.ref, stored, reason=str(later), sent=later.sent, again=again)
                state = CallState.SENDING if later.sent else CallState.PLANNED
                batch.calls.append(replace(stored, state=state, outcome=str(later)))
                batch.calls += [_unsent(rest) for rest in calls[number + 1 :]]
                batch.come_back(again)
                batch.stale = isinstance(later, Stale)
                return batch
            except Refused as refused:
                post.brake.succeeded()
                self._refused(ticket.ref, stored, refused)
                batch.calls.append(_ended(stored, CallState.REFUSED, str(refused)))
                highest = max(c.call.number for c in calls)
                names = post.client().names()
                self._salvage(batch, ticket.ref, stored, refused, calls[number + 1 :], highest, names)
                return batch
            post.brake.succeeded()
            done = {"parts": dict(stored.call.parts), "attempts": stored.attempts, "calls": outcome.requests}
            self._tell("written", ticket.ref, stored, **done)
            batch.calls.append(_ended(stored, CallState.WRITTEN, outcome.vendor_id or ""))
            batch.learned.append(_wrote(ticket.ref, stored.call, outcome, now, post))
        return batch

    def _salvage(
        self,
        batch: Batch,
        ref: TicketRef,
        stored: StoredCall,
        refused: Refused,
        later: Sequence[StoredCall],
        highest: int,
        names: Mapping[str, str],
    ) -> None:
        """Put what the vendor would still take into a call of its own, and tell the note what was refused."""
        if refused.gone:
            batch.calls += [_ended(rest, CallState.REFUSED, str(refused)) for rest in later]
            batch.learned.append(_gone(stored, str(refused)))
            return
        found = remedy(stored.call, refused, highest + 1, names)
        if found.call is not None:
            batch.calls.append(StoredCall(call=found.call, state=CallState.PLANNED, created_at=stored.created_at))
        if found.elsewhere:
            self._tell("fallback", ref, stored, said=found.sentence)
        for waiting in map(_unsent, later):
            told = (*waiting.call.told, found.sentence)
            note = waiting.call.note if "note" in waiting.call.parts else None
            call = replace(waiting.call, told=told, note=as_wanted(note)) if note is not None else waiting.call
            batch.calls.append(replace(waiting, call=call))
        if found.call is not None or later:
            batch.come_back(stored.attempted_at or stored.created_at)

    def _refused(self, ref: TicketRef, stored: StoredCall, refused: Refused) -> None:
        what = "alarm" if refused.applied else "refused"  # applied all the same, though it should not have been
        parts = sorted(refused.parts)
        self._tell(what, ref, stored, reason=str(refused), parts=parts, answer=_answer(refused))

    def _tell(self, what: str, ref: TicketRef, stored: StoredCall, **fields: object) -> None:
        self._journal.tell(f"writeback.{what}", ticket=str(ref), call=stored.call.key, verb=stored.call.verb, **fields)


def takes_turns(calls: Sequence[StoredCall]) -> bool:
    """Say whether one of the calls chooses a person by turn."""
    pools = (stored.call.parts.get("pool") for stored in calls)
    return any(isinstance(pool, Mapping) and pool.get("pick") == "round_robin" for pool in pools)


def _answer(refused: Refused) -> str | None:
    """Return what the vendor's answer was, with its address, which is nothing for a note."""
    said: list[BaseException] = []
    cause: BaseException | None = refused
    while cause is not None and not any(cause is one for one in said):  # what was raised again may be its own cause
        said.append(cause)
        cause = cause.__cause__
    return str(said[-1]) if len(said) > 1 else None


def _ambiguous(stored: StoredCall) -> bool:
    return stored.state is CallState.SENDING


def in_order(stored: StoredCall) -> tuple[datetime, str, bool, int]:
    """Say what goes first: within an operation all fields before the note, for the note tells what was refused."""
    return (stored.created_at, stored.call.operation, "note" in stored.call.parts, stored.call.number)


def _unsent(stored: StoredCall) -> StoredCall:
    """Put back a call that was to be sent and was not."""
    return replace(stored, state=CallState.PLANNED, attempted_at=None, attempts=stored.attempts - 1)


def _ended(stored: StoredCall, state: CallState, outcome: str) -> StoredCall:
    return replace(stored, state=state, outcome=outcome[:500])


def _wrote(ref: TicketRef, call: Call, outcome: Outcome, at: datetime, post: Post) -> Event:
    """Return the fact that we wrote this, so that the case knows it before the vendor's webhook says so."""
    expected = dict(call.expect)
    if "assignee" in outcome.resolved:  # a pool's member is nobody's wish, and echoes all the same
        expected.setdefault("assignee", None)
    changes = tuple(
        Change(field=name, after=_now_at_vendor(name, value, outcome), after_name=value)
        for name, value in expected.items()
    )
    return Event(
        id=f"wrote:{call.key}",
        kind=Kind.CHANGED,
        at=at,
        received_at=at,
        actor=Actor(id=post.site.account or "stepladder", role=Role.OURS, name="Stepladder"),
        changes=changes,
        ticket=outcome.ticket,
    )


def _gone(stored: StoredCall, reason: str) -> Event:
    """Return the fact that the ticket takes no more writes, with what the vendor said."""
    at = stored.attempted_at or stored.created_at
    return Event(id=f"gone:{stored.call.key}", kind=Kind.GONE, at=at, received_at=at, reason=reason)


def _now_at_vendor(name: str, wanted: str | None, outcome: Outcome) -> str | None:
    """Return a written value as the vendor's answer shows it: an id where the policy said a name."""
    shown = words_of(outcome.ticket, name) if outcome.ticket is not None and outcome.ticket.knows(name) else {}
    resolved = outcome.resolved.get(name, wanted) if name in _HAVE_IDS else wanted
    return shown.get(name, resolved)
