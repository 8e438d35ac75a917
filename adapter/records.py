"""What is stored, as values, and the store as the other rooms know it: a protocol that names no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from adapter.gaps import Day, Gap, Order, Watch
from connectors.contract import Call, Changed, Delivery
from policies.case import Case, Decision, Facts, Used
from policies.commands import Mode, Notice, Occasion
from policies.model import Event, TicketRef
from policies.policy import LevelBudget


class CallState(StrEnum):
    """Where a vendor call stands. The last four are ends (decision 15)."""

    PLANNED = "planned"
    SENDING = "sending"
    WRITTEN = "written"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"

    @property
    def ended(self) -> bool:
        """Nothing more will be done about it."""
        return self not in (CallState.PLANNED, CallState.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """A call with its state. `attempted_at` is when it was last begun; SENDING found at start is ambiguous."""

    call: Call
    state: CallState
    created_at: datetime
    attempted_at: datetime | None = None
    attempts: int = 0
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotice:
    """A message to people with its state; its operation is its key. `due_at`: when to try it, or try it again.

    `settled`: what became of each recipient so far, by the recipient's words: the address that took it, or why not.
    `unanswered`: how often the mail server had the whole letter and did not say that it took it.
    """

    ref: TicketRef
    notice: Notice
    state: CallState
    created_at: datetime
    due_at: datetime
    attempted_at: datetime | None = None
    attempts: int = 0
    unanswered: int = 0
    settled: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a delivery: its row, and whether it is new."""

    row: int
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that one look at one ticket starts from, read in one transaction.

    `more`: so many deliveries are unread that some are left for the next look. `gaps`: why the ticket must be fetched
    first. `failures`: how many looks in a row ended in a fault of ours.
    """

    ref: TicketRef
    revision: int
    marks: int
    case: Case | None
    deliveries: tuple[Delivery, ...]
    more: bool
    calls: tuple[StoredCall, ...]
    switches: Mapping[str, str]
    active_policy: str | None
    mode_since: datetime | None
    adoptive_used: int
    moves_lately: int
    gaps: tuple[Gap, ...] = ()
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look for the log: enough to decide again and get the same bytes (decision 11)."""

    at: datetime
    policy: str
    facts: Facts
    decision: Decision
    case_before: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One thought, stored whole or not at all.

    `due_at` is the next look unless something arrived since `marks` was read. `read` are deliveries done with, `dead`
    those that turned out unreadable, with the reason; `forget` clears the bytes of deliveries that are out of scope.
    `moved_to`: the level of a move, which is counted; `reserves`: the budget it must stay within; `turn`: how many
    moves to that level it takes for granted, where people take turns. `outdated`: messages of earlier looks that are
    not to be sent any more. `gaps`: what is to be fetched at a next look, of this ticket or another; `filled`: gaps
    that are closed now. `asked`: requests to the vendor since the commit before. `erases`: what the case says to be
    erased is news, so that all that is stored of the ticket is written anew without it.
    """

    ref: TicketRef
    revision: int
    marks: int
    now: datetime
    due_at: datetime | None
    case: Case | None = None
    events: Sequence[Event] = ()
    read: Sequence[int] = ()
    dead: Mapping[int, str] = field(default_factory=dict)
    forget: bool = False
    calls: Sequence[StoredCall] = ()
    look: Look | None = None
    adoptive_limit: int | None = None
    moved_to: int | None = None
    reserves: LevelBudget | None = None
    turn: int | None = None
    notices: Sequence[Notice] = ()
    outdated: frozenset[Occasion] = frozenset()
    gaps: Sequence[Gap] = ()
    filled: Sequence[Gap] = ()
    asked: int = 0
    goes_on: bool = False
    erases: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicy:
    """A policy that was activated, and how many unresolved cases keep to it because they are escalated."""

    revision: str
    name: str
    activated_at: datetime
    active: bool
    pinned: int


class Committed(StrEnum):
    """What came of a commit."""

    DONE = "done"
    FENCED = "fenced"  # somebody else has looked at the ticket since: write nothing
    OVER_BUDGET = "over budget"  # somebody else was faster to a budget or a turn: decide again with fresh facts


class Unusable(OSError):
    """The database cannot be used now; the text says what is wrong, where, and what to do. Nothing was stored."""


class Store(Protocol):
    """The tables, as the rooms use them. Every method is one transaction."""

    def receive(
        self, delivery: Delivery, vendor_id: str | None, refs: Sequence[TicketRef], problem: str | None
    ) -> Receipt:
        """Keep a delivery once and mark its tickets due; committed when it returns."""

    def open(self, ref: TicketRef, now: datetime) -> Work:
        """Read all that a look starts from."""

    def history(self, ref: TicketRef) -> Sequence[Event]:
        """Return every stored event of a ticket."""

    def heard(self, ref: TicketRef, events: Sequence[str]) -> frozenset[str]:
        """Return which of these events are stored already."""

    def commit(self, commit: Commit) -> Committed:
        """Store one thought, unless the fence or a budget says no."""

    def used(self, budgets: Sequence[LevelBudget], now: datetime) -> Mapping[int, Used]:
        """Return what of the levels' budgets is used, by level; every site's moves count."""

    def turns(self, site: str) -> Mapping[int, int]:
        """Return how many moves each level of a site (`vendor/site`) has got so far."""

    def postpone(self, work: Work, until: datetime) -> None:
        """Look again later, unless somebody else has looked since. A delivery that arrived meanwhile makes it now."""

    def mark_due(self, ref: TicketRef, now: datetime) -> None:
        """Make a ticket due now."""

    def due(self, now: datetime, limit: int) -> Sequence[TicketRef]:
        """Return tickets that are due, the longest waiting first."""

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next ticket falls due after an instant."""

    def changed(self) -> int:
        """Return a number that differs when another connection has written."""

    def due_notice(self, now: datetime) -> StoredNotice | None:
        """Return the message that has been due longest and is not paused."""

    def next_notice(self) -> datetime | None:
        """Return when the next message that is not paused falls due."""

    def begin_notice(self, stored: StoredNotice) -> bool:
        """Store that a message is being sent; False if it was given up meanwhile."""

    def end_notice(self, stored: StoredNotice) -> None:
        """Store what became of a message."""

    def policy_text(self, revision: str) -> str:
        """Return the stored text of an activated policy."""

    def active_policy(self) -> str | None:
        """Return the active revision."""

    def policies(self) -> Sequence[StoredPolicy]:
        """Return every policy that was activated, the latest first."""

    def escalated(self) -> Sequence[tuple[TicketRef, str | None]]:
        """Return the unresolved tickets above level 1, each with the revision it keeps to."""

    def find(self, site: str, name: str) -> TicketRef | None:
        """Return the ticket of a site (`vendor/site`) that goes by this id, or by this key such as `#5158`."""

    def case_at(self, ref: TicketRef, at: datetime) -> tuple[Case | None, str | None]:
        """Return what was remembered of a ticket at a time, and by which policy it was looked at last."""

    def activate(self, revision: str, name: str, text: str, now: datetime) -> None:
        """Store a policy, make it the active one, and recall every ticket that it may concern."""

    def set_mode(self, site: str, mode: Mode, now: datetime) -> None:
        """Remember since when a site (`vendor/site`) works in this mode; if that is new, its tickets are recalled."""

    def pause(self, scope: str, reason: str, now: datetime) -> None:
        """Stop every write for `all`, `site:<vendor>/<site>` or `rule:<name>`."""

    def resume(self, scope: str, now: datetime) -> bool:
        """Allow writes again and recall what was held; False if nothing was paused there."""

    def switches(self) -> Mapping[str, str]:
        """Return what is paused, with the reasons."""

    # --- what vendors were asked, and what they did not tell ------------------------------------------------
    def failed(self, work: Work, problem: str, until: datetime | None) -> None:
        """Count a look that ended in a fault of ours; without `until` only a delivery or a replay makes it due."""

    def stuck(self) -> Sequence[tuple[TicketRef, str]]:
        """Return the tickets that are not looked at any more, or of which a delivery could not be read, and why."""

    def replay(self, ref: TicketRef | None, now: datetime) -> int:
        """Make such tickets due, their dead letters unread; return how many. None: all of them."""

    def watch(self, site: str, now: datetime) -> Watch:
        """Return how far a site (`vendor/site`) was compared with what we heard; the first time it begins now."""

    def watch_of(self, site: str) -> Watch | None:
        """Return how far a site was compared, if it ever was watched."""

    def compare(self, watch: Watch, found: Sequence[Changed], now: datetime) -> Sequence[Gap]:
        """Count changes, keep those that nobody told us, and store the watch; return the new gaps."""

    def count_calls(self, site: str, calls: int, now: datetime) -> None:
        """Count requests that belong to no commit."""

    def day(self, site: str, day: date) -> Day:
        """Return what was counted for a site on one day, in UTC."""

    def calls_of(self, ref: TicketRef) -> tuple[int, int]:
        """Return how many looks at a ticket were kept, and how many requests they made."""

    def written(self, site: str, since: datetime) -> int:
        """Return how many calls to a site were carried out since a moment."""

    def orders(self, ref: TicketRef) -> Sequence[Order]:
        """Return the orders that were given about a ticket, the latest last."""

    def keep_examination(self, site: str, now: datetime, body: str) -> None:
        """Keep what an examination of a site found, in place of the one before."""

    def examination(self, site: str) -> tuple[datetime, str] | None:
        """Return when a site was examined last, and what was found."""
