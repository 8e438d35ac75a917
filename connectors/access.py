"""One access token for all threads of a site, renewed before it ends; and a refresh token that is not lost on the way.

Other processes may renew the same token: what the keeper has is the truth, and nothing of it is ever shown.
"""

from __future__ import annotations

import logging
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import requests

from connectors.calls import CREDENTIALS_PATIENCE
from connectors.contract import Keeper, TryLater
from connectors.endings import moment_in
from connectors.oauth import Granted, InvalidGrant, OAuthSettings, ask_token, to_keep

_MARGIN = 60.0  # seconds before its end in which a token is no longer used
_SPREAD = 30.0  # seconds over which several processes spread their renewals
_TURN = 2.0  # seconds until another process has renewed what it shares with us
_log = logging.getLogger("stepladder.oauth")


class Access:
    """One access token for all threads, renewed before it ends. With consent it is shared with other processes.

    `clock`: seconds that never go back; `now`: the time of day, for what is kept on the disk.
    """

    def __init__(
        self,
        site: str,
        settings: OAuthSettings,
        url: str,
        scope: str,
        keeper: Keeper,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._site, self._settings, self._url, self._scope = site, settings, url, scope
        self._keeper, self._clock, self._now, self._spread = keeper, clock, now, spread
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._token: str | None = None
        self._until = 0.0
        self._dead: str | None = None  # a token that the vendor did not take
        self._failed: tuple[float, TryLater] | None = None
        self._unkept: tuple[str, Mapping[str, str]] | None = None  # in place of which refresh token, and what

    @property
    def asked(self) -> int:
        """How many requests for tokens this thread has sent."""
        return getattr(self._mine, "asked", 0)

    def current(self) -> str:
        """Return an access token that lives for a while yet. Raises TryLater."""
        with self._lock:
            self._keep()
            if self._token is None or self._clock() >= self._until:
                self._token, self._failed = self._renew(), None
            return self._token

    def reject(self, token: str) -> None:
        """Hear that the vendor did not take this token; unless another one came meanwhile, the next is fetched."""
        with self._lock:
            if token == self._token:
                self._token, self._dead = None, token

    def _renew(self) -> str:
        if self._failed is not None and self._clock() < self._failed[0]:
            raise TryLater(str(self._failed[1]), after=self._failed[1].after)  # they waited for it, and it failed
        try:
            if self._settings.by_consent:
                return self._renew_kept()
            return self._taken(self._ask({"grant_type": "client_credentials"} | self._scoped()))
        except TryLater as later:
            self._failed = self._clock() + min(1.0, later.after if later.after is not None else 1.0), later
            raise

    def _renew_kept(self) -> str:
        try:
            with self._keeper.turn(self._site):
                return self._renew_in_turn()
        except BlockingIOError as error:
            raise TryLater("another process is renewing the access token", after=_TURN) from error
        except OSError as error:
            raise self._disk(error) from error

    def _renew_in_turn(self) -> str:
        kept = self._newest()
        if token := self._adopted(kept):
            return token
        # kept as it is before it is asked for: a disk that is full shows while the old refresh token is still good
        self._save(kept)
        try:
            granted = self._ask({"grant_type": "refresh_token", "refresh_token": kept["refresh_token"]})
        except InvalidGrant as refused:
            raise InvalidGrant(f"{refused}; {_authorize(self._site)}", after=CREDENTIALS_PATIENCE) from refused
        if granted.refresh is None:  # a vendor that does not rotate it
            granted = replace(granted, refresh=kept["refresh_token"])
        staying = {name: value for name, value in kept.items() if name != "refresh_until"}
        self._unkept = kept["refresh_token"], {**staying, **to_keep(granted, self._settings, self._now())}
        self._keep()
        return self._taken(granted)

    def _adopted(self, kept: Mapping[str, str]) -> str | None:
        """Return the access token that was kept, by us or by another process, if it lives for a while yet."""
        token, left = kept.get("access_token"), (moment_in(kept, "until") or self._now()) - self._now()
        if not token or token == self._dead or left.total_seconds() <= _MARGIN:
            return None
        self._until = self._clock() + left.total_seconds() - _MARGIN
        return token

    def _taken(self, granted: Granted) -> str:
        if granted.access is None:
            raise TryLater("no access token in the vendor's answer", after=CREDENTIALS_PATIENCE)
        life = max(granted.life - _MARGIN - self._spread(0.0, _SPREAD), granted.life / 2)
        self._until, self._dead = self._clock() + life, None
        return granted.access

    def _scoped(self) -> dict[str, str]:
        return {"scope": self._scope} if self._scope else {}

    def _ask(self, wanted: Mapping[str, str]) -> Granted:
        self._mine.asked = self.asked + 1
        return ask_token(self._settings, self._url, wanted)

    # --- what is kept -------------------------------------------------------------------------------------
    def _load(self) -> Mapping[str, str]:
        kept = kept_of(self._site, self._settings, self._keeper)
        if not kept.get("refresh_token") or kept.get("client_id") != self._settings.client_id:
            raise TryLater(
                f"nobody has let us into {self._site} yet; {_authorize(self._site)}", after=CREDENTIALS_PATIENCE
            )
        return kept

    def _newest(self) -> Mapping[str, str]:
        """Return what was kept, or what we hold in its place because it could not be kept."""
        kept = self._load()
        if self._unkept is not None and self._unkept[0] == kept["refresh_token"]:
            return self._unkept[1]
        self._unkept = None  # meanwhile somebody has agreed anew
        return kept

    def _save(self, kept: Mapping[str, str]) -> None:
        try:
            self._keeper.save(self._site, kept)
        except (OSError, ValueError) as error:
            raise self._disk(error) from error

    def _keep(self) -> None:
        """Keep what the vendor has renewed; while that fails this process goes on with what it has in its hands."""
        if self._unkept is None:
            return
        try:
            newest = self._newest()
            if self._unkept is not None:
                self._save(newest)
        except TryLater as error:
            _log.error("credentials.not_kept site=%s reason=%s", self._site, error)
        else:
            self._unkept = None

    def _disk(self, error: Exception) -> TryLater:
        reason = f"the refresh token of {self._site} could not be kept ({type(error).__name__}): check the disk"
        return TryLater(reason, after=CREDENTIALS_PATIENCE)


def kept_of(site: str, settings: OAuthSettings, keeper: Keeper) -> Mapping[str, str]:
    """Return what was kept of a person's consent; nothing where none is needed. Raises TryLater if it is unreadable."""
    try:
        return keeper.load(site) if settings.by_consent else {}
    except (OSError, ValueError) as error:
        reason = f"what was kept of {site} cannot be read ({type(error).__name__}); {_authorize(site)}"
        raise TryLater(reason, after=CREDENTIALS_PATIENCE) from error


def _authorize(site: str) -> str:
    return f"run `stepladder authorize {site}`"


def utc() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


class Proofs(ABC):
    """The `Authorization` of every request, kept fresh for all threads. What is not OAuth a vendor adds."""

    def __init__(self, access: Access | None) -> None:
        self._access = access

    @property
    def asked(self) -> int:
        """How many requests for tokens this thread has sent."""
        return self._access.asked if self._access else 0

    def authorize(self, session: requests.Session) -> None:
        """Put the credentials of this moment on a session. Raises TryLater."""
        if self._access is not None:
            session.headers["Authorization"] = f"Bearer {self._access.current()}"
        else:
            self._authorize_by_hand(session)

    @abstractmethod
    def _authorize_by_hand(self, session: requests.Session) -> None:
        """Put credentials that somebody made by hand on a session."""

    def reject(self, session: requests.Session) -> bool:
        """Hear that the vendor did not accept this session's token; say whether a fresh one can be had."""
        if self._access is None:
            return False
        self._access.reject(str(session.headers.get("Authorization", "")).removeprefix("Bearer "))
        return True
