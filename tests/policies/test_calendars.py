"""Business time against an independent oracle that steps through the minutes and watches the clock on the wall."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.calendars import DAY, Calendar, Clock, Pause, duration
from policies.openings import EARLIEST

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
OFFICE = Calendar(
    name="office",
    timezone="Europe/Berlin",
    hours=((((8 * 60, 12 * 60), (13 * 60, 18 * 60)),) * 5 + ((),) * 2),
    holidays={date(2027, 3, 26): "Karfreitag"},
    closed=frozenset({date(2027, 3, 3)}),
)
NIGHT = Calendar(name="night", timezone="America/New_York", hours=(((22 * 60, 30 * 60),),) * 7)
ALWAYS = Calendar(name="always", timezone="UTC", hours=(((0, DAY),),) * 7)


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- the oracle: no interval, no sum, no search; only "is this minute open?" --------------------------------------
def wall_minutes(zone: str, start: datetime, end: datetime):
    """Yield each minute with the latest time that the clock on the wall has shown by then (it never runs backwards)."""
    shown = datetime.min  # noqa: DTZ901
    minute = start - timedelta(hours=4)
    while minute < end:
        shown = max(shown, minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
        if minute >= start:
            yield minute, shown
        minute += MINUTE


def open_on_the_wall(calendar: Calendar, wall: datetime) -> bool:
    if wall.date() in calendar.holidays or wall.date() in calendar.closed:
        return False
    minute = wall.hour * 60 + wall.minute
    today = any(opens <= minute < closes for opens, closes in calendar.hours[wall.weekday()])
    return today or any(minute + DAY < closes for _, closes in calendar.hours[(wall.weekday() - 1) % 7])


def stepped(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    return sum(
        (MINUTE for _, wall in wall_minutes(calendar.timezone, start, end) if open_on_the_wall(calendar, wall)),
        timedelta(0),
    )


TURNS = {
    "Europe/Berlin": ["2027-03-28", "2027-10-31"],
    "America/New_York": ["2027-03-14", "2027-11-07"],
    "America/St_Johns": ["2008-03-09", "2008-11-02"],  # turned at 00:01, back over midnight
    "America/Havana": ["2027-03-14", "2027-11-07"],  # midnight itself is skipped, and shown twice
    "Australia/Lord_Howe": ["2027-04-04", "2027-10-03"],  # turns by half an hour
    "Pacific/Apia": ["2011-12-30"],  # a day that never was
    "Pacific/Chatham": ["2027-04-04", "2027-09-26"],  # three quarters of an hour off, and turns at 02:45
    "Europe/Dublin": ["2027-03-28", "2027-10-31"],  # its winter is the saved time: DST is negative
    "Africa/Casablanca": ["2027-02-07", "2027-03-14"],  # turns back for Ramadan
    "Antarctica/Troll": ["2027-03-28", "2027-10-31"],  # turns by two hours
    "Asia/Kathmandu": ["2027-06-01"],
    "UTC": ["2027-02-28"],
}
windows = st.one_of(
    st.tuples(st.integers(0, DAY - 5), st.integers(5, 10 * 60)).map(lambda w: (w[0], w[0] + w[1])),
    st.sampled_from([(0, DAY), (120, 150), (90, 150), (135, 165), (22 * 60, 30 * 60), (0, 60), (23 * 60, DAY)]),
)
weeks = st.tuples(*[st.lists(windows, max_size=3).map(tuple)] * 7)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Calendar, datetime, int]:
    """Draw a calendar and a stretch of at most five days around a night in which clocks turn."""
    zone = draw(st.sampled_from(sorted(TURNS)))
    turn = datetime.fromisoformat(draw(st.sampled_from(TURNS[zone]))).replace(tzinfo=UTC)
    closed = [(turn + timedelta(days=n)).date() for n in draw(st.lists(st.integers(-3, 4), max_size=2))]
    calendar = Calendar(
        name="drawn",
        timezone=zone,
        hours=draw(weeks),
        holidays=dict.fromkeys(closed[:1], "x"),
        closed=frozenset(closed[1:]),
    )
    return calendar, turn + draw(st.integers(-3 * DAY, DAY)) * MINUTE, draw(st.integers(1, 3 * DAY))


@given(scenes())
@settings(deadline=None, max_examples=120)
def test_elapsed_equals_stepping_through_the_minutes(scene: tuple[Calendar, datetime, int]) -> None:
    calendar, start, minutes = scene
    assert calendar.elapsed(start, start + minutes * MINUTE) == stepped(calendar, start, start + minutes * MINUTE)


@given(scenes(), st.integers(1, 10 * DAY * 60))
@settings(deadline=None, max_examples=120)
def test_add_is_the_inverse_of_elapsed(scene: tuple[Calendar, datetime, int], seconds: int) -> None:
    calendar, start, _ = scene
    assume(any(calendar.hours))
    length = timedelta(seconds=seconds, microseconds=7)
    end = calendar.add(start, length)
    assert end is not None
    assert calendar.elapsed(start, end) == length
    assert calendar.elapsed(start, end - timedelta(microseconds=1)) < length


def stepped_back(calendar: Calendar, end: datetime, minutes: int) -> datetime | None:
    """Walk back through the open minutes of five days."""
    walls = list(wall_minutes(calendar.timezone, end - timedelta(days=5), end))
    opened = [minute for minute, wall in walls if open_on_the_wall(calendar, wall)]
    return opened[-minutes] if len(opened) >= minutes else None


@given(scenes(), st.integers(1, DAY))
@settings(deadline=None, max_examples=60)
def test_back_is_where_stepping_back_through_the_minutes_leads(scene, minutes: int) -> None:
    calendar, end, _ = scene
    assume(any(calendar.hours))
    walked = stepped_back(calendar, end, minutes)
    if walked is not None:
        assert calendar.back(end, minutes * MINUTE) == walked


@given(scenes(), st.integers(1, 10 * DAY * 60))
@settings(deadline=None, max_examples=120)
def test_back_is_the_last_instant_from_which_the_length_passes(scene, seconds: int) -> None:
    calendar, end, _ = scene
    assume(any(calendar.hours))
    length = timedelta(seconds=seconds, microseconds=7)
    start = calendar.back(end, length)
    if start is None:  # a few minutes a week, for longer than calendars reach back
        assert calendar.elapsed(EARLIEST, end) < length
        return
    assert calendar.elapsed(start, end) == length
    assert calendar.elapsed(start + timedelta(microseconds=1), end) < length


@st.composite
def pauses(draw: st.DrawFn, start: datetime) -> tuple[Pause, ...]:
    cuts = draw(st.lists(st.tuples(st.integers(-600, 3 * DAY), st.integers(0, DAY)), max_size=4))
    ended = [
        Pause(start=start + a * MINUTE, end=start + (a + b) * MINUTE, reason=f"pause {i}")
        for i, (a, b) in enumerate(cuts)
    ]
    lasting = [
        Pause(start=start + n * MINUTE, end=None, reason="lasts")
        for n in draw(st.lists(st.integers(0, 3 * DAY), max_size=1))
    ]
    return (*ended, *lasting)


def stepped_clock(clock: Clock, start: datetime, end: datetime) -> timedelta:
    zone = clock.calendar.timezone if clock.calendar else "UTC"
    return sum(
        (
            MINUTE
            for minute, wall in wall_minutes(zone, start, end)
            if (clock.calendar is None or open_on_the_wall(clock.calendar, wall))
            and not any(p.start <= minute and (p.end is None or minute < p.end) for p in clock.pauses)
        ),
        timedelta(0),
    )


@given(scenes(), st.booleans(), st.data())
@settings(deadline=None, max_examples=120)
def test_a_paused_clock_equals_stepping_through_the_minutes(scene, around_the_clock: bool, data: st.DataObject) -> None:
    calendar, start, minutes = scene
    clock = Clock(calendar=None if around_the_clock else calendar, pauses=data.draw(pauses(start)))
    now = start + minutes * MINUTE
    counted = clock.elapsed(start, now)
    assert counted == stepped_clock(clock, start, now)
    proof = clock.proof(start, now)
    assert sum((i.length for i in proof if i.counted), timedelta(0)) == counted
    assert proof[0].start == start
    assert proof[-1].end == now
    assert all(a.end == b.start and (a.counted, a.reason) != (b.counted, b.reason) for a, b in pairwise(proof))


@given(scenes(), st.data(), st.integers(1, 2 * DAY))
@settings(deadline=None, max_examples=120)
def test_a_deadline_is_the_first_instant_at_which_the_length_has_counted(
    scene, data: st.DataObject, minutes: int
) -> None:
    calendar, start, _ = scene
    assume(any(calendar.hours))
    clock = Clock(calendar=calendar, pauses=data.draw(pauses(start)))
    late = start + timedelta(days=60)
    due = clock.deadline(start, minutes * MINUTE, late)
    if due is None:
        assert any(p.end is None for p in clock.pauses)
        assert clock.elapsed(start, late) < minutes * MINUTE
    else:
        assert clock.elapsed(start, due) == minutes * MINUTE
        assert clock.elapsed(start, due - timedelta(microseconds=1)) < minutes * MINUTE


@given(scenes(), st.booleans(), st.data(), st.integers(1, DAY))
@settings(deadline=None, max_examples=120)
def test_a_paused_clock_goes_back_to_where_the_length_begins_to_count(
    scene, around_the_clock: bool, data: st.DataObject, minutes: int
) -> None:
    calendar, start, ahead = scene
    assume(any(calendar.hours))
    clock = Clock(calendar=None if around_the_clock else calendar, pauses=data.draw(pauses(start)))
    end = start + ahead * MINUTE
    now = end + data.draw(st.integers(-DAY, DAY)) * MINUTE
    known = tuple(Pause(start=p.start, end=p.end or now, reason="") for p in clock.pauses if p.start < now)
    ended = Clock(calendar=clock.calendar, pauses=known)  # a pause that lasts takes away what has passed
    begin = clock.back(end, minutes * MINUTE, now)
    assert begin is not None
    assert ended.elapsed(begin, end) == minutes * MINUTE
    assert ended.elapsed(begin + timedelta(microseconds=1), end) < minutes * MINUTE
    if begin > end - timedelta(days=3):
        assert stepped_clock(ended, begin, end) == minutes * MINUTE


@given(scenes(), st.data(), st.integers(1, DAY))
@settings(deadline=None, max_examples=120)
def test_what_is_left_until_then_is_what_back_counts(scene, data: st.DataObject, minutes: int) -> None:
    calendar, now, ahead = scene
    assume(any(calendar.hours))
    clock, end = Clock(calendar=calendar, pauses=data.draw(pauses(now))), now + ahead * MINUTE
    begin = clock.back(end, minutes * MINUTE, now)
    assert begin is not None
    assert (clock.left(end, now) < minutes * MINUTE) is (begin < now)


# --- single facts -------------------------------------------------------------------------------------------------
def test_the_lunch_break_does_not_count() -> None:
    assert OFFICE.elapsed(at("2027-03-01 11:00"), at("2027-03-01 14:00")) == 2 * HOUR


def test_holidays_closed_days_and_weekends_do_not_count() -> None:
    assert OFFICE.elapsed(at("2027-03-03 00:00"), at("2027-03-04 00:00")) == timedelta(0)
    assert OFFICE.elapsed(at("2027-03-25 17:00"), at("2027-03-29 09:00")) == 2 * HOUR


def test_a_night_shift_counts_over_midnight_and_over_the_spring_jump() -> None:
    assert (
        NIGHT.elapsed(at("2027-03-13 20:00", "America/New_York"), at("2027-03-14 12:00", "America/New_York"))
        == 7 * HOUR
    )
    assert (
        NIGHT.elapsed(at("2027-11-06 20:00", "America/New_York"), at("2027-11-07 12:00", "America/New_York"))
        == 9 * HOUR
    )


def test_a_holiday_takes_only_its_own_hours_from_a_night_shift() -> None:
    calendar = Calendar(name="n", timezone="UTC", hours=NIGHT.hours, holidays={date(2027, 1, 1): "New Year"})
    assert calendar.elapsed(datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)) == 8 * HOUR


def test_always_open_counts_every_minute_in_any_zone() -> None:
    berlin = Calendar(name="b", timezone="Europe/Berlin", hours=ALWAYS.hours)
    for calendar in (ALWAYS, berlin):
        start = datetime(2027, 3, 27, tzinfo=UTC)
        assert calendar.elapsed(start, start + 48 * HOUR) == 48 * HOUR
        assert calendar.add(start, 48 * HOUR) == start + 48 * HOUR
        assert calendar.back(start + 48 * HOUR, 48 * HOUR) == start
        assert [i.length for i in calendar.stretches(start, start + 48 * HOUR)] == [48 * HOUR]


def test_instants_of_any_zone_are_understood_but_naive_ones_refused() -> None:
    start = datetime(2027, 3, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert OFFICE.elapsed(start, start.replace(day=2)) == 9 * HOUR
    with pytest.raises(TypeError, match="no time zone"):
        OFFICE.elapsed(datetime(2027, 3, 1), start)  # noqa: DTZ001


def test_the_wrong_way_round_is_nothing() -> None:
    assert OFFICE.elapsed(at("2027-03-02 12:00"), at("2027-03-01 12:00")) == timedelta(0)
    assert OFFICE.add(at("2027-03-01 12:00"), timedelta(0)) == at("2027-03-01 12:00")
    assert OFFICE.back(at("2027-03-01 12:00"), timedelta(0)) == at("2027-03-01 12:00")


def test_what_cannot_be_reached_in_this_century_is_never() -> None:
    never = Calendar(name="never", timezone="UTC", hours=((),) * 7)
    assert never.add(datetime(2027, 1, 1, tzinfo=UTC), HOUR) is None
    assert never.back(datetime(2027, 1, 1, tzinfo=UTC), HOUR) is None
    assert Clock(calendar=never).back(datetime(2027, 1, 1, tzinfo=UTC), HOUR, datetime(2027, 1, 1, tzinfo=UTC)) is None
    assert OFFICE.add(datetime(2150, 1, 1, tzinfo=UTC), HOUR) is None
    assert OFFICE.elapsed(datetime.min.replace(tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC)) == timedelta(0)


def test_the_order_of_questions_does_not_change_the_answers() -> None:
    def fresh() -> Calendar:
        return Calendar(name="o", timezone="Europe/Berlin", hours=OFFICE.hours, holidays=OFFICE.holidays)

    spans = [
        (at(f"{a}-01-01 00:00"), at(f"{b}-07-01 00:00"))
        for a, b in [(2027, 2027), (2020, 2021), (2031, 2033), (2019, 2035)]
    ]
    grown = fresh()
    assert [grown.elapsed(*span) for span in spans] == [fresh().elapsed(*span) for span in spans]


def test_a_proof_says_why_time_did_not_count() -> None:
    clock = Clock(calendar=OFFICE, pauses=(Pause(start=at("2027-03-29 08:30"), end=None, reason="pending"),))
    found = [(i.reason, i.length) for i in clock.proof(at("2027-03-25 17:00"), at("2027-03-29 09:00"))]
    assert found == [
        ("open", HOUR),
        ("closed", 6 * HOUR),
        ("holiday (Karfreitag)", 24 * HOUR),
        ("closed", 55 * HOUR),  # the weekend is an hour short, and opens at eight
        ("open", HOUR / 2),
        ("pending", HOUR / 2),
    ]


def test_a_proof_of_no_time_is_empty() -> None:
    assert Clock().proof(at("2027-03-01 09:00"), at("2027-03-01 09:00")) == ()


def test_back_leaves_out_a_weekend_and_a_holiday() -> None:
    assert OFFICE.back(at("2027-03-29 09:30"), 90 * MINUTE) == at("2027-03-29 08:00")
    assert OFFICE.back(at("2027-03-29 09:30"), 91 * MINUTE) == at("2027-03-25 17:59")


def test_a_pause_that_lasts_does_not_bring_what_is_to_come_any_nearer() -> None:
    start = at("2027-03-01 09:00")
    clock = Clock(pauses=(Pause(start=start, end=None, reason="pending"),))
    assert clock.back(start + 4 * HOUR, HOUR, start + HOUR) == start + 3 * HOUR
    assert clock.left(start + 4 * HOUR, start + HOUR) == 3 * HOUR


def test_a_pause_with_a_known_end_takes_its_time_from_what_is_left() -> None:
    start = at("2027-03-01 09:00")
    clock = Clock(pauses=(Pause(start=start, end=start + 3 * HOUR, reason="blocked by a linked ticket"),))
    assert clock.back(start + 4 * HOUR, 2 * HOUR, start + HOUR) == start - HOUR
    assert clock.left(start + 4 * HOUR, start + HOUR) == HOUR


def test_a_pause_that_began_after_the_question_is_not_known_yet() -> None:
    start = at("2027-03-01 09:00")
    clock = Clock(pauses=(Pause(start=start + HOUR, end=None, reason="pending"),))
    assert clock.deadline(start, 2 * HOUR, start + HOUR / 2) == start + 2 * HOUR
    assert clock.deadline(start, 2 * HOUR, start + 3 * HOUR) is None
    assert clock.deadline(start, HOUR, start + 3 * HOUR) == start + HOUR


# --- through the rules --------------------------------------------------------------------------------------------
BOTH = ("when: {priority: low, unresolved_for: 4h}, go_to: 2", "when: {priority: high, unresolved_for: 2h}, go_to: 2")


@pytest.mark.parametrize(("before", "after", "due"), [("low", "high", 150), ("high", "low", 270)])
def test_a_change_of_priority_half_way_keeps_elapsed_and_paused_time(
    say: Any, before: str, after: str, due: int
) -> None:
    desk = say.desk(say.policy(*BOTH))
    desk.look(0, say.born(priority=before))
    desk.look(30, say.changed("p", 30, say.tom, status=("new", "pending")))
    desk.look(60, say.changed("o", 60, say.tom, status=("pending", "open")))
    desk.look(100, say.changed("c", 100, say.tom, priority=(before, after)))
    assert (desk.level, desk.decision.next_look) == (1, say.at(due))  # 70 minutes counted, 30 were paused
    assert desk.look(due - 0.001).case.level == 1
    assert desk.look(due).case.level == 2


def test_a_change_of_priority_after_its_time_escalates_at_once(say: Any) -> None:
    desk = say.desk(say.policy(*BOTH))
    desk.look(0, say.born(priority="low"))
    desk.look(130, say.changed("c", 130, say.tom, priority=("low", "high")))
    assert desk.levels == [1, 2]


# --- durations ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "seconds", "clock"),
    [
        ("90s", 90, False),
        ("15m", 900, False),
        ("4h", 14_400, False),
        ("2d", 172_800, False),
        ("1h 30m", 5400, False),
        ("1h30m", 5400, False),
        ("30m clock", 1800, True),
        (" 1d 1s  clock ", 86_401, True),
    ],
)
def test_durations_that_are_understood(text: str, seconds: int, clock: bool) -> None:
    found = duration(text)
    assert (found.length, found.clock, str(found)) == (timedelta(seconds=seconds), clock, text.strip())


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("30", "did you mean 30m or 30h"),
        (30, "did you mean 30m or 30h"),
        ("30 minutes", "did you mean 30m?"),
        ("2 Hours clock", "did you mean 2h clock?"),
        ("soon", '"soon" is not a duration like 15m'),
        ("", '"" is not a duration'),
        ("-4h", "is not a duration"),
        ("1.5h", "is not a duration"),
        ("30mclock", "is not a duration"),
        (True, "is not a duration"),
        ("0m", "at least 1s"),
        ("3651d", "at most 3650d"),
        ("999999999d", "at most 3650d"),
        ("9" * 5000 + "d", "is not a duration"),
    ],
)
def test_durations_that_are_refused_with_a_sentence(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="duration") as refused:
        duration(value)
    assert sentence in str(refused.value)
    assert len(str(refused.value)) < 200
