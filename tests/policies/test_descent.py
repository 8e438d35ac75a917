"""Coming down: when the reason has been gone long enough, giving back only what nobody changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.case import Decision, Facts
from policies.commands import Mode
from policies.model import Change, Event, Kind, Named

RULES = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
DOWN = "come_down:\n  - {name: answered, from: 2, when: {answered: true}, for: 1h, go_to: 1}\n"
LEVELS = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, priority: {at_least: high}, tell: lead@acme.example}
  - {level: 3, name: Three, targets: {desk: {group: Leads}}}
"""


def escalated(say: Any, more: str = DOWN, rules: str = RULES, **told: Any) -> Any:
    """A ticket that came to level 2 at 30 minutes, written and echoed."""
    tested = say.desk(say.ladder(rules, LEVELS, more))
    tested.look(0, say.born(**told))
    tested.look(30)
    tested.written(30)
    assert tested.level == 2
    return tested


def test_a_ticket_comes_down_when_the_reason_has_been_gone_for_long_enough(say: Any) -> None:
    tested = escalated(say, priority="normal")
    decision = tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    assert decision.next_look == say.at(100)
    assert tested.look(99).case.level == 2
    decision = tested.look(100)
    assert tested.level == 1
    command = decision.command
    assert (command.level_before, command.level) == (2, 1)
    assert command.restore == {"group": "11"}
    assert command.priority.word == "normal"
    assert decision.why == "answered: answered yes, for 1 h (limit 1h)"
    assert command.note.text.splitlines()[0] == "▼ Level 1 · One: the escalation is over."
    assert "level 2 → 1; back to where it was before; priority high → normal" in command.note.text
    [told] = decision.notices
    assert (told.occasion.value, [str(who) for who in told.to]) == ("came_down", ["lead@acme.example"])


def test_a_reason_that_comes_back_begins_its_time_anew(say: Any) -> None:
    tested = escalated(say)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    tested.look(60, say.said("c2", 60, say.ana, "No!"))
    tested.look(70, say.said("c3", 70, say.eva, "Now?"))
    assert tested.look(100).case.level == 2
    assert tested.look(129).case.level == 2
    assert tested.look(130).case.level == 1


def test_a_ticket_that_a_person_gave_to_somebody_stays_with_them(say: Any) -> None:
    tested = escalated(say, priority="normal")
    tested.look(35, say.changed("take", 35, say.eva, assignee=(None, "eva")))
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    command = tested.look(100).command
    assert command.restore == {}
    assert command.take.value == "oversight"  # the level falls; the ticket stays where it is
    assert command.priority.word == "normal"


@pytest.mark.parametrize(
    ("shown", "restored"), [(("12", "Experts"), {"group": "11"}), (("19", "Kitchen"), {})], ids=["ours", "another"]
)
def test_what_we_wrote_by_its_name_is_still_ours_once_a_fetch_shows_its_id(
    say: Any, shown: tuple[str, str], restored: dict[str, str]
) -> None:
    tested = say.desk(say.ladder(RULES, LEVELS, DOWN))
    tested.look(0, say.born(priority="normal"))
    tested.look(30)
    tested.written(30, echo=False)
    wrote = say.changed("wrote", 30, say.ours, priority=(None, "high"), level=("1", "2"))
    by_name = Change(field="group", after="Experts", after_name="Experts")
    tested.look(30, replace(wrote, changes=(*wrote.changes, by_name)))
    assert tested.case.ticket.group == Named(id="Experts", name="Experts"), "what we wrote has no id yet"
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    fetched = replace(tested.case.ticket, group=Named(id=shown[0], name=shown[1]), as_of=say.at(99))
    event = Event(id="f", kind=Kind.FETCHED, at=say.at(99), received_at=say.at(99), ticket=fetched)
    assert tested.look(100, event).command.restore == restored


def test_a_priority_that_a_person_set_is_not_given_back(say: Any) -> None:
    tested = escalated(say, priority="normal")
    tested.look(35, say.changed("p", 35, say.eva, priority=("high", "urgent")))
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    command = tested.look(100).command
    assert command.priority is None
    assert command.restore == {"group": "11"}


def test_a_priority_that_was_not_set_before_cannot_be_given_back(say: Any) -> None:
    tested = escalated(say)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    assert tested.look(100).command.priority is None


def test_a_level_that_a_person_chose_is_not_left(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, LEVELS, DOWN))
    tested.look(0, say.born())
    tested.look(5, say.changed("move", 5, group=("11", "12")))
    assert tested.level == 2
    tested.look(10, say.said("c1", 10, say.eva, "Solved?"))
    decision = tested.look(300)
    assert (tested.level, decision.command) == (2, None)


