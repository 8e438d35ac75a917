"""What goes wrong at a pretend vendor on request: refusals, wrong answers, silence and cut connections."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, copy_current_request_context, request

WORDS: Mapping[str, str] = {
    "302": "sends us elsewhere, like a renamed account",
    "html": "answers 200 with a log-in page",
    "400": "does not understand the request",
    "401": "does not know our credentials",
    "403": "does not let us",
    "404": "says it is not there",
    "409": "says somebody else was faster",
    "410": "says it is gone",
    "413": "says it is too long",
    "422": "says a value is not allowed",
    "429": "says we ask too often",
    "500": "breaks",
    "502": "is not reached by its own front door",
    "503": "is busy or being mended",
    "504": "does not answer its own front door in time",
    "hang": "is silent for `seconds`, does nothing, and says 504",
    "hang_after": "does it at once, and is silent for `seconds` before it answers",
    "slow": "does it after `seconds`, and then answers",
    "trickle": "does it, and lets the answer drip for `seconds`",
    "cut": "closes the connection and does nothing",
    "cut_after": "does it, and closes the connection without an answer",
    "cut_late": "closes the connection now, and does it `seconds` later all the same",
    "expire": "lets the credentials of this request die just before it",
}
"""What can go wrong, and what a vendor does then."""

_ELSEWHERE = "https://moved.example/"
_DROPS = 8


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that goes wrong on request; `do` is one of `WORDS`, or any other status.

    `match` is a regular expression searched in "METHOD /path"; asking for a token is meant only where it says `oauth`.
    It happens `times`, after `skip` matching requests. A status is answered with `body` (JSON, or text as a page) and
    `headers`; `retry_after` is seconds, decimals, an HTTP date, or None for no such header. `applied`: the vendor does
    what was asked and answers with the status all the same.
    """

    do: str
    match: str = r"PUT|POST"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    retry_after: str | None = None
    body: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False

    def __post_init__(self) -> None:
        """Refuse what no vendor does."""
        if self.do not in WORDS and not re.fullmatch(r"[2-5]\d\d", self.do):
            raise ValueError(f"expected a status or one of {', '.join(WORDS)}; got {self.do!r}")


class Faults:
    """The script of what goes wrong, shared by all threads of one sandbox."""

    def __init__(self) -> None:
        self._script: list[Fault] = []
        self._lock = threading.Lock()
        self._wait = threading.Event()
        self._late: list[threading.Timer] = []
        self.befallen: list[str] = []

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

    def left(self) -> list[Fault]:
        """Return what is still to go wrong."""
        with self._lock:
            return [replace(fault) for fault in self._script if fault.times > 0]

    def take(self, line: str) -> Fault | None:
        """Return the fault that befalls this request, counting it down."""
        with self._lock:
            for fault in self._script:
                meant = "/oauth/" not in line or "oauth" in fault.match
                if fault.times > 0 and meant and re.search(fault.match, line):
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    self.befallen.append(f"{fault.do} {line}")
                    return fault
        return None

    def pause(self, seconds: float) -> None:
        """Wait like a slow vendor."""
        self._wait.wait(seconds)

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something after a while, on a thread of its own."""
        timer = threading.Timer(seconds, work)
        timer.daemon = True
        with self._lock:
            self._late.append(timer)
        timer.start()

    def settle(self) -> None:
        """Wait until everything that was put off has been done."""
        while self._late:
            self._late[0].join()
            self._late.pop(0)

    def stop(self) -> None:
        """Wait no more; what was put off and has not begun is not done."""
        self._wait.set()
        for timer in self._late:
            timer.cancel()
        self.settle()


def befall(faults: Faults, apply: Callable[[], Response], expire: Callable[[], object] | None = None) -> Response:
    """Answer the current request through the fault script.

    `apply` does the work and makes the true answer; `expire` lets the request's own credentials die.
    """
    fault = faults.take(f"{request.method} {request.path}")
    if fault is None:
        return apply()
    if fault.do.isdecimal() or fault.do == "html":
        if fault.applied:
            apply()
        return _answer(fault)
    if fault.do == "expire":
        if expire is not None:
            expire()
        return apply()
    return _silence(faults, fault, apply) if fault.do.startswith("cut") else _patience(faults, fault, apply)


def _answer(fault: Fault) -> Response:
    if fault.do == "html":
        return Response("<!DOCTYPE html><html><head><title>Sign in</title></head></html>", mimetype="text/html")
    page = isinstance(fault.body, str)
    text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body) if fault.body is not None else None
    response = Response(text, status=int(fault.do), mimetype="text/html" if page else "application/json")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    if response.status_code == 302:
        response.headers["Location"] = _ELSEWHERE
    response.headers.update(fault.headers)
    return response


def _patience(faults: Faults, fault: Fault, apply: Callable[[], Response]) -> Response:
    if fault.do == "hang_after":
        response = apply()
        faults.pause(fault.seconds)
        return response
    if fault.do == "trickle":
        return _dripping(faults, fault.seconds, apply())
    faults.pause(fault.seconds)
    return apply() if fault.do == "slow" else Response(status=504)


def _silence(faults: Faults, fault: Fault, apply: Callable[[], Response]) -> Response:
    request.get_data()  # read it now: the connection will be gone
    if fault.do == "cut_after":
        apply()
    if fault.do == "cut_late":
        faults.later(fault.seconds, copy_current_request_context(apply))
    raw = request.environ["werkzeug.socket"]
    raw.shutdown(socket.SHUT_RDWR)
    return Response(status=500)


def _dripping(faults: Faults, seconds: float, response: Response) -> Response:
    whole = response.get_data()
    size = max(1, -(-len(whole) // _DROPS))

    def drops() -> Iterator[bytes]:
        for start in range(0, len(whole), size):
            faults.pause(seconds / _DROPS)
            yield whole[start : start + size]

    length = {"Content-Length": str(len(whole))}
    return Response(drops(), status=response.status_code, mimetype=response.mimetype, headers=length)
