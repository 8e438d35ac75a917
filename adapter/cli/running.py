"""`stepladder serve`, `worker` and `sandbox`: processes that run until they are told to stop."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from adapter.cli.tools import House, Tools, WebServer, config_option, plainly, secrets_toml
from adapter.settings import Settings

_levels = click.Choice(["debug", "info", "warning", "error"], case_sensitive=False)
_PORT = click.IntRange(0, 65535)
_NOW_AND_THEN = 0.5  # seconds
_monitor_option = click.option("--monitor-port", type=_PORT, help="Port of numbers and health, for [monitor] port.")
_log_option = click.option("--log", type=_levels, help="How much to say, instead of [log] level.")


@click.command()
@click.option("--host", help="Address to listen on, instead of [server] host.")
@click.option("--port", type=_PORT, help="Port to listen on, instead of [server] port.")
@click.option("--worker/--no-worker", default=True, help="Whether this process also decides and writes back.")
@_monitor_option
@_log_option
@config_option
@click.pass_obj
@plainly
def serve(
    tools: Tools,
    host: str | None,
    port: int | None,
    worker: bool,
    monitor_port: int | None,
    log: str | None,
    config: Path | None,
) -> None:
    """Receive webhooks, decide and write back, in one process."""
    settings = _watched_at(monitor_port, tools.read_settings(config))
    tools.log_to_stderr(settings.log, log)
    house = tools.build(settings)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = house.settings.server.model_copy(update=given)
    opened = tools.listen(server)
    web = tools.make_server(house, server, opened)
    web.start()  # what comes while the house starts is answered 503, and comes again
    with told_to_stop() as told:
        try:
            house.start(worker=worker)
            _announce(house, f"http://{server.host}:{opened.getsockname()[1]}")
            wait_for(told)
            click.echo("Stopping.", err=True)
        finally:
            _end(house, web)


@click.command()
@_monitor_option
@_log_option
@config_option
@click.pass_obj
@plainly
def worker(tools: Tools, monitor_port: int | None, log: str | None, config: Path | None) -> None:
    """Decide and write back only, beside a process that serves with --no-worker."""
    settings = _watched_at(monitor_port, tools.read_settings(config))
    tools.log_to_stderr(settings.log, log)
    house = tools.build(settings)
    with told_to_stop() as told:
        try:
            house.start(receives=False)
            click.echo("Stepladder works; Ctrl-C stops it.")
            wait_for(told)
            click.echo("Stopping.", err=True)
        finally:
            _end(house)


def _watched_at(port: int | None, settings: Settings) -> Settings:
    """Let processes that share a machine and its settings each have a port of their own."""
    if port is None:
        return settings
    return replace(settings, monitor=settings.monitor.model_copy(update={"port": port}))


def _end(house: House, web: WebServer | None = None) -> None:
    """Answer what has come, then finish or give back the looks; all of it in the time that [worker] stop gives."""
    ends = time.monotonic() + house.settings.worker.stop
    if web is not None:
        web.stop(house.settings.worker.stop / 2)
    house.stop(max(0.0, ends - time.monotonic()))


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
    until_stopped(lambda: wait_for(threading.Event()))
    page.stop()
    for _, desk in desks:
        desk.stop()


def _heed_sigterm() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


@contextlib.contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Yield what SIGTERM and Ctrl-C set. They are heeded to the very end: a second one hurries nothing."""
    told = threading.Event()
    before = {one: signal.signal(one, lambda *_: told.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    except BaseException:
        for one, handler in before.items():
            signal.signal(one, handler)
        raise


def wait_for(told: threading.Event) -> None:
    """Wait until it is set. Now and then the main thread must wake: a signal that another thread took waits for it."""
    while not told.wait(_NOW_AND_THEN):
        pass


def until_stopped(run: Callable[[], object]) -> None:
    """Run until SIGTERM or Ctrl-C, and return either way."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(SystemExit, KeyboardInterrupt):  # a server may keep them to itself
        run()
    click.echo("Stopping.", err=True)


def _announce(house: House, address: str) -> None:
    active = house.store.active_policy()
    decides = f"policy {active}" if active is not None else "no policy yet: the first worker to start activates one"
    click.echo(f"Stepladder receives on {address}; {decides}.")
    for name, site in house.settings.sites.items():
        deaf = "" if site.can_verify else ", but it has no webhook secret: every delivery is refused"
        click.echo(f"  {address}/webhooks/{site.vendor}/{name}  ({site.mode}{deaf})")
