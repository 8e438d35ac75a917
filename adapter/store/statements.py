"""The statements of every delivery and every look, built once: to build one costs more than to run it.

Values are named where they are used; a name that is no column (`this_ref`) is one that the statement only compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Double,
    Insert,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    text,
    true,
    update,
)

from adapter.store import tables as t
from adapter.store.prepared import Prepared

READ_AT_ONCE = 100
"""How many deliveries one look reads; a vendor that tells everything again must not fill the memory."""

_THIS: Any = bindparam("this_ref")
_SITE: Any = bindparam("site")

# --- whose turn ---------------------------------------------------------------------------------------------
DUE = Prepared(
    select(t.tickets.c.ref)
    .where(t.tickets.c.due_at <= bindparam("now"))
    .order_by(t.tickets.c.due_at)
    .limit(bindparam("most", type_=Integer))
)
NEXT_DUE = Prepared(select(func.min(t.tickets.c.due_at)).where(t.tickets.c.due_at > bindparam("after")))

# --- a look begins ------------------------------------------------------------------------------------------
TICKET = Prepared(
    select(t.tickets.c.revision, t.tickets.c.marks, t.tickets.c.case, t.tickets.c.failures).where(
        t.tickets.c.ref == _THIS
    )
)
UNREAD = Prepared(
    select(t.deliveries)
    .join(t.arrivals, t.arrivals.c.delivery == t.deliveries.c.row)
    .where(t.arrivals.c.ref == _THIS, t.arrivals.c.read == text("false"))
    .order_by(t.deliveries.c.row)
    .limit(READ_AT_ONCE + 1)
)
OPEN_CALLS = Prepared(
    select(t.calls).where(t.calls.c.ref == _THIS, t.calls.c.open == text("true")).order_by(t.calls.c.key)
)
OPEN_GAPS = Prepared(select(t.gaps.c.at, t.gaps.c.why).where(t.gaps.c.ref == _THIS, t.gaps.c.open == text("true")))
SWITCHES = Prepared(select(t.switches.c.scope, t.switches.c.reason))
ACTIVE = select(t.policies.c.revision).where(t.policies.c.active == text("true"))
GOVERNED = Prepared(
    select(
        ACTIVE.scalar_subquery().label("active"),
        select(t.modes.c.since).where(t.modes.c.site == _SITE).scalar_subquery().label("mode_since"),
        func.count().filter(t.moves.c.adoptive).label("adoptive"),
        func.count().filter(t.moves.c.at > bindparam("braking_since"), t.moves.c.braking).label("lately"),
    ).where(t.moves.c.site == _SITE, t.moves.c.at > bindparam("adopted_since"))
)
"""One row: the active policy, since when the site's mode, its adoptive moves of the last hour, its moves lately."""

# --- messages -----------------------------------------------------------------------------------------------
_its_site, _its_rule = literal("site:").concat(t.notices.c.site), literal("rule:").concat(t.notices.c.rule)
_not_paused = ~exists().where(t.switches.c.scope.in_(("all", _its_site, _its_rule)))
_waiting = (t.notices.c.open == text("true")) & _not_paused
DUE_NOTICE = (
    select(t.notices)
    .where(_waiting, t.notices.c.due_at <= bindparam("now"))
    .order_by(t.notices.c.due_at, t.notices.c.created_at)
    .limit(1)
)
NEXT_NOTICE = select(func.min(t.notices.c.due_at)).where(_waiting)

# --- a look ends --------------------------------------------------------------------------------------------
_due_unless_marked = case(
    (t.tickets.c.marks > bindparam("seen_marks"), bindparam("now", type_=Double)),
    else_=bindparam("next_look", type_=Double),
)
_thought = (
    update(t.tickets)
    .where(t.tickets.c.ref == _THIS, t.tickets.c.revision == bindparam("seen_revision"))
    .values(revision=t.tickets.c.revision + 1, due_at=_due_unless_marked)
)
THOUGHT = Prepared(_thought)
"""Further columns are set too, such as `case`, because the values that it is run with have them."""
THOUGHT_ON_A_SERVER = Prepared(_thought.returning(cast(func.pg_current_xact_id(), Text)))
"""The same, with the number that the server knows the transaction by; nothing if no row was changed."""
STOOD = text(
    "SELECT CASE WHEN CAST(:number AS xid8) < pg_snapshot_xmax(pg_current_snapshot())"
    " THEN pg_xact_status(CAST(:number AS xid8)) = 'committed' END"
)
"""Whether a transaction was committed; of one that this server has not come to yet, nothing."""
READ = Prepared(
    update(t.arrivals)
    .where(t.arrivals.c.ref == _THIS, t.arrivals.c.delivery == bindparam("this_delivery"))
    .values(read=true())
)
LOOK = Prepared(t.looks.insert())
_last_look = select(func.max(t.looks.c.row)).where(t.looks.c.ref == _THIS).scalar_subquery()
ASKED_SINCE = Prepared(
    update(t.looks).where(t.looks.c.row == _last_look).values(calls=t.looks.c.calls + bindparam("more"))
)
"""Requests after a look's commit, added to the ticket's last look."""
_unless_marked = case(
    (t.tickets.c.marks > bindparam("seen_marks"), t.tickets.c.due_at), else_=bindparam("next_look", type_=Double)
)
POSTPONED = Prepared(
    update(t.tickets)
    .where(t.tickets.c.ref == _THIS, t.tickets.c.revision == bindparam("seen_revision"))
    .values(due_at=_unless_marked)
)
"""Further columns are set too, if the values that it is run with have them."""
MOVE = Prepared(t.moves.insert())
TURNS = select(t.turns.c.level, t.turns.c.taken).where(t.turns.c.site == _SITE)
ARRIVAL = Prepared(t.arrivals.insert())
COUNTED = ("calls", "changed", "missed", "ours", "outside")
"""What is counted of a site's day."""


class Inserts:
    """The statements that each database spells in its own way; `insert` is its own."""

    def __init__(self, insert: Callable[[Table], Any]) -> None:
        self.delivery = Prepared(insert(t.deliveries).on_conflict_do_nothing().returning(t.deliveries.c.row))
        self.event = Prepared(insert(t.events).on_conflict_do_nothing())
        self.notice: Insert = insert(t.notices).on_conflict_do_nothing()
        turn = insert(t.turns)
        next_turn = {"taken": t.turns.c.taken + 1}
        self.turn = Prepared(
            turn.on_conflict_do_update(index_elements=["site", "level"], set_=next_turn).returning(t.turns.c.taken)
        )
        mark = insert(t.tickets)
        sooner = case((t.tickets.c.due_at < mark.excluded.due_at, t.tickets.c.due_at), else_=mark.excluded.due_at)
        self.mark: Insert = mark.on_conflict_do_update(
            index_elements=["ref"], set_={"due_at": sooner, "marks": t.tickets.c.marks + 1}
        )
        self.arrived = Prepared(
            mark.on_conflict_do_update(
                index_elements=["ref"],
                set_={"due_at": sooner, "marks": t.tickets.c.marks + 1, "heard_at": mark.excluded.heard_at},
            )
        )
        call = insert(t.calls)
        changing = ("ref", "state", "open", "attempted_at", "attempts", "outcome", "body")
        self.call = Prepared(
            call.on_conflict_do_update(index_elements=["key"], set_={name: call.excluded[name] for name in changing})
        )
        day = insert(t.days)
        self.counted = {
            what: Prepared(
                day.on_conflict_do_update(
                    index_elements=["site", "day"], set_={what: t.days.c[what] + day.excluded[what]}
                )
            )
            for what in COUNTED
        }
