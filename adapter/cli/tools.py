"""What the commands are handed, so that they build nothing themselves, and how they say what went wrong."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

import click

from adapter.activation import PolicyRefused
from adapter.examination_house import File
from adapter.facts import FactFinder
from adapter.inspection import Inspection
from adapter.records import Store
from adapter.scheduling.lock import AlreadyWorking
from adapter.settings import Server, Settings, SettingsError
from adapter.vigilance import Log
from connectors.contract import Connector, Keeper
from policies.source import PolicyError

if TYPE_CHECKING:
    from connectors.sandboxing import Desk

P = ParamSpec("P")
R = TypeVar("R")


class Unavailable(Exception):
    """Something that this installation does not have; the text says how to get it."""


class Tables(Store, Inspection, File, Protocol):
    """The tables, as the commands use them."""


class House(Protocol):
    """A built Stepladder, as the commands use it."""

    @property
    def settings(self) -> Settings:
        """What it was built from."""

    @property
    def store(self) -> Store:
        """Where it keeps things."""

    def start(self, *, worker: bool = True, receives: bool = True) -> None:
        """Begin."""

    def stop(self, patience: float | None = None) -> bool:
        """End within so many seconds, or what [worker] stop says; False if something did not end in time."""


class WebServer(Protocol):
    """A server that takes connections."""

    def start(self) -> None:
        """Begin to answer."""

    def stop(self, patience: float = 5.0) -> bool:
        """Take no new connection, answer what has come, then hang up; False if some were left without an answer."""


class Tools(Protocol):
    """The assembly's functions, by what they give."""

    def read_settings(self, path: Path | None) -> Settings:
        """Read stepladder.toml."""

    def build(self, settings: Settings, *watchers: Callable[[str, dict[str, object]], None]) -> House:
        """Build a house."""

    def listen(self, server: Server) -> socket.socket:
        """Open the listening socket."""

    def make_server(self, house: House, server: Server, opened: socket.socket) -> WebServer:
        """Put a house's application behind an open socket."""

    def open_store(self, settings: Settings) -> Tables:
        """Open the tables, beside a process that works on them."""

    def finder(self, settings: Settings, store: Store) -> FactFinder:
        """Return what knows the facts beyond a ticket."""

    def keeper(self, settings: Settings) -> Keeper:
        """Return what keeps the tokens that vendors renew."""

    def vendors(self) -> Mapping[str, Connector]:
        """Return the connectors by vendor."""

    def pretend(self) -> Callable[[str, int], Desk]:
        """Return what opens a pretend vendor on a port. Raises Unavailable without the sandbox extra."""

    def clock(self) -> datetime:
        """Return the machine's time."""

    def log_to_stderr(self, settings: Log, level: str | None = None) -> None:
        """Send the log to standard error; `level` instead of the settings' own."""


config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="stepladder.toml to use (else $STEPLADDER_CONFIG, else the one in this folder).",
)


_HUNG_UP = 128 + signal.SIGPIPE


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Let expected errors end a command with their sentences instead of a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:  # whoever read us, such as `head`, has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(_HUNG_UP)
        except (SettingsError, PolicyError, PolicyRefused, AlreadyWorking, Unavailable, OSError) as error:
            click.echo(str(error), err=True)
            sys.exit(2)

    return run


def secrets_toml(sites: Mapping[str, Mapping[str, Any]]) -> str:
    """Write secrets.toml for these sites."""
    tables = []
    for name, secrets in sites.items():
        lines = [f"{key} = {json.dumps(value)}" for key, value in secrets.items()]
        tables.append("\n".join([f"[sites.{name}]", *lines, ""]))
    return "\n".join(tables)
