"""What a ladder asks of Zendesk beyond one group: pools, fallbacks, the way down, promises, problems, organizations.

The real client and the pretend account over TLS; what goes out is what `plan` makes of a command.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Call, Delivery, Outcome, Refused, TryLater
from connectors.faults import Fault
from connectors.postman import Envelope
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.zendesk import CONNECTOR
from connectors.zendesk.client import ZendeskClient, connect
from connectors.zendesk.picture import picture
from connectors.zendesk.records import Person
from connectors.zendesk.sandbox import Sandbox, build
from policies.commands import Command, Line, Note, Span, Take
from policies.model import Event, Kind, Named, Role, Status, Ticket, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PUT = r"PUT /api/v2/tickets/\d+$"
NOTE = Note(lines=(Line(label="Why", spans=(Span(text="too long"),)), Line(spans=(Span(text="op-1"),))))
TEAM = ("7002", "7006", "7007")  # Technical Support, besides our own account
LEAST: Mapping[str, Any] = {"group": "Technical Support", "assign": "least_busy"}
TURNS: Mapping[str, Any] = {"group": "Technical Support", "assign": "round_robin"}


@pytest.fixture
def desk(authority: Authority) -> Iterator[Sandbox]:
    sandbox = build(authority)
    sandbox.subscribe("https://127.0.0.1:9/never-sent")
    sandbox.postman.hold()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def site(desk: Sandbox) -> Site:
    section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
    settings = CONNECTOR.settings(**section, **desk.secrets())
    return Site(name="acme", settings=settings, account=settings.account)


@pytest.fixture
def client(site: Site, now: list[float]) -> Iterator[ZendeskClient]:
    opened = connect(site, Pocket(), lambda: now[0], lambda _: None)
    yield opened
    opened.close()


@pytest.fixture
def ref(desk: Sandbox) -> TicketRef:
    return opened(desk)


def opened(desk: Sandbox, **fields: Any) -> TicketRef:
    return TicketRef(vendor="zendesk", site="acme", id=desk.open_ticket("VPN down", "It does not connect.", **fields))


def command(**more: Any) -> Command:
    usual: dict[str, Any] = {
        "operation": "op-1",
        "level": 2,
        "level_before": 1,
        "level_name": "Technical Support",
        "take": Take.OWNERSHIP,
        "target": LEAST,
        "priority": None,
        "note": NOTE,
    }
    return Command(**{**usual, **more})


def planned(site: Site, ticket: Ticket, **more: Any) -> Call:
    (call,) = CONNECTOR.plan(command(**more), ticket, site)
    return call


def send(client: ZendeskClient, site: Site, ref: TicketRef, **more: Any) -> Outcome:
    return client.carry_out(planned(site, Ticket(ref=ref), **more), Ticket(ref=ref))


def instead(call: Call, number: int) -> Call:
    """What becomes of a call whose target was refused: the alternative's parts in place of what it aimed at."""
    other = call.otherwise[number]
    kept = {name: value for name, value in call.parts.items() if name not in call.aims}
    return replace(call, number=number + 2, parts={**kept, **other.parts})


def lines(desk: Sandbox) -> list[str]:
    return [f"{seen.method} {seen.path.removeprefix('/api/v2/')}" for seen in desk.requests]


def give(desk: Sandbox, agent: str, tickets: int) -> None:
    for _ in range(tickets):
        desk.agent_changes(opened(desk).id, assignee=agent)


def told(desk: Sandbox, site: Site) -> list[Event]:
    """Return the events of the webhooks held back so far."""
    caught: list[Envelope] = []

    def keep(held: list[Envelope]) -> list[Envelope]:
        caught.extend(held)
        return []

    desk.postman.release(keep)
    desk.postman.hold()
    found: list[Event] = []
    for envelope in caught:
        delivery = Delivery(vendor="zendesk", site="acme", body=envelope.body, received_at=NOW)
        found += [e for one in CONNECTOR.tickets(delivery, site) for e in CONNECTOR.read(delivery, site, one)]
    return found


