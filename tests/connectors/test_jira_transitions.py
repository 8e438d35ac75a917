"""A level that moves the issue on in its workflow: by what it is called, only if it is possible, never twice."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Call, Outcome, Refused, TryLater
from connectors.faults import Fault
from connectors.jira import CONNECTOR
from connectors.jira.client import JiraClient, connect
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings
from connectors.jira.writeback import plan
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.commands import Command, Line, Mode, Note, Span, Take
from policies.model import Ticket, TicketRef, ticket_from

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = TicketRef(vendor="jira", site="here", id="10001")
ESCALATED = "10103"


def site(**more: Any) -> Site:
    names = more.pop("names", {})
    usual: dict[str, Any] = {"url": "https://a.example.com", "email": "e", "token": "t"}
    return Site(name="here", settings=JiraSettings(**{**usual, **more}), names=names)


def command(transition: str = "Escalated", **more: Any) -> Command:
    usual: dict[str, Any] = {
        "operation": "op77",
        "level": 2,
        "level_before": 1,
        "level_name": "L2",
        "take": Take.OWNERSHIP,
        "target": {"transition": transition, "watchers": ["eva"]},
        "priority": None,
        "note": Note(lines=(Line(spans=(Span(text="op op77"),)),)),
    }
    return Command(**{**usual, **more})


def ticket(**told: Any) -> Ticket:
    return ticket_from(REF, None, told)


# --- planning -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("portal", [True, None, False])
def test_it_stands_between_the_fields_and_the_note(portal: bool | None) -> None:
    told = {} if portal is None else {"portal": portal}
    calls = plan(command(), ticket(**told), site())
    assert [(call.verb, tuple(call.parts)) for call in calls] == [
        ("edit_issue", ("level",)),
        ("transition", ("transition",)),
        ("watch", ("watchers",)),
        ("internal_comment", ("note",)),
    ]
    assert [call.note is not None for call in calls] == [False, False, False, True]
    assert [call.repeatable for call in calls] == [True, False, True, False]
    assert calls[0].expect == {"level": "2", "tag": "stepladder-level-2"}
    assert calls[-1].expect == {}


@pytest.mark.parametrize("more", [{"take": Take.OVERSIGHT}, {"mode": Mode.NOTE}, {"mode": Mode.OBSERVE}])
def test_only_a_level_that_takes_the_ticket_over_moves_it(more: dict[str, Any]) -> None:
    assert "transition" not in [call.verb for call in plan(command(**more), ticket(portal=True), site())]


NAMES = {"status:7": "Escalated", "status_category:7": "indeterminate", "status:8": "Out", "status_category:8": "done"}


@pytest.mark.parametrize(
    ("more", "told", "expect"),
    [
        ({}, {}, {}),
        ({"names": NAMES}, {}, {"status": "open"}),
        ({"names": NAMES | {"status:9": "ESCALATED", "status_category:9": "done"}}, {}, {}),
        ({"statuses": {"escalated": "on_hold"}}, {}, {"status": "on_hold"}),
        ({"statuses": {"7": "on_hold"}, "names": NAMES}, {}, {"status": "on_hold"}),
        ({"projects": {"DEV": {"statuses": {"Escalated": "new"}}}}, {"key": "DEV-7"}, {"status": "new"}),
    ],
    ids=["unmapped", "category", "two of one name", "name", "id", "project"],
)
def test_the_status_is_foretold_if_it_can_be_told(
    more: dict[str, Any], told: dict[str, Any], expect: dict[str, str]
) -> None:
    (call,) = (call for call in plan(command(), ticket(**told), site(**more)) if call.verb == "transition")
    assert call.expect == expect


@pytest.mark.parametrize("value", ["", " ", 31, ["Escalate"], {"id": "31"}])
def test_a_wrong_transition_is_explained(value: Any) -> None:
    (sentence,) = CONNECTOR.check_target({"transition": value})
    assert "name of one transition" in sentence


def test_a_right_transition_needs_no_words() -> None:
    assert CONNECTOR.check_target({"transition": "Escalate"}) == ()
    (sentence,) = CONNECTOR.check_target({"transitions": "Escalate"})
    assert "did you mean transition?" in sentence


# --- against the pretend Jira --------------------------------------------------------------------------------
@dataclass
class Bench:
    """A pretend site and the way to it."""

    desk: Sandbox
    site: Site
    client: JiraClient

    def open(self, **fields: Any) -> Ticket:
        return self.ticket(self.desk.open_ticket("Printer", "It burns", **fields))

    def ticket(self, number: str) -> Ticket:
        ref = TicketRef(vendor="jira", site="here", id=number)
        ticket = self.client.fetch(ref, frozenset(), NOW)[0].ticket
        assert ticket is not None
        self.desk.requests.clear()
        return ticket

    def call(self, ticket: Ticket, transition: str = "Escalated", **more: Any) -> Call:
        return next(c for c in plan(command(transition, **more), ticket, self.site) if c.verb == "transition")

    def sent(self) -> list[str]:
        return [f"{r.method} {r.path.rpartition('/')[2]} {r.status}" for r in self.desk.requests]

    def stands(self, ticket: Ticket) -> str:
        return str(self.desk.site.status(self.desk.site.find(ticket.ref.id)["status"])["name"])


@pytest.fixture(params=["cloud", "datacenter"])
def bench(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Bench]:
    desk = build(authority, deployment=request.param)
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    settings = JiraSettings(**section, **desk.secrets(), read_timeout=0.3)
    site = Site(name="here", settings=settings, account=settings.account)
    client = connect(site, Pocket())
    yield Bench(desk=desk, site=site, client=client)
    client.close()
    desk.stop()


@pytest.mark.parametrize("wanted", ["Escalate this issue", "escalate THIS issue", "Escalated", "escalated"])
def test_it_goes_by_the_name_of_a_transition_or_of_a_status(bench: Bench, wanted: str) -> None:
    ticket = bench.open()
    outcome = bench.client.carry_out(bench.call(ticket, wanted), ticket)
    assert bench.sent() == [f"GET {ticket.ref.id} 200", "GET transitions 200", "POST transitions 204"]
    assert outcome == Outcome(resolved={"transition": "51"}, requests=3)
    assert bench.stands(ticket) == "Escalated"


@pytest.mark.parametrize("project", ["ITSM", "DEV"])
def test_who_stands_there_already_is_not_moved(bench: Bench, project: str) -> None:
    ticket = bench.open(project=project)
    before = bench.desk.view(ticket.ref.id)
    assert bench.client.carry_out(bench.call(ticket, bench.stands(ticket)), ticket) == Outcome(requests=1)
    assert bench.sent() == [f"GET {ticket.ref.id} 200"]
    assert bench.desk.view(ticket.ref.id) == before


def test_a_transition_that_leads_where_the_issue_stands_is_not_sent(bench: Bench) -> None:
    ticket = bench.open(project="DEV", status="solved")
    assert bench.stands(ticket) == "Resolved"
    assert bench.client.carry_out(bench.call(ticket, "Done"), ticket).requests == 2
    assert bench.desk.view(ticket.ref.id).edits == 0


def test_what_is_not_possible_now_is_refused_with_what_is(bench: Bench) -> None:
    ticket = bench.open(status="solved")
    with pytest.raises(Refused) as refused:
        bench.client.carry_out(bench.call(ticket, "Escalate this issue"), ticket)
    assert (refused.value.parts, refused.value.gone) == ({"transition"}, False)
    assert str(refused.value) == (
        "Jira has no transition 'Escalate this issue' from Resolved at this moment, "
        "it offers 'Close' (to Closed), 'Back to support' (to Waiting for support)"
    )
    assert bench.desk.view(ticket.ref.id).edits == 0


def test_an_account_that_may_move_nothing_is_told_so(bench: Bench) -> None:
    ticket = bench.open()
    bench.desk.site.may_transition = False
    with pytest.raises(Refused, match="lacks the permission Transition issues"):
        bench.client.carry_out(bench.call(ticket), ticket)


def test_the_note_tells_what_was_not_possible(bench: Bench) -> None:
    ticket = bench.open(project="DEV")
    fields, move, _, note = plan(command("Escalated"), ticket, bench.site)
    bench.client.carry_out(fields, ticket)
    with pytest.raises(Refused) as refused:
        bench.client.carry_out(move, ticket)
    bench.client.carry_out(replace(note, told=(f"Not set: transition ({refused.value})",)), ticket)
    (text,) = bench.desk.view(ticket.ref.id).notes
    assert "Not set: transition" in text
    assert "'In Progress'" in text
    assert bench.desk.view(ticket.ref.id).level == 2


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_workflow_that_says_no_blames_the_transition(bench: Bench, status: int) -> None:
    ticket = bench.open()
    body = {"errorMessages": [], "errors": {"resolution": "Resolution is required."}}
    bench.desk.faults.add(Fault(do=str(status), match="POST", body=body))
    with pytest.raises(Refused, match="Resolution is required") as refused:
        bench.client.carry_out(bench.call(ticket), ticket)
    assert (refused.value.parts, refused.value.gone) == ({"transition"}, False)


def test_a_deleted_ticket_is_gone(bench: Bench) -> None:
    ticket = bench.open()
    bench.desk.agent_deletes(ticket.ref.id)
    with pytest.raises(Refused) as refused:
        bench.client.carry_out(bench.call(ticket), ticket)
    assert refused.value.gone


@pytest.mark.parametrize("do", ["500", "429", "409", "hang", "cut", "html"])
def test_a_question_that_fails_has_written_nothing(bench: Bench, do: str) -> None:
    ticket = bench.open()
    bench.desk.faults.add(Fault(do=do, match="GET .*transitions", seconds=0.5))
    with pytest.raises(TryLater) as later:
        bench.client.carry_out(bench.call(ticket), ticket)
    assert not later.value.sent
    assert bench.stands(ticket) == "Waiting for support"


@pytest.mark.parametrize("wanted", ["Escalate this issue", "Escalated"])
def test_a_transition_whose_answer_was_lost_is_found_again(bench: Bench, wanted: str) -> None:
    ticket = bench.open()
    call = bench.call(ticket, wanted)
    bench.desk.faults.add(Fault(do="cut_after", match="POST"))
    assert bench.client.look(call, ticket.ref) is None
    with pytest.raises(TryLater) as later:
        bench.client.carry_out(call, ticket)
    assert later.value.sent
    assert bench.client.look(call, ticket.ref) == Outcome(requests=1)
    assert bench.desk.view(ticket.ref.id).edits == 1


def test_a_lost_request_is_looked_for_and_then_sent_once(bench: Bench) -> None:
    ticket = bench.open()
    call = bench.call(ticket, "Escalate this issue")
    bench.desk.faults.add(Fault(do="cut", match="POST"))
    with pytest.raises(TryLater):
        bench.client.carry_out(call, ticket)
    assert bench.client.look(call, ticket.ref) is None
    bench.client.carry_out(call, ticket)
    assert (bench.stands(ticket), bench.desk.view(ticket.ref.id).edits) == ("Escalated", 1)


def test_after_a_restart_a_transitions_name_no_longer_says_where_it_led(bench: Bench) -> None:
    ticket = bench.open()
    bench.desk.faults.add(Fault(do="cut_after", match="POST"))
    by_name, by_status = bench.call(ticket, "Escalate this issue"), bench.call(ticket, "Escalated")
    with pytest.raises(TryLater):
        bench.client.carry_out(by_name, ticket)
    restarted = connect(bench.site, Pocket())
    assert restarted.look(by_name, ticket.ref) is None
    assert restarted.look(by_status, ticket.ref) is not None
    restarted.close()
