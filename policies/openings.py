"""When a calendar is open: its hours, as the clock on the wall shows them, laid out as stretches of UTC time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

Window = tuple[int, int]
"""Opening and closing in minutes after local midnight; a closing above 1440 is on the next day."""

DAY = 24 * 60
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A calendar knows no open time before this, and none from `LATEST` on."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_LAST_YEAR = LATEST.year - 1
_ZERO = timedelta(0)


class Layout(NamedTuple):
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

    def last_instant(self, open_time: timedelta) -> datetime:
        """Return the last instant at which no more than that open time (less than all) has passed since `first`."""
        i = bisect_right(self.sums, open_time) - 1
        return self.starts[i] + (open_time - self.sums[i])


NOTHING_YET = Layout(LATEST, EARLIEST, [], [], [_ZERO])


def laid_out(
    timezone: str,
    hours: Sequence[Sequence[Window]],
    closed: Callable[[date], object],
    first: datetime,
    last: datetime,
) -> Layout:
    """Lay out the years from `first` to `last`. `closed` says of a date whether it is closed all day."""
    first_year, last_year = min(first.year, _LAST_YEAR), min(last.year, _LAST_YEAR)
    starts: list[datetime] = []
    ends: list[datetime] = []
    for opened, shut in sorted(_spans(ZoneInfo(timezone), hours, closed, first_year, last_year)):
        if ends and opened <= ends[-1]:
            ends[-1] = max(ends[-1], shut)
        else:
            starts.append(opened)
            ends.append(shut)
    sums = [_ZERO]
    for opened, shut in zip(starts, ends, strict=True):
        sums.append(sums[-1] + (shut - opened))
    begin, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    return Layout(begin, end, starts, ends, sums)


def _spans(
    zone: ZoneInfo, hours: Sequence[Sequence[Window]], closed: Callable[[date], object], first_year: int, last_year: int
) -> Iterator[tuple[datetime, datetime]]:
    margin = 3  # a shift over midnight plus the farthest zone
    first, last = date(first_year, 1, 1).toordinal() - margin, date(last_year, 12, 31).toordinal() + margin
    for day in map(date.fromordinal, range(first, last + 1)):
        for opens, closes in hours[day.weekday()]:
            for minute, start, end in ((0, opens, min(closes, DAY)), (DAY, DAY, closes)):
                if start < end and not closed(day + timedelta(minutes=minute)):
                    span = instant_of(zone, day, start), instant_of(zone, day, end)
                    if span[0] < span[1]:
                        yield span


def instant_of(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """Return when the clock on the wall first shows that time, or has jumped over it."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() or _ZERO for fold in (0, 1))
    if second <= first:
        return (wall - first).replace(tzinfo=UTC)
    early = (wall - second).replace(tzinfo=UTC)  # skipped: the jump is in one of these minutes
    moments = [early + timedelta(minutes=minute) for minute in range((second - first) // timedelta(minutes=1) + 1)]
    return moments[bisect_left(moments, second, key=lambda at: at.astimezone(zone).utcoffset() or _ZERO)]


def utc(moment: datetime) -> datetime:
    """Return an instant in UTC. Raises TypeError for one without a zone."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise TypeError(f"{moment!r} has no time zone; every instant here is aware.")
    return moment.astimezone(UTC)
