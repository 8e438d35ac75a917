"""Who outside may read a ticket's internal notes (decision 19). Pure; what a whole ticket leaves open, somebody may.

Agents of an account that a ticket is shared with see private comments too:
https://support.zendesk.com/hc/en-us/articles/4408893967514. A requester who is an agent opens their own ticket like any
other. End users, and whoever sees their organization's tickets, never see a private comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHARED_WITH = "sharing:count"
"""Among the names of a site: how many sharing agreements it has; missing while that, or its agents, is not known."""


def exposed(
    raw: Mapping[str, Any], requester: str | None, names: Mapping[str, str], *, whole: bool = False
) -> dict[str, object]:
    """Return `exposed` as far as it can be told of a ticket; of a `whole` one it is always told, if need be the worst.

    `names` are the account's agents and agreements, and who an answer says is an `agent:` or a `customer:`.
    """
    if requester is not None and not names.keys().isdisjoint({f"user:{requester}", f"agent:{requester}"}):
        return {"exposed": "the requester, who is an agent"}
    shared = raw.get("sharing_agreement_ids")
    if isinstance(shared, list) and shared:
        return {"exposed": _partners(shared, names)}
    alone = isinstance(shared, list) or names.get(SHARED_WITH) == "0"
    if alone and "requester_id" in raw and _asks_from_outside(requester, names):
        return {"exposed": None}
    return {"exposed": "perhaps somebody outside"} if whole else {}


def _asks_from_outside(requester: str | None, names: Mapping[str, str]) -> bool:
    """Say whether who asks is certainly no agent: nobody asks, or we are told, or all agents are known."""
    if requester is None or f"customer:{requester}" in names:
        return True
    return any(key.startswith("user:") for key in names)


def _partners(shared: list[object], names: Mapping[str, str]) -> str:
    partners = [names.get(f"sharing:{agreement}", "another account") for agreement in shared]
    return f"{' and '.join(dict.fromkeys(partners))}, who {'shares' if len(partners) == 1 else 'share'} the ticket"
