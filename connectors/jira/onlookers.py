"""Who outside can read internal comments: a reporter with a seat at the site who can enter the project. It only asks.

Jira shows internal comments to whoever sees the issue itself; customers see requests in a portal, and no issue. A
team-managed service project that is open lets everybody in who has a seat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract import Refused
from connectors.jira.customers import Customers
from connectors.jira.discovery import Discovery
from connectors.jira.picture import is_customer, is_portal, person, person_ids
from connectors.jira.values import mapping, plain
from policies.model import TicketRef

READER = "the reporter, who can open the project"
PERHAPS = "perhaps the reporter, for Jira does not say whether they can open the project"


class Onlookers:
    """Finds out for one issue at a time. Safe to use from several threads."""

    def __init__(self, customers: Customers, discovery: Discovery, *, cloud: bool) -> None:
        self._customers, self._discovery, self._cloud = customers, discovery, cloud

    def of(self, ref: TicketRef, fields: Mapping[str, Any], account: str | None) -> str | None:
        """Return who it is, in words for a note's reader and for the log; None if nobody."""
        reporter = person(fields.get("reporter"))
        if reporter is None or is_portal(fields) is False or is_customer(fields.get("reporter")):
            return None
        if account in set(person_ids(fields.get("reporter"))):
            return None
        if self._cloud and self._is_open(fields):  # Data Center has no team-managed projects
            return READER
        customer = self._customers.is_one(reporter.id, ref, fields, account)
        return PERHAPS if customer is None else None if customer else READER

    def _is_open(self, fields: Mapping[str, Any]) -> bool:
        key = plain(mapping(fields.get("project")).get("key"))
        try:
            return bool(key and self._discovery.project(key).open)
        except Refused:
            return False
