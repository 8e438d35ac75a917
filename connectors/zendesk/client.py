"""The only file that talks to Zendesk, through zenpy. One Zenpy per thread, one request per write, no silent retry.

Writes go through zenpy. Reads use the same authorised session directly: zenpy drops the side-loaded names, users and
groups, when its 30-second-old cache is off.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, patiently, vendor_session
from connectors.contract import Call, Outcome, Refused, Site, TryLater
from connectors.zendesk.answers import conversation, failure, fetched, is_closed, leaked_comment, with_marker
from connectors.zendesk.directory import Directory
from connectors.zendesk.notes import render
from connectors.zendesk.picture import identity, level_in, level_tag, mapping, people_and_groups, picture
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.tokens import Tokens
from policies.model import Event, Ticket, TicketRef

T = TypeVar("T")

_PAGE = 100
_MOST_PAGES = 20
_SIDELOADS = "users,groups,organizations,comment_count,metric_sets"
_IGNORED = re.compile(r":unpermitted_keys=>\[(.*?)\]")
_log = logging.getLogger("stepladder.zendesk")


def connect(
    site: Site, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> ZendeskClient:
    """Open the way to one Zendesk account; nothing is asked yet."""
    return ZendeskClient(site, clock, sleep)


class ZendeskClient:
    """One Zendesk account, safe to use from several threads."""

    def __init__(self, site: Site, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._site = site
        self._settings = cast(ZendeskSettings, site.settings)
        self._sleep = sleep
        self._tokens = Tokens(self._settings, clock)
        self._directory = Directory(self._list, clock=clock)
        self._account = site.account or site.settings.account
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []

    def account(self) -> str:
        """Return the id of the account we act as (asked once, then remembered)."""
        if self._account is None:
            who = identity(mapping(self._get("users/me", "user", about_ticket=False), "user").get("id"))
            if who is None:
                raise TryLater("Zendesk does not know us: check the credentials", after=CREDENTIALS_PATIENCE)
            self._account = who
        return self._account

    def names(self) -> Mapping[str, str]:
        """Return the names of groups and agents by `kind:id`, cached."""
        return self._directory.names()

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the ticket, and for its newest hundred comments if `conversation` is wanted."""
        answer = self._get(f"tickets/{ref.id}", "ticket", include=_SIDELOADS)
        site = replace(self._site, account=self._account)
        raw = _this_ticket(answer, ref)
        if raw.get("status") == "deleted":
            raise Refused("the ticket is deleted", gone=True)
        events = [fetched(raw, {**self._directory.known(), **people_and_groups(answer)}, ref, site, now)]
        if "conversation" in fields:
            newest: dict[str, Any] = {"sort": "-created_at", "page[size]": _PAGE, "include": "users"}
            page = self._get(f"tickets/{ref.id}/comments", "comments", **newest)
            events += conversation(page, identity(raw.get("requester_id")), site, now)
        return events

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Search the ticket's audits, newest last, for the call's marker (audits offer no other order)."""
        before, path = self._requests, f"tickets/{ref.id}/audits"
        page = self._get(path, "audits", per_page=_PAGE)
        found, count = with_marker(page, call.key), page.get("count")
        pages = -(-count // _PAGE) if isinstance(count, int) else 1
        for number in range(pages, max(1, pages - 2), -1):
            found = found or with_marker(self._get(path, "audits", per_page=_PAGE, page=number), call.key)
        if found is None:
            return None
        self._withdraw(leaked_comment(found) if call.note is not None else None, ref)
        return Outcome(vendor_id=identity(found.get("id")), requests=self._requests - before)

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call in one PUT (with one GET before it if the level lives in the tag list)."""
        before = self._requests
        wanted, resolved = self._wanted(call)
        outcome = patiently(lambda: self._update(call, ticket.ref, wanted), self._sleep)
        return replace(outcome, resolved=resolved, requests=self._requests - before)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._sessions:
            self._sessions.pop().close()

    # --- one write --------------------------------------------------------------------------------------
    def _wanted(self, call: Call) -> tuple[dict[str, Any], dict[str, str]]:
        """Turn the policy's words into Zendesk's fields; say which id each name became."""
        parts, resolved = call.parts, dict[str, str]()
        wanted: dict[str, Any] = {"metadata": {"stepladder": call.key}}
        if "group" in parts:
            resolved["group"] = self._directory.group(parts["group"], "group")
            wanted |= {"group_id": int(resolved["group"]), "assignee_id": None}
        if "assignee" in parts:
            resolved["assignee"] = self._directory.person(parts["assignee"], "assignee")
            wanted["assignee_id"] = int(resolved["assignee"])
        if "followers" in parts:
            ids = [self._directory.person(who, "followers") for who in cast("Iterable[object]", parts["followers"])]
            resolved["followers"] = ",".join(ids)
            wanted["followers"] = [{"user_id": int(who), "action": "put"} for who in ids]
        if "priority" in parts:
            wanted["priority"] = parts["priority"]
        if "level" in parts and self._settings.level_field:
            tag = level_tag(level) if (level := cast(int, parts["level"])) > 1 else None
            wanted["custom_fields"] = [{"id": int(self._settings.level_field), "value": tag}]
        if "note" in parts and call.note is not None:
            wanted["comment"] = {"html_body": render(call.note, call.told), "public": False}
        return wanted, resolved

    def _update(self, call: Call, ref: TicketRef, wanted: Mapping[str, Any]) -> Outcome:
        tags: dict[str, Any] = {}
        if "level" in call.parts and not self._settings.level_field:
            tags = self._level_in_tags(ref, cast(int, call.parts["level"]))
        try:
            answered, audit = self._asking(lambda: self._put(ref, {**wanted, **tags}))
        except Refused as refused:
            if refused.parts or refused.gone or not self._closed(ref):
                raise
            raise Refused(str(refused), gone=True) from refused
        self._withdraw(leaked_comment(audit), ref)
        site = replace(self._site, account=self._account)
        return Outcome(
            ticket=picture(answered, ref, site, self._directory.known()), vendor_id=identity(audit.get("id"))
        )

    def _put(self, ref: TicketRef, values: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Update the ticket through zenpy; return the ticket and the audit that Zendesk answers."""
        from zenpy.lib.api_objects import Ticket as ZenpyTicket
        from zenpy.lib.exception import ZenpyException

        # a fresh object for each attempt, set by attribute: zenpy drops None given to the constructor
        ticket = ZenpyTicket(id=int(ref.id))
        for name, value in values.items():
            setattr(ticket, name, value)
        try:
            result = self._zenpy().tickets.update(ticket)
            answered, audit = mapping(result, "ticket"), mapping(result, "audit")
            if identity(answered.get("id")) != ref.id or not audit:
                raise TypeError(type(result).__name__)
            return answered, audit
        except (ZenpyException, requests.JSONDecodeError, AttributeError, TypeError) as error:
            raise TryLater("expected the ticket and its audit, got another answer with 200", sent=True) from error

    def _closed(self, ref: TicketRef) -> bool:
        # Zendesk's sentences come in our account's language and mostly without a code, so the ticket is asked
        try:
            return is_closed(_this_ticket(self._get(f"tickets/{ref.id}", "ticket"), ref))
        except Refused as refused:
            return refused.gone

    def _level_in_tags(self, ref: TicketRef, level: int) -> dict[str, Any]:
        """Return the whole tag list with our level in it, guarded against a change in between."""
        ticket = _this_ticket(self._get(f"tickets/{ref.id}", "ticket"), ref)
        before = [str(tag) for tag in ticket.get("tags") or ()]
        after = [tag for tag in before if level_in(tag) is None] + ([level_tag(level)] if level > 1 else [])
        if sorted(after) == sorted(before):
            return {}
        return {"tags": after, "safe_update": True, "updated_stamp": ticket.get("updated_at")}

    def _withdraw(self, comment: str | None, ref: TicketRef) -> None:
        """Make a note private that Zendesk, against our request, made public; raise the alarm (decision 19)."""
        if comment is None:
            return
        where = f"{self._settings.url}/api/v2/tickets/{ref.id}/comments/{comment}/make_private"
        try:
            self._asking(lambda: self._session().put(where, timeout=self._timeout))
            end = "it was made private at once"
        except (TryLater, Refused) as error:
            end = f"and it is STILL PUBLIC ({error}): make comment {comment} private by hand"
        raise Refused(f"ALARM: Zendesk made the internal note public; {end}", parts=frozenset({"note"}), applied=True)

    # --- asking -----------------------------------------------------------------------------------------
    def _get(self, path: str, expected: str, *, about_ticket: bool = True, **params: Any) -> Mapping[str, Any]:
        where = f"{self._settings.url}/api/v2/{path}"
        try:
            answer = self._asking(
                lambda: self._session().get(where, params=params, timeout=self._timeout).json(), about_ticket
            )
        except TryLater as later:  # a read changes nothing, so nothing is ambiguous
            raise TryLater(str(later), after=later.after, site_wide=later.site_wide) from later
        if not isinstance(answer, dict) or expected not in answer:
            raise TryLater(f"expected `{expected}` in the answer of {path}, got another answer")
        return answer

    def _list(self, what: str) -> Iterable[Mapping[str, Any]]:
        params: dict[str, Any] = {"page[size]": _PAGE} | ({"role[]": ["agent", "admin"]} if what == "users" else {})
        for _ in range(_MOST_PAGES):
            page = self._get(what, what, about_ticket=False, **params)
            yield from (item for item in page.get(what) or () if isinstance(item, dict))
            if not mapping(page, "meta").get("has_more"):
                return
            params["page[after]"] = mapping(page, "meta").get("after_cursor")

    def _asking(self, ask: Callable[[], T], about_ticket: bool = True) -> T:
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

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = vendor_session(self._settings)
            session.hooks["response"].insert(0, self._seen)
            session.headers["User-Agent"] = "Stepladder"
            self._mine.session = session
            self._sessions.append(session)
        self._tokens.authorize(session)
        return session

    def _zenpy(self) -> Any:
        session = self._session()
        if not hasattr(self._mine, "zenpy"):
            from zenpy import Zenpy

            logging.getLogger("zenpy").setLevel(logging.INFO)  # at DEBUG it prints bodies
            parts = urlsplit(self._settings.url)
            subdomain, _, domain = parts.netloc.partition(".")
            self._mine.zenpy = Zenpy(
                subdomain=subdomain,
                domain=domain,
                session=session,
                anonymous=True,  # the session is authorised already; two Zenpys would overwrite each other's
                timeout=self._timeout,
                disable_cache=True,
            )
            self._mine.zenpy.tickets.protocol = parts.scheme
            self._mine.zenpy.tickets._response_handlers = (_AsItCame,)
        return self._mine.zenpy

    @property
    def _timeout(self) -> tuple[float, float]:
        return (self._settings.connect_timeout, self._settings.read_timeout)

    @property
    def _requests(self) -> int:
        return getattr(self._mine, "requests", 0)

    def _seen(self, response: requests.Response, *_: object, **__: object) -> None:
        self._mine.requests = self._requests + 1
        len(response.content)  # read it, so that the connection can be used again whatever `judge` says
        warned = _IGNORED.search(response.headers.get("x-zendesk-api-warn", ""))
        keys = [key for key in re.findall(r'"(.*?)"', warned[1] if warned else "") if key != "ticket.id"]
        if keys:  # Zendesk answers 200 and drops what it does not know; this header is the only sign
            _log.warning("zendesk.keys_ignored site=%s keys=%s", self._site.name, ",".join(keys))


class _AsItCame:
    """Zenpy's handler of answers that hands JSON on; its own makes objects of every field twice, 2 ms for a write."""

    def __init__(self, *_: object) -> None: ...

    @staticmethod
    def applies_to(*_: object) -> bool:
        return True

    def build(self, response: requests.Response) -> Any:
        return response.json()


def _this_ticket(answer: Mapping[str, Any], ref: TicketRef) -> Mapping[str, Any]:
    """Return the ticket of an answer; an empty one would look like a ticket on which nothing is set."""
    raw = mapping(answer, "ticket")
    if identity(raw.get("id")) != ref.id:
        raise TryLater(f"expected ticket {ref.id}, got another answer")
    return raw
