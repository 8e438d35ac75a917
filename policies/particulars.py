"""What a policy says of its levels, its people, its ways down and its guards: lines under labels, for people.

`show` lays these lines out on a page, and `diff` compares them. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policies import sentences as say
from policies.commands import Take, Target
from policies.consent import MANAGER
from policies.durations import Duration
from policies.levels import Level, OutOfHours, Place, Places, Reminders
from policies.model import JSON
from policies.policy import Choice, ComeDown, Evidence, LevelBudget, People, Policy, Rule, Tier
from policies.reminders import MOST_REVIEWS
from policies.wording import amount, plain, times

Words = Mapping[str, Sequence[str]]
"""What is said of one thing, in lines under a label each."""

_PICKS = {
    "least_busy": "whoever of them has the fewest open tickets",
    "round_robin": "each of them in turn",
}
_TRIED = "the steps that were tried"
_SCOPES = {"group": "groups", "kind": "types", "form": "forms or request types", "tags": "tags"}


# --- levels -------------------------------------------------------------------------------------------------------
def of_level(policy: Policy, level: Level) -> Words:
    """Say everything about one level, except for its name, its role and its path."""
    calendar = say.levels_calendar(policy, level)
    told = {
        "who": places(level.places) or ([] if level.tell else ["nobody is named"]),
        "if that fails": _fallbacks(level),
        "how": [taking(level)],
        "who is told": [say.recipients(level.tell)] if level.tell else [],
        "who must agree": [_confirming(level.needs_confirmation)] if level.needs_confirmation else [],
        "priority": [priority(level)] if level.priority else [],
        "taken within": [say.counted(level.taken_within, calendar)] if level.taken_within else [],
        "if nobody does": _reminding(policy, level, level.if_not_taken) if level.if_not_taken else [],
        "solved within": [say.counted(level.expected_resolution, calendar)] if level.expected_resolution else [],
        "looked at again": [_reviewing(level.review_every, calendar)] if level.review_every else [],
        "out of hours": _out_of_hours(level.out_of_hours) if level.out_of_hours else [],
        "durations count": [level.calendar] if level.calendar else [],
        "the note adds": [f"“{level.note}”"] if level.note else [],
        "mode": [say.mode(level.mode)] if level.mode else [],
    }
    return {label: lines for label, lines in told.items() if lines}


def places(found: Places) -> list[str]:
    """Say where a level lives: a line for each site, then one for each kind of ticket that goes elsewhere."""
    return [line for at, place in found.items() for line in _place(at, place)]


def _place(at: str, place: Place) -> Iterator[str]:
    yield f"{say.capital(at)}: {target(place.target)}"
    for branch in place.branches:
        what = say.field(branch.field)
        for value, other in branch.targets.items():
            yield f"{say.capital(at)}, if the {what} is {value}: {target({**place.target, **other})}"


def place(at: str, found: Place, *, also_if_refused: bool) -> str:
    """Say where a level lives at one site in a line, and by what it may be elsewhere."""
    fields = [say.field(branch.field) for branch in found.branches]
    by = [f"by {say.listed(fields, 'and')}"] if fields else []
    other = say.listed([*by, *(["if that fails"] if also_if_refused else [])], "and")
    return f"{say.capital(at)}: {target(found.target)}{f' (others {other})' if other else ''}"


def target(found: Target) -> str:
    """Say a target in the vendor's words (`group Support`, `field team = First`), and how one of several is chosen."""
    parts = [f"{plain(name)} {_value(value)}" for name, value in found.items() if name not in ("assign", "from")]
    parts += [f"one of {_value(found['from'])}"] if "from" in found else []
    parts += [_PICKS.get(str(found["assign"]), plain(found["assign"]))] if "assign" in found else []
    return "; ".join(parts)


def _value(value: JSON) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_value(part)}" for name, part in value.items())
    return say.listed(map(_value, value), "and") if isinstance(value, list | tuple) else str(value)


def _fallbacks(level: Level) -> list[str]:
    return [
        f"{say.capital(at)}: {', then '.join(target(one) for one in several)}"
        for at, several in level.fallbacks.items()
    ]


def _out_of_hours(found: OutOfHours) -> list[str]:
    unless = f", unless {say.in_words(found.unless, found.calendar)}" if found.unless else ""
    if found.hold:
        return [f"a move waits until {found.calendar} opens{unless}"]
    lines = [f"while {found.calendar} is closed{unless}:", *places(found.places)]
    return [*lines, f"told: {say.recipients(found.tell)}"] if found.tell else lines


