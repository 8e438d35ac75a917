"""`policy activate`: make a policy the one that decides, and move escalated tickets to it if that is wanted."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from adapter.activation import activate, check
from adapter.cli.policy.checking import show
from adapter.cli.policy.chosen import local
from adapter.cli.tools import Tools, config_option, plainly
from adapter.messenger import unheard
from adapter.records import Store
from adapter.settings import Settings
from adapter.texts import text_of
from adapter.transfer import Outlook, outlooks, transfer
from policies.policy import Policy
from policies.wording import amount


@click.command("activate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--move-open", is_flag=True, help="Also move escalated tickets to it, after showing what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask before moving escalated tickets.")
@config_option
@click.pass_obj
@plainly
def activate_file(tools: Tools, file: Path, move_open: bool, yes: bool, config: Path | None) -> None:
    """Check FILE and make it the policy that decides. Escalated tickets keep the revision they have.

    Ends with 0 if it decides now, 2 if not; nothing has changed then.
    """
    settings = tools.read_settings(config)
    store, now = tools.open_store(settings), tools.clock()
    report = check(text_of(file), str(file), tools.vendors(), now, settings)
    show(file, report, unheard(report.policy, settings))
    before, found = store.active_policy(), list[Outlook]()
    if move_open and report.passed:
        found = _shown(tools, settings, store, report.policy, now)
        if not yes and not _agreed(found):
            click.echo("Nothing was changed.", err=True)
            sys.exit(2)
    activate(report, store, now)
    again = " (it was active already)" if before == report.policy.revision else ""
    click.echo(f"Active now: {report.policy.name}, revision {report.policy.revision}{again}.")
    if move_open:
        _move(store, found, report.policy, tools.clock())


def _shown(tools: Tools, settings: Settings, store: Store, policy: Policy, now: datetime) -> list[Outlook]:
    """Print what would happen to each escalated ticket at once."""
    modes = {f"{site.vendor}/{name}": site.mode for name, site in settings.sites.items()}
    found = list(outlooks(store, tools.finder(settings, store), modes, policy, now))
    if not found:
        click.echo("No escalated ticket keeps to another revision.")
    for one in found:
        site = f"{one.ref.vendor}/{one.ref.site}"
        then = f"; next look {local(policy, one.next_look)}" if one.next_look else ""
        text = f"PROBLEM: {one.problem}; it stays with its revision" if one.problem else f"{one.says}{then}"
        click.echo(f"  {one.key} ({site}), level {one.level}: {text}")
    return found


def _agreed(found: list[Outlook]) -> bool:
    """Say whether to go on; where nobody can be asked, no."""
    moving, forgotten = _parted(found)
    forget = f", and forget {len(forgotten)}" if forgotten else ""
    if not moving and not forgotten:
        return True
    try:
        return click.confirm(f"Activate it, move {amount(len(moving), 'escalated ticket')} to it{forget}?")
    except click.Abort:
        click.echo("\nNobody can be asked here: answer with y or n, or say --yes.", err=True)
        return False


def _parted(found: Iterable[Outlook]) -> tuple[list[Outlook], list[Outlook]]:
    """Return the tickets that can be moved to the policy, and those that it does not apply to."""
    possible = [one for one in found if not one.problem]
    return [one for one in possible if not one.forgotten], [one for one in possible if one.forgotten]


def _move(store: Store, found: list[Outlook], policy: Policy, now: datetime) -> None:
    refs = [one.ref for one in found if not one.problem]
    left = set(transfer(store, refs, policy, now))
    moved, forgotten = _parted(one for one in found if one.ref not in left)
    if refs:
        also = f", {len(forgotten)} forgotten, because it does not apply to them" if forgotten else ""
        click.echo(f"{amount(len(moved), 'escalated ticket')} moved to it{also}; each is looked at next.")
    for one in found:
        if one.ref in left:
            click.echo(f"  {one.key}: could not be moved, for it has changed meanwhile; run it again")
