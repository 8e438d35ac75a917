"""Reading the files that people write: policies and invented tickets are UTF-8 text, and one that is not is told so."""

from __future__ import annotations

import codecs
from pathlib import Path

from policies.source import PolicyError, Problem

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHOWN = 4096


def text_of(file: Path, source: str | None = None) -> str:
    """Read a file. Raises PolicyError at the place of what is not UTF-8, OSError if it cannot be read at all."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error, source or str(file)) from None


def _not_utf8(data: bytes, error: UnicodeDecodeError, source: str) -> PolicyError:
    looks, encoding = _looks_like(data)
    before = "" if encoding == "utf-16" else data[: error.start].decode("utf-8")
    rest = data[len(before.encode()) :][:_SHOWN]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    message = f"this is not UTF-8 text; save it as UTF-8{looks}"
    return PolicyError([Problem(line=line, column=column, message=message)], before + _shown(rest, encoding), source)


def _looks_like(data: bytes) -> tuple[str, str]:
    """Say which encoding a text may have, and its name in Python."""
    if data.startswith(_WIDE) or data[:_SHOWN].count(0) * 3 > len(data[:_SHOWN]):
        return " (it looks like UTF-16)", "utf-16"
    return " (it looks like Windows-1252)", "cp1252"


def _shown(data: bytes, encoding: str) -> str:
    return data.decode(encoding, errors="replace")
