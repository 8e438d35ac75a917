"""Who is on call: by a rota that stands in the settings, or by asking an address. Asked when a message goes out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from adapter.reaching import get
from adapter.sections import OnCall
from policies.contacts import is_address
from policies.durations import Duration

KEPT = timedelta(seconds=60)
"""How long an answer counts, also that there was none: an address that hangs must not be asked for every message."""
_LONGEST_ANSWER = 1_000_000
_GLANCE = 1.0
"""Seconds to wait for an answer before other messages go first."""
_LATE = "it did not answer in time"


class NotKnown(Exception):
    """Who is on call cannot be found out now; the text says why."""


class StillAsked(Exception):
    """Who is on call is being asked; in `seconds` it is known, or that it cannot be."""

    def __init__(self, seconds: float) -> None:
        super().__init__("it is being asked")
        self.seconds = seconds


class Schedule(Protocol):
    """Says who is on call."""

    def on_call(self, now: datetime) -> str | None:
        """Return somebody's address, or None if nobody is on call. Raises NotKnown, or StillAsked."""


class Rota:
    """People who take turns, at the same hour by their own clocks also when summer time begins."""

    def __init__(self, zone: ZoneInfo, first: datetime, every: Duration, people: Sequence[str]) -> None:
        self._zone = zone
        self._first = first
        self._every = every
        self._people = people

    def on_call(self, now: datetime) -> str | None:
        """Return whose turn it is; nobody's before the first."""
        turns = (now.astimezone(self._zone).replace(tzinfo=None) - self._first) // self._every.length
        return self._people[turns % len(self._people)] if turns >= 0 else None


class Asked:
    """An address that answers with JSON, in which somebody's e-mail address stands."""

    def __init__(self, url: str, path: str, settings: OnCall) -> None:
        self._url, self._path, self._timeout = urlsplit(url), path, settings.timeout
        self._headers = {"Accept": "application/json"}
        if settings.token is not None:
            self._headers["Authorization"] = f"{settings.scheme} {settings.token.get_secret_value()}"
        self._lock = threading.Lock()
        self._until: datetime | None = None
        self._inquiry: _Inquiry | None = None

    def on_call(self, now: datetime) -> str | None:
        """Ask, or remember what was answered within the last minute. Raises StillAsked after a moment."""
        with self._lock:
            asked = self._inquiry
            if asked is None or self._until is None or not self._until - KEPT <= now < self._until:
                asked = self._inquiry = _Inquiry(self._ask, self._timeout)
                self._until = now + KEPT
                asked.wait(_GLANCE)
        return asked.answer()

    def _ask(self) -> str | None:
        """Ask once."""
        status, text = get(self._url, self._headers, self._timeout, _LONGEST_ANSWER + 1)
        if status != HTTPStatus.OK:
            raise NotKnown(f"it answered {status}")
        if len(text) > _LONGEST_ANSWER:
            raise NotKnown("its answer is too long")
        return self._found_in(text)

    def _found_in(self, text: bytes) -> str | None:
        try:
            found = _at(json.loads(text), self._path)
        except (ValueError, RecursionError):
            raise NotKnown("its answer is not JSON") from None
        if found in (None, ""):
            return None
        if not is_address(found):
            raise NotKnown(f"at {self._path} stands no e-mail address")
        return str(found)


class _Inquiry:
    """One question, asked in a thread of its own: a service that hangs holds up nobody but who waits for it."""

    def __init__(self, ask: Callable[[], str | None], patience: float) -> None:
        self._ask = ask
        self._ends = time.monotonic() + patience
        self._done = threading.Event()
        self._found: str | None = None
        self._wrong: str | None = None
        threading.Thread(target=self._run, name="on-call", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait for the answer, but no longer than this."""
        self._done.wait(seconds)

    def answer(self) -> str | None:
        """Return what was answered. Raises NotKnown, or StillAsked."""
        if not self._done.is_set():
            left = self._ends - time.monotonic()
            if left > 0:
                raise StillAsked(left)
            raise NotKnown(_LATE)
        if self._wrong is not None:
            raise NotKnown(self._wrong)
        return self._found

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except NotKnown as wrong:
            self._wrong = str(wrong)
        except Exception as error:  # a stranger answers; and its text may quote the address, token and all
            self._wrong = f"it could not be asked ({type(error).__name__})"
        if self._wrong is not None and time.monotonic() >= self._ends:
            self._wrong = _LATE
        self._done.set()


def _at(inside: Any, path: str) -> Any:
    """Return what stands at a path such as `oncalls.0.user.email`, or None if it leads nowhere."""
    for word in path.split("."):
        if isinstance(inside, Mapping):
            inside = inside.get(word)
        elif isinstance(inside, list) and word.isdecimal() and int(word) < len(inside):
            inside = inside[int(word)]
        else:
            return None
    return inside


def schedules(settings: Mapping[str, OnCall]) -> Mapping[str, Schedule]:
    """Return the schedules by the names that policies use."""
    return {name: _schedule(told) for name, told in settings.items()}


def _schedule(settings: OnCall) -> Schedule:
    if settings.rota is not None:
        return Rota(*settings.rota, settings.people)
    return Asked(settings.url or "", settings.path or "", settings)
