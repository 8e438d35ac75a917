"""Every look can be made again from what it recorded, and gives the same bytes: nothing that decided is hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import select

from adapter.shelf import Shelf
from adapter.store import tables as t
from adapter.store.codec import moment, pack, unpack_event
from policies.case import Case, Decision, Facts
from policies.decide import decide
from policies.model import Event

House = Any


def tell_a_story(house: House) -> None:
    """Let people do this and that to three tickets, with webhooks late and doubled, and time passing."""
    vip, plain, back = house.opened(tags=["vip"]), house.opened(), house.opened(priority="normal")
    house.desk.agent_says(plain, "We are looking into it.")
    house.later(minutes=31)
    house.desk.agent_changes(back, priority="urgent")
    late = house.held(lambda: house.desk.customer_says(plain, "And now?"))
    house.desk.agent_changes(plain, status="solved")
    house.quiet()
    for envelope in [*late, *late]:
        house.deliver(envelope)
    house.desk.agent_changes(vip, group="Support")
    house.desk.agent_says(vip, "/escalate 3", public=False)
    house.quiet()
    house.wrong("cut_after")
    house.desk.agent_says(back, "/escalate 3", public=False)
    house.later(minutes=5)
    house.later(hours=2)


def rows_of(house: House) -> list[Any]:
    with house.adapter.store.database.read() as connection:
        return list(connection.execute(select(t.looks).order_by(t.looks.c.row)))


def events_of(house: House, ref: str) -> dict[str, Event]:
    with house.adapter.store.database.read() as connection:
        stored = connection.execute(select(t.events.c.event, t.events.c.body).where(t.events.c.ref == ref))
        return {row.event: unpack_event(row.body) for row in stored}


def decided_again(house: House, shelf: Shelf, row: Any, later: set[str]) -> bytes:
    """Decide from the record alone. `later` are the events that this ticket's later looks heard first."""
    stored, told = events_of(house, row.ref), msgspec.json.decode(row.events)
    at, case = moment(row.at), msgspec.json.decode(row.case_before, type=Case)
    facts = msgspec.json.decode(row.facts, type=Facts)
    fresh = [stored[name] for name in told]
    before = [e for name, e in stored.items() if name not in {*told, *later} and e.received_at <= at]
    decision = decide(shelf.get(row.policy), case, fresh, facts, at, before)
    assert isinstance(decision, Decision)
    return pack(replace(decision, events=()))


def replays(house: House, least: int = 1) -> None:
    """Prove of each look that it can be made again from its record, and that they heard at least so many facts."""
    shelf, rows = Shelf(house.adapter.store.policy_text), rows_of(house)
    told = [set(msgspec.json.decode(row.events)) for row in rows]
    assert sum(map(len, told)) >= least  # how many facts one look hears is up to the machine
    later: dict[str, set[str]] = {}
    for row, events in zip(reversed(rows), reversed(told), strict=True):
        assert decided_again(house, shelf, row, later.setdefault(row.ref, set())) == row.decision, (
            f"look {row.row} at {row.ref}"
        )
        later[row.ref] |= events


def test_every_look_made_again_gives_the_same_bytes(house: House) -> None:
    tell_a_story(house)
    replays(house, least=16)
