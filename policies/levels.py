"""The ladder as values: what a level is for, where it lives, how soon it must answer, and whom it tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from policies.commands import Mode, Recipient, Take, Target
from policies.durations import Duration
from policies.model import Priority

if TYPE_CHECKING:
    from policies.conditions import Node


class Path(StrEnum):
    """Why a level is higher: more expertise, or more authority."""

    FUNCTIONAL = "functional"
    HIERARCHICAL = "hierarchical"


class Step(StrEnum):
    """Where a rule leads, if it does not name the level itself."""

    NEXT_LEVEL = "next_level"
    REQUESTED_LEVEL = "requested_level"


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
class Branch:
    """Other targets for tickets by the value of one field: `product`, `language`, `kind`, `form`, `tier`, `custom.x`.

    Keys are small letters. What a branch does not say, the target it branches from says.
    """

    field: str
    targets: Mapping[str, Target]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a level lives at one site. Of several branches the first that fits a ticket counts."""

    target: Target
    branches: tuple[Branch, ...] = ()

    def every(self) -> Iterator[Target]:
        """Yield every target a ticket may get here, the branches' completed by what they branch from."""
        yield self.target
        for branch in self.branches:
            yield from ({**self.target, **target} for target in branch.targets.values())


Places = Mapping[str, Place]
"""Places by vendor, or by `vendor/site` where one site differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminders:
    """When nobody has taken the ticket in time: remind so often, at most so many times, then climb if `climb`."""

    every: Duration
    at_most: int
    climb: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfHours:
    """What is different while a calendar is closed: the move waits (`hold`), or others get it or are told.

    `unless` makes an exception, such as critical tickets.
    """

    calendar: str
    hold: bool = False
    unless: Node | None = None
    places: Places = field(default_factory=dict)
    tell: tuple[Recipient, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One step of the ladder. `fallbacks` are tried in order where a target is refused.

    `calendar` is what durations count while a ticket stands here. `needs_confirmation` names roles; a person in one of
    them must agree before a ticket comes here.
    """

    number: int
    name: str
    role: str = ""
    path: Path = Path.FUNCTIONAL
    take: Take = Take.OWNERSHIP
    places: Places = field(default_factory=dict)
    fallbacks: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    priority: PriorityChange | None = None
    expected_resolution: Duration | None = None
    taken_within: Duration | None = None
    if_not_taken: Reminders | None = None
    tell: tuple[Recipient, ...] = ()
    out_of_hours: OutOfHours | None = None
    review_every: Duration | None = None
    needs_confirmation: tuple[str, ...] = ()
    calendar: str | None = None
    note: str | None = None
    mode: Mode | None = None

    @property
    def arrangements(self) -> tuple[Places, ...]:
        """Its places, and those that count out of hours."""
        return (self.places, self.out_of_hours.places if self.out_of_hours is not None else {})

    def target(self, vendor: str, site: str) -> Target:
        """Where this level lives at one site, whatever the ticket; empty if the policy names nothing for it."""
        place = at_site(self.places, vendor, site)
        return place.target if place is not None else {}

    def targets(self, vendor: str, site: str) -> tuple[Target, ...]:
        """Every target that a ticket of this site may get at this level, but those for when one is refused."""
        found: list[Target] = []
        for places in self.arrangements:
            place = at_site(places, vendor, site)
            found += place.every() if place is not None else ()
        return tuple(found)

    def fallback(self, vendor: str, site: str) -> tuple[Target, ...]:
        """What is tried at one site, in order, where a target is refused."""
        return self.fallbacks.get(f"{vendor}/{site}", self.fallbacks.get(vendor, ()))


def at_site(places: Places, vendor: str, site: str) -> Place | None:
    """Return the place at one site: its own, else its vendor's."""
    return places.get(f"{vendor}/{site}") or places.get(vendor)
