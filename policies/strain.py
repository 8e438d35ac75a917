"""Questions about how hard a ticket is on people: handed on and on, talked about at length, a customer who is angry.

A count is a cause once, when it reaches what the policy asks, and never again with every further reply: otherwise a
busy ticket would climb with each message. A mood is a guess from words and tags, so it never escalates alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from policies.asking import FactQuestion, Reading, Unknown
from policies.conditions import Cause, Moment, condition
from policies.masking import masked
from policies.phrases import DEGREES, RATINGS, first_in
from policies.questions import held
from policies.story import MOST_COUNTED
from policies.values import Wrong, counted, ordered, words

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


class Count(NamedTuple):
    """How many there are: all, those by agents and those by the customer; `all_told`: there cannot be more."""

    number: int
    agents: int = 0
    customer: int = 0
    all_told: bool = True


def _counter(
    name: str, value: Any, read: Reading, times: Callable[[Moment], Sequence[datetime]], side: str = ""
) -> FactQuestion:
    """Make the question that compares a count. `value` is a number or a comparison; `times` are of the first ones."""
    compare, wanted = counted(value)
    number, at = (value, ()) if isinstance(value, int) else next((n, (order,)) for order, n in value.items())
    if number > MOST_COUNTED:
        raise Wrong(f"a policy counts up to {MOST_COUNTED}, found {number}", at)
    wanted = f"{wanted} {SIDES[side]}" if side else wanted
    reached = reached_at(value)

    def of_side(count: Count) -> int:
        return count.number if not side else count.agents if side == "agents" else count.customer

    def holds(count: Count) -> bool | Unknown:
        found = of_side(count)
        if not count.all_told and len({compare(later) for later in range(found, MOST_COUNTED + 2)}) > 1:
            return Unknown("conversation")
        return compare(found)

    def causes(moment: Moment, _: Count) -> tuple[Cause, ...]:
        at = times(moment)
        return (Cause(id=f"{name} {wanted}", since=at[reached - 1]),) if reached and reached <= len(at) else ()

    def show(count: Count) -> str:
        apart = f": {count.agents} by agents, {count.customer} by the customer"
        return f"{of_side(count)}{apart if name == 'replies' and not side else ''}"

    return FactQuestion(name=name, wanted=wanted, read=read, holds=holds, show=show, causes=causes)


def _hand_overs(moment: Moment) -> Count:
    return Count(moment.story.hand_overs)


@condition("hand_overs", example="hand_overs: {at_least: 3}")
def hand_overs(value: Any) -> FactQuestion:
    """How often a person, or a program other than Stepladder, passed it from one assignee to another."""
    return _counter("hand_overs", value, _hand_overs, lambda moment: moment.story.handed_over)


def _owners(moment: Moment) -> Count:
    return Count(len(moment.story.owners))


@condition("owners", example="owners: {at_least: 4}")
def owners(value: Any) -> FactQuestion:
    """How many different people have been its assignee, other than by Stepladder's own hand."""
    return _counter("owners", value, _owners, lambda moment: [owner.at for owner in moment.story.owners])


def _replies(moment: Moment) -> Count:
    story = moment.story
    agents, customer = len(story.agents_said), len(story.customer_said)
    return Count(agents + customer, agents, customer, story.conversation)  # if not known whole, there may be more


@condition("replies", example="replies: {more_than: 12}")
def replies(value: Any) -> FactQuestion:
    """How many messages agents and requester have exchanged in public, or one of them: `{customer: {at_least: 5}}`."""
    # both sides together, unless one is named; what opened the ticket, internal notes and programs do not count
    side = _side(value)

    def times(moment: Moment) -> list[datetime]:
        agents, customer = moment.story.agents_said, moment.story.customer_said
        said = (*agents, *customer) if side is None else agents if side == "agents" else customer
        return sorted(one.at for one in said)

    if side is None:
        return _counter("replies", value, _replies, times)
    try:
        return _counter("replies", value[side], _replies, times, side)
    except Wrong as wrong:
        raise Wrong(str(wrong), (side, *wrong.at)) from None


# --- moods --------------------------------------------------------------------------------------------------------
class Sign(NamedTuple):
    """What shows frustration, and what brought it about: a message, or a tag that was set."""

    degree: str
    words: str
    cause: Cause | str


