"""Orders of agents that are not heard, and why: in a policy's tests, and because its roles hear nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.consent import MANAGER, may
from policies.findings import Finding, warning
from policies.model import Event
from policies.orders import command_line, order_in, request_in, to_us
from policies.policy import Policy
from policies.source import nearest
from policies.story import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """An order in a test that nobody hears: `order` as it was written, who gave it, and why it is not heard.

    `never`: nobody at all could give it, whatever the test says of who did.
    """

    order: str
    by: str
    why: str
    never: bool

    def __str__(self) -> str:
        return f"`{self.order}` by {self.by} is not heard: {self.why}"


def nobody_snoozes(policy: Policy) -> Iterator[Finding]:
    """Find roles of which none may snooze, because that one is called otherwise."""
    if policy.roles and MANAGER not in policy.roles:
        sentence = f"none of them is called `{MANAGER}`, so nobody may snooze, hold or release a ticket"
        yield warning("roles", sentence, "roles")


def unheard(policy: Policy, event: Event, *, named: bool) -> Unheard | None:
    """Say why an order that stands in an agent's comment is not heard; `named`: the test says who gave it."""
    comment, actor = event.comment, event.actor
    if comment is None or actor is None:
        return None
    line = comment.text.strip().partition("\n")[0].rstrip()
    if not to_us(line) or request_in(line, event, actor, comment) is not None:
        return None
    by = actor.name if named and actor.name else "an agent"
    order = order_in(line, event, actor, comment)
    if order is None:
        return Unheard(order=line, by=by, why="how long cannot be read; write it like `/snooze 4h`", never=True)
    if not command_line(comment):
        return Unheard(order=line, by=by, why="orders count in internal notes only (`note: …`)", never=True)
    roles = _roles(policy, order)
    if not roles:
        return Unheard(order=line, by=by, why=_nobody(policy, order), never=True)
    if any(may(policy, role, order) for role in roles):
        return None
    return Unheard(order=line, by=by, why=_stranger(policy, roles, by, named=named), never=False)


def _roles(policy: Policy, order: Order) -> list[str]:
    """Return the roles of the policy whose people may give an order."""
    if order.verb not in ("confirm", "decline"):
        return [MANAGER] if MANAGER in policy.roles else []
    asked = [level for level in policy.levels if order.level in (None, level.number)]
    return list(dict.fromkeys(role for level in asked for role in level.needs_confirmation))


def _nobody(policy: Policy, order: Order) -> str:
    if order.verb not in ("confirm", "decline"):
        return f"there is no role {MANAGER} in `roles`"
    return f"level {order.level} needs no confirmation" if order.level else "no level needs a confirmation"


def _stranger(policy: Policy, roles: list[str], by: str, *, named: bool) -> str:
    if not named:
        return f"say with `by` who of {' or '.join(roles)} gave it"
    people = [who for role in roles for who in policy.roles[role].people]
    near = next((who for who in people if by.casefold() in who.casefold().split()), nearest(by, people))
    guess = f'; did you mean "{near}"?' if near else ""
    return f"there is no such person in {' or '.join(roles)}{guess}"
