"""Examines one Jira site: who we are there, what we may, and what else the policy needs. It changes nothing.

One thing it does keep alive: webhooks of an OAuth app, which would end after 30 days (see `checkup_hooks`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.access import kept_of
from connectors.contract import Keeper
from connectors.endings import ending, ends_at
from connectors.jira import checkup_hooks, checkup_names, checkup_people, checkup_rules
from connectors.jira.discovery import Project
from connectors.jira.enquiry import Enquiry, enquire, introduced
from connectors.jira.picture import person_ids
from connectors.jira.places import linked_projects, newest, places
from connectors.jira.values import mapping, plain
from connectors.site import Site
from connectors.upkeep import Finding, Grade, Uses
from policies.commands import Take

_MOST_SKEW = 60.0
_TOKENS = "https://id.atlassian.com/manage-profile/security/api-tokens"
_PERMISSIONS = {
    "BROWSE_PROJECTS": "Browse projects",
    "EDIT_ISSUES": "Edit issues",
    "ASSIGN_ISSUES": "Assign issues",
    "ADD_COMMENTS": "Add comments",
    "DELETE_OWN_COMMENTS": "Delete own comments",
    "TRANSITION_ISSUES": "Transition issues",
    "MANAGE_WATCHERS": "Manage watcher list",
    "LINK_ISSUES": "Link issues",
    "CREATE_ISSUES": "Create issues",
    "SERVICEDESK_AGENT": "Service Desk agent",
}
_SCOPES = {
    "read:jira-work": "status",
    "read:servicedesk-request": "/rest/servicedeskapi/servicedesk?limit=1",
}
"""What a scoped token needs, and a question that shows whether it has it; writing cannot be tried without a trace."""


def examine(
    site: Site, keeper: Keeper, uses: Uses, now: datetime, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Finding]:
    """Yield what is wrong, and who would hear of our writes. Raises TryLater or Refused if nobody answers us."""
    enquiry = enquire(site, keeper, sleep, lenient=True)
    try:
        who = introduced(enquiry)
        yield from _clock(enquiry.date, now)
        yield from _account(enquiry, who)
        yield from _expiry(enquiry, keeper, now)
        found, unseen = places(enquiry, uses)
        yield from _permissions(enquiry, uses, found, unseen)
        yield from checkup_hooks.findings(enquiry, uses, now)
        known = tuple((place, newest(enquiry, place)) for place in found)
        yield from checkup_names.findings(enquiry, uses, known, now)
        yield from checkup_people.findings(enquiry, uses, found)
        account = next(person_ids(who), "")
        yield from checkup_rules.findings(enquiry, uses, found, account)
        yield from _limits(enquiry)
        yield from _unanswered(enquiry)
    finally:
        enquiry.close()


def _clock(theirs: datetime | None, now: datetime) -> Iterator[Finding]:
    if theirs is None:
        return
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    skew = abs((theirs - now).total_seconds())
    if skew > _MOST_SKEW:
        says = f"This machine's clock and Jira's are {skew:.0f} seconds apart; deadlines are reckoned by ours."
        yield Finding(
            name="clock:skew", check="clock", grade=Grade.PROBLEM, says=says, cure="Let this machine keep time by NTP."
        )
    else:
        yield Finding(name="clock:right", check="clock", grade=Grade.FINE, says="The clocks agree within a minute.")


# --- who we are -------------------------------------------------------------------------------------------------------
def _account(enquiry: Enquiry, who: Mapping[str, Any]) -> Iterator[Finding]:
    ids, name = list(person_ids(who)), plain(who.get("displayName")) or "?"
    kind, settings = plain(who.get("accountType")), enquiry.settings
    wrong = {
        f"The account {name} is not active.": who.get("active") is False,
        f"The account {name} is a customer's, and may neither edit nor comment internally.": kind == "customer",
        f"The credentials are those of {name} ({ids[0]}), and `account` in stepladder.toml is somebody else's: "
        "what we write would not be known as ours when it comes back.": bool(settings.account)
        and settings.account not in ids,
    }
    cure = f"Put the credentials and the account of one licensed user into [sites.{enquiry.site.name}]."
    for says, so in wrong.items():
        if so:
            yield _credentials("account", Grade.PROBLEM, says, cure)
    if not any(wrong.values()):
        yield _credentials("account", Grade.FINE, f"Jira knows us as {name} ({ids[0]}).")
    if kind != "app":
        yield _credentials(
            "owner",
            Grade.WARNING,
            f"Jira does not say whether a person logs in as {name}. If one does, their leaving ends Stepladder, and "
            "what they do by hand cannot be told from what Stepladder does.",
            "Use a service account or a seat that nobody else uses; if it is one, accept this: "
            'accepts = ["credentials:owner"].',
        )
    if _has(enquiry, "ADMINISTER"):
        yield _credentials(
            "role",
            Grade.WARNING,
            f"{name} is an administrator of Jira, which Stepladder does not need.",
            "Take it out of the administrators' group; `stepladder setup` asks for an administrator's token by itself.",
        )


def _expiry(enquiry: Enquiry, keeper: Keeper, now: datetime) -> Iterator[Finding]:
    kept = kept_of(enquiry.site.name, enquiry.settings, keeper)
    if (soon := ending(enquiry.settings, kept, now)) is not None:
        grade = Grade.PROBLEM if soon.alarm else Grade.WARNING
        yield _credentials("expiry", grade, _sentence(soon.says), f"Make a new token: {_TOKENS}.")
    elif (at := ends_at(enquiry.settings, kept)) is not None:
        yield _credentials("expiry", Grade.FINE, f"The credentials last until {at:%Y-%m-%d}.")
    elif enquiry.settings.client_id is None:
        yield _credentials(
            "expiry",
            Grade.UNKNOWN,
            "Jira does not tell when a token ends; a Cloud token lives for a year at most, and one made "
            "without an end stopped working between 2026-03-14 and 2026-05-12.",
            f"Look at {_TOKENS} (Data Center: Profile → Personal Access Tokens), and write token_expires = YYYY-MM-DD "
            f"into [sites.{enquiry.site.name}].",
        )


def _credentials(word: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"credentials:{word}", check="credentials", grade=grade, says=says, cure=cure)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# --- what we may ------------------------------------------------------------------------------------------------------
def _permissions(
    enquiry: Enquiry, uses: Uses, found: tuple[Project, ...], unseen: tuple[str, ...]
) -> Iterator[Finding]:
    yield from (_unseen(word) for word in unseen)
    if not found:
        says = "Stepladder sees no project at all."
        yield _permission("none", Grade.PROBLEM, says, "Give its account the permission Browse projects.")
    for place in found:
        wanted = _wanted(enquiry, uses, place)
        missing = _missing(enquiry, place.key, wanted)
        for key in missing:
            grade = Grade.WARNING if key == "DELETE_OWN_COMMENTS" else Grade.PROBLEM
            says = f"Stepladder may not {wanted[key]} in {place.key}: it lacks the permission {_PERMISSIONS[key]}."
            yield _permission(f"{key.casefold()}:{place.key}", grade, says, _grant(place.key, key))
        if not missing:
            yield _permission(f"project:{place.key}", Grade.FINE, f"Stepladder may do what it must in {place.key}.")
    for project in linked_projects(uses):
        for key in _missing(enquiry, project, {"CREATE_ISSUES": "", "LINK_ISSUES": ""}):
            says = f"Stepladder may not open linked issues in {project}: it lacks the permission {_PERMISSIONS[key]}."
            yield _permission(f"{key.casefold()}:{project}", Grade.PROBLEM, says, _grant(project, key))
    yield from _scopes(enquiry)


def _wanted(enquiry: Enquiry, uses: Uses, place: Project) -> dict[str, str]:
    """Return which permissions this policy needs in a project, and for what."""
    targets = [placed.target for placed in uses.targets]
    over = any(placed.take is Take.OVERSIGHT for placed in uses.targets)
    assigns = any({"assignee", "from"} & target.keys() for target in targets)
    needed = {
        "BROWSE_PROJECTS": ("see issues", True),
        "EDIT_ISSUES": ("write fields and labels", True),
        "ADD_COMMENTS": ("write notes", True),
        "ASSIGN_ISSUES": ("assign issues", assigns or (place.desk and not enquiry.cloud)),
        "TRANSITION_ISSUES": ("change a status", any("transition" in target for target in targets)),
        "MANAGE_WATCHERS": ("add watchers", over or any("watchers" in target for target in targets)),
        "LINK_ISSUES": ("link issues", any("linked_issue" in target for target in targets)),
        "SERVICEDESK_AGENT": ("write what only agents read", place.desk),
        "DELETE_OWN_COMMENTS": ("take back a note that turned public", place.desk),
    }
    return {key: purpose for key, (purpose, so) in needed.items() if so}


def _missing(enquiry: Enquiry, project: str, wanted: Mapping[str, str]) -> list[str]:
    """Return what of this we may not; what Jira does not speak of is not missing."""
    reply = enquiry.ask("mypermissions", {"projectKey": project, **_asking_for(enquiry, wanted)})
    if reply.status == 400 and "SERVICEDESK_AGENT" in wanted:  # a site without Jira Service Management has no such word
        return _missing(enquiry, project, {key: why for key, why in wanted.items() if key != "SERVICEDESK_AGENT"})
    told = mapping(mapping(reply.told).get("permissions"))
    return [key for key in wanted if mapping(told.get(key)).get("havePermission") is False]


def _has(enquiry: Enquiry, key: str) -> bool:
    told = mapping(mapping(enquiry.ask("mypermissions", _asking_for(enquiry, [key])).told).get("permissions"))
    return mapping(told.get(key)).get("havePermission") is True


def _asking_for(enquiry: Enquiry, wanted: Iterable[str]) -> dict[str, str]:
    """Return what names the permissions in a question: Cloud demands it, Data Center tells all of them."""
    return {"permissions": ",".join(wanted)} if enquiry.cloud else {}


def _scopes(enquiry: Enquiry) -> Iterator[Finding]:
    if enquiry.settings.api_url is None and enquiry.settings.client_id is None:
        return
    for scope, question in _SCOPES.items():
        reply = enquiry.ask(question)
        if reply.forbidden:
            says = f"The token seems to lack the scope {scope}: Jira answered {reply.status} to {question}."
            cure = "Make a token with the scopes that connectors/jira/README.md names."
            yield _permission(f"scope:{scope}", Grade.PROBLEM, says, cure)


def _unseen(word: str) -> Finding:
    says = f"The policy applies to the project {word!r}, which is not there, or which Stepladder's account cannot see."
    cure = "Correct `applies_to`, or give the account the permission Browse projects there."
    return _permission(f"project:{word}", Grade.PROBLEM, says, cure)


def _permission(word: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"permissions:{word}", check="permissions", grade=grade, says=says, cure=cure)


def _grant(project: str, key: str) -> str:
    if key == "SERVICEDESK_AGENT":
        return f"{project}: Project settings → People → add Stepladder's account to the Service Desk Team (a licence)."
    return (
        f"{project}: Project settings → Permissions → {_PERMISSIONS[key]} → add Stepladder's account or a role of it."
    )


def _unanswered(enquiry: Enquiry) -> Iterator[Finding]:
    for question, instead in enquiry.unanswered.items():
        says = f"Jira answers us, but not this: {question} ({instead}). What depends on it is unknown."
        cure = "Examine again later; if it stays so, ask whoever runs this Jira about that address."
        yield _permission(f"unanswered:{question}", Grade.UNKNOWN, says, cure)


def _limits(enquiry: Enquiry) -> Iterator[Finding]:
    if enquiry.near_limit:
        says = "Jira says that this account is near one of its rate limits; Stepladder then waits, as Jira asks."
        yield Finding(
            name="limits:near",
            check="limits",
            grade=Grade.WARNING,
            says=says,
            cure="See who else works with this account or app, and give Stepladder one of its own.",
        )
