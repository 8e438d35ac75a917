"""lint(policy): mistakes that load, such as a rule that can never fire or a level that leads out of the policy's scope.

Pure, and only for people: nothing here decides or refuses. What a reader of the document refuses (document.py) is not
looked for again. Findings come in the order of the document.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from policies.bouncing import bouncing
from policies.branches import WEEK, Answers, duration_in
from policies.calendars import DAY, Calendar
from policies.commands import Take
from policies.comparing import compared
from policies.conditions import leaves
from policies.configured import Sites, configured
from policies.durations import Duration
from policies.findings import (
    Finding,
    Place,
    error,
    listed,
    most,
    named,
    only_told,
    placed,
    reasons,
    to_nobody,
    warning,
)
from policies.hearing import nobody_snoozes
from policies.keeping import keeping
from policies.levels import Level
from policies.model import Status
from policies.policy import Choice, Policy
from policies.sentences import watches

__all__ = ["Finding", "lint"]

_SPACES = re.compile(r"[\s_-]+")
_DAYS = re.compile(r"\d\s*d")
_BEYOND = timedelta(weeks=52 * 70)  # calendars know open hours until 2100


def lint(policy: Policy, sites: Sites | None = None) -> tuple[Finding, ...]:
    """Return what the policy's author can hardly have meant; `sites`: those that are configured, if that is known."""
    answers = Answers(policy)
    rules = reasons(policy, answers)
    found = [
        *(_targets(policy) if sites is None else configured(policy, sites)),
        *_only_watched(policy),
        *_out_of_scope(policy),
        *_priorities(policy),
        *_alike(policy),
        *_tiers(policy),
        *_matrix(policy),
        *_statuses(policy),
        *_lengths(policy, answers),
        *compared(policy, answers, rules),
        *keeping(policy, answers, rules),
        *nobody_snoozes(policy),
        *bouncing(policy, answers, rules),
    ]
    return placed(policy, most(policy, [*_left_out(answers), *found]))


def _left_out(answers: Answers) -> Iterator[Finding]:
    if answers.effort.spent:
        sentence = "there are so many rules and conditions that not all of them were compared with each other"
        yield warning("rules", sentence, "rules")


# --- levels -------------------------------------------------------------------------------------------------------
def _targets(policy: Policy) -> Iterator[Finding]:
    for level in policy.levels:
        for site in policy.applies_to:
            vendor, _, name = site.partition("/")
            if level.target(vendor, name) or only_told(level):
                continue
            some = [place for place in level.places if place.startswith(f"{vendor}/")] if not name else []
            only = f", only for {listed(some)}" if some else ""
            sentence = f"has no target for {site}{only}: {to_nobody(level)}"
            yield warning(named(level), sentence, "levels", level.number - 1)


def _only_watched(policy: Policy) -> Iterator[Finding]:
    """Find levels that should take a ticket over, and name only people who watch it."""
    for level in policy.levels[1:]:
        if level.take is Take.OWNERSHIP and (sites := [at for at, place in level.places.items() if watches(place)]):
            sentence = (
                f"tickets should move here, but the target for {listed(sites)} only names who watches, so they stay "
                "with whoever has them: write `take: oversight`, or name a place to move them to"
            )
            yield warning(named(level), sentence, "levels", level.number - 1)


def _out_of_scope(policy: Policy) -> Iterator[Finding]:
    """Find groups to which a level moves tickets although the policy excludes them."""
    for level in policy.levels:
        for site, choices in policy.applies_to.items():
            group = level.target(*site.partition("/")[::2]).get("group")
            if level.take is not Take.OWNERSHIP or not isinstance(group, str | int):
                continue
            if any(choice.field == "group" and _leaves(choice, str(group)) for choice in choices):
                sentence = (
                    f"{site}: tickets that come to the group {group} are out of scope there, so nothing happens to "
                    "them any more; take it out of `none_of` in `applies_to`"
                )
                yield warning(named(level), sentence, "levels", level.number - 1)


def _leaves(choice: Choice, group: str) -> bool:
    return group.casefold() in {word.casefold() for word in choice.none_of}


def _priorities(policy: Policy) -> Iterator[Finding]:
    highest: Level | None = None
    for level in policy.levels:
        change, before = level.priority, highest.priority if highest else None
        if change is None:
            continue
        if highest is not None and before is not None and change.to < before.to and not change.raise_only:
            sentence = (
                f"sets the priority to {change.to.word}, which lowers what {named(highest)} made {before.to.word}; "
                f"`{{at_least: {change.to.word}}}` never lowers"
            )
            yield warning(named(level), sentence, "levels", level.number - 1)
        if before is None or change.to > before.to:
            highest = level


# --- names --------------------------------------------------------------------------------------------------------
def _alike(policy: Policy) -> Iterator[Finding]:
    """Find names that a person would take for one, and the program for two."""
    named_things: list[tuple[str, list[tuple[str, Place]]]] = [
        ("rule", [(rule.name, ("rules", i)) for i, rule in enumerate(policy.rules) if not rule.implied]),
        ("level", [(level.name, ("levels", level.number - 1)) for level in policy.levels]),
        ("tier", [(tier.name, ("customers", "tiers", i)) for i, tier in enumerate(policy.tiers)]),
        ("calendar", [(name, ("calendars", name)) for name in policy.calendars]),
        ("role", [(name, ("roles", name)) for name in policy.roles]),
        ("severity", [(name, ("severity",)) for name in (policy.severity.names if policy.severity else ())]),
    ]
    for what, things in named_things:
        seen: dict[str, str] = {}
        for name, place in things:
            first = seen.setdefault(_SPACES.sub("", name.casefold()), name)
            if first != name:
                sentence = f'differs from "{first}" only by case, spaces or hyphens; to the program they are two'
                yield warning(f'{what} "{name}"', sentence, *place)


