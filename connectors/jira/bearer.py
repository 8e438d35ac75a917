"""The token that webhooks of an OAuth 2.0 app carry: a JWT signed with the app's client secret, by HS256 only. Pure.

Such webhooks have no other signature. The token proves the sender and a time, not the body
(https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/ has the query's hash).
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from pydantic import SecretStr

from connectors.contract import BadSignature, Delivery, TryLater
from connectors.jira.values import moment

_LEEWAY = timedelta(minutes=2)  # between Atlassian's clock and ours
_ANY_QUERY = "context-qsh"
_SKEW_PATIENCE = 30.0
_NO_TIME = 1e12  # seconds; years have four digits


def is_app_token(header: str) -> bool:
    """Say whether an Authorization header holds a JWT: three parts with dots between them."""
    scheme, _, token = header.partition(" ")
    return scheme.lower() in ("bearer", "jwt") and token.strip().count(".") == 2


def proves(header: str, secret: SecretStr, delivery: Delivery, now: datetime) -> None:
    """Raise BadSignature unless the app's secret signed the token, for this address and not long ago.

    TryLater if it is well signed and its time is not ours: one of the clocks is off.
    """
    claims = _claims(header.partition(" ")[2].strip(), secret)
    issued, ends = (_moment(claims.get(name)) for name in ("iat", "exp"))
    if ends is None:
        raise BadSignature("expected a token that says when it ends (exp), got one without")
    if claims.get("qsh") not in (None, _ANY_QUERY, query_hash(delivery)):
        raise BadSignature("the token was made for another address (qsh)")
    if now - _LEEWAY > ends or (issued is not None and now + _LEEWAY < issued):  # theirs may be the last of all times
        raise TryLater("the token's time is past or to come: compare the clocks", after=_SKEW_PATIENCE)


def query_hash(delivery: Delivery) -> str:
    """Return Atlassian's hash of the request: method, path and sorted query."""
    pairs = sorted(parse_qsl(delivery.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs if name != "jwt")
    return hashlib.sha256(f"POST&/webhooks/{delivery.vendor}/{delivery.site}&{query}".encode()).hexdigest()


def _claims(token: str, secret: SecretStr) -> dict[str, Any]:
    import jwt  # it takes a while, and few sites need it

    by_its_clock = ("verify_exp", "verify_iat", "verify_nbf", "verify_aud")  # we have one of our own
    options: Any = dict.fromkeys(by_its_clock, False)
    try:
        return dict(jwt.decode(token, secret.get_secret_value(), algorithms=["HS256"], options=options))
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadSignature("Authorization holds a token that client_secret did not sign with HS256") from None


def _moment(claim: object) -> datetime | None:
    """Read seconds since 1970, which may have a fraction (RFC 7519, NumericDate); None if they are no time."""
    if not isinstance(claim, int | float) or isinstance(claim, bool):
        return None
    return moment(int(claim * 1000)) if abs(claim) < _NO_TIME else None  # what is no number is not below
