"""Questions about what a ticket is: its fields, its customer's tier, its severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from policies.asking import FactQuestion, Reading, Unknown
from policies.conditions import Cause, Moment, condition
from policies.model import Named, Priority, Ticket
from policies.policy import Policy
from policies.shifts import field_of, words_of
from policies.values import Wrong, folded, ordered, words


def tier_of(policy: Policy, ticket: Ticket) -> tuple[str | None, str | None, str | None]:
    """Return the customer's tier, the shift it rests on, and the field to fetch if it cannot be told yet."""
    for tier in policy.tiers:
        if not (tier.organizations or tier.tags or tier.field_values):
            return tier.name, None, None
        if tier.tags and (tags := _among(tier.tags, ticket.tags)):
            return tier.name, f"tag:{tags[0]}", None
        if ticket.tier is not None and _among(tier.field_values, (ticket.tier,)):
            return tier.name, "tier", None
        found = [goes_by(ticket.organization, word) for word in tier.organizations]
        if True in found:
            return tier.name, "organization", None
        for field, matters in (("tags", tier.tags), ("tier", tier.field_values), ("organization", tier.organizations)):
            if matters and field not in ticket.known:
                return None, None, field
        if None in found:
            return None, None, "organization"
    return None, None, None


def goes_by(thing: Named | None, word: str) -> bool | None:
    """Say whether a thing at the vendor goes by this id or name; None if its name is not known."""
    return False if thing is None else thing.goes_by(word)


