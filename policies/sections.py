"""Which sections a policy document has, and what they may say of each other: the names that one defines for others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import policies.patterns
import policies.promises
import policies.questions
import policies.strain
import policies.waiting  # noqa: F401 - all of these fill the registry of conditions
from policies import contacts, fences, grammar, rungs, signs
from policies.calendars import DAY, Calendar
from policies.conditions import leaf
from policies.examples import examples
from policies.model import Status
from policies.policy import Guards, Severity
from policies.reminders import implied
from policies.rulebook import Names, rules
from policies.shapes import (
    Shape,
    day,
    either,
    itself,
    length,
    line,
    many,
    named,
    record,
    section,
    shape,
    table,
    text,
    unknown,
    whole,
    word,
)
from policies.source import Fault, Node, Problem, nearest

GRAMMAR = 1
"""The version of the grammar; it is part of every revision."""

MOST_CALENDARS = 100

ALWAYS = Calendar(name="always", timezone="UTC", hours=(((0, DAY),),) * 7)
"""A calendar that every policy has."""

Holidays = Callable[[str], Shape[Mapping[date, str]]]
"""Makes the reader of a calendar's holidays."""

Shapes = dict[str, Shape[Any]]


def independent(holidays: Holidays) -> tuple[Shapes, Shapes]:
    """Return the readers of the sections that a policy needs, and of those that it may have.

    Sections that refer to others are only taken as they are; `referring` reads them.
    """
    needs: Shapes = {
        "version": _version,
        "name": line.meaning("How the log and the commands call this policy."),
        "applies_to": table(grammar.site, lambda _: grammar.scope).meaning(
            "Which tickets it is about, by vendor or vendor/site; what is not named is never read further or changed."
        ),
        "levels": itself,
        "rules": itself,
    }
    tiers = record(
        lambda tiers: tiers,
        {"tiers": grammar.tiers.meaning("From the first to the last; the first that matches wins.")},
    )
    may: Shapes = {
        "owner": text.meaning("Whom to ask about this policy."),
        "review_by": day.meaning("After this day `policy check` warns."),
        "calendars": _calendars(holidays).meaning("What time counts."),
        "severity": grammar.severity,
        "customers": tiers.meaning("Tiers of customers; the first that matches wins."),
        "frustration": signs.frustration,
        "csat": signs.csat,
        "roles": contacts.roles,
        **dict.fromkeys(("defaults", "come_down", "guards", "tests"), itself),
    }
    return needs, may


def _calendars(holidays: Holidays) -> Shape[dict[str, Calendar]]:
    several = table(_calendar_name, lambda name: grammar.calendar(name, holidays(name)))
    return grammar.limited(MOST_CALENDARS, "calendars", several)


def referring(names: Names) -> Shapes:
    """Return the readers of the sections that refer to others, but for the tests, which refer to rules by name."""
    return {
        "defaults": _defaults(names),
        "levels": rungs.levels(names).meaning("The ladder."),
        "rules": rules(names).meaning("Reasons to go up; all are looked at, and the highest level wins."),
        "come_down": fences.come_down(names),
        "guards": fences.guards(names),
    }


@shape({"type": ["string", "number"], "pattern": f"^(?!{ALWAYS.name}$)"})
def _calendar_name(node: Node) -> str:
    if node.text == ALWAYS.name:
        raise Fault(node.problem("every policy has `always`, in which every minute counts; call this one otherwise"))
    return text(node)


@shape({"const": GRAMMAR, "description": "The version of this grammar."})
def _version(node: Node) -> int:
    if whole(node) != GRAMMAR:
        raise Fault(node.problem(f"this program reads policies of version {GRAMMAR}"))
    return GRAMMAR


