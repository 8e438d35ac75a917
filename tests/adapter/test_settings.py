"""The settings: what is read from where, and that every mistake is told at once, in a sentence, without a secret."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, model_validator

from adapter.databases import address_of
from adapter.settings import Settings, SettingsError, load
from connectors.site import SiteSettings
from policies.commands import Mode


class DeskSettings(SiteSettings):
    """A vendor that exists only here."""

    email: str | None = None
    token: SecretStr | None = Field(default=None, description="API token")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.email and not self.token:
            raise ValueError("token: expected one beside email, got none")
        return self


class BoardSettings(SiteSettings):
    """Another one, whose secret is required and judged."""

    password: SecretStr = Field(description="the board's password")
    plan: str = "free"

    @model_validator(mode="after")
    def _strong(self) -> Self:
        if self.password.get_secret_value().startswith("weak"):
            raise ValueError(f"expected a strong password, got {self.password.get_secret_value()!r}")
        return self


VENDORS: Mapping[str, type[SiteSettings]] = {"desk": DeskSettings, "board": BoardSettings}
SITE = '[sites.acme]\nvendor = "desk"\nurl = "https://acme.example"\n'
Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write the text (and secrets.toml) into a folder that has a policy, and load it."""
    (tmp_path / "policy.yaml").write_text("version: 1\n")

    def write_and_load(text: str, environ: Mapping[str, str] | None = None, *, secrets: str = "") -> Settings:
        file = tmp_path / "stepladder.toml"
        file.write_text(text)
        if secrets:
            kept = tmp_path / "secrets.toml"
            kept.touch(mode=0o600)
            kept.write_text(secrets)
        return load(file, environ or {}, VENDORS)

    return write_and_load


def told(read: Read, text: str, environ: Mapping[str, str] | None = None, *, secrets: str = "") -> str:
    """Return the error's text."""
    with pytest.raises(SettingsError) as caught:
        read(text, environ, secrets=secrets)
    return str(caught.value)


# --- what is right ------------------------------------------------------------------------------------------
def test_one_site_is_enough_and_everything_else_has_a_default(read: Read, tmp_path: Path) -> None:
    settings = read(SITE)
    assert settings.policy == tmp_path / "policy.yaml"
    assert settings.database == f"sqlite:///{tmp_path}/stepladder.db"
    assert (settings.server.host, settings.server.port, settings.server.threads) == ("127.0.0.1", 8080, 8)
    assert settings.server.body_limit == 5 * 1024 * 1024
    assert (settings.worker.threads, settings.worker.settle, settings.worker.stop) == (24, 60, 10)
    assert (settings.guards.escalations_in_10_minutes, settings.guards.adoptive_per_hour) == (50, 20)
    assert settings.sites["acme"].mode is Mode.OBSERVE


def test_every_table_is_read(read: Read) -> None:
    settings = read(
        "[server]\nport = 0\nthreads = 2\n[worker]\nsettle = 0.2\nstop = 9\n"
        '[guards]\nescalations_in_10_minutes = 5\n[sites.acme]\nvendor = "desk"\nurl = "http://127.0.0.1:4711"\n'
        'mode = "act"\nfields = { product = "360" }\n'
    )
    assert (settings.server.port, settings.worker.settle, settings.worker.stop) == (0, 0.2, 9)
    assert settings.guards.escalations_in_10_minutes == 5
    assert settings.sites["acme"].mode is Mode.ACT
    assert settings.sites["acme"].fields == {"product": "360"}


