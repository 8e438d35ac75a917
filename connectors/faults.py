"""What goes wrong at a pretend vendor on request: refusals, wrong answers, silence and cut connections."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request


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
