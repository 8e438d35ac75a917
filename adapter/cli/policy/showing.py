"""`policy show`, `policy schema` and `policy reference`: a policy for people, the grammar for editors and readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

import policies
from adapter.cli.policy.chosen import policy_named
from adapter.cli.tools import Tools, config_option, plainly
from policies.matrix import matrix
from policies.reference import reference
from policies.schema import schema_text
from policies.sheet import Sheet, as_html, as_markdown, as_text

SPECIMEN = Path(policies.__file__).with_name("reference.yaml")
"""The policy whose sections are the examples of the reference."""

_FORMATS: dict[str, Callable[[Sheet], str]] = {"text": as_text, "markdown": as_markdown, "html": as_html}


@click.command("show")
@click.argument("policy", metavar="FILE")
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), default="text", show_default=True)
@config_option
@click.pass_obj
@plainly
def show_file(tools: Tools, policy: str, form: str, config: Path | None) -> None:
    """Print the escalation matrix of FILE: who, when and how for each level.

    FILE may also be an activated revision, or the word `active`.
    """
    click.echo(_FORMATS[form](matrix(policy_named(tools, policy, config))), nl=False)


@click.command("schema")
@plainly
def print_schema() -> None:
    """Print the JSON Schema of a policy, for editors that complete and check YAML."""
    click.echo(schema_text(), nl=False)


@click.command("reference")
@plainly
def print_reference() -> None:
    """Print the reference of the grammar as Markdown: every section, key, condition and order."""
    click.echo(reference(SPECIMEN.read_text(encoding="utf-8")), nl=False)
