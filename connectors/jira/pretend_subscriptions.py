"""The pretend Jira's webhooks as administrators and apps make them: three APIs, by deployment and version. No web."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.jira.pretend_asking import Answer, Asked, Routes, V, nowhere
from connectors.jira.pretend_hooks import Hook
from connectors.jira.pretend_jql import FIELD_AND_HOW
from connectors.jira.pretend_links import No
from connectors.jira.records import ADMIN, PEOPLE

APP_EVENTS = (
    *("jira:issue_created", "jira:issue_updated", "jira:issue_deleted"),
    *("comment_created", "comment_updated", "comment_deleted", "issue_property_set", "issue_property_deleted"),
)
EVENTS = (*APP_EVENTS, "issuelink_created", "issuelink_deleted", "worklog_created", "worklog_updated")
_ISSUES = "issue-related-events-section"
_APP_CLAUSES = {"key", "issuekey", "project", "issuetype", "status", "assignee", "reporter", "priority"}
_APP_LIFE = timedelta(days=30)
_MOST_BY_APP = 5
Guard = Callable[[Asked], None]
Shape = Callable[[Asked, Hook], dict[str, Any]]
Settle = Callable[[Hook, Mapping[str, Any]], None]

OLD, NEW = "/rest/webhooks/1.0/webhook", "/rest/jira-webhook/1.0/webhooks"


# --- administrators' webhooks ---------------------------------------------------------------------------------
def _old(asked: Asked) -> None:
    if not asked.site.cloud and asked.site.version >= (10,):
        raise nowhere()
    asked.must_administer()


def _new(asked: Asked) -> None:
    if asked.site.cloud or asked.site.version < (10,):
        raise nowhere()
    asked.must_administer()


def _hook(asked: Asked) -> Hook:
    hooks = asked.herald.hooks.all
    found = next((hook for hook in hooks if hook.id == asked.found["hook"] and not hook.app), None)
    if found is None:
        raise No(404, f"Webhook with id {asked.found['hook']} was not found.")
    return found


def _by_old_rules(hook: Hook, body: Mapping[str, Any]) -> None:
    hook.jql = str((body.get("filters") or {_ISSUES: hook.jql}).get(_ISSUES) or "")
    hook.exclude_body = bool(body.get("excludeBody", hook.exclude_body))
    hook.secret = body.get("secret") or hook.secret


def _by_new_rules(hook: Hook, body: Mapping[str, Any]) -> None:
    """Read what Data Center 10 keeps in texts with names in capitals; it ignores the old names without a word."""
    told = body.get("configuration") or {}
    hook.jql = str(told.get("FILTERS", hook.jql) or "")
    hook.exclude_body = told.get("EXCLUDE_BODY", str(hook.exclude_body)).lower() == "true"
    hook.secret = told.get("SECRET") or hook.secret


def _read(asked: Asked, hook: Hook, settle: Settle) -> Hook:
    body = asked.json
    if "url" in body:
        hook.url = _address(str(body["url"]), asked.site.cloud)
    if "events" in body:
        hook.events = _events(body["events"], EVENTS)
    hook.name = str(body.get("name", hook.name))
    hook.enabled = bool(body.get("enabled", body.get("active", hook.enabled)))
    hook.verify = asked.bundle
    settle(hook, body)
    asked.site.question(hook.jql)
    if not hook.name or not hook.url:
        raise No(400, "A webhook needs a name and a URL.")
    return hook


def _address(url: str, cloud: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and (cloud and parts.hostname != "127.0.0.1"):  # here everything is on one machine
        raise No(400, "The URL must be https.")
    if not parts.hostname:
        raise No(400, f"The URL {url!r} is not valid.")
    return url


def _events(named: object, known: tuple[str, ...]) -> tuple[str, ...]:
    listed = [str(name) for name in named] if isinstance(named, list) else []
    if strangers := [name for name in listed if name not in known]:
        raise No(400, f"Unrecognized event: {strangers[0]}")
    return tuple(listed)


def _made(asked: Asked, settle: Settle) -> Hook:
    hook = _read(asked, Hook(id=asked.herald.hooks.number(), url=""), settle)
    asked.herald.hooks.all.append(hook)
    return hook


def _gone(asked: Asked) -> Answer:
    asked.herald.hooks.all.remove(_hook(asked))
    return 204, None


def _of_admins(asked: Asked) -> list[Hook]:
    return [hook for hook in asked.herald.hooks.all if hook.id and not hook.app]


def _old_shape(asked: Asked, hook: Hook) -> dict[str, Any]:
    told = {"name": hook.name, "url": hook.url, "excludeBody": hook.exclude_body, "filters": {_ISSUES: hook.jql}}
    told |= {"events": list(hook.events), "enabled": hook.enabled, "isSigned": hook.secret is not None}
    who = {"lastUpdatedUser": asked.site.user_id(ADMIN), "lastUpdatedDisplayName": PEOPLE[ADMIN]}
    own = f"{asked.site.url}{OLD}/{hook.id}"
    return told | who | {"self": own, "lastUpdated": int(asked.site.clock().timestamp() * 1000)}


def _new_shape(asked: Asked, hook: Hook) -> dict[str, Any]:
    now = int(asked.site.clock().timestamp() * 1000)
    told = {"id": int(hook.id), "name": hook.name, "url": hook.url, "events": list(hook.events), "createdDate": now}
    told |= {"active": hook.enabled, "scopeType": "global", "sslVerificationRequired": True, "updatedDate": now}
    return told | {"configuration": {"FILTERS": hook.jql, "EXCLUDE_BODY": str(hook.exclude_body).lower()}}


def _routes(where: str, guard: Guard, shape: Shape, settle: Settle) -> Routes:
    """Return list, make, show, change and remove for one of the two APIs."""

    def every(asked: Asked) -> Answer:
        guard(asked)
        return 200, [shape(asked, hook) for hook in _of_admins(asked)]

    def make(asked: Asked) -> Answer:
        guard(asked)
        return 201, shape(asked, _made(asked, settle))

    def show(asked: Asked) -> Answer:
        guard(asked)
        return 200, shape(asked, _hook(asked))

    def change(asked: Asked) -> Answer:
        guard(asked)
        return 200, shape(asked, _read(asked, _hook(asked), settle))

    def remove(asked: Asked) -> Answer:
        guard(asked)
        return _gone(asked)

    one = f"{where}/<hook>"
    verbs = (("GET", where, every), ("POST", where, make), ("GET", one, show), ("PUT", one, change))
    return (*verbs, ("DELETE", one, remove))


def statistics(asked: Asked) -> Answer:
    """Say how a webhook's deliveries went; only Data Center 10 and later counts."""
    _new(asked)
    last = [one for one in asked.attempts() if one.envelope.webhook == _hook(asked).id and not one.again]
    good = sum(1 for one in last if one.status and 200 <= one.status < 300)
    failed = [one for one in last if not (one.status and 200 <= one.status < 300)]
    unreached = sum(1 for one in failed if not one.status or one.status < 0)
    told: dict[str, Any] = {"counts": {"successes": good, "errors": unreached, "failures": len(failed) - unreached}}
    if failed:
        told["lastError"] = {"result": {"description": str(failed[-1].status), "outcome": "FAILURE"}}
    return 200, told