@lru_cache(maxsize=4096)
def _among(wanted: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the words that are wanted; the same ticket is asked the same more than once."""
    wishes = folded(wanted)
    return tuple([word for word in found if word.casefold() in wishes])


def became(moment: Moment, *took: tuple[str, str | None]) -> tuple[Cause, ...]:
    """Return the causes of a yes: what took which value, and when. What Stepladder itself wrote is no cause."""
    story, causes = moment.story, []
    for shift, word in took:
        since = story.since.get(shift)
        if since is not None and shift not in story.ours:
            value = f"{shift}={word}"
            causes.append(Cause(id=f"{value}#{story.times.get(value, 0)}", since=since))
    return tuple(causes)


def held(moment: Moment, *shifts: str) -> tuple[Cause, ...]:
    """Return the causes of a yes by their names alone, with the values that the ticket has."""
    return became(moment, *[(shift, words_of(moment.ticket, field_of(shift)).get(shift)) for shift in shifts])


def known(field: str) -> Reading:
    """Return what reads a field of the ticket; questions about it share one."""

    def read(moment: Moment) -> Any:
        return getattr(moment.ticket, field) if field in moment.ticket.known else Unknown(field)

    return read


def _one_of(field: str, wanted: tuple[str, ...]) -> Callable[[Any], bool | Unknown]:
    """Return what says whether a field's value is one of the words."""
    wishes = folded(wanted)

    def holds(found: Named | str | None) -> bool | Unknown:
        if not isinstance(found, Named):
            return found is not None and found.casefold() in wishes
        matches = [found.goes_by(word) for word in wanted]
        return True if True in matches else Unknown(field, str(found)) if None in matches else False

    return holds


def _register_field(name: str, example: str, sentence: str) -> None:
    read = known(name)

    def build(value: Any) -> FactQuestion:
        wanted = words(value, f"a {name}")
        return FactQuestion(
            name=name, wanted=" or ".join(wanted), read=read, holds=_one_of(name, wanted),
            show=lambda found: str(found or "none"),
            causes=lambda moment, found: became(moment, (name, found.id if isinstance(found, Named) else found)),
        )  # fmt: skip

    build.__doc__ = sentence
    condition(name, example=example)(build)


_register_field("status", "status: [new, open]", "The ticket stands in one of these statuses.")
_register_field("product", "product: billing", "The product field has one of these values.")
_register_field("kind", "kind: incident", "The ticket or issue type is one of these.")
_register_field("form", "form: Incident", "It came by one of these forms or request types.")
_register_field("group", "group: Billing", "The ticket stands in one of these groups.")
_register_field("organization", "organization: Globex", "The requester belongs to one of these.")
_register_field("project", "project: ITSM", "The issue belongs to one of these projects.")
_register_field("language", "language: [de, fr]", "The ticket is written in one of these languages.")
_register_field("channel", "channel: email", "The ticket arrived by one of these channels.")

_priority = known("priority")


@condition("priority", example="priority: {at_least: high}")
def priority(value: Any) -> FactQuestion:
    """The priority is this, one of these, or compares so: low, normal, high, urgent."""
    compare, wanted = ordered(value, [p.word for p in Priority], "a priority")
    fits = frozenset(found for found in Priority if compare(found.word))
    return FactQuestion(
        name="priority", wanted=wanted, read=_priority, holds=fits.__contains__,
        show=lambda found: found.word if found else "none",
        causes=lambda moment, found: became(moment, ("priority", found.word)),
    )  # fmt: skip


def _severity(moment: Moment) -> tuple[str | None, tuple[str, ...]] | Unknown:
    """Return the severity and the policy's ranking of severities."""
    table, ticket = moment.policy.severity, moment.ticket
    for field in ("impact", "urgency"):
        if field not in ticket.known:
            return Unknown(field)
    return (table.of(ticket.impact, ticket.urgency), table.names) if table else (None, ())


@condition("severity", example="severity: {at_least: major}")
def severity(value: Any) -> FactQuestion:
    """Impact × urgency, read in the policy's table, is this, one of these, or compares so."""

    @lru_cache(maxsize=8)  # the same table again and again
    def compare(names: tuple[str, ...]) -> Callable[[str], bool]:
        return ordered(value, names, "a severity")[0]

    pairs = value.items() if isinstance(value, Mapping) else ()
    said = [f"{str(order).replace('_', ' ')} {word}" for order, word in pairs]
    wanted = said or map(str, value if isinstance(value, list) else [value])
    return FactQuestion(
        name="severity", wanted=" or ".join(wanted), read=_severity,
        holds=lambda found: found[0] is not None and compare(found[1])(found[0]),
        show=lambda found: found[0] or "none",
        causes=lambda moment, _: held(moment, "impact", "urgency"),
    )  # fmt: skip


def _tier(moment: Moment) -> str | Unknown | None:
    found, _, needs = tier_of(moment.policy, moment.ticket)
    return Unknown(needs) if needs else found


def _tier_causes(moment: Moment, found: Any) -> tuple[Cause, ...]:
    _, shift, _ = tier_of(moment.policy, moment.ticket)
    if shift is None and moment.story.born and moment.story.created_at is not None:
        return (Cause(id=f"tier={found}", since=moment.story.created_at),)
    return held(moment, shift) if shift else ()


@condition("tier", example="tier: [vip, platinum]")
def tier(value: Any) -> FactQuestion:
    """The customer is of one of these tiers."""
    wanted = words(value, "a tier")
    return FactQuestion(
        name="tier", wanted=" or ".join(wanted), read=_tier, holds=lambda found: found in wanted,
        show=lambda found: found or "none", causes=_tier_causes,
    )  # fmt: skip


_tags = known("tags")


@condition("tags", example="tags: [outage, security]")
def tags(value: Any) -> FactQuestion:
    """The ticket carries at least one of these tags or labels."""
    wanted = words(value, "a tag")
    return FactQuestion(
        name="tags", wanted=" or ".join(wanted), read=_tags, holds=lambda found: bool(_among(wanted, found)),
        show=lambda found: ", ".join(_among(wanted, found)) or "none",
        causes=lambda moment, found: became(moment, *[(f"tag:{tag}", tag) for tag in _among(wanted, found)]),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _customs(names: tuple[str, ...]) -> Reading:
    """Return what reads these fields; the same names give the same reading."""

    def read(moment: Moment) -> tuple[str | None, ...] | Unknown:
        there = moment.ticket.custom
        if "custom" not in moment.ticket.known or not (moment.story.whole or all(name in there for name in names)):
            return Unknown("custom")
        return tuple([there.get(name) for name in names])

    return read


@condition("custom", example="custom: {environment: production}")
def custom(value: Any) -> FactQuestion:
    """Fields that stepladder.toml names have one of these values; all of them must."""
    if not isinstance(value, Mapping) or not value:
        raise Wrong(f"expected field names with values, such as {{environment: production}}, found {value!r}")
    wanted = {str(name): words(listed, "a value") for name, listed in value.items()}
    return FactQuestion(
        name="custom",
        wanted=", ".join(f"{name}: {' or '.join(words)}" for name, words in wanted.items()),
        read=_customs(tuple(wanted)),
        holds=lambda found: all(_among(words, (t or "",)) for words, t in zip(wanted.values(), found, strict=True)),
        show=lambda found: ", ".join([f"{name}: {t or 'none'}" for name, t in zip(wanted, found, strict=True)]),
        causes=lambda moment, found: became(moment, *[(f"custom.{n}", t) for n, t in zip(wanted, found, strict=True)]),
    )
