"""Makes what a Zendesk account needs: the webhook with its secret, and the field that shows the level.

It looks first and changes only what is not right, so a second run changes nothing. It never touches a ticket, a trigger
or anybody's rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pydantic import SecretStr

from connectors.contract import Keeper, Refused
from connectors.site import Site, SiteSettings
from connectors.upkeep import Done, Step, Uses
from connectors.zendesk.checkup_names import missing_options, without_field
from connectors.zendesk.office import (
    BY_TRIGGER,
    CHAT,
    SUBSCRIPTIONS,
    Denied,
    JSONObject,
    Office,
    level_field_in,
    office,
    own_webhooks,
    webhook_name,
)
from connectors.zendesk.picture import identity, level_in, level_tag, mapping, plain
from connectors.zendesk.settings import ZendeskSettings

_ADMIN = "administrator"
_TITLE = "Escalation level"
_WEBHOOKS = "Admin Center → Apps and integrations → Webhooks"
_FIELDS = "Admin Center → Objects and rules → Tickets → Fields"
_FORMS = "Admin Center → Objects and rules → Tickets → Forms"


def as_admin(settings: SiteSettings, email: str | None, token: SecretStr) -> SiteSettings:
    """Return the settings with an admin's API token (with the e-mail) or OAuth token (without) in place of ours."""
    ours = {"client_id": None, "client_secret": None, "oauth_token": None, "email": None, "token": None}
    given = {"email": email, "token": token} if email else {"oauth_token": token}
    return settings.model_copy(update={**ours, **given})


def set_up(site: Site, keeper: Keeper, uses: Uses, dry: bool) -> Iterator[Step]:
    """Yield each thing the account needs, made or mended unless `dry`. Raises TryLater or Refused if nobody answers."""
    with office(site, keeper) as asked:
        if identity(mapping(asked.get("users/me"), "user").get("id")) is None:
            raise Refused(f"Zendesk at {site.settings.url} does not know these credentials")
        yield from _webhook(asked, site, uses, dry)
        yield from _level_field(asked, site, uses, dry)


# --- the webhook --------------------------------------------------------------------------------------------
def _webhook(asked: Office, site: Site, uses: Uses, dry: bool) -> Iterator[Step]:
    clicks = (
        f"{_WEBHOOKS} → Create webhook → Zendesk events",
        f"Endpoint URL: {uses.hook or 'the address of this site at your Stepladder'}, POST, JSON, no authentication",
        "Events: " + ", ".join(sorted(_shown(event) for event in SUBSCRIPTIONS)),
        f'Then: Reveal secret → secrets.toml, [sites.{site.name}], webhook_secrets = ["…"]',
    )
    try:
        ours = own_webhooks(asked.listed("webhooks"), uses.hook, site.name)
    except Denied:
        yield _by_hand("webhook", "These credentials may not see or make webhooks.", clicks)
        return
    ours = [one for one in ours if BY_TRIGGER not in (one.get("subscriptions") or ())]
    found = ours[0] if ours else None
    if found is None and uses.hook is None:
        unknown = "It is not known under which address Zendesk reaches this Stepladder: give --hook URL."
        yield _by_hand("webhook", unknown, clicks)
        return
    wanted = {
        "name": webhook_name(site.name),
        "status": "active",
        "endpoint": uses.hook or (found or {}).get("endpoint"),
        "http_method": "POST",
        "request_format": "json",
    }
    if found is None:
        found = yield from _new_webhook(asked, wanted, dry)
    else:
        yield from _mended_webhook(asked, found, wanted, dry)
    if found is not None:
        yield from _secret(asked, found, site)
    if again := [
        one for one in ours[1:] if one.get("endpoint") == wanted["endpoint"] and one.get("status") == "active"
    ]:
        names = ", ".join(f"“{plain(one.get('name'))}” (id {one.get('id')})" for one in again)
        says = f"More than one webhook sends to {wanted['endpoint']}, so everything is told twice: {names}."
        yield _by_hand("webhook-again", says, (f"{_WEBHOOKS} → {names} → Delete",))


def _new_webhook(asked: Office, wanted: dict[str, Any], dry: bool) -> Any:
    says = f"The webhook “{wanted['name']}” to {wanted['endpoint']}, {len(SUBSCRIPTIONS) + 1} events"
    undo = f"{_WEBHOOKS} → {wanted['name']} → Delete"
    if dry:
        yield Step(name="webhook", done=Done.WOULD_CREATE, says=f"{says}.", role=_ADMIN, undo=undo)
        says = "The webhook's signing secret, kept as webhook_secrets in secrets.toml."
        yield Step(name="webhook-secret", done=Done.WOULD_CREATE, says=says, role=_ADMIN)
        return None
    try:
        made = _post_webhook(asked, wanted)
    except (Denied, Refused) as refused:
        yield _failed("webhook", f"{says}: Zendesk did not create it: {refused}")
        return None
    yield Step(name="webhook", done=Done.CREATED, says=f"{says}.", role=_ADMIN, undo=undo)
    return made


