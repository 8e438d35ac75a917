"""The questions a rule may ask: a registry, with an example line beside each.

An answer is yes, no or unknown. Unknown is not no: if the outcome depends on it, the ticket is fetched (decision 7).
Every yes names its *cause*, the fact that made it so, because a rule fires once per cause and never for standing still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from policies.calendars import Clock
from policies.durations import Duration
from policies.model import Ticket
from policies.policy import Policy
from policies.story import Story

if TYPE_CHECKING:
    from policies.asking import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """All that a question may look at.

    `clock_for` gives the clock a duration counts on. `left_by` is who had the ticket before it came to this level.
    `promised` is the resolution time that was told then; `returned`: it came down to this level again. `fetched` is
    what the vendor has just been asked for: what it did not tell then, it does not have. `known_at`: a later moment
    still counts with what was known at the first.

    The rest is kept because several rules ask the same: what questions rest on, when those that wait turn true, and
    full answers, of those that time cannot change (`found`) and of those it can (`timed`).
    """

    policy: Policy
    ticket: Ticket
    story: Story
    level: int
    level_since: datetime
    now: datetime
    clock_for: Callable[[Duration], Clock]
    left_by: str | None = None
    promised: datetime | None = None
    returned: bool = False
    fetched: frozenset[str] = frozenset()
    known_at: datetime | None = None
    readings: dict[Callable[[Moment], Any], Any] = field(default_factory=dict)
    dues: dict[Question, datetime | None] = field(default_factory=dict)
    found: dict[Question, Finding] = field(default_factory=dict)
    timed: dict[Question, Finding] = field(default_factory=dict)

    def later(self, now: datetime) -> Moment:
        """Return the same situation at a later time (spelled out: `replace` costs more than all the rest of a look)."""
        return Moment(
            policy=self.policy, ticket=self.ticket, story=self.story, level=self.level, level_since=self.level_since,
            now=now, clock_for=self.clock_for, left_by=self.left_by, promised=self.promised, returned=self.returned,
            fetched=self.fetched, known_at=self.known_at or self.now, readings=self.readings, dues=self.dues,
            found=self.found,
        )  # fmt: skip

    def told(self, name: str) -> bool:
        """Say whether a ticket field is known; of `custom.<name>` all fields only if the vendor showed the whole."""
        if not name.startswith("custom."):
            return self.ticket.knows(name)
        there = name.removeprefix("custom.") in self.ticket.custom
        return there or (self.story.whole and self.ticket.knows("custom"))

    def read(self, reading: Callable[[Moment], Any]) -> Any:
        """Return what questions of one subject rest on, found once."""
        if reading not in self.readings:
            self.readings[reading] = reading(self)
        return self.readings[reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A fact that made an answer yes, and when it arose; `id` is the same however the fact was told."""

    id: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one question found.

    `value` None = unknown until `needs` is fetched. `causes` are the facts behind a yes. `due` is when a time question
    turns, or turned, true (None: not unless something else happens); it counts from `start`, every minute if
    `on_clock`. `found` and `wanted` are the numbers, in words, exactly as they were compared; `uncounted` says what
    part of the time did not count.
    """

    name: str
    value: bool | None
    found: str = ""
    wanted: str = ""
    causes: tuple[Cause, ...] = ()
    due: datetime | None = None
    start: datetime | None = None
    on_clock: bool = False
    needs: str | None = None
    uncounted: str = ""


class Finding(NamedTuple):
    """What a whole `when` found: its value, the answers that carry a yes, all answers, and what is needed to know."""

    value: bool | None
    support: tuple[Answer, ...] = ()
    answers: tuple[Answer, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """The fields to fetch before the value can be known."""
        return frozenset(a.needs for a in self.answers if a.value is None and a.needs)


class Node(Protocol):
    """A part of a rule's `when`: one question, or several joined."""

    def glance(self, moment: Moment, at: datetime) -> bool | None:
        """Say only whether it is so at this time, or, as far as is known at the moment, will be."""

    def ask(self, moment: Moment) -> Finding:
        """Answer at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One question of the registry with the policy's value."""

    name: str
    question: Question
    value: Any = None

    def glance(self, moment: Moment, at: datetime) -> bool | None:
        """Say only whether it is so."""
        value = self.question.glance(moment, at)
        if value is True or value is False:
            return value
        return False if value.needs in moment.fetched else None

    def ask(self, moment: Moment) -> Finding:
        """Answer at this moment. What the vendor was asked for and did not tell, it does not have."""
        kept = moment.timed if self.question.timed else moment.found
        if (found := kept.get(self.question)) is None:
            answer = self.question.ask(moment)
            if answer.value is None and answer.needs in moment.fetched:
                answer = replace(answer, value=False, found="not recorded", needs=None)
            found = Finding(answer.value, (answer,) if answer.value else (), (answer,))
            kept[self.question] = found
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Yes if every part is; no if one is not, whatever is unknown.

    What does not depend on the time is asked first: if it says no, time cannot change that and need not be counted.
    """

    parts: tuple[Node, ...]
    _turns: tuple[tuple[bool, int, Node], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        turns = [(any(one.question.timed for one in leaves(p)), i, p) for i, p in enumerate(self.parts)]
        object.__setattr__(self, "_turns", tuple(sorted(turns, key=lambda turn: turn[:2])))

    def glance(self, moment: Moment, at: datetime) -> bool | None:
        """Say only whether it is so."""
        value: bool | None = True
        for _, _, part in self._turns:
            one = part.glance(moment, at)
            if one is False:
                return False
            value = value and one
        return value

    def ask(self, moment: Moment) -> Finding:
        """Answer at this moment."""
        found = [_UNASKED] * len(self.parts)
        for timed, index, part in self._turns:
            found[index] = one = part.ask(moment)
            if one.value is False and not timed:
                return one
        return _joined(found, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Yes if one part is, whatever is unknown; the yes rests on every part that says so."""

    parts: tuple[Node, ...]

    def glance(self, moment: Moment, at: datetime) -> bool | None:
        """Say only whether it is so."""
        value: bool | None = False
        for part in self.parts:
            one = part.glance(moment, at)
            if one:
                return True
            value = None if one is None else value
        return value

    def ask(self, moment: Moment) -> Finding:
        """Answer at this moment."""
        return _joined([part.ask(moment) for part in self.parts], True)


