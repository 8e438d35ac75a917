"""A rule's condition as branches, each a set of answers that must come together, so that rules can be compared.

For the linter. Nothing here looks at a ticket: of two branches it can be said whether both can be true at once, and
whether one is never true without the other.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from policies.calendars import DAY, Calendar
from policies.conditions import AllOf, AnyOf, Leaf, Node, Not, leaf, leaves
from policies.durations import Duration
from policies.effort import Effort, TooMany
from policies.model import Priority, Status
from policies.phrases import DEGREES, RATINGS
from policies.policy import Policy, Rule
from policies.ranges import Among, Called, Lasting, Range
from policies.sentences import rules_calendar
from policies.strain import COUNTERS, SIDES, reached_at
from policies.values import counted, ordered, words
from policies.wording import TIMED

NONE = "none"
"""The value of a field in which nothing stands, or which has none of the policy's words."""

STATUSES = tuple(status.value for status in Status if not status.resolved)
"""The statuses in which rules are looked at."""

PRIORITIES = tuple(priority.word for priority in Priority)

STATES = frozenset({"status", "priority", "severity", "tier", "tags", "product", "kind", "form", "group"})
STATES |= {"organization", "project", "language", "channel", "csat"}
"""Questions about how a ticket is, and not about what happened to it."""

WEEK = 7 * DAY
"""The minutes of a week."""

_ONE_WORD = frozenset({"status", "product", "kind", "language", "channel"})
_SEVERAL_WORDS = frozenset({"tags", "group", "form", "organization", "project"})
_WITHOUT_CAUSE = frozenset({"level", "answered"})  # nothing brings their yes about, so it never makes a rule fire
_CLOCK = "clock"
_OTHER = "\0other"
_TRUTH = frozenset({True, False})
_NOTHING_YET = Among(frozenset({0}))  # or False: nobody asked, it never came back
_MOST = 24
_PER_BRANCH = 3  # steps, and one for each question
_PER_QUESTION = 8  # steps; to see which of two values an answer may have is one more
_EVER = timedelta(days=3650)

Part = tuple[Leaf, bool]
"""One question, and whether its answer must be yes or no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Answers that must come together.

    `ranges`: what each may be, by question and, for times, by what they count. `causes`: those of which one must be
    news to make the rule fire. `conflict`: a question that no answer fits. `bulk`: how much more
    there is to compare than usual.
    """

    parts: tuple[Part, ...]
    ranges: Mapping[str, Range]
    causes: frozenset[str]
    conflict: str | None = None
    bulk: int = 0

    def at(self, level: int) -> Branch:
        """Return the branch as it is at one level."""
        here: Range = Among(frozenset({level}))
        found = self.ranges["level"].both(here) if "level" in self.ranges else here
        conflict = "level" if found.empty else self.conflict
        return self.having({**self.ranges, "level": found}, conflict)

    def having(self, ranges: Mapping[str, Range], conflict: str | None) -> Branch:
        """Return the branch with other answers."""
        return Branch(parts=self.parts, ranges=ranges, causes=self.causes, conflict=conflict, bulk=self.bulk)

    def values(self, question: str) -> frozenset[Any] | None:
        """Return the values an answer may have; None if the branch does not ask."""
        found = self.ranges.get(question)
        return found.values if isinstance(found, Among) else None

    def implies(self, other: Branch) -> bool:
        """Say whether the other is true whenever this is."""
        return other.ranges.keys() <= self.ranges.keys() and all(
            self.ranges[question].within(wanted) for question, wanted in other.ranges.items()
        )

    def meets(self, other: Branch) -> bool:
        """Say whether both may be true at once."""
        shared = self.ranges.keys() & other.ranges.keys()
        return not any(self.ranges[question].both(other.ranges[question]).empty for question in shared)

    @property
    def size(self) -> int:
        """The steps that it takes to compare this with an ordinary branch."""
        return _PER_BRANCH + len(self.ranges)

    @property
    def waits(self) -> tuple[tuple[Leaf, Duration], ...]:
        """The questions that wait for a length of time to pass."""
        asked = ((question, duration_in(question)) for question, holds in self.parts if holds)
        return tuple((question, length) for question, length in asked if length is not None)


