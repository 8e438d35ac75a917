"""Jira Cloud, Jira Service Management and Jira Data Center as one vendor. Its SDK is imported on first use."""

from __future__ import annotations

from connectors.contract import Client, Connector, Keeper, Site
from connectors.jira import webhook, writeback
from connectors.jira.settings import JiraSettings


def _connect(site: Site, keeper: Keeper) -> Client:
    from connectors.jira.client import connect

    return connect(site, keeper)


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
)