_UNASKED = Finding(None)


def _joined(found: Sequence[Finding], strong: bool) -> Finding:
    """Join parts of which one that is `strong` decides, whatever is unknown; a yes rests on all that say yes."""
    value: bool | None = not strong
    support: list[Answer] = []
    answers: list[Answer] = []
    for one in found:
        if one.value is strong:
            value = strong
        elif one.value is None and value is not strong:
            value = None
        support += one.support
        answers += one.answers
    return Finding(value, tuple(support) if value else (), tuple(answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The opposite; unknown stays unknown."""

    part: Node

    def glance(self, moment: Moment, at: datetime) -> bool | None:
        """Say only whether it is so."""
        value = self.part.glance(moment, at)
        return None if value is None else not value

    def ask(self, moment: Moment) -> Finding:
        """Answer at this moment."""
        found = self.part.ask(moment)
        return Finding(None if found.value is None else not found.value, answers=found.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An entry of the registry: its name, the line of YAML that shows it, and how its value becomes a question."""

    name: str
    example: str
    summary: str
    build: Callable[[Any], Question]


REGISTRY: dict[str, Condition] = {}

_QUESTIONS: WeakValueDictionary[tuple[str, str], Question] = WeakValueDictionary()
"""The questions that some policy asks, by condition and value: rules that ask the same ask the same question."""


def condition(name: str, *, example: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register a builder (YAML value → question) under its YAML name; its docstring is the reference's sentence."""

    def register(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
        REGISTRY[name] = Condition(name=name, example=example, summary=(build.__doc__ or "").strip(), build=build)
        return build

    return register


def leaf(name: str, value: Any) -> Leaf:
    """Make one question. Raises Wrong with a sentence if the value makes no sense, KeyError for an unknown name."""
    question = _QUESTIONS.get((name, repr(value))) or REGISTRY[name].build(value)
    _QUESTIONS[name, repr(value)] = question
    return Leaf(name=name, question=question, value=value)


def leaves(node: Node) -> tuple[Leaf, ...]:
    """Return every question below a node."""
    if isinstance(node, Leaf):
        return (node,)
    parts = (node.part,) if isinstance(node, Not) else getattr(node, "parts", ())
    return tuple(found for part in parts for found in leaves(part))


def parsed(values: Mapping[str, Any]) -> Node:
    """Build a tree from plain data without positions, for tests and tools: all of the keys must hold."""
    nodes: list[Node] = []
    for name, value in values.items():
        if name in ("all", "any"):
            parts = tuple(parsed(v) for v in value)
            nodes.append(AllOf(parts=parts) if name == "all" else AnyOf(parts=parts))
        elif name == "not":
            nodes.append(Not(part=parsed(value)))
        else:
            nodes.append(leaf(name, value))
    return nodes[0] if len(nodes) == 1 else AllOf(parts=tuple(nodes))
