"""Who comes in at the pretend Jira: tokens of people, tokens with scopes, OAuth. It hands tokens out and takes them.

Made afresh for each sandbox; nothing of it is a secret of anybody.
"""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.jira.pretend_links import No
from connectors.jira.records import ADMIN, OURS

EMAILS = {OURS: "stepladder@example.com", ADMIN: "ada@example.com"}
SCOPES = frozenset(
    {"read:jira-work", "write:jira-work", "read:jira-user", "manage:jira-configuration", "manage:jira-webhook"}
    | {"read:servicedesk-request", "write:servicedesk-request", "manage:servicedesk-customer", "offline_access"}
)
LIFE = 3_600  # seconds of an OAuth access token


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks. `scopes` is None where the token may do whatever the person may; `app` is the OAuth app's id."""

    who: str
    scopes: frozenset[str] | None = None
    app: str | None = None


@dataclass(slots=True, kw_only=True)
class _Token:
    visitor: Visitor
    dies: datetime | None = None


class Doors:
    """The ways into one site. `life` is how long OAuth's access tokens live, in seconds."""

    def __init__(self, cloud: bool, clock: Callable[[], datetime]) -> None:
        self.cloud_id = "11111111-2222-4333-8444-555555555555"
        self.life = LIFE
        self.client = {"client_id": f"app-{random.token_hex(4)}", "client_secret": random.token_hex(16)}
        self._cloud, self._clock = cloud, clock
        self._words = {who: random.token_hex(16) for who in EMAILS}
        self._scoped: dict[str, Visitor] = {}
        self._access: dict[str, _Token] = {}
        self._refresh: dict[str, Visitor] = {}
        self._codes: dict[str, tuple[str, frozenset[str]]] = {}

    def word(self, who: str) -> str:
        """Return a person's token: the API token on Cloud, the personal access token on Data Center."""
        return self._words[who]

    def scoped(self, scopes: frozenset[str], who: str = OURS) -> str:
        """Make an API token that may do only some things, and only at the gateway."""
        word = random.token_hex(16)
        self._scoped[word] = Visitor(who=who, scopes=scopes)
        return word

    def visitor(self, claim: str, gateway: bool) -> Visitor | None:
        """Return who comes with this Authorization header, at the site's own address or at the gateway."""
        kind, _, word = claim.partition(" ")
        if kind == "Basic":
            name, _, word = _unpacked(word).partition(":")
            if gateway and word in self._scoped:
                return self._scoped[word]
            names = EMAILS if self._cloud else {who: who for who in EMAILS}
            people = [who for who, spelled in names.items() if spelled == name and self._words[who] == word]
            return Visitor(who=people[0]) if people and not gateway else None
        if not self._cloud:
            people = [who for who, known in self._words.items() if known == word]
            return Visitor(who=people[0]) if kind == "Bearer" and people else None
        return self._bearer(word) if kind == "Bearer" and gateway else None

    def _bearer(self, word: str) -> Visitor | None:
        if word in self._scoped:
            return self._scoped[word]
        token = self._access.get(word)
        return token.visitor if token and (token.dies is None or token.dies > self._clock()) else None

    def expire(self, claim: str) -> None:
        """Let the token in this header die."""
        word = claim.partition(" ")[2]
        self._access.pop(word, None)
        self._scoped.pop(_unpacked(word).partition(":")[2], None)

    def forget(self) -> None:
        """Let every access token of the OAuth app die at once; its refresh tokens live on."""
        self._access.clear()

    # --- OAuth 2.0 (3LO) ---------------------------------------------------------------------------------
    def consent(self, scopes: str, redirect_uri: str) -> str:
        """Let our account allow the app what it asks for; return the code for it, good once."""
        code = random.token_hex(12)
        self._codes[code] = (redirect_uri, frozenset(scopes.split()))
        return code

    def exchange(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give tokens for a code or a refresh token; a refresh token is good once, its successor comes with them."""
        known = {key: body.get(key) for key in self.client}
        if known != self.client:
            raise _refused(401, "access_denied", "Unauthorized")
        if body.get("grant_type") == "authorization_code":
            redirect, scopes = self._codes.pop(str(body.get("code")), ("", frozenset()))
            if not redirect or redirect != body.get("redirect_uri"):
                raise _refused(403, "invalid_grant", "Invalid authorization code")
            return self._tokens(Visitor(who=OURS, scopes=scopes, app=self.client["client_id"]))
        if body.get("grant_type") == "client_credentials":  # a service account's
            return self._tokens(Visitor(who=OURS, scopes=SCOPES - {"offline_access"}))
        if body.get("grant_type") == "refresh_token":
            visitor = self._refresh.pop(str(body.get("refresh_token")), None)
            if visitor is None:
                raise _refused(403, "unauthorized_client", "refresh_token is invalid")
            return self._tokens(visitor)
        raise _refused(400, "unsupported_grant_type", "Unsupported grant type")

    def _tokens(self, visitor: Visitor) -> dict[str, Any]:
        access, scopes = random.token_hex(24), visitor.scopes or frozenset()
        self._access[access] = _Token(visitor=visitor, dies=self._clock() + timedelta(seconds=self.life))
        told: dict[str, Any] = {"access_token": access, "expires_in": self.life, "token_type": "Bearer"}
        told["scope"] = " ".join(sorted(scopes))
        if "offline_access" in scopes:
            refresh = random.token_hex(24)
            self._refresh[refresh] = visitor
            told["refresh_token"] = refresh
        return told


def scope_for(method: str, path: str) -> str | None:
    """Return the classic scope that a request needs; None where no scope opens the door."""
    if path.startswith("/rest/servicedeskapi/"):
        return "read:servicedesk-request" if method == "GET" else "write:servicedesk-request"
    rest = path.removeprefix("/rest/api/").partition("/")[2]
    if path.startswith("/rest/api/"):
        if rest.startswith("webhook"):
            return "manage:jira-webhook"
        if rest.startswith("field") and method != "GET":
            return "manage:jira-configuration"
        if rest.startswith(("myself", "user")):
            return "read:jira-user"
        return "read:jira-work" if method == "GET" or rest.startswith("search") else "write:jira-work"
    return None


def _unpacked(word: str) -> str:
    try:
        return base64.b64decode(word).decode()
    except ValueError:
        return ""


def _refused(status: int, error: str, description: str) -> No:
    no = No(status)
    no.body = {"error": error, "error_description": description}
    return no
