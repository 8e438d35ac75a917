"""Webhooks as Jira keeps them: three interfaces, one shape. It reads and writes them, and decides nothing.

Administrators' webhooks have one path on Cloud and Data Center up to 9, another from Data Center 10 on
(https://developer.atlassian.com/cloud/jira/platform/webhooks/). OAuth apps have their own, which end after 30 days
(https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-webhooks/).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from connectors.jira.enquiry import Enquiry, Reply
from connectors.jira.values import identity, mapping, moment, plain

ISSUES = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
COMMENTS = ("comment_created", "comment_updated", "comment_deleted")
LINKS = ("issuelink_created", "issuelink_deleted")
EVENTS = (*ISSUES, *COMMENTS, *LINKS)
APP_SCOPE = "manage:jira-webhook"
"""What an OAuth app needs to have webhooks of its own."""

_SECTION = "issue-related-events-section"
_PROJECTS = re.compile(r"\s*project\s+in\s*\(([^()]*)\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook. `signed` is None where Jira does not say; `ends` is when an OAuth app's webhook dies."""

    id: str
    name: str
    url: str
    events: frozenset[str]
    jql: str = ""
    enabled: bool = True
    whole: bool = True  # the body is sent
    signed: bool | None = None
    ends: datetime | None = None


class Registry(Protocol):
    """One of the interfaces. `wanted` are the events that it can send."""

    path: str
    wanted: tuple[str, ...]

    def read(self) -> tuple[Hook, ...]:
        """Return the webhooks that are there."""

    def write(self, hook: Hook, secret: str | None) -> Reply:
        """Make a webhook, or change the one with this id."""


class AdminHooks:
    """The administrators' webhooks of Cloud and of Data Center up to 9."""

    path: str = "/rest/webhooks/1.0/webhook"
    wanted: tuple[str, ...] = EVENTS

    def __init__(self, enquiry: Enquiry, listed: object) -> None:
        self._enquiry, self._listed = enquiry, listed

    def read(self) -> tuple[Hook, ...]:
        """Return the webhooks that are there."""
        return tuple(self._hook(mapping(raw)) for raw in (self._listed if isinstance(self._listed, list) else ()))

    def write(self, hook: Hook, secret: str | None) -> Reply:
        """Make a webhook, or change the one with this id; its secret is kept where none is given."""
        path = f"{self.path}/{hook.id}" if hook.id else self.path
        return self._enquiry.ask(path, method="PUT" if hook.id else "POST", body=self._body(hook, secret))

    def _body(self, hook: Hook, secret: str | None) -> dict[str, Any]:
        body: dict[str, Any] = {"name": hook.name, "url": hook.url, "events": sorted(hook.events)}
        body |= {"filters": {_SECTION: hook.jql}, "excludeBody": not hook.whole, "enabled": hook.enabled}
        return body | ({"secret": secret} if secret else {})

    def _hook(self, told: Mapping[str, Any]) -> Hook:
        signed = told.get("isSigned")
        return Hook(
            id=identity(told.get("id")) or (plain(told.get("self")) or "").rpartition("/")[2],
            name=plain(told.get("name")) or "",
            url=plain(told.get("url")) or "",
            events=_texts(told.get("events")),
            jql=plain(mapping(told.get("filters")).get(_SECTION)) or "",
            enabled=told.get("enabled") is not False,
            whole=told.get("excludeBody") is not True,
            signed=signed if isinstance(signed, bool) else None,
        )


class NewAdminHooks(AdminHooks):
    """The administrators' webhooks of Data Center from 10 on: the rest of the settings is text in `configuration`."""

    path: str = "/rest/jira-webhook/1.0/webhooks"

    def _body(self, hook: Hook, secret: str | None) -> dict[str, Any]:
        kept = {"FILTERS": hook.jql, "EXCLUDE_BODY": "false" if hook.whole else "true"}
        kept |= {"SECRET": secret} if secret else {}  # at the top level it would be ignored, and nothing signed
        body = {"name": hook.name, "url": hook.url, "events": sorted(hook.events), "active": hook.enabled}
        return body | {"configuration": kept} | ({"id": int(hook.id)} if hook.id.isdecimal() else {})

    def _hook(self, told: Mapping[str, Any]) -> Hook:
        kept = mapping(told.get("configuration"))
        return Hook(
            id=identity(told.get("id")) or "",
            name=plain(told.get("name")) or "",
            url=plain(told.get("url")) or "",
            events=_texts(told.get("events")),
            jql=plain(kept.get("FILTERS")) or "",
            enabled=told.get("active") is not False,
            whole=(plain(kept.get("EXCLUDE_BODY")) or "false").casefold() != "true",
            signed=True if kept.get("SECRET") else None,
        )


