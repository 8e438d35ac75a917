"""What a case remembers of its own writes: values whose echoes are to come, and moves that are still on their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from adapter.records import StoredCall
from policies.case import Case
from policies.echoes import promised
from policies.model import Event


def promising(case: Case, begun: Iterable[StoredCall], now: datetime) -> Case:
    """Remember what calls that are about to be sent will write, so that their echoes are known as ours."""
    for stored in begun:
        case = promised(case, stored.call.operation, stored.call.expect, "note" in stored.call.parts, now)
    return case


def promising_ids(case: Case, learned: Sequence[Event], now: datetime) -> Case:
    """Remember the ids that names became, because echoes speak in ids."""
    for event in learned:
        operation = event.id.removeprefix("wrote:").rpartition("/")[0]
        case = promised(case, operation, {c.field: c.after for c in event.changes}, note=False, now=now)
    return case


def without_ended(case: Case, calls: Sequence[StoredCall]) -> Case:
    """Forget pending moves none of whose calls is open any more."""
    open_now = {c.call.operation for c in calls if not c.state.ended}
    return replace(case, pending=tuple(p for p in case.pending if p.operation in open_now))