def _post_webhook(asked: Office, wanted: dict[str, Any]) -> JSONObject:
    """Create it with the event of chats; an account without messaging may not know that one."""
    for events in (SUBSCRIPTIONS | {CHAT}, SUBSCRIPTIONS):
        try:
            body = {"webhook": {**wanted, "subscriptions": sorted(events)}}
            return mapping(asked.send("POST", "webhooks", body), "webhook")
        except Refused:
            if CHAT not in events:
                raise
    raise AssertionError("not reached")


def _mended_webhook(asked: Office, found: JSONObject, wanted: dict[str, Any], dry: bool) -> Iterator[Step]:
    before = set(found.get("subscriptions") or ())
    missing = SUBSCRIPTIONS - before
    wrong = [key for key in ("status", "endpoint") if found.get(key) != wanted[key]]
    title = plain(found.get("name")) or wanted["name"]
    if not missing and not wrong:
        says = f"The webhook “{title}” is active, with every event."
        yield Step(name="webhook", done=Done.THERE, says=says, role=_ADMIN)
        return
    shown = sorted(map(_shown, missing))
    events = ", ".join(shown[:3]) + (f" and {len(shown) - 3} others" if len(shown) > 3 else "")
    what = "; ".join(
        [f"{key} {found.get(key)} → {wanted[key]}" for key in wrong] + ([f"more events: {events}"] if events else [])
    )
    was = ", ".join(f"{key} {found.get(key)}" for key in wrong) or "take the events away"
    says, undo = f"The webhook “{title}”: {what}.", f"{_WEBHOOKS} → {title} → Edit: {was}"
    if dry:
        yield Step(name="webhook", done=Done.WOULD_REPAIR, says=says, role=_ADMIN, undo=undo)
        return
    body = {"webhook": {**wanted, "name": title, "subscriptions": sorted(before | SUBSCRIPTIONS)}}
    try:
        asked.send("PATCH", f"webhooks/{found['id']}", body)
    except (Denied, Refused) as refused:
        yield _failed("webhook", f"Zendesk did not mend the webhook “{title}” ({what}): {refused}")
        return
    yield Step(name="webhook", done=Done.REPAIRED, says=says, role=_ADMIN, undo=undo)


def _secret(asked: Office, webhook: JSONObject, site: Site) -> Iterator[Step]:
    clicks = (f"{_WEBHOOKS} → {plain(webhook.get('name'))} → Reveal secret",)
    try:
        told = mapping(asked.get(f"webhooks/{webhook.get('id')}/signing_secret"), "signing_secret")
        shown = plain(told.get("secret"))
    except (Denied, Refused):
        shown = None
    if not shown:
        yield _by_hand("webhook-secret", "Zendesk does not show the webhook's secret to these credentials.", clicks)
    elif shown in {kept.get_secret_value() for kept in site.settings.webhook_secrets}:
        yield Step(name="webhook-secret", done=Done.THERE, says="The webhook's secret is known here.", role=_ADMIN)
    else:
        yield Step(
            name="webhook-secret",
            done=Done.CREATED,
            says="The webhook's signing secret, read at Zendesk.",
            role=_ADMIN,
            undo="Take it out of secrets.toml",
            secrets={"webhook_secrets": SecretStr(shown)},
        )


# --- the level field ----------------------------------------------------------------------------------------
def _level_field(asked: Office, site: Site, uses: Uses, dry: bool) -> Iterator[Step]:
    clicks = (
        f"{_FIELDS} → Add field → Drop-down, title “{_TITLE}”, for agents only",
        "Values: " + ", ".join(f"{_option(n)['name']} with the tag {level_tag(n)}" for n in range(2, uses.levels + 1)),
        f'Then its id in stepladder.toml, [sites.{site.name}]: level_field = "…"',
    )
    if uses.levels < 2:
        return
    try:
        listed = asked.listed("ticket_fields")
    except Denied:
        yield _by_hand("level-field", "These credentials may not see ticket fields.", clicks)
        return
    settings = cast(ZendeskSettings, site.settings)
    found = level_field_in(listed, settings.level_field) or next((one for one in listed if _shows_levels(one)), None)
    try:
        if found is None:
            found = yield from _new_field(asked, uses, dry)
        else:
            yield from _mended_field(asked, found, settings, uses, dry)
        if found is not None:
            yield from _on_forms(asked, found, dry)
    except Denied:
        yield _by_hand("level-field", "These credentials may not make or change ticket fields.", clicks)


