"""One ticket: read, decide, commit, write back, next look. The heart; everything that can concern a ticket ends here.

The network is only used between transactions. A worker that lost its turn writes nothing, because every commit compares
the ticket's revision.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from adapter.deciding import Decider
from adapter.erasure import caught_up, erasures, forgotten_call, heeded
from adapter.facts import FactFinder
from adapter.gaps import Gap, Why, poured
from adapter.journal import Journal
from adapter.news import tell_decided
from adapter.outbox import Batch, Outbox, takes_turns
from adapter.promising import promising, promising_ids, without_ended
from adapter.reading import Reading, read
from adapter.records import CallState, Commit, Committed, Look, Store, StoredCall, Unusable, Work
from adapter.shelf import Shelf
from adapter.sites import Post, Sites, as_configured
from adapter.undoing import heeded_orders
from adapter.visit import Lease, Meter, Visit, climbs_to, halted, sendable
from connectors.contract import TryLater
from policies.case import Case, Decision, Facts
from policies.commands import Mode, Occasion
from policies.echoes import judged
from policies.model import WHOLE_TICKET, TicketRef
from policies.policy import Policy

FORGOTTEN = timedelta(hours=1)
"""How long to leave a ticket whose site is not configured any more."""
TRIES = 6
"""How often a ticket is looked at whose looks end in a fault of ours: at once, and for a quarter of an hour."""
_ROUNDS = 64
"""How often a look decides again because others were faster to a budget or a turn: as many as there can be workers."""
_OF_MOVES = frozenset(Occasion) - {Occasion.RULE, Occasion.BUDGET}
"""What people are told about a ticket's way up and down; it is out of date once a person has acted."""


class Fenced(Exception):
    """Somebody else has looked at this ticket since; this look wrote nothing."""


class _OverBudget(Exception):
    """Somebody else was faster to a budget or a turn: decide again."""


