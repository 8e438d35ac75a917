"""What is wrong with what keeps a move, and with who is told: guards, opening hours, confirmations, roles.

For the linter.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from policies.branches import WEEK, Answers, Branch
from policies.calendars import Calendar
from policies.commands import Take
from policies.consent import MANAGER
from policies.effort import Effort, TooMany
from policies.findings import Finding, Reason, error, listed, named, said, warning
from policies.levels import Level
from policies.policy import Policy
from policies.ranges import Among
from policies.sentences import usual_calendar

_FROM_ARRIVAL = frozenset({"not_taken_for", "at_level_for"})


def keeping(policy: Policy, answers: Answers, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Yield what is wrong with what keeps a move, and with who is told."""
    for level in policy.levels:
        yield from _hours(policy, level, answers)
        yield from _nobody(policy, level)
    yield from _confirmed_and_waiting(policy, rules)
    yield from _never(policy, answers, rules)
    yield from _between(policy, rules)
    yield from _evidence(policy)
    yield from _roles(policy)
    yield from _unused(policy)


# --- levels -------------------------------------------------------------------------------------------------------
def _hours(policy: Policy, level: Level, answers: Answers) -> Iterator[Finding]:
    """Find arrangements for hours that never come, or never end."""
    other = level.out_of_hours
    if other is None:
        return
    at = ("levels", level.number - 1, "out_of_hours")
    key = "hold_until" if other.hold else "outside"
    if _always_open(policy.calendars[other.calendar], answers):
        yield warning(named(level), f"`{key}: {other.calendar}` changes nothing: that calendar never closes", *at)
    elif not answers.open[other.calendar] and other.hold:
        yield error(named(level), f"a move waits for ever: calendar {other.calendar} never opens", *at)
    elif not answers.open[other.calendar]:
        sentence = f"it is always out of hours, because calendar {other.calendar} never opens; write it as `targets`"
        yield warning(named(level), sentence, *at)


def _always_open(calendar: Calendar, answers: Answers) -> bool:
    return answers.open[calendar.name] == WEEK and not calendar.holidays and not calendar.closed


def _nobody(policy: Policy, level: Level) -> Iterator[Finding]:
    """Find levels where nobody learns what is expected of them."""
    at = ("levels", level.number - 1)
    if level.needs_confirmation and not any(policy.roles[role].tell for role in level.needs_confirmation):
        roles = listed([f"`{role}`" for role in level.needs_confirmation], "or")
        sentence = f"a move here waits for {roles}, and nobody tells them: say in `roles` with `tell` how to reach them"
        yield warning(named(level), sentence, *at)
    if level.number > 1 and level.take is Take.OVERSIGHT and not level.places and not level.tell:
        yield warning(named(level), "nobody learns of a ticket that comes here: it names no target and no `tell`", *at)
    for index, budget in enumerate(policy.guards.level_budgets):
        if budget.level == level.number and not budget.hold and not level.tell:
            sentence = f"a budget that only warns, and nobody is warned: {named(level)} has no `tell`"
            yield warning("guards", sentence, "guards", "level_budget", index)


