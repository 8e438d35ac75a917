"""`policy test`: play the tests that travel with a policy, and say what came of each."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import click

from adapter.cli.policy.junit import Suite, junit
from adapter.cli.tools import Tools, plainly
from adapter.texts import text_of
from policies.document import parse
from policies.effort import Effort
from policies.simulate import MOST_ASKED, ExampleResult, play
from policies.source import PolicyError

_WIDTH = 100


@click.command("test")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--junit", "report", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML here, too.")
@click.option("-k", "wanted", metavar="NAME", default="", help="Only tests whose name contains this.")
@click.pass_obj
@plainly
def test_files(tools: Tools, files: tuple[Path, ...], report: Path | None, wanted: str) -> None:
    """Play the tests of each FILE.

    Ends with 0 if all pass, 1 if one fails, 2 if a file cannot be read or no test has that name.
    """
    suites = [_played(tools, file, wanted) for file in files]
    if report is not None:
        report.write_text(junit(suites), encoding="utf-8")
    failed = sum(suite.failed for suite in suites)
    played = sum(len(suite.results) for suite in suites)
    line = f"{played - failed} passed, {failed} failed"
    broken = sum(bool(suite.error) for suite in suites)
    line += f", {broken} of {len(suites)} files cannot be read" if broken else ""
    click.secho(f" {line} ".center(_WIDTH, "="), fg="red" if failed or broken else "green", bold=True)
    if wanted and not played and not broken:
        click.echo(f"No test has {wanted!r} in its name.", err=True)
    sys.exit(2 if broken or (wanted and not played) else 1 if failed else 0)


def _played(tools: Tools, file: Path, wanted: str) -> Suite:
    try:
        policy = parse(text_of(file), source=str(file))
    except (PolicyError, OSError) as error:
        click.echo(f"{file}: cannot be read\n{error}\n", err=True)
        return Suite(file=str(file), name=file.stem, error=str(error))
    click.echo(f"{file}: {policy.name}, revision {policy.revision}")
    begun = tools.clock()
    chosen = [example for example in policy.examples if wanted.casefold() in example.name.casefold()]
    results, effort = [], Effort(MOST_ASKED)
    for example in chosen:
        results.append(play(policy, example, effort))
        _show(results[-1])
    if not policy.examples:
        click.echo("  it has no tests")
    click.echo()
    seconds = (tools.clock() - begun).total_seconds()
    return Suite(file=str(file), name=policy.name, results=tuple(results), seconds=seconds)


def _show(result: ExampleResult) -> None:
    word = click.style("PASSED", fg="green") if result.passed else click.style("FAILED", fg="red")
    click.echo(f"  {word} {result.name}" + ("" if result.passed else f"  ({result.where})"))
    for failure in result.failures:
        for line in textwrap.wrap(failure, _WIDTH - 9, break_on_hyphens=False):
            click.echo(f"       E {line}")
