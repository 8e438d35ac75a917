"""Signatures are compared over the raw bytes, against every secret, and never decoded."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from connectors.signatures import hmac_sha256, knows_secret, signed_base64, signed_hex

OLD, NEW = SecretStr("the old secret"), SecretStr("the new secret")


def test_a_published_vector_is_reproduced() -> None:
    # the WebSub example that the vendor documents: secret, body, hexadecimal digest
    secret, body = SecretStr("It's a Secret to Everybody"), b"Hello World!"
    digest = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert signed_hex(digest, body, [secret])
    assert signed_hex(digest.upper(), body, [secret])


def test_a_secret_that_looks_like_base64_is_used_as_text() -> None:
    secret = SecretStr("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==")
    body = b'{"event":"ticket.updated","id":123}'
    assert signed_base64("S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=", b"2021-03-25T05:09:27Z" + body, [secret])


@pytest.mark.parametrize("signing", [OLD, NEW], ids=["the old one", "the new one"])
def test_during_a_rotation_both_secrets_are_good(signing: SecretStr) -> None:
    assert signed_hex(hmac_sha256(signing, b"body").hex(), b"body", [OLD, NEW])


def test_one_other_byte_makes_a_forgery() -> None:
    claimed = hmac_sha256(OLD, b"body").hex()
    assert not signed_hex(claimed, b"bodY", [OLD, NEW])
    assert not signed_hex(claimed[:-1] + ("0" if claimed[-1] != "0" else "1"), b"body", [OLD])


def test_without_secrets_nothing_is_good() -> None:
    assert not signed_hex(hmac_sha256(OLD, b"").hex(), b"", [])
    assert not signed_base64("", b"", [])
    assert not knows_secret("", [])


def test_text_that_is_not_ascii_is_only_wrong() -> None:
    assert not signed_hex("ünïcode", b"body", [OLD])
    assert not knows_secret("ünïcode", [OLD])
    assert knows_secret("ünïcode", [SecretStr("ünïcode")])
