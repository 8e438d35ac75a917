"""What must hold when the day is over: in the tables, and at the vendors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from adapter.house import House
from adapter.records import CallState
from adapter.sites import Post
from adapter.store import tables as t
from adapter.store.codec import stamp
from connectors.contract import Delivery
from connectors.postman import Envelope
from policies.model import TicketRef

OPERATION = re.compile(r"op ([0-9a-f]{8,})")
OURS = "Stepladder ·"
TWICE = "are there twice", "moves with a note each"
"""What is said of notes that are there too often."""
SOON = timedelta(seconds=6)
"""A look that is due within this is still part of the day; the policy's other clocks are hours away."""


# --- what people do, and what must stand in the end -----------------------------------------------------------
def a_customer_writes(desk: Any, ticket: str) -> None:
    desk.customer_says(ticket, "Is anybody there?")


def an_agent_raises_the_priority(desk: Any, ticket: str) -> None:
    desk.agent_changes(ticket, priority="urgent")


def an_agent_asks_for_management(desk: Any, ticket: str) -> None:
    desk.agent_says(ticket, "/escalate 3", public=False)


def an_agent_solves_it(desk: Any, ticket: str) -> None:
    desk.agent_changes(ticket, status="solved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How a ticket begins, what people do to it, and how it must stand: once, as decided.

    `operations`: how many moves there are; None where it depends on who was faster.
    """

    opened: Mapping[str, Any]
    acts: tuple[Callable[[Any, str], None], ...] = ()
    level: int | None = 1
    group: str | None = None
    priority: str | None = None
    operations: int | None = 1


SPECIALISTS = "Technical Support"
STORIES: Mapping[str, Story] = {
    "urgent": Story(
        opened={"priority": "urgent"}, acts=(a_customer_writes,), level=2, group=SPECIALISTS, priority="urgent"
    ),
    "calm": Story(opened={"priority": "low"}, acts=(a_customer_writes,), priority="low", operations=0),
    "raised": Story(
        opened={"priority": "normal"}, acts=(an_agent_raises_the_priority,), level=2, group=SPECIALISTS,
        priority="urgent",
    ),
    "watched": Story(opened={"priority": "low"}, acts=(an_agent_asks_for_management,), level=3, priority="urgent"),
    "important": Story(
        opened={"priority": "normal", "tags": ["vip"]}, acts=(a_customer_writes,), level=2, group=SPECIALISTS,
        priority="high",
    ),
    "twice": Story(
        opened={"priority": "urgent"}, acts=(an_agent_asks_for_management,), level=3, priority="urgent",
        operations=None,
    ),
    "taken back": Story(
        opened={"priority": "urgent"}, acts=(an_agent_solves_it,), level=None, operations=None
    ),
}  # fmt: skip
"""`urgent`, `raised`, `watched`, `important`: one move. `twice`: a second order while the first may be under way."""


@dataclass(slots=True, kw_only=True)
class Told:
    """A ticket whose story was told."""

    vendor: str
    story: str
    ticket: str = field(default="")


# --- at rest --------------------------------------------------------------------------------------------------
def settled(house: House) -> bool:
    """Say whether all is read, all calls have ended and nothing is due soon; a database that is away is not settled."""
    try:
        return not any(_open(house))
    except Exception:  # whatever each database says while it starts
        return False


def everything_ended(house: House) -> list[str]:
    """Say what has not ended, with the tickets that are still due."""
    unread, calls, due = _open(house)
    late = ", ".join(map(str, house.store.due(datetime.now(UTC), 5)))
    found = {"deliveries are not decided": unread, "calls have not ended": calls, f"tickets are still due: {late}": due}
    return [f"{count} {what}" for what, count in found.items() if count]


def _open(house: House) -> tuple[int, int, int]:
    soon = stamp(datetime.now(UTC) + SOON)
    asked = (
        select(func.count()).select_from(t.arrivals).where(~t.arrivals.c.read),
        select(func.count()).select_from(t.calls).where(t.calls.c.open),
        select(func.count()).select_from(t.tickets).where(t.tickets.c.due_at < soon),
    )
    with house.store.database.read() as connection:
        unread, calls, due = (int(connection.execute(one).scalar_one()) for one in asked)
    return unread, calls, due


# --- in the end -----------------------------------------------------------------------------------------------
def wrongs(house: House, desks: Mapping[str, Any], told: Sequence[Told], figures: Counter[str]) -> list[str]:
    """Return every promise that was broken, one sentence each."""
    found: list[str] = []
    for post in house.sites:
        found += _lost(house, post, desks[post.site.vendor].postman.taken(), figures)
    for one in told:
        post = next(post for post in house.sites if post.site.vendor == one.vendor)
        ref = TicketRef(vendor=one.vendor, site=post.site.name, id=one.ticket)
        states = _calls(house, ref)
        figures["escalations"] += sum(CallState.WRITTEN in of for of in states.values())
        found += [f"{ref} ({one.story}): {sentence}" for sentence in _broken(one, desks[one.vendor], ref, states)]
    return found


def _broken(one: Told, desk: Any, ref: TicketRef, states: Mapping[str, set[CallState]]) -> Iterator[str]:
    story, view = STORIES[one.story], desk.view(one.ticket)
    if any(OURS in reply for reply in view.replies):
        yield "a customer can read a note"
    ours = [note for note in view.notes if OURS in note]
    notes = Counter(found[1] if (found := OPERATION.search(note)) else "no operation" for note in ours)
    if doubled := [operation for operation, count in notes.items() if count > 1]:
        yield f"the notes of {doubled} {TWICE[0]}"
    if strangers := notes.keys() - states.keys():
        yield f"nobody decided the notes of {strangers}"
    written = {operation for operation, of in states.items() if of == {CallState.WRITTEN}}
    if silent := written - notes.keys():
        yield f"{silent} left no note"
    if refused := [operation for operation, of in states.items() if CallState.REFUSED in of]:
        yield f"{refused} was refused, though nothing refuses here"
    if story.operations is not None and (len(states), len(ours)) != (story.operations, story.operations):
        yield f"expected {story.operations} {TWICE[1]}, found {len(states)} moves and {len(ours)} notes"
    for name in ("level", "group", "priority"):
        wanted, stands = getattr(story, name), getattr(view, name)
        stands = stands or 1 if name == "level" else stands
        if wanted is not None and stands != wanted:
            yield f"expected {name} {wanted}, found {stands}"
    if story.operations == 0 and view.edits:
        yield "nobody decided to change it, and it was changed"


def _calls(house: House, ref: TicketRef) -> Mapping[str, set[CallState]]:
    """Return how the calls of each operation ended."""
    found: dict[str, set[CallState]] = {}
    asked = select(t.calls.c.key, t.calls.c.state).where(t.calls.c.ref == str(ref))
    with house.store.database.read() as connection:
        for key, state in connection.execute(asked):
            found.setdefault(key.partition("/")[0], set()).add(CallState(state))
    return found


def _lost(house: House, post: Post, thanked: Sequence[Envelope], figures: Counter[str]) -> Iterator[str]:
    """Yield each delivery that was answered 2xx and that no look of its tickets decided upon."""
    looked: dict[str, set[str]] = {}
    with house.store.database.read() as connection:
        for ref, events in connection.execute(select(t.looks.c.ref, t.looks.c.events)):
            looked.setdefault(ref, set()).update(msgspec.json.decode(events))
        kept = dict(connection.execute(select(t.deliveries.c.vendor_id, t.deliveries.c.problem)).all())
    for envelope in thanked:
        delivery = Delivery(
            vendor=post.site.vendor, site=post.site.name, body=envelope.body, received_at=datetime.now(UTC),
            headers={name.lower(): value for name, value in envelope.headers.items()},
        )  # fmt: skip
        name = post.connector.delivery_id(delivery)
        if name not in kept:
            yield f"a delivery to {post.scope} was thanked for and is gone: {name}"
        elif kept[name]:
            yield f"a delivery to {post.scope} could not be read: {kept[name]}"
        for ref in post.connector.tickets(delivery, post.site):
            for event in post.connector.read(delivery, post.site, ref):
                figures["facts"] += 1
                if event.id not in looked.get(str(ref), ()):
                    yield f"no look at {ref} decided upon {event.id}, which was thanked for"
