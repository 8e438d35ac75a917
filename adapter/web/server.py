"""The WSGI server that `stepladder serve` uses: waitress, one process with threads (docs/benchmarks.md says why)."""

from __future__ import annotations

import socket
from typing import Protocol

from flask import Flask
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


class WebServer(Protocol):
    """A server that is about to run."""

    def run(self) -> None:
        """Serve until closed, or until SystemExit or KeyboardInterrupt in this thread."""

    def close(self) -> None:
        """Stop taking requests."""


def make_server(app: Flask, server: Server, opened: socket.socket) -> WebServer:
    """Put an application behind an open socket."""
    made: WebServer = create_server(
        app,
        sockets=[opened],
        threads=server.threads,
        ident=None,
        channel_timeout=30,
        connection_limit=1000,  # slow senders hold connections; a buffering proxy in front holds them better
        max_request_body_size=server.body_limit * 2,  # Flask answers 413 above the limit itself
        clear_untrusted_proxy_headers=True,
    )
    return made
