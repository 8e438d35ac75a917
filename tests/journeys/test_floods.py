"""Strangers at the door: forged, oversized, endless and slow requests, while genuine deliveries come in behind them."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from adapter.assembly import make_app
from adapter.sections import Server
from adapter.web.server import listen, make_server

House = Any
SLOW, FORGED, GENUINE = 30, 150, 20
CROWD = """
import socket, sys
start = b"POST /webhooks/zendesk/acme HTTP/1.1\\r\\nContent-Length: 900\\r\\n\\r\\n{"
slow = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(510)]
for one in slow[:500]:
    one.sendall(start)
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def house(build_house: Callable[..., House]) -> House:
    return build_house("zendesk", mode="observe")


@pytest.fixture
def door(house: House) -> Iterator[tuple[str, int]]:
    """The server that `stepladder serve` uses, in front of the house; its address."""
    with serving(house) as address:
        yield address


@contextmanager
def serving(house: House, **more: Any) -> Iterator[tuple[str, int]]:
    opened = listen(Server(port=0, threads=4))
    server = make_server(make_app(house.adapter), Server(threads=4, body_limit=100_000), opened, **more)
    server.start()
    yield opened.getsockname()
    assert server.stop()


def post(door: tuple[str, int], body: bytes, headers: dict[str, str]) -> int:
    address = f"http://{door[0]}:{door[1]}/webhooks/zendesk/acme"
    return requests.post(address, data=body, headers=headers, timeout=10).status_code


def said_raw(door: tuple[str, int], request: bytes) -> bytes:
    """Say something that no library says, and return the first line of the answer."""
    with socket.create_connection(door, timeout=10) as opened:
        opened.sendall(request)
        return opened.recv(4000).partition(b"\r\n")[0]


def test_what_is_too_large_is_turned_away_before_it_is_read(house: House, door: tuple[str, int]) -> None:
    start = b"POST /webhooks/zendesk/acme HTTP/1.1\r\nHost: here\r\n"
    assert said_raw(door, start + b"Content-Length: 5000000\r\n\r\n").split()[1] == b"413"
    assert said_raw(door, start + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n").split()[1] == b"431"
    assert house.said("delivery.kept") == []


def test_genuine_deliveries_come_in_behind_a_flood(
    house: House, door: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """They come from the flood's own address, as they would behind a proxy: nobody is shut out by where they are."""
    ticket = house.opened()
    envelopes = house.held(lambda: [house.desk.customer_says(ticket, f"And {n}?") for n in range(GENUINE)])
    forged = {**envelopes[0].headers, **envelopes[0].sign(), "X-Zendesk-Webhook-Signature": "bm90IGEgc2lnbmF0dXJl"}
    caplog.clear()
    caplog.set_level(logging.WARNING, "stepladder")
    with ExitStack() as stack, ThreadPoolExecutor(8) as crowd:
        for _ in range(SLOW):
            slow = stack.enter_context(socket.create_connection(door, timeout=10))
            slow.sendall(b"POST /webhooks/zendesk/acme HTTP/1.1\r\nContent-Length: 900\r\n\r\n{")
        refused = [crowd.submit(post, door, b"{" * 20_000, forged) for _ in range(FORGED)]
        answers = [post(door, one.body, {**one.headers, **one.sign()}) for one in envelopes]
        assert {answer.result() for answer in refused} == {401}
    assert answers == [202] * GENUINE
    assert len(house.said("delivery.forged")) == FORGED  # all are counted
    lines = [record for record in caplog.records if "delivery.forged" in record.getMessage()]
    assert len(lines) < FORGED / 5  # and one line a second is written
    house.quiet()
    case, _ = house.adapter.store.case_at(house.ref(ticket), house.clock())
    assert len(case.story.customer_said) == GENUINE + 1  # and what it was opened with


@pytest.mark.parametrize("drop", [b"\r\n", b"X-Slow: 1\r\n"], ids=["before a request", "within one"])
def test_who_trickles_is_hung_up_on_and_who_asks_again_and_again_is_not(house: House, drop: bytes) -> None:
    moment, steady = threading.Event(), HTTPConnection("", timeout=10)
    steady.auto_open = 0  # it is one connection all the time
    with serving(house, longest=(0.4, 0.4)) as door, closing(steady):
        steady.host, steady.port = door
        steady.connect()
        with socket.create_connection(door, timeout=10) as slow:
            slow.sendall(b"" if drop == b"\r\n" else b"POST /webhooks/zendesk/acme HTTP/1.1\r\n")
            began, ended = time.monotonic(), 0.0
            while not ended and time.monotonic() < began + 8:
                steady.request("GET", "/nothing")
                assert steady.getresponse().read()
                moment.wait(0.05)
                try:
                    slow.sendall(drop)
                except OSError:
                    ended = time.monotonic()
        assert ended > began + 0.4


def test_five_hundred_slow_senders_keep_nobody_out(house: House) -> None:
    ticket = house.opened()
    (envelope,) = house.held(lambda: house.desk.customer_says(ticket, "Any news?"))
    with serving(house, longest=(30.0, 0.3)) as door:
        crowd = [sys.executable, "-c", CROWD, str(door[1])]
        with subprocess.Popen(crowd, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as slow:
            assert slow.stdout is not None
            assert slow.stdout.readline() == b"there\n"
            assert post(door, envelope.body, {**envelope.headers, **envelope.sign()}) == 202
            slow.communicate()
