"""A second address with threads of its own: health and numbers, however busy the receiver is. No webhook comes in here.

Behind a reverse proxy every request seems to come from this machine, so numbers are not served beside the webhooks.
"""

from __future__ import annotations

import socket
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from flask import Blueprint, Flask

from adapter.vigilance import Monitor


class Window:
    """The listener, if the settings name a port. It is opened first and closed last."""

    def __init__(self, settings: Monitor, *routes: Blueprint) -> None:
        self._settings = settings
        self._routes = routes
        self._server: _Server | None = None

    @property
    def port(self) -> int | None:
        """The port that it listens on, if it does."""
        return self._server.server_port if self._server is not None else None

    def start(self) -> None:
        """Listen. Raises OSError with a sentence if somebody else does."""
        if self._settings.port is None:
            return
        self._server = self._opened(self._settings.host, self._settings.port)
        app = Flask("monitor", static_folder=None)
        for routes in self._routes:
            app.register_blueprint(routes)
        self._server.set_app(app)
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="monitor", daemon=True).start()

    def stop(self) -> None:
        """Close it."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _opened(self, host: str, port: int) -> _Server:
        try:
            return (_ServerOf6 if ":" in host else _Server)((host, port), _Request)
        except OSError as error:
            raise OSError(
                f"[monitor] cannot listen on {host}:{port}: {error.strerror}; does another process of ours already? "
                "Processes on one machine each need a port: --monitor-port"
            ) from error


class _Request(WSGIRequestHandler):
    timeout = 5  # seconds for somebody who connects and says nothing

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who asks for numbers asks every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        """Bind, without asking a name server what this machine is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: somebody hung up."""


class _ServerOf6(_Server):
    address_family = socket.AF_INET6
