r"""The question whether texts fit patterns. RE2 answers in time that grows with the text only, whatever the pattern is.

Large and small letters are alike, as in every condition, unless a pattern says `(?-i)`. What the requester wrote is
looked at as plain words: small letters, one space between words, no punctuation, no quoted lines.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import re2

from policies.asking import FactQuestion, Unknown
from policies.conditions import Cause, Moment, condition
from policies.masking import HIDDEN, masked
from policies.model import Named
from policies.questions import held
from policies.values import Wrong

LONGEST = 500
"""Characters that a pattern may have."""

LOOKED_AT = 2000
"""Characters of a text that are looked at; a field of a ticket is rarely longer."""

MESSAGE = "message"
_FIELDS = (
    "subject", "product", "kind", "language", "channel", "tier", "impact", "urgency", "organization", "form", "group",
    "project",
)  # fmt: skip
_MEMORY = 1 << 20  # bytes for one pattern
_SHOWN = 40
_MARGIN = 100
_CUSTOM = "custom."

_PLAIN_REASONS = (
    ("invalid perl operator", "{} is unknown: patterns run on RE2, which has no look-ahead and no look-behind"),
    ("invalid escape sequence", "{} is unknown: patterns run on RE2, which has no back-references such as \\1"),
    ("missing )", "a ( is not closed"),
    ("unexpected )", "a ) closes nothing"),
    ("missing ]", "a [ is not closed"),
    ("no argument for repetition operator", "there is nothing before {} to repeat"),
    ("bad repetition operator", "{} repeats a repetition"),
    ("invalid repetition size", "{} repeats too often; at most 1000 times, also counted through nested brackets"),
    ("invalid character class range", "there is no such range or class of letters: {}"),
    ("trailing \\", "it ends with a \\ that stands before nothing"),
    ("pattern too large", "it becomes too large; repeat less"),
)
_TOKENS = re.compile(
    r"\\[pP]\{[^}]*\}|\\[\w]|\\(?P<escaped>.)|\[\^?\]?(?:\\.|\[:[^\]]*:\]|[^\]\\])*\]|\(\?(?:P?<\w+>|[\w-]*[:)])"
    r"|\{\d+(?:,\d*)?\}|[.^$|()*+?]|(?P<plain>.)",
    re.DOTALL,
)
_EDGE = re.compile(r"\\[bB](?=[^\x00-\x7f])|[^\x00-\x7f]\\[bB]")


class _Found(NamedTuple):
    """What one pattern found: None = unknown until `needs` is fetched."""

    value: bool | None
    words: str
    causes: tuple[Cause, ...] = ()
    needs: str | None = None


Look = Callable[[Moment], _Found]


@condition("matches", example='matches: {subject: "server (is )?down"}')
def matches(value: Any) -> FactQuestion:
    """Texts fit these patterns, all of them: `subject`, `message` (what the requester wrote), a field, `custom.…`."""
    # of the messages the newest three are looked at, and they are a cause once for each waiting, as frustration is
    if not isinstance(value, Mapping) or not value:
        raise Wrong(f"expected texts with patterns, such as {{subject: outage}}, found {value!r}")
    looks = [_look(str(name), pattern) for name, pattern in value.items()]

    def holds(found: tuple[_Found, ...]) -> bool | Unknown:
        if any(one.value is False for one in found):
            return False
        needs = next((one.needs for one in found if one.needs is not None), None)
        return True if needs is None else Unknown(needs, show(found))

    def show(found: tuple[_Found, ...]) -> str:
        return ", ".join(f"{name}: {one.words}" for name, one in zip(value, found, strict=True))

    return FactQuestion(
        name="matches",
        wanted=", ".join(f"{name}: {pattern}" for name, pattern in value.items()),
        read=lambda moment: tuple([look(moment) for look in looks]),
        holds=holds,
        show=show,
        causes=lambda _, found: tuple(cause for one in found for cause in one.causes),
    )


def _look(name: str, pattern: Any) -> Look:
    """Make what looks at one text. Raises Wrong with the place."""
    if name != MESSAGE and name not in _FIELDS and not (name.startswith(_CUSTOM) and name != _CUSTOM):
        raise Wrong(f"expected one of {', '.join((MESSAGE, *_FIELDS))} or {_CUSTOM}NAME; found {name!r}", (name,))
    if not isinstance(pattern, str) or not pattern:
        raise Wrong(f"expected a pattern, such as outage, found {pattern!r}", (name,))
    try:
        ready = compiled(pattern)
        return _in_messages(compiled(_in_plain_words(pattern))) if name == MESSAGE else _in_field(name, ready)
    except ValueError as error:
        raise Wrong(str(error), (name,)) from None


def compiled(pattern: str) -> Any:
    """Compile a pattern for RE2. Raises ValueError with a sentence."""
    if len(pattern) > LONGEST:
        raise ValueError(f"a pattern has at most {LONGEST} characters; this has {len(pattern)}")
    if edge := _EDGE.search(pattern):
        raise ValueError(f"{edge[0]} finds no edge of a word: patterns know only those of a to z; leave it out")
    options = re2.Options()
    options.log_errors, options.case_sensitive, options.max_mem = False, False, _MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise ValueError("this pattern holds half a character; write it anew") from None
    except re2.error as error:
        raise ValueError(f"this pattern cannot be read: {_in_plain_english(error)}") from None


def _in_plain_english(error: Exception) -> str:
    said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
    for beginning, words in _PLAIN_REASONS:
        if said.startswith(beginning):
            return words.format(said.partition(": ")[2])
    return said


def _in_plain_words(pattern: str) -> str:
    """Write a pattern's letters as those of plain words. Raises ValueError for a sign that no plain words have."""
    pattern = unicodedata.normalize("NFKC", pattern)
    for token in _TOKENS.finditer(pattern):
        sign = token["escaped"] or token["plain"] or ""
        if sign and not sign.isalnum() and not sign.isspace():
            where = "what the requester wrote is looked at as plain words without punctuation"
            raise ValueError(f"{sign} never fits: {where}; write a space, or leave it out")
    return "".join(sign if sign.isascii() else sign.casefold() for sign in pattern)


