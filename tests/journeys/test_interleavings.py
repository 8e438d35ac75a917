"""People, echoes, doubles, delays and faults in any order: it comes to rest, and then both sides say the same.

Each example is the life of one ticket in a house that has lived through all the examples before. What is at rest: every
delivery is read and every call has ended; what Stepladder believes of the ticket is what stands at the vendor; nothing
of ours is there twice, and the customer has read nothing of it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from adapter.records import CallState
from adapter.store.tables import calls
from connectors.faults import Fault

House = Any
WHOLE = os.environ.get("STEPLADDER_FAULTS") == "all"
OPERATION = re.compile(r"op ([0-9a-f]{8,})")

people = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(["Hurry, please!", "Is anybody there?", "/escalate"])),
    st.tuples(st.just("answers"), st.sampled_from(["We look into it.", "Is it better now?"])),
    st.tuples(st.just("notes"), st.sampled_from(["tried: a restart", "/escalate", "/ack", "seen"])),
    st.tuples(st.just("priority"), st.sampled_from(["low", "normal", "high", "urgent"])),
    st.tuples(st.just("status"), st.sampled_from(["open", "pending", "solved"])),
    st.tuples(st.just("group"), st.sampled_from(["Support", "Technical Support"])),
)
post = st.tuples(st.just("post"), st.sampled_from(["hold", "release", "double", "backwards"]))
time = st.tuples(st.just("time"), st.sampled_from([1, 61, 700, 4000]))
trouble = st.tuples(
    st.just("fault"),
    st.tuples(
        st.sampled_from(["500", "503", "429", "cut", "cut_after", "cut_late", "hang_after", "409"]),
        st.sampled_from(["PUT", "POST", "PUT|POST", "GET"]),
    ),
)
HANDS = {"priority", "status", "group", "answers", "notes"}
"""Acts by which a person takes back what we wanted, or makes it pointless."""
lives = st.lists(st.one_of(people, people, people, post, time, trouble), min_size=2, max_size=12)


class Life:
    """One ticket's life at a desk."""

    def __init__(self, house: House) -> None:
        self.house, self.desk = house, house.desk
        self.ticket: str = house.desk.open_ticket("VPN down", "Nobody gets in.", priority="normal")
        self.held = False

    def live(self, kind: str, what: Any) -> None:
        """Let one thing happen, no two in one millisecond: finer than that no vendor tells time."""
        self.house.clock.jump_to(self.house.clock() + timedelta(milliseconds=2))
        if kind == "says":
            self.desk.customer_says(self.ticket, what)
        elif kind in ("answers", "notes"):
            self.desk.agent_says(self.ticket, what, public=kind == "answers")
        elif kind == "time":
            self.house.quiet(patience=0)
            self.desk.faults.settle()  # what is done long after it was looked for is the risk that remains
            self.house.clock.jump_to(self.house.clock() + timedelta(seconds=what))
            self.house.adapter.engine.rescan()
        elif kind == "fault":
            do, match = what
            self.desk.faults.add(Fault(do=do, match=match, seconds=0.05 if do == "cut_late" else 0.5))
        elif kind == "post":
            self._post(what)
        else:
            self.desk.agent_changes(self.ticket, **{kind: what})

    def rest(self) -> None:
        """Let nothing go wrong any more and everything arrive."""
        self._post("release")
        self.house.quiet(patience=5)
        self.desk.faults.settle()
        self.desk.faults.clear()
        self.house.later(minutes=15)

    def _post(self, what: str) -> None:
        arrange = {"double": lambda kept: [*kept, *kept], "backwards": lambda kept: kept[::-1]}.get(what, list)
        if what == "hold" and not self.held:
            self.desk.postman.hold()
        elif what != "hold" and self.held:
            self.desk.postman.release(arrange)
        self.held = what == "hold"


def ended(house: House, ticket: str) -> dict[str, set[str]]:
    """Return each operation that was ever decided for a ticket, and how its calls stand."""
    found: dict[str, set[str]] = {}
    asked = select(calls.c.key, calls.c.state).where(calls.c.ref == str(house.ref(ticket)))
    with house.adapter.store.database.engine.connect() as connection:
        for key, state in connection.execute(asked):
            found.setdefault(key.partition("/")[0], set()).add(state)
    return found


def proves(house: House, ticket: str, acts: set[str]) -> None:
    """Prove what must be so at rest, after a life of these kinds of acts."""
    work = house.adapter.store.open(house.ref(ticket), house.clock())
    assert work.deliveries == ()
    view, case = house.view(ticket), work.case
    notes = Counter(OPERATION.search(note)[1] for note in house.notes(ticket))  # type: ignore[index]
    assert not {op: count for op, count in notes.items() if count > 1}, "a note is there twice"
    operations = ended(house, ticket)
    fine = {CallState.WRITTEN, CallState.SUPERSEDED} | ({CallState.WITHDRAWN} if acts & HANDS else set())
    assert not {op: states for op, states in operations.items() if not states <= fine}, "a write is lost"
    written = {op for op, states in operations.items() if states == {CallState.WRITTEN}}
    assert written <= notes.keys() <= operations.keys(), "every move that was written left its note"
    believed, stands = case.ticket, {"level": view.level or 1, "priority": view.priority, "status": view.status}
    thought = {
        "level": believed.level or 1,
        "priority": believed.priority.word if believed.priority else None,
        "status": believed.status.value if believed.status else None,
    }
    assert {name: thought[name] for name in stands if believed.knows(name)} == {
        name: stands[name] for name in stands if believed.knows(name)
    }, "what is known of the ticket is what stands there"


@pytest.mark.parametrize("vendor", ["zendesk", "jira"])
def test_whatever_happens_in_whatever_order_it_comes_to_rest_and_is_true(build_house: Any, vendor: str) -> None:
    house = build_house(vendor)

    @settings(
        max_examples=250 if WHOLE else 15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(steps=lives)
    def lived(steps: list[tuple[str, Any]]) -> None:
        life = Life(house)
        for kind, what in steps:
            life.live(kind, what)
        life.rest()
        proves(house, life.ticket, {kind for kind, _ in steps})
        house.desk.agent_changes(life.ticket, status="solved")  # so that the next life has the house to itself
        house.quiet()

    lived()
