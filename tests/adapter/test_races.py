"""Two at the same ticket at the same moment, on PostgreSQL: whoever is second sees what the first has done."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select

from adapter.records import CallState, Commit, Committed, Look, StoredCall
from adapter.retention import Old
from adapter.store import tables as t
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors.contract import Call, Delivery
from policies.case import Case, Decision, Facts
from policies.model import WHOLE_TICKET, Status, Ticket, TicketRef

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=200)
REF = TicketRef(vendor="desk", site="acme", id="7")
CASE = Case.fresh(REF, NOW)
Meanwhile = Callable[..., "Future[Any]"]


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    store = SqlStore(Database(database_url))
    yield store
    store.close()


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Another process' transaction, which holds what it touches until it is told to commit."""
    with psycopg.connect(database_url) as connection:
        yield connection


@pytest.fixture
def meanwhile(database_url: str) -> Iterator[Meanwhile]:
    """Begins something, and returns when it waits for somebody else."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ExitStack() as stack:
        watching = stack.enter_context(psycopg.connect(database_url, autocommit=True))
        threads = stack.enter_context(ThreadPoolExecutor(4))
        begun: list[Future[Any]] = []

        def begin(work: Callable[[], Any]) -> Future[Any]:
            begun.append(threads.submit(work))
            while not begun[-1].done() and watching.execute(waiting).fetchall() < [(len(begun),)]:
                threading.Event().wait(0.005)
            assert not begun[-1].done(), f"it waited for nobody: {begun[-1].result()}"
            return begun[-1]

        yield begin


def receive(store: SqlStore, name: str = "d1", at: datetime = NOW) -> int:
    body = Delivery(vendor="desk", site="acme", body=b"{}", received_at=at)
    return store.receive(body, name, (REF,), None).row


def thought(store: SqlStore, **more: Any) -> Commit:
    """Return what a look that begins now will store."""
    work = store.open(REF, NOW)
    read = [delivery.row or 0 for delivery in work.deliveries]
    given: dict[str, Any] = {"due_at": None, "case": CASE, "read": read, **more}
    return Commit(ref=REF, revision=work.revision, marks=work.marks, now=NOW, **given)


def looks(store: SqlStore) -> int:
    with store.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(t.looks)).scalar_one())


def ended(store: SqlStore) -> None:
    """Let a ticket be solved, with everything read."""
    receive(store)
    ticket = Ticket(ref=REF, known=frozenset({"status"}), status=Status.SOLVED)
    case = replace(CASE, ticket=ticket)
    look = Look(at=NOW, policy="p1", facts=Facts(), decision=Decision(case=case), case_before=case)
    store.commit(thought(store, case=case, look=look))


# --- erased while a look ends -------------------------------------------------------------------------------
def test_an_erasure_keeps_what_a_look_has_just_stored_and_is_kept(
    store: SqlStore, other: psycopg.Connection[Any], meanwhile: Meanwhile
) -> None:
    receive(store)
    commit = thought(store, case=replace(CASE, level=2))
    other.execute("SELECT * FROM arrivals FOR UPDATE")  # so that the look stands still after it has moved the ticket
    looking = meanwhile(lambda: store.commit(commit))
    erasing = meanwhile(lambda: store.erase(REF, NOW))
    other.commit()
    assert (looking.result(10), erasing.result(10)) == (Committed.DONE, True)
    after = store.open(REF, NOW)
    assert after.case is not None
    assert (after.case.level, set(after.case.erased), after.revision) == (2, {WHOLE_TICKET}, commit.revision + 2)
    sent = replace(commit, revision=commit.revision + 1, read=())
    assert store.commit(sent) is Committed.FENCED, "what the look has sent it finds out at its next"


# --- let go while something comes ---------------------------------------------------------------------------
def test_a_ticket_that_comes_back_while_it_is_let_go_is_taken_in_anew(
    store: SqlStore, other: psycopg.Connection[Any], meanwhile: Meanwhile
) -> None:
    ended(store)
    other.execute("SELECT * FROM looks FOR UPDATE")  # so that the purge stands still at its looks
    purging = meanwhile(lambda: store.purge_tickets("", LATER, LATER))
    coming = meanwhile(lambda: receive(store, "d2", LATER))
    other.commit()
    assert purging.result(10).gone["tickets"] == 1
    assert coming.result(10)
    work = store.open(REF, LATER)
    assert (work.case, len(work.deliveries), store.due(LATER, 1)) == (None, 1, [REF])


def test_of_a_ticket_that_came_back_first_nothing_is_let_go(
    store: SqlStore, other: psycopg.Connection[Any], meanwhile: Meanwhile
) -> None:
    ended(store)
    other.execute("UPDATE tickets SET marks = marks + 1, due_at = 1")
    purging = meanwhile(lambda: store.purge_tickets("", LATER, LATER))
    other.commit()
    assert not purging.result(10).gone
    assert (looks(store), store.open(REF, NOW).case is not None) == (1, True)


@pytest.mark.parametrize("again", ["read_again", "replay"])
def test_what_is_read_again_is_not_let_go(
    store: SqlStore, other: psycopg.Connection[Any], meanwhile: Meanwhile, again: str
) -> None:
    row = receive(store)
    store.commit(thought(store, read=(), dead={row: "no JSON"}))
    reading = {
        "read_again": lambda: store.read_again(row, (REF,), None, LATER),
        "replay": lambda: store.replay(REF, LATER),
    }
    other.execute("SELECT * FROM tickets FOR UPDATE")  # so that it stands still before it is committed
    begun = meanwhile(reading[again])
    old = Old(now=LATER, bodies=LATER, deliveries=LATER, dead_letters=LATER)
    purging = meanwhile(lambda: store.purge_deliveries(0, old))
    other.commit()
    assert begun.result(10)
    assert not purging.result(10).gone
    (kept,) = store.open(REF, LATER).deliveries
    assert kept.body == b"{}"


# --- a call that is being sent ------------------------------------------------------------------------------
def test_whoever_drops_a_call_that_a_look_begins_is_told_that_it_is_sent(
    store: SqlStore, other: psycopg.Connection[Any], meanwhile: Meanwhile
) -> None:
    receive(store)
    call = Call(operation="op", number=1, verb="set", parts={"level": 2})
    store.commit(thought(store, calls=[StoredCall(call=call, state=CallState.PLANNED, created_at=NOW)]))
    other.execute("UPDATE tickets SET revision = revision + 1")
    other.execute("UPDATE calls SET state = 'sending'")
    dropping = meanwhile(lambda: store.drop_call("op/1", "by hand", NOW))
    other.commit()
    assert dropping.result(10) == "it is being sent, or its answer was lost and it has perhaps arrived"
    assert store.drop_call("op/2", "by hand", NOW) == "there is no such call"


# --- the server's last word is lost -------------------------------------------------------------------------
class Relay:
    """Stands between us and the server, and cuts the line at one COMMIT: `meets` says what happens there.

    It returns whether the server is to hear of the COMMIT; what the server answers is not passed on in any case.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.meets: Callable[[], bool] | None = None
        self._met = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._take)]
        self._threads[0].start()

    def close(self) -> None:
        self._met.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                cut = threading.Event()
                for work in (partial(self._ask, ours, server, cut), partial(self._answer, server, ours, cut)):
                    self._threads.append(threading.Thread(target=work))
                    self._threads[-1].start()

    def _ask(self, ours: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := ours.recv(65_536):
                if self.meets is not None and b"COMMIT\0" in data:
                    meets, self.meets = self.meets, None
                    cut.set()
                    arrives = meets()
                    self._met.set()
                    if not arrives:
                        break
                server.sendall(data)
        hang_up(server)

    def _answer(self, server: socket.socket, ours: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while (data := server.recv(65_536)) and not cut.is_set():
                ours.sendall(data)
        if cut.is_set():  # whoever waits for the answer learns of the cut when all that happens there has
            self._met.wait(10)
        hang_up(ours)


def hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@pytest.mark.parametrize("arrives", [True, False], ids=["it stands", "it was lost too, and somebody was faster"])
def test_a_commit_whose_answer_was_lost_knows_whether_it_stands(
    database_url: str, store: SqlStore, arrives: bool
) -> None:
    address, _, name = database_url.rpartition("/")
    host, _, port = address.rpartition(":")
    receive(store)
    commit = thought(store, asked=3)
    with closing(Relay(int(port))) as relay:
        far = SqlStore(Database(f"{host}:{relay.port}/{name}"))
        with closing(far):
            far.due(NOW, 1)  # a connection stands already

            def meets() -> bool:
                if not arrives:  # the server gives up our transaction, and another worker has the turn
                    with store.database.write() as connection:
                        connection.exec_driver_sql(
                            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                            " WHERE state = 'idle in transaction' AND datname = current_database()"
                        )
                    assert store.commit(replace(commit, asked=0)) is Committed.DONE
                return arrives

            relay.meets = meets
            assert far.commit(commit) is (Committed.DONE if arrives else Committed.FENCED)
            assert relay.meets is None
    assert store.open(REF, NOW).revision == commit.revision + 1
    assert store.day("desk/acme", NOW.date()).calls == (3 if arrives else 0)
