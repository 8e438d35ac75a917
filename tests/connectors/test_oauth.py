"""Access tokens: renewed in time, once for all threads and processes, and no refresh token lost on the way."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request

from connectors.access import Access
from connectors.calls import CREDENTIALS_PATIENCE
from connectors.contract import Keeper, Refused, TryLater
from connectors.oauth import InvalidGrant, OAuthSettings, redeem
from connectors.sandboxing import Authority, Pocket, Served

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = "a-client-secret"


class TokenDesk:
    """The address that gives tokens, as RFC 6749 has it, with refresh tokens that are good once."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.refresh = "refresh-0"
        self.life, self.pause, self.rotates = 1800, 0.0, True
        self.instead: Callable[[], Response] | None = None
        self.odd: dict[str, object] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def answer(self) -> Response:
        said = request.get_json()
        with self._lock:
            self.asked.append(said)
        threading.Event().wait(self.pause)
        if self.instead:
            return self.instead()
        if (said["client_id"], said["client_secret"]) != ("stepladder", SECRET):
            return refusal(401, "invalid_client")
        if said["grant_type"] == "authorization_code" and said["code"] != "code-1":
            return refusal(400, "invalid_grant")
        if said["grant_type"] == "refresh_token" and said["refresh_token"] != self.refresh:
            return refusal(400, "invalid_grant")
        number = next(self._numbers)
        told: dict[str, Any] = {"access_token": f"access-{number}", "expires_in": self.life}
        if said["grant_type"] != "client_credentials" and self.rotates:
            self.refresh = told["refresh_token"] = f"refresh-{number}"
            told["refresh_token_expires_in"] = 2_592_000
        return jsonify({**told, **self.odd})


def refusal(status: int, error: str, **more: str) -> Response:
    response = jsonify({"error": error, **more})
    response.status_code = status
    return response


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Authority, list[TokenDesk]]]:
    desks: list[TokenDesk] = []
    app = Flask("tokens")
    app.post("/oauth/tokens")(lambda: desks[-1].answer())
    authority = Authority()
    running = Served(app, authority)
    yield running.url, authority, desks
    running.stop()


@pytest.fixture
def desk(served: tuple[str, Authority, list[TokenDesk]]) -> TokenDesk:
    served[2].append(TokenDesk())
    return served[2][-1]


class Times:
    """Both clocks, moved together."""

    def __init__(self) -> None:
        self.gone = 0.0

    def clock(self) -> float:
        return self.gone

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.gone)


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def settings(served: tuple[str, Authority, list[TokenDesk]]) -> OAuthSettings:
    return OAuthSettings.model_validate(
        {
            "vendor": "any",
            "url": served[0],
            "ca_bundle": served[1].bundle,
            "client_id": "stepladder",
            "client_secret": SECRET,
            "grant": "authorization_code",
        }
    )


@pytest.fixture
def pocket() -> Pocket:
    kept = Pocket()
    kept.save("acme", {"client_id": "stepladder", "refresh_token": "refresh-0", "ends": "2027-11-22T00:00:00+00:00"})
    return kept


@pytest.fixture
def process(settings: OAuthSettings, times: Times, pocket: Pocket) -> Callable[..., Access]:
    """Make what one process has of the site's access."""

    def make(keeper: Keeper = pocket, **changed: Any) -> Access:
        mine = settings.model_copy(update=changed)
        url = f"{settings.url}/oauth/tokens"
        return Access("acme", mine, url, "read", keeper, times.clock, times.now, lambda low, high: low)

    return make


BOTH = pytest.mark.parametrize("grant", ["client_credentials", "authorization_code"])


@BOTH
def test_sixteen_threads_ask_once(desk: TokenDesk, process: Callable[..., Access], times: Times, grant: str) -> None:
    access, start = process(grant=grant), threading.Barrier(16)

    def work(_: int) -> str:
        start.wait(5)
        return access.current()

    for round_ in (1, 2):
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(work, range(16))) == {f"access-{round_}"}
        assert len(desk.asked) == round_
        times.gone += 1800


@BOTH
def test_a_token_is_renewed_a_minute_before_it_ends(
    desk: TokenDesk, process: Callable[..., Access], times: Times, grant: str
) -> None:
    access = process(grant=grant)
    tokens = []
    for times.gone in (0, 1739, 1741):
        tokens.append(access.current())
    assert tokens == ["access-1", "access-1", "access-2"]


