"""Which rows a command means, and how rows are shown: as lines for people, or as JSON for machines."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from adapter.cli.meant import site_named
from adapter.cli.tools import Tables, Tools, Unavailable
from adapter.inspection import Sought
from adapter.settings import Settings
from policies.durations import Duration
from policies.model import TicketRef

Command = TypeVar("Command", bound=Callable[..., Any])

MOST = 10_000

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for machines.")
site_option = click.option("--site", help="Only of this site.")
since_option = click.option("--since", metavar="TIME", help="Such as 2h, 3d, or 2027-03-01T09:30 (UTC).")
_ticket_option = click.option("--ticket", metavar="SITE/TICKET", help="Only of this ticket, by its id or its key.")
_limit_option = click.option(
    "--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="At most so many, the latest first."
)


def seeking(command: Command) -> Command:
    """Give a command the options that say which rows are wanted."""
    for option in (json_option, _limit_option, since_option, _ticket_option, site_option):
        command = option(command)
    return command


def sought(
    tools: Tools, store: Tables, settings: Settings, site: str | None, ticket: str | None, since: str | None, limit: int
) -> Sought:
    """Return which rows the options of a command mean."""
    return Sought(
        site=scope_of(settings, site) if site is not None else None,
        ref=ticket_named(store, settings, ticket) if ticket is not None else None,
        since=moment_of(since, tools.clock()) if since is not None else None,
        limit=limit,
    )


def opened(tools: Tools, config: Path | None) -> tuple[Settings, Tables]:
    """Return the settings, and the tables beside a process that works on them."""
    settings = tools.read_settings(config)
    return settings, tools.open_store(settings)


def scope_of(settings: Settings, name: str) -> str:
    """Return `vendor/site` of a site."""
    return f"{site_named(settings, name).vendor}/{name.rpartition('/')[2]}"


def ticket_named(store: Tables, settings: Settings, said: str) -> TicketRef:
    """Return the ticket that SITE/TICKET means, by its id or its key. Raises Unavailable if nobody heard of it."""
    site, _, name = said.rpartition("/")
    if not site or not name:
        raise click.BadParameter(f"expected SITE/TICKET, such as {next(iter(settings.sites))}/5158; found {said!r}")
    scope = scope_of(settings, site)
    if (ref := store.find(scope, name)) is None:
        raise Unavailable(f"Stepladder has heard of no ticket {name!r} at {scope}, or has let go of it.")
    return ref


def moment_of(said: str, now: datetime) -> datetime:
    """Read a moment: so long ago (`2h`), or a time, in UTC unless it has a zone."""
    try:
        return now - Duration.parse(said).length
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise click.BadParameter(f"expected such as 2h, 3d, or 2027-03-01T09:30 (UTC), found {said!r}") from None
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)


def whoever() -> str:
    """Return who runs the command, by the name of their account on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "an administrator"


# --- how rows are shown -------------------------------------------------------------------------------------
def shown_at(at: datetime | None) -> str:
    """Write an instant in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at is not None else "-"


def told(rows: Iterable[tuple[str, Mapping[str, object]]], nothing: str, *, as_json: bool) -> None:
    """Print each row: its line, or its fields as JSON; `nothing` if there is none."""
    count = 0
    for line, fields in rows:
        count += 1
        click.echo(in_json(fields) if as_json else line)
    if not count and not as_json:
        click.echo(nothing)


def counted(count: int, thing: str) -> str:
    """Write how many of a thing there are: `1 ticket`, `2 tickets`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def printable(text: str, keeps: str = "") -> str:
    """Write what others chose so that it cannot steer a terminal or look like a line of ours; `keeps`: save these."""
    return "".join(char if char.isprintable() or char in keeps else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def in_json(value: object, indent: int | None = None) -> str:
    """Write JSON, in which only what is printable stands as it is."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, indent=indent)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
