"""The reference page: complete, generated, up to date, and its examples load."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from policies.branches import Answers
from policies.conditions import REGISTRY
from policies.document import overdue, parse
from policies.lint import lint
from policies.model import Actor, Comment, Event, Kind, Role, Ticket, TicketRef
from policies.orders import order_in, request_in, takes
from policies.policy import Policy
from policies.reference import AGENTS, CAUSES, RECORDS, cause, pieces, reference
from policies.schema import schema
from policies.simulate import run_examples
from policies.source import read
from policies.story import Story
from policies.telling import tell

SPECIMEN = (Path(__file__).parents[2] / "policies" / "reference.yaml").read_text("utf-8")
PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


@pytest.fixture(scope="module")
def page() -> str:
    return reference(SPECIMEN)


@pytest.fixture(scope="module")
def specimen() -> Policy:
    return parse(SPECIMEN)


def test_the_page_is_what_would_be_generated(page: str) -> None:
    assert PAGE.read_text("utf-8") == page, "run `make reference`"


# --- the specimen -------------------------------------------------------------------------------------------------
def test_the_examples_are_one_policy_that_passes_its_own_check(page: str, specimen: Policy) -> None:
    shown = re.findall(r"```yaml\n(.*?)\n```", page, re.DOTALL)
    assert "\n\n".join(shown) + "\n" == SPECIMEN
    assert lint(specimen) == ()
    assert overdue(specimen, date(2026, 11, 22)) == ()
    assert [failure for result in run_examples(specimen) for failure in result.failures] == []


def test_the_pieces_are_the_whole_policy() -> None:
    assert "\n\n".join(pieces(SPECIMEN).values()) + "\n" == SPECIMEN


def keys_of(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(part, Mapping):
        return
    for key, value in part.get("properties", {}).items():
        yield (*path, key)
        yield from keys_of(value, (*path, key))
    for below in (*part.get("anyOf", ()), part.get("items"), part.get("additionalProperties")):
        yield from keys_of(below, path)


KEYS = sorted(set(keys_of(schema())))
BRANCHED = {"by_language", "by_type", "by_form", "by_request_type"}


def test_every_key_stands_in_the_specimen_once() -> None:
    written = {key.text for key in named(read(SPECIMEN)[0])}
    assert {path[-1] for path in KEYS} - written == BRANCHED


def named(node: Any) -> Iterator[Any]:
    for key, value in node.pairs or ():
        yield key
        yield from named(value)
    for item in node.items or ():
        yield from named(item)


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_every_key_has_a_row_in_its_section_or_where_the_same_keys_are(page: str, path: tuple[str, ...]) -> None:
    own = page.partition(f"\n## {path[0]}\n")[2].partition("\n## ")[0]
    cells = [row.split(" | ")[0] for row in (own or page).splitlines() if row.startswith("| `")]
    said = any(re.search(rf"[`.]{path[-1]}`", cell) for cell in cells)
    assert said or (len(path) == 1 and own) or ("Its keys are those of" in own and f"{path[-1]}`" in page)


def test_every_row_of_keys_says_what_it_means(page: str) -> None:
    tables = page.partition("\n## Conditions\n")[0].split("| key | takes | needed | means |")[1:]
    rows = [row for table in tables for row in table.split("\n\n")[0].splitlines() if row.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if not row.rstrip(" |").endswith((".", "`"))] == []


# --- conditions ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", REGISTRY)
def test_every_condition_has_a_row_with_its_sentence_and_its_cause(page: str, name: str) -> None:
    found = REGISTRY[name]
    [row] = [row for row in page.splitlines() if row.startswith(f"| `{found.example}` |")]
    assert found.summary in row
    assert cause(name) in row


def test_causes_are_told_of_conditions_that_are_there() -> None:
    assert CAUSES.keys() <= REGISTRY.keys()


@pytest.mark.parametrize("name", REGISTRY)
def test_a_condition_without_a_cause_is_the_one_that_never_fires_alone(name: str) -> None:
    example = REGISTRY[name].example
    text = SPECIMEN.replace("when: {csat: bad}", f"when: {{{example}}}")
    policy = parse(text)
    [rule] = [rule for rule in policy.rules if rule.name == "bad rating"]
    alone = any(branch.causes for branch in Answers(policy).branches(rule))
    assert alone is not cause(name).startswith("none")


# --- orders -------------------------------------------------------------------------------------------------------
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
TOM = Actor(id="tom", role=Role.AGENT, name="Tom Ito")


@pytest.mark.parametrize("line", [line for line, _, _ in AGENTS if line.startswith("/")])
def test_an_order_on_the_page_is_understood(line: str) -> None:
    comment = Comment(id="1", text=line, public=False)
    event = Event(id="1", kind=Kind.COMMENTED, at=NOW, received_at=NOW, actor=TOM, comment=comment)
    understood = (order_in(line, event, TOM, comment), request_in(line, event, TOM, comment), takes(line) or None)
    assert len([found for found in understood if found is not None]) == 1


@pytest.mark.parametrize("line", [line for line, _ in RECORDS])
def test_what_a_line_records_is_recorded_from_any_line(page: str, line: str) -> None:
    assert f"| `{line}` |" in page.partition("## Orders by agents")[2].partition("\n## ")[0]
    said = Comment(id="1", text=f"Thank you.\n{line.replace('…', 'a restart')}", public=True)
    event = Event(id="1", kind=Kind.COMMENTED, at=NOW, received_at=NOW, actor=TOM, comment=said)
    ref = TicketRef(vendor="desk", site="acme", id="1")
    _, story, _ = tell(Ticket(ref=ref), Story(), [event])
    assert [tried.text for tried in story.tried] == [line.replace("…", "a restart")]


def test_every_order_is_on_the_page() -> None:
    source = (Path(__file__).parents[2] / "policies" / "orders.py").read_text("utf-8")
    verbs = set(re.findall(r"/\(\?P<verb>([a-z|]+)\)", source)[0].split("|"))
    assert verbs <= {line.removeprefix("/").split()[0] for line, _, _ in AGENTS}


def test_the_page_shows_no_schema(page: str) -> None:
    assert "$ref" not in page
    assert "\\d" not in page
    assert not re.search(json.dumps("anyOf"), page)
