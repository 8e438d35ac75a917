"""What administrators see and make at the pretend account: fields, forms, statuses, rules, agreements and webhooks."""

from __future__ import annotations

from typing import Any

from connectors.postman import Attempt
from connectors.zendesk.pretend_api import Answer, Asked, Route, page
from connectors.zendesk.pretend_fields import field, with_options
from connectors.zendesk.pretend_hooks import attempts_of, invocations, new_secret
from connectors.zendesk.pretend_refusals import NOT_FOUND, invalid
from connectors.zendesk.records import BEGINNING, CUSTOM_STATUSES, FORM

_BLANK = {"description": "can't be blank", "error": "BlankValue"}


# --- fields, forms, statuses -----------------------------------------------------------------------------
def fields(asked: Asked) -> Answer:
    """List the ticket fields."""
    return page(asked, "ticket_fields", list(asked.account.fields.values()))


def one_field(asked: Asked) -> Answer:
    """Show one ticket field."""
    found = asked.account.fields.get(asked.number("field"))
    return (200, {"ticket_field": found}) if found else NOT_FOUND


def make_field(asked: Asked) -> Answer:
    """Make a ticket field; options of a drop-down must have values that no other option has."""
    values = asked.body.get("ticket_field") or {}
    if not values.get("title") or not values.get("type"):
        return invalid({name: [_BLANK] for name in ("title", "type") if not values.get(name)})
    taken = {value for number in asked.account.fields for value in asked.account.options(number)}
    if double := [one["value"] for one in values.get("custom_field_options") or () if one["value"] in taken]:
        return invalid({"custom_field_options": [{"description": f"{double[0]} is already used", "error": "Taken"}]})
    number = asked.account.number()
    more = with_options({k: v for k, v in values.items() if k not in ("type", "title", "id")}, number)
    asked.account.fields[number] = field(number, values["type"], values["title"], **more)
    asked.account.show_fields()
    return 201, {"ticket_field": asked.account.fields[number]}


def change_field(asked: Asked) -> Answer:
    """Change a ticket field; the options that are sent take the place of those that were there."""
    number = asked.number("field")
    if number not in asked.account.fields:
        return NOT_FOUND
    asked.account.fields[number] |= with_options(asked.body.get("ticket_field") or {}, number)
    asked.account.show_fields()
    return 200, {"ticket_field": asked.account.fields[number]}


def forms(asked: Asked) -> Answer:
    """List the ticket forms."""
    return page(asked, "ticket_forms", [_form(asked)])


def change_form(asked: Asked) -> Answer:
    """Put fields on the form."""
    if asked.number("form") != FORM:
        return NOT_FOUND
    wanted = (asked.body.get("ticket_form") or {}).get("ticket_field_ids")
    asked.account.form_fields = list(wanted) if wanted is not None else asked.account.form_fields
    return 200, {"ticket_form": _form(asked)}


def _form(asked: Asked) -> dict[str, Any]:
    return {
        "id": FORM, "name": "Default", "raw_name": "Default", "display_name": "Default", "end_user_visible": True,
        "active": True, "default": True, "position": 1, "in_all_brands": True, "restricted_brand_ids": [],
        "ticket_field_ids": list(asked.account.form_fields), "created_at": BEGINNING, "updated_at": BEGINNING,
    }  # fmt: skip


def statuses(asked: Asked) -> Answer:
    """List the statuses, one of each category."""
    listed = [
        {
            "id": number, "status_category": category, "agent_label": _label(category), "active": True,
            "end_user_label": _label(category), "raw_agent_label": _label(category), "description": "",
            "default": True, "created_at": BEGINNING, "updated_at": BEGINNING,
        }
        for category, number in CUSTOM_STATUSES.items()
    ]  # fmt: skip
    return 200, {"custom_statuses": [*listed, *asked.account.more_statuses]}


def _label(category: str) -> str:
    return "On-hold" if category == "hold" else category.capitalize()


# --- rules, agreements, the account ----------------------------------------------------------------------
def triggers(asked: Asked) -> Answer:
    """List the triggers."""
    return page(asked, "triggers", asked.account.triggers)


def automations(asked: Asked) -> Answer:
    """List the automations."""
    return page(asked, "automations", asked.account.automations)


def policies(asked: Asked) -> Answer:
    """List the SLA policies; a plan without them does not know the address."""
    listed = asked.account.slas
    shown = {"sla_policies": listed, "count": len(listed), "next_page": None, "previous_page": None}
    return (200, shown) if asked.account.has_slas else NOT_FOUND


def agreements(asked: Asked) -> Answer:
    """List with whom tickets are shared."""
    listed = [
        {
            "id": number, "name": f"Tickets with {partner}", "partner_name": None, "status": "accepted",
            "type": "outbound", "remote_subdomain": partner.lower(), "created_at": BEGINNING, "updated_at": BEGINNING,
        }
        for number, partner in asked.account.agreements.items()
    ]  # fmt: skip
    return page(asked, "sharing_agreements", listed)


def account_settings(asked: Asked) -> Answer:
    """Show a little of the account's settings."""
    shown = {"active_features": {"sla": asked.account.has_slas}, "tickets": {"collaboration": True}}
    return 200, {"settings": shown}


