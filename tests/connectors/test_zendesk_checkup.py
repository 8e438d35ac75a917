"""The examination against the pretend Zendesk, over TLS: what is wrong is found, named, and told with its cure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.contract import Keeper, Refused, TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority, Pocket, Served
from connectors.site import Site
from connectors.upkeep import Finding, Grade, Placed, Uses
from connectors.zendesk.checkup import examine
from connectors.zendesk.office import SUBSCRIPTIONS
from connectors.zendesk.records import FORM, LEVEL_FIELD, OURS
from connectors.zendesk.sandbox import Sandbox, build
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.setup import as_admin
from policies.commands import Take
from policies.model import Priority

HOOK = "https://steps.example/webhooks/zendesk/acme"
MAIL = {"field": "notification_user", "value": ["requester_id", "News", "Your ticket changed."]}
CHANGED = {"field": "update_type", "operator": "is", "value": "Change"}
Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def desk(authority: Authority) -> Iterator[Sandbox]:
    sandbox = build(authority)
    sandbox.account.form_fields.append(LEVEL_FIELD)
    yield sandbox
    sandbox.stop()


def target(take: Take = Take.OWNERSHIP, level: int = 2, **parts: Any) -> Placed:
    return Placed(level=level, name="Specialist", target=parts, take=take)


def rushing(priority: Priority) -> Uses:
    """Return the use of a policy whose level gives a priority."""
    placed = replace(target(group="Technical Support"), sets=frozenset({priority}))
    return uses(placed, sets=placed.sets)


def uses(*targets: Placed, **more: Any) -> Uses:
    given: dict[str, Any] = {"levels": 3, "hook": HOOK, "fields": frozenset({"product"}), **more}
    return Uses(targets=targets or (target(group="Technical Support"),), **given)


@pytest.fixture
def look(desk: Sandbox) -> Examine:
    """Examine the account as ourselves, or as an administrator; return the findings by name."""

    def looking(
        what: Uses | None = None, *, admin: bool = False, keeper: Keeper | None = None, **more: Any
    ) -> dict[str, Finding]:
        section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
        settings = ZendeskSettings(**{**section, **desk.secrets(), **more})
        if admin:
            settings = as_admin(settings, None, SecretStr(desk.admin_secret))  # type: ignore[assignment]
        site = Site(name="acme", settings=settings, account=settings.account)
        found = list(examine(site, keeper or Pocket(), what or uses(), datetime.now(UTC), lambda seconds: None))
        assert len({one.name for one in found}) == len(found), "a name is said once"
        return {one.name: one for one in found}

    return looking


def grades(found: dict[str, Finding], *but: Grade) -> dict[str, str]:
    return {name: one.grade.value for name, one in found.items() if one.grade not in (Grade.FINE, *but)}


def test_an_account_that_is_well_says_so_and_what_only_administrators_see(desk: Sandbox, look: Examine) -> None:
    found = look(uses(target(group="Support", assignee="robin@example.com")))
    assert grades(found, Grade.NOTE) == {"webhook:unseen": "unknown", "sla:policies": "unknown"}
    fine = {name for name, one in found.items() if one.grade is Grade.FINE}
    assert {"credentials:account", "clock:skew", "names:targets", "names:level-field", "names:fields"} <= fine
    assert {"vendor-rules:trigger", "vendor-rules:automation"} <= fine


def test_only_reading_is_done(desk: Sandbox, look: Examine) -> None:
    look(admin=True)
    look()
    assert {one.method for one in desk.requests if "oauth" not in one.path} == {"GET"}


def test_nothing_found_tells_a_secret(desk: Sandbox, look: Examine) -> None:
    found = look() | look(admin=True)
    told = " ".join(f"{one.says} {one.cure}" for one in found.values())
    assert desk.admin_secret not in told
    assert str(desk.secrets()["client_secret"]) not in told


# --- who we are ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "name", "grade"),
    [
        ({"role": "admin"}, "credentials:role", Grade.WARNING),
        ({"light": True}, "credentials:role", Grade.PROBLEM),
        ({"role": "end-user"}, "credentials:role", Grade.PROBLEM),
        ({"ticket_restriction": "groups"}, "permissions:tickets", Grade.WARNING),
        ({"seen_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}, "credentials:owner", Grade.WARNING),
    ],
    ids=["an administrator", "a light agent", "a customer", "some tickets only", "a person's"],
)
def test_our_account_is_looked_at(
    desk: Sandbox, look: Examine, change: dict[str, Any], name: str, grade: Grade
) -> None:
    for key, value in change.items():
        setattr(desk.account.people[OURS], key, value)
    found = look()
    assert found[name].grade is grade
    assert found[name].cure


def test_another_account_than_the_settings_say_is_a_problem(look: Examine) -> None:
    assert look(account="4711")["credentials:account"].grade is Grade.PROBLEM


def test_a_scope_that_is_missing_is_told(look: Examine) -> None:
    assert "lacks the global scope write" in look(scope="read")["permissions:scopes"].says


def test_a_token_that_may_not_even_ask_who_we_are_is_a_refusal_with_its_scope(look: Examine) -> None:
    with pytest.raises(Refused, match="scopes: read"):
        look(scope="tickets:read write")


def test_a_token_that_ends_soon_is_told(look: Examine) -> None:
    soon = (datetime.now(UTC) + timedelta(days=10)).date()
    assert look(token_expires=soon)["credentials:expiry"].grade is Grade.WARNING


def test_an_api_token_is_told_with_the_day_on_which_all_of_them_end(desk: Sandbox, look: Examine) -> None:
    secret = SecretStr(desk.admin_secret)
    found = look(client_id=None, client_secret=None, email=desk.admin_email, token=secret, account=None)
    assert "2027-04-30" in found["credentials:expiry"].says


@pytest.mark.parametrize("wrong", ["secret", "gone"])
def test_who_does_not_answer_raises_and_invents_nothing(desk: Sandbox, look: Examine, wrong: str) -> None:
    if wrong == "gone":
        desk.faults.add(Fault(do="302", match="GET .*/users/me", times=9))
    with pytest.raises((TryLater, Refused)):
        look(**({"client_secret": SecretStr("wrong")} if wrong == "secret" else {}))


@pytest.mark.parametrize(
    ("shift", "grade"), [(0, Grade.FINE), (45, Grade.FINE), (90, Grade.PROBLEM), (-400, Grade.PROBLEM)]
)
def test_a_clock_that_is_off_by_more_than_a_minute_is_a_problem(
    desk: Sandbox, look: Examine, shift: int, grade: Grade
) -> None:
    desk.date_shift = timedelta(seconds=shift)
    found = look()["clock:skew"]
    assert found.grade is grade
    assert ("behind" in found.says) is (shift > 0) or shift == 0


# --- webhooks -----------------------------------------------------------------------------------------------
def hook(desk: Sandbox, **more: Any) -> dict[str, Any]:
    return desk.hooks.add({"name": "Ours", "endpoint": HOOK, "subscriptions": sorted(SUBSCRIPTIONS), **more})


def test_a_webhook_that_is_right_is_fine(desk: Sandbox, look: Examine) -> None:
    hook(desk)
    assert look(admin=True)["webhook:here"].grade is Grade.FINE


@pytest.mark.parametrize(
    ("change", "name", "grade"),
    [
        ({"status": "inactive"}, "webhook:inactive", Grade.PROBLEM),
        ({"endpoint": "https://old.example/webhooks/zendesk/acme"}, "webhook:address", Grade.PROBLEM),
        ({"subscriptions": ["zen:event-type:ticket.created"]}, "webhook:subscriptions", Grade.WARNING),
        ({"subscriptions": ["conditional_ticket_events"]}, "webhook:subscriptions", Grade.NOTE),
        ({"endpoint": "https://steps.example/webhooks/zendesk/other"}, "webhook:missing", Grade.PROBLEM),
    ],
    ids=["inactive", "another address", "too few events", "called by a trigger", "another site's"],
)
def test_a_webhook_that_is_wrong_is_told(
    desk: Sandbox, look: Examine, change: dict[str, Any], name: str, grade: Grade
) -> None:
    hook(desk, **change)
    assert look(admin=True)[name].grade is grade


def test_a_site_without_a_secret_is_deaf(look: Examine) -> None:
    assert look(webhook_secrets=())["webhook:secret"].grade is Grade.PROBLEM


def test_deliveries_that_failed_are_counted(desk: Sandbox, look: Examine) -> None:
    hook(desk, endpoint="http://127.0.0.1:9/webhooks/zendesk/acme")
    desk.open_ticket("VPN down", "It does not connect.")
    desk.postman.settle()
    found = look(uses(hook="http://127.0.0.1:9/webhooks/zendesk/acme"), admin=True)["webhook:failures"]
    assert found.grade is Grade.WARNING
    assert re.match(r"(\d+) of the last \1 deliveries failed \(failed\)", found.says)


@pytest.mark.parametrize(
    ("answer", "says", "cure"),
    [
        ("401 Unauthorized", "answered 401", "Start `serve` again after `stepladder setup acme`"),
        ("404 Not Found", "answered 404", "reachable from the internet"),
    ],
)
def test_deliveries_that_were_answered_wrongly_say_with_what(
    desk: Sandbox, look: Examine, answer: str, says: str, cure: str
) -> None:
    def deaf(_: object, start: Callable[..., object]) -> list[bytes]:
        start(answer, [])
        return [b""]

    served = Served(deaf)
    address = f"{served.url}/webhooks/zendesk/acme"
    hook(desk, endpoint=address)
    desk.open_ticket("VPN down", "It does not connect.")
    desk.postman.settle()
    served.stop()
    found = look(uses(hook=address), admin=True)["webhook:failures"]
    assert says in found.says
    assert cure in found.cure


# --- names --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("placed", "name", "says"),
    [
        (target(group="Tecnical Support"), "names:group:Tecnical Support", "the nearest is technical support"),
        (target(group="Technical Support", assignee="nobody@x.y"), "names:person:nobody@x.y", "no agent"),
        (target(followers=["nobody@x.y"]), "names:person:nobody@x.y", "no agent"),
        (
            target(group="Management", assignee="robin@example.com"),
            "names:person:robin@example.com",
            "not in the group",
        ),
        (target(**{"from": ["nobody@x.y"], "assign": "round_robin"}), "names:person:nobody@x.y", "no agent"),
    ],
    ids=["a group", "an assignee", "a follower", "not in the group", "of a pool"],
)
def test_what_the_policy_names_and_is_not_there_is_a_problem(
    look: Examine, placed: Placed, name: str, says: str
) -> None:
    found = look(uses(placed))[name]
    assert found.grade is Grade.PROBLEM
    assert says in found.says
    assert "level 2, Specialist" in found.says
    assert found.cure


def test_somebody_suspended_or_light_cannot_take_tickets_but_a_light_one_may_follow(
    desk: Sandbox, look: Examine
) -> None:
    robin = next(one for one in desk.account.people.values() if one.email == "robin@example.com")
    takes = uses(target(assignee="robin@example.com"))
    robin.light = True
    assert "light agent" in look(takes)["names:person:robin@example.com"].says
    assert "names:person:robin@example.com" not in look(uses(target(Take.OVERSIGHT, followers=["robin@example.com"])))
    robin.light, robin.suspended = False, True
    assert "suspended" in look(takes)["names:person:robin@example.com"].says


def test_a_group_in_which_nobody_can_take_tickets_is_told(desk: Sandbox, look: Examine) -> None:
    for one in desk.account.people.values():
        one.groups = tuple(group for group in one.groups if group != 363)
    assert look(uses(target(group="Billing")))["names:group:Billing"].grade is Grade.WARNING


@pytest.mark.parametrize(
    ("fields", "name", "grade"),
    [
        ({"product": "Product area"}, None, None),
        ({"product": "360001"}, None, None),
        ({"product": "Prodct area"}, "names:field:product", Grade.PROBLEM),
        ({}, "names:field:product", Grade.WARNING),
        ({"product": "360001", "other": "99"}, "names:field:other", Grade.PROBLEM),
    ],
    ids=["by its title", "by its id", "misspelt", "not mapped", "not there"],
)
def test_fields_are_found_by_id_or_title(
    look: Examine, fields: dict[str, str], name: str | None, grade: Grade | None
) -> None:
    found = look(fields=fields)
    assert {key: one.grade for key, one in found.items() if key.startswith("names:field:")} == (
        {name: grade} if name else {}
    )


def test_a_field_that_is_not_active_is_never_filled(desk: Sandbox, look: Examine) -> None:
    desk.account.fields[360001]["active"] = False
    assert look()["names:field:product"].grade is Grade.WARNING


@pytest.mark.parametrize(
    ("change", "grade", "says"),
    [
        ({"active": False}, Grade.PROBLEM, "is not active"),
        ({"type": "text"}, Grade.PROBLEM, "is no drop-down"),
        ({"custom_field_options": []}, Grade.PROBLEM, "stepladder_level_2, stepladder_level_3"),
    ],
    ids=["inactive", "no drop-down", "values missing"],
)
def test_the_level_field_must_take_every_level(
    desk: Sandbox, look: Examine, change: dict[str, Any], grade: Grade, says: str
) -> None:
    desk.account.fields[LEVEL_FIELD].update(change)
    found = look()["names:level-field"]
    assert found.grade is grade
    assert says in found.says
    assert "stepladder setup acme" in found.cure


def test_a_level_field_that_is_not_on_a_form_is_a_warning_and_none_a_note(desk: Sandbox, look: Examine) -> None:
    assert look(level_field=None)["names:level-field"].grade is Grade.NOTE
    desk.account.form_fields = []
    assert look()["names:level-field"].grade is Grade.WARNING
    assert FORM


def test_a_short_list_of_priorities_refuses_the_others(desk: Sandbox, look: Examine) -> None:
    wanted = uses(sets=frozenset({Priority.HIGH, Priority.URGENT}))
    assert look(wanted)["names:priorities"].grade is Grade.FINE
    next(one for one in desk.account.fields.values() if one["type"] == "priority")["sub_type_id"] = 1
    found = look(wanted)
    assert [name for name in found if name.startswith("names:priority:")] == ["names:priority:urgent"]


# --- the account's own rules --------------------------------------------------------------------------------
def test_a_trigger_that_mails_the_customer_is_found_by_our_own_account(desk: Sandbox, look: Examine) -> None:
    desk.account.triggers.append(
        {"id": 77, "title": "News", "active": True, "conditions": {"all": [CHANGED], "any": []}, "actions": [MAIL]}
    )
    found = look()["customer-hears:trigger:77"]
    assert found.customer_hears
    assert found.grade is Grade.PROBLEM


def test_a_trigger_that_leaves_our_account_out_is_not_told(desk: Sandbox, look: Examine) -> None:
    out = {"field": "role", "operator": "is_not", "value": str(OURS)}
    desk.account.triggers.append(
        {"id": 77, "title": "News", "active": True, "conditions": {"all": [CHANGED, out]}, "actions": [MAIL]}
    )
    assert not [name for name in look() if name.startswith("customer-hears")]
    assert not [name for name in look(admin=True) if name.startswith("customer-hears")]


def test_automations_and_sla_policies_are_looked_at(desk: Sandbox, look: Examine) -> None:
    urgent = {"field": "priority", "operator": "is", "value": "urgent"}
    desk.account.automations.append(
        {"id": 5, "title": "Hourly", "active": True, "conditions": {"all": [urgent]}, "actions": [MAIL]}
    )
    desk.account.has_slas = True
    metric = {"priority": "urgent", "metric": "first_reply_time", "target": 15, "business_hours": False}
    desk.account.slas.append({"id": 12, "title": "Gold", "filter": {"all": [], "any": []}, "policy_metrics": [metric]})
    found = look(rushing(Priority.URGENT), admin=True)
    assert found["customer-hears:automation:5"].customer_hears
    assert "first reply time within 15 min" in found["sla:policy:12"].says


def test_shared_tickets_are_told(desk: Sandbox, look: Examine) -> None:
    desk.account.agreements = {41: "Globex"}
    assert "Globex" in look()["sharing:agreement:41"].says


def test_agreements_that_are_not_shown_are_unknown(desk: Sandbox, look: Examine) -> None:
    desk.faults.add(Fault(do="403", match="GET .*/sharing_agreements$", body={"error": "Forbidden"}))
    found = look()["sharing:agreements"]
    assert found.grade is Grade.UNKNOWN
    assert "administrator" in found.cure


def test_it_is_told_that_agents_who_open_tickets_read_the_notes_on_them(desk: Sandbox, look: Examine) -> None:
    staff = [one for one in desk.account.people.values() if one.role != "end-user"]
    found = look()["sharing:requesters"]
    assert found.grade is Grade.NOTE
    assert found.says.startswith(f"{len(staff)} agents read internal notes")
    assert "exposed_notes" in found.cure
    staff[-1].suspended = True
    assert look()["sharing:requesters"].says.startswith(f"{len(staff) - 1} agents")


def test_our_own_trigger_webhook_is_no_other_system(desk: Sandbox, look: Examine) -> None:
    ours = hook(desk, subscriptions=["conditional_ticket_events"])
    for number, address, title in ((77, ours["id"], "Ours"), (78, "01ELSEWHERE", "To the pager")):
        told = {"field": "notification_webhook", "value": [address, "{}"]}
        rule = {"id": number, "title": title, "active": True, "conditions": {"all": [CHANGED]}, "actions": [told]}
        desk.account.triggers.append(rule)
    says = look(admin=True)["vendor-rules:others"].says
    assert says == "1 triggers tell other systems of our writes: To the pager."
    assert "which of their webhooks is this Stepladder's, we may not see" in look()["vendor-rules:others"].says


# --- what cannot be asked -----------------------------------------------------------------------------------
LISTS = {
    "webhooks": "webhook:unseen",
    "triggers": "vendor-rules:trigger",
    "automations": "vendor-rules:automation",
    "slas/policies": "sla:policies",
    "sharing_agreements": "sharing:agreements",
    "groups": "names:groups-unseen",
    "users": "sharing:requesters",
    "ticket_fields": "names:fields-unseen",
}


@pytest.mark.parametrize("do", ["500", "503", "hang", "html", "422"])
def test_a_list_that_cannot_be_asked_for_is_unknown_and_ends_nothing(desk: Sandbox, look: Examine, do: str) -> None:
    desk.faults.add(Fault(do=do, match="GET .*/triggers$", times=10**6, seconds=0.5))
    found = look(admin=True, read_timeout=0.3)
    assert found["vendor-rules:trigger"].grade is Grade.UNKNOWN
    assert "we write all the same" in found["vendor-rules:trigger"].says
    assert found["permissions:unanswered:triggers"].grade is Grade.UNKNOWN
    assert found["vendor-rules:automation"].grade is Grade.FINE
    assert found["names:targets"].grade is Grade.FINE


@pytest.mark.parametrize("path", LISTS)
def test_every_list_is_unknown_where_it_alone_is_broken(desk: Sandbox, look: Examine, path: str) -> None:
    desk.faults.add(Fault(do="500", match=f"GET .*/{path}$", times=10**6))
    found = look(admin=True)
    assert found[LISTS[path]].grade is Grade.UNKNOWN
    assert "answered 500" in found[f"permissions:unanswered:{path}"].says


def test_what_fails_once_is_asked_for_again(desk: Sandbox, look: Examine) -> None:
    desk.faults.add(Fault(do="500", match="GET .*/triggers$", times=2))
    assert look()["vendor-rules:trigger"].grade is Grade.FINE


@pytest.mark.parametrize("do", ["500", "401", "cut"])
def test_an_account_that_stops_answering_ends_the_examination(desk: Sandbox, look: Examine, do: str) -> None:
    desk.faults.add(Fault(do=do, match="GET .*(triggers|users/me)", times=10**6, skip=1))
    with pytest.raises(TryLater):
        look()


@pytest.mark.parametrize("kind", ["trigger", "automation"])
def test_rules_that_are_not_shown_are_unknown_and_not_fine(desk: Sandbox, look: Examine, kind: str) -> None:
    body = {"error": "Forbidden", "description": "You do not have access to this page"}
    desk.faults.add(Fault(do="403", match=f"GET .*/{kind}s$", body=body))
    found = look()[f"vendor-rules:{kind}"]
    assert found.grade is Grade.UNKNOWN
    assert "administrator" in found.cure
