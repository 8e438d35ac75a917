"""Tells what happens at the pretend Jira: to the history, to the webhooks, and to the site's own rules. No web."""

from __future__ import annotations

from typing import Any

from connectors.jira.pretend import PretendSite
from connectors.jira.pretend_hooks import Webhooks
from connectors.jira.pretend_rules import Rules
from connectors.jira.records import ROBOT

Items = list[dict[str, Any]]


class Herald:
    """Whatever people, our account or a rule do passes here, after it was done."""

    def __init__(self, site: PretendSite, hooks: Webhooks, rules: Rules) -> None:
        self.hooks, self.rules = hooks, rules
        self._site = site

    def changed(self, issue: dict[str, Any], who: str, items: Items, kind: str = "issue_updated") -> None:
        """Fields were changed; nothing is told where nothing was."""
        if items:
            number = self._site.record(issue, who, items)
            self.hooks.issue("jira:issue_updated", kind, issue, who, items, number=number)
            fields = {str(item["fieldId"]) for item in items}
            self._react("jira.issue.event.trigger:transitioned" if "status" in fields else "", issue, who, fields)

    def spoke(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """A comment was written."""
        self.hooks.comment(issue, said)
        self._react("jira.issue.event.trigger:commented", issue, said["who"], set(), said=said)

    def rewrote(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """A comment was changed."""
        self.hooks.comment(issue, said, "comment_updated")

    def withdrew(self, issue: dict[str, Any], said: dict[str, Any]) -> None:
        """A comment was deleted."""
        self.hooks.comment(issue, said, "comment_deleted")

    def opened(self, issue: dict[str, Any], who: str) -> None:
        """An issue was opened."""
        self.hooks.issue("jira:issue_created", "issue_created", issue, who)
        self._react("jira.issue.event.trigger:created", issue, who, set())

    def deleted(self, issue: dict[str, Any], who: str) -> None:
        """An issue was deleted."""
        self.hooks.issue("jira:issue_deleted", None, issue, who)

    def linked(self, link: dict[str, str], event: str = "issuelink_created") -> None:
        """Two issues were linked, or are no more."""
        self.hooks.linked(link, event)

    def broke(self, issue: dict[str, Any], field: str) -> None:
        """A promise of the site's own was broken; only a rule can tell anybody."""
        self._react("jira.sla.threshold.trigger", issue, ROBOT, {field})

    def _react(self, trigger: str, issue: dict[str, Any], who: str, fields: set[str], said: Any = None) -> None:
        self.rules.notify(trigger, issue, who, said)
        for rule in self.rules.met(trigger, issue, who, fields):
            items, comments = self.rules.carry_out(rule, issue)
            self.changed(issue, ROBOT, items, "issue_generic")
            for comment in comments:
                self.spoke(issue, comment)
