"""What administrators do at the pretend Jira over its API: fields and their options, screens, rules. No web."""

from __future__ import annotations

from typing import Any

from connectors.jira.pretend_access import SCOPES
from connectors.jira.pretend_asking import Answer, Asked, Routes, V, nowhere
from connectors.jira.pretend_fields import OWN, PretendField
from connectors.jira.pretend_links import No
from connectors.jira.pretend_rules import Rule
from connectors.jira.records import PROJECTS

_FIELD, _CONTEXT = f"{V}/field/<field>", f"{V}/field/<field>/context/<context>"
_TYPES = ("select", "float", "textfield", "textarea", "labels", "userpicker", "datepicker", "radiobuttons")


# --- fields ---------------------------------------------------------------------------------------------------
def list_fields(asked: Asked) -> Answer:
    """List every field; on Cloud, a team-managed project's own ones say whose they are."""
    known = asked.site.catalogue.all.values()
    return 200, [_field(asked, field) for field in known if asked.site.cloud or field.scope is None]


def _field(asked: Asked, known: PretendField) -> dict[str, Any]:
    custom = known.custom is not None
    clauses = [f"cf[{known.id.removeprefix('customfield_')}]", known.name] if custom else [known.id]
    told: dict[str, Any] = {"id": known.id, "name": known.name, "custom": custom, "clauseNames": clauses}
    told |= {"orderable": True, "navigable": True, "searchable": True, "schema": known.schema()}
    if not asked.site.cloud:
        return told
    told |= {"key": known.id}
    scope = {"type": "PROJECT", "project": {"id": PROJECTS[known.scope][0]}} if known.scope else None
    return told | ({"scope": scope} if scope else {})


def create_field(asked: Asked) -> Answer:
    """Make a custom field."""
    asked.must_administer()
    name, kind = str(asked.json.get("name") or ""), str(asked.json.get("type") or "")
    if not name:
        raise No(400, name="It is a required field.")
    if kind.removeprefix(OWN) not in _TYPES or not kind.startswith(OWN):
        raise No(400, fieldType=f"No custom field type with key {kind!r}.")
    return 201, _field(asked, asked.site.catalogue.create(name, kind))


def _asked_field(asked: Asked) -> PretendField:
    asked.only_cloud()
    asked.must_administer()
    known = asked.site.catalogue.all.get(asked.found["field"])
    if known is None or known.custom is None:
        raise No(404, "The custom field was not found.")
    return known


def list_contexts(asked: Asked) -> Answer:
    """List where a custom field has which options; made anew for those that were there from the beginning."""
    known = _asked_field(asked)
    if not known.contexts and known.scope is None:
        number = str(int(known.id.removeprefix("customfield_")) + 100)
        known.contexts[number] = {"name": f"Default Configuration Scheme for {known.name}", "isGlobalContext": True}
    every = [{"id": n, "description": "", "isAnyIssueType": True, **told} for n, told in known.contexts.items()]
    part, which = asked.page(every)
    return 200, {**which, "isLast": True, "values": part}


def _options_of(asked: Asked) -> PretendField:
    known = _asked_field(asked)
    if asked.found["context"] not in known.contexts:
        raise No(404, "The custom field context was not found.")
    if known.kind != "option":
        raise No(400, "The field does not support options.")
    return known


def list_options(asked: Asked) -> Answer:
    """List a select list's options."""
    known = _options_of(asked)
    every = [{"id": number, "value": value, "disabled": False} for number, value in known.options.items()]
    part, which = asked.page(every, 100)
    return 200, {**which, "isLast": which["startAt"] + len(part) >= len(every), "values": part}


def add_options(asked: Asked) -> Answer:
    """Give a select list more options; each text only once."""
    known = _options_of(asked)
    texts = [str(option["value"]) for option in asked.json.get("options", ())]
    if twice := [text for text in texts if text in known.options.values()]:
        raise No(400, f"Option {twice[0]!r} already exists.")
    made = [{"id": asked.site.catalogue.add_option(known, text), "value": text, "disabled": False} for text in texts]
    return 200, {"options": made}


