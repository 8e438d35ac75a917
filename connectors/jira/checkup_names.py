"""Looks up what the policy and the settings name in Jira: fields, values, priorities, transitions, linked issues.

Values are tried by the very code that writes, against the edit screen of each project's newest issue; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.contract import Refused, TryLater
from connectors.jira.answers import fetched
from connectors.jira.directory import Directory
from connectors.jira.discovery import Project
from connectors.jira.enquiry import Enquiry
from connectors.jira.picture import status_word
from connectors.jira.places import Newest
from connectors.jira.settings import in_project
from connectors.jira.targets import linked_of
from connectors.jira.values import identity, mapping, plain
from connectors.site import Site
from connectors.upkeep import Finding, Grade, Placed, Uses
from policies.commands import Take
from policies.model import JSON, Ticket, TicketRef

_SCREENS = "{0}: Project settings → Screens (team-managed: Work types → Fields) → add {1} to the edit screen."


def findings(
    enquiry: Enquiry, uses: Uses, known: tuple[tuple[Project, Newest | None], ...], now: datetime
) -> Iterator[Finding]:
    """Yield what is named and not there, or not possible."""
    site = enquiry.discovery.surely()
    directory = Directory(site, enquiry.simply)
    yield from _fields(enquiry, uses, site)
    for place, seen in known:
        if place.archived:
            says = f"The project {place.key} is archived, and Jira refuses every change there."
            yield _finding(f"project:{place.key}", Grade.PROBLEM, says, "Restore it, or take it out of `applies_to`.")
        if seen is None:
            says = f"{place.key} has no issue that Stepladder may edit, so its screens and values cannot be looked at."
            yield _finding(f"screen:{place.key}", Grade.UNKNOWN, says, "Examine again once there is one.")
        else:
            yield from _place(site, uses, directory, place, seen, now)
        yield from _statuses(enquiry, uses, site, place)
    yield from _linked(enquiry, uses, directory)


# --- fields -----------------------------------------------------------------------------------------------------------
def _fields(enquiry: Enquiry, uses: Uses, site: Site) -> Iterator[Finding]:
    told: dict[str, list[str]] = {}
    for sentence in enquiry.discovery.unresolved():
        told.setdefault(sentence.partition(":")[0].removeprefix("fields."), []).append(sentence)
    for word, sentences in told.items():
        cure = f"Correct the line in [sites.{enquiry.site.name}]; an id never changes, names do."
        yield _finding(f"field:{word}", Grade.PROBLEM, f"{'; '.join(sentences)}.", cure)
    settings = enquiry.resolved()
    mapped = {*settings.fields, *(ours for own in settings.projects.values() for ours in own.fields)}
    for ours in sorted(uses.fields - mapped):
        says = f"The policy asks about {ours!r}, and no line says which field of Jira that is, so it is never known."
        cure = f'Write {ours} = "its name in Jira" under [sites.{enquiry.site.name}.fields].'
        yield _finding(f"field:{ours}", Grade.WARNING, says, cure)
    there = {name.removeprefix("field:") for name in enquiry.discovery.names() if name.startswith("field:")}
    for ours in sorted(uses.fields & mapped):
        theirs = [piece.strip() for piece in site.settings.fields.get(ours, "").split(",") if piece.strip()]
        for number in theirs:
            if there and number not in there and number.startswith("customfield_"):
                says = f"{ours} is to be {number}, and Jira has no such field, or hides it from Stepladder's account."
                cure = f"Correct it under [sites.{enquiry.site.name}.fields]."
                yield _finding(f"field:{ours}", Grade.PROBLEM, says, cure)


# --- what a project's newest issue shows ------------------------------------------------------------------------------
def _place(
    site: Site, uses: Uses, directory: Directory, place: Project, seen: Newest, now: datetime
) -> Iterator[Finding]:
    ticket = _ticket(site, seen, now)
    wrong = [*_off_screen(uses, place, seen)]
    for name, parts, says in _tried(uses, in_project(site, place.key)):
        if any(finding.name == f"names:{name}:{place.key}" for finding in wrong):
            continue  # said of a lower level, or of another value
        try:
            directory.values(parts, ticket)
        except Refused as no:
            cure = "Correct the policy or the settings, or let the project have it."
            wrong.append(_finding(f"{name}:{place.key}", Grade.PROBLEM, f"{says} in {place.key}: {no}", cure))
    yield from wrong
    if not wrong:
        says = f"Every field, value and priority that the policy sets can be set in {place.key}."
        yield _finding(f"values:{place.key}", Grade.FINE, says)


def _ticket(site: Site, seen: Newest, now: datetime) -> Ticket:
    number = identity(seen.issue.get("id")) or ""
    ref = TicketRef(vendor=site.vendor, site=site.name, id=number)
    ticket = fetched(seen.issue, ref, site, frozenset(), now).ticket
    return ticket if ticket is not None else Ticket(ref=ref)


def _off_screen(uses: Uses, place: Project, seen: Newest) -> Iterator[Finding]:
    assigns = any({"assignee", "from"} & placed.target.keys() for placed in _moves(uses))
    for field_id, name, wanted in (("labels", "Labels", True), ("assignee", "Assignee", assigns)):
        if wanted and field_id not in seen.screen:
            says = f"{name} is not on the edit screen of the newest issue in {place.key}, so it cannot be set there."
            yield _finding(f"{field_id}:{place.key}", Grade.PROBLEM, says, _SCREENS.format(place.key, name))


def _tried(uses: Uses, site: Site) -> Iterator[tuple[str, Mapping[str, JSON], str]]:
    """Yield what levels set, each by itself: the finding's name, the parts, and what would not happen."""
    for priority in sorted(uses.sets):
        yield f"priority:{priority.word}", {"priority": priority.word}, f"The priority {priority.word} cannot be set"
    if site.settings.level_field:
        for level in range(2, uses.levels + 1):
            yield "level-field", {"level": level}, f"Level {level} cannot be shown"
    done = set()
    for placed in _moves(uses):
        for ours, value in mapping(placed.target.get("field")).items():
            if (ours, str(value)) not in done:
                done.add((ours, str(value)))
                says = f"{ours} cannot be set to {value!r} for level {placed.level}"
                yield f"field:{ours}", {f"field:{ours}": value}, says


