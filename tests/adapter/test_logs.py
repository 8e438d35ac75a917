"""The log's lines: one event a line, the same for everybody who speaks, and never what somebody else has written."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapter.journal import Journal
from adapter.logs import formatter, log_to_stderr
from adapter.records import Unusable
from adapter.scheduling.errand import Errand
from adapter.vigilance import Log

CANARY = "tweety-4711"


class Lines:
    """What was written."""

    def __init__(self, handler: logging.Handler, stream: io.StringIO) -> None:
        self.handler, self._stream = handler, stream

    def text(self) -> str:
        return self._stream.getvalue()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def lines() -> Iterator[Callable[..., Lines]]:
    """Listens to the log in a format, and to nothing else meanwhile."""
    root, ours = logging.getLogger(), logging.getLogger("stepladder")
    before = root.handlers[:], root.level, ours.level

    def listen(*, as_json: bool = True, level: int = logging.INFO, **more: Any) -> Lines:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter(as_json=as_json, **more))
        root.handlers = [handler]
        ours.setLevel(level)
        return Lines(handler, stream)

    yield listen
    root.handlers = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


class Ticking:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_an_event_is_a_line_of_json_with_its_fields(lines: Callable[..., Lines]) -> None:
    written = lines()
    look = datetime(2027, 3, 1, 9, tzinfo=UTC)
    Journal().tell("ticket.decided", moved=True, level=2, next_look=look, held=[], why="urgent\nand ‘late’")
    (event,) = written.events()
    assert datetime.fromisoformat(event.pop("timestamp")).tzinfo is not None
    assert event == {
        "event": "ticket.decided", "severity": "info", "moved": True, "level": 2,
        "next_look": "2027-03-01T09:00:00Z", "why": "urgent\nand ‘late’",
    }  # fmt: skip


@pytest.mark.parametrize("colors", [False, True])
def test_at_a_terminal_it_is_a_line_for_a_person(lines: Callable[..., Lines], colors: bool) -> None:
    written = lines(as_json=False, colors=colors)
    Journal().tell("writeback.refused", ticket="desk/acme/7", reason="no such\ngroup")
    (line,) = written.text().splitlines()
    plain = line.replace("\033[36m", "").replace("\033[35m", "").replace("\033[0m", "")
    assert "warning" in line
    assert "ticket=desk/acme/7" in plain
    assert 'reason="no such\\ngroup"' in plain
    assert ("\033[" in line) is colors


def test_a_library_speaks_in_the_same_lines_and_may_only_warn(lines: Callable[..., Lines]) -> None:
    written = lines()
    log_to_stderr(Log(level="DEBUG"))  # whoever listens already goes on listening
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("waitress").info("a body")
    logging.getLogger("waitress").warning("Task queue depth is %d", 3)
    logging.getLogger("stepladder.desk").warning("desk.keys_ignored site=%s", "acme")
    found = [{name: event.get(name) for name in ("event", "logger", "reason", "text")} for event in written.events()]
    assert found == [
        {"event": "library.warning", "logger": "waitress", "reason": "Task queue depth is 3", "text": None},
        {"event": "desk.keys_ignored", "logger": "stepladder.desk", "reason": None, "text": "site=acme"},
    ]


def test_errands_that_wait_for_the_database_are_one_warning_and_no_fault(
    lines: Callable[..., Lines], clock: Any, until: Callable[[Callable[[], object]], None]
) -> None:
    written, runs = lines(), list[int]()
    journal = Journal(ticking=lambda: 0.0)

    def run() -> None:
        runs.append(1)
        raise Unusable("PostgreSQL is being shut down")

    errands = [Errand(name, run, journal, clock) for name in ("letters", "audit", "purge")]
    for errand in errands:
        errand.start()
    until(lambda: len(runs) == 3)
    assert all(errand.stop(5) for errand in errands)
    (event,) = written.events()
    told = event["event"], event["severity"], event["reason"], event.get("trace")
    assert told == ("errand.waits", "warning", "PostgreSQL is being shut down", None)


def test_nobody_listens_yet_and_then_the_settings_say_how(
    lines: Callable[..., Lines], capsys: pytest.CaptureFixture[str]
) -> None:
    lines()
    logging.getLogger().handlers = []
    log_to_stderr(Log(level="ERROR"), "INFO")
    Journal().tell("policy.activated", name="a")
    assert json.loads(capsys.readouterr().err)["event"] == "policy.activated"  # auto, and no terminal
    assert logging.getLogger("urllib3").getEffectiveLevel() == logging.WARNING


def test_any_other_handler_gets_the_event_and_its_fields_as_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stepladder")
    Journal().tell("delivery.kept", site="desk/acme", row=7, problem=None)
    assert [record.getMessage() for record in caplog.records] == ['delivery.kept {"site": "desk/acme", "row": 7}']


def test_what_cannot_be_written_is_written_as_well_as_it_can(lines: Callable[..., Lines]) -> None:
    written = lines()
    Journal().tell("x.odd", half="\ud800", thing=object, keys={(1, 2): 3}.keys())
    assert written.events()[0]["half"] == "\ud800"


# --- errors -------------------------------------------------------------------------------------------------
def test_an_error_shows_its_places_and_only_words_of_ours_or_the_databases(lines: Callable[..., Lines]) -> None:
    written = lines()
    journal = Journal()
    for quoting in (KeyError(CANARY), ValueError(f"invalid literal: {CANARY}"), RuntimeError(CANARY)):
        try:
            try:
                raise quoting
            except Exception as error:
                raise sqlite3.OperationalError("disk I/O error") from error
        except sqlite3.OperationalError as error:
            journal.trouble(f"look.{type(quoting).__name__.lower()}", error, ticket="desk/acme/7")
    assert CANARY not in written.text()
    for event, kind in zip(written.events(), ("KeyError", "ValueError", "RuntimeError"), strict=True):
        assert event["severity"] == "error"
        assert kind in event["trace"]
        assert event["trace"][-1] == "OperationalError: disk I/O error"
        assert any("test_logs.py:" in place for place in event["trace"])


# --- the same again -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("as_trouble", [True, False], ids=["a fault of ours", "a stranger"])
def test_the_same_trouble_is_a_line_a_second_with_its_count_and_watchers_hear_each(
    lines: Callable[..., Lines], as_trouble: bool
) -> None:
    written, heard, ticking = lines(), list[str](), Ticking()
    journal = Journal(lambda event, _: heard.append(event), ticking=ticking)

    def happen(site: str) -> None:
        if as_trouble:
            journal.trouble("delivery.failed", OSError("full"), site=site)
        else:
            journal.tell("delivery.forged", site=site, reason="no signature")

    for _ in range(500):
        happen("desk/acme")
    happen("desk/other")
    ticking.seconds += 1.0
    happen("desk/acme")
    ticking.seconds += 1.0
    happen("desk/acme")
    told = [(event["site"], event.get("repeated")) for event in written.events()]
    assert told == [("desk/acme", None), ("desk/other", None), ("desk/acme", 499), ("desk/acme", None)]
    assert len(heard) == 503


def test_a_fault_with_another_ticket_is_another_trouble(lines: Callable[..., Lines]) -> None:
    written, journal = lines(), Journal(ticking=Ticking())
    for ticket in ("desk/acme/7", "desk/acme/8", "desk/acme/7"):
        journal.trouble("ticket.failed", KeyError(), ticket=ticket)
    assert [event["ticket"] for event in written.events()] == ["desk/acme/7", "desk/acme/8"]


def test_what_is_no_trouble_is_never_left_out(lines: Callable[..., Lines]) -> None:
    written, journal = lines(), Journal(ticking=Ticking())
    for row in range(3):
        journal.tell("delivery.kept", site="desk/acme", row=row)
    assert len(written.events()) == 3


def test_a_decision_that_is_no_news_is_told_with_debug_only(lines: Callable[..., Lines]) -> None:
    for level, count in ((logging.INFO, 0), (logging.DEBUG, 1)):
        written = lines(level=level)
        Journal().tell("ticket.decided", moved=False, held=[], told=[], warnings=[], ticket="desk/acme/7")
        assert len(written.events()) == count
