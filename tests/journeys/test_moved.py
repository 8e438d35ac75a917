"""A Jira issue moves from a plain into a service project while our write is on its way: no customer reads the note."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.journeys.conftest import POLICY, Builder, House

BOTH = POLICY.replace("jira: {projects: [ITSM]}", "jira: {projects: [ITSM, DEV]}")


@pytest.fixture(params=["cloud", "datacenter"])
def house(build_house: Builder, request: pytest.FixtureRequest) -> House:
    return build_house("jira", policy=BOTH, deployment=request.param)


def falls_due(house: House) -> None:
    """Let the hour pass after which the ticket is handed on, and do not wait for what comes of it."""
    house.clock.jump_to(house.clock() + timedelta(minutes=61))
    house.adapter.engine.rescan()


def written_for_agents_only(house: House, ticket: str) -> None:
    """Prove that the write arrived whole, once, and that customers read nothing of it."""
    view = house.view(ticket)
    assert view.level == 2
    assert view.replies == ()
    assert len(house.notes(ticket)) == 1
    assert house.said("writeback.alarm") == []


def test_the_move_was_never_told(house: House) -> None:
    ticket = house.opened(project="DEV")
    house.held(lambda: house.desk.agent_moves(ticket, "ITSM"))
    house.later(hours=2)
    written_for_agents_only(house, ticket)


@pytest.mark.parametrize("told", [True, False], ids=["told", "never told"])
@pytest.mark.parametrize("do", ["503", "cut", "cut_after"])
@pytest.mark.parametrize("match", ["PUT", "POST .*/comment"], ids=["fields", "note"])
def test_it_moves_while_a_call_waits(house: House, match: str, do: str, told: bool) -> None:
    ticket = house.opened(project="DEV")
    house.wrong(do, match=match, retry_after="30")
    falls_due(house)
    house.until(lambda: house.said("writeback.later"))
    if told:
        house.desk.agent_moves(ticket, "ITSM")
        house.desk.postman.settle()
    else:
        house.held(lambda: house.desk.agent_moves(ticket, "ITSM"))
    house.later(minutes=3)
    written_for_agents_only(house, ticket)


def test_a_note_that_jira_shows_to_the_customer_all_the_same_is_withdrawn_with_an_alarm(house: House) -> None:
    ticket = house.opened(project="DEV")
    house.wrong("503", match="POST .*/comment", retry_after="30")
    falls_due(house)
    house.until(lambda: house.said("writeback.later"))
    house.desk.site.internal_turns_public = True
    house.held(lambda: house.desk.agent_moves(ticket, "ITSM"))
    house.later(minutes=3)
    view = house.view(ticket)
    assert (view.level, view.replies, house.notes(ticket)) == (2, (), [])
    (alarm,) = house.said("writeback.alarm")
    assert "deleted at once" in str(alarm["reason"])
