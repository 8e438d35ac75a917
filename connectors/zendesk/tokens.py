"""How we prove ourselves to Zendesk: OAuth client credentials, a token made by hand, or an API token while those last.

It keeps one access token for all threads, fetches the next one in time, and never writes one down.
https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import requests

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now, vendor_session
from connectors.contract import TryLater
from connectors.zendesk.settings import ZendeskSettings

_USUAL_LIFE = 1800.0  # seconds; what a new OAuth client gets if the answer does not say
_MARGIN = 60.0


class Tokens:
    """The `Authorization` of every request, kept fresh."""

    def __init__(self, settings: ZendeskSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def authorize(self, session: requests.Session) -> None:
        """Put the credentials of this moment on a session."""
        if self._settings.token is not None:
            session.auth = (f"{self._settings.email}/token", self._settings.token.get_secret_value())
        else:
            session.headers["Authorization"] = f"Bearer {self.current()}"

    def current(self) -> str:
        """Return an access token that still lives for a while."""
        if self._settings.oauth_token is not None:
            return self._settings.oauth_token.get_secret_value()
        with self._lock:
            if self._token is None or self._clock() >= self._until:
                self._token, life = self._fetch()
                self._until = self._clock() + max(life - _MARGIN, life / 2)
            return self._token

    def reject(self, session: requests.Session) -> bool:
        """Hear that Zendesk did not accept this session's token; say whether a fresh one can be had."""
        if self._settings.client_secret is None:
            return False
        with self._lock:
            if session.headers.get("Authorization") == f"Bearer {self._token}":
                self._token = None
        return True

    def _fetch(self) -> tuple[str, float]:
        settings = self._settings
        wanted = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value() if settings.client_secret else None,
            "scope": settings.scope,
        }
        try:
            with vendor_session(settings) as session:
                timeout = (settings.connect_timeout, settings.read_timeout)
                answer = session.post(f"{settings.url}/oauth/tokens", json=wanted, timeout=timeout).json()
            token, life = answer["access_token"], float(answer.get("expires_in") or _USUAL_LIFE)
        except (VendorAnswer, requests.RequestException) as error:
            raise _no_token(error) from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise TryLater("no access token in the answer of /oauth/tokens", after=CREDENTIALS_PATIENCE) from error
        return str(token), life


def _no_token(error: VendorAnswer | requests.RequestException) -> TryLater:
    later = not_now(error)
    if later is None:
        return TryLater(f"{error}: check client_id, client_secret and scope", after=CREDENTIALS_PATIENCE)
    return TryLater(str(later), after=later.after)  # asking for a token changed nothing at a ticket
