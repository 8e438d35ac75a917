"""What the sections of a policy document may say that have no room of their own: scope, time, severity, customers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from policies import guesses
from policies.calendars import DAY, Calendar, Window, public_holidays
from policies.policy import Choice, Severity, Tier
from policies.shapes import (
    Gather,
    Schema,
    Shape,
    day,
    doubles,
    either,
    expected,
    line,
    many,
    one_or_many,
    record,
    section,
    shape,
    table,
    text,
    unknown,
    whole,
)
from policies.source import Fault, Node
from policies.values import Wrong

SCOPES = {
    "brands": "brand",
    "groups": "group",
    "forms": "form",
    "request_types": "form",
    "projects": "project",
    "issue_types": "kind",
    "tags": "tags",
    "organizations": "organization",
}
"""The words of `applies_to`, and the ticket fields they look at."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SITE = re.compile(r"[a-z][a-z0-9_]*(/[\w.-]+)?")
_WINDOW = re.compile(r"(\d\d?):([0-5]\d) ?- ?(\d\d?):([0-5]\d)")
_ANY_CASE = {day: "".join(f"[{letter.upper()}{letter}]" for letter in day) for day in (*_DAYS, "daily")}
_DAY = f"(?:{'|'.join(_ANY_CASE[day] for day in _DAYS)})"
_DAY_NAMES = re.compile(f"{_ANY_CASE['daily']}|{_DAY}(?:-{_DAY})?")

T = TypeVar("T")


def _pattern(found: re.Pattern[str]) -> Schema:
    return {"type": "string", "pattern": f"^(?:{found.pattern})$"}


# --- numbers ------------------------------------------------------------------------------------------------------
def bounded(least: int, most: int) -> Shape[int]:
    """Read a whole number within bounds."""

    def read(node: Node) -> int:
        if not least <= whole(node) <= most:
            raise Fault(node.problem(f"expected a number from {least} to {most}, found {node.text[:40]}"))
        return whole(node)

    return Shape(read, {"type": "integer", "minimum": least, "maximum": most})


def a_level(top: int | None, least: int = 1) -> Shape[int]:
    """Read the number of a level; `top` None: how many there are is not known."""

    def read(node: Node) -> int:
        if not least <= whole(node) <= (top or whole(node)):
            there = f"there is no level {node.text[:40]}; the levels are 1 to {top or 'more'}"
            too_low = "every ticket starts at level 1; this is about a higher one"
            raise Fault(node.problem(too_low if node.scalar == 1 < least else there))
        return whole(node)

    return Shape(read, {"type": "integer", "minimum": least, **({"maximum": top} if top else {})})


def limited(most: int, what: str, several: Shape[T]) -> Shape[T]:
    """Read a list, or named entries, only if there are no more of them than make sense."""

    def read(node: Node) -> T:
        entries = node.items or [key for key, _ in node.pairs or ()]
        if len(entries) > most:
            raise Fault(entries[most].problem(f"at most {most} {what} fit here, and these are {len(entries)}"))
        return several(node)

    bound = "maxProperties" if several.schema.get("type") == "object" else "maxItems"
    return Shape(read, {**several.schema, bound: most})


# --- where it applies ---------------------------------------------------------------------------------------------
@shape(_pattern(_SITE))
def site(node: Node) -> str:
    """Read a vendor, or a vendor and one of its sites."""
    if not _SITE.fullmatch(text(node)):
        small = node.text.casefold()
        raise expected(node, "a vendor, or vendor/site", small if _SITE.fullmatch(small) else "")
    return node.text


def _choice(name: str) -> Shape[Choice]:
    listed = one_or_many(text)
    unwanted = {"none_of": listed.meaning("All but these.")}
    without = record(lambda none_of: Choice(field=SCOPES[name], none_of=none_of), unwanted)
    found = Shape(
        lambda node: without(node) if node.pairs is not None else Choice(field=SCOPES[name], only=listed(node)),
        either(listed.schema, without.schema),
    )
    return found.meaning("One of these names or ids; or {none_of: …}.")


@shape({"enum": list(SCOPES)})
def _scope_name(node: Node) -> str:
    if text(node) not in SCOPES:
        raise Fault(unknown(node, "word", SCOPES))
    return node.text


_scoped = table(_scope_name, _choice, SCOPES)


@shape(either({"const": "all"}, _scoped.schema))
def scope(node: Node) -> tuple[Choice, ...]:
    """Read what is in scope at one vendor or site: `all`, or values of ticket fields."""
    if node.scalar == "all":
        return ()
    if node.pairs is None:
        raise expected(node, "`all`, or what it applies to, such as {groups: [Support]}")
    return tuple(_scoped(node).values())


# --- time ---------------------------------------------------------------------------------------------------------
def calendar(name: str, holidays: Shape[Mapping[date, str]]) -> Shape[Calendar]:
    """Return the reader of one calendar; `holidays` expands a country and region to dates."""

    def build(closed: tuple[date, ...] = (), **parts: Any) -> Calendar:
        return Calendar(name=name, closed=frozenset(closed), **parts)

    closed = many(day).meaning("More dates on which no time counts.")
    return record(build, {"timezone": timezone, "hours": hours}, {"holidays": holidays, "closed": closed})


_PLACE = section(
    {"country": text.meaning("Two letters, such as DE.")}, {"region": text.meaning("A part of it, such as BY.")}
)


