"""A set-up is killed at the worst moments, and two run at once: the next run mends what they left."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.cli.tools import secrets_toml
from adapter.toolbox import Toolbox
from connectors import discover
from connectors.faults import Fault
from connectors.sandboxing import Authority

ROOT = Path(__file__).parents[2]
STEPS = "https://steps.example"


class Visit:
    """An administrator with `stepladder setup` at hand, and the pretend vendor that it goes to."""

    def __init__(self, vendor: str, folder: Path) -> None:
        self.vendor, self.folder = vendor, folder
        self.desk: Any = importlib.import_module(f"connectors.{vendor}.sandbox").build(Authority(folder))
        (folder / "stepladder.toml").write_text(self.desk.site_toml("acme", "observe"))
        secrets = {name: value for name, value in self.desk.secrets().items() if name != "webhook_secrets"}
        file = folder / "secrets.toml"
        file.touch(mode=0o600)
        file.write_text(secrets_toml({"acme": secrets}))
        self.words = ["setup", "acme", "--hook", STEPS, "--write", "--config", str(folder / "stepladder.toml")]
        email, token = self.desk.admin()
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith("STEPLADDER")}
        self.environ |= {"STEPLADDER_SETUP_TOKEN": token, "STEPLADDER_SETUP_EMAIL": email, "PYTHONPATH": str(ROOT)}

    def begin(self) -> subprocess.Popen[str]:
        """Set up in a process of its own."""
        pipe = subprocess.PIPE
        command = [sys.executable, str(ROOT / "app.py"), *self.words]
        return subprocess.Popen(command, env=self.environ, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def run(self) -> Result:
        """Set up, whole."""
        return CliRunner().invoke(cli, self.words, obj=Toolbox(), env=self.environ)

    def stranger(self) -> None:
        """Somebody has made our webhook, and nobody knows its secret any more."""
        self.run()
        for hook in self.hooks():
            hook.secret = "lost long ago"
        text = (self.folder / "secrets.toml").read_text().splitlines(keepends=True)
        (self.folder / "secrets.toml").write_text("".join(line for line in text if "webhook_secrets" not in line))

    def hooks(self) -> list[Any]:
        """Return the webhooks to us."""
        if self.vendor == "jira":
            return [hook for hook in self.desk.herald.hooks.all if hook.url.startswith(STEPS)]
        return [hook for hook in self.desk.hooks.made.values() if hook["endpoint"].startswith(STEPS)]

    def signs(self) -> list[str]:
        """Return what the webhooks to us are signed with."""
        if self.vendor == "jira":
            return [hook.secret for hook in self.hooks()]
        return [self.desk.hooks.secrets[str(hook["id"])] for hook in self.hooks()]

    def known(self) -> list[str]:
        """Return the secrets that we know."""
        told = tomllib.loads((self.folder / "secrets.toml").read_text())["sites"]["acme"]
        return list(told.get("webhook_secrets", ()))


@pytest.fixture
def visit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Visit]:
    made = Visit(request.param, tmp_path)
    yield made
    made.desk.stop()


def befallen(visit: Visit) -> None:
    """Wait until what was to go wrong goes wrong."""
    until = time.monotonic() + 30
    while not visit.desk.faults.befallen:
        assert time.monotonic() < until, "it never came to that"
        threading.Event().wait(0.02)


@pytest.mark.parametrize("do", ["hang", "hang_after"])
@pytest.mark.parametrize(
    ("visit", "at", "stranger"),
    [
        ("zendesk", "POST .*/webhooks$", False),
        ("zendesk", "GET .*/signing_secret$", False),
        ("jira", "POST .*/webhooks?$", False),
        ("jira", "PUT .*/webhooks?/", True),
    ],
    ids=["zendesk-making", "zendesk-secret", "jira-making", "jira-mending"],
    indirect=["visit"],
)
def test_what_a_killed_set_up_left_is_mended_by_the_next(visit: Visit, at: str, stranger: bool, do: str) -> None:
    if stranger:
        visit.stranger()
    visit.desk.faults.add(Fault(do=do, match=at, seconds=60))
    with visit.begin() as killed:
        befallen(visit)
        killed.kill()
    assert visit.run().exit_code == 0
    (signed,) = visit.signs()
    assert visit.known()[0] == signed
    before = len(visit.desk.requests)
    assert visit.run().exit_code == 0
    assert {recorded.method for recorded in visit.desk.requests[before:]} == {"GET"}


@pytest.mark.parametrize("visit", sorted(discover()), indirect=True)
def test_a_second_set_up_is_refused_while_one_runs(visit: Visit) -> None:
    visit.desk.faults.add(Fault(do="slow", match="POST .*/webhooks?$", seconds=3))
    with visit.begin() as first:
        befallen(visit)
        second = visit.run()
        told = first.communicate(timeout=30)[0]
    assert (second.exit_code, first.returncode) == (2, 0), told
    assert "Another `stepladder setup` is running for stepladder.toml" in second.output
    assert visit.known() == visit.signs()
