"""The field that shows the level: found or made, with an option for every level, and on the screens.

Options can be written on Cloud only (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-custom-field-options/),
so Data Center gets a number. A team-managed project has fields of its own, which no API makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.jira.discovery import Project
from connectors.jira.enquiry import Enquiry
from connectors.jira.picture import level_of_field
from connectors.jira.places import Newest
from connectors.jira.values import identity, mapping, plain
from connectors.upkeep import Done, Step

NAME = "Escalation level"
_UNDO = f"⚙ → Work items → Fields → {NAME!r} → Move to trash."
ADMINS = "Jira administrator (global permission Administer Jira)"
PROJECT_ADMINS = "project administrator"

_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes:"
_SELECT = {"type": f"{_TYPES}select", "searcherKey": f"{_TYPES}multiselectsearcher"}
_NUMBER = {"type": f"{_TYPES}float", "searcherKey": f"{_TYPES}exactnumber"}
_SHOWS_A_LEVEL = ("select", "float", "textfield")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelField:
    """A custom field that can show the level; `made` says that it is new, `id` is empty if it would have to be."""

    id: str
    select: bool
    made: bool = False


def steps(enquiry: Enquiry, levels: int, known: Iterable[tuple[Project, Newest | None]], dry: bool) -> Iterator[Step]:
    """Find or make the field, complete its options, and see that it is on the screens."""
    found = _found(enquiry)
    if found is None and dry:
        yield _would(enquiry)
        return
    field = found or _made(enquiry)
    if isinstance(field, Step):
        yield field
        return
    yield _there(enquiry, field)
    if field.select:
        yield _options(enquiry, field, levels, dry)
    if field.made:
        enquiry.ask(f"screens/addToDefault/{field.id}", method="POST")
    yield from _screens(enquiry, field, known)


def _found(enquiry: Enquiry) -> LevelField | None:
    """Return the field that the settings name, else the one of our name that everybody has."""
    wanted = enquiry.resolved().level_field
    for raw in enquiry.listed("field"):
        told, kind = mapping(raw), _kind(raw)
        ours = plain(told.get("name")) == NAME and not told.get("scope") and kind in _SHOWS_A_LEVEL
        number = plain(told.get("id")) or ""
        if number and (number == wanted or (wanted is None and ours)):
            return LevelField(id=number, select=kind == "select")
    return None


def _made(enquiry: Enquiry) -> LevelField | Step:
    body = {"name": NAME, "description": "The level at which Stepladder has put the ticket; empty is the first."}
    reply = enquiry.ask("field", method="POST", body=body | (_SELECT if enquiry.cloud else _NUMBER))
    number = plain(mapping(reply.told).get("id"))
    return LevelField(id=number, select=enquiry.cloud, made=True) if number else _by_hand(reply.says)


def _kind(told: object) -> str:
    return (plain(mapping(mapping(told).get("schema")).get("custom")) or "").rpartition(":")[2]


def _would(enquiry: Enquiry) -> Step:
    kind = "a select list" if enquiry.cloud else "a number"
    return Step(
        name="level-field",
        done=Done.WOULD_CREATE,
        says=f"The field {NAME!r}, {kind}; its id belongs into level_field. The label shows the level without it, too.",
        role=ADMINS,
        undo=_UNDO,
    )


def _there(enquiry: Enquiry, field: LevelField) -> Step:
    told = enquiry.settings.level_field is not None
    return Step(
        name="level-field",
        done=Done.CREATED if field.made else Done.THERE,
        says=f"The field {field.id} shows the level.",
        role=ADMINS,
        undo=_UNDO if field.made else "",
        settings={} if told else {"level_field": field.id},
    )


def _by_hand(says: str) -> Step:
    return Step(
        name="level-field",
        done=Done.BY_HAND,
        says=f"A field for the level could not be made ({says}). The label shows the level without it, too.",
        role=ADMINS,
        by_hand=(
            f"⚙ → Work items → Fields → Create new field: type Number, name {NAME!r}",
            "Add it to the edit screens of the projects that the policy applies to",
            f'Write level_field = "{NAME}" into the site\'s table in stepladder.toml',
        ),
    )


def _options(enquiry: Enquiry, field: LevelField, levels: int, dry: bool) -> Step:
    """Let every level above the first have an option in one context of the field."""
    about: dict[str, Any] = {"name": "level-options", "role": ADMINS}
    contexts = [mapping(raw) for raw in enquiry.listed(f"field/{field.id}/context")]
    if not contexts:
        return Step(done=Done.BY_HAND, **_unseen_options(about, levels))
    number = identity(next((c for c in contexts if c.get("isGlobalContext")), contexts[0]).get("id"))
    path = f"field/{field.id}/context/{number}/option"
    there = {level_of_field(plain(mapping(raw).get("value"))) for raw in enquiry.listed(path)}
    missing = [level for level in range(2, levels + 1) if level not in there]
    words = ", ".join(_option(level) for level in missing)
    if not missing:
        return Step(done=Done.THERE, says=f"Every level up to {levels} has an option.", **about)
    undo = f"⚙ → Work items → Fields → {NAME!r} → Contexts → Edit options → delete {words}."
    if dry:
        return Step(done=Done.WOULD_REPAIR, says=f"The options {words} would be added.", undo=undo, **about)
    body = {"options": [{"value": _option(level)} for level in missing]}
    reply = enquiry.ask(path, method="POST", body=body)
    if not reply.yes:
        return Step(done=Done.BY_HAND, **_unseen_options(about, levels))
    done = Done.CREATED if field.made else Done.REPAIRED
    return Step(done=done, says=f"The options {words} were added.", undo=undo, **about)


def _option(level: int) -> str:
    return f"Level {level}"


def _unseen_options(about: Mapping[str, Any], levels: int) -> dict[str, Any]:
    words = ", ".join(_option(level) for level in range(2, levels + 1))
    says = "The options of the level's field can be neither seen nor written by this account."
    clicks = (f"⚙ → Work items → Fields → {NAME!r} → Contexts → Edit options: {words}",)
    return {**about, "says": says, "by_hand": clicks}


def _screens(enquiry: Enquiry, field: LevelField, known: Iterable[tuple[Project, Newest | None]]) -> Iterator[Step]:
    for place, seen in known:
        if seen is None:
            continue
        own = enquiry.resolved().by_project.get(place.key)
        number = own.level_field if own is not None else field.id
        if number is None or number in seen.screen:  # the settings may say that this project has none
            continue
        where = (
            "Project settings → Work types → (each) → Fields" if place.team_managed else "Project settings → Screens"
        )
        clicks = (
            (f"{where}: create a field of its own, type Number, name {NAME!r}", _own_line(enquiry, place))
            if place.team_managed
            else (f"{where} → (each edit screen) → Add field → {NAME!r}",)
        )
        yield Step(
            name=f"level-screens:{place.key}",
            done=Done.BY_HAND,
            says=f"The level's field is not on the edit screen of the newest issue in {place.key}.",
            role=PROJECT_ADMINS if place.team_managed else ADMINS,
            by_hand=clicks,
        )


def _own_line(enquiry: Enquiry, place: Project) -> str:
    return f'Write level_field = "{NAME}" into [sites.{enquiry.site.name}.projects.{place.key}] in stepladder.toml'
