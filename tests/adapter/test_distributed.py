"""Many processes over one PostgreSQL: each ticket to one at a time, nothing lost when one of them falls silent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql
from sqlalchemy import Engine as Connections

from adapter.journal import Journal
from adapter.records import Unusable
from adapter.scheduling.distributed import Distributed
from adapter.scheduling.queue import ROOM, SCHEMA, Queue
from adapter.scheduling.rescue import SILENCE
from adapter.store.opening import address, open_postgresql
from policies.model import TicketRef
from tests.postgres import Server

Until = Callable[..., None]
Look = Callable[[TicketRef], datetime | None]


def ref(number: int = 1) -> TicketRef:
    return TicketRef(vendor="desk", site="acme", id=str(number))


def now() -> datetime:
    return datetime.now(UTC)


class Table:
    """The part of a store that says what is due, the same for every process."""

    def __init__(self) -> None:
        self.rows: dict[TicketRef, datetime] = {}
        self.done: set[TicketRef] = set()

    def due(self, until: datetime, limit: int) -> Sequence[TicketRef]:
        found = sorted(((at, str(one)) for one, at in list(self.rows.items()) if at <= until))
        return [TicketRef.parse(name) for _, name in found[:limit]]

    def next_due(self, after: datetime) -> datetime | None:
        return min((at for at in list(self.rows.values()) if at > after), default=None)

    def due_at(self, ticket: TicketRef) -> datetime | None:
        """What no test says anything about is due whenever somebody is woken for it."""
        return self.rows.get(ticket, now()) if ticket not in self.done else None


class Cluster:
    """Processes on one queue, in this one."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.table = Table()
        self.told: list[str] = []
        self._begun: list[tuple[Distributed, Connections]] = []

    def connections(self, user: str = "stepladder") -> Connections:
        return open_postgresql(address(self.server.url(self.name, user)))

    def process(self, look: Look = lambda _: None, threads: int = 4, *, worker: bool = True) -> Distributed:
        """Start another process."""
        found = self.connections()
        journal = Journal(lambda event, _: self.told.append(event))
        one = Distributed(self.table, Queue(found), look, journal, now, threads)
        self._begun.append((one, found))
        one.start(worker=worker)
        return one

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """Do something to the queue's tables that no process of ours does."""
        query = sql.SQL(statement).format(sql.Identifier(SCHEMA))
        return list(self.server.run(query, name=self.name))

    def fall_silent(self) -> None:
        """Let all workers' last sign of life be too long ago."""
        self.run(f"UPDATE {{}}.procrastinate_workers SET last_heartbeat = now() - interval '{SILENCE + 1} seconds'")

    def close(self) -> None:
        for one, found in self._begun:
            one.stop(3)
            found.dispose()


@pytest.fixture
def cluster(postgres: Server) -> Iterator[Cluster]:
    name = postgres.database()
    made = Cluster(postgres, name)
    yield made
    made.close()
    postgres.drop(name)


# --- whose turn ---------------------------------------------------------------------------------------------
def test_a_ticket_is_looked_at_by_one_thread_of_all_processes(cluster: Cluster, until: Until) -> None:
    running, most, looks = Counter[TicketRef](), list[int](), Counter[TicketRef]()
    lock, pause = threading.Lock(), threading.Event()

    def look(ticket: TicketRef) -> None:
        with lock:
            running[ticket] += 1
            most.append(running[ticket])
        pause.wait(0.005)
        with lock:
            running[ticket] -= 1
            looks[ticket] += 1

    works = [cluster.process(look) for _ in range(2)]
    receives = cluster.process(worker=False)
    for number in range(60):
        receives.wake(ref(number % 3))
        works[number % 2].wake(ref(number % 3))
        pause.wait(0.004)
    until(receives.idle)
    assert max(most) == 1
    assert min(looks[ref(number)] for number in range(3)) > 1


