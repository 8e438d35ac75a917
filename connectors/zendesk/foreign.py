"""Whether Zendesk's own rules would run because of our write: their conditions, asked about it. Pure.

Triggers, automations and SLA policies share one grammar of conditions; an answer is yes, no, or None where it depends
on the ticket. https://developer.zendesk.com/documentation/ticketing/reference-guides/conditions-reference/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.upkeep import Placed, Uses
from connectors.zendesk.picture import level_in, level_tag
from policies.commands import Take

JSONObject = Mapping[str, Any]
Find = Callable[[str, object], str | None]
"""The id behind a policy's word, if there is one: `find("group", "Billing")`, `find("person", "ada@acme.example")`."""

ANYTHING = None
MOVES = "move a ticket to "
BACK_DOWN = "bring a ticket back down"
NOTE_ALONE = "write a note alone"
_NONE = frozenset({""})
_API = "5"  # the channel of an update that came through the API
_PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write of ours, as Zendesk's rules see it. `name` says it after "when we".

    `sets`: Zendesk's field → the values it may have afterwards ("" is empty; ANYTHING: not to be foretold). `unsure`:
    those of them that our write may leave as they are. `changed`: those that are certainly different afterwards.
    """

    name: str
    account: str | None
    sets: Mapping[str, frozenset[str] | None]
    unsure: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    tag: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)  # that Zendesk's own rules may add in consequence


def writes(uses: Uses, level_field: str | None, account: str | None, find: Find) -> tuple[Write, ...]:
    """Return the writes that a policy makes at a site: one for each target, the way back down, and a note alone."""
    moves = [_write(placed, level_field, account, find) for placed in uses.targets]
    return (
        (*moves, _back(uses, level_field, account), Write(name=NOTE_ALONE, account=account, sets={})) if moves else ()
    )


def _back(uses: Uses, level_field: str | None, account: str | None) -> Write:
    """Return the way back down: it gives back what was there before the move up, whatever that was.

    The status stays: only a new ticket is opened by getting an assignee, and one that had an assignee is not new.
    """
    names = {"group_id", "assignee_id"} if any(one.take is Take.OWNERSHIP for one in uses.targets) else set[str]()
    names |= {"priority"} if any(one.sets for one in uses.targets) else set()
    key = (field_key(level_field),) if level_field else ()
    return Write(
        name=BACK_DOWN,
        account=account,
        sets=dict.fromkeys((*names, *key), ANYTHING),
        unsure=frozenset(names),
        changed=frozenset(key),
    )


def field_key(number: str) -> str:
    """Return how conditions and actions call one of the account's own ticket fields."""
    return f"custom_fields_{number}"


def _write(placed: Placed, level_field: str | None, account: str | None, find: Find) -> Write:
    sets: dict[str, frozenset[str] | None] = {}
    unsure: set[str] = set()
    if placed.take is Take.OWNERSHIP:
        sets |= _place(placed, find)
        unsure |= {"assignee_id"} if sets.get("assignee_id") == _NONE else set()  # who has it there keeps it
        if sets.get("assignee_id", _NONE) != _NONE:  # a new ticket that somebody gets is opened by Zendesk itself
            sets |= {"status": frozenset({"open"}), "custom_status_id": ANYTHING}
            unsure |= {"status", "custom_status_id"}
    if placed.sets:
        sets["priority"] = frozenset(priority.word for priority in placed.sets)
        unsure.add("priority")
    tag = level_tag(placed.level) if placed.level > 1 else ""
    key = field_key(level_field) if level_field else ""
    if key:
        sets[key] = frozenset({tag})
    return Write(
        name=f"{MOVES}level {placed.level} ({placed.name})",
        account=account,
        sets=sets,
        unsure=frozenset(unsure),
        changed=frozenset({key} if key else ()),
        tag=tag,
    )


