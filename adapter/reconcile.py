"""One ticket: read, decide, commit, write back, next look. The heart; everything that can concern a ticket ends here.

The network is only used between transactions. A worker that lost its turn writes nothing, because every commit compares
the ticket's revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapter.deciding import Decider
from adapter.journal import Journal
from adapter.outbox import Batch, Outbox, in_order
from adapter.reading import Reading, read
from adapter.records import CallState, Commit, Committed, Look, Store, StoredCall, Work
from adapter.shelf import Shelf
from adapter.sites import Post, Sites
from connectors.contract import TryLater
from policies.case import Case, Decision, Facts
from policies.commands import Mode
from policies.echoes import judged, promised
from policies.model import Event, TicketRef
from policies.policy import Policy

FORGOTTEN = timedelta(hours=1)
"""How long to leave a ticket whose site is not configured any more."""
_ROUNDS = 5


class Fenced(Exception):
    """Somebody else has looked at this ticket since; this look wrote nothing."""


class _OverBudget(Exception):
    """The hourly budget for tickets that existed before was used up meanwhile: decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above these Stepladder stops by itself (decision 21)."""

    moves_in_10_minutes: int
    adoptive_per_hour: int


class Reconciler:
    """Looks at tickets, one at a time each. Returns when to look again."""

    def __init__(
        self,
        store: Store,
        sites: Sites,
        shelf: Shelf,
        outbox: Outbox,
        journal: Journal,
        limits: Limits,
        clock: Callable[[], datetime],
        program: str,
    ) -> None:
        self._store = store
        self._sites = sites
        self._shelf = shelf
        self._decider = Decider(store, journal)
        self._outbox = outbox
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._program = program

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
        case = _promising_ids(work.case or Case.fresh(work.ref, now), batch.learned, now)
        policy = self._shelf.get(case.pinned or work.active_policy)
        for _ in range(_ROUNDS):
            facts = self._facts(post, work, now)
            events = [*reading.events, *batch.learned]
            decision, facts = self._decider.decide(post, policy, case, events, facts, now)
            try:
                return self._commit(post, work, policy, facts, case, decision, reading, batch, now)
            except _OverBudget:
                work = replace(work, adoptive_used=self._limits.adoptive_per_hour)  # somebody else used it up
        raise RuntimeError("a look did not come to an end")

    # --- deciding -----------------------------------------------------------------------------------------
    def _facts(self, post: Post, work: Work, now: datetime) -> Facts:
        paused = work.switches.get("all") or work.switches.get(f"site:{post.scope}")
        if paused is None and work.moves_lately >= self._limits.moves_in_10_minutes:
            paused = f"{work.moves_lately} escalations in 10 minutes; look into it, then run `stepladder resume`"
            self._store.pause(f"site:{post.scope}", paused, now)
            self._journal.tell("brake.alarm", site=post.scope, reason=paused)
        rules = {scope.removeprefix("rule:"): why for scope, why in work.switches.items() if scope.startswith("rule:")}
        return Facts(
            mode=post.site.settings.mode,
            mode_since=work.mode_since if work.mode_since and work.mode_since <= now else None,  # a clock was ahead
            paused=paused,
            paused_rules=rules,
            adoptive_left=max(self._limits.adoptive_per_hour - work.adoptive_used, 0),
            adoptive_again=now + timedelta(minutes=10),
            program=self._program,
        )

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
        if decision.command is not None:
            calls = [*calls, *self._outbox.plan(post, decision.command, decision.case.ticket, now)]
        sending, wait = self._sendable(post, decision.case, calls, facts, now)
        begun = {c.call.key: c for c in self._outbox.begun(sending, now)}
        calls = [begun.get(c.call.key, c) for c in calls]
        case = _promising(decision.case, begun.values(), now)
        case = _without_ended(case, calls)
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
            adoptive_limit=self._limits.adoptive_per_hour if decision.adoptive and decision.command else None,
            moved=decision.command is not None,
        )
        outcome = self._store.commit(commit)
        if outcome is Committed.OVER_BUDGET:
            raise _OverBudget
        if outcome is Committed.FENCED:
            raise Fenced
        self._tell(work, decision, policy)
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
        after, look = _promising_ids(case, batch.learned, done), next_look
        if batch.learned:
            after, look = self._decider.learn(policy, after, batch.learned, facts, done)
        after = _without_ended(after, batch.calls)
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
            calls=self._outbox.given_up(work.calls, decision.given_up),
        )
        if self._store.commit(commit) is not Committed.DONE:
            raise Fenced
        return commit.due_at

    def _tell(self, work: Work, decision: Decision, policy: Policy) -> None:
        command = decision.command or decision.observed
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
            given_up={operation: end.value for operation, end in decision.given_up.items()},
        )


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((at for at in moments if at is not None), default=None)


def _promising(case: Case, begun: Iterable[StoredCall], now: datetime) -> Case:
    for stored in begun:
        case = promised(case, stored.call.operation, stored.call.expect, stored.call.note is not None, now)
    return case


def _promising_ids(case: Case, learned: Sequence[Event], now: datetime) -> Case:
    """Remember the ids that names became, because echoes speak in ids."""
    for event in learned:
        operation = event.id.removeprefix("wrote:").rpartition("/")[0]
        case = promised(case, operation, {c.field: c.after for c in event.changes}, note=False, now=now)
    return case


def _without_ended(case: Case, calls: Sequence[StoredCall]) -> Case:
    """Forget pending moves none of whose calls is open any more."""
    open_now = {c.call.operation for c in calls if not c.state.ended}
    return replace(case, pending=tuple(p for p in case.pending if p.operation in open_now))
