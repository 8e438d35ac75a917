"""What Stepladder remembers of one ticket, and what a look at it returns. Values only; `decide.py` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from policies.commands import Command, Mode, Notice
from policies.conditions import Answer, Cause
from policies.model import Event, Ticket, TicketRef
from policies.policy import LevelBudget
from policies.story import Story

ECHO_WINDOW = timedelta(minutes=15)
"""How long a change by our own account can be the echo of our own write (decision 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """One value that we asked the vendor to set; its echo is recognised by it."""

    field: str
    value: str | None
    at: datetime
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A move that was decided and whose writes have not all ended; until then the vendor shows `level_before`."""

    operation: str
    rule: str
    level: int
    level_before: int
    since_before: datetime
    at: datetime
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """For which causes a rule has fired or will not fire any more, latest last; `at`: when it last fired, if it did."""

    at: datetime | None
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a ticket was before we moved it to `level`: ticket fields and their values, ids where there are ids.

    `mode`: how far the move went.
    """

    level: int
    level_before: int
    values: Mapping[str, str | None]
    mode: Mode = Mode.ACT


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A move that is wanted and not made yet, with the reason; `until` None means until something changes.

    `since`: when it was first held for this reason, where that matters for how long it may be.
    """

    rule: str
    level: int
    reason: str
    until: datetime | None = None
    since: datetime | None = None

    @property
    def move(self) -> str:
        """The move it keeps, as a case remembers it."""
        return f"{self.rule} → {self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is remembered of one ticket between looks.

    `adopted_at`: causes that arose before it do not count. `pinned`: the policy revision of an escalated case
    (decision 10). `told`: the sort key of the newest event folded into `ticket` and `story`. `left_by`: who had the
    ticket when it came to its level. `moved_at`: when we moved it, latest last. `before`: what to restore on the way
    down, the highest level last. `calm`: since when a reason to come down has been so. `wanted`: since when a move is
    wanted that something keeps; `asked`: those of which people were asked to confirm them. `promised`: the resolution
    time that was told when it came to its level. `returned`: it came down to its level. `reminded`, `reviewed`: how
    often people were reminded at this level, and `reviewed_at` the last time of the latter. `erased`: comments whose
    texts up to then must not be kept (`Event.erases`), however late they are told.
    """

    ref: TicketRef
    level: int = 1
    level_since: datetime
    adopted_at: datetime | None = None
    newborn: bool = False
    outside: bool = False
    mode: Mode | None = None
    pinned: str | None = None
    ticket: Ticket
    story: Story = field(default_factory=Story)
    told: tuple[datetime, str, str] | None = None
    fired: Mapping[str, Fired] = field(default_factory=dict)
    wrote: tuple[Wrote, ...] = ()
    pending: tuple[Pending, ...] = ()
    held: tuple[Hold, ...] = ()
    left_by: str | None = None
    moves: int = 0
    waiting_since: datetime | None = None
    moved_at: tuple[datetime, ...] = ()
    before: tuple[Before, ...] = ()
    calm: Mapping[str, datetime] = field(default_factory=dict)
    wanted: Mapping[str, datetime] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    promised: datetime | None = None
    returned: bool = False
    reminded: int = 0
    reviewed: int = 0
    reviewed_at: datetime | None = None
    erased: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def fresh(cls, ref: TicketRef, now: datetime) -> Case:
        """A ticket nobody has told us about yet."""
        return cls(ref=ref, level_since=now, ticket=Ticket(ref=ref))


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How many tickets came to a level within its budget's stretch of time, and when the first of them leaves it."""

    count: int
    free_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a decision must know beyond its ticket; recorded with every look (decisions 7 and 11).

    `mode_since`: when the site's mode was last changed. `paused`: the reason why no writes are made now, `paused_rules`
    the same for single rules. `adoptive_left`: how many tickets that existed before may still be escalated this hour,
    and `adoptive_again` when that changes. `fetched`: fields the vendor has just been asked for. `program`: the version
    that decides. `used`: what of the levels' budgets is used. `turns`: how many moves each level has got so far.
    """

    mode: Mode = Mode.ACT
    mode_since: datetime | None = None
    paused: str | None = None
    paused_rules: Mapping[str, str] = field(default_factory=dict)
    adoptive_left: int = 1
    adoptive_again: datetime | None = None
    fetched: frozenset[str] = frozenset()
    program: str = ""
    used: Mapping[int, Used] = field(default_factory=dict)
    turns: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    """What one rule found: every answer, whether its yes has a new cause, and what came of it."""

    rule: str
    value: bool | None
    new: bool
    outcome: str
    answers: tuple[Answer, ...] = ()


class End(StrEnum):
    """Why the writes of an earlier decision are given up (decision 15)."""

    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a look decided.

    `command`: what to do at the vendor, if anything. `given_up`: earlier operations that are not to be sent any more.
    `events`: the events as they were judged, to be stored. `adoptive`: this move counts against the hourly budget for
    tickets that existed before. `observed`: the command that would have been given, had the mode allowed it.
    `notices`: messages to people. `warnings`: sentences about what was done all the same. `reserves`: the level budget
    that this move takes from, and must be checked against when it is stored.
    """

    case: Case
    events: tuple[Event, ...] = ()
    command: Command | None = None
    observed: Command | None = None
    next_look: datetime | None = None
    fired: tuple[str, ...] = ()
    why: str = ""
    trace: tuple[RuleTrace, ...] = ()
    given_up: Mapping[str, End] = field(default_factory=dict)
    adoptive: bool = False
    notices: tuple[Notice, ...] = ()
    warnings: tuple[str, ...] = ()
    reserves: LevelBudget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Ask the vendor for these fields and decide again; `history` means every stored event of the ticket."""

    fields: frozenset[str]


HISTORY = "history"
CONVERSATION = "conversation"
