"""What Jira's answers mean: events if it was asked; later, never, or not this part if it was told to write. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.calls import CREDENTIALS_PATIENCE, VendorAnswer, not_now
from connectors.contract import Call, Refused, Stale, TryLater
from connectors.jira.events import opened_with, said
from connectors.jira.notes import bears
from connectors.jira.picture import comment, is_portal, person_ids, picture
from connectors.jira.settings import JiraSettings, settings_of, sla_ids
from connectors.jira.values import identity, mapping, plain
from connectors.jira.writeback import EDIT, LINK, TRANSITION, WATCH
from connectors.site import Site
from policies.model import Event, Kind, Role, TicketRef

_GONE = re.compile(r"archived|does not exist|no longer exists", re.IGNORECASE)
_QUOTED = re.compile(r"'(\w+)'|(customfield_\d+)")
_NOT_LOGGED_IN = frozenset({"AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "OUT"})
_SAID_LIMIT = 300
_SYSTEM_FIELDS = (
    "summary",
    "status",
    "priority",
    "project",
    "issuetype",
    "created",
    "updated",
    "assignee",
    "reporter",
    "labels",
    "duedate",
    "issuelinks",
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def asked_for(settings: JiraSettings, wanted: frozenset[str]) -> list[str]:
    """Return the fields of an issue that tell a whole ticket, and the conversation if that is wanted too."""
    maps = (settings, *settings.by_project.values())
    mapped = (text for known in maps for text in (*known.fields.values(), known.level_field or ""))
    own = [number for text in mapped for number in sla_ids(text) if number.isascii() and number.isidentifier()]
    spoken = ("comment", "description", "creator") if "conversation" in wanted else ()
    return list(dict.fromkeys((*_SYSTEM_FIELDS, *spoken, *own)))


def fetched(
    issue: Mapping[str, Any],
    ref: TicketRef,
    site: Site,
    asked: frozenset[str],
    now: datetime,
    exposed: str | None = None,
) -> Event:
    """Return the issue as one FETCHED event with everything Jira can tell; `exposed` was found out apart."""
    ticket = replace(picture(issue, ref, site, whole=True, asked=asked), exposed=exposed)
    return Event(id=f"fetched:{now.isoformat()}", kind=Kind.FETCHED, at=now, received_at=now, ticket=ticket)


def conversation(
    comments: Sequence[object], fields: Mapping[str, Any], ref: TicketRef, site: Site, now: datetime
) -> Iterator[Event]:
    """Return description and comments as COMMENTED events, with the ids that their webhooks have."""
    events = (said(mapping(raw), site, fields, now, asked=True) for raw in comments)
    yield from filter(None, (opened_with(fields, ref, site, now), *events))


def inline_comments(fields: Mapping[str, Any]) -> list[object] | None:
    """Return the comments an issue carries, or None if some are missing or it is unsaid who can read them."""
    block = mapping(fields.get("comment"))
    listed, total = block.get("comments"), block.get("total")
    if not isinstance(listed, list) or not isinstance(total, int) or total > len(listed):
        return None
    read = [comment(mapping(raw), fields) for raw in listed]
    unsaid = is_portal(fields) is not False and any(found is not None and found.public is None for found in read)
    return None if unsaid else listed


def public_authors(comments: Sequence[object], fields: Mapping[str, Any], site: Site) -> Iterator[str]:
    """Yield who wrote what customers can read in a service project and looks like an agent; each once."""
    if is_portal(fields) is False:
        return
    events = (said(mapping(raw), site, fields, _LONG_AGO, asked=True) for raw in comments)
    public = (event for event in events if event is not None and event.comment is not None and event.comment.public)
    agents = (event.actor.id for event in public if event.actor is not None and event.actor.role is Role.AGENT)
    yield from dict.fromkeys(agents)


def people_of(fields: Mapping[str, Any]) -> Iterator[object]:
    """Yield the people an issue shows, for their names."""
    for key in ("assignee", "reporter", "creator"):
        yield fields.get(key)


def failure(error: Exception, call: Call | None, site: Site) -> TryLater | Refused:
    """Say whether to try later or never, and which parts of the call are at fault."""
    if isinstance(error, VendorAnswer):
        return (
            _stranger(error)
            or _elsewhere(error)
            or _overtaken(error)
            or _watch_refused(error, call, site)
            or _judged(error, call, site)
        )
    return not_now(error) or TryLater(f"Jira's answer could not be understood ({type(error).__name__})", sent=True)


def with_operation(answer: Mapping[str, Any], operation: str, account: str | None) -> Mapping[str, Any] | None:
    """Return the comment that carries the operation's id, of those in the answer; a person may have quoted it."""
    listed = answer.get("comments")
    for raw in listed if isinstance(listed, list) else ():
        author = set(person_ids(mapping(raw).get("author")))
        if bears(plain(mapping(raw).get("body")) or "", operation) and (not account or not author or account in author):
            return mapping(raw)
    return None


