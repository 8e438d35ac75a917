"""Which site a command means, and what the policy does with its tickets. It asks no vendor."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click
from pydantic import SecretStr

from adapter.cli.tools import Tables, Tools, Unavailable
from adapter.databases import is_server
from adapter.records import Store
from adapter.settings import Settings
from adapter.shelf import Shelf
from adapter.texts import text_of
from adapter.uses import uses_of
from connectors.contract import Connector
from connectors.site import SiteSettings
from connectors.upkeep import Uses
from policies.document import parse
from policies.policy import Policy

TOKEN, EMAIL = "STEPLADDER_SETUP_TOKEN", "STEPLADDER_SETUP_EMAIL"


class Forgetful:
    """A keeper that keeps nothing: what an administrator's visit renews is gone with it."""

    def load(self, site: str) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Keep nothing."""

    def turn(self, site: str) -> AbstractContextManager[None]:
        """Let everybody go ahead."""
        return nullcontext()


def administrator(
    connector: Connector, settings: SiteSettings, email: str | None, *, asks: bool
) -> SiteSettings | None:
    """Return the settings with an administrator's credentials for this run, from the environment or the keyboard.

    None if nobody gives any. They are never stored, and never shown (decision 23).
    """
    token, email = os.environ.get(TOKEN, "").strip(), email or os.environ.get(EMAIL) or None
    if not token and asks and sys.stdin.isatty():
        asked = "Administrator's token (empty: Stepladder's own account)"
        token = click.prompt(asked, default="", hide_input=True, show_default=False).strip()
    if not token:
        return None
    if connector.as_admin is None:
        raise Unavailable(f"{connector.title} takes no administrator's token; leave {TOKEN} out.")
    return connector.as_admin(settings, email, SecretStr(token))


def site_named(settings: Settings, name: str) -> SiteSettings:
    """Return a site by its name, or by `vendor/name`."""
    found = settings.sites.get(name.rpartition("/")[2])
    if found is None or name not in (name.rpartition("/")[2], f"{found.vendor}/{name.rpartition('/')[2]}"):
        near = difflib.get_close_matches(name, settings.sites, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        raise click.BadParameter(f"expected a site ({', '.join(settings.sites)}), found {name!r}{guess}")
    return found


def store_of(tools: Tools, settings: Settings) -> Tables | None:
    """Open the tables, if there are any yet: who only asks makes no file."""
    file = Path(settings.database.removeprefix("sqlite:///"))
    return tools.open_store(settings) if is_server(settings.database) or file.is_file() else None


def policy_of(store: Store | None, settings: Settings) -> Policy | None:
    """Return the active policy; before the first start the file, if there is one. Raises PolicyError."""
    active = store.active_policy() if store is not None else None
    if store is not None and active is not None:
        return Shelf(store.policy_text).get(active)
    file = settings.policy
    return parse(text_of(file, file.name), source=file.name) if file.is_file() else None


def uses_at(
    policy: Policy | None, settings: Settings, name: str, hook: str | None = None, wrote: int | None = None
) -> Uses:
    """Return what a policy does at a site.

    `hook`: the public address, instead of the settings'; `wrote`: how often we wrote there in the last thirty days.
    """
    return uses_of(policy, settings.sites[name].vendor, name, hook or settings.server.public_url, wrote)
