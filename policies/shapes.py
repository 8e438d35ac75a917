"""Readers for the parts of a document: from a node to a value, or a Fault with a sentence at the node's place.

A hand-written handful of readers instead of pydantic: a policy ends as frozen dataclasses in any case, so models would
only repeat them, and every message of pydantic's would have to be replaced by a sentence with a position anyway. Each
reader also says what it accepts in the words of JSON Schema, which `schema.py` collects for editors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, Generic, TypeVar

from policies import guesses
from policies.durations import Duration
from policies.source import MAX_PROBLEMS, Fault, Node, Problem, nearest

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """A reader, and in JSON Schema's words what it accepts."""

    read: Callable[[Node], T]
    schema: Schema

    def __call__(self, node: Node) -> T:
        """Read a node. Raises Fault."""
        return self.read(node)

    def meaning(self, sentence: str) -> Shape[T]:
        """Return the same reader with a sentence for people who fill it in."""
        return replace(self, schema={**self.schema, "description": sentence})


def shape(schema: Schema) -> Callable[[Callable[[Node], T]], Shape[T]]:
    """Make a function the reader of what a schema describes."""
    return lambda read: Shape(read, schema)


Keys = Mapping[str, Shape[Any]]
NOTHING: Keys = {}


class Gather:
    """Collects problems, so that one reading finds all of them and goes on with what could be read."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self.problems = list(problems)
        self.failed = bool(self.problems)

    def read(self, shape: Callable[[Node], T], node: Node) -> T | None:
        """Read a node; None if it has problems."""
        try:
            return shape(node)
        except Fault as fault:
            self.failed = True
            self.add(*fault.problems)
            return None

    def add(self, *problems: Problem) -> None:
        """Take note of problems."""
        self.problems += problems
        self.failed = self.failed or bool(problems)
        if len(self.problems) >= MAX_PROBLEMS:
            raise Fault(*self.problems)

    def settle(self) -> None:
        """Raise if there was any problem."""
        if self.failed:
            raise Fault(*self.problems)


def expected(node: Node, what: str, meant: str = "") -> Fault:
    """Return the fault for a node that is something else; nothing more to say about one that is empty."""
    if node.empty:
        return Fault()
    if node.pairs is not None:
        found = "keys and values"
    else:
        found = "a list" if node.items is not None else f'"{node.text[:40]}"'
    return Fault(node.problem(f"expected {what}, found {found}", meant))


def unknown(node: Node, what: str, names: Collection[str]) -> Problem:
    """Return the problem of a name that is not one of the known ones, with the nearest of them."""
    if meant := guesses.comparison(node.text):
        return node.problem(f'unknown {what} "{node.text[:40]}"; a comparison is written in words: {meant}')
    near = nearest(node.text, names)
    listed = (", ".join([*names][:_MOST_NAMES]) or "none") + (", …" if len(names) > _MOST_NAMES else "")
    return node.problem(f'unknown {what} "{node.text[:40]}"{"" if near else f"; known here: {listed}"}', near)


_MOST_NAMES = 60
_LENGTH = r"^\s*(\d{1,9}\s*[smhd]\s*)*\d{1,9}\s*[smhd](\s+clock)?\s*$"


# --- scalars ------------------------------------------------------------------------------------------------------
@shape({"type": ["string", "number"]})
def text(node: Node) -> str:
    """Read one line or more of text; numbers are taken as they are written."""
    if node.scalar is None or isinstance(node.scalar, bool):
        raise expected(node, "text (in quotes, if it is meant as a word)" if node.text else "text")
    if not node.text.strip():
        raise Fault(node.problem("this text is empty"))
    return node.text


@shape(text.schema)
def line(node: Node) -> str:
    """Read a name, which is one line: it may become the subject of a message."""
    if text(node).splitlines() != [node.text]:
        raise Fault(node.problem("this must be one line"))
    return node.text


@shape({"type": "integer"})
def whole(node: Node) -> int:
    """Read a whole number."""
    if not isinstance(node.scalar, int) or isinstance(node.scalar, bool):
        raise expected(node, "a whole number")
    return node.scalar


@shape({"const": True})
def true(node: Node) -> bool:
    """Read `true`; leaving the line out is the other choice."""
    if node.scalar is not True:
        raise expected(node, "true")
    return True


@shape({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"})
def day(node: Node) -> date:
    """Read a date such as 2026-12-24."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", node.text):
            return date.fromisoformat(node.text)
    except ValueError:
        raise Fault(node.problem(f"there is no such day as {node.text}")) from None
    raise expected(node, "a date such as 2026-12-24", guesses.day(node.text))


@shape({"type": "string", "pattern": _LENGTH, "examples": ["30m", "4h", "1h 30m", "30m clock"]})
def length(node: Node) -> Duration:
    """Read a duration such as 30m or 4h clock."""
    try:
        return Duration.parse(text(node))
    except ValueError as error:
        raise Fault(node.problem(str(error))) from None


@shape({})
def itself(node: Node) -> Node:
    """Take a node unread, because it refers to others that must be read first."""
    if node.empty:
        raise Fault()
    return node


