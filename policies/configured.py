"""What a policy needs of the sites that are configured: to be named, a target at each level, the fields it asks for.

For the linter. The policy itself knows only the names of sites; what is configured comes from outside.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from policies.conditions import Node, leaves
from policies.consent import is_id
from policies.findings import Finding, Place, listed, named, only_told, to_nobody, warning
from policies.levels import Level
from policies.policy import Policy

_OWN = "custom."
_NAMED = frozenset({"product", "impact", "urgency", "language"})
"""Fields that a ticket has only where a site names them, besides a policy's own and the one behind a tier."""

Sites = Mapping[str, Collection[str]]
"""The configured sites as `vendor/site`, each with the names of its own fields."""


def configured(policy: Policy, sites: Sites) -> Iterator[Finding]:
    """Yield what does not fit the configured sites."""
    covered = [site for site in sites if site in policy.applies_to or site.partition("/")[0] in policy.applies_to]
    for site in sites:
        if site not in covered:
            yield warning("applies_to", f"says nothing of {site}, so nothing happens to its tickets", "applies_to")
    yield from _strangers(policy, sites)
    yield from _renamed(policy)
    for level in policy.levels:
        yield from _without_target(level, covered)
        yield from _unwritable(level, {site: sites[site] for site in covered})
    for field, askers in _by_field(policy).items():
        without = [site for site in covered if field not in sites[site]]
        if without:
            about, at = next(iter(askers))
            others = f" (and {others - 1} more {'do' if others > 2 else 'does'})" if (others := len(askers)) > 1 else ""
            sentence = (
                f"asks for the field {field}{others}, which {listed(without)} cannot tell, so it is never filled "
                "there: name it in `[sites.<name>.fields]` of stepladder.toml"
            )
            yield warning(about, sentence, *at)


def asked_fields(policy: Policy) -> frozenset[str]:
    """Return the fields that a policy asks for and a ticket has only where a site names them."""
    return frozenset(_by_field(policy))


def _renamed(policy: Policy) -> Iterator[Finding]:
    """Find people of roles who go by a name, which others may give themselves."""
    for name, role in policy.roles.items():
        if by_name := [who for who in role.people if not is_id(who)]:
            sentence = (
                f"{listed(by_name)} {'are' if len(by_name) > 1 else 'is'} known by name only, and whoever takes that "
                "name at the vendor may order the same; write the vendor's id instead"
            )
            yield warning(f'role "{name}"', sentence, "roles", name)


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
            sentence = f"has no target for the configured site {site}: {to_nobody(level)}"
            yield warning(named(level), sentence, "levels", level.number - 1)


def target_fields(level: Level, vendor: str, site: str) -> frozenset[str]:
    """Return the fields, by our own names, that a level's targets set at one site."""
    targets = (*level.targets(vendor, site), *level.fallback(vendor, site))
    return frozenset(str(name) for t in targets if isinstance(set_ := t.get("field"), Mapping) for name in set_)


def _unwritable(level: Level, sites: Sites) -> Iterator[Finding]:
    """Find fields that a target sets and the site gives no name to: nobody would know which field is meant."""
    for site, known in sites.items():
        vendor, _, name = site.partition("/")
        for field in sorted(target_fields(level, vendor, name) - set(known)):
            near = difflib.get_close_matches(field, list(known), n=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            sentence = (
                f"sets the field {field}, which {site} does not name{guess}: write its line into "
                f"`[sites.{name}.fields]` of stepladder.toml, or the field stays as it is"
            )
            yield warning(named(level), sentence, "levels", level.number - 1)


def _by_field(policy: Policy) -> dict[str, dict[tuple[str, Place], None]]:
    """Return the fields that a policy asks for, each with all that asks for it, in order."""
    found: dict[str, dict[tuple[str, Place], None]] = {}
    for field, about, at in _asked(policy):
        if field in _NAMED or field.startswith(_OWN):
            found.setdefault(field.removeprefix(_OWN), {})[about, at] = None
    return found


def _asked(policy: Policy) -> Iterator[tuple[str, str, Place]]:
    """Yield the fields of tickets that a policy asks for, with what asks and where it stands."""
    for node, about, at in _conditions(policy):
        for question in leaves(node):
            own = [f"{_OWN}{field}" for field in question.value] if question.name == "custom" else []
            texts = list(question.value) if question.name == "matches" else []
            yield from ((field, about, at) for field in (question.name, *own, *texts))
    if policy.severity is not None:
        yield from ((field, "severity", ("severity", field)) for field in ("impact", "urgency"))
    for index, tier in enumerate(policy.tiers):
        if tier.field_values:
            yield f"{_OWN}tier", f'tier "{tier.name}"', ("customers", "tiers", index)
    if policy.calendar_from is not None:
        yield f"{_OWN}{policy.calendar_from}", "the default calendar", ("defaults", "calendar")
    gate = policy.guards.evidence
    for need in gate.need if gate is not None else ():
        yield need, "guards", ("guards", "evidence")
    for level in policy.levels:
        for place in (place for places in level.arrangements for place in places.values()):
            yield from ((branch.field, named(level), ("levels", level.number - 1)) for branch in place.branches)


def _conditions(policy: Policy) -> Iterator[tuple[Node, str, Place]]:
    yield from ((r.when, f'rule "{r.name}"', ("rules", n)) for n, r in enumerate(policy.rules) if not r.implied)
    yield from ((w.when, f'coming down "{w.name}"', ("come_down", n)) for n, w in enumerate(policy.come_down))
    guards = (("never", policy.guards.never), ("never_hold", policy.guards.never_hold))
    yield from ((node, "guards", ("guards", name)) for name, node in guards if node is not None)
    for level in policy.levels:
        if level.out_of_hours is not None and level.out_of_hours.unless is not None:
            yield level.out_of_hours.unless, named(level), ("levels", level.number - 1, "out_of_hours")
