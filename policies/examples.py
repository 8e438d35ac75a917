"""The tests that travel with a policy: what an example may say, and what its times mean. `simulate.py` plays them.

ticket   site, created (both needed); tier, priority, status, tags, impact, urgency, product, kind, form, group,
         assignee, organization, brand, project, language, channel, subject, custom; reopens: how often it was solved
         and came back right after it was created; taken: when an agent assigned it to themselves
steps    at, and one of: customer_says, agent_says (a public reply), note (an internal one), set: {field: value},
         request: true or a level, solve: true, reopen: true, take: true
expect   at, level; rule: the rule that brought it to its level; priority; target: a word of that level's target

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

from policies.model import Priority, Status
from policies.policy import Example, Policy, Severity
from policies.shapes import (
    Gather,
    Shape,
    either,
    expected,
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
from policies.source import Fault, Node

VERBS = ("customer_says", "agent_says", "note", "set", "request", "solve", "reopen", "take")
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
_TIME = re.compile(r"(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:\d\d)?")


def instant(said: str, policy: Policy, day: date | None = None) -> datetime:
    """Return the instant that an example's time means; `day` is the day of `created`."""
    found = _TIME.fullmatch(said)
    if not found or not (found[1] or day):
        raise ValueError(f'"{said}" is not a time such as 2027-03-01 09:30')
    moment = datetime.fromisoformat(f"{found[1] or day}T{found[2]}{found[3] or ''}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(policy.calendars[policy.calendar].timezone))
    return moment.astimezone(UTC)


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
        {"at": _time, "level": _level(top)},
        {
            "rule": named("rule", rules).meaning("The rule that brought it to its level."),
            "priority": word(Priority, "priority"),
            "target": plain.meaning("A word of that level's target, or a part of it."),
        },
    )
    example = record(Example, {"name": text, "ticket": ticket, "expect": many(expect)}, {"steps": steps})
    return many(Shape(lambda node: replace(example(node), where=f"{source}:{node.line}"), example.schema))


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
        "tier": named("tier", tiers),
        "reopens": whole.meaning("How often it was solved and came back right after it was created."),
        "taken": _time.meaning("When an agent assigned it to themselves."),
    }
    needed: dict[str, Shape[Any]] = {"site": _site(sites), "created": _date_and_time}
    says: dict[str, Shape[Any]] = {
        "customer_says": text,
        "agent_says": text.meaning("A public reply."),
        "note": text.meaning("An internal note."),
        "set": section(may=fields).meaning("Fields that take another value."),
        "request": _request(top).meaning("Staff asks for an escalation: true, or a level."),
        "solve": true,
        "reopen": true.meaning("The customer writes that it is not solved."),
        "take": true.meaning("An agent assigns it to themselves."),
    }
    step = record(_step, {"at": _time}, says)
    one_verb = {**step.schema, "minProperties": 2, "maxProperties": 2}
    return section(needed, {**fields, **only_ticket}), many(Shape(step.read, one_verb))


def _fields(severity: Severity | None) -> dict[str, Shape[Any]]:
    return {
        **dict.fromkeys(_WORDS, text),
        "priority": word(Priority, "priority"),
        "status": word(Status, "status"),
        "tags": one_or_many(text),
        "impact": _graded("impact", severity.impact if severity else None),
        "urgency": _graded("urgency", severity.urgency if severity else None),
        "custom": table(text, lambda _: text),
    }


def _graded(what: str, words: Collection[str] | None) -> Shape[str]:
    exactly = named(what, words)
    return Shape(lambda node: node.text if words and node.text.casefold() in words else exactly(node), text.schema)


def _step(**said: Any) -> Mapping[str, Any]:
    verbs = [verb for verb in VERBS if verb in said]
    if len(verbs) != 1:
        raise ValueError(
            f"a step says `at` and one of {', '.join(VERBS)}; this one has {' and '.join(verbs) or 'none'}"
        )
    return said


@shape({"type": "string", "pattern": f"^(?:{_TIME.pattern})$", "examples": ["09:30", "2027-03-01 09:30"]})
def _time(node: Node) -> str:
    found = _TIME.fullmatch(text(node))
    try:
        if found:
            datetime.fromisoformat(f"{found[1] or '2027-01-01'}T{found[2]}{found[3] or ''}")
    except ValueError:
        found = None
    if not found:
        raise expected(node, 'a time such as "09:30" or "2027-03-01 09:30"')
    return node.text


@shape({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d[ T]", "examples": ["2027-03-01 09:30"]})
def _date_and_time(node: Node) -> str:
    if len(_time(node)) < len("2027-03-01 09:30"):
        raise expected(node, 'a date and a time such as "2027-03-01 09:30"')
    return node.text


def _site(sites: Collection[str] | None) -> Shape[str]:
    def read(node: Node) -> str:
        vendor = text(node).partition("/")[0]
        if sites is not None and node.text not in sites and vendor not in {site.partition("/")[0] for site in sites}:
            named("site", sites)(node)
        return node.text

    return Shape(read, text.schema).meaning("A vendor, or vendor/site.")


def _level(top: int | None) -> Shape[int]:
    def read(node: Node) -> int:
        if not 1 <= whole(node) <= (top or whole(node)):
            raise Fault(node.problem(f"there is no level {node.text}; the levels are 1 to {top}"))
        return whole(node)

    return Shape(read, {"type": "integer", "minimum": 1, **({"maximum": top} if top else {})})


def _request(top: int | None) -> Shape[bool | int]:
    level = _level(top)
    return Shape(
        lambda node: true(node) if isinstance(node.scalar, bool) else level(node), either(true.schema, level.schema)
    )
