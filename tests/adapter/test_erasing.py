"""Erasing, seen from the tables of either database: what two tickets share, what waits to be sent, who is faster."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from adapter.records import Commit, Committed, Receipt
from adapter.store import tables as t
from connectors.contract import TryLater
from policies.model import WHOLE_TICKET

Bench = Any
WORD = "canary"
OPENED = {"kind": "created", "changes": [], "ticket": {"group": "Support", "priority": "normal"}}


def rows_with(bench: Bench, word: str = WORD) -> set[str]:
    """Return the tables in which a word stands in any column of any row."""
    with bench.store.database.read() as connection:
        return {
            table.name
            for table in t.metadata.sorted_tables
            if any(word in str(bytes(v) if isinstance(v, memoryview) else v)
                   for row in connection.execute(select(table)) for v in row)
        }  # fmt: skip


def said(text: str, number: str = "c1", **more: Any) -> dict[str, Any]:
    return {"kind": "commented", "id": number, "says": text, **more}


def test_what_another_ticket_must_still_read_is_cleared_a_minute_later(bench: Bench) -> None:
    bench.hear(OPENED | {"id": "o7"})
    bench.look()
    row = bench.hear(said(f"a {WORD}"), tickets=("7", "8"))
    bench.look()
    bench.hear({"kind": "deleted", "erases": WHOLE_TICKET})
    bench.look()
    assert rows_with(bench) == {"deliveries"}  # ticket 8 has not read it
    assert bench.store.next_due(bench.clock()) == bench.clock() + timedelta(minutes=1)
    bench.look("8")
    with bench.store.database.write() as connection:  # what 8 has taken from it is another ticket's matter
        connection.execute(t.events.delete().where(t.events.c.ref == str(bench.ref("8"))))
        connection.execute(t.looks.delete().where(t.looks.c.ref == str(bench.ref("8"))))
        connection.execute(update(t.tickets).where(t.tickets.c.ref == str(bench.ref("8"))).values(case=None))
    bench.clock.advance(minutes=1)
    bench.look()
    assert rows_with(bench) == set()
    with bench.store.database.read() as connection:
        assert connection.execute(select(t.deliveries.c.vendor_id).where(t.deliveries.c.row == row)).scalar() == "d2"


def test_a_note_that_waits_is_sent_without_the_quote(bench: Bench) -> None:
    bench.born()
    bench.hear(said(f"a {WORD}"))
    bench.look()
    bench.vendor.script = ["done", TryLater("busy", after=5, site_wide=False)]
    bench.hear({"kind": "changed", "changes": [("priority", None, "urgent")]})
    bench.look()
    assert {"calls", "looks", "events"} <= rows_with(bench)
    bench.hear({"kind": "noted", "erases": "c1"})
    bench.clock.advance(seconds=6)
    bench.look()
    assert rows_with(bench) == set()
    notes = [call.note.text for call in bench.vendor.done if call.note is not None]
    assert len(notes) == 1
    assert (WORD in notes[0], "text erased" in notes[0], "priority urgent" in notes[0]) == (False, True, True)


def test_a_look_that_was_under_way_brings_nothing_back_and_doubles_are_still_recognised(bench: Bench) -> None:
    delivery = bench.delivery(OPENED, said(f"a {WORD}"))
    receipt = bench.intake.accept(bench.post, delivery, bench.clock())
    bench.look()
    work = bench.store.open(bench.ref(), bench.clock())
    assert bench.store.erase(bench.ref(), bench.clock())
    late = Commit(
        ref=work.ref, revision=work.revision, marks=work.marks, now=bench.clock(), due_at=None, case=work.case
    )
    assert bench.store.commit(late) is Committed.FENCED
    assert rows_with(bench) == set()
    again = bench.intake.accept(bench.post, delivery, bench.clock())
    assert again == Receipt(row=receipt.row, new=False)
    assert bench.store.erase(bench.ref("999"), bench.clock()) is False
