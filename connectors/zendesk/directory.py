"""Names, ids and members of groups and people at one Zendesk account, cached. It asks only for what it does not know.

An id in a policy is used as it is; a name or an e-mail address is looked up, and a wrong one is answered with the
nearest right ones.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.contract import Refused, TryLater
from connectors.zendesk.picture import identity, plain

EXPIRY = 600.0  # seconds
_SOON = 15.0  # an unknown name does not cause a load more often than this

_KINDS = {"groups": "group", "users": "user", "brands": "brand", "ticket_forms": "form"}

Load = Callable[[str], Iterable[Mapping[str, Any]]]
"""Ask for a whole list: `load("groups")`, `load("groups/361/memberships/assignable")`; the client turns pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    loaded: float = float("-inf")
    ids: Mapping[str, str] = field(default_factory=dict)  # folded name or e-mail address → id; "" where two share it
    names: Mapping[str, str] = field(default_factory=dict)  # id → name
    suspended: frozenset[str] = frozenset()  # ids, folded names and addresses


class Directory:
    """One account's groups and people."""

    def __init__(self, load: Load, expiry: float = EXPIRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._expiry = expiry
        self._clock = clock
        self._lists: dict[str, _List] = {}
        self._locks = {kind: threading.Lock() for kind in _KINDS}
        self._members: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._members_lock = threading.Lock()

    def names(self) -> Mapping[str, str]:
        """Return names by `group:<id>`, `user:<id>` and so on; what cannot be had now stays as it was last known."""
        for kind in _KINDS:
            try:
                self._fresh(kind, self._expiry)
            except (TryLater, Refused):
                # names only decorate: the next look asks again, not every look until then
                self._lists[kind] = replace(self._lists.get(kind, _List()), loaded=self._clock())
        return self.known()

    def known(self) -> Mapping[str, str]:
        """Return the names loaded so far; never asks."""
        lists = list(self._lists.items())
        return {f"{_KINDS[kind]}:{key}": name for kind, listed in lists for key, name in listed.names.items()}

    def group(self, word: object, part: str) -> str:
        """Return a group's id for its name or id; `part` is at fault if there is none."""
        return self._resolve("groups", word, part)

    def person(self, word: object, part: str) -> str:
        """Return an agent's id for an id, an e-mail address or a name."""
        return self._resolve("users", word, part)

    def members(self, group: str) -> tuple[str, ...]:
        """Return the ids of a group's agents to whom tickets can be assigned, the smallest first."""
        with self._members_lock:
            loaded, found = self._members.get(group, (float("-inf"), ()))
            if self._clock() - loaded > (self._expiry if found else _SOON):
                listed = self._load(f"groups/{group}/memberships/assignable")
                ids = {key for item in listed if (key := identity(item.get("user_id")))}
                found = tuple(sorted(ids, key=lambda key: (len(key), key)))
                self._members[group] = (self._clock(), found)
            return found

    def forget_members(self, group: str) -> None:
        """Ask again next time: Zendesk has just said that somebody is not what we thought."""
        self._members.pop(group, None)

    def at_work(self, people: Iterable[str]) -> list[str]:
        """Return those who are not known to be suspended."""
        suspended = self._fresh("users", self._expiry).suspended
        return [who for who in people if who not in suspended]

    def _resolve(self, kind: str, word: object, part: str) -> str:
        if isinstance(word, int) or (isinstance(word, str) and word.isdecimal()):
            return str(word)
        folded = str(word).strip().casefold()
        listed = self._fresh(kind, self._expiry)
        if folded not in listed.ids:
            listed = self._fresh(kind, _SOON)
        found = listed.ids.get(folded)
        if found:
            return found
        what = "group" if kind == "groups" else "agent"
        if found == "":
            raise Refused(f"more than one Zendesk {what} is called {word!r}: use the id", parts=frozenset({part}))
        if folded in listed.suspended:
            raise Refused(f"Zendesk's agent {word!r} is suspended", parts=frozenset({part}))
        near = difflib.get_close_matches(folded, listed.ids, n=3, cutoff=0.5)
        guess = f"; nearest: {', '.join(near)}" if near else ""
        raise Refused(f"Zendesk has no {what} {word!r}{guess}", parts=frozenset({part}))

    def _fresh(self, kind: str, at_most: float) -> _List:
        with self._locks[kind]:
            listed = self._lists.get(kind)
            if listed is None or self._clock() - listed.loaded > at_most:
                listed = self._lists[kind] = self._read(kind)
            return listed

    def _read(self, kind: str) -> _List:
        ids: dict[str, str] = {}
        names: dict[str, str] = {}
        suspended: set[str] = set()
        for item in self._load(kind):
            key, name = identity(item.get("id")), plain(item.get("name"))
            words = [word.casefold() for word in (name, plain(item.get("email"))) if word]
            if item.get("suspended"):
                suspended.update(words, [key] if key else [])
            elif key is not None and not item.get("deleted"):
                names[key] = name or key
                ids |= {word: key if ids.get(word, key) == key else "" for word in words}
        return _List(loaded=self._clock(), ids=ids, names=names, suspended=frozenset(suspended))