def _place(placed: Placed, find: Find) -> dict[str, frozenset[str] | None]:
    """Return what becomes of group and assignee; a group alone takes the ticket from whoever has it."""
    target, sets = placed.target, dict[str, frozenset[str] | None]()
    if target.get("group") is not None:
        found = find("group", target["group"])
        sets = {"group_id": frozenset({found}) if found else ANYTHING, "assignee_id": _NONE}
    if target.get("assignee") is not None:
        person = find("person", target["assignee"])
        sets["assignee_id"] = frozenset({person}) if person else ANYTHING
    elif target.get("assign") is not None:
        sets["assignee_id"] = ANYTHING
    return sets


# --- conditions ---------------------------------------------------------------------------------------------
def would_run(conditions: object, write: Write) -> bool | None:
    """Say whether all of `all` and one of `any` hold after a write; None: it depends on the ticket."""
    said = conditions if isinstance(conditions, dict) else {}
    every = [answer(condition, write) for condition in objects(said.get("all"))]
    some = [answer(condition, write) for condition in objects(said.get("any"))]
    if False in every or (some and all(one is False for one in some)):
        return False
    return True if None not in every and (not some or True in some) else None


def answer(condition: JSONObject, write: Write) -> bool | None:
    """Answer one condition about a ticket that was just written."""
    name = str(condition.get("field") or "").replace("ticket_fields_", "custom_fields_")
    operator, value = str(condition.get("operator") or "is"), condition.get("value")
    operator = _ALSO_CALLED.get(operator, operator)
    if name in _APART:
        found = _APART[name](text_of(value), write)
        return _not(found) if operator.startswith(("is_not", "not_")) else found
    if name in ("current_tags", "tags"):
        found = _has_tag(words_of(value), write)
        return _not(found) if operator in ("not_includes", "is_not") else found
    if name not in write.sets:
        return _UNTOUCHED.get(operator)
    return _touched(name, operator, text_of(value), write)


def concerns(conditions: object, write: Write) -> bool:
    """Say whether a condition that our write can newly make true is among them, so that a rule may begin to apply."""
    said = conditions if isinstance(conditions, dict) else {}
    done = replace(write, unsure=frozenset())  # as if it changed all that it may change
    asked = [*objects(said.get("all")), *objects(said.get("any"))]
    return any(_is_about(condition, done) and answer(condition, done) is not False for condition in asked)


def _is_about(condition: JSONObject, write: Write) -> bool:
    name = str(condition.get("field") or "").replace("ticket_fields_", "custom_fields_")
    tagged = name == "current_tags" and bool({write.tag, *write.tags} & set(words_of(condition.get("value"))))
    return name in write.sets or tagged


def _touched(name: str, operator: str, value: str, write: Write) -> bool | None:
    after, unsure, surely = write.sets[name], name in write.unsure, name in write.changed
    if value == "current_user":
        value = write.account or value
    if operator in ("is", "is_not"):
        found = None if unsure else _among(value, after)
        return _not(found) if operator == "is_not" else found
    if operator in ("changed", "not_changed"):
        return (operator == "changed") if surely else None
    if operator in ("value", "not_value"):  # changed to
        found = _among(value, after)
        found = None if found and not surely else found
        return _not(found) if operator == "not_value" else found
    if operator in ("value_previous", "not_value_previous"):  # changed from
        found = False if after == frozenset({value}) and not unsure else None
        return _not(found) if operator == "not_value_previous" else found
    if operator in ("less_than", "greater_than") and name == "priority" and value in _PRIORITIES:
        return None if unsure else _ordered(operator, value, after)
    if operator in ("present", "not_present"):
        found = None if unsure or after is None else "" not in after
        return _not(found) if operator == "not_present" else found
    return None


def _among(value: str, after: frozenset[str] | None) -> bool | None:
    if after is None or value in _WHOEVER:
        return None
    return None if value in after and len(after) > 1 else value in after


