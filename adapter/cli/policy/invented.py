"""The ticket that a file invents for `policy explain`: JSON, or the YAML of a policy's test."""

from __future__ import annotations

import json
from pathlib import Path

from adapter.texts import text_of
from policies.examples import story
from policies.policy import Example, Policy
from policies.source import Fault, PolicyError, Problem, read

_JSON = (
    ("Expecting ',' delimiter", "a comma is missing before this, or a bracket or quote before it is not closed"),
    ("Expecting ':' delimiter", 'a colon is missing before this: "name": value'),
    ("Expecting property name", "a name in double quotes is missing here; there is no comma behind the last entry"),
    ("Expecting value", "a value is missing here: a number, true, false, or text in double quotes"),
    ("Unterminated string", "the text that begins here has no closing quote"),
    ("Extra data", "this does not belong behind what was before it; is a bracket too many?"),
    ("Invalid control character", "text in JSON is one line; is the closing quote of this one missing?"),
    ("Invalid \\", "a backslash in text is written twice"),
)


def invented(policy: Policy, file: Path) -> Example:
    """Read a ticket from a file. Raises PolicyError with every problem."""
    text = text_of(file)
    json_like = text.lstrip().startswith("{")
    if json_like:
        text = text.replace("\t", " ")  # JSON may be indented with tabs, YAML may not
    try:
        root, problems = read(text)
        if problems:
            raise Fault(*problems)
    except Fault as fault:
        wrong = _not_json(text) if json_like else None
        raise PolicyError([wrong] if wrong is not None else fault.problems, text, str(file)) from None
    try:
        return story(policy)(root)
    except Fault as fault:
        raise PolicyError(fault.problems, text, str(file)) from None


def _not_json(text: str) -> Problem | None:
    """Return the mistake as JSON sees it, if it sees one."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        words = next((words for said, words in _JSON if error.msg.startswith(said)), error.msg)
        return Problem(line=error.lineno, column=error.colno, message=f"this is not JSON: {words}")
    except RecursionError:
        return None
    return None
