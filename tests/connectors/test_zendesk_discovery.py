"""Names of fields and statuses become ids, or stay unknown; who outside reads internal notes, without a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from connectors.contract import Refused, TryLater
from connectors.site import Site
from connectors.zendesk.answers import Forbidden
from connectors.zendesk.directory import EXPIRY, SOON, Directory
from connectors.zendesk.discovery import Discovery
from connectors.zendesk.picture import picture
from connectors.zendesk.settings import ZendeskSettings
from policies.model import Status, Ticket, TicketRef

REF = TicketRef(vendor="zendesk", site="acme", id="5158")
FIELDS: list[dict[str, Any]] = [
    {"id": 1, "title": "Subject", "type": "subject", "removable": False, "active": True},
    {"id": 2, "title": "Product area", "type": "tagger", "removable": True, "active": True},
    {"id": 3, "title": "Plan", "type": "text", "active": True},
    {"id": 4, "title": "plan ", "type": "text", "active": True},
    {"id": 5, "title": "Escalation level", "type": "tagger", "active": True},
    {"id": 6, "title": "Escalation level", "type": "tagger", "active": False},
    {"id": 7, "title": "Retired", "type": "text", "active": False},
    {"id": 8, "title": None, "type": "text", "active": True},
]
STATUSES = [
    {"id": 610, "agent_label": "Waiting for vendor", "status_category": "hold", "active": True},
    {"id": 402, "agent_label": "Open", "status_category": "open", "active": True},
]


class Lists:
    """An account's lists as they would come page by page; counts how often each is asked for."""

    def __init__(self, **lists: Any) -> None:
        self.lists: dict[str, Any] = {"ticket_fields": FIELDS, "custom_statuses": STATUSES, **lists}
        self.asked: list[str] = []

    def __call__(self, path: str) -> Iterable[Mapping[str, Any]]:
        self.asked.append(path)
        found = self.lists.get(path, [])
        if isinstance(found, Exception):
            raise found
        return list(found)


def settings(**more: Any) -> ZendeskSettings:
    return ZendeskSettings(**{"url": "https://acme.zendesk.com", "oauth_token": "t", **more})


def discovery(lists: Lists, now: list[float] | None = None, **more: Any) -> Discovery:
    given = settings(**more)
    clock = now if now is not None else [0.0]
    directory = Directory(lists, clock=lambda: clock[0])
    return Discovery(directory, Site(name="acme", settings=given), given, lambda: clock[0])


# --- names become ids ---------------------------------------------------------------------------------------
def test_titles_and_labels_become_ids() -> None:
    found = discovery(
        Lists(),
        fields={"product": "product AREA", "hours": "organization.support_hours", "cost": "77"},
        level_field="Escalation level",
        statuses={"Waiting for vendor": "pending", "open": "open", "611": "on_hold"},
    ).settings()
    assert found.fields == {"product": "2", "hours": "organization.support_hours", "cost": "77"}
    assert found.level_field == "5"  # the other one of that title is switched off
    assert found.statuses == {"610": "pending", "open": "open", "611": "on_hold"}


