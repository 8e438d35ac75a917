"""The pretend Zendesk's API: who may what, what is refused and how, how often it may be asked, and what changed."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from connectors.faults import Fault
from connectors.sandboxing import Authority
from connectors.zendesk.pretend_limits import Window
from connectors.zendesk.pretend_refusals import SAID, fault
from connectors.zendesk.records import LEVEL_FIELD, OURS
from connectors.zendesk.sandbox import Sandbox
from tests.connectors.zendesk_bench import BEGIN, Clock, made

Ask = Callable[..., requests.Response]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(authority: Authority, clock: Clock) -> Iterator[Sandbox]:
    yield from made(authority, clock)


@pytest.fixture
def session(desk: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]["ca_bundle"]
        yield session


@pytest.fixture
def granted(desk: Sandbox, session: requests.Session) -> Callable[..., Any]:
    """Ask for a token; the client's own credentials are given."""

    def ask(**said: str) -> Any:
        given = {"grant_type": "client_credentials", "scope": "read write", **desk.oauth_app(), **said}
        return session.post(f"{desk.url}/oauth/tokens", json=given, timeout=5)

    return ask


@pytest.fixture
def ask(desk: Sandbox, session: requests.Session, granted: Callable[..., Any]) -> Ask:
    """Ask the API, by default with a token of our own account; `by` is another Authorization, `scope` another scope."""
    tokens: dict[str, str] = {}

    def asking(
        method: str, path: str, body: Any = None, *, by: str | None = None, scope: str = "read write"
    ) -> requests.Response:
        if by is None and scope not in tokens:
            tokens[scope] = granted(scope=scope).json()["access_token"]
        authorization = f"Bearer {tokens[scope]}" if by is None else by
        return session.request(
            method, f"{desk.url}/api/v2/{path}", json=body, headers={"Authorization": authorization}, timeout=5
        )

    return asking


@pytest.fixture
def ticket(desk: Sandbox) -> str:
    return desk.open_ticket("VPN down", "help", priority="normal", tags=["vip"])


def put(ask: Ask, ticket: str, **values: Any) -> requests.Response:
    return ask("PUT", f"tickets/{ticket}.json", {"ticket": values})


# --- what is refused, and how --------------------------------------------------------------------------------
def light(desk: Sandbox) -> None:
    desk.account.people[7002].light = True


def suspended(desk: Sandbox) -> None:
    desk.account.people[7002].suspended = True


def two_priorities(desk: Sandbox) -> None:
    desk.account.priorities = {"normal", "high"}


def full(desk: Sandbox) -> None:
    desk.account.comment_limit = 1


def nothing(desk: Sandbox) -> None:
    """Leave the account as it is."""


REFUSED: list[tuple[str, Callable[[Sandbox], None], dict[str, Any], str]] = [
    ("not a member", nothing, {"assignee_id": 7002}, "of Technical Support, and the ticket is in Support"),
    ("not a member", nothing, {"assignee_id": 7002, "group_id": 363}, "the group of this very save counts"),
    ("cannot be assigned", light, {"assignee_id": 7002, "group_id": 361}, "light agents own nothing"),
    ("cannot be assigned", suspended, {"assignee_id": 7002, "group_id": 361}, "suspended"),
    ("cannot be assigned", nothing, {"assignee_id": 8001}, "a customer"),
    ("cannot be assigned", nothing, {"assignee_id": 1}, "nobody"),
    ("no such group", nothing, {"group_id": 999}, "no such group"),
    ("no such priority", nothing, {"priority": "fatal"}, "no such word"),
    ("no such priority", two_priorities, {"priority": "urgent"}, "a plan with two priorities"),
    ("too many comments", full, {"comment": {"body": "x", "public": False}}, "the limit is reached"),
    ("UpdateConflict", nothing, {"safe_update": True, "updated_stamp": "2020-01-01T00:00:00Z"}, "read long ago"),
    ("UpdateConflict", nothing, {"safe_update": False, "updated_stamp": "2020-01-01T00:00:00Z"}, "false means true"),
]


