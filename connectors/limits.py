"""How fast a vendor lets us go: what its headers tell, and our own count, so that a limit is kept before it is broken.

It asks nothing and sleeps never: whoever may not go on is told when to come back.
"""

from __future__ import annotations

import email.utils
import math
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Protocol

from connectors.contract import TryLater

LONGEST_REST = 3600.0
"""Seconds; no vendor's window is longer than an hour, so a header that says more is asked again after one."""
SLACK = 0.5  # seconds; the vendor counts arrivals, we count departures
_EPOCH = 1_000_000_000  # a reset beyond it is a moment, not a number of seconds
_LONGEST = 1024  # characters of a header that are read; the documented ones have a tenth of it
_FAMILIES = ("x-ratelimit", "ratelimit")
_PER_ISSUE = "per-issue"  # in Jira's name of the limit of writes to one issue
_ITEM = re.compile(r'"?([^";,=]+)"?((?:\s*;\s*\w+\s*=\s*"?[^";,]*"?)+)')
_PAIR = re.compile(r'(\w+)\s*=\s*"?([^";,]*)"?')


class Reach(IntEnum):
    """What a limit is about, from the narrowest to the widest."""

    KIND = 1  # one kind of question, such as the incremental export
    TICKET = 2  # writes to one ticket
    WRITES = 3  # writes to all tickets
    SITE = 4  # every request


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit as a header tells it: how much of how many is left, and in how many seconds it starts anew."""

    name: str
    reach: Reach
    most: int | None = None
    left: int | None = None
    resets: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What an answer's headers say about the next request. `after`: seconds that Retry-After asks for."""

    after: float | None = None
    limits: tuple[Limit, ...] = ()
    near: bool = False
    reason: str = ""

    @property
    def reach(self) -> Reach:
        """What a refusal with these headers is about: the widest of what is used up; every request if unsaid."""
        if _PER_ISSUE in self.reason:
            return Reach.TICKET
        return max((limit.reach for limit in self.limits if limit.left == 0), default=Reach.SITE)

    @property
    def wait(self) -> float | None:
        """Seconds to wait: what the vendor asks for, else until what is used up starts anew; None if it is unsaid."""
        resets = [limit.resets for limit in self.limits if limit.left == 0 and limit.reach is self.reach]
        return self.after or max((seconds for seconds in resets if seconds is not None), default=self.after)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Read when to come back: seconds, decimals or a date; None if it is missing or means nothing."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        moment = _moment(header.strip())
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    else:
        seconds -= now.timestamp() if seconds > _EPOCH else 0.0
    return None if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_REST)


def told(headers: Mapping[str, str], now: datetime) -> Room:
    """Read all that a vendor's headers say about limits, in every spelling that either of them uses.

    https://developer.zendesk.com/api-reference/introduction/rate-limits/
    https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
    """
    said = {name.lower().replace("rate-limit", "ratelimit"): str(value)[:_LONGEST] for name, value in headers.items()}
    return Room(
        after=retry_after(said.get("retry-after"), now),
        limits=tuple(_limits(said, now)),
        # the Beta- headers tell of limits that are not enforced yet; they warn, and stop nothing
        near=any(said.get(f"{start}ratelimit-nearlimit", "").lower() == "true" for start in ("x-", "x-beta-", "beta-")),
        reason=said.get("ratelimit-reason", ""),
    )


def _limits(said: Mapping[str, str], now: datetime) -> Iterator[Limit]:
    about = Reach.TICKET if _PER_ISSUE in said.get("ratelimit-reason", "") else Reach.SITE
    for family in _FAMILIES:
        left = _count(said.get(f"{family}-remaining"))
        if left is not None:
            most = _count(said.get(f"{family}-limit") or said.get(family))
            resets = said.get(f"{family}-reset") or said.get(f"{family}-interval-seconds")
            yield Limit(name=family, reach=about, most=most, left=left, resets=retry_after(resets, now))
    policies = dict(_items(said.get("ratelimit-policy", "")))
    for name, pairs in _items(said.get("ratelimit", "")):
        reach = Reach.TICKET if _PER_ISSUE in name else Reach.SITE
        most, left = _count(policies.get(name, {}).get("q")), _count(pairs.get("r"))
        yield Limit(name=name, reach=reach, most=most, left=left, resets=retry_after(pairs.get("t"), now))
    for header, value in said.items():
        if header.startswith("zendesk-ratelimit-"):
            yield _named(header.removeprefix("zendesk-ratelimit-"), dict(_PAIR.findall(value)), now)


def _named(name: str, pairs: Mapping[str, str], now: datetime) -> Limit:
    reach = Reach.TICKET if "per-ticket" in name else Reach.WRITES if name == "tickets-update" else Reach.KIND
    most, left = _count(pairs.get("total")), _count(pairs.get("remaining"))
    return Limit(name=name, reach=reach, most=most, left=left, resets=retry_after(pairs.get("resets"), now))


