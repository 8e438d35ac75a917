"""The tables. Times are seconds since 1970 (UTC); bodies are JSON as `codec` writes it, or the vendor's raw bytes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()
_ROW = BigInteger().with_variant(Integer, "sqlite")

deliveries = Table(
    "deliveries",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("vendor", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("vendor_id", Text),
    Column("received_at", Double, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("query", Text, nullable=False),
    Column("body", LargeBinary),
    Column("problem", Text),
    UniqueConstraint("vendor", "site", "vendor_id"),
)
Index(
    "deliveries_dead",
    deliveries.c.row,
    sqlite_where=deliveries.c.problem.is_not(None),
    postgresql_where=deliveries.c.problem.is_not(None),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("delivery", _ROW, ForeignKey("deliveries.row", ondelete="CASCADE"), nullable=False),
    Column("ref", Text, nullable=False),
    Column("read", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("delivery", "ref"),
)
Index(
    "arrivals_unread",
    arrivals.c.ref,
    sqlite_where=arrivals.c.read == text("false"),
    postgresql_where=arrivals.c.read == text("false"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("due_at", Double),
    Column("marks", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    Column("outside", Boolean, nullable=False, server_default=text("false")),
    Column("ended", Boolean, nullable=False, server_default=text("false")),  # at the last look
    Column("case", LargeBinary),
    Column("heard_at", Double),  # when its last delivery came; of tickets outside the policy nothing else is known
    Column("failures", Integer, nullable=False, server_default="0"),  # looks in a row that ended in a fault of ours
    Column("trouble", Text),  # why it is not looked at any more until somebody replays it
)
Index("tickets_due", tickets.c.due_at)
Index(
    "tickets_stuck",
    tickets.c.ref,
    sqlite_where=tickets.c.trouble.is_not(None),
    postgresql_where=tickets.c.trouble.is_not(None),
)

events = Table(
    "events",
    metadata,
    Column("ref", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("ref", "event"),
)

calls = Table(
    "calls",
    metadata,
    Column("key", Text, primary_key=True),
    Column("ref", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attempted_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index(
    "calls_open", calls.c.ref, sqlite_where=calls.c.open == text("true"), postgresql_where=calls.c.open == text("true")
)
Index(
    "calls_waiting",
    calls.c.created_at,
    sqlite_where=calls.c.open == text("true"),
    postgresql_where=calls.c.open == text("true"),
)
Index("calls_of_ticket", calls.c.ref)

looks = Table(
    "looks",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("ref", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("policy", Text, nullable=False),
    Column("events", LargeBinary, nullable=False),
    Column("facts", LargeBinary, nullable=False),
    Column("decision", LargeBinary, nullable=False),
    Column("case_before", LargeBinary),
    Column("calls", Integer, nullable=False, server_default="0"),  # requests to the vendor
)
Index("looks_of_ticket", looks.c.ref, looks.c.at)

moves = Table(
    "moves",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("site", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("adoptive", Boolean, nullable=False),
    Column("braking", Boolean, nullable=False),  # still counts towards pausing the site by itself
    Column("ref", Text, nullable=False),
    Column("level", Integer),  # not known of moves that were made before levels were counted
)
Index("moves_of_site", moves.c.site, moves.c.at, moves.c.adoptive, moves.c.braking)
Index("moves_to_level", moves.c.level, moves.c.at)

turns = Table(
    "turns",
    metadata,
    Column("site", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("taken", Integer, nullable=False),  # of the moves up to it; they are too many to be counted at each look
    PrimaryKeyConstraint("site", "level"),
)

notices = Table(
    "notices",
    metadata,
    Column("key", Text, primary_key=True),
    Column("ref", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("attempted_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("unanswered", Integer, nullable=False),
    Column("settled", LargeBinary, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index(
    "notices_open",
    notices.c.due_at,
    sqlite_where=notices.c.open == text("true"),
    postgresql_where=notices.c.open == text("true"),
)
Index("notices_of_ticket", notices.c.ref)

policies = Table(
    "policies",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("activated_at", Double, nullable=False),
    Column("active", Boolean, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Double, nullable=False),
)

modes = Table(
    "modes",
    metadata,
    Column("site", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("since", Double, nullable=False),
)

gaps = Table(
    "gaps",
    metadata,
    Column("ref", Text, nullable=False),
    Column("at", Double, nullable=False),  # the vendor's time of what nobody told us
    Column("why", Text, nullable=False),
    Column("open", Boolean, nullable=False),  # the ticket is still to be fetched because of it
    Column("found_at", Double, nullable=False),
    PrimaryKeyConstraint("ref", "at", "why"),
)

watches = Table(
    "watches",
    metadata,
    Column("site", Text, primary_key=True),
    Column("since", Double, nullable=False),
    Column("watermark", Double, nullable=False),  # every change up to it was compared with what we heard
    Column("ask_from", Double, nullable=False),
    Column("asked_at", Double),
    Column("problem", Text),
)

days = Table(
    "days",
    metadata,
    Column("site", Text, nullable=False),
    Column("day", Text, nullable=False),  # 2027-03-01, in UTC
    Column("calls", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("ours", Integer, nullable=False),
    Column("outside", Integer, nullable=False),
    PrimaryKeyConstraint("site", "day"),
)

examinations = Table(
    "examinations",
    metadata,
    Column("site", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("body", Text, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("ref", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("level", Integer, nullable=False),
    Column("said_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    PrimaryKeyConstraint("ref", "key"),
)

pulses = Table(
    "pulses",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)

# --- what several processes know together; one process alone keeps it in its memory and in a file -----------
brakes = Table(
    "brakes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("until", Double),
    Column("probe_until", Double),
    Column("closed_at", Double),
    Column("rest", Double, nullable=False),
)

paces = Table(
    "paces",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("site", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("at", Double, nullable=False),
)
Index("paces_of_site", paces.c.site, paces.c.at)
Index("paces_of_ticket", paces.c.site, paces.c.ticket, paces.c.at)

keepsakes = Table(
    "keepsakes",
    metadata,
    Column("site", Text, primary_key=True),
    Column("kept", LargeBinary, nullable=False),
)
