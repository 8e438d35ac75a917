"""The page of pretend tickets: what people do there happens at the desk, nothing secret is shown, all is escaped."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from connectors import discover
from connectors.desk_page import make, serve
from connectors.sandboxing import Authority, Desk


@pytest.fixture(params=sorted(discover()))
def desk(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Desk]:
    built: Desk = importlib.import_module(f"connectors.{request.param}.sandbox").build(Authority(tmp_path))
    yield built
    built.stop()


@pytest.fixture
def page(desk: Desk) -> FlaskClient:
    client = make({"acme": desk}).test_client()
    client.environ_base["HTTP_ORIGIN"] = "http://localhost"  # as a browser says for the page's own forms
    return client


def test_a_customer_opens_a_ticket_and_finds_it_in_the_list(desk: Desk, page: FlaskClient) -> None:
    assert "No ticket yet" in page.get("/").text
    answer = page.post("/acme/open", data={"subject": "Printer <b>", "text": "It burns", "priority": "high"})
    assert answer.status_code == 303
    (view,) = desk.tickets()
    assert (view.subject, view.priority) == ("Printer <b>", "high")
    listed = page.get("/").text
    assert "Printer &lt;b&gt;" in listed
    assert "<b>" not in listed


def test_customer_and_agent_write_and_internal_words_are_marked(desk: Desk, page: FlaskClient) -> None:
    ticket = desk.open_ticket("Printer", "It burns")
    for who, text in (("customer", "hello?"), ("agent", "we look"), ("internal", "<script>psst</script>")):
        page.post(f"/acme/{ticket}/say", data={"who": who, "text": text})
    view = desk.view(ticket)
    assert {"hello?", "we look"} <= set(view.replies)
    assert view.notes == ("<script>psst</script>",)
    shown = page.get(f"/acme/{ticket}").text
    assert "wrote internally" in shown
    assert "<script>" not in shown


def test_an_agent_changes_only_what_was_chosen_anew(desk: Desk, page: FlaskClient) -> None:
    ticket = desk.open_ticket("Printer", "It burns", priority="low")
    before = desk.view(ticket)
    group = next(name for name in desk.choices()["group"] if name != before.group)
    form = {"priority": "urgent", "group": group, "status": before.status, "assignee": "", "level": "2"}
    page.post(f"/acme/{ticket}/change", data=form)
    after = desk.view(ticket)
    assert (after.priority, after.group, after.level, after.status) == ("urgent", group, 2, before.status)
    assert any(one.public is None for one in desk.history(ticket))
    assert [one.at for one in desk.history(ticket)] == sorted(one.at for one in desk.history(ticket))


def test_things_go_wrong_on_request_and_stop(desk: Desk, page: FlaskClient) -> None:
    form = {"do": "429", "match": "reads", "times": "2", "retry_after": "1.5"}
    page.post("/acme/faults", data=form)
    (fault,) = desk.faults.left()
    assert (fault.do, fault.match, fault.times, fault.retry_after) == ("429", "GET", 2, "1.5")
    assert "2 × 429" in page.get("/").text
    page.post("/acme/faults", data={"clear": "yes"})
    page.post("/acme/faults", data={"do": "nonsense"})
    assert desk.faults.left() == []


def test_no_secret_is_shown(desk: Desk, page: FlaskClient) -> None:
    ticket = desk.open_ticket("Printer", "It burns")
    shown = page.get("/").text + page.get(f"/acme/{ticket}").text
    for secret in json.loads(json.dumps(list(desk.secrets().values()))):
        for word in secret if isinstance(secret, list) else [secret]:
            assert word not in shown


@pytest.mark.parametrize("address", ["/nobody/1", "/acme/0"])
def test_what_is_not_there_is_not_found(page: FlaskClient, address: str) -> None:
    assert page.get(address).status_code == 404


@pytest.mark.parametrize(
    ("origin", "host", "fetched", "status"),
    [
        ("https://evil.example", "localhost", None, 403),
        ("null", "localhost", None, 403),
        (None, "localhost", None, 403),
        (None, "localhost", "cross-site", 403),
        ("http://evil.example", "evil.example", "same-origin", 403),
        ("http://evil.example:80", "evil.example:80", None, 403),
        ("http://localhost:8080", "localhost", None, 403),
        ("http://127.0.0.1", "127.0.0.1", None, 303),
        (None, "localhost", "same-origin", 303),
    ],
    ids=[
        "another",
        "nobody",
        "unsaid",
        "said to be another",
        "a lent name",
        "and port",
        "another port",
        "ours",
        "said",
    ],
)
def test_another_page_in_the_same_browser_does_nothing(
    desk: Desk, page: FlaskClient, origin: str | None, host: str, fetched: str | None, status: int
) -> None:
    page.environ_base.pop("HTTP_ORIGIN")
    headers = {"Host": host} | ({"Origin": origin} if origin else {}) | ({"Sec-Fetch-Site": fetched} if fetched else {})
    assert page.post("/acme/open", data={"subject": "x", "text": "x"}, headers=headers).status_code == status
    assert len(desk.tickets()) == (status == 303)


def test_nothing_is_shown_under_a_lent_name(page: FlaskClient) -> None:
    assert page.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert page.get("/", headers={"Host": "localhost:9999"}).status_code == 403


def test_it_answers_under_its_own_port(desk: Desk) -> None:
    served = serve({"acme": desk})
    try:
        assert requests.get(served.url, timeout=5).status_code == 200
        assert requests.get(served.url, headers={"Host": "127.0.0.1"}, timeout=5).status_code == 403
        form = {"subject": "x", "text": "x"}
        said = requests.post(f"{served.url}/acme/open", data=form, headers={"Origin": served.url}, timeout=5)
        assert (said.status_code, len(desk.tickets())) == (200, 1)
    finally:
        served.stop()


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("{ticket}/change", {"level": "9" * 5000}, 400),
        ("{ticket}/change", {"level": "77"}, 400),
        ("{ticket}/change", {"level": "²"}, 400),
        ("faults", {"do": "429", "retry_after": "1\r\nX: y"}, 400),
        ("faults", {"do": "hang", "seconds": "9" * 400}, 400),
        ("faults", {"do": "hang", "times": "9" * 5000}, 400),
        ("open", {"subject": "x", "text": "y", "priority": "bogus"}, 400),
        ("open", {"subject": "x"}, 400),
        ("999999/say", {"text": "x", "who": "agent"}, 404),
        ("abc/change", {"level": "2"}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    desk: Desk, page: FlaskClient, path: str, form: dict[str, str], status: int
) -> None:
    ticket = desk.open_ticket("Printer", "It burns")
    assert page.post(f"/acme/{path.format(ticket=ticket)}", data=form).status_code == status
    assert (len(desk.tickets()), desk.faults.left()) == (1, [])
