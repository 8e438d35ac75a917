"""`policy activate`: make a policy the one that decides, and move escalated tickets to it if that is wanted."""

from __future__ import annotations

import sys
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
from adapter.transfer import Outlook, outlooks, transfer
from policies.policy import Policy


@click.command("activate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--move-open", is_flag=True, help="Also move escalated tickets to it, after showing what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask before moving escalated tickets.")
@config_option
@click.pass_obj
@plainly
def activate_file(tools: Tools, file: Path, move_open: bool, yes: bool, config: Path | None) -> None:
    """Check FILE and make it the policy that decides. Escalated tickets keep the revision they have."""
    settings = tools.read_settings(config)
    store, now = tools.open_store(settings), tools.clock()
    report = check(file.read_text(encoding="utf-8"), str(file), tools.vendors(), now, settings)
    show(file, report, unheard(report.policy, settings))
    before, found = store.active_policy(), list[Outlook]()
    if move_open and report.passed:
        found = _shown(tools, settings, store, report.policy, now)
        if not _agreed(found, yes=yes):
            return
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


def _agreed(found: list[Outlook], *, yes: bool) -> bool:
    """Say whether to go on; where nobody can be asked, no."""
    count = sum(not one.problem for one in found)
    if yes or not count:
        return True
    if not sys.stdin.isatty():
        click.echo("Nothing was changed. With --yes the policy is activated and these tickets move to it.")
        return False
    if click.confirm(f"Activate it and move {count} escalated tickets to it?"):
        return True
    click.echo("Nothing was changed.")
    return False


def _move(store: Store, found: list[Outlook], policy: Policy, now: datetime) -> None:
    refs = [one.ref for one in found if not one.problem]
    left = set(transfer(store, refs, policy, now))
    if refs:
        click.echo(f"{len(refs) - len(left)} of {len(refs)} escalated tickets keep to it now; each is looked at next.")
    for one in found:
        if one.ref in left:
            click.echo(f"  {one.key}: could not be moved, for it has changed meanwhile; run it again")
