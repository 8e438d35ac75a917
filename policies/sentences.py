"""A policy read aloud: conditions, durations, calendars and targets in words that people say. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from policies.calendars import DAY, Calendar, Window
from policies.commands import Mode, Recipient
from policies.conditions import REGISTRY, AllOf, AnyOf, Leaf, Node, Not
from policies.durations import Duration
from policies.levels import Level, Place, Step
from policies.policy import Policy, Rule
from policies.values import counted as counted_by
from policies.wording import COMPARED, NOUNS, SAID, TIMED, compared, is_so, plain
from policies.wording import listed as listed

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = (("hour", 3600), ("minute", 60), ("second", 1))
_WATCHERS = frozenset({"followers", "watchers"})
"""What vendors call people who only watch a ticket."""
THIS_LONG = "this long"
"""How the registry's sentences say the length that a time condition waits for."""


def capital(sentence: str) -> str:
    """Begin with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


# --- time ---------------------------------------------------------------------------------------------------------
def spelled(length: timedelta) -> str:
    """Spell a length of time: `1 hour 30 minutes`."""
    left, parts = int(length.total_seconds()), []
    for unit, seconds in _UNITS:
        number, left = divmod(left, seconds)
        parts += [f"{number} {unit}{'' if number == 1 else 's'}"] if number else []
    return " ".join(parts) or "no time"


def counted(length: Duration, calendar: str) -> str:
    """Spell a duration with what it counts: `4 hours of office time`, `3 days by the clock`."""
    if not length.clock and calendar != "always":
        return f"{spelled(length.length)} of {calendar} time"
    days, rest = divmod(length.length, timedelta(days=1))
    return f"{f'{days} days' if days > 1 and not rest else spelled(length.length)} by the clock"


def day(at: date) -> str:
    """Write a date: `24 December 2026`."""
    return f"{at.day} {at:%B %Y}"


def hours(calendar: Calendar) -> list[str]:
    """Say when a calendar is open, a line for days that are alike."""
    lines = []
    for windows, run in groupby(range(7), key=lambda number: calendar.hours[number]):
        days = list(run)
        name = _DAYS[days[0]] if len(days) == 1 else f"{_DAYS[days[0]]}–{_DAYS[days[-1]]}"
        lines.append(f"{'every day' if len(days) == 7 else name}: {_windows(windows)}")
    return lines


def _windows(windows: Sequence[Window]) -> str:
    return ", ".join(f"{_wall(opens)}–{_wall(closes)}" for opens, closes in windows) or "closed"


def _wall(minute: int) -> str:
    number, late = (minute, "") if minute <= DAY else (minute - DAY, " next day")
    return f"{number // 60:02d}:{number % 60:02d}{late}"


def closed(calendar: Calendar) -> list[str]:
    """Say on which dates a calendar is closed all day."""
    lines = []
    if calendar.holidays:
        first, last = min(calendar.holidays), max(calendar.holidays)
        names = dict.fromkeys(calendar.holidays[at] for at in sorted(calendar.holidays))
        lines.append(f"{len(calendar.holidays)} public holidays, {first.year} to {last.year}: {', '.join(names)}")
    if calendar.closed:
        lines.append(f"closed on {listed((day(at) for at in sorted(calendar.closed)), 'and')}")
    return lines


# --- which calendar -----------------------------------------------------------------------------------------------
WORKING = "working"
"""What the time is called that counts, where it depends on the customer or the level which calendar that is."""


def usual_calendar(policy: Policy) -> str:
    """Name the calendar of most tickets; it may depend on the customer."""
    varies = policy.calendar_from is not None or any(tier.calendar for tier in policy.tiers)
    return WORKING if varies else policy.calendar


def levels_calendar(policy: Policy, level: Level) -> str:
    """Name the calendar that a level's durations count."""
    return level.calendar or usual_calendar(policy)


def rules_calendar(policy: Policy, rule: Rule) -> str:
    """Name the calendar that a rule's durations count; it may depend on where the ticket stands."""
    return rule.calendar or (WORKING if any(level.calendar for level in policy.levels) else usual_calendar(policy))


# --- conditions ---------------------------------------------------------------------------------------------------
def reason(rule: Rule, policy: Policy) -> str:
    """Say when a rule fires, as one sentence."""
    return capital(in_words(rule.when, rules_calendar(policy, rule))) + "."


def remarks(rule: Rule, policy: Policy) -> list[str]:
    """Say what else there is to know about a rule."""
    calendar = rules_calendar(policy, rule)
    said = [f"Tells {recipients(rule.tell)}."] if rule.tell else []
    said += [f"Counts the calendar {rule.calendar}."] if rule.calendar else []
    said += [f"Once more for the same cause after {counted(rule.again, calendar)}."] if rule.again else []
    said += [f"Waits while {waiting(rule, calendar)}."] if rule.wait_if else []
    return said + ([capital(mode(rule.mode)) + "."] if rule.mode else [])


