"""`stepladder demo`: pretend vendors, the real adapter between them, and a morning's work in a quarter of a minute."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from importlib.resources import files
from pathlib import Path

import click

from adapter.cli.demo.proof import differences, our_notes, writes_at
from adapter.cli.demo.scenes import EXPECTED, Stage, script
from adapter.cli.demo.screen import Screen
from adapter.cli.running import until_stopped, wait_for
from adapter.cli.tools import House, Tools, plainly, secrets_toml

_SETTLED = 12.0
"""Seconds to wait, after the last scene, until everything that had to be written is there."""


@click.command()
@click.option("--once", is_flag=True, help="End by itself: exit code 0 only if every write arrived exactly once.")
@click.pass_obj
@plainly
def demo(tools: Tools, once: bool) -> None:
    """Show the whole job with pretend vendors: webhooks in, decisions, write-backs."""
    with tempfile.TemporaryDirectory(prefix="stepladder-demo-") as folder:
        wrong = _play(tools, Path(folder), once=once)
    sys.exit(1 if wrong else 0)


def _play(tools: Tools, folder: Path, *, once: bool) -> list[str]:
    screen = Screen()
    house, stage = _prepare(tools, folder, screen)
    server = house.settings.server
    opened = tools.listen(server)
    serving = tools.make_server(house, server, opened)
    serving.start()
    try:
        house.start()
        address = f"http://{server.host}:{opened.getsockname()[1]}"
        for vendor, desk in stage.desks.items():
            desk.subscribe(f"{address}/webhooks/{vendor}/{vendor}")
        _perform(stage, screen)
        wrong = _await_end(stage, screen)
        _show(stage, screen, wrong)
        if not once:
            _go_on(stage, address)
    finally:
        for desk in stage.desks.values():
            desk.stop()
        serving.stop()
        house.stop()
    return wrong


def _prepare(tools: Tools, folder: Path, screen: Screen) -> tuple[House, Stage]:
    """Open the pretend vendors, write the settings an admin would write, and build the house from them."""
    open_desk = tools.pretend()
    desks = {vendor: open_desk(vendor, 0) for vendor in sorted(tools.vendors(), reverse=True)}
    (folder / "policy.yaml").write_text(files(__package__).joinpath("policy.yaml").read_text(encoding="utf-8"))
    sections = "\n".join(desk.site_toml(vendor, "act") for vendor, desk in desks.items())
    config = folder / "stepladder.toml"
    config.write_text(f'policy = "policy.yaml"\n\n[server]\nport = 0\n\n[worker]\nsettle = 2.0\n\n{sections}')
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(secrets_toml({vendor: desk.secrets() for vendor, desk in desks.items()}))
    return tools.build(tools.read_settings(config), screen.watch), Stage(desks=desks)


def _perform(stage: Stage, screen: Screen) -> None:
    vendors = list(stage.desks)
    begin = time.monotonic()
    for scene in script(vendors[0], vendors[-1]):
        time.sleep(max(0.0, begin + scene.at - time.monotonic()))
        screen.scene(scene.says)
        scene.act(stage)


def _await_end(stage: Stage, screen: Screen) -> list[str]:
    """Wait until everything stands as expected and stays so for a second; say what does not."""
    until, good_since = time.monotonic() + _SETTLED, None
    while time.monotonic() < until:
        wrong = differences(stage, screen)
        good_since = None if wrong else good_since or time.monotonic()
        if good_since and time.monotonic() - good_since > 1.0:
            return []
        time.sleep(0.05)
    return differences(stage, screen) or ["it did not come to rest"]


def _show(stage: Stage, screen: Screen, wrong: list[str]) -> None:
    rows = []
    for name, (vendor, ticket) in stage.tickets.items():
        view = stage.view(name)
        holder = " / ".join(part for part in (view.group, view.assignee) if part)
        reason = screen.reasons.get(f"{vendor}/{vendor}/{ticket}", "nothing to escalate")
        rows.append((view.key, vendor, str(view.level or 1), view.priority or "none", holder, reason))
    click.echo()
    screen.table(rows)
    note = next(note for note in stage.view("month").notes if "Stepladder ·" in note)
    click.secho(f"\nThe internal note on {stage.view('month').key}, which the customer never sees:\n", bold=True)
    click.echo(note)
    click.echo()
    for sentence in wrong:
        click.secho(f"WRONG: {sentence}", fg="red")
    if not wrong:
        writes, notes = len(writes_at(stage)), sum(len(our_notes(stage.view(name))) for name in EXPECTED)
        click.secho(
            f"Every expected write arrived exactly once: {writes} writes, {notes} notes, 0 doubled; "
            "1 duplicate and 1 forgery changed nothing.",
            fg="green",
        )


def _go_on(stage: Stage, address: str) -> None:
    from connectors.desk_page import serve  # here: a production install need not have the extra

    page = serve(stage.desks)
    click.echo(f"\nThe adapter goes on serving on {address}; Ctrl-C stops it. The pretend vendors:")
    for vendor, desk in stage.desks.items():
        click.echo(f"  {vendor}: {desk.url}")
    click.echo(f"See their tickets, and act as customer or agent: {page.url}/")
    until_stopped(lambda: wait_for(threading.Event()))
    page.stop()
