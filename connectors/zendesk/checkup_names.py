"""Whether what a policy names exists at a Zendesk account and can take tickets: groups, people, fields, priorities.

Pure but for `Lists`, which reads each list once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import cast

from connectors.site import Site
from connectors.upkeep import Finding, Grade, Placed, Uses
from connectors.zendesk.office import JSONObject, Office, level_field_in
from connectors.zendesk.picture import identity, level_tag, plain
from policies.commands import Take
from policies.model import Priority

_FIELDS = "Admin Center → Objects and rules → Tickets → Fields"
_GROUPS = "Admin Center → People → Team → Groups"
_ORGANIZATION = "organization."
_LIGHT = 1


class Lists:
    """An account's lists, each read once when it is first wanted; None where they are not shown to us."""

    def __init__(self, asked: Office, level_field: str | None) -> None:
        self._asked = asked
        self._level_field = level_field
        self._members: dict[str, frozenset[str] | None] = {}

    @cached_property
    def groups(self) -> list[JSONObject] | None:
        """The groups that are there."""
        found = self._asked.seen("groups")
        return [one for one in found if not one.get("deleted")] if found is not None else None

    @cached_property
    def people(self) -> list[JSONObject] | None:
        """Agents and administrators."""
        return self._asked.seen("users", **{"role[]": ["agent", "admin"]})

    @cached_property
    def fields(self) -> list[JSONObject] | None:
        """All ticket fields."""
        return self._asked.seen("ticket_fields")

    @cached_property
    def forms(self) -> list[JSONObject] | None:
        """The active ticket forms."""
        found = self._asked.seen("ticket_forms")
        return [one for one in found if one.get("active")] if found is not None else None

    @cached_property
    def organization_keys(self) -> frozenset[str] | None:
        """The keys of the organizations' fields."""
        found = self._asked.seen("organization_fields")
        return frozenset(str(one.get("key")) for one in found) if found is not None else None

    @property
    def level_field(self) -> JSONObject | None:
        """The field that shows the level."""
        return level_field_in(self.fields or [], self._level_field)

    def members(self, group: str) -> frozenset[str] | None:
        """Return the ids of those in a group to whom tickets can be assigned."""
        if group not in self._members:
            found = self._asked.seen(f"groups/{group}/memberships/assignable")
            ids = (identity(one.get("user_id")) for one in found or ())
            self._members[group] = frozenset(filter(None, ids)) if found is not None else None
        return self._members[group]

    def find(self, kind: str, word: object) -> str | None:
        """Return the id of a `group` or `person` that goes by this word."""
        found = self.one(kind, word)
        return identity(found.get("id")) if found is not None else None

    def one(self, kind: str, word: object) -> JSONObject | None:
        """Return the group or person that goes by this id, name or e-mail address."""
        said = str(word).strip().casefold()
        for one in (self.groups if kind == "group" else self.people) or ():
            if said in (str(identity(one.get("id"))), *_words(one)):
                return one
        return None


def names(lists: Lists, uses: Uses, site: Site) -> Iterator[Finding]:
    """Yield what the policy names and is not there, or cannot do what the policy wants of it."""
    found = {finding.name: finding for placed in uses.targets for finding in _target(lists, placed)}
    yield from found.values()
    if uses.targets and not found:
        yield _fine("names:targets", "Every group and person that the policy names is there and can take tickets.")
    rest = (*level_field(lists, uses, site), *fields(lists, uses, site), *priorities(lists, uses))
    yield from {finding.name: finding for finding in rest}.values()


