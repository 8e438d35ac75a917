"""A story is the same however its events arrive, and one save counts once however many deliveries tell of it."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.model import Event, Kind, Status

RULES = (
    "when: {priority: urgent}, go_to: 2",
    "when: {tags: outage}, go_to: 3",
    "when: {reopens: {at_least: 1}}, go_to: 3",
    "when: {requested_by_staff: true}, go_to: 4",
)

ACTS = st.sampled_from(
    [
        "urgent",
        "normal",
        "solve",
        "open",
        "tag",
        "untag",
        "ask",
        "reply",
        "customer",
        "assign",
        "group",
        "fetch",
        "bare",
        "order",
        "due",
        "not due",
        "block",
        "unblock",
        "promise",
    ]
)


def word(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def saves(say: Any, acts: list[tuple[str, bool, bool]]) -> list[Event]:
    """A life in the vendor's order. Each save may be told by two siblings; each event may carry a picture."""
    events, state = [say.born()], {"priority": None, "status": "new", "group": "11", "assignee": None, "tags": ()}
    state |= {"due_at": None, "blocked_by": ()}
    for number, (act, pictured, sibling) in enumerate(acts, start=1):
        before = dict(state)
        moves = {
            "urgent": {"priority": "urgent"},
            "normal": {"priority": "normal"},
            "solve": {"status": "solved"},
            "open": {"status": "open"},
            "tag": {"tags": ("outage",)},
            "untag": {"tags": ()},
            "assign": {"assignee": f"agent{number}"},
            "group": {"group": "12" if state["group"] == "11" else "11"},
            "due": {"due_at": say.at(100 + number)},
            "not due": {"due_at": None},
            "block": {"blocked_by": (f"K-{number}",)},
            "unblock": {"blocked_by": ()},
        }
        state.update(moves.get(act, {}))
        picture = say.full(say.at(number), **state)
        told = {"ticket": picture} if pictured else {}
        if act == "fetch":
            events.append(say.event(f"e{number}", number, Kind.FETCHED, None, ticket=picture))
        elif act == "promise":
            known = say.full(say.at(number), **state, sla_breach_at=say.at(200 + number))
            events.append(say.event(f"e{number}", number, Kind.FETCHED, None, ticket=known))
        elif act in ("reply", "customer", "ask", "order"):
            who = say.ana if act == "customer" else say.tom
            text = {"ask": "/escalate", "order": f"/snooze {number}h"}.get(act, "Hm")
            events.append(say.said(f"e{number}", number, who, text, act != "order", **told))
        elif act in ("block", "unblock"):  # no vendor tells of it but by a picture
            events.append(say.event(f"e{number}", number, Kind.NOTED, None, ticket=picture))
        elif act == "bare":
            events.append(say.event(f"e{number}", number, Kind.NOTED))
        else:
            tags = {"tag": (None, "outage"), "untag": ("outage", None)}
            field = next(iter(moves[act]))
            change = {"tag": tags[act]} if act in tags else {field: (word(before[field]), word(state[field]))}
            if before != state:
                events.append(say.changed(f"e{number}", number, **change, **told))
            if sibling:  # another fact of the same save shows the same picture a little later
                events.append(say.said(f"s{number}", number + 0.001, say.tom, "See above", False, picture))
    return events


LIVES = st.lists(st.tuples(ACTS, st.booleans(), st.booleans()), max_size=9)


@given(life=LIVES, seed=st.integers(0, 10_000), data=st.data())
def test_any_order_any_split_and_any_duplicates_tell_the_same_story(say: Any, life: Any, seed: int, data: Any) -> None:
    events = saves(say, life)
    _, ticket, story = say.told(events)
    shuffled = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]
    random.Random(seed).shuffle(shuffled)
    desk = say.desk(say.policy(*RULES), vendor=say.full())
    drop = data.draw(st.booleans())
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        desk.look(60, *shuffled[:size], drop_heard=drop)
        shuffled = shuffled[size:]
    if any(stored.startswith("fetch:") for stored in desk.stored):  # it was needed, and is an event like others
        _, ticket, story = say.told(desk.stored.values())
    assert desk.case.ticket == ticket
    assert desk.case.story == story


RISING = st.sampled_from(["urgent", "tag", "ask", "reply", "customer", "bare"])


