"""What the answers of Zendesk's API mean: a ticket, what was said on it, the audit of a write, or a failure. Pure.

A failure is told by its code and by the field it names, never by its sentence: those come in our account's language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now
from connectors.contract import Refused, Stale, TryLater
from connectors.site import Site
from connectors.zendesk.picture import actor, identity, mapping, moment, objects, people_and_groups, picture, plain
from policies.model import Comment, Event, Kind, TicketRef

_AT_FAULT = {
    "assignee": "assignee",
    "group": "group",
    "priority": "priority",
    "tags": "level",
    "followers": "followers",
    "collaborators": "followers",
    "comment": "note",
    "body": "note",
}
_CUSTOM_FIELD = re.compile(r"(custom_field|ticket_field|field)s?(_\d+)?|\d+")
_STAFF = frozenset({"agent", "admin"})
_COLLISION_PATIENCE = 0.2  # Zendesk's database was busy: the same again
MOST_COMMENTS = 5000
"""More than this a ticket does not take; it takes other changes."""


class Forbidden(TryLater):
    """Our account, or its token, may not ask this. Waiting does not help; somebody must give it the right."""


class Barred(Refused):
    """The ticket is not shown to us, or it is and is not ours to change; only reading it tells which."""


def fetched(
    answer: Mapping[str, Any],
    names: Mapping[str, str],
    organization: Mapping[str, Any] | None,
    ref: TicketRef,
    site: Site,
    now: datetime,
) -> Event:
    """Make the FETCHED event with the whole ticket; `organization`: its organization's fields, if they are known."""
    named = {**names, **people_and_groups(answer)}
    known = replace(site, names={**names, **dict(_sides(answer))})
    ticket = picture(mapping(answer, "ticket"), ref, known, named, organization, whole=True)
    return Event(id=f"fetched:{now.isoformat()}", kind=Kind.FETCHED, at=now, received_at=now, ticket=ticket)


def organization_fields(answer: Mapping[str, Any], organization: str | None) -> Mapping[str, Any] | None:
    """Return the fields of a ticket's organization: empty if it has none, None if the answer leaves them out."""
    if organization is None:
        return {}
    for shown in (mapping(answer, "organization"), *objects(answer, "organizations")):
        if identity(shown.get("id")) == organization:
            found = shown.get("organization_fields")
            return found if isinstance(found, dict) else None
    return None


def conversation(page: Mapping[str, Any], requester: str | None, site: Site, now: datetime) -> list[Event]:
    """Make a COMMENTED event of each comment, oldest first, with the ids that webhooks give them."""
    staff = {identity(user.get("id")): user.get("role") != "end-user" for user in objects(page, "users")}
    names = people_and_groups(page)
    events = []
    for item in objects(page, "comments"):
        number, who, public = identity(item.get("id")), identity(item.get("author_id")), item.get("public")
        if number is None:
            continue
        text = plain(item.get("plain_body")) or plain(item.get("body")) or ""
        events.append(
            Event(
                id=f"comment:{number}",
                kind=Kind.COMMENTED,
                at=moment(item.get("created_at")) or now,
                received_at=now,
                actor=actor(who, site, requester, staff=staff.get(who), name=names.get(f"user:{who}")),
                comment=Comment(id=number, text=text, public=public if isinstance(public, bool) else None),
            )
        )
    return sorted(events, key=lambda event: event.sort_key)


def with_marker(page: Mapping[str, Any], marker: str) -> Mapping[str, Any] | None:
    """Return the audit that carries our marker."""
    for audit in objects(page, "audits"):
        if mapping(mapping(audit, "metadata"), "custom").get("stepladder") == marker:
            return audit
    return None


