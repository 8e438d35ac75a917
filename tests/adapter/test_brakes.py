"""One brake per site: a failing vendor is left alone but for one probe, and recovery spreads out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from adapter.brakes import Brake, Resting
from adapter.store.braking import StoredRest
from adapter.store.connection import Database
from connectors.contract import TryLater

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture(params=["in memory", "in the database"])
def brake(request: pytest.FixtureRequest) -> Iterator[Brake]:
    """What holds in one process holds where all share what is known."""
    if request.param == "in memory":
        yield Brake(spread=lambda least, most: least)
        return
    database = Database(request.getfixturevalue("any_database"))
    yield Brake(spread=lambda least, most: least, knowledge=StoredRest(database, "site acme"))
    database.close()


def test_at_first_everybody_may_go(brake: Brake) -> None:
    assert [brake.wait_until(NOW) for _ in range(3)] == [None] * 3


def test_the_first_failure_closes_the_site(brake: Brake) -> None:
    again = brake.failed(TryLater("down"), NOW)
    assert again == after(1)
    wait = brake.wait_until(NOW)
    assert wait is not None
    assert wait > after(1)


def test_then_one_probe_may_go_and_the_others_wait(brake: Brake) -> None:
    brake.failed(TryLater("down"), NOW)
    waits = [brake.wait_until(after(1)) for _ in range(3)]
    assert waits[0] is None
    assert all(wait is not None and wait > after(1) for wait in waits[1:])


def test_a_probe_that_never_comes_back_is_replaced(brake: Brake) -> None:
    brake.failed(TryLater("down"), NOW)
    assert brake.wait_until(after(1)) is None
    assert brake.wait_until(after(10)) is not None
    assert brake.wait_until(after(11)) is None


def test_a_success_opens_it_for_all(brake: Brake) -> None:
    brake.failed(TryLater("down"), NOW)
    brake.succeeded()
    assert [brake.wait_until(NOW) for _ in range(3)] == [None] * 3


def test_each_probe_that_fails_closes_it_for_longer_up_to_a_minute(brake: Brake) -> None:
    now, waits = NOW, []
    for _ in range(9):
        until = brake.failed(TryLater("down"), now)
        waits.append((until - now).total_seconds())
        now = until
        assert brake.wait_until(now) is None
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_those_that_were_under_way_when_it_closed_do_not_make_it_longer(brake: Brake) -> None:
    assert [brake.failed(TryLater("down"), NOW) for _ in range(4)] == [after(1)] * 4


def test_after_a_success_it_starts_anew(brake: Brake) -> None:
    for _ in range(5):
        brake.failed(TryLater("down"), NOW)
    brake.succeeded()
    assert brake.failed(TryLater("down"), NOW) == after(1)


def test_what_the_vendor_asks_for_is_kept(brake: Brake) -> None:
    assert brake.failed(TryLater("busy", after=300), NOW) == after(300)
    wait = brake.wait_until(after(299))
    assert wait is not None
    assert wait > after(300)
    assert brake.wait_until(after(300)) is None


def test_a_retry_after_of_zero_is_no_invitation_to_hammer(brake: Brake) -> None:
    assert brake.failed(TryLater("busy", after=0), NOW) == after(1)


def test_what_concerns_one_ticket_leaves_the_others_alone(brake: Brake) -> None:
    assert brake.failed(TryLater("this issue is being changed", after=0.2, site_wide=False), NOW) == after(0.2)
    assert brake.wait_until(NOW) is None


def test_an_answer_about_one_ticket_shows_that_the_site_lives(brake: Brake) -> None:
    brake.failed(TryLater("down"), NOW)
    assert brake.wait_until(after(1)) is None
    brake.failed(TryLater("this issue is being changed", site_wide=False), after(1))
    assert brake.wait_until(after(1)) is None


def test_being_told_to_rest_says_nothing_about_the_site(brake: Brake) -> None:
    brake.failed(TryLater("down"), NOW)
    assert brake.failed(Resting(1.5), NOW) == after(1.5)
    assert brake.wait_until(NOW) is not None


def test_recovery_spreads_out() -> None:
    brake = Brake()
    brake.failed(TryLater("down"), NOW)
    brake.wait_until(after(2))
    assert len({brake.wait_until(after(2)) for _ in range(20)}) > 10


def test_a_clock_that_is_set_back_does_not_make_the_rest_longer(brake: Brake) -> None:
    brake.failed(TryLater("down"), after(200))
    wait = brake.wait_until(NOW)
    assert wait is not None
    assert wait < after(2)
    assert brake.wait_until(after(1)) is None


def test_a_connection_that_is_refused_is_tried_less_and_less_often(brake: Brake) -> None:
    refused, now, waits = TryLater("no connection", after=0.2), NOW, []
    for _ in range(8):
        again = brake.failed(refused, now)
        waits.append((again - now).total_seconds())
        now = again + timedelta(seconds=1)
    assert waits == sorted(waits)
    assert waits[-1] == 60


# --- limits of our own --------------------------------------------------------------------------------------
PACED = TryLater("the vendor's limit of updates is near", after=7.0, paced=True)


def test_a_limit_of_ours_is_no_outage_however_often_it_says_no(brake: Brake) -> None:
    for _ in range(9):
        assert brake.failed(PACED, NOW) == after(7)
    assert brake.wait_until(after(7)) is None
    brake.succeeded()
    assert brake.failed(TryLater("down"), after(8)) == after(9)


def test_a_limit_for_one_ticket_lets_the_others_go(brake: Brake) -> None:
    brake.failed(TryLater("the limit of updates to 7 is near", after=30.0, paced=True, site_wide=False), NOW)
    assert brake.wait_until(NOW) is None


@pytest.mark.parametrize("site_wide", [True, False])
def test_a_limit_of_ours_does_not_end_an_outage(brake: Brake, site_wide: bool) -> None:
    brake.failed(TryLater("down", after=60), NOW)
    assert brake.wait_until(after(60)) is None
    brake.failed(TryLater("a limit is near", after=5.0, paced=True, site_wide=site_wide), after(60))
    assert brake.closed


@pytest.mark.parametrize("site_wide", [True, False])
def test_after_a_probe_that_was_kept_back_the_next_is_the_probe(brake: Brake, site_wide: bool) -> None:
    brake.failed(TryLater("down"), NOW)
    assert brake.wait_until(after(1)) is None
    brake.failed(TryLater("a limit is near", after=2.0, paced=True, site_wide=site_wide), after(1))
    assert brake.wait_until(after(3)) is None


def test_who_went_ahead_and_asked_nothing_lets_somebody_else_be_the_probe(brake: Brake) -> None:
    brake.failed(TryLater("down"), NOW)
    assert brake.wait_until(after(1)) is None
    brake.unused()
    assert brake.wait_until(after(1)) is None
    assert brake.wait_until(after(1)) is not None


def test_after_a_long_rest_they_come_back_over_a_longer_time() -> None:
    brake = Brake(spread=lambda least, most: most)
    brake.failed(TryLater("down", after=60), NOW)
    assert brake.wait_until(NOW) == after(66)
