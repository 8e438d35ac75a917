"""Before anything is written it is found out who would hear of it; and nobody does who should not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from adapter.examination import Examined, keep
from adapter.store.connection import Database
from adapter.store.tables import metadata
from connectors import discover
from connectors.upkeep import Finding, Grade

Builder = Callable[..., Any]
EXAMINED = sorted(name for name, connector in discover().items() if connector.examine is not None)


@pytest.fixture(params=EXAMINED)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def mailing(house: Any) -> None:
    """Let the vendor's own rule mail the customer, from before we first asked."""
    house.close()
    house.desk.mail_customer_on_priority_change()


def reopened(house: Any, accepts: str = "") -> None:
    """Start again after nothing was ever examined, perhaps with something accepted."""
    with closing(Database(house.adapter.settings.database)) as database, database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    settings = house.folder / "stepladder.toml"
    if accepts:
        settings.write_text(settings.read_text().replace("mode =", f'accepts = ["{accepts}"]\nmode =', 1))
    house.told.clear()
    house.open()


def hears(house: Any) -> list[str]:
    """Return the names of what waits to be accepted."""
    [told] = house.said("examination.alarm")
    return str(told["reason"]).rpartition(": ")[2].split(", ")


def test_an_acting_site_is_examined_before_its_first_write(build_house: Builder, vendor: str) -> None:
    house = build_house(vendor)
    ticket = house.opened(priority="urgent")
    house.until(lambda: house.view(ticket).level == 2)
    events = [event for event, _ in house.told]
    assert events.index("examination.done") < events.index("writeback.written")


def test_a_site_whose_customers_would_be_mailed_observes_until_that_is_accepted(build_house: Builder) -> None:
    house = build_house("zendesk")  # where every agent may read the rules
    mailing(house)
    reopened(house)
    house.until(lambda: house.said("examination.alarm"))
    ticket = house.opened(priority="urgent")
    house.until(lambda: any(told["observed"] for told in house.said("ticket.decided")))
    house.stands(ticket, level=1, moves=0)
    [name] = hears(house)
    house.close()
    reopened(house, accepts=name)
    house.until(lambda: house.said("examination.done"))
    assert house.said("examination.alarm") == []
    other = house.opened(priority="urgent")
    house.until(lambda: house.view(other).level == 2)


def mails_after(house: Any, field: str, operator: str, value: str) -> None:
    """Let a rule of the vendor's mail the customer on a condition, from before we first asked."""
    house.close()
    text = ["requester_id", "Your request", "It was updated."]
    rule = {
        "id": 8_001,
        "title": "Tell the requester",
        "raw_title": "Tell the requester",
        "active": True,
        "position": 1,
    }
    conditions = {"all": [{"field": field, "operator": operator, "value": value}], "any": []}
    actions = [{"field": "notification_user", "value": text}]
    house.desk.account.triggers.append({**rule, "conditions": conditions, "actions": actions})


@pytest.mark.parametrize(
    ("condition", "notes"),
    [(("update_type", "is", "Change"), 0), (("priority", "changed", ""), 1)],
    ids=["after every update", "after a change of the priority, which a note is not"],
)
def test_a_site_that_writes_only_notes_observes_if_a_note_alone_is_heard(
    build_house: Builder, condition: tuple[str, str, str], notes: int
) -> None:
    house = build_house("zendesk", mode="note")
    mails_after(house, *condition)
    reopened(house)
    house.until(lambda: house.said("examination.done"))
    ticket = house.opened(priority="urgent")
    house.until(lambda: any(told["level"] == 2 for told in house.said("ticket.decided")))
    house.quiet()
    assert len(house.notes(ticket)) == notes
    assert len(house.said("examination.alarm")) == 1 - notes


def test_what_an_administrators_doctor_finds_stops_the_writes_of_the_running_process(build_house: Builder) -> None:
    house = build_house("zendesk")
    scope, now = "zendesk/acme", house.clock()
    mails = Finding(
        name="customer-hears:trigger:7",
        check="customer-hears",
        grade=Grade.WARNING,
        says="It mails.",
        customer_hears=True,
    )
    keep(house.adapter.store, scope, Examined(at=now, policy=house.adapter.store.active_policy(), findings=(mails,)))
    house.clock.jump_to(now + timedelta(minutes=1))
    house.adapter.gate.run(house.clock())
    assert house.said("examination.alarm")
    ticket = house.opened(priority="urgent")
    house.until(lambda: any(told["observed"] for told in house.said("ticket.decided")))
    house.stands(ticket, level=1, moves=0)


def test_while_nobody_can_be_examined_tickets_rest_and_nothing_is_lost(build_house: Builder, vendor: str) -> None:
    house = build_house(vendor)
    house.close()
    house.wrong("503", match="GET .*", times=10_000, retry_after="120")
    reopened(house)
    house.until(lambda: house.said("examination.later"))
    ticket = house.desk.open_ticket("VPN down", "Nobody gets in.", priority="urgent")
    house.desk.postman.settle()
    assert house.said("delivery.kept")
    assert house.said("ticket.decided") == []
    house.desk.faults.clear()
    house.clock.jump_to(house.said("examination.later")[-1]["again"])
    house.adapter.engine.rescan()
    house.until(lambda: house.said("examination.done"))
    house.quiet()
    house.until(lambda: house.view(ticket).level == 2)
