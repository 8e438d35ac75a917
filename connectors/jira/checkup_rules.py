"""Looks at what Jira itself does when we write: automation, notifications, SLAs, and who can read internal notes.

It only asks; what the rules would do is judged in `foreign`. Where we may not look, it says who can.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from connectors.jira.discovery import Project
from connectors.jira.enquiry import Enquiry, Reply
from connectors.jira.foreign import ASSIGNEE, LABELS, PRIORITY, Ours, Rule, read_rule, runs
from connectors.jira.foreign import findings as judged
from connectors.jira.picture import PARTICIPANTS
from connectors.jira.settings import SLA, JiraSettings, sla_ids
from connectors.jira.values import identity, mapping, plain
from connectors.upkeep import Finding, Grade, Uses
from policies.commands import Take

_MOST_RULES = 500
_DATA_CENTER_RULES = "/rest/cb-automation/latest/project/GLOBAL/rule"
_FREE = {"jira-servicedesk": 500, "jira-software": 100, "jira-core": 100}
"""Runs per month in the Free plan (https://support.atlassian.com/cloud-automation/docs/how-is-my-usage-calculated/)."""
_PAID = "Jira 1,700 (Standard) or 1,000 for each user (Premium), Jira Service Management 5,000 or 1,000 for each agent"
_TOLD = {"2": "updated", "3": "assigned", "6": "commented", "13": "changed"}
"""Events of a notification scheme that our writes raise, by their ids, which no language changes."""


def findings(enquiry: Enquiry, uses: Uses, found: tuple[Project, ...], account: str) -> Iterator[Finding]:
    """Yield who would hear of our writes, and what would undo or double them."""
    yield from _automation(enquiry, uses, found, account)
    yield from _transitions(uses, found)
    for place in found:
        yield from _sla(enquiry, uses, place)
        if place.desk and place.open:
            yield _open_desk(place)
        if not place.desk:
            yield from _notifications(enquiry, place)


# --- automation -------------------------------------------------------------------------------------------------------
def _automation(enquiry: Enquiry, uses: Uses, found: tuple[Project, ...], account: str) -> Iterator[Finding]:
    rules = _rules(enquiry)
    if isinstance(rules, Reply):
        yield _finding(
            "vendor-rules:automation",
            Grade.UNKNOWN,
            f"Stepladder's account may not read Jira's automation rules (it answered {rules.status}), so nobody has "
            "looked whether one of them writes to customers, or sets back what Stepladder sets.",
            "An administrator looks at ⚙ → System → Automation rules for triggers Field value changed, Work item "
            "updated, Work item commented and Work item assigned, or examines with an administrator's token.",
        )
        return
    ours = _ours(enquiry.resolved(), uses, found, account)
    listed = list(judged(rules, ours))
    yield from listed
    if not listed:
        says = f"None of {len(rules)} automation rules writes to customers, or sets back what Stepladder sets."
        yield _finding("vendor-rules:automation", Grade.FINE, says)
    if enquiry.cloud:
        yield from _usage(enquiry, uses, runs(rules, ours))


def _rules(enquiry: Enquiry) -> list[Rule] | Reply:
    if not enquiry.cloud:
        reply = enquiry.ask(_DATA_CENTER_RULES)
        listed = reply.told if isinstance(reply.told, list) else []
        return [rule for told in listed if (rule := read_rule(told))] if reply.yes else reply
    if enquiry.settings.api_url is not None or enquiry.settings.client_id is not None:
        return Reply(status=403)  # Atlassian serves the rules to classic tokens only
    cloud_id = plain(mapping(enquiry.ask("/_edge/tenant_info").told).get("cloudId"))
    if cloud_id is None:
        return Reply(status=404)
    base = f"/gateway/api/automation/public/jira/{cloud_id}/rest/v1/rule"
    found: list[Rule] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < _MOST_RULES:
        reply = enquiry.ask(f"{base}/summary{cursor}")
        if not reply.yes:
            return reply
        page = mapping(reply.told).get("data")
        found += _whole(enquiry, base, page if isinstance(page, list) else [])
        cursor = plain(mapping(mapping(reply.told).get("links")).get("next"))
        cursor = f"?{cursor.rpartition('?')[2]}" if cursor else None
    return found


def _whole(enquiry: Enquiry, base: str, page: list[Any]) -> Iterator[Rule]:
    """Yield the rules of a page that are switched on; the page itself says neither triggers nor actions."""
    for told in map(mapping, page):
        number = identity(told.get("uuid"))
        if number and plain(told.get("state")) == "ENABLED":
            rule = read_rule({**mapping(enquiry.ask(f"{base}/{number}").told), "uuid": number})
            if rule is not None:
                yield rule


def _ours(settings: JiraSettings, uses: Uses, found: tuple[Project, ...], account: str) -> Ours:
    fields = {LABELS: LABELS, "label": LABELS}
    if uses.sets:
        fields[PRIORITY] = PRIORITY
    owned = [placed.target for placed in uses.targets if placed.take is Take.OWNERSHIP]
    if any({"assignee", "from"} & target.keys() for target in owned):
        fields[ASSIGNEE] = ASSIGNEE
    if settings.level_field:
        fields[settings.level_field.casefold()] = settings.level_field
    for target in owned:
        for ours in mapping(target.get("field")):
            number = settings.fields.get(ours, ours)
            fields |= {number.casefold(): ours, ours.casefold(): ours}
    outsiders = (settings.fields.get(PARTICIPANTS), settings.fields.get("organization"))
    return Ours(
        account=account,
        fields=fields,
        moves=any(target.get("transition") for target in owned),
        links=any("linked_issue" in placed.target for placed in uses.targets),
        projects=frozenset(place.id for place in found) if uses.scope.get("project") else None,
        desks=frozenset(place.id for place in found if place.desk),
        outsiders=frozenset(known.casefold() for known in outsiders if known),
    )


def _usage(enquiry: Enquiry, uses: Uses, count: int) -> Iterator[Finding]:
    if count == 0:
        return
    listed = mapping(enquiry.ask("instance/license").told).get("applications")
    plans = {identity(mapping(a).get("id")): plain(mapping(a).get("plan")) for a in (listed or ())}
    free = {product: most for product, most in _FREE.items() if plans.get(product) == "FREE"}
    limit = min(free.values(), default=None)
    writes = uses.writes_per_month
    told = f"Of the automation rules, {count} may run at each of our writes"
    if writes is not None:
        told += f"; at {writes} writes in the last thirty days that is up to {count * writes} runs a month"
    over = limit is not None and writes is not None and count * writes > limit
    most = f"The Free plan allows {limit} a month" if limit else f"A paid plan allows {_PAID}, unlimited in Enterprise"
    yield Finding(
        name="automation-runs:month",
        check="automation-runs",
        grade=Grade.PROBLEM if over else Grade.NOTE,
        says=f"{told}. {most}; at the limit all rules of that product stop until the next month. How many are used "
        "already, Jira does not tell.",
        cure="⚙ → System → Automation rules → Usage shows what is used; let rules leave out what Stepladder does.",
    )


# --- who else hears ---------------------------------------------------------------------------------------------------
def _transitions(uses: Uses, found: tuple[Project, ...]) -> Iterator[Finding]:
    """A customer sees the status of a request, and Jira Service Management may write to them about it."""
    moved = [p for p in uses.targets if p.take is Take.OWNERSHIP and p.target.get("transition")]
    if not moved:
        return
    words = ", ".join(dict.fromkeys(str(placed.target["transition"]) for placed in moved))
    for place in found:
        if place.desk:
            name = f"customer-hears:transition:{place.key}"
            yield Finding(
                name=name,
                check="customer-hears",
                grade=Grade.PROBLEM,
                says=f"The policy moves requests of {place.key} to another status ({words}). The customer sees it in "
                "the portal, and Jira may send them a mail; no API tells whether it does.",
                cure=f"Look at {place.key}: Project settings → Customer notifications, and at what the portal calls "
                f"the status; then accept it: accepts = [{json.dumps(name)}]. Or leave the transition out.",
                customer_hears=True,
            )


def _notifications(enquiry: Enquiry, place: Project) -> Iterator[Finding]:
    """In a project without a portal, whoever can see an issue may be written to about our change of it."""
    reply = enquiry.ask(f"project/{place.key}/notificationscheme", {"expand": "all"})
    name = f"vendor-rules:notifications:{place.key}"
    if not reply.yes:
        says = f"Who is written to about changes in {place.key} may only be seen by its administrators."
        cure = f"{place.key}: Project settings → Notifications, at Issue updated, assigned and commented."
        yield _finding(name, Grade.UNKNOWN, says, cure)
        return
    heard: dict[str, list[str]] = {}
    events = mapping(reply.told).get("notificationSchemeEvents")
    for raw in map(mapping, events if isinstance(events, list) else ()):
        event = _TOLD.get(identity(mapping(raw.get("event")).get("id")) or "")
        listed = raw.get("notifications")
        for told in map(mapping, listed if isinstance(listed, list) else ()):
            if event is not None:
                heard.setdefault(plain(told.get("notificationType")) or "?", []).append(event)
    if heard:
        words = "; ".join(f"{_READERS.get(who, who)} ({', '.join(events)})" for who, events in sorted(heard.items()))
        says = f"Jira writes about our changes in {place.key} to: {words}. Customers have no access to such a project."
        cure = f"{place.key}: Project settings → Notifications, should that be too many."
        yield _finding(name, Grade.NOTE, says, cure)


_READERS = {
    "Reporter": "the reporter",
    "CurrentAssignee": "the assignee",
    "AllWatchers": "all watchers",
    "ProjectLead": "the project's lead",
    "ComponentLead": "the component's lead",
    "EmailAddress": "a fixed e-mail address",
    "Group": "a group",
    "ProjectRole": "a role of the project",
    "User": "one user",
    "GroupCustomField": "the groups in a field",
    "UserCustomField": "the people in a field",
    "CurrentUser": "Stepladder itself",
}


def _sla(enquiry: Enquiry, uses: Uses, place: Project) -> Iterator[Finding]:
    """Goals are chosen by priority and by status; which, only the project's own pages say."""
    moves = any(placed.target.get("transition") for placed in uses.targets)
    numbers = sla_ids(enquiry.resolved().fields.get(SLA, ""))
    if not place.desk or not numbers or not (uses.sets or moves):
        return
    names = enquiry.discovery.names()
    listed = ", ".join(names.get(f"field:{number}", number) for number in numbers)
    what = " and ".join(word for word, so in (("the priority", uses.sets), ("the status", moves)) if so)
    says = f"The policy changes {what} of requests in {place.key}, which may choose another goal for, start or stop: "
    cure = f"{place.key}: Project settings → SLAs: see that the goals still mean what you promise after the change."
    yield Finding(name=f"sla:goals:{place.key}", check="sla", grade=Grade.UNKNOWN, says=f"{says}{listed}.", cure=cure)


def _open_desk(place: Project) -> Finding:
    return Finding(
        name=f"sharing:open-desk:{place.key}",
        check="sharing",
        grade=Grade.WARNING,
        says=f"{place.key} is open to everybody with a Jira licence, so requesters who have one read internal notes.",
        cure=f"{place.key}: Project settings → Access → Limited or Private; or let the policy's `exposed_notes` decide "
        "what stands in a note that such a requester can read.",
    )


def _finding(name: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=name, check="vendor-rules", grade=grade, says=says, cure=cure)
