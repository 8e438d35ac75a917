"""The receiver by HTTP: which answer a vendor gets, and that it is told to come back only when that helps."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.web.health import health
from adapter.web.hooks import hooks

Bench = Any
PATH = "/webhooks/desk/acme"
PROOF = {"X-Proof-Token": "open sesame"}
BODY = json.dumps({"tickets": ["7"], "events": []}).encode()


class Door:
    """Whether the house has started."""

    def __init__(self) -> None:
        self.open = True


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def client(bench: Bench, door: Door) -> Iterator[FlaskClient]:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 2000
    app.register_blueprint(hooks(bench.intake, bench.sites, bench.journal, bench.clock, lambda: door.open))
    app.register_blueprint(health(lambda: [], lambda: [] if door.open else ["starting or stopping"], "1.2.3"))
    with app.test_client() as client:
        yield client


def test_accepted_once_and_thanked_for_twice(client: FlaskClient) -> None:
    answers = [client.post(PATH, data=BODY, headers={**PROOF, "X-Id": "a"}).status_code for _ in range(2)]
    assert answers == [202, 200]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "an empty one says nothing"),
        (b"not json", "a broken one is kept for a person"),
        (b'{"tickets": []}', "one about no ticket is counted"),
        (b'{"tickets": ["7"], "wrong": "unreadable"}', "reading comes later"),
    ],
)
def test_whatever_is_genuine_is_thanked_for(client: FlaskClient, body: bytes, why: str) -> None:
    assert client.post(PATH, data=body, headers=PROOF).status_code == 202, why


def test_forged(client: FlaskClient, bench: Bench) -> None:
    answer = client.post(PATH, data=BODY, headers={"X-Proof-Token": "a guess of s3cret"})
    assert answer.status_code == 401
    assert "X-Proof-Token" in answer.json["status"]  # type: ignore[index]
    assert "s3cret" not in answer.text + repr(bench.told)
    assert bench.store.due(bench.clock(), 1) == []


@pytest.mark.parametrize("path", ["/webhooks/desk/nobody", "/webhooks/nobody/acme"])
def test_unknown_site(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=BODY, headers=PROOF)
    assert answer.status_code == 404
    assert "[sites]" in answer.text


def test_too_large(client: FlaskClient, bench: Bench) -> None:
    assert client.post(PATH, data=b"x" * 2001, headers=PROOF).status_code == 413
    assert bench.store.due(bench.clock(), 1) == []


def comes_back(answer: Any) -> bool:
    return answer.status_code == 503 and 0 < int(answer.headers["Retry-After"]) < 60


def test_while_starting(client: FlaskClient, door: Door) -> None:
    door.open = False
    assert comes_back(client.post(PATH, data=BODY, headers=PROOF))
    door.open = True
    assert client.post(PATH, data=BODY, headers=PROOF).status_code == 202


def test_clocks_that_disagree_raise_the_alarm(client: FlaskClient, bench: Bench) -> None:
    assert comes_back(client.post(PATH, data=BODY, headers={"X-Proof-Token": "another time"}))
    assert len(bench.said("delivery.alarm")) == 1


SPOILING = "CREATE TRIGGER spoiling BEFORE INSERT ON arrivals BEGIN SELECT RAISE(ABORT, 'arrivals'); END"


@pytest.mark.parametrize(
    ("spoil", "event"),
    [("DROP TABLE arrivals", "delivery.refused"), (SPOILING, "delivery.failed")],
    ids=["the database cannot be used", "a fault of ours"],
)
def test_what_cannot_be_stored_is_not_thanked_for(
    client: FlaskClient, bench: Bench, caplog: pytest.LogCaptureFixture, spoil: str, event: str
) -> None:
    with bench.store.database.write() as connection:
        connection.exec_driver_sql(spoil)
    with caplog.at_level(logging.CRITICAL):
        answer = client.post(PATH, data=BODY, headers=PROOF)
    assert comes_back(answer)
    assert "arrivals" not in answer.text
    assert bench.said(event)


def test_only_posts(client: FlaskClient) -> None:
    assert client.get(PATH).status_code == 405


def test_alive_and_ready(client: FlaskClient, door: Door) -> None:
    door.open = False
    assert client.get("/healthz").json == {"status": "ok", "version": "1.2.3", "reasons": []}
    assert client.get("/readyz").status_code == 503
    door.open = True
    assert client.get("/readyz").status_code == 200
