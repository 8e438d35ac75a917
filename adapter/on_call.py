"""Who is on call: by a rota that stands in the settings, or by asking an address. Asked when a message goes out."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import requests

from adapter.sections import OnCall, is_address
from policies.durations import Duration

KEPT = timedelta(seconds=60)
"""How long an answer counts, also that there was none: an address that hangs must not be asked for every message."""
_LONGEST_ANSWER = 1_000_000


class NotKnown(Exception):
    """Who is on call cannot be found out now; the text says why."""


class Schedule(Protocol):
    """Says who is on call."""

    def on_call(self, now: datetime) -> str | None:
        """Return somebody's address, or None if nobody is on call. Raises NotKnown."""


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
        self._url, self._path, self._timeout = url, path, settings.timeout
        self._headers = {"Accept": "application/json"}
        if settings.token is not None:
            self._headers["Authorization"] = f"{settings.scheme} {settings.token.get_secret_value()}"
        self._lock = threading.Lock()
        self._until: datetime | None = None
        self._found: str | None = None
        self._wrong: str | None = None

    def on_call(self, now: datetime) -> str | None:
        """Ask, or remember what was answered within the last minute."""
        with self._lock:
            if self._until is None or not self._until - KEPT <= now < self._until:
                self._until = now + KEPT
                self._found, self._wrong = None, None
                try:
                    self._found = self._ask()
                except NotKnown as wrong:
                    self._wrong = str(wrong)
            if self._wrong is not None:
                raise NotKnown(self._wrong)
            return self._found

    def _ask(self) -> str | None:
        session = requests.Session()
        session.trust_env = False  # a ~/.netrc must not send anybody's password there
        try:
            with session.get(
                self._url, headers=self._headers, timeout=self._timeout, allow_redirects=False, stream=True
            ) as answer:
                if answer.status_code != requests.codes.ok:
                    raise NotKnown(f"it answered {answer.status_code}")
                text = b""
                for piece in answer.iter_content(65_536):
                    text += piece
                    if len(text) > _LONGEST_ANSWER:
                        raise NotKnown("its answer is too long")
        except (OSError, requests.RequestException) as error:  # its text may quote the address, token and all
            raise NotKnown(f"it could not be asked ({type(error).__name__})") from None
        finally:
            session.close()
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
