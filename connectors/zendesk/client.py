"""Commands and questions to Zendesk. The only file that uses zenpy: one Zenpy per thread, one request per write.

Writes go through zenpy. Reads use the same authorised line directly: zenpy drops the side-loaded names, users and
groups, when its 30-second-old cache is off.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import requests

from connectors.calls import CREDENTIALS_PATIENCE, patiently
from connectors.contract import Call, Changed, Keeper, Outcome, Refused, TryLater
from connectors.site import Site
from connectors.zendesk.answers import (
    Barred,
    conversation,
    fetched,
    leaked_comment,
    organization_fields,
    placed,
    shows_fields,
    why_refused,
    with_marker,
)
from connectors.zendesk.changes import Changes
from connectors.zendesk.directory import Directory
from connectors.zendesk.discovery import Discovery
from connectors.zendesk.line import PAGE, Line, open_line
from connectors.zendesk.parts import Parts
from connectors.zendesk.picture import asks_organization, identity, level_in, level_tag, mapping, moment, picture
from connectors.zendesk.pools import Pools
from connectors.zendesk.settings import ZendeskSettings
from policies.model import Event, Ticket, TicketRef

_SIDELOADS = "users,groups,organizations"  # the names of a full picture; they cost no request
_LATEST_PAGES = 3  # of audits; between a write and the look for it there are few
_MOST_PAGES = 100


def connect(
    site: Site,
    keeper: Keeper,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ZendeskClient:
    """Open the way to one Zendesk account; nothing is asked yet."""
    return ZendeskClient(site, open_line(site, keeper, clock, now), clock, sleep)


class ZendeskClient:
    """One Zendesk account, safe to use from several threads."""

    def __init__(self, site: Site, line: Line, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._site = site
        self._settings = cast(ZendeskSettings, site.settings)
        self._sleep = sleep
        self._line, self.pace = line, line.pace
        self._directory = Directory(self._line.pages, clock=clock)
        self._discovery = Discovery(self._directory, site, self._settings, clock)
        self._changes = Changes(self._line, site.vendor, site.name, clock)
        pools = Pools(self._directory, self._line, clock)
        self._parts = Parts(self._directory, pools, self._discovery.level_field, self.account)
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

    def settings(self) -> ZendeskSettings:
        """Return the site's settings with titles of fields and labels of statuses turned into ids, cached."""
        return self._discovery.settings()

    def asked(self) -> int:
        """Return how many requests this thread has sent so far."""
        return self._line.asked

    def changed_since(self, since: datetime, before_page: Callable[[], None] = lambda: None) -> Iterator[Changed]:
        """Yield the tickets changed at or after a moment, the earliest change first. Raises TryLater on the way."""
        return self._changes.since(since, before_page)

    def cannot_see(self) -> tuple[str, ...]:
        """Return sentences: which changes `changed_since` does not show, with the rights that we have."""
        return self._changes.cannot_see()

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the ticket, and for its newest hundred comments if `conversation` is wanted."""
        include = _SIDELOADS + (",slas" if "sla_breach_at" in fields else "")
        answer = self._line.get(f"tickets/{ref.id}", "ticket", include=include)
        site = self._seen()
        raw = _this_ticket(answer, ref)
        if raw.get("status") == "deleted":
            raise Refused("the ticket is deleted", gone=True)
        organization = self._organization_fields(answer, identity(raw.get("organization_id")), site)
        events = [fetched(answer, site.names, organization, ref, site, now)]
        if "conversation" in fields:
            newest: dict[str, Any] = {"sort": "-created_at", "page[size]": PAGE, "include": "users"}
            page = self._line.get(f"tickets/{ref.id}/comments", "comments", **newest)
            events += conversation(page, identity(raw.get("requester_id")), site, now)
        return events

    def _seen(self) -> Site:
        """Return the site as the pure functions see it, with the names that are known already."""
        return replace(self._site, settings=self.settings(), account=self._account, names=self._directory.known())

    def _organization_fields(
        self, answer: Mapping[str, Any], organization: str | None, site: Site
    ) -> Mapping[str, Any] | None:
        """Return them as they stand beside the ticket; what stands there may be partial, then it is asked for."""
        found = organization_fields(answer, organization)
        if found is None and asks_organization(site):
            with suppress(Refused):  # not visible to us: unknown
                shown = self._line.get(f"organizations/{organization}", "organization")
                return organization_fields(shown, organization)
        return found

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Search the ticket's audits for the call's marker. A save is one audit: with the marker, all is there."""
        before = self._line.asked
        found = self._audit(call.key, f"tickets/{ref.id}/audits")
        if found is None:
            return None
        self._withdraw(leaked_comment(found) if call.note is not None else None, ref)
        resolved = placed(found)
        if "pool" in call.parts and "assignee" not in resolved:  # no change, so it chose who had the ticket already
            has_it = identity(_this_ticket(self._line.get(f"tickets/{ref.id}", "ticket"), ref).get("assignee_id"))
            resolved |= {"assignee": has_it} if has_it else {}
        return Outcome(vendor_id=identity(found.get("id")), resolved=resolved, requests=self._line.asked - before)

    def _audit(self, marker: str, path: str) -> Mapping[str, Any] | None:
        """Read the first page and the last ones: audits come with the oldest first and offer no other order."""
        page = self._line.get(path, "audits", per_page=PAGE)
        count = page.get("count")
        last = -(-count // PAGE) if isinstance(count, int) else None
        if (found := with_marker(page, marker)) or last is None:
            return found or self._audit_onward(marker, path, page)
        for number in range(last, max(1, last - _LATEST_PAGES), -1):
            if found := with_marker(self._line.get(path, "audits", per_page=PAGE, page=number), marker):
                return found
        return None

    def _audit_onward(self, marker: str, path: str, page: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Walk on, where Zendesk does not say how many there are: not to find a mark that is there doubles a note."""
        number = 1
        while page.get("next_page") and number < _MOST_PAGES:
            number += 1
            page = self._line.get(path, "audits", per_page=PAGE, page=number)
            if found := with_marker(page, marker):
                return found
        return None

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
        self._line.may_write(ref.id)
        try:
            answered, audit = self._line.asking(lambda: self._put(ref, {**wanted, **tags}))
        except Refused as refused:
            if refused.parts or (refused.gone and not isinstance(refused, Barred)):
                raise
            why = self._explained(ref, refused)
            if why is refused:
                raise  # not from itself: whoever followed its causes would not come to an end
            raise why from refused
        self._withdraw(leaked_comment(audit) if "comment" in wanted else None, ref)
        if not shows_fields(answered, wanted):
            self._discovery.level_ignored()
        site = self._seen()
        return Outcome(ticket=picture(answered, ref, site, site.names), vendor_id=identity(audit.get("id")))

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

    def _explained(self, ref: TicketRef, refused: Refused) -> Refused:
        # Zendesk's sentences come in our account's language and mostly without a code, so the ticket is asked
        try:
            answer = self._line.get(f"tickets/{ref.id}", "ticket", include="comment_count")
        except Refused as hidden:
            return hidden if hidden.gone else refused
        return why_refused(_this_ticket(answer, ref), refused)

    def _level_in_tags(self, ref: TicketRef, level: int) -> dict[str, Any]:
        """Return the whole tag list with our level in it, guarded against a change in between."""
        ticket = _this_ticket(self._line.get(f"tickets/{ref.id}", "ticket"), ref)
        listed, stamp = ticket.get("tags"), ticket.get("updated_at")
        if not isinstance(listed, list) or moment(stamp) is None:
            raise TryLater(f"expected ticket {ref.id} with its tags and the time of its last change, got it without")
        before = [str(tag) for tag in listed]
        after = [tag for tag in before if level_in(tag) is None] + ([level_tag(level)] if level > 1 else [])
        if sorted(after) == sorted(before):
            return {}
        return {"tags": after, "safe_update": True, "updated_stamp": stamp}

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