def holidays(years: Sequence[int], known: Mapping[date, str] | None = None) -> Shape[Mapping[date, str]]:
    """Return the reader of a calendar's holidays: those that are `known` already, or else of these years."""

    def read(node: Node) -> Mapping[date, str]:
        place = _PLACE(node)
        if known is not None:
            return known
        try:
            return public_holidays(place["country"], place.get("region"), years)
        except ValueError as error:
            country = guesses.country(place["country"])
            if country == place["country"]:
                raise Fault(node.follow(["region"]).problem(str(error))) from None
            raise Fault(node.follow(["country"]).problem(str(error), country)) from None

    return Shape(read, _PLACE.schema).meaning("Public holidays; they become dates when the policy is activated.")


@shape({"type": "string", "description": "A zone of the tz database.", "examples": ["Europe/Berlin", "UTC"]})
def timezone(node: Node) -> str:
    """Read the name of a time zone."""
    try:
        ZoneInfo(text(node))
    except (KeyError, ValueError, OSError):
        near = guesses.zone(node.text, available_timezones())
        words = f'there is no time zone "{node.text[:40]}"; write one like Europe/Berlin'
        raise Fault(node.problem(words, near)) from None
    return node.text


@shape(_pattern(_WINDOW))
def _window(node: Node) -> Window:
    found = _WINDOW.fullmatch(text(node))
    if not found:
        raise expected(node, 'opening hours such as "09:00-17:00"')
    opens, closes = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if opens >= DAY or closes > DAY or opens == closes:
        raise Fault(node.problem('these are no opening hours; the whole day is "00:00-24:00"'))
    return opens, closes if closes > opens else closes + DAY


@shape(
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _pattern(_DAY_NAMES),
        "additionalProperties": one_or_many(_window).schema,
        "description": "Opening hours by day: mon to sun, mon-fri, daily; several a day; 22:00-06:00 ends a day later.",
    }
)
def hours(node: Node) -> tuple[tuple[Window, ...], ...]:
    """Read opening hours: `mon-thu: ["08:00-12:00", "13:00-18:00"]`, `fri: "08:00-16:00"`, `daily: "22:00-06:00"`."""
    if not node.pairs:
        raise expected(node, 'days with opening hours, such as mon-fri: "09:00-17:00"')
    week: list[tuple[Window, ...]] = [()] * 7
    gather = Gather()
    for key, value in node.pairs:
        days = gather.read(_days, key) or ()
        windows = gather.read(one_or_many(_window), value) or ()
        if any(week[number] for number in days):
            gather.add(key.problem("these days have opening hours already, a few lines above"))
        for number in days:
            week[number] = windows
    gather.settle()
    return tuple(week)


def _days(node: Node) -> tuple[int, ...]:
    said = text(node).casefold()
    first, _, last = said.partition("-")
    if said == "daily":
        return tuple(range(7))
    if first not in _DAYS or (last or first) not in _DAYS:
        raise Fault(node.problem(f'"{node.text[:40]}" is not a day; write {", ".join(_DAYS)}, mon-fri or daily'))
    start = _DAYS.index(first)
    return tuple((start + n) % 7 for n in range((_DAYS.index(last or first) - start) % 7 + 1))


# --- severity and customers ---------------------------------------------------------------------------------------
def _severity(impact: tuple[str, ...], urgency: tuple[str, ...], matrix: dict[str, tuple[str, ...]]) -> Severity:
    rows, columns = [tuple(w.casefold() for w in side) for side in (impact, urgency)]
    table_ = {row.casefold(): cells for row, cells in matrix.items()}
    for side in (rows, columns):
        if "low" in side and "high" in side and side.index("high") < side.index("low"):
            at = "impact" if side is rows else "urgency"
            words = "impact and urgency are listed from the least to the greatest; here high comes before low"
            raise Wrong(words, (at,))
    if set(table_) != set(rows) or len(set(rows)) < len(rows) or len(set(columns)) < len(columns):
        words = f"the matrix has one row for each impact: {', '.join(impact)}; it has {', '.join(matrix)}"
        raise Wrong(words, ("matrix",))
    for row, cells in matrix.items():
        if len(cells) != len(columns):
            words = f'row "{row}" has {len(cells)} cells, and there are {len(columns)} urgencies'
            raise Wrong(words, ("matrix", row))
    names = tuple(dict.fromkeys(cell for row in rows for cell in table_[row]))
    return Severity(impact=rows, urgency=columns, matrix=table_, names=names)


severity: Shape[Severity] = record(
    _severity,
    {
        "impact": many(text).meaning("The rows, from the least to the greatest."),
        "urgency": many(text).meaning("The columns, from the least to the greatest."),
        "matrix": table(text, lambda _: many(text)).meaning("For each impact the severities, one for each urgency."),
    },
).meaning("Impact × urgency as a table; severities rank in the order in which they first appear.")

_tiers = many(
    record(
        lambda tier, **rest: Tier(name=tier, **rest),
        {"tier": line.meaning("The name that conditions use.")},
        {
            "organizations": one_or_many(text).meaning("Names or ids."),
            "tags": one_or_many(text).meaning("Tags or labels of the ticket."),
            "field_values": one_or_many(text).meaning("Values of the field called `tier` in the site's settings."),
            "calendar": text.meaning("The calendar that durations count for tickets of these customers."),
        },
    )
)


@shape(_tiers.schema)
def tiers(node: Node) -> tuple[Tier, ...]:
    """Read the customers' tiers; the first that matches wins."""
    found = _tiers(node)
    gather = Gather(doubles(node, "tier", "tier"))
    for tier, item in list(zip(found, node.items or (), strict=True))[:-1]:
        if not (tier.organizations or tier.tags or tier.field_values):
            gather.add(item.problem(f'"{tier.name}" matches every customer, so the tiers below it are never reached'))
    gather.settle()
    return found