def put_on_screen(asked: Asked) -> Answer:
    """Put a field on the default screen, where it can be edited from then on."""
    asked.must_administer()
    known = asked.site.catalogue.all.get(asked.found["field"])
    if known is None:
        raise No(404, "The field was not found.")
    if known.on_screen:
        raise No(400, f"The field {known.id} already exists on the screen.")
    known.on_screen = True
    return (200, {}) if asked.site.cloud else (201, {})


def licence(asked: Asked) -> Answer:
    """Say what is licensed."""
    asked.only_cloud()
    plans = [{"id": name, "plan": asked.site.plan} for name in ("jira-software", "jira-servicedesk")]
    return 200, {"applications": plans}


# --- automation -----------------------------------------------------------------------------------------------
def _must_read_rules(asked: Asked) -> None:
    if asked.found.get("cloud") not in (None, asked.doors.cloud_id):
        raise nowhere()
    if asked.visitor.app or not asked.may("ADMINISTER"):
        raise No(403, "Only administrators can see automation rules, and no app can.")


def list_rules(asked: Asked) -> Answer:
    """List the automation rules without what they do; no app may."""
    asked.only_cloud()
    _must_read_rules(asked)
    rules = asked.herald.rules
    told = [rules.summary(rule, asked.doors.cloud_id) for rule in rules.all]
    return 200, {"links": {"self": "?limit=100", "next": None, "prev": None}, "data": told}


def show_rule(asked: Asked) -> Answer:
    """Show one automation rule with what sets it off and what it does."""
    asked.only_cloud()
    _must_read_rules(asked)
    rule: Rule | None = next((rule for rule in asked.herald.rules.all if rule.uuid == asked.found["rule"]), None)
    if rule is None:
        raise No(404, "There is no such rule.")
    return 200, {"rule": asked.herald.rules.whole(rule, asked.doors.cloud_id), "connections": []}


def center_rules(asked: Asked) -> Answer:
    """List the automation rules whole, as Data Center does."""
    asked.only_center()
    _must_read_rules(asked)
    return 200, [asked.herald.rules.center(n, rule) for n, rule in enumerate(asked.herald.rules.all, 1)]


# --- OAuth and what anybody may ask -----------------------------------------------------------------------------
def tenant(asked: Asked) -> Answer:
    """Say which site this is; anybody may ask."""
    asked.only_cloud()
    return 200, {"cloudId": asked.doors.cloud_id}


def tokens(asked: Asked) -> Answer:
    """Give tokens for a code or a refresh token."""
    asked.only_cloud()
    return 200, asked.doors.exchange(asked.json or asked.form)


def resources(asked: Asked) -> Answer:
    """List the sites that an OAuth token opens."""
    asked.only_cloud()
    scopes = sorted((asked.visitor.scopes or SCOPES) - {"offline_access"})
    told = {"id": asked.doors.cloud_id, "name": "pretend", "url": asked.site.url, "scopes": scopes, "avatarUrl": ""}
    return 200, [told]


_RULES = "public/jira/<cloud>/rest/v1/rule"
ROUTES: Routes = (
    ("GET", f"{V}/field", list_fields),
    ("POST", f"{V}/field", create_field),
    ("GET", f"{_FIELD}/context", list_contexts),
    ("GET", f"{_CONTEXT}/option", list_options),
    ("POST", f"{_CONTEXT}/option", add_options),
    ("POST", f"{V}/screens/addToDefault/<field>", put_on_screen),
    ("GET", f"{V}/instance/license", licence),
    ("GET", f"/automation/{_RULES}/summary", list_rules),
    ("GET", f"/automation/{_RULES}/<rule>", show_rule),
    ("GET", f"/gateway/api/automation/{_RULES}/summary", list_rules),
    ("GET", f"/gateway/api/automation/{_RULES}/<rule>", show_rule),
    ("GET", "/rest/cb-automation/latest/project/GLOBAL/rule", center_rules),
    ("GET", "/oauth/token/accessible-resources", resources),
)
OPEN: Routes = (("GET", "/_edge/tenant_info", tenant), ("POST", "/oauth/token", tokens))
"""What is answered to whoever asks."""
