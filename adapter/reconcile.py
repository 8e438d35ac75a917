"""One ticket: read, decide, commit, write back, next look. The heart; everything that can concern a ticket ends here.

The network is only used between transactions. A worker that lost its turn writes nothing, because every commit compares
the ticket's revision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapter.deciding import Decider
from adapter.facts import FactFinder
from adapter.journal import Journal
from adapter.outbox import Batch, Outbox, in_order, takes_turns
from adapter.promising import promising, promising_ids, without_ended
from adapter.reading import Reading, read
from adapter.records import CallState, Commit, Committed, Look, Store, StoredCall, Work
from adapter.shelf import Shelf
from adapter.sites import Post, Sites
from connectors.contract import TryLater
from policies.case import Case, Decision, Facts
from policies.commands import Mode, Occasion
from policies.echoes import judged
from policies.holds import SIBLINGS
from policies.model import TicketRef
from policies.policy import Policy

FORGOTTEN = timedelta(hours=1)
"""How long to leave a ticket whose site is not configured any more."""
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

    def look(self, ref: TicketRef) -> datetime | None:
        """Do all that is due for a ticket; whatever fails, it is looked at again later and nothing is lost."""
        now = self._clock()
        work = self._store.open(ref, now)
        post = self._sites.of(ref)
        if post is None:
            self._journal.tell("site.unknown", ticket=str(ref))
            return self._later(work, now + FORGOTTEN)
        try:
            return self._look(post, work, now)
        except TryLater as later:
            again = post.brake.failed(later, self._clock())
            self._journal.tell("ticket.later", ticket=str(ref), reason=str(later), again=again)
            return self._later(work, again)
        except Fenced:
            return now
        except Exception as error:  # a bug of ours must cost this ticket time, never the others theirs
            self._journal.trouble("ticket.failed", error, ticket=str(ref))
            return self._later(work, now + timedelta(seconds=30))

    def _later(self, work: Work, at: datetime) -> datetime:
        self._store.postpone(work.ref, work.marks, at)
        return at

    def _look(self, post: Post, work: Work, now: datetime) -> datetime | None:
        if work.active_policy is None:
            self._journal.tell("policy.missing", ticket=str(work.ref))
            return self._later(work, now + timedelta(minutes=1))
        site = post.view(now)
        unsettled = any(c.state is CallState.SENDING for c in work.calls)
        if unsettled and (wait := post.brake.wait_until(now)) is not None:
            return self._later(work, wait)
        batch = self._outbox.settled(post, work.ref, work.calls, now)
        reading = read(post, site, work, self._journal)
        case = promising_ids(work.case or Case.fresh(work.ref, now), batch.learned, now)
        policy = self._shelf.get(case.pinned or work.active_policy)
        for _ in range(_ROUNDS):
            facts = self._facts(post, work, policy, now)
            events = [*reading.events, *batch.learned]
            decision, facts = self._decider.decide(post, policy, case, events, facts, now)
            try:
                return self._commit(post, work, policy, facts, case, decision, reading, batch, now)
            except _OverBudget:
                work = replace(work, adoptive_used=self._store.open(work.ref, now).adoptive_used)
        raise RuntimeError("a look did not come to an end")

    def _facts(self, post: Post, work: Work, policy: Policy, now: datetime) -> Facts:
        alarm = self._finder.too_many(work)
        if alarm is not None and not work.switches.keys() & {"all", f"site:{post.scope}"}:
            self._store.pause(f"site:{post.scope}", alarm, now)
            self._journal.tell("brake.alarm", site=post.scope, reason=alarm)
        return self._finder.facts(work, policy, post.site.settings.mode, now)

    # --- committing and writing back ----------------------------------------------------------------------
    def _commit(
        self,
        post: Post,
        work: Work,
        policy: Policy,
        facts: Facts,
        before: Case,
        decision: Decision,
        reading: Reading,
        batch: Batch,
        now: datetime,
    ) -> datetime | None:
        """Store the decision, then send what it asks for."""
        if decision.case.outside:
            return self._forget(work, decision, reading, now)
        calls = self._outbox.given_up(batch.calls, decision.given_up)
        planned = self._outbox.plan(post, decision.command, decision.case.ticket, now) if decision.command else []
        calls = [*calls, *planned]
        sending, wait = self._sendable(post, decision.case, calls, facts, now)
        begun = {c.call.key: c for c in self._outbox.begun(sending, now)}
        calls = [begun.get(c.call.key, c) for c in calls]
        case = promising(decision.case, begun.values(), now)
        case = without_ended(case, calls)
        next_look = _earliest(decision.next_look, batch.again, wait, now if work.more else None)
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
            look=Look(at=now, policy=policy.revision, facts=facts, decision=decision, case_before=before),
            adoptive_limit=self._finder.adoptive_limit if decision.adoptive and decision.command else None,
            moved_to=_climbs_to(decision),
            reserves=decision.reserves if decision.reserves and decision.reserves.hold else None,
            turn=decision.command.turn if decision.command and takes_turns(planned) else None,
            notices=decision.notices,
            outdated=_OF_MOVES if decision.given_up else frozenset(),
        )
        outcome = self._store.commit(commit)
        if outcome is Committed.OVER_BUDGET:
            raise _OverBudget
        if outcome is Committed.FENCED:
            raise Fenced
        self._tell(work, before, decision, policy)
        if decision.notices:
            self._tell_people()
        if not begun:
            return next_look
        work = replace(work, revision=work.revision + 1)
        return self._send(post, work, policy, facts, case, list(begun.values()), next_look)

    def _sendable(
        self, post: Post, case: Case, calls: Sequence[StoredCall], facts: Facts, now: datetime
    ) -> tuple[list[StoredCall], datetime | None]:
        """Return the calls that may go out now, in order, and when to come back if some must wait."""
        paused = {p.operation for p in case.pending if facts.paused or p.rule in facts.paused_rules}
        waiting = {c.call.operation for c in calls if c.state is CallState.SENDING}
        blocked = paused | waiting
        ready = [c for c in calls if c.state is CallState.PLANNED and c.call.operation not in blocked]
        if not ready or facts.mode is Mode.OBSERVE:
            return [], None
        wait = post.brake.wait_until(now)
        return ([], wait) if wait is not None else (sorted(ready, key=in_order), None)

    def _halted(self, post: Post, case: Case) -> Callable[[str], bool]:
        """Return what tells whether an operation is paused at this very moment, for a look can take a while."""
        rules = {pending.operation: f"rule:{pending.rule}" for pending in case.pending}

        def halted(operation: str) -> bool:
            paused = self._store.switches().keys()
            return bool(paused & {"all", f"site:{post.scope}", rules.get(operation, "all")})

        return halted

    def _send(
        self,
        post: Post,
        work: Work,
        policy: Policy,
        facts: Facts,
        case: Case,
        calls: Sequence[StoredCall],
        next_look: datetime | None,
    ) -> datetime | None:
        batch = self._outbox.send(post, case.ticket, calls, self._clock, self._halted(post, case))
        done = self._clock()
        after, look = promising_ids(case, batch.learned, done), next_look
        if batch.learned:
            after, look = self._decider.learn(policy, after, batch.learned, facts, done)
        after = without_ended(after, batch.calls)
        again = _earliest(look, batch.again)
        commit = Commit(
            ref=work.ref,
            revision=work.revision,
            marks=work.marks,
            now=done,
            due_at=again,
            case=after,
            events=[judged(event, after.wrote) for event in batch.learned],
            calls=batch.calls,
        )
        if self._store.commit(commit) is not Committed.DONE:
            raise Fenced
        return again

    def _forget(self, work: Work, decision: Decision, reading: Reading, now: datetime) -> datetime | None:
        """Keep nothing but the id of a ticket that the policy does not name (decision 21)."""
        bare = replace(Case.fresh(work.ref, now), outside=True)
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
        )
        if self._store.commit(commit) is not Committed.DONE:
            raise Fenced
        return commit.due_at

    def _tell(self, work: Work, before: Case, decision: Decision, policy: Policy) -> None:
        command = decision.command or decision.observed
        known = {(hold.rule, hold.level) for hold in before.held}
        held = [h for h in decision.case.held if (h.rule, h.level) not in known and h.reason != SIBLINGS]
        self._journal.tell(
            "ticket.decided",
            ticket=str(work.ref),
            key=decision.case.ticket.key,
            level=decision.case.level,
            level_name=policy.level(decision.case.level).name,
            moved=command is not None,
            observed=decision.observed is not None,
            why=decision.why,
            events=[event.id for event in decision.events],
            next_look=decision.next_look,
            held=[f"{hold.rule}: {hold.reason}" for hold in held],
            told=[notice.occasion.value for notice in decision.notices],
            warnings=list(decision.warnings),
            given_up={operation: end.value for operation, end in decision.given_up.items()},
        )


def _climbs_to(decision: Decision) -> int | None:
    """Return the level that a ticket is moved up to; a ticket that comes down is nobody's new work."""
    command = decision.command
    return command.level if command is not None and command.level > command.level_before else None


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((at for at in moments if at is not None), default=None)
