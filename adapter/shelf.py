"""Policies by revision, read from the store once and kept: a case stays with the revision it was escalated under."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from policies.document import parse
from policies.policy import Policy


class Shelf:
    """Returns policies by revision. `text_of` reads an activated policy's stored text."""

    def __init__(self, text_of: Callable[[str], str]) -> None:
        @lru_cache(maxsize=32)
        def read(revision: str) -> Policy:
            return parse(text_of(revision), source=f"policy {revision}")

        self._read = read

    def get(self, revision: str) -> Policy:
        """Return the policy of an activated revision."""
        return self._read(revision)
