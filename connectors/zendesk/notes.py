"""An internal note in Zendesk's HTML (`comment.html_body`). Pure. No span, whoever wrote it, can become markup, a
placeholder ({{ticket.…}}, which Zendesk would fill in), a mention, a ticket reference or a link.
"""

from __future__ import annotations

import html
import re

from policies.commands import Line, Note, Span, Speech

LIMIT = 60_000
"""Bytes; Zendesk silently cuts a comment off at 64 kB, which would lose the last line with the operation id."""

_JOINER = "\u2060"  # invisible, and not part of any address or mention
_LIVE = re.compile(r"(?<![\w.])[@#](?=\w)|(?<=[a-zA-Z]):(?=//)|(?<=mailto):|(?<=www)\.", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ENTITIES = str.maketrans({"{": "&#123;", "}": "&#125;"})
_CAPS = (20_000, 6_000, 2_000, 600, 200)
_MARKS = {Speech.OURS: ("", ""), Speech.STRONG: ("<strong>", "</strong>"), Speech.QUOTE: ("<em>", "</em>")}


def render(note: Note, told: tuple[str, ...]) -> str:
    """Return the note as HTML; sentences in `told` stand before the last line, which keeps the operation id."""
    more = tuple(Line(spans=(Span(text=sentence),)) for sentence in told)
    lines = (*note.lines[:-1], *more, *note.lines[-1:])
    for cap in _CAPS:
        written = [_line(line, cap) for line in lines]
        if _size(written) <= LIMIT:
            return _page(written)
    return _page(_fewer(written, keep=len(more) + 1))


def _fewer(written: list[str], keep: int) -> list[str]:
    first, last = written[:-keep], written[-keep:]
    mark = _line(Line(spans=(Span(text="… cut: Zendesk takes no longer note …"),)), _CAPS[0])
    room = LIMIT - _size([mark, *last])
    while first and _size(first) > room:
        # spans are cut first, so a line of very many spans can still be too long: then it goes, whole
        first = first[: len(first) * 3 // 4]
    return [*first, mark, *last]


def _page(written: list[str]) -> str:
    return "".join(written)


def _size(written: list[str]) -> int:
    return len(_page(written).encode())


def _line(line: Line, cap: int) -> str:
    label = f"<strong>{_escape(line.label)}:</strong> " if line.label else ""
    return f"<p>{label}{''.join(_span(span, cap) for span in line.spans)}</p>"


def _span(span: Span, cap: int) -> str:
    before, after = _MARKS[span.speech]
    text = span.text if len(span.text) <= cap else f"{span.text[:cap]} … [cut, {len(span.text) - cap} more characters]"
    return f"{before}{_escape(text)}{after}"


def _escape(text: str) -> str:
    still = _LIVE.sub(lambda found: found[0] + _JOINER, _CONTROL.sub("", text))
    return html.escape(still).translate(_ENTITIES).replace("\n", "<br>")
