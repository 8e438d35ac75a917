"""Real processes over one PostgreSQL: what one receives any may work on; none is needed, and none doubles a write."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors import discover
from connectors.faults import Fault
from connectors.postman import CUT, SILENCE, Manners, Postman
from connectors.sandboxing import Authority, Served
from tests.fleet import Fleet, Process, Web, fleet_of, until
from tests.postgres import ON_POSTGRES, Server

SETTLE = "[worker]\nsettle = 1\n[guards]\nescalations_in_10_minutes = 10000"
VENDORS = sorted(discover())
at_length = pytest.mark.skipif(not ON_POSTGRES, reason="takes half a minute; `make postgres` runs it")


@pytest.fixture
def store() -> Iterator[Callable[[Fleet], SqlStore]]:
    """Opens the tables of a fleet, as a command on any machine does."""
    opened: list[SqlStore] = []

    def open_it(fleet: Fleet) -> SqlStore:
        opened.append(SqlStore(Database(fleet.server.url(fleet.name))))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


def escalated_once(fleet: Fleet, tickets: list[str]) -> None:
    """Prove that each ticket stands at level 2, with one note."""
    for ticket in tickets:
        view = fleet.desk.view(ticket)
        assert (view.level, view.group, len(view.notes)) == (2, "Technical Support", 1), ticket


def settled(fleet: Fleet, tickets: list[str]) -> None:
    """Wait until every note stands, the echoes are read and no call is open."""
    until(lambda: all(fleet.desk.view(ticket).notes for ticket in tickets), "every note")
    fleet.desk.postman.settle()
    until(lambda: not fleet.unfinished(), "everything to be read and written")


@pytest.mark.parametrize("vendor", VENDORS if ON_POSTGRES else VENDORS[-1:])
def test_two_workers_share_the_work_and_a_pause_stops_both(
    postgres: Server, vendor: str, policy: str, authority: Authority, tmp_path: Path, store: Callable[[Fleet], SqlStore]
) -> None:
    with fleet_of(postgres, tmp_path, vendor, authority, policy, SETTLE) as fleet:
        one, two = fleet.web(works=True), fleet.worker()
        fleet.begin(one, two)
        until(one.ready, "the receiver")
        fleet.subscribe(one)
        tickets = [fleet.desk.open_ticket(f"Ticket {n}", "Help!", priority="urgent") for n in range(12)]
        settled(fleet, tickets)
        escalated_once(fleet, tickets)
        assert one.said("ticket.decided")
        assert two.said("ticket.decided")

        tables, before = store(fleet), len(fleet.desk.requests)
        tables.pause("all", "we look into it", datetime.now(UTC))
        more = [fleet.desk.open_ticket(f"Later {n}", "Help!", priority="urgent") for n in range(6)]
        fleet.desk.postman.settle()
        until(lambda: not fleet.rows("SELECT 1 FROM arrivals WHERE NOT read"), "everything to be read")
        written = [r for r in fleet.desk.requests[before:] if r.method == "PUT" or r.path.endswith("comment")]
        assert not written
        tables.resume("all", datetime.now(UTC))
        settled(fleet, more)
        escalated_once(fleet, more)
        assert [process.end()[0] for process in (one, two)] == [0, 0]


@at_length
@pytest.mark.parametrize("vendor", VENDORS[:1])
def test_a_killed_workers_ticket_is_taken_over_within_half_a_minute(
    postgres: Server, vendor: str, policy: str, authority: Authority, tmp_path: Path
) -> None:
    with fleet_of(postgres, tmp_path, vendor, authority, policy, SETTLE) as fleet:
        one, two, ticket = _in_the_middle(fleet, "hang_after")
        _who_decided(one, two).kill()
        taken = until(lambda: not fleet.unfinished(), "the other to finish it", 40)
        print(f"taken over {taken:.1f} s after the kill")
        assert taken <= 30
        settled(fleet, [ticket])
        escalated_once(fleet, [ticket])


@at_length
@pytest.mark.parametrize("vendor", VENDORS[-1:])
def test_a_worker_that_stood_still_for_long_neither_loses_nor_doubles(
    postgres: Server, vendor: str, policy: str, authority: Authority, tmp_path: Path
) -> None:
    with fleet_of(postgres, tmp_path, vendor, authority, policy, SETTLE) as fleet:
        one, two, ticket = _in_the_middle(fleet, "slow")
        still = _who_decided(one, two)
        still.send(signal.SIGSTOP)
        try:
            settled(fleet, [ticket])
        finally:
            still.send(signal.SIGCONT)
        later = fleet.desk.open_ticket("And now", "Help!", priority="urgent")
        settled(fleet, [later])
        escalated_once(fleet, [ticket, later])
        assert [process.end()[0] for process in (one, two)] == [0, 0]


def _in_the_middle(fleet: Fleet, trouble: str) -> tuple[Process, Process, str]:
    """Start a receiver and two workers, and open a ticket; return when its write meets the trouble."""
    web, one, two = fleet.web(), fleet.worker(), fleet.worker()
    fleet.begin(one, two)
    until(web.ready, "the receiver")
    fleet.subscribe(web)
    fleet.desk.faults.add(Fault(do=trouble, match="PUT", seconds=3.5))
    ticket = fleet.desk.open_ticket("Down", "Help!", priority="urgent")
    until(lambda: fleet.desk.faults.befallen, f"the vendor to be met by {trouble}")
    return one, two, ticket


def _who_decided(*workers: Process) -> Process:
    """Return the worker that has decided something."""
    until(lambda: any(one.said('"ticket.decided"') for one in workers), "a decision")
    return next(one for one in workers if one.said('"ticket.decided"'))


# --- an upgrade while it works -------------------------------------------------------------------------------
class Balancer:
    """Hands each request to one of several processes, and to the next where nobody answers, as a proxy does."""

    def __init__(self, webs: list[Web]) -> None:
        self._webs = webs
        self._turn = 0
        self._lock = threading.Lock()
        self.answers: Counter[int] = Counter()
        self.served = Served(self)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {k[5:].replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_") and k != "HTTP_HOST"}
        headers["Content-Type"] = environ.get("CONTENT_TYPE", "")
        path = environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ.get("QUERY_STRING") else "")
        status = self._passed_on(path, body, headers)
        with self._lock:
            self.answers[status] += 1
        start_response(f"{status} {'OK' if status < 300 else 'Later'}", [("Retry-After", "1")])
        return [b""]

    def _passed_on(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        with self._lock:
            self._turn += 1
            order = [*self._webs[self._turn % 2 :], *self._webs[: self._turn % 2]]
        for web in order:
            try:
                return requests.post(web.url + path, data=body, headers=headers, timeout=8).status_code
            except requests.ConnectionError:
                continue
        return 503


@at_length
@pytest.mark.parametrize("vendor", VENDORS[:1])
def test_restarting_one_process_after_the_other_under_load_loses_nothing(
    postgres: Server, vendor: str, policy: str, authority: Authority, tmp_path: Path
) -> None:
    with fleet_of(postgres, tmp_path, vendor, authority, policy, SETTLE) as fleet:
        webs, workers = [fleet.web(), fleet.web()], [fleet.worker(), fleet.worker()]
        fleet.begin(*workers)
        for web in webs:
            until(web.ready, "the receivers")
        fleet.desk.postman = Postman(Manners(retries=dict.fromkeys((503, SILENCE, CUT), 60), waits=(1.0, 2.0)))
        balancer = Balancer(webs)
        fleet.desk.subscribe(f"{balancer.served.url}/webhooks/{vendor}/acme")
        tickets, enough, pause = list[str](), threading.Event(), threading.Event()

        def stream() -> None:
            while not enough.is_set():
                tickets.append(fleet.desk.open_ticket(f"Ticket {len(tickets)}", "Help!", priority="urgent"))
                pause.wait(0.4)

        people = threading.Thread(target=stream)
        people.start()
        try:
            for web in webs:
                assert_ends(web)
                web.start()
                until(web.ready, "the receiver's new start")
            changed = (fleet.folder / "policy.yaml").read_text().replace("name: Journeys", "name: Journeys, revised")
            (fleet.folder / "policy.yaml").write_text(changed)
            fleet.run("policy", "activate", str(fleet.folder / "policy.yaml"))
            for worker in workers:
                assert_ends(worker)
                worker.log.unlink()
                worker.start()
                until(lambda worker=worker: worker.said("Stepladder works"), "the worker's new start")  # type: ignore[misc]
        finally:
            enough.set()
            people.join()
            fleet.desk.postman.settle()
        settled(fleet, tickets)
        balancer.served.stop()
        escalated_once(fleet, tickets)
        assert set(balancer.answers) <= {200, 202, 503}
        assert balancer.answers[202] >= len(tickets)
        assert fleet.rows("SELECT count(*) FROM policies WHERE active") == [(1,)]


def assert_ends(process: Process) -> None:
    """End a process as whoever restarts it does, and prove that it goes in time and of its own accord."""
    code, seconds = process.end(signal.SIGTERM)
    assert code == 0, process.log.read_text()[-2000:]
    assert seconds <= 10
