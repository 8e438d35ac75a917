"""Moves taken back by whoever runs Stepladder: which ones, what becomes of each ticket, and the order to do it.

An order is a row and a due ticket; the ticket's next look heeds it like anything else that happened. Nobody is asked
and nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from adapter.facts import FactFinder
from adapter.gaps import Order, Why
from adapter.inspection import KeptLook
from adapter.records import Work
from adapter.shelf import Shelf
from policies.case import Case, Decision, Facts
from policies.commands import Mode
from policies.decide import decide
from policies.model import Event, TicketRef
from policies.policy import Policy
from policies.shielding import whoever_reads
from policies.undoing import order_event, refusal, restored, stays

_WRITING = timedelta(minutes=1)
_MOST_LOOKS = 10_000


class Orders(Protocol):
    """What a look needs of the store to heed orders."""

    def orders(self, ref: TicketRef) -> Sequence[Order]:
        """Return the orders that were given about a ticket, the latest last."""


class Moves(Protocol):
    """What finding the moves needs of the store."""

    def moved(self, site: str | None, since: datetime) -> Sequence[TicketRef]:
        """Return the tickets that we moved up since a moment, each once."""

    def moves(self, ref: TicketRef, since: datetime) -> Sequence[datetime]:
        """Return when we moved a ticket up since a moment, the latest first."""

    def looks(self, ref: TicketRef, since: datetime | None, limit: int) -> Sequence[KeptLook]:
        """Return the looks at a ticket, the latest first."""

    def open(self, ref: TicketRef, now: datetime) -> Work:
        """Read all that a look starts from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """One ticket whose moves are to be taken back to a level.

    `restores`: what is given back; `stays`: what is not, and why; `refused`: why nothing is done at all.
    """

    ref: TicketRef
    key: str | None
    level: int
    rules: tuple[str, ...]
    restores: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    refused: str | None = None


# --- within a look ------------------------------------------------------------------------------------------
def heeded_orders(store: Orders, work: Work, mode: Mode, now: datetime) -> tuple[Work, list[Event], datetime | None]:
    """Return the orders that are open for a ticket, as events.

    While writes are under way, or its site is only observed, they wait: they are taken out of the work, and the moment
    is named when to look again because of them.
    """
    if not any(gap.why is Why.ORDERED for gap in work.gaps):
        return work, [], None
    if work.calls or mode is Mode.OBSERVE:
        rests = mode is Mode.OBSERVE or work.switches.keys() & {"all", f"site:{work.ref.vendor}/{work.ref.site}"}
        others = tuple(gap for gap in work.gaps if gap.why is not Why.ORDERED)
        return replace(work, gaps=others), [], None if rests else now + _WRITING  # the end of a rest makes it due
    given = {gap.at for gap in work.gaps if gap.why is Why.ORDERED}
    return work, [_event(order, now) for order in store.orders(work.ref) if order.at in given], None


def _event(order: Order, now: datetime) -> Event:
    return order_event(order.key, min(order.at, now), order.level, order.said_by, order.why)


# --- before anything is ordered -----------------------------------------------------------------------------
class Undoing:
    """Finds the moves of a stretch of time, and what taking each back would do, by the same decision that does it."""

    def __init__(
        self, store: Moves, shelf: Shelf, finder: FactFinder, now: datetime, kept: timedelta | None = None
    ) -> None:
        """`kept`: how long looks are kept, None for ever."""
        self._store = store
        self._kept = kept
        self._shelf = shelf
        self._finder = finder
        self._now = now

    def found(self, ref: TicketRef, mode: Mode, since: datetime, rule: str | None) -> Undo | None:
        """Return what would become of one ticket; None if nothing was moved, or by other rules only.

        A move whose look was let go is told and stays: where it came from, and by which rule, nobody knows any more.
        """
        looks = [look for look in self._store.looks(ref, since, _MOST_LOOKS) if _climbs(look)]  # the latest first
        known = {look.at for look in looks}
        untold = [at for at in self._store.moves(ref, since) if at not in known]
        if untold and (not looks or (rule is not None and rule not in {look.rule for look in looks})):
            case = self._store.open(ref, self._now).case or Case.fresh(ref, self._now)
            why = f"of its move of {_days(untold)} {self._let_go}"
            return Undo(ref=ref, key=case.ticket.key, level=case.level, rules=(), refused=why)
        found = self._found(ref, mode, looks, rule)
        if found is None or found.refused is not None or not untold:
            return found
        return replace(found, stays=(*found.stays, f"its move of {_days(untold)} stays, because {self._let_go}"))

    @property
    def _let_go(self) -> str:
        return f"the look was let go{f' after {self._kept.days} days' if self._kept is not None else ''}"

    def _found(self, ref: TicketRef, mode: Mode, looks: Sequence[KeptLook], rule: str | None) -> Undo | None:
        if not looks or (rule is not None and rule not in {look.rule for look in looks}):
            return None
        work = self._store.open(ref, self._now)
        case = work.case or Case.fresh(ref, self._now)
        mine = _chain(looks, rule)
        level = mine[-1].level_before or 1 if mine else case.level
        rules = tuple(dict.fromkeys(look.rule or "" for look in reversed(mine or looks)))
        undo = Undo(ref=ref, key=case.ticket.key, level=level, rules=rules)
        if not mine:
            return replace(undo, refused=f"the rule {looks[0].rule!r} has moved it on since")
        return self._foreseen(undo, work, case, mine[0].level, mode)

    def _foreseen(self, undo: Undo, work: Work, case: Case, reached: int | None, mode: Mode) -> Undo:
        policy = self._shelf.get(case.pinned or work.active_policy or "")
        facts = whoever_reads(self._finder.facts(work, policy, mode, self._now))
        why = refusal(policy, replace(case, pending=()), facts, undo.level, self._now)
        if why is None and case.level != reached:
            why = f"a person brought it to level {case.level} since"
        if why is not None:
            return replace(undo, refused=why)
        return replace(
            undo,
            restores=self._restores(policy, replace(case, pending=()), facts, undo.level),
            stays=tuple(stays(policy, case, undo.level)),
        )

    def _restores(self, policy: Policy, case: Case, facts: Facts, level: int) -> tuple[str, ...]:
        order = order_event("preview", self._now, level, "", "")
        at = max(self._now, case.told[0]) if case.told is not None else self._now  # the vendor's clock may be ahead
        decision = decide(policy, case, [replace(order, at=at, order="~")], facts, self._now)
        return restored(decision) if isinstance(decision, Decision) else ()


def _days(moments: Sequence[datetime]) -> str:
    return " and ".join(f"{at:%Y-%m-%d %H:%M}" for at in reversed(moments))


def _climbs(look: KeptLook) -> bool:
    return look.level is not None and look.level_before is not None and look.level > look.level_before


def _chain(looks: Sequence[KeptLook], rule: str | None) -> list[KeptLook]:
    """Return the last moves that follow each other without a step down, the latest first; with a rule only its own."""
    chain: list[KeptLook] = []
    for look in looks:
        if rule is not None and look.rule != rule:
            break
        if chain and look.level != chain[-1].level_before:
            break
        chain.append(look)
    return chain
