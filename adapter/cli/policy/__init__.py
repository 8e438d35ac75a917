"""`stepladder policy …`: read a policy, try it, compare it, explain it, and make it the one that decides."""

from __future__ import annotations

import click

from adapter.cli.policy.activating import activate_file
from adapter.cli.policy.checking import check_files
from adapter.cli.policy.comparing import diff_policies, list_policies
from adapter.cli.policy.explaining import explain_ticket
from adapter.cli.policy.showing import print_reference, print_schema, show_file
from adapter.cli.policy.testing import test_files

__all__ = ["policy"]


@click.group()
def policy() -> None:
    """Check, test, show, compare and explain policies, and activate one."""


for command in (
    check_files,
    test_files,
    show_file,
    print_schema,
    print_reference,
    explain_ticket,
    activate_file,
    list_policies,
    diff_policies,
):
    policy.add_command(command)