def _new_field(asked: Office, uses: Uses, dry: bool) -> Any:
    options = [_option(number) for number in range(2, uses.levels + 1)]
    says = f"The ticket field “{_TITLE}” with a value for each of the levels 2 to {uses.levels}"
    undo = f"{_FIELDS} → {_TITLE} → Delete (the level then stands in the tags only)"
    if dry:
        says = f"{says}; its id belongs into level_field."
        yield Step(name="level-field", done=Done.WOULD_CREATE, says=says, role=_ADMIN, undo=undo)
        return None
    told = "Set by Stepladder. Changing it by hand moves the escalation."
    body = {"type": "tagger", "title": _TITLE, "agent_description": told, "visible_in_portal": False}
    try:
        field = {**body, "editable_in_portal": False, "required": False, "custom_field_options": options}
        made = mapping(asked.send("POST", "ticket_fields", {"ticket_field": field}), "ticket_field")
    except Refused as refused:
        yield _failed("level-field", f"{says}: Zendesk did not create it: {refused}")
        return None
    yield Step(
        name="level-field",
        done=Done.CREATED,
        says=f"{says}.",
        role=_ADMIN,
        undo=undo,
        settings={"level_field": str(made.get("id"))},
    )
    return made


def _mended_field(asked: Office, found: JSONObject, settings: ZendeskSettings, uses: Uses, dry: bool) -> Iterator[Step]:
    title, number = plain(found.get("title")) or _TITLE, str(identity(found.get("id")))
    told = {} if settings.level_field in (number, found.get("title")) else {"level_field": number}
    if found.get("type") != "tagger":
        yield _failed("level-field", f"The field “{title}” is no drop-down: take another one, or let setup make one.")
        return
    missing = missing_options(found, uses.levels)
    wrong = [f"values for {', '.join(missing)}"] if missing else []
    wrong += ["is active"] if not found.get("active", True) else []
    if not wrong:
        says = f"The field “{title}” has a value for every level."
        yield Step(name="level-field", done=Done.THERE, says=says, role=_ADMIN, settings=told)
        return
    says, undo = f"The field “{title}”: {'; '.join(wrong)}.", f"{_FIELDS} → {title}: take the values away"
    if dry:
        yield Step(name="level-field", done=Done.WOULD_REPAIR, says=says, role=_ADMIN, undo=undo, settings=told)
        return
    # an option that is left out is removed by Zendesk, from the tickets too: all of them are sent
    options = [*(found.get("custom_field_options") or ()), *(_option(cast(int, level_in(tag))) for tag in missing)]
    try:
        asked.send(
            "PUT", f"ticket_fields/{number}", {"ticket_field": {"active": True, "custom_field_options": options}}
        )
    except Refused as refused:
        yield _failed("level-field", f"Zendesk did not mend the field “{title}” ({'; '.join(wrong)}): {refused}")
        return
    yield Step(name="level-field", done=Done.REPAIRED, says=says, role=_ADMIN, undo=undo, settings=told)


def _on_forms(asked: Office, field: JSONObject, dry: bool) -> Iterator[Step]:
    """Put the field on every active form, so that agents see it; accounts without forms have none."""
    forms = [form for form in asked.seen("ticket_forms") or () if form.get("active")]
    for form in without_field(forms, field):
        name = plain(form.get("name")) or "?"
        says, undo = f"The form “{name}”: the level field is added.", f"{_FORMS} → {name}: drag it out"
        if dry:
            yield Step(name="level-forms", done=Done.WOULD_REPAIR, says=says, role=_ADMIN, undo=undo)
            continue
        ids = [*(form.get("ticket_field_ids") or ()), field.get("id")]
        try:
            asked.send("PUT", f"ticket_forms/{form.get('id')}", {"ticket_form": {"ticket_field_ids": ids}})
        except (Denied, Refused) as refused:
            clicks = (f"{_FORMS} → {name}: drag the field “{plain(field.get('title'))}” into it",)
            yield _by_hand(
                "level-forms", f"Zendesk did not add the level field to the form “{name}”: {refused}", clicks
            )
            continue
        yield Step(name="level-forms", done=Done.REPAIRED, says=says, role=_ADMIN, undo=undo)


def _option(level: int) -> dict[str, str]:
    return {"name": f"Level {level}", "value": level_tag(level)}


def _shows_levels(field: JSONObject) -> bool:
    options = [option for option in field.get("custom_field_options") or () if isinstance(option, dict)]
    return any(level_in(str(option.get("value"))) is not None for option in options)


def _shown(event: str) -> str:
    return event.rpartition(".")[2].replace("_", " ")


def _by_hand(name: str, says: str, clicks: tuple[str, ...]) -> Step:
    return Step(name=name, done=Done.BY_HAND, says=says, role=_ADMIN, by_hand=clicks)


def _failed(name: str, says: str) -> Step:
    return Step(name=name, done=Done.FAILED, says=says, role=_ADMIN)
