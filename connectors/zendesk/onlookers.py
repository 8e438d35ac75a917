"""Who outside may read a ticket's internal notes (decision 19). Pure; where it cannot be told, nothing is told.

Agents of an account that a ticket is shared with see private comments too:
https://support.zendesk.com/hc/en-us/articles/4408893967514. A requester who is an agent opens their own ticket like any
other. End users, and whoever sees their organization's tickets, never see a private comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHARED_WITH = "sharing:count"
"""Among the names of a site: how many sharing agreements the account has; missing if nobody may tell us."""


def exposed(raw: Mapping[str, Any], requester: str | None, names: Mapping[str, str]) -> dict[str, object]:
    """Return `exposed` as far as it can be told of a ticket; `names` are the account's agents and agreements."""
    if "requester_id" in raw and requester is not None and f"user:{requester}" in names:
        return {"exposed": "the requester, who is an agent"}
    shared = raw.get("sharing_agreement_ids")
    if isinstance(shared, list):
        return {"exposed": _partners(shared, names)}
    agents_known = any(key.startswith("user:") for key in names)
    if "requester_id" in raw and agents_known and names.get(SHARED_WITH) == "0":
        return {"exposed": None}
    return {}


def _partners(shared: list[object], names: Mapping[str, str]) -> str | None:
    if not shared:
        return None
    partners = [names.get(f"sharing:{agreement}", "another account") for agreement in shared]
    return f"{' and '.join(dict.fromkeys(partners))}, who {'shares' if len(partners) == 1 else 'share'} the ticket"
