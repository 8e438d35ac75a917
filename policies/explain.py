"""Why a ticket stands where it stands, what comes next and what would stop it. Asks `decide`; decides nothing itself.

Every number is the one that was compared: the rules are asked by `verdicts`, as `decide` asks them, and the stretches
of a time proof come from the clock that counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policies.case import CONVERSATION, Case, Decision, Facts, Hold, Needs
from policies.commands import Mode
from policies.decide import decide
from policies.foretold import Coming, Letter, coming, move
from policies.inquiry import Asked, WayDown, asked, ways_down
from policies.ladder import has_ended
from policies.model import TICKET_FIELDS, Event
from policies.policy import Policy
from policies.shielding import whoever_reads
from policies.standing import Remark, Standing, remarks
from policies.verdicts import verdicts_of

_ONLY_ASKED = "this is only a question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything there is to say about one ticket at one moment.

    `case` is what the rules were asked about. `immediate` happens now; `letters` are messages that go out until what is
    `coming` happens. `observed`: the level is one that was only observed, and the vendor shows another.
    """

    policy: Policy
    case: Case
    now: datetime
    decision: Decision | Needs
    rules: tuple[Asked, ...]
    ways: tuple[WayDown, ...]
    remarks: tuple[Remark, ...]
    observed: bool = False
    immediate: Coming | None = None
    letters: tuple[Letter, ...] = ()
    coming: Coming | None = None

    @property
    def held(self) -> tuple[Hold, ...]:
        """The moves that are wanted and not made yet."""
        return self.decision.case.held if isinstance(self.decision, Decision) else self.case.held


def explain(
    policy: Policy,
    case: Case,
    facts: Facts,
    now: datetime,
    events: Sequence[Event] = (),
    history: Sequence[Event] | None = None,
) -> Explanation:
    """Explain a case with the events that have just come; the arguments are those of `decide`."""
    facts = whoever_reads(facts)
    decision = decide(policy, case, events, facts, now, history)
    heard = _heard(policy, case, facts, now, events, history)
    asks = not heard.outside and not has_ended(heard)
    verdicts = verdicts_of(policy, heard, facts, now) if asks else []
    outcomes = [trace.outcome for trace in decision.trace] if isinstance(decision, Decision) else []
    standing = Standing(policy=policy, case=heard, facts=facts, now=now, verdicts=verdicts, decision=decision)
    sent, then = ((), None) if isinstance(decision, Needs) else coming(policy, decision, facts, now)
    at_once = () if isinstance(decision, Needs) else decision.notices
    return Explanation(
        policy=policy,
        case=heard,
        now=now,
        decision=decision,
        rules=tuple(asked(v, heard, outcomes[n] if outcomes else v.outcome) for n, v in enumerate(verdicts)),
        ways=ways_down(policy, heard, facts, now) if asks else (),
        remarks=remarks(standing),
        observed=_only_observed(policy, heard, facts),
        immediate=move(policy, heard, decision, facts, now),
        letters=(*(Letter(at=now, notice=notice) for notice in at_once), *sent),
        coming=then,
    )


def _heard(
    policy: Policy,
    case: Case,
    facts: Facts,
    now: datetime,
    events: Sequence[Event],
    history: Sequence[Event] | None,
) -> Case:
    """Return the case as the rules are asked about it: while all is paused, `decide` hears and changes nothing else."""
    known = facts.fetched | TICKET_FIELDS | {CONVERSATION}
    heard = decide(policy, case, events, replace(facts, paused=_ONLY_ASKED, fetched=known), now, history)
    return case if isinstance(heard, Needs) else replace(heard.case, held=case.held)


def _only_observed(policy: Policy, case: Case, facts: Facts) -> bool:
    """Say whether the ticket is at its level by a move that was only observed, and never made."""
    if not case.moved_at or case.moved_at[-1] != case.level_since:
        return False
    rules = (rule for rule in policy.rules if rule.name in case.fired and case.fired[rule.name].at == case.level_since)
    return Mode.least(facts.mode, policy.level(case.level).mode, *(rule.mode for rule in rules)) is Mode.OBSERVE
