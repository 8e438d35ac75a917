"""`stepladder deliveries`: what vendors sent, what became of it, and reading again what nobody could read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from adapter.cli.sought import opened, printable, scope_of, seeking, shown_at, site_option, sought, told
from adapter.cli.tools import Tables, Tools, Unavailable, config_option, plainly
from adapter.inspection import KeptDelivery, Sought
from adapter.settings import Settings
from connectors.contract import Delivery
from connectors.site import Site
from policies.masking import masked

_AT_ONCE = 1_000
"""How many dead letters are looked up in one go."""


@click.group()
def deliveries() -> None:
    """What vendors sent: list it, show one, read it again."""


@deliveries.command("list")
@seeking
@click.option("--dead", is_flag=True, help="Only dead letters: what nobody could read.")
@config_option
@click.pass_obj
@plainly
def list_deliveries(
    tools: Tools,
    site: str | None,
    ticket: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
    dead: bool,
    config: Path | None,
) -> None:
    """List deliveries, the latest first: row, time in UTC, site, bytes, tickets, and what is wrong."""
    settings, store = opened(tools, config)
    found = store.deliveries(sought(tools, store, settings, site, ticket, since, limit), dead=dead)
    told(((_line(one), _fields(one)) for one in found), "No such deliveries are kept.", as_json=as_json)


@deliveries.command("show")
@click.argument("row", type=int)
@click.option("--body", is_flag=True, help="Also what was sent, with passwords, keys and card numbers hidden.")
@config_option
@click.pass_obj
@plainly
def show_delivery(tools: Tools, row: int, body: bool, config: Path | None) -> None:
    """Show one delivery by its row; its headers, without proofs, and with --body its text."""
    _, store = opened(tools, config)
    kept, delivery = _found(store, row)
    click.echo(_line(kept))
    click.echo(f"vendor's id: {printable(kept.vendor_id or 'none')}")
    for ref in kept.tickets:
        click.echo(f"ticket: {ref}{' (not read yet)' if ref in kept.unread else ''}")
    for name, value in delivery.headers.items():
        click.echo(printable(f"{name}: {masked(value)}"))
    if delivery.query:
        click.echo(printable(f"query: {masked(delivery.query)}"))
    if body and kept.size is None:
        click.echo("Its bytes were let go ([retention] bodies, or the policy does not name its ticket).")
    elif body:
        click.echo(printable(masked(delivery.body.decode("utf-8", errors="backslashreplace")), keeps="\n\t"))


@deliveries.command("replay")
@click.argument("rows", type=int, nargs=-1, metavar="[ROW]...")
@click.option("--dead", is_flag=True, help="Every dead letter, also those of which no ticket could be told.")
@site_option
@config_option
@click.pass_obj
@plainly
def replay_deliveries(tools: Tools, rows: tuple[int, ...], dead: bool, site: str | None, config: Path | None) -> None:
    """Sort deliveries again and make their tickets read them; what was heard before counts once all the same."""
    if bool(rows) == dead or (site is not None and not dead):
        raise click.UsageError("expected rows, such as `deliveries replay 118 119`, or --dead, perhaps with --site")
    settings, store = opened(tools, config)
    if dead:
        scope = scope_of(settings, site) if site is not None else None
        rows = tuple(sorted(_dead(store, scope)))
    said = [_replayed(tools, store, settings, row) for row in rows]
    for line, _ in said:
        click.echo(printable(line))
    click.echo(f"{sum(well for _, well in said)} of {len(said)} deliveries are read again.")
    if not all(well for _, well in said):
        raise SystemExit(1)


def _dead(store: Tables, scope: str | None) -> Iterator[int]:
    """Yield every dead letter whose bytes are kept, the latest first."""
    found = store.deliveries(Sought(site=scope, limit=_AT_ONCE), dead=True)
    while found:
        yield from (one.row for one in found if one.size is not None)
        found = store.deliveries(Sought(site=scope, limit=_AT_ONCE, before=found[-1].row), dead=True)


def _replayed(tools: Tools, store: Tables, settings: Settings, row: int) -> tuple[str, bool]:
    """Read one delivery again; return what to say of it, and whether a ticket reads it now."""
    kept, delivery = _found(store, row)
    configured = settings.site(delivery.vendor, delivery.site)
    if configured is None:
        return f"{row}: its site {kept.site} is not in the settings any more", False
    if kept.size is None:
        return f"{row}: its bytes were let go, so it cannot be read again", False
    connector = tools.vendors()[delivery.vendor]
    view = Site(name=delivery.site, settings=configured, account=configured.account)
    try:
        refs = connector.tickets(delivery, view)
    except Exception as error:  # whatever it is: it stays a dead letter, with what was wrong this time
        problem = f"{type(error).__name__}: {error}"[:500]
        store.read_again(row, (), problem, tools.clock())
        return f"{row}: still nobody can tell its ticket: {problem}", False
    if not store.read_again(row, refs, None, tools.clock()):
        return f"{row}: its bytes were let go, so it cannot be read again", False
    return f"{row}: {', '.join(map(str, refs)) or 'concerns no ticket, and is no dead letter any more'}", True


def _found(store: Tables, row: int) -> tuple[KeptDelivery, Delivery]:
    found = store.delivery(row)
    if found is None:
        raise Unavailable(f"There is no delivery {row}, or it was let go; `stepladder deliveries list` shows them.")
    return found


def _line(kept: KeptDelivery) -> str:
    size = f"{kept.size} bytes" if kept.size is not None else "no bytes kept"
    names = ", ".join(f"{ref.id}{'*' if ref in kept.unread else ''}" for ref in kept.tickets) or "no ticket"
    problem = f"  dead: {masked(kept.problem)}" if kept.problem else ""
    return printable(f"{kept.row:>8}  {shown_at(kept.received_at)}  {kept.site}  {size}  {names}{problem}")


def _fields(kept: KeptDelivery) -> dict[str, object]:
    return {
        "row": kept.row,
        "received_at": kept.received_at,
        "site": kept.site,
        "vendor_id": kept.vendor_id,
        "bytes": kept.size,
        "tickets": [str(ref) for ref in kept.tickets],
        "unread": [str(ref) for ref in kept.unread],
        "problem": masked(kept.problem) if kept.problem else None,
    }
