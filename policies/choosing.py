"""Which of the rules that fire moves the ticket: the highest level that nothing keeps it from; of equals, the first.

A rule or level that is only on trial (its mode is stricter than the site's) moves nothing, and takes no other rule's
place: it comes after those that act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from policies.case import Hold, Needs
from policies.commands import Mode
from policies.consent import Wanted, declined, kept_by_order
from policies.descent import Descent
from policies.holds import OFTEN, hold_of, round_and_round, too_soon, turning
from policies.moving import Scene
from policies.placing import Placement, placement
from policies.policy import ComeDown
from policies.verdicts import Verdict


class Choice(NamedTuple):
    """The rule that moves the ticket, if one does, where to, and what is kept from moving it higher.

    `wanted`: since when the moves that are kept have been wanted. `look`: when time alone may change what keeps them.
    """

    held: tuple[Hold, ...] = ()
    winner: Verdict | None = None
    place: Placement | None = None
    wanted: Mapping[str, datetime] = {}
    look: datetime | None = None

    def counted(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Return the rules whose causes have counted once this look is over: not those that are paused or held."""
        kept = {hold.rule for hold in self.held}
        return [v for v in verdicts if v.paused is None and v.rule.name not in kept]


_NOBODY = Choice()
_WRITING = timedelta(minutes=1)


def on_trial(scene: Scene, verdict: Verdict) -> bool:
    """Say whether a move would be shown or noted only, although the site's mode allows more."""
    return Mode.least(scene.facts.mode, scene.policy.level(verdict.to).mode, verdict.rule.mode) is not scene.facts.mode


def chosen(scene: Scene, verdicts: Sequence[Verdict]) -> Choice | Needs:
    """Choose among the rules that have a new cause and lead up; Needs if that depends on what is not known yet."""
    rising = [v for v in verdicts if v.new and v.to > scene.case.level]
    if not rising:
        return _NOBODY
    kept: list[tuple[Wanted | None, Hold]] = []
    for verdict in sorted(rising, key=lambda v: (on_trial(scene, v), -v.to)):
        if verdict.paused is not None:
            kept.append((None, Hold(rule=verdict.rule.name, level=verdict.to, reason=f"paused: {verdict.paused}")))
            continue
        found = _tried(scene, verdict)
        if isinstance(found, Needs):
            return found
        if isinstance(found, Placement):
            return _choice(kept)._replace(winner=verdict, place=found)
        kept += [found] if found is not None else []
    return _choice(kept)


def _tried(scene: Scene, verdict: Verdict) -> Placement | tuple[Wanted, Hold] | Needs | None:
    """Return where a rule takes the ticket, or what keeps it; None if somebody declined."""
    wanted = Wanted(
        policy=scene.policy, case=scene.case, verdict=verdict, fresh=scene.fresh, facts=scene.facts, now=scene.now
    )
    if wanted.level.needs_confirmation and declined(wanted) is not None:
        return None
    hold = hold_of(wanted)
    if isinstance(hold, Hold):
        return wanted, hold
    if hold is not None:
        return hold
    place = placement(wanted.level, verdict.moment)
    return Needs(fields=place.needs) if place.needs else place


def _choice(kept: Sequence[tuple[Wanted | None, Hold]]) -> Choice:
    waiting = [wanted for wanted, _ in kept if wanted is not None]
    looks = [at for wanted in waiting if (at := turning(wanted)) is not None]
    return Choice(
        held=tuple(hold for _, hold in kept),
        wanted={wanted.key: wanted.since for wanted in waiting},
        look=min(looks, default=None),
    )


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
    if (until := too_soon(scene.policy.guards, scene.case, scene.now)) is not None:
        return Hold(rule=way.name, level=way.go_to, reason="it was moved a short time ago", until=until)
    if (until := round_and_round(scene.case, scene.now)) is not None:
        return Hold(rule=way.name, level=way.go_to, reason=OFTEN, until=until)
    return None


def way_down(scene: Scene, choice: Choice, found: Descent) -> tuple[ComeDown | None, Choice]:
    """Return the way down that is taken now, or the choice with what keeps it.

    What leads up and will come in its time comes first; what waits for somebody's word does not keep a ticket up.
    """
    if found.due is None or any(hold.until is not None for hold in choice.held):
        return None, choice
    hold = kept_from_coming_down(scene, found.due)
    return (found.due, choice) if hold is None else (None, choice._replace(held=(*choice.held, hold)))
