"""What the linter finds, and a policy as it looks at it: every rule with its branches and where they lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from policies.branches import Answers, Branch, Part
from policies.commands import Take
from policies.effort import TooMany
from policies.levels import Level, Step
from policies.policy import Policy, Rule
from policies.reminders import implied
from policies.source import Fault, Node, read

MOST_SHOWN = 100
"""More than so many findings at once help nobody."""

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a part of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in a policy that its author can hardly have meant.

    An `error` can never do what it says; a `warning` may be meant. `about`: which rule, level or section; `at`: how to
    get there in the document; `line` and `column` (from 1; 0: not known) where that is in the policy's text, and how
    wide it is.
    """

    severity: Literal["error", "warning"]
    about: str
    sentence: str
    at: Place = ()
    line: int = 0
    column: int = 0
    width: int = 1

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A rule as the linter sees it.

    `at`: where it stands in the document. `branches`: the ways in which its condition can be true, empty if there are
    too many to be compared. `live`: those that can make it fire, with their `size` and `bulk` together.
    """

    rule: Rule
    index: int
    at: Place
    top: int
    branches: tuple[Branch, ...]
    live: tuple[Branch, ...]
    size: int
    bulk: int

    @property
    def called(self) -> str:
        """Name it as people do."""
        return f"what follows `if_not_taken` ({self.rule.name})" if self.rule.implied else f'rule "{self.rule.name}"'

    @property
    def moves(self) -> bool:
        """Say whether it leads anywhere; if not, it only tells."""
        return self.rule.go_to is not None

    def effort(self, other: Branch) -> int:
        """Return the steps that it takes to compare a branch with those that can make the rule fire."""
        return self.size + self.bulk * other.bulk

    def leads(self, level: int) -> tuple[int, int]:
        """Return the lowest and the highest level the rule may lead to from here; a request may name any."""
        if self.rule.go_to is Step.REQUESTED_LEVEL:
            return level, self.top
        if self.rule.go_to is Step.NEXT_LEVEL:
            return (min(level + 1, self.top),) * 2
        return (self.rule.go_to or 0,) * 2

    def climbs(self, branch: Branch) -> tuple[int, ...]:
        """Return the levels at which the branch can be true and the rule leads up."""
        allowed = branch.values("level") or range(1, self.top)
        return tuple(level for level in sorted(allowed) if self.leads(level)[1] > level)

    def error(self, sentence: str) -> Finding:
        """Return what can never do what it says."""
        return self._finding("error", sentence)

    def warning(self, sentence: str) -> Finding:
        """Return what may be meant, but hardly is."""
        return self._finding("warning", sentence)

    def _finding(self, severity: Literal["error", "warning"], sentence: str) -> Finding:
        return Finding(severity=severity, about=self.called, sentence=sentence, at=self.at)


def reasons(policy: Policy, answers: Answers) -> tuple[Reason, ...]:
    """Return the rules with their branches."""
    found = []
    for index, rule in enumerate(policy.rules):
        try:
            branches = answers.branches(rule)
        except TooMany:
            branches = ()
        live = tuple(branch for branch in branches if branch.conflict is None and branch.causes)
        at = _place(policy, rule) if rule.implied else ("rules", index)
        size, bulk = sum(branch.size for branch in live), sum(branch.bulk for branch in live)
        reason = Reason(
            rule=rule, index=index, at=at, top=policy.top, branches=branches, live=live, size=size, bulk=bulk
        )
        found.append(reason)
    return tuple(found)


def _place(policy: Policy, rule: Rule) -> Place:
    """Return where the document says what an implied rule follows from."""
    level = next(level for level in policy.levels if rule.name in (made.name for made in implied([level])))
    return "levels", level.number - 1, "if_not_taken"


def most(policy: Policy, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, errors first if there are too many to be read, and then how many there are."""
    every = tuple(dict.fromkeys(found))
    if len(every) <= MOST_SHOWN:
        return every
    more = len(every) - MOST_SHOWN
    sentence = f"there are {len(every)} findings: these are {MOST_SHOWN} of them, and there are {more} more"
    first = sorted(every, key=lambda finding: finding.severity != "error")[:MOST_SHOWN]
    return (*first, warning(policy.name, sentence, "name"))


def placed(policy: Policy, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of the document, each with its place in the text."""
    listed = tuple(found)
    if not listed:
        return ()
    try:
        root, _ = read(policy.text)
    except Fault:  # a policy that was not made from its text
        return listed
    spots = ((finding, _spot(root, finding.at)) for finding in listed)
    known = [replace(finding, line=at.line, column=at.column, width=at.width) for finding, at in spots]
    return tuple(sorted(known, key=lambda finding: finding.line))


def _spot(root: Node, place: Place) -> Node:
    """Return what names a part of the document: its key, else its name, else the first word it says of itself."""
    above = root.follow(place[:-1])
    keys = [key for key, _ in above.pairs or () if key.text == place[-1]]
    node = keys[0] if keys else root.follow(place)
    if not node.pairs:
        return node
    first = next((pair for pair in node.pairs if pair[0].text == "name"), node.pairs[0])
    return first[0] if first[1].pairs is not None or first[1].items is not None else first[1]


def warning(about: str, sentence: str, *at: str | int) -> Finding:
    """Return what may be meant, but hardly is."""
    return Finding(severity="warning", about=about, sentence=sentence, at=at)


def error(about: str, sentence: str, *at: str | int) -> Finding:
    """Return what can never do what it says."""
    return Finding(severity="error", about=about, sentence=sentence, at=at)


def named(level: Level) -> str:
    """Name a level as people do."""
    return f"level {level.number} ({level.name})"


def said(*parts: Part, last: str = "and") -> str:
    """Write questions as a policy does."""
    texts = [f"{q.name}: {_plain(q.value)}" if holds else f"not: {{{q.name}: {_plain(q.value)}}}" for q, holds in parts]
    return listed([f"`{text}`" for text in dict.fromkeys(texts)], last)


def listed(words: list[str], last: str = "and") -> str:
    """Join words as people do."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def only_told(level: Level) -> bool:
    """Say whether a level only hears of its tickets, so that it needs no target."""
    return level.take is Take.OVERSIGHT and bool(level.tell)


def to_nobody(level: Level) -> str:
    """Say what becomes of a ticket for which a level has no target."""
    if level.take is Take.OVERSIGHT:
        return "nobody would watch a ticket there"
    return "a ticket there would be moved to nobody"
