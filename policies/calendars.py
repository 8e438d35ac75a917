"""Working hours, holidays, pauses: how much time counted, and when is four hours from here.

A calendar is laid out once as merged stretches of UTC time with running sums; after that both questions are a search
in a sorted list. Hours are what the clock on the wall shows: a time that a spring night skips is the moment of the
skip, a time that an autumn night shows twice is its first showing, and a shift never stops because the clock went back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from policies.durations import Duration
from policies.openings import DAY as DAY
from policies.openings import EARLIEST, LATEST, NOTHING_YET, Layout, instant_of, laid_out, utc
from policies.openings import Window as Window

_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch of time that did or did not count, and why."""

    start: datetime
    end: datetime
    counted: bool
    reason: str

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stretch in which no time counts, such as waiting for the requester; `end` None = it still lasts."""

    start: datetime
    end: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Opening hours. `hours` has seven days, Monday first; holidays and closed days are dates of the calendar's zone.

    A closed date removes exactly its own day from midnight to midnight, also from a shift that began the day before.
    """

    name: str
    timezone: str
    hours: tuple[tuple[Window, ...], ...]
    holidays: Mapping[date, str] = field(default_factory=dict, hash=False)
    closed: frozenset[date] = frozenset()
    _always: bool = field(init=False, repr=False, compare=False)
    _layouts: list[Layout] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        always = self.hours == (((0, DAY),),) * 7 and not self.holidays and not self.closed
        object.__setattr__(self, "_always", always)
        object.__setattr__(self, "_layouts", [NOTHING_YET])

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Return how much open time lies between two instants; none if they are the wrong way round."""
        start, end = utc(start), utc(end)
        if end <= start:
            return _ZERO
        if self._always:
            return end - start
        layout = self._layout(start, end)
        return layout.before(end) - layout.before(start)

    def add(self, start: datetime, length: timedelta) -> datetime | None:
        """Return the first instant at which that much open time has passed since `start`; None: not in this century."""
        start = utc(start)
        if length <= _ZERO:
            return start
        if self._always:
            return start + length
        until = start + length
        while True:
            layout = self._layout(start, until)
            wanted = layout.before(start) + length
            if wanted <= layout.sums[-1]:
                return layout.instant(wanted)
            if layout.last >= LATEST:
                return None
            until = layout.last + max(length, layout.last - layout.first)

    def back(self, end: datetime, length: timedelta) -> datetime | None:
        """Return the last instant from which that much open time passes until `end`; None: not in this century."""
        end = utc(end)
        if length <= _ZERO:
            return end
        if self._always:
            return end - length
        since = end - length
        while True:
            layout = self._layout(since, end)
            wanted = layout.before(end) - length
            if wanted >= layout.before(layout.first):
                return layout.last_instant(wanted)
            if layout.first <= EARLIEST:
                return None
            since = layout.first - max(length, layout.last - layout.first)

    def stretches(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Cut the time between two instants into open and closed stretches, each with its reason."""
        at, end = utc(start), utc(end)
        if self._always:
            yield Interval(start=at, end=end, counted=True, reason="open")
            return
        layout = self._layout(at, end)
        for i in range(max(bisect_right(layout.starts, at) - 1, 0), bisect_left(layout.starts, end)):
            opened, shut = max(at, layout.starts[i]), min(end, layout.ends[i])
            if opened < shut:
                yield from self._shut(at, opened)
                yield Interval(start=opened, end=shut, counted=True, reason="open")
                at = shut
        yield from self._shut(at, end)

    def why_closed(self, day: date) -> str | None:
        """Say why a whole day is closed, or None."""
        if day in self.holidays:
            return f"holiday ({self.holidays[day]})"
        return "closed day" if day in self.closed else None

    def _shut(self, at: datetime, end: datetime) -> Iterator[Interval]:
        zone = ZoneInfo(self.timezone)
        while at < end:
            day = at.astimezone(zone).date()
            while (turn := instant_of(zone, day, DAY)) <= at:  # a clock set back over midnight shows the old day again
                day += timedelta(days=1)
            yield Interval(start=at, end=min(turn, end), counted=False, reason=self.why_closed(day) or "closed")
            at = turn

    def _layout(self, start: datetime, end: datetime) -> Layout:
        known = self._layouts[0]
        if known.first <= start and end <= known.last:
            return known
        first, last = max(min(start, known.first), EARLIEST), min(max(end, known.last), LATEST)
        if not (known.first <= first and last <= known.last):
            self._layouts[0] = known = laid_out(self.timezone, self.hours, self.why_closed, first, last)
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Counts the open time of a calendar that no pause takes away. Without a calendar every minute counts."""

    calendar: Calendar | None = None
    pauses: tuple[Pause, ...] = ()

    def elapsed(self, start: datetime, now: datetime) -> timedelta:
        """Return how much time has counted between `start` and `now`."""
        counted, at = _ZERO, utc(start)
        for pause in self._pauses(now) if self.pauses else ():
            counted += self._open(at, min(pause.start, now))
            at = max(at, pause.end or now)
        return counted + self._open(at, now)

    def deadline(self, start: datetime, length: timedelta, now: datetime) -> datetime | None:
        """Return the instant, past or to come, at which `length` has counted since `start`.

        `now` is when the question is asked: a pause that begins later is not known yet. None: a pause without an end
        keeps it from being reached.
        """
        at, left = utc(start), length
        for pause in self._pauses(now) if self.pauses else ():
            counted = self._open(at, pause.start)
            if counted >= left:
                break
            if pause.end is None:
                return None
            at, left = max(at, pause.end), left - counted
        return self.calendar.add(at, left) if self.calendar else at + left

    def back(self, end: datetime, length: timedelta, now: datetime) -> datetime | None:
        """Return the last instant, past or to come, from which `length` counts until `end`; None: not in this century.

        What will be paused after `now` is not known, so that a pause without an end takes away only what has passed.
        """
        at, left = utc(end), length
        for pause in sorted(self._pauses(now), key=lambda pause: pause.end or now, reverse=True):
            counted = self._open(pause.end or now, at)
            if counted >= left:
                break
            at, left = min(at, utc(pause.start)), left - counted
        return self.calendar.back(at, left) if self.calendar else at - left

    def left(self, end: datetime, now: datetime) -> timedelta:
        """Return how much time will count from `now` until `end`, as far as pauses are known to last."""
        known = tuple(pause for pause in self._pauses(now) if pause.end is not None)
        return Clock(calendar=self.calendar, pauses=known).elapsed(now, end)

    def proof(self, start: datetime, now: datetime) -> tuple[Interval, ...]:
        """Cut the time between `start` and `now` into stretches that counted and stretches that did not, with reasons.

        The stretches follow each other without gaps, and the counted ones sum up to `elapsed`. Closed time stays
        closed time under a pause, so that the paused stretches sum up to what the pauses cost.
        """
        at, now = utc(start), utc(now)
        if now <= at:
            return ()
        whole = Interval(start=at, end=now, counted=True, reason="every minute counts")
        pieces = tuple(self.calendar.stretches(at, now)) if self.calendar else (whole,)
        for pause in self._pauses(now):
            pieces = tuple(cut for piece in pieces for cut in _paused(piece, pause, now))
        return tuple(_joined(pieces))

    def _open(self, start: datetime, end: datetime) -> timedelta:
        return self.calendar.elapsed(start, end) if self.calendar else max(utc(end) - utc(start), _ZERO)

    def _pauses(self, now: datetime) -> list[Pause]:
        return sorted((pause for pause in self.pauses if pause.start <= now), key=lambda pause: pause.start)


duration = Duration.parse


def public_holidays(country: str, region: str | None, years: Iterable[int]) -> dict[date, str]:
    """Return a country's or region's holidays, with English names. Raises ValueError with a sentence."""
    import holidays  # here: the import is slow, and a stored policy does without

    if country not in set(holidays.registry.EntityLoader.get_country_codes()):  # the list with regions loads them all
        raise ValueError(f'there is no country "{country}"; write two letters, such as DE')
    regions = getattr(holidays, country).subdivisions if region is not None else ()
    if region is not None and region not in regions:
        raise ValueError(f'{country} has no region "{region}"; known here: {", ".join(regions) or "none"}')
    # without a language the names, and with them the revision, would depend on the machine's locale
    found = holidays.country_holidays(country, subdiv=region, years=years, language="en_US")
    return dict(sorted(found.items()))


def _paused(piece: Interval, pause: Pause, now: datetime) -> Iterator[Interval]:
    start, end = max(piece.start, utc(pause.start)), min(piece.end, utc(pause.end or now))
    if not piece.counted or start >= end:
        yield piece
        return
    if piece.start < start:
        yield replace(piece, end=start)
    yield Interval(start=start, end=end, counted=False, reason=pause.reason)
    if end < piece.end:
        yield replace(piece, start=end)


def _joined(pieces: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for piece in pieces:
        if joined and (joined[-1].counted, joined[-1].reason) == (piece.counted, piece.reason):
            joined[-1] = replace(joined[-1], end=piece.end)
        else:
            joined.append(piece)
    return joined
