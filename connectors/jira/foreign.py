"""What Jira's own automation rules do when we write: who outside hears of it, and what they set back. Pure.

Rules are read in the shapes of Cloud's rule management and of Data Center; what is not understood counts as possible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from connectors.jira.values import identity, mapping, plain
from connectors.upkeep import Finding, Grade

PRIORITY, ASSIGNEE, LABELS, STATUS = "priority", "assignee", "labels", "status"

_PROJECT_SCOPE = re.compile(r"project/(\d+)$")
_CUSTOMER = re.compile(r"reporter|participant|organi[sz]ation|customer", re.IGNORECASE)
_EVENT = "jira.issue.event.trigger:"
_ELSEWHERE = re.compile(
    r"scheduled|manual|incoming|sprint|version|form|approval|alert|incident|deployment|pull|commit|branch|build"
    r"|:deleted|:worklog|:archived|\.moved|attachment|devops|cmdb|release"
)
"""Triggers that no write of ours sets off."""


class Chance(IntEnum):
    """Whether something happens because of a write of ours."""

    NO = 0
    MAYBE = 1
    SURELY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What our writes change at one site, in Jira's spellings, lower case.

    `fields`: every spelling of a field that we set → its id; to which value is not to be foretold, for coming down
    gives back whatever was there before. Without any, we write notes alone. `projects`: ids of the projects we write in
    (None: all), `desks` those with a portal. `outsiders`: fields that hold people or organizations outside.
    """

    account: str
    fields: Mapping[str, str]
    moves: bool = False
    links: bool = False
    projects: frozenset[str] | None = None
    desks: frozenset[str] = frozenset()
    outsiders: frozenset[str] = frozenset()

    def sets(self, spelling: str | None) -> str | None:
        """Return the id of the field, if we set it."""
        return self.fields.get((spelling or "").casefold())

    def note_alone(self) -> Ours:
        """Return what is left of our writes where we only write notes."""
        return replace(self, fields={}, moves=False, links=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A trigger, a condition or an action of a rule. `certain`: nothing but the rule's own conditions is before it."""

    kind: str
    value: Any
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One automation rule that is switched on. `projects` are ids; None is all of the site."""

    id: str
    name: str
    trigger: Part
    conditions: tuple[Part, ...]
    actions: tuple[Part, ...]
    projects: frozenset[str] | None = None


def read_rule(told: object) -> Rule | None:
    """Read one rule as either API tells it; None for one that is switched off, or is none."""
    rule = mapping(mapping(told).get("rule")) or mapping(told)
    trigger = mapping(rule.get("trigger"))
    number = identity(rule.get("uuid")) or identity(rule.get("id")) or identity(mapping(told).get("uuid"))
    if number is None or not trigger or (plain(rule.get("state")) or "ENABLED") != "ENABLED":
        return None
    conditions: list[Part] = []
    actions: list[Part] = []
    _walk(rule.get("components"), conditions, actions, certain=True)
    return Rule(
        id=number,
        name=plain(rule.get("name")) or number,
        trigger=_part(trigger),
        conditions=tuple(conditions),
        actions=tuple(actions),
        projects=_reach(rule),
    )


def findings(rules: Iterable[Rule], ours: Ours) -> Iterator[Finding]:
    """Yield what each rule would do because of our writes: tell people outside, or set back what we set."""
    for rule in rules:
        chance = starts(rule, ours)
        if chance is Chance.NO:
            continue
        if heard := [how for action in rule.actions if (how := _heard(action, rule, ours))]:
            yield _hears(rule, chance, heard, by_notes=starts(rule, ours.note_alone()) is not Chance.NO)
        if fought := sorted({what for action in rule.actions for what in _fought(action, ours)}):
            certain = chance is Chance.SURELY and all(action.certain for action in rule.actions)
            yield _fights(rule, fought, Grade.PROBLEM if certain else Grade.WARNING)


def starts(rule: Rule, ours: Ours) -> Chance:
    """Say whether a write of ours sets this rule off."""
    if ours.projects is not None and rule.projects is not None and not ours.projects & rule.projects:
        return Chance.NO
    chance = _triggered(rule.trigger, ours)
    for condition in rule.conditions:
        chance = min(chance, _holds(condition, ours))
    return chance


def runs(rules: Iterable[Rule], ours: Ours) -> int:
    """Return how many rules one write of ours may set off."""
    return sum(starts(rule, ours) is not Chance.NO for rule in rules)


def _walk(listed: object, conditions: list[Part], actions: list[Part], *, certain: bool) -> None:
    for raw in listed if isinstance(listed, list) else ():
        component = mapping(raw)
        kind = plain(component.get("component")) or ""
        inside = component.get("children")
        if kind == "ACTION":
            actions.append(_part(component, certain=certain))
        elif kind == "CONDITION" and not inside and certain and not actions:
            conditions.append(_part(component))  # the rule goes no further where it does not hold
        else:
            certain = certain and kind != "CONDITION"
            _walk(inside, conditions, actions, certain=False)


def _part(told: Mapping[str, Any], *, certain: bool = True) -> Part:
    value = told.get("value")
    if isinstance(value, str) and value[:1] in ("{", "["):  # some exports write the settings as a text
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    return Part(kind=plain(told.get("type")) or "", value=value, certain=certain)


def _reach(rule: Mapping[str, Any]) -> frozenset[str] | None:
    scopes = rule.get("ruleScopeARIs") or mapping(rule.get("ruleScope")).get("resources")
    if isinstance(scopes, list) and scopes:
        found = [_PROJECT_SCOPE.search(plain(scope) or "") for scope in scopes]
        return frozenset(match[1] for match in found if match) if all(found) else None
    projects = rule.get("projects")
    ids = [identity(mapping(item).get("projectId")) for item in projects] if isinstance(projects, list) else []
    return frozenset(filter(None, ids)) if ids and all(ids) else None


def _triggered(trigger: Part, ours: Ours) -> Chance:
    kind = trigger.kind.removeprefix(_EVENT) if trigger.kind.startswith(_EVENT) else trigger.kind
    if kind == "jira.issue.field.changed":
        watched = list(_spellings(mapping(trigger.value).get("fields")))
        every = not watched and bool(ours.fields)
        return Chance.SURELY if every or any(map(ours.sets, watched)) else Chance.NO
    if kind == "updated" and not ours.fields:
        return Chance.MAYBE  # no page says whether a comment alone counts as an update
    surely = {
        "updated": True,
        "commented": True,
        "jira.issue.property.updated": bool(ours.fields),
        "assigned": ours.sets(ASSIGNEE) is not None,
        "created": ours.links,
        "linked": ours.links,
        "jira.issue.linked": ours.links,
    }
    if kind in surely:
        return Chance.SURELY if surely[kind] else Chance.NO
    if kind == "transitioned":
        return Chance.MAYBE if ours.moves else Chance.NO
    if "sla" in kind:  # another priority selects another goal
        return Chance.MAYBE if ours.sets(PRIORITY) else Chance.NO
    return Chance.NO if _ELSEWHERE.search(trigger.kind.casefold()) else Chance.MAYBE


def _holds(condition: Part, ours: Ours) -> Chance:
    spared = condition.kind == "jira.user.condition" and _spares_us(mapping(condition.value), ours)
    return Chance.NO if spared else Chance.MAYBE


def _spares_us(value: Mapping[str, Any], ours: Ours) -> bool:
    listed = value.get("conditions")
    for raw in listed if isinstance(listed, list) else ():
        asked = mapping(raw)
        named = ours.account.casefold() in {word.casefold() for word in _spellings(asked.get("criteria"))}
        check = plain(asked.get("check")) or ""
        if asked.get("field") == "initiator" and named and "NOT" in check:
            return True
    return False


def _heard(action: Part, rule: Rule, ours: Ours) -> str | None:
    value = mapping(action.value)
    reached = ours.desks if rule.projects is None else ours.desks & rule.projects
    if action.kind == "jira.issue.comment" and reached and value.get("publicComment") is not False:
        sure = value.get("publicComment") is True
        return "comments publicly" if sure else "comments, and does not say that only agents may read it"
    if action.kind == "jira.issue.outgoing.email" and any(
        _outside(value.get(key), ours) for key in ("to", "cc", "bcc")
    ):
        return "sends an e-mail to the reporter or to others who asked"
    if action.kind == "jira.issue.transition" and reached:
        return "changes the status, which the customer sees and Jira may write about"
    return None


def _outside(recipients: object, ours: Ours) -> bool:
    return any(_CUSTOMER.search(word) or word.casefold() in ours.outsiders for word in _spellings(recipients))


def _fought(action: Part, ours: Ours) -> Iterator[str]:
    operations = mapping(action.value).get("operations")
    for raw in operations if isinstance(operations, list) else ():
        for word in _spellings([mapping(raw).get("field")]):
            if name := ours.sets(word):
                yield name
    if action.kind == "jira.issue.assign" and ours.sets(ASSIGNEE):
        yield ASSIGNEE
    if action.kind == "jira.issue.transition" and ours.moves:
        yield STATUS


def _spellings(listed: object) -> Iterator[str]:
    """Yield the ids and names in a list of texts or of `{"type": "ID", "value": "priority"}`."""
    for item in listed if isinstance(listed, list) else ():
        held = mapping(item).get("value", item)
        held = mapping(held).get("value", held)
        if word := plain(held) or identity(held):
            yield word


def _hears(rule: Rule, chance: Chance, heard: Iterable[str], *, by_notes: bool) -> Finding:
    name = f"customer-hears:automation:{rule.id}"
    when = "after our writes" if chance is Chance.SURELY else "after some of our writes, perhaps"
    return Finding(
        name=name,
        check="customer-hears",
        grade=Grade.PROBLEM,
        says=f"The automation rule {rule.name!r} {' and '.join(dict.fromkeys(heard))} {when}.",
        cure=f"{_spare(rule)}, or accept it: accepts = [{json.dumps(name)}].",
        customer_hears=True,
        heard_by_notes=by_notes,
    )


def _fights(rule: Rule, fought: Iterable[str], grade: Grade) -> Finding:
    return Finding(
        name=f"vendor-rules:automation:{rule.id}",
        check="vendor-rules",
        grade=grade,
        says=f"The automation rule {rule.name!r} sets {', '.join(fought)} after our writes, which we set too.",
        cure=f"{_spare(rule)}, or take that part out of the rule or out of the policy.",
    )


def _spare(rule: Rule) -> str:
    place = "⚙ → System → Automation rules" if rule.projects is None else "Project settings → Automation"
    return f"Open {place} → {rule.name!r} and add the condition «User condition: initiator is not Stepladder»"