@pytest.mark.parametrize(("said", "prepare", "values", "why"), REFUSED, ids=[row[3] for row in REFUSED])
def test_a_save_is_refused_in_zendesks_codes_and_changes_nothing(
    desk: Sandbox,
    ask: Ask,
    ticket: str,
    said: str,
    prepare: Callable[[Sandbox], None],
    values: dict[str, Any],
    why: str,
) -> None:
    prepare(desk)
    before = desk.view(ticket)
    answer = put(ask, ticket, **values, tags=["changed"])
    assert (answer.status_code, answer.json()) == SAID[said], why
    assert desk.view(ticket) == before


def test_a_full_ticket_takes_other_changes(desk: Sandbox, ask: Ask, ticket: str) -> None:
    desk.account.comment_limit = 1
    assert put(ask, ticket, priority="high").status_code == 200


def test_a_closed_ticket_takes_nothing_and_says_so_in_the_accounts_language(
    desk: Sandbox, ask: Ask, ticket: str
) -> None:
    desk.agent_changes(ticket, status="closed")
    assert put(ask, ticket, priority="high").json() == SAID["closed"][1]
    desk.account.language = "de"
    (said,) = put(ask, ticket, priority="high").json()["details"]["status"]
    assert "geschlossen" in said["description"]
    assert ask("PUT", f"tickets/{ticket}/tags", {"tags": ["a"]}).status_code == 422


def test_an_option_that_the_drop_down_does_not_have_is_refused(ask: Ask, ticket: str) -> None:
    answer = put(ask, ticket, custom_fields=[{"id": LEVEL_FIELD, "value": "stepladder_level_99"}])
    assert answer.status_code == 422
    assert answer.json()["details"]["base"][0]["ticket_field_id"] == LEVEL_FIELD


def test_an_inactive_field_is_dropped_without_a_word_and_not_shown(desk: Sandbox, ask: Ask, ticket: str) -> None:
    desk.account.fields[LEVEL_FIELD]["active"] = False
    desk.account.show_fields()
    answer = put(ask, ticket, custom_fields=[{"id": LEVEL_FIELD, "value": "stepladder_level_2"}])
    assert answer.status_code == 200
    assert LEVEL_FIELD not in [one["id"] for one in answer.json()["ticket"]["custom_fields"]]
    assert desk.view(ticket).level is None


def test_what_is_deleted_archived_or_unknown_is_not_found(desk: Sandbox, ask: Ask, ticket: str) -> None:
    desk.agent_deletes(ticket)
    for method in ("GET", "PUT"):
        assert ask(method, f"tickets/{ticket}", {"ticket": {}}).json() == SAID["not found"][1]
    assert ask("PUT", f"deleted_tickets/{ticket}/restore").status_code == 200
    assert ask("GET", f"tickets/{ticket}").status_code == 200


def test_seconds_are_all_that_a_safe_update_can_tell_apart(desk: Sandbox, ask: Ask, ticket: str, clock: Clock) -> None:
    stamp = ask("GET", f"tickets/{ticket}").json()["ticket"]["updated_at"]
    clock.now += timedelta(milliseconds=900)
    desk.agent_changes(ticket, priority="high")
    assert put(ask, ticket, tags=["a"], safe_update=True, updated_stamp=stamp).status_code == 200
    clock.now += timedelta(milliseconds=100)
    desk.agent_changes(ticket, priority="low")
    assert put(ask, ticket, tags=["b"], safe_update=True, updated_stamp=stamp).json()["error"] == "UpdateConflict"


def test_every_refusal_can_be_had_on_request(desk: Sandbox, ask: Ask, ticket: str) -> None:
    for said, (status, body) in SAID.items():
        desk.faults.add(fault(said, match="PUT"))
        answer = put(ask, ticket, priority="high")
        assert (answer.status_code, answer.json()) == (status, body)
    assert desk.view(ticket).edits == 0


