"""Whom a look tells something although the ticket stays: rules that only tell, reminders, reviews, confirmations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from policies.case import Case, Hold
from policies.commands import Mode, Notice, Occasion, Recipient
from policies.consent import kept_by_order, waits_for_confirmation
from policies.handoff import in_words
from policies.levels import Level
from policies.moving import Scene
from policies.notices import Message, notice
from policies.reminders import Reminder, not_taken, reminder_name, review, review_name, reviewed, taken_reminded
from policies.values import spoken
from policies.verdicts import Verdict


class Attention(NamedTuple):
    """Messages to send now, the case that remembers them, what a pause keeps back, and when the next one is due."""

    case: Case
    notices: tuple[Notice, ...] = ()
    next_look: datetime | None = None
    held: tuple[Hold, ...] = ()


def told_by_rules(scene: Scene, verdicts: Sequence[Verdict], winner: Verdict | None) -> tuple[Notice, ...]:
    """Return the messages of rules that tell somebody and have a new cause; the winner's go out with its move."""
    speaking = [v for v in verdicts if v.new and v.rule.tell and (winner is None or v.rule is not winner.rule)]
    level = scene.policy.level(scene.case.level)
    written = (
        _message(
            scene, level, Occasion.RULE, v.rule.name, v.rule.tell, v.rule.name,
            "; ".join(in_words(a) for a in v.finding.support), _causes(scene, v),
        )
        for v in speaking
        if Mode.least(scene.facts.mode, v.rule.mode) is Mode.ACT
    )  # fmt: skip
    return tuple(one for one in written if one is not None)


def _causes(scene: Scene, verdict: Verdict) -> tuple[object, ...]:
    """Return what tells this message of a rule apart from its others: the causes, and when it spoke last."""
    fired = scene.case.fired.get(verdict.rule.name)
    return (*sorted(cause.id for cause in verdict.causes), fired.at if fired is not None else None)


def silenced(scene: Scene, verdicts: Sequence[Verdict]) -> tuple[Hold, ...]:
    """Return what paused rules would tell now, so that it is looked at again when the pause ends."""
    return tuple(
        _silent(v.rule.name, scene.case, v.paused)
        for v in verdicts
        if v.new and v.rule.go_to is None and v.paused is not None
    )


def _silent(name: str, case: Case, reason: str) -> Hold:
    return Hold(rule=name, level=case.level, reason=f"paused: {reason}")


def asked_to_confirm(scene: Scene, verdicts: Sequence[Verdict], held: Sequence[Hold]) -> tuple[Notice, ...]:
    """Return the messages to those who may confirm a move that is held for them, once for each such hold."""
    if not held:
        return ()
    new = (h for h in held if waits_for_confirmation(h) and h.move not in scene.case.asked)
    found = {v.rule.name: "; ".join(in_words(a) for a in v.finding.support) for v in verdicts}
    return tuple(written for hold in new if (written := _asked(scene, hold, found.get(hold.rule, ""))) is not None)


def _asked(scene: Scene, hold: Hold, found: str) -> Notice | None:
    level = scene.policy.level(hold.level)
    if Mode.least(scene.facts.mode, level.mode) is not Mode.ACT:
        return None
    to = tuple(who for role in level.needs_confirmation for who in scene.policy.roles[role].tell)
    asks = "please confirm with /confirm in an internal comment, or /decline"
    return _message(scene, level, Occasion.CONFIRMATION, hold.rule, to, asks, f"{hold.rule}: {found}", (hold.since,))


def attended(scene: Scene, case: Case) -> Attention:
    """Remind those who should take the ticket, or review it, at the level where it stands."""
    level = scene.policy.level(case.level)
    if level.if_not_taken is None and level.review_every is None:
        return Attention(case)
    if Mode.least(scene.facts.mode, level.mode) is not Mode.ACT:
        return Attention(case)
    ordered = kept_by_order(scene.policy, case, scene.now)
    if ordered is not None:
        return Attention(case, next_look=ordered[1])
    moment, found, held = scene.moment(case), list[Notice](), list[Hold]()
    reminder, first = not_taken(level, case, moment)
    due, second = review(level, case, moment)
    if reminder is not None and (why := _paused(scene, reminder_name(level))) is not None:
        held.append(_silent(reminder_name(level), case, why))
    elif reminder is not None:
        case = taken_reminded(case, reminder)
        found += _reminded(scene, level, case, reminder)
    if due is not None and (why := _paused(scene, review_name(level))) is not None:
        held.append(_silent(review_name(level), case, why))
    elif due is not None:
        case = reviewed(case, due, scene.now)
        found += _reviewed(scene, level, case, due)
    look = min((at for at in (first, second) if at is not None), default=None)
    return Attention(case, tuple(found), look, tuple(held))


def _paused(scene: Scene, name: str) -> str | None:
    return scene.facts.paused or scene.facts.paused_rules.get(name)


def _reminded(scene: Scene, level: Level, case: Case, reminder: Reminder) -> Iterator[Notice]:
    why = f"nobody has taken it for {spoken(scene.now - reminder.since)}"
    asks = f"reminder {reminder.number} of {reminder.most}: please take it"
    marks = (case.level_since, reminder.number)
    name = reminder_name(level)
    written = _message(scene, level, Occasion.NOT_TAKEN, name, level.tell, asks, why, marks)
    yield from [written] if written is not None else []


def _reviewed(scene: Scene, level: Level, case: Case, due: Reminder) -> Iterator[Notice]:
    why = f"nobody from support has changed or said anything for {spoken(scene.now - due.since)}"
    marks = (due.since, due.number)
    name = review_name(level)
    written = _message(scene, level, Occasion.REVIEW, name, level.tell, "please review it", why, marks)
    yield from [written] if written is not None else []


def _message(
    scene: Scene,
    level: Level,
    occasion: Occasion,
    rule: str,
    to: tuple[Recipient, ...],
    asks: str,
    why: str,
    marks: tuple[object, ...],
) -> Notice | None:
    return notice(
        Message(
            policy=scene.policy, case=scene.case, level=level, occasion=occasion, rule=rule, to=to, asks=asks,
            why=f"{why}.", now=scene.now, marks=marks,
        )
    )  # fmt: skip
