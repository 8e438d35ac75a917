"""A command as Zendesk calls: always one, because one PUT can carry the fields, the note and the followers. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from connectors.contract import Call, Site
from connectors.zendesk.picture import level_tag
from policies.commands import Command, Mode, Take, Target
from policies.model import JSON, Named, Ticket

_KEYS = ("group", "assignee", "followers")


def plan(command: Command, ticket: Ticket, site: Site) -> tuple[Call, ...]:
    """Return the calls that bring the ticket to the command's level, in order."""
    if command.mode is Mode.OBSERVE:
        return ()
    parts = {"note": True} if command.mode is Mode.NOTE else _parts(command, ticket)
    call = Call(
        operation=command.operation,
        number=1,
        verb="update_ticket",
        parts=parts,
        note=command.note,
        expect=_expected(parts),
        repeatable=False,  # the note would appear twice
    )
    return (call,)


def check_target(target: Target) -> tuple[str, ...]:
    """Return a sentence for everything in a policy's target that Zendesk cannot take."""
    if not target:
        return (f"a Zendesk target expected at least one of {', '.join(_KEYS)}, got nothing",)
    return tuple(filter(None, (_wrong(key, value) for key, value in target.items())))


def stands_in(ticket: Ticket, target: Target) -> bool | None:
    """Say whether the ticket is where the target says; None if that cannot be told. Followers say nothing."""
    answers = []
    if (group := target.get("group")) is not None:
        answers.append(_is(ticket.group, str(group)) if ticket.knows("group") else None)
    if (assignee := target.get("assignee")) is not None:
        answers.append(_is(ticket.assignee, str(assignee)) if ticket.knows("assignee") else None)
    if False in answers:
        return False
    return None if not answers or None in answers else True


def _parts(command: Command, ticket: Ticket) -> dict[str, JSON]:
    target = command.target
    followers = _list(target.get("followers"))
    parts: dict[str, JSON] = {}
    if command.take is Take.OWNERSHIP:
        parts |= {key: target[key] for key in ("group", "assignee") if target.get(key) is not None}
        if "assignee" not in parts and stands_in(ticket, parts):  # moving it there again would unassign whoever has it
            del parts["group"]
    else:  # a person who is named watches; the ticket stays with whom it is (decision 9)
        followers += [who for who in _list(target.get("assignee")) if who not in followers]
    if command.priority is not None:
        parts["priority"] = command.priority.word
    parts["level"] = command.level
    if followers:
        parts["followers"] = followers
    return parts | {"note": True}


def _expected(parts: Mapping[str, JSON]) -> dict[str, str | None]:
    expected = {key: str(parts[key]) for key in ("group", "assignee", "priority") if key in parts}
    level = parts.get("level")
    return {
        **expected,
        **({"assignee": None} if "group" in parts and "assignee" not in parts else {}),
        **({"level": str(level)} if level is not None else {}),
        **({"tag": level_tag(level) if level > 1 else None} if isinstance(level, int) else {}),
    }


def _list(value: JSON) -> list[JSON]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _wrong(key: str, value: JSON) -> str | None:
    if key == "watchers":
        return "`watchers` is Jira's word; Zendesk expected `followers`"
    if key not in _KEYS:
        near = difflib.get_close_matches(key, _KEYS, n=1)
        guess = f"; did you mean `{near[0]}`?" if near else ""
        return f"a Zendesk target expected {', '.join(_KEYS)}, got `{key}`{guess}"
    if key != "followers":
        return None if _names_one(value) else f"`{key}` expected a name or an id, got {value!r}"
    if not isinstance(value, list | tuple) or not value or not all(map(_names_one, value)):
        return f"`followers` expected a list of e-mail addresses, names or ids, got {value!r}"
    return None


def _names_one(value: JSON) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or (isinstance(value, int) and not isinstance(value, bool))


def _is(thing: Named | None, word: str) -> bool | None:
    if thing is None:
        return False
    if "@" in word and word != thing.id:
        return None  # an e-mail address is neither the name nor the id that tickets carry
    return thing.goes_by(word)
