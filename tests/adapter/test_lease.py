"""A worker that stood still and comes back: another has taken its ticket, so it sends nothing and stores nothing."""

from __future__ import annotations

from typing import Any

import pytest

from adapter.scheduling.rescue import HEARTBEAT, SILENCE
from adapter.visit import LEASE
from connectors.contract import TryLater

Bench = Any
STILL = SILENCE + HEARTBEAT
"""Seconds after which another worker has a silent one's tickets, at the latest."""


@pytest.fixture
def urgent(bench: Bench) -> Bench:
    """A ticket that has to climb at the next look: `set 1`, then `say 2`."""
    bench.born(priority="urgent")
    return bench


def test_who_may_still_send_has_not_been_given_up_yet() -> None:
    assert LEASE.total_seconds() < SILENCE - HEARTBEAT


def test_a_look_that_takes_long_sends_nothing_more_and_is_made_again_at_once(urgent: Bench) -> None:
    urgent.vendor.script = [lambda: urgent.clock.advance(seconds=LEASE.total_seconds())]
    due = urgent.look()
    assert urgent.calls() == {"set 1": "written", "say 2": "planned"}
    assert due is not None
    assert due <= urgent.clock()
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2"]


def test_a_clock_that_is_set_back_lengthens_nothing(urgent: Bench) -> None:
    seconds = [0.0]
    urgent.reconciler._ticking = lambda: seconds[0]

    def set_back() -> None:
        seconds[0] += LEASE.total_seconds()
        urgent.clock.advance(seconds=-3600)

    urgent.vendor.script = [set_back]
    urgent.look()
    assert urgent.calls() == {"set 1": "written", "say 2": "planned"}


def test_however_slow_a_vendor_is_every_look_sends_one_call(urgent: Bench) -> None:
    def slow() -> None:
        urgent.clock.advance(seconds=3 * LEASE.total_seconds())

    urgent.vendor.script = [slow, slow]
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2"]


def test_who_stood_still_with_a_request_under_way_doubles_nothing(urgent: Bench) -> None:
    def stand_still() -> None:
        urgent.clock.advance(seconds=STILL)
        urgent.looks()  # the other worker's: it finds nothing at the vendor yet, and waits

    urgent.vendor.script = [stand_still]
    mine = urgent.look()  # `set 1` arrives after all; then this one wakes up
    assert mine is not None, "its commit was refused, so it looks again"
    assert [call.verb for call in urgent.vendor.done] == ["set"], "it has left the note to the other one"
    urgent.clock.advance(seconds=60)
    urgent.looks()
    assert [call.verb for call in urgent.vendor.done] == ["set", "set", "say"], "to set a value twice is to set it"
    assert urgent.calls() == {"set 1": "written", "say 2": "written"}


def test_a_note_that_was_under_way_when_its_worker_stood_still_is_found(urgent: Bench) -> None:
    def stand_still() -> None:
        urgent.clock.advance(seconds=STILL)
        urgent.looks()

    urgent.vendor.script = ["done", stand_still]
    urgent.look()
    urgent.clock.advance(seconds=60)
    urgent.looks()
    assert [call.verb for call in urgent.vendor.done] == ["set", "say"], "it arrived while nobody knew, and was found"
    assert urgent.calls() == {"set 1": "written", "say 2": "written"}


def test_what_was_never_sent_is_not_lost_with_the_look_that_gave_it_up(urgent: Bench) -> None:
    urgent.vendor.script = [
        lambda: urgent.clock.advance(seconds=LEASE.total_seconds()),
        TryLater("busy", after=5.0),
    ]
    urgent.looks()
    assert urgent.calls() == {"set 1": "written", "say 2": "planned"}
    urgent.clock.advance(minutes=2)
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2", "say 2"]
    assert [call.verb for call in urgent.vendor.done] == ["set", "say"]
