"""Patience with vendors: what an answer means, and that nothing is sent twice blindly."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask, Response, redirect

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, at_length, not_now, patiently, vendor_session
from connectors.contract import Refused, TryLater
from connectors.sandboxing import Authority, Served
from connectors.site import SiteSettings


def said(status: int, header: str, value: str) -> Response:
    return Response("secret body", status=status, mimetype="application/json", headers={header: value})


@pytest.fixture(scope="module")
def vendor() -> Iterator[tuple[str, Authority]]:
    app = Flask("vendor")
    app.add_url_rule("/moved", "moved", lambda: redirect("https://elsewhere.example/"))
    app.add_url_rule(
        "/answers/<int:status>", "answers", lambda status: Response("secret body", status=status, mimetype="text/plain")
    )
    app.add_url_rule("/says/<int:status>/<header>/<value>", "says", said)
    app.add_url_rule("/page/<int:status>", "page", lambda status: Response("<html>secret body</html>", status=status))
    app.add_url_rule("/fine", "fine", lambda: {"key": "ITSM-1"})
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
        ("answers/429", False, 10.0, "it was not carried out, and nobody says when it would be"),
        ("answers/503", False, None, "it was not carried out"),
        ("answers/500", True, None, "it may have been carried out"),
        ("answers/502", True, None, "a proxy lost the answer"),
        ("answers/504", True, None, "a proxy gave up waiting"),
        ("says/503/Retry-After/20", False, 20.0, "it says when"),
        ("says/429/Retry-After/1.5", False, 1.5, "it says when"),
        ("says/429/Retry-After/soon", False, 10.0, "it says nothing that means anything"),
        ("says/429/ratelimit-remaining/0", False, 10.0, "it does not say until when"),
        ("says/429/zendesk-rate-limit-tickets-update/remaining=0; resets=41", False, 41.0, "it says it in passing"),
        ("answers/401", False, CREDENTIALS_PATIENCE, "a person must mend the credentials"),
        ("page/200", True, None, "something else answered; what it did is unknown"),
        ("page/201", True, None, "whatever the number"),
        ("says/200/X-Seraph-LoginReason/AUTHENTICATED_FAILED", False, CREDENTIALS_PATIENCE, "served as nobody"),
        ("says/200/X-Seraph-LoginReason/AUTHENTICATION_DENIED", False, CREDENTIALS_PATIENCE, "a CAPTCHA is wanted"),
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


@pytest.mark.parametrize("path", ["fine", "answers/204", "page/204", "says/200/X-Seraph-LoginReason/OK"])
def test_a_true_answer_passes(vendor: tuple[str, Authority], path: str) -> None:
    url, authority = vendor
    with vendor_session(SiteSettings(vendor="any", url=url, ca_bundle=authority.bundle)) as session:
        assert session.get(f"{url}/{path}", timeout=5).ok


@pytest.mark.parametrize(
    ("path", "site_wide"),
    [
        ("says/429/Retry-After/5", True),
        ("says/429/RateLimit-Reason/jira-burst-based", True),
        ("says/429/RateLimit-Reason/jira-per-issue-on-write", False),
        ("says/429/zendesk-ratelimit-per-ticket-updates/total=30; remaining=0; resets=9", False),
        ("says/429/zendesk-rate-limit-incremental-exports/total=10; remaining=0; resets=9", False),
        ("says/429/zendesk-rate-limit-tickets-update/total=100; remaining=0; resets=9", True),
        ("answers/503", True),
    ],
)
def test_a_refusal_about_one_ticket_closes_no_site(vendor: tuple[str, Authority], path: str, site_wide: bool) -> None:
    later = not_now(asked(vendor, path))
    assert later is not None
    assert later.site_wide is site_wide


def test_what_was_searched_for_is_not_in_the_sentence(vendor: tuple[str, Authority]) -> None:
    found = str(asked(vendor, "answers/500?query=ada@acme.example"))
    assert found == "GET /answers/500 answered 500"


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
    assert str(later).startswith(f"no connection to {urlsplit(url).netloc} (SSLError): its certificate is not trusted")
    assert "ca_bundle" in str(later)


def test_an_address_where_nobody_listens_is_named() -> None:
    with (
        vendor_session(SiteSettings(vendor="any", url="https://127.0.0.1:9")) as session,
        pytest.raises(requests.ConnectionError) as raised,
    ):
        session.get("https://127.0.0.1:9/secret?token=psst", timeout=5)
    said = str(not_now(raised.value))
    assert (
        said
        == "no connection to 127.0.0.1:9 (ConnectionError): check the site's url, and whether this machine gets out"
    )


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


# --- set-up and examination have more patience ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failures", "attempts", "longest", "reason"),
    [
        ([TryLater("busy", after=7.0)], 2, 7.0, "it waits as long as the vendor asks"),
        ([TryLater("busy")] * 4, 5, 60.0, "nobody says when: longer each time"),
        ([TryLater("busy", after=25.0)] * 3, -3, 50.0, "the fourth attempt would begin after the minute"),
        ([TryLater("log-in", after=CREDENTIALS_PATIENCE)], -1, 0.0, "a person must act first"),
        ([TryLater("cut", sent=True, after=1.0)], -1, 0.0, "it may have been carried out"),
        ([TryLater("busy", after=0.0)] * 9, -5, 0.0, "five attempts are enough"),
    ],
)
def test_a_person_who_waits_gets_a_minute(failures: list[TryLater], attempts: int, longest: float, reason: str) -> None:
    work, slept = Attempts(*failures), list[float]()
    if attempts > 0:
        assert at_length(work, slept.append) == "done"
    else:
        with pytest.raises(TryLater):
            at_length(work, slept.append)
    assert work.count == abs(attempts), reason
    assert sum(slept) <= longest, reason


def test_what_is_refused_is_not_tried_again() -> None:
    tried = list[int]()

    def refuse() -> None:
        tried.append(1)
        raise Refused("no")

    with pytest.raises(Refused):
        at_length(refuse, lambda _: None)
    assert tried == [1]
