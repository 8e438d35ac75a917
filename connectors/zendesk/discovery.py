"""What an account calls its fields and statuses, turned into ids: the settings as the pure functions need them.

It guesses nothing: a name that fits none, or two, is told in the log and stays what it is, so that the field is unknown
rather than a wrong one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from connectors.contract import Refused
from connectors.site import Site
from connectors.zendesk.directory import EXPIRY, Directory
from connectors.zendesk.picture import STATUSES, is_field_id
from connectors.zendesk.settings import ZendeskSettings

_log = logging.getLogger("stepladder.zendesk")


class Discovery:
    """One account's settings with names turned into ids; the lists behind them are the directory's, cached there."""

    def __init__(self, directory: Directory, site: Site, settings: ZendeskSettings, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._site = site
        self._settings = settings
        self._resolved = settings
        self._clock = clock
        self._told: set[str] = set()
        self._ignored_until = float("-inf")
        self._lock = threading.Lock()

    def settings(self) -> ZendeskSettings:
        """Return the settings as far as they can be resolved; it asks only if they hold names.

        Raises TryLater only if the lists to resolve them by were never seen.
        """
        given = self._settings
        with self._lock:
            fields = {ours: self._field(f"fields.{ours}", theirs) for ours, theirs in given.fields.items()}
            statuses = {self._status(name): ours for name, ours in given.statuses.items()}
            level = self._field("level_field", given.level_field) if given.level_field else None
            found = {"fields": fields, "statuses": statuses, "level_field": level}
            if any(getattr(self._resolved, name) != value for name, value in found.items()):
                self._resolved = given.model_copy(update=found)
            return self._resolved

    def level_field(self) -> str | None:
        """Return the id of the field that shows the level. Raises Refused if no active field is it, or TryLater.

        None where the settings name no field.
        """
        given = self._settings.level_field
        if self._clock() < self._ignored_until:
            raise Refused(f"Zendesk ignores the level's field {given!r}: is it active?", parts=frozenset({"level"}))
        return self._directory.field(given, "level") if given else None

    def level_ignored(self) -> None:
        """Hear that Zendesk took a save and left the level out, as it does with a field that is switched off."""
        _log.warning("zendesk.level_ignored site=%s field=%s", self._site.name, self._settings.level_field)
        self._ignored_until = self._clock() + EXPIRY

    def _field(self, setting: str, given: str) -> str:
        return given if is_field_id(given) else self._found(setting, given, self._directory.field_calmly)

    def _status(self, given: str) -> str:
        known = given.isdecimal() or given.lower() in STATUSES
        return given if known else self._found(f"statuses.{given}", given, self._directory.status_calmly)

    def _found(self, setting: str, given: str, look_up: Callable[[object, str], str]) -> str:
        try:
            found = look_up(given, setting)
        except Refused as refused:
            if setting not in self._told:
                _log.warning("zendesk.name_unknown site=%s setting=%s reason=%s", self._site.name, setting, refused)
            self._told.add(setting)
            return given
        self._told.discard(setting)
        return found
