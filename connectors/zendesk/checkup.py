"""What is wrong at a Zendesk account, and who would hear of our writes, as findings. It only reads.

Each group of checks is a pure function over what was read; what we may not see, or is not answered, is told as unknown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import cast

from connectors.access import kept_of
from connectors.contract import Keeper, Refused, TryLater
from connectors.endings import ending
from connectors.site import Site
from connectors.upkeep import Finding, Grade, Uses
from connectors.zendesk.asking import WE, Asking
from connectors.zendesk.checkup_names import Lists, names
from connectors.zendesk.checkup_readers import opens, others, sees
from connectors.zendesk.foreign import Write, writes
from connectors.zendesk.office import BY_TRIGGER, SUBSCRIPTIONS, Denied, JSONObject, Office, own_webhooks
from connectors.zendesk.picture import identity, mapping, moment, plain
from connectors.zendesk.rules import automations, promises, triggers
from connectors.zendesk.settings import ZendeskSettings

_PEOPLE = "Admin Center → People → Team → Team members"
_WEBHOOKS = "Admin Center → Apps and integrations → Webhooks"
_CANNOT_WRITE = {1: "a light agent", 2: "a chat agent", 3: "a contributor"}
_SKEW = timedelta(seconds=60)
_LATELY = timedelta(days=30)
_TOKENS_END = date(2027, 4, 30)
_DELIVERED = frozenset({"success", "accepted"})


def examine(
    site: Site, keeper: Keeper, uses: Uses, now: datetime, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Finding]:
    """Yield what there is to say about an account. Raises TryLater or Refused if it does not say who we are."""
    settings, began = cast(ZendeskSettings, site.settings), time.monotonic()
    with closing(Asking(site, keeper, sleep)) as asked:
        me = _we(asked)
        here = now + timedelta(seconds=time.monotonic() - began)
        yield from clock(asked.there_at, here)
        account = str(identity(me.get("id")))
        yield from credentials(me, settings, now)
        yield from _expiry(asked, site, keeper, now)
        hooks = asked.seen("webhooks")
        yield from webhooks(hooks, partial(_failures, asked), uses.hook, site)
        lists = Lists(asked, settings.level_field)
        yield from names(lists, uses, site)
        level_field = identity(lists.level_field.get("id")) if lists.level_field else settings.level_field
        moves = writes(uses, level_field, settings.account or account, lists.find)
        rules = asked.seen("triggers", active="true")
        yield from _judged("trigger", rules, triggers, moves, site.name, level_field)
        yield from others(rules or (), moves, hooks, uses.hook, site.name)
        listed = asked.seen("automations", active="true")
        yield from _judged("automation", listed, automations, moves, site.name, level_field)
        yield from _promises(asked.seen("slas/policies"), moves)
        yield from sees(asked.seen("sharing_agreements"))
        yield from opens(lists.people)
        yield from asked.unanswered()


# --- who we are ---------------------------------------------------------------------------------------------
def _we(asked: Office) -> JSONObject:
    """Return who we are. Zendesk answers a stranger, too: with nobody."""
    try:
        me = mapping(asked.get(WE), "user")
    except Denied as denied:
        raise Refused(f"Zendesk does not show us who we are: {denied}") from denied
    if identity(me.get("id")) is None:
        raise Refused("Zendesk answers us as a stranger: check the site's credentials")
    return me


def credentials(me: JSONObject, settings: ZendeskSettings, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with the account we act as: its role, its reach, and that a person may own it."""
    name, account = plain(me.get("name")) or "?", identity(me.get("id"))
    wrong = list(_wrong_role(me, name))
    if settings.account and settings.account != account:
        says = f"We act as {name} ({account}), and the settings say that our account is {settings.account}."
        cure = f'account = "{account}" in the site\'s table, or the credentials of {settings.account}'
        wrong.append(_credentials("account", Grade.PROBLEM, says, cure))
    if me.get("ticket_restriction"):
        says = f"{name} sees only some tickets ({me['ticket_restriction']}): the others are never decided on."
        yield Finding(
            name="permissions:tickets",
            check="permissions",
            grade=Grade.WARNING,
            says=says,
            cure=f"{_PEOPLE} → {name} → Access: *All tickets*, unless the policy covers only those",
        )
    seen = moment(me.get("last_login_at"))
    if settings.token is None and seen is not None and now - seen < _LATELY:
        says = f"Somebody logged in as {name} on {seen:%Y-%m-%d}: it looks like a person's account."
        cure = "An agent's seat of its own: a person who leaves, or changes role, must not stop the escalations"
        wrong.append(_credentials("owner", Grade.WARNING, says, cure))
    yield from wrong
    if not wrong:
        yield _credentials("account", Grade.FINE, f"We act as {name} ({account}), {me.get('role')}.")


