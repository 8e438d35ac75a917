"""What a test expects, beside what came: one sentence for each moment at which something is not as expected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from policies.case import Hold
from policies.invented import spelled
from policies.model import Priority
from policies.particulars import target


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """How a ticket stands at a moment of a test. `why` says what the last look found, `moved` how it got there."""

    level: int
    rule: str | None
    priority: Priority | None
    target: Mapping[str, Any]
    told: Collection[str]
    held: tuple[Hold, ...]
    why: str
    moved: str


def mismatch(wanted: Mapping[str, Any], came: Came) -> str:
    """Say what a test expected and what came instead; empty if all is as expected."""
    wrong = [name for name, (fits, _, _) in _EXPECTED.items() if name in wanted and not fits(wanted[name], came)]
    if not wrong:
        return ""
    expected = ", ".join(_EXPECTED[name][1](wanted[name]) for name in wrong)
    found = ", ".join(_EXPECTED[name][2](came) for name in wrong)
    return f"expected {expected}; found {found}{_reason(wanted, wrong, came)}"


def _reason(wanted: Mapping[str, Any], wrong: Collection[str], came: Came) -> str:
    """Return what explains it: how the ticket got to its level, or why it is still there; nothing if it does not."""
    if "held" in wrong and came.held:
        return ""
    if {"level", "rule"} & set(wrong):
        climbed = came.level > wanted["level"] or "level" not in wrong
        return f" ({came.moved if climbed and came.moved else came.why})"
    return f" ({came.why})" if "held" in wrong else ""


def _fits_target(wanted: Any, found: Any) -> bool:
    """Say whether a word, or a mapping, stands somewhere in a target."""
    if wanted == found:
        return True
    parts = found.values() if isinstance(found, Mapping) else found if isinstance(found, list | tuple) else ()
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(name in found and _fits_target(value, found[name]) for name, value in wanted.items())
    return any(_fits_target(wanted, part) for part in parts)


def _fits_hold(wanted: bool | str, came: Came) -> bool:
    if isinstance(wanted, bool):
        return bool(came.held) is wanted
    return any(wanted.casefold() in hold.reason.casefold() for hold in came.held)


def _rule(name: str | None) -> str:
    return f'rule "{name}"' if name is not None else "no rule"


def _place(found: Any) -> str:
    return (target(found) or "nowhere") if isinstance(found, Mapping) else str(found)


def _told(names: Collection[str]) -> str:
    return f"told: {', '.join(sorted(names)) or 'nobody'}"


def _wanted_hold(wanted: bool | str) -> str:
    return f'held: "{wanted}"' if isinstance(wanted, str) else f"held: {'something' if wanted else 'nothing'}"


def _holds(came: Came) -> str:
    return f"held: {'; '.join(f'{hold.rule}, {hold.reason}' for hold in came.held) or 'nothing'}"


_EXPECTED: Mapping[str, tuple[Callable[[Any, Came], bool], Callable[[Any], str], Callable[[Came], str]]] = {
    "level": (lambda wanted, came: wanted == came.level, lambda w: f"level {w}", lambda came: f"level {came.level}"),
    "rule": (lambda wanted, came: wanted == came.rule, _rule, lambda came: _rule(came.rule)),
    "priority": (
        lambda wanted, came: wanted == came.priority,
        lambda wanted: f"priority {spelled(wanted)}",
        lambda came: f"priority {spelled(came.priority)}",
    ),
    "target": (
        lambda wanted, came: _fits_target(wanted, came.target),
        lambda wanted: f"it to go to {_place(wanted)}",
        lambda came: f"it went to {_place(came.target)}" if came.target else "it went nowhere",
    ),
    "told": (lambda wanted, came: set(wanted) == set(came.told), _told, lambda came: _told(came.told)),
    "held": (_fits_hold, _wanted_hold, _holds),
}
"""What a test may expect: whether it is so, what was expected in words, and what came in words."""
