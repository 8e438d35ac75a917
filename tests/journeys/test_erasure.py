"""A word that a vendor took away is nowhere any more: no table and no file of the installation has its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapter.store.tables import metadata
from connectors.zendesk.pretend_people import ROBIN
from tests.journeys.beside import Beside

House = Any
NAMES = {"zendesk": "Casey Customer", "jira": "Carla Customer"}
CANARY = "Zwergkanarienvogel"
POLICY = """
version: 1
name: Erasure
applies_to: {zendesk: {groups: [Support]}, jira: {projects: [ITSM]}}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
    note: "{requester} asks about {subject}"
    tell: ada@acme.example
rules:
  - {name: they wrote it, when: {matches: {message: 'zwerg[a-z]+vogel'}}, go_to: 2}
  - {name: it is about it, when: {matches: {subject: 'zwerg[a-z]+vogel'}}, go_to: 2}
"""

URGENT = """
version: 1
name: Urgent
applies_to: {zendesk: all, jira: all}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}, jira: {field: {team: Support}}}}
  - level: 2
    name: Specialist
    targets: {zendesk: {group: Technical Support}, jira: {field: {team: Technical Support}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
"""


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Write the house's log to a file of the installation, as an operator would."""
    import logging

    logger, file = logging.getLogger("stepladder"), logging.FileHandler(folder / "stepladder.log", encoding="utf-8")
    before = logger.level
    logger.addHandler(file)
    logger.setLevel(logging.DEBUG)
    yield
    logger.removeHandler(file)
    logger.setLevel(before)
    file.close()


def places_with(house: House, word: str) -> list[str]:
    """Return the files and tables in which a word stands, in any spelling that our tables and vendors use."""
    spellings = {word.encode(), word.lower().encode(), word.encode("utf-16-le")}
    files = (file for file in sorted(house.folder.rglob("*")) if file.is_file())
    found = [file.name for file in files if any(word in file.read_bytes() for word in spellings)]
    with house.adapter.store.database.read() as connection:
        for table in metadata.sorted_tables:
            kept = [bytes_of(value) for row in connection.execute(select(table)) for value in row]
            found += [table.name for value in kept if any(word in value for word in spellings)]
    return found


def bytes_of(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def tidied(house: House) -> None:
    """Let the minute pass in which the errand does its part."""
    for errand in house.adapter.errands:
        errand.wake()
    house.until(house.adapter.store.settle_erasure)


@pytest.fixture
def story(build_house: Callable[..., House], vendor: str, tmp_path: Path) -> Iterator[tuple[House, str]]:
    """An escalated ticket with the word in its subject, its messages and a label, and a delivery nobody can read."""
    with logged(tmp_path):
        house = build_house(vendor, policy=POLICY)
        told = {"tags": [CANARY.lower()], **({"product": CANARY} if vendor == "zendesk" else {})}
        ticket = house.desk.open_ticket(f"The {CANARY} is ill", f"My {CANARY} does not sing.", **told)
        house.quiet()
        house.desk.customer_says(ticket, f"And the {CANARY} eats nothing; password: geheim99")
        house.desk.agent_says(ticket, f"tried: to feed the {CANARY}", public=False)
        house.quiet()
        assert len(house.notes(ticket)) == 1
        assert CANARY in house.notes(ticket)[0]
        yield house, ticket


def test_of_a_deleted_ticket_no_file_has_a_word_and_its_numbers_stay(story: tuple[House, str]) -> None:
    house, ticket = story
    for word in (CANARY, NAMES[house.vendor]):
        assert places_with(house, word)  # it was stored, else this would prove nothing
    before = house.adapter.store.calls_of(house.ref(ticket))
    house.desk.agent_deletes(ticket)
    house.quiet()
    tidied(house)
    assert places_with(house, CANARY) + places_with(house, NAMES[house.vendor]) == []
    assert house.said("ticket.erased") == [{"ticket": str(house.ref(ticket)), "whole": True}]
    case, _ = house.adapter.store.case_at(house.ref(ticket), house.clock())
    assert case is not None
    assert (case.level, case.story.ended, case.moves) == (2, "deleted", 1)
    assert house.adapter.store.calls_of(house.ref(ticket))[0] >= before[0]


TAKEN_BACK = {"zendesk": "agent_redacts_comment", "jira": "agent_deletes_comment"}


def test_of_a_comment_that_was_taken_back_no_word_stays_and_the_ticket_goes_on(
    build_house: Callable[..., House], vendor: str
) -> None:
    house = build_house(vendor, policy=POLICY)
    ticket = house.opened(priority="normal")
    house.desk.customer_says(ticket, f"The {CANARY} is ill")
    house.quiet()
    house.stands(ticket, 2)
    assert CANARY in house.notes(ticket)[0]
    getattr(house.desk, TAKEN_BACK[vendor])(ticket, f"The {CANARY} is ill")
    house.quiet()
    tidied(house)
    assert places_with(house, CANARY) == []
    assert places_with(house, "VPN down")  # the rest of what is known of it
    case, _ = house.adapter.store.case_at(house.ref(ticket), house.clock())
    assert case is not None
    assert (case.level, case.story.replies, case.moves) == (2, 0, 1)
    assert case.story.last_customer is not None
    assert case.story.last_customer.text == ""
    house.desk.agent_says(ticket, "/escalate", public=False)  # and it can still be decided upon
    house.desk.customer_says(ticket, "Any news?")
    house.quiet()
    house.stands(ticket, 2)


def test_a_word_that_comes_late_or_again_is_not_kept_either(house: House) -> None:
    ticket = house.opened(priority="normal")
    envelopes = house.held(lambda: house.desk.customer_says(ticket, f"The {CANARY} is ill"))
    getattr(house.desk, TAKEN_BACK[house.vendor])(ticket)
    house.quiet()
    for envelope in (*envelopes, *envelopes):
        assert house.deliver(envelope).status_code in (200, 202)
    house.quiet()
    tidied(house)
    assert places_with(house, CANARY) == []


def test_what_was_written_over_is_gone_and_its_new_text_counts(build_house: Callable[..., House]) -> None:
    house = build_house("jira", policy=POLICY)
    ticket = house.opened(priority="normal")
    house.desk.agent_says(ticket, f"tried: to feed the {CANARY}")
    house.quiet()
    house.desk.agent_edits_comment(ticket, "tried: to feed the bird")
    house.quiet()
    tidied(house)
    assert places_with(house, CANARY) == []
    case, _ = house.adapter.store.case_at(house.ref(ticket), house.clock())
    assert case is not None
    assert [said.text for said in case.story.tried] == ["tried: to feed the bird"]


def test_a_person_can_ask_for_it_while_stepladder_works(story: tuple[House, str]) -> None:
    house, ticket = story
    case, _ = house.adapter.store.case_at(house.ref(ticket), house.clock())
    asked = case.ticket.requester.id

    def erase(*words: str) -> str:
        return Beside(house).run("erase", *words).output

    assert "nothing is stored of" in erase("acme/999")
    assert "Nothing was erased yet: 1 ticket;" in erase("acme", "--requester", asked)
    assert places_with(house, CANARY)
    assert f"{house.ref(ticket)}: text erased" in erase("acme", "--requester", asked, "--yes")
    house.quiet()
    tidied(house)
    assert places_with(house, CANARY) == []
    house.desk.customer_says(ticket, "What about the bird?")  # the ticket stands at the vendor, and goes on
    house.quiet()
    assert house.view(ticket).level == 2


def undone(house: House, ticket: str) -> None:
    assert Beside(house).run("undo", "--since", "1h", "--yes").exit_code == 0
    house.quiet()


def taken_down(house: House, ticket: str) -> None:
    house.desk.agent_changes(ticket, group="Support")
    house.quiet()


@pytest.mark.parametrize("down", [undone, taken_down])
def test_a_ticket_that_was_taken_down_is_not_moved_again_for_the_causes_that_were_erased(
    build_house: Callable[..., House], vendor: str, down: Callable[[House, str], None]
) -> None:
    house = build_house(vendor, policy=URGENT)
    ticket = house.opened(priority="urgent")
    assert house.view(ticket).level == 2
    down(house, ticket)
    before = house.view(ticket)
    for _ in range(2):
        assert Beside(house).run("erase", f"acme/{ticket}", "--yes").exit_code == 0
        house.quiet()
        house.later(hours=2)
    assert house.view(ticket) == before
    assert sum("▲" in note for note in house.notes(ticket)) == 1
    explained = " ".join(Beside(house).run("policy", "explain", f"acme/{ticket}").output.split())
    assert "was so before its texts were erased" in explained
    for priority in ("normal", "urgent"):  # a new cause counts
        house.desk.agent_changes(ticket, priority=priority)
        house.quiet()
    assert sum("▲" in note for note in house.notes(ticket)) == 2


def test_a_ticket_that_was_deleted_and_brought_back_is_not_moved_again(build_house: Callable[..., House]) -> None:
    house = build_house("zendesk", policy=URGENT)
    ticket = house.opened(priority="urgent")
    taken_down(house, ticket)
    house.desk.agent_deletes(ticket)
    house.quiet()
    house.desk.account.restore(house.desk.account.deleted[int(ticket)], ROBIN)
    house.quiet()
    house.later(hours=2)
    assert sum("▲" in note for note in house.notes(ticket)) == 1
