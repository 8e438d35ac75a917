"""HTTP/1.1 with as little as possible between the bench and the socket, and how its processes speak to each other."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from typing import Any

_CHUNK = 65536


class Connection:
    """One kept-alive connection, for either side."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def receive(self) -> tuple[bytes, bytes]:
        """Return the next message's head and body; two empty ones when the other side has closed."""
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            if not (more := self._socket.recv(_CHUNK)):
                return b"", b""
            data += more
        head, begin = data[:end], end + 4
        until = begin + _length(head)
        while len(data) < until:
            if not (more := self._socket.recv(_CHUNK)):
                return b"", b""
            data += more
        self._rest = data[until:]
        return head, data[begin:until]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def dial(address: tuple[str, int], timeout: float = 30.0) -> Connection:
    """Open a plain connection."""
    opened = socket.create_connection(address, timeout=timeout)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(opened)


def status_of(head: bytes) -> int:
    """Return the status of an answer, 0 if there was none."""
    return int(head[9:12]) if head else 0


def stays(head: bytes) -> bool:
    """Say whether the connection may be used again."""
    return head.startswith(b"HTTP/1.1") and b"connection: close" not in head.lower()


def obey(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer one line of JSON on standard input with one on standard output, until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0
