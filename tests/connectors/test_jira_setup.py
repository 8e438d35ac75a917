"""Setting up the pretend Jira with the real client: made once, mended, told; a second run changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.contract import Refused, TryLater
from connectors.faults import Fault
from connectors.jira.checkup import examine
from connectors.jira.pretend_hooks import Hook
from connectors.jira.registrations import APP_SCOPE, EVENTS, filter_for, left_out, same_address
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings, settings_of
from connectors.jira.setup import as_admin, set_up
from connectors.jira.tokens import consent
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.upkeep import Done, Placed, Step, Uses
from policies.commands import Take

HOOK = "https://stepladder.example/webhooks/jira/here"
LEVELS = 3
NEW, OLD = (10, 3, 0), (9, 12, 0)


@dataclass
class Bench:
    """A pretend site, and an administrator who sets it up for us."""

    desk: Sandbox
    site: Site

    def run(self, *, dry: bool = False, admin: bool = True, **more: Any) -> dict[str, Step]:
        linked = Placed(level=3, name="L3", target={"linked_issue": {"project": "DEV"}}, take=Take.OWNERSHIP)
        wanted: dict[str, Any] = {"hook": HOOK, "levels": LEVELS, "scope": {"project": ("ITSM",)}, "targets": (linked,)}
        steps = list(set_up(self.admin if admin else self.site, Pocket(), Uses(**{**wanted, **more}), dry, nap))
        names = [step.name for step in steps]
        assert len(names) == len(set(names))
        return dict(zip(names, steps, strict=True))

    def take_up(self, steps: dict[str, Step]) -> None:
        """Do with the steps what the command does: keep secrets and settings."""
        settings = settings_of(self.site)
        given = {name: getattr(settings, name) for name in type(settings).model_fields}
        for step in steps.values():
            given |= step.settings
            given |= {name: (secret, *given[name]) for name, secret in step.secrets.items()}
        self.site = replace(self.site, settings=JiraSettings(**given))

    @property
    def admin(self) -> Site:
        email, token = self.desk.admin()
        return replace(self.site, settings=as_admin(self.site.settings, email, SecretStr(token)), account=None)

    @property
    def hooks(self) -> list[Hook]:
        return [hook for hook in self.desk.herald.hooks.all if hook.url.startswith("https://stepladder")]

    def writes(self) -> list[str]:
        asked = [recorded for recorded in self.desk.requests if recorded.method != "GET"]
        return [f"{recorded.method} {recorded.path}" for recorded in asked]


def nap(seconds: float) -> None:
    threading.Event().wait(min(seconds, 0.5))


def made(authority: Authority, kind: str) -> Iterator[Bench]:
    desk = build(authority, deployment="cloud" if kind == "cloud" else "datacenter")
    desk.site.version = OLD if kind == "old center" else NEW
    section = tomllib.loads(desk.site_toml("here", "observe"))["sites"]["here"]
    secrets = {name: value for name, value in desk.secrets().items() if name != "webhook_secrets"}
    desk.open_ticket("Printer", "It burns")
    desk.open_ticket("Help", "Please", project="HELP")
    settings = JiraSettings(**{**section, **secrets, "read_timeout": 2.0})
    yield Bench(desk=desk, site=Site(name="here", settings=settings, account=settings.account))
    desk.stop()


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Bench]:
    yield from made(authority, "cloud")


@pytest.fixture
def center(authority: Authority) -> Iterator[Bench]:
    yield from made(authority, "center")


@pytest.fixture(params=["cloud", "center", "old center"])
def any_jira(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Bench]:
    yield from made(authority, request.param)


def done(steps: dict[str, Step], *names: str) -> list[str]:
    return [steps[name].done.value for name in names]


# --- the webhook ------------------------------------------------------------------------------------------------------
def test_everything_is_made_once_and_the_second_run_changes_nothing(any_jira: Bench) -> None:
    first = any_jira.run()
    assert done(first, "webhook", "labels:ITSM") == ["created", "there"]
    assert first["webhook"].undo
    (hook,) = any_jira.hooks
    assert (set(hook.events), hook.jql, hook.exclude_body) == (set(EVENTS), 'project in ("DEV", "ITSM")', False)
    any_jira.take_up(first)
    before = len(any_jira.writes())
    assert {step.done for step in any_jira.run().values()} <= {Done.THERE}
    assert len(any_jira.writes()) == before


def test_the_secret_that_is_kept_is_the_one_that_signs(any_jira: Bench) -> None:
    (secret,) = any_jira.run()["webhook-secret"].secrets.values()
    (hook,) = any_jira.hooks
    assert hook.secret == secret.get_secret_value()
    assert len(secret.get_secret_value()) >= 32
    assert hmac.new(secret.get_secret_value().encode(), b"x", hashlib.sha256).hexdigest()


def test_a_secret_that_is_configured_already_is_used(any_jira: Bench) -> None:
    any_jira.take_up(
        {"webhook": Step(name="", done=Done.THERE, says="", role="", secrets={"webhook_secrets": _known()})}
    )
    assert "webhook-secret" not in any_jira.run()
    assert any_jira.hooks[0].secret == _known().get_secret_value()


def _known() -> SecretStr:
    return SecretStr("a word that was agreed upon")


def test_a_dry_run_writes_nothing_and_tells_what_it_would(any_jira: Bench) -> None:
    any_jira.desk.site.catalogue.all.pop("customfield_10104")
    steps = any_jira.run(dry=True)
    assert done(steps, "webhook", "level-field") == ["would create", "would create"]
    assert not any(step.secrets for step in steps.values())
    assert not any_jira.writes()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"enabled": False}, "is switched off"),
        ({"events": EVENTS[:4]}, "does not send"),
        ({"exclude_body": True}, "sends no body"),
        ({"jql": "project in (ITSM)"}, "holds back DEV"),
        ({"url": "https://stepladder.example/old"}, "sends to https://stepladder.example/old"),
    ],
)
def test_a_webhook_that_is_not_right_is_mended_and_not_doubled(
    any_jira: Bench, fault: dict[str, Any], words: str
) -> None:
    any_jira.take_up(any_jira.run())
    (hook,) = any_jira.hooks
    whole = (set(hook.events), hook.jql, hook.exclude_body, hook.enabled, hook.url, hook.secret)
    for name, value in fault.items():
        setattr(hook, name, value)
    assert done(any_jira.run(dry=True), "webhook") == ["would repair"]
    step = any_jira.run()["webhook"]
    assert (step.done, words in step.says) == (Done.REPAIRED, True)
    (hook,) = any_jira.hooks
    assert whole == (set(hook.events), hook.jql, hook.exclude_body, hook.enabled, hook.url, hook.secret)


def test_a_webhook_without_a_signature_gets_one(cloud: Bench) -> None:
    cloud.take_up(cloud.run())
    cloud.hooks[0].secret = None
    assert cloud.run()["webhook"].done is Done.REPAIRED
    assert cloud.hooks[0].secret


def test_a_secret_that_was_lost_before_it_was_kept_is_made_anew(any_jira: Bench) -> None:
    lost = any_jira.run()["webhook-secret"].secrets["webhook_secrets"].get_secret_value()
    again = any_jira.run()
    assert again["webhook"].done is Done.REPAIRED
    assert again["webhook-secret"].secrets["webhook_secrets"].get_secret_value() == any_jira.hooks[0].secret != lost


def test_a_secret_is_handed_over_before_jira_is_told_of_it(any_jira: Bench) -> None:
    steps = set_up(any_jira.admin, Pocket(), Uses(hook=HOOK), False, nap)
    assert next(steps).name == "webhook-secret"
    assert (any_jira.hooks, any_jira.writes()) == ([], [])
    assert next(steps).done is Done.CREATED


def test_more_than_one_webhook_to_us_is_told(any_jira: Bench) -> None:
    any_jira.take_up(any_jira.run())
    (ours,) = any_jira.hooks
    twin = replace(ours, id=any_jira.desk.herald.hooks.number(), name="Made by hand", secret="another")
    any_jira.desk.herald.hooks.all.append(twin)
    before = len(any_jira.writes())
    step = any_jira.run()["webhook-again"]
    assert (step.done, "“Made by hand”" in step.by_hand[0], len(any_jira.writes())) == (Done.BY_HAND, True, before)
    twin.enabled = False
    assert "webhook-again" not in any_jira.run(), "switched off it does no harm"


def test_a_filter_of_a_persons_own_stays(any_jira: Bench) -> None:
    any_jira.take_up(any_jira.run())
    any_jira.hooks[0].jql = 'project = "ITSM"'
    assert any_jira.run()["webhook"].done is Done.THERE
    any_jira.hooks[0].enabled = False
    assert any_jira.run()["webhook"].done is Done.REPAIRED
    assert any_jira.hooks[0].jql == 'project = "ITSM"'


def test_without_an_administrator_the_clicks_are_told_and_the_words_are_made(any_jira: Bench) -> None:
    step = any_jira.run(admin=False)["webhook"]
    assert step.done is Done.BY_HAND
    assert {"webhook_secrets", "automation_tokens"} == set(step.secrets)
    text = " ".join(step.by_hand)
    assert HOOK in text
    assert "X-Stepladder-Token" in text
    assert not any(secret.get_secret_value() in text for secret in step.secrets.values()), "never shown"
    assert not any_jira.hooks


def test_without_our_own_address_nothing_is_made(cloud: Bench) -> None:
    step = cloud.run(hook=None)["webhook"]
    assert step.done is Done.BY_HAND
    assert not cloud.hooks


def test_an_administrators_token_that_is_wrong_ends_it_in_a_sentence(cloud: Bench) -> None:
    cloud.desk.doors._words["ada"] = "changed"
    site = replace(cloud.site, settings=as_admin(cloud.site.settings, "ada@example.com", SecretStr("old")))
    with pytest.raises((Refused, TryLater), match="credentials"):
        list(set_up(site, Pocket(), Uses(hook=HOOK), False, nap))


def test_a_token_without_its_owners_address_is_refused() -> None:
    settings = JiraSettings.model_validate(
        {"vendor": "jira", "url": "https://acme.atlassian.net", "client_id": "x", "client_secret": "y"}
    )
    with pytest.raises(Refused, match=r"owner's e-mail address: --as, or \$STEPLADDER_SETUP_EMAIL"):
        as_admin(settings, None, SecretStr("t"))


def test_an_administrators_visit_leaves_nothing_of_ours_behind() -> None:
    settings = JiraSettings(
        url="https://acme.atlassian.net",
        client_id="app",
        client_secret=SecretStr("x"),
        grant="authorization_code",
        account="us",
    )
    theirs = settings_of(Site(name="x", settings=as_admin(settings, "ada@example.com", SecretStr("t"))))
    assert (theirs.email, theirs.client_id, theirs.client_secret, theirs.account) == (
        "ada@example.com",
        None,
        None,
        None,
    )
    JiraSettings(**{name: getattr(theirs, name) for name in type(theirs).model_fields})  # still whole


# --- an OAuth app's webhook -------------------------------------------------------------------------------------------
def as_app(bench: Bench, more: str = f" {APP_SCOPE}") -> tuple[Site, Pocket]:
    """Let our account come as the site's OAuth app, to which it has agreed."""
    app = bench.desk.oauth_app()
    settings = settings_of(bench.site)
    given = {name: getattr(settings, name) for name in type(settings).model_fields}
    given |= {"email": None, "token": None, **app, "grant": "authorization_code", "scope": settings.scope + more}
    ours = JiraSettings(**given | {"auth_url": bench.desk.url, "gateway_url": bench.desk.url})
    agreed, keeper = consent(ours), Pocket()
    keeper.save(bench.site.name, agreed.redeem(bench.desk.consent(" ".join(agreed.scopes), agreed.redirect_url)))
    return replace(bench.site, settings=ours), keeper


