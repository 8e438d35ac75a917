"""Where a ticket stands on the ladder when nobody decides: in scope or not, adopted, or moved by a person's hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policies.case import Case, End, Facts, Fired
from policies.commands import Mode, Take
from policies.echoes import ours_all_the_same
from policies.levels import Level
from policies.model import WHOLE_TICKET, Event, Named, Role, Ticket
from policies.moments import Clocks, moment_of
from policies.policy import Choice, Policy
from policies.shifts import Shift

_REMEMBERED = 40
OTHER_NAMES = {"team": "group", "request_type": "form"}
"""What stepladder.toml may call a field that a ticket knows by another name."""
_ASKED = frozenset({"requested_by_staff"})
"""Causes that no move by hand deals with: somebody asks for more than where the ticket was put."""
_MOVING = ("group", "level", "assignee")


def in_scope(policy: Policy, ticket: Ticket) -> bool | str:
    """Say whether the policy applies to the ticket, or name the field that must be known first."""
    choices = policy.applies_to.get(f"{ticket.ref.vendor}/{ticket.ref.site}", policy.applies_to.get(ticket.ref.vendor))
    if choices is None:
        return False
    found = [(choice.field, _chosen(_with_targets(policy, choice, ticket), ticket)) for choice in choices]
    if any(value is False for _, value in found):
        return False
    return next((field for field, value in found if value is None), True)


def _with_targets(policy: Policy, choice: Choice, ticket: Ticket) -> Choice:
    """Count the groups that levels move tickets to as named too: our own move must not lose sight of a ticket."""
    if choice.field != "group" or not choice.only:
        return choice
    at = ticket.ref.vendor, ticket.ref.site
    targets = [target for level in policy.levels for target in (*level.targets(*at), *level.fallback(*at))]
    return replace(choice, only=(*choice.only, *(group for target in targets for group in _groups(target))))


def _groups(target: Mapping[str, object]) -> list[str]:
    """Return the groups a target names, itself or by a field that holds the ticket's group."""
    fields = target.get("field")
    told = {**(fields if isinstance(fields, Mapping) else {}), "group": target.get("group")}
    return [str(word) for name, word in told.items() if word is not None and OTHER_NAMES.get(name, name) == "group"]


def _chosen(choice: Choice, ticket: Ticket) -> bool | None:
    if not ticket.knows(choice.field):
        return None
    value = getattr(ticket, choice.field)
    things = [
        Named(id=v, name=v) if isinstance(v, str) else v for v in (value if isinstance(value, tuple) else [value])
    ]
    for words, wanted in ((choice.none_of, False), (choice.only, True)):
        matches = [thing.goes_by(word) for thing in things if thing is not None for word in words]
        if words and any(matches) is not wanted:
            return None if None in matches else False
    return True


def adopted(
    policy: Policy, case: Case, fresh: Sequence[Event], facts: Facts, now: datetime
) -> tuple[Case, dict[str, End]]:
    """Take a ticket in at the level it stands at; what was so before is no cause (decision 21).

    Writes that have not ended when the mode changes are given up: what is then allowed is decided anew.
    """
    if case.mode is not None and case.mode is not facts.mode:
        given_up = {pending.operation: End.WITHDRAWN for pending in case.pending}
        case = _withdrawn(policy, case, None) if given_up else case
        return _adopted_again(policy, case, facts, now), given_up
    return _first_adopted(policy, case, fresh, facts, now), {}


def _first_adopted(policy: Policy, case: Case, fresh: Sequence[Event], facts: Facts, now: datetime) -> Case:
    story = case.story
    first = story.created_at if story.born else min((event.at for event in fresh), default=None)
    first = first or case.adopted_at or now
    forgotten = case.erased.get(WHOLE_TICKET, first)  # which causes counted before is not known any more
    begin = max(first, facts.mode_since or first, forgotten)
    newborn = story.born and begin == first
    if case.adopted_at is None or begin < case.adopted_at or (newborn and not case.newborn and case.moves == 0):
        if case.adopted_at is None or (case.moves == 0 and case.level_since == case.adopted_at):
            case = _taken_in(policy, case, begin)
        case = replace(case, adopted_at=begin, newborn=newborn)
    return case if case.mode is facts.mode else replace(case, mode=facts.mode)


