"""Where a ticket stands on the ladder when nobody decides: in scope or not, adopted, or moved by a person's hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policies.case import Case, End, Facts, Fired
from policies.commands import Mode, Take
from policies.echoes import ours_all_the_same
from policies.model import Event, Kind, Named, Role, Ticket
from policies.moments import moment_of
from policies.policy import Choice, Policy
from policies.shifts import Shift

_MOVING = ("group", "level", "assignee")


def in_scope(policy: Policy, ticket: Ticket) -> bool | str:
    """Say whether the policy applies to the ticket, or name the field that must be known first."""
    choices = policy.applies_to.get(f"{ticket.ref.vendor}/{ticket.ref.site}", policy.applies_to.get(ticket.ref.vendor))
    if choices is None:
        return False
    found = [(choice.field, _chosen(choice, ticket)) for choice in choices]
    if any(value is False for _, value in found):
        return False
    return next((field for field, value in found if value is None), True)


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


def adopted(policy: Policy, case: Case, fresh: Sequence[Event], facts: Facts, now: datetime) -> Case:
    """Take a ticket in at the level it stands at; what was so before is no cause (DECISIONS 21)."""
    born = next((event for event in fresh if event.kind is Kind.CREATED), None)
    created = case.story.created_at or (born.at if born else None)
    if case.adopted_at is None:
        begin = created if born and created else min((event.at for event in fresh), default=now)
        level = _standing(policy, case.ticket, case.level) if born else _stands_at(policy, case.ticket)
        case = replace(case, adopted_at=begin, newborn=born is not None, level=level, level_since=begin)
        case = replace(case, pinned=policy.revision if level > 1 else None)
    elif born and created and not case.newborn and created < case.adopted_at:  # its birth was told late
        since = created if case.moves == 0 else case.level_since
        case = replace(case, newborn=True, adopted_at=created, level_since=since)
    if case.mode is not None and case.mode is not facts.mode and case.mode is Mode.OBSERVE:
        level = _stands_at(policy, case.ticket)  # what was only observed never happened at the vendor
        case = replace(case, newborn=False, moves=0, level=level, level_since=facts.mode_since or now, pinned=None)
    if facts.mode_since and case.adopted_at and case.adopted_at < facts.mode_since and case.mode is not facts.mode:
        case = replace(case, adopted_at=facts.mode_since, newborn=False)
    return replace(case, mode=facts.mode)


def _stands_at(policy: Policy, ticket: Ticket) -> int:
    if ticket.level is not None and 1 < ticket.level <= policy.top:
        return ticket.level
    return _standing(policy, ticket, 1)


def _standing(policy: Policy, ticket: Ticket, otherwise: int) -> int:
    """Return the level whose target the ticket stands in; the present one if several share it or none does."""
    numbers = [
        level.number
        for level in policy.levels
        if level.take is Take.OWNERSHIP and _stands_in(ticket, level.target(ticket.ref.vendor, ticket.ref.site))
    ]
    return numbers[-1] if numbers and otherwise not in numbers else otherwise


def _stands_in(ticket: Ticket, target: Mapping[str, object]) -> bool:
    group, fields = target.get("group"), target.get("field")
    if isinstance(group, str | int) and ticket.group is not None and ticket.group.goes_by(str(group)):
        return True
    if isinstance(fields, Mapping) and fields:
        told = {name: (ticket.custom.get(name) or "").casefold() for name in fields}
        return all(told[name] == str(value).casefold() for name, value in fields.items())
    return False


def followed(
    policy: Policy, case: Case, shifts: Sequence[Shift], facts: Facts, now: datetime
) -> tuple[Case, dict[str, End]]:
    """Let a person's hand win: the level goes where they moved the ticket, and unfinished writes are given up."""
    by_people = [s for s in shifts if s.role is not Role.OURS and not ours_all_the_same(s, case.wrote)]
    moving = [s for s in by_people if s.field in _MOVING or s.field.startswith("custom.")]
    ended = bool(case.story.ended) or (case.ticket.status is not None and case.ticket.status.resolved)
    level = _moved_to(policy, case, moving)
    hands = [s for s in moving if s.field in _MOVING]
    given_up = {p.operation: End.WITHDRAWN for p in case.pending if ended or hands or level is not None}
    if given_up and level is None and not ended:
        first = case.pending[0]
        case = replace(case, level=first.level_before, level_since=first.since_before)
    if given_up:
        case = replace(case, pending=())
    if level is not None and level != case.level:
        moved_at = max(s.at for s in moving)
        case = replace(_settled(policy, case, facts, moved_at), level=level, level_since=moved_at)
        case = replace(case, pinned=policy.revision if level > 1 else None, left_by=None)
    return case, given_up


def _moved_to(policy: Policy, case: Case, moving: Sequence[Shift]) -> int | None:
    level: int | None = None
    for shift in moving:
        if shift.field == "level":
            said = int(shift.after) if shift.after and shift.after.isdecimal() else 1
            level = min(max(said, 1), policy.top)
        elif shift.field == "group" or shift.field.startswith("custom."):
            now_at = case.level if level is None else level
            standing = _standing(policy, case.ticket, now_at)
            level = standing if standing != now_at else level
    return level


def _settled(policy: Policy, case: Case, facts: Facts, moved_at: datetime) -> Case:
    """Count every cause up to a person's move as dealt with: they saw the ticket and chose."""
    fired = dict(case.fired)
    for rule in policy.rules:
        finding = rule.when.ask(moment_of(policy, rule, case, facts, moved_at))
        causes = {a.cause for a in finding.support if a.cause} | set(
            fired[rule.name].causes if rule.name in fired else ()
        )
        if finding.value and causes:
            fired[rule.name] = Fired(at=moved_at, causes=tuple(sorted(causes)[-20:]))
    return replace(case, fired=fired)
