"""What changed while nobody told us: by the export or by search, in order, going on where a limit stopped it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Changed, TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.zendesk import CONNECTOR
from connectors.zendesk.client import ZendeskClient, connect
from connectors.zendesk.records import OURS
from connectors.zendesk.sandbox import Sandbox

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
EXPORT, SEARCH = "incremental/tickets/cursor", "search/export"


class Watch:
    """A clock that a test sets: minutes after eight, and the same in seconds for whoever asks."""

    def __init__(self) -> None:
        self.minutes = 0.0

    def now(self) -> datetime:
        return START + timedelta(minutes=self.minutes)

    def seconds(self) -> float:
        return self.minutes * 60


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def desk(authority: Authority, watch: Watch) -> Iterator[Sandbox]:
    sandbox = Sandbox(authority, clock=watch.now)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def client(desk: Sandbox, watch: Watch) -> Iterator[ZendeskClient]:
    section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
    settings = CONNECTOR.settings(**section, **desk.secrets())
    site = Site(name="acme", settings=settings, account=settings.account)
    opened = connect(site, Pocket(), watch.seconds, lambda _: None)
    yield opened
    opened.close()


@pytest.fixture
def tickets(desk: Sandbox, watch: Watch) -> list[str]:
    """Five tickets, opened at minutes 0 to 4."""
    made = []
    for minute in range(5):
        watch.minutes = minute
        made.append(desk.open_ticket(f"ticket {minute}", "x"))
    return made


def asked(desk: Sandbox) -> list[str]:
    return [seen.path.removeprefix("/api/v2/") for seen in desk.requests if "/oauth/" not in seen.path]


def told(found: list[Changed]) -> list[tuple[str, float]]:
    return [(change.ref.id, (change.at - START).total_seconds() / 60) for change in found]


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def administrator(desk: Sandbox) -> None:
    desk.account.people[OURS].role = "admin"


# --- the export ---------------------------------------------------------------------------------------------
def test_an_administrator_reads_the_export_and_what_was_deleted_is_in_it(
    desk: Sandbox, client: ZendeskClient, watch: Watch, tickets: list[str]
) -> None:
    administrator(desk)
    watch.minutes = 10
    desk.agent_changes(tickets[1], priority="high")
    watch.minutes = 11
    desk.agent_deletes(tickets[2])
    watch.minutes = 20
    found = list(client.changed_since(minute(4)))
    assert told(found) == [(tickets[4], 4), (tickets[1], 10), (tickets[2], 11)]
    assert (found[0].ref.vendor, found[0].ref.site) == ("zendesk", "acme")
    assert asked(desk) == [EXPORT]
    assert client.cannot_see() == (
        "Changes of the last minute are not told yet; the next question finds them.",
        "Tickets that were deleted for good are not told.",
    )


def test_what_zendesk_itself_wrote_is_no_change(
    desk: Sandbox, client: ZendeskClient, watch: Watch, tickets: list[str]
) -> None:
    administrator(desk)
    watch.minutes = 10
    desk.account.tickets[int(tickets[0])].generated = int(minute(9).timestamp())
    assert told(list(client.changed_since(minute(3)))) == [(tickets[3], 3), (tickets[4], 4)]


def test_no_moment_is_too_late_for_the_export(
    desk: Sandbox, client: ZendeskClient, watch: Watch, tickets: list[str]
) -> None:
    administrator(desk)
    assert list(client.changed_since(watch.now())) == []
    assert list(client.changed_since(watch.now() + timedelta(seconds=30))) == []


# --- the search ---------------------------------------------------------------------------------------------
def test_anybody_else_searches_and_lists_the_deleted_and_the_export_is_tried_once_a_day(
    desk: Sandbox, client: ZendeskClient, watch: Watch, tickets: list[str]
) -> None:
    watch.minutes = 10
    desk.agent_changes(tickets[1], priority="high")
    desk.agent_deletes(tickets[2])
    watch.minutes = 20
    assert told(list(client.changed_since(minute(4)))) == [(tickets[4], 4), (tickets[1], 10), (tickets[2], 10)]
    assert asked(desk) == [EXPORT, "users/me", SEARCH, "deleted_tickets"]
    desk.requests.clear()
    assert told(list(client.changed_since(minute(10)))) == [(tickets[1], 10), (tickets[2], 10)]
    assert asked(desk) == ["users/me", SEARCH, "deleted_tickets"]
    desk.requests.clear()
    watch.minutes = 20 + 24 * 60
    administrator(desk)
    assert list(client.changed_since(minute(10)))
    assert asked(desk) == [EXPORT]


def test_what_a_search_cannot_see_is_said(
    desk: Sandbox, client: ZendeskClient, watch: Watch, tickets: list[str]
) -> None:
    watch.minutes = 10
    desk.account.tickets[int(tickets[4])].archived = True
    desk.account.people[OURS].ticket_restriction = "groups"
    desk.account.people[OURS].groups = (362,)
    desk.agent_changes(tickets[3], group="Engineering")
    desk.faults.add(Fault(do="403", match="deleted_tickets", body={"error": "Forbidden", "description": "no"}))
    assert told(list(client.changed_since(minute(1)))) == [(tickets[3], 10)]
    said = client.cannot_see()
    assert any("search learns of a change" in sentence for sentence in said)
    assert any("archived" in sentence for sentence in said)
    assert any("our account may not list them" in sentence for sentence in said)
    assert any("sees only some (groups)" in sentence for sentence in said)
    desk.account.people[OURS].ticket_restriction = None
    list(client.changed_since(minute(1)))
    assert len(client.cannot_see()) == 2


def test_saying_what_cannot_be_seen_asks_nothing(desk: Sandbox, client: ZendeskClient) -> None:
    assert any("search" in sentence for sentence in client.cannot_see())  # whether we may export is not known yet
    assert desk.requests == []


# --- many ---------------------------------------------------------------------------------------------------
def test_pages_are_walked_and_each_ticket_comes_once_in_the_order_of_its_last_change(
    desk: Sandbox, client: ZendeskClient, watch: Watch
) -> None:
    made = [desk.open_ticket(f"t{n}", "x") for n in range(250)]
    watch.minutes = 5
    for ticket in made[:3]:
        desk.agent_changes(ticket, priority="low")
    watch.minutes = 10
    found = told(list(client.changed_since(START)))
    assert [number for number, _ in found] == [*made[3:], *made[:3]]
    assert asked(desk).count(SEARCH) == 3


@pytest.mark.parametrize("admin", [True, False], ids=["export", "search"])
def test_a_limit_on_the_way_loses_nothing_and_begins_nothing_anew(
    desk: Sandbox, client: ZendeskClient, watch: Watch, admin: bool
) -> None:
    path = EXPORT if admin else SEARCH
    if admin:
        administrator(desk)
    made = [desk.open_ticket(f"t{n}", "x") for n in range(1100 if admin else 250)]
    watch.minutes = 10
    desk.faults.add(Fault(do="429", match=path, skip=1, retry_after="30"))
    with pytest.raises(TryLater) as caught:
        list(client.changed_since(START))
    assert caught.value.after == 30.0
    watch.minutes = 11
    assert [number for number, _ in told(list(client.changed_since(START)))] == made
    assert asked(desk).count(path) == 4  # three pages, and the one that was refused


def test_a_page_that_is_refused_is_asked_for_from_the_beginning(
    desk: Sandbox, client: ZendeskClient, watch: Watch
) -> None:
    made = [desk.open_ticket(f"t{n}", "x") for n in range(150)]
    watch.minutes = 10
    desk.faults.add(Fault(do="422", match=SEARCH, skip=1, body={"error": "invalid", "description": "cursor expired"}))
    with pytest.raises(TryLater, match="cursor expired") as caught:
        list(client.changed_since(START))
    assert not caught.value.site_wide
    assert [number for number, _ in told(list(client.changed_since(START)))] == made


@pytest.mark.parametrize(
    ("cursors", "pages"),
    [(["same"], 2), (["a", "b"], 3), ([f"new {n}" for n in range(1000)], 3)],
    ids=["the same again", "two by turns", "ever new ones and nothing to tell"],
)
@pytest.mark.parametrize("admin", [True, False], ids=["export", "search"])
def test_pages_that_do_not_end_are_left(
    desk: Sandbox, client: ZendeskClient, caplog: pytest.LogCaptureFixture, cursors: list[str], pages: int, admin: bool
) -> None:
    path = EXPORT if admin else SEARCH
    if admin:
        administrator(desk)
    found = [{"id": 7, "updated_at": "2026-11-22T09:00:00Z"}]
    for cursor in (cursors * 10)[:10]:
        more = {"meta": {"has_more": True, "after_cursor": cursor}, "after_cursor": cursor, "end_of_stream": False}
        desk.faults.add(Fault(do="200", match=path, body={"tickets": found, "results": found, **more}))
        found = []
    assert told(list(client.changed_since(START))) == [("7", 60)]
    assert asked(desk).count(path) == pages + (len(cursors) > 2)
    assert "zendesk.list_cut site=acme" in caplog.text


def test_whoever_asks_can_end_it_before_any_page(desk: Sandbox, client: ZendeskClient, watch: Watch) -> None:
    made = [desk.open_ticket(f"t{n}", "x") for n in range(250)]
    watch.minutes = 10
    left = 2

    def before_page() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise TryLater("enough")

    with pytest.raises(TryLater, match="enough"):
        list(client.changed_since(START, before_page))
    assert asked(desk).count(SEARCH) == 1  # the export, which we may not, was the other
    assert [number for number, _ in told(list(client.changed_since(START)))] == made
    assert asked(desk).count(SEARCH) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"tickets": None},
        {"tickets": [None, 7, {"id": None}, {"id": "x", "updated_at": "2026-11-22T09:00:00Z"}], "after_cursor": None},
        {"tickets": [{"id": 7, "updated_at": "soon"}, {"id": 8}], "end_of_stream": True},
        {"tickets": [{"id": 7, "status": "deleted", "generated_timestamp": "soon"}], "end_of_stream": True},
        {"tickets": [{"id": 7, "status": "deleted", "generated_timestamp": -(10**30)}], "end_of_stream": True},
    ],
)
def test_an_odd_export_yields_only_what_can_be_read(desk: Sandbox, client: ZendeskClient, body: object) -> None:
    administrator(desk)
    desk.faults.add(Fault(do="200", match=EXPORT, body=body))  # type: ignore[arg-type]
    assert list(client.changed_since(START)) == []
