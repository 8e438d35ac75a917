"""OAuth as both vendors speak it: what the settings say, and what is asked of the address that gives tokens.

It never shows a token, and opens no door of its own: a person's consent comes in through `stepladder authorize`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from pydantic import Field, SecretStr, field_validator

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now, vendor_session
from connectors.contract import Refused, TryLater
from connectors.site import SiteSettings, bare, on_loopback

_USUAL_LIFE = 1800.0  # seconds, if the answer does not say
_LONGEST_LIFE = 10 * 366 * 86400.0  # seconds; nobody means more, and the calendar ends somewhere


class OAuthSettings(SiteSettings):
    """What a site's settings say about an OAuth client, at either vendor."""

    client_id: str | None = Field(default=None, description="OAuth client's unique identifier")
    client_secret: SecretStr | None = Field(default=None, description="That OAuth client's secret")
    grant: Literal["client_credentials", "authorization_code"] = Field(
        default="client_credentials",
        description="client_credentials: the client is an account; authorization_code: a person agrees once, by "
        "`stepladder authorize`",
    )
    redirect_url: str = Field(
        default="https://localhost/stepladder",
        description="Address that is registered with the OAuth client; nothing needs to listen there",
    )

    @field_validator("redirect_url")
    @classmethod
    def _registrable(cls, url: str) -> str:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and on_loopback(parts.hostname or ""))
        if not safe or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"redirect_url expected https://… (http:// on loopback), as registered, got {bare(url)!r}")
        return url

    @property
    def by_consent(self) -> bool:
        """A person has to agree once, and then a refresh token carries on."""
        return bool(self.client_id) and self.grant == "authorization_code"


def one_way(ways: Mapping[str, tuple[object, ...]]) -> None:
    """Raise ValueError unless exactly one of these ways to prove oneself is given, and whole.

    A way is named by its settings: `email and token`.
    """
    named = {way: dict(zip(way.split(" and "), needed, strict=True)) for way, needed in ways.items()}
    begun = [[name for name, given in settings.items() if given] for settings in named.values()]
    if not any(begun):
        raise ValueError(f"expected exactly one way to authenticate: {', or '.join(ways)}; got none of them")
    if sum(map(bool, begun)) > 1:
        got = " and ".join(name for there in begun for name in there)
        raise ValueError(f"expected exactly one way to authenticate, got several: {got}; take out what is not needed")
    settings = next(settings for settings in named.values() if any(settings.values()))
    missing = [name for name, given in settings.items() if not given]
    if missing:
        there = " and ".join(name for name, given in settings.items() if given)
        raise ValueError(f"expected {' and '.join(missing)} beside {there}, got a way to authenticate not complete")


# --- the token's own address -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a token's address gave: a token, the seconds that it lives, and what renews it; one of them at least."""

    access: str | None
    life: float
    refresh: str | None
    refresh_life: float | None


class InvalidGrant(TryLater):
    """The vendor no longer takes the code or the refresh token; only a person can mend that."""


def ask_token(settings: OAuthSettings, url: str, wanted: Mapping[str, Any]) -> Granted:
    """Ask a token's address once. Raises InvalidGrant, or TryLater with what to check; no text holds a secret."""
    mine = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value() if settings.client_secret else None,
    }
    path = urlsplit(url).path
    try:
        with vendor_session(settings) as session:
            timeout = (settings.connect_timeout, settings.read_timeout)
            answer = session.post(url, json={**wanted, **mine}, timeout=timeout).json()
        return _granted(answer)
    except VendorAnswer as error:
        raise _no_token(error) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TryLater(f"no access token in the answer of {path}", after=CREDENTIALS_PATIENCE) from error
    except requests.RequestException as error:
        later = not_now(error)
        raise TryLater(f"no token: {later}", after=later.after if later else None) from error


def _granted(answer: Mapping[str, Any]) -> Granted:
    """Read an answer. What is odd in it counts as unsaid: the refresh token that it renewed must not get lost."""
    access, refresh = _word(answer.get("access_token")), _word(answer.get("refresh_token"))
    if access is None and refresh is None:
        raise ValueError("expected a token, got none")
    return Granted(
        access=access,
        life=_seconds(answer.get("expires_in")) or _USUAL_LIFE,
        refresh=refresh,
        refresh_life=_seconds(answer.get("refresh_token_expires_in")),
    )


def _word(said: object) -> str | None:
    """Return a token; None for anything that could not be sent in a header."""
    return said if isinstance(said, str) and re.fullmatch(r"[!-~]+", said) else None


def _seconds(said: object) -> float | None:
    """Return a length of time; None if none is said that makes sense."""
    try:
        seconds = float(said) if isinstance(said, int | float | str) and not isinstance(said, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= _LONGEST_LIFE else None


def _no_token(error: VendorAnswer) -> TryLater:
    said = error.json()
    # Atlassian documents invalid_grant, and answers unauthorized_client where the refresh token is meant
    if said.get("error") == "invalid_grant" or "refresh_token" in str(said.get("error_description")):
        return InvalidGrant(f"{error}: it is not taken any more", after=CREDENTIALS_PATIENCE)
    if error.status in (404, 405, 410):
        return TryLater(f"{error}: nobody gives tokens there; check the site's url", after=CREDENTIALS_PATIENCE)
    later = not_now(error)
    if later is None or error.status == 401:
        return TryLater(f"{error}: check client_id, client_secret and scope", after=CREDENTIALS_PATIENCE)
    return TryLater(str(later), after=later.after)  # asking for a token changed nothing at a ticket


def to_keep(granted: Granted, settings: OAuthSettings, now: datetime) -> dict[str, str]:
    """Return what must outlive this process, as the keeper keeps it."""
    kept = {
        "client_id": settings.client_id or "",
        "access_token": granted.access or "",
        "until": (now + timedelta(seconds=granted.life)).isoformat(),
        "refresh_token": granted.refresh or "",
    }
    if granted.refresh_life:
        kept["refresh_until"] = (now + timedelta(seconds=granted.refresh_life)).isoformat()
    return kept


def redeem(settings: OAuthSettings, url: str, code: str, now: datetime) -> dict[str, str]:
    """Buy tokens with the code of a person's consent; return what is to be kept. Raises TryLater or Refused."""
    wanted = {"grant_type": "authorization_code", "code": code, "redirect_uri": settings.redirect_url}
    try:
        granted = ask_token(settings, url, wanted)
    except InvalidGrant as error:
        raise Refused(f"{error}: a code is good once, and for some minutes only; start again") from error
    if granted.refresh is None:
        raise Refused("the vendor gave an access token, but no refresh token to go on with: check the scopes")
    return to_keep(granted, settings, now)