def _ordered(operator: str, value: str, after: frozenset[str] | None) -> bool | None:
    if after is None or not after <= set(_PRIORITIES):
        return None
    higher = {_PRIORITIES.index(one) > _PRIORITIES.index(value) for one in after}
    lower = {_PRIORITIES.index(one) < _PRIORITIES.index(value) for one in after}
    found = lower if operator == "less_than" else higher
    return found.pop() if len(found) == 1 else None


def _has_tag(words: Sequence[str], write: Write) -> bool | None:
    if write.tag and write.tag in words:
        return True
    if not write.tag and not _empties_level(write):
        return None
    others = [word for word in words if level_in(word) is None or word in write.tags]
    return None if others or not words else False  # a level's tag takes the place of every other level's


def _empties_level(write: Write) -> bool:
    """Say whether this is a move to level 1, which leaves no level's tag."""
    return any(write.sets.get(key) == _NONE for key in write.changed)


def _not(found: bool | None) -> bool | None:
    return None if found is None else not found


_WHOEVER = frozenset({"requester_id", "assignee_id", "current_groups", "group_id"})
_UNTOUCHED = {
    **dict.fromkeys(("changed", "value", "value_previous"), False),
    **dict.fromkeys(("not_changed", "not_value", "not_value_previous"), True),
}
_ALSO_CALLED = {
    "changed_to": "value",
    "changed_from": "value_previous",
    "not_changed_to": "not_value",
    "not_changed_from": "not_value_previous",
}
_APART: Mapping[str, Callable[[str, Write], bool | None]] = {
    "update_type": lambda value, _: value.casefold() == "change",
    "comment_is_public": lambda value, _: value in ("false", "not_relevant"),
    "current_via_id": lambda value, _: value == _API,
    "role": lambda value, write: _is_us(value, write),  # the current user, not the requester
}


def _is_us(value: str, write: Write) -> bool | None:
    if value in ("agent", "end_user"):
        return value == "agent"
    return value == write.account if write.account and value.isdecimal() else None


# --- consequences -------------------------------------------------------------------------------------------
def with_consequences(write: Write, triggers: Sequence[JSONObject]) -> Write:
    """Return the write with what triggers may change in turn: Zendesk runs the other triggers on that, too."""
    for _ in range(len(triggers)):
        wider = write
        for trigger in triggers:
            if would_run(trigger.get("conditions"), write) is not False:
                wider = _widened(wider, objects(trigger.get("actions")))
        if wider == write:
            return write
        write = wider
    return write


def _widened(write: Write, actions: Iterator[JSONObject]) -> Write:
    sets, unsure, tags = dict(write.sets), set(write.unsure), set(write.tags)
    for action in actions:
        name = str(action.get("field") or "").replace("ticket_fields_", "custom_fields_")
        if name in ("current_tags", "set_tags"):
            tags |= set(words_of(action.get("value")))
        elif name in _SETTABLE or name.startswith("custom_fields_"):
            before = sets.get(name, frozenset())
            sets[name] = ANYTHING if before is None else before | {text_of(action.get("value"))}
            unsure.add(name)
    changed = write.changed - unsure
    return replace(write, sets=sets, unsure=frozenset(unsure), changed=changed, tags=frozenset(tags))


_SETTABLE = frozenset(
    {"status", "custom_status_id", "priority", "type", "group_id", "assignee_id", "brand_id", "ticket_form_id"}
)


# --- Zendesk's JSON -----------------------------------------------------------------------------------------
def objects(value: object) -> Iterator[JSONObject]:
    """Yield the objects of a list; nothing if it is none."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def text_of(value: object) -> str:
    """Return a value as text: ids come as numbers or as text, yes and no as words or as booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def words_of(value: object) -> list[str]:
    """Return tags, which come as a list or separated by spaces or commas."""
    if isinstance(value, list):
        return [str(word) for word in value]
    return text_of(value).replace(",", " ").split()
