"""Lets what several threads want to store at the same time share one transaction: the disk is waited for once.

Nobody waits for company: who finds nobody storing begins at once, and who comes meanwhile is taken next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from adapter.records import Unusable

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")

_MOST = 64
"""Wishes of one transaction, so that it stays short for the others who write."""


class _Place(Generic[Wish, Answer]):
    """One thread's wish, and what became of it."""

    __slots__ = ("answers", "error", "turn", "wish")

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.turn: threading.Event | None = None
        self.answers: Sequence[Answer] = ()
        self.error: BaseException | None = None

    @property
    def served(self) -> bool:
        return bool(self.answers) or self.error is not None


class Together(Generic[Wish, Answer]):
    """`store` carries out some wishes in one transaction, all or none, and returns their answers."""

    def __init__(self, store: Callable[[Sequence[Wish]], Sequence[Answer]]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._busy = False
        self._waiting: deque[_Place[Wish, Answer]] = deque()

    def __call__(self, wish: Wish) -> Answer:
        """Carry out one wish; on the disk when this returns. Raises what storing it raised."""
        place: _Place[Wish, Answer] = _Place(wish)
        with self._lock:
            if self._busy:
                place.turn = threading.Event()
                self._waiting.append(place)
            self._busy = True
        if place.turn is not None:
            place.turn.wait()
        if not place.served:
            self._lead(place)
        if place.error is not None:
            raise place.error
        return place.answers[0]

    def _lead(self, mine: _Place[Wish, Answer]) -> None:
        """Store for all who wait, then let the next one lead whoever has come meanwhile."""
        with self._lock:
            others = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST - 1))]
        try:
            self._serve([mine, *others])
        finally:
            with self._lock:
                heir = self._waiting.popleft() if self._waiting else None
                self._busy = heir is not None
            for place in [*others, heir] if heir is not None else others:
                if place.turn is not None:
                    place.turn.set()

    def _serve(self, places: Sequence[_Place[Wish, Answer]]) -> None:
        try:
            answers = self._store([place.wish for place in places])
        except BaseException as error:
            for place in places:
                place.error = error
            if len(places) > 1 and not isinstance(error, Unusable):  # one of them is at fault: each for itself
                for place in places:
                    self._serve_one(place)
            return
        for place, answer in zip(places, answers, strict=True):
            place.answers = (answer,)

    def _serve_one(self, place: _Place[Wish, Answer]) -> None:
        place.error = None
        try:
            place.answers = self._store([place.wish])
        except BaseException as error:
            place.error = error
