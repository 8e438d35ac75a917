"""`policy explain`: why a ticket stands where it stands, from a file that invents it or from what is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from adapter.cli.policy.chosen import ACTIVE, from_file, from_store, local, policy_named, zone
from adapter.cli.policy.invented import invented
from adapter.cli.policy.told import told
from adapter.cli.sought import counted
from adapter.cli.tools import Tools, Unavailable, config_option, plainly
from adapter.examination import standing
from adapter.records import Store, Work
from adapter.settings import Settings, SettingsError
from connectors.site import SiteSettings
from policies.case import Case, Facts
from policies.examples import instant
from policies.explain import Explanation, explain
from policies.model import Kind, TicketRef
from policies.policy import Example, Policy
from policies.simulate import Stuck, lived

_NOW_ONLY = "pauses, the mode and the hourly budget are those of now, because they are not remembered"

_UNKNOWN = (
    "it has heard nothing of it yet, or the active policy does not apply to it; of such tickets only the id is kept, "
    "which may be asked for instead of the key."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A ticket that was found, and what is not in its case."""

    policy: Policy
    case: Case
    facts: Facts
    at: datetime
    remarks: tuple[str, ...]


@click.command("explain")
@click.argument("ticket", metavar="TICKET.json|SITE/TICKET")
@click.option("--policy", "policy_name", metavar="FILE", help="A policy file or revision, instead of the active one.")
@click.option("--at", "said", metavar="TIME", help="Such as 09:30 or '2027-03-01 09:30'; now if left out.")
@click.option("--full", is_flag=True, help="Every stretch of every time proof, however many there are.")
@config_option
@click.pass_obj
@plainly
def explain_ticket(
    tools: Tools, ticket: str, policy_name: str | None, said: str | None, full: bool, config: Path | None
) -> None:
    """Say for every rule what it finds, what counts, and what happens next to a ticket.

    TICKET.json holds what a policy's test says of its ticket: {"ticket": {"site": …, "created": …}, "steps": […]}.
    SITE/TICKET is a ticket that Stepladder remembers, by its id or its key, such as acme/5158.
    """
    file, remarks = Path(ticket), tuple[str, ...]()
    if file.is_file():
        policy = policy_named(tools, policy_name, config) if policy_name else _configured(tools, config)
        explanation = _invented(policy, file, said, tools.clock())
    else:
        found = remembered(tools, ticket, policy_name, said, config)
        if found.case.level > found.policy.top:
            stands = f"{ticket} stands at level {found.case.level}"
            raise Unavailable(f"{stands}; the policy {found.policy.name} has {found.policy.top} levels")
        explanation, remarks = explain(found.policy, found.case, found.facts, found.at), found.remarks
    click.echo(told(explanation, remarks, full=full), nl=False)


# --- a ticket that a file invents -----------------------------------------------------------------------------------
def _configured(tools: Tools, config: Path | None) -> Policy:
    try:
        settings = tools.read_settings(config)
    except SettingsError as error:
        raise Unavailable(f"{error}\nOr name a policy with --policy FILE; then no settings are needed.") from None
    store = tools.open_store(settings)
    return from_store(store, ACTIVE) if store.active_policy() else from_file(settings.policy)


def _invented(policy: Policy, file: Path, said: str | None, now: datetime) -> Explanation:
    example = invented(policy, file)
    try:
        created = instant(example.ticket["created"], policy)
        at = _time(said, policy, created) if said else _last(policy, example, created, now)
        case, events, facts = lived(policy, example, at)
    except Stuck as stuck:
        raise Unavailable(f"{file}: {stuck}") from None
    return explain(policy, case, facts, at, events)


def _last(policy: Policy, example: Example, created: datetime, now: datetime) -> datetime:
    """Return now, or the last that the file tells of if all of it is still to come."""
    day = created.astimezone(zone(policy)).date()
    told = [instant(str(step["at"]), policy, day) for step in example.steps]
    return now if now >= created else max([created, *told])


def _time(said: str, policy: Policy, day: datetime) -> datetime:
    try:
        return instant(said, policy, day.astimezone(zone(policy)).date())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from None


# --- a ticket that is remembered ------------------------------------------------------------------------------------
def remembered(tools: Tools, ticket: str, policy_name: str | None, said: str | None, config: Path | None) -> Found:
    """Return a ticket that Stepladder remembers, as it was at a time, and what is not in its case."""
    settings = tools.read_settings(config)
    store, now = tools.open_store(settings), tools.clock()
    site_name, _, name = ticket.rpartition("/")
    site = _site(settings, site_name, ticket)
    scope = f"{site.vendor}/{site_name.rpartition('/')[2]}"
    ref = store.find(scope, name)
    if ref is None:
        raise Unavailable(f"Stepladder remembers no ticket {name!r} at {scope}: {_UNKNOWN}")
    work = store.open(ref, now)
    chosen = policy_named(tools, policy_name, config) if policy_name else None
    at = _time(said, chosen or from_store(store, work.active_policy or ACTIVE), now) if said else now
    case, revision = (work.case, None) if at >= now else store.case_at(ref, at)
    if case is not None and case.outside:
        raise Unavailable(f"The policy does not apply to {ref}, so only its id is kept: it is never decided about.")
    if case is None or case.told is None:
        raise Unavailable(f"Nothing was remembered of {ref} {'at that time' if at < now else 'yet'}.")
    policy = chosen or from_store(store, case.pinned or revision or ACTIVE)
    allowed = standing(store, scope, site)
    held = (f"its site is only observed: {allowed.says}",) if allowed.says else ()
    remarks = (*held, *_gone(store, case, policy, at), *_remarks(work, case, policy, past=at < now), _cost(store, ref))
    facts = tools.finder(settings, store).facts(work, policy, allowed.mode, now)
    return Found(policy=policy, case=case, facts=facts, at=at, remarks=remarks)


def _site(settings: Settings, name: str, ticket: str) -> SiteSettings:
    site = settings.sites.get(name.rpartition("/")[2])
    if site is None:
        sites = ", ".join(settings.sites)
        what = f"expected a file, or SITE/TICKET with one of the sites {sites}; found {ticket!r}"
        raise click.BadParameter(what, param_hint="TICKET")
    return site


def _gone(store: Store, case: Case, policy: Policy, at: datetime) -> tuple[str, ...]:
    """Say what the vendor answered about a ticket that it does not show us any more."""
    if case.story.ended != Kind.GONE:
        return ()
    told = [event for event in store.history(case.ref) if event.kind is Kind.GONE and event.reason and event.at <= at]
    latest = sorted(told, key=lambda event: event.at)[-1:]
    return tuple(f"the vendor said {local(policy, event.at)}: {event.reason}" for event in latest)


def _cost(store: Store, ref: TicketRef) -> str:
    looks, calls = store.calls_of(ref)
    return f"{counted(calls, 'call')} to the vendor in {counted(looks, 'look')} at it so far"


def _remarks(work: Work, case: Case, policy: Policy, *, past: bool) -> tuple[str, ...]:
    said = [f"it keeps to revision {case.pinned} until it is back at level 1"] if case.pinned else []
    if case.pinned and case.pinned != policy.revision:
        said = [f"it is asked here about revision {policy.revision}, but keeps to {case.pinned}"]
    if work.deliveries and not past:
        said.append(f"{len(work.deliveries)} deliveries wait to be read; they may change this")
    return (*said, _NOW_ONLY) if past else tuple(said)