# --- what a save does ----------------------------------------------------------------------------------------
def test_unknown_keys_are_dropped_and_only_a_header_says_so(desk: Sandbox, ask: Ask, ticket: str) -> None:
    answer = put(ask, ticket, id=1, prioritty="high")
    assert answer.status_code == 200
    assert ':unpermitted_keys=>["ticket.id", "ticket.prioritty"]' in answer.headers["x-zendesk-api-warn"]
    assert desk.view(ticket).priority == "normal"


def test_a_body_without_a_ticket_is_answered_and_changes_nothing(desk: Sandbox, ask: Ask, ticket: str) -> None:
    answer = ask("PUT", f"tickets/{ticket}", {"comment": {"body": "hello"}})
    assert answer.status_code == 200
    assert desk.view(ticket).edits == 0


def test_plain_text_loses_doubled_spaces_and_empty_lines_and_markup_does_not(
    desk: Sandbox, ask: Ask, ticket: str
) -> None:
    put(ask, ticket, comment={"body": "a   b\n\n\nc", "public": False})
    put(ask, ticket, comment={"html_body": "<p>a&nbsp;&nbsp;b</p><p>c</p>", "public": False})
    assert desk.view(ticket).notes == ("a b\nc", "a\xa0\xa0b\nc")


def test_placeholders_are_filled_in_and_escaped_ones_stay(desk: Sandbox, ask: Ask, ticket: str) -> None:
    text = "{{ticket.requester.name}} {{ ticket.title }}|{{ticket.secret}}|{% raw %}|"
    put(ask, ticket, comment={"html_body": text, "public": False})
    put(ask, ticket, comment={"html_body": "&#123;&#123;ticket.id&#125;&#125;", "public": False})
    put(ask, ticket, comment={"body": "\\{{ticket.id}}", "public": False})
    assert desk.view(ticket).notes == ("Casey Customer VPN down|||", "{{ticket.id}}", "{{ticket.id}}")


def test_a_comment_too_long_is_cut_without_a_word(desk: Sandbox, ask: Ask, ticket: str) -> None:
    assert put(ask, ticket, comment={"html_body": "ä" * 40_000, "public": False}).status_code == 200
    assert len(desk.view(ticket).notes[0].encode()) == 65_536


def test_a_comment_is_public_unless_it_says_otherwise(desk: Sandbox, ask: Ask, ticket: str) -> None:
    put(ask, ticket, comment={"body": "oh"})
    assert desk.view(ticket).replies == ("help", "oh")


def test_an_update_is_one_audit_with_our_mark(ask: Ask, ticket: str) -> None:
    changes = {"priority": "high", "group_id": 361, "assignee_id": 7002, "comment": {"body": "x", "public": False}}
    audit = put(ask, ticket, **changes, metadata={"stepladder": "op/1"}).json()["audit"]
    listed = ask("GET", f"tickets/{ticket}/audits").json()
    assert listed["audits"][-1] == audit
    assert listed["count"] == 2
    assert audit["metadata"]["custom"] == {"stepladder": "op/1"}
    changed = {one["field_name"]: one["value"] for one in audit["events"] if one["type"] == "Change"}
    assert changed == {"priority": "high", "group_id": "361", "assignee_id": "7002", "status": "open"}


@pytest.mark.parametrize(
    ("method", "status", "after"), [("PUT", 200, ("vip", "a")), ("POST", 201, ("a",)), ("DELETE", 204, ("vip",))]
)
def test_tags_are_added_set_and_taken_away(
    desk: Sandbox, ask: Ask, ticket: str, method: str, status: int, after: tuple[str, ...]
) -> None:
    assert ask(method, f"tickets/{ticket}/tags", {"tags": ["a"]}).status_code == status
    assert desk.view(ticket).tags == after
    stale = {"tags": ["b"], "safe_update": "true", "updated_stamp": "2020-01-01T00:00:00Z"}
    assert ask(method, f"tickets/{ticket}/tags", stale).status_code == 409