class AppHooks:
    """The webhooks of an OAuth app: signed by its client secret, without links, and gone after 30 days."""

    path: str = "webhook"
    wanted: tuple[str, ...] = (*ISSUES, *COMMENTS)

    def __init__(self, enquiry: Enquiry) -> None:
        self._enquiry = enquiry

    def read(self) -> tuple[Hook, ...]:
        """Return the app's webhooks."""
        return tuple(
            Hook(
                id=identity(told.get("id")) or "",
                name="",
                url=plain(told.get("url")) or "",
                events=_texts(told.get("events")),
                jql=plain(told.get("jqlFilter")) or "",
                signed=True,
                ends=moment(told.get("expirationDate")),
            )
            for told in map(mapping, self._enquiry.listed(self.path))
        )

    def write(self, hook: Hook, secret: str | None) -> Reply:
        """Make a webhook; one that is to be changed is made anew, and the old one deleted."""
        wanted = {"events": sorted(hook.events), "jqlFilter": hook.jql}
        reply = self._enquiry.ask(self.path, method="POST", body={"url": hook.url, "webhooks": [wanted]})
        results = mapping(reply.told).get("webhookRegistrationResult")
        made = mapping(results[0]) if isinstance(results, list) and results else {}
        if reply.yes and not identity(made.get("createdWebhookId")):  # refused inside an answer that says 200
            return Reply(status=400, says=f"Jira says: {'; '.join(sorted(_texts(made.get('errors')))) or 'no reason'}")
        if reply.yes and hook.id:
            self.delete([hook])
        return reply

    def delete(self, hooks: Iterable[Hook]) -> Reply:
        """Delete webhooks of the app."""
        return self._enquiry.ask(self.path, method="DELETE", body={"webhookIds": _numbers(hooks)})

    def refresh(self, hooks: Iterable[Hook]) -> Reply:
        """Let webhooks live for another 30 days."""
        return self._enquiry.ask(f"{self.path}/refresh", method="PUT", body={"webhookIds": _numbers(hooks)})


def registry(enquiry: Enquiry) -> Registry | Reply:
    """Return the interface that serves us, or the reply that says why none does."""
    if enquiry.settings.by_consent:  # an app is served by its own interface only
        reply = enquiry.ask(AppHooks.path)
        return AppHooks(enquiry) if reply.yes else reply
    new = None if enquiry.cloud else enquiry.ask(NewAdminHooks.path)
    if new is not None and new.yes:
        return NewAdminHooks(enquiry, new.told)
    if new is not None and new.forbidden:
        return new
    old = enquiry.ask(AdminHooks.path)
    if old.yes:
        return AdminHooks(enquiry, old.told)
    return old


def same_address(one: str, other: str) -> bool:
    """Say whether two addresses are one, whatever is asked behind the question mark."""
    left, right = urlsplit(one), urlsplit(other)
    return (left.scheme, left.netloc, left.path.rstrip("/")) == (right.scheme, right.netloc, right.path.rstrip("/"))


def filter_for(projects: Iterable[str]) -> str:
    """Return the JQL that lets these projects through; nothing for all of them."""
    quoted = ", ".join('"{}"'.format(key.replace("\\", "\\\\").replace('"', '\\"')) for key in sorted(set(projects)))
    return f"project in ({quoted})" if quoted else ""


def left_out(jql: str, projects: Iterable[str]) -> frozenset[str] | None:
    """Return which projects a filter holds back; None where it says more than we understand."""
    if not jql.strip():
        return frozenset()
    found = _PROJECTS.fullmatch(jql)
    if found is None:
        return None
    through = {word.strip().strip("\"'").casefold() for word in found[1].split(",")}
    return frozenset(key for key in projects if key.casefold() not in through)


def _numbers(hooks: Iterable[Hook]) -> list[int]:
    return [int(hook.id) for hook in hooks if hook.id.isdecimal()]


def _texts(listed: object) -> frozenset[str]:
    return frozenset(filter(None, map(plain, listed if isinstance(listed, list) else ())))
