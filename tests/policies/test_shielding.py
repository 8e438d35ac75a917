"""What a note says where somebody outside can read internal notes, and that it is asked before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.case import Decision, Facts, Needs
from policies.commands import Mode
from policies.decide import decide

RULES = "  - {name: vip, when: {tags: vip}, go_to: 2}"
DOWN = "come_down: [{name: done, from: 2, when: {tags: done}, for: 1h, go_to: 1}]"
GLOBEX = "Globex, who shares the ticket"
NO_NOTE = "guards: {exposed_notes: none}"


def upset(say: Any, more: str = "", mode: Mode = Mode.ACT, **told: Any) -> Any:
    """A ticket with a customer's words on it, about to go up by its tag."""
    desk = say.desk(say.ladder(RULES, more=more), Facts(mode=mode))
    desk.look(0, say.event("first", 0, ticket=say.full(say.at(0), **told)))
    desk.look(1, say.said("c", 1, say.ana, text="our secret plan leaked"))
    return desk


def up(desk: Any, say: Any) -> Decision:
    return desk.look(2, say.changed("tag", 2, tag=(None, "vip")))


@pytest.mark.parametrize(("mode", "asked"), [(Mode.ACT, True), (Mode.NOTE, True), (Mode.OBSERVE, False)])
def test_who_reads_the_note_is_asked_each_time_one_would_be_written(say: Any, mode: Mode, asked: bool) -> None:
    desk = upset(say, mode=mode)
    assert desk.case.ticket.knows("exposed"), "it was told once, and may be otherwise by now"
    event = say.changed("tag", 2, tag=(None, "vip"))
    found = decide(desk.policy, desk.case, [event], Facts(mode=mode), say.at(2))
    assert (isinstance(found, Needs) and found.fields == {"exposed"}) is asked
    once = Facts(mode=mode, fetched=frozenset({"exposed"}))
    assert isinstance(decide(desk.policy, desk.case, [event], once, say.at(2)), Decision), "a vendor that never tells"


def test_what_an_event_of_the_same_look_tells_needs_no_asking(say: Any) -> None:
    desk = upset(say)
    event = say.changed("tag", 2, tag=(None, "vip"))
    told = replace(event, ticket=say.part(say.at(2), tags=("vip",), exposed=GLOBEX))
    found = decide(desk.policy, desk.case, [told], Facts(), say.at(2))
    assert isinstance(found, Decision)
    assert found.warnings == (f"the note is kept short: {GLOBEX} can read internal notes",)


def test_a_note_that_nobody_outside_reads_is_whole(say: Any) -> None:
    decision = up(upset(say), say)
    assert "secret plan" in decision.command.note.text
    assert decision.warnings == ()


@pytest.mark.parametrize("mode", [Mode.ACT, Mode.NOTE])
def test_a_note_that_others_read_says_the_level_and_the_operation_only(say: Any, mode: Mode) -> None:
    decision = up(upset(say, mode=mode, exposed=GLOBEX), say)
    assert decision.command.note.text.splitlines() == [
        f"▲ Level 2. This note is short, because {GLOBEX} can read it.",
        f"Stepladder · policy {decision.command.note.text.split('policy ')[1]}",
    ]
    assert decision.command.operation in decision.command.note.text
    assert decision.warnings == (f"the note is kept short: {GLOBEX} can read internal notes",)


def test_a_policy_may_leave_the_note_out_and_the_ticket_moves_all_the_same(say: Any) -> None:
    decision = up(upset(say, NO_NOTE, exposed=GLOBEX), say)
    assert decision.command.note is None
    assert (decision.case.level, dict(decision.command.target)) == (2, {"group": "Experts"})
    assert decision.warnings == (f"the note is left out: {GLOBEX} can read internal notes",)


def test_where_only_notes_are_written_the_short_one_is(say: Any) -> None:
    assert up(upset(say, NO_NOTE, Mode.NOTE, exposed=GLOBEX), say).command.note is not None


def test_the_note_of_the_way_down_is_short_too(say: Any) -> None:
    desk = upset(say, DOWN, exposed=GLOBEX)
    up(desk, say)
    desk.written(2)
    desk.look(3, say.changed("done", 3, tag=(None, "done")))
    note = desk.look(63).command.note.text
    assert note.startswith(f"▼ Level 1. This note is short, because {GLOBEX} can read it.\nStepladder")


def test_people_who_are_told_by_mail_are_told_everything(say: Any) -> None:
    levels = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
    levels += "  - {level: 2, name: Two, targets: {desk: {group: Experts}}, tell: lead@acme.example}\n"
    desk = say.desk(say.ladder(RULES, levels))
    desk.look(0, say.event("first", 0, ticket=say.full(say.at(0), exposed=GLOBEX)))
    (notice,) = up(desk, say).notices
    assert "vip" in notice.note.text
