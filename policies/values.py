"""Reading what a policy writes behind a condition's name: words, comparisons by rank or number, yes or no."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from policies import guesses
from policies.calendars import duration
from policies.durations import Duration


class Wrong(ValueError):
    """A condition's value makes no sense. `at` are the keys below the condition's name that lead to the mistake."""

    def __init__(self, message: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


_ORDERS: dict[str, Callable[[int, int], bool]] = {
    "at_least": lambda found, wanted: found >= wanted,
    "at_most": lambda found, wanted: found <= wanted,
    "more_than": lambda found, wanted: found > wanted,
    "less_than": lambda found, wanted: found < wanted,
}


def spoken(length: timedelta) -> str:
    """Say a length of time as people do, with its two largest units: `2 h 05 min`."""
    seconds = length.days * 86400 + length.seconds
    if seconds < 60:
        return f"{length.total_seconds():.3g} s"
    if seconds < 3600:
        return f"{seconds // 60} min" + (f" {seconds % 60:02d} s" if seconds % 60 and seconds < 600 else "")
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h" + (f" {seconds % 3600 // 60:02d} min" if seconds % 3600 >= 60 else "")
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def words(value: Any, what: str) -> tuple[str, ...]:
    """Read a word or a list of words."""
    values = value if isinstance(value, list) else [value]
    for index, word in enumerate(values):
        if not isinstance(word, str | int) or isinstance(word, bool):
            at: tuple[str | int, ...] = (index,) if isinstance(value, list) else ()
            raise Wrong(f"expected {what} (a word or a list of words), found {word!r}", at)
    return tuple(str(word) for word in values)


@lru_cache(maxsize=1024)
def folded(words: tuple[str, ...]) -> frozenset[str]:
    """Return words as they are compared: whether a letter is large or small does not matter."""
    return frozenset(word.casefold() for word in words)


def duration_of(value: Any) -> Duration:
    """Read a length of time such as `30m` or `30m clock`."""
    try:
        return duration(value)
    except ValueError as error:
        raise Wrong(str(error)) from None


def yes_or_no(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        meant = guesses.truth(value)
        raise Wrong(f"expected true or false, found {_as_written(value)}{f'; write {meant}' if meant else ''}")
    return value


def counted(value: Any) -> tuple[Callable[[int], bool], str]:
    """Read `2` (exactly) or `{at_least: 2}`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (lambda found: found == value), str(value)
    order, number = _comparison(value, "a number, or a comparison such as {at_least: 2}")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Wrong(f"expected a whole number, found {number!r}", (order,))
    return (lambda found: _ORDERS[order](found, number)), f"{order.replace('_', ' ')} {number}"


def ordered(value: Any, names: Sequence[str], what: str) -> tuple[Callable[[str], bool], str]:
    """Read a word, a list of words, or a comparison by rank such as `{at_least: high}`."""
    if not isinstance(value, Mapping):
        wanted = words(value, what)
        for word in wanted:
            _rank(word, names, what, ())
        return (lambda found: found in wanted), " or ".join(wanted)
    order, word = _comparison(value, f"{what}, a list, or a comparison such as {{at_least: …}}")
    limit = _rank(word, names, what, (order,))
    return (lambda found: _ORDERS[order](names.index(found), limit)), f"{order.replace('_', ' ')} {word}"


def _rank(word: Any, names: Sequence[str], what: str, at: tuple[str | int, ...]) -> int:
    if word not in names:
        raise Wrong(f"expected {what}: {', '.join(names)}; found {_as_written(word)}{_in_words(word)}", at)
    return names.index(word)


def _comparison(value: Any, what: str) -> tuple[str, Any]:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise Wrong(f"expected {what}; found {_as_written(value)}{_in_words(value)}")
    order, wanted = next(iter(value.items()))
    if order not in _ORDERS:
        raise Wrong(f"expected one of {', '.join(_ORDERS)}; found {order!r}", (str(order),))
    return order, wanted


def _in_words(value: Any) -> str:
    meant = guesses.comparison(value) if isinstance(value, str) else ""
    return f"; write {meant}" if meant else ""


def _as_written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else repr(value)