# --- groups and people --------------------------------------------------------------------------------------
def _target(lists: Lists, placed: Placed) -> Iterator[Finding]:
    target, owns = placed.target, placed.take is Take.OWNERSHIP
    members = None
    if owns and target.get("group") is not None:
        if lists.groups is None:
            yield _name(
                "groups-unseen", Grade.UNKNOWN, "Zendesk did not show us its groups.", "An administrator can look"
            )
        elif (group := lists.find("group", target["group"])) is None:
            yield _no_group(lists, placed)
        else:
            members = lists.members(group)
            if members is not None and not members:
                says = f"The group {target['group']} ({_at(placed)}) has nobody to whom tickets can be assigned."
                yield _name(
                    f"group:{target['group']}", Grade.WARNING, says, f"{_GROUPS} → {target['group']}: add agents"
                )
    for who in _listed(target.get("assignee")):
        yield from _person(lists, who, placed, members, owns=owns)
    for who in _listed(target.get("from")):
        yield from _person(lists, who, placed, members, owns=True)
    for who in _listed(target.get("followers")):
        yield from _person(lists, who, placed, None, owns=False)


def _no_group(lists: Lists, placed: Placed) -> Finding:
    word = str(placed.target["group"])
    near = difflib.get_close_matches(word.casefold(), [w for one in lists.groups or () for w in _words(one)], n=1)
    guess = f"; the nearest is {near[0]}" if near else ""
    says = f"The policy names the group {word} ({_at(placed)}), and Zendesk has none{guess}."
    return _name(f"group:{word}", Grade.PROBLEM, says, f"Name the right one in the policy, or {_GROUPS} → Add group")


def _person(
    lists: Lists, who: object, placed: Placed, members: frozenset[str] | None, *, owns: bool
) -> Iterator[Finding]:
    if lists.people is None:
        yield _hidden("people")
        return
    one, wrong, cure = lists.one("person", who), "", "Name somebody else in the policy"
    if one is None:
        wrong = "is no agent of this account"
    elif one.get("suspended") or one.get("active") is False:
        wrong = "is suspended or inactive"
    elif owns and one.get("role_type") == _LIGHT:
        wrong, cure = "is a light agent, who can be assigned nothing", f"{cure}, or let them follow: followers"
    elif owns and members is not None and identity(one.get("id")) not in members:
        group = placed.target.get("group")
        wrong = f"is not in the group {group}, or cannot be assigned tickets there"
        cure = f"{_GROUPS} → {group}: add them, or name somebody else in the policy"
    if wrong:
        yield _name(f"person:{who}", Grade.PROBLEM, f"{who} ({_at(placed)}) {wrong}.", cure)


# --- fields and priorities ----------------------------------------------------------------------------------
def level_field(lists: Lists, uses: Uses, site: Site) -> Iterator[Finding]:
    """Yield what is wrong with the field that shows the level."""
    word, mend = site.settings.level_field, f"`stepladder setup {site.name}`"
    if not word:
        says = "No level field: the level is kept in the tag list, at one more request for each write."
        yield _name("level-field", Grade.NOTE, says, mend)
        return
    if lists.fields is None:
        yield _name(
            "fields-unseen", Grade.UNKNOWN, "Zendesk did not show us its ticket fields.", "An administrator can look"
        )
        return
    one = lists.level_field
    if one is None or one.get("type") != "tagger" or not one.get("active", True):
        state = "is not there" if one is None else "is not active" if one.get("type") == "tagger" else "is no drop-down"
        yield _name("level-field", Grade.PROBLEM, f"The level field {word} {state}: levels are refused.", mend)
        return
    if missing := missing_options(one, uses.levels):
        says = f"The level field lacks the values {', '.join(missing)}: such levels are refused."
        yield _name("level-field", Grade.PROBLEM, says, mend)
        return
    without = [plain(form.get("name")) or "?" for form in without_field(lists.forms or [], one)]
    if without:
        says = f"The level field is not on the forms {', '.join(without)}: agents do not see the level there."
        yield _name("level-field", Grade.WARNING, says, mend)
        return
    yield _fine("names:level-field", f"The level field {one.get('title')} has a value for every level.")


def missing_options(one: JSONObject, levels: int) -> list[str]:
    """Return the tags of levels for which a drop-down has no value."""
    there = {option.get("value") for option in one.get("custom_field_options") or () if isinstance(option, dict)}
    return [level_tag(level) for level in range(2, levels + 1) if level_tag(level) not in there]