def test_an_update_may_be_carried_out_after_its_connection_was_cut(desk: Sandbox, ask: Ask, ticket: str) -> None:
    put(ask, ticket, priority="low")
    desk.faults.add(Fault(do="cut_late", seconds=0.2))
    with pytest.raises(requests.ConnectionError):
        put(ask, ticket, priority="urgent")
    assert desk.view(ticket).priority == "low"
    desk.faults.settle()
    assert (desk.view(ticket).priority, desk.view(ticket).edits) == ("urgent", 2)


# --- who may what --------------------------------------------------------------------------------------------
ADMINISTRATORS_ONLY = [
    *(("GET", path) for path in ("webhooks", "slas/policies", "incremental/tickets/cursor?start_time=1")),
    *(("POST", path) for path in ("webhooks", "ticket_fields")),
    ("PUT", "ticket_fields/360010"),
]


@pytest.mark.parametrize(("method", "path"), ADMINISTRATORS_ONLY)
def test_some_things_only_an_administrator_may(desk: Sandbox, ask: Ask, method: str, path: str) -> None:
    assert ask(method, path, {}).json() == SAID["forbidden"][1]
    assert ask(method, path, {}, by=f"Bearer {desk.admin_secret}").status_code != 403
    pair = base64.b64encode(f"{desk.admin_email}/token:{desk.admin_secret}".encode()).decode()
    assert ask(method, path, {}, by=f"Basic {pair}").status_code != 403
    desk.account.people[OURS].role = "admin"
    assert ask(method, path, {}).status_code != 403


@pytest.mark.parametrize(
    ("scope", "method", "path", "allowed"),
    [
        ("read", "GET", "tickets/35001", True),
        ("read", "PUT", "tickets/35001", False),
        ("tickets:read", "GET", "tickets/35001", True),
        ("tickets:read", "GET", "tickets/35001/audits", False),
        ("tickets:read users:read", "GET", "users/me", True),
        ("tickets:write", "PUT", "tickets/35001", True),
        ("write", "GET", "users/me", False),
    ],
)
def test_a_scope_allows_what_it_says(ask: Ask, ticket: str, scope: str, method: str, path: str, allowed: bool) -> None:
    answer = ask(method, path, {"ticket": {}}, scope=scope)
    assert (answer.status_code != 403) is allowed
    assert allowed or "Missing the following required scopes" in answer.json()["description"]


def test_a_light_agent_writes_internally_and_changes_nothing(desk: Sandbox, ask: Ask, ticket: str) -> None:
    desk.account.people[OURS].light = True
    assert put(ask, ticket, priority="high").status_code == 403
    assert put(ask, ticket, comment={"body": "psst", "public": True}).status_code == 200
    assert desk.view(ticket).notes == ("psst",)
    assert ask("GET", "users/me").json()["user"]["role_type"] == 1


@pytest.mark.parametrize(("restriction", "sees"), [("groups", True), ("assigned", False), ("requested", False)])
def test_a_restricted_agent_sees_only_some_tickets(
    desk: Sandbox, ask: Ask, ticket: str, restriction: str, sees: bool
) -> None:
    desk.account.people[OURS].ticket_restriction = restriction
    assert ask("GET", f"tickets/{ticket}").status_code == (200 if sees else 403)
    found = ask("GET", "search/export?query=status<solved&filter[type]=ticket").json()["results"]
    assert [str(one["id"]) for one in found] == ([ticket] if sees else [])


def test_a_suspended_account_is_not_known_any_more(desk: Sandbox, ask: Ask) -> None:
    assert ask("GET", "users/me").status_code == 200
    desk.account.people[OURS].suspended = True
    assert ask("GET", "users/me").status_code == 401