def test_an_apps_webhook_is_made_and_lives_on_by_being_examined(cloud: Bench) -> None:
    site, keeper = as_app(cloud)
    wanted = Uses(hook=HOOK, scope={"project": ("ITSM",)})
    steps = {step.name: step for step in set_up(site, keeper, wanted, False, nap)}
    assert steps["webhook"].done is Done.CREATED
    assert not steps["webhook"].secrets, "the app's own secret proves its deliveries"
    (hook,) = cloud.hooks
    assert (hook.app, len(hook.events)) == (cloud.desk.oauth_app()["client_id"], 6)
    assert {step.name: step for step in set_up(site, keeper, wanted, False, nap)}["webhook"].done is Done.THERE
    hook.expires = datetime.now(UTC) + timedelta(days=5)
    found = {finding.name: finding for finding in examine(site, keeper, wanted, datetime.now(UTC), nap)}
    assert found["webhook:expiry"].grade.value == "fine"
    assert hook.expires > datetime.now(UTC) + timedelta(days=29)


def test_an_app_without_the_scope_is_told_to_ask_for_it(cloud: Bench) -> None:
    site, keeper = as_app(cloud, "")
    steps = {step.name: step for step in set_up(site, keeper, Uses(hook=HOOK), False, nap)}
    assert steps["webhook"].done is Done.BY_HAND
    assert APP_SCOPE in steps["webhook"].by_hand[0]
    found = {finding.name: finding for finding in examine(site, keeper, Uses(hook=HOOK), datetime.now(UTC), nap)}
    assert APP_SCOPE in found["webhook:here"].cure


