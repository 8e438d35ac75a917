"""`stepladder setup SITE`: what a site needs at its vendor, made or mended, told, and how to undo it.

An administrator's credentials are asked for, used and forgotten: they are never stored and never shown (decision 23).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from adapter.cli.meant import EMAIL, TOKEN, Forgetful, administrator, policy_of, site_named, store_of, uses_at
from adapter.cli.sought import printable
from adapter.cli.tools import Tools, Unavailable, config_option, plainly
from adapter.credentials import secret_settings, variable
from adapter.handwritten import NotWritten, line, write
from adapter.sections import reached_under
from adapter.settings import Settings
from adapter.unfinished import Unfinished, only_setup, seen
from adapter.uses import hook_path
from connectors.contract import Connector, Keeper, Refused, TryLater
from connectors.site import Site, SiteSettings
from connectors.upkeep import Done, Step, Uses

_KEPT = 2
"""So many secrets of a kind are kept: the new one, and the one before it while senders change over."""
_MARKS = {Done.FAILED: "FAILED", Done.BY_HAND: "BY HAND"}


@click.command()
@click.argument("site")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done; nothing is changed anywhere.")
@click.option("--as", "email", metavar="EMAIL", help="The administrator's e-mail address, if the vendor asks for one.")
@click.option("--hook", metavar="URL", help="Address under which the vendor reaches Stepladder (else public_url).")
@click.option("--write", "writes", is_flag=True, help="Also write what belongs into stepladder.toml.")
@config_option
@click.pass_obj
@plainly
def setup(
    tools: Tools, site: str, dry_run: bool, email: str | None, hook: str | None, writes: bool, config: Path | None
) -> None:
    """Make or mend what SITE needs at its vendor: webhook and its secret, level field. Run it as often as you like.

    An administrator's token comes from $STEPLADDER_SETUP_TOKEN (and $STEPLADDER_SETUP_EMAIL) or is asked for; it is
    not stored. Without one Stepladder's own account tries. Ends with 0 if all is there, 1 if something is left to do
    (by hand, or with --dry-run at all), 2 if something failed.
    """
    file = tools.read_settings(config).file
    with _alone(file, dry_run) as unfinished:
        settings = tools.read_settings(config)  # again: another set-up may just have written
        given, name = site_named(settings, site), site.rpartition("/")[2]
        connector = tools.vendors()[given.vendor]
        uses = uses_at(policy_of(store_of(tools, settings), settings), settings, name, _base(hook, given, name))
        try:
            admin = administrator(connector, given, email, asks=True)
        except Refused as error:
            raise Unavailable(str(error)) from error
        if admin is None:
            click.echo("No administrator's token was given: Stepladder's own account tries.", err=True)
        keeper = Forgetful() if admin is not None else tools.keeper(settings)
        click.echo(f"{name} ({connector.title}){', nothing is changed' if dry_run else ''}")
        visited = Site(name=name, settings=_unproven(admin or given, unfinished.of(name)))
        steps, left = [], False
        whose = f"of [sites.{name}]" if admin is None else f"the administrator's: ${TOKEN}, and --as or ${EMAIL}"
        for step in _taken(connector, visited, keeper, uses, dry_run, whose):
            if step.done is not Done.FAILED:
                unfinished.end(name)  # the vendor knows what was stored before this step
            _print(step)
            steps.append(step)
            if not dry_run:
                left |= _secrets(settings, name, given, step, unfinished)
        unfinished.end(name)
        if dry_run:
            left |= _would(settings, steps)
        else:
            left |= _settings(settings, name, steps, writes)
            if writes or any(step.secrets for step in steps):
                tools.read_settings(config)  # what was written must be readable
    left |= any(step.done is Done.BY_HAND for step in steps)
    failed = any(step.done is Done.FAILED for step in steps)
    sys.exit(2 if failed else 1 if left else 0)


@contextmanager
def _alone(file: Path, dry: bool) -> Iterator[Unfinished]:
    """Be the only set-up of these settings; who only looks needs no turn."""
    if dry:
        yield seen(file)
        return
    try:
        with only_setup(file) as unfinished:
            yield unfinished
    except BlockingIOError as error:
        raise Unavailable(
            f"Another `stepladder setup` is running for {file.name}: wait until it ends, then run it again."
        ) from error


def _base(hook: str | None, given: SiteSettings, name: str) -> str | None:
    """Return the address of --hook without the webhook's own path, which may stand in it."""
    try:
        return hook and reached_under(hook, re.escape(hook_path(given.vendor, name)))
    except ValueError as error:
        raise click.BadParameter(f"{error}; the webhook's own path is {hook_path(given.vendor, name)}") from error