def _tiers(policy: Policy) -> Iterator[Finding]:
    """Find tiers of which every sign belongs to a tier that is looked at before."""
    taken: set[tuple[str, str]] = set()
    for index, tier in enumerate(policy.tiers):
        words = {("organization", w) for w in tier.organizations} | {("tag", w) for w in tier.tags}
        words |= {("field", w) for w in tier.field_values}
        signs = {(kind, word.casefold()) for kind, word in words}
        if signs and signs <= taken:
            sentence = "is never reached: all that it names belongs to a tier above it, and the first that matches wins"
            yield error(f'tier "{tier.name}"', sentence, "customers", "tiers", index)
        taken |= signs


def _matrix(policy: Policy) -> Iterator[Finding]:
    table = policy.severity
    if table is None:
        return
    ranks = [[table.names.index(cell) for cell in table.matrix[row]] for row in table.impact]
    rows = any(left > right for row in ranks for left, right in pairwise(row))
    columns = any(high > low for above, below in pairwise(ranks) for high, low in zip(above, below, strict=True))
    if rows or columns:
        sentence = (
            f"with more impact or urgency the severity sometimes falls, ranked as first named: "
            f"{' < '.join(table.names)}; list impact, urgency and the cells from the least to the greatest"
        )
        yield warning("severity", sentence, "severity")


def _statuses(policy: Policy) -> Iterator[Finding]:
    known = [status.value for status in Status]
    for index, rule in enumerate(policy.rules):
        for question in leaves(rule.when):
            words = question.value if isinstance(question.value, list) else [question.value]
            for word in words if question.name == "status" else ():
                if str(word).casefold() not in known:
                    near = difflib.get_close_matches(str(word).casefold().replace(" ", "_"), known, n=1, cutoff=0.6)
                    guess = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(known)}"
                    yield error(f'rule "{rule.name}"', f'there is no status "{word}"{guess}', "rules", index)


# --- time ---------------------------------------------------------------------------------------------------------
def _lengths(policy: Policy, answers: Answers) -> Iterator[Finding]:
    """Find durations that never pass in their calendar, and days in a calendar of which a day is not one."""
    for about, at, calendar, asked in _durations(policy):
        for key, length in dict.fromkeys(asked):
            if length is not None and (found := _length(key, length, policy.calendars[calendar], answers)):
                yield replace(found, about=about, at=at)


def _durations(policy: Policy) -> Iterator[tuple[str, Place, str, list[tuple[str, Duration | None]]]]:
    """Yield what each part of a policy waits for, and the calendar that counts it."""
    for level in policy.levels:
        keys = ("expected_resolution", "taken_within", "review_every")
        lengths = [(key, getattr(level, key)) for key in keys]
        lengths += [("remind_every", level.if_not_taken.every)] if level.if_not_taken else []
        yield named(level), ("levels", level.number - 1), level.calendar or policy.calendar, lengths
    for index, rule in enumerate(rule for rule in policy.rules if not rule.implied):
        lengths = [(q.name, duration_in(q)) for q in leaves(rule.when)]
        lengths += [("again", rule.again)]
        lengths += [(key, getattr(rule.wait_if, key)) for key in ("human_active_within", "at_most") if rule.wait_if]
        yield f'rule "{rule.name}"', ("rules", index), rule.calendar or policy.calendar, lengths
    for index, way in enumerate(policy.come_down):
        lengths = [("for", way.lasting), *((q.name, duration_in(q)) for q in leaves(way.when))]
        calendar = policy.level(way.start).calendar or policy.calendar
        yield f'coming down "{way.name}"', ("come_down", index), calendar, lengths
    if policy.guards.evidence is not None:
        yield "guards", ("guards", "evidence"), policy.calendar, [("at_most", policy.guards.evidence.at_most)]


def _length(key: str, length: Duration, calendar: Calendar, answers: Answers) -> Finding | None:
    open_time = timedelta(minutes=answers.open[calendar.name])
    if length.clock or open_time == timedelta(minutes=WEEK):
        return None
    if not open_time or length.length / open_time * timedelta(weeks=1) > _BEYOND:
        hours = f"{open_time / timedelta(hours=1):.3g} open hours a week" if open_time else "no open hours"
        return error("", f"`{key}: {length}` never passes: calendar {calendar.name} has {hours}")
    whole_days = all(sum(closes - opens for opens, closes in windows) in (0, DAY) for windows in calendar.hours)
    if _DAYS.search(length.text) and not whole_days:
        counted = f"{length.length / timedelta(hours=1):.4g} open hours of calendar {calendar.name}"
        days = length.length / open_time * 7
        sentence = (
            f"`{key}: {length}` is {counted}, which take about {days:.0f} days; "
            f'write "{length} clock" for days as people count them, or the open hours'
        )
        return warning("", sentence)
    return None
