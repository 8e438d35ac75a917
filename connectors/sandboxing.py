"""What a pretend vendor needs: TLS on loopback, faults on request, and a postman that delivers signed webhooks.

A sandbox is a product: the demo, the tests and a curious admin use the same one. It needs the `sandbox` extra, so that
a production install cannot start one.
"""

from __future__ import annotations

import json
import queue
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import requests
import trustme
from flask import Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class Authority:
    """A certificate authority for loopback only, made afresh each time. `bundle` is what clients must trust."""

    def __init__(self, folder: Path | None = None) -> None:
        self._ca = trustme.CA()
        self.bundle = (folder or Path(tempfile.mkdtemp(prefix="stepladder-ca-"))) / "ca.pem"
        self.bundle.write_bytes(self._ca.cert_pem.bytes())

    def server_context(self) -> ssl.SSLContext:
        """Return a TLS context for a server on 127.0.0.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        return context


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive, like the vendors
    disable_nagle_algorithm = True

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


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that goes wrong on request.

    `do`: a status as text ("429", "503", "500", "302"), "html" (200 with a page), "hang" (answers after `seconds`),
    "cut" (closes before applying), "cut_after" (applies, then closes unanswered), "slow" (applies after `seconds`).
    `match` is a regular expression searched in "METHOD /path"; `times` it happens, after `skip` matching requests.
    """

    do: str
    match: str = r"PUT|POST"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    retry_after: str | None = None
    body: Mapping[str, Any] | None = None


class Faults:
    """The script of what goes wrong, shared by all threads of one sandbox."""

    def __init__(self) -> None:
        self._script: list[Fault] = []
        self._lock = threading.Lock()
        self._wait = threading.Event()

    def add(self, fault: Fault) -> None:
        """Let this go wrong from now on."""
        with self._lock:
            self._script.append(fault)

    def refuse_once(self, retry_after: str = "2") -> None:
        """Answer the next write with 429 and this Retry-After."""
        self.add(Fault(do="429", match="PUT", retry_after=retry_after))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._script.clear()

    def take(self, line: str) -> Fault | None:
        """Return the fault that befalls this request, counting it down."""
        with self._lock:
            for fault in self._script:
                if fault.times > 0 and re.search(fault.match, line):
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    def pause(self, seconds: float) -> None:
        """Wait like a slow vendor."""
        self._wait.wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request that reached the pretend vendor."""

    method: str
    path: str
    query: str
    body: Any
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A webhook on its way: complete, so that it can be sent late, twice or out of order."""

    body: bytes
    headers: Mapping[str, str]
    sign: Callable[[], Mapping[str, str]]  # headers that are made for each attempt
    url: str
    verify: str | bool


@dataclass(slots=True)
class Postman:
    """Delivers webhooks one after another on its own thread, and retries 503, 429 and cut connections like a vendor."""

    answers: list[int] = field(default_factory=list)
    _queue: queue.Queue[Envelope | None] = field(default_factory=queue.Queue)
    _held: list[Envelope] | None = None
    _thread: threading.Thread | None = None
    _pause: threading.Event = field(default_factory=threading.Event)

    def post(self, envelope: Envelope) -> None:
        """Send it soon, or keep it while `hold` is on."""
        if self._held is not None:
            self._held.append(envelope)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._walk, name="postman", daemon=True)
            self._thread.start()
        self._queue.put(envelope)

    def hold(self) -> None:
        """Keep webhooks back until `release`."""
        self._held = []

    def release(self, arrange: Callable[[list[Envelope]], Sequence[Envelope]] = list) -> None:
        """Send what was kept back, arranged (reversed, doubled, shuffled) by `arrange`."""
        held, self._held = self._held or [], None
        for envelope in arrange(held):
            self.post(envelope)

    def settle(self) -> None:
        """Wait until everything posted so far has been delivered or given up."""
        self._queue.join()

    def stop(self) -> None:
        """Deliver nothing more."""
        if self._thread is not None:
            self._pause.set()
            self._queue.put(None)
            self._thread.join(15)

    def _walk(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (envelope := self._queue.get()) is not None:
                self.answers.append(self._deliver(session, envelope))
                self._queue.task_done()
            self._queue.task_done()

    def _deliver(self, session: requests.Session, envelope: Envelope) -> int:
        for attempt in range(6):
            headers = {**envelope.headers, **envelope.sign()}
            try:
                answer = session.post(
                    envelope.url, data=envelope.body, headers=headers, timeout=10, verify=envelope.verify
                )
            except requests.RequestException:
                self._pause.wait(0.2 * (attempt + 1))
                continue
            if answer.status_code not in (429, 503):
                return answer.status_code
            self._pause.wait(min(0.2 * (attempt + 1), float(answer.headers.get("Retry-After", "1"))))
        return 0


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


class Desk(Protocol):
    """The verbs every sandbox has, so that one story can be told at any vendor."""

    url: str
    faults: Faults
    postman: Postman
    requests: list[Recorded]

    def site_toml(self, name: str, mode: str) -> str:
        """Return the `[sites.<name>]` section that connects to this sandbox, secrets left out."""

    def secrets(self) -> Mapping[str, Any]:
        """Return the site's secrets by setting name, as they would stand in secrets.toml."""

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

    def stop(self) -> None:
        """Stop the server and the postman."""


def befall(faults: Faults, apply: Callable[[], Response]) -> Response:
    """Answer the current request through the fault script: `apply` does the work and makes the true answer."""
    fault = faults.take(f"{request.method} {request.path}")
    if fault is None:
        return apply()
    if fault.do in ("hang", "slow"):
        faults.pause(fault.seconds)
        return apply() if fault.do == "slow" else Response(status=504)
    if fault.do == "cut":
        return _cut()
    if fault.do == "cut_after":
        apply()
        return _cut()
    if fault.do == "html":
        return Response("<html><title>Sign in</title></html>", mimetype="text/html")
    text = json.dumps(fault.body) if fault.body is not None else None
    response = Response(text, status=int(fault.do), mimetype="application/json")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    if fault.do == "302":
        response.headers["Location"] = "https://moved.example/"
    return response


def _cut() -> Response:
    raw = request.environ["werkzeug.socket"]
    raw.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
