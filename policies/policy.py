"""A policy as values: what `document.py` reads from YAML and `decide.py` acts on. Nothing is looked up later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from policies.commands import Mode, Take, Target
from policies.model import Priority, Status
from policies.phrases import Frustration

if TYPE_CHECKING:
    from policies.calendars import Calendar
    from policies.conditions import Node

_PART = re.compile(r"(\d{1,9})\s*([smhd])")
_DURATION = re.compile(r"(\d{1,9}\s*[smhd]\s*)+(?P<clock>\bclock)?")
_LOOSE = re.compile(r"(\d{1,9})\s*(s|m|h|d)(?:ecs?|econds?|ins?|inutes?|rs?|ours?|ays?)( clock)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 3650 * 86_400


class Path(StrEnum):
    """Why a level is higher: more expertise, or more authority."""

    FUNCTIONAL = "functional"
    HIERARCHICAL = "hierarchical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A length of time. It counts the calendar that applies, or every minute if `clock` is said."""

    length: timedelta
    clock: bool = False
    text: str = ""

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read `15m`, `4h`, `2d`, `1h 30m`, `90s`, `30m clock`. Raises ValueError with a sentence.

        A day is 24 hours of counted time: in a calendar of eight hours, `1d` takes three working days.
        """
        text = str(value).strip()
        found = _DURATION.fullmatch(text)
        if not found:
            raise ValueError(f'"{text[:40]}" is not a duration like 15m, 4h, 2d, "1h 30m" or "30m clock"{_hint(text)}')
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        if not 1 <= seconds <= _LONGEST:
            raise ValueError(f'"{text}" is out of bounds: a duration is at least 1s and at most 3650d')
        return cls(length=timedelta(seconds=seconds), clock=bool(found["clock"]), text=text)


def _hint(text: str) -> str:
    if text.isdecimal():
        return f"; a unit is missing: did you mean {text[:9]}m or {text[:9]}h?"
    loose = _LOOSE.fullmatch(text.casefold())
    return f"; did you mean {loose[1]}{loose[2]}{loose[3] or ''}?" if loose else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChange:
    """What a level does to the priority: `to` is set, or only raised to if `raise_only`."""

    to: Priority
    raise_only: bool

    def applied(self, now: Priority | None) -> Priority | None:
        """Return the priority to write, or None to leave it. `at_least` never lowers; a missing priority is raised."""
        if now == self.to or (self.raise_only and now is not None and now >= self.to):
            return None
        return self.to


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One step of the ladder. `targets` by vendor, or by `vendor/site` where one site differs."""

    number: int
    name: str
    role: str = ""
    path: Path = Path.FUNCTIONAL
    take: Take = Take.OWNERSHIP
    targets: Mapping[str, Target] = field(default_factory=dict)
    priority: PriorityChange | None = None
    expected_resolution: Duration | None = None
    taken_within: Duration | None = None
    note: str | None = None
    mode: Mode | None = None

    def target(self, vendor: str, site: str) -> Target:
        """Where this level lives at one site; empty if the policy names nothing for it."""
        return self.targets.get(f"{vendor}/{site}") or self.targets.get(vendor) or {}


class Step(StrEnum):
    """Where a rule leads, if it does not name the level itself."""

    NEXT_LEVEL = "next_level"
    REQUESTED_LEVEL = "requested_level"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitIf:
    """Leave a ticket with whoever was active on it lately, but no longer than `at_most`."""

    human_active_within: Duration
    at_most: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A reason to escalate. Fires once per cause; `again` lets it fire once more for the same cause, later."""

    name: str
    when: Node
    go_to: int | Step
    again: Duration | None = None
    calendar: str | None = None
    wait_if: WaitIf | None = None
    mode: Mode | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which values of one ticket field are in scope: one of `only` (if any), and none of `none_of`."""

    field: str
    only: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A test that travels with the policy: an invented ticket, its story, and the level expected at each time."""

    name: str
    ticket: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...] = ()
    expect: tuple[Mapping[str, Any], ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One escalation policy for every site. `revision` is a hash of the text with its holidays expanded."""

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

    def level(self, number: int) -> Level:
        """Return a level by number; numbers run from 1 without gaps."""
        return self.levels[number - 1]

    @property
    def top(self) -> int:
        """The highest level's number."""
        return len(self.levels)
