"""Asks one Jira site what set-up and examination want to know, with long patience; a no is an answer, too."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.calls import VendorAnswer, at_length
from connectors.contract import Keeper, Refused, TryLater
from connectors.jira.client import JiraClient, connect
from connectors.jira.discovery import Discovery
from connectors.jira.settings import JiraSettings, settings_of
from connectors.jira.values import mapping, plain
from connectors.site import Site

_NOES = frozenset({400, 401, 403, 404, 405, 410})
_MOST_PAGES = 20
_NO_ANSWER = 503
_ESSENTIAL = re.compile(r"myself|field|status|priority|project(/[^/]+)?|search(/jql)?")
"""Questions without whose answers nothing can be found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What Jira said: a status, and JSON if it said yes. `says` are its words for a no."""

    status: int
    told: Any = None
    says: str = ""

    @property
    def yes(self) -> bool:
        """It was allowed, and it was there."""
        return self.status < 300

    @property
    def silent(self) -> bool:
        """There was no answer, so neither a yes nor a no."""
        return self.status == _NO_ANSWER

    @property
    def forbidden(self) -> bool:
        """We may not. Data Center says 401 to what only administrators may, Cloud often 404."""
        return self.status in (401, 403)


class Enquiry:
    """One conversation with one site."""

    def __init__(self, site: Site, client: JiraClient, sleep: Callable[[float], None], *, lenient: bool) -> None:
        """`lenient`: a question that Jira cannot answer is no end, as long as it answers who we are."""
        self.site, self._client, self._sleep, self._lenient = site, client, sleep, lenient
        self.settings = settings_of(site)
        self.discovery = Discovery(site, self.simply, quiet=True)
        self.unanswered: dict[str, str] = {}  # questions, and what came instead
        self._told: dict[str, Reply] = {}  # the same is not asked twice, unless something was changed
        self.date: datetime | None = None
        self.near_limit = False

    @property
    def cloud(self) -> bool:
        """People have account ids here; on Data Center they have user names."""
        return self.settings.cloud

    def ask(
        self, path: str, params: Mapping[str, str] | None = None, *, method: str = "GET", body: Any = None
    ) -> Reply:
        """Ask, or write. Raises TryLater if Jira cannot now; whatever it refuses comes back as a reply."""
        plainly = method == "GET" and not params
        if plainly and path in self._told:
            return self._told[path]
        reply = self._replied(path, params, method, body)
        if plainly:
            self._told[path] = reply
        elif method != "GET":
            self._told.clear()
        return reply

    def listed(self, path: str, params: Mapping[str, str] | None = None, key: str = "values") -> Iterator[Any]:
        """Yield what a paged answer lists; nothing where it is refused."""
        start = 0
        for _ in range(_MOST_PAGES):
            told = self.ask(path, {**(params or {}), **({"startAt": str(start)} if start else {})}).told
            page = told if isinstance(told, list) else mapping(told).get(key)
            if not isinstance(page, list):
                return
            yield from page
            start += len(page)
            total = mapping(told).get("total")
            if not page or isinstance(told, list) or mapping(told).get("isLast", total is None or start >= total):
                return

    def resolved(self) -> JiraSettings:
        """Return the site's settings with names turned into ids."""
        return settings_of(self.discovery.surely())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def simply(self, path: str) -> Any:
        """Ask as the connector does when it writes. Raises Refused with Jira's words, or TryLater."""
        reply = self.ask(path)
        if reply.silent:
            raise TryLater(reply.says)
        if not reply.yes:
            raise Refused(reply.says, gone=reply.status == 404)
        return reply.told

    def _replied(self, path: str, params: Mapping[str, str] | None, method: str, body: Any) -> Reply:
        """Ask with patience, and with less where Jira has failed to answer already."""
        try:
            if self.unanswered:
                return self._asked(path, params, method, body)
            return at_length(lambda: self._asked(path, params, method, body), self._sleep)
        except TryLater as later:
            if not self._lenient or method != "GET" or _ESSENTIAL.fullmatch(path):
                raise
            at_length(lambda: self._asked("myself", None, "GET", None), self._sleep)
            self.unanswered[path] = str(later)
            return Reply(status=_NO_ANSWER, says=str(later))

    def _asked(self, path: str, params: Mapping[str, str] | None, method: str, body: Any) -> Reply:
        more = {} if body is None else {"body": body}
        try:
            answer = self._client.line.send(method, path, params=params, **more)
        except (Refused, TryLater) as no:
            status = _status(no)
            if status in _NOES:
                return Reply(status=status, says=str(no))
            if method == "GET" and isinstance(no, TryLater):
                raise TryLater(str(no), after=no.after, site_wide=no.site_wide) from no  # a question may be repeated
            raise
        self._listen(answer.headers)
        try:
            return Reply(status=answer.status_code, told=answer.json() if answer.content else None)
        except ValueError:
            return Reply(status=answer.status_code)

    def _listen(self, headers: Mapping[str, str]) -> None:
        self.near_limit |= headers.get("X-RateLimit-NearLimit", "").casefold() == "true"
        try:
            self.date = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        except (TypeError, ValueError):
            self.date = None


def enquire(
    site: Site, keeper: Keeper, sleep: Callable[[float], None] = time.sleep, *, lenient: bool = False
) -> Enquiry:
    """Open a conversation with a site; nothing is asked yet."""
    return Enquiry(site, connect(site, keeper, sleep=sleep), sleep, lenient=lenient)


def introduced(enquiry: Enquiry) -> Mapping[str, Any]:
    """Return who we are. Raises Refused if Jira does not know us: nothing else can be found out then."""
    reply = enquiry.ask("myself")
    who = mapping(reply.told)
    if not reply.yes or not (plain(who.get("accountId")) or plain(who.get("name"))):
        raise Refused(
            f"Jira at {enquiry.settings.url} does not accept these credentials (it answered {reply.status}): make a "
            "new token, or check the e-mail address that it belongs to"
        )
    return who


def _status(error: Exception) -> int | None:
    cause = error.__cause__
    while cause is not None and not isinstance(cause, VendorAnswer):
        cause = cause.__cause__
    if cause is None or "X-Authentication-Denied-Reason" in cause.response.headers:
        return None
    return cause.status