def without_field(forms: list[JSONObject], one: JSONObject) -> list[JSONObject]:
    """Return the forms that a field is not on."""
    return [form for form in forms if one.get("id") not in (form.get("ticket_field_ids") or ())]


def fields(lists: Lists, uses: Uses, site: Site) -> Iterator[Finding]:
    """Yield which fields that the policy asks about, or the settings name, cannot be read."""
    mapped, bad = site.settings.fields, False
    for name in sorted(uses.fields | mapped.keys()):
        word = mapped.get(name)
        wrong = _field_wrong(lists, name, word, site) if word is not None else None
        if word is None:
            says = f"The policy asks about {name}, and the settings do not say which field that is: it is never filled."
            wrong = _name(f"field:{name}", Grade.WARNING, says, f'[sites.{site.name}.fields] {name} = "…"')
        if wrong is not None:
            bad = True
            yield wrong
    if not bad and (uses.fields or mapped):
        yield _fine("names:fields", "Every field that the policy asks about can be read.")


def _field_wrong(lists: Lists, name: str, word: str, site: Site) -> Finding | None:
    cure = f"[sites.{site.name}.fields] {name} = the id or the title of a field; {_FIELDS}"
    if word.startswith(_ORGANIZATION):
        keys = lists.organization_keys
        gone = keys is not None and word.removeprefix(_ORGANIZATION) not in keys
        says = f"{name} is mapped to {word}, and organizations have no such field."
        return _name(f"field:{name}", Grade.PROBLEM, says, cure) if gone else None
    if lists.fields is None:
        return _name(
            "fields-unseen", Grade.UNKNOWN, "Zendesk did not show us its ticket fields.", "An administrator can look"
        )
    one = level_field_in(lists.fields, word)
    if one is None:
        says = f"{name} is mapped to the field {word}, which is not there."
        return _name(f"field:{name}", Grade.PROBLEM, says, cure)
    if not one.get("active", True):
        says = f"{name} is mapped to {one.get('title')}, which is not active: it is never filled."
        return _name(f"field:{name}", Grade.WARNING, says, cure)
    return None


def priorities(lists: Lists, uses: Uses) -> Iterator[Finding]:
    """Yield which priorities that the policy sets are not allowed; a short list has normal and high only."""
    one = next((one for one in lists.fields or () if one.get("type") in ("priority", "basic_priority")), None)
    if one is None or not uses.sets:
        return
    short = one.get("type") == "basic_priority" or one.get("sub_type_id") == 1
    refused = sorted(p.word for p in uses.sets if short and p not in (Priority.NORMAL, Priority.HIGH))
    for word in refused:
        says = f"The policy sets the priority {word}, and the account allows normal and high only."
        yield _name(f"priority:{word}", Grade.PROBLEM, says, f"{_FIELDS} → Priority: *Low, Normal, High, Urgent*")
    if not one.get("active", True):
        says = "The policy sets priorities, and the field Priority is not active."
        yield _name("priority:inactive", Grade.WARNING, says, f"{_FIELDS} → Priority: activate it")
    elif not refused:
        yield _fine("names:priorities", "Every priority that the policy sets is allowed.")


# --- small ones ---------------------------------------------------------------------------------------------
def _name(what: str, grade: Grade, says: str, cure: str) -> Finding:
    return Finding(name=f"names:{what}", check="names", grade=grade, says=says, cure=cure)


def _hidden(what: str) -> Finding:
    return _name(f"{what}-unseen", Grade.UNKNOWN, f"Zendesk did not show us its {what}.", "An administrator can look")


def _fine(name: str, says: str) -> Finding:
    return Finding(name=name, check="names", grade=Grade.FINE, says=says)


def _at(placed: Placed) -> str:
    return f"level {placed.level}, {placed.name}"


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _words(one: Mapping[str, object]) -> list[str]:
    return [cast(str, one[key]).casefold() for key in ("name", "email") if plain(one.get(key))]