def test_a_short_life_is_used_by_half(desk: TokenDesk, process: Callable[..., Access], times: Times) -> None:
    desk.life = 40
    access = process(grant="client_credentials")
    tokens = []
    for times.gone in (0, 19, 21):
        tokens.append(access.current())
    assert tokens == ["access-1", "access-1", "access-2"]


@BOTH
def test_a_token_that_is_not_taken_is_replaced_once(
    desk: TokenDesk, process: Callable[..., Access], grant: str
) -> None:
    access = process(grant=grant)
    refused = access.current()
    for _ in range(16):
        access.reject(refused)  # sixteen threads had it in their hands
        assert access.current() == "access-2"
    assert len(desk.asked) == 2


def test_requests_for_tokens_count_for_the_thread_that_sent_them(
    desk: TokenDesk, process: Callable[..., Access]
) -> None:
    access = process()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(access.current).result()
        assert pool.submit(lambda: access.asked).result() == 1
    access.current()
    assert access.asked == 0


# --- what is kept --------------------------------------------------------------------------------------------
def test_the_next_refresh_token_is_kept_before_anybody_uses_the_new_access_token(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket
) -> None:
    assert process().current() == "access-1"
    assert pocket.kept["acme"] == {
        "client_id": "stepladder",
        "access_token": "access-1",
        "until": (NOW + timedelta(seconds=1800)).isoformat(),
        "refresh_token": "refresh-1",
        "refresh_until": (NOW + timedelta(days=30)).isoformat(),
        "ends": "2027-11-22T00:00:00+00:00",
    }


def test_a_restart_asks_for_nothing_while_the_kept_token_lives(
    desk: TokenDesk, process: Callable[..., Access], times: Times
) -> None:
    process().current()
    times.gone = 1000
    again = process()
    assert again.current() == "access-1"
    times.gone = 1741
    assert again.current() == "access-2"
    assert [said.get("refresh_token") for said in desk.asked] == ["refresh-0", "refresh-1"]


def test_two_processes_take_what_the_other_renewed(
    desk: TokenDesk, process: Callable[..., Access], times: Times
) -> None:
    serve, doctor = process(), process()
    serve.current()
    assert doctor.current() == "access-1"
    times.gone = 1741
    assert doctor.current() == "access-2"
    serve.reject("access-1")  # the vendor has dropped it with the renewal
    assert serve.current() == "access-2"
    assert len(desk.asked) == 2


def test_while_another_process_renews_nobody_else_does(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket, times: Times
) -> None:
    with pocket.turn("acme"), pytest.raises(TryLater, match="another process") as raised:
        process().current()
    assert raised.value.after == 2.0
    assert desk.asked == []
    times.gone = 2
    assert process().current() == "access-1"


def test_processes_that_race_lose_no_refresh_token(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket, times: Times
) -> None:
    desk.pause = 0.01
    processes = [process() for _ in range(4)]
    for round_ in range(1, 6):
        start = threading.Barrier(4)

        def work(access: Access, start: threading.Barrier = start) -> None:
            start.wait(5)
            with suppress(TryLater):
                access.current()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, processes))
        times.gone += 3
        assert {access.current() for access in processes} == {f"access-{round_}"}
        times.gone += 1800
    assert pocket.kept["acme"]["refresh_token"] == desk.refresh


def test_a_refresh_token_that_does_not_rotate_is_used_again(
    desk: TokenDesk, process: Callable[..., Access], times: Times
) -> None:
    desk.rotates = False
    access = process()
    access.current()
    times.gone = 1800
    assert access.current() == "access-2"


class FullDisk(Pocket):
    """Fails to save from the given time on, until there is room again."""

    def __init__(self, kept: Pocket, fails_after: int) -> None:
        super().__init__()
        self.kept, self._left = kept.kept, fails_after
        self.room = False

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        self._left -= 1
        if self._left < 0 and not self.room:
            raise OSError(28, "No space left on device")
        super().save(site, kept)


def test_a_full_disk_is_found_out_while_the_old_refresh_token_is_good(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket
) -> None:
    with pytest.raises(TryLater, match="check the disk") as raised:
        process(FullDisk(pocket, 0)).current()
    assert raised.value.after == CREDENTIALS_PATIENCE
    assert desk.asked == []