def placed(audit: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of the group and the person that a write gave the ticket to, as far as it changed them."""
    shown = {plain(event.get("field_name")): identity(event.get("value")) for event in objects(audit, "events")}
    return {name: key for name in ("group", "assignee") if (key := shown.get(f"{name}_id")) is not None}


def shows_fields(raw: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Say whether a ticket has the custom fields that were to be set; one that is switched off is ignored silently."""
    if "custom_fields" not in raw:
        return True
    shown = {identity(item.get("id")) for item in objects(raw, "custom_fields")}
    return all(identity(item.get("id")) in shown for item in objects(wanted, "custom_fields"))


def leaked_comment(audit: Mapping[str, Any]) -> str | None:
    """Return the comment of our write if the requester can read it, which must never be."""
    for event in objects(audit, "events"):
        if event.get("type") == "Comment" and event.get("public") is not False:
            return identity(event.get("id"))
    return None


def why_refused(raw: Mapping[str, Any], refused: Refused) -> Refused:
    """Say by the ticket itself why a write was refused, where the answer did not say it in a code or a field's name."""
    if plain(raw.get("status")) in ("closed", "deleted"):
        return Refused(str(refused), gone=True)
    if isinstance(refused, Barred):  # it can be read, so it is there
        return Refused("our account may read this ticket and not change it: check its role")
    count = raw.get("comment_count")
    if isinstance(count, int) and count >= MOST_COMMENTS:
        return Refused(f"the ticket has {count} comments and takes no more ({refused})", parts=frozenset({"note"}))
    return refused


def failure(error: VendorAnswer | requests.RequestException, *, about_ticket: bool = True) -> TryLater | Refused:
    """Say which of our two failures this is. Refused without `parts` and not `gone`: only the ticket can tell why."""
    if isinstance(error, VendorAnswer) and 300 <= error.status < 400:
        return TryLater(_moved(error), after=CREDENTIALS_PATIENCE)
    if later := not_now(error):
        return later
    if not isinstance(error, VendorAnswer):
        return Refused(f"the request could not be made ({type(error).__name__})")
    said = error.json()
    sentence = _sentence(said) or f"Zendesk gives no reason, only the number {error.status}"
    if error.status == 409:  # nothing was written
        if said.get("error") == "UpdateConflict":
            return Stale("somebody changed the ticket just now")
        return TryLater(str(error), after=_COLLISION_PATIENCE, site_wide=False)
    if error.status in (403, 404, 410):
        return _hidden(error, _sentence(said), about_ticket)
    if error.status == 413:
        return Refused(sentence, parts=frozenset({"note"}))
    details = mapping(said, "details")
    if "ClosedTicket" in [said.get("error"), *(item.get("error") for _, item in _items(details))]:
        return Refused(sentence, gone=True)
    parts = (_part(key, item) for key, item in _items(details))
    return Refused(sentence, parts=frozenset(filter(None, parts)))


def _hidden(error: VendorAnswer, sentence: str | None, about_ticket: bool) -> TryLater | Refused:
    """Tell a thing that is not there for us from an account, an address or a network that is not let in at all.

    Zendesk refuses in JSON and says `error`; a 403 without that is said by something that stands before it.
    """
    page = "json" not in error.response.headers.get("Content-Type", "")
    if page or (error.status == 403 and sentence is None and about_ticket):
        cure = "check the site's url, and whether Zendesk lets our address in"
        return TryLater(f"{error} without Zendesk's words for a refusal: {cure}", after=CREDENTIALS_PATIENCE)
    if error.status == 403 and (not about_ticket or "scope" in str(sentence)):
        return Forbidden(f"{sentence or error}: check our account's role and scopes", after=CREDENTIALS_PATIENCE)
    if not about_ticket:
        return Refused(f"{error}: Zendesk does not have this")
    kind = Barred if error.status == 403 else Refused
    return kind(f"the ticket is not there or not visible to us ({error.status})", gone=True)


def _moved(error: VendorAnswer) -> str:
    try:
        host = urlsplit(error.response.headers.get("Location", "")).hostname
    except ValueError:
        host = None
    where = f"to {host}" if host else "elsewhere"
    return f"{error}, sending us {where}: was the account renamed? put its new address into `url`"


def _sides(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield on which side the people of an answer stand, as far as their role is told."""
    for user in objects(answer, "users"):
        role, who = plain(user.get("role")), identity(user.get("id"))
        if role and who:
            yield f"{'agent' if role in _STAFF else 'customer'}:{who}", who


def _items(details: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, listed in details.items():
        for item in listed if isinstance(listed, list) else [listed]:
            yield key, item if isinstance(item, dict) else {}


def _part(key: str, item: Mapping[str, Any]) -> str | None:
    """Return which of our parts an error is about; of custom fields we write the level's only."""
    if "ticket_field_id" in item or _CUSTOM_FIELD.fullmatch(key):
        return "level"
    return _AT_FAULT.get(key.removesuffix("_id"))


def _sentence(said: Mapping[str, Any]) -> str | None:
    told = [text for _, item in _items(mapping(said, "details")) if (text := plain(item.get("description")))]
    told += [text for item in objects(said, "errors") if (text := plain(item.get("title")))]  # as of webhooks
    error = mapping(said, "error")  # an older spelling: {"error": {"title": "Forbidden", "message": "…"}}
    words = (plain(said.get("description")), plain(error.get("message")), plain(error.get("title")))
    whole = "; ".join(told) or next(filter(None, words), None) or plain(said.get("error"))
    return whole[:300] if whole else None
