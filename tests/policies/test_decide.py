"""A rule fires once per cause; one look makes one transition; the next look is the first instant that may matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.case import End, Facts
from policies.commands import Mode
from policies.levels import Step
from policies.model import Kind

URGENT = "when: {priority: urgent}, go_to: next_level"
SLOW = "when: {unresolved_for: 1h}, go_to: 2"


def desk_with(say: Any, *rules: str, scope: str = "all", **facts: Any) -> Any:
    return say.desk(say.policy(*rules, scope=scope), facts=Facts(**facts))


# --- causes -----------------------------------------------------------------------------------------------
def test_standing_still_is_no_cause(say: Any) -> None:
    desk = desk_with(say, URGENT)
    desk.look(0, say.born(priority="urgent"))
    desk.written(1)
    for minute in range(2, 30, 7):
        desk.look(minute, say.said(f"c{minute}", minute, say.tom, "Hm", False))
    assert set(desk.levels) == {2}


CAUSES = [
    (
        "a person sets it again",
        [("p", 10, "tom", {"priority": ("urgent", "low")}), ("q", 20, "tom", {"priority": ("low", "urgent")})],
        [2, 2, 3],
    ),
    ("a person only lowers it", [("p", 10, "tom", {"priority": ("urgent", "low")})], [2, 2]),
    ("another field changes", [("p", 10, "tom", {"product": (None, "mail")})], [2, 2]),
    (
        "a trigger sets it again: that is news, too",
        [("p", 10, "bot", {"priority": ("urgent", "low")}), ("q", 20, "bot", {"priority": ("low", "urgent")})],
        [2, 2, 3],
    ),
]


@pytest.mark.parametrize(("_reason", "changes", "levels"), CAUSES)
def test_a_field_that_takes_the_value_again_is_a_new_cause(
    say: Any, _reason: str, changes: Any, levels: list[int]
) -> None:
    desk = desk_with(say, URGENT)
    desk.look(0, say.born(priority="urgent"))
    desk.case = replace(desk.case, pending=())
    for event_id, when, who, told in changes:
        desk.look(when, say.changed(event_id, when, getattr(say, who), **told))
        desk.case = replace(desk.case, pending=())
    assert desk.levels == levels


def test_what_we_wrote_is_no_cause(say: Any) -> None:
    desk = desk_with(say, "when: {tags: outage}, go_to: 2", "when: {priority: high}, go_to: 3")
    desk.look(0, say.born(tags=("outage",)))
    desk.written(1)
    assert desk.case.ticket.priority.word == "high"
    desk.look(2, say.said("c", 2, say.tom, "Hm", False))
    assert desk.level == 2


def test_what_a_picture_shows_of_our_unseen_write_is_no_cause(say: Any) -> None:
    desk = desk_with(say, "when: {tags: outage}, go_to: 2", "when: {priority: high}, go_to: 3")
    desk.look(0, say.born(tags=("outage",)))
    desk.promise(1)
    picture = say.full(say.at(1.1), tags=("outage",), priority="high", group="12", level=2)
    decision = desk.look(2, say.said("c", 1.1, say.bot, "A trigger saw it", False, picture))
    assert decision.given_up == {}
    assert desk.level == 2
    assert desk.case.pending


def test_a_counter_that_rises_is_a_cause_each_time(say: Any) -> None:
    desk = desk_with(say, "when: {reopens: {at_least: 2}}, go_to: next_level")
    desk.look(0, say.born())
    for n in range(1, 4):
        desk.look(n * 10, say.changed(f"s{n}", n * 10, say.tom, status=("open", "solved")))
        desk.look(n * 10 + 5, say.changed(f"o{n}", n * 10 + 5, say.ana, status=("solved", "open")))
        desk.case = replace(desk.case, pending=())
    assert desk.levels == [1, 1, 1, 1, 2, 2, 3]


def test_each_request_is_a_cause(say: Any) -> None:
    desk = desk_with(say, "when: {requested_by_staff: true}, go_to: requested_level")
    desk.look(0, say.born())
    desk.look(1, say.said("a", 1, say.tom, "/escalate", False))
    desk.look(2, say.said("b", 2, say.tom, "Hm", False))
    desk.look(3, say.said("c", 3, say.tom, "/escalate 4", False))
    assert desk.levels == [1, 2, 2, 4]


def test_taking_a_tag_away_is_no_cause_for_the_others(say: Any) -> None:
    desk = desk_with(say, "when: {tags: [outage, security]}, go_to: next_level")
    desk.look(0, say.born(tags=("outage", "security")))
    desk.look(1, say.changed("t", 1, say.tom, tag=("security", None)))
    assert desk.levels == [2, 2]


def test_more_causes_than_are_remembered_do_not_make_a_storm(say: Any) -> None:
    desk = desk_with(say, "when: {any: [{tags: [" + ", ".join(f"t{n}" for n in range(90)) + "]}]}, go_to: next_level")
    desk.look(0, say.born(tags=tuple(f"t{n}" for n in range(90))))
    for minute in range(1, 5):
        desk.look(minute)
    assert desk.levels == [2] * 5


AGAIN = "when: {priority: urgent}, go_to: next_level, again: after 2h"


def test_again_fires_once_more_after_its_time(say: Any) -> None:
    desk = desk_with(say, AGAIN)
    decision = desk.look(0, say.born(priority="urgent"))
    assert decision.next_look == say.at(120)
    assert desk.look(119).next_look == say.at(120)
    assert desk.look(120).case.level == 3
    assert desk.look(121).next_look == say.at(240)


def test_again_does_not_wake_a_cause_from_before_adoption(say: Any) -> None:
    desk = desk_with(say, AGAIN)
    first = desk.look(1, say.said("c", 1, say.tom, "Hm", False, say.full(say.at(0), priority="urgent")))
    assert first.next_look is None
    desk.look(500)
    assert desk.levels == [1, 1]


def test_the_highest_level_wins_and_a_jump_is_one_transition(say: Any) -> None:
    desk = desk_with(say, SLOW, "when: {tags: outage}, go_to: 4", "when: {priority: urgent}, go_to: 3")
    decision = desk.look(90, say.born(priority="urgent", tags=("outage",)))
    assert (decision.case.level, decision.case.moves, decision.fired[0]) == (4, 1, "r1")
    assert set(decision.fired) == {"r0", "r1", "r2"}
    assert decision.case.level_since == say.at(90)
    assert desk.look(91).command is None


def test_after_a_missed_day_there_is_one_step_not_a_storm(say: Any) -> None:
    desk = desk_with(say, "when: {at_level_for: 1h}, go_to: next_level")
    desk.look(0, say.born())
    desk.look(60 * 24)
    assert desk.look(60 * 24 + 1).next_look == say.at(60 * 25)
    assert desk.levels == [1, 2, 2]


def test_a_rule_that_a_move_itself_makes_true_has_the_next_look_now(say: Any) -> None:
    desk = desk_with(say, "when: {tags: outage}, go_to: 2", "when: {level: 2, product: mail}, go_to: 3")
    first = desk.look(0, say.born(tags=("outage",), product="mail"))
    assert (first.case.level, first.next_look) == (2, say.at(0))
    assert desk.look(0).case.level == 3


# --- a person's hand --------------------------------------------------------------------------------------
UNDO = [
    ({"group": ("12", "11")}, "the group"),
    ({"level": ("2", "1")}, "the level field"),
]


@pytest.mark.parametrize(("change", "_reason"), UNDO)
def test_a_persons_undo_is_followed_and_not_rewritten_without_a_new_cause(say: Any, change: Any, _reason: str) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2", "when: {requested_by_staff: true}, go_to: 2")
    desk.look(0, say.born(priority="urgent"))
    desk.written(1)
    desk.look(5, say.changed("undo", 5, say.tom, **change))
    desk.look(6, say.said("c", 6, say.tom, "Hm", False))
    assert desk.levels[-2:] == [1, 1]
    desk.look(7, say.said("d", 7, say.tom, "/escalate", False))
    assert desk.level == 2


def test_an_undo_consumes_what_became_true_until_then_and_nothing_later(say: Any) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2", "when: {product: mail}, go_to: 2", URGENT)
    desk.look(0, say.born(priority="urgent"))
    desk.written(1)
    undo = say.changed("undo", 5, say.tom, level=("2", "1"))
    before = say.changed("m", 4, say.tom, product=(None, "mail"))
    desk.look(6, before, undo)
    assert desk.level == 1
    both = [say.changed("u2", 7, say.tom, level=("1", "1")), say.changed("n", 8, say.tom, product=("mail", None))]
    desk.look(9, *both, say.changed("o", 8.5, say.tom, product=(None, "mail")))
    assert desk.level == 2


def test_one_look_hears_an_undo_and_a_later_request(say: Any) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2", "when: {requested_by_staff: true}, go_to: 3")
    desk.look(0, say.born(priority="urgent"))
    desk.written(1)
    desk.look(8, say.changed("undo", 5, say.tom, group=("12", "11")), say.said("c", 6, say.tom, "/escalate", False))
    assert desk.level == 3


def test_a_duplicate_of_an_old_move_moves_nothing(say: Any) -> None:
    desk = desk_with(say, "when: {tags: outage}, go_to: 3")
    desk.look(0, say.born())
    move = say.changed("m", 5, say.tom, level=("1", "2"))
    desk.look(5, move)
    desk.look(6, say.changed("t", 6, say.tom, tag=(None, "outage")))
    desk.look(7, move, drop_heard=False)
    assert desk.levels == [1, 2, 3, 3]


# --- pending ----------------------------------------------------------------------------------------------
def test_a_newer_decision_supersedes_and_remembers_where_the_vendor_stands(say: Any) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2", "when: {tags: outage}, go_to: 3")
    first = desk.look(0, say.born(priority="urgent"))
    second = desk.look(1, say.changed("t", 1, say.tom, tag=(None, "outage")))
    assert second.given_up == {first.command.operation: End.SUPERSEDED}
    assert (second.command.level_before, second.command.level) == (1, 3)
    third = desk.look(2, say.changed("a", 2, say.tom, assignee=(None, "tom")))
    assert third.given_up == {second.command.operation: End.WITHDRAWN}
    assert (desk.level, desk.case.pending, desk.case.level_since) == (1, (), say.at(0))


ENDING = [
    ({"status": ("new", "solved")}, Kind.CHANGED, "resolved"),
    ({}, Kind.DELETED, "deleted"),
    ({}, Kind.MERGED, "merged"),
]


@pytest.mark.parametrize(("change", "kind", "_reason"), ENDING)
def test_what_ends_a_ticket_withdraws_and_the_level_returns(say: Any, change: Any, kind: Kind, _reason: str) -> None:
    desk = desk_with(say, URGENT)
    first = desk.look(0, say.born(priority="urgent"))
    event = replace(say.changed("x", 1, say.tom, **change), kind=kind)
    decision = desk.look(1, event)
    assert decision.given_up == {first.command.operation: End.WITHDRAWN}
    assert (desk.level, desk.case.pinned, decision.next_look) == (1, None, None)


def test_a_note_on_its_way_is_not_withdrawn_when_somebody_takes_the_ticket(say: Any) -> None:
    desk = desk_with(say, URGENT)
    desk.look(0, say.born(priority="urgent"))
    desk.promise(1)
    desk.look(1, desk.echo(1))  # the fields are there, the note is not
    decision = desk.look(2, say.changed("a", 2, say.eva, assignee=(None, "eva")))
    assert (decision.given_up, desk.level) == ({}, 2)


def test_a_person_who_acted_before_a_younger_cause_does_not_hide_it(say: Any) -> None:
    desk = desk_with(say, "when: {tags: outage}, go_to: 2")
    desk.look(0, say.born())
    desk.look(10, say.changed("t", 9, say.tom, tag=(None, "outage")))
    decision = desk.look(11, say.changed("a", 5, say.tom, assignee=(None, "tom")))  # told late
    assert (decision.case.level, decision.command is not None) == (2, True)


def test_an_operation_is_never_named_twice(say: Any) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2, again: after 1h")
    names = [desk.look(0, say.born(priority="urgent")).command.operation]
    for hour in range(1, 4):
        desk.case = replace(desk.case, pending=())
        desk.look(hour * 60 - 30, say.changed(f"u{hour}", hour * 60 - 30, say.tom, level=("2", "1")))
        names.append(desk.look(hour * 60 + 31).command.operation)
    assert len(set(names)) == 4


# --- holds ------------------------------------------------------------------------------------------------
def test_a_pause_holds_without_consuming_and_resuming_decides_anew(say: Any) -> None:
    desk = desk_with(say, URGENT, paused="by hand")
    decision = desk.look(0, say.born(priority="urgent"))
    assert (decision.command, desk.level) == (None, 1)
    assert [h.reason for h in desk.case.held] == ["paused: by hand"]
    assert desk.case.fired == {}
    desk.facts = Facts()
    assert desk.look(5).case.level == 2
    assert desk.case.held == ()


def test_resuming_forgets_a_move_that_nobody_needs_any_more(say: Any) -> None:
    desk = desk_with(say, URGENT, paused="by hand")
    desk.look(0, say.born(priority="urgent"))
    desk.look(3, say.changed("p", 3, say.tom, priority=("urgent", "low")))
    desk.facts = Facts()
    assert desk.look(5).case.level == 1


def test_a_paused_rule_does_not_stop_the_others(say: Any) -> None:
    desk = desk_with(
        say, "when: {priority: urgent}, go_to: 3", "when: {tags: outage}, go_to: 2", paused_rules={"r0": "x"}
    )
    decision = desk.look(0, say.born(priority="urgent", tags=("outage",)))
    assert (desk.level, decision.fired) == (2, ("r1",))
    assert [h.rule for h in desk.case.held] == ["r0"]
    desk.facts = Facts()
    assert desk.look(1).case.level == 3


def test_siblings_are_waited_for_once(say: Any) -> None:
    desk = desk_with(say, URGENT)
    desk.look(0, say.born())
    wait = timedelta(milliseconds=300)
    first = replace(say.changed("p", 1, say.tom, priority=(None, "urgent")), siblings=True)
    second = replace(
        say.changed("q", 1.001, say.tom, product=(None, "mail")), siblings=True, received_at=say.at(1) + wait
    )
    held = desk.look(say.at(1) + wait / 3, first)
    assert (held.command, held.next_look) == (None, say.at(1) + wait)
    moved = desk.look(say.at(1) + wait, second)
    assert moved.case.level == 2


# --- needs ------------------------------------------------------------------------------------------------
def partial(say: Any, **told: Any) -> Any:
    picture = say.part(say.at(0), status="new", tags=(), group="11", created_at=say.at(0), **told)
    return say.event("created", 0, Kind.CREATED, say.ana, ticket=picture)


NEEDS = [
    ("when: {priority: urgent}, go_to: 2", [frozenset({"priority"})], "it matters now"),
    ("when: {priority: urgent, tags: outage}, go_to: 2", [], "the tag is not there, so it is no anyway"),
    ("when: {priority: urgent, unresolved_for: 1h}, go_to: 2", [], "not before the hour is over"),
    ("when: {any: [{priority: urgent}, {group: Support}]}, go_to: 2", [], "yes anyway"),
    ("when: {tier: gold}, go_to: 2", [frozenset({"organization"})], "by organization"),
    ("when: {severity: critical}, go_to: 2", [frozenset({"impact"})], "one field at a time; a fetch brings all"),
    ("when: {custom: {env: prod}}, go_to: 2", [frozenset({"custom"})], "a field by its name"),
]


@pytest.mark.parametrize(("rule", "asked", "_reason"), NEEDS)
def test_unknown_is_asked_only_if_the_outcome_depends_on_it(say: Any, rule: str, asked: Any, _reason: str) -> None:
    desk = desk_with(say, rule)
    desk.vendor = say.full(say.at(0))
    desk.look(0, partial(say))
    assert desk.asked == asked
    for minute in (1, 2):
        desk.look(minute, say.said(f"c{minute}", minute, say.ana))
    assert desk.asked == asked, "a fetch is remembered"


def test_a_lower_rule_is_not_worth_a_fetch_when_a_higher_one_fires(say: Any) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2", "when: {group: Support}, go_to: 3")
    desk.look(0, partial(say))
    assert (desk.asked, desk.level) == ([], 3)


def test_a_name_that_even_the_vendor_does_not_tell_is_not_asked_for_twice(say: Any) -> None:
    from policies.model import Named

    desk = desk_with(say, "when: {organization: Globex}, go_to: 2")
    desk.vendor = say.full(say.at(0), organization=Named(id="7"))
    desk.look(0, partial(say, organization=Named(id="7")))
    desk.look(1, say.said("c", 1, say.ana, ticket=say.part(say.at(1), organization=Named(id="7"))))
    assert desk.asked == [frozenset({"organization"})]


def test_what_a_fetch_tells_of_a_newborn_ticket_is_a_cause(say: Any) -> None:
    desk = desk_with(say, "when: {priority: urgent}, go_to: 2")
    desk.vendor = say.full(say.at(0), priority="urgent")
    desk.look(0, partial(say))
    assert desk.level == 2


# --- properties over many policies ------------------------------------------------------------------------
QUESTIONS = st.sampled_from(
    [
        "unresolved_for: 30m", "unresolved_for: 2h clock", "unanswered_for: 45m", "not_taken_for: 20m",
        "at_level_for: 40m", "no_human_activity_for: 1h", "priority: {at_least: high}", "tags: outage", "level: 2",
        "not: {unanswered_for: 3h}", "reopens: {at_least: 1}", "status: [new, open]", "requested_by_staff: true",
        "any: [{unresolved_for: 3h}, {tags: outage}]", "tier: vip", "not: {status: pending}", "answered: false",
    ]
)  # fmt: skip
RULE = st.builds(
    lambda questions, to, again, office: (
        f"when: {{all: [{', '.join('{' + q + '}' for q in questions)}]}}, go_to: {to}{again}{office}"
    ),
    st.lists(QUESTIONS, min_size=1, max_size=3, unique=True),
    st.sampled_from([2, 3, 4, *Step]),
    st.sampled_from(["", "", ", again: after 50m", ", again: after 2h clock"]),
    st.sampled_from(["", ", calendar: office"]),
)
POLICIES = st.lists(RULE, min_size=1, max_size=4)
ACT = st.sampled_from(["urgent", "low", "tag", "untag", "pend", "open", "solve", "reply", "ask", "ana", "take", "undo"])
LIFE = st.lists(st.tuples(st.integers(1, 90), ACT), max_size=7)


def acted(say: Any, desk: Any, number: int, when: float, act: str) -> Any:
    ticket = desk.case.ticket
    status = str(ticket.status)
    changes = {
        "urgent": {"priority": (None, "urgent")},
        "low": {"priority": (None, "low")},
        "tag": {"tag": (None, "outage")},
        "untag": {"tag": ("outage", None)},
        "pend": {"status": (status, "pending")},
        "open": {"status": (status, "open")},
        "solve": {"status": (status, "solved")},
        "take": {"assignee": (None, f"agent{number}")},
        "undo": {"level": (str(desk.level), "1")},
    }
    if act in changes:
        return say.changed(f"e{number}", when, say.tom, **changes[act])
    who, text = {"reply": (say.tom, "Hm"), "ask": (say.tom, "/escalate"), "ana": (say.ana, "Hm")}[act]
    return say.said(f"e{number}", when, who, text)


def lived(say: Any, rules: list[str], life: list[tuple[int, str]]) -> tuple[Any, float]:
    desk = desk_with(say, *rules)
    desk.look(0, say.born())
    when: float = 0
    for number, (gap, act) in enumerate(life):
        when += gap
        desk.look(when, acted(say, desk, number, when, act))
        if desk.decision.command is not None:
            desk.written(when + 0.01, echo=number % 2 == 0)
    return desk, when + 0.01


@given(rules=POLICIES, life=LIFE, silence=st.integers(1, 5000))
def test_a_look_makes_at_most_one_transition_after_any_silence(say: Any, rules: Any, life: Any, silence: int) -> None:
    desk, when = lived(say, rules, life)
    moves = desk.case.moves
    decision = desk.look(when + silence)
    assert desk.case.moves <= moves + 1
    assert (desk.case.moves > moves) == (decision.command is not None)
    if decision.command is not None:
        assert desk.case.level_since == say.at(when + silence)
    assert decision.next_look is None or decision.next_look >= say.at(when + silence)


@given(rules=POLICIES, life=LIFE)
def test_looking_twice_decides_nothing_twice(say: Any, rules: Any, life: Any) -> None:
    desk, when = lived(say, rules, life)
    for _ in range(5):  # rules that ask for the level may follow each other
        if desk.look(when).command is None:
            break
    before = desk.case
    assert desk.look(when).command is None
    assert desk.case.level == before.level
    assert desk.case.fired == before.fired


@given(rules=POLICIES, life=LIFE)
def test_the_next_look_is_the_first_instant_at_which_anything_happens(say: Any, rules: Any, life: Any) -> None:
    desk, when = lived(say, rules, life)
    promised = desk.look(when).next_look
    case, now = desk.case, say.at(when)
    assume(promised != now)
    assert promised is None or promised > now
    step, end = timedelta(minutes=5), now + timedelta(days=4)
    instants = [now + step * n for n in range(1, (end - now) // step)]
    before = [t for t in instants if promised is None or t < promised]
    if promised is not None:
        before.append(promised - timedelta(microseconds=1))
    for instant in before[:: max(1, len(before) // 150)] + before[-3:]:
        desk.case = case
        assert desk.look(instant).command is None, f"moved at {instant}, next look was to be {promised}"
    if promised is not None:
        desk.case = case
        assert desk.look(promised).command is not None


@given(rules=POLICIES, life=LIFE)
def test_living_by_the_next_look_is_living_minute_by_minute(say: Any, rules: Any, life: Any) -> None:
    jumping, when = lived(say, rules, life)
    stepping = replace(jumping, levels=[], stored=dict(jumping.stored))
    start, end = say.at(when), say.at(when + 240)
    look, found = start, []
    for _ in range(60):
        before = jumping.case.level
        look = jumping.look(look).next_look
        found += [jumping.case.level] if jumping.case.level != before else []
        if look is None or look > end:
            break
    seen, now = [], start
    while now <= end:
        for _ in range(4):
            before = stepping.case.level
            if stepping.look(now).command is None:
                break
            seen += [stepping.case.level] if stepping.case.level != before else []
        now += timedelta(seconds=30)
    assert found[: len(seen)] == seen or seen[: len(found)] == found


@given(rules=POLICIES, life=LIFE)
def test_observing_decides_what_acting_would(say: Any, rules: Any, life: Any) -> None:
    acting, _ = lived(say, rules, [])
    observing = desk_with(say, *rules, mode=Mode.OBSERVE)
    observing.look(0, say.born())
    assert acting.decision.why == observing.decision.why
    assert observing.decision.command is None
    assert not observing.case.pending
