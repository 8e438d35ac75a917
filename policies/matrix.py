"""The escalation matrix of a policy: who, when and how for each level, as a sheet that people can be handed."""

from __future__ import annotations

from collections.abc import Iterable

from policies import sentences as say
from policies.commands import Take
from policies.levels import Level
from policies.policy import Policy
from policies.sheet import Block, Grid, Pairs, Points, Section, Sheet

_NOBODY = "—"
_HOW = {Take.OWNERSHIP: "moves there", Take.OVERSIGHT: "stays, watched"}


def matrix(policy: Policy) -> Sheet:
    """Lay out a policy's levels with the reasons that lead there, and all that these refer to."""
    stamp = [("Revision", (policy.revision,)), ("Owner", (policy.owner or "not named",))]
    stamp.append(("To be reviewed by", (say.day(policy.review_by) if policy.review_by else "no date is set",)))
    return Sheet(
        title=policy.name,
        subtitle="Escalation matrix",
        stamp=Pairs(items=tuple(stamp)),
        sections=(
            _overview(policy),
            *(_level(policy, level) for level in policy.levels),
            _scope(policy),
            _time(policy),
            *_customers(policy),
            *_severity(policy),
            *_moods(policy),
        ),
    )


def _overview(policy: Policy) -> Section:
    head = ("Level", "Who", "How", "Priority", "Taken within", "Solved within")
    grid = Grid(caption="", head=head, rows=tuple(_row(policy, level) for level in policy.levels))
    intro = "Every ticket starts at level 1. Of the reasons that hold, the one that leads highest wins."
    return Section(title="At a glance", intro=intro, blocks=(grid,))


def _row(policy: Policy, level: Level) -> tuple[str, ...]:
    return (
        f"{level.number} {level.name}",
        "\n".join(_who(level)),
        _HOW[level.take] if level.number > 1 else "starts here",
        say.priority(level) or _NOBODY,
        say.counted(level.taken_within, policy.calendar) if level.taken_within else _NOBODY,
        say.counted(level.expected_resolution, policy.calendar) if level.expected_resolution else _NOBODY,
    )


def _who(level: Level) -> tuple[str, ...]:
    return tuple(f"{at}: {say.target(place.target)}" for at, place in level.places.items()) or ("nobody is named",)


def _level(policy: Policy, level: Level) -> Section:
    facts = [("Who", _who(level)), ("How", (say.taking(level),))]
    if level.priority:
        facts.append(("Priority", (say.priority(level),)))
    if level.taken_within:
        facts.append(("Taken within", (say.counted(level.taken_within, policy.calendar),)))
    if level.expected_resolution:
        facts.append(("Solved within", (say.counted(level.expected_resolution, policy.calendar),)))
    if level.note:
        facts.append(("The note adds", (f"“{level.note}”",)))
    if level.mode:
        facts.append(("Mode", (say.mode(level.mode),)))
    aside = f"{level.path.value} · {level.take.value}" if level.number > 1 else "where every ticket starts"
    blocks: list[Block] = [Pairs(items=tuple(facts))]
    reasons = tuple(_reasons(policy, level))
    if reasons:
        blocks.append(Points(heading="When", items=reasons))
    elif level.number > 1:
        blocks.append(Pairs(items=(("When", ("no rule leads here; people may move a ticket here by hand",)),)))
    return Section(title=f"Level {level.number} · {level.name}", aside=aside, intro=level.role, blocks=tuple(blocks))


def _reasons(policy: Policy, level: Level) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    for rule in policy.rules:
        how = say.leads(rule, level.number)
        if how is not None:
            name = f"{rule.name} ({how})" if how else rule.name
            yield name, say.reason(rule, policy), tuple(say.remarks(rule, policy))


def _scope(policy: Policy) -> Section:
    places = tuple((place, tuple(say.scope(choices))) for place, choices in policy.applies_to.items())
    intro = "What is not named here is never decided upon and never changed."
    return Section(title="Applies to", intro=intro, blocks=(Pairs(items=places),))


def _time(policy: Policy) -> Section:
    shown = {policy.calendar, *(rule.calendar for rule in policy.rules if rule.calendar)}
    own = [c for c in policy.calendars.values() if c.name != "always" or c.name in shown]
    items = [(f"{c.name}", (f"time zone {c.timezone}", *say.hours(c), *say.closed(c))) for c in own]
    general = [("Durations count", (f"the calendar {policy.calendar}; by the clock: every minute, day and night",))]
    paused = say.listed((s.value.replace("_", " ") for s in sorted(policy.pause_while)), "or")
    stops = (
        f"while the status is {paused}, and while it is solved or closed" if paused else "while it is solved or closed"
    )
    general.append(("No time counts", (stops,)))
    again = "begins again" if policy.restart_after_reopening else "goes on with what had counted before"
    general.append(("After reopening", (f"the time unresolved {again}",)))
    return Section(title="Time", blocks=(Pairs(items=tuple(general)), Pairs(items=tuple(items))))


def _customers(policy: Policy) -> Iterable[Section]:
    if policy.tiers:
        rows = tuple((tier.name, say.tier(tier)) for tier in policy.tiers)
        grid = Grid(caption="", head=("Tier", "Who"), rows=rows)
        yield Section(title="Customers", intro="The first tier that matches wins.", blocks=(grid,))


def _severity(policy: Policy) -> Iterable[Section]:
    table = policy.severity
    if table is not None:
        head = ("Impact ↓ · urgency →", *table.urgency)
        rows = tuple((impact, *table.matrix[impact]) for impact in table.impact)
        intro = f"From the least to the greatest: {', '.join(table.names)}."
        yield Section(title="Severity", intro=intro, blocks=(Grid(caption="", head=head, rows=rows),))


def _moods(policy: Policy) -> Iterable[Section]:
    if signs := say.signs(policy):
        items = tuple((mood, (say.listed(found),)) for mood, found in signs.items())
        intro = "Whole words in the requester's newest messages, and tags. Frustration never escalates alone."
        yield Section(title="Moods", intro=intro, blocks=(Pairs(items=items),))
