"""`stepladder pause` and `resume`: stop every write within a second while receiving goes on."""

from __future__ import annotations

from pathlib import Path

import click

from adapter.cli.tools import Tools, config_option, plainly
from adapter.settings import Settings


@click.command()
@click.argument("scope", default="all")
@click.option("--reason", default="by hand", show_default=True, help="Shown wherever something is held.")
@config_option
@click.pass_obj
@plainly
def pause(tools: Tools, scope: str, reason: str, config: Path | None) -> None:
    """Stop writing for SCOPE: `all`, a site's name, or `rule:<name of a rule>`. Deliveries are still kept."""
    settings = tools.read_settings(config)
    where = _scope(settings, scope)
    tools.open_store(settings).pause(where, reason, tools.clock())
    click.echo(f"Paused {where}: {reason}. Receiving goes on; `stepladder resume {scope}` ends it.")


@click.command()
@click.argument("scope", default="all")
@config_option
@click.pass_obj
@plainly
def resume(tools: Tools, scope: str, config: Path | None) -> None:
    """Write again for SCOPE; what was held is decided anew."""
    settings = tools.read_settings(config)
    where = _scope(settings, scope)
    store = tools.open_store(settings)
    if store.resume(where, tools.clock()):
        click.echo(f"Resumed {where}.")
    else:
        click.echo(f"{where} was not paused.")
    for other, reason in store.switches().items():
        click.echo(f"Still paused: {other} ({reason}).")


def _scope(settings: Settings, scope: str) -> str:
    if scope == "all" or scope.startswith("rule:"):
        return scope
    name = scope.removeprefix("site:").rpartition("/")[2]
    site = settings.sites.get(name)
    if site is None:
        sites = ", ".join(settings.sites)
        raise click.BadParameter(f"expected all, rule:<name> or a site ({sites}), found {scope!r}")
    return f"site:{site.vendor}/{name}"
