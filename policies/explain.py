"""Why a ticket stands where it stands, what comes next and what would stop it. Asks `decide`; decides nothing itself.

Every number is the one that was compared: the rules are asked by `verdicts`, as `decide` asks them, and the stretches
of a time proof come from the clock that counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from policies import sentences as say
from policies.calendars import Interval
from policies.case import CONVERSATION, Case, Decision, Facts, Needs
from policies.commands import Mode
from policies.conditions import AllOf, Answer, AnyOf, Cause, Leaf, Node, Not
from policies.decide import decide
from policies.durations import Duration
from policies.ladder import has_ended
from policies.model import TICKET_FIELDS, Event
from policies.moments import pauses_of
from policies.policy import Policy, Rule
from policies.stopping import endings
from policies.verdicts import Verdict, next_look, verdicts_of

_MOST_LOOKS = 200
_ONLY_ASKED = "this is only a question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How a time question counted: stretches that follow each other without gaps and sum up."""

    stretches: tuple[Interval, ...]
    limit: timedelta

    @property
    def counted(self) -> timedelta:
        """The time that counted: the number that was compared with the limit."""
        return sum((s.length for s in self.stretches if s.counted), timedelta(0))

    @property
    def uncounted(self) -> timedelta:
        """The time that did not count."""
        return sum((s.length for s in self.stretches if not s.counted), timedelta(0))

    @property
    def left(self) -> timedelta:
        """What is missing to the limit."""
        return max(self.limit - self.counted, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a rule, or a joint such as `any of`, at its depth.

    `so`: whether it says yes. `since`: when what was found became so. `answer` and `proof` only for a question.
    """

    depth: int
    words: str
    so: bool | None
    answer: Answer | None = None
    since: datetime | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A cause behind a rule's yes, and whether it counts now; `why` says it in words."""

    cause: Cause
    counts: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One rule: what it found, and when it would fire by itself if nothing happened."""

    rule: Rule
    to: int
    so: bool | None
    new: bool
    outcome: str
    questions: tuple[Question, ...]
    causes: tuple[Counted, ...]
    turns: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """What happens next if nothing else happens: a move, or a question to the vendor for `needs`."""

    at: datetime
    rule: str = ""
    level: int = 0
    why: str = ""
    written: bool = True
    needs: frozenset[str] = frozenset()
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that keeps the ticket or its clocks where they are."""

    words: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything there is to say about one ticket at one moment. `case` is what the rules were asked about."""

    policy: Policy
    case: Case
    now: datetime
    decision: Decision | Needs
    rules: tuple[Asked, ...]
    kept: tuple[Kept, ...]
    immediate: Coming | None = None
    coming: Coming | None = None


def explain(
    policy: Policy,
    case: Case,
    facts: Facts,
    now: datetime,
    events: Sequence[Event] = (),
    history: Sequence[Event] | None = None,
) -> Explanation:
    """Explain a case with the events that have just come; the arguments are those of `decide`."""
    decision = decide(policy, case, events, facts, now, history)
    heard = _heard(policy, case, facts, now, events, history)
    asks = not heard.outside and not has_ended(heard)
    verdicts = verdicts_of(policy, heard, facts, now) if asks else []
    outcomes = [trace.outcome for trace in decision.trace] if isinstance(decision, Decision) else []
    immediate = _move(policy, heard, decision, facts, now)
    return Explanation(
        policy=policy,
        case=heard,
        now=now,
        decision=decision,
        rules=tuple(_asked(v, heard, outcomes[n] if outcomes else v.outcome) for n, v in enumerate(verdicts)),
        kept=tuple(_kept(policy, heard, decision, facts)),
        immediate=immediate,
        coming=None if isinstance(decision, Needs) else _coming(policy, decision, facts, now),
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


# --- the rules ----------------------------------------------------------------------------------------------------
def _asked(verdict: Verdict, case: Case, outcome: str) -> Asked:
    questions = tuple(_questions(verdict, verdict.rule.when, 0))  # before time moves on, for answers are kept
    return Asked(
        rule=verdict.rule,
        to=verdict.to,
        so=verdict.finding.value,
        new=verdict.new,
        outcome=outcome,
        questions=questions,
        causes=tuple(_counted(verdict, case)),
        turns=next_look(case, [verdict], verdict.moment.now),
    )


def _questions(verdict: Verdict, node: Node, depth: int) -> Iterator[Question]:
    """Walk a rule's questions as the policy has them; those that need not have been asked are asked now."""
    calendar = verdict.rule.calendar or verdict.moment.policy.calendar
    question = node.part if isinstance(node, Not) else node
    if isinstance(question, Leaf):
        [answer] = question.ask(verdict.moment).answers
        yield Question(
            depth=depth,
            words=say.in_words(node, calendar),
            so=node.ask(verdict.moment).value,
            answer=answer,
            since=_since(verdict, answer),
            proof=_proof(verdict, question, answer),
        )
        return
    parts = (node.part,) if isinstance(node, Not) else node.parts if isinstance(node, AllOf | AnyOf) else ()
    joint = "not" if isinstance(node, Not) else "any of these" if isinstance(node, AnyOf) else "all of these"
    plain = isinstance(node, AllOf) and depth == 0
    if not plain:
        yield Question(depth=depth, words=joint, so=node.ask(verdict.moment).value)
    for part in parts:
        yield from _questions(verdict, part, depth + (0 if plain else 1))


def _since(verdict: Verdict, answer: Answer) -> datetime | None:
    if answer.start is not None:
        return answer.start
    return max((c.since for c in answer.causes), default=verdict.moment.story.took(answer.name))


def _proof(verdict: Verdict, leaf: Leaf, answer: Answer) -> Proof | None:
    if answer.start is None:
        return None
    limit = Duration.parse(leaf.value)
    clock = verdict.moment.clock_for(limit)
    return Proof(stretches=clock.proof(answer.start, verdict.moment.now), limit=limit.length)


def _counted(verdict: Verdict, case: Case) -> Iterator[Counted]:
    fired = case.fired.get(verdict.rule.name)
    for cause in dict.fromkeys(cause for answer in verdict.finding.support for cause in answer.causes):
        if cause not in verdict.causes:
            yield Counted(cause=cause, counts=False, why="arose before Stepladder looked")
        elif fired is not None and cause.id in fired.causes:
            again = verdict.new and verdict.outcome == "fires again"
            yield Counted(cause=cause, counts=again, why="counted before" + (", and counts again" if again else ""))
        else:
            yield Counted(cause=cause, counts=True, why="is new")


# --- what keeps it ------------------------------------------------------------------------------------------------
def _kept(policy: Policy, case: Case, decision: Decision | Needs, facts: Facts) -> Iterator[Kept]:
    """Say what is paused or held, and what does not count."""
    if has_ended(case):
        yield Kept(words=f"the ticket is {case.story.ended or case.ticket.status}: no rule is asked")
    if facts.paused:
        yield Kept(words=f"all writes are paused: {facts.paused}")
    for rule, why in facts.paused_rules.items():
        yield Kept(words=f"the rule {rule} is paused: {why}")
    for hold in decision.case.held if isinstance(decision, Decision) else ():
        yield Kept(words=f"a move to level {hold.level} by {hold.rule} is held: {hold.reason}", until=hold.until)
    for pending in case.pending:
        move = f"the move to level {pending.level} by {pending.rule}"
        yield Kept(words=f"{move} is decided, and its writes have not all ended", since=pending.at)
    if facts.mode is not Mode.ACT:
        yield Kept(words=f"the site's mode is {facts.mode.value}: Stepladder {say.mode(facts.mode)}")
    for pause in pauses_of(policy, case.story):
        if pause.end is None and not has_ended(case):
            words = f"no time counts while the status is {pause.reason.replace('_', ' ')}"
            yield Kept(words=words, since=pause.start)


# --- what comes ---------------------------------------------------------------------------------------------------
def _coming(policy: Policy, decision: Decision, facts: Facts, now: datetime) -> Coming | None:
    """Let time pass from look to look until something moves, if nothing else happens."""
    case, at = decision.case, decision.next_look
    for _ in range(_MOST_LOOKS):
        if at is None:
            return None
        then = decide(policy, case, (), facts, at)
        found = _move(policy, case, then, facts, at)
        if found is not None or isinstance(then, Needs):
            return found
        if then.next_look is not None and then.next_look <= at:
            return None
        case, at = then.case, then.next_look
    return None


def _move(policy: Policy, case: Case, decision: Decision | Needs, facts: Facts, at: datetime) -> Coming | None:
    if isinstance(decision, Needs):
        return Coming(at=at, needs=decision.fields)
    command = decision.command or decision.observed
    if command is None:
        return None
    name = decision.fired[0]
    verdict = next(v for v in verdicts_of(policy, case, facts, at) if v.rule.name == name)
    return Coming(
        at=at, rule=name, level=command.level, why=decision.why, written=decision.command is not None,
        stops=tuple(endings(verdict)),
    )  # fmt: skip
