"""The line to one Jira site: requests out, answers in, failures named. One JIRA per thread, no silent retry.

Writes use the SDK's own session: it has no call that edits, labels, marks and comments in one request, its
`Issue.update` asks again after a successful write, and its `assign_issue` may pick somebody else.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from connectors.calls import VendorAnswer, harden, patiently
from connectors.contract import Call, TryLater
from connectors.jira.answers import failure
from connectors.jira.picture import project_of
from connectors.jira.settings import in_project, settings_of
from connectors.jira.tokens import Tokens
from connectors.limits import Pace
from connectors.site import Site
from policies.model import Ticket, TicketRef

if TYPE_CHECKING:
    from jira import JIRA

_NO_BODY: Any = object()
_WRITTEN = re.compile(r"/(?:issue|request)/([0-9]+)")


class Line:
    """One site's connections, safe to use from several threads."""

    def __init__(
        self,
        site: Site,
        tokens: Tokens,
        pace: Pace,
        dial: Callable[[str], JIRA],
        sleep: Callable[[float], None],
        maps: Callable[[], Site] | None = None,
    ) -> None:
        """`dial` opens the SDK for an address; `maps` returns the site with ids, by which refusals are understood."""
        self.cloud = settings_of(site).cloud
        self._site, self._dial, self._sleep = site, dial, sleep
        self._tokens, self.pace = tokens, pace
        self._maps = maps or (lambda: site)
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []

    @property
    def asked(self) -> int:
        """How many requests this thread has sent so far, those for tokens included."""
        return int(getattr(self._mine, "asked", 0)) + self._tokens.asked

    def ref(self, number: str) -> TicketRef:
        """Return the ticket of this id at our site."""
        return TicketRef(vendor=self._site.vendor, site=self._site.name, id=number)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = _NO_BODY,
        params: Mapping[str, str] | None = None,
        call: Call | None = None,
        site: Site | None = None,
        writes_to: str | None = None,
    ) -> requests.Response:
        """Send one request, after a 401 once more with a fresh token. Raises TryLater or Refused.

        `call` and `site` say which parts of a write are at fault; a write that Jira's limits would not let through
        (`writes_to`: the issue's id) is not sent.
        """
        more = {} if body is _NO_BODY else {"json": body}
        if writes_to is None:
            self.pace.ask()
        else:
            self.pace.write(writes_to)
        try:
            try:
                return self._sent(method, path, params, more)
            except VendorAnswer as answer:
                if answer.status != 401 or not self._tokens.reject(self._mine.jira._session):
                    raise
            return self._sent(method, path, params, more)
        except (VendorAnswer, requests.RequestException) as error:
            raise failure(error, call, site or self._site) from error

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: Any = _NO_BODY,
        params: Mapping[str, str] | None = None,
        call: Call | None = None,
    ) -> Any:
        """Ask before a write. Whatever becomes of the question, nothing was written."""
        try:
            return json_in(self.send(method, path, body=body, params=params, call=call))
        except TryLater as later:
            later.sent = False
            raise

    def write(
        self, method: str, path: str, body: Any, call: Call, ticket: Ticket, params: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send a write; its failures are judged by the maps of the ticket's project."""
        site = in_project(self._maps(), project_of(ticket))

        def attempt() -> requests.Response:
            number = ticket.ref.id
            return self.send(method, path, body=body, params=params, call=call, site=site, writes_to=number)

        return patiently(attempt, self._sleep)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._sessions:
            self._sessions.pop().close()

    def _sent(
        self, method: str, path: str, params: Mapping[str, str] | None, more: Mapping[str, Any]
    ) -> requests.Response:
        jira = self._jira()
        address = f"{self._tokens.api()}{path}" if path.startswith("/") else jira._get_url(path)
        return jira._session.request(method, address, params=params, **more)

    def _count(self) -> None:
        self._mine.asked = getattr(self._mine, "asked", 0) + 1

    def _jira(self) -> JIRA:
        """Return this thread's way in, with a token that is still good."""
        mine: JIRA | None = getattr(self._mine, "jira", None)
        if mine is None:
            mine = self._dial(self._tokens.api())
            harden(mine._session, self._site.settings, self._count)
            mine._session.headers["User-Agent"] = "Stepladder"
            mine._session.hooks["response"].insert(0, self._heard)
            self._mine.jira = mine
            self._sessions.append(mine._session)
        self._tokens.authorize(mine._session)
        return mine

    def _heard(self, response: requests.Response, *_: object, **__: object) -> None:
        about = _WRITTEN.search(response.request.path_url) if response.request.method != "GET" else None
        self.pace.heard(response.headers, datetime.now(UTC), about[1] if about else None)


def issue_path(ref: TicketRef) -> str:
    """Return the address of an issue within the API."""
    return f"issue/{quote(ref.id, safe='')}"


def json_in(answer: requests.Response) -> Any:
    """Return the answer's JSON; a page that came instead says nothing about what was done."""
    try:
        return answer.json()
    except ValueError:
        raise TryLater(
            f"expected JSON from Jira, got a page of type {answer.headers.get('Content-Type')}", sent=True
        ) from None


def object_in(answer: requests.Response) -> Mapping[str, Any]:
    """Return the answer's JSON object."""
    told = json_in(answer)
    if not isinstance(told, dict):
        raise TryLater("expected a JSON object from Jira, got something else", sent=True)
    return told


def done(answer: requests.Response) -> None:
    """Make sure that an answer without a body is one; a page instead may be a log-in."""
    if answer.status_code not in (201, 204):
        object_in(answer)
