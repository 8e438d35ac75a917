"""Who asks the pretend Zendesk: OAuth tokens of every kind, API tokens, and what a role and a scope allow."""

from __future__ import annotations

import base64
import binascii
import secrets as random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from connectors.zendesk.pretend_refusals import FORBIDDEN, Refusal, no_scope
from connectors.zendesk.records import ADMIN, OURS, Person

CLIENT = "stepladder"
_REFRESH_LIFE = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token: whose it is, what it allows, until when, and the refresh token that came with it."""

    value: str
    person: int
    scopes: frozenset[str]
    ends: datetime | None = None
    refresh: str | None = None


class Access:
    """The account's credentials. `life`: seconds that an access token lives."""

    def __init__(self, people: Mapping[int, Person], clock: Callable[[], datetime], client_secret: str) -> None:
        self._people, self._clock, self._client_secret = people, clock, client_secret
        self.life = 1800
        self.admin_secret = random.token_hex(20)
        self._tokens: dict[str, Token] = {}
        self._codes: dict[str, tuple[str, str]] = {}  # code → redirect address, scope

    def who(self, authorization: str) -> tuple[Person, Token] | None:
        """Return whose request this is, and by which token."""
        kind, _, claimed = authorization.partition(" ")
        token = self._tokens.get(claimed) if kind == "Bearer" else None
        if kind == "Basic":
            token = self._basic(claimed)
        elif claimed == self.admin_secret:
            token = Token(value=claimed, person=ADMIN, scopes=frozenset({"read", "write"}))
        if token is None or (token.ends is not None and self._clock() >= token.ends):
            return None
        person = self._people[token.person]
        return None if person.suspended or not person.active else (person, token)

    def expire(self, authorization: str) -> None:
        """Let the token of a request die; what it can be renewed with lives on."""
        self._end(self._tokens.get(authorization.removeprefix("Bearer ")))

    def forget(self) -> None:
        """Let every access token die at once, as a revocation does; refresh tokens stay."""
        for token in list(self._tokens.values()):
            self._end(token)

    def _end(self, token: Token | None) -> None:
        if token is not None:
            self._tokens[token.value] = replace(token, ends=self._clock())

    def consent(self, scopes: str, redirect_uri: str) -> str:
        """Let our account allow the OAuth client what it asks for; return the code for it, good once."""
        code = random.token_hex(12)
        self._codes[code] = (redirect_uri, scopes)
        return code

    def agreed(self, query: Mapping[str, str]) -> str:
        """Return where a person's browser is sent who lets us act for them."""
        code = self.consent(query.get("scope", "read"), query["redirect_uri"])
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query.get('state', '')})}"

    def grant(self, said: Mapping[str, Any]) -> Refusal:
        """Answer a request for an access token. A code buys once; a refresh token dies with the token it renews."""
        if (said.get("client_id"), said.get("client_secret")) != (CLIENT, self._client_secret):
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
        kind = said.get("grant_type")
        if kind == "client_credentials":
            return 200, self._made(str(said.get("scope") or "read"), said, refreshes=False)
        if kind == "authorization_code":
            address, scope = self._codes.pop(str(said.get("code")), (None, ""))
            if address is not None and address == said.get("redirect_uri"):
                return 200, self._made(scope, said, refreshes=True)
        if kind == "refresh_token":
            old = next((one for one in self._tokens.values() if one.refresh == said.get("refresh_token")), None)
            if old is not None and old.refresh:
                del self._tokens[old.value]
                return 200, self._made(" ".join(sorted(old.scopes)), said, refreshes=True)
        words = "The provided authorization grant is invalid, expired, revoked, or was issued to another client."
        return 400, {"error": "invalid_grant", "error_description": words}

    def shown(self, token: Token) -> dict[str, Any]:
        """Show a token as the API does, without itself."""
        ends = token.ends.strftime("%Y-%m-%dT%H:%M:%SZ") if token.ends else None
        return {
            "id": 3001, "user_id": token.person, "client_id": 1, "scopes": sorted(token.scopes), "expires_at": ends,
            "created_at": "2026-11-22T00:00:00Z", "used_at": "2026-11-22T00:00:00Z", "token": token.value[:10],
        }  # fmt: skip

    def _made(self, scope: str, said: Mapping[str, Any], *, refreshes: bool) -> dict[str, Any]:
        life = int(said.get("expires_in") or self.life)
        token = Token(
            value=random.token_hex(20),
            person=OURS,
            scopes=frozenset(scope.split()),
            ends=self._clock() + timedelta(seconds=life),
            refresh=random.token_hex(20) if refreshes else None,
        )
        self._tokens[token.value] = token
        made = {"access_token": token.value, "token_type": "bearer", "scope": scope, "expires_in": life}
        renewal = {"refresh_token": token.refresh, "refresh_token_expires_in": _REFRESH_LIFE}
        return made | (renewal if token.refresh else {})

    def _basic(self, claimed: str) -> Token | None:
        try:
            name, _, secret = base64.b64decode(claimed).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        right = name == f"{self._people[ADMIN].email}/token" and secret == self.admin_secret
        return Token(value=secret, person=ADMIN, scopes=frozenset({"read", "write"})) if right else None


def refused(person: Person, token: Token, method: str, resource: str, *, admins: bool) -> Refusal | None:
    """Return how Zendesk refuses a request for which a role or a scope is missing, if it does."""
    scope = "read" if method == "GET" else "write"
    exact = resource != "audits"  # audits need the whole scope
    if scope not in token.scopes and not (exact and f"{resource}:{scope}" in token.scopes):
        return no_scope(scope)
    return FORBIDDEN if admins and person.role != "admin" else None
