"""The command line: thin words around the other rooms; what goes wrong is a sentence and exit code 2."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event
from sqlalchemy.pool import Pool

from adapter.cli import cli
from adapter.cli.running import until_stopped
from adapter.cli.tools import secrets_toml
from adapter.scheduling.lock import WorkerLock
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from adapter.toolbox import Toolbox
from connectors import discover
from connectors.sandboxing import Authority

LIBRARY = Path(__file__).parents[2] / "policies" / "library" / "support.yaml"
POLICY = """
version: 1
name: Small
applies_to: {VENDOR: all}
levels:
  - {level: 1, name: Frontline}
  - {level: 2, name: Specialist, take: oversight}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
tests:
  - name: urgent goes up
    ticket: {site: VENDOR, priority: urgent, created: "2027-03-01 09:00"}
    expect: [{at: "09:01", level: 2}]
"""

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """One vendor's section of stepladder.toml, and its secrets."""
    vendor = sorted(discover())[0]
    desk = importlib.import_module(f"connectors.{vendor}.sandbox").build(Authority(tmp_path_factory.mktemp("ca")))
    yield desk.site_toml("acme", "observe"), desk.secrets()
    desk.stop()


@pytest.fixture
def folder(tmp_path: Path, site: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with stepladder.toml, secrets.toml and policy.yaml, where the commands are run."""
    (tmp_path / "policy.yaml").write_text(POLICY.replace("VENDOR", sorted(discover())[0]))
    (tmp_path / "stepladder.toml").write_text(f"[server]\nport = 0\n{site[0]}")
    secrets = tmp_path / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(secrets_toml({"acme": json.loads(json.dumps(site[1]))}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPLADDER_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def run() -> Run:
    return lambda *words: CliRunner().invoke(cli, words, obj=Toolbox())


@pytest.fixture
def connections() -> Iterator[set[object]]:
    """The database's connections that were opened and not closed."""
    there: set[object] = set()

    def opened(connection: object, _: object) -> None:
        there.add(connection)

    def closed(connection: object, _: object) -> None:
        there.discard(connection)

    event.listen(Pool, "connect", opened)
    event.listen(Pool, "close", closed)
    yield there
    event.remove(Pool, "connect", opened)
    event.remove(Pool, "close", closed)


def switches(folder: Path) -> dict[str, str]:
    store = SqlStore(Database(f"sqlite:///{folder / 'stepladder.db'}"))
    try:
        return dict(store.switches())
    finally:
        store.close()


def is_a_sentence(result: Result, *words: str) -> bool:
    """Say whether a command ended with words for a person and exit code 2."""
    said = result.stderr
    assert "Traceback" not in said
    assert isinstance(result.exception, SystemExit)
    return result.exit_code == 2 and all(word in said for word in words)


def test_every_command_says_what_it_does(run: Run) -> None:
    listed = run("--help").output
    for name in cli.commands:
        assert name in listed
        assert run(name, "--help").exit_code == 0


def test_the_library_is_right(run: Run) -> None:
    result = run("policy", "check", str(LIBRARY))
    assert result.exit_code == 0, result.output
    assert "4 levels" in result.output


def test_a_policy_that_fails_its_own_tests_is_shown_with_exit_code_1(run: Run, folder: Path) -> None:
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("level: 2}]", "level: 1}]"))
    result = run("policy", "check", str(file))
    assert result.exit_code == 1
    assert "FAILED" in result.output
    assert "urgent goes up" in result.output
    assert "its own test fails" in result.output


def test_a_policy_that_does_not_load_says_where_and_why(run: Run, folder: Path) -> None:
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("priority: urgent}, go_to", "priorty: urgent}, go_to"))
    assert is_a_sentence(run("policy", "check", str(file)), "policy.yaml:9:", "priorty", "priority")


def test_a_policy_that_is_not_there(run: Run, folder: Path) -> None:
    assert is_a_sentence(run("policy", "check", "nowhere.yaml"), "nowhere.yaml", "does not exist")


def test_activating_twice_is_said(run: Run, folder: Path) -> None:
    assert "Active now: Small" in run("policy", "activate", "policy.yaml").output
    assert "it was active already" in run("policy", "activate", "policy.yaml").output


def test_a_policy_that_fails_is_not_activated(run: Run, folder: Path) -> None:
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("level: 2}]", "level: 1}]"))
    assert is_a_sentence(run("policy", "activate", "policy.yaml"), "urgent goes up")


def test_pausing_and_resuming_everything(run: Run, folder: Path) -> None:
    paused = run("pause", "--reason", "a drill")
    assert (paused.exit_code, switches(folder)) == (0, {"all": "a drill"})
    assert "Receiving goes on" in paused.output
    resumed = run("resume")
    assert (resumed.exit_code, switches(folder)) == (0, {})
    assert "Resumed all" in resumed.output


@pytest.mark.parametrize(
    "words", [["pause", "all"], ["pause", "rule:none"], ["missed"], ["replay"], ["policy", "list"], ["cases", "list"]]
)
def test_a_command_closes_every_connection_that_it_opened(
    run: Run, folder: Path, connections: set[object], words: list[str]
) -> None:
    run("policy", "activate", "policy.yaml")
    result = run(*words)
    assert result.exit_code == (2 if "rule:none" in words else 0)
    assert connections == set()


