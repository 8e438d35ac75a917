"""What is in deploy/ names things that are there: commands, files, addresses, settings that load."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapter.assembly import database_of, keeper_of
from adapter.cli import cli
from adapter.settings import load
from connectors import discover

ROOT = Path(__file__).parent.parent
DOCKERFILE, COMPOSE, UNIT = (
    (ROOT / "deploy" / name).read_text() for name in ("Dockerfile", "compose.yaml", "stepladder.service")
)
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "stepladder"}


def is_a_command(words: list[str]) -> bool:
    """Say whether the command line takes this."""
    command = cli.commands[words[0]]
    options = {one for parameter in command.params for one in (*parameter.opts, *parameter.secondary_opts)}
    return set(words[1:]) <= options


def test_every_command_that_is_started_is_one_of_ours() -> None:
    started = [service["command"] for service in OURS.values()]
    started.append(shlex.split(re.search(r"^ExecStart=\S+/stepladder (.*)$", UNIT, re.MULTILINE)[1]))  # type: ignore[index]
    started.append(yaml.safe_load(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1]))  # type: ignore[index]
    assert len(started) == 6
    assert all(is_a_command(words) for words in started)


def test_there_are_two_that_receive_and_two_that_work_and_nothing_in_them_can_be_written() -> None:
    assert sorted(" ".join(service["command"]) for service in OURS.values()) == [
        *["serve --no-worker"] * 2,
        *["worker"] * 2,
    ]
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in OURS.values())
    assert re.search(r"^USER (?!0|root)\S+$", DOCKERFILE, re.MULTILINE)


def test_the_image_copies_what_there_is_and_the_lock_that_has_every_extra() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    files = [ROOT / name for line in copied for name in line.split()]
    assert len(files) >= 7
    assert all(file.exists() for file in files)
    assert (ROOT / "requirements/scale.lock").is_file()
    kept = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{file.relative_to(ROOT)}" for file in files} <= set(kept)


@pytest.mark.parametrize("file", ["compose.yaml", "Dockerfile"])
def test_what_was_not_run_says_so(file: str) -> None:
    assert "*not run*" in (ROOT / "deploy" / file).read_text().lower()


def test_the_settings_that_the_compose_file_asks_for_load(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the `scale` extra is not installed")
    told = re.search(r"stepladder\.toml says:\n#\n(.*?)\n#\n# A proxy", COMPOSE, re.DOTALL)
    assert told
    lines = [line.removeprefix("#").strip() for line in told[1].splitlines()]
    site = '[sites.acme]\nvendor = "zendesk"\nurl = "https://acme.zendesk.com"\nemail = "robot@acme.example"'
    (tmp_path / "stepladder.toml").write_text("\n".join([*lines, site]))
    environ = {
        name: value.replace("/run/secrets", str(tmp_path)) for name, value in OURS["web-1"]["environment"].items()
    }
    for file in environ.values():
        Path(file).write_text("a secret")
    vendors = {name: connector.settings for name, connector in discover().items()}
    settings = load(tmp_path / "stepladder.toml", environ, vendors)
    assert (settings.server.host, settings.server.port, settings.monitor.port) == ("0.0.0.0", 8080, 9100)
    assert settings.sites["acme"].can_verify
    ports = {str(service["healthcheck"]["test"]) for name, service in OURS.items() if name.startswith("worker")}
    assert all(":9100/healthz" in test for test in ports), "a backlog is no reason to start a worker anew"
    assert ":8080/healthz" in DOCKERFILE


@pytest.mark.parametrize("says", [UNIT, DOCKERFILE], ids=["unit", "image"])
def test_what_is_kept_lies_where_the_service_may_write(says: str, tmp_path: Path) -> None:
    told = re.search(r'^# +state = "(.*)"$', says, re.MULTILINE)
    assert told
    may_write = re.search(r"^StateDirectory=(.*)$", says, re.MULTILINE)
    assert told[1] == (f"/var/lib/{may_write[1]}" if may_write else re.search(r"mode=0700 (\S+)", says)[1])  # type: ignore[index]
    assert f"WorkingDirectory={told[1]}" in says or f"WORKDIR {told[1]}" in says
    settings, state = tmp_path / "etc", tmp_path / "state"
    settings.mkdir()
    state.mkdir()
    site = '[sites.acme]\nvendor = "zendesk"\nurl = "https://acme.zendesk.com"\nemail = "robot@acme.example"'
    (settings / "stepladder.toml").write_text(f'state = "{state}"\n{site}')
    vendors = {name: connector.settings for name, connector in discover().items()}
    loaded = load(settings / "stepladder.toml", {"STEPLADDER_ACME_TOKEN": "a secret"}, vendors)
    database_of(loaded).migrate()
    keeper_of(loaded).save("acme", {"refresh": "word"})
    assert {"stepladder.db", "keepsakes.json"} <= {file.name for file in state.iterdir()}
    assert [file.name for file in settings.iterdir()] == ["stepladder.toml"]


def test_secrets_are_for_the_user_that_each_runs_as() -> None:
    user = re.search(r"^User=(\S+)$", UNIT, re.MULTILINE)
    number = re.search(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
    assert user
    assert f"chown {user[1]} secrets.toml && chmod 600 secrets.toml" in UNIT
    assert number
    assert f"chown {number[1]} secrets.toml && chmod 600 secrets.toml" in DOCKERFILE
    assert f"chown {number[1]} secrets/*" in COMPOSE