@given(life=st.lists(st.tuples(RISING, st.booleans(), st.booleans()), max_size=8), seed=st.integers(0, 10_000))
def test_facts_that_only_grow_lead_to_the_same_level_in_any_order(say: Any, life: Any, seed: int) -> None:
    events = saves(say, life)
    in_order = say.desk(say.policy(*RULES))
    for event in events:
        in_order.look(event.at, event)
    shuffled = list(events)
    random.Random(seed).shuffle(shuffled)
    desk = say.desk(say.policy(*RULES), vendor=say.full(say.at(-1)))
    for event in shuffled:
        desk.look(60, event)
    assert desk.case.level == in_order.case.level


def orders(events: list[Event]) -> list[list[Event]]:
    return [events, events[::-1]]


def final(say: Any, before: Event, siblings: list[Event], rules: tuple[str, ...] = RULES) -> Any:
    desk = say.desk(say.policy(*rules))
    desk.look(1, before)
    for number, event in enumerate(siblings):
        desk.look(30 + number, event)
    return desk


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("earlier", ["picture", "change"])
def test_one_save_is_one_reopening_whichever_sibling_comes_first(say: Any, turn: int, earlier: str) -> None:
    first, second = (10.0, 10.001) if earlier == "picture" else (10.001, 10.0)
    picture = say.full(say.at(10), status="open")
    spoken = say.said("c", first, say.ana, "It is back", ticket=picture)
    explicit = say.changed("s", second, say.ana, picture, status=("solved", "open"))
    desk = final(say, say.born(status="solved"), orders([spoken, explicit])[turn])
    assert (desk.case.story.reopens, desk.case.level) == (1, 3)
    assert "status" not in desk.case.story.implied


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("pictured", [True, False])
def test_one_save_is_one_hand_over_and_taken_by_whom_it_names(say: Any, turn: int, pictured: bool) -> None:
    picture = say.full(say.at(10), assignee="eva")
    spoken = say.said("c", 10, say.tom, "Over to Eva", False, picture)
    explicit = say.changed("a", 10.001, say.tom, picture if pictured else None, assignee=("tom", "eva"))
    desk = final(say, say.born(assignee="tom"), orders([spoken, explicit])[turn])
    assert desk.case.story.hand_overs == 1
    assert desk.case.story.taken_by == "eva"


@pytest.mark.parametrize("turn", [0, 1])
def test_a_hand_over_that_turns_out_to_be_ours_is_none(say: Any, turn: int) -> None:
    picture = say.full(say.at(10), assignee="eva")
    spoken = say.said("c", 10, say.bot, "A trigger's comment", False, picture)
    explicit = say.changed("a", 10.001, say.ours, picture, assignee=("tom", "eva"))
    desk = say.desk(say.policy(*RULES))
    desk.look(1, say.born(assignee="tom"))
    from policies.echoes import promised

    desk.case = promised(desk.case, "op", {"assignee": "eva"}, False, say.at(10))
    for event in orders([spoken, explicit])[turn]:
        desk.look(30, event)
    assert desk.case.story.hand_overs == 0
    assert "assignee" in desk.case.story.ours
    assert desk.case.story.taken_at is None


@pytest.mark.parametrize("turn", [0, 1])
def test_one_save_with_a_tag_is_one_request(say: Any, turn: int) -> None:
    picture = say.full(say.at(10), tags=("escalate_3",))
    spoken = say.said("c", 10, say.tom, "Please look", False, picture)
    explicit = say.changed("t", 10.001, say.tom, picture, tag=(None, "escalate_3"))
    desk = final(say, say.born(), orders([spoken, explicit])[turn], ("when: {requested_by_staff: true}, go_to: 4",))
    assert [(r.level, r.by) for r in desk.case.story.requests] == [(3, "Tom Ito")]


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("who", ["tom", "ours"])
def test_a_group_told_by_a_picture_is_claimed_by_its_author(say: Any, turn: int, who: str) -> None:
    from policies.echoes import promised

    picture = say.full(say.at(10), group="19")
    spoken = say.said("c", 10, say.bot, "Hm", False, picture)
    explicit = say.changed("g", 10.001, getattr(say, who), picture, group=("11", "19"))
    desk = say.desk(say.policy("when: {group: Kitchen}, go_to: 2"))
    desk.look(1, say.born())
    if who == "ours":
        desk.case = promised(desk.case, "op", {"group": "Kitchen"}, False, say.at(10))
    for event in orders([spoken, explicit])[turn]:
        desk.look(30, event)
    assert desk.case.level == (2 if who == "tom" else 1)  # our own value is no cause


