"""`policy check`: is this policy right, and does it pass its own tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from adapter.activation import Report, check
from adapter.cli.tools import Tools, config_option, plainly
from adapter.messenger import unheard
from adapter.settings import Settings, SettingsError


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@click.pass_obj
@plainly
def check_files(tools: Tools, files: tuple[Path, ...], config: Path | None) -> None:
    """Load each FILE, check its targets and run its own tests.

    If there is a stepladder.toml, each policy is also compared with the sites that are configured.
    """
    settings = _configured(tools, config)
    reports = [
        check(file.read_text(encoding="utf-8"), str(file), tools.vendors(), tools.clock(), settings) for file in files
    ]
    for file, report in zip(files, reports, strict=True):
        show(file, report, unheard(report.policy, settings) if settings is not None else ())
    sys.exit(0 if all(report.passed for report in reports) else 1)


def _configured(tools: Tools, config: Path | None) -> Settings | None:
    """Return the settings beside the policy; those that are there and cannot be read are only told of."""
    try:
        return tools.read_settings(config)
    except SettingsError as error:
        file = error.problems[0].source
        if config is not None:
            raise
        if Path(file).exists():
            click.echo(
                f"{file} has mistakes, so policies are not compared with its sites: {error.problems[0]}", err=True
            )
        return None


def show(file: Path, report: Report, more: Sequence[str] = ()) -> None:
    """Print what a check found, and more warnings."""
    passed = sum(result.passed for result in report.results)
    levels, rules = len(report.policy.levels), len(report.policy.rules)
    click.echo(f"{file}: {report.policy.name}, {levels} levels, {rules} rules, revision {report.policy.revision}")
    for problem in report.problems:
        click.echo(f"  error: {problem}")
    for warning in (*report.warnings, *more):
        click.echo(f"  warning: {warning}")
    for result in report.results:
        for failure in result.failures:
            click.echo(f"  FAILED {result.where} {result.name}\n         {failure}")
    click.echo(f"  {passed} of {len(report.results)} of its own tests pass")
