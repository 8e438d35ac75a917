"""An internal note in Jira's wiki markup (REST API v2, Cloud and Data Center). Pure; no text becomes markup here.

Escaping follows the rule that Data Center's BackslashEscapeRendererComponent and Cloud's
`@atlaskit/editor-wikimarkup-transformer` (parser/utils/escape) share: a backslash before one of ESCAPABLE makes it
plain, unless another backslash stands before it. What that rule does not cover is broken with an invisible word joiner.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from policies.commands import Line, Note, Span, Speech

ESCAPABLE = frozenset(r"-#*_+?^~|%{}[]()!@")
JOINER = "\u2060"
NOTE_LIMIT = 32_000
"""Jira's `jira.text.field.character.limit` is 32,767 by default; room is left for what Jira adds."""
SPAN_LIMIT = 3_000
CUT = "… (cut)"

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# each also where a span ends, because the next one may go on
_LINK_OR_FACE = re.compile(r":(?![\s\d])|;(?!\s)|[&<](?!\s)|(?:www|\bh[1-6]|\bbq)(?=\.|$)|\\", re.IGNORECASE)
# a hyphen inside a word strikes nothing through, unless the word is an issue's key, which would become a link
_MARKUP = re.compile(rf"(?:(?<![a-z])-|-(?![A-Za-z0-9])|[{re.escape(''.join(sorted(ESCAPABLE - {'-'})))}])")
_LINE_MARKUP = re.compile(r"(h[1-6]|bq)\.", re.IGNORECASE)


def render(note: Note, told: Sequence[str] = ()) -> str:
    """Return the note as wiki markup; `told` sentences stand before the last line, and neither is ever cut away."""
    lines = [_line(line) for line in note.lines]
    body, last = lines[:-1], lines[-1:]
    last = [_line(Line(spans=(Span(text=sentence),))) for sentence in told] + last
    room = NOTE_LIMIT - sum(_size(line) + 1 for line in (*last, CUT))
    kept: list[str] = []
    for line in body:
        room -= _size(line) + 1
        if room < 0:
            kept.append(CUT)
            break
        kept.append(line)
    return "\n".join(kept + last)


def escape(text: str) -> str:
    """Return text that Jira shows as it is, on one line."""
    flat = " ".join(_CONTROL.sub("", text).split())
    broken = _LINK_OR_FACE.sub(lambda found: found.group() + JOINER, flat)
    return _MARKUP.sub(r"\\\g<0>", broken)


def bears(body: str, operation: str) -> bool:
    """Say whether a comment's text, as Jira gives it back, holds this operation's id as a word."""
    return re.search(rf"\bop {re.escape(_plain(operation))}(?![\w-])", _plain(body)) is not None


def _line(line: Line) -> str:
    text = "".join(_span(span) for span in line.spans)
    if line.label:
        return f"*{escape(line.label)}:* {text}"
    return f"{JOINER}{text}" if _LINE_MARKUP.match(text) else text


def _span(span: Span) -> str:
    raw = span.text if len(span.text) <= SPAN_LIMIT else span.text[:SPAN_LIMIT] + CUT
    text = escape(raw)
    if not text:
        return " " if raw else ""
    before, after = " " * raw[:1].isspace(), " " * raw[-1:].isspace()
    mark = {Speech.STRONG: "*", Speech.QUOTE: "_"}.get(span.speech, "")
    return f"{before}{mark}{text}{mark}{after}"


def _size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2  # Java counts so


def _plain(text: str) -> str:
    return text.replace("\\", "").replace(JOINER, "")
