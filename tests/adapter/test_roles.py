"""Who receives and who works: how a receiver goes without dropping anybody, and what only one process does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import pytest
from flask import Flask

from adapter.journal import Journal
from adapter.scheduling.embedded import Embedded
from adapter.scheduling.leader import STAND_BY, alone, led
from adapter.settings import Server
from adapter.store.sql import SqlStore
from adapter.web.server import WebServer, listen, make_server
from policies.model import TicketRef

Until = Callable[[Callable[[], object]], None]
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


class Slow:
    """An application whose answer comes when a test says so."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.app = Flask("slow")
        self.app.add_url_rule("/", view_func=self.answer)

    def answer(self) -> str:
        self.asked.set()
        self.go_on.wait(5)
        return "done"


@pytest.fixture
def slow() -> Iterator[tuple[Slow, WebServer, int]]:
    """Serves it on a port of its own."""
    slow, server = Slow(), Server(port=0, threads=2)
    opened = listen(server)
    web = make_server(slow.app, server, opened)
    web.start()
    yield slow, web, opened.getsockname()[1]
    slow.go_on.set()


def test_who_is_being_answered_is_answered_and_nobody_else_is_let_in(
    slow: tuple[Slow, WebServer, int], until: Until
) -> None:
    one, web, port = slow
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        line = HTTPConnection("127.0.0.1", port, timeout=5)
        line.request("GET", "/")
        answer = line.getresponse()
        answers.append((answer.status, answer.read()))
        line.close()

    asking = threading.Thread(target=ask)
    asking.start()
    assert one.asked.wait(5)
    ended: list[bool] = []
    stopping = threading.Thread(target=lambda: ended.append(web.stop(5)))
    stopping.start()
    until(lambda: refused(port))
    one.go_on.set()
    asking.join(5)
    stopping.join(5)
    assert (answers, ended) == ([(200, b"done")], [True])


def test_an_answer_that_never_comes_does_not_keep_a_server(slow: tuple[Slow, WebServer, int]) -> None:
    one, web, port = slow
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert one.asked.wait(5)
        assert web.stop(0.3) is False


def test_a_server_that_never_began_can_be_stopped() -> None:
    server = Server(port=0)
    assert make_server(Flask("never"), server, listen(server)).stop()


def refused(port: int) -> bool:
    """Say whether nobody listens there any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def test_a_process_that_only_receives_keeps_no_wake_ups(store: SqlStore) -> None:
    engine = Embedded(store, lambda _: None, Journal(), lambda: NOW)
    engine.start(worker=False)
    engine.wake(TicketRef(vendor="desk", site="acme", id="1"))
    assert engine.idle()
    assert engine.stop()


@pytest.mark.parametrize(
    ("leads", "next_run", "again"),
    [
        (True, None, None),
        (True, timedelta(hours=1), timedelta(hours=1)),
        (False, None, STAND_BY),
        (False, timedelta(hours=1), STAND_BY),
        (False, timedelta(seconds=1), timedelta(seconds=1)),
    ],
)
def test_who_does_not_lead_an_errand_asks_again_soon(
    leads: bool, next_run: timedelta | None, again: timedelta | None
) -> None:
    @contextmanager
    def leading(_: str) -> Iterator[bool]:
        yield leads

    turn = led("letters", leading, lambda mine: NOW + next_run if next_run is not None else None, lambda: NOW)
    assert turn() == (NOW + again if again is not None else None)


def test_what_one_process_does_alone_the_others_leave() -> None:
    runs: list[int] = []
    run = alone(lambda: runs.append(1))
    assert (run(False), runs) == (None, [])
    assert (run(True), runs) == (None, [1])
