"""Agents tell Stepladder what to do in the first line of an internal comment; nobody else does, and nothing else is."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.model import Actor, Role

HOUR = timedelta(hours=1)


def told(say: Any, *comments: Any) -> list[tuple[Any, ...]]:
    _, _, story = say.told([say.born(), *comments])
    return [(o.verb, o.level, o.length) for o in story.orders]


READ = [
    ("/confirm", ("confirm", None, None), "what waits"),
    ("/confirm 3", ("confirm", 3, None), "a level"),
    ("/confirm level 12", ("confirm", 12, None), "in words"),
    ("/CONFIRM\nThanks, Ada", ("confirm", None, None), "in capitals, with more below"),
    ("/confirm, please", ("confirm", None, None), "politely"),
    ("\n\n  /decline  \nNot yet.", ("decline", None, None), "after empty lines"),
    ("/decline 4", ("decline", 4, None), "one level"),
    ("/snooze 4h", ("snooze", None, 4 * HOUR), "hours"),
    ("/snooze for 1d 2h please", ("snooze", None, 26 * HOUR), "several units"),
    ("/snooze 90m until Bob is back", ("snooze", None, 1.5 * HOUR), "with a reason"),
    ("/Snooze 2 H clock", ("snooze", None, 2 * HOUR), "every minute counts in any case"),
    ("/hold", ("hold", None, None), "until released"),
    ("/release\r\nThe manager called", ("release", None, None), "with the other line end"),
]


@pytest.mark.parametrize(("text", "order", "_reason"), READ)
def test_an_order_is_read(say: Any, text: str, order: Any, _reason: str) -> None:
    assert told(say, say.said("c", 1, say.tom, text, False)) == [order]


NOT_READ = [
    ("/snooze", "no length"),
    ("/snooze tomorrow", "a length that cannot be read"),
    ("/snooze 4", "no unit"),
    ("/snooze 4 hours", "another word for it"),
    ("/snooze 0h", "no time at all"),
    ("/snooze 1d 2 hours", "half of it is not what was meant"),
    ("/snooze 99999d", "longer than any policy counts"),
    ("/snooze -4h", "time runs forward"),
    ("/confirmed", "another word"),
    ("/hold-music is on", "another word"),
    ("confirm", "no stroke"),
    ("please /confirm", "within a sentence"),
    ("Hello\n/confirm", "below other words, where a customer's mail may be quoted"),
    ("> /confirm", "quoted"),
    ("/undo", "an order that nobody knows"),
    ("", "nothing"),
]


@pytest.mark.parametrize(("text", "_reason"), NOT_READ)
def test_what_cannot_be_read_is_no_order(say: Any, text: str, _reason: str) -> None:
    assert told(say, say.said("c", 1, say.tom, text, False)) == []


WHO = [
    ("tom", False, True, "an agent, internally"),
    ("tom", None, False, "the vendor does not say who reads it"),
    ("tom", True, False, "the customer would read it"),
    ("ana", False, False, "the requester"),
    ("bot", False, False, "a program"),
    ("ours", False, True, "a person who writes with our account"),
]


@pytest.mark.parametrize(("who", "public", "heard", "_reason"), WHO)
def test_only_agents_order_and_only_internally(say: Any, who: str, public: Any, heard: bool, _reason: str) -> None:
    assert bool(told(say, say.said("c", 1, getattr(say, who), "/hold", public))) is heard


def test_our_own_note_orders_nothing(say: Any) -> None:
    from policies.model import Ticket
    from policies.story import Story
    from policies.telling import tell

    _, story, _ = tell(Ticket(ref=say.ref), Story(), [say.born(), say.said("c", 1, say.ours, "/hold", False)])
    assert story.orders == ()


@pytest.mark.parametrize("together", [True, False])
def test_a_requester_who_is_an_agent_orders_nothing_on_their_own_ticket(say: Any, together: bool) -> None:
    as_agent = Actor(id=say.ana.id, role=Role.AGENT, name=say.ana.name)
    born, spoken = say.born(), say.said("c", 1, as_agent, "/hold", False)
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"))
    for events in [(born, spoken)] if together else [(born,), (spoken,)]:
        desk.look(1, *events)
    assert desk.case.story.orders == ()
    assert desk.case.story.last_customer.text == "/hold"


def test_an_order_says_who_gave_it_and_when(say: Any) -> None:
    _, _, story = say.told([say.born(), say.said("7", 5, say.eva, "/snooze 4h", False)])
    [order] = story.orders
    assert (order.id, order.at, order.by, order.by_id) == ("comment:7", say.at(5), "Eva Lang", "eva")


def test_a_request_says_who_asked_by_id_and_name(say: Any) -> None:
    by_comment = say.said("c", 1, say.tom, "/escalate 3", False)
    by_tag = say.changed("t", 2, say.eva, tag=(None, "escalate_2"))
    _, _, story = say.told([say.born(), by_comment, by_tag])
    assert [(r.by_id, r.by, r.level) for r in story.requests] == [("tom", "Tom Ito", 3), ("eva", "Eva Lang", 2)]


def edited(event: Any, when: Any, text: str, who: Any = None) -> Any:
    comment = replace(event.comment, text=text)
    return replace(event, id=f"{event.id}:{when}", at=when, comment=comment, actor=who or event.actor)


def test_an_edited_comment_takes_the_place_of_its_order(say: Any) -> None:
    first, other = say.said("c", 1, say.tom, "/snooze 4h", False), say.said("d", 2, say.eva, "/confirm", False)
    longer = edited(first, say.at(5), "/snooze 8h")
    _, _, story = say.told([say.born(), first, other, longer])
    assert [(o.verb, o.length, o.at) for o in story.orders] == [
        ("confirm", None, say.at(2)),
        ("snooze", 8 * HOUR, say.at(5)),
    ]


def test_an_edit_that_takes_the_order_out_takes_it_back(say: Any) -> None:
    first = say.said("c", 1, say.tom, "/hold", False)
    assert told(say, first, edited(first, say.at(5), "Never mind")) == []


def test_an_edit_of_other_words_leaves_the_order_its_time_and_its_author(say: Any) -> None:
    first = say.said("c", 1, say.tom, "/hold\nBob is ill", False)
    _, _, story = say.told([say.born(), first, edited(first, say.at(5), "/hold\nBob is back on Monday", say.eva)])
    assert [(o.at, o.by_id) for o in story.orders] == [(say.at(1), "tom")]


def test_whoever_changes_an_order_gives_it(say: Any) -> None:
    first = say.said("c", 1, say.tom, "/snooze 4h", False)
    _, _, story = say.told([say.born(), first, edited(first, say.at(5), "/snooze 30d", say.eva)])
    assert [(o.by_id, o.length) for o in story.orders] == [("eva", timedelta(days=30))]


def test_the_latest_six_orders_are_remembered(say: Any) -> None:
    many = [say.said(f"c{n}", n, say.tom, f"/confirm {n}", False) for n in range(1, 10)]
    assert [level for _, level, _ in told(say, *many)] == [4, 5, 6, 7, 8, 9]


TEXTS = st.sampled_from(["/hold", "/release", "/confirm 2", "/snooze 1h", "/snooze", "Hm", "/escalate 3", "/ack"])
SAYINGS = st.lists(st.tuples(st.integers(0, 3), TEXTS, st.sampled_from(["tom", "eva", "ana"])), max_size=10)


@given(sayings=SAYINGS, seed=st.integers(0, 10_000), size=st.integers(1, 4))
def test_orders_are_the_same_however_comments_and_their_edits_arrive(
    say: Any, sayings: Any, seed: int, size: int
) -> None:
    events = [say.born()]
    for minute, (comment, text, who) in enumerate(sayings, start=1):
        spoken = say.said(str(comment), minute, getattr(say, who), text, False)
        events.append(replace(spoken, id=f"{comment}:{minute}"))
    _, _, story = say.told(events)
    shuffled = list(events)
    random.Random(seed).shuffle(shuffled)
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: 2"), vendor=say.full())
    for start in range(0, len(shuffled), size):
        desk.look(60, *shuffled[start : start + size])
    assert (desk.case.story.orders, desk.case.story.requests) == (story.orders, story.requests)
    _, _, story = say.told(desk.stored.values())  # with what was fetched on the way
    assert desk.case.story == story


def test_who_only_speaks_to_stepladder_has_neither_taken_the_ticket_nor_worked_on_it(say: Any) -> None:
    for text in ("/confirm 3", "/decline", "/snooze 2h", "/hold", "/release", "/escalate 3", "/snooze whenever"):
        _, _, story = say.told([say.born(), say.said("c", 5, say.eva, text, public=False)])
        assert (dict(story.spoke), story.human_at) == ({}, None), text
    for text in ("/ack", "I look into it"):
        _, _, story = say.told([say.born(), say.said("c", 5, say.eva, text, public=False)])
        assert (dict(story.spoke), story.human_at) == ({"eva": say.at(5)}, say.at(5)), text


def test_a_confirmed_climb_of_what_nobody_took_is_still_wanted(say: Any) -> None:
    levels = """\
  - {level: 1, name: One, targets: {desk: {group: Support}}}
  - {level: 2, name: Two, targets: {desk: {group: Experts}}, needs_confirmation: [escalation_manager]}
"""
    tested = say.desk(say.ladder("  - {name: idle, when: {not_taken_for: 30m}, go_to: 2}", levels))
    tested.look(0, say.born())
    tested.look(30)
    assert tested.level == 1
    tested.look(40, say.said("c", 40, say.eva, "/confirm", public=False))
    assert tested.level == 2