def test_paths_start_at_the_files_folder(read: Read, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/support.yaml").touch()
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    settings = read(f'policy = "rules/support.yaml"\ndatabase = "sqlite:///rules/x.db"\n{SITE}ca_bundle = "ca.pem"\n')
    assert settings.policy == tmp_path / "rules/support.yaml"
    assert settings.database == f"sqlite:///{tmp_path}/rules/x.db"
    assert settings.sites["acme"].ca_bundle == tmp_path / "ca.pem"


def test_absolute_paths_stay(read: Read, tmp_path: Path) -> None:
    assert read(f'database = "sqlite:///{tmp_path}/other.db"\n{SITE}').database == f"sqlite:///{tmp_path}/other.db"


def test_a_site_is_found_by_vendor_and_name(read: Read) -> None:
    settings = read(SITE)
    assert settings.site("desk", "acme") is settings.sites["acme"]
    assert settings.site("board", "acme") is None
    assert settings.site("desk", "other") is None


def test_settings_cannot_be_changed(read: Read) -> None:
    settings = read(SITE)
    with pytest.raises(AttributeError):
        settings.database = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.sites["b"] = settings.sites["acme"]  # type: ignore[index]


# --- where secrets come from --------------------------------------------------------------------------------
def secret_of(settings: Settings, site: str = "acme") -> str:
    """Return the token that was found."""
    found = settings.sites[site]
    assert isinstance(found, DeskSettings)
    assert found.token is not None
    return found.token.get_secret_value()


def test_the_environment_wins_over_files_and_files_over_secrets_toml(read: Read, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("from-variable-file\n")
    (tmp_path / "two").write_text("from-setting-file\n")
    secrets = '[sites.acme]\ntoken = "from-secrets-toml"\n'
    named = SITE + 'token_file = "two"\n'
    direct, file = {"STEPLADDER_ACME_TOKEN": "from-variable"}, {"STEPLADDER_ACME_TOKEN_FILE": "one"}
    assert secret_of(read(SITE, secrets=secrets)) == "from-secrets-toml"
    assert secret_of(read(named, secrets=secrets)) == "from-setting-file"
    assert secret_of(read(named, file, secrets=secrets)) == "from-variable-file"
    assert secret_of(read(named, {**file, **direct}, secrets=secrets)) == "from-variable"


def test_a_variables_name_is_the_sites_in_capitals(read: Read) -> None:
    text = SITE.replace("acme", '"acme-eu.2"', 1)
    assert secret_of(read(text, {"STEPLADDER_ACME_EU_2_TOKEN": "t"}), "acme-eu.2") == "t"


@pytest.mark.parametrize(
    ("environ", "secrets"),
    [
        ({"STEPLADDER_ACME_WEBHOOK_SECRETS": "old, new"}, ""),
        ({}, '[sites.acme]\nwebhook_secrets = ["old", "new"]\n'),
        ({}, '[sites.acme]\nwebhook_secrets = "old,new"\n'),
        ({"STEPLADDER_ACME_WEBHOOK_SECRETS_FILE": "lines"}, ""),
    ],
    ids=["variable", "list", "text", "lines of a file"],
)
def test_two_secrets_can_be_given_during_a_rotation(
    read: Read, tmp_path: Path, environ: dict[str, str], secrets: str
) -> None:
    (tmp_path / "lines").write_text("old\nnew\n")
    site = read(SITE, environ, secrets=secrets).sites["acme"]
    assert [secret.get_secret_value() for secret in site.webhook_secrets] == ["old", "new"]


def test_secrets_are_not_in_what_settings_print(read: Read) -> None:
    assert "hunter22" not in repr(read(SITE, {"STEPLADDER_ACME_TOKEN": "hunter22"}))


def test_other_peoples_variables_are_left_alone(read: Read) -> None:
    # Kubernetes makes these for a service of our name
    read(SITE, {"STEPLADDER_PORT": "tcp://10.0.0.1:80", "STEPLADDER_SERVICE_HOST": "x", "STEPLADDER_ACME_COLOUR": "y"})


@pytest.mark.parametrize(
    ("address", "means"),
    [
        ("postgresql://u@db.example/d", "postgresql://u@db.example/d?sslmode=require"),
        ("postgres://u@db.example:6432/d?sslmode=verify-full", "postgresql://u@db.example:6432/d?sslmode=verify-full"),
        ("postgresql://u@127.0.0.1/d", "postgresql://u@127.0.0.1/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
        ("postgresql:///d", "postgresql:///d?sslmode=require"),  # PGHOST may name another machine
    ],
)
def test_a_server_on_another_machine_is_spoken_to_under_encryption(tmp_path: Path, address: str, means: str) -> None:
    assert address_of(address, tmp_path) == means


def test_a_servers_password_comes_from_where_secrets_come_from(read: Read) -> None:
    text = f'database = "postgresql://u@localhost/d"\n{SITE}'
    by_file = read(text, secrets='[database]\npassword = "open sesame"\n')
    by_variable = read(text, {"STEPLADDER_DATABASE_PASSWORD": "open sesame"})
    for settings in (by_file, by_variable):
        assert settings.database == "postgresql://u@localhost/d"
        assert settings.database_password == SecretStr("open sesame")


def test_how_long_things_are_kept_is_told_with_the_numbers_that_do_not_fit(read: Read) -> None:
    message = told(read, f"[retention]\ndeliveries = 7\ntickets = 3\n{SITE}")
    assert "bodies: found 14 (the default); expected at most deliveries (7)" in message
    assert "tickets: found 3; expected 0 or at least 7" in message
    assert read(f"[retention]\nbodies = 0\n{SITE}").retention.keep.bodies is None


def test_how_much_is_told_may_be_written_in_any_case(read: Read) -> None:
    assert read(f'[log]\nlevel = "debug"\n{SITE}').log.level == "DEBUG"
    assert 'log.level: found "LOUD"' in told(read, f'[log]\nlevel = "loud"\n{SITE}')


def test_without_the_driver_it_is_said_what_to_install(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = told(read, f'database = "postgresql://u@localhost/d"\n{SITE}')
    assert "database: PostgreSQL needs more packages: in the cloned repository, pip install --require-hashes" in message


# --- what is wrong ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "sites: none found; expected a table [sites.<name>] with vendor and url"),
        (f'polcy = "x"\n{SITE}', "polcy: unknown setting; did you mean policy?"),
        (f"[server]\nthread = 2\n{SITE}", "server.thread: unknown setting; did you mean threads?"),
        (f'[server]\nport = "80"\n{SITE}', 'server.port: found "80"; expected a whole number (0 takes any free port)'),
        (f"[server]\nport = true\n{SITE}", "server.port: found true; expected a whole number"),
        (f"[server]\nport = 70000\n{SITE}", "server.port: found 70000; expected less than or equal to 65535"),
        (f'[log]\nformat = "xml"\n{SITE}', 'log.format: found "xml"; expected'),
        (f'[audit]\ntell = ["ada@acme.example"]\n{SITE}', "audit.tell: nobody can be written to without a mail server"),
        (f'[audit]\ntell = ["ada"]\n{SITE}', "expected an e-mail address such as ada@acme.example as number 1"),
        (f'[audit]\nheartbeat = "http://h.example"\n{SITE}', "expected an address such as https://heartbeat.example"),
        (f"[worker]\nstop = 5\n{SITE}", "worker.stop: found 5; expected more than every site's read_timeout"),
        (f"server = 3\n{SITE}", "server: found 3; expected a table"),
        ("sites = 3\n", "sites: found 3; expected a table"),
        ("[sites]\nacme = 3\n", "sites.acme: found 3; expected a table"),
        (f'database = "postgresql://u:pw@h/d"\n{SITE}', "database: holds a password; expected postgresql://user@host/"),
        (f'database = "postgresql://u@h"\n{SITE}', "database: names no database; expected postgresql://user@host/"),
        (f'database = "postgresql://u@h/d?sslmode=disable"\n{SITE}', "database: found sslmode=disable; expected"),
        (f'database = "postgresql://u@h/d?sslmod=require"\n{SITE}', "database: unknown sslmod=…; did you mean ssl"),
        (f'database = "postgresql://u@h/d?sslrootcert=no.pem"\n{SITE}', "database: sslrootcert: there is no file "),
        (f'database = "mysql://u:pw@h/d"\n{SITE}', "database: found an address that is not shown; expected sqlite:///"),
        (f'database = "sqlite:///:memory:"\n{SITE}', 'database: found "sqlite:///:memory:"; expected sqlite:///'),
        (f'database = "sqlite:///no/x.db"\n{SITE}', "database: there is no folder "),
        (f"database = 3\n{SITE}", "database: found 3; expected text in quotes"),
        (SITE.replace("desk", "dessk"), 'sites.acme.vendor: found "dessk"; expected board or desk; did you mean desk?'),
        (SITE.replace('vendor = "desk"\n', ""), "sites.acme.vendor: missing; expected board or desk"),
        (SITE.replace('vendor = "desk"', "vendor = [1]"), "sites.acme.vendor: found a list; expected board or desk"),
        (SITE.replace("acme]", '"Ac me"]'), 'sites."Ac me": found a name that fits no address; expected a-z'),
        (SITE + 'mode = "acts"\n', "sites.acme.mode: found \"acts\"; expected 'observe', 'note' or 'act'"),
        (SITE + "level_feld = 3\n", "sites.acme.level_feld: unknown setting; did you mean level_field?"),
        (SITE + 'tokn_file = "x"\n', "sites.acme.tokn_file: unknown setting; did you mean token_file?"),
        (SITE + "fields = {product = 36}\n", "sites.acme.fields.product: found 36; expected text in quotes"),
        (SITE + 'statuses = {"In Work" = 3}\n', 'sites.acme.statuses."In Work": found 3; expected text in quotes'),
        (SITE + 'ca_bundle = "no.pem"\n', "sites.acme.ca_bundle: there is no file "),
        (SITE + 'ca_bundle = "policy.yaml"\n', "policy.yaml holds no certificates; expected one or more as text (PEM)"),
        (SITE + 'token_file = "no"\n', "sites.acme.token_file: "),
        (SITE + "token_file = 3\n", "sites.acme.token_file: expected the path of a file"),
        (SITE + 'email = "a@b.example"\n', "sites.acme: token: expected one beside email, got none; token goes into"),
        ('[sites.acme]\nvendor = "desk"\n', "sites.acme.url: missing; expected Base address of the site"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(read: Read, text: str, sentence: str) -> None:
    message = told(read, text)
    assert sentence in message
    assert "stepladder.toml: " in message
    assert "pw@" not in message


def test_a_file_that_is_not_toml_says_where(read: Read) -> None:
    assert "stepladder.toml:2:12: is not TOML: Expected ']'" in told(read, "port = 3\n[sites.acme\n")
    assert "stepladder.toml: is not TOML: Expected " in told(read, "a = '''x")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://acme.example", "expected https://acme.example (plain http:// is for loopback only)"),
        ("ftp://acme.example", "expected https://host"),
        ("acme.example", "expected https://host"),
        ("https://", "expected https://host"),
        ("https://acme.example?x=1", "expected https://host"),
        ("https://me:hunter22@acme.example", "holds a user name or password"),
        ("https://acme.example:port", "is not an address"),
        ("http://127.0.0.1.evil.example", "plain http:// is for loopback only"),
    ],
)
def test_an_address_must_be_https_and_hold_no_secret(read: Read, url: str, sentence: str) -> None:
    message = told(read, SITE.replace("https://acme.example", url))
    assert "sites.acme.url: " in message
    assert sentence in message
    assert "hunter22" not in message
    assert message.startswith("1 problem in the settings:")


@pytest.mark.parametrize("host", ["127.0.0.1:8443", "localhost", "[::1]:80"])
def test_plain_http_is_allowed_on_loopback(read: Read, host: str) -> None:
    assert read(SITE.replace("https://acme.example", f"http://{host}")).sites["acme"].url == f"http://{host}"


def test_a_secret_in_stepladder_toml_is_refused_with_the_three_right_places(read: Read) -> None:
    message = told(read, SITE + 'token = "hunter22"\n')
    assert "sites.acme.token: a secret does not belong in this file" in message
    for place in ("STEPLADDER_ACME_TOKEN", "STEPLADDER_ACME_TOKEN_FILE", "token_file", "secrets.toml", "[sites.acme]"):
        assert place in message
    assert "hunter22" not in message


def test_secrets_toml_that_others_may_read_is_refused_with_the_command_to_run(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text('[sites.acme]\ntoken = "x"\n')
    (tmp_path / "secrets.toml").chmod(0o640)
    message = told(read, SITE + 'email = "a@b.example"\n')
    assert f"others may read it; run: chmod 600 {tmp_path}/secrets.toml" in message
    assert message.startswith("1 problem"), "a secret that could not be read is not called missing"


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ('[sites.acm]\ntoken = "hunter22"\n', "sites.acm: no such site; did you mean acme?"),
        ('[sites.acme]\ntokn = "hunter22"\n', "sites.acme.tokn: unknown secret; did you mean token?"),
        ('[sites.acme]\nurl = "hunter22"\n', "sites.acme.url: is not a secret; write it in stepladder.toml"),
        ('token = "hunter22"\n', "token: unknown; expected only [sites.<name>], [on_call.<name>], [mail]"),
        ('sites = "hunter22"\n', "sites: expected [sites.<name>] tables"),
        ("[sites.acme]\ntoken = 1234567\n", "sites.acme.token: found a value that is not shown; expected text in"),
        ('[sites.acme]\ntoken = " "\n', "sites.acme.token: is empty"),
        ('[sites.acme]\ntoken = "hunter22\\nx"\n', "sites.acme.token: holds a line break"),
        ("[sites.acme]\ntoken = hunter22\n", "secrets.toml:2:9: is not TOML"),
    ],
)
def test_a_mistake_in_secrets_toml_is_told_without_its_value(read: Read, secrets: str, sentence: str) -> None:
    message = told(read, SITE, secrets=secrets)
    assert sentence in message
    assert "hunter22" not in message
    assert "1234567" not in message


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"STEPLADDER_ACME_TOKEN": ""}, "environment: STEPLADDER_ACME_TOKEN: is empty"),
        ({"STEPLADDER_ACME_WEBHOOK_SECRETS": " , "}, "environment: STEPLADDER_ACME_WEBHOOK_SECRETS: is empty"),
        ({"STEPLADDER_ACME_TOKEN_FILE": "no"}, "environment: STEPLADDER_ACME_TOKEN_FILE: "),
        ({"STEPLADDER_ACME_TOKEN_FILE": ""}, "STEPLADDER_ACME_TOKEN_FILE: expected the path of a file"),
        ({"STEPLADDER_ACME_TOKNE": "x"}, "STEPLADDER_ACME_TOKNE: unknown secret; did you mean STEPLADDER_ACME_TOKEN?"),
        (
            {"STEPLADDER_ACME_URL": "x"},
            "environment: STEPLADDER_ACME_URL: is not a secret; write it in stepladder.toml",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_told(read: Read, environ: dict[str, str], sentence: str) -> None:
    assert sentence in told(read, SITE, environ)


def test_a_required_secret_that_is_missing_is_told_with_its_places(read: Read) -> None:
    message = told(read, SITE.replace("desk", "board"))
    assert "sites.acme.password: missing; expected the board's password; password goes into the variable" in message
    assert "STEPLADDER_ACME_PASSWORD_FILE" in message


def test_a_secret_that_a_vendors_class_quotes_is_blotted_out(read: Read) -> None:
    message = told(read, SITE.replace("desk", "board"), {"STEPLADDER_ACME_PASSWORD": "weak-hunter22"})
    assert "expected a strong password, got '•••'" in message


def test_two_sites_may_not_share_their_variables(read: Read) -> None:
    text = "".join(f'[sites.{n}]\nvendor = "desk"\nurl = "https://acme.example"\n' for n in ("acme-eu", "acme_eu"))
    assert "sites.acme_eu: shares its variables with sites.acme-eu; rename one" in told(read, text)


def test_a_longer_sites_variable_is_not_called_a_mistake_of_the_shorter(read: Read) -> None:
    text = SITE + '[sites.acme-url]\nvendor = "desk"\nurl = "https://acme.example"\n'
    assert secret_of(read(text, {"STEPLADDER_ACME_URL_TOKEN": "t"}), "acme-url") == "t"


def test_all_problems_are_told_at_once(read: Read) -> None:
    message = told(
        read,
        'polcy = "x"\npolicy = "no.yaml"\ndatabase = "mysql://"\n[server]\nport = -1\n'
        '[sites.acme]\nvendor = "desk"\nurl = "http://acme.example"\ntoken = "hunter22"\nca_bundle = "no"\n'
        '[sites.b]\nvendor = "x"\nurl = "http://b.example"\n',
        {"STEPLADDER_ACME_TOKNE": "x"},
        secrets='[sites.c]\ntoken = "x"\n',
    )
    assert message.startswith("10 problems in the settings:\n")
    assert len(message.splitlines()) == 11


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"stepladder\.toml: there is no such file.*STEPLADDER_CONFIG"):
        load(tmp_path / "stepladder.toml", {}, VENDORS)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stepladder.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load(tmp_path / "stepladder.toml", {}, VENDORS)
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, {}, VENDORS)


