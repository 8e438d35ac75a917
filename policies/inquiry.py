"""What every rule and every way down found at one moment: each question with its answer and its proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies import sentences as say
from policies.calendars import Clock, Interval
from policies.case import Case, Facts
from policies.conditions import AllOf, Answer, AnyOf, Cause, Leaf, Moment, Node, Not
from policies.descent import calm_name, descent
from policies.durations import Duration
from policies.ladder import began
from policies.moments import Clocks, moment_of
from policies.policy import ComeDown, Policy, Rule
from policies.verdicts import Verdict
from policies.waking import next_look


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
class WayDown:
    """One reason to come down from here: since when it has been so, how long that must last, when it is due.

    `applies`: it was Stepladder that brought the ticket up; where a person did, nothing comes down by itself.
    """

    way: ComeDown
    so: bool | None
    applies: bool
    questions: tuple[Question, ...]
    since: datetime | None = None
    proof: Proof | None = None
    due: datetime | None = None


def asked(verdict: Verdict, case: Case, outcome: str) -> Asked:
    """Say what one rule found."""
    calendar = verdict.rule.calendar or Clocks(verdict.moment.policy, case).calendar
    questions = tuple(_questions(verdict.moment, verdict.rule.when, calendar, 0))  # before time moves on
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


def ways_down(policy: Policy, case: Case, facts: Facts, now: datetime) -> tuple[WayDown, ...]:
    """Say what each reason to come down from the ticket's level found."""
    ways = [way for way in policy.come_down if way.start == case.level]
    if not ways:
        return ()
    clocks = Clocks(policy, case)
    moment = moment_of(policy, lambda length: clocks.for_level(case.level, length), case, facts, now)
    calm = descent(policy, case, moment).calm
    applies = bool(case.before) and case.before[-1].level == case.level
    calendar = clocks.at_level(case.level)
    return tuple(_way(way, moment, calendar, calm.get(calm_name(way, case)), applies=applies) for way in ways)


def _way(way: ComeDown, moment: Moment, calendar: str, since: datetime | None, *, applies: bool) -> WayDown:
    clock, limit = moment.clock_for(way.lasting), way.lasting.length
    return WayDown(
        way=way,
        so=way.when.ask(moment).value,
        applies=applies,
        questions=tuple(_questions(moment, way.when, calendar, 0)),
        since=since,
        proof=_proved(clock, since, moment.now, limit) if since is not None else None,
        due=clock.deadline(since, limit, moment.now) if since is not None else None,
    )


def _questions(moment: Moment, node: Node, calendar: str, depth: int) -> Iterator[Question]:
    """Walk a condition as the policy has it; questions that need not have been asked are asked now."""
    question = node.part if isinstance(node, Not) else node
    if isinstance(question, Leaf):
        [answer] = question.ask(moment).answers
        yield Question(
            depth=depth,
            words=say.in_words(node, calendar),
            so=node.ask(moment).value,
            answer=answer,
            since=_since(moment, answer),
            proof=_proof(moment, question, answer),
        )
        return
    parts = (node.part,) if isinstance(node, Not) else node.parts if isinstance(node, AllOf | AnyOf) else ()
    joint = "not" if isinstance(node, Not) else "any of these" if isinstance(node, AnyOf) else "all of these"
    plain = isinstance(node, AllOf) and depth == 0
    if not plain:
        yield Question(depth=depth, words=joint, so=node.ask(moment).value)
    for part in parts:
        yield from _questions(moment, part, calendar, depth + (0 if plain else 1))


def _since(moment: Moment, answer: Answer) -> datetime | None:
    if answer.start is not None:
        return answer.start
    causes = answer.causes if answer.value else ()
    return max((c.since for c in causes), default=moment.story.took(answer.name))


def _proof(moment: Moment, leaf: Leaf, answer: Answer) -> Proof | None:
    """Prove how long something has lasted; what is left until a promise is no time that has passed."""
    if answer.start is None or leaf.name.startswith("until_"):
        return None
    limit = Duration.parse(leaf.value)
    return _proved(moment.clock_for(limit), answer.start, moment.now, limit.length)


def _proved(clock: Clock, start: datetime, now: datetime, limit: timedelta) -> Proof:
    return Proof(stretches=clock.proof(start, now), limit=limit)


def _counted(verdict: Verdict, case: Case) -> Iterator[Counted]:
    fired = case.fired.get(verdict.rule.name)
    for cause in dict.fromkeys(cause for answer in verdict.finding.support for cause in answer.causes):
        if cause not in verdict.causes:
            yield Counted(cause=cause, counts=False, why=f"arose before {began(case)}")
        elif fired is not None and cause.id in fired.causes:
            again = verdict.new and verdict.outcome == "fires again"
            yield Counted(cause=cause, counts=again, why="counted before" + (", and counts again" if again else ""))
        else:
            yield Counted(cause=cause, counts=True, why="is new")
