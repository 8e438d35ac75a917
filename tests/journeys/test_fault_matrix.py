"""Every fault at every call of every kind of site: it ends in the right state, with nothing lost and nothing doubled.

Which calls there are is not listed: each site escalates a ticket in peace first, and what it asked then is what goes
wrong afterwards. `make faults` plays the whole matrix; without it a part is played, another for each call.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product
from typing import Any

import pytest

from adapter.records import CallState
from connectors.faults import Fault

House = Any
WHOLE = os.environ.get("STEPLADDER_FAULTS") == "all"
PART = 6
"""One in so many is played if the whole is not asked for."""

SITES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "zendesk": ("zendesk", {}, {}),
    "jira cloud": ("jira", {}, {"project": "DEV"}),
    "service management": ("jira", {}, {}),
    "data center": ("jira", {"deployment": "datacenter"}, {}),
}
"""Vendor, what its pretend site is like, and what its tickets are like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A fault and how it must end: `written` in the end, or refused for good, which nothing may hide."""

    do: str
    more: dict[str, Any] = field(default_factory=dict)
    written: bool = True


def a_date(seconds: int) -> str:
    """An HTTP date soon to come; what reads it knows the true time only."""
    return format_datetime((datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0), usegmt=True)


PASSING = {
    "sent elsewhere": Trouble(do="302"),
    "a log-in page": Trouble(do="html"),
    "too often, in seconds": Trouble(do="429", more={"retry_after": "1"}),
    "too often, in decimals": Trouble(do="429", more={"retry_after": "0.3"}),
    "too often, until a date": Trouble(do="429", more={"retry_after": a_date}),
    "too often, no word for how long": Trouble(do="429"),
    "busy": Trouble(do="503", more={"retry_after": "1"}),
    "broken": Trouble(do="500"),
    "broken, but it was done": Trouble(do="500", more={"applied": True}),
    "no way through": Trouble(do="502"),
    "no answer in time": Trouble(do="504"),
    "silent": Trouble(do="hang", more={"seconds": 0.6}),
    "silent once it was done": Trouble(do="hang_after", more={"seconds": 0.6}),
    "slow": Trouble(do="slow", more={"seconds": 0.1}),
    "cut before": Trouble(do="cut"),
    "cut after": Trouble(do="cut_after"),
    "cut, and done later": Trouble(do="cut_late", more={"seconds": 0.3}),
    "a collision": Trouble(do="409", more={"body": {"error": "DatabaseConflict", "description": "Database collision"}}),
    "somebody was faster": Trouble(do="409", more={"body": {"error": "UpdateConflict", "description": "Safe update"}}),
    "credentials end": Trouble(do="expire"),
    "not known": Trouble(do="401"),
    "locked out": Trouble(do="403", more={"headers": {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"}}),
}
LASTING = {
    "not allowed": Trouble(do="403", more={"body": {"error": "Forbidden"}}, written=False),
    "not there": Trouble(do="404", written=False),
    "gone": Trouble(do="410", written=False),
    "too long": Trouble(do="413", written=False),
    "a bad value": Trouble(do="422", more={"body": {"error": "RecordInvalid", "details": {}}}, written=False),
    "not understood": Trouble(do="400", more={"body": {"errorMessages": [], "errors": {}}}, written=False),
}
TROUBLES = PASSING | LASTING


@pytest.fixture(scope="module", params=SITES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def escalates(house: House, like: dict[str, Any]) -> str:
    """Let a customer open an urgent ticket, which the policy moves up; its webhooks wait to be released."""
    house.desk.postman.hold()
    return str(house.desk.open_ticket("VPN down", "Nobody gets in.", priority="urgent", **like))


def at_peace(house: House, like: dict[str, Any]) -> tuple[str, list[str]]:
    """Escalate a ticket with nothing remembered; return it, and each kind of request that this took, as patterns."""
    house.adapter.sites.close()
    before = len(house.desk.requests)
    ticket = escalates(house, like)
    settled(house)
    asked = dict.fromkeys(f"{r.method} {r.path}" for r in house.desk.requests[before:] if "oauth" not in r.path)
    return ticket, [re.sub(rf"/{ticket}\b", "/TICKET", line) for line in asked]


def pattern(line: str, ticket: str) -> str:
    """Return what finds this request about a ticket in the script of faults."""
    return "^" + re.escape(line.replace("TICKET", ticket)) + "$"


def befall(house: House, line: str, ticket: str, trouble: Trouble) -> None:
    more = {name: told(2) if callable(told) else told for name, told in trouble.more.items()}
    house.desk.faults.add(Fault(do=trouble.do, match=pattern(line, ticket), **more))


def settled(house: House) -> None:
    """Let everything happen, also what the vendor does late, and then what is looked for afterwards."""
    house.desk.postman.release()
    house.quiet(patience=5)  # it has been looked for once, and was not there yet
    house.desk.faults.settle()
    house.later(minutes=20)


def proves(house: House, ticket: str, peace: Any, trouble: Trouble) -> None:
    """Prove what must hold in the end, whatever went wrong: all is read, all has ended, and nothing is there twice."""
    work = house.adapter.store.open(house.ref(ticket), house.clock())
    open_calls = [stored.call.key for stored in work.calls if stored.state in (CallState.PLANNED, CallState.SENDING)]
    assert (open_calls, work.deliveries) == ([], ())
    notes = house.notes(ticket)
    assert len(notes) <= 1
    view = house.view(ticket)
    assert len(view.followers) == len(set(view.followers))
    if trouble.written:
        assert (view.level, view.group, view.priority) == peace
        assert len(notes) == 1
    elif not notes:
        told = [name for name, fields in house.told if name in ("writeback.refused", "ticket.gone", "site.alarm")]
        assert told, "what is refused for good is told"


def matrix(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what goes wrong where; without the whole matrix every call still meets a part, each another one."""
    for at, (line, name) in enumerate(product(lines, TROUBLES)):
        if WHOLE or at % PART == 0:
            yield line, name


def test_every_fault_at_every_call_ends_right(build_house: Any, policy: str, kind: str, subtests: Any) -> None:
    vendor, site, like = SITES[kind]
    house = build_house(vendor, policy=policy.replace("[ITSM]", "[ITSM, DEV]"), **site)
    first, lines = at_peace(house, like)
    there = house.view(first)
    peace = (there.level, there.group, there.priority)
    assert peace[0] == 2
    assert any(line.startswith(("PUT", "POST")) for line in lines)
    for line, name in matrix(lines):
        with subtests.test(call=line, fault=name):
            house.adapter.sites.close()  # what was looked up before is asked again
            ticket = escalates(house, like)
            befall(house, line, ticket, TROUBLES[name])
            settled(house)
            left = house.desk.faults.left()
            house.desk.faults.clear()
            assert not left, "the fault was met"
            proves(house, ticket, peace, TROUBLES[name])
            house.desk.agent_changes(ticket, status="solved")  # so that the next has the house to itself
            house.quiet()
