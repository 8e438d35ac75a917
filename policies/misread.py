"""What YAML's complaints mean for people who are not programmers, and where the mistake behind one stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from policies import guesses

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML."""

Place = tuple[int, int]
"""Line and column, from 0."""

_CURLY = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_BULLETS = "*\u2022\u00b7\u25cf\u25aa\u2023"
_SPACES = "\u00a0\u2007\u202f\u2003\u2002\u2009\u200b\ufeff"
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_HIDDEN = re.compile(r"(?:^|[\s\[{,])(#)(?=\S)[^\]}]*[\]}]")

_WORDS = (
    ("found character '\\t'", "a tab; YAML wants spaces for indentation"),
    ("found unexpected end of stream", "the quoted text that begins here has no closing quote"),
    ("expected ',' or ']'", "a comma or the closing ] is missing before this; text with , or ? needs quotes"),
    ("expected ',' or '}'", "a comma or the closing } is missing before this; text with , or ? needs quotes"),
    ("expected alphabetic or numeric", "text that begins with *, & or % needs quotes"),
    ("that cannot start any token", "text that begins with this character needs quotes"),
    ("expected the node content", "a value is missing before this"),
    ("expected '<document start>'", "this does not belong behind what was before it; is a quote or a bracket missing?"),
    ("found another document", "`---` begins a second policy here; a file holds one, so remove this line and the rest"),
    ("found unknown escape character", "a backslash in double quotes; use 'single quotes' for text with backslashes"),
    ("expected <block end>", "this line does not line up with the lines above it; check its indentation"),
)


def explained(
    error: yaml.MarkedYAMLError, text: str, unclosed: Sequence[tuple[yaml.Mark, int]]
) -> tuple[int, int, str]:
    """Return line and column (from 0) of a mistake, and what it is; `unclosed`: quoted texts over several lines."""
    said, lines = error.problem or "this cannot be read", LINE_BREAK.split(text)
    mark, before = error.problem_mark, error.context_mark
    place = (mark.line, mark.column) if mark is not None else (0, 0)
    start = (before.line, before.column) if before is not None else place
    if "quoted scalar" in (error.context or "") and "end of stream" in said:
        return *start, _said(said)
    if unclosed and unclosed[-1][1] >= place[0] - 1:
        quote = unclosed[-1][0]
        words = "the quoted text that begins here runs over several lines: is its closing quote missing?"
        return quote.line, quote.column, words
    found = _comment_in_brackets(lines, start[0], place[0]) or _odd(lines, place) or _compared(lines, place, said)
    if found is not None:
        return found
    if before is not None and said.startswith(("expected ',' or ']'", "expected ',' or '}'")):
        return _bracket(lines, start, place, said)
    if "could not find expected ':'" in said:
        return *start, _no_colon(_line(lines, start[0]))
    if "mapping values are not allowed" in said:
        return _second_value(lines, place)
    return *place, _said(said)


def odd_character(line: str, start: int, end: int) -> str:
    """Name a character between two columns, or at the line's beginning, that only looks like the right one."""
    first = len(line) - len(line.lstrip(f" {_SPACES}"))
    if line[first : first + 1] in set(_DASHES + _BULLETS) and not line[first + 1 : first + 2].strip():
        return f'"{line[first]}" (U+{ord(line[first]):04X}); a list entry begins with "- "'
    for char in line[:first] + line[start:end]:
        if char in _SPACES:
            return f"a space that is no plain one (U+{ord(char):04X}, such as a non-breaking space); type it again"
        if char in _CURLY:
            return f"{char} (U+{ord(char):04X}), a curly quote; YAML knows only \" and '"
        if char in _DASHES:
            return f'"{char}" (U+{ord(char):04X}), a dash that is no hyphen; type a plain "-"'
    return ""


def _said(said: str) -> str:
    return next((words for known, words in _WORDS if known in said), said)


def _line(lines: Sequence[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""


def _unquoted(line: str) -> str:
    """Return a line with its quoted texts blotted out."""
    return _QUOTED.sub(lambda found: "x" * len(found[0]), line)


def _comment_in_brackets(lines: Sequence[str], first: int, last: int) -> tuple[int, int, str] | None:
    """Find a `#` that was meant as text and hides a closing bracket."""
    for number in range(first, min(last + 1, len(lines))):
        if hidden := _HIDDEN.search(_unquoted(lines[number])):
            words = "`#` begins a comment here, so the rest of the line is not read; quote the text if it is meant"
            return number, hidden.start(1), words
    return None


def _odd(lines: Sequence[str], place: Place) -> tuple[int, int, str] | None:
    """Find a character that only looks like the right one, in the line or in the one above."""
    for number in (place[0], place[0] - 1):
        line = _unquoted(_line(lines, number)) if number >= 0 else ""
        columns = [column for column, char in enumerate(line) if char in _SPACES + _CURLY]
        column = columns[0] if columns else len(line) - len(line.lstrip(" "))
        if line and (found := odd_character(line, column, column + bool(columns))):
            return number, column, f"here stands {found}"
    return None


def _compared(lines: Sequence[str], place: Place, said: str) -> tuple[int, int, str] | None:
    """Find `>2`, which YAML takes for the beginning of a long text."""
    line = _line(lines, place[0])
    begin = line.rfind(">", 0, place[1] + 1)
    meant = guesses.comparison(line[begin:]) if begin >= 0 and ("cannot start" in said or "expected" in said) else ""
    return (place[0], begin, f"a comparison is written in words: {meant}") if meant else None


def _bracket(lines: Sequence[str], start: Place, place: Place, said: str) -> tuple[int, int, str]:
    """Say of a bracket that it is not closed, at its place if the line that is wrong is a later one."""
    if start[0] == place[0] or _line(lines, place[0])[: place[1]].strip():
        return *place, _said(said)
    opened = _line(lines, start[0])[start[1] : start[1] + 1]
    words = f"the {opened} that begins here is not closed, or a comma is missing before line {place[0] + 1}"
    return *start, words


def _no_colon(line: str) -> str:
    if re.match(r"\s*(//|--|/\*|;)", line):
        return "a comment begins with `#`"
    if re.match(r"\s*(- )?[\w ]+:\S", line):
        return "a space is missing behind the colon: `key: value`"
    return "expected `key: value`; a colon is missing in this line"


def _second_value(lines: Sequence[str], place: Place) -> tuple[int, int, str]:
    """Say of a colon where none can be: two in one line, or a line that does not line up with the one above."""
    number, line = place[0], _line(lines, place[0])
    filled = [n for n, other in enumerate(lines) if other.strip() and not other.lstrip().startswith("#")]
    above = max((n for n in filled if n < number), default=number)
    if ": " in _unquoted(line[: place[1]]) or _indent(line) <= _indent(lines[above]):
        return *place, 'a second ": " in this line; text with ": " needs quotes'
    below = min((n for n in filled if n > number), default=number)
    wrong, other = (above, number) if _indent(lines[below]) == _indent(line) else (number, above)
    words = f"this line does not line up with line {other + 1}: its text begins in column {_indent(lines[wrong]) + 1}"
    return wrong, _indent(lines[wrong]), f"{words}, there in column {_indent(lines[other]) + 1}"


def _indent(line: str) -> int:
    """Return where the text of a line begins, behind the dashes of its list."""
    found = re.match(r" *(?:- +)*", line)
    return found.end() if found else 0
