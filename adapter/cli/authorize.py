"""`stepladder authorize`: a person agrees in the browser, and what that buys is kept. Nothing listens meanwhile."""

from __future__ import annotations

import difflib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import click

from adapter.cli.tools import Tools, Unavailable, config_option, plainly
from adapter.settings import Settings
from connectors.calls import at_length
from connectors.contract import Connector, Refused, TryLater
from connectors.site import Site, SiteSettings
from connectors.upkeep import Consent


@click.command()
@click.argument("site")
@config_option
@click.pass_obj
@plainly
def authorize(tools: Tools, site: str, config: Path | None) -> None:
    """Let a person agree, in the browser, that Stepladder acts for them at SITE."""
    settings = tools.read_settings(config)
    chosen = _chosen(settings, site)
    connector = tools.vendors()[chosen.vendor]
    if connector.consent is None:
        raise Unavailable(f"{connector.title} knows no consent of a person; its README says how we prove ourselves.")
    try:
        consent, keeper = connector.consent(chosen), tools.keeper(settings)
        code = _agreed(consent, secrets.token_urlsafe(24))
        hand = _Hand(at_length(lambda: consent.redeem(code)))
        try:
            account = _account(connector, site, chosen, hand)
        finally:
            if not hand.empty:
                keeper.save(site, hand.load(site))
        click.echo(f"Kept. {connector.title} lets us in as account {account}.")
    except (TryLater, Refused) as error:
        raise Unavailable(f"{connector.title} at {chosen.url}: {error}") from error
    click.echo("A running Stepladder takes it up by itself, within five minutes.")


def _chosen(settings: Settings, site: str) -> SiteSettings:
    chosen = settings.sites.get(site)
    if chosen is None:
        near = difflib.get_close_matches(site, settings.sites, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        raise click.BadParameter(f"expected a site ({', '.join(settings.sites)}), found {site!r}{guess}")
    return chosen


def _agreed(consent: Consent, state: str) -> str:
    """Ask a person to agree and to bring the address that they were led to; return the code in it."""
    click.echo("Log in to the vendor as the account that Stepladder shall act as, for it will act as whoever agrees.")
    click.echo("It will be asked to allow:")
    for scope, means in consent.scopes.items():
        click.echo(f"  {scope}  {means}".rstrip())
    click.echo(f"\nOpen this address:\n\n{consent.address}&{urlencode({'state': state})}\n")
    click.echo(f"After that the browser goes to {consent.redirect_url}?…, where nothing answers. That is right:")
    return code_in(click.prompt("copy the whole address from the address bar and paste it here"), state)


def code_in(pasted: str, state: str) -> str:
    """Return the code in the address that the browser was led to. Raises Unavailable unless it answers our question."""
    said = parse_qs(urlsplit(pasted.strip()).query)
    one = {name: values[0] for name, values in said.items() if len(values) == 1}
    if "error" in one:
        why = one.get("error_description", one["error"])
        raise Unavailable(f"Nobody agreed: the vendor says {why!r}. Nothing was changed.")
    if "code" not in one or "state" not in one:
        raise Unavailable("Expected the whole address with code=… and state=… in it, got something else. Start again.")
    if not hmac.compare_digest(one["state"].encode(), state.encode()):
        raise Unavailable("This address answers another question than ours (its state differs). Start again.")
    return one["code"]


class _Hand:
    """Holds what a code has bought until it is known whose it is; a code buys only once."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._kept = kept

    @property
    def empty(self) -> bool:
        """It was somebody else's, and is not kept."""
        return not self._kept

    def load(self, site: str) -> Mapping[str, str]:
        """Return what is held."""
        return self._kept

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Hold this instead."""
        self._kept = kept

    def turn(self, site: str) -> AbstractContextManager[None]:
        """Let us go ahead: nobody else knows of it."""
        return nullcontext()


def _account(connector: Connector, name: str, settings: SiteSettings, hand: _Hand) -> str:
    """Ask as whom we are let in. Raises Refused if it is another account than the settings say, with an empty hand."""
    unnamed = settings.model_copy(update={"account": None})
    client = connector.connect(Site(name=name, settings=unnamed), hand)
    try:
        account = at_length(client.account)
    finally:
        client.close()
    if settings.account not in (None, account):
        hand.save(name, {})
        raise Refused(
            f"we are let in as account {account}, but the settings say account = {settings.account!r}: nothing was "
            "kept; log in as that account, or correct the settings"
        )
    return account
