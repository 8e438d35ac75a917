"""Questions about what a ticket is: its fields, its customer's tier, its severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from policies.conditions import Answer, Cause, Moment, Question, Wrong, condition, saying
from policies.model import Named, Priority, Ticket
from policies.policy import Policy
from policies.shifts import field_of, words_of
from policies.values import folded, ordered, words


def tier_of(policy: Policy, ticket: Ticket) -> tuple[str | None, str | None, str | None]:
    """Return the customer's tier, the shift it rests on, and the field to fetch if it cannot be told yet."""
    for tier in policy.tiers:
        if not (tier.organizations or tier.tags or tier.field_values):
            return tier.name, None, None
        if tier.tags:
            tag = next(iter(_among(tier.tags, ticket.tags)), None)
            if tag:
                return tier.name, f"tag:{tag}", None
        if ticket.tier is not None and _among(tier.field_values, (ticket.tier,)):
            return tier.name, "tier", None
        found = [goes_by(ticket.organization, word) for word in tier.organizations]
        if any(found):
            return tier.name, "organization", None
        for field, matters in (("tags", tier.tags), ("tier", tier.field_values), ("organization", tier.organizations)):
            if matters and not ticket.knows(field):
                return None, None, field
        if None in found:
            return None, None, "organization"
    return None, None, None


def goes_by(thing: Named | None, word: str) -> bool | None:
    """Say whether a thing at the vendor goes by this id or name; None if its name is not known."""
    return False if thing is None else thing.goes_by(word)


def _among(wanted: tuple[str, ...], found: Sequence[str]) -> list[str]:
    """Return those of the words that are wanted."""
    wishes = folded(wanted)
    return [word for word in found if word.casefold() in wishes]


def held(moment: Moment, answer: Answer, *shifts: str) -> Answer:
    """Add the causes: which fields took the value, and when. What Stepladder itself wrote is no cause."""
    if not answer.value:
        return answer
    story = moment.story
    causes = []
    for shift in shifts:
        since = story.took(shift)
        if since is not None and shift not in story.ours:
            value = f"{shift}={words_of(moment.ticket, field_of(shift)).get(shift)}"
            causes.append(Cause(id=f"{value}#{story.times.get(value, 0)}", since=since))
    return Answer(name=answer.name, value=True, found=answer.found, wanted=answer.wanted, causes=tuple(causes))


def _register_field(name: str, field: str, example: str, sentence: str) -> None:
    def build(value: Any) -> Question:
        wanted = words(value, f"a {name}")
        say = saying(name, " or ".join(wanted))

        def question(moment: Moment) -> Answer:
            if field not in moment.ticket.known:
                return say(None, "unknown", field)
            thing = getattr(moment.ticket, field)
            if not isinstance(thing, Named):
                return held(moment, say(thing is not None and bool(_among(wanted, (thing,))), thing or "none"), field)
            matches = [thing.goes_by(word) for word in wanted]
            value = True if True in matches else (None if None in matches else False)
            return held(moment, say(value, str(thing), field), field)

        return question

    build.__doc__ = sentence
    condition(name, example=example)(build)


_register_field("status", "status", "status: [new, open]", "The ticket stands in one of these statuses.")
_register_field("product", "product", "product: billing", "The product field has one of these values.")
_register_field("kind", "kind", "kind: incident", "The ticket or issue type is one of these.")
_register_field("form", "form", "form: Incident", "It came by one of these forms or request types.")
_register_field("group", "group", "group: Billing", "The ticket stands in one of these groups.")
_register_field("organization", "organization", "organization: Globex", "The requester belongs to one of these.")
_register_field("project", "project", "project: ITSM", "The issue belongs to one of these projects.")
_register_field("language", "language", "language: [de, fr]", "The ticket is written in one of these languages.")
_register_field("channel", "channel", "channel: email", "The ticket arrived by one of these channels.")


@condition("priority", example="priority: {at_least: high}")
def priority(value: Any) -> Question:
    """The priority is this, one of these, or compares so: low, normal, high, urgent."""
    names = [p.word for p in Priority]
    compare, wanted = ordered(value, names, "a priority")
    say = saying("priority", wanted)

    def question(moment: Moment) -> Answer:
        found = moment.ticket.priority
        if not moment.ticket.knows("priority"):
            return say(None, "unknown", "priority")
        if found is None:
            return say(False, "none")
        return held(moment, say(compare(found.word), found.word), "priority")

    return question


@condition("severity", example="severity: {at_least: major}")
def severity(value: Any) -> Question:
    """Impact × urgency, read in the policy's table, is this, one of these, or compares so."""

    @lru_cache(maxsize=8)  # the same table again and again
    def read(names: tuple[str, ...]) -> tuple[Callable[[str], bool], Callable[..., Answer]]:
        compare, wanted = ordered(value, names, "a severity")
        return compare, saying("severity", wanted)

    def question(moment: Moment) -> Answer:
        table = moment.policy.severity
        compare, say = read(table.names if table else ())
        for field in ("impact", "urgency"):
            if not moment.ticket.knows(field):
                return say(None, "unknown", field)
        found = table.of(moment.ticket.impact, moment.ticket.urgency) if table else None
        return held(moment, say(found is not None and compare(found), found or "none"), "impact", "urgency")

    return question


@condition("tier", example="tier: [vip, platinum]")
def tier(value: Any) -> Question:
    """The customer is of one of these tiers."""
    wanted = words(value, "a tier")
    say = saying("tier", " or ".join(wanted))

    def question(moment: Moment) -> Answer:
        found, shift, needs = tier_of(moment.policy, moment.ticket)
        if needs:
            return say(None, "unknown", needs)
        answer = say(found in wanted, found or "none")
        if answer.value and shift is None and moment.story.born and moment.story.created_at is not None:
            return replace(answer, causes=(Cause(id=f"tier={found}", since=moment.story.created_at),))
        return held(moment, answer, *((shift,) if shift else ()))

    return question


@condition("tags", example="tags: [outage, security]")
def tags(value: Any) -> Question:
    """The ticket carries at least one of these tags or labels."""
    wanted = words(value, "a tag")
    say = saying("tags", " or ".join(wanted))

    def question(moment: Moment) -> Answer:
        if not moment.ticket.knows("tags"):
            return say(None, "unknown", "tags")
        found = _among(wanted, moment.ticket.tags)
        return held(moment, say(bool(found), ", ".join(found) or "none"), *[f"tag:{tag}" for tag in found])

    return question


@condition("custom", example="custom: {environment: production}")
def custom(value: Any) -> Question:
    """Fields that stepladder.toml names have one of these values; all of them must."""
    if not isinstance(value, Mapping) or not value:
        raise Wrong(f"expected field names with values, such as {{environment: production}}, found {value!r}")
    wanted = {str(name): words(listed, "a value") for name, listed in value.items()}
    say = saying("custom", ", ".join(f"{name}: {' or '.join(words)}" for name, words in wanted.items()))

    def question(moment: Moment) -> Answer:
        there = moment.story.whole or all(name in moment.ticket.custom for name in wanted)
        if not moment.ticket.knows("custom") or not there:
            return say(None, "unknown", "custom")
        found = {name: moment.ticket.custom.get(name) for name in wanted}
        holds = all(_among(words, (found[name] or "",)) for name, words in wanted.items())
        text = ", ".join([f"{name}: {text or 'none'}" for name, text in found.items()])
        return held(moment, say(holds, text), *[f"custom.{name}" for name in wanted])

    return question