def _in_messages(pattern: Any) -> Look:
    def look(moment: Moment) -> _Found:
        fits = [(wrote, said) for wrote in moment.story.words if (said := pattern.search(wrote.text.strip()))]
        if not fits and not moment.story.conversation:
            return _Found(None, "unknown", needs="conversation")
        causes = {wrote.waiting: Cause(id=f"message #{wrote.waiting}", since=wrote.at) for wrote, _ in reversed(fits)}
        return _Found(bool(fits), _shown(fits[-1][1], fits[-1][0].text) if fits else "no", tuple(causes.values()))

    return look


def _in_field(name: str, pattern: Any) -> Look:
    def look(moment: Moment) -> _Found:
        text, needs = _text(moment, name)
        if needs is not None:
            return _Found(None, "unknown", needs=needs)
        said = pattern.search(text[:LOOKED_AT]) if text is not None else None
        if text is None or said is None:
            return _Found(False, "no" if text else "none")
        return _Found(True, _shown(said, text), tuple(_causes(moment, name, text)))

    return look


def _text(moment: Moment, name: str) -> tuple[str | None, str | None]:
    """Return a field's text, and what to fetch if it is not known."""
    ticket, field = moment.ticket, name.partition(".")[0]
    if not ticket.knows(field):
        return None, field
    if field == "custom":
        key = name.removeprefix(_CUSTOM)
        return ticket.custom.get(key), None if key in ticket.custom or moment.story.whole else field
    found = getattr(ticket, name)
    if isinstance(found, Named):
        return found.name, field if found.name is None else None
    return found, None


def _causes(moment: Moment, name: str, text: str) -> Iterator[Cause]:
    """Yield the cause behind a field's text. A subject is a cause once, however often it comes back."""
    since = moment.story.took(name)
    if name == "subject" and since is not None:
        yield Cause(id=f"subject {hashlib.sha256(text.encode()).hexdigest()[:12]}", since=since)
    elif name != "subject":
        yield from held(moment, name)


def _shown(said: Any, text: str) -> str:
    """Quote what fits, unless it is, or is part of, what must never be quoted."""
    found = said.group()
    whole = masked(text[: LOOKED_AT + _MARGIN])  # a number that is cut through would pass as none
    words = " ".join(found.split()) if found in whole else HIDDEN
    return f"“{words[:_SHOWN]}{'…' if len(words) > _SHOWN else ''}”"
