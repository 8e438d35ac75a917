"""decide(policy, case, events, facts, now): the one place where a ticket's level is decided, and when to look again.

Pure: the worker, the simulator, the back-test and `why?` all call exactly this. It never asks the vendor; what it must
know and does not, it names in `Needs`, and is called again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policies.attending import asked_to_confirm, attended, silenced, told_by_rules
from policies.case import CONVERSATION, HISTORY, Case, Decision, End, Facts, Hold, Needs
from policies.choosing import Choice, chosen, on_trial, way_down
from policies.consent import waits_for_confirmation
from policies.descent import NO_DESCENT, descent, was_at
from policies.echoes import judged, recognised
from policies.handoff import explained
from policies.holds import SIBLINGS, SIBLINGS_WAIT
from policies.ladder import adopted, followed, has_ended, in_scope
from policies.lowering import descended, reason_gone
from policies.model import Event, Kind, Ticket
from policies.moments import Clocks
from policies.moving import Scene, climbed
from policies.placing import Placement, placement
from policies.policy import Policy
from policies.shielding import shielded
from policies.shifts import Shift, field_of, words_of
from policies.story import Story
from policies.survey import Survey, survey
from policies.telling import Telling, tell
from policies.undoing import ordered, taken_back
from policies.verdicts import Verdict, after_firing, asks_for_messages


def decide(
    policy: Policy,
    case: Case,
    events: Sequence[Event],
    facts: Facts,
    now: datetime,
    history: Sequence[Event] | None = None,
) -> Decision | Needs:
    """Fold the events into the case and decide once. `history`, if given, is every event stored before."""
    fresh = _unheard(case, events, history or ()) if events else ()
    kinds = {event.kind for event in fresh}
    if Kind.TOUCHED in kinds and Kind.FETCHED not in kinds:
        return _touched(policy, case, now)
    heard = folded(case, fresh, history)
    if heard is None:
        return Needs(fields=frozenset({HISTORY}))
    case, shifts = heard
    inside = in_scope(policy, case.ticket)
    if isinstance(inside, str):
        if inside not in facts.fetched:
            return Needs(fields=frozenset({inside}))
        inside = False
    if not inside:
        return _outside(case, now)
    case = recognised(case, shifts)
    case, left = adopted(policy, replace(case, outside=False) if case.outside else case, fresh, facts, now)
    case, given_up = followed(policy, case, shifts, facts, now)
    return shielded(_decided(policy, case, fresh, facts, now, {**left, **given_up}), policy, events, facts)


def _unheard(case: Case, events: Sequence[Event], history: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events that are not stored yet, in order, each with its true author."""
    judged_ones = {event.id: judged(event, case.wrote) for event in events}
    known = {event.id for event in history}
    unheard = (event for event in judged_ones.values() if event.id not in known)
    return tuple(sorted(unheard, key=lambda event: event.sort_key))


def _touched(policy: Policy, case: Case, now: datetime) -> Decision | Needs:
    """Ask for a ticket of which only the id was told; for its messages only if the policy is known to apply to it."""
    inside = in_scope(policy, case.ticket)
    if inside is False and not case.ticket.known:  # nothing at this site is named
        return _outside(case, now)
    messages = {CONVERSATION} if inside is True and asks_for_messages(policy) else set()
    return Needs(fields=frozenset({"ticket", *messages}))


def _outside(case: Case, now: datetime) -> Decision:
    """Keep nothing but the id of a ticket that the policy does not name."""
    given_up = {pending.operation: End.WITHDRAWN for pending in case.pending}
    bare = replace(Case.fresh(case.ref, now), outside=True)
    return Decision(case=bare, why="the policy does not apply to this ticket", given_up=given_up)


def folded(case: Case, fresh: Sequence[Event], history: Sequence[Event] | None) -> tuple[Case, list[Shift]] | None:
    """Return the case after these events, in order, and what they changed.

    None if one comes late and the whole history is needed: then everything is told again from the beginning, and of
    the late events only those count as changes that alter how the ticket stands now.
    """
    if not fresh:
        return case, []
    newest = max(fresh[-1].sort_key, case.told or fresh[-1].sort_key)
    if case.told is None or fresh[0].sort_key > case.told:
        ticket, story, shifts = tell(case.ticket, case.story, fresh)
        return replace(case, ticket=ticket, story=story, told=newest), list(shifts)
    if history is None:
        return None
    whole = {event.id: event for event in (*fresh, *history)}
    telling, late, new = Telling(Ticket(ref=case.ref), Story()), list[Shift](), {event.id for event in fresh}
    for event in sorted(whole.values(), key=lambda event: event.sort_key):
        before = len(telling.shifts)
        telling.hear(event)
        if event.id in new:
            late += telling.shifts[before:]
    ticket, story, _ = telling.done()
    shifts = tuple(s for s in late if s.at > case.told[0] or _word(ticket, s) != _word(case.ticket, s))
    return replace(case, ticket=ticket, story=story, told=newest), list(shifts)


def _word(ticket: Ticket, shift: Shift) -> str | None:
    return words_of(ticket, field_of(shift.field)).get(shift.field)


