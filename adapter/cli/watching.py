"""`stepladder missed` and `replay`: what vendors did not tell us, and what could not be looked at. They ask nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from adapter.cli.meant import site_named, store_of
from adapter.cli.sought import counted, printable
from adapter.cli.tools import Tools, Unavailable, config_option, plainly
from adapter.examination_house import paused
from adapter.missed import report
from adapter.records import Store
from adapter.settings import Settings
from connectors.site import Site
from policies.model import TicketRef


@click.command()
@click.argument("site", required=False)
@config_option
@click.pass_obj
@plainly
def missed(tools: Tools, site: str | None, config: Path | None) -> None:
    """Say how many events no webhook told us today, at SITE or at every site, and what cannot be seen."""
    settings = tools.read_settings(config)
    if site is not None:
        site_named(settings, site)
    store = store_of(tools, settings)
    for name, chosen in settings.sites.items():
        if site is None or site_named(settings, site) is chosen:
            scope = f"{chosen.vendor}/{name}"
            click.echo(f"{scope}: " + "\n  ".join(map(printable, _told(store, scope, settings, tools.clock()))))
            for sentence in _unseen(tools, settings, name):
                click.echo(f"  not seen: {printable(sentence)}")


def _told(store: Store | None, scope: str, settings: Settings, now: datetime) -> Iterator[str]:
    if store is None:
        yield "Stepladder was never started with these settings, so nothing was compared"
        return
    yield from report(store, scope, now, settings.rounds)
    for found in paused(store, scope):
        yield f"{found.says}; {found.cure}"


@click.command()
@click.argument("ticket", metavar="[SITE/TICKET|all]", required=False)
@config_option
@click.pass_obj
@plainly
def replay(tools: Tools, ticket: str | None, config: Path | None) -> None:
    """Look again at tickets that could not be looked at, and read again what could not be read.

    Without a ticket it only lists them.
    """
    settings = tools.read_settings(config)
    store = tools.open_store(settings)
    if ticket is None:
        stuck = store.stuck()
        for waiting, problem in stuck:
            click.echo(printable(f"{waiting}: {problem}"))
        click.echo(f"{counted(len(stuck), 'ticket')} cannot be looked at, or with deliveries that nobody could read.")
        return
    ref = None if ticket == "all" else _ref(settings, ticket)
    count = store.replay(ref, tools.clock())
    if ref is not None and not count:
        raise Unavailable(f"{ref}: nothing to replay; `stepladder replay` lists what there is")
    click.echo(f"Due again: {counted(count, 'ticket')}.")


def _ref(settings: Settings, ticket: str) -> TicketRef:
    site, _, number = ticket.rpartition("/")
    if not site or not number:
        raise click.BadParameter(f"expected SITE/TICKET or all, found {ticket!r}")
    return TicketRef(vendor=site_named(settings, site).vendor, site=site.rpartition("/")[2], id=number)


def _unseen(tools: Tools, settings: Settings, name: str) -> tuple[str, ...]:
    """Return what even asking does not show at a site; the connector knows it without asking."""
    chosen = settings.sites[name]
    site = Site(name=name, settings=chosen, account=chosen.account)
    client = tools.vendors()[chosen.vendor].connect(site, tools.keeper(settings))
    try:
        return client.cannot_see()
    finally:
        client.close()
