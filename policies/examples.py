"""The tests that travel with a policy: what an example may say, and what its times mean. `simulate.py` plays them.

ticket   site, created (both needed); tier, priority, status, tags, impact, urgency, product, kind, form, group,
         assignee, organization, brand, project, language, channel, subject, custom; due_at, sla_breach_at (a time, or
         none), blocked_by (keys of open tickets); reopens: how often it was solved and came back right after it was
         created; taken: when an agent assigned it to themselves; others: how many other tickets came to a level then
steps    at, and one of: customer_says, agent_says (a public reply), note (an internal one), set: {field: value},
         request: true or a level, solve: true, reopen: true, take: true; by: which agent did it
expect   at, level; rule: the rule that brought it to its level; priority; target: a word of the place it went to;
         told: who was told since the expectation before, in any order; held: true, false or words of the reason

A time is `2027-03-01 09:30` or, on the day of `created`, `09:30`: local time of the default calendar, unless it ends
in an offset such as `+01:00` or `Z`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from policies.grammar import a_level, bounded, limited
from policies.invented import NOTHING
from policies.model import Priority, Status
from policies.policy import Example, Policy, Severity
from policies.shapes import (
    Gather,
    Shape,
    either,
    expected,
    line,
    many,
    named,
    one_or_many,
    plain,
    record,
    section,
    shape,
    table,
    text,
    true,
    whole,
    word,
)
from policies.source import Node

MOST_TESTS = 200

VERBS = ("customer_says", "agent_says", "note", "set", "request", "solve", "reopen", "take")
BY_AGENTS = ("agent_says", "note", "set", "request", "solve", "take")
"""The verbs that say what an agent did, so that `by` may name who it was."""

_WORDS = (
    "subject",
    "kind",
    "form",
    "group",
    "assignee",
    "organization",
    "brand",
    "project",
    "product",
    "language",
    "channel",
)
_TIME = re.compile(r"(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d?:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:\d\d)?")


def instant(said: str, policy: Policy, day: date | None = None) -> datetime:
    """Return the instant that an example's time means; `day` is the day of `created`."""
    found = _TIME.fullmatch(said)
    if not found or not (found[1] or day):
        raise ValueError(f'"{said}" is not a time such as 2027-03-01 09:30')
    moment = _moment(found, str(day))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(policy.calendars[policy.calendar].timezone))
    return moment.astimezone(UTC)


def _moment(found: re.Match[str], day: str) -> datetime:
    """Return the time that was found. Raises ValueError if no clock shows it."""
    time = found[2] if found[2][1:2] != ":" else f"0{found[2]}"
    return datetime.fromisoformat(f"{found[1] or day}T{time}{found[3] or ''}")


def examples(
    source: str,
    sites: Collection[str] | None,
    tiers: Collection[str] | None,
    rules: Collection[str] | None,
    severity: Severity | None,
    top: int | None,
) -> Shape[tuple[Example, ...]]:
    """Return the reader of the `tests` section, given the names that the rest of the document defines."""
    ticket, steps = _told(sites, tiers, severity, top)
    expect = section(
        {"at": _time.meaning("When."), "level": a_level(top).meaning("At which level it then is.")},
        {
            "rule": named("rule", rules).meaning("The rule that brought it to its level."),
            "priority": word(Priority, "priority").meaning("The ticket's priority then."),
            "target": plain.meaning("A word of the place it went to, or a part of it."),
            "told": _any_number(line).meaning(
                "Who was told since the expectation before: addresses, or who is on call."
            ),
            "held": _held.meaning("Whether a move is wanted and waits; or words of the reason why it waits."),
        },
    )
    needs: dict[str, Shape[Any]] = {
        "name": text.meaning("What must be true, in words."),
        "ticket": ticket.meaning("The ticket that is invented, as it is created."),
        "expect": many(expect).meaning("What must be so, and when."),
    }
    example = record(Example, needs, {"steps": steps.meaning("What happens to it, and when.")})

    def read(node: Node) -> Example:
        lines = tuple(item.line for item in node.follow(["expect"]).items or ())
        return replace(example(node), where=f"{source}:{node.line}", lines=lines)

    return limited(MOST_TESTS, "tests", many(Shape(read, example.schema)))


def story(policy: Policy) -> Shape[Example]:
    """Return the reader of one invented ticket: what a test's `ticket` may say, with `steps` beside it or around it."""
    names = [tier.name for tier in policy.tiers]
    ticket, steps = _told(policy.applies_to, names, policy.severity, policy.top)
    around = record(partial(Example, name="the ticket"), {"ticket": ticket}, {"steps": steps})

    def beside(node: Node) -> Example:
        gather = Gather()
        own = tuple(pair for pair in node.pairs or () if pair[0].text != "steps")
        told, said = gather.read(ticket, replace(node, pairs=own)), node.get("steps")
        happened = gather.read(steps, said) if said is not None else ()
        gather.settle()
        return Example(name="the ticket", ticket=told or {}, steps=happened or ())

    return Shape(lambda node: around(node) if node.get("ticket") else beside(node), around.schema)


