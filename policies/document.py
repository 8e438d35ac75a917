"""YAML text → Policy, and back: everything a person can get wrong is found here, all at once, each with its place.

The text goes through three rooms: source.py (nodes with places), the readers of the parts with sections.py above
them, and the whole, here. An activated policy is stored as `dump` writes it: the text as it was, then its
holidays as dates, so that a later release of the holiday tables cannot change what was decided.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from policies.calendars import Calendar
from policies.findings import Finding, warning
from policies.grammar import holidays
from policies.policy import Policy
from policies.reminders import implied
from policies.sections import (
    ALWAYS,
    GRAMMAR,
    default_calendar,
    guarded,
    independent,
    misfits,
    names_of,
    referring,
    told,
)
from policies.shapes import Gather, Shape, collect
from policies.source import Fault, Node, PolicyError, Problem, read

__all__ = ["ALWAYS", "GRAMMAR", "YEARS", "PolicyError", "Problem", "dump", "overdue", "parse"]

YEARS = range(2024, 2036)
"""The years whose holidays are known if nobody says otherwise."""

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
        known = _stored(stored, body) if stored else None
        return _policy(root, Gather(problems), body, source, partial(_holidays, known, years or YEARS))
    except Fault as fault:
        raise PolicyError(fault.problems, body, source) from None


def dump(policy: Policy) -> str:
    """Return the text to store: as it was written, then its holidays. `parse` gives the same policy again."""
    dates = {c.name: {day.isoformat(): name for day, name in c.holidays.items()} for c in policy.calendars.values()}
    return policy.text + _EXPANDED + json.dumps(dates, ensure_ascii=False) + "\n"


def overdue(policy: Policy, today: date) -> tuple[Finding, ...]:
    """Say what has become too old: the review date, and holidays that end soon."""
    found = []
    if policy.review_by is not None and policy.review_by < today:
        owner = f" by {policy.owner}" if policy.owner else ""
        found.append(warning(policy.name, f"it was to be reviewed{owner} until {policy.review_by}", "review_by"))
    for calendar in policy.calendars.values():
        last = max(calendar.holidays, default=None)
        if last is not None and last < today + timedelta(days=90):
            sentence = f"it knows holidays only until {last}; activate the policy again"
            found.append(warning(f'calendar "{calendar.name}"', sentence, "calendars", calendar.name))
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


def _holidays(known: Holidays | None, years: Sequence[int], calendar: str) -> Shape[Mapping[date, str]]:
    return holidays(years, None if known is None else known.get(calendar, {}))


def _revision(text: str, calendars: Mapping[str, Calendar]) -> str:
    dates = {name: [[day.isoformat(), why] for day, why in sorted(c.holidays.items())] for name, c in calendars.items()}
    return hashlib.sha256(json.dumps([GRAMMAR, text, dates], sort_keys=True).encode()).hexdigest()[:12]


# --- one reading --------------------------------------------------------------------------------------------------
def _policy(root: Node, gather: Gather, body: str, source: str, days_off: Callable[[str], Shape[Any]]) -> Policy:
    """Read the sections, then those that refer to them."""
    found = collect(root, *independent(days_off), gather)
    calendars: dict[str, Calendar] = {ALWAYS.name: ALWAYS, **found.get("calendars", {})}
    names = names_of(root, found, calendars)
    for name, reader in referring(names).items():
        if name in found:
            found[name] = gather.read(reader, found[name])
    defaults = found.get("defaults") or {}
    calendar = gather.read(partial(default_calendar, defaults=defaults, calendars=calendars), root)
    tests = gather.read(told(source, root, found, names), found["tests"]) if "tests" in found else ()
    gather.add(*misfits(root, found, names))
    gather.settle()
    return Policy(
        name=found["name"],
        revision=_revision(body, calendars),
        text=body,
        applies_to=found["applies_to"],
        calendars=calendars,
        calendar=calendar.name if calendar else ALWAYS.name,
        calendar_from=calendar.field if calendar else None,
        pause_while=frozenset(defaults.get("pause_while", ())),
        pause_linked=defaults.get("pause_while_blocked"),
        restart_after_reopening=defaults.get("after_reopening") == "restart",
        severity=found.get("severity"),
        tiers=found.get("customers", ()),
        levels=found["levels"],
        rules=(*found["rules"], *implied(found["levels"])),
        examples=tests or (),
        owner=found.get("owner", ""),
        review_by=found.get("review_by"),
        frustration=found.get("frustration"),
        csat=found.get("csat", {}),
        roles=found.get("roles", {}),
        come_down=found.get("come_down", ()),
        guards=guarded(found.get("guards"), found.get("severity")),
    )
