"""The line to one Jira site: requests out, answers in, failures named. One JIRA per thread, no silent retry.

Writes use the SDK's own session: it has no call that edits, labels, marks and comments in one request, its
`Issue.update` asks again after a successful write, and its `assign_issue` may pick somebody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from connectors.calls import VendorAnswer, harden, patiently
from connectors.contract import Call, Site, TryLater
from connectors.jira.answers import failure
from connectors.jira.picture import project_of
from connectors.jira.settings import in_project, settings_of
from policies.model import Ticket, TicketRef

if TYPE_CHECKING:
    from jira import JIRA

_NO_BODY: Any = object()


class Line:
    """One site's connections, safe to use from several threads."""

    def __init__(self, site: Site, dial: Callable[[], JIRA], sleep: Callable[[float], None]) -> None:
        self.cloud = settings_of(site).cloud
        self._site, self._dial, self._sleep = site, dial, sleep
        self._api = settings_of(site).api
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []

    @property
    def asked(self) -> int:
        """How many requests this thread has sent so far."""
        return getattr(self._mine, "asked", 0)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = _NO_BODY,
        params: Mapping[str, str] | None = None,
        call: Call | None = None,
        site: Site | None = None,
    ) -> requests.Response:
        """Send one request. Raises TryLater or Refused; `call` and `site` say which parts of a write are at fault."""
        jira = self._jira()
        address = f"{self._api}{path}" if path.startswith("/") else jira._get_url(path)
        self._mine.asked = self.asked + 1
        more = {} if body is _NO_BODY else {"json": body}
        try:
            return jira._session.request(method, address, params=params, **more)
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
            raise TryLater(str(later), after=later.after, site_wide=later.site_wide) from later

    def write(
        self, method: str, path: str, body: Any, call: Call, ticket: Ticket, params: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send a write; its failures are judged by the maps of the ticket's project."""
        site = in_project(self._site, project_of(ticket))
        return patiently(lambda: self.send(method, path, body=body, params=params, call=call, site=site), self._sleep)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._sessions:
            self._sessions.pop().close()

    def _jira(self) -> JIRA:
        mine: JIRA | None = getattr(self._mine, "jira", None)
        if mine is None:
            mine = self._dial()
            harden(mine._session, self._site.settings)
            self._mine.jira = mine
            self._sessions.append(mine._session)
        return mine


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
