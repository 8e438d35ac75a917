"""What the API's answers mean, in every shape that JSON allows: a ticket, an audit, a failure, and never a crash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from connectors.calls import VendorAnswer
from connectors.contract import Refused, TryLater
from connectors.site import Site
from connectors.zendesk.answers import (
    conversation,
    failure,
    fetched,
    leaked_comment,
    organization_fields,
    placed,
    why_refused,
    with_marker,
)
from connectors.zendesk.directory import Directory
from connectors.zendesk.settings import ZendeskSettings
from policies.model import Role, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = TicketRef(vendor="zendesk", site="acme", id="5158")
SITE = Site(
    name="acme",
    settings=ZendeskSettings(
        url="https://acme.zendesk.com",
        oauth_token="t",
        fields={"product": "1", "cost": "2", "hours": "organization.hours", "unclear": "A title"},
        level_field="3",
    ),
    account="9000",
    names={"user:7": "Ann", "sharing:count": "1", "sharing:41": "Globex"},
)


def answered(status: int, body: object, kind: str = "application/json", **headers: str) -> VendorAnswer:
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers.update({"Content-Type": kind, **headers})
    response.request = requests.Request("PUT", "https://acme.zendesk.com/api/v2/tickets/5158").prepare()
    return VendorAnswer(response, NOW)


# --- who reads internal notes, as a fetch tells it ------------------------------------------------------------
CUSTOMER = [{"id": 8, "role": "end-user", "name": "Cay"}]
KNOWN = {"user:7": "Ann"}
PERHAPS = "perhaps somebody outside"


@pytest.mark.parametrize(
    ("users", "ticket", "names", "who"),
    [
        (CUSTOMER, {"sharing_agreement_ids": []}, {}, None),
        (
            [{"id": 8, "role": "agent", "name": "Ben"}],
            {"sharing_agreement_ids": []},
            {},
            "the requester, who is an agent",
        ),
        ([{"id": 8, "role": "admin"}], {"sharing_agreement_ids": []}, {}, "the requester, who is an agent"),
        ([{"id": 9, "role": "agent", "name": "Else"}], {"sharing_agreement_ids": []}, KNOWN, None),
        ([{"id": 9, "role": "agent", "name": "Else"}], {"sharing_agreement_ids": []}, {}, PERHAPS),
        ([{"id": 8}], {"sharing_agreement_ids": []}, {}, PERHAPS),
        ([], {"sharing_agreement_ids": []}, {}, PERHAPS),
        ([], {"sharing_agreement_ids": [41]}, {"sharing:41": "Globex"}, "Globex, who shares the ticket"),
        (CUSTOMER, {}, KNOWN, PERHAPS),
        (CUSTOMER, {"sharing_agreement_ids": None}, {**KNOWN, "sharing:41": "Globex", "sharing:count": "1"}, PERHAPS),
        (CUSTOMER, {"sharing_agreement_ids": "41"}, KNOWN, PERHAPS),
        (CUSTOMER, {}, {**KNOWN, "sharing:count": "0"}, None),
        (CUSTOMER, {"requester_id": None, "sharing_agreement_ids": []}, {}, None),
    ],
)
def test_a_fetch_settles_who_reads_internal_notes_and_expects_the_worst(
    users: Any, ticket: Any, names: dict[str, str], who: str | None
) -> None:
    answer = {"ticket": {"id": 5158, "requester_id": 8, **ticket}, "users": users}
    told = fetched(answer, names, {}, REF, replace(SITE, names=names), NOW).ticket
    assert told
    assert told.knows("exposed")
    assert told.exposed == who


@pytest.mark.parametrize(
    ("users", "role"),
    [
        ([{"id": 55, "role": "agent"}], Role.AGENT),
        ([{"id": 55, "role": "end-user"}], Role.REQUESTER),
        ([], Role.UNKNOWN),
        (None, Role.UNKNOWN),
    ],
)
def test_who_wrote_a_comment_is_staff_only_if_zendesk_says_so(users: Any, role: Role) -> None:
    page = {"comments": [{"id": 1, "author_id": 55, "public": True, "plain_body": "x"}], "users": users}
    (event,) = conversation(page, "8", SITE, NOW)
    assert event.actor
    assert event.actor.role is role


# --- failures -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "about_ticket", "word", "why"),
    [
        (answered(404, {"error": "RecordNotFound"}), True, "gone", "missing or not visible"),
        (answered(404, {"error": "InvalidEndpoint"}), False, "refused", "no such address"),
        (answered(404, b"<html>No help desk here</html>", "text/html"), True, "later", "no such account"),
        (answered(403, {"error": {"title": "Forbidden", "message": "No"}}), True, "gone", "an older spelling"),
        (answered(403, {"error": "Forbidden"}), False, "later", "a right that is missing"),
        (answered(403, b"denied", "text/plain"), True, "later", "our address is kept out"),
        (answered(403, b""), True, "later", "nothing is said: that was not Zendesk's permission"),
        (answered(403, {"message": "blocked"}), True, "later", "JSON of somebody before Zendesk"),
        (answered(403, b"{"), True, "later", "half an answer"),
        (answered(403, {"errors": [{"title": "Forbidden"}]}), True, "gone", "as webhooks say it"),
        (answered(301, b"", Location="https://new.zendesk.com/api"), True, "later", "renamed"),
        (answered(302, b"", Location="https://[bad"), True, "later", "a redirect nobody can read"),
        (answered(409, {"error": "UpdateConflict"}), True, "later", "somebody was faster"),
        (answered(409, b""), True, "later", "a collision without a code"),
        (answered(413, b""), True, "refused", "too long"),
        (answered(422, {"error": "ClosedTicket"}), True, "gone", "a code says it"),
        (answered(422, {"details": {"base": [{"error": "ClosedTicket"}]}}), True, "gone", "a code further inside"),
        (answered(418, {}), True, "refused", "whatever it is"),
    ],
)
def test_a_failure_is_one_of_our_words(error: VendorAnswer, about_ticket: bool, word: str, why: str) -> None:
    found = failure(error, about_ticket=about_ticket)
    if word == "later":
        assert isinstance(found, TryLater), why
        assert not found.sent
    else:
        assert isinstance(found, Refused), why
        assert found.gone == (word == "gone")
    assert "5158?" not in str(found)


def test_a_redirect_names_the_other_host_and_nothing_else_of_the_address() -> None:
    said = str(failure(answered(302, b"", Location="https://user:secret@new.zendesk.com/login?token=abc")))
    assert "new.zendesk.com" in said
    assert "secret" not in said
    assert "token" not in said


# --- anything at all ------------------------------------------------------------------------------------------
words = st.text(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.sampled_from([0, "0", 8, 41, 5158, "deleted"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
things = st.lists(
    values
    | st.dictionaries(
        st.sampled_from(
            [
                *("id", "name", "role", "author_id", "public", "body", "created_at", "events", "metadata", "custom"),
                *("type", "field_name", "value", "error", "description", "title", "email", "suspended", "status"),
                *("role_type", "organization_fields", "active", "removable", "deleted"),
            ]
        ),
        values,
        max_size=6,
    ),
    max_size=4,
)
tickets = st.dictionaries(
    st.sampled_from(
        [
            *("id", "requester_id", "assignee_id", "group_id", "organization_id", "status", "custom_status_id", "tags"),
            *(
                "custom_fields",
                "priority",
                "type",
                "subject",
                "created_at",
                "updated_at",
                "due_at",
                "problem_id",
                "via",
            ),
            *("slas", "sharing_agreement_ids", "comment_count", "brand_id", "ticket_form_id"),
        ]
    ),
    values | things,
    max_size=10,
)
LISTS = ("users", "groups", "organizations", "organization", "comments", "audits", "events")
pages = st.fixed_dictionaries({}, optional=dict.fromkeys(LISTS, values | things))


@given(ticket=tickets | values, page=pages, organization=st.none() | st.dictionaries(words, values, max_size=3))
def test_any_answer_is_a_ticket_that_can_be_told(ticket: Any, page: dict[str, Any], organization: Any) -> None:
    event = fetched({"ticket": ticket, **page}, SITE.names, organization, REF, SITE, NOW)
    assert event.ticket
    assert event.ticket.knows("exposed")
    conversation(page, "8", SITE, NOW)
    organization_fields(page, "900")
    for audit in (page, {"events": page.get("audits")}):
        placed(audit)
        leaked_comment(audit)
    with_marker(page, "op-1/1")
    if isinstance(ticket, dict):
        assert isinstance(why_refused(ticket, Refused("no")), Refused)


@given(
    status=st.sampled_from([300, 302, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503, 599]),
    body=values
    | st.fixed_dictionaries({"error": values, "details": values | st.dictionaries(words, things, max_size=3)}),
    kind=st.sampled_from(["application/json", "text/html", ""]),
    about_ticket=st.booleans(),
)
def test_any_failure_is_one_of_our_words(status: int, body: object, kind: str, about_ticket: bool) -> None:
    found = failure(answered(status, body, kind), about_ticket=about_ticket)
    assert isinstance(found, TryLater | Refused)
    assert 0 < len(str(found)) < 600


@given(listed=things, word=words)
def test_any_list_can_be_looked_up_in(listed: list[Any], word: str) -> None:
    def load(_: str) -> Iterable[Mapping[str, Any]]:
        return [item for item in listed if isinstance(item, dict)]

    directory = Directory(load, clock=lambda: 0.0)
    assert all(isinstance(name, str) for name in directory.names().values())
    for look_up in (directory.group, directory.person, directory.field, directory.status_calmly):
        with suppress(Refused):
            assert isinstance(look_up(word, "part"), str)
