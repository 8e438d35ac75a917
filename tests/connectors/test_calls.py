"""Patience with vendors: what an answer means, and that nothing is sent twice blindly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from flask import Flask, Response, redirect

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now, patiently, retry_after, vendor_session
from connectors.contract import SiteSettings, TryLater
from connectors.sandboxing import Authority, Served

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds", "reason"),
    [
        (None, None, "the header is missing"),
        ("", None, "it is empty"),
        ("7", 7.0, "seconds"),
        ("1.5", 1.5, "decimals, which some clients cannot read"),
        ("-3", 0.0, "never earlier than now"),
        ("Sun, 22 Nov 2026 09:00:30 GMT", 30.0, "an HTTP date"),
        ("Sun, 22 Nov 2026 08:00:00 GMT", 0.0, "a date that has passed"),
        ("soon", None, "neither"),
    ],
)
def test_retry_after_is_read_in_every_form(header: str | None, seconds: float | None, reason: str) -> None:
    assert retry_after(header, NOW) == seconds, reason


@pytest.fixture(scope="module")
def vendor() -> Iterator[tuple[str, Authority]]:
    app = Flask("vendor")
    app.add_url_rule("/moved", "moved", lambda: redirect("https://elsewhere.example/"))
    app.add_url_rule("/answers/<int:status>", "answers", lambda status: Response("secret body", status=status))
    authority = Authority()
    served = Served(app, authority)
    yield served.url, authority
    served.stop()


def asked(vendor: tuple[str, Authority], path: str) -> Exception:
    url, authority = vendor
    settings = SiteSettings(vendor="any", url=url, ca_bundle=authority.bundle)
    with vendor_session(settings) as session, pytest.raises(VendorAnswer) as raised:
        session.get(f"{url}/{path}", timeout=5)
    return raised.value


@pytest.mark.parametrize(
    ("path", "sent", "after", "reason"),
    [
        ("answers/429", False, None, "it was not carried out"),
        ("answers/503", False, None, "it was not carried out"),
        ("answers/500", True, None, "it may have been carried out"),
        ("answers/502", True, None, "a proxy lost the answer"),
        ("answers/504", True, None, "a proxy gave up waiting"),
        ("answers/401", False, CREDENTIALS_PATIENCE, "a person must mend the credentials"),
        ("moved", False, CREDENTIALS_PATIENCE, "a redirect is never followed: the write would be lost"),
    ],
)
def test_what_is_about_the_moment_is_tried_later(
    vendor: tuple[str, Authority], path: str, sent: bool, after: float | None, reason: str
) -> None:
    later = not_now(asked(vendor, path))
    assert later is not None, reason
    assert (later.sent, later.after) == (sent, after), reason
    assert "secret body" not in str(later)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_what_is_the_requests_fault_is_not(vendor: tuple[str, Authority], status: int) -> None:
    assert not_now(asked(vendor, f"answers/{status}")) is None


def test_a_refused_connection_was_never_sent() -> None:
    settings = SiteSettings(vendor="any", url="http://127.0.0.1:9")
    with vendor_session(settings) as session, pytest.raises(requests.ConnectionError) as raised:
        session.get("http://127.0.0.1:9/", timeout=1)
    later = not_now(raised.value)
    assert later is not None
    assert not later.sent


def test_an_unknown_certificate_is_refused_before_anything_is_sent(vendor: tuple[str, Authority]) -> None:
    url, _ = vendor
    with (
        vendor_session(SiteSettings(vendor="any", url=url)) as session,
        pytest.raises(requests.exceptions.SSLError) as e,
    ):
        session.get(f"{url}/answers/200", timeout=5)
    later = not_now(e.value)
    assert later is not None
    assert not later.sent


class Attempts:
    """Fails so many times, then succeeds; counts."""

    def __init__(self, *failures: TryLater) -> None:
        self.failures = list(failures)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.mark.parametrize(
    ("failure", "attempts", "reason"),
    [
        (TryLater("no connection", after=0.2), 2, "nothing was sent"),
        (TryLater("again at once", after=0.0), 2, "the vendor said at once"),
        (TryLater("busy", after=30.0), 1, "the ticket is freed instead"),
        (TryLater("busy"), 1, "nobody said when"),
        (TryLater("cut", sent=True, after=0.0), 1, "it may have been carried out"),
    ],
)
def test_patience_ends_where_a_second_sending_could_harm(failure: TryLater, attempts: int, reason: str) -> None:
    work, slept = Attempts(failure), list[float]()
    if attempts == 2:
        assert patiently(work, slept.append) == "done"
    else:
        with pytest.raises(TryLater):
            patiently(work, slept.append)
    assert work.count == attempts, reason
    assert sum(slept) <= 2


def test_patience_is_two_attempts_at_the_most() -> None:
    work = Attempts(*(TryLater("no connection", after=0.2) for _ in range(9)))
    with pytest.raises(TryLater):
        patiently(work, lambda _: None)
    assert work.count == 2
