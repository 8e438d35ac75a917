"""`stepladder serve`, `worker` and `sandbox`: processes that run until they are told to stop."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click

from adapter.cli.tools import House, Tools, config_option, plainly, secrets_toml

_levels = click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False)
_PORT = click.IntRange(0, 65535)
_log_option = click.option("--log", type=_levels, default="INFO", show_default=True, help="How much to say.")


@click.command()
@click.option("--host", help="Address to listen on, instead of [server] host.")
@click.option("--port", type=_PORT, help="Port to listen on, instead of [server] port.")
@click.option("--worker/--no-worker", default=True, help="Whether this process also decides and writes back.")
@_log_option
@config_option
@click.pass_obj
@plainly
def serve(tools: Tools, host: str | None, port: int | None, worker: bool, log: str, config: Path | None) -> None:
    """Receive webhooks, decide and write back, in one process."""
    tools.log_to_stderr(log)
    house = tools.build(tools.read_settings(config))
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = house.settings.server.model_copy(update=given)
    opened = tools.listen(server)
    try:
        house.start(worker=worker)
        _announce(house, f"http://{server.host}:{opened.getsockname()[1]}")
        until_stopped(tools.make_server(house, server, opened).run)
    finally:
        opened.close()
        ended = house.stop()
    sys.exit(0 if ended else 1)


@click.command()
@_log_option
@config_option
@click.pass_obj
@plainly
def worker(tools: Tools, log: str, config: Path | None) -> None:
    """Decide and write back only, beside a process that serves with --no-worker."""
    tools.log_to_stderr(log)
    house = tools.build(tools.read_settings(config))
    try:
        house.start()
        click.echo("Stepladder works; Ctrl-C stops it.")
        until_stopped(threading.Event().wait)
    finally:
        ended = house.stop()
    sys.exit(0 if ended else 1)


@click.command()
@click.argument("vendors", nargs=-1, required=True)
@click.option("--port", type=_PORT, default=0, help="Port of the first; the others take any free one.")
@click.option("--to", help="Address of a Stepladder, such as http://127.0.0.1:8080, to send webhooks to.")
@click.pass_obj
@plainly
def sandbox(tools: Tools, vendors: tuple[str, ...], port: int, to: str | None) -> None:
    """Run pretend VENDORS on loopback and print the settings that connect to them."""
    if len(set(vendors)) < len(vendors):
        raise click.BadParameter("each vendor can be named once")
    if to is not None and not (urlsplit(to).scheme in ("http", "https") and urlsplit(to).hostname):
        raise click.BadParameter(f"--to expected an address such as http://127.0.0.1:8080, got {to!r}")
    _heed_sigterm()  # before anything is made that must go again at the end
    open_desk = tools.pretend()
    desks = [(vendor, open_desk(vendor, port if number == 0 else 0)) for number, vendor in enumerate(vendors)]
    sites = "\n".join(desk.site_toml(vendor, "observe") for vendor, desk in desks)
    click.echo(f"# stepladder.toml\n{sites}\n# secrets.toml, chmod 600")
    click.echo(secrets_toml({vendor: desk.secrets() for vendor, desk in desks}))
    for vendor, desk in desks:
        email, token = desk.admin()
        given = f"STEPLADDER_SETUP_TOKEN={token}" + (f" STEPLADDER_SETUP_EMAIL={email}" if email else "")
        click.echo(f"# an administrator's, for `stepladder setup {vendor}`: {given}")
    for vendor, desk in desks if to else ():
        desk.subscribe(f"{str(to).rstrip('/')}/webhooks/{vendor}/{vendor}")
    from connectors.desk_page import serve as show  # here: a production install need not have the extra

    page = show(dict(desks))
    click.echo("The sandboxes run; Ctrl-C stops them.")
    click.echo(f"See the tickets, and act as customer or agent: {page.url}/")
    until_stopped(threading.Event().wait)
    page.stop()
    for _, desk in desks:
        desk.stop()


def _heed_sigterm() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def until_stopped(run: Callable[[], object]) -> None:
    """Run until SIGTERM or Ctrl-C, and return either way."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(SystemExit, KeyboardInterrupt):  # a server may keep them to itself
        run()
    click.echo("Stopping.", err=True)


def _announce(house: House, address: str) -> None:
    click.echo(f"Stepladder receives on {address}; policy {house.store.active_policy()}.")
    for name, site in house.settings.sites.items():
        deaf = "" if site.can_verify else ", but it has no webhook secret: every delivery is refused"
        click.echo(f"  {address}/webhooks/{site.vendor}/{name}  ({site.mode}{deaf})")
