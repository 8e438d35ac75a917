"""What a policy needs of the sites that are configured: to be named, a target at each level, the fields it asks for.

For the linter. The policy itself knows only the names of sites; what is configured comes from outside.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from policies.conditions import Node, leaves
from policies.findings import Finding, Place, listed, named, only_told, warning
from policies.levels import Level
from policies.model import TICKET_FIELDS
from policies.policy import Policy

_OWN = "custom."
_TEXTS = frozenset({"subject", "message", *TICKET_FIELDS})

Sites = Mapping[str, Collection[str]]
"""The configured sites as `vendor/site`, each with the names of its own fields."""


def configured(policy: Policy, sites: Sites) -> Iterator[Finding]:
    """Yield what does not fit the configured sites."""
    covered = [site for site in sites if site in policy.applies_to or site.partition("/")[0] in policy.applies_to]
    for site in sites:
        if site not in covered:
            yield warning("applies_to", f"says nothing of {site}, so nothing happens to its tickets", "applies_to")
    yield from _strangers(policy, sites)
    for level in policy.levels:
        yield from _without_target(level, covered)
    for field, about, at in dict.fromkeys(_asked(policy)):
        without = [site for site in covered if field not in sites[site]]
        if without:
            sentence = (
                f"asks for the field {field}, which {listed(without)} cannot tell, so it is never filled there: name "
                "it in `[sites.<name>.fields]` of stepladder.toml"
            )
            yield warning(about, sentence, *at)


def _strangers(policy: Policy, sites: Sites) -> Iterator[Finding]:
    vendors = {site.partition("/")[0] for site in sites}
    for name in policy.applies_to:
        if name not in sites and name not in vendors:
            near = difflib.get_close_matches(name, [*sites, *vendors], n=1)
            guess = f"; did you mean {near[0]}?" if near else f"; there are {listed(list(sites))}"
            yield warning("applies_to", f"names {name}, and no such site is configured{guess}", "applies_to", name)


def _without_target(level: Level, covered: Collection[str]) -> Iterator[Finding]:
    for site in covered:
        vendor, _, name = site.partition("/")
        if not level.target(vendor, name) and not only_told(level):
            sentence = f"has no target for the configured site {site}: a ticket there would be moved to nobody"
            yield warning(named(level), sentence, "levels", level.number - 1)


def _asked(policy: Policy) -> Iterator[tuple[str, str, Place]]:
    """Yield the sites' own fields that a policy asks for, with what asks and where it stands."""
    for node, about, at in _conditions(policy):
        fields = [field for q in leaves(node) if q.name == "custom" for field in q.value]
        fields += [name for q in leaves(node) if q.name == "matches" for name in q.value]
        yield from ((field.removeprefix(_OWN), about, at) for field in fields if field not in _TEXTS)
    if policy.calendar_from is not None:
        yield policy.calendar_from, "the default calendar", ("defaults", "calendar")
    gate = policy.guards.evidence
    for need in gate.need if gate is not None else ():
        if need.startswith(_OWN):
            yield need.removeprefix(_OWN), "guards", ("guards", "evidence")
    for level in policy.levels:
        for place in (*level.places.values(), *(level.out_of_hours.places.values() if level.out_of_hours else ())):
            own = (branch.field for branch in place.branches if branch.field.startswith(_OWN))
            yield from ((field.removeprefix(_OWN), named(level), ("levels", level.number - 1)) for field in own)


def _conditions(policy: Policy) -> Iterator[tuple[Node, str, Place]]:
    yield from ((r.when, f'rule "{r.name}"', ("rules", n)) for n, r in enumerate(policy.rules) if not r.implied)
    yield from ((w.when, f'coming down "{w.name}"', ("come_down", n)) for n, w in enumerate(policy.come_down))
    guards = (("never", policy.guards.never), ("never_hold", policy.guards.never_hold))
    yield from ((node, "guards", ("guards", name)) for name, node in guards if node is not None)
    for level in policy.levels:
        if level.out_of_hours is not None and level.out_of_hours.unless is not None:
            yield level.out_of_hours.unless, named(level), ("levels", level.number - 1, "out_of_hours")