def _wrong_role(me: JSONObject, name: str) -> Iterator[Finding]:
    role, kind = str(me.get("role") or ""), _CANNOT_WRITE.get(cast(int, me.get("role_type")))
    cure = f"{_PEOPLE} → {name}: a full agent's role, active"
    if me.get("suspended") or me.get("active") is False:
        yield _credentials("role", Grade.PROBLEM, f"{name} is suspended or inactive: every write is refused.", cure)
    elif role == "end-user" or kind:
        says = f"{name} is {kind or 'no agent'} and cannot change tickets as the policy wants."
        yield _credentials("role", Grade.PROBLEM, says, cure)
    elif role == "admin":
        says = f"{name} is an administrator; running Stepladder needs an agent's rights only."
        yield _credentials("role", Grade.WARNING, says, f"{_PEOPLE} → {name}: an agent's role; `setup` asks an admin")


def _expiry(asked: Office, site: Site, keeper: Keeper, now: datetime) -> Iterator[Finding]:
    settings = cast(ZendeskSettings, site.settings)
    if settings.token is not None:
        yield _api_token(now)
    elif (end := ending(settings, kept_of(site.name, settings, keeper), now)) is not None:
        grade = Grade.PROBLEM if end.alarm else Grade.WARNING
        yield _credentials("expiry", grade, end.says, "Renew them before that day")
    try:
        token = mapping(asked.get("oauth/tokens/current"), "token") if settings.token is None else {}
    except (Denied, Refused, TryLater):  # not every kind of token may ask about itself
        return
    yield from scopes(token)


def _api_token(now: datetime) -> Finding:
    left = (_TOKENS_END - now.date()).days
    says = (
        f"The site uses an API token; Zendesk ends them on {_TOKENS_END}, "
        f"{f'in {left} days' if left > 0 else 'which has passed'}, and before that any left unused for 30 days."
    )
    cure = "Use an OAuth client: see *A key for it* in the connector's README"
    return _credentials("expiry", Grade.PROBLEM if left < 30 else Grade.WARNING, says, cure)


def scopes(token: JSONObject) -> Iterator[Finding]:
    """Yield what the token's scopes do not allow."""
    granted = token.get("scopes")
    given = set(granted) if isinstance(granted, list) else set()
    lacking = [scope for scope in ("read", "write") if given and scope not in given]
    if lacking:
        says = (
            f"The token lacks the global scope {' and '.join(lacking)} (it has {', '.join(sorted(map(str, given)))})."
            + (
                " Without read, ticket audits are not shown, and a cut write cannot be looked for."
                if "read" in lacking
                else ""
            )
        )
        cure = 'scope = "read write" in the site\'s table; the OAuth client must allow it'
        yield Finding(name="permissions:scopes", check="permissions", grade=Grade.PROBLEM, says=says, cure=cure)


def _credentials(what: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"credentials:{what}", check="credentials", grade=grade, says=says, cure=cure)


def clock(there: datetime | None, here: datetime) -> Iterator[Finding]:
    """Yield how far our clock is from Zendesk's; from five minutes on deliveries are refused."""
    if there is None:
        return
    off = here - there
    wrong, way = abs(off) > _SKEW, "ahead of" if off > timedelta() else "behind"
    yield Finding(
        name="clock:skew",
        check="clock",
        grade=Grade.PROBLEM if wrong else Grade.FINE,
        says=f"Our clock is {abs(off).total_seconds():.0f} s {way} Zendesk's.",
        cure="Let the machine keep time by NTP; above five minutes every delivery is refused" if wrong else "",
    )


# --- webhooks -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Failures:
    """How the last deliveries of a webhook ended, as Zendesk keeps it for seven days."""

    of: int
    failed: tuple[str, ...]  # their states, with the number that was answered
    last: str = ""


def _failures(asked: Office, number: str) -> Failures:
    """Return how a webhook's last deliveries ended, as far as that is shown."""
    try:
        listed = asked.get(f"webhooks/{number}/invocations", **{"page[size]": 100}).get("invocations")
    except (Denied, Refused, TryLater):
        listed = None
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    bad = [one for one in found if str(one.get("status")) not in _DELIVERED]
    last = max((str(one.get("latest_completed_at") or "") for one in bad), default="")
    return Failures(len(found), tuple(_ended(one) for one in bad), last)


def _ended(one: JSONObject) -> str:
    code = one.get("status_code")
    return f"{one.get('status')}{f': answered {code}' if isinstance(code, int) and code > 0 else ''}"