def _confirmed_and_waiting(policy: Policy, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Find moves that wait on after somebody has agreed to them."""
    asked = {level.number for level in policy.levels if level.needs_confirmation}
    for reason in rules:
        ends = {end for branch in reason.live for level in reason.climbs(branch) for end in reason.leads(level)}
        if reason.rule.wait_if is not None and (found := sorted(ends & asked)):
            yield reason.warning(
                f"even when somebody has confirmed a move to {named(policy.level(found[0]))}, `wait_if` lets it "
                "wait on; a person who agrees has seen who works on the ticket: leave one of the two out"
            )
    for level in policy.levels:
        if level.needs_confirmation and level.out_of_hours is not None and level.out_of_hours.hold:
            calendar = level.out_of_hours.calendar
            sentence = (
                f"a move that somebody confirms at night still waits until {calendar} opens; leave one of the two out"
            )
            yield warning(named(level), sentence, "levels", level.number - 1)


# --- guards -------------------------------------------------------------------------------------------------------
def _never(policy: Policy, answers: Answers, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Find a guard that forbids every move, or none."""
    if policy.guards.never is None:
        return
    try:
        forbidden = [_wide(b, answers) for b in answers.ways(policy.guards.never, usual_calendar(policy))]
        stuck = [reason for reason in rules if _forbidden(reason, forbidden, answers.effort)]
    except TooMany:
        return
    if all(branch.conflict for branch in forbidden):
        parts = said(*(part for branch in forbidden for part in branch.parts), last="or")
        yield warning("guards", f"`never` keeps nothing: no ticket that can climb has {parts}", "guards", "never")
        return
    if stuck and len(stuck) == sum(reason.moves for reason in rules):
        yield error("guards", "`never` forbids every move: no rule leads anywhere any more", "guards", "never")
    else:
        yield from (r.error("it moves nothing: whenever it is true, the guard `never` forbids the move") for r in stuck)


def _wide(branch: Branch, answers: Answers) -> Branch:
    """Leave out what every ticket fits."""
    ranges = {
        question: found
        for question, found in branch.ranges.items()
        if not (isinstance(found, Among) and found.values >= answers.domains.get(question, frozenset({True, False})))
    }
    return branch.having(ranges, branch.conflict)


def _forbidden(reason: Reason, forbidden: Sequence[Branch], effort: Effort) -> bool:
    cells = [(branch, level) for branch in reason.live for level in reason.climbs(branch)]
    effort.spend(sum(keeps.size + keeps.bulk * branch.bulk for branch, _ in cells for keeps in forbidden))
    possible = [keeps for keeps in forbidden if not keeps.conflict]
    return bool(cells) and all(any(branch.at(level).implies(keeps) for keeps in possible) for branch, level in cells)


def _between(policy: Policy, rules: Sequence[Reason]) -> Iterator[Finding]:
    """Find rules that are due before the time between two moves is over."""
    least = policy.guards.min_time_between
    for reason in rules if least is not None else ():
        waits = [
            (question, length)
            for branch in reason.live
            if any(level > 1 for level in reason.climbs(branch))
            for question, length in branch.waits
            if question.name in _FROM_ARRIVAL and least is not None and length.length < least.length
        ]
        if waits:
            yield reason.warning(
                f"after a move, {said((waits[0][0], True))} may be over before `min_time_between: {least}` is, so the "
                "next move waits; make one shorter or the other longer"
            )


def _evidence(policy: Policy) -> Iterator[Finding]:
    gate = policy.guards.evidence
    if gate is not None and all(level.path is not gate.path for level in policy.levels[1:]):
        sentence = f"`evidence` asks nobody: no level has `path: {gate.path.value}`"
        yield warning("guards", sentence, "guards", "evidence")


# --- names that nothing uses --------------------------------------------------------------------------------------
def _roles(policy: Policy) -> Iterator[Finding]:
    used = {role for level in policy.levels for role in level.needs_confirmation} | {MANAGER}
    for name in policy.roles:
        if name not in used:
            near = difflib.get_close_matches(name.casefold().replace(" ", "_"), [MANAGER], n=1, cutoff=0.7)
            guess = f"; the role whose people may snooze and hold is called `{MANAGER}`" if near else ""
            yield warning(f'role "{name}"', f"no level's `needs_confirmation` asks for it{guess}", "roles", name)


def _unused(policy: Policy) -> Iterator[Finding]:
    """Find calendars that nothing names; a customer's field may name any of them."""
    used = {policy.calendar, *(rule.calendar for rule in policy.rules), *(level.calendar for level in policy.levels)}
    used |= {level.out_of_hours.calendar for level in policy.levels if level.out_of_hours}
    used |= {tier.calendar for tier in policy.tiers}
    for name in policy.calendars if policy.calendar_from is None else ():
        if name not in used and name != "always":
            yield warning(f'calendar "{name}"', "nothing names it, so it counts nothing", "calendars", name)
