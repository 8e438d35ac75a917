"""How much a check does at most: it answers in a second, whatever the policy.

What it does is counted and not timed, so that the same policy always has the same findings.
"""

from __future__ import annotations

MOST_STEPS = 1_200_000
"""Of the linter, each as much as the comparison of two answers; two hundred ordinary rules need fewer."""


class TooMany(Exception):
    """There is more to do than is worth it."""


class Effort:
    """Counts steps down."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Count what is about to be done. Raises TooMany from the moment that it is too much."""
        self.left -= steps
        if self.left < 0:
            raise TooMany

    @property
    def spent(self) -> bool:
        """Something was left out."""
        return self.left < 0
