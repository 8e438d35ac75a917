"""Comparing what the sender claims with what only the sender can know: constant time, against several secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

from pydantic import SecretStr


def hmac_sha256(secret: SecretStr, message: bytes) -> bytes:
    """Return the raw HMAC-SHA256 of `message`; the secret's text is the key, never decoded."""
    return hmac.new(secret.get_secret_value().encode(), message, hashlib.sha256).digest()


def signed_base64(claimed: str, message: bytes, secrets: Iterable[SecretStr]) -> bool:
    """Say whether any secret gives the claimed base64 signature."""
    return _any_equal(claimed, (base64.b64encode(hmac_sha256(s, message)).decode() for s in secrets))


def signed_hex(claimed: str, message: bytes, secrets: Iterable[SecretStr]) -> bool:
    """Say whether any secret gives the claimed hexadecimal signature."""
    return _any_equal(claimed.lower(), (hmac_sha256(s, message).hex() for s in secrets))


def knows_secret(claimed: str, secrets: Iterable[SecretStr]) -> bool:
    """Say whether the claimed text is one of the secrets."""
    return _any_equal(claimed, (s.get_secret_value() for s in secrets))


def _any_equal(claimed: str, expected: Iterable[str]) -> bool:
    # every candidate is compared, so that the time taken does not tell which secret matched
    results = [hmac.compare_digest(claimed.encode(), candidate.encode()) for candidate in expected]
    return any(results)
