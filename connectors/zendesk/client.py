"""Commands and questions to Zendesk. The only file that uses zenpy: one Zenpy per thread, one request per write.

Writes go through zenpy. Reads use the same authorised line directly: zenpy drops the side-loaded names, users and
groups, when its 30-second-old cache is off.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

import requests

from connectors.calls import CREDENTIALS_PATIENCE, patiently
from connectors.contract import Call, Keeper, Outcome, Refused, Site, TryLater
from connectors.zendesk.answers import (
    conversation,
    fetched,
    is_closed,
    leaked_comment,
    organization_fields,
    placed,
    with_marker,
)
from connectors.zendesk.directory import Directory
from connectors.zendesk.line import PAGE, Line
from connectors.zendesk.parts import Parts
from connectors.zendesk.picture import asks_organization, identity, level_in, level_tag, mapping, picture
from connectors.zendesk.pools import Pools
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.tokens import Tokens
from policies.model import Event, Ticket, TicketRef

_SIDELOADS = "users,groups,organizations,comment_count,metric_sets"


def connect(
    site: Site,
    keeper: Keeper,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ZendeskClient:
    """Open the way to one Zendesk account; nothing is asked yet."""
    return ZendeskClient(site, keeper, clock, sleep)


class ZendeskClient:
    """One Zendesk account, safe to use from several threads."""

    def __init__(self, site: Site, keeper: Keeper, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._site = site
        self._settings = cast(ZendeskSettings, site.settings)
        self._sleep = sleep
        self._line = Line(site, Tokens(self._settings, clock))
        self._directory = Directory(self._line.pages, clock=clock)
        pools = Pools(self._directory, self._line, clock)
        self._parts = Parts(self._directory, pools, self._settings.level_field, self.account)
        self._account = site.account or site.settings.account
        self._mine = threading.local()

    def account(self) -> str:
        """Return the id of the account we act as (asked once, then remembered)."""
        if self._account is None:
            who = identity(mapping(self._line.get("users/me", "user", about_ticket=False), "user").get("id"))
            if who is None:
                raise TryLater("Zendesk does not know us: check the credentials", after=CREDENTIALS_PATIENCE)
            self._account = who
        return self._account

    def names(self) -> Mapping[str, str]:
        """Return the names of groups and agents by `kind:id`, cached."""
        return self._directory.names()

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the ticket, and for its newest hundred comments if `conversation` is wanted."""
        include = _SIDELOADS + (",slas" if "sla_breach_at" in fields else "")
        answer = self._line.get(f"tickets/{ref.id}", "ticket", include=include)
        site = replace(self._site, account=self._account)
        raw = _this_ticket(answer, ref)
        if raw.get("status") == "deleted":
            raise Refused("the ticket is deleted", gone=True)
        organization = self._organization_fields(answer, identity(raw.get("organization_id")))
        events = [fetched(answer, self._directory.known(), organization, ref, site, now)]
        if "conversation" in fields:
            newest: dict[str, Any] = {"sort": "-created_at", "page[size]": PAGE, "include": "users"}
            page = self._line.get(f"tickets/{ref.id}/comments", "comments", **newest)
            events += conversation(page, identity(raw.get("requester_id")), site, now)
        return events

    def _organization_fields(self, answer: Mapping[str, Any], organization: str | None) -> Mapping[str, Any] | None:
        """Return them as they stand beside the ticket; what stands there may be partial, then it is asked for."""
        found = organization_fields(answer, organization)
        if found is None and asks_organization(self._site):
            with suppress(Refused):  # not visible to us: unknown
                shown = self._line.get(f"organizations/{organization}", "organization")
                return organization_fields(shown, organization)
        return found

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Search the ticket's audits, newest last, for the call's marker (audits offer no other order)."""
        before, path = self._line.asked, f"tickets/{ref.id}/audits"
        page = self._line.get(path, "audits", per_page=PAGE)
        found, count = with_marker(page, call.key), page.get("count")
        pages = -(-count // PAGE) if isinstance(count, int) else 1
        for number in range(pages, max(1, pages - 2), -1):
            found = found or with_marker(self._line.get(path, "audits", per_page=PAGE, page=number), call.key)
        if found is None:
            return None
        self._withdraw(leaked_comment(found) if call.note is not None else None, ref)
        resolved = placed(found)
        if "pool" in call.parts and "assignee" not in resolved:  # no change, so it chose who had the ticket already
            has_it = identity(_this_ticket(self._line.get(f"tickets/{ref.id}", "ticket"), ref).get("assignee_id"))
            resolved |= {"assignee": has_it} if has_it else {}
        return Outcome(vendor_id=identity(found.get("id")), resolved=resolved, requests=self._line.asked - before)

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call in one PUT (one GET before it if the level lives in the tag list, more if a pool chooses)."""
        before = self._line.asked
        wanted, resolved = self._parts.fields(call, ticket)
        try:
            outcome = patiently(lambda: self._update(call, ticket.ref, wanted), self._sleep)
        except Refused as refused:
            if "pool" not in call.parts or "assignee" not in refused.parts:
                raise
            self._directory.forget_members(resolved.get("group", ""))
            raise Refused(str(refused), parts=refused.parts | {"pool"}) from refused
        return replace(outcome, resolved=resolved, requests=self._line.asked - before)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._line.close()

    # --- one write --------------------------------------------------------------------------------------
    def _update(self, call: Call, ref: TicketRef, wanted: Mapping[str, Any]) -> Outcome:
        tags: dict[str, Any] = {}
        if "level" in call.parts and not self._settings.level_field:
            tags = self._level_in_tags(ref, cast(int, call.parts["level"]))
        try:
            answered, audit = self._line.asking(lambda: self._put(ref, {**wanted, **tags}))
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
            return is_closed(_this_ticket(self._line.get(f"tickets/{ref.id}", "ticket"), ref))
        except Refused as refused:
            return refused.gone

    def _level_in_tags(self, ref: TicketRef, level: int) -> dict[str, Any]:
        """Return the whole tag list with our level in it, guarded against a change in between."""
        ticket = _this_ticket(self._line.get(f"tickets/{ref.id}", "ticket"), ref)
        before = [str(tag) for tag in ticket.get("tags") or ()]
        after = [tag for tag in before if level_in(tag) is None] + ([level_tag(level)] if level > 1 else [])
        if sorted(after) == sorted(before):
            return {}
        return {"tags": after, "safe_update": True, "updated_stamp": ticket.get("updated_at")}

    def _withdraw(self, comment: str | None, ref: TicketRef) -> None:
        """Make a note private that Zendesk, against our request, made public; raise the alarm (decision 19)."""
        if comment is None:
            return
        try:
            self._line.put(f"tickets/{ref.id}/comments/{comment}/make_private")
            end = "it was made private at once"
        except (TryLater, Refused) as error:
            end = f"and it is STILL PUBLIC ({error}): make comment {comment} private by hand"
        raise Refused(f"ALARM: Zendesk made the internal note public; {end}", parts=frozenset({"note"}), applied=True)

    def _zenpy(self) -> Any:
        session = self._line.session()
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
                timeout=self._line.timeout,
                disable_cache=True,
            )
            self._mine.zenpy.tickets.protocol = parts.scheme
            self._mine.zenpy.tickets._response_handlers = (_AsItCame,)
        return self._mine.zenpy


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