# --- tokens --------------------------------------------------------------------------------------------------
def test_an_access_token_lives_as_long_as_it_says(
    desk: Sandbox, ask: Ask, clock: Clock, granted: Callable[..., Any]
) -> None:
    desk.life = 300
    token = granted().json()
    assert token["expires_in"] == 300
    assert ask("GET", "users/me", by=f"Bearer {token['access_token']}").status_code == 200
    clock.now += timedelta(seconds=301)
    assert ask("GET", "users/me", by=f"Bearer {token['access_token']}").status_code == 401


def test_a_token_can_die_in_the_middle_of_a_request(desk: Sandbox, ask: Ask, ticket: str) -> None:
    desk.faults.add(Fault(do="expire", match="PUT"))
    assert put(ask, ticket, priority="high").status_code == 401
    assert desk.view(ticket).priority == "normal"


def test_a_person_agrees_once_and_refresh_tokens_rotate(
    desk: Sandbox, session: requests.Session, ask: Ask, granted: Callable[..., Any]
) -> None:
    asked = {"response_type": "code", "redirect_uri": "https://localhost/x", "scope": "read write", "state": "s1"}
    sent = session.get(f"{desk.url}/oauth/authorizations/new", params=asked, allow_redirects=False, timeout=5)
    address, _, query = sent.headers["Location"].partition("?")
    assert (sent.status_code, address) == (302, "https://localhost/x")
    code = dict(pair.split("=") for pair in query.split("&"))["code"]
    buy = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://localhost/x"}
    first = granted(**buy).json()
    assert granted(**buy).status_code == 400
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = granted(**renew).json()
    assert granted(**renew).json()["error"] == "invalid_grant"
    assert ask("GET", "users/me", by=f"Bearer {first['access_token']}").status_code == 401
    assert ask("GET", "users/me", by=f"Bearer {second['access_token']}").status_code == 200
    desk.forget_tokens()
    assert ask("GET", "users/me", by=f"Bearer {second['access_token']}").status_code == 401
    assert granted(grant_type="refresh_token", refresh_token=second["refresh_token"]).status_code == 200


def test_a_wrong_client_is_not_known(granted: Callable[..., Any]) -> None:
    assert granted(client_secret="wrong").json()["error"] == "invalid_client"


def test_a_token_tells_of_itself(ask: Ask) -> None:
    told = ask("GET", "oauth/tokens/current").json()["token"]
    assert (told["scopes"], told["user_id"], told["expires_at"]) == (["read", "write"], OURS, "2026-11-22T08:30:00Z")


# --- how often -----------------------------------------------------------------------------------------------
def test_limits_are_counted_in_the_headers_in_both_spellings(desk: Sandbox, ask: Ask, ticket: str) -> None:
    first = put(ask, ticket, priority="high").headers
    assert (first["X-Rate-Limit"], first["rate-limit-remaining"]) == ("700", "699")
    assert first["zendesk-rate-limit-tickets-update"] == "total=100; remaining=99; resets=60"
    assert first["zendesk-ratelimit-per-ticket-updates"] == "total=30; remaining=29; resets=600"
    desk.limits.spelling = "2024"
    second = put(ask, ticket, priority="low").headers
    assert (second["ratelimit-limit"], second["ratelimit-remaining"]) == ("700", "698")
    assert second["zendesk-ratelimit-tickets-update"] == "total=100; remaining=98; resets=60"