def test_what_could_not_be_kept_is_used_and_kept_as_soon_as_there_is_room(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FullDisk(pocket, 1)
    access = process(disk)
    with caplog.at_level(logging.ERROR):
        assert access.current() == "access-1"
        assert access.current() == "access-1"
    assert pocket.kept["acme"]["refresh_token"] == "refresh-0"
    assert {record.message.partition(" ")[0] for record in caplog.records} == {"credentials.not_kept"}
    assert "refresh-1" not in caplog.text
    disk.room = True
    assert access.current() == "access-1"
    assert pocket.kept["acme"]["refresh_token"] == "refresh-1"


def test_what_could_not_be_kept_gives_way_to_a_new_consent(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket
) -> None:
    disk = FullDisk(pocket, 1)
    access = process(disk)
    access.current()
    disk.room = True
    pocket.save("acme", {"client_id": "stepladder", "refresh_token": "refresh-new"})
    access.current()
    assert pocket.kept["acme"]["refresh_token"] == "refresh-new"


class Locked(Pocket):
    @contextmanager
    def turn(self, site: str) -> Iterator[None]:
        raise PermissionError(13, "Permission denied")
        yield


class Spoiled(Pocket):
    def load(self, site: str) -> Mapping[str, str]:
        raise ValueError("keepsakes.json expected one table of sites, got list")


@pytest.mark.parametrize(
    ("keeper", "said"), [(Spoiled(), "cannot be read"), (Pocket(), "nobody has let us into acme yet")]
)
def test_without_a_refresh_token_a_person_is_sent_for(
    desk: TokenDesk, process: Callable[..., Access], keeper: Pocket, said: str
) -> None:
    with pytest.raises(TryLater, match=f"{said}.*; run `stepladder authorize acme`") as raised:
        process(keeper).current()
    assert raised.value.after == CREDENTIALS_PATIENCE
    assert desk.asked == []


def test_a_folder_that_is_not_ours_is_said(desk: TokenDesk, process: Callable[..., Access]) -> None:
    with pytest.raises(TryLater, match="check the disk"):
        process(Locked()).current()
    assert desk.asked == []


def test_what_another_client_was_given_is_not_used(desk: TokenDesk, process: Callable[..., Access]) -> None:
    with pytest.raises(TryLater, match="stepladder authorize acme"):
        process(client_id="another").current()
    assert desk.asked == []


# --- refusals ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer",
    [
        (400, {"error": "invalid_grant", "error_description": "The provided authorization grant is invalid."}),
        (403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}),
        (403, {"error": "unauthorized_client", "error_description": "refresh_token is invalid"}),
    ],
)
def test_a_refresh_token_that_is_not_taken_needs_a_person(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket, times: Times, answer: tuple[int, dict[str, str]]
) -> None:
    desk.instead = lambda: refusal(answer[0], **answer[1])
    access = process()
    with pytest.raises(InvalidGrant, match="stepladder authorize acme") as raised:
        access.current()
    assert raised.value.after == CREDENTIALS_PATIENCE
    assert not any(secret in str(raised.value) for secret in (SECRET, "refresh-0"))
    desk.instead, desk.refresh = None, "refresh-new"
    times.gone = 300
    pocket.save("acme", {"client_id": "stepladder", "refresh_token": "refresh-new"})  # a person has agreed again
    assert access.current().startswith("access-")


def page() -> Response:
    return Response("<html>down for maintenance</html>", mimetype="text/html")


@pytest.mark.parametrize(
    ("instead", "after", "said"),
    [
        (lambda: refusal(401, "invalid_client"), 300.0, "/oauth/tokens answered 401: check client_id"),
        (lambda: refusal(400, "invalid_scope"), 300.0, "answered 400: check client_id, client_secret and scope"),
        (lambda: jsonify({"token_type": "bearer"}), 300.0, "no access token in the answer"),
        (lambda: jsonify(["access-1"]), 300.0, "no access token in the answer"),
        (lambda: jsonify({"access_token": None}), 300.0, "no access token in the answer"),
        (lambda: jsonify({"access_token": ""}), 300.0, "no access token in the answer"),
        (lambda: jsonify({"access_token": "access-1\nX: y"}), 300.0, "no access token in the answer"),
        (lambda: Response("{", mimetype="application/json"), 300.0, "no access token in the answer"),
        (page, None, "with a web page"),
        (lambda: Response(status=503, headers={"Retry-After": "20"}), 20.0, "answered 503"),
        (lambda: Response(status=500), None, "answered 500"),
        (lambda: Response(status=404), 300.0, "answered 404: nobody gives tokens there; check the site's url"),
    ],
)
@BOTH
def test_no_token_is_a_sentence_and_a_time(
    desk: TokenDesk,
    process: Callable[..., Access],
    grant: str,
    instead: Callable[[], Response],
    after: float | None,
    said: str,
) -> None:
    desk.instead = instead
    with pytest.raises(TryLater, match=said) as raised:
        process(grant=grant).current()
    assert (raised.value.after, raised.value.sent) == (after, False)
    assert not any(secret in str(raised.value) for secret in (SECRET, "refresh-0", "access-1"))