def test_pausing_one_site_and_one_rule(run: Run, folder: Path) -> None:
    vendor = sorted(discover())[0]
    run("pause", "acme")
    run("pause", "rule:urgent")
    assert set(switches(folder)) == {f"site:{vendor}/acme", "rule:urgent"}
    resumed = run("resume", "acme")
    assert "Still paused: rule:urgent (by hand)" in resumed.output
    assert set(switches(folder)) == {"rule:urgent"}


@pytest.mark.parametrize("spelled", ["acme", "site:acme", "VENDOR/acme", "site:VENDOR/acme"])
def test_a_site_may_be_spelled_as_it_is_shown(run: Run, folder: Path, spelled: str) -> None:
    vendor = sorted(discover())[0]
    run("pause", spelled.replace("VENDOR", vendor))
    assert set(switches(folder)) == {f"site:{vendor}/acme"}


def test_resuming_what_was_not_paused_is_said(run: Run, folder: Path) -> None:
    assert "all was not paused" in run("resume").output


def test_pausing_a_site_that_is_not_there(run: Run, folder: Path) -> None:
    assert is_a_sentence(run("pause", "acne"), "acme", "acne")


def test_settings_that_are_missing(run: Run, folder: Path) -> None:
    (folder / "stepladder.toml").unlink()
    for words in (["pause"], ["serve"], ["worker"], ["policy", "activate", "policy.yaml"]):
        assert is_a_sentence(run(*words), "stepladder.toml", "no such file")


def test_settings_that_are_wrong_are_all_said_at_once(run: Run, folder: Path) -> None:
    config = folder / "stepladder.toml"
    config.write_text(config.read_text().replace("port = 0", "port = 70000\nhots = 'x'"))
    assert is_a_sentence(run("serve"), "server.port", "server.hots")


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_second_worker_on_the_same_file(run: Run, folder: Path, command: str) -> None:
    lock = WorkerLock(folder / "stepladder.db")
    lock.take()
    try:
        assert is_a_sentence(run(command), "Another Stepladder", "stepladder.db", "STEPLADDER_WORKER=off")
    finally:
        lock.release()


def test_a_port_that_is_taken(run: Run, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert is_a_sentence(run("serve", "--port", port), "in use")
        for command in ("serve", "worker"):
            assert is_a_sentence(run(command, "--monitor-port", port), "[monitor]", port, "in use")


def test_who_may_not_work_is_told_so_before_the_monitors_port_is_taken(run: Run, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lock = WorkerLock(folder / "stepladder.db")
        lock.take()
        try:
            assert is_a_sentence(run("worker", "--monitor-port", str(taken.getsockname()[1])), "Another Stepladder")
        finally:
            lock.release()


def test_whoever_reads_a_command_may_stop_reading(folder: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    words = [sys.executable, "app.py", "cases", "list", "--config", str(folder / "stepladder.toml")]
    try:
        found = subprocess.run(words, cwd=LIBRARY.parents[2], stdout=theirs, stderr=subprocess.PIPE, timeout=30)
    finally:
        os.close(theirs)
    assert (found.returncode, found.stderr) == (141, b"")


def test_a_first_policy_that_is_wrong_stops_the_start(run: Run, folder: Path) -> None:
    (folder / "policy.yaml").write_text("version: 1\n")
    assert is_a_sentence(run("serve"), "policy.yaml")


def test_a_sandbox_of_a_vendor_that_is_not_there(run: Run) -> None:
    assert is_a_sentence(run("sandbox", "nobody"), "nobody", *discover())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("zendesk", "zendesk"), "each vendor can be named once"),
        (("zendesk", "--to", "127.0.0.1:8080"), "--to expected an address such as http://127.0.0.1:8080"),
        (("zendesk", "--port", "99999"), "99999 is not in the range 0<=x<=65535"),
    ],
)
def test_a_sandbox_that_makes_no_sense_is_refused(run: Run, words: tuple[str, ...], says: str) -> None:
    assert says in " ".join(run("sandbox", *words).stderr.split())


def test_sandboxes_print_all_of_one_file_then_all_of_the_other() -> None:
    command = [sys.executable, str(Path(__file__).parents[2] / "app.py"), "sandbox", *sorted(discover())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as run:
        assert run.stdout is not None
        printed = "".join(iter(run.stdout.readline, "The sandboxes run; Ctrl-C stops them.\n"))
        run.terminate()
    settings, mark, secrets = printed.partition("# secrets.toml, chmod 600\n")
    assert mark
    for file in (settings, secrets):
        assert sorted(tomllib.loads(file)["sites"]) == sorted(discover())
    assert all(f"`stepladder setup {vendor}`: STEPLADDER_SETUP_TOKEN=" in secrets for vendor in discover())
    (bundle,) = {site["ca_bundle"] for site in tomllib.loads(settings)["sites"].values()}
    assert not Path(bundle).parent.exists(), "it takes its certificates away with it"


def test_a_rule_with_spaces_is_resumed_by_what_pause_prints(run: Run, folder: Path) -> None:
    paused = run("pause", "rule:waits long")
    assert "`stepladder resume 'rule:waits long'` ends it" in paused.output


def test_the_clock_is_the_machines() -> None:
    assert abs((Toolbox.clock() - datetime.now(UTC)).total_seconds()) < 5


def test_that_it_stops_is_said_even_if_a_server_keeps_the_signal_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        until_stopped(lambda: None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err == "Stopping.\n"
