"""The pretend Jira's webhooks: what happened, in the shapes that Cloud and Data Center send. It decides nothing."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.jira.pretend import PretendSite
from connectors.jira.pretend_links import LINK_TYPES
from connectors.jira.records import OURS
from connectors.postman import Envelope


class Webhooks:
    """Tells one subscriber everything that happens at a site, our own writes included."""

    def __init__(
        self,
        site: PretendSite,
        post: Callable[[Envelope], None],
        clock: Callable[[], datetime],
        sign: Callable[[bytes], Mapping[str, str]],
    ) -> None:
        self._site, self._post, self._clock, self._sign = site, post, clock, sign
        self._changes = itertools.count(50_001)
        self._subscriber: tuple[str, str | bool] | None = None

    def subscribe(self, url: str, verify: str | bool) -> None:
        """Send what happens from now on to this address."""
        self._subscriber = (url, verify)

    # --- what our account did through the API -----------------------------------------------------------------
    def saved(self, issue: dict[str, Any], items: list[dict[str, Any]], kind: str = "issue_updated") -> None:
        """Send what our account changed through the API."""
        self.issue("jira:issue_updated", kind, issue, OURS, items)

    def spoke(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """Send what our account wrote through the API."""
        self.comment(issue, said)

    def withdrew(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """Send that our account deleted a comment."""
        self.comment(issue, said, "comment_deleted")

    def opened(self, issue: dict[str, Any]) -> None:
        """Send that our account opened an issue."""
        self.issue("jira:issue_created", "issue_created", issue, OURS)

    # --- what anybody did -------------------------------------------------------------------------------------
    def issue(
        self,
        event: str,
        kind: str | None,
        issue: Mapping[str, Any],
        who: str,
        items: list[Any] | None = None,
        **more: Any,
    ) -> None:
        """Send an issue event."""
        body = {"webhookEvent": event, "user": self._site.user(who), "issue": self._site.show(issue)}
        body |= {"issue_event_type_name": kind} if kind else {}
        body |= {"changelog": {"id": str(next(self._changes)), "items": items}} if items is not None else {}
        self._send({**body, **more})

    def comment(self, issue: Mapping[str, Any], said: Mapping[str, Any], event: str = "comment_created") -> None:
        """Send a comment event; Data Center tells it twice, and the first time without the issue."""
        shown = self._site.comment(issue, said)
        if self._site.cloud:
            self._send({"webhookEvent": event, "comment": shown, "issue": self._site.show(issue, brief=True)})
            return
        self._send({"webhookEvent": event, "comment": shown})
        if event == "comment_created":
            self.issue("jira:issue_updated", "issue_commented", issue, said["who"], comment=shown)

    def linked(self, link: dict[str, str], event: str = "issuelink_created") -> None:
        """Send that two issues were linked, or are no more: their ids, nobody's name."""
        number, inward, outward = LINK_TYPES[link["type"]]
        kind = {"id": int(number), "name": link["type"], "outwardName": outward, "inwardName": inward}
        told = {"id": int(link["id"]), "issueLinkType": kind, "systemLink": False}
        told |= {"sourceIssueId": int(link["source"]), "destinationIssueId": int(link["destination"])}
        self._send({"webhookEvent": event, "issueLink": told})

    def _send(self, told: Mapping[str, Any]) -> None:
        if self._subscriber is None:
            return
        body = json.dumps({"timestamp": int(self._clock().timestamp() * 1000), **told}).encode()
        url, verify = self._subscriber
        headers = {"Content-Type": "application/json", "User-Agent": "Atlassian Webhook HTTP Client"}
        if self._site.cloud:  # the same for every attempt; Data Center documents none of these
            headers |= {"X-Atlassian-Webhook-Identifier": str(uuid.uuid4()), "X-Atlassian-Webhook-Flow": "Primary"}
        else:
            url += "?user_id=admin&user_key=JIRAUSER10000"
        sign = self._sign
        self._post(Envelope(body=body, headers=headers, sign=lambda: sign(body), url=url, verify=verify))
