"""The pretend Jira's webhooks: what happened, in the shapes that Cloud and Data Center send. It decides nothing."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt

from connectors.jira.pretend import PretendSite
from connectors.jira.pretend_links import LINK_TYPES
from connectors.postman import CUT, SILENCE, Envelope, Manners

MANNERS = Manners(
    retries={408: 5, 409: 5, 425: 5, 429: 5, SILENCE: 5, CUT: 5},
    server_errors=5,
    waits=(300.0, 450.0, 600.0, 750.0, 900.0),
    retry_header="X-Atlassian-Webhook-Retry",
    timeout=20.0,
)
"""Cloud's retry policy (developer.atlassian.com, webhooks); of Data Center nothing is published."""

_AGENT = "Atlassian Webhook HTTP Client"
_VARIABLE = re.compile(r"\$?\{(issue\.id|issue\.key|project\.id|project\.key|comment\.id)\}")


@dataclass(slots=True, kw_only=True)
class Hook:
    """One webhook: where it goes, what about, and what signs it. Without `events` it is told everything.

    `app` is the OAuth app that made it, whose `secret` signs a token instead of the body; such a one `expires`.
    """

    id: str
    url: str
    name: str = ""
    events: tuple[str, ...] = ()
    jql: str = ""
    secret: str | None = None
    verify: str | bool = True
    app: str | None = None
    fields: tuple[str, ...] = ()
    expires: datetime | None = None
    exclude_body: bool = False
    enabled: bool = True


