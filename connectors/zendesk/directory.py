"""Names, ids and members of groups, people, fields and so on at one Zendesk account, cached. It asks only for what it
does not know.

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
from connectors.zendesk.answers import Forbidden
from connectors.zendesk.onlookers import SHARED_WITH
from connectors.zendesk.picture import identity, plain

EXPIRY = 600.0  # seconds
SOON = 60.0  # an unknown name, or a list that could not be had, does not cause a load more often than this

#: what a list's things are called in `names()`, and which of their keys is the name
_KINDS = {
    "groups": ("group", "name"),
    "users": ("user", "name"),
    "brands": ("brand", "name"),
    "ticket_forms": ("form", "name"),
    "sharing_agreements": ("sharing", "name"),
    "ticket_fields": ("field", "title"),
    "custom_statuses": ("custom_status", "agent_label"),
}
_DECORATE = ("groups", "users", "brands", "ticket_forms", "sharing_agreements")
_SAID = {"groups": "group", "users": "agent", "ticket_fields": "active custom field", "custom_statuses": "status"}
_SYSTEM_FIELDS = frozenset(
    {
        *("subject", "description", "status", "tickettype", "priority"),
        *("basic_priority", "group", "assignee", "custom_status"),
    }
)
_NOT_SHARING = frozenset({"declined", "pending"})
_LIGHT = 1  # role_type of an agent who can be assigned nothing

Load = Callable[[str], Iterable[Mapping[str, Any]]]
"""Ask for a whole list: `load("groups")`, `load("groups/361/memberships/assignable")`; the client turns pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    loaded: float = float("-inf")
    until: float = float("-inf")  # it could not be had just now: nobody who only wonders asks before this
    barred: bool = False  # Zendesk does not show it to our account
    ids: Mapping[str, str] = field(default_factory=dict)  # folded name or e-mail address → id; "" where two share it
    names: Mapping[str, str] = field(default_factory=dict)  # id → name
    suspended: frozenset[str] = frozenset()  # ids, folded names and addresses
    light: frozenset[str] = frozenset()  # ids

    @property
    def had(self) -> bool:
        return self.loaded > float("-inf")


