"""`stepladder backup FILE`: one consistent copy of everything that is kept, made while Stepladder works."""

from __future__ import annotations

from pathlib import Path

import click

from adapter.cli.sought import opened
from adapter.cli.tools import Tools, config_option, plainly


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@click.pass_obj
@plainly
def backup(tools: Tools, file: Path, config: Path | None) -> None:
    """Copy the database into FILE, which must not exist yet, while it is used; only you may read the copy.

    The copy has been opened and read whole when this ends. It holds no secrets, and so is not enough alone.
    """
    settings, store = opened(tools, config)
    size = store.backup(file, tools.clock())
    click.echo(f"{file}: {size:,} bytes, read back and whole.")
    kept = settings.state / "keepsakes.json"
    left = [settings.file.with_name("secrets.toml"), kept, settings.file, settings.policy]
    there = [str(file) for file in left if file.is_file()]
    click.echo(f"Not in it, so keep them as well: {', '.join(there)}.")
