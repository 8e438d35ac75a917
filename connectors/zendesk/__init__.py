"""Zendesk Support: the parts by name."""

from __future__ import annotations

from connectors.contract import Connector
from connectors.zendesk.checkup import examine
from connectors.zendesk.client import connect
from connectors.zendesk.settings import ZendeskSettings
from connectors.zendesk.setup import as_admin, set_up
from connectors.zendesk.tokens import consent
from connectors.zendesk.webhook import delivery_id, read, tickets, verify
from connectors.zendesk.writeback import NO_WAY_BACK, check_target, plan

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
    no_way_back=NO_WAY_BACK,
    as_admin=as_admin,
    consent=consent,
    set_up=set_up,
    examine=examine,
)
