"""A ticket's creation comes before all else that is told of it, whatever clocks and identities say."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from policies.model import Event, Kind

URGENT = "when: {priority: urgent}, go_to: 2"


def everything(say: Any, ours: float) -> dict[str, Event]:
    """An urgent ticket, a comment of the same instant that sorts before it by name, and a fetch at a time of ours."""
    picture = say.full(say.at(0), priority="urgent")
    fetched = say.event("fetched", ours, Kind.FETCHED, None, ticket=picture)
    comment = say.said("a comment", 0, say.ana, ticket=say.part(say.at(0), priority="urgent"))
    return {"born": say.born(priority="urgent"), "comment": comment, "fetched": fetched}


CLOCKS = {"our clock is right": 1.0, "our clock is late": -0.05, "all at one instant": 0.0}


@pytest.mark.parametrize("ours", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("arrival", list(itertools.permutations(["born", "comment", "fetched"])), ids="-".join)
def test_what_a_ticket_was_born_with_is_a_cause_whatever_was_heard_first(
    say: Any, arrival: tuple[str, ...], ours: float
) -> None:
    told = everything(say, ours)
    desk = say.desk(say.policy(URGENT), vendor=say.full(priority="urgent"))
    for minute, name in enumerate(arrival, start=2):
        desk.look(minute, told[name])
    assert desk.level == 2
    assert desk.levels.count(2) == len(arrival) - arrival.index("born")
    assert desk.case.adopted_at == say.start


def test_a_change_of_the_same_instant_as_the_creation_is_told_after_it(say: Any) -> None:
    raised = say.changed("a change", 0, priority=("low", "urgent"))
    _, ticket, story = say.told([say.born(priority="low"), raised])
    assert ticket.priority.word == "urgent"
    assert story.times == {"priority=urgent": 1}


def test_a_ticket_whose_creation_was_never_told_keeps_what_it_had_before_it_was_heard_of(say: Any) -> None:
    told = everything(say, 1.0)
    desk = say.desk(say.policy(URGENT), vendor=say.full(priority="urgent"))
    desk.look(2, told["comment"], told["fetched"])
    assert desk.level == 1
    assert desk.case.story.took("priority") == say.start - timedelta(microseconds=1)
