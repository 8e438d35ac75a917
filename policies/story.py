"""What happened to a ticket, as values: who waits since when, who took it, how often it came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """From when on something was so."""

    at: datetime
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The facts that rules ask about.

    `born`: its creation was told; `whole`: a fetch showed every field. `waiting_since`: the requester's first message
    that nobody has answered publicly; `waits`: how often such a waiting began. `conversation`: whether every message is
    known, from creation on or by a fetch. `since`: when a field took its present value; `times`: how often it took
    which (`priority=urgent`), the same even if an earlier event comes late. `ours`: fields whose value Stepladder
    wrote, which is never a cause; `implied`: fields of which only a picture told, so that nobody knows yet who set it.
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

    def took(self, name: str) -> datetime | None:
        """When the field took its present value."""
        return self.since.get(name)
