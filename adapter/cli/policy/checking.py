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
from adapter.texts import text_of
from policies.source import PolicyError
from policies.wording import amount


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
    reports = [_reported(tools, file, settings) for file in files]
    sys.exit(2 if None in reports else 0 if all(report.passed for report in reports if report) else 1)


def _reported(tools: Tools, file: Path, settings: Settings | None) -> Report | None:
    """Check a file and print what was found; None if it does not even load, which keeps no other from being checked."""
    try:
        report = check(text_of(file), str(file), tools.vendors(), tools.clock(), settings)
    except (PolicyError, OSError) as error:
        click.echo(str(error), err=True)
        return None
    show(file, report, unheard(report.policy, settings) if settings is not None else ())
    return report


def _configured(tools: Tools, config: Path | None) -> Settings | None:
    """Return the settings beside the policy; those that are there and cannot be read are only told of."""
    try:
        return tools.read_settings(config)
    except SettingsError as error:
        file = error.problems[0].source
        if config is not None:
            raise
        if Path(file).exists():
            click.echo(f"Policies are not compared with the configured sites: {error}", err=True)
        return None


def show(file: Path, report: Report, more: Sequence[str] = ()) -> None:
    """Print what a check found, and more warnings."""
    passed = sum(result.passed for result in report.results)
    levels = amount(len(report.policy.levels), "level")
    rules = amount(sum(not rule.implied for rule in report.policy.rules), "rule")
    click.echo(f"{file}: {report.policy.name}, {levels}, {rules}, revision {report.policy.revision}")
    for problem in report.problems:
        click.echo(f"  error: {problem}")
    for warning in (*report.warnings, *more):
        click.echo(f"  warning: {warning}")
    for result in report.results:
        for remark in result.remarks:
            click.echo(f'  warning: {result.where}: test "{result.name}": {remark}')
        if not result.passed:
            click.echo("\n         ".join([f"  FAILED {result.where} {result.name}", *result.failures]))
    if report.results:
        click.echo(f"  {_tested(passed, len(report.results))}")


def _tested(passed: int, tests: int) -> str:
    if tests == 1:
        return f"its own test {'passes' if passed else 'fails'}"
    return f"its own {tests} tests pass" if passed == tests else f"{passed} of its own {tests} tests pass"
