"""A command as the Jira calls that carry it out, in order, and what is wrong with a policy's target. Pure.

The note is a call of its own, the last: an internal comment inside the PUT is not documented, and a note that turned
public would be read by the customer. So it is in plain projects too, for an issue may be moved into a service project
before the call is sent; and the note tells what was refused, and what was opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.contract import Alternative, Call
from connectors.jira.picture import ATTRIBUTES, NAMED, level_tag, project_of
from connectors.jira.settings import in_project, settings_of
from connectors.jira.targets import faults, linked_of, pool_of
from connectors.jira.transitions import status_named
from connectors.site import Site
from policies.commands import Command, Mode, Take, Target
from policies.model import JSON, Named, Ticket

EDIT, TRANSITION, LINK, WATCH, COMMENT = "edit_issue", "transition", "link_issue", "watch", "internal_comment"
MARKER = "stepladder"
"""The issue property that says which call was the last one."""
NO_WAY_BACK = (
    "A transition is not undone: the status stays as it is.",
    "An issue that was opened and linked stays, and watchers stay.",
    "A priority can be changed and never taken away: an issue that had none keeps the one it has.",
)
HIGHEST_LEVEL = 9

_AIMS = frozenset({"assignee", "pool", "field", "transition", "linked_issue", "watchers"})
_NO_CHANGE = frozenset({"note", "watchers", "pool", "linked_issue"})

_Step = tuple[str, Mapping[str, JSON]]


def plan(command: Command, ticket: Ticket, site: Site) -> tuple[Call, ...]:
    """Return the calls in order: fields, transition, linked issue, watchers, note."""
    if command.mode is Mode.OBSERVE:
        return ()
    site = in_project(site, project_of(ticket))
    steps = enumerate(_steps(command, ticket, site), start=1)
    return tuple(_call(command, number, verb, sets, site) for number, (verb, sets) in steps)


def check_target(target: Target) -> tuple[str, ...]:
    """Return a sentence for everything in a policy's target that Jira cannot do."""
    return tuple(faults(target))


def stands_in(ticket: Ticket, target: Target) -> bool | None:
    """Say whether the ticket is where the target says; None if that cannot be told.

    Of a pool any member will do. Watchers and linked issues say nothing, nor does a transition: a ticket tells our
    word for its status, which many of Jira's share.
    """
    answers: list[bool | None] = []
    pool = target.get("from")
    people = [target["assignee"]] if "assignee" in target else list(pool) if isinstance(pool, list | tuple) else []
    if people:
        theirs = [_is(ticket.assignee, person) for person in people] if ticket.knows("assignee") else [None]
        answers.append(True if True in theirs else None if None in theirs else False)
    fields = target.get("field")
    for name, value in fields.items() if isinstance(fields, Mapping) else ():
        answers.append(_holds(ticket, name, value))
    if False in answers:
        return False
    return None if not answers or None in answers else True


def edit_body(
    call: Call, ticket: Ticket, values: Mapping[str, JSON], site: Site, picked: str | None = None
) -> dict[str, Any]:
    """Return the PUT's body. `values` are field ids with what Jira wants to be sent, `picked` who of the pool it is."""
    fields: dict[str, Any] = dict(values)
    if "assignee" in call.parts or picked is not None:  # null takes it from everybody
        who = call.parts.get("assignee", picked)
        fields["assignee"] = {"accountId" if settings_of(site).cloud else "name": who}
    update: dict[str, Any] = {}
    level = call.parts.get("level")
    if isinstance(level, int):
        update["labels"] = _labels(level, ticket)
    mark = {"op": call.key} | ({"level": level} if level is not None else {})
    mark |= {"assignee": picked} if picked is not None else {}
    body: dict[str, Any] = {"properties": [{"key": MARKER, "value": mark}]}
    return body | ({"fields": fields} if fields else {}) | ({"update": update} if update else {})


def _steps(command: Command, ticket: Ticket, site: Site) -> Iterator[_Step]:
    acting = command.mode is Mode.ACT
    target: Target = command.target if acting and not command.restore else {}
    parts = _parts(command, ticket, site) if acting else {}
    moves = [name] if (name := _transition(target)) and command.take is Take.OWNERSHIP else []
    linked = linked_of(target, command.level)
    if parts:
        yield EDIT, parts
    yield from ((TRANSITION, {"transition": name}) for name in moves)
    if linked is not None:
        yield LINK, {"linked_issue": linked}
    yield from ((WATCH, {"watchers": person}) for person in _watchers(target, command))
    if command.note is not None:
        yield COMMENT, {"note": True}


def _call(command: Command, number: int, verb: str, sets: Mapping[str, JSON], site: Site) -> Call:
    aims = _aims(verb, sets, command)
    otherwise = tuple(_alternatives(verb, command, site)) if aims else ()
    # a linked issue or a second transition might be there twice, so it waits until the first is surely over
    once = verb in (TRANSITION, LINK) or any("linked_issue" in other.parts for other in otherwise)
    return Call(
        operation=command.operation,
        number=number,
        verb=verb,
        parts=sets,
        note=command.note if "note" in sets or verb == LINK else None,  # a linked issue is described by it
        expect=_expect(sets, site),
        repeatable="note" not in sets and not once,
        aims=aims,
        otherwise=otherwise,
    )


