"""Which tickets changed since a moment: by the incremental export where our account may, else by search.

It decides nothing about them, and says itself what it cannot see. An account that is no administrator's is searched:
https://developer.zendesk.com/api-reference/ticketing/ticket-management/search/#export-search-results
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.contract import Changed, Refused, TryLater
from connectors.zendesk.answers import Forbidden
from connectors.zendesk.line import PAGE, Line
from connectors.zendesk.picture import mapping, moment, objects, ticket_id
from policies.model import TicketRef

_log = logging.getLogger("stepladder.zendesk")
_TRY_AGAIN = 86_400.0  # seconds; rights that we do not have are rarely given
_EARLIER = 120  # seconds; a start must be one minute in the past by their clock, and ours may be fast
_EXPORTED = 500  # tickets a page; they come whole
_CURSOR_LIVES = 1800.0  # seconds; Zendesk says an hour
_MOST_DELETED = 10  # pages; ten a minute may be asked
_MOST_IDLE = 3  # pages in a row that tell nothing new, though Zendesk says that there is more

_EXPORT_MISSES = (
    "Changes of the last minute are not told yet; the next question finds them.",
    "Tickets that were deleted for good are not told.",
)
_SEARCH_MISSES = (
    "Zendesk's search learns of a change some minutes later; a later question finds what this one missed.",
    "Tickets that Zendesk has archived, after about four months closed, may not be found.",
)
_BLIND_TO_DELETED = "Deleted tickets are not told: our account may not list them."
_RESTRICTED = "Tickets that our account's role does not show it are not found: it sees only some ({})."


@dataclass(slots=True, kw_only=True)
class _Search:
    """How far one question has come: what was found, and where its next page begins. A limit may stop it halfway."""

    path: str
    since: datetime
    begun: float
    found: dict[str, datetime] = field(default_factory=dict)
    cursor: str | None = None
    cursors: set[str] = field(default_factory=set)
    told: set[tuple[str, datetime]] = field(default_factory=set)
    idle: int = 0


class Changes:
    """What changed at one account."""

    def __init__(self, line: Line, vendor: str, site: str, clock: Callable[[], float]) -> None:
        self._line = line
        self._vendor, self._site = vendor, site
        self._clock = clock
        self._lock = threading.Lock()
        self._search_until = float("-inf")  # we have been told that we may not export
        self._exports = False  # we have done so; until then it is not known that we may
        self._sees_deleted = True
        self._restriction: str | None = None
        self._halfway: _Search | None = None

    def since(self, since: datetime, before_page: Callable[[], None]) -> Iterator[Changed]:
        """Yield what changed at or after a moment, the earliest first. Raises TryLater; asked again, it goes on."""
        with self._lock:
            found = self._exported(since, before_page) if self._may_export() else None
            if found is None:
                found = self._searched(since, before_page) | self._deleted(since, before_page)
            self._halfway = None
        for number, at in sorted(found.items(), key=lambda item: (item[1], int(item[0]))):
            yield Changed(ref=TicketRef(vendor=self._vendor, site=self._site, id=number), at=at)

    def cannot_see(self) -> tuple[str, ...]:
        """Say what `since` misses, as far as our rights are known from asking."""
        if self._exports:
            return _EXPORT_MISSES
        limited = (_RESTRICTED.format(self._restriction),) if self._restriction else ()
        return _SEARCH_MISSES + (() if self._sees_deleted else (_BLIND_TO_DELETED,)) + limited

    def _may_export(self) -> bool:
        return self._clock() >= self._search_until

    # --- the incremental export -------------------------------------------------------------------------
    def _exported(self, since: datetime, before_page: Callable[[], None]) -> Mapping[str, datetime] | None:
        """Read the export; None if we may not. Its order is that of `generated_timestamp`, not of the changes."""
        path = "incremental/tickets/cursor"
        search = self._begun(path, since)
        while True:
            # earlier than asked: so no start is too late for Zendesk, and what is too early is left out below
            start = {"start_time": max(0, int(since.timestamp()) - _EARLIER)}
            params: dict[str, Any] = {"cursor": search.cursor} if search.cursor else start
            before_page()
            try:
                page = self._ask(path, "tickets", per_page=_EXPORTED, **params)
            except Forbidden:
                self._search_until, self._exports = self._clock() + _TRY_AGAIN, False
                return None
            new = [self._keep(search, item, _when(item)) for item in objects(page, "tickets")]
            if page.get("end_of_stream") is not False or not self._goes_on(search, page.get("after_cursor"), any(new)):
                self._restriction, self._exports = None, True
                return search.found

    # --- the search -------------------------------------------------------------------------------------
    def _searched(self, since: datetime, before_page: Callable[[], None]) -> dict[str, datetime]:
        search = self._begun("search/export", since)
        self._look_at_ourselves()
        asked = {"query": f"updated>={since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "filter[type]": "ticket"}
        while True:
            after = {"page[after]": search.cursor} if search.cursor else {}
            params = {**asked, "page[size]": PAGE, **after}
            before_page()
            page = self._ask(search.path, "results", **params)
            new = [self._keep(search, item, moment(item.get("updated_at"))) for item in objects(page, "results")]
            meta = mapping(page, "meta")
            if not meta.get("has_more") or not self._goes_on(search, meta.get("after_cursor"), any(new)):
                return search.found

    def _deleted(self, since: datetime, before_page: Callable[[], None]) -> dict[str, datetime]:
        """Return the tickets that were deleted since then, as far as we may know."""
        search = _Search(path="deleted_tickets", since=since, begun=self._clock())
        for number in range(1, _MOST_DELETED + 1):
            params = {"sort_by": "deleted_at", "sort_order": "desc", "per_page": PAGE, "page": number}
            before_page()
            try:
                page = self._ask(search.path, "deleted_tickets", **params)
            except Forbidden:
                self._sees_deleted = False
                return search.found
            self._sees_deleted = True
            times = [at for item in objects(page, "deleted_tickets") if (at := moment(item.get("deleted_at")))]
            for item in objects(page, "deleted_tickets"):
                self._keep(search, item, moment(item.get("deleted_at")))
            if not page.get("next_page") or not times or min(times) < since:
                break
        return search.found

    def _look_at_ourselves(self) -> None:
        """Learn whether our account is shown every ticket."""
        who = mapping(self._ask("users/me", "user"), "user")
        self._restriction = _text(who.get("ticket_restriction"))

    # --- both -------------------------------------------------------------------------------------------
    def _begun(self, path: str, since: datetime) -> _Search:
        """Return the same question as far as it has come, or begin it."""
        halfway = self._halfway
        same = halfway is not None and (halfway.path, halfway.since) == (path, since)
        if halfway is None or not same or self._clock() - halfway.begun > _CURSOR_LIVES:
            halfway = self._halfway = _Search(path=path, since=since, begun=self._clock())
        return halfway

    def _ask(self, path: str, expected: str, **params: Any) -> Mapping[str, Any]:
        try:
            return self._line.get(path, expected, about_ticket=False, **params)
        except Refused as refused:  # such as a cursor that is too old: from the beginning, next time
            self._halfway = None
            raise TryLater(str(refused), site_wide=False) from refused

    def _keep(self, search: _Search, item: Mapping[str, Any], at: datetime | None) -> bool:
        """Keep a change, if it is one since then; say whether it was not told before."""
        number = ticket_id(item.get("id"))
        if number is None or at is None:
            return False
        if at >= search.since.replace(microsecond=0):
            search.found[number] = max(at, search.found.get(number, at))
        new = (number, at) not in search.told
        search.told.add((number, at))
        return new

    def _goes_on(self, search: _Search, cursor: object, new: bool) -> bool:
        """Say whether there is a next page: not where its cursor was there before, or pages bring nothing new."""
        search.cursor = _text(cursor)
        search.idle = 0 if new else search.idle + 1
        if search.cursor is None:
            return False
        if search.cursor in search.cursors or search.idle >= _MOST_IDLE:
            _log.warning("zendesk.list_cut site=%s list=%s pages=%s", self._site, search.path, len(search.cursors) + 1)
            return False
        search.cursors.add(search.cursor)
        return True


def _when(item: Mapping[str, Any]) -> datetime | None:
    """Return when a ticket changed; a deletion is seen only by when Zendesk wrote its record."""
    stamp = item.get("generated_timestamp")
    if item.get("status") == "deleted" and isinstance(stamp, int) and not isinstance(stamp, bool):
        return datetime.fromtimestamp(min(max(stamp, 0), 2**36), UTC)
    return moment(item.get("updated_at"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
