"""Looks at the webhook: is it there, whole, signed, and does it arrive? It lets an OAuth app's webhook live on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.jira.enquiry import Enquiry, Reply
from connectors.jira.places import linked_projects
from connectors.jira.registrations import (
    APP_SCOPE,
    AdminHooks,
    AppHooks,
    Hook,
    NewAdminHooks,
    Registry,
    left_out,
    registry,
    same_address,
)
from connectors.jira.values import mapping, moment, plain
from connectors.upkeep import Finding, Grade, Uses

_REFRESH = timedelta(days=20)
"""An app's webhook with less to live than this is refreshed; examinations are daily, and 30 days the most."""
_SETUP = "Run stepladder setup {0}: it mends this, with an administrator's token."


def findings(enquiry: Enquiry, uses: Uses, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with the webhook, or that all is well with it."""
    if not enquiry.settings.can_verify:
        says = "No secret is configured by which a delivery could prove that it is genuine, so every one is refused."
        yield _finding("secret", Grade.PROBLEM, says, _SETUP.format(enquiry.site.name))
    if uses.hook is None:
        says = "It is not known under which address Jira reaches this Stepladder, so its webhook cannot be found."
        cure = 'Write public_url = "https://…" under [server] in stepladder.toml.'
        yield _finding("here", Grade.UNKNOWN, says, cure)
        return
    interface = registry(enquiry)
    if isinstance(interface, Reply):
        says = (
            f"Jira shows its webhooks to administrators, not to Stepladder's account (it answered {interface.status})."
        )
        cure = f"An administrator sees them at ⚙ → System → WebHooks; the address is {uses.hook}."
        if enquiry.settings.by_consent:
            cure = f"Add {APP_SCOPE} to `scope`, and run stepladder authorize {enquiry.site.name}."
        yield _finding("here", Grade.UNKNOWN, says, cure)
        return
    ours = [hook for hook in interface.read() if same_address(hook.url, uses.hook)]
    if not ours:
        says = f"Jira has no webhook for {uses.hook}; nothing arrives but what automation rules send."
        yield _finding("missing", Grade.PROBLEM, says, _SETUP.format(enquiry.site.name))
    for hook in ours:
        yield from _examined(enquiry, interface, hook, uses, now)
    if ours and type(interface) is AdminHooks:
        yield _uncounted("Of webhooks that an administrator made, this Jira keeps no count of failed deliveries.")


def _examined(enquiry: Enquiry, interface: Registry, hook: Hook, uses: Uses, now: datetime) -> Iterator[Finding]:
    wrong = list(_wrong(enquiry, interface, hook, uses))
    yield from wrong
    yield from _life(interface, hook, now)
    yield from _failures(enquiry, interface, hook)
    if not wrong:
        yield _finding("here", Grade.FINE, f"Jira sends {len(hook.events)} kinds of events to {hook.url}.")


def _wrong(enquiry: Enquiry, interface: Registry, hook: Hook, uses: Uses) -> Iterator[Finding]:
    cure = _SETUP.format(enquiry.site.name)
    if not hook.enabled:
        yield _finding("inactive", Grade.PROBLEM, "The webhook is switched off.", cure)
    if missing := sorted(set(interface.wanted) - hook.events):
        yield _finding("subscriptions", Grade.PROBLEM, f"The webhook does not send {', '.join(missing)}.", cure)
    if not hook.whole:
        says = "The webhook leaves the body out, so its deliveries say nothing and are not signed."
        yield _finding("body", Grade.PROBLEM, says, cure)
    if hook.signed is False and not enquiry.settings.webhook_passwords:
        yield _finding("unsigned", Grade.PROBLEM, "The webhook has no secret, so its deliveries are refused.", cure)
    projects = (*uses.scope.get("project", ()), *linked_projects(uses)) if uses.scope.get("project") else ()
    held = left_out(hook.jql, projects)
    if held is None:
        says = f"The webhook has a filter of its own, which Stepladder cannot judge: {hook.jql}"
        yield _finding("filter", Grade.NOTE, says, "See that it lets through every issue that the policy applies to.")
    elif held:
        yield _finding("filter", Grade.PROBLEM, f"The webhook holds back issues of {', '.join(sorted(held))}.", cure)


def _life(interface: Registry, hook: Hook, now: datetime) -> Iterator[Finding]:
    if not isinstance(interface, AppHooks) or hook.ends is None or hook.ends - now > _REFRESH:
        return
    reply = interface.refresh([hook])
    until = moment(mapping(reply.told).get("expirationDate"))
    if reply.yes and until is not None:
        says = f"The app's webhook would have ended on {hook.ends:%Y-%m-%d} and lives until {until:%Y-%m-%d} now."
        yield _finding("expiry", Grade.FINE, says)
    else:
        says = f"The app's webhook ends on {hook.ends:%Y-%m-%d}, and Jira did not let it live on ({reply.says})."
        yield _finding("expiry", Grade.PROBLEM, says, "Run stepladder setup again before that day.")


def _failures(enquiry: Enquiry, interface: Registry, hook: Hook) -> Iterator[Finding]:
    """Tell of deliveries that failed, where Jira keeps count: Data Center from 10 on, and the webhooks of apps."""
    if isinstance(interface, NewAdminHooks):
        told = mapping(enquiry.ask(f"{NewAdminHooks.path}/{hook.id}/statistics").told)
        counts = mapping(told.get("counts")) or mapping(mapping(told.get("statistics")).get("counts"))
        failed = sum(_count(counts, key) for key in ("failures", "errors"))
        if not counts:
            yield _uncounted("Jira did not tell how many deliveries failed.")
        elif failed:
            says = f"Jira counts {failed} failed deliveries against {_count(counts, 'successes')} that arrived."
            yield _finding("failures", Grade.WARNING, says, _why(mapping(told.get("lastError"))))
    elif isinstance(interface, AppHooks):
        listed = mapping(enquiry.ask(f"{AppHooks.path}/failed").told).get("values")
        if not isinstance(listed, list):
            yield _uncounted("Jira did not tell which deliveries failed in the last 72 hours.")
            return
        failures = [mapping(item) for item in listed]
        mine = [item for item in failures if same_address(plain(item.get("url")) or "", hook.url)]
        if mine:
            last = moment(mine[-1].get("failureTime"))
            when = f", the last on {last:%Y-%m-%d %H:%M} UTC" if last else ""
            says = f"Jira gave up on {len(mine)} deliveries in the last 72 hours{when}."
            yield _finding("failures", Grade.WARNING, says, _why({}))


def _uncounted(says: str) -> Finding:
    return _finding(
        "failures",
        Grade.UNKNOWN,
        says,
        "stepladder missed compares what arrived with what Jira says was changed; that tells of lost deliveries, too.",
    )


def _count(counts: Mapping[str, Any], key: str) -> int:
    value = counts.get(key)
    return value if isinstance(value, int) else 0


def _why(error: Mapping[str, Any]) -> str:
    kind = plain(error.get("type")) or plain(error.get("errorMessage")) or ""
    said = f" Jira's last error: {kind[:200]}." if kind else ""
    return f"See whether this Stepladder can be reached from Jira, and what its log says at that time.{said}"


def _finding(word: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"webhook:{word}", check="webhook", grade=grade, says=says, cure=cure)
