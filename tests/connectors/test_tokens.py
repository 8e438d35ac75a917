"""Every way to prove ourselves to a vendor, over the pretend ones: which address, which header, and what a 401 does."""

from __future__ import annotations

import importlib
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapter.keepsakes import Keepsakes
from connectors import discover
from connectors.contract import Client, Keeper, Refused, TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site, SiteSettings
from connectors.upkeep import Uses
from policies.model import TicketRef

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOTHING = frozenset[str]()
LOGINS = ("token", "personal_token", "oauth_token", "email", "client_id", "client_secret")


def opened(vendor: str, authority: Authority, **more: Any) -> Any:
    module = importlib.import_module(f"connectors.{vendor}.sandbox")
    return module.Sandbox(authority, **more) if more else module.build(authority)


@pytest.fixture(params=sorted(discover()))
def desk(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Any]:
    running = opened(request.param, authority)
    yield running
    running.stop()


@pytest.fixture
def jira(authority: Authority) -> Iterator[Any]:
    running = opened("jira", authority)
    yield running
    running.stop()


def settings(desk: Any, **login: Any) -> SiteSettings:
    """Return the sandbox's settings with another way in; the id of our account is left to be asked for."""
    table = tomllib.loads(desk.site_toml("acme", "observe"))["sites"]["acme"]
    kept = {**{name: value for name, value in table.items() if name not in (*LOGINS, "account")}, **login}
    return discover()[table["vendor"]].settings.model_validate(kept)


def client_of(mine: SiteSettings, keeper: Keeper | None = None) -> Client:
    return discover()[mine.vendor].connect(Site(name="acme", settings=mine), keeper or Pocket())


def by_app(desk: Any, **more: Any) -> SiteSettings:
    at_the_gateway = {"auth_url": desk.url, "gateway_url": desk.url} if hasattr(desk, "gateway") else {}
    return settings(desk, **desk.oauth_app(), **at_the_gateway, **more)


def agreed(desk: Any) -> tuple[SiteSettings, Pocket]:
    """Let our account agree, as `stepladder authorize` does, and return settings and what was kept."""
    mine, pocket = by_app(desk, grant="authorization_code"), Pocket()
    make = discover()[mine.vendor].consent
    assert make is not None
    consent = make(mine)
    code = desk.consent(" ".join(consent.scopes), consent.redirect_url)
    pocket.save("acme", consent.redeem(code))
    desk.requests.clear()
    return mine, pocket


def lines(desk: Any) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in desk.requests]


def fetch(client: Client, vendor: str, number: str) -> None:
    client.fetch(TicketRef(vendor=vendor, site="acme", id=number), NOTHING, NOW)


def tokens_asked(desk: Any) -> int:
    return sum(line in ("POST /oauth/tokens", "POST /oauth/token") for line in lines(desk))


# --- a person's consent, at both -----------------------------------------------------------------------------
def test_a_consent_lets_us_in_and_a_restart_needs_no_other(desk: Any) -> None:
    mine, pocket = agreed(desk)
    for _ in range(2):
        client = client_of(mine, pocket)
        assert client.account()
        client.close()
    assert tokens_asked(desk) == 0


def test_a_token_that_dies_in_the_middle_is_renewed_and_the_work_goes_on(desk: Any) -> None:
    mine, pocket = agreed(desk)
    number = desk.open_ticket("Printer", "It burns")
    client = client_of(mine, pocket)
    fetch(client, mine.vendor, number)
    before = pocket.load("acme")["refresh_token"]
    desk.forget_tokens()
    fetch(client, mine.vendor, number)
    client.close()
    assert tokens_asked(desk) == 1
    assert pocket.load("acme")["refresh_token"] != before


