"""The `stepladder` command: thin words around the other rooms. Every error is a sentence and an exit code."""

from __future__ import annotations

import click

from adapter import VERSION
from adapter.cli.authorize import authorize
from adapter.cli.backing_up import backup
from adapter.cli.calls import calls
from adapter.cli.cases import cases
from adapter.cli.deliveries import deliveries
from adapter.cli.demo import demo
from adapter.cli.doctor import doctor
from adapter.cli.erasing import erase
from adapter.cli.policy import policy
from adapter.cli.running import sandbox, serve, worker
from adapter.cli.setup import setup
from adapter.cli.switches import pause, resume
from adapter.cli.undoing import undo
from adapter.cli.watching import missed, replay

__all__ = ["cli"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="stepladder")
def cli() -> None:
    """Escalations for the help desk you have: webhooks in, one policy, write-backs out."""


for command in (serve, worker, setup, doctor, authorize, sandbox, demo, pause, resume, missed, replay, erase, policy):
    cli.add_command(command)
for looking_after in (deliveries, calls, cases, undo, backup):
    cli.add_command(looking_after)
