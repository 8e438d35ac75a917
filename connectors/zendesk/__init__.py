"""Zendesk Support: the parts by name."""

from __future__ import annotations

from connectors.contract import Connector
from connectors.zendesk.client import connect
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.webhook import delivery_id, read, tickets, verify
from connectors.zendesk.writeback import check_target, plan

CONNECTOR = Connector(
    vendor="zendesk",
    title="Zendesk Support",
    settings=ZendeskSettings,
    verify=verify,
    delivery_id=delivery_id,
    tickets=tickets,
    read=read,
    plan=plan,
    check_target=check_target,
    connect=connect,
)