def test_an_apps_webhook_that_misses_events_is_made_anew(cloud: Bench) -> None:
    site, keeper = as_app(cloud)
    wanted = Uses(hook=HOOK, scope={"project": ("ITSM",)})
    list(set_up(site, keeper, wanted, False, nap))
    cloud.hooks[0].events = EVENTS[:2]
    steps = {step.name: step for step in set_up(site, keeper, wanted, False, nap)}
    assert steps["webhook"].done is Done.REPAIRED
    (hook,) = cloud.hooks
    assert len(hook.events) == 6


def test_an_apps_old_webhook_that_outlived_the_new_one_is_deleted(cloud: Bench) -> None:
    site, keeper = as_app(cloud)
    wanted = Uses(hook=HOOK, scope={"project": ("ITSM",)})
    list(set_up(site, keeper, wanted, False, nap))
    cloud.hooks[0].events = EVENTS[:2]
    cloud.desk.faults.add(Fault(do="500", match="DELETE .*/webhook$", times=9))
    with pytest.raises(TryLater):
        list(set_up(site, keeper, wanted, False, nap))
    assert [len(hook.events) for hook in cloud.hooks] == [2, 6]
    cloud.desk.faults.clear()
    would = {step.name: step for step in set_up(site, keeper, wanted, True, nap)}["webhook-again"]
    steps = {step.name: step for step in set_up(site, keeper, wanted, False, nap)}
    assert (would.done, steps["webhook"].done, steps["webhook-again"].done) == (
        Done.WOULD_REPAIR,
        Done.THERE,
        Done.REPAIRED,
    )
    assert [len(hook.events) for hook in cloud.hooks] == [6]


