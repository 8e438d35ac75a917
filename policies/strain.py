"""Questions about how hard a ticket is on people: handed on and on, talked about at length, a customer who is angry.

A count is a cause once, when it reaches what the policy asks, and never again with every further reply: otherwise a
busy ticket would climb with each message. A mood is a guess from words and tags, so it never escalates alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from policies.conditions import Answer, Cause, Moment, Wrong, condition
from policies.masking import masked
from policies.phrases import DEGREES, RATINGS, first_in
from policies.questions import held
from policies.story import MOST_COUNTED
from policies.values import counted, ordered, words

Question = Callable[[Moment], Answer]
Count = tuple[int, Sequence[datetime], str]
"""How many, when each of the first ones came, and the number in words."""

COUNTERS = frozenset({"hand_overs", "owners", "replies"})
"""Counts that are a cause once."""

SIDES = {"agents": "by agents", "customer": "by the customer"}


def reached_at(value: Any) -> int | None:
    """Return the count at which a comparison becomes true; None if it is true from the beginning, or never is.

    Raises Wrong if it makes no sense.
    """
    side = _side(value)
    compare, _ = counted(value if side is None else value[side])
    return None if compare(0) else next((n for n in range(1, MOST_COUNTED + 1) if compare(n)), None)


def _side(value: Any) -> str | None:
    return next((side for side in SIDES if isinstance(value, Mapping) and list(value) == [side]), None)


def _counter(name: str, value: Any, count: Callable[[Moment], Count], side: str = "") -> Question:
    """Make the question that compares a count. `value` is a number or a comparison."""
    compare, wanted = counted(value)
    number, at = (value, ()) if isinstance(value, int) else next((n, (order,)) for order, n in value.items())
    if number > MOST_COUNTED:
        raise Wrong(f"a policy counts up to {MOST_COUNTED}, found {number}", at)
    wanted = f"{wanted} {SIDES[side]}" if side else wanted
    reached = reached_at(value)

    def question(moment: Moment) -> Answer:
        found, times, in_words = count(moment)
        told = name != "replies" or moment.story.conversation  # if not, there may be more messages
        if not told and len({compare(later) for later in range(found, MOST_COUNTED + 2)}) > 1:
            return Answer(name=name, value=None, found="unknown", wanted=wanted, needs="conversation")
        holds = compare(found)
        since = times[reached - 1] if holds and reached and reached <= len(times) else None
        causes = (Cause(id=f"{name} {wanted}", since=since),) if since else ()
        return Answer(name=name, value=holds, found=in_words, wanted=wanted, causes=causes)

    return question


@condition("hand_overs", example="hand_overs: {at_least: 3}")
def hand_overs(value: Any) -> Question:
    """How often a person, or a program other than Stepladder, passed it from one assignee to another."""

    def count(moment: Moment) -> Count:
        story = moment.story
        return story.hand_overs, story.handed_over, str(story.hand_overs)

    return _counter("hand_overs", value, count)


@condition("owners", example="owners: {at_least: 4}")
def owners(value: Any) -> Question:
    """How many different people have been its assignee, other than by Stepladder's own hand."""

    def count(moment: Moment) -> Count:
        found = moment.story.owners
        return len(found), [owner.at for owner in found], str(len(found))

    return _counter("owners", value, count)


@condition("replies", example="replies: {more_than: 12}")
def replies(value: Any) -> Question:
    """How many messages agents and requester have exchanged in public, or one of them: `{customer: {at_least: 5}}`."""
    # both sides together, unless one is named; what opened the ticket, internal notes and programs do not count
    side = _side(value)

    def count(moment: Moment) -> Count:
        agents, customer = ([said.at for said in s] for s in (moment.story.agents_said, moment.story.customer_said))
        if side is not None:
            one = agents if side == "agents" else customer
            return len(one), one, str(len(one))
        both = sorted((*agents, *customer))
        return len(both), both, f"{len(both)}: {len(agents)} by agents, {len(customer)} by the customer"

    if side is None:
        return _counter("replies", value, count)
    try:
        return _counter("replies", value[side], count, side)
    except Wrong as wrong:
        raise Wrong(str(wrong), (side, *wrong.at)) from None


