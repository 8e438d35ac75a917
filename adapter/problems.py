"""What is wrong with the settings, as sentences: where, what was found, what would be right. Never shows a secret."""

from __future__ import annotations

import difflib
import json
import re
import ssl
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

EXPECTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
}
"""What the type checker's findings are called in a TOML file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: in which file (or the environment), at which setting, and what would be right."""

    source: str
    setting: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.setting, self.message) if part)


class SettingsError(Exception):
    """The settings cannot be used. Its text lists all problems, one a line, and no secret."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{count} in the settings:", *(f"  {problem}" for problem in self.problems)]))


def dotted(*keys: object) -> str:
    """Write a setting's name as TOML would: `sites.acme.statuses."In Progress"`."""
    return ".".join(k if re.fullmatch(r"[\w-]+", k) else json.dumps(k, ensure_ascii=False) for k in map(str, keys))


def toml_place(error: tomllib.TOMLDecodeError) -> tuple[str, str]:
    """Part what is wrong with a TOML file from its place, written as `:3:7`; nothing if it is the file's end."""
    said, _, where = str(error).rpartition(" (at ")
    place = re.match(r"line (\d+), column (\d+)", where)
    return (said, f":{place[1]}:{place[2]}") if place else (str(error), "")


def untrustworthy(bundle: Path) -> str | None:
    """Say why a file of certificates cannot be used, if it cannot."""
    try:
        ssl.create_default_context(cafile=bundle)
    except FileNotFoundError:
        return f"there is no file {bundle}"
    except ssl.SSLError:
        return f"{bundle} holds no certificates; expected one or more as text (PEM)"
    except OSError as error:
        return f"{bundle} cannot be read ({error.strerror}); expected a file of certificates that this user may read"
    return None


def shown(value: object) -> str:
    """Write what was found, short: containers by kind only, since anything may lie in them."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(word: object, known: Iterable[str]) -> str:
    """Return `; did you mean …?` for a word that is nearly one of the known ones, otherwise nothing."""
    guesses = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6) if isinstance(word, str) else []
    return f"; did you mean {guesses[0]}?" if guesses else ""


def findings(
    error: ValidationError, model: type[BaseModel], secrets: frozenset[str] = frozenset()
) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield each finding of a class as (keys below the class, sentence). Values of `secrets` are not shown."""
    for detail in error.errors(include_url=False):
        keys = tuple(str(key) for key in detail["loc"] if key != "[key]")
        yield keys, _sentence(detail, keys, model, secrets)


def _sentence(detail: ErrorDetails, keys: tuple[str, ...], model: type[BaseModel], secrets: frozenset[str]) -> str:
    leaf = keys[-1] if keys else ""
    if detail["type"] == "extra_forbidden":
        names = {*_fields(model, keys[:-1]), *(f"{secret}_file" for secret in secrets if len(keys) == 1)}
        return f"unknown setting{nearest(leaf, names)}"
    if detail["type"] == "missing":
        return f"missing; expected {_description(model, keys) or 'a value'}"
    if detail["type"] == "value_error":
        # the class speaks in whole sentences already; some open with the setting's own name
        return re.sub(rf"^{re.escape(leaf)}:? ", "", detail["msg"].removeprefix("Value error, "))
    found = "a value that is not shown" if secrets & set(keys) or not keys else shown(detail["input"])
    expected = EXPECTED.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
    description = _description(model, keys)
    return f"found {found}; expected {expected}" + (f" ({description})" if description else "")


def _fields(model: type[BaseModel], keys: tuple[str, ...]) -> Iterable[str]:
    for key in keys:
        known = _field(model, key)
        if known is None or not (isinstance(known.annotation, type) and issubclass(known.annotation, BaseModel)):
            return ()
        model = known.annotation
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    """Return the setting that the file calls so."""
    return next((field for name, field in model.model_fields.items() if (field.alias or name) == key), None)


def _description(model: type[BaseModel], keys: tuple[str, ...]) -> str:
    known: Any = None
    for key in keys:
        known = _field(model, key)
        if known is None:
            return ""
        if isinstance(known.annotation, type) and issubclass(known.annotation, BaseModel):
            model = known.annotation
    return known.description or "" if known is not None else ""
