"""The line to one Zendesk account: requests out, answers in, failures named. One session a thread, no silent retry."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import requests

from connectors.calls import VendorAnswer, vendor_session
from connectors.contract import Keeper, TryLater
from connectors.limits import Pace
from connectors.site import Site
from connectors.zendesk.answers import failure
from connectors.zendesk.picture import mapping, objects
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.tokens import Tokens

T = TypeVar("T")

PAGE = 100
_MOST_PAGES = 100
_WRITTEN = re.compile(r"/tickets/([0-9]+)")
_IGNORED = re.compile(r":(?:unpermitted_keys|invalid_values)=>\[(.*?)\]")
_KEY = re.compile(r'"(ticket\.[a-z_.]+)"')  # names of ours only; a value could be anybody's words
_log = logging.getLogger("stepladder.zendesk")


def open_line(
    site: Site,
    keeper: Keeper,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Line:
    """Make the line to an account; nothing is asked yet."""
    return Line(site, Tokens(site, keeper, clock, now), cast(ZendeskSettings, site.settings).pace(clock), now)


class Line:
    """One account's connections, safe to use from several threads."""

    def __init__(
        self, site: Site, tokens: Tokens, pace: Pace, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._site = site
        self._api = f"{site.settings.url}/api/v2"
        self._tokens = tokens
        self.pace = pace
        self._now = now
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []
        self.timeout = (site.settings.connect_timeout, site.settings.read_timeout)

    @property
    def asked(self) -> int:
        """How many requests this thread has sent so far, those for tokens included."""
        return int(getattr(self._mine, "asked", 0)) + self._tokens.asked

    def get(self, path: str, expected: str, *, about_ticket: bool = True, **params: Any) -> Mapping[str, Any]:
        """Read something; `expected` is the key without which it is another answer. Raises TryLater or Refused."""
        try:
            self.pace.ask()
            answer = self.asking(
                lambda: self.session().get(f"{self._api}/{path}", params=params, timeout=self.timeout).json(),
                about_ticket,
            )
        except TryLater as later:
            later.sent = False  # a read changes nothing, so nothing is ambiguous
            raise
        if not isinstance(answer, dict) or expected not in answer:
            raise TryLater(f"expected `{expected}` in the answer of {path}, got another answer")
        return answer

    def may_write(self, ticket: str) -> None:
        """Count one write to a ticket. Raises TryLater, with nothing sent, where one more would break a limit."""
        self.pace.write(ticket)

    def put(self, path: str) -> None:
        """Do something that is said by its address alone."""
        self.asking(lambda: self.session().put(f"{self._api}/{path}", timeout=self.timeout))

    def pages(self, path: str) -> Iterable[Mapping[str, Any]]:
        """Read a whole list, page by page."""
        params: dict[str, Any] = {"page[size]": PAGE} | ({"role[]": ["agent", "admin"]} if path == "users" else {})
        key = "group_memberships" if "memberships" in path else path
        for _ in range(_MOST_PAGES):
            page = self.get(path, key, about_ticket=False, **params)
            yield from objects(page, key)
            if not mapping(page, "meta").get("has_more"):
                return
            params["page[after]"] = mapping(page, "meta").get("after_cursor")
        _log.warning("zendesk.list_cut site=%s list=%s pages=%s", self._site.name, key, _MOST_PAGES)

    def asking(self, ask: Callable[[], T], about_ticket: bool = True) -> T:
        """Ask once, and once more with a fresh token after a 401; turn every failure into TryLater or Refused."""
        try:
            return ask()
        except VendorAnswer as answer:
            if answer.status != 401 or not self._tokens.reject(self._mine.session):
                raise failure(answer, about_ticket=about_ticket) from answer
        except requests.RequestException as error:
            raise failure(error, about_ticket=about_ticket) from error
        try:
            return ask()
        except (VendorAnswer, requests.RequestException) as error:
            raise failure(error, about_ticket=about_ticket) from error

    def session(self) -> requests.Session:
        """Return this thread's session, with a token that is still good."""
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = vendor_session(self._site.settings, self._count)
            session.hooks["response"].insert(0, self._seen)
            session.headers["User-Agent"] = "Stepladder"
            self._mine.session = session
            self._sessions.append(session)
        self._tokens.authorize(session)
        return session

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._sessions:
            self._sessions.pop().close()

    def _count(self) -> None:
        self._mine.asked = getattr(self._mine, "asked", 0) + 1

    def _seen(self, response: requests.Response, *_: object, **__: object) -> None:
        about = _WRITTEN.search(response.request.path_url) if response.request.method != "GET" else None
        self.pace.heard(response.headers, self._now(), about[1] if about else None)
        len(response.content)  # read it, so that the connection can be used again whatever `judge` says
        warned = "".join(_IGNORED.findall(response.headers.get("x-zendesk-api-warn", "")))
        keys = [key for key in _KEY.findall(warned) if key != "ticket.id"]
        if keys:  # Zendesk answers 200 and drops what it does not know; this header is the only sign
            _log.warning("zendesk.keys_ignored site=%s keys=%s", self._site.name, ",".join(keys))
