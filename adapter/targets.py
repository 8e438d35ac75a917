"""What the vendors' connectors cannot take of a policy's targets, each at its place in the policy's text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from connectors.contract import Connector
from policies.commands import Target
from policies.levels import Level
from policies.policy import Policy
from policies.rungs import BRANCHES
from policies.source import MAX_PROBLEMS, Node, PolicyError, Problem, nearest, read


def unfit(policy: Policy, source: str, vendors: Mapping[str, Connector]) -> tuple[str, ...]:
    """Return a sentence for everything that is wrong with a policy's targets, with its line and a caret."""
    strangers = [site for site in policy.applies_to if site.partition("/")[0] not in vendors]
    if not strangers and all(_fits(level, vendors) for level in policy.levels):
        return ()
    root, _ = read(policy.text)
    problems = list(dict.fromkeys(_problems(root, vendors)))
    shown = [str(PolicyError([problem], policy.text, source)) for problem in problems[:MAX_PROBLEMS]]
    more = len(problems) - len(shown)
    return (*shown, f"{source}: and {more} more targets are wrong") if more else tuple(shown)


def _fits(level: Level, vendors: Mapping[str, Connector]) -> bool:
    """Say whether nothing is wrong, without reading the text again to find out where."""
    sites = [at.partition("/") for places in (*level.arrangements, level.fallbacks) for at in places]
    return all(
        vendor in vendors
        and not any(map(vendors[vendor].check_target, (*level.targets(vendor, site), *level.fallback(vendor, site))))
        for vendor, _, site in sites
    )


def _problems(root: Node, vendors: Mapping[str, Connector]) -> Iterator[Problem]:
    named = [key for key, _ in root.follow(["applies_to"]).pairs or ()]
    unknown = [key for key in named if key.text.partition("/")[0] not in vendors]
    yield from (_no_vendor(key, "applies_to", vendors) for key in unknown)
    said = {key.text.partition("/")[0] for key in unknown}
    levels = root.get("levels")
    for number, level in enumerate(levels.items or () if levels is not None else (), 1):
        for key, node, target, inherited in _targets(level):
            vendor = key.text.partition("/")[0]
            connector = vendors.get(vendor)
            if connector is None:
                if vendor not in said:
                    yield _no_vendor(key, f"level {number}", vendors)
                continue
            before = connector.check_target(inherited) if inherited else ()
            for sentence in connector.check_target(target):
                if sentence not in before:
                    yield _meant(sentence, node, key).problem(f"level {number}, {key.text}: {sentence}")


def _no_vendor(key: Node, where: str, vendors: Mapping[str, Connector]) -> Problem:
    vendor = key.text.partition("/")[0]
    known = f'{where}: there is no vendor "{vendor}"; there are {", ".join(vendors)}'
    return key.problem(known, nearest(vendor, vendors))


def _targets(level: Node) -> Iterator[tuple[Node, Node, Target, Target]]:
    """Yield every target of a level: the site's key, where it stands, all it says, and what of that it inherits."""
    for places in (level.get("targets"), level.follow(["out_of_hours", "targets"])):
        for key, node in _named(places, level):
            own = {part.text: value.plain for part, value in node.pairs or () if part.text not in BRANCHES}
            yield key, node, own, {}
            for part, branch in node.pairs or ():
                for _, other in branch.pairs or () if part.text in BRANCHES else ():
                    yield key, other, {**own, **other.plain}, own
    fallback = level.get("fallback")
    for entry in fallback.items or () if fallback is not None else ():
        yield from ((key, node, node.plain, {}) for key, node in entry.pairs or ())


def _named(places: Node | None, level: Node) -> tuple[tuple[Node, Node], ...]:
    """Return the sites and their targets, if that part of the level is there."""
    found = places is not None and places is not level and places is not level.get("out_of_hours")
    return (places.pairs or ()) if found and places is not None else ()


def _meant(sentence: str, node: Node, key: Node) -> Node:
    """Return the value of a target that a sentence names, else the word, else the key of its site."""
    quoted = re.findall(r"[`\"']([^`\"']+)[`\"']", sentence)
    words = {part.text: part for part, _ in node.pairs or ()}
    values = {value.text: value for part, value in node.pairs or () if value.text and part.text in quoted}
    return next((found[word] for found in (values, words) for word in quoted if word in found), key)
