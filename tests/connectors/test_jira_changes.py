"""What was changed while nobody told us: Jira's search, page by page, while issues go on changing under it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Changed, Refused, TryLater
from connectors.faults import Fault
from connectors.jira import changes
from connectors.jira.client import JiraClient, connect
from connectors.jira.sandbox import Sandbox
from connectors.jira.settings import JiraSettings
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site

START = datetime(2026, 11, 22, 8, 0, 30, tzinfo=UTC)
PAGE = 4


@dataclass
class Clock:
    """One clock for Jira and for us; ours may be `ahead`."""

    at: datetime = START
    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.at

    def on(self, **more: float) -> datetime:
        self.at += timedelta(**more)
        return self.at


@dataclass
class Bench:
    desk: Sandbox
    client: JiraClient
    clock: Clock

    def ids(self, since: datetime) -> list[str]:
        return [changed.ref.id for changed in self.client.changed_since(since)]

    def pages(self) -> int:
        return len([r for r in self.desk.requests if "/search" in r.path])


def made(authority: Authority, deployment: Literal["cloud", "datacenter"]) -> Iterator[Bench]:
    clock = Clock()
    desk = Sandbox(authority, deployment=deployment, clock=clock)
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    given = JiraSettings(**section, **desk.secrets())
    client = connect(Site(name="here", settings=given), Pocket(), now=lambda: clock() + clock.ahead)
    yield Bench(desk=desk, client=client, clock=clock)
    client.close()
    desk.stop()


@pytest.fixture(params=["cloud", "datacenter"])
def bench(authority: Authority, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(changes, "PAGE", PAGE)
    yield from made(authority, request.param)


def test_what_was_changed_at_or_after_a_moment_comes_in_order_with_its_time(bench: Bench) -> None:
    ids = []
    for _ in range(3):
        ids.append(bench.desk.open_ticket("a", "b"))
        bench.clock.on(seconds=20)
    found = list(bench.client.changed_since(START + timedelta(seconds=20)))
    assert [changed.ref.id for changed in found] == ids[1:]
    assert [changed.at for changed in found] == [START + timedelta(seconds=20), START + timedelta(seconds=40)]
    assert {(changed.ref.vendor, changed.ref.site) for changed in found} == {("jira", "here")}
    bench.desk.agent_changes(ids[0], priority="high")
    assert bench.ids(START + timedelta(seconds=20)) == [*ids[1:], ids[0]]


def test_a_quiet_site_costs_one_question(bench: Bench) -> None:
    bench.desk.open_ticket("a", "b")
    bench.clock.on(hours=3)
    assert bench.ids(bench.clock() - timedelta(hours=1)) == []
    assert bench.pages() == 1


def test_a_moment_long_ago_is_no_trouble(bench: Bench) -> None:
    ids = [bench.desk.open_ticket("a", "b") for _ in range(2 * PAGE + 1)]  # all within one second
    bench.clock.on(days=40)
    assert sorted(bench.ids(START)) == sorted(ids)
    assert sorted(bench.ids(START - timedelta(days=300))) == sorted(ids)


@pytest.mark.parametrize("minutes", [-0.9, 0.9, 30])
def test_clocks_that_disagree_lose_nothing(bench: Bench, minutes: float) -> None:
    bench.clock.ahead = timedelta(minutes=minutes)
    number = bench.desk.open_ticket("a", "b")
    bench.clock.on(minutes=5)
    assert bench.ids(START) == [number]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 1, 20, 61]), min_size=1, max_size=14),
    touched=st.lists(st.integers(0, 13), max_size=6),
    every=st.integers(1, 5),
)
def test_an_issue_that_moves_while_pages_turn_makes_no_other_slip_past(
    bench: Bench, gaps: list[int], touched: list[int], every: int
) -> None:
    since = bench.clock.on(minutes=10)
    ids = []
    for gap in gaps:
        ids.append(bench.desk.open_ticket("a", "b"))
        bench.clock.on(seconds=gap)
    waiting, seen = list(touched), []
    for number, changed in enumerate(bench.client.changed_since(since)):
        seen.append(changed)
        if waiting and number % every == 0:
            bench.clock.on(seconds=7)
            again = ids[waiting.pop() % len(ids)]
            bench.desk.agent_changes(again, priority="high")
            bench.desk.agent_changes(again, priority="low")
    assert {changed.ref.id for changed in seen} == set(ids)
    assert len(seen) == len(set(seen))


def test_what_our_account_may_not_see_is_not_found_and_that_is_said(bench: Bench) -> None:
    number, archived, hidden = (bench.desk.open_ticket("a", "b", project=p) for p in ("ITSM", "ITSM", "DEV"))
    bench.desk.agent_archives(archived)
    bench.desk.site.rights.take("BROWSE_PROJECTS", project="DEV")
    assert bench.ids(START) == [number]
    bench.desk.requests.clear()
    said = " ".join(bench.client.cannot_see())
    assert all(word in said for word in ("may not browse", "security level", "Archived", "deleted"))
    assert ("a moment later" in said) is bench.desk.site.cloud
    assert hidden
    assert bench.desk.requests == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(do="503", match="search"), TryLater),
        (Fault(do="html", match="search"), TryLater),
        (Fault(do="410", match="search", body={"errorMessages": ["The requested API has been removed."]}), Refused),
        (Fault(do="200", match="search", body={"issues": None}), TryLater),
    ],
    ids=["busy", "a page", "removed", "another answer"],
)
def test_a_search_that_fails_says_so_and_nothing_was_sent(bench: Bench, fault: Fault, error: type[Exception]) -> None:
    bench.desk.faults.add(replace(fault))
    with pytest.raises(error) as caught:
        bench.ids(START)
    assert not getattr(caught.value, "sent", False)


def test_an_issue_that_search_finds_where_it_stood_hides_none_behind_it(bench: Bench) -> None:
    ids = []
    for _ in range(3 * PAGE):
        ids.append(bench.desk.open_ticket("a", "b"))
        bench.clock.on(minutes=1)
    bench.clock.on(minutes=30)
    late = bench.desk.site.find(ids[PAGE - 1])  # the last of the first page has just changed, unknown to the index
    late["indexed"], late["updated"] = late["updated"], bench.desk.site.stamp()
    assert set(bench.ids(START)) == set(ids)


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_a_search_that_goes_round_in_circles_is_left(authority: Authority, tokens: list[str]) -> None:
    for bench in made(authority, "cloud"):
        for token in tokens:
            body = {"issues": [], "isLast": False, "nextPageToken": token}
            bench.desk.faults.add(Fault(do="200", match="search", body=body))
        with pytest.raises(TryLater, match="round in circles") as caught:
            bench.ids(START)
        assert (caught.value.sent, caught.value.site_wide) == (False, False)
        assert bench.pages() == len(tokens)


def test_it_can_be_stopped_before_each_page(bench: Bench) -> None:
    for _ in range(4 * PAGE):
        bench.desk.open_ticket("a", "b")  # within one minute, so that every page is asked for
    asked = list[int]()

    def before_page() -> None:
        asked.append(bench.pages())
        if len(asked) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        list(bench.client.changed_since(START, before_page))
    assert asked == [0, 1, 2]
    assert bench.pages() == 2


def test_odd_entries_are_left_out(bench: Bench) -> None:
    issues: list[Any] = [
        None,
        {},
        {"id": "ITSM-7", "fields": {"updated": "2026-11-22T08:01:00.000+0000"}},
        {"id": 8, "fields": 3},
    ]
    issues.append({"id": 9, "fields": {"updated": "2026-11-22T09:01:00.000+0100"}})
    bench.desk.faults.add(Fault(do="200", match="search", body={"issues": issues, "total": 5, "isLast": True}))
    (found,) = bench.client.changed_since(START)
    assert found == Changed(ref=found.ref, at=START + timedelta(seconds=30))
    assert found.ref.id == "9"
