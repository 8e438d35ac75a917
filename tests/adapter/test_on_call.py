"""Who is on call: a rota by its own clocks, and a real address that is asked, or cannot be."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from adapter.on_call import KEPT, NotKnown, StillAsked, schedules
from adapter.sections import OnCall

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
ROTA = {
    "zone": "Europe/Berlin",
    "first": "2026-11-23 09:00",
    "every": "7d",
    "people": ["ada@x.example", "ben@x.example"],
}


def rota(**more: Any) -> Any:
    return schedules({"duty": OnCall.model_validate({**ROTA, **more})})["duty"]


# --- a rota -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at", "who", "why"),
    [
        ("2026-11-23T07:59:59", None, "a second before the first turn"),
        ("2026-11-23T08:00:00", "ada@x.example", "nine in Berlin is eight in UTC"),
        ("2026-11-30T07:59:59", "ada@x.example", "the last second of her turn"),
        ("2026-11-30T08:00:00", "ben@x.example", "his turn"),
        ("2026-12-07T08:00:00", "ada@x.example", "hers again"),
        ("2027-04-05T06:59:59", "ada@x.example", "in summer nine in Berlin is seven in UTC"),
        ("2027-04-05T07:00:00", "ben@x.example", "and they still hand over at nine"),
    ],
)
def test_people_take_turns_at_the_same_hour_by_their_own_clocks(at: str, who: str | None, why: str) -> None:
    assert rota().on_call(datetime.fromisoformat(at).replace(tzinfo=UTC)) == who, why


def test_turns_may_be_as_short_as_a_shift() -> None:
    half_days = rota(every="12h", people=["day@x.example", "night@x.example"])
    found = [half_days.on_call(NOW.replace(hour=hour)) for hour in (7, 8, 19, 20)]
    assert found == ["night@x.example", "day@x.example", "day@x.example", "night@x.example"]


# --- an address ---------------------------------------------------------------------------------------------
class Directory:
    """A real address, on loopback, that answers what a test says."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", dict[str, str]()
        self.answering = threading.Event()
        self.answering.set()
        self.asked: list[dict[str, str]] = []
        directory = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                directory.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                directory.answering.wait(5)
                self.send_response(directory.status)
                for name, value in directory.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(directory.body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def says(self, email: object) -> None:
        self.body = json.dumps({"oncalls": [{"user": {"email": email}}]}).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def directory() -> Iterator[Directory]:
    directory = Directory()
    yield directory
    directory.stop()


Ask = Callable[..., Any]


@pytest.fixture
def asking(directory: Directory) -> Ask:
    def made(**more: Any) -> Any:
        given = {"url": f"{directory.url}/oncalls?schedule=P1", "path": "oncalls.0.user.email", **more}
        return schedules({"duty": OnCall.model_validate(given)})["duty"]

    return made


def test_an_address_is_asked_with_its_token(directory: Directory, asking: Ask) -> None:
    directory.says("ada@x.example")
    assert asking(token=SecretStr("hunter22")).on_call(NOW) == "ada@x.example"
    (asked,) = directory.asked
    assert (asked["path"], asked["authorization"]) == ("/oncalls?schedule=P1", "Bearer hunter22")


def test_the_word_before_the_token_can_be_another(directory: Directory, asking: Ask) -> None:
    asking(token=SecretStr("token=abc"), scheme="Token").on_call(NOW)
    assert directory.asked[0]["authorization"] == "Token token=abc"


def test_an_answer_counts_for_a_minute(directory: Directory, asking: Ask) -> None:
    schedule = asking()
    directory.says("ada@x.example")
    assert schedule.on_call(NOW) == "ada@x.example"
    directory.says("ben@x.example")
    assert schedule.on_call(NOW + KEPT - timedelta(seconds=1)) == "ada@x.example"
    assert schedule.on_call(NOW + KEPT) == "ben@x.example"
    assert len(directory.asked) == 2


def test_so_does_a_failure(directory: Directory, asking: Ask) -> None:
    schedule, directory.status = asking(), 503
    for _ in range(3):
        with pytest.raises(NotKnown, match="it answered 503"):
            schedule.on_call(NOW)
    assert len(directory.asked) == 1


def test_a_clock_that_is_set_back_asks_again(directory: Directory, asking: Ask) -> None:
    schedule = asking()
    schedule.on_call(NOW)
    directory.says("ben@x.example")
    assert schedule.on_call(NOW - timedelta(days=1)) == "ben@x.example"


@pytest.mark.parametrize("body", ['{"oncalls": []}', "{}", "[]", '{"oncalls": [{"user": null}]}', "null", '"x"'])
def test_nobody_is_nobody(directory: Directory, asking: Ask, body: str) -> None:
    directory.body = body.encode()
    assert asking().on_call(NOW) is None


@pytest.mark.parametrize(
    ("status", "body", "headers", "sentence"),
    [
        (500, b"", {}, "it answered 500"),
        (401, b"", {}, "it answered 401"),
        (302, b"", {"Location": "/elsewhere"}, "it answered 302"),
        (200, b"<html>", {}, "not JSON"),
        (200, b"[" * 100_000, {}, "not JSON"),
        (200, b"\xff\xfe{", {}, "not JSON"),
        (200, b'{"oncalls": [{"user": {"email": "Ada"}}]}', {}, "no e-mail address"),
        (200, b'{"oncalls": [{"user": {"email": "a@x.example\\r\\nBcc: e@x.example"}}]}', {}, "no e-mail address"),
        (200, b'{"oncalls": [{"user": {"email": 7}}]}', {}, "no e-mail address"),
        (200, b"x" * 30, {"Content-Encoding": "gzip"}, "not JSON"),
        (200, b'{"oncalls": [{"user": {"email": "..a@x.example"}}]}', {}, "no e-mail address"),
        (200, b"{}", {"X": "x" * 70_000}, "could not be asked"),
        (200, b"9" * 1_000_001, {}, "too long"),
    ],
)
def test_an_answer_that_is_of_no_use_is_a_sentence(
    directory: Directory, asking: Ask, status: int, body: bytes, headers: dict[str, str], sentence: str
) -> None:
    directory.status, directory.body, directory.headers = status, body, headers
    with pytest.raises(NotKnown, match=sentence):
        asking(token=SecretStr("hunter22")).on_call(NOW)
    assert len(directory.asked) == 1


def outcome(schedule: Any) -> str:
    """Ask until it is known; return why it is not known."""
    while True:
        try:
            return f"found {schedule.on_call(NOW)}"
        except StillAsked:
            threading.Event().wait(0.01)
        except NotKnown as wrong:
            return str(wrong)


def test_one_that_hangs_is_given_up_and_its_token_is_not_told(directory: Directory, asking: Ask) -> None:
    directory.answering.clear()
    assert outcome(asking(token=SecretStr("hunter22"), timeout=0.1)) == "it did not answer in time"
    directory.answering.set()


def test_while_one_hangs_whoever_asks_can_do_something_else(directory: Directory, asking: Ask) -> None:
    directory.answering.clear()
    directory.says("ada@x.example")
    schedule = asking(timeout=5.0)
    for _ in range(3):
        with pytest.raises(StillAsked) as caught:
            schedule.on_call(NOW)
        assert 0 < caught.value.seconds <= 5
    directory.answering.set()
    assert outcome(schedule) == "found ada@x.example"
    assert len(directory.asked) == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b""])
def test_one_that_says_a_little_now_and_then_comes_to_an_end(head: bytes, asking: Ask) -> None:
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            caller, _ = listener.accept()
            with caller, contextlib.suppress(OSError):
                caller.recv(4096)
                caller.sendall(head)
                while True:
                    caller.sendall(b" ")
                    threading.Event().wait(0.02)
            hung_up.set()

        threading.Thread(target=drip, daemon=True).start()
        schedule = asking(url=f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.3)
        assert outcome(schedule) == "it did not answer in time"
        assert hung_up.wait(5), "and the line to it is closed"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/\x7f", "https://a..example/", "http://127.0.0.1/é x"])
def test_an_address_that_cannot_be_asked_is_a_sentence(asking: Ask, url: str) -> None:
    assert outcome(asking(url=url)).startswith("it could not be asked (")


def test_one_that_is_not_there_is_a_sentence(asking: Ask) -> None:
    with pytest.raises(NotKnown, match="it could not be asked"):
        asking(url="http://127.0.0.1:1/").on_call(NOW)
