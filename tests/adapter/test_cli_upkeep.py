"""`stepladder setup` and `doctor` as a person meets them: what is told, what is written, and how they end."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import Field, SecretStr

from adapter.assembly import store_of
from adapter.cli import cli
from adapter.examination import last
from adapter.settings import Settings, load
from adapter.toolbox import Toolbox
from connectors.contract import Connector, Keeper, Refused, TryLater
from connectors.site import Site, SiteSettings
from connectors.upkeep import Done, Finding, Grade, Step, Uses

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
POLICY = """
version: 1
name: Small
applies_to: {desk: all}
levels:
  - {level: 1, name: Frontline}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
"""
BY_HAND = """# kept by hand
[server]
public_url = "https://steps.example"

[sites.main]   # our desk
vendor = "desk"
url = "https://desk.example"
mode = "act"
account = "us"
"""
SECRETS = """# nobody else
[sites.main]
token = "ours"  # until June
webhook_secrets = ["older", "oldest"]
"""
ADMIN = {"STEPLADDER_SETUP_TOKEN": "admins-own-token", "STEPLADDER_SETUP_EMAIL": "ada@desk.example"}
MAILS = Finding(
    name="customer-hears:trigger:7",
    check="customer-hears",
    grade=Grade.WARNING,
    says="The trigger mails the customer.",
    cure="Add a condition",
    customer_hears=True,
)
GONE = Finding(
    name="names:group:Experts", check="names", grade=Grade.PROBLEM, says="There is no group Experts.", cure="Make it"
)
NOTE = Finding(name="vendor-rules:others", check="vendor-rules", grade=Grade.NOTE, says="Others are told.")
UNSEEN = Finding(name="vendor-rules:trigger", check="vendor-rules", grade=Grade.UNKNOWN, says="We may not see them.")
FINE = [
    Finding(name=f"{check}:here", check=check, grade=Grade.FINE, says="It is well.") for check in ("webhook", "clock")
]


class DeskSettings(SiteSettings):
    """A desk that asks for a token."""

    token: SecretStr | None = None
    email: str | None = Field(default=None)


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("neither set-up nor examination needs this")


def as_admin(settings: SiteSettings, email: str | None, token: SecretStr) -> SiteSettings:
    return settings.model_copy(update={"email": email, "token": token})


@dataclass
class Desk:
    """A vendor whose steps and findings are what a test says."""

    steps: list[Any] = field(default_factory=list)
    found: list[Any] = field(default_factory=list)
    seen_by_admin: list[Any] | None = None
    visits: list[tuple[str, Uses, bool]] = field(default_factory=list)
    proofs: list[tuple[SecretStr, ...]] = field(default_factory=list)

    def set_up(self, site: Site, keeper: Keeper, uses: Uses, dry: bool) -> Iterator[Step]:
        self.visits.append((self._who(site), uses, dry))
        keeper.save(site.name, {"visited": "yes"})
        self.proofs.append(site.settings.webhook_secrets)
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            yield step() if callable(step) else step

    def examine(
        self, site: Site, keeper: Keeper, uses: Uses, now: datetime, sleep: Callable[[float], None]
    ) -> Iterator[Finding]:
        who = self._who(site)
        self.visits.append((who, uses, True))
        for finding in self.seen_by_admin or [] if who == "admins-own-token" else self.found:
            if isinstance(finding, Exception):
                raise finding
            yield finding

    def _who(self, site: Site) -> str:
        token = getattr(site.settings, "token", None)
        return token.get_secret_value() if token else ""

    def connector(self) -> Connector:
        return Connector(
            vendor="desk",
            title="Scripted Desk",
            settings=DeskSettings,
            verify=never,
            delivery_id=never,
            tickets=never,
            read=never,
            plan=never,
            check_target=never,
            connect=lambda site, keeper: _Client(),  # type: ignore[arg-type]
            as_admin=as_admin,
            set_up=self.set_up,
            examine=self.examine,
        )


class _Client:
    def account(self) -> str:
        return "us"

    def close(self) -> None:
        pass


class Tools(Toolbox):
    """The real tools, for a house whose only vendor is the scripted one."""

    clock = staticmethod(lambda: NOW)

    def __init__(self, desk: Desk, folder: Path, environ: Mapping[str, str]) -> None:
        self.desk, self.folder, self.environ = desk, folder, environ

    def vendors(self) -> Mapping[str, Connector]:  # type: ignore[override]
        return {"desk": self.desk.connector()}

    def read_settings(self, path: Path | None = None) -> Settings:
        return load(path or self.folder / "stepladder.toml", self.environ, {"desk": DeskSettings})


Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stepladder.toml").write_text(BY_HAND)
    (tmp_path / "policy.yaml").write_text(POLICY)
    secrets = tmp_path / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(SECRETS)
    return tmp_path


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def run(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def running(*words: str, typed: str = "", **environ: str) -> Result:
        for name in ADMIN:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(cli, words, obj=Tools(desk, folder, environ), input=typed)

    return running


def there(**more: Any) -> Step:
    return Step(name="webhook", done=Done.THERE, says="The webhook is there.", role="administrator", **more)


# --- setup --------------------------------------------------------------------------------------------------
def test_a_second_run_finds_everything_there_and_changes_nothing(run: Run, desk: Desk, folder: Path) -> None:
    desk.steps = [there()]
    result = run("setup", "main", **ADMIN)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["main (Scripted Desk)", "  there         The webhook is there."]
    assert ((folder / "stepladder.toml").read_text(), (folder / "secrets.toml").read_text()) == (BY_HAND, SECRETS)


def test_the_vendor_hears_who_visits_what_the_policy_does_and_where_we_are(run: Run, desk: Desk) -> None:
    run("setup", "main", **ADMIN)
    run("setup", "main", "--dry-run", "--hook", "https://other.example")
    (admin, uses, dry), (ours, others, dry_too) = desk.visits
    assert (admin, ours, dry, dry_too) == ("admins-own-token", "ours", False, True)
    assert uses.hook == "https://steps.example/webhooks/desk/main"
    assert others.hook == "https://other.example/webhooks/desk/main"
    assert [(placed.level, placed.target) for placed in uses.targets] == [(2, {"group": "Experts"})]


@pytest.mark.parametrize("end", ["", "/", "/webhooks/desk/main", "/webhooks/desk/main/"])
def test_the_whole_address_of_the_webhook_may_be_given(run: Run, desk: Desk, folder: Path, end: str) -> None:
    run("setup", "main", "--dry-run", "--hook", f"https://other.example{end}")
    file = folder / "stepladder.toml"
    file.write_text(BY_HAND.replace("https://steps.example", f"https://steps.example{end}"))
    run("setup", "main", "--dry-run")
    assert [uses.hook for _, uses, _ in desk.visits] == [
        "https://other.example/webhooks/desk/main",
        "https://steps.example/webhooks/desk/main",
    ]


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        ("https://other.example/webhooks/desk/other", "without a path"),
        ("https://other.example/steps", "the webhook's own path is /webhooks/desk/main"),
        ("http://other.example", "https://"),
        ("other.example", "https://"),
        ("https://other.example/?a=b", "https://"),
    ],
)
def test_another_address_for_the_webhook_is_refused(run: Run, desk: Desk, hook: str, says: str) -> None:
    result = run("setup", "main", "--hook", hook)
    assert (result.exit_code, desk.visits) == (2, [])
    assert says in " ".join(result.stderr.split())


def test_a_public_address_with_a_path_is_refused(run: Run, desk: Desk, folder: Path) -> None:
    (folder / "stepladder.toml").write_text(BY_HAND.replace("https://steps.example", "https://steps.example/ladder"))
    result = run("setup", "main", **ADMIN)
    assert (result.exit_code, desk.visits) == (2, [])
    assert "server.public_url" in result.stderr
    assert "expected an address without a path, such as https://steps.example; got the path '/ladder'" in result.stderr


def test_an_administrators_credentials_are_neither_stored_nor_shown(run: Run, desk: Desk, folder: Path) -> None:
    desk.steps = [there(settings={"level_field": "9"}, secrets={"webhook_secrets": SecretStr("fresh-secret")})]
    result = run("setup", "main", "--write", **ADMIN)
    written = "".join(file.read_text() for file in folder.iterdir() if file.is_file())
    assert "admins-own-token" not in result.output + written
    assert "fresh-secret" not in result.output
    assert not (folder / "keepsakes.json").exists()


def test_without_an_administrator_our_own_account_tries_and_says_so(run: Run, desk: Desk, folder: Path) -> None:
    result = run("setup", "main")
    assert "Stepladder's own account tries" in result.stderr
    assert "visited" in (folder / "keepsakes.json").read_text()


def test_a_secret_is_stored_in_front_of_the_one_before_it(run: Run, desk: Desk, folder: Path) -> None:
    desk.steps = [there(secrets={"webhook_secrets": SecretStr("fresh-secret")})]
    result = run("setup", "main", **ADMIN)
    assert (result.exit_code, result.stderr) == (0, "")
    file = folder / "secrets.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text())["sites"]["main"]["webhook_secrets"] == ["fresh-secret", "older"]
    assert "# nobody else" in file.read_text()
    assert 'token = "ours"  # until June' in file.read_text()


def test_a_secret_is_stored_before_the_next_step_is_asked_for(run: Run, desk: Desk, folder: Path) -> None:
    def stored() -> Step:
        assert "fresh-secret" in (folder / "secrets.toml").read_text()
        return there()

    desk.steps = [there(secrets={"webhook_secrets": SecretStr("fresh-secret")}), stored]
    assert run("setup", "main", **ADMIN).exit_code == 0


def test_a_secret_that_cannot_be_stored_ends_it(run: Run, desk: Desk, folder: Path) -> None:
    (folder / "secrets.toml").write_text("sites.main = {token = 'ours'}\n")
    desk.steps = [there(secrets={"webhook_secrets": SecretStr("fresh-secret")}), never]
    result = run("setup", "main", **ADMIN)
    assert result.exit_code == 2
    assert "webhook_secrets belongs into its table [sites.main]. Nothing more was done" in result.stderr
    assert "fresh-secret" not in result.output


def test_what_was_stored_and_perhaps_never_told_is_made_anew(run: Run, desk: Desk, folder: Path) -> None:
    fresh, failed = SecretStr("fresh-secret"), Step(name="webhook", done=Done.FAILED, says="No.", role="nobody")
    desk.steps = [there(secrets={"webhook_secrets": fresh}), failed, TryLater("nobody answers")]
    assert run("setup", "main", **ADMIN).exit_code == 2
    desk.steps = [there()]
    assert run("setup", "main", **ADMIN).exit_code == 0
    assert run("setup", "main", **ADMIN).exit_code == 0
    assert [len(secrets) for secrets in desk.proofs] == [2, 0, 2]


def test_a_variable_that_wins_over_the_stored_secret_is_named(run: Run, desk: Desk) -> None:
    desk.steps = [there(secrets={"webhook_secrets": SecretStr("fresh-secret")})]
    result = run("setup", "main", STEPLADDER_MAIN_WEBHOOK_SECRETS="from-outside", **ADMIN)
    assert result.exit_code == 1
    assert "STEPLADDER_MAIN_WEBHOOK_SECRETS is set and wins over secrets.toml" in result.stdout


def test_settings_are_told_unless_they_shall_be_written(run: Run, desk: Desk, folder: Path) -> None:
    desk.steps = [there(settings={"level_field": "360010"})]
    told = run("setup", "main", **ADMIN)
    assert told.exit_code == 1
    assert 'in stepladder.toml, [sites.main]: level_field = "360010"' in told.stdout
    assert (folder / "stepladder.toml").read_text() == BY_HAND
    assert run("setup", "main", "--write", **ADMIN).exit_code == 0
    assert (folder / "stepladder.toml").read_text() == BY_HAND + 'level_field = "360010"\n'


def test_a_dry_run_of_what_is_all_there_ends_well(run: Run, desk: Desk) -> None:
    desk.steps = [there()]
    assert run("setup", "main", "--dry-run", **ADMIN).exit_code == 0


@pytest.mark.parametrize(
    ("environ", "whose"),
    [(ADMIN, "the administrator's: $STEPLADDER_SETUP_TOKEN"), ({}, "of [sites.main]")],
    ids=["an administrator's", "ours"],
)
def test_whose_credentials_are_not_taken_is_said(run: Run, desk: Desk, environ: dict[str, str], whose: str) -> None:
    desk.steps = [Refused("the vendor does not know these credentials")]
    assert f"The credentials were {whose}" in run("setup", "main", **environ).stdout


def test_a_dry_run_writes_nothing_anywhere(run: Run, desk: Desk, folder: Path) -> None:
    would = Step(name="webhook", done=Done.WOULD_CREATE, says="A webhook.", role="administrator", undo="Delete it.")
    desk.steps = [would, there(settings={"level_field": "9"}, secrets={"webhook_secrets": SecretStr("fresh-secret")})]
    result = run("setup", "main", "--dry-run", "--write", **ADMIN)
    assert result.exit_code == 1, "something would be done"
    assert result.stdout.splitlines() == [
        "main (Scripted Desk), nothing is changed",
        "  would create  A webhook.",
        "                Who may: administrator.",
        "                To undo: Delete it.",
        "  there         The webhook is there.",
        '  would write   level_field = "9" in stepladder.toml, with --write',
    ]
    assert ((folder / "stepladder.toml").read_text(), (folder / "secrets.toml").read_text()) == (BY_HAND, SECRETS)


def test_what_is_left_by_hand_is_told_click_by_click_and_with_who_may(run: Run, desk: Desk) -> None:
    clicks = ("Admin → Webhooks → New", "Then copy the secret")
    desk.steps = [Step(name="webhook", done=Done.BY_HAND, says="Not ours.", role="administrator", by_hand=clicks)]
    result = run("setup", "main")
    assert result.exit_code == 1
    assert [line.strip() for line in result.stdout.splitlines()[1:]] == [
        "BY HAND       Not ours.",
        "Who may: administrator.",
        "1. Admin → Webhooks → New",
        "2. Then copy the secret",
    ]


def test_what_was_made_says_how_to_undo_it(run: Run, desk: Desk) -> None:
    desk.steps = [Step(name="webhook", done=Done.CREATED, says="Made.", role="administrator", undo="Delete it")]
    assert "To undo: Delete it" in run("setup", "main", **ADMIN).stdout


@pytest.mark.parametrize(
    "wrong",
    [
        TryLater("nobody answers"),
        Refused("the vendor does not know these credentials"),
        Step(
            name="webhook", done=Done.FAILED, says="nobody answers, the vendor does not know it", role="administrator"
        ),
    ],
    ids=["later", "refused", "a step"],
)
def test_what_fails_ends_with_two_and_a_sentence(run: Run, desk: Desk, wrong: Any) -> None:
    desk.steps = [there(), wrong]
    result = run("setup", "main", **ADMIN)
    assert result.exit_code == 2
    assert "FAILED" in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["setup", "doctor"])
def test_a_site_that_is_not_there_is_guessed(run: Run, command: str) -> None:
    result = run(command, "mian")
    assert result.exit_code == 2
    assert "did you mean main?" in result.stderr


# --- doctor -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("found", "accepts", "code"),
    [
        (FINE, "", 0),
        ([*FINE, NOTE, UNSEEN], "", 0),
        ([GONE], "", 1),
        ([MAILS], "", 1),
        ([MAILS], MAILS.name, 0),
        ([TryLater("nobody answers")], "", 2),
        ([Refused("no such account")], "", 2),
    ],
    ids=["well", "notes", "a problem", "heard", "accepted", "no answer", "refused"],
)
def test_the_exit_code_is_for_machines(
    run: Run, desk: Desk, folder: Path, found: list[Any], accepts: str, code: int
) -> None:
    desk.found = found
    (folder / "stepladder.toml").write_text(BY_HAND + (f'accepts = ["{accepts}"]\n' if accepts else ""))
    assert run("doctor").exit_code == code


def test_the_worst_is_told_first_with_its_cure_and_what_is_well_in_one_line(run: Run, desk: Desk) -> None:
    desk.found = [NOTE, *FINE, UNSEEN, MAILS, GONE]
    assert run("doctor", "main").stdout.splitlines() == [
        "main (Scripted Desk), mode act, but only observed: people outside would hear of our writes",
        "  PROBLEM   There is no group Experts.",
        "            → Make it",
        "            names:group:Experts",
        "  HEARD     The trigger mails the customer.",
        "            → Add a condition",
        "            customer-hears:trigger:7",
        "  unknown   We may not see them.",
        "            vendor-rules:trigger",
        "  note      Others are told.",
        "            vendor-rules:others",
        "  fine      2 findings are as they should be: webhook, clock",
    ]


def test_long_sentences_are_wrapped_below_each_other(run: Run, desk: Desk) -> None:
    desk.found = [Finding(name="webhook:long", check="webhook", grade=Grade.NOTE, says="word " * 40 + "end.")]
    lines = run("doctor", "main").stdout.splitlines()[1:]
    assert max(map(len, lines)) <= 100
    assert all(line.startswith(" " * 12 + "word") for line in lines[1:-1])


def test_an_administrator_who_may_not_costs_nothing_of_what_we_see(run: Run, desk: Desk) -> None:
    desk.found, desk.seen_by_admin = [MAILS], [Refused("401: no such token")]
    result = run("doctor", "main", **ADMIN)
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "The administrator's visit failed, so here is what our own account sees: 401: no such token" in said
    assert "customer-hears:trigger:7" in said


def test_an_administrators_token_goes_to_no_other_site(run: Run, desk: Desk, folder: Path) -> None:
    more = BY_HAND.replace("[sites.main]", "[sites.other]")
    (folder / "stepladder.toml").write_text(BY_HAND + more[more.index("[sites.other]") :])
    (folder / "secrets.toml").write_text(SECRETS + SECRETS.replace("[sites.main]", "[sites.other]"))
    result = run("doctor", **ADMIN)
    assert {who for who, _, _ in desk.visits} == {"ours"}
    assert "used only for a SITE that is named" in result.stderr


def test_a_name_that_is_accepted_in_vain_is_told_with_the_nearest(run: Run, desk: Desk, folder: Path) -> None:
    desk.found = [MAILS]
    (folder / "stepladder.toml").write_text(BY_HAND + 'accepts = ["customer-hears:triger:7"]\n')
    result = run("doctor", "main")
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert f'goes by the accepted name "customer-hears:triger:7". → did you mean "{MAILS.name}"?' in said


def test_a_pause_is_told_with_what_ends_it(run: Run, desk: Desk, folder: Path) -> None:
    run("policy", "activate", str(folder / "policy.yaml"))
    paused = run("pause", "main", "--reason", "maintenance")
    assert paused.output.startswith("Writes to desk/main are paused: maintenance.")
    said = " ".join(run("doctor", "main").stdout.split())
    assert "Every write at this site is paused: maintenance → `stepladder resume main` ends it" in said


def test_a_field_that_only_a_target_sets_is_not_said_to_be_idle(run: Run, desk: Desk, folder: Path) -> None:
    extra = '\n[sites.main.fields]\nteam = "1"\nshoe_size = "2"\n'
    (folder / "stepladder.toml").write_text(BY_HAND + extra)
    sets = POLICY.replace("{group: Experts}", "{group: Experts, field: {team: Night}}")
    assert sets != POLICY
    (folder / "policy.yaml").write_text(sets)
    told = " ".join(run("doctor").stdout.split())
    assert "neither asks about nor sets these fields of main: shoe_size." in told


def test_the_json_says_the_same(run: Run, desk: Desk) -> None:
    desk.found = [MAILS, *FINE]
    told = json.loads(run("doctor", "--json").stdout)
    [site] = told["sites"]
    assert told["examined_at"] == NOW.isoformat()
    assert {key: site[key] for key in ("site", "vendor", "mode", "works_as", "well", "problem")} == {
        "site": "main",
        "vendor": "desk",
        "mode": "act",
        "works_as": "observe",
        "well": False,
        "problem": None,
    }
    assert site["findings"][0] == {
        "name": "customer-hears:trigger:7",
        "check": "customer-hears",
        "grade": "warning",
        "says": "The trigger mails the customer.",
        "cure": "Add a condition",
        "customer_hears": True,
        "heard_by_notes": False,
        "accepted": False,
    }


def test_an_administrator_sees_what_we_may_not_and_it_is_not_forgotten(run: Run, desk: Desk, folder: Path) -> None:
    desk.found, desk.seen_by_admin = [*FINE, UNSEEN], [MAILS]
    run("policy", "activate", str(folder / "policy.yaml"))
    assert "customer-hears:trigger:7" in run("doctor", "main", **ADMIN).stdout
    assert [who for who, _, _ in desk.visits] == ["ours", "admins-own-token"]
    assert "customer-hears:trigger:7" in run("doctor", "main").stdout


def test_what_was_found_is_kept_for_the_process_that_runs(run: Run, desk: Desk, folder: Path) -> None:
    desk.found = [MAILS]
    run("policy", "activate", str(folder / "policy.yaml"))
    run("doctor")
    tools = Tools(desk, folder, {})
    store = store_of(tools.read_settings())
    examined = last(store, "desk/main")
    store.close()
    assert examined is not None
    assert (examined.findings, examined.at) == ((MAILS,), NOW)


def test_asking_makes_no_database(run: Run, desk: Desk, folder: Path) -> None:
    run("doctor")
    run("setup", "main", "--dry-run")
    assert not list(folder.glob("*.db"))


def test_what_the_tables_say_of_today_is_told_too(run: Run, desk: Desk, folder: Path) -> None:
    run("policy", "activate", str(folder / "policy.yaml"))
    told = run("doctor").stdout
    assert "missed:today" in told
    assert "o deliveries today" in told


def test_settings_that_nobody_uses_and_sites_without_a_policy_are_told(run: Run, desk: Desk, folder: Path) -> None:
    extra = '\n[sites.main.fields]\nshoe_size = "1"\n\n[on_call.night]\nurl = "https://rota.example"\npath = "a"\n'
    (folder / "stepladder.toml").write_text(BY_HAND + extra)
    (folder / "policy.yaml").write_text(POLICY.replace("{desk: all}", "{desk/other: all}"))
    told = " ".join(run("doctor").stdout.split())
    for words in ("nor sets these fields of main: shoe_size", 'on call as "night"', "says nothing of the site main"):
        assert words in told


def test_a_house_without_a_policy_is_a_problem(run: Run, folder: Path) -> None:
    (folder / "policy.yaml").unlink()
    result = run("doctor")
    assert result.exit_code == 1
    assert "No policy is active" in result.stdout
