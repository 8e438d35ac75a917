"""How a pretend vendor delivers its webhooks: signed afresh each time, retried as its manners are, late or doubled.

It never looks into what it delivers.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import requests

SILENCE, CUT = 0, -1
"""What stands in place of a status where nothing was answered in time, or nobody could be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A webhook on its way: complete, so that it can be sent late, twice or out of order."""

    body: bytes
    headers: Mapping[str, str]
    sign: Callable[[], Mapping[str, str]]  # headers that are made for each attempt
    url: str
    verify: str | bool
    method: str = "POST"
    webhook: str = ""  # which of the vendor's webhooks sends it
    name: str = ""  # its name there: the invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When a vendor stops sending for a while: too many failures within a window, and how long it rests (seconds)."""

    share: float
    most: int
    within: float
    rest: float
    least: int = 10  # requests before a share means anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What a vendor does when a delivery fails.

    `retries`: how often it tries again after a status, `SILENCE` or `CUT`; `server_errors`: after any other 5xx.
    `heeds`: statuses that are tried again only with a Retry-After below `heeds_below` seconds. `waits`: seconds before
    each new attempt; the last one serves for all that follow. `retry_header` carries the number of the attempt.
    """

    retries: Mapping[int, int]
    server_errors: int = 0
    waits: Sequence[float] = (60.0,)
    heeds: frozenset[int] = frozenset()
    heeds_below: float = 60.0
    timeout: float = 10.0
    retry_header: str | None = None
    breaker: Breaker | None = None

    def wait(self, status: int, retry_after: str | None, tried: int) -> float | None:
        """Return the seconds until the next attempt, or None if there is none; `tried` counts from 1."""
        usual = self.server_errors if status >= 500 else 0
        if tried > self.retries.get(status, usual):
            return None
        if status in self.heeds:
            told = retry_after or ""
            return float(told) if told.isdecimal() and float(told) < self.heeds_below else None
        return self.waits[min(tried, len(self.waits)) - 1]


PLAIN = Manners(retries={429: 5, 503: 5, SILENCE: 5, CUT: 5}, waits=(20.0, 40.0, 60.0, 80.0, 100.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to deliver: `status` is the answer's, `SILENCE`, `CUT`, or None if the breaker kept it back."""

    envelope: Envelope
    number: int
    status: int | None
    headers: Mapping[str, str]
    again: bool


@dataclass(order=True, slots=True)
class _Post:
    due: float
    order: int
    envelope: Envelope = field(compare=False)
    tried: int = field(default=0, compare=False)


