"""What Jira refuses, and what then becomes of the write: the rest goes on, the note is never lost, nobody is misled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from adapter.salvage import remedy
from connectors.contract import Call, Refused, TryLater
from connectors.faults import Fault
from connectors.jira.records import FIELDS
from policies.model import Ticket, TicketRef
from tests.connectors.jira_bench import NOTHING, NOW, Bench

ARCHIVED = {"errorMessages": ["Dieser Vorgang kann nicht bearbeitet werden."], "errors": {}}


def refused(bench: Bench, call: Call, ticket: Ticket) -> Refused:
    with pytest.raises(Refused) as caught:
        bench.client.carry_out(call, ticket)
    return caught.value


def through(bench: Bench, calls: tuple[Call, ...], ticket: Ticket) -> list[Refused]:
    """Send calls as the house does: what is refused is sent again without the parts at fault."""
    waiting, refusals = list(calls), list[Refused]()
    while waiting:
        call = waiting.pop(0)
        try:
            bench.client.carry_out(call, ticket)
        except Refused as no:
            refusals.append(no)
            assert len(refusals) < 6
            instead = remedy(call, no, len(calls) + len(refusals), {}).call
            waiting = [instead, *waiting] if instead is not None else waiting
    return refusals


# --- parts at fault -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("project", ["ITSM", "DEV"])
@pytest.mark.parametrize("partly", [False, True], ids=["as a whole", "in part"])
def test_the_rest_is_written_and_the_note_once_whether_jira_applies_a_refused_edit_or_not(
    bench: Bench, project: str, partly: bool
) -> None:
    ticket, ref = bench.open(project=project)
    bench.client.carry_out(bench.plan(ticket, operation="op1", level=3)[0], ticket)  # the screen is known from now on
    ticket = bench.ticket(ref)
    before = len(bench.desk.view(ref.id).notes)
    bench.desk.site.catalogue.off_screen.add("priority")
    bench.desk.site.partial_edits = partly
    target = {"assignee": bench.desk.person("eva"), "field": {"team": "Billing"}}
    refusals = through(bench, bench.plan(ticket, target=target), ticket)
    view = bench.desk.view(ref.id)
    assert [no.parts for no in refusals] == [{"priority"}]
    assert (view.assignee, view.group, view.level, len(view.notes)) == ("Eva Lead", "Billing", 2, before + 1)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ({"errorMessages": [], "errors": {"priority": "Die Priorität ist ungültig."}}, {"priority"}),
        ({"errorMessages": ["Das Feld 'priority' kann nicht gesetzt werden."], "errors": {}}, {"priority"}),
        ({"errorMessages": [f"{FIELDS['team']}: nein"], "errors": {}}, {"field:team"}),
        ({"errorMessages": [], "errors": {"assignee": "x", "labels": "y", "comment": "z"}}, {"assignee", "level"}),
        ({"errorMessages": [], "errors": {"something": "else"}}, set()),
        ({"errorMessages": None, "errors": None}, set()),
        (None, set()),
    ],
)
@pytest.mark.parametrize("status", ["400", "422"])
def test_fields_are_told_by_their_keys_in_any_language(
    cloud: Bench, status: str, body: Mapping[str, Any] | None, parts: set[str]
) -> None:
    ticket, _ = cloud.open()
    target = {"assignee": cloud.desk.person("ben"), "field": {"team": "Billing"}}
    cloud.desk.faults.add(Fault(do=status, match="PUT", body=body))
    no = refused(cloud, cloud.plan(ticket, target=target)[0], ticket)
    assert no.parts == parts
    assert not no.gone


def test_a_refusal_without_a_word_is_understood_by_the_edit_screen(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.client.carry_out(bench.plan(ticket, operation="op1", level=3)[0], ticket)
    ticket = bench.ticket(ref)
    bench.desk.site.catalogue.off_screen.add("priority")
    bench.desk.faults.add(Fault(do="400", match="PUT", body={"errorMessages": ["Nein."], "errors": {}}))
    refusals = through(bench, bench.plan(ticket), ticket)
    assert [no.parts for no in refusals] == [{"priority"}]
    assert bench.desk.view(ref.id).level == 2


@pytest.mark.parametrize("project", ["ITSM", "DEV"])
def test_without_the_right_to_edit_the_note_is_written_all_the_same(bench: Bench, project: str) -> None:
    ticket, ref = bench.open(project=project)
    bench.desk.site.rights.take("EDIT_ISSUES")
    refusals = through(bench, bench.plan(ticket, priority=None), ticket)
    view = bench.desk.view(ref.id)
    assert refusals
    assert not any(no.gone for no in refusals)
    assert (len(view.notes), view.assignee) == (1, None)


def test_a_priority_that_the_project_has_not_is_left_out_before_anything_is_sent(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.desk.site.catalogue.hidden.add("priority")
    no = refused(bench, bench.plan(ticket)[0], ticket)
    assert no.parts == {"priority"}
    assert bench.desk.view(ref.id).edits == 0


@pytest.mark.parametrize(
    ("knob", "target", "said"),
    [
        ("unlicensed", "ben", "cannot be assigned"),
        ("inactive", "ben", "cannot be assigned"),
        ("must_be_assigned", None, "must be assigned"),
    ],
)
def test_who_cannot_have_it_is_refused_alone(bench: Bench, knob: str, target: str | None, said: str) -> None:
    ticket, ref = bench.open()
    site: Any = bench.desk.site
    if knob == "must_be_assigned":
        site.must_be_assigned = True
        calls = bench.plan(ticket, target={}, restore={"assignee": None}, priority=None)
    else:
        getattr(site, knob).add(target)
        calls = bench.plan(ticket, priority=None)
    refusals = through(bench, calls, ticket)
    assert [no.parts for no in refusals] == [{"assignee"}]
    assert said in str(refusals[0])
    view = bench.desk.view(ref.id)
    assert (view.level, len(view.notes)) == (2, 1)


@pytest.mark.parametrize("project", ["ITSM", "DEV"])
def test_an_issue_that_takes_no_more_comments_takes_the_fields(bench: Bench, project: str) -> None:
    ticket, ref = bench.open(project=project)
    bench.desk.site.most_comments = 0
    refusals = through(bench, bench.plan(ticket, priority=None), ticket)
    assert refusals
    assert not any(no.gone for no in refusals)
    assert bench.desk.view(ref.id).assignee == "Ben Billing"


# --- the whole issue ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("project", ["ITSM", "DEV"])
def test_an_archived_issue_takes_no_more_writes(bench: Bench, project: str) -> None:
    ticket, ref = bench.open(project=project)
    bench.desk.agent_archives(ref.id)
    refusals = through(bench, bench.plan(ticket, priority=None), ticket)
    assert refusals[-1].gone
    assert bench.desk.view(ref.id).edits == 0


def test_an_archived_issue_is_known_in_any_language_by_taking_neither_edit_nor_comment(cloud: Bench) -> None:
    ticket, ref = cloud.open(project="DEV")
    cloud.desk.agent_archives(ref.id)
    cloud.desk.faults.add(Fault(do="403", match="PUT|POST", body=ARCHIVED, times=2))
    first, last = through(cloud, cloud.plan(ticket, priority=None), ticket)
    assert (first.gone, last.gone) == (False, True)


def test_a_moved_issue_is_written_by_its_id_and_the_maps_of_where_it_is(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.desk.agent_moves(ref.id, "DEV")
    moved = bench.ticket(ref)
    assert (ticket.key, moved.key, moved.portal, moved.ref) == ("ITSM-1", "DEV-1", False, ref)
    assert through(bench, bench.plan(moved, priority=None), moved) == []
    assert bench.desk.view(ref.id).level == 2


def test_a_note_that_was_planned_for_a_service_project_is_written_where_the_issue_is_now(bench: Bench) -> None:
    ticket, ref = bench.open()
    bench.desk.agent_moves(ref.id, "DEV")
    assert through(bench, bench.plan(ticket, priority=None), ticket) == []
    assert len(bench.desk.view(ref.id).notes) == 1


def test_what_is_not_there_and_what_we_may_not_see_are_the_same_to_us(bench: Bench) -> None:
    ticket, _ = bench.open(project="DEV")
    bench.desk.site.rights.take("BROWSE_PROJECTS", project="DEV")
    with pytest.raises(Refused, match="not there, or not visible") as caught:
        bench.client.fetch(ticket.ref, NOTHING, NOW)
    assert caught.value.gone
    assert refused(bench, bench.plan(ticket, priority=None)[0], ticket).gone


# --- the whole site -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("asking", [True, False], ids=["asking", "writing"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(do="404", body="<html><title>Page not found</title></html>"),
        Fault(do="404", body={"timestamp": 1, "status": 404, "error": "Not Found", "path": "/ex/jira/0"}),
        Fault(do="404", body={"message": "null for uri: https://x/rest/api/2/issue/1", "status-code": 404}),
        Fault(do="302"),
        Fault(do="401"),
        Fault(do="403", headers={"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://x/login"}),
        Fault(do="200", headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, body={"id": "1"}),
        Fault(do="404", headers={"X-Seraph-LoginReason": "OUT"}, body={"errorMessages": ["Issue does not exist"]}),
    ],
    ids=["another page", "gateway", "no such api", "elsewhere", "unknown", "captcha", "anonymous", "logged out"],
)
def test_a_site_that_is_not_there_or_does_not_know_us_loses_no_ticket(cloud: Bench, fault: Fault, asking: bool) -> None:
    ticket, ref = cloud.open()
    call = cloud.plan(ticket, priority=None)[0]
    cloud.desk.faults.add(replace(fault, match=r"GET .*/issue/\d+$" if asking else "PUT"))
    with pytest.raises(TryLater) as caught:
        _ = cloud.client.fetch(ref, NOTHING, NOW) if asking else cloud.client.carry_out(call, ticket)
    assert (caught.value.after, caught.value.site_wide) == (300, True)
    cloud.client.carry_out(call, ticket)
    assert cloud.desk.view(ref.id).edits == 1


@pytest.mark.parametrize("number", [0, 1, 2], ids=["edit", "watch", "note"])
def test_a_page_instead_of_an_answer_is_no_answer(bench: Bench, number: int) -> None:
    ticket, ref = bench.open()
    target = {"assignee": bench.desk.person("ben"), "watchers": [bench.desk.person("eva")]}
    call = bench.plan(ticket, target=target, priority=None)[number]
    bench.desk.faults.add(Fault(do="html"))
    with pytest.raises(TryLater) as caught:
        bench.client.carry_out(call, ticket)
    assert caught.value.sent  # nobody knows; it is looked for
    assert bench.client.look(call, ref) is None


def test_jiras_own_limit_of_writes_to_one_issue_is_kept_before_it_is_broken(cloud: Bench) -> None:
    (ticket, _), (other, _) = cloud.open(), cloud.open()
    call = cloud.plan(ticket, priority=None)[0]
    with pytest.raises(TryLater) as caught:
        _ = [cloud.client.carry_out(call, ticket) for _ in range(21)]
    assert (caught.value.paced, caught.value.sent, caught.value.site_wide) == (True, False, False)
    cloud.client.carry_out(call, other)
    writes = [r for r in cloud.desk.requests if r.method == "PUT"]
    assert all(r.status == 204 for r in writes)
    assert len(writes) < 20
    cloud.time[0] += 2.5
    cloud.client.carry_out(call, ticket)


def test_what_an_answer_says_of_limits_holds_for_all_threads_of_the_site(cloud: Bench) -> None:
    ticket, ref = cloud.open()
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "100", "X-RateLimit-Interval-Seconds": "9"}
    cloud.desk.faults.add(Fault(do="429", match="PUT", retry_after="9", headers=headers))
    with pytest.raises(TryLater):
        cloud.client.carry_out(cloud.plan(ticket, priority=None)[0], ticket)
    asked = len(cloud.desk.requests)
    with pytest.raises(TryLater) as caught:
        cloud.client.fetch(ref, NOTHING, NOW)
    assert caught.value.after == pytest.approx(9)
    assert len(cloud.desk.requests) == asked
    cloud.time[0] += 9
    cloud.client.fetch(ref, NOTHING, NOW)


def test_every_request_is_counted_for_the_thread_that_sent_it(bench: Bench) -> None:
    before = bench.client.asked()
    ref = TicketRef(vendor="jira", site="here", id=bench.desk.open_ticket("a", "b"))
    bench.client.fetch(ref, NOTHING, NOW)
    assert bench.client.asked() - before == len(bench.desk.requests)