def current_token(asked: Asked) -> Answer:
    """Show the token that this request was made with; API tokens are none of these."""
    return (200, {"token": asked.access.shown(asked.token)}) if asked.token.ends else NOT_FOUND


# --- webhooks --------------------------------------------------------------------------------------------
def webhooks(asked: Asked) -> Answer:
    """List the webhooks, those whose name has a word in it."""
    part = asked.query.get("filter[name_contains]", "").casefold()
    return page(asked, "webhooks", [one for one in asked.hooks.made.values() if part in one["name"].casefold()])


def make_webhook(asked: Asked) -> Answer:
    """Make a webhook; its secret is asked for apart."""
    values = asked.body.get("webhook") or {}
    missing = [key for key in ("name", "endpoint", "http_method", "request_format", "status") if not values.get(key)]
    if missing:
        errors = [{"code": "MissingField", "title": f"{key} is required"} for key in missing]
        return 400, {"errors": errors}
    return 201, {"webhook": asked.hooks.add(values)}


def one_webhook(asked: Asked) -> Answer:
    """Show a webhook."""
    found = asked.hooks.made.get(asked.found["webhook"])
    return (200, {"webhook": found}) if found else _NO_WEBHOOK


def change_webhook(asked: Asked) -> Answer:
    """Change a webhook; the answer is empty."""
    if asked.found["webhook"] not in asked.hooks.made:
        return _NO_WEBHOOK
    asked.hooks.made[asked.found["webhook"]] |= asked.body.get("webhook") or {}
    return 204, None


def remove_webhook(asked: Asked) -> Answer:
    """Take a webhook away."""
    return (204, None) if asked.hooks.made.pop(asked.found["webhook"], None) else _NO_WEBHOOK


def secret(asked: Asked) -> Answer:
    """Show what a webhook signs with, or make a new one."""
    number = asked.found["webhook"]
    if number not in asked.hooks.made:
        return _NO_WEBHOOK
    return 200, {"signing_secret": {"secret": asked.hooks.secrets[number], "algorithm": "SHA256"}}


def new_signing_secret(asked: Asked) -> Answer:
    """Give a webhook a new secret; the old one is used no more."""
    if asked.found["webhook"] in asked.hooks.made:
        asked.hooks.secrets[asked.found["webhook"]] = new_secret()
    status, body = secret(asked)
    return 201 if status == 200 else status, body


def deliveries(asked: Asked) -> Answer:
    """List what a webhook has sent."""
    listed = invocations(asked.hooks.attempts(), asked.found["webhook"], _now(asked))
    wanted = asked.query.get("filter[status]")
    return page(asked, "invocations", [one for one in listed if wanted in (None, one["status"])])


def tries(asked: Asked) -> Answer:
    """List the attempts of one delivery."""
    made: list[Attempt] = asked.hooks.attempts()
    return 200, {"attempts": attempts_of(made, asked.found["webhook"], asked.found["invocation"], _now(asked))}


def _now(asked: Asked) -> str:
    return asked.account.clock().strftime("%Y-%m-%dT%H:%M:%SZ")


_NO_WEBHOOK: Answer = 404, {"errors": [{"code": "WebhookNotFound", "title": "No webhook with this id"}]}


def _admin(method: str, path: str, view: Any, resource: str = "webhooks") -> Route:
    return Route(method=method, path=path, view=view, resource=resource, admins=True)


ADMIN = (
    Route(method="GET", path="ticket_fields", view=fields, resource="ticket_fields"),
    Route(method="GET", path="ticket_fields/<int:field>", view=one_field, resource="ticket_fields"),
    _admin("POST", "ticket_fields", make_field, "ticket_fields"),
    _admin("PUT", "ticket_fields/<int:field>", change_field, "ticket_fields"),
    Route(method="GET", path="ticket_forms", view=forms, resource="ticket_forms"),
    _admin("PUT", "ticket_forms/<int:form>", change_form, "ticket_forms"),
    Route(method="GET", path="custom_statuses", view=statuses, resource="custom_statuses"),
    Route(method="GET", path="triggers", view=triggers, resource="triggers"),
    Route(method="GET", path="automations", view=automations, resource="automations"),
    _admin("GET", "slas/policies", policies, "slas"),
    Route(method="GET", path="sharing_agreements", view=agreements, resource="sharing_agreements"),
    Route(method="GET", path="account/settings", view=account_settings, resource="account"),
    Route(method="GET", path="oauth/tokens/current", view=current_token, resource="oauth"),
    _admin("GET", "webhooks", webhooks),
    _admin("POST", "webhooks", make_webhook),
    _admin("GET", "webhooks/<webhook>", one_webhook),
    _admin("PUT", "webhooks/<webhook>", change_webhook),
    _admin("PATCH", "webhooks/<webhook>", change_webhook),
    _admin("DELETE", "webhooks/<webhook>", remove_webhook),
    _admin("GET", "webhooks/<webhook>/signing_secret", secret),
    _admin("POST", "webhooks/<webhook>/signing_secret", new_signing_secret),
    _admin("GET", "webhooks/<webhook>/invocations", deliveries),
    _admin("GET", "webhooks/<webhook>/invocations/<invocation>/attempts", tries),
)
