"""What the sections `frustration` and `csat` of a policy document may say: phrases and tags that show a mood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from policies.phrases import DEGREES, RATINGS, Frustration, Phrase, plain_words
from policies.shapes import Shape, one_or_many, record, shape, table, text
from policies.source import Fault, Node

T = TypeVar("T")
Words = Mapping[str, tuple[str, ...]]

MOST_PHRASES = 500


@shape(text.schema)
def _phrase(node: Node) -> str:
    if not plain_words(text(node)):
        raise Fault(node.problem("there is no word in this phrase; only words are looked for"))
    return node.text


def _by(names: Iterable[str], each: Shape[str], build: Callable[..., T]) -> Shape[T]:
    """Read words under some of these names, at least one."""
    several = one_or_many(each)
    found = record(build, {}, {name: several.meaning(f"What means {name}.") for name in names})
    return Shape(found.read, {**found.schema, "minProperties": 1})


def _some(**found: tuple[str, ...]) -> Words:
    if not found:
        raise ValueError("nothing is named here; fill it, or remove it")
    folded = [(name, word.casefold()) for name, words in found.items() for word in words]
    _once(folded)
    return found


def _once(named: Iterable[tuple[str, str]]) -> None:
    """Raise if one word stands under two names."""
    seen: dict[str, str] = {}
    for name, word in named:
        if seen.setdefault(word, name) != name:
            raise ValueError(f'"{word.strip()}" is both {seen[word]} and {name}')


def _frustration(phrases: Mapping[str, Words] | None = None, tags: Words | None = None) -> Frustration:
    if not phrases and not tags:
        raise ValueError("expected phrases or tags, such as {phrases: {en: {mild: [still waiting]}}}")
    found = tuple(
        Phrase(language=language, degree=degree, text=said, words=plain_words(said))
        for language, by_degree in (phrases or {}).items()
        for degree, several in by_degree.items()
        for said in several
    )
    _once((phrase.degree, phrase.words) for phrase in found)
    if len(found) > MOST_PHRASES:
        raise ValueError(f"a policy has at most {MOST_PHRASES} phrases; this has {len(found)}")
    return Frustration(phrases=found, tags=tags or {})


_spoken = table(text, lambda _: _by(DEGREES, _phrase, _some)).meaning(
    "By language (only for order: all are looked for in every message), whole words that the requester writes."
)
_tagged = _by(DEGREES, text, _some).meaning("Tags or labels, such as those of the vendor's sentiment detection.")

frustration: Shape[Frustration] = record(_frustration, {}, {"phrases": _spoken, "tags": _tagged}).meaning(
    "Signs of frustration, mild or strong; they never escalate alone."
)

csat: Shape[Words] = _by(RATINGS, text, _some).meaning(
    "Tags or labels that say how the customer rated the help; the one that was set last counts."
)
