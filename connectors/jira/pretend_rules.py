"""The pretend Jira's own automation: what it does by itself when something happens, as an administrator set it up.

A rule is kept in the shape in which Jira shows it, and does what it shows. What it does starts no other rule.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.jira.pretend import PretendSite
from connectors.jira.records import ADMIN, CUSTOMERS, PROJECTS, ROBOT, STATUSES
from connectors.sandboxing import Mail

FIELD_CHANGED = "jira.issue.field.changed"
COMMENTED, TRANSITIONED = "jira.issue.event.trigger:commented", "jira.issue.event.trigger:transitioned"
BROKEN = "jira.sla.threshold.trigger"
Outcome = tuple[list[dict[str, Any]], list[dict[str, Any]]]


@dataclass(slots=True, kw_only=True)
class Rule:
    """One rule: when, on which field, in which project (None: all), and what then."""

    name: str
    trigger: str
    fields: tuple[str, ...] = ()
    project: str | None = None
    do: tuple[Mapping[str, Any], ...] = ()
    enabled: bool = True
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


def action(kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return one thing that a rule does, as Jira shows it."""
    return {"component": "ACTION", "schemaVersion": 1, "type": kind, "value": value, "children": [], "conditions": []}


def set_field(number: str, value: Any) -> dict[str, Any]:
    """Set a field to a kept value, or empty it."""
    kind = {"type": "ID" if number.startswith("customfield_") else "NAME", "value": number}
    operation = {"field": kind, "fieldType": number, "type": "SET", "value": {"type": "FREE", "value": value}}
    return action("jira.issue.edit", {"operations": [operation], "advancedFields": None, "sendNotifications": False})


def write(text: str, *, public: bool) -> dict[str, Any]:
    """Write a comment, to customers or internally."""
    told = {"comment": text, "publicComment": public, "commentVisibility": None, "addCommentOnce": False}
    return action("jira.issue.comment", {**told, "sendNotifications": True})


def mail_reporter(subject: str, text: str) -> dict[str, Any]:
    """Send the reporter an e-mail."""
    to = [{"type": "COPY", "value": "reporter"}]
    told = {"fromName": "", "replyTo": "", "to": to, "cc": [], "bcc": [], "subject": subject, "body": text}
    return action("jira.issue.outgoing.email", {**told, "mimeType": "text/html", "convertLineBreaks": True})


def ask(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Send a web request with the issue in it, as Automation writes issues."""
    listed = [{"name": name, "value": value, "headerSecure": True} for name, value in headers.items()]
    told = {"url": url, "headers": listed, "method": "POST", "contentType": "issue", "responseEnabled": False}
    return action("jira.issue.outgoing.webhook", told)


class Rules:
    """All rules of a site. `outbound` are the mails that went to people outside; `notifies` is JSM's own mailing."""

    def __init__(self, site: PretendSite, send: Callable[[Mapping[str, Any], Mapping[str, Any]], None]) -> None:
        self.all: list[Rule] = []
        self.outbound: list[Mail] = []
        self.notifies = False
        self._site, self._send = site, send

    def met(self, trigger: str, issue: Mapping[str, Any], who: str, fields: set[str]) -> Iterator[Rule]:
        """Yield the rules that this sets off; what a rule did sets off none, but a broken promise does."""
        for rule in self.all:
            here = rule.enabled and rule.project in (None, issue["project"])
            by_field = rule.trigger == FIELD_CHANGED and bool(fields & set(rule.fields)) and trigger != BROKEN
            if here and (who != ROBOT or trigger == BROKEN) and (rule.trigger == trigger or by_field):
                yield rule

    def carry_out(self, rule: Rule, issue: dict[str, Any]) -> Outcome:
        """Do what a rule says; return the changes and the comments that it made."""
        items: list[dict[str, Any]] = []
        comments: list[dict[str, Any]] = []
        for step in rule.do:
            value = step["value"]
            if step["type"] == "jira.issue.edit":
                for operation in value["operations"]:
                    changed = self._site.change(issue, operation["field"]["value"], operation["value"]["value"])
                    items += [changed] if changed else []
            elif step["type"] == "jira.issue.comment":
                comments.append(self._site.say(issue, ROBOT, value["comment"], public=value["publicComment"]))
            elif step["type"] == "jira.issue.outgoing.email":
                self._mail(issue, value["subject"], value["body"])
            else:
                self._send(value, issue)
        return items, comments

    def notify(self, trigger: str, issue: Mapping[str, Any], who: str, said: Mapping[str, Any] | None) -> None:
        """Send what a service project sends its customers by itself, if it is set up to: replies and statuses."""
        if not self.notifies or not self._site.is_desk(issue) or who in CUSTOMERS:
            return
        if trigger == COMMENTED and said and said["public"]:
            self._mail(issue, "Reply to your request", said["body"])
        if trigger == TRANSITIONED:
            self._mail(issue, "Status of your request", STATUSES[issue["status"]][0])

    def _mail(self, issue: Mapping[str, Any], subject: str, text: str) -> None:
        for who in dict.fromkeys((issue["reporter"], *issue["participants"])):
            if who in CUSTOMERS:
                self.outbound.append(Mail(ticket=issue["id"], to=f"{who}@example.com", subject=subject, text=text))

    # --- as an administrator reads them --------------------------------------------------------------------
    def summary(self, rule: Rule, cloud_id: str) -> dict[str, Any]:
        """Return what Cloud's list says of a rule."""
        told: dict[str, Any] = {
            "uuid": rule.uuid,
            "name": rule.name,
            "state": "ENABLED" if rule.enabled else "DISABLED",
        }
        told |= {"description": "", "labels": [], "created": 1_743_568_964.174, "updated": 1_743_568_964.174}
        people = {"authorAccountId": self._site.user_id(ADMIN), "actorAccountId": self._site.user_id(ROBOT)}
        return told | people | {"ruleScopeARIs": [_scope(rule, cloud_id)]}

    def whole(self, rule: Rule, cloud_id: str) -> dict[str, Any]:
        """Return a rule with what sets it off and what it does."""
        value = {"changeType": "ANY_CHANGE", "fields": [{"value": name, "type": "field"} for name in rule.fields]}
        trigger = {"component": "TRIGGER", "schemaVersion": 1, "type": rule.trigger, "value": value}
        parts = {"trigger": trigger, "components": [dict(step) for step in rule.do], "canOtherRuleTrigger": False}
        return self.summary(rule, cloud_id) | parts

    def center(self, number: int, rule: Rule) -> dict[str, Any]:
        """Return a rule as Data Center lists it."""
        told = {"id": number, "clientKey": "-", "name": rule.name, "state": "ENABLED" if rule.enabled else "DISABLED"}
        whole = self.whole(rule, "")
        key = [{"projectId": PROJECTS[rule.project][0]}] if rule.project else []
        people = {"authorAccountId": ADMIN, "actorAccountId": ROBOT, "projects": key}
        return told | people | {part: whole[part] for part in ("trigger", "components", "canOtherRuleTrigger")}


def _scope(rule: Rule, cloud_id: str) -> str:
    where = f":project/{PROJECTS[rule.project][0]}" if rule.project else "::site/" + cloud_id
    return f"ari:cloud:jira:{cloud_id}{where}" if rule.project else f"ari:cloud:jira{where}"