def _moves(uses: Uses) -> Iterator[Placed]:
    yield from (placed for placed in uses.targets if placed.take is Take.OWNERSHIP)


# --- statuses and transitions -----------------------------------------------------------------------------------------
def _statuses(enquiry: Enquiry, uses: Uses, site: Site, place: Project) -> Iterator[Finding]:
    told = enquiry.ask(f"project/{place.key}/statuses").told
    kinds = [mapping(kind).get("statuses") for kind in (told if isinstance(told, list) else ())]
    listed = [mapping(status) for kind in kinds for status in (kind if isinstance(kind, list) else ())]
    names = {plain(status.get("name")) or "": status for status in listed}
    if not names:
        return
    wanted = dict.fromkeys(str(p.target["transition"]).strip() for p in _moves(uses) if p.target.get("transition"))
    for name in wanted:
        if name.casefold() not in {known.casefold() for known in names}:
            says = f"{place.key} has no status {name!r}. A transition of that name is found when it is offered."
            cure = "Name the status instead: then our own change is known when it comes back."
            yield _finding(f"transition:{name}:{place.key}", Grade.WARNING, says, cure)
    here = in_project(site, place.key)
    unmapped = sorted(name for name, status in names.items() if not _mapped(here, status))
    if unmapped and place.desk:
        says = (
            f"In {place.key} these statuses count by their category: {', '.join(unmapped)}. None of them is `pending`."
        )
        cure = f"Where one means waiting for the customer, write it under [sites.{enquiry.site.name}.statuses]."
        yield _finding(f"status:{place.key}", Grade.NOTE, says, cure)


def _mapped(site: Site, status: Mapping[str, Any]) -> bool:
    return status_word(site, status.get("id"), status.get("name"), "no category") is not None


# --- linked issues ----------------------------------------------------------------------------------------------------
def _linked(enquiry: Enquiry, uses: Uses, directory: Directory) -> Iterator[Finding]:
    done: list[Any] = []
    for placed in uses.targets:
        wanted = linked_of(placed.target, 0)
        if wanted is None or wanted in done:
            continue
        done.append(wanted)
        yield from _link(enquiry, directory, str(wanted["link"]))
        yield from _kind(enquiry, str(wanted["project"]), str(wanted.get("type") or ""))


def _link(enquiry: Enquiry, directory: Directory, name: str) -> Iterator[Finding]:
    try:
        directory.link_type(name)
    except Refused as no:
        cure = "⚙ → Work items → Linking, or correct `link` in the policy's target."
        yield _finding(f"link:{name}", Grade.PROBLEM, f"No issue can be linked by {name!r}: {no}", cure)
    except TryLater:
        return  # that it was not answered is a finding of its own


def _kind(enquiry: Enquiry, project: str, wanted: str) -> Iterator[Finding]:
    reply = enquiry.ask(f"issue/createmeta/{project}/issuetypes")
    if reply.silent:
        return
    listed = mapping(reply.told).get("issueTypes", mapping(reply.told).get("values"))
    names = [plain(mapping(kind).get("name")) or "" for kind in (listed if isinstance(listed, list) else ())]
    if not reply.yes or not names:
        says = f"Stepladder's account can open no issue in {project}, or there is no such project."
        cure = (
            f"Correct `linked_issue` in the policy, or give the account Browse projects and Create issues in {project}."
        )
        yield _finding(f"project:{project}", Grade.PROBLEM, says, cure)
    elif wanted and wanted.casefold() not in {name.casefold() for name in names}:
        says = f"{project} has no issue type {wanted!r} for Stepladder to open; it has {', '.join(sorted(set(names)))}."
        yield _finding(f"type:{wanted}:{project}", Grade.PROBLEM, says, "Correct `linked_issue` in the policy.")


def _finding(word: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"names:{word}", check="names", grade=grade, says=says, cure=cure)