class Webhooks:
    """Tells every subscriber what happens at a site, our own writes included."""

    def __init__(self, site: PretendSite, post: Callable[[Envelope], None], secret: Callable[[], str]) -> None:
        self._site, self._post, self._secret = site, post, secret
        self.all: list[Hook] = []
        self._numbers = itertools.count(1)

    def number(self) -> str:
        """Return the id of a webhook that is about to be made."""
        return str(next(self._numbers))

    def subscribe(self, url: str, verify: str | bool) -> None:
        """Send everything that happens from now on to this address, signed with the site's own secret."""
        self.all = [hook for hook in self.all if hook.id]
        self.all.append(Hook(id="", url=url, verify=verify))

    # --- what happened ------------------------------------------------------------------------------------
    def issue(
        self,
        event: str,
        kind: str | None,
        issue: Mapping[str, Any],
        who: str,
        items: list[dict[str, Any]] | None = None,
        *,
        number: str = "",
        **more: Any,
    ) -> None:
        """Send an issue event."""
        body = {"webhookEvent": event, "user": self._site.user(who), "issue": self._site.show(issue)}
        body |= {"issue_event_type_name": kind} if kind else {}
        body |= {"changelog": {"id": number, "items": items}} if items is not None else {}
        self._send({**body, **more}, issue)

    def comment(self, issue: Mapping[str, Any], said: Mapping[str, Any], event: str = "comment_created") -> None:
        """Send a comment event; Data Center tells it twice, and the first time without the issue."""
        shown = self._site.comment(issue, said)
        if self._site.cloud:
            brief = self._site.show(issue, brief=True)
            self._send({"webhookEvent": event, "comment": shown, "issue": brief}, issue)
            return
        people = {} if event == "comment_created" else {"user": self._site.user(said["who"])}
        self._send({"webhookEvent": event, **people, "comment": shown}, issue)
        kinds = {"comment_created": "issue_commented", "comment_updated": "issue_comment_edited"}
        if event in kinds:
            self.issue("jira:issue_updated", kinds[event], issue, said["who"], comment=shown)

    def linked(self, link: dict[str, str], event: str = "issuelink_created") -> None:
        """Send that two issues were linked, or are no more: their ids, nobody's name."""
        number, inward, outward = LINK_TYPES[link["type"]]
        kind = {"id": int(number), "name": link["type"], "outwardName": outward, "inwardName": inward}
        told = {"id": int(link["id"]), "issueLinkType": kind, "systemLink": False}
        told |= {"sourceIssueId": int(link["source"]), "destinationIssueId": int(link["destination"])}
        self._send({"webhookEvent": event, "issueLink": told}, None)

    def request(self, value: Mapping[str, Any], issue: Mapping[str, Any]) -> None:
        """Send an automation rule's web request: the bare issue with a number for its id, and nothing signed."""
        shown = self._site.show(issue)
        told = {**shown, "id": int(issue["id"]), "changelog": {"startAt": 0, "maxResults": 0, "total": 0}}
        headers = {str(header["name"]): str(header["value"]) for header in value["headers"]}
        headers |= {"Content-Type": "application/json"}
        verify = next((hook.verify for hook in self.all), True)
        envelope = Envelope(body=json.dumps(told).encode(), headers=headers, sign=dict, url=value["url"], verify=verify)
        self._post(envelope)

    # --- how it is sent -----------------------------------------------------------------------------------
    def _send(self, told: dict[str, Any], issue: Mapping[str, Any] | None) -> None:
        now = self._site.clock()
        told = {"timestamp": int(now.timestamp() * 1000), **told}
        for hook in self._wanted(told, issue, now):
            matched = {"matchedWebhookIds": [int(hook.id)]} if hook.app else {}
            body = b"" if hook.exclude_body else json.dumps(told | matched).encode()
            url = _VARIABLE.sub(lambda found: _named(found[1], issue, told), hook.url)
            headers = {"Content-Type": "application/json", "User-Agent": _AGENT}
            name = str(uuid.uuid4())
            if self._site.cloud:  # the same for every attempt; Data Center documents none of these
                headers |= {"X-Atlassian-Webhook-Identifier": name, "X-Atlassian-Webhook-Flow": "Primary"}
            else:
                url += f"{'&' if '?' in url else '?'}user_id=admin&user_key=JIRAUSER10000"
            signer = self._signer(hook, body, url)
            envelope = Envelope(
                body=body, headers=headers, sign=signer, url=url, verify=hook.verify, webhook=hook.id, name=name
            )
            self._post(envelope)

    def _wanted(self, told: Mapping[str, Any], issue: Mapping[str, Any] | None, now: datetime) -> Iterator[Hook]:
        items = told.get("changelog", {}).get("items", [])
        changed = {str(item["fieldId"]) for item in items}
        for hook in self.all:
            asked = hook.enabled and (not hook.events or told["webhookEvent"] in hook.events)
            alive = hook.expires is None or hook.expires > now
            about = not hook.fields or not items or bool(changed & set(hook.fields))
            fits = not hook.jql or (issue is not None and self._site.question(hook.jql).fits(issue))
            if asked and alive and about and fits:
                yield hook

    def _signer(self, hook: Hook, body: bytes, url: str) -> Callable[[], Mapping[str, str]]:
        if hook.app:
            return lambda: {"Authorization": f"Bearer {self._token(hook, url)}"}
        if hook.id and hook.secret is None:
            return dict
        return lambda: signed(body, hook.secret or self._secret())

    def _token(self, hook: Hook, url: str) -> str:
        now, parts = self._site.clock(), urlsplit(url)
        canonical = f"POST&{parts.path or '/'}&{'&'.join(sorted(filter(None, parts.query.split('&'))))}"
        claims = {"iss": hook.app, "iat": now, "exp": now + timedelta(minutes=3)}
        claims["qsh"] = hashlib.sha256(canonical.encode()).hexdigest()
        return jwt.encode(claims, hook.secret or "", algorithm="HS256")


def signed(body: bytes, secret: str) -> dict[str, str]:
    """Return the header that proves a body: WebSub's, with the method in front."""
    return {"X-Hub-Signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def _named(variable: str, issue: Mapping[str, Any] | None, told: Mapping[str, Any]) -> str:
    if variable == "comment.id":
        return str(told.get("comment", {}).get("id", ""))
    if issue is None:
        return ""
    return str({"issue.id": issue["id"], "issue.key": issue["key"]}.get(variable, issue["project"]))
