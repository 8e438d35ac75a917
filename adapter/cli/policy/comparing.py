"""`policy list` and `policy diff`: what was activated, and what differs between two policies."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from adapter.cli.policy.chosen import policy_named
from adapter.cli.tools import Tools, config_option, plainly
from policies.difference import as_text, differences


@click.command("list")
@config_option
@click.pass_obj
@plainly
def list_policies(tools: Tools, config: Path | None) -> None:
    """List the activated revisions: which one decides, since when, and how many open cases keep to each."""
    found = tools.open_store(tools.read_settings(config)).policies()
    if not found:
        click.echo("No policy was activated yet; `stepladder policy activate FILE` makes one the first.")
        return
    rows = [("revision", "activated", "open cases pinned", "", "name")]
    for stored in found:
        at = f"{stored.activated_at:%Y-%m-%d %H:%M} UTC"
        rows.append((stored.revision, at, str(stored.pinned), "active" if stored.active else "", stored.name))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.secho(line, bold=number == 0)


@click.command("diff")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@config_option
@click.pass_obj
@plainly
def diff_policies(tools: Tools, old: str, new: str, config: Path | None) -> None:
    """Say what differs between A and B, each a file, an activated revision, or the word `active`.

    Ends with 0 if they say the same, 1 if they differ, 2 if one cannot be read.
    """
    before, after = policy_named(tools, old, config), policy_named(tools, new, config)
    for line in as_text(before, after).splitlines():
        sign = line.strip()[:1] if line.startswith(" ") else ""
        click.secho(line, fg={"+": "green", "-": "red"}.get(sign), bold=bool(line) and not line.startswith(" "))
    sys.exit(1 if differences(before, after) else 0)
