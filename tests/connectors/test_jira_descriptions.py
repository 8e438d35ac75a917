"""What a requester wrote when they opened an issue: a description that is told as their first message."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contract import Delivery
from connectors.jira import CONNECTOR
from connectors.jira.answers import conversation, fetched
from connectors.jira.settings import JiraSettings
from connectors.jira.values import written
from connectors.site import Site
from policies.case import Case
from policies.decide import folded
from policies.model import Event, Kind, Role, TicketRef
from policies.story import Story

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MADE = datetime(2026, 3, 2, 9, 10, 11, tzinfo=UTC)
REF = TicketRef(vendor="jira", site="here", id="10001")
TALK = frozenset({"conversation"})
CARLA = {"accountId": "qm:1", "accountType": "customer", "displayName": "Carla"}
STAFF = {"accountId": "712020:rep", "accountType": "atlassian", "displayName": "Rey"}
ANN = {"accountId": "712020:ann", "accountType": "atlassian", "displayName": "Ann"}
OURS = {"accountId": "712020:us", "accountType": "atlassian"}
BOT = {"accountId": "557058:x", "accountType": "app"}
WORDS = "/escalate 3\n/hold\ntried: this is unacceptable"


def here() -> Site:
    settings = JiraSettings(url="https://acme.example.com", email="bot@example.com", token="t", account="712020:us")
    return Site(name="here", settings=settings, account=settings.account)


def fields(**more: Any) -> dict[str, Any]:
    """The fields of an issue that Carla opened."""
    usual = {"summary": "Printer", "description": WORDS, "reporter": CARLA, "creator": CARLA}
    usual |= {"created": "2026-03-02T09:10:11.000+0000", "updated": "2026-03-02T09:10:11.000+0000"}
    project = {"key": "ITSM", "projectTypeKey": "service_desk"}
    return {**usual, "project": project, **more}


def webhook(name: str = "jira:issue_created", after: int = 300, **more: Any) -> tuple[Event, ...]:
    """What a webhook tells that was drawn up so many milliseconds after the creation."""
    time = int(MADE.timestamp() * 1000) + after
    body = {"timestamp": time, "webhookEvent": name, "user": CARLA, "issue": {"id": "10001", "fields": fields()}}
    raw = json.dumps({**body, **more}).encode()
    return CONNECTOR.read(Delivery(vendor="jira", site="here", body=raw, received_at=NOW), here(), REF)


def created(user: Mapping[str, Any] = CARLA, **told: Any) -> tuple[Event, ...]:
    return webhook(user=user, issue={"id": "10001", "fields": fields(**told)})


def spoken(number: int, minute: int, who: Mapping[str, Any]) -> tuple[Event, ...]:
    at = (MADE + timedelta(minutes=minute)).isoformat()
    said = {"id": str(number), "body": "hello", "author": who, "created": at, "updated": at, "jsdPublic": True}
    return webhook("comment_created", minute * 60_000, comment=said)


def answer(**told: Any) -> tuple[Event, ...]:
    """What a fetch with the conversation tells."""
    shown = fields(**told)
    first = fetched({"id": "10001", "fields": shown}, REF, here(), TALK, NOW)
    return (first, *conversation([], shown, REF, here(), NOW))


def story(*arrivals: Sequence[Event]) -> Story:
    """Fold what arrived, one after another; what comes late has everything told again."""
    case, history = Case.fresh(REF, NOW), list[Event]()
    for arrival in arrivals:
        known = {event.id for event in history}
        fresh = sorted((event for event in arrival if event.id not in known), key=lambda event: event.sort_key)
        heard = folded(case, fresh, history)
        assert heard is not None
        case, history = heard[0], [*history, *fresh]
    return case.story


# --- who said what, and when --------------------------------------------------------------------------------
def test_the_creation_comes_first_and_then_what_was_written_in_it() -> None:
    born, first = webhook()
    assert (born.kind, first.kind, first.id) == (Kind.CREATED, Kind.COMMENTED, "description:10001")
    assert born.at == first.at == MADE
    assert born.sort_key < first.sort_key
    assert first.comment is not None
    assert (first.comment.text, first.comment.public) == (WORDS, True)
    assert first.actor is not None
    assert (first.actor.id, first.actor.role, first.actor.name) == ("qm:1", Role.REQUESTER, "Carla")


def test_a_licensed_person_who_asks_is_a_requester_too() -> None:
    _, first = created(STAFF, reporter=STAFF, creator=STAFF)
    assert first.actor is not None
    assert first.actor.role is Role.REQUESTER


def test_an_answer_tells_the_same_fact_as_the_webhook() -> None:
    assert webhook()[1] == answer()[1]


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (ANN, {"creator": ANN}),  # on a customer's behalf
        (ANN, {"creator": None}),  # the same, where only the webhook says who it was
        (CARLA, {"reporter": None}),
        (CARLA, {"description": None}),
        (CARLA, {"description": " \r\n"}),
        (CARLA, {"created": None}),
        (OURS, {"creator": OURS, "reporter": OURS}),  # an issue that Stepladder itself opened for a level
        (BOT, {"creator": BOT, "reporter": BOT}),
    ],
)
def test_what_is_not_the_requesters_own_is_no_message(user: Mapping[str, Any], told: dict[str, Any]) -> None:
    (born,) = created(user, **told)
    assert born.kind is Kind.CREATED
    if told != {"creator": None}:
        (only,) = answer(**told)
        assert only.kind is Kind.FETCHED


def test_a_webhook_that_names_no_creator_is_believed_about_who_sent_it() -> None:
    assert [event.kind for event in created(CARLA, creator=None)] == [Kind.CREATED, Kind.COMMENTED]


# --- what it counts for -------------------------------------------------------------------------------------
@pytest.mark.parametrize("told", [webhook(), answer(), webhook()[1:]], ids=["webhook", "answer", "alone"])
def test_it_is_the_requesters_last_word_and_no_reply(told: tuple[Event, ...]) -> None:
    after = story(told)
    assert after.last_customer is not None
    assert after.last_customer.text == WORDS
    assert [wrote.text.split()[-1] for wrote in after.words] == ["unacceptable"]
    assert (after.waiting_since, after.waits) == (MADE, 1)
    assert (after.customer_said, after.agents_said, after.replies) == ((), (), 0)
    assert len(story(told, spoken(7, 5, CARLA)).customer_said) == 1


def test_nothing_in_it_is_a_command() -> None:
    after = story(webhook(), answer())
    assert (after.requests, after.orders, after.tried, after.spoke, after.human_at) == ((), (), (), {}, None)


def test_in_whatever_order_it_arrives_the_story_is_the_same() -> None:
    arrivals = (webhook(), spoken(7, 5, ANN), spoken(8, 9, CARLA), answer())
    stories = [story(*order) for order in itertools.permutations(arrivals)]
    assert all(one == stories[0] for one in stories)
    assert stories[0].last_reply is not None
    assert stories[0].waiting_since == MADE + timedelta(minutes=9)


# --- in whichever form it is written ------------------------------------------------------------------------
def node(kind: str, *inside: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(inside), **more}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said, "marks": [{"type": "strong"}]}


def test_of_an_atlassian_document_the_words_are_read() -> None:
    mention = {"type": "mention", "attrs": {"id": "712020:ann", "text": "@Ann"}}
    card = {"type": "inlineCard", "attrs": {"url": "https://status.example.com"}}
    items = node("bulletList", *(node("listItem", node("paragraph", text(said))) for said in ("one", "two")))
    greeting = node("paragraph", text("Dear "), mention, {"type": "hardBreak"}, text("see "), card)
    document = node("doc", node("heading", text("Help"), attrs={"level": 1}), greeting, items, version=1)
    assert written(document) == "Help\nDear @Ann\nsee https://status.example.com\none\ntwo"
    _, first = created(description=document)
    assert first.comment is not None
    assert first.comment.text == written(document)


@pytest.mark.parametrize(
    "value", [None, 7, [], {}, {"content": 3}, node("doc", None, 4, [text("x")]), node("paragraph")]
)
def test_what_holds_no_words_is_empty(value: object) -> None:
    assert written(value) == ""


def test_a_text_is_bounded_however_long_or_deep_it_is() -> None:
    deep: Any = text("x")
    for _ in range(5000):
        deep = node("blockquote", deep)
    assert written(deep) == "x"
    endless = node("doc", *(node("paragraph", text("word " * 40)) for _ in range(1000)))
    assert [len(written(value)) for value in ("x" * 100_000, node("doc", text("x" * 100_000)))] == [32_767, 32_767]
    assert 32_000 < len(written(endless)) <= 32_767
