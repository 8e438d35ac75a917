"""The WSGI server that `stepladder serve` uses: waitress, one process with threads (docs/benchmarks.md says why)."""

from __future__ import annotations

import functools
import socket
import threading
import time
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server

from adapter.settings import Server


def listen(server: Server) -> socket.socket:
    """Open the listening socket, so that the port is known and taken before anything else begins."""
    opened = socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((server.host, server.port))
    except OSError as error:
        opened.close()
        raise OSError(
            f"cannot listen on {server.host}:{server.port}: {error.strerror}; is another Stepladder running there?"
        ) from error
    return opened


class _Connection(HTTPChannel):
    """A connection that ends if it brings no whole request in time, however busily it trickles.

    waitress itself counts silence only, so that few bytes a minute from many would close the door for everybody.
    """

    def __init__(self, *given: Any, longest: tuple[float, float], **more: Any) -> None:
        self._longest, self._when_full = longest
        self._since = time.monotonic()
        super().__init__(*given, **more)

    def service(self) -> None:
        """Answer; only then the time for the next request begins."""
        self._since = time.monotonic()
        super().service()
        self._since = time.monotonic()

    def readable(self) -> bool:
        """Say whether to read on. The server's own thread asks this at least once a second."""
        longest = self._when_full if self.server.in_connection_overflow else self._longest
        if not self.requests and time.monotonic() - self._since > longest:
            self.will_close = True
        return bool(super().readable())


class WebServer:
    """Answers in threads of its own from `start` to `stop`; or in this thread, with `run`."""

    def __init__(self, made: Any) -> None:
        self._made = made  # waitress' own; its published types are not those it has
        self._thread = threading.Thread(target=made.run, name="server", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def run(self) -> None:
        """Serve in this thread until SystemExit or KeyboardInterrupt."""
        self._made.run()

    def stop(self, patience: float = 5.0) -> bool:
        """Take no new connection, answer what has come, then hang up; False if some were left without an answer."""
        ends = time.monotonic() + patience
        if self._thread.ident is None:
            self._made.close()
            return True
        self._made.trigger.pull_trigger(self._close_the_door)
        answered = self._finish(ends)
        self._made.trigger.pull_trigger(self._hang_up)
        self._thread.join(max(_LAST_WORDS, ends - time.monotonic()))
        self._made.task_dispatcher.set_thread_count(0)
        return answered

    def _close_the_door(self) -> None:
        """Let in who has knocked already, and nobody else. Runs in the server's own thread."""
        before = -1
        while before != (before := len(self._made.active_channels)):
            self._made.handle_accept()
        self._made.accepting = False
        self._made.del_channel()
        self._made.socket.close()

    def _finish(self, ends: float) -> bool:
        """Wait until nothing was to be answered for a moment: a request may be on its way to us."""
        quiet_since, pause = time.monotonic(), threading.Event()
        while (now := time.monotonic()) < ends:
            if any(
                channel.requests or channel.total_outbufs_len for channel in list(self._made.active_channels.values())
            ):
                quiet_since = now
            elif now - quiet_since >= _QUIET:
                return True
            pause.wait(0.02)
        return False

    def _hang_up(self) -> None:
        wasyncore.close_all(self._made._map)


_QUIET, _LAST_WORDS = 0.2, 0.5
_LONGEST = 30.0, 5.0
"""Seconds."""


def make_server(
    app: Flask, server: Server, opened: socket.socket, longest: tuple[float, float] = _LONGEST
) -> WebServer:
    """Put an application behind an open socket, which takes connections from now on.

    `longest`: seconds until a request must have come whole, and the same while no further connection is taken.
    """
    made: Any = create_server(
        app,
        sockets=[opened],
        threads=server.threads,
        ident=None,
        channel_timeout=15,  # of silence
        cleanup_interval=5,
        connection_limit=500,  # slow senders hold connections; a buffering proxy in front holds them better
        max_request_header_size=32 * 1024,
        max_request_body_size=server.body_limit * 2,  # Flask answers 413 above the limit itself
        clear_untrusted_proxy_headers=True,
    )
    made.channel_class = functools.partial(_Connection, longest=longest)
    return WebServer(made)