def latest(asked: Asked) -> Answer:
    """Show a webhook's newest delivery; nothing, before the first."""
    _new(asked)
    mine = [one for one in asked.attempts() if one.envelope.webhook == _hook(asked).id]
    if not mine:
        return 204, None
    good = mine[-1].status is not None and 200 <= mine[-1].status < 300
    result = {"description": str(mine[-1].status), "outcome": "SUCCESS" if good else "FAILURE"}
    return 200, {"request": {"method": "POST", "url": mine[-1].envelope.url}, "result": result}


# --- an OAuth app's webhooks ----------------------------------------------------------------------------------
def _must_be_app(asked: Asked) -> str:
    asked.only_cloud()
    if asked.visitor.app is None:
        raise No(403, "The caller is not a Connect or OAuth 2.0 app.")
    return asked.visitor.app


def _of_app(asked: Asked) -> list[Hook]:
    app = _must_be_app(asked)
    return [hook for hook in asked.herald.hooks.all if hook.app == app]


def list_app_hooks(asked: Asked) -> Answer:
    """List the app's webhooks, in pages."""
    part, which = asked.page([_app_shape(hook) for hook in _of_app(asked)], 100)
    return 200, {**which, "isLast": True, "values": part}


def _app_shape(hook: Hook) -> dict[str, Any]:
    told: dict[str, Any] = {"id": int(hook.id), "jqlFilter": hook.jql, "events": list(hook.events), "url": hook.url}
    told |= {"fieldIdsFilter": list(hook.fields)} if hook.fields else {}
    return told | ({"expirationDate": _millis(hook.expires)} if hook.expires else {})


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)  # so the document; its example has a text