def fetched(client: ZendeskClient, ref: TicketRef, *fields: str) -> Ticket:
    (event,) = client.fetch(ref, frozenset(fields), NOW)
    assert event.ticket
    return event.ticket


# --- pools --------------------------------------------------------------------------------------------------
def test_everybody_gets_their_turn_in_the_order_of_ids_and_our_own_account_gets_none(
    desk: Sandbox, client: ZendeskClient, site: Site
) -> None:
    got = [send(client, site, opened(desk), target=TURNS, turn=turn).resolved["assignee"] for turn in range(4)]
    assert got == [*TEAM, TEAM[0]]


def test_ids_are_numbers_so_the_longer_one_comes_last(desk: Sandbox, client: ZendeskClient, site: Site) -> None:
    desk.account.people[10_000] = Person(id=10_000, name="Ines Roth", groups=(361,))
    got = [send(client, site, opened(desk), target=TURNS, turn=turn).resolved["assignee"] for turn in (0, 3)]
    assert got == ["7002", "10000"]


def test_our_own_account_is_asked_for_before_somebody_is_chosen(desk: Sandbox, site: Site) -> None:
    stranger = connect(
        replace(site, account=None, settings=site.settings.model_copy(update={"account": None})), Pocket()
    )
    got = [send(stranger, site, opened(desk), target=TURNS, turn=turn).resolved["assignee"] for turn in range(4)]
    stranger.close()
    assert got == [*TEAM, TEAM[0]]
    assert lines(desk).count("GET users/me") == 1


def test_a_turn_costs_two_lists_once_and_then_only_the_write(desk: Sandbox, client: ZendeskClient, site: Site) -> None:
    client.account()
    first = send(client, site, opened(desk), target=TURNS)
    assert lines(desk)[1:4] == ["GET groups", "GET groups/361/memberships/assignable", "GET users"]
    assert first.requests == len(desk.requests) == 5
    desk.requests.clear()
    second = send(client, site, opened(desk), target=TURNS, turn=1)
    assert second.requests == len(desk.requests) == 1


