"""What would stop a move that a rule is about to make, in words. For people; nothing is decided by it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from policies import sentences as say
from policies.conditions import AllOf, AnyOf, Leaf, Moment, Node
from policies.consent import MANAGER
from policies.policy import ComeDown, Policy
from policies.verdicts import Verdict

_STOPS = {
    "unanswered_for": "an agent answers the requester",
    "not_taken_for": "somebody takes it: is made the assignee, comments, or writes /ack",
    "unresolved_for": "it is solved",
    "no_human_activity_for": "an agent changes or comments on anything",
    "at_level_for": "a person moves it to another level",
    "answered": "the requester writes again",
    "until_promise": "the promised time is put off",
    "after_promise": "the promised time is put off",
    "until_sla_breach": "the vendor's own promise is kept, or put off",
    "after_sla_breach": "the vendor's own promise is put off",
}
_NEVER_UNDONE = frozenset({"reopens", "requested_by_staff", "hand_overs", "owners", "replies", "level"})
_BY_HAND = "a person moves it by hand: every cause up to then is dealt with"
_HOLD = "an escalation manager writes /hold"


def endings(verdict: Verdict, calendar: str) -> list[str]:
    """Say what would stop this rule; each by itself is enough. The verdict is of the moment at which it fires."""
    stops = (*_stops(verdict.moment, verdict.rule.when, calendar), *_always(verdict.moment.policy, verdict))
    return list(dict.fromkeys(stops))


def calm_ends(way: ComeDown, moment: Moment, calendar: str) -> list[str]:
    """Say what would keep a ticket from coming down; the moment is that at which it does."""
    managed = [_HOLD] if MANAGER in moment.policy.roles else []
    return list(dict.fromkeys((*_stops(moment, way.when, calendar), "it is solved", *managed, _BY_HAND)))


def _stops(moment: Moment, node: Node, calendar: str) -> list[str]:
    """Say what would make a condition no longer so; each by itself is enough."""
    if isinstance(node, Leaf):
        stop = _STOPS.get(node.name, "" if node.name in _NEVER_UNDONE else say.in_words(node, calendar, so=False))
        return [stop] if stop else []
    if isinstance(node, AllOf):
        return [stop for part in node.parts for stop in _stops(moment, part, calendar)]
    if isinstance(node, AnyOf):
        options = [_stops(moment, part, calendar) for part in node.parts if part.ask(moment).value]
        return [" and ".join(option[0] for option in options), *_shared(options)] if all(options) else []
    return [say.in_words(node, calendar, so=False)]


def _shared(options: Sequence[Sequence[str]]) -> list[str]:
    """Return what ends every one of several reasons; a single reason's other endings, too."""
    return [stop for stop in options[0][1:] if all(stop in option for option in options)] if options else []


def _always(policy: Policy, verdict: Verdict) -> Iterator[str]:
    yield "it is solved"
    if any(answer.start is not None for answer in verdict.finding.answers) and policy.pause_while:
        paused = say.listed((status.value.replace("_", " ") for status in sorted(policy.pause_while)), "or")
        yield f"its status becomes {paused}: the time stands still"
    yield _BY_HAND
    if MANAGER in policy.roles:
        yield f"{_HOLD}, or /snooze 4h: the move is held"
    yield f"`stepladder pause {shlex.quote(f'rule:{verdict.rule.name}')}`: the move is held"
