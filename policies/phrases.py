"""The signs of a customer's mood that a policy names, and finding its phrases in what the requester wrote.

Whole words, whatever their capitals, in time that grows with the length of the text only: there is no pattern in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

DEGREES = ("mild", "strong")
"""How frustrated somebody sounds, the least first."""

RATINGS = ("bad", "good")

_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: each sign is a word
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Words that tell of frustration. `words`: the same as `plain_words` writes them."""

    language: str
    degree: str
    text: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frustration:
    """By which phrases and tags a policy recognises frustration; `tags` by degree."""

    phrases: tuple[Phrase, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def degrees(self) -> frozenset[str]:
        """The degrees that have a sign."""
        return frozenset((*self.tags, *(phrase.degree for phrase in self.phrases)))


def plain_words(text: str) -> str:
    """Return a text's words in small letters with a space around each: ` i am still waiting `; empty without words."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return f" {' '.join(words)} " if words else ""


def own_words(text: str) -> str:
    """Return the plain words of a message without the lines it quotes (`> …`): the first thousand letters of them."""
    own = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(">"))
    whole = plain_words(own if len(own) <= _LONGEST else own[:_LONGEST].rpartition(" ")[0] or own[:_LONGEST])
    return whole if len(whole) <= _LONGEST * 2 else whole[: _LONGEST * 2].rpartition(" ")[0] + " "


def first_in(said: str, phrases: tuple[Phrase, ...]) -> Phrase | None:
    """Return the strongest phrase found in plain words, of several the first that the policy names."""
    found = [phrase for phrase in phrases if phrase.words in said]
    return max(found, key=lambda phrase: DEGREES.index(phrase.degree), default=None)
