"""Transitions: which one a target means, and the way there. It asks through the functions it is given, nothing else.

What is possible depends on where the issue stands at this moment, so nothing of it is remembered for other issues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.contract import Call, Outcome, Refused, TryLater
from connectors.jira.picture import status_word
from connectors.jira.values import field_named, identity, mapping, plain
from connectors.site import Site
from policies.model import Named, Ticket, TicketRef

MOST_NAMED = 12
"""How many transitions a refusal names; a note is read by a person."""

Ask = Callable[[TicketRef, str, Call], Mapping[str, Any]]
Send = Callable[[Ticket, str, Any, Call], None]


class Workflow:
    """Moves issues of one site. Safe to use from several threads: what it remembers belongs to one call each."""

    def __init__(self, ask: Ask, send: Send) -> None:
        self._ask, self._send = ask, send
        self._bound_for: dict[str, str] = {}

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Move the issue, unless it stands there already; Refused names what Jira offers instead."""
        wanted, here = str(call.parts["transition"]), self._status(call, ticket.ref)
        if self._is_there(call, here):
            return Outcome()
        way = chosen(self._ask(ticket.ref, "/transitions", call), wanted, here)
        if way.to.id == here.id:
            return Outcome()
        try:
            self._send(ticket, "/transitions", {"transition": {"id": way.id}}, call)
        except TryLater as later:
            if later.sent:  # a transition's name does not say where it led
                self._bound_for[call.key] = way.to.id
            raise
        return Outcome(resolved={"transition": way.id})

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Does the issue stand where the call was to bring it? After a restart only a status's own name tells."""
        return Outcome() if self._is_there(call, self._status(call, ref)) else None

    def _is_there(self, call: Call, here: Named) -> bool:
        there = bool(here.goes_by(str(call.parts["transition"]))) or here.id == self._bound_for.get(call.key)
        if there:
            self._bound_for.pop(call.key, None)
        return there

    def _status(self, call: Call, ref: TicketRef) -> Named:
        status = field_named(mapping(self._ask(ref, "?fields=status", call).get("fields")).get("status"))
        if status is None:
            raise TryLater("expected the issue's status from Jira, got none")
        return status


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One transition: what it is called and the status it leads to."""

    id: str
    name: str
    to: Named

    def __str__(self) -> str:
        return f"{self.name!r} (to {self.to})"


def chosen(answer: Mapping[str, Any], wanted: str, here: Named) -> Way:
    """Return the transition of this name, else the first that leads to a status of this name; Refused tells of all."""
    ways = _offered(answer)
    by_name = (way for way in ways if way.name.casefold() == wanted.casefold())
    by_status = (way for way in ways if way.to.goes_by(wanted))
    if way := next(by_name, None) or next(by_status, None):
        return way
    offer = ", ".join(map(str, ways[:MOST_NAMED])) + (", …" if len(ways) > MOST_NAMED else "")
    offer = offer or "none; perhaps our account lacks the permission Transition issues"
    raise Refused(
        f"Jira has no transition {wanted!r} from {here} at this moment, it offers {offer}",
        parts=frozenset({"transition"}),
    )


def status_named(wanted: str, site: Site) -> str | None:
    """Return our word for the status of this name; None if there is none, or several that we would call differently."""
    kind = "status:"
    numbers: list[str | None] = [
        key.removeprefix(kind)
        for key, name in site.names.items()
        if key.startswith(kind) and name.casefold() == wanted.casefold()
    ]
    words = {status_word(site, number, wanted) for number in numbers or [None]}
    return words.pop() if len(words) == 1 else None


def _offered(answer: Mapping[str, Any]) -> list[Way]:
    listed, ways = answer.get("transitions"), []
    for told in map(mapping, listed if isinstance(listed, list) else ()):
        number, name, to = identity(told.get("id")), plain(told.get("name")), field_named(told.get("to"))
        if number and name and to and told.get("isAvailable") is not False:
            ways.append(Way(id=number, name=name, to=to))
    return ways