VALUES = st.recursive(
    st.sampled_from(['"x"', "1", "1.5", "true", "1979-05-27", '"https://a.example"', '"desk"', '""']),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda v: f"[{', '.join(v)}]")
        | st.dictionaries(st.sampled_from(["a", "product"]), inner, max_size=2).map(
            lambda d: "{" + ", ".join(f"{k} = {v}" for k, v in d.items()) + "}"
        )
    ),
    max_leaves=4,
)
KEYS = sorted({*DeskSettings.model_fields, "token_file", "unknown"})


@given(site=st.dictionaries(st.sampled_from(KEYS), VALUES), top=st.dictionaries(
    st.sampled_from(["policy", "database", "server", "worker", "guards", "sites.b", "x"]), VALUES
))  # fmt: skip
def test_whatever_the_file_says_the_answer_is_settings_or_sentences(
    tmp_path_factory: pytest.TempPathFactory, site: dict[str, str], top: dict[str, str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    lines = [f"{key} = {value}" for key, value in top.items()]
    file.write_text("\n".join([*lines, "[sites.acme]", *(f"{key} = {value}" for key, value in site.items())]))
    with contextlib.suppress(SettingsError):
        load(file, {}, VENDORS)


# --- people -------------------------------------------------------------------------------------------------
MAIL = '[mail]\nhost = "mail.acme.example"\nfrom = "Stepladder <robot@acme.example>"\n'
ROTA = '[on_call."Duty manager"]\nzone = "Europe/Berlin"\nfirst = 2026-11-23T09:00:00\nevery = "7d"\n'
ROTA += 'people = ["ada@x.example", "ben@x.example"]\n'
ASKED = '[on_call.duty]\nurl = "https://pager.example/oncalls?schedule=P1"\npath = "oncalls.0.user.email"\n'


def test_without_people_nobody_is_told(read: Read) -> None:
    settings = read(SITE)
    assert (settings.mail, settings.on_call) == (None, {})


def test_a_mail_server_is_read_with_its_defaults(read: Read, tmp_path: Path) -> None:
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    mail = read(SITE + MAIL + 'ca_bundle = "ca.pem"\n').mail
    assert mail is not None
    assert (mail.host, mail.port, mail.tls, mail.timeout) == ("mail.acme.example", 587, "starttls", 6)
    assert (mail.sender, mail.ca_bundle) == ("Stepladder <robot@acme.example>", tmp_path / "ca.pem")


@pytest.mark.parametrize("first", ["2026-11-23T09:00:00", '"2026-11-23 09:00"', '"2026-11-23T09:00"'])
def test_a_rota_is_read(read: Read, first: str) -> None:
    schedule = read(SITE + ROTA.replace("2026-11-23T09:00:00", first)).on_call["Duty manager"]
    assert schedule.rota is not None
    zone, begin, every = schedule.rota
    assert (zone.key, begin.isoformat(), str(every)) == ("Europe/Berlin", "2026-11-23T09:00:00", "7d")


PLACES = [
    ({"STEPLADDER_MAIL_PASSWORD": "hunter22", "STEPLADDER_ON_CALL_DUTY_TOKEN": "hunter22"}, "", ""),
    ({}, '[mail]\npassword = "hunter22"\n[on_call.duty]\ntoken = "hunter22"\n', ""),
    ({}, "", "here"),
]


@pytest.mark.parametrize(("environ", "secrets", "file"), PLACES)
def test_their_secrets_have_the_places_that_a_sites_have(
    read: Read, tmp_path: Path, environ: dict[str, str], secrets: str, file: str
) -> None:
    (tmp_path / "here").write_text("hunter22\n")
    named = ('password_file = "here"\n', 'token_file = "here"\n') if file else ("", "")
    text = f'{SITE}{MAIL}username = "robot"\n{named[0]}{ASKED}{named[1]}'
    settings = read(text, environ, secrets=secrets)
    assert settings.mail is not None
    assert settings.mail.password is not None
    assert settings.mail.password.get_secret_value() == "hunter22"
    token = settings.on_call["duty"].token
    assert token is not None
    assert token.get_secret_value() == "hunter22"
    assert "hunter22" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mail = 3\n" + SITE, "mail: found 3; expected a table"),
        (SITE + "[mail]\n", "mail.host: missing; expected the mail server's name"),
        (SITE + '[mail]\nhost = "h"\n', "mail.from: missing; expected an address such as Stepladder"),
        (SITE + MAIL.replace("from", "form"), "mail.form: unknown setting; did you mean from?"),
        (SITE + MAIL.replace("Stepladder <robot@acme.example>", "robot"), "mail.from: expected one address such as"),
        (SITE + MAIL.replace("Stepladder <", "a@b.example, <"), "mail.from: expected one address such as"),
        (SITE + MAIL.replace("Stepladder", "Step\\r\\nBcc: x"), "mail.from: expected one address such as"),
        (SITE + MAIL + 'tls = "none"\n', "mail: tls: none is for a mail server on loopback only; expected starttls or"),
        (SITE + MAIL + 'tls = "ssl"\n', "mail.tls: found \"ssl\"; expected 'starttls', 'tls' or 'none'"),
        (SITE + MAIL + 'username = "robot"\n', "password: expected one beside username, and none without it; password"),
        (SITE + MAIL + 'password = "hunter22"\n', "mail.password: a secret does not belong in this file; expected the"),
        (SITE + MAIL + "port = 0\n", "mail.port: found 0; expected greater than or equal to 1"),
        (SITE + MAIL + "timeout = 20\n", "every site's read_timeout and [mail] timeout (longest: 20)"),
        (SITE + MAIL + 'ca_bundle = "no.pem"\n', "mail.ca_bundle: there is no file"),
        ("on_call = 3\n" + SITE, "on_call: found 3; expected a table"),
        (SITE + "[on_call.duty]\n", "on_call.duty: expected either zone, first, every and people, or url and path"),
        (SITE + ROTA + 'url = "https://x.example"\n', "expected either zone, first, every and people, or url and path"),
        (SITE + ROTA.replace("Berlin", "Berlim"), 'on_call."Duty manager".zone: expected the name of a time zone'),
        (SITE + ROTA.replace("7d", "7 weeks"), '"Duty manager".every: "7 weeks" is not a duration like'),
        (
            SITE + ROTA.replace("ada@", "ada "),
            "people: expected an e-mail address such as ada@acme.example as number 1",
        ),
        (SITE + ROTA.replace("2026-11-23T09:00:00", "7"), "first: expected a time in the rota's zone, such as 2026"),
        (SITE + ROTA.replace("09:00:00", "09:00:00Z"), "first: expected a time in the rota's zone, such as 2026"),
        (SITE + ASKED.replace("https", "http"), "on_call.duty.url: found"),
        (SITE + ASKED.replace("pager", "me:hunter22@pager"), "on_call.duty.url: holds a user name or password"),
        (SITE + ASKED + 'scheme = "Bearer: x"\n', "on_call.duty.scheme: found"),
        (SITE + ASKED + "timeout = inf\n", "on_call.duty.timeout: found Infinity; expected"),
        (SITE + ASKED + "timeout = nan\n", "on_call.duty.timeout: found NaN; expected"),
        (SITE + ASKED + "timeout = 61\n", "on_call.duty.timeout: found 61; expected less than or equal to 60"),
        (SITE + ASKED.replace("pager.", "pager.."), "on_call.duty.url: found"),
        (SITE + ASKED.replace("pager", "p" * 64), "on_call.duty.url: found"),
        (SITE + MAIL + "timeout = inf\n", "mail.timeout: found Infinity; expected"),
        (SITE + MAIL + "answer = 601\n", "mail.answer: found 601; expected less than or equal to 600"),
        (SITE + MAIL.replace("mail.acme", "mail..acme"), "mail.host: expected a server's name"),
        (SITE + MAIL + 'username = "röbot"\n', "mail.username: expected plain letters, digits and signs"),
        (SITE + MAIL.replace("robot@", "robot.@"), "mail.from: expected one address such as"),
        (SITE + "[worker]\nstop = inf\n", "worker.stop: found Infinity; expected"),
        (SITE + ROTA.replace("ada@", "ada..a@"), "people: expected an e-mail address such as"),
    ],
)
def test_a_mistake_about_people_is_told_in_a_sentence(read: Read, text: str, sentence: str) -> None:
    message = told(read, text)
    assert sentence in message
    assert "hunter22" not in message


