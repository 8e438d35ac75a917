"""Patience with vendors: one classifier for every answer, and one retry layer that never sends twice blindly.

Both clients retry on their own by default, some of it silently (zenpy re-sends PUTs, jira sleeps up to a minute, both
follow a 302 as if it were success). A session made here does none of that: `judge` runs before they see the answer.
"""

from __future__ import annotations

import email.utils
import http.cookiejar
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import certifi
import requests
import tenacity
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from connectors.contract import SiteSettings, TryLater

T = TypeVar("T")

CREDENTIALS_PATIENCE = 300.0
"""Seconds to leave a site alone that does not know us: a person has to act, and log-ins can be locked out."""


class VendorAnswer(Exception):
    """The vendor answered with an error or a redirect. Its text names status and address, never a body or a header."""

    def __init__(self, response: requests.Response, now: datetime | None = None) -> None:
        super().__init__(f"{response.request.method} {response.request.path_url} answered {response.status_code}")
        self.response = response
        self.status = response.status_code
        self.after = retry_after(response.headers.get("Retry-After"), now or datetime.now(UTC))

    def json(self) -> dict[str, Any]:
        """Return the answer's JSON object, or an empty one."""
        try:
            body = self.response.json()
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}


def judge(response: requests.Response, *_: object, **__: object) -> None:
    """Raise VendorAnswer for every redirect and error, before a client can follow, sleep or retry."""
    if response.is_redirect or response.status_code >= 300:
        _body = response.content  # read to its end, so that the connection can serve again and no socket is left open
        raise VendorAnswer(response)


def vendor_session(settings: SiteSettings) -> requests.Session:
    """Make a session that follows nothing, keeps no cookies, reads no ~/.netrc and retries nothing."""
    session = requests.Session()
    harden(session, settings)
    return session


def harden(session: requests.Session, settings: SiteSettings) -> None:
    """Take from a session what could lose or double a write (see `vendor_session`)."""
    session.hooks["response"] = [judge]
    session.max_redirects = 0
    session.trust_env = False
    session.verify = str(settings.ca_bundle) if settings.ca_bundle else True
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Trusting(_trust(str(settings.ca_bundle or certifi.where())))
    session.mount("https://", adapter)
    session.mount("http://", adapter)


class _Trusting(requests.adapters.HTTPAdapter):
    """Gives every connection one TLS context; requests would read all certificates again for each, 15 ms and 0.7 MB."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0, pool_maxsize=1)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave it to the context, which asks for a certificate and for the host's name in it."""


@lru_cache
def _trust(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds, decimals or an HTTP date; None if it is missing or means nothing."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(header) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def not_now(error: Exception) -> TryLater | None:
    """Say whether this failure is about the moment and not about the request; None if it is the request's fault."""
    if isinstance(error, VendorAnswer):
        return _answer_not_now(error)
    if isinstance(error, requests.RequestException):
        if _never_sent(error):
            return TryLater(f"no connection to the vendor ({type(error).__name__})", after=0.2)
        return TryLater(f"the vendor's answer did not arrive ({type(error).__name__})", sent=True)
    return None


def _answer_not_now(answer: VendorAnswer) -> TryLater | None:
    if answer.status in (429, 503):
        return TryLater(str(answer), after=answer.after)
    if answer.status in (500, 502, 504):
        return TryLater(str(answer), after=answer.after, sent=True)
    if answer.status == 401 or 300 <= answer.status < 400:
        return TryLater(f"{answer}: check the site's address and credentials", after=CREDENTIALS_PATIENCE)
    return None


def _never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | NameResolutionError)


def _try_at_once(error: BaseException) -> bool:
    return isinstance(error, TryLater) and not error.sent and error.after is not None and error.after < 1


def patiently(attempt: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """Try at most twice within two seconds, and only if nothing was sent or the vendor said `again at once`.

    Longer patience is the durable layer's: the ticket is freed and looked at again (decision 16).
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_try_at_once),
        wait=lambda state: float(getattr(state.outcome and state.outcome.exception(), "after", None) or 0),
        stop=tenacity.stop_before_delay(2) | tenacity.stop_after_attempt(2),
        sleep=sleep,
        reraise=True,
    )(attempt)
