"""`stepladder erase`: forget what somebody wrote, when a law or a person asks for it. It writes nothing at a vendor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import click

from adapter.cli.meant import site_named
from adapter.cli.sought import counted
from adapter.cli.tools import Unavailable, config_option, plainly
from adapter.settings import Settings
from policies.model import TicketRef


class Eraser(Protocol):
    """The tables, as far as erasing needs them."""

    def tickets_of(self, site: str, requester: str) -> Sequence[TicketRef]:
        """Return the tickets of a site (`vendor/site`) that this person asked for."""

    def find(self, site: str, name: str) -> TicketRef | None:
        """Return the ticket of a site that goes by this id or key."""

    def erase(self, ref: TicketRef, now: datetime) -> bool:
        """Erase every text of a ticket; False if there is nothing of it."""

    def settle_erasure(self) -> bool:
        """Take what was erased out of the database's log too; False while somebody reads it."""


class Tools(Protocol):
    """What this command is handed."""

    def read_settings(self, path: Path | None) -> Settings:
        """Read stepladder.toml."""

    def open_store(self, settings: Settings) -> Eraser:
        """Open the tables, beside a process that works on them."""

    def clock(self) -> datetime:
        """Return the machine's time."""


@click.command()
@click.argument("named", metavar="SITE/TICKET|SITE")
@click.option("--requester", help="With a SITE: every ticket of the person with this id there.")
@click.option("--yes", is_flag=True, help="Do it; without this it only says what would be erased.")
@config_option
@click.pass_obj
@plainly
def erase(tools: Tools, named: str, requester: str | None, yes: bool, config: Path | None) -> None:
    """Erase what is stored of a ticket's texts, or of all tickets of a requester: messages, names, quotes, raw bytes.

    Ids, times, levels and numbers stay. Erase at the vendor first: what it tells later is stored again.
    """
    settings = tools.read_settings(config)
    store = tools.open_store(settings)
    refs = _meant(store, settings, named, requester)
    for ref in refs if yes else ():
        store.erase(ref, tools.clock())
    for ref in refs:
        click.echo(f"{ref}: {'text erased' if yes else 'would be erased'}")
    if not yes:
        click.echo(
            f"Nothing was erased yet: {counted(len(refs), 'ticket')}; say --yes to erase them. It cannot be undone."
        )
    elif not store.settle_erasure():
        click.echo("The database's log is being read; the working process clears it within minutes.")
    if yes:
        click.echo("Backups and copies of the log are not reached: they keep it until they expire.")


def _meant(store: Eraser, settings: Settings, named: str, requester: str | None) -> Sequence[TicketRef]:
    """Return the tickets that a person means. Raises Unavailable if nothing is stored of any."""
    site, _, number = (named, "", "") if requester is not None else named.rpartition("/")
    if not site:
        raise click.BadParameter(f"expected SITE/TICKET, or SITE with --requester; found {named!r}")
    scope = f"{site_named(settings, site).vendor}/{site.rpartition('/')[2]}"
    if requester is not None:
        refs = store.tickets_of(scope, requester)
        missing = f"no ticket of requester {requester} is remembered at {scope}"
    else:
        found = store.find(scope, number)
        refs, missing = [found] if found is not None else [], f"nothing is stored of {scope}/{number}"
    if not refs:
        raise Unavailable(missing)
    return refs
