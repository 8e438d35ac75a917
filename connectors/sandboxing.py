"""What a pretend vendor needs: TLS on loopback, faults on request, and a postman that delivers signed webhooks.

A sandbox is a product: the demo, the tests and a curious admin use the same one. It needs the `sandbox` extra, so that
a production install cannot start one.
"""

from __future__ import annotations

import atexit
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import trustme
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from connectors.faults import Faults
from connectors.postman import Postman


class Authority:
    """A certificate authority for loopback only, made afresh each time. `bundle` is what clients must trust."""

    def __init__(self, folder: Path | None = None) -> None:
        self._ca = trustme.CA()
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="stepladder-ca-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.bundle = folder / "ca.pem"
        self.bundle.write_bytes(self._ca.cert_pem.bytes())

    def server_context(self) -> ssl.SSLContext:
        """Return a TLS context for a server on 127.0.0.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        return context


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive, like the vendors
    disable_nagle_algorithm = True
    _headers_buffer: list[bytes]

    def send_header(self, keyword: str, value: str) -> None:
        """Send a header; a Date of the application's takes the place of the server's own."""
        if keyword == "Date":
            self._headers_buffer = [line for line in self._headers_buffer if not line.startswith(b"Date:")]
        super().send_header(keyword, value)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: the recorder keeps what matters."""


class Served:
    """A WSGI app on a loopback socket, over TLS if an authority is given."""

    def __init__(self, app: Callable[..., Any], authority: Authority | None = None, port: int = 0) -> None:
        context = authority.server_context() if authority else None
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler, ssl_context=context
        )
        self.port = self._server.server_port
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and wait for the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Pocket:
    """Keeps in memory what a connector would lose with its process otherwise."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, str]] = {}
        self._turn = threading.Lock()

    def load(self, site: str) -> Mapping[str, str]:
        """Return what was kept for a site."""
        return self.kept.get(site, {})

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Keep this for a site."""
        self.kept[site] = dict(kept)

    @contextmanager
    def turn(self, site: str) -> Iterator[None]:
        """Hold the turn to renew what is kept. Raises BlockingIOError while somebody else holds it."""
        if not self._turn.acquire(blocking=False):
            raise BlockingIOError("somebody else renews it")
        try:
            yield
        finally:
            self._turn.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request that reached the pretend vendor."""

    method: str
    path: str
    query: str
    body: Any
    status: int
    answer: bytes = b""  # what was answered, as it went out
    headers: Mapping[str, str] = field(default_factory=dict)  # the answer's


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A pretend ticket in our words, for a test's or a table's eyes."""

    id: str
    key: str
    status: str
    priority: str | None
    group: str | None
    assignee: str | None
    level: int | None
    followers: tuple[str, ...]
    notes: tuple[str, ...]  # internal
    replies: tuple[str, ...]  # what the requester can read
    tags: tuple[str, ...]
    edits: int  # how many times our API changed it
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One thing that happened to a pretend ticket: somebody wrote (`public` says to whom), or it was changed (None)."""

    at: datetime
    who: str
    says: str
    public: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What the pretend vendor's own rules sent to somebody outside."""

    ticket: str
    to: str
    subject: str
    text: str


class Desk(Protocol):
    """The verbs every sandbox has, so that one story can be told at any vendor."""

    url: str
    faults: Faults
    postman: Postman
    requests: list[Recorded]
    outbound: list[Mail]

    def site_toml(self, name: str, mode: str) -> str:
        """Return the `[sites.<name>]` section that connects to this sandbox, secrets left out."""

    def secrets(self) -> Mapping[str, Any]:
        """Return the site's secrets by setting name, as they would stand in secrets.toml."""

    def admin(self) -> tuple[str | None, str]:
        """Return an administrator's e-mail address, where a token needs it, and token."""

    def subscribe(self, url: str, verify: str | bool = True) -> None:
        """Send a signed webhook to this address for every change, including our own."""

    def open_ticket(self, subject: str, text: str, **fields: Any) -> str:
        """A customer opens a ticket: fields priority, tags, product, impact, urgency, organization. Return its id."""

    def customer_says(self, ticket: str, text: str) -> None:
        """The requester writes; a solved ticket is reopened."""

    def agent_says(self, ticket: str, text: str, *, public: bool = True) -> None:
        """An agent writes to the requester, or internally."""

    def agent_changes(self, ticket: str, **fields: Any) -> None:
        """An agent changes fields: status, priority, group, assignee, tags, level."""

    def view(self, ticket: str) -> View:
        """Show the ticket as it stands."""

    def tickets(self) -> Sequence[View]:
        """Show every ticket, the newest first."""

    def history(self, ticket: str) -> Sequence[Happened]:
        """Tell what was said and changed on a ticket, the oldest first."""

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return what an agent may choose for status, priority, group and assignee, as `agent_changes` takes it."""

    def stop(self) -> None:
        """Stop the server and the postman."""