def make_app_hooks(asked: Asked) -> Answer:
    """Make webhooks that live thirty days; each is refused alone."""
    _must_be_app(asked)
    url = _address(str(asked.json.get("url") or ""), asked.site.cloud)
    results = []
    for told in asked.json.get("webhooks", ()):
        try:
            results.append({"createdWebhookId": _make_app_hook(asked, url, told)})
        except No as no:
            results.append({"errors": no.body["errorMessages"]})
    return 200, {"webhookRegistrationResult": results}


def _make_app_hook(asked: Asked, url: str, told: Mapping[str, Any]) -> int:
    if len(_of_app(asked)) >= _MOST_BY_APP:
        raise No(400, f"The app has reached its limit of {_MOST_BY_APP} webhooks for this user.")
    jql = str(told.get("jqlFilter") or "")
    for field, how in FIELD_AND_HOW.findall(jql):
        if field.lower() not in _APP_CLAUSES:
            raise No(400, f"The clause {field} is unsupported")
        if how.lower() not in ("=", "!=", "in", "not in"):
            raise No(400, f"The operator {how} is unsupported")
    asked.site.question(jql)
    hook = Hook(
        id=asked.herald.hooks.number(),
        url=url,
        events=_events(told.get("events"), APP_EVENTS),
        jql=jql,
        fields=tuple(told.get("fieldIdsFilter", ())),
        app=asked.visitor.app,
        secret=asked.doors.client["client_secret"],
        expires=asked.site.clock() + _APP_LIFE,
        verify=asked.bundle,
    )
    asked.herald.hooks.all.append(hook)
    return int(hook.id)


def refresh_app_hooks(asked: Asked) -> Answer:
    """Let the app's webhooks live thirty days more."""
    wanted = {str(number) for number in asked.json.get("webhookIds", ())}
    until = asked.site.clock() + _APP_LIFE
    for hook in _of_app(asked):
        if hook.id in wanted:
            hook.expires = until
    return 200, {"expirationDate": _millis(until)}


def remove_app_hooks(asked: Asked) -> Answer:
    """Remove webhooks of the app."""
    wanted = {str(number) for number in asked.json.get("webhookIds", ())}
    for hook in _of_app(asked):
        if hook.id in wanted:
            asked.herald.hooks.all.remove(hook)
    return 202, None


def failed_app_hooks(asked: Asked) -> Answer:
    """List the deliveries of the app that were given up."""
    mine = {hook.id: hook for hook in _of_app(asked)}
    lost = [one for one in asked.attempts() if one.envelope.webhook in mine and not one.again]
    lost = [one for one in lost if not (one.status and 200 <= one.status < 300)]
    now = _millis(asked.site.clock())
    told = [
        {"id": one.envelope.name, "body": one.envelope.body.decode(), "url": one.envelope.url, "failureTime": now}
        for one in lost
    ]
    return 200, {"values": told, "maxResults": 100}


_APP = f"{V}/webhook"
ROUTES: Routes = (
    *_routes(OLD, _old, _old_shape, _by_old_rules),
    *_routes(NEW, _new, _new_shape, _by_new_rules),
    ("GET", f"{NEW}/<hook>/statistics", statistics),
    ("GET", f"{NEW}/<hook>/latest", latest),
    ("GET", _APP, list_app_hooks),
    ("POST", _APP, make_app_hooks),
    ("DELETE", _APP, remove_app_hooks),
    ("PUT", f"{_APP}/refresh", refresh_app_hooks),
    ("GET", f"{_APP}/failed", failed_app_hooks),
)
