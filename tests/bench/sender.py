"""The load, in a process of its own. It obeys lines of JSON: what to send, how fast, over how many connections.

At a rate it is open: every event has a moment, and what comes late counts as late, whoever was to blame. Without one it
is a burst: each caller sends its next event as soon as the last is answered.
"""

from __future__ import annotations

import gc
import json
import socket
import ssl
import threading
import time
from typing import Any

from messages import request
from wire import Connection, dial, obey, status_of, stays

Row = tuple[int, float, float, float, int]  # see trials.Row
_AGAIN, _MOST = 0.1, 300
"""Seconds after which a sender that was answered 503 sends again, and how often; vendors wait longer."""


class _Caller:
    """One connection's share of the events."""

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._connection: Connection | None = None

    def post(self, data: bytes) -> tuple[int, int]:
        """Send until something other than 503 is answered; return that, and how often it was sent again."""
        again = 0
        while (status := self._posted(data)) == 503 and again < _MOST:
            again += 1
            _never.wait(_AGAIN)
        return status, again

    def _posted(self, data: bytes) -> int:
        for fresh in (self._connection is None, True):
            try:
                if fresh:
                    self._connection = dial(self._address, self._timeout)
                assert self._connection is not None
                self._connection.send(data)
                head, _ = self._connection.receive()
            except OSError:
                head = b""
            if not stays(head):
                self.close()
            if head or fresh:
                return status_of(head)
        return 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def send(said: dict[str, Any]) -> dict[str, Any]:
    """Send `count` events from ticket `first`, at `rate` a second (0: a burst) over `callers` connections.

    `urgent`: each so-and-so-manieth is (0: none). `same`: all are about one ticket, of which only the last is urgent.
    """
    count, first, callers = int(said["count"]), int(said["first"]), int(said["callers"])
    rate, timeout = float(said.get("rate", 0)), float(said.get("timeout", 30))
    address = (str(said["address"][0]), int(said["address"][1]))
    urgent = count if said.get("same") else int(said.get("urgent", 1))
    ready = []
    for n in range(count):
        priority = "URGENT" if urgent and (n + 1) % urgent == 0 else "NORMAL"
        about = (first, priority, n + 1) if said.get("same") else (first + n, priority)
        ready.append((about[0], request(*about)))
    rows: list[Row] = []
    again: list[int] = []
    begin = time.monotonic() + 0.1

    def call(number: int) -> None:
        caller = _Caller(address, timeout)
        for place in range(number, count, callers):
            ticket, data = ready[place]
            due = begin + place / rate if rate else max(begin, time.monotonic())
            if (wait := due - time.monotonic()) > 0:
                _never.wait(wait)
            sent = time.monotonic()
            status, turns = caller.post(data)
            again.append(turns)
            rows.append((ticket, due, sent, time.monotonic(), status))
        caller.close()

    _together(call, callers)
    return {"rows": rows, "again": sum(again)}


def trickle(said: dict[str, Any]) -> dict[str, Any]:
    """Open so many connections of senders that stop halfway, in the head or in the body; 0 lets them go."""
    for opened in _slow:
        opened.close()
    _slow.clear()
    for number in range(int(said.get("trickle", 0))):
        whole = request(900_000_000 + number)
        opened = socket.create_connection((str(said["address"][0]), int(said["address"][1])), timeout=5)
        opened.sendall(whole[: 60 if number % 2 else len(whole) - 500])
        _slow.append(opened)
    return {"slow": len(_slow)}


def hammer(said: dict[str, Any]) -> dict[str, Any]:
    """Send `count` writes straight to the vendor's desk, to see that it is not what the others wait for."""
    context = ssl.create_default_context(cafile=str(said["bundle"]))
    address, callers, count = ("127.0.0.1", int(said["hammer"])), int(said["callers"]), int(said["count"])
    body = json.dumps({"ticket": said["ticket"]}).encode()
    head = b"PUT /api/v2/tickets/1.json HTTP/1.1\r\nAuthorization: Bearer bench\r\nContent-Length: %d\r\n\r\n"
    begin = time.monotonic()

    def call(number: int) -> None:
        with context.wrap_socket(socket.create_connection(address), server_hostname="127.0.0.1") as opened:
            connection = Connection(opened)
            for _ in range(number, count, callers):
                connection.send(head % len(body) + body)
                connection.receive()

    _together(call, callers)
    return {"seconds": time.monotonic() - begin}


def _together(call: Any, callers: int) -> None:
    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    gc.disable()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.enable()


def _obeyed(said: dict[str, Any]) -> dict[str, Any]:
    if "hammer" in said:
        return hammer(said)
    return trickle(said) if "trickle" in said else send(said)


_slow: list[socket.socket] = []
_never = threading.Event()

if __name__ == "__main__":
    obey(_obeyed)