def _parts(command: Command, ticket: Ticket, site: Site) -> dict[str, JSON]:
    parts: dict[str, JSON] = {"level": command.level}
    if command.priority is not None:
        parts["priority"] = command.priority.word
    if command.restore:
        return parts | _restored(command.restore, site)
    if command.take is not Take.OWNERSHIP or stands_in(ticket, command.target):
        return parts
    goal = _goal(command.target, command.turn)
    if "pool" in goal and stands_in(ticket, {"from": command.target["from"]}):
        del goal["pool"]  # one of them has it already
    return parts | goal


def _goal(target: Target, turn: int) -> dict[str, JSON]:
    """Return the parts of one edit that put a ticket where the target says."""
    goal: dict[str, JSON] = {"assignee": target["assignee"]} if target.get("assignee") is not None else {}
    if (pool := pool_of(target, turn)) is not None:
        goal["pool"] = pool
    fields = target.get("field")
    return goal | ({f"field:{name}": value for name, value in fields.items()} if isinstance(fields, Mapping) else {})


def _restored(values: Mapping[str, str | None], site: Site) -> dict[str, JSON]:
    """Return the parts that give back what the ticket had: its assignee, and what the site's fields held."""
    parts: dict[str, JSON] = {}
    for name, value in values.items():
        if name == "assignee":
            parts[name] = value
        elif ours := next(
            (own for own in site.settings.fields if name in (own, f"custom.{own}", NAMED.get(own))), None
        ):
            parts[f"field:{ours}"] = value
    return parts


def _aims(verb: str, sets: Mapping[str, JSON], command: Command) -> tuple[str, ...]:
    if command.restore or verb == COMMENT or (verb == WATCH and command.take is not Take.OVERSIGHT):
        return ()
    return tuple(part for part in sets if part.partition(":")[0] in _AIMS)


def _alternatives(verb: str, command: Command, site: Site) -> Iterator[Alternative]:
    for target in command.fallbacks:
        parts: dict[str, JSON] = {}
        if verb == TRANSITION:
            parts = {"transition": name} if (name := _transition(target)) else {}
        elif verb == WATCH:
            parts = {"watchers": [*people]} if (people := _watchers(target, command)) else {}
        else:
            linked = linked_of(target, command.level)
            parts = _goal(target, command.turn) | ({"linked_issue": linked} if linked is not None else {})
        if parts:
            yield Alternative(parts=parts, expect=_expect(parts, site))


def _transition(target: Target) -> str:
    return str(target.get("transition") or "").strip()


def _watchers(target: Target, command: Command) -> tuple[str, ...]:
    listed, pool = target.get("watchers"), pool_of(target, command.turn)
    people: list[JSON] = list(listed) if isinstance(listed, list | tuple) else []
    if command.take is Take.OVERSIGHT:  # who is named watches; the ticket stays with whom it is (decision 9)
        people += [target["assignee"]] if target.get("assignee") is not None else []
        members = pool["from"] if pool is not None else None
        people += [members[command.turn % len(members)]] if isinstance(members, list) else []
    return tuple(dict.fromkeys(map(str, people)))


def _expect(parts: Mapping[str, JSON], site: Site) -> dict[str, str | None]:
    if "transition" in parts:
        status = status_named(str(parts["transition"]), site)
        return {"status": status} if status else {}
    expect: dict[str, str | None] = {}
    for part, value in parts.items():
        if part in _NO_CHANGE:
            continue
        name = part.removeprefix("field:")
        if part != name and name not in ATTRIBUTES:
            name = NAMED.get(name, f"custom.{name}")
        expect[name] = None if value is None else str(value)
    level = parts.get("level")
    if isinstance(level, int) and level > 1:
        expect["tag"] = level_tag(level)
    return expect


def _labels(level: int, ticket: Ticket) -> list[dict[str, str]]:
    # removing a label that is not there does nothing, so an unknown level is no reason to ask first
    others = (ticket.level,) if ticket.knows("level") and ticket.level else range(2, HIGHEST_LEVEL + 1)
    remove = [{"remove": level_tag(other)} for other in others if other not in (1, level)]
    return ([{"add": level_tag(level)}] if level > 1 else []) + remove


def _is(thing: Named | None, word: object) -> bool | None:
    return thing.goes_by(str(word)) if thing is not None else False


def _holds(ticket: Ticket, name: str, value: object) -> bool | None:
    if name in NAMED:
        return _is(getattr(ticket, NAMED[name]), value) if ticket.knows(NAMED[name]) else None
    if name in ATTRIBUTES:
        if not ticket.knows(name):
            return None
        held: str | None = getattr(ticket, name)
    elif name in ticket.custom:
        held = ticket.custom[name]
    else:
        return None
    if held is None or str(value).casefold() == held.casefold():
        return held is not None
    return None if str(value).isdecimal() and not held.isdecimal() else False  # an option's id; we know its name
