"""Names and ids of groups and people at one Zendesk account, cached. It asks only when a name is needed and unknown.

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
"""Ask for a whole list: `load("groups")`, `load("users")`; the client turns pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    loaded: float = float("-inf")
    ids: Mapping[str, str] = field(default_factory=dict)  # folded name or e-mail address → id; "" where two share it
    names: Mapping[str, str] = field(default_factory=dict)  # id → name


class Directory:
    """One account's groups and people."""

    def __init__(self, load: Load, expiry: float = EXPIRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._expiry = expiry
        self._clock = clock
        self._lists: dict[str, _List] = {}
        self._locks = {kind: threading.Lock() for kind in _KINDS}

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
        for item in self._load(kind):
            key, name = identity(item.get("id")), plain(item.get("name"))
            if key is None or item.get("deleted") or item.get("suspended"):
                continue
            names[key] = name or key
            for word in filter(None, (name, plain(item.get("email")))):
                folded = word.casefold()
                ids[folded] = key if ids.get(folded, key) == key else ""
        return _List(loaded=self._clock(), ids=ids, names=names)
