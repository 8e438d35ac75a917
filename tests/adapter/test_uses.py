"""What a policy does at a site, for those who set it up and examine it."""

from __future__ import annotations

from adapter.uses import uses_of
from policies.commands import Take
from policies.document import parse
from policies.model import Priority

POLICY = parse(
    """
version: 1
name: Whole
applies_to: {desk: {groups: [Support]}, other: all}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - level: 2
    name: Specialist
    priority: {at_least: high}
    targets:
      desk: {group: Experts, by_product: {phones: {group: Phones}}}
      desk/eu: {group: Experten}
    out_of_hours: {outside: office, targets: {desk: {group: Night}}}
    fallback: [{desk: {group: Everybody}}, {desk: {group: Experts}}]
  - {level: 3, name: Management, take: oversight, targets: {desk: {followers: [mara]}}, priority: {set: urgent}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: dear, when: {custom: {cost_centre: [gold]}}, go_to: 3}
""",
    source="policy",
)


def targets(site: str) -> list[tuple[int, object]]:
    return [(placed.level, placed.target.get("group")) for placed in uses_of(POLICY, "desk", site).targets]


def test_every_target_of_a_site_is_named_once_with_its_level() -> None:
    assert targets("main") == [
        (1, "Support"),
        (2, "Experts"),
        (2, "Phones"),
        (2, "Night"),
        (2, "Everybody"),
        (3, None),
    ]
    last = uses_of(POLICY, "desk", "main").targets[-1]
    assert (last.name, last.take, list(last.target)) == ("Management", Take.OVERSIGHT, ["followers"])


def test_a_site_of_its_own_has_its_own_targets() -> None:
    assert (2, "Experten") in targets("eu")
    assert (2, "Phones") not in targets("eu")


def test_it_says_what_is_set_asked_and_covered() -> None:
    uses = uses_of(POLICY, "desk", "main")
    assert uses.sets == {Priority.HIGH, Priority.URGENT}
    assert uses.fields == {"cost_centre", "product"}
    assert uses.levels == 3
    assert uses.scope == {"group": ("Support",)}
    assert uses_of(POLICY, "other", "x").scope == {}


def test_the_address_is_the_public_one_with_vendor_and_site() -> None:
    assert uses_of(None, "desk", "main").hook is None
    assert uses_of(None, "desk", "main", "https://steps.example/").hook == "https://steps.example/webhooks/desk/main"


def test_without_a_policy_nothing_is_named() -> None:
    uses = uses_of(None, "desk", "main")
    assert (uses.targets, uses.sets, uses.levels) == ((), frozenset(), 1)
