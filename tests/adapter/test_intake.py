"""One delivery in: proved, written down once, its tickets woken; and nothing kept that proves who somebody is."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from adapter.intake import proves
from adapter.store import tables as t
from connectors.contract import BadSignature, TryLater

Bench = Any


def kept(bench: Bench) -> list[Any]:
    with bench.store.database.read() as connection:
        return list(connection.execute(select(t.deliveries).order_by(t.deliveries.c.row)))


def accept(bench: Bench, delivery: Any) -> Any:
    return bench.intake.accept(bench.post, delivery, bench.clock())


def test_a_genuine_delivery_is_kept_and_its_tickets_are_woken_afterwards(bench: Bench) -> None:
    receipt = accept(bench, bench.delivery(tickets=["7", "8"]))
    assert receipt.new
    assert bench.woken == [bench.ref("7"), bench.ref("8")]
    assert set(bench.store.due(bench.clock(), 10)) == set(bench.woken)


def test_one_about_no_ticket_is_kept_all_the_same(bench: Bench) -> None:
    assert accept(bench, bench.delivery(tickets=[])).new
    assert bench.woken == []
    assert kept(bench)[0].problem is None


def test_the_same_delivery_again_wakes_nobody(bench: Bench) -> None:
    delivery = bench.delivery()
    accept(bench, delivery)
    bench.woken.clear()
    assert not accept(bench, delivery).new
    assert bench.woken == []
    assert len(kept(bench)) == 1


@pytest.mark.parametrize(
    ("headers", "raised"),
    [
        ({}, BadSignature),
        ({"x-proof-token": "guessed"}, BadSignature),
        ({"x-proof-token": "another time"}, TryLater),
    ],
)
def test_what_is_not_proved_is_not_kept(bench: Bench, headers: dict[str, str], raised: type[Exception]) -> None:
    with pytest.raises(raised):
        accept(bench, replace(bench.delivery(), headers=headers))
    assert kept(bench) == []
    assert bench.woken == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\xfe", b'{"tickets": 7}', b"{" * 100_000])
def test_a_genuine_one_that_cannot_be_sorted_is_a_dead_letter_with_its_bytes(bench: Bench, body: bytes) -> None:
    accept(bench, replace(bench.delivery(), body=body))
    (row,) = kept(bench)
    assert row.body == body
    assert row.problem
    assert bench.said("delivery.dead")
    assert bench.woken == []


def test_no_proof_is_stored_or_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {
        "authorization": "Basic c2VjcmV0", "cookie": "session=s3cret1", "x-hub-signature": "sha256=s3cret2",
        "x-api-key": "s3cret3", "x-stepladder-token": "s3cret4", "proxy-authorization": "s3cret5",
    }  # fmt: skip
    delivery = bench.delivery()
    headers = {**delivery.headers, **secrets, "user-agent": "Desk"}
    accept(bench, replace(delivery, headers=headers, query="user=me&token=s3cret6"))
    accept(bench, replace(delivery, headers=headers))
    (row,) = kept(bench)
    everything = repr(tuple(row)) + caplog.text + repr(bench.told)
    assert "Desk" in everything
    assert "user=me" in everything
    for secret in ("c2VjcmV0", "s3cret", "open sesame"):
        assert secret not in everything


def test_a_delivery_that_was_not_stored_wakes_nobody(bench: Bench) -> None:
    with bench.store.database.write() as connection:
        connection.exec_driver_sql("DROP TABLE arrivals")
    with pytest.raises(Exception, match="arrivals"):
        accept(bench, bench.delivery())
    assert bench.woken == []
    assert kept(bench) == []


@pytest.mark.parametrize(
    ("name", "is_proof"), [("X-API-Key", True), ("Set-Cookie", True), ("TOKEN", True), ("X-Id", False)]
)
def test_names_are_compared_without_their_case(name: str, is_proof: bool) -> None:
    assert proves(name) is is_proof


def test_what_is_stored_of_a_query_is_what_was_sorted(bench: Bench) -> None:
    query = "ticket=10001&ticket=10002&empty=&token=s3cret&name=%C3%84%26"
    accept(bench, replace(bench.delivery(), query=query))
    assert kept(bench)[0].query == "ticket=10001&ticket=10002&empty=&name=%C3%84%26"