def test_settings_without_names_are_returned_as_they_are_and_ask_nothing() -> None:
    lists = Lists()
    subject = discovery(lists, fields={"product": "2"}, level_field="5", statuses={"hold": "pending"})
    assert subject.settings() is subject.settings()
    assert subject.settings().fields == {"product": "2"}
    assert lists.asked == []


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Subject", "no active custom field 'Subject'"),
        ("Plan", "more than one Zendesk active custom field is called 'Plan'"),
        ("Retired", "no active custom field 'Retired'"),
        ("Produkt area", "nearest: product area"),
    ],
)
def test_a_title_that_fits_none_or_two_is_told_once_and_stays_unknown(
    title: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    subject = discovery(Lists(), fields={"product": title, "plan": title})
    for _ in range(3):
        assert subject.settings().fields == {"product": title, "plan": title}
    told = [record.message for record in caplog.records]
    assert len(told) == 2
    assert all(said in line and line.startswith("zendesk.name_unknown site=acme setting=fields.") for line in told)
    raw = {"id": 5158, "custom_fields": [{"id": n, "value": "v"} for n in range(1, 9)], "requester_id": 1}
    ticket = picture(raw, REF, Site(name="acme", settings=subject.settings()), {}, whole=True)
    assert not ticket.knows("product")
    assert ticket.custom == {}


def test_lists_are_cached_and_a_miss_asks_again_once_a_minute_at_most() -> None:
    lists, now = Lists(), [0.0]
    subject = discovery(lists, now, fields={"product": "Product area"}, level_field="New field")
    for at in (0.0, 30.0, 59.0):
        now[0] = at
        subject.settings()
    assert lists.asked == ["ticket_fields"]
    lists.lists["ticket_fields"] = [*FIELDS, {"id": 9, "title": "New field", "type": "tagger", "active": True}]
    now[0] = 61.0
    assert subject.settings().level_field == "9"
    for at in (200.0, 600.0):
        now[0] = at
        subject.settings()
    assert lists.asked == ["ticket_fields"] * 2
    now[0] = 662.0
    subject.settings()
    assert lists.asked == ["ticket_fields"] * 3


def test_what_was_known_is_used_while_zendesk_cannot_be_asked() -> None:
    lists, now = Lists(), [0.0]
    subject = discovery(lists, now, fields={"product": "Product area"})
    assert subject.settings().fields == {"product": "2"}
    lists.lists["ticket_fields"] = TryLater("down")
    for at in (700.0, 710.0, 759.0):
        now[0] = at
        assert subject.settings().fields == {"product": "2"}
    assert len(lists.asked) == 2  # one try, and then a minute's rest


def test_what_was_never_known_is_waited_for_and_not_guessed() -> None:
    lists, now = Lists(ticket_fields=TryLater("down")), [0.0]
    subject = discovery(lists, now, fields={"product": "Product area"})
    for at in (0.0, 1.0, 59.0):
        now[0] = at
        with pytest.raises(TryLater, match="ticket fields could not be read yet"):
            subject.settings()
    assert len(lists.asked) == 1
    lists.lists["ticket_fields"] = FIELDS
    now[0] = 61.0
    assert subject.settings().fields == {"product": "2"}


def test_a_list_that_is_not_shown_to_us_leaves_names_unknown(caplog: pytest.LogCaptureFixture) -> None:
    subject = discovery(Lists(ticket_fields=Forbidden("no")), fields={"product": "Product area"})
    assert subject.settings().fields == {"product": "Product area"}
    assert "does not show our account its ticket fields" in caplog.text


# --- writing ------------------------------------------------------------------------------------------------
def test_a_level_is_never_written_into_a_field_that_was_guessed() -> None:
    assert discovery(Lists()).level_field() is None
    assert discovery(Lists(), level_field="Escalation level").level_field() == "5"
    with pytest.raises(Refused, match="more than one") as caught:
        discovery(Lists(), level_field="Plan").level_field()
    assert caught.value.parts == {"level"}
    with pytest.raises(TryLater, match="down"):
        discovery(Lists(ticket_fields=TryLater("down")), level_field="Escalation level").level_field()


def test_a_name_is_not_called_unknown_because_the_list_could_not_be_had() -> None:
    lists = Lists(groups=TryLater("down"))
    directory = Directory(lists, clock=lambda: 0.0)
    assert "group:1" not in directory.names()
    lists.lists["groups"] = [{"id": 1, "name": "Billing"}]
    assert directory.group("Billing", "group") == "1"


def test_an_outage_is_noticed_by_one_list_and_no_list_starves() -> None:
    down = TryLater("down")
    lists, now = Lists(groups=down, users=down, brands=down, ticket_forms=down, sharing_agreements=down), [0.0]
    directory = Directory(lists, clock=lambda: now[0])
    for at in (0.0, 1.0, 59.0):
        now[0] = at
        directory.names()
    assert lists.asked == ["groups"]
    lists.lists |= {"brands": [{"id": 5, "name": "Example"}], "ticket_forms": [], "sharing_agreements": []}
    for at in (61.0, 122.0, 183.0):
        now[0] = at
        directory.names()
    assert directory.known()["brand:5"] == "Example"


def test_names_are_put_together_once_for_the_same_lists() -> None:
    lists, now = Lists(groups=[{"id": 1, "name": "Billing"}]), [0.0]
    directory = Directory(lists, clock=lambda: now[0])
    assert directory.names() is directory.known()
    lists.lists["groups"] = [{"id": 1, "name": "Invoices"}]
    now[0] = 601.0
    assert directory.names()["group:1"] == "Invoices"
    assert directory.names()["sharing:count"] == "0"


# --- statuses -----------------------------------------------------------------------------------------------
def test_a_custom_status_counts_as_the_settings_say_by_its_label() -> None:
    found = discovery(Lists(), statuses={"Waiting for vendor": "pending"}).settings()
    site = Site(name="acme", settings=found)
    webhook = {"status": "HOLD", "custom_status": "610"}
    api = {"status": "hold", "custom_status_id": 610}
    assert [picture(raw, REF, site, {}).status for raw in (webhook, api)] == [Status.PENDING] * 2
    assert picture({"status": "HOLD", "custom_status": "611"}, REF, site, {}).status is Status.ON_HOLD


# --- who reads internal notes -------------------------------------------------------------------------------
AGENTS = [{"id": 7, "name": "Ann"}]
GLOBEX = {"id": 41, "name": "Globex", "status": "accepted"}


def known(**lists: Any) -> Mapping[str, str]:
    return Directory(Lists(users=AGENTS, **lists), clock=lambda: 0.0).names()


def exposed(raw: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    ticket: Ticket = picture(raw, REF, Site(name="acme", settings=settings(), names=names), names)
    return ticket.exposed if ticket.knows("exposed") else "unknown"


SHARED = known(sharing_agreements=[GLOBEX, {"id": 42, "name": "Initech", "status": "inactive"}])
ALONE = known(sharing_agreements=[{**GLOBEX, "status": "declined"}, {"id": 43, "name": "x", "status": "pending"}])


@pytest.mark.parametrize(
    ("raw", "names", "who", "why"),
    [
        ({"requester_id": "8"}, ALONE, None, "nobody shares tickets, and a customer asks"),
        ({"requester_id": "7"}, ALONE, "the requester, who is an agent", "known from the list of agents"),
        ({"requester_id": 7, "sharing_agreement_ids": [41]}, SHARED, "the requester, who is an agent", "one is enough"),
        ({"requester_id": "8"}, SHARED, "unknown", "a webhook does not say what is shared"),
        ({"requester_id": "8"}, known(sharing_agreements=Forbidden("no")), "unknown", "we may not know"),
        ({"requester_id": "8"}, {"sharing:count": "0"}, "unknown", "the agents are not known"),
        ({"requester_id": None}, ALONE, None, "nobody asks"),
        ({"status": "OPEN"}, ALONE, "unknown", "who asks was not told"),
        ({"requester_id": 8, "sharing_agreement_ids": []}, SHARED, None, "the API says it"),
        ({"requester_id": 8, "sharing_agreement_ids": [41]}, SHARED, "Globex, who shares the ticket", "one partner"),
        (
            {"requester_id": 8, "sharing_agreement_ids": [41, 42]},
            SHARED,
            "Globex and Initech, who share the ticket",
            "two, one of them not active any more",
        ),
        ({"requester_id": 8, "sharing_agreement_ids": []}, {}, "unknown", "who asks may be an agent"),
        ({"sharing_agreement_ids": []}, SHARED, "unknown", "who asks was not told"),
        ({"sharing_agreement_ids": [99]}, {}, "another account, who shares the ticket", "a partner without a name"),
    ],
)
def test_who_reads_internal_notes_is_told_as_far_as_it_is_known(
    raw: Mapping[str, Any], names: Mapping[str, str], who: Any, why: str
) -> None:
    assert exposed(raw, names) == who, why


@pytest.mark.parametrize("kind", ["users", "sharing_agreements"])
def test_on_old_knowledge_nobody_is_said_to_read_no_notes(kind: str) -> None:
    at = 0.0
    lists: dict[str, Any] = {"users": AGENTS, "sharing_agreements": []}
    directory = Directory(lambda wanted: Lists(**lists)(wanted), clock=lambda: at)
    assert exposed({"requester_id": "8"}, directory.names()) is None
    lists[kind] = TryLater("down")
    at = EXPIRY + 1
    assert exposed({"requester_id": "8"}, directory.names()) == "unknown"
    lists[kind] = AGENTS if kind == "users" else []
    at += SOON + 1
    assert exposed({"requester_id": "8"}, directory.names()) is None
