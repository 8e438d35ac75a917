"""`policy check` and `policy activate`: is this policy right, and make it the one that decides."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from adapter.activation import Report, activate, check
from adapter.cli.tools import Tools, config_option, plainly


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
@plainly
def check_files(tools: Tools, files: tuple[Path, ...]) -> None:
    """Load each FILE, check its targets and run its own tests."""
    reports = [check(file.read_text(encoding="utf-8"), str(file), tools.vendors(), tools.clock()) for file in files]
    for file, report in zip(files, reports, strict=True):
        _show(file, report)
    sys.exit(0 if all(report.passed for report in reports) else 1)


@click.command("activate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@click.pass_obj
@plainly
def activate_file(tools: Tools, file: Path, config: Path | None) -> None:
    """Check FILE and make it the policy that decides. Escalated tickets keep the revision they have."""
    store = tools.open_store(tools.read_settings(config))
    report = check(file.read_text(encoding="utf-8"), str(file), tools.vendors(), tools.clock())
    _show(file, report)
    before = store.active_policy()
    activate(report, store, tools.clock())
    again = " (it was active already)" if before == report.policy.revision else ""
    click.echo(f"Active now: {report.policy.name}, revision {report.policy.revision}{again}.")


def _show(file: Path, report: Report) -> None:
    passed = sum(result.passed for result in report.results)
    levels, rules = len(report.policy.levels), len(report.policy.rules)
    click.echo(f"{file}: {report.policy.name}, {levels} levels, {rules} rules, revision {report.policy.revision}")
    for problem in report.problems:
        click.echo(f"  error: {problem}")
    for warning in report.warnings:
        click.echo(f"  warning: {warning}")
    for result in report.results:
        for failure in result.failures:
            click.echo(f"  FAILED {result.where} {result.name}\n         {failure}")
    click.echo(f"  {passed} of {len(report.results)} of its own tests pass")
