"""Which of the rules that fire moves the ticket: the highest level that nothing keeps it from; of equals, the first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from policies.case import Hold, Needs
from policies.descent import Descent
from policies.holds import Wanted, declined, hold_of, kept_by_order, too_soon
from policies.moving import Scene
from policies.placing import Placement, placement
from policies.policy import ComeDown
from policies.verdicts import Verdict


class Choice(NamedTuple):
    """The rule that moves the ticket, if one does, where to, and what is kept from moving it higher."""

    held: tuple[Hold, ...] = ()
    winner: Verdict | None = None
    place: Placement | None = None

    def counted(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Return the rules whose causes have counted once this look is over: not those that are paused or held."""
        kept = {hold.rule for hold in self.held}
        return [v for v in verdicts if v.paused is None and v.rule.name not in kept]


_NOBODY = Choice()
_WRITING = timedelta(minutes=1)


def chosen(scene: Scene, verdicts: Sequence[Verdict]) -> Choice | Needs:
    """Choose among the rules that have a new cause and lead up; Needs if that depends on what is not known yet."""
    case = scene.case
    rising = [v for v in verdicts if v.new and v.to > case.level]
    if not rising:
        return _NOBODY
    held: list[Hold] = []
    for verdict in sorted(rising, key=lambda v: -v.to):
        if verdict.paused is not None:
            held.append(Hold(rule=verdict.rule.name, level=verdict.to, reason=f"paused: {verdict.paused}"))
            continue
        wanted = Wanted(
            policy=scene.policy, case=case, verdict=verdict, fresh=scene.fresh, facts=scene.facts, now=scene.now
        )
        if wanted.level.needs_confirmation and declined(wanted) is not None:
            continue
        hold = hold_of(wanted)
        if isinstance(hold, Needs):
            return hold
        if hold is not None:
            held.append(hold)
            continue
        place = placement(wanted.level, verdict.moment)
        if place.needs:
            return Needs(fields=place.needs)
        return Choice(tuple(held), verdict, place)
    return Choice(tuple(held))


def kept_from_coming_down(scene: Scene, way: ComeDown) -> Hold | None:
    """Say why a ticket is not brought down now, if so."""
    paused = scene.facts.paused or scene.facts.paused_rules.get(way.name)
    if paused is not None:
        return Hold(rule=way.name, level=way.go_to, reason=f"paused: {paused}")
    ordered = kept_by_order(scene.policy, scene.case, scene.now)
    if ordered is not None and ordered[0].verb == "hold":
        who = ordered[0].by or ordered[0].by_id
        return Hold(rule=way.name, level=way.go_to, reason=f"held here by {who}", until=ordered[1])
    if scene.case.pending:
        again = scene.now + _WRITING
        return Hold(rule=way.name, level=way.go_to, reason="its last move is still being written", until=again)
    until = too_soon(scene.policy.guards, scene.case, scene.now)
    if until is not None:
        return Hold(rule=way.name, level=way.go_to, reason="it was moved a short time ago", until=until)
    return None


def way_down(scene: Scene, choice: Choice, found: Descent) -> tuple[ComeDown | None, Choice]:
    """Return the way down that is taken now, or the choice with what keeps it. What leads up comes first."""
    if found.due is None or choice.held:
        return None, choice
    hold = kept_from_coming_down(scene, found.due)
    return (found.due, choice) if hold is None else (None, choice._replace(held=(hold,)))