class Postman:
    """Delivers webhooks on its own thread, one request at a time; what failed waits aside and holds nobody up.

    A vendor's minutes pass `pace` times as fast: 0.01 makes 0.6 seconds of a minute.
    """

    def __init__(self, manners: Manners = PLAIN, pace: float = 0.01) -> None:
        self.manners, self.pace = manners, pace
        self.answers: list[int] = []
        self.attempts: list[Attempt] = []
        self._waiting: list[_Post] = []
        self._held: list[Envelope] | None = None
        self._arrange: Callable[[Envelope], Sequence[tuple[float, Envelope]]] = lambda one: [(0.0, one)]
        self._order = itertools.count()
        self._change = threading.Condition()
        self._busy = 0
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._results: dict[str, list[tuple[float, bool]]] = {}  # by webhook
        self._rests_until: dict[str, float] = {}

    @property
    def busy(self) -> int:
        """How many deliveries are on their way or wait for their next attempt."""
        with self._change:
            return self._busy

    def post(self, envelope: Envelope) -> None:
        """Send it soon, or keep it while `hold` is on."""
        if self._held is not None:
            self._held.append(envelope)
            return
        with self._change:
            for late, one in self._arrange(envelope):
                self._busy += 1
                heapq.heappush(self._waiting, _Post(time.monotonic() + late, next(self._order), one))
            if self._thread is None:
                self._thread = threading.Thread(target=self._walk, name="postman", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def hold(self) -> None:
        """Keep webhooks back until `release`."""
        self._held = []

    def release(self, arrange: Callable[[list[Envelope]], Sequence[Envelope]] = list) -> None:
        """Send what was kept back, arranged (reversed, doubled, shuffled) by `arrange`."""
        held, self._held = self._held or [], None
        for envelope in arrange(held):
            self.post(envelope)

    def double(self) -> None:
        """Deliver everything twice from now on."""
        self._arrange = lambda one: [(0.0, one), (0.0, one)]

    def shuffle(self, seed: int, within: float = 0.2, doubled: float = 0.0) -> None:
        """Deliver everything up to `within` seconds late from now on, so out of order; a share of it twice."""
        chance = random.Random(seed)  # noqa: S311  the same mess for the same seed

        def arrange(one: Envelope) -> list[tuple[float, Envelope]]:
            times = 2 if chance.random() < doubled else 1
            return [(chance.uniform(0, within), one) for _ in range(times)]

        self._arrange = arrange

    def straight(self) -> None:
        """Deliver everything once and in order again."""
        self._arrange = lambda one: [(0.0, one)]

    def settle(self) -> None:
        """Wait until everything posted so far has been delivered or given up."""
        with self._change:
            self._change.wait_for(lambda: self._busy == 0 or self._stopped)

    def stop(self) -> None:
        """Deliver nothing more."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(15)

    # --- on its own thread ------------------------------------------------------------------------------
    def _walk(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (post := self._next()) is not None:
                wait = self._deliver(session, post)
                with self._change:
                    if wait is None:
                        self._busy -= 1
                    else:
                        again = time.monotonic() + wait * self.pace
                        heapq.heappush(self._waiting, _Post(again, next(self._order), post.envelope, post.tried))
                    self._change.notify_all()

    def _next(self) -> _Post | None:
        with self._change:
            while not self._stopped:
                rest = self._waiting[0].due - time.monotonic() if self._waiting else None
                if rest is not None and rest <= 0:
                    return heapq.heappop(self._waiting)
                self._change.wait(rest)
        return None

    def _deliver(self, session: requests.Session, post: _Post) -> float | None:
        """Try once; return the seconds until the next attempt, or None if this was the last."""
        envelope, post.tried = post.envelope, post.tried + 1
        number = {} if post.tried == 1 or not self.manners.retry_header else {self.manners.retry_header: post.tried - 1}
        headers = {**envelope.headers, **envelope.sign(), **{name: str(value) for name, value in number.items()}}
        if time.monotonic() < self._rests_until.get(envelope.webhook, 0.0):
            self._note(post, None, headers, again=False)
            return None
        status, retry_after = self._send(session, envelope, headers)
        self._count(envelope.webhook, failed=not 200 <= status < 300)
        wait = self.manners.wait(status, retry_after, post.tried)
        self._note(post, status, headers, again=wait is not None)
        return wait

    def _send(
        self, session: requests.Session, envelope: Envelope, headers: Mapping[str, str]
    ) -> tuple[int, str | None]:
        try:
            answer = session.request(
                envelope.method, envelope.url, data=envelope.body, headers=headers,
                timeout=self.manners.timeout, verify=envelope.verify, allow_redirects=False,
            )  # fmt: skip
        except requests.Timeout:
            return SILENCE, None
        except requests.RequestException:
            return CUT, None
        return answer.status_code, answer.headers.get("Retry-After")

    def _note(self, post: _Post, status: int | None, headers: Mapping[str, str], *, again: bool) -> None:
        attempt = Attempt(envelope=post.envelope, number=post.tried, status=status, headers=headers, again=again)
        self.attempts.append(attempt)
        if not again:
            self.answers.append(max(status or 0, 0))

    def _count(self, webhook: str, *, failed: bool) -> None:
        """Trip a webhook's breaker if too much of what it sent failed lately."""
        if (breaker := self.manners.breaker) is None:
            return
        now = time.monotonic()
        lately = [one for one in self._results.get(webhook, ()) if now - one[0] < breaker.within * self.pace]
        self._results[webhook] = lately = [*lately, (now, failed)]
        failures = sum(wrong for _, wrong in lately)
        enough = len(lately) >= breaker.least and failures >= breaker.share * len(lately)
        if enough or failures > breaker.most:
            self._rests_until[webhook] = now + breaker.rest * self.pace
            self._results[webhook] = []
