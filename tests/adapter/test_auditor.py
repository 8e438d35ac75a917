"""The auditor: what is wrong is told once, with its true cause; what is held for a reason is not wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from adapter.auditor import Auditor
from adapter.brakes import Resting
from adapter.gaps import Rounds
from adapter.mail import SmtpPostbox
from adapter.sites import as_configured
from adapter.store import tables as t
from adapter.store.codec import pack, stamp
from adapter.vigilance import Audit
from adapter.worries import Worries, Worry
from connectors.contract import Changed, TryLater
from connectors.sandboxing import Pocket
from policies.commands import Mode
from tests.postgres import ON_POSTGRES

Bench = Any
on_a_file = pytest.mark.skipif(ON_POSTGRES, reason="it is about SQLite's file")
ROUNDS = Rounds(every=timedelta(minutes=15), wait=timedelta(minutes=20))


class Watching:
    """An auditor beside a bench."""

    def __init__(self, bench: Bench, postbox: Any = None, **settings: Any) -> None:
        self.bench, self.still, self.free, self.keeper = bench, 0.0, 0.5, Pocket()
        self.mode: Callable[[Any], Mode] = as_configured
        told = Audit(**settings)
        self.worries = Worries(
            bench.store, bench.sites, self.keeper, told, ROUNDS, lambda post: self.mode(post), lambda: self.still,
            lambda: self.free,
        )  # fmt: skip
        self.auditor = Auditor(self.worries, bench.store, bench.journal, postbox, told, bench.clock)

    def found(self) -> dict[str, Worry]:
        return {worry.name: worry for worry in self.worries.found(self.bench.clock())}

    def said(self) -> list[tuple[str, object]]:
        return [(n.partition(".")[2], f.get("alarm")) for n, f in self.bench.told if n.startswith("audit.")]


@pytest.fixture
def watching(bench: Bench) -> Watching:
    return Watching(bench)


# --- what is wrong ------------------------------------------------------------------------------------------
def test_a_house_that_is_well_gives_no_worry(watching: Watching, bench: Bench) -> None:
    bench.born(priority="urgent")
    bench.looks()
    bench.clock.advance(minutes=20)
    assert watching.found() == {}


def test_a_ticket_whose_look_is_overdue_is_late_and_the_cause_is_named(watching: Watching, bench: Bench) -> None:
    bench.born()
    bench.clock.advance(seconds=59)
    assert watching.found() == {}
    bench.clock.advance(seconds=2)
    assert "tickets that wait for a look: 1," in watching.found()["late"].says
    assert "desk/acme/7" in watching.found()["late"].says
    assert watching.found()["late"].says.endswith("nothing holds them")
    watching.still = 12.3
    assert watching.found()["late"].says.endswith("the scheduler's clock has stood still for 12 s")


def test_what_a_site_that_rests_or_is_not_examined_holds_is_not_late(watching: Watching, bench: Bench) -> None:
    bench.born()
    bench.clock.advance(minutes=2)
    bench.post.brake.failed(TryLater("down"), bench.clock())
    assert watching.found() == {}
    bench.post.brake.succeeded()
    assert set(watching.found()) == {"late"}


def test_a_site_that_rests_for_long_is_away_and_tells_what_it_answered_last(watching: Watching, bench: Bench) -> None:
    def fails(answer: str, **more: Any) -> None:
        bench.post.brake.failed(TryLater(answer, after=60, **more), bench.clock())

    fails("our own pace", paced=True)
    assert watching.found() == {}
    bench.clock.advance(minutes=16)
    assert watching.found() == {}, "a limit of our own is not the vendor's fault"
    fails("the desk does not know us: check the credentials")
    assert watching.found() == {}
    bench.clock.advance(minutes=14)
    assert watching.found() == {}
    bench.clock.advance(minutes=2)
    away = watching.found()["away"]
    assert (away.about, away.says.endswith("last it answered: the desk does not know us: check the credentials")) == (
        "desk/acme", True,
    )  # fmt: skip
    watching.auditor.run()
    assert watching.auditor.alarms() == [("away", "desk/acme")], "and so no heartbeat says that all is well"
    bench.post.brake.succeeded()
    assert watching.found() == {}


def test_a_site_that_cannot_be_examined_for_long_is_away_too(watching: Watching, bench: Bench) -> None:
    def resting(_: Any) -> Mode:
        raise Resting(3)

    watching.mode = resting
    assert watching.found() == {}
    bench.clock.advance(minutes=16)
    assert "the log's examination.later says why" in watching.found()["away"].says


@pytest.mark.parametrize("scope", ["all", "site:desk/acme", "rule:urgent"])
def test_a_call_that_a_pause_holds_is_not_stuck(watching: Watching, bench: Bench, scope: str) -> None:
    bench.vendor.script = [TryLater("the ticket is locked", site_wide=False)]
    bench.born(priority="urgent")
    bench.look()
    bench.store.pause(scope, "a move", bench.clock())
    bench.clock.advance(minutes=16)
    bench.looks()
    assert bench.store.vitals(bench.clock()).calls
    assert watching.found() == {}
    bench.store.resume(scope, bench.clock())
    assert "stuck" in watching.found()


def test_a_call_that_nothing_holds_is_stuck_and_tells_what_was_answered_last(watching: Watching, bench: Bench) -> None:
    bench.vendor.script = [TryLater("the ticket is locked", site_wide=False)]
    bench.born(priority="urgent")
    bench.look()
    bench.clock.advance(minutes=14)
    assert "stuck" not in watching.found()
    bench.clock.advance(minutes=2)
    stuck = watching.found()["stuck"]
    assert stuck.about == "desk/acme"
    assert "desk/acme/7" in stuck.says
    assert "the ticket is locked" in stuck.says
    watching.mode = lambda _: Mode.OBSERVE
    assert "stuck" not in watching.found()


def test_what_nobody_can_read_or_look_at_is_told(watching: Watching, bench: Bench) -> None:
    bench.intake.accept(bench.post, replace(bench.delivery(), body=b"not json"), bench.clock())
    bench.born()
    bench.store.failed(bench.store.open(bench.ref(), bench.clock()), "a bug", None)
    assert set(watching.found()) == {"dead", "left"}
    bench.clock.advance(days=2)
    assert set(watching.found()) == {"left"}


def test_messages_that_wait_are_told(watching: Watching, bench: Bench) -> None:
    at = stamp(bench.clock())
    row = {"key": "k", "ref": "desk/acme/7", "site": "desk/acme", "rule": "urgent", "occasion": "moved", "body": b"{}"}
    row |= {"state": "planned", "open": True, "created_at": at, "due_at": at, "attempts": 0, "unanswered": 0}
    with bench.store.database.write() as connection:
        connection.execute(insert(t.notices), {**row, "settled": pack({}), "outcome": ""})
    assert watching.found() == {}
    bench.clock.advance(minutes=16)
    assert set(watching.found()) == {"letters"}


def test_a_site_is_silent_if_it_changed_and_no_webhook_told(watching: Watching, bench: Bench) -> None:
    watch = bench.store.watch("desk/acme", bench.clock())

    def compared(*tickets: str) -> None:
        bench.clock.advance(minutes=30)
        now = bench.clock()
        found = [Changed(ref=bench.ref(name), at=now - timedelta(minutes=1)) for name in tickets]
        bench.store.compare(replace(watch, watermark=now, ask_from=now, asked_at=now), found, now)

    compared()
    assert watching.found() == {}
    for name in ("1", "2", "3", "4"):
        compared(name)
        watching.found()
    compared()
    silent = watching.found()["silent"]
    assert silent.about == "desk/acme"
    assert "4 changes" in silent.says
    bench.clock.advance(minutes=29)
    bench.hear({"kind": "noted"}, tickets=["5"])
    bench.clock.advance(minutes=-29)
    compared("5")
    assert "silent" not in watching.found()


def test_a_site_that_is_not_asked_any_more_is_told(watching: Watching, bench: Bench) -> None:
    bench.store.watch("desk/acme", bench.clock())
    bench.store.watch("desk/gone", bench.clock())
    bench.clock.advance(minutes=79)
    assert watching.found() == {}
    bench.clock.advance(minutes=2)
    assert watching.found()["unasked"].about == "desk/acme"
    bench.post.brake.failed(TryLater("down"), bench.clock())
    assert watching.found() == {}


def test_a_full_disk_and_credentials_that_end(watching: Watching, bench: Bench) -> None:
    watching.free = 0.049
    watching.keeper.save("acme", {"ends": (bench.clock() + timedelta(days=2)).isoformat()})
    found = watching.found()
    assert set(found) == {"disk", "credentials"}
    assert found["disk"].says.startswith("4.9%")


# --- how it is told -----------------------------------------------------------------------------------------
def test_an_alarm_is_told_once_and_again_after_hours_and_when_it_is_over(watching: Watching, bench: Bench) -> None:
    watching.free = 0.01
    for _ in range(3):
        assert watching.auditor.run() == bench.clock() + timedelta(seconds=30)
        bench.clock.advance(seconds=30)
    assert watching.said() == [("alarm", "disk")]
    assert watching.auditor.alarms() == [("disk", "")]
    bench.clock.advance(hours=6)
    watching.auditor.run()
    watching.free = 0.5
    watching.auditor.run()
    assert watching.said() == [("alarm", "disk"), ("alarm", "disk"), ("over", "disk")]
    assert watching.auditor.alarms() == []


def test_who_goes_round_no_more_shows_no_alarm(watching: Watching, bench: Bench) -> None:
    watching.free = 0.01
    watching.auditor.run()
    bench.clock.advance(minutes=2)
    assert watching.auditor.alarms() == []


@on_a_file
def test_a_database_that_cannot_be_used_is_an_alarm(watching: Watching, tmp_path: Path) -> None:
    watching.auditor.run()
    (tmp_path / "stepladder.db").rename(tmp_path / "elsewhere.db")
    watching.auditor.run()
    assert watching.said() == [("alarm", "database")]


def test_a_round_is_written_down(watching: Watching, bench: Bench) -> None:
    watching.auditor.run()
    assert bench.store.vitals(bench.clock()).audited_at == bench.clock()


def test_people_are_written_to_and_a_busy_mail_server_loses_no_letter(
    bench: Bench, mail_server: Any, postbox: SmtpPostbox
) -> None:
    watching = Watching(bench, postbox, tell=["ada@acme.example"])
    mail_server.answers["ada@acme.example"] = ["451 greylisted", "250 OK"]
    watching.free = 0.01
    watching.auditor.run()
    assert mail_server.letters == []
    for _ in range(2):
        bench.clock.advance(minutes=1)
        watching.auditor.run()
    watching.free = 0.5
    watching.auditor.run()
    subjects = [str(letter["Subject"]) for _, letter in mail_server.letters]
    assert subjects == ["Stepladder needs somebody: disk", "Stepladder is well again"]
    assert mail_server.to == [["ada@acme.example"]] * 2
    assert "make room" in mail_server.letters[0][1].get_content()


def test_an_alarm_that_comes_and_goes_is_one_letter_an_hour(
    bench: Bench, mail_server: Any, postbox: SmtpPostbox
) -> None:
    watching = Watching(bench, postbox, tell=["ada@acme.example"])
    for _ in range(5):
        watching.free = 0.01
        watching.auditor.run()
        watching.free = 0.5
        watching.auditor.run()
        bench.clock.advance(minutes=5)
    assert len(mail_server.letters) == 2
    assert len(watching.said()) == 10


# --- the heartbeat ------------------------------------------------------------------------------------------
class Heart:
    """Somebody who waits for a heartbeat, on loopback."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        heart = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heart.heard.append(self.path)
                self.send_response(heart.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/a-secret?n=1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def heart() -> Iterator[Heart]:
    heart = Heart()
    yield heart
    heart.stop()


def test_the_heart_beats_while_all_is_well_and_stops_with_an_alarm(bench: Bench, heart: Heart) -> None:
    watching = Watching(bench, heartbeat=heart.url)
    watching.auditor.run()
    assert heart.heard == ["/a-secret?n=1"]
    watching.free = 0.01
    watching.auditor.run()
    assert len(heart.heard) == 1
    watching.free = 0.5
    watching.auditor.run()
    assert len(heart.heard) == 2


def test_a_redirect_is_not_followed_and_a_heartbeat_that_fails_is_told_once(bench: Bench, heart: Heart) -> None:
    watching = Watching(bench, heartbeat=heart.url)
    heart.status = 302
    watching.auditor.run()
    watching.auditor.run()
    assert heart.heard == ["/a-secret?n=1"] * 2
    assert [told["reason"] for told in bench.said("heartbeat.later")] == [
        "the heartbeat's address was not reached: it answered 302"
    ]
    assert "a-secret" not in repr(bench.told)


@pytest.mark.parametrize(
    "address", ["http://heartbeat.example/a", "ftp://heartbeat.example", "https://me:pw@heartbeat.example", "https://"]
)
def test_a_heartbeat_goes_over_tls_and_carries_no_password(address: str) -> None:
    with pytest.raises(ValueError, match="https://heartbeat"):
        Audit(heartbeat=address)
