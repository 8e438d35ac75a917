"""Whatever a genuine sender sends: it is answered 2xx, kept, and costs no other ticket anything. No 5xx, ever."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import connectors

House = Any
FOLDER = Path(connectors.__file__).parent
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.sampled_from(["", "0", "-1", "null", "9" * 26, "2027-13-40T99:99:99Z", "\x00", "\ud800", "../..", "a" * 500]),
    st.just([]),
    st.just({}),
    st.just([None, {"id": None}]),
    st.just({"id": {"id": [1]}}),
)
"""What stands where something else was expected."""
HEADERS = st.dictionaries(
    st.sampled_from(
        ["X-Zendesk-Webhook-Invocation-Id", "X-Zendesk-Account-Id", "X-Atlassian-Webhook-Identifier", "Content-Type"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300),
    max_size=3,
)


def samples(vendor: str) -> list[Any]:
    found = [json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / vendor / "samples").glob("*.json"))]
    return [sample["body"] for sample in found if isinstance(sample.get("body"), dict)]


def places(body: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside a body."""
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path for key, value in inside for path in ((*at, key), *places(value, (*at, key)))]


def broken(body: Any, path: tuple[Any, ...], odd: Any, drop: bool) -> Any:
    """Return a copy in which one thing is another thing, or missing."""
    copy = json.loads(json.dumps(body))
    *way, last = path
    parent = copy
    for key in way:
        parent = parent[key]
    if drop and isinstance(parent, dict):
        del parent[last]
    else:
        parent[last] = odd
    return copy


@st.composite
def mangled(draw: Callable[..., Any], vendor: str) -> bytes:
    body = draw(st.sampled_from(samples(vendor)))
    for _ in range(draw(st.integers(1, 3))):
        found = places(body)
        if found:
            body = broken(body, draw(st.sampled_from(found)), draw(ODD), draw(st.booleans()))
    return json.dumps(body).encode()


@pytest.fixture
def ear(house: House) -> FlaskClient:
    from adapter.assembly import make_app

    return make_app(house.adapter).test_client()


def genuine(house: House, body: bytes, more: dict[str, str]) -> dict[str, str]:
    sign = importlib.import_module(f"connectors.{house.vendor}.sandbox").sign
    return {**more, **sign(body, house.desk.secrets(), house.clock())}


slowly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def test_a_genuine_delivery_is_answered_2xx_whatever_is_in_it(house: House, ear: FlaskClient) -> None:
    address = f"/webhooks/{house.vendor}/acme"
    made: list[tuple[bytes, dict[str, str]]] = []

    @slowly
    @given(body=mangled(house.vendor) | st.binary(max_size=300), more=HEADERS)
    def make(body: bytes, more: dict[str, str]) -> None:
        made.append((body, more))

    make()  # first all, then sent: the house spreads its looks by chance, which hypothesis takes for its own
    for body, more in made:
        answer = ear.post(address, data=body, headers=genuine(house, body, more))
        assert answer.status_code in (200, 202), (body, more)
    house.quiet()
    assert house.said("ticket.failed") == [], "what cannot be read is a dead letter and no trouble"
    ticket = house.opened(priority="urgent")
    house.stands(ticket, 2)


def test_a_delivery_that_is_not_genuine_is_refused_whatever_is_in_it(house: House, ear: FlaskClient) -> None:
    @slowly
    @given(
        body=mangled(house.vendor) | st.binary(max_size=300),
        more=HEADERS,
        proof=st.sampled_from(
            ["X-Hub-Signature", "X-Zendesk-Webhook-Signature", "Authorization", "X-Stepladder-Token"]
        ),
        value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
    )
    def comes(body: bytes, more: dict[str, str], proof: str, value: str) -> None:
        answer = ear.post(f"/webhooks/{house.vendor}/acme", data=body, headers={**more, proof: value})
        assert answer.status_code == 401

    comes()
    assert house.said("delivery.kept") == []
