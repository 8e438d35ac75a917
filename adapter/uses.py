"""What a policy does with one site's tickets, for those who set the site up or examine it. Pure; it asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from connectors.upkeep import Placed, Uses
from policies.configured import asked_fields
from policies.policy import Policy

MONTH = timedelta(days=30)
"""Over which our writes are counted, beside what a vendor's plan allows in a month."""


def uses_of(
    policy: Policy | None, vendor: str, site: str, public_url: str | None = None, writes_per_month: int | None = None
) -> Uses:
    """Return what must exist at a site, and what our writes change there; without a policy, the bare address.

    `public_url`: the address under which vendors reach this Stepladder, without a path.
    """
    hook = public_url and public_url.rstrip("/") + hook_path(vendor, site)
    if policy is None:
        return Uses(hook=hook, writes_per_month=writes_per_month)
    return Uses(
        targets=tuple(_placed(policy, vendor, site)),
        fields=asked_fields(policy),
        sets=frozenset(level.priority.to for level in policy.levels if level.priority is not None),
        levels=policy.top,
        hook=hook,
        scope=_scope(policy, vendor, site),
        writes_per_month=writes_per_month,
    )


def hook_path(vendor: str, site: str) -> str:
    """Return the path under which a site's webhooks are received."""
    return f"/webhooks/{vendor}/{site}"


def _placed(policy: Policy, vendor: str, site: str) -> Iterator[Placed]:
    """Yield every target a ticket of this site may get, each once for a level."""
    for level in policy.levels:
        found, sets = [], frozenset({level.priority.to} if level.priority is not None else ())
        for target in (*level.targets(vendor, site), *level.fallback(vendor, site)):
            if target and target not in found:
                found.append(target)
                yield Placed(level=level.number, name=level.name, target=target, take=level.take, sets=sets)


def _scope(policy: Policy, vendor: str, site: str) -> Mapping[str, tuple[str, ...]]:
    choices = policy.applies_to.get(f"{vendor}/{site}", policy.applies_to.get(vendor, ()))
    named: dict[str, tuple[str, ...]] = {}
    for choice in choices:
        if choice.only:
            named[choice.field] = (*named.get(choice.field, ()), *choice.only)
    return named
