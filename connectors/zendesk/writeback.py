"""A command as Zendesk calls: always one, because one PUT can carry the fields, the note and the followers. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from connectors.contract import Alternative, Call
from connectors.site import Site
from connectors.zendesk.picture import level_tag
from policies.commands import Command, Mode, Take, Target
from policies.model import JSON, Named, Status, Ticket

_KEYS = ("group", "assignee", "assign", "from", "followers")
_PICKS = ("least_busy", "round_robin")
_PLACES = ("group", "assignee", "pool")
"""The parts that say whose a ticket is."""
NO_WAY_BACK = (
    "A priority can be changed and never taken away: a ticket that had none keeps the one it has.",
    "The status New never comes back: a new ticket that somebody was given stays open.",
    "A group can be changed and never taken away, and followers stay.",
)


def plan(command: Command, ticket: Ticket, site: Site) -> tuple[Call, ...]:
    """Return the calls that bring the ticket to the command's level, in order."""
    if command.mode is Mode.OBSERVE:
        return ()
    note: dict[str, JSON] = {"note": True} if command.note is not None else {}
    placed = {} if command.mode is Mode.NOTE else _placed(command, ticket)
    parts = note if command.mode is Mode.NOTE else placed | _marks(command) | note
    if not parts:
        return ()
    aims = tuple(name for name in placed if name in _PLACES or command.take is Take.OVERSIGHT)
    call = Call(
        operation=command.operation,
        number=1,
        verb="update_ticket",
        parts=parts,
        note=command.note,
        expect=_expected(parts, ticket),
        repeatable="note" not in parts and "pool" not in parts,  # else a note twice, or somebody else
        aims=aims,
        otherwise=tuple(_otherwise(command, ticket, placed)) if aims else (),
    )
    return (call,)


def check_target(target: Target) -> tuple[str, ...]:
    """Return a sentence for everything in a policy's target that Zendesk cannot take."""
    if not target:
        return (f"a Zendesk target expected at least one of {', '.join(_KEYS)}, got nothing",)
    wrong = tuple(filter(None, (_wrong(key, value) for key, value in target.items())))
    return wrong or tuple(_wrong_together(target))


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


# --- parts --------------------------------------------------------------------------------------------------
def _placed(command: Command, ticket: Ticket) -> dict[str, JSON]:
    """Return the parts that say whose the ticket is and who watches it."""
    if command.restore:
        return _restored(command.restore, ticket)
    parts = _aimed(command.target, command)
    if "assignee" not in parts and stands_in(ticket, parts) and not _wants_somebody(parts, ticket):
        del parts["group"]  # moving it there again would take it from whoever has it
        parts.pop("pool", None)
    return parts


def _restored(before: Mapping[str, str | None], ticket: Ticket) -> dict[str, JSON]:
    """Return where the ticket was; a group once given cannot be taken away, so `no group` leaves it."""
    parts: dict[str, JSON] = {}
    if (group := before.get("group")) is not None:
        has_it = ticket.assignee.id if ticket.assignee is not None else None
        parts = {"group": group, "assignee": before.get("assignee", has_it)}
    elif "assignee" in before:
        parts = {"assignee": before["assignee"]}
    return parts


def _wants_somebody(parts: Mapping[str, JSON], ticket: Ticket) -> bool:
    """Say whether a pool must choose, although the ticket is in the group: nobody has it, or others are named."""
    pool = parts.get("pool")
    return isinstance(pool, Mapping) and (ticket.assignee is None or bool(pool["from"]))


def _aimed(target: Target, command: Command) -> dict[str, JSON]:
    followers = _list(target.get("followers"))
    parts: dict[str, JSON] = {}
    if command.take is Take.OWNERSHIP:
        parts |= {key: target[key] for key in ("group", "assignee") if target.get(key) is not None}
        if target.get("assign") is not None:
            parts["pool"] = {"pick": target["assign"], "from": _list(target.get("from")), "turn": command.turn}
    else:  # a person who is named watches; the ticket stays with whom it is (decision 9)
        followers += [who for who in _list(target.get("assignee")) if who not in followers]
    return parts | ({"followers": followers} if followers else {})


