"""Jira Cloud, Jira Service Management and Jira Data Center as one vendor. Its SDK is imported on first use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from pydantic import SecretStr

from connectors.contract import Client, Connector, Keeper
from connectors.jira import webhook, writeback
from connectors.jira.settings import JiraSettings
from connectors.jira.tokens import consent
from connectors.site import Site, SiteSettings
from connectors.upkeep import Finding, Step, Uses


def _connect(
    site: Site,
    keeper: Keeper,
    clock: Callable[[], float] = time.monotonic,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Client:
    from connectors.jira.client import connect

    return connect(site, keeper, clock, now=now)


def _as_admin(settings: SiteSettings, email: str | None, token: SecretStr) -> SiteSettings:
    from connectors.jira.setup import as_admin

    return as_admin(settings, email, token)


def _set_up(site: Site, keeper: Keeper, uses: Uses, dry: bool) -> Iterator[Step]:
    from connectors.jira.setup import set_up

    return set_up(site, keeper, uses, dry)


def _examine(
    site: Site, keeper: Keeper, uses: Uses, now: datetime, sleep: Callable[[float], None]
) -> Iterator[Finding]:
    from connectors.jira.checkup import examine

    return examine(site, keeper, uses, now, sleep)


CONNECTOR = Connector(
    vendor="jira",
    title="Jira",
    settings=JiraSettings,
    verify=webhook.verify,
    delivery_id=webhook.delivery_id,
    tickets=webhook.tickets,
    read=webhook.read,
    plan=writeback.plan,
    check_target=writeback.check_target,
    connect=_connect,
    no_way_back=writeback.NO_WAY_BACK,
    consent=consent,
    as_admin=_as_admin,
    set_up=_set_up,
    examine=_examine,
)
