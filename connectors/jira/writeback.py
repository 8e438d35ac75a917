"""A command as the Jira calls that carry it out, in order, and what is wrong with a policy's target. Pure.

A service project's note is a call of its own: an internal comment inside the PUT is not documented, and a note that
turned public would be read by the customer. Elsewhere fields and note travel in one PUT, which Jira applies as a whole,
unless there is a transition between them: Jira has no request that does both, and the note tells what was refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from connectors.contract import Call, Site
from connectors.jira.notes import render
from connectors.jira.picture import ATTRIBUTES, NAMED, level_tag, project_of
from connectors.jira.settings import in_project, settings_of
from connectors.jira.transitions import status_named
from policies.commands import Command, Mode, Take, Target
from policies.model import JSON, Named, Ticket

EDIT, TRANSITION, WATCH, COMMENT = "edit_issue", "transition", "watch", "internal_comment"
MARKER = "stepladder"
"""The issue property that says which call was the last one."""
HIGHEST_LEVEL = 9

_KEYS = ("assignee", "field", "transition", "watchers")
_NO_CHANGE = frozenset({"note", "watchers"})


def plan(command: Command, ticket: Ticket, site: Site) -> tuple[Call, ...]:
    """Return the calls in order: fields, transition, watchers, note; in a plain project fields and note may be one."""
    if command.mode is Mode.OBSERVE:
        return ()
    site = in_project(site, project_of(ticket))
    portal = ticket.portal is not False  # unknown: as careful as if customers could read it
    parts = _parts(command, ticket) if command.mode is Mode.ACT else {}
    moves = _moves(command)
    apart = portal or bool(moves)
    steps: list[tuple[str, Mapping[str, JSON]]] = [(EDIT, parts)] if parts and apart else []
    steps += [(TRANSITION, {"transition": name}) for name in moves]
    steps += [(WATCH, {"watchers": person}) for person in _watchers(command)]
    steps.append((COMMENT if portal else EDIT, {**({} if apart else parts), "note": True}))
    return tuple(
        Call(
            operation=command.operation,
            number=number,
            verb=verb,
            parts=sets,
            note=command.note if "note" in sets else None,
            expect=_expect(command, sets, site),
            # a second transition may run a workflow's functions again, so it waits until the first is surely over
            repeatable="note" not in sets and verb != TRANSITION,
        )
        for number, (verb, sets) in enumerate(steps, start=1)
    )


def check_target(target: Target) -> tuple[str, ...]:
    """Return a sentence for everything in a policy's target that Jira cannot do."""
    if not target:
        return (f"A target expected at least one of {', '.join(_KEYS)}, got nothing.",)
    wrong: list[str] = []
    for key, value in target.items():
        if key == "project":
            wrong.append("A move to another project is refused by Jira's API; name an assignee or a field instead.")
        elif key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            hint = "; Jira assigns to people only, name a field that holds the team" if key == "group" else hint
            wrong.append(f"A Jira target has no {key!r}, it has {', '.join(_KEYS)}{hint}.")
        else:
            wrong += _CHECKS[key](value)
    return tuple(wrong)


def stands_in(ticket: Ticket, target: Target) -> bool | None:
    """Say whether the ticket is where the target says; None if that cannot be told.

    Watchers say nothing, nor does a transition: a ticket tells our word for its status, which many of Jira's share.
    """
    answers: list[bool | None] = []
    if "assignee" in target:
        answers.append(_is(ticket.assignee, target["assignee"]) if ticket.knows("assignee") else None)
    fields = target.get("field")
    for name, value in fields.items() if isinstance(fields, Mapping) else ():
        answers.append(_holds(ticket, name, value))
    if False in answers:
        return False
    return None if not answers or None in answers else True


def edit_body(call: Call, ticket: Ticket, values: Mapping[str, JSON], site: Site) -> dict[str, Any]:
    """Return the PUT's body. `values` are field ids with what Jira wants to be sent for them."""
    fields: dict[str, Any] = dict(values)
    if "assignee" in call.parts:
        fields["assignee"] = {"accountId" if settings_of(site).cloud else "name": call.parts["assignee"]}
    update: dict[str, Any] = {}
    level = call.parts.get("level")
    if isinstance(level, int):
        update["labels"] = _labels(level, ticket)
    if call.note is not None:
        update["comment"] = [{"add": {"body": render(call.note, call.told)}}]
    mark = {"op": call.key} | ({"level": level} if level is not None else {})
    body: dict[str, Any] = {"properties": [{"key": MARKER, "value": mark}]}
    return body | ({"fields": fields} if fields else {}) | ({"update": update} if update else {})


def _parts(command: Command, ticket: Ticket) -> dict[str, JSON]:
    parts: dict[str, JSON] = {"level": command.level}
    if command.priority is not None:
        parts["priority"] = command.priority.word
    if command.take is Take.OWNERSHIP:
        goals = {key: command.target[key] for key in ("assignee", "field") if command.target.get(key) is not None}
        if stands_in(ticket, goals):
            return parts
        if "assignee" in goals:
            parts["assignee"] = goals["assignee"]
        fields = command.target.get("field")
        parts |= {f"field:{name}": value for name, value in fields.items()} if isinstance(fields, Mapping) else {}
    return parts


def _moves(command: Command) -> tuple[str, ...]:
    if command.mode is not Mode.ACT or command.take is not Take.OWNERSHIP or not command.target.get("transition"):
        return ()
    return (str(command.target["transition"]).strip(),)


def _watchers(command: Command) -> tuple[str, ...]:
    if command.mode is not Mode.ACT:
        return ()
    listed, assignee = command.target.get("watchers"), command.target.get("assignee")
    people = list(listed) if isinstance(listed, list | tuple) else []
    if command.take is Take.OVERSIGHT and assignee is not None:
        people.append(assignee)  # a person who is named watches; the ticket stays with whom it is (decision 9)
    return tuple(dict.fromkeys(map(str, people)))


def _expect(command: Command, parts: Mapping[str, JSON], site: Site) -> dict[str, str | None]:
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
    if "level" in parts and command.level > 1:
        expect["tag"] = level_tag(command.level)
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


def _check_person(value: object) -> list[str]:
    if isinstance(value, str) and value.strip():
        return []
    return [f"assignee expected one account id (Cloud) or user name (Data Center) as text, got {value!r}."]


def _check_fields(value: object) -> list[str]:
    if not isinstance(value, Mapping) or not value:
        return [f"field expected names from [sites.x.fields] with values, such as {{team: Billing}}, got {value!r}."]
    wrong = [name for name, held in value.items() if isinstance(held, bool) or held in (None, "", [], {})]
    return [f"field {name!r} expected a value as text or number, got {value[name]!r}." for name in wrong]


def _check_transition(value: object) -> list[str]:
    if isinstance(value, str) and value.strip():
        return []
    return [f"transition expected the name of one transition or of the status it leads to, got {value!r}."]


def _check_people(value: object) -> list[str]:
    if isinstance(value, list | tuple) and value and all(isinstance(p, str) and p.strip() for p in value):
        return []
    return [f"watchers expected a list of account ids (Cloud) or user names (Data Center), got {value!r}."]


_CHECKS = {
    "assignee": _check_person,
    "field": _check_fields,
    "transition": _check_transition,
    "watchers": _check_people,
}