def test_who_got_it_is_on_the_ticket_and_in_the_outcome(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    outcome = send(client, site, ref, target=TURNS, turn=1)
    assert outcome.resolved == {"group": "361", "assignee": "7006"}
    assert outcome.ticket
    assert outcome.ticket.assignee == Named(id="7006", name="Noor Haddad")
    seen = desk.view(ref.id)
    assert (seen.group, seen.assignee, seen.level) == ("Technical Support", "Noor Haddad", 2)
    assert (len(seen.notes), seen.replies) == (1, ("It does not connect.",))


def test_the_least_busy_is_found_with_one_request_for_all(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    for agent, tickets in (("Tariq Lang", 2), ("Noor Haddad", 1), ("Jonas Weber", 3)):
        give(desk, agent, tickets)
    assert send(client, site, ref).resolved["assignee"] == "7006"
    assert lines(desk).count("GET users/show_many") == 1
    assert not any("search" in line for line in lines(desk))


def test_solved_tickets_weigh_nothing(desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef) -> None:
    give(desk, "Noor Haddad", 1)
    give(desk, "Jonas Weber", 1)
    heavy = [opened(desk).id for _ in range(3)]
    for ticket in heavy:
        desk.agent_changes(ticket, assignee="Tariq Lang", status="solved")
    assert send(client, site, ref).resolved["assignee"] == "7002"


def test_of_equally_busy_people_the_one_whose_turn_it_is(desk: Sandbox, client: ZendeskClient, site: Site) -> None:
    assert send(client, site, opened(desk), turn=2).resolved["assignee"] == "7007"


def test_where_the_count_is_not_shown_each_is_searched_for(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    desk.account.shows_open_tickets = False
    give(desk, "Tariq Lang", 1)
    give(desk, "Noor Haddad", 2)
    give(desk, "Jonas Weber", 1)
    outcome = send(client, site, ref, turn=2)
    assert outcome.resolved["assignee"] == "7007"
    assert lines(desk).count("GET search/count") == 3


def test_of_a_big_group_the_twenty_whose_turn_is_next_are_searched_for(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    desk.account.shows_open_tickets = False
    for number in range(7100, 7130):
        desk.account.people[number] = Person(id=number, name=f"Agent {number}", groups=(361,))
    assert send(client, site, ref, turn=3).resolved["assignee"] == "7100"
    assert lines(desk).count("GET search/count") == 20


def test_people_beyond_what_one_request_shows_wait_for_their_turn(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    for number in range(7100, 7230):
        desk.account.people[number] = Person(id=number, name=f"Agent {number}", groups=(361,))
    assert send(client, site, ref, turn=130).resolved["assignee"] == "7227"
    assert lines(desk).count("GET users/show_many") == 1


def test_counts_that_lag_behind_do_not_give_one_person_every_ticket(
    desk: Sandbox, client: ZendeskClient, site: Site, now: list[float]
) -> None:
    desk.account.index = {7002: 0, 7006: 1, 7007: 1}
    got = [send(client, site, opened(desk)).resolved["assignee"] for _ in range(4)]
    assert got == ["7002", "7002", "7006", "7007"]
    now[0] = 181.0  # by now whatever we gave is counted
    assert send(client, site, opened(desk), turn=1).resolved["assignee"] == "7002"


def test_many_at_once_are_spread_evenly(desk: Sandbox, client: ZendeskClient, site: Site) -> None:
    desk.account.index = {}
    refs = [opened(desk) for _ in range(12)]
    with ThreadPoolExecutor(4) as threads:
        got = [o.resolved["assignee"] for o in threads.map(lambda one: send(client, site, one), refs)]
    assert sorted(got) == sorted(TEAM * 4)


def test_who_is_suspended_or_may_only_comment_gets_nothing(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    desk.suspend("Tariq Lang")
    desk.account.people[7006].light = True
    assert send(client, site, ref, target=TURNS).resolved["assignee"] == "7007"


def test_named_people_are_asked_in_the_order_they_are_named(desk: Sandbox, client: ZendeskClient, site: Site) -> None:
    target = {**TURNS, "from": ["jonas@example.com", "Bea Moreau", 7002]}  # Bea is in another group
    got = [send(client, site, opened(desk), target=target, turn=turn).resolved["assignee"] for turn in (0, 1, 2)]
    assert got == ["7007", "7002", "7007"]


def test_without_a_group_the_tickets_own_group_says_who_can_have_it(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    ticket = Ticket(ref=ref, known=frozenset({"group"}), group=Named(id="360", name="Support"))
    call = planned(site, ticket, target={"assign": "round_robin", "from": ["Bea Moreau", "Robin Reyes"]})
    assert client.carry_out(call, ticket).resolved == {"assignee": "7001"}
    assert desk.view(ref.id).group == "Support"


@pytest.mark.parametrize("word", [7001, "Robin Reyes", "robin@example.com"])
def test_a_suspended_person_is_passed_over_however_they_are_named(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef, word: Any
) -> None:
    desk.suspend("Robin Reyes")
    desk.account.people[7006].groups = (360,)
    assert send(client, site, ref, target={"assign": "round_robin", "from": [word, 7006]}).resolved == {
        "assignee": "7006"
    }


def test_one_who_has_left_does_not_stop_the_others(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef, caplog: pytest.LogCaptureFixture
) -> None:
    target = {**TURNS, "from": ["gone@example.com", "Noor Haddad"]}
    assert send(client, site, ref, target=target).resolved["assignee"] == "7006"
    (record,) = caplog.records
    assert record.message.startswith("zendesk.pool_without")


@pytest.mark.parametrize(
    ("target", "parts", "said"),
    [
        ({"group": "Billing", "assign": "least_busy"}, {"assignee", "pool"}, "somebody in group Billing"),
        ({"assign": "round_robin", "from": ["gone@example.com"]}, {"assignee", "pool"}, "the people named"),
        ({"group": "999", "assign": "least_busy"}, {"group", "pool"}, "no group 999"),
        ({"group": "Biling", "assign": "least_busy"}, {"group"}, "nearest: billing"),
    ],
)
def test_where_nobody_can_be_chosen_nothing_is_written_and_the_parts_are_named(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef, target: Any, parts: set[str], said: str
) -> None:
    desk.suspend("Bea Moreau")
    with pytest.raises(Refused, match=said) as caught:
        send(client, site, ref, target=target)
    assert caught.value.parts == parts
    assert not caught.value.gone
    assert desk.view(ref.id).edits == 0


def test_a_chosen_one_who_has_just_left_the_group_is_not_chosen_again(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    send(client, site, opened(desk), target=TURNS, turn=2)
    desk.account.people[7002].groups = (360,)
    with pytest.raises(Refused, match="not a member of the group") as caught:
        send(client, site, ref, target=TURNS)
    assert caught.value.parts == {"assignee", "pool"}
    assert send(client, site, ref, target=TURNS).resolved["assignee"] == "7006"


def test_a_suspended_person_is_called_so(desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef) -> None:
    desk.suspend("Tariq Lang")
    with pytest.raises(Refused, match="'Tariq Lang' is suspended") as caught:
        send(client, site, ref, target={"group": 361, "assignee": "Tariq Lang"})
    assert caught.value.parts == {"assignee"}
    with pytest.raises(Refused, match="Assignee: is invalid") as caught:  # an id is believed until Zendesk says no
        send(client, site, ref, target={"group": 361, "assignee": 7002})
    assert caught.value.parts == {"assignee"}


def test_counting_that_cannot_be_done_now_sends_nothing(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    desk.faults.add(Fault(do="429", match="show_many", retry_after="30"))
    with pytest.raises(TryLater) as caught:
        send(client, site, ref)
    assert (caught.value.sent, caught.value.after) == (False, 30.0)
    assert desk.view(ref.id).edits == 0


@pytest.mark.parametrize("had", [None, "Noor Haddad"], ids=["nobody had it", "they had it already"])
def test_after_an_unseen_answer_the_audit_says_who_it_became(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef, had: str | None
) -> None:
    if had:
        desk.agent_changes(ref.id, assignee=had)
    call = planned(site, Ticket(ref=ref), target=TURNS, turn=1)
    desk.faults.add(Fault(do="cut_after", match=PUT))
    with pytest.raises(TryLater):
        client.carry_out(call, Ticket(ref=ref))
    found = client.look(call, ref)
    assert found
    assert found.resolved == {"group": "361", "assignee": "7006"}
    assert found.requests == (2 if had else 1)


@pytest.mark.parametrize("custom", [False, True], ids=["plain statuses", "custom statuses"])
def test_a_pools_write_echoes_as_expected_with_whom_it_became(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef, custom: bool
) -> None:
    if custom:  # then every change of the status brings another event, in our name too
        waiting = {"id": 610, "agent_label": "Waiting", "status_category": "hold", "active": True, "default": False}
        desk.account.more_statuses.append(waiting)
    new = Ticket(ref=ref, known=frozenset({"status"}), status=Status.NEW)
    call = planned(site, new, target=TURNS)
    told(desk, site)
    outcome = client.carry_out(call, new)
    events = told(desk, site)
    assert {event.actor.role for event in events if event.actor} == {Role.OURS}
    assert (Kind.NOTED in {event.kind for event in events}) is custom
    changes = {change.field: change.after for event in events for change in event.changes}
    assert changes == {"group": "361", "assignee": "7002", "level": "2", "status": "open"}
    expected = {**call.expect, "group": "361", "assignee": outcome.resolved["assignee"]}
    assert all(expected[field] == after for field, after in changes.items())


# --- fallbacks ----------------------------------------------------------------------------------------------
def test_the_chain_of_fallbacks_ends_where_somebody_is(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    fallbacks = ({"group": "Billing", "assign": "round_robin"}, {"assignee": "ghost@example.com"}, {"group": "Support"})
    target = {"group": "Technical Suport"}
    desk.suspend("Bea Moreau")
    call = planned(site, Ticket(ref=ref), target=target, fallbacks=fallbacks)
    assert call.aims == ("group",)
    for attempt in (call, instead(call, 0), instead(call, 1)):
        with pytest.raises(Refused) as caught:
            client.carry_out(attempt, Ticket(ref=ref))
        assert caught.value.parts & attempt.parts.keys()
    outcome = client.carry_out(instead(call, 2), Ticket(ref=ref))
    assert outcome.resolved == {"group": "360"}
    seen = desk.view(ref.id)
    assert (seen.group, seen.assignee, seen.level, seen.edits) == ("Support", None, 2, 1)
    assert seen.replies == ("It does not connect.",)


def test_somebody_else_watches_if_the_manager_cannot(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    call = planned(
        site,
        Ticket(ref=ref),
        take=Take.OVERSIGHT,
        target={"followers": ["boss@example.com"]},
        fallbacks=({"followers": ["Mara Okafor"]},),
    )
    with pytest.raises(Refused) as caught:
        client.carry_out(call, Ticket(ref=ref))
    assert caught.value.parts == set(call.aims) == {"followers"}
    client.carry_out(instead(call, 0), Ticket(ref=ref))
    assert desk.view(ref.id).followers == ("mara@example.com",)


# --- coming down --------------------------------------------------------------------------------------------
def down(site: Site, ref: TicketRef, before: Mapping[str, str | None], **more: Any) -> Call:
    usual: dict[str, Any] = {"level": 1, "level_before": 2, "target": {}, "restore": before}
    return planned(site, Ticket(ref=ref), **{**usual, **more})


@pytest.mark.parametrize(
    ("before", "assignee"),
    [({"group": "360", "assignee": "7001"}, "Robin Reyes"), ({"group": "360", "assignee": None}, None)],
)
def test_coming_down_gives_the_ticket_back(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef, before: Mapping[str, str | None], assignee: Any
) -> None:
    send(client, site, ref, target=TURNS)
    call = down(site, ref, before)
    told(desk, site)
    client.carry_out(call, Ticket(ref=ref))
    seen = desk.view(ref.id)
    assert (seen.group, seen.assignee, seen.level, len(seen.notes)) == ("Support", assignee, None, 2)
    assert seen.replies == ("It does not connect.",)
    changes = {change.field: change.after for event in told(desk, site) for change in event.changes}
    assert changes == {"group": "360", "assignee": before["assignee"], "level": "1"}
    assert all(call.expect[field] == after for field, after in changes.items())


def test_where_only_the_person_is_given_back_the_group_stays(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    send(client, site, ref, target=TURNS)
    client.carry_out(down(site, ref, {"assignee": None}), Ticket(ref=ref))
    seen = desk.view(ref.id)
    assert (seen.group, seen.assignee, seen.level) == ("Technical Support", None, None)


def test_a_person_who_left_gets_nothing_back_but_their_group_does(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    send(client, site, ref, target=TURNS)
    call = down(site, ref, {"group": "360", "assignee": "7003"})
    with pytest.raises(Refused) as caught:
        client.carry_out(call, Ticket(ref=ref))
    assert caught.value.parts == {"assignee"}
    client.carry_out(instead(call, 0), Ticket(ref=ref))
    assert (desk.view(ref.id).group, desk.view(ref.id).assignee) == ("Support", None)


def test_coming_down_from_oversight_removes_nobody_who_follows(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    send(client, site, ref, level=3, take=Take.OVERSIGHT, target={"followers": ["Mara Okafor"]})
    client.carry_out(down(site, ref, {}, level=2, level_before=3, take=Take.OVERSIGHT), Ticket(ref=ref))
    seen = desk.view(ref.id)
    assert (seen.followers, seen.group, seen.level) == (("mara@example.com",), "Support", 2)


# --- what a fetch tells -------------------------------------------------------------------------------------
def test_the_slas_promise_is_asked_for_by_name_only(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    desk.promises(ref.id, first_reply_time="2026-11-22T09:30:00Z", requester_wait_time="2026-11-22T09:00:00Z")
    assert not fetched(client, ref).knows("sla_breach_at")
    assert "slas" not in desk.requests[-1].query
    asked = fetched(client, ref, "sla_breach_at")
    assert asked.sla_breach_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert "slas" in desk.requests[-1].query


def test_a_promise_that_is_paused_is_not_running(client: ZendeskClient, desk: Sandbox, ref: TicketRef) -> None:
    desk.promises(ref.id, agent_work_time=None)
    ticket = fetched(client, ref, "sla_breach_at")
    assert ticket.knows("sla_breach_at")
    assert ticket.sla_breach_at is None


def test_where_no_slas_are_shown_nothing_is_claimed(client: ZendeskClient, desk: Sandbox, ref: TicketRef) -> None:
    desk.account.has_slas = False
    assert not fetched(client, ref, "sla_breach_at").knows("sla_breach_at")


def test_a_tasks_due_date_is_told_by_a_fetch_and_by_its_change(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    assert fetched(client, ref).due_at is None
    told(desk, site)
    desk.agent_changes(ref.id, type="task", due_at="2026-11-24T17:00:00Z")
    due = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
    assert fetched(client, ref).due_at == due
    (event,) = [e for e in told(desk, site) if e.changes and e.changes[0].field == "due_at"]
    assert event.ticket
    assert (event.ticket.due_at, event.changes[0].after) == (due, "2026-11-24T17:00:00Z")


def test_an_incident_waits_for_its_problem_until_both_are_solved(
    desk: Sandbox, client: ZendeskClient, site: Site, ref: TicketRef
) -> None:
    problem = desk.open_ticket("The VPN is down for all", "everywhere", type="problem")
    assert fetched(client, ref).blocked_by == ()
    told(desk, site)
    desk.agent_changes(ref.id, problem=problem)
    assert fetched(client, ref).blocked_by == (f"#{problem}",)
    (linked,) = [e for e in told(desk, site) if e.changes and e.changes[0].field == "problem"]
    assert linked.ticket
    assert linked.ticket.blocked_by == (f"#{problem}",)
    desk.agent_changes(problem, status="solved")
    solved = fetched(client, ref)
    assert (solved.status, solved.blocked_by) == (Status.SOLVED, ())


def test_an_incident_taken_from_its_problem_waits_no_more(desk: Sandbox, site: Site, ref: TicketRef) -> None:
    desk.agent_changes(ref.id, problem=desk.open_ticket("a", "b", type="problem"))
    told(desk, site)
    desk.agent_changes(ref.id, problem=None)
    (event,) = told(desk, site)
    assert event.ticket
    assert event.ticket.knows("blocked_by")
    assert event.ticket.blocked_by == ()


def test_a_field_of_the_organization_is_told_by_a_fetch(desk: Sandbox, client: ZendeskClient) -> None:
    desk.describe("Globex", support_hours="always")
    assert fetched(client, opened(desk, organization="Globex")).custom == {"support_hours": "always"}
    assert fetched(client, opened(desk, organization="Initech")).custom == {"support_hours": None}
    assert fetched(client, opened(desk)).custom == {"support_hours": None}


def test_a_webhook_does_not_tell_it_and_neither_does_our_own_write(
    desk: Sandbox, client: ZendeskClient, site: Site
) -> None:
    desk.describe("Globex", support_hours="always")
    ref = opened(desk, organization="Globex")
    created, _ = told(desk, site)
    assert created.ticket
    assert not created.ticket.knows("custom")
    outcome = send(client, site, ref, target={"group": "Billing"})
    assert outcome.ticket
    assert "support_hours" not in outcome.ticket.custom


def test_another_organization_is_a_reason_to_ask(desk: Sandbox, site: Site, ref: TicketRef) -> None:
    told(desk, site)
    desk.agent_changes(ref.id, organization="Globex")
    changed, ask = told(desk, site)
    assert [(c.field, c.after) for c in changed.changes] == [("organization", "900")]
    assert (ask.kind, ask.at) == (Kind.TOUCHED, changed.at)
    assert ask.id != changed.id
    bare = replace(site, settings=site.settings.model_copy(update={"fields": {}}))
    desk.agent_changes(ref.id, organization=None)
    assert [event.kind for event in told(desk, bare)] == [Kind.CHANGED]


def test_where_only_part_of_the_organization_is_shown_it_is_asked_for(desk: Sandbox, client: ZendeskClient) -> None:
    desk.account.shows_organization_fields = False
    desk.describe("Globex", support_hours="always")
    ref = opened(desk, organization="Globex")
    assert fetched(client, ref).custom == {"support_hours": "always"}
    assert lines(desk)[-2:] == [f"GET tickets/{ref.id}", "GET organizations/900"]
    fetched(client, opened(desk))
    assert lines(desk).count("GET organizations/900") == 1


def test_an_organization_that_is_not_shown_to_us_leaves_its_fields_unknown(
    desk: Sandbox, client: ZendeskClient
) -> None:
    desk.account.shows_organization_fields = False
    ref = opened(desk, organization="Globex")
    desk.faults.add(Fault(do="403", match="organizations/", body={"error": "Forbidden"}))
    ticket = fetched(client, ref)
    assert ticket.custom == {}
    assert ticket.organization == Named(id="900", name="Globex")


def test_who_maps_no_field_of_an_organization_never_asks_for_one(desk: Sandbox, site: Site) -> None:
    desk.account.shows_organization_fields = False
    bare = connect(replace(site, settings=site.settings.model_copy(update={"fields": {}})), Pocket())
    fetched(bare, opened(desk, organization="Globex"))
    bare.close()
    assert not any("organizations/" in line for line in lines(desk))


@pytest.mark.parametrize(
    "value",
    ["360010204", "organization.support_hours", "organization.Plan-2", "Support hours", "organisation.x", "12a"],
)
def test_a_field_has_a_number_or_a_name_or_belongs_to_the_organization(site: Site, value: str) -> None:
    assert _settings(site, value).fields == {"hours": value}


@pytest.mark.parametrize("value", ["", "organization.", "organization.a b", "Organization.a b", "two\nlines"])
def test_anything_else_is_no_field(site: Site, value: str) -> None:
    with pytest.raises(ValueError, match=r"fields.hours expected the id or the name .* or organization\."):
        _settings(site, value)


def _settings(site: Site, value: str) -> Any:
    given = site.settings.model_dump(exclude_unset=True)
    return CONNECTOR.settings(**{**given, "fields": {"hours": value}})


@pytest.mark.parametrize(
    ("raw", "told", "why"),
    [
        ({"slas": None}, {}, "no promises are shown"),
        ({"slas": {"policy_metrics": {}}}, {}, "in a shape that nobody knows"),
        ({"slas": {"policy_metrics": []}}, {"sla_breach_at": None}, "none is running"),
        ({"slas": {"policy_metrics": [7, {"stage": "active", "breach_at": "soon"}]}}, {"sla_breach_at": None}, "junk"),
        (
            {"slas": {"policy_metrics": [{"stage": "achieved", "breach_at": "2026-11-22T09:00:00Z"}]}},
            {"sla_breach_at": None},
            "what is achieved cannot break",
        ),
        ({"due_at": "tomorrow"}, {}, "a date that cannot be read is not no date"),
        ({"due_at": None}, {"due_at": None}, "no date"),
        ({"problem_id": {"id": 7}}, {}, "a problem that cannot be read is not no problem"),
        ({"problem_id": 7, "status": "closed"}, {"blocked_by": ()}, "it is over"),
        ({"problem_id": 7, "status": "hold"}, {"blocked_by": ("#7",)}, "it waits"),
    ],
)
def test_what_cannot_be_read_is_not_told(
    site: Site, ref: TicketRef, raw: Any, told: Mapping[str, Any], why: str
) -> None:
    ticket = picture(raw, ref, site, {})
    known = {name: getattr(ticket, name) for name in ("due_at", "sla_breach_at", "blocked_by") if ticket.knows(name)}
    assert known == told, why
