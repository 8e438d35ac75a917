"""What Zendesk refuses and what we make of it: by codes and field names, in whatever language its sentences come."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.contract import Call, Refused, Stale, TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.zendesk import CONNECTOR
from connectors.zendesk.client import ZendeskClient, connect
from connectors.zendesk.pretend_refusals import SAID, fault
from connectors.zendesk.records import LEVEL_FIELD, OURS
from connectors.zendesk.sandbox import Sandbox
from policies.commands import Line, Note, Span
from policies.model import Ticket, TicketRef
from tests.connectors.zendesk_bench import made

PUT = r"PUT /api/v2/tickets/\d+$"
NOTE = Note(lines=(Line(spans=(Span(text="op-1"),)),))


@pytest.fixture
def desk(authority: Authority) -> Iterator[Sandbox]:
    yield from made(authority)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(desk: Sandbox, slept: list[float]) -> Iterator[ZendeskClient]:
    section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
    settings = CONNECTOR.settings(**section, **desk.secrets())
    site = Site(name="acme", settings=settings, account=settings.account)
    opened = connect(site, Pocket(), lambda: sum(slept), slept.append)
    yield opened
    opened.close()


@pytest.fixture
def ref(desk: Sandbox) -> TicketRef:
    return TicketRef(vendor="zendesk", site="acme", id=desk.open_ticket("VPN down", "It does not connect."))


def send(client: ZendeskClient, ref: TicketRef, **parts: Any) -> Any:
    given = parts or {"group": 361, "priority": "urgent", "level": 2, "note": True}
    note = NOTE if given.get("note") else None
    call = Call(operation="op-1", number=1, verb="update_ticket", parts=given, note=note)
    return client.carry_out(call, Ticket(ref=ref))


def refused(act: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        act()
    causes: list[BaseException] = [caught.value]
    while (cause := causes[-1].__cause__) is not None:
        assert cause not in causes, "whoever follows the causes comes to an end"
        causes.append(cause)
    return caught.value


def writes(desk: Sandbox) -> int:
    return len([seen for seen in desk.requests if seen.method == "PUT"])


def reads(desk: Sandbox) -> list[str]:
    return [seen.path.removeprefix("/api/v2/") for seen in desk.requests if seen.method == "GET"]


# --- the ticket itself --------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("said", ["closed", "closed by its code"])
def test_a_closed_ticket_is_gone_by_code_or_by_reading_it(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, language: str, said: str
) -> None:
    desk.account.language = language
    if said == "closed":
        desk.agent_changes(ref.id, status="closed")
    else:
        desk.faults.add(fault(said, match=PUT))
    assert refused(lambda: send(client, ref)).gone
    assert len(reads(desk)) == (1 if said == "closed" else 0)
    assert writes(desk) == 1


def test_a_merged_ticket_is_gone(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    other = desk.open_ticket("Again", "VPN")
    desk.agent_merges(ref.id, other)
    assert refused(lambda: send(client, ref)).gone
    assert send(client, TicketRef(vendor="zendesk", site="acme", id=other)).vendor_id


def test_a_deleted_ticket_is_gone_and_a_ticket_that_is_not_shown_to_us_too(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.account.people[OURS].ticket_restriction = "assigned"
    assert refused(lambda: send(client, ref)).gone
    desk.account.people[OURS].ticket_restriction = None
    desk.agent_deletes(ref.id)
    assert refused(lambda: send(client, ref)).gone


def test_a_ticket_that_we_may_read_and_not_change_is_not_gone(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.faults.add(fault("forbidden", match=PUT))
    error = refused(lambda: send(client, ref))
    assert "may read this ticket and not change it" in str(error)
    assert (error.gone, error.parts) == (False, frozenset())


# --- parts of the call --------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("parts", "at_fault"),
    [
        ({"group": 999, "note": True}, {"group"}),
        ({"assignee": 7003, "group": 361, "note": True}, {"assignee"}),
        ({"assignee": 7003, "priority": "high", "note": True}, {"assignee"}),  # its group is not theirs
        ({"priority": "blocker", "note": True}, {"priority"}),
        ({"level": 77, "note": True}, {"level"}),
    ],
)
def test_the_part_at_fault_is_known_in_every_language(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, language: str, parts: Any, at_fault: set[str]
) -> None:
    desk.account.language = language
    error = refused(lambda: send(client, ref, **parts))
    assert error.parts == at_fault
    assert not error.gone
    assert reads(desk) == []  # the answer says it, nothing else is asked
    assert desk.view(ref.id).edits == 0


def test_a_priority_that_the_plan_does_not_have_is_left_out_and_the_rest_goes(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.account.priorities = {"normal", "high"}
    assert refused(lambda: send(client, ref)).parts == {"priority"}
    assert send(client, ref, group=361, level=2, note=True).vendor_id
    assert (desk.view(ref.id).priority, desk.view(ref.id).level) == (None, 2)


@pytest.mark.parametrize(
    ("details", "at_fault"),
    [
        ({"assignee_id": [{"description": "?"}]}, {"assignee"}),
        ({"assignee": [{"description": "?"}], "priority": [{"description": "?"}]}, {"assignee", "priority"}),
        ({"custom_fields": [{"description": "inaktiv"}]}, {"level"}),
        ({"custom_field_360010": [{"description": "inaktiv"}]}, {"level"}),
        ({"base": [{"description": "inaktiv", "ticket_field_id": 360010}]}, {"level"}),
        ({"360010": [{"description": "inaktiv"}]}, {"level"}),
        ({"comment": [{"description": "?"}]}, {"note"}),
        ({"tags": "a word instead of a list"}, {"level"}),
        ({"collaborators": [None]}, {"followers"}),
    ],
)
def test_field_names_are_read_in_every_spelling(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, details: Any, at_fault: set[str]
) -> None:
    desk.faults.add(Fault(do="422", match=PUT, body={"error": "RecordInvalid", "details": details}))
    assert refused(lambda: send(client, ref)).parts == at_fault


def test_a_level_field_that_is_switched_off_is_ignored_once_and_then_told(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, caplog: pytest.LogCaptureFixture, slept: list[float]
) -> None:
    desk.account.fields[LEVEL_FIELD]["active"] = False
    desk.account.show_fields()
    assert send(client, ref).vendor_id
    assert [record.message for record in caplog.records] == ["zendesk.level_ignored site=acme field=360010"]
    error = refused(lambda: send(client, ref))
    assert (error.parts, writes(desk)) == ({"level"}, 1)
    assert send(client, ref, group=361, note=True).vendor_id  # the rest goes on
    desk.account.fields[LEVEL_FIELD]["active"] = True
    desk.account.show_fields()
    slept.append(601.0)
    assert send(client, ref).vendor_id
    assert desk.view(ref.id).level == 2


def test_somebody_suspended_and_a_light_agent_are_refused_as_the_assignee(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.account.people[7002].suspended = True
    desk.account.people[7006].light = True
    for who in (7002, 7006):
        assert refused(lambda who=who: send(client, ref, group=361, assignee=who, note=True)).parts == {"assignee"}
    assert writes(desk) == 2


def test_somebody_known_to_be_a_light_agent_costs_no_write(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef
) -> None:
    desk.account.people[7006].light = True
    client.names()
    error = refused(lambda: send(client, ref, group=361, assignee=7006, note=True))
    assert (error.parts, "Noor Haddad is a light agent" in str(error)) == ({"assignee"}, True)
    assert writes(desk) == 0


def test_a_ticket_full_of_comments_takes_everything_but_the_note(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.account.language = "de"
    desk.account.comment_limit = 5000
    kept = desk.account.tickets[int(ref.id)]
    kept.comments.extend(kept.comments[:1] * 4999)
    error = refused(lambda: send(client, ref))
    assert (error.parts, error.gone) == ({"note"}, False)
    assert "has 5000 comments" in str(error)
    assert send(client, ref, group=361, priority="urgent", level=2).vendor_id
    assert (desk.view(ref.id).group, desk.view(ref.id).level) == ("Technical Support", 2)


def test_a_suspended_requester_is_nobodys_part(desk: Sandbox, client: ZendeskClient, ref: TicketRef) -> None:
    desk.faults.add(fault("requester suspended", match=PUT))
    error = refused(lambda: send(client, ref))
    assert (error.parts, error.gone) == (frozenset(), False)
    assert "is suspended" in str(error)


@pytest.mark.parametrize("body", [{}, {"error": {"title": "Bad", "message": "Too odd"}}, {"details": []}, "a page"])
def test_a_refusal_in_any_shape_is_a_sentence(desk: Sandbox, client: ZendeskClient, ref: TicketRef, body: Any) -> None:
    desk.faults.add(Fault(do="400", match=PUT, body=body))
    assert len(str(refused(lambda: send(client, ref)))) > 4


# --- not the ticket's fault ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Fault(do="404", match="tickets/", body="<html>No help desk at acme.zendesk.com</html>"), "site's url"),
        (Fault(do="403", match="tickets/", body="<html>Access denied</html>"), "lets our address in"),
        (Fault(do="302", match="tickets/"), r"moved\.example: was the account renamed"),
        (fault("no scope", match="tickets/"), "required scopes: write.*role and scopes"),
    ],
)
def test_an_account_that_moved_or_shuts_us_out_makes_no_ticket_gone(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, wrong: Fault, said: str
) -> None:
    desk.faults.add(wrong)
    with pytest.raises(TryLater, match=said) as caught:
        send(client, ref)
    assert (caught.value.after, caught.value.sent, caught.value.site_wide) == (300.0, False, True)


def test_who_was_faster_is_told_from_a_busy_database(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, slept: list[float]
) -> None:
    desk.faults.add(fault("UpdateConflict", match=PUT))
    with pytest.raises(Stale):
        send(client, ref)
    assert (writes(desk), slept) == (1, [])
    desk.faults.add(fault("DatabaseConflict", match=PUT))
    assert send(client, ref).vendor_id
    assert (writes(desk), slept) == (3, [0.2])


@pytest.mark.parametrize("said", sorted(SAID))
def test_every_refusal_ends_in_one_of_our_two_words(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, said: str
) -> None:
    desk.faults.add(fault(said, match=PUT, times=2))
    with pytest.raises((TryLater, Refused)) as caught:
        send(client, ref)
    assert str(caught.value)
    assert desk.view(ref.id).edits == 0


# --- limits -------------------------------------------------------------------------------------------------
def test_our_own_count_keeps_a_tickets_limit_before_zendesk_must(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, slept: list[float]
) -> None:
    for _ in range(25):
        send(client, ref, priority="high")
    with pytest.raises(TryLater, match="the limit of updates to") as caught:
        send(client, ref, priority="high")
    assert (caught.value.site_wide, caught.value.sent) == (False, False)
    assert writes(desk) == 25
    slept.append(601.0)
    assert send(client, ref, priority="high").vendor_id


def test_a_429_keeps_back_only_what_it_is_about(
    desk: Sandbox, client: ZendeskClient, ref: TicketRef, slept: list[float]
) -> None:
    other = TicketRef(vendor="zendesk", site="acme", id=desk.open_ticket("Another", "x"))
    headers = {"zendesk-ratelimit-per-ticket-updates": "total=30; remaining=0; resets=468"}
    desk.faults.add(fault("rate limit", match=PUT, headers=headers))
    with pytest.raises(TryLater) as caught:
        send(client, ref)
    assert (caught.value.after, caught.value.site_wide) == (468.0, False)
    with pytest.raises(TryLater):
        send(client, ref)
    assert writes(desk) == 1
    assert send(client, other).vendor_id
