"""An issue moves from a plain into a service project while we believe otherwise: no customer ever reads our note."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.contract import Call, Outcome, Refused, TryLater
from connectors.faults import Fault
from connectors.jira.comments import Comments
from connectors.jira.picture import comment
from connectors.jira.records import FIELDS
from connectors.jira.writeback import EDIT
from policies.model import Ticket, TicketRef
from tests.connectors.jira_bench import Bench

NOTE = "POST .*/comment"
BY_ITS_ISSUE = r"GET .*/issue/\d+$"


def planned(bench: Bench) -> tuple[Ticket, TicketRef, Call, Call]:
    """Open an issue in a plain project and plan what is to be written to it."""
    ticket, ref = bench.open(project="DEV")
    assert ticket.portal is False
    edit, note = bench.plan(ticket, priority=None)
    return ticket, ref, edit, note


def stands(bench: Bench, ref: TicketRef, notes: int = 1) -> None:
    """Prove that customers read nothing of ours, and how many notes agents read."""
    view = bench.desk.view(ref.id)
    assert (len(view.notes), view.replies) == (notes, ())


@pytest.mark.parametrize("request_type", ["Get IT help", None], ids=["request", "no request"])
@pytest.mark.parametrize("after", [0, 1], ids=["before the fields", "before the note"])
def test_a_note_planned_for_a_plain_project_is_internal_where_the_issue_is_now(
    bench: Bench, after: int, request_type: str | None
) -> None:
    ticket, ref, *calls = planned(bench)
    for number, call in enumerate(calls):
        if number == after:
            bench.desk.agent_moves(ref.id, "ITSM")
            bench.desk.site.find(ref.id)["custom"][FIELDS["request_type"]] = request_type
        bench.client.carry_out(call, ticket)
    stands(bench, ref)
    assert bench.client.look(calls[-1], ref) is not None


@pytest.mark.parametrize("do", ["503", "cut", "500"])
def test_a_note_that_waited_while_the_issue_moved_is_internal(bench: Bench, do: str) -> None:
    ticket, ref, _, note = planned(bench)
    bench.desk.faults.add(Fault(do=do, match=NOTE, retry_after="30"))
    with pytest.raises(TryLater):
        bench.client.carry_out(note, ticket)
    bench.desk.agent_moves(ref.id, "ITSM")
    bench.time[0] += 30
    assert bench.client.look(note, ref) is None
    bench.client.carry_out(note, ticket)
    stands(bench, ref)


def test_a_note_whose_answer_was_lost_before_the_move_is_found_and_is_internal(bench: Bench) -> None:
    ticket, ref, _, note = planned(bench)
    bench.desk.faults.add(Fault(do="cut_after", match=NOTE))
    with pytest.raises(TryLater) as later:
        bench.client.carry_out(note, ticket)
    assert later.value.sent
    bench.desk.agent_moves(ref.id, "ITSM")
    assert bench.client.look(note, ref) is not None
    stands(bench, ref)


def test_where_jira_does_not_heed_the_mark_the_note_is_withdrawn_with_an_alarm(bench: Bench) -> None:
    ticket, ref, _, note = planned(bench)
    bench.desk.site.internal_turns_public = True
    bench.desk.agent_moves(ref.id, "ITSM")
    with pytest.raises(Refused, match="ALARM") as refused:
        bench.client.carry_out(note, ticket)
    assert refused.value.applied
    assert refused.value.parts == {"note"}
    stands(bench, ref, notes=0)


def test_a_public_note_that_was_written_before_the_move_is_withdrawn_when_it_is_found(bench: Bench) -> None:
    ticket, ref, _, note = planned(bench)
    bench.desk.site.internal_turns_public = True
    bench.desk.faults.add(Fault(do="cut_after", match=NOTE))
    with pytest.raises(TryLater):
        bench.client.carry_out(note, ticket)
    bench.desk.agent_moves(ref.id, "ITSM")
    with pytest.raises(Refused, match="ALARM"):
        bench.client.look(note, ref)
    stands(bench, ref, notes=0)


def test_an_edit_that_was_stored_with_a_note_sends_it_apart(bench: Bench) -> None:
    ticket, ref, edit, note = planned(bench)
    both = replace(edit, parts={**edit.parts, "note": True}, note=note.note, repeatable=False)
    bench.desk.agent_moves(ref.id, "ITSM")
    assert bench.client.look(both, ref) is None
    outcome = bench.client.carry_out(both, ticket)
    assert (both.verb, outcome.resolved["assignee"]) == (EDIT, bench.desk.person("ben"))
    stands(bench, ref)
    assert isinstance(bench.client.look(both, ref), Outcome)
    assert bench.desk.view(ref.id).level == 2


def test_a_note_of_a_plain_project_stays_internal_when_the_issue_moves_later(bench: Bench) -> None:
    ticket, ref, _, note = planned(bench)
    bench.client.carry_out(note, ticket)
    bench.desk.agent_moves(ref.id, "ITSM")
    stands(bench, ref)


# --- asking who reads it ------------------------------------------------------------------------------------
@pytest.mark.parametrize("do", ["503", "429", "cut"])
def test_a_question_that_fails_after_the_note_writes_no_second_one(cloud: Bench, do: str) -> None:
    ticket, ref, _, note = planned(cloud)
    cloud.desk.faults.add(Fault(do=do, match=BY_ITS_ISSUE, retry_after="9"))
    with pytest.raises(TryLater) as later:
        cloud.client.carry_out(note, ticket)
    assert later.value.sent
    cloud.time[0] += 9
    assert cloud.client.look(note, ref) is not None
    stands(cloud, ref)


def test_a_note_of_which_nobody_can_say_who_reads_it_is_an_alarm(cloud: Bench) -> None:
    ticket, _, _, note = planned(cloud)
    body = {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}
    cloud.desk.faults.add(Fault(do="404", match=BY_ITS_ISSUE, body=body))
    with pytest.raises(Refused, match="ALARM: whether customers can read") as refused:
        cloud.client.carry_out(note, ticket)
    assert (refused.value.gone, refused.value.applied) == (True, True)


def test_a_plain_projects_note_carries_the_mark_and_cloud_calls_it_public_all_the_same(cloud: Bench) -> None:
    ticket, ref, _, note = planned(cloud)
    cloud.client.carry_out(note, ticket)
    (told,) = Comments(cloud.client.line).newest(ref)["comments"]
    assert told["jsdPublic"] is True
    assert {"key": "sd.public.comment", "value": {"internal": True}} in told["properties"]
    read = comment(told, {"project": {"projectTypeKey": "software"}})
    assert read is not None
    assert (read.public, read.among_staff) == (True, True)