# --- the level's field ------------------------------------------------------------------------------------------------
def test_a_field_is_made_with_an_option_for_each_level_and_put_on_the_screen(cloud: Bench) -> None:
    cloud.desk.site.catalogue.all.pop("customfield_10104")
    steps = cloud.run()
    assert done(steps, "level-field", "level-options") == ["created", "created"]
    number = steps["level-field"].settings["level_field"]
    made = cloud.desk.site.catalogue.all[number]
    assert (sorted(made.options.values()), made.on_screen) == (["Level 2", "Level 3"], True)
    cloud.take_up(steps)
    again = cloud.run()
    assert done(again, "level-field", "level-options") == ["there", "there"]
    found = examine(
        cloud.site, Pocket(), Uses(hook=HOOK, levels=3, scope={"project": ("ITSM",)}), datetime.now(UTC), nap
    )
    assert "names:level-field:ITSM" not in {finding.name for finding in found}, "and it can be written"


def test_another_level_gets_its_option(cloud: Bench) -> None:
    cloud.desk.site.catalogue.all.pop("customfield_10104")
    cloud.take_up(cloud.run())
    assert done(cloud.run(levels=5, dry=True), "level-options") == ["would repair"]
    step = cloud.run(levels=5)["level-options"]
    assert (step.done, "Level 4, Level 5" in step.says, "Level 4" in step.undo) == (Done.REPAIRED, True, True)


def test_data_center_gets_a_number(center: Bench) -> None:
    center.desk.site.catalogue.all.pop("customfield_10104")
    steps = center.run()
    assert steps["level-field"].done is Done.CREATED
    assert "level-options" not in steps
    assert center.desk.site.catalogue.all[steps["level-field"].settings["level_field"]].kind == "number"


def test_a_field_that_is_there_by_our_name_is_taken(any_jira: Bench) -> None:
    step = any_jira.run()["level-field"]
    assert (step.done, step.settings) == (Done.THERE, {"level_field": "customfield_10104"})


def test_without_the_right_the_field_is_made_by_hand(any_jira: Bench) -> None:
    any_jira.desk.site.catalogue.all.pop("customfield_10104")
    step = any_jira.run(admin=False)["level-field"]
    assert step.done is Done.BY_HAND
    assert "Administer Jira" in step.role
    assert step.by_hand


def test_a_field_or_labels_that_are_not_on_the_screen_are_told_by_project(cloud: Bench) -> None:
    cloud.desk.site.off_screen |= {"customfield_10104", "labels"}
    steps = cloud.run(scope={"project": ("ITSM", "HELP")})
    assert done(steps, "level-screens:ITSM", "labels:ITSM") == ["by hand", "by hand"]
    assert all("ITSM" in steps[name].says for name in ("level-screens:ITSM", "labels:ITSM"))


# --- pure -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("jql", "held"),
    [
        ("", frozenset()),
        ('project in ("ITSM", "DEV")', frozenset()),
        ("PROJECT IN (itsm)", frozenset({"DEV"})),
        ("project = ITSM", None),
        ("project in (ITSM) AND priority = High", None),
    ],
)
def test_a_filter_is_understood_or_left_alone(jql: str, held: frozenset[str] | None) -> None:
    assert left_out(jql, ("ITSM", "DEV")) == held


def test_a_filter_lets_a_quoted_name_through() -> None:
    assert filter_for(('IT "core"',)) == 'project in ("IT \\"core\\"")'
    assert filter_for(()) == ""


def test_addresses_are_the_same_whatever_is_asked_behind_them() -> None:
    assert same_address(f"{HOOK}/?user_id=admin", HOOK)
    assert not same_address(HOOK.replace("https", "http"), HOOK)
