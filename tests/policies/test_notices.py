"""Who is told what, outside the ticket: when it moves, and by rules that leave it alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from policies.case import Facts
from policies.commands import Mode

LEVELS = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, expected_resolution: 4h, tell: [a@acme.example]}
  - {level: 3, name: Three, take: oversight, targets: {desk: {followers: [b]}}, tell: [a@acme.example, b@acme.example]}
"""
ONLY_TELLS = "  - {name: bad rating, when: {tags: bad}, tell: [lead@acme.example]}"


def told(decision: Any) -> list[tuple[str, list[str]]]:
    return [(notice.occasion.value, [str(who) for who in notice.to]) for notice in decision.notices]


def test_a_rule_that_only_tells_leaves_the_ticket_alone_and_tells_once(say: Any) -> None:
    tested = say.desk(say.ladder(ONLY_TELLS, LEVELS))
    tested.look(0, say.born())
    decision = tested.look(5, say.changed("t", 5, tag=(None, "bad")))
    assert decision.command is None
    assert tested.level == 1
    assert told(decision) == [("rule", ["lead@acme.example"])]
    [notice] = decision.notices
    assert notice.subject == "#1: level 1 · One: bad rating"
    assert notice.note.text.splitlines()[0] == "Bad rating."
    assert told(tested.look(60)) == []
    tested.look(61, say.changed("t2", 61, tag=("bad", None)))
    assert told(tested.look(62, say.changed("t3", 62, tag=(None, "bad")))) == [("rule", ["lead@acme.example"])]


def test_a_rule_that_only_tells_is_looked_at_when_its_time_comes(say: Any) -> None:
    tested = say.desk(say.ladder("  - {name: slow, when: {unanswered_for: 40m}, tell: [lead@acme.example]}", LEVELS))
    assert tested.look(0, say.born()).next_look == say.at(40)
    assert told(tested.look(40)) == [("rule", ["lead@acme.example"])]
    assert tested.decision.next_look is None


def test_what_a_telling_rule_cannot_know_yet_is_asked_for(say: Any) -> None:
    tested = say.desk(say.ladder("  - {name: tell, when: {product: mail}, tell: [lead@acme.example]}", LEVELS))
    tested.vendor = say.full(product="mail")
    tested.look(0, say.event("created", 0, ticket=say.part(status="new", group="11", level=1)))
    assert tested.asked == [frozenset({"product"})]


def test_an_escalation_tells_the_level_and_the_rules_people_once_each(say: Any) -> None:
    rule = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 3, tell: [b@acme.example, c@acme.example]}"
    tested = say.desk(say.ladder(rule, LEVELS))
    tested.look(0, say.born())
    decision = tested.look(30)
    assert told(decision) == [("escalated", ["a@acme.example", "b@acme.example", "c@acme.example"])]
    assert decision.notices[0].operation != decision.command.operation  # each message can be recognised


def test_a_message_names_the_issue_the_level_and_the_expected_resolution_time(say: Any) -> None:
    tested = say.desk(say.ladder("  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}", LEVELS))
    tested.look(0, say.born(url="https://desk.example/1", subject="Password: hunter2 does not work"))
    [notice] = tested.look(30).notices
    text = notice.note.text
    assert "Issue: #1 “Password: " in text
    assert "hunter2" not in text
    assert "Level: 2 · Two" in text
    assert "Expected resolution: by Mon 01 Mar 13:30 UTC" in text
    assert "Why: waits: unanswered for 30 min (limit 30m)." in text
    assert "Open: https://desk.example/1" in text
    assert text.splitlines()[-1].endswith(f"op {notice.operation}")


def test_a_message_without_a_promise_says_so(say: Any) -> None:
    tested = say.desk(say.ladder(ONLY_TELLS, LEVELS))
    tested.look(0, say.born())
    [notice] = tested.look(5, say.changed("t", 5, tag=(None, "bad"))).notices
    assert "Expected resolution: none was set" in notice.note.text


@pytest.mark.parametrize("subject", ["a\r\nBcc: all@acme.example", "x" * 4000, "\u2028two\u2029lines", ""])
def test_a_subject_is_one_short_line_whatever_the_ticket_is_called(say: Any, subject: str) -> None:
    tested = say.desk(say.ladder(ONLY_TELLS, LEVELS))
    tested.look(0, say.born(subject=subject, key=f"#1{subject}"))
    [notice] = tested.look(5, say.changed("t", 5, tag=(None, "bad"))).notices
    assert len(notice.subject.splitlines()) == 1
    assert len(notice.subject) <= 150


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.NOTE])
def test_unless_stepladder_may_act_nobody_is_told(say: Any, mode: Mode) -> None:
    rules = ONLY_TELLS + "\n  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
    tested = say.desk(say.ladder(rules, LEVELS), Facts(mode=mode))
    tested.look(0, say.born(tags=("bad",)))
    assert told(tested.look(30)) == []


def test_while_all_is_paused_nobody_is_told_and_nothing_is_forgotten(say: Any) -> None:
    tested = say.desk(say.ladder(ONLY_TELLS, LEVELS), Facts(paused="a look at it"))
    tested.look(0, say.born())
    assert told(tested.look(5, say.changed("t", 5, tag=(None, "bad")))) == []
    tested.facts = replace(tested.facts, paused=None)
    assert told(tested.look(6)) == [("rule", ["lead@acme.example"])]


def test_a_date_that_no_calendar_knows_is_no_promise_and_no_accident(say: Any) -> None:
    tested = say.desk(say.ladder(ONLY_TELLS, LEVELS))
    tested.look(0, say.born(due_at=datetime.max.replace(tzinfo=UTC)))
    [notice] = tested.look(5, say.changed("t", 5, tag=(None, "bad"))).notices
    assert "Expected resolution: none was set" in notice.note.text