def _decided(
    policy: Policy, case: Case, fresh: tuple[Event, ...], facts: Facts, now: datetime, given_up: dict[str, End]
) -> Decision | Needs:
    if has_ended(case):
        why = f"the ticket is {case.story.ended or case.ticket.status}"
        case = replace(case, held=(), waiting_since=None, calm={}, wanted={}, asked=())
        return Decision(case=case, events=fresh, why=why, given_up=given_up)
    clocks = Clocks(policy, case)
    if clocks.unknown is not None and clocks.unknown not in facts.fetched:
        return Needs(fields=frozenset({clocks.unknown}))
    scene = Scene(policy, case, fresh, facts, now, clocks, given_up)
    found = survey(policy, case, facts, now, scene.clocks)
    verdicts = found.verdicts
    if (order := ordered(fresh)) is not None and (down := taken_back(scene, order)) is not None:
        return replace(down, trace=found.traces(None), next_look=_first(scene, _ahead(scene, down.case)))
    choice = chosen(scene, verdicts)
    if isinstance(choice, Needs):
        return choice
    reached = choice.winner.to if choice.winner is not None and not on_trial(scene, choice.winner) else case.level
    if (needs := _needed(verdicts, reached)) - facts.fetched:
        return Needs(fields=needs)
    choice = choice._replace(held=(*choice.held, *silenced(scene, verdicts)))
    if choice.winner is not None and choice.place is not None:
        return _climbed(scene, found, choice, choice.winner, choice.place)
    return _stayed(scene, found, choice)


def _needed(verdicts: Sequence[Verdict], level: int) -> frozenset[str]:
    """Return what must be known because the outcome depends on it: a rule that may yet win, or tell somebody."""
    unknown = [v.finding.needs for v in verdicts if v.finding.value is None and (v.to > level or v.rule.go_to is None)]
    return frozenset().union(*unknown)


def _climbed(scene: Scene, found: Survey, choice: Choice, winner: Verdict, place: Placement) -> Decision:
    counted, finding = choice.counted(found.verdicts), explained(scene.clocks, winner.rule, winner.finding, scene.now)
    winner = winner._replace(finding=finding)
    moved = climbed(scene, counted, winner, place)
    higher = tuple(hold for hold in choice.held if hold.level > moved.case.level)
    case = _wanting(replace(moved.case, held=higher), choice)
    on_trial_only = scene.now if case.level == scene.case.level else None  # nothing moved: the rest is looked at now
    looks = (on_trial_only, *_ahead(scene, case), choice.look, *(hold.until for hold in higher))
    return replace(
        moved,
        case=case,
        trace=found.traces(winner),
        next_look=_first(scene, looks),
        notices=(
            *moved.notices,
            *told_by_rules(scene, counted, winner),
            *asked_to_confirm(scene, found.verdicts, higher),
        ),
    )


def _stayed(scene: Scene, found: Survey, choice: Choice) -> Decision | Needs:
    """Return the decision of a look that brings the ticket no higher: it may come down, and people may be told."""
    below = descent(scene.policy, scene.case, scene.moment(scene.case)) if scene.policy.come_down else NO_DESCENT
    if below.needs:
        return Needs(fields=below.needs)
    way, choice = way_down(scene, choice, below)
    counted, trace = choice.counted(found.verdicts), found.traces(None)
    told = (*told_by_rules(scene, counted, None), *asked_to_confirm(scene, found.verdicts, choice.held))
    case = _wanting(after_firing(scene.case, counted, scene.now), choice)
    if way is not None:
        place = placement(scene.policy.level(way.go_to), scene.moment(case))
        if place.needs and not was_at(case, way.go_to):
            return Needs(fields=place.needs)
        down = descended(scene._replace(case=case), reason_gone(scene, below, way), place)
        look = _first(scene, _ahead(scene, down.case))
        return replace(down, trace=trace, next_look=look, notices=(*down.notices, *told))
    attention = attended(scene, case)
    case = _kept(attention.case, (*choice.held, *attention.held), below.calm)
    turns = found.next_look(case, scene.now)
    looks = (turns, below.next_look, attention.next_look, choice.look, *(hold.until for hold in choice.held))
    return Decision(
        case=case, events=scene.fresh, next_look=_first(scene, looks),
        why=_why_not(found.verdicts, case.level, choice.held), trace=trace, given_up=scene.given_up,
        notices=(*told, *attention.notices),
    )  # fmt: skip


def _kept(case: Case, held: tuple[Hold, ...], calm: Mapping[str, datetime]) -> Case:
    """Remember what keeps the ticket where it is."""
    siblings = next((hold.until for hold in held if hold.reason == SIBLINGS), None)
    waiting_since = siblings - SIBLINGS_WAIT if siblings is not None else None
    if (held, waiting_since, calm) == (case.held, case.waiting_since, case.calm):
        return case
    return replace(case, held=held, waiting_since=waiting_since, calm=calm)


def _wanting(case: Case, choice: Choice) -> Case:
    """Remember since when the kept moves are wanted, and of which of them people were asked to confirm them."""
    waiting = {hold.move for hold in choice.held if waits_for_confirmation(hold)}
    asked = tuple(sorted({*case.asked, *waiting} & choice.wanted.keys()))
    if (choice.wanted, asked) == (case.wanted, case.asked):
        return case
    return replace(case, wanted=choice.wanted, asked=asked)


def _ahead(scene: Scene, case: Case) -> tuple[datetime | None, ...]:
    """Return what comes next at a new level: the next rule, the next word to people, a reason to come down again."""
    there = scene._replace(case=case, clocks=Clocks(scene.policy, case))
    rules = survey(scene.policy, case, scene.facts, scene.now, there.clocks)
    below = descent(scene.policy, case, there.moment(case)) if scene.policy.come_down else NO_DESCENT
    return rules.next_look(case, scene.now, moved=True), attended(there, case).next_look, below.next_look


def _first(scene: Scene, looks: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in looks if at is not None and at >= scene.now), default=None)


def _why_not(verdicts: Sequence[Verdict], level: int, held: Sequence[Hold]) -> str:
    if held:
        return f"{held[0].rule}: held, {held[0].reason}"
    true = [v for v in verdicts if v.finding.value]
    if not true:
        return f"stays at level {level}: no rule says otherwise"
    said = "; ".join(f"{v.rule.name} ({v.outcome})" for v in true[:3])
    return f"stays at level {level}: {said}"
