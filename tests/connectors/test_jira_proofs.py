"""Who sent a delivery to a Jira site, where no signature says it: the token of an app, or an address alone."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import BadSignature, Delivery, TryLater
from connectors.jira import webhook
from connectors.jira.sandbox import build
from connectors.jira.settings import JiraSettings
from connectors.postman import Postman
from connectors.sandboxing import Authority
from connectors.site import Site
from policies.model import Kind, Role, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECRET = "the app's own secret, which is long enough for HS256 and for HS384 too"
APP = JiraSettings(
    url="https://acme.example.com", client_id="app", client_secret=SECRET, grant="authorization_code", account="us"
)
CENTER = JiraSettings(
    url="https://jira.example.com",
    deployment="datacenter",
    personal_token="p",
    account="us",
    webhook_secrets=("s",),
)


def delivery(body: bytes = b"{}", query: str = "", **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(vendor="jira", site="here", body=body, headers=named, query=query, received_at=NOW, row=7)


def claims(**more: Any) -> dict[str, Any]:
    return {"iss": "app", "iat": NOW, "exp": NOW + timedelta(minutes=3), **more}


def token(told: Mapping[str, Any], secret: str = SECRET, how: str = "HS256") -> str:
    return jwt.encode(dict(told), secret, algorithm=how)


def shown(word: str, query: str = "") -> Delivery:
    return delivery(query=query, authorization=f"Bearer {word}")


# --- an app's token -----------------------------------------------------------------------------------------
def test_an_apps_token_proves_its_webhooks() -> None:
    webhook.verify(shown(token(claims())), APP, NOW)
    webhook.verify(delivery(authorization=f"JWT {token(claims())}"), APP, NOW)


@pytest.mark.parametrize(
    "word",
    [
        token(claims(), "another secret, as long as the other one is and not the same at all"),
        token(claims(), how="HS384"),
        token(claims(), "", how="none"),
        token({"iss": "app", "iat": NOW}),
        token(claims(exp=True)),
        token(claims(exp="soon")),
        token(claims(exp=10**30)),
        token(claims(exp=float("nan"))),
        token(claims(exp=float("-inf"))),
        token(claims(qsh="0" * 64)),
        token(claims(qsh=["context-qsh"])),
        token(claims())[:-2],
        "a.b.c",
        "..",
    ],
)
def test_no_other_token_does(word: str) -> None:
    with pytest.raises(BadSignature):
        webhook.verify(shown(word), APP, NOW)


@pytest.mark.parametrize(
    ("minutes", "believed"),
    [(-60, False), (-3, False), (-1.9, True), (0, True), (4.9, True), (5.1, False), (600, False)],
)
def test_a_genuine_token_of_another_time_is_a_matter_of_clocks(minutes: float, believed: bool) -> None:
    then, sent = NOW + timedelta(minutes=minutes), shown(token(claims()))
    if believed:
        webhook.verify(sent, APP, then)
        return
    with pytest.raises(TryLater, match="clocks"):
        webhook.verify(sent, APP, then)


@pytest.mark.parametrize(
    ("times", "believed"),
    [
        ({"exp": 253_402_300_799}, True),  # the last second of all years of four digits
        ({"exp": NOW.timestamp() + 0.5}, True),
        ({"exp": NOW.timestamp() - 120.5}, False),
        ({"iat": NOW.timestamp() + 119.5}, True),
        ({"iat": 253_402_300_799.9}, False),
        ({"iat": -62_135_596_800}, True),
    ],
)
def test_a_tokens_times_may_have_fractions_and_be_far_away(times: dict[str, Any], believed: bool) -> None:
    sent = shown(token(claims(**times)))
    if believed:
        webhook.verify(sent, APP, NOW)
        return
    with pytest.raises(TryLater, match="clocks"):
        webhook.verify(sent, APP, NOW)


@pytest.mark.parametrize("query", ["", "a=1", "b=2&a=1", "a=x%20y"])
def test_a_token_for_one_address_is_good_for_that_one(query: str) -> None:
    canonical = f"POST&/webhooks/jira/here&{'&'.join(sorted(filter(None, query.split('&'))))}"
    word = token(claims(qsh=hashlib.sha256(canonical.encode()).hexdigest()))
    webhook.verify(shown(word, query), APP, NOW)
    webhook.verify(shown(token(claims(qsh="context-qsh")), query), APP, NOW)
    with pytest.raises(BadSignature, match="another address"):
        webhook.verify(shown(word, "z=9"), APP, NOW)


def test_an_app_that_nobody_agreed_to_is_believed_nothing() -> None:
    ours = APP.model_copy(update={"grant": "client_credentials", "automation_tokens": ()})
    with pytest.raises(BadSignature, match="no secret is configured"):
        webhook.verify(shown(token(claims())), ours, NOW)


@given(header=st.text(max_size=60), dots=st.integers(0, 4))
def test_no_claimed_token_breaks_the_comparison(header: str, dots: int) -> None:
    with pytest.raises(BadSignature):
        webhook.verify(delivery(authorization=f"Bearer {header}{'.x' * dots}"), APP, NOW)


def test_what_the_pretend_jira_sends_for_an_app_is_believed(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = build(Authority(tmp_path_factory.mktemp("ca")))
    kept: list[Any] = []
    desk.postman = _Keeping(kept)
    try:
        section = tomllib.loads(desk.site_toml("here", "observe"))["sites"]["here"]
        app = desk.oauth_app()
        settings = JiraSettings(**{**section, "email": None, **app, "grant": "authorization_code"})
        site = Site(name="here", settings=settings, account=settings.account)
        _subscribe(desk, settings)
        number = desk.open_ticket("Printer", "It burns")
        (envelope,) = [e for e in kept if b"jira:issue_created" in e.body]
        headers = {name.lower(): value for name, value in {**envelope.headers, **envelope.sign()}.items()}
        sent = Delivery(vendor="jira", site="here", body=envelope.body, headers=headers, received_at=NOW)
        webhook.verify(sent, settings, datetime.now(UTC))
        assert webhook.tickets(sent, site) == (TicketRef(vendor="jira", site="here", id=number),)
    finally:
        desk.stop()


class _Keeping(Postman):
    def __init__(self, kept: list[Any]) -> None:
        super().__init__()
        self.post = kept.append  # type: ignore[method-assign, assignment]


def _subscribe(desk: Any, settings: JiraSettings) -> None:
    from connectors.calls import vendor_session

    code = desk.consent("read:jira-work manage:jira-webhook offline_access", settings.redirect_url)
    wanted = {"grant_type": "authorization_code", "code": code, "redirect_uri": settings.redirect_url}
    with vendor_session(settings) as session:
        access = session.post(f"{desk.url}/oauth/token", json={**wanted, **desk.oauth_app()}).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {access}"
        hooks = [{"jqlFilter": "project = ITSM", "events": ["jira:issue_created"]}]
        body = {"url": "https://stepladder.example.com/webhooks/jira/here", "webhooks": hooks}
        session.post(f"{desk.gateway}/rest/api/3/webhook", json=body)


# --- an address alone ---------------------------------------------------------------------------------------
SITE = Site(name="here", settings=CENTER, account="us")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("issue_id=10001&user_id=ann&user_key=JIRAUSER10000", ["10001"]),
        ("issueId=10001", ["10001"]),
        ("issue_id=10001&issueId=10001", ["10001"]),
        ("issue_id=ITSM-7", []),  # a key may move
        ("issue_key=ITSM-7", []),
        ("issue_id=${issue.id}", []),
        ("issue_id=", []),
        ("user_id=ann", []),
        ("&".join("issue_id=1" for _ in range(50)), []),
        ("%", []),
    ],
)
@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_address_names_at_most_the_ticket_to_read_anew(body: bytes, query: str, ids: list[str]) -> None:
    sent = delivery(body, query)
    refs = webhook.tickets(sent, SITE)
    assert [ref.id for ref in refs] == ids
    for ref in refs:
        (event,) = webhook.read(sent, SITE, ref)
        assert (event.kind, event.at, event.delivery) == (Kind.TOUCHED, NOW, 7)
        assert event.actor is not None
        assert event.actor.role is Role.UNKNOWN  # the user that the address names is not believed
        assert (event.ticket, event.changes, event.comment) == (None, (), None)


def test_an_address_is_read_only_where_there_is_no_body() -> None:
    sent = delivery(b'{"issue": {"id": 5, "fields": {}}}', "issue_id=10001")
    assert [ref.id for ref in webhook.tickets(sent, SITE)] == ["5"]
    assert webhook.read(sent, SITE, TicketRef(vendor="jira", site="here", id="10001")) == ()


def test_an_address_without_a_proof_is_nobodys() -> None:
    with pytest.raises(BadSignature):
        webhook.verify(delivery(b"", "issue_id=10001"), CENTER, NOW)
