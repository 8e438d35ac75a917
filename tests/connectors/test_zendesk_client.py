"""The real zenpy against the pretend Zendesk, over TLS: few requests, nothing lost, nothing doubled."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Call, Refused, Stale, TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.zendesk.client import ZendeskClient, connect
from connectors.zendesk.sandbox import Sandbox
from connectors.zendesk.settings import ZendeskSettings
from policies.commands import Line, Note, Span
from policies.model import Kind, Priority, Role, Status, Ticket, TicketRef
from tests.connectors.zendesk_bench import made

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PUT = r"PUT /api/v2/tickets/\d+$"
NOTE = Note(lines=(Line(label="Why", spans=(Span(text="too long"),)), Line(spans=(Span(text="op-1"),))))
Connect = Callable[..., ZendeskClient]


@pytest.fixture
def desk(authority: Authority) -> Iterator[Sandbox]:
    yield from made(authority)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def open_client(desk: Sandbox, slept: list[float]) -> Iterator[Connect]:
    opened = []

    def passed() -> float:
        return sum(slept)

    def opening(*, clock: Callable[[], float] = passed, secrets: Any = None, **more: Any) -> ZendeskClient:
        section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
        settings = ZendeskSettings(**{**section, **(secrets or desk.secrets()), **more})
        client = connect(Site(name="acme", settings=settings, account=settings.account), Pocket(), clock, slept.append)
        opened.append(client)
        return client

    yield opening
    for client in opened:
        client.close()


@pytest.fixture
def client(open_client: Connect) -> ZendeskClient:
    return open_client()


@pytest.fixture
def ref(desk: Sandbox) -> TicketRef:
    ticket = desk.open_ticket("VPN down", "It does not connect.", priority="normal", tags=["vip"], organization="Acme")
    return TicketRef(vendor="zendesk", site="acme", id=ticket)


def call(**parts: Any) -> Call:
    given = parts or {"group": "Technical Support", "priority": "urgent", "level": 2, "note": True}
    note = NOTE if given.get("note") else None
    return Call(operation="op-1", number=1, verb="update_ticket", parts=given, note=note)


def send(client: ZendeskClient, ref: TicketRef, what: Call) -> Any:
    return client.carry_out(what, Ticket(ref=ref))


def lines(desk: Sandbox) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in desk.requests]


# --- what it costs ------------------------------------------------------------------------------------------
def test_an_escalation_is_one_put(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    client.names()
    desk.requests.clear()
    outcome = send(client, ref, call())
    assert lines(desk) == [f"PUT /api/v2/tickets/{ref.id}"]
    assert outcome.requests == 1
    assert outcome.resolved == {"group": "361"}
    assert outcome.vendor_id
    assert outcome.ticket.priority is Priority.URGENT
    assert outcome.ticket.level == 2
    assert outcome.ticket.group.name == "Technical Support"
    seen = desk.view(ref.id)
    assert (seen.group, seen.assignee, seen.priority, seen.level, seen.edits) == (
        "Technical Support",
        None,
        "urgent",
        2,
        1,
    )
    assert seen.notes == ("Why: too long\nop-1",)
    assert seen.replies == ("It does not connect.",)
    assert seen.tags == ("vip", "stepladder_level_2")


def test_a_cold_start_adds_one_token_and_one_list(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    send(client, ref, call())
    assert lines(desk) == ["POST /oauth/tokens", "GET /api/v2/groups", f"PUT /api/v2/tickets/{ref.id}"]


def test_an_id_needs_no_list(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    send(client, ref, call(group=361, assignee="7002", note=True))
    assert lines(desk) == ["POST /oauth/tokens", f"PUT /api/v2/tickets/{ref.id}"]
    assert desk.view(ref.id).assignee == "Tariq Lang"


def test_without_a_level_field_the_tag_list_is_read_afresh_and_guarded(
    desk: Sandbox, open_client: Connect, ref: TicketRef
) -> None:
    client = open_client(level_field=None)
    desk.agent_changes(ref.id, tags=["vip", "stepladder_level_2"])
    client.account()
    desk.requests.clear()
    send(client, ref, call(level=3, note=True))
    assert [seen.method for seen in desk.requests if "token" not in seen.path] == ["GET", "PUT"]
    sent = desk.requests[-1].body["ticket"]
    assert sent["tags"] == ["vip", "stepladder_level_3"]
    assert sent["safe_update"] is True
    assert sent["updated_stamp"]
    send(client, ref, call(level=1, note=True))
    assert desk.view(ref.id).tags == ("vip",)
    desk.requests.clear()
    send(client, ref, call(level=1, note=True))
    assert "tags" not in desk.requests[-1].body["ticket"]


def test_a_fetch_is_one_request_and_the_conversation_one_more(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.agent_says(ref.id, "Looking.", public=False)
    client.account()
    (event,) = client.fetch(ref, frozenset(), NOW)
    assert event.kind is Kind.FETCHED
    ticket = event.ticket
    assert ticket
    assert ticket.requester
    assert ticket.organization
    assert (ticket.requester.name, ticket.organization.name, ticket.status) == ("Casey Customer", "Acme", Status.NEW)
    assert ticket.knows("product")
    assert ticket.knows("project")
    desk.requests.clear()
    events = client.fetch(ref, frozenset({"conversation"}), NOW)
    assert [seen.method for seen in desk.requests] == ["GET", "GET"]
    said = [(e.comment.text, e.comment.public, e.actor.role) for e in events[1:] if e.comment and e.actor]
    assert said == [("It does not connect.", True, Role.REQUESTER), ("Looking.", False, Role.AGENT)]


def test_the_account_is_asked_once(desk: Sandbox, open_client: Connect) -> None:
    client = open_client(account=None)
    assert client.account() == client.account() == "9000"
    assert lines(desk).count("GET /api/v2/users/me") == 1


def test_names_are_cached_until_they_expire(desk: Sandbox, open_client: Connect) -> None:
    now = [0.0]
    client = open_client(clock=lambda: now[0])
    assert client.names()["group:361"] == "Technical Support"
    assert client.names()["user:7002"] == "Tariq Lang"
    assert len(desk.requests) == 6
    now[0] = 601.0
    client.names()
    assert len(desk.requests) == 11


def test_names_that_cannot_be_had_do_no_harm(desk: Sandbox, client: ZendeskClient) -> None:
    desk.faults.add(Fault(do="403", match="GET /api/v2/(users|brands)", times=2))
    assert "group:361" in client.names()
    asked = len(desk.requests)
    assert "user:7002" not in client.names()
    assert len(desk.requests) == asked


# --- what it is told, and what it asks for --------------------------------------------------------------------
def test_what_is_called_by_its_title_is_found_by_its_id(desk: Sandbox, open_client: Connect, ref: TicketRef) -> None:
    named = {"product": "Product area", "impact": "impact", "gone": "No such field"}
    client = open_client(fields=named, level_field="Escalation level")
    found = client.settings()
    assert (found.fields, found.level_field) == (
        {"product": "360001", "impact": "360002", "gone": "No such field"},
        "360010",
    )
    desk.account.tickets[int(ref.id)].custom[360001] = "printer"
    (event,) = client.fetch(ref, frozenset(), NOW)
    assert event.ticket
    assert (event.ticket.product, event.ticket.impact, dict(event.ticket.custom)) == ("printer", None, {})
    send(client, ref, call(level=2, note=True))
    assert desk.view(ref.id).level == 2
    assert lines(desk).count("GET /api/v2/ticket_fields") == 1


def test_a_custom_status_is_found_by_the_label_that_agents_see(
    desk: Sandbox, open_client: Connect, ref: TicketRef
) -> None:
    waiting = {"id": 610, "agent_label": "Waiting for vendor", "status_category": "hold", "active": True}
    desk.account.more_statuses.append(waiting)
    client = open_client(statuses={"waiting for vendor": "pending"})
    desk.account.tickets[int(ref.id)].status = "hold"
    desk.account.tickets[int(ref.id)].custom_status_id = 610
    (event,) = client.fetch(ref, frozenset(), NOW)
    assert event.ticket
    assert event.ticket.status is Status.PENDING


def test_settings_of_ids_only_are_asked_for_nothing(desk: Sandbox, client: ZendeskClient) -> None:
    assert client.settings().level_field == "360010"
    assert desk.requests == []


def test_every_request_is_counted_for_the_thread_that_sent_it(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    before = client.asked()
    client.fetch(ref, frozenset({"conversation"}), NOW)
    assert client.asked() - before == len(desk.requests) == 3  # the token, the ticket, its comments
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(client.asked).result() == 0


def test_a_fetch_asks_only_for_what_is_read(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    client.fetch(ref, frozenset({"status"}), NOW)
    assert "include=users%2Cgroups%2Corganizations&" in desk.requests[-1].query + "&"
    client.fetch(ref, frozenset({"sla_breach_at"}), NOW)
    assert "organizations%2Cslas" in desk.requests[-1].query


@pytest.mark.parametrize(
    ("requester", "shared", "who"),
    [
        (8001, [], None),
        (7001, [], "the requester, who is an agent"),
        (8001, [41], "Tickets with Globex, who shares the ticket"),
    ],
)
def test_a_fetch_tells_who_outside_reads_internal_notes(
    desk: Sandbox, client: ZendeskClient, requester: int, shared: list[int], who: str | None
) -> None:
    desk.account.agreements = {41: "Globex"}
    number = desk.open_ticket("VPN down", "x", requester_id=requester, sharing_agreement_ids=shared)
    client.names()
    (event,) = client.fetch(TicketRef(vendor="zendesk", site="acme", id=number), frozenset({"exposed"}), NOW)
    assert event.ticket
    assert event.ticket.knows("exposed")
    assert event.ticket.exposed == who


def test_a_mark_is_found_where_zendesk_does_not_say_how_many_audits_there_are(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    for number in range(120):
        desk.agent_changes(ref.id, subject=f"turn {number}")
    send(client, ref, call())
    desk.faults.add(Fault(do="200", match="audits", body={"audits": [], "next_page": "https://x/audits?page=2"}))
    assert client.look(call(), ref)


# --- what goes wrong ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "sent", "after"),
    [
        (Fault(do="302", match=PUT), False, 300.0),
        (Fault(do="html", match=PUT), True, None),
        (Fault(do="200", match=PUT, body={"ticket": {"id": 1}}), True, None),
        (Fault(do="200", match=PUT, body={"job_status": {"id": "x"}}), True, None),
        (Fault(do="429", match=PUT, retry_after="37"), False, 37.0),
        (Fault(do="429", match=PUT, retry_after="1.5"), False, 1.5),
        (Fault(do="429", match=PUT), False, 10.0),
        (Fault(do="503", match=PUT, retry_after="20"), False, 20.0),
        (Fault(do="500", match=PUT), True, None),
        (Fault(do="502", match=PUT), True, None),
        (Fault(do="cut", match=PUT), True, None),
        (Fault(do="401", match=PUT, times=2), False, 300.0),
        (
            Fault(do="403", match=PUT, body={"description": "Missing the following required scopes: write"}),
            False,
            300.0,
        ),
    ],
)
def test_a_vendor_that_cannot_now_is_asked_once_and_left_alone(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, fault: Fault, sent: bool, after: float | None
) -> None:
    client.names()
    desk.requests.clear()
    times = fault.times
    desk.faults.add(fault)
    with pytest.raises(TryLater) as caught:
        send(client, ref, call())
    assert (caught.value.sent, caught.value.after) == (sent, after)
    assert len([line for line in lines(desk) if line.startswith("PUT")]) == times
    assert desk.view(ref.id).edits == 0


def test_try_again_at_once_is_obeyed_once(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, slept: list[float]
) -> None:
    desk.faults.add(Fault(do="429", match=PUT, retry_after="0.5"))
    assert send(client, ref, call()).vendor_id
    assert slept == [0.5]
    assert desk.view(ref.id).edits == 1


def test_an_answer_that_does_not_come_in_time_is_ambiguous(desk: Sandbox, open_client: Connect, ref: TicketRef) -> None:
    client = open_client(read_timeout=0.2)
    client.names()
    desk.faults.add(Fault(do="hang", match=PUT, seconds=0.4))
    with pytest.raises(TryLater) as caught:
        send(client, ref, call())
    assert caught.value.sent


def test_a_write_whose_answer_was_cut_off_is_found(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    assert client.look(call(), ref) is None
    desk.faults.add(Fault(do="cut_after", match=PUT))
    with pytest.raises(TryLater) as caught:
        send(client, ref, call())
    assert caught.value.sent
    found = client.look(call(), ref)
    assert found
    assert found.vendor_id
    assert found.requests == 1
    assert len(desk.view(ref.id).notes) == 1


def test_a_marker_behind_many_audits_is_found_on_the_last_pages(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    for number in range(198):
        desk.agent_changes(ref.id, subject=f"turn {number}")
    send(client, ref, call())
    for number in range(5):
        desk.agent_changes(ref.id, subject=f"then {number}")
    desk.requests.clear()
    found = client.look(call(), ref)
    assert found
    assert found.requests == len(desk.requests) == 3


def test_nothing_was_sent_when_nobody_listens(desk: Sandbox, open_client: Connect, ref: TicketRef) -> None:
    client = open_client(url="https://127.0.0.1:9", connect_timeout=0.2)
    with pytest.raises(TryLater) as caught:
        client.fetch(ref, frozenset(), NOW)
    assert not caught.value.sent


def test_a_read_is_never_ambiguous(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    for do in ("cut", "500", "html"):
        desk.faults.add(Fault(do=do, match="GET"))
        with pytest.raises(TryLater) as caught:
            client.fetch(ref, frozenset(), NOW)
        assert not caught.value.sent


@pytest.mark.parametrize("body", [{}, {"ticket": None}, {"ticket": {"id": 1}}, {"error": "?"}])
def test_an_answer_without_the_ticket_is_not_an_empty_ticket(
    desk: Sandbox, open_client: Connect, ref: TicketRef, body: dict[str, Any]
) -> None:
    client = open_client(level_field=None)
    desk.faults.add(Fault(do="200", match="GET", body=body, times=2))
    with pytest.raises(TryLater):
        client.fetch(ref, frozenset(), NOW)
    with pytest.raises(TryLater) as caught:  # or else its tags would be wiped
        send(client, ref, call(level=2, note=True))
    assert not caught.value.sent
    assert desk.view(ref.id).tags == ("vip",)


@pytest.mark.parametrize(
    "odd", [{"tags": None}, {"tags": "vip"}, {"tags": {"vip": 1}}, {"updated_at": None}, {"updated_at": "just now"}]
)
def test_a_tag_list_that_cannot_be_read_is_not_replaced(
    desk: Sandbox, open_client: Connect, ref: TicketRef, odd: dict[str, Any]
) -> None:
    client = open_client(level_field=None)
    shown = {"id": int(ref.id), "tags": ["vip"], "updated_at": "2026-11-22T08:00:00Z", **odd}
    desk.faults.add(Fault(do="200", match="GET", body={"ticket": shown}))
    with pytest.raises(TryLater, match="with its tags"):
        send(client, ref, call(level=2, note=True))
    assert desk.view(ref.id).edits == 0


def test_an_answer_without_audits_does_not_say_that_nothing_was_written(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.faults.add(Fault(do="200", match="audits", body={"count": 0}))
    with pytest.raises(TryLater):
        client.look(call(), ref)


# --- what is refused ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("parts", "at_fault", "said"),
    [
        ({"group": "Technical Suport", "note": True}, {"group"}, "nearest: technical support"),
        ({"assignee": "nobody@example.com", "note": True}, {"assignee"}, "no agent"),
        ({"assignee": "7003", "priority": "high", "note": True}, {"assignee"}, "not a member of the group"),
        ({"group": 999, "note": True}, {"group"}, "Group"),
        ({"priority": "dringend", "note": True}, {"priority"}, "Priority"),
        ({"followers": ["7005", "ghost@example.com"], "note": True}, {"followers"}, "no agent"),
    ],
)
def test_a_bad_part_is_named(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, parts: Any, at_fault: set[str], said: str
) -> None:
    with pytest.raises(Refused, match=said) as caught:
        send(client, ref, call(**parts))
    assert caught.value.parts == at_fault
    assert not caught.value.gone
    assert desk.view(ref.id).edits == 0


def test_a_deleted_ticket_is_gone(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    desk.agent_deletes(ref.id)
    for asking in (
        lambda: send(client, ref, call()),
        lambda: client.fetch(ref, frozenset(), NOW),
        lambda: client.look(call(), ref),
    ):
        with pytest.raises(Refused) as caught:
            asking()
        assert caught.value.gone


def test_a_closed_ticket_is_gone_whatever_language_says_so(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.agent_changes(ref.id, status="closed")
    with pytest.raises(Refused) as caught:
        send(client, ref, call())
    assert caught.value.gone
    assert lines(desk)[-2:] == [f"PUT /api/v2/tickets/{ref.id}", f"GET /api/v2/tickets/{ref.id}"]


def test_an_unclear_refusal_of_an_open_ticket_is_not_gone(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    said = {"error": "RecordInvalid", "details": {"base": [{"description": "Quota überschritten"}]}}
    desk.faults.add(Fault(do="422", match=PUT, body=said))
    with pytest.raises(Refused, match="Quota") as caught:
        send(client, ref, call())
    assert not caught.value.gone
    assert not caught.value.parts


def test_a_busy_database_is_tried_once_more_from_the_start(
    desk: Sandbox, open_client: Connect, ref: TicketRef, slept: list[float]
) -> None:
    error = "DatabaseConflict"
    client = open_client(level_field=None)
    desk.faults.add(Fault(do="409", match=PUT, body={"error": error}))
    send(client, ref, call(level=2, note=True))
    assert slept == [0.2]
    assert [line.split()[0] for line in lines(desk)[1:]] == ["GET", "PUT", "GET", "PUT"]
    desk.faults.add(Fault(do="409", match=PUT, body={"error": error}, times=2))
    with pytest.raises(TryLater) as caught:
        send(client, ref, call(level=3, note=True))
    assert not caught.value.site_wide
    assert not caught.value.sent


def test_an_agent_who_was_faster_is_never_overwritten(
    desk: Sandbox, open_client: Connect, ref: TicketRef, slept: list[float]
) -> None:
    client = open_client(level_field=None)
    desk.agent_changes(ref.id, tags=["vip", "seen"])
    desk.faults.add(Fault(do="slow", match=PUT, seconds=0.5))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, client, ref, call(level=2, note=True))
        while not any(seen.method == "PUT" for seen in desk.requests):
            threading.Event().wait(0.01)
        desk.agent_changes(ref.id, tags=["vip", "by_an_agent"])
        desk.account.tickets[int(ref.id)].updated_at = "2030-01-01T00:00:00Z"  # a second is all that stamps tell apart
        with pytest.raises(Stale) as caught:
            sending.result(10)
    assert not caught.value.site_wide
    assert not caught.value.sent
    assert slept == []
    seen = desk.view(ref.id)
    assert (seen.tags, seen.edits, seen.notes) == (("vip", "by_an_agent"), 0, ())


def test_what_an_agent_changes_while_we_write_stays(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    desk.faults.add(Fault(do="slow", match=PUT, seconds=0.4))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, client, ref, call(group=361, level=2, note=True))
        while not any(seen.method == "PUT" for seen in desk.requests):
            threading.Event().wait(0.01)
        desk.agent_changes(ref.id, tags=["vip", "seen"], priority="high", subject="Printer on fire", status="pending")
        desk.account.tickets[int(ref.id)].custom[360001] = "printer"
        assert sending.result(10).vendor_id
    sent = desk.requests[-1].body["ticket"]
    assert sorted(sent) == ["assignee_id", "comment", "custom_fields", "group_id", "id", "metadata"]
    kept = desk.account.tickets[int(ref.id)]
    assert (kept.priority, kept.subject, kept.status, kept.custom[360001]) == (
        "high",
        "Printer on fire",
        "pending",
        "printer",
    )
    assert set(kept.tags) == {"vip", "seen", "stepladder_level_2"}


def test_a_note_that_came_out_public_is_withdrawn_with_an_alarm(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.account.leaky = True
    with pytest.raises(Refused, match=r"ALARM.*made private at once") as caught:
        send(client, ref, call())
    assert caught.value.parts == {"note"}
    seen = desk.view(ref.id)
    assert seen.replies == ("It does not connect.",)
    assert len(seen.notes) == 1


def test_a_leak_whose_answer_was_lost_is_withdrawn_by_the_look_that_finds_it(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.account.leaky = True
    desk.faults.add(Fault(do="cut_after", match=PUT))
    with pytest.raises(TryLater):
        send(client, ref, call())
    with pytest.raises(Refused, match=r"ALARM.*made private at once") as caught:
        client.look(call(), ref)
    assert caught.value.applied
    assert desk.view(ref.id).replies == ("It does not connect.",)


def test_a_leak_that_cannot_be_mended_says_so(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    desk.account.leaky = True
    desk.faults.add(Fault(do="500", match="make_private"))
    with pytest.raises(Refused, match="STILL PUBLIC"):
        send(client, ref, call())


def test_what_zendesk_drops_silently_is_logged(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, caplog: pytest.LogCaptureFixture
) -> None:
    send(client, ref, call(followers=["7005"], note=True))
    assert desk.view(ref.id).followers == ("mara@example.com",)
    assert not caplog.records
    desk.account.writable.remove("followers")
    send(client, ref, call(followers=["7004"], note=True))
    (record,) = caplog.records
    assert record.message.startswith("zendesk.keys_ignored")
    assert "keys=ticket.followers" in record.message


def test_values_that_zendesk_drops_are_logged_by_name_only(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, caplog: pytest.LogCaptureFixture
) -> None:
    warn = '{:unpermitted_keys=>["ticket.id"], :invalid_values=>["ticket.priority", "Casey Customer"]}'
    desk.faults.add(Fault(do="422", match=PUT, headers={"x-zendesk-api-warn": warn}, body={"error": "RecordInvalid"}))
    with pytest.raises(Refused):
        send(client, ref, call())
    assert [record.message for record in caplog.records] == ["zendesk.keys_ignored site=acme keys=ticket.priority"]


# --- who we are ---------------------------------------------------------------------------------------------
def test_a_token_is_renewed_before_it_dies(desk: Sandbox, open_client: Connect, ref: TicketRef) -> None:
    now = [0.0]
    client = open_client(clock=lambda: now[0])
    client.fetch(ref, frozenset(), NOW)
    now[0] = 1700.0
    client.fetch(ref, frozenset(), NOW)
    assert lines(desk).count("POST /oauth/tokens") == 1
    now[0] = 1741.0
    client.fetch(ref, frozenset(), NOW)
    assert lines(desk).count("POST /oauth/tokens") == 2


def test_a_revoked_token_is_replaced_and_the_write_happens_once(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    client.names()
    desk.forget_tokens()
    send(client, ref, call())
    assert lines(desk)[-3:] == [f"PUT /api/v2/tickets/{ref.id}", "POST /oauth/tokens", f"PUT /api/v2/tickets/{ref.id}"]
    assert desk.view(ref.id).edits == 1


def test_wrong_credentials_leave_the_site_alone_and_tell_no_secret(
    desk: Sandbox, open_client: Connect, ref: TicketRef
) -> None:
    client = open_client(secrets={"client_secret": "wrong-secret"})
    with pytest.raises(TryLater, match="/oauth/tokens answered 401") as caught:
        client.fetch(ref, frozenset(), NOW)
    assert caught.value.after == 300.0
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "way", [{"oauth_token": "by-hand"}, {"email": "a@example.com", "token": "api-token"}], ids=["oauth", "api token"]
)
def test_other_ways_to_authenticate_send_their_own_header(
    desk: Sandbox, open_client: Connect, ref: TicketRef, way: dict[str, str]
) -> None:
    client = open_client(secrets=way, client_id=None)
    with pytest.raises(TryLater, match="credentials"):  # the pretend account believes OAuth clients only
        client.fetch(ref, frozenset(), NOW)
    assert lines(desk) == [f"GET /api/v2/tickets/{ref.id}"]


def test_many_threads_write_whole_tickets(desk: Sandbox, client: ZendeskClient) -> None:
    refs = [TicketRef(vendor="zendesk", site="acme", id=desk.open_ticket(f"t{n}", "x")) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda one: send(client, one, call()), refs))
    assert len({outcome.vendor_id for outcome in outcomes}) == 40
    for one in refs:
        seen = desk.view(one.id)
        assert (seen.group, seen.level, seen.edits, len(seen.notes)) == ("Technical Support", 2, 1, 1)
    assert lines(desk).count("GET /api/v2/groups") == 1
    assert lines(desk).count("POST /oauth/tokens") == 1


# --- settings -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": "http://acme.zendesk.com"}, "https"),
        ({"url": "https://acme.zendesk.com/agent"}, "without a path"),
        ({"oauth_token": None}, "exactly one way"),
        ({"email": "a@example.com", "token": "t"}, "oauth_token and email and token"),
        ({"oauth_token": None, "client_id": "x"}, "not complete"),
        ({"level_field": ""}, "level_field expected"),
        ({"ca_bundel": "x"}, "ca_bundel"),
    ],
)
def test_wrong_settings_are_answered_in_a_sentence(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ZendeskSettings(**{"url": "https://acme.zendesk.com", "oauth_token": "t", **more})


def test_http_is_for_loopback(tmp_path: Path) -> None:
    assert ZendeskSettings(url="http://127.0.0.1:8000/", oauth_token="t").url == "http://127.0.0.1:8000"