def test_a_late_sibling_of_a_cause_that_fired_is_not_a_new_cause(say: Any) -> None:
    picture = say.full(say.at(10), priority="urgent")
    desk = say.desk(say.policy("when: {priority: urgent}, go_to: next_level"))
    desk.look(1, say.born())
    desk.look(11, say.said("c", 10, say.tom, "Urgent", False, picture))
    desk.look(12, say.changed("p", 9.99, say.tom, picture, priority=(None, "urgent")))
    assert desk.levels == [1, 2, 2]


def test_a_late_event_asks_for_history(say: Any) -> None:
    desk = say.desk(say.policy(*RULES))
    desk.look(1, say.born())
    desk.look(11, say.said("c", 10, say.ana, "Still nothing"))
    desk.look(12, say.said("b", 5, say.tom, "We are on it"))
    assert desk.asked == [frozenset({"history"})]
    assert desk.case.story.replies == 1
    assert desk.case.story.waiting_since == say.at(10)


def test_a_picture_that_asked_for_messages_knows_them(say: Any) -> None:
    desk = say.desk(say.policy("when: {unanswered_for: 1h}, go_to: 2"), vendor=say.full(say.at(20), status="open"))
    desk.look(21, say.said("c", 20, say.tom, "Hm", False, say.full(say.at(20))))
    assert desk.case.story.conversation
    assert frozenset({"conversation"}) in desk.asked
    desk.look(22, say.said("d", 21.5, say.tom, "Hm", False, say.full(say.at(21.5))))
    assert len(desk.asked) == 1


ODD_WORDS = [
    ("priority", "Blocker", "Jira's unmapped priority"),
    ("status", "Waiting for vendor", "an unmapped status"),
    ("level", "three", "a level field that holds a word"),
]


@pytest.mark.parametrize(("field", "word", "_reason"), ODD_WORDS)
def test_a_word_we_cannot_read_makes_the_field_unknown(say: Any, field: str, word: str, _reason: str) -> None:
    _, ticket, _ = say.told([say.born(), say.changed("x", 5, **{field: ("new", word)})])
    assert not ticket.knows(field)


def test_a_stale_picture_fills_gaps_and_takes_nothing_back(say: Any) -> None:
    created = say.event(
        "created", 0, Kind.CREATED, say.ana, ticket=say.part(say.at(0), status="new", created_at=say.at(0))
    )
    newer = say.changed("a", 10, say.tom, say.part(say.at(10), status="open"), status=("new", "open"))
    stale = say.said("b", 11, say.tom, "Hm", False, say.part(say.at(5), status="new", product="mail"))
    _, ticket, _ = say.told([created, newer, stale])
    assert (ticket.status, ticket.product) == (Status.OPEN, "mail")


def test_a_name_stays_known_when_a_later_picture_leaves_it_out(say: Any) -> None:
    from policies.model import Named, ticket_from

    bare = ticket_from(say.ref, say.at(5), {"group": Named(id="11")})
    _, ticket, _ = say.told([say.born(), say.said("b", 5, say.tom, ticket=bare)])
    assert ticket.group.name == "Support"


WAITING = [
    ([], 0, 1, "the first message is the ticket itself"),
    ([("tom", 5, True)], None, 1, "a public reply answers"),
    ([("tom", 5, False)], 0, 1, "an internal note does not"),
    ([("bot", 5, True)], 0, 1, "an app's comment does not"),
    ([("ours", 5, True)], None, 1, "a public reply by our account that we did not write is a person's"),
    ([("tom", 5, True), ("ana", 7, True)], 7, 2, "asking again is waiting anew"),
    ([("tom", 5, True), ("ana", 7, True), ("ana", 9, True)], 7, 2, "the first unanswered message counts"),
]


