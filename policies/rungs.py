"""What the section `levels` of a policy document may say: targets, priorities, times, whom to tell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from policies.commands import Mode, Take, Target
from policies.grammar import site
from policies.levels import Branch, Level, Path, Place, Places, PriorityChange
from policies.model import Priority
from policies.shapes import (
    Gather,
    Shape,
    doubles,
    expected,
    length,
    many,
    record,
    section,
    shape,
    table,
    text,
    whole,
    word,
)
from policies.source import Fault, Node, nearest

NOTE_FIELDS = ("level", "level_name", "ticket", "subject", "tier", "priority", "requester", "organization", "rule")
"""What a level's own text may put into a note, as `{field}`."""

_LONGEST_NOTE = 1000
_NOTE_FIELD = re.compile(r"\{([^{}]*)\}")

BRANCHES = {
    "by_product": "product",
    "by_region": "custom.region",
    "by_language": "language",
    "by_issue_type": "kind",
    "by_type": "kind",
    "by_form": "form",
    "by_request_type": "form",
    "by_tier": "tier",
}
"""The words by which a target branches, and the ticket fields they look at."""


@shape({"type": "object", "minProperties": 1})
def _target(node: Node) -> Target:
    if not node.pairs:
        raise expected(node, "the vendor's words for a place, such as {group: Support}")
    target: Target = node.plain
    return target


_branches = {name: table(text, lambda _: _target) for name in BRANCHES}


@shape({**_target.schema, "properties": {name: branch.schema for name, branch in _branches.items()}})
def place(node: Node) -> Place:
    """Read where a level lives at one site: a target, and other targets by product, region, language or type."""
    if not node.pairs:
        raise expected(node, "the vendor's words for a place, such as {group: Support}")
    gather = Gather()
    own = tuple(pair for pair in node.pairs if pair[0].text not in BRANCHES)
    apart = [(key, gather.read(_branches[key.text], value)) for key, value in node.pairs if key.text in BRANCHES]
    gather.settle()
    branches = tuple(
        Branch(field=BRANCHES[key.text], targets={word.casefold(): target for word, target in (found or {}).items()})
        for key, found in apart
    )
    return Place(target=replace(node, pairs=own).plain, branches=branches)


_raised = section(may={"at_least": word(Priority, "priority"), "set": word(Priority, "priority")})


@shape({**_raised.schema, "minProperties": 1, "maxProperties": 1})
def _priority(node: Node) -> PriorityChange:
    if node.pairs is None or len(node.pairs) != 1:
        raise expected(node, "{at_least: high}, which never lowers, or {set: high}")
    found = _raised(node)
    return PriorityChange(to=next(iter(found.values())), raise_only="at_least" in found)


@shape({"type": ["string", "number"], "maxLength": _LONGEST_NOTE})
def _note(node: Node) -> str:
    if len(text(node)) > _LONGEST_NOTE:
        raise Fault(node.problem(f"a level's note has at most {_LONGEST_NOTE} characters; this has {len(node.text)}"))
    if re.search(r"[{}]", _NOTE_FIELD.sub("", node.text)):
        raise Fault(node.problem("a { or } without its partner"))
    for field in _NOTE_FIELD.findall(node.text):
        if field not in NOTE_FIELDS:
            known = f"; known here: {', '.join(NOTE_FIELDS)}"
            near = nearest(field, NOTE_FIELDS)
            raise Fault(node.problem(f"there is no {{{field[:40]}}}{'' if near else known}", near))
    return node.text


_NEEDED: dict[str, Shape[Any]] = {
    "level": whole.meaning("1 is the frontline, where every ticket starts; then upwards without gaps."),
    "name": text,
}
_OPTIONAL: dict[str, Shape[Any]] = {
    "role": text.meaning("What this level is for, in words for people."),
    "path": word(Path, "path").meaning("functional: to more expertise; hierarchical: to more authority."),
    "take": word(Take, "way to take").meaning(
        "ownership: the ticket moves to the target; oversight: it stays, and the people in the target watch it."
    ),
    "targets": table(site, lambda _: place).meaning("Where the level lives, by vendor or vendor/site."),
    "priority": _priority.meaning("{at_least: high} raises and never lowers; {set: high} does both."),
    "expected_resolution": length.meaning("The note names the time by which it should be solved."),
    "taken_within": length.meaning("The note asks to take the ticket by then."),
    "note": _note.meaning(f"Your own text in the note; it may use {', '.join(f'{{{f}}}' for f in NOTE_FIELDS)}."),
    "mode": word(Mode, "mode").meaning(
        "How far Stepladder may go here; the most careful of site, level and rule counts."
    ),
}


def _level(level: int, targets: Places | None = None, **rest: Any) -> Level:
    return Level(number=level, places=targets or {}, **rest)


_levels = many(record(_level, _NEEDED, _OPTIONAL), "a list of levels")


@shape({**_levels.schema, "minItems": 2})
def levels(node: Node) -> tuple[Level, ...]:
    """Read the ladder."""
    found = _levels(node)
    gather = Gather(doubles(node, "name", "level"))
    for wanted, (level, item) in enumerate(zip(found, node.items or (), strict=True), 1):
        if level.number != wanted:
            gather.add(
                item.follow(["level"]).problem(f"levels are listed from 1 upwards without gaps; expected {wanted}")
            )
            break
    if len(found) < 2:
        gather.add(node.problem("a ladder has at least two levels"))
    gather.settle()
    return found
