"""Patience with vendors: one classifier for every answer, and one retry layer that never sends twice blindly.

Both clients retry on their own by default, some of it silently (zenpy re-sends PUTs, jira sleeps up to a minute, both
follow a 302 as if it were success). A session made here does none of that: `judge` runs before they see the answer.
"""

from __future__ import annotations

import http.cookiejar
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import certifi
import requests
import tenacity
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from connectors import barred
from connectors.contract import TryLater
from connectors.limits import Reach, told
from connectors.site import SiteSettings

T = TypeVar("T")

CREDENTIALS_PATIENCE = 300.0
"""Seconds to leave a site alone that does not know us: a person has to act, and log-ins can be locked out."""
_TOO_MANY_PATIENCE = 10.0  # seconds, for a 429 that says nothing of when
_LONG_PATIENCE, _LONG_ATTEMPTS = 60.0, 5
_LOGIN_FAILED = frozenset({"AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"})


class VendorAnswer(Exception):
    """The vendor answered with an error, a redirect or a page for people. Its text never has a body or a header."""

    def __init__(self, response: requests.Response, now: datetime | None = None) -> None:
        super().__init__(f"{response.request.method} {_path(response)} answered {_seen(response)}")
        self.response = response
        self.status = response.status_code
        self.room = told(response.headers, now or datetime.now(UTC))
        self.after = self.room.wait

    def json(self) -> dict[str, Any]:
        """Return the answer's JSON object, or an empty one."""
        try:
            body = self.response.json()
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}


def judge(response: requests.Response, *_: object, **__: object) -> None:
    """Raise VendorAnswer for every redirect, error and page, before a client can follow, sleep, retry or be glad."""
    if response.status_code >= 300 or is_page(response) or login_failed(response):
        _body = response.content  # read to its end, so that the connection can serve again and no socket is left open
        raise VendorAnswer(response)


def is_page(response: requests.Response) -> bool:
    """Say whether a page for people came where an answer was expected: a log-in, a proxy, a maintenance."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") and bool(response.content)


def login_failed(response: requests.Response) -> bool:
    """Say whether Jira did not take our log-in and served us as if nobody were logged in, which it may do with 200.

    The header is Seraph's, the log-in of Atlassian's servers.
    """
    return response.headers.get("X-Seraph-LoginReason", "").strip() in _LOGIN_FAILED


def _path(response: requests.Response) -> str:
    return str(response.request.path_url).partition("?")[0]  # what was searched for is nobody's business


def _seen(response: requests.Response) -> str:
    if response.status_code < 300:
        return f"{response.status_code}, but {'refused the log-in' if login_failed(response) else 'with a web page'}"
    return str(response.status_code)


def vendor_session(settings: SiteSettings, sent: Callable[[], None] = lambda: None) -> requests.Session:
    """Make a session that follows nothing, keeps no cookies, reads no ~/.netrc and retries nothing.

    `sent` is called for every request that may have reached the vendor, whether or not an answer came.
    """
    session = requests.Session()
    harden(session, settings, sent)
    return session


def harden(session: requests.Session, settings: SiteSettings, sent: Callable[[], None] = lambda: None) -> None:
    """Take from a session what could lose or double a write (see `vendor_session`)."""
    session.hooks["response"] = [judge]
    session.max_redirects = 0
    session.trust_env = False
    session.verify = str(settings.ca_bundle) if settings.ca_bundle else True
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Trusting(_trust(str(settings.ca_bundle or certifi.where())), sent)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


class _Plain(HTTPConnection):
    """A connection that nobody can lead astray; it is spoken on loopback only."""

    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _Secure(HTTPSConnection):
    """The same, with TLS."""

    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


def _checked(connection: HTTPConnection, opened: socket.socket) -> socket.socket:
    try:
        barred.check(opened, connection.host)
    except barred.Barred as error:
        raise NewConnectionError(connection, str(error)) from error
    return opened


class _Trusting(requests.adapters.HTTPAdapter):
    """Gives every connection one TLS context; requests would read all certificates again for each, 15 ms and 0.7 MB."""

    def __init__(self, context: ssl.SSLContext, sent: Callable[[], None]) -> None:
        self._context = context
        self._sent = sent
        super().__init__(max_retries=0, pool_maxsize=1)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def send(self, *request: Any, **how: Any) -> requests.Response:
        """Send a request and count it, unless no connection was made."""
        try:
            answer = super().send(*request, **how)
        except requests.RequestException as error:
            if not _never_sent(error):
                self._sent()
            raise
        self._sent()
        return answer

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave it to the context, which asks for a certificate and for the host's name in it."""


@lru_cache
def _trust(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


def not_now(error: Exception) -> TryLater | None:
    """Say whether this failure is about the moment and not about the request; None if it is the request's fault."""
    if isinstance(error, VendorAnswer):
        return _answer_not_now(error)
    if isinstance(error, requests.RequestException):
        if _never_sent(error):
            return TryLater(_no_connection(error), after=0.2)
        return TryLater(f"the vendor's answer did not arrive ({type(error).__name__})", sent=True)
    return None


def _no_connection(error: requests.RequestException) -> str:
    host = urlsplit(str(error.request.url if error.request is not None else "")).netloc or "the vendor"
    if isinstance(error, requests.exceptions.SSLError):
        cure = "its certificate is not trusted; if an authority of your own signs there, name its file as ca_bundle"
    else:
        cure = "check the site's url, and whether this machine gets out"
    return f"no connection to {host} ({type(error).__name__}): {cure}"


def _answer_not_now(answer: VendorAnswer) -> TryLater | None:
    if answer.status == 429:
        after = _TOO_MANY_PATIENCE if answer.after is None else answer.after
        return TryLater(str(answer), after=after, site_wide=answer.room.reach >= Reach.WRITES)
    if answer.status == 503:
        return TryLater(str(answer), after=answer.after)
    if answer.status < 300 and not login_failed(answer.response):
        return TryLater(f"{answer}: check the site's address", after=answer.after, sent=True)
    if answer.status in (500, 502, 504):
        return TryLater(str(answer), after=answer.after, sent=True)
    if answer.status == 401 or answer.status < 400:
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


def at_length(attempt: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """Try up to five times within a minute, for set-up and examination, where a person waits and no ticket does.

    What may have been carried out is never sent again, and a longer wait than is left of the minute ends it at once.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, TryLater) and not error.sent),
        wait=_as_asked,
        stop=lambda state: state.attempt_number >= _LONG_ATTEMPTS or _too_long(state),
        sleep=sleep,
        reraise=True,
    )(attempt)


_BY_ITSELF = tenacity.wait_exponential_jitter(initial=1, max=20)


def _as_asked(state: tenacity.RetryCallState) -> float:
    asked = getattr(state.outcome and state.outcome.exception(), "after", None)
    return _BY_ITSELF(state) if asked is None else float(asked)


def _too_long(state: tenacity.RetryCallState) -> bool:
    spent = max(state.idle_for, state.seconds_since_start or 0.0)
    return spent + state.upcoming_sleep > _LONG_PATIENCE
