"""The escalation matrix of a policy: who, when and how for each level, as a sheet that people can be handed."""

from __future__ import annotations

from collections.abc import Iterable

from policies import particulars as about
from policies import sentences as say
from policies.levels import Level
from policies.particulars import Words
from policies.policy import Policy, Rule
from policies.sheet import Block, Grid, Pairs, Point, Points, Section, Sheet

_NOTHING = "—"
_ROLE = ("people", "told at", "may")


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
            *_only_told(policy),
            *_guards(policy),
            *_roles(policy),
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
    said = about.of_level(policy, level)
    who = [about.place(at, place, also_if_refused=at in level.fallbacks) for at, place in level.places.items()]
    who = who or [f"told: {line}" for line in said.get("who is told", ())] or [*said["who"]]
    return (
        f"{level.number} {level.name}",
        "\n".join(who),
        "starts here" if level.number == 1 else "stays, watched" if about.watched(level) else "moves there",
        *(" ".join(said.get(label, (_NOTHING,))) for label in ("priority", "taken within", "solved within")),
    )


def _level(policy: Policy, level: Level) -> Section:
    aside = f"{level.path.value} · {level.take.value}" if level.number > 1 else "where every ticket starts"
    blocks: list[Block] = [_pairs(about.of_level(policy, level))]
    if reasons := tuple(_reasons(policy, level)):
        blocks.append(Points(heading="When", items=reasons))
    elif level.number > 1:
        blocks.append(Pairs(items=(("When", ("no rule leads here; people may move a ticket here by hand",)),)))
    if ways := tuple(_ways_down(policy, level)):
        blocks.append(Points(heading="Down again", items=ways))
    return Section(title=f"Level {level.number} · {level.name}", aside=aside, intro=level.role, blocks=tuple(blocks))


def _pairs(words: Words) -> Pairs:
    return Pairs(items=tuple((say.capital(label), tuple(lines)) for label, lines in words.items()))


def _reasons(policy: Policy, level: Level) -> Iterable[Point]:
    for rule in policy.rules:
        how = say.leads(rule, level.number)
        if how is not None:
            aside = "in spite of reminders" if rule.implied else how
            yield _point(policy, rule, aside)


def _point(policy: Policy, rule: Rule, aside: str = "") -> Point:
    small = tuple(say.remarks(rule, policy))
    return Point(name=rule.name, aside=aside, sentence=say.reason(rule, policy), small=small)


def _ways_down(policy: Policy, level: Level) -> Iterable[Point]:
    for way in policy.come_down:
        if way.start == level.number:
            said = about.of_way_down(policy, way)
            long = f"If that has been so for {' '.join(said['has been so for'])} without a break."
            yield Point(name=way.name, aside=f"to level {way.go_to}", sentence=" ".join(said["when"]), small=(long,))


def _only_told(policy: Policy) -> Iterable[Section]:
    if items := tuple(_point(policy, rule) for rule in policy.rules if rule.go_to is None):
        intro = "These reasons move nothing; people get a message."
        yield Section(title="Only told", intro=intro, blocks=(Points(heading="When", items=items),))


def _guards(policy: Policy) -> Iterable[Section]:
    if said := about.of_guards(policy):
        intro = "What keeps tickets from going up too often. What waits is not lost: `stepladder policy explain` shows "
        intro += "it, with its reason and until when."
        yield Section(title="Guards", intro=intro, blocks=(_pairs(said),))


def _roles(policy: Policy) -> Iterable[Section]:
    if policy.roles:
        head = ("Role", "People", "Told at", "May")
        rows = []
        for name, role in policy.roles.items():
            said = about.of_role(policy, name, role)
            rows.append((name, *("\n".join(said.get(key, (_NOTHING,))) for key in _ROLE)))
        yield Section(title="Roles", blocks=(Grid(caption="", head=head, rows=tuple(rows)),))


def _scope(policy: Policy) -> Section:
    places = tuple((say.capital(place), tuple(about.scope(choices))) for place, choices in policy.applies_to.items())
    intro = "What is not named here is never decided upon and never changed."
    return Section(title="Applies to", intro=intro, blocks=(Pairs(items=places),))


def _time(policy: Policy) -> Section:
    own = [c for c in policy.calendars.values() if c.name != "always" or c.name in _used(policy)]
    items = [(c.name, (f"time zone {c.timezone}", *say.hours(c), *say.closed(c))) for c in own]
    return Section(title="Time", blocks=(_pairs(about.of_time(policy)), Pairs(items=tuple(items))))


def _used(policy: Policy) -> set[str | None]:
    """Return the calendars that something in the policy names."""
    other = {level.out_of_hours.calendar for level in policy.levels if level.out_of_hours}
    levels = {level.calendar for level in policy.levels} | {tier.calendar for tier in policy.tiers}
    return {policy.calendar, *(rule.calendar for rule in policy.rules)} | levels | other


def _customers(policy: Policy) -> Iterable[Section]:
    if policy.tiers:
        rows = tuple((tier.name, about.tier(tier)) for tier in policy.tiers)
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
    if signs := about.signs(policy):
        items = tuple((mood, (say.listed(found),)) for mood, found in signs.items())
        intro = "Whole words in the requester's newest messages, and tags. Frustration never escalates alone."
        yield Section(title="Moods", intro=intro, blocks=(Pairs(items=items),))
