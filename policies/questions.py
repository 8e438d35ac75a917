"""Questions about what a ticket is: its fields, its customer's tier, its severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.conditions import Answer, Cause, Moment, Wrong, condition
from policies.model import Named, Priority, Ticket
from policies.policy import Policy
from policies.shifts import field_of, words_of
from policies.values import ordered, words

Question = Callable[[Moment], Answer]


def tier_of(policy: Policy, ticket: Ticket) -> tuple[str | None, str | None, str | None]:
    """Return the customer's tier, the shift it rests on, and the field to fetch if it cannot be told yet."""
    for tier in policy.tiers:
        if not (tier.organizations or tier.tags or tier.field_values):
            return tier.name, None, None
        if tier.tags:
            tag = next((t for t in ticket.tags if t.casefold() in {w.casefold() for w in tier.tags}), None)
            if tag:
                return tier.name, f"tag:{tag}", None
        if ticket.tier is not None and ticket.tier.casefold() in {w.casefold() for w in tier.field_values}:
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


def _told(moment: Moment, name: str, field: str, found: str | None, wanted: Sequence[str]) -> Answer:
    """Answer for a field with one value: is it one of the wanted words?"""
    said = " or ".join(wanted)
    if not moment.ticket.knows(field):
        return Answer(name=name, value=None, found="unknown", wanted=said, needs=field)
    value = found is not None and found.casefold() in {word.casefold() for word in wanted}
    return held(moment, Answer(name=name, value=value, found=found or "none", wanted=said), field)


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

        def question(moment: Moment) -> Answer:
            thing = getattr(moment.ticket, field) if moment.ticket.knows(field) else None
            if not isinstance(thing, Named):
                return _told(moment, name, field, thing, wanted)
            matches = [thing.goes_by(word) for word in wanted]
            value = True if any(matches) else (None if None in matches else False)
            answer = Answer(name=name, value=value, found=str(thing), wanted=" or ".join(wanted), needs=field)
            return held(moment, answer, field)

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

    def question(moment: Moment) -> Answer:
        found = moment.ticket.priority
        if not moment.ticket.knows("priority"):
            return Answer(name="priority", value=None, found="unknown", wanted=wanted, needs="priority")
        holds = found is not None and compare(found.word)
        word = found.word if found else "none"
        return held(moment, Answer(name="priority", value=holds, found=word, wanted=wanted), "priority")

    return question


@condition("severity", example="severity: {at_least: major}")
def severity(value: Any) -> Question:
    """Impact × urgency, read in the policy's table, is this, one of these, or compares so."""

    def question(moment: Moment) -> Answer:
        table = moment.policy.severity
        names = list(table.names) if table else []
        compare, wanted = ordered(value, names, "a severity")
        for field in ("impact", "urgency"):
            if not moment.ticket.knows(field):
                return Answer(name="severity", value=None, found="unknown", wanted=wanted, needs=field)
        found = table.of(moment.ticket.impact, moment.ticket.urgency) if table else None
        answer = Answer(
            name="severity", value=found is not None and compare(found), found=found or "none", wanted=wanted
        )
        return held(moment, answer, "impact", "urgency")

    return question


@condition("tier", example="tier: [vip, platinum]")
def tier(value: Any) -> Question:
    """The customer is of one of these tiers."""
    wanted = words(value, "a tier")

    def question(moment: Moment) -> Answer:
        found, shift, needs = tier_of(moment.policy, moment.ticket)
        if needs:
            return Answer(name="tier", value=None, found="unknown", wanted=" or ".join(wanted), needs=needs)
        answer = Answer(name="tier", value=found in wanted, found=found or "none", wanted=" or ".join(wanted))
        if answer.value and shift is None and moment.story.born and moment.story.created_at is not None:
            return replace(answer, causes=(Cause(id=f"tier={found}", since=moment.story.created_at),))
        return held(moment, answer, *((shift,) if shift else ()))

    return question


@condition("tags", example="tags: [outage, security]")
def tags(value: Any) -> Question:
    """The ticket carries at least one of these tags or labels."""
    wanted = words(value, "a tag")

    def question(moment: Moment) -> Answer:
        if not moment.ticket.knows("tags"):
            return Answer(name="tags", value=None, found="unknown", wanted=" or ".join(wanted), needs="tags")
        found = [t for t in moment.ticket.tags if t.casefold() in {w.casefold() for w in wanted}]
        answer = Answer(name="tags", value=bool(found), found=", ".join(found) or "none", wanted=" or ".join(wanted))
        return held(moment, answer, *(f"tag:{t}" for t in found))

    return question


@condition("custom", example="custom: {environment: production}")
def custom(value: Any) -> Question:
    """Fields that stepladder.toml names have one of these values; all of them must."""
    if not isinstance(value, Mapping) or not value:
        raise Wrong(f"expected field names with values, such as {{environment: production}}, found {value!r}")
    wanted = {str(name): words(listed, "a value") for name, listed in value.items()}
    said = ", ".join(f"{name}: {' or '.join(words)}" for name, words in wanted.items())

    def question(moment: Moment) -> Answer:
        there = moment.story.whole or all(name in moment.ticket.custom for name in wanted)
        if not moment.ticket.knows("custom") or not there:
            return Answer(name="custom", value=None, found="unknown", wanted=said, needs="custom")
        found = {name: moment.ticket.custom.get(name) for name in wanted}
        holds = all((found[n] or "").casefold() in {w.casefold() for w in words} for n, words in wanted.items())
        text = ", ".join(f"{name}: {text or 'none'}" for name, text in found.items())
        answer = Answer(name="custom", value=holds, found=text, wanted=said)
        return held(moment, answer, *(f"custom.{name}" for name in wanted))

    return question
