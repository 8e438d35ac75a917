"""What an answer may be: one of some values, a thing that goes by some words, a length of time.

For the linter. Of two ranges it can be said what fits both and whether one lies within the other; where that cannot be
known, because a group may go by a name and by an id, the answer is the careful one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, Protocol

_ZERO = timedelta()


class Range(Protocol):
    """What an answer may be. Two ranges of the same question are of the same kind."""

    @property
    def empty(self) -> bool:
        """Nothing fits."""

    @property
    def bulk(self) -> int:
        """How much more there is to compare than usual."""

    def both(self, *others: Any) -> Range:
        """Return what fits this and the others."""

    def within(self, other: Any) -> bool:
        """Say whether everything that fits this fits the other."""


@dataclass(frozen=True, slots=True)
class Among:
    """One of finitely many values."""

    values: frozenset[Any]

    @property
    def empty(self) -> bool:
        """Nothing fits."""
        return not self.values

    @property
    def bulk(self) -> int:
        """How much more there is to compare than usual; sets of values are fast."""
        return len(self.values) // 32

    def both(self, *others: Among) -> Among:
        """Return what fits this and the others."""
        return Among(self.values.intersection(*(other.values for other in others)))

    def within(self, other: Among) -> bool:
        """Say whether everything that fits this fits the other."""
        return self.values <= other.values


@dataclass(frozen=True, slots=True)
class Called:
    """A thing with several names, or several things: one word of each set in `some` fits it, and no word of `none`."""

    some: frozenset[frozenset[str]] = frozenset()
    none: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        """Nothing fits."""
        return frozenset() in self.some

    @property
    def bulk(self) -> int:
        """How much more there is to compare than usual."""
        return max(0, len(self.some) - 1) + len(self.none) // 32

    def both(self, *others: Called) -> Called:
        """Return what fits this and the others."""
        none = self.none.union(*(other.none for other in others))
        some = frozenset(chain(self.some, *(other.some for other in others)))
        return Called(frozenset(words - none for words in some) if none else some, none)

    def within(self, other: Called) -> bool:
        """Say whether everything that fits this fits the other."""
        return other.none <= self.none and all(any(mine <= theirs for mine in self.some) for theirs in other.some)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A length of time: at least so long (more than none: it is being counted), and less than that."""

    least: timedelta = _ZERO
    less_than: timedelta | None = None

    @property
    def empty(self) -> bool:
        """Nothing fits."""
        return self.less_than is not None and self.less_than <= self.least

    @property
    def bulk(self) -> int:
        """How much more there is to compare than usual."""
        return 0

    def both(self, *others: Lasting) -> Lasting:
        """Return what fits this and the others."""
        every = (self, *others)
        ends = [one.less_than for one in every if one.less_than is not None]
        return Lasting(max(one.least for one in every), min(ends, default=None))

    def within(self, other: Lasting) -> bool:
        """Say whether everything that fits this fits the other."""
        ends = other.less_than is None or (self.less_than is not None and self.less_than <= other.less_than)
        return ends and self.least >= other.least