def began(case: Case) -> str:
    """Say in words what it was that only later causes count."""
    forgotten = case.adopted_at is not None and case.adopted_at == case.erased.get(WHOLE_TICKET)
    return "its texts were erased" if forgotten else "Stepladder looked"


def _adopted_again(policy: Policy, case: Case, facts: Facts, now: datetime) -> Case:
    """After a change of mode only what arises from now on counts; what was only observed never happened."""
    since = facts.mode_since or now
    begin = max(since, case.adopted_at or since)
    if case.mode is not Mode.ACT:
        case = replace(_taken_in(policy, case, since), moves=0, moved_at=(), before=())
    return replace(case, adopted_at=begin, newborn=False, mode=facts.mode)


def _taken_in(policy: Policy, case: Case, since: datetime) -> Case:
    """Put a ticket at the level it stands at. At the first it has stood since its creation, so that no wait is new."""
    level = _stands_at(policy, case)
    born = case.story.created_at
    return _at(policy, case, level, min(born, since) if level == 1 and born is not None else since)


def _at(policy: Policy, case: Case, level: int, since: datetime) -> Case:
    """Put the case at a level; above the first it keeps to its policy (decision 10)."""
    return replace(at_level(case, level, since), pinned=policy.revision if level > 1 else None)


def at_level(case: Case, level: int, since: datetime) -> Case:
    """Return the case at a level: reminders begin anew, and what was remembered of higher levels is forgotten."""
    return replace(
        case,
        level=level,
        level_since=since,
        before=tuple(before for before in case.before if before.level <= level),
        calm={},
        promised=None,
        returned=False,
        reminded=0,
        reviewed=0,
        reviewed_at=None,
    )


def _stands_at(policy: Policy, case: Case) -> int:
    level, story = case.ticket.level, case.story
    inherited = story.born and f"level={level}" not in story.times  # a follow-up's or a clone's (decision 6)
    if level is not None and 1 < level <= policy.top and not inherited:
        return level
    return _standing(policy, case.ticket, 1)


def _standing(policy: Policy, ticket: Ticket, otherwise: int) -> int:
    """Return the level whose target the ticket stands in; the present one if several share it or none does.

    Where a level's tickets go only if its target is refused says less than where another level lives.
    """
    at = ticket.ref.vendor, ticket.ref.site
    owning = [level for level in policy.levels if level.take is Take.OWNERSHIP]
    for targets in (Level.targets, Level.fallback):
        numbers = [lv.number for lv in owning if any(_stands_in(ticket, target) for target in targets(lv, *at))]
        if numbers:
            return otherwise if otherwise in numbers else numbers[-1]
    return otherwise


def _stands_in(ticket: Ticket, target: Mapping[str, object]) -> bool:
    group, fields = target.get("group"), target.get("field")
    if isinstance(group, str | int) and ticket.group is not None and ticket.group.goes_by(str(group)):
        return True
    if isinstance(fields, Mapping) and fields:
        return all(_holds(ticket, name, str(value)) for name, value in fields.items())
    return False


def _holds(ticket: Ticket, name: str, word: str) -> bool:
    value = ticket.custom.get(name, getattr(ticket, OTHER_NAMES.get(name, name), None))
    if isinstance(value, Named):
        return bool(value.goes_by(word))
    return isinstance(value, str) and value.casefold() == word.casefold()


def followed(
    policy: Policy, case: Case, shifts: Sequence[Shift], facts: Facts, now: datetime
) -> tuple[Case, dict[str, End]]:
    """Let a person's hand win: the level goes where they moved the ticket, and unfinished writes are given up."""
    if not shifts and not case.pending:
        return case, {}
    theirs = [s for s in shifts if s.role is not Role.OURS and not (case.pending and ours_all_the_same(s, case.wrote))]
    moving = [s for s in theirs if s.field in _MOVING or s.field.startswith("custom.")]
    level = _moved_to(policy, case, moving)
    acted_at = max((s.at for s in moving if s.field in _MOVING or level is not None), default=None)
    hands = any(s.field in _MOVING and s.role is not Role.APP for s in moving) and not _written(case)
    given_up = {p.operation: End.WITHDRAWN for p in case.pending if has_ended(case) or hands or level is not None}
    if given_up:
        case = _withdrawn(policy, case, acted_at)
    if acted_at is not None and (given_up or level is not None):
        case = dealt_with(policy, case, facts, acted_at)
    if level is not None and level != case.level and acted_at is not None:
        case = replace(_at(policy, case, level, acted_at), left_by=None)
    return case, given_up


