"""Set-up against the pretend Zendesk, over TLS: made once, mended where needed, and never more than that."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.contract import Refused, TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.upkeep import Done, Step, Uses
from connectors.zendesk.office import BY_TRIGGER, CHAT, SUBSCRIPTIONS
from connectors.zendesk.records import LEVEL_FIELD
from connectors.zendesk.sandbox import Sandbox
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.setup import as_admin, set_up
from tests.connectors.zendesk_bench import made

HOOK = "https://steps.example/webhooks/zendesk/acme"
Run = Callable[..., dict[str, Step]]


@pytest.fixture
def desk(authority: Authority) -> Iterator[Sandbox]:
    yield from made(authority)


def settings_of(desk: Sandbox, **more: Any) -> ZendeskSettings:
    section = tomllib.loads(desk.site_toml("acme", "act"))["sites"]["acme"]
    return ZendeskSettings(**{**section, **desk.secrets(), **more})


@pytest.fixture
def run(desk: Sandbox) -> Run:
    """Set the site up as an administrator, or as ourselves; return the steps by name."""

    def running(*, dry: bool = False, admin: bool = True, uses: Uses | None = None, **more: Any) -> dict[str, Step]:
        settings = settings_of(desk, **more)
        if admin:
            settings = as_admin(settings, desk.admin_email, SecretStr(desk.admin_secret))  # type: ignore[assignment]
        site = Site(name="acme", settings=settings, account=settings.account)
        steps = list(set_up(site, Pocket(), uses or Uses(levels=3, hook=HOOK), dry))
        return {step.name: step for step in steps}

    return running


def written(desk: Sandbox) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in desk.requests if one.method != "GET" and "oauth" not in one.path]


def only_hook(desk: Sandbox) -> dict[str, Any]:
    [found] = desk.hooks.made.values()
    return found


def test_a_new_account_gets_a_webhook_that_is_complete(desk: Sandbox, run: Run) -> None:
    steps = run()
    hook = only_hook(desk)
    assert steps["webhook"].done is Done.CREATED
    assert set(hook["subscriptions"]) == SUBSCRIPTIONS | {CHAT}
    assert (hook["endpoint"], hook["status"], hook["http_method"], hook["request_format"]) == (
        HOOK, "active", "POST", "json",
    )  # fmt: skip
    assert "Delete" in steps["webhook"].undo


def test_the_webhooks_secret_is_handed_over_and_not_shown(desk: Sandbox, run: Run) -> None:
    steps = run()
    secret = desk.hooks.secrets[only_hook(desk)["id"]]
    assert steps["webhook-secret"].secrets["webhook_secrets"].get_secret_value() == secret
    assert all(secret not in step.says + step.undo for step in steps.values())


def test_a_secret_that_is_known_is_left_alone(desk: Sandbox, run: Run) -> None:
    run()
    secret = desk.hooks.secrets[only_hook(desk)["id"]]
    step = run(webhook_secrets=["another", secret])["webhook-secret"]
    assert (step.done, step.secrets) == (Done.THERE, {})


def test_a_second_run_finds_everything_there_and_writes_nothing(desk: Sandbox, run: Run) -> None:
    run()
    secret = desk.hooks.secrets[only_hook(desk)["id"]]
    desk.requests.clear()
    steps = run(webhook_secrets=[secret])
    assert {step.done for step in steps.values()} == {Done.THERE}
    assert written(desk) == []


def test_a_dry_run_says_the_same_and_writes_nothing(desk: Sandbox, run: Run) -> None:
    desk.account.fields.pop(LEVEL_FIELD)
    steps = run(dry=True, level_field=None)
    assert (steps["webhook"].done, steps["level-field"].done) == (Done.WOULD_CREATE, Done.WOULD_CREATE)
    assert written(desk) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "inactive"}, "status inactive → active"),
        (
            {"endpoint": "https://old.example/webhooks/zendesk/acme"},
            "endpoint https://old.example/webhooks/zendesk/acme",
        ),
        ({"subscriptions": ["zen:event-type:ticket.created", "zen:event-type:user.created"]}, "more events: "),
    ],
    ids=["inactive", "another address", "too few events"],
)
def test_a_webhook_is_mended_and_what_else_it_sends_stays(
    desk: Sandbox, run: Run, change: dict[str, Any], says: str
) -> None:
    run()
    only_hook(desk).update(change, name="Ours since May")
    would = run(dry=True)["webhook"]
    step = run()["webhook"]
    hook = only_hook(desk)
    assert (would.done, step.done) == (Done.WOULD_REPAIR, Done.REPAIRED)
    assert says in step.says
    assert (hook["status"], hook["endpoint"], hook["name"]) == ("active", HOOK, "Ours since May")
    assert set(hook["subscriptions"]) >= SUBSCRIPTIONS | (set(change.get("subscriptions", ())) - {CHAT})
    assert run()["webhook"].done is Done.THERE


def test_the_webhook_of_another_site_is_not_touched(desk: Sandbox, run: Run) -> None:
    desk.hooks.add({"name": "Other", "endpoint": "https://steps.example/webhooks/zendesk/other", "status": "inactive"})
    assert run()["webhook"].done is Done.CREATED
    assert sorted(hook["status"] for hook in desk.hooks.made.values()) == ["active", "inactive"]


def test_a_webhook_that_triggers_call_is_left_and_one_with_events_is_made(desk: Sandbox, run: Run) -> None:
    desk.hooks.add({"name": "By hand", "endpoint": HOOK, "subscriptions": [BY_TRIGGER]})
    assert run()["webhook"].done is Done.CREATED
    assert len(desk.hooks.made) == 2


def test_a_webhook_with_our_name_and_a_strange_address_is_mended_and_not_doubled(desk: Sandbox, run: Run) -> None:
    run()
    only_hook(desk)["endpoint"] = "https://steps.example/webhooks/zendesk/acme/webhooks/zendesk/acme"
    assert run()["webhook"].done is Done.REPAIRED
    assert only_hook(desk)["endpoint"] == HOOK


def test_more_than_one_webhook_to_us_is_told(desk: Sandbox, run: Run) -> None:
    run()
    twin = desk.hooks.add({**only_hook(desk), "id": "01TWIN", "name": "Made by hand"}, number="01TWIN")
    before = len(written(desk))
    step = run()["webhook-again"]
    assert (step.done, "“Made by hand” (id 01TWIN)" in step.by_hand[0]) == (Done.BY_HAND, True)
    assert len(written(desk)) == before
    twin["status"] = "inactive"
    assert "webhook-again" not in run(), "switched off it does no harm"


def test_without_an_address_the_clicks_are_told(desk: Sandbox, run: Run) -> None:
    step = run(uses=Uses(levels=2))["webhook"]
    assert (step.done, written(desk)) == (Done.BY_HAND, [])
    assert "--hook URL" in step.says


def test_an_account_without_messaging_gets_the_other_events(desk: Sandbox, run: Run) -> None:
    body = {"errors": [{"code": "InvalidSubscription", "title": "messaging is not active"}]}
    desk.faults.add(Fault(do="400", match="POST .*/webhooks$", body=body))
    assert run()["webhook"].done is Done.CREATED
    assert set(only_hook(desk)["subscriptions"]) == SUBSCRIPTIONS


# --- the level field ----------------------------------------------------------------------------------------
def test_a_level_field_is_made_with_a_value_for_each_level(desk: Sandbox, run: Run) -> None:
    desk.account.fields.pop(LEVEL_FIELD)
    steps = run(level_field=None)
    made = next(one for one in desk.account.fields.values() if one["title"] == "Escalation level")
    assert [option["value"] for option in made["custom_field_options"]] == ["stepladder_level_2", "stepladder_level_3"]
    assert (made["type"], made["visible_in_portal"]) == ("tagger", False)
    assert steps["level-field"].settings == {"level_field": str(made["id"])}
    assert made["id"] in desk.account.form_fields
    assert steps["level-forms"].done is Done.REPAIRED


def test_a_field_that_shows_levels_is_found_without_being_named(desk: Sandbox, run: Run) -> None:
    step = run(level_field=None)["level-field"]
    assert (step.done, step.settings) == (Done.THERE, {"level_field": str(LEVEL_FIELD)})


def test_another_level_adds_a_value_and_keeps_the_others(desk: Sandbox, run: Run) -> None:
    options = [{"name": "Zwei", "value": "stepladder_level_2"}, {"name": "Other", "value": "something_else"}]
    desk.account.fields[LEVEL_FIELD].update(custom_field_options=options, active=False)
    would, step = run(dry=True)["level-field"], run()["level-field"]
    kept = [(one["name"], one["value"]) for one in desk.account.fields[LEVEL_FIELD]["custom_field_options"]]
    assert (would.done, step.done) == (Done.WOULD_REPAIR, Done.REPAIRED)
    assert kept == [("Zwei", "stepladder_level_2"), ("Other", "something_else"), ("Level 3", "stepladder_level_3")]
    assert desk.account.fields[LEVEL_FIELD]["active"] is True


def test_a_field_that_is_no_drop_down_is_not_bent_into_one(desk: Sandbox, run: Run) -> None:
    step = run(level_field="360001")["level-field"]
    assert step.done is Done.FAILED
    assert "no drop-down" in step.says


def test_a_policy_with_one_level_needs_no_field(desk: Sandbox, run: Run) -> None:
    assert "level-field" not in run(uses=Uses(levels=1, hook=HOOK))


# --- rights and failures ------------------------------------------------------------------------------------
def test_our_own_account_may_not_and_says_who_may_and_where_to_click(desk: Sandbox, run: Run) -> None:
    desk.account.fields.pop(LEVEL_FIELD)
    steps = run(admin=False, level_field=None)
    assert {name: step.done for name, step in steps.items()} == {
        "webhook": Done.BY_HAND,
        "level-field": Done.BY_HAND,
    }
    assert all(step.role == "administrator" and step.by_hand for step in steps.values())
    assert any("stepladder_level_3" in line for line in steps["level-field"].by_hand)
    assert any("Reveal secret" in line for line in steps["webhook"].by_hand)


def test_wrong_credentials_are_a_sentence(desk: Sandbox) -> None:
    settings = as_admin(settings_of(desk), None, SecretStr("wrong-token"))
    with pytest.raises((TryLater, Refused), match="credentials"):
        list(set_up(Site(name="acme", settings=settings), Pocket(), Uses(hook=HOOK), False))
    assert "wrong-token" not in str(settings)


def test_an_administrators_oauth_token_does_as_well(desk: Sandbox) -> None:
    settings = as_admin(settings_of(desk), None, SecretStr(desk.admin_secret))
    steps = list(set_up(Site(name="acme", settings=settings), Pocket(), Uses(levels=2, hook=HOOK), False))
    assert steps[0].done is Done.CREATED


def test_what_zendesk_refuses_is_told_and_the_rest_is_done(desk: Sandbox, run: Run) -> None:
    desk.account.fields.pop(LEVEL_FIELD)
    desk.faults.add(Fault(do="422", match="POST .*/webhooks$", times=2, body={"description": "Too many webhooks"}))
    steps = run(level_field=None)
    assert steps["webhook"].done is Done.FAILED
    assert "Too many webhooks" in steps["webhook"].says
    assert steps["level-field"].done is Done.CREATED


def test_nothing_is_made_twice_when_an_answer_is_lost(desk: Sandbox, run: Run) -> None:
    desk.faults.add(Fault(do="cut_after", match="POST .*/webhooks$"))
    with pytest.raises(TryLater):
        run()
    assert run()["webhook"].done is Done.THERE
    assert len(desk.hooks.made) == 1
