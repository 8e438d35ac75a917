"""Makes or mends what a Jira site needs: the webhook, the level's field, the labels on the screens. Nothing else.

Who may do it is Jira's matter; where we may not, the clicks are told. Doing it twice changes nothing.
"""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from pydantic import SecretStr

from connectors.contract import Keeper, Refused
from connectors.jira import levels
from connectors.jira.discovery import Project
from connectors.jira.enquiry import Enquiry, Reply, enquire, introduced
from connectors.jira.levels import ADMINS, PROJECT_ADMINS
from connectors.jira.picture import level_tag
from connectors.jira.places import Newest, linked_projects, newest, places
from connectors.jira.registrations import (
    APP_SCOPE,
    AppHooks,
    Hook,
    Registry,
    filter_for,
    left_out,
    registry,
    same_address,
)
from connectors.jira.settings import JiraSettings, settings_of
from connectors.site import Site, SiteSettings
from connectors.upkeep import Done, Step, Uses

_WEBHOOK = "webhook"
_APP_LIFE = "It belongs to the OAuth app and ends after 30 days; every examination lets it live for 30 more."


def as_admin(settings: SiteSettings, email: str | None, token: SecretStr) -> SiteSettings:
    """Return the settings with an administrator's credentials: a classic API token, or a personal access token."""
    if not isinstance(settings, JiraSettings):
        raise TypeError(f"expected the settings of a Jira site, got those of a {settings.vendor} site")
    ours: dict[str, object] = {"account": None, "api_url": None, "grant": "client_credentials"}
    ours |= dict.fromkeys(("client_id", "client_secret", "personal_token"))
    if settings.cloud and not (email or settings.email):
        raise Refused("Jira takes an API token only with its owner's e-mail address: --as, or $STEPLADDER_SETUP_EMAIL")
    theirs = {"email": email or settings.email, "token": token} if settings.cloud else {"personal_token": token}
    return settings.model_copy(update=ours | theirs)


def set_up(
    site: Site, keeper: Keeper, uses: Uses, dry: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Step]:
    """Yield what was done about each thing the site needs. Raises TryLater or Refused if nobody answers us."""
    enquiry = enquire(site, keeper, sleep)
    try:
        introduced(enquiry)
        found, _ = places(enquiry, uses)
        known = [(place, newest(enquiry, place)) for place in found]
        yield from _webhook(enquiry, uses, dry)
        yield from levels.steps(enquiry, uses.levels, known, dry)
        yield from (_labels(place, seen) for place, seen in known if seen is not None)
    finally:
        enquiry.close()


# --- the webhook ------------------------------------------------------------------------------------------------------
def _webhook(enquiry: Enquiry, uses: Uses, dry: bool) -> Iterator[Step]:
    if uses.hook is None:
        says = "The address under which Jira reaches this Stepladder is not known."
        clicks = ("Name it: stepladder setup SITE --hook https://…, or public_url under [server] in stepladder.toml",)
        yield Step(name=_WEBHOOK, done=Done.BY_HAND, says=says, role="nobody in Jira", by_hand=clicks)
        return
    interface = registry(enquiry)
    if isinstance(interface, Reply):
        yield _by_hand(enquiry, uses, uses.hook, interface, dry)
        return
    yield from _registered(enquiry, interface, uses, uses.hook, dry)


def _registered(enquiry: Enquiry, interface: Registry, uses: Uses, address: str, dry: bool) -> Iterator[Step]:
    wanted = Hook(
        id="",
        name=_name(enquiry.site),
        url=address,
        events=frozenset(interface.wanted),
        jql=_filter(enquiry, uses, needed=isinstance(interface, AppHooks)),
    )
    judged = [(hook, _faults(enquiry, interface, uses, hook, wanted)) for hook in _ours(interface.read(), wanted)]
    ours, faults = min(judged, key=lambda one: len(one[1]), default=(None, ()))
    what = f"A webhook to {address}" if ours is None else f"The webhook {', '.join(faults)}"
    if ours is not None and not faults:
        yield _step(Done.THERE, f"The webhook sends {len(ours.events)} kinds of events to {address}.", interface)
    elif dry:
        if _secret(settings_of(enquiry.site))[1] and not isinstance(interface, AppHooks):
            yield _new_secret({}, dry)
        done = Done.WOULD_CREATE if ours is None else Done.WOULD_REPAIR
        yield _step(done, f"{what}{_sends(wanted) if ours is None else '; it would be mended.'}", interface)
    else:
        yield from _write(enquiry, interface, wanted, ours, what)
    if again := [hook for hook, _ in judged if hook is not ours and hook.enabled]:
        yield _again(interface, again, dry)


