"""How fast a vendor lets us go: every header that either of them sends, and a count of our own that keeps below."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import TryLater
from connectors.jira.settings import JiraSettings
from connectors.limits import LONGEST_REST, Limit, Pace, Reach, Room, Window, retry_after, told
from connectors.zendesk.settings import ZendeskSettings

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds", "reason"),
    [
        (None, None, "the header is missing"),
        ("", None, "it is empty"),
        ("7", 7.0, "seconds"),
        ("1.5", 1.5, "decimals, which some clients cannot read"),
        ("-3", 0.0, "never earlier than now"),
        ("Sun, 22 Nov 2026 09:00:30 GMT", 30.0, "an HTTP date"),
        ("Sun, 22 Nov 2026 08:00:00 GMT", 0.0, "a date that has passed"),
        ("2026-11-22T09:01Z", 60.0, "Jira's reset, which has no seconds"),
        ("2026-11-22T09:01:00", 60.0, "a moment without a zone is UTC"),
        ("1795338030", 30.0, "seconds since 1970"),
        ("soon", None, "neither"),
        ("5, 5", None, "two headers in one"),
        ("nan", None, "no number"),
        ("inf", LONGEST_REST, "nobody is left alone for ever"),
        ("99999999", LONGEST_REST, "nor for years"),
    ],
)
def test_when_to_come_back_is_read_in_every_form(header: str | None, seconds: float | None, reason: str) -> None:
    assert retry_after(header, NOW) == seconds, reason


def limit(name: str, reach: Reach, most: int | None, left: int, resets: float | None = None) -> Limit:
    return Limit(name=name, reach=reach, most=most, left=left, resets=resets)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "699"},
            [limit("x-ratelimit", Reach.SITE, 700, 699)],
            id="Zendesk, always",
        ),
        pytest.param(
            {"rate-limit": "700", "rate-limit-remaining": "0", "rate-limit-reset": "41"},
            [limit("ratelimit", Reach.SITE, 700, 0, 41.0)],
            id="Zendesk 2023",
        ),
        pytest.param(
            {"ratelimit-limit": "400", "ratelimit-remaining": "0", "ratelimit-reset": "41"},
            [limit("ratelimit", Reach.SITE, 400, 0, 41.0)],
            id="Zendesk 2024",
        ),
        pytest.param(
            {"zendesk-rate-limit-tickets-update": "total=20; remaining=19; resets=59"},
            [limit("tickets-update", Reach.WRITES, 20, 19, 59.0)],
            id="Zendesk, updates of the account",
        ),
        pytest.param(
            {"Zendesk-RateLimit-Per-Ticket-Updates": "total=30; remaining=0; resets=468"},
            [limit("per-ticket-updates", Reach.TICKET, 30, 0, 468.0)],
            id="Zendesk, the other spelling",
        ),
        pytest.param(
            {"zendesk-ratelimit-incremental-exports": "total=10;remaining=0;resets=12"},
            [limit("incremental-exports", Reach.KIND, 10, 0, 12.0)],
            id="Zendesk, one kind of question",
        ),
        pytest.param(
            {"X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-22T09:02Z"},
            [limit("x-ratelimit", Reach.SITE, 350, 0, 120.0)],
            id="Jira Cloud, burst",
        ),
        pytest.param(
            {"RateLimit": '"tenant-app-quota";r=7;t=2788', "RateLimit-Policy": '"tenant-app-quota";q=100100;w=3600'},
            [limit("tenant-app-quota", Reach.SITE, 100100, 7, 2788.0)],
            id="Jira Cloud, points, structured",
        ),
        pytest.param(
            {"RateLimit": '"global-app-quota";r=65;t=9, "jira-per-issue-on-write";r=0;t=2'},
            [
                limit("global-app-quota", Reach.SITE, None, 65, 9.0),
                limit("jira-per-issue-on-write", Reach.TICKET, None, 0, 2.0),
            ],
            id="Jira Cloud, two of them",
        ),
        pytest.param(
            {
                "X-RateLimit-Limit": "100",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Interval-Seconds": "60",
                "X-RateLimit-FillRate": "10",
            },
            [limit("x-ratelimit", Reach.SITE, 100, 0, 60.0)],
            id="Data Center: the next batch comes with the interval",
        ),
        pytest.param(
            {"Beta-RateLimit": '"tenant-app-quota";r=0;t=2788', "X-RateLimit-Remaining": "399"},
            [limit("x-ratelimit", Reach.SITE, None, 399)],
            id="Jira's Beta- headers are not enforced and stop nothing",
        ),
        pytest.param({"rate-limit-remaining": "plenty", "zendesk-rate-limit-": ";;;", "RateLimit": "=;"}, [], id="-"),
    ],
)
def test_every_documented_header_is_read(headers: dict[str, str], expected: list[Limit]) -> None:
    found = [one for one in told(headers, NOW).limits if one.left is not None]
    assert sorted(found, key=lambda one: one.name) == sorted(expected, key=lambda one: one.name)


@pytest.mark.parametrize(
    ("headers", "reach", "wait", "reason"),
    [
        ({}, Reach.SITE, None, "nothing is said"),
        ({"Retry-After": "5", "RateLimit-Reason": "jira-per-issue-on-write"}, Reach.TICKET, 5.0, "one issue"),
        ({"Retry-After": "5", "RateLimit-Reason": "jira-burst-based"}, Reach.SITE, 5.0, "a burst"),
        ({"rate-limit-remaining": "0", "rate-limit-reset": "41"}, Reach.SITE, 41.0, "no Retry-After: the reset"),
        (
            {"Retry-After": "0", "zendesk-rate-limit-tickets-update": "total=100; remaining=0; resets=9"},
            Reach.WRITES,
            9.0,
            "Retry-After may be 0 in the wild",
        ),
        (
            {
                "zendesk-rate-limit-tickets-update": "total=100; remaining=0; resets=9",
                "zendesk-ratelimit-per-ticket-updates": "total=30; remaining=0; resets=400",
            },
            Reach.WRITES,
            9.0,
            "the wider one is what all must wait for",
        ),
        ({"Retry-After": "0", "X-RateLimit-Remaining": "3"}, Reach.SITE, 0.0, "Data Center: tokens remain"),
    ],
)
def test_a_refusal_says_what_it_is_about_and_for_how_long(
    headers: dict[str, str], reach: Reach, wait: float | None, reason: str
) -> None:
    room = told(headers, NOW)
    assert (room.reach, room.wait) == (reach, wait), reason


def test_a_header_without_end_is_read_to_a_kilobyte() -> None:
    real = '"tenant-app-quota";r=0;t=2788'
    assert told({"RateLimit": real + "," * 50_000}, NOW).limits == told({"RateLimit": real}, NOW).limits
    assert told({"RateLimit": " " * 1024 + real}, NOW).limits == ()


def test_a_limit_that_is_near_is_told() -> None:
    assert told({"X-RateLimit-NearLimit": "true"}, NOW).near
    assert told({"X-Beta-RateLimit-NearLimit": "true"}, NOW).near
    assert not told({"X-RateLimit-NearLimit": "false"}, NOW).near


@given(
    st.dictionaries(
        st.sampled_from(
            ["Retry-After", "X-RateLimit-Remaining", "RateLimit", "zendesk-rate-limit-x", "X-RateLimit-Reset"]
        ),
        st.text(max_size=60),
    )
)
def test_no_header_is_too_strange(headers: dict[str, str]) -> None:
    room = told(headers, NOW)
    assert isinstance(room, Room)
    assert room.wait is None or 0 <= room.wait <= LONGEST_REST


# --- our own count -------------------------------------------------------------------------------------------
class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


WINDOWS = st.lists(
    st.builds(Window, most=st.integers(1, 5), seconds=st.sampled_from([1.0, 2.0, 7.5])), min_size=1, max_size=2
)
STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3, allow_nan=False)), max_size=60)


def most_in(stamps: list[float], seconds: float) -> int:
    return max((sum(1 for one in stamps if begin <= one < begin + seconds) for begin in stamps), default=0)


@given(WINDOWS, WINDOWS, STEPS)
def test_never_more_than_allowed_in_any_window(
    per_ticket: list[Window], per_site: list[Window], steps: list[tuple[str, float]]
) -> None:
    clock, sent = Clock(), {"a": [], "b": []}  # type: tuple[Clock, dict[str, list[float]]]
    pace = Pace(clock, per_ticket=per_ticket, per_site=per_site)
    for (ticket, _), at in zip(steps, accumulate(pause for _, pause in steps), strict=True):
        clock.now = at
        with suppress(TryLater):
            pace.write(ticket)
            sent[ticket].append(at)
    for stamps in sent.values():
        assert all(most_in(stamps, window.seconds) <= window.most for window in per_ticket)
    together = sorted(sent["a"] + sent["b"])
    assert all(most_in(together, window.seconds) <= window.most for window in per_site)


def waits(pace: Pace, ticket: str) -> float:
    """Write once, or return how long it must wait."""
    try:
        pace.write(ticket)
    except TryLater as later:
        return later.after or -1.0
    return 0.0


@given(WINDOWS, STEPS)
def test_nobody_waits_longer_than_needed_and_a_second(windows: list[Window], steps: list[tuple[str, float]]) -> None:
    clock, sent = Clock(), dict[str, list[float]]()
    pace = Pace(clock, per_ticket=windows)
    for ticket, pause in steps:
        clock.now += pause
        stamps = sent.setdefault(ticket, [])
        full = [stamps[-w.most] + w.seconds for w in windows if len(stamps) >= w.most]
        needed = max([0.0, *(until - clock.now for until in full)])
        wait = waits(pace, ticket)
        assert wait == 0 or needed <= wait <= needed + 1
        if wait:
            clock.now += wait + 1e-6
            pace.write(ticket)  # after what it was told to wait, everybody gets through
        stamps.append(clock.now)


@given(st.integers(1, 400))
def test_what_is_remembered_is_bounded(tickets: int) -> None:
    clock = Clock()
    pace = Pace(clock, per_ticket=[Window(most=3, seconds=10)])
    for number in range(tickets):
        clock.now += 1
        pace.write(str(number))
        pace.heard({"zendesk-rate-limit-per-ticket-updates": "remaining=0; resets=5"}, NOW, str(number))
    assert len(pace._tickets) <= 12


def refused(pace: Pace, ticket: str = "1") -> TryLater:
    with pytest.raises(TryLater) as raised:
        pace.write(ticket)
    return raised.value


def test_one_ticket_at_its_limit_holds_no_other_up() -> None:
    pace = Pace(Clock(), per_ticket=[Window(most=1, seconds=10)])
    pace.write("1")
    later = refused(pace)
    assert (later.after, later.sent, later.site_wide, later.paced) == (10.5, False, False, True)
    pace.write("2")


def test_the_accounts_limit_holds_all_writes_but_no_question() -> None:
    pace = Pace(Clock(), per_site=[Window(most=1, seconds=60)])
    pace.write("1")
    assert refused(pace, "2").site_wide
    pace.ask()


@pytest.mark.parametrize(
    ("headers", "same", "other", "question", "reason"),
    [
        ({"rate-limit-remaining": "0", "rate-limit-reset": "9"}, 9.0, 9.0, 9.0, "nothing at all is left"),
        ({"zendesk-rate-limit-tickets-update": "remaining=0; resets=9"}, 9.0, 9.0, None, "no update is left"),
        ({"zendesk-rate-limit-per-ticket-updates": "remaining=0; resets=9"}, 9.0, None, None, "none for this ticket"),
        ({"zendesk-rate-limit-search": "remaining=0; resets=9"}, None, None, None, "one kind of question"),
        ({"Retry-After": "9"}, None, None, None, "whoever was refused is told so, and the site's brake keeps it"),
        (
            {
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "2026-11-22T09:01Z",
                "RateLimit-Reason": "x-per-issue-y",
            },
            60.0,
            None,
            None,
            "the reset of one issue",
        ),
        ({"Retry-After": "0"}, None, None, None, "Data Center says so when all is well"),
        ({"rate-limit-remaining": "1", "rate-limit-reset": "9"}, None, None, None, "one is left"),
        ({"X-RateLimit-Remaining": "0"}, None, None, None, "until when is not said"),
    ],
)
def test_what_the_vendor_says_is_used_up_is_not_asked_for(
    headers: dict[str, str], same: float | None, other: float | None, question: float | None, reason: str
) -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.heard(headers, NOW, "1")
    found: list[float | None] = []
    for attempt in (lambda: pace.write("1"), lambda: pace.write("2"), pace.ask):
        try:
            attempt()
            found.append(None)
        except TryLater as later:
            found.append(later.after)
    assert found == [same, other, question], reason
    clock.now = 60.0
    pace.write("1")
    pace.ask()


def test_many_threads_share_one_count() -> None:
    pace = Pace(Clock(), per_site=[Window(most=10, seconds=60)])
    start, let = threading.Barrier(8), list[int]()

    def work(number: int) -> None:
        start.wait(5)
        for _ in range(5):
            with suppress(TryLater):
                pace.write(str(number))
                let.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(let) == 10


def through(pace: Pace, clock: Clock, seconds: float, step: float) -> int:
    """Write to one ticket as often as the pace lets us for so long."""
    let = 0
    while clock.now < seconds:
        with suppress(TryLater):
            pace.write("1")
            let += 1
        clock.now += step
    return let


ZENDESK = {"url": "https://acme.zendesk.com", "oauth_token": "t"}


def test_zendesks_limit_of_a_ticket_is_kept_with_room_for_people() -> None:
    clock = Clock()
    assert through(ZendeskSettings.model_validate(ZENDESK).pace(clock), clock, 599, 1) == 25


@pytest.mark.parametrize(("more", "most"), [({}, 80), ({"sandbox": True}, 16), ({"updates_per_minute": 3}, 3)])
def test_zendesks_limit_of_an_account_is_kept(more: dict[str, int], most: int) -> None:
    pace = ZendeskSettings.model_validate({**ZENDESK, **more}).pace(Clock())
    for number in range(most):
        pace.write(str(number))
    assert refused(pace, "another").site_wide


def test_jiras_limits_per_issue_are_kept() -> None:
    clock = Clock()
    settings = JiraSettings(url="https://acme.atlassian.net", email="a@example.com", token="t")
    pace = settings.pace(clock)
    assert through(pace, clock, 1.9, 0.01) == 16
    clock.now = 100.0
    assert through(pace, clock, 129.9, 0.01) == 80


def test_data_center_tells_its_own_limits() -> None:
    clock = Clock()
    settings = JiraSettings(url="https://jira.acme.example", deployment="datacenter", personal_token="t")
    assert through(settings.pace(clock), clock, 1.0, 0.001) > 500
