"""How we prove ourselves to Jira: an API token, OAuth by a client's credentials or a person's consent, on Data Center a
personal access token; and where the API is then. It never writes a token down itself, and never shows one.

https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from connectors.access import Access, Proofs, utc
from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now, vendor_session
from connectors.contract import Keeper, Refused, TryLater
from connectors.jira.settings import JiraSettings, settings_of
from connectors.oauth import redeem
from connectors.site import Site, SiteSettings
from connectors.upkeep import Consent

_CONSENT_LASTS = timedelta(days=365)  # however often it is renewed, Atlassian asks the person again after a year
_MEANS = {
    "read:jira-work": "reads issues, projects, comments and fields",
    "write:jira-work": "writes fields, labels, comments, watchers and links to issues",
    "read:jira-user": "reads who people are, to find assignees by name",
    "read:servicedesk-request": "reads requests of a service desk and who may read their comments",
    "write:servicedesk-request": "writes internal comments to requests",
    "manage:jira-webhook": "keeps the webhooks of this app",
    "offline_access": "goes on when nobody is logged in: without it there is no refresh token",
}


class Tokens(Proofs):
    """The `Authorization` of every request, kept fresh for all threads, and the address that it is good for."""

    def __init__(
        self, site: Site, keeper: Keeper, clock: Callable[[], float], now: Callable[[], datetime] = utc
    ) -> None:
        self._site, self._settings = site.name, settings_of(site)
        settings = self._settings
        oauth = (
            Access(site.name, settings, _token_url(settings), "", keeper, clock, now) if settings.client_id else None
        )
        super().__init__(oauth)
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._api = self._settings.api_url or (None if self._settings.client_id else self._settings.url)

    @property
    def asked(self) -> int:
        """How many requests for tokens and addresses this thread has sent."""
        return super().asked + getattr(self._mine, "asked", 0)

    def api(self) -> str:
        """Return the address that the API is asked at; with OAuth it is looked up once. Raises TryLater."""
        with self._lock:
            if self._api is None:
                self._api = f"{self._settings.gateway_url}/ex/jira/{self._cloud_id()}"
            return self._api

    def _authorize_by_hand(self, session: requests.Session) -> None:
        settings = self._settings
        if settings.personal_token is not None:
            session.headers["Authorization"] = f"Bearer {settings.personal_token.get_secret_value()}"
        elif settings.token is not None:
            session.auth = (settings.email or "", settings.token.get_secret_value())

    def _cloud_id(self) -> str:
        if not self._settings.by_consent:  # an account of its own has one site, and that says who it is to anybody
            told = self._ask(f"{self._settings.url}/_edge/tenant_info", authorized=False)
            found = str(told["cloudId"]) if isinstance(told, dict) and told.get("cloudId") else None
        else:
            found = _among(
                self._ask(f"{self._settings.gateway_url}/oauth/token/accessible-resources"), self._settings.url
            )
        if found is None:
            reason = f"the consent does not let us into {self._settings.url}: run `stepladder authorize {self._site}`"
            if not self._settings.by_consent:
                reason = f"{self._settings.url} does not say its cloud id: set api_url"
            raise TryLater(reason, after=CREDENTIALS_PATIENCE)
        return found

    def _ask(self, url: str, *, authorized: bool = True) -> Any:
        """Ask once, and once more with a fresh token after a 401."""
        settings = self._settings
        with vendor_session(settings) as session:

            def ask() -> Any:
                if authorized:
                    self.authorize(session)
                self._mine.asked = getattr(self._mine, "asked", 0) + 1
                return session.get(url, timeout=(settings.connect_timeout, settings.read_timeout)).json()

            try:
                try:
                    return ask()
                except VendorAnswer as answer:
                    if answer.status != 401 or not authorized or not self.reject(session):
                        raise
                return ask()
            except (VendorAnswer, requests.RequestException) as error:
                later = not_now(error)
                after = CREDENTIALS_PATIENCE if later is None else later.after
                raise TryLater(f"where the API is could not be found out: {later or error}", after=after) from error


def consent(settings: SiteSettings) -> Consent:
    """Say where a person agrees that we act for them. Raises Refused if these settings ask for no consent."""
    if not isinstance(settings, JiraSettings) or not settings.by_consent:
        raise Refused('nobody has to agree for this site: only client_id with grant = "authorization_code" asks for it')
    mine = settings
    asked = {
        "audience": "api.atlassian.com",
        "client_id": mine.client_id,
        "scope": mine.scope,
        "redirect_uri": mine.redirect_url,
        "response_type": "code",
        "prompt": "consent",
    }

    def buy(code: str) -> Mapping[str, str]:
        now = utc()
        return redeem(mine, _token_url(mine), code, now) | {"ends": (now + _CONSENT_LASTS).isoformat()}

    return Consent(
        address=f"{mine.auth_url}/authorize?{urlencode(asked)}",
        redirect_url=mine.redirect_url,
        scopes={scope: _MEANS.get(scope, "") for scope in mine.scope.split()},
        redeem=buy,
    )


def _among(listed: Any, url: str) -> str | None:
    """Return the cloud id of our site among those that the consent is for."""
    host = urlsplit(url).hostname
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and urlsplit(str(item.get("url"))).hostname == host and item.get("id"):
            return str(item["id"])
    return None


def _token_url(settings: JiraSettings) -> str:
    return f"{settings.auth_url}/oauth/token"