def waiting(rule: Rule, calendar: str) -> str:
    """Say what a rule waits for before it moves a ticket; nothing if it does not."""
    if rule.wait_if is None:
        return ""
    lately, most = counted(rule.wait_if.human_active_within, calendar), counted(rule.wait_if.at_most, calendar)
    return f"somebody has worked on it within {lately}, but no longer than {most}"


def in_words(node: Node, calendar: str, so: bool = True) -> str:
    """Say a condition, or its opposite, in words that fit behind `when`."""
    if isinstance(node, Not):
        return in_words(node.part, calendar, not so)
    if isinstance(node, AllOf | AnyOf):
        return _joined(node, calendar, so)
    if isinstance(node, Leaf):
        return _leaf(node.name, node.value, calendar, so)
    return str(node)


def _joined(node: AllOf | AnyOf, calendar: str, so: bool) -> str:
    every = isinstance(node, AllOf) is so
    parts = [in_words(part, calendar, so) for part in node.parts]
    if len(parts) == 1:
        return parts[0]
    both = ", ".join(parts[:-1]) + (f", and {parts[-1]}" if every else f", or {parts[-1]}")
    return both if every else f"either {both}"


def _leaf(name: str, value: Any, calendar: str, so: bool) -> str:
    if name in TIMED:
        return TIMED[name][not so].format(counted(Duration.parse(value), calendar))
    summary = REGISTRY[name].summary if name in REGISTRY else ""
    if THIS_LONG in summary:
        length = counted(Duration.parse(value), calendar)
        sentence = summary.partition(f"{THIS_LONG}")[0].strip()
        sentence = f"{sentence[:1].lower()}{sentence[1:]} {length}"
        return sentence if so else f"it is not yet so that {sentence}"
    special = SAID.get(name)
    if special is not None:
        return special(value, so)
    if isinstance(value, bool):
        return f"{plain(name)}: {'yes' if value is so else 'no'}"
    word = plain if name == "status" else str
    return f"the {NOUNS.get(name, plain(name))} {is_so(so)} {compared(value, COMPARED, word)}"


# --- where it leads, and who is told -----------------------------------------------------------------------------
def mode(value: Mode) -> str:
    """Say how far Stepladder may go."""
    words = {Mode.OBSERVE: "only observes: nothing is written", Mode.NOTE: "only writes the note", Mode.ACT: "acts"}
    return words[value]


def recipients(told: Iterable[Recipient]) -> str:
    """Say who is told."""
    return listed((_recipient(one) for one in told), "and")


def _recipient(one: Recipient) -> str:
    if one.on_call is None:
        return str(one.address)
    nobody = f" ({one.otherwise} if nobody is)" if one.otherwise else ""
    return f"whoever is on call for {one.on_call}{nobody}"


def watches(place: Place) -> bool:
    """Say whether a place only names people who watch, so that a ticket stays with whoever has it."""
    return all(target.keys() <= _WATCHERS for target in place.every())


def field(name: str) -> str:
    """Say a field of a ticket as people do."""
    return plain(NOUNS.get(name, name.removeprefix("custom.")))


def leads(rule: Rule, level: int) -> str | None:
    """Say how a rule leads to a level: by itself (an empty text), by asking, one up; None if it does not."""
    if rule.go_to is Step.REQUESTED_LEVEL:
        return f"if they name level {level}, or none at level {level - 1}" if level > 1 else None
    if rule.go_to is Step.NEXT_LEVEL:
        return f"from level {level - 1}" if level > 1 and _possible(rule.when, level - 1) is not False else None
    return "" if rule.go_to == level else None


def _possible(node: Node, level: int) -> bool | None:
    """Say whether a condition holds at a level; None if that depends on other things."""
    if isinstance(node, Leaf):
        return counted_by(node.value)[0](level) if node.name == "level" else None
    if isinstance(node, Not):
        inside = _possible(node.part, level)
        return None if inside is None else not inside
    found = [_possible(part, level) for part in getattr(node, "parts", ())]
    decisive = isinstance(node, AnyOf)
    return decisive if decisive in found else None if None in found else not decisive


def destination(rule: Rule) -> str:
    """Say where a rule leads."""
    if rule.go_to is None:
        return "nowhere: people are told, and the ticket stays where it is"
    words = {Step.NEXT_LEVEL: "the next level", Step.REQUESTED_LEVEL: "the level that was asked for, else the next"}
    return words[rule.go_to] if isinstance(rule.go_to, Step) else f"level {rule.go_to}"
