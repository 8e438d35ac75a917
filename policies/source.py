"""The text of a policy as nodes that know their place, and mistakes as sentences that show it.

Only this file and misread.py know YAML. It reads YAML 1.2 as people expect it: `9:00`, `no`, `0777` and dates are
text. Anchors, aliases and tags are refused, and size, depth and number of nodes are bounded while the text is read, so
that a hostile file is an error like any other. PyYAML in plain Python: its C twin crashes on deep nesting.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import yaml

from policies import guesses, misread

MAX_TEXT = 128 * 1024
MAX_DEPTH = 40
MAX_NODES = 12_000
MAX_PROBLEMS = 100
_EXCERPT = 110
_NOT_ALLOWED = "a character that YAML does not allow"
_UNWRITABLE = yaml.reader.Reader.NON_PRINTABLE
"""Half characters and control characters, which quoted text can spell although a file cannot hold them."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: where (from 1), what, and the nearest right name if there is one."""

    line: int
    column: int
    message: str
    suggestion: str = ""
    width: int = 1

    @property
    def sentence(self) -> str:
        """The message, with the suggestion if there is one."""
        return f'{self.message}; did you mean "{self.suggestion}"?' if self.suggestion else self.message


class Fault(Exception):
    """Mistakes on their way up, so that one reading finds all of them. Without problems: already reported."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


class PolicyError(ValueError):
    """A policy cannot be used. Its text shows every problem with file, line, column, the line itself and a caret."""

    def __init__(self, problems: Iterable[Problem], text: str, source: str) -> None:
        lines = misread.LINE_BREAK.split(text[: MAX_TEXT * 2])
        unique = sorted(set(problems), key=lambda p: (p.line, p.column, p.message))
        self.problems = tuple(_seen(problem, lines) for problem in unique[:MAX_PROBLEMS])
        shown = [_shown(problem, lines, source) for problem in self.problems]
        if len(unique) >= MAX_PROBLEMS:
            shown.append(f"{source}: and perhaps more; these are the first {MAX_PROBLEMS}")
        super().__init__("\n".join(shown))


def _seen(problem: Problem, lines: list[str]) -> Problem:
    """Add to a problem that something in its place only looks like what it should be."""
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    if line.isascii() or not re.match('unknown |expected |".*" is not ', problem.message):
        return problem
    odd = misread.odd_character(line, problem.column - 1, problem.column - 1 + problem.width)
    return replace(problem, message=f"{problem.message}; here stands {odd}") if odd else problem


def _shown(problem: Problem, lines: list[str], source: str) -> str:
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    start = max(0, problem.column - 1 - _EXCERPT // 2) if len(line) > _EXCERPT else 0
    excerpt = _printable(line[start : start + _EXCERPT])
    caret = " " * (problem.column - 1 - start) + "^" * max(1, min(problem.width, _EXCERPT - problem.column + 1 + start))
    head = _printable(f"{source}:{problem.line}:{problem.column}: {problem.sentence}")
    return f"{head}\n  {problem.line:>4} | {excerpt}\n       | {caret}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of the document and its place: a scalar (`text` as written), a list, or pairs of key and value."""

    line: int
    column: int
    width: int = 1
    scalar: Scalar = None
    text: str = ""
    items: tuple[Node, ...] | None = None
    pairs: tuple[tuple[Node, Node], ...] | None = None

    @property
    def plain(self) -> Any:
        """The value without places: str, int, float, bool, None, list or dict."""
        if self.pairs is not None:
            return {key.text: value.plain for key, value in self.pairs}
        if self.items is not None:
            return [item.plain for item in self.items]
        return self.scalar

    @property
    def empty(self) -> bool:
        """Nothing was written here (reported when the text was read)."""
        return self.items is None and self.pairs is None and self.scalar is None

    def get(self, name: str) -> Node | None:
        """Return the value of a key."""
        return next((value for key, value in self.pairs or () if key.text == name), None)

    def follow(self, path: Iterable[str | int]) -> Node:
        """Return the node that keys and indexes lead to, as far as they can be followed."""
        node = self
        for step in path:
            if isinstance(step, int):
                found = node.items[step] if node.items and step < len(node.items) else None
            else:
                found = node.get(step)
            if found is None:
                return node
            node = found
        return node

    def scalars(self) -> Iterable[Node]:
        """Yield every scalar below."""
        if self.items is None and self.pairs is None:
            yield self
        for node in (*(self.items or ()), *(value for _, value in self.pairs or ())):
            yield from node.scalars()

    def problem(self, message: str, suggestion: str = "") -> Problem:
        """Return a problem at this place."""
        return Problem(line=self.line, column=self.column, message=message, suggestion=suggestion, width=self.width)


def nearest(word: str, names: Iterable[str]) -> str:
    """Return the name that was probably meant, or an empty string."""
    known = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold()[:40], known, n=1, cutoff=0.6)
    return known[found[0]] if found else ""


