"""What happened to a ticket, as values: who waits since when, who took it, how often it came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

MOST_COUNTED = 50
"""Of how many hand-overs, owners and messages the times are kept; no policy counts further."""

BLOCKED, FREE = "yes", "no"
"""Whether open linked tickets must be solved before this one, as `Story.blocked` and its shifts say it."""

_NEWEST = 3
_REMEMBERED = 6
_MOST_ORDERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something somebody said, cut to a length that a note can quote."""

    at: datetime
    text: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Staff asked for an escalation, to a level if they named one."""

    id: str
    at: datetime
    by: str | None
    level: int | None = None
    by_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an agent told Stepladder in the first line of an internal comment: `/confirm`, `/decline`, `/snooze 4h`…

    `verb`: confirm, decline, snooze, hold or release. `level` and `length` where one was named; lengths count every
    minute.
    """

    id: str
    at: datetime
    verb: str
    by_id: str
    by: str | None = None
    level: int | None = None
    length: timedelta | None = None

    @property
    def about(self) -> str:
        """What it is about: a move, or whether the ticket stays where it is."""
        return "move" if self.verb in ("confirm", "decline") else "stay"

    def says(self, other: Order) -> bool:
        """Say whether another order tells the same."""
        return (self.verb, self.level, self.length) == (other.verb, other.level, other.length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """From when on something was so."""

    at: datetime
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The plain words of a message of the requester (`phrases.own_words`), and in which waiting they wrote it."""

    id: str
    at: datetime
    waiting: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The facts that rules ask about.

    `born`: its creation was told; `whole`: a fetch showed every field. `waiting_since`: the requester's first message
    that nobody has answered publicly; `waits`: how often such a waiting began. `conversation`: whether every message is
    known, from creation on or by a fetch. `since`: when a field took its present value; `times`: how often it took
    which (`priority=urgent`), the same even if an earlier event comes late. `ours`: fields whose value Stepladder
    wrote, which is never a cause; `implied`: fields of which only a picture told, so that nobody knows yet who set it.
    `orders`: what agents told Stepladder to do, latest last; whether they may, the policy's roles say. `blocked`: from
    when on open linked tickets blocked it (`yes`) or not (`no`).
    """

    created_at: datetime | None = None
    born: bool = False
    whole: bool = False
    statuses: tuple[Since, ...] = ()
    reopens: int = 0
    reopened_at: datetime | None = None
    conversation: bool = False
    waiting_since: datetime | None = None
    last_customer: Said | None = None
    last_reply: Said | None = None
    replies: int = 0
    waits: int = 0
    hand_overs: int = 0
    handed_over: tuple[datetime, ...] = ()
    owners: tuple[Since, ...] = ()
    agents_said: tuple[Since, ...] = ()
    customer_said: tuple[Since, ...] = ()
    words: tuple[Words, ...] = ()
    taken_at: datetime | None = None
    taken_by: str | None = None
    human_at: datetime | None = None
    spoke: Mapping[str, datetime] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    tried: tuple[Said, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    implied: frozenset[str] = frozenset()
    ended: str | None = None
    orders: tuple[Order, ...] = ()
    blocked: tuple[Since, ...] = ()

    def took(self, name: str) -> datetime | None:
        """When the field took its present value."""
        return self.since.get(name)

    # --- counting, in bounded memory ------------------------------------------------------------------------
    def had_by(self, owner: str, at: datetime) -> Story:
        """Remember that somebody had it."""
        return replace(self, owners=_with(self.owners, owner, at))

    def blocked_from(self, at: datetime, value: str) -> Story:
        """Remember from when on it was blocked, or free."""
        if self.blocked and self.blocked[-1].value == value:
            return self
        return replace(self, blocked=(*self.blocked, Since(at=at, value=value)))

    def passed_on(self, at: datetime) -> Story:
        """Count a hand-over."""
        return replace(self, hand_overs=self.hand_overs + 1, handed_over=(*self.handed_over, at)[:MOST_COUNTED])

    def never_passed(self, owner: str, at: datetime) -> Story:
        """Take back a hand-over, to this owner at this time, that turned out to be Stepladder's own."""
        times = self.handed_over[:-1] if self.handed_over[-1:] == (at,) else self.handed_over
        return replace(self.never_had_by(owner, at), hand_overs=max(self.hand_overs - 1, 0), handed_over=times)

    def never_had_by(self, owner: str, at: datetime) -> Story:
        """Forget an owner whom only Stepladder made one."""
        return replace(self, owners=tuple(had for had in self.owners if had != Since(at=at, value=owner)))

    def with_reply(self, comment: str, at: datetime) -> Story:
        """Count an agent's public message."""
        return self if self._opening(at) else replace(self, agents_said=_with(self.agents_said, comment, at))

    def with_order(self, comment: str, order: Order | None) -> Story:
        """Remember an order. An edit of its comment takes its place, and nothing is new if it says the same."""
        before = next((one for one in self.orders if one.id == comment), None)
        if before is order or (before is not None and order is not None and before.says(order)):
            return self
        others = tuple(one for one in self.orders if one.id != comment)
        if order is None:
            return replace(self, orders=others)
        older = [one for one in others if (one.by_id, one.about) == (order.by_id, order.about)]
        kept = tuple(one for one in others if one not in older[: 1 - _REMEMBERED])  # of everybody their latest ones
        return replace(self, orders=(*kept, order)[-_MOST_ORDERS:])

    def with_request(self, request: Request) -> Story:
        """Remember a request. An edit of its comment takes its place."""
        others = tuple(one for one in self.requests if one.id != request.id)
        return replace(self, requests=(*others, request)[-_REMEMBERED:])

    def with_words(self, comment: str, at: datetime, text: str) -> Story:
        """Count a message of the requester, and remember its plain words. An edit takes the place of what was there."""
        if any(one.id == comment for one in self.words):
            return replace(self, words=tuple(replace(w, text=text) if w.id == comment else w for w in self.words))
        said = self.customer_said if self._opening(at) else _with(self.customer_said, comment, at)
        if any(one.value == comment for one in self.customer_said):  # an edit of what is too old to be remembered
            return self
        new = Words(id=comment, at=at, waiting=self.waits, text=text)
        return replace(self, customer_said=said, words=(*self.words, new)[-_NEWEST:])

    def _opening(self, at: datetime) -> bool:
        return self.created_at is not None and at <= self.created_at


def _with(found: tuple[Since, ...], value: str, at: datetime) -> tuple[Since, ...]:
    if len(found) >= MOST_COUNTED or any(one.value == value for one in found):
        return found
    return (*found, Since(at=at, value=value))