def _write(enquiry: Enquiry, interface: Registry, wanted: Hook, ours: Hook | None, what: str) -> Iterator[Step]:
    secret, new = _secret(settings_of(enquiry.site))
    if new and not isinstance(interface, AppHooks):  # an app's deliveries are proven by its client secret
        yield _new_secret(new, dry=False)
    if ours is not None:
        jql = wanted.jql if left_out(ours.jql, ()) is not None else ours.jql  # a person's own filter stays
        wanted = replace(wanted, id=ours.id, name=ours.name or wanted.name, jql=jql, events=wanted.events | ours.events)
    reply = interface.write(wanted, secret)
    done, told = (Done.CREATED, _sends(wanted)) if ours is None else (Done.REPAIRED, "; it was mended.")
    if reply.yes:
        yield _step(done, f"{what}{told}", interface)
    else:
        yield _step(Done.FAILED, f"{what}: Jira did not take it: {reply.says}", interface)


def _sends(wanted: Hook) -> str:
    return f", {len(wanted.events)} kinds of events."


def _new_secret(new: dict[str, SecretStr], dry: bool) -> Step:
    return Step(
        name="webhook-secret",
        done=Done.WOULD_CREATE if dry else Done.CREATED,
        says="A secret for the webhook to sign with, kept as webhook_secrets in secrets.toml.",
        role="nobody in Jira is asked",
        undo="Take it out of secrets.toml.",
        secrets=new,
    )


def _again(interface: Registry, hooks: list[Hook], dry: bool) -> Step:
    """Tell of more webhooks to the same address; those of an OAuth app, which nobody made by hand, are deleted."""
    names = ", ".join(f"“{hook.name or hook.id}”" for hook in hooks)
    says = f"More than one webhook sends to {hooks[0].url}, so everything is told twice: {names}"
    if not isinstance(interface, AppHooks):
        clicks = (f"⚙ → System → WebHooks → {names} → Delete",)
        return Step(name="webhook-again", done=Done.BY_HAND, says=f"{says}.", role=ADMINS, by_hand=clicks)
    role = "the OAuth app itself"
    if dry:
        says = f"{says}; the other would be deleted."
        return Step(name="webhook-again", done=Done.WOULD_REPAIR, says=says, role=role)
    reply = interface.delete(hooks)
    says, done = (f"{says}; deleted.", Done.REPAIRED) if reply.yes else (f"{says}; {reply.says}", Done.FAILED)
    return Step(name="webhook-again", done=done, says=says, role=role)


def _step(done: Done, says: str, interface: Registry) -> Step:
    app = isinstance(interface, AppHooks)
    undo = {
        Done.CREATED: "Delete it: ⚙ → System → WebHooks." if not app else f"Delete it: DELETE {interface.path}.",
        Done.REPAIRED: "Edit it: ⚙ → System → WebHooks; what it was is told above." if not app else "",
    }
    undo |= {Done.WOULD_CREATE: undo[Done.CREATED], Done.WOULD_REPAIR: undo[Done.REPAIRED]}
    role = "the OAuth app itself" if app else ADMINS
    says = f"{says} {_APP_LIFE}" if app else says
    return Step(name=_WEBHOOK, done=done, says=says, role=role, undo=undo.get(done, ""))


def _ours(listed: tuple[Hook, ...], wanted: Hook) -> list[Hook]:
    """Return our webhooks: those with our address, else the one that we gave our name."""
    by_address = [hook for hook in listed if same_address(hook.url, wanted.url)]
    by_name = [hook for hook in listed if hook.name and hook.name == wanted.name]
    return by_address or by_name[:1]