def webhooks(
    listed: list[JSONObject] | None, failures: Callable[[str], Failures], hook: str | None, site: Site
) -> Iterator[Finding]:
    """Yield whether this site's webhook is there, active, complete and heard."""
    if not site.settings.can_verify:
        says = "The site has no webhook secret: every delivery is refused."
        yield _webhook("secret", Grade.PROBLEM, says, f"`stepladder setup {site.name}`, or {_WEBHOOKS} → Reveal secret")
    if listed is None:
        says = "Zendesk did not show us its webhooks; only administrators may see them."
        yield _webhook(
            "unseen", Grade.UNKNOWN, says, f"An administrator looks at {_WEBHOOKS}, or runs `stepladder setup`"
        )
        return
    ours = own_webhooks(listed, hook, site.name)
    if not ours:
        yield _webhook(
            "missing", Grade.PROBLEM, "No webhook sends this site's tickets.", f"`stepladder setup {site.name}`"
        )
    for one in ours[:1]:
        yield from _one_webhook(one, failures, hook, site)


def _one_webhook(
    one: JSONObject, failures: Callable[[str], Failures], hook: str | None, site: Site
) -> Iterator[Finding]:
    title, mend, found = plain(one.get("name")) or "?", f"`stepladder setup {site.name}`", list[Finding]()
    if one.get("status") != "active":
        found.append(_webhook("inactive", Grade.PROBLEM, f'The webhook "{title}" is {one.get("status")}.', mend))
    if hook and one.get("endpoint") != hook:
        says = f'The webhook "{title}" sends to {one.get("endpoint")}, and this Stepladder is reached under {hook}.'
        found.append(_webhook("address", Grade.PROBLEM, says, mend))
    subscribed = set(one.get("subscriptions") or ())
    if BY_TRIGGER in subscribed:
        says = f'The webhook "{title}" is called by a trigger: it says only what the trigger says, at one request each.'
        found.append(_webhook("subscriptions", Grade.NOTE, says))
    elif missing := sorted(name.rpartition(".")[2] for name in SUBSCRIPTIONS - subscribed):
        says = f'The webhook "{title}" does not send: {", ".join(missing)}.'
        found.append(_webhook("subscriptions", Grade.WARNING, says, mend))
    ended = failures(str(one.get("id")))
    if ended.failed:
        states = ", ".join(sorted(set(ended.failed)))
        says = f"{len(ended.failed)} of the last {ended.of} deliveries failed ({states}), the last at {ended.last}."
        cure = f"{_WEBHOOKS} → {title} → Activity; is this Stepladder reachable from the internet?"
        if any("answered 401" in state for state in ended.failed):
            cure = f"401 is ours: the secret it runs with is another. Start `serve` again after {mend}"
        found.append(_webhook("failures", Grade.WARNING, says, cure))
    yield from found
    if not found:
        yield _webhook("here", Grade.FINE, f'The webhook "{title}" is active and complete.')


def _webhook(what: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"webhook:{what}", check="webhook", grade=grade, says=says, cure=cure)


# --- the account's own rules --------------------------------------------------------------------------------
def _judged(
    kind: str,
    listed: list[JSONObject] | None,
    judge: Callable[..., Iterator[Finding]],
    moves: Sequence[Write],
    site: str,
    level_field: str | None,
) -> Iterator[Finding]:
    if listed is None:
        says = (
            f"Zendesk did not show us its {kind}s. If one of them mails customers because of our writes, or undoes "
            "them, nobody knows it: until somebody looks, we write all the same."
        )
        cure = f"`stepladder doctor {site}` with an administrator's token ($STEPLADDER_SETUP_TOKEN)"
        yield _unseen("vendor-rules", kind, says, cure)
        return
    found = list(judge(listed, moves, site, level_field))
    yield from found or [_fine(kind, "vendor-rules", f"None of {len(listed)} {kind}s concerns our writes.")]


def _promises(policies: list[JSONObject] | None, moves: Sequence[Write]) -> Iterator[Finding]:
    if policies is None:
        says = "Zendesk did not show us its SLA policies: we may not see them, or the plan has none."
        cure = "An administrator looks at Admin Center → Objects and rules → Business rules → Service level agreements"
        yield _unseen("sla", "policies", says, cure)
    yield from promises(policies or (), moves)


def _unseen(check: str, what: str, says: str, cure: str) -> Finding:
    return Finding(name=f"{check}:{what}", check=check, grade=Grade.UNKNOWN, says=says, cure=cure)


def _fine(what: str, check: str, says: str) -> Finding:
    return Finding(name=f"{check}:{what}", check=check, grade=Grade.FINE, says=says)