def _unproven(settings: SiteSettings, unknown: Iterable[str]) -> SiteSettings:
    """Return the settings without the secrets that the vendor may not know, so that they are made anew."""
    emptied = {setting: () if listed else None for setting, listed in secret_settings(type(settings)).items()}
    return settings.model_copy(update={setting: emptied[setting] for setting in unknown if setting in emptied})


def _taken(connector: Connector, site: Site, keeper: Keeper, uses: Uses, dry: bool, whose: str) -> Iterator[Step]:
    """Yield the steps as they are taken; whoever gets one stores its secrets before the next one is asked for."""
    if connector.set_up is None:
        raise Unavailable(f"There is no set-up for {connector.title}; its README has the steps.")
    try:
        yield from connector.set_up(site, keeper, uses, dry)
    except (TryLater, Refused) as error:
        click.echo(f"  {'FAILED':13} {printable(str(error))}")
        if "credentials" in str(error):
            click.echo(f"{'':16}The credentials were {whose}.")
        click.echo("Nothing more was tried. Run it again: what is there already is left as it is.", err=True)
        sys.exit(2)


def _print(step: Step) -> None:
    click.echo(f"  {_MARKS.get(step.done, step.done.value):13} {printable(step.says)}")
    if step.done is Done.THERE:
        return
    click.echo(f"{'':16}Who may: {step.role}.")
    for number, click_path in enumerate(step.by_hand, 1):
        click.echo(f"{'':16}{number}. {click_path}")
    if step.undo:
        click.echo(f"{'':16}To undo: {step.undo}")


# --- what belongs into our own files ------------------------------------------------------------------------
def _secrets(settings: Settings, name: str, given: SiteSettings, step: Step, unfinished: Unfinished) -> bool:
    """Store a step's secrets beside those that are there; return whether something is left for a person.

    Raises Unavailable if that fails: a secret that cannot be kept must not be used.
    """
    left, where, file = False, ("sites", name), settings.file.parent / "secrets.toml"
    for setting, secret in step.secrets.items():
        overriding = [
            word for word in (variable(where, setting), f"{variable(where, setting)}_FILE") if word in os.environ
        ]
        unfinished.begin(name, [setting])
        try:
            write(file, where, setting, _value(given, setting, secret), private=True)
        except (NotWritten, OSError) as error:
            raise Unavailable(f"{error}. Nothing more was done: put {file.name} right, then run it again.") from error
        click.echo(f"  {'stored':13} {setting} in {file.name}; a running Stepladder takes it up when it is restarted.")
        if overriding:
            click.echo(f"  {'BY HAND':13} {overriding[0]} is set and wins over {file.name}: change it or take it away.")
            left = True
    return left


def _value(given: SiteSettings, setting: str, secret: SecretStr) -> str | list[str]:
    if not secret_settings(type(given)).get(setting):
        return secret.get_secret_value()
    before: Any = getattr(given, setting, ())
    known = [kept.get_secret_value() for kept in before]
    return list(dict.fromkeys([secret.get_secret_value(), *known]))[:_KEPT]


def _would(settings: Settings, steps: Iterable[Step]) -> bool:
    """Tell which settings would be written; return whether anything at all would be done."""
    wanted = {key: value for step in steps for key, value in step.settings.items()}
    for key, value in wanted.items():
        click.echo(f"  {'would write':13} {line(key, value)} in {settings.file.name}, with --write")
    return bool(wanted) or any(step.done in (Done.WOULD_CREATE, Done.WOULD_REPAIR) for step in steps)


def _settings(settings: Settings, name: str, steps: Iterable[Step], writes: bool) -> bool:
    """Write, or print, the settings that belong into stepladder.toml; return whether they are left for a person."""
    wanted = {key: value for step in steps for key, value in step.settings.items()}
    left, where = False, ("sites", name)
    for key, value in wanted.items():
        if writes:
            try:
                write(settings.file, where, key, value)
                click.echo(f"  {'written':13} {line(key, value)} in {settings.file.name}")
                continue
            except NotWritten as error:
                click.echo(f"  {'BY HAND':13} {error}")
        click.echo(
            f"  {'BY HAND':13} in {settings.file.name}, [sites.{name}]: {line(key, value)}    (or run with --write)"
        )
        left = True
    return left