def _items(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the items of a structured field: `"tenant-app-quota";r=0;t=2788`."""
    for name, pairs in _ITEM.findall(text):
        yield name.strip(), dict(_PAIR.findall(pairs))


def _count(text: str | None) -> int | None:
    cleaned = (text or "").strip()
    return int(cleaned) if re.fullmatch(r"[0-9]{1,12}", cleaned) else None


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            moment = read(text)
        except (TypeError, ValueError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


# --- our own count -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """So many in so many seconds, wherever these seconds begin."""

    most: int
    seconds: float


class Tally(Protocol):
    """Counts the writes of several processes to one site together."""

    def take(self, ticket: str, per_ticket: Sequence[Window], per_site: Sequence[Window]) -> tuple[float, float]:
        """Count one more write; or, if it would break a limit, return for how long the site and the ticket must wait.

        Seconds; nothing was counted unless both are 0.
        """


@dataclass(slots=True, kw_only=True)
class _Sent:
    """When the last ones left, and until when the vendor wants a rest."""

    stamps: deque[float]
    rest: float = field(default=-math.inf)

    def next(self, windows: Sequence[Window]) -> float:
        """Return from when on one more breaks no window."""
        full = [self.stamps[-w.most] + w.seconds + SLACK for w in windows if len(self.stamps) >= w.most]
        return max([self.rest, *full])


class Pace:
    """One site's limits, shared by all who speak to it. `clock`: seconds that never go back."""

    def __init__(
        self, clock: Callable[[], float], *, per_ticket: Sequence[Window] = (), per_site: Sequence[Window] = ()
    ) -> None:
        self._clock, self._per_ticket, self._per_site = clock, per_ticket, per_site
        self._lock = threading.Lock()
        self._rest = -math.inf
        self._site = _sent(per_site)
        self._tickets: OrderedDict[str, _Sent] = OrderedDict()
        self._longest = max((window.seconds for window in per_ticket), default=0.0) + SLACK
        self._tally: Tally | None = None

    def share(self, tally: Tally) -> None:
        """Count writes together with other processes from now on, instead of in this one's memory."""
        self._tally = tally

    def ask(self) -> None:
        """Go ahead with a question, or raise TryLater while the vendor wants no request at all."""
        with self._lock:
            _halt(self._rest - self._clock(), "the vendor lets nothing more through for now", site_wide=True)

    def write(self, ticket: str) -> None:
        """Count one write to a ticket, or raise TryLater if it would break a limit; nothing was sent then."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            mine = self._tickets.get(ticket) or _sent(self._per_ticket)
            _halt(self._rest - now, "the vendor lets nothing more through for now", site_wide=True)
            site, own = (self._per_site, self._per_ticket) if self._tally is None else ((), ())
            _keep(ticket, self._site.next(site) - now, mine.next(own) - now)
            self._site.stamps.append(now)
            mine.stamps.append(now)
            self._tickets[ticket] = mine
            self._tickets.move_to_end(ticket)
        if self._tally is not None and (self._per_ticket or self._per_site):
            _keep(ticket, *self._tally.take(ticket, self._per_ticket, self._per_site))

    def heard(self, headers: Mapping[str, str], now: datetime, ticket: str | None = None) -> None:
        """Remember what an answer's headers say to be used up; `ticket`: the one it was about, if it was.

        What a refusal asks for, Retry-After, is not remembered here: whoever was refused is told it (`VendorAnswer`).
        """
        room = told(headers, now)
        with self._lock:
            at = self._clock()
            for limit in room.limits:
                if limit.left == 0:
                    self._rests(limit.reach, at + (limit.resets or 0.0), ticket)

    def _rests(self, reach: Reach, until: float, ticket: str | None) -> None:
        if reach is Reach.SITE:
            self._rest = max(self._rest, until)
        elif reach is Reach.WRITES:
            self._site.rest = max(self._site.rest, until)
        elif reach is Reach.TICKET and ticket is not None:
            mine = self._tickets.setdefault(ticket, _sent(self._per_ticket))
            mine.rest = max(mine.rest, until)

    def _forget(self, now: float) -> None:
        """Drop tickets that nothing is known of any more, the longest untouched first."""
        while self._tickets:
            first = next(iter(self._tickets.values()))
            if max(first.rest, (first.stamps[-1] + self._longest) if first.stamps else -math.inf) > now:
                return
            self._tickets.popitem(last=False)


def _sent(windows: Sequence[Window]) -> _Sent:
    return _Sent(stamps=deque(maxlen=max((window.most for window in windows), default=1)))


def _keep(ticket: str, site: float, own: float) -> None:
    """Raise TryLater if the site or this ticket must wait so many seconds."""
    _halt(site, "the vendor's limit of updates is near", site_wide=True)
    _halt(own, f"the limit of updates to {ticket} is near", site_wide=False)


def _halt(wait: float, reason: str, *, site_wide: bool) -> None:
    if wait > 0:
        raise TryLater(f"{reason}; {math.ceil(wait)} s to wait", after=wait, site_wide=site_wide, paced=True)