class Reconciler:
    """Looks at tickets, one at a time each. Returns when to look again."""

    def __init__(
        self,
        store: Store,
        sites: Sites,
        shelf: Shelf,
        outbox: Outbox,
        journal: Journal,
        finder: FactFinder,
        clock: Callable[[], datetime],
        tell: Callable[[], None],
        mode: Callable[[Post], Mode] = as_configured,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sites = sites
        self._shelf = shelf
        self._decider = Decider(store, journal)
        self._outbox = outbox
        self._journal = journal
        self._finder = finder
        self._clock = clock
        self._tell_people = tell
        self._mode = mode
        self._ticking = ticking

    def look(self, ref: TicketRef) -> datetime | None:
        """Do all that is due for a ticket; whatever fails, it is looked at again later and nothing is lost."""
        now = self._clock()
        work = self._store.open(ref, now)
        post = self._sites.of(ref)
        if post is None:
            self._journal.tell("site.unknown", ticket=str(ref))
            return self._later(work, now + FORGOTTEN)
        meter = Meter(post.asked)
        try:
            return self._caught(post, work, now, partial(self._look, post, work, meter, now))
        except Fenced:
            return now
        finally:
            self._count(post, meter, now)

    def _caught(self, post: Post, work: Work, now: datetime, do: Callable[[], datetime | None]) -> datetime | None:
        """Do what begins where `work` stands; if it fails, look again later, unless somebody else has looked since."""
        try:
            return do()
        except TryLater as later:
            again = post.brake.failed(later, self._clock())
            self._journal.tell("ticket.later", ticket=str(work.ref), reason=str(later), again=again)
            return self._later(work, again)
        except (Fenced, Unusable):  # no fault of this ticket's: nothing was stored, and it waits with the others
            raise
        except Exception as error:  # a bug of ours must cost this ticket time, never the others theirs
            return self._failed(work, error, now)

    def _count(self, post: Post, meter: Meter, now: datetime) -> None:
        if calls := meter.take():
            self._store.count_calls(post.scope, calls, now)

    def _later(self, work: Work, at: datetime) -> datetime:
        self._store.postpone(work, at)
        return at

    def _failed(self, work: Work, error: Exception, now: datetime) -> datetime | None:
        """Try again, later each time; in the end leave the ticket to a person, because it costs and never succeeds."""
        self._journal.trouble("ticket.failed", error, ticket=str(work.ref))
        problem = f"{type(error).__name__}: {error}"[:500]
        again = now + timedelta(seconds=30 * 2**work.failures) if work.failures + 1 < TRIES else None
        self._store.failed(work, problem, again)
        if again is None:
            todo = "report it; then run `stepladder replay`"
            self._journal.tell("ticket.alarm", ticket=str(work.ref), tries=work.failures + 1, todo=todo)
        return again

    def _look(self, post: Post, work: Work, meter: Meter, now: datetime) -> datetime | None:
        if work.active_policy is None:
            self._journal.tell("policy.missing", ticket=str(work.ref))
            return self._later(work, now + timedelta(minutes=1))
        mode, site = self._mode(post), post.view(now)
        self._count(post, meter, now)  # what is asked for all tickets is no single one's cost
        unsettled = any(c.state is CallState.SENDING for c in work.calls)
        if unsettled and (wait := post.brake.wait_until(now)) is not None:
            return self._later(work, wait)
        batch = self._outbox.settled(post, work.ref, work.calls, now)
        reading = read(post, site, work, self._journal)
        case = promising_ids(work.case or Case.fresh(work.ref, now), batch.learned, now)
        policy = self._shelf.get(case.pinned or work.active_policy)
        work, ordered, waits = heeded_orders(self._store, work, mode, now)
        told = [*reading.events, *batch.learned, *(gap.event(now) for gap in work.gaps), *ordered]
        case, events = heeded(case, told, partial(self._store.history, work.ref))
        if case.erased != _erased(work):
            whole = WHOLE_TICKET in case.erased
            batch.calls = [replace(c, call=forgotten_call(c.call, whole=whole)) for c in batch.calls]
        watched = self._watched(post, work)
        for _ in range(_ROUNDS):
            facts = self._facts(post, work, policy, mode, now)
            decision, facts = self._decider.decide(post, policy, case, events, facts, now, watched)
            visit = Visit(post=post, site=site, work=work, policy=policy, meter=meter, now=now, waits=waits)
            try:
                return self._commit(visit, facts, case, decision, reading, batch)
            except _OverBudget:
                work = replace(work, adoptive_used=self._store.open(work.ref, now).adoptive_used)
        raise RuntimeError("a look did not come to an end")

    def _watched(self, post: Post, work: Work) -> datetime | None:
        """Return since when a site is watched, if this is a ticket of which nobody ever told us."""
        if work.case is not None or not any(gap.why is Why.MISSED for gap in work.gaps):
            return None
        watch = self._store.watch_of(post.scope)
        return watch.since if watch is not None else None

    def _facts(self, post: Post, work: Work, policy: Policy, mode: Mode, now: datetime) -> Facts:
        alarm = self._finder.too_many(work)
        if alarm is not None and not work.switches.keys() & {"all", f"site:{post.scope}"}:
            self._store.pause(f"site:{post.scope}", alarm, now)
            self._journal.tell("brake.alarm", site=post.scope, reason=alarm)
        return self._finder.facts(work, policy, mode, now)

    # --- committing and writing back ----------------------------------------------------------------------
    def _commit(
        self, visit: Visit, facts: Facts, before: Case, decision: Decision, reading: Reading, batch: Batch
    ) -> datetime | None:
        """Store the decision, then send what it asks for."""
        work, now = visit.work, visit.now
        if decision.case.outside:
            return self._forget(visit, before, decision, reading)
        calls = self._outbox.given_up(batch.calls, decision.given_up)
        command, ticket = decision.command, decision.case.ticket
        planned = self._outbox.plan(visit.post, visit.site, command, ticket, now) if command else []
        calls = [*calls, *planned]
        sending, wait = sendable(visit, decision.case, calls, facts)
        begun = {c.call.key: c for c in self._outbox.begun(sending, now)}
        calls = [begun.get(c.call.key, c) for c in calls]
        case = promising(decision.case, begun.values(), now)
        case = caught_up(without_ended(case, calls), decision.events, partial(self._store.history, work.ref))
        next_look = _earliest(decision.next_look, batch.again, wait, visit.waits, now if work.more else None)
        asked = visit.meter.take()
        commit = Commit(
            ref=work.ref,
            revision=work.revision,
            marks=work.marks,
            now=now,
            due_at=now if begun else next_look,
            case=case,
            events=decision.events,
            read=reading.rows,
            dead=reading.dead,
            calls=calls,
            look=Look(at=now, policy=visit.policy.revision, facts=facts, decision=decision, case_before=before),
            adoptive_limit=self._finder.adoptive_limit if decision.adoptive and decision.command else None,
            moved_to=climbs_to(decision),
            reserves=decision.reserves if decision.reserves and decision.reserves.hold else None,
            turn=decision.command.turn if decision.command and takes_turns(planned) else None,
            notices=decision.notices,
            outdated=_OF_MOVES if decision.given_up else frozenset(),
            gaps=poured(work.ref, decision.events),
            filled=work.gaps,
            asked=asked,
            goes_on=_some_open(calls),
            erases=case.erased != _erased(work),
        )
        lease = Lease(self._clock, self._ticking)
        outcome = self._store.commit(commit)
        if outcome is not Committed.DONE:
            visit.meter.give_back(asked)
            raise _OverBudget if outcome is Committed.OVER_BUDGET else Fenced
        tell_decided(self._journal, before, decision, visit.policy, asked)
        if commit.erases:
            self._journal.tell("ticket.erased", ticket=str(work.ref), whole=WHOLE_TICKET in case.erased)
        if decision.notices:
            self._tell_people()
        if not begun:
            return next_look
        visit = replace(visit, work=replace(work, revision=work.revision + 1))
        send = partial(self._send, visit, lease, facts, case, list(begun.values()), next_look)
        return self._caught(visit.post, visit.work, now, send)

    def _send(
        self, visit: Visit, lease: Lease, facts: Facts, case: Case, calls: Sequence[StoredCall], due: datetime | None
    ) -> datetime | None:
        post, work = visit.post, visit.work
        stop = halted(self._store, visit, case, self._clock)
        batch = self._outbox.send(post, case.ticket, calls, self._clock, stop, lease.ended)
        done = self._clock()
        after, look = promising_ids(case, batch.learned, done), due
        if batch.learned:
            after, look = self._decider.learn(visit.policy, after, batch.learned, facts, done)
        after = without_ended(after, batch.calls)
        again = _earliest(look, batch.again, visit.waits)
        commit = Commit(
            ref=work.ref,
            revision=work.revision,
            marks=work.marks,
            now=done,
            due_at=again,
            case=after,
            events=[judged(event, after.wrote) for event in batch.learned],
            calls=batch.calls,
            gaps=[Gap(ref=work.ref, at=done, why=Why.STALE)] if batch.stale else (),
            asked=visit.meter.take(),
            goes_on=_some_open(batch.calls),
        )
        if self._store.commit(commit) is not Committed.DONE:
            visit.meter.give_back(commit.asked)
            raise Fenced
        return again

    def _forget(self, visit: Visit, before: Case, decision: Decision, reading: Reading) -> datetime | None:
        """Keep nothing but the id of a ticket that the policy does not name (decision 21)."""
        work, now = visit.work, visit.now
        erased = erasures(before.erased, decision.events)
        bare = replace(Case.fresh(work.ref, now), outside=True, erased=erased)
        left = work.case is not None and not work.case.outside
        self._journal.tell("ticket.outside", ticket=str(work.ref))
        commit = Commit(
            ref=work.ref,
            revision=work.revision,
            marks=work.marks,
            now=now,
            due_at=now if work.more else None,
            case=bare,
            read=reading.rows,
            dead=reading.dead,
            forget=True,
            outdated=frozenset(Occasion) if left else frozenset(),
            calls=self._outbox.given_up(work.calls, decision.given_up),
            filled=work.gaps,
            erases=erased != _erased(work),
        )
        if self._store.commit(commit) is not Committed.DONE:
            raise Fenced
        return commit.due_at


def _erased(work: Work) -> Mapping[str, datetime]:
    return work.case.erased if work.case is not None else {}


def _some_open(calls: Sequence[StoredCall]) -> bool:
    return any(not stored.state.ended for stored in calls)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((at for at in moments if at is not None), default=None)
