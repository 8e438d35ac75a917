"""The grammar of a policy as JSON Schema, so that an editor completes and explains its keys while it is written.

Nothing is kept here twice: sections come from the readers of the document, conditions from the registry. What values a
condition takes is found by asking the document's own reader. Every policy that loads fits the schema; that a policy
fits does not mean that it loads, because names that refer to each other are beyond a schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_type_hints

from policies import conditions, grammar
from policies.examples import examples
from policies.model import TICKET_FIELDS, Ticket
from policies.patterns import LONGEST, MESSAGE
from policies.phrases import DEGREES, RATINGS
from policies.rulebook import WHEN, Names, when
from policies.sections import independent, referring
from policies.shapes import Schema, either, keyed, length, one_or_many, table, text, whole
from policies.source import Fault, read
from policies.strain import SIDES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ORDERS = {
    "at_least": "This or more.",
    "at_most": "This or less.",
    "more_than": "More than this.",
    "less_than": "Less than this.",
}
"""The comparisons that are tried on each condition."""

_MOODS = {"frustration": DEGREES, "csat": RATINGS}
_WORD = "billing"
_UNJUDGED = Names(top=None, severities=None, tiers=None, calendars=None, roles=None)
_JUDGED = Names(top=None, severities=(_WORD, "another"), tiers=(_WORD,), calendars=None, roles=None)


def schema() -> dict[str, Any]:
    """Return the schema of a policy document."""
    needs, may = independent(lambda _: grammar.holidays(()))
    for name, found in referring(_UNJUDGED).items():
        (needs if name in needs else may)[name] = found
    may["tests"] = examples("", None, None, None, None, None).meaning("What must be true of all this; run by `check`.")
    return {
        "$schema": DIALECT,
        "title": "Escalation policy",
        "description": "Which tickets it is about, the levels, and the reasons to go up.",
        **keyed(needs, may),
        "$defs": {"when": _when()},
    }


def schema_text() -> str:
    """Return the schema as it is shipped."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


# --- conditions ---------------------------------------------------------------------------------------------------
def _when() -> Schema:
    """Return the schema of a `when`: all keys of a section must hold, and all entries of a list."""
    nested = {"$ref": WHEN}
    several: Schema = {"type": "array", "items": nested, "minItems": 1}
    properties: dict[str, Schema] = {
        "all": {**several, "description": "All of these must hold."},
        "any": {**several, "description": "At least one of these must hold."},
        "not": {**nested, "description": "This must not hold."},
        **{name: _condition(conditions.REGISTRY[name]) for name in sorted(conditions.REGISTRY)},
    }
    keys: Schema = {"type": "object", "properties": properties, "minProperties": 1, "additionalProperties": False}
    return {"description": "Conditions that must all hold.", **either(keys, several)}


def _condition(found: conditions.Condition) -> Schema:
    forms = _forms(found.name)
    values = forms[0] if len(forms) == 1 else either(*forms)
    shown = read(found.example)[0].get(found.name)
    return {"description": found.summary, **values, "examples": [shown.plain] if shown is not None else []}


def _forms(name: str) -> list[Schema]:
    """Return the schemas of all that the reader takes as this condition's value."""
    sample, fits = _scalar(name)
    if _takes(name, {"some field": sample}):
        return [table(text, lambda _: one_or_many(text)).schema]
    if texts := [field for field in (MESSAGE, *sorted(TICKET_FIELDS)) if _takes(name, {field: _WORD})]:
        return [_patterns(texts)]
    forms = [fits]
    if _takes(name, [sample]):
        forms.append({"type": "array", "items": fits, "minItems": 1})
    forms += _one_key({order: said(fits, ORDERS[order]) for order in ORDERS if _takes(name, {order: sample})})
    sides = [side for side in SIDES if _takes(name, {side: sample})]
    one = either(*forms) if len(forms) > 1 else fits
    return forms + _one_key({side: said(one, f"Only the messages of {side}.") for side in sides})


def said(fits: Schema, sentence: str) -> Schema:
    """Return a schema with a sentence for people who fill it in."""
    return {**fits, "description": sentence}


def _patterns(texts: list[str]) -> Schema:
    """Return the schema of patterns by what they are looked for in."""
    names = either({"enum": texts}, {"pattern": r"^custom\..+"})
    words = {"type": "string", "maxLength": LONGEST}
    known_ones = {name: {**words, "description": f"What the {name} must fit."} for name in texts}
    known = {"type": "object", "minProperties": 1, "propertyNames": names}
    return {**known, "properties": known_ones, "additionalProperties": words}


def _one_key(known: Mapping[str, Schema]) -> list[Schema]:
    one = {"minProperties": 1, "maxProperties": 1}
    return [{"type": "object", "properties": dict(known), **one, "additionalProperties": False}] if known else []


def _scalar(name: str) -> tuple[Any, Schema]:
    """Return a single value that a condition takes, and the schema of all such values."""
    known = _vocabulary(name)
    enumerated = {"enum": known}
    candidates: list[tuple[Any, Schema]] = [
        (True, {"type": "boolean"}),
        (_WORD, either(enumerated, text.schema) if known else text.schema),
        *((word, enumerated) for word in known[:1]),
        ("30m", length.schema),
        (2, whole.schema),
    ]
    return next(((value, fits) for value, fits in candidates if _takes(name, value)), (_WORD, {}))


def _vocabulary(name: str) -> list[str]:
    """Return the words that a mood, or a ticket's field of that name, can have, if they are counted."""
    if name in _MOODS:
        return list(_MOODS[name])
    kinds = get_args(get_type_hints(Ticket).get(name)) or ()
    found = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)), None)
    return [str(getattr(member, "word", member.value)) for member in found] if found else []


def _takes(name: str, value: Any) -> bool:
    try:
        when(_JUDGED)(read(json.dumps({name: value}))[0])
    except Fault:
        return False
    return True