def taking(level: Level) -> str:
    """Say what becomes of a ticket that comes to this level."""
    if level.number == 1:
        return "every ticket starts here"
    return "the ticket stays where it is; they watch it" if watched(level) else "the ticket moves there"


def watched(level: Level) -> bool:
    """Say whether a ticket that comes to this level stays where it is, and people only watch it."""
    return level.take is Take.OVERSIGHT or (bool(level.places) and all(map(say.watches, level.places.values())))


def priority(level: Level) -> str:
    """Say what a level does to the priority."""
    if level.priority is None:
        return ""
    return f"at least {level.priority.to.word}" if level.priority.raise_only else f"set to {level.priority.to.word}"


def _reminding(policy: Policy, level: Level, reminders: Reminders) -> list[str]:
    """Say what happens when nobody takes a ticket in time."""
    every = say.counted(reminders.every, say.levels_calendar(policy, level))
    several = f", then every {every}, {times(reminders.at_most)} in all" if reminders.at_most > 1 else ""
    lines = [f"those who are told are reminded at that moment{several}"]
    if reminders.climb:
        higher = policy.level(min(level.number + 1, policy.top))
        lines.append(f"{every} later it goes to level {higher.number} {higher.name}")
    return lines


def _reviewing(every: Duration, calendar: str) -> str:
    """Say when the people of a level are asked to look at a ticket again."""
    lately = f"nobody from support has changed or said anything for {say.counted(every, calendar)}"
    return f"when {lately}, those who are told are asked to look, up to {MOST_REVIEWS} times in a row"


def _confirming(roles: Sequence[str]) -> str:
    """Say who must agree before a ticket comes to a level."""
    role = say.listed(roles, "or")
    return f"somebody with the role {role}, by /confirm in an internal comment; until then the move waits"


# --- rules and ways down ------------------------------------------------------------------------------------------
def of_rule(policy: Policy, rule: Rule) -> Words:
    """Say everything about one rule."""
    calendar = say.rules_calendar(policy, rule)
    return {
        "when": [say.reason(rule, policy)],
        "leads to": [say.destination(rule)],
        "tells": [say.recipients(rule.tell)] if rule.tell else [],
        "once more after": [say.counted(rule.again, calendar)] if rule.again else [],
        "waits while": [say.waiting(rule, calendar)] if rule.wait_if else [],
        "calendar": [rule.calendar] if rule.calendar else [],
        "mode": [rule.mode.value] if rule.mode else [],
    }


def of_way_down(policy: Policy, way: ComeDown) -> Words:
    """Say when a ticket comes down again."""
    calendar = say.levels_calendar(policy, policy.level(way.start))
    return {
        "when": [say.capital(say.in_words(way.when, calendar)) + "."],
        "has been so for": [say.counted(way.lasting, calendar)],
        "leads": [f"from level {way.start} to level {way.go_to}"],
    }


# --- time ---------------------------------------------------------------------------------------------------------
def of_time(policy: Policy) -> Words:
    """Say what time counts, and when none does."""
    again = "begins again" if policy.restart_after_reopening else "goes on with what had counted before"
    return {
        "durations count": _counted(policy),
        "no time counts": _stops(policy),
        "after reopening": [f"the time unresolved {again}"],
    }


def _counted(policy: Policy) -> list[str]:
    lines = [f"the calendar {policy.calendar}"]
    working = "working time is that of the calendar"
    if policy.calendar_from is not None:
        named = f"that the customer's field {policy.calendar_from} names"
        lines = [f"{working} {named}, else {policy.calendar}"]
    elif special := [f"{tier.calendar} for {tier.name} customers" for tier in policy.tiers if tier.calendar]:
        lines = [f"{working} {say.listed(special, 'and')}, and {policy.calendar} for all others"]
    lines += [f"at level {level.number} {level.name}: {level.calendar}" for level in policy.levels if level.calendar]
    return [*lines, "by the clock: every minute, day and night"]


def _stops(policy: Policy) -> list[str]:
    paused = [plain(status) for status in sorted(policy.pause_while)]
    while_paused = f"while the status is {say.listed(paused)}, and " if paused else ""
    lines = [f"{while_paused}while it is solved or closed"]
    if policy.pause_linked is not None:
        most = say.spelled(policy.pause_linked.length)
        lines.append(f"while an open linked ticket blocks it, each time for {most} at most, every minute counted")
    return lines


