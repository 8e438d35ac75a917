"""The database commits, and the line is cut before anybody hears that it stands: all the same nothing is doubled."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import make_url

from connectors.postman import Manners

WRITES = b"READ WRITE"
SHARE = 0.4
CUTS = 12
UNTIRING = Manners(retries={503: 200}, waits=(20.0,))


class Line:
    """A line to the database that is cut after some commits of writers, once the server has carried them out."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self.cuts = 0
        self.lost = 0
        self._chance = random.Random(7)
        self._turn = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                swallow = threading.Event()
                for work in (self._there, self._back):
                    threading.Thread(target=work, args=(near, far, swallow), daemon=True).start()

    def _there(self, near: socket.socket, far: socket.socket, swallow: threading.Event) -> None:
        writes = False
        with suppress(OSError):
            while sent := near.recv(65536):
                if b"BEGIN" in sent:
                    writes = WRITES in sent
                if b"COMMIT" in sent and writes and self._next():
                    swallow.set()
                far.sendall(sent)
        _hang_up(far)

    def _back(self, near: socket.socket, far: socket.socket, swallow: threading.Event) -> None:
        with suppress(OSError):
            while answer := far.recv(65536):
                if swallow.is_set():  # it stands; nobody shall hear of it
                    self.lost += 1
                    break
                near.sendall(answer)
        _hang_up(near)
        _hang_up(far)

    def _next(self) -> bool:
        with self._turn:
            cut = self.cuts > 0 and self._chance.random() < SHARE
            self.cuts -= cut
            return cut


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@pytest.fixture
def line(database_url: str) -> Iterator[Line]:
    made = Line(make_url(database_url).port or 0)
    yield made
    made.close()


@pytest.fixture
def any_database(database_url: str, line: Line) -> str:
    return make_url(database_url).set(port=line.port).render_as_string(hide_password=False)


def test_a_commit_whose_word_is_lost_stands_once_and_so_does_all_that_follows(
    build_house: Any, vendor: str, line: Line
) -> None:
    house = build_house(vendor)
    house.desk.postman.manners, line.cuts = UNTIRING, CUTS
    tickets = [house.desk.open_ticket(f"VPN {number}", "Nobody gets in.", priority="urgent") for number in range(3)]
    house.later(seconds=120)
    for ticket in tickets:
        house.stands(ticket, level=2)
    assert line.lost == CUTS