def has_ended(case: Case) -> bool:
    """Nobody waits for support any more: resolved, merged or deleted."""
    return bool(case.story.ended) or (case.ticket.status is not None and case.ticket.status.resolved)


def _written(case: Case) -> bool:
    """Say whether the vendor shows the level of the pending move already, so that only its note is on the way."""
    return bool(case.pending) and case.ticket.level == case.level


def ground(case: Case) -> tuple[int, datetime]:
    """Return the level that the vendor shows, and since when: a move that is not written yet never happened."""
    if not case.pending or _written(case):
        return case.level, case.level_since
    return case.pending[0].level_before, case.pending[0].since_before


def _withdrawn(policy: Policy, case: Case, acted_at: datetime | None) -> Case:
    """Go back to where the ticket stands. A cause that is younger than the person's act counts anew."""
    fired = dict(case.fired)
    for pending in case.pending:
        before = fired.get(pending.rule)
        if before is not None and acted_at is not None and acted_at < pending.at:
            younger = {cause.id for cause in pending.causes if cause.since > acted_at}
            fired[pending.rule] = replace(before, causes=tuple(c for c in before.causes if c not in younger))
    level, since = ground(case)
    never_made = () if _written(case) else tuple(pending.at for pending in case.pending)
    moved_at = tuple(at for at in case.moved_at if at not in never_made)
    return replace(_at(policy, case, level, since), pending=(), fired=fired, moved_at=moved_at)


def _moved_to(policy: Policy, case: Case, moving: Sequence[Shift]) -> int | None:
    """Return the level that people moved the ticket to, as it stands now; None if they did not.

    While a level only watches over the ticket, its owners may hand it around; what ends the watch is the ticket's way
    back to the first level, or its level field.
    """
    watched = policy.level(case.level).take is Take.OVERSIGHT
    level: int | None = None
    places = _fields(policy, case.ticket)
    for shift in moving:
        if shift.field == "level":
            if str(case.ticket.level) in (shift.after, "None"):
                level = min(max(case.ticket.level or 1, 1), policy.top)
        elif shift.field == "group" or shift.field in places:
            now_at = case.level if level is None else level
            standing = _standing(policy, case.ticket, now_at)
            level = standing if standing != now_at and (standing == 1 or not watched) else level
    return level


def _fields(policy: Policy, ticket: Ticket) -> frozenset[str]:
    """Return the custom fields that say where a ticket stands, as shifts name them."""
    at = ticket.ref.vendor, ticket.ref.site
    told = (target.get("field") for lv in policy.levels for target in (*lv.targets(*at), *lv.fallback(*at)))
    return frozenset(f"custom.{name}" for fields in told if isinstance(fields, Mapping) for name in fields)


def dealt_with(policy: Policy, case: Case, facts: Facts, moved_at: datetime) -> Case:
    """Count every cause up to a person's move as dealt with: they saw the ticket and chose."""
    fired, clocks = dict(case.fired), Clocks(policy, case)
    for rule in (rule for rule in policy.rules if rule.go_to is not None):  # what only tells is not about the level
        finding = rule.when.ask(moment_of(policy, clocks.of(rule), case, facts, moved_at))
        seen = [a for a in finding.answers if a.value and a.name not in _ASKED]
        causes = [c.id for a in seen for c in a.causes if c.since <= moved_at]
        before = fired.get(rule.name)
        if causes:
            at = max(moved_at, before.at) if before is not None and before.at is not None else None
            fired[rule.name] = consumed(before, causes, at)
    return replace(case, fired=fired)


def consumed(before: Fired | None, causes: Sequence[str], at: datetime | None) -> Fired:
    """Add causes, the latest last; very old ones are forgotten."""
    older = [cause for cause in (before.causes if before else ()) if cause not in causes]
    return Fired(at=at, causes=(*older[-_REMEMBERED:], *sorted(set(causes))))
