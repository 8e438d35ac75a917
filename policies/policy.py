"""A policy as values: what `document.py` reads from YAML and `decide.py` acts on. Nothing is looked up later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from policies.commands import Mode, Recipient
from policies.durations import Duration
from policies.levels import Level, Path, Step
from policies.model import Status
from policies.phrases import Frustration

if TYPE_CHECKING:
    from policies.calendars import Calendar
    from policies.conditions import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitIf:
    """Leave a ticket with whoever was active on it lately, but no longer than `at_most`."""

    human_active_within: Duration
    at_most: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A reason to escalate, or only to tell somebody (`go_to` None). Fires once per cause; `again`: once more, later.

    `implied`: no rule of the document, but what a level's `if_not_taken` says.
    """

    name: str
    when: Node
    go_to: int | Step | None = None
    tell: tuple[Recipient, ...] = ()
    again: Duration | None = None
    calendar: str | None = None
    wait_if: WaitIf | None = None
    mode: Mode | None = None
    implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComeDown:
    """A reason to come down again: `when` has been so for `lasting`, without a break."""

    name: str
    start: int
    when: Node
    lasting: Duration
    go_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so many moves in a stretch of time, every minute counted."""

    at_most: int
    per: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelBudget(Budget):
    """At most so many tickets come to a level in a stretch of time; above it moves are held, or only warned of."""

    level: int
    hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What must be recorded before a ticket goes to a level on this path; at most so long it waits for that.

    `need`: `steps_tried`, a ticket field, or `custom.<name>`.
    """

    path: Path
    need: tuple[str, ...]
    at_most: Duration


class ExposedNotes(StrEnum):
    """What is written where somebody outside can read internal notes."""

    SHORT = "short"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What keeps a policy from escalating too much. `never_hold`: for these tickets only `never` counts.

    `min_time_between` counts every minute, as budgets do.
    """

    never: Node | None = None
    min_time_between: Duration | None = None
    per_ticket: Budget | None = None
    level_budgets: tuple[LevelBudget, ...] = ()
    evidence: Evidence | None = None
    never_hold: Node | None = None
    exposed_notes: ExposedNotes = ExposedNotes.SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """People who may confirm, snooze and hold: ids or names as the vendors show them; `tell` is how to reach them."""

    people: tuple[str, ...]
    tell: tuple[Recipient, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """Impact × urgency, read as a table. `names` is the order of severities, least first, as they first appear."""

    impact: tuple[str, ...]
    urgency: tuple[str, ...]
    matrix: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]

    def of(self, impact: str | None, urgency: str | None) -> str | None:
        """Return the severity, or None if either word is missing or not in the table."""
        row = self.matrix.get((impact or "").casefold())
        column = (urgency or "").casefold()
        return row[self.urgency.index(column)] if row and column in self.urgency else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A class of customers. The first that matches wins; one without conditions matches everybody."""

    name: str
    organizations: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    field_values: tuple[str, ...] = ()
    calendar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which values of one ticket field are in scope: one of `only` (if any), and none of `none_of`."""

    field: str
    only: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A test that travels with the policy: an invented ticket, its story, and the level expected at each time.

    `where`: file and line of the test. `lines`: those of its expectations, as far as they are known.
    """

    name: str
    ticket: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...] = ()
    expect: tuple[Mapping[str, Any], ...] = ()
    where: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One escalation policy for every site. `revision` is a hash of the text with its holidays expanded.

    `calendar_from`: the field that names a customer's calendar. `pause_linked`: for how long at most time stands still
    while an open linked issue blocks the ticket (None: it does not).
    """

    name: str
    revision: str
    text: str
    applies_to: Mapping[str, tuple[Choice, ...]]
    calendars: Mapping[str, Calendar]
    calendar: str
    pause_while: frozenset[Status]
    restart_after_reopening: bool
    severity: Severity | None
    tiers: tuple[Tier, ...]
    levels: tuple[Level, ...]
    rules: tuple[Rule, ...]
    examples: tuple[Example, ...] = ()
    owner: str = ""
    review_by: date | None = None
    frustration: Frustration | None = None
    csat: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calendar_from: str | None = None
    pause_linked: Duration | None = None
    roles: Mapping[str, People] = field(default_factory=dict)
    come_down: tuple[ComeDown, ...] = ()
    guards: Guards = Guards()

    def level(self, number: int) -> Level:
        """Return a level by number; numbers run from 1 without gaps."""
        return self.levels[number - 1]

    @property
    def top(self) -> int:
        """The highest level's number."""
        return len(self.levels)