@shape({})
def plain(node: Node) -> Any:
    """Take a value as it is."""
    if node.empty:
        raise Fault()
    return node.plain


def word(choices: type[E], what: str) -> Shape[E]:
    """Read one of an enumeration's words."""
    names = {str(getattr(member, "word", member.value)): member for member in choices}

    def read(node: Node) -> E:
        if text(node) not in names:
            raise Fault(unknown(node, what, names))
        return names[node.text]

    return Shape(read, {"enum": list(names)})


def named(what: str, names: Collection[str] | None) -> Shape[str]:
    """Read the name of something that the document defines elsewhere; None: unknown, because that part is broken."""

    def read(node: Node) -> str:
        if text(node) not in (names if names is not None else (node.text,)):
            raise Fault(unknown(node, what, names or ()))
        return node.text

    return Shape(read, {"enum": list(names)} if names else text.schema)


# --- lists and sections -------------------------------------------------------------------------------------------
def many(shape: Shape[T], what: str = "a list") -> Shape[tuple[T, ...]]:
    """Read a list that has at least one entry."""

    def read(node: Node) -> tuple[T, ...]:
        if node.items is None:
            raise expected(node, what)
        if not node.items:
            raise Fault(node.problem("this list is empty; fill it, or remove it"))
        gather = Gather()
        found = [gather.read(shape, item) for item in node.items]
        gather.settle()
        return tuple(found)  # type: ignore[arg-type]  # settled: nothing is missing

    return Shape(read, {"type": "array", "items": shape.schema, "minItems": 1})


def one_or_many(shape: Shape[T]) -> Shape[tuple[T, ...]]:
    """Read a list, or a single value in its place."""
    several = many(shape)
    return Shape(
        lambda node: several(node) if node.items is not None else (shape(node),), either(shape.schema, several.schema)
    )


def either(*schemas: Schema) -> Schema:
    """Return the schema of what fits one of several."""
    return {"anyOf": list(schemas)}


def table(key: Shape[str], shape: Callable[[str], Shape[T]], names: Collection[str] = ()) -> Shape[dict[str, T]]:
    """Read named entries; `shape` makes the reader for the entry of a name. `names`: the only ones, if known."""

    def read(node: Node) -> dict[str, T]:
        if not node.pairs:
            raise expected(node, "names with values")
        gather = Gather()
        found = {}
        for name, value in node.pairs:
            if gather.read(key, name) is not None:
                found[name.text] = gather.read(shape(name.text), value)
        gather.settle()
        return found  # type: ignore[return-value]  # settled: nothing is missing

    schema: dict[str, Any] = {"type": "object", "minProperties": 1}
    if names:
        known = {name: shape(name).schema for name in names}
        return Shape(read, {**schema, "properties": known, "additionalProperties": False})
    if key is not text:
        schema["propertyNames"] = key.schema
    return Shape(read, {**schema, "additionalProperties": shape("").schema})


def collect(node: Node, needs: Keys, may: Keys, gather: Gather) -> dict[str, Any]:
    """Read a section's known keys as far as they can be read; unknown and missing ones are problems."""
    shapes = {**needs, **may}
    if node.pairs is None:
        raise expected(node, f"the keys {', '.join(shapes)}")
    strangers = [unknown(key, "key", shapes) for key, _ in node.pairs if key.text not in shapes]
    gather.add(*strangers)
    known = [(key.text, gather.read(shapes[key.text], value)) for key, value in node.pairs if key.text in shapes]
    present = {key.text for key, _ in node.pairs} | {problem.suggestion for problem in strangers}
    gather.add(*(node.problem(f'"{name}" is missing in what begins here') for name in needs if name not in present))
    return {name: got for name, got in known if got is not None}


def keyed(needs: Keys, may: Keys) -> Schema:
    """Return the schema of a section with known keys."""
    properties = {name: shape.schema for name, shape in {**needs, **may}.items()}
    required = {"required": list(needs)} if needs else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def record(build: Callable[..., T], needs: Keys = NOTHING, may: Keys = NOTHING) -> Shape[T]:
    """Read a section and build a value from what is there. A ValueError of `build` is a problem, `at` its place."""

    def read(node: Node) -> T:
        gather = Gather()
        found = collect(node, needs, may, gather)
        gather.settle()
        try:
            return build(**found)
        except ValueError as error:
            raise Fault(node.follow(getattr(error, "at", ())).problem(str(error))) from None

    return Shape(read, keyed(needs, may))


def section(needs: Keys = NOTHING, may: Keys = NOTHING) -> Shape[dict[str, Any]]:
    """Read a section with known keys as it is."""
    return record(lambda **found: found, needs, may)


def doubles(several: Node, key: str, what: str) -> list[Problem]:
    """Return a problem for each entry of a list whose `key` repeats an earlier one."""
    seen: dict[str, Node] = {}
    problems = []
    for item in several.items or ():
        node = item.get(key)
        if node is not None and node.text and seen.setdefault(node.text, node) is not node:
            problems.append(node.problem(f'{what} "{node.text}" is already in line {seen[node.text].line}'))
    return problems
