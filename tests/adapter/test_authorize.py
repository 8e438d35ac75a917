"""`stepladder authorize`: a person agrees, brings back an address, and everything else follows from what is in it."""

from __future__ import annotations

import importlib
import json
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.cli.authorize import code_in
from adapter.cli.tools import Unavailable, secrets_toml
from adapter.toolbox import Toolbox
from connectors import discover
from connectors.faults import Fault
from connectors.sandboxing import Authority
from connectors.site import Site

OTHER_WAYS_IN = ("email", "account")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(params=sorted(discover()))
def desk(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Any]:
    running = importlib.import_module(f"connectors.{request.param}.sandbox").build(authority)
    yield running
    running.stop()


def written(place: Path, desk: Any, **more: str) -> Path:
    """Write the settings of a site that a person has to let us into; return their file."""
    table = tomllib.loads(desk.site_toml("acme", "observe"))["sites"]["acme"]
    own = dict(desk.oauth_app())
    secret = own.pop("client_secret")
    plain = {k: v for k, v in table.items() if isinstance(v, str) and k not in OTHER_WAYS_IN}
    gateway = {"auth_url": desk.url, "gateway_url": desk.url} if hasattr(desk, "gateway") else {}
    lines = {**plain, **own, **gateway, "grant": "authorization_code", **more}
    (place / "stepladder.toml").write_text(
        "[sites.acme]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items())
    )
    (place / "secrets.toml").touch(mode=0o600)
    (place / "secrets.toml").write_text(secrets_toml({"acme": {"client_secret": secret}}))
    return place / "stepladder.toml"


def bring(desk: Any, file: Path, **changed: str) -> tuple[int, str, str]:
    """Run the command like a person: open the address that it shows, agree, paste where that led to.

    Return the exit code, all that it said, and the code that was pasted.
    """
    command = [sys.executable, str(Path(__file__).parents[2] / "app.py"), "authorize", "acme", "--config", str(file)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "?" in line and line.startswith("https://"):
                break
        asked = {name: values[0] for name, values in parse_qs(urlsplit(line.strip()).query).items()}
        code = desk.consent(asked["scope"], asked["redirect_uri"])
        answer = {"code": code, "state": asked["state"], **changed}
        process.stdin.write(f"{asked['redirect_uri']}?{urlencode(answer)}\n")
        process.stdin.close()
        said += process.stdout.read()
        return process.wait(30), said, code


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, obj=Toolbox(), input="https://localhost/stepladder?code=x&state=another\n")


def test_a_person_lets_us_in_and_it_lasts(tmp_path: Path, desk: Any) -> None:
    file = written(tmp_path, desk)
    exit_code, said, code = bring(desk, file)
    assert exit_code == 0, said
    kept = tmp_path / "keepsakes.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    secrets = [code, *json.loads(kept.read_text())["acme"].values()]
    assert not any(secret in said for secret in secrets if len(secret) > 20 and not secret.startswith("20"))
    desk.requests.clear()
    settings = Toolbox().read_settings(file)
    site = Site(name="acme", settings=settings.sites["acme"])
    client = discover()[site.vendor].connect(site, Toolbox().keeper(settings))
    assert client.account() in said
    client.close()
    assert not any("oauth/token" in f"{seen.method}{seen.path}" and seen.method == "POST" for seen in desk.requests)


def test_what_is_asked_for_is_explained(tmp_path: Path, desk: Any) -> None:
    written(tmp_path, desk)
    result = run("authorize", "acme", "--config", str(tmp_path / "stepladder.toml"))
    for part in ("Log in to the vendor as the account", "  read", "https://localhost/stepladder"):
        assert part in result.output
    assert desk.oauth_app()["client_secret"] not in result.output


def test_an_answer_to_another_question_keeps_nothing(tmp_path: Path, desk: Any) -> None:
    file = written(tmp_path, desk)
    exit_code, said, _ = bring(desk, file, state="another")
    assert (exit_code, "answers another question" in said) == (2, True)
    assert not (tmp_path / "keepsakes.json").exists()


def test_a_code_that_is_spent_keeps_nothing(tmp_path: Path, desk: Any) -> None:
    exit_code, said, _ = bring(desk, written(tmp_path, desk), code="spent")
    assert (exit_code, "good once" in said) == (2, True)
    assert not (tmp_path / "keepsakes.json").exists()


def test_whoever_is_not_the_configured_account_is_told(tmp_path: Path, desk: Any) -> None:
    exit_code, said, _ = bring(desk, written(tmp_path, desk, account="4711"))
    assert (exit_code, "but the settings say account = '4711'" in said) == (2, True)
    assert not (tmp_path / "keepsakes.json").exists()


def test_what_was_bought_is_kept_even_if_nobody_answers_afterwards(tmp_path: Path, desk: Any) -> None:
    desk.faults.add(Fault(do="401", match="myself|users/me", times=9))
    exit_code, said, _ = bring(desk, written(tmp_path, desk))
    assert exit_code == 2, said
    assert "refresh_token" in (tmp_path / "keepsakes.json").read_text()


@pytest.mark.parametrize(
    ("site", "grant", "said"),
    [
        ("acne", "authorization_code", "did you mean acme?"),
        ("acme", "client_credentials", "nobody has to agree for this site"),
    ],
)
def test_where_nobody_can_agree_a_sentence_says_so(tmp_path: Path, desk: Any, site: str, grant: str, said: str) -> None:
    file = written(tmp_path, desk, grant=grant)
    result = run("authorize", site, "--config", str(file))
    assert (result.exit_code, said in result.output) == (2, True)


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("https://localhost/stepladder?error=access_denied&state=s", "Nobody agreed: the vendor says 'access_denied'"),
        ("https://localhost/stepladder?error=x&error_description=Not+now&state=s", "the vendor says 'Not now'"),
        ("https://localhost/stepladder?code=c", "Expected the whole address"),
        ("https://localhost/stepladder?state=s", "Expected the whole address"),
        ("c", "Expected the whole address"),
        ("", "Expected the whole address"),
        ("https://localhost/stepladder?code=c&state=other", "answers another question"),
        ("https://localhost/stepladder?code=c&code=d&state=s", "Expected the whole address"),
        ("https://localhost/stepladder?code=c&state=é", "answers another question"),
    ],
)
def test_only_the_address_that_answers_our_question_is_believed(pasted: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        code_in(pasted, "s")


@pytest.mark.parametrize(
    "pasted", ["https://localhost/stepladder?code=c%2F1&state=s", "  ?state=s&code=c%2F1  "], ids=["whole", "its end"]
)
def test_the_code_is_read_from_the_address(pasted: str) -> None:
    assert code_in(pasted, "s") == "c/1"
