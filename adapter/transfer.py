"""Moving escalated tickets to another revision of the policy: first what would come of it, then one by one.

Nothing is decided here for good. A ticket is made due under the new revision, and its next look makes at most one move.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from adapter.facts import FactFinder
from adapter.records import Commit, Committed, Store, Work
from policies.case import Case, Decision, Needs
from policies.commands import Mode
from policies.decide import decide
from policies.model import TicketRef
from policies.policy import Policy
from policies.shielding import whoever_reads

_ATTEMPTS = 20
"""How often a ticket is tried that a worker is just looking at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a ticket that keeps to another revision would come to. `problem`: why it has to stay with its own.

    `forgotten`: the policy does not apply to it.
    """

    ref: TicketRef
    key: str
    level: int
    says: str
    next_look: datetime | None = None
    problem: str = ""
    forgotten: bool = False


def outlooks(
    store: Store, finder: FactFinder, modes: Mapping[str, Mode], policy: Policy, now: datetime
) -> Iterator[Outlook]:
    """Yield what each escalated ticket would do at once under a policy, if it keeps to another. Changes nothing.

    `modes`: each site's (`vendor/site`). Every ticket is looked at for itself, so a budget may hold some of them.
    """
    for ref, revision in store.escalated():
        work = store.open(ref, now)
        if revision != policy.revision and work.case is not None:
            mode = modes.get(f"{ref.vendor}/{ref.site}")
            yield _outlook(work, work.case, finder, mode, policy, now)


def transfer(store: Store, refs: Iterable[TicketRef], policy: Policy, now: datetime) -> tuple[TicketRef, ...]:
    """Make tickets keep to an activated policy from now on; return those that could not be moved."""
    return tuple(ref for ref in refs if not _transferred(store, ref, policy, now))


def _transferred(store: Store, ref: TicketRef, policy: Policy, now: datetime) -> bool:
    for _ in range(_ATTEMPTS):
        work = store.open(ref, now)
        case = work.case
        if case is None or case.level > policy.top:
            return False
        if case.level == 1:  # it came down meanwhile: it goes by the active policy in any case
            return True
        moved = replace(case, pinned=policy.revision)
        commit = Commit(ref=ref, revision=work.revision, marks=work.marks, now=now, due_at=now, case=moved)
        if store.commit(commit) is Committed.DONE:
            return True
    return False


def _outlook(work: Work, case: Case, finder: FactFinder, mode: Mode | None, policy: Policy, now: datetime) -> Outlook:
    outlook = Outlook(ref=work.ref, key=case.ticket.key or work.ref.id, level=case.level, says="")
    if mode is None:
        return replace(outlook, problem="its site is not in the settings any more")
    if case.level > policy.top:
        return replace(outlook, problem=f"the new policy has no level {case.level}; its highest is {policy.top}")
    facts = whoever_reads(finder.facts(work, policy, mode, now))
    found = decide(policy, replace(case, pinned=policy.revision), (), facts, now)
    if isinstance(found, Needs):
        return replace(outlook, says=f"depends on what the vendor says ({', '.join(sorted(found.fields))})")
    if found.case.outside:
        return replace(outlook, says="is forgotten: the new policy does not apply to it", forgotten=True)
    return replace(outlook, says=_words(found, policy), next_look=found.next_look)


def _words(found: Decision, policy: Policy) -> str:
    command = found.command or found.observed
    if command is None:
        told = "; ".join(f"tells {', '.join(map(str, n.to))} ({n.occasion.value})" for n in found.notices)
        return "; ".join(filter(None, (told, found.why)))
    way = "goes up" if command.level > command.level_before else "comes down"
    only = "" if found.command else " (only observed)"
    return f"{way} to level {command.level} · {policy.level(command.level).name} at once{only}: {found.why}"
