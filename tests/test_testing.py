"""What docs/testing.md claims: every test it names is there, and tests that quote a guide quote what they show."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text("utf-8")
QUOTE = re.compile(r"“([^”]+)”")


def asked() -> list[tuple[tuple[str, ...], str]]:
    """Return the rows of the page's second table: what is asked for, and what shows it."""
    table = PAGE.partition("| they say | shown by |\n|---|---|\n")[2].partition("\n\n")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [(tuple(QUOTE.findall(first)), second) for first, second in cells]


@cache
def described() -> dict[str, str]:
    """Return the text that describes each test of the project, by its name."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = " ".join((ast.get_docstring(node) or "").split())
    return found


@pytest.mark.parametrize(("quotes", "shown"), asked(), ids=lambda part: part[0][:30] if part else "")
def test_what_is_asked_for_is_shown_by_a_test_that_is_there_or_said_to_be_missing(
    quotes: tuple[str, ...], shown: str
) -> None:
    names = re.findall(r"`(test_\w+)`", shown)
    assert quotes
    assert names or shown.startswith("not in this version: ")
    assert [name for name in names if name not in described()] == []


@pytest.mark.parametrize("name", [name for name, text in described().items() if QUOTE.search(text)])
def test_what_a_test_quotes_stands_on_the_page_beside_its_name(name: str) -> None:
    said = {quote for quotes, shown in asked() if f"`{name}`" in shown for quote in quotes}
    assert set(QUOTE.findall(described()[name])) <= said
