"""Where set-up and examination ask Zendesk: patiently, whole lists at once, and `not allowed` as a plain answer.

It never touches a ticket; that is the client's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

import requests

from connectors.calls import VendorAnswer, at_length, vendor_session
from connectors.contract import Keeper, Refused, TryLater
from connectors.site import Site
from connectors.zendesk.answers import failure
from connectors.zendesk.picture import identity, mapping
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.tokens import Tokens

JSONObject = Mapping[str, Any]

SUBSCRIPTIONS = frozenset(
    f"zen:event-type:ticket.{what}"
    for what in (
        "created", "comment_added", "status_changed", "priority_changed", "type_changed", "tags_changed",
        "custom_field_changed", "custom_status_changed", "group_assignment_changed", "agent_assignment_changed",
        "requester_changed", "organization_changed", "form_changed", "brand_changed", "problem_link_changed",
        "task_due_at_changed", "next_sla_breach_changed", "sla_policy_changed", "comment_redacted",
        "attachment_redacted_from_comment", "comment_made_private", "merged", "soft_deleted", "permanently_deleted",
        "marked_as_spam", "undeleted",
    )
)  # fmt: skip
"""The events that Stepladder reads. https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/"""
CHAT = "zen:event-type:messaging_ticket.message_added"
"""Where an account has messaging, its messages count as replies; elsewhere Zendesk may not know this event."""
BY_TRIGGER = "conditional_ticket_events"

_MOST_PAGES = 100
_PAGE = 100


class Denied(Exception):
    """Zendesk does not show or allow it to this identity (403), or says that it is not there (404)."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Office:
    """One conversation about an account's settings."""

    def __init__(self, site: Site, keeper: Keeper, sleep: Callable[[float], None] = time.sleep) -> None:
        settings = cast(ZendeskSettings, site.settings)
        self._url = settings.url
        self._timeout = (settings.connect_timeout, settings.read_timeout)
        self._sleep = sleep
        self._tokens = Tokens(site, keeper, time.monotonic)
        self._session = vendor_session(settings)
        self._session.headers["User-Agent"] = "Stepladder"
        self.there_at: datetime | None = None  # what Zendesk's clock showed at the last answer

    def close(self) -> None:
        """End the conversation."""
        self._session.close()

    def get(self, path: str, **params: Any) -> JSONObject:
        """Read something. Raises Denied, TryLater or Refused."""
        return self._ask("GET", path, params=params)

    def send(self, method: str, path: str, body: JSONObject) -> JSONObject:
        """Write something; nothing is sent twice of which it is not known whether it arrived."""
        return self._ask(method, path, json=body)

    def listed(self, path: str, **params: Any) -> list[JSONObject]:
        """Read a whole list, page by page; its key is the last word of the path."""
        key, found = path.rpartition("/")[2], list[JSONObject]()
        key = {"memberships": "group_memberships", "assignable": "group_memberships", "policies": "sla_policies"}.get(
            key, key
        )
        asked = {"page[size]": _PAGE, **params}
        for _ in range(_MOST_PAGES):
            page = self.get(path, **asked)
            if not isinstance(page.get(key), list):
                raise TryLater(f"expected `{key}` in the answer of {path}, got another answer")
            found += [item for item in page[key] if isinstance(item, dict)]
            meta = mapping(page, "meta")
            if not meta.get("has_more"):
                break
            asked["page[after]"] = meta.get("after_cursor")
        return found

    def seen(self, path: str, **params: Any) -> list[JSONObject] | None:
        """Read a whole list, or return None if it is not shown to us."""
        try:
            return self.listed(path, **params)
        except Denied:
            return None

    def _ask(self, method: str, path: str, **what: Any) -> JSONObject:
        return at_length(lambda: self._once(method, path, **what), self._sleep)

    def _once(self, method: str, path: str, **what: Any) -> JSONObject:
        for again in (True, False):
            self._tokens.authorize(self._session)
            try:
                answer = self._session.request(method, f"{self._url}/api/v2/{path}", timeout=self._timeout, **what)
            except VendorAnswer as wrong:
                if wrong.status == 401 and again and self._tokens.reject(self._session):
                    continue
                if wrong.status in (403, 404):
                    raise Denied(wrong.status, str(failure(wrong, about_ticket=False))) from wrong
                raise failure(wrong, about_ticket=False) from wrong
            except requests.RequestException as error:
                raise failure(error, about_ticket=False) from error
            self.there_at = _date(answer.headers.get("Date")) or self.there_at
            return _object(answer)
        raise Refused("Zendesk accepts no token of ours")


@contextmanager
def office(site: Site, keeper: Keeper, sleep: Callable[[float], None] = time.sleep) -> Iterator[Office]:
    """Open a conversation and close it at the end."""
    opened = Office(site, keeper, sleep)
    try:
        yield opened
    finally:
        opened.close()


def webhook_name(site: str) -> str:
    """Return the name that we give a site's webhook."""
    return f"Stepladder ({site})"


def own_webhooks(listed: list[JSONObject], hook: str | None, site: str) -> list[JSONObject]:
    """Return the webhooks that bring this site's tickets to a Stepladder, by their address or our name for them.

    Those with the right address come first, then those with the right path; active ones before others.
    """
    path = f"/webhooks/zendesk/{site}"

    def elsewhere(one: JSONObject) -> bool:
        return urlsplit(str(one.get("endpoint") or "")).path.rstrip("/") != path

    found = [one for one in listed if not elsewhere(one) or one.get("name") == webhook_name(site)]
    return sorted(
        found, key=lambda one: (str(one.get("endpoint")) != hook, elsewhere(one), one.get("status") != "active")
    )


def level_field_in(fields: list[JSONObject], word: str | None) -> JSONObject | None:
    """Return a ticket field by its id or title."""
    for one in fields if word else ():
        if identity(one.get("id")) == word or str(one.get("title") or "").casefold() == str(word).strip().casefold():
            return one
    return None


def _object(answer: requests.Response) -> JSONObject:
    if not answer.content:
        return {}
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise TryLater(f"expected JSON of {answer.request.path_url.partition('?')[0]}, got another answer", sent=True)
    return said


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except (TypeError, ValueError):
        return None
