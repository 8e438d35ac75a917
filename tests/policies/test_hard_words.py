"""Words that go to and fro: whose word counts, for which move and how long; which messages go out, and which do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.case import Facts, Used
from policies.commands import Mode
from policies.model import Actor, Role

WAITS = "  - {name: waits, when: {unanswered_for: 30m}, go_to: 2}"
VIP = "  - {name: vip, when: {tags: vip}, go_to: 4}"
STEPS = "  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}"
TELLS = "  - {name: tells, when: {unanswered_for: 30m}, tell: lead@acme.example}"
ONE = "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
TWO = "  - {level: 2, name: Two, targets: {desk: {group: Experts}}}\n"
REMINDED = TWO.replace(
    "}}}", "}}, tell: two@acme.example, taken_within: 30m, if_not_taken: {remind_every: 15m, at_most: 2}}"
)
AGREED = """\
  - {level: 3, name: Three, targets: {desk: {group: Leads}}, needs_confirmation: escalation_manager}
  - {level: 4, name: Four, targets: {desk: {group: Kitchen}}, needs_confirmation: escalation_manager}
"""
OPEN = ONE + TWO + AGREED.replace(", needs_confirmation: escalation_manager", "")


def desk(say: Any, rules: str, levels: str = ONE + TWO + AGREED, more: str = "", **facts: Any) -> Any:
    tested = say.desk(say.ladder(rules, levels, more), Facts(**facts))
    tested.look(0, say.born(priority="low"))
    return tested


def tags(say: Any, tested: Any, when: float, before: str | None = None, after: str | None = "vip") -> Any:
    return tested.look(when, say.changed(f"tag{when}", when, tag=(before, after)))


def says(say: Any, tested: Any, when: float, text: str, who: Any = None) -> Any:
    return tested.look(when, say.said(f"said{when}", when, who or say.eva, text, public=False))


def occasions(decision: Any) -> list[str]:
    return [notice.occasion.value for notice in decision.notices]


# --- whose word -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("people", "who", "name", "counts", "_reason"),
    [
        ("77", "77", "Ada Berg", True, "an id"),
        ("77", "12", "77", False, "somebody who calls themselves like an id"),
        ("Ada Berg", "77", "ada berg", True, "a name in other letters"),
        ("557058:a1", "557058:A1", "Ada", False, "an id in other letters is another one"),
        ("557058:a1", "557058:a1", None, True, "an account whose name is not told"),
        ("Ada Berg", "77", None, False, "a name that is not told"),
        ("aberg", "aberg", "Ada Berg", True, "an id without figures, as where people have user names"),
    ],
)
def test_a_role_lists_ids_and_names_and_takes_none_for_the_other(
    say: Any, people: str, who: str, name: str | None, counts: bool, _reason: str
) -> None:
    policy = say.ladder(VIP, ONE + TWO + AGREED)
    role = replace(policy.roles["escalation_manager"], people=(people,))
    for text in ("/confirm", "/escalate 4"):
        tested = say.desk(replace(policy, roles={"escalation_manager": role}))
        tested.look(0, say.born())
        tags(say, tested, 1)
        says(say, tested, 2, text, Actor(id=who, role=Role.AGENT, name=name))
        assert (tested.level == 4) is counts, text


# --- which move a word is about -------------------------------------------------------------------------------
def test_a_word_that_was_given_before_the_cause_is_about_something_else(say: Any) -> None:
    for word in ("/confirm", "/confirm 4", "/decline", "/escalate 4"):
        tested = desk(say, VIP)
        says(say, tested, 1, word)
        tags(say, tested, 2)
        assert (tested.level, [hold.level for hold in tested.case.held]) == (1, [4]), word


def test_a_word_that_was_given_between_the_cause_and_the_look_counts(say: Any) -> None:
    tested = desk(say, VIP)
    confirms = say.said("c", 6, say.eva, "/confirm", public=False)
    tested.look(9, say.changed("tag", 5, tag=(None, "vip")), confirms)
    assert tested.level == 4


@pytest.mark.parametrize(("word", "level"), [("/escalate 3", 1), ("/confirm 3", 1), ("/escalate 9", 4)])
def test_a_word_about_another_level_does_not_confirm(say: Any, word: str, level: int) -> None:
    tested = desk(say, VIP)
    tags(say, tested, 1)
    assert says(say, tested, 2, word).case.level == level  # there is no level 9, so that the highest was meant


def test_a_confirmation_counts_once_and_not_for_the_next_level(say: Any) -> None:
    tested = desk(say, VIP.replace("4", "3") + "\n  - {name: on, when: {at_level_for: 30m, level: 3}, go_to: 4}")
    tags(say, tested, 1)
    says(say, tested, 2, "/confirm")
    tested.written(2)
    assert tested.level == 3
    assert occasions(tested.look(32)) == ["confirmation"]
    assert (tested.level, [hold.level for hold in tested.case.held]) == (3, [4])


@pytest.mark.parametrize("word", ["/confirm", "/decline"])
def test_a_rule_that_fires_again_needs_a_word_of_its_own(say: Any, word: str) -> None:
    more = "come_down: [{name: low, from: 4, when: {priority: low}, for: 1h, go_to: 1}]"
    tested = desk(say, VIP.replace("4}", "4, again: after 3h}"), more=more)
    tags(say, tested, 1)
    says(say, tested, 2, word)
    if word == "/confirm":
        tested.written(2)
        assert tested.look(62).case.level == 1
        tested.written(62)
    assert tested.case.held == ()
    tested.look(190)
    assert (tested.level, [hold.level for hold in tested.case.held]) == (1, [4])


def test_a_confirmation_stays_when_another_cause_joins(say: Any) -> None:
    rules = "  - {name: slow, when: {any: [{unanswered_for: 10m}, {unresolved_for: 40m}]}, go_to: 4}"
    rules += "\n  - {name: two, when: {unanswered_for: 5m}, go_to: 2}"
    tested = desk(say, rules, more="guards: {min_time_between: 45m}")
    tested.look(5)
    tested.written(5)
    tested.look(10)
    says(say, tested, 20, "/confirm")
    assert tested.look(40).case.level == 2
    assert tested.look(50).case.level == 4


def test_one_word_is_about_all_rules_that_want_the_same_move(say: Any) -> None:
    rules = VIP + "\n  - {name: big, when: {tags: vip}, go_to: 4}"
    for word, level in (("/decline", 1), ("/confirm", 4)):
        tested = desk(say, rules)
        tags(say, tested, 1)
        says(say, tested, 2, word)
        assert (tested.level, tested.case.held) == (level, ())


@pytest.mark.parametrize(("words", "level"), [(("/confirm", "/decline"), 1), (("/decline", "/confirm"), 4)])
def test_of_several_words_the_last_one_counts(say: Any, words: tuple[str, str], level: int) -> None:
    tested = desk(say, VIP)
    spoken = [say.said(text, when, say.eva, text, public=False) for when, text in enumerate(words, start=2)]
    tested.look(9, say.changed("tag", 1, tag=(None, "vip")), *spoken)
    assert tested.level == level


def test_people_are_asked_to_confirm_once_whatever_else_holds_it_in_between(say: Any) -> None:
    tested = desk(say, VIP, more="guards: {never: {status: pending}}")
    found = occasions(tags(say, tested, 1))
    for when, change in ((10, ("new", "pending")), (15, ("pending", "open")), (20, ("open", "pending"))):
        found += occasions(tested.look(when, say.changed(f"s{when}", when, status=change)))
    found += occasions(tested.look(25, say.changed("s25", 25, status=("pending", "open"))))
    assert found == ["confirmation"]


def test_a_snooze_is_not_forgotten_for_what_others_without_the_role_say(say: Any) -> None:
    tested = desk(say, WAITS)
    says(say, tested, 1, "/snooze 10h")
    for when in range(2, 12):
        says(say, tested, when, "/release", say.tom)
    assert tested.look(40).case.level == 1


# --- messages ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["observe", "note"])
def test_a_rule_on_trial_sends_no_message(say: Any, mode: str) -> None:
    trial = TELLS.replace("tell:", f"mode: {mode}, tell:")
    tested = desk(say, trial + "\n" + TELLS.replace("tells", "real").replace("lead@", "real@"))
    assert [str(who) for notice in tested.look(30).notices for who in notice.to] == ["real@acme.example"]


def test_what_a_rule_tells_again_is_another_message(say: Any) -> None:
    tested = desk(say, TELLS.replace("tell:", "again: after 1h, tell:"))
    first, second = tested.look(30).notices, tested.look(90).notices
    assert len({first[0].operation, second[0].operation}) == 2


def test_the_people_of_a_rule_that_another_one_outdoes_are_told_all_the_same(say: Any) -> None:
    rules = (
        WAITS.replace("2}", "2, tell: lead@acme.example}") + "\n" + WAITS.replace("waits", "high").replace("2}", "3}")
    )
    tested = desk(say, rules, ONE + TWO + AGREED.replace(", needs_confirmation: escalation_manager", ""))
    decision = tested.look(30)
    assert tested.level == 3
    assert [(notice.rule, [str(who) for who in notice.to]) for notice in decision.notices] == [
        ("waits", ["lead@acme.example"])
    ]


def test_what_only_tells_is_told_though_a_person_moved_the_ticket_just_then(say: Any) -> None:
    tested = desk(say, "  - {name: tells, when: {tags: vip}, tell: lead@acme.example}")
    moved = say.changed("move", 5, say.eva, group=("11", "12"))
    assert occasions(tested.look(5, say.changed("tag", 4, tag=(None, "vip")), moved)) == ["rule"]


def test_a_paused_message_is_shown_as_held_and_sent_when_the_pause_ends(say: Any) -> None:
    tested = desk(say, TELLS, paused_rules={"tells": "too many"})
    tested.look(30)
    assert [(hold.rule, hold.reason) for hold in tested.case.held] == [("tells", "paused: too many")]
    tested.facts = Facts()
    assert occasions(tested.look(50)) == ["rule"]


@pytest.mark.parametrize("paused", [{"paused": "x"}, {"paused_rules": {"not taken at level 2": "x"}}])
def test_paused_reminders_are_shown_as_held_and_only_the_last_one_is_sent_later(say: Any, paused: Any) -> None:
    tested = desk(say, STEPS, ONE + REMINDED)
    says(say, tested, 1, "/escalate 2", say.tom)
    tested.written(1)
    tested.facts = Facts(**paused)
    for when in (31, 46):
        assert occasions(tested.look(when)) == []
        assert [hold.rule for hold in tested.case.held] == ["not taken at level 2"]
    tested.facts = Facts()
    [notice] = tested.look(50).notices
    assert "reminder 2 of 2" in notice.subject


# --- on trial ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["observe", "note"])
@pytest.mark.parametrize("where", ["rule", "level"])
def test_what_is_on_trial_moves_nothing_and_nobody_hears_of_it(say: Any, mode: str, where: str) -> None:
    trial, level = f"2, mode: {mode}}}", f"}}}}, mode: {mode}, tell: two@acme.example}}"
    rule = WAITS.replace("2}", trial) if where == "rule" else WAITS
    more = "come_down: [{name: answered, from: 2, when: {answered: true}, for: 1h, go_to: 1}]"
    tested = desk(say, rule, ONE + (TWO.replace("}}}", level) if where == "level" else TWO), more)
    decision = tested.look(30)
    shown = decision.observed or decision.command
    assert (shown.level, shown.mode) == (2, Mode(mode))
    assert (decision.command is None) is (mode == "observe")
    assert (tested.level, tested.case.moves, tested.case.pending, decision.notices) == (1, 0, (), ())
    says(say, tested, 40, "ok")
    assert tested.look(100).command is None
    assert occasions(tested.decision) == []


@pytest.mark.parametrize("mode", ["observe", "note"])
@pytest.mark.parametrize("later", [30, 40], ids=["at the same time", "later"])
def test_a_rule_on_trial_takes_no_other_rules_place(say: Any, mode: str, later: int) -> None:
    rules = (
        WAITS.replace("2}", f"4, mode: {mode}}}")
        + f"\n  - {{name: real, when: {{unanswered_for: {later}m}}, go_to: 2}}"
    )
    tested = desk(say, rules, ONE + TWO + AGREED.replace(", needs_confirmation: escalation_manager", ""))
    tested.look(30)
    decision = tested.look(later) if later > 30 else tested.decision
    assert (tested.level, decision.command.mode, decision.fired[0]) == (2, Mode.ACT, "real")


@pytest.mark.parametrize(("mode", "reserves"), [("act", True), ("note", False), ("observe", False)])
def test_only_a_move_that_is_made_takes_from_a_levels_budget(say: Any, mode: str, reserves: bool) -> None:
    more = "guards: {level_budget: {level: 2, at_most: 3, per: 1h, then: hold}}"
    used = {2: Used(count=1, free_at=say.at(50))}
    tested = desk(say, WAITS, more=more, used=used, mode=Mode(mode))
    decision = tested.look(30)
    assert tested.level == 2
    assert (decision.reserves is not None) is reserves