# --- moods --------------------------------------------------------------------------------------------------------
@condition("frustration", example="frustration: {at_least: mild}")
def frustration(value: Any) -> Question:
    """The requester's newest three messages, or tags, show mild or strong frustration, by the policy's own signs."""
    # angry messages are a cause once for each waiting, so that five in a row do not climb five levels
    compare, wanted = ordered(value, DEGREES, "a degree of frustration")

    def question(moment: Moment) -> Answer:
        signs = list(_signs(moment))
        strongest = max((DEGREES.index(degree) for degree, _, _ in signs), default=-1)
        needs = _unknown(moment)
        could_be = range(strongest, len(DEGREES) if needs else strongest + 1)
        values = {number >= 0 and compare(DEGREES[number]) for number in could_be}
        if len(values) > 1:
            return Answer(name="frustration", value=None, found="unknown", wanted=wanted, needs=needs)
        shown = dict.fromkeys(f"{degree}: {sign}" for degree, sign, _ in signs if degree == DEGREES[strongest])
        answer = Answer(name="frustration", value=values.pop(), found="; ".join(shown) or "none", wanted=wanted)
        causes = {c.id: c for degree, _, cause in reversed(signs) if compare(degree) for c in _causes(moment, cause)}
        return _with_causes(answer, tuple(causes.values())) if answer.value else answer

    return question


def _unknown(moment: Moment) -> str | None:
    """Name what must be fetched before all signs are known."""
    signs = moment.policy.frustration
    if signs is not None and signs.phrases and not moment.story.conversation:
        return "conversation"
    return "tags" if signs is not None and signs.tags and not moment.ticket.knows("tags") else None


def _signs(moment: Moment) -> Iterator[tuple[str, str, Cause | str]]:
    """Yield what shows frustration, messages from the oldest on: the degree, the sign, and its cause or shift."""
    signs = moment.policy.frustration
    for wrote in moment.story.words if signs is not None else ():
        phrase = first_in(wrote.text, signs.phrases) if signs is not None else None
        if phrase is not None:
            cause = Cause(id=f"frustration #{wrote.waiting}", since=wrote.at)
            yield phrase.degree, f"“{masked(phrase.text)}”", cause
    for degree, tags in signs.tags.items() if signs is not None else ():
        for tag in _carried(moment, tags):
            yield degree, f"tagged {tag}", f"tag:{tag}"


def _causes(moment: Moment, cause: Cause | str) -> tuple[Cause, ...]:
    return (cause,) if isinstance(cause, Cause) else held(moment, _YES, cause).causes


_YES = Answer(name="", value=True)


def _with_causes(answer: Answer, causes: tuple[Cause, ...]) -> Answer:
    return Answer(name=answer.name, value=True, found=answer.found, wanted=answer.wanted, causes=causes)


def _carried(moment: Moment, tags: Sequence[str]) -> list[str]:
    wanted = {tag.casefold() for tag in tags}
    return [tag for tag in moment.ticket.tags if tag.casefold() in wanted]


@condition("csat", example="csat: bad")
def csat(value: Any) -> Question:
    """The customer rated the help bad or good, as tags or labels say that the policy names; the last one counts."""
    # No connector reads ratings: at both vendors a trigger or automation rule can set a tag or label when one is given.
    # Of a solved ticket nothing is asked, so a rating given then counts once the ticket is open again.
    wanted = words(value, "a rating")
    for index, word in enumerate(wanted):
        if word not in RATINGS:
            raise Wrong(f"expected a rating: bad or good; found {word!r}", (index,) if isinstance(value, list) else ())
    said = " or ".join(wanted)

    def question(moment: Moment) -> Answer:
        if not moment.ticket.knows("tags"):
            return Answer(name="csat", value=None, found="unknown", wanted=said, needs="tags")
        took = moment.story.since
        rated = [(took.get(f"tag:{t}"), r, t) for r in RATINGS for t in _carried(moment, moment.policy.csat.get(r, ()))]
        if not rated:
            return Answer(name="csat", value=False, found="none", wanted=said)
        latest = max((at for at, _, _ in rated if at is not None), default=None)
        _, rating, tag = next(found for found in rated if found[0] == latest)
        return held(moment, Answer(name="csat", value=rating in wanted, found=rating, wanted=said), f"tag:{tag}")

    return question
