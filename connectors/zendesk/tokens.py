"""How we prove ourselves to Zendesk: OAuth by a client's credentials or a person's consent, a token made by hand, or an
API token while those last. It never writes one down itself, and never shows one.

https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast
from urllib.parse import urlencode

import requests

from connectors.access import Access, Proofs, utc
from connectors.contract import Keeper, Refused
from connectors.oauth import redeem
from connectors.site import Site, SiteSettings
from connectors.upkeep import Consent
from connectors.zendesk.settings import ZendeskSettings

_MEANS = {
    "read": "reads tickets, their history, users, groups and fields",
    "write": "writes notes, fields, assignment and followers to tickets",
    "tickets:read": "reads tickets, but not their history: `read` is needed to find a lost write again",
    "tickets:write": "writes to tickets",
}


class Tokens(Proofs):
    """The `Authorization` of every request, kept fresh for all threads."""

    def __init__(
        self, site: Site, keeper: Keeper, clock: Callable[[], float], now: Callable[[], datetime] = utc
    ) -> None:
        self._settings = cast(ZendeskSettings, site.settings)
        settings, url = self._settings, _token_url(self._settings)
        super().__init__(
            Access(site.name, settings, url, settings.scope, keeper, clock, now) if settings.client_id else None
        )

    def _authorize_by_hand(self, session: requests.Session) -> None:
        settings = self._settings
        if settings.oauth_token is not None:
            session.headers["Authorization"] = f"Bearer {settings.oauth_token.get_secret_value()}"
        elif settings.token is not None:
            session.auth = (f"{settings.email}/token", settings.token.get_secret_value())


def consent(settings: SiteSettings) -> Consent:
    """Say where a person agrees that we act for them. Raises Refused if these settings ask for no consent."""
    mine = cast(ZendeskSettings, settings)
    if not mine.by_consent:
        raise Refused('nobody has to agree for this site: only client_id with grant = "authorization_code" asks for it')
    asked = {
        "response_type": "code",
        "client_id": mine.client_id,
        "redirect_uri": mine.redirect_url,
        "scope": mine.scope,
    }

    def buy(code: str) -> Mapping[str, str]:
        return redeem(mine, _token_url(mine), code, utc())

    return Consent(
        address=f"{mine.url}/oauth/authorizations/new?{urlencode(asked)}",
        redirect_url=mine.redirect_url,
        scopes={scope: _MEANS.get(scope, "") for scope in mine.scope.split()},
        redeem=buy,
    )


def _token_url(settings: ZendeskSettings) -> str:
    return f"{settings.url}/oauth/tokens"
