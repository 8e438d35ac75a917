"""Which tickets are to be looked at now, by name, handed out by procrastinate over PostgreSQL to any worker anywhere.

It is a short window on the table of tickets and holds no truth: whatever is lost here is found again by the next glance
at what is due. So its tables are written without waiting for the disk, and each version of procrastinate has its own,
in a schema of its own: programs of different versions run side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import procrastinate
import psycopg
from procrastinate import exceptions, schema
from procrastinate.jobs import Job
from psycopg import sql
from sqlalchemy import Engine

from adapter.records import Unusable
from adapter.store.opening import DIALLING, advisory_key
from policies.model import TicketRef

SCHEMA = f"stepladder_queue_{procrastinate.__version__.replace('.', '_')}"
NAME = "tickets"
"""The one queue, and the one task in it: to look at a ticket."""
ROOM = 256
"""How many tickets wait in the queue at most; the rest wait in their table, the longest waiting first."""
_ROUNDS = 3
# not to_regclass: it remembers for the whole transaction that there was nothing
_IS_THERE = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'procrastinate_jobs'"
_WAITING = "SELECT lock FROM procrastinate_jobs WHERE status = 'todo'"
_BUSY = "SELECT lock FROM procrastinate_jobs WHERE status = 'doing'"


class Queue:
    """Names of tickets, put in from any thread. Taking them out is `distributed`'s, in an event loop."""

    def __init__(self, engine: Engine) -> None:
        _, given = engine.dialect.create_connect_args(engine.url)
        options = f"{given.get('options', '')} -c search_path={SCHEMA} -c synchronous_commit=off".strip()
        self._connect = {**DIALLING, **given, "options": options, "application_name": "stepladder queue"}
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(**self.pool(2)))

    def pool(self, size: int) -> dict[str, Any]:
        """Return the arguments of a pool of so many connections to these tables."""
        return {"kwargs": self._connect, "min_size": 1, "max_size": size, "timeout": 5.0}

    def open(self) -> None:
        """Make the tables if they are not there, and connect. Raises Unusable with what is to be done."""
        try:
            with psycopg.connect(**self._connect) as connection:
                if not _is_there(connection):
                    _make(connection)
        except psycopg.Error as error:
            raise Unusable(
                f"the queue's tables (schema {SCHEMA}) cannot be used or made: {str(error).strip()}; the database's "
                "user needs the right to create a schema (GRANT CREATE ON DATABASE), or this schema made for it"
            ) from error
        self._app.open()

    def close(self) -> None:
        """Close every connection."""
        self._app.close()

    def put(self, refs: Sequence[TicketRef], *, unless_busy: bool = False) -> bool:
        """Queue tickets that do not wait in the queue yet; False if there was no room for all.

        `unless_busy`: leave out those that are being looked at. Two processes may queue the same tickets at once; who
        comes second leaves those out.
        """
        for _ in range(_ROUNDS):
            waiting = self._names(_WAITING)
            known = waiting | self._names(_BUSY) if unless_busy else waiting
            wanted = [ref for ref in refs if str(ref) not in known]
            fitting = wanted[: max(0, ROOM - len(waiting))]
            try:
                if fitting:
                    self._app.job_manager.batch_defer_jobs([job(ref) for ref in fitting])
            except exceptions.AlreadyEnqueued:
                continue
            return len(fitting) == len(wanted)
        return False

    def is_empty(self) -> bool:
        """Say whether no ticket waits here or is being looked at."""
        return not (self._names(_WAITING) or self._names(_BUSY))

    def _names(self, query: Any) -> frozenset[str]:
        found = self._app.connector.get_sync_connector().execute_query_all(query)
        return frozenset(row["lock"] for row in found)


def job(ref: TicketRef) -> Job:
    """Make a ticket's entry: one at a time waits, and one at a time is looked at."""
    name = str(ref)
    return Job(queue=NAME, task_name=NAME, lock=name, queueing_lock=name, task_kwargs={"ticket": name})


def named(arguments: Mapping[str, Any]) -> TicketRef:
    """Return the ticket of an entry."""
    return TicketRef.parse(str(arguments["ticket"]))


def _is_there(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute(_IS_THERE, (SCHEMA,)).fetchone() is not None


def _make(connection: psycopg.Connection[Any]) -> None:
    """Make the tables; of several processes that start at once, one does it and the others wait."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_key("queue"),))
    if not _is_there(connection):
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        connection.execute(schema.SchemaManager.get_schema())