def _defaults(names: Names) -> Shape[dict[str, Any]]:
    statuses = many(word(Status, "status"))
    blocked = record(lambda at_most: at_most, {"at_most": length.meaning("Every minute counted.")})
    reopening = named("choice", ("continue", "restart"))
    may: Shapes = {
        "calendar": _default_calendar(names).meaning(
            "The calendar that durations count, or the field that names it; needed only if there are several."
        ),
        "pause_while": statuses.meaning("Statuses in which no duration counts."),
        "pause_while_blocked": blocked.meaning(
            "No duration counts while an open linked ticket blocks this one, each time for so long at most."
        ),
        "after_reopening": reopening.meaning("Whether unresolved_for goes on or begins again."),
    }
    return section(may=may).meaning("How time counts unless something else is said.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultCalendar:
    """The calendar that counts, and the ticket's field that may name another one."""

    name: str
    field: str | None = None


def _default_calendar(names: Names) -> Shape[DefaultCalendar]:
    one = named("calendar", names.calendars)
    chosen = record(
        lambda **said: DefaultCalendar(name=said["else"], field=said["from"]),
        {
            "from": _field.meaning("A field of `[sites.<name>.fields]` whose value is the name of a calendar."),
            "else": one.meaning("The calendar that counts if the field is empty or names none."),
        },
    )
    return Shape(
        lambda node: chosen(node) if node.pairs is not None else DefaultCalendar(name=one(node)),
        either(one.schema, chosen.schema),
    )


@shape(text.schema)
def _field(node: Node) -> str:
    first, dot, rest = text(node).partition(".")
    if dot and first in ("custom", "organization", "ticket"):
        where = "say what the field is called in `[sites.<name>.fields]`, without what stands before the dot"
        raise Fault(node.problem(where, rest))
    return node.text


# --- what one section defines for others --------------------------------------------------------------------------
def names_of(root: Node, found: Mapping[str, Any], calendars: Mapping[str, Calendar]) -> Names:
    """Return what the sections that were read define; None for what could not be read, so that it is not judged."""

    def defined(section: str, names: Callable[[Any], Iterable[str]]) -> tuple[str, ...] | None:
        if section in found:
            return tuple(names(found[section]))
        return () if root.get(section) is None else None

    frustration = found.get("frustration")
    moods = {"frustration": frustration.degrees if frustration else (), "csat": tuple(found.get("csat", ()))}
    return Names(
        top=rungs.counted(found["levels"]) if "levels" in found else None,
        severities=defined("severity", lambda severity: severity.names),
        tiers=defined("customers", lambda tiers: (tier.name for tier in tiers)),
        calendars=tuple(calendars) if "calendars" in found or root.get("calendars") is None else None,
        roles=defined("roles", tuple),
        called=dict(rungs.called(found["levels"])) if "levels" in found else {},
        moods={name: said for name, said in moods.items() if name in found or root.get(name) is None},
    )


def default_calendar(root: Node, defaults: Mapping[str, Any], calendars: Mapping[str, Calendar]) -> DefaultCalendar:
    """Return the calendar that counts where nothing else is said. Raises Fault if several might."""
    said: DefaultCalendar | None = defaults.get("calendar")
    if said is not None:
        return said
    own = [name for name in calendars if calendars[name] is not ALWAYS]
    node = root.get("defaults")
    if len(own) > 1 and (node is None or node.get("calendar") is None):
        several = root.get("calendars") or root
        raise Fault(several.problem(f"say in `defaults: {{calendar: …}}` which of {', '.join(own)} counts"))
    return DefaultCalendar(name=own[0] if own else ALWAYS.name)


def told(source: str, root: Node, found: Mapping[str, Any], names: Names) -> Shape[Any]:
    """Return the reader of the tests, given the sections that were read."""
    rules, ways, levels = found.get("rules"), found.get("come_down", ()), found.get("levels")
    known = None
    if rules is not None and ways is not None and levels is not None:
        known = [one.name for one in (*rules, *ways, *implied(levels))]
    sites = found.get("applies_to")
    if sites is not None:
        sites = (*sites, *(there for _, there in misspelled(root, sites)))
    return examples(source, sites, names.tiers, known, found.get("severity"), names.top)


def guarded(guards: Guards | None, severity: Severity | None) -> Guards:
    """Return the guards; if they do not say what is never held, the highest severity is not."""
    found = guards or Guards()
    if found.never_hold is not None or severity is None:
        return found
    return replace(found, never_hold=leaf("severity", severity.names[-1]))


# --- what does not fit together -----------------------------------------------------------------------------------
def misfits(root: Node, found: Mapping[str, Any], names: Names) -> Iterator[Problem]:
    """Yield what is wrong between sections that are right by themselves."""
    yield from _strangers(root, found.get("applies_to"))
    yield from _tier_calendars(root, names)
    yield from _clashes(root, found)


def _strangers(root: Node, applies_to: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Find targets at vendors that the policy does not apply to."""
    if applies_to is None:
        return
    meant = misspelled(root, applies_to)
    yield from (key.problem(f'no level has a target for "{key.text}"', there) for key, there in meant)
    vendors = {site.partition("/")[0] for site in (*applies_to, *(there for _, there in meant))}
    for key in _places(root):
        if key.text.partition("/")[0] not in vendors:
            yield key.problem(f'"{key.text}" is not in applies_to', nearest(key.text, applies_to))


def misspelled(root: Node, applies_to: Mapping[str, Any]) -> list[tuple[Node, str]]:
    """Return vendors of `applies_to` that no level knows, and those that the levels seem to call them."""
    levels = {key.text.partition("/")[0] for key in _places(root)}
    strangers = levels - {site.partition("/")[0] for site in applies_to}
    node = root.follow(["applies_to"])
    lonely = [key for key, _ in node.pairs or () if key.text.partition("/")[0] not in levels]
    meant = [(key, nearest(key.text.partition("/")[0], strangers)) for key in lonely]
    return [(key, there) for key, there in meant if there]


def _places(root: Node) -> Iterator[Node]:
    """Yield the vendors and sites that the levels name."""
    yield from (key for level in root.follow(["levels"]).items or () for key in _sites(level))


def _sites(level: Node) -> Iterator[Node]:
    """Yield the vendors and sites that a level names."""
    other = level.get("out_of_hours")
    places = (level.get("targets"), other.get("targets") if other else None)
    fallback = level.get("fallback")
    for node in (*places, *(fallback.items or () if fallback else ())):
        yield from (key for key, _ in (node.pairs or () if node else ()))


def _tier_calendars(root: Node, names: Names) -> Iterator[Problem]:
    """Find tiers' calendars that are not there, or stand beside a field that names the calendar."""
    by_field = root.follow(["defaults", "calendar"]).get("from") is not None
    for item in root.follow(["customers", "tiers"]).items or ():
        said = item.get("calendar")
        if said is None or not said.text:
            continue
        if names.calendars is not None and said.text not in names.calendars:
            yield unknown(said, "calendar", names.calendars)
        elif by_field:
            yield said.problem(
                "`defaults: {calendar: {from: …}}` names the customer's calendar already; use one of both"
            )


def _clashes(root: Node, found: Mapping[str, Any]) -> Iterator[Problem]:
    """Find rules that are called like a reason to come down, or like a rule that a level makes."""
    others = {way.name for way in found.get("come_down") or ()} | {
        rule.name for rule in implied(found.get("levels") or ())
    }
    for item in root.follow(["rules"]).items or ():
        said = item.get("name")
        if said is not None and said.text in others:
            yield said.problem(f'"{said.text[:40]}" is the name of something else that moves tickets; choose another')
