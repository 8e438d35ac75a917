"""Working hours, holidays, pauses: how much time counted, and when is four hours from here.

A calendar is laid out once as merged stretches of UTC time with running sums; after that both questions are a search
in a sorted list. Hours are what the clock on the wall shows: a time that a spring night skips is the moment of the
skip, a time that an autumn night shows twice is its first showing, and a shift never stops because the clock went back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policies.durations import Duration

Window = tuple[int, int]
"""Opening and closing in minutes after local midnight; a closing above 1440 is on the next day."""

DAY = 24 * 60
_ZERO = timedelta(0)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # a calendar knows no open time outside these years
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_LAST_YEAR = _LATEST.year - 1


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


class _Layout(NamedTuple):
    """Open stretches between two instants; `sums[i]` is the open time before stretch `i`, the last one all of it."""

    first: datetime
    last: datetime
    starts: list[datetime]
    ends: list[datetime]
    sums: list[timedelta]

    def before(self, moment: datetime) -> timedelta:
        """Return the open time between `first` and `moment`."""
        i = bisect_right(self.starts, moment) - 1
        return self.sums[i] + (min(moment, self.ends[i]) - self.starts[i]) if i >= 0 else _ZERO

    def instant(self, open_time: timedelta) -> datetime:
        """Return the first instant at which that much open time (more than none) has passed since `first`."""
        i = bisect_left(self.sums, open_time) - 1
        return self.starts[i] + (open_time - self.sums[i])


_NOTHING = _Layout(_LATEST, _EARLIEST, [], [], [_ZERO])


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
    _layouts: list[_Layout] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        always = self.hours == (((0, DAY),),) * 7 and not self.holidays and not self.closed
        object.__setattr__(self, "_always", always)
        object.__setattr__(self, "_layouts", [_NOTHING])

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Return how much open time lies between two instants; none if they are the wrong way round."""
        start, end = _utc(start), _utc(end)
        if end <= start:
            return _ZERO
        if self._always:
            return end - start
        layout = self._layout(start, end)
        return layout.before(end) - layout.before(start)

    def add(self, start: datetime, length: timedelta) -> datetime | None:
        """Return the first instant at which that much open time has passed since `start`; None: not in this century."""
        start = _utc(start)
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
            if layout.last >= _LATEST:
                return None
            until = layout.last + max(length, layout.last - layout.first)

    def stretches(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Cut the time between two instants into open and closed stretches, each with its reason."""
        at, end = _utc(start), _utc(end)
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
            while (turn := _instant(zone, day, DAY)) <= at:  # a clock set back over midnight shows the old day again
                day += timedelta(days=1)
            yield Interval(start=at, end=min(turn, end), counted=False, reason=self.why_closed(day) or "closed")
            at = turn

    def _layout(self, start: datetime, end: datetime) -> _Layout:
        known = self._layouts[0]
        if known.first <= start and end <= known.last:
            return known
        first, last = max(min(start, known.first), _EARLIEST), min(max(end, known.last), _LATEST)
        if not (known.first <= first and last <= known.last):
            self._layouts[0] = known = self._laid_out(min(first.year, _LAST_YEAR), min(last.year, _LAST_YEAR))
        return known

    def _laid_out(self, first_year: int, last_year: int) -> _Layout:
        starts: list[datetime] = []
        ends: list[datetime] = []
        for opened, shut in sorted(self._spans(first_year, last_year)):
            if ends and opened <= ends[-1]:
                ends[-1] = max(ends[-1], shut)
            else:
                starts.append(opened)
                ends.append(shut)
        sums = [_ZERO]
        for opened, shut in zip(starts, ends, strict=True):
            sums.append(sums[-1] + (shut - opened))
        first, last = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
        return _Layout(first, last, starts, ends, sums)

    def _spans(self, first_year: int, last_year: int) -> Iterator[tuple[datetime, datetime]]:
        zone = ZoneInfo(self.timezone)
        margin = 3  # a shift over midnight plus the farthest zone
        first, last = date(first_year, 1, 1).toordinal() - margin, date(last_year, 12, 31).toordinal() + margin
        for day in map(date.fromordinal, range(first, last + 1)):
            for opens, closes in self.hours[day.weekday()]:
                for minute, start, end in ((0, opens, min(closes, DAY)), (DAY, DAY, closes)):
                    if start < end and self.why_closed(day + timedelta(minutes=minute)) is None:
                        span = _instant(zone, day, start), _instant(zone, day, end)
                        if span[0] < span[1]:
                            yield span


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Counts the open time of a calendar that no pause takes away. Without a calendar every minute counts."""

    calendar: Calendar | None = None
    pauses: tuple[Pause, ...] = ()

    def elapsed(self, start: datetime, now: datetime) -> timedelta:
        """Return how much time has counted between `start` and `now`."""
        counted, at = _ZERO, _utc(start)
        for pause in self._pauses(now):
            counted += self._open(at, min(pause.start, now))
            at = max(at, pause.end or now)
        return counted + self._open(at, now)

    def deadline(self, start: datetime, length: timedelta, now: datetime) -> datetime | None:
        """Return the instant, past or to come, at which `length` has counted since `start`.

        `now` is when the question is asked: a pause that begins later is not known yet. None: a pause without an end
        keeps it from being reached.
        """
        at, left = _utc(start), length
        for pause in self._pauses(now):
            counted = self._open(at, pause.start)
            if counted >= left:
                break
            if pause.end is None:
                return None
            at, left = max(at, pause.end), left - counted
        return self.calendar.add(at, left) if self.calendar else at + left

    def proof(self, start: datetime, now: datetime) -> tuple[Interval, ...]:
        """Cut the time between `start` and `now` into stretches that counted and stretches that did not, with reasons.

        The stretches follow each other without gaps, and the counted ones sum up to `elapsed`. Closed time stays
        closed time under a pause, so that the paused stretches sum up to what the pauses cost.
        """
        at, now = _utc(start), _utc(now)
        if now <= at:
            return ()
        whole = Interval(start=at, end=now, counted=True, reason="every minute counts")
        pieces = tuple(self.calendar.stretches(at, now)) if self.calendar else (whole,)
        for pause in self._pauses(now):
            pieces = tuple(cut for piece in pieces for cut in _paused(piece, pause, now))
        return tuple(_joined(pieces))

    def _open(self, start: datetime, end: datetime) -> timedelta:
        return self.calendar.elapsed(start, end) if self.calendar else max(_utc(end) - _utc(start), _ZERO)

    def _pauses(self, now: datetime) -> list[Pause]:
        return sorted((pause for pause in self.pauses if pause.start < now), key=lambda pause: pause.start)


duration = Duration.parse


def public_holidays(country: str, region: str | None, years: Iterable[int]) -> dict[date, str]:
    """Return a country's or region's holidays, with English names. Raises ValueError with a sentence."""
    import holidays  # here: the import is slow, and a stored policy does without

    known = holidays.list_supported_countries()
    if country not in known:
        raise ValueError(f'there is no country "{country}"; write two letters, such as DE')
    if region is not None and region not in known[country]:
        raise ValueError(f'{country} has no region "{region}"; known here: {", ".join(known[country]) or "none"}')
    # without a language the names, and with them the revision, would depend on the machine's locale
    found = holidays.country_holidays(country, subdiv=region, years=years, language="en_US")
    return dict(sorted(found.items()))


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise TypeError(f"{moment!r} has no time zone; every instant here is aware.")
    return moment.astimezone(UTC)


def _instant(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """Return when the clock on the wall first shows that time, or has jumped over it."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() or _ZERO for fold in (0, 1))
    if second <= first:
        return (wall - first).replace(tzinfo=UTC)
    early = (wall - second).replace(tzinfo=UTC)  # skipped: the jump is in one of these minutes
    moments = [early + timedelta(minutes=minute) for minute in range((second - first) // timedelta(minutes=1) + 1)]
    return moments[bisect_left(moments, second, key=lambda at: at.astimezone(zone).utcoffset() or _ZERO)]


def _paused(piece: Interval, pause: Pause, now: datetime) -> Iterator[Interval]:
    start, end = max(piece.start, _utc(pause.start)), min(piece.end, _utc(pause.end or now))
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
