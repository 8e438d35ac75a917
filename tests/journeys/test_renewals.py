"""Two real processes share one refresh token that is good once: none is lost, and a killed one tells what to do."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapter.keepsakes import Keepsakes
from connectors import discover
from connectors.contract import TryLater
from connectors.faults import Fault
from connectors.sandboxing import Authority
from connectors.site import Site, SiteSettings

ROOT = Path(__file__).parents[2]
LOGINS = ("token", "personal_token", "oauth_token", "email", "client_id", "client_secret", "account")
RENEWALS = 6
WORK = """
import importlib, json, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import requests
from adapter.keepsakes import Keepsakes
from connectors import discover
from connectors.contract import TryLater
from connectors.site import Site

table, file, renewals = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
settings = discover()[table["vendor"]].settings.model_validate(table)
module = importlib.import_module("connectors." + table["vendor"] + ".tokens")
tokens = module.Tokens(Site(name="acme", settings=settings), Keepsakes(file), time.monotonic)

def renew(number):
    done = 0
    while done < renewals:
        with requests.Session() as session:
            try:
                tokens.authorize(session)
            except TryLater as later:
                if "another process is renewing" not in str(later):
                    raise
                threading.Event().wait(0.05)
                continue
            tokens.reject(session)
            done += 1

with ThreadPoolExecutor(8) as pool:
    list(pool.map(renew, range(8)))
"""


class House:
    """A pretend vendor whose account has agreed, and the file where what renews its token is kept."""

    def __init__(self, vendor: str, folder: Path) -> None:
        self.desk: Any = importlib.import_module(f"connectors.{vendor}.sandbox").build(Authority(folder))
        table = tomllib.loads(self.desk.site_toml("acme", "observe"))["sites"]["acme"]
        at_the_gateway = {"auth_url": self.desk.url, "gateway_url": self.desk.url} if vendor == "jira" else {}
        self.table = {name: value for name, value in table.items() if name not in LOGINS}
        self.table |= {**self.desk.oauth_app(), **at_the_gateway, "grant": "authorization_code"}
        make = discover()[vendor].consent
        assert make is not None
        consent = make(self.settings)
        self.file = folder / "keepsakes.json"
        code = self.desk.consent(" ".join(consent.scopes), consent.redirect_url)
        Keepsakes(self.file).save("acme", {**consent.redeem(code), "access_token": ""})

    @property
    def settings(self) -> SiteSettings:
        return discover()[str(self.table["vendor"])].settings.model_validate(self.table)

    def process(self, renewals: int) -> subprocess.Popen[str]:
        """Renew so often in each of eight threads of another process."""
        words = [sys.executable, "-c", WORK, json.dumps(self.table), str(self.file), str(renewals)]
        return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)

    def account(self) -> str:
        """Ask the vendor who we are, with a token that is renewed for it."""
        keeper = Keepsakes(self.file)
        keeper.save("acme", {**keeper.load("acme"), "access_token": ""})
        client = discover()[self.settings.vendor].connect(Site(name="acme", settings=self.settings), keeper)
        try:
            return client.account()
        finally:
            client.close()


@pytest.fixture(params=sorted(discover()))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    made = House(request.param, tmp_path)
    yield made
    made.desk.stop()


def test_two_processes_of_many_threads_renew_and_lose_no_refresh_token(house: House) -> None:
    running = [house.process(RENEWALS) for _ in range(2)]
    told = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    asked = [seen.status for seen in house.desk.requests if "/oauth/token" in seen.path]
    assert set(asked) == {200}, "no refresh token was used twice"
    assert len(asked) > RENEWALS
    assert house.account()


def test_a_process_killed_between_renewing_and_keeping_blocks_nobody_and_sends_for_a_person(house: House) -> None:
    house.desk.faults.add(Fault(do="hang_after", match="POST /oauth/token", seconds=60))
    with house.process(1) as killed:
        until = time.monotonic() + 30
        while not house.desk.faults.befallen:
            assert time.monotonic() < until
            threading.Event().wait(0.02)
        killed.kill()
    with pytest.raises(TryLater, match="run `stepladder authorize acme`"):
        house.account()
    assert house.file.read_text()
