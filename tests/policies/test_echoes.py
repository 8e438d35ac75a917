"""An echo is exactly what we wrote, by our account, within 15 minutes; all else by our account is a person's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.case import Case
from policies.echoes import is_echo, judged, ours_all_the_same, promised
from policies.model import Change, Comment, Role
from policies.shifts import Shift

WRITTEN = {"level": "2", "group": "Experts", "assignee": None, "priority": "high", "tag": "stepladder_level_2"}
OPERATION = "0123456789ab"


def case(say: Any) -> Case:
    return promised(Case.fresh(say.ref, say.at(0)), OPERATION, WRITTEN, True, say.at(0))


ECHOES = [
    ({"level": ("1", "2")}, True, "the level"),
    ({"group": ("11", "12")}, True, "the group by its name; the vendor says the id"),
    ({"group": ("11", "Experts")}, True, "the group by the word of the policy"),
    ({"group": ("11", "19")}, False, "another group"),
    ({"assignee": ("tom", None)}, True, "a group without an assignee"),
    ({"assignee": ("tom", "eva")}, False, "an assignee is not none"),
    ({"priority": ("low", "high"), "level": ("1", "2")}, True, "all of it in one event"),
    ({"priority": ("low", "high"), "product": (None, "mail")}, False, "one change that we did not write"),
    ({"priority": ("high", None)}, False, "taking it away"),
    ({"tag": (None, "stepladder_level_2")}, True, "the level's tag"),
    ({"tag": ("stepladder_level_2", None)}, False, "removing it"),
    ({"tag": (None, "vip")}, False, "another tag"),
]


@pytest.mark.parametrize(("changes", "echo", "_reason"), ECHOES)
def test_exactly_what_we_wrote_is_an_echo(say: Any, changes: Any, echo: bool, _reason: str) -> None:
    event = say.changed("e", 1, say.ours, **changes)
    assert is_echo(event, case(say).wrote) is echo
    assert judged(event, case(say).wrote).actor.role is (Role.OURS if echo else Role.AGENT)
    theirs = say.changed("e", 1, say.tom, **changes)
    assert judged(theirs, case(say).wrote).actor.role is Role.AGENT


def test_an_id_that_a_name_became_is_an_echo_even_without_its_name(say: Any) -> None:
    change = Change(field="group", before="11", after="77")
    event = replace(say.changed("e", 1, say.ours), changes=(change,))
    assert not is_echo(event, case(say).wrote)
    learned = promised(case(say), OPERATION, {"group": "77"}, False, say.at(0))
    assert is_echo(event, learned.wrote)


WINDOW = [(-15, True), (-15.1, False), (15, True), (15.1, False), (600, False)]


@pytest.mark.parametrize(("minutes", "echo"), WINDOW)
def test_an_echo_is_not_older_than_a_quarter_of_an_hour(say: Any, minutes: float, echo: bool) -> None:
    assert is_echo(say.changed("e", minutes, say.ours, level=("1", "2")), case(say).wrote) is echo


def test_an_echo_delivered_late_is_still_one(say: Any) -> None:
    later = promised(case(say), "later", {"level": "3"}, True, say.at(300))
    assert is_echo(say.changed("e", 1, say.ours, level=("1", "2")), later.wrote)


NOTES = [
    (f"▲ Level 2\nStepladder · policy 1 · op {OPERATION}", True, "our note"),
    ("<p>Stepladder · policy 1 · op 0123456789ab</p>", True, "in markup"),
    ("op ffffffffffff", False, "another operation"),
    ("Hello", False, "a person who writes with our account"),
]


@pytest.mark.parametrize(("text", "echo", "_reason"), NOTES)
def test_a_note_is_known_by_its_operation(say: Any, text: str, echo: bool, _reason: str) -> None:
    event = replace(say.said("c", 1, say.ours, text, False))
    assert is_echo(event, case(say).wrote) is echo
    with_change = replace(event, comment=Comment(id="c", text=text, public=False))
    mixed = replace(with_change, changes=(Change(field="product", after="mail"),))
    assert not is_echo(mixed, case(say).wrote)


SEEN = [
    ("group", "12", "Experts", Role.UNKNOWN, True, "a picture shows it, by name"),
    ("group", "12", None, Role.UNKNOWN, False, "an id that we cannot tell"),
    ("group", "12", "Experts", Role.AGENT, False, "a person did the same"),
    ("priority", "high", None, Role.UNKNOWN, True, "a word"),
    ("tag:stepladder_level_2", "stepladder_level_2", None, Role.UNKNOWN, True, "a tag"),
]


@pytest.mark.parametrize(("field", "after", "name", "role", "ours", "_reason"), SEEN)
def test_what_a_picture_shows_may_be_ours(
    say: Any, field: str, after: str, name: str | None, role: Role, ours: bool, _reason: str
) -> None:
    shift = Shift(field=field, before=None, after=after, at=say.at(1), role=role, after_name=name)
    assert ours_all_the_same(shift, case(say).wrote) is ours


STEP = st.tuples(
    st.sampled_from(["write", "echo", "person", "person as us", "picture"]), st.integers(1, 3), st.integers(0, 5)
)


@given(steps=st.lists(STEP, max_size=10), data=st.data())
def test_no_interleaving_takes_a_person_for_us_or_us_for_a_person(say: Any, steps: Any, data: Any) -> None:
    """Levels 1–3 are written or set by hand in any order, echoes come back in any order."""
    remembered, on_the_way, value, now = Case.fresh(say.ref, say.at(0)), [], 1, 0.0
    events = []
    for number, (what, level, gap) in enumerate(steps):
        now += gap + 0.01
        if what == "write":
            remembered = promised(remembered, f"op{number}", {"level": str(level)}, False, say.at(now))
            on_the_way.append(say.changed(f"e{number}", now, say.ours, level=(str(value), str(level))))
            value = level
        elif what == "echo" and on_the_way:
            events.append((on_the_way.pop(data.draw(st.integers(0, len(on_the_way) - 1))), Role.OURS))
        elif what == "person":
            events.append((say.changed(f"e{number}", now, say.tom, level=(str(value), str(level))), Role.AGENT))
        elif what == "person as us":
            events.append((say.changed(f"e{number}", now, say.ours, product=(None, str(level))), Role.AGENT))
    for event, role in events:
        assert judged(event, remembered.wrote).actor.role is role


@given(order=st.permutations(range(4)), split=st.integers(1, 4))
def test_our_own_write_never_moves_the_level_or_fires_a_rule(say: Any, order: Any, split: int) -> None:
    desk = say.desk(say.policy("when: {tags: outage}, go_to: 2", "when: {priority: high}, go_to: next_level"))
    desk.look(0, say.born(tags=("outage",)))
    desk.promise(1)
    picture = say.full(say.at(1), tags=("outage",), priority="high", group="12", level=2)
    echoes = [
        say.changed("a", 1, say.ours, picture, group=("11", "12")),
        say.changed("b", 1, say.ours, picture, priority=(None, "high")),
        say.changed("c", 1, say.ours, picture, level=("1", "2")),
        say.said("d", 1, say.bot, "seen", False, picture),
    ]
    mixed = [echoes[i] for i in order]
    for chunk in (mixed[:split], mixed[split:]):
        decision = desk.look(2, *chunk)
        assert (decision.command, dict(decision.given_up), desk.level) == (None, {}, 2)
