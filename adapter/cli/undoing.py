"""`stepladder undo`: our moves of a stretch of time taken back, as far as nobody changed them since."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from adapter.cli.sought import counted, json_option, moment_of, opened, printable, scope_of, site_option, told, whoever
from adapter.cli.switches import expect_rule
from adapter.cli.tools import Tables, Tools, config_option, plainly
from adapter.examination import standing
from adapter.gaps import Order
from adapter.settings import Settings
from adapter.shelf import Shelf
from adapter.undoing import Undo, Undoing
from policies.commands import Mode


@click.command()
@click.option("--since", metavar="TIME", required=True, help="Such as 2h, 3d, or 2027-03-01T09:30 (UTC).")
@site_option
@click.option("--rule", help="Only moves by this rule.")
@click.option("--reason", default="by hand", show_default=True, help="Stands in the note at each ticket.")
@click.option("--dry-run", is_flag=True, help="Only show what would become of each ticket.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
@click.pass_obj
@plainly
def undo(
    tools: Tools,
    since: str,
    site: str | None,
    rule: str | None,
    reason: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Take back the moves up since TIME: level, group, assignee and priority, where nobody changed them since.

    Each ticket is read once more before anything is written there. What had moved it does not move it again; a new
    cause does. Notes stay, and one more says that the move was taken back.
    """
    settings, store = opened(tools, config)
    now = tools.clock()
    if rule is not None:
        expect_rule(store, rule)
    scope = scope_of(settings, site) if site is not None else None
    undoing = Undoing(
        store, Shelf(store.policy_text), tools.finder(settings, store), now, settings.retention.keep.looks
    )
    found = list(_found(store, settings, undoing, scope, moment_of(since, now), rule))
    told(((_line(one), _fields(one)) for one in found), "Nothing was moved up since then.", as_json=as_json)
    possible = [one for one in found if one.refused is None]
    if found and not as_json:
        _beside(tools, store, possible)
    if dry_run or not possible:
        return
    if not yes and not click.confirm(f"Take back the moves of {counted(len(possible), 'ticket')}?", err=as_json):
        click.echo("Nothing was changed.", err=True)
        sys.exit(2)
    key = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    orders = [Order(key=key, ref=one.ref, at=now, level=one.level, said_by=whoever(), why=reason) for one in possible]
    count = store.order(orders)
    click.echo(f"Ordered for {counted(count, 'ticket')} ({key}); each is read and written in its turn.", err=as_json)


def _found(
    store: Tables, settings: Settings, undoing: Undoing, scope: str | None, since: datetime, rule: str | None
) -> Iterator[Undo]:
    for ref in store.moved(scope, since):
        configured = settings.site(ref.vendor, ref.site)
        mode = standing(store, f"{ref.vendor}/{ref.site}", configured).mode if configured is not None else Mode.OBSERVE
        found = undoing.found(ref, mode, since, rule)
        if found is not None:
            yield found


def _beside(tools: Tools, store: Tables, possible: Sequence[Undo]) -> None:
    """Say what no ticket gets back at these vendors, and what is paused."""
    vendors = tools.vendors()
    for vendor in sorted({one.ref.vendor for one in possible}):
        for sentence in vendors[vendor].no_way_back:
            click.echo(f"{vendors[vendor].title}: {sentence}")
    for switch, reason in store.switches().items():
        click.echo(f"Paused, so that nothing is written until it is resumed: {switch} ({reason}).")


def _line(one: Undo) -> str:
    name = f"{one.ref}{f' {one.key}' if one.key else ''}"
    by = f" (moved by {', '.join(one.rules)})" if one.rules else ""
    if one.refused is not None:
        return printable(f"{name}: left as it is, because {one.refused}{by}")
    lines = [f"{name}: {'; '.join(one.restores)}{by}", *(f"  {sentence}" for sentence in one.stays)]
    return "\n".join(map(printable, lines))


def _fields(one: Undo) -> dict[str, object]:
    return {
        "ticket": str(one.ref),
        "key": one.key,
        "level": one.level,
        "rules": list(one.rules),
        "restores": list(one.restores),
        "stays": list(one.stays),
        "refused": one.refused,
    }
