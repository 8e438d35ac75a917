"""YAML text → Policy, and back: everything a person can get wrong is found here, all at once, each with its place.

The text goes through three rooms: source.py (nodes with places), the readers of grammar.py, rulebook.py and
examples.py, and the whole, here. An activated policy is stored as `dump` writes it: the text as it was, then its
holidays as dates, so that a later release of the holiday tables cannot change what was decided.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import policies.questions
import policies.strain
import policies.waiting  # noqa: F401 - all three fill the registry of conditions
from policies import grammar, rungs, signs
from policies.calendars import DAY, Calendar, public_holidays
from policies.examples import examples
from policies.model import Status
from policies.policy import Policy
from policies.rulebook import Names, rules
from policies.shapes import (
    Gather,
    Shape,
    collect,
    day,
    itself,
    many,
    named,
    record,
    section,
    shape,
    table,
    text,
    whole,
    word,
)
from policies.source import Fault, Node, PolicyError, Problem, nearest, read

__all__ = ["GRAMMAR", "YEARS", "PolicyError", "Problem", "dump", "overdue", "parse"]

GRAMMAR = 1
"""The version of the grammar; it is part of every revision."""

YEARS = range(2024, 2036)
"""The years whose holidays are known if nobody says otherwise."""

ALWAYS = Calendar(name="always", timezone="UTC", hours=(((0, DAY),),) * 7)
"""A calendar that every policy has, unless it defines one of that name."""

_EXPANDED = "\n--- # the holidays of this policy, as they were when it was activated\n"

Holidays = Mapping[str, Mapping[date, str]]
"""Calendars by name, with the dates of their holidays."""


def parse(text: str, *, source: str = "policy.yaml", years: Sequence[int] | None = None) -> Policy:
    """Read a policy. Raises PolicyError with every problem.

    `years`: expand holidays for these (None: `YEARS`). A text that `dump` wrote carries its holidays with it.
    """
    body, _, stored = text.partition(_EXPANDED)
    try:
        root, problems = read(body)
        holidays = partial(_holidays, _stored(stored, body) if stored else None, years or YEARS)
        return _policy(root, Gather(problems), body, source, holidays)
    except Fault as fault:
        raise PolicyError(fault.problems, body, source) from None


def dump(policy: Policy) -> str:
    """Return the text to store: as it was written, then its holidays. `parse` gives the same policy again."""
    holidays = {c.name: {day.isoformat(): name for day, name in c.holidays.items()} for c in policy.calendars.values()}
    return policy.text + _EXPANDED + json.dumps(holidays, ensure_ascii=False) + "\n"


def overdue(policy: Policy, today: date) -> tuple[str, ...]:
    """Say what has become too old: the review date, and holidays that end soon."""
    found = []
    if policy.review_by is not None and policy.review_by < today:
        owner = f" by {policy.owner}" if policy.owner else ""
        found.append(f"{policy.name} was to be reviewed{owner} until {policy.review_by}.")
    for calendar in policy.calendars.values():
        last = max(calendar.holidays, default=None)
        if last is not None and last < today + timedelta(days=90):
            found.append(f"Calendar {calendar.name} knows holidays only until {last}; activate the policy again.")
    return tuple(found)


def _stored(text: str, body: str) -> Holidays:
    try:
        return {
            calendar: {date.fromisoformat(day): str(name) for day, name in days.items()}
            for calendar, days in json.loads(text).items()
        }
    except (ValueError, AttributeError, TypeError, RecursionError):
        line = body.count("\n") + 2
        raise Fault(
            Problem(line=line, column=1, message="the stored holidays behind this line cannot be read")
        ) from None


_PLACE = section({"country": text.meaning("Two letters, such as DE.")}, {"region": text})


def _holidays(stored: Holidays | None, years: Sequence[int], calendar: str) -> Shape[Mapping[date, str]]:
    def expanded(node: Node) -> Mapping[date, str]:
        place = _PLACE(node)
        if stored is not None:
            return stored.get(calendar, {})
        try:
            return public_holidays(place["country"], place.get("region"), years)
        except ValueError as error:
            raise Fault(node.problem(str(error))) from None

    return Shape(expanded, _PLACE.schema).meaning("Public holidays; they become dates when the policy is activated.")


def _revision(text: str, calendars: Mapping[str, Calendar]) -> str:
    dates = {name: [[day.isoformat(), why] for day, why in sorted(c.holidays.items())] for name, c in calendars.items()}
    return hashlib.sha256(json.dumps([GRAMMAR, text, dates], sort_keys=True).encode()).hexdigest()[:12]


# --- one reading --------------------------------------------------------------------------------------------------
def _policy(root: Node, gather: Gather, body: str, source: str, holidays: Callable[[str], Shape[Any]]) -> Policy:
    """Read the sections, then those that refer to them."""
    found = collect(root, *sections(holidays), gather)
    calendars: dict[str, Calendar] = {ALWAYS.name: ALWAYS, **found.get("calendars", {})}
    names = _names(root, found, calendars)
    calendar = gather.read(partial(_default_calendar, calendars, names), root)
    ladder = gather.read(rules(names), found["rules"]) if "rules" in found else None
    rule_names = [rule.name for rule in ladder] if ladder else None
    shown = examples(
        source, found.get("applies_to"), names.tiers, rule_names, found.get("severity"), names.top
    )  # fmt: skip
    tests = gather.read(shown, found["tests"]) if "tests" in found else ()
    gather.add(*_strangers(root, found.get("applies_to")))
    gather.settle()
    defaults = found.get("defaults", {})
    return Policy(
        name=found["name"],
        revision=_revision(body, calendars),
        text=body,
        applies_to=found["applies_to"],
        calendars=calendars,
        calendar=calendar or ALWAYS.name,
        pause_while=frozenset(defaults.get("pause_while", ())),
        restart_after_reopening=defaults.get("after_reopening") == "restart",
        severity=found.get("severity"),
        tiers=found.get("customers", ()),
        levels=found["levels"],
        rules=ladder or (),
        examples=tests or (),
        owner=found.get("owner", ""),
        review_by=found.get("review_by"),
        frustration=found.get("frustration"),
        csat=found.get("csat", {}),
    )


def sections(
    holidays: Callable[[str], Shape[Any]] | None = None,
) -> tuple[dict[str, Shape[Any]], dict[str, Shape[Any]]]:
    """Return the readers of the sections that a policy needs, and of those that it may have."""
    expanded = holidays or partial(_holidays, None, YEARS)
    needs: dict[str, Shape[Any]] = {
        "version": _version,
        "name": text.meaning("How the log and the commands call this policy."),
        "applies_to": table(grammar.site, lambda _: grammar.scope).meaning(
            "Which tickets it is about, by vendor or vendor/site; what is not named is never read further or changed."
        ),
        "levels": rungs.levels.meaning("The ladder."),
        "rules": itself,
    }
    reopening = named("choice", ("continue", "restart"))
    statuses = many(word(Status, "status"))
    defaults: dict[str, Shape[Any]] = {
        "calendar": text.meaning("The calendar that durations count; needed only if there are several."),
        "pause_while": statuses.meaning("Statuses in which no duration counts."),
        "after_reopening": reopening.meaning("Whether unresolved_for goes on or begins again."),
    }
    tiers = record(lambda tiers: tiers, {"tiers": grammar.tiers})
    may: dict[str, Shape[Any]] = {
        "owner": text.meaning("Whom to ask about this policy."),
        "review_by": day.meaning("After this day `policy check` warns."),
        "calendars": table(text, lambda name: grammar.calendar(name, expanded(name))).meaning("What time counts."),
        "defaults": section(may=defaults).meaning("How time counts unless a rule says otherwise."),
        "severity": grammar.severity,
        "customers": tiers.meaning("Tiers of customers; the first that matches wins."),
        "frustration": signs.frustration,
        "csat": signs.csat,
        "tests": itself,
    }
    return needs, may


@shape({"const": GRAMMAR, "description": "The version of this grammar."})
def _version(node: Node) -> int:
    if whole(node) != GRAMMAR:
        raise Fault(node.problem(f"this program reads policies of version {GRAMMAR}"))
    return GRAMMAR


def _names(root: Node, found: Mapping[str, Any], calendars: Mapping[str, Calendar]) -> Names:
    def defined(section: str, names: Callable[[Any], Iterable[str]]) -> tuple[str, ...] | None:
        if section in found:
            return tuple(names(found[section]))
        return () if root.get(section) is None else None

    frustration = found.get("frustration")
    moods = {"frustration": frustration.degrees if frustration else (), "csat": tuple(found.get("csat", ()))}
    return Names(
        top=len(found["levels"]) if "levels" in found else None,
        severities=defined("severity", lambda severity: severity.names),
        tiers=defined("customers", lambda tiers: (tier.name for tier in tiers)),
        calendars=tuple(calendars) if "calendars" in found or root.get("calendars") is None else None,
        moods={name: said for name, said in moods.items() if name in found or root.get(name) is None},
    )


def _default_calendar(calendars: Mapping[str, Calendar], names: Names, root: Node) -> str:
    chosen = root.follow(["defaults", "calendar"])
    if chosen.text:
        return named("calendar", names.calendars)(chosen)
    own = [name for name in calendars if calendars[name] is not ALWAYS]
    if len(own) > 1:
        several = root.get("calendars") or root
        raise Fault(several.problem(f"say in `defaults: {{calendar: …}}` which of {', '.join(own)} counts"))
    return own[0] if own else ALWAYS.name


def _strangers(root: Node, applies_to: Mapping[str, Any] | None) -> Iterable[Problem]:
    """Find targets at vendors that the policy does not apply to."""
    if applies_to is None:
        return
    vendors = {site.partition("/")[0] for site in applies_to}
    for level in levels.items or () if (levels := root.get("levels")) else ():
        for key, _ in level.follow(["targets"]).pairs or () if level.get("targets") else ():
            if key.text.partition("/")[0] not in vendors:
                yield key.problem(f'"{key.text}" is not in applies_to', nearest(key.text, applies_to))
