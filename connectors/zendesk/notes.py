"""An internal note in Zendesk's HTML (`comment.html_body`). Pure. No span, whoever wrote it, can become markup, a
placeholder ({{ticket.…}}, which Zendesk would fill in), a mention, a ticket reference or a link.
"""

from __future__ import annotations

import html
import re
from itertools import pairwise

from policies.commands import Line, Note, Span, Speech

LIMIT = 60_000
"""Bytes; Zendesk silently cuts a comment off at 64 kB, which would lose the last line with the operation id."""

_JOINER = "\u2060"  # invisible, and not part of any address or mention
_LIVE = re.compile(r"(?<!\w)@(?=\w)|#(?=\w)|(?<=[a-zA-Z]):(?=/)|(?<=mailto):|(?<=www)\.", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ENTITIES = str.maketrans({"{": "&#123;", "}": "&#125;"})
_CAPS = (20_000, 6_000, 2_000, 600, 200)
_TOLD_CAP = 300  # characters of a sentence about what was refused, where the note is too long otherwise
_CUT = Line(spans=(Span(text="… cut: Zendesk takes no longer note …"),))
_MARKS = {Speech.OURS: ("", ""), Speech.STRONG: ("<strong>", "</strong>"), Speech.QUOTE: ("<em>", "</em>")}


def render(note: Note, told: tuple[str, ...]) -> str:
    """Return the note as HTML; sentences in `told` stand before the last line, which keeps the operation id."""
    more = tuple(Line(spans=(Span(text=sentence),)) for sentence in told)
    lines = (*note.lines[:-1], *more, *note.lines[-1:])
    for cap in _CAPS:
        page = "".join(_line(line, cap) for line in lines)
        if _size(page) <= LIMIT:
            return page
    return _fewer(note.lines[:-1], more, note.lines[-1:])


def _fewer(first: tuple[Line, ...], told: tuple[Line, ...], last: tuple[Line, ...]) -> str:
    """Leave whole lines out, with a mark where they stood: of what the note says, then of what was refused."""
    mark, end = _line(_CUT, _CAPS[0]), "".join(_line(line, _CAPS[-1]) for line in last)
    said, more = [_line(line, _CAPS[-1]) for line in first], [_line(line, _TOLD_CAP) for line in told]
    room = LIMIT - _size(mark) - _size(end)
    more = _fitting(more, room // 2)
    said = _fitting(said, room - _size("".join(more)))
    return "".join([*said, mark, *more, end])


def _fitting(written: list[str], room: int) -> list[str]:
    """Return the first lines, as many as there is room for; a line of very many spans can be too long by itself."""
    for number, line in enumerate(written):
        room -= _size(line)
        if room < 0:
            return written[:number]
    return written


def _size(page: str) -> int:
    return len(page.encode())


def _line(line: Line, cap: int) -> str:
    texts = [_harmless(_short(span.text, cap)) for span in line.spans]
    # what is live is looked for across spans: a sign at the end of one and a word at the beginning of the next
    breaks = {found.end() for found in _LIVE.finditer("".join(texts))}
    label = f"<strong>{_escape(_harmless(line.label), _breaks_in(line.label))}:</strong> " if line.label else ""
    place, written = 0, []
    for span, text in zip(line.spans, texts, strict=True):
        before, after = _MARKS[span.speech]
        inside = {at - place for at in breaks if place < at <= place + len(text)}
        written.append(f"{before}{_escape(text, inside)}{after}")
        place += len(text)
    return f"<p>{label}{''.join(written)}</p>"


def _short(text: str, cap: int) -> str:
    return text if len(text) <= cap else f"{text[:cap]} … [cut, {len(text) - cap} more characters]"


def _harmless(text: str) -> str:
    return _CONTROL.sub("", text)


def _breaks_in(text: str) -> set[int]:
    return {found.end() for found in _LIVE.finditer(_harmless(text))}


def _escape(text: str, breaks: set[int]) -> str:
    """Return text as HTML that shows it as it is, with an invisible character after each sign in `breaks`."""
    cuts = sorted({0, len(text), *breaks})
    still = _JOINER.join(text[a:b] for a, b in pairwise(cuts)) + (_JOINER if len(text) in breaks else "")
    return html.escape(still).translate(_ENTITIES).replace("\n", "<br>")
