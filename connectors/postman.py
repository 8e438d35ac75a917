"""How a pretend vendor delivers its webhooks: signed afresh each time, retried, and late or doubled on request."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import requests


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
