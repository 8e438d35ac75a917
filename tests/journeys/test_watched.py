"""What those who run it are shown: the log, the numbers, the health; true, and without a word that a customer wrote."""

from __future__ import annotations

import importlib
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from adapter.logs import formatter
from connectors.postman import Envelope

House = Any
DEPLOY = Path(__file__).parents[2] / "deploy"
CANARY = "tweety4711"
MORE = "[worker]\nsettle = 10\n[monitor]\nport = 0"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, DEBUG and all."""
    stream, root, ours = io.StringIO(), logging.getLogger(), logging.getLogger("stepladder")
    before = root.handlers[:], ours.level
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(as_json=True))
    root.handlers = [handler]
    ours.setLevel(logging.DEBUG)
    yield stream
    root.handlers = before[0]
    ours.setLevel(before[1])


@pytest.fixture
def house(build_house: Any, vendor: str, written: io.StringIO) -> House:
    return build_house(vendor, more=MORE)


def asked(house: House, path: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{house.adapter.monitor.port}{path}", timeout=5)


def numbers(house: House) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what Prometheus would read: name → values of the labels, in the order of their names → value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(asked(house, "/metrics").text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def signed(house: House, envelope: Envelope, body: bytes) -> dict[str, Any]:
    """Return another body, as the vendor would send it."""
    hooks = importlib.import_module(f"connectors.{house.vendor}.pretend_hooks")
    (secret, *_) = house.adapter.settings.sites["acme"].webhook_secrets
    proof = hooks.signed(body, secret.get_secret_value(), *([house.clock()] if house.vendor == "zendesk" else []))
    name = f"broken-{abs(hash(body))}"
    ids = {"X-Zendesk-Webhook-Invocation-Id": name, "X-Atlassian-Webhook-Identifier": name}
    return {"data": body, "headers": {**envelope.headers, **proof, **ids}}


def live(house: House) -> str:
    """A day at the desk with everything that may go wrong; a customer's word is in all of it."""
    ticket = house.opened(priority="urgent", tags=["vip"])
    house.stands(ticket, 2)
    second = house.desk.open_ticket(f"VPN {CANARY}", f"My password is {CANARY}.", priority="urgent")
    house.wrong("500", times=1)
    house.quiet()
    house.desk.customer_says(second, f"Any news, {CANARY}?")
    house.desk.agent_says(second, f"/nonsense {CANARY}", public=False)
    house.wrong("422", match=house.ways.note, times=1)
    house.quiet()
    third = house.held(lambda: house.desk.open_ticket(f"Printer {CANARY}", CANARY, priority="urgent"))
    assert house.deliver(third[0], headers={"X-Said": CANARY}).status_code == 401
    for broken in (f'{{"{CANARY}"', f'["{CANARY}"]', f'{{"{CANARY}": "{CANARY}"}}', f"\\ud800{CANARY}"):
        assert house.deliver(third[0], **signed(house, third[0], broken.encode())).status_code == 202
    for envelope in third:
        house.deliver(envelope)
    house.quiet()
    house.later(hours=1)
    return str(second)


def test_no_word_of_a_customer_and_no_secret_is_in_the_log_or_the_numbers(house: House, written: io.StringIO) -> None:
    live(house)
    shown = written.getvalue() + asked(house, "/metrics").text + repr(house.told)
    assert {"delivery.kept", "delivery.dead", "delivery.forged", "ticket.decided", "writeback.written"} <= {
        json.loads(line)["event"] for line in written.getvalue().splitlines()
    }
    assert [line for line in shown.splitlines() if CANARY in line] == []
    secrets = [value for value in _words(house.desk.secrets()) if len(value) > 7]
    assert secrets
    assert [word for word in secrets if word in shown] == []


def _words(found: Any) -> list[str]:
    if isinstance(found, dict):
        return [word for value in found.values() for word in _words(value)]
    return [word for one in found for word in _words(one)] if isinstance(found, list | tuple) else [str(found)]


def test_the_numbers_are_those_of_the_day(house: House) -> None:
    ticket = live(house)
    shown = numbers(house)
    site = f"{house.vendor}/acme"
    outcomes = {what: value for (what, where), value in shown["stepladder_deliveries_total"].items() if where == site}
    assert outcomes["kept"] == len(house.said("delivery.kept"))
    assert outcomes["forged"] == 1
    assert shown["stepladder_dead_letters"][()] == outcomes["dead"] >= 1
    moved = {labels[:3]: value for labels, value in shown["stepladder_decisions_total"].items() if labels[1] == "moved"}
    assert moved == {("2", "moved", "urgent"): 3}
    calls = shown["stepladder_calls_total"]
    told = [fields["verb"] for fields in house.said("writeback.written")]
    assert {verb: value for (what, _, verb), value in calls.items() if what == "written"} == {
        verb: told.count(verb) for verb in set(told)
    }
    answers = [int(status) for (status,) in shown["stepladder_intake_seconds_count"]]
    assert {202, 401} <= set(answers)
    assert shown["stepladder_vendor_seconds_count"]["write", "ok", site] >= 3
    assert shown["stepladder_tickets_due"][()] == 0
    assert shown["stepladder_calls_open"][()] == 0
    assert shown["stepladder_database_up"][()] == 1
    assert shown["stepladder_site_mode"]["act", site] == 1
    assert shown["stepladder_database_bytes"][()] > 50_000
    labels = [label for values in shown.values() for named in values for label in named]
    assert ticket not in labels


def test_health_is_told_at_an_address_of_its_own_and_at_the_receivers(house: House) -> None:
    house.until(lambda: asked(house, "/healthz").json()["status"] == "ok")  # its clock has just jumped
    for url in (f"http://127.0.0.1:{house.adapter.monitor.port}", house.served.url):
        assert requests.get(f"{url}/healthz", timeout=5).json()["status"] == "ok"
        assert requests.get(f"{url}/readyz", timeout=5).json() == {"ready": True, "reasons": []}
    assert requests.get(f"{house.served.url}/metrics", timeout=5).status_code == 404


# --- what is made for Grafana and Prometheus ----------------------------------------------------------------
_NAMES = re.compile(r"\b(?:stepladder|process)_[a-z_]+\b")


def asked_for() -> dict[str, set[str]]:
    """Return the metrics that the dashboard and the alert rules ask for, by file."""
    board = json.loads((DEPLOY / "grafana/stepladder.json").read_text("utf-8"))
    rules = yaml.safe_load((DEPLOY / "alerts/stepladder.yml").read_text("utf-8"))
    shown = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return {"grafana": set(_NAMES.findall(" ".join(shown))), "alerts": set(_NAMES.findall(" ".join(alerts)))}


_SHOWN_AS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def test_dashboard_and_alerts_ask_only_for_what_is_there(house: House) -> None:
    families = list(text_string_to_metric_families(asked(house, "/metrics").text))
    there = {family.name + end for family in families for end in _SHOWN_AS.get(family.type, ("",))}
    wanted = asked_for()
    assert min(map(len, wanted.values())) > 10
    assert {file: names - there for file, names in wanted.items()} == {"grafana": set(), "alerts": set()}


def test_the_operations_page_has_every_number(house: House) -> None:
    live(house)
    page = (DEPLOY.parent / "docs/operations.md").read_text("utf-8")
    families = text_string_to_metric_families(asked(house, "/metrics").text)
    shown = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    told = set(re.findall(r"`(stepladder_[a-z_]+)`", page))
    assert {name for name in shown if name.startswith("stepladder_")} ^ told == set()