def read(text: str) -> tuple[Node, list[Problem]]:
    """Read a document into nodes. Returns doubled keys and empty values as problems; raises Fault if unreadable."""
    if len(text) > MAX_TEXT:
        raise Fault(
            Problem(
                line=1, column=1, message=f"a policy has at most {MAX_TEXT // 1024} KB; this has {len(text) // 1024} KB"
            )
        )
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        message = f"{_NOT_ALLOWED} (U+{ord(text[error.position]):04X})"
        column = error.position - (before.rfind("\n") + 1) + 1
        raise Fault(Problem(line=before.count("\n") + 1, column=column, message=message)) from None
    except yaml.MarkedYAMLError as error:
        row, column, message = misread.explained(error, text, loader.unclosed if loader else ())
        raise Fault(Problem(line=row + 1, column=column + 1, message=message)) from None
    if root is None or root.tag.endswith(":null"):
        raise Fault(Problem(line=1, column=1, message="the file is empty"))
    problems: list[Problem] = []
    return _converted(root, problems), problems


class _Loader(yaml.SafeLoader):
    """Composes nodes only, with bounds; `unclosed` are the starts of quoted texts that run over several lines."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML's own way

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.unclosed: list[tuple[yaml.Mark, int]] = []
        self.depth = self.count = 0

    def scan_flow_scalar(self, style: str) -> Any:
        try:
            token = super().scan_flow_scalar(style)
        except (ValueError, OverflowError):  # PyYAML asks Python for the character of "\UFFFFFFFF"
            raise yaml.scanner.ScannerError(None, None, "there is no such character", self.get_mark()) from None
        if token.end_mark.line > token.start_mark.line:
            self.unclosed.append((token.start_mark, token.end_mark.line))
        return token

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self.depth += 1
        self.count += 1
        wrong = None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            wrong = "anchors (&name) and aliases (*name) are not used in a policy; quote the text if it is one"
        elif getattr(event, "tag", None):
            wrong = "tags (!name) are not used in a policy; quote the text if it is one"
        elif self.depth > MAX_DEPTH:
            wrong = f"nested deeper than {MAX_DEPTH} levels"
        elif self.count > MAX_NODES:
            wrong = f"more than {MAX_NODES} values in one policy"
        if wrong:
            raise yaml.composer.ComposerError(None, None, wrong, event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    ("float", r"[-+]?[0-9]{1,15}\.[0-9]{1,15}", "-+0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _converted(node: yaml.Node, problems: list[Problem], *, listed: bool = False) -> Node:
    start, end = node.start_mark, node.end_mark
    place = partial(Node, line=start.line + 1, column=start.column + 1)
    if isinstance(node, yaml.SequenceNode):
        items = tuple(_converted(item, problems, listed=True) for item in node.value)
        problems += [
            item.problem("nothing is written here; write a value, or remove the line") for item in items if item.empty
        ]
        return place(items=items)
    if isinstance(node, yaml.MappingNode):
        return place(pairs=_pairs(node, problems, listed=listed))
    width = end.column - start.column if end.line == start.line else 1
    written = _UNWRITABLE.sub("\ufffd", node.value)
    found = place(width=max(width, 1), text=written, scalar=_scalar(node.tag.rpartition(":")[2], written))
    if (escaped := _UNWRITABLE.search(node.value)) is not None:
        problems.append(found.problem(f"{_NOT_ALLOWED} (U+{ord(escaped[0]):04X})"))
    return found


def _scalar(tag: str, text: str) -> Scalar:
    match tag:
        case "null":
            return None
        case "bool":
            return text.casefold() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text)
    return text


def _pairs(node: yaml.MappingNode, problems: list[Problem], *, listed: bool) -> tuple[tuple[Node, Node], ...]:
    pairs: dict[str, tuple[Node, Node]] = {}
    for raw_key, raw_value in node.value:
        key, value = _converted(raw_key, problems), _converted(raw_value, problems)
        if key.items is not None or key.pairs is not None:
            problems.append(key.problem("a key must be a word; is a quote missing around {…} or […]?"))
        elif key.text in pairs:
            if listed and not node.flow_style and key.text == next(iter(pairs)):
                problems.append(key.problem(f'"{key.text}" occurs twice here; is the "- " of a new entry missing?'))
                break  # what follows belongs to the new entry
            problems.append(key.problem(f'"{key.text}" occurs twice here; only one would be used'))
        else:
            pairs[key.text] = key, value
            if value.empty:
                problems.append(key.problem(f'"{key.text}" has no value; {_left_out(raw_key)}'))
            elif (meant := _folded(raw_value)) is not None:
                problems.append(key.problem(f"a comparison is written in words: {meant}"))
                pairs[key.text] = key, replace(value, scalar=None)
    return tuple(pairs.values())


def _left_out(key: yaml.Node) -> str:
    """Say what to do about a key without a value; a `#` may have hidden it."""
    mark = key.end_mark
    rest = misread.LINE_BREAK.split(mark.buffer[mark.pointer : mark.pointer + _EXCERPT])[0] if mark.buffer else ""
    hidden = re.match(r"\s*:\s+#\S", rest)
    return "`#` begins a comment; quote the text if it is meant" if hidden else "write one, or remove the line"


def _folded(value: yaml.Node) -> str | None:
    """Return the comparison that was meant by `>2`, which begins a text over several lines."""
    if not isinstance(value, yaml.ScalarNode) or value.style != ">" or value.value.strip():
        return None
    mark = value.start_mark
    return guesses.comparison(mark.buffer[mark.pointer : mark.pointer + _EXCERPT]) or None if mark.buffer else None