def _told(
    sites: Collection[str] | None, tiers: Collection[str] | None, severity: Severity | None, top: int | None
) -> tuple[Shape[dict[str, Any]], Shape[tuple[Mapping[str, Any], ...]]]:
    """Return the readers of what a ticket is and of what happens to it."""
    fields = _fields(severity)
    only_ticket: dict[str, Shape[Any]] = {
        "tier": named("tier", tiers).meaning("The customer's tier; what makes the ticket match it is added."),
        "reopens": whole.meaning("How often it was solved and came back right after it was created."),
        "taken": _time.meaning("When an agent assigned it to themselves."),
        "others": _others(top).meaning("How many other tickets came to a level when it was created, for its budget."),
    }
    created = _date_and_time.meaning("When the requester wrote it, with the day.")
    needed: dict[str, Shape[Any]] = {"site": _site(sites), "created": created}
    says: dict[str, Shape[Any]] = {
        "customer_says": text.meaning("A message of the requester."),
        "agent_says": text.meaning("A public reply."),
        "note": text.meaning("An internal note."),
        "set": section(may=fields).meaning("Fields that take another value."),
        "request": _request(top).meaning("Staff asks for an escalation: true, or a level."),
        "solve": true.meaning("An agent solves it."),
        "reopen": true.meaning("The customer writes that it is not solved."),
        "take": true.meaning("An agent assigns it to themselves."),
    }
    by = line.meaning("The agent who did it, by name.")
    step = record(_step, {"at": _time.meaning("When.")}, {**says, "by": by})
    nobody = {"minProperties": 2, "maxProperties": 2, "properties": {"by": False}}
    somebody = {"minProperties": 3, "maxProperties": 3, "required": ["by"]}
    one_verb = {**step.schema, **either(nobody, somebody)}
    return section(needed, {**fields, **only_ticket}), many(Shape(step.read, one_verb))


def _fields(severity: Severity | None) -> dict[str, Shape[Any]]:
    return {
        **{name: text.meaning(f"The ticket's {name}.") for name in _WORDS},
        "priority": word(Priority, "priority").meaning("The ticket's priority."),
        "status": word(Status, "status").meaning("Where it stands; a new ticket is `new`."),
        "tags": one_or_many(text).meaning("All of its tags or labels."),
        "impact": _graded("impact", severity.impact if severity else None),
        "urgency": _graded("urgency", severity.urgency if severity else None),
        "custom": table(text, lambda _: text).meaning("Fields that you named in stepladder.toml, by their names."),
        "due_at": _time_or_none.meaning("The date that was promised."),
        "sla_breach_at": _time_or_none.meaning("When the vendor's own promise breaks."),
        "blocked_by": _any_number(text).meaning("Keys of open tickets that must be solved before this one."),
    }


def _graded(what: str, words: Collection[str] | None) -> Shape[str]:
    exactly = named(what, words)
    graded = Shape(lambda node: node.text if words and node.text.casefold() in words else exactly(node), text.schema)
    return graded.meaning(f"The ticket's {what}.")


def _step(**said: Any) -> Mapping[str, Any]:
    verbs = [verb for verb in VERBS if verb in said]
    if len(verbs) != 1:
        raise ValueError(
            f"a step says `at` and one of {', '.join(VERBS)}; this one has {' and '.join(verbs) or 'none'}"
        )
    if "by" in said and verbs[0] not in BY_AGENTS:
        raise ValueError(
            f"`by` names an agent, and `{verbs[0]}` is not an agent's; it belongs to {', '.join(BY_AGENTS)}"
        )
    return said


@shape({"type": "string", "pattern": f"^(?:{_TIME.pattern})$", "examples": ["09:30", "2027-03-01 09:30"]})
def _time(node: Node) -> str:
    found = _TIME.fullmatch(text(node))
    try:
        if found:
            _moment(found, "2027-01-01")
    except ValueError:
        found = None
    if not found:
        raise expected(node, 'a time such as "09:30" or "2027-03-01 09:30"')
    return node.text


@shape(either({"const": NOTHING}, _time.schema))
def _time_or_none(node: Node) -> str:
    return NOTHING if node.text == NOTHING else _time(node)


@shape(either({"type": "boolean"}, text.schema))
def _held(node: Node) -> bool | str:
    """Read whether a move is held, or words of the reason."""
    return node.scalar if isinstance(node.scalar, bool) else text(node)


def _any_number(each: Shape[str]) -> Shape[tuple[str, ...]]:
    """Read one, several or none: `[]`."""
    several = one_or_many(each)
    return Shape(lambda node: () if node.items == () else several(node), either(several.schema, {"const": []}))


def _others(top: int | None) -> Shape[dict[int, int]]:
    number, count = a_level(top, least=2), bounded(0, 100_000)

    def read(node: Node) -> dict[int, int]:
        if not node.pairs:
            raise expected(node, "levels with a number of tickets, such as {2: 25}")
        gather = Gather()
        found = {gather.read(number, level) or 0: gather.read(count, tickets) or 0 for level, tickets in node.pairs}
        gather.settle()
        return found

    known = {"type": "object", "minProperties": 1, "propertyNames": {"pattern": r"^\d+$"}}
    return Shape(read, {**known, "additionalProperties": count.schema})


@shape({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d[ T]", "examples": ["2027-03-01 09:30"]})
def _date_and_time(node: Node) -> str:
    if not _time(node)[:5].endswith("-"):
        raise expected(node, 'a date and a time such as "2027-03-01 09:30"')
    return node.text


def _site(sites: Collection[str] | None) -> Shape[str]:
    def read(node: Node) -> str:
        vendor = text(node).partition("/")[0]
        if sites is not None and node.text not in sites and vendor not in {site.partition("/")[0] for site in sites}:
            named("site", sites)(node)
        return node.text

    return Shape(read, text.schema).meaning("A vendor, or vendor/site.")


def _request(top: int | None) -> Shape[bool | int]:
    level = a_level(top)
    return Shape(
        lambda node: true(node) if isinstance(node.scalar, bool) else level(node), either(true.schema, level.schema)
    )
