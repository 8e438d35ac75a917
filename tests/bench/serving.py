"""The real application behind a server of one's choice, for the comparison of servers.

python serving.py waitress|cheroot|werkzeug PORT THREADS      settings and worker by $STEPLADDER_… as everywhere
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from adapter.settings import Server
from adapter.web.server import listen, make_server
from app import create_app


def waitress(server: Server) -> None:
    """Serve as `stepladder serve` does."""
    make_server(create_app(), server, listen(server)).run()


def cheroot(server: Server) -> None:
    """Serve with CherryPy's server."""
    wsgi: Any = importlib.import_module("cheroot.wsgi")
    wsgi.Server((server.host, server.port), create_app(), numthreads=server.threads).start()


def werkzeug(server: Server) -> None:
    """Serve with Flask's development server: a thread for each connection."""
    serving: Any = importlib.import_module("werkzeug.serving")

    class Handler(serving.WSGIRequestHandler):  # type: ignore[misc]
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log(self, *_: Any) -> None:
            """Say nothing."""

    serving.make_server(server.host, server.port, create_app(), threaded=True, request_handler=Handler).serve_forever()


if __name__ == "__main__":
    name, port, threads = sys.argv[1:]
    {"waitress": waitress, "cheroot": cheroot, "werkzeug": werkzeug}[name](Server(port=int(port), threads=int(threads)))