def test_what_came_down_does_not_climb_again_for_the_same_cause(say: Any) -> None:
    tested = escalated(say)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    tested.look(100)
    tested.written(100)
    assert tested.look(600).case.level == 1
    tested.look(601, say.said("c2", 601, say.ana, "It is back"))
    assert tested.look(631).case.level == 2


def test_from_a_jump_it_comes_down_to_the_own_place_of_a_level_where_it_never_was(say: Any) -> None:
    rules = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 3}"
    more = "come_down:\n  - {name: answered, from: 3, when: {answered: true}, for: 1h, go_to: 2}\n"
    tested = say.desk(say.ladder(rules, LEVELS, more))
    tested.look(0, say.born())
    tested.look(30)
    tested.written(30)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    command = tested.look(100).command
    assert (command.level, command.target, command.restore) == (2, {"group": "Experts"}, {})


def test_a_reason_to_climb_comes_before_a_reason_to_come_down(say: Any) -> None:
    rules = RULES + "\n  - {name: outage, when: {tags: outage, at_level_for: 70m}, go_to: 3}"
    tested = escalated(say, rules=rules)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    tested.look(41, say.changed("t", 41, tag=(None, "outage")))
    assert tested.look(100).case.level == 3


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(paused="a look at it"), "paused: a look at it"),
        (Facts(paused_rules={"answered": "too early"}), "paused: too early"),
        (Facts(mode=Mode.OBSERVE), ""),
    ],
    ids=["all paused", "this way paused", "observe"],
)
def test_while_nothing_may_be_written_nothing_comes_down(say: Any, facts: Facts, reason: str) -> None:
    tested = escalated(say)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    tested.facts = facts
    decision = tested.look(100)
    assert decision.command is None
    assert decision.notices == ()
    if reason:
        assert [held.reason for held in decision.case.held] == [reason]


def test_a_ticket_that_a_manager_holds_does_not_come_down(say: Any) -> None:
    tested = escalated(say)
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    tested.look(50, say.said("c2", 50, say.eva, "/hold", public=False))
    decision = tested.look(100)
    assert [held.reason for held in decision.case.held] == ["held here by Eva Lang"]
    assert tested.level == 2


def test_a_move_that_is_still_being_written_is_not_taken_back_in_between(say: Any) -> None:
    tested = say.desk(say.ladder(RULES, LEVELS, DOWN))
    tested.look(0, say.born())
    tested.look(30)  # the writes have not ended
    tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    decision = tested.look(100)
    assert [held.reason for held in decision.case.held] == ["its last move is still being written"]
    assert decision.next_look == say.at(101)


def test_the_next_look_is_when_time_alone_begins_or_ends_a_reason(say: Any) -> None:
    more = "come_down:\n  - {name: quiet, from: 2, when: {no_human_activity_for: 2h}, for: 1h, go_to: 1}\n"
    tested = escalated(say, more)
    decision = tested.look(40, say.said("c1", 40, say.eva, "Solved?"))
    assert isinstance(decision, Decision)
    assert decision.next_look == say.at(160)
    assert tested.look(160).next_look == say.at(220)
    assert tested.look(220).case.level == 1


def test_a_ticket_that_comes_back_to_whoever_has_it_counts_as_taken(say: Any) -> None:
    rules = "  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}"
    rules += "\n  - {name: idle, when: {level: 2, not_taken_for: 30m}, go_to: 3}"
    more = "come_down: [{name: answered, from: 4, when: {answered: true}, for: 1h, go_to: 2}]"
    levels = LEVELS + "  - {level: 4, name: Four, take: oversight, targets: {desk: {followers: [coo]}}}\n"
    for taken in (True, False):
        tested = say.desk(say.ladder(rules, levels, more))
        tested.look(0, say.born())
        tested.look(1, say.said("c1", 1, say.tom, "/escalate 2", public=False))
        tested.written(1)
        if taken:
            tested.look(5, say.changed("take", 5, say.eva, assignee=(None, "eva")))
        tested.look(10, say.said("c2", 10, say.tom, "/escalate 4", public=False))
        tested.written(10)
        tested.look(20, say.said("c3", 20, say.eva, "Solved?"))
        tested.look(80)
        assert tested.level == 2
        tested.written(80)
        tested.look(111)
        assert tested.level == (2 if taken else 3)