def test_a_token_that_dies_under_sixteen_threads_is_renewed_once(desk: Any) -> None:
    mine, pocket = agreed(desk)
    number, client = desk.open_ticket("Printer", "It burns"), client_of(mine, pocket)
    fetch(client, mine.vendor, number)
    desk.forget_tokens()
    start = threading.Barrier(16)

    def work(_: int) -> None:
        start.wait(5)
        fetch(client, mine.vendor, number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    client.close()
    assert tokens_asked(desk) == 1


def test_a_consent_that_was_withdrawn_sends_for_a_person(desk: Any) -> None:
    mine, pocket = agreed(desk)
    client = client_of(mine, pocket)
    client.account()
    desk.forget_tokens()
    pocket.save("acme", {**pocket.load("acme"), "refresh_token": "spent"})
    with pytest.raises(TryLater, match="stepladder authorize acme") as raised:
        fetch(client, mine.vendor, desk.open_ticket("Printer", "It burns"))
    client.close()
    assert raised.value.after == 300
    assert "spent" not in str(raised.value)


def test_requests_for_tokens_are_counted(desk: Any) -> None:
    mine, pocket = agreed(desk)
    client = client_of(mine, pocket)
    client.account()
    desk.forget_tokens()
    fetch(client, mine.vendor, desk.open_ticket("Printer", "It burns"))
    client.close()
    assert client.asked() == len(desk.requests)


def test_a_consent_says_where_and_what_for(desk: Any) -> None:
    mine = by_app(desk, grant="authorization_code")
    make = discover()[mine.vendor].consent
    assert make is not None
    consent = make(mine)
    assert consent.address.startswith(f"{desk.url}/")
    assert "client_secret" not in consent.address
    assert all(consent.scopes.values()), "each scope that is asked for by default says what for"


def test_without_that_grant_nobody_needs_to_agree(desk: Any) -> None:
    mine = by_app(desk)
    make = discover()[mine.vendor].consent
    assert make is not None
    with pytest.raises(Refused, match="authorization_code"):
        make(mine)


def test_a_client_with_an_account_of_its_own_needs_no_person(desk: Any) -> None:
    mine, pocket = by_app(desk), Pocket()
    client = client_of(mine, pocket)
    assert client.account()
    desk.forget_tokens()
    fetch(client, mine.vendor, desk.open_ticket("Printer", "It burns"))
    client.close()
    assert tokens_asked(desk) == 2
    assert pocket.kept == {}


# --- where Jira is asked -------------------------------------------------------------------------------------
def test_a_consent_is_used_at_the_gateway_that_is_looked_up_once(jira: Any) -> None:
    mine, pocket = agreed(jira)
    client, number = client_of(mine, pocket), jira.open_ticket("Printer", "It burns")
    for _ in range(2):
        fetch(client, "jira", number)
    client.close()
    assert lines(jira).count("GET /oauth/token/accessible-resources") == 1
    assert sum(line.endswith(f"/issue/{number}") for line in lines(jira)) == 2
    assert all("/ex/jira/" in line or "/oauth/" in line for line in lines(jira))


def test_a_kept_token_that_died_meanwhile_is_renewed_before_the_gateway_is_known(jira: Any) -> None:
    mine, pocket = agreed(jira)
    jira.forget_tokens()
    client = client_of(mine, pocket)
    assert client.account()
    client.close()
    assert lines(jira)[:3] == [
        "GET /oauth/token/accessible-resources",
        "POST /oauth/token",
        "GET /oauth/token/accessible-resources",
    ]


def test_a_consent_for_another_site_is_said(jira: Any) -> None:
    mine, pocket = agreed(jira)
    elsewhere = mine.model_copy(update={"url": "https://elsewhere.atlassian.net"})
    client = client_of(elsewhere, pocket)
    with pytest.raises(TryLater, match=r"not let us into https://elsewhere.*stepladder authorize acme"):
        client.account()
    client.close()


def test_where_the_gateway_is_may_be_unknown_for_now(jira: Any) -> None:
    mine, pocket = agreed(jira)
    client = client_of(mine, pocket)
    jira.faults.add(Fault(do="503", match="oauth/token/accessible-resources", retry_after="20"))
    with pytest.raises(TryLater, match="where the API is") as raised:
        client.account()
    assert raised.value.after == 20.0
    assert client.account()
    client.close()


def test_a_token_with_scopes_is_used_at_the_address_in_the_settings(jira: Any) -> None:
    scoped = jira.scoped_token("read:jira-work", "read:jira-user")
    mine = settings(jira, email="stepladder@example.com", token=scoped, api_url=jira.gateway)
    client = client_of(mine)
    assert client.account()
    client.close()
    with pytest.raises(TryLater):
        client_of(settings(jira, email="stepladder@example.com", token=scoped)).account()


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
def test_a_persons_token_is_used_at_the_site(authority: Authority, deployment: str) -> None:
    desk = opened("jira", authority, deployment=deployment)
    email = {"email": "stepladder@example.com"} if deployment == "cloud" else {}
    words = {name: value for name, value in desk.secrets().items() if name in LOGINS}
    client = client_of(settings(desk, **email, **words))
    assert client.account() == desk.person("stepladder")
    client.close()
    assert tokens_asked(desk) == 0
    desk.stop()


# --- settings ------------------------------------------------------------------------------------------------
CLOUD = {"vendor": "jira", "url": "https://acme.atlassian.net"}
ZENDESK = {"vendor": "zendesk", "url": "https://acme.zendesk.com"}
PAIR = {"client_id": "x", "client_secret": "y"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (CLOUD, "expected exactly one way to authenticate: email and token, or client_id and client_secret; got none"),
        ({**CLOUD, "email": "a@example.com"}, "expected token beside email, got a way to authenticate not complete"),
        ({**CLOUD, **PAIR, "email": "a@example.com", "token": "t"}, "got several: email and token and client_id"),
        ({**CLOUD, **PAIR, "personal_token": "t"}, "personal_token: expected email and token"),
        ({**CLOUD, **PAIR, "deployment": "datacenter"}, "expected personal_token for deployment datacenter"),
        ({**CLOUD, **PAIR, "auth_url": "http://auth.example"}, "expected https"),
        ({**CLOUD, **PAIR, "grant": "password"}, "client_credentials"),
        ({**ZENDESK, "client_id": "x"}, "expected client_secret beside client_id, got"),
        ({**ZENDESK, **PAIR, "redirect_url": "http://acme.example/"}, "redirect_url expected https"),
        ({**ZENDESK, **PAIR, "updates_per_minute": 0}, "updates_per_minute"),
        ({**ZENDESK, **PAIR, "token_expires": "tomorrow"}, "token_expires"),
    ],
)
def test_a_wrong_way_in_is_answered_in_a_sentence(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        discover()[table["vendor"]].settings.model_validate(table)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("url", "https://{}.example/?token=LEAKED"),
        ("url", "https://{}.example/#LEAKED"),
        ("url", "https://admin:LEAKED@{}.example/path"),
        ("url", "http://LEAKED@{}.example"),
        ("url", "http://{}.example/path?LEAKED"),
        ("url", "{} LEAKED"),
        ("redirect_url", "https://{}.example/back?code=LEAKED"),
    ],
)
@pytest.mark.parametrize("table", [CLOUD, ZENDESK], ids=["jira", "zendesk"])
def test_an_address_with_more_in_it_is_not_shown_whole(table: dict[str, Any], name: str, url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        discover()[table["vendor"]].settings.model_validate({**table, **PAIR, name: url.format("acme")})
    assert not any("LEAKED" in problem["msg"] for problem in raised.value.errors())


def test_an_apps_secret_proves_its_webhooks_only_where_people_agreed_to_the_app() -> None:
    make = discover()["jira"].settings.model_validate
    assert make({**CLOUD, **PAIR, "grant": "authorization_code"}).can_verify
    assert not make({**CLOUD, **PAIR}).can_verify


def test_spoiled_keepsakes_trouble_only_a_site_that_a_person_agreed_to(desk: Any, tmp_path: Path) -> None:
    file = tmp_path / "keepsakes.json"
    file.write_text("[" * 100_000)
    vendor = discover()[settings(desk, **desk.oauth_app()).vendor]
    assert vendor.examine is not None
    own = vendor.settings.model_validate(
        {**tomllib.loads(desk.site_toml("acme", "observe"))["sites"]["acme"], **desk.secrets()}
    )
    site = Site(name="acme", settings=own)
    found = list(vendor.examine(site, Keepsakes(file), Uses(), datetime.now(UTC), lambda _: None))
    assert any(finding.check == "credentials" for finding in found)
    agreed_to = Site(name="acme", settings=by_app(desk, grant="authorization_code"))
    with pytest.raises(TryLater, match=r"cannot be read.*run `stepladder authorize acme`"):
        list(vendor.examine(agreed_to, Keepsakes(file), Uses(), datetime.now(UTC), lambda _: None))