@pytest.mark.parametrize(
    ("window", "most", "path", "recovers"),
    [
        ("per-ticket", 30, None, 600),
        ("tickets-update", 100, None, 60),
        ("incremental-exports", 10, "incremental/tickets/cursor?start_time=1", 60),
        ("search-export", 100, "search/export?query=a&filter[type]=ticket", 60),
    ],
)
def test_limits_are_enforced_once_that_is_asked_for(
    desk: Sandbox, ask: Ask, clock: Clock, ticket: str, window: str, most: int, path: str | None, recovers: int
) -> None:
    assert desk.limits.windows[window].most == most
    desk.limits.enforced = True
    desk.limits.windows[window] = Window(most=2, seconds=desk.limits.windows[window].seconds)
    desk.account.people[OURS].role = "admin"
    other = desk.open_ticket("other", "x")

    def once() -> requests.Response:
        return ask("GET", path) if path else put(ask, ticket, priority="high")

    assert [once().status_code for _ in range(3)] == [200, 200, 429]
    refused = once()
    assert (refused.json()["error"], refused.headers["Retry-After"]) == ("APIRateLimitExceeded", str(recovers))
    assert put(ask, other, priority="low").status_code == (429 if window == "tickets-update" else 200)
    clock.now += timedelta(seconds=recovers)
    assert once().status_code == 200


# --- what changed --------------------------------------------------------------------------------------------
def test_the_export_tells_everything_but_the_last_minute_the_deleted_too(desk: Sandbox, ask: Ask, clock: Clock) -> None:
    desk.account.people[OURS].role = "admin"
    one, two = desk.open_ticket("one", "x"), desk.open_ticket("two", "x")
    clock.now += timedelta(seconds=30)
    desk.agent_deletes(two)
    start = f"incremental/tickets/cursor?start_time={int(BEGIN.timestamp())}"
    assert ask("GET", start).status_code == 400  # it must be a minute old
    clock.now += timedelta(seconds=40)
    first = ask("GET", start).json()
    assert [str(found["id"]) for found in first["tickets"]] == [one]
    clock.now += timedelta(seconds=60)
    assert first["end_of_stream"] is True
    (gone,) = ask("GET", f"incremental/tickets/cursor?cursor={first['after_cursor']}").json()["tickets"]
    assert (str(gone["id"]), gone["status"]) == (two, "deleted")


def test_the_export_comes_page_by_page_and_loses_nothing(desk: Sandbox, ask: Ask, clock: Clock) -> None:
    desk.account.people[OURS].role = "admin"
    made = [desk.open_ticket(str(number), "x") for number in range(5)]
    clock.now += timedelta(minutes=2)
    path, found = f"start_time={int(BEGIN.timestamp())}", list[str]()
    for _ in range(4):
        page = ask("GET", f"incremental/tickets/cursor?per_page=2&{path}").json()
        found += [str(one["id"]) for one in page["tickets"]]
        path = f"cursor={page['after_cursor']}"
    assert found == made
    assert page["end_of_stream"]


def test_the_search_finds_by_time_and_not_what_is_deleted_or_archived(desk: Sandbox, ask: Ask, clock: Clock) -> None:
    old, kept, gone, archived = (desk.open_ticket(word, "x") for word in ("old", "kept", "gone", "archived"))
    clock.now += timedelta(hours=1)
    for ticket in (kept, gone, archived):
        desk.agent_changes(ticket, priority="high")
    desk.account.tickets[int(archived)].archived = True
    desk.agent_deletes(gone)
    words = "query=updated>=2026-11-22T09:00:00Z&filter[type]=ticket"
    assert [str(one["id"]) for one in ask("GET", f"search/export?{words}").json()["results"]] == [kept]
    assert ask("GET", "search?query=type:ticket status<solved").json()["count"] == 2
    (deleted,) = ask("GET", "deleted_tickets?sort_by=deleted_at&sort_order=desc").json()["deleted_tickets"]
    assert (str(deleted["id"]), deleted["deleted_at"]) == (gone, "2026-11-22T09:00:00Z")
    assert ask("GET", f"tickets/{old}").status_code == 200


def test_its_clock_can_be_wrong(desk: Sandbox, ask: Ask) -> None:
    assert ask("GET", "users/me").headers["Date"] == "Sun, 22 Nov 2026 08:00:00 GMT"
    desk.date_shift = timedelta(minutes=5)
    assert ask("GET", "users/me").headers["Date"] == "Sun, 22 Nov 2026 08:05:00 GMT"