class Directory:
    """One account's groups, people, fields, statuses and sharing agreements."""

    def __init__(self, load: Load, expiry: float = EXPIRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._expiry = expiry
        self._clock = clock
        self._lists: dict[str, _List] = {}
        self._locks = {kind: threading.Lock() for kind in _KINDS}
        self._named: tuple[tuple[dict[str, _List], bool], Mapping[str, str]] = (({}, False), {})
        self._silent_until = float("-inf")
        self._members: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._members_lock = threading.Lock()

    def names(self) -> Mapping[str, str]:
        """Return names by `group:<id>`, `user:<id>` and so on; what cannot be had now stays as it was last known."""
        for kind in sorted(_DECORATE, key=lambda kind: self._lists.get(kind, _List()).until):  # what fails comes last
            self._calmly(kind, self._expiry)
        return self.known()

    def known(self) -> Mapping[str, str]:
        """Return the names loaded so far; never asks.

        `sharing:count` is there only while agents and agreements are known as they were lately: on old knowledge nobody
        may conclude that a note is read by no one.
        """
        lists, late = dict(self._lists), self._clock() - self._expiry
        counted = all(lists.get(kind, _List()).loaded >= late for kind in ("users", "sharing_agreements"))
        if (lists, counted) != self._named[0]:  # the same objects compare at once: thousands of names do not
            names = {f"{_KINDS[kind][0]}:{key}": name for kind in lists for key, name in lists[kind].names.items()}
            if counted:
                names[SHARED_WITH] = str(len(lists["sharing_agreements"].names))
            self._named = ((lists, counted), names)
        return self._named[1]

    def group(self, word: object, part: str) -> str:
        """Return a group's id for its name or id; `part` is at fault if there is none."""
        return self._resolve("groups", word, part, self._fresh)

    def person(self, word: object, part: str) -> str:
        """Return an agent's id for an id, an e-mail address or a name."""
        return self._resolve("users", word, part, self._fresh)

    def field(self, word: object, part: str) -> str:
        """Return a custom ticket field's id for its title or id."""
        return self._resolve("ticket_fields", word, part, self._fresh)

    def field_calmly(self, word: object, part: str) -> str:
        """Do so with the list as it was last known, if Zendesk cannot be asked now."""
        return self._resolve("ticket_fields", word, part, self._calmly)

    def status_calmly(self, word: object, part: str) -> str:
        """Return a custom status's id for the label that agents see, as it was last known."""
        return self._resolve("custom_statuses", word, part, self._calmly)

    def is_light(self, person: str) -> bool:
        """Say whether somebody is known to be a light agent; never asks."""
        return person in self._lists.get("users", _List()).light

    def members(self, group: str) -> tuple[str, ...]:
        """Return the ids of a group's agents to whom tickets can be assigned, the smallest first."""
        with self._members_lock:
            loaded, found = self._members.get(group, (float("-inf"), ()))
            if self._clock() - loaded > (self._expiry if found else SOON):
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

    def _resolve(self, kind: str, word: object, part: str, ask: Callable[[str, float], _List]) -> str:
        if isinstance(word, int) or (isinstance(word, str) and word.isdecimal()):
            return str(word)
        folded = str(word).strip().casefold()
        listed = ask(kind, self._expiry)
        if folded not in listed.ids:
            listed = ask(kind, SOON)
        if listed.barred:
            raise Refused(f"Zendesk does not show our account its {kind.replace('_', ' ')}", parts=frozenset({part}))
        if not listed.had:
            raise TryLater(f"Zendesk's {kind.replace('_', ' ')} could not be read yet", site_wide=False)
        found = listed.ids.get(folded)
        if found:
            return found
        what = _SAID[kind]
        if found == "":
            raise Refused(f"more than one Zendesk {what} is called {word!r}: use the id", parts=frozenset({part}))
        if folded in listed.suspended:
            raise Refused(f"Zendesk's agent {word!r} is suspended", parts=frozenset({part}))
        near = difflib.get_close_matches(folded, listed.ids, n=3, cutoff=0.5)
        guess = f"; nearest: {', '.join(near)}" if near else ""
        raise Refused(f"Zendesk has no {what} {word!r}{guess}", parts=frozenset({part}))

    def _fresh(self, kind: str, at_most: float) -> _List:
        """Return a list that is at most so many seconds old. Raises TryLater or Refused."""
        with self._locks[kind]:
            listed = self._lists.get(kind)
            if listed is None or self._clock() - listed.loaded > at_most:
                listed = self._lists[kind] = self._read(kind)
            return listed

    def _calmly(self, kind: str, at_most: float) -> _List:
        """Return a list as it was last known, if it cannot be had now; then it is not asked for again too soon."""
        listed = self._lists.get(kind, _List())
        if self._clock() < max(listed.until, self._silent_until):
            return listed
        try:
            return self._fresh(kind, at_most)
        except (Forbidden, Refused):
            listed = replace(listed, until=self._clock() + self._expiry, barred=not listed.had)
        except TryLater:
            self._silent_until = self._clock() + SOON  # the others would fail too
            listed = replace(listed, until=self._silent_until)
        self._lists[kind] = listed
        return listed

    def _read(self, kind: str) -> _List:
        ids: dict[str, str] = {}
        names: dict[str, str] = {}
        suspended: set[str] = set()
        light: set[str] = set()
        for item in self._load(kind):
            key, name = identity(item.get("id")), plain(item.get(_KINDS[kind][1]))
            words = [word.strip().casefold() for word in (name, plain(item.get("email"))) if word]
            if item.get("suspended"):
                suspended.update(words, [key] if key else [])
            elif key is not None and not _left_out(kind, item):
                names[key] = name or key
                ids |= {word: key if ids.get(word, key) == key else "" for word in words}
                light |= {key} if item.get("role_type") == _LIGHT else set()
        return _List(
            loaded=self._clock(),
            ids=ids,
            names=names,
            suspended=frozenset(suspended),
            light=frozenset(light),
        )


def _left_out(kind: str, item: Mapping[str, Any]) -> bool:
    """Say whether a listed thing is not to be named: deleted, switched off, or a field that is no custom one."""
    if item.get("deleted"):
        return True
    if kind == "ticket_fields" and (item.get("removable") is False or plain(item.get("type")) in _SYSTEM_FIELDS):
        return True
    if kind == "sharing_agreements":
        return plain(item.get("status")) in _NOT_SHARING
    return kind in ("users", "ticket_fields", "custom_statuses") and item.get("active") is False