def _marks(command: Command) -> dict[str, JSON]:
    priority: dict[str, JSON] = {"priority": command.priority.word} if command.priority is not None else {}
    return {**priority, "level": command.level}


def _otherwise(command: Command, ticket: Ticket, placed: Mapping[str, JSON]) -> Iterator[Alternative]:
    """Yield what to try where the target is refused: the fallbacks, or, coming down, the group without the person."""
    if command.restore:
        tries = [{"group": placed["group"]}] if placed.get("group") and placed.get("assignee") else []
    else:
        tries = [_aimed(target, command) for target in command.fallbacks]
    for parts in filter(None, tries):
        yield Alternative(parts=parts, expect=_expected(parts, ticket))


def _expected(parts: Mapping[str, JSON], ticket: Ticket) -> dict[str, str | None]:
    """Return what will echo. Whom a pool chooses is known only when it has chosen."""
    expected: dict[str, str | None] = {key: str(parts[key]) for key in ("group", "priority") if key in parts}
    if "pool" not in parts and not parts.keys().isdisjoint(_PLACES):
        assignee = parts.get("assignee")
        expected["assignee"] = str(assignee) if assignee is not None else None
    if ticket.status is Status.NEW and ("pool" in parts or parts.get("assignee") is not None):
        expected["status"] = Status.OPEN.value  # a new ticket that somebody gets is opened by Zendesk itself
    if isinstance(level := parts.get("level"), int):
        expected |= {"level": str(level), "tag": level_tag(level) if level > 1 else None}
    return expected


# --- targets ------------------------------------------------------------------------------------------------
def _wrong(key: str, value: JSON) -> str | None:
    if key == "watchers":
        return "`watchers` is Jira's word; Zendesk expected `followers`"
    if key not in _KEYS:
        near = difflib.get_close_matches(key, _KEYS, n=1)
        guess = f"; did you mean `{near[0]}`?" if near else ""
        return f"a Zendesk target expected {', '.join(_KEYS)}, got `{key}`{guess}"
    if key == "assign":
        return _wrong_pick(value)
    if key in ("group", "assignee"):
        return None if _names_one(value) else f"`{key}` expected a name or an id, got {value!r}"
    if not isinstance(value, list | tuple) or not value or not all(map(_names_one, value)):
        return f"`{key}` expected a list of e-mail addresses, names or ids, got {value!r}"
    return None


def _wrong_pick(value: JSON) -> str | None:
    if value in _PICKS:
        return None
    near = difflib.get_close_matches(str(value), _PICKS, n=1)
    guess = f"; did you mean `{near[0]}`?" if near else ""
    return f"`assign` expected {' or '.join(_PICKS)}, got {value!r}{guess}"


def _wrong_together(target: Target) -> Iterator[str]:
    """Yield a sentence for each key that makes no sense beside, or without, another one."""
    if "assign" in target and "assignee" in target:
        yield "`assign` chooses somebody, and `assignee` names somebody: a target expected one of them, got both"
    if "assign" in target and "group" not in target and "from" not in target:
        yield "`assign` expected a `group` or `from: [people]` to choose from, got neither"
    if "from" in target and "assign" not in target:
        yield f"`from` names the people that `assign` chooses from; expected `assign: {_PICKS[0]}` beside it, got none"


def _list(value: JSON) -> list[JSON]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _names_one(value: JSON) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or (isinstance(value, int) and not isinstance(value, bool))


def _is(thing: Named | None, word: str) -> bool | None:
    if thing is None:
        return False
    if "@" in word and word != thing.id:
        return None  # an e-mail address is neither the name nor the id that tickets carry
    return thing.goes_by(word)
