"""Our own count against vendors that count too: they never have to refuse, and never wait for nothing."""

from __future__ import annotations

import importlib
import tomllib
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import discover
from connectors.contract import Call, Client, TryLater
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.model import Ticket, TicketRef

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
VERBS = {"zendesk": "update_ticket", "jira": "edit_issue"}


class Town:
    """One vendor whose clock is ours, and a client of it."""

    def __init__(self, vendor: str, authority: Authority, **more: Any) -> None:
        self.gone = 0.0
        module = importlib.import_module(f"connectors.{vendor}.sandbox")
        self.vendor = vendor
        self.desk = module.Sandbox(authority, clock=lambda: NOW + timedelta(seconds=self.gone))
        section = tomllib.loads(self.desk.site_toml("acme", "act"))["sites"]["acme"]
        settings = discover()[vendor].settings.model_validate({**section, **self.desk.secrets(), **more})
        connect = importlib.import_module(f"connectors.{vendor}.client").connect
        site = Site(name="acme", settings=settings, account=settings.account)
        self.client: Client = connect(site, Pocket(), lambda: self.gone, self.pass_by)

    def pass_by(self, seconds: float) -> None:
        self.gone += seconds

    def open(self) -> TicketRef:
        number = self.desk.open_ticket("Printer", "It burns")
        return TicketRef(vendor=self.vendor, site="acme", id=number)

    def write(self, ref: TicketRef) -> None:
        call = Call(operation="op", number=1, verb=VERBS[self.vendor], parts={"priority": "urgent"})
        self.client.carry_out(call, Ticket(ref=ref))

    def refusals(self) -> int:
        return sum(seen.status == 429 for seen in self.desk.requests)

    def close(self) -> None:
        self.client.close()
        self.desk.stop()


Found = Callable[..., Town]


@pytest.fixture
def town(authority: Authority) -> Iterator[Found]:
    opened: list[Town] = []

    def make(vendor: str, **more: Any) -> Town:
        opened.append(Town(vendor, authority, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def hurry(town: Town, refs: list[TicketRef], writes: int) -> list[float]:
    """Write so often as we are let, always as soon as we were told; return when each write was done."""
    done, open_ = list[float](), deque(refs)
    while len(done) < writes:
        try:
            town.write(open_[0])
        except TryLater as later:
            town.pass_by(later.after or 1.0)
        else:
            done.append(town.gone)
            open_.rotate(-1)
    return done


def test_one_ticket_at_zendesk_is_never_refused_for_being_written_too_often(town: Found) -> None:
    here = town("zendesk")
    here.desk.limits.enforced = True
    done = hurry(here, [here.open()], 60)
    assert here.refusals() == 0
    assert (done[24], done[25]) == (0.0, 600.5)
    assert done[50] == 1201.0


def test_an_account_at_zendesk_is_never_refused_for_writing_too_often(town: Found) -> None:
    here = town("zendesk", updates_per_minute=16)
    here.desk.limits.enforced = True
    here.desk.limits.windows["tickets-update"] = _window(here, 20, 60)
    done = hurry(here, [here.open() for _ in range(40)], 40)
    assert here.refusals() == 0
    assert (done[15], done[16], done[32]) == (0.0, 60.5, 121.0)


@pytest.mark.parametrize("spelling", ["2023", "2024"])
def test_what_zendesk_says_to_be_used_up_is_not_tried(town: Found, spelling: str) -> None:
    here = town("zendesk", updates_per_minute=1000)
    here.desk.limits.enforced, here.desk.limits.spelling = True, spelling
    here.desk.limits.windows["tickets-update"] = _window(here, 20, 60)
    done = hurry(here, [here.open() for _ in range(30)], 30)
    assert here.refusals() == 0
    assert done[19] == 0.0
    assert 59 <= done[20] <= 61


def test_one_issue_at_jira_is_never_refused_for_being_written_too_often(town: Found) -> None:
    here = town("jira")
    here.desk.limits.enforced = True
    done = hurry(here, [here.open()], 180)
    assert here.refusals() == 0
    assert done[15] < 2.5 <= done[16]
    assert done[79] < 30.5 <= done[80]


def test_another_issue_need_not_wait(town: Found) -> None:
    here = town("jira")
    here.desk.limits.enforced = True
    ours, other = here.open(), here.open()
    hurry(here, [ours], 16)
    before = here.gone
    here.write(other)
    assert here.gone == before


def _window(town: Town, most: int, seconds: float) -> Any:
    return type(town.desk.limits.windows["tickets-update"])(most=most, seconds=seconds)