def test_who_is_woken_while_it_is_looked_at_is_looked_at_again(cluster: Cluster, until: Until) -> None:
    inside, go_on, looks = threading.Event(), threading.Event(), []

    def look(ticket: TicketRef) -> None:
        looks.append(ticket)
        inside.set()
        go_on.wait(5)

    cluster.process(look)
    receives = cluster.process(worker=False)
    receives.wake(ref())
    assert inside.wait(5)
    for _ in range(3):
        receives.wake(ref())
        until(lambda: not receives._woken)
    go_on.set()
    until(receives.idle)
    assert len(looks) == 2, "three wake-ups while it was looked at are one more look"


def test_what_is_due_is_found_without_a_wake_up_and_what_comes_later_is_looked_at_then(
    cluster: Cluster, until: Until
) -> None:
    looked: dict[TicketRef, datetime] = {}

    def look(ticket: TicketRef) -> None:
        looked[ticket] = now()
        cluster.table.rows.pop(ticket)

    cluster.table.rows[ref(1)] = now()
    cluster.process(look)
    until(lambda: ref(1) in looked)
    at = now() + timedelta(seconds=0.4)
    cluster.table.rows[ref(2)] = at
    until(lambda: ref(2) in looked)
    assert timedelta(0) <= looked[ref(2)] - at < timedelta(seconds=1)


def test_who_is_woken_in_vain_is_not_looked_at(cluster: Cluster, until: Until) -> None:
    looked: list[TicketRef] = []
    cluster.table.done.add(ref(1))
    cluster.table.rows[ref(2)] = now() + timedelta(hours=1)
    one = cluster.process(lambda ticket: looked.append(ticket))
    for number in (1, 2, 3):
        one.wake(ref(number))
    until(lambda: looked and one.idle())
    assert looked == [ref(3)], "what one is looked at for was seen by an earlier look, or is to come"


def test_the_queue_holds_a_short_window_of_what_is_due_and_each_ticket_once(cluster: Cluster) -> None:
    queue = Queue(cluster.connections())
    queue.open()
    refs = [ref(number) for number in range(ROOM + 50)]
    assert queue.put(refs[:100])
    assert queue.put(refs[50:150])
    assert not queue.put(refs)
    assert cluster.run("SELECT count(*), count(DISTINCT lock) FROM {}.procrastinate_jobs") == [(ROOM, ROOM)]
    assert not queue.is_empty()
    queue.close()


def test_a_backlog_is_worked_off_in_turn_and_leaves_no_rows(cluster: Cluster, until: Until) -> None:
    began = now() - timedelta(hours=1)
    cluster.table.rows = {ref(number): began + timedelta(seconds=number) for number in range(ROOM + 60)}
    looked: list[int] = []

    def look(ticket: TicketRef) -> None:
        looked.append(int(ticket.id))
        cluster.table.rows.pop(ticket, None)

    one = cluster.process(look)
    until(lambda: not cluster.table.rows and one.idle())
    assert max(looked[:100]) < ROOM, "the longest waiting first"
    assert cluster.run("SELECT count(*) FROM {}.procrastinate_jobs") == [(0,)]


# --- workers that fall silent --------------------------------------------------------------------------------
def test_a_silent_workers_ticket_is_handed_to_another_and_it_finds_its_way_back(cluster: Cluster, until: Until) -> None:
    inside, go_on = threading.Event(), threading.Event()
    by_first, by_second = list[TicketRef](), list[TicketRef]()

    def hang(ticket: TicketRef) -> None:
        by_first.append(ticket)
        inside.set()
        go_on.wait(10)

    first = cluster.process(hang, threads=1)
    first.wake(ref(1))
    assert inside.wait(5)
    cluster.fall_silent()
    second = cluster.process(lambda ticket: by_second.append(ticket))
    until(lambda: by_second == [ref(1)])
    assert "look.taken" in cluster.told
    second.stop(3)
    go_on.set()
    first.wake(ref(2))
    until(lambda: by_first == [ref(1), ref(2)])
    assert "look.failed" not in cluster.told


