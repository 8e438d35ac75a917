"""A move that a rule wants, and what people said about it: agreed, refused, or to leave the ticket where it is.

Words are orders in internal comments (`orders.py`); whether they count, the policy's roles say. Where a role lists an
id, no name is taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.case import Case, Facts, Hold
from policies.levels import Level
from policies.model import Event
from policies.policy import Policy
from policies.story import Order
from policies.verdicts import Verdict

MANAGER = "escalation_manager"
"""The role whose people may snooze a ticket and hold it where it is."""

LONGEST_HOLD = timedelta(days=7)
"""How long `/hold` lasts if nobody releases it."""

LONGEST_SNOOZE = timedelta(days=30)

_CONFIRMS = "waits until somebody confirms it with /confirm: "
_AN_ID = re.compile(r"\d+|[0-9a-zA-Z-]*\d[0-9a-zA-Z-]*:[0-9a-zA-Z-]+|[0-9a-fA-F-]{16,}|qm:.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A move that a rule wants, and all that may keep it."""

    policy: Policy
    case: Case
    verdict: Verdict
    fresh: Sequence[Event]
    facts: Facts
    now: datetime

    @property
    def level(self) -> Level:
        """The level it leads to."""
        return self.policy.level(self.verdict.to)

    @property
    def key(self) -> str:
        """By what the case remembers it."""
        return f"{self.verdict.rule.name} → {self.verdict.to}"

    @property
    def since(self) -> datetime:
        """When it was first wanted, without a break."""
        return self.case.wanted.get(self.key, self.now)

    def held(self, reason: str, until: datetime | None = None) -> Hold:
        """Return the hold with a reason."""
        return Hold(rule=self.verdict.rule.name, level=self.verdict.to, reason=reason, until=until, since=self.since)


def said(wanted: Wanted) -> Iterator[Hold]:
    """Yield what an escalation manager ordered, and a confirmation that is still to come."""
    ordered = kept_by_order(wanted.policy, wanted.case, wanted.now)
    if ordered is not None:
        order, until = ordered
        what = "snoozed" if order.verb == "snooze" else "held here"
        yield wanted.held(f"{what} by {order.by or order.by_id}", until)
    if wanted.level.needs_confirmation and not confirmed(wanted):
        roles = " or ".join(role.replace("_", " ") for role in wanted.level.needs_confirmation)
        yield wanted.held(f"{_CONFIRMS}{roles}")


def waits_for_confirmation(hold: Hold) -> bool:
    """Say whether somebody must confirm the held move."""
    return hold.reason.startswith(_CONFIRMS)


def kept_by_order(policy: Policy, case: Case, now: datetime) -> tuple[Order, datetime] | None:
    """Return the order of an escalation manager that keeps the ticket where it is now, and until when."""
    orders = [o for o in case.story.orders if o.verb in _KEEPING and may(policy, MANAGER, o)]
    order = max(orders, key=lambda order: order.at, default=None)
    if order is None or order.verb == "release":
        return None
    until = order.at + (LONGEST_HOLD if order.length is None else min(order.length, LONGEST_SNOOZE))
    return (order, until) if until > now else None


_KEEPING = frozenset({"snooze", "hold", "release"})


def confirmed(wanted: Wanted) -> bool:
    """Say whether somebody in the level's roles agreed to the move, or asked for it."""
    return (word := _word(wanted)) is not None and word.verb == "confirm"


def declined(wanted: Wanted) -> Order | None:
    """Return the word of somebody in the level's roles who does not want the move."""
    word = _word(wanted)
    return word if word is not None and word.verb == "decline" else None


def _word(wanted: Wanted) -> Order | None:
    """Return the last word on a move since it is wanted, if it was not used for an earlier one.

    A request by somebody who may confirm is a word too. One given while Stepladder was away counts from the cause on.
    """
    level, story, top = wanted.level, wanted.case.story, wanted.policy.top
    begin = min(wanted.since, max((cause.since for cause in wanted.verdict.causes), default=wanted.now))
    fired = wanted.case.fired.get(wanted.verdict.rule.name)
    used = fired.at if fired is not None else None
    orders = [o for o in story.orders if o.verb in ("confirm", "decline") and o.level in (None, level.number)]
    asked = [
        Order(id=r.id, at=r.at, verb="confirm", by_id=r.by_id, by=r.by, level=r.level)
        for r in story.requests
        if r.level is not None and min(r.level, top) == level.number
    ]
    words = [
        order
        for order in (*orders, *asked)
        if order.at >= begin
        and (used is None or order.at > used)
        and any(may(wanted.policy, role, order) for role in level.needs_confirmation)
    ]
    return max(words, key=lambda order: order.at, default=None)


def may(policy: Policy, role: str, order: Order) -> bool:
    """Say whether who gave an order is one of a role's people; an entry that is an id is compared with ids only."""
    people = policy.roles[role].people if role in policy.roles else ()
    names = {order.by_id.casefold(), (order.by or "").casefold()}
    return any(who == order.by_id if is_id(who) else who.casefold() in names for who in people)


def is_id(who: str) -> bool:
    """Say whether an entry of a role looks like a vendor's id, and not like a name that people may change."""
    return _AN_ID.fullmatch(who) is not None
