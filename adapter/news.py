"""What a look tells the log: what was decided, and what it took. Never a text of the ticket's."""

from __future__ import annotations

from adapter.erasure import unquoted
from adapter.journal import Journal
from policies.case import Case, Decision
from policies.holds import SIBLINGS
from policies.policy import Policy


def tell_decided(journal: Journal, before: Case, decision: Decision, policy: Policy, calls: int) -> None:
    """Tell of a decision that was stored; `calls` are the requests to the vendor that it took."""
    command = decision.command or decision.observed
    known = {(hold.rule, hold.level) for hold in before.held}
    held = [h for h in decision.case.held if (h.rule, h.level) not in known and h.reason != SIBLINGS]
    journal.tell(
        "ticket.decided",
        ticket=str(decision.case.ref),
        key=decision.case.ticket.key,
        level=decision.case.level,
        level_name=policy.level(decision.case.level).name,
        moved=command is not None,
        rule=decision.fired[0] if command is not None and decision.fired else None,
        observed=decision.observed is not None,
        why=_without_quotes(decision.why),
        events=[event.id for event in decision.events],
        next_look=decision.next_look,
        held=[f"{hold.rule}: {_without_quotes(hold.reason)}" for hold in held],
        told=[notice.occasion.value for notice in decision.notices],
        warnings=[_without_quotes(warning) for warning in decision.warnings],
        given_up={operation: end.value for operation, end in decision.given_up.items()},
        calls=calls,
    )


def _without_quotes(sentence: str) -> str:
    """A log outlives what is erased: what somebody wrote stands in the tables only."""
    return unquoted(sentence, "…")
