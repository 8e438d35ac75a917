"""Every word of the fault script, against a server over TLS: what the client sees, and whether the vendor did it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from flask import Flask, Response

from connectors.faults import WORDS, Fault, Faults, befall
from connectors.sandboxing import Authority, Served

CUT = "cut"
DATE = format_datetime(datetime(2026, 11, 22, 8, 0, 30, tzinfo=UTC), usegmt=True)


class Vendor:
    """A vendor that counts what it was made to do."""

    def __init__(self, authority: Authority) -> None:
        self.faults, self.done, self.expired = Faults(), 0, 0
        self.did = threading.Event()
        app = Flask("vendor")
        for rule in ("/thing", "/oauth/token"):
            app.add_url_rule(rule, rule, self._view, methods=["GET", "PUT"])
        self.served = Served(app, authority)
        self._bundle = str(authority.bundle)

    def _view(self) -> Response:
        return befall(self.faults, self._apply, self._expire)

    def _apply(self) -> Response:
        self.done += 1
        self.did.set()
        return Response('{"done": true}', mimetype="application/json")

    def _expire(self) -> None:
        self.expired += 1

    def ask(self, method: str = "PUT", path: str = "/thing", timeout: float = 5) -> requests.Response | str:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.request(
                    method,
                    f"{self.served.url}{path}",
                    json={"a": 1},
                    verify=self._bundle,
                    timeout=timeout,
                    allow_redirects=False,
                )
            except requests.Timeout:
                return "silence"
            except requests.RequestException:
                return CUT


@pytest.fixture
def vendor(tmp_path: Any) -> Iterator[Vendor]:
    vendor = Vendor(Authority(tmp_path))
    yield vendor
    vendor.faults.stop()
    vendor.served.stop()


TABLE: list[tuple[Fault, int | str, bool]] = [
    *((Fault(do=status), int(status), False) for status in WORDS if status.isdecimal()),
    (Fault(do="html"), 200, False),
    (Fault(do="hang", seconds=0.01), 504, False),
    (Fault(do="hang_after", seconds=0.01), 200, True),
    (Fault(do="slow", seconds=0.01), 200, True),
    (Fault(do="trickle", seconds=0.02), 200, True),
    (Fault(do="cut"), CUT, False),
    (Fault(do="cut_after"), CUT, True),
    (Fault(do="expire"), 200, True),
    (Fault(do="500", applied=True), 500, True),
    (Fault(do="504", applied=True), 504, True),
]


@pytest.mark.parametrize(("fault", "seen", "done"), TABLE, ids=lambda value: getattr(value, "do", None))
def test_a_fault_is_seen_as_it_is_meant_and_happens_once(
    vendor: Vendor, fault: Fault, seen: int | str, done: bool
) -> None:
    vendor.faults.add(fault)
    answer = vendor.ask()
    assert (answer if isinstance(answer, str) else answer.status_code) == seen
    assert vendor.done == int(done)
    assert vendor.expired == int(fault.do == "expire")
    assert vendor.faults.befallen == [f"{fault.do} PUT /thing"]
    assert vendor.faults.left() == []
    again = vendor.ask()
    assert not isinstance(again, str)
    assert again.status_code == 200


def test_every_word_of_the_script_has_its_row() -> None:
    assert {fault.do for fault, _, _ in TABLE} == set(WORDS) - {"cut_late"}


def test_a_word_that_no_vendor_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="cut_late"):
        Fault(do="explode")


@pytest.mark.parametrize("retry_after", ["30", "0.5", DATE, None])
def test_too_many_requests_may_say_when_in_four_ways(vendor: Vendor, retry_after: str | None) -> None:
    vendor.faults.add(Fault(do="429", retry_after=retry_after, headers={"X-RateLimit-Reason": "burst"}))
    answer = vendor.ask()
    assert not isinstance(answer, str)
    assert answer.headers.get("Retry-After") == retry_after
    assert answer.headers["X-RateLimit-Reason"] == "burst"


def test_a_redirect_leads_elsewhere_or_where_it_is_told(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="302"))
    vendor.faults.add(Fault(do="302", headers={"Location": "https://new.example/thing"}))
    first, second = vendor.ask(), vendor.ask()
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert (first.headers["Location"], second.headers["Location"]) == (
        "https://moved.example/",
        "https://new.example/thing",
    )


def test_a_refusal_has_its_body_as_json_or_as_a_page(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="422", body={"error": "RecordInvalid"}))
    vendor.faults.add(Fault(do="503", body="<html>busy</html>"))
    said, page = vendor.ask(), vendor.ask()
    assert not isinstance(said, str)
    assert not isinstance(page, str)
    assert said.json() == {"error": "RecordInvalid"}
    assert (page.text, page.headers["Content-Type"].partition(";")[0]) == ("<html>busy</html>", "text/html")


def test_what_is_applied_late_is_applied_after_the_cut(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="cut_late", seconds=0.2))
    assert vendor.ask() == CUT
    assert vendor.done == 0
    vendor.faults.settle()
    assert vendor.done == 1


def test_stopping_cancels_what_was_put_off(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="cut_late", seconds=60))
    assert vendor.ask() == CUT
    vendor.faults.stop()
    assert vendor.done == 0


def test_silence_outlasts_a_short_patience_and_the_work_is_done_all_the_same(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="hang_after", seconds=1))
    assert vendor.ask(timeout=0.2) == "silence"
    assert vendor.did.wait(5)


def test_a_trickle_arrives_whole(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="trickle", seconds=0.05))
    answer = vendor.ask()
    assert not isinstance(answer, str)
    assert answer.json() == {"done": True}


def test_a_fault_waits_for_its_turn_and_its_kind_of_request(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="500", match="PUT", skip=1, times=2))
    seen = [vendor.ask("GET"), vendor.ask(), vendor.ask("GET"), vendor.ask(), vendor.ask(), vendor.ask()]
    assert [answer if isinstance(answer, str) else answer.status_code for answer in seen] == [
        *(200, 200, 200),
        *(500, 500),
        200,
    ]


def test_tokens_are_spared_unless_they_are_meant(vendor: Vendor) -> None:
    vendor.faults.add(Fault(do="500", match="PUT"))
    spared = vendor.ask(path="/oauth/token")
    vendor.faults.clear()
    vendor.faults.add(Fault(do="500", match="/oauth/"))
    meant = vendor.ask(path="/oauth/token")
    assert [a if isinstance(a, str) else a.status_code for a in (spared, meant)] == [200, 500]
