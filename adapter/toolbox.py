"""What the command line is handed (see `adapter.cli.tools.Tools`), and the command itself."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from adapter.assembly import build, finder_of, keeper_of, make_app, read_settings, store_of, system_clock
from adapter.cli import cli
from adapter.cli.tools import Unavailable
from adapter.house import House
from adapter.logs import log_to_stderr
from adapter.settings import Server, Settings
from adapter.store.sql import SqlStore
from adapter.web.server import WebServer, listen, make_server
from connectors import discover

if TYPE_CHECKING:
    from connectors.sandboxing import Desk


class Toolbox:
    """What the command line is handed (see adapter.cli.tools.Tools)."""

    read_settings = staticmethod(read_settings)
    build = staticmethod(build)
    listen = staticmethod(listen)
    vendors = staticmethod(discover)
    clock = staticmethod(system_clock)
    keeper = staticmethod(keeper_of)
    finder = staticmethod(finder_of)
    log_to_stderr = staticmethod(log_to_stderr)

    def make_server(self, house: House, server: Server, opened: socket.socket) -> WebServer:
        """Put a house's application behind an open socket."""
        return make_server(make_app(house), server, opened)

    def open_store(self, settings: Settings) -> SqlStore:
        """Open the tables, beside a process that works on them; they are closed when the command ends."""
        store = store_of(settings)
        click.get_current_context().call_on_close(store.close)
        store.database.migrate()
        return store

    def pretend(self) -> Callable[[str, int], Desk]:
        """Return what opens a pretend vendor on a port; all share one authority."""
        try:
            from connectors.sandboxing import Authority
        except ImportError:
            raise Unavailable(
                "The pretend vendors come with the `sandbox` extra; in a clone: pip install '.[sandbox]'"
            ) from None
        authority = Authority()

        def open_desk(vendor: str, port: int) -> Desk:
            if vendor not in discover():
                raise Unavailable(f"There is no vendor {vendor!r}; there are {', '.join(discover())}.")
            desk: Desk = importlib.import_module(f"connectors.{vendor}.sandbox").build(authority, port)
            return desk

        return open_desk


def command_line() -> None:
    """Run the `stepladder` command."""
    cli(obj=Toolbox())
