"""The real `jira` client against the pretend Jira, over TLS: fewest requests, nothing lost, nothing doubled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from connectors.calls import VendorAnswer
from connectors.contract import Outcome, Refused, Stale, TryLater
from connectors.faults import Fault
from connectors.jira import CONNECTOR
from connectors.jira.answers import failure
from connectors.jira.client import JiraClient
from connectors.jira.records import FIELDS, LEVEL_FIELD
from connectors.sandboxing import Authority, Pocket
from policies.model import Event, Kind, Priority, Role, Ticket, TicketRef
from tests.connectors.jira_bench import NOTHING, NOW, Bench, made

TALK = frozenset({"conversation"})


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Bench]:
    yield from made(authority)


@pytest.fixture(params=["cloud", "datacenter"])
def bench(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from made(authority, request.param)


# --- asking -------------------------------------------------------------------------------------------------
def test_one_request_tells_the_whole_ticket(bench: Bench) -> None:
    ticket, ref = bench.open(priority="high", tags=["vip"], product="Printer", organization="Acme")
    assert bench.sent()[0] == f"GET api/2/issue/{ref.id} 200"
    # Data Center does not say who is a customer: it is asked about the reporter, and about us for comparison
    assert bench.sent()[1:] == ([] if bench.desk.site.cloud else ["GET api/2/user/assignable/search 200"] * 2)
    assert (ticket.key, ticket.priority, ticket.level, ticket.tags) == ("ITSM-1", Priority.HIGH, 1, ("vip",))
    assert (ticket.product, str(ticket.organization), ticket.portal) == ("Printer", "Acme", True)
    assert ticket.requester is not None
    assert ticket.requester.id == bench.desk.person("carla")
    assert ticket.knows("channel")
    assert bench.client.names()[f"user:{ticket.requester.id}"] == "Carla Customer"


def test_a_fetched_conversation_has_the_ids_and_roles_of_its_webhooks(bench: Bench) -> None:
    _, ref = bench.open()
    bench.desk.customer_says(ref.id, "hello?")
    bench.desk.agent_says(ref.id, "looking", public=False)
    told = bench.client.fetch(ref, TALK, NOW)
    spoken = {e.comment.text: e for e in told if e.comment and e.actor}
    first = spoken.pop("It burns")
    assert (first.id, _who(first)) == (f"description:{ref.id}", (Role.REQUESTER, True))
    assert _who(spoken["hello?"]) == (Role.REQUESTER, True)
    assert _who(spoken["looking"]) == (Role.AGENT, False)
    assert all(
        e.kind is Kind.COMMENTED and e.id.startswith(f"comment:{e.comment.id}:") for e in spoken.values() if e.comment
    )
    # only Data Center leaves unsaid who can read what, so it is asked once more; and about two people
    assert len(bench.sent()) == (2 if bench.desk.site.cloud else 5)


def _who(event: Event) -> tuple[Role, bool | None]:
    assert event.actor is not None
    assert event.comment is not None
    return event.actor.role, event.comment.public


def test_a_long_conversation_costs_one_request_more(cloud: Bench) -> None:
    cloud.desk.site.inline_comments = 1
    _, ref = cloud.open()
    for text in ("one", "two", "three"):
        cloud.desk.customer_says(ref.id, text)
    told = cloud.client.fetch(ref, TALK, NOW)
    assert {e.comment.text for e in told if e.comment} == {"It burns", "one", "two", "three"}
    assert len(cloud.sent()) == 3


def test_a_ticket_that_is_not_there_is_gone(bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        bench.client.fetch(TicketRef(vendor="jira", site="here", id="404"), NOTHING, NOW)
    assert refused.value.gone


def test_our_account_is_asked_for_once(authority: Authority) -> None:
    for bench in made(authority, account=None):
        assert bench.client.account() == bench.client.account() == bench.desk.person("stepladder")
        assert bench.sent() == ["GET api/2/myself 200"]


# --- writing ------------------------------------------------------------------------------------------------
def test_a_request_takes_one_edit_one_watcher_and_one_internal_note(bench: Bench) -> None:
    ticket, ref = bench.open()
    target = {
        "assignee": bench.desk.person("ben"),
        "field": {"team": "Billing"},
        "watchers": [bench.desk.person("eva")],
    }
    done = [bench.client.carry_out(call, ticket) for call in bench.plan(ticket, target=target)]
    assert bench.sent()[-4:] == [
        f"GET api/2/issue/{ref.id}/editmeta 200",
        f"PUT api/2/issue/{ref.id} 204",
        f"POST api/2/issue/{ref.id}/watchers 204",
        f"POST servicedeskapi/request/{ref.id}/comment 201",
    ]
    assert [outcome.requests for outcome in done] == [2, 1, 1]
    assert done[0].resolved == {"priority": "1", "field:team": "10203", "assignee": bench.desk.person("ben")}
    view = bench.desk.view(ref.id)
    assert (view.priority, view.group, view.assignee, view.level) == ("urgent", "Billing", "Ben Billing", 2)
    assert view.followers == (bench.desk.person("eva"),)
    assert view.replies == ()
    assert view.notes == ("*Why:* \\{it\\} \\*burns\\*\nop op77",)


def test_names_become_ids_once_for_all_tickets_of_a_kind(cloud: Bench) -> None:
    for _ in range(3):
        ticket, _ref = cloud.open()
        cloud.client.carry_out(cloud.plan(ticket)[0], ticket)
    assert len([line for line in cloud.sent() if "editmeta" in line]) == 1


@pytest.mark.parametrize("given", ["1", "Highest"])
def test_a_priority_is_one_of_those_on_the_edit_screen(authority: Authority, given: str) -> None:
    for bench in made(authority, priorities={"urgent": given}):
        ticket, ref = bench.open()
        outcome = bench.client.carry_out(bench.plan(ticket)[0], ticket)
        assert (outcome.requests, outcome.resolved["priority"]) == (2, "1")
        assert bench.desk.view(ref.id).priority == "urgent"


def test_a_plain_project_takes_one_edit_and_one_note_of_which_jira_says_who_reads_it(bench: Bench) -> None:
    ticket, ref = bench.open(project="DEV")
    edit, note = bench.plan(ticket, priority=None)
    assert bench.client.carry_out(edit, ticket).requests == 1
    # Cloud calls every comment public where there is no portal, so it is asked whether there is one by now
    asked = 1 if bench.desk.site.cloud else 0
    assert bench.client.carry_out(note, ticket).requests == 1 + asked
    view = bench.desk.view(ref.id)
    assert (view.assignee, view.level, len(view.notes), view.edits) == ("Ben Billing", 2, 1, 2)
    assert bench.client.look(edit, ref) == Outcome(requests=1)
    found = bench.client.look(note, ref)
    assert found is not None
    assert found.requests == 1 + asked


def test_the_level_label_replaces_the_one_before(cloud: Bench) -> None:
    ticket, ref = cloud.open(tags=["vip"])
    for level in (2, 3, 1):
        cloud.client.carry_out(cloud.plan(ticket, level=level)[0], ticket)
        assert cloud.desk.view(ref.id).level == level
        ticket = cloud.ticket(ref)
    assert cloud.desk.view(ref.id).tags == ("vip",)


def test_a_level_field_is_written_too(authority: Authority) -> None:
    for bench in made(authority, level_field=LEVEL_FIELD):
        ticket, ref = bench.open()
        bench.client.carry_out(bench.plan(ticket, level=3)[0], ticket)
        assert bench.ticket(ref).level == 3
        assert bench.desk.site.find(ref.id)["custom"][LEVEL_FIELD] == 3


@pytest.mark.parametrize("project", ["ITSM", "DEV"])
def test_an_issue_that_is_no_request_gets_its_note_all_the_same(bench: Bench, project: str) -> None:
    ticket, ref = bench.open(project=project)
    bench.desk.site.find(ref.id)["custom"][FIELDS["request_type"]] = None
    note = bench.plan(replace(ticket, portal=None))[-1]
    outcome = bench.client.carry_out(note, ticket)
    assert outcome.vendor_id
    assert len(bench.desk.view(ref.id).notes) == 1
    assert bench.client.look(note, ref) is not None


def test_a_note_that_turns_public_is_withdrawn_with_an_alarm(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.desk.site.internal_turns_public = True
    with pytest.raises(Refused, match="ALARM") as refused:
        bench.client.carry_out(bench.plan(ticket)[-1], ticket)
    assert refused.value.parts == {"note"}
    assert bench.desk.view(ref.id).replies == ()


def test_a_public_note_that_was_cut_off_is_withdrawn_when_it_is_found(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.desk.site.internal_turns_public = True
    bench.desk.faults.add(Fault(do="cut_after", match="POST"))
    note = bench.plan(ticket)[-1]
    with pytest.raises(TryLater):
        bench.client.carry_out(note, ticket)
    with pytest.raises(Refused, match="ALARM"):
        bench.client.look(note, ref)
    assert bench.desk.view(ref.id).replies == ()


# --- what goes wrong ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "sent", "after"),
    [
        (Fault(do="302"), False, 300),
        (Fault(do="html"), True, None),
        (Fault(do="429", retry_after="7"), False, 7),
        (Fault(do="503", retry_after="40"), False, 40),
        (Fault(do="500"), True, None),
        (Fault(do="502"), True, None),
        (Fault(do="hang", seconds=0.5), True, None),
        (Fault(do="cut"), True, None),
        (Fault(do="401"), False, 300),
        (Fault(do="409"), False, 1),
    ],
    ids=lambda value: value.do if isinstance(value, Fault) else None,
)
def test_what_is_about_the_moment_is_tried_later(cloud: Bench, fault: Fault, sent: bool, after: float | None) -> None:
    ticket, ref = cloud.open()
    cloud.desk.faults.add(replace(fault, match="PUT"))
    call = cloud.plan(ticket, priority=None)[0]
    with pytest.raises(TryLater) as later:
        cloud.client.carry_out(call, ticket)
    assert (later.value.sent, later.value.after) == (sent, after)
    assert isinstance(later.value, Stale) is (fault.do == "409")
    assert cloud.naps == []
    cloud.time[0] += after or 0
    assert cloud.client.look(call, ref) is None
    assert cloud.desk.view(ref.id).edits == 0
    cloud.client.carry_out(call, ticket)
    assert cloud.desk.view(ref.id).edits == 1
    assert len([line for line in cloud.sent() if line.startswith("PUT")]) <= 2


def test_again_at_once_is_tried_once_more(cloud: Bench) -> None:
    ticket, ref = cloud.open()
    cloud.desk.faults.add(Fault(do="429", match="PUT", retry_after="0.5"))
    cloud.client.carry_out(cloud.plan(ticket, priority=None)[0], ticket)
    assert cloud.naps == [0.5]
    assert cloud.desk.view(ref.id).edits == 1


@pytest.mark.parametrize("number", [0, 1, 2], ids=["edit", "watch", "note"])
def test_a_write_whose_answer_was_lost_is_found_again(bench: Bench, number: int) -> None:
    ticket, ref = bench.open()
    target = {"assignee": bench.desk.person("ben"), "watchers": [bench.desk.person("eva")]}
    call = bench.plan(ticket, target=target)[number]
    bench.desk.faults.add(Fault(do="cut_after", match="PUT|POST"))
    assert bench.client.look(call, ref) is None
    with pytest.raises(TryLater) as later:
        bench.client.carry_out(call, ticket)
    assert later.value.sent
    assert bench.client.look(call, ref) is not None
    assert bench.desk.view(ref.id).edits == 1


def test_somebody_who_quotes_a_note_has_not_written_it(cloud: Bench) -> None:
    ticket, ref = cloud.open()
    cloud.desk.agent_says(ref.id, "see op op77", public=False)
    assert cloud.client.look(cloud.plan(ticket)[-1], ref) is None


def test_another_operations_marker_is_not_ours(cloud: Bench) -> None:
    ticket, ref = cloud.open()
    cloud.client.carry_out(cloud.plan(ticket)[0], ticket)
    assert cloud.client.look(cloud.plan(ticket, operation="op78")[0], ref) is None


@pytest.mark.parametrize(
    ("status", "headers", "after", "site_wide"),
    [
        (429, {"RateLimit-Reason": "jira-per-issue-on-write", "Retry-After": "2"}, 2, False),
        (429, {"RateLimit-Reason": "jira-burst-based", "Retry-After": "2"}, 2, True),
        (403, {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://x"}, 300, True),
        (404, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, 300, True),
        (404, {"X-Seraph-LoginReason": "OUT"}, 300, True),
        (200, {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}, 300, True),
        (404, {"X-Seraph-LoginReason": "OK"}, None, None),
    ],
)
def test_headers_say_whom_a_failure_concerns(
    cloud: Bench, status: int, headers: dict[str, str], after: float | None, site_wide: bool | None
) -> None:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers)
    answer.request = requests.Request("PUT", f"{cloud.desk.url}/x").prepare()
    later = failure(VendorAnswer(answer, NOW), None, cloud.site)
    if site_wide is None:
        assert isinstance(later, Refused)
    else:
        assert isinstance(later, TryLater)
        assert (later.after, later.site_wide) == (after, site_wide)


def test_the_parts_at_fault_are_named_all_at_once(cloud: Bench) -> None:
    ticket, ref = cloud.open()
    cloud.desk.site.off_screen = {"priority"}
    target = {"assignee": cloud.desk.person("ben"), "field": {"team": "Biling", "regoin": "x"}}
    with pytest.raises(Refused) as refused:
        cloud.client.carry_out(cloud.plan(ticket, target=target)[0], ticket)
    assert refused.value.parts == {"priority", "field:team", "field:regoin"}
    assert "Billing" in str(refused.value)
    assert "region" not in str(refused.value)
    assert not refused.value.gone
    assert cloud.desk.view(ref.id).edits == 0


def test_jira_names_the_parts_at_fault_itself(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.desk.site.off_screen = {"labels"}
    call = bench.plan(ticket, target={"assignee": bench.desk.person("carla")}, priority=None)[0]
    with pytest.raises(Refused, match="cannot be assigned issues") as refused:
        bench.client.carry_out(call, ticket)
    assert refused.value.parts == {"assignee", "level"}
    assert bench.desk.view(ref.id).edits == 0


def test_a_watcher_nobody_knows_is_refused_alone(bench: Bench) -> None:
    ticket, _ = bench.open()
    watch = bench.plan(ticket, target={"watchers": ["nobody"]})[1]
    with pytest.raises(Refused) as refused:
        bench.client.carry_out(watch, ticket)
    assert refused.value.parts == {"watchers"}
    assert not refused.value.gone


@pytest.mark.parametrize("number", [0, 1], ids=["edit", "note"])
def test_a_deleted_ticket_is_gone(bench: Bench, number: int) -> None:
    ticket, ref = bench.open()
    bench.desk.agent_deletes(ref.id)
    with pytest.raises(Refused) as refused:
        bench.client.carry_out(bench.plan(ticket, priority=None)[number], ticket)
    assert refused.value.gone


def test_an_archived_issue_is_gone_and_a_forbidden_one_is_not(cloud: Bench) -> None:
    ticket, _ = cloud.open()
    call = cloud.plan(ticket, priority=None)[0]
    for said, gone in (("The issue is archived.", True), ("You do not have permission to edit issues.", False)):
        body = {"errorMessages": [said], "errors": {}}
        cloud.desk.faults.add(Fault(do="403", match="PUT", body=body))
        with pytest.raises(Refused) as refused:
            cloud.client.carry_out(call, ticket)
        assert refused.value.gone is gone


def test_a_site_that_does_not_know_us_is_left_alone(authority: Authority) -> None:
    for bench in made(authority, token="wrong"):
        ref = TicketRef(vendor="jira", site="here", id=bench.desk.open_ticket("a", "b"))
        with pytest.raises(TryLater) as later:
            bench.client.fetch(ref, NOTHING, NOW)
        assert later.value.after == 300


def test_threads_do_not_disturb_each_other(cloud: Bench) -> None:
    tickets = [cloud.open(priority="low") for _ in range(12)]
    barrier = threading.Barrier(6)

    def escalate(pair: tuple[Ticket, TicketRef]) -> str:
        if pair in tickets[:6]:
            barrier.wait(5)
        for call in cloud.plan(pair[0]):
            cloud.client.carry_out(call, pair[0])
        return pair[1].id

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(escalate, tickets))
    for number in done:
        view = cloud.desk.view(number)
        assert (view.priority, view.assignee, view.level, len(view.notes)) == ("urgent", "Ben Billing", 2, 1)


def test_the_connector_opens_this_client(cloud: Bench) -> None:
    client = CONNECTOR.connect(cloud.site, Pocket())
    assert isinstance(client, JiraClient)