@BOTH
def test_those_who_waited_for_a_token_do_not_ask_again_when_it_fails(
    desk: TokenDesk, process: Callable[..., Access], times: Times, grant: str
) -> None:
    desk.instead, desk.pause = (lambda: Response(status=500)), 0.05
    access, start = process(grant=grant), threading.Barrier(16)

    def work(_: int) -> None:
        start.wait(5)
        with suppress(TryLater):
            access.current()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(desk.asked) == 1
    desk.instead = None
    times.gone = 1.5
    assert access.current() == "access-1"


ODD = ["30 minutes", 1e300, 10**30, float("nan"), float("inf"), -5, [1800], None, 0, True, 10**9]


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("name", ["expires_in", "refresh_token_expires_in"])
def test_an_odd_life_counts_as_unsaid_and_the_rotated_refresh_token_is_kept(
    desk: TokenDesk, process: Callable[..., Access], times: Times, pocket: Pocket, name: str, odd: object
) -> None:
    desk.odd = {name: odd}
    assert process().current() == "access-1"
    kept = pocket.kept["acme"]
    assert kept["refresh_token"] == desk.refresh == "refresh-1"
    if name == "expires_in":
        assert kept["until"] == (NOW + timedelta(seconds=1800)).isoformat()
    times.gone = 1800
    assert process().current() == "access-2"


@pytest.mark.parametrize("odd", [None, "", 7, ["access-1"], "access\n1"], ids=str)
def test_an_answer_without_an_access_token_still_renews_the_refresh_token(
    desk: TokenDesk, process: Callable[..., Access], times: Times, pocket: Pocket, odd: object
) -> None:
    desk.odd = {"access_token": odd}
    access = process()
    with pytest.raises(TryLater, match="no access token in the vendor's answer"):
        access.current()
    assert pocket.kept["acme"]["refresh_token"] == desk.refresh == "refresh-1"
    desk.odd, times.gone = {}, 2
    assert access.current() == "access-2"


@pytest.mark.parametrize("odd", [7, ["refresh-1"], "refresh 1"], ids=str)
def test_an_odd_refresh_token_does_not_cost_the_access_token(
    desk: TokenDesk, process: Callable[..., Access], pocket: Pocket, odd: object
) -> None:
    desk.odd = {"refresh_token": odd}
    assert process().current() == "access-1"
    assert pocket.kept["acme"]["refresh_token"] == "refresh-0"


# --- a person's consent --------------------------------------------------------------------------------------
def test_a_code_buys_what_is_to_be_kept(desk: TokenDesk, settings: OAuthSettings) -> None:
    kept = redeem(settings, f"{settings.url}/oauth/tokens", "code-1", NOW)
    assert (kept["access_token"], kept["refresh_token"], kept["client_id"]) == ("access-1", "refresh-1", "stepladder")
    assert desk.asked[0]["redirect_uri"] == "https://localhost/stepladder"


def test_a_code_that_is_spent_buys_nothing(desk: TokenDesk, settings: OAuthSettings) -> None:
    with pytest.raises(Refused, match="good once") as raised:
        redeem(settings, f"{settings.url}/oauth/tokens", "code-9", NOW)
    assert "code-9" not in str(raised.value)


def test_an_access_token_alone_is_not_enough(desk: TokenDesk, settings: OAuthSettings) -> None:
    desk.rotates = False
    with pytest.raises(Refused, match="no refresh token"):
        redeem(settings, f"{settings.url}/oauth/tokens", "code-1", NOW)


@pytest.mark.parametrize("url", ["http://acme.example/back", "acme", "https://acme.example/back?x=1", "https://"])
def test_an_address_that_cannot_be_registered_is_refused(settings: OAuthSettings, url: str) -> None:
    with pytest.raises(ValueError, match="redirect_url expected https"):
        OAuthSettings.model_validate({**settings.model_dump(), "redirect_url": url})


def test_an_unsaid_life_is_the_usual_one(desk: TokenDesk, settings: OAuthSettings) -> None:
    desk.life = 0
    kept = redeem(settings, f"{settings.url}/oauth/tokens", "code-1", NOW)
    assert kept["until"] == (NOW + timedelta(seconds=1800)).isoformat()