def comment_id(answer: Mapping[str, Any]) -> str:
    """Return the id of a comment that Jira says it made; without one the answer is no answer."""
    number = identity(answer.get("id"))
    if number is None:
        raise TryLater("expected the comment that was made, got another answer", sent=True)
    return number


def _stranger(error: VendorAnswer) -> TryLater | None:
    """Data Center asks for a CAPTCHA with 403 and serves a failed log-in as if nobody were logged in."""
    headers = error.response.headers
    outside = headers.get("X-Seraph-LoginReason") in _NOT_LOGGED_IN and error.status in (200, 401, 403, 404)
    if headers.get("X-Authentication-Denied-Reason") or outside:
        return TryLater(f"{error}: Jira does not accept our log-in", after=CREDENTIALS_PATIENCE)
    return None


def _elsewhere(error: VendorAnswer) -> TryLater | None:
    """Tell a site that is not there (renamed, another address, a gateway that knows no such site) from an issue.

    Jira's own 404 has a list of messages, the service desk's has one; a page or anything else is somebody else's.
    """
    if error.status != 404 or not error.response.content or {"errorMessages", "errorMessage"} & error.json().keys():
        return None
    return TryLater(f"{error}: no Jira answers there, check the site's address", after=CREDENTIALS_PATIENCE)


def _overtaken(error: VendorAnswer) -> Stale | None:
    return Stale(f"{error}: somebody else is changing the issue") if error.status == 409 else None


def _watch_refused(error: VendorAnswer, call: Call | None, site: Site) -> Refused | None:
    # 404 may mean the person; Data Center says 401 to an account that may not manage the watcher list
    codes = {400, 403, 404} | (set() if settings_of(site).cloud else {401})
    if call is not None and call.verb == WATCH and error.status in codes:
        return Refused(_sentence(error), parts=frozenset({"watchers"}))
    return None


def _judged(error: VendorAnswer, call: Call | None, site: Site) -> TryLater | Refused:
    if later := not_now(error):
        return later
    answer = error.json()
    if call is not None and "linked_issue" in call.parts:  # 404 may mean the project, the link's type or linking itself
        return Refused(_sentence(error), parts=frozenset({"linked_issue"}))
    if error.status == 404 or (not answer.get("errors") and _GONE.search(" ".join(_messages(answer)))):
        return Refused(f"the issue is not there, or not visible to us ({error.status})", gone=True)
    if call is not None and call.verb == TRANSITION:
        return Refused(_sentence(error), parts=frozenset({"transition"}))
    if error.status == 413:
        return Refused(_sentence(error), parts=frozenset({"note"}))
    edits = call is not None and call.verb in (EDIT, LINK)
    parts = _blame(_fields_in(answer), call, site) if call is not None and edits else frozenset()
    return Refused(_sentence(error), parts=parts)


def _fields_in(answer: Mapping[str, Any]) -> set[str]:
    """Return the fields that a refusal names: by their keys, or in its sentences, whose language we need not know."""
    named = (match for text in _messages(answer) for match in _QUOTED.findall(text))
    return {*mapping(answer.get("errors")), *(word for pair in named for word in pair if word)}


def _blame(errors: Iterable[str], call: Call, site: Site) -> frozenset[str]:
    by_field = {"assignee": "assignee", "priority": "priority", "labels": "level"}
    if "pool" in call.parts:
        by_field["assignee"] = "pool"
    by_field |= {
        theirs: f"field:{ours}" for ours, theirs in site.settings.fields.items() if f"field:{ours}" in call.parts
    }
    if site.settings.level_field:
        by_field[site.settings.level_field] = "level"
    return frozenset(by_field[name] for name in errors if name in by_field) & frozenset(call.parts)


def _sentence(error: VendorAnswer) -> str:
    """Return Jira's own words; people read them in notes, so no address is in them."""
    words = "; ".join(_messages(error.json()))
    return f"Jira says: {words[:_SAID_LIMIT]}" if words else f"Jira gives no reason, only the number {error.status}"


def _messages(answer: Mapping[str, Any]) -> list[str]:
    listed = answer.get("errorMessages")
    general = [text for item in listed if (text := plain(item))] if isinstance(listed, list) else []
    by_field = [f"{name}: {text}" for name, text in mapping(answer.get("errors")).items()]
    service_desk = plain(answer.get("errorMessage"))  # the service desk API has one sentence instead
    return general + by_field + ([service_desk] if service_desk else [])