def _mood(moment: Moment) -> tuple[tuple[Sign, ...], str | None]:
    """Return the signs of frustration, and what must be fetched before all of them are known."""
    return tuple(_signs(moment)), _unknown(moment)


@condition("frustration", example="frustration: {at_least: mild}")
def frustration(value: Any) -> FactQuestion:
    """The requester's newest three messages, or tags, show mild or strong frustration, by the policy's own signs."""
    # angry messages are a cause once for each waiting, so that five in a row do not climb five levels
    compare, wanted = ordered(value, DEGREES, "a degree of frustration")

    def holds(mood: tuple[tuple[Sign, ...], str | None]) -> bool | Unknown:
        signs, needs = mood
        strongest = _strongest(signs)
        could_be = range(strongest, len(DEGREES) if needs else strongest + 1)
        values = {number >= 0 and compare(DEGREES[number]) for number in could_be}
        return Unknown(needs) if needs and len(values) > 1 else values.pop()

    def show(mood: tuple[tuple[Sign, ...], str | None]) -> str:
        strongest = _strongest(mood[0])
        said = (f"{sign.degree}: {sign.words}" for sign in mood[0] if DEGREES.index(sign.degree) == strongest)
        return "; ".join(dict.fromkeys(said)) or "none"

    def causes(moment: Moment, mood: tuple[tuple[Sign, ...], str | None]) -> tuple[Cause, ...]:
        fits = [sign.cause for sign in reversed(mood[0]) if compare(sign.degree)]
        found = (c for cause in fits for c in ((cause,) if isinstance(cause, Cause) else held(moment, cause)))
        return tuple({cause.id: cause for cause in found}.values())

    return FactQuestion(name="frustration", wanted=wanted, read=_mood, holds=holds, show=show, causes=causes)


def _strongest(signs: Sequence[Sign]) -> int:
    return max((DEGREES.index(sign.degree) for sign in signs), default=-1)


def _unknown(moment: Moment) -> str | None:
    signs = moment.policy.frustration
    if signs is not None and signs.phrases and not moment.story.conversation:
        return "conversation"
    return "tags" if signs is not None and signs.tags and not moment.ticket.knows("tags") else None


def _signs(moment: Moment) -> Iterator[Sign]:
    """Yield what shows frustration, messages from the oldest on."""
    signs = moment.policy.frustration
    for wrote in moment.story.words if signs is not None else ():
        phrase = first_in(wrote.text, signs.phrases) if signs is not None else None
        if phrase is not None:
            cause = Cause(id=f"frustration #{wrote.waiting}", since=wrote.at)
            yield Sign(phrase.degree, f"“{masked(phrase.text)}”", cause)
    for degree, tags in signs.tags.items() if signs is not None else ():
        for tag in _carried(moment, tags):
            yield Sign(degree, f"tagged {tag}", f"tag:{tag}")


def _carried(moment: Moment, tags: Sequence[str]) -> list[str]:
    wanted = {tag.casefold() for tag in tags}
    return [tag for tag in moment.ticket.tags if tag.casefold() in wanted]


def _rating(moment: Moment) -> tuple[str, str] | Unknown | None:
    """Return the rating that was given last, and the tag that says so."""
    if not moment.ticket.knows("tags"):
        return Unknown("tags")
    took = moment.story.since
    rated = [(took.get(f"tag:{t}"), r, t) for r in RATINGS for t in _carried(moment, moment.policy.csat.get(r, ()))]
    latest = max((at for at, _, _ in rated if at is not None), default=None)
    return next(((rating, tag) for at, rating, tag in rated if at == latest), None)


@condition("csat", example="csat: bad")
def csat(value: Any) -> FactQuestion:
    """The customer rated the help bad or good, as tags or labels say that the policy names; the last one counts."""
    # No connector reads ratings: at both vendors a trigger or automation rule can set a tag or label when one is given.
    # Of a solved ticket nothing is asked, so a rating given then counts once the ticket is open again.
    wanted = words(value, "a rating")
    for index, word in enumerate(wanted):
        if word not in RATINGS:
            raise Wrong(f"expected a rating: bad or good; found {word!r}", (index,) if isinstance(value, list) else ())
    return FactQuestion(
        name="csat", wanted=" or ".join(wanted), read=_rating,
        holds=lambda rated: rated is not None and rated[0] in wanted,
        show=lambda rated: rated[0] if rated else "none",
        causes=lambda moment, rated: held(moment, f"tag:{rated[1]}"),
    )  # fmt: skip