class Answers:
    """What the answers can be under one policy; makes the branches of its rules, as far as the effort goes."""

    def __init__(self, policy: Policy, effort: Effort | None = None) -> None:
        self.policy, self.effort = policy, effort or Effort()
        self.open = {name: open_in_a_week(calendar) for name, calendar in policy.calendars.items()}
        self.severities = policy.severity.names if policy.severity else ()
        tiers = [tier.name for tier in policy.tiers]
        everybody = any(not (t.organizations or t.tags or t.field_values) for t in policy.tiers)
        domains: dict[str, set[Any]] = {
            "status": {*STATUSES},
            "priority": {*PRIORITIES, NONE},
            "severity": {*self.severities, NONE},
            "tier": {*tiers} if everybody else {*tiers, NONE},
            "level": {*range(1, policy.top + 1)},
            "frustration": {*DEGREES, NONE},
            "csat": {*RATINGS, NONE},
        }
        for question in (question for node in every_condition(policy) for question in leaves(node)):
            for name, said in _mentioned(question):
                domains.setdefault(name, set()).update(said)
        self.domains = {name: frozenset(values) for name, values in domains.items()}

    def branches(self, rule: Rule) -> tuple[Branch, ...]:
        """Return the ways in which a rule's condition can be true. Raises TooMany."""
        return self.ways(rule.when, rules_calendar(self.policy, rule))

    def ways(self, node: Node, calendar: str) -> tuple[Branch, ...]:
        """Return the ways in which a condition can be true, its durations counted so. Raises TooMany."""
        return tuple(self._branch(parts, calendar) for parts in _ways(node))

    def involved(self, branch: Branch, question: str, rule: Rule) -> list[Part]:
        """Return the parts of a branch that say something about one question."""
        calendar = rules_calendar(self.policy, rule)
        return [part for part in branch.parts if question in self._ranges(*part, calendar)]

    def counts(self, length: Duration, calendar: str) -> str:
        """Say what a duration counts: every minute, or the open hours of a calendar."""
        found = self.policy.calendars.get(calendar)
        always = found is not None and self.open[calendar] == WEEK and not found.holidays and not found.closed
        return _CLOCK if length.clock or always else calendar

    def _branch(self, parts: tuple[Part, ...], calendar: str) -> Branch:
        found: dict[str, list[Range]] = {}
        causes: set[str] = set()
        for question, holds in parts:
            said = self._ranges(question, holds, calendar)
            for name, wanted in said.items():
                found.setdefault(name, []).append(wanted)
            about = next(iter(said))
            self.effort.spend(_PER_QUESTION + len(self.domains.get(about, ())) // 2)
            if holds and question.name not in _WITHOUT_CAUSE and not _from_the_beginning(question):
                causes.add(about)
        ranges = {name: first.both(*others) for name, (first, *others) in found.items()}
        causes -= {name for name in causes if ranges[name] == _NOTHING_YET}
        conflict = next((name for name, wanted in ranges.items() if wanted.empty), None)
        bulk = sum(wanted.bulk for wanted in ranges.values())
        return Branch(parts=parts, ranges=ranges, causes=frozenset(causes), conflict=conflict, bulk=bulk)

    def _ranges(self, question: Leaf, holds: bool, calendar: str) -> dict[str, Range]:
        """Return what one answer says: first about its own question, then what follows from it."""
        length = duration_in(question)
        if length is not None:
            return _lasting(question.name, length, holds, self.counts(length, calendar))
        if question.name in _SEVERAL_WORDS:
            said = _words(question.value)
            return {question.name: Called(some=frozenset({said})) if holds else Called(none=said)}
        name, fits = self._fits(question)
        chosen = filter if holds else itertools.filterfalse
        return {name: Among(frozenset(chosen(fits, self.domains.get(name, _TRUTH))))}

    def _fits(self, question: Leaf) -> tuple[str, Callable[[Any], bool]]:
        name, value = question.name, question.value
        if name in _ONE_WORD:
            return name, _words(value).__contains__
        if name in ("tier", "csat"):
            return name, words(value, f"a {name}").__contains__
        if name == "level" or _number(question) is not None:
            return name, counted(value)[0]
        if name in ("priority", "severity", "frustration"):
            ranks = {"priority": PRIORITIES, "severity": self.severities, "frustration": DEGREES}
            compare = ordered(value, ranks[name], name)[0]
            return name, lambda word: word != NONE and compare(word)
        if name == "custom":  # a single field: `_ways` has taken it apart
            field, listed = next(iter(value.items()))
            return f"custom.{field}", _words(listed).__contains__
        if name in ("answered", "requested_by_staff", "blocked"):
            return name, lambda found: found is value
        return f"{name} {json.dumps(value, sort_keys=True, default=str)}", bool


def _from_the_beginning(question: Leaf) -> bool:
    """Say whether a count is so without having reached anything, as `replies: {less_than: 3}` is."""
    return question.name in COUNTERS and reached_at(question.value) is None


def duration_in(question: Leaf) -> Duration | None:
    """Return how long a question waits, if it is one about time."""
    if not question.name.endswith("_for") and question.name not in TIMED:
        return None
    try:
        return Duration.parse(question.value)
    except ValueError:
        return None


def every_condition(policy: Policy) -> Iterator[Node]:
    """Yield every condition of a policy."""
    yield from (rule.when for rule in policy.rules)
    yield from (way.when for way in policy.come_down)
    others = (level.out_of_hours.unless for level in policy.levels if level.out_of_hours)
    yield from (node for node in (policy.guards.never, policy.guards.never_hold, *others) if node is not None)


def open_in_a_week(calendar: Calendar) -> int:
    """Return the open minutes of a week without holidays."""
    windows = [(day * DAY + opens, day * DAY + closes) for day, w in enumerate(calendar.hours) for opens, closes in w]
    return len({minute % WEEK for opens, closes in windows for minute in range(opens, closes)})


def _ways(node: Node, holds: bool = True) -> list[tuple[Part, ...]]:
    """Return the ways in which a node can be true or, if not `holds`, false."""
    if isinstance(node, Not):
        return _ways(node.part, not holds)
    if isinstance(node, Leaf):
        apart = node.name == "custom" and isinstance(node.value, Mapping) and len(node.value) > 1
        single = [leaf("custom", {field: said}) for field, said in node.value.items()] if apart else [node]
        return [tuple((q, True) for q in single)] if holds else [((q, False),) for q in single]
    parts: Iterable[Node] = node.parts if isinstance(node, AllOf | AnyOf) else ()
    below = [_ways(part, holds) for part in parts]
    found: list[tuple[Part, ...]] = [()]
    if isinstance(node, AllOf) is not holds:
        found = [way for ways in below for way in ways]
    for ways in below if isinstance(node, AllOf) is holds else ():
        if len(found) * len(ways) > _MOST:
            raise TooMany
        found = [(*before, *way) for before, way in itertools.product(found, ways)]
    if len(found) > _MOST:
        raise TooMany
    return found


def _lasting(name: str, length: Duration, holds: bool, counts: str) -> dict[str, Range]:
    """Open hours are never more than hours: what has lasted four of the first has lasted four of the others."""
    if name in TIMED:
        return _promised(name, length, holds, counts)
    if not holds:
        return {f"{name} {counts}": Lasting(less_than=length.length)}
    names = [name, "at_level_for"] if name == "not_taken_for" else [name]
    long = Lasting(least=length.length)
    found: dict[str, Range] = {f"{n} {c}": long for n in names for c in dict.fromkeys((counts, _CLOCK))}
    return {**found, "answered": Among(frozenset({False}))} if name == "unanswered_for" else found


def _promised(name: str, length: Duration, holds: bool, counts: str) -> dict[str, Range]:
    """How long ago a promised time passed; before it passes that is less than nothing."""
    when, _, promise = name.partition("_")
    ago = length.length if when == "after" else -length.length
    if not holds:
        return {f"{promise} {counts}": Lasting(least=-_EVER, less_than=ago)}
    clocks = (counts, _CLOCK) if when == "after" else (counts,)
    return {f"{promise} {clock}": Lasting(least=ago) for clock in clocks}


def _words(value: Any) -> frozenset[str]:
    return frozenset(word.casefold() for word in words(value, "a word"))


def _mentioned(question: Leaf) -> Iterator[tuple[str, frozenset[Any]]]:
    """Yield the values that matter for questions whose answers are not a short list."""
    if question.name in _ONE_WORD - {"status"}:
        yield question.name, _words(question.value) | {_OTHER}
    elif question.name == "custom":
        for field, said in question.value.items():
            yield f"custom.{field}", _words(said) | {_OTHER}
    elif (number := _number(question)) is not None:
        yield question.name, frozenset(n for n in (0, 1, number - 1, number, number + 1) if n >= 0)


def _number(question: Leaf) -> int | None:
    """Return the number with which a count, such as that of the reopenings, is compared."""
    value = question.value
    if isinstance(value, Mapping) and len(value) == 1 and not SIDES.keys() & value.keys():
        value = next(iter(value.values()))
    counts = isinstance(value, int) and not isinstance(value, bool) and question.name not in ("level", *_ONE_WORD)
    return value if counts and question.name not in ("tier", "custom") else None