@pytest.mark.parametrize(("messages", "since", "waits", "_reason"), WAITING)
def test_who_waits_since_when(say: Any, messages: Any, since: float | None, waits: int, _reason: str) -> None:
    spoken = [
        say.said(f"c{n}", when, getattr(say, who), "Hm", public) for n, (who, when, public) in enumerate(messages)
    ]
    _, _, story = say.told([say.born(), *spoken])
    assert story.waiting_since == (None if since is None else say.at(since))
    assert story.waits == waits


ASKING = [
    ("tom", "/escalate", 1, None, "a line of its own"),
    ("tom", "\n  /escalate to level 3 please\nThanks", 1, 3, "with a level"),
    ("tom", "Hm.\n/escalate 3", 0, None, "below other words, where a customer's mail may be quoted"),
    ("tom", "please do not /escalate", 0, None, "in the middle of a sentence"),
    ("ana", "/escalate", 0, None, "a customer cannot"),
    ("bot", "/escalate", 0, None, "nor can an app"),
]


@pytest.mark.parametrize(("who", "text", "count", "level", "_reason"), ASKING)
def test_only_staff_asks_by_comment(say: Any, who: str, text: str, count: int, level: int | None, _reason: str) -> None:
    _, _, story = say.told([say.born(), say.said("c", 1, getattr(say, who), text, False)])
    assert [r.level for r in story.requests] == [level] * count


TAGGING = [
    ("tom", "escalate", 1, "staff"),
    ("tom", "escalate_to_level_3", 1, "staff, with a level"),
    ("tom", "escalated", 0, "another word"),
    ("ana", "escalate", 0, "the requester"),
    ("bot", "escalate", 0, "a trigger"),
]


@pytest.mark.parametrize(("who", "tag", "count", "_reason"), TAGGING)
def test_only_staff_asks_by_tag(say: Any, who: str, tag: str, count: int, _reason: str) -> None:
    _, _, story = say.told([say.born(), say.changed("t", 1, getattr(say, who), tag=(None, tag))])
    assert len(story.requests) == count


def test_a_tag_that_was_there_at_birth_is_no_request(say: Any) -> None:
    _, _, story = say.told(
        [say.born(tags=("escalate",)), say.said("c", 1, say.tom, ticket=say.full(tags=("escalate",)))]
    )
    assert story.requests == ()


def test_editing_a_request_does_not_ask_twice(say: Any) -> None:
    from dataclasses import replace

    first = say.said("c", 1, say.tom, "/escalate", False)
    edited = replace(first, id="c:edited", at=say.at(5), comment=replace(first.comment, text="/escalate now"))
    _, _, story = say.told([say.born(), first, edited])
    assert len(story.requests) == 1


def test_what_is_remembered_of_a_text_never_ends_within_a_number(say: Any) -> None:
    text = "x" * 265 + " 4111 1111 1111 1111"
    _, _, story = say.told([say.born(), say.said("c", 1, say.ana, text)])
    assert not any(letter.isdigit() for letter in story.last_customer.text)


def test_a_late_sibling_of_a_request_by_tag_is_not_a_second_request(say: Any) -> None:
    picture = say.full(say.at(10), tags=("escalate",))
    desk = say.desk(say.policy("when: {requested_by_staff: true}, go_to: next_level"))
    desk.look(1, say.born())
    desk.look(11, say.changed("t", 10, say.tom, picture, tag=(None, "escalate")))
    desk.look(12, say.said("c", 9.99, say.tom, "Please", False, picture))
    assert desk.levels == [1, 2, 2]


def test_a_ticket_that_moved_goes_by_its_new_key(say: Any) -> None:
    _, ticket, _ = say.told([say.born(), say.changed("k", 5, key=("#1", "#2"))])
    assert ticket.key == "#2"


def test_a_duplicate_is_not_told_again(say: Any) -> None:
    desk = say.desk(say.policy(*RULES))
    desk.look(1, say.born(), say.said("c", 1, say.ana))
    decision = desk.look(2, say.said("c", 1, say.ana), drop_heard=False)
    assert decision.events == ()


def test_secrets_in_a_message_are_hidden_before_phrases_and_patterns_are_looked_for(say: Any) -> None:
    _, _, story = say.told([say.born(), say.said("c", 5, say.ana, "My password: swordfish does not work")])
    [words] = story.words
    assert "swordfish" not in words.text
    assert "does not work" in words.text