def test_a_ticket_whose_end_the_database_did_not_keep_is_looked_at_again(cluster: Cluster, until: Until) -> None:
    looks: list[TicketRef] = []
    one = cluster.process(lambda ticket: looks.append(ticket))
    one.wake(ref(1))
    until(lambda: looks == [ref(1)] and one.idle())
    cluster.run(  # as it is when the answer to a question for work was lost with its connection
        """INSERT INTO {0}.procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id)
        SELECT 'tickets', 'tickets', 'desk/acme/2', 'desk/acme/2', '{{"ticket": "desk/acme/2"}}', 'doing', max(id)
        FROM {0}.procrastinate_workers RETURNING id"""
    )
    until(lambda: looks == [ref(1), ref(2)], seconds=15)
    until(one.idle)
    assert "look.taken" in cluster.told


def test_when_every_connection_is_cut_work_goes_on(cluster: Cluster, until: Until) -> None:
    looks: list[TicketRef] = []
    one = cluster.process(lambda ticket: looks.append(ticket))
    one.wake(ref(1))
    until(lambda: looks == [ref(1)] and one.idle())
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    cluster.server.run(cut + " AND pid <> pg_backend_pid()", name=cluster.name)
    one.wake(ref(2))
    cluster.table.rows[ref(3)] = now()

    def both() -> bool:
        one.wake(ref(2))  # a wake-up may get lost; a table is asked again
        return {ref(2), ref(3)} <= set(looks)

    until(both)


# --- beginning and ending ------------------------------------------------------------------------------------
def test_processes_that_start_at_once_make_the_queue_once(cluster: Cluster) -> None:
    queues = [Queue(cluster.connections()) for _ in range(4)]
    wrong: list[Exception] = []

    def begin(queue: Queue) -> None:
        try:
            queue.open()
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=begin, args=(queue,)) for queue in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for queue in queues:
        assert queue.is_empty()
        queue.close()


def test_who_may_not_make_the_queue_is_told_what_is_missing(cluster: Cluster) -> None:
    cluster.server.run("DROP ROLE IF EXISTS guest")
    cluster.server.run("CREATE ROLE guest LOGIN")
    with pytest.raises(Unusable, match=rf"schema {SCHEMA}\) .*permission denied for .*GRANT CREATE ON DATABASE"):
        Queue(cluster.connections("guest")).open()


def test_stopping_finishes_what_is_under_way_and_begins_nothing(cluster: Cluster, until: Until) -> None:
    inside, go_on, looks = threading.Event(), threading.Event(), []

    def look(ticket: TicketRef) -> None:
        inside.set()
        go_on.wait(5)
        looks.append(ticket)

    one = cluster.process(look, threads=1)
    one.wake(ref(1))
    assert inside.wait(5)
    one.wake(ref(2))
    ended: list[bool] = []
    stopper = threading.Thread(target=lambda: ended.append(one.stop(5)))
    stopper.start()
    until(lambda: one._stopping.is_set())
    go_on.set()
    stopper.join(5)
    assert (ended, looks) == ([True], [ref(1)])


def test_stopping_has_an_end_even_if_a_look_has_none_and_gives_it_back(cluster: Cluster, until: Until) -> None:
    inside, go_on, again = threading.Event(), threading.Event(), list[TicketRef]()

    def hang(_: TicketRef) -> None:
        inside.set()
        go_on.wait(10)

    one = cluster.process(hang)
    cluster.table.rows[ref()] = now()
    assert inside.wait(5)
    assert one.stop(1.2) is False
    cluster.process(lambda ticket: again.append(ticket))
    until(lambda: again == [ref()])
    go_on.set()


def test_what_was_never_started_can_be_stopped(cluster: Cluster) -> None:
    queue = Queue(cluster.connections())
    assert Distributed(cluster.table, queue, lambda _: None, Journal(), now).stop()