@pytest.mark.parametrize(
    "text",
    [
        ROTA.replace("Berlin", "Berlim"),
        ROTA.replace("7d", "7 weeks"),
        ROTA.replace("ada@", "ada "),
        ROTA.replace("09:00:00", "09:00:00Z"),
    ],
)
def test_a_wrong_line_of_a_rota_is_not_said_to_be_missing_as_well(read: Read, text: str) -> None:
    message = told(read, SITE + text)
    assert message.startswith("1 problem in the settings:")
    assert "expected either zone" not in message


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ('[mail]\npassword = "hunter22"\n', "mail: no such table in stepladder.toml"),
        (
            '[on_call.dutty]\ntoken = "hunter22"\n',
            "on_call.dutty: no such table in stepladder.toml; did you mean duty?",
        ),
        ('[on_call.duty]\nurl = "hunter22"\n', "on_call.duty.url: is not a secret; write it in stepladder.toml"),
        ('on_call = "hunter22"\n', "on_call: expected [on_call.<name>] tables"),
        ('[on_call.duty]\ntoken = "hunter22–"\n', "on_call.duty.token: expected plain letters, digits and signs"),
    ],
)
def test_a_mistake_in_their_secrets_is_told_without_its_value(read: Read, secrets: str, sentence: str) -> None:
    message = told(read, SITE + ASKED, secrets=secrets)
    assert sentence in message
    assert "hunter22" not in message


def test_a_service_called_stepladder_mail_is_no_mistake(read: Read) -> None:
    assert read(SITE + MAIL, {"STEPLADDER_MAIL_PORT": "tcp://10.0.0.1:25", "STEPLADDER_MAIL_SERVICE_HOST": "x"}).mail


def test_a_site_called_mail_would_share_its_variables(read: Read) -> None:
    text = SITE.replace("acme]", "mail]") + MAIL
    assert "mail: shares its variables with sites.mail; rename one" in told(read, text)


def test_a_mail_server_on_loopback_may_be_spoken_to_in_the_clear(read: Read) -> None:
    mail = read(SITE + MAIL.replace("mail.acme.example", "127.0.0.1") + 'tls = "none"\n').mail
    assert mail is not None
    assert mail.tls == "none"
