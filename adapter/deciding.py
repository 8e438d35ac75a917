"""Deciding with all that it takes: history from the store, fields from the vendor, never with a transaction open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapter.brakes import Resting
from adapter.erasure import kept
from adapter.journal import Journal
from adapter.records import Store
from adapter.sites import Post
from connectors.contract import Refused
from policies.case import CONVERSATION, HISTORY, Case, Decision, Facts, Needs
from policies.decide import decide, folded
from policies.model import ASKED_APART, TICKET_FIELDS, Event, Kind, TicketRef
from policies.policy import Policy

_ROUNDS = 5


class Decider:
    """Calls `decide` until it knows enough."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def decide(
        self,
        post: Post,
        policy: Policy,
        case: Case,
        events: Sequence[Event],
        facts: Facts,
        now: datetime,
        watched_since: datetime | None = None,
    ) -> tuple[Decision, Facts]:
        """Decide; whatever is needed for it is asked for.

        `watched_since`: the ticket's birth was missed if it was born later than that.
        """
        history: Sequence[Event] | None = None
        known = self._unheard(case, events)
        for _ in range(_ROUNDS):
            result = decide(policy, case, known, facts, now, history)
            if isinstance(result, Decision):
                return result, facts
            if HISTORY in result.fields:
                history = kept(case.erased, self._store.history(case.ref))
                continue
            found = kept(case.erased, self._fetch(post, case.ref, result, now))
            known += _with_birth(found, watched_since)
            facts = replace(facts, fetched=facts.fetched | result.fields | (TICKET_FIELDS - ASKED_APART))
        raise RuntimeError("a decision asks for the same thing again and again")

    def learn(
        self, policy: Policy, case: Case, learned: Sequence[Event], facts: Facts, now: datetime
    ) -> tuple[Case, datetime | None]:
        """Take in what we wrote. If that calls for another move, the next look makes it: one transition a look."""
        history: Sequence[Event] | None = None
        result = decide(policy, case, learned, facts, now)
        if isinstance(result, Needs) and HISTORY in result.fields:
            history = kept(case.erased, self._store.history(case.ref))
            result = decide(policy, case, learned, facts, now, history)
        if isinstance(result, Decision) and not (
            result.command or result.observed or result.given_up or result.notices
        ):
            return result.case, result.next_look
        heard = folded(case, learned, history)
        return (heard[0] if heard else case), now

    def _unheard(self, case: Case, events: Sequence[Event]) -> list[Event]:
        """Leave out what was heard before by another delivery."""
        if not events or case.told is None:
            return list(events)
        stored = self._store.heard(case.ref, [event.id for event in events])
        return [event for event in events if event.id not in stored]

    def _fetch(self, post: Post, ref: TicketRef, needs: Needs, now: datetime) -> Sequence[Event]:
        wait = post.brake.wait_until(now)
        if wait is not None:
            raise Resting((wait - now).total_seconds())
        try:
            found = post.client().fetch(ref, needs.fields, now)
        except Refused as refused:
            post.brake.succeeded()
            gone = Event(id=f"gone:{now.isoformat()}", kind=Kind.GONE, at=now, received_at=now, reason=str(refused))
            self._journal.tell("ticket.gone", ticket=str(ref), reason=str(refused))
            return [gone, Event(id=f"fetch:{now.isoformat()}", kind=Kind.FETCHED, at=now, received_at=now)]
        post.brake.succeeded()
        self._journal.tell("ticket.fetched", ticket=str(ref), needs=sorted(needs.fields))
        return [_with_conversation(event) for event in found] if CONVERSATION in needs.fields else found


def _with_birth(found: Sequence[Event], since: datetime | None) -> Sequence[Event]:
    """Return what was fetched, after the ticket's birth if that was missed: what it shows is then news."""
    made = next((event.ticket.created_at for event in found if event.ticket is not None), None)
    if since is None or made is None or made < since:
        return found
    return [Event(id=f"born:{made.isoformat()}", kind=Kind.CREATED, at=made, received_at=found[0].received_at), *found]


def _with_conversation(event: Event) -> Event:
    if event.ticket is None or event.kind is not Kind.FETCHED:
        return event
    return replace(event, ticket=replace(event.ticket, known=event.ticket.known | {CONVERSATION}))
