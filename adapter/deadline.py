"""An end for a conversation over a socket. A time-out for each answer ends nothing if a byte comes now and then."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

_AGAIN = 0.2
"""Seconds after which it is shut again: where TLS begins, the socket has just become another one."""


class Deadline:
    """Shuts a conversation's socket when its time is over, so that whoever waits for the next byte gets none."""

    def __init__(self, seconds: float, socket_of: Callable[[], socket.socket | None]) -> None:
        self._socket_of = socket_of
        self._ends = time.monotonic() + seconds
        self._turn = threading.Condition()
        self._over = False
        self.passed = False

    def __enter__(self) -> Deadline:
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            self._over = True
            self._turn.notify()

    def restart(self, seconds: float) -> None:
        """Give it this long from now on."""
        with self._turn:
            self._ends = time.monotonic() + seconds
            self._turn.notify()

    def _watch(self) -> None:
        with self._turn:
            while not self._over:
                left = self._ends - time.monotonic()
                if left <= 0:
                    self.passed = True
                    _shut(self._socket_of())
                self._turn.wait(left if left > 0 else _AGAIN)


def _shut(open_socket: socket.socket | None) -> None:
    if open_socket is not None:
        with contextlib.suppress(OSError):  # it has just been closed, or handed over to TLS
            socket.socket.shutdown(open_socket, socket.SHUT_RDWR)  # not TLS's own, which would take the reader's state
