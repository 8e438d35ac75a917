"""`deliveries`, `calls` and `cases`: what is kept is shown without secrets, and what went wrong is put right, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from adapter.store import tables as t
from connectors.contract import Delivery
from connectors.zendesk.sandbox import sign
from tests.journeys.beside import Beside

House = Any
CARD = "4111 1111 1111 1111"


@pytest.fixture
def run(house: House) -> Callable[..., Result]:
    """Runs a command beside the house that works, by the house's clock."""
    return Beside(house).run


def told(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def dead_letter(house: House, problem: str, body: bytes | None = None, **fields: Any) -> int:
    """A genuine delivery that nobody could sort: a ticket is opened, and its webhook becomes a dead letter."""
    (envelope, *_) = house.held(lambda: house.desk.open_ticket("VPN down", f"Pay with {CARD}.", **fields))
    headers = {name.lower(): value for name, value in envelope.headers.items()}
    raw = envelope.body if isinstance(envelope.body, bytes) else envelope.body.encode()
    delivery = Delivery(vendor=house.vendor, site="acme", body=body or raw, received_at=house.clock(), headers=headers)
    return int(house.adapter.store.receive(delivery, None, (), problem).row)


def test_a_dead_letter_that_named_no_ticket_is_sorted_again_and_decided_upon(house: House, run: Any) -> None:
    row = dead_letter(house, "a mistake in the parser", priority="urgent")
    (kept,) = told(run("deliveries", "list", "--dead", "--json"))
    assert (kept["row"], kept["tickets"], kept["problem"]) == (row, [], "a mistake in the parser")
    assert "1 of 1 deliveries" in run("deliveries", "replay", "--dead").output
    house.quiet()
    (kept,) = told(run("deliveries", "list", "--json"))[-1:]
    ticket = kept["tickets"][0].rpartition("/")[2]
    house.stands(ticket, 2)
    assert told(run("deliveries", "list", "--dead", "--json")) == []
    assert run("deliveries", "replay", str(row)).exit_code == 0  # what was heard before counts once
    house.quiet()
    house.stands(ticket, 2)


def test_what_still_nobody_can_sort_stays_a_dead_letter_with_what_is_wrong_now(house: House, run: Any) -> None:
    row = dead_letter(house, "a mistake in the parser", b'{"a":')
    result = run("deliveries", "replay", str(row))
    assert (result.exit_code, "0 of 1" in result.output) == (1, True)
    (kept,) = told(run("deliveries", "list", "--dead", "--json"))
    assert "a mistake" not in kept["problem"]
    assert "Deliveries that could not be read: 1," in run("doctor", "acme").output
    assert run("deliveries", "replay", "999999").exit_code == 2
    assert run("deliveries", "replay").exit_code == 2


def test_however_many_dead_letters_there_are_all_are_tried(house: House, run: Any) -> None:
    row = {"vendor": house.vendor, "site": "gone", "received_at": 1.0, "headers": b"{}", "query": "", "body": b"{}"}
    with house.adapter.store.database.write() as connection:
        connection.execute(t.deliveries.insert(), [{**row, "problem": "a mistake"}] * 1_003)
    assert "0 of 1003 deliveries" in run("deliveries", "replay", "--dead").output


def test_a_delivery_is_shown_without_its_body_unless_asked_and_then_masked(house: House, run: Any) -> None:
    row = dead_letter(house, "a mistake")
    plain, whole = run("deliveries", "show", str(row)).output, run("deliveries", "show", str(row), "--body").output
    assert "VPN down" not in plain
    assert "VPN down" in whole
    assert CARD not in whole
    assert "4111" not in whole


def test_a_call_that_was_refused_is_sent_again_when_somebody_says_so(house: House, run: Any) -> None:
    house.wrong("422", times=1)
    ticket = house.opened(priority="urgent")
    assert (house.view(ticket).level or 1, len(house.notes(ticket))) == (1, 1)
    refused = told(run("calls", "list", "--refused", "--json"))
    assert run("calls", "retry", refused[-1]["key"]).exit_code == 0
    house.quiet()
    assert (house.view(ticket).level, len(house.notes(ticket))) == (2, 1)
    assert {one["state"] for one in told(run("calls", "list", "--ticket", f"acme/{ticket}", "--json"))} == {"written"}
    assert told(run("calls", "list", "--refused", "--json")) == refused[:-1]
    again = run("calls", "retry", refused[-1]["key"])
    assert again.exit_code == 2
    assert "it has ended: written" in again.stderr


def test_a_call_that_waits_is_dropped_with_who_and_why_and_never_one_that_has_perhaps_arrived(
    house: House, run: Any
) -> None:
    house.adapter.store.pause("all", "a drill", house.clock())
    waits = house.opened(priority="normal")
    house.adapter.store.resume("all", house.clock())
    house.wrong("503", house.ways.note, times=3)
    house.desk.agent_changes(waits, priority="urgent")

    def planned() -> list[Any]:
        return [one for one in told(run("calls", "list", "--open", "--json")) if one["state"] == "planned"]

    house.until(planned)
    key = planned()[-1]["key"]
    assert run("calls", "drop", key, "--reason", "not now").exit_code == 0
    (kept,) = [one for one in told(run("calls", "list", "--json")) if one["key"] == key]
    assert (kept["state"], kept["outcome"].endswith("not now")) == ("withdrawn", True)
    house.later(minutes=10)
    assert not house.notes(waits)
    assert run("calls", "drop", key).exit_code == 2
    assert run("calls", "drop", "nothing/1").exit_code == 2


def test_a_case_is_shown_with_what_is_open_and_what_comes_next(house: House, run: Any) -> None:
    ticket = house.opened(priority="normal")
    shown = run("cases", "show", f"acme/{ticket}").output
    assert "NEXT" in shown
    assert "moves to level 2" in shown
    assert "OPEN CALLS: none" in shown
    assert "LAST LOOKS" in shown
    (one,) = told(run("cases", "list", "--json"))
    assert (one["level"], one["trouble"]) == (1, None)
    assert told(run("cases", "list", "--level", "2", "--json")) == []
    assert told(run("cases", "list", "--due", "--json")) == []
    assert run("cases", "show", "acme/nothing").exit_code == 2
    assert run("cases", "show", "nothing").exit_code == 2


def test_what_a_pause_holds_is_listed_with_the_pause(house: House, run: Any) -> None:
    ticket = house.opened(priority="normal")
    house.wrong("503", house.ways.note, times=50)
    house.desk.agent_changes(ticket, priority="urgent")
    house.until(lambda: told(run("calls", "list", "--open", "--json")))
    assert run("pause", "acme", "--reason", "a drill").exit_code == 0
    (one,) = told(run("cases", "list", "--json"))
    assert one["held"] == f"its writes wait: site:{house.vendor}/acme is paused (a drill)"


STEERING = "\x1b[2J\x9b31m\u202e\nacme/1: text erased"


def test_words_of_strangers_neither_steer_a_terminal_nor_look_like_lines_of_ours(house: House, run: Any) -> None:
    ticket = house.desk.open_ticket(f"VPN {STEERING}", f"Help {STEERING}", priority="urgent")
    house.quiet()
    house.stands(ticket, 2)
    delivery = Delivery(
        vendor=house.vendor,
        site="acme",
        body=f"\tone {STEERING}".encode(),
        received_at=house.clock(),
        headers={"x-note": STEERING},
        query=STEERING,
    )
    row = str(house.adapter.store.receive(delivery, STEERING, (), STEERING).row)
    with house.adapter.store.database.write() as connection:
        connection.execute(t.calls.update().values(outcome=STEERING))
        connection.execute(t.tickets.update().values(trouble=STEERING))
    body = run("deliveries", "show", row, "--body").output
    assert "\tone \\x1b[2J\\x9b31m\\u202e\nacme/1" in body  # in a body, lines are what was sent
    commands = [
        *(["deliveries", "list"], ["deliveries", "list", "--json"], ["deliveries", "show", row]),
        *(["deliveries", "replay", row], ["calls", "list"], ["calls", "list", "--json"], ["cases", "list"]),
        *(["cases", "list", "--json"], ["cases", "show", f"acme/{ticket}"], ["policy", "explain", f"acme/{ticket}"]),
        *(["missed"], ["replay"], ["doctor"], ["doctor", "--json"], ["undo", "--since", "1h", "--dry-run"]),
    ]
    said = {" ".join(command): run(*command).output for command in commands}
    assert "\\x1b[2J" in said["deliveries list"]
    assert "\\x1b[2J" in said["calls list"]
    assert "\\x1b[2J" in said["cases list"]
    for command, output in {**said, "body": body.replace("\t", "")}.items():
        assert not [char for char in output if char != "\n" and not char.isprintable()], command
        assert not any(line.startswith("acme/1: text") for line in output.splitlines()) or command == "body", command


def test_a_trigger_whose_placeholder_was_mistyped_is_seen(build_house: Any) -> None:
    house: House = build_house("zendesk")
    (envelope, *_) = house.held(lambda: house.desk.open_ticket("VPN down", "Help."))
    body = b'{"ticket_id": "{{tiket.id}}"}'
    headers = {**envelope.headers, **sign(body, house.desk.secrets(), house.clock())}
    assert house.deliver(envelope, data=body, headers=headers).status_code == 202
    run = Beside(house).run
    (kept,) = told(run("deliveries", "list", "--dead", "--json"))
    assert "{{ticket.id}} spelt" in kept["problem"]
    assert "Deliveries that could not be read: 1," in run("doctor", "acme").output
