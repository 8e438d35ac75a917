"""How each condition is said: words that fit behind `when`. Names nothing that the policy does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

COMPARED = {"at_least": "{} or above", "at_most": "{} or below", "more_than": "above {}", "less_than": "below {}"}
_AT_LEVEL = {
    "at_least": "at level {} or above",
    "at_most": "at level {} or below",
    "more_than": "above level {}",
    "less_than": "below level {}",
}
_COUNTED = {
    "at_least": "at least {}",
    "at_most": "at most {}",
    "more_than": "more than {}",
    "less_than": "fewer than {}",
}
_FELT = {
    "at_least": "{} frustration or more",
    "at_most": "at most {} frustration",
    "more_than": "more than {} frustration",
    "less_than": "less than {} frustration",
}
NOUNS = {"kind": "ticket type", "form": "form or request type", "tier": "customer's tier"}


def listed(words: Iterable[object], last: str = "or") -> str:
    """Join words as people do: `a, b or c`."""
    said = [str(word) for word in words]
    return f" {last} ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)


def is_so(so: bool) -> str:
    """Say whether."""
    return "is" if so else "is not"


def plain(word: object) -> str:
    """Write a word of the grammar as people do."""
    return str(word).replace("_", " ")


def amount(number: int, what: str) -> str:
    """Say how many: `1 rule`, `2 rules`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def times(number: int) -> str:
    """Say how often."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def compared(value: Any, orders: Mapping[str, str], word: Callable[[object], str] = str) -> str:
    """Say a comparison, a word or a list of words: names as they are written, unless `word` says another way."""
    if isinstance(value, Mapping):
        return listed((orders.get(str(o), f"{plain(o)} {{}}").format(word(v)) for o, v in value.items()), "and")
    words = [word(one) for one in (value if isinstance(value, list | tuple) else [value])]
    return listed({word.casefold(): word for word in reversed(words)}[fold] for fold in _folded(words))


def _folded(words: Iterable[str]) -> Iterable[str]:
    """Leave out words that differ from an earlier one in capitals only: conditions do not tell them apart."""
    return dict.fromkeys(word.casefold() for word in words)


def _tags(value: Any, so: bool) -> str:
    return f"it {is_so(so)} tagged {compared(value, COMPARED)}"


def _custom(value: Any, so: bool) -> str:
    fields = [f"{name} {is_so(so)} {compared(words, COMPARED)}" for name, words in value.items()]
    return listed(fields, "and" if so else "or")


def _level(value: Any, so: bool) -> str:
    return f"it {is_so(so)} {compared(value, _AT_LEVEL) if isinstance(value, Mapping) else f'at level {value}'}"


def _reopens(value: Any, so: bool) -> str:
    number = compared(value, _COUNTED)
    return f"it {'has' if so else 'has not'} come back {number} time{'' if number == '1' else 's'} after it was solved"


def _hand_overs(value: Any, so: bool) -> str:
    number = compared(value, _COUNTED)
    return f"it {'has' if so else 'has not'} been handed over {number} time{'' if number == '1' else 's'}"


def _owners(value: Any, so: bool) -> str:
    number = compared(value, _COUNTED)
    people = "person" if number == "1" else "people"
    return f"it {'has' if so else 'has not'} been in the hands of {number} {people}"


def _replies(value: Any, so: bool) -> str:
    sides = {"agents": "agents have", "customer": "the customer has"}
    side = next((s for s in sides if isinstance(value, Mapping) and s in value), "")
    number = compared(value[side] if side else value, _COUNTED)
    who, wrote = sides.get(side, "the two sides have"), "written" if side else "exchanged"
    return f"{who}{'' if so else ' not'} {wrote} {number} message{'' if number == '1' else 's'}"


def _frustration(value: Any, so: bool) -> str:
    felt = compared(value, _FELT) + ("" if isinstance(value, Mapping) else " frustration")
    return f"the requester's words or tags {'show' if so else 'do not show'} {felt}"


def _csat(value: Any, so: bool) -> str:
    return f"the customer {'rated' if so else 'has not rated'} the help {compared(value, COMPARED)}"


def _requested(value: Any, so: bool) -> str:
    return "staff asked for it" if value is so else "staff has not asked for it"


def _answered(value: Any, so: bool) -> str:
    return "the requester has an answer" if value is so else "the requester is still waiting for an answer"


def _blocked(value: Any, so: bool) -> str:
    return f"{'an' if value is so else 'no'} open linked ticket blocks it"


def _matches(value: Any, so: bool) -> str:
    texts = {"subject": "its subject", "message": "what the requester wrote"}
    said = {texts.get(name, plain(name.removeprefix("custom."))): pattern for name, pattern in value.items()}
    fits = "fits" if so else "does not fit"
    return listed((f"{what} {fits} the pattern {pattern}" for what, pattern in said.items()), "and" if so else "or")


TIMED = {
    "until_promise": (
        "no more than {} is left until the time that was promised",
        "more than {} is left until the time that was promised, or none was",
    ),
    "after_promise": (
        "the time that was promised passed {} ago or longer",
        "the time that was promised did not pass {} ago, or none was",
    ),
    "until_sla_breach": (
        "no more than {} is left until the vendor's own promise breaks",
        "more than {} is left until the vendor's own promise breaks, or none is running",
    ),
    "after_sla_breach": (
        "the vendor's own promise broke {} ago or longer",
        "the vendor's own promise did not break {} ago, or none was running",
    ),
}
"""How questions about a promised time are said, and their opposites; the length goes into the braces."""

SAID: dict[str, Callable[[Any, bool], str]] = {
    "tags": _tags,
    "custom": _custom,
    "level": _level,
    "reopens": _reopens,
    "requested_by_staff": _requested,
    "answered": _answered,
    "hand_overs": _hand_overs,
    "owners": _owners,
    "replies": _replies,
    "frustration": _frustration,
    "csat": _csat,
    "blocked": _blocked,
    "matches": _matches,
}
