"""`stepladder pause` and `resume`: stop every write within a second while receiving goes on."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path

import click

from adapter.cli.tools import Tools, config_option, plainly
from adapter.records import Store
from adapter.settings import Settings
from adapter.shelf import Shelf
from policies.reminders import pausable


@click.command()
@click.argument("scope", default="all")
@click.option("--reason", default="by hand", show_default=True, help="Shown wherever something is held.")
@config_option
@click.pass_obj
@plainly
def pause(tools: Tools, scope: str, reason: str, config: Path | None) -> None:
    """Stop writing for SCOPE: `all`, a site's name, or `rule:<name of a rule>`. Deliveries are still kept."""
    settings = tools.read_settings(config)
    store = tools.open_store(settings)
    where = _scope(settings, scope)
    if where.startswith("rule:"):
        expect_rule(store, where.removeprefix("rule:"))
    store.pause(where, reason, tools.clock())
    what = {"all": "Every write is", "site": f"Writes to {where.partition(':')[2]} are"}
    named = what.get(where.partition(":")[0], f"Writes by {where.replace(':', ' ', 1)} are")
    click.echo(f"{named} paused: {reason}. Receiving goes on; `stepladder resume {shlex.quote(scope)}` ends it.")


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


def expect_rule(store: Store, name: str) -> None:
    """Refuse the name of a rule that no policy has, also none that escalated tickets keep to: it would do nothing."""
    shelf = Shelf(store.policy_text)
    names = list({name: None for stored in store.policies() for name in pausable(shelf.get(stored.revision))})
    if names and name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
        raise click.BadParameter(f"no activated policy has a rule {name!r}{guess}")


def _scope(settings: Settings, scope: str) -> str:
    if scope == "all" or scope.startswith("rule:"):
        return scope
    name = scope.removeprefix("site:").rpartition("/")[2]
    site = settings.sites.get(name)
    if site is None:
        before = "site:" if scope.startswith("site:") else ""
        near = difflib.get_close_matches(name, [*settings.sites, *(() if before else ("all",))], n=1)
        guess = f"; did you mean {before}{near[0]}?" if near else ""
        sites = ", ".join(settings.sites)
        raise click.BadParameter(f"expected all, rule:<name> or a site ({sites}), found {scope!r}{guess}")
    return f"site:{site.vendor}/{name}"
