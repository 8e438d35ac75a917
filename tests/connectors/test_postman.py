"""A pretend vendor's postman retries as the vendor would, holds nobody up, and makes a mess on request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from flask import Flask, Response, request

from connectors.postman import CUT, SILENCE, Breaker, Envelope, Manners, Postman
from connectors.sandboxing import Served
from connectors.zendesk.pretend_hooks import MANNERS as ZENDESK

SOON = 0.0001  # of a vendor's time


class Ear:
    """A receiver that answers from a script, then 202."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str]]] = []
        self.script: list[Response] = []
        app = Flask("ear")
        app.post("/hook")(self._hear)
        self.served = Served(app)

    def _hear(self) -> Response:
        self.heard.append((request.get_data(as_text=True), dict(request.headers)))
        return self.script.pop(0) if self.script else Response(status=202)

    def envelope(self, body: str = "one") -> Envelope:
        return Envelope(
            body=body.encode(),
            headers={"X-Name": body},
            sign=lambda: {"X-Signed": str(len(self.heard))},
            url=f"{self.served.url}/hook",
            verify=True,
        )

    @property
    def bodies(self) -> list[str]:
        return [body for body, _ in self.heard]


Making = Callable[[Manners], Postman]


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.served.stop()


@pytest.fixture
def making() -> Iterator[Making]:
    made: list[Postman] = []

    def make(manners: Manners) -> Postman:
        made.append(Postman(manners, pace=SOON))
        return made[-1]

    yield make
    for postman in made:
        postman.stop()


def busy(*answers: tuple[int, str | None]) -> list[Response]:
    return [Response(status=status, headers={"Retry-After": wait} if wait else None) for status, wait in answers]


@pytest.mark.parametrize(
    ("answers", "tried", "ends"),
    [
        ([(409, None)] * 2, 3, 202),
        ([(409, None)] * 9, 4, 409),  # three retries, no more
        ([(503, "5")], 2, 202),
        ([(503, None)], 1, 503),  # without Retry-After never
        ([(429, "60")], 1, 429),  # a minute is too long
        ([(429, "59"), (429, "1")], 3, 202),
        ([(500, "1")], 1, 500),
        ([(404, None)], 1, 404),
        ([(403, None)], 1, 403),
    ],
)
def test_zendesk_tries_again_where_its_document_says_so(
    ear: Ear, making: Making, answers: Sequence[tuple[int, str | None]], tried: int, ends: int
) -> None:
    ear.script = busy(*answers)
    postman = making(ZENDESK)
    postman.post(ear.envelope())
    postman.settle()
    assert (len(ear.heard), postman.answers) == (tried, [ends])
    assert [attempt.number for attempt in postman.attempts] == list(range(1, tried + 1))


def test_each_attempt_is_signed_anew_and_says_its_number_if_the_vendor_does(ear: Ear, making: Making) -> None:
    ear.script = busy((500, None), (503, None))
    postman = making(Manners(retries={}, server_errors=5, retry_header="X-Retry"))
    postman.post(ear.envelope())
    postman.settle()
    assert [(headers["X-Signed"], headers.get("X-Retry")) for _, headers in ear.heard] == [
        ("0", None),
        ("1", "1"),
        ("2", "2"),
    ]


def test_nobody_there_is_told_from_silence(ear: Ear, making: Making) -> None:
    ear.served.stop()
    postman = making(Manners(retries={CUT: 2}))
    postman.post(ear.envelope())
    postman.settle()
    assert [attempt.status for attempt in postman.attempts] == [CUT] * 3
    assert postman.answers == [0]


def test_silence_is_waited_for_and_tried_again(making: Making) -> None:
    wait, calls = threading.Event(), []

    def silent() -> Response:
        calls.append(1)
        if len(calls) == 1:
            wait.wait(2)
        return Response(status=202)

    app = Flask("silent")
    app.post("/hook")(silent)
    served = Served(app)
    postman = making(Manners(retries={SILENCE: 1}, timeout=0.2))
    postman.post(Envelope(body=b"", headers={}, sign=dict, url=f"{served.url}/hook", verify=True))
    postman.settle()
    wait.set()
    served.stop()
    assert [attempt.status for attempt in postman.attempts] == [SILENCE, 202]


def test_what_waits_for_its_retry_holds_nobody_up(ear: Ear, making: Making) -> None:
    ear.script = busy((409, None))
    postman = making(Manners(retries={409: 1}, waits=(3000.0,)))
    for body in ("one", "two"):
        postman.post(ear.envelope(body))
    postman.settle()
    assert ear.bodies == ["one", "two", "one"]


def test_the_breaker_trips_loses_what_comes_and_recovers(ear: Ear, making: Making) -> None:
    ear.script = busy(*[(500, None)] * 4)
    breaker = Breaker(share=0.7, most=1000, within=3_000_000, rest=2000, least=4)
    postman = making(Manners(retries={}, breaker=breaker))
    for number in range(6):
        postman.post(ear.envelope(str(number)))
    postman.settle()
    assert ear.bodies == ["0", "1", "2", "3"]
    assert [attempt.status for attempt in postman.attempts[4:]] == [None, None]
    threading.Event().wait(2000 * SOON)
    postman.post(ear.envelope("after"))
    postman.settle()
    assert ear.bodies[-1] == "after"


def test_everything_can_come_twice(ear: Ear, making: Making) -> None:
    postman = making(ZENDESK)
    postman.double()
    postman.post(ear.envelope())
    postman.settle()
    postman.straight()
    postman.post(ear.envelope("two"))
    postman.settle()
    assert ear.bodies == ["one", "one", "two"]


def test_everything_can_come_late_and_in_disorder_and_the_same_seed_is_the_same_disorder(
    ear: Ear, making: Making
) -> None:
    orders = []
    for _ in range(2):
        ear.heard.clear()
        postman = making(ZENDESK)
        postman.shuffle(seed=7, within=0.4, doubled=0.3)
        for number in range(8):
            postman.post(ear.envelope(str(number)))
        postman.settle()
        orders.append(ear.bodies)
    assert sorted(set(orders[0])) == [str(number) for number in range(8)]
    assert orders[0] != sorted(orders[0])
    assert len(orders[0]) > 8
    assert sorted(orders[0]) == sorted(orders[1])