def _faults(enquiry: Enquiry, interface: Registry, uses: Uses, hook: Hook, wanted: Hook) -> tuple[str, ...]:
    """Return what is wrong with a webhook, as verbs."""
    missing = sorted(wanted.events - hook.events)
    held = left_out(hook.jql, _projects(uses)) or frozenset()
    unproven = not isinstance(interface, AppHooks) and not settings_of(enquiry.site).webhook_secrets
    told = {
        f"sends to {hook.url}": not same_address(hook.url, wanted.url),
        "is switched off": not hook.enabled,
        "sends no body": not hook.whole,
        "is not signed": hook.signed is False,
        "is signed with a secret that nobody here knows": hook.signed is not False and unproven,
        f"does not send {', '.join(missing)}": bool(missing),
        f"holds back {', '.join(sorted(held))}": bool(held),
    }
    return tuple(words for words, wrong in told.items() if wrong)


def _secret(settings: JiraSettings) -> tuple[str, dict[str, SecretStr]]:
    """Return the secret to sign with, and what of it has to be kept."""
    if settings.webhook_secrets:
        return settings.webhook_secrets[0].get_secret_value(), {}
    made = random.token_urlsafe(32)
    return made, {"webhook_secrets": SecretStr(made)}


def _by_hand(enquiry: Enquiry, uses: Uses, address: str, no: Reply, dry: bool) -> Step:
    settings = settings_of(enquiry.site)
    _, new = _secret(settings)
    if not settings.automation_tokens:
        new |= {"automation_tokens": SecretStr(random.token_urlsafe(32))}
    menu = "⚙ → System → WebHooks" if settings.cloud else "Administration → System → WebHooks"
    jql = _filter(enquiry, uses, needed=False)
    app = (
        f'Let the app have the scope {APP_SCOPE}: add it to `scope`, run "stepladder authorize {enquiry.site.name}", '
        "and run setup once more without an administrator's token.",
    )
    clicks = (
        *(app if settings.by_consent else ()),
        f"As an administrator of Jira: {menu} → Create a WebHook: name {_name(enquiry.site)}, URL {address}, enabled, "
        "the secret as in webhook_secrets in secrets.toml.",
        f"There: JQL {jql or '(empty)'}; events issue created, updated, deleted, comment created, updated, deleted, "
        "issue link created, deleted; exclude body: no.",
        "Or as an administrator of a project only: Project settings → Automation → Create rule, for each of the "
        "triggers Work item created, Work item updated, Work item commented; then Send web request: "
        f"POST to {address}, body Issue data (Jira format), header X-Stepladder-Token as in automation_tokens there.",
    )
    return Step(
        name=_WEBHOOK,
        done=Done.BY_HAND,
        says=f"Jira lets this account neither see nor make webhooks (it answered {no.status}).",
        role=f"{ADMINS}; or {PROJECT_ADMINS}, by automation",
        by_hand=clicks,
        secrets={} if dry else new,
    )


def _name(site: Site) -> str:
    return f"Stepladder ({site.name})"


def _projects(uses: Uses) -> tuple[str, ...]:
    wanted = uses.scope.get("project", ())
    return tuple(dict.fromkeys((*wanted, *linked_projects(uses)))) if wanted else ()


def _filter(enquiry: Enquiry, uses: Uses, *, needed: bool) -> str:
    """Return the JQL of the projects that concern us; all that we see, where there must be one."""
    if (wanted := _projects(uses)) or not needed:
        return filter_for(wanted)
    return filter_for(place.key for place in places(enquiry, uses)[0])


# --- the screens ------------------------------------------------------------------------------------------------------
def _labels(place: Project, seen: Newest) -> Step:
    name = f"labels:{place.key}"
    if "labels" in seen.screen:
        says = f"Labels are on the edit screen in {place.key}; {level_tag(2)} needs no making."
        return Step(name=name, done=Done.THERE, says=says, role=ADMINS)
    where = "Project settings → Work types → (each) → Fields" if place.team_managed else "Project settings → Screens"
    return Step(
        name=name,
        done=Done.BY_HAND,
        says=f"Labels are not on the edit screen of the newest issue in {place.key}, so the level cannot be shown.",
        role=PROJECT_ADMINS if place.team_managed else ADMINS,
        by_hand=(f"{where} → (each edit screen) → add Labels",),
    )