# --- guards and people --------------------------------------------------------------------------------------------
def of_guards(policy: Policy) -> Words:
    """Say what keeps the policy from escalating too much."""
    guards, calendar = policy.guards, say.usual_calendar(policy)
    never = [f"while {say.in_words(guards.never, calendar)}"] if guards.never else []
    least = guards.min_time_between
    between = [f"at least {say.spelled(least.length)}, every minute counted"] if least else []
    ticket = guards.per_ticket
    often = [f"moved at most {times(ticket.at_most)} within {say.spelled(ticket.per.length)}"] if ticket else []
    spared = (
        [f"from all but the first, while {say.in_words(guards.never_hold, calendar)}"]
        if guards.never_hold and _keeps(policy)
        else []
    )
    told = {
        "no move up": never,
        "between moves": between,
        "one ticket": often,
        "one level": [_budget(policy, budget) for budget in guards.level_budgets],
        "known before": [_evidence(guards.evidence, calendar)] if guards.evidence else [],
        "spared": spared,
    }
    return {label: lines for label, lines in told.items() if lines}


def _keeps(policy: Policy) -> bool:
    """Say whether there is anything that some tickets are spared."""
    guards = policy.guards
    held = (guards.min_time_between, guards.per_ticket, guards.evidence, *(b for b in guards.level_budgets if b.hold))
    return any(held) or any(level.out_of_hours and level.out_of_hours.hold for level in policy.levels)


def _budget(policy: Policy, budget: LevelBudget) -> str:
    above = "more wait for their turn" if budget.hold else "for more, its people are warned"
    most, name = amount(budget.at_most, "ticket"), policy.level(budget.level).name
    return f"at most {most} within {say.spelled(budget.per.length)} to level {budget.level} {name}; {above}"


def _evidence(evidence: Evidence, calendar: str) -> str:
    wanted = say.listed((_need(name) for name in evidence.need), "and")
    most = say.counted(evidence.at_most, calendar)
    return f"a {evidence.path.value} move waits, for {most} at most, until these are recorded: {wanted}"


def _need(name: str) -> str:
    return _TRIED if name == "steps_tried" else f"the {say.field(name)}"


def of_role(policy: Policy, name: str, role: People) -> Words:
    """Say who has a role, how they are reached, and what they may do."""
    levels = [f"level {level.number} {level.name}" for level in policy.levels if name in level.needs_confirmation]
    may = [f"agree to a move to {say.listed(levels, 'and')} (/confirm), or not (/decline)"] if levels else []
    may += (
        ["let a ticket rest (/snooze 4h), hold it where it is (/hold), and end both (/release)"]
        if name == MANAGER
        else []
    )
    told = {
        "people": [say.listed(role.people, "and")],
        "told at": [say.recipients(role.tell)] if role.tell else [],
        "may": may or ["nothing: no level asks for it"],
    }
    return {label: lines for label, lines in told.items() if lines}


# --- tickets and customers ----------------------------------------------------------------------------------------
def scope(choices: Sequence[Choice]) -> list[str]:
    """Say which tickets of a vendor or site a policy is about, a line for each thing they must have."""
    lines = []
    for choice in choices:
        name = _SCOPES.get(choice.field, f"{choice.field}s")
        lines += [f"{name}: {say.listed(choice.only)}"] if choice.only else []
        lines += [f"{name}: anything but {say.listed(choice.none_of)}"] if choice.none_of else []
    return lines or ["all tickets"]


def tier(found: Tier) -> str:
    """Say who belongs to a tier."""
    parts = [f"organization {say.listed(found.organizations)}"] if found.organizations else []
    parts += [f"tag {say.listed(found.tags)}"] if found.tags else []
    parts += [f"field value {say.listed(found.field_values)}"] if found.field_values else []
    return " or ".join(parts) or "everybody else"


def signs(policy: Policy) -> dict[str, list[str]]:
    """Say by what a policy recognises frustration and ratings: the signs under each mood."""
    found: dict[str, list[str]] = {}
    for phrase in policy.frustration.phrases if policy.frustration else ():
        found.setdefault(f"{phrase.degree} frustration", []).append(f"“{phrase.text}” ({phrase.language})")
    for degree, tags in policy.frustration.tags.items() if policy.frustration else ():
        found.setdefault(f"{degree} frustration", []).extend(f"tag {tag}" for tag in tags)
    for rating, tags in policy.csat.items():
        found.setdefault(f"rated {rating}", []).extend(f"tag {tag}" for tag in tags)
    return found
