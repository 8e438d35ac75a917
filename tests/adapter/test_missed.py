"""What no webhook told us is found by asking, fetched once, decided upon, and counted honestly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from adapter import missed as rooms
from adapter.gaps import Rounds, Why
from adapter.missed import report
from adapter.store import tables as t
from connectors.contract import Changed, Refused, TryLater

SCOPE = "desk/acme"
TODAY = date(2027, 3, 1)


@pytest.fixture
def watched(bench: Any) -> Any:
    """A bench whose site was first known a day ago, compared up to now."""
    bench.missed.run()
    bench.clock.advance(minutes=1)
    return bench


def changed(bench: Any, at: datetime, ticket: str = "7") -> Changed:
    return Changed(ref=bench.ref(ticket), at=at)


def compared(bench: Any, **later: float) -> datetime:
    """Let time pass and compare."""
    bench.clock.advance(**(later or {"minutes": 40}))
    due: datetime = bench.missed.run()
    return due


def day(bench: Any) -> tuple[int, int, int, int]:
    counted = bench.store.day(SCOPE, TODAY)
    return counted.changed, counted.missed, counted.ours, counted.outside


def test_before_the_first_start_nothing_counts(watched: Any) -> None:
    long_ago = watched.clock() - timedelta(days=3)
    watched.vendor.changed = [changed(watched, long_ago), changed(watched, long_ago, "8")]
    compared(watched)
    assert day(watched) == (0, 0, 0, 0)
    assert not watched.store.due(watched.clock(), 9)


def test_at_the_first_start_nobody_is_asked(bench: Any) -> None:
    assert bench.missed.run() == bench.clock() + timedelta(minutes=20)
    assert bench.vendor.log == []


def test_what_was_told_is_not_missed(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock())]
    fetched = watched.vendor.log.count("fetch 7")
    compared(watched, minutes=21)
    watched.looks()
    assert day(watched) == (1, 0, 0, 0)
    assert watched.vendor.log.count("fetch 7") == fetched


def test_what_waits_to_be_read_is_not_missed(watched: Any) -> None:
    watched.vendor.changed = [changed(watched, watched.clock())]
    watched.born()
    compared(watched)
    assert day(watched) == (1, 0, 0, 0)


@pytest.mark.parametrize(("seconds", "missed"), [(2.0, 0), (2.5, 1)])
def test_clocks_of_one_vendor_may_be_two_seconds_apart(watched: Any, seconds: float, missed: int) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock() + timedelta(seconds=seconds))]
    compared(watched)
    assert day(watched) == (1, missed, 0, 0)


def test_a_missed_change_is_fetched_and_decided_upon(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.vendor.tickets["7"]["priority"] = "urgent"  # and no webhook comes
    watched.vendor.changed = [changed(watched, watched.clock.advance(minutes=1))]
    compared(watched)
    assert watched.woken[-1] == watched.ref()
    watched.looks()
    assert watched.calls()["set 1"] == "written"
    assert watched.case().level == 2
    assert day(watched) == (1, 1, 0, 0)


def test_a_ticket_nobody_ever_told_of_is_found(watched: Any) -> None:
    born = {"group": "Support", "status": "new", "priority": "urgent", "assignee": None, "level": 1, "tags": []}
    watched.vendor.tickets["9"] = {**born, "created_at": watched.clock().isoformat(), "exposed": None}
    watched.vendor.changed = [changed(watched, watched.clock(), "9")]
    compared(watched)
    watched.looks("9")
    assert watched.case("9").level == 2


def test_of_a_ticket_that_was_there_before_us_what_it_shows_is_still_no_news(watched: Any) -> None:
    made = (watched.clock() - timedelta(days=9)).isoformat()
    told = {"group": "Support", "status": "open", "priority": "urgent", "assignee": None, "exposed": None}
    watched.vendor.tickets["9"] = {**told, "created_at": made}
    watched.vendor.changed = [changed(watched, watched.clock(), "9")]
    compared(watched)
    watched.looks("9")
    assert watched.case("9").level == 1


def test_what_is_asked_again_counts_once_and_is_fetched_once(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock.advance(minutes=17))]
    compared(watched, minutes=21)
    watched.looks()
    fetched = watched.vendor.log.count("fetch 7")
    for _ in range(3):
        compared(watched, minutes=15)
        watched.looks()
    assert watched.vendor.log.count("fetch 7") == fetched
    assert day(watched) == (1, 1, 0, 0)


def test_a_change_that_the_vendors_search_shows_late_is_found_by_the_next_question(watched: Any) -> None:
    watched.born()
    watched.looks()
    at = watched.clock.advance(minutes=17)
    compared(watched, minutes=21)
    assert day(watched) == (0, 0, 0, 0)
    watched.vendor.changed = [changed(watched, at)]
    compared(watched, minutes=15)
    assert day(watched) == (1, 1, 0, 0)


def test_what_may_still_come_is_not_asked_for(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock.advance(minutes=30))]
    compared(watched, minutes=19)
    assert day(watched) == (0, 0, 0, 0)
    compared(watched, minutes=15)
    assert day(watched) == (1, 1, 0, 0)


def test_killed_before_the_look_the_ticket_is_still_fetched(watched: Any, build_bench: Callable[..., Any]) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock.advance(minutes=1))]
    compared(watched)
    again = build_bench()  # another process, on the same tables
    again.vendor.tickets["7"] = {**watched.vendor.tickets["7"], "priority": "urgent"}
    assert again.store.due(again.clock(), 9) == [again.ref()]
    again.looks()
    assert again.case().level == 2


def test_a_vendor_that_is_down_while_it_is_fetched_does_not_make_it_forgotten(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock.advance(minutes=1))]
    compared(watched)
    watched.vendor.fetches = [TryLater("down")]
    watched.looks()
    watched.clock.advance(minutes=2)
    fetched = watched.vendor.log.count("fetch 7")
    watched.looks()
    assert watched.vendor.log.count("fetch 7") == fetched + 1
    watched.clock.advance(minutes=2)
    watched.looks()
    assert watched.vendor.log.count("fetch 7") == fetched + 1


def test_a_ticket_outside_is_fetched_once_to_know_it_and_then_only_counted(watched: Any) -> None:
    watched.vendor.tickets["5"] = {"group": "Sales", "status": "new"}
    for _ in range(3):
        watched.vendor.changed = [changed(watched, watched.clock(), "5")]
        compared(watched, minutes=30)
        if watched.store.due(watched.clock(), 1):
            watched.looks("5")
    assert watched.vendor.log.count("fetch 5") == 1
    assert day(watched) == (3, 1, 0, 2)


def test_of_a_ticket_outside_a_delivery_is_enough(watched: Any) -> None:
    watched.born("5", group="Sales")
    watched.looks("5")
    watched.hear({"kind": "touched"}, tickets=["5"])
    watched.looks("5")
    watched.vendor.changed = [changed(watched, watched.clock(), "5")]
    compared(watched)
    assert day(watched) == (1, 0, 0, 0)


def test_our_own_write_whose_echo_did_not_come_is_nobodys_change(watched: Any) -> None:
    watched.born(priority="urgent")
    watched.looks()
    assert watched.case().level == 2
    wrote = watched.clock()
    fetched = watched.vendor.log.count("fetch 7")
    watched.vendor.changed = [changed(watched, wrote + timedelta(seconds=4))]
    compared(watched)
    watched.looks()
    assert day(watched) == (1, 0, 1, 0)
    assert watched.vendor.log.count("fetch 7") == fetched


def test_what_a_person_did_after_our_write_is_missed(watched: Any) -> None:
    watched.born(priority="urgent")
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock() + timedelta(seconds=30))]
    compared(watched)
    assert day(watched) == (1, 1, 0, 0)


def test_a_delivery_that_nobody_could_read_has_told_nothing(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.clock.advance(minutes=1)
    watched.hear({"kind": "changed"}, wrong="unreadable")
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock())]
    compared(watched)
    assert day(watched) == (1, 1, 0, 0)


# --- when the vendor cannot be asked --------------------------------------------------------------------------
def test_a_vendor_that_cannot_now_is_asked_from_the_same_moment_again(watched: Any) -> None:
    watched.vendor.changed = [TryLater("busy", after=90)]
    again = compared(watched)
    assert again == watched.clock() + timedelta(seconds=90)
    assert watched.said("missed.later")[-1]["reason"] == "busy"
    watched.vendor.changed = []
    compared(watched, seconds=95)
    first, second = (line for line in watched.vendor.log if line.startswith("changed since"))
    assert first == second


def test_what_was_compared_before_it_failed_is_kept(watched: Any) -> None:
    begin = watched.clock()
    found = [changed(watched, begin + timedelta(seconds=n), str(n)) for n in range(250)]
    watched.vendor.changed = [*found[:220], TryLater("down"), *found[220:]]
    compared(watched)
    assert day(watched)[:2] == (200, 200)
    watched.vendor.changed = found
    compared(watched, minutes=2)
    assert day(watched)[:2] == (250, 250)
    assert f"changed since {begin + timedelta(seconds=100):%H:%M:%S}" in watched.vendor.log  # a hundred again


def test_while_the_site_rests_it_is_not_asked(watched: Any) -> None:
    watched.post.brake.failed(TryLater("down", after=3600), watched.clock())
    compared(watched)
    assert not [line for line in watched.vendor.log if line.startswith("changed")]


def test_who_may_not_search_is_told_why_and_asked_again_later(watched: Any) -> None:
    watched.vendor.changed = [Refused("the account may not search")]
    assert compared(watched) == watched.clock() + timedelta(minutes=15)
    assert any("the account may not search" in sentence for sentence in report_of(watched))


def test_a_site_that_fails_does_not_keep_the_watermark_from_others(watched: Any) -> None:
    watched.vendor.changed = [TryLater("down")]
    compared(watched)
    watch = watched.store.watch_of(SCOPE)
    assert (watch.asked_at, watch.problem) == (None, "down")


# --- bounds ----------------------------------------------------------------------------------------------------
def test_a_run_takes_so_many_and_the_next_goes_on(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MOST", 200)
    begin = watched.clock()
    watched.vendor.changed = [changed(watched, begin + timedelta(seconds=n), str(n)) for n in range(450)]
    again = compared(watched)
    assert again == watched.clock() + timedelta(minutes=1)
    assert day(watched)[0] == 200
    for _ in range(3):
        again = compared(watched, minutes=1)
    assert day(watched)[:2] == (450, 450)
    assert again > watched.clock() + timedelta(minutes=10)


def test_more_changes_of_one_second_than_a_run_takes_do_not_stop_it(
    watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MOST", 100)
    at = watched.clock()
    watched.vendor.changed = [changed(watched, at, str(n)) for n in range(350)]
    compared(watched)
    for _ in range(2):
        compared(watched, minutes=1)
    assert day(watched)[:2] == (350, 350)


def test_told_to_stop_it_ends_with_the_change_it_is_at_and_keeps_it(watched: Any) -> None:
    begin = watched.clock()
    watched.vendor.changed = [changed(watched, begin + timedelta(seconds=n), str(n)) for n in range(5)]
    watched.missed.stop()
    watched.missed.check(watched.post, watched.store.watch_of(SCOPE), watched.clock.advance(minutes=40))
    assert day(watched)[0] == 0
    assert watched.store.watch_of(SCOPE).asked_at is None


class Endless:
    """A vendor whose list has no end, of pages that are empty or of changes; `asked` pages so far."""

    def __init__(self, item: Any, meanwhile: Callable[[int], None] = lambda _: None) -> None:
        self.item, self.meanwhile, self.asked = item, meanwhile, 0

    def __iter__(self) -> Iterator[Any]:
        while True:
            self.asked += 1
            self.meanwhile(self.asked)
            yield self.item


@pytest.mark.parametrize("what", ["empty pages", "changes that are too new"])
def test_a_list_without_end_is_left_and_said(watched: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(rooms, "MOST_PAGES", 30)
    monkeypatch.setattr(rooms, "MOST_SHOWN", 20)
    too_new = changed(watched, watched.clock() + timedelta(days=1))
    watched.vendor.changed = Endless(None if what == "empty pages" else too_new)
    again = compared(watched)
    assert watched.vendor.changed.asked == (31 if what == "empty pages" else 21)
    assert again >= watched.clock() + timedelta(minutes=15)
    assert any("has no end" in sentence for sentence in report_of(watched))
    assert not watched.post.brake.closed


def test_told_to_stop_it_asks_for_no_further_page(watched: Any) -> None:
    def stop(asked: int) -> None:
        if asked == 3:
            watched.missed.stop()

    watched.vendor.changed = Endless(None, stop)
    watched.clock.advance(minutes=40)
    watched.missed.check(watched.post, watched.store.watch_of(SCOPE), watched.clock())
    assert watched.vendor.changed.asked == 3
    assert watched.said("missed.checked") == []


def test_what_stands_behind_a_change_that_is_too_new_is_found(watched: Any) -> None:
    watched.born("8")
    watched.looks("8")
    at = watched.clock.advance(minutes=1)
    watched.vendor.changed = [changed(watched, at + timedelta(hours=2)), changed(watched, at, "8")]
    compared(watched)
    assert day(watched) == (1, 1, 0, 0)
    assert watched.woken[-1] == watched.ref("8")


def test_a_list_that_is_a_little_out_of_order_loses_nothing_where_a_run_ends(
    watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MOST", 200)
    begin = watched.clock()
    found = [changed(watched, begin + timedelta(seconds=n), str(n)) for n in range(250)]
    late = found.pop(150)
    watched.vendor.changed = [*found[:205], late, *found[205:]]
    compared(watched)
    assert day(watched)[0] == 200
    compared(watched, minutes=1)
    assert day(watched)[:2] == (250, 250)


def test_turned_off_nobody_is_asked(watched: Any) -> None:
    watched.missed._rounds = Rounds(every=timedelta(0), wait=timedelta(minutes=20))
    assert watched.missed.run() is None


def test_a_clock_that_was_set_back_does_not_stop_the_questions(watched: Any) -> None:
    compared(watched)
    watched.clock.now -= timedelta(days=2)
    watched.missed.run()
    assert watched.store.watch_of(SCOPE).asked_at == watched.clock()


def lost(bench: Any, ticket: str = "7") -> None:
    """Let a priority change of which no webhook comes."""
    bench.vendor.tickets[ticket]["priority"] = "urgent"
    bench.vendor.changed = [changed(bench, bench.clock(), ticket)]


def test_after_a_first_start_with_a_clock_that_was_ahead_what_is_missed_is_found_all_the_same(bench: Any) -> None:
    bench.clock.advance(days=1)
    bench.missed.run()
    bench.clock.now -= timedelta(days=1)
    bench.born()
    bench.looks()
    bench.missed.run()
    watch = bench.store.watch_of(SCOPE)
    assert max(watch.since, watch.ask_from, watch.watermark) <= bench.clock()
    assert any("our clock was ahead" in sentence for sentence in report_of(bench))
    assert bench.said("clock.differs")
    bench.clock.advance(minutes=1)
    lost(bench)
    compared(bench)
    bench.looks()
    assert (bench.case().level, day(bench)[:2]) == (2, (1, 1))
    assert not any("clock" in sentence for sentence in report_of(bench))


def test_a_round_with_a_clock_that_was_ahead_blinds_no_later_one(watched: Any) -> None:
    watched.born()
    watched.looks()
    compared(watched)
    watched.clock.advance(days=1)  # the clock alone: nothing happens at the vendor
    watched.missed.run()
    watched.clock.now -= timedelta(days=1)
    lost(watched)
    watched.clock.advance(minutes=21)
    watched.missed.run()
    watched.looks()
    assert (watched.case().level, day(watched)[:2]) == (2, (1, 1))
    assert watched.store.watch_of(SCOPE).watermark == watched.clock() - timedelta(minutes=20)
    assert len(watched.said("clock.differs")) == 1


# --- what people are told ----------------------------------------------------------------------------------------
def report_of(bench: Any) -> tuple[str, ...]:
    return report(bench.store, SCOPE, bench.clock(), Rounds(every=timedelta(minutes=15), wait=timedelta(minutes=20)))


def test_the_numbers_of_a_day_are_told_in_sentences(watched: Any) -> None:
    watched.born()
    watched.looks()
    watched.vendor.changed = [changed(watched, watched.clock())]
    compared(watched)
    missed, calls = report_of(watched)
    assert missed == f"0 of 1 changes missed today, compared up to {watched.clock() - timedelta(minutes=20):%H:%M} UTC"
    assert calls == "1.00 calls per delivery today: 1 for 1"


def test_since_when_nobody_answers_is_told(watched: Any) -> None:
    compared(watched)
    asked = watched.clock()
    watched.vendor.changed = [TryLater("down")]
    compared(watched, minutes=15)
    assert f"not asked since {asked:%d %b %H:%M} UTC: down" in report_of(watched)


def test_nothing_is_claimed_before_anything_was_asked(watched: Any) -> None:
    assert report_of(watched)[0] == (
        "not asked yet what was missed; the first time is about 20 minutes after the first start"
    )


def test_what_is_kept_of_a_missed_change_says_why(watched: Any) -> None:
    watched.vendor.changed = [changed(watched, watched.clock())]
    compared(watched)
    with watched.store.database.read() as connection:
        (row,) = connection.execute(t.gaps.select()).all()
    assert (row.ref, row.why, row.open) == (str(watched.ref()), Why.MISSED.value, True)
