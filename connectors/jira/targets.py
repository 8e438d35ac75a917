"""What a policy's target may say for Jira, and sentences about what it says wrongly. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from policies.commands import Target
from policies.model import JSON

PICKS = ("least_busy", "round_robin")
MOST_IN_A_POOL = 20
"""Each member of a pool may cost a question or two before one is chosen."""
LINK_TYPE = "Relates"
"""The type of a linked issue's link, if the target names no other; every Jira starts with it."""

_KEYS = ("assignee", "assign", "from", "field", "transition", "linked_issue", "watchers")
_LINKED = ("project", "type", "link")
_PEOPLE = "account ids (Cloud) or user names (Data Center)"


def faults(target: Target) -> list[str]:
    """Return a sentence for everything in a target that Jira cannot do."""
    if not target:
        return [f"A target expected at least one of {', '.join(_KEYS)}, got nothing."]
    wrong: list[str] = []
    for key, value in target.items():
        wrong += _CHECKS[key](value) if key in _CHECKS else [_stranger(key)]
    return wrong + _pool(target)


def pool_of(target: Target, turn: int) -> dict[str, JSON] | None:
    """Return the pool a target names, as a call's part; None if it names none."""
    people = target.get("from")
    if "assign" not in target or not isinstance(people, list | tuple):
        return None
    return {"pick": target["assign"], "from": [str(person) for person in people], "turn": turn}


def linked_of(target: Target, level: int) -> dict[str, JSON] | None:
    """Return the linked issue a target names, as a call's part; None if it names none."""
    wanted = target.get("linked_issue")
    if not isinstance(wanted, Mapping):
        return None
    told: dict[str, JSON] = {key: str(value).strip() for key, value in wanted.items()}
    return {"link": LINK_TYPE, **told, "level": level}


def _stranger(key: str) -> str:
    if key == "project":
        return (
            "A move to another project is refused by Jira's API; name an assignee, a field or a linked_issue instead."
        )
    hint = "; Jira assigns to people only, name a field that holds the team" if key == "group" else _near(key, _KEYS)
    return f"A Jira target has no {key!r}, it has {', '.join(_KEYS)}{hint}."


def _pool(target: Target) -> list[str]:
    if ("assign" in target) != ("from" in target):
        there, missing = ("assign", "from") if "assign" in target else ("from", "assign")
        return [
            f"A target with {there} expected {missing} too: Jira has no groups to choose from, only people you name."
        ]
    if "assign" in target and "assignee" in target:
        return ["A target expected either assignee or assign with from, got both; who of them is meant?"]
    return []


def _check_person(value: object) -> list[str]:
    if isinstance(value, str) and value.strip():
        return []
    return [f"assignee expected one account id (Cloud) or user name (Data Center) as text, got {value!r}."]


def _check_pick(value: object) -> list[str]:
    if value in PICKS:
        return []
    return [f"assign expected {' or '.join(PICKS)}, got {value!r}{_near(str(value), PICKS)}."]


def _check_members(value: object) -> list[str]:
    if wrong := _check_people("from", value):
        return wrong
    if isinstance(value, list | tuple) and len(value) > MOST_IN_A_POOL:
        return [f"from expected at most {MOST_IN_A_POOL} people to choose from, got {len(value)}."]
    return []


def _check_fields(value: object) -> list[str]:
    if not isinstance(value, Mapping) or not value:
        return [f"field expected names from [sites.x.fields] with values, such as {{team: Billing}}, got {value!r}."]
    wrong = [name for name, held in value.items() if isinstance(held, bool) or held in (None, "", [], {})]
    return [f"field {name!r} expected a value as text or number, got {value[name]!r}." for name in wrong]


def _check_transition(value: object) -> list[str]:
    if isinstance(value, str) and value.strip():
        return []
    return [f"transition expected the name of one transition or of the status it leads to, got {value!r}."]


def _check_linked(value: object) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"linked_issue expected a project and a type, such as {{project: DEV, type: Bug}}, got {value!r}."]
    strangers = [str(key) for key in value if key not in _LINKED]
    wrong = [f"linked_issue has no {key!r}, it has {', '.join(_LINKED)}{_near(key, _LINKED)}." for key in strangers]
    needed = [key for key in _LINKED if key in value or key != "link"]
    empty = [key for key in needed if not isinstance(value.get(key), str | int) or not str(value[key]).strip()]
    wrong += [f"linked_issue expected {key} as text, got {value.get(key)!r}." for key in empty]
    return wrong


def _check_people(key: str, value: object) -> list[str]:
    if isinstance(value, list | tuple) and value and all(isinstance(p, str) and p.strip() for p in value):
        return []
    return [f"{key} expected a list of {_PEOPLE}, got {value!r}."]


def _near(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {near[0]}?" if near else ""


_CHECKS: Mapping[str, Callable[[object], list[str]]] = {
    "assignee": _check_person,
    "assign": _check_pick,
    "from": _check_members,
    "field": _check_fields,
    "transition": _check_transition,
    "linked_issue": _check_linked,
    "watchers": lambda value: _check_people("watchers", value),
}
