"""Writes one setting into a TOML file that a person keeps by hand: comments, order and other tables stay as they are.

What cannot be done without doubt is not done: the new text is read back and compared before it takes the place of the
old one. No value is ever shown.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapter.whole_files import alone, replace

Value = str | Sequence[str]


class NotWritten(Exception):
    """The file could not be changed without doubt; the text says what to write by hand."""


def write(file: Path, table: tuple[str, ...], key: str, value: Value, *, private: bool = False) -> None:
    """Set `key` in a table of a file, which is made if it is missing. `private`: nobody else may read it.

    Raises NotWritten, and OSError. A crash leaves the old file or the new one.
    """
    file = file.resolve()
    with alone(file.with_name(f".{file.name}.lock")):  # read again under the lock: somebody else may have written
        before = _read(file)
        after = with_value(before.replace("\r\n", "\n"), table, key, value)
        if after is None:
            raise NotWritten(f"{file.name} cannot be changed safely; {key} belongs into its table [{_dotted(table)}]")
        if 2 * before.count("\r\n") > before.count("\n"):  # a person's editor ends lines so
            after = after.replace("\n", "\r\n")
        replace(file, after.encode("utf-8"), mode=0o600 if private else None)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8") if file.exists() else ""
    except UnicodeDecodeError as error:
        raise NotWritten(f"{file.name} cannot be changed safely: it is not UTF-8") from error


def line(key: str, value: Value) -> str:
    """Return a setting as it is written."""
    written = json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)
    return f"{key} = {written}".replace("\x7f", "\\u007f")  # TOML wants it escaped, JSON does not


def with_value(text: str, table: tuple[str, ...], key: str, value: Value) -> str | None:
    """Return the text with one setting changed or added; None if that cannot be done without doubt."""
    try:
        wanted = _set(tomllib.loads(text), table, key, value)
        after = _edited(text.split("\n"), table, key, value)
        return after if tomllib.loads(after) == wanted else None
    except (tomllib.TOMLDecodeError, TypeError, AttributeError):  # no TOML, or no table where one should be
        return None


def _set(document: dict[str, Any], table: tuple[str, ...], key: str, value: Value) -> dict[str, Any]:
    inside = document
    for name in table:
        inside = inside.setdefault(name, {})
    inside[key] = value if isinstance(value, str) else list(value)
    return document


def _edited(lines: list[str], table: tuple[str, ...], key: str, value: Value) -> str:
    headers = [(number, names) for number, text in enumerate(lines) if (names := _header(text)) is not None]
    start = next((number for number, names in headers if names == table), None)
    if start is None:
        gap = [""] if any(text.strip() for text in lines) else []
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        return "\n".join([*lines, *gap, f"[{_dotted(table)}]", line(key, value), ""])
    end = next((number for number, _ in headers if number > start), len(lines))
    for number in range(start + 1, end):
        if re.match(rf"\s*(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')\s*=", lines[number]):
            after = _end_of_value(lines, number, end)
            comment = _comment(lines[number]) if after == number + 1 else ""
            return "\n".join([*lines[:number], line(key, value) + comment, *lines[after:]])
    last = max((number for number in range(start, end) if lines[number].strip()), default=start)
    return "\n".join([*lines[: last + 1], line(key, value), *lines[last + 1 :]])


def _header(text: str) -> tuple[str, ...] | None:
    if not re.match(r"\s*\[(?!\[)", text):
        return None
    try:
        inside: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    names = []
    while inside:
        name, inside = next(iter(inside.items()))
        names.append(name)
    return tuple(names)


def _end_of_value(lines: list[str], start: int, end: int) -> int:
    """Return the line after a value, which may be a list over several lines."""
    for after in range(start + 1, end + 1):
        try:
            tomllib.loads("\n".join(lines[start:after]))
        except tomllib.TOMLDecodeError:
            continue
        return after
    return start + 1


def _comment(text: str) -> str:
    """Return what a person wrote behind a value."""
    whole = tomllib.loads(text)
    for place in (found.start() for found in re.finditer(r"\s*#", text)):
        try:
            if tomllib.loads(text[:place]) == whole:
                return text[place:]
        except tomllib.TOMLDecodeError:
            continue
    return ""


def _dotted(table: tuple[str, ...]) -> str:
    return ".".join(name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name) for name in table)
