"""What a policy does with one site's tickets, for those who set the site up or examine it. Pure; it asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.upkeep import Placed, Uses
from policies.configured import asked_fields
from policies.policy import Policy


def uses_of(
    policy: Policy | None, vendor: str, site: str, public_url: str | None = None, writes_per_month: int | None = None
) -> Uses:
    """Return what must exist at a site, and what our writes change there; without a policy, the bare address.

    `public_url`: the address under which vendors reach this Stepladder, without a path.
    """
    hook = f"{public_url.rstrip('/')}/webhooks/{vendor}/{site}" if public_url else None
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


def _placed(policy: Policy, vendor: str, site: str) -> Iterator[Placed]:
    """Yield every target a ticket of this site may get, each once for a level."""
    for level in policy.levels:
        found = []
        for target in (*level.targets(vendor, site), *level.fallback(vendor, site)):
            if target and target not in found:
                found.append(target)
                yield Placed(level=level.number, name=level.name, target=target, take=level.take)


def _scope(policy: Policy, vendor: str, site: str) -> Mapping[str, tuple[str, ...]]:
    choices = policy.applies_to.get(f"{vendor}/{site}", policy.applies_to.get(vendor, ()))
    named: dict[str, tuple[str, ...]] = {}
    for choice in choices:
        if choice.only:
            named[choice.field] = (*named.get(choice.field, ()), *choice.only)
    return named
